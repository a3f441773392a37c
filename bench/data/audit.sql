-- Canonical rows to time the audit on: :deals opportunities (22 % open), 1.5 contact roles and 2.5 activities a deal,
-- every rule violated by about one open deal in a hundred. Hashes make the values, so every run has the same ones.
\set ON_ERROR_STOP on
BEGIN;
CREATE FUNCTION pg_temp.draw(n bigint, stream integer, sides integer)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (hashint8extended(n, stream) & 2147483647) % sides;

INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('bench', 'fivetran_salesforce', 'public', '{}');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, watermark, targets)
SELECT 'bench', e.entity, timestamptz '2026-06-30 00:00+00', 'full', '{}', timestamptz '2026-06-30 00:00+00',
       (SELECT array_agg(t.target) FROM salesops.entity_targets(e.entity) t)
FROM salesops.entities() e;

INSERT INTO salesops.rep (source_key, id, name, team, is_active, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'r' || i, 'Rep ' || i, 'Team ' || i % 10, i % 100 <> 0, false, '2024-01-01', '2024-01-01', 'sync'
FROM generate_series(1, 200) i;
INSERT INTO salesops.product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'p' || i, 'Product ' || i, i * 100, false, '2024-01-01', '2024-01-01', 'sync' FROM generate_series(1, 20) i;
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', c || d, c, d, 1.1, false, '2024-01-01', '2024-01-01', 'sync'
FROM unnest(ARRAY['EUR', 'GBP']) c, generate_series(date '2020-01-01', date '2027-12-01', '1 month') g, date(g) d;

INSERT INTO salesops.opportunity (source_key, id, name, account_id, owner_id, stage, forecast_category, deal_type, lead_source,
  product, quantity, amount, list_amount, currency, probability, is_closed, is_won, close_date, created_at, next_step,
  last_activity_at, stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', '006' || lpad(i::text, 15, '0'), 'Deal with customer number ' || i,
  CASE WHEN dirt <> 1 THEN '001' || lpad((i % 90000)::text, 15, '0') END,
  CASE dirt WHEN 2 THEN NULL WHEN 3 THEN 'nobody' WHEN 4 THEN 'r100' ELSE 'r' || 1 + i % 99 END,
  CASE WHEN NOT is_open THEN CASE WHEN won THEN 'Closed Won' ELSE 'Closed Lost' END WHEN dirt = 5 THEN 'Dreaming'
       ELSE (ARRAY['Prospecting', 'Qualification', 'Needs Analysis', 'Value Proposition'])[1 + i % 4] END,
  CASE WHEN NOT is_open THEN CASE WHEN won THEN 'Closed' ELSE 'Omitted' END
       WHEN dirt = 6 THEN 'Commit' WHEN dirt = 7 THEN 'Hope' ELSE 'Pipeline' END,
  (ARRAY['New Business', 'Expansion', 'Renewal'])[1 + i % 3], 'Web',
  CASE WHEN dirt = 8 THEN 'Vapour' ELSE 'p' || 1 + i % 20 END, 1,
  CASE dirt WHEN 9 THEN NULL WHEN 10 THEN -5 WHEN 11 THEN 5000 ELSE 1000 + pg_temp.draw(i, 3, 100) END, 1000,
  CASE WHEN dirt = 12 THEN 'XAU' ELSE (ARRAY['USD', 'USD', 'EUR', 'GBP'])[1 + pg_temp.draw(i, 4, 4)] END,
  CASE WHEN dirt = 13 THEN 0.2 ELSE 20 END, NOT is_open, NOT is_open AND won,
  CASE WHEN NOT is_open THEN started + 30 + pg_temp.draw(i, 5, 100)
       WHEN dirt = 14 THEN NULL WHEN dirt = 15 THEN date '2026-06-01' WHEN dirt = 16 THEN date '2030-01-01'
       ELSE date '2026-07-01' + pg_temp.draw(i, 6, 20) END,
  CASE WHEN dirt <> 17 THEN (CASE WHEN is_open THEN date '2026-05-01' + pg_temp.draw(i, 7, 50) ELSE started END)::timestamptz END,
  CASE WHEN dirt = 18 THEN NULL WHEN dirt = 19 THEN 'follow up' ELSE 'Send the proposal by 2026-07-15' END,
  NULL, NULL,
  CASE WHEN dirt = 20 THEN timestamptz '2026-05-01' ELSE timestamptz '2026-06-30' - pg_temp.draw(i, 8, 30) * interval '1 day' END,
  false, '2026-06-30', '2026-06-30', 'sync'
FROM (SELECT i, pg_temp.draw(i, 0, 100) < 22 AS is_open, pg_temp.draw(i, 1, 3) = 0 AS won, pg_temp.draw(i, 2, 100) AS dirt,
             date '2024-01-01' + pg_temp.draw(i, 9, 700) AS started
      FROM generate_series(1, :deals) i) d;

INSERT INTO salesops.contact_role (source_key, id, opportunity_id, contact_id, role, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'c' || i || '.' || k, '006' || lpad(i::text, 15, '0'), 'k' || i, CASE WHEN k = 1 THEN 'Economic Buyer' ELSE 'Evaluator' END,
       false, '2026-06-30', '2026-06-30', 'sync'
FROM generate_series(1, :deals) i, generate_series(1, 1 + i % 2) k
WHERE pg_temp.draw(i, 2, 100) <> 21 AND NOT (pg_temp.draw(i, 2, 100) = 22 AND k = 1 AND i % 2 = 1);
INSERT INTO salesops.activity (source_key, id, kind, opportunity_id, rep_id, subject, happened_at, is_done, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'a' || i || '.' || k, 'call', '006' || lpad(i::text, 15, '0'), 'r' || 1 + i % 99, 'Call the customer about the proposal',
       timestamptz '2026-06-29' - CASE WHEN pg_temp.draw(i, 2, 100) = 20 THEN interval '40 days' ELSE k * interval '3 days' END,
       true, false, '2026-06-30', '2026-06-30', 'sync'
FROM generate_series(1, :deals) i, generate_series(1, 2 + i % 2) k;
COMMIT;
VACUUM ANALYZE salesops.opportunity, salesops.contact_role, salesops.activity, salesops.rep, salesops.product, salesops.currency_rate, salesops.source_sync;
