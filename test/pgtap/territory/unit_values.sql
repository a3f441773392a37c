-- The least that a unit comes to at the prices, which the verifier finds without looking at every territory, is the least over all of them.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(8);

-- Every unit and territory, from the tables alone. Never in parallel: where that is forced each of a hundred thousand small subqueries starts a worker.
CREATE FUNCTION pg_temp.values_of(plan bigint) RETURNS TABLE (unit text, best double precision, here double precision) LANGUAGE sql SET max_parallel_workers_per_gather = 0 AS $$
  WITH pair AS (
    SELECT coalesce('family ' || a.family, 'account ' || a.account_id) AS unit, t.territory_id, a.to_territory,
      bool_and(c.needs <@ t.tags AND t.needs <@ c.tags) OVER w AS is_eligible, bool_or(a.hold_territory IS NOT NULL) OVER (PARTITION BY coalesce('family ' || a.family, 'account ' || a.account_id)) AS is_held,
      sum(CASE WHEN a.x IS NULL OR t.x IS NULL THEN 0 ELSE a.distance_cost * sqrt((a.x - t.x) ^ 2 + (a.y - t.y) ^ 2 + coalesce((a.z - t.z) ^ 2, 0)) END
          + (SELECT count(*) FROM unnest(c.prefers) p WHERE NOT p = ANY (t.tags)) * (h.options ->> 'mismatch_cost')::double precision
          + CASE WHEN a.hold IS DISTINCT FROM 'ineligible' AND a.from_territory <> t.territory_id AND a.from_territory IN (SELECT o.territory_id FROM salesops.territory_plan_territory o WHERE o.plan_id = plan)
                 THEN a.relationship + h.budget_price[1] + h.budget_price[2] * a.amount[1] ELSE 0 END
          + (SELECT coalesce(sum(m.amount * m.price), 0) FROM unnest(a.amount, t.price) m(amount, price))) OVER w AS value
    FROM salesops.territory_plan h JOIN salesops.territory_plan_account a ON a.plan_id = h.plan_id JOIN salesops.territory_plan_class c ON c.plan_id = h.plan_id AND c.class = a.class
    JOIN salesops.territory_plan_territory t ON t.plan_id = h.plan_id
    WHERE h.plan_id = plan AND a.hold IS DISTINCT FROM 'exempt'
    WINDOW w AS (PARTITION BY coalesce('family ' || a.family, 'account ' || a.account_id), t.territory_id)
  )
  SELECT p.unit, min(p.value), min(p.value) FILTER (WHERE p.territory_id = p.to_territory) FROM pair p WHERE p.is_eligible AND NOT p.is_held GROUP BY p.unit
$$;
CREATE FUNCTION pg_temp.differ(plan bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT format('%s: %s, not %s', coalesce(v.unit, o.unit), v.best, o.best) FROM pg_temp.values_of(plan) o FULL JOIN salesops.territory_plan_unit_values(plan) v ON v.unit = o.unit
  WHERE NOT coalesce(abs(v.best - o.best) <= 1e-9 * abs(o.best) + 1e-9 AND abs(v.here - o.here) <= 1e-9 * abs(o.here) + 1e-9, false) LIMIT 5
$$;

-- A flat world of two measures with families and holds, and a round one of three with preferences, places that are missing, costs of distance that differ and owners of no cost.
CREATE TEMP TABLE made AS
  SELECT 'flat' AS world, salesops.plan_territories('SELECT * FROM salesops.generate_territory_accounts(1200, 20, 3, ''2026-06-30'')', 'SELECT * FROM salesops.generate_territories(1200, 20, 3)',
                                                    '{"tolerance": 0.05, "as_of": "2026-06-30", "effort": 0.01, "most_moves": 300, "most_moved": {"potential": 50000000}}') AS plan_id
  UNION ALL
  SELECT 'round', salesops.plan_territories($$
      SELECT a.id, a.territory, a.potential, a.workload, 1 AS number, a.needs, ARRAY['p' || hashtext(a.id) % 3] AS prefers, a.family, CASE WHEN hashtext(a.id) % 7 > 0 THEN 25 + a.x / 200 END AS latitude,
             CASE WHEN hashtext(a.id) % 7 > 0 THEN 160 + a.y / 200 END AS longitude, hashtext(a.id) % 5 + 4 AS distance_cost, 50 * (hashtext(a.id) % 3 + 2) AS relationship
      FROM salesops.generate_territory_accounts(1200, 20, 5, '2026-06-30') a $$, $$
      SELECT t.id, t.capacity, t.tags || ('p' || t.id)::text || ('p' || hashtext(t.id) % 3) AS tags, 25 + t.x / 200 AS latitude, 160 + t.y / 200 AS longitude
      FROM salesops.generate_territories(1200, 20, 5) t $$, '{"tolerance": 0.1, "as_of": "2026-06-30", "effort": 0.01}');
SELECT is_empty(format('SELECT pg_temp.differ(%s)', plan_id), world || ' world') FROM made ORDER BY world;
SELECT is((SELECT count(*) FROM made m, LATERAL salesops.verify_territory_plan(m.plan_id) v WHERE NOT v.ok), 0::bigint, 'and all is true');

-- The bound holds at any prices, and so does this. No account is in the sample that is held against all territories.
SET LOCAL session_replication_role = replica;
UPDATE salesops.territory_plan SET accounts = 1000000000000 WHERE plan_id IN (SELECT plan_id FROM made);
SELECT is_empty(format('SELECT pg_temp.differ(%s)', plan_id), world || ' world, no sample') FROM made ORDER BY world;
UPDATE salesops.territory_plan_territory t SET price = (SELECT array_agg(p * (hashtext(t.territory_id || n) % 100 / 25.0) ORDER BY n) FROM unnest(t.price) WITH ORDINALITY AS u(p, n)) WHERE plan_id IN (SELECT plan_id FROM made);
-- A price that is NULL, or not there, is 0.
UPDATE salesops.territory_plan_territory SET price[1] = NULL WHERE territory_id LIKE '%5' AND plan_id IN (SELECT plan_id FROM made);
UPDATE salesops.territory_plan_territory SET price = '{}' WHERE territory_id LIKE '%4' AND plan_id IN (SELECT plan_id FROM made);
UPDATE salesops.territory_plan_territory SET x = NULL, y = NULL, z = NULL WHERE territory_id LIKE '%7' AND plan_id IN (SELECT plan_id FROM made);
UPDATE salesops.territory_plan SET budget_price = ARRAY[120, CASE WHEN options ? 'most_moved' THEN 0.0001 ELSE 0 END] WHERE plan_id IN (SELECT plan_id FROM made);
SELECT is_empty(format('SELECT pg_temp.differ(%s)', plan_id), world || ' world at other prices, some homes without a place') FROM made ORDER BY world;
SELECT ok((SELECT count(*) FROM made m, LATERAL salesops.territory_plan_unit_values(m.plan_id)) > 2000, 'of thousands of units');
SELECT * FROM finish();
ROLLBACK;
