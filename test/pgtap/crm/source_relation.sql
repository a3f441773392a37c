-- A connector's relations are read without lending the connector the reader's rights.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(24);

CREATE ROLE salesops_test_connector;
CREATE SCHEMA landing AUTHORIZATION salesops_test_connector;

SET LOCAL ROLE salesops_test_connector;
-- What is run on reading tries to make its author a superuser, and says whose rights it had.
CREATE FUNCTION landing.seize() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  ALTER ROLE salesops_test_connector SUPERUSER;
  RETURN 'seized';
EXCEPTION WHEN insufficient_privilege THEN
  RETURN current_user;
END $$;
CREATE TYPE landing.label AS ENUM ('Prospecting', 'Closed Won');
CREATE FUNCTION landing.label_text(landing.label) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN landing.seize();
END $$;
CREATE CAST (landing.label AS text) WITH FUNCTION landing.label_text(landing.label);
CREATE TABLE landing.plain (id text, stage_name text, amount numeric(12,2), close_date date);
INSERT INTO landing.plain VALUES ('1', 'Prospecting', 10.50, '2026-01-31'), ('2', 'Closed Won', NULL, NULL);
CREATE VIEW landing.opportunity AS SELECT p.*, landing.seize() AS name FROM landing.plain p;
CREATE TABLE landing.typed (id text, stage landing.label, "A ""b""" integer);
INSERT INTO landing.typed VALUES ('t', 'Closed Won', 7);
CREATE TABLE landing.guarded (id text);
INSERT INTO landing.guarded VALUES ('g');
ALTER TABLE landing.guarded ENABLE ROW LEVEL SECURITY;
RESET ROLE;

SELECT ok(EXISTS (SELECT FROM (SELECT salesops.source_relation('landing.plain')) x, pg_locks l WHERE l.relation = 'landing.plain'::regclass AND l.pid = pg_backend_pid()),
          'the relation is locked');

SELECT results_eq(
  $$ SELECT r.id, r.amount, r.name FROM salesops.read_relation('landing.opportunity') AS r(id text, stage_name text, amount numeric, close_date date, name text) ORDER BY 1 $$,
  $$ VALUES ('1', 10.50, 'salesops_test_connector'), ('2', NULL, 'salesops_test_connector') $$,
  'the rows of a view come, and its code has its owner''s rights');
SELECT results_eq(
  $$ SELECT r.* FROM salesops.read_relation('landing.typed') AS r(id text, stage text, "A ""b""" integer) $$,
  $$ VALUES ('t', 'salesops_test_connector', 7) $$,
  'a type the owner made comes as text, by his own cast, with his own rights');
SELECT results_eq($$ SELECT * FROM salesops.read_relation('landing.guarded') AS r(id text) $$, $$ VALUES ('g') $$, 'row security does not hide an owner''s own rows');
SELECT is(current_user::text, session_user::text, 'the reader is himself again');
SELECT throws_ok($$ SELECT * FROM salesops.read_relation('landing.plain') AS r(id integer) $$, '42804', NULL, 'columns that do not fit are refused');

-- A query of a plain table computes constants of its indexes, statistics and constraints when it is planned.
CREATE FUNCTION pg_temp.source_rows(relation regclass) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT to_jsonb(r) FROM %s r', salesops.source_relation(relation));
END $$;
SET LOCAL ROLE salesops_test_connector;
CREATE FUNCTION landing.fold(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE TABLE landing.folding (id text, gone integer, code char(15), CHECK (landing.fold(1) > 0));
INSERT INTO landing.folding VALUES ('f', 1, 'x');
ALTER TABLE landing.folding DROP COLUMN gone, ADD COLUMN later numeric DEFAULT 5;
CREATE INDEX ON landing.folding ((landing.fold(2)));
CREATE INDEX ON landing.folding (id) WHERE landing.fold(3) > 0;
CREATE STATISTICS landing.folded ON (landing.fold(4)), id FROM landing.folding;
CREATE OR REPLACE FUNCTION landing.fold(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'salesops_test_connector' THEN
    PERFORM set_config('salesops_test.ran_as', current_user, false);
  END IF;
  RETURN 1;
END $$;
CREATE TABLE landing.parent (id text);
CREATE TABLE landing.child (x integer) INHERITS (landing.parent);
INSERT INTO landing.child VALUES ('c', 1);
CREATE MATERIALIZED VIEW landing.unfilled AS SELECT 1 AS x WITH NO DATA;
RESET ROLE;
SELECT set_config('salesops_test.ran_as', '', false) \g /dev/null
SELECT results_eq($$ SELECT * FROM pg_temp.source_rows('landing.folding') $$, $$ VALUES ('{"id": "f", "code": "x              ", "later": 5}'::jsonb) $$,
                  'a table whose columns came and went is read');
SELECT is(current_setting('salesops_test.ran_as'), '', 'and nothing that its owner wrote into it ran under other rights');
SELECT count(*) FROM landing.folding \g /dev/null
SELECT is(current_setting('salesops_test.ran_as'), current_user::text, 'as it does in a query: the trap is live');
SELECT results_eq($$ SELECT * FROM pg_temp.source_rows('landing.parent') $$, $$ VALUES ('{"id": "c"}'::jsonb) $$, 'rows of children are read');
SELECT throws_ok($$ SELECT * FROM pg_temp.source_rows('landing.unfilled') $$, '55000', NULL, 'a materialized view without rows is said');
SELECT throws_ok($$ SELECT salesops.source_relation(4294967290) $$, '42P01', NULL, 'a relation that is not there is said');
SELECT throws_ok($$ SELECT salesops.source_relation('pg_class_oid_index') $$, '42809', NULL, 'an index is no source');

-- A reader without the rights of the owner has only his own to lend.
CREATE ROLE salesops_test_night;
GRANT USAGE ON SCHEMA salesops, landing TO salesops_test_night;
GRANT SELECT ON landing.plain, landing.opportunity TO salesops_test_night;
SET LOCAL ROLE salesops_test_night;
SELECT is((SELECT count(*) FROM pg_temp.source_rows('landing.plain')), 2::bigint, 'he reads a table');
SELECT throws_ok($$ SELECT * FROM pg_temp.source_rows('landing.opportunity') $$, '42501',
                 'reading "opportunity" would run code of its owner "salesops_test_connector" under the rights of "salesops_test_night"', 'but runs no code of the owner');
SELECT throws_ok($$ SELECT * FROM pg_temp.source_rows('landing.guarded') $$, '42501', NULL, 'nor reads what he may not');
SELECT throws_ok($$ SELECT * FROM salesops.read_relation('pg_authid') AS r(x integer) $$, '42501', NULL, 'that comes first');
SELECT is_empty($$ SELECT FROM pg_locks l WHERE l.relation = 'landing.typed'::regclass AND l.pid = pg_backend_pid() AND salesops.source_relation('landing.typed') IS NULL $$,
                'nor locks it');
RESET ROLE;
GRANT salesops_test_connector TO salesops_test_night;
SET LOCAL ROLE salesops_test_night;
SELECT is((SELECT count(*) FROM pg_temp.source_rows('landing.opportunity')), 2::bigint, 'as a member of the owner he reads all');
RESET ROLE;

-- The night reads the view, and nobody has become anything.
SET LOCAL ROLE salesops_test_connector;
CREATE OR REPLACE FUNCTION landing.seize() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM set_config('search_path', 'landing, pg_catalog', false), set_config('statement_timeout', '0', true);
  RETURN 'set';
END $$;
RESET ROLE;
SET LOCAL statement_timeout = '5min';
SELECT salesops.connect('landing', 'fivetran_salesforce', 'landing');
CREATE TEMP TABLE path_before AS SELECT current_setting('search_path') AS path;
SELECT is_empty($$ SELECT entity, message FROM salesops.sync('landing', '2026-02-01') WHERE sqlstate IS NOT NULL $$, 'a source with a view syncs');
SELECT results_eq($$ SELECT id, amount, close_date FROM salesops.opportunity WHERE source_key = 'landing' ORDER BY id $$,
                  $$ VALUES ('1', 10.50, date '2026-01-31'), ('2', NULL, NULL) $$, '... its rows are there');
SELECT lives_ok($$ SELECT * FROM salesops.tie_out('landing') $$, '... and tie out');
SELECT is(rolsuper, false, 'the connector has no more rights than before') FROM pg_roles WHERE rolname = 'salesops_test_connector';
SELECT is(ARRAY[current_setting('search_path'), current_setting('statement_timeout')], ARRAY[(SELECT path FROM path_before), '5min'],
          'and left no setting behind that would act later');
SELECT * FROM finish();
ROLLBACK;
