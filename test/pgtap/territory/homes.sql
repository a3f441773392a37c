-- Homes chosen, together with who goes to them.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir tampering_fixture.psql
SELECT plan(35);

CREATE FUNCTION pg_temp.newest() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT max(plan_id) FROM salesops.territory_plan $$;
CREATE FUNCTION pg_temp.untrue(plan bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(v."check", ' ' ORDER BY v."check") FROM salesops.verify_territory_plan(plan) v WHERE NOT v.ok;
$$;
CREATE FUNCTION pg_temp.homes(plan bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT string_agg(format('%s (%s, %s)', coalesce(t.home_account, 'given'), t.x, t.y), ' ' ORDER BY t.x, t.territory_id) FROM salesops.territory_plan_territory t WHERE t.plan_id = plan;
$$;

-- Five accounts at 0 to 4 and five at 1000 to 1004: the middle of each, at a cost of 2 + 1 + 0 + 1 + 2 there.
CREATE TEMP TABLE account AS SELECT chr(97 + c) || i AS id, c * 1000 + i AS x, 7 AS y, 1 AS potential, ARRAY['east', 'west'] AS tags FROM generate_series(0, 1) c, generate_series(0, 4) i;
CREATE TEMP TABLE planted AS SELECT salesops.plan_territories('TABLE account', $$ SELECT * FROM (VALUES ('one'), ('two')) v(id) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0, "as_of": "2026-06-30"}') AS plan_id;
SELECT is(pg_temp.homes(plan_id), 'a2 (2, 7) b2 (1002, 7)', 'two clusters have a home in the middle of each') FROM planted;
SELECT results_eq($$ SELECT a.account_id FROM salesops.territory_plan_account a JOIN salesops.territory_plan_territory t ON t.plan_id = a.plan_id AND t.territory_id = a.to_territory JOIN planted p ON p.plan_id = a.plan_id
  WHERE abs(a.x - t.x) > 2 $$, ARRAY[]::text[], 'and the accounts of one');
SELECT results_eq($$ SELECT p.cost, p.bound BETWEEN 11.9 AND 12, p.design_bound BETWEEN 11.9 AND 12, p.outside, p.options ->> 'homes' FROM salesops.territory_plan p JOIN planted USING (plan_id) $$,
  $$ VALUES (12::double precision, true, true, 0::double precision, 'free') $$, 'at that cost, and no other homes are cheaper');
SELECT is(pg_temp.untrue(plan_id), NULL, 'which is verified') FROM planted;
SELECT salesops.plan_territories('SELECT * FROM account ORDER BY md5(id)', $$ SELECT * FROM (VALUES ('two', NULL::integer, NULL::integer), ('one', NULL, NULL)) v(id, x, y) $$,
  '{"homes": "free", "effort": 0.05, "tolerance": 0, "as_of": "2026-06-30"}');
SELECT is((SELECT input_hash FROM salesops.territory_plan WHERE plan_id = pg_temp.newest()), (SELECT input_hash FROM salesops.territory_plan JOIN planted USING (plan_id)),
  'homes that were found are no input: rows in another order, and homes that are NULL, give the same hash');
SELECT is(pg_temp.homes(pg_temp.newest()), 'a2 (2, 7) b2 (1002, 7)', 'and the same homes');

-- A home that is given stays.
SELECT salesops.plan_territories('TABLE account', $$ SELECT * FROM (VALUES ('one', NULL, NULL), ('two', 1004, 7)) v(id, x, y) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0}');
SELECT is(pg_temp.homes(pg_temp.newest()), 'a2 (2, 7) given (1004, 7)', 'a home that is given stays, and the other is chosen');
SELECT is((SELECT cost FROM salesops.territory_plan WHERE plan_id = pg_temp.newest()), 16::double precision, 'at 6 and 4 + 3 + 2 + 1');
SELECT is(pg_temp.untrue(pg_temp.newest()), NULL, 'which is verified');
SELECT salesops.plan_territories('TABLE account', $$ SELECT * FROM (VALUES ('one', 0, 7), ('two', 1004, 7)) v(id, x, y) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0}');
SELECT results_eq($$ SELECT pg_temp.homes(plan_id), cost, design_bound FROM salesops.territory_plan WHERE plan_id = pg_temp.newest() $$, $$ VALUES ('given (0, 7) given (1004, 7)', 20::double precision, NULL::double precision) $$,
  'where all are given there is nothing to choose');

-- Exempt accounts and those without a place are no home, and no way.
SELECT salesops.plan_territories($$ SELECT id, CASE WHEN id <> 'a2' THEN x END AS x, CASE WHEN id <> 'a2' THEN y END AS y, potential, CASE WHEN id = 'b2' THEN 'exempt' END AS holdout FROM account $$,
  $$ SELECT * FROM (VALUES ('one', 4), ('two', 5)) v(id, target_potential) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0.3}');
SELECT results_eq($$ SELECT cost, (SELECT count(*) FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id AND t.x IN (1, 3, 1001, 1003) AND t.home_account NOT IN ('a2', 'b2')) FROM salesops.territory_plan p
  WHERE plan_id = pg_temp.newest() $$, $$ VALUES (12::double precision, 2::bigint) $$, 'beside those that are exempt or have no place');
SELECT is(pg_temp.untrue(pg_temp.newest()), NULL, 'which is verified');

-- On a globe: three accounts around Bern, three around Oslo.
SELECT salesops.plan_territories($$ SELECT * FROM (VALUES ('bern', 46.95, 7.45, 1), ('thun', 46.75, 7.63, 1), ('biel', 47.14, 7.25, 1), ('oslo', 59.91, 10.75, 1), ('moss', 59.43, 10.66, 1), ('hamar', 60.79, 11.07, 1)) v(id, latitude, longitude, n) $$,
  $$ SELECT * FROM (VALUES ('one'), ('two')) v(id) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0}');
SELECT results_eq($$ SELECT t.home_account, t.z = a.z FROM salesops.territory_plan_territory t JOIN salesops.territory_plan_account a ON a.plan_id = t.plan_id AND a.account_id = t.home_account
  WHERE t.plan_id = pg_temp.newest() ORDER BY 1 $$, $$ VALUES ('bern', true), ('oslo', true) $$, 'latitude and longitude');
SELECT is(pg_temp.untrue(pg_temp.newest()), NULL, 'which is verified');

-- Six accounts, two territories: all plans and all homes, from what the plan was given.
CREATE FUNCTION pg_temp.cheapest(plan bigint) RETURNS double precision LANGUAGE sql STABLE AS $$
  WITH account AS (
    SELECT row_number() OVER (ORDER BY a.account_id)::integer - 1 AS i, a.*, c.needs FROM salesops.territory_plan_account a JOIN salesops.territory_plan_class c USING (plan_id, class) WHERE a.plan_id = plan
  ), territory AS (
    SELECT row_number() OVER (ORDER BY t.territory_id)::integer - 1 AS k, t.* FROM salesops.territory_plan_territory t WHERE t.plan_id = plan
  ), home AS (
    SELECT t.k, a.account_id, a.x, a.y FROM territory t JOIN account a ON a.hold IS DISTINCT FROM 'exempt' WHERE t.home_account IS NOT NULL
    UNION ALL SELECT t.k, NULL, t.x, t.y FROM territory t WHERE t.home_account IS NULL
  ), assignment AS (
    SELECT n FROM generate_series(0, 63) n
    WHERE NOT EXISTS (SELECT FROM account a JOIN territory t ON t.k = (n >> a.i) & 1
                      WHERE NOT a.needs <@ t.tags OR a.hold = 'locked' AND a.hold_territory <> t.territory_id OR a.hold = 'exempt' AND t.k = 1)
      AND NOT EXISTS (SELECT FROM territory t JOIN account a ON t.k = (n >> a.i) & 1 AND a.hold IS DISTINCT FROM 'exempt' GROUP BY t.k, t.least, t.most HAVING NOT sum(a.amount[1]) BETWEEN t.least[1] AND t.most[1])
      AND NOT EXISTS (SELECT FROM territory t WHERE t.least[1] > 0 AND NOT EXISTS (SELECT FROM account a WHERE t.k = (n >> a.i) & 1 AND a.hold IS DISTINCT FROM 'exempt'))
  ), way AS (
    SELECT s.n, h.k, h.account_id, coalesce(sum(a.distance_cost * sqrt((a.x - h.x) ^ 2 + (a.y - h.y) ^ 2) + CASE WHEN a.from_territory <> t.territory_id THEN a.relationship ELSE 0 END), 0) AS cost
    FROM assignment s CROSS JOIN home h JOIN territory t ON t.k = h.k LEFT JOIN account a ON (s.n >> a.i) & 1 = h.k AND a.hold IS DISTINCT FROM 'exempt' GROUP BY s.n, h.k, h.account_id, t.territory_id
  )
  SELECT min(a.cost + b.cost) FROM way a JOIN way b ON b.n = a.n AND a.k = 0 AND b.k = 1 AND a.account_id IS DISTINCT FROM b.account_id OR a.n = b.n AND a.k = 0 AND b.k = 1 AND b.account_id IS NULL;
$$;
CREATE TEMP TABLE tried AS
  SELECT s.seed, salesops.plan_territories(
    format('SELECT id, potential, x, y, distance_cost, territory, CASE %1$s %% 3 WHEN 1 THEN needs END AS needs, relationship, CASE WHEN %1$s %% 4 = 1 AND id = ''3'' THEN ''exempt'' END AS holdout, %1$s %% 4 = 2 AND id = ''4'' AS locked FROM (
       SELECT i::text AS id, 1 + hashtext(''p%1$s.'' || i) & 15 AS potential, hashtext(''x%1$s.'' || i) & 127 AS x, hashtext(''y%1$s.'' || i) & 127 AS y, 1 + hashtext(''w%1$s.'' || i) & 3 AS distance_cost,
         CASE hashtext(''t%1$s.'' || i) & 1 WHEN 0 THEN ''l'' ELSE ''r'' END AS territory, CASE WHEN i = 2 THEN ARRAY[''senior''] END AS needs, hashtext(''r%1$s.'' || i) & 31 AS relationship FROM generate_series(1, 6) i) v', s.seed),
    format('SELECT id, tags, CASE WHEN %1$s %% 5 = 1 AND id = ''l'' THEN 30 END AS x, CASE WHEN %1$s %% 5 = 1 AND id = ''l'' THEN 40 END AS y FROM (VALUES (''l'', ARRAY[''senior'']), (''r'', ''{}'')) v(id, tags)', s.seed),
    '{"homes": "free", "tolerance": 0.4, "effort": 0.01}') AS plan_id
  FROM generate_series(1, 60) s(seed);
CREATE TEMP TABLE compared AS SELECT t.*, p.cost, p.design_bound, p.outside, pg_temp.cheapest(t.plan_id) AS cheapest FROM tried t JOIN salesops.territory_plan p USING (plan_id);
SELECT is_empty($$ SELECT * FROM compared WHERE outside = 0 AND cost < cheapest - 1e-9 * cheapest $$, 'no plan is cheaper than the cheapest of all');
SELECT is_empty($$ SELECT * FROM compared WHERE design_bound > cheapest $$, 'no bound is above it');
SELECT is_empty($$ SELECT * FROM compared WHERE (outside = 0) <> (cheapest IS NOT NULL) $$, 'there is a plan within limits where there can be');
SELECT cmp_ok((SELECT count(*) FROM compared WHERE cost <= cheapest * (1 + 1e-9)), '>=', (SELECT ceil(0.95 * count(*))::bigint FROM compared WHERE cheapest IS NOT NULL), 'at least 95 % are the cheapest of all');
SELECT cmp_ok((SELECT count(*) FROM compared WHERE cheapest IS NOT NULL), '>=', 40::bigint, 'of forty and more');
SELECT is_empty($$ SELECT t.seed, v.* FROM tried t, LATERAL salesops.verify_territory_plan(t.plan_id) v WHERE NOT v.ok $$, 'every one is what it claims');

-- The fewest moves, a budget for moves, and the frontier.
CREATE TEMP VIEW owned AS SELECT a.*, CASE WHEN a.id < 'b2' THEN 'one' ELSE 'two' END AS territory FROM account a;
SELECT salesops.plan_territories('TABLE owned', $$ SELECT * FROM (VALUES ('one'), ('two')) v(id) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0, "objective": "fewest_moves"}');
SELECT results_eq($$ SELECT budget_used[1], design_bound, pg_temp.untrue(plan_id) FROM salesops.territory_plan WHERE plan_id = pg_temp.newest() $$, $$ VALUES (2::double precision, NULL::double precision, NULL::text) $$,
  'the fewest moves for homes that are near; nothing is proven of other homes');
SELECT salesops.plan_territories('TABLE owned', $$ SELECT * FROM (VALUES ('one'), ('two')) v(id) $$, '{"homes": "free", "effort": 0.05, "tolerance": 0.2, "relationship": 0, "most_moves": 1}');
SELECT results_eq($$ SELECT budget_used[1] <= 1, outside, pg_temp.untrue(plan_id) FROM salesops.territory_plan WHERE plan_id = pg_temp.newest() $$, $$ VALUES (true, 0::double precision, NULL::text) $$, 'a budget is kept');
SELECT is((SELECT moves FROM salesops.territory_frontier('TABLE owned', $$ SELECT * FROM (VALUES ('one'), ('two')) v(id) $$, '{"homes": "free"}', 1, 2) WHERE most_moves = 2), 2::bigint, 'distance is nothing to the frontier');

-- What makes no sense.
SELECT throws_ok(format('SELECT salesops.plan_territories(%L, %L, %L)', e.accounts, e.territories, e.options), e.code, e.message, e.message) FROM (VALUES
  ('TABLE account', 'SELECT 1 AS id', '{"homes": "anywhere"}', '22023', 'invalid value for option "homes"'),
  ('SELECT 1 AS id', 'SELECT 1 AS id', '{"homes": "free"}', '22023', 'there are not enough places for homes'),
  ('SELECT * FROM account WHERE id LIKE ''a%''', 'SELECT i AS id FROM generate_series(1, 6) i', '{"homes": "free"}', '22023', 'there are not enough places for homes'),
  ('TABLE account', 'SELECT 1 AS id, 1 AS x, 1 AS y UNION ALL SELECT 2, NULL, NULL', '{}', '22004', 'territory "2" has no home')) e(accounts, territories, options, code, message);

-- A copy and a simulation keep the homes found.
SELECT salesops.copy_territory_plan(plan_id) FROM planted;
SELECT results_eq($$ SELECT pg_temp.homes(plan_id), cost, design_bound, options ->> 'homes', pg_temp.untrue(plan_id) FROM salesops.territory_plan WHERE plan_id = pg_temp.newest() $$,
  $$ VALUES ('given (2, 7) given (1002, 7)', 12::double precision, NULL::double precision, 'given', NULL::text) $$, 'in a copy homes are given that were found');
SELECT throws_ok(format($$ SELECT salesops.copy_territory_plan(%s, '{"homes": "free"}') $$, plan_id), '22023', NULL, 'it does not choose anew') FROM planted;
SELECT salesops.simulate_territories(plan_id, '{"joins": [{"id": "three", "like": "one"}]}', '{"tolerance": 1}') FROM planted;
SELECT is((SELECT count(*) FROM salesops.territory_plan_territory WHERE plan_id = pg_temp.newest() AND home_account IS NULL AND x IN (2, 1002)), 3::bigint, 'who joins has the home of somebody');

-- Who gets round what keeps plans from being changed is found out.
SELECT alike(pg_temp.noticed(plan_id, format(c.change, plan_id)), '%' || c.noticed || '%', c.what) FROM planted, (VALUES
  ('UPDATE salesops.territory_plan_territory SET x = x + 0.5 WHERE plan_id = %s', 'homes', 'a home beside its account'),
  ('UPDATE salesops.territory_plan_territory SET home_account = NULL WHERE plan_id = %s', 'input_hash', 'a home that is said to be given'),
  ('UPDATE salesops.territory_plan_territory t SET home_account = a.account_id, x = a.x FROM salesops.territory_plan_account a WHERE t.plan_id = %1$s AND a.plan_id = %1$s AND a.account_id = chr(96 + ceil((t.x + 1) / 1000)::integer) || 3', 'cost', 'another home'),
  ('UPDATE salesops.territory_plan_territory SET home_account = ''a2'', x = 2 WHERE plan_id = %s', 'homes', 'two homes at one account'),
  ('UPDATE salesops.territory_plan SET design_bound = 13 WHERE plan_id = %s', 'bound_is_below', 'a bound above the cost')) c(change, noticed, what);
SELECT * FROM finish();
ROLLBACK;
