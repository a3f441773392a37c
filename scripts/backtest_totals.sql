-- How well the quarters of the source `csv` would have been forecast: backtest() over all that was loaded. Variable: minimum =
-- quarters to learn from first.
\pset pager off
\pset footer off
\pset null ''
SET search_path = salesops, pg_catalog;
SET client_min_messages = warning;

-- The data end where the last thing happened; a quarter counts if they reach its last week.
SELECT fiscal_quarter((date_trunc('month', d.first_day) + interval '1 month')::date, m) + :minimum AS from_period,
       q.to_period, end_of_day(greatest(d.last_day, end_date(q.to_period, m))) AS as_of
FROM (SELECT local_date(min(created_at)) AS first_day,
             greatest(local_date(max(created_at)), max(close_date) FILTER (WHERE status <> 'open')) AS last_day
      FROM opportunity_state('infinity', 'infinity')) d
CROSS JOIN fiscal_year_start_month() m
CROSS JOIN LATERAL (SELECT fiscal_quarter(d.last_day + 7, m) - 1 AS to_period) q \gset
SELECT backtest(ARRAY(SELECT method FROM backtest_methods()), :'from_period', :'to_period', :'as_of', 'infinity') AS run \gset

\echo
\echo 'Error at the start of each quarter, for the company: (forecast - actual) / actual'
SELECT coalesce(f.period::text, 'mean of |error|') AS quarter,
       CASE WHEN f.period IS NOT NULL THEN to_char(max(f.actual), 'FM999,999,999,990') END AS actual,
       to_char(100 * CASE WHEN f.period IS NULL THEN avg(e.share) FILTER (WHERE f.method = 'model') ELSE max(e.signed) FILTER (WHERE f.method = 'model') END, 'FM9990.0') AS model,
       to_char(100 * CASE WHEN f.period IS NULL THEN avg(e.share) FILTER (WHERE f.method = 'naive') ELSE max(e.signed) FILTER (WHERE f.method = 'naive') END, 'FM9990.0') AS naive,
       to_char(100 * CASE WHEN f.period IS NULL THEN avg(e.share) FILTER (WHERE f.method = 'calibrated_weights') ELSE max(e.signed) FILTER (WHERE f.method = 'calibrated_weights') END, 'FM9990.0') AS calibrated_weights,
       to_char(100 * CASE WHEN f.period IS NULL THEN avg(e.share) FILTER (WHERE f.method = 'category_weights') ELSE max(e.signed) FILTER (WHERE f.method = 'category_weights') END, 'FM9990.0') AS category_weights,
       to_char(100 * CASE WHEN f.period IS NULL THEN avg(e.share) FILTER (WHERE f.method = 'closed_win_rate') ELSE max(e.signed) FILTER (WHERE f.method = 'closed_win_rate') END, 'FM9990.0') AS closed_win_rate,
       to_char(100 * avg(f.noise_floor / nullif(f.actual, 0)), 'FM9990.0') AS noise_floor
FROM backtest_forecast f
CROSS JOIN LATERAL (SELECT (f.mean - f.actual) / nullif(f.actual, 0) AS signed, abs(f.mean - f.actual) / nullif(abs(f.actual), 0) AS share) e
WHERE f.run_id = :run AND f.scope_kind = 'company' AND f.months_to_go = 3
GROUP BY ROLLUP (f.period)
ORDER BY f.period;

\echo 'Scores of the company, all marks together. Log loss and Brier are of the deals; the rest of the totals, in % of the actuals'
SELECT s.method, s.deals, round(s.log_loss::numeric, 4) AS "log loss", round(s.brier::numeric, 4) AS brier,
       to_char(100 * b.mape, 'FM9990.0') AS "error at start", to_char(100 * t.mape, 'FM9990.0') AS "after month 1", to_char(100 * o.mape, 'FM9990.0') AS "after month 2", to_char(100 * w.mape, 'FM9990.0') AS "two weeks left",
       to_char(100 * s.wmape, 'FM9990.0') AS wmape, round(s.relative_to_naive, 2) AS "of naive", to_char(100 * s.bias, 'FM9990.0') AS bias,
       to_char(100 * s.noise_floor, 'FM9990.0') AS "noise floor", to_char(100 * s.pinball, 'FM9990.0') AS pinball,
       format('%s of %s', s.within_range, s.forecasts) AS "within P10-P90"
FROM backtest_score s
JOIN backtest_score b ON b.run_id = s.run_id AND b.method = s.method AND b.scope_kind = 'company' AND b.months_to_go = 3
JOIN backtest_score t ON t.run_id = s.run_id AND t.method = s.method AND t.scope_kind = 'company' AND t.months_to_go = 2
JOIN backtest_score o ON o.run_id = s.run_id AND o.method = s.method AND o.scope_kind = 'company' AND o.months_to_go = 1
JOIN backtest_score w ON w.run_id = s.run_id AND w.method = s.method AND w.scope_kind = 'company' AND w.months_to_go = 0.5
WHERE s.run_id = :run AND s.scope_kind = 'company' AND s.months_to_go IS NULL
ORDER BY s.wmape;

\echo 'Ranges of the model by kind of scope'
SELECT s.scope_kind AS scope, s.forecasts, to_char(100 * s.coverage, 'FM990') || ' %' AS "within P10-P90",
       format('%s to %s %%', round(100 * s.coverage_low), round(100 * s.coverage_high)) AS "90 % interval",
       to_char(100 * s.wmape, 'FM9990.0') AS wmape, to_char(100 * s.wmape_naive, 'FM9990.0') AS naive, to_char(100 * s.noise_floor, 'FM9990.0') AS "noise floor"
FROM backtest_score s WHERE s.run_id = :run AND s.method = 'model' AND s.months_to_go IS NULL ORDER BY s.forecasts;

\echo 'Calibration of the model'
SELECT format('%s to %s %%', 100 * c.low, 100 * c.high) AS probability, c.deals, to_char(100 * c.mean_probability, 'FM990.0') AS "mean %", to_char(100 * c.share_won, 'FM990.0') AS "won %",
       format('%s to %s', round(100 * c.share_low::numeric, 1), round(100 * c.share_high::numeric, 1)) AS "90 % interval"
FROM backtest_calibration c WHERE c.run_id = :run AND c.method = 'model' AND c.months_to_go IS NULL ORDER BY c.low;
