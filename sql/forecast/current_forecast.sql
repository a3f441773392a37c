-- The current forecast, kept: what each deal and each owner brings, as of the last sync.
--
-- refresh_current_forecast() computes all of it, each night. After a sync during the day update_current_forecast() computes the
-- changed deals only, and adds up their owners again, of today and of before; every scope is then a sum over its owners. All
-- instants of a day ask the model the same (forecast_horizon()), so a deal that nobody touched brings what it brought in the morning,
-- and the stored forecast is, to the byte, what a refresh would make. Where that does not hold (a new day, another model, other
-- settings, weights, maps, rates, prices or reps) it refreshes.

CREATE FUNCTION salesops.refresh_current_forecast(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  written bigint;
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  LOCK TABLE salesops.current_forecast IN SHARE ROW EXCLUSIVE MODE;
  DELETE FROM salesops.current_forecast;
  DELETE FROM salesops.current_owner_forecast;
  DELETE FROM salesops.current_deal_forecast;

  INSERT INTO salesops.current_deal_forecast
  SELECT * FROM salesops.deal_forecasts(as_of);
  GET DIAGNOSTICS written = ROW_COUNT;
  INSERT INTO salesops.current_owner_forecast
  SELECT o.source_key, o.owner_id, b.*
  FROM (SELECT d.source_key, d.owner_id, array_agg(d) AS deals FROM salesops.current_deal_forecast d GROUP BY d.source_key, d.owner_id) o
  CROSS JOIN LATERAL salesops.owner_book(o.deals, salesops.forecast_correlation(as_of)) b;
  INSERT INTO salesops.current_forecast (as_of, known_at, period, model_id, corporate_currency, fiscal_year_start_month, time_zone, weights, meanings)
  SELECT as_of, as_of, salesops.period_after(as_of), (SELECT m.model_id FROM salesops.current_win_model(as_of) m),
         salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month(), salesops.time_zone(), salesops.published_weights(as_of), salesops.meaning_digest(as_of);
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.refresh_current_forecast(timestamptz) IS
  'Compute the current forecast as of an instant, as known then, and keep it in current_deal_forecast and current_owner_forecast; returns '
  'the deals written. 22023 for an instant that is none or in the future';

-- What became known or true after one instant and by another, and matters to some deals only: a state that was recorded, from when on
-- it holds, the instant of an activity that was known before. An activity that is another one's now matters to the deal that it left.
CREATE FUNCTION salesops.changed_deals(from_instant timestamptz, to_instant timestamptz)
RETURNS salesops.deal_key[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH activity AS MATERIALIZED (
    SELECT a.source_key, a.id, a.opportunity_id, a.recorded_at > changed_deals.from_instant AS is_recorded
    FROM (SELECT p.source_key, p.id, p.opportunity_id, p.happened_at, p.recorded_at FROM salesops.activity p
          UNION ALL
          SELECT h.source_key, h.id, h.opportunity_id, h.happened_at, h.recorded_at FROM salesops.activity_history h) a
    WHERE a.recorded_at <= changed_deals.to_instant
      AND (a.recorded_at > changed_deals.from_instant
           OR a.happened_at > changed_deals.from_instant AND a.happened_at <= changed_deals.to_instant)
  ), account AS MATERIALIZED (
    SELECT a.source_key, a.id
    FROM (SELECT p.source_key, p.id, p.effective_at, p.recorded_at FROM salesops.account p
          UNION ALL
          SELECT h.source_key, h.id, h.effective_at, h.recorded_at FROM salesops.account_history h) a
    WHERE a.recorded_at <= changed_deals.to_instant
      AND (a.recorded_at > changed_deals.from_instant
           OR a.effective_at > changed_deals.from_instant AND a.effective_at <= changed_deals.to_instant)
  )
  SELECT array_agg(ROW(c.source_key, c.id)::salesops.deal_key ORDER BY c.source_key, c.id)
  FROM (SELECT o.source_key, o.id FROM salesops.opportunity_version o
        WHERE o.recorded_at <= changed_deals.to_instant
          AND (o.recorded_at > changed_deals.from_instant
               OR o.effective_at > changed_deals.from_instant AND o.effective_at <= changed_deals.to_instant
               OR o.created_at > changed_deals.from_instant AND o.created_at <= changed_deals.to_instant
               OR o.last_activity_at > changed_deals.from_instant AND o.last_activity_at <= changed_deals.to_instant)
        UNION
        SELECT a.source_key, a.opportunity_id FROM activity a WHERE a.opportunity_id IS NOT NULL
        UNION
        SELECT h.source_key, h.opportunity_id
        FROM activity a JOIN salesops.activity_history h ON h.source_key = a.source_key AND h.id = a.id
        WHERE a.is_recorded AND h.opportunity_id IS NOT NULL
        UNION
        SELECT o.source_key, o.id
        FROM account a JOIN salesops.opportunity_version o ON o.source_key = a.source_key AND o.account_id = a.id) c;
END;
COMMENT ON FUNCTION salesops.changed_deals(timestamptz, timestamptz) IS
  'Deals of which, or of whose account or activities, something became known or true after one instant and not after another; NULL = none';

CREATE FUNCTION salesops.is_current_basis(as_of timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM salesops.current_forecast c
    WHERE c.as_of <= is_current_basis.as_of AND salesops.is_current_forecast(c.as_of, c.known_at)
      AND salesops.day_ahead(c.as_of) = salesops.day_ahead(is_current_basis.as_of)
      AND salesops.local_date(c.as_of) = salesops.local_date(is_current_basis.as_of)
      AND coalesce(c.model_id, 0) = coalesce((SELECT m.model_id FROM salesops.current_win_model(is_current_basis.as_of) m), 0)
      AND c.weights = salesops.published_weights(is_current_basis.as_of)
      AND c.meanings = salesops.meaning_digest(is_current_basis.as_of)
      -- What every deal may depend on.
      AND NOT EXISTS (SELECT FROM (SELECT p.effective_at, p.recorded_at FROM salesops.rep p
                                   UNION ALL SELECT h.effective_at, h.recorded_at FROM salesops.rep_history h) r
                      WHERE r.recorded_at <= is_current_basis.as_of
                        AND (r.recorded_at > c.as_of OR r.effective_at > c.as_of AND r.effective_at <= is_current_basis.as_of))
      -- Rates are those known today.
      AND NOT EXISTS (SELECT FROM salesops.currency_rate r WHERE r.recorded_at > c.as_of));
END;
COMMENT ON FUNCTION salesops.is_current_basis(timestamptz) IS
  'Whether the stored current forecast can be brought to an instant from the changed deals alone: same day, model, settings, weights and maps, '
  'and no rep or rate has changed';

CREATE FUNCTION salesops.update_current_forecast(as_of timestamptz, deals salesops.deal_key[] DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
-- The deals must be known when the plan is made: it then looks these up and reads nothing else.
SET search_path = pg_catalog, pg_temp SET jit = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  correlation CONSTANT float8 := salesops.forecast_correlation(as_of);
  changed salesops.deal_key[] := deals;
  before record;
  after record;
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  LOCK TABLE salesops.current_forecast IN SHARE ROW EXCLUSIVE MODE;
  IF NOT salesops.is_current_basis(as_of) THEN
    RETURN salesops.refresh_current_forecast(as_of);
  END IF;
  IF changed IS NULL THEN
    changed := coalesce(salesops.changed_deals((SELECT c.as_of FROM salesops.current_forecast c), as_of), '{}');
  END IF;

  WITH gone AS (
    DELETE FROM salesops.current_deal_forecast f USING unnest(changed) k
    WHERE f.source_key = k.source_key AND f.id = k.id
    RETURNING f.source_key, f.owner_id
  )
  SELECT array_agg(g.source_key) AS sources, array_agg(g.owner_id) AS owners INTO before FROM gone g;
  WITH come AS (
    INSERT INTO salesops.current_deal_forecast SELECT * FROM salesops.deal_forecasts(as_of, as_of, changed)
    RETURNING source_key, owner_id
  )
  SELECT array_agg(c.source_key) AS sources, array_agg(c.owner_id) AS owners INTO after FROM come c;

  -- The owners from whom deals went and to whom they came.
  WITH touched AS (
    SELECT DISTINCT t.source_key, t.owner_id FROM unnest(before.sources || after.sources, before.owners || after.owners) AS t(source_key, owner_id)
  ), gone AS (
    DELETE FROM salesops.current_owner_forecast o USING touched t
    WHERE o.source_key = t.source_key AND (o.owner_id = t.owner_id OR o.owner_id IS NULL AND t.owner_id IS NULL)
  )
  SELECT array_agg(t.source_key) AS sources, array_agg(t.owner_id) AS owners INTO after FROM touched t;
  INSERT INTO salesops.current_owner_forecast
  SELECT t.source_key, t.owner_id, b.*
  FROM unnest(after.sources, after.owners) AS t(source_key, owner_id)
  CROSS JOIN LATERAL (
    SELECT array_agg(d.deal) AS deals
    FROM (SELECT f AS deal FROM salesops.current_deal_forecast f WHERE f.source_key = t.source_key AND f.owner_id = t.owner_id
          UNION ALL
          SELECT f FROM salesops.current_deal_forecast f WHERE f.source_key = t.source_key AND f.owner_id IS NULL AND t.owner_id IS NULL) d) d
  CROSS JOIN LATERAL salesops.owner_book(d.deals, correlation) b
  WHERE d.deals IS NOT NULL;

  UPDATE salesops.current_forecast c SET as_of = update_current_forecast.as_of, known_at = update_current_forecast.as_of;
  RETURN cardinality(changed);
END $$;
COMMENT ON FUNCTION salesops.update_current_forecast(timestamptz, salesops.deal_key[]) IS
  'Bring the stored current forecast to a later instant of the same day from the deals that have changed (NULL = changed_deals() since), '
  'and from nothing else: whoever names deals names all of them; where is_current_basis() does not hold it is refreshed. Returns the deals computed';

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
  'What step forecast does: fit_forecast(as_of) if a model is due and changes no forecast that was made, then update_current_forecast(as_of), which computes everything anew '
  'on a new day or with a new model; returns the deals computed';
