-- The marts as a BI tool and its administrator see them: shape, comments, keys, figures, reinstalling, failing.
BEGIN;
-- Its instants are written as days.
SET LOCAL TimeZone = 'UTC';
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(48);

-- Before anything is published
SELECT is(install_marts(), (SELECT count(*) FROM marts()), 'every mart is made');
SELECT is(install_marts(), 0::bigint, 'a second time none is');
SELECT throws_ok('SELECT * FROM salesops_bi.forecast', '55000', NULL, 'an unpublished mart says that it has not been populated');
SELECT drop_marts();
SELECT is(to_regnamespace('salesops_bi'), NULL, 'drop_marts() leaves nothing');
SELECT lives_ok('SELECT drop_marts()', 'and may be called again');
SELECT is(refresh_marts('2026-11-01'), 7::bigint, 'the first refresh installs; of an empty database it has the five refreshes before run_health, and a forecast of nothing for two scopes');

-- Data: the worked example, deals that stand apart, absurd amounts, one audit with a finding in two episodes
SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
INSERT INTO salesops.rep (source_key, id, name, manager_id, team, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'ann', 'Ann', 'boss', 'East', false, '2026-01-01', '2026-01-01', 'sync'),
       ('s', 'bob', 'Bob', 'ann', NULL, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO salesops.opportunity (source_key, id, name, owner_id, stage, forecast_category, amount, currency, close_date, created_at, is_closed, is_won,
                                  is_deleted, effective_at, recorded_at, origin)
SELECT 's', id, 'Deal ' || id, owner, 'Unmapped stage', category, amount, currency, close_date, '2026-10-01 23:30+00',
       category IS NOT DISTINCT FROM 'Closed', category IS NOT DISTINCT FROM 'Closed', false, '2026-11-01', '2026-11-01', 'sync'
FROM (VALUES ('d1', 'ann', 'Closed', 2400000, NULL, date '2026-11-30'), ('d2', 'ann', 'Commit', 1800000, NULL, '2026-12-31'),
             ('d3', 'ann', 'Best Case', 3200000, NULL, '2026-10-01'), ('d4', 'ann', 'Pipeline', 4500000, NULL, '2026-11-30'),
             ('a1', 'ann', 'Pipeline', 1e15, NULL, '2208-01-01'), ('a2', 'ann', 'Commit', -1e15, NULL, '1900-01-01'),
             ('a3', 'zed', 'Pipeline', 1e40, NULL, NULL), ('a4', NULL, NULL, 'NaN', NULL, NULL), ('a5', 'bob', 'Upside', 'Infinity', NULL, NULL),
             ('c1', 'bob', 'Commit', 10, 'EUR', '2027-05-01'), ('c2', 'bob', 'Commit', 10, 'XXX', '2027-05-01'), ('c3', 'bob', 'Commit', NULL, NULL, '2027-05-01')
     ) AS v(id, owner, category, amount, currency, close_date);
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r1', 'EUR', '2026-01-01', 3, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO salesops.quota (source_key, id, rep_id, period, amount, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'q1', 'ann', 'FY2026-Q4', 10000000, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO salesops.audit_log (run_id, as_of, rules, failed, opened, resolved, open)
VALUES (1, '2026-11-10', 1, 0, 2, 0, 2), (2, '2026-11-20', 1, 0, 0, 0, 1), (3, '2026-11-20 12:00+00', 1, 0, 0, 0, 1), (4, '2026-12-24', 1, 0, 0, 0, 1);
INSERT INTO salesops.audit_tally (run_id, rule, source_key, owner_id, applicable, failed)
VALUES (1, 'missing_amount', 's', 'ann', 4, 1), (2, 'missing_amount', 's', 'ann', 4, 3), (3, 'missing_amount', 's', 'ann', 4, 2),
       (3, 'missing_account', 's', NULL, 0, 0), (4, 'missing_amount', 's', 'ann', 4, 4);
INSERT INTO salesops.finding (rule, object_kind, source_key, object_id, owner_id, severity, value, bound, first_seen_at, first_run_id, resolved_at, resolved_run_id)
VALUES ('missing_account', 'opportunity', 's', 'd2', 'ann', 'error', NULL, NULL, '2026-11-10', 1, '2026-11-15', 2),
       ('missing_account', 'opportunity', 's', 'd2', 'ann', 'error', NULL, NULL, '2026-11-20', 3, NULL, NULL),
       ('not_confirmed', 'opportunity', 's', 'd2', 'ann', 'warning', '9 days', '7 days', '2026-11-10', 1, '2026-12-24', 4),
       ('missing_account', 'opportunity', 's', 'd1', 'ann', 'error', NULL, NULL, '2026-01-10', 1, '2026-02-15', 2),
       ('missing_account', 'opportunity', 's', 'd3', 'ann', 'error', NULL, NULL, '2026-12-24', 4, NULL, NULL);
INSERT INTO salesops.run_log (job, local_date, slot, due_at, as_of, started_by, started_at, finished_at, status)
VALUES ('nightly', '2026-11-20', 0, '2026-11-20 02:00+00', '2026-11-20', 'schedule', '2026-11-20 02:00+00', '2026-11-20 02:05+00', 'failed');
INSERT INTO salesops.run_step_log (run_id, step, started_at, finished_at, status, rows_affected, sqlstate, message)
SELECT r.run_id, s.* FROM salesops.run_log r
CROSS JOIN (VALUES ('sync', timestamptz '2026-11-20 02:00+00', timestamptz '2026-11-20 02:01+00', 'succeeded', 7::bigint, NULL, NULL),
                   ('audit', '2026-11-20 02:01+00', '2026-11-20 02:01:30.5+00', 'failed', NULL, '22012', 'division by zero')) s;
SELECT refresh_marts('2026-11-21');
SELECT is_empty($$SELECT mart, message FROM mart_status WHERE sqlstate IS NOT NULL OR method <> 'concurrently'$$,
                'no mart fails on absurd amounts, and what was populated is refreshed concurrently');

-- Shape, by catalog
CREATE TEMP VIEW bi_column AS
  SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod) AS type, col_description(c.oid, a.attnum) AS meaning
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'salesops_bi'::regnamespace AND c.relkind IN ('m', 'v');
SELECT is_empty($$SELECT relname, attname, type FROM bi_column
                  WHERE type NOT IN ('text', 'smallint', 'integer', 'bigint', 'boolean', 'date', 'timestamp with time zone', 'numeric(38,6)')$$,
                'every column has a type that every BI tool understands');
SELECT is_empty($$SELECT relname, attname FROM bi_column WHERE coalesce(meaning, '') = ''$$, 'every column has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'salesops_bi'::regnamespace AND obj_description(c.oid) IS NULL$$,
                'so has every relation and index');
SELECT isnt(obj_description('salesops_bi'::regnamespace), NULL, 'and the schema');
SELECT set_eq($$SELECT relname::text, attname::text FROM bi_column WHERE relkind = 'v'$$,
              $$SELECT regexp_replace(relname, '_mat$', ''), attname::text FROM bi_column WHERE relkind = 'm'$$,
              'over every materialized view lies a plain view with the same columns');
SELECT set_eq($$SELECT mart, column_name FROM mart_columns()$$, $$SELECT relname::text, attname::text FROM bi_column WHERE relkind = 'v'$$,
              'the catalog lists exactly what is there');
SELECT results_eq($$SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                    WHERE c.relnamespace = 'salesops_bi'::regnamespace AND i.indisunique AND i.indpred IS NULL AND i.indnatts = 1
                      AND a.attname || '_mat' = regexp_replace(c.relname, '_mat$', '_key_mat') AND format_type(a.atttypid, NULL) = 'text'$$,
                  $$SELECT count(*) FROM marts()$$, 'every mart has a unique index on its text key');
SELECT is_empty($$SELECT relname, attname FROM bi_column c WHERE relkind = 'v' AND type = 'text'
                    AND (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM salesops_bi.%I WHERE coalesce(%I, '''') = ''''', relname, attname),
                                                             false, true, '')))[1]::text <> '0'$$,
                'no text is NULL or empty');
SELECT is_empty($$SELECT relname FROM bi_column WHERE attname IN ('as_of_date', 'refreshed_at') AND relkind = 'v' GROUP BY relname HAVING count(*) <> 2$$,
                'every mart says of which day it is and when it was refreshed');
SELECT is((SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
           WHERE c.relnamespace = 'salesops_bi'::regnamespace AND d.deptype = 'e'), 0::bigint, 'no mart is a member of the extension');

-- Figures
SELECT results_eq(
  $$SELECT category, deals, amount, weighted_amount, cumulative_amount FROM salesops_bi.forecast
    WHERE owner = 'Ann' AND fiscal_period = 'FY2026-Q4' ORDER BY category_sort DESC$$,
  $$VALUES ('Closed', 1::bigint, 2400000.000000, 2400000.000000, 2400000.000000), ('Commit', 1, 1800000, 1620000, 4200000), ('Most Likely', 0, 0, 0, 4200000),
           ('Best Case', 1, 3200000, 1600000, 7400000), ('Pipeline', 1, 4500000, 900000, 9500000), ('Upside', 0, 0, 0, NULL), ('Omitted', 0, 0, 0, NULL)$$,
  'the worked example, to the cent, in mart forecast');
SELECT results_eq(
  $$SELECT weighted_total, weighted_commit, weighted_best_case, commit_total, quota, gap_to_quota, uncovered_share, required_win_rate, required_win_rate_label,
           attainment, published_forecast, forecast_method
    FROM salesops_bi.forecast_attainment WHERE owner = 'Ann' AND is_current_period$$,
  $$VALUES (6520000.000000, 4020000.000000, 5620000.000000, 4200000.000000, 10000000.000000, 5980000.000000, 0.348000, 0.800000, '80.0 %', 0.240000, 6520000.000000,
            'weighted_total')$$,
  'and in mart forecast_attainment');
SELECT results_eq($$SELECT quota, gap_to_quota, required_win_rate_label FROM salesops_bi.forecast_attainment WHERE owner = 'Bob' AND is_current_period$$,
                  $$VALUES (NULL::numeric(38,6), NULL::numeric(38,6), '(no quota)')$$, 'a rep without deal or quota stands there, his quota unknown and not 0');
SELECT results_eq($$SELECT sum(weighted_amount), sum(quota) FROM salesops_bi.forecast f FULL JOIN salesops_bi.forecast_attainment a ON false
                    WHERE 'FY2026-Q4' IN (f.fiscal_period, a.fiscal_period)$$,
                  $$SELECT round(weighted_total, 6), round(quota, 6) FROM forecast_summary('FY2026-Q4', '2026-11-21')$$, 'sums over the marts are the totals of the forecast');
SELECT results_eq($$SELECT sum(cumulative_amount) FROM salesops_bi.forecast WHERE fiscal_period = 'FY2026-Q4' AND category = 'Most Likely'$$,
                  $$VALUES (4200000.000000)$$, 'cumulative amounts add up over owners because no row is left out');
SELECT results_eq($$SELECT deals, deals_without_amount, deals_unconvertible, amount FROM salesops_bi.forecast WHERE fiscal_period = 'FY2027-Q2' AND category = 'Commit'$$,
                  $$VALUES (3::bigint, 1::bigint, 1::bigint, 3.333333)$$, '10 EUR at 3 are 3.333333; without a rate or an amount is counted apart');
SELECT results_eq($$SELECT fiscal_period, category, amount FROM salesops_bi.forecast WHERE deals > 0 AND (amount IS NULL OR abs(amount) >= 1e15) ORDER BY fiscal_period_sort, category_sort$$,
                  $$VALUES ('FY1900-Q1', 'Commit', -1e15), ('FY2208-Q1', 'Pipeline', 1e15), ('(none)', '(none)', NULL), ('(none)', 'Upside', NULL), ('(none)', 'Pipeline', NULL)$$,
                  '1e15 fits, 1e40, infinity and NaN are unknown; years 1900 and 2208 stay in their periods');
SELECT results_eq($$SELECT fiscal_period, fiscal_period_sort, fiscal_year, fiscal_quarter, period_start, period_end, is_current_period
                    FROM salesops_bi.forecast_attainment WHERE owner_id IN ('zed') OR owner = 'Bob' AND is_current_period$$,
                  $$VALUES ('FY2026-Q4', 20264, 'FY2026', 'Q4', date '2026-10-01', date '2026-12-31', true), ('(none)', 99999, '(none)', '(none)', NULL, NULL, false)$$,
                  'periods come with labels, a number to sort by and their days');
SELECT results_eq($$SELECT owner, amount, is_past_due, age_days, amount_basis, own_currency_code, open_findings FROM salesops_bi.open_pipeline WHERE opportunity_id IN ('d2', 'a2', 'c1') ORDER BY opportunity_id$$,
                  $$VALUES ('Ann', -1e15, true, 51, 'stated', 'USD', 0::bigint), ('Bob', 3.333333, false, 51, 'stated', 'EUR', 0), ('Ann', 1800000, false, 51, 'stated', 'USD', 2)$$,
                  'the open pipeline has a row a deal with its findings of the day');
SELECT is((SELECT count(*) FROM salesops_bi.open_pipeline), (SELECT count(*) FROM opportunity_state('2026-11-21') WHERE status = 'open'), 'every open deal and no other');
SELECT results_eq($$SELECT audit_date, rule, checklist, owner, applicable, passed, failed, completeness, is_latest FROM salesops_bi.data_quality ORDER BY 1, 2 DESC$$,
                  $$VALUES (date '2026-11-10', 'missing_amount', 'required_fields', 'Ann', 4::bigint, 3::bigint, 1::bigint, 0.75, false),
                           ('2026-11-20', 'missing_amount', 'required_fields', 'Ann', 4, 2, 2, 0.5, true), ('2026-11-20', 'missing_account', 'required_fields', '(none)', 0, 0, 0, NULL, true)$$,
                  'data quality by day: the last audit of a day counts, later ones are not known yet, nothing applicable is not 0 %');
SELECT results_eq($$SELECT rule, status, first_seen_date, episode_date, resolved_date, age_days, amount_at_risk, counted_amount_at_risk FROM salesops_bi.data_quality_finding ORDER BY episode_date, rule$$,
                  $$VALUES ('missing_account', 'resolved', date '2026-11-10', date '2026-11-10', date '2026-11-15', 5, 1620000.0, NULL::numeric),
                           ('not_confirmed', 'open', '2026-11-10', '2026-11-10', NULL, 11, 1620000, 0),
                           ('missing_account', 'reopened', '2026-11-10', '2026-11-20', NULL, 1, 1620000, 1620000)$$,
                  'findings as of the day: resolved, open though resolved later, reopened; a deal is at risk once; long resolved and future ones are left out');
SELECT results_eq($$SELECT kind, name, status, seconds, rows_affected, sqlstate, is_latest FROM salesops_bi.run_health WHERE kind = 'step' ORDER BY started_at$$,
                  $$VALUES ('step', 'sync', 'succeeded', 60.0, 7::bigint, '(none)', true), ('step', 'audit', 'failed', 30.5, NULL, '22012', true)$$, 'run health shows the steps');
SELECT is((SELECT count(*) FROM salesops_bi.run_health WHERE kind = 'mart' AND is_latest), 5::bigint, 'and the refreshes of the other marts');

-- The calendar and zone of the settings, and another as_of
SELECT set_setting('fiscal_year_start_month', '2'), set_setting('time_zone', 'Asia/Tokyo');
SELECT refresh_marts('2026-11-21 18:00+00');
SELECT results_eq($$SELECT DISTINCT fiscal_period, as_of_date, is_current_period FROM salesops_bi.forecast WHERE owner = 'Ann' AND category = 'Closed' AND deals > 0$$,
                  $$VALUES ('FY2027-Q4', date '2026-11-22', true)$$, 'with fiscal years from February in Tokyo 30 November 2026 is FY2027-Q4 and the day is the 22nd');
SELECT results_eq($$SELECT created_date, age_days FROM salesops_bi.open_pipeline WHERE opportunity_id = 'd2'$$, $$VALUES (date '2026-10-02', 51)$$,
                  'a deal created at 23:30 UTC was created the next day there');
SELECT set_setting('fiscal_year_start_month', '1'), set_setting('time_zone', 'UTC');

-- A mart that fails keeps its last good rows, the others go on
SELECT refresh_marts('2026-11-21');
CREATE TEMP TABLE good AS SELECT * FROM salesops_bi.forecast_attainment;
UPDATE salesops.opportunity SET amount = 1 WHERE id = 'd1';
ALTER FUNCTION salesops.forecast_measures(forecast_totals, numeric, numeric[]) RENAME TO hidden;
CREATE FUNCTION salesops.boom() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'broken on purpose' USING ERRCODE = 'P0042'; END$$;
CREATE OR REPLACE FUNCTION salesops.hidden(totals forecast_totals, quota numeric, weights numeric[] DEFAULT salesops.default_weights(),
  OUT weighted_total numeric, OUT weighted_commit numeric, OUT weighted_best_case numeric, OUT commit_total numeric, OUT closed numeric, OUT open_pipeline numeric,
  OUT gap_to_quota numeric, OUT uncovered_share numeric, OUT required_win_rate numeric, OUT required_win_rate_label text,
  OUT pipeline_coverage numeric, OUT remaining_coverage numeric) RETURNS SETOF record LANGUAGE sql STABLE
  AS $$SELECT 1::numeric, 1::numeric, 1::numeric, 1::numeric, 1::numeric, 1::numeric, 1::numeric, 1::numeric, 1::numeric, '', 1::numeric, 1::numeric WHERE salesops.boom()$$;
SELECT cmp_ok(refresh_marts('2026-11-22'), '>', 0::bigint, 'refresh_marts() survives a mart that fails');
SELECT results_eq('SELECT mart, sqlstate, message, good_as_of FROM mart_status WHERE sqlstate IS NOT NULL',
                  $$VALUES ('forecast_attainment', 'P0042', 'broken on purpose', timestamptz '2026-11-21')$$, 'it is logged with its SQLSTATE');
SELECT set_eq('SELECT * FROM salesops_bi.forecast_attainment', 'SELECT * FROM good', 'it keeps its last good rows');
SELECT results_eq($$SELECT DISTINCT as_of_date, sum(amount) FILTER (WHERE category = 'Closed') OVER () FROM salesops_bi.forecast$$,
                  $$VALUES (date '2026-11-22', 1.0)$$, 'the others are of the new day');
SELECT results_eq($$SELECT status, sqlstate, message FROM salesops_bi.run_health WHERE kind = 'mart' AND name = 'forecast_attainment' AND is_latest$$,
                  $$VALUES ('failed', 'P0042', 'broken on purpose')$$, 'and run health shows the failure');
SELECT is(current_setting('lock_timeout'), '0', 'lock_timeout is as it was');
CREATE ROLE salesops_test_stranger;
GRANT USAGE ON SCHEMA salesops, salesops_bi TO salesops_test_stranger;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA salesops TO salesops_test_stranger;
SET LOCAL ROLE salesops_test_stranger;
SELECT throws_ok($$SELECT salesops.refresh_marts('2026-11-22')$$, '42501', NULL,  -- the server words it by version
                 'somebody who does not own the marts is told so');
RESET ROLE;

-- Reinstalling keeps what users made
CREATE ROLE salesops_test_reader;
GRANT USAGE ON SCHEMA salesops_bi TO salesops_test_reader;
GRANT SELECT ON salesops_bi.forecast TO salesops_test_reader;
CREATE INDEX by_owner ON salesops_bi.forecast_mat (owner, region);
CREATE INDEX by_team ON salesops_bi.forecast_mat (team);
COMMENT ON COLUMN salesops_bi.forecast.amount IS 'our own words';
CREATE TEMP VIEW made AS
  SELECT indexrelid::regclass::text AS made FROM pg_index WHERE indrelid = 'salesops_bi.forecast_mat'::regclass
  UNION ALL SELECT col_description('salesops_bi.forecast'::regclass, attnum) FROM pg_attribute WHERE attrelid = 'salesops_bi.forecast'::regclass AND attname = 'amount'
  UNION ALL SELECT 'reader' WHERE has_table_privilege('salesops_test_reader', 'salesops_bi.forecast', 'SELECT');
SELECT is(install_marts(), 0::bigint, 'installing again makes nothing anew');
SELECT bag_eq('SELECT * FROM made', $$VALUES ('salesops_bi.forecast_key'), ('salesops_bi.by_owner'), ('salesops_bi.by_team'), ('our own words'), ('reader')$$,
              'and keeps index, grant and comment');
DROP VIEW made;
ALTER MATERIALIZED VIEW salesops_bi.forecast_mat RENAME COLUMN region TO old_region;
DROP INDEX salesops_bi.forecast_key;
SELECT is(install_marts(), 1::bigint, 'a mart whose columns changed is made anew');
SELECT bag_eq($$SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'salesops_bi.forecast_mat'::regclass$$,
              $$VALUES ('salesops_bi.forecast_key'), ('salesops_bi.by_team')$$, 'with the key and the user''s index; the one on the column that is gone is dropped');
SELECT is(col_description('salesops_bi.forecast'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'salesops_bi.forecast'::regclass AND attname = 'amount')),
          'our own words', 'the comment stays');
SELECT refresh_marts('2026-11-22');
SET LOCAL ROLE salesops_test_reader;
SELECT cmp_ok((SELECT count(*) FROM salesops_bi.forecast), '>', 0::bigint, 'and a reader with USAGE and SELECT reads the view and needs nothing else');
RESET ROLE;
SAVEPOINT in_the_way;
DROP VIEW salesops_bi.run_health;
CREATE TABLE salesops_bi.run_health (a int);
SELECT throws_ok('SELECT install_marts()', '42P07', 'a relation of somebody else has the name of mart "run_health"', 'a user''s table with the name of a mart is never dropped');
ROLLBACK TO in_the_way;
CREATE VIEW public.on_top AS SELECT owner FROM salesops_bi.forecast;
SELECT throws_ok('SELECT drop_marts()', '2BP01', NULL, 'a user''s view on a mart is never dropped silently');

SELECT * FROM finish();
ROLLBACK;
