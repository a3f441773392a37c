-- When a model is fitted, and the forecast kept by it.
--
-- What was forecast must stay what it was: a model changes every forecast of its instant and after, up to the next one's. So none
-- is fitted for an instant before the newest one's, nor for one that a forecast was kept for or before. That users try a past first,
-- from its beginning on, is no harm; and where a clock was ahead, correct_future() dates the models and the kept forecast anew.

CREATE FUNCTION salesops.may_fit(as_of timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT NOT EXISTS (SELECT FROM salesops.fitted_model m WHERE m.as_of > may_fit.as_of)
         AND NOT EXISTS (SELECT FROM salesops.current_forecast c WHERE c.as_of >= may_fit.as_of);
END;
COMMENT ON FUNCTION salesops.may_fit(timestamptz) IS
  'Whether a model as of an instant changes no forecast that was made: no model is of a later one, and no forecast kept for it or after';

CREATE FUNCTION salesops.check_fit(as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  newest CONSTANT timestamptz := (SELECT max(m.as_of) FROM salesops.fitted_model m);
  kept CONSTANT timestamptz := (SELECT c.as_of FROM salesops.current_forecast c);
BEGIN
  IF NOT salesops.may_fit(as_of) THEN
    RAISE EXCEPTION 'a model as of % would change forecasts that were made', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = concat_ws(' ', CASE WHEN newest IS NOT NULL THEN format('The newest model is as of %s.', newest) END,
                         CASE WHEN kept IS NOT NULL THEN format('The current forecast is as of %s.', kept) END),
      HINT = CASE WHEN greatest(newest, kept) > salesops.clock() + interval '1 day'
                  THEN 'That is in the future. If the clock was ahead, salesops.correct_future() takes that back.'
                  ELSE 'Fit for a later instant. What a model of the past would have said, salesops.backtest() tells.' END;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_fit(timestamptz) IS 'Raises 22023 unless may_fit()';

CREATE FUNCTION salesops.is_model_due(as_of timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- No model at all is due too.
  SELECT NOT EXISTS (SELECT FROM salesops.newest_win_model(is_model_due.as_of) m
                     WHERE m.period = salesops.period_after(is_model_due.as_of)
                       AND m.as_of > is_model_due.as_of - (SELECT salesops.get_setting('model_age'))::interval);
END;
COMMENT ON FUNCTION salesops.is_model_due(timestamptz) IS
  'Whether the newest model for a forecast as of an instant is of an earlier quarter, or older than the setting model_age, or there is none';

CREATE FUNCTION salesops.keep_forecast(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.is_model_due(as_of) AND salesops.may_fit(as_of) THEN
    PERFORM salesops.fit_forecast(as_of);
  END IF;
  RETURN salesops.update_current_forecast(as_of);
END $$;
COMMENT ON FUNCTION salesops.keep_forecast(timestamptz) IS
  'What step forecast does: fit_forecast(as_of) if a model is due and changes no forecast that was made, then '
  'update_current_forecast(as_of), which computes everything anew on a new day or with a new model; returns the deals computed';
