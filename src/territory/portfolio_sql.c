/*
 * portfolio_sql.c: the SQL face of portfolio design: reads the queries and the options, returns one row a scenario.
 *
 * portfolio_read_sql.c reads the queries; what the options mean is for portfolio_options() to say, in SQL.
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/numerics.h"
#include "territory/portfolio.h"
#include "territory/portfolio_read.h"

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ------------------------------------------------------------------------------------------------------------------ options */

/* A scenario as portfolio_options() gives it. */
typedef struct Option
{
	char	   *name;
	Datum		teams;			/* text[] */
	Datum		reps;			/* float8[] */
	double	   *reps_of;
	PortfolioScenario scenario;
	double		confidence;		/* of the intervals */
	double		periods;		/* past periods in the horizon */
	double	   *prior;			/* in the order of portfolio_options() */
} Option;

static double *
read_numbers(SPITupleTable *table, uint64 row, const char *column, int *count)
{
	bool		is_null;
	Datum		array = SPI_getbinval(table->vals[row], table->tupdesc, SPI_fnumber(table->tupdesc, column), &is_null);
	Datum	   *value;
	bool	   *value_is_null;
	double	   *number;

	deconstruct_array(DatumGetArrayTypeP(array), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &value, &value_is_null, count);
	number = palloc(Max(*count, 1) * sizeof(double));
	for (int i = 0; i < *count; i++)
		number[i] = value_is_null[i] ? get_float8_nan() : DatumGetFloat8(value[i]);
	return number;
}

static double
read_option(SPITupleTable *table, uint64 row, const char *column)
{
	bool		is_null;

	return DatumGetFloat8(SPI_getbinval(table->vals[row], table->tupdesc, SPI_fnumber(table->tupdesc, column), &is_null));
}

/* The scenarios that the options describe. */
static Option *
read_options(Datum options, Datum segments, int customers, double past_effort, double past_revenue, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {JSONBOID, TEXTARRAYOID, INT8OID, FLOAT8OID, FLOAT8OID};
	Datum		values[] = {options, segments, Int64GetDatum(customers), Float8GetDatum(past_effort), Float8GetDatum(past_revenue)};
	char		nulls[] = {' ', ' ', ' ', isnan(past_effort) ? 'n' : ' ', isnan(past_revenue) ? 'n' : ' '};
	Option	   *option;

	SPI_connect();
	SPI_execute_with_args("SELECT o.* FROM salesops.portfolio_options($1, $2, $3, $4, $5) AS o", 5, types, values, nulls, true, 0);
	*count = (int) SPI_processed;
	option = MemoryContextAllocZero(context, Max(*count, 1) * sizeof(Option));
	for (int n = 0; n < *count; n++)
	{
		SPITupleTable *table = SPI_tuptable;
		Option	   *o = &option[n];
		PortfolioScenario *scenario = &o->scenario;
		MemoryContext spi_context = MemoryContextSwitchTo(context);
		double	   *team;
		int		   *team_of;
		int			size;
		bool		is_null;

		o->name = SPI_getvalue(table->vals[n], table->tupdesc, SPI_fnumber(table->tupdesc, "scenario"));
		o->name = MemoryContextStrdup(context, o->name);
		o->teams = PointerGetDatum(DatumGetArrayTypePCopy(SPI_getbinval(table->vals[n], table->tupdesc, SPI_fnumber(table->tupdesc, "teams"), &is_null)));
		o->reps = PointerGetDatum(DatumGetArrayTypePCopy(SPI_getbinval(table->vals[n], table->tupdesc, SPI_fnumber(table->tupdesc, "reps"), &is_null)));
		scenario->capacity = read_numbers(table, n, "capacity", &scenario->teams);
		scenario->rep_effort = read_numbers(table, n, "effort_per_rep", &size);
		scenario->target = read_numbers(table, n, "targets", &size);
		scenario->uplift = read_numbers(table, n, "uplift", &size);
		scenario->uplift_deviation = read_numbers(table, n, "uplift_deviation", &size);
		team = read_numbers(table, n, "team_of", &size);
		team_of = palloc(size * sizeof(int));
		for (int s = 0; s < size; s++)
			team_of[s] = (int) team[s] - 1;
		scenario->team = team_of;
		scenario->unit = read_option(table, n, "effort_unit");
		scenario->minimum = read_option(table, n, "minimum_effort");
		scenario->target_price = read_option(table, n, "target_price");
		o->confidence = read_option(table, n, "confidence");
		scenario->z = salesops_normal_quantile(0.5 + 0.5 * o->confidence);
		o->periods = read_option(table, n, "periods");
		o->prior = read_numbers(table, n, "prior", &size);
		MemoryContextSwitchTo(spi_context);
	}
	SPI_finish();
	return option;
}

/* The prior in the scales that it is uncertain in. */
static ResponsePrior
make_prior(const double *given)
{
	ResponsePrior prior = {
		.mean = {salesops_log(given[0]), salesops_log(given[2]), salesops_logit(given[4])},
		.deviation = {given[1], given[3], given[5]},
		.between = {given[6], given[7], given[8]},
		.variation = given[9] * given[9],
		.dispersion = given[10],
	};

	return prior;
}

/* ------------------------------------------------------------------------------------------------------------------- result */

/* NaN is NULL. */
static Datum
make_numbers(const double *number, int count, int stride)
{
	Datum	   *value = palloc_extended(Max(count, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	bool	   *is_null = palloc_extended(Max(count, 1) * sizeof(bool), MCXT_ALLOC_HUGE);
	int			lower = 1;
	ArrayType  *array;

	for (int i = 0; i < count; i++)
	{
		is_null[i] = isnan(number[(Size) i * stride]);
		value[i] = Float8GetDatum(number[(Size) i * stride]);
	}
	array = construct_md_array(value, is_null, 1, &count, &lower, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(value);
	pfree(is_null);
	return PointerGetDatum(array);
}

static Datum
make_names(char *const *name, int count)
{
	Datum	   *value = palloc_extended(Max(count, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	ArrayType  *array;

	for (int i = 0; i < count; i++)
		value[i] = CStringGetTextDatum(name[i]);
	array = construct_array(value, count, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(value);
	return PointerGetDatum(array);
}

/* Mean and interval, in three arrays. */
static void
put_expectations(Datum *values, const Expectation *e, int count)
{
	values[0] = make_numbers(&e[0].mean, count, 3);
	values[1] = make_numbers(&e[0].low, count, 3);
	values[2] = make_numbers(&e[0].high, count, 3);
}

static void
put_expectation(Datum *values, const Expectation *e)
{
	values[0] = Float8GetDatum(e->mean);
	values[1] = Float8GetDatum(e->low);
	values[2] = Float8GetDatum(e->high);
}

/* A parameter of each segment: its median and interval. */
static void
put_parameter(Datum *values, const Response *response, int segments, ResponseParameter parameter, double z)
{
	Expectation *e = palloc(segments * sizeof(Expectation));

	for (int s = 0; s < segments; s++)
	{
		double		mean = response->segment[s].mean[parameter];
		double		reach = z * response->segment[s].deviation[parameter];
		double		(*back) (double) = parameter == RESPONSE_CARRYOVER ? salesops_logistic : salesops_exp;

		e[s] = (Expectation) {back(mean), back(mean - reach), back(mean + reach)};
	}
	put_expectations(values, e, segments);
	pfree(e);
}

#define RESULT_COLUMNS	48

/* The row of a scenario, its columns in the order of solve_portfolio(). */
static void
put_scenario(ReturnSetInfo *rows, const PortfolioGiven *given, const Response *response, const Option *option,
			 const PortfolioPlan *plan, const Expectation *change, Datum ids, Datum segments, Datum segment_of)
{
	Datum		values[RESULT_COLUMNS];
	bool		nulls[RESULT_COLUMNS] = {false};
	int			n = 0;
	const PortfolioScenario *scenario = &option->scenario;
	double	   *numbers = palloc(given->segments * sizeof(double));

	/* What an unknown potential brings is unknown. */
	for (int i = 0; i < given->customers; i++)
	{
		if (isnan(given->potential[i]))
		{
			plan->revenue[i] = (Expectation) {get_float8_nan(), get_float8_nan(), get_float8_nan()};
			plan->marginal[i] = plan->start[i] = get_float8_nan();
		}
	}
	values[n++] = CStringGetTextDatum(option->name);
	values[n++] = ids;
	values[n++] = segment_of;
	values[n++] = make_numbers(plan->effort, given->customers, 1);
	put_expectations(&values[n], plan->revenue, given->customers);
	n += 3;
	values[n++] = make_numbers(plan->marginal, given->customers, 1);
	values[n++] = make_numbers(plan->start, given->customers, 1);

	values[n++] = segments;
	for (int s = 0; s < given->segments; s++)
		numbers[s] = scenario->team[s] + 1;
	values[n++] = make_numbers(numbers, given->segments, 1);
	put_expectations(&values[n], plan->segment_revenue, given->segments);
	n += 3;
	values[n++] = make_numbers(scenario->target, given->segments, 1);
	values[n++] = make_numbers(plan->target_price, given->segments, 1);
	values[n++] = make_numbers(plan->threshold, given->segments, 1);
	put_parameter(&values[n], response, given->segments, RESPONSE_RATE, scenario->z);
	n += 3;
	put_parameter(&values[n], response, given->segments, RESPONSE_SCALE, scenario->z);
	n += 3;
	put_parameter(&values[n], response, given->segments, RESPONSE_CARRYOVER, scenario->z);
	n += 3;
	for (int s = 0; s < given->segments; s++)
		numbers[s] = response->segment[s].learned_from;
	values[n++] = make_numbers(numbers, given->segments, 1);
	values[n++] = make_numbers(scenario->uplift, given->segments, 1);

	values[n++] = option->teams;
	values[n++] = option->reps;
	values[n++] = make_numbers(scenario->capacity, scenario->teams, 1);
	values[n++] = make_numbers(plan->team_marginal, scenario->teams, 1);
	put_expectations(&values[n], plan->rep_value, scenario->teams);
	n += 3;

	put_expectation(&values[n], &plan->total);
	n += 3;
	put_expectation(&values[n], change);
	n += 3;
	values[n++] = Float8GetDatum(plan->value);
	values[n++] = Float8GetDatum(plan->bound);
	values[n] = Float8GetDatum(plan->top_tenth);
	nulls[n++] = isnan(plan->top_tenth);
	values[n++] = Float8GetDatum(Max(scenario->minimum, scenario->unit));
	values[n++] = Float8GetDatum(option->confidence);
	for (int s = 0; s < given->segments; s++)
		numbers[s] = given->rows == 0 ? get_float8_nan() : response->segment[s].dispersion / option->periods;
	values[n++] = make_numbers(numbers, given->segments, 1);
	values[n++] = Float8GetDatum(sqrt(1.0 / response->shape));
	Assert(n == rows->setDesc->natts);
	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
	pfree(numbers);
}

/* solve_portfolio(customers_sql, history_sql, options): the best plan of each scenario, one row each. */
PG_FUNCTION_INFO_V1(salesops_solve_portfolio);
Datum
salesops_solve_portfolio(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	PortfolioGiven	   *given;
	Option	   *option;
	int			scenarios;
	PortfolioCustomers in;
	ResponsePrior prior;
	Response   *response;
	PortfolioPlan *first = NULL;
	double	   *potential;
	double	   *segment_of;
	double		past_effort = 0.0;
	double		past_revenue = 0.0;
	int			efforts = 0;
	int			revenues = 0;
	Datum		ids;
	Datum		segments;
	Datum		segment_numbers;
	MemoryContext scenario_context;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", PG_ARGISNULL(0) ? "customers_sql" : "options"),
				 errhint("History alone may be unknown: then the prior is all that is known.")));
	InitMaterializedSRF(fcinfo, 0);
	given = portfolio_read_given(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	ids = make_names(given->id, given->customers);
	segments = make_names(given->segment, given->segments);

	for (int t = 0; t < given->rows; t++)
	{
		past_effort += given->effort[t];
		efforts += given->effort[t] > 0.0;
		past_revenue += given->revenue[t];
		revenues += given->revenue[t] > 0.0;
	}
	option = read_options(PG_GETARG_DATUM(2), segments, given->customers, efforts > 0 ? past_effort / efforts : get_float8_nan(),
						  revenues > 0 ? past_revenue / revenues : get_float8_nan(), &scenarios);

	/* From now on all is of the horizon's length. */
	for (int t = 0; t < given->rows; t++)
	{
		given->effort[t] *= option[0].periods;
		given->revenue[t] *= option[0].periods;
	}
	potential = palloc_extended(given->customers * sizeof(double), MCXT_ALLOC_HUGE);
	segment_of = palloc_extended(given->customers * sizeof(double), MCXT_ALLOC_HUGE);
	for (int s = 0; s < given->segments; s++)
	{
		for (int i = given->first[s]; i < given->first[s + 1]; i++)
		{
			potential[i] = isnan(given->potential[i]) ? 0.0 : given->potential[i];
			segment_of[i] = s + 1;
		}
	}
	segment_numbers = make_numbers(segment_of, given->customers, 1);
	in = (PortfolioCustomers) {given->customers, given->segments, given->first, potential, given->first_row, given->effort,
		given->revenue, check_for_cancel};
	prior = make_prior(option[0].prior);
	response = portfolio_fit(&in, &prior);

	scenario_context = AllocSetContextCreate(CurrentMemoryContext, "scenario of a portfolio", ALLOCSET_DEFAULT_SIZES);
	for (int n = 0; n < scenarios; n++)
	{
		/* The first plan stays, for the others are compared with it. */
		MemoryContext outer = MemoryContextSwitchTo(n == 0 ? CurrentMemoryContext : scenario_context);
		PortfolioPlan *plan = portfolio_allocate(&in, response, &option[n].scenario);
		Expectation change = {0};

		if (n == 0)
			first = plan;
		else
			change = portfolio_change(&in, response, &option[0].scenario, first, &option[n].scenario, plan);
		put_scenario(rows, given, response, &option[n], plan, &change, ids, segments, segment_numbers);
		MemoryContextSwitchTo(outer);
		MemoryContextReset(scenario_context);
	}
	MemoryContextDelete(scenario_context);
	return (Datum) 0;
}
