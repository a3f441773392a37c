-- Scores: published and hand-computed examples, the identities they must fulfil, and one answer in any order of rows.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(37);

CREATE FUNCTION pg_temp.is_close(have float8, want float8, what text) RETURNS text LANGUAGE sql AS $$
  SELECT ok(abs(have - want) <= 1e-14, format('%s: %s, expected %s', what, have, want))
$$;

-- The examples of scikit-learn's documentation of log_loss and brier_score_loss.
SELECT is(round(log_loss(p, won)::numeric, 5), 0.21616, 'log loss: the example of scikit-learn')
FROM (VALUES (0.9, true), (0.1, false), (0.2, false), (0.65, true)) AS deal(p, won);
SELECT is(round(brier(p, won)::numeric, 10), 0.0375, 'Brier score: the example of scikit-learn')
FROM (VALUES (0.1, false), (0.9, true), (0.8, true), (0.3, false)) AS deal(p, won);

-- By hand: two deals at 15 %, one of them won; two at 85 %, both won.
--   brier (.0225 + .7225 + .0225 + .0225) / 4 = .1975, reliability (2 x .35^2 + 2 x .15^2) / 4 = .0725,
--   resolution (2 x .25^2 + 2 x .25^2) / 4 = .0625, uncertainty .75 x .25 = .1875
CREATE TEMP VIEW four AS SELECT (s.score).* FROM (
  SELECT score_probabilities(p, won) AS score FROM (VALUES (0.15, false), (0.15, true), (0.85, true), (0.85, true)) AS deal(p, won)) s;
SELECT is(deals, 4::bigint, 'four deals') FROM four;
SELECT is(wins, 3::bigint, 'three wins') FROM four;
SELECT pg_temp.is_close(brier, 0.1975, 'Brier score') FROM four;
SELECT pg_temp.is_close(reliability, 0.0725, 'reliability') FROM four;
SELECT pg_temp.is_close(resolution, 0.0625, 'resolution') FROM four;
SELECT pg_temp.is_close(uncertainty, 0.1875, 'uncertainty') FROM four;
SELECT pg_temp.is_close(within_bins, 0, 'bins of one probability each hide nothing') FROM four;
SELECT pg_temp.is_close(log_loss, (-2 * ln(0.85::float8) - ln(0.15::float8) - ln(0.85::float8)) / 4, 'log loss') FROM four;

-- Two deals of one bin, 12 % won and 18 % lost: all the Brier score is (.88^2 + .18^2) / 2 = .4034; the bin says 15 % and 50 %.
SELECT pg_temp.is_close((s).within_bins, 0.4034 - (0.35 ^ 2 - 0 + 0.25), 'what a bin of two probabilities hides')
FROM (SELECT score_probabilities(p, won) AS s FROM (VALUES (0.12, true), (0.18, false)) AS deal(p, won)) x;

-- The ends.
SELECT pg_temp.is_close(log_loss(0, true), -ln(1e-6::float8), 'certain and wrong costs 13.8');
SELECT pg_temp.is_close(log_loss(1, true), -ln(1 - 1e-6::float8), 'certain and right costs next to nothing');
SELECT pg_temp.is_close(log_loss(0.5, false), ln(2::float8), 'a coin costs ln 2');
SELECT is(log_loss(p, won), NULL, 'nothing to score gives NULL') FROM (VALUES (NULL::float8, true), (0.5, NULL)) AS deal(p, won);
SELECT is((score_probabilities(p, won)).deals, NULL, 'also as a row') FROM (VALUES (NULL::float8, true)) AS deal(p, won);
SELECT is(calibration(p, won), NULL, 'and as a table') FROM (VALUES (NULL::float8, true)) AS deal(p, won);
SELECT throws_ok('SELECT brier(1.5, true)', '22003', '1.5 is not a probability', 'above 1');
SELECT throws_ok($$SELECT brier('NaN', true)$$, '22003', 'NaN is not a probability', 'not a number');

-- The calibration table.
SELECT results_eq(
  $$SELECT c.low, c.high, c.deals, c.wins, round(c.mean_probability::numeric, 12), c.share_won
    FROM (SELECT calibration(p, won) AS bins FROM (VALUES (0.0, false), (0.05, false), (0.1, true), (0.19, false), (0.3, true), (1.0, true)) AS deal(p, won)) s
    CROSS JOIN unnest(s.bins) AS c$$,
  $$VALUES (0::float8, 0.1::float8, 2::bigint, 0::bigint, 0.025, 0::float8), (0.1, 0.2, 2, 1, 0.145, 0.5), (0.3, 0.4, 1, 1, 0.3, 1), (0.9, 1, 1, 1, 1, 1)$$,
  'bins: a bound belongs to the bin above it, 1 to the last one');

-- Wilson's bounds are the shares t at which (hits/n - t)^2 = z^2 t (1 - t) / n.
SELECT is_empty(
  $$SELECT n, hits FROM generate_series(1, 40) n CROSS JOIN LATERAL generate_series(0, n) hits CROSS JOIN LATERAL share_interval(hits, n) i
    WHERE NOT (i.low <= hits::float8 / n AND hits::float8 / n <= i.high AND i.low >= 0 AND i.high <= 1)
       OR abs((hits::float8 / n - i.low) ^ 2 - 1.6448536269514722 ^ 2 * i.low * (1 - i.low) / n) > 1e-14
       OR abs((hits::float8 / n - i.high) ^ 2 - 1.6448536269514722 ^ 2 * i.high * (1 - i.high) / n) > 1e-14$$,
  'intervals of all shares up to 40 fulfil their equation');
SELECT ok(abs((4.5 / 20.5 - i.low) ^ 2 - 1.6448536269514722 ^ 2 * i.low * (1 - i.low) / 20.5) < 1e-14, 'and so does that of 4.5 out of 20.5')
FROM share_interval(4.5, 20.5) i;
SELECT is(i::text, '(,)', 'no interval without cases') FROM share_interval(0, 0) i;
SELECT throws_ok('SELECT share_interval(3, 2)', '22023', '3 out of 2 is not a share', 'more hits than cases');
SELECT throws_ok($$SELECT share_interval('NaN', 2)$$, '22023', NULL, 'no number of hits');

-- Pinball loss: scikit-learn's mean_pinball_loss([1, 2, 3], [0, 2, 3]) is 0.0333 at 0.1 and 0.3 at 0.9.
SELECT is(round(avg(pinball_loss(actual, q, q, q)), 12), round((0.1 / 3 + 0.5 / 3 + 0.9 / 3) / 3, 12), 'pinball loss: the example of scikit-learn')
FROM (VALUES (1.0, 0.0), (2, 2), (3, 3)) AS total(actual, q);
SELECT is(round(pinball_loss(100, 80, 110, 130), 12), round((0.1 * 20 + 0.5 * 10 + 0.1 * 30) / 3, 12), 'above P10, below P50 and P90');

-- The noise floor by hand: one deal of 100 at 10 % misses its mean of 10 by 0.9 x 10 + 0.1 x 90 = 18; two of 100 at 50 % make 0, 100, 200
-- with 1/4, 1/2, 1/4, so 50 on average. A factor that deals have in common is no excuse, what is certain no error.
SELECT is(round(noise_floor(bookings(a, p, r))::numeric, 6), want, what)
FROM (VALUES (1, 100, 0.1, 0, 18.0, 'noise floor of one deal'), (2, 100, 0.5, 0, 50, 'of two'), (2, 100, 0.5, 0, 50, 'of two'), (3, 100, 0.5, 0.3, 50, 'of two with a common factor'),
             (3, 100, 0.5, 0.3, 50, 'of two with a common factor'), (4, 100, 1, 0, 0, 'of what is certain'), (5, -100, 0.1, 0, 18, 'of a deal that may be taken back')) AS deal(n, a, p, r, want, what)
GROUP BY n, want, what ORDER BY n;
-- All outcomes of ten deals, one of which is as large as the others together.
SELECT is(round(noise_floor((SELECT bookings(CASE n WHEN 1 THEN 4500 ELSE 100 * n END, 0.05 + 0.09 * n) FROM generate_series(1, 10) n))::numeric, 4),
          (WITH RECURSIVE outcome(n, total, chance) AS (
             SELECT 0, 0::numeric, 1::numeric
             UNION ALL
             SELECT o.n + 1, o.total + CASE WHEN w.won THEN d.amount ELSE 0 END, o.chance * CASE WHEN w.won THEN d.p ELSE 1 - d.p END
             FROM outcome o
             CROSS JOIN LATERAL (SELECT CASE o.n + 1 WHEN 1 THEN 4500 ELSE 100 * (o.n + 1) END AS amount, 0.05 + 0.09 * (o.n + 1) AS p) d
             CROSS JOIN (VALUES (true), (false)) w(won) WHERE o.n < 10)
           SELECT round(sum(chance * abs(total - mean)), 4)
           FROM outcome CROSS JOIN (SELECT sum(total * chance) AS mean FROM outcome WHERE n = 10) m WHERE n = 10),
  'of ten deals, as all 1,024 outcomes have it');

-- 20,000 deals: plain SQL agrees, and the order of rows and the number of workers change nothing.
CREATE TABLE public.scored AS
SELECT n, ((n * 104729::bigint) % 100003)::float8 / 100003 AS p, (n * 7919::bigint) % 100003 < ((n * 104729::bigint) % 100003) * 0.8 AS won
FROM generate_series(1, 20000) AS n;
ALTER TABLE public.scored SET (parallel_workers = 4);
ANALYZE public.scored;
CREATE TEMP VIEW scored_all AS SELECT (s.score).*, s.bins FROM (SELECT score_probabilities(p, won) AS score, calibration(p, won) AS bins FROM public.scored) s;
SELECT ok(bool_and(abs(have - want) < 1e-12), 'scores as plain SQL computes them')
FROM (
  WITH bin AS (SELECT count(*) AS n, avg(p) AS p, avg(won::integer)::float8 AS o FROM public.scored GROUP BY floor(p * 10)),
       base AS (SELECT avg(won::integer)::float8 AS o FROM public.scored)
  SELECT x.* FROM scored_all s CROSS JOIN LATERAL (VALUES
    (s.log_loss, (SELECT -avg(ln(CASE WHEN won THEN greatest(p, 1e-6) ELSE 1 - p END)) FROM public.scored)),
    (s.brier, (SELECT avg((p - won::integer) ^ 2) FROM public.scored)),
    (s.reliability, (SELECT sum(n * (p - o) ^ 2) / 20000 FROM bin)),
    (s.resolution, (SELECT sum(n * (bin.o - base.o) ^ 2) / 20000 FROM bin, base)),
    (s.uncertainty, (SELECT o * (1 - o) FROM base)),
    (s.brier, s.reliability - s.resolution + s.uncertainty + s.within_bins)) AS x(have, want)
) AS compared;
CREATE TEMP TABLE answer AS SELECT scored_all::text AS one FROM scored_all;
SELECT is((s.score)::text || s.bins::text, (SELECT (x.score)::text || x.bins::text FROM (
    SELECT score_probabilities(p, won ORDER BY n) AS score, calibration(p, won ORDER BY n) AS bins FROM public.scored) x),
  'the same to the last bit in descending order')
FROM (SELECT score_probabilities(p, won ORDER BY n DESC) AS score, calibration(p, won ORDER BY n DESC) AS bins FROM public.scored) s;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 4;
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
SELECT matches(pg_temp.plan_of('SELECT log_loss(p, won) FROM public.scored'), 'Partial Aggregate', 'workers take part');
SELECT is((SELECT scored_all::text FROM scored_all), (SELECT one FROM answer), 'the same to the last bit under four workers');
SELECT * FROM finish();
ROLLBACK;
