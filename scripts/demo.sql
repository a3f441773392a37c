-- What the night found, for people. Variables: run, as_of.
\pset pager off
\pset footer off
\pset null ''
SET search_path = salesops, pg_catalog;

\echo
\echo 'What was loaded'
SELECT y.entity, array_to_string(y.relations, ', ') AS "from", y.rows_read AS rows, y.inserted AS new, y.duplicates, y.unidentified AS "without id", y.message AS "failed with"
FROM salesops.source_sync y JOIN salesops.run_log r ON r.run_id = :run AND y.as_of = r.as_of ORDER BY y.sync_id;

\echo 'The audit: open deals by rule'
SELECT q.rule, q.severity, sum(q.applicable) AS applicable, sum(q.failed) AS failed, to_char(100 * sum(q.passed) / nullif(sum(q.applicable), 0), 'FM990.0') || ' %' AS passed
FROM salesops_bi.data_quality q WHERE q.is_latest
GROUP BY q.rule, q.severity, q.severity_sort HAVING sum(q.failed) > 0 ORDER BY q.severity_sort, 4 DESC;

\echo 'The worst findings'
SELECT f.severity, f.rule, coalesce(nullif(f.object, '(none)'), f.object_id) AS deal, f.owner, left(f.value, 30) AS value, f.bound, to_char(f.amount_at_risk, 'FM999,999,999,990') AS "at risk"
FROM salesops_bi.data_quality_finding f WHERE f.status <> 'resolved'
ORDER BY f.severity_sort, f.amount_at_risk DESC NULLS LAST, f.data_quality_finding_key LIMIT 10;
SELECT count(DISTINCT (f.source_key, f.object_id)) AS "deals with findings", to_char(sum(f.counted_amount_at_risk), 'FM999,999,999,999,990') AS "money at risk (weighted, each deal once)"
FROM salesops_bi.data_quality_finding f WHERE f.status <> 'resolved' AND f.object_kind = 'opportunity';

SELECT format('The weighted forecast of %s, week %s, in %s', p, salesops.forecast_week(p, :'as_of'), salesops.get_setting('corporate_currency')) AS title
FROM salesops.current_quarter(:'as_of') p \gset
\echo :title
SELECT * FROM salesops.forecast_report(salesops.current_quarter(:'as_of'), :'as_of');

\echo 'What the quarter will bring, by the win model'
SELECT * FROM salesops.forecast_outlook(salesops.current_quarter(:'as_of'), :'as_of');

\echo 'Deals at risk'
SELECT r.flag, count(*) AS deals, to_char(sum(r.money_at_risk), 'FM999,999,999,999,990') AS "at risk", min(r.reason) AS "for example"
FROM salesops_bi.deal_risk r GROUP BY r.flag ORDER BY 2 DESC;

\echo 'Accounts: the default scorecard by tier, and the highest'
SELECT a.tier, count(*) AS accounts, min(a.score) AS "lowest score", max(a.score) AS "highest", count(*) FILTER (WHERE a.missing_input_count > 0) AS "with inputs missing"
FROM salesops_bi.account_scorecard a GROUP BY a.tier ORDER BY a.tier;
SELECT a.account, a.owner, a.score_text AS score FROM salesops_bi.account_scorecard a ORDER BY a.score DESC, a.account_id COLLATE "C" LIMIT 5;

\echo 'Duplicates for somebody to look at'
SELECT d.entity, count(*) AS pairs, count(*) FILTER (WHERE d.verdict = 'sure') AS sure FROM salesops_bi.duplicates_for_review d GROUP BY d.entity ORDER BY 1;
SELECT d.entity, d.first_name AS one, d.second_name AS other, d.pairs, d.verdict, round(d.weight, 1) AS bits, d.evidence
FROM (SELECT DISTINCT ON (x.entity, x.first_name, x.second_name) x.*, count(*) OVER (PARTITION BY x.entity, x.first_name, x.second_name) AS pairs
      FROM salesops_bi.duplicates_for_review x ORDER BY x.entity, x.first_name, x.second_name, x.weight DESC, x.duplicates_for_review_key COLLATE "C") d
ORDER BY d.weight DESC, d.duplicates_for_review_key COLLATE "C" LIMIT 5;

\echo 'Next best actions: what is worth most'
SELECT count(*) AS actions, count(DISTINCT n.owner_id) AS reps, to_char(sum(n.expected_value), 'FM999,999,999,990') AS "worth", count(*) FILTER (WHERE n.expected_value IS NULL) AS "worth not known"
FROM salesops_bi.next_best_action n;
SELECT n.owner, n.object AS "for", n.action AS "do", n.due_date AS "by", to_char(n.amount, 'FM999,999,990') AS amount, round(n.uplift::numeric, 3) AS uplift, to_char(n.expected_value, 'FM999,999,990') AS worth
FROM salesops_bi.next_best_action n ORDER BY n.expected_value DESC NULLS LAST, n.next_best_action_key LIMIT 5;

\echo 'The run'
SELECT s.step, s.status, s.rows_affected AS rows, round(extract(epoch FROM s.finished_at - s.started_at), 2) AS seconds, s.message
FROM salesops.run_step_log s WHERE s.run_id = :run ORDER BY s.started_at;

\echo 'Territories: 1,000 generated accounts over 20 representatives, potential and workload within 3 % of fair shares'
SELECT salesops.plan_territories($$SELECT * FROM salesops.generate_territory_accounts(1000, 20, 1)$$, $$SELECT * FROM salesops.generate_territories(1000, 20, 1)$$,
                                 '{"tolerance": 0.03, "name": "demo"}') AS plan \gset
SELECT s.measure, count(*) FILTER (WHERE s.share_before BETWEEN 0.97 AND 1.03) AS "within 3 % before", count(*) FILTER (WHERE s.is_within) AS "and after",
       round((100 * max(abs(s.share_before - 1)))::numeric, 1) AS "furthest off before, %", round((100 * max(abs(s.share - 1)))::numeric, 1) AS "and after"
FROM salesops.territory_plan_summary(:plan) s GROUP BY s.measure ORDER BY 1;
SELECT sum(l.is_moved::integer) AS moved, round((100 * (p.cost - p.bound) / p.cost)::numeric, 2) AS "above the proven least cost by at most, %",
       (SELECT format('%s of %s', count(*) FILTER (WHERE v.ok), count(*)) FROM salesops.verify_territory_plan(:plan) v) AS "claims verified in SQL"
FROM salesops.territory_plan p CROSS JOIN salesops.territory_plan_lines(p.plan_id) l WHERE p.plan_id = :plan GROUP BY p.cost, p.bound;
SELECT l.account_id AS account, l.reason AS "why it moves" FROM salesops.territory_plan_lines(:plan) l WHERE l.is_moved ORDER BY l.regret DESC, l.account_id LIMIT 5;
