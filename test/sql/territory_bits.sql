-- The same bits everywhere: fingerprints of territory plans, as forecast_bits has them of forecasts. The expected file is our own output: the law is
-- that every compiler, C library, processor and release of PostgreSQL gives the same, whatever the order of the rows. That plans are right is tested
-- in test/pgtap/territory. Where a change of the method is meant to change plans, the file is written anew.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = public, salesops;
SET timezone = 'UTC';

CREATE FUNCTION fingerprint(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(md5($1), 12)';
CREATE TABLE account AS SELECT * FROM generate_territory_accounts(1500, 24, 3, '2026-06-30');
CREATE TABLE territory AS SELECT * FROM generate_territories(1500, 24, 3);
-- The same accounts without places, and on the sphere.
CREATE VIEW flat AS SELECT id, territory, potential, workload, needs, family, locked FROM account;
CREATE VIEW sphere AS SELECT id, territory, potential, workload, needs, family, 25 + y / 111 AS latitude, -125 + x / 80 AS longitude FROM account;
CREATE VIEW sphere_home AS SELECT id, capacity, ramp, tags, 25 + y / 111 AS latitude, -125 + x / 80 AS longitude FROM territory;

-- The world
SELECT fingerprint(string_agg(a::text, ' ' ORDER BY id)) AS accounts, (SELECT fingerprint(string_agg(t::text, ' ' ORDER BY id)) FROM territory t) AS territories FROM account a;

-- Plans, with the rows as they are and shuffled twice
CREATE TABLE world (kind text, accounts_sql text, territories_sql text, options jsonb);
INSERT INTO world VALUES
  ('cost', 'TABLE account', 'TABLE territory', '{"tolerance": 0.03}'),
  ('fewest moves', 'TABLE flat', 'SELECT id, capacity, ramp, tags FROM territory', '{"tolerance": 0.08, "objective": "fewest_moves"}'),
  ('budget', 'TABLE account', 'TABLE territory', '{"tolerance": 0.1, "most_moves": 90}'),
  ('sphere', 'TABLE sphere', 'TABLE sphere_home', '{"tolerance": 0.05}');
CREATE TABLE made AS
  SELECT w.kind, s.shuffle, plan_territories(format('SELECT * FROM (%s) a ORDER BY md5(id || %L)', w.accounts_sql, s.shuffle),
                                             format('SELECT * FROM (%s) t ORDER BY md5(id || %L)', w.territories_sql, s.shuffle),
                                             w.options || '{"effort": 0.1, "as_of": "2026-06-30"}') AS plan_id
  FROM world w CROSS JOIN unnest('{a,b}'::text[]) AS s(shuffle);
SELECT m.kind, count(*) AS plans, count(DISTINCT p.input_hash) AS inputs,
       fingerprint(min(o.assignment)) AS assignment, count(DISTINCT o.assignment) AS assignments,
       fingerprint(min(o.prices)) AS prices, count(DISTINCT o.prices) AS different_prices,
       fingerprint(min(float8send(p.bound)::text || float8send(p.cost)::text)) AS bound_and_cost, count(DISTINCT (p.bound, p.cost)) AS bounds
FROM made m JOIN territory_plan p USING (plan_id)
CROSS JOIN LATERAL (
  SELECT (SELECT string_agg(a.account_id || '>' || a.to_territory, ' ' ORDER BY a.account_id COLLATE "C") FROM territory_plan_account a WHERE a.plan_id = p.plan_id) AS assignment,
         (SELECT string_agg(concat(t.territory_id, t.price, t.target, t.whole_price, t.step_weight, t.step_below, t.step_price), ' ' ORDER BY t.territory_id COLLATE "C") FROM territory_plan_territory t WHERE t.plan_id = p.plan_id) AS prices) o
GROUP BY m.kind ORDER BY m.kind;
