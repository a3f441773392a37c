/*
 * new_rows_sql.c: rows that C makes, inserted into a table of ours many at a time.
 *
 * They wait in a tuplestore that an INSERT reads by name, as a trigger reads a transition table. So defaults, constraints and triggers work as for
 * any INSERT, no value is turned into text or an array, and what waits stays within work_mem.
 */
#include "core/new_rows_sql.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"

/* What the INSERT calls the rows. */
#define NAME	"new_rows"
/* Rows of an INSERT. */
#define CHUNK	4096

static Tuplestorestate *
empty_store(void)
{
	return tuplestore_begin_heap(false, false, work_mem);
}

static char *
insert_command(const char *table, const NewColumn *column, int columns)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int c = 0; c < columns; c++)
		appendStringInfo(&names, "%s%s", c == 0 ? "" : ", ", quote_identifier(column[c].name));
	return psprintf("INSERT INTO salesops.%s (%s) SELECT * FROM " NAME, quote_identifier(table), names.data);
}

/* Rows for a table of ours; connected to SPI, and one table at a time. */
void
new_rows_begin(NewRows *rows, const char *table, const NewColumn *column, int columns)
{
	EphemeralNamedRelationMetadata known = &rows->relation.md;

	Assert(columns <= NEW_ROWS_MOST_COLUMNS);
	memset(rows, 0, sizeof(*rows));
	known->name = NAME;
	known->enrtype = ENR_NAMED_TUPLESTORE;
	known->enrtuples = CHUNK;
	known->tupdesc = CreateTemplateTupleDesc(columns);
	for (int c = 0; c < columns; c++)
		TupleDescInitEntry(known->tupdesc, c + 1, column[c].name, column[c].type, -1, 0);
	rows->relation.reldata = empty_store();
	rows->row = AllocSetContextCreate(CurrentMemoryContext, "salesops new row", ALLOCSET_DEFAULT_SIZES);
	if (SPI_register_relation(&rows->relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "rows of another table are on their way");
	rows->plan = SPI_prepare(insert_command(table, column, columns), 0, NULL);
	if (rows->plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
}

/* The next value of the row, which must live until the row is added. */
void
new_rows_value(NewRows *rows, Datum value, bool is_null)
{
	rows->value[rows->values] = value;
	rows->is_null[rows->values++] = is_null;
}

/* A text; NULL is one. */
void
new_rows_text(NewRows *rows, const char *value)
{
	MemoryContext caller = MemoryContextSwitchTo(rows->row);

	new_rows_value(rows, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
	MemoryContextSwitchTo(caller);
}

/* A double precision number; NaN is NULL. */
void
new_rows_number(NewRows *rows, double value)
{
	new_rows_value(rows, Float8GetDatum(value), isnan(value));
}

/* A matrix of double precision numbers, NULL where they are NaN. Without any it is an empty array. */
static void
add_numbers(NewRows *rows, const double *value, int dimensions, int *counts)
{
	MemoryContext caller = MemoryContextSwitchTo(rows->row);
	int			count = counts[0] * (dimensions > 1 ? counts[1] : 1);
	Datum	   *datum = palloc(sizeof(Datum) * Max(count, 1));
	bool	   *is_null = palloc(sizeof(bool) * Max(count, 1));
	int			first[] = {1, 1};

	for (int i = 0; i < count; i++)
	{
		datum[i] = Float8GetDatum(value[i]);
		is_null[i] = isnan(value[i]);
	}
	new_rows_value(rows, PointerGetDatum(construct_md_array(datum, is_null, dimensions, counts, first, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), false);
	MemoryContextSwitchTo(caller);
}

/* An array of them. */
void
new_rows_numbers(NewRows *rows, const double *value, int count)
{
	add_numbers(rows, value, 1, &count);
}

/* Rows of them, one after the other. */
void
new_rows_matrix(NewRows *rows, const double *value, int count, int width)
{
	int			counts[] = {count, width};

	add_numbers(rows, value, 2, counts);
}

static void
insert(NewRows *rows)
{
	if (SPI_execute_plan(rows->plan, NULL, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not insert rows");
	tuplestore_end(rows->relation.reldata);
	rows->relation.reldata = empty_store();
	rows->waiting = 0;
}

/* The row is complete. */
void
new_rows_add(NewRows *rows)
{
	TupleDesc	columns = rows->relation.md.tupdesc;

	Assert(rows->values == columns->natts);
	tuplestore_putvalues(rows->relation.reldata, columns, rows->value, rows->is_null);
	rows->values = 0;
	MemoryContextReset(rows->row);
	if (++rows->waiting == CHUNK)
		insert(rows);
}

/* All rows are in the table after this. */
void
new_rows_end(NewRows *rows)
{
	if (rows->waiting > 0)
		insert(rows);
	tuplestore_end(rows->relation.reldata);
	SPI_unregister_relation(NAME);
	SPI_freeplan(rows->plan);
	MemoryContextDelete(rows->row);
}
