-- The same question has the same answer, to the byte: whatever the physical order of the rows, the number of workers, and whether a
-- plan is forced to be parallel. What is asked: the model that is fitted, every probability and its explanation, the forecast of every
-- scope, why it moved, what is at risk, what the categories were worth, and the backtest.
--
-- (A dump and restore: test/t/020_dump.pl; -O2 and -O3, other releases and compilers: make check-matrix and check-variants.)
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(9);

\set before '2026-05-20 12:00+00'
\set as_of '2026-06-10 12:00+00'
SELECT count(*) FROM generate_crm(1500, 12, 5, '2026-05-20 12:00+00', 0.05, 'crm_bytes') \g /dev/null
SELECT connect('crm', 'fivetran_salesforce', 'crm_bytes') \g /dev/null
SELECT count(*) FROM sync('crm', :'before') \g /dev/null
-- Three weeks later deals were won, pushed and repriced.
UPDATE crm_bytes.opportunity SET is_closed = true, is_won = true, stage_name = 'Closed Won', forecast_category_name = 'Closed', forecast_category = 'Closed', close_date = '2026-06-08'
WHERE _fivetran_active AND NOT is_closed AND hashtext(id) % 20 = 0;
UPDATE crm_bytes.opportunity SET close_date = close_date + interval '40 days', amount = amount * 1.1 WHERE _fivetran_active AND NOT is_closed AND hashtext(id) % 20 = 1;
SELECT count(*) FROM sync('crm', :'as_of', 'full') \g /dev/null

-- CREATE TABLE AS takes parallel plans; a function that inserts does not, what it calls by itself does.
CREATE FUNCTION pg_temp.asked() RETURNS TABLE (what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
  fitted_id bigint;
  backtested_id bigint;
BEGIN
  fitted_id := salesops.fit_forecast('2026-05-20 12:00+00');
  backtested_id := salesops.backtest(ARRAY(SELECT m.method FROM salesops.backtest_methods() m), 'FY2026-Q1', 'FY2026-Q1', '2026-06-10 12:00+00');
  DROP TABLE IF EXISTS pg_temp.answer;
  CREATE TEMP TABLE answer AS
  SELECT 'model' AS what, md5(m.model::text || m.left_out::text || m.correlation::text || m.deals || m.reconstructed_share) AS answer
  FROM salesops.fitted_model m WHERE m.model_id = fitted_id;
  INSERT INTO answer
  SELECT 'what else it keeps', md5(string_agg(x::text, ' ' ORDER BY x::text COLLATE "C"))
  FROM (SELECT n.period::text || n.months_to_go || n.source_key || n.owner_id || n.deals || n.amount FROM salesops.fitted_new_business n WHERE n.model_id = fitted_id
        UNION ALL SELECT p.segment || p.deals || p.ratio FROM salesops.fitted_price_realization p WHERE p.model_id = fitted_id) x;
  CREATE TEMP TABLE probability AS SELECT * FROM salesops.win_probabilities('2026-06-10 12:00+00');
  INSERT INTO answer SELECT 'probabilities', md5(string_agg(p::text, ' ' ORDER BY p.id COLLATE "C")) FROM pg_temp.probability p;
  INSERT INTO answer
  SELECT 'explanations', md5(string_agg(e::text, ' ' ORDER BY p.id COLLATE "C", e.place))
  FROM (SELECT * FROM pg_temp.probability q ORDER BY q.id COLLATE "C" LIMIT 20) p
  CROSS JOIN LATERAL salesops.explain_deal_probability(p.source_key, p.id, '2026-06-10 12:00+00') WITH ORDINALITY AS e(factor, level, points, words, place);
  INSERT INTO answer
  SELECT 'forecasts', md5(string_agg(f::text, ' ' ORDER BY s.scope COLLATE "C", f.line COLLATE "C"))
  FROM (SELECT DISTINCT c.scope FROM salesops.forecast_scopes('2026-06-10 12:00+00') c WHERE c.scope = 'company' OR c.scope LIKE 'region:%') s
  CROSS JOIN LATERAL salesops.forecast('FY2026-Q2', s.scope, '2026-06-10 12:00+00') f;
  CREATE TEMP TABLE scope AS SELECT * FROM salesops.scope_forecasts('2026-06-10 12:00+00');
  INSERT INTO answer SELECT 'all scopes', md5(string_agg(s::text, ' ' ORDER BY s.scope COLLATE "C")) FROM pg_temp.scope s;
  CREATE TEMP TABLE change AS SELECT * FROM salesops.forecast_change('2026-05-20 12:00+00', '2026-06-10 12:00+00', 'FY2026-Q2', 'company');
  INSERT INTO answer SELECT 'change', md5(string_agg(c::text, ' ' ORDER BY c::text COLLATE "C")) FROM pg_temp.change c;
  CREATE TEMP TABLE risk AS SELECT * FROM salesops.deal_risk('2026-06-10 12:00+00');
  INSERT INTO answer SELECT 'risks', md5(string_agg(r::text, ' ' ORDER BY r.id COLLATE "C", r.flag COLLATE "C")) FROM pg_temp.risk r;
  CREATE TEMP TABLE evidence AS SELECT * FROM salesops.category_evidence('2026-06-10 12:00+00');
  INSERT INTO answer SELECT 'evidence', md5(string_agg(e::text, ' ' ORDER BY e::text COLLATE "C")) FROM pg_temp.evidence e;
  CREATE TEMP TABLE shift AS SELECT * FROM salesops.model_shift('2026-06-10 12:00+00');
  INSERT INTO answer SELECT 'shift', md5(string_agg(s::text, ' ' ORDER BY s.factor COLLATE "C")) FROM pg_temp.shift s;
  INSERT INTO answer
  SELECT 'backtest', md5(string_agg(x.line, ' ' ORDER BY x.line COLLATE "C"))
  FROM (SELECT (to_jsonb(b) - 'run_id')::text FROM salesops.backtest_forecast b WHERE b.run_id = backtested_id
        UNION ALL SELECT (to_jsonb(s) - 'run_id')::text FROM salesops.backtest_score s WHERE s.run_id = backtested_id
        UNION ALL SELECT (to_jsonb(c) - 'run_id')::text FROM salesops.backtest_calibration c WHERE c.run_id = backtested_id) AS x(line);
  DROP TABLE pg_temp.probability, pg_temp.scope, pg_temp.change, pg_temp.risk, pg_temp.evidence, pg_temp.shift;
  RETURN QUERY SELECT a.what, a.answer FROM pg_temp.answer a;
END $$;

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE first AS SELECT * FROM pg_temp.asked();
SELECT is(count(answer), 11::bigint, 'eleven questions have an answer') FROM first;
SELECT cmp_ok((SELECT count(*) FROM win_probabilities(:'as_of') WHERE model_probability IS NOT NULL), '>', 100::bigint, 'about more than a hundred open deals');

-- Rows in another order: by the digest of their key; and the history written anew, the latest state first.
CREATE FUNCTION pg_temp.shuffle(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE INDEX shuffled ON %s (md5(id || source_key))', relation);
  EXECUTE format('CLUSTER %s USING shuffled', relation);
  DROP INDEX salesops.shuffled;
END $$;
SELECT pg_temp.shuffle(t) FROM unnest('{opportunity,account,account_history,rep,rep_history,activity,product,currency_rate,quota}'::regclass[]) t \g /dev/null
CREATE INDEX latest_first ON opportunity_history (effective_at DESC, id DESC);
CLUSTER opportunity_history USING latest_first;
DROP INDEX latest_first;
SELECT bag_eq('SELECT * FROM pg_temp.asked()', 'SELECT * FROM first', 'rows in another order');

-- Workers: every plan that can be parallel is, and is forced to be.
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL min_parallel_index_scan_size = 0;
SELECT set_config(name, 'regress', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null
ALTER TABLE opportunity SET (parallel_workers = 4);
ALTER TABLE opportunity_history SET (parallel_workers = 4);
SET LOCAL max_parallel_workers_per_gather = 4;
SELECT bag_eq('SELECT * FROM pg_temp.asked()', 'SELECT * FROM first', 'four workers, every plan forced to be parallel');
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \g /dev/null

-- A statement that is no cursor and inserts nothing takes all the workers that it may; CREATE TABLE AS does.
CREATE FUNCTION pg_temp.with_workers(workers integer, OUT is_parallel boolean, OUT probabilities text, OUT scopes text) LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
  is_parallel := false;
  FOR line IN EXECUTE $q$EXPLAIN SELECT * FROM salesops.win_deals('{2026-06-10 12:00+00,2026-05-20 12:00+00}', '2026-06-10 12:00+00')$q$ LOOP
    is_parallel := is_parallel OR line LIKE '%Gather%';
  END LOOP;
  CREATE TEMP TABLE asked_probability AS SELECT * FROM salesops.win_probabilities('2026-06-10 12:00+00');
  CREATE TEMP TABLE asked_scope AS SELECT * FROM salesops.scope_forecasts('2026-06-10 12:00+00');
  probabilities := (SELECT md5(string_agg(p::text, ' ' ORDER BY p.id COLLATE "C")) FROM pg_temp.asked_probability p);
  scopes := (SELECT md5(string_agg(s::text, ' ' ORDER BY s.scope COLLATE "C")) FROM pg_temp.asked_scope s);
  DROP TABLE pg_temp.asked_probability, pg_temp.asked_scope;
END $$;
SELECT is((w.is_parallel, w.probabilities, w.scopes)::text,
          (n > 0, (SELECT answer FROM first WHERE what = 'probabilities'), (SELECT answer FROM first WHERE what = 'all scopes'))::text, n || ' workers')
FROM generate_series(0, 4) n CROSS JOIN LATERAL pg_temp.with_workers(n) w;

SELECT * FROM finish();
ROLLBACK;
