-- Tie-out: our counts and amounts beside the source's own, to the cent, every difference named.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(9);
SET LOCAL timezone = 'UTC';
CREATE SCHEMA crm;
CREATE TABLE crm.deal (deal_id text, deal_pipeline_stage_id text, property_amount numeric, property_closedate date, property_deal_currency_code text, is_deleted boolean, _fivetran_active boolean,
  property_hs_lastmodifieddate timestamptz);
INSERT INTO crm.deal VALUES
  ('1', 'x', 100.10, '2026-01-10', NULL, false, true, '2026-01-01'), ('2', 'x', 200.20, '2026-02-10', NULL, false, true, '2026-01-01'), ('3', 'x', 300.30, '2026-01-15', 'EUR', false, true, '2026-01-01'),
  ('4', 'x', 7.07, '2026-01-20', NULL, true, true, '2026-01-01'),                                -- deleted
  ('5', 'x', 5.55, '2026-01-20', NULL, false, true, '2026-01-01'),                               -- merged
  ('6', 'x', 60, '2026-01-20', NULL, false, true, '2026-01-02'), ('6', 'x', 61, '2026-01-20', NULL, false, true, '2026-01-01'),   -- an older duplicate
  (NULL, 'x', 0.99, '2026-01-20', NULL, false, true, '2026-01-01'),                              -- no id
  ('1', 'x', 90, '2026-01-10', NULL, false, false, '2025-12-01'),                                -- an old version
  ('7', 'x', NULL, '2026-01-25', NULL, false, true, '2026-01-01'), ('8', 'x', 8, NULL, NULL, false, true, '2026-01-01');          -- no amount; no close date
CREATE TABLE crm.merged_deal (deal_id text, merged_deal_id text);
INSERT INTO crm.merged_deal VALUES ('1', '5');
SELECT salesops.connect('s', 'fivetran_hubspot', 'crm');
SELECT is_empty($$SELECT message FROM salesops.sync('s', '2026-03-01', 'full') WHERE sqlstate IS NOT NULL$$, 'synced');
-- What is counted here must be what the lines above it come to, in every currency and period.
CREATE FUNCTION pg_temp.imbalance(from_date date DEFAULT '-infinity', to_date date DEFAULT 'infinity') RETURNS TABLE (currency text, deals numeric, amount numeric) LANGUAGE sql AS $$
  SELECT currency, sum(CASE WHEN "position" < 9 THEN deals ELSE -deals END), sum(CASE WHEN "position" < 9 THEN amount ELSE -amount END)
  FROM salesops.tie_out('s', from_date, to_date) GROUP BY 1 HAVING sum(CASE WHEN "position" < 9 THEN deals ELSE -deals END) <> 0 OR coalesce(sum(CASE WHEN "position" < 9 THEN amount ELSE -amount END), 0) <> 0 $$;
SELECT results_eq($$SELECT "position", currency, deals, amount FROM salesops.tie_out('s')$$,
  $$VALUES (1, 'EUR', 1::bigint, 300.30), (9, 'EUR', 1, 300.30), (1, 'USD', 10, 532.91), (2, 'USD', -1, -90), (3, 'USD', -1, -0.99), (4, 'USD', -1, -61), (5, 'USD', -1, -7.07), (6, 'USD', -1, -5.55), (9, 'USD', 5, 368.30)$$,
  'every row of the source is counted here or named');
SELECT results_eq($$SELECT "position", currency, deals, amount FROM salesops.tie_out('s', '2026-02-01', '2026-02-28')$$, $$VALUES (1, 'USD', 1::bigint, 200.20), (9, 'USD', 1, 200.20)$$, 'in a month');
SELECT is_empty('SELECT * FROM pg_temp.imbalance()', 'balanced');

-- Between two syncs the source moves on: new, repriced, postponed, gone, revived as the older duplicate, unmerged, undeleted.
INSERT INTO crm.deal VALUES ('9', 'x', 9.99, '2026-01-05', NULL, false, true, '2026-03-02');
UPDATE crm.deal SET property_amount = 110, property_closedate = '2026-02-01' WHERE deal_id = '1' AND _fivetran_active;
DELETE FROM crm.deal WHERE deal_id = '2';
INSERT INTO crm.deal VALUES ('6', 'x', 66, '2026-01-20', NULL, false, true, '2026-03-02');
UPDATE crm.deal SET property_deal_currency_code = 'USD' WHERE deal_id = '3';
DELETE FROM crm.merged_deal;
UPDATE crm.deal SET is_deleted = NOT is_deleted WHERE deal_id IN ('4', '7');
SELECT is_empty('SELECT * FROM pg_temp.imbalance()', 'balanced though nothing was synced since');
SELECT is_empty($$SELECT p.* FROM generate_series(0, 11) m, pg_temp.imbalance((date '2026-01-01' + m * 10), (date '2026-01-01' + m * 10 + 9)) p$$, 'in every ten days');
SELECT results_eq($$SELECT "position", deals FROM salesops.tie_out('s') WHERE currency = 'USD' AND "position" >= 7$$, $$VALUES (7, -6::bigint), (8, 4), (9, 5)$$,
  'new or changed since; here as of the last sync, changed or gone since');

-- On generated deals that change at random.
SELECT count(*) FROM salesops.generate_crm(2000, 12, 3, '2026-06-30', 0.1, 'generated');
SELECT salesops.connect('s', 'fivetran_salesforce', 'generated');
SELECT salesops.sync('s', '2026-06-30', 'full');
SELECT setseed(0.3);
UPDATE generated.opportunity SET amount = amount + 1 WHERE random() < 0.1;
UPDATE generated.opportunity SET is_deleted = NOT is_deleted WHERE random() < 0.1;
UPDATE generated.opportunity SET close_date = close_date + interval '9 days' WHERE random() < 0.1;
UPDATE generated.opportunity SET currency_iso_code = 'EUR' WHERE random() < 0.1;
DELETE FROM generated.opportunity WHERE random() < 0.05;
SELECT is_empty($$SELECT p.* FROM generate_series(0, 9) m, pg_temp.imbalance((date '2024-07-01' + m * 90), (date '2024-07-01' + m * 90 + 89)) p$$, 'generated deals balance in every quarter');
SELECT is_empty('SELECT * FROM pg_temp.imbalance()', 'and in all');

SELECT * FROM finish();
ROLLBACK;
