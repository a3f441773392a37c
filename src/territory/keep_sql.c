/*
 * keep_sql.c: the plan written to its tables: accounts, territories, classes, findings, and at last the plan itself with the hash of
 * what it was given.
 */
#include "territory/plan_sql.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/new_rows_sql.h"

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

static void
keep_accounts(const Given *given, const TerritoryPlan *plan, int64 plan_id)
{
	static const NewColumn column[] = {
		{"plan_id", INT8OID}, {"account_id", TEXTOID}, {"source_key", TEXTOID}, {"class", INT4OID}, {"family", TEXTOID}, {"amount", FLOAT8ARRAYOID},
		{"x", FLOAT8OID}, {"y", FLOAT8OID}, {"z", FLOAT8OID}, {"distance_cost", FLOAT8OID}, {"relationship", FLOAT8OID}, {"from_territory", TEXTOID},
		{"hold", TEXTOID}, {"hold_territory", TEXTOID}, {"to_territory", TEXTOID}, {"regret", FLOAT8OID},
	};
	int			measures = given->options->measures;
	NewRows		rows;

	new_rows_begin(&rows, "territory_plan_account", column, lengthof(column));
	for (int i = 0; i < accounts_of(given); i++)
	{
		const char *from = given->from[i] < 0 ? NULL : name_of(&given->place, given->from[i]);
		bool		has_place = given->x != NULL && !isnan(given->x[i]);

		new_rows_value(&rows, Int64GetDatum(plan_id), false);
		new_rows_text(&rows, account_name(given, i));
		new_rows_text(&rows, given->source && given->source[i] >= 0 ? name_of(&given->sources, given->source[i]) : NULL);
		new_rows_value(&rows, Int32GetDatum(given->class_of[i]), false);
		new_rows_text(&rows, given->family && given->family[i] >= 0 ? name_of(&given->families, given->family[i]) : NULL);
		new_rows_numbers(&rows, given->amount + (Size) i * measures, measures);
		new_rows_number(&rows, has_place ? given->x[i] : NAN);
		new_rows_number(&rows, has_place ? given->y[i] : NAN);
		new_rows_number(&rows, has_place ? given->z[i] : NAN);
		new_rows_number(&rows, given->distance_cost[i]);
		new_rows_number(&rows, given->relationship[i]);
		new_rows_text(&rows, from);
		new_rows_text(&rows, hold_name(given->hold[i]));
		new_rows_text(&rows, given->locked_to[i] < 0 ? NULL : name_of(&given->place, given->locked_to[i]));
		new_rows_text(&rows, plan->territory[i] < 0 ? from : territory_name(given, plan->territory[i]));
		new_rows_number(&rows, plan->regret[i]);
		new_rows_add(&rows);
	}
	new_rows_end(&rows);
}

/* What proves the bound by whole accounts: the steps of a territory that have a price. */
static void
add_steps(NewRows *rows, const TerritoryPlan *plan, int k, int measures)
{
	double	   *weight;
	double	   *below;
	double	   *price;
	int			steps = 0;

	if (!plan->whole_price)
	{
		for (int c = 0; c < 4; c++)
			new_rows_value(rows, (Datum) 0, true);
		return;
	}
	weight = palloc(sizeof(double) * plan->steps * measures);
	below = palloc(sizeof(double) * plan->steps);
	price = palloc(sizeof(double) * plan->steps);
	for (int s = k * plan->steps; s < (k + 1) * plan->steps; s++)
		if (plan->step_price[s] > 0)
		{
			memcpy(weight + steps * measures, plan->step_weight + (Size) s * measures, sizeof(double) * measures);
			below[steps] = isinf(plan->step_below[s]) ? NAN : plan->step_below[s];
			price[steps++] = plan->step_price[s];
		}
	new_rows_numbers(rows, plan->whole_price + (Size) k * measures, measures);
	new_rows_matrix(rows, weight, steps, measures);
	new_rows_numbers(rows, below, steps);
	new_rows_numbers(rows, price, steps);
	pfree(weight);
	pfree(below);
	pfree(price);
}

static void
keep_territories(const Given *given, const TerritoryPlan *plan, const double *load, const int *tag_order, int64 plan_id)
{
	static const NewColumn column[] = {
		{"plan_id", INT8OID}, {"territory_id", TEXTOID}, {"tags", TEXTARRAYOID}, {"needs", TEXTARRAYOID}, {"x", FLOAT8OID}, {"y", FLOAT8OID},
		{"z", FLOAT8OID}, {"home_account", TEXTOID}, {"quota", NUMERICOID}, {"ramp", FLOAT8OID}, {"share", FLOAT8ARRAYOID},
		{"floor", FLOAT8ARRAYOID}, {"cap", FLOAT8ARRAYOID}, {"target", FLOAT8ARRAYOID}, {"least", FLOAT8ARRAYOID}, {"most", FLOAT8ARRAYOID},
		{"load_before", FLOAT8ARRAYOID}, {"load", FLOAT8ARRAYOID}, {"price", FLOAT8ARRAYOID},
		{"whole_price", FLOAT8ARRAYOID}, {"step_weight", FLOAT8ARRAYOID}, {"step_below", FLOAT8ARRAYOID}, {"step_price", FLOAT8ARRAYOID},
	};
	const double *const by_measure[] = {
		given->share, given->floor, given->cap, given->target, given->input.least, given->input.most, given->load_before, load, plan->price,
	};
	int			measures = given->options->measures;
	bool		has_place = given->home_x != NULL;
	NewRows		rows;

	new_rows_begin(&rows, "territory_plan_territory", column, lengthof(column));
	for (int k = 0; k < territories_of(given); k++)
	{
		char	   *quota = given->quota[k];

		new_rows_value(&rows, Int64GetDatum(plan_id), false);
		new_rows_text(&rows, territory_name(given, k));
		new_rows_value(&rows, tag_names(given, tag_order, given->territory_tags[k].tags), false);
		new_rows_value(&rows, tag_names(given, tag_order, given->territory_tags[k].needs), false);
		new_rows_number(&rows, has_place ? given->home_x[k] : NAN);
		new_rows_number(&rows, has_place ? given->home_y[k] : NAN);
		new_rows_number(&rows, has_place ? given->home_z[k] : NAN);
		new_rows_text(&rows, given->home_account && given->home_account[k] >= 0 ? account_name(given, given->home_account[k]) : NULL);
		new_rows_value(&rows, quota ? DirectFunctionCall3(numeric_in, CStringGetDatum(quota), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)) : (Datum) 0, quota == NULL);
		new_rows_number(&rows, given->ramp[k]);
		for (int a = 0; a < (int) lengthof(by_measure); a++)
			new_rows_numbers(&rows, by_measure[a] + (Size) k * measures, measures);
		add_steps(&rows, plan, k, measures);
		new_rows_add(&rows);
	}
	new_rows_end(&rows);
}

static void
keep_classes(const Given *given, const int *tag_order, int64 plan_id)
{
	static const NewColumn column[] = {
		{"plan_id", INT8OID}, {"class", INT4OID}, {"tags", TEXTARRAYOID}, {"needs", TEXTARRAYOID}, {"prefers", TEXTARRAYOID},
	};
	NewRows		rows;

	new_rows_begin(&rows, "territory_plan_class", column, lengthof(column));
	for (int c = 0; c < given->class_key.count; c++)
	{
		new_rows_value(&rows, Int64GetDatum(plan_id), false);
		new_rows_value(&rows, Int32GetDatum(c), false);
		new_rows_value(&rows, tag_names(given, tag_order, given->classes[c].tags), false);
		new_rows_value(&rows, tag_names(given, tag_order, given->classes[c].needs), false);
		new_rows_value(&rows, tag_names(given, tag_order, given->classes[c].prefers), false);
		new_rows_add(&rows);
	}
	new_rows_end(&rows);
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
	static const NewColumn column[] = {
		{"plan_id", INT8OID}, {"position", INT4OID}, {"finding", TEXTOID}, {"territory_id", TEXTOID}, {"account_id", TEXTOID}, {"measure", TEXTOID},
		{"class", INT4OID}, {"value", FLOAT8OID}, {"bound", FLOAT8OID}, {"price", FLOAT8OID}, {"together", TEXTOID},
	};
	NewRows		rows;

	new_rows_begin(&rows, "territory_plan_finding", column, lengthof(column));
	for (int r = 0; r < plan->reasons; r++)
	{
		const TerritoryReason *reason = &plan->reason[r];

		new_rows_value(&rows, Int64GetDatum(plan_id), false);
		new_rows_value(&rows, Int32GetDatum(r + 1), false);
		new_rows_text(&rows, finding_name(reason->finding));
		new_rows_text(&rows, reason->territory < 0 ? NULL : territory_name(given, reason->territory));
		new_rows_text(&rows, reason->account < 0 ? NULL : account_name(given, reason->account));
		new_rows_text(&rows, reason_measure(given, reason));
		new_rows_value(&rows, Int32GetDatum(reason->class_number), reason->class_number < 0);
		new_rows_number(&rows, reason->finding == TERRITORY_OUTSIDE ? load[reason->territory * given->input.measures + reason->measure] : reason->value);
		new_rows_number(&rows, reason->limit);
		new_rows_number(&rows, reason->price);
		new_rows_text(&rows, reason->other < 0 ? NULL : territory_name(given, reason->other));
		new_rows_add(&rows);
	}
	new_rows_end(&rows);
}

static Datum
measure_names(const PlanOptions *options)
{
	Datum		name[TERRITORY_MOST_MEASURES];

	for (int m = 0; m < options->measures; m++)
		name[m] = CStringGetTextDatum(options->measure[m].name);
	return PointerGetDatum(construct_array(name, options->measures, TEXTOID, -1, false, TYPALIGN_INT));
}

#define PLAN_NUMBERS	"territory_plan_plan_id_seq"

/* Raises 25006 and 42501 where no plan can be kept: known before minutes are spent on one. */
void
check_may_keep_plan(void)
{
	Oid			numbers = get_relname_relid(PLAN_NUMBERS, get_namespace_oid("salesops", false));

	PreventCommandIfReadOnly("plan_territories()");
	if (pg_class_aclcheck(numbers, GetUserId(), ACL_USAGE | ACL_UPDATE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to keep territory plans"),
				 errdetail("A plan is kept by whoever made it."),
				 errhint("SELECT salesops.grant_access('%s', 'plan_territories') gives the right; territory_frontier() keeps nothing.", GetUserNameFromId(GetUserId(), false))));
}

static int64
next_plan_id(void)
{
	bool		is_null;

	if (SPI_execute("SELECT pg_catalog.nextval('salesops." PLAN_NUMBERS "')", false, 0) != SPI_OK_SELECT || SPI_processed != 1)
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

/* Adds the hash of what is kept of the plan, and the version of the extension that keeps it. */
static void
add_hash(NewRows *rows, int64 plan_id, const PlanOptions *options, Datum settled, Datum measures)
{
	static const Oid types[] = {INT8OID, TIMESTAMPTZOID, JSONBOID, TEXTARRAYOID};
	Datum		values[] = {Int64GetDatum(plan_id), TimestampTzGetDatum(options->as_of), settled, measures};

	if (SPI_execute_with_args("SELECT salesops.territory_input_hash($1, $2, $3, $4), e.extversion "
							  "FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'salesops'",
							  lengthof(types), (Oid *) types, values, NULL, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not hash the plan");
	new_rows_text(rows, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	new_rows_text(rows, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
}

/* Writes the plan and returns its number. */
int64
keep_plan(const Given *given, const TerritoryPlan *plan, const char *accounts_sql, const char *territories_sql, int64 copied_from)
{
	static const NewColumn column[] = {
		{"plan_id", INT8OID}, {"name", TEXTOID}, {"copied_from", INT8OID}, {"as_of", TIMESTAMPTZOID}, {"accounts_sql", TEXTOID},
		{"territories_sql", TEXTOID}, {"options", JSONBOID}, {"measures", TEXTARRAYOID}, {"accounts", INT8OID}, {"territories", INT4OID},
		{"cost", FLOAT8OID}, {"bound", FLOAT8OID}, {"design_bound", FLOAT8OID}, {"outside", FLOAT8OID}, {"best_outside", FLOAT8OID},
		{"tie_break", FLOAT8OID}, {"budget_price", FLOAT8ARRAYOID}, {"budget_used", FLOAT8ARRAYOID},
		{"input_hash", TEXTOID}, {"extension_version", TEXTOID},
	};
	const PlanOptions *options = given->options;
	int64		plan_id = next_plan_id();
	int		   *tag_order = names_order(&given->tag);
	Datum		settled = JsonbPGetDatum(settled_options(options));
	Datum		measures = measure_names(options);
	NewRows		rows;
	double		used[TERRITORY_BUDGETS];
	double	   *load = sum_loads(given, plan);

	count_moves(given, plan, used);
	keep_accounts(given, plan, plan_id);
	keep_territories(given, plan, load, tag_order, plan_id);
	keep_classes(given, tag_order, plan_id);
	keep_findings(given, plan, load, plan_id);

	new_rows_begin(&rows, "territory_plan", column, lengthof(column));
	new_rows_value(&rows, Int64GetDatum(plan_id), false);
	new_rows_text(&rows, options->name);
	new_rows_value(&rows, Int64GetDatum(copied_from), copied_from == 0);
	new_rows_value(&rows, TimestampTzGetDatum(options->as_of), false);
	new_rows_text(&rows, accounts_sql);
	new_rows_text(&rows, territories_sql);
	new_rows_value(&rows, settled, false);
	new_rows_value(&rows, measures, false);
	new_rows_value(&rows, Int64GetDatum(accounts_of(given)), false);
	new_rows_value(&rows, Int32GetDatum(territories_of(given)), false);
	new_rows_number(&rows, plan->cost);
	new_rows_number(&rows, plan->bound);
	new_rows_number(&rows, isinf(plan->design_bound) ? NAN : plan->design_bound);
	new_rows_number(&rows, plan->outside);
	new_rows_number(&rows, plan->best_outside);
	new_rows_number(&rows, plan->tie_break);
	new_rows_numbers(&rows, plan->budget_price, TERRITORY_BUDGETS);
	new_rows_numbers(&rows, used, TERRITORY_BUDGETS);
	add_hash(&rows, plan_id, options, settled, measures);
	new_rows_add(&rows);
	new_rows_end(&rows);
	return plan_id;
}
