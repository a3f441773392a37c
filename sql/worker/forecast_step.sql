-- forecast_step.sql: the forecast kept up to date, by the night and by every sync.

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
