/*
 * bookings_distribution.c: what SQL asks of a salesops.bookings_distribution.
 */
#include "forecast/bookings.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/ordering.h"
#include "forecast/bookings_evaluate.h"

SALESOPS_ORDERING_BY_BYTES(bookings_distribution)

/* The share of outcomes that density() leaves to the outermost bins at each end. */
#define DENSITY_TAIL	0.001

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

static Book *
book_argument(FunctionCallInfo fcinfo, int n)
{
	return book_load(PG_GETARG_BOOKINGS(n));
}

static Evaluation *
evaluate_argument(FunctionCallInfo fcinfo, int n)
{
	return bookings_evaluate(book_argument(fcinfo, n), check_for_cancel);
}

/* A share of outcomes: more than 0 and less than 1, or 1 too. */
static void
check_share(double p, bool may_be_one)
{
	if (!(p > 0.0 && (p < 1.0 || (may_be_one && p == 1.0))))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the share of outcomes must be greater than 0 and %s 1", may_be_one ? "at most" : "less than"),
				 errdetail("Got %g.", p),
				 errhint("P10 is 0.1, the median 0.5.")));
}

/*
 * quantile(d, p): the amount that the total does not exceed with probability p; where outcomes are few, the least outcome of which that
 * is true. 22003 unless 0 < p < 1.
 */
PG_FUNCTION_INFO_V1(salesops_bookings_quantile);
Datum
salesops_bookings_quantile(PG_FUNCTION_ARGS)
{
	double		p = PG_GETARG_FLOAT8(1);

	check_share(p, false);
	PG_RETURN_FLOAT8(evaluation_quantile(evaluate_argument(fcinfo, 0), p));
}

/* quantiles(d, p): the quantile of each element, for the price of one evaluation. NULL where the element is. */
PG_FUNCTION_INFO_V1(salesops_bookings_quantiles);
Datum
salesops_bookings_quantiles(PG_FUNCTION_ARGS)
{
	ArrayType  *shares = PG_GETARG_ARRAYTYPE_P(1);
	Evaluation *evaluation = NULL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(shares, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			check_share(DatumGetFloat8(elements[i]), false);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
		{
			if (evaluation == NULL)
				evaluation = evaluate_argument(fcinfo, 0);
			elements[i] = Float8GetDatum(evaluation_quantile(evaluation, DatumGetFloat8(elements[i])));
			check_for_cancel();
		}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(elements, nulls, ARR_NDIM(shares), ARR_DIMS(shares), ARR_LBOUND(shares),
											 FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* probability_at_least(d, amount): how probable it is that the total reaches the amount, such as a quota. */
PG_FUNCTION_INFO_V1(salesops_bookings_probability_at_least);
Datum
salesops_bookings_probability_at_least(PG_FUNCTION_ARGS)
{
	Datum		amount = PG_GETARG_DATUM(1);

	if (numeric_is_nan(DatumGetNumeric(amount)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the amount must be a number")));
	PG_RETURN_FLOAT8(evaluation_at_least(evaluate_argument(fcinfo, 0),
										 DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, amount))));
}

/* expected_shortfall(d, p): the mean of the worst share p of outcomes. 22003 unless 0 < p <= 1. */
PG_FUNCTION_INFO_V1(salesops_bookings_expected_shortfall);
Datum
salesops_bookings_expected_shortfall(PG_FUNCTION_ARGS)
{
	double		p = PG_GETARG_FLOAT8(1);

	check_share(p, true);
	PG_RETURN_FLOAT8(evaluation_expected_shortfall(evaluate_argument(fcinfo, 0), p));
}

/* mean(d): exact. */
PG_FUNCTION_INFO_V1(salesops_bookings_mean);
Datum
salesops_bookings_mean(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(bookings_numeric(book_mean(book_argument(fcinfo, 0)), 15));
}

/* stddev(d): the standard deviation. */
PG_FUNCTION_INFO_V1(salesops_bookings_stddev);
Datum
salesops_bookings_stddev(PG_FUNCTION_ARGS)
{
	Book	   *book = book_argument(fcinfo, 0);

	PG_RETURN_FLOAT8(sqrt(bookings_variance(book, book->correlation)) / AMOUNT_UNIT);
}

/* deals(d): how many deals with amount and probability are in it. */
PG_FUNCTION_INFO_V1(salesops_bookings_deals);
Datum
salesops_bookings_deals(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(book_argument(fcinfo, 0)->deals);
}

/* unknown_deals(d): how many deals without amount or probability it leaves out. */
PG_FUNCTION_INFO_V1(salesops_bookings_unknown_deals);
Datum
salesops_bookings_unknown_deals(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(book_argument(fcinfo, 0)->unknown);
}

/* correlation(d) */
PG_FUNCTION_INFO_V1(salesops_bookings_correlation);
Datum
salesops_bookings_correlation(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(book_argument(fcinfo, 0)->correlation);
}

/* with_correlation(d, correlation): the same deals, hanging together otherwise. */
PG_FUNCTION_INFO_V1(salesops_bookings_with_correlation);
Datum
salesops_bookings_with_correlation(PG_FUNCTION_ARGS)
{
	Book	   *book = book_argument(fcinfo, 0);

	book->correlation = bookings_check_correlation(PG_GETARG_FLOAT8(1));
	PG_RETURN_POINTER(book_store(book));
}

/* d + d */
PG_FUNCTION_INFO_V1(salesops_bookings_plus);
Datum
salesops_bookings_plus(PG_FUNCTION_ARGS)
{
	Book	   *book = book_argument(fcinfo, 0);

	book_merge(book, book_argument(fcinfo, 1));
	PG_RETURN_POINTER(book_store(book));
}

/* d + amount: what is booked already. */
PG_FUNCTION_INFO_V1(salesops_bookings_plus_certain);
Datum
salesops_bookings_plus_certain(PG_FUNCTION_ARGS)
{
	Book	   *book = book_argument(fcinfo, 0);

	book_add_certain(book, bookings_amount(PG_GETARG_NUMERIC(1)));
	PG_RETURN_POINTER(book_store(book));
}

/* amount + d */
PG_FUNCTION_INFO_V1(salesops_certain_plus_bookings);
Datum
salesops_certain_plus_bookings(PG_FUNCTION_ARGS)
{
	Book	   *book = book_argument(fcinfo, 1);

	book_add_certain(book, bookings_amount(PG_GETARG_NUMERIC(0)));
	PG_RETURN_POINTER(book_store(book));
}

/* uncertain_bookings(mean, stddev, correlation): business not yet created, independent of the factor; see book_add_new_business(). */
PG_FUNCTION_INFO_V1(salesops_uncertain_bookings);
Datum
salesops_uncertain_bookings(PG_FUNCTION_ARGS)
{
	int64		mean = bookings_amount(PG_GETARG_NUMERIC(0));
	double		stddev = PG_GETARG_FLOAT8(1);
	Book	   *book = book_create(CurrentMemoryContext, bookings_check_correlation(PG_GETARG_FLOAT8(2)));

	if (!(stddev >= 0.0 && stddev <= (double) MAX_AMOUNT))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("standard deviation out of range"),
				 errdetail("Got %g; it must be between 0 and 9e15.", stddev)));
	book_add_new_business(book, mean, stddev * AMOUNT_UNIT);
	PG_RETURN_POINTER(book_store(book));
}

/*
 * density(d, bins): the distribution as a histogram of bins of equal width, from the quantile of 0.001 to that of 0.999; what lies beyond
 * counts in the first and the last bin, so the probabilities add up to 1. One bin where the total is certain.
 */
PG_FUNCTION_INFO_V1(salesops_bookings_density);
Datum
salesops_bookings_density(PG_FUNCTION_ARGS)
{
	Evaluation *evaluation = evaluate_argument(fcinfo, 0);
	int			bins = PG_GETARG_INT32(1);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		first = evaluation_quantile(evaluation, DENSITY_TAIL);
	double		last = evaluation_quantile(evaluation, 1.0 - DENSITY_TAIL);
	double		from_here = 1.0;

	if (bins < 1 || bins > 10000)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the number of bins must be between 1 and 10000"),
				 errdetail("Got %d.", bins)));
	if (first >= last)
		bins = 1;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < bins; i++)
	{
		double		low = first + (last - first) * i / bins;
		double		high = first + (last - first) * (i + 1) / bins;
		/* A bin holds its lower bound, not its upper one. */
		double		from_next = i == bins - 1 ? 0.0 : evaluation_at_least(evaluation, high);
		Datum		values[] = {Float8GetDatum(low), Float8GetDatum(high), Float8GetDatum(Max(from_here - from_next, 0.0))};
		bool		nulls[] = {false, false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		from_here = from_next;
		check_for_cancel();
	}
	return (Datum) 0;
}
