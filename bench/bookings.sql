-- bookings_distribution: P10, P50 and P90 of a correlated book in one call, against a Monte Carlo of 10,000 trials written in C (and one that
-- takes a short cut: only 100 values of the common factor).
--
-- Lognormal amounts (sigma 1.5), correlation 0.05, one process. Errors are in standard deviations of the total, against the exact
-- distribution (bench/rivals/bookings.c, fourier: characteristic functions of all deals). The fastest of five runs counts; prints one line for
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

WITH judged AS (
  SELECT a.deals, a.method, a.seconds,
         greatest(abs(a.p10 - e.p10), abs(a.p50 - e.p50), abs(a.p90 - e.p90)) / e.sd AS error
  FROM answer AS a JOIN answer AS e ON e.deals = a.deals AND e.method = 'exact'
  WHERE a.method <> 'exact'
)
SELECT line FROM (
  SELECT deals, 1, format('bookings, %s deals, milliseconds: %s (at most %s)', deals, round((1000 * seconds)::numeric, 1), CASE deals WHEN 1000 THEN 60 ELSE 300 END)
  FROM judged WHERE method = 'bookings'
  UNION ALL
  SELECT deals, 2, format('bookings, %s deals, error in standard deviations: %s (at most 0.001)', deals, round(error::numeric, 6)) FROM judged WHERE method = 'bookings'
  UNION ALL
  SELECT deals, 3, format('bookings, %s deals, times faster than a Monte Carlo%s with error %s: %s (at least 20)', deals,
                          CASE m.method WHEN 'shortcut' THEN ' of 100 factors' END, round(m.error::numeric, 4), round((m.seconds / o.seconds)::numeric, 1))
  FROM judged AS o JOIN judged AS m USING (deals) WHERE o.method = 'bookings' AND m.method <> 'bookings'
) AS lines (deals, place, line) ORDER BY deals, place, line;
