/*
 * win_cells.c: counting deals by pattern of levels, and the stored form of the counts.
 *
 * Counts are whole numbers, so they add up to the same in any order and split. What is stored has one order as well:
 * levels by their bytes, cells by period and level numbers. Both together make the same deals the same bytes,
 * whichever rows came first and however many workers counted.
 *
 * A builder numbers levels as they come and keeps its cells in an open-addressing table; only the end sorts, by one
 * counting sort for each column, last column first, which takes a few passes however many cells there are.
 */
#include "forecast/win_cells.h"

#include "common/hashfn.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* The levels of a factor in the order in which they were met, and a table to find them. */
typedef struct Dictionary
{
	uint32		count;
	uint32		capacity;
	WinText    *text;
	uint32	   *hash;
	uint32	   *slot;			/* number of a level + 1, 0 for none; twice as many as capacity */
} Dictionary;

struct WinCellsBuilder
{
	MemoryContext context;
	int			factors;
	WinText		factor[WIN_MAX_FACTORS];
	Dictionary	levels[WIN_MAX_FACTORS];
	Size		width;			/* of a key: the period and a level number for each factor */
	uint32		count;
	uint32		capacity;
	uint32	   *key;			/* count x width */
	int64	   *deals;
	int64	   *wins;
	uint32	   *slot;			/* number of a cell + 1, 0 for none; twice as many as capacity */
};

/* More cells than this do not fit in a value anyway. */
#define MAX_CELLS ((uint32) 1 << 28)

#define FIRST_CAPACITY 64

/* An array in the builder's memory that may be larger than a gigabyte. */
static void *
allocate(const WinCellsBuilder *builder, Size count, Size size)
{
	return MemoryContextAllocHuge(builder->context, Max(count, 1) * size);
}

static uint32 *
allocate_slots(const WinCellsBuilder *builder, uint32 capacity)
{
	uint32	   *slot = allocate(builder, (Size) capacity * 2, sizeof(uint32));

	memset(slot, 0, (Size) capacity * 2 * sizeof(uint32));
	return slot;
}

static WinText
copy_text(const WinCellsBuilder *builder, WinText text)
{
	char	   *bytes = allocate(builder, text.length, 1);

	memcpy(bytes, text.bytes, text.length);
	return (WinText) {.bytes = bytes, .length = text.length};
}

/* Starts to count deals of these factors. */
WinCellsBuilder *
win_cells_begin(MemoryContext context, int factors, const WinText *factor)
{
	WinCellsBuilder *builder = MemoryContextAllocZero(context, sizeof(WinCellsBuilder));

	builder->context = context;
	builder->factors = factors;
	builder->width = factors + 1;
	for (int i = 0; i < factors; i++)
	{
		Dictionary *levels = &builder->levels[i];

		builder->factor[i] = copy_text(builder, factor[i]);
		levels->capacity = FIRST_CAPACITY;
		levels->text = allocate(builder, FIRST_CAPACITY, sizeof(WinText));
		levels->hash = allocate(builder, FIRST_CAPACITY, sizeof(uint32));
		levels->slot = allocate_slots(builder, FIRST_CAPACITY);
	}
	builder->capacity = FIRST_CAPACITY;
	builder->key = allocate(builder, FIRST_CAPACITY * builder->width, sizeof(uint32));
	builder->deals = allocate(builder, FIRST_CAPACITY, sizeof(int64));
	builder->wins = allocate(builder, FIRST_CAPACITY, sizeof(int64));
	builder->slot = allocate_slots(builder, FIRST_CAPACITY);
	return builder;
}

/* The factors that a builder counts by. */
const WinText *
win_cells_factors(const WinCellsBuilder *builder, int *factors)
{
	*factors = builder->factors;
	return builder->factor;
}

/* Lists factors for a message. */
static char *
list_factors(int factors, const WinText *factor)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < factors; i++)
		appendStringInfo(&list, "%s%.*s", i > 0 ? ", " : "", (int) factor[i].length, factor[i].bytes);
	return list.data;
}

/* Refuses what is counted by other factors than all before. */
void
win_cells_check_factors(const WinCellsBuilder *builder, int factors, const WinText *factor)
{
	bool		is_same = factors == builder->factors;

	for (int i = 0; is_same && i < factors; i++)
		is_same = win_is_same_text(factor[i], builder->factor[i]);
	if (!is_same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("win_cells of different factors cannot be counted together"),
				 errdetail("The factors were %s; now they are %s.",
						   list_factors(builder->factors, builder->factor), list_factors(factors, factor)),
				 errhint("Give every row the same factors in the same order.")));
}

/* Doubles what a dictionary can hold. */
static void
grow_dictionary(WinCellsBuilder *builder, Dictionary *levels)
{
	uint32		mask;

	levels->capacity *= 2;
	levels->text = repalloc_huge(levels->text, (Size) levels->capacity * sizeof(WinText));
	levels->hash = repalloc_huge(levels->hash, (Size) levels->capacity * sizeof(uint32));
	pfree(levels->slot);
	levels->slot = allocate_slots(builder, levels->capacity);
	mask = levels->capacity * 2 - 1;
	for (uint32 i = 0; i < levels->count; i++)
	{
		uint32		place = levels->hash[i] & mask;

		while (levels->slot[place] != 0)
			place = (place + 1) & mask;
		levels->slot[place] = i + 1;
	}
}

/* The number of a level of a factor: a new one if it was not met before. */
uint32
win_cells_level(WinCellsBuilder *builder, int factor, WinText level)
{
	Dictionary *levels = &builder->levels[factor];
	uint32		hash = hash_bytes((const unsigned char *) level.bytes, (int) level.length);
	uint32		mask = levels->capacity * 2 - 1;
	uint32		place = hash & mask;

	for (; levels->slot[place] != 0; place = (place + 1) & mask)
	{
		uint32		number = levels->slot[place] - 1;

		if (levels->hash[number] == hash && win_is_same_text(levels->text[number], level))
			return number;
	}

	if (levels->count == levels->capacity)
	{
		grow_dictionary(builder, levels);
		return win_cells_level(builder, factor, level);
	}
	levels->text[levels->count] = copy_text(builder, level);
	levels->hash[levels->count] = hash;
	levels->slot[place] = ++levels->count;
	return levels->count - 1;
}

static inline uint32
hash_key(const WinCellsBuilder *builder, const uint32 *key)
{
	return hash_bytes((const unsigned char *) key, (int) (builder->width * sizeof(uint32)));
}

/* Doubles how many cells fit. */
static void
grow_cells(WinCellsBuilder *builder)
{
	uint32		mask;

	if (builder->capacity >= MAX_CELLS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different patterns of levels"),
				 errdetail("%u patterns are the most that can be counted.", MAX_CELLS),
				 errhint("Leave out the factors that are different for every deal.")));

	builder->capacity *= 2;
	builder->key = repalloc_huge(builder->key, (Size) builder->capacity * builder->width * sizeof(uint32));
	builder->deals = repalloc_huge(builder->deals, (Size) builder->capacity * sizeof(int64));
	builder->wins = repalloc_huge(builder->wins, (Size) builder->capacity * sizeof(int64));
	pfree(builder->slot);
	builder->slot = allocate_slots(builder, builder->capacity);
	mask = builder->capacity * 2 - 1;
	for (uint32 i = 0; i < builder->count; i++)
	{
		uint32		place = hash_key(builder, builder->key + i * builder->width) & mask;

		while (builder->slot[place] != 0)
			place = (place + 1) & mask;
		builder->slot[place] = i + 1;
	}
}

/* Adds two counts. */
static int64
add_counts(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of deals out of range"),
				 errdetail("%lld + %lld does not fit in a bigint.", (long long) a, (long long) b)));
	return sum;
}

/* Counts the deals of a cell, whose levels are numbers that win_cells_level() gave. */
void
win_cells_add(WinCellsBuilder *builder, const WinCell *cell)
{
	uint32		key[WIN_MAX_FACTORS + 1];
	uint32		mask = builder->capacity * 2 - 1;
	uint32		place;
	Size		size = builder->width * sizeof(uint32);

	if (cell->deals == 0)
		return;
	key[0] = (uint32) cell->period;
	memcpy(key + 1, cell->level, builder->factors * sizeof(uint32));

	for (place = hash_key(builder, key) & mask; builder->slot[place] != 0; place = (place + 1) & mask)
	{
		uint32		number = builder->slot[place] - 1;

		if (memcmp(builder->key + number * builder->width, key, size) == 0)
		{
			builder->deals[number] = add_counts(builder->deals[number], cell->deals);
			builder->wins[number] = add_counts(builder->wins[number], cell->wins);
			return;
		}
	}

	if (builder->count == builder->capacity)
	{
		grow_cells(builder);
		win_cells_add(builder, cell);
		return;
	}
	memcpy(builder->key + builder->count * builder->width, key, size);
	builder->deals[builder->count] = cell->deals;
	builder->wins[builder->count] = cell->wins;
	builder->slot[place] = ++builder->count;
}

/* Counts stored cells in. */
void
win_cells_merge(WinCellsBuilder *builder, const WinCells *cells)
{
	WinCellsReader reader;
	WinCell		cell;
	uint32	   *number[WIN_MAX_FACTORS];

	win_cells_open(&reader, cells);
	win_cells_check_factors(builder, reader.factors, reader.factor);
	for (int f = 0; f < reader.factors; f++)
	{
		number[f] = palloc_extended(Max(reader.levels[f], 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
		for (uint32 l = 0; l < reader.levels[f]; l++)
			number[f][l] = win_cells_level(builder, f, reader.level[f][l]);
	}
	for (uint32 done = 0; win_cells_next(&reader, &cell); done++)
	{
		if (done % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		for (int f = 0; f < reader.factors; f++)
			cell.level[f] = number[f][cell.level[f]];
		win_cells_add(builder, &cell);
	}
	for (int f = 0; f < reader.factors; f++)
	{
		pfree(number[f]);
		pfree(reader.level[f]);
	}
}

/* A level and the number it was given. */
typedef struct NumberedText
{
	WinText		text;
	uint32		number;
} NumberedText;

static int
compare_numbered_texts(const void *a, const void *b)
{
	return win_compare_texts(((const NumberedText *) a)->text, ((const NumberedText *) b)->text);
}

/*
 * Writes the levels of a factor that have a deal, in the order of their bytes, and returns for every number that
 * the builder gave the place there.
 */
static uint32 *
write_levels(const WinCellsBuilder *builder, int factor, StringInfo stream, uint32 *written)
{
	const Dictionary *levels = &builder->levels[factor];
	uint32	   *place = palloc_extended(Max(levels->count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	NumberedText *sorted = palloc_extended(Max(levels->count, 1) * sizeof(NumberedText), MCXT_ALLOC_HUGE);

	/* Cells that were counted as text may name levels that no cell has. */
	for (uint32 i = 0; i < builder->count; i++)
		place[builder->key[i * builder->width + 1 + factor]] = 1;
	*written = 0;
	for (uint32 i = 0; i < levels->count; i++)
	{
		if (place[i] != 0)
			sorted[(*written)++] = (NumberedText) {.text = levels->text[i], .number = i};
	}
	qsort(sorted, *written, sizeof(NumberedText), compare_numbered_texts);

	win_put_number(stream, *written);
	for (uint32 i = 0; i < *written; i++)
	{
		win_put_text(stream, sorted[i].text.bytes, sorted[i].text.length);
		place[sorted[i].number] = i;
	}
	pfree(sorted);
	return place;
}

/* The place of a period in a sorted list: of the first that is not before it. */
static uint32
find_period(const FiscalPeriod *period, uint32 periods, FiscalPeriod wanted)
{
	uint32		low = 0;
	uint32		high = periods;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (period[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The periods that have a cell, in order, and for each cell its place among them. */
static FiscalPeriod *
sort_periods(const WinCellsBuilder *builder, uint32 *periods, uint32 *place)
{
	uint32		capacity = 16;
	FiscalPeriod *period = palloc(capacity * sizeof(FiscalPeriod));

	/* Periods are few and deals of one come together, so insertion into a sorted list is enough. */
	*periods = 0;
	for (uint32 i = 0; i < builder->count; i++)
	{
		FiscalPeriod wanted = (FiscalPeriod) builder->key[i * builder->width];
		uint32		at = find_period(period, *periods, wanted);

		if (at < *periods && period[at] == wanted)
			continue;
		if (*periods == capacity)
		{
			capacity *= 2;
			period = repalloc(period, capacity * sizeof(FiscalPeriod));
		}
		memmove(period + at + 1, period + at, (*periods - at) * sizeof(FiscalPeriod));
		period[at] = wanted;
		(*periods)++;
	}

	for (uint32 i = 0; i < builder->count; i++)
		place[i] = find_period(period, *periods, (FiscalPeriod) builder->key[i * builder->width]);
	return period;
}

/* Sorts an order of cells by one column, keeping the order among equals. */
static void
sort_by_column(uint32 count, const uint32 *column, uint32 values, uint32 *order, uint32 *spare)
{
	uint32	   *start = palloc_extended(((Size) values + 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < count; i++)
		start[column[i] + 1]++;
	for (uint32 i = 0; i < values; i++)
		start[i + 1] += start[i];
	for (uint32 i = 0; i < count; i++)
		spare[start[column[order[i]]]++] = order[i];
	memcpy(order, spare, (Size) count * sizeof(uint32));
	pfree(start);
}

/* Makes the stored form. The builder can go on counting. */
WinCells *
win_cells_finish(WinCellsBuilder *builder)
{
	Size		count = builder->count;
	StringInfoData stream;
	uint32		levels[WIN_MAX_FACTORS];
	uint32	   *place[WIN_MAX_FACTORS];
	uint32	   *order = palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *spare = palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *column = palloc_extended(Max(count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	FiscalPeriod *period;
	uint32		periods;
	WinCells   *cells;

	initStringInfo(&stream);
	appendStringInfoSpaces(&stream, offsetof(WinCells, data));
	win_put_number(&stream, builder->factors);
	for (int f = 0; f < builder->factors; f++)
		win_put_text(&stream, builder->factor[f].bytes, builder->factor[f].length);
	for (int f = 0; f < builder->factors; f++)
		place[f] = write_levels(builder, f, &stream, &levels[f]);

	for (uint32 i = 0; i < count; i++)
		order[i] = i;
	for (int f = builder->factors - 1; f >= 0; f--)
	{
		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < count; i++)
			column[i] = place[f][builder->key[i * builder->width + 1 + f]];
		sort_by_column(count, column, levels[f], order, spare);
	}
	period = sort_periods(builder, &periods, column);
	sort_by_column(count, column, periods, order, spare);

	win_put_number(&stream, periods);
	for (uint32 p = 0, next = 0; p < periods; p++)
	{
		uint32		end = next;

		CHECK_FOR_INTERRUPTS();
		while (end < count && column[order[end]] == p)
			end++;
		win_put_number(&stream, (uint32) period[p]);
		win_put_number(&stream, end - next);
		for (; next < end; next++)
		{
			uint32		i = order[next];

			for (int f = 0; f < builder->factors; f++)
				win_put_number(&stream, place[f][builder->key[i * builder->width + 1 + f]]);
			win_put_number(&stream, builder->deals[i]);
			win_put_number(&stream, builder->wins[i]);
		}
	}

	for (int f = 0; f < builder->factors; f++)
		pfree(place[f]);
	pfree(order);
	pfree(spare);
	pfree(column);
	pfree(period);

	cells = (WinCells *) stream.data;
	memset(cells, 0, offsetof(WinCells, data));
	SET_VARSIZE(cells, stream.len);
	cells->version = WIN_CELLS_VERSION;
	return cells;
}

/* Starts to read stored cells. The texts point into them. */
void
win_cells_open(WinCellsReader *reader, const WinCells *cells)
{
	WinReader  *stream = &reader->stream;

	if (cells->version != WIN_CELLS_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("win_cells of layout version %d cannot be read", cells->version),
				 errhint("The value was stored by a newer salesops; install that version.")));

	*stream = (WinReader) {
		.at = (const unsigned char *) cells->data,
		.end = (const unsigned char *) cells + VARSIZE(cells),
	};
	reader->factors = (int) win_get_number_to(stream, WIN_MAX_FACTORS);
	for (int f = 0; f < reader->factors; f++)
		reader->factor[f].bytes = win_get_text(stream, &reader->factor[f].length);
	for (int f = 0; f < reader->factors; f++)
	{
		reader->levels[f] = (uint32) win_get_count(stream, 1);
		reader->level[f] = palloc_extended(Max(reader->levels[f], 1) * sizeof(WinText), MCXT_ALLOC_HUGE);
		for (uint32 l = 0; l < reader->levels[f]; l++)
			reader->level[f][l].bytes = win_get_text(stream, &reader->level[f][l].length);
	}
	reader->periods_left = win_get_count(stream, 2);
	reader->cells_left = 0;
}

/* Reads the next cell; false where there is none any more, or the stream is damaged. */
bool
win_cells_next(WinCellsReader *reader, WinCell *cell)
{
	WinReader  *stream = &reader->stream;

	while (reader->cells_left == 0)
	{
		if (reader->periods_left == 0 || stream->is_damaged)
			return false;
		reader->periods_left--;
		reader->period = (FiscalPeriod) win_get_number_to(stream, PG_INT32_MAX);
		reader->cells_left = win_get_count(stream, reader->factors + 2);
	}

	reader->cells_left--;
	cell->period = reader->period;
	for (int f = 0; f < reader->factors; f++)
	{
		if (reader->levels[f] == 0)
			stream->is_damaged = true;
		else
			cell->level[f] = (uint32) win_get_number_to(stream, reader->levels[f] - 1);
	}
	cell->deals = (int64) win_get_number(stream);
	cell->wins = (int64) win_get_number_to(stream, cell->deals);
	return !stream->is_damaged;
}
