-- When a job is due. The instants were computed by hand from the dates of the clock changes:
-- New York 2026-03-08 02:00 EST -> 03:00 EDT and 2026-11-01 02:00 EDT -> 01:00 EST,
-- Berlin   2026-03-29 02:00 CET -> 03:00 CEST and 2026-10-25 03:00 CEST -> 02:00 CET.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SELECT plan(29);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;

-- A schedule that was set long ago.
CREATE FUNCTION pg_temp.schedule(at_time time, time_zone text, catch_up interval DEFAULT '12 hours') RETURNS void LANGUAGE sql AS $$
  SELECT salesops.set_schedule('nightly', at_time, time_zone, catch_up => catch_up);
  UPDATE salesops.schedule SET since = '2000-01-01';
$$;
CREATE FUNCTION pg_temp.next_due(after timestamptz) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT salesops.next_due('nightly', after)
$$;
CREATE FUNCTION pg_temp.due_run(now timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(d.job || ' ' || d.local_date, ', ') FROM salesops.due_run(now) d
$$;

-- Clock changes
SELECT pg_temp.schedule('02:30', 'America/New_York');
SELECT is(pg_temp.next_due('2026-03-07 00:00Z'), '2026-03-07 07:30Z', 'New York, the day before spring: 02:30 EST');
SELECT is(pg_temp.next_due('2026-03-07 07:30Z'), '2026-03-08 07:30Z', 'New York, spring: 02:30 does not exist, 03:30 EDT');
SELECT is(pg_temp.next_due('2026-03-08 07:30Z'), '2026-03-09 06:30Z', 'New York, the day after: 02:30 EDT');
SELECT pg_temp.schedule('01:30', 'America/New_York');
SELECT is(pg_temp.next_due('2026-10-30 05:30Z'), '2026-10-31 05:30Z', 'New York, the day before autumn: 01:30 EDT');
SELECT is(pg_temp.next_due('2026-10-31 05:30Z'), '2026-11-01 06:30Z', 'New York, autumn: 01:30 twice, the second one, EST');
SELECT is(pg_temp.next_due('2026-11-01 05:30Z'), '2026-11-01 06:30Z', '... also when asked at the first one');
SELECT is(pg_temp.next_due('2026-11-01 06:30Z'), '2026-11-02 06:30Z', 'New York, the day after: 01:30 EST');
SELECT pg_temp.schedule('02:30', 'Europe/Berlin');
SELECT is(pg_temp.next_due('2026-03-28 01:29Z'), '2026-03-28 01:30Z', 'Berlin, the day before spring: 02:30 CET');
SELECT is(pg_temp.next_due('2026-03-28 01:30Z'), '2026-03-29 01:30Z', 'Berlin, spring: 02:30 does not exist, 03:30 CEST');
SELECT is(pg_temp.next_due('2026-03-29 01:30Z'), '2026-03-30 00:30Z', 'Berlin, the day after: 02:30 CEST');
SELECT is(pg_temp.next_due('2026-10-23 00:30Z'), '2026-10-24 00:30Z', 'Berlin, the day before autumn: 02:30 CEST');
SELECT is(pg_temp.next_due('2026-10-24 00:30Z'), '2026-10-25 01:30Z', 'Berlin, autumn: 02:30 twice, the second one, CET');
SELECT is(pg_temp.next_due('2026-10-25 01:30Z'), '2026-10-26 01:30Z', 'Berlin, the day after: 02:30 CET');

-- What is due
SELECT pg_temp.schedule('02:00', 'UTC');
SELECT is(pg_temp.due_run('2026-01-10 01:59:59Z'), NULL, 'not due before its time');
SELECT is(pg_temp.due_run('2026-01-10 02:00Z'), 'nightly 2026-01-10', 'due at its time');
SELECT is(pg_temp.due_run('2026-01-10 13:59:59Z'), 'nightly 2026-01-10', 'made up for within catch_up');
SELECT is(pg_temp.due_run('2026-01-10 14:00Z'), NULL, 'not made up for later than catch_up');
SELECT is(pg_temp.due_run('2026-01-15 05:00Z'), 'nightly 2026-01-15', 'after five days down, one run');
\ir take_run_lock.psql
SELECT ok(salesops.try_run_lock(), 'the run lock is free');
SELECT isnt(salesops.begin_attempt('nightly', '2026-01-15', 0, '2026-01-15 02:00Z', '2026-01-15 05:00Z'), NULL, 'that run begins');
SELECT is(pg_temp.due_run('2026-01-15 05:00Z'), NULL, '... and nothing more is due that day');
SELECT is(pg_temp.next_due('2026-01-15 01:00Z'), '2026-01-16 02:00Z', '... although the clock went back');
SELECT is(pg_temp.next_due('2026-01-14 01:00Z'), '2026-01-14 02:00Z', 'a day that has not run is due also when a later one has');
UPDATE salesops.schedule SET since = '2026-01-20 02:30Z';
SELECT is(pg_temp.due_run('2026-01-20 03:00Z'), NULL, 'what would have been due before the schedule was set is not');
SELECT is(pg_temp.due_run('2026-01-21 02:00Z'), 'nightly 2026-01-21', '... and the first one after it is');
SELECT pg_temp.schedule('23:30', 'UTC');
SELECT is(pg_temp.due_run('2026-01-31 00:15Z'), 'nightly 2026-01-30', 'a run made up for after midnight belongs to its own day');

-- Setting a schedule
SELECT is(salesops.set_schedule(enabled => false), NULL, 'a disabled schedule is never due');
SELECT throws_ok($$SELECT salesops.set_schedule('yearly')$$, '22023', 'unknown job "yearly"', 'an unknown job is refused');
SELECT throws_ok($$SELECT salesops.set_schedule(time_zone => 'Mars/Olympus')$$, '22023', 'unknown time zone "Mars/Olympus"',
                 'an unknown zone is refused');

SELECT * FROM finish();
ROLLBACK;
