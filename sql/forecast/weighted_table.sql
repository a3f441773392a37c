-- The weighted table of one fiscal quarter: category by category, and in total against quota.
-- Weights are those of the setting weight_set as they held at as_of.

CREATE FUNCTION salesops.check_quarter(period salesops.fiscal_period)
RETURNS salesops.fiscal_period LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.grain(period) <> 'quarter' THEN
    RAISE EXCEPTION 'a forecast is for a fiscal quarter, not for %', period
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write a quarter such as FY2026-Q4, or NULL for deals without a close date.';
  END IF;
  RETURN period;
END $$;
COMMENT ON FUNCTION salesops.check_quarter(salesops.fiscal_period) IS
  'The period itself if it is a quarter or NULL, else error 22023';

CREATE FUNCTION salesops.published_weights(as_of timestamptz)
RETURNS numeric[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.weights(salesops.get_setting('weight_set'), as_of);
END;
COMMENT ON FUNCTION salesops.published_weights(timestamptz) IS
  'Weights of the published forecast (setting weight_set) as they hold at an instant, in rank order';

CREATE FUNCTION salesops.forecast_week(period salesops.fiscal_period, as_of timestamptz)
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN salesops.contains(period, d.day, d.start_month)
              THEN (d.day - salesops.start_date(period, d.start_month)) / 7 + 1 END
  FROM (SELECT salesops.local_date(as_of) AS day, salesops.fiscal_year_start_month() AS start_month) d;
END;
COMMENT ON FUNCTION salesops.forecast_week(salesops.fiscal_period, timestamptz) IS
  'Week of the period that an instant lies in, counted in sevens from its first day, 1 = the first; NULL outside the '
  'period';

CREATE FUNCTION salesops.forecast_total(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                        OUT unconvertible salesops.forecast_totals, OUT quota numeric)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
-- Compiling this wide plan takes seconds and saves none.
SET jit = off
BEGIN ATOMIC
  SELECT coalesce(salesops.forecast_rollup(f.totals), 'no deals'), coalesce(salesops.forecast_rollup(f.estimated), 'no deals'),
         coalesce(salesops.forecast_rollup(f.unconvertible), 'no deals'), sum(f.quota)
  FROM salesops.forecast_by_owner(forecast_total.as_of, forecast_total.known_at) f
  -- No IS NOT DISTINCT FROM: pg_upgrade could not read it back, its operator has no schema in print.
  WHERE coalesce(f.period = salesops.check_quarter(forecast_total.period), f.period IS NULL AND forecast_total.period IS NULL);
END;
COMMENT ON FUNCTION salesops.forecast_total(salesops.fiscal_period, timestamptz, timestamptz) IS
  'The whole company''s forecast of a fiscal quarter (NULL = deals without a close date) as of an instant, in corporate '
  'currency: '
  'totals, their estimated and unconvertible parts, and quota (team quotas left out; NULL = no quota)';

CREATE FUNCTION salesops.weighted_forecast_table(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                                 OUT category salesops.forecast_category, OUT category_label text,
                                                 OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
                                                 OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric,
                                                 OUT weighted numeric, OUT cumulative numeric,
                                                 OUT required_win_rate numeric, OUT required_win_rate_label text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT c.category, c.label, c.deals, c.deals_without_amount, c.deals_unconvertible, c.amount, c.estimated_amount, c.weight,
         c.weighted, c.cumulative,
         CASE WHEN c.is_open THEN salesops.required_win_rate(salesops.amount(f.totals, 'Closed'), c.amount, f.quota) END,
         CASE WHEN c.is_open THEN salesops.required_win_rate_label(salesops.amount(f.totals, 'Closed'), c.amount, f.quota) END
  FROM salesops.forecast_total(weighted_forecast_table.period, weighted_forecast_table.as_of, weighted_forecast_table.known_at) f
  CROSS JOIN LATERAL salesops.forecast_lines(f.totals, f.estimated, f.unconvertible,
                                             salesops.published_weights(weighted_forecast_table.as_of)) c
  ORDER BY c.rank DESC;
END;
COMMENT ON FUNCTION salesops.weighted_forecast_table(salesops.fiscal_period, timestamptz, timestamptz) IS
  'The weighted table of a fiscal quarter as of an instant, one row a category from Closed down: deals, amount, weight, '
  'amount x weight, '
  'cumulative amount, and the win rate that the category alone would need to make quota. Deals without a category are '
  'the last row, '
  '(none), where there are any. Corporate currency, unrounded; 22023 unless the period is a quarter or NULL (no close '
  'date)';

CREATE FUNCTION salesops.forecast_summary(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                          OUT weighted_total numeric, OUT weighted_commit numeric, OUT weighted_best_case numeric,
                                          OUT commit_total numeric, OUT closed numeric, OUT open_pipeline numeric,
                                          OUT quota numeric, OUT gap_to_quota numeric, OUT uncovered_share numeric,
                                          OUT required_win_rate numeric, OUT required_win_rate_label text,
                                          OUT pipeline_coverage numeric, OUT remaining_coverage numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT m.weighted_total, m.weighted_commit, m.weighted_best_case, m.commit_total, m.closed, m.open_pipeline, f.quota,
         m.gap_to_quota, m.uncovered_share, m.required_win_rate, m.required_win_rate_label, m.pipeline_coverage, m.remaining_coverage
  FROM salesops.forecast_total(forecast_summary.period, forecast_summary.as_of, forecast_summary.known_at) f
  CROSS JOIN LATERAL salesops.forecast_measures(f.totals, f.quota, salesops.published_weights(forecast_summary.as_of)) m;
END;
COMMENT ON FUNCTION salesops.forecast_summary(salesops.fiscal_period, timestamptz, timestamptz) IS
  'forecast_measures() of the whole company for a fiscal quarter as of an instant: one row, corporate currency, '
  'unrounded';
