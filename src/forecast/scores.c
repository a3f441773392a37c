/*
 * scores.c: how good stated probabilities were, once it is known what happened.
 *
 * One state serves every score: for each of ten bins of the probability (0 to 0.1, ... 0.9 to 1; a bound belongs to the
 * bin above it) the number of deals and of wins, and the sums of p, of p squared and of p over the won ones; and the sum
 * of the log loss. Each term is rounded once, to a multiple of 2^-56, and added as an integer: so the sums are exact, the
 * same in any order of rows and under any number of workers, and a score differs from the real number by less than 1e-16
 * of a deal's worst Brier term. All aggregates over the same arguments share one state in a query.
 *
 * Log loss is -ln of the probability given to what happened, with probabilities clipped to [1e-6, 1 - 1e-6], as the win
 * model gives them. The Brier score is the mean of (p - won)^2; its parts are Murphy's (Journal of Applied Meteorology 12,
 * 1973) over the ten bins:
 *
 *   reliability  mean of (mean probability of the bin - share won in it)^2         0 = calibrated
 *   resolution   mean of (share won in the bin - share won overall)^2              higher = tells deals apart
 *   uncertainty  share won x (1 - share won)                                       the Brier score of the base rate
 *   within_bins  what the bins hide: Brier - (reliability - resolution + uncertainty); 0 if every bin holds one
 *                probability (Stephenson, Coelho and Jolliffe, Weather and Forecasting 23, 2008)
 *
 * so that brier = reliability - resolution + uncertainty + within_bins.
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "core/aggregate.h"
#include "core/numerics.h"
#include "core/wide.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define BINS 10
#define CLIP 1e-6
#define UNIT 72057594037927936.0	/* 2^56 */

/* The normal quantile at 0.95: intervals here are 90 % intervals. */
#define Z_OF_90_PERCENT 1.6448536269514722

typedef struct ScoreBin
{
	int64		deals;
	int64		wins;
	int128		p;				/* sums, in multiples of 2^-56 */
	int128		p_squared;
	int128		p_of_wins;
} ScoreBin;

typedef struct ScoreState
{
	int128		log_loss;
	ScoreBin	bins[BINS];
} ScoreState;

typedef struct ShareInterval
{
	double		low;
	double		high;
} ShareInterval;

/* A term of a sum, from 0 to some dozens, as an integer. */
static inline int64
to_units(double term)
{
	return (int64) (term * UNIT + 0.5);
}

static inline double
from_units(int128 sum)
{
	return (double) sum / UNIT;
}

static ScoreState *
new_state(FunctionCallInfo fcinfo)
{
	return MemoryContextAllocZero(aggregate_context(fcinfo, "score"), sizeof(ScoreState));
}

/* Takes a probability and what happened in; rows without one or the other are passed over. */
PG_FUNCTION_INFO_V1(salesops_score_accum);
Datum
salesops_score_accum(PG_FUNCTION_ARGS)
{
	ScoreState *state = PG_ARGISNULL(0) ? new_state(fcinfo) : (ScoreState *) PG_GETARG_POINTER(0);
	ScoreBin   *bin;
	double		p;
	double		clipped;
	bool		won;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);

	p = PG_GETARG_FLOAT8(1);
	won = PG_GETARG_BOOL(2);
	if (!(p >= 0 && p <= 1))
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("%g is not a probability", p),
				errhint("A probability is from 0 to 1; leave a deal without one out, or give NULL."));

	bin = &state->bins[Min((int) (p * BINS), BINS - 1)];
	bin->deals++;
	bin->p += to_units(p);
	bin->p_squared += to_units(p * p);
	if (won)
	{
		bin->wins++;
		bin->p_of_wins += to_units(p);
	}
	clipped = Min(Max(p, CLIP), 1 - CLIP);
	state->log_loss += to_units(-salesops_log(won ? clipped : 1 - clipped));
	PG_RETURN_POINTER(state);
}

/* Adds the second state to the first, which may be NULL; the second is left as it is. */
PG_FUNCTION_INFO_V1(salesops_score_combine);
Datum
salesops_score_combine(PG_FUNCTION_ARGS)
{
	ScoreState *state = PG_ARGISNULL(0) ? new_state(fcinfo) : (ScoreState *) PG_GETARG_POINTER(0);
	const ScoreState *other;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);

	other = (const ScoreState *) PG_GETARG_POINTER(1);
	state->log_loss += other->log_loss;
	for (int i = 0; i < BINS; i++)
	{
		state->bins[i].deals += other->bins[i].deals;
		state->bins[i].wins += other->bins[i].wins;
		state->bins[i].p += other->bins[i].p;
		state->bins[i].p_squared += other->bins[i].p_squared;
		state->bins[i].p_of_wins += other->bins[i].p_of_wins;
	}
	PG_RETURN_POINTER(state);
}

/* Writes a state: the log loss, then the bins. */
PG_FUNCTION_INFO_V1(salesops_score_serialize);
Datum
salesops_score_serialize(PG_FUNCTION_ARGS)
{
	const ScoreState *state = (const ScoreState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	pq_begintypsend(&message);
	int128_send(&message, state->log_loss);
	for (int i = 0; i < BINS; i++)
	{
		pq_sendint64(&message, state->bins[i].deals);
		pq_sendint64(&message, state->bins[i].wins);
		int128_send(&message, state->bins[i].p);
		int128_send(&message, state->bins[i].p_squared);
		int128_send(&message, state->bins[i].p_of_wins);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Reads a state back. It lives only until it is combined into another, so the current context will do, as in core. */
PG_FUNCTION_INFO_V1(salesops_score_deserialize);
Datum
salesops_score_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	ScoreState *state = palloc0(sizeof(ScoreState));
	StringInfoData message;

	(void) aggregate_context(fcinfo, "score");
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	state->log_loss = int128_receive(&message);
	for (int i = 0; i < BINS; i++)
	{
		state->bins[i].deals = pq_getmsgint64(&message);
		state->bins[i].wins = pq_getmsgint64(&message);
		state->bins[i].p = int128_receive(&message);
		state->bins[i].p_squared = int128_receive(&message);
		state->bins[i].p_of_wins = int128_receive(&message);
	}
	pq_getmsgend(&message);
	PG_RETURN_POINTER(state);
}

/* All bins together. */
static ScoreBin
total_of(const ScoreState *state)
{
	ScoreBin	total = {0};

	for (int i = 0; i < BINS; i++)
	{
		total.deals += state->bins[i].deals;
		total.wins += state->bins[i].wins;
		total.p += state->bins[i].p;
		total.p_squared += state->bins[i].p_squared;
		total.p_of_wins += state->bins[i].p_of_wins;
	}
	return total;
}

/* Mean of (p - won)^2 = (sum of p^2 - 2 sum of p over the won + wins) / deals: no digit is lost, the sums are integers. */
static double
brier_of(const ScoreBin *total)
{
	int128		sum = total->p_squared - 2 * total->p_of_wins + total->wins * (int128) UNIT;

	return from_units(sum) / (double) total->deals;
}

/*
 * Wilson's interval for a share: between which true shares the one seen is not surprising, 5 % on either side
 * (Journal of the American Statistical Association 22, 1927). Needs no correction near 0 and 1.
 */
static ShareInterval
interval_of(double hits, double n)
{
	double		share = hits / n;
	double		z_squared_n = Z_OF_90_PERCENT * Z_OF_90_PERCENT / n;
	double		centre = (share + z_squared_n / 2) / (1 + z_squared_n);
	double		half = sqrt((share * (1 - share) + z_squared_n / 4) * z_squared_n) / (1 + z_squared_n);

	/* At the ends the bound is the share itself, which rounding need not hit. */
	return (ShareInterval) {
		.low = hits == 0 ? 0 : Max(centre - half, 0),
		.high = hits == n ? 1 : Min(centre + half, 1),
	};
}

/* The state a final function was handed; NULL where it took no row in. */
static const ScoreState *
final_state(FunctionCallInfo fcinfo, ScoreBin *total)
{
	if (PG_ARGISNULL(0))
		return NULL;
	*total = total_of((const ScoreState *) PG_GETARG_POINTER(0));
	return total->deals == 0 ? NULL : (const ScoreState *) PG_GETARG_POINTER(0);
}

/* log_loss(probability, won) */
PG_FUNCTION_INFO_V1(salesops_log_loss_final);
Datum
salesops_log_loss_final(PG_FUNCTION_ARGS)
{
	ScoreBin	total;
	const ScoreState *state = final_state(fcinfo, &total);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(from_units(state->log_loss) / (double) total.deals);
}

/* brier(probability, won) */
PG_FUNCTION_INFO_V1(salesops_brier_final);
Datum
salesops_brier_final(PG_FUNCTION_ARGS)
{
	ScoreBin	total;

	if (final_state(fcinfo, &total) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(brier_of(&total));
}

/* score_probabilities(probability, won): all scores as one row. */
PG_FUNCTION_INFO_V1(salesops_score_probabilities_final);
Datum
salesops_score_probabilities_final(PG_FUNCTION_ARGS)
{
	ScoreBin	total;
	const ScoreState *state = final_state(fcinfo, &total);
	TupleDesc	row;
	Datum		values[8];
	bool		nulls[8] = {false};
	double		share_won;
	double		brier;
	double		reliability = 0;
	double		resolution = 0;
	double		uncertainty;

	if (state == NULL)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE || row->natts != lengthof(values))
		elog(ERROR, "score_probabilities must return a row of %zu columns", lengthof(values));

	share_won = (double) total.wins / total.deals;
	for (int i = 0; i < BINS; i++)
	{
		const ScoreBin *bin = &state->bins[i];
		double		miss;
		double		spread;

		if (bin->deals == 0)
			continue;
		miss = (from_units(bin->p) - bin->wins) / bin->deals;
		spread = (double) bin->wins / bin->deals - share_won;
		reliability += bin->deals * miss * miss;
		resolution += bin->deals * spread * spread;
	}
	reliability /= total.deals;
	resolution /= total.deals;
	uncertainty = share_won * (1 - share_won);
	brier = brier_of(&total);

	values[0] = Int64GetDatum(total.deals);
	values[1] = Int64GetDatum(total.wins);
	values[2] = Float8GetDatum(from_units(state->log_loss) / (double) total.deals);
	values[3] = Float8GetDatum(brier);
	values[4] = Float8GetDatum(reliability);
	values[5] = Float8GetDatum(resolution);
	values[6] = Float8GetDatum(uncertainty);
	values[7] = Float8GetDatum(brier - (reliability - resolution + uncertainty));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

/* calibration(probability, won): the bins that hold a deal, in ascending order. */
PG_FUNCTION_INFO_V1(salesops_calibration_final);
Datum
salesops_calibration_final(PG_FUNCTION_ARGS)
{
	ScoreBin	total;
	const ScoreState *state = final_state(fcinfo, &total);
	Oid			row_type;
	TupleDesc	row;
	Datum		rows[BINS];
	int			filled = 0;

	if (state == NULL)
		PG_RETURN_NULL();
	row_type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	row = lookup_rowtype_tupdesc(row_type, -1);
	for (int i = 0; i < BINS; i++)
	{
		const ScoreBin *bin = &state->bins[i];
		Datum		values[8];
		bool		nulls[8] = {false};
		ShareInterval	interval;

		if (bin->deals == 0)
			continue;
		interval = interval_of(bin->wins, bin->deals);
		values[0] = Float8GetDatum((double) i / BINS);
		values[1] = Float8GetDatum((double) (i + 1) / BINS);
		values[2] = Int64GetDatum(bin->deals);
		values[3] = Int64GetDatum(bin->wins);
		values[4] = Float8GetDatum(from_units(bin->p) / bin->deals);
		values[5] = Float8GetDatum((double) bin->wins / bin->deals);
		values[6] = Float8GetDatum(interval.low);
		values[7] = Float8GetDatum(interval.high);
		rows[filled++] = HeapTupleGetDatum(heap_form_tuple(row, values, nulls));
	}
	ReleaseTupleDesc(row);
	PG_RETURN_ARRAYTYPE_P(construct_array(rows, filled, row_type, -1, false, TYPALIGN_DOUBLE));
}

/* share_interval(hits, n): Wilson's 90 % interval of hits out of n, pseudo-counts too; NULL bounds for n = 0. */
PG_FUNCTION_INFO_V1(salesops_share_interval);
Datum
salesops_share_interval(PG_FUNCTION_ARGS)
{
	float8		hits = PG_GETARG_FLOAT8(0);
	float8		n = PG_GETARG_FLOAT8(1);
	TupleDesc	row;
	Datum		values[2] = {0};
	bool		nulls[2] = {n == 0, n == 0};

	if (!(hits >= 0 && hits <= n && !isinf(n)))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%g out of %g is not a share", hits, n),
				errhint("The first argument counts the hits among the second, so it is from 0 to that."));
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "share_interval must return a row");
	if (n > 0)
	{
		ShareInterval	interval = interval_of(hits, n);

		values[0] = Float8GetDatum(interval.low);
		values[1] = Float8GetDatum(interval.high);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}
