/*
 * steps.c: a higher bound for the fewest moves, for accounts are whole.
 *
 * Prices know nothing of whole units: at the best ones a territory with too much gives away two accounts and a third of another. If it must lose at
 * least d of a measure, and gives away units of at most d' each, it gives away at least d / d' of them, and that many is a whole number. So let v be
 * what units come to by any weights of the measures, S some that a territory has, and b the most that its limits allow, less S. In every plan within them
 *
 *	sum of v over who comes - sum of v over those of S who leave <= b
 *
 * and then, with F(x) = floor(x) + max(0, x - floor(x) - f) / (1 - f) and f = b - floor(b),
 *
 *	sum of F(v) over who comes + sum of F(-v) over those of S who leave <= floor(b)
 *
 * (mixed-integer rounding: Nemhauser and Wolsey 1990). That is one more measure, a step, whose amounts differ by territory: F(v) of who is not of S, -F(-v)
 * of S. So the problem with some steps for each territory is a problem like any other (Problem), and its dual, climbed from the prices that are
 * known, has a bound that is higher where territories have few units, and proven in the same way (bound.c).
 *
 * Any step is right. Those are taken that the soft choice at the known prices breaks by most: one for each measure, and one for them together.
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
/* Sizes of steps are the amounts of so many of those, times some; and what must leave, divided by some. */
#define SIZES			24
/* Steps that are broken by less, in shares of the largest unit, are not worth a measure. */
#define LEAST_BREACH	1e-3
/* Steps are no smaller than this share of the largest unit. */
#define SMALLEST		1e-3
/* Of measures together one may be so many times heavier than the others, as shares of the limits. */
#define HEAVIER			2.0
/* The climb from where steps are worth nothing begins hot, at these shares of the spread of costs, and which of them have a price there is final. */
#define HOT				0.05
#define WARM			0.025
#define CLIMBS			20
/* Loads whose steps are worth nothing get others, so often in all. */
#include <stdlib.h>
#include <stdio.h>
#define ROUNDS (getenv("RO") ? atoi(getenv("RO")) : 2)
#define GOOD			0.0003
/* A step is worth so many times the spread of costs at most. */
#define MOST_WORTH		4.0
/* More pairs of unit and territory than that take too much time and memory, and then territories have many units. */
#define MOST_PAIRS		2000000

/* A unit that may be in a territory. */
typedef struct Entry
{
	double		amount;			/* by the weights that are tried */
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
	int			measures;		/* without steps */
	int			steps;			/* of a territory */
} Choice;

/* F: what is left of a number beside the room counts evenly. */
static inline double
count_steps(double number, double room)
{
	double		whole = floor(number);

	return whole + Max(number - whole - room, 0) / (1 - room);
}

/* A step that is counted. */
typedef struct Count
{
	double		size;
	double		below;
	double		room;			/* f */
	double		most;			/* in steps */
} Count;

static bool
is_step(const Step *step, int measures)
{
	bool		is_any = false;

	for (int m = 0; m < measures; m++)
		is_any |= step->weight[m] != 0;
	return is_any;
}

/* Whether a unit is of S: it is counted when it leaves. */
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

/* From what may come beside S. False: that is next to no step, or nearly one. */
static bool
count_begin(Count *count, double beside)
{
	count->most = floor(beside / count->size);
	count->room = beside / count->size - count->most;
	return count->room >= LEAST_ROOM && count->room <= 1 - LEAST_ROOM;
}

static inline double
weigh(const double *weight, const double *amount, int measures)
{
	double		sum = 0;

	for (int m = 0; m < measures; m++)
		sum += weight[m] * amount[m];
	return sum;
}

/* The most that limits allow. */
static double
most_allowed(const Problem *p, int k, const double *weight, int measures)
{
	double		sum = 0;

	for (int m = 0; m < measures; m++)
		sum += Max(weight[m] * p->most[k * p->measures + m], weight[m] * p->least[k * p->measures + m]);
	return sum;
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
find_entries(Choice *x, int k, const double *weight)
{
	Problem    *p = x->p;

	x->entries = 0;
	for (int u = 0; u < p->units; u++)
	{
		float		share = x->share[(Size) u * p->territories + k];
		bool		is_own = x->owner[u] == k;

		if (share >= LEAST_SHARE || is_own)
			x->entry[x->entries++] = (Entry) {weigh(weight, unit_amount(p, u, k), x->measures), share, is_own};
	}
	qsort(x->entry, x->entries, sizeof(Entry), compare_amounts);
}

/* What may come beside S. */
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

/* Tries steps of a territory by some weights; a better one becomes the best. */
static void
try_weights(Choice *x, int k, const double *weight, Step *best, double *best_breach)
{
	static const double below_share[] = {1, 0.95, 0.9, 0.8, 0.7, 0.5};
	static const double times[] = {0.5, 1, 2};
	static const double parts[] = {1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5};
	double		split[SIZES];
	int			splits;
	int			owns = 0;
	double		largest = 0;

	find_entries(x, k, weight);
	for (int i = 0; i < x->entries; i++)
	{
		owns += x->entry[i].is_own;
		largest = Max(largest, fabs(x->entry[i].amount));
	}
	splits = split_amounts(x, split);
	for (int b = 0; b < (int) lengthof(below_share); b++)
	{
		Count		count = {.below = own_quantile(x, owns, below_share[b])};
		double		room = beside(x, &count, most_allowed(x->p, k, weight, x->measures));

		for (int i = 0; i < splits * (int) lengthof(times) + (int) lengthof(parts); i++)
		{
			int			part = i - splits * (int) lengthof(times);
			double		by;

			count.size = part < 0 ? split[i / lengthof(times)] * times[i % lengthof(times)] : fabs(room) / parts[part];
			if (count.size <= SMALLEST * largest || !count_begin(&count, room))
				continue;
			/* Small steps are broken by more of them. */
			by = breach(x, &count) * count.size / largest;
			if (by <= *best_breach)
				continue;
			*best_breach = by;
			best->below = count.below / count.size;
			for (int m = 0; m < x->measures; m++)
				best->weight[m] = weight[m] / count.size;
		}
	}
	x->p->work += x->entries;
}

/* A step of a territory: of a measure at the limit that its price says is reached, or of all together, by their prices or the limits. */
static Step
choose_step(Choice *x, int k, int number, const double *price)
{
	const double *most = x->p->most + k * x->p->measures;
	double		weight[TERRITORY_MOST_MEASURES] = {0};
	double		best_breach = LEAST_BREACH;
	Step		best = {.below = 0};

	if (number < x->measures)
	{
		weight[number] = price[number] > 0 ? 1 : price[number] < 0 ? -1 : 0;
		try_weights(x, k, weight, &best, &best_breach);
		return best;
	}
	try_weights(x, k, price, &best, &best_breach);
	/* All alike, and one heavier than the others. */
	for (int heavy = 0; heavy <= x->measures; heavy++)
	{
		for (int m = 0; m < x->measures; m++)
			weight[m] = (price[m] > 0 ? 1 : price[m] < 0 ? -1 : 0) * (m == heavy ? HEAVIER : 1) / Max(most[m], 1);
		try_weights(x, k, weight, &best, &best_breach);
	}
	return best;
}

/* Where a step of a territory is among the loads of the problem with steps. */
static inline int
step_load(const Choice *x, int k, int number)
{
	return k * x->p->measures + x->measures + number;
}

/* The problem with steps as more measures; none is counted yet. */
static Problem *
with_steps(Problem *p, int steps)
{
	Problem    *q = take(p, Problem, 1);
	int			measures = p->measures;

	*q = *p;
	q->when_short = NULL;
	q->measures = measures + steps;
	q->rows = p->territories * q->measures;
	q->territory_step = q->measures;
	q->unit_step = q->rows;
	q->amount = take(p, double, p->units * q->unit_step);
	q->least = take(p, double, q->rows);
	q->most = take(p, double, q->rows);
	q->width = take(p, double, q->rows);
	for (int m = measures; m < q->measures; m++)
	{
		q->amount_scale[m] = q->mean_amount[m] = ldexp(1, STEP_BITS);
		q->ceiling[m] = MOST_WORTH * p->spread / q->mean_amount[m];
	}
	for (int k = 0; k < p->territories; k++)
	{
		memcpy(q->least + k * q->measures, p->least + k * measures, sizeof(double) * measures);
		memcpy(q->most + k * q->measures, p->most + k * measures, sizeof(double) * measures);
		memcpy(q->width + k * q->measures, p->width + k * measures, sizeof(double) * measures);
		for (int j = k * q->measures + measures; j < (k + 1) * q->measures; j++)
		{
			q->least[j] = -ldexp(1, 50);
			q->width[j] = ldexp(1, STEP_BITS);
		}
	}
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS / 16);
		for (int k = 0; k < p->territories; k++)
			memcpy(q->amount + u * q->unit_step + k * q->measures, unit_amount(p, u, k), sizeof(double) * measures);
	}
	return q;
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

/* Counts a step of a territory. */
static void
put_step(Choice *x, int k, int number, const Step *step)
{
	Problem    *q = x->p;
	int			j = step_load(x, k, number);
	double		beside = most_allowed(q, k, step->weight, x->measures);
	Count		count = {.size = 1, .below = step->below};

	for (int u = 0; u < q->units; u++)
	{
		double		amount = weigh(step->weight, unit_amount(q, u, k), x->measures);

		if (is_there(&count, amount, x->owner[u] == k))
			beside -= amount;
	}
	count_begin(&count, beside);
	for (int u = 0; u < q->units; u++)
	{
		double		amount = weigh(step->weight, unit_amount(q, u, k), x->measures);
		bool		is_own = x->owner[u] == k;
		double		steps = count_unit(&count, amount, is_own);

		if (is_there(&count, amount, is_own))
			count.most += steps;
		q->amount[u * q->unit_step + j] = floor(ldexp(steps, STEP_BITS) - BLUR);
	}
	q->most[j] = ceil(ldexp(count.most, STEP_BITS) + BLUR);
}

/* No step any more. */
static void
drop_step(Choice *x, int k, int number)
{
	Problem    *q = x->p;
	int			j = step_load(x, k, number);

	for (int u = 0; u < q->units; u++)
		q->amount[u * q->unit_step + j] = 0;
	q->most[j] = 0;
}

/* Chooses those steps that are worth nothing, anew. */
static void
choose_steps(Choice *x, const Prices *prices, Step *step)
{
	for (int i = 0; i < x->p->territories * x->steps && !problem_progress(x->p); i++)
	{
		int			k = i / x->steps;
		int			number = i % x->steps;

		if (prices->load[step_load(x, k, number)] > 0)
			continue;
		step[i] = choose_step(x, k, number, prices->load + k * x->p->measures);
		if (is_step(&step[i], x->measures))
			put_step(x, k, number, &step[i]);
		else
			drop_step(x, k, number);
	}
}

/* Climbs from prices at which steps are worth nothing. Which of them are worth something shows soon. */
static void
climb(const Choice *x, Prices *prices, const Step *step, double cold)
{
	Problem    *q = x->p;
	Columns    *c = columns_all(q);
	bool	   *is_known;
	Dual		dual;

	dual_begin(&dual, q, c);
	/* That of a budget is as it is. */
	is_known = take(q, bool, dual.size);
	for (int i = 0; i < q->territories * x->steps; i++)
		is_known[step_load(x, i / x->steps, i % x->steps)] = !is_step(&step[i], x->measures);
	dual.is_known = is_known;
	dual.is_rough = true;
	dual.good = GOOD;
	dual_climb(&dual, prices, HOT, WARM, CLIMBS);
	for (int i = 0; i < q->territories * x->steps; i++)
	{
		int			j = step_load(x, i / x->steps, i % x->steps);

		is_known[j] |= prices->load[j] == 0;
	}
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
	const int	number = p->measures + (p->measures > 1);
	Choice		x;
	Prices		higher = *prices;
	uint16	   *best;

	*steps = (Steps) {.bound = -INFINITY};
	/* Amounts, columns, shares, and some for the dual. */
	if (p->all_alike || p->measures + number > TERRITORY_MOST_MEASURES || pairs > MOST_PAIRS ||
		(p->when_short && p->memory + pairs * (sizeof(double) * (p->measures + number) + 16) + (Size) p->units * 64 + (1 << 22) > p->options->memory_limit))
		return;
	x = (Choice) {with_steps(p, number), take(p, int, p->units), take(p, float, pairs), take(p, Entry, p->units), 0, p->measures, number};
	higher.load = take(p, double, x.p->rows);
	for (int k = 0; k < p->territories; k++)
		memcpy(higher.load + k * x.p->measures, prices->load + k * p->measures, sizeof(double) * p->measures);
	steps->steps = number;
	steps->step = take(p, Step, p->territories * number);
	for (int round = 0; round < ROUNDS && !problem_progress(p); round++)
	{
		find_shares(&x, &higher, cold * p->spread);
		choose_steps(&x, &higher, steps->step);
		climb(&x, &higher, steps->step, cold);
	}
	bound_round(x.p, &higher);
	best = take(p, uint16, p->units);
	steps->bound = bound_as_cost(x.p, bound_exact(x.p, &higher, best));
	steps->prices = (Prices) {take(p, double, p->rows), {prices->budget[0], prices->budget[1]}};
	for (int k = 0; k < p->territories; k++)
	{
		memcpy(steps->prices.load + k * p->measures, higher.load + k * x.p->measures, sizeof(double) * p->measures);
		for (int n = 0; n < number; n++)
			steps->step[k * number + n].price = ldexp(higher.load[step_load(&x, k, n)], STEP_BITS);
	}
	give_back(p, uint16, best, p->units);
	give_back(p, double, higher.load, x.p->rows);
	give_back(p, int, x.owner, p->units);
	give_back(p, float, x.share, pairs);
	give_back(p, Entry, x.entry, p->units);
	free_steps(p, x.p);
	if (steps->bound <= p->status.bound)
		*steps = (Steps) {.bound = -INFINITY};
}
