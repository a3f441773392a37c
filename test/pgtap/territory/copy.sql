-- A plan planned anew: the same again, with other options, and as if something were different.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(39);

-- Twelve accounts of one potential along a line, four to a home.
CREATE TEMP TABLE account AS SELECT 'a' || lpad(i::text, 2, '0') AS id, (ARRAY['left', 'middle', 'right'])[(i + 3) / 4] AS territory, 1 AS potential, i * 10 AS x, 0 AS y, i = 5 AS locked,
  CASE WHEN i > 8 THEN ARRAY['new'] ELSE '{}' END AS tags, CASE i WHEN 1 THEN 'exempt' WHEN 2 THEN 'eligible' WHEN 3 THEN 'ineligible' END AS holdout FROM generate_series(1, 12) i;
CREATE TEMP TABLE home AS SELECT * FROM (VALUES ('left', 25, 0, 1, 100), ('middle', 65, 0, 1, 200), ('right', 105, 0, 1, 300)) v(id, x, y, ramp, quota);
CREATE TEMP TABLE made AS SELECT salesops.plan_territories('TABLE account', 'TABLE home', '{"as_of": "2026-06-30", "effort": 0.1, "tolerance": 0.5, "name": "base"}') AS base;

CREATE FUNCTION pg_temp.same(a bigint, b bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT 'account ' || account_id FROM (SELECT * FROM salesops.territory_plan_account WHERE plan_id = a) q FULL JOIN (SELECT * FROM salesops.territory_plan_account WHERE plan_id = b) r USING (account_id)
  WHERE to_jsonb(q) - 'plan_id' - 'regret' IS DISTINCT FROM to_jsonb(r) - 'plan_id' - 'regret'
  UNION ALL
  SELECT 'territory ' || territory_id FROM (SELECT * FROM salesops.territory_plan_territory WHERE plan_id = a) q FULL JOIN (SELECT * FROM salesops.territory_plan_territory WHERE plan_id = b) r USING (territory_id)
  WHERE to_jsonb(q) - 'plan_id' - 'price' IS DISTINCT FROM to_jsonb(r) - 'plan_id' - 'price';
$$;
CREATE TEMP TABLE copied AS SELECT salesops.copy_territory_plan(base) AS plan_id FROM made;
SELECT is_empty($$ SELECT pg_temp.same(m.base, c.plan_id) FROM made m, copied c $$, 'a copy is given the same, holds too, and decides the same');
SELECT results_eq($$ SELECT p.copied_from = m.base, p.name, p.as_of = b.as_of, p.cost = b.cost, p.options - 'warm_from' = b.options FROM made m, copied c, salesops.territory_plan p, salesops.territory_plan b
  WHERE p.plan_id = c.plan_id AND b.plan_id = m.base $$, $$ VALUES (true, NULL::text, true, true, true) $$, 'it says what it was copied from, and has no name of its own');
SELECT is((SELECT count(*) FROM copied c, LATERAL salesops.verify_territory_plan(c.plan_id) v WHERE NOT v.ok), 0::bigint, 'and it is what it claims');
CREATE TEMP TABLE wide AS SELECT salesops.copy_territory_plan(base, '{"tolerance": 0.75, "name": "wide"}') AS plan_id FROM made;
SELECT results_eq($$ SELECT p.name, round(t.most[1]::numeric, 9) FROM wide w JOIN salesops.territory_plan p USING (plan_id) JOIN salesops.territory_plan_territory t USING (plan_id) WHERE t.territory_id = 'left' $$,
  $$ VALUES ('wide', round(11.0 / 3 * 1.75, 9)) $$, 'with another tolerance, of all measures');
SELECT ok(salesops.copy_territory_plan(plan_id, '{"measures": {"potential": 1}}') IS NOT NULL, 'of one') FROM wide;
SELECT results_eq($$ SELECT round(t.most[1]::numeric, 9) FROM salesops.territory_plan_territory t WHERE t.plan_id = (SELECT max(plan_id) FROM salesops.territory_plan) AND t.territory_id = 'left' $$,
  $$ VALUES (round(11.0 / 3 * 2, 9)) $$, 'measure');
SELECT throws_ok(format('SELECT salesops.copy_territory_plan(%s, %L)', base, o.options), '22023', o.message, o.message) FROM made,
  (VALUES ('{"measures": {"workload": 1}}', NULL), ('{"proportional_to": "quota"}', NULL), ('{"measures": {"potential": {"proportional_to": "quota"}}}', NULL), ('{"tolerence": 1}', 'unknown option "tolerence"'),
          ('[]', 'options must be a JSON object, and so must its measures')) o(options, message);
SELECT throws_ok('SELECT salesops.copy_territory_plan(-1)', '42704', NULL, 'there is no such plan');

-- The middle leaves: its lock is open, its four go left and right, and nobody else moves.
CREATE TEMP TABLE left_alone AS SELECT salesops.simulate_territories(base, '{"leaves": ["middle"]}', '{"name": "middle leaves"}') AS plan_id FROM made;
SELECT results_eq($$ SELECT l.account_id, l.to_territory FROM left_alone p, LATERAL salesops.territory_plan_lines(p.plan_id) l WHERE l.is_moved $$,
  $$ VALUES ('a05', 'left'), ('a06', 'left'), ('a07', 'right'), ('a08', 'right') $$, 'who was with him goes to who is nearer, and only they');
SELECT is((SELECT count(*) FROM salesops.territory_plan_territory JOIN left_alone USING (plan_id)), 2::bigint, 'two are left');
SELECT is((SELECT budget_used[1] FROM salesops.territory_plan JOIN left_alone USING (plan_id)), 0::double precision, 'nobody lost a representative who is there');
SELECT is((SELECT count(*) FROM left_alone c, LATERAL salesops.verify_territory_plan(c.plan_id) v WHERE NOT v.ok), 0::bigint, 'and it is what it claims');

-- Somebody like the right one joins with half a ramp: shares 1, 1, 1 and a half.
CREATE TEMP TABLE joined AS SELECT salesops.simulate_territories(base, '{"joins": [{"id": "young", "like": "right", "ramp": 0.5, "tags": ["german"]}]}') AS plan_id FROM made;
SELECT results_eq($$ SELECT territory_id, share[1], ramp, x, tags, quota FROM salesops.territory_plan_territory JOIN joined USING (plan_id) ORDER BY 1 $$,
  $$ VALUES ('left', 1::double precision, 1::double precision, 25::double precision, '{}'::text[], 100::numeric), ('middle', 1, 1, 65, '{}', 200), ('right', 1, 1, 105, '{}', 300), ('young', 0.5, 0.5, 105, '{german}', 300) $$,
  'has his home and half his share');
SELECT is((SELECT round(sum(target[1])::numeric, 9) FROM salesops.territory_plan_territory JOIN joined USING (plan_id)), 11::numeric, 'targets add up to what counts');
-- The left one has a ramp of a half, then all of it again.
CREATE TEMP TABLE ramped AS SELECT salesops.simulate_territories(base, '{"ramps": {"left": 0.5}}') AS half FROM made;
SELECT results_eq($$ SELECT share[1], ramp FROM salesops.territory_plan_territory JOIN ramped ON plan_id = half WHERE territory_id = 'left' $$, $$ VALUES (0.5::double precision, 0.5::double precision) $$, 'half a ramp');
CREATE TEMP TABLE whole AS SELECT salesops.simulate_territories(half, '{"ramps": {"left": 1}}') AS plan_id FROM ramped;
SELECT results_eq($$ SELECT share[1], ramp FROM salesops.territory_plan_territory JOIN whole USING (plan_id) WHERE territory_id = 'left' $$, $$ VALUES (1::double precision, 1::double precision) $$, 'and a whole one');
-- What is new grows by a half.
CREATE TEMP TABLE shifted AS SELECT salesops.simulate_territories(base, '{"shifts": [{"measure": "potential", "factor": 1.5, "tags": ["new"]}, {"measure": "potential", "factor": 2, "tags": []}]}') AS plan_id FROM made;
SELECT results_eq($$ SELECT a.amount[1], count(*) FROM salesops.territory_plan_account a JOIN shifted USING (plan_id) GROUP BY 1 ORDER BY 1 $$, $$ VALUES (2::double precision, 8::bigint), (3, 4) $$, 'by tags, one after the other');

-- A factor is what was written, however short numbers are to be printed.
SET LOCAL extra_float_digits = -12;
CREATE TEMP TABLE precise AS SELECT salesops.simulate_territories(base, '{"shifts": [{"measure": "potential", "factor": 1.00000001, "tags": []}], "ramps": {"left": 0.70000001}}') AS plan_id FROM made;
RESET extra_float_digits;
SELECT results_eq($$ SELECT DISTINCT a.amount[1], t.ramp FROM salesops.territory_plan_account a JOIN precise USING (plan_id) JOIN salesops.territory_plan_territory t USING (plan_id) WHERE t.territory_id = 'left' $$,
  $$ VALUES (1.00000001::double precision, 0.70000001::double precision) $$, 'all digits of a factor and a ramp count');

-- Targets that were given stay in a copy and become shares in a simulation.
CREATE TEMP TABLE given AS SELECT salesops.plan_territories('TABLE account', 'SELECT id, x, y, CASE id WHEN ''left'' THEN 3 ELSE 4 END AS target_potential FROM home', '{"effort": 0.1, "as_of": "2026-06-30"}') AS base;
CREATE TEMP TABLE given_copy AS SELECT salesops.copy_territory_plan(base) AS plan_id FROM given;
CREATE TEMP TABLE given_left AS SELECT salesops.simulate_territories(base, '{"leaves": ["left"]}') AS plan_id FROM given;
SELECT is_empty($$ SELECT pg_temp.same(m.base, c.plan_id) FROM given m, given_copy c $$, 'given targets are copied');
SELECT results_eq($$ SELECT territory_id, round(target[1]::numeric, 9) FROM salesops.territory_plan_territory JOIN given_left USING (plan_id) ORDER BY 1 $$, $$ VALUES ('middle', 5.500000000), ('right', 5.5) $$, 'and shared by who is left');

SELECT throws_ok(format('SELECT salesops.simulate_territories(%s, %L)', base, o.changes), '22023', o.message, o.message) FROM made,
  (VALUES ('{"leavs": []}', 'these changes cannot be simulated: there is no change "leavs"'),
          ('{"joins": [{"id": "young", "like": "left", "rmap": 0.5}]}', 'these changes cannot be simulated: there is no "rmap" of what joins or shifts'),
          ('{"shifts": [{"measure": "workload", "factor": 2, "tags": [], "by": 3}]}', 'these changes cannot be simulated: there is no "by" of what joins or shifts'),
          ('{"joins": [{"id": "young", "like": "left", "tags": "senior"}]}', 'these changes cannot be simulated: the tags of "young" are no list'),
          ('{"joins": [{"id": "young", "like": "left", "ramp": 1e400}]}', 'these changes cannot be simulated: "young" joins with a ramp that is no share'),
          ('{"ramps": {"left": 1e400}}', 'these changes cannot be simulated: the ramp of "left" is no share'),
          ('{"ramps": {"left": 1e-400}}', 'these changes cannot be simulated: the ramp of "left" is no share'),
          ('{"shifts": [{"measure": "potential", "factor": 2, "tags": ["new"]}, {"measure": "potential", "factor": 2, "tags": ["nwe"]}]}',
           'these changes cannot be simulated: no account has all the tags ["nwe"] of a shift'),
          ('{"shifts": [{"measure": "potential", "factor": 2, "tags": ["new", "old"]}]}', 'these changes cannot be simulated: no account has all the tags ["new", "old"] of a shift'),
          ('{"shifts": [{"measure": "potential", "factor": 2, "tags": [null]}]}', 'these changes cannot be simulated: no account has all the tags [null] of a shift'),
          ('{"shifts": [{"measure": "potential", "factor": 1e-400, "tags": []}]}', NULL),
          ('{"leaves": ["nobody"]}', NULL), ('{"joins": [{"id": "young", "like": "nobody"}]}', NULL), ('{"ramps": {"left": "half"}}', NULL), ('{"shifts": [{"measure": "workload", "factor": 2, "tags": []}]}', NULL)) o(changes, message);
SELECT * FROM finish();
ROLLBACK;
