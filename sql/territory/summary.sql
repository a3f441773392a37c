-- A plan by territory, before and after; what is not within its limits; and what more room would be worth.

CREATE FUNCTION salesops.territory_plan_summary(
  plan_id bigint, OUT plan_id bigint, OUT territory_id text, OUT measure text, OUT target double precision, OUT lower double precision, OUT upper double precision,
  OUT load_before double precision, OUT load double precision, OUT share_before double precision, OUT share double precision, OUT is_within boolean,
  OUT accounts_before bigint, OUT accounts bigint, OUT moved_in bigint, OUT moved_out bigint, OUT distance_before double precision, OUT distance double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET enable_nestloop = off SET jit = off
BEGIN ATOMIC
  WITH home AS MATERIALIZED (
    SELECT h.* FROM salesops.territory_plan_homes(territory_plan_summary.plan_id) h
  ), unit AS MATERIALIZED (
    SELECT u.* FROM salesops.territory_plan_units(territory_plan_summary.plan_id) u WHERE NOT u.is_exempt
  ), before AS (
    SELECT h.number, count(*) AS accounts, count(*) FILTER (WHERE u.to_number <> h.number) AS moved_out,
      avg(salesops.territory_distance(u.x, u.y, u.z, h.x, h.y, h.z)) FILTER (WHERE u.x IS NOT NULL) AS distance
    FROM unit u JOIN home h ON h.number = u.from_number GROUP BY h.number
  ), here AS (
    SELECT h.number, count(*) AS accounts, count(*) FILTER (WHERE u.from_number IS DISTINCT FROM h.number) AS moved_in,
      avg(salesops.territory_distance(u.x, u.y, u.z, h.x, h.y, h.z)) FILTER (WHERE u.x IS NOT NULL) AS distance
    FROM unit u JOIN home h ON h.number = u.to_number GROUP BY h.number
  )
  SELECT t.plan_id, t.territory_id, m.name, t.target[m.number], t.least[m.number], t.most[m.number], t.load_before[m.number], t.load[m.number],
    t.load_before[m.number] / nullif(t.target[m.number], 0), t.load[m.number] / nullif(t.target[m.number], 0),
    NOT EXISTS (SELECT FROM salesops.territory_plan_finding f
                WHERE f.plan_id = t.plan_id AND f.finding IN ('outside', 'held_too_much') AND f.territory_id = t.territory_id AND f.measure = m.name),
    coalesce(b.accounts, 0), coalesce(l.accounts, 0), coalesce(l.moved_in, 0), coalesce(b.moved_out, 0), b.distance, l.distance
  FROM salesops.territory_plan p
  JOIN salesops.territory_plan_territory t ON t.plan_id = p.plan_id
  CROSS JOIN LATERAL unnest(p.measures) WITH ORDINALITY AS m(name, number)
  JOIN home h ON h.territory_id = t.territory_id
  LEFT JOIN before b ON b.number = h.number
  LEFT JOIN here l ON l.number = h.number
  WHERE p.plan_id = territory_plan_summary.plan_id
  ORDER BY t.territory_id COLLATE "C", m.number;
END;
COMMENT ON FUNCTION salesops.territory_plan_summary(bigint) IS
  'A row for each territory and measure of a plan: target, least and most load (lower, upper), load before and after and both as shares of the target (NULL = its target is 0), whether it is '
  'within; accounts before and after, how many came (new ones too) and went, and the mean distance to its home in the unit of the places (NULL = no places, or no accounts). Exempt accounts '
  'do not count. No row for an unknown plan';

CREATE FUNCTION salesops.territory_plan_findings(plan_id bigint, OUT "position" integer, OUT finding text, OUT territory_id text, OUT account_id text, OUT measure text,
                                                 OUT value double precision, OUT bound double precision, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH territory_set AS (
    SELECT f.finding, f.measure, f.together, count(*) AS n,
      -- The first few by name.
      (array_agg('"' || f.territory_id || '"' ORDER BY f.territory_id COLLATE "C"))[:5] AS names
    FROM salesops.territory_plan_finding f WHERE f.plan_id = territory_plan_findings.plan_id AND f.together IS NOT NULL GROUP BY f.finding, f.measure, f.together
  ), called AS (
    SELECT t.finding, t.measure, t.together, t.n,
      CASE WHEN t.n > 5 THEN array_to_string(t.names, ', ') || format(' and %s more', t.n - 5)
           WHEN t.n > 1 THEN array_to_string(t.names[:t.n - 1], ', ') || ' and ' || t.names[t.n]
           ELSE t.names[1] END AS names
    FROM territory_set t
  )
  SELECT f."position", f.finding, f.territory_id, f.account_id, f.measure, f.value, f.bound,
    CASE f.finding
      WHEN 'outside' THEN
        format('"%s" has %s %s, %s %% %s the %s of %s', f.territory_id, salesops.territory_number(f.value), f.measure,
               salesops.territory_number(abs(f.value - f.bound) / nullif(f.bound, 0) * 100), CASE WHEN f.value > f.bound THEN 'above' ELSE 'below' END,
               CASE WHEN f.value > f.bound THEN 'most' ELSE 'least' END, salesops.territory_number(f.bound))
        || CASE WHEN (f.value > f.bound AND f.price > 0 OR f.value < f.bound AND f.price < 0) AND abs(f.price * f.bound) >= 0.05
                THEN format('; 1 %% of that %s would save %s', CASE WHEN f.value > f.bound THEN 'more' ELSE 'less' END, salesops.territory_number(abs(f.price * f.bound * 0.01))) ELSE '' END
      WHEN 'held_too_much' THEN format('what is held in "%s" comes to %s %s, and the most there is %s: unlock some of it, or raise the cap', f.territory_id, salesops.territory_number(f.value), f.measure, salesops.territory_number(f.bound))
      WHEN 'too_large' THEN format('account "%s"%s has %s %s, and whoever may have it has room for %s at most: no plan is within limits', f.account_id,
        CASE WHEN a.family IS NOT NULL THEN ', with its family,' ELSE '' END, salesops.territory_number(f.value), f.measure, salesops.territory_number(f.bound))
      WHEN 'short_supply' THEN format('%s%s at least %s %s, and all that is held there or may go to %s is %s: no plan is within limits', c.names, CASE WHEN c.n > 1 THEN ' together need' ELSE ' needs' END,
        salesops.territory_number(f.value), f.measure, CASE WHEN c.n > 1 THEN 'them' ELSE 'it' END, salesops.territory_number(f.bound))
      WHEN 'over_supply' THEN format('%s%s %s %s at most, and what is held there or may go nowhere else is %s: no plan is within limits', c.names, CASE WHEN c.n > 1 THEN ' together may have' ELSE ' may have' END,
        salesops.territory_number(f.bound), f.measure, salesops.territory_number(f.value))
      WHEN 'no_step' THEN format('"%s" can only be given multiples of %s %s, and none is within its limits, of which the most is %s: no plan is within limits', f.territory_id, salesops.territory_number(f.value), f.measure,
        salesops.territory_number(f.bound))
      WHEN 'budget_short' THEN format('%s is used to %s, and %s is allowed', f.measure, salesops.territory_number(f.value), salesops.territory_number(f.bound))
        || CASE WHEN f.price > 0 THEN '' ELSE ' to what is locked elsewhere alone' END
    END
  FROM salesops.territory_plan_finding f
  LEFT JOIN called c ON c.finding = f.finding AND c.measure = f.measure AND c.together = f.together
  LEFT JOIN salesops.territory_plan_account a ON a.plan_id = f.plan_id AND a.account_id = f.account_id
  WHERE f.plan_id = territory_plan_findings.plan_id
  ORDER BY f."position";
END;
COMMENT ON FUNCTION salesops.territory_plan_findings(bigint) IS
  'Why a plan is not within its limits, in words; held_too_much, too_large, short_supply, over_supply and no_step hold for every plan, outside and budget_short for this one. No row for a plan within limits, or an unknown one';

CREATE FUNCTION salesops.territory_shadow_prices(plan_id bigint, OUT kind text, OUT territory_id text, OUT tags text[], OUT measure text, OUT price double precision,
                                                 OUT worth double precision, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH load AS (
    SELECT t.territory_id, t.tags, t.ramp, m.name AS measure, m.number AS measure_number, t.price[m.number] AS price, t.target[m.number] AS target
    FROM salesops.territory_plan p
    JOIN salesops.territory_plan_territory t ON t.plan_id = p.plan_id
    CROSS JOIN LATERAL unnest(p.measures) WITH ORDINALITY AS m(name, number)
    WHERE p.plan_id = territory_shadow_prices.plan_id
  ), like_it AS (
    SELECT l.tags, l.measure, l.measure_number, count(*) AS territories, avg(l.price) AS price, avg(l.target / nullif(l.ramp, 0)) AS target
    FROM load l GROUP BY l.tags, l.measure, l.measure_number
  ), representative AS (
    SELECT k.tags, max(k.territories) AS territories, sum(k.price * k.target) AS worth,
      string_agg(format('%s %s', salesops.territory_number(k.target), k.measure), ' and ' ORDER BY k.measure_number) AS takes
    FROM like_it k GROUP BY k.tags
  )
  SELECT s.kind, s.territory_id, s.tags, s.measure, s.price, s.worth, s.reason
  FROM (
    SELECT 1 AS place, 'territory' AS kind, l.territory_id, l.tags, l.measure, l.measure_number, l.price, abs(l.price) * l.target * 0.01 AS worth,
      CASE WHEN l.price > 0 THEN format('"%s" has as much %s as it may: 1 %% of its target more is worth %s', l.territory_id, l.measure, salesops.territory_number(l.price * l.target * 0.01))
           ELSE format('"%s" has no more %s than it must: 1 %% of its target less is worth %s', l.territory_id, l.measure, salesops.territory_number(-l.price * l.target * 0.01)) END AS reason
    FROM load l WHERE l.price <> 0
    UNION ALL
    SELECT 2, 'representative', NULL, r.tags, NULL, NULL, NULL, r.worth,
      format('one more ramped representative %s would take %s off the %s there %s, which at their prices %s',
             CASE WHEN r.tags = '{}' THEN 'like the others' ELSE 'for ' || array_to_string(r.tags, ' ') END, r.takes, r.territories, CASE WHEN r.territories = 1 THEN 'is' ELSE 'are' END,
             CASE WHEN r.worth >= 0 THEN 'is worth ' || salesops.territory_number(r.worth) ELSE 'costs ' || salesops.territory_number(-r.worth) END)
    FROM representative r WHERE r.worth IS NOT NULL
    UNION ALL
    SELECT 3, 'budget', NULL, NULL, b.budget, NULL, b.price, b.price, format('%s of %s: one more would save %s', b.budget, salesops.territory_number(b.allowed), salesops.territory_number(b.price))
    FROM salesops.territory_plan_budgets(territory_shadow_prices.plan_id) b WHERE b.allowed IS NOT NULL
  ) s
  ORDER BY s.place, s.worth DESC, s.territory_id COLLATE "C", s.measure_number, s.tags;
END;
COMMENT ON FUNCTION salesops.territory_shadow_prices(bigint) IS
  'What room would be worth, by the plan''s prices, in the unit of its costs and in words: 1 % of the target of a territory and measure; one more ramped representative with the same tags, who takes the mean target '
  'at the mean prices, distance not counted; one more of a budget. Prices speak of small changes. No row for an unknown plan';
