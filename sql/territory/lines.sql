-- The accounts of a plan, and why each is where it is. A reason speaks in the plan's prices: what a unit of load costs at a territory.

CREATE FUNCTION salesops.territory_number(value double precision)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT trim_scale(round(value::numeric, CASE WHEN abs(value) >= 1e6 THEN 5 - floor(log(abs(value)::numeric))::integer WHEN abs(value) >= 100 THEN 0 WHEN abs(value) >= 1 THEN 1 ELSE 3 END))::text;
END;
COMMENT ON FUNCTION salesops.territory_number(double precision) IS 'A number as it stands in a reason: three to six digits';

CREATE FUNCTION salesops.territory_move_reason(
  from_territory text, to_territory text, measure text, from_price double precision, to_price double precision, saved double precision,
  farther double precision, distance double precision, mismatch double precision, lost double precision)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT concat_ws('; ',
    CASE WHEN saved > 0 AND saved >= -(distance + mismatch + lost) THEN
      measure || ': ' || CASE
        WHEN from_price > 0 AND to_price < 0 THEN format('"%s" has too much and "%s" too little', from_territory, to_territory)
        WHEN from_price > 0 THEN format('"%s" has too much', from_territory)
        WHEN to_price < 0 THEN format('"%s" has too little', to_territory)
        ELSE format('"%s" needs it less than "%s"', from_territory, to_territory) END
      || ', worth ' || salesops.territory_number(saved)
    WHEN saved <= 0 AND distance + mismatch + lost >= 0 THEN 'the loads of others fit so'
    END,
    CASE WHEN farther < 0 AND distance < 0 THEN format('nearer by %s, saves %s', salesops.territory_number(-farther), salesops.territory_number(-distance))
         WHEN farther > 0 AND distance > 0 THEN format('farther by %s, costs %s', salesops.territory_number(farther), salesops.territory_number(distance)) END,
    CASE WHEN mismatch < 0 THEN format('suits it better, saves %s', salesops.territory_number(-mismatch))
         WHEN mismatch > 0 THEN format('suits it less, costs %s', salesops.territory_number(mismatch)) END,
    CASE WHEN lost > 0 THEN format('the relationship costs %s', salesops.territory_number(lost)) END);
END;
COMMENT ON FUNCTION salesops.territory_move_reason(text, text, text, double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
  'Why an account moves, in words: the measure whose load is worth most to move and what that saves at the two prices, and what distance, preferences and the relationship cost or save';

CREATE FUNCTION salesops.territory_plan_lines(plan_id bigint, OUT plan_id bigint, OUT account_id text, OUT from_territory text, OUT to_territory text,
                                              OUT is_moved boolean, OUT reason text, OUT regret double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off
BEGIN ATOMIC
  WITH home AS MATERIALIZED (
    SELECT h.* FROM salesops.territory_plan_homes(territory_plan_lines.plan_id) h
  ), eligibility AS MATERIALIZED (
    SELECT e.* FROM salesops.territory_plan_eligibility(territory_plan_lines.plan_id) e
  ), above AS MATERIALIZED (
    SELECT DISTINCT f.territory_id FROM salesops.territory_plan_finding f
    WHERE f.plan_id = territory_plan_lines.plan_id AND f.finding IN ('outside', 'held_too_much') AND f.value > f.bound
  )
  SELECT p.plan_id, u.account_id, u.from_territory, u.to_territory, coalesce(u.to_territory <> u.from_territory, false),
    CASE
      WHEN u.is_exempt THEN 'exempt: stays out of the plan'
      WHEN u.hold = 'locked' THEN CASE WHEN u.from_territory = u.to_territory THEN 'locked' ELSE format('locked to "%s"', u.to_territory) END
      WHEN u.hold = 'eligible' THEN 'kept by its territory for the time of its hold'
      WHEN u.held_at IS NOT NULL THEN 'held with its family'
      WHEN u.from_number = u.to_number AND u.regret < 5e-4 THEN 'stays: nowhere is it better off' || coalesce(', though "' || o.territory_id || '" is above its most', '')
      WHEN u.from_number = u.to_number THEN format('stays: elsewhere it would save %s, where that is needed more for others', salesops.territory_number(u.regret))
      WHEN u.from_number IS NULL THEN
        CASE WHEN u.from_territory IS NULL THEN 'new: ' ELSE format('"%s" is not there any more: ', u.from_territory) END
        || CASE WHEN u.regret < 5e-4 THEN 'nowhere is it better off' || coalesce(', though "' || o.territory_id || '" is above its most', '') ELSE format('elsewhere it would save %s, where that is needed more for others', salesops.territory_number(u.regret)) END
      ELSE CASE WHEN u.family IS NOT NULL THEN 'moves with its family: ' ELSE '' END
        || salesops.territory_move_reason(
             u.from_territory, u.to_territory, d.measure, d.from_price, d.to_price, d.saved, g.farther, g.farther * u.distance_cost,
             (e.mismatch[u.to_number] - e.mismatch[u.from_number]) * p.tie_break, CASE WHEN u.owner <> u.to_number THEN u.lost ELSE 0 END)
    END, u.regret
  FROM salesops.territory_plan p
  CROSS JOIN salesops.territory_plan_units(territory_plan_lines.plan_id) u
  JOIN eligibility e ON e.class = u.class
  LEFT JOIN home f ON f.number = u.from_number
  LEFT JOIN home t ON t.number = u.to_number
  LEFT JOIN above o ON o.territory_id = u.to_territory
  LEFT JOIN LATERAL (
    SELECT salesops.territory_distance(u.x, u.y, u.z, t.x, t.y, t.z) - salesops.territory_distance(u.x, u.y, u.z, f.x, f.y, f.z) AS farther
  ) g ON u.from_number <> u.to_number
  LEFT JOIN LATERAL (
    SELECT m.name AS measure, f.price[m.number] AS from_price, t.price[m.number] AS to_price, (f.price[m.number] - t.price[m.number]) * u.amount[m.number] AS saved
    FROM unnest(p.measures) WITH ORDINALITY AS m(name, number)
    ORDER BY saved DESC, m.number LIMIT 1
  ) d ON u.from_number <> u.to_number
  WHERE p.plan_id = territory_plan_lines.plan_id
  ORDER BY u.account_id COLLATE "C";
END;
COMMENT ON FUNCTION salesops.territory_plan_lines(bigint) IS
  'Accounts of a plan in the order of their ids: from which territory (NULL = none) to which, whether that moves it (not if it had none), why, and regret = what it would save at the plan''s prices '
  'where it would be best off, of a family as a whole. Costs are in the unit of the plan''s costs. No row for an unknown plan';
