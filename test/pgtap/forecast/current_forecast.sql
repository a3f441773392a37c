-- The forecast by a model, on a generated CRM: what adds up, what is the same by any way of computing it, and the stored current forecast.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SELECT plan(37);

SELECT count(*) FROM generate_crm(3000, 15, 7, '2026-11-20 12:00+00', 0.05, 'generated') \gset ignored_
SELECT connect('g', 'fivetran_salesforce', 'generated');
SELECT count(*) FROM sync('g', '2026-11-20 12:00+00') \gset ignored_
SELECT fit_forecast('2026-11-20 12:00+00') AS model_id \gset
SELECT is((SELECT m.model_id FROM current_win_model('2026-11-21') m), :model_id::bigint, 'the model is used from its instant on');
SELECT is_empty($$SELECT * FROM current_win_model('2026-11-20 11:59+00')$$, 'and not before');
SELECT cmp_ok((SELECT m.deals FROM fitted_model m), '>', 1000::bigint, 'it learned from deals');

-- As text, so that every bit counts.
CREATE FUNCTION pg_temp.forecast_text(scope text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(f::text, chr(10)) FROM salesops.forecast(salesops.period_after(as_of), scope, as_of) f
$$;
CREATE FUNCTION pg_temp.owners_text(as_of timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(o::text, chr(10) ORDER BY o.source_key, o.owner_id) FROM salesops.owner_forecasts(as_of) o
$$;
CREATE TEMP TABLE computed AS
  SELECT s.scope, pg_temp.forecast_text(s.scope, '2026-11-20 12:00+00') AS lines
  FROM (SELECT DISTINCT scope FROM forecast_scopes('2026-11-20 12:00+00') WHERE scope_kind <> 'owner') s;
SELECT pg_temp.owners_text('2026-11-20 12:00+00') AS owners \gset

SELECT is(f.forecast_method, 'model median', 'the company has a forecast to be believed') FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total';
SELECT ok(bool_and(f.p10 <= f.p50 AND f.p50 <= f.p90), 'quantiles are in order') FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f;
SELECT ok(f.expected_shortfall < f.p10 AND f.probability_at_least_quota BETWEEN 0 AND 1 AND f.published = f.p50, 'so are shortfall and probability')
FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total';
SELECT is(sum(f.mean) FILTER (WHERE f.line <> 'total'), sum(f.mean) FILTER (WHERE f.line = 'total'), 'the three lines add up to the total')
FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f;
SELECT is((SELECT trim_scale(f.category_weights) FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total'),
          (SELECT trim_scale(s.weighted_total) FROM forecast_summary('FY2026-Q4', '2026-11-20 12:00+00') s), 'the weighted total beside it is that of the report');
SELECT is((SELECT f.naive FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total'),
          (SELECT s.closed FROM forecast_summary('FY2026-Q3', '2026-11-20 12:00+00') s), 'the naive forecast is the last quarter''s actual');

-- Probabilities are the model's; the open deals are those of opportunity_state().
SELECT is((SELECT count(*) FROM win_probabilities('2026-11-20 12:00+00')), (SELECT count(*) FROM opportunity_state('2026-11-20 12:00+00') o WHERE o.is_open), 'every open deal has one');
SELECT is_empty($$
  SELECT p.id FROM win_probabilities('2026-11-20 12:00+00') p
  JOIN win_deals('{2026-11-20 12:00+00}', '2026-11-20 12:00+00', (SELECT m.factors FROM fitted_model m)) d ON d.id = p.id
  WHERE p.probability <> win_probability((SELECT m.model FROM fitted_model m), d.levels, paced_months(months_to_go('2026-11-20 12:00+00', 'FY2026-Q4'), (SELECT m.pace FROM fitted_model m)))
     OR p.probability NOT BETWEEN 1e-6 AND 1 - 1e-6 OR p.method <> 'model'$$, 'by the model, of its levels and the time left');
SELECT is((SELECT round(sum(p.amount / p.corporate_amount) / count(*), 6) FROM win_probabilities('2026-11-20 12:00+00') p WHERE p.amount_basis = 'stated' AND p.corporate_amount <> 0), 1.000000, 'stated amounts count in full');

-- Sums over any hierarchy, to the last digit.
CREATE TEMP TABLE mean_by_scope AS
  SELECT s.scope_kind, s.scope, f.line, f.mean
  FROM (SELECT DISTINCT scope_kind, scope FROM forecast_scopes('2026-11-20 12:00+00')) s
  CROSS JOIN LATERAL forecast('FY2026-Q4', s.scope, '2026-11-20 12:00+00') f;
SELECT results_eq($$SELECT line, trim_scale(round(sum(mean), 6)) FROM mean_by_scope WHERE scope_kind = 'owner' GROUP BY 1 ORDER BY 1$$,
                  $$SELECT line, trim_scale(round(mean, 6)) FROM mean_by_scope WHERE scope_kind = 'company' ORDER BY 1$$, 'owners add up to the company');
SELECT results_eq($$SELECT line, trim_scale(round(sum(mean), 6)) FROM mean_by_scope WHERE scope_kind = 'region' OR scope = 'owner:(no rep)' GROUP BY 1 ORDER BY 1$$,
                  $$SELECT line, trim_scale(round(mean, 6)) FROM mean_by_scope WHERE scope_kind = 'company' ORDER BY 1$$, 'so do regions with what is nobody''s');
SELECT is((SELECT bookings(o.pipeline)::text FROM owner_forecasts('2026-11-20 12:00+00') o),
          (SELECT bookings(p.amount, p.probability, m.correlation)::text FROM win_probabilities('2026-11-20 12:00+00') p CROSS JOIN fitted_model m),
          'the owners'' distributions add up to the company''s, byte for byte');
-- The CRM's history of amounts reaches back 400 days: to the starts of three quarters.
SELECT ok(m.correlation BETWEEN 0 AND 0.5 AND m.correlation_quarters = 3, 'their correlation was learned from the past quarters whose amounts are known') FROM fitted_model m;

-- The same by any way of computing it.
SELECT refresh_current_forecast('2026-11-20 12:00+00');
SELECT ok(is_current_forecast('2026-11-20 12:00+00'), 'kept');
SELECT is_empty($$SELECT c.scope FROM computed c WHERE c.lines IS DISTINCT FROM pg_temp.forecast_text(c.scope, '2026-11-20 12:00+00')$$, 'what is kept says the same of every scope');
SELECT is(md5(pg_temp.owners_text('2026-11-20 12:00+00')), md5(:'owners'), 'and of every owner');
DELETE FROM current_forecast;
UPDATE opportunity SET name = name || ' ' WHERE id < (SELECT percentile_disc(0.6) WITHIN GROUP (ORDER BY id) FROM opportunity);
CREATE INDEX shuffled ON opportunity (md5(id));
CLUSTER opportunity USING shuffled;
SELECT is(md5(pg_temp.owners_text('2026-11-20 12:00+00')), md5(:'owners'), 'rows in another order do not change a bit');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT pg_temp.owners_text('2026-11-20 12:00+00') = :'owners' AS serial \gset
SET LOCAL max_parallel_workers_per_gather = 4;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT ok(:'serial' AND pg_temp.owners_text('2026-11-20 12:00+00') = :'owners', 'nor do parallel workers');
SET LOCAL min_parallel_table_scan_size = '8MB';
SET LOCAL parallel_setup_cost = 1000;
SET LOCAL parallel_tuple_cost = 0.1;

-- An update from the changed deals gives what a refresh gives.
SELECT refresh_current_forecast('2026-11-20 12:00+00');
CREATE TEMP TABLE opened AS SELECT o.id, row_number() OVER (ORDER BY o.id) AS n FROM generated.opportunity o WHERE NOT o.is_closed AND NOT o.is_deleted AND o._fivetran_active;
UPDATE generated.opportunity o SET last_modified_date = '2026-11-20 15:00+00', _fivetran_synced = '2026-11-20 15:00+00',
  amount = CASE WHEN n = 1 THEN amount * 3 WHEN n = 2 THEN NULL ELSE amount END,
  owner_id = CASE n WHEN 3 THEN (SELECT min(u.id) FROM generated."user" u) WHEN 4 THEN NULL ELSE owner_id END,
  close_date = CASE n WHEN 5 THEN close_date + interval '100 days' ELSE close_date END,
  is_won = CASE n WHEN 6 THEN true ELSE is_won END, is_closed = CASE WHEN n IN (6, 7) THEN true ELSE is_closed END,
  stage_name = CASE n WHEN 6 THEN 'Closed Won' WHEN 7 THEN 'Closed Lost' ELSE stage_name END, is_deleted = CASE n WHEN 8 THEN true ELSE is_deleted END
FROM opened p WHERE p.id = o.id AND p.n <= 8;
SELECT count(*) FROM sync('g', '2026-11-20 16:00+00') \gset ignored_
SELECT is(cardinality(changed_deals('2026-11-20 12:00+00', '2026-11-20 16:00+00')), 8, 'eight deals changed');
SELECT ok(is_current_basis('2026-11-20 16:00+00'), 'what is kept can be brought up to date');
SELECT is(update_current_forecast('2026-11-20 16:00+00'), 8::bigint, 'from these alone');
CREATE TEMP TABLE updated AS SELECT 'owner' AS kind, o::text AS line FROM current_owner_forecast o UNION ALL SELECT 'deal', d::text FROM current_deal_forecast d
                             UNION ALL SELECT 'forecast', c::text FROM current_forecast c;
SELECT refresh_current_forecast('2026-11-20 16:00+00');
CREATE TEMP TABLE refreshed AS SELECT 'owner' AS kind, o::text AS line FROM current_owner_forecast o UNION ALL SELECT 'deal', d::text FROM current_deal_forecast d
                               UNION ALL SELECT 'forecast', c::text FROM current_forecast c;
SELECT is_empty('TABLE updated EXCEPT ALL TABLE refreshed', 'to the byte what a refresh makes');
SELECT is_empty('TABLE refreshed EXCEPT ALL TABLE updated', '... and no less');
SELECT ok(NOT is_current_basis('2026-11-21 03:00+00'), 'a new day asks anew');
UPDATE rep SET name = name || '!', recorded_at = '2026-11-20 17:00+00' WHERE id = (SELECT min(id) FROM rep);
SELECT ok(NOT is_current_basis('2026-11-20 18:00+00'), 'so does a change of the reps');
-- What the night does.
SELECT keep_forecast('2026-11-20 18:30+00') \gset ignored_
SELECT is((SELECT c.as_of || ' ' || c.model_id FROM current_forecast c), (timestamptz '2026-11-20 18:30+00') || ' ' || :model_id, 'the forecast is kept by the model there is');
SELECT ok(NOT is_model_due('2026-11-27 11:59+00') AND is_model_due('2026-11-27 12:00+00'), 'after seven days another is due');
SELECT set_setting('model_age', '400 days');
SELECT ok(NOT is_model_due('2026-12-31 12:00+00') AND is_model_due('2026-12-31 23:59:59.999999+00'), 'or when a quarter begins, at the last instant of the one before');
SELECT set_setting('model_age', '1 days');
SELECT keep_forecast('2026-11-21 18:30+00') \gset ignored_
SELECT is((SELECT array_agg(m.as_of ORDER BY m.model_id) FROM fitted_model m), '{2026-11-20 12:00+00,2026-11-21 18:30+00}'::timestamptz[], 'when it is due, another is fitted');
SELECT isnt((SELECT c.model_id FROM current_forecast c), :model_id::bigint, 'and used');
SELECT throws_ok($$SELECT set_setting('model_age', 'a week')$$, '22023', NULL, 'an age is a number of days');
SELECT throws_ok($$SELECT refresh_current_forecast('infinity')$$, '22023', NULL, 'no instant');
SELECT throws_ok($$SELECT update_current_forecast(NULL)$$, '22023', NULL, 'nor none');
SELECT throws_ok($$SELECT keep_forecast('0044-03-15 BC')$$, '22023', 'there is no fiscal quarter at 0044-03-15 00:00:00+00 BC', 'nor one before all calendars');
SELECT * FROM finish();
ROLLBACK;
