-- The laws of win_cells: exact counts, the same bytes however they were counted.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(47);

-- 40,000 deals: three factors, NULL levels, an empty one, levels that text forms must quote.
CREATE TABLE public.deal AS
SELECT n AS id, ARRAY[(1 + n % 3)::text,
                      (ARRAY['plain', '', NULL, '(unknown)', 'a "quoted" \ one', E'tab\tand\nline\u0001', 'é 中 😀', 'x,y]}', 'NULL'])[1 + n % 9],
                      'rep ' || draw_int(1, 'rep', n, 500)] AS levels,
       ('FY' || 2024 + n % 2 || '-Q' || 1 + n % 4)::fiscal_period AS period, draw(1, 'won', n) < 0.3 AS won
FROM generate_series(1, 40000) AS n;
ANALYZE public.deal;
\set factors 'ARRAY[''to_go'', ''odd "name"'', ''owner'']'

SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TABLE public.expected AS SELECT win_cells(:factors, levels, period, won) AS cells FROM public.deal;
PREPARE expected AS SELECT win_cells_send(cells) FROM public.expected;

-- Against plain SQL.
SELECT bag_eq($$SELECT c.period, c.levels, c.deals, c.wins FROM public.expected, win_cell_counts(cells) AS c$$,
              $$SELECT period, ARRAY[levels[1], coalesce(levels[2], '(unknown)'), levels[3]], count(*) AS deals, count(*) FILTER (WHERE won) AS wins
                FROM public.deal GROUP BY 1, 2$$, 'deals and wins by period and levels; NULL is the level "(unknown)"');
SELECT results_eq($$SELECT period, levels FROM public.expected, win_cell_counts(cells)$$,
                  $$SELECT period, levels FROM public.expected, win_cell_counts(cells)
                    ORDER BY period, levels[1] COLLATE "C", levels[2] COLLATE "C", levels[3] COLLATE "C"$$,
                  'in the order of the period and of the levels'' bytes');
SELECT is(win_cell_factors(cells), ARRAY['to_go', 'odd "name"', 'owner'], 'the factors are kept in their order') FROM public.expected;

-- One answer.
SELECT results_eq($$SELECT win_cells_send(win_cells(ARRAY['to_go', 'odd "name"', 'owner'], levels, period, won ORDER BY id * 7919 % 40009)) FROM public.deal$$,
                  'expected', 'any row order gives the same bytes');
SELECT results_eq($$SELECT win_cells_send(win_cells(cells ORDER BY part DESC))
                    FROM (SELECT id % 7 AS part, win_cells(ARRAY['to_go', 'odd "name"', 'owner'], levels, period, won) AS cells
                          FROM public.deal GROUP BY part) AS p$$, 'expected', 'so do parts that are merged');
SELECT results_eq($$SELECT win_cells_send(win_cells(ARRAY['to_go', 'odd "name"', 'owner'], levels, period, won, not_won))
                    FROM (SELECT levels, period, count(*) FILTER (WHERE won) AS won, count(*) FILTER (WHERE NOT won) AS not_won
                          FROM public.deal GROUP BY levels, period) AS c$$, 'expected', 'and deals counted before');
SELECT results_eq($$SELECT win_cells_send(win_cells(c)) FROM (SELECT cells FROM public.expected UNION ALL SELECT NULL) AS m(c)$$,
                  'expected', 'NULL cells are passed over');
SELECT is((SELECT sum(deals) FROM win_cell_counts(win_cells(cells))), 80000::numeric, 'the same counts twice are twice the counts')
FROM (SELECT cells FROM public.expected UNION ALL SELECT cells FROM public.expected) AS twice;

CREATE TABLE public.other (cells win_cells);
CREATE FUNCTION pg_temp.in_parallel(workers integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  line text;
  is_parallel boolean := false;
BEGIN
  PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
  FOR line IN EXPLAIN (COSTS off) SELECT win_cells(ARRAY['to_go', 'odd "name"', 'owner'], levels, period, won) FROM public.deal LOOP
    is_parallel := is_parallel OR line ~ 'Partial Aggregate';
  END LOOP;
  -- CREATE TABLE AS is parallel, INSERT and cursors are not.
  DROP TABLE public.other;
  CREATE TABLE public.other AS SELECT win_cells(ARRAY['to_go', 'odd "name"', 'owner'], levels, period, won) AS cells FROM public.deal;
  RETURN format('parallel %s, same %s', is_parallel,
                (SELECT win_cells_send(o.cells) = win_cells_send(e.cells) FROM public.other AS o, public.expected AS e));
END;
$$;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0.01;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(pg_temp.in_parallel(workers), format('parallel %s, same t', CASE WHEN workers > 0 THEN 't' ELSE 'f' END), format('%s workers', workers))
FROM unnest(ARRAY[0, 1, 2, 4]) AS workers;
SET LOCAL max_parallel_workers_per_gather = 0;

-- Text and binary.
SELECT ok(cells::text::win_cells::text = cells::text AND win_cells_send(cells::text::win_cells) = win_cells_send(cells), 'text round-trips')
FROM public.expected;
SELECT is((cells::text::jsonb -> 'factors' -> 'to_go')::text, '["1", "2", "3"]', 'and is JSON') FROM public.expected;
CREATE TABLE public.copied (cells win_cells);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/win_cells_test.copy';
BEGIN
  EXECUTE format('COPY public.expected TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT results_eq('SELECT win_cells_send(cells) FROM public.copied', 'expected', 'binary COPY round-trips');
SELECT is('{"factors": {"b": ["y", "x", "unused"], "a": ["1"]}, "cells": {"FY2026-Q2": [[0, 0, 2, 1]], "FY2026-Q1": [[1, 0, 5, 2], [0, 0, 1, 0], [1, 0, 1, 1]]}}'::win_cells::text,
          '{"factors": {"b": ["x", "y"], "a": ["1"]}, "cells": {"FY2026-Q1": [[0, 0, 6, 3], [1, 0, 1, 0]], "FY2026-Q2": [[1, 0, 2, 1]]}}',
          'text in another order is put in order, cells that stand twice are added up, levels without a deal left out');
SELECT is(text::win_cells::text, text, 'no deals, in text') FROM (VALUES ('{"factors": {"a": []}, "cells": {}}')) AS v(text);
SELECT throws_ok(format('SELECT %L::salesops.win_cells', text), '22P02', NULL, 'not win_cells: ' || text)
FROM unnest(ARRAY['', '{}', '{"factors": {}, "cells": {}}', '{"factors": {"a": ["1"]}}', '{"factors": {"a": ["1"]}, "cells": {"FY2026": [[0, 1, 2]]}}',
                  '{"factors": {"a": ["1"]}, "cells": {"FY2026": [[1, 2, 1]]}}', '{"factors": {"a": ["1"]}, "cells": {"FY2026": [[0, -1, 0]]}}',
                  '{"factors": {"a": ["1"]}, "cells": {"FY2026": [[0, 99999999999999999999, 0]]}}', '{"factors": {"a": []}, "cells": {"FY2026": [[0, 2, 1]]}}',
                  '{"factors": {"a": ["1"], "a": ["1"]}, "cells": {}}', '{"factors": {"": ["1"]}, "cells": {}}', '{"factors": {"a": ["\u00"]}, "cells": {}}',
                  '{"factors": {"a": ["1"]}, "cells": {"FY2026-Q5": [[0, 2, 1]]}}', '{"factors": {"a": ["1"]}, "cells": {}} x']) AS text;

-- What is refused, and what is not counted.
SELECT throws_ok($$SELECT win_cells(f, ARRAY['1', '2'], 'FY2026-Q1', true) FROM (VALUES (ARRAY['a', 'b']), (ARRAY['b', 'a'])) AS v(f)$$, '22023',
                 'win_cells of different factors cannot be counted together', 'rows with other factors');
SELECT throws_ok($$SELECT win_cells(c::win_cells) FROM (VALUES ('{"factors": {"a": []}, "cells": {}}'), ('{"factors": {"b": []}, "cells": {}}')) AS v(c)$$,
                 '22023', 'win_cells of different factors cannot be counted together', 'cells of other factors');
SELECT throws_ok($$SELECT win_cells(ARRAY['a'], ARRAY['1', '2'], 'FY2026-Q1', true)$$, '22023', 'levels must be one for each factor', 'too many levels');
SELECT throws_ok($$SELECT win_cells('{}', '{}', 'FY2026-Q1', true)$$, '22023', 'win_cells needs at least one factor', 'no factor');
SELECT throws_ok($$SELECT win_cells(ARRAY['a', NULL], ARRAY['1', '2'], 'FY2026-Q1', true)$$, '22023', 'a factor must have a name', 'a factor without a name');
SELECT throws_ok($$SELECT win_cells(ARRAY['a', 'a'], ARRAY['1', '2'], 'FY2026-Q1', true)$$, '22023', 'factor "a" is named twice', 'a factor twice');
SELECT throws_ok($$SELECT win_cells(ARRAY[['a'], ['b']], ARRAY['1'], 'FY2026-Q1', true)$$, '22023', NULL, 'factors of two dimensions');
SELECT throws_ok($$SELECT win_cells(array_fill('a'::text, '{65}'), array_fill('1'::text, '{65}'), 'FY2026-Q1', true)$$, '22023', NULL, '65 factors');
SELECT throws_ok(format($$SELECT win_cells(%s)$$, arguments), '22004', NULL, arguments)
FROM unnest(ARRAY[$$NULL, ARRAY['1'], 'FY2026-Q1', true$$, $$ARRAY['a'], NULL, 'FY2026-Q1', true$$, $$ARRAY['a'], ARRAY['1'], NULL, true$$]) AS arguments;
SELECT throws_ok($$SELECT win_cells(ARRAY['a'], ARRAY['1'], 'FY2026-Q1', -1, 2)$$, '22003', NULL, 'a negative number of deals');
SELECT throws_ok($$SELECT win_cells(ARRAY['a'], ARRAY['1'], 'FY2026-Q1', 9223372036854775807, 0) FROM generate_series(1, 2)$$, '22003',
                 'number of deals out of range', 'more deals than a bigint holds');
SELECT ok(win_cells(ARRAY['a'], ARRAY['1'], 'FY2026-Q1', true) IS NULL, 'over no rows: NULL') FROM generate_series(1, 0);
SELECT is(win_cells(ARRAY['a'], ARRAY['1'], 'FY2026-Q1', CASE WHEN n > 2 THEN n > 3 END)::text,
          '{"factors": {"a": ["1"]}, "cells": {"FY2026-Q1": [[0, 2, 1]]}}', 'deals of which nobody knows yet are passed over') FROM generate_series(1, 4) AS n;
SELECT is(win_cells(ARRAY['a'], ARRAY['1'], 'FY2026-Q1', NULL::bigint, 3)::text,
          '{"factors": {"a": ["1"]}, "cells": {"FY2026-Q1": [[0, 3, 0]]}}', 'a count that is NULL is none');

SELECT * FROM finish();
ROLLBACK;
