-- Whether ranges are honest: of quarters whose deals hang together by a common factor, how many totals lie between P10 and P90. With the right
-- correlation 80 %, up to 3 points; as if the deals were independent, far fewer.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset format aligned
\ir ../helper/known_truth.sql
\getenv quarters SALESOPS_TRUTH_QUARTERS
\if :{?quarters}
\else
\set quarters 2000
\endif

CREATE TEMP TABLE quarter AS
SELECT truth, k.period::integer AS period, salesops.bookings(k.amount, k.probability, truth) AS book, sum(k.amount) FILTER (WHERE k.won) AS total
FROM unnest('{0.02,0.05,0.1}'::float8[]) AS truth, pg_temp.known_truth(4, :quarters, 150, truth) AS k
GROUP BY 1, 2;

-- MATERIALIZED: or each use of q would compute the quantiles again.
CREATE TEMP TABLE coverage AS
WITH ranges AS MATERIALIZED (
  SELECT truth, method, coalesce(total, 0) AS total,
         salesops.quantiles(CASE method WHEN 'one factor' THEN book ELSE salesops.with_correlation(book, 0) END, '{0.1,0.5,0.9}') AS q
  FROM quarter, unnest('{one factor,independent}'::text[]) AS method
)
SELECT truth, method, count(*) AS quarters, avg((total BETWEEN q[1] AND q[3])::integer) AS inside,
       avg((total < q[1])::integer) AS below, avg((total <= q[2])::integer) AS below_median
FROM ranges GROUP BY truth, method;

SELECT truth, method, quarters, round(100 * inside, 1) AS "P10-P90 %", round(100 * below, 1) AS "below P10 %", round(100 * below_median, 1) AS "below P50 %"
FROM coverage ORDER BY truth, method DESC;

DO $$
BEGIN
  ASSERT (SELECT bool_and(inside BETWEEN 0.77 AND 0.83) FROM pg_temp.coverage WHERE method = 'one factor'), 'the ranges do not cover 80 %';
  ASSERT (SELECT bool_and(below_median BETWEEN 0.47 AND 0.53) FROM pg_temp.coverage WHERE method = 'one factor'), 'the median is not in the middle';
  ASSERT (SELECT bool_and(inside < 0.75) FROM pg_temp.coverage WHERE method = 'independent'), 'independent deals should not cover 80 %';
END $$;
