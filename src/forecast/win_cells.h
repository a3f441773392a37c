/*
 * win_cells.h: what a win model learns from: how many deals there were, and how many were won, of each pattern of
 * levels in each period.
 *
 * Three forms of the same thing. Stored, it is a WinCells: a header and a stream of bytes (win_stream.h). While rows
 * come in it is a WinCellsBuilder, which knows every pattern and level it has seen. Read, it is a WinCellsReader,
 * which goes over the cells in their order.
 */
#ifndef SALESOPS_FORECAST_WIN_CELLS_H
#define SALESOPS_FORECAST_WIN_CELLS_H

#include "core/compat.h"
#include "core/fiscal_period.h"
#include "forecast/win_stream.h"

/* What a level that is not known is called; NULL counts for it. */
#define WIN_UNKNOWN_LEVEL "(unknown)"

/* Enough for every column of a deal, and little enough for a row to live on the stack. */
#define WIN_MAX_FACTORS 64

/*
 * The stream: the factors (how many, then each name); for each factor its levels (how many, then each text) in the order of
 * their bytes; the periods (how many, then for each its number and its count of cells, then its cells); a cell is a level number for
 * each factor, deals, wins. Cells stand in the order of their level numbers, each pattern once, so that equal counts
 * are equal bytes.
 */
typedef struct WinCells
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;		/* of this layout */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} WinCells;

#define WIN_CELLS_VERSION 1

#define DatumGetWinCells(d)		((WinCells *) PG_DETOAST_DATUM(d))
#define PG_GETARG_WIN_CELLS(n)	DatumGetWinCells(PG_GETARG_DATUM(n))

/* A level's or factor's text, not terminated. */
typedef struct WinText
{
	const char *bytes;
	uint32		length;
} WinText;

static inline bool
win_is_same_text(WinText a, WinText b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* The order of levels: by their bytes, a text before what it begins. */
static inline int
win_compare_texts(WinText a, WinText b)
{
	int			order = memcmp(a.bytes, b.bytes, Min(a.length, b.length));

	return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* A cell as it is read. */
typedef struct WinCell
{
	FiscalPeriod period;
	uint32		level[WIN_MAX_FACTORS];
	int64		deals;
	int64		wins;
} WinCell;

typedef struct WinCellsReader
{
	int			factors;
	WinText		factor[WIN_MAX_FACTORS];
	uint32		levels[WIN_MAX_FACTORS];
	WinText    *level[WIN_MAX_FACTORS];
	uint64		periods_left;
	uint64		cells_left;		/* in the period that is being read */
	FiscalPeriod period;
	WinReader	stream;
} WinCellsReader;

extern void win_cells_open(WinCellsReader *reader, const WinCells *cells);
extern bool win_cells_next(WinCellsReader *reader, WinCell *cell);

typedef struct WinCellsBuilder WinCellsBuilder;

extern WinCellsBuilder *win_cells_begin(MemoryContext context, int factors, const WinText *factor);
extern const WinText *win_cells_factors(const WinCellsBuilder *builder, int *factors);
extern uint32 win_cells_level(WinCellsBuilder *builder, int factor, WinText level);
extern void win_cells_add(WinCellsBuilder *builder, const WinCell *cell);
extern void win_cells_merge(WinCellsBuilder *builder, const WinCells *cells);
extern WinCells *win_cells_finish(WinCellsBuilder *builder);
extern void win_cells_check_factors(const WinCellsBuilder *builder, int factors, const WinText *factor);

#endif
