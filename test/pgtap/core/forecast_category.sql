-- The laws of forecast_category: whatever plan the server picks, the order of confidence holds.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(32);

CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  lines text := '';
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
    lines := lines || line || E'\n';
  END LOOP;
  RETURN lines;
END;
$$;

-- Two thousand deals of each category and as many without one, in no order.
CREATE TABLE public.deal AS
SELECT n AS id, c.category, c.label, c.rank
FROM generate_series(1, 2000) AS n,
     (SELECT category, label, rank FROM salesops.forecast_categories() UNION ALL SELECT NULL, NULL, NULL) AS c
ORDER BY (n * 7919) % 2003, c.rank;
CREATE INDEX deal_category ON public.deal (category);
ANALYZE public.deal;

-- Order: every operator agrees with the rank, for all 49 pairs.
CREATE TEMP VIEW pair AS
SELECT a.category AS a, b.category AS b, a.rank AS ra, b.rank AS rb
FROM salesops.forecast_categories() AS a, salesops.forecast_categories() AS b;
SELECT is(count(*), 49::bigint, '49 pairs') FROM pair;
SELECT ok(bool_and((a OPERATOR(salesops.<) b) = (ra < rb) AND (a OPERATOR(salesops.<=) b) = (ra <= rb)
               AND (a OPERATOR(salesops.=) b) = (ra = rb) AND (a OPERATOR(salesops.<>) b) = (ra <> rb)
               AND (a OPERATOR(salesops.>=) b) = (ra >= rb) AND (a OPERATOR(salesops.>) b) = (ra > rb)),
          'the six operators order as the rank does') FROM pair;
SELECT ok(bool_and(sign(salesops.forecast_category_cmp(a, b)) = sign(ra - rb)), 'so does the btree comparison') FROM pair;
SELECT ok(bool_and((a OPERATOR(salesops.=) b) = (salesops.forecast_category_hash(a) = salesops.forecast_category_hash(b))),
          'equal categories, and only they, have equal hashes') FROM pair;
SELECT ok(bool_and((salesops.forecast_category_hash_extended(category, 0) & 4294967295)
                   = (salesops.forecast_category_hash(category)::bigint & 4294967295)),
          'the seeded hash without a seed is the plain hash') FROM salesops.forecast_categories();
SELECT is(count(DISTINCT salesops.forecast_category_hash_extended(category, 42)), 7::bigint, 'the seeded hash keeps them apart')
FROM salesops.forecast_categories();
SELECT ok(bool_and(label::salesops.forecast_category::text = label AND category::smallint = rank), 'label and rank round-trip')
FROM salesops.forecast_categories();
SELECT ok(bool_and(salesops.recognize_forecast_category(upper(replace(label, ' ', '_'))) OPERATOR(salesops.=) category),
          'the upper-case spelling of each is recognised') FROM salesops.forecast_categories();

-- Operator classes and planner facts.
SELECT ok(bool_and(amvalidate(oid)) AND count(*) = 2, 'both operator classes are valid')
FROM pg_opclass WHERE opcintype = 'salesops.forecast_category'::regtype;
SELECT ok(bool_and(proleakproof AND proparallel = 's' AND provolatile = 'i'), 'comparisons are leakproof, parallel safe, immutable')
FROM pg_proc WHERE oid IN (SELECT oprcode FROM pg_operator WHERE oprleft = 'salesops.forecast_category'::regtype);

-- Sort, group, join and look up with an empty search_path, by every method.
CREATE TEMP TABLE seen (what text, answer text);
DO $$
DECLARE
  how text;
BEGIN
  PERFORM set_config('search_path', '', true);
  FOREACH how IN ARRAY ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_nestloop'] LOOP
    PERFORM set_config(m, CASE WHEN m = how THEN 'on' ELSE 'off' END, true)
      FROM unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_nestloop']) AS m;
    INSERT INTO pg_temp.seen
      SELECT how, count(*) FROM public.deal AS d JOIN salesops.forecast_categories() AS c ON d.category OPERATOR(salesops.=) c.category;
    IF how <> 'enable_nestloop' THEN
      INSERT INTO pg_temp.seen SELECT how || ' plan', pg_temp.plan_of(
        'SELECT 1 FROM public.deal AS d JOIN salesops.forecast_categories() AS c ON d.category OPERATOR(salesops.=) c.category');
    END IF;
  END LOOP;
  PERFORM set_config(m, 'on', true) FROM unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_nestloop']) AS m;

  PERFORM set_config('enable_hashagg', 'off', true);
  INSERT INTO pg_temp.seen SELECT 'sorted groups', string_agg(category || ' ' || n, ', ' ORDER BY category)
    FROM (SELECT category, count(*) AS n FROM public.deal GROUP BY category) AS g;
  PERFORM set_config('enable_hashagg', 'on', true), set_config('enable_sort', 'off', true);
  INSERT INTO pg_temp.seen SELECT 'hashed groups', string_agg(category || ' ' || n, ', ' ORDER BY category)
    FROM (SELECT category, count(*) AS n FROM public.deal GROUP BY category) AS g;
  PERFORM set_config('enable_sort', 'on', true);
  INSERT INTO pg_temp.seen SELECT 'extremes', salesops.max(category) || ' ' || salesops.min(category) FROM public.deal;
  INSERT INTO pg_temp.seen SELECT 'distinct', count(DISTINCT category) FROM public.deal;
  INSERT INTO pg_temp.seen
    SELECT 'sorted', bool_and(before IS NULL OR before <= rank)
    FROM (SELECT rank, lag(rank) OVER (ORDER BY category) AS before FROM public.deal WHERE category IS NOT NULL) AS s;
  PERFORM set_config('search_path', 'public', true);
END;
$$;
SELECT is(answer, '14000', 'join by ' || what) FROM seen WHERE what LIKE 'enable%' AND what NOT LIKE '% plan' ORDER BY what;
SELECT ok((SELECT answer FROM seen WHERE what = 'enable_hashjoin plan') LIKE '%Hash Join%'
          AND (SELECT answer FROM seen WHERE what = 'enable_mergejoin plan') LIKE '%Merge Join%', 'the joins were what they say');
SELECT is(answer, 'Omitted 2000, Upside 2000, Pipeline 2000, Best Case 2000, Most Likely 2000, Commit 2000, Closed 2000', what)
FROM seen WHERE what LIKE '% groups' ORDER BY what;
SELECT is(answer, 'Closed Omitted', 'max and min') FROM seen WHERE what = 'extremes';
SELECT is(answer || (SELECT answer FROM seen WHERE what = 'sorted'), '7true', 'distinct and sort') FROM seen WHERE what = 'distinct';

-- Index use: by a bound varchar, and for max.
SET LOCAL search_path = salesops, public;
PREPARE by_category(varchar) AS SELECT count(*) FROM public.deal WHERE category = $1;
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_seqscan = off;
SELECT matches(pg_temp.plan_of('EXECUTE by_category(''FORECAST'')'), 'Index Cond: \(category = \(?\$1', 'a bound varchar uses the index');
SELECT results_eq('EXECUTE by_category(''FORECAST'')', ARRAY[2000::bigint], 'and finds the deals');
SELECT matches(pg_temp.plan_of('SELECT max(category) FROM public.deal'), 'Index Only Scan Backward', 'max reads one end of the index');

-- Binary: through COPY and back, and bytes that are no category.
CREATE TABLE public.deal_copied (LIKE public.deal);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/forecast_category_test.copy';
BEGIN
  EXECUTE format('COPY public.deal TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.deal_copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT bag_eq('TABLE public.deal', 'TABLE public.deal_copied', 'binary COPY round-trips');
CREATE TABLE public.binary_in (category salesops.forecast_category);
SELECT throws_ok(format(
  $q$COPY public.binary_in FROM PROGRAM $p$printf 'PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\001%s\377\377'$p$ WITH (FORMAT binary)$q$,
  byte), '22P03', NULL, 'binary byte ' || byte || ' is refused')
FROM unnest(ARRAY['\000', '\013', '\120']) AS byte;

-- From 16 on a bad value can be asked about instead of raising an error; all our types can.
CREATE FUNCTION pg_temp.input_is_valid(value text, type text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  answer boolean;
BEGIN
  EXECUTE 'SELECT pg_input_is_valid($1, $2)' INTO answer USING value, type;
  RETURN answer;
END;
$$;
SELECT CASE WHEN current_setting('server_version_num')::int >= 160000
            THEN is(pg_temp.input_is_valid(value, 'salesops.' || type), valid, format('"%s" as %s', value, type))
            ELSE skip('soft errors came with PostgreSQL 16') END
FROM (VALUES ('best_case', 'forecast_category', true), ('Comit', 'forecast_category', false),
             ('FY2026-Q4', 'fiscal_period', true), ('FY26', 'fiscal_period', false),
             ('Commit: 5 (1 deal)', 'forecast_totals', true), ('Commit: 5', 'forecast_totals', false),
             ('Commit: five (1 deal)', 'forecast_totals', false)) AS v (value, type, valid);

SELECT * FROM finish();
ROLLBACK;
