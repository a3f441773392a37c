-- forecast_totals: what a set of deals adds up to, category by category.
--
-- forecast_rollup(category, amount) makes one; it can be stored, added (+) and rolled up again; the projections below
-- read it. Amounts are exact and in one currency, the corporate one: convert before rolling up.
-- An amount is 0 where there is no deal and NULL where there are deals but none has an amount.

CREATE TYPE salesops.forecast_totals;

-- Input and output

CREATE FUNCTION salesops.forecast_totals_in(cstring) RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_in(cstring) IS 'text input of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_out(salesops.forecast_totals) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_out(salesops.forecast_totals) IS 'text output of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_recv(internal) RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_recv(internal) IS 'binary input of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_send(salesops.forecast_totals) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_send(salesops.forecast_totals) IS 'binary output of forecast_totals';

CREATE TYPE salesops.forecast_totals (
  INPUT = salesops.forecast_totals_in,
  OUTPUT = salesops.forecast_totals_out,
  RECEIVE = salesops.forecast_totals_recv,
  SEND = salesops.forecast_totals_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = double,
  STORAGE = extended
);
COMMENT ON TYPE salesops.forecast_totals IS
  'deals and exact amounts by forecast category: Closed: 50.00 (3 deals), Commit: 20 (2 deals, 1 without amount)';

-- Order and hash. The order serves sorting and grouping: Closed decides first, then Commit, and so on down; within a
-- category the amount, the deals, the deals without amount. 1.0 and 1.00 are one amount.

CREATE FUNCTION salesops.forecast_totals_lt(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_lt(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.forecast_totals_le(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_le(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.forecast_totals_eq(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_eq(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.forecast_totals_ne(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_ne(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.forecast_totals_ge(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_ge(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.forecast_totals_gt(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_gt(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.forecast_totals_lt, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.forecast_totals, salesops.forecast_totals) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.forecast_totals_le, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.forecast_totals, salesops.forecast_totals) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.forecast_totals_eq, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.forecast_totals, salesops.forecast_totals) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.forecast_totals_ne, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.forecast_totals, salesops.forecast_totals) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.forecast_totals_ge, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.forecast_totals, salesops.forecast_totals) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.forecast_totals_gt, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.forecast_totals, salesops.forecast_totals) IS 'greater than';

CREATE FUNCTION salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.forecast_totals_hash(salesops.forecast_totals) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_hash(salesops.forecast_totals) IS 'hash';

CREATE FUNCTION salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint) IS 'hash with a seed';

CREATE OPERATOR CLASS salesops.forecast_totals_ops DEFAULT FOR TYPE salesops.forecast_totals USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals);
COMMENT ON OPERATOR FAMILY salesops.forecast_totals_ops USING btree IS 'btree indexes on forecast_totals';
COMMENT ON OPERATOR CLASS salesops.forecast_totals_ops USING btree IS 'btree indexes on forecast_totals';

CREATE OPERATOR CLASS salesops.forecast_totals_ops DEFAULT FOR TYPE salesops.forecast_totals USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.forecast_totals_hash(salesops.forecast_totals),
  FUNCTION 2 salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint);
COMMENT ON OPERATOR FAMILY salesops.forecast_totals_ops USING hash IS 'hash indexes on forecast_totals';
COMMENT ON OPERATOR CLASS salesops.forecast_totals_ops USING hash IS 'hash indexes on forecast_totals';

-- Adding up

CREATE FUNCTION salesops.forecast_totals_plus(salesops.forecast_totals, salesops.forecast_totals)
  RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_plus(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.forecast_totals_plus, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.forecast_totals, salesops.forecast_totals) IS
  'the totals of both together, group by group';

CREATE CAST (salesops.forecast_totals AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.forecast_totals AS text) IS
  'Closed: 50.00 (3 deals), Commit: 20 (2 deals, 1 without amount)';

CREATE CAST (text AS salesops.forecast_totals) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.forecast_totals) IS 'reads what the text form writes';

-- Single category

CREATE FUNCTION salesops.deals(totals salesops.forecast_totals, category salesops.forecast_category) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.deals(salesops.forecast_totals, salesops.forecast_category) IS
  'how many deals are in the category';

CREATE FUNCTION salesops.deals_without_amount(totals salesops.forecast_totals, category salesops.forecast_category)
  RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_deals_without_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.deals_without_amount(salesops.forecast_totals, salesops.forecast_category) IS
  'how many deals in the category have no amount, so that amount() leaves them out';

CREATE FUNCTION salesops.amount(totals salesops.forecast_totals, category salesops.forecast_category) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.amount(salesops.forecast_totals, salesops.forecast_category) IS
  'sum of the known amounts in the category; 0 without a deal, NULL where no deal has an amount';

-- Deals without a category stand apart: no amount above or below includes them

CREATE FUNCTION salesops.uncategorized_deals(totals salesops.forecast_totals) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_deals(salesops.forecast_totals) IS
  'how many deals have no category';

CREATE FUNCTION salesops.uncategorized_deals_without_amount(totals salesops.forecast_totals) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_deals_without_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_deals_without_amount(salesops.forecast_totals) IS
  'how many deals have neither category nor amount';

CREATE FUNCTION salesops.uncategorized_amount(totals salesops.forecast_totals) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_amount(salesops.forecast_totals) IS
  'sum of the known amounts of deals without a category; 0 without a deal, NULL where none has an amount';

-- Cumulative

CREATE FUNCTION salesops.cumulative(totals salesops.forecast_totals, category salesops.forecast_category)
  RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_cumulative' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.cumulative(salesops.forecast_totals, salesops.forecast_category) IS
  'unweighted cumulative amount: Closed is Closed; Commit, Most Likely and Best Case are Closed and that category and '
  'all above it; Pipeline is all open categories including Upside, without Closed; NULL for Upside and Omitted';

-- Weighted. Weights are seven numbers in rank order, Omitted first.

CREATE FUNCTION salesops.default_weights() RETURNS numeric[]
  AS 'MODULE_PATHNAME', 'salesops_default_weights' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.default_weights() IS
  'the product''s weights in rank order: Omitted 0, Upside 0.05, Pipeline 0.2, Best Case 0.5, Most Likely 0.7, '
  'Commit 0.9, Closed 1';

CREATE FUNCTION salesops.weighted(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted(salesops.forecast_totals, numeric[]) IS
  'weighted_total: the sum of amount times weight over the categories; NULL where there are deals but none has both a '
  'category and an amount';

CREATE FUNCTION salesops.weighted_amount(
  totals salesops.forecast_totals,
  category salesops.forecast_category,
  weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_amount(salesops.forecast_totals, salesops.forecast_category, numeric[]) IS
  'amount times weight of one category; 0 without a deal, NULL where no deal has an amount';

CREATE FUNCTION salesops.weighted_commit(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_commit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_commit(salesops.forecast_totals, numeric[]) IS
  'weighted amount of Closed and Commit';

CREATE FUNCTION salesops.weighted_best_case(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_best_case' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_best_case(salesops.forecast_totals, numeric[]) IS
  'weighted amount of Closed, Commit, Most Likely and Best Case';

-- Against a quota, in the currency of the amounts

CREATE FUNCTION salesops.gap_to_quota(
  totals salesops.forecast_totals, quota numeric, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT quota - salesops.weighted_commit(totals, weights);
END;
COMMENT ON FUNCTION salesops.gap_to_quota(salesops.forecast_totals, numeric, numeric[]) IS
  'quota - weighted_commit: what Closed and Commit, weighted, leave uncovered; negative above quota';

CREATE FUNCTION salesops.uncovered_share(
  totals salesops.forecast_totals, quota numeric, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota > 0 THEN (quota - salesops.weighted(totals, weights)) / quota END;
END;
COMMENT ON FUNCTION salesops.uncovered_share(salesops.forecast_totals, numeric, numeric[]) IS
  '(quota - weighted_total) / quota as a share, 0.348 for 34.8 %; negative above quota, NULL without a positive quota';

CREATE FUNCTION salesops.required_win_rate(closed numeric, open_amount numeric, quota numeric)
  RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota <= closed THEN 0 WHEN open_amount > 0 THEN (quota - closed) / open_amount END;
END;
COMMENT ON FUNCTION salesops.required_win_rate(numeric, numeric, numeric) IS
  '(quota - closed) / open amount: the share of the open amount that must be won to make quota; 0 where quota is made, '
  'over 1 is not reachable, NULL where nothing is open';

-- Aggregates. One state, two transitions (deals, stored totals), two results.

CREATE FUNCTION salesops.forecast_rollup_accum(internal, salesops.forecast_category, numeric)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_accum(internal, salesops.forecast_category, numeric) IS
  'transition: takes a deal in';

CREATE FUNCTION salesops.forecast_rollup_accum_inverse(internal, salesops.forecast_category, numeric)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_accum_inverse' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_accum_inverse(internal, salesops.forecast_category, numeric) IS
  'inverse transition: takes a deal out';

CREATE FUNCTION salesops.forecast_rollup_merge(internal, salesops.forecast_totals)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_merge' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_merge(internal, salesops.forecast_totals) IS
  'transition: takes stored totals in';

CREATE FUNCTION salesops.forecast_rollup_merge_inverse(internal, salesops.forecast_totals)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_merge_inverse' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_merge_inverse(internal, salesops.forecast_totals) IS
  'inverse transition: takes stored totals out';

CREATE FUNCTION salesops.forecast_rollup_combine(internal, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_combine(internal, internal) IS
  'combines the states of parallel workers';

CREATE FUNCTION salesops.forecast_rollup_serialize(internal)
  RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_serialize(internal) IS
  'serialises a state';

CREATE FUNCTION salesops.forecast_rollup_deserialize(bytea, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_deserialize(bytea, internal) IS
  'deserialises a state';

CREATE FUNCTION salesops.forecast_rollup_final(internal)
  RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_final(internal) IS
  'result: the totals';

CREATE FUNCTION salesops.weighted_forecast_final(internal)
  RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_forecast_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_forecast_final(internal) IS
  'result: the sum under the default weights';

CREATE AGGREGATE salesops.forecast_rollup(category salesops.forecast_category, amount numeric) (
  SFUNC = salesops.forecast_rollup_accum,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.forecast_rollup_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_accum,
  MINVFUNC = salesops.forecast_rollup_accum_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.forecast_rollup_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.forecast_rollup(salesops.forecast_category, numeric) IS
  'deals and exact amounts by category; NULL amounts are counted but not summed, a NULL category stands apart; '
  'NULL over no rows';

CREATE AGGREGATE salesops.forecast_rollup(totals salesops.forecast_totals) (
  SFUNC = salesops.forecast_rollup_merge,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.forecast_rollup_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_merge,
  MINVFUNC = salesops.forecast_rollup_merge_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.forecast_rollup_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.forecast_rollup(salesops.forecast_totals) IS
  'the totals of all together; NULL totals are passed over; NULL over no rows';

CREATE AGGREGATE salesops.weighted_forecast(category salesops.forecast_category, amount numeric) (
  SFUNC = salesops.forecast_rollup_accum,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.weighted_forecast_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_accum,
  MINVFUNC = salesops.forecast_rollup_accum_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.weighted_forecast_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.weighted_forecast(salesops.forecast_category, numeric) IS
  'weighted(forecast_rollup(category, amount)): the sum of amount times default weight; NULL over no rows and where no '
  'deal has both a category and an amount';
