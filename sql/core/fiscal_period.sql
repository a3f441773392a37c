-- fiscal_period: a fiscal year, quarter or month: FY2026, FY2026-Q4, FY2026-M03.
--
-- FYn is named for the calendar year it ends in; Mnn is its nn-th month. The type knows no calendar: functions that
-- meet a date take the month the fiscal year starts in (1 = January, the default), so they are immutable.
-- Order: by start, and where two periods start together the longer first: FY2026 < FY2026-Q1 < FY2026-M01 < FY2026-M02.

CREATE TYPE salesops.fiscal_period;

-- Input and output

CREATE FUNCTION salesops.fiscal_period_in(cstring) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_in(cstring) IS 'text input of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_out(salesops.fiscal_period) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_out(salesops.fiscal_period) IS 'text output of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_recv(internal) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_recv(internal) IS 'binary input of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_send(salesops.fiscal_period) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_send(salesops.fiscal_period) IS 'binary output of fiscal_period';

CREATE TYPE salesops.fiscal_period (
  INPUT = salesops.fiscal_period_in,
  OUTPUT = salesops.fiscal_period_out,
  RECEIVE = salesops.fiscal_period_recv,
  SEND = salesops.fiscal_period_send,
  INTERNALLENGTH = 4,
  PASSEDBYVALUE,
  ALIGNMENT = int4
);
COMMENT ON TYPE salesops.fiscal_period IS
  'fiscal year (FY2026), quarter (FY2026-Q4) or month (FY2026-M03); FYn is named for the calendar year it ends in';

-- Order and hash

CREATE FUNCTION salesops.fiscal_period_lt(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_lt(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.fiscal_period_le(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_le(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.fiscal_period_eq(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_eq(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.fiscal_period_ne(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_ne(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.fiscal_period_ge(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_ge(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.fiscal_period_gt(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_gt(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.fiscal_period_lt, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.fiscal_period, salesops.fiscal_period) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.fiscal_period_le, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.fiscal_period, salesops.fiscal_period) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.fiscal_period_eq, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.fiscal_period, salesops.fiscal_period) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.fiscal_period_ne, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.fiscal_period, salesops.fiscal_period) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.fiscal_period_ge, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.fiscal_period, salesops.fiscal_period) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.fiscal_period_gt, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.fiscal_period, salesops.fiscal_period) IS 'greater than';

CREATE FUNCTION salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.fiscal_period_sortsupport(internal) RETURNS void
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_sortsupport(internal) IS 'btree sort support';

CREATE FUNCTION salesops.fiscal_period_hash(salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_hash(salesops.fiscal_period) IS 'hash';

CREATE FUNCTION salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint) IS 'hash with a seed';

CREATE OPERATOR CLASS salesops.fiscal_period_ops DEFAULT FOR TYPE salesops.fiscal_period USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period),
  FUNCTION 2 salesops.fiscal_period_sortsupport(internal),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.fiscal_period_ops USING btree IS 'btree indexes on fiscal_period';
COMMENT ON OPERATOR CLASS salesops.fiscal_period_ops USING btree IS 'btree indexes on fiscal_period';

CREATE OPERATOR CLASS salesops.fiscal_period_ops DEFAULT FOR TYPE salesops.fiscal_period USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.fiscal_period_hash(salesops.fiscal_period),
  FUNCTION 2 salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint);
COMMENT ON OPERATOR FAMILY salesops.fiscal_period_ops USING hash IS 'hash indexes on fiscal_period';
COMMENT ON OPERATOR CLASS salesops.fiscal_period_ops USING hash IS 'hash indexes on fiscal_period';

-- Latest and earliest

CREATE FUNCTION salesops.fiscal_period_larger(salesops.fiscal_period, salesops.fiscal_period)
  RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_larger(salesops.fiscal_period, salesops.fiscal_period) IS
  'the larger of two';

CREATE FUNCTION salesops.fiscal_period_smaller(salesops.fiscal_period, salesops.fiscal_period)
  RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_smaller(salesops.fiscal_period, salesops.fiscal_period) IS
  'the smaller of two';

CREATE AGGREGATE salesops.max(salesops.fiscal_period) (
  SFUNC = salesops.fiscal_period_larger, STYPE = salesops.fiscal_period,
  COMBINEFUNC = salesops.fiscal_period_larger, SORTOP = OPERATOR(salesops.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.max(salesops.fiscal_period) IS 'the latest period; NULL where there is none';

CREATE AGGREGATE salesops.min(salesops.fiscal_period) (
  SFUNC = salesops.fiscal_period_smaller, STYPE = salesops.fiscal_period,
  COMBINEFUNC = salesops.fiscal_period_smaller, SORTOP = OPERATOR(salesops.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.min(salesops.fiscal_period) IS 'the earliest period; NULL where there is none';

-- Arithmetic

CREATE FUNCTION salesops.fiscal_period_plus(salesops.fiscal_period, integer) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_plus(salesops.fiscal_period, integer) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.fiscal_period_plus, LEFTARG = salesops.fiscal_period, RIGHTARG = integer,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.fiscal_period, integer) IS
  'n of the same grain later; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_plus_commuted(integer, salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_plus_commuted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_plus_commuted(integer, salesops.fiscal_period) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.fiscal_period_plus_commuted, LEFTARG = integer, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (integer, salesops.fiscal_period) IS
  'n of the same grain later; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_minus(salesops.fiscal_period, integer) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_minus(salesops.fiscal_period, integer) IS
  'implementation of the - operator';
CREATE OPERATOR salesops.- (
  FUNCTION = salesops.fiscal_period_minus, LEFTARG = salesops.fiscal_period, RIGHTARG = integer
);
COMMENT ON OPERATOR salesops.- (salesops.fiscal_period, integer) IS
  'n of the same grain earlier; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_difference(salesops.fiscal_period, salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_difference' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_difference(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the - operator';
CREATE OPERATOR salesops.- (
  FUNCTION = salesops.fiscal_period_difference, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period
);
COMMENT ON OPERATOR salesops.- (salesops.fiscal_period, salesops.fiscal_period) IS
  'how many of their common grain lie between; 22023 where the grains differ';

-- Casts. None is implicit: a string is a fiscal period only where somebody says so.

CREATE CAST (varchar AS salesops.fiscal_period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (varchar AS salesops.fiscal_period) IS 'reads FY2026, FY2026-Q4, FY2026-M03';

CREATE CAST (text AS salesops.fiscal_period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.fiscal_period) IS 'reads FY2026, FY2026-Q4, FY2026-M03';

CREATE CAST (salesops.fiscal_period AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.fiscal_period AS text) IS 'FY2026, FY2026-Q4 or FY2026-M03';

-- For GROUP BY and DISTINCT in SQL functions. Grouping by a type itself takes its default operator class, and pg_upgrade makes
-- functions before operator classes: it would not get past a function that needs one. The bytes are those of an integer.
CREATE CAST (salesops.fiscal_period AS integer) WITHOUT FUNCTION;
COMMENT ON CAST (salesops.fiscal_period AS integer) IS
  'the number it is stored as: sorts and groups as the period does, and means nothing else';

CREATE FUNCTION salesops.recognize_fiscal_period(label text) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_recognize_fiscal_period' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.recognize_fiscal_period(text) IS
  'the fiscal period written there, NULL where it cannot be read; never an error';

-- From dates. Infinity and years that four digits cannot write have no fiscal period: NULL.

CREATE FUNCTION salesops.fiscal_year(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_year' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_year(date, integer) IS
  'fiscal year that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

CREATE FUNCTION salesops.fiscal_quarter(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_quarter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_quarter(date, integer) IS
  'fiscal quarter that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

CREATE FUNCTION salesops.fiscal_month(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_month' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_month(date, integer) IS
  'fiscal month that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

-- To dates

CREATE FUNCTION salesops.start_date(period salesops.fiscal_period, start_month integer DEFAULT 1) RETURNS date
  AS 'MODULE_PATHNAME', 'salesops_start_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.start_date(salesops.fiscal_period, integer) IS
  'first day of the period';

CREATE FUNCTION salesops.end_date(period salesops.fiscal_period, start_month integer DEFAULT 1) RETURNS date
  AS 'MODULE_PATHNAME', 'salesops_end_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.end_date(salesops.fiscal_period, integer) IS
  'last day of the period, inclusive';

CREATE FUNCTION salesops.contains(period salesops.fiscal_period, day date, start_month integer DEFAULT 1)
  RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.contains(salesops.fiscal_period, date, integer) IS
  'whether the date lies in the period; infinity lies in none';

-- From one grain to another

CREATE FUNCTION salesops.grain(period salesops.fiscal_period) RETURNS text
  AS 'MODULE_PATHNAME', 'salesops_grain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.grain(salesops.fiscal_period) IS
  'year, quarter or month';

CREATE FUNCTION salesops.year_of(period salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_year_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.year_of(salesops.fiscal_period) IS
  'the fiscal year that holds the period';

CREATE FUNCTION salesops.quarter_of(period salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_quarter_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.quarter_of(salesops.fiscal_period) IS
  'the fiscal quarter that holds the period; NULL for a year';
