/*
 * steps.c: a higher bound for the fewest moves, for accounts are whole.
 *
 * Prices know nothing of whole units: at the best ones a territory with too much gives away two accounts and a third of another. If it must lose at
 * least d of a measure, and gives away units of at most d' each, it gives away at least d / d' of them, and that many is a whole number. So let S be
 * units that it has, v their amounts and those of others, and b what may come beside S. In every plan within its most
 *
 *	sum of v over who comes - sum of v over those of S who leave <= b
 *
 * and then, for any size d of a step, with F(x) = floor(x) + max(0, x - floor(x) - f) / (1 - f) and f = b/d - floor(b/d),
 *
 *	sum of F(v/d) over who comes + sum of F(-v/d) over those of S who leave <= floor(b/d)
 *
 * (mixed-integer rounding: Nemhauser and Wolsey 1990; with -v and the least likewise). That is one more measure, whose amounts differ by territory: F(v/d)
 * of who is not of S, -F(-v/d) of S. So the problem with one such step for each load is a problem like any other (Problem), and its dual, climbed
 * from the prices that are known, has a bound that is higher where territories have few units, and proven in the same way (bound.c).
 *
 * Any step is right. Those are taken that the soft choice at the known prices breaks by most.
 */
#include "territory/steps.h"
#include "territory/bound.h"
#include "territory/dual.h"

#include "core/numerics.h"

/* Room for a step, as a share of it, is no nearer to a whole number than this: there it would count next to nothing, or all by a hair. */
#define LEAST_ROOM		0.02
/* Amounts of steps are whole multiples of 2^-STEP_BITS, rounded to the side that is right even if they were computed a little wrong. */
#define STEP_BITS		20
#define BLUR			0.01
/* Whoever has a smaller share does not count in the choice of a step; who has one between these may be the one that is split. */
#define LEAST_SHARE		1e-3
#define SPLIT_SHARE		0.02
/* Sizes are the amounts of so many of those, times some; and what must leave, divided by some. */
#define SIZES			24
/* Steps that are broken by less are not worth a measure. */
#define LEAST_BREACH	1e-3
/* The climb from where steps are worth nothing begins hot, at these shares of the spread of costs, and which of them have a price there is final. */
#define HOT				0.05
#define WARM			0.025
#define CLIMBS			20
/* Loads whose steps are worth nothing get others, so often in all. */
#define ROUNDS			2
#define GOOD			0.0003
/* A step is worth so many times the spread of costs at most. */
#define MOST_WORTH		4.0
/* More pairs of unit and territory than that take too much time and memory, and then territories have many units. */
#define MOST_PAIRS		2000000

/* A unit that may be in a territory. */
typedef struct Entry
{
	double		amount;			/* turned for the least */
	double		share;			/* of the soft choice */
	bool		is_own;
} Entry;

typedef struct Choice
{
	Problem    *p;
	int		   *owner;			/* [units], where that may have it; or NONE */
	float	   *share;			/* [units][territories] */
	Entry	   *entry;			/* of a territory, by amount */
	int			entries;
} Choice;

/* F: what is left of a number beside the room counts evenly. */
static inline double
count_steps(double number, double room)
{
	double		whole = floor(number);

	return whole + Max(number - whole - room, 0) / (1 - room);
}

/* The amounts of a step, and its limit. */
typedef struct Count
{
	double		size;
	double		below;
	double		room;			/* as a share of a step */
	double		most;			/* steps beside those that are there */
} Count;

/* Whether a unit of the territory is counted when it leaves. */
static inline bool
is_there(const Count *count, double amount, bool is_own)
{
	return is_own && amount < count->below;
}

static inline double
count_unit(const Count *count, double amount, bool is_own)
{
	return is_there(count, amount, is_own) ? -count_steps(-amount / count->size, count->room) : count_steps(amount / count->size, count->room);
}

/* For amounts turned and what may come beside those that are there. False: the room is next to nothing, or nearly a step. */
static bool
count_begin(Count *count, double beside)
{
	count->most = floor(beside / count->size);
	count->room = beside / count->size - count->most;
	return count->room >= LEAST_ROOM && count->room <= 1 - LEAST_ROOM;
}

/* The soft choice of every unit at the prices. */
static void
find_shares(Choice *x, const Prices *prices, double temperature)
{
	Problem    *p = x->p;
	double	   *value = take(p, double, p->longest_list);

	for (int u = 0; u < p->units; u++)
	{
		int			start = p->list_start[p->list_of[u]];
		int			count = p->list_start[p->list_of[u] + 1] - start;
		int			owner = unit_owner(p, u);
		double		least = INFINITY;
		double		sum = 0;

		progress_every(p, u, PROGRESS_UNITS / 16);
		x->owner[u] = TERRITORY_NONE;
		for (int j = 0; j < count; j++)
		{
			int			k = p->list[start + j];

			if (k == owner)
				x->owner[u] = k;
			value[j] = value_at(p, prices, u, k, unit_cost(p, u, k));
			least = Min(least, value[j]);
		}
		for (int j = 0; j < count; j++)
		{
			value[j] = salesops_exp((least - value[j]) / temperature);
			sum += value[j];
		}
		for (int j = 0; j < count; j++)
			x->share[(Size) u * p->territories + p->list[start + j]] = value[j] / sum;
	}
	give_back(p, double, value, p->longest_list);
}

static int
compare_amounts(const void *one, const void *other)
{
	const Entry *a = one;
	const Entry *b = other;

	if (a->amount != b->amount)
		return a->amount < b->amount ? -1 : 1;
	if (a->share != b->share)
		return a->share < b->share ? -1 : 1;
	return a->is_own - b->is_own;
}

static void
find_entries(Choice *x, int k, int m, double turn)
{
	Problem    *p = x->p;

	x->entries = 0;
	for (int u = 0; u < p->units; u++)
	{
		float		share = x->share[(Size) u * p->territories + k];
		bool		is_own = x->owner[u] == k;

		if (share >= LEAST_SHARE || is_own)
			x->entry[x->entries++] = (Entry) {turn * unit_amount(p, u, k)[m], share, is_own};
	}
	qsort(x->entry, x->entries, sizeof(Entry), compare_amounts);
}

/* What may come beside those that are there: the most, less their amounts. */
static double
beside(const Choice *x, const Count *count, double most)
{
	for (int i = 0; i < x->entries; i++)
		if (is_there(count, x->entry[i].amount, x->entry[i].is_own))
			most -= x->entry[i].amount;
	return most;
}

/* By how many steps the soft choice is above what whole units may be. */
static double
breach(const Choice *x, const Count *count)
{
	double		sum = -count->most;

	for (int i = 0; i < x->entries; i++)
	{
		const Entry *e = &x->entry[i];
		double		steps = count_unit(count, e->amount, e->is_own);

		sum += is_there(count, e->amount, e->is_own) ? (e->share - 1) * steps : e->share * steps;
	}
	return sum;
}

/* Amounts of units that may be split: some, evenly spread. Returns how many. */
static int
split_amounts(const Choice *x, double *amount)
{
	int			split = 0;
	int			seen = 0;
	int			found = 0;

	for (int i = 0; i < x->entries; i++)
		split += x->entry[i].share > SPLIT_SHARE && x->entry[i].share < 1 - SPLIT_SHARE;
	for (int i = 0; i < x->entries; i++)
		if (x->entry[i].share > SPLIT_SHARE && x->entry[i].share < 1 - SPLIT_SHARE && seen++ * Min(SIZES, split) / split >= found)
			amount[found++] = fabs(x->entry[i].amount);
	return found;
}

/* Of the territory's own, what such a share of them has less than: a little below anybody's amount, so that it is clear who has less, whoever rounds. */
static double
own_quantile(const Choice *x, int owns, double share)
{
	int			seen = 0;

	for (int i = 0; i < x->entries; i++)
		if (x->entry[i].is_own && seen++ >= share * owns)
			return x->entry[i].amount * (1 - ldexp(1, -STEP_BITS));
	return INFINITY;
}

/* The step of one load, at the limit that its price says is reached. */
static Step
choose_step(Choice *x, int k, int m, double turn)
{
	const Problem *p = x->p;
	const int	row = k * p->measures + m;	/* of the load itself */
	static const double below_share[] = {1, 0.95, 0.9, 0.8, 0.7, 0.5};
	static const double times[] = {0.5, 1, 2};
	static const double parts[] = {1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5};
	double		split[SIZES];
	int			splits;
	int			owns = 0;
	double		largest = 0;
	double		best = 0;
	Step		step = {0};

	find_entries(x, k, m, turn);
	for (int i = 0; i < x->entries; i++)
	{
		owns += x->entry[i].is_own;
		largest = Max(largest, fabs(x->entry[i].amount));
	}
	splits = split_amounts(x, split);
	/* Who has too little gives nothing away. */
	for (int b = 0; b < (turn > 0 ? (int) lengthof(below_share) : 1); b++)
	{
		Count		count = {.below = own_quantile(x, owns, below_share[b])};
		double		room = beside(x, &count, turn > 0 ? p->most[row] : -p->least[row]);

		for (int i = 0; i < splits * (int) lengthof(times) + (int) lengthof(parts); i++)
		{
			int			part = i - splits * (int) lengthof(times);
			double		gain;

			count.size = part < 0 ? split[i / lengthof(times)] * times[i % lengthof(times)] : fabs(room) / parts[part];
			if (count.size <= 1e-3 * largest || !count_begin(&count, room))
				continue;
			gain = breach(x, &count);
			if (gain > LEAST_BREACH && gain * count.size > best)
			{
				best = gain * count.size;
				step = (Step) {turn * count.size, count.below, 0};
			}
		}
	}
	x->p->work += x->entries;
	return step;
}

/* Where the step of a load is among the loads of the problem with steps. */
static inline int
counted_load(int row, int measures)
{
	return row + (row / measures + 1) * measures;
}

/* The problem with a measure more for each that there is, of steps; none yet. */
static Problem *
with_steps(Problem *p)
{
	Problem    *q = take(p, Problem, 1);
	int			measures = p->measures;

	*q = *p;
	q->when_short = NULL;
	q->measures = 2 * measures;
	q->rows = 2 * p->rows;
	q->territory_step = q->measures;
	q->unit_step = (Size) p->territories * q->measures;
	q->amount = take(p, double, p->units * q->unit_step);
	q->least = take(p, double, q->rows);
	q->most = take(p, double, q->rows);
	q->width = take(p, double, q->rows);
	for (int m = measures; m < q->measures; m++)
	{
		q->amount_scale[m] = q->mean_amount[m] = ldexp(1, STEP_BITS);
		q->ceiling[m] = MOST_WORTH * p->spread / q->mean_amount[m];
	}
	for (int row = 0; row < p->rows; row++)
	{
		int			counted = counted_load(row, measures);

		q->least[counted - measures] = p->least[row];
		q->most[counted - measures] = p->most[row];
		q->width[counted - measures] = p->width[row];
		q->least[counted] = -ldexp(1, 50);
		q->width[counted] = ldexp(1, STEP_BITS);
	}
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS / 16);
		for (int k = 0; k < p->territories; k++)
			memcpy(q->amount + u * q->unit_step + k * q->measures, unit_amount(p, u, k), sizeof(double) * measures);
	}
	return q;
}

/* Counts a load in steps. */
static void
put_step(Choice *x, int row, const Step *step)
{
	Problem    *q = x->p;
	int			measures = q->measures / 2;
	int			k = row / measures;
	int			counted = counted_load(row, measures);
	double		turn = step->size < 0 ? -1 : 1;
	Count		count = {.size = fabs(step->size), .below = step->below};
	double	   *amount = q->amount + k * q->measures + row % measures;
	double		room = turn > 0 ? q->most[counted - measures] : -q->least[counted - measures];

	q->most[counted] = 0;
	for (int u = 0; u < q->units; u++)
	{
		double		turned = turn * amount[u * q->unit_step];

		amount[u * q->unit_step + measures] = 0;
		if (is_there(&count, turned, x->owner[u] == k))
			room -= turned;
	}
	if (step->size == 0)
		return;
	count_begin(&count, room);
	for (int u = 0; u < q->units; u++)
	{
		double		turned = turn * amount[u * q->unit_step];
		bool		is_own = x->owner[u] == k;
		double		steps = count_unit(&count, turned, is_own);

		if (is_there(&count, turned, is_own))
			count.most += steps;
		amount[u * q->unit_step + measures] = floor(ldexp(steps, STEP_BITS) - BLUR);
	}
	q->most[counted] = ceil(ldexp(count.most, STEP_BITS) + BLUR);
}

static void
free_steps(Problem *p, Problem *q)
{
	give_back(p, double, q->amount, p->units * q->unit_step);
	give_back(p, double, q->least, q->rows);
	give_back(p, double, q->most, q->rows);
	give_back(p, double, q->width, q->rows);
	p->is_stopped |= q->is_stopped;
	p->most_memory = Max(p->most_memory, q->most_memory);
	give_back(p, Problem, q, 1);
}

/* Climbs from prices of the loads and steps that are worth nothing. Which steps are worth something shows soon. */
static void
climb(Problem *q, Prices *prices, const Step *step, double cold)
{
	const int	measures = q->measures / 2;
	const int	rows = q->rows / 2;
	Columns    *c = columns_all(q);
	bool	   *is_known;
	Dual		dual;

	dual_begin(&dual, q, c);
	/* That of a budget is as it is. */
	is_known = take(q, bool, dual.size);
	for (int row = 0; row < rows; row++)
		is_known[counted_load(row, measures)] = step[row].size == 0;
	dual.is_known = is_known;
	dual.is_rough = true;
	dual.good = GOOD;
	dual_climb(&dual, prices, HOT, WARM, CLIMBS);
	for (int row = 0; row < rows; row++)
		is_known[counted_load(row, measures)] |= prices->load[counted_load(row, measures)] == 0;
	dual.is_rough = false;
	dual_climb(&dual, prices, WARM / 2, cold, CLIMBS);
	give_back(q, bool, is_known, dual.size);
	dual_end(&dual);
	columns_free(q, c);
}

/*
 * The higher bound and what proves it, from the best prices of the loads; cold: where their climb ended, as a share of the spread of costs. Nothing
 * where all cost alike, and where that takes too much memory or time. What is set is taken from the problem's memory.
 */
void
steps_find(Problem *p, const Prices *prices, double cold, Steps *steps)
{
	const Size	pairs = (Size) p->units * p->territories;
	Choice		x;
	Problem    *q;
	Prices		higher = *prices;
	uint16	   *best;

	*steps = (Steps) {.bound = -INFINITY};
	/* Amounts twice over, columns, shares, and some for the dual. */
	if (p->all_alike || 2 * p->measures > TERRITORY_MOST_MEASURES || pairs > MOST_PAIRS ||
		(p->when_short && p->memory + pairs * (sizeof(double) * 2 * p->measures + 16) + (Size) p->units * 64 + (1 << 22) > p->options->memory_limit))
		return;
	q = with_steps(p);
	x = (Choice) {q, take(p, int, p->units), take(p, float, pairs), take(p, Entry, p->units), 0};
	higher.load = take(p, double, q->rows);
	for (int row = 0; row < p->rows; row++)
		higher.load[counted_load(row, p->measures) - p->measures] = prices->load[row];
	steps->step = take(p, Step, p->rows);
	for (int round = 0; round < ROUNDS && !problem_progress(p); round++)
	{
		find_shares(&x, &higher, cold * p->spread);
		for (int row = 0; row < p->rows && !problem_progress(p); row++)
		{
			int			counted = counted_load(row, p->measures);
			double		price = higher.load[counted - p->measures];

			if (higher.load[counted] > 0)
				continue;
			steps->step[row] = price == 0 ? (Step) {0} : choose_step(&x, row / p->measures, row % p->measures, price < 0 ? -1 : 1);
			put_step(&x, row, &steps->step[row]);
		}
		climb(q, &higher, steps->step, cold);
	}
	bound_round(q, &higher);
	best = take(p, uint16, p->units);
	steps->bound = bound_as_cost(q, bound_exact(q, &higher, best));
	steps->prices = (Prices) {take(p, double, p->rows), {prices->budget[0], prices->budget[1]}};
	for (int row = 0; row < p->rows; row++)
	{
		Step	   *step = &steps->step[row];
		int			counted = counted_load(row, p->measures);

		steps->prices.load[row] = higher.load[counted - p->measures];
		step->price = ldexp(higher.load[counted], STEP_BITS);
		if (step->price == 0)
			*step = (Step) {0};
	}
	give_back(p, uint16, best, p->units);
	give_back(p, double, higher.load, q->rows);
	free_steps(p, q);
	if (steps->bound <= p->status.bound)
		*steps = (Steps) {.bound = -INFINITY};
	give_back(p, int, x.owner, p->units);
	give_back(p, float, x.share, pairs);
	give_back(p, Entry, x.entry, p->units);
}
