-- Rules of next best actions: what is asked of whom when which signal shows. Rows, one a version, never updated; the table holds what users said,
-- and that goes before the default of the same name.
--
-- A condition is said by columns, and not by SQL: nobody's expression has to run under somebody else's rights. One that is NULL is none; an
-- unknown fact fulfils no condition.

CREATE TABLE salesops.action_rule (
  version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  valid_from timestamptz NOT NULL,
  is_enabled boolean NOT NULL,
  signal     text NOT NULL CHECK (signal IN ('finding', 'risk', 'score', 'idle', 'stage')),
  key        text NOT NULL CHECK (key <> ''),
  bound      numeric CHECK (bound <> 'NaN'),
  min_amount numeric CHECK (min_amount <> 'NaN'),
  stages     text[] CHECK (cardinality(stages) > 0),
  tiers      integer[] CHECK (cardinality(tiers) > 0 AND tiers <@ '{1,2,3}'),
  what       text NOT NULL CHECK (what <> ''),
  due_days   integer NOT NULL CHECK (due_days BETWEEN 0 AND 250),
  weight     numeric NOT NULL CHECK (weight > 0 AND weight <= 1000),
  set_by     text NOT NULL DEFAULT CURRENT_USER,
  set_at     timestamptz NOT NULL DEFAULT salesops.clock(),
  -- What action_signals() gives; rules of findings are the user's.
  CONSTRAINT action_rule_key_of_signal CHECK (CASE signal
    WHEN 'risk' THEN key IN ('stalled', 'zombie', 'unusually_large', 'likely_to_push', 'category_above_evidence')
    WHEN 'score' THEN key IN ('rise', 'fall')
    WHEN 'idle' THEN key IN ('deal', 'account', 'untouched')
    WHEN 'stage' THEN key = 'deal'
    ELSE true END)
);
CREATE INDEX action_rule_name ON salesops.action_rule (name, valid_from DESC, version_id DESC);
COMMENT ON TABLE salesops.action_rule IS 'Versions of rules of next best actions that users made, never updated; action_rules() has them and the default ones';
COMMENT ON COLUMN salesops.action_rule.version_id IS 'Number of the version; of versions with one valid_from the higher holds';
COMMENT ON COLUMN salesops.action_rule.name IS 'Name of the rule';
COMMENT ON COLUMN salesops.action_rule.valid_from IS 'From which as_of on the version holds';
COMMENT ON COLUMN salesops.action_rule.is_enabled IS 'Whether the rule asks for anything';
COMMENT ON COLUMN salesops.action_rule.signal IS 'Kind of signal: finding, risk, score, idle or stage (action_signals())';
COMMENT ON COLUMN salesops.action_rule.key IS 'Which one: the rule of a finding, the flag of a risk, rise or fall of a score, deal or account for idle, untouched for an account nobody was in touch with, deal for stage';
COMMENT ON COLUMN salesops.action_rule.bound IS 'Least value of the signal: days, points of a score; NULL = any';
COMMENT ON COLUMN salesops.action_rule.min_amount IS 'Least amount of the deal, corporate currency';
COMMENT ON COLUMN salesops.action_rule.stages IS 'Stages of the deal, as stated or by their label, whatever the case';
COMMENT ON COLUMN salesops.action_rule.tiers IS 'Tiers (1-3) of the account, of a deal that of its account';
COMMENT ON COLUMN salesops.action_rule.what IS 'What is to be done, in words';
COMMENT ON COLUMN salesops.action_rule.due_days IS 'By when: working days after the day it is offered';
COMMENT ON COLUMN salesops.action_rule.weight IS 'Multiplies expected value and amount where actions are ranked; 1 = as they are';
COMMENT ON COLUMN salesops.action_rule.set_by IS 'Role that made the version';
COMMENT ON COLUMN salesops.action_rule.set_at IS 'When it was made';
SELECT pg_catalog.pg_extension_config_dump('salesops.action_rule', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.action_rule_version_id_seq', '');
COMMENT ON SEQUENCE salesops.action_rule_version_id_seq IS 'Numbers of versions of rules of next best actions';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.action_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_action_rule().');
COMMENT ON TRIGGER append_only ON salesops.action_rule IS 'by which rule an action was offered must stay known';

CREATE FUNCTION salesops.default_action_rules(
  OUT name text, OUT signal text, OUT key text, OUT bound numeric, OUT min_amount numeric, OUT stages text[], OUT tiers integer[], OUT what text,
  OUT due_days integer, OUT weight numeric)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT r.name, r.signal, r.key, r.bound::numeric, NULL::numeric, NULL::text[], r.tiers::integer[], r.what, r.due_days, 1::numeric
  FROM (VALUES
    ('revive_stalled_deal', 'risk', 'stalled', NULL, NULL, 'Agree with the buyer what moves the deal to its next stage, or close it as lost', 3),
    ('requalify_old_deal', 'risk', 'zombie', NULL, NULL, 'Ask the buyer whether there still is a project and a budget; without both close the deal as lost', 5),
    ('secure_close_date', 'risk', 'likely_to_push', NULL, NULL, 'Go through the steps up to the signature with the buyer and set the close date they lead to', 2),
    ('review_large_deal', 'risk', 'unusually_large', NULL, NULL, 'Go through scope, approver and terms of the deal with your manager', 5),
    ('prove_category', 'risk', 'category_above_evidence', NULL, NULL, 'Write down what speaks for the forecast category, or lower it', 2),
    ('correct_close_date', 'finding', 'close_date_past', NULL, NULL, 'Set the close date the buyer names, or close the deal', 1),
    ('confirm_deal', 'finding', 'not_confirmed', NULL, NULL, 'Talk to the buyer; confirm stage, amount, close date and next step', 2),
    ('state_amount', 'finding', 'missing_amount', NULL, NULL, 'Put an amount on the deal, an estimate if need be', 2),
    ('find_economic_buyer', 'finding', 'missing_economic_buyer', NULL, NULL, 'Find out who signs, and add that person to the deal as economic buyer', 5),
    ('agree_next_step', 'finding', 'missing_next_step', NULL, NULL, 'Agree a next step with the buyer, with its date', 2),
    ('wake_idle_deal', 'idle', 'deal', '21', NULL, 'Get in touch with the buyer', 2),
    ('decide_stage', 'stage', 'deal', '90', NULL, 'Decide with your manager: next stage, back, or lost', 5),
    ('follow_interest', 'score', 'rise', '15', NULL, 'Call the account: its interest has risen', 1),
    ('wake_idle_account', 'idle', 'account', '60', '{1}', 'Get in touch with the account: it fits, and nothing is under way', 5),
    ('open_account', 'idle', 'untouched', NULL, '{1}', 'Get in touch with the account for the first time: it fits, and nobody has', 5)
  ) AS r(name, signal, key, bound, tiers, what, due_days);
END;
COMMENT ON FUNCTION salesops.default_action_rules() IS 'The rules of next best actions that come with the extension; columns as of action_rule. action_rules() gives those in force';

CREATE FUNCTION salesops.action_rules(
  as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT name text, OUT signal text, OUT key text, OUT bound numeric, OUT min_amount numeric, OUT stages text[], OUT tiers integer[], OUT what text,
  OUT due_days integer, OUT weight numeric, OUT is_enabled boolean, OUT is_default boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (r.name) r.* FROM salesops.action_rule r WHERE r.valid_from <= action_rules.as_of ORDER BY r.name, r.valid_from DESC, r.version_id DESC
  )
  SELECT s.name, s.signal, s.key, s.bound, s.min_amount, s.stages, s.tiers, s.what, s.due_days, s.weight, s.is_enabled, false FROM said s
  UNION ALL
  SELECT d.name, d.signal, d.key, d.bound, d.min_amount, d.stages, d.tiers, d.what, d.due_days, d.weight, true, true
  FROM salesops.default_action_rules() d WHERE NOT EXISTS (SELECT FROM said s WHERE s.name = d.name);
END;
COMMENT ON FUNCTION salesops.action_rules(timestamptz) IS 'The rules of next best actions in force at an instant, also those that are off: what users said, and the default ones of other names';

CREATE FUNCTION salesops.set_action_rule(name text, rule jsonb, valid_from timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  known text[] := ARRAY['is_enabled', 'signal', 'key', 'bound', 'min_amount', 'stages', 'tiers', 'what', 'due_days', 'weight'];
  wrong text;
  field text;
  new_version bigint;
BEGIN
  PERFORM salesops.check_given('name', name), salesops.check_given('rule', rule::text), salesops.check_given('valid_from', valid_from::text);
  IF jsonb_typeof(rule) <> 'object' THEN
    wrong := 'it is no object';
  ELSE
    SELECT format('%s is not known', quote_literal(min(k))) INTO wrong FROM jsonb_object_keys(rule) k WHERE k <> ALL (known) HAVING count(*) > 0;
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'a rule of next best actions cannot be read: %', wrong USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('A rule has %s.', array_to_string(known, ', ')),
      HINT = 'Write {"signal": "idle", "key": "deal", "bound": 14, "what": "Call the buyer", "due_days": 2}.';
  END IF;
  FOR field IN SELECT k FROM jsonb_object_keys(rule) k ORDER BY k LOOP
    PERFORM jsonb_populate_record(NULL::salesops.action_rule, jsonb_build_object(field, rule -> field));
  END LOOP;
  field := NULL;
  INSERT INTO salesops.action_rule (name, valid_from, is_enabled, signal, key, bound, min_amount, stages, tiers, what, due_days, weight)
  SELECT name, valid_from, r.is_enabled, r.signal, r.key, r.bound, r.min_amount, r.stages, r.tiers, r.what, r.due_days, r.weight
  FROM jsonb_populate_record(NULL::salesops.action_rule,
         '{"is_enabled": true, "due_days": 5, "weight": 1}'::jsonb
         || coalesce((SELECT to_jsonb(a) FROM salesops.action_rules(valid_from) a WHERE a.name = set_action_rule.name), '{}') || rule) r
  RETURNING version_id INTO new_version;
  RETURN new_version;
EXCEPTION WHEN check_violation OR not_null_violation OR invalid_text_representation OR numeric_value_out_of_range THEN
  GET STACKED DIAGNOSTICS wrong = CONSTRAINT_NAME;
  IF SQLSTATE = '23502' THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    wrong := field || CASE WHEN rule ? field THEN ' must not be null' ELSE ' is missing' END;
  ELSIF field IS NULL THEN
    field := substring(wrong FROM '^action_rule_(.*)_check$');
    wrong := CASE WHEN field IS NULL THEN 'its signal has no such key' WHEN field = 'name' THEN 'that is no name' ELSE format('%s cannot be %s', field, rule -> field) END;
  ELSE
    wrong := format('%s cannot be %s', field, rule -> field);
  END IF;
  RAISE EXCEPTION 'rule % of next best actions cannot be like this: %', quote_literal(name), wrong USING
    ERRCODE = 'invalid_parameter_value', DETAIL = SQLERRM || '.',
    HINT = 'Name: a lower-case letter, then up to 62 lower-case letters, digits and underscores; signal and key: finding and a rule of the audit, '
           'risk and a flag of deal_risk(), score and rise or fall, idle and deal, account or untouched, stage and deal; '
           'tiers 1 to 3; due_days 0 to 250; weight above 0, up to 1000.';
END $$;
COMMENT ON FUNCTION salesops.set_action_rule(text, jsonb, timestamptz) IS
  'Add a version of a rule of next best actions, from valid_from on: an object of columns of action_rule; what it does not name stays as it was ("is_enabled": false takes the '
  'rule out, null takes a condition away). Returns the version. 22023 for what a rule does not have or cannot be, 22004 for a NULL';

CREATE FUNCTION salesops.add_working_days(day date, days integer)
RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN days <= 0 THEN day
            -- Counted from a Friday where the day is of a weekend.
            ELSE day - greatest(extract(isodow FROM day)::integer - 5, 0)
                 + days + 2 * ((least(extract(isodow FROM day)::integer, 5) + days - 1) / 5) END;
COMMENT ON FUNCTION salesops.add_working_days(date, integer) IS
  'The day that so many working days, Monday to Friday, lie after a day; public holidays are not known. The day itself for 0 and less, NULL for NULL';
