-- The correlation of deals through a common factor, from past periods (see correlation.c).

CREATE FUNCTION salesops.estimate_correlation_accum(internal, salesops.fiscal_period, numeric, double precision, boolean) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_estimate_correlation_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.estimate_correlation_accum(internal, salesops.fiscal_period, numeric, double precision, boolean) IS
  'transition of estimate_correlation(): takes a past deal in';

CREATE FUNCTION salesops.estimate_correlation_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_estimate_correlation_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.estimate_correlation_combine(internal, internal) IS 'combines two states of estimate_correlation()';

CREATE FUNCTION salesops.estimate_correlation_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_estimate_correlation_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.estimate_correlation_serialize(internal) IS 'state of estimate_correlation() for another process';

CREATE FUNCTION salesops.estimate_correlation_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_estimate_correlation_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.estimate_correlation_deserialize(bytea, internal) IS 'state of estimate_correlation() from another process';

CREATE FUNCTION salesops.estimate_correlation_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_estimate_correlation_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.estimate_correlation_final(internal) IS 'result of estimate_correlation()';

CREATE AGGREGATE salesops.estimate_correlation(
  period salesops.fiscal_period, amount numeric, probability double precision, won boolean
) (
  SFUNC = salesops.estimate_correlation_accum, STYPE = internal, SSPACE = 65536,
  FINALFUNC = salesops.estimate_correlation_final,
  COMBINEFUNC = salesops.estimate_correlation_combine,
  SERIALFUNC = salesops.estimate_correlation_serialize,
  DESERIALFUNC = salesops.estimate_correlation_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.estimate_correlation(salesops.fiscal_period, numeric, double precision, boolean) IS
  'correlation of deals that makes the totals of past periods vary as much as they did, given the probability that each deal had then; '
  'right on average, so negative where they vary less than those of independent deals; NULL where no outcome was open. '
  'shrunk_correlation() makes of it what a forecast should use';

CREATE FUNCTION salesops.shrunk_correlation(estimate double precision, quarters integer) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_shrunk_correlation' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.shrunk_correlation(double precision, integer) IS
  'correlation to forecast with, greater than 0 and at most 0.9: the mean of what it may be, given the estimate from so many past quarters, weighed '
  'against 0.02 as if that came from three, and the error that so many quarters leave; 0.02 where there is no estimate or no quarter. '
  'Error 22003 for an estimate above 1 or NaN';
