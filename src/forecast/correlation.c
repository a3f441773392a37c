/*
 * correlation.c: what past periods say about the correlation of deals.
 *
 * If deals were independent, the total won in a period would differ from what their probabilities promised by sum a^2 p (1 - p) on
 * average, squared. A common factor makes it differ more. estimate_correlation() finds the rho for which the differences are as large as they
 * should be:
 *
 *		sum over the periods of  w (won - expected)^2  =  sum over the periods of  w Var(total; rho)
 *
 * with the exact variance of each period's book under rho (bookings_variance(); its usual linear approximation in rho is 5 % off at
 * rho = 0.1), and weights w = 1 / Var(total; PRIOR)^2, which are those of least variance if PRIOR is right and otherwise just weights: the
 * equation holds on average whatever they are. Where the differences are smaller than those of independent deals, the line is
 * continued below 0, so that estimates are right on average also where the truth is 0.
 *
 * What to forecast with, shrunk_correlation(), is not the estimate: a quiet past would give a correlation of 0 or less, and ranges that are
 * too narrow as soon as it is not quite 0. It is the mean of what rho >= 0 may be. The estimate is weighed against PRIOR as if that came
 * from PRIOR_QUARTERS quarters: m. A squared difference has a relative standard deviation of sqrt(2), so of q quarters the estimate's
 * standard error is sqrt(2 / q) (rho + c), where rho = c would double the variance of independent deals; c is taken as INDEPENDENT, what it is for
 * a few hundred deals. With s = sqrt(2 / (q + PRIOR_QUARTERS)) (max(m, 0) + c), rho is normal with mean m and standard deviation s, but for what
 * lies below 0, and the mean of that is m + s phi(m / s) / Phi(m / s).
 *
 * The state is a Book a period, sorted by period: exact, and independent of the order of the deals.
 */
#include "forecast/bookings.h"

#include <math.h>

#include "utils/builtins.h"

#include "core/aggregate.h"
#include "core/fiscal_period.h"
#include "core/numerics.h"
#include "forecast/bookings_evaluate.h"

#define PRIOR			0.02	/* where there is no history */
#define PRIOR_QUARTERS	3		/* that it counts for, where there is */
#define INDEPENDENT		0.03	/* what the chance of independent deals looks like, as a correlation; see shrunk_correlation() */
#define LEAST_SHIFT		(-30.0)	/* standard errors below 0: what an estimate still may be */
#define SLOPE_STEP		1e-4	/* the slope at 0 is taken from 0 to here */
#define PRECISION		1e-7

typedef struct PastPeriod
{
	FiscalPeriod period;
	int128		won;			/* thousandths */
	Book	   *book;
} PastPeriod;

typedef struct CorrelationState
{
	int			count;
	int			allocated;
	PastPeriod *past;
	MemoryContext context;
} CorrelationState;

static CorrelationState *
state_argument(FunctionCallInfo fcinfo)
{
	CorrelationState *state;

	if (!PG_ARGISNULL(0))
		return (CorrelationState *) PG_GETARG_POINTER(0);
	state = MemoryContextAllocZero(aggregate_context(fcinfo, "estimate_correlation"), sizeof(CorrelationState));
	state->context = aggregate_context(fcinfo, "estimate_correlation");
	return state;
}

/* The state's entry for a period, made where there is none. */
static PastPeriod *
past_period(CorrelationState *state, FiscalPeriod period)
{
	int			low = 0;
	int			high = state->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (state->past[middle].period < period)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < state->count && state->past[low].period == period)
		return &state->past[low];

	if (state->count == state->allocated)
	{
		state->allocated = state->allocated == 0 ? 16 : 2 * state->allocated;
		state->past = state->past == NULL ?
			MemoryContextAlloc(state->context, state->allocated * sizeof(PastPeriod)) :
			repalloc(state->past, state->allocated * sizeof(PastPeriod));
	}
	memmove(&state->past[low + 1], &state->past[low], (state->count - low) * sizeof(PastPeriod));
	state->count++;
	state->past[low] = (PastPeriod) {period, 0, book_create(state->context, 0.0)};
	return &state->past[low];
}

static void
add_won(PastPeriod *past, int128 amount)
{
	if (__builtin_add_overflow(past->won, amount, &past->won))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bookings out of range")));
}

/* Takes a past deal in. One of which anything is unknown says nothing, and is passed over. */
PG_FUNCTION_INFO_V1(salesops_estimate_correlation_accum);
Datum
salesops_estimate_correlation_accum(PG_FUNCTION_ARGS)
{
	CorrelationState *state = state_argument(fcinfo);
	PastPeriod *past;
	int64		amount;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
		PG_RETURN_POINTER(state);
	past = past_period(state, PG_GETARG_FISCAL_PERIOD(1));
	amount = bookings_amount(PG_GETARG_NUMERIC(2));
	book_add_deal(past->book, amount, bookings_chance(PG_GETARG_FLOAT8(3)));
	if (PG_GETARG_BOOL(4))
		add_won(past, amount);
	PG_RETURN_POINTER(state);
}

/* Takes another state in. */
PG_FUNCTION_INFO_V1(salesops_estimate_correlation_combine);
Datum
salesops_estimate_correlation_combine(PG_FUNCTION_ARGS)
{
	CorrelationState *state = state_argument(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		CorrelationState *other = (CorrelationState *) PG_GETARG_POINTER(1);

		for (int i = 0; i < other->count; i++)
		{
			PastPeriod *past = past_period(state, other->past[i].period);

			book_merge(past->book, other->past[i].book);
			add_won(past, other->past[i].won);
		}
	}
	PG_RETURN_POINTER(state);
}

/* The state for another process: for each period its number, what was won and its book. */
PG_FUNCTION_INFO_V1(salesops_estimate_correlation_serialize);
Datum
salesops_estimate_correlation_serialize(PG_FUNCTION_ARGS)
{
	CorrelationState *state = (CorrelationState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	(void) aggregate_context(fcinfo, "estimate_correlation");
	pq_begintypsend(&message);
	pq_sendint32(&message, state->count);
	for (int i = 0; i < state->count; i++)
	{
		BookingsDistribution *stored = book_store(state->past[i].book);

		pq_sendint32(&message, state->past[i].period);
		int128_send(&message, state->past[i].won);
		pq_sendint32(&message, VARSIZE(stored));
		pq_sendbytes(&message, (char *) stored, VARSIZE(stored));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Reads a state back. It lives only until it is combined into another, so the current context will do, as in core. */
PG_FUNCTION_INFO_V1(salesops_estimate_correlation_deserialize);
Datum
salesops_estimate_correlation_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	CorrelationState *state = palloc0(sizeof(CorrelationState));
	StringInfoData message;

	(void) aggregate_context(fcinfo, "estimate_correlation");
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	state->context = CurrentMemoryContext;
	state->count = state->allocated = pq_getmsgint(&message, 4);
	state->past = palloc(Max(state->count, 1) * sizeof(PastPeriod));
	for (int i = 0; i < state->count; i++)
	{
		PastPeriod *past = &state->past[i];
		int			length;
		BookingsDistribution *stored;

		past->period = pq_getmsgint(&message, 4);
		past->won = int128_receive(&message);
		length = pq_getmsgint(&message, 4);
		stored = palloc(length);
		memcpy(stored, pq_getmsgbytes(&message, length), length);
		past->book = book_load(stored);
	}
	pq_getmsgend(&message);
	PG_RETURN_POINTER(state);
}

/* The right side of the equation. */
static double
weighted_variance(const CorrelationState *state, const double *weights, double correlation)
{
	double		sum = 0.0;

	for (int i = 0; i < state->count; i++)
		if (weights[i] > 0.0)
			sum += weights[i] * bookings_variance(state->past[i].book, correlation);
	return sum;
}

/* The estimate; NULL where no period has a deal with an open outcome. */
PG_FUNCTION_INFO_V1(salesops_estimate_correlation_final);
Datum
salesops_estimate_correlation_final(PG_FUNCTION_ARGS)
{
	CorrelationState *state = PG_ARGISNULL(0) ? NULL : (CorrelationState *) PG_GETARG_POINTER(0);
	double	   *weights;
	double		seen = 0.0;
	double		independent;
	double		low = 0.0;
	double		high = MAX_CORRELATION;
	double		below;
	double		above;
	int			side = 0;

	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();

	weights = palloc(state->count * sizeof(double));
	for (int i = 0; i < state->count; i++)
	{
		const PastPeriod *past = &state->past[i];
		double		variance;
		double		difference;

		/* Sorted, so that sums over its deals are the same whatever the order they came in. */
		book_settle(past->book);
		variance = bookings_variance(past->book, PRIOR);
		difference = (double) past->won - (double) book_mean(past->book) / (double) CHANCE_UNIT;
		weights[i] = variance > 0.0 ? 1.0 / variance / variance : 0.0;
		seen += weights[i] * difference * difference;
	}
	independent = weighted_variance(state, weights, 0.0);
	if (independent == 0.0)
		PG_RETURN_NULL();
	below = independent - seen;
	if (below >= 0.0)
		PG_RETURN_FLOAT8(-below * SLOPE_STEP / (weighted_variance(state, weights, SLOPE_STEP) - independent));
	above = weighted_variance(state, weights, high) - seen;
	if (above <= 0.0)
		PG_RETURN_FLOAT8(high);

	/* Regula falsi in Illinois' form: the variance grows almost linearly. */
	while (high - low > PRECISION)
	{
		double		guess = low - below * (high - low) / (above - below);
		double		difference = weighted_variance(state, weights, guess) - seen;

		if (difference < PRECISION * independent && difference > -PRECISION * independent)
			PG_RETURN_FLOAT8(guess);
		if (difference < 0.0)
		{
			low = guess;
			below = difference;
			if (side < 0)
				above *= 0.5;
			side = -1;
		}
		else
		{
			high = guess;
			above = difference;
			if (side > 0)
				below *= 0.5;
			side = 1;
		}
	}
	PG_RETURN_FLOAT8(high);
}

/* shrunk_correlation(estimate, quarters): the correlation to forecast with. */
PG_FUNCTION_INFO_V1(salesops_shrunk_correlation);
Datum
salesops_shrunk_correlation(PG_FUNCTION_ARGS)
{
	double		estimate;
	double		quarters;
	double		mean;
	double		error;
	double		shift;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1)
		PG_RETURN_FLOAT8(PRIOR);
	estimate = PG_GETARG_FLOAT8(0);
	quarters = PG_GETARG_INT32(1);
	if (!(estimate >= -1e6 && estimate <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%g is no estimate of a correlation", estimate),
				 errhint("salesops.estimate_correlation() makes one of past deals.")));
	mean = (quarters * estimate + PRIOR_QUARTERS * PRIOR) / (quarters + PRIOR_QUARTERS);
	error = sqrt(2.0 / (quarters + PRIOR_QUARTERS)) * (Max(mean, 0.0) + INDEPENDENT);
	shift = Max(mean / error, LEAST_SHIFT);
	mean = error * (shift + salesops_normal_density(shift) / salesops_normal_cdf(shift));
	PG_RETURN_FLOAT8(Min(mean, MAX_CORRELATION));
}
