-- Scorecards: what gives an account points, as text that is kept by version.
--
-- A version is its text, byte for byte as it was given, comments too: what is exported is what was imported, and a difference of two files is one of two
-- versions. src/account/scorecard_text.c reads it. A score is asked by name and instant, so last quarter's scores can be told again. The default
-- scorecard is code and not a row: it is score_account() written down, and stays what that is.

CREATE TABLE salesops.scorecard (
  name        text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$' AND name <> 'default'),
  version     integer NOT NULL CHECK (version > 0),
  valid_from  timestamptz NOT NULL,
  definition  text NOT NULL,
  note        text,
  set_by      text NOT NULL DEFAULT CURRENT_USER,
  recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (name, version)
);
COMMENT ON TABLE salesops.scorecard IS 'Scorecards, one row a version, never changed; write with add_scorecard(), read with scorecard_definition() and scorecard_rules()';
COMMENT ON COLUMN salesops.scorecard.name IS 'Name, as the text states it';
COMMENT ON COLUMN salesops.scorecard.version IS 'Number of the version, from 1; of versions with one valid_from the higher holds';
COMMENT ON COLUMN salesops.scorecard.valid_from IS 'From which as_of on the version holds';
COMMENT ON COLUMN salesops.scorecard.definition IS 'The text that was given';
COMMENT ON COLUMN salesops.scorecard.note IS 'What the version is for';
COMMENT ON COLUMN salesops.scorecard.set_by IS 'Role that added it';
COMMENT ON COLUMN salesops.scorecard.recorded_at IS 'When the row was written';
SELECT pg_catalog.pg_extension_config_dump('salesops.scorecard', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.scorecard
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.add_scorecard() with another text; the version with the latest valid_from holds.');
COMMENT ON TRIGGER append_only ON salesops.scorecard IS 'What a scorecard said on a day must stay known';

CREATE FUNCTION salesops.default_scorecard() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '# What score_account() gives points for.
scorecard default

tier 1 from 70
tier 2 from 40
tier 3

component size up to 30
  feature employees
    > 5000: 30
    > 1000: 20
    > 200: 10

component industry up to 25
  feature industry as industry
    "Technology": 25
    "Finance": 25
    "Healthcare": 15
    "Manufacturing": 15

component engagement up to 25
  feature visits from website_visits
    > 10: 15
  feature downloads from content_downloads
    > 0: 10

component intent up to 20
  feature intent from intent_score
    > 80: 20
    > 50: 10
';
COMMENT ON FUNCTION salesops.default_scorecard() IS 'The text of the default scorecard, which gives what score_account() gives; the start of one of your own';

CREATE FUNCTION salesops.scorecard_name(definition text) RETURNS text
  AS 'MODULE_PATHNAME', 'salesops_scorecard_name' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.scorecard_name(text) IS
  'Checks the text of a scorecard and returns the name that it states. 42601 where it is not understood, 22023, 22003 or 42710 where it makes no sense; the detail names the line';

CREATE FUNCTION salesops.scorecard_rules(definition text, OUT "position" integer, OUT component text, OUT feature text, OUT kind text, OUT rule text, OUT points numeric)
  RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_scorecard_rules' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION salesops.scorecard_rules(text) IS
  'All that the text of a scorecard says, a row each, in its order. kind: tier (points = least total; NULL = whatever is below), cap (points = most of the component), input (rule = where the feature is read), '
  'threshold, range, linear and lookup, else (no rule holds), missing (no value; points NULL = no score)';

CREATE FUNCTION salesops.add_scorecard(definition text, note text DEFAULT NULL, valid_from timestamptz DEFAULT transaction_timestamp())
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  scorecard text;
  added integer;
BEGIN
  PERFORM salesops.check_given('definition', add_scorecard.definition), salesops.check_given('valid_from', add_scorecard.valid_from::text);
  scorecard := salesops.scorecard_name(add_scorecard.definition);
  IF scorecard !~ '^[a-z][a-z0-9_]{0,62}$' THEN
    RAISE EXCEPTION 'invalid name of a scorecard: %', quote_literal(scorecard) USING
      ERRCODE = 'invalid_name', HINT = 'Use a lower-case letter, then up to 62 lower-case letters, digits and underscores.';
  END IF;
  IF scorecard = 'default' THEN
    RAISE EXCEPTION 'the default scorecard does not change' USING
      ERRCODE = 'duplicate_object', DETAIL = 'It is what score_account() computes.', HINT = 'Give yours another name in its first line: scorecard enterprise';
  END IF;
  BEGIN
    INSERT INTO salesops.scorecard (name, version, valid_from, definition, note)
    SELECT scorecard, coalesce(max(s.version), 0) + 1, add_scorecard.valid_from, add_scorecard.definition, add_scorecard.note
    FROM salesops.scorecard s WHERE s.name = scorecard
    RETURNING version INTO added;
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'scorecard "%" got another version at the same time', scorecard USING
      ERRCODE = 'serialization_failure', HINT = 'See whether that one is what you want; if not, add yours again.';
  END;
  RETURN added;
END $$;
COMMENT ON FUNCTION salesops.add_scorecard(text, text, timestamptz) IS
  'Keep the text of a scorecard as the next version of its name, in force from valid_from on; returns the number of the version. Errors as of scorecard_name(); 42602 for a bad name, 42710 for default';

CREATE FUNCTION salesops.scorecard_definition(name text, as_of timestamptz DEFAULT 'infinity', version integer DEFAULT NULL)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_text text;
BEGIN
  IF scorecard_definition.name LIKE E'%\n%' THEN
    RETURN scorecard_definition.name;
  ELSIF scorecard_definition.name = 'default' THEN
    RETURN salesops.default_scorecard();
  END IF;
  SELECT s.definition INTO found_text
  FROM salesops.scorecard s
  WHERE s.name = scorecard_definition.name
    AND CASE WHEN scorecard_definition.version IS NULL THEN s.valid_from <= scorecard_definition.as_of ELSE s.version = scorecard_definition.version END
  ORDER BY s.valid_from DESC, s.version DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no scorecard %', coalesce(quote_literal(scorecard_definition.name), 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = CASE WHEN EXISTS (SELECT FROM salesops.scorecard s WHERE s.name = scorecard_definition.name)
                    THEN format('It has no version %s.', coalesce(scorecard_definition.version::text, 'as of ' || scorecard_definition.as_of)) ELSE 'There is none of that name.' END,
      HINT = 'SELECT name, version, valid_from FROM salesops.scorecard lists them; default is always there.';
  END IF;
  RETURN found_text;
END $$;
COMMENT ON FUNCTION salesops.scorecard_definition(text, timestamptz, integer) IS
  'The text of a scorecard, byte for byte as it was added: of the version in force at an instant, or of a version by number; 42704 where there is none. A name of several lines is such a text itself: so wherever a scorecard is named one that is not kept can be tried';

CREATE FUNCTION salesops.compare_scorecards(old_definition text, new_definition text,
                                            OUT component text, OUT feature text, OUT rule text, OUT old_points numeric, OUT new_points numeric, OUT change text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(n.component, o.component), coalesce(n.feature, o.feature), coalesce(n.rule, o.rule), o.points, n.points,
         CASE WHEN o.rule IS NULL THEN 'added' WHEN n.rule IS NULL THEN 'removed' ELSE 'changed' END
  FROM salesops.scorecard_rules(compare_scorecards.old_definition) o
  FULL JOIN salesops.scorecard_rules(compare_scorecards.new_definition) n
    ON ARRAY[n.component, n.feature, n.rule] = ARRAY[o.component, o.feature, o.rule]
  WHERE o.rule IS NULL OR n.rule IS NULL OR o.points IS DISTINCT FROM n.points
  ORDER BY coalesce(n."position", o."position"), n.rule IS NULL, o."position";
END;
COMMENT ON FUNCTION salesops.compare_scorecards(text, text) IS
  'What differs in what two texts of scorecards say: added, removed, or changed in points (tier bounds, caps). Comments, blanks, and the order and zeros of what is written do not count; no row = they score alike';

-- Asking one. Columns are found by name in whatever row is given. The planner hands them over by themselves where it can (scorecard_support.c).

CREATE FUNCTION salesops.scorecard_total_of_columns(scorecard text, as_of timestamptz, columns text[], row_of oid, VARIADIC "any") RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_scorecard_total_of_columns' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.scorecard_total_of_columns(text, timestamptz, text[], oid, "any") IS
  'What the planner makes of scorecard_total(): the columns of the row with their names; row_of NULL = there is no row';
CREATE FUNCTION salesops.scorecard_tier_of_columns(scorecard text, as_of timestamptz, columns text[], row_of oid, VARIADIC "any") RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_scorecard_tier_of_columns' LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.scorecard_tier_of_columns(text, timestamptz, text[], oid, "any") IS
  'What the planner makes of scorecard_tier(): the columns of the row with their names; row_of NULL = there is no row';
CREATE FUNCTION salesops.scorecard_support(internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_scorecard_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.scorecard_support(internal) IS 'Planner support of scorecard_total() and scorecard_tier()';

CREATE FUNCTION salesops.scorecard_total(account record, scorecard text DEFAULT 'default', as_of timestamptz DEFAULT now()) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_scorecard_total' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10 SUPPORT salesops.scorecard_support;
COMMENT ON FUNCTION salesops.scorecard_total(record, text, timestamptz) IS
  'Points of a row by the scorecard of that name in force at as_of, or by the text of one. NULL where a value is missing without which there is no score, and for NULL arguments. '
  '42704 for an unknown scorecard, 42703 for a column that the row does not have, 42804 for one that its rules cannot be asked about';

CREATE FUNCTION salesops.scorecard_tier(account record, scorecard text DEFAULT 'default', as_of timestamptz DEFAULT now()) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_scorecard_tier' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 10 SUPPORT salesops.scorecard_support;
COMMENT ON FUNCTION salesops.scorecard_tier(record, text, timestamptz) IS
  'Tier of a row, 1 the best; NULL where scorecard_total() is NULL or the scorecard has no tiers. Errors as of scorecard_total()';

CREATE FUNCTION salesops.score_row(account record, scorecard text DEFAULT 'default', as_of timestamptz DEFAULT now(),
                                   OUT total numeric, OUT tier integer, OUT points numeric[], OUT missing text[])
  AS 'MODULE_PATHNAME', 'salesops_score_row' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION salesops.score_row(record, text, timestamptz) IS
  'scorecard_total(), scorecard_tier(), the points of each component in the order of the scorecard (NULL = no score), and the features whose value is missing. Errors as of scorecard_total()';

CREATE FUNCTION salesops.explain_score(account record, scorecard text DEFAULT 'default', as_of timestamptz DEFAULT now(),
                                       OUT component text, OUT feature text, OUT input text, OUT value text, OUT rule text, OUT words text, OUT points numeric, OUT is_missing boolean)
  RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_explain_score' LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 20 COST 100;
COMMENT ON FUNCTION salesops.explain_score(record, text, timestamptz) IS
  'Why a row has its score: for each feature its input, the value there, the rule that held and its points; where a cap cuts a component off, a row without a feature that takes the rest away. '
  'Points add up to scorecard_total(); NULL = without this value there is no score. Errors as of scorecard_total()';

-- Accounts as scorecards read them.

CREATE FUNCTION salesops.account_inputs(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT parent_id text, OUT owner_id text, OUT industry text, OUT segment text, OUT account_type text,
  OUT employees numeric, OUT annual_revenue numeric, OUT currency text, OUT country text,
  OUT website_visits numeric, OUT content_downloads numeric, OUT intent_score numeric, OUT created_at timestamptz, OUT last_activity_at timestamptz, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.source_key, a.id, a.name, a.parent_id, a.owner_id, coalesce(i.value, a.industry), coalesce(g.value, a.segment), a.account_type,
         a.employees, a.annual_revenue, a.currency, a.country,
         a.website_visits, a.content_downloads, a.intent_score, a.created_at, a.last_activity_at, a.custom
  FROM salesops.account_as_of(account_inputs.effective_at, account_inputs.known_at) a
  LEFT JOIN salesops.value_meaning(account_inputs.effective_at) i
    ON i.source_key = a.source_key AND i.field = 'industry' AND i.label = a.industry
  LEFT JOIN salesops.value_meaning(account_inputs.effective_at) g
    ON g.source_key = a.source_key AND g.field = 'segment' AND g.label = a.segment
  WHERE a.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.account_inputs(timestamptz, timestamptz) IS
  'Accounts as of an instant with all that a scorecard may ask of them; industry and segment as mapped, or as stated where nothing is mapped; merged and deleted accounts are left out';

CREATE FUNCTION salesops.explain_account_score(source_key text, id text, scorecard text DEFAULT 'default', as_of timestamptz DEFAULT now(),
                                               OUT component text, OUT feature text, OUT input text, OUT value text, OUT rule text, OUT words text, OUT points numeric, OUT is_missing boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT e.*
  FROM salesops.account_inputs(explain_account_score.as_of) a
  CROSS JOIN LATERAL salesops.explain_score(a.*, explain_account_score.scorecard, explain_account_score.as_of) e
  WHERE a.source_key = explain_account_score.source_key AND a.id = explain_account_score.id;
END;
COMMENT ON FUNCTION salesops.explain_account_score(text, text, text, timestamptz) IS
  'explain_score() of an account as of an instant; no row where there is no such account then';
