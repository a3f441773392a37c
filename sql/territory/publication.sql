-- Publication: an approved plan becomes who has which account, from an instant on.
--
-- A publication copies the assignment out of the plan: planners may write plans, and only approvers what holds. It is never changed. To take it back
-- is a row of its own, from an instant on; what held in between stays known. Of the publications that have an account, the one that
-- takes effect last holds, and of those of one instant the later one.
--
-- A plan begins from the territories that accounts had when it was made. Where these are no longer those that hold, it is refused. The
-- numbers of publications are a chain: of two sessions that publish at once, the second waits and is told to look again.

CREATE TABLE salesops.territory_publication (
  publication_id bigint PRIMARY KEY CHECK (publication_id > 0),
  plan_id        bigint NOT NULL REFERENCES salesops.territory_plan,
  takes_back     bigint UNIQUE REFERENCES salesops.territory_publication CHECK (takes_back < publication_id),
  effective_from timestamptz NOT NULL CHECK (effective_from > '-infinity' AND effective_from < 'infinity'),
  note           text CHECK (note <> ''),
  recorded_at    timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name      text NOT NULL DEFAULT CURRENT_USER,
  login_name     text NOT NULL DEFAULT SESSION_USER
);
COMMENT ON TABLE salesops.territory_publication IS
  'Publications of territory plans and what took them back, append-only; write with publish_territory_plan() and roll_back_territory_plan()';
COMMENT ON COLUMN salesops.territory_publication.publication_id IS 'Number of the publication: each is one more than the one before';
COMMENT ON COLUMN salesops.territory_publication.plan_id IS 'Plan';
COMMENT ON COLUMN salesops.territory_publication.takes_back IS 'Publication that is taken back from effective_from on; NULL = the plan is published';
COMMENT ON COLUMN salesops.territory_publication.effective_from IS 'Instant from which it holds';
COMMENT ON COLUMN salesops.territory_publication.note IS 'Why; NULL = nothing was said';
COMMENT ON COLUMN salesops.territory_publication.recorded_at IS 'When it was published';
COMMENT ON COLUMN salesops.territory_publication.role_name IS 'Role that published it';
COMMENT ON COLUMN salesops.territory_publication.login_name IS 'Role that had logged in';
SELECT pg_catalog.pg_extension_config_dump('salesops.territory_publication', '');

CREATE TABLE salesops.territory_assignment (
  publication_id bigint NOT NULL,
  source_key     text,
  account_id     text NOT NULL,
  territory_id   text NOT NULL,
  PRIMARY KEY (account_id, publication_id)
);
COMMENT ON TABLE salesops.territory_assignment IS 'Which account each publication gave to which territory, append-only; what holds: territory_assignments()';
COMMENT ON COLUMN salesops.territory_assignment.publication_id IS 'Publication';
COMMENT ON COLUMN salesops.territory_assignment.source_key IS 'Source of the account, where the plan had it';
COMMENT ON COLUMN salesops.territory_assignment.account_id IS 'Account, as the plan named it';
COMMENT ON COLUMN salesops.territory_assignment.territory_id IS 'Territory that has it';
SELECT pg_catalog.pg_extension_config_dump('salesops.territory_assignment', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.territory_publication
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.roll_back_territory_plan(), or publish another plan.');
COMMENT ON TRIGGER append_only ON salesops.territory_publication IS 'what held when must stay known';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.territory_assignment
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.roll_back_territory_plan(), or publish another plan.');
COMMENT ON TRIGGER append_only ON salesops.territory_assignment IS 'who had which account when must stay known';

CREATE FUNCTION salesops.territory_publications(as_of timestamptz DEFAULT salesops.statement_clock(), known_at timestamptz DEFAULT NULL,
                                                OUT publication_id bigint, OUT plan_id bigint, OUT effective_from timestamptz, OUT recorded_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT p.publication_id, p.plan_id, p.effective_from, p.recorded_at
  FROM salesops.territory_publication p
  WHERE p.takes_back IS NULL
    AND p.effective_from <= territory_publications.as_of AND p.recorded_at <= coalesce(territory_publications.known_at, territory_publications.as_of)
    AND NOT EXISTS (SELECT FROM salesops.territory_publication b
                    WHERE b.takes_back = p.publication_id AND b.effective_from <= territory_publications.as_of
                      AND b.recorded_at <= coalesce(territory_publications.known_at, territory_publications.as_of));
END;
COMMENT ON FUNCTION salesops.territory_publications(timestamptz, timestamptz) IS
  'Publications that are in effect as of an instant and not taken back by then, known_at (NULL = as_of) as in opportunity_as_of()';

CREATE FUNCTION salesops.territory_assignments(as_of timestamptz DEFAULT salesops.statement_clock(), known_at timestamptz DEFAULT NULL,
                                               OUT source_key text, OUT account_id text, OUT territory_id text,
                                               OUT plan_id bigint, OUT publication_id bigint, OUT effective_from timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT DISTINCT ON (a.account_id, a.source_key) a.source_key, a.account_id, a.territory_id, p.plan_id, p.publication_id, p.effective_from
  FROM salesops.territory_publications(territory_assignments.as_of, territory_assignments.known_at) p
  JOIN salesops.territory_assignment a ON a.publication_id = p.publication_id
  ORDER BY a.account_id, a.source_key, p.effective_from DESC, p.publication_id DESC;
END;
COMMENT ON FUNCTION salesops.territory_assignments(timestamptz, timestamptz) IS
  'Who has which account as of an instant, by the territory plans published: a row an account. known_at (NULL = as_of) as in opportunity_as_of(): for an instant '
  'to come state it, or what will be published until then counts';

-- What a plan would be refused for.

CREATE FUNCTION salesops.stale_territory_accounts(plan_id bigint, effective_from timestamptz DEFAULT salesops.statement_clock(),
                                                  OUT source_key text, OUT account_id text, OUT planned_from text, OUT has_territory text,
                                                  OUT by_plan bigint, OUT since timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET enable_nestloop = off
BEGIN ATOMIC
  SELECT l.source_key, l.account_id, l.from_territory, a.territory_id, a.plan_id, a.effective_from
  FROM salesops.territory_plan_account l
  JOIN salesops.territory_assignments(stale_territory_accounts.effective_from, 'infinity') a
    ON a.account_id = l.account_id AND coalesce(a.source_key, '') = coalesce(l.source_key, '')
  WHERE l.plan_id = stale_territory_accounts.plan_id AND a.territory_id IS DISTINCT FROM l.from_territory
  ORDER BY 2, 1;
END;
COMMENT ON FUNCTION salesops.stale_territory_accounts(bigint, timestamptz) IS
  'Accounts of a plan that another territory has, as of an instant and as known now, than the one that the plan takes them from: the plan no longer fits. An account that no '
  'publication has is not stale';

CREATE FUNCTION salesops.later_territory_publications(plan_id bigint, effective_from timestamptz, OUT publication_id bigint, OUT later_plan_id bigint, OUT later_from timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT p.publication_id, p.plan_id, p.effective_from
  FROM salesops.territory_publication p
  LEFT JOIN salesops.territory_publication b ON b.takes_back = p.publication_id
  WHERE p.takes_back IS NULL AND p.plan_id <> later_territory_publications.plan_id
    -- In effect at some time from the instant on.
    AND coalesce(b.effective_from > greatest(p.effective_from, later_territory_publications.effective_from), true)
    AND EXISTS (SELECT FROM salesops.territory_assignment a
                JOIN salesops.territory_plan_account l ON l.account_id = a.account_id AND coalesce(l.source_key, '') = coalesce(a.source_key, '')
                WHERE a.publication_id = p.publication_id AND l.plan_id = later_territory_publications.plan_id);
END;
COMMENT ON FUNCTION salesops.later_territory_publications(bigint, timestamptz) IS
  'Publications of other plans that have accounts of a plan and are in effect at an instant or later';

CREATE FUNCTION salesops.check_effective_from(effective_from timestamptz)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_given('effective_from', effective_from::text);
  IF NOT isfinite(effective_from) OR effective_from < salesops.statement_clock() THEN
    RAISE EXCEPTION 'territories cannot change as of %, which is %', effective_from,
                    CASE WHEN isfinite(effective_from) THEN 'in the past' ELSE 'no instant' END USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It is %s.', salesops.statement_clock()),
      HINT = 'Who had which account until now stays as it was: name an instant to come, or leave it out for now.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_effective_from(timestamptz) IS 'Raises 22004 without an instant, 22023 for one that is infinite or in the past';

-- Writes a row into the chain of publications.
CREATE FUNCTION salesops.add_territory_publication(plan_id bigint, takes_back bigint, effective_from timestamptz, note text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  number bigint := (SELECT coalesce(max(p.publication_id), 0) + 1 FROM salesops.territory_publication p);
BEGIN
  INSERT INTO salesops.territory_publication (publication_id, plan_id, takes_back, effective_from, note)
  VALUES (number, plan_id, takes_back, effective_from, nullif(note, ''));
  RETURN number;
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'somebody else has just published or taken back territories' USING
    ERRCODE = 'serialization_failure',
    HINT = 'SELECT * FROM salesops.territory_plans() says what holds now; then try again.';
END $$;
COMMENT ON FUNCTION salesops.add_territory_publication(bigint, bigint, timestamptz, text) IS
  'The writing half of publish_territory_plan() and roll_back_territory_plan(); returns the number. 40001 where somebody else does so at the same time';

CREATE FUNCTION salesops.publish_territory_plan(plan_id bigint, effective_from timestamptz DEFAULT salesops.clock(), note text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  number bigint;
  later record;
  stale bigint;
  examples text;
  broken text;
BEGIN
  PERFORM salesops.check_territory_plan(plan_id), salesops.check_effective_from(effective_from);
  -- First what makes everybody else wait: what is looked at from here on stays as it is.
  PERFORM salesops.decide_territory_plan(plan_id, 'publish', note);
  number := salesops.add_territory_publication(plan_id, NULL, effective_from, note);

  SELECT * INTO later FROM salesops.later_territory_publications(plan_id, effective_from) l
  WHERE l.later_from > effective_from ORDER BY l.later_from LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'territory plan % would come before plan %, which takes effect on % and begins from what holds now', plan_id, later.later_plan_id, later.later_from USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Publish it to take effect later, or SELECT salesops.roll_back_territory_plan(%s, ''why'') first.', later.later_plan_id);
  END IF;
  SELECT count(*), string_agg(format('%s: planned from %s, is with %s', s.account_id, coalesce(s.planned_from, 'none'), s.has_territory), '; ') FILTER (WHERE s.place <= 10)
  INTO stale, examples
  FROM (SELECT x.*, row_number() OVER () AS place FROM salesops.stale_territory_accounts(plan_id, effective_from) x) s;
  IF stale > 0 THEN
    RAISE EXCEPTION 'territory plan % is stale: % of its accounts have another territory than it takes them from', plan_id, stale USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = examples || CASE WHEN stale > 10 THEN format('; and %s more', stale - 10) ELSE '' END,
      HINT = format('SELECT * FROM salesops.stale_territory_accounts(%s, %L) lists them. Plan again with the territory of each account taken from salesops.territory_assignments(%L, now()).',
                    plan_id, effective_from, effective_from);
  END IF;

  INSERT INTO salesops.territory_assignment (publication_id, source_key, account_id, territory_id)
  SELECT number, l.source_key, l.account_id, l.to_territory
  FROM salesops.territory_plan_account l WHERE l.plan_id = publish_territory_plan.plan_id AND l.to_territory IS NOT NULL;
  SELECT string_agg(format('%s: %s', v."check", coalesce(v.detail, format('%s, expected %s', v.value, v.expected))), '; ' ORDER BY v."check") INTO broken
  FROM salesops.verify_territory_plan(plan_id) v WHERE v.ok IS NOT TRUE;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'territory plan % is not what it was when it was made', plan_id USING
      ERRCODE = 'data_corrupted', DETAIL = broken,
      HINT = format('SELECT * FROM salesops.verify_territory_plan(%s) shows every check. Make the plan again.', plan_id);
  END IF;
  RETURN number;
END $$;
COMMENT ON FUNCTION salesops.publish_territory_plan(bigint, timestamptz, text) IS
  'Make an approved territory plan what holds from an instant on (now unless said), for the accounts that it has; returns the number of the publication. Task approve_territories. '
  '22023 for an instant in the past; 55000 where the plan is not approved, is stale (stale_territory_accounts()) or would come before a later one; XX001 where '
  'verify_territory_plan() finds it altered; 40001 where somebody else publishes at the same time; 42704, 42501';

CREATE FUNCTION salesops.roll_back_territory_plan(plan_id bigint, note text, effective_from timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  published salesops.territory_publication;
  number bigint;
  later record;
BEGIN
  PERFORM salesops.check_territory_plan(plan_id), salesops.check_note(note), salesops.check_effective_from(effective_from);
  PERFORM salesops.decide_territory_plan(plan_id, 'roll back', note);
  SELECT p.* INTO published FROM salesops.territory_publication p
  WHERE p.plan_id = roll_back_territory_plan.plan_id AND p.takes_back IS NULL ORDER BY p.publication_id DESC LIMIT 1;
  number := salesops.add_territory_publication(plan_id, published.publication_id, effective_from, note);
  -- What came after began from it.
  SELECT * INTO later FROM salesops.later_territory_publications(plan_id, effective_from) l
  WHERE (l.later_from, l.publication_id) > (published.effective_from, published.publication_id) ORDER BY l.publication_id DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'territory plan % cannot be rolled back: plan % began from it', plan_id, later.later_plan_id USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('Plan %s holds from %s on.', later.later_plan_id, later.later_from),
      HINT = format('SELECT salesops.roll_back_territory_plan(%s, ''why'') first, or publish a plan that puts things right.', later.later_plan_id);
  END IF;
  RETURN number;
END $$;
COMMENT ON FUNCTION salesops.roll_back_territory_plan(bigint, text, timestamptz) IS
  'Take back the publication of a territory plan from an instant on (now unless said): what was published before holds again, and what held until then stays known; the note says why. '
  'Returns a number in the chain of publications. Task approve_territories. 55000 where the plan is not published or another one that began from it is still in effect; '
  '22004, 22023, 40001, 42501, 42704 as of publish_territory_plan()';

REVOKE EXECUTE ON FUNCTION salesops.publish_territory_plan(bigint, timestamptz, text), salesops.roll_back_territory_plan(bigint, text, timestamptz) FROM PUBLIC;
