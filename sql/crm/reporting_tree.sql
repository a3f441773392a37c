-- Who reports to whom, as a tree: from lines "this rep reports to that manager" to each rep's place in it.
--
-- The lines come from the reps as of an instant (rep_tree()) or with proposed moves laid over them (hierarchy()): one
-- climb serves both, so a proposal is read as the real tree is.

CREATE TYPE salesops.reporting_line AS (source_key text, rep_id text, manager_id text);
COMMENT ON TYPE salesops.reporting_line IS
  'A rep of a source reports to a manager; manager_id NULL = to nobody. As a proposed move: is to report from then on';

CREATE FUNCTION salesops.reporting_tree(lines salesops.reporting_line[],
                                        OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[])
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The planner knows no sizes here and would compare every rep with every rep, hence no nested loops.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH RECURSIVE member AS MATERIALIZED (
    SELECT l.source_key, l.rep_id AS id, l.manager_id FROM unnest(lines) l
  ), above AS (
    -- Everybody above each member, each once, so that the climb ends even in a circle.
    SELECT m.source_key, m.id, m.manager_id FROM member m
    UNION
    SELECT a.source_key, a.id, m.manager_id FROM above a JOIN member m ON m.source_key = a.source_key AND m.id = a.manager_id
  ), top AS (
    SELECT m.source_key, m.id, m.manager_id FROM member m
    WHERE NOT EXISTS (SELECT FROM member b WHERE b.source_key = m.source_key AND b.id = m.manager_id)
       OR EXISTS (SELECT FROM above a WHERE a.source_key = m.source_key AND a.id = m.id AND a.manager_id = m.id)
  ), tree AS (
    SELECT t.source_key, t.id, t.manager_id, 1 AS level, ARRAY[t.id] AS path FROM top t
    UNION ALL
    SELECT m.source_key, m.id, m.manager_id, t.level + 1, t.path || m.id
    FROM tree t JOIN member m ON m.source_key = t.source_key AND m.manager_id = t.id
    WHERE NOT EXISTS (SELECT FROM top o WHERE o.source_key = m.source_key AND o.id = m.id)
  )
  SELECT t.source_key, t.id, t.manager_id, t.level, t.path FROM tree t;
END;
COMMENT ON FUNCTION salesops.reporting_tree(salesops.reporting_line[]) IS
  'The tree that reporting lines make: level 1 = top, path = ids from the top down to the rep; a rep whose manager has no '
  'line of his own, and each member of a circle, is the top of a tree';
