/*
 * balance_sql.c: plan_territories(accounts_sql, territories_sql, options, copied_from): the two queries are read, the solver plans, the plan is kept.
 *
 * The solver runs in a memory context of its own and looks for a cancel every few milliseconds; every few seconds a notice says how far it
 * is. What makes no sense to it is an error; limits that the plan could not keep are kept with the plan, and a warning says so.
 */
#include "territory/plan_sql.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "territory/design.h"

/* Milliseconds between two notices. */
#define SILENCE	5000

PG_FUNCTION_INFO_V1(salesops_plan_territories);

/* A notice of how far the solver is. */
static void
tell(const TerritoryStatus *status)
{
	static const char *const phase[] = {
		[TERRITORY_PHASE_PRICES] = "prices",
		[TERRITORY_PHASE_BOUND] = "bound",
		[TERRITORY_PHASE_PLAN] = "plan",
		[TERRITORY_PHASE_POLISH] = "polish",
		[TERRITORY_PHASE_HOMES] = "homes",
	};
	char		known[200];
	int			length = 0;

	known[0] = '\0';
	if (!isnan(status->cost))
		length += snprintf(known + length, sizeof(known) - length, ", cost %.9g", status->cost);
	if (!isnan(status->bound))
		length += snprintf(known + length, sizeof(known) - length, ", bound %.9g", status->bound);
	if (status->outside > 0)
		snprintf(known + length, sizeof(known) - length, ", loads outside by %.3g", status->outside);
	else if (status->cost != 0 && !isnan(status->cost - status->bound))
		snprintf(known + length, sizeof(known) - length, ", gap %.2f %%", 100 * (status->cost - status->bound) / fabs(status->cost));
	ereport(NOTICE, (errmsg("planning territories: %s%s", phase[status->phase], known)));
}

/* Answers a cancel, and tells whoever waits. The plan does not depend on the clock. */
static bool
look_up(const TerritoryStatus *status, void *arg)
{
	Given	   *given = arg;
	instr_time	now;
	instr_time	silence;

	CHECK_FOR_INTERRUPTS();
	INSTR_TIME_SET_CURRENT(now);
	silence = now;
	INSTR_TIME_SUBTRACT(silence, given->told);
	if (INSTR_TIME_GET_MILLISEC(silence) >= SILENCE)
	{
		given->told = now;
		tell(status);
	}
	return false;
}

/* Why there is no plan. */
pg_noreturn static void
refuse(const Given *given, const TerritoryPlan *plan)
{
	const TerritoryReason *reason = &plan->reason[0];
	const char *account = reason->account < 0 ? NULL : name_of(&given->account, given->account_order[reason->account]);
	const char *other = reason->other < 0 ? NULL : name_of(&given->account, given->account_order[reason->other]);

	switch (reason->finding)
	{
		case TERRITORY_NO_ELIGIBLE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("no territory may have account \"%s\"", account),
					 errdetail("No territory has all that it needs, or all need what it does not have."),
					 errhint("Compare its tags and needs with those of the territories, lock it somewhere, or take it out of the plan as exempt.")));
			break;
		case TERRITORY_FAMILY_SPLIT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("no territory may have the whole family of account \"%s\"", account),
					 other ? errdetail("Account \"%s\" of it is held elsewhere.", other) : errdetail("No territory is eligible for all of them."),
					 errhint("Unlock one of them, or take it out of the family.")));
			break;
		case TERRITORY_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the plan would take more memory than the setting territory_memory allows"),
					 errdetail("It needs %.0f MB at least, and %.0f MB are allowed.", ceil(reason->value / 1048576), reason->limit / 1048576),
					 errhint("SELECT salesops.set_setting('territory_memory', ...) allows more; option \"candidates\" makes do with less.")));
			break;
		case TERRITORY_BAD_NUMBER:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the cost of account \"%s\" is too large to be weighed against that of the others", account ? account : "none"),
					 errdetail("With its family it may come to %g, beside which their differences vanish.", reason->value),
					 errhint("Look at its place, distance_cost and relationship, or take it out of the plan as exempt.")));
			break;
		default:
			elog(ERROR, "the solver refuses its input: finding %d, account %s, value %g", (int) reason->finding, account ? account : "none", reason->value);
	}
	pg_unreachable();
}

/* Bytes that the solver may take: the setting. */
static Size
memory_limit(void)
{
	bool		is_null;

	if (SPI_execute("SELECT pg_catalog.pg_size_bytes(salesops.get_setting('territory_memory'))", true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the setting");
	return (Size) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

/* Raises 22004 where an argument that cannot do without is NULL. */
void
check_plan_arguments(FunctionCallInfo fcinfo)
{
	static const char *const name[] = {"accounts_sql", "territories_sql", "options"};

	for (int i = 0; i < (int) lengthof(name); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be NULL", name[i])));
}

/* Reads options, accounts and territories and puts them in order. In the current memory context, connected to SPI. */
void
read_given(Given *given, PlanOptions *options, const char *accounts_sql, const char *territories_sql, Jsonb *options_given)
{
	memset(given, 0, sizeof(*given));
	INSTR_TIME_SET_CURRENT(given->told);
	given->options = options;
	read_options(options_given, options);
	read_accounts(given, accounts_sql);
	read_territories(given, territories_sql);
	arrange(given);
}

/* A plan, and homes where they are to be chosen; raises what the solver refuses. */
TerritoryPlan *
solve(Given *given, TerritoryOptions *options)
{
	const TerritoryInput *in = &given->input;
	TerritoryPlan *plan;

	options->memory_limit = memory_limit();
	options->progress = look_up;
	options->progress_arg = given;
	plan = given->home_account ? territory_design(in, options, given->home_account) : territory_balance(in, options);
	if (!plan->is_valid)
		refuse(given, plan);
	for (int k = 0; k < in->territories && given->home_account; k++)
		if (given->home_account[k] >= 0)
		{
			given->home_x[k] = given->x[given->home_account[k]];
			given->home_y[k] = given->y[given->home_account[k]];
			given->home_z[k] = given->z[given->home_account[k]];
		}
	return plan;
}

/*
 * plan_territories(accounts_sql text, territories_sql text, options jsonb, copied_from bigint) returns bigint: plans and keeps the plan.
 */
Datum
salesops_plan_territories(PG_FUNCTION_ARGS)
{
	const char *accounts_sql;
	const char *territories_sql;
	PlanOptions options;
	Given		given;
	TerritoryOptions solver;
	TerritoryPlan *plan;
	MemoryContext work;
	MemoryContext caller;
	int64		plan_id;

	check_plan_arguments(fcinfo);
	check_may_keep_plan();
	accounts_sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	territories_sql = text_to_cstring(PG_GETARG_TEXT_PP(1));

	SPI_connect();
	work = AllocSetContextCreate(CurrentMemoryContext, "salesops territory plan", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(work);
	read_given(&given, &options, accounts_sql, territories_sql, PG_GETARG_JSONB_P(2));
	solver_options(&given, &solver);
	plan = solve(&given, &solver);
	plan_id = keep_plan(&given, plan, accounts_sql, territories_sql, PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3));
	if (plan->outside > 0)
		ereport(WARNING,
				(errmsg("plan " INT64_FORMAT " is not within its limits", plan_id),
				 plan->best_outside > 0 ?
				 errdetail("Loads are outside by %.4g in shares of their limits, added up, and in every plan by %.4g.", plan->outside, plan->best_outside) :
				 errdetail("Loads are outside by %.4g in shares of their limits, added up.", plan->outside),
				 errhint("SELECT * FROM salesops.territory_plan_findings(" INT64_FORMAT ") says which and why.", plan_id)));
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
	SPI_finish();
	PG_RETURN_INT64(plan_id);
}
