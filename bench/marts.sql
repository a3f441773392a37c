-- Refreshing the marts of 1 million deals (222,223 open), 400 reps, 667,000 open findings and 30 nights of tallies, against
-- the bar of one minute: the first time (plain), and a night later when 1 % of the deals changed (concurrently; as_of_date
-- and the ages change in every row, so every row is written). Prints for each: name: ratio (bar), then the seconds by mart, and what the parts of
-- step forecast take that the marts stand on.
\set ON_ERROR_STOP on
\pset footer off
SET jit = off;
SET client_min_messages = warning;

\o /dev/null
SELECT salesops.connect('bench', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
\o
INSERT INTO salesops.rep (source_key, id, name, manager_id, team, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'r' || i, 'Rep ' || i, CASE WHEN i > 20 THEN 'r' || 1 + i % 20 WHEN i > 1 THEN 'r1' END, 'Team ' || i % 20,
       false, '2024-01-01', '2024-01-01', 'sync'
FROM generate_series(1, 400) i;
INSERT INTO salesops.account (source_key, id, name, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'a' || i, 'Account ' || i, false, '2024-01-01', '2024-01-01', 'sync' FROM generate_series(0, 49999) i;
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('bench', 'eur', 'EUR', '2020-01-01', 0.9, false, '2024-01-01', '2024-01-01', 'sync');
INSERT INTO salesops.quota (source_key, id, rep_id, period, amount, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', r.id || q, r.id, ('FY2025-Q' || q)::salesops.fiscal_period, 1000000, false, '2024-01-01', '2024-01-01', 'sync'
FROM salesops.rep r, generate_series(1, 4) q;
INSERT INTO salesops.opportunity (source_key, id, name, account_id, owner_id, stage, forecast_category, deal_type, lead_source, amount, currency,
  probability, is_closed, is_won, close_date, created_at, next_step, stage_entered_at, confirmed_at, last_activity_at,
  is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'd' || i, 'Deal ' || i, 'a' || h % 50000, 'r' || 1 + h % 410,
       CASE WHEN is_open THEN (ARRAY['Prospecting', 'Qualification', 'Proposal/Price Quote', 'Negotiation/Review'])[1 + h % 4]
            WHEN is_won THEN 'Closed Won' ELSE 'Closed Lost' END,
       CASE WHEN is_open THEN (ARRAY['Pipeline', 'Best Case', 'Commit', 'Most Likely', 'Forecast'])[1 + h % 5] END,
       'New', 'Web', CASE WHEN h % 17 > 0 THEN h % 100000 + 0.25 END, CASE WHEN h % 50 = 0 THEN 'EUR' END, 20,
       NOT is_open, is_won, date '2024-01-01' + CASE WHEN is_open THEN 600 + h % 300 ELSE h % 690 END,
       timestamptz '2023-06-01 00:00+00' + h % 600 * interval '1 day', 'Call the buyer on Friday', '2025-10-01', '2025-11-01', '2025-11-02',
       false, '2025-09-20', '2025-09-20', 'sync'
FROM (SELECT i, h, i % 9 < 2 AS is_open, i % 9 >= 2 AND h % 3 = 0 AS is_won
      FROM (SELECT i, hashint8(i) & 1048575 AS h FROM generate_series(1::bigint, 1000000) i) n) d;
INSERT INTO salesops.finding (rule, object_kind, source_key, object_id, owner_id, severity, value, bound, first_seen_at, first_run_id)
SELECT rule, 'opportunity', o.source_key, o.id, o.owner_id, 'warning', '9 days', '7 days', '2025-11-20', 1
FROM salesops.opportunity o, unnest(ARRAY['missing_next_step', 'not_confirmed', 'close_date_past']) rule WHERE NOT o.is_closed;
INSERT INTO salesops.audit_log (run_id, as_of, rules, failed, opened, resolved, open)
SELECT n, timestamptz '2025-10-22 00:00+00' + n * interval '1 day', 28, 0, 0, 0, 666669 FROM generate_series(1, 30) n;
INSERT INTO salesops.audit_tally (run_id, rule, source_key, owner_id, applicable, failed)
SELECT n, d.name, 'bench', r.id, 600, 7 FROM generate_series(1, 30) n, salesops.default_rules() d, salesops.rep r;
VACUUM ANALYZE;

CREATE TEMP TABLE step (night integer, step text, seconds numeric);
CREATE PROCEDURE pg_temp.night(n integer, as_of timestamptz) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz := clock_timestamp();
BEGIN
  PERFORM salesops.refresh_current_forecast(as_of);
  INSERT INTO step VALUES (n, 'forecast: refresh_current_forecast()', extract(epoch FROM clock_timestamp() - began));
  began := clock_timestamp();
  PERFORM salesops.keep_risk(as_of);
  INSERT INTO step VALUES (n, 'forecast: keep_risk()', extract(epoch FROM clock_timestamp() - began));
  began := clock_timestamp();
  PERFORM salesops.keep_changes(as_of);
  INSERT INTO step VALUES (n, 'forecast: keep_changes()', extract(epoch FROM clock_timestamp() - began));
  PERFORM salesops.refresh_marts(as_of);
END $$;

\o /dev/null
CALL pg_temp.night(1, '2025-11-21');
UPDATE salesops.opportunity SET amount = amount + 1 WHERE hashtext(id) % 100 = 0;
CALL pg_temp.night(2, '2025-11-22');
\o

CREATE TEMP VIEW timing AS
  SELECT r.publication_id, r.mart, r.rows, r.method, extract(epoch FROM r.refreshed_at - r.started_at) AS seconds FROM salesops.mart_refresh r;
\pset tuples_only on
\pset format unaligned
SELECT format('marts of 1 M deals, %s: %s of a minute (bar: 1)',
              CASE publication_id WHEN 1 THEN 'first refresh' ELSE 'nightly refresh' END, round(sum(seconds) / 60, 2))
FROM timing GROUP BY publication_id ORDER BY publication_id;
SELECT format('  %s, %s rows, %s: %s s', mart, rows, method, round(seconds, 1)) FROM timing ORDER BY publication_id, seconds DESC;
SELECT format('  before it, step %s: %s s', step, round(seconds, 1)) FROM step ORDER BY night, step;
SELECT 'FAILED: ' || mart || ': ' || message FROM salesops.mart_refresh WHERE sqlstate IS NOT NULL;
