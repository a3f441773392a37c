-- Whether a plan is what it claims to be: everything that it states is computed anew from what it was given and from its prices.
--
-- This is plain SQL and shares no line with the solver. The lower bound takes no search: at any prices, every account where it is cheapest
-- is cheaper than every plan (docs/territory.md); so whoever has the prices, and the steps of a higher bound, has the proof.

CREATE FUNCTION salesops.is_territory_place(x double precision, y double precision, z double precision, is_flat boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN x IS NULL THEN y IS NULL AND z IS NULL
              ELSE abs(x) < 'Infinity' AND coalesce(abs(y) < 'Infinity', false) AND coalesce(abs(z) < 'Infinity', true) AND coalesce((z IS NULL) = is_flat, true) END;
END;
COMMENT ON FUNCTION salesops.is_territory_place(double precision, double precision, double precision, boolean) IS
  'Whether this is no place at all, or a finite one with as many coordinates as the map has: two where it is flat, otherwise three; is_flat NULL = no home has a place';

CREATE FUNCTION salesops.territory_plan_checks(plan_id bigint, OUT "check" text, OUT ok boolean, OUT value text, OUT expected text, OUT detail text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off ROWS 20
BEGIN ATOMIC
  WITH plan AS MATERIALIZED (
    SELECT p.* FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_checks.plan_id
  ), unit AS MATERIALIZED (
    SELECT u.* FROM salesops.territory_plan_units(territory_plan_checks.plan_id) u
  ), eligibility AS MATERIALIZED (
    SELECT e.* FROM salesops.territory_plan_eligibility(territory_plan_checks.plan_id) e
  ), bounds AS MATERIALIZED (
    SELECT l.* FROM salesops.territory_plan_limits(territory_plan_checks.plan_id) l
  ), budget AS MATERIALIZED (
    SELECT b.* FROM salesops.territory_plan_budgets(territory_plan_checks.plan_id) b
  ), unit_value AS MATERIALIZED (
    SELECT v.* FROM salesops.territory_plan_unit_values(territory_plan_checks.plan_id) v
  ), given AS MATERIALIZED (
    SELECT salesops.territory_plan_hash(territory_plan_checks.plan_id) AS hash
  ), account_cost AS (
    SELECT u.account_id, u.held_at IS NOT NULL AS is_held,
      salesops.territory_account_cost(u.distance_cost, salesops.territory_distance(u.x, u.y, u.z, h.x, h.y, h.z), e.mismatch[u.to_number] * p.tie_break, u.lost, u.owner, u.to_number) AS cost
    FROM unit u
    JOIN eligibility e ON e.class = u.class
    JOIN salesops.territory_plan_homes(territory_plan_checks.plan_id) h ON h.number = u.to_number
    CROSS JOIN plan p
    WHERE NOT u.is_exempt
  ), account_sum AS (
    SELECT coalesce(sum(c.cost), 0) AS cost, coalesce(sum(c.cost) FILTER (WHERE c.is_held), 0) AS held_cost FROM account_cost c
  ), slack AS (
    SELECT coalesce((SELECT sum(greatest(l.price * l.lower_free, l.price * l.upper_free)) FROM bounds l), 0)
           + coalesce((SELECT sum(b.price * greatest(b.allowed - b.held, 0)) FROM budget b WHERE b.allowed IS NOT NULL), 0) AS value,
      coalesce((SELECT sum(abs(l.price) * l.upper_free) FROM bounds l), 0) AS size
  ), certificate AS (
    -- The solver rounds costs down to whole multiples of at most 2^-21 of how far apart the costs of a unit lie (of 1 where they are all alike), or 2^-39 of the highest: its bound may be
    -- lower by that, never above.
    SELECT s.held_cost + coalesce(sum(v.best), 0) - k.value AS bound, abs(s.held_cost) + coalesce(sum(abs(v.best)), 0) + k.size AS size,
      greatest(coalesce(avg(nullif(v.apart, 0)), 1) * 1e-6, max(v.dearest) * 2 ^ -38) AS grain
    FROM account_sum s CROSS JOIN slack k LEFT JOIN unit_value v ON true GROUP BY s.held_cost, k.value, k.size
  ), proof AS (
    -- Where there are steps, they prove the bound, and the prices one that is no higher.
    SELECT coalesce(w.bound, c.bound) AS bound,
      -- Prices may be as high as one likes where limits leave no room: then what was added up says nothing of how well it is known.
      least(1e-9 * coalesce(w.size, c.size), 1e-6 * greatest(abs(p.cost), abs(coalesce(w.bound, c.bound))) + p.accounts * c.grain) AS blur, p.accounts * c.grain + coalesce(w.rounding, 0) AS rounding, c.bound - 1e-9 * c.size - p.accounts * c.grain AS least
    FROM plan p CROSS JOIN certificate c
    -- Of an unknown plan there is nothing to add up.
    LEFT JOIN salesops.territory_plan_steps_bound((SELECT t.plan_id FROM salesops.territory_plan_territory t WHERE t.plan_id = territory_plan_checks.plan_id AND t.whole_price IS NOT NULL LIMIT 1)) w ON true
  ), beyond AS MATERIALIZED (
    -- The solver measures in whole numbers, limits and widths too. That is next to nothing, but for a load at its limit, or of a territory that is to get next to nothing.
    SELECT l.*, greatest(l.load - l.upper, l.lower - l.load) / l.width AS share, (4 + coalesce(f.accounts, 0) / 2.0) * l.whole / l.width AS blur
    FROM bounds l LEFT JOIN (SELECT u.to_number, count(*) AS accounts FROM unit u GROUP BY u.to_number) f ON f.to_number = l.number
  ), outside AS (
    SELECT coalesce((SELECT sum(s.share) FROM beyond s WHERE s.share * s.width > s.whole), 0)
           + coalesce((SELECT sum(greatest(b.held - b.rounding - b.allowed, 0) / greatest(b.allowed + b.rounding, 1)
                                  + greatest(b.used - b.rounding - greatest(b.allowed, b.held), 0) / greatest(b.allowed + b.rounding, b.held, 1)) FROM budget b WHERE b.allowed IS NOT NULL), 0) AS value,
      coalesce((SELECT sum(s.blur * (1 + greatest(s.share, 0))) FROM beyond s WHERE s.share > - s.blur), 0) AS rounding
  ),
  -- What each finding should say; a finding of another kind, or one more, or one fewer, is false.
  proper AS (
    SELECT 'outside' AS finding, l.territory_id, NULL::text AS account_id, l.measure, l.load AS value, CASE WHEN l.load > l.upper THEN l.upper ELSE l.lower END AS bound, l.price, 0 AS rounding
    FROM bounds l
    -- Where what is held is above the most already, that is the finding, unless more is added.
    WHERE l.load > l.upper + greatest(l.width * 1e-12, l.whole) AND l.load > l.held + greatest(l.width * 1e-12, l.whole) OR l.load < l.lower - greatest(l.width * 1e-12, l.whole)
    UNION ALL
    SELECT 'held_too_much', l.territory_id, NULL, l.measure, l.held, l.upper, 0, l.whole FROM bounds l WHERE l.held > l.upper + greatest(l.width * 1e-12, l.whole)
    UNION ALL
    SELECT 'budget_short', NULL, NULL, b.budget, b.held, b.allowed, 0, b.rounding FROM budget b WHERE b.held > b.allowed + b.rounding
    UNION ALL
    SELECT 'budget_short', NULL, NULL, b.budget, b.used, b.allowed, b.price, b.rounding FROM budget b WHERE b.allowed IS NOT NULL AND b.used > greatest(b.allowed, b.held) + b.rounding
  ), stated AS (
    SELECT f.finding, f.territory_id, f.account_id, f.measure, f.value, f.bound, f.price, f."position", f.class, f.together
    FROM salesops.territory_plan_finding f WHERE f.plan_id = territory_plan_checks.plan_id
  ),
  -- What fits nowhere: the unit's amount, and the most room that anybody who may have it has left beside what is held there.
  member AS (
    SELECT s."position", s.measure, o.unit, o.class, o.amount
    FROM stated s JOIN unit u ON u.account_id = s.account_id AND u.held_at IS NULL JOIN unit o ON o.unit = u.unit WHERE s.finding = 'too_large'
  ), barred AS (
    SELECT DISTINCT m."position", g.number
    FROM member m JOIN eligibility e ON e.class = m.class CROSS JOIN LATERAL unnest(e.is_eligible) WITH ORDINALITY AS g(is_eligible, number) WHERE NOT g.is_eligible
  ), too_large AS (
    SELECT t.*, r.room, r.outside, r.whole
    FROM (SELECT m."position", m.measure, m.unit, sum(m.amount[array_position(p.measures, m.measure)]) AS amount, count(*) AS accounts FROM member m CROSS JOIN plan p GROUP BY m."position", m.measure, m.unit) t
    CROSS JOIN LATERAL (SELECT max(l.upper_free) AS room, min((t.amount - l.upper_free) / l.width) AS outside, max(l.whole) AS whole
                        FROM bounds l WHERE l.measure = t.measure AND NOT EXISTS (SELECT FROM barred d WHERE d."position" = t."position" AND d.number = l.number)) r
  ),
  -- Sets of territories that need more than all who may go to any of them, or must take more than they may: the units are added up by the classes in them.
  free AS (
    SELECT u.unit, array_agg(DISTINCT u.class) AS classes FROM unit u
    WHERE NOT u.is_exempt AND u.held_at IS NULL AND EXISTS (SELECT FROM stated s WHERE s.finding IN ('short_supply', 'over_supply')) GROUP BY u.unit
  ), pool AS MATERIALIZED (
    SELECT f.classes, a.number, sum(a.amount) AS amount
    FROM free f JOIN unit u ON u.unit = f.unit CROSS JOIN LATERAL unnest(u.amount) WITH ORDINALITY AS a(amount, number) GROUP BY f.classes, a.number
  ), reach AS MATERIALIZED (
    SELECT c.classes, array_agg(h.number) AS numbers
    FROM (SELECT DISTINCT p.classes FROM pool p) c CROSS JOIN salesops.territory_plan_homes(territory_plan_checks.plan_id) h
    WHERE NOT EXISTS (SELECT FROM eligibility e WHERE e.class = ANY (c.classes) AND NOT e.is_eligible[h.number]) GROUP BY c.classes
  ), territory_set AS (
    SELECT s.finding, s.measure, s.together, min(l.measure_number) AS measure_number, array_agg(l.number) AS numbers, max(l.width) AS width, sum(l.held) AS held, sum(l.whole) AS whole,
      sum(CASE s.finding WHEN 'short_supply' THEN l.lower_free ELSE l.upper_free END) AS limits, min(s.value) AS value, min(s.bound) AS bound,
      count(l.number) = count(*) AND count(DISTINCT l.number) = count(*) AND bool_or(s.territory_id = s.together) AND min(s.value) = max(s.value) AND min(s.bound) = max(s.bound)
        AND bool_and(s.account_id IS NULL AND s.class IS NULL AND s.price = 0) AS is_set
    FROM stated s LEFT JOIN bounds l ON l.territory_id = s.territory_id AND l.measure = s.measure
    WHERE s.finding IN ('short_supply', 'over_supply') GROUP BY s.finding, s.measure, s.together
  ), supply AS (
    SELECT t.*, CASE t.finding WHEN 'short_supply' THEN t.limits - o.amount ELSE o.amount - t.limits END AS missed,
      t.held + CASE t.finding WHEN 'short_supply' THEN t.limits ELSE o.amount END AS value_expected, t.held + CASE t.finding WHEN 'short_supply' THEN o.amount ELSE t.limits END AS bound_expected
    FROM territory_set t CROSS JOIN LATERAL (
      SELECT coalesce(sum(p.amount), 0) AS amount FROM pool p JOIN reach r ON r.classes = p.classes
      WHERE p.number = t.measure_number AND CASE t.finding WHEN 'short_supply' THEN r.numbers && t.numbers ELSE r.numbers <@ t.numbers END) o
  ),
  -- Limits between the multiples of a step that all units are multiples of.
  unit_amount AS (
    SELECT u.unit, a.number, sum(a.amount) AS amount FROM unit u CROSS JOIN LATERAL unnest(u.amount) WITH ORDINALITY AS a(amount, number)
    WHERE NOT u.is_exempt AND u.held_at IS NULL AND EXISTS (SELECT FROM stated s WHERE s.finding = 'no_step') GROUP BY u.unit, a.number
  ), step AS (
    SELECT s.measure, s.value, bool_and(abs(a.amount - round(a.amount / s.value) * s.value) <= 1e-9 * a.amount + w.whole) AS is_step,
      sum(abs(a.amount - round(a.amount / s.value) * s.value)) AS missed
    -- By a step smaller than the solver's unit, or none, nothing is divided.
    FROM (SELECT l.measure, max(l.whole) AS whole FROM bounds l GROUP BY l.measure) w CROSS JOIN plan p
    CROSS JOIN LATERAL (SELECT DISTINCT f.measure, f.value FROM stated f WHERE f.finding = 'no_step' AND f.measure = w.measure AND f.value > w.whole / 2 AND f.value < 'Infinity') s
    JOIN unit_amount a ON a.number = array_position(p.measures, s.measure) GROUP BY s.measure, s.value
  ), no_step AS (
    SELECT s."position", s.measure, coalesce(p.is_step AND s.account_id IS NULL AND s.class IS NULL AND s.together IS NULL AND s.price = 0 AND abs(s.bound - (l.upper_free + l.held)) <= 1e-9 * (l.upper_free + l.held) + l.whole
        AND ceil(l.lower_free / p.value) * p.value > l.upper_free, false) AS ok,
      (least(l.lower_free - floor(l.lower_free / p.value) * p.value, ceil(l.upper_free / p.value) * p.value - l.upper_free) - p.missed) / l.width AS outside
    FROM stated s LEFT JOIN step p ON p.measure = s.measure AND p.value = s.value LEFT JOIN bounds l ON l.territory_id = s.territory_id AND l.measure = s.measure
    WHERE s.finding = 'no_step'
  ),
  -- The three speak of the same loads: of a measure the largest counts. The solver takes off what its rounding may come to, and may claim less.
  best_outside AS (
    SELECT coalesce((SELECT sum(greatest(l.held - l.upper, 0) / l.width) FROM bounds l), 0)
           + coalesce((SELECT sum(greatest(b.held - b.allowed, 0) / greatest(b.allowed, 1)) FROM budget b WHERE b.allowed IS NOT NULL), 0)
           + coalesce((SELECT sum(greatest((SELECT sum(s.missed / s.width) FROM supply s WHERE s.measure = m.name),
                                           (SELECT sum(t.outside) FROM (SELECT DISTINCT t.unit, t.outside FROM too_large t WHERE t.measure = m.name) t),
                                           (SELECT sum(n.outside) FROM no_step n WHERE n.measure = m.name), 0)) FROM plan p CROSS JOIN LATERAL unnest(p.measures) AS m(name)), 0) AS value
  ), bad_finding AS (
    SELECT coalesce(s.finding, p.finding) || coalesce(' of territory "' || coalesce(s.territory_id, p.territory_id) || '"', '') || coalesce(' in ' || coalesce(s.measure, p.measure), '') AS what
    FROM (SELECT s.* FROM stated s WHERE s.finding IN ('outside', 'held_too_much', 'budget_short')) s
    FULL JOIN proper p ON p.finding = s.finding AND p.territory_id IS NOT DISTINCT FROM s.territory_id AND p.measure = s.measure AND (p.finding <> 'budget_short' OR p.price = s.price)
    WHERE (s.finding IS NULL OR p.finding IS NULL)
          AND NOT EXISTS (SELECT FROM beyond b
                          WHERE coalesce(s.finding, p.finding) = 'outside' AND b.territory_id = coalesce(s.territory_id, p.territory_id) AND b.measure = coalesce(s.measure, p.measure)
                            AND abs(b.share) <= greatest(b.blur, 1e-12) AND (s.finding IS NULL OR s.value IN (b.load, b.load_stated) AND s.bound IN (b.lower, b.upper) AND s.price = b.price))
       OR s.account_id IS NOT NULL OR s.class IS NOT NULL OR s.together IS NOT NULL
       OR s.finding IS NOT NULL AND p.finding IS NOT NULL AND NOT (abs(s.value - p.value) <= 1e-9 * abs(p.value) + p.rounding AND s.bound = p.bound AND s.price = p.price)
    UNION ALL
    SELECT 'number ' || s."position" FROM (SELECT s."position", row_number() OVER (ORDER BY s."position") AS place FROM stated s) s WHERE s."position" <> s.place
    UNION ALL
    SELECT 'too_large of account "' || s.account_id || '"'
    FROM stated s LEFT JOIN too_large t ON t."position" = s."position"
    WHERE s.finding = 'too_large'
      AND NOT coalesce(s.territory_id IS NULL AND s.class IS NULL AND s.together IS NULL AND s.price = 0 AND abs(s.value - t.amount) <= 1e-9 * t.amount + t.accounts * t.whole AND abs(s.bound - t.room) <= 1e-9 * abs(t.room) + t.whole AND t.amount > t.room, false)
    UNION ALL
    SELECT s.finding || ' of territory "' || coalesce(s.together, '') || '" in ' || s.measure
    FROM supply s
    WHERE NOT coalesce(s.is_set AND s.missed > 0 AND abs(s.value - s.value_expected) <= 1e-9 * s.value_expected + s.whole AND abs(s.bound - s.bound_expected) <= 1e-9 * s.value_expected + s.whole, false)
    UNION ALL
    SELECT 'no_step at number ' || n."position" FROM no_step n WHERE NOT n.ok
    UNION ALL
    SELECT s.finding || ' twice of territory "' || s.territory_id || '"' FROM stated s WHERE s.finding IN ('short_supply', 'over_supply', 'no_step')
    GROUP BY s.finding, s.territory_id, s.measure HAVING count(*) > 1
    UNION ALL
    SELECT 'unknown kind "' || s.finding || '"' FROM stated s WHERE s.finding NOT IN ('outside', 'held_too_much', 'budget_short', 'too_large', 'short_supply', 'over_supply', 'no_step')
  ),
  chosen_home AS (
    SELECT t.territory_id, coalesce(p.options ->> 'homes' = 'free' AND a.x = t.x AND a.y = t.y AND a.z IS NOT DISTINCT FROM t.z
                                    AND count(*) OVER (PARTITION BY t.home_account) = 1, false) AS ok
    FROM salesops.territory_plan_territory t CROSS JOIN plan p
    LEFT JOIN salesops.territory_plan_account a ON a.plan_id = territory_plan_checks.plan_id AND a.account_id = t.home_account AND a.hold IS DISTINCT FROM 'exempt'
    WHERE t.plan_id = territory_plan_checks.plan_id AND t.home_account IS NOT NULL
  ),
  flat AS MATERIALIZED (
    SELECT bool_and(t.z IS NULL) AS is_flat FROM salesops.territory_plan_territory t WHERE t.plan_id = territory_plan_checks.plan_id AND t.x IS NOT NULL
  ),
  result AS (
    SELECT 1 AS place, 'input_hash' AS "check", p.input_hash = g.hash AS ok, p.input_hash AS value, g.hash AS expected,
      'what the plan was given is what it was then' AS detail FROM plan p, given g
    UNION ALL
    SELECT 2, 'accounts', p.accounts = c.n, p.accounts::text, c.n::text, 'accounts that are kept' FROM plan p, (SELECT count(*) AS n FROM unit) c
    UNION ALL
    SELECT 3, 'territories', p.territories = c.n, p.territories::text, c.n::text, 'territories that are kept'
    FROM plan p, (SELECT count(*) AS n FROM salesops.territory_plan_homes(territory_plan_checks.plan_id)) c
    UNION ALL
    SELECT 4, 'limits', count(l.number) = 0, count(l.number)::text, '0', coalesce('first "' || min(l.territory_id) || '"', 'limits are target and tolerance, within floor and cap')
    FROM bounds l WHERE l.lower IS DISTINCT FROM l.lower_expected OR l.upper IS DISTINCT FROM l.upper_expected
    UNION ALL
    SELECT 5, 'assigned', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(u.account_id) || '"', 'every account has a territory of the plan, or is exempt')
    FROM unit u WHERE u.to_number IS NULL AND NOT u.is_exempt
    UNION ALL
    SELECT 6, 'holds', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(u.account_id) || '"', 'what is held or exempt is where it was to be')
    FROM unit u WHERE u.is_exempt AND u.to_territory IS DISTINCT FROM u.from_territory OR u.held_at <> u.to_number
    UNION ALL
    SELECT 7, 'eligibility', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(u.account_id) || '"', 'every account that is not held is where it may be')
    FROM unit u JOIN eligibility e ON e.class = u.class WHERE NOT u.is_exempt AND u.held_at IS NULL AND NOT e.is_eligible[u.to_number]
    UNION ALL
    SELECT 8, 'families', count(*) = 0, count(*)::text, '0', coalesce('first ' || min(f.unit), 'every family is in one territory')
    FROM (SELECT u.unit FROM unit u WHERE NOT u.is_exempt AND u.family IS NOT NULL GROUP BY u.unit HAVING count(DISTINCT u.to_number) > 1) f
    UNION ALL
    SELECT 9, 'loads', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(l.territory_id) || '"', 'loads before and after are the sums of the accounts')
    FROM bounds l WHERE NOT coalesce(abs(l.load - l.load_stated) <= 1e-9 * greatest(l.width, l.load) AND abs(l.load_before - l.load_before_stated) <= 1e-9 * greatest(l.width, l.load_before), false)
    UNION ALL
    SELECT 10, 'budgets', count(*) = 0, count(*)::text, '0',
      coalesce('first ' || min(b.budget), 'what is moved is what was counted; a budget that is not there has no price')
    FROM budget b WHERE NOT coalesce(abs(b.used - b.used_stated) <= 1e-9 * b.used, false) OR b.price < 0 OR b.price > 0 AND b.allowed IS NULL
    UNION ALL
    SELECT 11, 'outside', abs(p.outside - o.value) <= 1e-9 * (1 + o.value) + o.rounding AND ((p.outside > 0) = (o.value > 1e-12) OR greatest(p.outside, o.value) <= o.rounding OR abs(p.outside - o.value) <= 1e-9 * o.value), p.outside::text, o.value::text, 'loads outside their limits, in shares of the limits' FROM plan p, outside o
    UNION ALL
    SELECT 12, 'best_outside', p.best_outside BETWEEN 0 AND least(b.value, p.outside) * (1 + 1e-9), p.best_outside::text, 'at most ' || b.value, 'what follows from the findings for every plan' FROM plan p, best_outside b
    UNION ALL
    SELECT 13, 'cost', abs(p.cost - s.cost) <= 1e-9 * abs(s.cost), p.cost::text, s.cost::text, 'the accounts'' costs where they are' FROM plan p, account_sum s
    UNION ALL
    SELECT 14, 'tie_break', p.tie_break = 1 OR p.tie_break > 0 AND p.options ->> 'objective' = 'fewest_moves', p.tie_break::text, '1', '1 unless the objective is fewest_moves' FROM plan p
    UNION ALL
    SELECT 15, 'bound', p.bound BETWEEN greatest(r.bound - r.blur - r.rounding, r.least) AND r.bound + r.blur, p.bound::text, r.bound::text, 'every unit where it is cheapest at the prices, less what the limits take back' FROM plan p, proof r
    UNION ALL
    SELECT 16, 'bound_is_below', greatest(p.bound, p.design_bound) <= p.cost OR p.outside > 0, greatest(p.bound, p.design_bound)::text, 'at most ' || p.cost, 'no plan within limits is below the bound' FROM plan p
    UNION ALL
    SELECT 17, 'regrets', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(u.account_id) || '"', 'what each unit would save where it is cheapest, at the prices')
    FROM unit u LEFT JOIN unit_value v ON v.unit = u.unit CROSS JOIN certificate c
    WHERE NOT coalesce(abs(u.regret - (v.here - v.best)) <= 1e-9 * (abs(v.here) + abs(v.best)) + 2 * v.accounts * c.grain, u.regret = 0 AND v.unit IS NULL)
    UNION ALL
    SELECT 18, 'findings', count(*) = 0, count(*)::text, '0', coalesce('first: ' || min(f.what), 'findings say what is so, and nothing is left out') FROM bad_finding f
    UNION ALL
    SELECT 19, 'homes', count(h.territory_id) FILTER (WHERE NOT h.ok) = 0 AND (p.design_bound IS NULL OR count(h.territory_id) > 0), (count(h.territory_id) FILTER (WHERE NOT h.ok))::text, '0',
      coalesce('first "' || min(h.territory_id) FILTER (WHERE NOT h.ok) || '"', 'homes that were chosen are at accounts of the plan, no two at the same')
    FROM plan p LEFT JOIN chosen_home h ON true GROUP BY p.design_bound
    UNION ALL
    -- What the bound takes for granted.
    SELECT 20, 'numbers', count(*) = 0, count(*)::text, '0', coalesce('first "' || min(n.id) || '"', 'amounts and costs are finite and not negative, places whole and finite, steps such as mean something')
    FROM (SELECT t.territory_id AS id FROM salesops.territory_plan_territory t, flat f WHERE t.plan_id = territory_plan_checks.plan_id AND NOT salesops.is_territory_place(t.x, t.y, t.z, f.is_flat)
          UNION ALL
          SELECT p.measures[9] FROM plan p WHERE cardinality(p.measures) NOT BETWEEN 1 AND 8
          UNION ALL
          -- All territories have prices that go with steps, and any number of steps, or none has.
          SELECT t.territory_id
          FROM (SELECT t.*, count(t.whole_price) OVER () > 0 AS has_proof, cardinality(t.step_price) AS steps FROM salesops.territory_plan_territory t WHERE t.plan_id = territory_plan_checks.plan_id) t
          CROSS JOIN LATERAL (SELECT cardinality(p.measures) AS n FROM plan p) m
          WHERE CASE WHEN t.has_proof THEN
                  NOT coalesce(array_dims(t.whole_price) = format('[1:%s]', m.n) AND 1e100 > ALL (t.whole_price) AND -1e100 < ALL (t.whole_price)
                               AND CASE WHEN t.steps = 0 THEN cardinality(t.step_weight) = 0 AND cardinality(t.step_below) = 0
                                        ELSE array_dims(t.step_price) = format('[1:%s]', t.steps) AND array_dims(t.step_below) = array_dims(t.step_price)
                                          AND array_dims(t.step_weight) = format('[1:%s][1:%s]', t.steps, m.n) END, false)
                  OR EXISTS (SELECT FROM unnest(t.step_price) WITH ORDINALITY AS s(price, step)
                             WHERE NOT salesops.is_territory_step(ARRAY(SELECT w FROM unnest(t.step_weight[s.step:s.step]) w), t.step_below[s.step], s.price))
                ELSE num_nonnulls(t.step_weight, t.step_below, t.step_price) > 0 END
          UNION ALL
          SELECT a.account_id FROM salesops.territory_plan_account a, flat f
          WHERE a.plan_id = territory_plan_checks.plan_id
            AND NOT coalesce(0 <= ALL (a.amount) AND 'Infinity' > ALL (a.amount) AND a.distance_cost BETWEEN 0 AND 1e300 AND a.relationship BETWEEN 0 AND 1e300
                             AND salesops.is_territory_place(a.x, a.y, a.z, f.is_flat), false)) n
  )
  SELECT r."check", coalesce(r.ok, false), r.value, r.expected, r.detail FROM result r ORDER BY r.place;
END;
COMMENT ON FUNCTION salesops.territory_plan_checks(bigint) IS 'The rows of verify_territory_plan(); no row for an unknown plan';

CREATE FUNCTION salesops.verify_territory_plan(plan_id bigint, OUT "check" text, OUT ok boolean, OUT value text, OUT expected text, OUT detail text)
RETURNS SETOF record LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_territory_plan(plan_id);
  RETURN QUERY SELECT c."check", c.ok, c.value, c.expected, c.detail FROM salesops.territory_plan_checks(plan_id) c;
END $$;
COMMENT ON FUNCTION salesops.verify_territory_plan(bigint) IS
  'Whether a plan is what it claims: hash, holds, eligibility, families, loads, budgets, outside, cost, lower bound for the homes that there are, regrets, findings, places of homes that were chosen and that all numbers are sound, computed '
  'anew in SQL from what it was given, its prices and its steps; '
  'ok = the claim is true, also where the plan says that it is not within its limits. 42704 for an unknown plan';
