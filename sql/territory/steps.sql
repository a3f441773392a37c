-- A higher bound, for accounts are whole. Prices prove a bound that holds for parts of accounts too. Where a territory owns few, whole ones leave or come: a load
-- counted in steps of some size, rounded so that a whole number of them is the most, is one more limit that every plan keeps, and has a price like others
-- (docs/territory.md, "Whole accounts"). The steps that a plan keeps may be any: the bound that is computed of them here holds.

CREATE FUNCTION salesops.is_territory_step(size double precision, below double precision, price double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Amounts are from 1e-30 to 1e30.
  SELECT coalesce(CASE WHEN size = 0 THEN price = 0 AND below IS NULL
                       ELSE price > 0 AND price <= 1e100 AND abs(size) BETWEEN 1e-50 AND 1e50 AND (below IS NULL OR size > 0 AND below BETWEEN 0 AND 1e50) END, false);
END;
COMMENT ON FUNCTION salesops.is_territory_step(double precision, double precision, double precision) IS
  'Whether this is no step (size and price 0), or one with a finite size, a price above 0 and, of the most only, a limit for units that count when they leave; false where size or price is NULL';

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

CREATE FUNCTION salesops.territory_plan_steps(plan_id bigint, OUT number integer, OUT measure_number integer, OUT lower_free double precision, OUT upper_free double precision,
                                              OUT whole_price double precision, OUT size double precision, OUT below double precision, OUT price double precision,
                                              OUT room double precision, OUT most double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 200
BEGIN ATOMIC
  WITH step AS MATERIALIZED (
    SELECT l.number, l.measure_number, l.lower_free, l.upper_free, coalesce(t.whole_price[l.measure_number], 0) AS whole_price,
      CASE WHEN s.is_step THEN t.step_size[l.measure_number] END AS size, CASE WHEN s.is_step THEN coalesce(t.step_below[l.measure_number], 'Infinity') END AS below,
      CASE WHEN s.is_step THEN t.step_price[l.measure_number] ELSE 0 END AS price
    FROM salesops.territory_plan_limits(territory_plan_steps.plan_id) l
    JOIN salesops.territory_plan_territory t ON t.plan_id = territory_plan_steps.plan_id AND t.territory_id = l.territory_id
    CROSS JOIN LATERAL (SELECT t.step_size[l.measure_number] <> 0
                          AND salesops.is_territory_step(t.step_size[l.measure_number], t.step_below[l.measure_number], t.step_price[l.measure_number]) AS is_step) s
    WHERE t.whole_price IS NOT NULL
  ), own AS MATERIALIZED (
    SELECT u.owner, m.number, m.amount
    FROM salesops.territory_plan_free_units(territory_plan_steps.plan_id) u CROSS JOIN LATERAL unnest(u.amount) WITH ORDINALITY AS m(amount, number)
    WHERE NOT EXISTS (SELECT FROM salesops.territory_plan_eligibility(territory_plan_steps.plan_id) e WHERE e.class = ANY (u.classes) AND NOT e.is_eligible[u.owner])
  ), counted AS (
    -- What rounding may have made a little less than a whole number is one, which only widens the limit.
    SELECT b.*, floor(b.beside + 1e-9) AS whole, greatest(b.beside - floor(b.beside + 1e-9), 0) AS room
    FROM (SELECT s.number, s.measure_number, CASE WHEN s.size > 0 THEN s.upper_free ELSE s.lower_free END / s.size - coalesce(sum(o.amount / s.size), 0) AS beside
          FROM step s LEFT JOIN own o ON o.owner = s.number AND o.number = s.measure_number AND o.amount < s.below WHERE s.size IS NOT NULL
          GROUP BY s.number, s.measure_number, s.size, s.upper_free, s.lower_free) b
  )
  SELECT s.number, s.measure_number, s.lower_free, s.upper_free, s.whole_price, s.size, s.below, s.price, c.room, c.whole - coalesce(sum(salesops.territory_steps(-o.amount / s.size, c.room)), 0)
  FROM step s LEFT JOIN counted c ON c.number = s.number AND c.measure_number = s.measure_number
  LEFT JOIN own o ON o.owner = s.number AND o.number = s.measure_number AND o.amount < s.below
  GROUP BY s.number, s.measure_number, s.lower_free, s.upper_free, s.whole_price, s.size, s.below, s.price, c.room, c.whole;
END;
COMMENT ON FUNCTION salesops.territory_plan_steps(bigint) IS
  'Loads of a plan that keeps a proof by whole accounts, by territory and measure: limits beside what is held, price, and the step: size, units that count when they leave, price, room = what is left of the next whole step, '
  'from 0 to below 1, and most = how many steps there may be; NULL (price 0) where there is no step, or none that makes sense. No row for an unknown plan, or one without such a proof';

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
    SELECT h.number, h.x, h.y, h.z, s.whole_price, s.size, s.below, s.price, s.room
    FROM salesops.territory_plan_homes(territory_plan_steps_bound.plan_id) h
    JOIN (SELECT s.number, array_agg(s.whole_price ORDER BY s.measure_number) AS whole_price, array_agg(s.size ORDER BY s.measure_number) AS size, array_agg(s.below ORDER BY s.measure_number) AS below,
            array_agg(s.price ORDER BY s.measure_number) AS price, array_agg(s.room ORDER BY s.measure_number) AS room
          FROM step s GROUP BY s.number) s ON s.number = h.number
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
    SELECT c.unit, min(c.cost + l.value) AS value
    FROM cost c JOIN salesops.territory_plan_free_units(territory_plan_steps_bound.plan_id) u ON u.unit = c.unit AND u.accounts = c.accounts JOIN home h ON h.number = c.number
    CROSS JOIN LATERAL (
      SELECT sum(m.whole_price * m.amount
                 + CASE WHEN m.price = 0 THEN 0
                        WHEN u.owner = h.number AND m.amount < m.below THEN -m.price * salesops.territory_steps(-m.amount / m.size, m.room)
                        ELSE m.price * salesops.territory_steps(m.amount / m.size, m.room) END) AS value
      FROM unnest(u.amount, h.whole_price, h.size, h.below, h.price, h.room) AS m(amount, whole_price, size, below, price, room)) l
    GROUP BY c.unit
  ), held AS (
    SELECT coalesce(sum(salesops.territory_account_cost(a.distance_cost, salesops.territory_distance(a.x, a.y, a.z, h.x, h.y, h.z), e.mismatch[h.number] * a.tie_break, a.lost, a.owner, h.number)), 0) AS cost
    FROM account a JOIN eligibility e ON e.class = a.class JOIN home h ON h.number = a.held_at
  ), slack AS (
    SELECT sum(greatest(s.whole_price * s.lower_free, s.whole_price * s.upper_free) + s.price * coalesce(s.most, 0)) AS value,
      sum(abs(s.whole_price) * s.upper_free + s.price * abs(coalesce(s.most, 0))) AS size, sum(s.price) AS price FROM step s
  ), budget AS (
    SELECT coalesce(sum(b.price * greatest(b.allowed - b.held, 0)), 0) AS value FROM salesops.territory_plan_budgets(territory_plan_steps_bound.plan_id) b WHERE b.allowed IS NOT NULL
  ), total AS (
    SELECT coalesce(sum(b.value), 0) AS value, coalesce(sum(abs(b.value)), 0) AS size, count(*) AS units FROM best b
  ), dearest AS (
    SELECT max(s.price) AS price FROM (SELECT sum(s.price) AS price FROM step s GROUP BY s.number) s
  )
  -- The solver counts in whole multiples of 2^-20 of a step: units a little less, the most a little more.
  SELECT h.cost + t.value - s.value - b.value, h.cost + t.size + s.size, 2 ^ -19 * (t.units * d.price + s.price)
  FROM held h, total t, slack s, budget b, dearest d WHERE s.value IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.territory_plan_steps_bound(bigint) IS
  'Lower bound of a plan from its whole_price and its steps: every unit where it is cheapest at both, less what limits, steps and budgets take back; size = what was added up, all of it positive; rounding = '
  'what the solver''s bound may be lower for its rounding of steps. No row for an unknown plan, or one that keeps no such proof';
