-- Loads, limits and budgets of a plan, as stated and as they follow from what it was given: for whoever verifies or explains it.

-- Loads of a plan, a row for each territory and measure.
CREATE FUNCTION salesops.territory_plan_loads(plan_id bigint, OUT number integer, OUT territory_id text, OUT measure_number integer, OUT measure text,
                                              OUT load_before double precision, OUT load double precision, OUT held double precision,
                                              OUT accounts_before bigint, OUT accounts bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 200
BEGIN ATOMIC
  WITH unit AS MATERIALIZED (
    SELECT u.* FROM salesops.territory_plan_units(territory_plan_loads.plan_id) u WHERE NOT u.is_exempt
  ), here AS (
    SELECT u.to_number AS number, m.measure_number, sum(m.amount) AS load, sum(m.amount) FILTER (WHERE u.held_at IS NOT NULL) AS held, count(*) AS accounts
    FROM unit u CROSS JOIN LATERAL unnest(u.amount) WITH ORDINALITY AS m(amount, measure_number) GROUP BY 1, 2
  ), before AS (
    SELECT u.from_number AS number, m.measure_number, sum(m.amount) AS load, count(*) AS accounts
    FROM unit u CROSS JOIN LATERAL unnest(u.amount) WITH ORDINALITY AS m(amount, measure_number) GROUP BY 1, 2
  )
  SELECT h.number, h.territory_id, m.number::integer, m.name, coalesce(b.load, 0), coalesce(l.load, 0), coalesce(l.held, 0), coalesce(b.accounts, 0), coalesce(l.accounts, 0)
  FROM salesops.territory_plan p
  CROSS JOIN LATERAL unnest(p.measures) WITH ORDINALITY AS m(name, number)
  CROSS JOIN salesops.territory_plan_homes(territory_plan_loads.plan_id) h
  LEFT JOIN here l ON l.number = h.number AND l.measure_number = m.number
  LEFT JOIN before b ON b.number = h.number AND b.measure_number = m.number
  WHERE p.plan_id = territory_plan_loads.plan_id;
END;
COMMENT ON FUNCTION salesops.territory_plan_loads(bigint) IS
  'Loads of a plan by territory and measure, summed from its accounts: before, under the plan, and what of that is held there; exempt accounts do not count. No row for an unknown plan';

CREATE FUNCTION salesops.territory_whole(total double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN total > 0 AND total < 'Infinity' THEN 2 ^ (floor(log(2, total::numeric))::integer - 49) ELSE 1 END;
END;
COMMENT ON FUNCTION salesops.territory_whole(double precision) IS
  'The solver''s unit of a measure, in which amounts are whole numbers: a power of two, so that the total is below 2^50; 1 for a total of 0, NULL, or none that is finite';

-- Limits of a plan, a row for each territory and measure, with what is left of them beside what is held.
CREATE FUNCTION salesops.territory_plan_limits(plan_id bigint, OUT number integer, OUT territory_id text, OUT measure_number integer, OUT measure text,
                                               OUT target double precision, OUT lower double precision, OUT upper double precision,
                                               OUT lower_expected double precision, OUT upper_expected double precision,
                                               OUT lower_free double precision, OUT upper_free double precision, OUT width double precision,
                                               OUT load_before_stated double precision, OUT load_stated double precision,
                                               OUT load_before double precision, OUT load double precision, OUT held double precision, OUT price double precision,
                                               OUT whole double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 200
BEGIN ATOMIC
  WITH measure AS (
    SELECT m.number, greatest(max(t.least[m.number]), (SELECT sum(a.amount[m.number]) FROM salesops.territory_plan_account a WHERE a.plan_id = p.plan_id)) AS total,
      (p.options -> 'measures' -> m.name ->> 'tolerance')::double precision AS tolerance
    FROM salesops.territory_plan p
    CROSS JOIN LATERAL unnest(p.measures) WITH ORDINALITY AS m(name, number)
    JOIN salesops.territory_plan_territory t ON t.plan_id = p.plan_id
    WHERE p.plan_id = territory_plan_limits.plan_id
    GROUP BY p.plan_id, p.options, m.name, m.number
  ), row AS (
    SELECT l.*, t.target[m.number] AS target, t.floor[m.number] AS floor, t.cap[m.number] AS cap, t.least[m.number] AS lower, t.most[m.number] AS upper,
      least(t.most[m.number], m.total) AS reachable, t.load_before[m.number] AS load_before_stated, t.load[m.number] AS load_stated,
      t.price[m.number] AS price, m.tolerance, salesops.territory_whole(m.total) AS whole
    FROM salesops.territory_plan_loads(territory_plan_limits.plan_id) l
    JOIN measure m ON m.number = l.measure_number
    JOIN salesops.territory_plan_territory t ON t.plan_id = territory_plan_limits.plan_id AND t.territory_id = l.territory_id
  )
  SELECT r.number, r.territory_id, r.measure_number, r.measure, r.target, r.lower, r.upper,
    least(greatest(r.target * (1 - r.tolerance), r.floor), r.cap), least(greatest(r.target * (1 + r.tolerance), r.floor), r.cap),
    least(greatest(r.lower - r.held, 0), greatest(r.reachable - r.held, 0)), greatest(r.reachable - r.held, 0), greatest(r.reachable, r.whole),
    r.load_before_stated, r.load_stated, r.load_before, r.load, r.held, r.price, r.whole
  FROM row r;
END;
COMMENT ON FUNCTION salesops.territory_plan_limits(bigint) IS
  'Targets, limits, loads and prices of a plan by territory and measure, as stated and as they follow from its accounts and options: lower_free and upper_free are what the limits leave beside '
  'what is held; width is what a load outside is measured by, and whole the solver''s unit, by which it widens limits at most. No row for an unknown plan';

-- Budgets: 1 is a number of accounts, 2 an amount.
CREATE FUNCTION salesops.territory_plan_budgets(plan_id bigint, OUT budget text, OUT allowed double precision, OUT price double precision,
                                                OUT used_stated double precision, OUT used double precision, OUT held double precision, OUT rounding double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 2
BEGIN ATOMIC
  WITH plan AS (
    SELECT p.*, k.measure, array_position(p.measures, k.measure) AS measure_number
    FROM salesops.territory_plan p LEFT JOIN LATERAL jsonb_object_keys(p.options -> 'most_moved') AS k(measure) ON true
    WHERE p.plan_id = territory_plan_budgets.plan_id
  ), owned AS MATERIALIZED (
    SELECT u.owner <> u.to_number AS is_moved, u.held_at IS NOT NULL AS is_held, u.amount[p.measure_number] AS amount
    FROM plan p CROSS JOIN salesops.territory_plan_units(territory_plan_budgets.plan_id) u
    WHERE NOT u.is_exempt AND u.owner IS NOT NULL
  ), moved AS (
    SELECT count(*) AS accounts, coalesce(sum(o.amount), 0) AS amount, count(*) FILTER (WHERE o.is_held) AS held_accounts,
      coalesce(sum(o.amount) FILTER (WHERE o.is_held), 0) AS held_amount
    FROM owned o WHERE o.is_moved
  ), grain AS MATERIALIZED (
    -- Once, and not for every account that it is divided into.
    SELECT salesops.territory_whole(greatest(
      (SELECT sum(a.amount[p.measure_number]) FROM salesops.territory_plan_account a WHERE a.plan_id = p.plan_id),
      (SELECT max(t.least[p.measure_number]) FROM salesops.territory_plan_territory t WHERE t.plan_id = p.plan_id))) AS whole FROM plan p
  ), rounded AS (
    SELECT coalesce(sum(greatest(round(o.amount / g.whole) - o.amount / g.whole, 0)), 0) * max(g.whole) AS amount, max(g.whole) AS whole
    FROM grain g LEFT JOIN owned o ON true
  )
  SELECT 'most_moves', (p.options ->> 'most_moves')::double precision, p.budget_price[1], p.budget_used[1], m.accounts, m.held_accounts, 0 FROM plan p, moved m
  UNION ALL
  SELECT 'most_moved', b.allowed, p.budget_price[2], p.budget_used[2], m.amount, m.held_amount,
    CASE WHEN r.amount > 0 THEN r.amount + 2 * r.whole ELSE 0 END + CASE WHEN b.allowed < r.whole * 1e15 THEN ceil(b.allowed / r.whole) * r.whole - b.allowed ELSE 0 END
  FROM plan p, moved m, rounded r, LATERAL (SELECT (p.options -> 'most_moved' ->> p.measure)::double precision AS allowed) b;
END;
COMMENT ON FUNCTION salesops.territory_plan_budgets(bigint) IS
  'Budgets of a plan for moves: what is allowed (NULL = no limit), the price, what is used as stated and as it follows from its accounts, what of that is held, '
  'and by how much rounding amounts to the solver''s whole numbers may have widened it (0 where they are whole). No row for an unknown plan';
