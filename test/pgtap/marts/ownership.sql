-- Whose marts they are: nobody's code runs under the rights of somebody mightier, and nobody prepares what others will read.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(13);

CREATE ROLE salesops_test_publisher;
CREATE ROLE salesops_test_squatter;
DO $$ BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO salesops_test_publisher, salesops_test_squatter', current_database());
END $$;
GRANT USAGE ON SCHEMA salesops TO salesops_test_publisher, salesops_test_squatter;
GRANT SELECT ON ALL TABLES IN SCHEMA salesops TO salesops_test_publisher;
GRANT INSERT, UPDATE ON salesops.publication, salesops.mart_refresh TO salesops_test_publisher;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA salesops TO salesops_test_publisher;
CREATE SCHEMA publisher AUTHORIZATION salesops_test_publisher;

-- Somebody was here before.
SAVEPOINT squat;
SET LOCAL ROLE salesops_test_squatter;
CREATE SCHEMA salesops_bi;
RESET ROLE;
SELECT throws_ok('SELECT salesops.install_marts()', '42501', 'schema salesops_bi belongs to "salesops_test_squatter", who may not publish',
                 'a schema that somebody else made is refused');
SELECT throws_ok($$SELECT salesops.refresh_marts('2026-01-01')$$, '42501', NULL, 'by the night too');
ROLLBACK TO squat;
CREATE SCHEMA salesops_bi;
GRANT CREATE ON SCHEMA salesops_bi TO salesops_test_squatter;
SELECT salesops.create_mart('run_health') \g /dev/null
ALTER VIEW salesops_bi.run_health OWNER TO salesops_test_squatter;
SELECT throws_ok('SELECT salesops.install_marts()', '42501', 'relation salesops_bi.run_health belongs to "salesops_test_squatter", who may not publish',
                 'so is a mart of the right shape that somebody else made');
ROLLBACK TO squat;

-- A mart of a lesser role, which wrote a function into an index of it.
SET LOCAL ROLE salesops_test_publisher;
SELECT cmp_ok(salesops.refresh_marts('2026-01-01'), '>=', 0::bigint, 'a role with the rights to publish makes and refreshes the marts');
CREATE FUNCTION publisher.fold(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x; END $$;
CREATE INDEX by_own ON salesops_bi.run_health_mat (publisher.fold(name));
CREATE STATISTICS salesops_bi.folded ON (publisher.fold('x')), name FROM salesops_bi.run_health_mat;
CREATE OR REPLACE FUNCTION publisher.fold(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'salesops_test_publisher' THEN
    RAISE EXCEPTION 'ran as %', current_user;
  END IF;
  RETURN x;
END $$;
RESET ROLE;
SELECT throws_ok('SELECT count(*) FROM salesops_bi.run_health_mat', 'P0001', NULL, 'a query of the mart runs what is written into its statistics: the trap is live');
SELECT cmp_ok(salesops.refresh_marts('2026-01-02'), '>', 0::bigint, 'the night of a superuser refreshes the marts');
SELECT is_empty('SELECT mart, message FROM salesops.mart_status WHERE sqlstate IS NOT NULL', 'all of them: nothing of the publisher ran under other rights');
SELECT is((SELECT rows FROM salesops.mart_status WHERE mart = 'run_health'), salesops.count_rows('salesops_bi.run_health_mat'), 'and their rows are counted');

-- Made anew for a superuser, it stays who was.
ALTER MATERIALIZED VIEW salesops_bi.run_health_mat RENAME COLUMN message TO old_message;
SELECT is(salesops.install_marts(), 1::bigint, 'a mart whose columns changed is made anew by a superuser');
SELECT set_eq($$SELECT c.relname::text, pg_get_userbyid(c.relowner)::text FROM pg_class c WHERE c.relnamespace = 'salesops_bi'::regnamespace AND c.relname LIKE 'run\_health%'$$,
                  $$SELECT x, 'salesops_test_publisher' FROM unnest(ARRAY['run_health', 'run_health_key', 'run_health_mat']) x$$, 'its owner stays');
SELECT isnt(to_regclass('salesops_bi.by_own'), NULL, 'and so does his index');
SELECT cmp_ok(salesops.refresh_marts('2026-01-03'), '>', 0::bigint, 'the next night refreshes it');
SELECT is_empty('SELECT mart, message FROM salesops.mart_status WHERE sqlstate IS NOT NULL', 'under the rights of its owner');
SELECT * FROM finish();
ROLLBACK;
