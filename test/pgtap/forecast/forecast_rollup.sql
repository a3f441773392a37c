-- The laws of forecast_rollup: one answer, however the server adds up, and that answer is plain SQL's.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(26);

CREATE FUNCTION pg_temp.plan_of(query text, options text DEFAULT 'COSTS off') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  lines text := '';
BEGIN
  FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
    lines := lines || line || E'\n';
  END LOOP;
  RETURN lines;
END;
$$;

-- 60,000 deals of 6,000 owners: all categories and none, amounts of several scales, signs and sizes, one in eleven NULL.
-- SALESOPS_TEST_OWNERS makes them fewer where every row costs a hundred times as much.
\getenv owners SALESOPS_TEST_OWNERS
\if :{?owners}
\else
\set owners 6000
\endif
CREATE TABLE public.deal AS
SELECT n AS id, n % :owners AS owner,
       (SELECT category FROM forecast_categories() WHERE rank = 10 * ((n * 31) % 8)) AS category,
       CASE WHEN n % 11 = 0 THEN NULL
            ELSE ((n * 104729::bigint) % 1000000007)::numeric / (ARRAY[1, 10, 100, 10000])[1 + n % 4]
                 * (ARRAY[1, 1, 1, -1, 1e9])[1 + n % 5] END AS amount
FROM generate_series(1, 10 * :owners) AS n;
ANALYZE public.deal;

-- Against plain SQL.
SELECT results_eq(
  $$SELECT category, deals(t, category), deals_without_amount(t, category), amount(t, category)
    FROM (SELECT forecast_rollup(category, amount) AS t FROM public.deal) AS r, forecast_categories() ORDER BY rank$$,
  $$SELECT category, count(*), count(*) - count(amount), sum(amount) FROM public.deal
    WHERE category IS NOT NULL GROUP BY category ORDER BY category$$,
  'counts and amounts by category');
SELECT results_eq(
  $$SELECT uncategorized_deals(t), uncategorized_deals_without_amount(t), uncategorized_amount(t)
    FROM (SELECT forecast_rollup(category, amount) AS t FROM public.deal) AS r$$,
  $$SELECT count(*), count(*) - count(amount), sum(amount) FROM public.deal WHERE category IS NULL$$,
  'and of deals without a category');
SELECT results_eq(
  $$SELECT owner, weighted_forecast(category, amount)::text FROM public.deal GROUP BY owner ORDER BY owner$$,
  $$SELECT owner, sum(amount * weight(category))::text FROM public.deal GROUP BY owner ORDER BY owner$$,
  'the weighted forecast of each owner, to the digit');
SELECT results_eq(
  $$SELECT owner, weighted(forecast_rollup(category, amount)) FROM public.deal GROUP BY owner ORDER BY owner$$,
  $$SELECT owner, weighted_forecast(category, amount) FROM public.deal GROUP BY owner ORDER BY owner$$,
  'weighted_forecast is weighted of forecast_rollup');
SELECT results_eq(
  $$SELECT cumulative(t, 'Closed'), cumulative(t, 'Commit'), cumulative(t, 'Most Likely'), cumulative(t, 'Best Case'), cumulative(t, 'Pipeline')
    FROM (SELECT forecast_rollup(category, amount) AS t FROM public.deal) AS r$$,
  $$SELECT sum(amount) FILTER (WHERE category = 'Closed'), sum(amount) FILTER (WHERE category >= 'Commit'),
           sum(amount) FILTER (WHERE category >= 'Most Likely'), sum(amount) FILTER (WHERE category >= 'Best Case'),
           sum(amount) FILTER (WHERE category > 'Omitted' AND category < 'Closed') FROM public.deal$$,
  'cumulative columns');

-- One process, sorted groups: what every other way must equal, in text and so in every digit.
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL enable_hashagg = off;
CREATE TABLE public.expected AS
SELECT owner, forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w FROM public.deal GROUP BY owner;
CREATE TABLE public.expected_all AS
SELECT forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w FROM public.deal;
SET LOCAL enable_hashagg = on;

PREPARE expected AS SELECT owner, t::text, w::text FROM public.expected ORDER BY owner;
PREPARE expected_all AS SELECT t::text, w::text FROM public.expected_all;

-- Row order.
SELECT results_eq($$SELECT forecast_rollup(category, amount ORDER BY id * 7919 % 60013)::text,
                           weighted_forecast(category, amount ORDER BY amount)::text FROM public.deal$$, 'expected_all', 'any row order');
SELECT results_eq($$SELECT forecast_rollup(DISTINCT category, amount)::text FROM public.deal$$,
                  $$SELECT forecast_rollup(category, amount)::text FROM (SELECT DISTINCT category, amount FROM public.deal) AS d$$, 'DISTINCT');
SELECT results_eq($$SELECT forecast_rollup(category, amount) FILTER (WHERE owner < 10) FROM public.deal$$,
                  $$SELECT forecast_rollup(category, amount) FROM public.deal WHERE owner < 10$$, 'FILTER');
SELECT results_eq($$SELECT owner, forecast_rollup(category, amount)::text FROM public.deal GROUP BY GROUPING SETS ((owner), ()) ORDER BY owner$$,
                  $$SELECT owner, t::text FROM public.expected UNION ALL SELECT NULL, t::text FROM public.expected_all ORDER BY owner$$,
                  'GROUPING SETS');

-- Hash aggregation that does not fit in memory.
SET LOCAL work_mem = '64kB';
SET LOCAL hash_mem_multiplier = 1;
SET LOCAL enable_sort = off;
SELECT matches(pg_temp.plan_of('SELECT owner, forecast_rollup(category, amount) FROM public.deal GROUP BY owner',
                               'ANALYZE, COSTS off, TIMING off, SUMMARY off'), 'HashAggregate[^B]*Batches: ([2-9]|\d\d)', 'hash aggregation spills');
SELECT results_eq($$SELECT owner, t::text, w::text FROM (SELECT owner, forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w
                    FROM public.deal GROUP BY owner) AS h ORDER BY owner$$, 'expected', 'and gives the same');
RESET work_mem;
RESET hash_mem_multiplier;
RESET enable_sort;

-- Two workers and the leader.
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
-- Rows cost something to hand over, so that handing over states is the cheaper plan.
SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(pg_temp.plan_of('SELECT forecast_rollup(category, amount), weighted_forecast(category, amount) FROM public.deal'),
               'Finalize Aggregate\s+->\s+Gather\s+Workers Planned: 2\s+->\s+Partial Aggregate', 'the aggregate runs in parallel');
-- results_eq reads through a cursor, which is never parallel; CREATE TABLE AS is.
CREATE TEMP TABLE parallel_all AS
SELECT forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w FROM public.deal;
SELECT results_eq('SELECT t::text, w::text FROM parallel_all', 'expected_all', 'and gives the same');
SELECT matches(pg_temp.plan_of('SELECT owner, forecast_rollup(category, amount) FROM public.deal GROUP BY owner'),
               'Finalize (Hash|Group)Aggregate', 'also by owner in parallel');
CREATE TEMP TABLE parallel_by_owner AS
SELECT owner, forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w FROM public.deal GROUP BY owner;
SELECT results_eq('SELECT owner, t::text, w::text FROM parallel_by_owner ORDER BY owner', 'expected', 'with the same answer');
CREATE TEMP TABLE parallel_merge AS SELECT forecast_rollup(t) AS t FROM public.expected;
SELECT results_eq('SELECT t::text FROM parallel_merge', 'SELECT t::text FROM public.expected_all', 'stored totals roll up in parallel too');

-- Partition by partition; hash partitions of the category need the seeded hash.
CREATE TABLE public.deal_by_category (LIKE public.deal) PARTITION BY HASH (category);
CREATE TABLE public.deal_by_category_0 PARTITION OF public.deal_by_category FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE public.deal_by_category_1 PARTITION OF public.deal_by_category FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE public.deal_by_category_2 PARTITION OF public.deal_by_category FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO public.deal_by_category SELECT * FROM public.deal;
ANALYZE public.deal_by_category;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL enable_partitionwise_aggregate = on;
SET LOCAL enable_sort = off;
SELECT matches(pg_temp.plan_of('SELECT owner, forecast_rollup(category, amount) FROM public.deal_by_category GROUP BY owner'),
               'Append\s+->\s+Partial HashAggregate', 'the aggregate runs partition by partition');
SELECT results_eq($$SELECT owner, t::text, w::text FROM (SELECT owner, forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w
                    FROM public.deal_by_category GROUP BY owner) AS p ORDER BY owner$$, 'expected', 'and gives the same');
RESET enable_sort;

-- Stored totals roll up to the same.
SELECT results_eq($$SELECT forecast_rollup(t)::text, weighted(forecast_rollup(t))::text FROM public.expected$$, 'expected_all',
                  'a rollup of rollups is the rollup');
SELECT results_eq($$SELECT forecast_rollup(t)::text FROM (SELECT forecast_rollup(t) AS t FROM public.expected GROUP BY owner % 7) AS g$$,
                  $$SELECT t::text FROM public.expected_all$$, 'at any depth');

-- Moving windows: taking rows out again equals starting afresh. The scales are mixed, so the server must also restart.
SELECT is(count(*), 0::bigint, 'a moving window of deals')
FROM (SELECT id, forecast_rollup(category, amount) OVER moving AS t, weighted_forecast(category, amount) OVER moving AS w
      FROM public.deal WHERE id <= 1500 WINDOW moving AS (ORDER BY id ROWS BETWEEN 12 PRECEDING AND 5 FOLLOWING)) AS m,
     LATERAL (SELECT forecast_rollup(category, amount) AS t, weighted_forecast(category, amount) AS w
              FROM public.deal AS d WHERE d.id BETWEEN m.id - 12 AND m.id + 5 AND d.id <= 1500) AS afresh
WHERE (m.t::text, m.w::text) IS DISTINCT FROM (afresh.t::text, afresh.w::text);
SELECT is(count(*), 0::bigint, 'a moving window of stored totals, some of them NULL')
FROM (SELECT owner, forecast_rollup(CASE WHEN owner % 40 < 30 THEN t END) OVER moving AS t
      FROM public.expected WHERE owner < 1000 WINDOW moving AS (ORDER BY owner ROWS BETWEEN 4 PRECEDING AND CURRENT ROW)) AS m,
     LATERAL (SELECT forecast_rollup(CASE WHEN e.owner % 40 < 30 THEN e.t END) AS t
              FROM public.expected AS e WHERE e.owner BETWEEN m.owner - 4 AND m.owner) AS afresh
WHERE m.t::text IS DISTINCT FROM afresh.t::text;

-- The stored value: text and binary forms, addition, equality and hash.
SELECT ok(bool_and(t::text::forecast_totals = t AND t::text::forecast_totals::text = t::text), 'the text form round-trips') FROM public.expected;
CREATE TABLE public.expected_copied (LIKE public.expected);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/forecast_totals_test.copy';
BEGIN
  EXECUTE format('COPY public.expected TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.expected_copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT bag_eq('SELECT owner, t::text, w FROM public.expected', 'SELECT owner, t::text, w FROM public.expected_copied', 'binary COPY round-trips');
SELECT ok(bool_and((a.t + b.t)::text = (b.t + a.t)::text AND (a.t = b.t) = (a.t::text = b.t::text)
               AND (a.t <> b.t OR forecast_totals_hash(a.t) = forecast_totals_hash(b.t))
               AND (a.t < b.t) = (b.t > a.t) AND (a.t <= b.t) = NOT (a.t > b.t)), 'sum, equality, hash and order agree with each other')
FROM public.expected AS a, public.expected AS b WHERE b.owner < 20;
SELECT ok(bool_and(amvalidate(oid)) AND count(*) = 2, 'both operator classes are valid')
FROM pg_opclass WHERE opcintype = 'salesops.forecast_totals'::regtype;

SELECT * FROM finish();
ROLLBACK;
