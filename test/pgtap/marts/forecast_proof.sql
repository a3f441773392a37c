-- The marts of range, accuracy, calibration and risk on a generated CRM: each against the functions that it shows, and the forecast of all
-- scopes at once against forecast() of each.
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL jit = off;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(25);

-- Nothing known: valid and empty, but for the company and whoever is no rep.
SELECT refresh_marts('2026-11-20 12:00+00');
SELECT is_empty($$SELECT mart, message FROM mart_status WHERE sqlstate IS NOT NULL$$, 'without a deal every mart is refreshed');
SELECT results_eq($$SELECT scope, expected, p50, published_forecast, forecast_method, reason FROM salesops_bi.forecast_range ORDER BY scope$$,
                  $$VALUES ('company', 0.0, NULL::numeric, 0.0, 'category weights', 'uncalibrated: no win model was fitted by then; no backtest says how far off it was'),
                           ('owner:(no rep)', 0.0, NULL, 0.0, 'category weights', 'uncalibrated: no win model was fitted by then; no backtest says how far off it was')$$,
                  'the forecast of nothing says that nobody should believe it');
SELECT is((SELECT count(*) FROM salesops_bi.forecast_accuracy) + (SELECT count(*) FROM salesops_bi.forecast_calibration)
          + (SELECT count(*) FROM salesops_bi.deal_risk), 0::bigint, 'and there is no accuracy, calibration or risk');

SELECT generate_crm(3000, 8, 7, '2026-11-20', schema_name => 'crm_proof') \g /dev/null
SELECT connect('crm', 'fivetran_salesforce', 'crm_proof');
SELECT sync_all('2026-11-20 12:00+00');
INSERT INTO opportunity (source_key, id, owner_id, stage, forecast_category, amount, close_date, created_at, is_closed, is_won, is_deleted,
                         effective_at, recorded_at, origin)
VALUES ('crm', 'nobody', NULL, 'Stage of no map', 'Commit', 1000, '2026-12-01', '2026-11-01', false, false, false, '2026-11-01', '2026-11-01', 'sync'),
       ('crm', 'stranger', 'a stranger', 'Stage of no map', 'Commit', NULL, '2026-12-01', '2026-11-01', false, false, false, '2026-11-01', '2026-11-01', 'sync');
SELECT take_snapshot('2026-11-20 12:00+00');

-- What forecast() says of each scope, in the columns of scope_forecasts().
CREATE FUNCTION pg_temp.of_each() RETURNS TABLE (scope text, deals bigint, actual numeric, existing numeric, new_business numeric, expected numeric,
  p10 numeric, p50 numeric, p90 numeric, quota numeric, chance float8, published numeric, method text, naive numeric, weighted numeric) LANGUAGE sql AS $$
  SELECT s.scope, max(f.deals) FILTER (WHERE f.line = 'total'), max(f.mean) FILTER (WHERE f.line = 'actuals'),
         max(f.mean) FILTER (WHERE f.line = 'existing pipeline'), max(f.mean) FILTER (WHERE f.line = 'new business'),
         max(f.mean) FILTER (WHERE f.line = 'total'), max(f.p10) FILTER (WHERE f.line = 'total'), max(f.p50) FILTER (WHERE f.line = 'total'),
         max(f.p90) FILTER (WHERE f.line = 'total'), max(f.quota), max(f.probability_at_least_quota), max(f.published), max(f.forecast_method),
         max(f.naive), max(f.category_weights)
  FROM (SELECT DISTINCT c.scope FROM salesops.forecast_scopes('2026-11-20 12:00+00') c) s
  CROSS JOIN LATERAL salesops.forecast('FY2026-Q4', s.scope, '2026-11-20 12:00+00') f
  GROUP BY s.scope
$$;
CREATE FUNCTION pg_temp.of_all() RETURNS TABLE (scope text, deals bigint, actual numeric, existing numeric, new_business numeric, expected numeric,
  p10 numeric, p50 numeric, p90 numeric, quota numeric, chance float8, published numeric, method text, naive numeric, weighted numeric) LANGUAGE sql AS $$
  SELECT f.scope, f.won_deals + f.open_deals, f.actual, f.existing, f.new_business, f.expected, f.p10, f.p50, f.p90, f.quota,
         f.probability_at_least_quota, f.published, f.forecast_method, f.naive, f.weighted
  FROM salesops.scope_forecasts('2026-11-20 12:00+00') f
$$;
SELECT bag_eq('SELECT * FROM pg_temp.of_all()', 'SELECT * FROM pg_temp.of_each()', 'without a model the forecast of all scopes at once is that of each');
SELECT cmp_ok(fit_forecast('2026-11-20 12:00+00'), '>', 0::bigint, 'a model is fitted');
SELECT refresh_current_forecast('2026-11-20 12:00+00');
SELECT bag_eq('SELECT * FROM pg_temp.of_all()', 'SELECT * FROM pg_temp.of_each()', 'with a model too, to the last digit');
SELECT cmp_ok((SELECT count(p50) FROM pg_temp.of_all()), '>', 10::bigint, '... and ranges were compared');
SELECT is((SELECT round(sum(expected), 6) FROM scope_forecasts('2026-11-20 12:00+00') WHERE scope_kind = 'owner'),
          (SELECT round(expected, 6) FROM scope_forecasts('2026-11-20 12:00+00') WHERE scope = 'company'), 'owners add up to the company');

INSERT INTO forecast_plan (period, scope, valid_from, amount, currency, recorded_at) VALUES ('FY2026-Q4', 'company', '2026-11-01', 12345678.9, 'USD', '2026-11-01');
SELECT check_forecast_alerts('2026-11-20 12:00+00') AS told \gset
SELECT is(:told::bigint, (SELECT count(*) FROM target_chance WHERE probability < 0.5), 'the first night tells of every target at risk');
SELECT bag_eq('SELECT scope, target_kind, target, probability FROM target_chance',
              $$SELECT scope, 'quota', quota, probability_at_least_quota FROM scope_forecasts('2026-11-20 12:00+00')
                WHERE scope_kind <> 'owner' AND scope <> 'company' AND quota IS NOT NULL
                UNION ALL
                SELECT scope, 'plan', 12345678.9, probability_at_least(total, 12345678.9) FROM scope_forecasts('2026-11-20 12:00+00') WHERE scope = 'company'$$, '... and keeps the chance of company, regions and teams, of the plan where there is one');
SELECT cmp_ok((SELECT count(*) FROM target_chance), '>', 1::bigint, '... of which there are some');

INSERT INTO backtest_run (methods, from_period, to_period, months_to_go, as_of, known_at, corporate_currency, fiscal_year_start_month, time_zone, weight_set, factors, has_given_factors)
SELECT '{category_weights,model}', 'FY2026-Q1', to_period::fiscal_period, backtest_marks(), as_of, as_of, 'USD', 1, 'UTC', 'default', '{}', false
FROM (VALUES ('FY2026-Q1', timestamptz '2026-10-01 00:00+00'), ('FY2026-Q2', '2026-11-01 00:00+00'), ('FY2026-Q3', '2026-12-01 00:00+00')) AS r(to_period, as_of);
INSERT INTO backtest_score (run_id, method, months_to_go, scope_kind, forecasts, quarters, wmape, is_alarm, wmape_naive, relative_to_naive, bias, coverage, deals, wins, log_loss)
SELECT r.run_id, 'model', m, 'company', 2, 2, 0.125, false, 0.25, 0.5, -0.0625, 0.8, 100, 40, 0.4375 FROM backtest_run r CROSS JOIN (VALUES (0.5), (NULL)) AS v(m);
INSERT INTO backtest_calibration (run_id, method, months_to_go, low, high, deals, wins, mean_probability, share_won, share_low, share_high)
SELECT r.run_id, 'model', m, 0.25, 0.5, 40, 15, 0.34375, 0.375, 0.265625, 0.5 FROM backtest_run r CROSS JOIN (VALUES (0.5), (1)) AS v(m);

INSERT INTO forecast_submission (source_key, rep_id, period, category, submitted_at, amount, currency, submitted_by, cut_off, recorded_at)
SELECT 'crm', min(r.id), 'FY2026-Q4', 'Commit', s.at, s.amount, 'USD', 'x', s.cut_off, s.at
FROM rep r CROSS JOIN (VALUES (timestamptz '2026-11-05', 100, timestamptz '2026-11-06 17:00+00'), ('2026-11-14', 120, '2026-11-13 17:00+00')) AS s(at, amount, cut_off)
GROUP BY s.at, s.amount, s.cut_off;
SELECT refresh_marts('2026-11-20 12:00+00');
SELECT is_empty($$SELECT mart, message FROM mart_status WHERE sqlstate IS NOT NULL OR method <> 'concurrently'$$, 'every mart is refreshed concurrently');
SELECT bag_eq($$SELECT scope, won_deals, open_deals, actuals, existing_pipeline, new_business, p10, p50, p90, published_forecast FROM salesops_bi.forecast_range$$,
              $$SELECT scope, won_deals, open_deals, round(actual, 6) AS a, round(existing, 6) AS e, round(new_business, 6) AS n, round(p10::numeric, 6) AS p10,
                       round(p50::numeric, 6) AS p50, round(p90::numeric, 6) AS p90, round(published, 6) AS f FROM scope_forecasts('2026-11-20 12:00+00')$$, 'mart forecast_range has a row a scope');
SELECT is((SELECT string_agg(concat_ws(' ', plan, probability_at_least_plan), ', ') FROM salesops_bi.forecast_range WHERE plan IS NOT NULL),
          (SELECT concat_ws(' ', round(target, 6), round(probability::numeric, 6)) FROM target_chance WHERE scope = 'company'), '... with the plan where one is set, and the chance to make it');
SELECT bag_eq('SELECT scope, backtested_error, backtested_bias FROM salesops_bi.forecast_range',
              $$SELECT scope, round(backtested_error, 6) AS e, round(backtested_bias, 6) AS b FROM scope_forecasts('2026-11-20 12:00+00')$$, '... and how far off the method was');
SELECT bag_eq('SELECT scope, kind, target_kind, target, probability, message, alert_at, is_standing FROM salesops_bi.forecast_alert',
              'SELECT scope, kind, target_kind, round(target, 6) AS t, round(value::numeric, 6) AS p, message, as_of, true AS s FROM forecast_alert', 'mart forecast_alert has every alert');
SELECT bag_eq($$SELECT rep_id, category, owner_only_amount, amount_without_adjustments, amount_without_owner_adjustment, amount_without_manager_adjustment, forecast_amount,
                       called_below, "call", is_missing, quota, gap_after_call
                FROM salesops_bi.forecast_submission WHERE is_current_week$$,
              $$SELECT coalesce(r.rep_id, '(none)') AS rep_id, c.category, round(owner_only_amount, 6) AS a, round(amount_without_adjustments, 6) AS b,
                       round(amount_without_owner_adjustment, 6) AS c, round(amount_without_manager_adjustment, 6) AS d, round(forecast_amount, 6) AS e,
                       round(called_below, 6) AS f, round("call", 6) AS g, is_missing, round(quota, 6) AS h, round(gap_after_call, 6) AS i
                FROM unnest(ARRAY['Commit', 'Most Likely', 'Best Case', 'Pipeline']) AS c(category)
                CROSS JOIN LATERAL forecast_submission_report('FY2026-Q4', '2026-11-20 12:00+00', c.category::forecast_category) r$$,
              'mart forecast_submission has the report of every column');
SELECT results_eq($$SELECT forecast_week, cut_off_date, "call", call_change, is_late, is_missing, amount_without_adjustments FROM salesops_bi.forecast_submission
                    WHERE rep_id = (SELECT min(id) FROM rep) AND category = 'Commit' AND NOT is_current_week ORDER BY forecast_week$$,
                  $$VALUES (6, date '2026-11-06', 100.0, NULL::numeric, false, NULL::boolean, NULL::numeric), (7, date '2026-11-13', 120.0, 20.0, true, NULL, NULL)$$,
                  '... and the calls of the weeks before');
SELECT is((SELECT count(*) FROM salesops_bi.forecast_submission WHERE is_missing), (SELECT 4 * count(*) FROM expected_submitters('FY2026-Q4', '2026-11-20 12:00+00')),
          '... and who has not called this week');
SELECT results_eq($$SELECT DISTINCT fiscal_period, fiscal_period_sort, period_end, week_label, as_of_date FROM salesops_bi.forecast_range$$,
                  $$VALUES ('FY2026-Q4', 20264, date '2026-12-31', 'Q4, week 8', date '2026-11-20')$$, '... of the quarter that runs');
SELECT results_eq($$SELECT method, months_to_go, scope_kind, quarters, error, is_alarm, naive_error, relative_to_naive, bias, coverage, deals, wins, log_loss, last_fiscal_period, backtest_date
                    FROM salesops_bi.forecast_accuracy ORDER BY months_to_go$$,
                  $$VALUES ('model', 0.5, 'company', 2::bigint, 0.125, false, 0.25, 0.5, -0.0625, 0.8, 100::bigint, 40::bigint, 0.4375, 'FY2026-Q2', date '2026-11-01'),
                           ('model', NULL, 'company', 2, 0.125, false, 0.25, 0.5, -0.0625, 0.8, 100, 40, 0.4375, 'FY2026-Q2', '2026-11-01')$$,
                  'mart forecast_accuracy is of the newest backtest that was known then, and of no later one');
SELECT results_eq($$SELECT months_to_go, probability_low, probability_high, deals, wins, mean_probability, share_won, share_low, share_high FROM salesops_bi.forecast_calibration ORDER BY months_to_go$$,
                  $$VALUES (0.5, 0.25, 0.5, 40::bigint, 15::bigint, 0.34375, 0.375, 0.265625, 0.5), (1, 0.25, 0.5, 40, 15, 0.34375, 0.375, 0.265625, 0.5)$$,
                  'so is mart forecast_calibration, mark by mark');
SELECT bag_eq($$SELECT opportunity_id, flag, reason, value, bound, unit, owner_id, category, money_at_risk FROM salesops_bi.deal_risk$$,
              $$SELECT id, flag, reason, round(value, 6) AS v, round(bound, 6) AS b, unit, coalesce(owner_id, '(none)') AS o, coalesce(category::text, '(none)') AS c, round(money_at_risk, 6) AS m
                FROM deal_risk('2026-11-20 12:00+00')$$, 'mart deal_risk has a row a deal and flag');
SELECT cmp_ok((SELECT count(*) FROM salesops_bi.deal_risk), '>', (SELECT count(DISTINCT opportunity_id) FROM salesops_bi.deal_risk), 'of which some deals have several');
SELECT is((SELECT sum(counted_money_at_risk) FROM salesops_bi.deal_risk),
          (SELECT sum(money) FROM (SELECT DISTINCT opportunity_id, money_at_risk AS money FROM salesops_bi.deal_risk) d), 'and money at risk counts a deal once');
SELECT * FROM finish();
ROLLBACK;
