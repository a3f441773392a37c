-- The night holds past forecasts against what came: once a quarter, when there is history enough, and no harm comes of it.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(14);
DELETE FROM salesops.run_log;
\ir take_run_lock.psql
SELECT salesops.define_job('quarterly', '{backtest}') \g /dev/null

-- A night with this step alone: rows it wrote, and its remark.
CREATE FUNCTION pg_temp.night(as_of timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  run bigint := salesops.begin_run('quarterly', as_of);
  written bigint;
BEGIN
  PERFORM salesops.begin_step(run, 'backtest');
  written := salesops.run_step(run, 'backtest');
  PERFORM salesops.finish_run(run);
  RETURN concat_ws(': ', CASE WHEN written > 0 THEN 'wrote' ELSE 'nothing' END, (SELECT s.message FROM salesops.run_step_log s WHERE s.run_id = run));
END $$;
CREATE TEMP VIEW runs AS SELECT from_period::text, to_period::text, as_of, cardinality(methods) AS methods, months_to_go FROM salesops.backtest_run ORDER BY run_id;

SELECT is(pg_temp.night('2025-03-01 02:00'), 'nothing: no backtest: there is no deal yet', 'without a deal there is nothing to do, and the log says so');

-- A deal a day from 2 January 2025 on, lost or won after sixty days.
SELECT salesops.connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id"}}}}') \g /dev/null
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations) VALUES ('s', 'opportunity', '2025-01-01', 'full', '{}');
INSERT INTO salesops.opportunity_history (source_key, id, owner_id, forecast_category, amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'd' || n, 'ann', 'Commit', 100 + n % 7, day + 60, day, false, false, false, day, day, 'sync' FROM generate_series(1, 700) n, LATERAL (SELECT date '2025-01-01' + n AS day) d;
INSERT INTO salesops.opportunity (source_key, id, owner_id, forecast_category, amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'd' || n, 'ann', 'Commit', 100 + n % 7, day + 60, day, true, n % 3 = 0, false, day + 60, day + 60, 'sync' FROM generate_series(1, 700) n, LATERAL (SELECT date '2025-01-01' + n AS day) d;

SELECT is(pg_temp.night('2025-10-01 02:00'),
          'nothing: no backtest yet: the first deal was created on 2025-01-02, and FY2025-Q3 is the first quarter that can be forecast from a whole one before it',
          'with a quarter that is just over, and before that one whole quarter only, there is nothing to do either');
SELECT is(pg_temp.night('2025-10-08 02:00'), 'wrote', 'a week after the end of the first quarter that can be forecast it is');
SELECT is(pg_temp.night('2025-10-09 02:00'), 'nothing', 'the next night there is nothing to do');
SELECT is(pg_temp.night('2025-12-31 02:00'), 'nothing', 'nor in the rest of the quarter');
SELECT is(pg_temp.night('2026-01-07 02:00'), 'nothing', 'nor in the first week of the next');
SELECT is(pg_temp.night('2026-01-10 02:00'), 'wrote', 'then it is again, also where nights were missed');
SELECT results_eq('SELECT * FROM runs', $$VALUES ('FY2025-Q3', 'FY2025-Q3', timestamptz '2025-10-08 02:00', 5, '{3,2,1,0.5}'::numeric[]), ('FY2025-Q3', 'FY2025-Q4', '2026-01-10 02:00', 5, '{3,2,1,0.5}')$$,
                  'of every method, at every mark, of all quarters that there are');
SELECT is((SELECT run_id FROM salesops.comparable_backtest('2026-01-11')), (SELECT max(run_id) FROM salesops.backtest_run), 'and forecast() shows it');
SELECT is((SELECT (from_period, to_period, is_done, reason)::text FROM salesops.due_backtest('2029-02-01')), '(FY2026-Q1,FY2028-Q4,f,)', 'it goes back twelve quarters at most');

-- Other weights: what was found of the former ones says nothing of them.
SELECT salesops.set_weight('bold', 'Commit', 0.95), salesops.set_setting('weight_set', 'bold') \g /dev/null
SELECT is(pg_temp.night('2026-01-11 02:00'), 'wrote', 'with another weight set it is done anew');
-- What it cannot do it says, and nothing is left of it.
SELECT salesops.set_setting('fiscal_year_start_month', '2') \g /dev/null
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'there is not enough history' USING ERRCODE = '22023'; END $$;
CREATE TRIGGER refuse AFTER INSERT ON salesops.backtest_score FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.refuse();
SELECT is(pg_temp.night('2026-02-20 02:00'), 'nothing: there is not enough history', 'where history turns out to be too short the log says so');
SELECT is((SELECT count(*) FROM salesops.backtest_run), 3::bigint, '... and the run is taken back');
DROP TRIGGER refuse ON salesops.backtest_score;
SELECT is(pg_temp.night('2026-02-21 02:00'), 'wrote', 'the next night tries again');
SELECT * FROM finish();
ROLLBACK;
