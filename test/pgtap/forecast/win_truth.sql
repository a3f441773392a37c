-- A world whose truth is known: reps with true effects, deals seen at three marks of each quarter. The 90 % intervals of the effects must
-- hold the true ones nine times in ten; taking a deal's marks for independent deals must be seen to fail.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL jit = off;
SELECT plan(8);

-- SALESOPS_TEST_WORLDS makes them more where that has its time.
\getenv worlds SALESOPS_TEST_WORLDS
\if :{?worlds}
\else
\set worlds 5
\endif

-- A rep's effect on the logit: normal with the given standard deviation.
CREATE FUNCTION pg_temp.truth(seed bigint, rep integer, sd double precision) RETURNS double precision LANGUAGE sql AS
$$SELECT sd * normal_quantile((0.5 + draw_int(seed, 'rep', rep, 1000000)) / 1000000)$$;

/*
 * Each quarter every rep has so many deals at its first mark. The probability to win by the end of the quarter is logistic(a + effect) at each
 * mark, with a = -0.8, -1.2, -1.8 at 3, 2, 1 months to go; so a deal is won in the first month with 1 - (1 - p3) / (1 - p2), in the
 * first two with 1 - (1 - p3) / (1 - p1). One draw a deal and quarter decides. The factor of the marks is to_go, or a name
 * that means nothing to the model, which then takes marks for deals.
 */
CREATE FUNCTION pg_temp.world(seed bigint, reps integer, deals integer, sd double precision, marks text) RETURNS win_model LANGUAGE sql AS $$
  WITH rep AS MATERIALIZED (SELECT rep, pg_temp.truth(seed, rep, sd) AS effect FROM generate_series(1, reps) AS rep),
       deal AS (SELECT rep, quarter, draw(seed, 'deal', (rep * 4 + quarter) * 1000 + n) AS fate, logistic(-0.8 + effect) AS p3, logistic(-1.2 + effect) AS p2, logistic(-1.8 + effect) AS p1
                FROM rep, generate_series(1, 4) AS quarter, generate_series(1, deals) AS n)
  SELECT fit_win_model(win_cells(ARRAY[marks, 'owner'], ARRAY[mark::text, rep::text], ('FY2025-Q' || quarter)::fiscal_period, fate < p3))
  FROM deal, generate_series(1, 3) AS mark
  WHERE mark = 3 OR fate >= 1 - (1 - p3) / (1 - CASE mark WHEN 2 THEN p2 ELSE p1 END)
$$;
CREATE TABLE public.found AS
SELECT v.*, seed, e.effect, e.standard_error, pg_temp.truth(seed, e.level::integer, sd) AS truth, s.precisions[2] AS precision, s.strength
FROM (VALUES (150, 10, 0.3, 'to_go'), (150, 20, 0.5, 'to_go'), (150, 60, 0.8, 'to_go'), (150, 20, 0.5, 'months')) AS v(reps, deals, sd, marks), generate_series(1, :worlds) AS seed,
     LATERAL (SELECT pg_temp.world(seed, reps, deals, sd, marks)) AS m(model), win_effects(model) AS e, win_model_summary(model) AS s
WHERE e.term = 'owner';

SELECT ok(share BETWEEN 0.85 AND 0.95, format('%s deals a quarter, effects of %s: the 90 %% intervals hold %s %% of %s true effects', deals, sd, round(100 * share, 1), n))
FROM (SELECT deals, sd, avg((abs(effect - truth) <= 1.645 * standard_error)::integer) AS share, count(*) AS n FROM public.found WHERE marks = 'to_go' GROUP BY deals, sd) AS c ORDER BY sd;
SELECT ok(found BETWEEN 0.8 * sd AND 1.2 * sd, format('effects of %s: their standard deviation is found as %s', sd, round(found::numeric, 3)))
FROM (SELECT sd, (SELECT avg(d) FROM (SELECT DISTINCT seed, 1 / sqrt(precision) AS d FROM public.found AS g WHERE g.sd = f.sd AND g.marks = 'to_go') AS w) AS found
      FROM public.found AS f GROUP BY sd) AS s ORDER BY sd;
SELECT ok(share < 0.8, format('marks taken for deals: the same intervals hold %s %%', round(100 * share, 1)))
FROM (SELECT avg((abs(effect - truth) <= 1.645 * standard_error)::integer) AS share FROM public.found WHERE marks = 'months') AS c;

-- A hundred deals of a company where nothing matters. The base rate that they show costs 1 / 200 of log loss by chance alone; what the
-- factors seem to say may cost as much again, and hardly more.
WITH world AS MATERIALIZED (
  SELECT seed, fit_win_model(win_cells(ARRAY['owner', 'segment', 'product'],
                                       ARRAY['rep ' || draw_int(seed, 'owner', n, 15), 'segment ' || draw_int(seed, 'segment', n, 4), 'product ' || draw_int(seed, 'product', n, 6)],
                                       'FY2026-Q1', draw(seed, 'won', n) < 0.3)) AS model
  FROM generate_series(1, 60) AS seed, generate_series(1, 100) AS n GROUP BY seed
), said AS (
  SELECT win_probability(model, ARRAY['rep ' || o, 'segment ' || s, 'product ' || p]) AS p
  FROM world, generate_series(1, 15) AS o, generate_series(1, 4) AS s, generate_series(1, 6) AS p
)
SELECT ok(avg(0.3 * ln(0.3 / p) + 0.7 * ln(0.7 / (1 - p))) < 0.0125, 'few deals without any signal: little of their noise is believed') FROM said;

SELECT * FROM finish(true);
ROLLBACK;
