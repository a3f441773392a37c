-- Scopes: for whom a forecast is. The company, a region, a team (a manager with everybody below), an owner.
--
-- The tree and the labels are those of the instant asked for, so one argument turns as-was into as-is, and proposed moves
-- (hierarchy()) show a reorganisation before it is made. Every rep is in the company, in one region, in the team of each
-- manager above him and in his own scope. A deal without owner, or of an owner who is no rep then, is in the company and in
-- the scope owner:(no rep): the owners add up to the company.
--
-- A scope is named by a text that stays the same when people are renamed: company, region:<name>, team:<source>/<id> and
-- owner:<source>/<id>.

CREATE FUNCTION salesops.forecast_scopes(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                         moves salesops.reporting_line[] DEFAULT NULL,
                                         OUT scope_kind text, OUT scope text, OUT label text, OUT level integer,
                                         OUT source_key text, OUT owner_id text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
-- The planner knows no sizes here and would compare every rep with every rep, hence no nested loops.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH rep AS MATERIALIZED (
    SELECT r.source_key, r.id, coalesce(r.name, r.id) AS name, r.region
    FROM salesops.rep_as_of(forecast_scopes.as_of, forecast_scopes.known_at) r
  ), line AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, t.manager_id, t.path
    FROM salesops.hierarchy(forecast_scopes.as_of, forecast_scopes.known_at, forecast_scopes.moves) t
  ), tree AS MATERIALIZED (
    -- Some sources name a manager whom they have no row for: he still heads the line.
    SELECT t.source_key, t.rep_id, CASE WHEN r.id IS NULL AND top.manager_id IS NOT NULL THEN top.manager_id || t.path ELSE t.path END AS path
    FROM line t
    JOIN line top ON top.source_key = t.source_key AND top.rep_id = t.path[1]
    LEFT JOIN rep r ON r.source_key = top.source_key AND r.id = top.manager_id
  ), rung AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, p.id, p.level::integer AS level
    FROM tree t CROSS JOIN LATERAL unnest(t.path) WITH ORDINALITY AS p(id, level)
  ), manager AS MATERIALIZED (
    SELECT g.source_key, g.id, min(g.level) AS level FROM rung g GROUP BY g.source_key, g.id HAVING bool_or(g.id <> g.rep_id)
  )
  SELECT 'company', 'company', 'Company', 0, r.source_key, r.id FROM rep r
  UNION ALL
  SELECT 'region', 'region:' || coalesce(r.region, '(none)'), coalesce(r.region, '(no region)'), 1, r.source_key, r.id FROM rep r
  UNION ALL
  SELECT 'team', 'team:' || g.source_key || '/' || g.id, coalesce(m.name, g.id), w.level, g.source_key, g.rep_id
  FROM rung g
  JOIN manager w ON w.source_key = g.source_key AND w.id = g.id
  LEFT JOIN rep m ON m.source_key = g.source_key AND m.id = g.id
  UNION ALL
  SELECT 'owner', 'owner:' || r.source_key || '/' || r.id, r.name, cardinality(t.path), r.source_key, r.id
  FROM rep r JOIN tree t ON t.source_key = r.source_key AND t.rep_id = r.id
  UNION ALL
  VALUES ('company', 'company', 'Company', 0, NULL, NULL), ('owner', 'owner:(no rep)', '(no rep)', 1, NULL, NULL);
END;
COMMENT ON FUNCTION salesops.forecast_scopes(timestamptz, timestamptz, salesops.reporting_line[]) IS
  'Who is in which scope as of an instant, a row a scope and member: the company, the region of each rep (region:(none) = he has '
  'none), the team of each manager with everybody below and himself, each rep. source_key and owner_id NULL stand for every '
  'deal without an owner or whose owner was no rep then: in the company and in owner:(no rep). level = depth in the manager '
  'tree, 1 = top (company 0, regions 1). moves: a proposed tree, as for hierarchy()';

CREATE FUNCTION salesops.find_scope(scope text, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                    moves salesops.reporting_line[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  candidates text[];
BEGIN
  IF scope = 'company' THEN
    RETURN scope;
  END IF;
  candidates := (SELECT array_agg(DISTINCT s.scope ORDER BY s.scope)
                 FROM salesops.forecast_scopes(as_of, known_at, moves) s WHERE s.scope = find_scope.scope);
  IF candidates IS NULL THEN
    candidates := (SELECT array_agg(DISTINCT s.scope ORDER BY s.scope)
                   FROM salesops.forecast_scopes(as_of, known_at, moves) s WHERE s.label = find_scope.scope);
  END IF;
  IF candidates IS NULL THEN
    RAISE EXCEPTION 'unknown scope %', coalesce(quote_literal(scope), 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = format('Nobody of that name was there at %s.', coalesce(as_of::text, 'NULL')),
      HINT = 'SELECT DISTINCT scope, label FROM salesops.forecast_scopes(...) lists the scopes of an instant.';
  END IF;
  IF cardinality(candidates) > 1 THEN
    RAISE EXCEPTION '% is the name of several scopes', quote_literal(scope) USING
      ERRCODE = 'ambiguous_parameter',
      DETAIL = format('They are %s.', array_to_string(candidates[1:5], ', ')),
      HINT = 'Give one of these instead.';
  END IF;
  RETURN candidates[1];
END $$;
COMMENT ON FUNCTION salesops.find_scope(text, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The scope that a text names: company, a scope of forecast_scopes(), or the label of one if no other has it; 42704 for an '
  'unknown one, 42P08 where several have the label';
