-- bookings_distribution: the whole distribution of what a book of open deals will bring.
--
-- bookings(amount, probability, correlation) makes one; it can be stored, added (+) and rolled up again, and answers quantiles, the
-- probability to reach an amount, expected shortfall, mean and standard deviation. Amounts are in one currency, the corporate one.
-- bookings.h says what is kept, bookings_evaluate.c how the distribution is computed.

CREATE TYPE salesops.bookings_distribution;

-- Input and output

CREATE FUNCTION salesops.bookings_distribution_in(cstring) RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_distribution_in(cstring) IS 'text input of bookings_distribution';

CREATE FUNCTION salesops.bookings_distribution_out(salesops.bookings_distribution) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_distribution_out(salesops.bookings_distribution) IS 'text output of bookings_distribution';

CREATE FUNCTION salesops.bookings_distribution_recv(internal) RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_distribution_recv(internal) IS 'binary input of bookings_distribution';

CREATE FUNCTION salesops.bookings_distribution_send(salesops.bookings_distribution) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_distribution_send(salesops.bookings_distribution) IS 'binary output of bookings_distribution';

CREATE TYPE salesops.bookings_distribution (
  INPUT = salesops.bookings_distribution_in,
  OUTPUT = salesops.bookings_distribution_out,
  RECEIVE = salesops.bookings_distribution_recv,
  SEND = salesops.bookings_distribution_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = double,
  STORAGE = extended
);
COMMENT ON TYPE salesops.bookings_distribution IS
  'distribution of what open deals will bring: 2 deals; correlation 0.05; base 500; open 2500.5@0.25 1000@0.3';

-- Equality, and what grouping and sorting need. Equal books are stored as equal bytes (bookings.h), so bytes are compared; the order means nothing
-- else. Too large for an index.

CREATE FUNCTION salesops.bookings_distribution_lt(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_lt(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.bookings_distribution_le(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_le(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.bookings_distribution_eq(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_eq(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.bookings_distribution_ne(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_ne(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.bookings_distribution_ge(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_ge(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.bookings_distribution_gt(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_gt(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.bookings_distribution_lt, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.bookings_distribution, salesops.bookings_distribution) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.bookings_distribution_le, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.bookings_distribution, salesops.bookings_distribution) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.bookings_distribution_eq, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.bookings_distribution, salesops.bookings_distribution) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.bookings_distribution_ne, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.bookings_distribution, salesops.bookings_distribution) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.bookings_distribution_ge, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.bookings_distribution, salesops.bookings_distribution) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.bookings_distribution_gt, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.bookings_distribution, salesops.bookings_distribution) IS 'greater than';

CREATE FUNCTION salesops.bookings_distribution_cmp(salesops.bookings_distribution, salesops.bookings_distribution) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_cmp(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.bookings_distribution_hash(salesops.bookings_distribution) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_hash(salesops.bookings_distribution) IS 'hash';

CREATE FUNCTION salesops.bookings_distribution_hash_extended(salesops.bookings_distribution, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_bookings_distribution_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.bookings_distribution_hash_extended(salesops.bookings_distribution, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.bookings_distribution_ops DEFAULT FOR TYPE salesops.bookings_distribution USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.bookings_distribution_cmp(salesops.bookings_distribution, salesops.bookings_distribution),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.bookings_distribution_ops USING btree IS 'comparing, grouping and sorting bookings_distribution by bytes';
COMMENT ON OPERATOR CLASS salesops.bookings_distribution_ops USING btree IS 'comparing, grouping and sorting bookings_distribution by bytes';

CREATE OPERATOR CLASS salesops.bookings_distribution_ops DEFAULT FOR TYPE salesops.bookings_distribution USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.bookings_distribution_hash(salesops.bookings_distribution),
  FUNCTION 2 salesops.bookings_distribution_hash_extended(salesops.bookings_distribution, bigint);
COMMENT ON OPERATOR FAMILY salesops.bookings_distribution_ops USING hash IS 'hashing bookings_distribution by bytes';
COMMENT ON OPERATOR CLASS salesops.bookings_distribution_ops USING hash IS 'hashing bookings_distribution by bytes';

CREATE CAST (salesops.bookings_distribution AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.bookings_distribution AS text) IS
  '2 deals; correlation 0.05; base 500; open 2500.5@0.25 1000@0.3';

CREATE CAST (text AS salesops.bookings_distribution) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.bookings_distribution) IS 'reads what the text form writes';

-- Aggregates. The same deals give the same bytes, in whatever order, by however many processes or from however many parts they are put together.

CREATE FUNCTION salesops.bookings_accum(internal, numeric, double precision, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_bookings_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_accum(internal, numeric, double precision, double precision) IS
  'transition of bookings(): takes a deal in';

CREATE FUNCTION salesops.bookings_accum(internal, numeric, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_bookings_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_accum(internal, numeric, double precision) IS
  'transition of bookings(): takes an independent deal in';

CREATE FUNCTION salesops.bookings_merge(internal, salesops.bookings_distribution) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_bookings_merge' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_merge(internal, salesops.bookings_distribution) IS
  'transition of bookings(): takes stored bookings in';

CREATE FUNCTION salesops.bookings_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_bookings_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_combine(internal, internal) IS 'combines two states of bookings()';

CREATE FUNCTION salesops.bookings_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_bookings_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_serialize(internal) IS 'state of bookings() for another process';

CREATE FUNCTION salesops.bookings_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_bookings_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_deserialize(bytea, internal) IS 'state of bookings() from another process';

CREATE FUNCTION salesops.bookings_final(internal) RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_final(internal) IS 'result of bookings()';

CREATE AGGREGATE salesops.bookings(amount numeric, probability double precision, correlation double precision) (
  SFUNC = salesops.bookings_accum, STYPE = internal, SSPACE = 8192,
  FINALFUNC = salesops.bookings_final,
  COMBINEFUNC = salesops.bookings_combine,
  SERIALFUNC = salesops.bookings_serialize,
  DESERIALFUNC = salesops.bookings_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.bookings(numeric, double precision, double precision) IS
  'distribution of the total of deals, each its amount with its probability or nothing, that hang together by one common factor with the '
  'given correlation (one for all rows, 0 to 0.9); a deal without amount or probability is counted by unknown_deals() only; NULL over no rows';

CREATE AGGREGATE salesops.bookings(amount numeric, probability double precision) (
  SFUNC = salesops.bookings_accum, STYPE = internal, SSPACE = 8192,
  FINALFUNC = salesops.bookings_final,
  COMBINEFUNC = salesops.bookings_combine,
  SERIALFUNC = salesops.bookings_serialize,
  DESERIALFUNC = salesops.bookings_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.bookings(numeric, double precision) IS
  'distribution of the total of independent deals, each its amount with its probability or nothing; NULL over no rows';

CREATE AGGREGATE salesops.bookings(bookings salesops.bookings_distribution) (
  SFUNC = salesops.bookings_merge, STYPE = internal, SSPACE = 8192,
  FINALFUNC = salesops.bookings_final,
  COMBINEFUNC = salesops.bookings_combine,
  SERIALFUNC = salesops.bookings_serialize,
  DESERIALFUNC = salesops.bookings_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.bookings(salesops.bookings_distribution) IS
  'bookings of parts rolled up: the same bytes as over all their deals at once; all must have one correlation';

CREATE FUNCTION salesops.bookable_amount(amount numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN abs(amount) <= 9e15 THEN amount END;
COMMENT ON FUNCTION salesops.bookable_amount(numeric) IS
  'An amount as a forecast can add it up; NULL for NaN, infinity and beyond +-9e15, the most that bookings() takes, '
  'so that one absurd deal is one of the unknown and no error';

-- Adding up

CREATE FUNCTION salesops.bookings_plus(salesops.bookings_distribution, salesops.bookings_distribution)
  RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_plus(salesops.bookings_distribution, salesops.bookings_distribution) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.bookings_plus, LEFTARG = salesops.bookings_distribution, RIGHTARG = salesops.bookings_distribution,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.bookings_distribution, salesops.bookings_distribution) IS
  'the bookings of both together under their common factor; error 22023 where the correlations differ';

CREATE FUNCTION salesops.bookings_plus(salesops.bookings_distribution, numeric) RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_plus_certain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_plus(salesops.bookings_distribution, numeric) IS 'implementation of the + operator';
CREATE FUNCTION salesops.bookings_plus(numeric, salesops.bookings_distribution) RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_certain_plus_bookings' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.bookings_plus(numeric, salesops.bookings_distribution) IS 'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.bookings_plus, LEFTARG = salesops.bookings_distribution, RIGHTARG = numeric, COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.bookings_distribution, numeric) IS 'bookings and an amount that is certain: what is booked already';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.bookings_plus, LEFTARG = numeric, RIGHTARG = salesops.bookings_distribution, COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (numeric, salesops.bookings_distribution) IS 'an amount that is certain and bookings';

CREATE FUNCTION salesops.uncertain_bookings(mean numeric, stddev double precision, correlation double precision DEFAULT 0)
  RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_uncertain_bookings' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncertain_bookings(numeric, double precision, double precision) IS
  'business that is not yet created: a gamma distribution with that mean and standard deviation, independent of the common factor; '
  'the correlation is only that of the bookings it is to be added to';

CREATE FUNCTION salesops.with_correlation(bookings salesops.bookings_distribution, correlation double precision)
  RETURNS salesops.bookings_distribution
  AS 'MODULE_PATHNAME', 'salesops_bookings_with_correlation' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.with_correlation(salesops.bookings_distribution, double precision) IS
  'the same deals with another correlation; what is kept of the deals does not depend on it';

-- What it says

CREATE FUNCTION salesops.quantile(bookings salesops.bookings_distribution, p double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_bookings_quantile' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION salesops.quantile(salesops.bookings_distribution, double precision) IS
  'amount that the total does not exceed with probability p (0.1 for P10); error 22003 unless 0 < p < 1';

CREATE FUNCTION salesops.quantiles(bookings salesops.bookings_distribution, p double precision[]) RETURNS double precision[]
  AS 'MODULE_PATHNAME', 'salesops_bookings_quantiles' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION salesops.quantiles(salesops.bookings_distribution, double precision[]) IS
  'quantile of each p, all for the price of one; NULL where p is';

CREATE FUNCTION salesops.probability_at_least(bookings salesops.bookings_distribution, amount numeric) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_bookings_probability_at_least' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION salesops.probability_at_least(salesops.bookings_distribution, numeric) IS
  'probability that the total reaches the amount, such as a quota';

CREATE FUNCTION salesops.expected_shortfall(bookings salesops.bookings_distribution, p double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_bookings_expected_shortfall' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION salesops.expected_shortfall(salesops.bookings_distribution, double precision) IS
  'mean of the worst share p of all outcomes (Acerbi and Tasche 2002); the mean for p = 1, error 22003 unless 0 < p <= 1';

CREATE FUNCTION salesops.mean(bookings salesops.bookings_distribution) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_bookings_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.mean(salesops.bookings_distribution) IS
  'mean of the total, exact: amounts in thousandths times probabilities with 12 decimals';

CREATE FUNCTION salesops.stddev(bookings salesops.bookings_distribution) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_bookings_stddev' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.stddev(salesops.bookings_distribution) IS 'standard deviation of the total';

CREATE FUNCTION salesops.density(
  bookings salesops.bookings_distribution, bins integer DEFAULT 50,
  OUT low double precision, OUT high double precision, OUT probability double precision
) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_bookings_density' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 50;
COMMENT ON FUNCTION salesops.density(salesops.bookings_distribution, integer) IS
  'histogram for plotting: bins of equal width (low inclusive, high not) from the quantile of 0.001 to that of 0.999, the outermost with '
  'what lies beyond; one bin where the total is certain';

CREATE FUNCTION salesops.deals(bookings salesops.bookings_distribution) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_bookings_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.deals(salesops.bookings_distribution) IS 'how many deals with amount and probability are in it';

CREATE FUNCTION salesops.unknown_deals(bookings salesops.bookings_distribution) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_bookings_unknown_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.unknown_deals(salesops.bookings_distribution) IS
  'how many deals without amount or probability it leaves out';

CREATE FUNCTION salesops.correlation(bookings salesops.bookings_distribution) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_bookings_correlation' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.correlation(salesops.bookings_distribution) IS 'correlation of the deals through the common factor; 0 is independence';
