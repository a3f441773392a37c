/*
 * forecast_category.c: the type salesops.forecast_category.
 *
 * One byte, passed by value, ordered by confidence: Omitted < Upside < Pipeline < Best Case < Most Likely < Commit <
 * Closed. Every CRM writes these words its own way (Salesforce's API says Forecast where its screens say Commit,
 * HubSpot says BEST_CASE), so the type reads them all and prints one label. What it does not know is an error on
 * input and NULL from recognize_forecast_category(): a stage word that nobody mapped must never become a silent
 * Omitted.
 */
#include "core/forecast_category.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#include "core/ordering.h"

const ForecastCategoryMember forecast_category_members[FORECAST_CATEGORIES] = {
	{FORECAST_OMITTED, "Omitted", 0, false},
	{FORECAST_UPSIDE, "Upside", 5, true},
	{FORECAST_PIPELINE, "Pipeline", 20, true},
	{FORECAST_BEST_CASE, "Best Case", 50, true},
	{FORECAST_MOST_LIKELY, "Most Likely", 70, true},
	{FORECAST_COMMIT, "Commit", 90, true},
	{FORECAST_CLOSED, "Closed", 100, false},
};

/* A blank stands for any run of separators, or none: "best case" is also Best_Case, BEST-CASE and BestCase. */
static const struct
{
	const char *spelling;
	ForecastCategory category;
}			spellings[] = {
	{"omitted", FORECAST_OMITTED},
	{"omit", FORECAST_OMITTED},				/* HubSpot, internal value */
	{"not forecasted", FORECAST_OMITTED},	/* HubSpot, label */
	{"upside", FORECAST_UPSIDE},
	{"pipeline", FORECAST_PIPELINE},
	{"best case", FORECAST_BEST_CASE},
	{"most likely", FORECAST_MOST_LIKELY},
	{"commit", FORECAST_COMMIT},
	{"forecast", FORECAST_COMMIT},			/* Salesforce, API value */
	{"closed", FORECAST_CLOSED},
	{"closed won", FORECAST_CLOSED},		/* HubSpot, label */
};

/* Says whether s is the given spelling. ASCII rules, so that the answer depends on no locale. */
static bool
is_spelled(const char *s, const char *spelling)
{
	s += strspn(s, " \t\r\n");
	for (; *spelling != '\0'; spelling++)
	{
		if (*spelling == ' ')
			s += strspn(s, " \t_-");
		else if (pg_ascii_tolower((unsigned char) *s) == (unsigned char) *spelling)
			s++;
		else
			return false;
	}
	s += strspn(s, " \t\r\n");
	return *s == '\0';
}

/* Returns the category with that spelling, or FORECAST_UNKNOWN. */
ForecastCategory
forecast_category_recognize(const char *spelling)
{
	for (size_t i = 0; i < lengthof(spellings); i++)
	{
		if (is_spelled(spelling, spellings[i].spelling))
			return spellings[i].category;
	}
	return FORECAST_UNKNOWN;
}

/* Returns the place of a category in rank order, from 0, or -1 for a byte that is no category. */
int
forecast_category_position(ForecastCategory category)
{
	int			position = category / 10 - 1;

	/* The members stand ten apart today; a member set between two of them makes this a search. */
	StaticAssertStmt(FORECAST_CLOSED == 10 * FORECAST_CATEGORIES, "forecast categories are not ten apart");

	return category % 10 == 0 && position < FORECAST_CATEGORIES ? position : -1;
}

/* Returns the default weight of the category at a place in rank order, with two decimals. */
Numeric
forecast_category_default_weight(int position)
{
	return int64_div_fast_to_numeric(forecast_category_members[position].weight_percent, 2);
}

/* Returns the place of a category that came from a stored value, which is one of ours. */
static int
stored_position(ForecastCategory category)
{
	int			position = forecast_category_position(category);

	if (position < 0)
		elog(ERROR, "invalid forecast_category byte %d", category);
	return position;
}

/* Text input: every spelling that a CRM uses, in any case. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_in);
Datum
salesops_forecast_category_in(PG_FUNCTION_ARGS)
{
	char	   *spelling = PG_GETARG_CSTRING(0);
	ForecastCategory category = forecast_category_recognize(spelling);

	if (category == FORECAST_UNKNOWN)
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%s\"", "forecast_category", spelling),
						  errhint("Valid labels are Omitted, Upside, Pipeline, Best Case, Most Likely, Commit and Closed.")));

	PG_RETURN_FORECAST_CATEGORY(category);
}

/* Text output: the label. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_out);
Datum
salesops_forecast_category_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(forecast_category_members[stored_position(PG_GETARG_FORECAST_CATEGORY(0))].label));
}

/* Binary input: the stored byte, believed only when it is a member. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_recv);
Datum
salesops_forecast_category_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	ForecastCategory category = (ForecastCategory) pq_getmsgbyte(message);

	if (forecast_category_position(category) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "forecast_category"),
				 errdetail("Byte %d is no category; the categories are 10, 20, ... 70.", category)));

	PG_RETURN_FORECAST_CATEGORY(category);
}

/* Binary output: the stored byte. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_send);
Datum
salesops_forecast_category_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, PG_GETARG_FORECAST_CATEGORY(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* The order of confidence is the order of the stored numbers. */
static inline int32
forecast_category_order(Datum a, Datum b)
{
	return (int32) DatumGetForecastCategory(a) - (int32) DatumGetForecastCategory(b);
}

SALESOPS_ORDERING_BY_VALUE(forecast_category)

/* Hash, for hash joins, grouping and hash indexes. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_hash);
Datum
salesops_forecast_category_hash(PG_FUNCTION_ARGS)
{
	return hash_uint32(PG_GETARG_FORECAST_CATEGORY(0));
}

/* Seeded hash, for hash partitioning. */
PG_FUNCTION_INFO_V1(salesops_forecast_category_hash_extended);
Datum
salesops_forecast_category_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_uint32_extended(PG_GETARG_FORECAST_CATEGORY(0), PG_GETARG_INT64(1));
}

/* The sort rank, for tools that must order by a number: 10 (Omitted) to 70 (Closed). */
PG_FUNCTION_INFO_V1(salesops_forecast_category_rank);
Datum
salesops_forecast_category_rank(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(PG_GETARG_FORECAST_CATEGORY(0));
}

/* recognize_forecast_category(label): the category with that spelling, NULL where there is none. Never an error. */
PG_FUNCTION_INFO_V1(salesops_recognize_forecast_category);
Datum
salesops_recognize_forecast_category(PG_FUNCTION_ARGS)
{
	ForecastCategory category = forecast_category_recognize(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (category == FORECAST_UNKNOWN)
		PG_RETURN_NULL();
	PG_RETURN_FORECAST_CATEGORY(category);
}

/*
 * weight(category): the product's default share of a category's amount that is expected to be booked, 0 to 1.
 * Source of the figures: the product's weighting table (Closed 100 %, Commit 90 %, ... Omitted 0 %).
 */
PG_FUNCTION_INFO_V1(salesops_weight);
Datum
salesops_weight(PG_FUNCTION_ARGS)
{
	PG_RETURN_NUMERIC(forecast_category_default_weight(stored_position(PG_GETARG_FORECAST_CATEGORY(0))));
}

/* forecast_categories(): the members in rank order with label, rank, default weight and whether they are open. */
PG_FUNCTION_INFO_V1(salesops_forecast_categories);
Datum
salesops_forecast_categories(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < FORECAST_CATEGORIES; i++)
	{
		const ForecastCategoryMember *member = &forecast_category_members[i];
		Datum		values[] = {
			ForecastCategoryGetDatum(member->category),
			CStringGetTextDatum(member->label),
			Int16GetDatum(member->category),
			NumericGetDatum(forecast_category_default_weight(i)),
			BoolGetDatum(member->is_open),
		};
		bool		nulls[lengthof(values)] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
