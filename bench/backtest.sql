-- backtest(): 12 quarters, month by month (the mark two weeks before the end would add a sixth), company, regions, managers and reps, over 100,000 deals of four and a half years with 3
-- states each. One process, no JIT. Prints the time of each part and of all.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;

BEGIN;

-- 200 reps under 20 managers in 5 regions under one head.
INSERT INTO salesops.rep (source_key, id, manager_id, region, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'rep ' || n, CASE WHEN n > 20 THEN 'rep ' || 1 + n % 20 WHEN n > 0 THEN 'rep 0' END, 'region ' || n % 5, false, '2020-01-01', '2026-01-01', 'crm_history'
FROM generate_series(0, 220) n;
SELECT salesops.connect('bench', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id"}}}}') \g /dev/null
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations) VALUES ('bench', 'opportunity', '2026-01-01', 'full', '{}');
-- The CRM's own history told all of it.
INSERT INTO salesops.history_reach VALUES ('bench', '2026-01-01', 'everything', '-infinity');

-- Won or lost after 0 to 270 days or later, with more in the later months of a quarter; the due date was once pushed.
CREATE TEMP TABLE deal ON COMMIT DROP AS
SELECT n AS id, 'rep ' || 21 + h[1] % 200 AS owner_id, created, created + least(h[2] % 300, h[3] % 400) AS closed,
       h[4] % 100 < 20 + 3 * (h[1] % 10) AS won, round(1000 * 1.0006 ^ (h[5] % 8000), 2) AS amount,
       (ARRAY['Pipeline', 'Pipeline', 'Best Case', 'Commit'])[1 + h[6] % 4] AS category,
       (ARRAY['Prospecting', 'Qualification', 'Proposal/Price Quote', 'Negotiation/Review'])[1 + h[7] % 4] AS stage, 'account ' || h[3] % 5000 AS account_id,
       (ARRAY['Web', 'Partner', 'Event', 'Cold Call'])[1 + h[5] % 4] AS lead_source
FROM (SELECT n, date '2021-07-01' + (n * 1640 / 100000) AS created,
             ARRAY(SELECT ('x' || substr(md5(n || '/' || k), 1, 7))::bit(28)::integer FROM generate_series(1, 7) k) AS h
      FROM generate_series(1, 100000) n) d;
INSERT INTO salesops.account (source_key, id, industry, employees, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'account ' || n, 'industry ' || n % 12, n * 7 % 9000, false, '2020-01-01', '2026-01-01', 'sync' FROM generate_series(0, 4999) n;
INSERT INTO salesops.opportunity_history (source_key, id, owner_id, account_id, forecast_category, stage, lead_source, amount, close_date, created_at, is_closed, is_won,
                                          stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'deal ' || id, owner_id, account_id, CASE k WHEN 0 THEN 'Pipeline' ELSE category END, CASE k WHEN 0 THEN 'Prospecting' ELSE stage END, lead_source, amount,
       created + CASE k WHEN 0 THEN 60 ELSE 120 END, created, false, false, created + k * 20, created + k * 20, false, created + k * 20, '2026-01-01', 'crm_history'
FROM deal CROSS JOIN generate_series(0, 1) k
WHERE created + k * 20 < closed AND closed < '2026-01-01';
INSERT INTO salesops.opportunity (source_key, id, owner_id, account_id, forecast_category, stage, lead_source, amount, close_date, created_at, is_closed, is_won,
                                  stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
SELECT 'bench', 'deal ' || id, owner_id, account_id, category, CASE WHEN closed < '2026-01-01' THEN CASE WHEN won THEN 'Closed Won' ELSE 'Closed Lost' END ELSE stage END,
       lead_source, amount, closed, created, closed < '2026-01-01', won AND closed < '2026-01-01',
       created, created, false, CASE WHEN closed < '2026-01-01' THEN closed ELSE created END, '2026-01-01', 'crm_history'
FROM deal;
ANALYZE salesops.opportunity; ANALYZE salesops.opportunity_history; ANALYZE salesops.account; ANALYZE salesops.rep;

-- How long each function was at work, with all that it called.
SET LOCAL track_functions = 'all';
SELECT clock_timestamp() AS started \gset
SELECT salesops.backtest(ARRAY(SELECT method FROM salesops.backtest_methods()), 'FY2023-Q1', 'FY2025-Q4', '2026-01-02', months_to_go => '{3,2,1}') \g /dev/null
SELECT format('backtest, seconds: %s (at most 60); %s forecasts from %s probabilities of %s deals', round(extract(epoch FROM clock_timestamp() - :'started'), 1),
              (SELECT count(*) FROM salesops.backtest_forecast), (SELECT 4 * count(*) FROM pg_temp.salesops_walk_prediction),
              (SELECT count(DISTINCT id) FROM pg_temp.salesops_training WHERE quarter >= 0));
SELECT format('  of which %s: %s', v.part, round(sum(f.total_time)::numeric / 1000, 1))
FROM (VALUES (1, 'outcomes', ARRAY['walk_outcomes', 'walk_on']), (2, 'deals open at the marks', ARRAY['walk_deals']), (3, 'parts and scopes', ARRAY['walk_parts', 'walk_members']),
             (4, 'models', ARRAY['model_doubt_before', 'past_correlation', 'walk_correlations']), (5, 'probabilities', ARRAY['walk_predict', 'walk_prices']),
             (6, 'forecasts', ARRAY['walk_forecast']), (7, '  quantiles', ARRAY['quantiles']), (8, '  noise floors', ARRAY['noise_floor']), (9, 'scores', ARRAY['score_backtest'])) AS v(place, part, functions)
JOIN pg_stat_xact_user_functions f ON f.funcname = ANY (v.functions)
GROUP BY v.place, v.part ORDER BY v.place;

ROLLBACK;
