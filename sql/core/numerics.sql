-- exp, ln and the normal distribution, the same to the last bit on every machine (see numerics.c). PostgreSQL's exp() and ln() of
-- float8 are those of the C library, which differ in the last bit; no published number may depend on them.

CREATE FUNCTION salesops.portable_exp(x double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_portable_exp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.portable_exp(double precision) IS
  'e to the power of x, the same bits on every machine; 0 or Infinity beyond the range of double precision';

CREATE FUNCTION salesops.portable_ln(x double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_portable_ln' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.portable_ln(double precision) IS
  'natural logarithm, the same bits on every machine; error 2201E for zero and below';

CREATE FUNCTION salesops.logistic(x double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_logistic_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.logistic(double precision) IS 'probability whose log odds are x: 1 / (1 + exp(-x))';

CREATE FUNCTION salesops.logit(p double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_logit_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.logit(double precision) IS
  'log odds of a probability: ln(p / (1 - p)); infinite for 0 and 1, error 22003 outside of them';

CREATE FUNCTION salesops.normal_cdf(x double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_normal_cdf_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.normal_cdf(double precision) IS
  'probability that a standard normal variable is at most x, accurate also far down in the lower tail';

CREATE FUNCTION salesops.normal_quantile(p double precision) RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_normal_quantile_sql' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.normal_quantile(double precision) IS
  'value that a standard normal variable stays below with probability p; infinite for 0 and 1, error 22003 outside of them';
