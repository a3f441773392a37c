-- The nightly audit: evaluate, open and close findings, keep the tallies. A second night without a change writes no
-- finding; that it passed is in audit_log and audit_tally.

CREATE TABLE salesops.audit_log (
  run_id     bigint PRIMARY KEY,
  as_of      timestamptz NOT NULL,
  known_at   timestamptz,
  rules      integer NOT NULL,
  failed     integer NOT NULL,
  opened     bigint NOT NULL,
  resolved   bigint NOT NULL,
  open       bigint NOT NULL,
  audited_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX audit_log_as_of ON salesops.audit_log (as_of, audited_at);
COMMENT ON TABLE salesops.audit_log IS 'Audits that completed';
COMMENT ON COLUMN salesops.audit_log.run_id IS 'Run of the job; negative = an audit by hand';
COMMENT ON COLUMN salesops.audit_log.as_of IS 'Instant that was audited';
COMMENT ON COLUMN salesops.audit_log.known_at IS 'As known at; NULL = at as_of itself';
COMMENT ON COLUMN salesops.audit_log.rules IS 'Rules evaluated';
COMMENT ON COLUMN salesops.audit_log.failed IS 'Rules that could not be evaluated';
COMMENT ON COLUMN salesops.audit_log.opened IS 'Findings it opened';
COMMENT ON COLUMN salesops.audit_log.resolved IS 'Findings it resolved';
COMMENT ON COLUMN salesops.audit_log.open IS 'Findings open after it';
COMMENT ON COLUMN salesops.audit_log.audited_at IS 'Wall clock time';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_log', '');

CREATE TABLE salesops.audit_tally (
  run_id     bigint NOT NULL,
  rule       text NOT NULL,
  source_key text NOT NULL,
  owner_id   text,
  applicable bigint NOT NULL,
  failed     bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (run_id, rule, source_key, owner_id)
);
COMMENT ON TABLE salesops.audit_tally IS 'How many objects of an owner each rule applied to in each audit, and how many failed it: the base of completeness';
COMMENT ON COLUMN salesops.audit_tally.run_id IS 'Audit (audit_log)';
COMMENT ON COLUMN salesops.audit_tally.rule IS 'Rule';
COMMENT ON COLUMN salesops.audit_tally.source_key IS 'Source; a rule that is not checkable there has no row';
COMMENT ON COLUMN salesops.audit_tally.owner_id IS 'Owner of the objects; NULL = they have none';
COMMENT ON COLUMN salesops.audit_tally.applicable IS 'Objects the rule applied to';
COMMENT ON COLUMN salesops.audit_tally.failed IS 'Those that violated it';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_tally', '');

CREATE SEQUENCE salesops.audit_by_hand_seq INCREMENT -1;
COMMENT ON SEQUENCE salesops.audit_by_hand_seq IS 'Run numbers of audits by hand: negative, so that no run of a job has them';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_by_hand_seq', '');

CREATE FUNCTION salesops.unresolved(rule text, object_kind text, as_of timestamptz, known_at timestamptz, sources text[])
RETURNS salesops.violation[] LANGUAGE sql STABLE
SET enable_nestloop = off
SET jit = off
BEGIN ATOMIC
  SELECT pg_catalog.array_agg(ROW(f.source_key, f.object_id, f.owner_id, f.value)::salesops.violation)
  FROM salesops.finding f
  WHERE f.rule = unresolved.rule AND f.object_kind = unresolved.object_kind AND f.resolved_at IS NULL
    AND (unresolved.sources IS NULL OR f.source_key = ANY (unresolved.sources))
    AND (f.object_kind <> 'opportunity'
         OR (f.source_key, f.object_id) IN (SELECT o.source_key, o.id FROM salesops.opportunity_state(unresolved.as_of, unresolved.known_at) o
                                            WHERE o.is_open));
END;
COMMENT ON FUNCTION salesops.unresolved(text, text, timestamptz, timestamptz, text[]) IS
  'Open findings of a rule in some sources (NULL = all) whose deal is still open: what stands while the rule cannot be checked';

CREATE FUNCTION salesops.audit(run_id bigint, as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  last record;
  outcome record;
  unchecked text[];
  seen salesops.violation[];
  broken salesops.violation[] := '{}';
  gone record;
  change record;
  rules integer := 0;
  opened bigint := 0;
  resolved bigint := 0;
  still_open bigint;
BEGIN
  IF run_id IS NULL OR as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'an audit needs a run and an instant' USING
      ERRCODE = 'null_value_not_allowed', HINT = 'Call salesops.audit(as_of) for an audit by hand.';
  END IF;
  -- One audit at a time: two would open the same findings.
  LOCK TABLE salesops.audit_log IN SHARE ROW EXCLUSIVE MODE;
  SELECT l.run_id, l.as_of INTO last FROM salesops.audit_log l ORDER BY l.as_of DESC, l.audited_at DESC LIMIT 1;
  IF as_of < last.as_of THEN
    RAISE EXCEPTION 'as_of % lies before the last audit', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Run %s audited as of %s; findings cannot be resolved before they were seen.', last.run_id, last.as_of),
      HINT = 'salesops.evaluate_rules(as_of) shows what an earlier instant violates, writing nothing.';
  END IF;
  IF EXISTS (SELECT FROM salesops.audit_log l WHERE l.run_id = audit.run_id) THEN
    RAISE EXCEPTION 'run % was audited already', run_id USING
      ERRCODE = 'unique_violation', HINT = 'Call salesops.audit(as_of) for an audit by hand.';
  END IF;

  FOR outcome IN SELECT * FROM salesops.evaluate_rules(as_of, known_at) LOOP
    rules := rules + 1;
    INSERT INTO salesops.audit_tally (run_id, rule, source_key, owner_id, applicable, failed)
    SELECT run_id, outcome.rule, t.source_key, t.owner_id, t.applicable, t.failed FROM unnest(outcome.tallies) t;

    -- What could not be checked did not pass: its findings stand as long as the deal is open.
    seen := outcome.violations;
    IF outcome.sqlstate IS NOT NULL THEN
      seen := salesops.unresolved(outcome.rule, outcome.object_kind, as_of, known_at, NULL);
      broken := broken || ROW('', outcome.rule, NULL, format('%s: %s', outcome.sqlstate, outcome.message))::salesops.violation;
      RAISE LOG 'salesops audit, run %: rule "%" failed: %: %', run_id, outcome.rule, outcome.sqlstate, outcome.message;
    ELSE
      SELECT array_agg(s.source_key) INTO unchecked FROM salesops.rule_sources(as_of, known_at) s
      WHERE s.rule = outcome.rule AND NOT s.is_checkable
        AND EXISTS (SELECT FROM salesops.finding f WHERE f.rule = s.rule AND f.source_key = s.source_key AND f.resolved_at IS NULL);
      IF unchecked IS NOT NULL THEN
        seen := seen || salesops.unresolved(outcome.rule, outcome.object_kind, as_of, known_at, unchecked);
      END IF;
    END IF;
    SELECT * INTO change FROM salesops.report_findings(run_id, as_of, outcome.rule, outcome.object_kind, outcome.severity, outcome.bound, seen);
    opened := opened + change.opened;
    resolved := resolved + change.resolved;
  END LOOP;

  FOR outcome IN SELECT r.name, r.object_kind, r.severity FROM salesops.audit_rules(as_of) r
                 WHERE r.name = 'rule_failed' AND r.is_enabled LOOP
    SELECT * INTO change
    FROM salesops.report_findings(run_id, as_of, outcome.name, outcome.object_kind, outcome.severity, NULL, broken);
    opened := opened + change.opened;
    resolved := resolved + change.resolved;
  END LOOP;

  -- A rule that is no longer in force reports nothing.
  FOR gone IN SELECT DISTINCT f.rule, f.object_kind FROM salesops.finding f
              WHERE f.resolved_at IS NULL AND f.object_kind IN ('opportunity', 'source', 'rule')
                AND NOT EXISTS (SELECT FROM salesops.audit_rules(as_of) r
                                WHERE r.name = f.rule AND r.object_kind = f.object_kind AND r.is_enabled) LOOP
    SELECT * INTO change FROM salesops.report_findings(run_id, as_of, gone.rule, gone.object_kind, 'info', NULL, '{}');
    resolved := resolved + change.resolved;
  END LOOP;

  SELECT count(*) INTO still_open FROM salesops.finding f WHERE f.resolved_at IS NULL;
  INSERT INTO salesops.audit_log (run_id, as_of, known_at, rules, failed, opened, resolved, open)
  VALUES (run_id, as_of, known_at, rules, cardinality(broken), opened, resolved, still_open);
  RETURN still_open;
END $$;
COMMENT ON FUNCTION salesops.audit(bigint, timestamptz, timestamptz) IS
  'Audit the open deals and the sources as of an instant, as known at another: opens, keeps and resolves findings and keeps the tallies; returns the number of open findings. A run is audited once, and never before the last audit';

CREATE FUNCTION salesops.audit(as_of timestamptz DEFAULT now())
RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.audit(pg_catalog.nextval('salesops.audit_by_hand_seq'::regclass), as_of);
END;
COMMENT ON FUNCTION salesops.audit(timestamptz) IS 'Audit by hand, without a run; returns the number of open findings';
