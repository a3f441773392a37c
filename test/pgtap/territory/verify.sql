-- Nothing that a plan states can be changed without verify_territory_plan() noticing.
\set ON_ERROR_STOP 1
BEGIN;
-- Plans outside their limits warn, and here they are meant to.
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir tampering_fixture.psql
SELECT plan(24);

CREATE TEMP TABLE account AS SELECT a.*, ARRAY['senior'] AS prefers, 'crm' AS source_key FROM salesops.generate_territory_accounts(110, 5, 4, '2026-06-30') a;
CREATE TEMP TABLE territory AS SELECT t.*, 1000000 AS quota, CASE WHEN t.id LIKE '%1' THEN t.tags || 'senior'::text ELSE t.tags END AS more_tags FROM salesops.generate_territories(110, 5, 4) t;
CREATE TEMP TABLE made AS
  SELECT o.kind, salesops.plan_territories('TABLE account', 'SELECT id, capacity, ramp, x, y, quota, more_tags AS tags FROM territory', o.options || '{"as_of": "2026-06-30", "effort": 0.1}') AS plan_id
  FROM (VALUES ('cost', '{"tolerance": 0.05, "most_moves": 12, "most_moved": {"potential": 12000000}}'::jsonb), ('moves', '{"tolerance": 0.0001, "objective": "fewest_moves"}')) o(kind, options);
SELECT is((SELECT count(*) FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok), 0::bigint, 'what they claim is true');
SELECT is((SELECT count(*) FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE v.ok), 2 * 20::bigint, 'in twenty respects');
SELECT ok((SELECT outside > 0 FROM salesops.territory_plan JOIN made USING (plan_id) WHERE kind = 'moves'), 'one of them is not within its limits');
SELECT ok((SELECT budget_price[1] > 0 AND budget_used[1] = 12 FROM salesops.territory_plan JOIN made USING (plan_id) WHERE kind = 'cost'), 'the other has used all of its budget');

-- What is held above a limit is found where it is held, alone and with what is added to it.
SELECT ok(salesops.plan_territories($$ SELECT * FROM (VALUES ('a', 5, 'west'), ('b', 1, 'north')) v(id, potential, locked_to) $$, $$ SELECT * FROM (VALUES ('north', 3), ('west', 2)) v(id, target_potential) $$,
  '{"measures": {"potential": 0.9}}') IS NOT NULL, 'five are held where 3.8 may be');
SELECT results_eq($$ SELECT f.finding, f.territory_id, f.value, f.bound, s.is_within FROM salesops.territory_plan_findings((SELECT max(plan_id) FROM salesops.territory_plan)) f
  JOIN salesops.territory_plan_summary((SELECT max(plan_id) FROM salesops.territory_plan)) s USING (territory_id) $$, $$ VALUES ('held_too_much', 'west', 5::double precision, 2 * 1.9::double precision, false) $$, 'is found');
SELECT is((SELECT count(*) FROM salesops.verify_territory_plan((SELECT max(plan_id) FROM salesops.territory_plan)) v WHERE NOT v.ok), 0::bigint, 'and that is true');

-- The solver's costs are whole multiples of a grain: where prices make up for costs, where costs are all alike, and where one is far above the others.
CREATE FUNCTION pg_temp.untrue(accounts_sql text, territories_sql text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
  SELECT salesops.plan_territories(accounts_sql, territories_sql, options);
  SELECT string_agg(v."check", ' ') FROM salesops.verify_territory_plan((SELECT max(plan_id) FROM salesops.territory_plan)) v WHERE NOT v.ok;
$$;
SELECT is(pg_temp.untrue('SELECT i AS id, 1 AS n, 0.3 AS x, 0 AS y FROM generate_series(1, 2000) i', $$ SELECT * FROM (VALUES ('e', 0, 0), ('w', 10, 0)) v(id, x, y) $$), NULL, 'accounts at one place');
SELECT is(pg_temp.untrue('SELECT i AS id, 1 AS n, i AS x, 0 AS y FROM generate_series(1, 5) i', 'SELECT i AS id, 1 AS x, 1 AS y FROM generate_series(1, 3) i'), NULL, 'homes at one place');
SELECT is(pg_temp.untrue('SELECT i AS id, 1 + i % 7 * 0.1 AS n, CASE i WHEN 1 THEN 1e12 ELSE i * 0.01 END AS x, 0 AS y FROM generate_series(1, 200) i',
                         $$ SELECT * FROM (VALUES ('e', 0, 0), ('w', 1, 0)) v(id, x, y) $$), NULL, 'one account far away');

-- A limit is a product of doubles: 1.2 x 10 (of 9.999999999999998) is 11.999999999999998, and 12 is within it. One that needs exactly that.
SELECT is(pg_temp.untrue($$ SELECT * FROM (VALUES ('1', 12, 'a'), ('2', 9, 'b'), ('3', 9, 'c')) v(id, n, locked_to) $$,
                         $$ SELECT * FROM (VALUES ('a', 9.999999999999998), ('b', 10), ('c', 10)) v(id, target_n) $$, '{"measures": {"n": 0.2}}'), NULL, 'a load on its limit');
SELECT is((SELECT outside FROM salesops.territory_plan ORDER BY plan_id DESC LIMIT 1), 0::double precision, '... is within');

-- The tables refuse a change to anybody; whoever gets round that is found out.
SELECT throws_ok($$ UPDATE salesops.territory_plan SET cost = 0 $$, '23001', NULL, 'nobody changes a plan');
SET LOCAL session_replication_role = replica;

-- What would be another value of a type: of every second row, or else of the first.
CREATE FUNCTION pg_temp.changed(name text, type text, has_element boolean) RETURNS text LANGUAGE sql AS $$
  SELECT CASE type
    WHEN 'double precision' THEN format('CASE WHEN %1$I = ''Infinity'' THEN 5 ELSE coalesce(%1$I, 0) * 1.001 + 0.1 END', name)
    -- A threshold between the same accounts as before would say the same.
    WHEN 'double precision[]' THEN CASE name
      WHEN 'step_below' THEN 'ARRAY[-1e9] || step_below[2:]'
      WHEN 'step_weight' THEN 'coalesce((SELECT array_agg(ARRAY(SELECT u * 1.001 + 0.1 FROM unnest(step_weight[g:g]) u)) FROM generate_subscripts(step_weight, 1) g), ''{{1}}'')'
      ELSE format('ARRAY[CASE WHEN %1$I[1] = ''Infinity'' THEN 5 ELSE coalesce(%1$I[1], 0) * 1.001 + 0.1 END] || %1$I[2:]', name) END
    WHEN 'numeric' THEN format('%I + 1', name)
    WHEN 'bigint' THEN format('%I + 1000000', name)
    WHEN 'integer' THEN format('coalesce(%I, 0) + 1000', name)
    WHEN 'text' THEN format('CASE WHEN %1$L = ''hold'' THEN CASE WHEN %1$I = ''locked'' THEN ''exempt'' ELSE ''locked'' END ELSE coalesce(%1$I, '''') || ''x'' END', name)
    WHEN 'text[]' THEN format('%I || ''x''::text', name)
    WHEN 'jsonb' THEN format('jsonb_set(%I, ''{relationship}'', ''7'')', name)
    WHEN 'timestamp with time zone' THEN format('%I + interval ''1 day''', name) END;
$$;
-- The checks that fail after a change of one column in one row; the change is taken back.
CREATE FUNCTION pg_temp.noticed(plan bigint, relation text, name text, type text, row_number integer) RETURNS text LANGUAGE sql AS $$
  SELECT pg_temp.noticed(plan, format('UPDATE salesops.%1$I t SET %2$I = %3$s WHERE ctid = (SELECT ctid FROM salesops.%1$I WHERE plan_id = %4$s ORDER BY md5(%1$I::text) OFFSET %5$s LIMIT 1)',
                                      relation, name, pg_temp.changed(name, type, true), plan, row_number));
$$;
CREATE TEMP TABLE tampered AS
  SELECT m.kind, c.relname AS relation, a.attname AS name, r.n AS row_number,
    pg_temp.noticed(m.plan_id, c.relname, a.attname, format_type(a.atttypid, NULL), r.n) AS noticed
  FROM made m CROSS JOIN pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL generate_series(0, CASE c.relname WHEN 'territory_plan' THEN 0 WHEN 'territory_plan_account' THEN 3 ELSE 1 END) r(n)
  WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'r'
    AND c.relname IN ('territory_plan', 'territory_plan_territory', 'territory_plan_class', 'territory_plan_account', 'territory_plan_finding')
    AND (c.relname <> 'territory_plan_finding' OR m.kind = 'moves')
    -- Labels: nothing follows from them.
    AND NOT (c.relname = 'territory_plan' AND a.attname IN ('plan_id', 'name', 'copied_from', 'accounts_sql', 'territories_sql', 'made_at', 'made_by', 'extension_version'));
SELECT cmp_ok((SELECT count(DISTINCT (relation, name)) FROM tampered), '>=', 55::bigint, 'every column of five tables');
SELECT is_empty($$ SELECT kind, relation, name, row_number FROM tampered WHERE noticed = 'nothing' $$, 'whatever is changed is noticed');
SELECT is((SELECT count(*) FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok), 0::bigint, 'and nothing is said of what is as it was');

-- Someone who computes the hash anew after he has changed what was given is found out by what follows from it.
UPDATE salesops.territory_plan_account SET relationship = relationship * 2 WHERE plan_id = (SELECT plan_id FROM made WHERE kind = 'cost');
UPDATE salesops.territory_plan SET input_hash = salesops.territory_plan_hash(plan_id) WHERE plan_id = (SELECT plan_id FROM made WHERE kind = 'cost');
SELECT results_eq($$ SELECT v."check", v.ok FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE m.kind = 'cost' AND v."check" IN ('input_hash', 'cost', 'bound') ORDER BY v."check" $$,
  $$ VALUES ('bound', false), ('cost', false), ('input_hash', true) $$, 'relationships made dearer: the hash fits, cost and bound do not');
-- What the bound takes for granted is looked at, for whoever computes the hash anew.
CREATE FUNCTION pg_temp.is_sound(change text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  found boolean;
BEGIN
  BEGIN
    EXECUTE format('UPDATE salesops.territory_plan_account SET %1$s WHERE plan_id = %2$s AND account_id = (SELECT min(account_id) FROM salesops.territory_plan_account WHERE plan_id = %2$s)', change, (SELECT plan_id FROM made WHERE kind = 'moves'));
    found := (SELECT v.ok FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE m.kind = 'moves' AND v."check" = 'numbers');
    RAISE EXCEPTION 'back' USING ERRCODE = 'UU000';
  EXCEPTION
    WHEN sqlstate 'UU000' THEN NULL;
  END;
  RETURN found;
END $$;
SELECT ok(pg_temp.is_sound('regret = 7'), 'an account of sound numbers');
SELECT is_empty($$ SELECT c FROM unnest(ARRAY['relationship = -1', 'relationship = ''NaN''', 'relationship = ''Infinity''', 'distance_cost = -1', 'distance_cost = ''NaN''', 'amount[1] = -1', 'amount[1] = ''NaN''',
  'amount[2] = ''Infinity''', 'amount[2] = NULL', 'x = ''NaN''', 'x = NULL', 'y = NULL', 'y = ''Infinity''', 'z = 1']) c WHERE pg_temp.is_sound(c) IS DISTINCT FROM false $$, 'costs below 0 and numbers that are none are not sound');
-- No price is nothing: a bound with prices left out is no higher than that.
UPDATE salesops.territory_plan SET budget_price = '{}' WHERE plan_id = (SELECT plan_id FROM made WHERE kind = 'moves');
SELECT is((SELECT string_agg(v."check", ' ') FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE m.kind = 'moves' AND NOT v.ok), NULL, 'no price of a budget that is not there is the price 0');
-- What was moved is a claim, and not to make it is none.
UPDATE salesops.territory_plan SET budget_used = budget_used[1:1] WHERE plan_id = (SELECT plan_id FROM made WHERE kind = 'moves');
SELECT is((SELECT string_agg(v."check", ' ') FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE m.kind = 'moves' AND NOT v.ok), 'budgets', 'an amount that is not stated');
-- Where limits leave no room a price of any height in all territories cancels out, and what was added up is no measure of what is known.
CREATE TEMP TABLE level AS SELECT salesops.plan_territories($$ SELECT g::text AS id, 't' || g * g % 7 % 3 AS territory FROM generate_series(1, 30) g $$, $$ SELECT 't' || k AS id FROM generate_series(0, 2) k $$,
  '{"measures": {"accounts": 0}, "objective": "fewest_moves"}') AS plan_id;
UPDATE salesops.territory_plan_territory SET price = ARRAY[1e10], whole_price = NULL, step_weight = NULL, step_below = NULL, step_price = NULL WHERE plan_id = (SELECT plan_id FROM level);
UPDATE salesops.territory_plan SET bound = cost WHERE plan_id = (SELECT plan_id FROM level);
SELECT is((SELECT v.ok FROM level l, LATERAL salesops.verify_territory_plan(l.plan_id) v WHERE v."check" = 'bound'), false, 'prices of any height prove no bound by their size');
-- A load is held away from its owner that is beyond a budget of next to nothing.
CREATE TEMP TABLE tiny AS SELECT salesops.plan_territories($$ SELECT * FROM (VALUES ('a', 'west', 2e-20::float8, 'east'), ('b', 'east', 2e-20, NULL), ('c', 'west', 2e-20, NULL)) a(id, territory, deals, locked_to) $$,
  $$ SELECT id FROM (VALUES ('west'), ('east')) t(id) $$, '{"tolerance": 1, "objective": "fewest_moves", "most_moved": {"deals": 1e-20}}') AS plan_id;
SELECT is((SELECT string_agg(v."check", ' ') FROM tiny t, LATERAL salesops.verify_territory_plan(t.plan_id) v WHERE NOT v.ok), NULL, 'a plan that is outside by next to nothing says so');
SELECT throws_ok($$ SELECT * FROM salesops.verify_territory_plan(-1) $$, '42704', NULL, 'no such plan');
SELECT * FROM finish();
ROLLBACK;
