-- forecast_step.sql: the forecast kept up to date, by the night and by every sync, and once a quarter held against what came.

CREATE FUNCTION salesops.step_forecast(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  computed bigint := salesops.keep_forecast(as_of);
BEGIN
  PERFORM salesops.check_forecast_alerts(as_of), salesops.keep_risk(as_of);
  -- It takes the deals of three instants, for a mart: a job that publishes none does without.
  IF EXISTS (SELECT FROM salesops.run_log r CROSS JOIN LATERAL salesops.job_steps(r.job) s
             WHERE r.run_id = step_forecast.run_id AND s.step = 'refresh') THEN
    PERFORM salesops.keep_changes(as_of);
  END IF;
  RETURN computed;
END $$;
COMMENT ON FUNCTION salesops.step_forecast(bigint, timestamptz) IS
  'Step forecast: keep_forecast(as_of), then check_forecast_alerts(as_of) and keep_risk(as_of), and keep_changes(as_of) in a job that refreshes the marts';

-- A step of its own: that it takes its time, or fails, is no harm to the forecast.
CREATE FUNCTION salesops.step_backtest(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due record;
  backtest_id bigint;
BEGIN
  SELECT * INTO due FROM salesops.due_backtest(as_of);
  IF due.is_done THEN
    RETURN 0;
  END IF;
  IF due.reason IS NULL THEN
    BEGIN
      backtest_id := salesops.backtest(ARRAY(SELECT m.method FROM salesops.backtest_methods() m), due.from_period, due.to_period, as_of);
    EXCEPTION WHEN invalid_parameter_value THEN
      due.reason := SQLERRM;
    END;
  END IF;
  PERFORM salesops.remark(run_id, 'backtest', due.reason);
  PERFORM salesops.purge_backtests(salesops.get_setting('run_log_keep')::interval, as_of);
  RETURN (SELECT count(*) FROM salesops.backtest_forecast f WHERE f.run_id = backtest_id);
END $$;
COMMENT ON FUNCTION salesops.step_backtest(bigint, timestamptz) IS
  'Step backtest: backtest() of every method over the quarters of due_backtest(as_of), unless that is done, and purge_backtests() by the setting run_log_keep; a remark says where there is '
  'not enough history yet';
