-- What the maps, rates and price lists make of what a source states.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(19);
SET LOCAL timezone = 'UTC';
CREATE SCHEMA a; CREATE SCHEMA b;
SELECT salesops.connect('s', 'fivetran_salesforce', 'a'), salesops.connect('t', 'fivetran_hubspot', 'b', '{"currency": "EUR"}');
CREATE FUNCTION pg_temp.deal(key text, id text, facts jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity SELECT (jsonb_populate_record(NULL::salesops.opportunity, facts || jsonb_build_object('source_key', key, 'id', id, 'is_deleted', false,
    'effective_at', '2026-01-01', 'recorded_at', '2026-01-01', 'origin', 'sync'))).* $$;
CREATE FUNCTION pg_temp.said(key text, pipeline text, stage text, by text, status text, category salesops.forecast_category, since timestamptz DEFAULT '-infinity') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.stage_map (source_key, pipeline, stage, valid_from, said_by, status, category) VALUES (key, pipeline, stage, since, by, status, category) $$;

-- Who is heard: user before CRM before standard; then the pipeline's own; then the newest.
SELECT pg_temp.said('t', 'p', 'contractsent', 'crm', 'open', 'Best Case');
SELECT pg_temp.said('t', 'q', 'contractsent', 'crm', 'open', 'Pipeline');
SELECT pg_temp.deal('t', p || ' ' || coalesce(s, '-'), jsonb_build_object('pipeline', p, 'stage', s)) FROM unnest(ARRAY['p', 'q', 'r']) p, unnest(ARRAY['contractsent', 'mystery', NULL]) s;
SELECT results_eq($$SELECT id, category::text, is_stage_mapped, status FROM salesops.opportunity_state('2026-02-01') WHERE source_key = 't' ORDER BY id COLLATE "C"$$,
  $$VALUES ('p -', NULL, false, 'open'), ('p contractsent', 'Best Case', true, 'open'), ('p mystery', NULL, false, 'open'),
      ('q -', NULL, false, 'open'), ('q contractsent', 'Pipeline', true, 'open'), ('q mystery', NULL, false, 'open'),
      ('r -', NULL, false, 'open'), ('r contractsent', 'Commit', true, 'open'), ('r mystery', NULL, false, 'open')$$,
  'the CRM''s word on a pipeline, the standard meaning elsewhere, and no word at all');
SELECT salesops.map_stage('t', 'contractsent', 'open', 'Upside', valid_from => '2026-03-01');
SELECT salesops.map_stage('t', 'contractsent', 'open', 'Most Likely', 'q');
SELECT results_eq($$SELECT d, id, category::text FROM unnest(ARRAY['2026-02-28', '2026-03-01']::timestamptz[]) d, salesops.opportunity_state(d) WHERE source_key = 't' AND stage = 'contractsent' ORDER BY 1, 2$$,
  $$VALUES (timestamptz '2026-02-28', 'p contractsent', 'Best Case'), ('2026-02-28', 'q contractsent', 'Most Likely'), ('2026-02-28', 'r contractsent', 'Commit'),
      ('2026-03-01', 'p contractsent', 'Upside'), ('2026-03-01', 'q contractsent', 'Most Likely'), ('2026-03-01', 'r contractsent', 'Upside')$$,
  'a user''s word on every pipeline holds from its day on, his word on one pipeline before that on all');
SELECT salesops.map_stage('t', 'contractsent', 'open', 'Omitted', valid_from => '2026-03-01');
SELECT is((SELECT category::text FROM salesops.opportunity_state('2026-03-02') WHERE id = 'p contractsent'), 'Omitted', 'said again, the later word holds');
SELECT salesops.map_stage('t', 'mystery', 'won', 'Closed');
SELECT results_eq($$SELECT DISTINCT status, category::text FROM salesops.opportunity_state('2026-03-02') WHERE stage = 'mystery'$$, $$VALUES ('won', 'Closed')$$, 'a map corrects every number at once');

-- Status: the source's flags first.
SELECT pg_temp.deal('s', 'f' || n, f) FROM (VALUES (1, '{"stage": "Closed Won", "is_closed": false}'::jsonb), (2, '{"stage": "Prospecting", "is_closed": true, "is_won": true}'),
  (3, '{"stage": "Prospecting", "is_closed": true, "is_won": false}'), (4, '{"stage": "Closed Lost"}'), (5, '{"stage": "Prospecting", "forecast_category": "Closed"}'), (6, '{"stage": "Prospecting", "forecast_category": "In Plan"}')) t(n, f);
SELECT results_eq($$SELECT id, status, category::text, stated_category::text FROM salesops.opportunity_state('2026-02-01') WHERE source_key = 's' ORDER BY id$$,
  $$VALUES ('f1', 'open', NULL, NULL), ('f2', 'won', 'Closed', NULL), ('f3', 'lost', 'Omitted', NULL), ('f4', 'lost', 'Omitted', NULL), ('f5', 'open', 'Pipeline', 'Closed'), ('f6', 'open', 'Pipeline', NULL)$$,
  'flags decide, then the stage; an open deal is not closed whatever its label says');
SELECT salesops.map_category('s', 'In Plan', 'Commit', '2026-02-15');
SELECT results_eq($$SELECT d, category::text FROM unnest(ARRAY['2026-02-14', '2026-02-15']::timestamptz[]) d, salesops.opportunity_state(d) WHERE id = 'f6' ORDER BY 1$$,
  $$VALUES (timestamptz '2026-02-14', 'Pipeline'), ('2026-02-15', 'Commit')$$, 'a category label means what the map says from its day on');
DELETE FROM salesops.opportunity;

-- Currency: 100 EUR at 0.8, at 0.5 from March on; JPY has no rate.
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin) VALUES
  ('s', '1', 'EUR', '2026-01-01', 0.8, false, '-infinity', '2026-01-01', 'sync'), ('s', '2', 'EUR', '2026-03-01', 0.5, false, '-infinity', '2026-01-01', 'sync'),
  ('s', '3', 'EUR', '2026-02-01', 0.1, true, '-infinity', '2026-01-01', 'sync'), ('s', '4', 'GBP', '2026-01-01', 0, false, '-infinity', '2026-01-01', 'sync');
SELECT pg_temp.deal('s', k, f) FROM (VALUES ('usd', '{"amount": 100}'::jsonb), ('eur feb', '{"amount": 100, "currency": "EUR", "close_date": "2026-02-15"}'), ('eur apr', '{"amount": 100, "currency": "EUR", "close_date": "2026-04-15"}'),
  ('eur', '{"amount": 100, "currency": "EUR"}'), ('eur old', '{"amount": 100, "currency": "EUR", "close_date": "2025-12-31"}'), ('jpy', '{"amount": 100, "currency": "JPY"}'), ('gbp', '{"amount": 100, "currency": "GBP"}')) t(k, f);
SELECT results_eq($$SELECT d, id, corporate_amount FROM unnest(ARRAY['2026-02-20', '2026-05-01']::timestamptz[]) d, salesops.opportunity_state(d) ORDER BY d, id COLLATE "C"$$,
  $$VALUES (timestamptz '2026-02-20', 'eur', 125::numeric), ('2026-02-20', 'eur apr', 125), ('2026-02-20', 'eur feb', 125), ('2026-02-20', 'eur old', NULL), ('2026-02-20', 'gbp', NULL), ('2026-02-20', 'jpy', NULL), ('2026-02-20', 'usd', 100),
      ('2026-05-01', 'eur', 200), ('2026-05-01', 'eur apr', 200), ('2026-05-01', 'eur feb', 125), ('2026-05-01', 'eur old', NULL), ('2026-05-01', 'gbp', NULL), ('2026-05-01', 'jpy', NULL), ('2026-05-01', 'usd', 100)$$,
  'the rate of the close date, or of the day asked for if that is earlier; deleted, zero and missing rates convert nothing');
SELECT is((SELECT sum(corporate_amount) FROM salesops.opportunity_state('2026-05-01')), 625::numeric, 'what cannot be converted is never added');
SELECT salesops.set_setting('corporate_currency', 'EUR');
SELECT results_eq($$SELECT id, corporate_amount FROM salesops.opportunity_state('2026-05-01') WHERE id IN ('eur', 'usd') ORDER BY 1$$, $$VALUES ('eur', 100::numeric), ('usd', 100)$$,
  'the corporate currency is a setting; a deal without a currency is in its source''s, which follows it');
SELECT salesops.set_setting('corporate_currency', 'USD');
DELETE FROM salesops.opportunity;

-- Estimates from the price list: labelled, for open deals, in the list's currency, by id, by name, by map.
INSERT INTO salesops.product (source_key, id, name, list_price, currency, is_deleted, effective_at, recorded_at, origin) VALUES
  ('s', 'P1', 'GTX Pro', 4000, NULL, false, '-infinity', '2026-01-01', 'sync'), ('s', 'P2', 'MG', 80, 'EUR', false, '-infinity', '2026-01-01', 'sync'), ('s', 'P3', 'Gone', 5, NULL, true, '-infinity', '2026-01-01', 'sync');
SELECT salesops.map_value('s', 'product', 'GTXPro', 'P1', '2026-02-01');
SELECT pg_temp.deal('s', k, f || '{"stage": "Prospecting"}') FROM (VALUES ('by id', '{"product": "P1"}'::jsonb), ('by map', '{"product": "GTXPro", "quantity": 2}'), ('by name', '{"product": "GTX Pro"}'),
  ('euro list', '{"product": "MG", "currency": "JPY"}'), ('gone', '{"product": "P3", "currency": "JPY"}'), ('stated', '{"product": "P2", "amount": 70, "quantity": 3}'), ('stated eur', '{"product": "P2", "amount": 70, "currency": "EUR"}'),
  ('won', '{"product": "P1", "is_won": true, "is_closed": true}'), ('zero', '{"product": "P1", "amount": 0}')) t(k, f);
SELECT results_eq($$SELECT id, product_id, amount, amount_basis, currency, corporate_amount FROM salesops.opportunity_state('2026-02-20') ORDER BY id COLLATE "C"$$,
  $$VALUES ('by id', 'P1', 4000::numeric, 'list price', 'USD', 4000::numeric), ('by map', 'P1', 8000, 'list price', 'USD', 8000), ('by name', 'P1', 4000, 'list price', 'USD', 4000),
      ('euro list', 'P2', 80, 'list price', 'EUR', 100), ('gone', NULL, NULL, 'unknown', 'JPY', NULL), ('stated', 'P2', 70, 'stated', 'USD', 70), ('stated eur', 'P2', 70, 'stated', 'EUR', 87.5),
      ('won', 'P1', NULL, 'unknown', 'USD', NULL), ('zero', 'P1', 0, 'stated', 'USD', 0)$$, 'an estimate is one only of open deals that state nothing; zero is a statement');
SELECT results_eq($$SELECT id, list_amount FROM salesops.opportunity_state('2026-02-20') WHERE id LIKE 'stated%' ORDER BY 1$$, $$VALUES ('stated', NULL::numeric), ('stated eur', 80)$$,
  'a list price in another currency is nothing to hold an amount against');
SELECT is((SELECT amount_basis FROM salesops.opportunity_state('2026-01-15') WHERE id = 'by map'), 'unknown', 'before its map row a label is no product');
DELETE FROM salesops.opportunity;

-- Probability scales.
SELECT pg_temp.deal('s', 'percent ' || p, jsonb_build_object('probability', p)), pg_temp.deal('t', 'fraction ' || p, jsonb_build_object('probability', p)) FROM unnest(ARRAY[0, 0.5, 1, 50, 100, 101, -1]) p;
SELECT results_eq($$SELECT id, probability FROM salesops.opportunity_state('2026-02-01') ORDER BY stated_probability, id$$,
  $$VALUES ('fraction -1', NULL), ('percent -1', NULL), ('fraction 0', 0), ('percent 0', 0), ('fraction 0.5', 0.5), ('percent 0.5', 0.005), ('fraction 1', 1), ('percent 1', 0.01),
      ('fraction 50', NULL), ('percent 50', 0.5), ('fraction 100', NULL), ('percent 100', 1), ('fraction 101', NULL), ('percent 101', NULL)$$, 'percent and fraction; what is off the scale is unknown');

-- Merged deals are none of their own; a fiscal year that begins in February.
SELECT pg_temp.deal('s', 'merged', '{"merged_into": "x", "amount": 1}');
SELECT is_empty($$SELECT id FROM salesops.opportunity_state('2026-02-01') WHERE id = 'merged'$$, 'a merged deal is counted once');
SELECT salesops.set_setting('fiscal_year_start_month', '2');
SELECT pg_temp.deal('s', 'fiscal', '{"close_date": "2026-01-31"}');
SELECT is((SELECT close_quarter::text FROM salesops.opportunity_state('2026-02-01') WHERE id = 'fiscal'), 'FY2026-Q4', '31 January 2026 is in the last quarter of the year that ends then');

-- A slip is heard of at once.
SELECT throws_ok($$SELECT salesops.map_stage('S', 'mystery', 'won')$$, '42704', 'no source "S"', 'a stage of no source');
SELECT throws_ok($$SELECT salesops.map_category('S', 'In Plan', 'Commit')$$, '42704', 'no source "S"', 'a category of no source');
SELECT throws_ok($$SELECT salesops.map_value('S', 'product', 'GTXPro', 'P1')$$, '42704', 'no source "S"', 'a product of no source');
SELECT throws_ok($$SELECT salesops.map_stage('s', 'mystery', 'closed')$$, '22023', 'unknown status of a stage: ''closed''', 'an unknown status');

SELECT * FROM finish();
ROLLBACK;
