-- A higher bound, for accounts are whole. Prices prove a bound that holds for parts of accounts too. Where a territory owns few, whole ones leave or come: what comes and leaves,
-- counted in whole steps of any kind, is one more load that every plan keeps within a limit, and has a price like others (docs/territory.md, "Whole accounts"). The steps that a plan
-- keeps may be any: the bound that is computed of them here holds.

CREATE FUNCTION salesops.is_territory_step(weight double precision[], below double precision, price double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Amounts are from 1e-30 to 1e30.
  SELECT coalesce(price > 0 AND price <= 1e100 AND coalesce(abs(below) <= 1e100, true) AND (SELECT bool_and(w = 0 OR abs(w) BETWEEN 1e-100 AND 1e100) AND bool_or(w <> 0) AND count(w) = count(*) FROM unnest(weight) w), false);
END;
COMMENT ON FUNCTION salesops.is_territory_step(double precision[], double precision, double precision) IS
  'Whether this is a step that means something: finite weights of the measures that are not all 0, a price above 0, and a finite limit for units that count when they leave, or NULL; false where a weight or the price is NULL';

CREATE FUNCTION salesops.territory_steps(number double precision, room double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT floor(number) + greatest(number - floor(number) - room, 0) / (1 - room);
END;
COMMENT ON FUNCTION salesops.territory_steps(double precision, double precision) IS
  'A number of steps as it counts where room of one more is left, from 0 to below 1: the whole ones, and what is left of it beside the room evenly up to the next (mixed-integer rounding, '
  'Nemhauser and Wolsey 1990); NULL where either is';

CREATE FUNCTION salesops.territory_plan_free_units(plan_id bigint, OUT unit text, OUT accounts bigint, OUT classes integer[], OUT owner integer, OUT amount double precision[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 10000
BEGIN ATOMIC
  WITH account AS MATERIALIZED (
    SELECT u.unit, u.class, u.owner, u.amount FROM salesops.territory_plan_units(territory_plan_free_units.plan_id) u WHERE NOT u.is_exempt AND u.held_at IS NULL
  ), load AS (
    SELECT s.unit, array_agg(s.amount ORDER BY s.number) AS amount
    FROM (SELECT a.unit, m.number, sum(m.amount) AS amount FROM account a CROSS JOIN LATERAL unnest(a.amount) WITH ORDINALITY AS m(amount, number) GROUP BY a.unit, m.number) s GROUP BY s.unit
  )
  SELECT a.unit, count(*), array_agg(DISTINCT a.class), CASE WHEN count(a.owner) = count(*) AND min(a.owner) = max(a.owner) THEN min(a.owner) END, l.amount
  FROM account a JOIN load l ON l.unit = a.unit GROUP BY a.unit, l.amount;
END;
COMMENT ON FUNCTION salesops.territory_plan_free_units(bigint) IS
  'Units of a plan that are not held, families as one: accounts, their classes, owner = the owner of all of them, by number (territory_plan_homes), NULL where they differ or have none, and amounts by measure. '
  'No row for an unknown plan';

CREATE FUNCTION salesops.territory_plan_steps(plan_id bigint, OUT number integer, OUT step integer, OUT weight double precision[], OUT below double precision, OUT price double precision,
                                              OUT room double precision, OUT most double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 200
BEGIN ATOMIC
  WITH kept AS MATERIALIZED (
    SELECT h.number, p.step::integer AS step, w.weight, coalesce(t.step_below[p.step], 'Infinity') AS below, p.price
    FROM salesops.territory_plan_territory t JOIN salesops.territory_plan_homes(territory_plan_steps.plan_id) h ON h.territory_id = t.territory_id
    CROSS JOIN LATERAL unnest(t.step_price) WITH ORDINALITY AS p(price, step) CROSS JOIN LATERAL (SELECT ARRAY(SELECT u FROM unnest(t.step_weight[p.step:p.step]) u) AS weight OFFSET 0) w
    WHERE t.plan_id = territory_plan_steps.plan_id AND salesops.is_territory_step(w.weight, t.step_below[p.step], p.price)
  ), limits AS (
    SELECT k.number, k.step, sum(greatest(k.weight[l.measure_number] * l.lower_free, k.weight[l.measure_number] * l.upper_free)) AS steps
    FROM kept k JOIN salesops.territory_plan_limits(territory_plan_steps.plan_id) l ON l.number = k.number GROUP BY k.number, k.step
  ), own AS MATERIALIZED (
    SELECT k.number, k.step, v.steps
    FROM kept k JOIN salesops.territory_plan_free_units(territory_plan_steps.plan_id) u ON u.owner = k.number
    CROSS JOIN LATERAL (SELECT sum(a.amount * a.weight) AS steps FROM unnest(u.amount, k.weight) AS a(amount, weight)) v
    WHERE v.steps < k.below AND NOT EXISTS (SELECT FROM salesops.territory_plan_eligibility(territory_plan_steps.plan_id) e WHERE e.class = ANY (u.classes) AND NOT e.is_eligible[k.number])
  ), counted AS (
    -- What rounding may have made a little less than a whole number is one, which only widens the limit.
    SELECT b.number, b.step, floor(b.beside + 1e-9) AS whole, greatest(b.beside - floor(b.beside + 1e-9), 0) AS room
    FROM (SELECT l.number, l.step, l.steps - coalesce(sum(o.steps), 0) AS beside FROM limits l LEFT JOIN own o ON o.number = l.number AND o.step = l.step GROUP BY l.number, l.step, l.steps) b
  )
  SELECT k.number, k.step, k.weight, k.below, k.price, c.room, c.whole - coalesce(sum(salesops.territory_steps(-o.steps, c.room)), 0)
  FROM kept k JOIN counted c ON c.number = k.number AND c.step = k.step LEFT JOIN own o ON o.number = k.number AND o.step = k.step
  GROUP BY k.number, k.step, k.weight, k.below, k.price, c.room, c.whole;
END;
COMMENT ON FUNCTION salesops.territory_plan_steps(bigint) IS
  'Steps that a plan keeps, by territory (territory_plan_homes) and place: what a unit of each measure comes to, units that count when they leave (Infinity = all), price, room = what is left of the next whole step beside them, '
  'from 0 to below 1, and most = how many there may be. Steps that mean nothing are left out. No row for an unknown plan, or one whose prices alone prove its bound';

CREATE FUNCTION salesops.territory_plan_steps_bound(plan_id bigint, OUT bound double precision, OUT size double precision, OUT rounding double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 1
BEGIN ATOMIC
  WITH plan AS MATERIALIZED (
    SELECT coalesce(p.budget_price[1], 0) AS count_price, coalesce(p.budget_price[2], 0) AS amount_price, p.tie_break,
      array_position(p.measures, (SELECT k.measure FROM jsonb_object_keys(p.options -> 'most_moved') AS k(measure))) AS budget_measure
    FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_steps_bound.plan_id
  ), step AS MATERIALIZED (
    SELECT s.* FROM salesops.territory_plan_steps(territory_plan_steps_bound.plan_id) s
  ), home AS MATERIALIZED (
    SELECT h.number, h.x, h.y, h.z, t.whole_price, s.weight, s.below, s.price, s.room
    FROM salesops.territory_plan_homes(territory_plan_steps_bound.plan_id) h
    JOIN salesops.territory_plan_territory t ON t.plan_id = territory_plan_steps_bound.plan_id AND t.territory_id = h.territory_id
    LEFT JOIN (SELECT s.number, array_agg(s.weight ORDER BY s.step) AS weight, array_agg(s.below ORDER BY s.step) AS below, array_agg(s.price ORDER BY s.step) AS price, array_agg(s.room ORDER BY s.step) AS room
               FROM step s GROUP BY s.number) s ON s.number = h.number
    WHERE t.whole_price IS NOT NULL
  ), eligibility AS MATERIALIZED (
    SELECT e.class, e.is_eligible, e.mismatch FROM salesops.territory_plan_eligibility(territory_plan_steps_bound.plan_id) e
  ), account AS MATERIALIZED (
    SELECT u.*, p.count_price + p.amount_price * coalesce(u.amount[p.budget_measure], 0) AS budgets, p.tie_break
    FROM salesops.territory_plan_units(territory_plan_steps_bound.plan_id) u CROSS JOIN plan p WHERE NOT u.is_exempt
  ), member AS NOT MATERIALIZED (
    SELECT a.unit, a.family IS NOT NULL AS is_family, h.number,
      salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x, h.y, h.z), e.mismatch[h.number] * a.tie_break, a.lost, a.owner, h.number)
        + CASE WHEN a.owner <> h.number THEN a.budgets ELSE 0 END AS cost
    FROM account a JOIN eligibility e ON e.class = a.class CROSS JOIN home h WHERE a.held_at IS NULL AND e.is_eligible[h.number]
  ), cost AS (
    SELECT m.unit, m.number, 1 AS accounts, m.cost FROM member m WHERE NOT m.is_family
    UNION ALL
    SELECT m.unit, m.number, count(*), sum(m.cost) FROM member m WHERE m.is_family GROUP BY m.unit, m.number
  ), best AS (
    SELECT c.unit, min(c.cost + (SELECT sum(a.amount * a.price) FROM unnest(u.amount, h.whole_price) AS a(amount, price))
                       + coalesce((SELECT sum(s.price * CASE WHEN u.owner = h.number AND v.steps < s.below THEN -salesops.territory_steps(-v.steps, s.room) ELSE salesops.territory_steps(v.steps, s.room) END)
                                   FROM unnest(h.price, h.below, h.room) WITH ORDINALITY AS s(price, below, room, step)
                                   CROSS JOIN LATERAL (SELECT sum(a.amount * a.weight) AS steps FROM unnest(u.amount, h.weight[s.step:s.step]) AS a(amount, weight)) v), 0)) AS value
    FROM cost c JOIN salesops.territory_plan_free_units(territory_plan_steps_bound.plan_id) u ON u.unit = c.unit AND u.accounts = c.accounts JOIN home h ON h.number = c.number
    GROUP BY c.unit
  ), held AS (
    SELECT coalesce(sum(salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x, h.y, h.z), e.mismatch[h.number] * a.tie_break, a.lost, a.owner, h.number)), 0) AS cost
    FROM account a JOIN eligibility e ON e.class = a.class JOIN home h ON h.number = a.held_at
  ), slack AS (
    SELECT sum(greatest(h.whole_price[l.measure_number] * l.lower_free, h.whole_price[l.measure_number] * l.upper_free)) AS value, sum(abs(h.whole_price[l.measure_number]) * l.upper_free) AS size
    FROM home h JOIN salesops.territory_plan_limits(territory_plan_steps_bound.plan_id) l ON l.number = h.number
  ), counted AS (
    SELECT coalesce(sum(s.price * s.most), 0) AS value, coalesce(sum(s.price * abs(s.most)), 0) AS size, coalesce(sum(s.price), 0) AS price FROM step s
  ), budget AS (
    SELECT coalesce(sum(b.price * greatest(b.allowed - b.held, 0)), 0) AS value FROM salesops.territory_plan_budgets(territory_plan_steps_bound.plan_id) b WHERE b.allowed IS NOT NULL
  ), total AS (
    SELECT coalesce(sum(b.value), 0) AS value, coalesce(sum(abs(b.value)), 0) AS size, count(*) AS units FROM best b
  ), dearest AS (
    SELECT coalesce(max(s.price), 0) AS price FROM (SELECT sum(s.price) AS price FROM step s GROUP BY s.number) s
  )
  -- The solver counts in whole multiples of 2^-20 of a step: units a little less, the most a little more.
  SELECT h.cost + t.value - s.value - c.value - b.value, h.cost + t.size + s.size + c.size, 2 ^ -19 * (t.units * d.price + c.price)
  FROM held h, total t, slack s, counted c, budget b, dearest d WHERE s.value IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.territory_plan_steps_bound(bigint) IS
  'Lower bound of a plan from its whole_price and its steps: every unit where it is cheapest at both, less what limits, steps and budgets take back; size = what was added up, all of it positive; rounding = '
  'what the solver''s bound may be lower for its rounding of steps. No row for an unknown plan, or one that keeps no such proof';
