-- The night of the actions, the list of a rep, what he says of it, and whether it helped.

-- The last word on each action, as it was known at an instant.
CREATE FUNCTION salesops.action_status(
  as_of timestamptz,
  OUT action_id bigint, OUT status text, OUT feedback text, OUT given_at timestamptz, OUT note text, OUT given_by text, OUT ended_at timestamptz, OUT end_reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  SELECT a.action_id, CASE WHEN f.feedback IS NOT NULL THEN f.feedback WHEN e.action_id IS NOT NULL THEN 'ended' ELSE 'open' END,
         f.feedback, f.given_at, f.note, f.given_by, e.ended_at, e.reason
  FROM salesops.next_action a
  LEFT JOIN (SELECT DISTINCT ON (x.action_id) x.* FROM salesops.action_feedback x
             WHERE x.given_at <= action_status.as_of AND x.recorded_at <= action_status.as_of ORDER BY x.action_id, x.given_at DESC) f ON f.action_id = a.action_id
  LEFT JOIN salesops.next_action_end e ON e.action_id = a.action_id AND e.ended_at <= action_status.as_of
  WHERE a.offered_at <= action_status.as_of;
END;
COMMENT ON FUNCTION salesops.action_status(timestamptz) IS
  'What became of every action as of an instant: open, done, useless, or ended (what spoke for it was gone before anybody said anything); the last feedback there was, and '
  'when and why its reason was gone, which may come after it was done';

CREATE FUNCTION salesops.keep_actions(as_of timestamptz, run_id bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
  last timestamptz := (SELECT max(l.at) FROM (SELECT max(a.offered_at) AS at FROM salesops.next_action a
                                              UNION ALL SELECT max(e.ended_at) FROM salesops.next_action_end e) l);
  today date := salesops.local_date(as_of);
  room integer := salesops.get_setting('actions_per_rep')::integer;
  written bigint;
BEGIN
  PERFORM salesops.check_as_of(as_of),
          salesops.check_keeps_on('actions', last, as_of, 'salesops.action_candidates(as_of) gives what the rules ask for as of any instant, keeping nothing.');
  run_id := coalesce(run_id, nextval('salesops.audit_by_hand_seq'));

  WITH rep AS MATERIALIZED (
    SELECT r.source_key, r.id, r.is_active, r.left_on FROM salesops.rep_as_of(as_of, as_of) r
  ), candidate AS MATERIALIZED (
    -- Of a source that has no reps nobody knows who is one; of any other an owner who is none, or no longer, reads no list.
    SELECT c.*, CASE WHEN r.id IS NULL THEN NOT EXISTS (SELECT FROM rep s WHERE s.source_key = c.source_key)
                     ELSE r.is_active IS NOT FALSE AND today <= coalesce(r.left_on, 'infinity') END AS is_active
    FROM salesops.action_candidates(as_of, as_of) c
    LEFT JOIN rep r ON r.source_key = c.source_key AND r.id = c.owner_id
  ), kept AS MATERIALIZED (
    SELECT a.*, s.status, s.given_at, s.ended_at FROM salesops.next_action a JOIN salesops.action_status(as_of) s ON s.action_id = a.action_id
  ), ended AS MATERIALIZED (
    SELECT k.action_id,
           CASE WHEN k.object_kind = 'opportunity' AND o.status IN ('won', 'lost') THEN o.status
                WHEN coalesce(o.id, a.id) IS NULL THEN 'gone'
                WHEN coalesce(o.owner_id, a.owner_id) IS DISTINCT FROM k.owner_id THEN 'another owner'
                WHEN NOT c.is_active THEN 'owner not active'
                WHEN NOT EXISTS (SELECT FROM salesops.action_rules(as_of) r WHERE r.name = k.rule AND r.is_enabled AND r.signal = k.signal AND r.key = k.key) THEN 'rule changed'
                ELSE 'no longer true' END AS reason
    FROM kept k
    LEFT JOIN candidate c ON c.rule = k.rule AND c.signal = k.signal AND c.key = k.key AND c.object_kind = k.object_kind
                         AND c.source_key = k.source_key AND c.object_id = k.object_id AND c.owner_id = k.owner_id
    LEFT JOIN salesops.opportunity_state(as_of, as_of) o ON k.object_kind = 'opportunity' AND o.source_key = k.source_key AND o.id = k.object_id
    LEFT JOIN salesops.account_state(as_of, as_of) a ON k.object_kind = 'account' AND a.source_key = k.source_key AND a.id = k.object_id
    WHERE k.ended_at IS NULL AND c.is_active IS NOT TRUE
  ), closed AS (
    INSERT INTO salesops.next_action_end (action_id, ended_at, reason) SELECT e.action_id, as_of, e.reason FROM ended e
    RETURNING 1
  ), open AS MATERIALIZED (
    SELECT k.* FROM kept k WHERE k.status = 'open' AND NOT EXISTS (SELECT FROM ended e WHERE e.action_id = k.action_id)
  ), taken AS MATERIALIZED (
    -- A day is full with what is open and what it has brought or was dealt with in it.
    SELECT k.source_key, k.owner_id, count(*) AS actions
    FROM kept k
    WHERE EXISTS (SELECT FROM open p WHERE p.action_id = k.action_id) OR today IN (salesops.local_date(k.offered_at), salesops.local_date(k.given_at))
    GROUP BY k.source_key, k.owner_id
  ), fresh AS (
    -- One action an object at a time, the best that may be offered.
    SELECT DISTINCT ON (c.source_key, c.object_kind, c.object_id) c.*
    FROM candidate c
    WHERE c.is_active
      AND NOT EXISTS (SELECT FROM open p WHERE p.source_key = c.source_key AND p.object_kind = c.object_kind AND p.object_id = c.object_id)
      AND NOT EXISTS (SELECT FROM kept k WHERE k.rule = c.rule AND k.source_key = c.source_key AND k.object_kind = c.object_kind AND k.object_id = c.object_id
                        AND k.owner_id = c.owner_id AND k.status IN ('done', 'useless')
                        AND today - salesops.local_date(k.given_at) < CASE k.status WHEN 'done' THEN 14 ELSE 30 END)
    ORDER BY c.source_key, c.object_kind, c.object_id, c.rank
  ), ranked AS (
    SELECT f.*, row_number() OVER (PARTITION BY f.source_key, f.owner_id ORDER BY f.rank) AS place FROM fresh f
  ), offered AS (
    INSERT INTO salesops.next_action (offered_at, rule, signal, key, object_kind, source_key, object_id, owner_id, what, why, due_date, amount, currency,
                                      uplift, expected_value, no_value_because, weight, score, run_id)
    SELECT as_of, r.rule, r.signal, r.key, r.object_kind, r.source_key, r.object_id, r.owner_id, r.what, r.why, r.due_date, r.amount,
           salesops.get_setting('corporate_currency'), r.uplift, r.expected_value, r.no_value_because, r.weight, r.score, run_id
    FROM ranked r LEFT JOIN taken t ON t.source_key = r.source_key AND t.owner_id = r.owner_id
    WHERE r.place <= room - coalesce(t.actions, 0)
    ORDER BY r.source_key COLLATE "C", r.owner_id COLLATE "C", r.place
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM closed) + (SELECT count(*) FROM offered) INTO written;
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.keep_actions(timestamptz, bigint) IS
  'Keep the actions of a day: ends those whose reason is gone and fills up the list of each active rep to setting actions_per_rep with the best of action_candidates(), one an object; '
  'not what the rep called done in the last 14 days or useless in the last 30. run_id NULL = by hand. Returns the rows written, 0 when called again; 22023 before what was kept '
  'already, and for an instant that is none or in the future';

CREATE FUNCTION salesops.next_best_actions(
  as_of timestamptz DEFAULT salesops.statement_clock(), rep text DEFAULT NULL,
  OUT source_key text, OUT owner_id text, OUT owner text, OUT "position" bigint, OUT action_id bigint, OUT what text, OUT why text, OUT due_date date, OUT is_overdue boolean,
  OUT object_kind text, OUT object_id text, OUT object text, OUT amount numeric, OUT currency text, OUT uplift numeric, OUT expected_value numeric,
  OUT no_value_because text, OUT rule text, OUT offered_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT a.source_key, a.owner_id, r.name,
         row_number() OVER (PARTITION BY a.source_key, a.owner_id
                            ORDER BY CASE WHEN a.expected_value > 0 THEN 1 WHEN a.expected_value IS NULL THEN 2 ELSE 3 END,
                                     a.expected_value * a.weight DESC, a.amount * a.weight DESC NULLS LAST, a.score * a.weight DESC NULLS LAST, a.action_id),
         a.action_id, a.what, a.why, a.due_date, a.due_date < salesops.local_date(next_best_actions.as_of),
         a.object_kind, a.object_id, coalesce(o.name, c.name), a.amount, a.currency, a.uplift, a.expected_value, a.no_value_because, a.rule, a.offered_at
  FROM salesops.next_action a
  JOIN salesops.action_status(next_best_actions.as_of) s ON s.action_id = a.action_id AND s.status = 'open'
  LEFT JOIN salesops.rep_as_of(next_best_actions.as_of, next_best_actions.as_of) r ON r.source_key = a.source_key AND r.id = a.owner_id
  LEFT JOIN salesops.opportunity_as_of(next_best_actions.as_of, next_best_actions.as_of) o
    ON a.object_kind = 'opportunity' AND o.source_key = a.source_key AND o.id = a.object_id
  LEFT JOIN salesops.account_as_of(next_best_actions.as_of, next_best_actions.as_of) c ON a.object_kind = 'account' AND c.source_key = a.source_key AND c.id = a.object_id
  WHERE next_best_actions.rep IS NULL OR a.owner_id = next_best_actions.rep
  ORDER BY 1, 2, 4;
END;
COMMENT ON FUNCTION salesops.next_best_actions(timestamptz, text) IS
  'The list of each rep, or of one (his id), as it stood at an instant: actions that were offered and neither done, called useless nor ended by then, the most valuable first. '
  'Columns as of next_action; object = name of the deal or account. Of nights that were kept alone: keep_actions()';

CREATE FUNCTION salesops.record_feedback(action_id bigint, feedback text, note text DEFAULT NULL, given_by text DEFAULT CURRENT_USER, given_at timestamptz DEFAULT salesops.clock())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  offered timestamptz := (SELECT a.offered_at FROM salesops.next_action a WHERE a.action_id = record_feedback.action_id);
BEGIN
  PERFORM salesops.check_given('feedback', feedback), salesops.check_given('given_by', given_by), salesops.check_as_of(given_at);
  IF offered IS NULL THEN
    RAISE EXCEPTION 'there is no action %', coalesce(action_id::text, 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.next_best_actions() lists those that are open.';
  END IF;
  IF feedback NOT IN ('done', 'useless') THEN
    RAISE EXCEPTION 'unknown feedback: %', quote_literal(feedback) USING ERRCODE = 'invalid_parameter_value', HINT = 'Say done or useless; the note takes the rest.';
  END IF;
  IF given_at < offered THEN
    RAISE EXCEPTION 'action % was not yet offered on %', action_id, given_at USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It was offered on %s.', offered), HINT = 'Leave given_at out for now.';
  END IF;
  INSERT INTO salesops.action_feedback (action_id, given_at, feedback, note, given_by) VALUES (action_id, given_at, feedback, nullif(note, ''), given_by);
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('feedback on action %s', action_id), given_at);
END $$;
COMMENT ON FUNCTION salesops.record_feedback(bigint, text, text, text, timestamptz) IS
  'Say of an action that it is done or useless, with a note: either closes it. done: the same is not asked again for 14 days; useless: not for 30 days, and with less weight up to 60. '
  'Said again, the last word counts. Task give_feedback; 42704 for an unknown action, 22023 for another word or before it was offered, 22004 for a NULL, 23505 twice at one instant';

CREATE FUNCTION salesops.action_outcomes(
  as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT rule text, OUT offered bigint, OUT open bigint, OUT done bigint, OUT useless bigint, OUT judged_done bigint, OUT cured_done bigint, OUT helped_share numeric,
  OUT judged_left bigint, OUT cured_left bigint, OUT left_share numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH seen AS (
    SELECT a.rule, s.status, f.judged, f.judged AND coalesce(s.ended_at <= f.since + interval '14 days' AND s.end_reason IN ('no longer true', 'won'), false) AS cured
    FROM salesops.next_action a
    JOIN salesops.action_status(action_outcomes.as_of) s ON s.action_id = a.action_id
    CROSS JOIN LATERAL (SELECT coalesce(s.given_at, a.offered_at) AS since,
                               coalesce(s.given_at, a.offered_at) + interval '14 days' <= action_outcomes.as_of OR s.ended_at IS NOT NULL AS judged) f
    WHERE s.end_reason IS NULL OR s.end_reason IN ('no longer true', 'won', 'lost')
  ), counted AS (
    SELECT e.rule, count(*) AS offered, count(*) FILTER (WHERE e.status = 'open') AS open, count(*) FILTER (WHERE e.status = 'done') AS done,
           count(*) FILTER (WHERE e.status = 'useless') AS useless,
           count(*) FILTER (WHERE e.status = 'done' AND e.judged) AS judged_done, count(*) FILTER (WHERE e.status = 'done' AND e.cured) AS cured_done,
           count(*) FILTER (WHERE e.status <> 'done' AND e.judged) AS judged_left, count(*) FILTER (WHERE e.status <> 'done' AND e.cured) AS cured_left
    FROM seen e GROUP BY e.rule
  )
  SELECT c.rule, c.offered, c.open, c.done, c.useless, c.judged_done, c.cured_done, round(c.cured_done::numeric / nullif(c.judged_done, 0), 4),
         c.judged_left, c.cured_left, round(c.cured_left::numeric / nullif(c.judged_left, 0), 4)
  FROM counted c ORDER BY c.rule;
END;
COMMENT ON FUNCTION salesops.action_outcomes(timestamptz) IS
  'Did it help, by rule: of the actions said to be done (judged_done: 14 days ago, or ended) the share whose reason was gone, or whose deal was won, within 14 days (helped_share), '
  'beside that of those nobody did, within 14 days of the offer (left_share); NULL = none can be judged yet. Actions that ended because owner, rule or object changed are left out';
