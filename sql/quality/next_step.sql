-- Whether a next step is specific (see next_step.c).
CREATE FUNCTION salesops.next_step_lacks(next_step text)
RETURNS text LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'salesops_next_step_lacks';
COMMENT ON FUNCTION salesops.next_step_lacks(text) IS
  'What a next step lacks of a date, a verb of action (English) and three words, such as "date, verb"; NULL = it is specific';
