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
  WITH home AS MATERIALIZED (
    SELECT h.number, h.territory_id FROM salesops.territory_plan_homes(territory_plan_units.plan_id) h
  ), account AS (
    SELECT a.*, a.hold IS NOT DISTINCT FROM 'exempt' AS is_exempt FROM salesops.territory_plan_account a WHERE a.plan_id = territory_plan_units.plan_id
  ), family AS (
    SELECT a.family, max(h.number) AS held_at FROM account a JOIN home h ON h.territory_id = a.hold_territory WHERE a.family IS NOT NULL AND NOT a.is_exempt GROUP BY a.family
  )
  SELECT a.account_id, CASE WHEN NOT a.is_exempt THEN coalesce('family ' || a.family, 'account ' || a.account_id) END COLLATE "C", a.class, a.amount, a.x, a.y, a.z,
    p.tie_break * a.distance_cost, CASE WHEN p.options ->> 'objective' = 'fewest_moves' THEN 1 ELSE a.relationship END,
    a.is_exempt, CASE WHEN NOT a.is_exempt THEN CASE WHEN a.family IS NULL THEN h.number ELSE m.held_at END END,
    CASE WHEN a.hold IS DISTINCT FROM 'ineligible' THEN f.number END, f.number, t.number, a.from_territory, a.to_territory, a.hold, a.family, a.regret
  FROM account a
  JOIN salesops.territory_plan p ON p.plan_id = a.plan_id
  LEFT JOIN home h ON h.territory_id = a.hold_territory
  LEFT JOIN home f ON f.territory_id = a.from_territory
  LEFT JOIN home t ON t.territory_id = a.to_territory
  LEFT JOIN family m ON m.family = a.family;
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
--
-- It need not look at every account and territory. Accounts of a class that lie close together and have similar amounts are a cell. A territory is
-- cheapest for none of them if it is dearer than the one that is cheapest in the middle of the cell even with its distance taken a radius too short, the
-- other's a radius too long, and of the amounts in the cell those that favour it most. So every account is held against the territories that this leaves,
-- its owner, who costs no relationship, and where the plan has it. A sample of accounts is held against all territories, for how far apart costs lie.
-- Costs and amounts below 0 would undo this: check `numbers` refuses them.
-- Of up to eight measures those that there are not cost no time: their arrays of prices are NULL.

CREATE FUNCTION salesops.territory_least_product(factor double precision, low double precision, high double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT least(factor * low, factor * high);
END;
COMMENT ON FUNCTION salesops.territory_least_product(double precision, double precision, double precision) IS 'The least product of a factor and any number from low to high';

CREATE FUNCTION salesops.territory_plan_unit_values(plan_id bigint, OUT unit text, OUT accounts bigint, OUT best double precision, OUT apart double precision,
                                                    OUT dearest double precision, OUT here double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 SET enable_nestloop = off SET jit = off
BEGIN ATOMIC
  WITH plan AS MATERIALIZED (
    SELECT coalesce(p.budget_price[1], 0) AS count_price, coalesce(p.budget_price[2], 0) AS amount_price, p.tie_break, greatest(p.accounts / 1000, 1) AS sample, cardinality(p.measures) AS measures,
      array_position(p.measures, (SELECT k.measure FROM jsonb_object_keys(p.options -> 'most_moved') AS k(measure))) AS budget_measure
    FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_unit_values.plan_id
  ), home AS MATERIALIZED (
    -- Arrays by number, and how far apart prices lie. An array without NULLs is quick to look into.
    SELECT CASE WHEN count(h.x) > 0 THEN array_agg(h.x ORDER BY h.number) END AS x, CASE WHEN count(h.y) > 0 THEN array_agg(h.y ORDER BY h.number) END AS y, CASE WHEN count(h.z) > 0 THEN array_agg(h.z ORDER BY h.number) END AS z,
      array_agg(coalesce(h.price[1], 0) ORDER BY h.number) AS p1, CASE WHEN p.measures >= 2 THEN array_agg(coalesce(h.price[2], 0) ORDER BY h.number) END AS p2,
      CASE WHEN p.measures >= 3 THEN array_agg(coalesce(h.price[3], 0) ORDER BY h.number) END AS p3, CASE WHEN p.measures >= 4 THEN array_agg(coalesce(h.price[4], 0) ORDER BY h.number) END AS p4,
      CASE WHEN p.measures >= 5 THEN array_agg(coalesce(h.price[5], 0) ORDER BY h.number) END AS p5, CASE WHEN p.measures >= 6 THEN array_agg(coalesce(h.price[6], 0) ORDER BY h.number) END AS p6,
      CASE WHEN p.measures >= 7 THEN array_agg(coalesce(h.price[7], 0) ORDER BY h.number) END AS p7, CASE WHEN p.measures >= 8 THEN array_agg(coalesce(h.price[8], 0) ORDER BY h.number) END AS p8,
      max(h.price[1]) - min(h.price[1]) AS s1, max(h.price[2]) - min(h.price[2]) AS s2, max(h.price[3]) - min(h.price[3]) AS s3, max(h.price[4]) - min(h.price[4]) AS s4,
      max(h.price[5]) - min(h.price[5]) AS s5, max(h.price[6]) - min(h.price[6]) AS s6, max(h.price[7]) - min(h.price[7]) AS s7, max(h.price[8]) - min(h.price[8]) AS s8
    FROM salesops.territory_plan_homes(territory_plan_unit_values.plan_id) h CROSS JOIN plan p GROUP BY p.measures
  ), eligibility AS MATERIALIZED (
    SELECT e.class, e.is_eligible, array_positions(e.is_eligible, true) AS numbers, ARRAY(SELECT m.cost * p.tie_break FROM unnest(e.mismatch) WITH ORDINALITY AS m(cost, number) ORDER BY m.number) AS mismatch
    FROM salesops.territory_plan_eligibility(territory_plan_unit_values.plan_id) e CROSS JOIN plan p
  ), account AS MATERIALIZED (
    SELECT u.unit, u.class, u.family IS NOT NULL AS is_family, hashtext(u.unit) % p.sample = 0 AS is_sample, u.x, u.y, u.z,
      CASE WHEN u.x IS NULL THEN 0 ELSE u.distance_cost END AS distance_cost, u.lost, u.owner, u.to_number,
      coalesce(u.amount[1], 0) AS a1, coalesce(u.amount[2], 0) AS a2, coalesce(u.amount[3], 0) AS a3, coalesce(u.amount[4], 0) AS a4,
      coalesce(u.amount[5], 0) AS a5, coalesce(u.amount[6], 0) AS a6, coalesce(u.amount[7], 0) AS a7, coalesce(u.amount[8], 0) AS a8,
      p.count_price + p.amount_price * coalesce(u.amount[p.budget_measure], 0) AS budgets
    FROM salesops.territory_plan_units(territory_plan_unit_values.plan_id) u CROSS JOIN plan p
    WHERE NOT u.is_exempt AND u.held_at IS NULL
  ),
  -- Cells of about twenty, as many along the map's two axes as along what prices can make of the amounts.
  parted AS (
    SELECT a.*, c.parts, ntile(c.parts) OVER (PARTITION BY a.class ORDER BY a.x) AS part_x
    FROM account a JOIN (SELECT a.class, ceil(power(count(*) / 20.0, 1 / 3.0))::integer AS parts FROM account a WHERE NOT a.is_family GROUP BY a.class) c ON c.class = a.class
    WHERE NOT a.is_family
  ), parted_twice AS (
    SELECT a.*, ntile(a.parts) OVER (PARTITION BY a.class, a.part_x ORDER BY a.y) AS part_y FROM parted a
  ), alone AS MATERIALIZED (
    SELECT a.*, ntile(a.parts) OVER (
        PARTITION BY a.class, a.part_x, a.part_y
        ORDER BY coalesce(a.a1 * h.s1, 0) + coalesce(a.a2 * h.s2, 0) + coalesce(a.a3 * h.s3, 0) + coalesce(a.a4 * h.s4, 0) + coalesce(a.a5 * h.s5, 0) + coalesce(a.a6 * h.s6, 0) + coalesce(a.a7 * h.s7, 0) + coalesce(a.a8 * h.s8, 0)) AS part
    FROM parted_twice a CROSS JOIN home h
  ), cell AS (
    SELECT a.class, a.part_x, a.part_y, a.part, (min(a.x) + max(a.x)) / 2 AS x, (min(a.y) + max(a.y)) / 2 AS y, (min(a.z) + max(a.z)) / 2 AS z,
      salesops.territory_distance(min(a.x), min(a.y), min(a.z), max(a.x), max(a.y), max(a.z)) / 2 AS radius, min(a.distance_cost) AS low, max(a.distance_cost) AS high, max(a.lost) AS lost,
      min(a.a1) AS l1, min(a.a2) AS l2, min(a.a3) AS l3, min(a.a4) AS l4, min(a.a5) AS l5, min(a.a6) AS l6, min(a.a7) AS l7, min(a.a8) AS l8,
      max(a.a1) AS h1, max(a.a2) AS h2, max(a.a3) AS h3, max(a.a4) AS h4, max(a.a5) AS h5, max(a.a6) AS h6, max(a.a7) AS h7, max(a.a8) AS h8
    FROM alone a GROUP BY a.class, a.part_x, a.part_y, a.part
  ), middle AS (
    SELECT c.*, m.cheapest[2]::integer AS cheapest, m.dearest
    FROM cell c JOIN eligibility e ON e.class = c.class CROSS JOIN home h CROSS JOIN LATERAL (
      SELECT min(ARRAY[(c.low + c.high) / 2 * w.distance + e.mismatch[w.number] + (h.p1[w.number] * (c.l1 + c.h1)
        + CASE WHEN h.p2 IS NOT NULL THEN h.p2[w.number] * (c.l2 + c.h2) + CASE WHEN h.p3 IS NOT NULL THEN h.p3[w.number] * (c.l3 + c.h3)
        + CASE WHEN h.p4 IS NOT NULL THEN h.p4[w.number] * (c.l4 + c.h4) + CASE WHEN h.p5 IS NOT NULL THEN h.p5[w.number] * (c.l5 + c.h5)
        + CASE WHEN h.p6 IS NOT NULL THEN h.p6[w.number] * (c.l6 + c.h6) + CASE WHEN h.p7 IS NOT NULL THEN h.p7[w.number] * (c.l7 + c.h7)
        + CASE WHEN h.p8 IS NOT NULL THEN h.p8[w.number] * (c.l8 + c.h8)
        ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END) / 2, w.number]) AS cheapest,
        max(c.high * (w.distance + c.radius) + e.mismatch[w.number]) + c.lost AS dearest
      FROM (SELECT n.number, salesops.territory_distance(c.x, c.y, c.z, h.x[n.number], h.y[n.number], h.z[n.number]) AS distance FROM unnest(e.numbers) AS n(number) OFFSET 0) w) m
  ), candidate AS MATERIALIZED (
    SELECT c.class, c.part_x, c.part_y, c.part, c.dearest, ARRAY(
        SELECT w.number FROM (
          SELECT n.number, salesops.territory_distance(c.x, c.y, c.z, h.x[n.number], h.y[n.number], h.z[n.number]) - o.distance - 2 * c.radius AS nearer FROM unnest(e.numbers) AS n(number) OFFSET 0) w
        WHERE salesops.territory_least_product(w.nearer, c.low, c.high) + e.mismatch[w.number] - o.mismatch
          + salesops.territory_least_product(h.p1[w.number] - o.p1, c.l1, c.h1)
            + CASE WHEN h.p2 IS NOT NULL THEN salesops.territory_least_product(h.p2[w.number] - o.p2, c.l2, c.h2)
            + CASE WHEN h.p3 IS NOT NULL THEN salesops.territory_least_product(h.p3[w.number] - o.p3, c.l3, c.h3)
            + CASE WHEN h.p4 IS NOT NULL THEN salesops.territory_least_product(h.p4[w.number] - o.p4, c.l4, c.h4)
            + CASE WHEN h.p5 IS NOT NULL THEN salesops.territory_least_product(h.p5[w.number] - o.p5, c.l5, c.h5)
            + CASE WHEN h.p6 IS NOT NULL THEN salesops.territory_least_product(h.p6[w.number] - o.p6, c.l6, c.h6)
            + CASE WHEN h.p7 IS NOT NULL THEN salesops.territory_least_product(h.p7[w.number] - o.p7, c.l7, c.h7)
            + CASE WHEN h.p8 IS NOT NULL THEN salesops.territory_least_product(h.p8[w.number] - o.p8, c.l8, c.h8)
            ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END <= 0) AS numbers
    FROM middle c JOIN eligibility e ON e.class = c.class CROSS JOIN home h CROSS JOIN LATERAL (
      SELECT salesops.territory_distance(c.x, c.y, c.z, h.x[c.cheapest], h.y[c.cheapest], h.z[c.cheapest]) AS distance, e.mismatch[c.cheapest] AS mismatch,
        h.p1[c.cheapest] AS p1, h.p2[c.cheapest] AS p2, h.p3[c.cheapest] AS p3, h.p4[c.cheapest] AS p4, h.p5[c.cheapest] AS p5, h.p6[c.cheapest] AS p6, h.p7[c.cheapest] AS p7, h.p8[c.cheapest] AS p8 OFFSET 0) o
  ), member AS (
    SELECT a.unit, a.is_sample, n.number, w.cost, n.number = a.to_number AS is_here,
      w.cost + CASE WHEN a.owner <> n.number THEN a.budgets ELSE 0 END
      + h.p1[n.number] * a.a1
        + CASE WHEN h.p2 IS NOT NULL THEN h.p2[n.number] * a.a2 + CASE WHEN h.p3 IS NOT NULL THEN h.p3[n.number] * a.a3
        + CASE WHEN h.p4 IS NOT NULL THEN h.p4[n.number] * a.a4 + CASE WHEN h.p5 IS NOT NULL THEN h.p5[n.number] * a.a5
        + CASE WHEN h.p6 IS NOT NULL THEN h.p6[n.number] * a.a6 + CASE WHEN h.p7 IS NOT NULL THEN h.p7[n.number] * a.a7
        + CASE WHEN h.p8 IS NOT NULL THEN h.p8[n.number] * a.a8
        ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END AS value
    FROM account a JOIN eligibility e ON e.class = a.class CROSS JOIN home h CROSS JOIN LATERAL unnest(e.numbers) AS n(number) CROSS JOIN LATERAL (
      -- Once for both, not pulled up.
      SELECT salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x[n.number], h.y[n.number], h.z[n.number]), e.mismatch[n.number], a.lost, a.owner, n.number) AS cost OFFSET 0) w
    WHERE a.is_family
    -- Not pulled up: what is grouped carries no arrays.
    OFFSET 0
  ), family AS (
    SELECT m.unit, m.is_sample, m.number, count(*) AS accounts, sum(m.cost) AS cost, sum(m.value) AS value, bool_or(m.is_here) AS is_here FROM member m GROUP BY m.unit, m.is_sample, m.number
  ), size AS (
    SELECT a.unit, count(*) AS accounts FROM account a WHERE a.is_family GROUP BY a.unit
  )
  SELECT a.unit, 1, v.best, v.apart, c.dearest, v.here
  FROM alone a
  JOIN candidate c ON c.class = a.class AND c.part_x = a.part_x AND c.part_y = a.part_y AND c.part = a.part
  JOIN eligibility e ON e.class = a.class CROSS JOIN home h CROSS JOIN LATERAL (
    SELECT min(k.value) AS best, CASE WHEN a.is_sample THEN max(k.cost) - min(k.cost) END AS apart, min(k.value) FILTER (WHERE k.number = a.to_number) AS here
    FROM (SELECT n.number, w.cost,
            w.cost + CASE WHEN a.owner <> n.number THEN a.budgets ELSE 0 END
            + h.p1[n.number] * a.a1
              + CASE WHEN h.p2 IS NOT NULL THEN h.p2[n.number] * a.a2 + CASE WHEN h.p3 IS NOT NULL THEN h.p3[n.number] * a.a3
              + CASE WHEN h.p4 IS NOT NULL THEN h.p4[n.number] * a.a4 + CASE WHEN h.p5 IS NOT NULL THEN h.p5[n.number] * a.a5
              + CASE WHEN h.p6 IS NOT NULL THEN h.p6[n.number] * a.a6 + CASE WHEN h.p7 IS NOT NULL THEN h.p7[n.number] * a.a7
              + CASE WHEN h.p8 IS NOT NULL THEN h.p8[n.number] * a.a8
              ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END ELSE 0 END AS value
          FROM unnest(CASE WHEN a.is_sample THEN e.numbers
                           ELSE c.numbers || CASE WHEN e.is_eligible[a.owner] THEN ARRAY[a.owner] END || CASE WHEN e.is_eligible[a.to_number] THEN ARRAY[a.to_number] END END) AS n(number) CROSS JOIN LATERAL (
            SELECT salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x[n.number], h.y[n.number], h.z[n.number]), e.mismatch[n.number], a.lost, a.owner, n.number) AS cost OFFSET 0) w
          ) k) v
  UNION ALL
  SELECT s.unit, s.accounts, min(f.value), CASE WHEN f.is_sample THEN max(f.cost) - min(f.cost) END, max(f.cost), min(f.value) FILTER (WHERE f.is_here)
  FROM size s JOIN family f ON f.unit = s.unit AND f.accounts = s.accounts GROUP BY s.unit, s.accounts, f.is_sample;
END;
COMMENT ON FUNCTION salesops.territory_plan_unit_values(bigint) IS
  'By unit that is not held: its accounts; best: the least that cost, loads and moves come to at the plan''s prices over the territories that may have it; apart: how far apart the costs alone lie there '
  '(of a sample, NULL of the others); dearest: no less than the highest of them; here: what cost, loads and moves come to where the plan has it (NULL where that may not have it). No row for an unknown plan';
