-- The bound that knows that accounts are whole: small plans whose steps are counted by hand, and a law that every plan keeps.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
\ir tampering_fixture.psql
SELECT plan(39);

-- East owns four accounts of 2, west two of 1. East may have 5, so that it must lose 3: one and a half accounts, say the prices, and two if they are whole.
CREATE TEMP TABLE account (id text, territory text, n double precision, family text, locked_to text, holdout text, needs text[]);
INSERT INTO account SELECT 'e' || i, 'east', 2 FROM generate_series(1, 4) i UNION ALL SELECT 'w' || i, 'west', 1 FROM generate_series(1, 2) i;
CREATE TEMP TABLE territory (id text, target_n double precision, floor_n double precision, cap_n double precision, tags text[]);
INSERT INTO territory VALUES ('east', 5, 0, 5, '{}'), ('west', 5, 0, 20, '{south}');

-- A plan of these with steps at one territory, and the bound that follows. A change of what is planned is taken back.
CREATE FUNCTION pg_temp.planned(change text, at text, weight double precision, below double precision, worth double precision, prices double precision[], options jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan bigint;
BEGIN
  EXECUTE change;
  plan := salesops.plan_territories('TABLE account', 'TABLE territory', '{"measures": {"n": 0.9}, "objective": "fewest_moves", "as_of": "2026-06-30", "effort": 0}' || options);
  SET LOCAL session_replication_role = replica;
  UPDATE salesops.territory_plan_territory t SET whole_price = ARRAY[prices[CASE t.territory_id WHEN 'east' THEN 1 ELSE 2 END]], step_weight = CASE WHEN t.territory_id = at THEN ARRAY[ARRAY[weight]] ELSE '{}' END,
    step_below = CASE WHEN t.territory_id = at THEN ARRAY[below] ELSE '{}' END, step_price = CASE WHEN t.territory_id = at THEN ARRAY[worth] ELSE '{}' END WHERE t.plan_id = plan;
  SET LOCAL session_replication_role = origin;
  RETURN plan;
END $$;
CREATE FUNCTION pg_temp.counted(change text, at text, weight double precision, below double precision, worth double precision, prices double precision[] DEFAULT '{0,0}', options jsonb DEFAULT '{}',
                                budget_price double precision[] DEFAULT '{0,0}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan bigint;
  found text;
BEGIN
  BEGIN
    plan := pg_temp.planned(change, at, weight, below, worth, prices, options);
    SET LOCAL session_replication_role = replica;
    UPDATE salesops.territory_plan p SET budget_price = counted.budget_price WHERE p.plan_id = plan;
    SELECT concat_ws(' ', round(s.room::numeric, 6)::double precision, round(s.most::numeric, 6)::double precision, round(b.bound::numeric, 6)::double precision) INTO found
    FROM salesops.territory_plan_steps(plan) s, salesops.territory_plan_steps_bound(plan) b;
    RAISE EXCEPTION 'back' USING ERRCODE = 'UU000';
  EXCEPTION
    WHEN sqlstate 'UU000' THEN NULL;
  END;
  RETURN found;
END $$;

-- A weight of 0.5 is a step for 2.
-- In steps of 2 there may come (5 - 8) / 2 = -1.5 beside them: -2 and room of 0.5. Four count -F(-1) = 1 each, so -2 + 4 = 2 may be there. At a price of 1 each costs 1 here or there: 4 - 2.
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 1), '0.5 2 2', 'room, most steps and bound');
-- Prices alone: at 0.5 an account of 2 costs 1 here or there: 4 - 0.5 x 5.
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 1e-9, '{0.5,0}'), '0.5 2 1.5', 'prices alone');
-- Both: at 0.25 and a step at 0.5 it costs 1 here or there; west's two of 1 nothing where they are: 4 - 0.25 x 5 - 0.5 x 2.
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 0.5, '{0.25,0}'), '0.5 2 1.75', 'half and half');
-- A price below 0 takes back the least: at -0.5 in west (least 0.5) an account of 2 costs 0 in either, and west's own -0.5 each: 2 x -0.5 - (-0.5 x 0.5), and the most of steps is as it was.
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 1e-9, '{0,-0.5}'), '0.5 2 -0.75', 'a price of the least');
-- In steps of 4: (5 - 8) / 4 = -0.75, -1 and 0.25; F(-0.5) = -1 + 0.25 / 0.75, so each counts 2/3, and -1 + 8/3 = 5/3 may be there. One of 1 that comes: F(0.25) = 0. At 1.5: 4 - 2.5.
SELECT is(pg_temp.counted('', 'east', 0.25, NULL, 1.5), '0.25 1.666667 1.5', 'steps larger than accounts');
-- An account of 3 that comes: F(0.75) = (0.75 - 0.25) / 0.75 = 2/3. At a price of 1 in west (most 9.5) east is better: there the four cost 1 each, one of 3 costs 1 + 1.5 x 2/3, and one of 1 costs 1 in both:
-- 4 + 2 + 1 - 9.5 - 2.5.
SELECT is(pg_temp.counted('UPDATE account SET n = 3 WHERE id = ''w1''', 'east', 0.25, NULL, 1.5, '{0,1}'), '0.25 1.666667 -5', 'and one that comes');
-- Of 2, 2, 2 and 3, those below 3: (5 - 6) / 2 = -0.5, -1 and 0.5; -1 + 3 = 2. The one of 3 counts F(1.5) = 1: 4 - 2. With it: (5 - 9) / 2 = -2, no room, and F(-1.5) = -1.5: -2 + 3 + 1.5 = 2.5; at 1 it costs 1: 4 - 2.5.
SELECT is(pg_temp.counted('UPDATE account SET n = 3 WHERE id = ''e4''', 'east', 0.5, 1.5, 1), '0.5 2 2', 'those of less than 3');
SELECT is(pg_temp.counted('UPDATE account SET n = 3 WHERE id = ''e4''', 'east', 0.5, NULL, 1), '0 2.5 1.5', 'all, where that fits badly');
-- None below 1: 5 / 2 = 2.5. Each of 2 counts F(1) = 1 while it is there: 4 - 2.
SELECT is(pg_temp.counted('', 'east', 0.5, 0.5, 1), '0.5 2 2', 'none');
-- A family of two counts F(-2) = -2 and costs 2 moves: 1 + 1 + 2 - 2.
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'' WHERE id IN (''e3'', ''e4'')', 'east', 0.5, NULL, 1), '0.5 2 2', 'a family is one');
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'' WHERE id IN (''e3'', ''e4'')', 'east', 0.5, 2, 1), '0.5 2 2', 'a family of 4 is not below 4');
-- In steps of 4 a family of 4 counts 1 and each of the two others 2/3: -1 + 7/3 = 4/3. At 1.5 they cost 1 each, it 1.5: 3.5 - 2.
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'' WHERE id IN (''e3'', ''e4'')', 'east', 0.25, NULL, 1.5), '0.25 1.333333 1.5', 'as one of twice the size');
-- A family of e4 and w1 has no owner: (5 - 6) / 2 = -0.5; -1 + 3. It is 3 and counts F(1.5) = 1; here or there it costs a move: 3 + 1 - 2.
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'' WHERE id IN (''e4'', ''w1'')', 'east', 0.5, NULL, 1), '0.5 2 2', 'a family of two owners has none');
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'' WHERE id IN (''e4'', ''w1''); UPDATE account SET territory = NULL WHERE id = ''w1''', 'east', 0.5, NULL, 1), '0.5 2 2', 'nor has one with an account that nobody owns');
-- What is held there leaves less: 5 - 2 = 3, (3 - 8) / 2 = -2.5; -3 + 4 = 1. It moved: 1 + 4 - 1.
SELECT is(pg_temp.counted('INSERT INTO account VALUES (''h'', ''west'', 2, NULL, ''east'')', 'east', 0.5, NULL, 1), '0.5 1 4', 'one is held there');
-- So with one of its own: 1.5, no move: 3 - ((3 - 6) / 2 = -1.5: -2 + 3 = 1).
SELECT is(pg_temp.counted('UPDATE account SET locked_to = ''east'' WHERE id = ''e1''', 'east', 0.5, NULL, 1), '0.5 1 2', 'one of its own is held');
SELECT is(pg_temp.counted('UPDATE account SET locked_to = ''east'', family = ''f'' WHERE id = ''e1''; UPDATE account SET family = ''f'' WHERE id = ''e2''', 'east', 0.5, NULL, 1), '0.5 0 2', 'and one with its family');
SELECT is(pg_temp.counted('INSERT INTO account VALUES (''x'', ''east'', 7, NULL, NULL, ''exempt'')', 'east', 0.5, NULL, 1), '0.5 2 2', 'one that is exempt counts nowhere');
-- One of 1 that east owns and may not have: (5 - 6) / 2, -1 + 3 = 2; it moves: 3 - 2 + 1. With it there would be no room and 2.5: 1.5.
SELECT is(pg_temp.counted('UPDATE account SET n = 1, needs = ''{south}'' WHERE id = ''e4''', 'east', 0.5, NULL, 1), '0.5 2 2', 'one that it owns and may not have');
-- So with all of its family, which costs two moves: (5 - 4) / 2 = 0.5, 0 + 2. At 0.9: 1.8 + 2 - 1.8.
SELECT is(pg_temp.counted('UPDATE account SET family = ''f'', needs = CASE id WHEN ''e4'' THEN ''{south}''::text[] END WHERE id IN (''e3'', ''e4'')', 'east', 0.5, NULL, 0.9), '0.5 2 2', 'and the family of such a one');
-- What nobody owns: F(1) = 1 there, nothing in west. 4 - 2.
SELECT is(pg_temp.counted('INSERT INTO account VALUES (''new'', NULL, 2)', 'east', 0.5, NULL, 1), '0.5 2 2', 'one that nobody owns');
SELECT is(pg_temp.counted('UPDATE account SET holdout = ''ineligible'' WHERE id = ''e4''', 'east', 0.5, NULL, 1), '0.5 2 1', 'or whose owner nothing protects costs no move');
-- The least: west must have 3 and has 2, half an account of 2, say prices. In steps of -2: 3 / -2 + 1 = -0.5; -1, and its own count F(0.5) = 0. Of the others each counts F(-1) = -1: at 1 they cost 0 here and there; + 1.
SELECT is(pg_temp.counted('UPDATE territory SET floor_n = 3 WHERE id = ''west''', 'west', -0.5, NULL, 1), '0.5 -1 1', 'steps of the least');
SELECT is(pg_temp.counted('UPDATE territory SET floor_n = 3 WHERE id = ''west''', 'west', -0.5, NULL, 1e-9, '{0,-0.5}'), '0.5 -1 0.5', 'prices alone');
-- Budgets at their prices: a move costs 1.25, so the step may: 5 - 1.25 x 2 - 0.25 x 3; and 1.2: 4.8 - 2.4 - 0.1 x 10.
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 1.25, '{0,0}', '{"most_moves": 3}', '{0.25,0}'), '0.5 2 1.75', 'a budget of moves');
SELECT is(pg_temp.counted('', 'east', 0.5, NULL, 1.2, '{0,0}', '{"most_moved": {"n": 10}}', '{0,0.1}'), '0.5 2 1.4', 'a budget of an amount');
-- One that is held elsewhere uses it: 1 + 5 - 1.25 x 1 - 0.25 x 2.
SELECT is(pg_temp.counted('INSERT INTO account VALUES (''h'', ''west'', 2, NULL, ''east'')', 'east', 0.5, NULL, 1.25, '{0,0}', '{"most_moves": 3}', '{0.25,0}'), '0.5 1 4.25', 'what is left of it');

-- Whoever states that bound is believed, and nobody who states more, or less.
CREATE TEMP TABLE stated AS SELECT pg_temp.planned('', 'east', 0.5, NULL, 1, '{0,0}', '{}') AS plan_id;
SELECT is((SELECT array_agg(pg_temp.noticed(s.plan_id, format('UPDATE salesops.territory_plan SET bound = %s WHERE plan_id = %s', b, s.plan_id)) ORDER BY b) FROM stated s, unnest(ARRAY[2, 2.0001, 1.99997, 1.999985, 1.5]) b),
  ARRAY['bound', 'bound', 'nothing', 'nothing', 'bound bound_is_below'], 'two moves, and no more or less, but for the solver''s rounding: 7 x 2^-19 of a step, and 6 x 1e-6');


-- The law: in every plan within its limits there are no more steps than the most. Eight units, so 256 plans, counted with whatever steps.
CREATE TEMP TABLE unit (bit integer, unit text, owner text, n double precision, q double precision);
INSERT INTO unit VALUES (0, 'e1', 'east', 2, 5), (1, 'e2', 'east', 3, 1), (2, 'f', 'east', 5, 5), (3, 'e5', 'east', 2.5, 2), (4, 'w1', 'west', 1, 4), (5, 'w2', 'west', 3, 3), (6, 'w3', 'west', 2, 1), (7, 'new', NULL, 2, 2);
CREATE TEMP TABLE law AS SELECT salesops.plan_territories($$
    SELECT u.unit AS id, u.owner AS territory, u.n, u.q, NULL AS family, NULL AS locked_to FROM unit u WHERE u.unit <> 'f'
    UNION ALL VALUES ('f1', 'east', 4::double precision, 2::double precision, 'f', NULL), ('f2', 'east', 1, 3, 'f', NULL), ('h', 'east', 1, 1, NULL, 'east') $$,
  $$ SELECT v.id FROM (VALUES ('east'), ('west')) v(id) $$, '{"tolerance": 0.25, "objective": "fewest_moves"}') AS plan_id;
CREATE TEMP TABLE within AS
  SELECT c.choice FROM law, generate_series(0, 255) c(choice)
  WHERE (SELECT bool_and(t.least[m] <= l.load AND l.load <= t.most[m])
         FROM salesops.territory_plan_territory t CROSS JOIN generate_series(1, 2) m CROSS JOIN LATERAL (
           SELECT CASE t.territory_id WHEN 'east' THEN 1 ELSE 0 END + coalesce(sum((ARRAY[u.n, u.q])[m]), 0) AS load FROM unit u WHERE (c.choice >> u.bit) & 1 = CASE t.territory_id WHEN 'east' THEN 1 ELSE 0 END) l
         WHERE t.plan_id = law.plan_id);
SELECT cmp_ok((SELECT count(*) FROM within), '>', 20::bigint, 'plans are within their limits');
-- Steps of the draw, of one measure, of the other and of both, and by how much the plans exceed the most: 0 where one reaches it.
CREATE FUNCTION pg_temp.exceeded(draw integer) RETURNS TABLE (territory text, step integer, excess double precision) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE salesops.territory_plan_territory t SET whole_price = '{0,0}', step_price = '{1,1,1}', (step_weight, step_below) = (
    SELECT array_agg(ARRAY[CASE WHEN s.step <> 2 THEN s.n ELSE 0 END, CASE WHEN s.step <> 1 THEN s.q ELSE 0 END] ORDER BY s.step), array_agg(CASE WHEN s.h % 3 > 0 THEN (s.h / 7 % 101) / 30.0 - 1 END ORDER BY s.step)
    FROM (SELECT g.step, h.h, (0.1 + h.h % 1009 / 900.0) * CASE WHEN h.h / 1009 % 2 = 0 THEN 1 ELSE -1 END AS n, (0.1 + h.h % 1013 / 900.0) * CASE WHEN h.h / 1013 % 2 = 0 THEN 1 ELSE -1 END AS q
          FROM generate_series(1, 3) g(step), LATERAL (SELECT hashtext(format('%s %s %s', draw, g.step, t.territory_id)) & 2147483647 AS h) h) s)
  WHERE t.plan_id = (SELECT plan_id FROM law);
  RETURN QUERY
    SELECT h.territory_id, s.step, max(g.steps) - s.most
    FROM law CROSS JOIN LATERAL salesops.territory_plan_steps(law.plan_id) s JOIN LATERAL salesops.territory_plan_homes(law.plan_id) h ON h.number = s.number CROSS JOIN within w
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(CASE WHEN u.owner = h.territory_id AND x.steps < s.below THEN -salesops.territory_steps(-x.steps, s.room) ELSE salesops.territory_steps(x.steps, s.room) END), 0) AS steps
      FROM unit u CROSS JOIN LATERAL (SELECT u.n * s.weight[1] + u.q * s.weight[2] AS steps) x
      WHERE (w.choice >> u.bit) & 1 = CASE h.territory_id WHEN 'east' THEN 1 ELSE 0 END) g
    GROUP BY h.territory_id, s.step, s.most;
END $$;
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE drawn AS SELECT d AS draw, x.* FROM generate_series(1, 15) d, LATERAL pg_temp.exceeded(d) x;
SET LOCAL session_replication_role = origin;
SELECT is((SELECT count(*) FROM drawn), 90::bigint, 'steps of every territory and kind');
SELECT is_empty('SELECT * FROM drawn WHERE NOT excess <= 1e-9', 'no plan has more than the most');
SELECT is((SELECT count(*) FROM generate_series(1, 3) s WHERE (SELECT count(*) FROM drawn d WHERE d.step = s AND abs(d.excess) < 1e-9) > 2), 3::bigint, 'some have the most, where steps are of one measure or both');

-- What the solver proves is true of families, holds, preferences, places, budgets and three measures.
CREATE TEMP TABLE made AS
  SELECT o.kind, salesops.plan_territories(
    $$ SELECT a.*, 1 AS number, ARRAY['senior'] AS prefers FROM salesops.generate_territory_accounts(110, 12, 4, '2026-06-30') a $$,
    $$ SELECT t.id, t.capacity, t.x, t.y, CASE WHEN t.id LIKE '%1' THEN t.tags || 'senior'::text ELSE t.tags END AS tags FROM salesops.generate_territories(110, 12, 4) t $$,
    '{"tolerance": 0.25, "objective": "fewest_moves", "as_of": "2026-06-30", "effort": 0.1}' || o.options) AS plan_id
  FROM (VALUES ('one', '{"measures": {"workload": 0.1}}'::jsonb), ('two', '{"measures": {"potential": 0.25, "workload": 0.25}}'), ('three', '{}'), ('budget', '{"measures": {"potential": 0.25, "workload": 0.25}, "most_moves": 30}')) o(kind, options);
SELECT is((SELECT count(DISTINCT m.kind) FROM made m JOIN salesops.territory_plan_territory t USING (plan_id) WHERE 0 < ANY (t.step_price)), 4::bigint, 'plans whose bounds are proven by steps');
SELECT is_empty($$ SELECT m.kind, v.* FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok $$, 'are what they claim');
-- Amounts that are whole in no unit, and sums of them in families: who has less than a threshold is the same to both.
CREATE TEMP TABLE tenths AS
  SELECT s, salesops.plan_territories(
    format($$ SELECT i AS id, 't' || (hashtext('o%1$s' || i) & 1023) %% 5 AS territory, ((hashtext('a%1$s' || i) & 1023) %% 40 + 1) / 10.0 AS amount, CASE WHEN i %% 9 < 2 THEN 'f' || i / 9 END AS family
              FROM generate_series(1, 40) i $$, s), $$ SELECT 't' || k AS id, 1 + k % 3 AS capacity FROM generate_series(0, 4) k $$, '{"objective": "fewest_moves", "tolerance": 0.03, "effort": 0, "as_of": "2026-06-30"}') AS plan_id
  FROM generate_series(1, 12) s;
SELECT cmp_ok((SELECT count(*) FROM tenths JOIN salesops.territory_plan_territory t USING (plan_id) WHERE 0 < ANY (t.step_below)), '>', 3::bigint, 'thresholds among tenths');
SELECT is_empty($$ SELECT m.s, v.* FROM tenths m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok $$, 'and sums of them');

-- Whatever is changed is noticed, of the territory whose step is dearest, and of one that has none.
CREATE TEMP TABLE tampered AS
  SELECT c.change, c.has_step, pg_temp.noticed(m.plan_id, format('UPDATE salesops.territory_plan_territory SET %s WHERE plan_id = %s AND territory_id = (SELECT territory_id FROM salesops.territory_plan_territory WHERE plan_id = %2$s AND '
                                                                '(step_price <> ''{}'') = %L ORDER BY step_price[1] DESC, territory_id LIMIT 1)', c.change, m.plan_id, c.has_step)) AS noticed
  FROM made m CROSS JOIN (
    SELECT true AS has_step, unnest(ARRAY['whole_price[1] = whole_price[1] + 0.01', 'whole_price[1] = ''NaN''', 'whole_price[1] = ''-Infinity''', 'whole_price[1] = NULL', 'whole_price = whole_price || 0::double precision',
      'whole_price = NULL', 'step_weight = NULL', 'step_below = NULL', 'step_price = NULL', 'whole_price = NULL, step_weight = NULL, step_below = NULL, step_price = NULL', 'step_weight = ''{}'', step_below = ''{}'', step_price = ''{}''',
      'step_weight[1][1] = step_weight[1][1] + 1e-6', 'step_weight[1][1] = NULL', 'step_weight[1][2] = NULL', 'step_weight[1][1] = ''NaN''', 'step_weight[1][1] = ''Infinity''', 'step_weight[1][1] = 1e-300', 'step_weight = ''{}''',
      'step_weight = (SELECT array_agg(ARRAY[-w[1], -w[2]]) FROM (SELECT ARRAY(SELECT unnest(step_weight[g:g])) AS w FROM generate_series(1, cardinality(step_price)) g) s)',
      'step_weight = array_fill(0::double precision, ARRAY[cardinality(step_price), 2])', 'step_weight = step_weight || ARRAY[1::double precision, 1]', 'step_weight = ARRAY(SELECT unnest(step_weight))',
      'step_price[1] = step_price[1] * 1.1', 'step_price[1] = -step_price[1]', 'step_price[1] = 0', 'step_price[1] = NULL', 'step_price[1] = ''NaN''', 'step_price[1] = ''Infinity''', 'step_price = step_price || 1::double precision',
      'step_below[1] = ''NaN''', 'step_below[1] = ''Infinity''', 'step_below[1] = -1e9', 'step_below = step_below || 0::double precision']) AS change
    UNION ALL
    SELECT false, unnest(ARRAY['step_weight = NULL', 'step_below = NULL', 'step_price = NULL', 'whole_price = NULL, step_weight = NULL, step_below = NULL, step_price = NULL', 'step_price = ''{1}''', 'step_below = ''{1}''',
      'step_weight = ''{{1e-6,0}}''', 'step_weight = ''{{0,0}}'', step_below = ''{NULL}'', step_price = ''{1}''', 'whole_price = ''[0:1]={0,0}'''])) c
  WHERE m.kind = 'two';
SELECT is_empty($$ SELECT has_step, change, noticed FROM tampered WHERE noticed NOT IN ('bound', 'numbers', 'bound numbers') $$, 'whatever is changed is noticed');
SELECT is_empty($$ SELECT has_step, change, noticed FROM tampered WHERE change ~ 'NULL$|NaN|Infinity|-step_price|= 0$' AND noticed NOT LIKE '%numbers' $$, 'and a step that means nothing, whatever the bound');
SELECT is((SELECT pg_temp.noticed(m.plan_id, format('UPDATE salesops.territory_plan_territory SET whole_price = NULL, step_weight = NULL, step_below = NULL, step_price = NULL WHERE plan_id = %s', m.plan_id)) FROM made m WHERE m.kind = 'two'),
  'bound', 'prices alone prove less');

SELECT * FROM finish();
ROLLBACK;
