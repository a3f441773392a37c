-- Books, counts and models as values: equal where they say the same, however they were made; compared, grouped, hashed and sorted.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(34);

CREATE TEMP TABLE deal AS
  SELECT i, round((1 + 999 * draw(3, 'amount', i) ^ 3)::numeric, 2) AS amount, round((0.02 + 0.9 * draw(3, 'probability', i))::numeric, 3)::float8 AS probability,
         ARRAY['owner ' || i % 7, CASE WHEN i % 11 = 0 THEN NULL ELSE 'segment ' || i % 3 END] AS levels,
         'FY2026-Q1'::fiscal_period + i % 4 AS period, draw(3, 'won', i) < 0.3 AS won
  FROM generate_series(1, 900) AS i;

-- Each value twice: as it comes from all deals at once, and put together in another way; and one that differs in a single deal.
CREATE TEMP TABLE book AS
  SELECT bookings(amount, probability, 0.05) AS a,
         (SELECT bookings(part ORDER BY k DESC) FROM (SELECT i % 5 AS k, bookings(amount, probability, 0.05 ORDER BY amount) AS part FROM deal GROUP BY 1) AS p) AS b,
         bookings(amount + CASE i WHEN 900 THEN 0.001 ELSE 0 END, probability, 0.05) AS other
  FROM deal;
CREATE TEMP TABLE cells AS
  SELECT win_cells(ARRAY['owner', 'segment'], levels, period, won ORDER BY i) AS a,
         (SELECT win_cells(part ORDER BY k DESC) FROM (SELECT i % 5 AS k, win_cells(ARRAY['owner', 'segment'], levels, period, won ORDER BY i DESC) AS part FROM deal GROUP BY 1) AS p) AS b,
         win_cells(ARRAY['owner', 'segment'], levels, period, won <> (i = 900)) AS other
  FROM deal;
CREATE TEMP TABLE model AS SELECT fit_win_model(a) AS a, fit_win_model(b) AS b, fit_win_model(other) AS other FROM cells;
-- As C makes them of text and of bytes.
SELECT ok(a = b AND NOT a <> b AND a::text = b::text AND bookings_distribution_send(a) = bookings_distribution_send(b), 'the same deals are the same book') FROM book;
SELECT ok(a = b AND NOT a <> b AND a::text = b::text AND win_cells_send(a) = win_cells_send(b), 'the same counts are the same cells') FROM cells;
SELECT ok(a = b AND NOT a <> b AND a::text = b::text AND win_model_send(a) = win_model_send(b), 'the same counts teach the same model') FROM model;
SELECT ok(a <> other AND NOT a = other, 'one thousandth of one deal makes another book') FROM book;
SELECT ok(a <> other AND NOT a = other, 'one win makes other cells') FROM cells;
SELECT ok(a <> other AND NOT a = other, 'and another model') FROM model;
SELECT is(a::text::bookings_distribution, a, 'text comes back as the same book') FROM book;
SELECT is(a::text::win_cells, a, 'the same cells') FROM cells;
SELECT is(a::text::win_model, a, 'the same model') FROM model;

-- One value, written in several ways.
SELECT is('2 deals; open 1000@0.3 2500.5@0.25'::bookings_distribution, '2  DEALS; correlation 0; base -0; open 2500.500@0.250 1000.0@.3', 'a book in other words');
SELECT is('2 deals; correlation -0; open 1000@0.3 2500.5@0.25'::bookings_distribution, '2 deals; open 2500.5@0.25 1000@0.3', 'there is one zero only');
SELECT is('{"factors": {"owner": ["Ben", "Ann", "nobody"]}, "cells": {"FY2026-Q1": [[0, 2, 1], [1, 5, 2], [0, 1, 1]]}}'::win_cells,
          '{"factors":{"owner":["Ann","Ben"]},"cells":{"FY2026-Q1":[[0,5,2],[1,3,2]]}}', 'cells in other words');
SELECT is(replace(m, '"shift": 0', '"shift": -0.0')::win_model, m::win_model, 'a model with the other zero')
FROM (SELECT fit_win_model(win_cells(ARRAY['owner'], ARRAY['Ann'], 'FY2026-Q1', i = 1))::text FROM generate_series(1, 3) AS i) AS v (m);

-- What SQL does with it, for each type: a, b equal, other not.
CREATE FUNCTION pg_temp.laws(type text, tab text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  found bigint[];
  setting text;
BEGIN
  EXECUTE format('CREATE TEMP TABLE v_%1$s AS SELECT 1 AS place, a AS v FROM pg_temp.%1$s UNION ALL SELECT 2, b FROM pg_temp.%1$s UNION ALL SELECT 3, other FROM pg_temp.%1$s', tab);
  FOREACH setting IN ARRAY '{enable_hashagg,enable_sort}'::text[] LOOP
    PERFORM set_config('enable_hashagg', 'on', true), set_config('enable_sort', 'on', true), set_config(setting, 'off', true);
    EXECUTE format($q$ SELECT ARRAY[(SELECT count(*) FROM (SELECT DISTINCT v FROM pg_temp.v_%1$s) AS d), (SELECT count(*) FROM (SELECT v FROM pg_temp.v_%1$s GROUP BY v) AS g),
                        (SELECT count(*) FROM (SELECT v FROM pg_temp.v_%1$s UNION SELECT v FROM pg_temp.v_%1$s) AS u),
                        (SELECT count(*) FROM (SELECT v FROM pg_temp.v_%1$s WHERE place = 1 EXCEPT SELECT v FROM pg_temp.v_%1$s WHERE place = 2) AS e),
                        (SELECT count(*) FROM (SELECT v FROM pg_temp.v_%1$s WHERE place = 3 EXCEPT SELECT v FROM pg_temp.v_%1$s WHERE place < 3) AS e)] $q$, tab) INTO found;
    RETURN NEXT is(found, '{2,2,2,0,1}'::bigint[], format('%s: DISTINCT, GROUP BY, UNION, EXCEPT, %s off', type, setting));
  END LOOP;
  PERFORM set_config('enable_sort', 'on', true);
  FOREACH setting IN ARRAY '{enable_hashjoin,enable_mergejoin}'::text[] LOOP
    PERFORM set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true), set_config(setting, 'off', true);
    EXECUTE format('SELECT ARRAY[count(*)] FROM pg_temp.v_%1$s AS x JOIN pg_temp.v_%1$s AS y USING (v)', tab) INTO found;
    RETURN NEXT is(found, '{5}'::bigint[], format('%s: joined, %s off', type, setting));
  END LOOP;
  -- One and only one of <, =, > holds; <=, >= and <> are what they say; hashes of equal values are equal.
  EXECUTE format($q$ SELECT ARRAY[count(*)] FROM pg_temp.v_%1$s AS x, pg_temp.v_%1$s AS y
                     WHERE (x.v < y.v)::integer + (x.v = y.v)::integer + (x.v > y.v)::integer <> 1 OR (x.v < y.v) <> (y.v > x.v) OR (x.v <= y.v) <> NOT (x.v > y.v)
                        OR (x.v >= y.v) <> NOT (x.v < y.v) OR (x.v <> y.v) = (x.v = y.v)
                        OR (x.v = y.v AND (salesops.%2$s_hash(x.v) <> salesops.%2$s_hash(y.v) OR salesops.%2$s_hash_extended(x.v, 7) <> salesops.%2$s_hash_extended(y.v, 7)))
                        OR (x.v <> y.v AND salesops.%2$s_hash_extended(x.v, 7) = salesops.%2$s_hash_extended(y.v, 7)) $q$, tab, type) INTO found;
  RETURN NEXT is(found, '{0}'::bigint[], type || ': the operators agree with each other and with the hashes');
  EXECUTE format($q$ SELECT ARRAY[count(*)] FROM pg_temp.v_%1$s WHERE (salesops.%2$s_hash_extended(v, 0) & 4294967295) <> (salesops.%2$s_hash(v)::bigint & 4294967295) $q$, tab, type) INTO found;
  RETURN NEXT is(found, '{0}'::bigint[], type || ': the hash is the low half of that with seed 0');
  EXECUTE format($q$ SELECT ARRAY[(v = (SELECT w FROM (SELECT (ARRAY[x.v])[1] AS w FROM pg_temp.v_%1$s AS x WHERE place = 2 OFFSET 0) AS o))::integer] FROM pg_temp.v_%1$s WHERE place = 1 $q$, tab) INTO found;
  RETURN NEXT is(found, '{1}'::bigint[], type || ': stored, compressed or in an array, a value is the same');
END $$;
SELECT pg_temp.laws('bookings_distribution', 'book');
SELECT pg_temp.laws('win_cells', 'cells');
SELECT pg_temp.laws('win_model', 'model');

SELECT * FROM finish();
ROLLBACK;
