-- What became of a plan: proposed, withdrawn, approved, rejected, published, rolled back. Each is a row, and nothing is changed afterwards.
--
--   draft --propose--> proposed --approve--> approved --publish--> published --roll back--> rolled back
--                         |                     |
--                         +---withdraw, reject--+         from withdrawn, rejected and rolled back it may be proposed again
--
-- The decisions about a plan are a chain: each names the one before it, and the keys hold every chain together, whoever wrote the rows. So of
-- two sessions that decide about one plan at a time the second waits for the first and is then told that the plan is no longer what it was.
-- A plan is immutable from the start, so what was approved is what is published.

CREATE FUNCTION salesops.territory_decision_follows(decision text, decided_before text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE decision
         WHEN 'propose' THEN decided_before IS NULL OR decided_before IN ('withdraw', 'reject', 'roll back')
         WHEN 'approve' THEN decided_before IS NOT DISTINCT FROM 'propose'
         WHEN 'withdraw' THEN decided_before IS NOT NULL AND decided_before IN ('propose', 'approve')
         WHEN 'reject' THEN decided_before IS NOT NULL AND decided_before IN ('propose', 'approve')
         WHEN 'publish' THEN decided_before IS NOT DISTINCT FROM 'approve'
         WHEN 'roll back' THEN decided_before IS NOT DISTINCT FROM 'publish'
         ELSE false
       END;
COMMENT ON FUNCTION salesops.territory_decision_follows(text, text) IS
  'Whether a decision about a territory plan may come after another; NULL = it is the first. False for what is no decision';

CREATE TABLE salesops.territory_decision (
  plan_id        bigint NOT NULL REFERENCES salesops.territory_plan,
  "position"     integer NOT NULL CHECK ("position" > 0),
  decision       text NOT NULL,
  decided_before text,
  note           text CHECK (note <> ''),
  decided_at     timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name      text NOT NULL DEFAULT CURRENT_USER,
  login_name     text NOT NULL DEFAULT SESSION_USER,
  -- The decision before, of the same plan.
  before         integer GENERATED ALWAYS AS (nullif("position", 1) - 1) STORED,
  PRIMARY KEY (plan_id, "position"),
  UNIQUE (plan_id, "position", decision),
  FOREIGN KEY (plan_id, before, decided_before) REFERENCES salesops.territory_decision (plan_id, "position", decision),
  CHECK (("position" = 1) = (decided_before IS NULL)),
  CHECK (salesops.territory_decision_follows(decision, decided_before))
);
COMMENT ON TABLE salesops.territory_decision IS 'Decisions about territory plans, append-only; what became of each plan: territory_plans()';
COMMENT ON COLUMN salesops.territory_decision.plan_id IS 'Plan';
COMMENT ON COLUMN salesops.territory_decision."position" IS 'Which decision about the plan, from 1 on';
COMMENT ON COLUMN salesops.territory_decision.decision IS 'propose, withdraw, approve, reject, publish or roll back';
COMMENT ON COLUMN salesops.territory_decision.decided_before IS 'The decision before; NULL = it is the first';
COMMENT ON COLUMN salesops.territory_decision.note IS 'Why; NULL = nothing was said';
COMMENT ON COLUMN salesops.territory_decision.decided_at IS 'When it was decided';
COMMENT ON COLUMN salesops.territory_decision.role_name IS 'Role that decided';
COMMENT ON COLUMN salesops.territory_decision.login_name IS 'Role that had logged in';
COMMENT ON COLUMN salesops.territory_decision.before IS 'Position of the decision before; NULL = it is the first';
SELECT pg_catalog.pg_extension_config_dump('salesops.territory_decision', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.territory_decision
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Decide again: SELECT * FROM salesops.territory_plans() says what the plan is.');
COMMENT ON TRIGGER append_only ON salesops.territory_decision IS 'who decided what when must stay known';

-- Planners and approvers write the same table. Who may decide what is the right to call the function that decides it.
CREATE FUNCTION salesops.refuse_foreign_decision()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  call text := CASE NEW.decision
                 WHEN 'publish' THEN 'salesops.publish_territory_plan(bigint, timestamp with time zone, text)'
                 WHEN 'roll back' THEN 'salesops.roll_back_territory_plan(bigint, text, timestamp with time zone)'
                 ELSE format('salesops.%I(bigint, text)', NEW.decision || '_territory_plan')
               END;
BEGIN
  IF NOT coalesce(has_function_privilege(to_regprocedure(call), 'EXECUTE'), false) THEN
    RAISE EXCEPTION 'role "%" may not decide to % a territory plan', current_user, coalesce(NEW.decision, 'NULL') USING
      ERRCODE = 'insufficient_privilege',
      HINT = 'Tasks plan_territories and approve_territories give the rights: salesops.grant_access().';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION salesops.refuse_foreign_decision() IS 'Trigger: a decision takes the right to call the function that decides it';
CREATE TRIGGER own_decision BEFORE INSERT ON salesops.territory_decision
  FOR EACH ROW EXECUTE FUNCTION salesops.refuse_foreign_decision();
COMMENT ON TRIGGER own_decision ON salesops.territory_decision IS 'Who may plan may not approve, unless he was given that too';

CREATE FUNCTION salesops.last_territory_decision(plan_id bigint)
RETURNS salesops.territory_decision LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d FROM salesops.territory_decision d WHERE d.plan_id = last_territory_decision.plan_id ORDER BY d."position" DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.last_territory_decision(bigint) IS 'The last decision about a territory plan; NULL = a draft';

-- What a plan is by the last decision about it.
CREATE FUNCTION salesops.territory_status(decision text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE decision WHEN 'propose' THEN 'proposed' WHEN 'withdraw' THEN 'withdrawn' WHEN 'approve' THEN 'approved' WHEN 'reject' THEN 'rejected'
                     WHEN 'publish' THEN 'published' WHEN 'roll back' THEN 'rolled back' ELSE 'draft' END;
COMMENT ON FUNCTION salesops.territory_status(text) IS 'What a territory plan is after a decision: draft (NULL), proposed, withdrawn, approved, rejected, published, rolled back';

CREATE FUNCTION salesops.decide_territory_plan(plan_id bigint, decision text, note text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  last salesops.territory_decision;
BEGIN
  PERFORM salesops.check_territory_plan(plan_id);
  last := salesops.last_territory_decision(plan_id);
  IF NOT salesops.territory_decision_follows(decision, last.decision) THEN
    RAISE EXCEPTION 'cannot % territory plan %: its status is %', decision, plan_id, salesops.territory_status(last.decision) USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = CASE WHEN last.decision IS NULL THEN 'Nothing has been decided about it.'
                    ELSE format('%s decided that on %s%s.', last.role_name, last.decided_at, coalesce(', saying: ' || last.note, '')) END,
      HINT = format('What can be done with it now: %s.',
                    (SELECT string_agg(w.decision, ', ' ORDER BY w.place)
                     FROM unnest(ARRAY['propose', 'withdraw', 'approve', 'reject', 'publish', 'roll back']) WITH ORDINALITY w(decision, place)
                     WHERE salesops.territory_decision_follows(w.decision, last.decision)));
  END IF;
  INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before, note)
  VALUES (plan_id, coalesce(last."position", 0) + 1, decision, last.decision, nullif(note, ''));
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'somebody else has just decided about territory plan %', plan_id USING
    ERRCODE = 'serialization_failure', HINT = 'SELECT * FROM salesops.territory_plans() says what it is now.';
END $$;
COMMENT ON FUNCTION salesops.decide_territory_plan(bigint, text, text) IS
  'Writes a decision about a territory plan in the caller''s name; call the function that is named after it. 42704 for an unknown plan, 55000 where the plan '
  'is not in the state for it, 42501 without the right, 40001 where somebody else decided at the same time';

CREATE FUNCTION salesops.propose_territory_plan(plan_id bigint, note text DEFAULT NULL)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.decide_territory_plan(propose_territory_plan.plan_id, 'propose', propose_territory_plan.note);
END;
COMMENT ON FUNCTION salesops.propose_territory_plan(bigint, text) IS
  'Put a territory plan forward for approval, with a note; from then on it is kept for good. Task plan_territories; errors as of decide_territory_plan()';

CREATE FUNCTION salesops.check_note(note text)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_given('note', note);
  IF btrim(note) = '' THEN
    RAISE EXCEPTION 'note must not be empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'State a reason: it is kept with the decision.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_note(text) IS 'Raises 22004 where a note that says why is NULL, and 22023 where it is empty or blank';

CREATE FUNCTION salesops.withdraw_territory_plan(plan_id bigint, note text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.check_note(withdraw_territory_plan.note);
  SELECT salesops.decide_territory_plan(withdraw_territory_plan.plan_id, 'withdraw', withdraw_territory_plan.note);
END;
COMMENT ON FUNCTION salesops.withdraw_territory_plan(bigint, text) IS
  'Take back a proposal, approved or not, that is not published; the note says why (22004 without). Task plan_territories; errors as of decide_territory_plan()';

CREATE FUNCTION salesops.approve_territory_plan(plan_id bigint, note text DEFAULT NULL)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.decide_territory_plan(approve_territory_plan.plan_id, 'approve', approve_territory_plan.note);
END;
COMMENT ON FUNCTION salesops.approve_territory_plan(bigint, text) IS
  'Approve a proposed territory plan, with a note. Task approve_territories; errors as of decide_territory_plan()';

CREATE FUNCTION salesops.reject_territory_plan(plan_id bigint, note text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.check_note(reject_territory_plan.note);
  SELECT salesops.decide_territory_plan(reject_territory_plan.plan_id, 'reject', reject_territory_plan.note);
END;
COMMENT ON FUNCTION salesops.reject_territory_plan(bigint, text) IS
  'Reject a proposed territory plan, or take back its approval before it is published; the note says why (22004 without). Task approve_territories; errors as of '
  'decide_territory_plan()';

REVOKE EXECUTE ON FUNCTION salesops.propose_territory_plan(bigint, text), salesops.withdraw_territory_plan(bigint, text),
                           salesops.approve_territory_plan(bigint, text), salesops.reject_territory_plan(bigint, text) FROM PUBLIC;
