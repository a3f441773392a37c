/*
 * portfolio_read_sql.c: the customers of a portfolio and their past, read by queries.
 *
 * The queries are run as the caller would run them: under his rights and his search_path. What they give is put in order before anything is
 * computed, so that the order of their rows does not matter.
 */
#include "territory/portfolio_read.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "core/query_sql.h"

#define ROWS_AT_A_TIME	10000
#define MOST_CUSTOMERS	10000000
#define MOST_SEGMENTS	1000

/* A past period as the query gives it. */
typedef struct PastRow
{
	int			customer;
	double		effort;
	double		revenue;
} PastRow;

typedef struct PastRows
{
	PortfolioGiven	   *given;
	const int  *by_id;			/* customers in the order of their ids */
	int			at;				/* the customer that the last row was of */
	int			count;
	int			room;
	PastRow    *row;
} PastRows;

typedef void (*RowReader) (SPITupleTable *table, uint64 row, MemoryContext context, void *arg);

/* Names the columns of a query that a portfolio does not use. */
static void
tell_unused(const char *argument, TupleDesc columns, const char *const used[3])
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < columns->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(columns, i)->attname);
		bool		is_used = false;

		for (int n = 0; n < 3; n++)
			is_used |= strcmp(name, used[n]) == 0;
		if (!is_used)
			appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ", name);
	}
	if (names.len > 0)
		ereport(NOTICE,
				(errmsg("%s has columns that a portfolio does not use: %s", argument, names.data),
				 errhint("It uses %s, %s and %s.", used[0], used[1], used[2])));
}

/*
 * Raises what is wrong with a query of the user while it stands alone, before it becomes part of another. Its columns are not cast in that
 * one: a cast that fails does not say in which row.
 */
static char *
query_of(const char *argument, const char *text, const char *const used[3], const ColumnKind kind[3])
{
	ReadQuery	read = {.argument = argument};
	SPIPlanPtr	plan;

	SPI_connect();
	plan = SPI_prepare(text, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	check_is_query(argument, plan);
	read.columns = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	for (int n = 0; n < 3; n++)
		need_column(&read, used[n], kind[n]);
	tell_unused(argument, read.columns, used);
	SPI_finish();
	return query_without_end(pstrdup(text));
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

/* The text of a number as it stands in a message: 1e400 has 401 digits. */
static const char *
short_text(const char *number)
{
	return strlen(number) <= 24 ? number : psprintf("%.16s... (%d characters)", number, (int) strlen(number));
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
	number = number_of(getBaseType(SPI_gettypeid(table->tupdesc, column)), value);
	if (!(number >= 0.0 && number <= 1e15))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s of customer \"%s\" must be a number from 0 to 1e15, not %s", what, of,
						short_text(SPI_getvalue(table->vals[row], table->tupdesc, column))),
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
	PortfolioGiven	   *given = (PortfolioGiven *) arg;
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
order_ids(const PortfolioGiven *given)
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
	PortfolioGiven	   *given = past->given;
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
arrange_past(PortfolioGiven *given, const PastRows *past)
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

/* What the queries give, in order. Errors in words where it makes no sense. */
PortfolioGiven *
portfolio_read_given(const char *customers_sql, const char *past_sql)
{
	PortfolioGiven	   *given = palloc0(sizeof(PortfolioGiven));
	PastRows	past = {.given = given};
	int		   *by_id;

	given->segment = palloc(MOST_SEGMENTS * sizeof(char *));
	given->first = palloc0((MOST_SEGMENTS + 1) * sizeof(int));
	read_rows(psprintf("SELECT " AS_TEXT("q.id") ", " AS_TEXT("q.segment") ", q.potential FROM (%s\n) AS q ORDER BY 2, 1",
					   query_of("customers_sql", customers_sql, (const char *const[]) {"id", "segment", "potential"},
								(const ColumnKind[]) {COLUMN_ANY, COLUMN_ANY, COLUMN_NUMBER})), read_customer, given);
	if (given->customers == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no customers"),
				 errdetail("The query of customers returned no rows."),
				 errhint("It returns a row for each customer: id, segment, potential.")));
	by_id = order_ids(given);
	past.by_id = by_id;
	if (past_sql != NULL)
		read_rows(psprintf("SELECT " AS_TEXT("q.id") ", q.effort, q.revenue FROM (%s\n) AS q ORDER BY 1, 2, 3",
						   query_of("history_sql", past_sql, (const char *const[]) {"id", "effort", "revenue"},
									(const ColumnKind[]) {COLUMN_ANY, COLUMN_NUMBER, COLUMN_NUMBER})), read_past, &past);
	arrange_past(given, &past);
	pfree(by_id);
	return given;
}
