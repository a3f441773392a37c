-- The weekly roll-up: one row a node and column with everything that the call about it needs; the report is one column of it.

CREATE FUNCTION salesops.forecast_submission_lines(
  period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL, tree_at timestamptz DEFAULT NULL,
  moves salesops.reporting_line[] DEFAULT NULL,
  OUT category salesops.forecast_category,
  OUT source_key text, OUT rep_id text, OUT rep text, OUT team text, OUT manager_id text, OUT level integer, OUT path text[],
  OUT closed numeric, OUT open_pipeline numeric, OUT owner_only_amount numeric, OUT amount_without_adjustments numeric,
  OUT amount_without_owner_adjustment numeric, OUT amount_without_manager_adjustment numeric, OUT forecast_amount numeric,
  OUT owner_adjustment numeric, OUT owner_reason text, OUT owner_prior_change numeric,
  OUT manager_adjustment numeric, OUT manager_reason text, OUT manager_prior_change numeric,
  OUT called_below numeric, OUT call numeric, OUT call_note text, OUT submitted_by text, OUT submitted_at timestamptz, OUT is_late boolean,
  OUT previous_call numeric, OUT call_change numeric, OUT is_missing boolean, OUT because text,
  OUT quota numeric, OUT gap_after_call numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH deadline AS MATERIALIZED (
    SELECT d.cut_off FROM salesops.submission_deadline(forecast_submission_lines.period, forecast_submission_lines.as_of) d
  ), amounts AS MATERIALIZED (
    SELECT a.* FROM salesops.forecast_amounts(forecast_submission_lines.period, forecast_submission_lines.as_of,
                                              forecast_submission_lines.known_at, forecast_submission_lines.tree_at,
                                              forecast_submission_lines.moves) a
  ), call AS MATERIALIZED (
    SELECT c.* FROM salesops.forecast_calls(forecast_submission_lines.period, forecast_submission_lines.as_of,
                                            forecast_submission_lines.known_at) c
  ), this_week AS (
    SELECT c.* FROM call c JOIN deadline d ON d.cut_off = c.cut_off
  ), called AS MATERIALIZED (
    -- What forecast_called() has, of the amounts that are here already.
    SELECT r.source_key, r.rep_id, r.category, r.rolled_up
    FROM salesops.override_roll_up(
      (SELECT array_agg(ROW(a.source_key, a.path, a.category, a.amount_without_adjustments, c.amount)::salesops.forecast_override)
       FROM amounts a LEFT JOIN this_week c ON c.source_key = a.source_key AND c.rep_id = a.rep_id AND c.category = a.category
       WHERE a.path IS NOT NULL)) r
  ), before AS (
    -- Of who has not called this week too.
    SELECT c.source_key, c.rep_id, salesops.min(c.category) AS category, (array_agg(c.amount ORDER BY c.cut_off DESC))[1] AS amount
    FROM call c JOIN deadline d ON c.cut_off < d.cut_off
    GROUP BY c.source_key, c.rep_id, c.category::smallint
  ), adjustment AS MATERIALIZED (
    SELECT a.* FROM salesops.standing_adjustments(forecast_submission_lines.period, forecast_submission_lines.as_of,
                                                  forecast_submission_lines.known_at) a
  ), expected AS MATERIALIZED (
    SELECT e.* FROM salesops.expected_submitters(forecast_submission_lines.period, forecast_submission_lines.as_of,
                                                 forecast_submission_lines.known_at) e
  ), stated AS MATERIALIZED (
    SELECT q.source_key, q.owner_id, q.quota, q.is_team_quota
    FROM salesops.owner_quota(forecast_submission_lines.as_of, forecast_submission_lines.known_at) q
    WHERE q.period = forecast_submission_lines.period
  ), quota_below AS (
    -- One quota that cannot be converted makes the sum unknown.
    SELECT n.source_key, u.id, CASE WHEN bool_and(q.quota IS NOT NULL) THEN sum(q.quota) END AS quota
    FROM (SELECT DISTINCT a.source_key, a.rep_id, a.path FROM amounts a) n
    JOIN stated q ON q.source_key = n.source_key AND q.owner_id = n.rep_id AND NOT q.is_team_quota
    CROSS JOIN LATERAL unnest(n.path) AS u(id)
    GROUP BY n.source_key, u.id
  ), other AS (
    SELECT a.source_key, coalesce('=' || a.rep_id, '') AS node,
           max(a.amount_without_adjustments) FILTER (WHERE a.category = 'Closed'::salesops.forecast_category) AS closed,
           max(a.amount_without_adjustments) FILTER (WHERE a.category = 'Pipeline'::salesops.forecast_category) AS open_pipeline
    FROM amounts a GROUP BY a.source_key, coalesce('=' || a.rep_id, '')
  )
  SELECT n.category, n.source_key, n.rep_id,
         CASE WHEN n.rep_id IS NULL THEN '(none)' WHEN r.id IS NULL THEN '(unknown owner)' ELSE coalesce(r.name, r.id) END, r.team,
         n.manager_id, n.level, n.path, x.closed, x.open_pipeline,
         n.owner_only_amount, n.amount_without_adjustments, n.amount_without_owner_adjustment, n.amount_without_manager_adjustment,
         n.forecast_amount,
         o.amount, o.reason, n.amount_without_owner_adjustment - o.prior_amount,
         m.amount, m.reason, n.amount_without_manager_adjustment - m.prior_amount,
         CASE WHEN n.path IS NULL THEN n.amount_without_adjustments ELSE b.rolled_up END, c.amount, c.note, c.submitted_by, c.submitted_at, c.is_late,
         p.amount, c.amount - p.amount, e.rep_id IS NOT NULL AND c.rep_id IS NULL, e.because,
         t.quota, t.quota - coalesce(c.amount, n.forecast_amount)
  FROM amounts n
  JOIN other x ON x.source_key = n.source_key AND x.node = coalesce('=' || n.rep_id, '')
  LEFT JOIN salesops.rep_as_of(forecast_submission_lines.as_of, forecast_submission_lines.known_at) r
    ON r.source_key = n.source_key AND r.id = n.rep_id
  LEFT JOIN called b ON b.source_key = n.source_key AND b.rep_id = n.rep_id AND b.category = n.category
  LEFT JOIN this_week c ON c.source_key = n.source_key AND c.rep_id = n.rep_id AND c.category = n.category
  LEFT JOIN before p ON p.source_key = n.source_key AND p.rep_id = n.rep_id AND p.category = n.category
  LEFT JOIN adjustment o ON o.source_key = n.source_key AND o.rep_id = n.rep_id AND o.category = n.category AND o.adjusted_by = n.rep_id
  LEFT JOIN adjustment m ON m.source_key = n.source_key AND m.rep_id = n.rep_id AND m.category = n.category AND m.adjusted_by = n.manager_id
  LEFT JOIN expected e ON e.source_key = n.source_key AND e.rep_id = n.rep_id
  LEFT JOIN stated s ON s.source_key = n.source_key AND s.owner_id = n.rep_id
  LEFT JOIN quota_below w ON w.source_key = n.source_key AND w.id = n.rep_id
  CROSS JOIN LATERAL (SELECT CASE WHEN s.owner_id IS NOT NULL THEN s.quota ELSE w.quota END AS quota) t
  JOIN salesops.forecast_columns() k ON k.category = n.category AND k.is_callable
  -- Whoever has nothing to do with the quarter is left out.
  WHERE e.rep_id IS NOT NULL OR coalesce(x.closed, 1) <> 0 OR coalesce(x.open_pipeline, 1) <> 0
        OR c.rep_id IS NOT NULL OR o.rep_id IS NOT NULL OR m.rep_id IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.forecast_submission_lines(salesops.fiscal_period, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'forecast_submission_report() of all columns that are called at once, a row a node and column';

CREATE FUNCTION salesops.forecast_submission_report(
  period salesops.fiscal_period, as_of timestamptz, category salesops.forecast_category DEFAULT 'Commit',
  known_at timestamptz DEFAULT NULL, tree_at timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
  OUT source_key text, OUT rep_id text, OUT rep text, OUT team text, OUT manager_id text, OUT level integer, OUT path text[],
  OUT closed numeric, OUT open_pipeline numeric, OUT owner_only_amount numeric, OUT amount_without_adjustments numeric,
  OUT amount_without_owner_adjustment numeric, OUT amount_without_manager_adjustment numeric, OUT forecast_amount numeric,
  OUT owner_adjustment numeric, OUT owner_reason text, OUT owner_prior_change numeric,
  OUT manager_adjustment numeric, OUT manager_reason text, OUT manager_prior_change numeric,
  OUT called_below numeric, OUT call numeric, OUT call_note text, OUT submitted_by text, OUT submitted_at timestamptz, OUT is_late boolean,
  OUT previous_call numeric, OUT call_change numeric, OUT is_missing boolean, OUT because text,
  OUT quota numeric, OUT gap_after_call numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.check_callable(forecast_submission_report.category);
  SELECT l.source_key, l.rep_id, l.rep, l.team, l.manager_id, l.level, l.path, l.closed, l.open_pipeline, l.owner_only_amount,
         l.amount_without_adjustments, l.amount_without_owner_adjustment, l.amount_without_manager_adjustment, l.forecast_amount,
         l.owner_adjustment, l.owner_reason, l.owner_prior_change, l.manager_adjustment, l.manager_reason, l.manager_prior_change,
         l.called_below, l.call, l.call_note, l.submitted_by, l.submitted_at, l.is_late, l.previous_call, l.call_change,
         l.is_missing, l.because, l.quota, l.gap_after_call
  FROM salesops.forecast_submission_lines(forecast_submission_report.period, forecast_submission_report.as_of, forecast_submission_report.known_at,
                                          forecast_submission_report.tree_at, forecast_submission_report.moves) l
  WHERE l.category = forecast_submission_report.category
  ORDER BY l.source_key, l.path;
END;
COMMENT ON FUNCTION salesops.forecast_submission_report(salesops.fiscal_period, timestamptz, salesops.forecast_category, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The weekly roll-up of a column of a fiscal quarter''s forecast, one row a node from the top down: Closed and open pipeline, the five '
  'amounts of forecast_amounts(), the adjustments that count with their reasons and by how much the figure under them has moved since, '
  'the calls below rolled up (called_below), this week''s call with the one before and the change, whether a call is missing and '
  'because of what it is expected, quota (as stated for the rep, else the sum of those below) and gap_after_call = quota - call, or '
  '- forecast_amount where nobody has called. Arguments and hierarchy as of forecast_nodes(); 22023 unless the period is a quarter '
  'and the column one that is called';
