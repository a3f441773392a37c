/*
 * query_sql.h: the columns of a query. See query_sql.c.
 */
#ifndef SALESOPS_CORE_QUERY_SQL_H
#define SALESOPS_CORE_QUERY_SQL_H

#include "core/compat.h"

#include "access/tupdesc.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/bitmapset.h"

typedef enum ColumnKind
{
	COLUMN_ANY,					/* read as text */
	COLUMN_NUMBER,
	COLUMN_BOOLEAN,
	COLUMN_DATE,
	COLUMN_TEXTS				/* array of text */
} ColumnKind;

typedef struct Column
{
	int			at;				/* from 0; -1: the query does not have it */
	const char *name;
	Oid			type;			/* what a domain stands on */
	FmgrInfo	out;
} Column;

/* A query that is read: `argument` is what its user calls it. */
typedef struct ReadQuery
{
	const char *argument;
	MemoryContext context;		/* lives as long as what is read */
	TupleDesc	columns;
	const char *known;			/* in words, the columns that have a meaning: whoever gives others is told. NULL: nobody is */
	int			unused_numbers; /* level of that message where a column of numbers is not used; 0: none. Of other columns it is a notice */
	Bitmapset  *used;			/* columns that were looked for, by their number */
	void		(*begin) (struct ReadQuery *read);
	void		(*row) (struct ReadQuery *read, TupleTableSlot *slot);
	void	   *to;
} ReadQuery;

extern void check_is_query(const char *argument, SPIPlanPtr plan);
extern char *query_without_end(char *query);
extern void read_query(ReadQuery *read, const char *query);
extern bool is_number_column(const ReadQuery *read, int at);
extern Column find_column(ReadQuery *read, const char *name, ColumnKind kind);
extern Column need_column(ReadQuery *read, const char *name, ColumnKind kind);
extern char *column_text(const Column *column, TupleTableSlot *slot);
extern double number_of(Oid type, Datum value);
extern double column_number(const Column *column, TupleTableSlot *slot, bool *is_null);

#endif
