-- The pass (see evaluate.c).

CREATE TYPE salesops.rule_tally AS (source_key text, owner_id text, applicable bigint, failed bigint);
COMMENT ON TYPE salesops.rule_tally IS 'How many objects of an owner in a source a rule applied to, and how many failed it';

CREATE FUNCTION salesops.evaluate_rules(as_of timestamptz, known_at timestamptz DEFAULT NULL, rules text[] DEFAULT NULL)
RETURNS TABLE(rule text, object_kind text, severity text, bound text, sqlstate text, message text,
              violations salesops.violation[], tallies salesops.rule_tally[])
LANGUAGE c ROWS 30 AS 'MODULE_PATHNAME', 'salesops_evaluate_rules';
COMMENT ON FUNCTION salesops.evaluate_rules(timestamptz, timestamptz, text[]) IS
  'Evaluate the enabled rules (all, or those named) over the open deals as of an instant as known at another, writing nothing. One row a rule: its violations and tallies, or why it failed';
-- It shows what rules of others find, under their rights.
REVOKE EXECUTE ON FUNCTION salesops.evaluate_rules(timestamptz, timestamptz, text[]) FROM PUBLIC;
