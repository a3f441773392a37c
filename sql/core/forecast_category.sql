-- forecast_category: how sure a seller says a deal is, ordered by confidence.
--
-- Omitted < Upside < Pipeline < Best Case < Most Likely < Commit < Closed. Text input reads every spelling that
-- Salesforce and HubSpot use, in any case; text output is the label. A column of this type is one byte.

CREATE TYPE salesops.forecast_category;

-- Input and output

CREATE FUNCTION salesops.forecast_category_in(cstring) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_in(cstring) IS 'text input of forecast_category';

CREATE FUNCTION salesops.forecast_category_out(salesops.forecast_category) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_out(salesops.forecast_category) IS 'text output of forecast_category';

CREATE FUNCTION salesops.forecast_category_recv(internal) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_recv(internal) IS 'binary input of forecast_category';

CREATE FUNCTION salesops.forecast_category_send(salesops.forecast_category) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_send(salesops.forecast_category) IS
  'binary output of forecast_category';

CREATE TYPE salesops.forecast_category (
  INPUT = salesops.forecast_category_in,
  OUTPUT = salesops.forecast_category_out,
  RECEIVE = salesops.forecast_category_recv,
  SEND = salesops.forecast_category_send,
  INTERNALLENGTH = 1,
  PASSEDBYVALUE,
  ALIGNMENT = char
);
COMMENT ON TYPE salesops.forecast_category IS
  'confidence in a deal: Omitted < Upside < Pipeline < Best Case < Most Likely < Commit < Closed';

-- Order and hash. Comparisons cannot fail and tell nothing but the order, hence LEAKPROOF: row security may push them
-- into an index.

CREATE FUNCTION salesops.forecast_category_lt(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_lt(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.forecast_category_le(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_le(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.forecast_category_eq(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_eq(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.forecast_category_ne(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_ne(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.forecast_category_ge(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_ge(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.forecast_category_gt(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_gt(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.forecast_category_lt, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.forecast_category, salesops.forecast_category) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.forecast_category_le, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.forecast_category, salesops.forecast_category) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.forecast_category_eq, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.forecast_category, salesops.forecast_category) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.forecast_category_ne, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.forecast_category, salesops.forecast_category) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.forecast_category_ge, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.forecast_category, salesops.forecast_category) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.forecast_category_gt, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.forecast_category, salesops.forecast_category) IS 'greater than';

CREATE FUNCTION salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.forecast_category_sortsupport(internal) RETURNS void
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_sortsupport(internal) IS 'btree sort support';

CREATE FUNCTION salesops.forecast_category_hash(salesops.forecast_category) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_hash(salesops.forecast_category) IS 'hash';

CREATE FUNCTION salesops.forecast_category_hash_extended(salesops.forecast_category, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_hash_extended(salesops.forecast_category, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.forecast_category_ops DEFAULT FOR TYPE salesops.forecast_category USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category),
  FUNCTION 2 salesops.forecast_category_sortsupport(internal),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.forecast_category_ops USING btree IS 'btree indexes on forecast_category';
COMMENT ON OPERATOR CLASS salesops.forecast_category_ops USING btree IS 'btree indexes on forecast_category';

CREATE OPERATOR CLASS salesops.forecast_category_ops DEFAULT FOR TYPE salesops.forecast_category USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.forecast_category_hash(salesops.forecast_category),
  FUNCTION 2 salesops.forecast_category_hash_extended(salesops.forecast_category, bigint);
COMMENT ON OPERATOR FAMILY salesops.forecast_category_ops USING hash IS 'hash indexes on forecast_category';
COMMENT ON OPERATOR CLASS salesops.forecast_category_ops USING hash IS 'hash indexes on forecast_category';

-- Most and least confident

CREATE FUNCTION salesops.forecast_category_larger(salesops.forecast_category, salesops.forecast_category)
  RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_larger(salesops.forecast_category, salesops.forecast_category) IS
  'the larger of two';

CREATE FUNCTION salesops.forecast_category_smaller(salesops.forecast_category, salesops.forecast_category)
  RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_smaller(salesops.forecast_category, salesops.forecast_category) IS
  'the smaller of two';

CREATE AGGREGATE salesops.max(salesops.forecast_category) (
  SFUNC = salesops.forecast_category_larger, STYPE = salesops.forecast_category,
  COMBINEFUNC = salesops.forecast_category_larger, SORTOP = OPERATOR(salesops.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.max(salesops.forecast_category) IS
  'the most confident category; NULL where there is none';

CREATE AGGREGATE salesops.min(salesops.forecast_category) (
  SFUNC = salesops.forecast_category_smaller, STYPE = salesops.forecast_category,
  COMBINEFUNC = salesops.forecast_category_smaller, SORTOP = OPERATOR(salesops.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.min(salesops.forecast_category) IS
  'the least confident category; NULL where there is none';

-- Casts. Only varchar is implicit: that is what drivers bind strings as. A cast to text is never implicit, or
-- category > 'Pipeline' could silently compare alphabetically.

CREATE CAST (varchar AS salesops.forecast_category) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (varchar AS salesops.forecast_category) IS
  'reads every spelling; implicit, so that bound parameters work';

CREATE CAST (text AS salesops.forecast_category) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.forecast_category) IS 'reads every spelling; an unknown one is an error';

CREATE CAST (salesops.forecast_category AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.forecast_category AS text) IS 'the label';

CREATE FUNCTION salesops.forecast_category_rank(category salesops.forecast_category) RETURNS smallint
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_rank' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_rank(salesops.forecast_category) IS
  'sort rank of a category: 10 (Omitted), 20, ... 70 (Closed); it never changes, and the gaps leave room';

CREATE CAST (salesops.forecast_category AS smallint)
  WITH FUNCTION salesops.forecast_category_rank(salesops.forecast_category);
COMMENT ON CAST (salesops.forecast_category AS smallint) IS 'the sort rank, 10 (Omitted) to 70 (Closed)';

-- Meaning

CREATE FUNCTION salesops.recognize_forecast_category(label text) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_recognize_forecast_category' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.recognize_forecast_category(text) IS
  'the category with that spelling in any CRM, NULL where there is none; never an error';

CREATE FUNCTION salesops.weight(category salesops.forecast_category) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weight' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weight(salesops.forecast_category) IS
  'default share of the amount expected to be booked, 0 to 1: Closed 1, Commit 0.9, Most Likely 0.7, Best Case 0.5, '
  'Pipeline 0.2, Upside 0.05, Omitted 0';

CREATE FUNCTION salesops.forecast_categories(
  OUT category salesops.forecast_category, OUT label text, OUT rank smallint, OUT weight numeric, OUT is_open boolean
) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_forecast_categories' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 7;
COMMENT ON FUNCTION salesops.forecast_categories() IS
  'the categories in rank order: label, sort rank, default weight, and whether a deal in it is open pipeline';
