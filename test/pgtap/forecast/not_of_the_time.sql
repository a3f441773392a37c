-- What is asked of a time of which nothing, or nothing new, is known, and what would change what was said before.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL jit = off;
SELECT plan(22);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

SELECT count(*) FROM generate_crm(3000, 20, 4, '2026-06-15 18:00+00', 0, 'crm_demo') \g /dev/null
SELECT connect('demo', 'fivetran_salesforce', 'crm_demo') \g /dev/null
SELECT is(unread_doubt('2026-06-15 18:00+00'), NULL, 'of sources that were never read nothing is said');
SELECT count(*) FROM sync('demo', '2026-06-15 18:00+00') \g /dev/null

-- Before the first sync, and long after the last one.
SELECT is((SELECT ROW(published, forecast_method, p50)::text || reason FROM forecast('FY2026-Q2', 'company', '2026-06-10 18:00+00') WHERE line = 'total'),
          '(,,)no source had been read by then; no backtest says how far off it was', 'before the first sync nothing is published');
SELECT isnt((SELECT published FROM forecast('FY2026-Q2', 'company', '2026-06-10 18:00+00', known_at => '2026-06-15 18:00+00') WHERE line = 'total'), NULL,
            '... but what became known of that time later');
SELECT keep_forecast('2026-06-15 18:00+00') \g /dev/null
SELECT unalike(reason, '%last read%', 'fresh deals need no word') FROM forecast('FY2026-Q2', 'company', '2026-06-17 17:00+00') WHERE line = 'total';
SELECT alike(reason, '%the deals of source demo are of 2026-06-15, when it was last read%', 'after two days the forecast says how old its deals are')
FROM forecast('FY2026-Q2', 'company', '2026-06-17 19:00+00') WHERE line = 'total';
SELECT cmp_ok(check_forecast_alerts('2026-06-15 18:00+00'), '>', 0::bigint, 'quotas are at risk');
SELECT is(ARRAY[check_forecast_alerts('2026-06-28 18:00+00'), (SELECT count(*) FROM target_chance WHERE as_of > '2026-06-16')], ARRAY[0, 0]::bigint[], 'of old deals no alert is told, and no chance is kept');
SELECT count(*) FROM sync('demo', '2026-06-28 18:00+00') \g /dev/null
SELECT check_forecast_alerts('2026-06-28 18:00+00') \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM target_chance WHERE as_of > '2026-06-16'), '>', 0::bigint, '... until they are read again');
INSERT INTO target_chance SELECT '2026-06-30 18:00+00', period, scope, target_kind, target, 1 - round(probability) FROM target_chance WHERE as_of = '2026-06-15 18:00+00';
SELECT is((SELECT count(*) FROM due_forecast_alerts('2026-06-30 18:00+00') WHERE kind = 'chance moved'), 0::bigint, 'a chance of two weeks ago is not that of a week before');

-- What is kept stays.
SELECT throws_like($$SELECT refresh_current_forecast('2026-06-14 18:00+00')$$, 'a forecast as of % is kept already', 'what is kept is not put back');
SELECT throws_ok($$SELECT keep_forecast('2026-06-15 17:00+00')$$, '22023', NULL, '... by the step neither');
SELECT lives_ok($$SELECT refresh_current_forecast('2026-06-15 18:00+00')$$, '... but made again');
SELECT set_weight('mine', 'Commit', 0.8, '2026-06-01') \g /dev/null
SELECT throws_ok($$SELECT set_weight('mine', 'Commit', 0.7, '2026-06-01')$$, '23505', 'the weight of Commit in set mine is already recorded as of 2026-06-01 00:00:00+00', 'a weight twice is refused in words');

-- Backtests.
SELECT throws_like($$SELECT backtest('{model}', 'FY2026-Q4', 'FY2026-Q4', now() + interval '100 days')$$, '%future%', 'no quarter is over in the future');
SELECT throws_ok($$SELECT backtest('{model}', 'FY2026-Q2', 'FY2026-Q2', '2026-07-15')$$, '22023', 'what FY2026-Q2 brought is not known: source demo was not read after its end', 'nor before its end was read');
SELECT is((SELECT first_quarter FROM (SELECT from_period::text AS first_quarter FROM due_backtest('2026-06-28 18:00+00')) d), (SELECT (fiscal_quarter(min(close_date), 1) + 1)::text
           FROM (SELECT close_date, ntile(100) OVER (ORDER BY close_date) AS n FROM opportunity WHERE is_closed) c WHERE n = 1), 'the night''s backtest begins where deals had closed, whatever zombie is older');
SELECT backtest(ARRAY(SELECT method FROM backtest_methods()), from_period, to_period, '2026-06-28 18:00+00') AS run FROM due_backtest('2026-06-28 18:00+00') \gset
SELECT is((SELECT is_done FROM due_backtest('2026-06-28 18:00+00')), true, 'which can be done');
SELECT backtest('{model,category_weights}', 'FY2026-Q1', 'FY2026-Q1', '2026-06-28 18:00+00') AS small \gset
SELECT is((SELECT run_id FROM comparable_backtest('2026-06-29')), :run::bigint, 'one of a single quarter does not take its place');
SELECT is((SELECT is_done FROM due_backtest('2026-06-29')), true, '... nor would it do for the night''s');
SELECT throws_ok('DELETE FROM backtest_run', '23001', NULL, 'runs are not deleted');
SELECT throws_ok('DELETE FROM backtest_score', '23001', NULL, 'scores neither');
SELECT lives_ok($$SELECT purge_backtests('0 days')$$, 'old forecasts are');

SELECT * FROM finish(true);
ROLLBACK;
