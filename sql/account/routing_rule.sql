-- Routing rules: which leads a rule takes and who gets them. Rows, one a version, never updated; in force are the latest version of each name.
--
-- What a rule takes is said by columns, and not by SQL: a router decides in the name of many, and nobody's expression has to run
-- under somebody else's rights. A condition that is NULL is none. An unknown fact fulfils no condition.

CREATE TABLE salesops.routing_rule (
  version_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name                text NOT NULL CHECK (name <> ''),
  valid_from          timestamptz NOT NULL,
  is_enabled          boolean NOT NULL,
  "position"          integer NOT NULL,
  source_keys         text[] CHECK (cardinality(source_keys) > 0 AND array_position(source_keys, NULL) IS NULL),
  min_score           integer,
  tiers               integer[] CHECK (cardinality(tiers) > 0 AND tiers <@ '{1,2,3}'),
  min_intent          numeric,
  min_employees       numeric,
  max_employees       numeric,
  segments            text[] CHECK (cardinality(segments) > 0 AND array_position(segments, NULL) IS NULL),
  industries          text[] CHECK (cardinality(industries) > 0 AND array_position(industries, NULL) IS NULL),
  countries           text[] CHECK (cardinality(countries) > 0 AND array_position(countries, NULL) IS NULL),
  regions             text[] CHECK (cardinality(regions) > 0 AND array_position(regions, NULL) IS NULL),
  lead_sources        text[] CHECK (cardinality(lead_sources) > 0 AND array_position(lead_sources, NULL) IS NULL),
  account_ids         text[] CHECK (cardinality(account_ids) > 0 AND array_position(account_ids, NULL) IS NULL),
  has_account         boolean,
  pool                text CHECK (pool <> ''),
  first_touch_minutes integer CHECK (first_touch_minutes BETWEEN 1 AND 100000),
  set_by              text NOT NULL DEFAULT CURRENT_USER,
  set_at              timestamptz NOT NULL DEFAULT salesops.clock(),
  CHECK (min_employees <= max_employees)
);
CREATE INDEX routing_rule_name ON salesops.routing_rule (name, valid_from DESC, version_id DESC);
COMMENT ON TABLE salesops.routing_rule IS 'Versions of routing rules, never updated; a condition that is NULL is none, and an unknown fact of a lead fulfils no condition';
COMMENT ON COLUMN salesops.routing_rule.version_id IS 'Number of the version; of versions with one valid_from the higher holds';
COMMENT ON COLUMN salesops.routing_rule.name IS 'Name of the rule';
COMMENT ON COLUMN salesops.routing_rule.valid_from IS 'From which as_of on the version holds';
COMMENT ON COLUMN salesops.routing_rule.is_enabled IS 'Whether the rule takes leads';
COMMENT ON COLUMN salesops.routing_rule."position" IS 'Rules are asked in this order, those of one position by name';
COMMENT ON COLUMN salesops.routing_rule.source_keys IS 'Sources of the leads it takes';
COMMENT ON COLUMN salesops.routing_rule.min_score IS 'Least total of the default scorecard, 0-100';
COMMENT ON COLUMN salesops.routing_rule.tiers IS 'Tiers of the default scorecard, 1-3';
COMMENT ON COLUMN salesops.routing_rule.min_intent IS 'Least intent score';
COMMENT ON COLUMN salesops.routing_rule.min_employees IS 'Fewest employees';
COMMENT ON COLUMN salesops.routing_rule.max_employees IS 'Most employees';
COMMENT ON COLUMN salesops.routing_rule.segments IS 'Segments, by value_map or as stated; whatever the case, as all texts here';
COMMENT ON COLUMN salesops.routing_rule.industries IS 'Industries, by value_map, as recognize_industry() reads them, or as stated';
COMMENT ON COLUMN salesops.routing_rule.countries IS 'Countries as stated';
COMMENT ON COLUMN salesops.routing_rule.regions IS 'Regions or states as stated';
COMMENT ON COLUMN salesops.routing_rule.lead_sources IS 'Where leads came from, as stated';
COMMENT ON COLUMN salesops.routing_rule.account_ids IS 'Named accounts: the account the lead belongs to is one of them';
COMMENT ON COLUMN salesops.routing_rule.has_account IS 'Whether the lead belongs to an account there is';
COMMENT ON COLUMN salesops.routing_rule.pool IS 'Pool whose reps get the leads; NULL = the owner of the account the lead belongs to';
COMMENT ON COLUMN salesops.routing_rule.first_touch_minutes IS 'Service level: minutes of the rep''s working time to the first touch; NULL = none';
COMMENT ON COLUMN salesops.routing_rule.set_by IS 'Role that made the version';
COMMENT ON COLUMN salesops.routing_rule.set_at IS 'When it was made';
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_rule', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.routing_rule_version_id_seq', '');
COMMENT ON SEQUENCE salesops.routing_rule_version_id_seq IS 'Numbers of versions of routing rules';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.routing_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_routing_rule().');
COMMENT ON TRIGGER append_only ON salesops.routing_rule IS 'By which rule a lead was routed must stay known';

-- A change of rules is an object: of each rule by its name what is other than now, as set_routing_rule() takes it. It is what is simulated.
CREATE FUNCTION salesops.routing_rules(as_of timestamptz, changes jsonb DEFAULT '{}')
RETURNS SETOF salesops.routing_rule LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH said AS (
    SELECT DISTINCT ON (r.name) r.* FROM salesops.routing_rule r
    WHERE r.valid_from <= routing_rules.as_of
    ORDER BY r.name, r.valid_from DESC, r.version_id DESC
  )
  SELECT r.*
  FROM said s FULL JOIN jsonb_each(coalesce(routing_rules.changes, '{}')) c ON c.key = s.name
  CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::salesops.routing_rule,
    '{"is_enabled": true}'::jsonb || coalesce(to_jsonb(s), '{}') || coalesce(c.value, '{}')
    || jsonb_build_object('name', coalesce(s.name, c.key), 'version_id', CASE WHEN c.key IS NULL THEN s.version_id END)) r
  WHERE r.is_enabled
  ORDER BY r."position", r.name;
END;
COMMENT ON FUNCTION salesops.routing_rules(timestamptz, jsonb) IS
  'Enabled routing rules in force at an instant in the order they are asked; with changes {"rule": {"column": value}} as they would be: version_id is NULL where a rule is changed';

CREATE FUNCTION salesops.changed_routing_rule(name text, change jsonb, as_of timestamptz)
RETURNS jsonb LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT '{"is_enabled": true}'::jsonb
         || coalesce((SELECT to_jsonb(v) FROM salesops.routing_rule v
                      WHERE v.name = changed_routing_rule.name AND v.valid_from <= changed_routing_rule.as_of
                      ORDER BY v.valid_from DESC, v.version_id DESC LIMIT 1), '{}')
         || changed_routing_rule.change;
END;
COMMENT ON FUNCTION salesops.changed_routing_rule(text, jsonb, timestamptz) IS
  'A routing rule as it was said to be for an instant, if it was, and other in what a change names, as an object of columns of routing_rule';

-- What the table would refuse is refused here first, by the names of the rule and of the column that somebody wrote.
CREATE FUNCTION salesops.read_routing_rule(name text, rule jsonb)
RETURNS salesops.routing_rule LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  r salesops.routing_rule;
  field text;
  said text;
  wrong text;
BEGIN
  BEGIN
    FOR field IN SELECT k FROM jsonb_object_keys(rule) k ORDER BY k LOOP
      r := jsonb_populate_record(r, jsonb_build_object(field, rule -> field));
    END LOOP;
  EXCEPTION WHEN data_exception THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
    RAISE EXCEPTION '% of routing rule % cannot be %', field, quote_literal(name), rule -> field USING
      ERRCODE = SQLSTATE, DETAIL = said || '.',
      HINT = format('It is of type %s.', (SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = 'salesops.routing_rule'::regclass AND a.attname = field));
  END;
  field := CASE WHEN r."position" IS NULL THEN 'position' WHEN r.is_enabled IS NULL THEN 'is_enabled' END;
  IF field IS NOT NULL THEN
    RAISE EXCEPTION '% of routing rule % must not be null', field, quote_literal(name) USING
      ERRCODE = 'null_value_not_allowed', DETAIL = 'Null takes a condition away, and this is none.',
      HINT = CASE field WHEN 'position' THEN 'State a number, "position": 20: rules are asked in this order. Left out it stays what it was.'
                        ELSE '"is_enabled": false takes the rule out.' END;
  END IF;
  SELECT x.field, x.wrong INTO field, wrong
  FROM (VALUES ('source_keys', r.source_keys), ('tiers', r.tiers::text[]), ('segments', r.segments), ('industries', r.industries), ('countries', r.countries), ('regions', r.regions),
               ('lead_sources', r.lead_sources), ('account_ids', r.account_ids)) l(field, list)
  CROSS JOIN LATERAL (
    SELECT l.field, CASE WHEN cardinality(l.list) = 0 THEN 'is an empty list, which no lead fulfils' WHEN array_position(l.list, NULL) IS NOT NULL THEN 'has a null in its list, which no lead fulfils' END AS wrong) x
  WHERE x.wrong IS NOT NULL
  UNION ALL
  SELECT 'tiers', 'must be of 1, 2 and 3' WHERE NOT r.tiers <@ '{1,2,3}'
  UNION ALL
  SELECT 'first_touch_minutes', 'must be from 1 to 100000' WHERE r.first_touch_minutes NOT BETWEEN 1 AND 100000
  UNION ALL
  SELECT 'pool', 'must not be empty' WHERE r.pool = ''
  UNION ALL
  SELECT 'min_employees', format('is more than max_employees, %s', r.max_employees) WHERE r.min_employees > r.max_employees
  LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '% of routing rule % %', field, quote_literal(name), wrong USING
      ERRCODE = 'check_violation', DETAIL = format('It is %s.', rule -> field), HINT = 'Null takes a condition away; "is_enabled": false takes the rule out.';
  END IF;
  RETURN r;
END $$;
COMMENT ON FUNCTION salesops.read_routing_rule(text, jsonb) IS
  'A routing rule of columns of routing_rule as an object. Raises, naming rule and column, 22P02 or 22003 for what is not of the type of the column, 22004 for a position or is_enabled that is null, and 23514 for '
  'an empty list, a null in a list, tiers and minutes that there are not, an empty pool and fewest employees above the most';

CREATE FUNCTION salesops.check_routing_changes(changes jsonb, as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := ARRAY['is_enabled', 'position', 'source_keys', 'min_score', 'tiers', 'min_intent', 'min_employees', 'max_employees', 'segments', 'industries',
                        'countries', 'regions', 'lead_sources', 'account_ids', 'has_account', 'pool', 'first_touch_minutes'];
  wrong text;
BEGIN
  IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
    wrong := 'they are no object';
  ELSE
    SELECT min(CASE WHEN c.key = '' THEN 'a name is empty' ELSE format('%s is no object', quote_ident(c.key)) END) INTO wrong
    FROM jsonb_each(changes) c WHERE c.key = '' OR jsonb_typeof(c.value) <> 'object';
    IF wrong IS NULL THEN
      SELECT min(format('%s of rule %s is not known', quote_literal(k), quote_literal(c.key))) INTO wrong
      FROM jsonb_each(changes) c CROSS JOIN LATERAL jsonb_object_keys(c.value) k WHERE k <> ALL (known);
    END IF;
    IF wrong IS NULL THEN
      -- A name that was mistyped would be a rule more, before all others.
      SELECT format('there is no rule %s, and a new one has a position', quote_literal(min(c.key))) INTO wrong
      FROM jsonb_each(changes) c
      WHERE NOT c.value ? 'position' AND NOT EXISTS (SELECT FROM salesops.routing_rule r WHERE r.name = c.key AND r.valid_from <= check_routing_changes.as_of)
      HAVING count(*) > 0;
    END IF;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'routing rules cannot be read: %', wrong USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('A rule has %s.', array_to_string(known, ', ')),
      HINT = 'Write {"enterprise": {"position": 20, "tiers": [1], "pool": "enterprise", "first_touch_minutes": 60}}.';
  END IF;
  PERFORM salesops.read_routing_rule(c.key, salesops.changed_routing_rule(c.key, c.value, as_of)) FROM jsonb_each(changes) c;
END $$;
COMMENT ON FUNCTION salesops.check_routing_changes(jsonb, timestamptz) IS
  'Raises 22023 where changes of the routing rules of an instant are no object of objects, name what a rule does not have, or make a rule without a position; what read_routing_rule() raises where a changed rule cannot be one';

CREATE FUNCTION salesops.set_routing_rule(name text, rule jsonb, valid_from timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  new_version bigint;
BEGIN
  PERFORM salesops.check_given('name', name), salesops.check_given('rule', rule::text), salesops.check_given('valid_from', valid_from::text),
          salesops.check_routing_changes(jsonb_build_object(name, rule), valid_from);
  INSERT INTO salesops.routing_rule (name, valid_from, is_enabled, "position", source_keys, min_score, tiers, min_intent, min_employees, max_employees,
                                     segments, industries, countries, regions, lead_sources, account_ids, has_account, pool, first_touch_minutes)
  SELECT set_routing_rule.name, set_routing_rule.valid_from, r.is_enabled, r."position", r.source_keys, r.min_score, r.tiers, r.min_intent, r.min_employees,
         r.max_employees, r.segments, r.industries, r.countries, r.regions, r.lead_sources, r.account_ids, r.has_account, r.pool, r.first_touch_minutes
  FROM salesops.read_routing_rule(name, salesops.changed_routing_rule(name, rule, valid_from)) r
  RETURNING version_id INTO new_version;
  RETURN new_version;
END $$;
COMMENT ON FUNCTION salesops.set_routing_rule(text, jsonb, timestamptz) IS
  'Add a version of a routing rule, from valid_from on: an object of columns of routing_rule; what it does not name stays as it was ("is_enabled": false takes the rule '
  'out, null takes a condition away). Returns the version. 22023 for what a rule does not have and for a new rule without a position, '
  '22004 for a NULL, also as position or is_enabled, 22P02 and 22003 for a value of another type, 23514 for an empty list and for conditions that nothing fulfils';
