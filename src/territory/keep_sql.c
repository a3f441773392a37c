/*
 * keep_sql.c: the plan written to its tables: accounts, territories, classes, findings, and at last the plan itself with the hash of
 * what it was given.
 */
#include "territory/plan_sql.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Accounts of an INSERT. */
#define CHUNK	4096

typedef struct Writer
{
	SPIPlanPtr	plan;
	int			arguments;
	Datum		value[16 + TERRITORY_MOST_MEASURES];
	char		null[16 + TERRITORY_MOST_MEASURES + 1];
	MemoryContext row;
} Writer;

static void
prepare(Writer *writer, const char *command, int arguments, const Oid *types)
{
	writer->plan = SPI_prepare(command, arguments, (Oid *) types);
	if (writer->plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	writer->row = AllocSetContextCreate(CurrentMemoryContext, "salesops territory writer", ALLOCSET_DEFAULT_SIZES);
	writer->arguments = 0;
}

static void
argument(Writer *writer, Datum value, bool is_null)
{
	writer->value[writer->arguments] = value;
	writer->null[writer->arguments++] = is_null ? 'n' : ' ';
}

static void
write_row(Writer *writer)
{
	if (SPI_execute_plan(writer->plan, writer->value, writer->null, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not keep the plan");
	writer->arguments = 0;
	MemoryContextReset(writer->row);
}

static void
end(Writer *writer)
{
	SPI_freeplan(writer->plan);
	MemoryContextDelete(writer->row);
}

static Datum
numbers(const double *value, int count)
{
	Datum	   *datum = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		datum[i] = Float8GetDatum(value[i]);
	return PointerGetDatum(construct_array(datum, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* A set of tags, in the order of names. */
static Datum
tag_names(const Given *given, const int *order, const Bitmapset *tags)
{
	Datum	   *datum = palloc(sizeof(Datum) * Max(bms_num_members(tags), 1));
	int			count = 0;

	for (int t = 0; t < given->tag.count; t++)
		if (bms_is_member(order[t], tags))
			datum[count++] = CStringGetTextDatum(name_of(&given->tag, order[t]));
	return PointerGetDatum(construct_array(datum, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static const char *
territory_name(const Given *given, int k)
{
	return name_of(&given->territory, given->territory_order[k]);
}

static const char *
account_name(const Given *given, int i)
{
	return name_of(&given->account, given->account_order[i]);
}

static const char *
hold_name(Hold hold)
{
	switch (hold)
	{
		case HOLD_NONE:
			return NULL;
		case HOLD_LOCKED:
			return "locked";
		case HOLD_EXEMPT:
			return "exempt";
		case HOLD_ELIGIBLE:
			return "eligible";
		case HOLD_INELIGIBLE:
			return "ineligible";
	}
	return NULL;
}

/* What is written of some accounts, column by column. */
typedef struct ColumnValues
{
	int			count;			/* accounts */
	Datum		value[CHUNK];
	bool		null[CHUNK];
} ColumnValues;

static void
add_text(ColumnValues *column, const char *value)
{
	column->null[column->count] = value == NULL;
	column->value[column->count++] = value ? CStringGetTextDatum(value) : (Datum) 0;
}

static void
add_number(ColumnValues *column, double value)
{
	column->null[column->count] = isnan(value);
	column->value[column->count++] = Float8GetDatum(value);
}

static void
add_whole(ColumnValues *column, int value)
{
	column->null[column->count] = false;
	column->value[column->count++] = Int32GetDatum(value);
}

/* The values as an argument of the INSERT. */
static void
array_argument(Writer *writer, ColumnValues *column, Oid type)
{
	int			lower = 1;
	int			length = type == FLOAT8OID ? (int) sizeof(float8) : type == INT4OID ? (int) sizeof(int32) : -1;
	bool		by_value = type == FLOAT8OID ? FLOAT8PASSBYVAL : type == INT4OID;
	char		align = type == FLOAT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT;

	argument(writer, PointerGetDatum(construct_md_array(column->value, column->null, 1, &column->count, &lower, type, length, by_value, align)),
			 false);
	column->count = 0;
}

typedef enum AccountColumn
{
	ACCOUNT_ID, SOURCE_KEY, CLASS, FAMILY, X, Y, Z, DISTANCE_COST, RELATIONSHIP, FROM_TERRITORY, HOLD, HOLD_TERRITORY, TO_TERRITORY, REGRET,
	AMOUNT
} AccountColumn;

static const struct
{
	const char *name;
	Oid			type;
}			account_column[] = {
	[ACCOUNT_ID] = {"account_id", TEXTOID},
	[SOURCE_KEY] = {"source_key", TEXTOID},
	[CLASS] = {"class", INT4OID},
	[FAMILY] = {"family", TEXTOID},
	[X] = {"x", FLOAT8OID},
	[Y] = {"y", FLOAT8OID},
	[Z] = {"z", FLOAT8OID},
	[DISTANCE_COST] = {"distance_cost", FLOAT8OID},
	[RELATIONSHIP] = {"relationship", FLOAT8OID},
	[FROM_TERRITORY] = {"from_territory", TEXTOID},
	[HOLD] = {"hold", TEXTOID},
	[HOLD_TERRITORY] = {"hold_territory", TEXTOID},
	[TO_TERRITORY] = {"to_territory", TEXTOID},
	[REGRET] = {"regret", FLOAT8OID},
};

/* INSERT of a chunk: each column, and each measure, is an array. */
static void
prepare_accounts(Writer *writer, int measures)
{
	StringInfoData names;
	StringInfoData arrays;
	StringInfoData aliases;
	StringInfoData amounts;
	StringInfoData command;
	Oid			types[1 + AMOUNT + TERRITORY_MOST_MEASURES] = {INT8OID};

	initStringInfo(&names);
	initStringInfo(&arrays);
	initStringInfo(&aliases);
	initStringInfo(&amounts);
	initStringInfo(&command);
	for (int c = 0; c < AMOUNT; c++)
	{
		const char *separator = c == 0 ? "" : ", ";

		types[1 + c] = account_column[c].type == TEXTOID ? TEXTARRAYOID : account_column[c].type == INT4OID ? INT4ARRAYOID : FLOAT8ARRAYOID;
		appendStringInfo(&names, "%s%s", separator, account_column[c].name);
		appendStringInfo(&arrays, "%spg_catalog.unnest($%d)", separator, c + 2);
		appendStringInfo(&aliases, "%s%s", separator, account_column[c].name);
	}
	for (int m = 0; m < measures; m++)
	{
		types[1 + AMOUNT + m] = FLOAT8ARRAYOID;
		appendStringInfo(&arrays, ", pg_catalog.unnest($%d)", AMOUNT + m + 2);
		appendStringInfo(&aliases, ", m%d", m);
		appendStringInfo(&amounts, "%sr.m%d", m == 0 ? "" : ", ", m);
	}
	appendStringInfo(&command,
					 "INSERT INTO salesops.territory_plan_account (plan_id, amount, %s) "
					 "SELECT $1, ARRAY[%s], %s FROM ROWS FROM (%s) AS r(%s)",
					 names.data, amounts.data, names.data, arrays.data, aliases.data);
	prepare(writer, command.data, 1 + AMOUNT + measures, types);
}

static void
keep_accounts(const Given *given, const TerritoryPlan *plan, int64 plan_id)
{
	int			measures = given->options->measures;
	ColumnValues *column = palloc0(sizeof(ColumnValues) * (AMOUNT + measures));
	Writer		writer;

	prepare_accounts(&writer, measures);
	for (int i = 0; i < accounts_of(given); i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(writer.row);
		const char *from = given->from[i] < 0 ? NULL : name_of(&given->place, given->from[i]);
		bool		has_place = given->x != NULL && !isnan(given->x[i]);

		add_text(&column[ACCOUNT_ID], account_name(given, i));
		add_text(&column[SOURCE_KEY], given->source && given->source[i] >= 0 ? name_of(&given->sources, given->source[i]) : NULL);
		add_whole(&column[CLASS], given->class_of[i]);
		add_text(&column[FAMILY], given->family && given->family[i] >= 0 ? name_of(&given->families, given->family[i]) : NULL);
		add_number(&column[X], has_place ? given->x[i] : NAN);
		add_number(&column[Y], has_place ? given->y[i] : NAN);
		add_number(&column[Z], has_place ? given->z[i] : NAN);
		add_number(&column[DISTANCE_COST], given->distance_cost[i]);
		add_number(&column[RELATIONSHIP], given->relationship[i]);
		add_text(&column[FROM_TERRITORY], from);
		add_text(&column[HOLD], hold_name(given->hold[i]));
		add_text(&column[HOLD_TERRITORY], given->locked_to[i] < 0 ? NULL : name_of(&given->place, given->locked_to[i]));
		add_text(&column[TO_TERRITORY], plan->territory[i] < 0 ? from : territory_name(given, plan->territory[i]));
		add_number(&column[REGRET], plan->regret[i]);
		for (int m = 0; m < measures; m++)
			add_number(&column[AMOUNT + m], given->amount[(Size) i * measures + m]);
		if (column[ACCOUNT_ID].count == CHUNK || i == accounts_of(given) - 1)
		{
			CHECK_FOR_INTERRUPTS();
			argument(&writer, Int64GetDatum(plan_id), false);
			for (int c = 0; c < AMOUNT; c++)
				array_argument(&writer, &column[c], account_column[c].type);
			for (int m = 0; m < measures; m++)
				array_argument(&writer, &column[AMOUNT + m], FLOAT8OID);
			write_row(&writer);
		}
		MemoryContextSwitchTo(caller);
	}
	end(&writer);
	pfree(column);
}

static void
keep_territories(const Given *given, const TerritoryPlan *plan, const double *load, const int *tag_order, int64 plan_id)
{
	static const Oid types[] = {
		INT8OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID, TEXTOID, FLOAT8OID,
		FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID,
		FLOAT8ARRAYOID,
	};
	int			measures = given->options->measures;
	bool		has_place = given->home_x != NULL;
	Writer		writer;

	prepare(&writer,
			"INSERT INTO salesops.territory_plan_territory (plan_id, territory_id, tags, needs, x, y, z, home_account, quota, ramp, "
			"share, floor, cap, target, least, most, load_before, load, price) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::pg_catalog.numeric, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
			lengthof(types), types);
	for (int k = 0; k < territories_of(given); k++)
	{
		MemoryContext caller = MemoryContextSwitchTo(writer.row);
		const double *const by_measure[] = {
			given->share, given->floor, given->cap, given->target, given->input.least, given->input.most, given->load_before, load,
			plan->price,
		};
		const char *home = given->home_account && given->home_account[k] >= 0 ? account_name(given, given->home_account[k]) : NULL;
		const char *quota = given->quota[k];

		argument(&writer, Int64GetDatum(plan_id), false);
		argument(&writer, CStringGetTextDatum(territory_name(given, k)), false);
		argument(&writer, tag_names(given, tag_order, given->territory_tags[k].tags), false);
		argument(&writer, tag_names(given, tag_order, given->territory_tags[k].needs), false);
		argument(&writer, Float8GetDatum(has_place ? given->home_x[k] : 0), !has_place || isnan(given->home_x[k]));
		argument(&writer, Float8GetDatum(has_place ? given->home_y[k] : 0), !has_place || isnan(given->home_y[k]));
		argument(&writer, Float8GetDatum(has_place ? given->home_z[k] : 0), !has_place || isnan(given->home_z[k]));
		argument(&writer, home ? CStringGetTextDatum(home) : (Datum) 0, home == NULL);
		argument(&writer, quota ? CStringGetTextDatum(quota) : (Datum) 0, quota == NULL);
		argument(&writer, Float8GetDatum(given->ramp[k]), false);
		for (int a = 0; a < (int) lengthof(by_measure); a++)
			argument(&writer, numbers(by_measure[a] + (Size) k * measures, measures), false);
		write_row(&writer);
		MemoryContextSwitchTo(caller);
	}
	end(&writer);
}

static void
keep_classes(const Given *given, const int *tag_order, int64 plan_id)
{
	static const Oid types[] = {INT8OID, INT4OID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	Writer		writer;

	prepare(&writer, "INSERT INTO salesops.territory_plan_class (plan_id, class, tags, needs, prefers) VALUES ($1, $2, $3, $4, $5)",
			lengthof(types), types);
	for (int c = 0; c < given->class_key.count; c++)
	{
		MemoryContext caller = MemoryContextSwitchTo(writer.row);

		argument(&writer, Int64GetDatum(plan_id), false);
		argument(&writer, Int32GetDatum(c), false);
		argument(&writer, tag_names(given, tag_order, given->classes[c].tags), false);
		argument(&writer, tag_names(given, tag_order, given->classes[c].needs), false);
		argument(&writer, tag_names(given, tag_order, given->classes[c].prefers), false);
		write_row(&writer);
		MemoryContextSwitchTo(caller);
	}
	end(&writer);
}

static const char *
finding_name(TerritoryFinding finding)
{
	switch (finding)
	{
		case TERRITORY_LIMITS_CROSS:
			return "limits_cross";
		case TERRITORY_HELD_TOO_MUCH:
			return "held_too_much";
		case TERRITORY_TOO_LARGE:
			return "too_large";
		case TERRITORY_SHORT_SUPPLY:
			return "short_supply";
		case TERRITORY_OVER_SUPPLY:
			return "over_supply";
		case TERRITORY_NO_STEP:
			return "no_step";
		case TERRITORY_BUDGET_SHORT:
			return "budget_short";
		case TERRITORY_OUTSIDE:
			return "outside";
		default:
			elog(ERROR, "finding %d does not leave a plan", (int) finding);
	}
	return NULL;
}

/* What the reason speaks of: a measure, or a budget. */
static const char *
reason_measure(const Given *given, const TerritoryReason *reason)
{
	if (reason->finding == TERRITORY_BUDGET_SHORT)
		return reason->measure == TERRITORY_BUDGET_COUNT ? "most_moves" : "most_moved";
	return reason->measure < 0 ? NULL : given->options->measure[reason->measure].name;
}

static void
keep_findings(const Given *given, const TerritoryPlan *plan, const double *load, int64 plan_id)
{
	static const Oid types[] = {INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID};
	Writer		writer;

	prepare(&writer,
			"INSERT INTO salesops.territory_plan_finding "
			"(plan_id, \"position\", finding, territory_id, account_id, measure, class, value, bound, price, together) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			lengthof(types), types);
	for (int r = 0; r < plan->reasons; r++)
	{
		MemoryContext caller = MemoryContextSwitchTo(writer.row);
		const TerritoryReason *reason = &plan->reason[r];
		const char *measure = reason_measure(given, reason);

		argument(&writer, Int64GetDatum(plan_id), false);
		argument(&writer, Int32GetDatum(r + 1), false);
		argument(&writer, CStringGetTextDatum(finding_name(reason->finding)), false);
		argument(&writer, reason->territory < 0 ? (Datum) 0 : CStringGetTextDatum(territory_name(given, reason->territory)), reason->territory < 0);
		argument(&writer, reason->account < 0 ? (Datum) 0 : CStringGetTextDatum(account_name(given, reason->account)), reason->account < 0);
		argument(&writer, measure ? CStringGetTextDatum(measure) : (Datum) 0, measure == NULL);
		argument(&writer, Int32GetDatum(reason->class_number), reason->class_number < 0);
		argument(&writer, Float8GetDatum(reason->finding == TERRITORY_OUTSIDE ?
										 load[reason->territory * given->input.measures + reason->measure] : reason->value), false);
		argument(&writer, Float8GetDatum(reason->limit), false);
		argument(&writer, Float8GetDatum(reason->price), false);
		argument(&writer, reason->other < 0 ? (Datum) 0 : CStringGetTextDatum(territory_name(given, reason->other)), reason->other < 0);
		write_row(&writer);
		MemoryContextSwitchTo(caller);
	}
	end(&writer);
}

static Datum
measure_names(const PlanOptions *options)
{
	Datum		name[TERRITORY_MOST_MEASURES];

	for (int m = 0; m < options->measures; m++)
		name[m] = CStringGetTextDatum(options->measure[m].name);
	return PointerGetDatum(construct_array(name, options->measures, TEXTOID, -1, false, TYPALIGN_INT));
}

static int64
next_plan_id(void)
{
	bool		is_null;

	if (SPI_execute("SELECT pg_catalog.nextval('salesops.territory_plan_plan_id_seq')", false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not number the plan");
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

/* Loads as whoever adds up the accounts finds them, in the order of names; the solver's whole numbers differ in the last digits. */
static double *
sum_loads(const Given *given, const TerritoryPlan *plan)
{
	const TerritoryInput *in = &given->input;
	double	   *load = palloc0(sizeof(double) * in->territories * in->measures);

	for (int i = 0; i < in->accounts; i++)
		if (plan->territory[i] >= 0)
			for (int m = 0; m < in->measures; m++)
				load[plan->territory[i] * in->measures + m] += in->amount[(Size) i * in->measures + m];
	return load;
}

/* What leaves its owner, as the budgets count it, whether there are budgets or not. */
static void
count_moves(const Given *given, const TerritoryPlan *plan, double *used)
{
	const TerritoryInput *in = &given->input;

	used[TERRITORY_BUDGET_COUNT] = used[TERRITORY_BUDGET_AMOUNT] = 0;
	for (int i = 0; i < in->accounts; i++)
		if (plan->territory[i] >= 0 && in->owner[i] >= 0 && in->owner[i] != plan->territory[i])
		{
			used[TERRITORY_BUDGET_COUNT] += 1;
			if (given->options->budget_measure)
				used[TERRITORY_BUDGET_AMOUNT] += in->amount[(Size) i * in->measures + in->budget_measure];
		}
}

/* Writes the plan and returns its number. */
int64
keep_plan(const Given *given, const TerritoryPlan *plan, const char *accounts_sql, const char *territories_sql, int64 copied_from)
{
	static const Oid types[] = {
		INT8OID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONBOID, TEXTARRAYOID, INT4OID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID,
		FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8ARRAYOID, FLOAT8ARRAYOID,
	};
	const PlanOptions *options = given->options;
	int64		plan_id = next_plan_id();
	int		   *tag_order = names_order(&given->tag);
	Writer		writer;
	double		used[TERRITORY_BUDGETS];
	double	   *load = sum_loads(given, plan);

	count_moves(given, plan, used);
	keep_accounts(given, plan, plan_id);
	keep_territories(given, plan, load, tag_order, plan_id);
	keep_classes(given, tag_order, plan_id);
	keep_findings(given, plan, load, plan_id);

	prepare(&writer,
			"INSERT INTO salesops.territory_plan (plan_id, name, copied_from, as_of, accounts_sql, territories_sql, options, measures, "
			"input_hash, accounts, territories, cost, bound, design_bound, outside, best_outside, tie_break, budget_price, budget_used, extension_version) "
			"SELECT $1, $2, $3, $4, $5, $6, $7, $8, salesops.territory_input_hash($1, $4, $7, $8), $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, e.extversion "
			"FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'salesops'",
			lengthof(types), types);
	argument(&writer, Int64GetDatum(plan_id), false);
	argument(&writer, options->name ? CStringGetTextDatum(options->name) : (Datum) 0, options->name == NULL);
	argument(&writer, Int64GetDatum(copied_from), copied_from == 0);
	argument(&writer, TimestampTzGetDatum(options->as_of), false);
	argument(&writer, CStringGetTextDatum(accounts_sql), false);
	argument(&writer, CStringGetTextDatum(territories_sql), false);
	argument(&writer, JsonbPGetDatum(settled_options(options)), false);
	argument(&writer, measure_names(options), false);
	argument(&writer, Int32GetDatum(accounts_of(given)), false);
	argument(&writer, Int32GetDatum(territories_of(given)), false);
	argument(&writer, Float8GetDatum(plan->cost), false);
	argument(&writer, Float8GetDatum(plan->bound), false);
	argument(&writer, Float8GetDatum(plan->design_bound), isinf(plan->design_bound));
	argument(&writer, Float8GetDatum(plan->outside), false);
	argument(&writer, Float8GetDatum(plan->best_outside), false);
	argument(&writer, Float8GetDatum(plan->tie_break), false);
	argument(&writer, numbers(plan->budget_price, TERRITORY_BUDGETS), false);
	argument(&writer, numbers(used, TERRITORY_BUDGETS), false);
	write_row(&writer);
	end(&writer);
	return plan_id;
}
