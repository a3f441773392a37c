-- bookings_distribution: P10, P50 and P90 of a correlated book in one call, against a Monte Carlo of 10,000 trials written in C (and one that
-- takes a short cut: only 100 values of the common factor).
--
-- Lognormal amounts (sigma 1.5), correlation 0.05, one process; and books of 12 to 60 lumpy deals, correlation 0.1, one deal worth a third of all. Errors are in standard deviations of the total, against the exact
-- distribution (bench/rivals/bookings.c, fourier: characteristic functions of all deals; lattice: every total of whole amounts). The fastest of a few runs counts; prints one line for
-- each: name: figure (bar).
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;

CREATE TEMP TABLE deal AS
SELECT i, round(exp(10 + 1.5 * salesops.normal_quantile(0.999999 * salesops.draw(1, 'amount', i) + 0.0000005))::numeric, 2) AS amount,
       round(least(0.98, greatest(0.01, 0.3 * abs(salesops.normal_quantile(0.999999 * salesops.draw(1, 'probability', i) + 0.0000005))))::numeric, 6)::float8 AS probability
FROM generate_series(1, 100000) AS i;
ANALYZE deal;
-- Lumpy books: whole amounts, the first deal worth a third of all.
CREATE TEMP TABLE lump AS
SELECT n, i, CASE i WHEN 1 THEN 200 * n ELSE 1 + floor(exp(5 + 1.2 * salesops.normal_quantile(0.999999 * salesops.draw(2, 'amount', n * 1000 + i) + 0.0000005))) END::numeric AS amount,
       round((0.05 + 0.7 * salesops.draw(2, 'probability', n * 1000 + i))::numeric, 6)::float8 AS probability
FROM unnest('{12,20,40,60}'::integer[]) AS n, generate_series(1, n) AS i;
CREATE TEMP TABLE answer (deals integer, method text, seconds float8, p10 float8, p50 float8, p90 float8, sd float8);

CREATE FUNCTION pg_temp.measure(n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
  q float8[];
  fastest float8 := 'Infinity';
BEGIN
  FOR turn IN 1 .. 5 LOOP
    started := clock_timestamp();
    SELECT salesops.quantiles(salesops.bookings(amount, probability, 0.05), '{0.1,0.5,0.9}') INTO q FROM pg_temp.deal WHERE i <= n;
    fastest := least(fastest, extract(epoch FROM clock_timestamp() - started));
  END LOOP;
  INSERT INTO pg_temp.answer VALUES (n, 'bookings', fastest, q[1], q[2], q[3]);
END $$;
SELECT pg_temp.measure(n) FROM unnest('{1000,100000}'::integer[]) AS n \g /dev/null

\getenv rivals rivals
\cd :rivals
\copy (SELECT amount, probability FROM deal WHERE i <= 1000) TO deals_1000 (DELIMITER ' ')
\copy (SELECT amount, probability FROM deal) TO deals_100000 (DELIMITER ' ')
\! { echo "1000 montecarlo $(./bookings montecarlo 0.05 10000 10000 <deals_1000)"; for n in 1000 100000; do echo "$n shortcut $(./bookings montecarlo 0.05 10000 100 <deals_$n)"; echo "$n exact $(./bookings fourier 0.05 151 80 <deals_$n 2>/dev/null)"; done; } >answers
\copy answer FROM answers (DELIMITER ' ')
\! rm deals_1000 deals_100000 answers

-- The lumpy ones a hundred times over, as a backtest asks of the books of many owners; and what is left of an error if everything is known.
CREATE FUNCTION pg_temp.measure_lumps(deals integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz;
  book salesops.bookings_distribution := (SELECT salesops.bookings(amount, probability, 0.1) FROM pg_temp.lump WHERE n = deals);
  q float8[];
  fastest float8 := 'Infinity';
BEGIN
  FOR turn IN 1 .. 3 LOOP
    started := clock_timestamp();
    FOR again IN 1 .. 100 LOOP
      q := salesops.quantiles(book, '{0.1,0.5,0.9}');
    END LOOP;
    fastest := least(fastest, extract(epoch FROM clock_timestamp() - started) / 100);
  END LOOP;
  INSERT INTO pg_temp.answer VALUES (deals, 'bookings', fastest, q[1], q[2], q[3]);
END $$;
SELECT pg_temp.measure_lumps(n) FROM unnest('{12,20,40,60}'::integer[]) AS n \g /dev/null
\copy (SELECT amount, probability FROM lump WHERE n = 12) TO lumps_12 (DELIMITER ' ')
\copy (SELECT amount, probability FROM lump WHERE n = 20) TO lumps_20 (DELIMITER ' ')
\copy (SELECT amount, probability FROM lump WHERE n = 40) TO lumps_40 (DELIMITER ' ')
\copy (SELECT amount, probability FROM lump WHERE n = 60) TO lumps_60 (DELIMITER ' ')
\! for n in 12 20 40 60; do echo "$n exact $(./bookings lattice 0.1 61 <lumps_$n)"; done >answers
\copy answer FROM answers (DELIMITER ' ')
\! rm lumps_12 lumps_20 lumps_40 lumps_60 answers

WITH judged AS (
  SELECT a.deals, a.method, a.seconds,
         greatest(abs(a.p10 - e.p10), abs(a.p50 - e.p50), abs(a.p90 - e.p90)) / e.sd AS error
  FROM answer AS a JOIN answer AS e ON e.deals = a.deals AND e.method = 'exact'
  WHERE a.method <> 'exact'
)
SELECT line FROM (
  SELECT deals, 1, format('bookings, %s deals, milliseconds: %s (at most %s)', deals, round((1000 * seconds)::numeric, 1), CASE deals WHEN 1000 THEN 60 ELSE 300 END)
  FROM judged WHERE method = 'bookings' AND deals >= 1000
  UNION ALL
  SELECT deals, 1, format('bookings, %s lumpy deals, milliseconds of three quantiles: %s (at most 5)', deals, round((1000 * seconds)::numeric, 2)) FROM judged WHERE method = 'bookings' AND deals < 1000
  UNION ALL
  SELECT deals, 2, format('bookings, %s deals, error in standard deviations: %s (at most 0.001)', deals, round(error::numeric, 6)) FROM judged WHERE method = 'bookings'
  UNION ALL
  SELECT deals, 3, format('bookings, %s deals, times faster than a Monte Carlo%s with error %s: %s%s', deals,
                          CASE m.method WHEN 'shortcut' THEN ' of 100 factors' END, round(m.error::numeric, 4), round((m.seconds / o.seconds)::numeric, 1),
                          -- The shortcut draws one factor for a hundred trials: for judgement, no bar.
                          CASE m.method WHEN 'shortcut' THEN '' ELSE ' (at least 20)' END)
  FROM judged AS o JOIN judged AS m USING (deals) WHERE o.method = 'bookings' AND m.method <> 'bookings'
) AS lines (deals, place, line) ORDER BY deals, place, line;
