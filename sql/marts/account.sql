-- The marts of the accounts: what each is worth and why, what moved, what reps are asked to do.

CREATE FUNCTION salesops.mart_account_scorecard(
  OUT account_scorecard_key text, OUT source_key text, OUT account_id text, OUT account text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT industry text, OUT segment text, OUT score integer, OUT tier integer, OUT size_points integer, OUT industry_points integer, OUT engagement_points integer, OUT intent_points integer,
  OUT missing_inputs text, OUT missing_input_count integer, OUT score_text text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(a.source_key, a.id)::text, a.source_key, a.id, salesops.mart_label(a.name),
         salesops.mart_label(a.owner_id), CASE WHEN a.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         salesops.mart_label(a.industry), salesops.mart_label(c.segment), salesops.total(a.score), salesops.tier(a.score),
         salesops.size_points(a.score), salesops.industry_points(a.score), salesops.engagement_points(a.score), salesops.intent_points(a.score),
         salesops.mart_label(array_to_string(m.missing, ', ')), cardinality(m.missing), a.score::text, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.account_scores(p.as_of, p.as_of) a
  CROSS JOIN LATERAL (SELECT salesops.missing_inputs(a.score) AS missing) m
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_state(p.as_of, p.as_of) x) c ON c.source_key = a.source_key AND c.id = a.id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = a.source_key AND w.owner_id = a.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_account_scorecard() IS 'Rows of mart account_scorecard; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_score_movement(
  OUT score_movement_key text, OUT source_key text, OUT account_id text, OUT account text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT changed_date date, OUT changed_at timestamptz, OUT old_score integer, OUT new_score integer, OUT change integer, OUT old_tier integer, OUT new_tier integer, OUT tier_change text,
  OUT component text, OUT reason text, OUT is_latest boolean, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH change AS (
    -- Of the accounts that moved alone: of most there is one row, their first.
    SELECT k.source_key, k.id, k.as_of, k.score AS new_score, o.score AS old_score, lead(k.as_of) OVER (PARTITION BY k.source_key, k.id ORDER BY k.as_of) IS NULL AS is_latest
    FROM salesops.latest_publication() p
    JOIN salesops.kept_account_score k ON k.as_of > p.as_of - interval '92 days' AND k.as_of <= p.as_of
    CROSS JOIN LATERAL (SELECT x.score FROM salesops.kept_account_score x
                        WHERE x.source_key = k.source_key AND x.id = k.id AND x.as_of < k.as_of ORDER BY x.as_of DESC LIMIT 1) o
  )
  SELECT jsonb_build_array(c.source_key, c.id, c.as_of AT TIME ZONE 'UTC')::text, c.source_key, c.id, coalesce(a.name, '(unknown account)'),
         salesops.mart_label(a.owner_id), CASE WHEN a.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         (c.as_of AT TIME ZONE p.time_zone)::date, c.as_of, salesops.total(c.old_score), salesops.total(c.new_score), m.change, t.old, t.new,
         CASE WHEN t.new < t.old THEN 'up' WHEN t.new > t.old THEN 'down' WHEN t.new = t.old THEN 'same' ELSE '(none)' END,
         salesops.mart_label(m.component), m.says, c.is_latest, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p CROSS JOIN change c
  CROSS JOIN LATERAL salesops.score_change(c.old_score, c.new_score) m
  CROSS JOIN LATERAL (SELECT salesops.tier(c.old_score) AS old, salesops.tier(c.new_score) AS new) t
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_state(p.as_of, p.as_of) x) a ON a.source_key = c.source_key AND a.id = c.id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = c.source_key AND w.owner_id = a.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_score_movement() IS 'Rows of mart score_movement; columns as of mart_columns(). The first score of an account is no movement';

CREATE FUNCTION salesops.mart_next_best_action(
  OUT next_best_action_key text, OUT source_key text, OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT action_rank bigint, OUT action text, OUT reason text, OUT due_date date, OUT is_overdue boolean,
  OUT object_kind text, OUT object_id text, OUT object text, OUT amount numeric, OUT uplift numeric, OUT expected_value numeric, OUT value_note text,
  OUT rule text, OUT offered_date date, OUT open_days integer, OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT n.action_id::text, n.source_key, n.owner_id, coalesce(w.owner, '(unknown owner)'),
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         n."position", n.what, n.why, n.due_date, n.is_overdue, n.object_kind, n.object_id, salesops.mart_label(n.object),
         salesops.mart_number(n.amount), n.uplift, salesops.mart_number(n.expected_value), salesops.mart_label(n.no_value_because),
         n.rule, o.day, p.as_of_date - o.day, n.currency, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.next_best_actions(p.as_of) n
  CROSS JOIN LATERAL (SELECT (n.offered_at AT TIME ZONE p.time_zone)::date AS day) o
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = n.source_key AND w.owner_id = n.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_next_best_action() IS 'Rows of mart next_best_action; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_duplicates_for_review(
  OUT duplicates_for_review_key text, OUT source_key text, OUT entity text, OUT first_id text, OUT first_name text, OUT second_id text, OUT second_name text,
  OUT cluster_id text, OUT verdict text, OUT weight numeric, OUT evidence text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH named AS MATERIALIZED (
    SELECT 'account' AS entity, a.source_key, a.id, a.name FROM salesops.latest_publication() p CROSS JOIN LATERAL salesops.account_state(p.as_of, p.as_of) a
    UNION ALL
    SELECT 'lead', l.source_key, l.id, l.name FROM salesops.lead l WHERE NOT l.is_deleted
  )
  SELECT jsonb_build_array(d.source_key, d.entity, d.one, d.other)::text, d.source_key, d.entity, d.one, salesops.mart_label(f.name), d.other, salesops.mart_label(s.name),
         salesops.mart_label(d.cluster), d.verdict, salesops.mart_number(d.weight::numeric),
         salesops.mart_label((SELECT string_agg(e.key || ': ' || concat_ws(' ', e.value ->> 'agreement', round((coalesce(e.value ->> 'weight', e.value #>> '{}'))::numeric, 1)), '; ' ORDER BY e.key)
                              FROM jsonb_each(d.evidence) e WHERE jsonb_typeof(e.value) IN ('object', 'number'))),
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.duplicates_to_review(p.as_of) d
  LEFT JOIN named f ON f.entity = d.entity AND f.source_key = d.source_key AND f.id = d.one
  LEFT JOIN named s ON s.entity = d.entity AND s.source_key = d.source_key AND s.id = d.other;
END;
COMMENT ON FUNCTION salesops.mart_duplicates_for_review() IS 'Rows of mart duplicates_for_review; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_routing_log(
  OUT routing_log_key text, OUT source_key text, OUT lead_id text, OUT lead text, OUT round integer, OUT is_latest boolean, OUT rule text, OUT pool text,
  OUT rep_id text, OUT rep text, OUT team text, OUT region text, OUT manager text, OUT manager_path text, OUT reason text, OUT reps_considered integer,
  OUT reassigns bigint, OUT decided_date date, OUT decided_at timestamptz, OUT due_at timestamptz, OUT touched_at timestamptz, OUT service_level text,
  OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH touch AS MATERIALIZED (
    SELECT t.* FROM salesops.latest_publication() p CROSS JOIN LATERAL salesops.lead_touches(p.as_of) t
  )
  SELECT d.decision_id::text, d.source_key, d.lead_id, salesops.mart_label(l.name), d.round,
         NOT EXISTS (SELECT FROM salesops.routing_decision x WHERE x.source_key = d.source_key AND x.lead_id = d.lead_id AND x.round > d.round AND x.as_of <= p.as_of),
         salesops.mart_label(d.rule), salesops.mart_label(d.pool),
         salesops.mart_label(d.rep_id), CASE WHEN d.rep_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         d.why, cardinality(d.candidates), d.reassigns, (d.as_of AT TIME ZONE p.time_zone)::date, d.as_of, d.due_at, t.touched_at,
         CASE WHEN d.due_at IS NULL THEN '(none)' WHEN t.touched_at <= d.due_at THEN 'kept' WHEN t.touched_at IS NOT NULL THEN 'late'
              WHEN d.due_at < p.as_of THEN 'missed' ELSE 'running' END,
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  JOIN salesops.routing_decision d ON d.as_of <= p.as_of AND d.as_of > p.as_of - interval '92 days'
  LEFT JOIN touch t ON t.decision_id = d.decision_id
  LEFT JOIN salesops.lead l ON l.source_key = d.source_key AND l.id = d.lead_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = d.source_key AND w.owner_id = d.rep_id;
END;
COMMENT ON FUNCTION salesops.mart_routing_log() IS 'Rows of mart routing_log; columns as of mart_columns()';
