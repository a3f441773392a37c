-- weighted_forecast: the aggregate against what an analyst would write, and against plain sum().
--
-- One million deals, one process, no JIT. The rivals run in turns, so that other load on the machine hits all alike;
-- a ratio is between medians. Prints one line for each: name: ratio (bar).
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;

BEGIN;

-- The seven categories in plausible shares, as CRM text and as our type; amounts with two decimals.
CREATE TEMP TABLE deal ON COMMIT DROP AS
SELECT label, label::salesops.forecast_category AS category, amount
FROM (
  SELECT (ARRAY['Pipeline', 'Pipeline', 'Pipeline', 'Best Case', 'Best Case', 'Commit', 'Most Likely', 'Closed', 'Closed',
                'Omitted', 'Omitted', 'Upside'])[1 + (n * 7919::bigint) % 12] AS label,
         (1000 + (n * 104729::bigint) % 25000000 / 100.0)::numeric(18, 2) AS amount
  FROM generate_series(1, 1000000) AS n
) AS made;
ANALYZE deal;

CREATE TEMP TABLE timing (rival text, seconds double precision) ON COMMIT DROP;

DO $$
DECLARE
  rivals CONSTANT jsonb := jsonb_build_object(
    'weighted_forecast', 'SELECT salesops.weighted_forecast(category, amount) FROM deal',
    'sum', 'SELECT sum(amount) FROM deal',
    'case', $case$SELECT sum(amount * CASE label WHEN 'Closed' THEN 1.0 WHEN 'Commit' THEN 0.9 WHEN 'Most Likely' THEN 0.7
                    WHEN 'Best Case' THEN 0.5 WHEN 'Pipeline' THEN 0.2 WHEN 'Upside' THEN 0.05 ELSE 0 END) FROM deal$case$);
  rival text;
  query text;
  answer numeric;
  answers jsonb := '{}';
  started timestamptz;
BEGIN
  FOR turn IN 0 .. 7 LOOP
    FOR rival, query IN SELECT * FROM jsonb_each_text(rivals) LOOP
      started := clock_timestamp();
      EXECUTE query INTO answer;
      -- The first turn warms up.
      IF turn > 0 THEN
        INSERT INTO timing VALUES (rival, extract(epoch FROM clock_timestamp() - started));
      END IF;
      answers := answers || jsonb_build_object(rival, answer);
    END LOOP;
  END LOOP;
  ASSERT (answers ->> 'weighted_forecast')::numeric = (answers ->> 'case')::numeric, 'the rivals disagree: ' || answers;
END;
$$;

WITH median AS (
  SELECT rival, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds FROM timing GROUP BY rival
), ours AS (
  SELECT seconds FROM median WHERE rival = 'weighted_forecast'
)
SELECT format('weighted_forecast, times faster than sum(amount * CASE): %s (at least 1.8)',
              round((median.seconds / ours.seconds)::numeric, 2))
FROM median, ours WHERE rival = 'case'
UNION ALL
SELECT format('weighted_forecast, time over sum(amount): %s (at most 1.3)',
              round((ours.seconds / median.seconds)::numeric, 2))
FROM median, ours WHERE rival = 'sum';

ROLLBACK;
