/*
 * numerics_sql.c: the functions of numerics.c for SQL, where exp() and ln() of float8 are those of the C library.
 */
#include "core/compat.h"

#include <math.h>

#include "core/numerics.h"

PG_FUNCTION_INFO_V1(salesops_portable_exp);
PG_FUNCTION_INFO_V1(salesops_portable_ln);
PG_FUNCTION_INFO_V1(salesops_logistic_sql);
PG_FUNCTION_INFO_V1(salesops_logit_sql);
PG_FUNCTION_INFO_V1(salesops_normal_cdf_sql);
PG_FUNCTION_INFO_V1(salesops_normal_quantile_sql);

/* A probability, the first argument of some of these; NaN is passed on, as float8 functions do. */
static double
probability_argument(FunctionCallInfo fcinfo)
{
	double		p = PG_GETARG_FLOAT8(0);

	if (p < 0.0 || p > 1.0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a probability must be between 0 and 1"),
				 errdetail("Got %g.", p)));
	return p;
}

/* portable_exp(x): e to the power of x; 0 and infinity beyond the range of float8, without an error. */
Datum
salesops_portable_exp(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(salesops_exp(PG_GETARG_FLOAT8(0)));
}

/* portable_ln(x): the natural logarithm; 2201E for zero and below, as ln(float8). */
Datum
salesops_portable_ln(PG_FUNCTION_ARGS)
{
	double		x = PG_GETARG_FLOAT8(0);

	if (x <= 0.0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_ARGUMENT_FOR_LOG),
				 errmsg("cannot take logarithm of %s", x == 0.0 ? "zero" : "a negative number")));
	PG_RETURN_FLOAT8(salesops_log(x));
}

/* logistic(x): the probability whose log odds are x. */
Datum
salesops_logistic_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(salesops_logistic(PG_GETARG_FLOAT8(0)));
}

/* logit(p): the log odds of a probability; infinite for 0 and 1. */
Datum
salesops_logit_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(salesops_logit(probability_argument(fcinfo)));
}

/* normal_cdf(x): the probability that a standard normal variable is at most x. */
Datum
salesops_normal_cdf_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(salesops_normal_cdf(PG_GETARG_FLOAT8(0)));
}

/* normal_quantile(p): the x with normal_cdf(x) = p; infinite for 0 and 1. */
Datum
salesops_normal_quantile_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(salesops_normal_quantile(probability_argument(fcinfo)));
}
