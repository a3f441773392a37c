-- Lenient reading of text that means a number, a date, an instant or a yes (see read_value.c).

CREATE FUNCTION salesops.is_stated(value text)
RETURNS boolean LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'salesops_is_stated';
COMMENT ON FUNCTION salesops.is_stated(text) IS
  'Whether a cell says anything: false for NULL, blanks and none, null, nil, nan, nat, na, n/a, #n/a, -';

CREATE FUNCTION salesops.read_number(value text)
RETURNS numeric LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'salesops_read_number';
COMMENT ON FUNCTION salesops.read_number(text) IS
  'Number in a text such as 1,200.50, $1200, (1200), 40 % or 1.2e6; NULL where it cannot be read as one';

CREATE FUNCTION salesops.read_date(value text, date_order text DEFAULT 'YMD', zone text DEFAULT 'UTC')
RETURNS date LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_read_date';
COMMENT ON FUNCTION salesops.read_date(text, text, text) IS
  'Calendar date in a text, ambiguous ones by date_order (YMD, MDY, DMY); a time of day is dropped, and only a text that names a zone is an instant and has the date of that instant in `zone`; NULL where it is no date of the years 1 to 9999';

CREATE FUNCTION salesops.read_instant(value text, date_order text DEFAULT 'YMD', zone text DEFAULT 'UTC')
RETURNS timestamptz LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_read_instant';
COMMENT ON FUNCTION salesops.read_instant(text, text, text) IS
  'Instant in a text; local time of `zone` where the text names none; NULL where it is no instant of the years 1 to 9999';

CREATE FUNCTION salesops.read_boolean(value text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'salesops_read_boolean';
COMMENT ON FUNCTION salesops.read_boolean(text) IS 'Yes or no in a text (t, true, y, yes, 1, on and their opposites); NULL for anything else';
