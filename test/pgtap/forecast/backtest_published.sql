-- backtest() says of every mark what forecast() had said then. A CRM of two and a half years whose states were recorded as they came
-- about: deals are won late and early against their close date, opened again, corrected, given to others; list prices stand in
-- for amounts; reps change teams. At each mark a model is fitted and the forecast asked for; the backtest runs long after.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL timezone = 'UTC';
SET LOCAL jit = off;
SELECT plan(9);

SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id"}}}, "currency": "USD"}');
INSERT INTO source_sync (source_key, entity, as_of, mode, relations) VALUES ('s', 'opportunity', '2023-03-01', 'full', '{}');
INSERT INTO rep (source_key, id, manager_id, region, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'r' || n, CASE WHEN n > 2 THEN 'r' || 1 + n % 2 WHEN n > 0 THEN 'r0' END, 'region ' || n % 2, false, '2023-03-01', '2023-03-01', 'sync' FROM generate_series(0, 8) n;
INSERT INTO account (source_key, id, employees, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'a' || n, n * 300, false, '2023-03-01', '2023-03-01', 'sync' FROM generate_series(0, 9) n;
INSERT INTO product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'p', 'Widget', 400, false, '2023-03-01', '2023-03-01', 'sync');

CREATE TEMP TABLE deal AS
SELECT 'd' || n AS id, timestamptz '2023-03-02 09:00+00' + n * interval '22 hours' AS created, h, h[1] % 12 = 0 AS is_at_list, h[2] % 3 > 0 AS has_flags, h[3] % 100 < 45 AS wins,
       timestamptz '2023-03-02 15:00+00' + n * interval '22 hours' + h[4] % 170 * interval '1 day' AS closed,
       CASE WHEN h[5] % 13 = 0 THEN NULL ELSE 'r' || 3 + h[5] % 6 END AS owner, 500 + h[6] % 4000 AS amount
FROM (SELECT n, ARRAY(SELECT ('x' || substr(md5(n || '/' || k), 1, 7))::bit(28)::integer FROM generate_series(1, 9) k) AS h FROM generate_series(1, 1000) n) x;
CREATE TEMP TABLE version AS
-- Open, then further on, then closed: on the close date, twelve days after it, or fifteen before.
SELECT d.id, v.n, v.at, v.is_open, d.owner, d.created, d.h, d.has_flags, d.wins,
       CASE WHEN v.is_open THEN (d.created + (40 + d.h[7] % 60 + CASE WHEN v.n = 2 THEN d.h[8] % 45 ELSE 0 END) * interval '1 day')::date
            ELSE d.closed::date + CASE d.h[9] % 10 WHEN 0 THEN 15 WHEN 1 THEN -12 ELSE 0 END END AS close_date,
       CASE WHEN d.is_at_list THEN CASE WHEN NOT v.is_open AND d.wins THEN 400 * (1 + d.h[6] % 5) * 0.8 END
            WHEN d.h[7] % 29 = 0 THEN NULL ELSE d.amount * CASE v.n WHEN 1 THEN 1 ELSE 1.1 END END AS amount,
       CASE WHEN d.is_at_list THEN 1 + d.h[6] % 5 END AS quantity
FROM deal d
CROSS JOIN LATERAL (VALUES (1, d.created, true), (2, d.created + interval '18 days', true), (3, d.closed, false)) AS v(n, at, is_open)
WHERE v.n = 3 OR v.at < d.closed;
-- Afterwards: an amount corrected, a deal opened again, or with another rep.
INSERT INTO version
SELECT v.id, 4, v.at + k.days * interval '1 day', k.what = 'opened', CASE WHEN k.what = 'moved' THEN 'r4' ELSE v.owner END, v.created, v.h, v.has_flags, v.wins,
       CASE WHEN k.what = 'opened' THEN v.close_date + 80 ELSE v.close_date END, CASE WHEN k.what = 'corrected' THEN v.amount * 1.25 ELSE v.amount END, v.quantity
FROM version v JOIN LATERAL (SELECT * FROM (VALUES (0, 'corrected', 35), (1, 'opened', 25), (2, 'moved', 50), (3, 'corrected', 4)) AS k(m, what, days) WHERE k.m = v.h[8] % 20) k ON true
WHERE v.n = 3;
DELETE FROM version WHERE at >= '2026-01-01';
CREATE TEMP TABLE state AS
SELECT 's' AS source_key, v.id, v.owner AS owner_id, 'a' || v.h[2] % 10 AS account_id, CASE WHEN v.quantity IS NOT NULL THEN 'Widget' END AS product, v.quantity,
       CASE WHEN v.is_open THEN (ARRAY['Pipeline', 'Best Case', 'Commit'])[CASE v.n WHEN 1 THEN 1 ELSE 1 + v.h[1] % 3 END] END AS forecast_category,
       CASE WHEN NOT v.is_open THEN CASE WHEN v.wins THEN 'Closed Won' ELSE 'Closed Lost' END
            ELSE (ARRAY['Prospecting', 'Qualification', 'Negotiation/Review'])[CASE v.n WHEN 1 THEN 1 ELSE 1 + v.h[1] % 3 END] END AS stage,
       v.amount::numeric AS amount, v.close_date, v.created AS created_at, CASE WHEN v.has_flags THEN NOT v.is_open END AS is_closed,
       CASE WHEN v.has_flags THEN NOT v.is_open AND v.wins END AS is_won, v.at AS stage_entered_at, v.at AS confirmed_at, v.at AS effective_at
FROM version v;
-- What had been recorded by an instant, and nothing else. One rep changes sides in the middle of a quarter.
CREATE TEMP TABLE first_rep AS TABLE rep;
CREATE FUNCTION pg_temp.load(until timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM salesops.opportunity; DELETE FROM salesops.opportunity_history; DELETE FROM salesops.rep; DELETE FROM salesops.rep_history;
  CREATE TEMP TABLE loaded AS
  SELECT s.*, row_number() OVER (PARTITION BY s.id ORDER BY s.effective_at DESC) = 1 AS is_last FROM pg_temp.state s WHERE s.effective_at <= until;
  INSERT INTO salesops.opportunity_history (source_key, id, owner_id, account_id, product, quantity, forecast_category, stage, amount, close_date, created_at, is_closed, is_won,
                                            stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT source_key, id, owner_id, account_id, product, quantity, forecast_category, stage, amount, close_date, created_at, is_closed, is_won, stage_entered_at, confirmed_at,
         false, effective_at, effective_at, 'sync' FROM loaded WHERE NOT is_last;
  INSERT INTO salesops.opportunity (source_key, id, owner_id, account_id, product, quantity, forecast_category, stage, amount, close_date, created_at, is_closed, is_won,
                                    stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT source_key, id, owner_id, account_id, product, quantity, forecast_category, stage, amount, close_date, created_at, is_closed, is_won, stage_entered_at, confirmed_at,
         false, effective_at, effective_at, 'sync' FROM loaded WHERE is_last;
  DROP TABLE loaded;
  INSERT INTO salesops.rep SELECT * FROM pg_temp.first_rep;
  IF until >= '2025-02-10' THEN
    INSERT INTO salesops.rep_history SELECT * FROM salesops.rep WHERE id = 'r5';
    UPDATE salesops.rep SET manager_id = 'r1', region = 'region 0', effective_at = '2025-02-10', recorded_at = '2025-02-10' WHERE id = 'r5';
  END IF;
END $$;

-- What was said as time went on, at every mark of three quarters, by a database that knew nothing of later.
CREATE TEMP TABLE said (period fiscal_period, months_to_go numeric, scope text, method text, booked numeric, existing numeric, new_business numeric, mean numeric,
                        p10 numeric, p50 numeric, p90 numeric, noise_floor numeric, naive numeric);
DO $$
DECLARE
  at record;
BEGIN
  FOR at IN
    SELECT q.period, m.months_to_go, m.mark
    FROM (SELECT salesops.fiscal_period_plus('FY2024-Q4', n) AS period FROM generate_series(0, 2) n) q CROSS JOIN LATERAL salesops.judged_marks(q.period) m
    ORDER BY 3
  LOOP
    PERFORM pg_temp.load(at.mark);
    PERFORM salesops.fit_forecast(at.mark);
    PERFORM salesops.refresh_current_forecast(at.mark);
    INSERT INTO pg_temp.said
    SELECT at.period, at.months_to_go, s.scope, s.method, f.booked, f.existing, f.new_business, f.mean, f.p10, f.p50, f.p90, f.noise_floor, f.naive
    FROM (VALUES ('company', 'model'), ('team:s/r1', 'model'), ('owner:s/r5', 'model'), ('owner:(no rep)', 'model'), ('region:region 0', 'model'),
                 ('company', 'category_weights'), ('team:s/r1', 'category_weights')) AS s(scope, method)
    CROSS JOIN LATERAL (SELECT max(l.mean) FILTER (WHERE l.line = 'actuals') AS booked, max(l.mean) FILTER (WHERE l.line = 'existing pipeline') AS existing,
                               max(l.mean) FILTER (WHERE l.line = 'new business') AS new_business, max(l.mean) FILTER (WHERE l.line = 'total') AS mean,
                               max(l.p10) FILTER (WHERE l.line = 'total') AS p10, max(l.p50) FILTER (WHERE l.line = 'total') AS p50, max(l.p90) FILTER (WHERE l.line = 'total') AS p90,
                               max(l.noise_floor) AS noise_floor, max(l.naive) AS naive
                        FROM salesops.forecast(at.period, s.scope, at.mark, s.method) l) f;
  END LOOP;
END $$;
SELECT pg_temp.load('infinity');
SELECT backtest(ARRAY(SELECT method FROM backtest_methods()), 'FY2024-Q4', 'FY2025-Q2', '2026-01-10') AS run \gset
CREATE TEMP VIEW found AS SELECT * FROM backtest_forecast WHERE run_id = :run;

SELECT is((SELECT count(*) FROM said WHERE p50 IS NOT NULL), 3 * 4 * 5::bigint, 'a model may be believed at every mark');
SELECT is((SELECT string_agg(DISTINCT basis, ', ') FROM found), 'stored', 'everything was recorded at the time');
SELECT results_eq(
  $$SELECT period::text, months_to_go, scope, booked, existing, new_business, mean, p10, p50, p90, noise_floor, naive FROM found f
    WHERE method = 'model' AND scope IN (SELECT scope FROM said) ORDER BY 1, 2 DESC, 3$$,
  $$SELECT period::text, months_to_go, scope, booked, existing, new_business, mean, p10, p50, p90, noise_floor, naive FROM said WHERE method = 'model' ORDER BY 1, 2 DESC, 3$$,
  'the model: every part, the mean, the range and the noise floor at every mark are those of forecast(), to the last digit');
SELECT results_eq(
  $$SELECT period::text, months_to_go, scope, booked, existing, mean FROM found f
    WHERE method = 'category_weights' AND scope IN ('company', 'team:s/r1') ORDER BY 1, 2 DESC, 3$$,
  $$SELECT period::text, months_to_go, scope, booked, existing, mean FROM said WHERE method = 'category_weights' ORDER BY 1, 2 DESC, 3$$,
  'category weights: so is the weighted total');
-- The comparison is worth something: what makes the two differ is in the data.
SELECT cmp_ok((SELECT count(DISTINCT correlation) FROM fitted_model), '>', 3::bigint, 'the correlation was estimated anew');
SELECT isnt_empty($$SELECT 1 FROM fitted_price_realization WHERE segment IS NULL AND ratio < 0.97$$, 'list prices were worth less');
SELECT isnt_empty($$SELECT 1 FROM deal_outcomes('2026-01-01') o JOIN opportunity p USING (source_key, id) WHERE o.status = 'won' AND o.closed_on < p.close_date$$, 'deals were won before their close date');
SELECT isnt_empty($$SELECT 1 FROM found WHERE actual_new_business > 0 AND months_to_go = 0.5$$, 'and new ones in the last two weeks');
SELECT isnt((SELECT model::text FROM fitted_model WHERE period = 'FY2025-Q1' ORDER BY as_of LIMIT 1), (SELECT model::text FROM fitted_model WHERE period = 'FY2025-Q1' ORDER BY as_of DESC LIMIT 1),
            'what became known within a quarter changed the model of the quarters before it');
SELECT * FROM finish();
ROLLBACK;
