-- Who belongs to whom: parents and ultimate parents of accounts as of an instant, and what is wrong with them.

CREATE FUNCTION salesops.account_hierarchy(
  as_of timestamptz, OUT source_key text, OUT id text, OUT parent_id text, OUT ultimate_parent_id text, OUT depth integer, OUT finding text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH RECURSIVE account AS MATERIALIZED (
    SELECT a.source_key, a.id, nullif(a.parent_id, '') AS parent_id FROM salesops.account_as_of(account_hierarchy.as_of) a WHERE a.merged_into IS NULL
  ), line AS MATERIALIZED (
    SELECT a.source_key, a.id, a.parent_id, p.id IS NOT NULL AS has_parent
    FROM account a LEFT JOIN account p ON p.source_key = a.source_key AND p.id = a.parent_id
  ), tree AS (
    SELECT l.source_key, l.id, l.parent_id, l.id AS top, 0 AS depth FROM line l WHERE NOT l.has_parent
    UNION ALL
    SELECT l.source_key, l.id, l.parent_id, t.top, t.depth + 1
    FROM tree t JOIN line l ON l.has_parent AND l.source_key = t.source_key AND l.parent_id = t.id
  ), lost AS MATERIALIZED (
    -- What no top leads to is in a circle, or below one.
    SELECT l.source_key, l.id, l.parent_id FROM line l
    WHERE NOT EXISTS (SELECT FROM tree t WHERE t.source_key = l.source_key AND t.id = l.id)
  ), above AS (
    -- Everybody above each of them, once, so the climb ends.
    SELECT l.source_key, l.id, l.parent_id FROM lost l
    UNION
    SELECT a.source_key, a.id, l.parent_id FROM above a JOIN lost l ON l.source_key = a.source_key AND l.id = a.parent_id
  )
  SELECT t.source_key, t.id, t.parent_id, t.top, t.depth, CASE WHEN t.depth = 0 AND t.parent_id IS NOT NULL THEN 'parent is not there' END
  FROM tree t
  UNION ALL
  SELECT l.source_key, l.id, l.parent_id, NULL, NULL,
         CASE WHEN EXISTS (SELECT FROM above a WHERE a.source_key = l.source_key AND a.id = l.id AND a.parent_id = l.id) THEN 'circle of parents' ELSE 'below a circle of parents' END
  FROM lost l;
END;
COMMENT ON FUNCTION salesops.account_hierarchy(timestamptz) IS
  'Accounts as of an instant with their parent, the account at the top of all (itself where it has no parent) and how many steps it is away. finding: parent is not there (deleted, merged or '
  'unknown: the account is its own top), circle of parents and below a circle of parents (no top: ultimate_parent_id and depth are NULL); NULL = nothing is wrong. No row for NULL';
