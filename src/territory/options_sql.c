/*
 * options_sql.c: the options of a plan, checked, with the defaults filled in.
 *
 * An option that nobody knows is an error, not a wish: a misspelt tolerance must not become the default. JSON null is as good as not given.
 */
#include "territory/plan_sql.h"

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/clock.h"

static const char *const known[] = {
	"name", "measures", "tolerance", "proportional_to", "distance_cost", "relationship", "mismatch_cost", "objective", "most_moves",
	"most_moved", "homes", "effort", "seed", "candidates", "gap", "warm_from", "as_of",
};

pg_noreturn static void
bad_option(const char *option, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\"", option),
			 errdetail("The option takes %s.", wanted)));
	pg_unreachable();
}

static char *
text_of(const char *option, const JsonbValue *value, const char *wanted)
{
	if (value->type != jbvString || value->val.string.len == 0)
		bad_option(option, wanted);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static double
number_of(const char *option, const JsonbValue *value, double least, double most, const char *wanted)
{
	double		number = NAN;

	if (value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	/* Products with smaller ones than 1e-30 may vanish. */
	if (!(number >= least && number <= most) || (number > 0 && number < 1e-30))
		bad_option(option, wanted);
	return number;
}

static double
whole_number_of(const char *option, const JsonbValue *value, double most, const char *wanted)
{
	double		number = number_of(option, value, 0, most, wanted);

	if (number != rint(number))
		bad_option(option, wanted);
	return number;
}

static double
tolerance_of(const JsonbValue *value)
{
	return number_of("tolerance", value, 0, 1e6, "a share of the target such as 0.05, 0 or more");
}

/* Calls back for each key and value of an object; false if it is none. */
static bool
each_member(JsonbContainer *object, void (*member) (const char *key, const JsonbValue *value, void *arg), void *arg)
{
	JsonbIterator *iterator;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!JsonContainerIsObject(object))
		return false;
	iterator = JsonbIteratorInit(object);
	JsonbIteratorNext(&iterator, &key, true);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) == WJB_KEY)
	{
		JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvNull)
			member(pnstrdup(key.val.string.val, key.val.string.len), &value, arg);
	}
	return true;
}

static void
read_measure_option(const char *key, const JsonbValue *value, void *arg)
{
	MeasureOptions *measure = arg;

	if (strcmp(key, "tolerance") == 0)
		measure->tolerance = tolerance_of(value);
	else if (strcmp(key, "proportional_to") == 0)
		measure->proportional_to = text_of(key, value, "the name of a column of territories_sql");
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown option \"%s\" of measure \"%s\"", key, measure->name),
				 errhint("A measure takes a tolerance, or an object of tolerance and proportional_to.")));
}

static void
read_measure(const char *key, const JsonbValue *value, void *arg)
{
	PlanOptions *options = arg;
	MeasureOptions *measure;

	if (options->measures == TERRITORY_MOST_MEASURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d measures", TERRITORY_MOST_MEASURES),
				 errhint("Name fewer in option \"measures\".")));
	measure = &options->measure[options->measures++];
	*measure = (MeasureOptions) {.name = key,.tolerance = NAN};
	if (value->type == jbvNumeric)
		measure->tolerance = tolerance_of(value);
	else if (value->type != jbvBinary || !each_member(value->val.binary.data, read_measure_option, measure))
		bad_option("measures", "an object such as {\"potential\": 0.05, \"workload\": {\"tolerance\": 0.1, \"proportional_to\": \"capacity\"}}");
}

static void
read_most_moved(const char *key, const JsonbValue *value, void *arg)
{
	PlanOptions *options = arg;

	if (options->budget_measure)
		bad_option("most_moved", "one measure");
	options->budget_measure = key;
	options->most_moved = number_of("most_moved", value, 0, 1e300, "a measure and how much of it may move, such as {\"potential\": 1000000}");
}

static void
read_option(const char *key, const JsonbValue *value, void *arg)
{
	PlanOptions *options = arg;
	const char *cost = "a cost, 0 or more";

	if (strcmp(key, "name") == 0)
		options->name = text_of(key, value, "a name");
	else if (strcmp(key, "measures") == 0)
	{
		if (value->type != jbvBinary || !each_member(value->val.binary.data, read_measure, options) || options->measures == 0)
			bad_option(key, "an object of measures and tolerances such as {\"potential\": 0.05}");
	}
	else if (strcmp(key, "tolerance") == 0)
		options->tolerance = tolerance_of(value);
	else if (strcmp(key, "proportional_to") == 0)
		options->proportional_to = text_of(key, value, "the name of a column of territories_sql");
	else if (strcmp(key, "distance_cost") == 0)
		options->distance_cost = number_of(key, value, 0, 1e15, cost);
	else if (strcmp(key, "relationship") == 0)
		options->relationship = number_of(key, value, 0, 1e15, cost);
	else if (strcmp(key, "mismatch_cost") == 0)
		options->mismatch_cost = number_of(key, value, 0, 1e15, cost);
	else if (strcmp(key, "objective") == 0)
	{
		const char *objective = text_of(key, value, "cost or fewest_moves");

		options->fewest_moves = strcmp(objective, "fewest_moves") == 0;
		if (!options->fewest_moves && strcmp(objective, "cost") != 0)
			bad_option(key, "cost or fewest_moves");
	}
	else if (strcmp(key, "most_moves") == 0)
		options->most_moves = whole_number_of(key, value, PG_INT32_MAX, "a number of accounts, 0 or more");
	else if (strcmp(key, "most_moved") == 0)
	{
		if (value->type != jbvBinary || !each_member(value->val.binary.data, read_most_moved, options) || !options->budget_measure)
			bad_option(key, "a measure and how much of it may move, such as {\"potential\": 1000000}");
	}
	else if (strcmp(key, "homes") == 0)
	{
		const char *homes = text_of(key, value, "given or free");

		options->homes_free = strcmp(homes, "free") == 0;
		if (!options->homes_free && strcmp(homes, "given") != 0)
			bad_option(key, "given or free");
	}
	else if (strcmp(key, "effort") == 0)
		options->effort = number_of(key, value, 0, 1000, "a number from 0, no polish, to 1000; 1 is usual");
	else if (strcmp(key, "seed") == 0)
		options->seed = (int64) whole_number_of(key, value, 9007199254740992.0, "a whole number from 0 to 2^53");
	else if (strcmp(key, "candidates") == 0)
		options->candidates = (int) whole_number_of(key, value, TERRITORY_MOST_TERRITORIES, "a number of territories; 0 leaves it to the size");
	else if (strcmp(key, "gap") == 0)
		options->gap = number_of(key, value, 0, 1, "a share from 0 to 1");
	else if (strcmp(key, "warm_from") == 0)
		options->warm_from = (int64) whole_number_of(key, value, 9007199254740992.0, "the plan_id of an earlier plan");
	else if (strcmp(key, "as_of") == 0)
	{
		options->as_of = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text_of(key, value, "an instant")),
																 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		if (TIMESTAMP_NOT_FINITE(options->as_of))
			bad_option(key, "an instant that is not infinite");
	}
	else
	{
		StringInfoData list;

		initStringInfo(&list);
		for (int i = 0; i < (int) lengthof(known); i++)
			appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", known[i]);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown option \"%s\"", key),
				 errhint("The options are: %s.", list.data)));
	}
}

/* Reads the options of a plan. What hangs on the queries is left open: see settle_measures() and arrange(). */
void
read_options(Jsonb *options, PlanOptions *result)
{
	*result = (PlanOptions) {
		.tolerance = 0.05,
		.proportional_to = "capacity",
		.distance_cost = 1,
		.relationship = NAN,
		.mismatch_cost = NAN,
		.most_moves = INFINITY,
		.most_moved = INFINITY,
		.effort = NAN,
		.as_of = DT_NOEND,
	};
	if (!each_member(&options->root, read_option, result))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object"),
				 errhint("{} takes the defaults.")));
	if (result->as_of == DT_NOEND)
		result->as_of = salesops_now();
}

static int
compare_measures(const void *one, const void *other)
{
	return strcmp(((const MeasureOptions *) one)->name, ((const MeasureOptions *) other)->name);
}

/* Says which measures there are where the options do not, puts them in order and fills in what they do not say of each. */
void
settle_measures(PlanOptions *options, int count, const char **names)
{
	bool		has_budget_measure = options->budget_measure == NULL;

	if (options->measures == 0)
	{
		if (count > TERRITORY_MOST_MEASURES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("accounts_sql has %d columns of numbers, and there can be %d measures", count, TERRITORY_MOST_MEASURES),
					 errhint("Say which ones are measures in option \"measures\".")));
		for (int m = 0; m < count; m++)
			options->measure[m] = (MeasureOptions) {.name = names[m],.tolerance = NAN};
		if (count == 0)
			options->measure[count++] = (MeasureOptions) {.name = NUMBER_OF_ACCOUNTS,.tolerance = NAN};
		options->measures = count;
	}
	qsort(options->measure, options->measures, sizeof(MeasureOptions), compare_measures);
	for (int m = 0; m < options->measures; m++)
	{
		MeasureOptions *measure = &options->measure[m];

		if (isnan(measure->tolerance))
			measure->tolerance = options->tolerance;
		if (!measure->proportional_to)
			measure->proportional_to = options->proportional_to;
		if (options->budget_measure && strcmp(measure->name, options->budget_measure) == 0)
			has_budget_measure = true;
	}
	if (!has_budget_measure)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"most_moved\" names \"%s\", which is no measure", options->budget_measure),
				 errhint("Name one of the measures of the plan.")));
}

static void
append_number(StringInfo out, const char *name, double value)
{
	appendStringInfo(out, ", \"%s\": %s", name, double_to_shortest_decimal(value));
}

/* The options as they are kept: with the defaults filled in, ready to be given again. */
Jsonb *
settled_options(const PlanOptions *options)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"measures\": {");
	for (int m = 0; m < options->measures; m++)
	{
		const MeasureOptions *measure = &options->measure[m];

		if (m > 0)
			appendStringInfoString(&out, ", ");
		escape_json(&out, measure->name);
		appendStringInfo(&out, ": {\"tolerance\": %s, \"proportional_to\": ", double_to_shortest_decimal(measure->tolerance));
		escape_json(&out, measure->proportional_to);
		appendStringInfoChar(&out, '}');
	}
	appendStringInfo(&out, "}, \"objective\": \"%s\", \"homes\": \"%s\"", options->fewest_moves ? "fewest_moves" : "cost",
					 options->homes_free ? "free" : "given");
	append_number(&out, "distance_cost", options->distance_cost);
	append_number(&out, "relationship", options->relationship);
	append_number(&out, "mismatch_cost", options->mismatch_cost);
	if (!isinf(options->most_moves))
		append_number(&out, "most_moves", options->most_moves);
	if (options->budget_measure)
	{
		appendStringInfoString(&out, ", \"most_moved\": {");
		escape_json(&out, options->budget_measure);
		appendStringInfo(&out, ": %s}", double_to_shortest_decimal(options->most_moved));
	}
	if (!isnan(options->effort))
		append_number(&out, "effort", options->effort);
	append_number(&out, "gap", options->gap);
	appendStringInfo(&out, ", \"seed\": " INT64_FORMAT ", \"candidates\": %d", options->seed, options->candidates);
	if (options->warm_from != 0)
		appendStringInfo(&out, ", \"warm_from\": " INT64_FORMAT, options->warm_from);
	appendStringInfoChar(&out, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}
