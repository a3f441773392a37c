-- account_score: how well an account fits, by the default scorecard, with what it is made of.
--
-- 85 tier 1 (size 30, industry 25, engagement 10, intent 20): total, tier, what each component gave; "?" is an input that nobody knew, which counts
-- 0 and says so. A column of this type is eight bytes and sorts by total. The scorecard is src/account/account_score.c.

CREATE TYPE salesops.account_score;

-- Input and output

CREATE FUNCTION salesops.account_score_in(cstring) RETURNS salesops.account_score
  AS 'MODULE_PATHNAME', 'salesops_account_score_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_in(cstring) IS 'text input of account_score';

CREATE FUNCTION salesops.account_score_out(salesops.account_score) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_account_score_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_out(salesops.account_score) IS 'text output of account_score';

CREATE FUNCTION salesops.account_score_recv(internal) RETURNS salesops.account_score
  AS 'MODULE_PATHNAME', 'salesops_account_score_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_recv(internal) IS 'binary input of account_score';

CREATE FUNCTION salesops.account_score_send(salesops.account_score) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_account_score_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_send(salesops.account_score) IS 'binary output of account_score';

CREATE TYPE salesops.account_score (
  INPUT = salesops.account_score_in,
  OUTPUT = salesops.account_score_out,
  RECEIVE = salesops.account_score_recv,
  SEND = salesops.account_score_send,
  INTERNALLENGTH = 8,
  PASSEDBYVALUE,
  ALIGNMENT = double
);
COMMENT ON TYPE salesops.account_score IS
  'score of an account by the default scorecard: total 0-100, points of size, industry, engagement and intent, tier, and which inputs were missing';

-- Order and hash. Comparisons cannot fail and tell nothing but the order, hence LEAKPROOF: row security may push them
-- into an index.

CREATE FUNCTION salesops.account_score_lt(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_lt(salesops.account_score, salesops.account_score) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.account_score_le(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_le(salesops.account_score, salesops.account_score) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.account_score_eq(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_eq(salesops.account_score, salesops.account_score) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.account_score_ne(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_ne(salesops.account_score, salesops.account_score) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.account_score_ge(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_ge(salesops.account_score, salesops.account_score) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.account_score_gt(salesops.account_score, salesops.account_score) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_account_score_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_gt(salesops.account_score, salesops.account_score) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.account_score_lt, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.account_score, salesops.account_score) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.account_score_le, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.account_score, salesops.account_score) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.account_score_eq, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.account_score, salesops.account_score) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.account_score_ne, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.account_score, salesops.account_score) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.account_score_ge, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.account_score, salesops.account_score) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.account_score_gt, LEFTARG = salesops.account_score, RIGHTARG = salesops.account_score,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.account_score, salesops.account_score) IS 'greater than';

CREATE FUNCTION salesops.account_score_cmp(salesops.account_score, salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_account_score_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_cmp(salesops.account_score, salesops.account_score) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.account_score_sortsupport(internal) RETURNS void
  AS 'MODULE_PATHNAME', 'salesops_account_score_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_sortsupport(internal) IS 'btree sort support';

CREATE FUNCTION salesops.account_score_hash(salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_account_score_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_hash(salesops.account_score) IS 'hash';

CREATE FUNCTION salesops.account_score_hash_extended(salesops.account_score, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_account_score_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.account_score_hash_extended(salesops.account_score, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.account_score_ops DEFAULT FOR TYPE salesops.account_score USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.account_score_cmp(salesops.account_score, salesops.account_score),
  FUNCTION 2 salesops.account_score_sortsupport(internal),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.account_score_ops USING btree IS 'btree indexes on account_score';
COMMENT ON OPERATOR CLASS salesops.account_score_ops USING btree IS 'btree indexes on account_score';

CREATE OPERATOR CLASS salesops.account_score_ops DEFAULT FOR TYPE salesops.account_score USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.account_score_hash(salesops.account_score),
  FUNCTION 2 salesops.account_score_hash_extended(salesops.account_score, bigint);
COMMENT ON OPERATOR FAMILY salesops.account_score_ops USING hash IS 'hash indexes on account_score';
COMMENT ON OPERATOR CLASS salesops.account_score_ops USING hash IS 'hash indexes on account_score';

-- Highest and lowest

CREATE FUNCTION salesops.account_score_larger(salesops.account_score, salesops.account_score)
  RETURNS salesops.account_score
  AS 'MODULE_PATHNAME', 'salesops_account_score_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_larger(salesops.account_score, salesops.account_score) IS
  'the larger of two';

CREATE FUNCTION salesops.account_score_smaller(salesops.account_score, salesops.account_score)
  RETURNS salesops.account_score
  AS 'MODULE_PATHNAME', 'salesops_account_score_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.account_score_smaller(salesops.account_score, salesops.account_score) IS
  'the smaller of two';

CREATE AGGREGATE salesops.max(salesops.account_score) (
  SFUNC = salesops.account_score_larger, STYPE = salesops.account_score,
  COMBINEFUNC = salesops.account_score_larger, SORTOP = OPERATOR(salesops.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.max(salesops.account_score) IS
  'the highest score; NULL where there is none';

CREATE AGGREGATE salesops.min(salesops.account_score) (
  SFUNC = salesops.account_score_smaller, STYPE = salesops.account_score,
  COMBINEFUNC = salesops.account_score_smaller, SORTOP = OPERATOR(salesops.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.min(salesops.account_score) IS
  'the lowest score; NULL where there is none';

-- Casts

CREATE CAST (text AS salesops.account_score) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.account_score) IS 'reads what the cast to text prints; anything else is an error';

CREATE CAST (salesops.account_score AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.account_score AS text) IS 'total, tier and components in words';

-- What is in a score

CREATE FUNCTION salesops.total(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_score_total' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.total(salesops.account_score) IS
  'total points of a score, 0 to 100; missing inputs count 0 (missing_inputs() names them)';

CREATE CAST (salesops.account_score AS integer) WITH FUNCTION salesops.total(salesops.account_score);
COMMENT ON CAST (salesops.account_score AS integer) IS 'the total, 0 to 100';

CREATE FUNCTION salesops.tier(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_score_tier' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.tier(salesops.account_score) IS 'tier of a score: 1 from a total of 70, 2 from 40, else 3';

CREATE FUNCTION salesops.size_points(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_size_points' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.size_points(salesops.account_score) IS 'points for number of employees; NULL = not known, which counted 0';

CREATE FUNCTION salesops.industry_points(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_industry_points' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.industry_points(salesops.account_score) IS 'points for industry; NULL = not known, which counted 0';

CREATE FUNCTION salesops.engagement_points(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_engagement_points' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.engagement_points(salesops.account_score) IS 'points for website visits (15) and content downloads (10); NULL = not known, which counted 0';

CREATE FUNCTION salesops.intent_points(score salesops.account_score) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_intent_points' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.intent_points(salesops.account_score) IS 'points for intent score; NULL = not known, which counted 0';

CREATE FUNCTION salesops.missing_inputs(score salesops.account_score) RETURNS text[]
  AS 'MODULE_PATHNAME', 'salesops_missing_inputs' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.missing_inputs(salesops.account_score) IS
  'inputs that were not known, of employees, industry, visits, downloads, intent; empty = all were known';

-- The default scorecard

CREATE FUNCTION salesops.recognize_industry(label text) RETURNS text
  AS 'MODULE_PATHNAME', 'salesops_recognize_industry' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.recognize_industry(text) IS
  'the industry of a short list that a label of any CRM names (COMPUTER_SOFTWARE: Technology), NULL where none is known; never an error. A company''s own names go through value_map';

CREATE FUNCTION salesops.score_account(
  employees integer, industry text, website_visits integer, content_downloads integer, intent_score integer)
RETURNS salesops.account_score
  AS 'MODULE_PATHNAME', 'salesops_score_account' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.score_account(integer, text, integer, integer, integer) IS
  'default scorecard: employees > 5000: 30, > 1000: 20, > 200: 10; industry Technology or Finance 25, Healthcare or Manufacturing 15; visits > 10: 15; downloads > 0: 10; intent > 80: 20, > 50: 10. '
  'NULL, and an industry that recognize_industry() does not know, gives 0 and is kept as missing; never NULL';
