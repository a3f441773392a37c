-- What estimate_correlation() makes of 40 quarters of which the truth is known: 200 worlds for each truth. The bias may be 0.005 at most.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset format aligned
\ir ../helper/known_truth.sql
\getenv seeds SALESOPS_TRUTH_SEEDS
\if :{?seeds}
\else
\set seeds 200
\endif

CREATE TEMP TABLE estimate AS
SELECT truth, seed,
       (SELECT salesops.estimate_correlation(k.period, k.amount, k.probability, k.won) FROM pg_temp.known_truth(seed, 40, 300, truth) AS k) AS estimate
FROM unnest('{0,0.02,0.05,0.1}'::float8[]) AS truth, generate_series(1, :seeds) AS seed;

SELECT truth, count(*) AS worlds, round(avg(estimate)::numeric, 4) AS mean, round((avg(estimate) - truth)::numeric, 4) AS bias,
       round(stddev_samp(estimate)::numeric, 4) AS spread, round(min(estimate)::numeric, 4) AS least, round(max(estimate)::numeric, 4) AS greatest,
       round(avg(greatest(estimate, 0))::numeric - truth::numeric, 4) AS bias_if_not_below_0,
       round(avg(salesops.shrunk_correlation(estimate, 40))::numeric, 4) AS shrunk_mean
FROM estimate GROUP BY truth ORDER BY truth;

DO $$
BEGIN
  ASSERT (SELECT bool_and(abs(mean - truth) <= 0.005) FROM (SELECT truth, avg(estimate) AS mean FROM pg_temp.estimate GROUP BY truth) AS e),
    'the estimate of the correlation is biased by more than 0.005';
  ASSERT (SELECT bool_and(spread <= 0.01 + 0.25 * truth) FROM (SELECT truth, stddev_samp(estimate) AS spread FROM pg_temp.estimate GROUP BY truth) AS e),
    'the estimates of the correlation are spread wider than 40 quarters explain';
END $$;
