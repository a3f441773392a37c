-- What the win model learns from: labels and levels by hand, like with like before we recorded, and no look-ahead: whatever
-- happens later, what was known of an instant stays what it was.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(22);
SET LOCAL timezone = 'UTC';

-- Labels and levels, of a source that we have watched from the start -----------------------------------------------------

CREATE SCHEMA crm;
CREATE TABLE crm.deal (id text, owner text, stage text, amount numeric, close_date date, created timestamptz, modified timestamptz, partner text);
CREATE TABLE crm.rep (id text, region text);
SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id", "owner_id": "owner", "stage": "stage", "amount": "amount",
  "close_date": "close_date", "created_at": "created", "modified_at": "modified"}}, "rep": {"relation": "rep", "columns": {"id": "id", "region": "region"}}}, "custom_fields": {"opportunity": {"partner": "partner"}}}');
INSERT INTO crm.rep VALUES ('ann', 'North');
INSERT INTO crm.deal VALUES ('seed', 'ann', 'Prospecting', 1, NULL, '2025-12-01', '2025-12-01');
SELECT count(*) FROM salesops.sync('s', '2025-12-02', 'full') \gset ignored_
SELECT salesops.set_win_factor('partner', valid_from => '2025-01-01');
-- a: won in the quarter, by its close date; b: won in the next; c: lost; d: open; e: gone after the first mark.
INSERT INTO crm.deal SELECT x, 'ann', 'Qualification', 1500, '2026-02-15', '2025-12-20', '2025-12-20', CASE x WHEN 'a' THEN 'Acme' END FROM unnest('{a,b,c,d,e}'::text[]) x;
SELECT count(*) FROM salesops.sync('s', '2025-12-21', 'full') \gset ignored_
UPDATE crm.deal SET stage = 'Negotiation/Review', amount = 2500, close_date = '2026-03-31', modified = '2026-01-10' WHERE id IN ('a', 'b', 'c');
DELETE FROM crm.deal WHERE id = 'e';
SELECT count(*) FROM salesops.sync('s', '2026-01-11', 'full') \gset ignored_
-- Recorded after the quarter's end, with a close date in it.
UPDATE crm.deal SET stage = 'Closed Won', modified = '2026-04-02' WHERE id = 'a';
UPDATE crm.deal SET stage = 'Closed Won', close_date = '2026-04-02', modified = '2026-04-02' WHERE id = 'b';
UPDATE crm.deal SET stage = 'Closed Lost', modified = '2026-04-02' WHERE id = 'c';
SELECT count(*) FROM salesops.sync('s', '2026-04-03', 'full') \gset ignored_
CREATE TEMP VIEW learned AS SELECT * FROM salesops.training_deals('2025-12-01', '2026-04-01', '2026-04-03');
SELECT results_eq($$SELECT mark::date, id, period::text, months_to_go, won, won_amount, is_reconstructed FROM learned WHERE id <> 'seed' ORDER BY 1, 2$$,
  $$VALUES (date '2025-12-31', 'a', 'FY2026-Q1', 3::float8, true, 2500.0, false), ('2025-12-31', 'b', 'FY2026-Q1', 3, false, NULL, false), ('2025-12-31', 'c', 'FY2026-Q1', 3, false, NULL, false), ('2025-12-31', 'd', 'FY2026-Q1', 3, false, NULL, false),
      ('2025-12-31', 'e', 'FY2026-Q1', 3, false, NULL, false), ('2026-01-31', 'a', 'FY2026-Q1', 2, true, 2500, false), ('2026-01-31', 'b', 'FY2026-Q1', 2, false, NULL, false), ('2026-01-31', 'c', 'FY2026-Q1', 2, false, NULL, false), ('2026-01-31', 'd', 'FY2026-Q1', 2, false, NULL, false),
      ('2026-02-28', 'a', 'FY2026-Q1', 1, true, 2500, false), ('2026-02-28', 'b', 'FY2026-Q1', 1, false, NULL, false), ('2026-02-28', 'c', 'FY2026-Q1', 1, false, NULL, false), ('2026-02-28', 'd', 'FY2026-Q1', 1, false, NULL, false)$$,
  'every mark at which a deal was open, won if its close date lies in the period');
SELECT results_eq($$SELECT mark::date, levels FROM learned WHERE id = 'a' ORDER BY 1$$,
  $$VALUES (date '2025-12-31', '{3,8-14 days,Qualification,Pipeline,in the period,"1,000-2,000",NULL,NULL,NULL,NULL,NULL,North,NULL,ann,0,8-14 days,Acme}'::text[]),
      ('2026-01-31', '{2,31-45 days,Negotiation/Review,Commit,in the period,"2,000-5,000",NULL,NULL,NULL,NULL,NULL,North,NULL,ann,1,15-30 days,Acme}'),
      ('2026-02-28', '{1,61-75 days,Negotiation/Review,Commit,in the period,"2,000-5,000",NULL,NULL,NULL,NULL,NULL,North,NULL,ann,1,31-60 days,Acme}')$$, 'with its levels as of the mark');
SELECT results_eq($$SELECT levels FROM learned WHERE id = 'd' AND mark > '2026-02-20'$$,
  $$VALUES ('{1,61-75 days,Qualification,Pipeline,overdue,"1,000-2,000",NULL,NULL,NULL,NULL,NULL,North,NULL,ann,0,61-90 days,NULL}'::text[])$$, 'a deal left alone is overdue');
SELECT is_empty($$SELECT * FROM salesops.training_deals('2025-12-01', '2026-03-31', '2026-04-03')$$, 'nothing is learned of a period that has not ended before to_date');
SELECT is_empty($$SELECT * FROM salesops.training_deals('2025-12-01', '2026-04-01', '2026-03-31')$$, 'nor of one that had not ended when we knew');
SELECT is((SELECT count(*) FROM salesops.training_deals('2025-12-01', '2026-04-01', '2026-04-01') WHERE won), 0::bigint, 'a win that was not recorded yet is none');
SELECT results_eq($$SELECT period::text, mark::date, deals, wins, won_amount, reconstructed FROM salesops.training_summary('2025-12-01', '2026-04-01', '2026-04-03')$$,
  $$VALUES ('FY2026-Q1', date '2025-12-31', 6::bigint, 1::bigint, 2500.0, 0::bigint), ('FY2026-Q1', '2026-01-31', 5, 1, 2500, 0), ('FY2026-Q1', '2026-02-28', 5, 1, 2500, 0)$$, 'the summary counts them');
SELECT results_eq($$SELECT levels FROM salesops.win_deals('{2025-12-31 23:59}', '2026-01-01', '{partner,owner,nobody chose,age}') WHERE id = 'a'$$, $$VALUES (ARRAY['Acme', 'ann', NULL, '8-14 days'])$$, 'the factors asked for, in their order');
SELECT is((SELECT array_agg(l ORDER BY id) FROM (SELECT id, levels[3] AS l FROM salesops.win_deals('{2026-03-20}') WHERE id IN ('a', 'd')) x), '{Negotiation/Review,Qualification}', 'today they are seen alike');

-- Before we recorded: like with like --------------------------------------------------------------------------------------

CREATE SCHEMA old;
CREATE TABLE old.deal (id text, stage text, amount numeric, close_date date, created timestamptz, product text, partner text);
INSERT INTO old.deal SELECT 'closed ' || n, CASE WHEN n % 2 = 0 THEN 'Closed Won' ELSE 'Closed Lost' END, 100 * n, date '2026-02-01', timestamptz '2025-11-01', 'P', 'Acme' FROM generate_series(1, 10) n
  UNION ALL SELECT 'open ' || n, 'Prospecting', 100 * n, date '2026-07-01', timestamptz '2025-11-01', 'P', 'Acme' FROM generate_series(1, 10) n
  UNION ALL SELECT 'undated', 'Prospecting', 1, NULL, NULL, 'P', 'Acme';
SELECT salesops.connect('before', 'generic', 'old', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id", "stage": "stage", "amount": "amount", "close_date": "close_date", "created_at": "created", "product": "product"}}},
  "custom_fields": {"opportunity": {"partner": "partner"}}, "open_stage": "Prospecting"}');
SELECT salesops.connect('kept', 'generic', 'old', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id", "stage": "stage", "amount": "amount", "close_date": "close_date", "created_at": "created", "product": "product"}}},
  "custom_fields": {"opportunity": {"partner": "partner"}}, "unchanged": "amount,partner"}');
SELECT count(*) FROM salesops.sync('before', '2026-04-03') \gset ignored_
SELECT count(*) FROM salesops.sync('kept', '2026-04-03') \gset ignored_
SELECT results_eq($$SELECT d.source_key, is_reconstructed, count(*), min(levels), count(DISTINCT levels), bool_and(won = (id LIKE 'closed%' AND right(id, 1)::integer % 2 = 0))
                    FROM salesops.training_deals('2025-12-01', '2026-04-01', '2026-04-03') d WHERE d.source_key = 'before' AND mark < '2026-01-01' GROUP BY 1, 2$$,
  $$VALUES ('before', true, 20::bigint, '{3,46-60 days,NULL,NULL,NULL,NULL,NULL,NULL,P,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'::text[], 1::bigint, true)$$,
  'closed deals, of which only the dates tell, and open ones look the same; the one that began nobody knows when is not there');
SELECT results_eq($$SELECT left(id, 4), levels[6], levels[17], count(*) FROM salesops.training_deals('2025-12-01', '2026-04-01', '2026-04-03') d WHERE d.source_key = 'kept' AND mark < '2026-01-01' AND id ~ '[25]$' GROUP BY 1, 2, 3 ORDER BY 1, 2$$,
  $$VALUES ('clos', '200-500', 'Acme', 1::bigint), ('clos', '500-1,000', 'Acme', 1), ('open', '200-500', 'Acme', 1), ('open', '500-1,000', 'Acme', 1)$$, 'what does not change was always there');
SELECT results_eq($$SELECT count(*), count(levels[3]), count(levels[6]), bool_or(is_reconstructed) FROM salesops.win_deals('{2026-04-03}') WHERE source_key = 'before'$$, $$VALUES (11::bigint, 11::bigint, 11::bigint, false)$$,
  'of today everything is known');
SELECT throws_ok($$SELECT salesops.connect('kept', 'generic', 'old', '{"entities": {"opportunity": {"relation": "deal"}}, "unchanged": "amount, close_date"}')$$, '22023', '"close_date" cannot be taken as unchanged');
SELECT throws_ok($$SELECT salesops.connect('kept', 'generic', 'old', '{"entities": {"opportunity": {"relation": "deal"}}, "unchanged": "nothing"}')$$, '22023', '"nothing" cannot be taken as unchanged');

-- No look-ahead --------------------------------------------------------------------------------------------------------------

SELECT count(*) FROM salesops.generate_crm(1200, 20, 5, '2026-06-30', 0.1, 'generated') \gset ignored_
SELECT salesops.connect('g', 'fivetran_salesforce', 'generated', '{"custom_fields": {"opportunity": {"fiscal": "fiscal"}}, "unchanged": "fiscal"}');
SELECT salesops.set_win_factor('fiscal', valid_from => '-infinity');
SELECT count(*) FROM salesops.sync('g', '2026-06-30') \gset ignored_
SELECT count(*) FROM salesops.sync('g', '2026-07-01', 'full') \gset ignored_
CREATE TEMP VIEW known AS
  SELECT 'training' AS what, d::text AS line FROM salesops.training_deals('2025-01-01', '2026-07-02', '2026-07-01 12:00', salesops.win_factors('2026-07-01 12:00')) d
  UNION ALL SELECT 'today', d::text FROM salesops.win_deals('{2026-07-01 12:00}', NULL, salesops.win_factors('2026-07-01 12:00')) d
  UNION ALL SELECT 'then', d::text FROM salesops.win_deals('{2026-03-31,2026-06-30 12:00}', '2026-06-30 12:00', salesops.win_factors('2026-07-01 12:00')) d
  UNION ALL SELECT 'outcome', d::text FROM salesops.deal_outcomes('2026-07-01 12:00') d
  UNION ALL SELECT 'open', d::text FROM salesops.open_deals_at(salesops.marks('2025-01-01', '2026-07-01'), '2026-07-01 12:00') d;
CREATE TEMP TABLE before AS TABLE known;
SELECT results_eq($$SELECT what, count(*) > 150 FROM before GROUP BY 1 ORDER BY 1$$, $$SELECT unnest('{open,outcome,then,today,training}'::text[]), true$$, 'enough to compare');
-- Later everything changes: stages, amounts, owners, accounts, close dates; deals come, go, close and are opened again; reps and accounts move; activities are edited and deleted; maps, rates, factors and prices mean something else.
UPDATE generated.opportunity SET amount = amount * 3 + 1, owner_id = (SELECT min(id) FROM generated."user"), account_id = (SELECT min(id) FROM generated.account), close_date = close_date - interval '200 days',
  created_date = created_date - interval '40 days', fiscal = 'changed', product_c = 'other', type = 'other', lead_source = 'other', last_modified_date = '2026-07-03';
UPDATE generated.opportunity SET is_closed = true, is_won = true, stage_name = 'Closed Won' WHERE id < (SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
UPDATE generated.opportunity SET is_closed = false, is_won = false, stage_name = 'Prospecting' WHERE id > (SELECT percentile_disc(0.6) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
UPDATE generated.opportunity SET is_deleted = true WHERE id > (SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
DELETE FROM generated.opportunity WHERE id > (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY id) FROM generated.opportunity);
INSERT INTO generated.opportunity SELECT (jsonb_populate_record(o, jsonb_build_object('id', 'new' || o.id))).* FROM generated.opportunity o;
UPDATE generated.account SET industry = 'other', number_of_employees = 1, last_modified_date = '2026-07-03';
UPDATE generated."user" SET is_active = NOT is_active, manager_id = NULL, state = 'other', department = 'other';
UPDATE generated.task SET activity_date = activity_date - interval '5 days', is_deleted = id > (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM generated.task);
DELETE FROM generated.event;
SELECT salesops.map_stage('g', 'Prospecting', 'lost', 'Omitted', valid_from => '2026-07-02'), salesops.map_category('g', 'Commit', 'Upside', '2026-07-02'), salesops.map_value('g', 'industry', 'Energy', 'Power', '2026-07-02'),
       salesops.set_win_factor('region', is_used => false, valid_from => '2026-07-02');
SELECT is((SELECT string_agg(DISTINCT message, '; ') FROM salesops.sync('g', '2026-07-04', 'full') WHERE sqlstate IS NOT NULL), NULL, 'the later night goes well');
SELECT cmp_ok(count(*), '>', 1500::bigint, 'it changed much') FROM salesops.opportunity WHERE recorded_at > '2026-07-03';
SELECT cmp_ok(count(*), '>', 100::bigint, '... activities too') FROM salesops.activity WHERE recorded_at > '2026-07-03';
SELECT is_empty('(TABLE before EXCEPT ALL TABLE known) ORDER BY 1 LIMIT 5', 'and nothing of what was known before is lost or other');
SELECT is_empty('(TABLE known EXCEPT ALL TABLE before) ORDER BY 1 LIMIT 5', '... nor anything new');
-- The same question asked of today gives another answer.
SELECT isnt_empty($$SELECT d::text FROM salesops.training_deals('2025-01-01', '2026-07-02', 'infinity', salesops.win_factors('2026-07-01 12:00')) d EXCEPT ALL SELECT line FROM before$$, 'what is known today differs, so the comparison would see it');
SELECT is((SELECT array_agg(DISTINCT levels[17]) FROM salesops.win_deals('{2026-07-04}', NULL, salesops.win_factors('2026-07-01 12:00')) WHERE source_key = 'g'), '{changed}', 'a custom field is as of its instant');
SELECT * FROM finish();
ROLLBACK;
