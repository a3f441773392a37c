-- When scheduled runs wait for a person, instant by instant; and the way back, row by row. 015_clock_in_doubt.pl does the
-- same on a server whose clock is set.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SELECT plan(32);

DELETE FROM salesops.schedule;
DELETE FROM salesops.run_log;
DELETE FROM salesops.run_request;
\ir take_run_lock.psql

CREATE FUNCTION pg_temp.run(job text, as_of timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.run_log (job, local_date, as_of, started_by, started_at, finished_at, status)
  VALUES (job, as_of::date, as_of, 'manual', as_of, as_of, 'succeeded')
$$;
CREATE FUNCTION pg_temp.is_doubted(now timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT salesops.clock_doubt(now) IS NOT NULL $$;

-- What is due and has not run
SELECT ok(NOT pg_temp.is_doubted('2026-02-01Z'), 'without a schedule there is nothing to doubt');
SELECT salesops.set_schedule('nightly', '02:00', 'UTC') \g /dev/null
UPDATE salesops.schedule SET since = '2026-01-01Z';
SELECT ok(NOT pg_temp.is_doubted('2026-02-01 02:00Z'), 'never run: 31 days after the first night');
SELECT ok(pg_temp.is_doubted('2026-02-01 02:00:01Z'), '... and a second longer');
SELECT matches(salesops.clock_doubt('2026-03-01Z'), '^It is 2026-03-01 .*, and what was due at 2026-01-01 02:00:00\+00 has not run\. .*CALL salesops.run_nightly', '... what it says');
SELECT is(salesops.begin_due_run('2026-03-01 02:00Z'), NULL, '... nothing begins');
SELECT pg_temp.run('nightly', '2026-01-20 12:00Z') \g /dev/null
SELECT ok(NOT pg_temp.is_doubted('2026-02-21 02:00Z'), 'the last run: 31 days after the night that followed');
SELECT ok(pg_temp.is_doubted('2026-02-21 02:00:01Z'), '... and a second longer');
UPDATE salesops.schedule SET enabled = false;
SELECT ok(NOT pg_temp.is_doubted('2026-02-25Z'), 'a schedule that is off misses nothing');
UPDATE salesops.schedule SET enabled = true, month_days = '{1}';
SELECT ok(NOT pg_temp.is_doubted('2026-03-04 02:00Z'), 'a monthly job: 31 days after the day that was missed');
SELECT ok(pg_temp.is_doubted('2026-03-04 02:00:01Z'), '... and a second longer');
SELECT pg_temp.run('sync', '2026-03-01Z') \g /dev/null
SELECT ok(NOT pg_temp.is_doubted('2026-03-04 02:00:01Z'), 'any run says that the clock was there');
UPDATE salesops.schedule SET month_days = NULL;
SELECT isnt(salesops.begin_due_run('2026-03-04 02:00Z'), NULL, '... and what is due begins');

-- What was recorded too far ahead
DELETE FROM salesops.run_log;
SELECT pg_temp.run('nightly', '2026-03-05Z') \g /dev/null
SELECT ok(NOT pg_temp.is_doubted('2026-03-04Z'), 'a run a day ahead');
SELECT ok(pg_temp.is_doubted('2026-03-03 23:59:59Z'), '... and a second more');
SELECT matches(salesops.clock_doubt('2026-02-03Z'), 'the last run or sync was as of 2026-03-05 .*correct_future', '... what it says');

-- The way back: nights of a year ahead, one in two attempts, and one before them that is right
DELETE FROM salesops.run_log;
DELETE FROM salesops.schedule;
CREATE TEMPORARY TABLE ahead AS
SELECT n, salesops.clock() + CASE n WHEN 0 THEN interval '-1 hour' ELSE interval '365 days' + n * interval '1 day' END AS at FROM generate_series(0, 3) n;
INSERT INTO salesops.run_log (job, local_date, slot, due_at, as_of, started_by, attempt, retries, started_at, finished_at, status)
SELECT 'nightly', a.at::date, 0, a.at, a.at, 'schedule', 1, NULL, a.at, a.at, CASE a.n WHEN 2 THEN 'failed' ELSE 'succeeded' END FROM ahead a ORDER BY a.n;
INSERT INTO salesops.run_log (job, local_date, slot, due_at, as_of, started_by, attempt, retries, started_at, finished_at, status)
SELECT r.job, r.local_date, 0, r.due_at, r.as_of, 'schedule', 2, r.run_id, r.started_at, r.finished_at, 'succeeded' FROM salesops.run_log r WHERE r.status = 'failed';
INSERT INTO salesops.snapshot (as_of, corporate_currency, fiscal_year_start_month, taken_at) SELECT a.at, 'USD', 1, a.at FROM ahead a;
INSERT INTO salesops.finding (rule, object_kind, source_key, object_id, severity, first_seen_at, first_run_id, resolved_at)
SELECT 'r', 'opportunity', 'ahead', a.n::text, 'info', a.at, 0, a.at + interval '1 day' FROM ahead a WHERE a.n IN (0, 1);
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, targets, watermark, synced_at)
SELECT 'ahead', 'opportunity', a.at, 'full', '{}', '{}', a.at, a.at FROM ahead a WHERE a.n IN (0, 3);
INSERT INTO salesops.stage_map (source_key, stage, valid_from, said_by, status, recorded_at)
SELECT 'ahead', s.said_by, a.at, s.said_by, 'open', a.at FROM ahead a, (VALUES ('crm'), ('user')) AS s (said_by) WHERE a.n = 2;
INSERT INTO salesops.opportunity (source_key, id, is_deleted, effective_at, recorded_at, origin, created_at)
SELECT 'ahead', a.n::text, false, '-infinity', a.at, 'sync', a.at FROM ahead a;

CREATE TEMPORARY TABLE corrected AS SELECT * FROM salesops.correct_future(salesops.clock());
SELECT is((SELECT string_agg(concat_ws(' ', c.relation, c.rows), ', ' ORDER BY c.relation::text COLLATE "C") FROM corrected c),
          'salesops.finding 2, salesops.opportunity 3, salesops.run_log 4, salesops.snapshot 3, salesops.source_sync 1, salesops.stage_map 2', 'rows of each table');
CREATE TEMPORARY VIEW stamped AS
SELECT a.n, a.at, coalesce((SELECT k.became FROM salesops.clock_correction k WHERE k.was = a.at), a.at) AS became FROM ahead a;
SELECT is((SELECT array_agg(s.n ORDER BY s.became) FROM stamped s), '{0,1,2,3}', 'what was recorded keeps its order');
SELECT ok(bool_and(s.became <= salesops.clock()), '... none is of the future') FROM stamped s;
SELECT is((SELECT s.became FROM stamped s WHERE s.n = 0), (SELECT a.at FROM ahead a WHERE a.n = 0), '... what is right stays');
SELECT results_eq('SELECT as_of, taken_at FROM salesops.snapshot WHERE corporate_currency = ''USD'' AND as_of IN (SELECT became FROM stamped) ORDER BY 1',
                  'SELECT became, became FROM stamped ORDER BY 1', 'snapshots');
SELECT results_eq('SELECT id::integer, recorded_at, effective_at FROM salesops.opportunity WHERE source_key = ''ahead'' ORDER BY 1',
                  'SELECT n, became, timestamptz ''-infinity'' FROM stamped ORDER BY 1', 'states');
SELECT results_eq('SELECT id::integer, created_at FROM salesops.opportunity WHERE source_key = ''ahead'' ORDER BY 1', 'SELECT n, at FROM ahead ORDER BY 1',
                  '... but not what the source says');
SELECT ok(bool_and(f.first_seen_at < f.resolved_at AND f.resolved_at <= salesops.clock()), 'an episode ends after it began') FROM salesops.finding f WHERE f.source_key = 'ahead';
SELECT results_eq('SELECT as_of, watermark FROM salesops.source_sync WHERE source_key = ''ahead'' ORDER BY 1',
                  'SELECT became, CASE n WHEN 0 THEN at END FROM stamped WHERE n IN (0, 3) ORDER BY 1', 'syncs; a watermark of the future would hide what changes until then');
SELECT results_eq('SELECT said_by, valid_from, recorded_at FROM salesops.stage_map WHERE source_key = ''ahead'' ORDER BY 1',
                  'SELECT w, CASE w WHEN ''crm'' THEN became ELSE at END, became FROM stamped, unnest(''{crm,user}''::text[]) w WHERE n = 2 ORDER BY 1',
                  'a meaning holds since it was read; what a user said of a day to come stays');
SELECT results_eq('SELECT started_by, as_of, slot, attempt, status FROM salesops.run_log ORDER BY run_id',
                  $$SELECT CASE n WHEN 0 THEN 'schedule' ELSE 'manual' END, became, CASE n WHEN 0 THEN 0 END, 1, CASE WHEN n = 2 AND NOT again THEN 'failed' ELSE 'succeeded' END
                    FROM stamped, unnest('{false,true}'::boolean[]) again WHERE n = 2 OR NOT again ORDER BY again, n$$, 'runs; those of the future count as manual ones');
SELECT ok(NOT EXISTS (SELECT FROM salesops.run_log r JOIN ahead a ON a.n > 0 AND r.local_date = a.at::date), '... and leave their days free');
SELECT is((SELECT count(*) FROM salesops.correct_future(salesops.clock())), 0::bigint, 'once is enough');

-- A new name here: does the column say when something was known or done, or is it a plan, or what a source says? correct.sql.
SELECT is((SELECT string_agg(DISTINCT c COLLATE "C", ' ') FROM salesops.recorded_instants() i, unnest(i.columns) c),
          'adjusted_at as_of audited_at confirmed_at connected_at decided_at effective_at ended_at finished_at first_seen_at fitted_at from_instant given_at kept_as_of known_at made_at offered_at published_at recorded_at refreshed_at requested_at '
          'resolved_at set_at stage_entered_at started_at submitted_at synced_at taken_at touched_at', 'the columns that are dated anew');

SELECT throws_ok('UPDATE salesops.clock_correction SET was = was', '23001', NULL, 'a correction cannot be corrected');
SELECT throws_ok($$SELECT salesops.correct_future(salesops.clock() - interval '61 minutes')$$, '22023', 'the clock is not right', 'who sees another time is told so');
SELECT throws_ok('SELECT salesops.correct_future(NULL)', '22023', 'the clock is not right', '... and who states none');
SELECT * FROM finish();
ROLLBACK;
