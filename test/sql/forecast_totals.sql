-- forecast_totals: the product's worked examples, the columns of a forecast table, weights, bad input.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = salesops, public;
SET datestyle = 'ISO, YMD';
SET timezone = 'UTC';

-- 50, 100, 150, 200 in Closed, Commit, Best Case, Pipeline: cumulative 50, 150, 300 and 450 open.
SELECT totals, cumulative(totals, 'Closed') AS closed, cumulative(totals, 'Commit') AS commit,
       cumulative(totals, 'Most Likely') AS most_likely, cumulative(totals, 'Best Case') AS best_case,
       cumulative(totals, 'Pipeline') AS open_pipeline, cumulative(totals, 'Upside') AS upside,
       cumulative(totals, 'Omitted') AS omitted
FROM (
  SELECT forecast_rollup(category, amount) AS totals
  FROM (VALUES ('Closed'::forecast_category, 50), ('Commit', 100), ('Best Case', 150), ('Pipeline', 200)) AS deal (category, amount)
) AS rolled \gx

-- Most Likely sits between Best Case and Commit, Upside counts as open pipeline, Omitted nowhere.
SELECT cumulative(totals, 'Closed') AS closed, cumulative(totals, 'Commit') AS commit,
       cumulative(totals, 'Most Likely') AS most_likely, cumulative(totals, 'Best Case') AS best_case,
       cumulative(totals, 'Pipeline') AS open_pipeline
FROM (VALUES ('Closed: 1 (1 deal), Commit: 10 (1 deal), Most Likely: 100 (1 deal), Best Case: 1000 (1 deal), '
              'Pipeline: 10000 (1 deal), Upside: 100000 (1 deal), Omitted: 1000000 (1 deal)'::forecast_totals)) AS v (totals);

-- The weighted table: 2.4 M closed, 1.8 commit, 3.2 best case, 4.5 pipeline against a quota of 10.
SELECT weighted_amount(totals, 'Closed') AS closed, weighted_amount(totals, 'Commit') AS commit,
       weighted_amount(totals, 'Best Case') AS best_case, weighted_amount(totals, 'Pipeline') AS pipeline,
       weighted(totals) AS weighted_total, weighted_commit(totals), weighted_best_case(totals),
       cumulative(totals, 'Commit') AS commit_total, gap_to_quota(totals, 10), round(uncovered_share(totals, 10), 6) AS uncovered_share,
       round(required_win_rate(amount(totals, 'Closed'), cumulative(totals, 'Pipeline'), 10), 6) AS required_win_rate
FROM (
  SELECT forecast_rollup(category, amount) AS totals
  FROM (VALUES ('Closed'::forecast_category, 2.4), ('Commit', 1.8), ('Best Case', 3.2), ('Pipeline', 4.5)) AS deal (category, amount)
) AS rolled \gx

-- Nothing, unknown and partly known are three things.
CREATE TEMP TABLE deal (category forecast_category, amount numeric);
INSERT INTO deal VALUES
  ('Closed', 10.50), ('Closed', NULL), ('Commit', NULL), ('Commit', NULL), (NULL, 7), (NULL, NULL), ('Omitted', 3), ('Upside', -2);
SELECT forecast_rollup(category, amount) AS totals, weighted_forecast(category, amount) FROM deal \gx
SELECT category, deals(totals, category), deals_without_amount(totals, category), amount(totals, category), cumulative(totals, category)
FROM (SELECT forecast_rollup(category, amount) AS totals FROM deal) AS rolled, forecast_categories()
ORDER BY rank DESC;
SELECT uncategorized_deals(totals), uncategorized_deals_without_amount(totals), uncategorized_amount(totals)
FROM (SELECT forecast_rollup(category, amount) AS totals FROM deal) AS rolled;

-- Over no rows NULL, like sum; unknown where no deal has both a category and an amount.
SELECT forecast_rollup(category, amount), weighted_forecast(category, amount) FROM deal WHERE false;
SELECT forecast_rollup(category, amount), weighted_forecast(category, amount) FROM deal WHERE category IS NULL;
SELECT forecast_rollup(category, amount), weighted_forecast(category, amount) FROM deal WHERE category = 'Commit';
SELECT weighted('no deals'), cumulative('no deals', 'Commit'), weighted('Uncategorized: 7 (1 deal)');
SELECT forecast_rollup(NULL::forecast_totals) FROM deal;

-- Adding two, adding many.
SELECT 'Closed: 1.5 (1 deal), Uncategorized: unknown (1 deal, 1 without amount)'::forecast_totals
     + 'Closed: 2.25 (2 deals, 1 without amount), Commit: 4 (1 deal), Uncategorized: 9 (1 deal)';
SELECT 'no deals'::forecast_totals + 'no deals';
SELECT forecast_rollup(t) FROM (VALUES ('Closed: 1.5 (1 deal)'::forecast_totals), (NULL), ('Commit: 4 (1 deal)'), ('Closed: 2 (3 deals)')) AS v (t);
SELECT 'Closed: 1 (9223372036854775807 deals)'::forecast_totals + 'Closed: 1 (1 deal)';
-- 1e15, negative amounts and special values, exactly as numeric adds them.
SELECT weighted_forecast('Commit', amount) FROM (VALUES (1e15), (0.01), (-1e15)) AS v (amount);
SELECT forecast_rollup('Commit', amount), weighted_forecast('Commit', amount) FROM (VALUES ('Infinity'::numeric), (1)) AS v (amount);

-- Text: any order and spelling in, most confident first out.
SELECT 'omit: 0 (1 deal), BEST_CASE:  1e3 ( 2 deals , 1 without amount ) ,uncategorized: 5.10 (1 deal)'::forecast_totals;
SELECT ''::forecast_totals;
SELECT 'Commit: 5 (0 deals)'::forecast_totals;
SELECT 'Commit: 5 (1 deal, 2 without amount)'::forecast_totals;
SELECT 'Commit: 5 (1 deal, 1 without amount)'::forecast_totals;
SELECT 'Commit: unknown (1 deal)'::forecast_totals;
SELECT 'Commit: 5 (1 deal), commit: 5 (1 deal)'::forecast_totals;
SELECT 'Commit: 5 (1 deal), '::forecast_totals;
SELECT 'Commit: 5 (1 deal) x'::forecast_totals;
SELECT 'Comit: 5 (1 deal)'::forecast_totals;
SELECT 'Commit: 5 (99999999999999999999 deals)'::forecast_totals;
SELECT 'Commit: five (1 deal)'::forecast_totals;

-- Equality knows amounts by value, and the order starts with Closed.
SELECT 'Commit: 1.0 (1 deal)'::forecast_totals = 'Commit: 1.00 (1 deal)' AS same_amount,
       'Commit: 1 (1 deal)'::forecast_totals = 'Commit: 1 (2 deals)' AS same_deals,
       'Closed: 1 (1 deal)'::forecast_totals > 'Commit: 9 (9 deals)' AS closed_first;
SELECT t, count(*) FROM (VALUES ('Commit: 1.0 (1 deal)'::forecast_totals), ('Commit: 1.00 (1 deal)'), ('no deals')) AS v (t) GROUP BY t ORDER BY t;

-- Own weights: as an array in rank order, or as a named set with a history.
SELECT default_weights(), weights();
SELECT weighted('Commit: 100 (1 deal), Upside: 100 (1 deal)', ARRAY[0, 0.1, 0.2, 0.5, 0.7, 0.8, 1]);
SELECT weighted('no deals', ARRAY[0.5, 1]);
SELECT weighted('no deals', ARRAY[0, 0.1, NULL, 0.5, 0.7, 0.8, 1]);
SELECT weighted('no deals', ARRAY[0, 0.1, 'NaN', 0.5, 0.7, 0.8, 1]);
SELECT weights('cautious');
BEGIN;
SELECT set_weight('cautious', 'Commit', 0.8, '2026-01-01 00:00+00');
SELECT set_weight('cautious', 'Commit', 0.75, '2026-04-01 00:00+00');
SELECT set_weight('default', 'Upside', 0.1, '2026-04-01 00:00+00');
SELECT weights('cautious', '2025-12-31 00:00+00') AS before, weights('cautious', '2026-01-01 00:00+00') AS from_january,
       weights('cautious') AS latest, weights() AS default_set;
SELECT weighted('Commit: 100 (1 deal)', 'cautious', '2026-03-31 00:00+00') AS in_march,
       weighted('Commit: 100 (1 deal)', 'cautious') AS latest,
       weighted('Commit: 100 (1 deal)') AS product_default;
SAVEPOINT s;
SELECT set_weight('cautious', 'Commit', 1.1, '2026-05-01 00:00+00');
ROLLBACK TO s;
SELECT set_weight('cautious', 'Commit', 0.7, '2026-04-01 00:00+00');
ROLLBACK TO s;
UPDATE weight_set SET weight = 0.5;
ROLLBACK TO s;
DELETE FROM weight_set;
ROLLBACK TO s;
TRUNCATE weight_set;
ROLLBACK;

-- Required win rate: quota made is 0, nothing open is NULL, over 1 is not reachable.
SELECT required_win_rate(10, 5, 8) AS made, required_win_rate(2, 0, 8) AS nothing_open, required_win_rate(2, 3, 8) AS not_reachable,
       required_win_rate(2, 12, 8) AS half, uncovered_share('no deals', 0) AS no_quota;
