-- Levels of factors at their edges, marks and periods, and what a user chose.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(28);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
SET LOCAL timezone = 'Asia/Kathmandu';

SELECT results_eq($$SELECT d, salesops.age_level(d) FROM unnest(ARRAY[NULL, -1, 0, 7, 8, 14, 15, 30, 31, 45, 46, 90, 91, 120, 121, 140, 141, 180, 181, 270, 271, 365, 366, 730, 731, 99999]) WITH ORDINALITY u(d, n) ORDER BY n$$,
  $$VALUES (NULL::integer, NULL), (-1, NULL), (0, '0-7 days'), (7, '0-7 days'), (8, '8-14 days'), (14, '8-14 days'), (15, '15-30 days'), (30, '15-30 days'), (31, '31-45 days'), (45, '31-45 days'), (46, '46-60 days'),
      (90, '76-90 days'), (91, '91-105 days'), (120, '106-120 days'), (121, '121-140 days'), (140, '121-140 days'), (141, '141-180 days'), (180, '141-180 days'), (181, '181-270 days'), (270, '181-270 days'),
      (271, '271-365 days'), (365, '271-365 days'), (366, '366-730 days'), (730, '366-730 days'), (731, 'over 730 days'), (99999, 'over 730 days')$$, 'ages');
SELECT results_eq($$SELECT d, salesops.idle_level(d) FROM unnest(ARRAY[NULL, -1, 0, 7, 8, 14, 15, 30, 31, 60, 61, 90, 91]) WITH ORDINALITY u(d, n) ORDER BY n$$,
  $$VALUES (NULL::integer, NULL), (-1, NULL), (0, '0-7 days'), (7, '0-7 days'), (8, '8-14 days'), (14, '8-14 days'), (15, '15-30 days'), (30, '15-30 days'), (31, '31-60 days'), (60, '31-60 days'), (61, '61-90 days'), (90, '61-90 days'), (91, 'over 90 days')$$, 'idle days');
SELECT results_eq($$SELECT a, salesops.amount_level(a) FROM unnest(ARRAY[NULL, -0.01, 0, 0.99, 1, 2, 4.99, 5, 999.99, 1000, 19999.99, 20000, 1e9, 1e15, 1e400, 'NaN', '-Infinity']::numeric[]) WITH ORDINALITY u(a, n) ORDER BY n$$,
  $$VALUES (NULL::numeric, NULL), (-0.01, 'under 0'), (0, '0'), (0.99, 'under 1'), (1, '1-2'), (2, '2-5'), (4.99, '2-5'), (5, '5-10'), (999.99, '500-1,000'), (1000, '1,000-2,000'), (19999.99, '10,000-20,000'), (20000, '20,000-50,000'),
      (1e9, 'over 1,000,000,000'), (1e15, 'over 1,000,000,000'), (1e400, 'over 1,000,000,000'), ('NaN', 'over 1,000,000,000'), ('-Infinity', 'under 0')$$, 'amounts');
SELECT results_eq($$SELECT salesops.push_level(p) FROM unnest(ARRAY[NULL, 0, 1, 2, 3, 44]) WITH ORDINALITY u(p, n) ORDER BY n$$, $$VALUES (NULL), ('0'), ('1'), ('2'), ('3 or more'), ('3 or more')$$, 'pushes');
SELECT results_eq($$SELECT salesops.due_level(d, '2026-03-31', '2026-06-30', '2026-09-30') FROM unnest('{NULL,2026-03-31,2026-04-01,2026-06-30,2026-07-01,2026-09-30,2026-10-01}'::date[]) WITH ORDINALITY u(d, n) ORDER BY n$$,
  $$VALUES (NULL), ('overdue'), ('in the period'), ('in the period'), ('in the next period'), ('in the next period'), ('later')$$, 'close dates');
SELECT is(cardinality(salesops.win_levels(3, 1, 's', 'Commit', 'd', 1, 'g', 'i', 'p', 't', 'l', 'r', 'm', 'o', 0, 0)), cardinality(salesops.standard_win_factors()), 'a level for every standard factor');
SELECT is((SELECT string_agg(f || '=' || coalesce(l, '?'), ' ' ORDER BY n) FROM ROWS FROM (unnest(salesops.standard_win_factors()), unnest(salesops.win_levels(3, 1, 's', 'Commit', 'd', 1, 'g', 'i', 'p', 't', 'l', 'r', 'm', 'o', 0, NULL))) WITH ORDINALITY u(f, l, n)),
  'to_go=3 age=0-7 days stage=s category=Commit due=d amount=1-2 segment=g industry=i product=p deal_type=t source=l region=r team=m owner=o pushes=0 idle=?', 'each at its place');

SELECT is(salesops.pick_levels(ARRAY['a', NULL, 'c'], ARRAY[3, 2, 1, 3]), ARRAY['c', NULL, 'a', 'c'], 'levels are picked by place');
SELECT is(salesops.pick_levels(ARRAY['a'], '{}'), '{}', 'none are none');
SELECT throws_ok($$SELECT salesops.pick_levels(ARRAY['a'], ARRAY[2])$$, '2202E', 'there is no level at place 2');
SELECT throws_ok($$SELECT salesops.pick_levels(ARRAY['a'], ARRAY[NULL::integer])$$, '2202E', 'there is no level at place 0');

-- Marks end with the last day of a month in the zone of the setting, also where the clocks change.
SELECT salesops.set_setting('time_zone', 'America/New_York');
SELECT is(salesops.marks('2026-02-28', '2026-05-01'), '{2026-03-01 04:59:59.999999+00,2026-04-01 03:59:59.999999+00,2026-05-01 03:59:59.999999+00}'::timestamptz[], 'the marks of February, March and April');
SELECT is(salesops.marks('2026-03-01', '2026-03-31'), '{}', 'the last day of March is not before itself');
SELECT is(salesops.marks('2026-03-31', '2026-04-01'), '{2026-04-01 03:59:59.999999+00}', 'and is the mark of March');
SELECT is(salesops.marks('2026-04-01', '2026-03-01'), '{}', 'backwards there is none');
SELECT is(salesops.marks(NULL, '2026-03-01'), '{}', 'from nowhere neither');
SELECT throws_ok($$SELECT salesops.marks('-infinity', '2026-03-01')$$, '22023', 'cannot look at the months from -infinity to 2026-03-01');
SELECT throws_ok($$SELECT salesops.marks('1026-03-01', '2026-03-01')$$, '22023', 'cannot look at the months from 1026-03-01 to 2026-03-01');
SELECT is(salesops.period_after('2026-04-01 03:59:59.999999+00')::text, 'FY2026-Q2', 'the period begins after the mark');
SELECT is(salesops.period_after('2026-06-29 12:00+00')::text, 'FY2026-Q2', 'or runs');
SELECT results_eq($$SELECT salesops.months_to_go(m, 'FY2026-Q2') FROM unnest(salesops.marks('2026-02-01', '2026-07-01')) m$$, $$VALUES (4::float8), (3), (2), (1), (0)$$, 'months to go are whole at marks');
SELECT is(round(salesops.months_to_go('2026-05-10 12:00+00', 'FY2026-Q2')::numeric, 6), round(1 + 22 / 31.0, 6), 'and go down by days in between, a day that has begun still ahead');
SELECT salesops.set_setting('fiscal_year_start_month', '2');
SELECT is(salesops.period_after('2026-05-01 03:59:59.999999+00')::text, 'FY2027-Q2', 'a fiscal year that begins in February');
SELECT results_eq($$SELECT salesops.months_to_go(m, salesops.period_after(m)) FROM unnest(salesops.marks('2026-04-01', '2026-08-01')) m$$, $$VALUES (3::float8), (2), (1), (3)$$, '... has its own quarters');

SELECT is(salesops.win_factors(), salesops.standard_win_factors(), 'the standard factors, while nobody chose');
SELECT salesops.set_win_factor('partner', valid_from => '2026-01-01'), salesops.set_win_factor('segment', 'deal_segment', valid_from => '2026-01-01'), salesops.set_win_factor('region', is_used => false, valid_from => '2026-02-01'),
       salesops.set_win_factor('partner', is_used => false, valid_from => '2026-03-01');
SELECT results_eq($$SELECT d, array_to_string(salesops.win_factors(d::timestamptz), ' ') FROM unnest(ARRAY['2025-12-31', '2026-01-02', '2026-02-02', '2026-03-02']) d ORDER BY 1$$,
  $$VALUES ('2025-12-31', 'to_go age stage category due amount segment industry product deal_type source region team owner pushes idle'),
      ('2026-01-02', 'to_go age stage category due amount segment industry product deal_type source region team owner pushes idle partner'),
      ('2026-02-02', 'to_go age stage category due amount segment industry product deal_type source team owner pushes idle partner'),
      ('2026-03-02', 'to_go age stage category due amount segment industry product deal_type source team owner pushes idle')$$, 'then what was chosen, from its instant on');
SELECT throws_ok($$SELECT salesops.set_win_factor('age', is_used => false)$$, '22023', 'factor "age" cannot be changed');
SELECT throws_ok($$SELECT salesops.set_win_factor('')$$, '22023', 'a factor needs a name, whether it is used, and from when on');
SELECT * FROM finish();
ROLLBACK;
