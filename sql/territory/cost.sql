-- What a plan's accounts cost where, recomputed from what is kept: for whoever explains or verifies a plan.

CREATE FUNCTION salesops.territory_distance(x double precision, y double precision, z double precision,
                                            home_x double precision, home_y double precision, home_z double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(sqrt((x - home_x) * (x - home_x) + (y - home_y) * (y - home_y) + coalesce((z - home_z) * (z - home_z), 0)), 0);
END;
COMMENT ON FUNCTION salesops.territory_distance(double precision, double precision, double precision, double precision, double precision, double precision) IS
  'Distance of an account to a home, straight; 0 where either has no place, z may be NULL on a flat map';

-- Territories are numbered in the order of their ids.
CREATE FUNCTION salesops.territory_plan_homes(plan_id bigint, OUT number integer, OUT territory_id text, OUT x double precision, OUT y double precision, OUT z double precision,
                                              OUT price double precision[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT row_number() OVER (ORDER BY t.territory_id COLLATE "C")::integer, t.territory_id, t.x, t.y, t.z, t.price
  FROM salesops.territory_plan_territory t WHERE t.plan_id = territory_plan_homes.plan_id;
END;
COMMENT ON FUNCTION salesops.territory_plan_homes(bigint) IS 'Territories of a plan, numbered in the order of their ids, with home and prices; no row for an unknown plan';

CREATE FUNCTION salesops.territory_plan_eligibility(plan_id bigint, OUT class integer, OUT is_eligible boolean[], OUT mismatch double precision[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT c.class,
    array_agg(c.needs <@ t.tags AND t.needs <@ c.tags ORDER BY t.territory_id COLLATE "C"),
    array_agg((SELECT count(*) FROM unnest(c.prefers) w WHERE w <> ALL (t.tags)) * (p.options ->> 'mismatch_cost')::double precision ORDER BY t.territory_id COLLATE "C")
  FROM salesops.territory_plan p
  JOIN salesops.territory_plan_class c ON c.plan_id = p.plan_id
  JOIN salesops.territory_plan_territory t ON t.plan_id = p.plan_id
  WHERE p.plan_id = territory_plan_eligibility.plan_id
  GROUP BY c.class;
END;
COMMENT ON FUNCTION salesops.territory_plan_eligibility(bigint) IS
  'By class of a plan''s accounts and number of a territory (territory_plan_homes): whether it may have them, and what their missed preferences cost there; no row for an unknown plan';

-- The newest plans have no statistics yet, and the planner would take them for small: everything below joins without nested loops.
CREATE FUNCTION salesops.territory_plan_units(plan_id bigint, OUT account_id text, OUT unit text, OUT class integer, OUT amount double precision[],
                                              OUT x double precision, OUT y double precision, OUT z double precision, OUT distance_cost double precision,
                                              OUT lost double precision, OUT is_exempt boolean, OUT held_at integer, OUT owner integer,
                                              OUT from_number integer, OUT to_number integer, OUT from_territory text, OUT to_territory text, OUT hold text,
                                              OUT family text, OUT regret double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH account AS (
    SELECT a.*, CASE WHEN a.hold IS DISTINCT FROM 'exempt' THEN coalesce('family ' || a.family, 'account ' || a.account_id) END COLLATE "C" AS unit
    FROM salesops.territory_plan_account a WHERE a.plan_id = territory_plan_units.plan_id
  )
  SELECT a.account_id, a.unit, a.class, a.amount, a.x, a.y, a.z, p.tie_break * a.distance_cost,
    CASE WHEN p.options ->> 'objective' = 'fewest_moves' THEN 1 ELSE a.relationship END,
    a.unit IS NULL, CASE WHEN a.unit IS NOT NULL THEN max(h.number) OVER (PARTITION BY a.unit) END,
    CASE WHEN a.hold IS DISTINCT FROM 'ineligible' THEN f.number END, f.number, t.number, a.from_territory, a.to_territory, a.hold, a.family, a.regret
  FROM account a
  JOIN salesops.territory_plan p ON p.plan_id = a.plan_id
  LEFT JOIN salesops.territory_plan_homes(territory_plan_units.plan_id) h ON h.territory_id = a.hold_territory
  LEFT JOIN salesops.territory_plan_homes(territory_plan_units.plan_id) f ON f.territory_id = a.from_territory
  LEFT JOIN salesops.territory_plan_homes(territory_plan_units.plan_id) t ON t.territory_id = a.to_territory;
END;
COMMENT ON FUNCTION salesops.territory_plan_units(bigint) IS
  'Accounts of a plan as the solver saw them: unit = family or the account alone, NULL for exempt ones; territories by number (territory_plan_homes): held_at = where its hold or that of one of its family '
  'puts it, owner = the one that it would cost `lost` to leave, NULL where nothing is lost; from and to; no row for an unknown plan';

CREATE FUNCTION salesops.territory_account_cost(distance_cost double precision, distance double precision, mismatch double precision, lost double precision, owner integer, number integer)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT distance_cost * distance + mismatch + CASE WHEN owner <> number THEN lost ELSE 0 END;
END;
COMMENT ON FUNCTION salesops.territory_account_cost(double precision, double precision, double precision, double precision, integer, integer) IS
  'Cost of an account at a territory: distance, missed preferences, and what is lost where that is not its owner';

-- The heart of the certificate: each unit where it is cheapest, everything priced. Whoever has prices can do this.
CREATE FUNCTION salesops.territory_plan_unit_values(plan_id bigint, OUT unit text, OUT accounts bigint, OUT best double precision, OUT worst double precision,
                                                    OUT here double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 SET enable_nestloop = off
BEGIN ATOMIC
  WITH plan AS MATERIALIZED (
    SELECT p.budget_price[1] AS count_price, p.budget_price[2] AS amount_price, p.tie_break,
      array_position(p.measures, (SELECT k.measure FROM jsonb_object_keys(p.options -> 'most_moved') AS k(measure))) AS budget_measure
    FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_unit_values.plan_id
  ), home AS MATERIALIZED (
    SELECT h.number, h.x, h.y, h.z, coalesce(h.price[1], 0) AS p1, coalesce(h.price[2], 0) AS p2, coalesce(h.price[3], 0) AS p3, coalesce(h.price[4], 0) AS p4,
      coalesce(h.price[5], 0) AS p5, coalesce(h.price[6], 0) AS p6, coalesce(h.price[7], 0) AS p7, coalesce(h.price[8], 0) AS p8
    FROM salesops.territory_plan_homes(territory_plan_unit_values.plan_id) h
  ), account AS MATERIALIZED (
    SELECT u.*, coalesce(u.amount[1], 0) AS a1, coalesce(u.amount[2], 0) AS a2, coalesce(u.amount[3], 0) AS a3, coalesce(u.amount[4], 0) AS a4,
      coalesce(u.amount[5], 0) AS a5, coalesce(u.amount[6], 0) AS a6, coalesce(u.amount[7], 0) AS a7, coalesce(u.amount[8], 0) AS a8,
      u.lost + p.count_price + p.amount_price * coalesce(u.amount[p.budget_measure], 0) AS lost_with_budgets, p.tie_break,
      count(*) OVER (PARTITION BY u.unit) > 1 AS is_family
    FROM salesops.territory_plan_units(territory_plan_unit_values.plan_id) u
    CROSS JOIN plan p
    WHERE NOT u.is_exempt AND u.held_at IS NULL
  ), eligibility AS MATERIALIZED (
    SELECT e.* FROM salesops.territory_plan_eligibility(territory_plan_unit_values.plan_id) e
  ), alone AS (
    SELECT a.unit, v.best, v.worst, v.here
    FROM account a JOIN eligibility e ON e.class = a.class CROSS JOIN LATERAL (
      SELECT min(c.value) AS best, max(c.value) AS worst, min(c.value) FILTER (WHERE c.number = a.to_number) AS here
      FROM (SELECT h.number,
              salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x, h.y, h.z), e.mismatch[h.number] * a.tie_break, a.lost_with_budgets, a.owner, h.number)
              + h.p1 * a.a1 + h.p2 * a.a2 + h.p3 * a.a3 + h.p4 * a.a4 + h.p5 * a.a5 + h.p6 * a.a6 + h.p7 * a.a7 + h.p8 * a.a8 AS value
            FROM home h WHERE e.is_eligible[h.number]) c) v
    WHERE NOT a.is_family
  ), member AS (
    SELECT a.unit, h.number, count(*) AS accounts, sum(
        salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x, h.y, h.z), e.mismatch[h.number] * a.tie_break, a.lost_with_budgets, a.owner, h.number)
        + h.p1 * a.a1 + h.p2 * a.a2 + h.p3 * a.a3 + h.p4 * a.a4 + h.p5 * a.a5 + h.p6 * a.a6 + h.p7 * a.a7 + h.p8 * a.a8) AS value,
      bool_or(h.number = a.to_number) AS is_here
    FROM account a JOIN eligibility e ON e.class = a.class CROSS JOIN home h WHERE a.is_family
    GROUP BY a.unit, h.number HAVING bool_and(e.is_eligible[h.number])
  )
  SELECT a.unit, 1, a.best, a.worst, a.here FROM alone a
  UNION ALL
  SELECT m.unit, max(m.accounts), min(m.value), max(m.value), min(m.value) FILTER (WHERE m.is_here) FROM member m GROUP BY m.unit;
END;
COMMENT ON FUNCTION salesops.territory_plan_unit_values(bigint) IS
  'By unit that is not held: its accounts, the least and the most that cost, loads and moves come to at the plan''s prices over the territories that may have it, and what they come to where the plan has it (NULL where '
  'that may not have it). It looks at every account and territory: half a microsecond each; no row for an unknown plan';
