-- Steps and jobs by name, and schedules of all kinds. Due times by hand from the calendar of 2026: 16 November is a Monday.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SELECT plan(66);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.step;
DELETE FROM salesops.job;
\ir take_run_lock.psql

-- Steps
SELECT results_eq('SELECT step, is_default FROM salesops.steps()', $$VALUES ('accounts', true), ('alert', true), ('audit', true), ('backtest', true), ('duplicates', true), ('forecast', true), ('icp', true), ('purge', true), ('refresh', true), ('snapshot', true), ('sync', true), ('territory_health', true)$$,
                  'the steps that come with the extension');
SELECT lives_ok(format('SELECT salesops.step_call(%L)', s.step), format('step %s has its function', s.step)) FROM salesops.default_steps() s;
SELECT throws_ok($$SELECT salesops.define_step('report', 'public.report')$$, '42883', 'step "report" has no function', 'a step needs a function that is there');
CREATE SCHEMA "Week's end; --";
CREATE FUNCTION "Week's end; --"."Re""port"(run_id bigint, as_of timestamptz) RETURNS integer LANGUAGE sql AS 'SELECT 3';
SELECT throws_ok($$SELECT salesops.define_step('report', '"Week''s end; --"."Re""port"')$$, '42883', NULL, '... and returns bigint');
DROP FUNCTION "Week's end; --"."Re""port";
CREATE FUNCTION "Week's end; --"."Re""port"(run_id bigint, as_of timestamptz) RETURNS SETOF bigint LANGUAGE sql AS 'VALUES (3::bigint), (4)';
SELECT throws_ok($$SELECT salesops.define_step('report', '"Week''s end; --"."Re""port"')$$, '42883', NULL, '... one, not a set of them');
DROP FUNCTION "Week's end; --"."Re""port";
CREATE FUNCTION "Week's end; --"."Re""port"(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 3::bigint';
SELECT lives_ok($$SELECT salesops.define_step('report', '"Week''s end; --"."Re""port"', 'a report')$$, 'its name may be any');
SELECT is(salesops.step_call('report'), '"Week''s end; --"."Re""port"', '... and is quoted when it is called');
SELECT throws_ok($$SELECT salesops.define_step('report', '"Week''s end; --"."Re""port"(1, now()); DROP TABLE salesops.job; --')$$, '42601', NULL, 'a statement is no name');
SELECT throws_ok($$SELECT salesops.step_call('dance')$$, '22023', 'unknown step "dance"', 'a step that nobody defined');
CREATE ROLE jobs_test_clerk;
ALTER FUNCTION "Week's end; --"."Re""port" OWNER TO jobs_test_clerk;
SELECT throws_ok($$SELECT salesops.step_call('report')$$, '42501', 'the function of step "report" belongs to a role that the job does not trust',
                 'the function of a role without rights is not run for somebody else');
GRANT USAGE ON SCHEMA salesops, "Week's end; --" TO jobs_test_clerk;
GRANT SELECT ON salesops.step TO jobs_test_clerk;
SET LOCAL ROLE jobs_test_clerk;
SELECT is(salesops.step_call('report'), '"Week''s end; --"."Re""port"', '... for itself it is');
SELECT is(salesops.step_call('sync'), 'salesops.step_sync', '... and those of the owner of the extension for everybody');
RESET ROLE;
ALTER FUNCTION "Week's end; --"."Re""port" OWNER TO CURRENT_USER;

-- Jobs
SELECT results_eq('SELECT job, is_default FROM salesops.jobs()', $$VALUES ('forecast_cut_off', true), ('nightly', true), ('sync', true), ('territory_health', true)$$, 'the jobs that come with the extension');
SELECT throws_ok($$SELECT salesops.define_job('weekly', '{sync,dance}')$$, '22023', 'unknown step "dance"', 'a job has steps that there are');
SELECT throws_ok($$SELECT salesops.define_job('weekly', '{sync,NULL}')$$, '22023', 'unknown step "NULL"', '... all of them');
SELECT throws_ok($$SELECT salesops.define_job('weekly', '{sync,report,sync}')$$, '22023', 'a job has at least one step, and each step once', '... each once');
SELECT throws_ok(x.call, x.state, x.message, x.call) FROM (VALUES
  ($$SELECT salesops.define_step(NULL, 'public.report')$$, '22004', 'step must not be NULL'), ($$SELECT salesops.define_step('report', 'public.report', NULL)$$, '22004', 'description must not be NULL'),
  ($$SELECT salesops.define_step('', 'public.report')$$, '22023', 'a step has a name'), ($$SELECT salesops.define_job(NULL, '{sync}')$$, '22004', 'job must not be NULL'),
  ($$SELECT salesops.define_job('weekly', '{sync}', NULL)$$, '22004', 'description must not be NULL'), ($$SELECT salesops.define_job('', '{sync}')$$, '22023', 'a job has a name')) x(call, state, message);
SELECT throws_ok($$SELECT salesops.define_job('weekly', '{}')$$, '22023', 'a job has at least one step, and each step once', '... one at least');
SELECT salesops.define_job('weekly', '{sync,report}') \g /dev/null
SELECT salesops.define_job('nightly', '{report}', 'only that') \g /dev/null
SELECT results_eq('SELECT job, steps, is_default FROM salesops.jobs() WHERE job IN (''weekly'', ''nightly'')',
                  $$VALUES ('nightly', '{report}'::text[], false), ('weekly', '{sync,report}', false)$$, 'a definition of one''s own goes before the default');
SELECT salesops.begin_run('nightly', '2026-01-01') AS run \gset
SELECT salesops.begin_step(:run, 'report') \g /dev/null
SELECT is(salesops.run_step(:run, 'report'), 3::bigint, '... and its step runs');
SELECT is(salesops.finish_run(:run), 'succeeded', '... to its end');
DELETE FROM salesops.job WHERE job = 'nightly';
SELECT is((SELECT cardinality(steps) FROM salesops.jobs() WHERE job = 'nightly'), 11, 'without it the default is back');

-- What a step may leave behind: not its settings, and the run lock where it was.
CREATE FUNCTION "Week's end; --".session() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(current_setting(s), ', ') FROM unnest('{role,TimeZone,lock_timeout,default_transaction_read_only,work_mem}'::text[]) AS s
$$;
CREATE FUNCTION "Week's end; --".rude(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$
  SELECT set_config('TimeZone', 'Asia/Tokyo', false), set_config('lock_timeout', '7ms', true), set_config('default_transaction_read_only', 'on', false),
         set_config('work_mem', '64kB', false), set_config('role', 'jobs_test_clerk', false);
  SELECT NULL::bigint;
$$;
CREATE FUNCTION "Week's end; --".careless(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT pg_advisory_unlock_all(); SELECT 1::bigint';
SELECT salesops.define_step('rude', '"Week''s end; --".rude') \g /dev/null
-- What the beginning of another run does to this one.
CREATE FUNCTION "Week's end; --".beaten(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT salesops.mark_abandoned_runs()';
SELECT salesops.define_step('beaten', '"Week''s end; --".beaten') \g /dev/null
SELECT salesops.define_step('careless', '"Week''s end; --".careless') \g /dev/null
SELECT salesops.begin_run('weekly', '2026-01-01') AS run \gset
SELECT salesops.begin_step(:run, step) FROM unnest('{rude,careless,beaten}'::text[]) AS step \g /dev/null
SELECT "Week's end; --".session() AS before \gset
SELECT is(salesops.run_step(:run, 'rude'), NULL, 'a step may change settings, and need not say how much it wrote');
SELECT is("Week's end; --".session(), :'before', '... they are what they were when it has ended');
SELECT is(salesops.run_step(:run, 'careless'), 1::bigint, 'a step that gives the run lock away has done its work');
SELECT is(salesops.run_lock_holder(), pg_backend_pid(), '... and the run its lock');
SELECT throws_ok(format('SELECT salesops.run_step(%s, ''beaten'')', :run), '55P03', format('another run has begun while step "beaten" of run %s was at work', :run),
                 '... unless another run has begun meanwhile: then it has failed');
DELETE FROM salesops.step WHERE step IN ('rude', 'careless', 'beaten');

-- Schedules
CREATE FUNCTION pg_temp.next(job text, after timestamptz) RETURNS text LANGUAGE sql AS $$
  UPDATE salesops.schedule SET since = '2000-01-01';
  SELECT to_char(salesops.next_due(job, after), 'YYYY-MM-DD HH24:MI TZ')
$$;
CREATE FUNCTION pg_temp.due(job text, now timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT to_char(d.due_at, 'MM-DD HH24:MI') FROM salesops.due_run(now) d WHERE d.job = due.job
$$;
SELECT salesops.set_schedule('weekly', '10:00', 'America/New_York', weekdays => '{1}') \g /dev/null
SELECT is(pg_temp.next('weekly', '2026-11-16 14:00Z'), '2026-11-16 15:00 UTC', 'Monday 10:00 in New York');
SELECT is(pg_temp.next('weekly', '2026-11-16 15:00Z'), '2026-11-23 15:00 UTC', '... and the next Monday');
SELECT is(pg_temp.due('weekly', '2026-11-17 02:59Z'), '11-16 15:00', '... made up for on Monday');
SELECT is(pg_temp.due('weekly', '2026-11-17 03:00Z'), NULL, '... not on Tuesday');
SELECT salesops.set_schedule('forecast_cut_off', '18:00', 'UTC', month_days => '{-1}') \g /dev/null
SELECT is(pg_temp.next('forecast_cut_off', '2026-01-31 18:00Z'), '2026-02-28 18:00 UTC', 'the last day of February');
SELECT is(pg_temp.next('forecast_cut_off', '2028-02-01 18:00Z'), '2028-02-29 18:00 UTC', '... of a leap year');
SELECT salesops.set_schedule('forecast_cut_off', '18:00', 'UTC', month_days => '{29,30,31}', weekdays => '{5}') \g /dev/null
SELECT is(pg_temp.next('forecast_cut_off', '2026-11-01'), '2027-01-29 18:00 UTC', 'a Friday that is a 29th, 30th or 31st');
SELECT salesops.set_schedule('sync', '09:00', 'UTC', every => '90 minutes') \g /dev/null
SELECT is(pg_temp.next('sync', '2026-11-16 09:00Z'), '2026-11-16 10:30 UTC', 'every ninety minutes');
SELECT is(pg_temp.next('sync', '2026-11-16 22:30Z'), '2026-11-17 09:00 UTC', '... until the day ends');
SELECT is(pg_temp.due('sync', '2026-11-16 15:10Z'), '11-16 15:00', 'after a downtime the latest slot is due');
SELECT salesops.begin_attempt('sync', '2026-11-16', d.slot, d.due_at, '2026-11-16 15:10Z') FROM salesops.due_run('2026-11-16 15:10Z') d WHERE d.job = 'sync' \g /dev/null
SELECT is(pg_temp.due('sync', '2026-11-16 15:10Z'), NULL, '... and no other');
SELECT is(pg_temp.next('sync', '2026-11-16 13:00Z'), '2026-11-16 13:30 UTC', '... if the clock goes back, slots that have not run come again');
SELECT is(pg_temp.next('sync', '2026-11-16 14:00Z'), '2026-11-16 16:30 UTC', '... the one that has run does not');

-- A schedule that is changed in the course of a day
SELECT salesops.set_schedule('sync', '09:00', 'Europe/Berlin', every => '30 minutes') \g /dev/null
SELECT is(pg_temp.next('sync', '2026-11-16 15:10Z'), '2026-11-16 15:30 UTC', 'more often: from then on');
SELECT is(pg_temp.next('sync', '2026-11-16 14:40Z'), '2026-11-16 15:30 UTC', '... what has run at that minute does not run again');
SELECT salesops.set_schedule('sync', '20:00', 'UTC') \g /dev/null
SELECT is(pg_temp.next('sync', '2026-11-16 15:10Z'), '2026-11-16 20:00 UTC', 'once a day instead: that day too');
UPDATE salesops.schedule SET since = '2026-11-16 20:30Z' WHERE job = 'sync';
SELECT is(pg_temp.due('sync', '2026-11-16 21:00Z'), NULL, 'what was due before the schedule was set is not');
SELECT is(pg_temp.due('sync', '2026-11-16 20:15Z'), '11-16 20:00', '... unless the clock was set back since');

-- What a schedule cannot be
SELECT throws_ok(format('SELECT salesops.set_schedule(%s)', argument), '22023', 'a schedule cannot have this ' || split_part(argument, ' ', 1), 'refused: ' || argument)
FROM unnest(ARRAY[$$weekdays => '{0}'$$, $$month_days => '{32}'$$, $$every => '1 minute'$$, $$catch_up => '1 minute'$$, $$attempts => 0$$]) argument;

SELECT * FROM finish();
ROLLBACK;
