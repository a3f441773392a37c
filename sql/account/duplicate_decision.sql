-- What people say of two records: they are one, they are not, or what was said no longer holds.
--
-- A decision changes nothing in the CRM and nothing in our copy of it. It is a row with a date; merged_ids() maps ids by the rows that hold,
-- so an undone merge leaves no trace in any number. What is not one is never proposed again.

CREATE TABLE salesops.duplicate_decision (
  source_key  text NOT NULL,
  entity      text NOT NULL CHECK (entity <> ''),
  one         text NOT NULL,
  other       text NOT NULL,
  "position"  integer NOT NULL CHECK ("position" > 0),
  decision    text NOT NULL CHECK (decision IN ('merge', 'distinct', 'undo')),
  survivor    text CHECK (survivor IN (one, other)),
  note        text CHECK (note <> ''),
  decided_at  timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name   text NOT NULL DEFAULT CURRENT_USER,
  login_name  text NOT NULL DEFAULT SESSION_USER,
  -- One number a decision: of two sessions that decide at a time one learns of the other here, whatever pairs they decide about.
  PRIMARY KEY (source_key, entity, "position"),
  CHECK (one < other COLLATE "C"),
  CHECK ((decision = 'merge') = (survivor IS NOT NULL))
);
CREATE INDEX duplicate_decision_pair ON salesops.duplicate_decision (source_key, entity, one, other, "position");
CREATE INDEX duplicate_decision_other ON salesops.duplicate_decision (source_key, entity, other);
COMMENT ON TABLE salesops.duplicate_decision IS 'Decisions about pairs of records, append-only; the last of a pair holds';
COMMENT ON COLUMN salesops.duplicate_decision.source_key IS 'Source';
COMMENT ON COLUMN salesops.duplicate_decision.entity IS 'account, lead, or what a search of one''s own was about, such as contact';
COMMENT ON COLUMN salesops.duplicate_decision.one IS 'Record with the lesser identifier, by its bytes';
COMMENT ON COLUMN salesops.duplicate_decision.other IS 'The other record';
COMMENT ON COLUMN salesops.duplicate_decision."position" IS 'Which decision about records of this kind of the source, from 1 on';
COMMENT ON COLUMN salesops.duplicate_decision.decision IS 'merge: they are one; distinct: they are not; undo: nothing is said any more';
COMMENT ON COLUMN salesops.duplicate_decision.survivor IS 'Of a merge, the record that stands for both';
COMMENT ON COLUMN salesops.duplicate_decision.note IS 'Why; NULL = nothing was said';
COMMENT ON COLUMN salesops.duplicate_decision.decided_at IS 'When it was decided: from then on it holds';
COMMENT ON COLUMN salesops.duplicate_decision.role_name IS 'Role that decided';
COMMENT ON COLUMN salesops.duplicate_decision.login_name IS 'Role that had logged in';
SELECT pg_catalog.pg_extension_config_dump('salesops.duplicate_decision', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.duplicate_decision
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Decide again: SELECT salesops.undo_duplicate_decision(...).');
COMMENT ON TRIGGER append_only ON salesops.duplicate_decision IS 'who decided what when must stay known';

CREATE FUNCTION salesops.duplicate_decisions(as_of timestamptz)
RETURNS SETOF salesops.duplicate_decision LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT DISTINCT ON (d.source_key, d.entity, d.one, d.other) d.*
  FROM salesops.duplicate_decision d
  WHERE d.decided_at <= duplicate_decisions.as_of
  ORDER BY d.source_key, d.entity, d.one, d.other, d."position" DESC;
END;
COMMENT ON FUNCTION salesops.duplicate_decisions(timestamptz) IS 'The last decision about each pair as of an instant; no row for NULL';

CREATE FUNCTION salesops.merged_ids(as_of timestamptz, OUT source_key text, OUT entity text, OUT id text, OUT survivor text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH RECURSIVE merged AS MATERIALIZED (
    SELECT d.source_key, d.entity, CASE WHEN d.survivor = d.one THEN d.other ELSE d.one END AS id, d.survivor
    FROM salesops.duplicate_decisions(merged_ids.as_of) d WHERE d.decision = 'merge'
  ), climb AS (
    -- A record that is merged into no other stands for itself and all below; no circle is ever written (decide_duplicate()).
    SELECT m.source_key, m.entity, m.id, m.survivor FROM merged m
    WHERE NOT EXISTS (SELECT FROM merged u WHERE u.source_key = m.source_key AND u.entity = m.entity AND u.id = m.survivor)
    UNION ALL
    SELECT m.source_key, m.entity, m.id, c.survivor
    FROM climb c JOIN merged m ON m.source_key = c.source_key AND m.entity = c.entity AND m.survivor = c.id
  )
  SELECT c.source_key, c.entity, c.id, c.survivor FROM climb c;
END;
COMMENT ON FUNCTION salesops.merged_ids(timestamptz) IS
  'Records that people have merged as of an instant, each with the record that stands for it in the end; whoever joins it and takes coalesce(survivor, id) counts them as one. No row for NULL';

CREATE FUNCTION salesops.merged_with(source_key text, entity text, id text, OUT merged_id text)
RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  WITH RECURSIVE known AS (
    SELECT merged_with.id AS id
    UNION
    SELECT CASE WHEN d.one = k.id THEN d.other ELSE d.one END
    FROM known k
    JOIN salesops.duplicate_decision d ON d.source_key = merged_with.source_key AND d.entity = merged_with.entity AND (d.one = k.id OR d.other = k.id)
    WHERE d.decision = 'merge'
      AND NOT EXISTS (SELECT FROM salesops.duplicate_decision l
                      WHERE l.source_key = d.source_key AND l.entity = d.entity AND l.one = d.one AND l.other = d.other AND l."position" > d."position")
  )
  SELECT k.id FROM known k;
END;
COMMENT ON FUNCTION salesops.merged_with(text, text, text) IS 'A record and all that it is one with by the merges that hold, also by way of others';

-- Refuses what the decisions that hold contradict, also by way of other records: who is merged with somebody is one with all that he is merged with.
CREATE FUNCTION salesops.check_duplicate_decision(source_key text, entity text, id text, other_id text, decision text, survivor text)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  last salesops.duplicate_decision;
  ones text[];
  others text[];
  -- Whom a merge takes away.
  goes text := CASE survivor WHEN id THEN other_id ELSE id END;
  first_id text := least(id COLLATE "C", other_id COLLATE "C");
  second_id text := greatest(id COLLATE "C", other_id COLLATE "C");
BEGIN
  SELECT d.* INTO last FROM salesops.duplicate_decisions('infinity') d
  WHERE d.source_key = check_duplicate_decision.source_key AND d.entity = check_duplicate_decision.entity
    AND d.one = first_id AND d.other = second_id;
  IF decision = 'undo' THEN
    IF last.decision IS NULL OR last.decision = 'undo' THEN
      RAISE EXCEPTION 'nothing is decided about "%" and "%"', id, other_id USING
        ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM salesops.duplicate_decisions(now()) lists what is.';
    END IF;
    RETURN;
  ELSIF last.decision IN ('merge', 'distinct') THEN
    RAISE EXCEPTION '"%" and "%" are already decided to be %', id, other_id, CASE last.decision WHEN 'merge' THEN 'one' ELSE 'distinct' END USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('%s decided that on %s.', last.role_name, last.decided_at),
      HINT = 'SELECT salesops.undo_duplicate_decision(...) takes it back.';
  END IF;
  ones := ARRAY(SELECT m FROM salesops.merged_with(source_key, entity, id) m);
  IF other_id = ANY (ones) THEN
    RAISE EXCEPTION '"%" and "%" are one already', id, other_id USING
      ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM salesops.merged_ids(now()) says by way of whom.';
  ELSIF decision = 'distinct' THEN
    RETURN;
  END IF;
  SELECT d.* INTO last FROM salesops.duplicate_decisions('infinity') d
  WHERE d.source_key = check_duplicate_decision.source_key AND d.entity = check_duplicate_decision.entity AND (d.one = goes OR d.other = goes)
    AND d.decision = 'merge' AND d.survivor <> goes;
  IF FOUND THEN
    RAISE EXCEPTION '"%" is merged already', goes USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('It is merged into "%s".', last.survivor), HINT = 'Merge the record that stands for it, or undo that merge first.';
  END IF;
  others := ARRAY(SELECT m FROM salesops.merged_with(source_key, entity, other_id) m);
  SELECT d.* INTO last FROM salesops.duplicate_decisions('infinity') d
  WHERE d.source_key = check_duplicate_decision.source_key AND d.entity = check_duplicate_decision.entity AND d.decision = 'distinct'
    AND (d.one = ANY (ones) AND d.other = ANY (others) OR d.one = ANY (others) AND d.other = ANY (ones))
  ORDER BY d."position" LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '"%" and "%" would be one, and are decided to be distinct', last.one, last.other USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = format('%s decided that on %s.', last.role_name, last.decided_at),
      HINT = 'SELECT salesops.undo_duplicate_decision(...) takes it back.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_duplicate_decision(text, text, text, text, text, text) IS
  'Raises 55000 where decisions that hold speak against one about two records: nothing to undo; decided already, also by way of other records; merged into another; merging what is distinct';

CREATE FUNCTION salesops.decide_duplicate(source_key text, entity text, id text, other_id text, decision text, survivor text, note text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  unknown text;
BEGIN
  PERFORM salesops.check_given('source_key', source_key);
  PERFORM salesops.check_given('entity', entity);
  PERFORM salesops.check_given('id', id);
  PERFORM salesops.check_given('other_id', other_id);
  IF entity NOT IN ('account', 'lead')
     AND NOT EXISTS (SELECT FROM salesops.duplicate_run r WHERE r.source_key = decide_duplicate.source_key AND r.entity = decide_duplicate.entity) THEN
    RAISE EXCEPTION 'no duplicates of "%" were searched', entity USING ERRCODE = 'invalid_parameter_value', DETAIL = format('The source is "%s".', source_key),
      HINT = 'Use account or lead, or what a search named: SELECT DISTINCT source_key, entity FROM salesops.duplicate_run.';
  END IF;
  IF id = other_id THEN
    RAISE EXCEPTION 'a record cannot be compared with itself' USING ERRCODE = 'invalid_parameter_value', DETAIL = format('Both are "%s".', id),
      HINT = 'Name two records.';
  END IF;
  SELECT i INTO unknown FROM unnest(ARRAY[id, other_id]) i
  WHERE CASE entity WHEN 'account' THEN NOT EXISTS (SELECT FROM salesops.account a WHERE a.source_key = decide_duplicate.source_key AND a.id = i)
                    WHEN 'lead' THEN NOT EXISTS (SELECT FROM salesops.lead l WHERE l.source_key = decide_duplicate.source_key AND l.id = i) END;
  IF FOUND THEN
    RAISE EXCEPTION 'source % has no % %', quote_literal(source_key), entity, quote_literal(unknown) USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.duplicates_to_review(now()) lists pairs to decide about.';
  END IF;
  LOOP
    PERFORM salesops.check_duplicate_decision(source_key, entity, id, other_id, decision, survivor);
    BEGIN
      INSERT INTO salesops.duplicate_decision (source_key, entity, one, other, "position", decision, survivor, note)
      SELECT source_key, entity, least(id COLLATE "C", other_id COLLATE "C"), greatest(id COLLATE "C", other_id COLLATE "C"), coalesce(max(d."position"), 0) + 1,
             decision, survivor, nullif(note, '')
      FROM salesops.duplicate_decision d WHERE d.source_key = decide_duplicate.source_key AND d.entity = decide_duplicate.entity;
      RETURN;
    EXCEPTION WHEN unique_violation THEN
      -- Somebody else decided since we looked: look again, where that shows what he decided.
      IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'somebody else has just decided about duplicates of the same kind' USING
          ERRCODE = 'serialization_failure', HINT = 'Begin the transaction again; at the level read committed this does not happen.';
      END IF;
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.decide_duplicate(text, text, text, text, text, text, text) IS
  'Writes a decision about two records in the caller''s name; call the function that is named after it. 22004 and 22023 for what makes no sense, 42704 for an account or a lead that is not known, '
  '55000 as of check_duplicate_decision(), 40001 where somebody else decided at the same time, at repeatable read and above';

CREATE FUNCTION salesops.merge_duplicates(source_key text, entity text, survivor text, id text, note text DEFAULT NULL)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.decide_duplicate(merge_duplicates.source_key, merge_duplicates.entity, merge_duplicates.survivor, merge_duplicates.id, 'merge',
                                   merge_duplicates.survivor, merge_duplicates.note);
END;
COMMENT ON FUNCTION salesops.merge_duplicates(text, text, text, text, text) IS
  'Approve that a record (id) is the same as another (survivor), which stands for both from now on. The CRM and our copy stay as they are; undo_duplicate_decision() takes it back. Errors as of decide_duplicate()';

CREATE FUNCTION salesops.keep_distinct(source_key text, entity text, id text, other_id text, note text DEFAULT NULL)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.decide_duplicate(keep_distinct.source_key, keep_distinct.entity, keep_distinct.id, keep_distinct.other_id, 'distinct', NULL, keep_distinct.note);
END;
COMMENT ON FUNCTION salesops.keep_distinct(text, text, text, text, text) IS
  'Say that two records are not one: no later search proposes them, nor puts them into one cluster. Errors as of decide_duplicate()';

CREATE FUNCTION salesops.undo_duplicate_decision(source_key text, entity text, id text, other_id text, note text DEFAULT NULL)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.decide_duplicate(undo_duplicate_decision.source_key, undo_duplicate_decision.entity, undo_duplicate_decision.id,
                                   undo_duplicate_decision.other_id, 'undo', NULL, undo_duplicate_decision.note);
END;
COMMENT ON FUNCTION salesops.undo_duplicate_decision(text, text, text, text, text) IS
  'Take back what was decided about two records, merge or distinct; what it was stays known. Errors as of decide_duplicate()';

REVOKE EXECUTE ON FUNCTION salesops.merge_duplicates(text, text, text, text, text), salesops.keep_distinct(text, text, text, text, text),
                           salesops.undo_duplicate_decision(text, text, text, text, text) FROM PUBLIC;
