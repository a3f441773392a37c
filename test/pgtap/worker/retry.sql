-- Runs that fail or break off, and what their retries do. A driver that can fail and die where a test wants it.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir ../../helper/steps.sql
SET LOCAL TimeZone = 'UTC';
SELECT plan(42);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.run_request;
\ir take_run_lock.psql

-- Runs what is due, with the steps named failing, up to the step named dying. Says which steps it began, and how it ended.
CREATE FUNCTION pg_temp.drive(now timestamptz, failing text[] DEFAULT '{}', dying text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  run bigint := salesops.begin_due_run(now);
  todo text;
  begun text[] := '{}';
BEGIN
  IF run IS NULL THEN
    RETURN 'nothing';
  END IF;
  FOR todo IN SELECT s.step FROM salesops.steps_to_do(run) s LOOP
    PERFORM salesops.begin_step(run, todo);
    begun := begun || todo;
    IF todo = dying THEN
      RETURN array_to_string(begun, ' ') || ': died';
    ELSIF todo = ANY (failing) THEN
      PERFORM salesops.fail_step(run, todo, '53100', 'no room', NULL, NULL);
    ELSE
      PERFORM salesops.run_step(run, todo);
    END IF;
  END LOOP;
  RETURN array_to_string(begun, ' ') || ': ' || salesops.finish_run(run, now);
END $$;
CREATE FUNCTION pg_temp.due(now timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(salesops.next_due('nightly', now), 'DD HH24:MI')
$$;
-- The attempts of a day: number, instant and end of each.
CREATE FUNCTION pg_temp.attempts(day date) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(format('%s as of %s %s', r.attempt, to_char(r.as_of, 'DD HH24:MI'), r.status), ', ' ORDER BY r.run_id)
  FROM salesops.run_log r WHERE r.local_date = day
$$;

SELECT salesops.set_schedule('nightly', '02:00', 'UTC') \g /dev/null
UPDATE salesops.schedule SET since = '2026-01-01';

-- A step that fails once
SELECT is(pg_temp.drive('2026-01-10 02:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'a night fails in one step');
SELECT is(pg_temp.due('2026-01-10 02:00Z'), '10 02:05', '... it is due again after five minutes');
SELECT is(pg_temp.drive('2026-01-10 02:04Z'), 'nothing', '... not before');
SELECT is(pg_temp.drive('2026-01-10 02:05Z'), 'audit accounts refresh alert: succeeded', '... the retry does that step, publishes it, and tells how it went');
SELECT is(pg_temp.attempts('2026-01-10'), '1 as of 10 02:00 failed, 2 as of 10 02:00 succeeded', '... as of the same instant');
SELECT is(pg_temp.due('2026-01-10 02:05Z'), '11 02:00', '... and then the next night is due');
SELECT is((SELECT count(DISTINCT series) FROM salesops.run_log), 1::bigint, '... both are one series');
SELECT is((SELECT count(*) FROM rehearsal.trace WHERE step = 'sync'), 1::bigint, '... whose data was read once');

-- A process that goes away
SELECT is(pg_temp.drive('2026-01-11 02:00Z', dying => 'audit'), 'sync snapshot forecast audit: died', 'a night whose process dies');
SELECT is(pg_temp.drive('2026-01-11 02:30Z'), 'nothing', '... is found to be dead');
SELECT is(pg_temp.due('2026-01-11 02:30Z'), '11 02:35', '... and is due five minutes after that, for nobody saw when it died');
SELECT is(pg_temp.drive('2026-01-11 02:35Z'), 'audit accounts duplicates icp refresh backtest alert purge: succeeded', '... the retry carries on where it stopped');
SELECT is(pg_temp.attempts('2026-01-11'), '1 as of 11 02:00 abandoned, 2 as of 11 02:00 succeeded', '... as of the same instant');

-- The reading fails: nothing to carry on from
SELECT is(pg_temp.drive('2026-01-12 02:00Z', '{sync}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'a night that cannot read');
SELECT is(pg_temp.drive('2026-01-12 02:05Z', dying => 'sync'), 'sync: died', '... begins anew, and dies');
SELECT is(pg_temp.drive('2026-01-12 02:06Z'), 'nothing', '... is found');
SELECT is(pg_temp.due('2026-01-12 02:06Z'), '12 02:16', '... the third attempt waits twice as long');
SELECT is(pg_temp.drive('2026-01-12 02:16Z', '{refresh}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', '... and fails elsewhere');
SELECT is(pg_temp.attempts('2026-01-12'), '1 as of 12 02:00 failed, 2 as of 12 02:05 abandoned, 3 as of 12 02:16 failed', '... each as of its own beginning');
SELECT is(pg_temp.due('2026-01-12 02:16Z'), '13 02:00', '... there is no fourth');

-- Another run has read meanwhile
SELECT is(pg_temp.drive('2026-01-13 02:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'a night fails after reading');
INSERT INTO salesops.run_request (run_id, job, as_of) VALUES (900000, 'sync', '2026-01-13 02:03Z');
SELECT is(pg_temp.drive('2026-01-13 02:03Z'), 'sync forecast: succeeded', '... then somebody has the sources read again');
SELECT is(pg_temp.drive('2026-01-13 02:05Z'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: succeeded', '... so the retry begins anew');

-- The next slot comes, or catch_up ends, before the attempts are used up
SELECT salesops.set_schedule('nightly', '02:00', 'UTC', every => '10 minutes', attempts => 5) \g /dev/null
UPDATE salesops.schedule SET since = '2026-01-01';
SELECT is(pg_temp.drive('2026-01-14 02:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'every ten minutes: fails');
SELECT is(pg_temp.drive('2026-01-14 02:05Z', '{audit}'), 'audit accounts refresh alert: failed', '... fails again; the third attempt would be in ten minutes');
SELECT is(pg_temp.due('2026-01-14 02:05Z'), '14 02:10', '... the next slot comes before');
SELECT is(pg_temp.drive('2026-01-14 02:10Z'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: succeeded', '... and is a run of its own');
SELECT is(pg_temp.drive('2026-01-14 02:15Z'), 'nothing', '... after which the old one is not tried again');
SELECT salesops.set_schedule('nightly', '02:00', 'UTC', catch_up => '8 minutes', attempts => 5) \g /dev/null
UPDATE salesops.schedule SET since = '2026-01-01';
SELECT is(pg_temp.drive('2026-01-15 02:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'a short catch_up: fails');
SELECT is(pg_temp.drive('2026-01-15 02:05Z', '{audit}'), 'audit accounts refresh alert: failed', '... fails again');
SELECT is(pg_temp.due('2026-01-15 02:05Z'), '16 02:00', '... and there is no time for a third attempt');

-- A schedule that is changed, or switched off
SELECT salesops.set_schedule('nightly', '02:00', 'UTC') \g /dev/null
UPDATE salesops.schedule SET since = '2026-01-01';
SELECT is(pg_temp.drive('2026-01-16 02:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'fails, and would be tried again');
UPDATE salesops.schedule SET enabled = false;
SELECT is(pg_temp.due('2026-01-16 02:00Z'), NULL, '... but not while the schedule is switched off');
UPDATE salesops.schedule SET enabled = true, since = '2026-01-16 02:01Z';
SELECT is(pg_temp.due('2026-01-16 02:01Z'), '17 02:00', '... nor when it was set anew');

-- What is requested is not repeated
INSERT INTO salesops.run_request (run_id, job, as_of) VALUES (900001, 'nightly', '2026-01-16 03:00Z');
SELECT is(pg_temp.drive('2026-01-16 03:00Z', '{audit}'), 'sync snapshot forecast audit accounts duplicates icp refresh backtest alert purge: failed', 'a requested run fails');
SELECT is((SELECT retry_at FROM salesops.run_log WHERE run_id = 900001), NULL, '... and is not repeated');

-- A step runs again with what it builds on, whoever defined it, and not without
CREATE FUNCTION rehearsal.report(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
SELECT salesops.define_step('report', 'rehearsal.report', builds_on => '{refresh}') \g /dev/null
SELECT salesops.define_job('nightly', '{sync,snapshot,forecast,audit,refresh,report,alert,purge}') \g /dev/null
SELECT is(pg_temp.drive('2026-01-17 02:00Z', '{audit}'), 'sync snapshot forecast audit refresh report alert purge: failed', 'published and reported without an audit');
SELECT is(pg_temp.drive('2026-01-17 02:05Z'), 'audit refresh report alert: succeeded', '... is published and reported again with it');
SELECT is(pg_temp.drive('2026-01-18 02:00Z', '{snapshot}'), 'sync snapshot forecast audit refresh report alert purge: failed', 'without a snapshot');
SELECT is(pg_temp.drive('2026-01-18 02:05Z'), 'snapshot alert: succeeded', '... nothing was published that has to be again');

-- A series goes from the log as a whole
UPDATE salesops.run_log SET started_at = as_of;
SELECT is(salesops.purge_run_log('0', '2026-01-11 02:00Z'), 2::bigint, 'the attempts of a series are purged together');
SELECT is(pg_temp.attempts('2026-01-11'), '1 as of 11 02:00 abandoned, 2 as of 11 02:00 succeeded', '... the later ones stay');

SELECT * FROM finish();
ROLLBACK;
