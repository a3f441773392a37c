-- The marts of a generated CRM against the same figures in plain SQL over the deals, both ways.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT no_plan();

SELECT generate_crm(3000, 25, 7, '2026-11-21', schema_name => 'crm_marts');
SELECT connect('crm', 'fivetran_salesforce', 'crm_marts');
SELECT sync_all('2026-11-21');
SELECT audit(1, '2026-11-21');
SELECT refresh_marts('2026-11-21');

CREATE TEMP TABLE deal AS
  SELECT o.source_key, coalesce(to_char(o.close_date, '"FY"FMYYYY-"Q"Q'), '(none)') AS period,
         coalesce(o.owner_id, '(none)') AS owner_id, coalesce(o.category::text, '(none)') AS category, o.id, o.status, o.corporate_amount, o.amount,
         CASE o.category::text WHEN 'Closed' THEN 1 WHEN 'Commit' THEN 0.9 WHEN 'Most Likely' THEN 0.7 WHEN 'Best Case' THEN 0.5
                               WHEN 'Pipeline' THEN 0.2 WHEN 'Upside' THEN 0.05 WHEN 'Omitted' THEN 0 END AS weight
  FROM opportunity_state('2026-11-21') o;

SELECT bag_eq(
  $$SELECT source_key, fiscal_period, owner_id, category, deals, deals_without_amount, deals_unconvertible, amount, weighted_amount
    FROM salesops_bi.forecast WHERE deals > 0$$,
  $$SELECT source_key, period, owner_id, category, count(*) AS deals, count(*) - count(amount) AS without, count(amount) - count(corporate_amount) AS apart,
           round(sum(corporate_amount), 6) AS amount, round(sum(corporate_amount * weight), 6) AS weighted
    FROM deal GROUP BY source_key, period, owner_id, category$$,
  'forecast by quarter, owner and category');

-- A sum over no deal is 0, over deals of which none has an amount NULL.
SELECT bag_eq(
  $$SELECT owner_id, closed, open_pipeline, weighted_total, quota FROM salesops_bi.forecast_attainment WHERE is_current_period$$,
  $$SELECT w.owner_id,
           CASE WHEN count(d.id) FILTER (WHERE won) > 0 THEN round(sum(corporate_amount) FILTER (WHERE won), 6) ELSE 0 END AS closed,
           CASE WHEN count(d.id) FILTER (WHERE open) > 0 THEN round(sum(corporate_amount) FILTER (WHERE open), 6) ELSE 0 END AS open_pipeline,
           CASE WHEN count(d.id) > 0 THEN round(sum(corporate_amount * weight), 6) ELSE 0 END AS weighted_total,
           (SELECT round(sum(q.amount), 6) FROM quota q WHERE q.rep_id = w.owner_id AND q.period::text = 'FY2026-Q4') AS quota
    FROM (SELECT owner_id FROM deal WHERE period = 'FY2026-Q4'
          UNION SELECT id FROM rep WHERE NOT is_deleted AND is_active IS NOT false
          UNION SELECT rep_id FROM quota WHERE period::text = 'FY2026-Q4') w
    LEFT JOIN deal d ON d.owner_id = w.owner_id AND d.period = 'FY2026-Q4'
    CROSS JOIN LATERAL (SELECT d.category = 'Closed' AS won, d.category NOT IN ('Closed', 'Omitted', '(none)') AS open) c
    GROUP BY w.owner_id$$,
  'attainment of the current quarter, reps without a deal included');
SELECT bag_eq($$SELECT source_key, opportunity_id, amount FROM salesops_bi.open_pipeline$$,
              $$SELECT source_key, id, round(corporate_amount, 6) FROM deal WHERE status = 'open'$$, 'open pipeline');
SELECT bag_eq($$SELECT rule, object_id, status FROM salesops_bi.data_quality_finding$$, $$SELECT rule, object_id, 'open' FROM finding$$, 'findings');
SELECT is((SELECT sum(counted_amount_at_risk) FROM salesops_bi.data_quality_finding),
          (SELECT sum(round(corporate_amount * weight, 6)) FROM deal
           WHERE id IN (SELECT object_id FROM finding WHERE object_kind = 'opportunity')), 'money at risk counts a deal once');
SELECT bag_eq($$SELECT rule, owner_id, applicable, failed FROM salesops_bi.data_quality$$,
              $$SELECT rule, coalesce(owner_id, '(none)'), applicable, failed FROM audit_tally$$, 'data quality');

-- What a mart holds is the same whoever refreshes it, however his session spells instants, dates, intervals and numbers: keys of rows too.
INSERT INTO kept_account_score (source_key, id, as_of, score, run_id)
SELECT a.source_key, a.id, k.as_of, score_account(k.employees, 'Technology', 11, 1, 81), -1
FROM (SELECT * FROM account ORDER BY id LIMIT 5) a, (VALUES ('2026-11-18 23:00+00'::timestamptz, 100), ('2026-11-19 23:00+00', 5001)) k(as_of, employees);
CREATE TEMP TABLE mart AS SELECT p.proname AS name FROM pg_proc p WHERE p.pronamespace = 'salesops'::regnamespace AND p.proname IN (SELECT 'mart_' || c.mart FROM salesops.mart_columns() c);
SELECT cmp_ok(count(*), '>=', 19::bigint, 'marts') FROM mart;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'German, DMY';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL extra_float_digits = -10;
SELECT format('CREATE TEMP TABLE elsewhere_%1$s AS SELECT * FROM salesops.%1$s();', m.name) FROM mart m \gexec
RESET extra_float_digits;
RESET intervalstyle;
RESET datestyle;
RESET timezone;
SELECT bag_eq('SELECT * FROM salesops.' || m.name || '()', 'SELECT * FROM elsewhere_' || m.name, m.name || ' whatever the session') FROM (SELECT name FROM mart ORDER BY name) m;
SELECT is((SELECT count(*) FROM elsewhere_mart_score_movement), 5::bigint, 'moved scores were among it');

SELECT * FROM finish();
ROLLBACK;
