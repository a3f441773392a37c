-- Spread under its three names and two plans side by side, by hand.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
\ir planning_fixture.psql

SELECT pg_temp.plan('one') AS a \gset
-- 3.0 of 2.7, 2.8 of 2.4, 2.5 of 1.2: 111 %, 117 %, 208 %. West has a quota of 2.4 and half of its ramp behind it.
SELECT results_eq(format('SELECT territory_id, quota, round(100 * coverage_before), round(100 * coverage_after) FROM salesops.territory_coverage(%s)', :a),
  $$VALUES ('north', 2.7, 148::numeric, 111::numeric), ('south', 2.4, 75, 117), ('west', 1.20, 208, 208)$$, 'potential over quota x ramp');
-- Mean 1.453704; deviations from it -0.342593, -0.287037, 0.629630; the root of the mean of their squares is 0.445793.
SELECT results_eq(format('SELECT moment, territories, without_quota, round(mean, 6), round(standard_deviation, 6), round(coefficient_of_variation, 6), round(range, 6), verdict FROM salesops.territory_spread(%s)', :a),
  $$VALUES ('before', 3::bigint, 0::bigint, 1.438272, 0.545188, 0.379058, 1.333333, 'over 20 points: a risk that reps leave'),
           ('after', 3, 0, 1.453704, 0.445793, 0.306660, 0.972222, 'over 20 points: a risk that reps leave')$$, 'the three names, before and after');
SELECT throws_ok('SELECT * FROM salesops.territory_spread(-1)', '42704', NULL, 'of a plan that there is not');
SELECT results_eq(format($$SELECT moment, standard_deviation, verdict FROM salesops.territory_spread(%s, 'growth')$$, :a),
  $$VALUES ('before', NULL::numeric, 'unknown: the plan has no measure "growth"'), ('after', NULL, 'unknown: the plan has no measure "growth"')$$, 'an unknown measure is no 0');
UPDATE crm.territory SET quota = NULL WHERE id = 'west';
SELECT pg_temp.plan('no quota in the west') AS q \gset
-- Of 111.11 % and 116.67 % the deviation is 2.78 points.
SELECT results_eq(format($$SELECT territories, without_quota, round(standard_deviation, 4), verdict FROM salesops.territory_spread(%s) WHERE moment = 'after'$$, :q),
  $$VALUES (3::bigint, 1::bigint, 0.0278, 'under 15 points')$$, 'a territory without a quota is left out, and counted');
-- The bars are 15 and 20: with these quotas the two are 16 points off their mean.
UPDATE crm.territory SET quota = CASE id WHEN 'north' THEN 3 / 1.16 WHEN 'south' THEN 2.8 / 0.84 END;
SELECT pg_temp.plan(NULL) AS q \gset
SELECT is((SELECT verdict FROM salesops.territory_spread(:q) WHERE moment = 'after'), '15 to 20 points: over the bar', 'between the two bars');
UPDATE crm.territory SET quota = NULL;
SELECT pg_temp.plan(NULL) AS q \gset
SELECT is((SELECT verdict FROM salesops.territory_spread(:q) WHERE moment = 'after'), 'unknown: no territory has a quota', 'without any quota it is unknown');

UPDATE crm.territory SET quota = 2.4;
UPDATE crm.account SET goes = 'south' WHERE id = 'a1';
SELECT pg_temp.plan('two') AS b \gset
SELECT results_eq(format('SELECT * FROM salesops.territory_plan_differences(%s, %s)', :a, :b), $$VALUES (NULL::text, 'a1', 'north', 'north', 'south', 'both')$$, 'one account differs');
SELECT salesops.plan_territories('SELECT id, territory, goes AS locked_to, potential FROM crm.account WHERE id <> ''a6''', 'SELECT id FROM crm.territory', '{"measures": {"potential": 0.9}}') AS c \gset
SELECT results_eq(format('SELECT account_id, territory_a, territory_b, is_in FROM salesops.territory_plan_differences(%s, %s)', :b, :c), $$VALUES ('a6', 'west', NULL, 'a')$$, 'one is in the first only');
SELECT results_eq(format('SELECT account_id, territory_a, territory_b, is_in FROM salesops.territory_plan_differences(%s, %s)', :c, :b), $$VALUES ('a6', NULL, 'west', 'b')$$, '... or in the second');
SELECT results_eq(format($$SELECT figure, value_a, value_b, difference FROM salesops.compare_territory_plans(%s, %s) WHERE territory_id IS NULL AND figure LIKE 'accounts%%' ORDER BY 1$$, :a, :b),
  $$VALUES ('accounts', 6::float8, 6::float8, 0::float8), ('accounts moved', 1, 2, 1), ('accounts that differ', NULL, NULL, 1)$$, 'accounts in all');
SELECT results_eq(format($$SELECT territory_id, figure, measure, round(value_a::numeric, 6), round(value_b::numeric, 6) FROM salesops.compare_territory_plans(%s, %s)
                          WHERE territory_id IN ('north', 'south') AND measure IS DISTINCT FROM 'workload' AND figure <> 'distance'$$, :a, :b),
  $$VALUES ('north', 'accounts', NULL, 2.0, 1.0), ('north', 'moved in', NULL, 0, 0), ('north', 'moved out', NULL, 1, 2), ('north', 'load', 'potential', 3, 1.5), ('north', 'share of target', 'potential', 1, 0.5),
           ('south', 'accounts', NULL, 2, 3), ('south', 'moved in', NULL, 1, 2), ('south', 'moved out', NULL, 0, 0), ('south', 'load', 'potential', 2.8, 4.3), ('south', 'share of target', 'potential', 0.933333, 1.433333)$$,
  'territory by territory, measure by measure');
SELECT results_eq(format($$SELECT figure, value_a IS NOT NULL, round(value_a::numeric, 6) FROM salesops.compare_territory_plans(%s, %s) WHERE territory_id IS NULL AND measure = 'potential'$$, :a, :b),
  $$VALUES ('coefficient of variation', true, 0.306660), ('range', true, 0.972222), ('standard deviation', true, 0.445793)$$, 'and the spread');
SELECT is_empty(format('SELECT * FROM salesops.compare_territory_plans(%1$s, %1$s) WHERE difference <> 0 OR figure <> ''accounts that differ'' AND value_a IS DISTINCT FROM value_b', :b), 'a plan differs in nothing from itself');
SELECT set_eq(format('SELECT territory_id, figure, measure, value_a, value_b, -difference FROM salesops.compare_territory_plans(%s, %s) WHERE figure <> ''accounts that differ''', :a, :c),
              format('SELECT territory_id, figure, measure, value_b, value_a, difference FROM salesops.compare_territory_plans(%s, %s) WHERE figure <> ''accounts that differ''', :c, :a), 'the other way round it is the other way round');
SELECT throws_ok(format('SELECT * FROM salesops.compare_territory_plans(%s, -1)', :a), '42704', NULL, 'with a plan that there is not');
SELECT results_eq($$SELECT salesops.territory_gap(110, 100, 0), salesops.territory_gap(110, 100, 0.1), salesops.territory_gap(0, 0, 0), salesops.territory_gap(0, -1, 0)$$,
  $$VALUES (10::float8 / 110, NULL::float8, 0::float8, NULL::float8)$$, 'the gap, where there is one');

SELECT * FROM finish();
ROLLBACK;
