/*
 * forecast_rollup.c: the aggregates that add deals up, category by category.
 *
 * The state is, for each category and for deals without one, two counts and the server's own state of sum(numeric).
 * Wrapping that state instead of adding numerics makes the rollup as fast as sum(), exact, independent of row order,
 * and gives combining, serialising and the inverse transition of moving windows with the server's own guarantees.
 * The wrapped functions (numeric_avg_accum and its kin, the family behind sum and avg) are called with our own call's
 * context, so they allocate where the aggregate's state lives.
 *
 * Two transitions fill the state, deals and stored totals; two final functions read it, the totals and the weighted
 * sum. As both read without changing, PostgreSQL keeps one state for forecast_rollup(c, a) and weighted_forecast(c, a)
 * in the same query.
 */
#include "forecast/forecast_totals.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/aggregate.h"

typedef struct RollupGroup
{
	int64		deals;
	int64		deals_without_amount;
	void	   *amounts;		/* the server's state of sum(numeric), NULL before the first amount */
} RollupGroup;

typedef struct RollupState
{
	int64		inputs;			/* rows taken in; 0 gives NULL, like sum over no rows */
	RollupGroup groups[TOTALS_GROUPS];
} RollupState;

/*
 * Calls one of the server's aggregate functions as if our own caller had. NULL results come back as NULL pointers,
 * which no state and no numeric is.
 */
static inline void *
call_server(FunctionCallInfo fcinfo, PGFunction function, void *state, Datum value)
{
	LOCAL_FCINFO(call, 2);
	Datum		result;

	InitFunctionCallInfoData(*call, fcinfo->flinfo, 2, InvalidOid, fcinfo->context, NULL);
	call->args[0].value = PointerGetDatum(state);
	call->args[0].isnull = state == NULL;
	call->args[1].value = value;
	call->args[1].isnull = false;
	result = function(call);
	return call->isnull ? NULL : DatumGetPointer(result);
}

/* Our state, made at the first row. */
static inline RollupState *
state_argument(FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(0))
		return (RollupState *) PG_GETARG_POINTER(0);
	return MemoryContextAllocZero(aggregate_context(fcinfo, "forecast_rollup"), sizeof(RollupState));
}

/* The group of the deal in arguments 1 (category) and 2 (amount). */
static inline RollupGroup *
deal_group(FunctionCallInfo fcinfo, RollupState *state)
{
	if (PG_ARGISNULL(1))
		return &state->groups[UNCATEGORIZED];
	return &state->groups[forecast_category_position(PG_GETARG_FORECAST_CATEGORY(1))];
}

/* Takes a deal in. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_accum);
Datum
salesops_forecast_rollup_accum(PG_FUNCTION_ARGS)
{
	RollupState *state = state_argument(fcinfo);
	RollupGroup *group = deal_group(fcinfo, state);

	state->inputs++;
	group->deals++;
	if (PG_ARGISNULL(2))
		group->deals_without_amount++;
	else
		group->amounts = call_server(fcinfo, numeric_avg_accum, group->amounts, PG_GETARG_DATUM(2));
	PG_RETURN_POINTER(state);
}

/* Takes a deal out again. NULL, which makes a moving window start afresh, where the server's sum cannot. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_accum_inverse);
Datum
salesops_forecast_rollup_accum_inverse(PG_FUNCTION_ARGS)
{
	RollupState *state = state_argument(fcinfo);
	RollupGroup *group = deal_group(fcinfo, state);

	state->inputs--;
	group->deals--;
	if (PG_ARGISNULL(2))
		group->deals_without_amount--;
	else if (call_server(fcinfo, numeric_accum_inv, group->amounts, PG_GETARG_DATUM(2)) == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Takes stored totals in; NULL is passed over. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_merge);
Datum
salesops_forecast_rollup_merge(PG_FUNCTION_ARGS)
{
	RollupState *state = state_argument(fcinfo);
	Totals		totals;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);

	forecast_totals_load(PG_GETARG_FORECAST_TOTALS(1), &totals);
	state->inputs++;
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		RollupGroup *group = &state->groups[position];
		const TotalsGroup *added = &totals.groups[position];

		group->deals = forecast_totals_add_counts(group->deals, added->deals);
		group->deals_without_amount += added->deals_without_amount;
		if (added->amount != NULL)
			group->amounts = call_server(fcinfo, numeric_avg_accum, group->amounts, NumericGetDatum(added->amount));
	}
	PG_RETURN_POINTER(state);
}

/* Takes stored totals out again; NULL where the server's sum cannot. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_merge_inverse);
Datum
salesops_forecast_rollup_merge_inverse(PG_FUNCTION_ARGS)
{
	RollupState *state = state_argument(fcinfo);
	Totals		totals;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);

	forecast_totals_load(PG_GETARG_FORECAST_TOTALS(1), &totals);
	state->inputs--;
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		RollupGroup *group = &state->groups[position];
		const TotalsGroup *removed = &totals.groups[position];

		group->deals -= removed->deals;
		group->deals_without_amount -= removed->deals_without_amount;
		if (removed->amount != NULL &&
			call_server(fcinfo, numeric_accum_inv, group->amounts, NumericGetDatum(removed->amount)) == NULL)
			PG_RETURN_NULL();
	}
	PG_RETURN_POINTER(state);
}

/* Adds the second state to the first, which may be NULL; the second is left as it is. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_combine);
Datum
salesops_forecast_rollup_combine(PG_FUNCTION_ARGS)
{
	RollupState *state = state_argument(fcinfo);
	RollupState *other;

	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(state);

	other = (RollupState *) PG_GETARG_POINTER(1);
	state->inputs += other->inputs;
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		RollupGroup *group = &state->groups[position];
		const RollupGroup *added = &other->groups[position];

		group->deals = forecast_totals_add_counts(group->deals, added->deals);
		group->deals_without_amount += added->deals_without_amount;
		if (added->amounts != NULL)
			group->amounts = call_server(fcinfo, numeric_avg_combine, group->amounts, PointerGetDatum(added->amounts));
	}
	PG_RETURN_POINTER(state);
}

/* Writes a state: inputs; of each group the counts, the length of the server's serialised sum (0 for none), the sum. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_serialize);
Datum
salesops_forecast_rollup_serialize(PG_FUNCTION_ARGS)
{
	RollupState *state = (RollupState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, state->inputs);
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const RollupGroup *group = &state->groups[position];
		bytea	   *amounts = NULL;
		int			length = 0;

		if (group->amounts != NULL)
		{
			amounts = call_server(fcinfo, numeric_avg_serialize, group->amounts, (Datum) 0);
			length = VARSIZE(amounts) - VARHDRSZ;
		}
		pq_sendint64(&message, group->deals);
		pq_sendint64(&message, group->deals_without_amount);
		pq_sendint32(&message, length);
		if (length > 0)
			pq_sendbytes(&message, VARDATA(amounts), length);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Reads a state back. It lives only until it is combined into another, so the current context will do, as in core. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_deserialize);
Datum
salesops_forecast_rollup_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	RollupState *state = palloc0(sizeof(RollupState));
	StringInfoData message;

	(void) aggregate_context(fcinfo, "forecast_rollup");

	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));

	state->inputs = pq_getmsgint64(&message);
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		RollupGroup *group = &state->groups[position];
		int			length;

		group->deals = pq_getmsgint64(&message);
		group->deals_without_amount = pq_getmsgint64(&message);
		length = pq_getmsgint(&message, 4);
		if (length > 0)
		{
			bytea	   *amounts = (bytea *) cstring_to_text_with_len(pq_getmsgbytes(&message, length), length);

			group->amounts = call_server(fcinfo, numeric_avg_deserialize, amounts, (Datum) 0);
		}
	}
	pq_getmsgend(&message);
	PG_RETURN_POINTER(state);
}

/* The totals that a state stands for; false where it took no row in. */
static bool
totals_of_state(FunctionCallInfo fcinfo, Totals *totals)
{
	RollupState *state = PG_ARGISNULL(0) ? NULL : (RollupState *) PG_GETARG_POINTER(0);

	if (state == NULL || state->inputs == 0)
		return false;
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const RollupGroup *group = &state->groups[position];

		totals->groups[position] = (TotalsGroup) {
			.deals = group->deals,
			.deals_without_amount = group->deals_without_amount,
			/* NULL also where a moving window has let the last amount go */
			.amount = group->amounts == NULL ? NULL : call_server(fcinfo, numeric_sum, group->amounts, (Datum) 0),
		};
	}
	return true;
}

/* forecast_rollup(): the totals; NULL over no rows. */
PG_FUNCTION_INFO_V1(salesops_forecast_rollup_final);
Datum
salesops_forecast_rollup_final(PG_FUNCTION_ARGS)
{
	Totals		totals;

	if (!totals_of_state(fcinfo, &totals))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(forecast_totals_store(&totals));
}

/* weighted_forecast(): weighted(forecast_rollup(...)) without the detour; NULL over no rows. */
PG_FUNCTION_INFO_V1(salesops_weighted_forecast_final);
Datum
salesops_weighted_forecast_final(PG_FUNCTION_ARGS)
{
	Totals		totals;
	Datum		weights[FORECAST_CATEGORIES];
	Datum		sum;

	if (!totals_of_state(fcinfo, &totals))
		PG_RETURN_NULL();
	forecast_totals_default_weights(weights);
	if (!forecast_totals_sum(&totals, ALL_GROUPS, weights, &sum))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(sum);
}
