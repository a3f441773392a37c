-- The win model on a million closed deals, seen at 2.5 million marks: counting them, training, asking about 100,000 open deals.
--
-- Rivals: counting against GROUP BY on the same columns; training against one pass of gradient descent as SQL does it (the
-- effects joined to the counted cells, summed by cell, and summed again by level; on one quarter of twelve, times twelve), of which a fit needs some
-- dozens; asking against the same sums as joins. Accuracy against what a sales team takes instead of a model: win rates by segment x rep, unsmoothed and smoothed.
-- One process, no JIT. Prints a line for each: name: figure (bar).
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET work_mem = '256MB';
SET client_min_messages = warning;
SET search_path = salesops, public;
BEGIN;

\set factors 'ARRAY[''to_go'', ''age'', ''stage'', ''category'', ''amount'', ''segment'', ''industry'', ''product'', ''source'', ''region'', ''owner'', ''pushes'']'
CREATE FUNCTION pg_temp.pick(stream text, item bigint, below integer) RETURNS integer LANGUAGE sql AS 'SELECT draw_int(1, stream, item, below)';

-- 300 reps whose rates differ, twelve quarters; a deal is seen at its quarter's first two or three marks.
CREATE TEMP TABLE deal ON COMMIT DROP AS
SELECT 'FY2022-Q1'::fiscal_period + n % 12 AS period,
       ARRAY[(3 - m)::text,
             (ARRAY['0-7 days', '8-14 days', '15-30 days', '31-45 days', '46-60 days', '61-75 days', '76-90 days', '91-105 days', '106-120 days', '121-140 days',
                    '141-180 days', '181-270 days'])[1 + m * 2 + pg_temp.pick('age', n, 8)],
             'stage ' || 1 + m + pg_temp.pick('stage', n, 5), 'category ' || pg_temp.pick('category', n * 3 + m, 5),
             (ARRAY['1,000-2,000', '2,000-5,000', '5,000-10,000', '10,000-20,000', '20,000-50,000', '50,000-100,000', '100,000-200,000'])[1 + pg_temp.pick('amount', n, 7)],
             'segment ' || pg_temp.pick('segment', n, 5), 'industry ' || pg_temp.pick('industry', n, 20), 'product ' || pg_temp.pick('product', n, 12),
             'source ' || pg_temp.pick('source', n, 8), 'region ' || pg_temp.pick('owner', n, 300) % 6, 'owner ' || pg_temp.pick('owner', n, 300),
             pg_temp.pick('pushes', n, 4)::text] AS levels,
       draw(1, 'won', n) < 0.05 + 0.3 * draw(1, 'rate', pg_temp.pick('owner', n, 300)) + 0.05 * pg_temp.pick('stage', n, 5) - 0.02 * pg_temp.pick('age', n, 8) AS won
FROM generate_series(1, 1000000) AS n, generate_series(0, 2) AS m
WHERE m < 2 + n % 2;
ANALYZE deal;

CREATE TEMP TABLE timing (name text, seconds double precision) ON COMMIT DROP;
CREATE FUNCTION pg_temp.measure(name text, command text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
BEGIN
  EXECUTE command;
  INSERT INTO timing VALUES (name, extract(epoch FROM clock_timestamp() - started));
END;
$$;

-- Counting.
SELECT pg_temp.measure('count by SQL', 'CREATE TEMP TABLE grouped ON COMMIT DROP AS SELECT period, levels, count(*) AS deals, count(*) FILTER (WHERE won) AS wins FROM deal GROUP BY period, levels') \g /dev/null
SELECT pg_temp.measure('count', format('CREATE TEMP TABLE counted ON COMMIT DROP AS SELECT win_cells(%L::text[], levels, period, won) AS cells FROM deal', :factors)) \g /dev/null

-- Training. All but the last quarter, which then tests.
CREATE TEMP TABLE early ON COMMIT DROP AS SELECT win_cells(:factors, levels, period, won) AS cells FROM deal WHERE period < 'FY2024-Q4';
SELECT pg_temp.measure('train', 'CREATE TEMP TABLE whole ON COMMIT DROP AS SELECT fit_win_model(cells) AS model FROM counted') \g /dev/null
CREATE TEMP TABLE model ON COMMIT DROP AS SELECT fit_win_model(cells) AS model FROM early;
CREATE TEMP TABLE effect ON COMMIT DROP AS SELECT e.term, e.level, e.effect FROM whole, win_effects(model) AS e WHERE term <> ALL (ARRAY['age*to_go', 'age*segment', 'to_go*segment', 'stage*to_go', 'segment*owner']);
CREATE TEMP TABLE exploded ON COMMIT DROP AS
SELECT g.id, g.deals, g.wins, f.term, g.levels[f.n] AS level
FROM (SELECT row_number() OVER () AS id, * FROM grouped WHERE period = 'FY2024-Q4') AS g, unnest(:factors) WITH ORDINALITY AS f(term, n);
ANALYZE effect;
ANALYZE exploded;
SELECT pg_temp.measure('one pass by SQL', $$
  CREATE TEMP TABLE gradient ON COMMIT DROP AS
  SELECT x.term, x.level, sum(x.wins - x.deals / (1 + exp(-p.logit)))
  FROM exploded AS x JOIN (SELECT id, sum(effect) AS logit FROM exploded JOIN effect USING (term, level) GROUP BY id) AS p USING (id) GROUP BY x.term, x.level$$) \g /dev/null

-- Asking.
CREATE TEMP TABLE open_deal ON COMMIT DROP AS SELECT row_number() OVER () AS id, levels FROM deal WHERE period = 'FY2024-Q4' LIMIT 100000;
ANALYZE open_deal;
SELECT pg_temp.measure('ask', 'CREATE TEMP TABLE asked ON COMMIT DROP AS SELECT id, win_probability(model, levels) AS p FROM open_deal, whole') \g /dev/null
SELECT pg_temp.measure('ask by SQL', format($$
  CREATE TEMP TABLE joined ON COMMIT DROP AS
  SELECT id, 1 / (1 + exp(-sum(effect))) AS p FROM open_deal, unnest(%L::text[]) WITH ORDINALITY AS f(term, n), effect AS e
  WHERE e.term = f.term AND e.level = levels[f.n] GROUP BY id$$, :factors)) \g /dev/null

-- Accuracy in the last quarter, which none of them has seen.
CREATE TEMP TABLE accuracy ON COMMIT DROP AS
WITH rate AS (SELECT levels[6] AS segment, levels[11] AS rep, count(*) AS deals, count(*) FILTER (WHERE won) AS wins FROM deal WHERE period < 'FY2024-Q4' GROUP BY 1, 2),
     overall AS (SELECT sum(wins) / sum(deals) AS rate FROM rate),
     guess AS (SELECT won, win_probability(model, levels) AS model, greatest(least(wins / deals::double precision, 1 - 1e-6), 1e-6) AS raw,
                      ((wins + 20 * overall.rate) / (deals + 20))::double precision AS smoothed
               FROM deal JOIN rate ON levels[6] = segment AND levels[11] = rep, model, overall WHERE period = 'FY2024-Q4')
SELECT avg(-ln(CASE WHEN won THEN model ELSE 1 - model END)) AS model, avg(-ln(CASE WHEN won THEN raw ELSE 1 - raw END)) AS raw,
       avg(-ln(CASE WHEN won THEN smoothed ELSE 1 - smoothed END)) AS smoothed FROM guess;

SELECT format('counting 2,500,000 rows, time over GROUP BY on the same columns: %s (at most 2)', round((a.seconds / b.seconds)::numeric, 2))
FROM timing AS a, timing AS b WHERE a.name = 'count' AND b.name = 'count by SQL';
SELECT format('training on 1,000,000 closed deals: %s s (at most 5)', round(seconds::numeric, 2)) FROM timing WHERE name = 'train';
SELECT format('training, all of it, time over one pass of gradient descent by SQL: %s (at most 1)', round((a.seconds / (12 * b.seconds))::numeric, 2))
FROM timing AS a, timing AS b WHERE a.name = 'train' AND b.name = 'one pass by SQL';
SELECT format('100,000 probabilities: %s ms (at most 150)', round(1000 * seconds::numeric)) FROM timing WHERE name = 'ask';
SELECT format('asking, times faster than the same sums as joins, which leave the products out: %s (at least 5)', round((b.seconds / a.seconds)::numeric, 1))
FROM timing AS a, timing AS b WHERE a.name = 'ask' AND b.name = 'ask by SQL';
SELECT format('log loss of the last quarter: model %s, segment x rep rates %s, smoothed %s', round(model::numeric, 4), round(raw::numeric, 4), round(smoothed::numeric, 4)) FROM accuracy;

ROLLBACK;
