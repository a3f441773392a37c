-- Bad input: each gives a clear error or a value that is marked unreadable, and the rest of the night goes on.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(21);
SET LOCAL timezone = 'UTC';
CREATE SCHEMA crm;
CREATE TABLE crm.opportunity (id text, stage_name text, amount text, close_date text, created_date text, probability text, is_closed text, name text, owner_id text, account_id text);
CREATE TABLE crm.account (id text, name text);
CREATE TABLE crm.user (id text, name text);
CREATE FUNCTION pg_temp.sync(as_of timestamptz) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', entity, coalesce(sqlstate, 'ok'), rows_read) FROM salesops.sync('s', as_of, 'full') ORDER BY entity $$;
SELECT salesops.connect('s', 'fivetran_salesforce', 'crm');

SELECT results_eq($$SELECT pg_temp.sync('2026-01-01')$$, $$VALUES ('account ok 0'), ('opportunity ok 0'), ('rep ok 0')$$, 'empty tables are read');
SELECT is_empty('SELECT * FROM salesops.opportunity_state(''2026-01-01'')', 'and give nothing');
SELECT is_empty($$SELECT * FROM salesops.tie_out('s')$$, 'not even a difference');

INSERT INTO crm.account VALUES ('a1', repeat('Ä', 300));
INSERT INTO crm.user VALUES (NULL, 'nobody'), ('', 'blank'), ('u1', NULL);
INSERT INTO crm.opportunity (id, stage_name, amount, close_date, created_date, probability, is_closed, name) VALUES
  ('nulls', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('negative', 'Prospecting', '-5000', '2026-06-30', '2026-01-01', '10', 'false', repeat('x', 300)),
  ('huge', 'Prospecting', '1e15', '2208-06-30', '1900-01-01', '10', 'false', 'x'),
  ('cents', 'Prospecting', '1234567890123456.78', '1900-06-30', '1899-12-31', '10', 'false', 'x'),
  ('words', 'Nobody mapped this', 'n/a', 'May-20', 'soon', 'high', 'maybe', 'x'),
  ('slip', 'Prospecting', '12.34.56', '20226-01-01', '2026-02-30', '-', '', 'x'),
  ('nan', 'Prospecting', 'NaN', 'infinity', 'NaT', 'Infinity', 'None', 'x');
SELECT results_eq($$SELECT pg_temp.sync('2026-01-02')$$, $$VALUES ('account ok 1'), ('opportunity ok 7'), ('rep ok 3')$$, 'everything is read');
SELECT results_eq($$SELECT id, amount, close_date, created_at, probability, is_closed FROM salesops.opportunity ORDER BY id$$,
  $$VALUES ('cents', 1234567890123456.78, date '1900-06-30', timestamptz '1899-12-31', 10::numeric, false),
      ('huge', 1000000000000000, '2208-06-30', '1900-01-01', 10, false), ('nan', NULL, NULL, NULL, NULL, NULL),
      ('negative', -5000, '2026-06-30', '2026-01-01', 10, false), ('nulls', NULL, NULL, NULL, NULL, NULL), ('slip', NULL, NULL, NULL, NULL, NULL),
      ('words', NULL, NULL, NULL, NULL, NULL)$$, 'what can be read is read exactly');
SELECT results_eq($$SELECT id, unreadable FROM salesops.opportunity WHERE unreadable IS NOT NULL ORDER BY id$$,
  $$VALUES ('nan', '{"close_date": "infinity", "probability": "Infinity"}'::jsonb),
      ('slip', '{"amount": "12.34.56", "close_date": "20226-01-01", "created_at": "2026-02-30"}'),
      ('words', '{"close_date": "May-20", "created_at": "soon", "probability": "high", "is_closed": "maybe"}')$$, 'what cannot is kept as it was written; words for nothing are nothing');
SELECT is((SELECT length(name) FROM salesops.opportunity WHERE id = 'negative'), 300, 'a name of 300 letters is kept');
SELECT is((SELECT name FROM salesops.account), repeat('Ä', 300), 'also in another alphabet');
SELECT is((SELECT array_agg(id) FROM salesops.rep), ARRAY['u1'], 'people without an id are nobody');
SELECT is((SELECT unidentified FROM salesops.source_sync WHERE entity = 'rep' ORDER BY sync_id DESC LIMIT 1), 2::bigint, 'and are counted');
SELECT results_eq($$SELECT id, status, is_stage_mapped, corporate_amount, close_quarter::text FROM salesops.opportunity_state('2026-01-02') ORDER BY id$$,
  $$VALUES ('cents', 'open', true, 1234567890123456.78, 'FY1900-Q2'), ('huge', 'open', true, 1000000000000000, 'FY2208-Q2'), ('nan', 'open', true, NULL, NULL),
      ('negative', 'open', true, -5000, 'FY2026-Q2'), ('nulls', 'open', false, NULL, NULL), ('slip', 'open', true, NULL, NULL), ('words', 'open', false, NULL, NULL)$$,
  'every one of them has a state; what nobody mapped counts as open');
SELECT is((SELECT count(*) FROM salesops.change_ledger), 0::bigint, 'and none of it looks like a change');

-- Wrong types.
DROP TABLE crm.opportunity;
CREATE TABLE crm.opportunity (id double precision, stage_name integer, amount boolean, close_date integer, created_date jsonb, probability interval, is_closed date, name point, owner_id uuid, account_id text[]);
INSERT INTO crm.opportunity VALUES (17, 3, true, 20260630, '"2026-01-01"', '1 day', '2026-01-01', '(1,2)', '00000000-0000-0000-0000-000000000001', '{a,b}');
SELECT results_eq($$SELECT pg_temp.sync('2026-01-03')$$, $$VALUES ('account ok 1'), ('opportunity ok 1'), ('rep ok 3')$$, 'wrong types are read as far as they go');
SELECT results_eq($$SELECT stage, amount, close_date, unreadable - 'created_at' FROM salesops.opportunity WHERE id = '17'$$,
  $$VALUES ('3', NULL::numeric, date '2026-06-30', '{"amount": "true", "probability": "1 day", "is_closed": "2026-01-01"}'::jsonb)$$, 'the rest is marked');

-- Values that only a type of the server can hold.
DROP TABLE crm.opportunity;
CREATE TABLE crm.opportunity (id text, stage_name text, amount numeric, close_date date, created_date timestamptz, probability float, is_closed boolean);
INSERT INTO crm.opportunity VALUES ('inf', 'Prospecting', 'NaN', 'infinity', '-infinity', 'Infinity', NULL), ('bc', 'Prospecting', 'Infinity', '0044-03-15 BC', '4713-01-01 BC', 'NaN', NULL),
  ('far', 'Prospecting', 1, '5874897-12-31', '294276-12-31', 0, NULL);
SELECT results_eq($$SELECT pg_temp.sync('2026-01-04')$$, $$VALUES ('account ok 1'), ('opportunity ok 3'), ('rep ok 3')$$, 'infinities and the ends of time are read');
SELECT results_eq($$SELECT id, amount, close_quarter::text FROM salesops.opportunity_state('2026-01-04') ORDER BY id$$, $$VALUES ('bc', NULL::numeric, NULL::text), ('far', 1, NULL), ('inf', NULL, NULL)$$,
  'and are no amounts and of no quarter');

-- A required column that is missing, a relation that is a function's, permissions, and the rest of the night.
ALTER TABLE crm.opportunity DROP COLUMN id;
SELECT results_eq($$SELECT pg_temp.sync('2026-01-05')$$, $$VALUES ('account ok 1'), ('opportunity 42703'), ('rep ok 3')$$, 'a missing id is the opportunities'' own trouble');
SELECT is((SELECT message FROM salesops.source_sync WHERE entity = 'opportunity' ORDER BY sync_id DESC LIMIT 1), 'required column missing for opportunity: id', 'and is named');
DROP TABLE crm.opportunity;
CREATE VIEW crm.opportunity AS SELECT 'x'::text AS id, (1 / (now() > '2000-01-01')::int - 1)::text AS stage_name, 1 / (CASE WHEN now() > '2000-01-01' THEN 0 ELSE 1 END) AS amount;
SELECT results_eq($$SELECT pg_temp.sync('2026-01-06')$$, $$VALUES ('account ok 1'), ('opportunity 22012'), ('rep ok 3')$$, 'a view that fails is too');
SELECT is((SELECT count(*) FROM salesops.opportunity WHERE NOT is_deleted), 3::bigint, 'the deals of the last good sync are kept');
CREATE SCHEMA other;
CREATE TABLE other.deal (deal_id int, deal_pipeline_stage_id text);
INSERT INTO other.deal VALUES (1, 'contractsent');
SELECT salesops.connect('t', 'fivetran_hubspot', 'other');
SELECT is(salesops.sync_all('2026-01-07'), 1::bigint, 'a source in trouble does not keep the next from being read');

SELECT * FROM finish();
ROLLBACK;
