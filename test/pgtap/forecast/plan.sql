-- Plans: what holds when, by whom it may be set for what, and in which words anything else is refused.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(22);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- Mia leads Ada, both of region East.
INSERT INTO rep (source_key, id, name, manager_id, region, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'mia', 'Mia', NULL, 'East', false, '2026-01-01', '2026-01-01', 'sync'), ('s', 'ada', 'Ada', 'mia', 'East', false, '2026-01-01', '2026-01-01', 'sync');
CREATE FUNCTION pg_temp.plans(as_of timestamptz, known_at timestamptz DEFAULT 'infinity') RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(format('%s %s %s', p.period, p.scope, p.amount), ', ' ORDER BY p.period::text, p.scope) FROM salesops.forecast_plans(as_of, known_at) p
$$;
SELECT set_plan('FY2026-Q4', 'company', 1000, '2026-10-01'), set_plan('FY2026-Q4', 'company', 900, '2026-11-01'),
       set_plan('FY2026-Q4', 'team:s/mia', 400, '2026-10-15'), set_plan('FY2027-Q1', 'East', 500.25, '2026-11-01') \g /dev/null
SELECT is(pg_temp.plans('2026-09-30'), NULL, 'before the first there is none');
SELECT is(pg_temp.plans('2026-10-31'), 'FY2026-Q4 company 1000, FY2026-Q4 team:s/mia 400', 'a plan holds from its instant on; a label names its scope');
SELECT is(pg_temp.plans('2026-11-01'), 'FY2026-Q4 company 900, FY2026-Q4 team:s/mia 400, FY2027-Q1 region:East 500.25', '... until the next one, quarter by quarter');
SELECT is(pg_temp.plans('2026-11-01', NULL), NULL, 'what was recorded afterwards was not known then');
SELECT set_plan('FY2026-Q4', 'company', NULL, '2026-11-10') \g /dev/null
SELECT is(pg_temp.plans('2026-11-10'), 'FY2026-Q4 team:s/mia 400, FY2027-Q1 region:East 500.25', 'NULL takes it back');
INSERT INTO rep_history SELECT * FROM rep WHERE id = 'ada';
UPDATE rep SET manager_id = NULL, effective_at = '2026-11-05', recorded_at = '2026-11-05' WHERE id = 'ada';
SELECT lives_ok($$SELECT set_plan('FY2026-Q4', 'team:s/mia', NULL, '2026-11-11')$$, 'that of a team that is no more too');
SELECT is(pg_temp.plans('2026-11-11'), 'FY2027-Q1 region:East 500.25', '... which is then gone');
SELECT is((SELECT count(*) FROM forecast_plan), 6::bigint, 'every row stays');

SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'company', 1, '2026-11-01')$$, '23505', 'the plan of company for FY2026-Q4 is already recorded as of 2026-11-01 00:00:00+00', 'the same instant twice');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'team:s/mia', 1, '2026-11-20')$$, '42704', 'unknown scope ''team:s/mia''', 'a team that is no more');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'owner:s/ada', 1, '2026-11-20')$$, '22023', 'a plan is for the company, a region or a team, not for owner:s/ada', 'a rep has a quota');
SELECT throws_ok($$SELECT set_plan('FY2026', 'company', 1, '2026-11-20')$$, '22023', NULL, 'a year is no quarter');
SELECT throws_ok($$SELECT set_plan('FY2026-Q3', 'company', 1, '2026-11-20')$$, '22023', 'FY2026-Q3 is over: nothing is left to forecast', 'a quarter that is over');
SELECT throws_ok($$SELECT set_plan(NULL, 'company', 1)$$, '22004', NULL, 'no quarter');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', NULL, 1, '2026-11-20')$$, '22004', NULL, 'no scope');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'company', 0, '2026-11-20')$$, '22023', 'a plan must be an amount over 0, not 0', 'a plan of nothing');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'company', 'NaN', '2026-11-20')$$, '22023', NULL, 'no number');
SELECT throws_ok($$SELECT set_plan('FY2026-Q4', 'company', 'Infinity', '2026-11-20')$$, '22023', NULL, 'no amount');
SELECT throws_ok($$SELECT set_plan('FY2999-Q4', 'company', 1, '2999-11-20')$$, '22023', NULL, 'an instant in the future');
SELECT throws_ok($$DELETE FROM forecast_plan$$, '23001', NULL, 'plans are append-only');
SELECT set_config('TimeZone', 'UTC', true) \g /dev/null
SELECT set_plan('FY2026-Q4', 'company', 700, '2026-11-20') \g /dev/null
SELECT is(pg_temp.plans('2026-11-20'), 'FY2026-Q4 company 700, FY2027-Q1 region:East 500.25', 'set again');
SELECT set_setting('corporate_currency', 'EUR');
SELECT is(pg_temp.plans('2026-11-20'), NULL, 'in another currency it is no longer comparable');
SELECT * FROM finish();
ROLLBACK;
