/*
 * new_rows_sql.h: rows of a table that C makes. See new_rows_sql.c.
 */
#ifndef SALESOPS_CORE_NEW_ROWS_SQL_H
#define SALESOPS_CORE_NEW_ROWS_SQL_H

#include "core/compat.h"

#include "access/tupdesc.h"
#include "executor/spi.h"
#include "utils/tuplestore.h"

#define NEW_ROWS_MOST_COLUMNS	24

typedef struct NewColumn
{
	const char *name;
	Oid			type;
} NewColumn;

/* Rows on their way to a table. */
typedef struct NewRows
{
	SPIPlanPtr	plan;
	EphemeralNamedRelationData relation;	/* the tuplestore that the plan reads */
	MemoryContext row;			/* emptied after each row */
	int			waiting;		/* rows that are not inserted yet */
	int			values;			/* of the row that is being made */
	Datum		value[NEW_ROWS_MOST_COLUMNS];
	bool		is_null[NEW_ROWS_MOST_COLUMNS];
} NewRows;

extern void new_rows_begin(NewRows *rows, const char *table, const NewColumn *column, int columns);
extern void new_rows_value(NewRows *rows, Datum value, bool is_null);
extern void new_rows_text(NewRows *rows, const char *value);
extern void new_rows_number(NewRows *rows, double value);
extern void new_rows_numbers(NewRows *rows, const double *value, int count);
extern void new_rows_matrix(NewRows *rows, const double *value, int count, int width);
extern void new_rows_add(NewRows *rows);
extern void new_rows_end(NewRows *rows);

#endif
