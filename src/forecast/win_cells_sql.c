/*
 * win_cells_sql.c: the SQL face of win_cells: aggregates, input and output, reading the counts.
 *
 * Three transitions fill one state: a deal, a number of deals, stored cells. What parallel workers hand over is the
 * stored form.
 */
#include "forecast/win_cells.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/aggregate.h"
#include "core/ordering.h"
#include "forecast/win_levels.h"
#include "forecast/win_text.h"

SALESOPS_ORDERING_BY_BYTES(win_cells)

typedef struct CellsState
{
	WinCellsBuilder *builder;
	ArrayType  *factors;		/* as the rows give them, to know the next row's at a glance; NULL if none did */
} CellsState;

static CellsState *
make_state(MemoryContext context, int factors, const WinText *factor)
{
	CellsState *state = MemoryContextAllocZero(context, sizeof(CellsState));

	state->builder = win_cells_begin(context, factors, factor);
	return state;
}

/* Reads the names of factors; how many there are is the result. */
static int
read_factors(ArrayType *array, WinText *factor)
{
	int			factors = win_read_texts(array, "factors", factor);

	if (factors == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("win_cells needs at least one factor")));
	for (int i = 0; i < factors; i++)
	{
		if (factor[i].bytes == NULL || factor[i].length == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a factor must have a name"),
					 errdetail("Factor %d has none.", i + 1)));
		for (int j = 0; j < i; j++)
		{
			if (win_is_same_text(factor[i], factor[j]))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("factor \"%.*s\" is named twice", (int) factor[i].length, factor[i].bytes)));
		}
	}
	return factors;
}

/* The state of a call, made at its first row, whose factors are those of the row. */
static CellsState *
row_state(FunctionCallInfo fcinfo)
{
	ArrayType  *factors;
	CellsState *state = PG_ARGISNULL(0) ? NULL : (CellsState *) PG_GETARG_POINTER(0);
	WinText		factor[WIN_MAX_FACTORS];
	int			count;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", PG_ARGISNULL(1) ? "factors" : PG_ARGISNULL(2) ? "levels" : "period"),
				 errhint("A level that is not known is a NULL within the array of levels.")));

	factors = PG_GETARG_ARRAYTYPE_P(1);
	if (state != NULL && state->factors != NULL && VARSIZE(state->factors) == VARSIZE(factors) &&
		memcmp(state->factors, factors, VARSIZE(factors)) == 0)
		return state;

	count = read_factors(factors, factor);
	if (state == NULL)
		state = make_state(aggregate_context(fcinfo, "win_cells"), count, factor);
	else
		win_cells_check_factors(state->builder, count, factor);
	if (state->factors == NULL)
	{
		state->factors = MemoryContextAlloc(aggregate_context(fcinfo, "win_cells"), VARSIZE(factors));
		memcpy(state->factors, factors, VARSIZE(factors));
	}
	return state;
}

/* Counts deals of the row in arguments 2 (levels) and 3 (period). */
static void
count_row(FunctionCallInfo fcinfo, CellsState *state, int64 deals, int64 wins)
{
	WinCell		cell = {.period = PG_GETARG_FISCAL_PERIOD(3), .deals = deals, .wins = wins};
	WinText		level[WIN_MAX_FACTORS];
	int			factors;
	int			levels = win_read_texts(PG_GETARG_ARRAYTYPE_P(2), "levels", level);

	win_cells_factors(state->builder, &factors);
	win_check_levels(levels, factors);
	for (int f = 0; f < factors; f++)
		cell.level[f] = win_cells_level(state->builder, f, level[f].bytes == NULL ? win_unknown_level : level[f]);
	win_cells_add(state->builder, &cell);
}

/* Takes a deal in. A deal of which nobody knows yet whether it is won is passed over. */
PG_FUNCTION_INFO_V1(salesops_win_cells_accum);
Datum
salesops_win_cells_accum(PG_FUNCTION_ARGS)
{
	CellsState *state = row_state(fcinfo);

	if (!PG_ARGISNULL(4))
		count_row(fcinfo, state, 1, PG_GETARG_BOOL(4) ? 1 : 0);
	PG_RETURN_POINTER(state);
}

/* Takes deals in that are counted already: how many were won and how many were not; NULL counts for none. */
PG_FUNCTION_INFO_V1(salesops_win_cells_accum_counts);
Datum
salesops_win_cells_accum_counts(PG_FUNCTION_ARGS)
{
	CellsState *state = row_state(fcinfo);
	int64		won = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
	int64		not_won = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT64(5);

	if (won < 0 || not_won < 0 || won > PG_INT64_MAX - not_won)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("numbers of deals must not be negative, nor too large for a bigint together"),
				 errdetail("Won: %lld, not won: %lld.", (long long) won, (long long) not_won)));
	count_row(fcinfo, state, won + not_won, won);
	PG_RETURN_POINTER(state);
}

/* Takes stored cells into the state; the state is made of the first ones. */
static CellsState *
merge(FunctionCallInfo fcinfo, const WinCells *cells)
{
	CellsState *state = PG_ARGISNULL(0) ? NULL : (CellsState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		WinCellsReader reader;

		win_cells_open(&reader, cells);
		state = make_state(aggregate_context(fcinfo, "win_cells"), reader.factors, reader.factor);
	}
	win_cells_merge(state->builder, cells);
	return state;
}

/* Takes stored cells in; NULL is passed over. */
PG_FUNCTION_INFO_V1(salesops_win_cells_merge);
Datum
salesops_win_cells_merge(PG_FUNCTION_ARGS)
{
	CellsState *state;

	if (!PG_ARGISNULL(1))
		state = merge(fcinfo, PG_GETARG_WIN_CELLS(1));
	else if (!PG_ARGISNULL(0))
		state = (CellsState *) PG_GETARG_POINTER(0);
	else
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Combines two states: the second one's counts go into the first. */
PG_FUNCTION_INFO_V1(salesops_win_cells_combine);
Datum
salesops_win_cells_combine(PG_FUNCTION_ARGS)
{
	CellsState *other = PG_ARGISNULL(1) ? NULL : (CellsState *) PG_GETARG_POINTER(1);
	CellsState *state;

	if (other != NULL)
		state = merge(fcinfo, win_cells_finish(other->builder));
	else if (!PG_ARGISNULL(0))
		state = (CellsState *) PG_GETARG_POINTER(0);
	else
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Serialises a state. */
PG_FUNCTION_INFO_V1(salesops_win_cells_serialize);
Datum
salesops_win_cells_serialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P((bytea *) win_cells_finish(((CellsState *) PG_GETARG_POINTER(0))->builder));
}

/* Deserialises a state. */
PG_FUNCTION_INFO_V1(salesops_win_cells_deserialize);
Datum
salesops_win_cells_deserialize(PG_FUNCTION_ARGS)
{
	const WinCells *cells = (WinCells *) PG_GETARG_BYTEA_P(0);
	WinCellsReader reader;
	CellsState *state;

	win_cells_open(&reader, cells);
	state = make_state(CurrentMemoryContext, reader.factors, reader.factor);
	win_cells_merge(state->builder, cells);
	PG_RETURN_POINTER(state);
}

/* The result. NULL over no rows. */
PG_FUNCTION_INFO_V1(salesops_win_cells_final);
Datum
salesops_win_cells_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(win_cells_finish(((CellsState *) PG_GETARG_POINTER(0))->builder));
}

static char *
period_text(FiscalPeriod period)
{
	return DatumGetCString(DirectFunctionCall1(salesops_fiscal_period_out, FiscalPeriodGetDatum(period)));
}

/*
 * Text: {"factors": {"age": ["0-7 days", "8-14 days"], "owner": ["Ann"]}, "cells": {"FY2026-Q1": [[0, 0, 12, 3]]}}:
 * the factors with their levels; then for each period its cells, each the number of a level for each factor (from 0), deals and wins.
 */
PG_FUNCTION_INFO_V1(salesops_win_cells_out);
Datum
salesops_win_cells_out(PG_FUNCTION_ARGS)
{
	WinCellsReader reader;
	WinCell		cell;
	StringInfoData out;
	FiscalPeriod period = 0;
	bool		is_first = true;

	win_cells_open(&reader, PG_GETARG_WIN_CELLS(0));
	initStringInfo(&out);
	appendStringInfoString(&out, "{\"factors\": {");
	for (int f = 0; f < reader.factors; f++)
	{
		if (f > 0)
			appendStringInfoString(&out, ", ");
		win_write_text(&out, reader.factor[f].bytes, reader.factor[f].length);
		appendStringInfoString(&out, ": [");
		for (uint32 l = 0; l < reader.levels[f]; l++)
		{
			if (l > 0)
				appendStringInfoString(&out, ", ");
			win_write_text(&out, reader.level[f][l].bytes, reader.level[f][l].length);
		}
		appendStringInfoChar(&out, ']');
	}
	appendStringInfoString(&out, "}, \"cells\": {");
	while (win_cells_next(&reader, &cell))
	{
		if (is_first || cell.period != period)
			appendStringInfo(&out, "%s\"%s\": [", is_first ? "" : "], ", period_text(cell.period));
		else
			appendStringInfoString(&out, ", ");
		is_first = false;
		period = cell.period;
		appendStringInfoChar(&out, '[');
		for (int f = 0; f < reader.factors; f++)
			appendStringInfo(&out, "%u, ", cell.level[f]);
		appendStringInfo(&out, "%lld, %lld]", (long long) cell.deals, (long long) cell.wins);
	}
	appendStringInfoString(&out, is_first ? "}}" : "]}}");
	PG_RETURN_CSTRING(out.data);
}

/* Reads the factors and their levels; the numbers that the builder gives the levels are returned in level[factor]. */
static WinCellsBuilder *
scan_factors(WinScanner *scanner, int *factors, uint32 **level, int *levels)
{
	WinText		factor[WIN_MAX_FACTORS];
	List	   *texts[WIN_MAX_FACTORS];
	WinCellsBuilder *builder;
	int			items = 0;

	*factors = 0;
	win_expect_key(scanner, "factors");
	win_expect(scanner, "{");
	while (win_list_goes_on(scanner, &items, "}"))
	{
		int			entries = 0;
		char	   *name = win_scan_text(scanner);

		if (*factors == WIN_MAX_FACTORS || name[0] == '\0')
		{
			scanner->is_bad = true;
			break;
		}
		win_expect(scanner, ":");
		win_expect(scanner, "[");
		texts[*factors] = NIL;
		while (win_list_goes_on(scanner, &entries, "]"))
			texts[*factors] = lappend(texts[*factors], win_scan_text(scanner));
		factor[*factors] = (WinText) {.bytes = name, .length = strlen(name)};
		for (int i = 0; i < *factors; i++)
			scanner->is_bad |= strcmp(factor[i].bytes, name) == 0;
		(*factors)++;
	}
	if (*factors == 0)
		scanner->is_bad = true;

	builder = win_cells_begin(CurrentMemoryContext, *factors, factor);
	for (int f = 0; f < *factors; f++)
	{
		ListCell   *item;

		levels[f] = list_length(texts[f]);
		level[f] = palloc(Max(levels[f], 1) * sizeof(uint32));
		foreach(item, texts[f])
		{
			char	   *text = lfirst(item);

			level[f][foreach_current_index(item)] =
				win_cells_level(builder, f, (WinText) {.bytes = text, .length = strlen(text)});
		}
	}
	return builder;
}

/* Reads a fiscal period. */
static FiscalPeriod
scan_period(WinScanner *scanner, FunctionCallInfo fcinfo)
{
	char	   *text = win_scan_text(scanner);
	Datum		period = 0;

	if (!scanner->is_bad && !salesops_input(salesops_fiscal_period_in, text, fcinfo, &period))
		scanner->is_bad = true;
	return DatumGetFiscalPeriod(period);
}

/* Text input: what text output writes; levels and cells in any order, cells that stand twice are added up. */
PG_FUNCTION_INFO_V1(salesops_win_cells_in);
Datum
salesops_win_cells_in(PG_FUNCTION_ARGS)
{
	WinScanner	scanner = {.at = PG_GETARG_CSTRING(0)};
	uint32	   *level[WIN_MAX_FACTORS];
	int			levels[WIN_MAX_FACTORS];
	int			factors;
	WinCellsBuilder *builder;
	int			periods = 0;

	win_expect(&scanner, "{");
	builder = scan_factors(&scanner, &factors, level, levels);
	win_expect(&scanner, ",");
	win_expect_key(&scanner, "cells");
	win_expect(&scanner, "{");
	while (win_list_goes_on(&scanner, &periods, "}"))
	{
		WinCell		cell = {.period = scan_period(&scanner, fcinfo)};
		int			cells = 0;

		win_expect(&scanner, ":");
		win_expect(&scanner, "[");
		while (win_list_goes_on(&scanner, &cells, "]"))
		{
			if (cells % 65536 == 0)
				CHECK_FOR_INTERRUPTS();
			win_expect(&scanner, "[");
			for (int f = 0; f < factors && !scanner.is_bad; f++)
			{
				int			number = (int) win_scan_number(&scanner, levels[f] - 1);

				if (!scanner.is_bad)
					cell.level[f] = level[f][number];
				win_expect(&scanner, ",");
			}
			cell.deals = win_scan_number(&scanner, PG_INT64_MAX);
			win_expect(&scanner, ",");
			cell.wins = win_scan_number(&scanner, cell.deals);
			win_expect(&scanner, "]");
			if (!scanner.is_bad)
				win_cells_add(builder, &cell);
		}
	}
	win_expect(&scanner, "}");

	if (!win_scan_end(&scanner))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s", "win_cells"),
						  errdetail("It cannot be read from character %d on: \"%s\".",
									(int) (scanner.at - PG_GETARG_CSTRING(0)) + 1,
									pnstrdup(scanner.at, pg_mbcliplen(scanner.at, strlen(scanner.at), 40))),
						  errhint("Write it as in {\"factors\": {\"owner\": [\"Ann\"]}, \"cells\": {\"FY2026-Q1\": [[0, 12, 3]]}}: "
								  "level numbers from 0, deals, wins.")));
	PG_RETURN_POINTER(win_cells_finish(builder));
}

/* Binary output: the version and the stream. */
PG_FUNCTION_INFO_V1(salesops_win_cells_send);
Datum
salesops_win_cells_send(PG_FUNCTION_ARGS)
{
	WinCells   *cells = PG_GETARG_WIN_CELLS(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, cells->version);
	pq_sendbytes(&message, cells->data, VARSIZE(cells) - offsetof(WinCells, data));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Binary input: what binary output writes, read cell by cell and believed only where it makes sense. */
PG_FUNCTION_INFO_V1(salesops_win_cells_recv);
Datum
salesops_win_cells_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	int			size = message->len - message->cursor;
	WinCells   *cells = palloc(offsetof(WinCells, data) + size);
	WinCellsReader reader;
	WinCellsBuilder *builder;
	WinCell		cell;
	bool		is_good;

	if (version != WIN_CELLS_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "win_cells"),
				 errdetail("The version is %d; this salesops reads version %d.", version, WIN_CELLS_VERSION)));

	SET_VARSIZE(cells, offsetof(WinCells, data) + size);
	cells->version = version;
	pq_copymsgbytes(message, cells->data, size);
	win_cells_open(&reader, cells);
	is_good = reader.factors > 0 && !reader.stream.is_damaged;
	for (int f = 0; is_good && f < reader.factors; f++)
		is_good = reader.factor[f].length > 0;
	builder = win_cells_begin(CurrentMemoryContext, is_good ? reader.factors : 0, reader.factor);
	if (is_good)
	{
		uint32	   *number[WIN_MAX_FACTORS];

		for (int f = 0; f < reader.factors; f++)
		{
			number[f] = palloc_extended(Max(reader.levels[f], 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
			for (uint32 l = 0; l < reader.levels[f]; l++)
				number[f][l] = win_cells_level(builder, f, reader.level[f][l]);
			for (int g = 0; g < f; g++)
				is_good &= !win_is_same_text(reader.factor[f], reader.factor[g]);
		}
		while (is_good && win_cells_next(&reader, &cell))
		{
			is_good = salesops_is_fiscal_period(cell.period);
			for (int f = 0; f < reader.factors; f++)
				cell.level[f] = number[f][cell.level[f]];
			win_cells_add(builder, &cell);
		}
	}
	if (!is_good || reader.stream.is_damaged || reader.stream.at != reader.stream.end)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "win_cells"),
				 errdetail("Its %d bytes are not what win_cells of version %d are made of.", size, version)));
	PG_RETURN_POINTER(win_cells_finish(builder));
}

/* The names of the factors that cells are counted by. */
PG_FUNCTION_INFO_V1(salesops_win_cell_factors);
Datum
salesops_win_cell_factors(PG_FUNCTION_ARGS)
{
	WinCellsReader reader;

	win_cells_open(&reader, PG_GETARG_WIN_CELLS(0));
	PG_RETURN_ARRAYTYPE_P(win_make_texts(reader.factors, reader.factor));
}

/* The counts, one row for each period and pattern. */
PG_FUNCTION_INFO_V1(salesops_win_cell_counts);
Datum
salesops_win_cell_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	WinCellsReader reader;
	WinCell		cell;
	MemoryContext row_context;
	MemoryContext caller_context;

	InitMaterializedSRF(fcinfo, 0);
	win_cells_open(&reader, PG_GETARG_WIN_CELLS(0));
	row_context = AllocSetContextCreate(CurrentMemoryContext, "win_cell_counts row", ALLOCSET_DEFAULT_SIZES);
	caller_context = MemoryContextSwitchTo(row_context);
	while (win_cells_next(&reader, &cell))
	{
		WinText		level[WIN_MAX_FACTORS];
		Datum		values[4];
		bool		nulls[4] = {false};

		for (int f = 0; f < reader.factors; f++)
			level[f] = reader.level[f][cell.level[f]];
		values[0] = FiscalPeriodGetDatum(cell.period);
		values[1] = PointerGetDatum(win_make_texts(reader.factors, level));
		values[2] = Int64GetDatum(cell.deals);
		values[3] = Int64GetDatum(cell.wins);
		tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(row_context);
	return (Datum) 0;
}
