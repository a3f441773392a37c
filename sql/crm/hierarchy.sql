-- The manager tree under which figures are rolled up: as it was at the instant of the figures, as it is at another one, or as
-- somebody proposes it. Whatever rolls up takes its tree from here, so two arguments turn as-was into as-is or proposed.
--
-- A proposal is a list of moves laid over the tree of an instant. What it says must make sense: a circle in the CRM's data is
-- lived with (each of its members is a top), one that is proposed is refused.

CREATE FUNCTION salesops.check_moves(moves salesops.reporting_line[], as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  SELECT m.source_key, n.id INTO wrong
  FROM unnest(moves) m CROSS JOIN LATERAL unnest(ARRAY[coalesce(m.rep_id, ''), m.manager_id]) n(id)
  WHERE n.id IS NOT NULL
    AND NOT EXISTS (SELECT FROM salesops.rep_as_of(as_of, known_at) r WHERE r.source_key = m.source_key AND r.id = n.id)
  ORDER BY m.source_key, n.id LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'proposed move names an unknown rep: %', quote_literal(wrong.id) USING
      ERRCODE = 'undefined_object',
      DETAIL = format('Source %s had no such rep at %s.', coalesce(quote_literal(wrong.source_key), 'NULL'), as_of),
      HINT = 'SELECT id, name FROM salesops.rep_as_of(...) lists the reps of an instant; manager_id NULL means: reports to nobody.';
  END IF;

  SELECT m.source_key, m.rep_id INTO wrong
  FROM unnest(moves) m GROUP BY m.source_key, m.rep_id HAVING count(*) > 1 ORDER BY m.source_key, m.rep_id LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'proposed moves move rep % of source % twice', quote_literal(wrong.rep_id), quote_literal(wrong.source_key) USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give one line a rep: the manager he is to report to in the end.';
  END IF;

  -- The climb from each moved rep; whoever meets himself closes a circle.
  WITH RECURSIVE line AS MATERIALIZED (
    SELECT r.source_key, r.id, CASE WHEN m.rep_id IS NULL THEN r.manager_id ELSE m.manager_id END AS manager_id
    FROM salesops.rep_as_of(as_of, known_at) r
    LEFT JOIN unnest(moves) m ON m.source_key = r.source_key AND m.rep_id = r.id
  ), above AS (
    SELECT m.source_key, m.rep_id, m.manager_id FROM unnest(moves) m
    UNION
    SELECT a.source_key, a.rep_id, l.manager_id FROM above a JOIN line l ON l.source_key = a.source_key AND l.id = a.manager_id
  )
  SELECT a.source_key, a.rep_id INTO wrong
  FROM above a WHERE a.manager_id = a.rep_id ORDER BY a.source_key, a.rep_id LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'proposed moves close a circle: rep % of source % would be above himself',
                    quote_literal(wrong.rep_id), quote_literal(wrong.source_key) USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Also move somebody of the circle out of it.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_moves(salesops.reporting_line[], timestamptz, timestamptz) IS
  'Raises 42704 where proposed moves name a rep or manager unknown at an instant, 22023 where they move somebody twice or '
  'close a circle';

CREATE FUNCTION salesops.hierarchy(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                   moves salesops.reporting_line[] DEFAULT NULL,
                                   OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.check_moves(hierarchy.moves, hierarchy.as_of, hierarchy.known_at);
  SELECT t.source_key, t.rep_id, t.manager_id, t.level, t.path
  FROM salesops.reporting_tree(
    (SELECT array_agg(ROW(r.source_key, r.id, CASE WHEN m.rep_id IS NULL THEN r.manager_id ELSE m.manager_id END)::salesops.reporting_line)
     FROM salesops.rep_as_of(hierarchy.as_of, hierarchy.known_at) r
     LEFT JOIN unnest(hierarchy.moves) m ON m.source_key = r.source_key AND m.rep_id = r.id)) t;
END;
COMMENT ON FUNCTION salesops.hierarchy(timestamptz, timestamptz, salesops.reporting_line[]) IS
  'rep_tree() of an instant with proposed moves laid over it, such as ARRAY[(''crm'', ''ann'', ''bob'')]::salesops.reporting_line[] '
  '(manager_id NULL = reports to nobody); without moves it is rep_tree(). 42704 for an unknown rep or manager, 22023 for a '
  'rep moved twice or a circle';
