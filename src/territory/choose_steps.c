/*
 * choose_steps.c: which steps of a territory to count (steps.c): those that the soft choice at the prices breaks by most.
 *
 * The soft choice of the units splits them as the best prices do. Of all sizes of a step, and of all shares of the territory's units that count when they
 * leave, those are best that are broken by most: there is no knowing which price a step will have before all are climbed together.
 */
#include "territory/choose_steps.h"

#include "core/numerics.h"

/* Whoever has a smaller share does not count in the choice of a step; who has one between these may be the one that is split. */
#define LEAST_SHARE		1e-3
#define SPLIT_SHARE		0.02
/* Sizes of steps are the amounts of so many of those, times some; and what must leave, divided by some. */
#define SIZES			24
/* Steps that are broken by less, in shares of the largest unit, are not worth a measure. */
#define LEAST_BREACH	1e-3
/* Steps are no smaller than this share of the largest unit. */
#define SMALLEST		1e-3
/* So far off an amount, as a share of it, it is clear who has less, whoever rounds. */
#define OFF			1e-6
/* Of measures together one may be so many times heavier than the others, as shares of the limits. */
#define HEAVIER			2.0

/* The soft choice of every unit at the prices. */
void
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

/* Of the territory's own, what such a share of them has less than; a little off anybody's amount, so that it is clear who has less, whoever rounds. */
static double
own_quantile(const Choice *x, int owns, double share)
{
	int			seen = 0;

	for (int i = 0; i < x->entries; i++)
		if (x->entry[i].is_own && seen++ >= share * owns)
			return x->entry[i].amount * (1 - OFF);
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
Step
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
