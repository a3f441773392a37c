-- sync: what a night costs after the first. One million generated deals with their accounts, activities and histories are
-- loaded once; then 1 % and 0.1 % of the deals change, and an incremental sync picks them up.
--
-- Bars: 1 % costs at most 5 % of the first load, and ten times less change costs less. A connector puts no index on its
-- stamps, so an incremental sync also scans the source once: the cost is that scan, paid even by a night without any
-- change, plus what follows the change. The scan is measured by itself, and proportion is asked of what comes on top.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE EXTENSION IF NOT EXISTS salesops;

CREATE TEMP TABLE timing (what text, seconds double precision, changed bigint);
CREATE TEMP SEQUENCE night;

-- Let a share of the deals change, then sync and take the time of the sync alone.
CREATE PROCEDURE pg_temp.measure(what text, share double precision)
LANGUAGE plpgsql AS $$
DECLARE
  as_of timestamptz := timestamptz '2026-07-01' + nextval('pg_temp.night') * interval '1 day';
  started timestamptz;
  taken double precision;
  failed text;
  changed bigint;
BEGIN
  UPDATE bench_crm.opportunity SET amount = amount + 1, next_step = 'Call on ' || as_of::date, _fivetran_synced = as_of - interval '1 hour'
  WHERE _fivetran_active AND abs(hashtextextended(id, extract(epoch FROM as_of)::bigint) % 100000) < share * 100000;
  COMMIT;
  started := clock_timestamp();
  SELECT string_agg(y.message, '; '), sum(y.changed) INTO failed, changed FROM salesops.sync('bench', as_of) y;
  taken := extract(epoch FROM clock_timestamp() - started);
  COMMIT;
  ASSERT failed IS NULL, failed;
  INSERT INTO timing VALUES (what, taken, changed);
END $$;

SELECT count(*) FROM salesops.generate_crm(1000000, 400, 1, '2026-06-30', 0.05, 'bench_crm') \g /dev/null
VACUUM ANALYZE;
SELECT salesops.connect('bench', 'fivetran_salesforce', 'bench_crm') \g /dev/null
CALL pg_temp.measure('first', 0);
VACUUM ANALYZE;
CHECKPOINT;
-- In turns, so that other load on the machine hits all alike.
CALL pg_temp.measure('none', 0);
CALL pg_temp.measure('0.1 %', 0.001);
CALL pg_temp.measure('1 %', 0.01);
CALL pg_temp.measure('none', 0);
CALL pg_temp.measure('0.1 %', 0.001);
CALL pg_temp.measure('1 %', 0.01);
CALL pg_temp.measure('none', 0);
CALL pg_temp.measure('0.1 %', 0.001);
CALL pg_temp.measure('1 %', 0.01);

WITH median AS (
  SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds, percentile_disc(0.5) WITHIN GROUP (ORDER BY changed) AS changed
  FROM timing GROUP BY what
), m AS (
  SELECT max(seconds) FILTER (WHERE what = 'first') AS first, max(seconds) FILTER (WHERE what = 'none') AS none,
         max(seconds) FILTER (WHERE what = '0.1 %') AS thousandth, max(seconds) FILTER (WHERE what = '1 %') AS hundredth,
         max(changed) FILTER (WHERE what = '0.1 %') AS few, max(changed) FILTER (WHERE what = '1 %') AS many
  FROM median
)
SELECT format('sync, 1 %% changed over the first load: %s (at most 0.05)', round((hundredth / first)::numeric, 4)) FROM m
UNION ALL SELECT format('sync, 0.1 %% changed over 1 %% changed: %s (at most 1)', round((thousandth / hundredth)::numeric, 2)) FROM m
UNION ALL SELECT format('sync, nothing changed over the first load: %s (at most 0.05)', round((none / first)::numeric, 4)) FROM m
UNION ALL SELECT format('sync, seconds: first %s, none %s, %s changed %s, %s changed %s', round(first::numeric, 1), round(none::numeric, 2), few, round(thousandth::numeric, 2),
                        many, round(hundredth::numeric, 2)) FROM m;
