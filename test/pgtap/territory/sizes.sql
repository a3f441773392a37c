-- Very large and very small numbers, and fractions that no binary number is: plans claim what is true, and their words fit.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE TEMP TABLE made AS
  SELECT c.name, salesops.plan_territories(c.accounts, c.territories, '{"effort": 0, "as_of": "2026-06-30"}'::jsonb || c.options) AS plan_id
  FROM (VALUES
    -- Costs of 2^40 times the usual spread, of an account that a sample of every other one may not meet.
    ('one far away', 'SELECT i AS id, 1 AS n, CASE i WHEN 4 THEN 1e12 ELSE i * 0.01 END AS x, 0 AS y FROM generate_series(1, 8001) i', 'SELECT i AS id, i AS x, 0 AS y FROM generate_series(0, 1) i', '{}'::jsonb),
    ('all far away', 'SELECT i AS id, 1 AS n, i * 1e20 AS x, 0 AS y FROM generate_series(1, 5) i', 'SELECT i AS id, 0 AS x, 0 AS y FROM generate_series(1, 3) i', '{"tolerance": 0.9}'),
    ('wide', 'SELECT i AS id, 1 AS n, i * 1e25 AS x, i * 7 % 11 * 1e25 AS y, 1e30 AS distance_cost FROM generate_series(1, 50) i', 'SELECT i AS id, i * 1e26 AS x, 0 AS y FROM generate_series(1, 4) i', '{}'),
    ('narrow', 'SELECT i AS id, 1 AS n, i * 1e-25 AS x, i * 7 % 11 * 1e-25 AS y FROM generate_series(1, 50) i', 'SELECT i AS id, i * 1e-24 AS x, 0 AS y FROM generate_series(1, 4) i', '{}'),
    ('small amounts', 'SELECT i AS id, 1e-30 AS n, i AS x, 0 AS y FROM generate_series(1, 50) i', 'SELECT i AS id, i * 10 AS x, 0 AS y FROM generate_series(1, 4) i', '{}'),
    ('fewest moves', 'SELECT i AS id, i * 1e28 AS n, i * 1e-30 AS x, 0 AS y, 1e-30 AS distance_cost FROM generate_series(1, 30) i', 'SELECT i AS id, i * 1e-29 AS x, 0 AS y FROM generate_series(1, 4) i',
     '{"objective": "fewest_moves", "relationship": 1e-30}'),
    -- A tenth and two tenths are three tenths, and ten tenths are one.
    ('held tenths', 'SELECT i AS id, 0.1 * i AS n, ''x'' AS territory, CASE WHEN i < 3 THEN ''y'' END AS locked_to FROM generate_series(1, 4) i', 'SELECT unnest(ARRAY[''x'', ''y'']) AS id', '{"measures": {"n": 0.9}, "most_moved": {"n": 0.3}}'),
    ('moved tenths', 'SELECT i AS id, 0.1 AS n, ''x'' AS territory FROM generate_series(1, 20) i', 'SELECT unnest(ARRAY[''x'', ''y'']) AS id', '{"measures": {"n": 0.01}, "most_moved": {"n": 1}}'),
    ('whole ones', 'SELECT i AS id, 1 AS n, ''x'' AS territory FROM generate_series(1, 20) i', 'SELECT unnest(ARRAY[''x'', ''y'']) AS id', '{"measures": {"n": 0.01}, "most_moved": {"n": 9}}'),
    -- Nowhere but where it is.
    ('full', 'SELECT i AS id, 1 AS n, ''x'' AS territory, ARRAY[''x''] AS needs FROM generate_series(1, 20) i', 'SELECT t AS id, ARRAY[t] AS tags, 10 AS cap_n FROM unnest(ARRAY[''x'', ''y'']) t', '{}')
  ) c(name, accounts, territories, options);
SELECT is_empty($$ SELECT m.name, v.* FROM made m CROSS JOIN LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok $$, 'all that they claim is true');
SELECT is_empty($$ SELECT m.name, p.cost, p.bound FROM made m JOIN salesops.territory_plan p USING (plan_id) WHERE NOT ((p.bound <= p.cost OR p.outside > 0) AND p.cost < 'Infinity' AND p.bound > '-Infinity') $$, 'and the bound is below the cost');
SELECT ok((SELECT p.cost - p.bound < 1e-7 * p.cost FROM made JOIN salesops.territory_plan p USING (plan_id) WHERE made.name = 'one far away'), 'one account far away leaves the bound of use');
-- The places of one are those of the other in another unit.
SELECT ok((SELECT abs(n.cost / w.cost - 1e-80) < 1e-89 FROM salesops.territory_plan n, salesops.territory_plan w
           WHERE n.plan_id = (SELECT plan_id FROM made WHERE name = 'narrow') AND w.plan_id = (SELECT plan_id FROM made WHERE name = 'wide')), 'large and small places are planned the same');
SELECT results_eq($$ SELECT m.name, p.outside > 0, round(p.budget_used[2]::numeric, 9) FROM made m JOIN salesops.territory_plan p USING (plan_id) WHERE m.name LIKE '%tenths' OR m.name = 'whole ones' ORDER BY 1 $$,
  $$ VALUES ('held tenths', false, 0.3), ('moved tenths', false, 1), ('whole ones', true, 9) $$, 'a budget is enough for what it says, and for no more');
SELECT is_empty($$ SELECT f.* FROM made m CROSS JOIN LATERAL salesops.territory_plan_findings(m.plan_id) f WHERE m.name LIKE '%tenths' $$, 'tenths in a budget are no finding');
SELECT results_eq($$ SELECT DISTINCT l.reason FROM made m CROSS JOIN LATERAL salesops.territory_plan_lines(m.plan_id) l WHERE m.name = 'full' $$,
  $$ VALUES ('stays: nowhere is it better off, though "x" is above its most') $$, 'who stays where there is too much is told so');
SELECT is_empty($$ SELECT m.name, l.account_id, l.reason FROM made m JOIN salesops.territory_plan p USING (plan_id) CROSS JOIN LATERAL salesops.territory_plan_lines(m.plan_id) l
                   WHERE p.outside = 0 AND l.reason LIKE '%above its most%' $$, 'and nobody else');
SELECT ok(bool_and(f.reason LIKE '%; 1 % of that more would save %') FILTER (WHERE f.value > f.bound) AND bool_and(f.reason LIKE '%; 1 % of that less would save %') FILTER (WHERE f.value < f.bound), 'a least may be lower, a most higher')
FROM made m CROSS JOIN LATERAL salesops.territory_plan_findings(m.plan_id) f WHERE m.name = 'whole ones';
SELECT * FROM finish();
ROLLBACK;
