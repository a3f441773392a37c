-- The weighted table as a page for people: every number set in text, to the cent, at the one place where it is rounded.

CREATE FUNCTION salesops.money_text(amount numeric)
RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT to_char(round(amount, 2), 'FM999,999,999,999,999,999,999,990.00');
END;
COMMENT ON FUNCTION salesops.money_text(numeric) IS
  'An amount for people: rounded to the cent, with thousands separators';

CREATE FUNCTION salesops.percent_text(share numeric)
RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT to_char(100 * share, 'FM999,999,990.0') || ' %';
END;
COMMENT ON FUNCTION salesops.percent_text(numeric) IS 'A share for people: 0.348 is 34.8 %';

CREATE FUNCTION salesops.forecast_report(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                         OUT line text, OUT deals text, OUT amount text, OUT weight text, OUT weighted text,
                                         OUT cumulative text, OUT win_rate_to_quota text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 22
BEGIN ATOMIC
  WITH total AS MATERIALIZED (
    SELECT f.* FROM salesops.forecast_total(forecast_report.period, forecast_report.as_of, forecast_report.known_at) f
  ), undated AS MATERIALIZED (
    SELECT salesops.cumulative(f.totals, 'Pipeline') AS amount,
           (SELECT sum(salesops.deals(f.totals, c.category)) FROM salesops.forecast_categories() c WHERE c.is_open) AS deals
    FROM salesops.forecast_total(NULL, forecast_report.as_of, forecast_report.known_at) f
    WHERE forecast_report.period IS NOT NULL
  ), category AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY l.rank DESC) AS "position", l.*,
           CASE WHEN l.is_open
                THEN salesops.required_win_rate_label(salesops.amount(t.totals, 'Closed'), l.amount, t.quota) END AS win_rate
    FROM total t
    CROSS JOIN LATERAL salesops.forecast_lines(t.totals, t.estimated, t.unconvertible,
                                               salesops.published_weights(forecast_report.as_of)) l
  ), summary AS MATERIALIZED (
    SELECT t.quota, m.*
    FROM total t
    CROSS JOIN LATERAL salesops.forecast_measures(t.totals, t.quota, salesops.published_weights(forecast_report.as_of)) m
  ), cell AS (
    SELECT c."position", c.label AS line, c.deals::text AS deals, salesops.money_text(c.amount) AS amount,
           to_char(100 * c.weight, 'FM990.##') AS weight, salesops.money_text(c.weighted) AS weighted,
           salesops.money_text(c.cumulative) AS cumulative, c.win_rate
    FROM category c
    UNION ALL
    SELECT 100 + l."position", l.line, NULL, l.amount, NULL, l.weighted, NULL, l.win_rate
    FROM summary s
    CROSS JOIN LATERAL (VALUES
      (1, 'Weighted total', NULL, salesops.money_text(s.weighted_total), NULL),
      (2, 'Weighted Closed + Commit', NULL, salesops.money_text(s.weighted_commit), NULL),
      (3, 'Weighted with Best Case', NULL, salesops.money_text(s.weighted_best_case), NULL),
      (4, 'Commit total', salesops.money_text(s.commit_total), NULL, NULL),
      (5, 'Open pipeline', salesops.money_text(s.open_pipeline), NULL, s.required_win_rate_label),
      (6, 'Quota', salesops.money_text(s.quota), NULL, NULL),
      (7, 'Gap to quota', NULL, salesops.money_text(s.gap_to_quota), NULL),
      (8, 'Uncovered share', NULL, salesops.percent_text(s.uncovered_share), NULL),
      (9, 'Pipeline coverage', to_char(s.pipeline_coverage, 'FM999,990.00') || ' x', NULL, NULL),
      (10, 'Remaining coverage', to_char(s.remaining_coverage, 'FM999,990.00') || ' x', NULL, NULL)
    ) AS l("position", line, amount, weighted, win_rate)
    UNION ALL
    SELECT 200 + n."position", n.line, n.deals::text, n.amount, NULL, NULL, NULL, NULL
    FROM (SELECT sum(c.deals_without_amount) AS deals_without_amount, sum(c.deals_unconvertible) AS deals_unconvertible,
                 sum(c.estimated_amount) AS estimated_amount FROM category c) t
    LEFT JOIN undated u ON true
    CROSS JOIN LATERAL (VALUES
      (1, 'Of these, estimated at list price', NULL::numeric, salesops.money_text(t.estimated_amount), t.estimated_amount <> 0),
      (2, 'Of these, without an amount', t.deals_without_amount, NULL, t.deals_without_amount > 0),
      (3, 'Of these, in a currency without a rate', t.deals_unconvertible, NULL, t.deals_unconvertible > 0),
      (4, 'Open without a close date: in no quarter', u.deals, salesops.money_text(u.amount), u.deals > 0),
      (5, 'Nothing was known then: no sync of deals by that instant', NULL, NULL,
       NOT EXISTS (SELECT FROM salesops.source_sync y
                   WHERE y.entity = 'opportunity' AND y.sqlstate IS NULL
                     AND y.as_of <= coalesce(forecast_report.known_at, forecast_report.as_of)))
    ) AS n("position", line, deals, amount, is_shown)
    WHERE n.is_shown
  )
  SELECT c.line, lpad(coalesce(c.deals, ''), max(length(c.deals)) OVER ()),
         lpad(coalesce(c.amount, ''), max(length(c.amount)) OVER ()),
         lpad(coalesce(c.weight || ' %', ''), 6), lpad(coalesce(c.weighted, ''), max(length(c.weighted)) OVER ()),
         lpad(coalesce(c.cumulative, ''), max(length(c.cumulative)) OVER ()), coalesce(c.win_rate, '')
  FROM cell c
  ORDER BY c."position";
END;
COMMENT ON FUNCTION salesops.forecast_report(salesops.fiscal_period, timestamptz, timestamptz) IS
  'weighted_forecast_table() and forecast_summary() as one page of text, numbers to the cent and set right; what is '
  'undefined is empty. Below it what the '
  'figures hold or leave out: estimates, deals without an amount or a rate, and open deals that are in no quarter; '
  'last, where no sync of deals succeeded at or before the instant, that nothing was known then';
