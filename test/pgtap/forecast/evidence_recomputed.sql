-- Evidence and risk flags of a generated CRM, computed a second time by other means: from opportunity_state() at one mark after the
-- other, from the change ledger, and by counting ranks where the modules use quantiles.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(14);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

SELECT generate_crm(3000, 25, 11, '2026-05-20 18:00+00', 0.05, 'crm') \g /dev/null
SELECT connect('crm', 'fivetran_salesforce', 'crm') \g /dev/null
SELECT sync('crm', '2026-05-20 18:00+00') \g /dev/null
ANALYZE salesops.opportunity, salesops.opportunity_history, salesops.account, salesops.activity;

-- A year of marks, written out; the final state of every deal.
CREATE TEMP TABLE mark (mark timestamptz, starts date, ends date, months integer);
INSERT INTO mark
SELECT (m.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond', m.starts, m.ends, m.months
FROM (VALUES (date '2025-03-31', date '2025-04-01', date '2025-06-30', 3), ('2025-04-30', '2025-04-01', '2025-06-30', 2), ('2025-05-31', '2025-04-01', '2025-06-30', 1),
             ('2025-06-30', '2025-07-01', '2025-09-30', 3), ('2025-07-31', '2025-07-01', '2025-09-30', 2), ('2025-08-31', '2025-07-01', '2025-09-30', 1),
             ('2025-09-30', '2025-10-01', '2025-12-31', 3), ('2025-10-31', '2025-10-01', '2025-12-31', 2), ('2025-11-30', '2025-10-01', '2025-12-31', 1),
             ('2025-12-31', '2026-01-01', '2026-03-31', 3), ('2026-01-31', '2026-01-01', '2026-03-31', 2), ('2026-02-28', '2026-01-01', '2026-03-31', 1)) m(day, starts, ends, months);
CREATE TEMP TABLE final AS
  SELECT f.id, f.status, least(f.close_date, f.effective_from::date) AS ended, f.corporate_amount, f.created_at, f.account_id
  FROM opportunity_state('2026-05-20 18:00+00') f;
CREATE TEMP TABLE seen AS
  SELECT m.*, s.id, s.owner_id, s.category, s.close_date, s.corporate_amount, s.confirmed_at, s.last_activity_at, s.created_at,
         -- Deals deleted since have no final state: they were in the forecast, and nothing was booked.
         coalesce(f.status, 'open') AS outcome, f.ended, coalesce(f.status = 'won' AND f.ended <= m.ends, false) AS is_won, s.close_date BETWEEN m.starts AND m.ends AS is_due
  FROM mark m CROSS JOIN LATERAL opportunity_state(m.mark, '2026-05-20 18:00+00') s LEFT JOIN final f USING (id)
  -- What the deal was then, its field history says, since it is kept; of those closed before nobody knows.
  WHERE s.status = 'open' AND s.origin <> 'reconstructed' AND m.mark >= (SELECT max(h.since) FROM history_reach h WHERE h.target IN ('forecast_category', 'close_date'));
CREATE TEMP TABLE accounts AS SELECT a.id, coalesce(a.segment, CASE WHEN a.employees > 5000 THEN 'over 5000 employees' WHEN a.employees > 1000 THEN '1001-5000 employees'
                                                                    WHEN a.employees > 200 THEN '201-1000 employees' ELSE '1-200 employees' END) AS segment FROM account a;
ANALYZE seen, final, accounts;

-- Category evidence ----------------------------------------------------------------------------------------------------------

SELECT ok(count(*) > 2000 AND count(*) FILTER (WHERE is_due AND is_won) > 100, format('%s deals at the marks, %s of them due and won', count(*), count(*) FILTER (WHERE is_due AND is_won))) FROM seen;
SELECT bag_eq($$ SELECT category::text, months_to_go, deals, wins, round(amount, 4) AS amount, round(amount_won, 4) AS amount_won FROM category_evidence('2026-05-20 18:00+00') WHERE deals > 0 $$,
  $$ SELECT category::text, months, count(*) AS deals, sum(is_won::integer) AS wins, round(sum(greatest(corporate_amount, 0)), 4) AS amount,
            round(sum(CASE WHEN is_won THEN greatest(corporate_amount, 0) ELSE 0 END), 4) AS amount_won
     FROM seen WHERE is_due AND category IS NOT NULL GROUP BY 1, 2 $$, 'deals, wins and amounts by category and months to go');
SELECT bag_eq($$ SELECT category::text, months_to_go, round(posterior, 12) FROM category_evidence('2026-05-20 18:00+00') $$,
  $$ SELECT c.label, g.months, round((c.weight * 20 + (SELECT count(*) FROM seen s WHERE s.is_due AND s.is_won AND s.category = c.category AND s.months = g.months))
                                     / (20 + (SELECT count(*) FROM seen s WHERE s.is_due AND s.category = c.category AND s.months = g.months)), 12)
     FROM forecast_categories() c, generate_series(1, 3) g(months) $$, 'and the posteriors');

-- Commit reliability ---------------------------------------------------------------------------------------------------------

SELECT bag_eq($$ SELECT owner_id, commits, commits_won FROM commit_reliability('2026-05-20 18:00+00') WHERE commits > 0 $$,
  $$ SELECT owner_id, count(*), sum(is_won::integer)
     FROM (SELECT DISTINCT ON (id, ends) id, ends, owner_id, is_won FROM seen WHERE category = 'Commit' AND is_due ORDER BY id, ends, mark DESC) c GROUP BY 1 $$, 'commits by owner');
SELECT bag_eq($$ SELECT owner_id, wins, wins_not_called FROM commit_reliability('2026-05-20 18:00+00') WHERE wins > 0 $$,
  $$ SELECT owner_id, count(*) AS wins, count(*) FILTER (WHERE NOT EXISTS (SELECT FROM seen c WHERE c.id = w.id AND c.ends = w.ends AND c.category IN ('Commit', 'Closed'))) AS not_called
     FROM (SELECT DISTINCT ON (id, ends) id, ends, owner_id FROM seen WHERE is_won ORDER BY id, ends, mark DESC) w GROUP BY 1 $$, 'wins never called');

-- Bounds: the value that a share of the won deals does not exceed, by rank -------------------------------------------------------

CREATE TEMP TABLE threshold AS SELECT * FROM risk_thresholds('2026-05-20 18:00+00');
CREATE TEMP TABLE won AS
  SELECT a.segment, f.ended - f.created_at::date AS days, f.corporate_amount AS amount FROM final f LEFT JOIN accounts a ON a.id = f.account_id WHERE f.status = 'won';
SELECT ok(bool_and(ended >= created_at::date) AND count(*) > 400, 'every won deal has a cycle') FROM final WHERE status = 'won';
SELECT bag_eq($$ SELECT flag, segment, bound, deals FROM threshold WHERE flag IN ('stalled', 'zombie') AND rests_on = 'segment' AND segment <> '(unknown)' $$,
  $$ SELECT f.flag, w.segment, min(w.days)::numeric, w.n
     FROM (SELECT segment, days, count(*) OVER (PARTITION BY segment) AS n, rank() OVER (PARTITION BY segment ORDER BY days DESC) - 1 AS above FROM won) w
     JOIN (VALUES ('stalled', 0.1, 50), ('zombie', 0.01, 100)) f(flag, share, needed) ON w.n >= f.needed AND w.above <= f.share * w.n
     GROUP BY f.flag, w.segment, w.n $$, 'P90 and P99 by segment: the least value that one in ten, one in a hundred exceeds');
CREATE TEMP TABLE stay AS
  SELECT l.old_value AS stage, l.effective_at::date - coalesce(lag(l.effective_at) OVER (PARTITION BY l.opportunity_id ORDER BY l.effective_at), f.created_at)::date AS days
  FROM change_ledger l JOIN final f ON f.id = l.opportunity_id AND f.status = 'won' WHERE l.field = 'stage' AND l.old_value IS NOT NULL;
SELECT bag_eq($$ SELECT stage, bound, deals FROM threshold WHERE stage IS NOT NULL AND bound IS NOT NULL $$,
  $$ SELECT stage, min(days)::numeric, n FROM (SELECT stage, days, count(*) OVER (PARTITION BY stage) AS n, rank() OVER (PARTITION BY stage ORDER BY days DESC) - 1 AS above FROM stay WHERE days >= 0) s
     WHERE n >= 50 AND above <= 0.1 * n GROUP BY stage, n $$, 'time in stage, from the change ledger');

-- Rates ----------------------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE push AS SELECT l.opportunity_id AS id, l.effective_at FROM change_ledger l WHERE l.field = 'close_date' AND l.new_value > l.old_value;
CREATE TEMP TABLE pushed AS
  SELECT s.*, (SELECT count(*) FROM push p WHERE p.id = s.id AND p.effective_at <= s.mark) AS pushes
  FROM seen s WHERE s.close_date IS NOT NULL;
SELECT results_eq($$ SELECT deals, hits FROM risk_rates('2026-05-20 18:00+00') WHERE question = 'pushed' AND cell = '{}' AND segment IS NULL $$,
  $$ SELECT count(*) AS deals, count(*) FILTER (WHERE outcome = 'open' OR ended > close_date) AS hits FROM pushed WHERE close_date BETWEEN mark::date AND '2026-05-20' $$, 'pushed: of all deals');
SELECT bag_eq($$ SELECT cell[1] AS first, cell[2] AS second, deals, hits FROM risk_rates('2026-05-20 18:00+00') WHERE question = 'pushed' AND cardinality(cell) = 2 $$,
  $$ SELECT CASE WHEN close_date - mark::date <= 30 THEN 'up to 30 days left' WHEN close_date - mark::date <= 90 THEN '31 to 90 days left' ELSE 'over 90 days left' END AS first,
            (ARRAY['never pushed', 'pushed once', 'pushed twice', 'pushed three times or more'])[1 + least(pushes, 3)] AS second, count(*) AS deals, count(*) FILTER (WHERE outcome = 'open' OR ended > close_date) AS hits
     FROM pushed WHERE close_date BETWEEN mark::date AND '2026-05-20' GROUP BY 1, 2 $$, 'by time left and pushes');
SELECT bag_eq($$ SELECT cell[1] AS first, cell[2] AS second, deals, hits FROM risk_rates('2026-05-20 18:00+00') WHERE question = 'won' AND cardinality(cell) = 2 $$,
  $$ SELECT category::text AS first, (ARRAY['never pushed', 'pushed once', 'pushed twice', 'pushed three times or more'])[1 + least(pushes, 3)] AS second, count(*) AS deals,
            count(*) FILTER (WHERE outcome = 'won' AND ended < date_trunc('quarter', close_date) + interval '3 months') AS hits
     FROM pushed WHERE close_date >= starts AND close_date < '2026-04-01' AND category IS NOT NULL GROUP BY 1, 2 $$, 'won in the quarter of their close date, by category and pushes');

-- Flags ------------------------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE flagged AS SELECT * FROM deal_risk('2026-05-20 18:00+00');
CREATE TEMP TABLE present AS
  SELECT s.*, coalesce(a.segment, '(unknown)') AS segment, CASE WHEN s.created_at <= '2026-05-20 18:00+00' THEN date '2026-05-20' - s.created_at::date END AS age
  FROM opportunity_state('2026-05-20 18:00+00') s LEFT JOIN accounts a ON a.id = s.account_id WHERE s.status = 'open';
CREATE FUNCTION pg_temp.bound(flag text, segment text) RETURNS numeric LANGUAGE sql AS $$
  SELECT t.bound FROM pg_temp.threshold t WHERE t.flag = bound.flag AND t.stage IS NULL AND t.segment IN (bound.segment, '(all)')
  ORDER BY t.segment = '(all)' LIMIT 1 $$;
CREATE TEMP TABLE limits AS SELECT s.segment, pg_temp.bound('zombie', s.segment) AS zombie, pg_temp.bound('unusually_large', s.segment) AS large FROM (SELECT DISTINCT segment FROM present) s;
SELECT bag_eq($$ SELECT id FROM flagged WHERE flag = 'zombie' $$, $$ SELECT p.id FROM present p JOIN limits l USING (segment) WHERE p.age > l.zombie $$, 'zombies');
SELECT bag_eq($$ SELECT id FROM flagged WHERE flag = 'unusually_large' $$, $$ SELECT p.id FROM present p JOIN limits l USING (segment) WHERE p.corporate_amount > l.large $$, 'unusually large');
SELECT is((SELECT round(sum(m), 4) FROM (SELECT DISTINCT ON (id) money_at_risk AS m FROM flagged) d),
  (SELECT round(sum(p.corporate_amount * weight(p.category)), 4) FROM present p WHERE p.id IN (SELECT id FROM flagged)), 'money at risk, each deal once');

SELECT finish();
ROLLBACK;
