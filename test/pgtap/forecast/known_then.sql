-- What is known of a past instant: one world of deals, told by CRMs that remember more and less of it. Nothing that a CRM does
-- not remember may be learned from, what it remembers is what was, and the deals that closed look as those that are still open.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(38);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- The world --------------------------------------------------------------------------------------------------------------
-- Every day and a half a deal begins, with a plan to close a month before it will. After a quarter of its life the date is moved to the
-- true one, after a third it is qualified, at half time its amount grows by half. A deal in three is won, whatever it looks like:
-- only the dates tell which deals close soon, and nothing tells how.
CREATE TEMP TABLE world AS
  SELECT n::text AS id, created, created + life AS closes, n * 37 % 91 % 3 = 0 AS wins, 1000.0 * (1 + n % 7) AS amount,
         created + life / 3 AS qualified, created + life / 2 AS repriced, created + life / 4 AS moved
  FROM generate_series(1, 500) n
  CROSS JOIN LATERAL (SELECT timestamptz '2024-07-01 12:00' + n * interval '31 hours' AS created, make_interval(days => 24 + n * 53 % 220) AS life) d;
-- What was so of a deal at an instant at which it was open.
CREATE FUNCTION pg_temp.truth(w world, at timestamptz, OUT stage text, OUT amount numeric, OUT close_date date, OUT pushes integer) LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN w.qualified <= at THEN 'Qualification' ELSE 'Prospecting' END, w.amount * CASE WHEN w.repriced <= at THEN 1.5 ELSE 1 END,
         (w.closes - CASE WHEN w.moved <= at THEN interval '0' ELSE interval '30 days' END)::date, (w.moved <= at)::integer $$;
\set now '2026-04-02 00:00+00'
-- As the CRM shows it now.
CREATE TEMP TABLE shown AS
  SELECT w.id, w.created, w.closes, w.closes <= :'now' AS is_closed, w.closes <= :'now' AND w.wins AS is_won,
         CASE WHEN w.closes > :'now' THEN t.stage WHEN w.wins THEN 'Closed Won' ELSE 'Closed Lost' END AS stage, t.amount, t.close_date,
         -- Reps put every third deal into Commit by hand.
         CASE WHEN w.closes <= :'now' THEN CASE WHEN w.wins THEN 'Closed' ELSE 'Omitted' END WHEN w.id::integer % 3 = 1 THEN 'Commit' ELSE 'Pipeline' END AS category,
         least(w.closes, greatest(w.created, CASE WHEN w.qualified <= :'now' THEN w.qualified END, CASE WHEN w.repriced <= :'now' THEN w.repriced END)) AS modified
  FROM world w CROSS JOIN LATERAL pg_temp.truth(w, least(w.closes, :'now'::timestamptz)) t WHERE w.created <= :'now';
-- Every change of every field until now.
CREATE TEMP TABLE change AS
  SELECT w.id, c.at, c.field, c.old_value, c.new_value
  FROM world w
  CROSS JOIN LATERAL (VALUES
    (w.qualified, 'stage', 'Prospecting', 'Qualification'), (w.closes, 'stage', 'Qualification', CASE WHEN w.wins THEN 'Closed Won' ELSE 'Closed Lost' END),
    (w.repriced, 'amount', w.amount::text, (w.amount * 1.5)::text), (w.moved, 'close_date', (w.closes - interval '30 days')::date::text, w.closes::date::text)) AS c(at, field, old_value, new_value)
  WHERE c.at <= :'now';

-- Told by Salesforce with the history of stages alone (a), of stages, amounts and close dates (b), and of amounts and close dates but not
-- of stages (c); by HubSpot with its stage log (d) and with property histories (e); by versions kept from July 2025 on (f), from the
-- first day on (g), and by all of b since 1 July 2025 only (h).
CREATE FUNCTION pg_temp.salesforce(name text, fields text[], since timestamptz, stated boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA %I', name);
  EXECUTE format('CREATE TABLE %I.opportunity AS SELECT id, stage AS stage_name, amount, close_date, created AS created_date, is_closed, is_won, modified AS last_modified_date FROM shown', name);
  IF stated THEN
    EXECUTE format('ALTER TABLE %1$I.opportunity ADD forecast_category_name text; UPDATE %1$I.opportunity o SET forecast_category_name = s.category FROM shown s WHERE s.id = o.id', name);
  END IF;
  EXECUTE format('CREATE TABLE %I.opportunity_field_history AS SELECT row_number() OVER () AS id, id AS opportunity_id, at AS created_date,
                    CASE field WHEN ''stage'' THEN ''StageName'' WHEN ''amount'' THEN ''Amount'' ELSE ''CloseDate'' END AS field, old_value, new_value, false AS is_deleted
                  FROM change WHERE field = ANY (%L) AND at >= %L', name, fields, since);
  PERFORM salesops.connect(name, 'fivetran_salesforce', name);
END $$;
SELECT pg_temp.salesforce('a', '{stage}', '-infinity', true), pg_temp.salesforce('b', '{stage,amount,close_date}', '-infinity', false),
       pg_temp.salesforce('c', '{amount,close_date}', '-infinity', true), pg_temp.salesforce('h', '{stage,amount,close_date}', '2025-07-01', false);
CREATE FUNCTION pg_temp.hubspot(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA %1$I; CREATE TABLE %1$I.deal AS SELECT id::bigint AS deal_id, stage AS deal_pipeline_stage_id, amount AS property_amount,
                    close_date::timestamptz AS property_closedate, created AS property_createdate, modified AS property_hs_lastmodifieddate FROM shown', name);
  PERFORM salesops.connect(name, 'fivetran_hubspot', name, '{"time_zone": "UTC"}');
END $$;
SELECT pg_temp.hubspot('d'), pg_temp.hubspot('e');
CREATE TABLE d.deal_stage AS SELECT id::bigint AS deal_id, new_value AS value, at AS date_entered FROM change WHERE field = 'stage'
  UNION ALL SELECT id::bigint, 'Prospecting', created FROM world WHERE created <= :'now';
CREATE TABLE e.deal_property_history AS
  SELECT id::bigint AS deal_id, CASE field WHEN 'stage' THEN 'dealstage' WHEN 'amount' THEN 'amount' ELSE 'closedate' END AS name, new_value AS value, at AS timestamp FROM change
  UNION ALL SELECT id::bigint, p.name, p.value, created FROM world
    CROSS JOIN LATERAL (VALUES ('dealstage', 'Prospecting'), ('amount', amount::text), ('closedate', (closes - interval '30 days')::date::text)) p(name, value) WHERE created <= :'now';
-- A version ends where the next one begins. When versions began to be kept, each deal got one that says it has been so for ever.
CREATE FUNCTION pg_temp.versions(name text, since timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE SCHEMA %I', name);
  EXECUTE format($q$CREATE TABLE %I.opportunity AS
    SELECT v.id, CASE WHEN v.at >= w.closes THEN CASE WHEN w.wins THEN 'Closed Won' ELSE 'Closed Lost' END ELSE t.stage END AS stage_name, t.amount, t.close_date, w.created AS created_date,
           v.at >= w.closes AS is_closed, v.at >= w.closes AND w.wins AS is_won, v.at AS last_modified_date, 'Call' AS next_step,
           CASE WHEN v.at = %2$L THEN timestamptz '1970-01-01' ELSE v.at END AS _fivetran_start, lead(v.at, 1, '9999-12-31') OVER (PARTITION BY v.id ORDER BY v.at) AS _fivetran_end,
           lead(v.at) OVER (PARTITION BY v.id ORDER BY v.at) IS NULL AS _fivetran_active
    FROM (SELECT c.id, c.at FROM change c WHERE c.at > %2$L
          UNION SELECT s.id, greatest(s.created, %2$L) FROM shown s) v
    JOIN world w ON w.id = v.id CROSS JOIN LATERAL pg_temp.truth(w, v.at) t$q$, name, since);
  PERFORM salesops.connect(name, 'fivetran_salesforce', name);
END $$;
SELECT pg_temp.versions('f', '2025-07-01'), pg_temp.versions('g', '2024-01-01');
SELECT is((SELECT string_agg(y.source_key || ' ' || y.message, '; ') FROM unnest('{a,b,c,d,e,f,g,h}'::text[]) k CROSS JOIN LATERAL salesops.sync(k, :'now') y WHERE y.sqlstate IS NOT NULL), NULL, 'all are read');

-- What was so is what is told --------------------------------------------------------------------------------------------

SELECT results_eq($$SELECT source_key, string_agg(target, ' ' ORDER BY target COLLATE "C") FROM salesops.history_reach GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', 'stage'), ('b', 'amount close_date stage stage_category'), ('c', 'amount close_date'), ('d', 'stage stage_category'), ('e', 'amount close_date stage stage_category'),
           ('f', 'everything'), ('g', 'everything'), ('h', 'amount close_date stage stage_category')$$,
  'what each history covers; categories that reps set by hand are not those of the stages');
SELECT ok(bool_and(r.since = (SELECT min(c.at) FROM change c WHERE c.field = r.target AND c.at >= CASE r.source_key WHEN 'h' THEN timestamptz '2025-07-01' ELSE '-infinity' END)), 'since its first change')
FROM salesops.history_reach r WHERE r.source_key IN ('a', 'b', 'c', 'h') AND r.target <> 'stage_category';
SELECT ok((SELECT since FROM salesops.history_reach WHERE source_key = 'f') BETWEEN '2025-07-01' AND '2025-07-04', '... of a version too: the one that says it was so for ever is none');
CREATE TEMP TABLE past AS
  SELECT d.*, t.stage AS true_stage, t.amount AS true_amount, t.close_date AS true_close_date,
         -- A push that nobody kept is none.
         CASE WHEN w.moved > '2025-07-01' OR d.source_key NOT IN ('f', 'h') THEN t.pushes ELSE 0 END AS true_pushes
  FROM salesops.open_deals_at(salesops.marks('2024-09-30', '2026-04-01'), :'now') d
  JOIN world w ON w.id = d.id CROSS JOIN LATERAL pg_temp.truth(w, d.instant) t;
SELECT results_eq($$SELECT source_key, count(*) FROM past GROUP BY 1 ORDER BY 1$$,
  $$SELECT k, count(*) FROM unnest('{a,b,c,d,e,f,g,h}'::text[]) k CROSS JOIN unnest(salesops.marks('2024-09-30', '2026-04-01')) m JOIN world w ON w.created <= m AND w.closes::date > m::date GROUP BY 1 ORDER BY 1$$,
  'all tell of the same deals: open from their creation until they close');
SELECT is_empty($$SELECT source_key, instant, id FROM past WHERE (stage, stated_amount, close_date, pushes) IS DISTINCT FROM
                    (CASE WHEN is_stage_known THEN true_stage END, CASE WHEN is_amount_known THEN true_amount END, CASE WHEN is_close_date_known THEN true_close_date END, CASE WHEN is_close_date_known THEN true_pushes END)$$,
  'what is known is what was, and what is not known is not there');
SELECT is_empty($$SELECT source_key, instant, id FROM past WHERE category IS NOT NULL AND category::text <> 'Pipeline'$$, '... no category that came later');
SELECT is_empty($$SELECT source_key, instant, id FROM past WHERE NOT is_amount_known AND (amount, corporate_amount, stated_amount) IS DISTINCT FROM (NULL, NULL, NULL) OR NOT is_amount_known AND amount_basis <> 'not known then'$$,
  'an amount that was not known then is none, and says so');
-- Field by field, from when on.
SELECT results_eq($$SELECT source_key, min(instant) FILTER (WHERE is_stage_known)::date, min(instant) FILTER (WHERE is_category_known)::date, min(instant) FILTER (WHERE is_close_date_known)::date,
                           min(instant) FILTER (WHERE is_amount_known)::date, min(instant) FILTER (WHERE is_all_known)::date FROM past GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', date '2024-09-30', NULL::date, NULL::date, NULL::date, NULL::date), ('b', '2024-09-30', '2024-09-30', '2024-09-30', '2024-09-30', NULL), ('c', NULL, NULL, '2024-09-30', '2024-09-30', NULL),
           ('d', '2024-09-30', '2024-09-30', NULL, NULL, NULL), ('e', '2024-09-30', '2024-09-30', '2024-09-30', '2024-09-30', NULL),
           ('f', '2025-07-31', '2025-07-31', '2025-07-31', '2025-07-31', '2025-07-31'), ('g', '2024-09-30', '2024-09-30', '2024-09-30', '2024-09-30', '2024-09-30'), ('h', '2025-07-31', '2025-07-31', '2025-07-31', '2025-07-31', NULL)$$,
  'each field is known from when its history begins');
SELECT results_eq($$SELECT source_key, bool_or(idle_days IS NOT NULL), bool_or(stage_days IS NOT NULL) FROM past GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', false, true), ('b', true, true), ('c', false, false), ('d', false, true), ('e', true, true), ('f', true, true), ('g', true, true), ('h', true, true)$$,
  'idle since the last change takes the history of all that may change, time in stage that of stages');

-- Like with like -----------------------------------------------------------------------------------------------------------

-- Of each field either almost all deals of a mark have a level or none: that one is open now tells nothing.
CREATE TEMP TABLE learned AS SELECT * FROM salesops.training_deals('2024-09-30', '2026-04-01', :'now');
CREATE TEMP VIEW level AS
  SELECT l.source_key, l.mark, l.id, w.closes > :'now' AS is_open_now, f.name, l.levels[f.n] AS level
  FROM learned l JOIN world w ON w.id = l.id CROSS JOIN unnest(salesops.standard_win_factors()) WITH ORDINALITY f(name, n);
SELECT is_empty($$SELECT source_key, mark, name, avg((level IS NULL)::integer) FROM level WHERE name IN ('stage', 'category', 'due', 'amount', 'pushes', 'idle') GROUP BY 1, 2, 3
                  HAVING avg((level IS NULL)::integer) NOT IN (0, 1)$$, 'a field is known of all deals of a mark or of none');
SELECT results_eq($$SELECT source_key, string_agg(DISTINCT name, ' ' ORDER BY name) FILTER (WHERE level IS NOT NULL AND mark < '2025-07-01') AS before, string_agg(DISTINCT name, ' ' ORDER BY name) FILTER (WHERE level IS NOT NULL AND mark > '2025-07-30')
                    FROM level GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', 'age stage to_go', 'age stage to_go'), ('b', 'age amount category due idle pushes stage to_go', 'age amount category due idle pushes stage to_go'),
           ('c', 'age amount due pushes to_go', 'age amount due pushes to_go'), ('d', 'age category stage to_go', 'age category stage to_go'),
           ('e', 'age amount category due idle pushes stage to_go', 'age amount category due idle pushes stage to_go'), ('f', 'age to_go', 'age amount category due idle pushes stage to_go'),
           ('g', 'age amount category due idle pushes stage to_go', 'age amount category due idle pushes stage to_go'), ('h', 'age to_go', 'age amount category due idle pushes stage to_go')$$,
  'and used as far as it is covered');
SELECT results_eq($$SELECT source_key, mark < '2025-07-01', bool_and(is_reconstructed), bool_or(is_reconstructed) FROM learned WHERE source_key IN ('a', 'f', 'g') GROUP BY 1, 2 ORDER BY 1, 2$$,
  $$VALUES ('a', false, false, false), ('a', true, false, false), ('f', false, false, false), ('f', true, true, true), ('g', false, false, false), ('g', true, false, false)$$,
  'reconstructed is that of which nothing but dates is known');
SELECT results_eq($$SELECT source_key, bool_or(is_category_known), bool_or(is_close_date_known), bool_or(is_amount_known), bool_or(corporate_amount IS NOT NULL) FROM learned WHERE source_key IN ('a', 'c', 'd', 'e') GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', false, false, false, false), ('c', false, true, true, true), ('d', true, false, false, false), ('e', true, true, true, true)$$, 'what is used and what counts is said row by row');
SELECT is_empty($$SELECT source_key, mark, id FROM learned l JOIN world w USING (id) WHERE won <> (w.wins AND w.closes::date <= salesops.end_date(period, 1))$$, 'won is what was won in time, whichever history tells');

-- The model: nothing to be had from a field that is not there ---------------------------------------------------------------

CREATE TEMP TABLE model AS
  SELECT l.source_key, f.terms, salesops.fit_win_model(salesops.win_cells(f.terms, f.levels, l.period, l.won)) AS model
  FROM learned l CROSS JOIN LATERAL (VALUES (salesops.standard_win_factors(), l.levels), ('{to_go,age,stage}', l.levels[1:3])) f(terms, levels)
  GROUP BY 1, 2;
CREATE TEMP TABLE loss AS
  SELECT l.source_key, cardinality(m.terms) > 3 AS is_full, salesops.log_loss(salesops.win_probability(m.model, l.levels[1:cardinality(m.terms)], l.months_to_go), l.won) AS loss
  FROM learned l JOIN model m ON m.source_key = l.source_key GROUP BY 1, 2;
SELECT cmp_ok(f.loss, '>', 0.99 * d.loss, f.source_key || ': what is told of stages alone is all that is learned beside the dates') FROM loss f JOIN loss d ON d.source_key = f.source_key AND NOT d.is_full WHERE f.is_full AND f.source_key IN ('a', 'd') ORDER BY f.source_key;
-- True close dates tell which deals close in the quarter; how, nobody knows: log 3 - 2/3 log 2 = 0.637 of each that does.
SELECT cmp_ok(f.loss, '>', 0.85 * (SELECT 0.637 * avg((w.closes::date <= salesops.end_date(l.period, 1))::integer)::float8 FROM learned l JOIN world w USING (id) WHERE l.source_key = 'g'), f.source_key || ': the toss of a die is not known beforehand')
FROM loss f WHERE f.is_full ORDER BY f.source_key;

-- The forecast: what today's deals will bring in the quarter, as the world has it, to a fifth.
CREATE TEMP TABLE brought AS SELECT sum(amount * 1.5) FILTER (WHERE wins AND closes < '2026-07-01') AS amount FROM world WHERE created <= :'now' AND closes > :'now';
SELECT ok(e.amount BETWEEN b.amount * 0.8 AND b.amount * 1.2, format('%s: %s is expected where %s will come', e.source_key, round(e.amount), round(b.amount)))
FROM (SELECT d.source_key, sum(d.corporate_amount * salesops.win_probability(m.model, d.levels, d.months_to_go)::numeric) AS amount
      FROM salesops.win_deals(ARRAY[:'now'::timestamptz]) d JOIN model m ON m.source_key = d.source_key AND cardinality(m.terms) > 3 GROUP BY 1) e CROSS JOIN brought b
ORDER BY e.source_key;
-- A history that somebody switches on later covers the deals that were read with it, and no others.
INSERT INTO a.opportunity (id, stage_name, amount, close_date, created_date, is_closed, is_won, last_modified_date, forecast_category_name)
VALUES ('late', 'Qualification', 20, '2026-06-30', '2026-02-20', false, false, '2026-03-25', 'Pipeline');
INSERT INTO a.opportunity_field_history VALUES (-1, 'late', '2026-02-25', 'Amount', '10', '15', false), (-2, 'late', '2026-03-25', 'Amount', '15', '20', false);
SELECT is((SELECT string_agg(message, '; ') FROM salesops.sync('a', '2026-04-10', 'full') WHERE sqlstate IS NOT NULL), NULL, 'a later night');
SELECT results_eq($$SELECT id = 'late', bool_and(is_amount_known), min(stated_amount) FROM salesops.open_deals_at('{2026-02-28,2026-03-24}', '2026-04-11') WHERE source_key = 'a' GROUP BY 1 ORDER BY 1$$,
  $$VALUES (false, false, NULL::numeric), (true, true, 15)$$, 'its amounts are known, and nobody else''s');

-- What was read before it was kept how far it reaches: told from the states, and never further.
CREATE TEMP TABLE kept AS SELECT * FROM salesops.history_reach WHERE recorded_at = :'now';
SELECT throws_ok('DELETE FROM salesops.history_reach', '23001', NULL, 'what was known stays known');
SET LOCAL session_replication_role = replica;
DELETE FROM salesops.history_reach;
SET LOCAL session_replication_role = origin;
SELECT count(*) FROM (SELECT salesops.recall_reach(source_key) FROM salesops.source) x \gset ignored_
SELECT results_eq($$SELECT source_key, string_agg(target, ' ' ORDER BY target COLLATE "C") FROM salesops.history_reach WHERE recorded_at = '2026-04-02' GROUP BY 1 ORDER BY 1$$,
  $$VALUES ('a', 'stage'), ('b', 'amount close_date stage stage_category'), ('c', 'amount close_date'), ('d', 'stage stage_category'), ('e', 'amount close_date stage stage_category'),
           ('f', 'amount close_date everything stage'), ('g', 'amount close_date everything stage'), ('h', 'amount close_date stage stage_category')$$, 'the same fields');
SELECT ok(bool_and(r.since BETWEEN k.since AND k.since + interval '100 days'), '... since then, or a little later') FROM kept k JOIN salesops.history_reach r USING (source_key, recorded_at, target);
SELECT * FROM finish();
ROLLBACK;
