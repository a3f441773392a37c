-- Whatever makes no sense is refused in words that say which row and what to do; nothing is kept of it.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;

CREATE TEMP TABLE bad (accounts text, territories text, options jsonb, code text, message text);
INSERT INTO bad VALUES
  -- The queries.
  ('DELETE FROM pg_class', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('SELECT 1 AS id; SELECT 2 AS id', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('WITH w AS (DELETE FROM bad RETURNING 1) SELECT 1 AS id', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('SELECT code AS id FROM bad FOR UPDATE', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('EXPLAIN SELECT 1', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql is not a query that only reads'),
  ('SELECT', 'SELECT 1 AS id', '{}', '42703', 'accounts_sql has no column "id"'),
  ('SELECT 1 AS id', 'SHOW work_mem', '{}', '22023', 'territories_sql is not a query that only reads'),
  ('SELECT 1 AS id', 'SELECT 1 AS name', '{}', '42703', 'territories_sql has no column "id"'),
  ('SELECT 1 AS id, 2 AS id', 'SELECT 1 AS id', '{}', '42702', 'accounts_sql has two columns named "id"'),
  ('SELECT no_such_column AS id', 'SELECT 1 AS id', '{}', '42703', NULL),
  -- Rows.
  ('SELECT 1 AS id WHERE false', 'SELECT 1 AS id', '{}', 'P0002', 'accounts_sql gives no accounts'),
  ('SELECT 1 AS id', 'SELECT 1 AS id WHERE false', '{}', 'P0002', 'territories_sql gives no territories'),
  ('SELECT * FROM (VALUES (1), (2), (1)) v(id)', 'SELECT 1 AS id', '{}', '23505', 'accounts_sql has id "1" twice'),
  ('SELECT 1 AS id', 'SELECT * FROM (VALUES (1), (1)) v(id)', '{}', '23505', 'territories_sql has id "1" twice'),
  ('SELECT NULL::text AS id', 'SELECT 1 AS id', '{}', '22004', 'accounts_sql has a row whose id is NULL'),
  ('SELECT '''' AS id', 'SELECT 1 AS id', '{}', '22023', 'accounts_sql has a row whose id is empty'),
  ('SELECT 1 AS id', 'SELECT '''' AS id', '{}', '22023', 'territories_sql has a row whose id is empty'),
  ('SELECT 1 AS id', 'SELECT i AS id FROM generate_series(1, 4097) i', '{}', '54000', 'territories_sql gives more than 4096 territories'),
  -- Measures.
  ('SELECT 1 AS id, NULL::numeric AS potential', 'SELECT 1 AS id', '{}', '22004', 'potential of account "1" is not known'),
  ('SELECT 1 AS id, ''NaN''::numeric AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is NaN'),
  ('SELECT 1 AS id, 1e400 AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is Infinity'),
  ('SELECT 1 AS id, 1e-400 AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is 2.22507e-308'),
  ('SELECT 1 AS id', 'SELECT 1 AS id, 1e400 AS quota', '{}', '22023', 'quota of territory "1" is Infinity'),
  ('SELECT 1 AS id, ''Infinity''::float8 AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is Infinity'),
  ('SELECT 1 AS id, -1 AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is -1'),
  ('SELECT 1 AS id, 1e-300 AS potential', 'SELECT 1 AS id', '{}', '22023', 'potential of account "1" is 1e-300'),
  ('SELECT 1 AS id, 1e-300 AS x, 0 AS y', 'SELECT 1 AS id, 0 AS x, 0 AS y', '{}', '22023', 'the place of account "1" is (1e-300, 0)'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"mismatch_cost": 1e-300}', '22023', 'invalid value for option "mismatch_cost"'),
  ('SELECT i AS id, CASE i WHEN 4 THEN 1e20 ELSE i * 0.01 END AS x, 0 AS y FROM generate_series(1, 8001) i', 'SELECT i AS id, i AS x, 0 AS y FROM generate_series(0, 1) i', '{"effort": 0}', '22003',
   'the cost of account "4" is too large to be weighed against that of the others'),
  ('SELECT 1 AS id, ''5'' AS potential', 'SELECT 1 AS id', '{"measures": {"potential": 0.1}}', '42804', 'column "potential" of accounts_sql must be a number'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"measures": {"potential": 0.1}}', '42703', 'accounts_sql has no column "potential"'),
  ('SELECT 1 AS id, 5 AS relationship', 'SELECT 1 AS id', '{"measures": {"relationship": 0.1}}', '22023', 'column "relationship" cannot be a measure'),
  ('SELECT 1 AS id, 1 AS a, 1 AS b, 1 AS c, 1 AS d, 1 AS e, 1 AS f, 1 AS g, 1 AS h, 1 AS i', 'SELECT 1 AS id', '{}', '54000', 'accounts_sql has 9 columns of numbers, and there can be 8 measures'),
  -- Territories.
  ('SELECT 1 AS id', 'SELECT 1 AS id, 0 AS capacity', '{}', '22023', 'no territory has a share of measure "accounts"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id, NULL::integer AS capacity', '{}', '22004', 'capacity of territory "1" is not known'),
  ('SELECT 1 AS id', 'SELECT 1 AS id, -2 AS capacity', '{}', '22023', 'capacity of territory "1" is -2'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"proportional_to": "quota"}', '42703', 'territories_sql has no column "quota"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id, 5 AS floor_accounts, 4 AS cap_accounts', '{}', '22023', 'territory "1" must have more accounts than it may'),
  -- Who may have whom, and holds.
  ('SELECT 1 AS id, ARRAY[''west''] AS needs', 'SELECT 1 AS id', '{}', '22023', 'no territory may have account "1"'),
  ('SELECT 1 AS id, ''west'' AS needs', 'SELECT 1 AS id', '{}', '42804', 'column "needs" of accounts_sql must be an array of text'),
  ('SELECT * FROM (VALUES (1, ARRAY[''west'']), (2, ARRAY[''east''])) v(id, needs), LATERAL (SELECT ''k'' AS family) f', 'SELECT * FROM (VALUES (1, ARRAY[''west'']), (2, ARRAY[''east''])) v(id, tags)', '{}',
   '22023', 'no territory may have the whole family of account "1"'),
  ('SELECT * FROM (VALUES (1, ''a''), (2, ''b'')) v(id, locked_to), LATERAL (SELECT ''k'' AS family) f', 'SELECT * FROM (VALUES (''a''), (''b'')) v(id)', '{}', '22023', 'no territory may have the whole family of account "1"'),
  ('SELECT 1 AS id, true AS locked', 'SELECT 1 AS id', '{}', '22023', 'account "1" is locked and has no territory to stay in'),
  ('SELECT 1 AS id, true AS locked, 2 AS territory', 'SELECT 1 AS id', '{}', '22023', 'account "1" is locked to a territory that is not there'),
  ('SELECT 1 AS id, 2 AS locked_to', 'SELECT 1 AS id', '{}', '22023', 'account "1" is locked to a territory that is not there'),
  ('SELECT 1 AS id, true AS locked, 1 AS territory, 2 AS locked_to', 'SELECT * FROM (VALUES (1), (2)) v(id)', '{}', '22023', 'account "1" is locked where it is and to another territory'),
  ('SELECT 1 AS id, ''forever'' AS holdout', 'SELECT 1 AS id', '{}', '22023', 'holdout of account "1" is "forever"'),
  ('SELECT 1 AS id, ''2026-01-01'' AS holdout_until', 'SELECT 1 AS id', '{}', '42804', 'column "holdout_until" of accounts_sql must be a date'),
  -- Places.
  ('SELECT 1 AS id, 2 AS x', 'SELECT 1 AS id', '{}', '22023', 'the places of accounts_sql are half given'),
  ('SELECT 1 AS id, 2 AS x, 3 AS y', 'SELECT 1 AS id', '{}', '22023', 'the accounts have places and the territories have no homes'),
  ('SELECT 1 AS id, 2 AS x, 3 AS y', 'SELECT 1 AS id, NULL::float8 AS x, NULL::float8 AS y', '{}', '22004', 'territory "1" has no home'),
  ('SELECT 1 AS id, 2 AS x, NULL::integer AS y', 'SELECT 1 AS id, 1 AS x, 1 AS y', '{}', '22004', 'the place of account "1" is half known'),
  ('SELECT 1 AS id, ''NaN''::float8 AS x, 3 AS y', 'SELECT 1 AS id, 1 AS x, 1 AS y', '{}', '22023', 'the place of account "1" is (NaN, 3)'),
  ('SELECT 1 AS id, 91 AS latitude, 3 AS longitude', 'SELECT 1 AS id, 1 AS latitude, 1 AS longitude', '{}', '22023', 'the place of account "1" is (91, 3)'),
  ('SELECT 1 AS id, 51 AS latitude, 3 AS longitude', 'SELECT 1 AS id, 1 AS x, 1 AS y', '{}', '22023', 'accounts and territories are on different maps'),
  -- Options.
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"tolerence": 0.1}', '22023', 'unknown option "tolerence"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '[]', '22023', 'options must be a JSON object'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"tolerance": "wide"}', '22023', 'invalid value for option "tolerance"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"tolerance": -0.1}', '22023', 'invalid value for option "tolerance"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"objective": "happiness"}', '22023', 'invalid value for option "objective"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"most_moves": 1.5}', '22023', 'invalid value for option "most_moves"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"most_moved": {"potential": 5}}', '22023', 'option "most_moved" names "potential", which is no measure'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"measures": {}}', '22023', 'invalid value for option "measures"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"measures": {"accounts": {"tolerence": 1}}}', '22023', 'unknown option "tolerence" of measure "accounts"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"warm_from": 9007199254740992}', '22023', 'plan 9007199254740992 has no prices to begin with'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"as_of": "infinity"}', '22023', 'invalid value for option "as_of"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"as_of": "yesterdayish"}', '22007', NULL),
  ('SELECT 1 AS id', 'SELECT 1 AS id', NULL, '22004', 'options must not be NULL'),
  (NULL, 'SELECT 1 AS id', '{}', '22004', 'accounts_sql must not be NULL'),
  ('SELECT 1 AS id', NULL, '{}', '22004', 'territories_sql must not be NULL');

SELECT plan((SELECT count(*)::integer FROM bad) + 12);
SELECT throws_ok(format('SELECT salesops.plan_territories(%L, %L, %L)', b.accounts, b.territories, b.options), b.code, b.message,
  left(coalesce(b.message, b.accounts) || coalesce(' ' || nullif(b.options::text, '{}'), ''), 120)) FROM bad b;
SELECT is((SELECT count(*) FROM salesops.territory_plan) + (SELECT count(*) FROM salesops.territory_plan_account) + (SELECT count(*) FROM salesops.territory_plan_territory), 0::bigint, 'nothing is kept of what was refused');
SELECT throws_ok($$ SELECT * FROM salesops.balance_territories('SELECT 1 AS id, NULL::integer AS potential', 'SELECT 1 AS id') $$, '22004', NULL, 'the same of balance_territories()');
SELECT lives_ok($$ SELECT salesops.set_setting('territory_memory', '1 MB') $$, 'a megabyte of memory');
SELECT throws_ok($$ SELECT salesops.plan_territories('SELECT i AS id, i % 7 + 1 AS work FROM generate_series(1, 20000) i', 'SELECT i AS id FROM generate_series(1, 10) i') $$, '54000',
  'the plan would take more memory than the setting territory_memory allows', 'is not enough for twenty thousand accounts');
SELECT throws_ok($$ SELECT salesops.set_setting('territory_memory', 'a lot') $$, '22023', NULL, 'memory is so many megabytes');

-- The caller's own names are found, his own types are read as text, and domains as what they stand on.
CREATE SCHEMA mine;
CREATE DOMAIN mine.money AS numeric;
CREATE TYPE mine.area AS ENUM ('north', 'south');
CREATE TABLE mine.customer (id uuid, area mine.area, potential mine.money, tags varchar(20)[]);
INSERT INTO mine.customer VALUES ('00000000-0000-0000-0000-000000000001', 'north', 5, '{a,NULL,a}'), ('00000000-0000-0000-0000-000000000002', 'south', 5, NULL);
SET LOCAL search_path = mine, public;
SELECT lives_ok($$ SELECT salesops.plan_territories('SELECT id, area AS territory, potential, tags FROM customer', 'SELECT unnest(enum_range(NULL::area)) AS id', '{"effort": 0.1}') $$, 'a uuid, an enum, a domain, another search_path');
SELECT results_eq($$ SELECT a.account_id, a.to_territory, a.amount, c.tags FROM salesops.territory_plan_account a JOIN salesops.territory_plan_class c USING (plan_id, class) ORDER BY 1 $$,
  $$ VALUES ('00000000-0000-0000-0000-000000000001', 'north', ARRAY[5]::double precision[], ARRAY['a']), ('00000000-0000-0000-0000-000000000002', 'south', ARRAY[5], '{}') $$, 'are read as what they mean');
-- What is kept as text is the same whatever the session prints.
SELECT salesops.set_setting('territory_memory', '1024 MB') \g /dev/null
SET LOCAL extra_float_digits = -10;
SET LOCAL datestyle = 'German';
SELECT lives_ok($$ SELECT salesops.plan_territories('SELECT 1e14::float8 + 1 AS id, 1 AS potential', 'SELECT date ''2026-03-01'' AS id, 0.1::float8 + 0.2::float8 AS quota, 0.3::real AS floor_potential', '{"effort": 0.1}') $$, 'numbers and dates as ids');
RESET datestyle;
RESET extra_float_digits;
SELECT results_eq($$ SELECT a.account_id, t.territory_id, t.quota FROM salesops.territory_plan_account a JOIN salesops.territory_plan_territory t USING (plan_id) WHERE plan_id = (SELECT max(plan_id) FROM salesops.territory_plan) $$,
  $$ VALUES ('100000000000001', '2026-03-01', 0.30000000000000004) $$, 'have all their digits, and the year first');
-- Who may not keep a plan hears so before anything is read or planned.
CREATE ROLE territory_input_reader;
SELECT salesops.grant_access('territory_input_reader', 'analyse') \g /dev/null
SET LOCAL ROLE territory_input_reader;
SELECT throws_ok($$ SELECT salesops.plan_territories('SELECT 1 / 0 AS id', 'SELECT 1 AS id') $$, '42501', 'permission denied to keep territory plans', 'without the task plan_territories');
SELECT lives_ok($$ SELECT * FROM salesops.territory_frontier('SELECT 1 AS id', 'SELECT 1 AS id', '{}') $$, 'what keeps nothing needs no such right');
RESET ROLE;
CREATE FUNCTION public.territory_input_read_only() RETURNS void LANGUAGE plpgsql SET transaction_read_only = on AS $$ BEGIN PERFORM salesops.plan_territories('SELECT 1 / 0 AS id', 'SELECT 1 AS id'); END $$;
SELECT throws_ok('SELECT public.territory_input_read_only()', '25006', 'cannot execute plan_territories() in a read-only transaction', 'nor is a plan made that a standby could not keep');
SELECT * FROM finish();
ROLLBACK;
