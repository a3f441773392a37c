-- The win model against what can be said about it without it: the optimum by its own equations, probabilities as sums of
-- effects, the laws of shrinkage, and safety where there is little or nothing to learn.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL jit = off;
SELECT plan(70);

-- 12,000 rows of one period (so nothing is recalibrated): 80 owners in 240 cohorts, which are eliminated, and ordered ages.
CREATE TABLE public.deal AS
SELECT ARRAY[(1 + n % 3)::text, (ARRAY['0-7 days', '8-14 days', '15-30 days', '31-60 days', 'over 60 days', NULL])[1 + draw_int(1, 'age', n, 6)],
             'owner ' || draw_int(1, 'owner', n, 80), 'segment ' || draw_int(1, 'segment', n, 3)] AS levels,
       draw(1, 'won', n) < 0.1 + 0.4 * draw(2, 'owner', draw_int(1, 'owner', n, 80)) + 0.03 * draw_int(1, 'age', n, 6) AS won
FROM generate_series(1, 12000) AS n;
\set factors 'ARRAY[''to_go'', ''age'', ''owner'', ''segment'']'
CREATE TABLE public.model AS SELECT fit_win_model(win_cells(:factors, levels, 'FY2026-Q1', won)) AS model FROM public.deal;
SELECT is((s.terms, s.is_recalibrated, s.is_converged AND s.iterations < 40, s.is_calibrated, s.reason, s.deals, s.periods)::text,
          ROW(ARRAY['to_go', 'age', 'owner', 'segment', 'age*to_go', 'age*segment', 'to_go*segment', 'segment*owner'],
              false, true, true, NULL::text, 12000, 1)::text, 'the default terms; converged') FROM public.model, win_model_summary(model) AS s;

-- The optimum: there the gradient of the scaled likelihood equals the pull of the prior, effect by effect.
CREATE TABLE public.expanded AS
SELECT d.*, t.term, (SELECT string_agg(coalesce(d.levels[array_position(:factors, f)], '(unknown)'), '*' ORDER BY o)
                     FROM unnest(string_to_array(t.term, '*')) WITH ORDINALITY AS u(f, o)) AS level
FROM (SELECT row_number() OVER () AS id, levels, won FROM public.deal) AS d, public.model, win_model_summary(model) AS s, unnest(s.terms) AS t(term);
CREATE TABLE public.predicted AS
SELECT id, levels, won, logistic(s.intercept + e.logit) AS p
FROM (SELECT id, levels, won, sum(e.effect) AS logit FROM public.expanded JOIN (SELECT e.* FROM public.model, win_effects(model) AS e) AS e USING (term, level)
      GROUP BY id, levels, won) AS e, public.model, win_model_summary(model) AS s;
SELECT is(count(*) FILTER (WHERE abs(p - win_probability(model, levels)) < 1e-12), 12000::bigint,
          'a probability is the logistic of the intercept and the effects of the deal''s levels') FROM public.predicted, public.model;

CREATE TABLE public.worth AS
SELECT (sum(w) + w0) / (sum(w * (1 + 2 * least(3 - levels[1]::integer, CASE levels[2] WHEN 'over 60 days' THEN 2 WHEN '31-60 days' THEN 1
                                                                       ELSE CASE WHEN levels[2] IS NULL THEN 2 ELSE 0 END END))) + w0) AS worth
FROM (SELECT levels, p * (1 - p) AS w FROM public.predicted) AS p,
     (SELECT logistic(s.intercept) * (1 - logistic(s.intercept)) FROM public.model, win_model_summary(model) AS s) AS i(w0) GROUP BY w0;
CREATE TABLE public.effect AS
SELECT e.*, s.precisions[array_position(s.terms, e.term)] AS precision,
       CASE WHEN e.term ~ '^age' THEN (regexp_match(split_part(e.level, '*', 1), '\d+'))[1]::integer END AS place,
       CASE WHEN e.term ~ '^age[*]' THEN split_part(e.level, '*', 2) ELSE '' END AS line
FROM public.model, win_effects(model) AS e, win_model_summary(model) AS s;
SELECT ok(max(abs(gradient)) < 1e-4 AND count(*) = (SELECT count(*) FROM public.effect), 'at the optimum the gradient is 0 for each of the effects, however they were solved for')
FROM (SELECT e.term, e.level, (SELECT worth FROM public.worth) * r.rest
                              - e.precision * CASE WHEN e.place IS NULL THEN e.effect
                                                   ELSE 0.1 * e.effect + coalesce(e.effect - lag(e.effect) OVER line, 0) + coalesce(e.effect - lead(e.effect) OVER line, 0) END AS gradient
      FROM public.effect AS e
      JOIN (SELECT x.term, x.level, sum(x.won::integer - p.p) AS rest FROM public.expanded AS x JOIN public.predicted AS p USING (id) GROUP BY 1, 2) AS r USING (term, level)
      WINDOW line AS (PARTITION BY e.term, e.line, e.place IS NULL ORDER BY e.place)) AS g;
SELECT ok(abs(sum(won::integer - p) + 0.5 - logistic(min(s.intercept))) < 1e-4, 'and for the intercept, which half a win and half a loss are added to')
FROM public.predicted, public.model, win_model_summary(model) AS s;

-- One factor of 100 levels: its curvature is an arrow, which can be inverted by hand. The same fit is dense with 50 levels, eliminated with 100.
CREATE FUNCTION pg_temp.one_factor(levels integer) RETURNS TABLE (standard_errors double precision, off_fixed_point double precision) LANGUAGE sql AS $$
  WITH cells AS (SELECT 'l' || draw_int(3, 'level', n, levels) AS level, draw(3, 'won', n) < 0.2 + 0.5 * draw(4, 'level', draw_int(3, 'level', n, levels)) AS won
                 FROM generate_series(1, 4000) AS n),
       model AS MATERIALIZED (SELECT fit_win_model(win_cells(ARRAY['rep'], ARRAY[level], 'FY2026-Q1', won)) AS model FROM cells),
       fit AS MATERIALIZED (SELECT e.*, s.intercept, s.precisions[1] AS lambda, e.deals * logistic(s.intercept + e.effect) * (1 - logistic(s.intercept + e.effect)) AS w
               FROM model, win_effects(model) AS e, win_model_summary(model) AS s),
       total AS (SELECT logistic(min(intercept)) * (1 - logistic(min(intercept))) + sum(w - w * w / (w + lambda)) AS schur FROM fit),
       spread AS (SELECT fit.*, 1 / (w + lambda) + (w / (w + lambda)) ^ 2 / schur AS variance FROM fit, total)
  SELECT max(abs(standard_error / sqrt(variance) - 1)), abs((count(*) - min(lambda) * sum(variance) + 2) / (sum(effect ^ 2) + 0.2) / min(lambda) - 1) FROM spread
$$;
SELECT ok(standard_errors < 1e-6 AND off_fixed_point < 0.01, format('%s levels: standard errors of the inverted curvature; the precision is the fixed point', levels))
FROM unnest(ARRAY[50, 100]) AS levels, pg_temp.one_factor(levels);

-- Two nested terms, both eliminated: their spread by the law of total variance, given the intercept and the owner's effect.
SELECT ok(max(abs(standard_error / sqrt(variance) - 1)) < 1e-6 AND count(*) = 80 + 240, 'owners and their cohorts: standard errors by the law of total variance')
FROM (WITH fit AS MATERIALIZED (SELECT fit_win_model(win_cells(ARRAY['owner', 'segment'], levels[3:4], 'FY2026-Q1', won), ARRAY['owner', 'owner*segment']) AS model FROM public.deal),
           effect AS MATERIALIZED (SELECT e.*, split_part(e.level, '*', 1) AS owner, s.intercept, s.precisions[1] AS l1, s.precisions[2] AS l2 FROM fit, win_effects(model) AS e, win_model_summary(model) AS s),
           cohort AS (SELECT c.*, c.deals * p * (1 - p) AS w FROM effect AS c JOIN effect AS o ON o.term = 'owner' AND o.level = c.owner,
                      LATERAL (SELECT logistic(c.intercept + o.effect + c.effect)) AS l(p) WHERE c.term = 'owner*segment'),
           -- What a cohort tells of its owner, and an owner of the intercept, when those below are averaged out.
           owner AS (SELECT o.owner, o.standard_error, o.l1, o.intercept, sum(c.w * c.l2 / (c.w + c.l2)) AS told FROM effect AS o JOIN cohort AS c USING (owner) WHERE o.term = 'owner' GROUP BY 1, 2, 3, 4),
           intercept AS (SELECT 1 / (logistic(min(intercept)) * (1 - logistic(min(intercept))) + sum(told * l1 / (told + l1))) AS variance FROM owner),
           owner_spread AS (SELECT owner, standard_error, 1 / (l1 + told) AS given, -told / (l1 + told) AS slope FROM owner)
      SELECT standard_error, given + slope ^ 2 * i.variance AS variance FROM owner_spread, intercept AS i
      UNION ALL
      SELECT c.standard_error, 1 / (w + l2) + (w / (w + l2)) ^ 2 * (o.given + (1 + o.slope) ^ 2 * i.variance) FROM cohort AS c JOIN owner_spread AS o USING (owner), intercept AS i) AS s;

-- The same bits.
SELECT is(win_model_send(fit_win_model(win_cells(ARRAY['to_go', 'age', 'owner', 'segment'], levels, 'FY2026-Q1', won ORDER BY levels[3] DESC, won))),
          (SELECT win_model_send(model) FROM public.model), 'other row order, same bytes') FROM public.deal;
SELECT is(win_model_send(model::text::win_model), win_model_send(model), 'text round-trips to the bit') FROM public.model;
SELECT is(jsonb_typeof(model::text::jsonb -> 'terms'), 'array', 'and is JSON') FROM public.model;
CREATE TABLE public.copied (model win_model);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/win_model_test.copy';
BEGIN
  EXECUTE format('COPY public.model TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT is((SELECT win_model_send(model) FROM public.copied), (SELECT win_model_send(model) FROM public.model), 'binary COPY round-trips');
SELECT throws_ok(format('SELECT %L::salesops.win_model', pg_catalog.replace(model::text, a, b)), '22P02', NULL, 'not a win_model: ' || a || ' as ' || b)
FROM (SELECT fit_win_model('{"factors": {"a": ["x", "y"]}, "cells": {"FY2026-Q1": [[0, 10, 5], [1, 10, 1]]}}')) AS m(model),
     (VALUES ('["x", "y"]', '["y", "x"]'), ('["x", "y"]', '["x"]'), ('"reason": 2', '"reason": 1'), ('"reason": 2', '"reason": 9'), ('FY2026-Q1', 'FY2026-Q7'), ('[[0,', '[[1,'),
             ('"precision": ', '"precision": -'), ('"intercept": ', '"intercept": 1e7, "x": '), ('"factors": [0]', '"factors": [1]'), ('"factors": [0]', '"factors": []'), (', 10, 5]', ', 10, 11]')) AS v(a, b);

-- Terms.
SELECT is((SELECT s.terms FROM win_model_summary(fit_win_model(win_cells(ARRAY['a', 'b*c', 'd'], ARRAY['1', '2', '3'], 'FY2026-Q1', n = 1), ARRAY['b*c', 'd * a'])) AS s),
          ARRAY['b*c', 'd*a'], 'terms by name; a name may have an asterisk') FROM generate_series(1, 3) AS n;
SELECT throws_ok(format($$SELECT fit_win_model('{"factors": {"a": ["x"], "b": ["x"]}, "cells": {}}', %L)$$, terms), '22023', NULL, 'terms refused: ' || terms)
FROM unnest(ARRAY['{c}', '{a,a}', '{a*b,b*a}', '{a*a}', '{NULL}', '{""}', '{a*}', '{a*b*c}', '{{a},{b}}']) AS terms;
SELECT is((SELECT s.terms FROM win_model_summary(fit_win_model('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 100, 30]]}}', '{}')) AS s), '{}',
          'without terms the intercept alone');
SELECT ok(abs(win_probability(fit_win_model('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 100, 30]]}}', '{}'), ARRAY['x']) - 30.5 / 101) < 1e-9, 'which is (30 + 1/2) / (100 + 1)');

-- Shrinkage: of two reps who won all, the one with more deals is believed more; he who is unseen is the average; numbers of levels are named.
CREATE TABLE public.reps AS
SELECT fit_win_model(win_cells(ARRAY['owner'], ARRAY[rep], 'FY2026-Q1', won, lost)) AS model
FROM (SELECT 'rep ' || n, 10 + n % 7, 40 - n % 7 FROM generate_series(1, 30) AS n UNION ALL VALUES ('three of three', 3, 0), ('thirty of thirty', 30, 0), ('none of thirty', 0, 30)) AS v(rep, won, lost);
SELECT ok(win_probability(model, ARRAY['thirty of thirty']) > win_probability(model, ARRAY['three of three'])
      AND win_probability(model, ARRAY['three of three']) > win_probability(model, ARRAY['unseen'])
      AND win_probability(model, ARRAY['unseen']) > win_probability(model, ARRAY['none of thirty'])
      AND win_probability(model, ARRAY['thirty of thirty']) < 1, 'more evidence, less shrinkage') FROM public.reps;
SELECT is(win_probability(model, ARRAY['unseen']), logistic(s.intercept), 'a level never seen has effect 0') FROM public.reps, win_model_summary(model) AS s;
SELECT ok(bool_and(e.standard_error < 1 / sqrt(s.precisions[1]) + 1e-9), 'no effect is less certain than before anything was seen') FROM public.reps, win_model_summary(model) AS s, win_effects(model) AS e;
SELECT throws_ok($$SELECT win_probability(model, ARRAY['a', 'b']) FROM public.reps$$, '22023', 'levels must be one for each factor', 'too many levels');
SELECT throws_ok($$SELECT win_probability(model, ARRAY['a'], 'NaN') FROM public.reps$$, '22023', NULL, 'NaN months to go');

-- Ordered factors: an age nobody has much of lies between its neighbours; by the numbers, not the alphabet.
SELECT ok(p[2] > p[3] AND p[3] > p[4], 'an age with 2 deals of 200 takes after its neighbours: ' || p::text)
FROM (SELECT array_agg(win_probability(model, ARRAY[age]) ORDER BY o) AS p
      FROM (SELECT fit_win_model(win_cells(ARRAY['age'], ARRAY[age], 'FY2026-Q1', won, lost))
            FROM (VALUES ('0-7 days', 120, 80), ('8-14 days', 90, 110), ('15-30 days', 2, 0), ('31-60 days', 40, 160), ('61-1,000 days', 20, 180), ('over 1,000 days', 10, 190)) AS v(age, won, lost)) AS m(model),
           unnest(ARRAY['0-7 days', '8-14 days', '15-30 days', '31-60 days', '61-1,000 days', 'over 1,000 days']) WITH ORDINALITY AS a(age, o)) AS a;

-- Months to go.
CREATE TABLE public.togo AS
SELECT fit_win_model(win_cells(ARRAY['to_go', 'owner'], ARRAY[to_go, 'Ann'], 'FY2026-Q1', won, lost)) AS model FROM (VALUES ('1', 100, 900), ('2', 200, 800), ('3', 300, 700)) AS v(to_go, won, lost);
CREATE FUNCTION pg_temp.p(months double precision) RETURNS double precision LANGUAGE sql AS $$SELECT win_probability(model, ARRAY['2', 'Ann'], months) FROM public.togo$$;
SELECT ok(pg_temp.p(2) = pg_temp.p(NULL) AND pg_temp.p(1) < pg_temp.p(2) AND pg_temp.p(2) < pg_temp.p(3), 'at a mark the level of the mark');
SELECT ok(abs(ln(1 - pg_temp.p(1.25)) - (0.75 * ln(1 - pg_temp.p(1)) + 0.25 * ln(1 - pg_temp.p(2)))) < 1e-12 AND abs(ln(1 - pg_temp.p(0.5)) - 0.5 * ln(1 - pg_temp.p(1))) < 1e-12,
          'between marks the hazard is interpolated, from 0 at the end of the period');
SELECT ok(pg_temp.p(7) = pg_temp.p(3) AND pg_temp.p('infinity') = pg_temp.p(3), 'beyond the farthest mark as at it');
SELECT is(ARRAY[pg_temp.p(0), pg_temp.p(-3), pg_temp.p('-infinity')], ARRAY[1e-6, 1e-6, 1e-6]::double precision[], 'nothing is won after the end');
SELECT is(win_probability(model, ARRAY['rep 1'], 1.5), win_probability(model, ARRAY['rep 1']), 'a model without to_go does not know the time') FROM public.reps;

-- Explained: points add up to the hundredth, whatever is asked.
SELECT is(count(*) FILTER (WHERE total = round(100 * p::numeric, 2)), count(*), 'the points add up to the probability')
FROM (SELECT (SELECT sum(points) FROM explain_win_probability(model, levels, months)) AS total, win_probability(model, levels, months) AS p
      FROM public.model, (SELECT levels FROM public.deal LIMIT 300) AS d, (VALUES (NULL), (0), (0.01), (0.7), (1), (2.9), (5)) AS m(months)
      UNION ALL SELECT (SELECT sum(points) FROM explain_win_probability(model, ARRAY[rep])), win_probability(model, ARRAY[rep]) FROM public.reps, unnest(ARRAY['rep 1', 'thirty of thirty', 'unseen', NULL]) AS rep) AS e;
SELECT results_eq($$SELECT factor, level, sign(points), words ~ pattern FROM explain_win_probability((SELECT model FROM public.togo), ARRAY['2', 'Bob'], 3),
                           LATERAL (SELECT CASE factor WHEN 'to_go' THEN '^3 months to go: \+\d+\.\d points: won more often' WHEN 'owner' THEN '^owner Bob: \+0.0 points: no such deal' ELSE '^the average deal is won with' END) AS v(pattern)$$,
                  $$VALUES ('(average deal)', NULL, 1::numeric, true), ('to_go', '3', 1, true), ('owner', 'Bob', 0, true)$$, 'strongest first, in words');
SELECT ok(bool_and(abs(points) <= lag), 'factors by strength') FROM (SELECT points, lag(abs(points), 1, 1000::numeric) OVER () AS lag FROM public.model, explain_win_probability(model, ARRAY['3', '0-7 days', 'owner 3', 'segment 1']) OFFSET 1) AS e;

-- What holds out of time. Reps who keep their rates: full strength. Reps whose rates are drawn anew each quarter: none of it is believed.
CREATE FUNCTION pg_temp.strength(keeps boolean) RETURNS double precision LANGUAGE sql AS $$
  SELECT s.strength FROM (SELECT fit_win_model(win_cells(ARRAY['owner'], ARRAY['rep ' || rep], ('FY2025-Q' || q)::fiscal_period, draw(5, 'won', (q * 100 + rep) * 1000 + n) < 0.1 + 0.5 * draw(6, 'rep', CASE WHEN keeps THEN 0 ELSE q * 100 END + rep))) AS model
                          FROM generate_series(1, 4) AS q, generate_series(1, 40) AS rep, generate_series(1, 60) AS n) AS m, win_model_summary(model) AS s WHERE s.is_recalibrated
$$;
SELECT ok(pg_temp.strength(true) > 0.85 AND pg_temp.strength(false) < 0.35, format('strength %s of what lasts, %s of what does not', round(pg_temp.strength(true)::numeric, 2), round(pg_temp.strength(false)::numeric, 2)));

-- Nothing or little to learn from.
CREATE FUNCTION pg_temp.says(cells win_cells) RETURNS text LANGUAGE sql AS $$
  SELECT s.reason FROM (SELECT fit_win_model(cells) AS model) AS m, win_model_summary(model) AS s WHERE s.is_calibrated = (s.reason IS NULL) AND is_calibrated(model) = s.is_calibrated AND s.is_converged
$$;
SELECT is(pg_temp.says(cells::win_cells), reason, coalesce(reason, 'enough') || ': ' || cells)
FROM (VALUES ('{"factors": {"a": []}, "cells": {}}', 'there was no deal to learn from'),
             ('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 1, 1]]}}', 'fewer than 50 deals to learn from'),
             ('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 1000, 0]]}}', 'fewer than 10 won deals to learn from'),
             ('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 1000, 1000]]}}', 'fewer than 10 deals that were not won to learn from'),
             ('{"factors": {"to_go": ["1", "2", "3"]}, "cells": {"FY2026-Q1": [[0, 49, 20], [1, 49, 20], [2, 49, 20]]}}', 'fewer than 50 deals to learn from'),
             ('{"factors": {"to_go": ["1", "2", "3"]}, "cells": {"FY2026-Q1": [[0, 25, 10], [2, 25, 10]], "FY2026-Q2": [[2, 25, 10]]}}', NULL),
             ('{"factors": {"a": ["x"]}, "cells": {"FY2026-Q1": [[0, 1000000000000, 500000000000]]}}', NULL)) AS v(cells, reason);
SELECT ok(bool_and(p BETWEEN 1e-6 AND 1 - 1e-6), 'as many deals as a bigint holds, all won or all lost, leave probabilities')
FROM unnest('{0,9223372036854775807}'::bigint[]) AS won, win_probability(fit_win_model(format('{"factors": {"a": ["x", "y"]}, "cells": {"FY2026-Q1": [[0, 9223372036854775807, %s]]}}', won)::win_cells), '{x}') AS p;
SELECT throws_ok($$SELECT fit_win_model('{"factors": {"a": ["x", "y"]}, "cells": {"FY2026-Q1": [[0, 9000000000000000000, 0], [1, 9000000000000000000, 0]]}}')$$, '22003', 'number of deals out of range', 'more deals than a bigint holds');
SELECT is((SELECT s.reason FROM win_model_summary(fit_win_model(NULL)) AS s), 'there was no deal to learn from', 'no cells are no deals');
SELECT ok(win_probability(fit_win_model(NULL), '{}') IS NULL AND win_probability(fit_win_model(NULL), '{x,y}', 2) IS NULL
      AND NOT EXISTS (SELECT FROM explain_win_probability(fit_win_model(NULL), '{x}')), 'and then there is no probability');

-- Wild worlds: separable, constant, one level each, 10,000 levels, hostile texts, huge counts.
CREATE TABLE public.wild AS
SELECT 'separable' AS world, ARRAY['to_go', 'stage'] AS factors, win_cells(ARRAY['to_go', 'stage'], ARRAY[(1 + n % 3)::text, 'stage ' || n % 2], 'FY2026-Q1', n % 2 = 0) AS cells FROM generate_series(1, 3000) AS n
UNION ALL SELECT 'all won', ARRAY['owner'], win_cells(ARRAY['owner'], ARRAY['rep ' || n % 5], 'FY2026-Q1', true) FROM generate_series(1, 500) AS n
UNION ALL SELECT 'all lost', ARRAY['owner'], win_cells(ARRAY['owner'], ARRAY['rep ' || n % 5], 'FY2026-Q1', false) FROM generate_series(1, 500) AS n
UNION ALL SELECT 'one rep, one deal a quarter', ARRAY['age', 'owner'], win_cells(ARRAY['age', 'owner'], ARRAY['0-7 days', 'Ann'], 'FY2020-Q1'::fiscal_period + n, n % 2 = 0) FROM generate_series(1, 40) AS n
UNION ALL SELECT '10,000 reps', ARRAY['segment', 'owner', 'product'], win_cells(ARRAY['segment', 'owner', 'product'], ARRAY['s' || n % 3, 'rep ' || n % 10000, 'product ' || n % 9000], 'FY2026-Q1', n % 7 < 2) FROM generate_series(1, 20000) AS n
UNION ALL SELECT 'hostile', ARRAY['age', 'it''s "odd" \'], win_cells(ARRAY['age', 'it''s "odd" \'], ARRAY[t, u], 'FY2026-Q1', n % 3 = 0) FROM generate_series(1, 10) AS n, unnest(ARRAY[NULL, '', '-5', '1e999', '99999999999999999999999999999 days', E'\u0001\n', '<3', '> 9 k']) AS t, unnest(ARRAY['*', 'a*b', '%s%n', repeat('x', 100000)]) AS u
UNION ALL SELECT 'huge', ARRAY['owner'], '{"factors": {"owner": ["a", "b"]}, "cells": {"FY2026-Q1": [[0, 4000000000000000000, 1], [1, 4000000000000000000, 3999999999999999999]]}}';
CREATE TABLE public.wild_model AS SELECT world, factors, cells, fit_win_model(cells) AS model FROM public.wild;
-- Of 4 x 10^18 deals of one rep all but one were won: a gradient of that many cannot come near 0, and the model says so.
SELECT ok(s.is_converged = (world <> 'huge') AND NOT EXISTS (SELECT FROM win_effects(model) AS e WHERE NOT (e.effect BETWEEN -100 AND 100 AND e.standard_error BETWEEN 0 AND 10))
      AND NOT EXISTS (SELECT FROM (SELECT levels FROM win_cell_counts(cells) LIMIT 50) AS c, (VALUES (NULL), (1.5)) AS m(months) WHERE NOT coalesce(win_probability(model, c.levels, months) BETWEEN 1e-6 AND 1 - 1e-6, false))
      AND win_model_send(model::text::win_model) = win_model_send(model), world)
FROM public.wild_model, win_model_summary(model) AS s;
SELECT ok(bool_and(e.deals >= 4), 'of 9,000 products the first are kept, the owners all') FROM public.wild_model, win_effects(model) AS e WHERE world = '10,000 reps' AND e.term = 'segment';
SELECT is(string_agg(e.term || ' ' || e.n, ', ' ORDER BY e.term), 'owner 10000, product 637, segment 3, segment*owner 20000', 'the largest terms keep all levels, the others some hundred together')
FROM public.wild_model, LATERAL (SELECT term, count(*) AS n FROM win_effects(model) GROUP BY term) AS e WHERE world = '10,000 reps';

-- A call may meet one model after the other, stored in line or apart.
CREATE TABLE public.models AS SELECT world, model, 'x' AS level FROM public.wild_model WHERE world IN ('all won', 'all lost', 'huge')
UNION ALL SELECT 'ten thousand', fit_win_model(win_cells(ARRAY['owner'], ARRAY['rep ' || n], 'FY2026-Q1', n % 2 = 0)), 'x' FROM generate_series(1, 10000) AS n;
INSERT INTO public.models SELECT 'heads ' || n, fit_win_model(format('{"factors": {"owner": ["rep 1"]}, "cells": {"FY2026-Q1": [[0, 100, %s]]}}', 20 + 10 * n)::win_cells), 'x' FROM generate_series(1, 3) AS n;
INSERT INTO public.models SELECT world, model, 'rep ' || n FROM public.models, generate_series(1, 4) AS n;
SELECT is(count(*) FILTER (WHERE p <> q), 0::bigint, 'models in turn do not mix')
FROM (SELECT win_probability(model, ARRAY[level]) AS p, logistic(s.intercept + coalesce((SELECT effect FROM win_effects(model) AS e WHERE e.level = m.level), 0)) AS q
      FROM public.models AS m, win_model_summary(model) AS s WHERE world <> 'huge' ORDER BY level, world) AS t;

SELECT * FROM finish();
ROLLBACK;
