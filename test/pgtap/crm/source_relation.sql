-- A connector's relations are read without lending the connector the reader's rights.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(15);

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

SELECT is(salesops.source_relation('landing.plain'), 'landing.plain', 'a plain table is read as it is');
SELECT matches(salesops.source_relation('landing.opportunity'), 'read_as_owner', 'a view is read as its owner');
SELECT matches(salesops.source_relation('landing.typed'), 'read_as_owner', 'so is a column of a type the owner made');
SELECT matches(salesops.source_relation('landing.guarded'), 'read_as_owner', 'and a table with row security');
SELECT ok(EXISTS (SELECT FROM pg_locks l WHERE l.relation = 'landing.plain'::regclass AND l.pid = pg_backend_pid()), 'the relation is locked');

SELECT results_eq(
  $$ SELECT r.id, r.amount, r.name FROM salesops.read_as_owner('landing.opportunity') AS r(id text, stage_name text, amount numeric, close_date date, name text) ORDER BY 1 $$,
  $$ VALUES ('1', 10.50, 'salesops_test_connector'), ('2', NULL, 'salesops_test_connector') $$,
  'the rows come, and its code has its owner''s rights');
SELECT results_eq(
  $$ SELECT r.* FROM salesops.read_as_owner('landing.typed') AS r(id text, stage text, "A ""b""" integer) $$,
  $$ VALUES ('t', 'salesops_test_connector', 7) $$,
  'a type the owner made comes as text, by his own cast, with his own rights');
SELECT is(current_user::text, session_user::text, 'the reader is himself again');
SELECT throws_ok($$ SELECT * FROM salesops.read_as_owner('landing.plain') AS r(id integer) $$, '42804', NULL, 'columns that do not fit are refused');

-- A relation that was dropped after somebody looked it up.
SELECT throws_ok('SELECT salesops.source_relation(0)', '42P01', 'relation with OID 0 does not exist');
SELECT throws_ok('SELECT * FROM salesops.read_as_owner(0) AS r(id text)', '42P01', 'relation with OID 0 does not exist');

-- The night reads the view, and nobody has become anything.
SELECT salesops.connect('landing', 'fivetran_salesforce', 'landing');
SELECT is_empty($$ SELECT entity, message FROM salesops.sync('landing', '2026-02-01') WHERE sqlstate IS NOT NULL $$, 'a source with a view syncs');
SELECT results_eq($$ SELECT id, amount, close_date FROM salesops.opportunity WHERE source_key = 'landing' ORDER BY id $$,
                  $$ VALUES ('1', 10.50, date '2026-01-31'), ('2', NULL, NULL) $$, '... its rows are there');
SELECT lives_ok($$ SELECT * FROM salesops.tie_out('landing') $$, '... and tie out');
SELECT is(rolsuper, false, 'the connector has no more rights than before') FROM pg_roles WHERE rolname = 'salesops_test_connector';
SELECT * FROM finish();
ROLLBACK;
