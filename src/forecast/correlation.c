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
 * The state is a Book a period, sorted by period: exact, and independent of the order of the deals.
 */
#include "forecast/bookings.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/fiscal_period.h"
#include "forecast/bookings_evaluate.h"

#define PRIOR			0.02
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

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "estimate_correlation called in non-aggregate context");
	return context;
}

static CorrelationState *
state_argument(FunctionCallInfo fcinfo)
{
	CorrelationState *state;

	if (!PG_ARGISNULL(0))
		return (CorrelationState *) PG_GETARG_POINTER(0);
	state = MemoryContextAllocZero(aggregate_context(fcinfo), sizeof(CorrelationState));
	state->context = aggregate_context(fcinfo);
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

	(void) aggregate_context(fcinfo);
	pq_begintypsend(&message);
	pq_sendint32(&message, state->count);
	for (int i = 0; i < state->count; i++)
	{
		BookingsDistribution *stored = book_store(state->past[i].book);

		pq_sendint32(&message, state->past[i].period);
		pq_sendint64(&message, (uint64) ((uint128) state->past[i].won >> 64));
		pq_sendint64(&message, (uint64) state->past[i].won);
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

	(void) aggregate_context(fcinfo);
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	state->context = CurrentMemoryContext;
	state->count = state->allocated = pq_getmsgint(&message, 4);
	state->past = palloc(Max(state->count, 1) * sizeof(PastPeriod));
	for (int i = 0; i < state->count; i++)
	{
		PastPeriod *past = &state->past[i];
		uint64		high;
		int			length;
		BookingsDistribution *stored;

		past->period = pq_getmsgint(&message, 4);
		high = pq_getmsgint64(&message);
		past->won = (int128) ((uint128) high << 64 | (uint64) pq_getmsgint64(&message));
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
