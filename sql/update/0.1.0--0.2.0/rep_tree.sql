-- rep_tree() takes its climb from reporting_tree(), as hierarchy() does.
CREATE OR REPLACE FUNCTION salesops.rep_tree(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                  OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT t.source_key, t.rep_id, t.manager_id, t.level, t.path
  FROM salesops.reporting_tree((SELECT array_agg(ROW(r.source_key, r.id, r.manager_id)::salesops.reporting_line)
                                FROM salesops.rep_as_of(rep_tree.as_of, rep_tree.known_at) r)) t;
END;
