-- A run, step by step, as a driver takes it.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir ../../helper/steps.sql
SELECT plan(44);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.run_request;

-- Beginning. The session of the test before may still be on its way out with the lock.
\ir take_run_lock.psql
SELECT salesops.release_run_lock() \g /dev/null
SELECT throws_ok($$SELECT salesops.begin_run('nightly', '2026-01-01')$$, '55000',
                 'this session does not hold the run lock', 'a run begins only under the run lock');
SELECT is(salesops.run_lock_holder(), NULL, 'nobody holds it');
SELECT ok(salesops.try_run_lock(), 'this session takes it');
SELECT ok(salesops.try_run_lock(), '... may ask again');
SELECT is(salesops.run_lock_holder(), pg_backend_pid(), '... and holds it');
SELECT salesops.begin_attempt('nightly', '2026-01-01', 0, '2026-01-01 02:00Z', '2026-01-01 02:00Z') AS run \gset
SELECT results_eq(format('SELECT started_by, local_date, due_at, as_of, attempt, retries, series FROM salesops.run_log WHERE run_id = %s', :run),
                  format($$VALUES ('schedule', date '2026-01-01', timestamptz '2026-01-01 02:00Z', timestamptz '2026-01-01 02:00Z', 1, NULL::bigint, %s::bigint)$$, :run),
                  'the first attempt at a slot begins its series');
SELECT isnt(salesops.begin_attempt('nightly', '2026-01-02', 0, '2026-01-02 02:00Z', '2026-01-02 02:00Z'), NULL, 'the next day has one of its own');
SELECT is((SELECT count(salesops.begin_run('nightly', '2026-01-02 02:00Z')) FROM generate_series(1, 3)), 3::bigint,
          'manual runs may repeat a day');
SELECT throws_ok($$SELECT salesops.begin_run('weekly', '2026-01-01')$$, '22023', 'unknown job "weekly"',
                 'an unknown job is refused');
SELECT throws_ok($$SELECT salesops.begin_run('nightly', 'infinity')$$, '22023', 'as_of must be an instant, not infinity',
                 'so is a run for ever');
SELECT throws_ok($$SELECT salesops.request_run('nightly', NULL)$$, '22023', 'as_of must be an instant, not NULL', '... or for no instant');
SELECT throws_ok(format($$SELECT salesops.begin_run('nightly', %L)$$, clock_timestamp() + interval '25 hours'), '22023', NULL,
                 '... or as of a day to come');
SELECT throws_ok($$SELECT salesops.request_run('nightly', '2026-01-02 01:59Z')$$, '22023',
                 format('a run as of %s would come before the last one', timestamptz '2026-01-02 01:59Z'), '... or before the last one');
SELECT results_eq($$SELECT status, count(*) FROM salesops.run_log GROUP BY 1 ORDER BY 1$$,
                  $$VALUES ('abandoned', 4::bigint), ('running', 1)$$, 'a manual run that begins shows the ones before it to be abandoned');

-- Steps
SELECT results_eq($$SELECT step FROM salesops.job_steps('nightly')$$, ARRAY['sync', 'snapshot', 'forecast', 'audit', 'accounts', 'duplicates', 'icp', 'refresh', 'backtest', 'alert', 'purge'],
                  'the steps of the nightly job');
SELECT is_empty($$SELECT * FROM salesops.job_steps('weekly')$$, 'no steps of a job that is not');
SELECT salesops.begin_run('nightly', '2026-01-03 02:00Z') AS run \gset
SELECT throws_ok(format($$SELECT salesops.run_step(%s, 'sync')$$, :run), '55000', NULL, 'a step is begun before it is run');
SELECT salesops.begin_step(:run, 'sync');
SELECT is((SELECT status FROM salesops.run_step_log WHERE run_id = :run), 'running', 'a step that has begun is running');
SELECT throws_ok(format($$SELECT salesops.begin_step(%s, 'sync')$$, :run), '23505', NULL, '... and cannot begin twice');
SELECT is(salesops.run_step(:run, 'sync'), 7::bigint, 'a step returns the rows it wrote');
SELECT results_eq(format($$SELECT status, rows_affected, finished_at >= started_at FROM salesops.run_step_log WHERE run_id = %s$$, :run),
                  $$VALUES ('succeeded', 7::bigint, true)$$, '... and logs its success');
SELECT is((SELECT as_of FROM rehearsal.trace), '2026-01-03 02:00Z', '... and computes as of the instant of the run');
SELECT salesops.begin_step(:run, 'dance');
SELECT throws_ok(format($$SELECT salesops.run_step(%s, 'dance')$$, :run), '22023', 'unknown step "dance"', 'an unknown step is refused');
SELECT salesops.fail_step(:run, 'dance', '22023', 'unknown step', '', 'look');
SELECT results_eq(format($$SELECT status, sqlstate, message, detail, hint FROM salesops.run_step_log WHERE run_id = %s AND step = 'dance'$$, :run),
                  $$VALUES ('failed', '22023', 'unknown step', NULL, 'look')$$, 'an error is logged, its empty parts as NULL');
SELECT salesops.fail_step(:run, 'sync', '22023', 'too late', NULL, NULL);
SELECT is((SELECT status FROM salesops.run_step_log WHERE run_id = :run AND step = 'sync'), 'succeeded', 'a step that has ended cannot fail');
SELECT is(salesops.finish_run(:run), 'failed', 'a run with a failed step has failed');
SELECT is(salesops.finish_run(:run), NULL, '... and ends once');

-- Requests and due runs
SELECT is(salesops.begin_due_run('2026-02-01'), NULL, 'without schedule or request nothing begins');
SELECT salesops.set_schedule(at_time => '01:00', time_zone => 'Asia/Tokyo');
UPDATE salesops.schedule SET since = '2000-01-01';
INSERT INTO salesops.run_request (run_id, job, as_of) VALUES (1001, 'nightly', '2026-02-01 16:00Z'), (1000, 'nightly', '2026-02-01 14:00Z');
SELECT is(salesops.begin_due_run('2026-02-01 16:00Z'), 1000::bigint, 'requests go before the schedule, in the order in which they came');
SELECT is(salesops.begin_due_run('2026-02-01 16:00Z'), 1001::bigint, '... one by one');
SELECT results_eq('SELECT run_id, local_date FROM salesops.run_log WHERE run_id >= 1000 ORDER BY 1',
                  $$VALUES (1000::bigint, date '2026-02-01'), (1001, '2026-02-02')$$, '... on the local day of their instant in Tokyo');
SELECT salesops.begin_due_run('2026-02-01 16:00Z') AS run \gset
SELECT results_eq(format('SELECT started_by, local_date, as_of FROM salesops.run_log WHERE run_id = %s', :run),
                  $$VALUES ('schedule', date '2026-02-02', timestamptz '2026-02-01 16:00Z')$$, 'then the run that is due');
SELECT is(salesops.finish_run(:run), 'succeeded', 'a run without a failed step has succeeded');
SELECT is(salesops.begin_due_run('2026-02-01 16:00Z'), NULL, '... and then nothing');
INSERT INTO salesops.run_request (run_id, job, as_of) VALUES (1002, 'nightly', salesops.clock() + interval '1 year');
SELECT is(salesops.begin_due_run('2026-02-01 16:00Z'), 1002::bigint, 'a request from a clock that was ahead holds up nobody');
SELECT is((SELECT as_of FROM salesops.run_log WHERE run_id = 1002), timestamptz '2026-02-01 16:00Z', '... it is as of now');
DELETE FROM salesops.run_log WHERE run_id = 1002;
SELECT throws_ok('SELECT salesops.await_run(999999)', '42704', NULL, 'one cannot wait for a run that nobody asked for');

-- Status and retention
UPDATE salesops.run_log SET started_at = '2026-01-01'::timestamptz + run_id * interval '1 minute';
SELECT results_eq('SELECT job, last_run_id, last_status, consecutive_failures, next_due > now() FROM salesops.run_status',
                  $$VALUES ('nightly', 1001::bigint, 'abandoned', 2::bigint, true)$$, 'the status of the job');
SELECT is(salesops.purge_run_log('1 day', '2026-01-01'), 0::bigint, 'nothing is purged before its time');
SELECT is(salesops.purge_run_log('1 day', '2027-01-01'), (SELECT count(*) FROM salesops.run_log) - 2, 'old runs are purged');
SELECT results_eq('SELECT run_id FROM salesops.run_log ORDER BY 1', format('VALUES (%s::bigint), (1001)', :run),
                  '... but the last of each kind and the last success');
SELECT is((SELECT count(*) FROM salesops.run_step_log WHERE run_id <> :run), 0::bigint, '... with their steps');
-- The last success is older than all that followed it: a scheduled and a manual run that failed.
SELECT salesops.begin_attempt('nightly', '2026-02-05', 0, '2026-02-04 16:00Z', '2026-02-04 16:00Z') AS failed \gset
SELECT salesops.begin_run('nightly', '2026-02-06', 1002) AS broken_off \gset
UPDATE salesops.run_log SET started_at = '2026-01-05' WHERE run_id IN (:failed, :broken_off);
SELECT salesops.mark_abandoned_runs() \g /dev/null
SELECT salesops.purge_run_log('1 day', '2027-01-01') \g /dev/null
SELECT results_eq('SELECT run_id FROM salesops.run_log ORDER BY 1', format('SELECT unnest(ARRAY[%s, %s, %s]::bigint[]) ORDER BY 1', :run, :failed, :broken_off),
                  '... also after failures');
SELECT ok(salesops.release_run_lock(), 'the lock is given back');

SELECT * FROM finish();
ROLLBACK;
