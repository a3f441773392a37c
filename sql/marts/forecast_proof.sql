-- The marts of the forecast that can prove itself: how wide it is, how far off it was, and which deals threaten it. Without a
-- model or a backtest they are valid and say less.

CREATE FUNCTION salesops.scope_kind_sort(scope_kind text)
RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_position(ARRAY['company', 'region', 'team', 'owner'], scope_kind)::smallint;
COMMENT ON FUNCTION salesops.scope_kind_sort(text) IS 'Sorts kinds of scope from the whole to its parts: 1 company, 2 region, 3 team, 4 owner';

CREATE FUNCTION salesops.mart_forecast_range(
  OUT forecast_range_key text, OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT period_start date, OUT period_end date, OUT week_label text,
  OUT scope_kind text, OUT scope_kind_sort smallint, OUT scope text, OUT scope_label text, OUT scope_level integer,
  OUT won_deals bigint, OUT open_deals bigint, OUT unknown_deals bigint,
  OUT actuals numeric, OUT existing_pipeline numeric, OUT new_business numeric, OUT expected numeric,
  OUT p10 numeric, OUT p50 numeric, OUT p90 numeric, OUT quota numeric, OUT probability_at_least_quota numeric,
  OUT plan numeric, OUT probability_at_least_plan numeric, OUT published_forecast numeric, OUT forecast_method text, OUT naive_forecast numeric, OUT category_weights numeric,
  OUT noise_floor numeric, OUT backtested_error numeric, OUT backtested_bias numeric, OUT reason text, OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(q.label, f.scope)::text, q.label, q.sort, q.fiscal_year, q.fiscal_quarter, q.start_date, q.end_date, f.week_label,
         f.scope_kind, salesops.scope_kind_sort(f.scope_kind), f.scope, salesops.mart_label(f.label), f.level,
         f.won_deals, f.open_deals, f.unknown_deals, f.actual, f.existing, f.new_business, f.expected,
         f.p10::numeric, f.p50::numeric, f.p90::numeric, f.quota, f.probability_at_least_quota::numeric,
         n.amount, salesops.probability_at_least(f.total, n.amount)::numeric, f.published, salesops.mart_label(f.forecast_method), f.naive, f.weighted, f.noise_floor::numeric, f.backtested_error, f.backtested_bias,
         salesops.mart_label(f.reason),
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.scope_forecasts(p.as_of, p.as_of) f
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.forecast_plans(p.as_of) x) n ON n.scope = f.scope AND n.period = f.period
  CROSS JOIN LATERAL salesops.period_labels(f.period, p.start_month) q;
END;
COMMENT ON FUNCTION salesops.mart_forecast_range() IS 'Rows of mart forecast_range; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_forecast_accuracy(
  OUT forecast_accuracy_key text, OUT method text, OUT months_to_go numeric, OUT scope_kind text, OUT scope_kind_sort smallint, OUT forecasts bigint, OUT quarters bigint,
  OUT error numeric, OUT meets_target boolean, OUT is_alarm boolean, OUT naive_error numeric, OUT relative_to_naive numeric, OUT noise_floor numeric, OUT bias numeric, OUT pinball numeric,
  OUT coverage numeric, OUT coverage_low numeric, OUT coverage_high numeric, OUT deals bigint, OUT wins bigint, OUT log_loss numeric, OUT brier numeric,
  OUT first_fiscal_period text, OUT last_fiscal_period text, OUT backtest_date date, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(s.method, s.months_to_go, s.scope_kind)::text, s.method, s.months_to_go, s.scope_kind,
         salesops.scope_kind_sort(s.scope_kind), s.forecasts, s.quarters, s.wmape, s.meets_target, s.is_alarm, s.wmape_naive, s.relative_to_naive, s.noise_floor, s.bias, s.pinball,
         s.coverage::numeric, s.coverage_low::numeric, s.coverage_high::numeric, s.deals, s.wins, s.log_loss::numeric, s.brier::numeric,
         r.from_period::text, r.to_period::text, salesops.local_date(r.as_of), p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.comparable_backtest(p.as_of) r
  JOIN salesops.backtest_score s ON s.run_id = r.run_id;
END;
COMMENT ON FUNCTION salesops.mart_forecast_accuracy() IS 'Rows of mart forecast_accuracy, of comparable_backtest(); columns as of mart_columns()';

CREATE FUNCTION salesops.mart_forecast_calibration(
  OUT forecast_calibration_key text, OUT method text, OUT months_to_go numeric, OUT probability_low numeric, OUT probability_high numeric,
  OUT deals bigint, OUT wins bigint, OUT mean_probability numeric, OUT share_won numeric, OUT share_low numeric, OUT share_high numeric,
  OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(c.method, c.months_to_go, c.low)::text, c.method, c.months_to_go, c.low::numeric, c.high::numeric, c.deals, c.wins,
         c.mean_probability::numeric, c.share_won::numeric, c.share_low::numeric, c.share_high::numeric, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.comparable_backtest(p.as_of) r
  JOIN salesops.backtest_calibration c ON c.run_id = r.run_id;
END;
COMMENT ON FUNCTION salesops.mart_forecast_calibration() IS 'Rows of mart forecast_calibration, of comparable_backtest(); columns as of mart_columns()';

CREATE FUNCTION salesops.mart_deal_risk(
  OUT deal_risk_key text, OUT source_key text, OUT opportunity_id text, OUT flag text, OUT reason text, OUT value numeric, OUT bound numeric, OUT unit text,
  OUT learned_from_segment text, OUT learned_from_deals bigint,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT category text, OUT category_sort smallint, OUT close_date date, OUT fiscal_period text, OUT fiscal_period_sort integer,
  OUT amount numeric, OUT money_at_risk numeric, OUT counted_money_at_risk numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(d.source_key, d.id, d.flag)::text, d.source_key, d.id, d.flag, d.reason, d.value, d.bound, d.unit,
         salesops.mart_label(d.segment), d.deals,
         salesops.mart_label(d.owner_id), CASE WHEN d.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         coalesce(d.category::text, '(none)'), coalesce(d.category::smallint, 0::smallint), d.close_date, q.label, q.sort,
         d.corporate_amount, d.money_at_risk,
         CASE WHEN row_number() OVER (PARTITION BY d.source_key, d.id ORDER BY d.flag) = 1 THEN d.money_at_risk ELSE d.money_at_risk * 0 END,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.deal_risk(p.as_of, p.as_of) d
  CROSS JOIN LATERAL salesops.period_labels(d.close_quarter, p.start_month) q
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = d.source_key AND w.owner_id = d.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_deal_risk() IS 'Rows of mart deal_risk; columns as of mart_columns()';
