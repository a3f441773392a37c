-- What a merge would be: the record that would be left, field by field with the reason, and what would move to it.

CREATE FUNCTION salesops.duplicate_moves(source_key text, entity text, ids text[], as_of timestamptz,
                                         OUT id text, OUT opportunities bigint, OUT open_opportunities bigint, OUT contacts bigint, OUT activities bigint, OUT children bigint, OUT leads bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH hold AS (
    -- An account has its deals, a person those that he has a role in, a lead the one that he became.
    SELECT o.account_id AS id, o.id AS opportunity_id FROM salesops.opportunity o
    WHERE entity = 'account' AND o.source_key = duplicate_moves.source_key AND o.account_id = ANY (ids)
    UNION
    SELECT c.contact_id, c.opportunity_id FROM salesops.contact_role c
    WHERE entity <> 'account' AND c.source_key = duplicate_moves.source_key AND c.contact_id = ANY (ids) AND NOT c.is_deleted
    UNION
    SELECT l.id, l.opportunity_id FROM salesops.lead l WHERE entity = 'lead' AND l.source_key = duplicate_moves.source_key AND l.id = ANY (ids)
  ), deal AS MATERIALIZED (
    SELECT h.id, o.id AS opportunity_id, salesops.deal_status(o.is_won, o.is_closed, s.status) AS status
    FROM hold h
    JOIN salesops.opportunity o ON o.source_key = duplicate_moves.source_key AND o.id = h.opportunity_id AND NOT o.is_deleted AND o.merged_into IS NULL
      AND o.effective_at <= duplicate_moves.as_of
    LEFT JOIN salesops.stage_meaning(duplicate_moves.as_of) s ON s.source_key = o.source_key AND s.stage = o.stage AND salesops.means_stage(s.pipeline, s.but_in, o.pipeline)
  )
  SELECT i.id,
         (SELECT count(*) FROM deal d WHERE d.id = i.id),
         (SELECT count(*) FROM deal d WHERE d.id = i.id AND d.status = 'open'),
         (SELECT count(DISTINCT c.contact_id) FROM deal d JOIN salesops.contact_role c
            ON c.source_key = duplicate_moves.source_key AND c.opportunity_id = d.opportunity_id AND NOT c.is_deleted WHERE d.id = i.id AND entity = 'account'),
         (SELECT count(*) FROM salesops.activity a WHERE entity = 'account' AND a.source_key = duplicate_moves.source_key AND a.account_id = i.id AND NOT a.is_deleted
            AND a.effective_at <= duplicate_moves.as_of)
         + (SELECT count(*) FROM salesops.activity a WHERE entity <> 'account' AND a.source_key = duplicate_moves.source_key AND a.contact_id = i.id AND NOT a.is_deleted
              AND a.effective_at <= duplicate_moves.as_of),
         (SELECT count(*) FROM salesops.account c WHERE entity = 'account' AND c.source_key = duplicate_moves.source_key AND c.parent_id = i.id AND NOT c.is_deleted
            AND c.id <> ALL (ids)),
         (SELECT count(*) FROM salesops.lead l WHERE entity = 'account' AND l.source_key = duplicate_moves.source_key AND l.account_id = i.id AND NOT l.is_deleted)
  FROM unnest(ids) AS i(id);
END;
COMMENT ON FUNCTION salesops.duplicate_moves(text, text, text[], timestamptz) IS
  'What hangs on each of some accounts, leads or contacts and would move with it: opportunities (of a person those in which he has a role, of a lead the one that he became), those that are open, activities; '
  'of accounts also people on their deals, child accounts that are none of them, and leads. Of states known now; no row for NULL';

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

-- The records of a cluster, each as an object: accounts and leads as they were, records of a query as it gives them now. The query is given again by who asks: what
-- somebody else once searched by would run under his rights.
CREATE FUNCTION salesops.duplicate_records(run_id bigint, cluster text, query text, OUT id text, OUT state jsonb, OUT created_at timestamptz, OUT touched_at timestamptz)
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  run salesops.duplicate_run := (SELECT r FROM salesops.duplicate_run r WHERE r.run_id = duplicate_records.run_id);
  ids text[] := ARRAY(SELECT m.id FROM salesops.kept_duplicate_members(duplicate_records.run_id) m WHERE m.cluster = duplicate_records.cluster);
  ours CONSTANT text[] := '{source_key,id,is_deleted,effective_at,recorded_at,origin,merged_into,unreadable,custom}';
BEGIN
  IF duplicate_records.query IS NOT NULL THEN
    RETURN QUERY EXECUTE format('SELECT q.key::text, to_jsonb(q) - ''key'', NULL::timestamptz, NULL::timestamptz FROM (%s) q WHERE q.key::text = ANY ($1)', salesops.query_as_part(duplicate_records.query)) USING ids;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT x.id, x.state - ours || coalesce((SELECT jsonb_object_agg('custom.' || c.key, c.value) FROM jsonb_each(x.custom) c), '{}'), x.created_at, x.touched_at
  FROM (SELECT a.id, to_jsonb(a) AS state, a.custom, a.created_at, coalesce(a.last_activity_at, a.effective_at) AS touched_at
        FROM salesops.account_as_of(run.as_of) a WHERE run.entity = 'account' AND a.source_key = run.source_key AND a.id = ANY (ids)
        UNION ALL
        SELECT l.id, to_jsonb(l), l.custom, l.created_at, l.effective_at
        FROM salesops.lead l WHERE run.entity = 'lead' AND l.source_key = run.source_key AND l.id = ANY (ids) AND NOT l.is_deleted) x;
END $$;
COMMENT ON FUNCTION salesops.duplicate_records(bigint, text, text) IS
  'The records of a cluster of a kept search, with what is known of each: accounts as of the search, leads as they are; of another entity the rows of a query with the column key, read under the caller''s rights. '
  'No row for NULL, an unknown search or cluster, or another entity without a query';

-- The record with most open deals survives; then most deals, most activities, most known fields, the oldest, the least identifier.
CREATE FUNCTION salesops.merge_proposal(run_id bigint, cluster text, query text DEFAULT NULL, OUT field text, OUT value text, OUT from_id text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT m.* FROM salesops.duplicate_records(merge_proposal.run_id, merge_proposal.cluster, merge_proposal.query) m
  ), moving AS MATERIALIZED (
    SELECT v.* FROM salesops.duplicate_run r CROSS JOIN LATERAL salesops.duplicate_moves(r.source_key, r.entity, (SELECT array_agg(m.id) FROM member m), r.as_of) v
    WHERE r.run_id = merge_proposal.run_id
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
  SELECT 'moves', concat_ws(', ', v.opportunities || ' opportunities', CASE d.entity WHEN 'account' THEN v.contacts || ' contacts' END, v.activities || ' activities',
                            CASE d.entity WHEN 'account' THEN format('%s child accounts, %s leads', v.children, v.leads) END),
         v.id, 'would move to the record that survives'
  FROM salesops.duplicate_run d CROSS JOIN moving v JOIN ranked r USING (id) WHERE d.run_id = merge_proposal.run_id AND r.place > 1;
END;
COMMENT ON FUNCTION salesops.merge_proposal(bigint, text, text) IS
  'What merging a cluster of a kept search would give: a row survivor, a row for each field with its value, the record that it comes from and why, and a row moves for each record that would go. '
  'Of what is neither account nor lead the query is given again, with all the columns that there are, and names with their schema. A proposal: merge_duplicates() decides, and changes neither the CRM nor our copy. '
  'No row for NULL, an unknown run or cluster, or another entity without a query';
