-- bookings_distribution: by hand, against all 2^n outcomes, and the laws: one answer however the deals are put together.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL extra_float_digits = 3;
SELECT plan(92);

-- By hand -------------------------------------------------------------------------------------------------------------------

SELECT is(bookings(a, p)::text, '1 deal; open 100@0.3', 'one deal') FROM (VALUES (100.00::numeric, 0.3::float8)) AS v (a, p);
SELECT is(quantiles('1 deal; open 100@0.3', '{0.1,0.7,0.7000001,0.9}'), '{0,0,100,100}', 'its quantiles are its two outcomes');
SELECT is(quantiles('1 deal; correlation 0.3; open 100@0.3', '{0.1,0.6999,0.7001,0.9}'), '{0,0,100,100}',
          'and one deal does not care what deals hang together by');
SELECT is(probability_at_least('1 deal; open 100@0.3', 100), 0.3::float8, 'reached with its probability');
SELECT is(probability_at_least('1 deal; open 100@0.3', 100.001), 0::float8, 'more never');
SELECT is(probability_at_least('1 deal; open 100@0.3', 0), 1::float8, 'nothing always');
SELECT is(mean('1 deal; open 100@0.3'), 30::numeric, 'mean');
SELECT is(round(stddev('1 deal; open 100@0.3'::bookings_distribution)::numeric, 10), round(sqrt(2100::numeric), 10), 'standard deviation');

-- 0: .42, 100: .18, 200: .28, 300: .12
SELECT is(bookings(a, p)::text, '2 deals; open 200@0.4 100@0.3', 'two deals, the more uncertain first')
FROM (VALUES (100::numeric, 0.3::float8), (200, 0.4)) AS v (a, p);
SELECT is(quantiles('2 deals; open 200@0.4 100@0.3', '{0.42,0.43,0.6,0.61,0.88,0.89}'), '{0,100,100,200,200,300}', 'four outcomes');
SELECT is(array_agg(round(probability_at_least('2 deals; open 200@0.4 100@0.3', x)::numeric, 12) ORDER BY x),
          '{1.000000000000,0.580000000000,0.400000000000,0.400000000000,0.120000000000,0.000000000000}', 'the chance of each or more')
FROM unnest('{0,100,150,200,300,301}'::numeric[]) AS x;
-- The worst half: .42 at 0 and .08 at 100.
SELECT is(round(expected_shortfall('2 deals; open 200@0.4 100@0.3', 0.5)::numeric, 12), 16.000000000000, 'the mean of the worst half');
SELECT is(round(expected_shortfall('2 deals; open 200@0.4 100@0.3', 1)::numeric, 12), 110.000000000000, 'of all it is the mean');
SELECT results_eq(
  $$ SELECT low, high, round(probability::numeric, 12) FROM density('2 deals; open 200@0.4 100@0.3', 3) $$,
  $$ VALUES (0::float8, 100::float8, 0.420000000000), (100, 200, 0.180000000000), (200, 300, 0.400000000000) $$, 'a histogram');

-- Three deals of which one is certain, one lost, one half: 50 or 150.
SELECT is(quantiles(bookings(a, p), '{0.5,0.51}'), '{50,150}', 'certain and lost deals') FROM (VALUES (50::numeric, 1::float8), (70, 0), (100, 0.5)) AS v (a, p);
SELECT is(bookings(a, p)::text, '3 deals; base 50; open 100@0.5', 'are counted') FROM (VALUES (50::numeric, 1::float8), (70, 0), (100, 0.5)) AS v (a, p);
SELECT is(quantiles(bookings(a, p), '{0.1,0.9}'), '{-30,0}', 'a negative amount') FROM (VALUES (-30::numeric, 0.5::float8)) AS v (a, p);
SELECT is(quantiles('1 deal; base 1000000000000000; open 1000000000000000@0.5', '{0.1,0.9}'), '{1e15,2e15}', 'amounts of 1e15');

-- Unknown, nothing
SELECT is(bookings(a, p)::text, '1 deal; 2 unknown; open 10@0.5', 'deals without amount or probability are counted apart')
FROM (VALUES (10::numeric, 0.5::float8), (NULL, 0.5), (10, NULL)) AS v (a, p);
SELECT is(bookings(a, p)::text, '0 deals; 1 unknown', 'also where there are no others') FROM (VALUES (NULL::numeric, 0.5::float8)) AS v (a, p);
SELECT is(bookings(a, p)::text, NULL, 'over no rows NULL') FROM (VALUES (10::numeric, 0.5::float8)) AS v (a, p) WHERE false;
SELECT is(quantiles('0 deals', '{0.1,0.9}'), '{0,0}', 'no deals bring nothing');
SELECT is(stddev('0 deals'::bookings_distribution), 0::float8, '... for certain');
SELECT is(quantiles('1 deal; open 10@0.5', '{0.1,NULL}'), '{0,NULL}', 'the quantile of NULL is NULL');

-- New business: for mean = sd the gamma is exponential.
SELECT ok(abs(quantile(uncertain_bookings(100, 100), p) + 100 * portable_ln(1 - p)) < 1e-3, format('exponential, quantile of %s', p))
FROM unnest('{0.1,0.5,0.9,0.99}'::float8[]) AS p;
-- The worst half of an exponential: 100 (1 - ln 2).
SELECT ok(abs(expected_shortfall(uncertain_bookings(100, 100), 0.5) - 100 * (1 - portable_ln(2))) < 1e-3, 'its worst half');
SELECT is(mean(uncertain_bookings(100, 30) + 5), 105::numeric, 'certain amounts shift it');
SELECT ok(abs(stddev(uncertain_bookings(100, 30) + uncertain_bookings(50, 40)) - 50) < 1e-9, 'variances add up');

-- All 2^n outcomes ------------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE deal AS
  SELECT i, CASE WHEN i = 3 THEN -1 ELSE 1 END * round((10 + 990 * draw(7, 'amount', i) ^ 3)::numeric, 2) AS amount, 0.05 + 0.9 * draw(7, 'probability', i) AS probability
  FROM generate_series(1, 12) AS i;
CREATE AGGREGATE pg_temp.product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = 1);
-- P(outcome | z) phi(z) summed over 401 z from -8 to 8: an integration rule and a step that the code under test does not use.
CREATE FUNCTION pg_temp.outcomes(n integer, rho float8, OUT total numeric, OUT probability float8) RETURNS SETOF record LANGUAGE sql AS $$
  WITH node AS (
    SELECT z, exp(-z * z / 2) * 0.04 / sqrt(2 * pi()) AS weight FROM (SELECT (k - 200) * 0.04::float8 FROM generate_series(0, 400) AS k) AS g (z) WHERE rho > 0
    UNION ALL SELECT 0, 1 WHERE rho = 0
  ), chance AS (
    SELECT d.i, z, salesops.normal_cdf((salesops.normal_quantile(d.probability) + sqrt(rho) * z) / sqrt(1 - rho)) AS p FROM pg_temp.deal AS d, node WHERE d.i <= n
  ), wins AS MATERIALIZED (
    SELECT z, array_agg(p ORDER BY i) AS p FROM chance GROUP BY z
  ), outcome AS (
    SELECT o, (SELECT sum(d.amount) FILTER (WHERE o & (1 << d.i - 1) <> 0) FROM pg_temp.deal AS d WHERE d.i <= n) AS total FROM generate_series(0, (1 << n) - 1) AS o
  )
  SELECT coalesce(outcome.total, 0),
         (SELECT sum(node.weight * (SELECT pg_temp.product(x)
                                    FROM (SELECT CASE WHEN outcome.o & (1 << g - 1) <> 0 THEN wins.p[g] ELSE 1 - wins.p[g] END AS x FROM generate_series(1, n) AS g) AS f))
          FROM node JOIN wins USING (z))
  FROM outcome
$$;
-- The largest difference between P(total >= x) and the sum over the outcomes, at and just above each of them.
CREATE FUNCTION pg_temp.worst(n integer, rho float8) RETURNS float8 LANGUAGE sql AS $$
  WITH outcome AS MATERIALIZED (SELECT * FROM pg_temp.outcomes(n, rho)),
  sum_from AS MATERIALIZED (SELECT total, sum(sum(probability)) OVER (ORDER BY total DESC) AS p FROM outcome GROUP BY total),
  book AS MATERIALIZED (SELECT salesops.bookings(amount, probability, rho) AS b FROM pg_temp.deal WHERE i <= n)
  SELECT max(abs(salesops.probability_at_least(b, total) - p)) FROM sum_from, book
$$;
SELECT cmp_ok(pg_temp.worst(n, 0), '<', 1e-12::float8, format('all outcomes of %s independent deals', n)) FROM unnest('{1,2,3,8}'::integer[]) AS n;
SELECT cmp_ok(pg_temp.worst(n, rho), '<', 2e-7::float8, format('all outcomes of %s deals with correlation %s', n, rho))
FROM (VALUES (2, 0.05::float8), (5, 0.2), (7, 0.05), (6, 0.6)) AS v (n, rho);

-- Every total of whole amounts ---------------------------------------------------------------------------------------------------

-- P(total <= x) for x = 0, 1, ...: deal after deal into an array of probabilities, at 31 z from -6 to 6.
CREATE FUNCTION pg_temp.lattice(amounts integer[], probabilities float8[], rho float8) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
  reach integer := (SELECT sum(a) FROM unnest(amounts) AS a);
  total float8[] := array_fill(0::float8, ARRAY[reach + 1]);
  here float8[];
  top integer;
  won float8;
  weight float8;
  weights float8 := 0;
BEGIN
  FOR k IN CASE WHEN rho > 0 THEN -15 ELSE 0 END .. CASE WHEN rho > 0 THEN 15 ELSE 0 END LOOP
    weight := exp(-0.08 * k * k);
    weights := weights + weight;
    here := array_fill(0::float8, ARRAY[reach + 1]);
    here[1] := weight;
    top := 1;
    FOR i IN 1 .. cardinality(amounts) LOOP
      won := salesops.normal_cdf((salesops.normal_quantile(probabilities[i]) + sqrt(rho) * 0.4 * k) / sqrt(1 - rho));
      FOR x IN REVERSE top .. 1 LOOP
        here[x + amounts[i]] := here[x + amounts[i]] + won * here[x];
        here[x] := (1 - won) * here[x];
      END LOOP;
      top := top + amounts[i];
    END LOOP;
    SELECT array_agg(t + h ORDER BY place) INTO total FROM unnest(total, here) WITH ORDINALITY AS u (t, h, place);
  END LOOP;
  RETURN (SELECT array_agg(below ORDER BY place) FROM (SELECT sum(t / weights) OVER (ORDER BY place) AS below, place FROM unnest(total) WITH ORDINALITY AS u (t, place)) AS s);
END $$;
-- Quantiles lie within a thousandth of a standard deviation of one whose probability differs in the seventh digit at most. One deal is worth a third
-- a third of all: as many totals as a book of 40 deals is kept whole for, and more.
SELECT ok(bool_and(below[least(floor(q + tolerance)::integer, cardinality(below) - 1) + 1] >= share - 1e-7
                   AND (q < tolerance OR below[ceil(q - tolerance)::integer] <= share + 1e-7)),
          format('%s deals with correlation %s against every total', n, rho))
FROM (VALUES (12, 0.3::float8), (25, 0.05), (40, 0), (40, 0.1)) AS v (n, rho),
     LATERAL (SELECT array_agg(a ORDER BY i) AS a, array_agg(p ORDER BY i) AS p
              FROM (SELECT i, 1 + CASE i WHEN 1 THEN 10 * n ELSE floor(60 * draw(9, 'amount', i) ^ 2)::integer END, 0.05 + 0.7 * draw(9, 'probability', i) FROM generate_series(1, n) AS i) AS d (i, a, p)) AS deals,
     LATERAL (SELECT bookings(x, y, rho) AS b FROM unnest(deals.a, deals.p) AS u (x, y)) AS book,
     LATERAL (SELECT pg_temp.lattice(deals.a, deals.p, rho), 1e-3 * stddev(b)) AS exact (below, tolerance),
     LATERAL (SELECT unnest('{0.01,0.1,0.25,0.5,0.75,0.9,0.99}'::float8[]) AS share) AS shares, LATERAL quantile(b, share) AS q
GROUP BY n, rho;

-- The laws ---------------------------------------------------------------------------------------------------------------------

-- 3,000 deals of 30 owners: many more than are kept one by one; ties, signs, certain and lost ones.
CREATE TABLE public.book AS
  SELECT i, i % 30 AS owner,
         CASE WHEN i % 97 = 0 THEN -1 ELSE 1 END * round((100 / (0.002 + draw(8, 'amount', i)))::numeric, CASE WHEN i % 3 = 0 THEN -2 ELSE 2 END) AS amount,
         CASE i % 50 WHEN 0 THEN 1 WHEN 1 THEN 0 ELSE round(draw(8, 'probability', i)::numeric, 2)::float8 END AS probability
  FROM generate_series(1, 3000) AS i;
ANALYZE public.book;
CREATE TEMP TABLE whole AS SELECT bookings(amount, probability, 0.04) AS b FROM public.book;
SELECT is(mean(b), (SELECT sum(amount * probability::numeric) FROM public.book), 'the mean is exact') FROM whole;
SELECT is((SELECT bookings(amount, probability, 0.04 ORDER BY amount * probability::numeric)::text FROM public.book), b::text, 'any order') FROM whole;
SELECT is((SELECT bookings(amount, probability, 0.04 ORDER BY i * 7919 % 3001)::text FROM public.book), b::text, 'any other order') FROM whole;
SELECT is((SELECT bookings(d)::text FROM (SELECT bookings(amount, probability, 0.04) AS d FROM public.book GROUP BY owner) AS p), b::text, 'rolled up from owners') FROM whole;
SELECT is((SELECT bookings(d ORDER BY k DESC)::text FROM (SELECT i / 1111 AS k, bookings(amount, probability, 0.04) AS d FROM public.book GROUP BY 1) AS p), b::text, 'from unequal parts') FROM whole;
SELECT is((SELECT (bookings(amount, probability, 0.04) FILTER (WHERE i < 2000) + bookings(amount, probability, 0.04) FILTER (WHERE i >= 2000))::text FROM public.book), b::text, '+') FROM whole;
SELECT is(b::text::bookings_distribution::text, b::text, 'text comes back') FROM whole;
SELECT ok(bool_and(q <= next), 'quantiles grow')
FROM (SELECT quantile(b, k / 200.0) AS q, lead(quantile(b, k / 200.0)) OVER (ORDER BY k) AS next FROM whole, generate_series(1, 199) AS k) AS v;
SELECT ok(max(abs(probability_at_least(b, quantile(b, k / 50.0)::numeric) - (1 - k / 50.0))) < 1e-8, 'probability_at_least turns quantile round') FROM whole, generate_series(1, 49) AS k;
SELECT ok(abs(quantile(b + 12345.678, 0.3) - quantile(b, 0.3) - 12345.678) < 1e-5, 'what is certain shifts') FROM whole;
SELECT is(with_correlation(b, 0)::text, (SELECT bookings(amount, probability)::text FROM public.book), 'another correlation is as if it had been so from the start') FROM whole;
SELECT ok(abs(sum(probability) - 1) < 1e-12, 'a histogram is complete') FROM whole, density(b, 40);


-- However many processes.
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  lines text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
    lines := lines || line || E'\n';
  END LOOP;
  RETURN lines;
END $$;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_leader_participation = off;
SET LOCAL max_parallel_workers_per_gather = 4;
SELECT matches(pg_temp.plan_of('SELECT salesops.bookings(amount, probability, 0.04) FROM public.book'), 'Finalize Aggregate\s+->\s+Gather', 'parts in parallel');
-- Only a statement that is no cursor runs in parallel.
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE by_0 AS SELECT bookings(amount, probability, 0.04) AS b FROM public.book;
SET LOCAL max_parallel_workers_per_gather = 1;
CREATE TEMP TABLE by_1 AS SELECT bookings(amount, probability, 0.04) AS b FROM public.book;
SET LOCAL max_parallel_workers_per_gather = 2;
CREATE TEMP TABLE by_2 AS SELECT bookings(amount, probability, 0.04) AS b FROM public.book;
SET LOCAL max_parallel_workers_per_gather = 4;
CREATE TEMP TABLE by_4 AS SELECT bookings(amount, probability, 0.04) AS b FROM public.book;
SELECT is(p.b::text, whole.b::text, format('%s workers', n)) FROM whole, (SELECT 0, b FROM by_0 UNION ALL SELECT 1, b FROM by_1 UNION ALL SELECT 2, b FROM by_2 UNION ALL SELECT 4, b FROM by_4) AS p (n, b);
RESET max_parallel_workers_per_gather;

-- Errors -----------------------------------------------------------------------------------------------------------------------

SELECT throws_ok(format('SELECT bookings(%s, %s)', amount, p), state, message)
FROM (VALUES ('1::numeric', '''NaN''::float8', '22003', 'the probability of a deal must be between 0 and 1'),
             ('1', '1.5::float8', '22003', 'the probability of a deal must be between 0 and 1'),
             ('1', '-0.1::float8', '22003', 'the probability of a deal must be between 0 and 1'),
             ('''NaN''::numeric', '0.5::float8', '22003', 'amount out of range'),
             ('''-Infinity''::numeric', '0.5::float8', '22003', 'amount out of range'),
             ('1e16', '0.5::float8', '22003', 'amount out of range'),
             ('1', '0.5::float8, 0.95', '22003', 'the correlation of deals must be between 0 and 0.9'),
             ('1', '0.5::float8, ''NaN''', '22003', 'the correlation of deals must be between 0 and 0.9'),
             ('1', '0.5::float8, NULL', '22004', 'the correlation of deals must not be NULL'),
             ('1', '0.5::float8, v) FROM (VALUES (0.1::float8), (0.2)) AS w (v', '22023', 'all deals of a book must have one correlation')) AS v (amount, p, state, message);
SELECT throws_ok($$ SELECT '1 deal; open 1@0.5'::bookings_distribution + '1 deal; correlation 0.1; open 1@0.5'::bookings_distribution $$, '22023',
                 'bookings of different correlations cannot be added');
SELECT throws_ok(format('SELECT quantile(%L, %L)', '1 deal; open 1@0.5', p), '22003', 'the share of outcomes must be greater than 0 and less than 1')
FROM unnest('{0,1,-1,NaN}'::float8[]) AS p;
SELECT throws_ok(format('SELECT %L::bookings_distribution', wrong), '22P02', format('invalid input syntax for type bookings_distribution: "%s"', wrong))
FROM unnest(ARRAY['', 'deals', '1 deal; open 1@1', '1 deal; open 1@0', '1 deal; open 0@0.5', '0 deals; open 1@0.5', '1 deal; correlation 1', '1 deal; correlation NaN',
                  '1 deal; open 1@0.5 x', '300 deals; tail 1 deal 5 0:1,1,1', '1 deal; new variance -1 third 0', '1 deal; base 999999999999999999999999999999999999999999', '-1 deals']) AS wrong;

-- Hostile values that no book of deals has give numbers, not errors of the server: sums that contradict each other.
SELECT lives_ok(format($$ SELECT quantiles(b, '{0.001,0.5,0.999}'), stddev(b), mean(b), expected_shortfall(b, 0.1), (SELECT count(*) FROM density(b, 5)) FROM (SELECT %L::bookings_distribution) AS v (b) $$,
                       replace(b::text, '; tail', '; base 1; tail') || x), 'sums that contradict each other')
FROM whole, unnest(ARRAY[' 5:-7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff,1,1', ' 5:1,-7fffffffffffffffffffffffffffffffffffffffffffff,1',
                         ' 5:1,1,7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', ' 5:0,0,0; new variance 7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff third -1']) AS x;

SELECT * FROM finish();
ROLLBACK;
