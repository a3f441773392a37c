-- Amounts, list prices and rates that nobody can mean: each such deal is counted as unknown and is in no sum, and everything is forecast as
-- if it had no amount.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL TimeZone = 'UTC';
SELECT plan(26);

SELECT count(*) FROM generate_crm(2000, 8, 3, '2026-11-20 12:00+00', 0.05, 'absurd') \gset ignored_
SELECT connect('g', 'fivetran_salesforce', 'absurd');
SELECT count(*) FROM sync('g', '2026-11-20 11:00+00') \gset ignored_
INSERT INTO currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('g', 'tiny', 'XTS', '2020-01-01', 1e-300, false, '2026-01-01', '2026-01-01', 'sync'), ('g', 'nan', 'XXX', '2020-01-01', 'NaN', false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin)
VALUES ('g', 'gold', 'Gold', 'Infinity', false, '2026-01-01', '2026-01-01', 'sync');

-- Open deals, deals won in this quarter, in the last one and in those that new business is told from, one of each absurdity.
CREATE TEMP TABLE absurdity AS
  SELECT * FROM (VALUES (1, 1e17, 'USD'), (2, 'NaN', 'USD'), (3, 'Infinity', 'USD'), (4, '-Infinity', 'USD'), (5, -1e20, 'USD'), (6, 9.1e15, 'USD'), (7, 100, 'XTS'), (8, 100, 'XXX'),
                        (9, 1e300, 'USD')) AS a(n, amount, currency);
CREATE TEMP TABLE chosen AS
  SELECT c.id, c.part, a.amount, a.currency
  FROM (SELECT o.id, k.part, row_number() OVER (PARTITION BY k.part ORDER BY md5(o.id)) AS n
        FROM opportunity_state('2026-11-20 12:00+00') o
        CROSS JOIN LATERAL (SELECT CASE WHEN o.is_open AND o.close_date BETWEEN '2026-11-20' AND '2026-12-31' THEN 'open' WHEN o.status = 'won' AND o.close_date >= '2026-10-01' THEN 'won'
                                        WHEN o.status = 'won' AND o.close_date >= '2026-07-01' THEN 'won last quarter' WHEN o.status = 'won' AND o.close_date >= '2026-01-01' THEN 'won before'
                                        WHEN o.status = 'won' THEN 'won long ago' WHEN o.status = 'lost' THEN 'lost' END AS part) k
        WHERE k.part IS NOT NULL) c
  JOIN absurdity a ON a.n = c.n;
SELECT is((SELECT count(*) FROM chosen), 54::bigint, 'nine absurdities of six kinds of deals');
CREATE FUNCTION pg_temp.sums() RETURNS TABLE (what text, value text) LANGUAGE sql AS $$
  SELECT 'owner ' || o.source_key || coalesce(o.owner_id, ''), concat_ws(' ', o.open_deals, o.won_deals, o.unknown_deals, trim_scale(o.actual), trim_scale(o.last_actual), trim_scale(o.weighted))
  FROM salesops.owner_forecasts('2026-11-20 12:00+00') o
  UNION ALL
  SELECT 'new business ' || h.period || h.months_to_go || coalesce(h.owner_id, ''), h.deals || ' ' || trim_scale(h.amount) FROM salesops.new_business_history('2026-11-20 12:00+00') h
  UNION ALL
  SELECT 'price ' || coalesce(r.segment, ''), r.deals || ' ' || trim_scale(r.ratio) FROM salesops.price_realization('2026-11-20 12:00+00') r
  UNION ALL
  SELECT 'later quarter', string_agg(concat_ws(' ', f.line, trim_scale(f.mean), trim_scale(f.published)), ', ') FROM salesops.forecast('FY2027-Q1', 'company', '2026-11-20 12:00+00') f
  UNION ALL
  SELECT 'quarter before', string_agg(concat_ws(' ', f.line, trim_scale(f.mean), trim_scale(f.published)), ', ') FROM salesops.forecast('FY2026-Q3', 'company', '2026-11-20 12:00+00') f
$$;
-- A third of the list amounts are absurd too, where the deal's own is not.
UPDATE opportunity o SET list_amount = CASE WHEN md5(o.id) < '5' THEN o.amount * 1.25 END WHERE o.is_won;
UPDATE opportunity o SET amount = NULL, list_amount = NULL, product = NULL FROM chosen c WHERE c.id = o.id;
CREATE TEMP TABLE without_amount AS SELECT * FROM pg_temp.sums();
UPDATE opportunity o SET amount = c.amount, currency = c.currency, list_amount = 10 FROM chosen c WHERE c.id = o.id;
UPDATE opportunity o SET list_amount = (ARRAY['NaN', 'Infinity', '-Infinity', '1e200', '1e-200'])[1 + abs(hashtext(o.id)) % 5]::numeric
WHERE o.is_won AND md5(o.id) >= 'a' AND NOT EXISTS (SELECT FROM chosen c WHERE c.id = o.id) AND abs(hashtext(o.id)) % 5 < 4;
SELECT is_empty('SELECT * FROM pg_temp.sums() EXCEPT ALL TABLE without_amount', 'every sum is as if these deals had no amount');
SELECT is_empty('TABLE without_amount EXCEPT ALL SELECT * FROM pg_temp.sums()', '... and no less');
SELECT cmp_ok((SELECT sum(o.unknown_deals) FROM owner_forecasts('2026-11-20 12:00+00') o), '>=', 18::numeric, 'the open ones and those won in the quarter are counted as unknown');
SELECT matches((SELECT f.reason FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'existing pipeline'), '^[0-9]+ deals are in no sum', '... and the forecast says so');
-- An open deal without an amount of its own, at a list price that nobody can mean.
INSERT INTO opportunity (source_key, id, product, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
VALUES ('g', 'golden', 'Gold', '2026-12-01', '2026-11-01', false, '2026-11-01', '2026-11-01', 'sync');
SELECT is((SELECT (p.amount_basis, p.corporate_amount, p.amount)::text FROM win_probabilities('2026-11-20 12:00+00') p WHERE p.id = 'golden'), '("list price",,)', 'a list price likewise');

SELECT lives_ok($$SELECT fit_forecast('2026-11-20 12:00+00')$$, 'a model is fitted');
SELECT ok(doubt IS NULL AND correlation BETWEEN 0 AND 0.9 AND correlation_quarters = 3, 'which may be believed, with a correlation from the three quarters whose amounts are known of their time') FROM fitted_model;
SELECT lives_ok($$SELECT keep_forecast('2026-11-20 12:00+00')$$, 'the night keeps a forecast');
SELECT lives_ok($$SELECT check_forecast_alerts('2026-11-20 12:00+00')$$, '... and looks for alerts');
SELECT lives_ok(format('SELECT * FROM %s', call), call)
FROM unnest(ARRAY['scope_forecasts(''2026-11-20 12:00+00'')', 'forecast_outlook(''FY2026-Q4'', ''2026-11-20 12:00+00'')', 'win_probabilities(''2026-11-20 12:00+00'')',
                  'forecast_change(''2026-11-15 12:00+00'', ''2026-11-20 12:00+00'', ''FY2026-Q4'')', 'forecast(''FY2026-Q4'', ''company'', ''2026-11-20 12:00+00'', ''category_weights'')',
                  'training_summary(''2025-01-01'', ''2026-10-01'', ''2026-11-20'')']) call;
SELECT ok(f.p10 <= f.p50 AND f.p50 <= f.p90 AND f.p90 < 1e12 AND f.published < 1e12, 'the range is of what is known') FROM forecast('FY2026-Q4', 'company', '2026-11-20 12:00+00') f WHERE f.line = 'total';
SELECT is((SELECT count(*) FROM current_deal_forecast d WHERE abs(d.amount) > 1e12 OR abs(d.expected) > 1e12 OR abs(d.weighted) > 1e12 OR abs(d.corporate_amount) > 1e12), 0::bigint, 'nothing absurd is kept');
-- A deal becomes absurd in the afternoon.
INSERT INTO opportunity_history SELECT o.* FROM opportunity o WHERE o.id = 'golden';
UPDATE opportunity SET amount = 'NaN', recorded_at = '2026-11-20 13:00+00', effective_at = '2026-11-20 13:00+00' WHERE id = 'golden';
SELECT is(update_current_forecast('2026-11-20 14:00+00'), 1::bigint, 'an update takes one in');

-- Each can be added up, all together cannot.
INSERT INTO opportunity (source_key, id, owner_id, amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
SELECT 'g', 'huge ' || i, NULL, 8e15, '2026-11-10', '2026-10-10', true, true, false, '2026-11-20 15:00+00', '2026-11-20 15:00+00', 'sync' FROM generate_series(1, 3) i;
SELECT is((SELECT (f.forecast_method, f.p50, trim_scale(round(f.published, -15)), f.reason)::text FROM forecast('FY2026-Q4', 'owner:(no rep)', '2026-11-20 16:00+00') f WHERE f.line = 'total'),
          '("category weights",,24000000000000000,"amounts that are too large to be added up; no backtest says how far off it was")', 'three of 8e15 have no distribution, but a sum');
SELECT lives_ok($$SELECT * FROM forecast_outlook('FY2026-Q4', '2026-11-20 16:00+00')$$, '... and an outlook');
UPDATE opportunity SET close_date = '2026-09-10', effective_at = '2026-11-20 16:30+00', recorded_at = '2026-11-20 16:30+00' WHERE id LIKE 'huge%';
SELECT lives_ok($$SELECT fit_forecast('2026-11-20 17:00+00')$$, 'as new business of a past quarter they stop nobody');
SELECT is((SELECT (f.forecast_method, f.p50 IS NULL)::text FROM forecast('FY2026-Q4', 'owner:(no rep)', '2026-11-20 17:00+00') f WHERE f.line = 'total'), '("category weights",t)', '... and nobody believes in more of it');
SELECT lives_ok($$SELECT * FROM scope_forecasts('2026-11-20 17:00+00')$$, 'for no scope');
SELECT is((SELECT (t.mean, t.total, t.p50)::text FROM forecast_bookings(1e16, 5, uncertain_bookings(0, 0, 0.1), NULL) t), '(10000000000000005,,)', 'a total that cannot be is unknown, its mean is not');
SELECT is((SELECT (trim_scale(t.new_mean), trim_scale(t.mean), t.p10 < t.p50, mean(t.total))::text FROM (SELECT bookings(60, 0.5, 0.1) AS book) b CROSS JOIN LATERAL forecast_bookings(10, 30, b.book, '{100,110,120,90}') t),
          '(105,145,t,145)', 'booked, open and new business: 10 + half of 60 + the mean of four quarters');
SELECT * FROM finish();
ROLLBACK;
