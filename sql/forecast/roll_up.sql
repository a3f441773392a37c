-- Rolling figures up a hierarchy: what the deals of everybody in it add up to, column by column, and what becomes of that
-- where people put figures of their own in place of it.
--
-- A column is cumulative(): Closed, Commit, Most Likely, Best Case, Pipeline. A node is a rep with everybody below. Deals of
-- somebody who is no rep are a node by themselves, at the top, and so are those of nobody; the tops add up to the company.
--
-- A figure put in place of a node's own (an override: an adjustment, a call) hides whatever is below it. Hence the roll-up
-- needs no climb from level to level: what an override adds to its node, it adds to every node above, up to and with the
-- next overridden one, and a node without an override at or below it keeps its plain amount to the last digit.

CREATE FUNCTION salesops.forecast_columns(OUT category salesops.forecast_category, OUT label text, OUT is_callable boolean)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT c.category, c.label, c.is_open FROM salesops.forecast_categories() c
  WHERE c.category >= 'Pipeline'::salesops.forecast_category ORDER BY c.rank DESC;
END;
COMMENT ON FUNCTION salesops.forecast_columns() IS
  'The cumulative columns of a forecast from Closed down, and whether people call and adjust them: all but Closed, which is a fact';

CREATE FUNCTION salesops.forecast_nodes(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        tree_as_of timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
                                        OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[],
                                        OUT category salesops.forecast_category, OUT own_amount numeric, OUT amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
-- No sizes are known here: nested loops would compare every rep with every rep.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_quarter(forecast_nodes.period);
  WITH own AS MATERIALIZED (
    SELECT f.source_key, f.owner_id, f.totals
    FROM salesops.forecast_by_quarter(forecast_nodes.as_of, forecast_nodes.known_at) f
    WHERE f.period = forecast_nodes.period
  ), tree AS MATERIALIZED (
    SELECT h.source_key, h.rep_id, h.path
    FROM salesops.hierarchy(coalesce(forecast_nodes.tree_as_of, forecast_nodes.as_of), forecast_nodes.known_at, forecast_nodes.moves) h
  ), node AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, t.path FROM tree t
    UNION ALL
    SELECT o.source_key, o.owner_id, CASE WHEN o.owner_id IS NOT NULL THEN ARRAY[o.owner_id] END
    FROM own o LEFT JOIN tree t ON t.source_key = o.source_key AND t.rep_id = o.owner_id
    WHERE t.rep_id IS NULL
  ), below AS (
    SELECT n.source_key, u.id, salesops.forecast_rollup(o.totals) AS totals
    FROM node n
    JOIN own o ON o.source_key = n.source_key AND o.owner_id = n.rep_id
    CROSS JOIN LATERAL unnest(n.path) AS u(id)
    GROUP BY n.source_key, u.id
    UNION ALL
    SELECT o.source_key, NULL, o.totals FROM own o WHERE o.owner_id IS NULL
  )
  SELECT n.source_key, n.rep_id, n.path[cardinality(n.path) - 1], coalesce(cardinality(n.path), 1), n.path, c.category,
         salesops.cumulative(coalesce(o.totals, 'no deals'), c.category),
         salesops.cumulative(coalesce(b.totals, 'no deals'), c.category)
  FROM node n
  -- Ids are text; coalesce() joins the deals of nobody, whose id is NULL.
  LEFT JOIN own o ON o.source_key = n.source_key AND coalesce('=' || o.owner_id, '') = coalesce('=' || n.rep_id, '')
  LEFT JOIN below b ON b.source_key = n.source_key AND coalesce('=' || b.id, '') = coalesce('=' || n.rep_id, '')
  CROSS JOIN salesops.forecast_columns() c
  WHERE forecast_nodes.period IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.forecast_nodes(salesops.fiscal_period, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The forecast of a fiscal quarter rolled up, one row a node (rep with everybody below) and column: own_amount of the rep''s '
  'own deals, amount with all below, in corporate currency; manager_id the node above (NULL = top). The hierarchy is that of '
  'as_of (as-was), of tree_as_of (as-is), and with moves laid over it (proposed): hierarchy(). Owners who are no reps are tops, '
  'deals without owner a node without id. Further arguments as of opportunity_as_of(); 22023 unless the period is a quarter';

CREATE TYPE salesops.forecast_override AS (source_key text, path text[], category salesops.forecast_category,
                                           amount numeric, override numeric);
COMMENT ON TYPE salesops.forecast_override IS
  'A node of a hierarchy, by its path from the top, with the plain amount of a column and the figure that somebody put in its '
  'place (NULL = nobody did)';

CREATE FUNCTION salesops.override_roll_up(nodes salesops.forecast_override[],
                                          OUT source_key text, OUT rep_id text, OUT category salesops.forecast_category,
                                          OUT rolled_up numeric)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH node AS MATERIALIZED (
    SELECT n.source_key, n.path, cardinality(n.path) AS level, n.path[cardinality(n.path)] AS id, n.category,
           n.category::smallint AS rank, n.amount, n.override
    FROM unnest(nodes) n
  ), overridden AS MATERIALIZED (
    SELECT n.source_key, n.id, n.path, n.level, n.rank, n.override - coalesce(n.amount, 0) AS added
    FROM node n WHERE n.override IS NOT NULL
  ), rung AS MATERIALIZED (
    SELECT o.source_key, o.id, o.rank, o.added, u.id AS above, u.level
    FROM overridden o CROSS JOIN LATERAL unnest(o.path) WITH ORDINALITY AS u(id, level)
    WHERE u.level < o.level
  ), ceiling AS (
    SELECT r.source_key, r.id, r.rank, max(r.level) AS level
    FROM rung r JOIN overridden o ON o.source_key = r.source_key AND o.id = r.above AND o.rank = r.rank
    GROUP BY r.source_key, r.id, r.rank
  ), added AS (
    SELECT r.source_key, r.above AS id, r.rank, sum(r.added) AS amount
    FROM rung r LEFT JOIN ceiling c ON c.source_key = r.source_key AND c.id = r.id AND c.rank = r.rank
    WHERE r.level >= coalesce(c.level, 1)
    GROUP BY r.source_key, r.above, r.rank
  )
  SELECT n.source_key, n.id, n.category, CASE WHEN a.amount IS NULL THEN n.amount ELSE coalesce(n.amount, 0) + a.amount END
  FROM node n LEFT JOIN added a ON a.source_key = n.source_key AND a.id = n.id AND a.rank = n.rank;
END;
COMMENT ON FUNCTION salesops.override_roll_up(salesops.forecast_override[]) IS
  'Roll figures up where people put figures of their own in place of some: for each node and column its plain amount with every '
  'override below it in place of what it replaces, and without its own. An override hides what is below it; an amount that is '
  'unknown (NULL) counts 0 only where something is put in place of it or added to it';
