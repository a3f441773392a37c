/*
 * forecast_totals.c: the type salesops.forecast_totals and its projections.
 *
 * One value holds everything a forecast table shows: for each category how many deals, how many of them without an
 * amount, and the exact sum of the amounts that are known. Deals without a category stand apart. Totals add up, so a
 * manager's value is the sum of the reps', and a stored value can be rolled up again.
 *
 * One rule decides between nothing and unknown, for one category and for any sum over several: no deal at all is an
 * amount of 0; deals of which none has an amount are NULL. Where some have one, the sum is of those, and
 * deals_without_amount() says how many it leaves out.
 */
#include "forecast/forecast_totals.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/ordering.h"
#include "core/scan_text.h"

static const char no_deals[] = "no deals";
static const char no_category[] = "Uncategorized";
static const char no_amount[] = "unknown";


/* The name of the group at a position. */
static const char *
group_label(int position)
{
	return position == UNCATEGORIZED ? no_category : forecast_category_members[position].label;
}

/* What is stored and sent for the group at a position: its category, 0 for none. */
static ForecastCategory
group_category(int position)
{
	return position == UNCATEGORIZED ? FORECAST_UNKNOWN : forecast_category_members[position].category;
}

/* The position of the group with that stored category, or -1. */
static int
group_position(ForecastCategory category)
{
	return category == FORECAST_UNKNOWN ? UNCATEGORIZED : forecast_category_position(category);
}

/* Adds two numbers of deals. */
int64
forecast_totals_add_counts(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of deals out of range"),
				 errdetail("%lld + %lld does not fit in a bigint.", (long long) a, (long long) b)));
	return sum;
}

/* Makes the stored form. */
ForecastTotals *
forecast_totals_store(const Totals *totals)
{
	Size		size = offsetof(ForecastTotals, data);
	ForecastTotals *stored;
	char	   *place;

	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const TotalsGroup *group = &totals->groups[position];

		if (group->deals > 0)
			size += sizeof(StoredGroup) + (group->amount ? MAXALIGN(VARSIZE(group->amount)) : 0);
	}

	/* Zeroed, so that equal totals are equal bytes. */
	stored = palloc0(size);
	SET_VARSIZE(stored, size);
	stored->version = FORECAST_TOTALS_VERSION;

	place = stored->data;
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const TotalsGroup *group = &totals->groups[position];
		StoredGroup *stored_group = (StoredGroup *) place;

		if (group->deals == 0)
			continue;
		stored->groups++;
		stored_group->deals = group->deals;
		stored_group->deals_without_amount = group->deals_without_amount;
		stored_group->category = group_category(position);
		place += sizeof(StoredGroup);
		if (group->amount != NULL)
		{
			stored_group->amount_size = VARSIZE(group->amount);
			memcpy(place, group->amount, VARSIZE(group->amount));
			place += MAXALIGN(VARSIZE(group->amount));
		}
	}
	return stored;
}

/* Reads the stored form; the amounts point into it. */
void
forecast_totals_load(ForecastTotals *stored, Totals *totals)
{
	char	   *place = stored->data;

	if (stored->version != FORECAST_TOTALS_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("forecast_totals of layout version %d cannot be read", stored->version),
				 errhint("The value was stored by a newer salesops; install that version.")));

	memset(totals, 0, sizeof(Totals));
	for (int i = 0; i < stored->groups; i++)
	{
		StoredGroup *stored_group = (StoredGroup *) place;
		int			position = group_position(stored_group->category);

		if (position < 0)
			elog(ERROR, "invalid forecast_category byte %d in forecast_totals", stored_group->category);

		place += sizeof(StoredGroup);
		totals->groups[position] = (TotalsGroup) {
			.deals = stored_group->deals,
			.deals_without_amount = stored_group->deals_without_amount,
			.amount = stored_group->amount_size > 0 ? (Numeric) place : NULL,
		};
		place += MAXALIGN(stored_group->amount_size);
	}
}

/* The totals that an argument holds. */
static void
load_argument(FunctionCallInfo fcinfo, int n, Totals *totals)
{
	forecast_totals_load(PG_GETARG_FORECAST_TOTALS(n), totals);
}

/* The default weights in rank order. */
void
forecast_totals_default_weights(Datum weights[FORECAST_CATEGORIES])
{
	for (int position = 0; position < FORECAST_CATEGORIES; position++)
		weights[position] = NumericGetDatum(forecast_category_default_weight(position));
}

/*
 * Sums the amounts of some groups, each times its weight where weights are given. False where that is unknown: there
 * are deals, but nothing to add. Amounts without a category have no weight, so a weighted sum cannot take them in.
 */
bool
forecast_totals_sum(const Totals *totals, uint32 groups, const Datum *weights, Datum *sum)
{
	int64		deals = 0;
	bool		is_known = false;

	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const TotalsGroup *group = &totals->groups[position];
		Datum		amount = NumericGetDatum(group->amount);

		if ((groups & GROUP_BIT(position)) == 0 || group->deals == 0)
			continue;
		deals = forecast_totals_add_counts(deals, group->deals);
		if (group->amount == NULL || (weights != NULL && position == UNCATEGORIZED))
			continue;

		if (weights != NULL)
			amount = DirectFunctionCall2(numeric_mul, amount, weights[position]);
		*sum = is_known ? DirectFunctionCall2(numeric_add, *sum, amount) : amount;
		is_known = true;
	}

	if (!is_known && deals == 0)
	{
		*sum = NumericGetDatum(int64_to_numeric(0));
		is_known = true;
	}
	return is_known;
}

/* Returns a sum over some groups from the calling function. */
static Datum
return_sum(FunctionCallInfo fcinfo, const Totals *totals, uint32 groups, const Datum *weights)
{
	Datum		sum;

	if (!forecast_totals_sum(totals, groups, weights, &sum))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(sum);
}

/* Reads an array of weights: one number for each category, in rank order. */
static void
read_weights(ArrayType *array, Datum weights[FORECAST_CATEGORIES])
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (ARR_NDIM(array) != 1 || count != FORECAST_CATEGORIES)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("weights must be an array of %d numbers", FORECAST_CATEGORIES),
				 errdetail("The array has %d dimensions and %d elements.", ARR_NDIM(array), count),
				 errhint("Give one weight for each category in rank order, Omitted first, as salesops.weights() does.")));

	for (int position = 0; position < FORECAST_CATEGORIES; position++)
	{
		if (nulls[position])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weight of %s must not be NULL", group_label(position)),
					 errhint("Take missing weights from salesops.default_weights().")));
		if (numeric_is_nan(DatumGetNumeric(elements[position])) || numeric_is_inf(DatumGetNumeric(elements[position])))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weight of %s must be a finite number", group_label(position))));
		weights[position] = elements[position];
	}
}

/*
 * Text: "Closed: 50.00 (3 deals), Best Case: 150 (2 deals, 1 without amount), Uncategorized: unknown (1 deal, 1
 * without amount)", most confident first; "no deals" where there are none.
 */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_out);
Datum
salesops_forecast_totals_out(PG_FUNCTION_ARGS)
{
	Totals		totals;
	StringInfoData text;

	load_argument(fcinfo, 0, &totals);
	initStringInfo(&text);
	for (int i = 0; i < TOTALS_GROUPS; i++)
	{
		int			position = i < FORECAST_CATEGORIES ? FORECAST_CATEGORIES - 1 - i : UNCATEGORIZED;
		const TotalsGroup *group = &totals.groups[position];

		if (group->deals == 0)
			continue;
		appendStringInfo(&text, "%s%s: %s (%lld %s", text.len > 0 ? ", " : "", group_label(position),
						 group->amount == NULL ? no_amount :
						 DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(group->amount))),
						 (long long) group->deals, group->deals == 1 ? "deal" : "deals");
		if (group->deals_without_amount > 0)
			appendStringInfo(&text, ", %lld without amount", (long long) group->deals_without_amount);
		appendStringInfoChar(&text, ')');
	}
	PG_RETURN_CSTRING(text.len > 0 ? text.data : pstrdup(no_deals));
}

/*
 * Reads one group, "Best Case: 150 (2 deals, 1 without amount)". The amount is handed back as text, NULL where it is
 * unknown. False where it does not read so, or says what cannot be.
 */
static bool
read_group(char **s, int *position, TotalsGroup *group, char **amount)
{
	char	   *label;
	size_t		length;

	*s += strspn(*s, BLANKS);
	length = strcspn(*s, ":");
	label = pnstrdup(*s, length);
	*s += length;
	*position = pg_strcasecmp(label, no_category) == 0 ? UNCATEGORIZED :
		forecast_category_position(forecast_category_recognize(label));
	if (*position < 0 || !skip_words(s, ":"))
		return false;

	*s += strspn(*s, BLANKS);
	length = strcspn(*s, BLANKS "(");
	*amount = pnstrdup(*s, length);
	*s += length;
	if (strcmp(*amount, no_amount) == 0)
		*amount = NULL;

	if (!skip_words(s, "(") || !read_count(s, &group->deals) || !(skip_words(s, "deals") || skip_words(s, "deal")))
		return false;
	if (skip_words(s, ",") && !(read_count(s, &group->deals_without_amount) && skip_words(s, "without amount")))
		return false;

	return skip_words(s, ")") && group->deals > 0 && group->deals_without_amount <= group->deals &&
		(*amount == NULL) == (group->deals_without_amount == group->deals);
}

/* Text input: what text output writes; the groups in any order, the categories in any spelling. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_in);
Datum
salesops_forecast_totals_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	char	   *s = text;
	Totals		totals = {0};
	bool		is_good = skip_words(&s, no_deals);

	if (!is_good)
	{
		do
		{
			TotalsGroup group = {0};
			int			position;
			char	   *amount;

			is_good = read_group(&s, &position, &group, &amount) && totals.groups[position].deals == 0;
			if (is_good && amount != NULL)
			{
				Datum		value;

				if (!salesops_input(numeric_in, amount, fcinfo, &value))
					PG_RETURN_NULL();
				group.amount = DatumGetNumeric(value);
			}
			if (is_good)
				totals.groups[position] = group;
		} while (is_good && skip_words(&s, ","));
	}

	if (!is_good || s[strspn(s, BLANKS)] != '\0')
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%s\"", "forecast_totals", text),
						  errhint("Write each category once, as in \"Closed: 50.00 (3 deals), Commit: 20 (2 deals, 1 without amount)\"; "
								  "write \"unknown\" where no deal has an amount, \"no deals\" where there are none.")));

	PG_RETURN_POINTER(forecast_totals_store(&totals));
}

/* Binary output: version, number of groups, then category, deals, deals without amount and the known amount of each. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_send);
Datum
salesops_forecast_totals_send(PG_FUNCTION_ARGS)
{
	ForecastTotals *stored = PG_GETARG_FORECAST_TOTALS(0);
	Totals		totals;
	StringInfoData message;

	forecast_totals_load(stored, &totals);
	pq_begintypsend(&message);
	pq_sendbyte(&message, FORECAST_TOTALS_VERSION);
	pq_sendbyte(&message, stored->groups);
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const TotalsGroup *group = &totals.groups[position];

		if (group->deals == 0)
			continue;
		pq_sendbyte(&message, group_category(position));
		pq_sendint64(&message, group->deals);
		pq_sendint64(&message, group->deals_without_amount);
		if (group->amount != NULL)
		{
			bytea	   *amount = DatumGetByteaPP(DirectFunctionCall1(numeric_send, NumericGetDatum(group->amount)));

			pq_sendbytes(&message, VARDATA_ANY(amount), VARSIZE_ANY_EXHDR(amount));
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Binary input: what binary output writes, believed only where it makes sense. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_recv);
Datum
salesops_forecast_totals_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	int			groups = pq_getmsgbyte(message);
	Totals		totals = {0};

	if (version != FORECAST_TOTALS_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "forecast_totals"),
				 errdetail("The version is %d; this salesops reads version %d.", version, FORECAST_TOTALS_VERSION)));

	for (int i = 0; i < groups; i++)
	{
		int			category = pq_getmsgbyte(message);
		int			position = group_position((ForecastCategory) category);
		int64		deals = pq_getmsgint64(message);
		int64		deals_without_amount = pq_getmsgint64(message);
		TotalsGroup *group;

		if (position < 0 || totals.groups[position].deals > 0 ||
			deals <= 0 || deals_without_amount < 0 || deals_without_amount > deals)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid binary representation of type %s", "forecast_totals"),
					 errdetail("Category byte %d, %lld deals, %lld of them without amount.",
							   category, (long long) deals, (long long) deals_without_amount)));

		group = &totals.groups[position];
		group->deals = deals;
		group->deals_without_amount = deals_without_amount;
		if (deals_without_amount < deals)
			group->amount = DatumGetNumeric(DirectFunctionCall3(numeric_recv, PointerGetDatum(message),
																ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	PG_RETURN_POINTER(forecast_totals_store(&totals));
}

/* Compares two groups: an unknown amount is the smallest, then by amount, deals and deals without amount. */
static int32
compare_groups(const TotalsGroup *a, const TotalsGroup *b)
{
	if ((a->amount == NULL) != (b->amount == NULL))
		return a->amount == NULL ? -1 : 1;
	if (a->amount != NULL)
	{
		int32		order = DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a->amount),
															  NumericGetDatum(b->amount)));

		if (order != 0)
			return order;
	}
	if (a->deals != b->deals)
		return a->deals < b->deals ? -1 : 1;
	if (a->deals_without_amount != b->deals_without_amount)
		return a->deals_without_amount < b->deals_without_amount ? -1 : 1;
	return 0;
}

/* Frees what detoasting an argument made, if it made anything: sorts compare often and free nothing in between. */
static void
free_if_copy(ForecastTotals *stored, Datum argument)
{
	if ((Pointer) stored != DatumGetPointer(argument))
		pfree(stored);
}

/* Closed decides first, then Commit, and so on down; the deals without a category last. */
static int32
forecast_totals_order(Datum a, Datum b)
{
	ForecastTotals *left_stored = DatumGetForecastTotals(a);
	ForecastTotals *right_stored = DatumGetForecastTotals(b);
	Totals		left;
	Totals		right;
	int32		order = 0;

	forecast_totals_load(left_stored, &left);
	forecast_totals_load(right_stored, &right);
	for (int position = FORECAST_CATEGORIES - 1; position >= 0 && order == 0; position--)
		order = compare_groups(&left.groups[position], &right.groups[position]);
	if (order == 0)
		order = compare_groups(&left.groups[UNCATEGORIZED], &right.groups[UNCATEGORIZED]);

	free_if_copy(left_stored, a);
	free_if_copy(right_stored, b);
	return order;
}

SALESOPS_ORDERING(forecast_totals)

/* Hashes what equality compares: 1.0 and 1.00 are one amount. */
static uint64
hash_totals(FunctionCallInfo fcinfo, uint64 seed)
{
	Totals		totals;
	uint64		hash = seed;

	load_argument(fcinfo, 0, &totals);
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		const TotalsGroup *group = &totals.groups[position];
		int64		counts[] = {position, group->deals, group->deals_without_amount};

		if (group->deals == 0)
			continue;
		hash = hash_combine64(hash, DatumGetUInt64(hash_any_extended((unsigned char *) counts, sizeof(counts), seed)));
		if (group->amount != NULL)
			hash = hash_combine64(hash, DatumGetUInt64(DirectFunctionCall2(hash_numeric_extended,
																		   NumericGetDatum(group->amount),
																		   UInt64GetDatum(seed))));
	}
	return hash;
}

/* Hash, for hash joins and grouping. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_hash);
Datum
salesops_forecast_totals_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT32((uint32) hash_totals(fcinfo, 0));
}

/* Seeded hash, for hash partitioning; its low half is the plain hash where the seed is 0. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_hash_extended);
Datum
salesops_forecast_totals_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_UINT64(hash_totals(fcinfo, (uint64) PG_GETARG_INT64(1)));
}

/* totals + totals: group by group. */
PG_FUNCTION_INFO_V1(salesops_forecast_totals_plus);
Datum
salesops_forecast_totals_plus(PG_FUNCTION_ARGS)
{
	Totals		sum;
	Totals		other;

	load_argument(fcinfo, 0, &sum);
	load_argument(fcinfo, 1, &other);
	for (int position = 0; position < TOTALS_GROUPS; position++)
	{
		TotalsGroup *group = &sum.groups[position];
		const TotalsGroup *added = &other.groups[position];

		group->deals = forecast_totals_add_counts(group->deals, added->deals);
		/* Never more than the deals, so it fits where they do. */
		group->deals_without_amount += added->deals_without_amount;
		if (group->amount != NULL && added->amount != NULL)
			group->amount = DatumGetNumeric(DirectFunctionCall2(numeric_add, NumericGetDatum(group->amount),
																NumericGetDatum(added->amount)));
		else if (added->amount != NULL)
			group->amount = added->amount;
	}
	PG_RETURN_POINTER(forecast_totals_store(&sum));
}

/* The position of the category that an argument names. */
static int
position_argument(FunctionCallInfo fcinfo, int n)
{
	return forecast_category_position(PG_GETARG_FORECAST_CATEGORY(n));
}

/* deals(totals, category): how many deals are in the category. */
PG_FUNCTION_INFO_V1(salesops_deals);
Datum
salesops_deals(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	PG_RETURN_INT64(totals.groups[position_argument(fcinfo, 1)].deals);
}

/* deals_without_amount(totals, category): how many of them have no amount. */
PG_FUNCTION_INFO_V1(salesops_deals_without_amount);
Datum
salesops_deals_without_amount(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	PG_RETURN_INT64(totals.groups[position_argument(fcinfo, 1)].deals_without_amount);
}

/* amount(totals, category): the sum of the known amounts; 0 without a deal, NULL where no deal has an amount. */
PG_FUNCTION_INFO_V1(salesops_amount);
Datum
salesops_amount(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	return return_sum(fcinfo, &totals, GROUP_BIT(position_argument(fcinfo, 1)), NULL);
}

/* uncategorized_deals(totals): how many deals have no category. */
PG_FUNCTION_INFO_V1(salesops_uncategorized_deals);
Datum
salesops_uncategorized_deals(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	PG_RETURN_INT64(totals.groups[UNCATEGORIZED].deals);
}

/* uncategorized_deals_without_amount(totals): how many of them have no amount either. */
PG_FUNCTION_INFO_V1(salesops_uncategorized_deals_without_amount);
Datum
salesops_uncategorized_deals_without_amount(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	PG_RETURN_INT64(totals.groups[UNCATEGORIZED].deals_without_amount);
}

/* uncategorized_amount(totals): the sum of their known amounts; 0 and NULL as for amount. */
PG_FUNCTION_INFO_V1(salesops_uncategorized_amount);
Datum
salesops_uncategorized_amount(PG_FUNCTION_ARGS)
{
	Totals		totals;

	load_argument(fcinfo, 0, &totals);
	return return_sum(fcinfo, &totals, GROUP_BIT(UNCATEGORIZED), NULL);
}

/* The categories whose deals are open pipeline. */
static uint32
open_groups(void)
{
	uint32		groups = 0;

	for (int position = 0; position < FORECAST_CATEGORIES; position++)
	{
		if (forecast_category_members[position].is_open)
			groups |= GROUP_BIT(position);
	}
	return groups;
}

/*
 * cumulative(totals, category): the rollup column of that name. Closed is Closed; Commit, Most Likely and Best Case
 * are Closed and that category and all above it; Pipeline is all open categories without Closed ("open pipeline");
 * Upside and Omitted have none: NULL. Source: Salesforce's cumulative forecast rollups, with Upside in the pipeline.
 */
PG_FUNCTION_INFO_V1(salesops_cumulative);
Datum
salesops_cumulative(PG_FUNCTION_ARGS)
{
	ForecastCategory category = PG_GETARG_FORECAST_CATEGORY(1);
	Totals		totals;

	if (category < FORECAST_PIPELINE)
		PG_RETURN_NULL();
	load_argument(fcinfo, 0, &totals);
	return return_sum(fcinfo, &totals,
					  category == FORECAST_PIPELINE ? open_groups() : GROUPS_FROM(position_argument(fcinfo, 1)), NULL);
}

/* A weighted sum over some groups, with the weights of an argument. */
static Datum
weighted_sum(FunctionCallInfo fcinfo, uint32 groups, int weights_argument)
{
	Totals		totals;
	Datum		weights[FORECAST_CATEGORIES];

	load_argument(fcinfo, 0, &totals);
	read_weights(PG_GETARG_ARRAYTYPE_P(weights_argument), weights);
	return return_sum(fcinfo, &totals, groups, weights);
}

/* weighted(totals, weights): weighted_total, each category's amount times its weight; NULL where none is known. */
PG_FUNCTION_INFO_V1(salesops_weighted);
Datum
salesops_weighted(PG_FUNCTION_ARGS)
{
	return weighted_sum(fcinfo, ALL_GROUPS, 1);
}

/* weighted_amount(totals, category, weights): the part of it that one category contributes. */
PG_FUNCTION_INFO_V1(salesops_weighted_amount);
Datum
salesops_weighted_amount(PG_FUNCTION_ARGS)
{
	return weighted_sum(fcinfo, GROUP_BIT(position_argument(fcinfo, 1)), 2);
}

/* weighted_commit(totals, weights): the part that Closed and Commit contribute. */
PG_FUNCTION_INFO_V1(salesops_weighted_commit);
Datum
salesops_weighted_commit(PG_FUNCTION_ARGS)
{
	return weighted_sum(fcinfo, GROUPS_FROM(forecast_category_position(FORECAST_COMMIT)), 1);
}

/* weighted_best_case(totals, weights): the part that Closed down to Best Case contribute. */
PG_FUNCTION_INFO_V1(salesops_weighted_best_case);
Datum
salesops_weighted_best_case(PG_FUNCTION_ARGS)
{
	return weighted_sum(fcinfo, GROUPS_FROM(forecast_category_position(FORECAST_BEST_CASE)), 1);
}

/* default_weights(): the product's weights in rank order, as the functions above take them. */
PG_FUNCTION_INFO_V1(salesops_default_weights);
Datum
salesops_default_weights(PG_FUNCTION_ARGS)
{
	Datum		weights[FORECAST_CATEGORIES];

	(void) fcinfo;
	forecast_totals_default_weights(weights);
	PG_RETURN_ARRAYTYPE_P(construct_array(weights, FORECAST_CATEGORIES, NUMERICOID, -1, false, TYPALIGN_INT));
}
