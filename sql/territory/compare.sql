-- Two plans side by side.

CREATE FUNCTION salesops.territory_plan_figures(plan_id bigint, OUT territory_id text, OUT figure text, OUT measure text, OUT value double precision)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
  WITH plan AS (
    SELECT p.*, (SELECT count(*) FROM salesops.territory_plan_account l WHERE l.plan_id = p.plan_id AND l.from_territory <> l.to_territory) AS moved
    FROM salesops.territory_plan p WHERE p.plan_id = territory_plan_figures.plan_id
  ), line AS MATERIALIZED (
    SELECT s.* FROM salesops.territory_plan_summary(territory_plan_figures.plan_id) s
  )
  SELECT NULL, f.figure, NULL, f.value
  FROM plan p
  CROSS JOIN LATERAL (VALUES ('cost', p.cost), ('bound', p.bound), ('gap', salesops.territory_gap(p.cost, p.bound, p.outside)), ('outside', p.outside),
                             ('accounts', p.accounts), ('accounts moved', p.moved)) AS f(figure, value)
  UNION ALL
  SELECT NULL, f.figure, 'potential', f.value
  FROM plan p
  CROSS JOIN LATERAL salesops.territory_spread(p.plan_id) s
  CROSS JOIN LATERAL (VALUES ('standard deviation', s.standard_deviation), ('coefficient of variation', s.coefficient_of_variation), ('range', s.range)) AS f(figure, value)
  WHERE s.moment = 'after'
  UNION ALL
  SELECT t.territory_id, f.figure, NULL, f.value
  FROM (SELECT DISTINCT l.territory_id, l.accounts, l.moved_in, l.moved_out, l.distance FROM line l) t
  CROSS JOIN LATERAL (VALUES ('accounts', t.accounts::double precision), ('moved in', t.moved_in), ('moved out', t.moved_out), ('distance', t.distance)) AS f(figure, value)
  UNION ALL
  SELECT l.territory_id, f.figure, l.measure, f.value
  FROM line l CROSS JOIN LATERAL (VALUES ('load', l.load), ('share of target', l.share)) AS f(figure, value);
END;
COMMENT ON FUNCTION salesops.territory_plan_figures(bigint) IS
  'The figures of a territory plan by name: of the whole (territory_id NULL: cost, bound, gap, outside, accounts, accounts moved, and the three of territory_spread()) and of each territory '
  '(those of territory_plan_summary(): accounts, moved in, moved out, distance, and by measure load and share of target). NULL = unknown; no row for an unknown plan';

CREATE FUNCTION salesops.territory_plan_differences(plan_a bigint, plan_b bigint, OUT source_key text, OUT account_id text,
                                                    OUT from_territory text, OUT territory_a text, OUT territory_b text, OUT is_in text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_territory_plan(territory_plan_differences.plan_a), salesops.check_territory_plan(territory_plan_differences.plan_b);
  SELECT coalesce(a.source_key, b.source_key), coalesce(a.account_id, b.account_id), coalesce(a.from_territory, b.from_territory), a.to_territory, b.to_territory,
         CASE WHEN b.account_id IS NULL THEN 'a' WHEN a.account_id IS NULL THEN 'b' ELSE 'both' END
  FROM (SELECT l.* FROM salesops.territory_plan_account l WHERE l.plan_id = territory_plan_differences.plan_a) a
  FULL JOIN (SELECT l.* FROM salesops.territory_plan_account l WHERE l.plan_id = territory_plan_differences.plan_b) b
    ON b.account_id = a.account_id AND coalesce(b.source_key, '') = coalesce(a.source_key, '')
  WHERE a.to_territory IS DISTINCT FROM b.to_territory OR a.account_id IS NULL OR b.account_id IS NULL
  ORDER BY 2, 1;
END;
COMMENT ON FUNCTION salesops.territory_plan_differences(bigint, bigint) IS
  'Accounts that two territory plans give to different territories, and those that only one of them has (is_in: a, b, both); 42704 for an unknown plan';

CREATE FUNCTION salesops.compare_territory_plans(plan_a bigint, plan_b bigint, OUT territory_id text, OUT figure text, OUT measure text,
                                                 OUT value_a double precision, OUT value_b double precision, OUT difference double precision)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
  SELECT salesops.check_territory_plan(compare_territory_plans.plan_a), salesops.check_territory_plan(compare_territory_plans.plan_b);
  SELECT f.* FROM (
    SELECT coalesce(a.territory_id, b.territory_id), coalesce(a.figure, b.figure), coalesce(a.measure, b.measure), a.value, b.value, b.value - a.value
    FROM salesops.territory_plan_figures(compare_territory_plans.plan_a) a
    FULL JOIN salesops.territory_plan_figures(compare_territory_plans.plan_b) b
      ON b.figure = a.figure AND coalesce(b.territory_id, '') = coalesce(a.territory_id, '') AND (b.territory_id IS NULL) = (a.territory_id IS NULL)
     AND coalesce(b.measure, '') = coalesce(a.measure, '')
    UNION ALL
    SELECT NULL, 'accounts that differ', NULL, NULL, NULL, count(*)
    FROM salesops.territory_plan_differences(compare_territory_plans.plan_a, compare_territory_plans.plan_b)
  ) AS f(territory_id, figure, measure, value_a, value_b, difference)
  ORDER BY f.territory_id NULLS FIRST, f.measure NULLS FIRST, f.figure;
END;
COMMENT ON FUNCTION salesops.compare_territory_plans(bigint, bigint) IS
  'The figures of two territory plans (territory_plan_figures()) side by side, difference = b - a: first those of the whole (territory_id NULL), with how many accounts differ '
  '(territory_plan_differences()), then territory by territory. NULL where one of them has no such territory or measure; 42704 for an unknown plan';
