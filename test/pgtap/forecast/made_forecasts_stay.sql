-- What was forecast stays what it was said to be: no model of the past, no later choice of factors and no doubtful model changes it, nobody forecasts
-- as of an instant that has not come, and what a backtest found decides what is published.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL TimeZone = 'UTC';
SELECT plan(47);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

SELECT count(*) FROM generate_crm(1500, 6, 11, '2026-11-20 12:00+00', 0.05, 'made') \gset ignored_
SELECT connect('g', 'fivetran_salesforce', 'made');
SELECT count(*) FROM sync('g', '2026-11-20 12:00+00') \gset ignored_
-- A partner whom every deal names in one field, and in another one always the same.
UPDATE opportunity SET custom = jsonb_build_object('partner', 'p' || length(name) % 3, 'other', 'same');
UPDATE opportunity_history SET custom = jsonb_build_object('partner', 'p' || length(name) % 3, 'other', 'same');
SELECT set_win_factor('partner', valid_from => '2026-01-01') \g /dev/null

CREATE FUNCTION pg_temp.said(as_of timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(chr(10), (SELECT string_agg(f::text, chr(10)) FROM salesops.forecast('FY2026-Q4', 'company', as_of) f),
                   (SELECT md5(string_agg(p::text, chr(10) ORDER BY p.source_key, p.id)) FROM salesops.win_probabilities(as_of) p))
$$;
SELECT p.id AS deal FROM win_probabilities('2026-11-20 12:00+00') p ORDER BY p.amount DESC NULLS LAST, p.id LIMIT 1 \gset
CREATE FUNCTION pg_temp.why(deal text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(e::text, chr(10)) FROM salesops.explain_deal_probability('g', deal, as_of) e
$$;

-- Models of the past
SELECT fit_forecast('2026-09-10') AS first \gset
SELECT isnt(fit_forecast('2026-10-10'), :first::bigint, 'whoever tries the past from its beginning on fits model after model');
SELECT is(fit_forecast('2026-10-10'), (SELECT max(model_id) FROM fitted_model), 'asked again for an instant there is the same model');
SELECT throws_ok($$SELECT fit_forecast('2026-10-09')$$, '22023', 'a model as of 2026-10-09 00:00:00+00 would change forecasts that were made', 'but none is fitted for a time before the newest');
SELECT keep_forecast('2026-11-20 12:00+00') \g /dev/null
SELECT max(model_id) AS model_id FROM fitted_model \gset
SELECT pg_temp.said('2026-11-20 12:00+00') AS said, pg_temp.why(:'deal', '2026-11-20 12:00+00') AS why \gset
SELECT ok(length(:'why') > 0, 'a deal is explained');
SELECT lives_ok($$SELECT keep_forecast('2026-11-20 12:00+00')$$, 'a night that is tried again keeps the same');
SELECT is((SELECT count(*) FROM fitted_model), 3::bigint, '... by the same model');
SELECT keep_forecast('2026-11-20 18:00+00') \g /dev/null
SELECT set_setting('corporate_currency', 'EUR') \g /dev/null
SELECT lives_ok($$SELECT keep_forecast('2026-11-20 18:00+00')$$, 'where a model is due for an instant that was forecast, the night does without');
SELECT is((SELECT count(*) FROM fitted_model), 3::bigint, '... and the next one fits it');
SELECT set_setting('corporate_currency', 'USD') \g /dev/null
SELECT keep_forecast('2026-11-20 18:00+00') \g /dev/null
CREATE FUNCTION pg_temp.refused(as_of timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  PERFORM salesops.fit_forecast(as_of);
  RETURN 'fitted';
EXCEPTION WHEN invalid_parameter_value THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' ', detail, hint);
END $$;
SELECT is(pg_temp.refused('2026-11-20 15:00+00'), 'The newest model is as of 2026-11-20 12:00:00+00. The current forecast is as of 2026-11-20 18:00:00+00. '
          'Fit for a later instant. What a model of the past would have said, salesops.backtest() tells.', 'nor before the forecast that is kept, and the refusal says why and what to do');
SELECT matches(pg_temp.refused('2026-11-20 18:00+00'), '^The newest model is', 'nor for its very instant');
SELECT is(pg_temp.said('2026-11-20 12:00+00'), :'said'::text, 'so that the forecast of noon is what it was');

-- Another choice of factors
SELECT set_win_factor('partner', 'other', valid_from => '2026-02-01') \g /dev/null
SELECT set_win_factor('segment', 'other', valid_from => '2026-02-01') \g /dev/null
SELECT is(pg_temp.said('2026-11-20 12:00+00'), :'said'::text, 'a factor that is read from another field later is read by a model as when it was fitted');
SELECT is(pg_temp.why(:'deal', '2026-11-20 12:00+00'), :'why'::text, '... in its explanations too');
SELECT is((SELECT fields[array_position(factors, 'partner')] || ' ' || coalesce(fields[array_position(factors, 'segment')], 'its own') FROM fitted_model WHERE model_id = :model_id), 'partner its own',
          'which fields it was fitted to is kept with it');
SELECT fit_forecast('2026-11-20 19:00+00') AS later_id \gset
SELECT is((SELECT fields[array_position(factors, 'partner')] || ' ' || fields[array_position(factors, 'segment')] FROM fitted_model WHERE model_id = :later_id), 'other other',
          'the next model follows the choice');
SELECT ok(pg_temp.said('2026-11-20 18:00+00') NOT LIKE '%doubt%', 'good models are nothing to speak of');

-- A doubtful model
CREATE FUNCTION pg_temp.doubtful(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$
  INSERT INTO salesops.fitted_model (as_of, known_at, period, model, doubt, factors, fields, left_out, marks, deals, rows, wins, correlation, correlation_quarters,
                                     pace, new_business_quarters, corporate_currency)
  SELECT as_of, as_of, 'FY2026-Q4', salesops.fit_win_model(NULL), 'fewer than 10 won deals', '{}', '{}', '{}', 0, 60, 60, 1, 0.02, 0, salesops.booking_pace(NULL, 1), 0, 'USD' RETURNING model_id
$$;
SELECT pg_temp.doubtful('2026-11-20 21:00+00') AS doubtful_id \gset
SELECT is((SELECT model_id FROM current_win_model('2026-11-20 22:00+00')), :later_id::bigint, 'the newest model that may be believed is used');
SELECT is((SELECT model_id FROM newest_win_model('2026-11-20 22:00+00')), :doubtful_id::bigint, '... though there is a newer one');
SELECT is((SELECT f.forecast_method || ': ' || f.reason FROM forecast('FY2026-Q4', 'company', '2026-11-20 22:00+00') f WHERE f.line = 'total'),
          'model median: by the model of 2026-11-20, for that of 2026-11-20 is doubted: fewer than 10 won deals; no backtest says how far off it was', 'and it is said');
SELECT ok(is_model_due('2026-11-27 21:00+00') AND NOT is_model_due('2026-11-27 20:59+00'), 'a doubtful model is not tried again before its time');
SELECT is((SELECT f.reason FROM forecast('FY2026-Q4', 'company', '2026-09-01') f WHERE f.line = 'total'),
          'no model looks beyond the quarter that runs, FY2026-Q3', 'a quarter that has not begun has its weighted total');
SELECT matches((SELECT f.reason FROM forecast('FY2026-Q3', 'company', '2026-09-01', known_at => '2026-11-21') f WHERE f.line = 'total'), '^uncalibrated: no win model was fitted by then', 'before the first model there is none');
DELETE FROM current_forecast;
SET LOCAL session_replication_role = replica;
DELETE FROM fitted_model WHERE doubt IS NULL AND model_id <> :model_id;
UPDATE fitted_model SET as_of = '2026-11-20 23:00+00', known_at = '2026-11-20 23:00+00' WHERE doubt IS NULL;
SET LOCAL session_replication_role = origin;
SELECT is((SELECT f.forecast_method || ': ' || f.reason FROM forecast('FY2026-Q4', 'company', '2026-11-20 22:00+00') f WHERE f.line = 'total'),
          'category weights: uncalibrated: fewer than 10 won deals; no backtest says how far off it was', 'where none may be believed the doubt of the newest is the reason');
SELECT is_empty($$SELECT * FROM explain_deal_probability('g', (SELECT min(id) FROM win_probabilities('2026-11-20 22:00+00')), '2026-11-20 22:00+00')$$, '... and there is nothing to explain');

-- The future
SELECT throws_like(format('SELECT * FROM %s', call), 'as_of % lies in the future', 'nobody knows: ' || call)
FROM unnest(ARRAY['forecast(period_after(now() + interval ''30 days''), ''company'', now() + interval ''30 days'')', 'scope_forecasts(now() + interval ''2 days'')',
                  'win_probabilities(now() + interval ''2 days'')', 'deal_forecasts(now() + interval ''2 days'')', 'owner_forecasts(now() + interval ''2 days'')',
                  'forecast_outlook(period_after(now() + interval ''2 days''), now() + interval ''2 days'')', 'explain_deal_probability(''g'', ''x'', now() + interval ''2 days'')',
                  'fit_forecast(now() + interval ''2 days'')']) call;
SELECT lives_ok($$SELECT * FROM forecast(period_after(now() + interval '1 hour'), 'company', now() + interval '1 hour')$$, 'a clock may be a little ahead');
SELECT lives_ok($$SELECT * FROM explain_deal_probability('g', '0061', '2026-11-20')$$, 'an instant may be written as a text');

-- A clock that was ahead: what it recorded is dated back, and the next night fits and keeps.
SET LOCAL session_replication_role = replica;
UPDATE fitted_model SET as_of = now() + interval '40 days', known_at = now() + interval '40 days' WHERE model_id = :doubtful_id;
SET LOCAL session_replication_role = origin;
SELECT matches(pg_temp.refused(clock()), 'correct_future\(\) takes that back', 'a model of the future stands in the way, and the refusal says whose work that is');
SELECT count(*) FROM correct_future(clock()) \gset ignored_
SELECT is(pg_temp.refused(clock()), 'fitted', 'then models are fitted again');

-- What is published when there is a backtest. The company's error: model 14.2 %, weighted total as given.
CREATE FUNCTION pg_temp.backtested(to_period text, weighted numeric, instant timestamptz, kept timestamptz DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  marks CONSTANT jsonb := '[3, 2, 1, 0.5]';
  run CONSTANT bigint := nextval('salesops.backtest_run_run_id_seq');
BEGIN
  INSERT INTO salesops.backtest_run OVERRIDING SYSTEM VALUE
  SELECT (jsonb_populate_record(NULL::salesops.backtest_run, jsonb_build_object(
            'run_id', run, 'methods', ARRAY['category_weights', 'model'], 'from_period', 'FY2025-Q1', 'to_period', to_period, 'months_to_go', marks, 'as_of', instant, 'known_at', instant,
            'corporate_currency', 'USD', 'fiscal_year_start_month', 1, 'time_zone', 'UTC', 'weight_set', 'default', 'factors', '{}'::text[], 'has_given_factors', false, 'kept_as_of', kept, 'started_at', now()))).*;
  INSERT INTO salesops.backtest_score
  SELECT (jsonb_populate_record(NULL::salesops.backtest_score, jsonb_build_object(
            'run_id', run, 'method', s.method, 'months_to_go', m, 'scope_kind', k, 'forecasts', 8, 'quarters', 1 + (to_period::salesops.fiscal_period OPERATOR(salesops.-) 'FY2025-Q1'::salesops.fiscal_period), 'wmape', s.error, 'bias', s.bias + coalesce(m::numeric, 0)))).*
  FROM (VALUES ('model', 0.142, -0.05), ('category_weights', weighted, 0.03)) AS s(method, error, bias)
  CROSS JOIN (SELECT e.m FROM jsonb_array_elements_text(marks) AS e(m) UNION ALL SELECT NULL) AS t(m)
  CROSS JOIN unnest(ARRAY['company', 'region', 'team', 'owner']) AS k;
END $$;
CREATE FUNCTION pg_temp.published(as_of timestamptz, method text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' | ', f.forecast_method, CASE f.published WHEN f.category_weights THEN 'weighted' WHEN f.p50 THEN 'median' END, f.backtested_error, f.backtested_bias, f.reason)
  FROM salesops.forecast('FY2026-Q4', 'company', as_of, method) f WHERE f.line = 'total'
$$;
SELECT is(pg_temp.published('2026-11-20 23:30+00'), 'model median | median | no backtest says how far off it was', 'without a backtest the model''s median is published');
SELECT pg_temp.backtested('FY2025-Q3', 0.091, '2026-11-20 23:40+00') \g /dev/null
SELECT is(pg_temp.published('2026-11-20 23:45+00'), 'model median | median | 0.142 | 1.95', 'three quarters say nothing against it');
SELECT pg_temp.backtested('FY2025-Q4', 0.142, '2026-11-20 23:46+00') \g /dev/null
SELECT is(pg_temp.published('2026-11-20 23:47+00'), 'model median | median | 0.142 | 1.95', 'nor does a weighted total that was as far off');
SELECT pg_temp.backtested('FY2026-Q4', 0.091, '2026-11-20 23:48+00') \g /dev/null
SELECT is(pg_temp.published('2026-11-20 23:49+00'), 'category weights | weighted | 0.091 | 2.03 | backtested over 8 quarters the weighted total was closer: 9.1 % against 14.2 %',
          'where the weighted total was closer over four quarters or more, it is published, with the figures');
SELECT is(pg_temp.published('2026-11-20 23:47:30+00'), 'model median | median | 0.142 | 1.95', '... but not before the backtest was made');
SELECT pg_temp.backtested('FY2025-Q4', 0.091, '2026-11-20 23:46:40+00', '2026-11-20 23:47:30+00') \g /dev/null
SELECT is(pg_temp.published('2026-11-20 23:47:30+00'), 'model median | median | 0.142 | 1.95', '... nor what was forecast when it was made for a time before');
SELECT is(pg_temp.published('2026-11-20 23:49+00', 'model'), 'model median | median | 0.142 | 1.95', 'whoever asks for the model gets its median');
SELECT is(pg_temp.published('2026-11-20 23:49+00', 'category_weights'), 'category weights | weighted | 0.091 | 2.03', 'and whoever asks for weights their total, without a reason');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', s.forecast_method, s.backtested_error, s.backtested_bias), ', ') FROM scope_forecasts('2026-11-20 23:49+00') s), 'category weights 0.091 2.03',
          'every scope with the error and bias of what is published');
SELECT is((SELECT s.published FROM scope_forecasts('2026-11-20 23:49+00') s WHERE s.scope = 'company'), (SELECT s.weighted FROM scope_forecasts('2026-11-20 23:49+00', NULL, 'company') s), 'one scope alone is what it is among all');
SELECT bag_eq($$SELECT s.scope, s.p10, s.p50, s.p90, s.expected, s.new_business, s.quota FROM scope_forecasts('2026-11-20 23:49+00') s WHERE s.scope LIKE 'team%'$$,
              $$SELECT f.* FROM (SELECT DISTINCT scope FROM forecast_scopes('2026-11-20 23:49+00') WHERE scope_kind = 'team') t
                CROSS JOIN LATERAL (SELECT s.scope, s.p10, s.p50, s.p90, s.expected, s.new_business, s.quota FROM scope_forecasts('2026-11-20 23:49+00', NULL, t.scope) s) f$$, '... for every team');
SELECT * FROM finish();
ROLLBACK;
