-- How unequal territories are, under the three names that people use: the standard deviation, the coefficient of variation and the range
-- of potential / quota. The quota is what can be asked for: quota x ramp. The field's bar is a standard deviation under 15 points; above 20 reps leave.
--
-- The territories are all there are and no sample, so the deviation is that of a population. Numeric, so that no order of rows shows.

CREATE FUNCTION salesops.territory_coverage(plan_id bigint, measure text DEFAULT 'potential',
                                            OUT territory_id text, OUT quota numeric, OUT before numeric, OUT after numeric,
                                            OUT coverage_before numeric, OUT coverage_after numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
  SELECT t.territory_id, q.quota, m.before, m.after, m.before / nullif(q.quota, 0), m.after / nullif(q.quota, 0)
  FROM salesops.territory_plan p
  JOIN salesops.territory_plan_territory t ON t.plan_id = p.plan_id
  CROSS JOIN LATERAL (SELECT pg_catalog.array_position(p.measures, territory_coverage.measure) AS place) n
  CROSS JOIN LATERAL (SELECT t.load_before[n.place]::numeric AS before, t.load[n.place]::numeric AS after) m
  CROSS JOIN LATERAL (SELECT t.quota * t.ramp::numeric AS quota) q
  WHERE p.plan_id = territory_coverage.plan_id
  ORDER BY t.territory_id;
END;
COMMENT ON FUNCTION salesops.territory_coverage(bigint, text) IS
  'Potential / quota of each territory before and under a plan, 1.11 = 111 %: the load of a measure over quota x ramp. NULL without a quota, for a quota of 0, '
  'and where the plan has no such measure';

CREATE FUNCTION salesops.territory_spread(plan_id bigint, measure text DEFAULT 'potential',
                                          OUT moment text, OUT territories bigint, OUT without_quota bigint, OUT mean numeric,
                                          OUT standard_deviation numeric, OUT coefficient_of_variation numeric, OUT range numeric, OUT verdict text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  SELECT salesops.check_territory_plan(territory_spread.plan_id);
  SELECT s.moment, s.territories, s.territories - s.known, s.mean, s.deviation, s.deviation / nullif(s.mean, 0), s.range,
         CASE WHEN s.deviation < 0.15 THEN 'under 15 points'
              WHEN s.deviation <= 0.20 THEN '15 to 20 points: over the bar'
              WHEN s.deviation > 0.20 THEN 'over 20 points: a risk that reps leave'
              WHEN s.measured = 0 THEN format('unknown: the plan has no measure "%s"', territory_spread.measure)
              ELSE 'unknown: no territory has a quota' END
  FROM (SELECT v.moment, v.place, count(*) AS territories, count(v.coverage) AS known, count(v.load) AS measured, avg(v.coverage) AS mean,
               stddev_pop(v.coverage) AS deviation, max(v.coverage) - min(v.coverage) AS range
        FROM salesops.territory_coverage(territory_spread.plan_id, territory_spread.measure) c
        CROSS JOIN LATERAL (VALUES (1, 'before', c.before, c.coverage_before), (2, 'after', c.after, c.coverage_after)) AS v(place, moment, load, coverage)
        GROUP BY v.moment, v.place) s
  ORDER BY s.place;
END;
COMMENT ON FUNCTION salesops.territory_spread(bigint, text) IS
  'Spread of potential / quota (territory_coverage()) before and after a plan: standard deviation (of a population), coefficient of variation = it / mean, range = '
  'highest - lowest; 0.15 = 15 points. Territories without a quota are left out and counted; NULL with the reason in verdict where nothing is known. 42704 for an unknown plan';
