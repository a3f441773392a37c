/*
 * win_design.c: what the win model is fitted to: cells and terms, as rows of parameter numbers.
 *
 * Two passes over the cells. The first counts the deals of each level of each term; then the levels get parameters; the second writes a row
 * for each cell.
 *
 * A term with many levels does not make the fit slow, if it is the one with the most (a product such as segment*owner, and
 * the factor whose levels it divides): its part of the curvature is diagonal, and win_newton.c eliminates it. What remains is solved
 * together, so it is bounded: where the other terms have more than DENSE_MOST levels, each keeps those with the most deals. A
 * level that is not kept has no effect, as a level never seen.
 *
 * Neighbouring levels of an ordered factor (age, amount, pushes, idle) have similar effects: the difference of two neighbours is drawn to
 * 0, an effect itself only weakly. Their order is that of the first number in them, so "8-14 days" stands before "15-30 days".
 *
 * A deal that is open at three marks of a period is three rows but one outcome. If the model is right, what is left over at
 * a mark with variance v has the covariance v with each earlier mark of the same deal and period; so the sum of all rows varies
 * 1 + 2 x (earlier marks) times as much as independent rows would. This is the row's echo; win_fit.c weighs with it.
 */
#include "forecast/win_fit.h"

#include "common/int.h"
#include "miscadmin.h"

#define DENSE_MOST		640
#define ELIMINATED_MOST	20000

/* From how many levels on a term is worth eliminating. */
#define ELIMINATED_LEAST 64

/* How strongly an effect of an ordered factor is drawn to 0, in units of how strongly neighbours are drawn together. */
#define ORDERED_OWN		0.1

static const char *const ordered_factors[] = {"age", "amount", "pushes", "idle"};

/* The levels of a term while they are counted: an open-addressing table. */
typedef struct LevelTable
{
	uint32		count;
	uint32		capacity;
	uint64	   *key;
	int64	   *deals;
	int64	   *wins;
	uint32	   *slot;			/* number of a level + 1, 0 for none; twice as many as capacity */
} LevelTable;

static bool
is_text(WinText text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

static int
find_factor(const WinCellsReader *reader, const char *name)
{
	for (int f = 0; f < reader->factors; f++)
	{
		if (is_text(reader->factor[f], name))
			return f;
	}
	return -1;
}

/* The level numbers of a row in a term's factors as one number, which has the order of the first, then of the second ... */
static inline uint64
key_of(const WinCellsReader *reader, const WinTermSpec *spec, const WinCell *cell)
{
	uint64		key = 0;

	for (int i = 0; i < spec->factors; i++)
		key = key * reader->levels[spec->factor[i]] + cell->level[spec->factor[i]];
	return key;
}

/* The level number in one of a term's factors that a key stands for. */
static uint32
level_in_key(const WinCellsReader *reader, const WinTermSpec *spec, uint64 key, int place)
{
	for (int i = spec->factors - 1; i > place; i--)
		key /= reader->levels[spec->factor[i]];
	return (uint32) (key % reader->levels[spec->factor[place]]);
}

static inline uint32
hash_of(uint64 key)
{
	return (uint32) ((key * UINT64CONST(0x9e3779b97f4a7c15)) >> 32);
}

static void *
allocate(Size count, Size size)
{
	return palloc_extended(Max(count, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
start_table(LevelTable *table, uint32 capacity)
{
	table->capacity = capacity;
	table->key = allocate(capacity, sizeof(uint64));
	table->deals = allocate(capacity, sizeof(int64));
	table->wins = allocate(capacity, sizeof(int64));
	table->slot = allocate((Size) capacity * 2, sizeof(uint32));
}

/* The number of a level, PG_UINT32_MAX where it is not there. */
static inline uint32
find_level(const LevelTable *table, uint64 key)
{
	uint32		mask = table->capacity * 2 - 1;

	for (uint32 place = hash_of(key) & mask; table->slot[place] != 0; place = (place + 1) & mask)
	{
		if (table->key[table->slot[place] - 1] == key)
			return table->slot[place] - 1;
	}
	return PG_UINT32_MAX;
}

static void
insert_slot(LevelTable *table, uint32 number)
{
	uint32		mask = table->capacity * 2 - 1;
	uint32		place = hash_of(table->key[number]) & mask;

	while (table->slot[place] != 0)
		place = (place + 1) & mask;
	table->slot[place] = number + 1;
}

static void
count_level(LevelTable *table, uint64 key, int64 deals, int64 wins)
{
	uint32		number = find_level(table, key);

	if (number == PG_UINT32_MAX)
	{
		if (table->count == table->capacity)
		{
			LevelTable	larger = {.count = table->count};

			start_table(&larger, table->capacity * 2);
			memcpy(larger.key, table->key, table->count * sizeof(uint64));
			memcpy(larger.deals, table->deals, table->count * sizeof(int64));
			memcpy(larger.wins, table->wins, table->count * sizeof(int64));
			for (uint32 i = 0; i < table->count; i++)
				insert_slot(&larger, i);
			*table = larger;
		}
		number = table->count++;
		table->key[number] = key;
		insert_slot(table, number);
	}
	table->deals[number] += deals;
	table->wins[number] += wins;
}

/* A level with its counts, to be sorted. */
typedef struct CountedLevel
{
	uint64		key;
	int64		deals;
	int64		wins;
} CountedLevel;

static int
by_key(const void *a, const void *b)
{
	uint64		x = ((const CountedLevel *) a)->key;
	uint64		y = ((const CountedLevel *) b)->key;

	return (x > y) - (x < y);
}

/* Most deals first; among equals the first key. */
static int
by_deals(const void *a, const void *b)
{
	int64		x = ((const CountedLevel *) a)->deals;
	int64		y = ((const CountedLevel *) b)->deals;

	return x != y ? (x < y) - (x > y) : by_key(a, b);
}

/* Gives the levels of a term their order, and keeps the most frequent ones if they are too many. */
static void
keep_levels(WinDesignTerm *term, const LevelTable *table, uint32 most)
{
	CountedLevel *level = allocate(table->count, sizeof(CountedLevel));

	for (uint32 i = 0; i < table->count; i++)
		level[i] = (CountedLevel) {.key = table->key[i], .deals = table->deals[i], .wins = table->wins[i]};
	term->levels = Min(table->count, most);
	if (term->levels < table->count)
		qsort(level, table->count, sizeof(CountedLevel), by_deals);
	qsort(level, term->levels, sizeof(CountedLevel), by_key);

	term->key = allocate(term->levels, sizeof(uint64));
	term->deals = allocate(term->levels, sizeof(int64));
	term->wins = allocate(term->levels, sizeof(int64));
	for (uint32 i = 0; i < term->levels; i++)
	{
		term->key[i] = level[i].key;
		term->deals[i] = level[i].deals;
		term->wins[i] = level[i].wins;
	}
	pfree(level);
}

/*
 * Where a level stands among those of its factor: by the first number in it, with thousands separators and k, m, b for
 * thousands, millions, billions; "under 10" comes before 10 and "over 10" after it. False where there is no number.
 */
static bool
read_position(WinText level, double *position)
{
	const char *s = level.bytes;
	const char *end = s + level.length;
	const char *start;
	double		number = 0;
	double		place = 1;

	while (s < end && (*s < '0' || *s > '9'))
		s++;
	if (s == end)
		return false;
	start = s;
	for (; s < end && ((*s >= '0' && *s <= '9') || (*s == ',' && s + 1 < end && s[1] >= '0' && s[1] <= '9')); s++)
	{
		if (*s != ',')
			number = number * 10 + (*s - '0');
	}
	if (s + 1 < end && *s == '.' && s[1] >= '0' && s[1] <= '9')
	{
		for (s++; s < end && *s >= '0' && *s <= '9'; s++)
		{
			place /= 10;
			number += place * (*s - '0');
		}
	}
	/* A unit is a letter that no word begins with. */
	if (s < end && (s + 1 == end || !((s[1] | 0x20) >= 'a' && (s[1] | 0x20) <= 'z')))
	{
		switch (*s | 0x20)
		{
			case 'k':
				number *= 1e3;
				break;
			case 'm':
				number *= 1e6;
				break;
			case 'b':
				number *= 1e9;
				break;
		}
	}

	if (start - level.bytes == 1 && level.bytes[0] == '-')
		number = -number;
	else if (level.bytes[0] == '<' || pg_strncasecmp(level.bytes, "under ", Min(level.length, 6)) == 0)
		number -= 0.25;
	else if (level.bytes[0] == '>' || pg_strncasecmp(level.bytes, "over ", Min(level.length, 5)) == 0)
		number += 0.25;
	*position = number;
	return true;
}

/* A level of an ordered term: which line of neighbours it is in (its other factors' levels), and where. */
typedef struct PlacedLevel
{
	uint64		line;
	double		position;
	uint32		number;
} PlacedLevel;

static int
by_place(const void *a, const void *b)
{
	const PlacedLevel *x = a;
	const PlacedLevel *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Which of a term's factors is ordered; -1 for none. */
static int
ordered_place(const WinCellsReader *reader, const WinTermSpec *spec)
{
	for (int i = 0; i < spec->factors; i++)
	{
		for (int o = 0; o < (int) lengthof(ordered_factors); o++)
		{
			if (is_text(reader->factor[spec->factor[i]], ordered_factors[o]))
				return i;
		}
	}
	return -1;
}

/* States how the effects of a term are drawn to 0 and to each other. */
static void
set_prior(const WinCellsReader *reader, WinDesignTerm *term)
{
	int			place = ordered_place(reader, &term->spec);
	PlacedLevel *placed = allocate(term->levels, sizeof(PlacedLevel));
	uint32		count = 0;

	term->own_precision = allocate(term->levels, sizeof(double));
	term->link = allocate((Size) term->levels * 2, sizeof(uint32));
	for (uint32 i = 0; i < term->levels; i++)
	{
		uint64		step = 1;
		uint32		level;

		term->own_precision[i] = 1;
		if (place < 0)
			continue;
		for (int f = place + 1; f < term->spec.factors; f++)
			step *= reader->levels[term->spec.factor[f]];
		level = level_in_key(reader, &term->spec, term->key[i], place);
		if (read_position(reader->level[term->spec.factor[place]][level], &placed[count].position))
		{
			placed[count].line = term->key[i] - level * step;
			placed[count++].number = i;
		}
	}

	qsort(placed, count, sizeof(PlacedLevel), by_place);
	for (uint32 i = 0; i + 1 < count; i++)
	{
		if (placed[i].line != placed[i + 1].line)
			continue;
		term->link[2 * term->links] = placed[i].number;
		term->link[2 * term->links + 1] = placed[i + 1].number;
		term->links++;
		term->own_precision[placed[i].number] = ORDERED_OWN;
		term->own_precision[placed[i + 1].number] = ORDERED_OWN;
	}
	term->is_ordered = term->links > 0;
	pfree(placed);
}

/* Whether every level of the product lies in one level of the factor. */
static bool
divides(const WinTermSpec *product, const WinTermSpec *factor)
{
	if (product->factors < 2 || factor->factors != 1)
		return false;
	for (int i = 0; i < product->factors; i++)
	{
		if (product->factor[i] == factor->factor[0])
			return true;
	}
	return false;
}

/* Decides which terms are eliminated: the one with the most levels, and the largest factor that it divides. */
static void
choose_blocks(const WinCellsReader *reader, WinDesign *design, const LevelTable *table)
{
	int			age = find_factor(reader, "age");
	int			to_go = find_factor(reader, "to_go");
	int			inner = -1;
	int			outer = -1;

	for (int t = 0; t < design->terms; t++)
	{
		const WinTermSpec *spec = &design->term[t].spec;

		design->term[t].block = WIN_DENSE;
		/* The base of the model stays among the dense, where it is found again. */
		if (table[t].count >= ELIMINATED_LEAST && ordered_place(reader, spec) < 0 &&
			spec->factor[0] != age && spec->factor[0] != to_go && (inner < 0 || table[t].count > table[inner].count))
			inner = t;
	}
	if (inner < 0)
		return;
	design->term[inner].block = WIN_INNER;
	for (int t = 0; t < design->terms; t++)
	{
		if (ordered_place(reader, &design->term[t].spec) < 0 && divides(&design->term[inner].spec, &design->term[t].spec) &&
			(outer < 0 || table[t].count > table[outer].count))
			outer = t;
	}
	if (outer >= 0 && table[outer].count >= ELIMINATED_LEAST)
		design->term[outer].block = WIN_OUTER;
}

/* How many levels each dense term may keep, so that they are not more than DENSE_MOST together. */
static uint32
dense_levels(const WinDesign *design, const LevelTable *table)
{
	uint32		most = 1;

	for (;;)
	{
		uint64		sum = 0;
		bool		is_more = false;

		for (int t = 0; t < design->terms; t++)
		{
			if (design->term[t].block != WIN_DENSE)
				continue;
			sum += Min(table[t].count, most + 1);
			is_more |= table[t].count > most;
		}
		if (sum > DENSE_MOST || !is_more)
			return is_more ? most : PG_UINT32_MAX;
		most++;
	}
}

/* Gives every level its parameter. */
static void
place_terms(const WinCellsReader *reader, WinDesign *design, const LevelTable *table)
{
	uint32		most = dense_levels(design, table);

	design->dense = 1;
	for (int t = 0; t < design->terms; t++)
	{
		WinDesignTerm *term = &design->term[t];

		keep_levels(term, &table[t], term->block == WIN_DENSE ? most : ELIMINATED_MOST);
		set_prior(reader, term);
		switch (term->block)
		{
			case WIN_DENSE:
				term->first = design->dense;
				design->dense += term->levels;
				design->dense_terms++;
				break;
			case WIN_INNER:
				design->inner = term->levels;
				break;
			case WIN_OUTER:
				design->outer = term->levels;
				break;
		}
	}
}

/* The tables again, now from a key to its parameter. */
static LevelTable *
make_index(const WinDesign *design)
{
	LevelTable *index = allocate(design->terms, sizeof(LevelTable));

	for (int t = 0; t < design->terms; t++)
	{
		const WinDesignTerm *term = &design->term[t];
		uint32		capacity = 16;

		while (capacity < term->levels)
			capacity *= 2;
		start_table(&index[t], capacity);
		for (uint32 i = 0; i < term->levels; i++)
		{
			index[t].key[i] = term->key[i];
			index[t].count++;
			insert_slot(&index[t], i);
		}
	}
	return index;
}

static int
compare_keys(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* The outer level that each inner one lies in. */
static void
set_parents(const WinCellsReader *reader, WinDesign *design)
{
	const WinDesignTerm *inner = NULL;
	const WinDesignTerm *outer = NULL;

	for (int t = 0; t < design->terms; t++)
	{
		if (design->term[t].block == WIN_INNER)
			inner = &design->term[t];
		if (design->term[t].block == WIN_OUTER)
			outer = &design->term[t];
	}
	design->parent = allocate((Size) design->inner + 1, sizeof(uint16));
	for (uint32 i = 0; i <= design->inner; i++)
		design->parent[i] = design->outer;
	if (outer == NULL)
		return;
	for (int place = 0; place < inner->spec.factors; place++)
	{
		if (inner->spec.factor[place] != outer->spec.factor[0])
			continue;
		for (uint32 i = 0; i < inner->levels; i++)
		{
			uint64		key = level_in_key(reader, &inner->spec, inner->key[i], place);
			uint64	   *found = bsearch(&key, outer->key, outer->levels, sizeof(uint64), compare_keys);

			if (found != NULL)
				design->parent[i] = (uint16) (found - outer->key);
		}
		return;
	}
}

/*
 * How many more marks of its period a row's deal was seen at before: for a level of to_go, as many as it is behind the first mark;
 * for a level of age, as many as months fit in it. A level that is no number does not bound it.
 */
static int *
earlier_marks(const WinCellsReader *reader, int factor, bool is_age)
{
	int		   *earlier = allocate(reader->levels[factor], sizeof(int));
	double		position;
	double		first = 0;

	for (uint32 l = 0; l < reader->levels[factor]; l++)
	{
		if (read_position(reader->level[factor][l], &position))
			first = Max(first, position);
	}
	for (uint32 l = 0; l < reader->levels[factor]; l++)
	{
		if (!read_position(reader->level[factor][l], &position))
			earlier[l] = is_age ? PG_INT16_MAX : 0;
		else if (is_age)
			earlier[l] = (int) Min(Max(position, 0) / 30, PG_INT16_MAX);
		else
			earlier[l] = (int) Min(first - position, 12);
	}
	return earlier;
}

/*
 * Sorts a period's rows by their inner parameter, whose row of the curvature is large: it is then in the processor's
 * cache for as long as it is needed.
 */
static void
sort_rows(WinDesign *design, uint32 begin, uint32 end)
{
	Size		stride = design->dense_terms + 2;
	Size		count = end - begin;
	uint32	   *start = allocate((Size) design->inner + 2, sizeof(uint32));
	uint16	   *parameter = allocate(count * stride, sizeof(uint16));
	double	   *number = allocate(count * 3, sizeof(double));

	memcpy(parameter, design->parameter + begin * stride, count * stride * sizeof(uint16));
	memcpy(number, design->deals + begin, count * sizeof(double));
	memcpy(number + count, design->wins + begin, count * sizeof(double));
	memcpy(number + 2 * count, design->echo + begin, count * sizeof(double));
	for (Size i = 0; i < count; i++)
		start[parameter[i * stride + design->dense_terms] + 1]++;
	for (uint32 i = 0; i <= design->inner; i++)
		start[i + 1] += start[i];
	for (Size i = 0; i < count; i++)
	{
		Size		row = begin + start[parameter[i * stride + design->dense_terms]]++;

		memcpy(design->parameter + row * stride, parameter + i * stride, stride * sizeof(uint16));
		design->deals[row] = number[i];
		design->wins[row] = number[count + i];
		design->echo[row] = number[2 * count + i];
	}
	pfree(start);
	pfree(parameter);
	pfree(number);
}

/* Writes the rows. */
static void
write_rows(WinCellsReader *reader, WinDesign *design)
{
	LevelTable *index = make_index(design);
	int			stride = design->dense_terms + 2;
	int			to_go = find_factor(reader, "to_go");
	int			age = find_factor(reader, "age");
	int		   *earlier_by_to_go = to_go < 0 ? NULL : earlier_marks(reader, to_go, false);
	int		   *earlier_by_age = age < 0 ? NULL : earlier_marks(reader, age, true);
	uint32		marks = to_go < 0 ? 1 : reader->levels[to_go];
	int64	   *mark_deals = allocate(marks, sizeof(int64));
	int64	   *mark_wins = allocate(marks, sizeof(int64));
	uint32		period_capacity = 64;
	uint32		capacity = design->rows;
	WinCell		cell;
	bool		is_more = win_cells_next(reader, &cell);

	design->parameter = allocate((Size) capacity * stride, sizeof(uint16));
	design->deals = allocate(capacity, sizeof(double));
	design->wins = allocate(capacity, sizeof(double));
	design->echo = allocate(capacity, sizeof(double));
	design->period_end = allocate(period_capacity, sizeof(uint32));
	design->period = allocate(period_capacity, sizeof(FiscalPeriod));
	design->rows = 0;

	while (is_more)
	{
		uint32		row = design->rows++;
		uint16	   *parameter = design->parameter + (Size) row * stride;
		FiscalPeriod period = cell.period;
		uint32		mark = to_go < 0 ? 0 : cell.level[to_go];
		int			dense = 0;
		int			earlier = 0;

		if (row % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		parameter[stride - 2] = design->inner;
		parameter[stride - 1] = design->outer;
		for (int t = 0; t < design->terms; t++)
		{
			const WinDesignTerm *term = &design->term[t];
			uint32		level = find_level(&index[t], key_of(reader, &term->spec, &cell));

			if (term->block == WIN_DENSE)
				parameter[dense++] = level == PG_UINT32_MAX ? design->dense : term->first + level;
			else if (level != PG_UINT32_MAX)
				parameter[term->block == WIN_INNER ? stride - 2 : stride - 1] = level;
		}
		design->deals[row] = cell.deals;
		design->wins[row] = cell.wins;
		if (to_go >= 0)
			earlier = earlier_by_to_go[cell.level[to_go]];
		if (to_go >= 0 && age >= 0)
			earlier = Min(earlier, earlier_by_age[cell.level[age]]);
		design->echo[row] = 1 + 2 * earlier;
		mark_deals[mark] += cell.deals;
		mark_wins[mark] += cell.wins;

		is_more = win_cells_next(reader, &cell);
		if (is_more && cell.period == period)
			continue;

		/* The period ends. */
		sort_rows(design, design->periods > 0 ? design->period_end[design->periods - 1] : 0, design->rows);
		if (design->periods == period_capacity)
		{
			period_capacity *= 2;
			design->period_end = repalloc(design->period_end, period_capacity * sizeof(uint32));
			design->period = repalloc(design->period, period_capacity * sizeof(FiscalPeriod));
		}
		design->period_end[design->periods] = design->rows;
		design->period[design->periods++] = period;
		{
			int64		deals = 0;
			int64		wins = 0;
			int64		losses = 0;

			for (uint32 m = 0; m < marks; m++)
			{
				deals = Max(deals, mark_deals[m]);
				wins = Max(wins, mark_wins[m]);
				losses = Max(losses, mark_deals[m] - mark_wins[m]);
				mark_deals[m] = mark_wins[m] = 0;
			}
			design->distinct_deals += deals;
			design->distinct_wins += wins;
			design->distinct_losses += losses;
		}
	}
}

/* Refuses a term with so many possible levels that they cannot be numbered. */
static void
check_term_size(const WinCellsReader *reader, const WinTermSpec *spec)
{
	double		levels = 1;

	for (int i = 0; i < spec->factors; i++)
		levels *= reader->levels[spec->factor[i]];
	if (levels > 9e18)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a term has too many possible levels"),
				 errdetail("It is a product of %d factors with %.3g combinations of levels.", spec->factors, levels),
				 errhint("Leave out a factor that is different for every deal.")));
}

/* Makes the design. */
WinDesign *
win_design(const WinCells *cells, int terms, const WinTermSpec *spec)
{
	WinDesign  *design = palloc0(sizeof(WinDesign));
	LevelTable *table = allocate(terms, sizeof(LevelTable));
	WinCellsReader reader;
	WinCell		cell;

	design->terms = terms;
	design->term = allocate(terms, sizeof(WinDesignTerm));
	win_cells_open(&reader, cells);
	for (int t = 0; t < terms; t++)
	{
		check_term_size(&reader, &spec[t]);
		design->term[t].spec = spec[t];
		start_table(&table[t], 256);
	}
	while (win_cells_next(&reader, &cell))
	{
		if (design->rows++ % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		if (pg_add_s64_overflow(design->all_deals, cell.deals, &design->all_deals))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of deals out of range"),
					 errdetail("All deals together do not fit in a bigint.")));
		design->all_wins += cell.wins;
		for (int t = 0; t < terms; t++)
			count_level(&table[t], key_of(&reader, &spec[t], &cell), cell.deals, cell.wins);
	}
	if (reader.stream.is_damaged)
		elog(ERROR, "stored win_cells are damaged");

	choose_blocks(&reader, design, table);
	place_terms(&reader, design, table);
	win_cells_open(&reader, cells);
	set_parents(&reader, design);
	write_rows(&reader, design);
	return design;
}
