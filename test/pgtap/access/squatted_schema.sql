-- Whoever was in schema salesops first.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
DROP EXTENSION IF EXISTS salesops CASCADE;
DROP SCHEMA IF EXISTS salesops CASCADE;
SELECT plan(4);
CREATE ROLE salesops_test_squatter;
SAVEPOINT empty;
CREATE SCHEMA salesops AUTHORIZATION salesops_test_squatter;
SELECT throws_ok('CREATE EXTENSION salesops', '42501', 'schema salesops belongs to "salesops_test_squatter"', 'a schema of a lesser role is refused');
ROLLBACK TO empty;
CREATE SCHEMA salesops;
CREATE FUNCTION salesops.get_setting(x varchar) RETURNS text LANGUAGE sql AS 'SELECT x';
SELECT throws_ok('CREATE EXTENSION salesops', '55000', 'schema salesops is not empty', 'so is one with a function that would take the place of ours');
DROP FUNCTION salesops.get_setting(varchar);
CREATE TABLE salesops.mine (x integer);
SELECT throws_ok('CREATE EXTENSION salesops', '55000', NULL, 'or with a table');
DROP TABLE salesops.mine;
SELECT lives_ok('CREATE EXTENSION salesops', 'an empty schema of one''s own will do');
SELECT * FROM finish();
ROLLBACK;
