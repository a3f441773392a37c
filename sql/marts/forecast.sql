-- The forecast marts. Two grains, two marts: what is per category must not repeat on rows per owner, nor the other way
-- round, or a BI tool's sum counts a quota seven times.

CREATE FUNCTION salesops.mart_forecast(
  OUT forecast_key text, OUT source_key text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT period_start date, OUT period_end date, OUT is_current_period boolean,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT category text, OUT category_sort smallint, OUT is_open_category boolean,
  OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
  OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric, OUT weighted_amount numeric, OUT cumulative_amount numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(f.source_key, f.period, f.owner_id, c.label)::text, f.source_key,
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter, q.start_date, q.end_date,
         coalesce(f.period OPERATOR(salesops.=) p.quarter, false),
         salesops.mart_label(f.owner_id), f.owner, salesops.mart_label(f.team), salesops.mart_label(f.region),
         salesops.mart_label(f.manager), salesops.mart_label(f.manager_path),
         c.label, c.rank, c.is_open, c.deals, c.deals_without_amount, c.deals_unconvertible,
         c.amount, c.estimated_amount, c.weight, c.weighted, c.cumulative, p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.forecast_by_owner(p.as_of, p.as_of) f
  CROSS JOIN LATERAL salesops.period_labels(f.period, p.start_month) q
  CROSS JOIN LATERAL salesops.forecast_lines(f.totals, f.estimated, f.unconvertible, p.weights) c;
END;
COMMENT ON FUNCTION salesops.mart_forecast() IS
  'Rows of mart forecast; columns as of mart_columns(). Every owner and quarter has a row for each category, so that '
  'cumulative amounts add up over owners';

CREATE FUNCTION salesops.mart_forecast_attainment(
  OUT forecast_attainment_key text, OUT source_key text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT period_start date, OUT period_end date, OUT is_current_period boolean,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT closed numeric, OUT commit_total numeric, OUT most_likely_total numeric, OUT best_case_total numeric, OUT open_pipeline numeric,
  OUT weighted_commit numeric, OUT weighted_best_case numeric, OUT weighted_total numeric,
  OUT published_forecast numeric, OUT forecast_method text,
  OUT quota numeric, OUT team_quota numeric, OUT attainment numeric, OUT gap_to_quota numeric, OUT uncovered_share numeric,
  OUT required_win_rate numeric, OUT required_win_rate_label text, OUT pipeline_coverage numeric, OUT remaining_coverage numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(f.source_key, f.period, f.owner_id)::text, f.source_key,
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter, q.start_date, q.end_date,
         coalesce(f.period OPERATOR(salesops.=) p.quarter, false),
         salesops.mart_label(f.owner_id), f.owner, salesops.mart_label(f.team), salesops.mart_label(f.region),
         salesops.mart_label(f.manager), salesops.mart_label(f.manager_path),
         m.closed, m.commit_total, salesops.cumulative(f.totals, 'Most Likely'), salesops.cumulative(f.totals, 'Best Case'),
         m.open_pipeline, m.weighted_commit, m.weighted_best_case, m.weighted_total,
         m.weighted_total, 'weighted_total',
         f.quota, f.team_quota, CASE WHEN f.quota > 0 THEN m.closed / f.quota END, m.gap_to_quota, m.uncovered_share,
         m.required_win_rate, m.required_win_rate_label, m.pipeline_coverage, m.remaining_coverage,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.forecast_by_owner(p.as_of, p.as_of) f
  CROSS JOIN LATERAL salesops.period_labels(f.period, p.start_month) q
  CROSS JOIN LATERAL salesops.forecast_measures(f.totals, f.quota, p.weights) m;
END;
COMMENT ON FUNCTION salesops.mart_forecast_attainment() IS
  'Rows of mart forecast_attainment; columns as of mart_columns()';
