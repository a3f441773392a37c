-- The named measures of a forecast, in one place, so that table, report and marts cannot disagree.
--
--   weighted_total      sum over the categories of amount x weight
--   weighted_commit     the same over Closed and Commit
--   weighted_best_case  the same over Closed, Commit, Most Likely and Best Case
--   commit_total        Closed + Commit, unweighted
--   closed              Closed
--   open_pipeline       all open categories, unweighted
--   gap_to_quota        quota - weighted_commit
--   uncovered_share     (quota - weighted_total) / quota
--   required_win_rate   (quota - closed) / open_pipeline; 0 once quota is made
--   pipeline_coverage   open_pipeline / quota
--   remaining_coverage  open_pipeline / (quota - closed)
--
-- Unknown is NULL and never 0: without a quota, everything that is held against one is NULL, and so is a sum over deals of
-- which none has an amount. Nothing is rounded.

CREATE FUNCTION salesops.required_win_rate_label(closed numeric, open_amount numeric, quota numeric)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota IS NULL THEN '(no quota)'
              WHEN quota <= closed THEN 'quota made'
              WHEN open_amount <= 0 OR salesops.required_win_rate(closed, open_amount, quota) > 1 THEN 'not reachable'
              WHEN closed IS NULL OR open_amount IS NULL THEN '(unknown)'
              ELSE to_char(100 * salesops.required_win_rate(closed, open_amount, quota), 'FM990.0') || ' %' END;
END;
COMMENT ON FUNCTION salesops.required_win_rate_label(numeric, numeric, numeric) IS
  'required_win_rate() in words: "80.0 %", quota made, not reachable (over 100 %, or nothing is open), (no quota), '
  '(unknown)';

CREATE FUNCTION salesops.forecast_measures(totals salesops.forecast_totals, quota numeric,
                                           weights numeric[] DEFAULT salesops.default_weights(),
                                           OUT weighted_total numeric, OUT weighted_commit numeric, OUT weighted_best_case numeric,
                                           OUT commit_total numeric, OUT closed numeric, OUT open_pipeline numeric,
                                           OUT gap_to_quota numeric, OUT uncovered_share numeric,
                                           OUT required_win_rate numeric, OUT required_win_rate_label text,
                                           OUT pipeline_coverage numeric, OUT remaining_coverage numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT salesops.weighted(totals, weights), salesops.weighted_commit(totals, weights), salesops.weighted_best_case(totals, weights),
         salesops.cumulative(totals, 'Commit'), t.closed, t.open_pipeline,
         salesops.gap_to_quota(totals, quota, weights), salesops.uncovered_share(totals, quota, weights),
         salesops.required_win_rate(t.closed, t.open_pipeline, quota),
         salesops.required_win_rate_label(t.closed, t.open_pipeline, quota),
         CASE WHEN quota > 0 THEN t.open_pipeline / quota END,
         CASE WHEN quota > t.closed THEN t.open_pipeline / (quota - t.closed) END
  FROM (SELECT salesops.amount(totals, 'Closed') AS closed, salesops.cumulative(totals, 'Pipeline') AS open_pipeline) t;
END;
COMMENT ON FUNCTION salesops.forecast_measures(salesops.forecast_totals, numeric, numeric[]) IS
  'The named measures of a forecast against a quota (NULL = none), one row: weighted_total, weighted_commit, '
  'weighted_best_case, '
  'commit_total, closed, open_pipeline, gap_to_quota, uncovered_share, required_win_rate with its label, '
  'pipeline_coverage (open '
  'pipeline / quota), remaining_coverage (open pipeline / (quota - closed), NULL once quota is made). Undefined is NULL';

CREATE FUNCTION salesops.forecast_lines(totals salesops.forecast_totals, estimated salesops.forecast_totals,
                                        unconvertible salesops.forecast_totals, weights numeric[],
                                        OUT category salesops.forecast_category, OUT label text, OUT rank smallint, OUT is_open boolean,
                                        OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
                                        OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric,
                                        OUT weighted numeric, OUT cumulative numeric)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT c.category, c.label, c.rank, c.is_open, salesops.deals(totals, c.category),
         salesops.deals_without_amount(totals, c.category) - salesops.deals(unconvertible, c.category),
         salesops.deals(unconvertible, c.category),
         salesops.amount(totals, c.category), salesops.amount(estimated, c.category),
         weights[c."position"], salesops.weighted_amount(totals, c.category, weights), salesops.cumulative(totals, c.category)
  FROM salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
  UNION ALL
  SELECT NULL, '(none)', 0, false, salesops.uncategorized_deals(totals),
         salesops.uncategorized_deals_without_amount(totals) - salesops.uncategorized_deals(unconvertible),
         salesops.uncategorized_deals(unconvertible),
         salesops.uncategorized_amount(totals), salesops.uncategorized_amount(estimated), NULL, NULL, NULL
  WHERE salesops.uncategorized_deals(totals) > 0;
END;
COMMENT ON FUNCTION salesops.forecast_lines(salesops.forecast_totals, salesops.forecast_totals, salesops.forecast_totals, numeric[]) IS
  'Totals as rows, one a category: deals, of those without amount and with an amount that no rate converts, amount, the '
  'part of it that is '
  'estimated, weight, amount x weight, cumulative amount. Deals without a category are a row (none), rank 0, only where '
  'there are any';
