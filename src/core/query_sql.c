/*
 * query_sql.c: the columns of a query, found by name and read as what they are needed as.
 *
 * The query runs under the rights and the search_path of whoever called, and may only read. Its rows are not collected: each is handed to
 * the reader as it comes.
 */
#include "core/query_sql.h"

#include <float.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

typedef struct RowReceiver
{
	DestReceiver receiver;
	ReadQuery  *read;
	MemoryContext rows;
} RowReceiver;

/* Names the columns, of numbers or others, that nobody looked for: a misspelt one must not be left out in silence. */
static void
tell_unused(const ReadQuery *read, bool numbers, int level)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < read->columns->natts && level != 0; i++)
		if (is_number_column(read, i) == numbers && !bms_is_member(i, read->used))
			appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ", NameStr(TupleDescAttr(read->columns, i)->attname));
	if (names.len > 0)
		ereport(level,
				(errmsg("%s has columns that are not used: %s", read->argument, names.data),
				 errhint("It uses %s.", read->known)));
}

static void
startup(DestReceiver *receiver, int operation, TupleDesc columns)
{
	ReadQuery  *read = ((RowReceiver *) receiver)->read;
	MemoryContext caller = MemoryContextSwitchTo(read->context);

	(void) operation;
	read->columns = columns;
	read->begin(read);
	if (read->known)
	{
		tell_unused(read, true, read->unused_numbers);
		tell_unused(read, false, NOTICE);
	}
	MemoryContextSwitchTo(caller);
}

static bool
receive(TupleTableSlot *slot, DestReceiver *receiver)
{
	RowReceiver *rows = (RowReceiver *) receiver;
	MemoryContext caller = MemoryContextSwitchTo(rows->rows);

	slot_getallattrs(slot);
	rows->read->row(rows->read, slot);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(rows->rows);
	return true;
}

static void
shut_down(DestReceiver *receiver)
{
	(void) receiver;
}

/* Raises 22023, naming the argument, unless the statement is one query that only reads. */
void
check_is_query(const char *argument, SPIPlanPtr plan)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);

	if (list_length(sources) == 1)
	{
		List	   *queries = ((CachedPlanSource *) linitial(sources))->query_list;
		Query	   *query = list_length(queries) == 1 ? linitial_node(Query, queries) : NULL;

		if (query && query->commandType == CMD_SELECT && !query->hasModifyingCTE && query->rowMarks == NIL && !query->utilityStmt)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not a query that only reads", argument),
			 errhint("Give one SELECT, VALUES or TABLE statement as text.")));
}

/* The text of a query without what may end it: it becomes part of another one. */
char *
query_without_end(char *query)
{
	size_t		length = strlen(query);

	while (length > 0 && strchr("; \t\r\n", query[length - 1]) != NULL)
		length--;
	query[length] = '\0';
	return query;
}

/* Hands every row of a query to a reader. `begin` runs in the current memory context, `row` in one that is emptied after each. */
void
read_query(ReadQuery *read, const char *query)
{
	RowReceiver rows = {
		.receiver = {
			.receiveSlot = receive,
			.rStartup = startup,
			.rShutdown = shut_down,
			.rDestroy = shut_down,
			.mydest = DestTuplestore,	/* as one of ours, to a query that returns rows */
		},
		.read = read,
		.rows = AllocSetContextCreate(CurrentMemoryContext, "salesops row of a query", ALLOCSET_DEFAULT_SIZES),
	};
	SPIExecuteOptions options = {.read_only = true,.dest = &rows.receiver};
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);

	read->context = CurrentMemoryContext;
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	check_is_query(read->argument, plan);
	if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not run %s", read->argument);
	SPI_freeplan(plan);
	MemoryContextDelete(rows.rows);
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

/* Whether a column is a number. */
bool
is_number_column(const ReadQuery *read, int at)
{
	return is_number(getBaseType(TupleDescAttr(read->columns, at)->atttypid));
}

static bool
is_of_kind(Oid type, ColumnKind kind)
{
	switch (kind)
	{
		case COLUMN_ANY:
			return true;
		case COLUMN_NUMBER:
			return is_number(type);
		case COLUMN_BOOLEAN:
			return type == BOOLOID;
		case COLUMN_DATE:
			return type == DATEOID;
		case COLUMN_TEXTS:
			return type == TEXTARRAYOID || get_element_type(type) == VARCHAROID;
	}
	return false;
}

static const char *
kind_in_words(ColumnKind kind)
{
	switch (kind)
	{
		case COLUMN_ANY:
			return "a value";
		case COLUMN_NUMBER:
			return "a number";
		case COLUMN_BOOLEAN:
			return "boolean";
		case COLUMN_DATE:
			return "a date";
		case COLUMN_TEXTS:
			return "an array of text";
	}
	return NULL;
}

/* A column by name, as a kind of value; raises 42804 where it is of another kind and 42702 where two have the name. */
Column
find_column(ReadQuery *read, const char *name, ColumnKind kind)
{
	Column		column = {.at = -1,.name = name};
	Oid			out;
	bool		is_varlena;

	for (int i = 0; i < read->columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(read->columns, i);

		if (strcmp(NameStr(attribute->attname), name) != 0)
			continue;
		if (column.at >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("%s has two columns named \"%s\"", read->argument, name),
					 errhint("Give one of them another name with AS.")));
		column.at = i;
		read->used = bms_add_member(read->used, i);
		column.type = getBaseType(attribute->atttypid);
		if (!is_of_kind(column.type, kind))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of %s must be %s", name, read->argument, kind_in_words(kind)),
					 errdetail("It is %s.", format_type_be(attribute->atttypid)),
					 errhint("Cast it in the query.")));
	}
	if (column.at >= 0 && kind == COLUMN_ANY)
	{
		getTypeOutputInfo(column.type, &out, &is_varlena);
		fmgr_info(out, &column.out);
	}
	return column;
}

/* The same of a column that must be there: raises 42703. */
Column
need_column(ReadQuery *read, const char *name, ColumnKind kind)
{
	Column		column = find_column(read, name, kind);
	StringInfoData has;

	if (column.at >= 0)
		return column;
	initStringInfo(&has);
	for (int i = 0; i < read->columns->natts; i++)
		appendStringInfo(&has, "%s%s", i == 0 ? "" : ", ", NameStr(TupleDescAttr(read->columns, i)->attname));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("%s has no column \"%s\"", read->argument, name),
			 errdetail("Its columns are: %s.", has.data),
			 errhint("Add the column to the query, or name another with AS.")));
	return column;				/* keep the compiler quiet */
}

/*
 * A value as text that is kept and compared with what was kept: a floating point number has all its digits and a date is YYYY-MM-DD, whatever
 * extra_float_digits and DateStyle of the session say.
 */
static char *
text_of(const Column *column, Datum value)
{
	char		text[MAXDATELEN + 1];

	switch (column->type)
	{
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(value), text);
			return pstrdup(text);
		case FLOAT8OID:
			double_to_shortest_decimal_buf(DatumGetFloat8(value), text);
			return pstrdup(text);
		case DATEOID:
			return JsonEncodeDateTime(palloc(MAXDATELEN + 1), value, DATEOID, NULL);
		default:
			return OutputFunctionCall((FmgrInfo *) &column->out, value);
	}
}

/* The value of a column of kind COLUMN_ANY as text; NULL where it is NULL or the query does not have it. */
char *
column_text(const Column *column, TupleTableSlot *slot)
{
	if (column->at < 0 || slot->tts_isnull[column->at])
		return NULL;
	return text_of(column, slot->tts_values[column->at]);
}

/* A numeric that no double precision number can hold is Infinity, or the smallest there is: whoever reads it refuses it and says in which row. */
static double
numeric_number(Datum value)
{
	double		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));

	if (number == 0)
		number = DBL_MIN * DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, DirectFunctionCall1(numeric_sign, value)));
	return number;
}

/* The value of a column of kind COLUMN_NUMBER. */
double
column_number(const Column *column, TupleTableSlot *slot, bool *is_null)
{
	*is_null = column->at < 0 || slot->tts_isnull[column->at];
	return *is_null ? 0 : number_of(column->type, slot->tts_values[column->at]);
}

/* A value of the type of a column of kind COLUMN_NUMBER. */
double
number_of(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case FLOAT8OID:
			return DatumGetFloat8(value);
		default:
			return numeric_number(value);
	}
}
