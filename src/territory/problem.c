/*
 * problem.c: the input checked, families merged, everything turned into whole numbers.
 *
 * Costs, amounts and limits become whole numbers in doubles: multiplied by a power of two, so that all of a measure stays below 2^50, and
 * rounded. Sums of them are exact, in whatever order they are added and taken away again; so loads never drift, and a plan and its
 * bound have the same bits everywhere. A measure or a cost that is a whole number to begin with, or has few binary places, is not
 * changed at all.
 *
 * What is held somewhere is taken out of the problem: its load is subtracted from the limits. Accounts of a family become one unit that
 * weighs and costs what they do together and may go where all of them may go. Units that the same territories may have share one list
 * of them. Units are ordered by list and place (along a curve that fills the plane), so that neighbours in memory are neighbours
 * on the map: loops meet their data in the cache, and every n-th unit is a fair sample of every list and region.
 */
#include "territory/problem.h"

#include "core/numerics.h"

#define WORD_BITS	64

/* All of a measure stays below this. */
#define AMOUNT_BITS		50
/* The mean difference between the cheapest and the eighth cheapest territory becomes about 2^22; every cost stays below 2^50. */
#define SPREAD_BITS		22
#define COST_BITS		50

void *
problem_take(Problem *p, Size bytes)
{
	if (p->when_short && p->memory + bytes > p->options->memory_limit)
	{
		sigjmp_buf *when_short = p->when_short;
		TerritoryReason *reason;

		/* To complain takes memory too. */
		p->when_short = NULL;
		reason = problem_complain(p, TERRITORY_MEMORY);
		reason->value = (double) (p->memory + bytes);
		reason->limit = (double) p->options->memory_limit;
		siglongjmp(*when_short, 1);
	}
	p->memory += bytes;
	p->most_memory = Max(p->most_memory, p->memory);
	return palloc_extended(bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
problem_return(Problem *p, void *memory, Size bytes)
{
	p->memory -= bytes;
	pfree(memory);
}

TerritoryReason *
problem_complain(Problem *p, TerritoryFinding finding)
{
	TerritoryReason *reason;

	if (p->reasons == p->reasons_room)
	{
		TerritoryReason *more = take(p, TerritoryReason, p->reasons_room * 2 + 8);

		if (p->reasons > 0)
			memcpy(more, p->reason, p->reasons * sizeof(TerritoryReason));
		p->reason = more;
		p->reasons_room = p->reasons_room * 2 + 8;
	}
	reason = &p->reason[p->reasons++];
	memset(reason, 0, sizeof(*reason));
	reason->finding = finding;
	reason->account = reason->other = reason->territory = reason->measure = reason->class_number = TERRITORY_NONE;
	return reason;
}

/* The largest power of two that keeps the value below 2^bits. */
static double
scale_to(double value, int bits)
{
	int			exponent;

	if (!(value > 0))
		return 1.0;
	frexp(value, &exponent);
	return ldexp(1.0, Max(-900, Min(900, bits - exponent)));
}

double
account_true_cost(const Problem *p, int account, int territory)
{
	const TerritoryInput *in = p->input;
	double		other = 0;
	double		cost = 0;

	if (in->cost)
		other = in->cost[(Size) account * in->territories + territory];
	else
	{
		if (in->x)
		{
			double		dx = in->x[account] - in->home_x[territory];
			double		dy = in->y[account] - in->home_y[territory];
			double		dz = in->z ? in->z[account] - in->home_z[territory] : 0;

			other = (in->weight ? in->weight[account] : 1.0) * sqrt(dx * dx + dy * dy + dz * dz);
		}
		if (in->mismatch)
			other += in->mismatch[(Size) (in->class_of ? in->class_of[account] : 0) * in->territories + territory];
		if (in->relationship && !p->options->fewest_moves &&
			in->owner && in->owner[account] != TERRITORY_NONE && in->owner[account] != territory)
			cost = in->relationship[account];
	}
	if (p->options->fewest_moves && in->owner && in->owner[account] != TERRITORY_NONE && in->owner[account] != territory)
		cost = 1.0;
	return other * p->distance_factor + cost;
}

/* Rounded down, so that a bound on the whole numbers is one on the costs. */
double
account_cost(const Problem *p, int account, int territory)
{
	return floor(account_true_cost(p, account, territory) * p->cost_scale);
}

SALESOPS_FOR_EACH_PROCESSOR
float
unit_costs(const Problem *p, int unit, float *cost)
{
	const TerritoryInput *in = p->input;
	int			start = p->list_start[p->list_of[unit]];
	int			count = p->list_start[p->list_of[unit] + 1] - start;
	const uint16 *list = p->list + start;
	float		error = 1.0f;	/* rounding to a whole number, and then some */

	for (int j = 0; j < count; j++)
		cost[j] = 0;
	for (int m = p->first[unit]; m < p->first[unit + 1]; m++)
	{
		int			account = p->member[m];
		int			owner = in->owner ? in->owner[account] : TERRITORY_NONE;
		double		factor = p->distance_factor * p->cost_scale;
		double		lost = 0;

		if (in->cost)
		{
			const double *row = in->cost + (Size) account * in->territories;
			float		largest = 0;

			for (int j = 0; j < count; j++)
			{
				float		here = (float) (row[list[j]] * factor);

				cost[j] += here;
				largest = Max(largest, fabsf(here));
			}
			error += ldexpf(largest, -21);
		}
		else
		{
			if (in->x)
			{
				const float *home_x = p->list_x + start;
				const float *home_y = p->list_y + start;
				float		x = (float) ((in->x[account] - p->middle_x) * p->place_scale);
				float		y = (float) ((in->y[account] - p->middle_y) * p->place_scale);
				float		weight = (float) ((in->weight ? in->weight[account] : 1.0) * factor / p->place_scale);

				if (in->z)
				{
					const float *home_z = p->list_z + start;
					float		z = (float) ((in->z[account] - p->middle_z) * p->place_scale);

					for (int j = 0; j < count; j++)
					{
						float		dx = x - home_x[j];
						float		dy = y - home_y[j];
						float		dz = z - home_z[j];

						cost[j] += weight * sqrtf(dx * dx + dy * dy + dz * dz);
					}
				}
				else
					for (int j = 0; j < count; j++)
					{
						float		dx = x - home_x[j];
						float		dy = y - home_y[j];

						cost[j] += weight * sqrtf(dx * dx + dy * dy);
					}
				error += ldexpf(fabsf(weight) * (float) (p->reach * p->place_scale), -20);
			}
			if (in->mismatch)
			{
				const double *row = in->mismatch + (Size) (in->class_of ? in->class_of[account] : 0) * in->territories;

				for (int j = 0; j < count; j++)
					cost[j] += (float) (row[list[j]] * factor);
			}
			if (in->relationship && !p->options->fewest_moves)
				lost = in->relationship[account] * p->cost_scale;
		}
		if (p->options->fewest_moves)
			lost = p->cost_scale;
		if (owner != TERRITORY_NONE && lost > 0)
			for (int j = 0; j < count; j++)
				cost[j] += list[j] == owner ? 0.0f : (float) lost;
	}
	return error;
}

/*
 * Checks. Each finds the first fault of its kind and the rest is not looked at.
 */

static bool
bad_number(Problem *p, int account, int territory, int measure, double value)
{
	TerritoryReason *reason = problem_complain(p, TERRITORY_BAD_NUMBER);

	reason->account = account;
	reason->territory = territory;
	reason->measure = measure;
	reason->value = value;
	return false;
}

static bool
check_sizes(Problem *p)
{
	const TerritoryInput *in = p->input;
	int			bad = 0;
	double		value = 0;

	if (in->accounts < 0)
		bad = 1, value = in->accounts;
	else if (in->territories < 1 || in->territories > TERRITORY_MOST_TERRITORIES)
		bad = 1, value = in->territories;
	else if (in->measures < 1 || in->measures > TERRITORY_MOST_MEASURES)
		bad = 1, value = in->measures;
	else if (in->classes < 1)
		bad = 1, value = in->classes;
	if (bad)
		problem_complain(p, TERRITORY_BAD_SIZE)->value = value;
	return !bad;
}

static bool
check_territories(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int k = 0; k < in->territories; k++)
	{
		if (in->x && !(isfinite(in->home_x[k]) && isfinite(in->home_y[k])))
			return bad_number(p, TERRITORY_NONE, k, TERRITORY_NONE, isfinite(in->home_x[k]) ? in->home_y[k] : in->home_x[k]);
		if (in->x && in->z && !isfinite(in->home_z[k]))
			return bad_number(p, TERRITORY_NONE, k, TERRITORY_NONE, in->home_z[k]);
		for (int m = 0; m < in->measures; m++)
		{
			double		least = in->least[k * in->measures + m];
			double		most = in->most[k * in->measures + m];

			if (!(least >= 0) || isinf(least))
				return bad_number(p, TERRITORY_NONE, k, m, least);
			if (!(most >= 0))
				return bad_number(p, TERRITORY_NONE, k, m, most);
		}
	}
	if (in->mismatch)
		for (Size j = 0; j < (Size) in->classes * in->territories; j++)
			if (!(in->mismatch[j] >= 0) || isinf(in->mismatch[j]))
				return bad_number(p, TERRITORY_NONE, j % in->territories, TERRITORY_NONE, in->mismatch[j]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (!(in->budget[b] >= 0))
			return bad_number(p, TERRITORY_NONE, TERRITORY_NONE, b, in->budget[b]);
	return true;
}

static bool
check_reference(Problem *p, int account, int value, int least, int count)
{
	TerritoryReason *reason;

	if (value >= least && value < count)
		return true;
	reason = problem_complain(p, TERRITORY_BAD_REFERENCE);
	reason->account = account;
	reason->value = value;
	return false;
}

static bool
check_accounts(Problem *p)
{
	const TerritoryInput *in = p->input;
	Size		amounts = (Size) in->measures * (in->by_territory ? in->territories : 1);

	for (int i = 0; i < in->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (in->class_of && !check_reference(p, i, in->class_of[i], 0, in->classes))
			return false;
		if (in->owner && !check_reference(p, i, in->owner[i], TERRITORY_NONE, in->territories))
			return false;
		if (in->held && !check_reference(p, i, in->held[i], TERRITORY_EXEMPT, in->territories))
			return false;
		for (Size m = 0; m < amounts; m++)
			if (!(in->amount[i * amounts + m] >= 0) || isinf(in->amount[i * amounts + m]))
				return bad_number(p, i, in->by_territory ? (int) (m / in->measures) : TERRITORY_NONE, m % in->measures, in->amount[i * amounts + m]);
		if (in->relationship && (!(in->relationship[i] >= 0) || isinf(in->relationship[i])))
			return bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->relationship[i]);
		if (in->x && !(isfinite(in->x[i]) && isfinite(in->y[i])))
			return bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, isfinite(in->x[i]) ? in->y[i] : in->x[i]);
		if (in->x && in->z && !isfinite(in->z[i]))
			return bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->z[i]);
		if (in->weight && (!(in->weight[i] >= 0) || isinf(in->weight[i])))
			return bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->weight[i]);
		if (in->cost)
			for (int k = 0; k < in->territories; k++)
				if (!isfinite(in->cost[(Size) i * in->territories + k]))
					return bad_number(p, i, k, TERRITORY_NONE, in->cost[(Size) i * in->territories + k]);
	}
	return true;
}

/*
 * Lists: sets of territories, each found once, by a hash of its bits.
 */
typedef struct ListTable
{
	int			words;
	int			lists;
	int			room;
	uint64	   *bits;			/* [room][words] */
	int			slots;			/* a power of two */
	int		   *slot;			/* list + 1, or 0 */
} ListTable;

static uint64
hash_bits(const uint64 *bits, int words)
{
	uint64		hash = 0;

	for (int w = 0; w < words; w++)
	{
		hash ^= bits[w];
		hash = next_random(&hash);
	}
	return hash;
}

static void
table_grow(Problem *p, ListTable *table)
{
	int			room = Max(16, table->room * 2);
	uint64	   *bits = take(p, uint64, (Size) room * table->words);

	if (table->lists > 0)
		memcpy(bits, table->bits, sizeof(uint64) * table->lists * table->words);
	if (table->room > 0)
	{
		give_back(p, uint64, table->bits, (Size) table->room * table->words);
		give_back(p, int, table->slot, table->slots);
	}
	table->bits = bits;
	table->room = room;
	table->slots = room * 2;
	table->slot = take(p, int, table->slots);
	for (int l = 0; l < table->lists; l++)
	{
		uint32		s = hash_bits(bits + (Size) l * table->words, table->words) & (table->slots - 1);

		while (table->slot[s])
			s = (s + 1) & (table->slots - 1);
		table->slot[s] = l + 1;
	}
}

static int
table_find(Problem *p, ListTable *table, const uint64 *bits)
{
	Size		bytes = sizeof(uint64) * table->words;
	uint32		s;

	if (table->lists == table->room)
		table_grow(p, table);
	s = hash_bits(bits, table->words) & (table->slots - 1);
	while (table->slot[s])
	{
		if (memcmp(table->bits + (Size) (table->slot[s] - 1) * table->words, bits, bytes) == 0)
			return table->slot[s] - 1;
		s = (s + 1) & (table->slots - 1);
	}
	memcpy(table->bits + (Size) table->lists * table->words, bits, bytes);
	table->slot[s] = ++table->lists;
	return table->lists - 1;
}

/* Writes the lists out. */
static void
table_spread(Problem *p, const ListTable *table)
{
	Size		total = 0;
	Size		at = 0;

	p->lists = table->lists;
	p->list_start = take(p, int, p->lists + 1);
	for (int pass = 0; pass < 2; pass++)
	{
		for (int l = 0; l < table->lists; l++)
		{
			if (pass == 1)
				p->list_start[l] = at;
			for (int k = 0; k < p->territories; k++)
				if (table->bits[(Size) l * table->words + k / WORD_BITS] >> (k % WORD_BITS) & 1)
				{
					if (pass == 1)
					{
						p->list[at] = k;
						if (p->input->x)
						{
							p->list_x[at] = (float) ((p->input->home_x[k] - p->middle_x) * p->place_scale);
							p->list_y[at] = (float) ((p->input->home_y[k] - p->middle_y) * p->place_scale);
							if (p->input->z)
								p->list_z[at] = (float) ((p->input->home_z[k] - p->middle_z) * p->place_scale);
						}
						at++;
					}
					else
						total++;
				}
			if (pass == 1)
				p->longest_list = Max(p->longest_list, (int) at - p->list_start[l]);
		}
		if (pass == 0)
		{
			p->list = take(p, uint16, total);
			if (p->input->x)
			{
				p->list_x = take(p, float, total);
				p->list_y = take(p, float, total);
				if (p->input->z)
					p->list_z = take(p, float, total);
			}
		}
	}
	p->list_start[p->lists] = at;
}

/*
 * Units.
 */
typedef struct Entry
{
	uint64		key;			/* list and place */
	int			head;			/* the first account of the family, or the account itself */
	int			account;
} Entry;

static int
compare_entries(const void *one, const void *other, void *problem)
{
	const Entry *a = one;
	const Entry *b = other;
	Problem    *p = problem;

	progress_every(p, ++p->compared, PROGRESS_ACCOUNTS);
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	return a->account < b->account ? -1 : a->account > b->account;
}

/* Where an account is on the curve: the bits of its coordinates in turn (Morton 1966), the highest first. At most 40 bits. */
static uint64
place_key(const Problem *p, int account)
{
	const TerritoryInput *in = p->input;
	int			axes = in->z ? 3 : 2;
	int			bits = 40 / axes;
	uint64		cell[3] = {0};
	uint64		key = 0;
	double		cells;

	if (!in->x || !(p->reach > 0))
		return 0;
	cells = (ldexp(0.5, bits) - 1) / p->reach;
	cell[0] = (uint64) ((in->x[account] - p->middle_x + p->reach) * cells);
	cell[1] = (uint64) ((in->y[account] - p->middle_y + p->reach) * cells);
	if (in->z)
		cell[2] = (uint64) ((in->z[account] - p->middle_z + p->reach) * cells);
	for (int bit = bits - 1; bit >= 0; bit--)
		for (int axis = axes - 1; axis >= 0; axis--)
			key = key << 1 | (cell[axis] >> bit & 1);
	return key;
}

/* The middle of one coordinate; the reach becomes at least what the coordinate needs. */
static double
middle_of(Problem *p, const double *place, const double *home)
{
	double		low = INFINITY;
	double		high = -INFINITY;

	for (int i = 0; i < p->input->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		low = Min(low, place[i]);
		high = Max(high, place[i]);
	}
	for (int k = 0; k < p->territories; k++)
	{
		low = Min(low, home[k]);
		high = Max(high, home[k]);
	}
	p->reach = Max(p->reach, high / 2 - low / 2);
	return low / 2 + high / 2;
}

static void
find_middle(Problem *p)
{
	const TerritoryInput *in = p->input;

	p->place_scale = 1.0;
	if (!in->x)
		return;
	p->middle_x = middle_of(p, in->x, in->home_x);
	p->middle_y = middle_of(p, in->y, in->home_y);
	if (in->z)
		p->middle_z = middle_of(p, in->z, in->home_z);
	p->place_scale = scale_to(p->reach, 0);
}

/* Sorts what is given by family; head[account] becomes the first of its family. False where two are held apart. */
static bool
find_heads(Problem *p, int *head, int *held_at)
{
	const TerritoryInput *in = p->input;
	Entry	   *entry;
	int			entries = 0;

	for (int i = 0; i < in->accounts; i++)
	{
		head[i] = i;
		held_at[i] = in->held ? in->held[i] : TERRITORY_NONE;
	}
	if (!in->family)
		return true;
	entry = take(p, Entry, in->accounts);
	for (int i = 0; i < in->accounts; i++)
		if (in->family[i] != TERRITORY_NONE && held_at[i] != TERRITORY_EXEMPT)
			entry[entries++] = (Entry) {(uint64) in->family[i], 0, i};
	qsort_arg(entry, entries, sizeof(Entry), compare_entries, p);
	for (int e = 0, begin = 0; e < entries; e++)
	{
		int			first;

		if (entry[e].key != entry[begin].key)
			begin = e;
		first = entry[begin].account;
		head[entry[e].account] = first;
		if (in->held && in->held[entry[e].account] >= 0)
		{
			if (held_at[first] >= 0 && held_at[first] != in->held[entry[e].account])
			{
				TerritoryReason *reason = problem_complain(p, TERRITORY_FAMILY_SPLIT);

				reason->account = first;
				reason->other = entry[e].account;
				return false;
			}
			held_at[first] = in->held[entry[e].account];
		}
	}
	/* One held account holds its family, if all of it may go there. */
	for (int e = 0; e < entries; e++)
	{
		int			i = entry[e].account;
		int			k = held_at[head[i]];

		if (k >= 0 && in->held[i] != k && in->eligible &&
			!in->eligible[(Size) (in->class_of ? in->class_of[i] : 0) * in->territories + k])
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_FAMILY_SPLIT);

			reason->account = i;
			reason->other = head[i];
			reason->territory = k;
			return false;
		}
		held_at[i] = k;
	}
	give_back(p, Entry, entry, in->accounts);
	return true;
}

/* Scales, from totals; the largest amount of an account counts where amounts differ by territory. */
static void
find_scales(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int m = 0; m < in->measures; m++)
	{
		double		total = 0;

		for (int i = 0; i < in->accounts; i++)
		{
			progress_every(p, i, PROGRESS_ACCOUNTS);
			if (in->by_territory)
			{
				double		largest = 0;

				for (int k = 0; k < in->territories; k++)
					largest = Max(largest, in->amount[((Size) i * in->territories + k) * in->measures + m]);
				total += largest;
			}
			else
				total += in->amount[(Size) i * in->measures + m];
		}
		for (int k = 0; k < in->territories; k++)
			total = Max(total, in->least[k * in->measures + m]);
		p->amount_scale[m] = scale_to(total, AMOUNT_BITS);
		p->mean_amount[m] = in->accounts > 0 ? total / in->accounts * p->amount_scale[m] : 0;
	}
	p->budget_scale[TERRITORY_BUDGET_COUNT] = scale_to(in->accounts, AMOUNT_BITS);
	p->budget_scale[TERRITORY_BUDGET_AMOUNT] = p->amount_scale[in->budget_measure];
}

/* What is held leaves the problem: its load, and what it uses of the budgets. */
static void
set_aside(Problem *p, const int *held_at)
{
	const TerritoryInput *in = p->input;

	for (int i = 0; i < in->accounts; i++)
	{
		int			k = held_at[i];

		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (in->owner && in->owner[i] >= 0 && k != TERRITORY_EXEMPT)
			p->budget_rounding += Max(account_used(p, i, TERRITORY_NONE, TERRITORY_BUDGET_AMOUNT) - owned_amount(p, i) * p->budget_scale[TERRITORY_BUDGET_AMOUNT], 0);
		if (k < 0)
			continue;
		for (int m = 0; m < in->measures; m++)
			p->held_load[k * in->measures + m] +=
				rint(in->amount[(in->by_territory ? (Size) i * in->territories + k : (Size) i) * in->measures + m] * p->amount_scale[m]);
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			p->held_used[b] += account_used(p, i, k, b);
	}
}

/*
 * The limits of what is left; where none can be kept, the nearest that could be. They are widened to whole numbers: a limit such as 1.2 times a
 * target of 10 may be 11.999999999999998, and a load of 12 is within it.
 */
static void
set_limits(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % in->measures;
		double		scale = p->amount_scale[m];
		double		total = p->mean_amount[m] * in->accounts;
		double		most = ceil(Min(in->most[j] * scale, total));
		double		least = floor(in->least[j] * scale);
		double		held = p->held_load[j];

		p->width[j] = Max(most, 1);
		if (least > most)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_LIMITS_CROSS);

			reason->territory = j / in->measures;
			reason->measure = m;
			reason->value = in->least[j];
			reason->limit = in->most[j];
			p->outside += (least - most) / p->width[j];
		}
		if (held > most)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_HELD_TOO_MUCH);

			reason->territory = j / in->measures;
			reason->measure = m;
			reason->value = held / scale;
			reason->limit = in->most[j];
			p->outside += (held - most) / p->width[j];
		}
		p->most[j] = Max(most - held, 0);
		p->least[j] = Min(Max(least - held, 0), p->most[j]);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		/* Budgets are widened too, by what rounding may have added to all that could move; whole numbers are not rounded. */
		p->budget[b] = isinf(in->budget[b]) ? INFINITY :
			ceil(in->budget[b] * p->budget_scale[b]) + (b == TERRITORY_BUDGET_AMOUNT ? ceil(p->budget_rounding) : 0) - p->held_used[b];
		if (p->budget[b] < 0)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_BUDGET_SHORT);

			reason->measure = b;
			reason->value = p->held_used[b] / p->budget_scale[b];
			reason->limit = in->budget[b];
			p->outside -= p->budget[b] / Max(p->budget[b] + p->held_used[b], p->budget_scale[b]);
			p->budget[b] = 0;
		}
		if (!isinf(p->budget[b]))
			p->has_budget = true;
	}
}

/* Which lists there are, and who is in which unit. */
static bool
make_units(Problem *p)
{
	const TerritoryInput *in = p->input;
	int			words = (in->territories + WORD_BITS - 1) / WORD_BITS;
	ListTable	table = {.words = words};
	int		   *head = take(p, int, in->accounts);
	int		   *held_at = p->held_at = take(p, int, in->accounts);
	int		   *class_list = take(p, int, in->classes);
	int		   *list_of = take(p, int, in->accounts);
	uint64	   *bits = take(p, uint64, words);
	Entry	   *entry;
	int			entries = 0;

	if (!find_heads(p, head, held_at))
		return false;
	set_aside(p, held_at);
	for (int c = 0; c < in->classes; c++)
	{
		memset(bits, 0, sizeof(uint64) * words);
		for (int k = 0; k < in->territories; k++)
			if (!in->eligible || in->eligible[(Size) c * in->territories + k])
				bits[k / WORD_BITS] |= UINT64CONST(1) << (k % WORD_BITS);
		class_list[c] = table_find(p, &table, bits);
	}
	for (int i = 0; i < in->accounts; i++)
		list_of[i] = class_list[in->class_of ? in->class_of[i] : 0];
	/* A family may go where all of it may go. */
	if (in->family)
		for (int i = 0; i < in->accounts; i++)
			if (head[i] != i && list_of[i] != list_of[head[i]])
			{
				for (int w = 0; w < words; w++)
					bits[w] = table.bits[(Size) list_of[i] * words + w] & table.bits[(Size) list_of[head[i]] * words + w];
				list_of[head[i]] = table_find(p, &table, bits);
			}
	table_spread(p, &table);

	entry = take(p, Entry, in->accounts);
	for (int i = 0; i < in->accounts; i++)
	{
		int			list = list_of[head[i]];

		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (held_at[i] != TERRITORY_NONE)
			continue;
		if (p->list_start[list] == p->list_start[list + 1])
		{
			int			own = class_list[in->class_of ? in->class_of[i] : 0];
			bool		alone = p->list_start[own] == p->list_start[own + 1];
			TerritoryReason *reason = problem_complain(p, alone ? TERRITORY_NO_ELIGIBLE : TERRITORY_FAMILY_SPLIT);

			reason->account = i;
			reason->class_number = in->class_of ? in->class_of[i] : 0;
			return false;
		}
		entry[entries++] = (Entry) {(uint64) list << 40 | place_key(p, head[i]), head[i], i};
	}
	qsort_arg(entry, entries, sizeof(Entry), compare_entries, p);
	p->member = take(p, int, entries);
	for (int e = 0; e < entries; e++)
	{
		progress_every(p, e, PROGRESS_ACCOUNTS);
		p->member[e] = entry[e].account;
		if (e == 0 || entry[e].head != entry[e - 1].head)
			p->units++;
	}
	p->first = take(p, int, p->units + 1);
	p->list_of = take(p, int, p->units);
	for (int e = 0, u = 0; e < entries; e++)
		if (e == 0 || entry[e].head != entry[e - 1].head)
		{
			p->first[u] = e;
			p->list_of[u++] = list_of[entry[e].head];
		}
	p->first[p->units] = entries;
	give_back(p, Entry, entry, in->accounts);
	give_back(p, int, head, in->accounts);
	give_back(p, int, list_of, in->accounts);
	return true;
}

static void
make_amounts(Problem *p)
{
	const TerritoryInput *in = p->input;
	Size		sets = in->by_territory ? in->territories : 1;

	p->territory_step = in->by_territory ? in->measures : 0;
	p->unit_step = in->measures * sets;
	p->amount = take(p, double, p->units * p->unit_step);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int i = p->first[u]; i < p->first[u + 1]; i++)
			for (Size j = 0; j < p->unit_step; j++)
				p->amount[u * p->unit_step + j] +=
					rint(in->amount[p->member[i] * p->unit_step + j] * p->amount_scale[j % in->measures]);
	}
}

/* How far apart the homes are. */
static double
homes_apart(const Problem *p)
{
	const TerritoryInput *in = p->input;
	double		apart = 0;

	for (int k = 1; k < in->territories; k++)
		apart = Max(apart, fabs(in->home_x[k] - in->home_x[0]) + fabs(in->home_y[k] - in->home_y[0]) + (in->z ? fabs(in->home_z[k] - in->home_z[0]) : 0));
	return apart;
}

/* What an account costs at most anywhere. `apart`: how far apart the homes are. */
static double
dearest_cost(const Problem *p, int account, const double *mismatch, double apart)
{
	const TerritoryInput *in = p->input;
	double		other = 0;

	for (int k = 0; k < in->territories && in->cost; k++)
		other = Max(other, fabs(in->cost[(Size) account * in->territories + k]));
	if (in->x && !in->cost)
	{
		double		x = in->x[account] - in->home_x[0];
		double		y = in->y[account] - in->home_y[0];
		double		z = in->z ? in->z[account] - in->home_z[0] : 0;

		other = (in->weight ? in->weight[account] : 1.0) * (sqrt(x * x + y * y + z * z) + apart);
	}
	if (!in->cost)
		other += mismatch[in->class_of ? in->class_of[account] : 0];
	return other * p->distance_factor + (p->options->fewest_moves ? 1.0 : in->relationship && in->owner && in->owner[account] >= 0 ? in->relationship[account] : 0);
}

/* What a unit, or what is held, costs at most anywhere, and the first account of the one that does. */
static double
largest_cost(Problem *p, int *dearest)
{
	const TerritoryInput *in = p->input;
	double	   *mismatch = take(p, double, in->classes);
	double		apart = in->x ? homes_apart(p) : 0;
	double		largest = 0;

	*dearest = TERRITORY_NONE;
	for (Size j = 0; in->mismatch && j < (Size) in->classes * in->territories; j++)
		mismatch[j / in->territories] = Max(mismatch[j / in->territories], in->mismatch[j]);
	for (int u = 0; u < p->units; u++)
	{
		double		cost = 0;

		progress_every(p, u, PROGRESS_UNITS);
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			cost += dearest_cost(p, p->member[m], mismatch, apart);
		if (cost > largest)
		{
			largest = cost;
			*dearest = p->member[p->first[u]];
		}
	}
	for (int i = 0; i < in->accounts; i++)
	{
		double		cost = p->held_at[i] >= 0 ? dearest_cost(p, i, mismatch, apart) : 0;

		if (cost > largest)
		{
			largest = cost;
			*dearest = i;
		}
	}
	give_back(p, double, mismatch, in->classes);
	return largest;
}

/* Whether no unit costs more at one territory than at another. */
static bool
all_cost_alike(Problem *p, float *cost)
{
	for (int u = 0; u < p->units; u++)
	{
		int			n = p->list_start[p->list_of[u] + 1] - p->list_start[p->list_of[u]];

		progress_every(p, u, PROGRESS_UNITS);
		unit_costs(p, u, cost);
		for (int j = 1; j < n; j++)
			if (cost[j] != cost[0])
				return false;
	}
	return true;
}

/*
 * How far apart costs lie, in a sample; sets the scale of costs and the ceilings of prices. False where the cost of an account is so large, or its place so far, that in
 * whole numbers below 2^COST_BITS those of the others would all be alike.
 */
static bool
measure_costs(Problem *p)
{
	float	   *cost = take(p, float, p->longest_list);
	int			step = Max(1, p->units / 4000);
	double		largest = 0;
	double		eighth = 0;
	double		mean = 0;
	double		count = 0;
	double		within = 1.0;	/* scale that keeps all costs below 2^COST_BITS */
	int			dearest = TERRITORY_NONE;
	bool		is_alike;

	p->distance_factor = 1.0;
	/* First how far apart the costs other than that of a move are: they may only break ties among moves. */
	for (int pass = 0; pass < 2; pass++)
	{
		bool		only_ties = pass == 0 && p->options->fewest_moves;

		if (pass == 0 && !only_ties)
			continue;
		largest = eighth = mean = count = 0;
		p->cost_scale = within = scale_to(largest_cost(p, &dearest), COST_BITS);
		for (int u = 0; u < p->units; u += step)
		{
			int			n = p->list_start[p->list_of[u] + 1] - p->list_start[p->list_of[u]];
			int			rank = Min(n - 1, 8);
			double		sum = 0;

			progress_every(p, u / step, 512);
			unit_costs(p, u, cost);
			for (int j = 0; j < n; j++)
			{
				largest = Max(largest, fabs(cost[j]));
				sum += cost[j];
			}
			if (n < 2)
				continue;
			for (int r = 0; r <= rank; r++)
				for (int j = r + 1; j < n; j++)
					if (cost[j] < cost[r])
					{
						float		swapped = cost[r];

						cost[r] = cost[j];
						cost[j] = swapped;
					}
			eighth += cost[rank] - cost[0];
			mean += sum / n - cost[0];
			count += 1;
		}
		largest /= within;
		eighth /= within;
		mean /= within;
		if (only_ties && mean > 0)
			p->distance_factor = ldexp(1.0, -ilogb(mean / count) - 10);
	}
	p->spread = count > 0 ? eighth / count : 0;
	p->wide_spread = count > 0 ? mean / count : 0;
	p->spread = Max(p->spread, 0.02 * p->wide_spread);
	is_alike = !(p->spread > 0);	/* balance is all there is */
	p->all_alike = is_alike && all_cost_alike(p, cost);
	if (p->input->x && homes_apart(p) > 0 && homes_apart(p) < ldexp(p->reach, -COST_BITS))
		return bad_number(p, dearest, TERRITORY_NONE, TERRITORY_NONE, largest_cost(p, &dearest));
	p->cost_scale = Min(within, scale_to(is_alike ? 1.0 : p->spread, SPREAD_BITS));
	if (largest > 0)
		p->cost_scale = Min(p->cost_scale, scale_to(largest, COST_BITS - 10));
	if (!is_alike && p->spread * p->cost_scale < 1)
		return bad_number(p, dearest, TERRITORY_NONE, TERRITORY_NONE, largest_cost(p, &dearest));
	p->spread = is_alike ? ldexp(1.0, SPREAD_BITS - 1) : p->spread * p->cost_scale;
	p->wide_spread = is_alike ? p->spread : p->wide_spread * p->cost_scale;
	for (int m = 0; m < p->measures; m++)
		p->ceiling[m] = 4.0 * p->wide_spread / Max(p->mean_amount[m], 1e-300);
	p->budget_ceiling[TERRITORY_BUDGET_COUNT] = 64.0 * p->wide_spread / p->budget_scale[TERRITORY_BUDGET_COUNT];
	p->budget_ceiling[TERRITORY_BUDGET_AMOUNT] = 64.0 * p->wide_spread / Max(p->mean_amount[p->input->budget_measure], 1e-300);
	give_back(p, float, cost, p->longest_list);
	return true;
}

/* False where the input makes no sense: the reasons say why. */
bool
problem_build(Problem *p, const TerritoryInput *input, const TerritoryOptions *options)
{
	sigjmp_buf *when_short = p->when_short;

	memset(p, 0, sizeof(Problem));
	p->input = input;
	p->options = options;
	p->when_short = when_short;
	p->territories = input->territories;
	p->measures = input->measures;
	p->rows = p->territories * p->measures;
	p->status = (TerritoryStatus) {TERRITORY_PHASE_PRICES, NAN, NAN, NAN};
	if (!check_sizes(p) || !check_territories(p) || !check_accounts(p))
		return false;
	p->least = take(p, double, p->rows);
	p->most = take(p, double, p->rows);
	p->width = take(p, double, p->rows);
	p->held_load = take(p, double, p->rows);
	find_middle(p);
	find_scales(p);
	if (!make_units(p))
		return false;
	set_limits(p);
	make_amounts(p);
	return measure_costs(p);
}
