-- Owners: who a deal is counted for, with team and line of managers, as the tree was at the instant asked for.

CREATE FUNCTION salesops.owners(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                OUT source_key text, OUT owner_id text, OUT owner text, OUT team text, OUT region text,
                                OUT manager text, OUT manager_path text, OUT is_active boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  -- The planner knows no sizes here and would compare every rep with every rep, hence no nested loops.
  WITH rep AS MATERIALIZED (
    SELECT r.* FROM salesops.rep_as_of(owners.as_of, owners.known_at) r
  ), tree AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, t.path[1] AS top_id, t.path FROM salesops.rep_tree(owners.as_of, owners.known_at) t
  ), rung AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, p.id, p.level FROM tree t CROSS JOIN LATERAL unnest(t.path) WITH ORDINALITY AS p(id, level)
  ), line AS (
    SELECT g.source_key, g.rep_id, string_agg(coalesce(r.name, r.id), ' > ' ORDER BY g.level) AS label
    FROM rung g JOIN rep r ON r.source_key = g.source_key AND r.id = g.id
    GROUP BY g.source_key, g.rep_id
  )
  SELECT r.source_key, r.id, coalesce(r.name, r.id), r.team, r.region, coalesce(m.name, m.id, r.manager_id),
         -- Some sources name a manager whom they have no row for: he still heads the line.
         CASE WHEN b.id IS NULL AND top.manager_id IS NOT NULL THEN top.manager_id || ' > ' || l.label ELSE l.label END,
         coalesce(r.is_active, true)
  FROM rep r
  JOIN line l ON l.source_key = r.source_key AND l.rep_id = r.id
  JOIN tree t ON t.source_key = r.source_key AND t.rep_id = r.id
  JOIN rep top ON top.source_key = t.source_key AND top.id = t.top_id
  LEFT JOIN rep b ON b.source_key = top.source_key AND b.id = top.manager_id
  LEFT JOIN rep m ON m.source_key = r.source_key AND m.id = r.manager_id;
END;
COMMENT ON FUNCTION salesops.owners(timestamptz, timestamptz) IS
  'Reps as of an instant with the labels that forecasts and marts show: name, team, region, manager, and the line of '
  'managers '
  'from the top down to the rep, "Top > Middle > Rep"; is_active is true where the source does not say. '
  'Arguments as of opportunity_as_of()';
