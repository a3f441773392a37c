-- What a merge would be: the record that would be left, field by field with the reason, and what would move to it.

CREATE FUNCTION salesops.duplicate_moves(source_key text, ids text[], as_of timestamptz,
                                         OUT id text, OUT opportunities bigint, OUT open_opportunities bigint, OUT contacts bigint, OUT activities bigint, OUT children bigint, OUT leads bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH deal AS MATERIALIZED (
    SELECT o.id, o.account_id, salesops.deal_status(o.is_won, o.is_closed, s.status) AS status
    FROM salesops.opportunity o
    LEFT JOIN salesops.stage_meaning(duplicate_moves.as_of) s ON s.source_key = o.source_key AND s.stage = o.stage AND salesops.means_stage(s.pipeline, s.but_in, o.pipeline)
    WHERE o.source_key = duplicate_moves.source_key AND o.account_id = ANY (duplicate_moves.ids) AND NOT o.is_deleted AND o.merged_into IS NULL
      AND o.effective_at <= duplicate_moves.as_of
  )
  SELECT i.id,
         (SELECT count(*) FROM deal d WHERE d.account_id = i.id),
         (SELECT count(*) FROM deal d WHERE d.account_id = i.id AND d.status = 'open'),
         (SELECT count(DISTINCT c.contact_id) FROM deal d JOIN salesops.contact_role c
            ON c.source_key = duplicate_moves.source_key AND c.opportunity_id = d.id AND NOT c.is_deleted WHERE d.account_id = i.id),
         (SELECT count(*) FROM salesops.activity a WHERE a.source_key = duplicate_moves.source_key AND a.account_id = i.id AND NOT a.is_deleted
            AND a.effective_at <= duplicate_moves.as_of),
         (SELECT count(*) FROM salesops.account c WHERE c.source_key = duplicate_moves.source_key AND c.parent_id = i.id AND NOT c.is_deleted
            AND c.id <> ALL (duplicate_moves.ids)),
         (SELECT count(*) FROM salesops.lead l WHERE l.source_key = duplicate_moves.source_key AND l.account_id = i.id AND NOT l.is_deleted)
  FROM unnest(duplicate_moves.ids) AS i(id);
END;
COMMENT ON FUNCTION salesops.duplicate_moves(text, text[], timestamptz) IS
  'What hangs on each of some accounts and would move with it: opportunities, those that are open, people on their deals, activities, child accounts that are none of them, leads. Of states known now; no row for NULL';

CREATE FUNCTION salesops.parents_below(source_key text, ids text[], OUT parent_id text)
RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH RECURSIVE line AS (
    -- From each parent up, by a union, so that a circle ends.
    SELECT a.parent_id, a.parent_id AS id FROM salesops.account a WHERE a.source_key = parents_below.source_key AND a.id = ANY (parents_below.ids)
    UNION
    SELECT l.parent_id, a.parent_id FROM line l JOIN salesops.account a ON a.source_key = parents_below.source_key AND a.id = l.id AND NOT a.is_deleted
  )
  SELECT DISTINCT l.parent_id FROM line l WHERE l.id = ANY (parents_below.ids);
END;
COMMENT ON FUNCTION salesops.parents_below(text, text[]) IS
  'Parents of some accounts that are themselves among them, or below one of them: were the accounts one, it would be its own ancestor. Of states known now; no row for NULL';

-- The record with most open deals survives; then most deals, most activities, most known fields, the oldest, the least identifier.
CREATE FUNCTION salesops.merge_proposal(run_id bigint, cluster text, OUT field text, OUT value text, OUT from_id text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH run AS MATERIALIZED (
    SELECT r.source_key, r.as_of FROM salesops.duplicate_run r WHERE r.run_id = merge_proposal.run_id AND r.entity = 'account'
  ), member AS MATERIALIZED (
    SELECT a.id, to_jsonb(a) - ARRAY['source_key', 'id', 'is_deleted', 'effective_at', 'recorded_at', 'origin', 'merged_into', 'unreadable', 'custom'] AS state,
           a.created_at, coalesce(a.last_activity_at, a.effective_at) AS touched_at
    FROM run r CROSS JOIN LATERAL salesops.account_as_of(r.as_of) a
    JOIN salesops.duplicate_cluster_member m ON m.run_id = merge_proposal.run_id AND m.cluster = merge_proposal.cluster AND m.id = a.id
    WHERE a.source_key = r.source_key
  ), moving AS MATERIALIZED (
    SELECT v.* FROM run r CROSS JOIN LATERAL salesops.duplicate_moves(r.source_key, (SELECT array_agg(m.id) FROM member m), r.as_of) v
  ), ranked AS MATERIALIZED (
    SELECT m.id, m.state, m.touched_at, v.open_opportunities, v.opportunities, v.activities,
           row_number() OVER (ORDER BY v.open_opportunities DESC, v.opportunities DESC, v.activities DESC,
                              (SELECT count(*) FROM jsonb_each(m.state) e WHERE e.value <> 'null') DESC, m.created_at NULLS LAST, m.id COLLATE "C") AS place
    FROM member m JOIN moving v USING (id)
  ), known AS (
    SELECT e.key AS field, e.value, r.id, r.place, r.touched_at,
           count(*) OVER (PARTITION BY e.key, e.value) AS votes, count(*) OVER (PARTITION BY e.key) AS voters
    FROM ranked r CROSS JOIN LATERAL jsonb_each_text(r.state) e WHERE e.value IS NOT NULL AND e.value <> ''
      AND NOT (e.key = 'parent_id' AND e.value IN (SELECT b.parent_id FROM salesops.duplicate_run d
                                                   CROSS JOIN LATERAL salesops.parents_below(d.source_key, (SELECT array_agg(m.id) FROM member m)) b WHERE d.run_id = merge_proposal.run_id))
  ), chosen AS (
    SELECT DISTINCT ON (k.field) k.field, k.value, k.id,
           CASE WHEN k.votes = k.voters AND k.voters > 1 THEN 'all agree'
                WHEN k.place = 1 THEN 'of the record that survives'
                WHEN k.voters = 1 THEN 'the only one known'
                ELSE 'the record that survives does not have it: of the one touched last' END AS reason
    FROM known k ORDER BY k.field, k.place = 1 DESC, k.touched_at DESC, k.place
  )
  SELECT 'survivor', r.id, r.id,
         format('%s open and %s deals in all, %s activities', r.open_opportunities, r.opportunities, r.activities)
  FROM ranked r WHERE r.place = 1
  UNION ALL
  SELECT c.field, c.value, c.id, c.reason FROM chosen c
  UNION ALL
  SELECT 'moves', concat_ws(', ', v.opportunities || ' opportunities', v.contacts || ' contacts', v.activities || ' activities', v.children || ' child accounts', v.leads || ' leads'),
         v.id, 'would move to the record that survives'
  FROM moving v JOIN ranked r USING (id) WHERE r.place > 1;
END;
COMMENT ON FUNCTION salesops.merge_proposal(bigint, text) IS
  'What merging a cluster of accounts of a kept search would give: a row survivor, a row for each field with its value, the record that it comes from and why, and a row moves for each record '
  'that would go. A proposal: merge_duplicates() decides, and changes neither the CRM nor our copy. No row for NULL, an unknown run or cluster, or leads';
