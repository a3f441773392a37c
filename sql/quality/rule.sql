-- Rules: those of the product, those users added, and what users changed.
--
-- The table holds only users' decisions, each as a version that is never changed: a dump carries those and an upgrade may
-- better the rest. A rule's predicates are SQL over one audit row and run under the rights of the role that added it, so
-- its owner is no column anybody can write: add_rule() and its kin run as their caller, write_rule() (C) notes who that is
-- and is the only door to the table (see rule_door.c). The table names the role, so that a dump can be restored where the role
-- is missing; whether there is one of that name is asked when the rule is evaluated.

CREATE TABLE salesops.audit_rule (
  version_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  valid_from     timestamptz NOT NULL,
  is_enabled     boolean NOT NULL,
  bound          text,
  severity       text NOT NULL CHECK (severity IN ('error', 'warning', 'info')),
  rule_owner     text,
  checklist_item text,
  field          text,
  object_kind    text CHECK (object_kind IN ('opportunity', 'source')),
  applies        text,
  violation      text,
  value          text,
  cause          text CHECK (cause IN ('value', 'owner')),
  targets        text[],
  description    text,
  set_by         text NOT NULL,
  set_at         timestamptz NOT NULL,
  CHECK ((violation IS NULL) = (rule_owner IS NULL))
);
CREATE INDEX audit_rule_name ON salesops.audit_rule (name, valid_from DESC, version_id DESC);
COMMENT ON TABLE salesops.audit_rule IS 'Rules that users added and default rules that they changed, one row a version; never updated';
COMMENT ON COLUMN salesops.audit_rule.version_id IS 'Number of the version; of versions with one valid_from the higher holds';
COMMENT ON COLUMN salesops.audit_rule.name IS 'Name of the rule';
COMMENT ON COLUMN salesops.audit_rule.valid_from IS 'From which as_of on the version holds';
COMMENT ON COLUMN salesops.audit_rule.is_enabled IS 'Whether the rule is evaluated';
COMMENT ON COLUMN salesops.audit_rule.bound IS 'What {bound} stands for';
COMMENT ON COLUMN salesops.audit_rule.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.audit_rule.rule_owner IS 'Name of the role that added the rule: its predicates run under its rights, and where it does not exist the rule fails; NULL = a default rule';
COMMENT ON COLUMN salesops.audit_rule.checklist_item IS 'Point of the checklist it belongs to; NULL = none, it does not count as completeness of a rep or team';
COMMENT ON COLUMN salesops.audit_rule.field IS 'Field it is about';
COMMENT ON COLUMN salesops.audit_rule.object_kind IS 'What it looks at: opportunity (open deals) or source';
COMMENT ON COLUMN salesops.audit_rule.applies IS 'Predicate: which objects it is about; NULL = all';
COMMENT ON COLUMN salesops.audit_rule.violation IS 'Predicate: which of them violate it; NULL = the predicates of the default rule';
COMMENT ON COLUMN salesops.audit_rule.value IS 'Expression: what a finding shows';
COMMENT ON COLUMN salesops.audit_rule.cause IS 'Which findings one fix would cure: those with the same value, or of the same owner';
COMMENT ON COLUMN salesops.audit_rule.targets IS 'Canonical fields (entity.column, a|b = either) that a source must offer, else it is not checkable there';
COMMENT ON COLUMN salesops.audit_rule.description IS 'What holds for an object that passes';
COMMENT ON COLUMN salesops.audit_rule.set_by IS 'Name of the role that made the version';
COMMENT ON COLUMN salesops.audit_rule.set_at IS 'When it was made';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_rule', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_rule_version_id_seq', '');
COMMENT ON SEQUENCE salesops.audit_rule_version_id_seq IS 'Numbers of rule versions';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.audit_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.change_rule() or salesops.disable_rule().');
COMMENT ON TRIGGER append_only ON salesops.audit_rule IS 'What a rule said on a day must stay known';

-- Whoever could write the table could name a superuser as the author of what he wrote.
CREATE FUNCTION salesops.refuse_forged_rule()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = tg_relid), 'USAGE') THEN
    RAISE EXCEPTION 'rules cannot be written into the table' USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = 'A rule runs under the rights of the role that the table names as its author.',
      HINT = 'Call salesops.add_rule(), change_rule() or disable_rule().';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.refuse_forged_rule() IS
  'Trigger: refuses rows from anybody but the owner of the table, who alone can say whose rule it is, whatever was granted';
CREATE TRIGGER owner_writes BEFORE INSERT ON salesops.audit_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_forged_rule();
COMMENT ON TRIGGER owner_writes ON salesops.audit_rule IS 'Nobody can give a rule to somebody else';

CREATE FUNCTION salesops.audit_rules(
  as_of timestamptz DEFAULT now(),
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text,
  OUT is_enabled boolean, OUT is_default boolean, OUT rule_owner text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (r.name) r.* FROM salesops.audit_rule r
    WHERE r.valid_from <= audit_rules.as_of
    ORDER BY r.name, r.valid_from DESC, r.version_id DESC
  ), given AS (
    SELECT d.* FROM salesops.default_rules() d UNION ALL SELECT a.* FROM salesops.account_rules() a
  )
  SELECT d.name, d.checklist_item, d.field, d.object_kind, d.applies, d.violation, d.value,
         CASE WHEN s.name IS NULL THEN d.bound ELSE s.bound END, coalesce(s.severity, d.severity),
         d.cause, d.targets, d.description, coalesce(s.is_enabled, true), true,
         (SELECT pg_catalog.pg_get_userbyid(e.extowner)::text FROM pg_catalog.pg_extension e WHERE e.extname = 'salesops')
  FROM given d LEFT JOIN said s ON s.name = d.name AND s.violation IS NULL
  UNION ALL
  SELECT s.name, s.checklist_item, s.field, s.object_kind, s.applies, s.violation, s.value, s.bound, s.severity,
         s.cause, s.targets, s.description, s.is_enabled, false, s.rule_owner
  FROM said s
  WHERE s.violation IS NOT NULL AND NOT EXISTS (SELECT FROM given d WHERE d.name = s.name);
END;
COMMENT ON FUNCTION salesops.audit_rules(timestamptz) IS
  'The rules in force at an instant: the default ones as users changed them and those users added; of a user''s versions the one with the latest valid_from holds';

-- The rule of a name, or an error that says which there are.
CREATE FUNCTION salesops.get_rule(name text, as_of timestamptz DEFAULT 'infinity')
RETURNS record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rule record;
BEGIN
  SELECT * INTO rule FROM salesops.audit_rules(get_rule.as_of) r WHERE r.name = get_rule.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no rule %', coalesce(quote_literal(get_rule.name), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT name, description FROM salesops.audit_rules() lists them.';
  END IF;
  RETURN rule;
END $$;
COMMENT ON FUNCTION salesops.get_rule(text, timestamptz) IS 'A rule in force; 42704 where there is none of that name';

CREATE FUNCTION salesops.check_rule(object_kind text, applies text, violation text, value text, bound text, author text DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'salesops_check_rule';
COMMENT ON FUNCTION salesops.check_rule(text, text, text, text, text, text) IS
  'Check the expressions of a rule without storing it: each must be one SQL expression over the columns of audit_columns(object_kind), predicates boolean; 42601 or 42703 with a hint where not. Under the rights of the author (NULL = the caller), which the caller must have';

CREATE FUNCTION salesops.write_rule(name text, valid_from timestamptz, is_enabled boolean, bound text, severity text,
                                    checklist_item text, field text, object_kind text, applies text, violation text, value text,
                                    cause text, targets text[], description text)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'salesops_write_rule';
COMMENT ON FUNCTION salesops.write_rule(text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) IS
  'Store a version of a rule in the caller''s name; violation NULL changes a rule there is, otherwise it is a new rule of the caller''s. Call add_rule(), change_rule() or disable_rule()';

-- What write_rule() calls as the owner of the extension, with the role that called it.
CREATE FUNCTION salesops.store_rule(caller regrole, name text, valid_from timestamptz, is_enabled boolean, bound text, severity text,
                                    checklist_item text, field text, object_kind text, applies text, violation text, value text,
                                    cause text, targets text[], description text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  caller_name text := (SELECT a.rolname FROM pg_roles a WHERE a.oid = caller);
  present record;
  keeper oid;
BEGIN
  IF name !~ '^[a-z][a-z0-9_]{0,62}$' THEN
    RAISE EXCEPTION 'invalid name of a rule: %', quote_literal(name) USING
      ERRCODE = 'invalid_name', HINT = 'Use a lower-case letter, then up to 62 lower-case letters, digits and underscores.';
  END IF;
  IF severity NOT IN ('error', 'warning', 'info') THEN
    RAISE EXCEPTION 'unknown severity: %', quote_literal(severity) USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use error, warning or info.';
  END IF;
  -- Two changes of one rule at a time would each start from the version before.
  LOCK TABLE salesops.audit_rule IN SHARE ROW EXCLUSIVE MODE;
  SELECT r.name, r.rule_owner, r.is_default INTO present FROM salesops.audit_rules('infinity') r WHERE r.name = store_rule.name;
  IF FOUND AND violation IS NOT NULL AND (present.is_default OR present.rule_owner <> caller_name) THEN
    RAISE EXCEPTION 'there is a rule "%" already', name USING
      ERRCODE = 'duplicate_object',
      DETAIL = CASE WHEN present.is_default THEN 'It is a default rule.' ELSE format('It belongs to %s.', present.rule_owner) END,
      HINT = 'Choose another name; change_rule() changes its bound and severity, disable_rule() silences it.';
  END IF;
  -- A rule whose owner is gone is in the hands of who owns the extension.
  keeper := coalesce((SELECT a.oid FROM pg_roles a WHERE a.rolname = present.rule_owner),
                     (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'salesops'));
  IF FOUND AND NOT present.is_default AND NOT pg_has_role(caller, keeper, 'USAGE') THEN
    RAISE EXCEPTION 'rule "%" belongs to %', name, present.rule_owner USING
      ERRCODE = 'insufficient_privilege', HINT = 'Only its owner, and who has the owner''s rights, may change it.';
  END IF;
  IF violation IS NULL AND NOT present.is_default THEN
    INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, bound, severity, rule_owner, checklist_item, field, object_kind,
                                     applies, violation, value, cause, targets, description, set_by, set_at)
    SELECT name, valid_from, is_enabled, bound, severity, r.rule_owner, r.checklist_item, r.field, r.object_kind,
           r.applies, r.violation, r.value, r.cause, r.targets, r.description, caller_name, clock_timestamp()
    FROM salesops.audit_rules('infinity') r WHERE r.name = store_rule.name;
  ELSE
    INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, bound, severity, rule_owner, checklist_item, field, object_kind,
                                     applies, violation, value, cause, targets, description, set_by, set_at)
    VALUES (name, valid_from, is_enabled, bound, severity, CASE WHEN violation IS NOT NULL THEN caller_name END, checklist_item, field, object_kind,
            applies, violation, value, cause, targets, description, caller_name, clock_timestamp());
  END IF;
END $$;
COMMENT ON FUNCTION salesops.store_rule(regrole, text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) IS
  'The writing half of write_rule(): only the owner of the extension may call it, for it believes the caller it is told';
REVOKE EXECUTE ON FUNCTION salesops.store_rule(regrole, text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) FROM PUBLIC;

CREATE FUNCTION salesops.add_rule(name text, violation text, severity text DEFAULT 'warning', description text DEFAULT NULL,
                                  applies text DEFAULT NULL, value text DEFAULT NULL, bound text DEFAULT NULL,
                                  field text DEFAULT NULL, checklist_item text DEFAULT NULL, object_kind text DEFAULT 'opportunity',
                                  cause text DEFAULT 'owner', targets text[] DEFAULT '{}', valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target text;
BEGIN
  IF name IS NULL OR violation IS NULL OR severity IS NULL OR valid_from IS NULL THEN
    RAISE EXCEPTION 'a rule needs a name, a predicate, a severity and an instant from which it holds' USING
      ERRCODE = 'null_value_not_allowed',
      HINT = $h$Call add_rule('deal_too_large', 'amount > {bound}', bound => '1000000').$h$;
  END IF;
  IF cause IS NULL OR cause NOT IN ('value', 'owner') THEN
    RAISE EXCEPTION 'unknown cause: %', coalesce(quote_literal(cause), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use value or owner: what one fix would cure.';
  END IF;
  FOREACH target IN ARRAY coalesce(string_to_array(array_to_string(targets, '|'), '|'), '{}') LOOP
    IF NOT EXISTS (SELECT FROM salesops.entities() e, salesops.entity_targets(e.entity) t
                   WHERE e.entity = split_part(target, '.', 1) AND t.target = split_part(target, '.', 2)) THEN
      RAISE EXCEPTION 'unknown target: %', quote_literal(target) USING
        ERRCODE = 'undefined_column', HINT = 'Write entity.column; salesops.entity_targets(entity) lists the columns.';
    END IF;
  END LOOP;
  PERFORM salesops.write_rule(name, valid_from, true, bound, severity, checklist_item, field, object_kind, applies, violation, value,
                              cause, coalesce(targets, '{}'), coalesce(description, violation));
END $$;
COMMENT ON FUNCTION salesops.add_rule(text, text, text, text, text, text, text, text, text, text, text, text[], timestamptz) IS
  'Add a rule, or a version of a rule of your own: violation, applies and value are SQL over the columns of audit_columns(), {bound} stands for the bound. It runs under the rights of the role that adds it';

CREATE FUNCTION salesops.change_rule(name text, bound text DEFAULT NULL, severity text DEFAULT NULL, is_enabled boolean DEFAULT NULL,
                                     valid_from timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  rule record := salesops.get_rule(name);
BEGIN
  IF bound IS NOT NULL AND concat(rule.applies, rule.violation, rule.value) NOT LIKE '%{bound}%' THEN
    RAISE EXCEPTION 'rule "%" has no bound', name USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Change its severity, or disable it and add a rule of your own.';
  END IF;
  -- A change holds from where the version before did, unless a later instant is named.
  valid_from := coalesce(valid_from, (SELECT max(r.valid_from) FROM salesops.audit_rule r WHERE r.name = change_rule.name), '-infinity');
  IF bound IS NOT NULL THEN
    PERFORM salesops.check_rule(rule.object_kind, rule.applies, rule.violation, rule.value, bound,
                                CASE WHEN NOT rule.is_default THEN rule.rule_owner END);
  END IF;
  PERFORM salesops.write_rule(name, valid_from, coalesce(is_enabled, rule.is_enabled), coalesce(bound, rule.bound),
                              coalesce(severity, rule.severity), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
END $$;
COMMENT ON FUNCTION salesops.change_rule(text, text, text, boolean, timestamptz) IS
  'Change the bound or severity of a rule, or whether it is enabled; what is NULL stays. A new version: what held before stays known';

CREATE FUNCTION salesops.disable_rule(name text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.change_rule(disable_rule.name, is_enabled => false);
END;
COMMENT ON FUNCTION salesops.disable_rule(text) IS
  'Evaluate a rule no longer: the next audit resolves its findings; change_rule(name, is_enabled => true) brings it back';

-- Who may make rules is the administrator's decision: GRANT EXECUTE ON FUNCTION salesops.write_rule ... TO analysts.
REVOKE EXECUTE ON FUNCTION salesops.write_rule(text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) FROM PUBLIC;

-- Where a rule can be checked.
CREATE FUNCTION salesops.rule_sources(as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL,
                                      OUT rule text, OUT source_key text, OUT is_checkable boolean, OUT missing text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH offered AS MATERIALIZED (
    SELECT y.source_key, y.entity || '.' || t.target AS target
    FROM (SELECT DISTINCT ON (x.source_key, x.entity) x.* FROM salesops.source_sync x
          WHERE x.sqlstate IS NULL AND x.as_of <= coalesce(rule_sources.known_at, rule_sources.as_of)
          ORDER BY x.source_key, x.entity, x.sync_id DESC) y
    CROSS JOIN LATERAL unnest(y.targets) t(target)
  )
  SELECT r.name, c.source_key, m.missing IS NULL, m.missing
  FROM salesops.audit_rules(rule_sources.as_of) r
  CROSS JOIN salesops.source c
  CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(t.target) AS missing FROM unnest(r.targets) t(target)
    WHERE NOT EXISTS (SELECT FROM offered o
                      WHERE o.source_key = c.source_key AND o.target = ANY (pg_catalog.string_to_array(t.target, '|')))) m;
END;
COMMENT ON FUNCTION salesops.rule_sources(timestamptz, timestamptz) IS
  'Which rule is checkable for which source, by what its last sync offered; missing = the targets it lacks';
