-- The correlation from past periods: by hand, one world of known truth, and the laws. test/truth asks more worlds.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir ../../helper/known_truth.sql
SET LOCAL search_path = salesops, public;
SELECT plan(20);

-- Four deals of 1 with probability 1/2: the variance of their total is 1 + 12 (P(both won) - 1/4), and P(both won) = 1/4 + asin(rho) / (2 pi)
-- (Sheppard 1899). Won are 2 +- 1 in one quarter and 2 +- 2 in the other, squares 1 and 4: so asin(rho) = pi / 4.
CREATE TEMP TABLE past AS
  SELECT 'FY2026-Q1'::fiscal_period + q AS period, 1::numeric AS amount, 0.5::float8 AS probability, i <= 3 + q AS won
  FROM generate_series(0, 1) AS q, generate_series(1, 4) AS i;
SELECT ok(abs(estimate_correlation(period, amount, probability, won) - sqrt(0.5)) < 1e-5, 'two quarters of four deals') FROM past;
-- Squares 1 and 1 are what independence promises.
SELECT ok(abs(estimate_correlation(period, amount, probability, won)) < 1e-5, 'as independent deals vary')
FROM (SELECT period, amount, probability, i <= 3 AS won FROM (SELECT *, row_number() OVER (PARTITION BY period::integer) AS i FROM past) AS p) AS p;
-- No difference at all: 0 = 1 + 12 rho / (2 pi), continued as a line.
SELECT ok(abs(estimate_correlation(period, amount, probability, won) + pi() / 6) < 1e-3, 'less than independent deals vary')
FROM (SELECT period, amount, probability, i <= 2 AS won FROM (SELECT *, row_number() OVER (PARTITION BY period::integer) AS i FROM past) AS p) AS p;
SELECT is(estimate_correlation(period, amount, probability, true), 0.9::float8, 'more than any correlation explains: the greatest that there is') FROM past;
SELECT is(estimate_correlation(period, amount, probability, won), NULL::float8, 'NULL over no rows') FROM past WHERE false;
SELECT is(estimate_correlation(period, amount, 1, true), NULL::float8, 'NULL where no outcome was open') FROM past;
SELECT is((SELECT estimate_correlation(period, amount, probability, won) FROM (TABLE past UNION ALL VALUES (NULL::fiscal_period, 5, 0.5, true),
             ('FY2026-Q1', NULL, 0.5, true), ('FY2026-Q1', 5, NULL, true), ('FY2026-Q1', 5, 0.5, NULL)) AS p),
          (SELECT estimate_correlation(period, amount, probability, won) FROM past), 'deals of which anything is unknown are passed over');

-- A world with correlation 0.05: 40 quarters of 300 deals.
CREATE TABLE public.past_deal AS SELECT row_number() OVER () AS i, * FROM pg_temp.known_truth(1, 40, 300, 0.05);
ANALYZE public.past_deal;
CREATE TEMP TABLE serial AS SELECT estimate_correlation(period, amount, probability, won) AS e FROM public.past_deal;
SELECT ok(e BETWEEN 0.02 AND 0.09, 'one world: ' || round(e::numeric, 4)) FROM serial;
SELECT is((SELECT estimate_correlation(period, amount, probability, won ORDER BY amount) FROM public.past_deal), e, 'any order of rows, to the bit') FROM serial;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
CREATE TEMP TABLE parallel AS SELECT estimate_correlation(period, amount, probability, won) AS e FROM public.past_deal;
SELECT is(parallel.e, serial.e, 'in parallel') FROM parallel, serial;

SELECT is(shrunk_correlation(NULL, NULL), 0.02::float8, 'without history');
-- (9 x 0.1 + 3 x 0.02) / 12 = 0.08, standard error sqrt(2 / 12) (0.08 + 0.03): the mean of that normal distribution above 0, by Simpson's rule.
SELECT ok(abs(shrunk_correlation(estimate, quarters) - mean) < 1e-9, format('the mean above 0: %s of %s quarters', estimate, quarters))
FROM (VALUES (0.1::float8, 9), (0, 40), (-0.03, 12), (0.05, 1)) AS v (estimate, quarters),
     LATERAL (SELECT (quarters * estimate + 0.06) / (quarters + 3)) AS m (m), LATERAL (SELECT sqrt(2.0 / (quarters + 3)) * (greatest(m, 0) + 0.03)) AS s (s),
     LATERAL (SELECT sum(w * x * d) / sum(w * d)
              FROM (SELECT (greatest(m, 0) + 9 * s) * k / 2000 AS x, CASE WHEN k IN (0, 2000) THEN 1 WHEN k % 2 = 1 THEN 4 ELSE 2 END AS w FROM generate_series(0, 2000) AS k) AS g,
                   LATERAL (SELECT exp(-0.5 * ((x - m) / s) ^ 2)) AS density (d)) AS integral (mean);
SELECT ok(bool_and(c > 0 AND c < 0.02) AND bool_and(c >= before), 'a quiet history gives little, never nothing, and less the quieter it is')
FROM (SELECT shrunk_correlation(e, 40) AS c, lag(shrunk_correlation(e, 40), 1, 0) OVER (ORDER BY e) AS before FROM unnest('{-1000,-10,-1,-0.1,-0.01,0}'::float8[]) AS e) AS q;
SELECT is(shrunk_correlation(1, 1000000), 0.9::float8, 'at most 0.9');
SELECT is(round(shrunk_correlation(0.05, 1000000)::numeric, 5), 0.05000, 'much history decides');
SELECT throws_ok(format('SELECT shrunk_correlation(%L, 4)', e), '22003', e || ' is no estimate of a correlation') FROM unnest('{NaN,2}'::text[]) AS e;

SELECT * FROM finish();
ROLLBACK;
