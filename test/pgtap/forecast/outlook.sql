-- forecast() by hand where there is no model: three reps, a manager, what has no amount, no rate, no owner; trees; abstentions.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(40);

CREATE FUNCTION pg_temp.rep(id text, manager text, region text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.rep (source_key, id, name, manager_id, region, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, initcap(id), manager, region, false, '2026-01-01', '2026-01-01', 'sync')
$$;
CREATE FUNCTION pg_temp.deal(id text, owner text, category text, amount numeric, close date, currency text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, forecast_category, amount, close_date, currency, created_at,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, 'Stage of no map', category, amount, close, currency, '2026-09-10', category = 'Closed', category = 'Closed', false,
          '2026-11-01', '2026-11-01', 'sync')
$$;
CREATE FUNCTION pg_temp.quota(rep text, amount numeric) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.quota (source_key, id, rep_id, period, amount, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', rep, rep, 'FY2026-Q4', amount, false, '2026-01-01', '2026-01-01', 'sync')
$$;
-- One line of a forecast, as text.
CREATE FUNCTION pg_temp.line(line text, scope text, period text DEFAULT 'FY2026-Q4', tree timestamptz DEFAULT NULL,
                             moves salesops.reporting_line[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', f.deals, trim_scale(f.mean), f.p50, trim_scale(f.published))
  FROM salesops.forecast(period::salesops.fiscal_period, scope, '2026-11-20 12:00+00', NULL, NULL, tree, moves) f WHERE f.line = $1
$$;
SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');

SELECT results_eq($$SELECT line, deals, mean, published, forecast_method, label, reason FROM forecast('FY2026-Q4', 'company', '2026-11-20')$$,
  $$VALUES ('actuals', 0::bigint, 0::numeric, NULL::numeric, NULL, NULL, NULL), ('existing pipeline', 0, 0, NULL, NULL, NULL, NULL),
           ('new business', NULL, NULL, NULL, NULL, NULL, 'not in the weighted total'),
           ('total', 0, 0, 0, 'category weights', 'Q4, week 8', 'uncalibrated: no win model was fitted by then; no backtest says how far off it was')$$,
  'an empty database has a forecast of nothing, and says that nobody should believe it');

-- Ann leads bob and cat. Commit 90 %, Best Case 50 %, Pipeline 20 %.
SELECT pg_temp.rep('ann', NULL, 'North'), pg_temp.rep('bob', 'ann', 'North'), pg_temp.rep('cat', 'ann', 'South');
SELECT pg_temp.deal('d1', 'ann', 'Commit', 100, '2026-12-01'), pg_temp.deal('d2', 'bob', 'Best Case', 200, '2026-12-15'),
       pg_temp.deal('d3', 'bob', 'Pipeline', 400, '2027-02-01'), pg_temp.deal('d4', 'cat', 'Pipeline', 1000, '2026-10-05'),
       pg_temp.deal('w1', 'bob', 'Closed', 50, '2026-10-20'), pg_temp.deal('w0', 'ann', 'Closed', 30, '2026-08-20');
SELECT pg_temp.quota('bob', 300), pg_temp.quota('cat', 100), pg_temp.quota('ann', 1000);

SELECT is(pg_temp.line('actuals', 'company'), '1 50', 'won in the quarter');
SELECT is(pg_temp.line('existing pipeline', 'company'), '4 390', '90 % of 100, 50 % of 200, 20 % of 1000; nothing of what is to close later');
SELECT is(pg_temp.line('total', 'company'), '5 440 440', 'together');
SELECT is((SELECT weighted_total FROM forecast_summary('FY2026-Q4', '2026-11-20 12:00+00')), 440::numeric, 'which is the weighted total of the report');
SELECT is((SELECT (f.quota, trim_scale(f.naive), trim_scale(f.category_weights), f.probability_at_least_quota)::text
           FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total'), '(400,30,440,)',
          'quota without the team''s, last quarter, no probability without a model');
SELECT is(pg_temp.line('total', 'owner:s/bob') || ' | ' || pg_temp.line('total', 'owner:s/ann') || ' | ' || pg_temp.line('total', 'owner:s/cat'),
          '3 150 150 | 1 90 90 | 1 200 200', 'owners');
SELECT is(pg_temp.line('total', 'team:s/ann') || ' | ' || pg_temp.line('total', 'region:North'), '5 440 440 | 4 240 240', 'team and region');
SELECT is((SELECT f.quota FROM forecast('FY2026-Q4', 'Bob', '2026-11-20 12:00+00') f WHERE f.line = 'total'), 300::numeric, 'a rep by his name, with his quota');

-- What has no amount, no rate, no owner, an unknown owner.
SELECT pg_temp.deal('n1', 'bob', 'Commit', NULL, '2026-12-01'), pg_temp.deal('n2', 'bob', 'Commit', 700, '2026-12-01', 'XAU'),
       pg_temp.deal('o1', NULL, 'Commit', 10, '2026-12-01'), pg_temp.deal('o2', 'zed', 'Commit', 20, '2026-12-01');
SELECT is((SELECT (f.deals, trim_scale(f.mean), f.reason)::text FROM forecast('FY2026-Q4', 'owner:s/bob', '2026-11-20 12:00+00') f WHERE f.line = 'existing pipeline'),
          '(4,100,"2 deals are in no sum: no amount or rate, or nothing to weigh them by")', 'an amount that is unknown or cannot be converted is counted and not added');
SELECT is(pg_temp.line('existing pipeline', 'owner:(no rep)'), '2 27', 'deals of nobody and of somebody unknown are a scope of their own');
SELECT is(pg_temp.line('existing pipeline', 'company'), '8 417', 'and in the company');
SELECT is((SELECT sum(f.mean) FROM (SELECT DISTINCT scope FROM forecast_scopes('2026-11-20 12:00+00') WHERE scope_kind = 'owner') s
           CROSS JOIN LATERAL forecast('FY2026-Q4', s.scope, '2026-11-20 12:00+00') f WHERE f.line = 'total'),
          (SELECT f.mean FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total'), 'owners add up to the company');

-- Trees.
INSERT INTO rep_history SELECT * FROM rep WHERE id = 'cat';
UPDATE rep SET manager_id = 'bob', effective_at = '2026-12-01', recorded_at = '2026-12-01' WHERE id = 'cat';
SELECT throws_ok($$SELECT * FROM forecast('FY2026-Q4', 'team:s/bob', '2026-11-20 12:00+00')$$, '42704', NULL, 'as it was, bob leads nobody');
SELECT is(pg_temp.line('existing pipeline', 'team:s/bob', tree => '2026-12-02'), '5 300', 'as it is in December, he leads cat');
SELECT is(pg_temp.line('existing pipeline', 'team:s/cat', moves => ARRAY[('s', 'bob', 'cat')]::salesops.reporting_line[]), '5 300', 'and as somebody proposes, she leads him');
SELECT is(pg_temp.line('existing pipeline', 'owner:s/bob', tree => '2026-12-02'), '4 100', 'the deals stay those of November');

-- Other quarters.
SELECT is(pg_temp.line('total', 'company', 'FY2026-Q3'), '1 30 30', 'a quarter that is over has its actuals');
SELECT is(pg_temp.line('existing pipeline', 'company', 'FY2026-Q3'), '', '... and no pipeline');
SELECT is(pg_temp.line('total', 'company', 'FY2027-Q1'), '1 80 80', 'a later one its weighted total');
SELECT is((SELECT f.reason FROM forecast('FY2027-Q1', 'company', '2026-11-20') f WHERE f.line = 'total'),
          'no model looks beyond the quarter that runs, FY2026-Q4', '... with the reason');
SELECT is((SELECT (f.forecast_method, f.reason)::text FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00', 'category_weights') f WHERE f.line = 'total'),
          '("category weights","no backtest says how far off it was")', 'who asks for weights needs no reason');
SELECT is((SELECT trim_scale(f.mean) FROM forecast('FY2026-Q4', 'company', '2026-10-15') f WHERE f.line = 'total'), 0::numeric, 'nothing was known before it was recorded');
SELECT is((SELECT trim_scale(f.mean) FROM forecast('FY2026-Q4', 'company', '2026-11-20', NULL, 'infinity') f WHERE f.line = 'total'), 467::numeric, 'known later, asked of then');

-- Errors that a person understands.
SELECT throws_ok($$SELECT * FROM forecast('FY2026', 'company', '2026-11-20')$$, '22023', 'a forecast is for a fiscal quarter, not for FY2026', 'a year');
SELECT throws_ok($$SELECT * FROM forecast(NULL, 'company', '2026-11-20')$$, '22023', 'a forecast is for a fiscal quarter, not for NULL', 'no period');
SELECT throws_ok($$SELECT * FROM forecast('FY2026-Q4', 'company', 'infinity')$$, '22023', 'a forecast is as of an instant, not infinity', 'no instant');
SELECT throws_ok($$SELECT * FROM forecast('FY2026-Q4', 'company', '2026-11-20', 'dice')$$, '22023', 'unknown forecast method ''dice''', 'no method');
SELECT throws_ok($$SELECT * FROM forecast('FY2026-Q4', NULL, '2026-11-20')$$, '42704', 'unknown scope NULL', 'no scope');

-- Models that must not be believed, each with its reason. The deals were created in January and closed in the second quarter.
-- Each an hour after the last.
CREATE FUNCTION pg_temp.history(n integer, won integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  instant CONSTANT timestamptz := timestamptz '2026-11-20 08:00+00' + make_interval(hours => (SELECT count(*)::integer FROM salesops.fitted_model));
BEGIN
  DELETE FROM salesops.opportunity WHERE id LIKE 'h%';
  DELETE FROM salesops.opportunity_history WHERE id LIKE 'h%';
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, amount, list_amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  SELECT 's', 'h' || i, 'ann', 'Stage of no map', 10, 20, date '2026-04-05' + i % 60, '2026-01-10', true, i <= won, false, '2026-11-01', '2026-11-01', 'sync'
  FROM generate_series(1, n) i;
  INSERT INTO salesops.opportunity_history (source_key, id, owner_id, created_at, is_closed, is_deleted, effective_at, recorded_at, origin)
  SELECT 's', 'h' || i, 'ann', '2026-01-10', false, false, '2026-01-10', '2026-11-01', 'reconstructed' FROM generate_series(1, n) i;
  PERFORM salesops.fit_forecast(instant);
  RETURN (SELECT concat_ws(' / ', f.forecast_method, f.reason) FROM salesops.forecast('FY2026-Q4', 'company', instant) f WHERE f.line = 'total');
END $$;
SELECT matches(pg_temp.history(20, 8), '^category weights / uncalibrated: 20 deals to learn from, and 50 are needed; ', 'too few deals');
SELECT matches(pg_temp.history(100, 0), '^category weights / uncalibrated: fewer than 10 won deals', 'all lost');
SELECT matches(pg_temp.history(100, 100), '^category weights / the range from P10 to P90 is wider than the median; ', 'all won: it remains when, and what four deals bring');
SELECT matches(pg_temp.history(100, 60), '^category weights / the range from P10 to P90 is wider than the median; ', 'a model of one rep with four open deals');
SELECT is((SELECT count(*)::text || ' ' || max(deals) || ' ' || max(new_business_quarters) FROM fitted_model), '4 100 2', 'every model is kept with its counts');
-- 60 deals won at half the list price of 20: (600 + 20 x 20) / (1200 + 20 x 20) = 0.625 of it is what it is worth.
INSERT INTO product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'p', 'Widget', 400, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO opportunity (source_key, id, owner_id, product, quantity, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'list', 'ann', 'Widget', 2, false, '2026-11-01', '2026-11-01', 'sync');
SELECT is((SELECT (p.amount_basis, p.corporate_amount, trim_scale(p.amount))::text FROM win_probabilities('2026-11-20 12:00+00') p WHERE p.id = 'list'), '("list price",800,500)',
          'an amount estimated at list price counts for what that is worth');

-- Cat has nothing but a won deal, of a deal nothing but the key is known, and dates lie in the future and in reverse.
UPDATE opportunity SET is_closed = true, is_won = true WHERE id = 'd4';
INSERT INTO opportunity (source_key, id, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'bare', false, '2026-11-01', '2026-11-01', 'sync');
INSERT INTO opportunity (source_key, id, owner_id, amount, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'future', 'bob', -5, '2999-12-31', '2900-01-01', false, '2026-11-01', '2026-11-01', 'sync'),
       ('s', 'reversed', 'bob', 1e15, '1970-01-01', '2026-10-01', false, '2026-11-01', '2026-11-01', 'sync');
SELECT forecast_text AS computed FROM (SELECT string_agg(f::text, chr(10)) AS forecast_text FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f) x \gset
SELECT lives_ok($$SELECT refresh_current_forecast('2026-11-20 12:00+00')$$, 'it is kept all the same');
SELECT is((SELECT (o.open_deals, o.won_deals, o.existing, mean(o.pipeline))::text FROM current_owner_forecast o WHERE o.owner_id = 'cat'), '(0,1,0,0)',
          'of an owner without an open deal too');
SELECT ok(bool_and(d.probability BETWEEN 1e-6 AND 1 - 1e-6), 'every probability is one') FROM current_deal_forecast d WHERE d.part = 'open';
SELECT is((SELECT string_agg(f::text, chr(10)) FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f), :'computed', 'and says the same');
SELECT throws_ok($$UPDATE fitted_model SET correlation = 0.5$$, '23001', NULL, 'and never changed');
SELECT * FROM finish();
ROLLBACK;
