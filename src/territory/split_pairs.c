/*
 * split_pairs.c: where a load is outside its limits, what the territory and a neighbour might exchange is parted anew, for the least cost and
 * penalties, of all measures.
 */
#include "territory/split.h"

/* Units of a half: all measures are weighed for every way. */
#define PAIR_HALF	10
/* What is outside becomes dearer where no way helps, at a time. */
#define DEARER		1.2
#define MOST_ROUNDS	200

/* What the items of a pair leave: loads of the first without them, and of both; all measures. */
typedef struct PairLoads
{
	double		rest[TERRITORY_MOST_MEASURES];
	double		both[TERRITORY_MOST_MEASURES];
} PairLoads;

/* A way to part the items of a pair. */
typedef struct Way
{
	int			pair;			/* -1: none */
	double		total;			/* cost and penalties above those of now */
	uint32		members[2];
	Item		item[2 * PAIR_HALF];
	int			items;
} Way;

/* Of a pair's ties on either side those that are least firmly settled, or random ones: at most half as many as can be parted on each side. */
static void
draw_ties(Split *x, int pair, bool at_random)
{
	Search	   *s = x->s;
	int			begin = s->tie_start[pair];
	int			end = s->tie_start[pair + 1];

	x->items = 0;
	for (int side = 0; side < 2; side++)
	{
		int			seen = 0;
		int			from = x->items;

		for (int i = 0; i < end - begin; i++)
		{
			/* On the first side settled means a large lean, and those stand in front. */
			const Tie  *tie = &s->tie[side == 0 ? end - 1 - i : begin + i];
			int			at = seen;

			if (s->slot[tie->unit] != tie->slot[side])
				continue;
			if (seen++ >= PAIR_HALF)
			{
				if (!at_random)
					break;
				at = random_below(&s->random, seen);
			}
			if (at < PAIR_HALF)
				x->item[from + at] = (Item) {tie->unit, {tie->slot[0], tie->slot[1]}, tie->rise, 0};
		}
		x->items += Min(seen, PAIR_HALF);
	}
}

/* Amounts of all subsets of a half, by members. */
static void
add_subsets(Split *x, int half, const int measures)
{
	int			begin = half == 0 ? 0 : x->items / 2;
	int			end = half == 0 ? x->items / 2 : x->items;
	double	   *sum = x->sum[half];

	for (int m = 0; m < measures; m++)
		sum[m] = 0;
	for (int i = begin; i < end; i++)
	{
		const double *amount = unit_amount(x->s->p, x->item[i].unit, 0);
		int			sums = 1 << (i - begin);

		for (int j = 0; j < sums; j++)
			for (int m = 0; m < measures; m++)
				sum[(sums + j) * measures + m] = sum[j * measures + m] + amount[m];
	}
}

/* The measure that leaves the smallest share of all ways within its window; the window is what the first may get of the items. */
static int
tightest(const Split *x, int pair, const PairLoads *loads, double *least, double *most)
{
	const Search *s = x->s;
	int			measures = s->p->measures;
	const Row  *first = s->row + s->pair_one[pair] * measures;
	const Row  *second = s->row + s->pair_other[pair] * measures;
	double		smallest = INFINITY;
	int			best = 0;

	*least = -INFINITY;
	*most = INFINITY;
	for (int m = 0; m < measures; m++)
	{
		double		one = Max(first[m].least, loads->both[m] - second[m].most) - loads->rest[m];
		double		other = Min(first[m].most, loads->both[m] - second[m].least) - loads->rest[m];
		double		spread = 0;

		for (int i = 0; i < x->items; i++)
		{
			double		amount = unit_amount(s->p, x->item[i].unit, 0)[m];

			spread += amount * amount;
		}
		/* Where not both can be within their limits, one of them is, or both are as near as can be. */
		if (fabs(other - one) < smallest * sqrt(spread))
		{
			smallest = fabs(other - one) / sqrt(spread);
			best = m;
			*least = Min(one, other);
			*most = Max(one, other);
		}
	}
	return best;
}

/* Weighs all ways to part the items of a pair that are within a window of one measure, and keeps the best. */
TERRITORY_INLINE void
weigh_ways(Split *x, int pair, const PairLoads *loads, double least, double most, double now, Way *best, const int measures)
{
	Search	   *s = x->s;
	const Row  *first = s->row + s->pair_one[pair] * measures;
	const Row  *second = s->row + s->pair_other[pair] * measures;
	const Subset *one = x->half[0];
	const Subset *other = x->half[1];
	int			sums = 1 << (x->items / 2);
	int			j = (1 << (x->items - x->items / 2)) - 1;
	double		cheapest = 0;
	double		limit = best->total + now;
	const Subset *chosen[2] = {NULL, NULL};

	add_subsets(x, 0, measures);
	add_subsets(x, 1, measures);
	for (int i = x->items / 2; i < x->items; i++)
		cheapest -= Max(x->item[i].rise, 0);
	for (int i = 0; i < sums; i++)
	{
		while (j >= 0 && one[i].amount + other[j].amount > most)
			j--;
		if (one[i].cost + cheapest >= limit)
			continue;
		for (int k = j; k >= 0 && one[i].amount + other[k].amount >= least; k--)
		{
			double		total = one[i].cost + other[k].cost;

			s->p->work++;
			for (int m = 0; m < measures && total < limit; m++)
			{
				double		load = loads->rest[m] + x->sum[0][one[i].members * measures + m] + x->sum[1][other[k].members * measures + m];

				total += row_penalty(&first[m], load) + row_penalty(&second[m], loads->both[m] - load);
			}
			if (total < limit)
			{
				limit = total;
				chosen[0] = &one[i];
				chosen[1] = &other[k];
			}
		}
	}
	if (chosen[0])
	{
		best->pair = pair;
		best->total = limit - now;
		best->members[0] = chosen[0]->members;
		best->members[1] = chosen[1]->members;
		best->items = x->items;
		memcpy(best->item, x->item, sizeof(Item) * x->items);
	}
}

static void
weigh_pair_ways(Split *x, int pair, bool at_random, Way *best)
{
	Search	   *s = x->s;
	int			measures = s->p->measures;
	const Row  *first = s->row + s->pair_one[pair] * measures;
	const Row  *second = s->row + s->pair_other[pair] * measures;
	PairLoads	loads;
	double		now = 0;		/* total of the pair, above that of all items at the second */
	double		least;
	double		most;
	int			tight;

	draw_ties(x, pair, at_random);
	if (x->items < 2)
		return;
	for (int m = 0; m < measures; m++)
	{
		loads.rest[m] = first[m].load;
		loads.both[m] = first[m].load + second[m].load;
		now += row_penalty(&first[m], first[m].load) + row_penalty(&second[m], second[m].load);
	}
	for (int i = 0; i < x->items; i++)
		if (s->slot[x->item[i].unit] == x->item[i].slot[0])
		{
			const double *amount = unit_amount(s->p, x->item[i].unit, 0);

			now -= x->item[i].rise;
			for (int m = 0; m < measures; m++)
				loads.rest[m] -= amount[m];
		}
	tight = tightest(x, pair, &loads, &least, &most);
	split_list(x, 0, tight);
	split_list(x, 1, tight);
	if (measures == 1)
		weigh_ways(x, pair, &loads, least, most, now, best, 1);
	else if (measures == 2)
		weigh_ways(x, pair, &loads, least, most, now, best, 2);
	else
		weigh_ways(x, pair, &loads, least, most, now, best, measures);
}

/*
 * Parts anew what territories outside their limits and a neighbour might exchange, the best neighbour each; what is outside becomes dearer while
 * that does not help. Until all are within limits, or so much work is done.
 */
void
split_pairs(Search *s, int64 most_work)
{
	Problem    *p = s->p;
	Split		x;
	int64		begun = p->work;
	int			outside = 1;

	if (!can_split(p))
		return;
	split_begin(&x, s, 1 << PAIR_HALF);
	for (int round = 0; round < MOST_ROUNDS && outside > 0 && p->work - begun < most_work && !p->is_stopped; round++)
	{
		outside = 0;
		for (int k = 0; k < p->territories && p->work - begun < most_work && !p->is_stopped; k++)
		{
			Way			best = {.pair = -1, .total = -1};

			if (!search_is_outside(s, k))
				continue;
			outside++;
			for (int n = s->neighbour_start[k]; n < s->neighbour_start[k + 1] && !problem_progress(p); n++)
				weigh_pair_ways(&x, s->neighbour[n], round > 0, &best);
			p->work++;
			if (best.pair >= 0)
			{
				x.items = best.items;
				memcpy(x.item, best.item, sizeof(Item) * best.items);
				split_put(&x, best.members[0], best.members[1]);
			}
			if (search_is_outside(s, k))
				for (int m = 0; m < p->measures; m++)
				{
					Row		   *row = &s->row[k * p->measures + m];

					if (row->load > row->most || row->load < row->least)
						row->rate *= DEARER;
				}
		}
	}
	split_end(&x, 1 << PAIR_HALF);
}
