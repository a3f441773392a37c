-- The marts of the territories: how balanced those in force are, what the plans would bring, who has which account.

CREATE FUNCTION salesops.mart_territory_balance(
  OUT territory_balance_key text, OUT territory text, OUT plan_id bigint, OUT plan text, OUT accounts bigint,
  OUT potential numeric, OUT quota numeric, OUT potential_coverage numeric,
  OUT measure text, OUT load numeric, OUT target numeric, OUT share_of_target numeric, OUT planned_share_of_target numeric, OUT is_flagged boolean,
  OUT basis text, OUT measured_date date, OUT effective_from timestamptz, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH held AS MATERIALIZED (
    SELECT a.publication_id, a.territory_id, count(*) AS accounts
    FROM salesops.latest_publication() p CROSS JOIN LATERAL salesops.territory_assignments(p.as_of) a GROUP BY 1, 2
  ), line AS MATERIALIZED (
    SELECT b.publication_id, b.effective_from, n.plan_id, n.name, t.territory_id, coalesce(h.accounts, 0) AS accounts, t.quota * t.ramp::numeric AS quota,
           m.measure, l.as_of AS measured_at, m.load::numeric / nullif(m.target::numeric, 0) AS planned_share,
           CASE WHEN l.as_of IS NULL THEN m.load::numeric ELSE l.load END AS load,
           CASE WHEN l.as_of IS NULL THEN m.target::numeric ELSE l.target END AS target
    FROM salesops.latest_publication() p
    CROSS JOIN LATERAL salesops.territory_publications(p.as_of) b
    JOIN salesops.territory_plan n ON n.plan_id = b.plan_id
    JOIN salesops.territory_plan_territory t ON t.plan_id = n.plan_id
    CROSS JOIN LATERAL ROWS FROM (unnest(n.measures), unnest(t.load), unnest(t.target)) AS m(measure, load, target)
    LEFT JOIN held h ON h.publication_id = b.publication_id AND h.territory_id = t.territory_id
    LEFT JOIN salesops.territory_health_load l
      ON l.publication_id = b.publication_id AND l.territory_id = t.territory_id AND l.measure = m.measure
     AND l.as_of = (SELECT max(x.as_of) FROM salesops.territory_health x
                    WHERE x.publication_id = b.publication_id AND x.as_of <= p.as_of AND x.reason IS NULL)
    -- What later plans have taken over entirely is no longer in force.
    WHERE EXISTS (SELECT FROM held x WHERE x.publication_id = b.publication_id)
  )
  SELECT jsonb_build_array(l.publication_id, l.territory_id, l.measure)::text, l.territory_id, l.plan_id, salesops.mart_label(l.name), l.accounts,
         g.potential, l.quota, g.potential / nullif(l.quota, 0), l.measure, l.load, l.target, l.load / nullif(l.target, 0), l.planned_share,
         coalesce(abs(l.load - l.target) > 0.15 * abs(l.target), false),
         CASE WHEN l.measured_at IS NULL THEN 'planned' ELSE 'measured' END, (l.measured_at AT TIME ZONE p.time_zone)::date, l.effective_from,
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p CROSS JOIN line l
  LEFT JOIN (SELECT x.publication_id, x.territory_id, x.load AS potential FROM line x WHERE x.measure = 'potential') g
    ON g.publication_id = l.publication_id AND g.territory_id = l.territory_id;
END;
COMMENT ON FUNCTION salesops.mart_territory_balance() IS 'Rows of mart territory_balance; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_territory_plan_comparison(
  OUT territory_plan_comparison_key text, OUT plan_id bigint, OUT plan text, OUT status text, OUT status_sort smallint, OUT status_by text, OUT status_since timestamptz,
  OUT note text, OUT effective_from timestamptz, OUT taken_back_from timestamptz, OUT accounts bigint, OUT territories integer, OUT accounts_moved bigint,
  OUT cost numeric, OUT bound numeric, OUT gap numeric, OUT outside numeric,
  OUT standard_deviation numeric, OUT coefficient_of_variation numeric, OUT range numeric, OUT spread text,
  OUT measure text, OUT lowest_share numeric, OUT highest_share numeric, OUT lowest_share_before numeric, OUT highest_share_before numeric, OUT territories_flagged bigint,
  OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(t.plan_id, m.measure)::text, t.plan_id, salesops.mart_label(t.name), t.status,
         pg_catalog.array_position(ARRAY['published', 'approved', 'proposed', 'draft', 'rejected', 'withdrawn', 'rolled back'], t.status)::smallint,
         t.status_by, t.status_since, salesops.mart_label(t.note), t.effective_from, t.taken_back_from, t.accounts, t.territories, n.budget_used[1]::bigint,
         t.cost::numeric, t.bound::numeric, t.gap::numeric, t.outside::numeric,
         s.standard_deviation, s.coefficient_of_variation, s.range, s.verdict,
         m.measure, f.lowest, f.highest, f.lowest_before, f.highest_before, f.flagged,
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.territory_plans(p.as_of) t
  JOIN salesops.territory_plan n ON n.plan_id = t.plan_id
  CROSS JOIN LATERAL unnest(n.measures) WITH ORDINALITY AS m(measure, place)
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.territory_spread(t.plan_id) x WHERE x.moment = 'after') s ON true
  CROSS JOIN LATERAL (
    SELECT min(v.share) AS lowest, max(v.share) AS highest, min(v.share_before) AS lowest_before, max(v.share_before) AS highest_before,
           count(*) FILTER (WHERE abs(v.share - 1) > 0.15) AS flagged
    FROM (SELECT y.load[m.place]::numeric / nullif(y.target[m.place]::numeric, 0) AS share,
                 y.load_before[m.place]::numeric / nullif(y.target[m.place]::numeric, 0) AS share_before
          FROM salesops.territory_plan_territory y WHERE y.plan_id = t.plan_id) v) f
  WHERE t.name IS NOT NULL OR t.status <> 'draft';
END;
COMMENT ON FUNCTION salesops.mart_territory_plan_comparison() IS
  'Rows of mart territory_plan_comparison; columns as of mart_columns(). Drafts without a name are left out';

CREATE FUNCTION salesops.mart_territory_assignment(
  OUT territory_assignment_key text, OUT source_key text, OUT account_id text, OUT account text, OUT territory text, OUT previous_territory text, OUT is_moved boolean,
  OUT effective_from timestamptz, OUT plan_id bigint, OUT plan text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(a.source_key, a.account_id)::text, salesops.mart_label(a.source_key), a.account_id, coalesce(c.name, '(unknown account)'),
         a.territory_id, salesops.mart_label(l.from_territory), coalesce(l.from_territory <> a.territory_id, false),
         a.effective_from, a.plan_id, salesops.mart_label(n.name), p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.territory_assignments(p.as_of) a
  JOIN salesops.territory_plan n ON n.plan_id = a.plan_id
  LEFT JOIN salesops.territory_plan_account l ON l.plan_id = a.plan_id AND l.account_id = a.account_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_state(p.as_of, p.as_of) x) c ON c.source_key = a.source_key AND c.id = a.account_id;
END;
COMMENT ON FUNCTION salesops.mart_territory_assignment() IS 'Rows of mart territory_assignment; columns as of mart_columns()';
