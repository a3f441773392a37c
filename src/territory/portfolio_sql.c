/*
 * portfolio_sql.c: the SQL face of portfolio design: reads the queries and the options, returns one row a scenario.
 *
 * The queries are run as the caller would run them: under his rights and his search_path. What they give is put in order before anything is
 * computed, so that the order of their rows does not matter. What the options mean is for portfolio_options() to say, in SQL.
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

#define ROWS_AT_A_TIME	10000
#define MOST_CUSTOMERS	10000000
#define MOST_SEGMENTS	1000

/* What the queries gave: customers by segment and id, their past by customer. */
typedef struct Given
{
	int			customers;
	char	  **id;
	double	   *potential;		/* NaN: not known */
	int			segments;
	char	  **segment;
	int		   *first;			/* [segments + 1] */
	int			rows;
	int		   *first_row;		/* [customers + 1] */
	double	   *effort;
	double	   *revenue;
} Given;

/* A past period as the query gives it. */
typedef struct PastRow
{
	int			customer;
	double		effort;
	double		revenue;
} PastRow;

typedef struct PastRows
{
	Given	   *given;
	const int  *by_id;			/* customers in the order of their ids */
	int			at;				/* the customer that the last row was of */
	int			count;
	int			room;
	PastRow    *row;
} PastRows;

typedef void (*RowReader) (SPITupleTable *table, uint64 row, MemoryContext context, void *arg);

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Runs a query and hands over its rows one by one. */
static void
read_rows(const char *query, RowReader reader, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	Portal		portal;

	SPI_connect();
	portal = SPI_cursor_parse_open(NULL, query, &(SPIParseOpenOptions) {.read_only = true});
	do
	{
		SPI_cursor_fetch(portal, true, ROWS_AT_A_TIME);
		for (uint64 row = 0; row < SPI_processed; row++)
			reader(SPI_tuptable, row, context, arg);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	SPI_finish();
}

/* A number of a row; NaN where it is NULL. */
static double
read_number(SPITupleTable *table, uint64 row, int column, const char *what, const char *of)
{
	bool		is_null;
	Datum		value = SPI_getbinval(table->vals[row], table->tupdesc, column, &is_null);
	double		number;

	if (is_null)
		return get_float8_nan();
	number = DatumGetFloat8(value);
	if (!(number >= 0.0 && number <= 1e15))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s of customer \"%s\" must be a number from 0 to 1e15, not %g", what, of, number),
				 errhint("What is not known is NULL.")));
	return number;
}

/* A text of a row in the context; an error where it is NULL. */
static char *
read_name(SPITupleTable *table, uint64 row, int column, const char *what, MemoryContext context)
{
	char	   *text = SPI_getvalue(table->vals[row], table->tupdesc, column);

	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", what),
				 errhint("Leave such rows out of the query, or name what they belong to: coalesce(%s, 'other').",
						 strcmp(what, "segment of a customer") == 0 ? "segment" : "id")));
	return MemoryContextStrdup(context, text);
}

static void *
grow(void *array, Size bytes, MemoryContext context)
{
	return array == NULL ? MemoryContextAllocHuge(context, bytes) : repalloc_huge(array, bytes);
}

static void
read_customer(SPITupleTable *table, uint64 row, MemoryContext context, void *arg)
{
	Given	   *given = (Given *) arg;
	int			i = given->customers;
	char	   *segment;

	if (i == MOST_CUSTOMERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a portfolio can have at most %d customers", MOST_CUSTOMERS)));
	/* Doubled whenever all of a power of two are in use. */
	if ((i & (i - 1)) == 0)
	{
		Size		room = Max((Size) i * 2, 1);

		given->id = grow(given->id, room * sizeof(char *), context);
		given->potential = grow(given->potential, room * sizeof(double), context);
	}
	given->id[i] = read_name(table, row, 1, "id of a customer", context);
	segment = read_name(table, row, 2, "segment of a customer", context);
	given->potential[i] = read_number(table, row, 3, "potential", given->id[i]);
	if (given->segments == 0 || strcmp(given->segment[given->segments - 1], segment) != 0)
	{
		if (given->segments == MOST_SEGMENTS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a portfolio can have at most %d segments", MOST_SEGMENTS)));
		given->first[given->segments] = i;
		given->segment[given->segments++] = segment;
	}
	else
		pfree(segment);
	given->customers++;
	given->first[given->segments] = given->customers;
}

static int
compare_ids(const void *x, const void *y, void *arg)
{
	char	  **id = (char **) arg;

	return strcmp(id[*(const int *) x], id[*(const int *) y]);
}

/* Customers in the order of their ids; an error where one stands twice. */
static int *
order_ids(const Given *given)
{
	int		   *by_id = palloc_extended(given->customers * sizeof(int), MCXT_ALLOC_HUGE);

	for (int i = 0; i < given->customers; i++)
		by_id[i] = i;
	qsort_arg(by_id, given->customers, sizeof(int), compare_ids, given->id);
	for (int n = 1; n < given->customers; n++)
	{
		if (strcmp(given->id[by_id[n]], given->id[by_id[n - 1]]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("customer \"%s\" is given twice", given->id[by_id[n]]),
					 errhint("A customer is of one segment: give one row for each.")));
	}
	return by_id;
}

/* Rows come in the order of ids. Those of nobody in the portfolio, and those of which anything is unknown, are passed over. */
static void
read_past(SPITupleTable *table, uint64 row, MemoryContext context, void *arg)
{
	PastRows   *past = (PastRows *) arg;
	Given	   *given = past->given;
	char	   *id = SPI_getvalue(table->vals[row], table->tupdesc, 1);
	double		effort;
	double		revenue;

	if (id == NULL)
		return;
	effort = read_number(table, row, 2, "past effort", id);
	revenue = read_number(table, row, 3, "past revenue", id);
	while (past->at < given->customers && strcmp(given->id[past->by_id[past->at]], id) < 0)
		past->at++;
	if (past->at == given->customers || isnan(effort) || isnan(revenue) || strcmp(given->id[past->by_id[past->at]], id) != 0)
	{
		pfree(id);
		return;
	}
	pfree(id);
	if (past->count == past->room)
	{
		past->room = Max(past->room * 2, 1024);
		past->row = grow(past->row, past->room * sizeof(PastRow), context);
	}
	past->row[past->count++] = (PastRow) {past->by_id[past->at], effort, revenue};
}

/* Puts the rows beside their customers, each customer's in their order. */
static void
arrange_past(Given *given, const PastRows *past)
{
	int		   *next = palloc_extended((given->customers + 1) * sizeof(int), MCXT_ALLOC_HUGE);

	given->rows = past->count;
	given->first_row = palloc_extended((given->customers + 1) * sizeof(int), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	given->effort = palloc_extended(Max(past->count, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	given->revenue = palloc_extended(Max(past->count, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	for (int n = 0; n < past->count; n++)
		given->first_row[past->row[n].customer + 1]++;
	for (int i = 0; i < given->customers; i++)
		given->first_row[i + 1] += given->first_row[i];
	memcpy(next, given->first_row, (given->customers + 1) * sizeof(int));
	for (int n = 0; n < past->count; n++)
	{
		int			at = next[past->row[n].customer]++;

		given->effort[at] = past->row[n].effort;
		given->revenue[at] = past->row[n].revenue;
	}
	pfree(next);
}

#define AS_TEXT(column)	"(" column ")::pg_catalog.text COLLATE pg_catalog.\"C\""

static Given *
read_given(const char *customers_sql, const char *past_sql)
{
	Given	   *given = palloc0(sizeof(Given));
	PastRows	past = {.given = given};
	int		   *by_id;

	given->segment = palloc(MOST_SEGMENTS * sizeof(char *));
	given->first = palloc0((MOST_SEGMENTS + 1) * sizeof(int));
	read_rows(psprintf("SELECT " AS_TEXT("q.id") ", " AS_TEXT("q.segment") ", (q.potential)::pg_catalog.float8 FROM (%s\n) AS q ORDER BY 2, 1",
					   customers_sql), read_customer, given);
	if (given->customers == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no customers"),
				 errdetail("The query of customers returned no rows."),
				 errhint("It returns a row for each customer: id, segment, potential.")));
	by_id = order_ids(given);
	past.by_id = by_id;
	if (past_sql != NULL)
		read_rows(psprintf("SELECT " AS_TEXT("q.id") ", (q.effort)::pg_catalog.float8, (q.revenue)::pg_catalog.float8 FROM (%s\n) AS q ORDER BY 1, 2, 3",
						   past_sql), read_past, &past);
	arrange_past(given, &past);
	pfree(by_id);
	return given;
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

#define RESULT_COLUMNS	49

/* The row of a scenario, its columns in the order of solve_portfolio(). */
static void
put_scenario(ReturnSetInfo *rows, const Given *given, const Response *response, const Option *option,
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
	values[n++] = Float8GetDatum(scenario->unit);
	values[n++] = Float8GetDatum(Max(scenario->minimum, scenario->unit));
	values[n++] = Float8GetDatum(option->confidence);
	values[n] = Float8GetDatum(response->dispersion / option->periods);
	nulls[n++] = given->rows == 0;
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
	Given	   *given;
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
	given = read_given(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
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
