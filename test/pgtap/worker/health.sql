-- Each check of the view health, brought into the state that it warns of.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(30);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.run_request;

CREATE FUNCTION pg_temp.health(check_name text, subject text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT h.status FROM salesops.health h WHERE h.check_name = health.check_name AND h.subject IS NOT DISTINCT FROM health.subject
$$;
-- A run of the past, so many hours ago.
CREATE FUNCTION pg_temp.run(hours integer, status text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.run_log (job, local_date, as_of, started_by, started_at, finished_at, status)
  SELECT 'nightly', t::date, t, 'manual', t, CASE WHEN status IN ('succeeded', 'failed') THEN t END, status
  FROM (SELECT salesops.clock() - hours * interval '1 hour') c (t)
$$;

SELECT is_empty($$SELECT check_name FROM salesops.health WHERE status <> 'ok' AND check_name <> 'dump_losses'$$, 'without a schedule all is well');
SELECT is(pg_temp.health('worker'), 'ok', '... nobody needs the worker');

-- Due two minutes after the last midnight in UTC, or the one before: at least one slot lies in the last day.
SELECT salesops.set_schedule('nightly', '00:02', 'UTC', every => '1 hour') \g /dev/null
SELECT is(pg_temp.health('worker'), CASE WHEN salesops.worker_problem() IS NULL THEN 'ok' ELSE 'warning' END, 'with one somebody has to run it');
SELECT is(pg_temp.health('overdue', 'nightly'), 'ok', 'a schedule that was just set is not overdue');
SELECT is(pg_temp.health('since_success', 'nightly'), 'ok', '... and nothing was missed');
UPDATE salesops.schedule SET since = salesops.clock() - interval '30 days';
SELECT is(pg_temp.health('since_success', 'nightly'), 'critical', 'a job that was due for a month and never ran');
SELECT ok((SELECT value FROM salesops.health WHERE check_name = 'overdue') - extract(epoch FROM now() - max(s.due_at)) / 60 BETWEEN -0.1 AND 5,
          '... is overdue since its last slot')
FROM salesops.schedule c, generate_series(-2, 1) n, salesops.day_slots(c, (now() AT TIME ZONE 'UTC')::date + n) s WHERE s.due_at <= now();
UPDATE salesops.schedule SET every = NULL, catch_up = '1 day', at_time = (now() AT TIME ZONE 'UTC' - interval '30 minutes')::time;
SELECT is(pg_temp.health('overdue', 'nightly'), 'warning', 'for half an hour: a warning');
UPDATE salesops.schedule SET at_time = (now() AT TIME ZONE 'UTC' - interval '2 hours')::time;
SELECT is(pg_temp.health('overdue', 'nightly'), 'critical', 'for two hours: critical');
SELECT pg_temp.run(1, 'succeeded') \g /dev/null
SELECT is(pg_temp.health('since_success', 'nightly'), 'ok', 'a success makes that good');
SELECT is(pg_temp.health('failures', 'nightly'), 'ok', '... no failure since');
SELECT pg_temp.run(0, 'failed') \g /dev/null
SELECT is(pg_temp.health('failures', 'nightly'), 'warning', 'a failure');
SELECT pg_temp.run(0, 'failed'), pg_temp.run(0, 'abandoned') \g /dev/null
SELECT is(pg_temp.health('failures', 'nightly'), 'critical', 'three in a row');
SELECT is(pg_temp.health('abandoned'), 'warning', '... one of them abandoned');
SELECT is(pg_temp.health('clock'), 'ok', 'the clock is right');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, targets)
VALUES ('ahead', 'opportunity', salesops.clock() + interval '2 days', 'full', '{}', '{opportunity}');
SELECT is(pg_temp.health('clock'), 'critical', 'a sync as of in two days: every later one is refused');
DELETE FROM salesops.source_sync WHERE source_key = 'ahead';
SELECT pg_temp.run(-2, 'failed') \g /dev/null
SELECT is(pg_temp.health('clock'), 'warning', 'a run as of in two hours: it was ahead');
\ir take_run_lock.psql
SELECT salesops.begin_run('nightly', salesops.clock() + interval '2 hours') AS run \gset
SELECT salesops.begin_step(:run, 'sync') \g /dev/null
SELECT is(pg_temp.health('overdue', 'nightly'), 'ok', 'while a run is under way nothing is overdue');
SELECT is(pg_temp.health('long_run'), 'ok', '... and it may take its time');
UPDATE salesops.run_step_log SET started_at = clock_timestamp() - interval '5 hours';
SELECT is(pg_temp.health('long_run'), 'critical', '... not five hours');

UPDATE salesops.schedule SET job = 'yearly';
SELECT is(pg_temp.health('broken_schedule', 'yearly'), 'critical', 'a schedule of a job that there is not');
UPDATE salesops.schedule SET job = 'nightly', time_zone = 'Mars/Olympus', since = '2000-01-01';
SELECT salesops.set_schedule('sync', '00:00', 'UTC', every => '5 minutes') \g /dev/null
UPDATE salesops.schedule SET since = '2000-01-01';
SELECT is(pg_temp.health('broken_schedule', 'nightly'), 'critical', 'one in a zone that there is not');
SELECT is((SELECT string_agg(job, ' ') FROM salesops.due_run(now())), 'sync', '... which keeps no other job from running');
SELECT is(salesops.next_due('nightly', now()), NULL, '... itself it is never due');
SELECT ok(salesops.next_due(now()) - now() <= '5 minutes', '... the others are');
SELECT ok(bool_and(grade = expected), 'bounds') FROM (VALUES (salesops.grade(1, 1, 2), 'ok'), (salesops.grade(1.1, 1, 2), 'warning'), (salesops.grade(2.1, 1, 2), 'critical'),
  (salesops.grade(9, 1, NULL), 'warning'), (salesops.grade(9, NULL, NULL), 'ok')) g (grade, expected);
SELECT is((SELECT string_agg(object || ' ' || privilege, ', ') FROM salesops.missing_privileges('nobody there')), 'role "nobody there" to exist', 'a role that does not exist lacks everything');

-- The role of the jobs: right by right of those that grant_access() grants.
CREATE ROLE health_test_clerk;
SELECT salesops.grant_access('health_test_clerk', 'run_jobs') \g /dev/null
REVOKE CONNECT ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE UPDATE ON salesops.opportunity FROM health_test_clerk;
REVOKE EXECUTE ON FUNCTION salesops.lock_extension FROM health_test_clerk;
ALTER MATERIALIZED VIEW salesops_bi.forecast_mat OWNER TO CURRENT_USER;
SELECT is((SELECT string_agg(privilege || ' ' || object, ', ' ORDER BY privilege COLLATE "C") FROM salesops.missing_privileges('health_test_clerk')),
          format('CONNECT database %I, EXECUTE function salesops.lock_extension(text), LOGIN role health_test_clerk, UPDATE table salesops.opportunity, to own it salesops_bi.forecast_mat',
                 current_database()), 'each right that a role lacks is named');
ALTER ROLE health_test_clerk SUPERUSER;
SELECT is_empty($$SELECT * FROM salesops.missing_privileges('health_test_clerk')$$, 'a superuser lacks none');
SELECT is((SELECT object FROM salesops.missing_privileges(NULL)), 'role NULL', 'nobody is no role');

SELECT * FROM finish();
ROLLBACK;
