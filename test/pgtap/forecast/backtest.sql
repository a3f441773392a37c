-- backtest(): two quarters of seven deals by hand; arguments that make no sense; and that the future changes no past forecast.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL timezone = 'UTC';
SELECT plan(59);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- By hand ---------------------------------------------------------------------------------------------------------------
-- Everything was known at the end only. Ann and Bob report to Max; Ann sells in the north, Bob in the south.
CREATE SCHEMA hand;
SELECT connect('s', 'generic', 'hand', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id"}}}}');
INSERT INTO rep (source_key, id, manager_id, region, is_deleted, effective_at, recorded_at, origin)
SELECT 's', id, manager, region, false, '2026-01-01', '2026-01-01', 'sync'
FROM (VALUES ('max', NULL, NULL), ('ann', 'max', 'north'), ('bob', 'max', 'south')) AS r(id, manager, region);
INSERT INTO source_sync (source_key, entity, as_of, mode, relations) VALUES ('s', 'opportunity', '2026-01-01', 'full', '{}');

-- The CRM's own history told all of it.
INSERT INTO history_reach VALUES ('s', '2026-01-01', 'everything', '2024-01-01');

-- A deal is open with an amount, a category and a due date until it closes with its final amount.
CREATE FUNCTION pg_temp.deal(id text, owner text, category text, amount numeric, created timestamptz, due date,
                             closed timestamptz DEFAULT NULL, won boolean DEFAULT NULL, paid numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity_history (source_key, id, owner_id, forecast_category, amount, close_date, created_at, is_closed, is_won,
                                            is_deleted, effective_at, recorded_at, origin)
  SELECT 's', id, owner, category, amount, due, created, false, false, false, created, '2026-01-01', 'crm_history' WHERE closed IS NOT NULL;
  INSERT INTO salesops.opportunity (source_key, id, owner_id, forecast_category, amount, close_date, created_at, is_closed, is_won,
                                    is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, category, coalesce(paid, amount), coalesce(closed::date, due), created, closed IS NOT NULL, coalesce(won, false),
          false, coalesce(closed, created), '2026-01-01', 'crm_history')
$$;
SELECT pg_temp.deal('a', 'ann', 'Commit', 100, '2024-12-01', '2025-02-10', '2025-02-10', true),
       pg_temp.deal('b', 'bob', 'Pipeline', 200, '2024-12-05', '2025-03-01', '2025-03-01', false),
       pg_temp.deal('c', 'ann', 'Commit', 300, '2024-12-10', '2025-06-01', '2025-05-20', true, 330),
       pg_temp.deal('d', 'bob', 'Best Case', 50, '2025-01-15', '2025-03-20', '2025-03-20', true),
       pg_temp.deal('e', 'bob', 'Pipeline', 400, '2025-02-01', '2025-05-15', '2025-06-10', false),
       pg_temp.deal('f', 'ann', 'Commit', 80, '2025-03-05', '2025-08-01'),
       pg_temp.deal('g', 'ann', 'Best Case', 60, '2025-04-10', '2025-06-20', '2025-06-01', true);

SELECT backtest(ARRAY(SELECT method FROM backtest_methods()), 'FY2025-Q2', 'FY2025-Q2', '2026-01-02') AS run \gset
CREATE TEMP VIEW hand AS SELECT * FROM backtest_forecast WHERE run_id = (SELECT max(run_id) FROM backtest_run);

-- At the start of Q2: C, E and F are open, F is due in Q3. Of Q1 the new business was D.
SELECT results_eq(
  $$SELECT deals, booked, existing, new_business, mean, naive, actual, actual_existing, actual_new_business, basis FROM hand
    WHERE scope_kind = 'company' AND months_to_go = 3 AND method = 'category_weights'$$,
  $$VALUES (3::bigint, 0::numeric, 0.9 * 300 + 0.2 * 400, NULL::numeric, 350.0, 150::numeric, 390::numeric, 330::numeric, 60::numeric, 'reconstructed')$$,
  'set weights at the start of the quarter: no new business is in the weighted total');
SELECT results_eq(
  $$SELECT round(existing, 6), new_business, round(mean, 6) FROM hand WHERE scope_kind = 'company' AND months_to_go = 3 AND method = 'calibrated_weights'$$,
  $$SELECT e, 50::numeric, 50 + e FROM round((1 + 20 * 0.9) / 21 * 300 + (0 + 20 * 0.2) / 21 * 400, 6) e$$,
  'calibrated weights: A and B were due in Q1, A was won; D was new');
SELECT is_empty($$SELECT * FROM hand WHERE method = 'model'$$, 'a model of so few deals says nothing');
SELECT results_eq(
  $$SELECT round(existing, 6) FROM hand WHERE scope_kind = 'company' AND months_to_go = 3 AND method = 'closed_win_rate'$$,
  $$SELECT round((300 + 400 + 80) * 2 / 3.0, 6)$$, 'closed win rate: A and D won, B lost, for all that is open');
SELECT results_eq(
  $$SELECT deals, booked, existing, new_business, mean, p10, p50, p90, actual FROM hand WHERE scope_kind = 'company' AND months_to_go = 3 AND method = 'naive'$$,
  $$VALUES (0::bigint, 0::numeric, 0::numeric, 0::numeric, 150::numeric, 150::numeric, 150::numeric, 150::numeric, 390::numeric)$$,
  'naive: Q1 was A and D');
-- With a month to go: C is booked at 330, E and G are open; of Q1 nothing was new after February.
SELECT results_eq(
  $$SELECT deals, booked, existing, new_business, mean, actual_existing, actual_new_business FROM hand
    WHERE scope_kind = 'company' AND months_to_go = 1 AND method = 'category_weights'$$,
  $$VALUES (3::bigint, 330::numeric, 0.2 * 400 + 0.5 * 60, NULL::numeric, 440.0, 60::numeric, 0::numeric)$$, 'set weights with a month to go');
-- Two weeks before the end, on the last instant of 16 June: G has been won, E lost on the tenth, and F is not due.
SELECT results_eq(
  $$SELECT mark, deals, booked, existing, mean FROM hand WHERE scope_kind = 'company' AND months_to_go = 0.5 AND method = 'category_weights'$$,
  $$VALUES (timestamptz '2025-06-16 23:59:59.999999+00', 1::bigint, 390::numeric, 0::numeric, 390::numeric)$$, 'and with two weeks');
SELECT results_eq(
  $$SELECT scope_kind, scope, deals, existing, new_business, mean, naive, actual FROM hand
    WHERE months_to_go = 3 AND method = 'category_weights' ORDER BY 2$$,
  $$VALUES ('company', 'company', 3::bigint, 350.0, NULL::numeric, 350.0, 150::numeric, 390::numeric),
           ('owner', 'owner:s/ann', 2, 270, NULL, 270, 100, 390), ('owner', 'owner:s/bob', 1, 80, NULL, 80, 50, 0),
           ('region', 'region:north', 2, 270, NULL, 270, 100, 390), ('region', 'region:south', 1, 80, NULL, 80, 50, 0),
           ('team', 'team:s/max', 3, 350, NULL, 350, 150, 390)$$, 'owners, regions and the team add up');
SELECT results_eq(
  $$SELECT forecasts, deals, wins, round(log_loss::numeric, 9) FROM backtest_score WHERE run_id = $$ || :run || $$
      AND method = 'category_weights' AND months_to_go = 3 AND scope_kind = 'company'$$,
  $$SELECT 1::bigint, 3::bigint, 1::bigint, round(-(ln(0.9) + ln(0.8) + ln(1 - 1e-6)) / 3, 9)$$, 'log loss: C at 90 % won, E at 20 % and F at 0 % not');
SELECT results_eq(
  $$SELECT scope_kind, round(wmape, 9), round(wmape_naive, 9), round(relative_to_naive, 9), round(bias, 9), round(pinball, 9), within_range FROM backtest_score
    WHERE run_id = $$ || :run || $$ AND method = 'naive' AND months_to_go = 3 ORDER BY 1$$,
  $$VALUES ('company', round(240 / 390.0, 9), round(240 / 390.0, 9), 1.0, round(-240 / 390.0, 9), round(120 / 390.0, 9), 0::bigint),
           ('owner', round(340 / 390.0, 9), round(340 / 390.0, 9), 1, round(-240 / 390.0, 9), round(170 / 390.0, 9), 0),
           ('region', round(340 / 390.0, 9), round(340 / 390.0, 9), 1, round(-240 / 390.0, 9), round(170 / 390.0, 9), 0),
           ('team', round(240 / 390.0, 9), round(240 / 390.0, 9), 1, round(-240 / 390.0, 9), round(120 / 390.0, 9), 0)$$,
  'scores of naive, at company and owners: 150 for 390; 100 for 390 and 50 for 0');
SELECT results_eq(
  $$SELECT forecasts, round(wmape, 9) FROM backtest_score WHERE run_id = $$ || :run || $$ AND method = 'category_weights' AND months_to_go IS NULL AND scope_kind = 'company'$$,
  $$SELECT 4::bigint, round(sum(abs(mean - actual)) / sum(actual), 9) FROM hand WHERE method = 'category_weights' AND scope_kind = 'company'$$,
  'and all marks together');
-- 350, 380, 440 and 390 for 390, and 150 each time.
SELECT results_eq($$SELECT method, months_to_go, quarters, meets_target, is_alarm FROM backtest_score
                    WHERE run_id = $$ || :run || $$ AND method IN ('category_weights', 'naive') AND scope_kind = 'company' ORDER BY 1, 2 DESC NULLS LAST$$,
  $$SELECT k, v.m, 1::bigint, CASE WHEN v.m = 2 THEN k = 'category_weights' END, k = 'naive' FROM (VALUES ('category_weights'), ('naive')) AS k(k), (VALUES (3), (2), (1), (0.5), (NULL)) AS v(m) ORDER BY 1, 2 DESC NULLS LAST$$,
  'accuracy: the target of a tenth is for the second mark; a method that is off by more than 30 % is an alarm');
SELECT results_eq(
  $$SELECT low, deals, wins FROM backtest_calibration WHERE run_id = $$ || :run || $$ AND method = 'category_weights' AND months_to_go = 3 ORDER BY 1$$,
  $$VALUES (0.0::float8, 1::bigint, 0::bigint), (0.2, 1, 0), (0.9, 1, 1)$$, 'calibration: 0 %, 20 %, 90 %');
SELECT results_eq(
  $$SELECT methods, from_period::text, to_period::text, months_to_go, as_of, known_at, corporate_currency, weight_set FROM backtest_run WHERE run_id = $$ || :run,
  $$VALUES ('{calibrated_weights,category_weights,closed_win_rate,model,naive}'::text[], 'FY2025-Q2', 'FY2025-Q2', '{3,2,1,0.5}'::numeric[],
            '2026-01-02'::timestamptz, '2026-01-02'::timestamptz, 'USD', 'default')$$, 'the run keeps its arguments');
SELECT is_empty($$SELECT * FROM hand WHERE NOT (p10 <= p50 AND p50 <= p90)$$, 'quantiles are in order');
SELECT is_empty($$SELECT * FROM hand WHERE noise_floor IS NOT NULL$$, 'no noise floor without a model');

SELECT results_eq($$SELECT round(error, 9), round(bias, 9), forecasts, quarters FROM backtested_accuracy('naive', 'company', 2.4, '2026-02-01')$$,
                  $$VALUES (round(240 / 390.0, 9), round(-240 / 390.0, 9), 1::bigint, 1::bigint)$$, 'what a forecast shows of it 2.4 months before the end: the start''s');
SELECT results_eq($$SELECT m, a.error = f.error FROM (VALUES (0.2, 0.5), (0.5, 0.5), (0.51, 1), (3.1, 3)) AS v(m, until), backtested_accuracy('category_weights', 'company', m, '2026-02-01') a,
                    LATERAL (SELECT abs(mean - actual) / actual AS error FROM hand WHERE months_to_go = until AND scope = 'company' AND method = 'category_weights') f ORDER BY m$$,
                  $$VALUES (0.2, true), (0.5, true), (0.51, true), (3.1, true)$$, 'at each time the last mark before');
SELECT results_eq($$SELECT round(error, 9), forecasts, quarters FROM backtested_accuracy('naive', 'company', NULL, '2026-02-01')$$, $$VALUES (round(240 / 390.0, 9), 4::bigint, 1::bigint)$$, 'all marks together');
SELECT is_empty($$SELECT * FROM backtested_accuracy('naive', 'company', 3, '2026-01-01')$$, 'but not before it was known');
-- A later run that is of something else says nothing of the published forecast: other factors, marks, methods or settings.
SELECT count(backtest(ARRAY(SELECT method FROM backtest_methods()), 'FY2025-Q2', 'FY2025-Q2', '2026-01-03', factors => '{owner}')) + count(backtest('{naive}', 'FY2025-Q2', 'FY2025-Q2', '2026-01-03'))
     + count(backtest(ARRAY(SELECT method FROM backtest_methods()), 'FY2025-Q2', 'FY2025-Q2', '2026-01-03', months_to_go => '{3,2,1}')) AS others \gset
SELECT is((SELECT run_id FROM comparable_backtest('2026-02-01')), :run::bigint, 'the newest run is not, the newest comparable one is');
SAVEPOINT settings;
SELECT set_setting('corporate_currency', 'EUR');
SELECT is_empty($$SELECT * FROM comparable_backtest('2026-02-01')$$, 'nor is any in another currency');
ROLLBACK TO settings;
SELECT set_setting('fiscal_year_start_month', '2');
SELECT is_empty($$SELECT * FROM comparable_backtest('2026-02-01')$$, 'nor of another fiscal year');
ROLLBACK TO settings;
SELECT set_weight('bold', 'Commit', 0.95, '2025-01-01');
SELECT set_setting('weight_set', 'bold');
SELECT is_empty($$SELECT * FROM comparable_backtest('2026-02-01')$$, 'nor by other weights');
ROLLBACK TO settings;

-- What happened to a deal after its quarter is what a forecast is held against, and none of its inputs: C is opened again.
INSERT INTO opportunity_history SELECT * FROM opportunity WHERE id = 'c';
UPDATE opportunity SET is_won = false, is_closed = false, close_date = '2026-03-01', effective_at = '2025-12-01' WHERE id = 'c';
SELECT backtest(ARRAY['category_weights', 'calibrated_weights', 'closed_win_rate', 'naive'], 'FY2025-Q2', 'FY2025-Q3', '2026-01-02', months_to_go => '{3}') AS run \gset
SELECT results_eq(
  $$SELECT period::text, existing, new_business, naive, actual, actual_existing FROM hand WHERE scope_kind = 'company' AND method = 'category_weights' ORDER BY 1$$,
  $$VALUES ('FY2025-Q2', 350.0, NULL::numeric, 150::numeric, 60::numeric, 0::numeric), ('FY2025-Q3', 72.0, NULL, 390::numeric, 0::numeric, 0::numeric)$$,
  'a deal opened again: forecasts stay as they were, the actual does not');
SELECT results_eq(
  $$SELECT round(existing, 6) FROM hand WHERE scope_kind = 'company' AND method = 'calibrated_weights' AND period = 'FY2025-Q3'$$,
  $$SELECT round((2 + 20 * 0.9) / 22 * 80, 6)$$, 'it also still counts for the weights');

-- Stored: the source had been synced before the marks, so only what was recorded by a mark counts at it.
UPDATE source_sync SET as_of = '2024-06-01' WHERE source_key = 's';
INSERT INTO source_sync (source_key, entity, as_of, mode, relations) VALUES ('s', 'opportunity', '2026-01-02', 'full', '{}');
UPDATE rep SET effective_at = '2024-06-01', recorded_at = '2024-06-01';
UPDATE opportunity SET recorded_at = effective_at;
UPDATE opportunity_history SET recorded_at = effective_at;
UPDATE opportunity SET recorded_at = '2025-04-02' WHERE id = 'f';
SELECT backtest(ARRAY['category_weights', 'naive'], 'FY2025-Q2', 'FY2025-Q2', '2026-01-02', months_to_go => '{3}') AS run \gset
SELECT results_eq(
  $$SELECT basis, deals, existing, naive FROM hand WHERE scope_kind = 'company' AND method = 'category_weights'$$,
  $$VALUES ('stored', 2::bigint, 350.0, 150::numeric)$$, 'a deal that we heard of two days later is not in the forecast');

-- Of C and E nothing but dates, F has not changed since: what is missing is not scored as an error; the probabilities are scored.
SAVEPOINT dates;
DELETE FROM source_sync WHERE as_of = '2026-01-02';
UPDATE source_sync SET as_of = '2026-01-01' WHERE source_key = 's';
UPDATE opportunity SET recorded_at = '2026-01-01', origin = 'sync';
UPDATE opportunity_history SET recorded_at = '2026-01-01', origin = 'reconstructed', amount = NULL, forecast_category = NULL, close_date = NULL;
SELECT backtest(ARRAY['category_weights', 'naive'], 'FY2025-Q2', 'FY2025-Q2', '2026-01-02', months_to_go => '{3}') AS run \gset
SELECT results_eq(
  $$SELECT method, basis, deals, booked, existing, mean, p50, naive, reason FROM hand WHERE scope_kind = 'company' ORDER BY 1$$,
  $$VALUES ('category_weights', 'reconstructed', 3::bigint, 0::numeric, NULL::numeric, NULL::numeric, NULL::numeric, 150::numeric, 'the amounts of 2 of 3 deals open then are not known'),
           ('naive', 'reconstructed', 0, 0, 0, 150, 150, 150, NULL)$$, 'amounts that nobody knows of the time are no forecast, and the row says why');
SELECT results_eq(
  $$SELECT method, forecasts, quarters, wmape IS NULL, bias IS NULL, pinball IS NULL, within_range, deals FROM backtest_score WHERE run_id = $$ || :run || $$ AND scope_kind = 'company' AND months_to_go = 3 ORDER BY 1$$,
  $$VALUES ('category_weights', 0::bigint, 0::bigint, true, true, true, NULL::bigint, 3::bigint), ('naive', 1, 1, false, false, false, 0, NULL)$$,
  'and no score; the log loss of the deals is one all the same');
ROLLBACK TO dates;

-- Arguments that make no sense ------------------------------------------------------------------------------------------
SELECT throws_ok($$SELECT backtest(ARRAY['guess'], 'FY2025-Q2', 'FY2025-Q2', '2026-01-02')$$, '22023', 'no method to backtest is called ''guess''', 'unknown method');
SELECT throws_ok($$SELECT backtest(NULL, 'FY2025-Q2', 'FY2025-Q2', '2026-01-02')$$, '22023', NULL, 'no methods');
SELECT throws_ok($$SELECT backtest('{naive,NULL}', 'FY2025-Q2', 'FY2025-Q2', '2026-01-02')$$, '22023', 'no method to backtest is called NULL', 'a NULL among them');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q3', 'FY2025-Q2', '2026-01-02')$$, '22023',
  'a backtest goes from a fiscal quarter to the same or a later one, not from FY2025-Q3 to FY2025-Q2', 'backwards');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025', 'FY2025', '2026-01-02')$$, '22023',
  'a backtest goes from a fiscal quarter to the same or a later one, not from FY2025 to FY2025', 'a year');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q2', NULL, '2026-01-02')$$, '22023', NULL, 'no end');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q4', 'FY2026-Q1', '2026-01-02')$$, '22023', 'FY2026-Q1 is not over as of 2026-01-02 00:00:00+00', 'not over');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q2', 'FY2025-Q2', 'infinity')$$, '22023', NULL, 'as of the end of time');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q2', 'FY2025-Q2', '2026-01-02', months_to_go => '{4}')$$, '22023',
  'a quarter is forecast with 3, 2, 1 or 0.5 months to go, not {4}', 'four months to go');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2025-Q1', 'FY2025-Q1', '2026-01-02')$$, '22023', 'there is not enough history to forecast FY2025-Q1', 'nothing to learn from');
SELECT throws_ok($$SELECT backtest('{naive}', 'FY2020-Q1', 'FY2020-Q1', '2026-01-02')$$, '22023', 'there is not enough history to forecast FY2020-Q1', 'before all time');
SELECT is(purge_backtests('400 days', clock_timestamp() + interval '399 days'), 0::bigint, 'runs are kept as long as asked');
SELECT is(purge_backtests('400 days', clock_timestamp() + interval '401 days'), 5::bigint, 'the forecasts of older ones are removed, but for the last');
SELECT is((SELECT (count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM backtest_score s WHERE s.run_id = r.run_id)), count(*) FILTER (WHERE EXISTS (SELECT FROM backtest_forecast f WHERE f.run_id = r.run_id)))::text FROM backtest_run r),
          '(6,6,1)', 'and the runs with their scores stay');
SELECT throws_ok($$UPDATE backtest_forecast SET mean = 0$$, '23001', NULL, 'what a backtest found is not changed');
SELECT throws_ok($$TRUNCATE backtest_run CASCADE$$, '23001', NULL, 'nor emptied');

-- A generated CRM -------------------------------------------------------------------------------------------------------
-- One sync at the end, so everything before is reconstructed from what the CRM remembers.
DELETE FROM source; DELETE FROM source_sync; DELETE FROM opportunity; DELETE FROM opportunity_history; DELETE FROM rep;
SELECT count(*) > 0 FROM generate_crm(3000, 12, 1, '2026-06-15 18:00+00', 0.05, 'crm_test');
SELECT connect('crm', 'fivetran_salesforce', 'crm_test');
SELECT count(*) FROM sync('crm', '2026-06-15 18:00+00');
CREATE FUNCTION pg_temp.run(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$
  SELECT backtest(ARRAY(SELECT method FROM backtest_methods()), 'FY2025-Q3', 'FY2026-Q1', as_of)
$$;
CREATE FUNCTION pg_temp.forecasts(run bigint, until timestamptz DEFAULT 'infinity') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT ROW(period, months_to_go, mark, basis, scope_kind, scope, method, deals, booked, existing, new_business, mean, p10, p50, p90, noise_floor, naive, reason)::text
  -- A scope of which there was nothing has a row where something became of it later.
  FROM salesops.backtest_forecast WHERE run_id = run AND mark < until AND (deals, mean, naive) IS DISTINCT FROM (0, 0, 0)
$$;
CREATE FUNCTION pg_temp.outcome(run bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT ROW(period, months_to_go, scope_kind, scope, method, actual, actual_existing, actual_new_business)::text FROM salesops.backtest_forecast WHERE run_id = run
  UNION ALL
  SELECT regexp_replace(s::text, '^.[0-9]+', '') FROM salesops.backtest_score s WHERE run_id = run
  UNION ALL
  SELECT regexp_replace(c::text, '^.[0-9]+', '') FROM salesops.backtest_calibration c WHERE run_id = run
$$;
SELECT pg_temp.run('2026-06-15 18:00+00') AS one \gset
CREATE TEMP VIEW one AS SELECT * FROM backtest_forecast WHERE run_id = :one;
SELECT is((SELECT count(DISTINCT (period::text, months_to_go, method)) FROM one WHERE scope_kind = 'company'), 3 * 4 * 5::bigint, 'every quarter, mark and method');
SELECT is_empty(
  $$SELECT 1 FROM one f JOIN one c ON c.scope_kind = 'company' AND (c.period::text, c.months_to_go, c.method) = (f.period::text, f.months_to_go, f.method)
    WHERE f.scope_kind = 'owner' GROUP BY f.scope_kind, f.period, f.months_to_go, f.method
    HAVING (sum(f.deals), sum(f.booked), sum(f.existing), sum(f.naive), sum(f.actual), sum(f.actual_existing), sum(f.actual_new_business))
           <> (max(c.deals), max(c.booked), max(c.existing), max(c.naive), max(c.actual), max(c.actual_existing), max(c.actual_new_business))
        OR abs(coalesce(sum(f.new_business), 0) - coalesce(max(c.new_business), 0)) > 1e-6 OR abs(sum(f.mean) - max(c.mean)) > 1e-6$$,
  'owners add up to the company');
SELECT is_empty($$SELECT 1 FROM one WHERE NOT (p10 <= p50 AND p50 <= p90)$$, 'quantiles are in order');
SELECT isnt_empty($$SELECT 1 FROM one WHERE scope_kind = 'company' AND method = 'model' AND noise_floor BETWEEN 0.01 * existing AND existing$$, 'the model has a noise floor');

-- The same arguments give the same bytes, also with the rows in another order and under parallel workers.
CREATE INDEX by_name ON opportunity (name DESC); CLUSTER opportunity USING by_name; DROP INDEX by_name;
CREATE INDEX by_amount ON opportunity_history (amount DESC); CLUSTER opportunity_history USING by_amount; DROP INDEX by_amount;
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL max_parallel_workers_per_gather = 4;
SELECT pg_temp.run('2026-06-15 18:00+00') AS again \gset
SELECT bag_eq('SELECT * FROM pg_temp.forecasts(' || :again || ')', 'SELECT * FROM pg_temp.forecasts(' || :one || ')', 'run again, the same forecasts to the last digit');
SELECT bag_eq('SELECT * FROM pg_temp.outcome(' || :again || ')', 'SELECT * FROM pg_temp.outcome(' || :one || ')', 'and scores');

-- The future of 30 November, a day later on, becomes another one: deals won are lost and the reverse, at other amounts, of other owners,
-- in other stages; what was open gets new states; deals appear and disappear; accounts, reps, maps, weights and rates change.
\set after '2025-12-02'
UPDATE opportunity SET is_won = NOT is_won AND is_closed, amount = amount * 3 + 7, owner_id = (SELECT min(id) FROM rep), forecast_category = 'Commit', close_date = close_date + 40, account_id = NULL, lead_source = 'x'
WHERE effective_at > :'after';
UPDATE opportunity_history SET amount = amount * 5, owner_id = NULL, stage = 'Negotiation', close_date = close_date - 20 WHERE effective_at > :'after';
DELETE FROM opportunity WHERE created_at > :'after' AND id < (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM opportunity);
INSERT INTO opportunity_history SELECT * FROM opportunity WHERE effective_at <= :'after';
UPDATE opportunity SET is_won = NOT coalesce(is_won, false), is_closed = true, amount = 1000000, close_date = '2025-12-10', is_deleted = hashtext(id) % 3 = 0,
                       effective_at = '2025-12-03', recorded_at = '2026-06-16'
WHERE effective_at <= :'after';
INSERT INTO account_history SELECT * FROM account;
UPDATE account SET industry = 'Fishing', segment = 'Giants', employees = 1, effective_at = '2026-06-16', recorded_at = '2026-06-16';
INSERT INTO rep_history SELECT * FROM rep;
UPDATE rep SET manager_id = NULL, region = 'Nowhere', effective_at = '2026-06-16', recorded_at = '2026-06-16';
SELECT map_stage('crm', stage, 'lost', 'Omitted', valid_from => :'after') FROM (SELECT DISTINCT stage FROM opportunity_version WHERE stage IS NOT NULL) s;
SELECT map_category('crm', 'Commit', 'Upside', :'after'), set_weight('default', 'Pipeline', 1, :'after');
INSERT INTO currency_rate SELECT (jsonb_populate_record(r, jsonb_build_object('id', r.id || 'x', 'valid_from', '2025-12-02', 'per_corporate', 100))).*
FROM currency_rate r WHERE r.id IN (SELECT min(id) FROM currency_rate GROUP BY currency);
SELECT pg_temp.run('2026-06-17') AS two \gset
CREATE TEMP VIEW two AS SELECT * FROM backtest_forecast WHERE run_id = :two;
SELECT bag_eq(
  format('SELECT f FROM pg_temp.forecasts(%s, %L) f', :two, :'after'), format('SELECT f FROM pg_temp.forecasts(%s, %L) f', :one, :'after'),
  'another future, the same forecasts at all marks before it');
SELECT is((SELECT count(DISTINCT mark) FROM two WHERE mark < :'after'), 7::bigint, '... of which there are seven, one of them two weeks before an end');
SELECT isnt((SELECT mean FROM two WHERE period = 'FY2026-Q1' AND months_to_go = 3 AND scope_kind = 'company' AND method = method_name),
            (SELECT mean FROM one WHERE period = 'FY2026-Q1' AND months_to_go = 3 AND scope_kind = 'company' AND method = method_name), 'but others later: ' || method_name)
FROM backtest_methods() AS m(method_name);
SELECT isnt((SELECT actual FROM two WHERE period = 'FY2025-Q4' AND months_to_go = 1 AND scope_kind = 'company' AND method = 'naive'),
            (SELECT actual FROM one WHERE period = 'FY2025-Q4' AND months_to_go = 1 AND scope_kind = 'company' AND method = 'naive'), 'and another actual');
SELECT * FROM finish();
ROLLBACK;
