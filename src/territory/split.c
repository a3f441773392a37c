/*
 * split.c: loads where limits leave no room for exchanges of a few accounts.
 *
 * Shifts and swaps get a load to within some share of an account and no further, because there are not many of them. Of some
 * dozens of accounts there are billions of ways to part them, and all can be looked at in pairs of halves: the subsets of
 * either half are sorted by amount, and the sums within a window are found by going up one list and down the other (Horowitz and Sahni 1974).
 *
 * Two uses. Where a load is outside its limits, what the territory and a neighbour might exchange is parted anew, for the least cost and penalties,
 * of all measures (split_pairs). And where one measure is wanted to the last unit, territories are made exact one after the other from what is not
 * yet settled, and what is left over is pushed on, so that the last one is exact by arithmetic (split_exactly).
 *
 * For measures whose amounts do not differ by territory, and without budgets.
 */
#include "territory/split.h"

/* Units that are parted, in two halves. */
#define MOST_HALF	16
#define MOST_SUMS	(1 << MOST_HALF)
/* The same for a pair of territories, where all measures are weighed for every way. */
#define PAIR_HALF	10
/* Of the ways to the last unit so many are compared. */
#define MOST_WAYS	1000
/* To make a territory exact: units at first, more at every go, and goes before others are unsettled. */
#define FIRST_UNITS 16
#define MORE_UNITS	4
#define MOST_GOES	64
/* What is outside becomes dearer where no way helps, at a time. */
#define DEARER		1.2
#define MOST_ROUNDS	200
/* Territories that are unsettled in all, for each that there is. */
#define MOST_AGAIN	50

/* A unit that may be inside or outside of a territory: with the first column of two, or with the other. */
typedef struct Item
{
	int			unit;
	uint16		slot[2];
	double		rise;			/* of cost, from the first to the other */
	double		key;			/* the least are taken first */
} Item;

/* A subset of a half: what goes inside. */
typedef struct Subset
{
	double		amount;
	double		cost;			/* above that of all being outside */
	uint32		members;
} Subset;

typedef struct Split
{
	Search	   *s;
	Subset	   *half[2];
	Subset	   *room;
	double	   *sum[2];			/* [members][measures], of the subsets of a pair's halves */
	Item		item[2 * MOST_HALF];
	int			items;
} Split;

static void
split_begin(Split *x, Search *s, int most_sums)
{
	x->s = s;
	for (int h = 0; h < 2; h++)
	{
		x->half[h] = take(s->p, Subset, most_sums);
		x->sum[h] = take(s->p, double, most_sums * s->p->measures);
	}
	x->room = take(s->p, Subset, most_sums);
}

static void
split_end(Split *x, int most_sums)
{
	Problem    *p = x->s->p;

	for (int h = 0; h < 2; h++)
	{
		give_back(p, Subset, x->half[h], most_sums);
		give_back(p, double, x->sum[h], most_sums * p->measures);
	}
	give_back(p, Subset, x->room, most_sums);
}

static bool
can_split(const Problem *p)
{
	return !p->input->by_territory && !p->has_budget;
}

/* All subsets of a half, by amount of a measure: those without the last item merged with those that have it. */
static void
list_subsets(Split *x, int half, int m)
{
	Subset	   *sum = x->half[half];
	int			begin = half == 0 ? 0 : x->items / 2;
	int			end = half == 0 ? x->items / 2 : x->items;
	int			sums = 1;

	sum[0] = (Subset) {0, 0, 0};
	for (int i = begin; i < end; i++)
	{
		double		amount = unit_amount(x->s->p, x->item[i].unit, 0)[m];
		double		cost = -x->item[i].rise;
		uint32		member = (uint32) 1 << (i - begin);
		int			without = 0;
		int			with = 0;

		while (with < sums)
			if (without < sums && sum[without].amount <= sum[with].amount + amount)
			{
				x->room[without + with] = sum[without];
				without++;
			}
			else
			{
				x->room[without + with] = (Subset) {sum[with].amount + amount, sum[with].cost + cost, sum[with].members | member};
				with++;
			}
		sums *= 2;
		memcpy(sum, x->room, sizeof(Subset) * sums);
	}
	x->s->p->work += sums;
}

/* The members of both halves go inside, the other items outside. */
static void
put(Split *x, uint32 one, uint32 other)
{
	Search	   *s = x->s;
	int			middle = x->items / 2;

	for (int i = 0; i < x->items; i++)
	{
		const Item *item = &x->item[i];
		bool		is_inside = i < middle ? one >> i & 1 : other >> (i - middle) & 1;
		int			slot = item->slot[is_inside ? 0 : 1];

		if (s->slot[item->unit] != slot)
			search_move(s, item->unit, slot);
	}
}

/*
 * Pairs of territories.
 */

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
	list_subsets(x, 0, tight);
	list_subsets(x, 1, tight);
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
				put(&x, best.members[0], best.members[1]);
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

/*
 * To the last unit.
 */

/* A unit that may be in a territory, and its column there. */
typedef struct Comer
{
	int			unit;
	uint16		slot;
} Comer;

/* Territories are settled in an order: those before a place are, those from it on are not. */
typedef struct Order
{
	Split		x;
	int		   *start;			/* [territories + 1], into the following */
	Comer	   *comer;
	int		   *at;				/* territories; those that may not exchange anything, even through others, are in different parts */
	bool	   *is_settled;		/* [territories] */
	Item	   *own;			/* candidates: in the territory, and elsewhere */
	Item	   *other;
	double		load;			/* of those of the part that are not settled, with their limits */
	double		least;
	double		most;
} Order;

static void
find_comers(Order *o)
{
	const Search *s = o->x.s;
	Problem    *p = s->p;
	int		   *at = take(p, int, p->territories);

	o->start = take(p, int, p->territories + 1);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int q = 0; q < s->c->count[u]; q++)
			o->start[slot_territory(s, u, q) + 1]++;
	}
	for (int k = 0; k < p->territories; k++)
	{
		at[k] = o->start[k];
		o->start[k + 1] += o->start[k];
	}
	o->comer = take(p, Comer, o->start[p->territories]);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		for (int q = 0; q < s->c->count[u]; q++)
			o->comer[at[slot_territory(s, u, q)]++] = (Comer) {u, q};
	}
	give_back(p, int, at, p->territories);
}

/*
 * From the last to the first, of those that share units with one that has its place, the one that has most to choose from: so what is not settled
 * stays connected, and those with little choice are settled while there are others. Returns the number of parts; part[i] is where they begin,
 * the last one first.
 */
static int
find_order(Order *o, int *part)
{
	const Search *s = o->x.s;
	Problem    *p = s->p;
	bool	   *is_placed = take(p, bool, p->territories);
	bool	   *is_near = take(p, bool, p->territories);
	bool	   *is_seen = take(p, bool, p->units);
	int			parts = 0;

	for (int i = p->territories - 1; i >= 0; i--)
	{
		int			best = -1;

		problem_progress(p);
		for (int k = 0; k < p->territories; k++)
			if (!is_placed[k] && (best < 0 || (is_near[k] && !is_near[best]) ||
								  (is_near[k] == is_near[best] && o->start[k + 1] - o->start[k] > o->start[best + 1] - o->start[best])))
				best = k;
		if (!is_near[best] && i < p->territories - 1)
			part[parts++] = i + 1;
		o->at[i] = best;
		is_placed[best] = true;
		for (int c = o->start[best]; c < o->start[best + 1]; c++)
		{
			int			u = o->comer[c].unit;

			for (int q = 0; q < s->c->count[u] && !is_seen[u]; q++)
				is_near[slot_territory(s, u, q)] = true;
			is_seen[u] = true;
		}
	}
	part[parts++] = 0;
	give_back(p, bool, is_placed, p->territories);
	give_back(p, bool, is_near, p->territories);
	give_back(p, bool, is_seen, p->units);
	return parts;
}

static inline double
too_much(const Row *row)
{
	return row->load - (row->least + row->most) / 2;
}

/* The column in which a unit leaves a territory for one that is not settled: of two drawn at random the one that has less. -1: none. */
static int
way_out(Order *o, int unit, int k)
{
	Search	   *s = o->x.s;
	int			best = -1;
	int			count = s->c->count[unit];

	for (int i = 0, found = 0, q = random_below(&s->random, count); i < count && found < 2; i++, q = q + 1 < count ? q + 1 : 0)
	{
		int			l = slot_territory(s, unit, q);

		if (l == k || o->is_settled[l])
			continue;
		found++;
		if (best < 0 || too_much(&s->row[l]) < too_much(&s->row[slot_territory(s, unit, best)]))
			best = q;
	}
	return best;
}

/* Takes one of the candidates: of two drawn at random the one with the smaller key, or the larger one. */
static Item
take_one(Search *s, Item *from, int *count, bool is_larger)
{
	int			one = random_below(&s->random, *count);
	int			other = random_below(&s->random, *count);
	int			best = (from[other].key < from[one].key) != is_larger ? other : one;
	Item		item = from[best];

	from[best] = from[--*count];
	return item;
}

/*
 * Draws what is parted between a territory and those that are not settled, so that about half of it gives the territory what it wants. Where all cost
 * alike small units are left for the others, who will have less to choose from. True if there are more to draw.
 */
static bool
draw_items(Order *o, int k, double wanted, int most_items)
{
	Split	   *x = &o->x;
	Search	   *s = x->s;
	const Problem *p = s->p;
	double		too_many = 2 * (s->row[k].load - wanted);
	int			owns = 0;
	int			others = 0;

	for (int c = o->start[k]; c < o->start[k + 1]; c++)
	{
		int			u = o->comer[c].unit;
		int			l = slot_territory(s, u, s->slot[u]);
		int			out = l == k ? way_out(o, u, k) : s->slot[u];
		Item		item = {u, {o->comer[c].slot, out}, 0, 0};

		if (out < 0 || o->is_settled[l])
			continue;
		item.rise = p->all_alike ? -1 : (double) slot_cost(s, u, out) - slot_cost(s, u, item.slot[0]);
		item.key = p->all_alike ? unit_amount(p, u, k)[0] : item.rise;
		if (l == k)
			o->own[owns++] = item;
		else
		{
			item.key = -item.key;
			o->other[others++] = item;
		}
	}
	o->x.s->p->work += o->start[k + 1] - o->start[k];
	for (x->items = 0; x->items < most_items && owns + others > 0; x->items++)
	{
		/* Where what is in the territory is drawn and does not make up for the others, smaller others do. */
		bool		is_own = others == 0 || (owns > 0 && too_many > 0);
		Item		item = is_own ? take_one(s, o->own, &owns, false) : take_one(s, o->other, &others, p->all_alike && too_many > 0);
		double		amount = unit_amount(p, item.unit, k)[0];

		too_many += is_own ? -amount : amount;
		x->item[x->items] = item;
	}
	return owns + others > 0;
}

/* Parts the items so that the amount inside is within the window, as cheaply as can be; false where that cannot be. */
static bool
part_within(Split *x, double least, double most)
{
	const Subset *one = x->half[0];
	const Subset *other = x->half[1];
	int			sums = 1 << (x->items / 2);
	double		best = INFINITY;
	uint32		members[2] = {0, 0};
	int			ways = 0;
	int			j = (1 << (x->items - x->items / 2)) - 1;

	list_subsets(x, 0, 0);
	list_subsets(x, 1, 0);
	x->s->p->work += sums;
	for (int i = 0; i < sums && ways < MOST_WAYS; i++)
	{
		while (j >= 0 && one[i].amount + other[j].amount > most)
			j--;
		for (int k = j; k >= 0 && one[i].amount + other[k].amount >= least && ways < MOST_WAYS; k--, ways++)
			if (one[i].cost + other[k].cost < best)
			{
				best = one[i].cost + other[k].cost;
				members[0] = one[i].members;
				members[1] = other[k].members;
			}
	}
	if (isinf(best))
		return false;
	put(x, members[0], members[1]);
	return true;
}

/* Brings a territory within its limits, so that the rest can be too; what it has too much or too little goes to those that are not settled. */
static bool
settle_one(Order *o, int k)
{
	Search	   *s = o->x.s;
	Problem    *p = s->p;
	const Row  *row = &s->row[k];
	double		least = Max(row->least, o->load - (o->most - row->most));
	double		most = Min(row->most, o->load - (o->least - row->least));

	/* The part as a whole has too much or too little. */
	if (least > most)
	{
		least = row->least;
		most = row->most;
	}
	for (int go = 0; go < MOST_GOES && (row->load < least || row->load > most) && !problem_progress(p); go++)
	{
		double		middle = least / 2 + most / 2;
		double		inside = 0;
		double		all = 0;
		bool		are_more = draw_items(o, k, middle, Min(FIRST_UNITS + MORE_UNITS * go, 2 * MOST_HALF));

		if (o->x.items == 0)
			return false;
		for (int i = 0; i < o->x.items; i++)
		{
			double		amount = unit_amount(p, o->x.item[i].unit, k)[0];

			all += amount;
			if (s->slot[o->x.item[i].unit] == o->x.item[i].slot[0])
				inside += amount;
		}
		/* Too far away for these: all of them go, or come. */
		if (row->load - inside > middle)
			put(&o->x, 0, 0);
		else if (row->load - inside + all < middle)
			put(&o->x, PG_UINT32_MAX, PG_UINT32_MAX);
		else if (part_within(&o->x, least - (row->load - inside), most - (row->load - inside)))
			return true;
		else if (!are_more)
			return false;
	}
	return row->load >= least && row->load <= most;
}

static void
count(Order *o, int k, bool is_settled)
{
	const Row  *row = &o->x.s->row[k];
	double		sign = is_settled ? -1 : 1;

	o->is_settled[k] = is_settled;
	o->load += sign * row->load;
	o->least += sign * row->least;
	o->most += sign * row->most;
}

/* Settles the territories of a part one after the other; where one cannot be, another is unsettled that shares units with it, and comes next. */
static void
settle_part(Order *o, int begin, int end, int64 most_work)
{
	Search	   *s = o->x.s;
	Problem    *p = s->p;
	int64		begun = p->work;
	int			i = begin;
	int			failures = 0;

	o->load = o->least = o->most = 0;
	for (int j = begin; j < end; j++)
		count(o, o->at[j], false);
	/* The last one is what remains. */
	while (i < end - 1 && failures < MOST_AGAIN * (end - begin) && p->work - begun < most_work && !problem_progress(p))
	{
		int			k = o->at[i];

		if (settle_one(o, k))
		{
			count(o, k, true);
			i++;
		}
		else
		{
			int			unit = o->comer[o->start[k] + random_below(&s->random, o->start[k + 1] - o->start[k])].unit;
			int			again = slot_territory(s, unit, s->slot[unit]);
			int			j = begin;

			failures++;
			if (!o->is_settled[again])
				continue;
			while (o->at[j] != again)
				j++;
			memmove(&o->at[j], &o->at[j + 1], sizeof(int) * (i - j));
			o->at[i] = again;
			count(o, again, false);
			i--;
		}
	}
}

/* Brings loads of one measure within limits that are as narrow as a unit, wherever that can be, until so much work is done. */
void
split_exactly(Search *s, int64 most_work)
{
	Problem    *p = s->p;
	Order		o = {0};
	int		   *part;
	int			parts;
	int			end = p->territories;

	if (!can_split(p) || p->measures != 1 || p->units == 0)
		return;
	split_begin(&o.x, s, MOST_SUMS);
	find_comers(&o);
	o.at = take(p, int, p->territories);
	o.is_settled = take(p, bool, p->territories);
	o.own = take(p, Item, p->units);
	o.other = take(p, Item, p->units);
	part = take(p, int, p->territories);
	parts = find_order(&o, part);
	for (int n = 0; n < parts; n++)
	{
		settle_part(&o, part[n], end, most_work / parts);
		end = part[n];
	}
	give_back(p, int, part, p->territories);
	give_back(p, Item, o.other, p->units);
	give_back(p, Item, o.own, p->units);
	give_back(p, bool, o.is_settled, p->territories);
	give_back(p, int, o.at, p->territories);
	give_back(p, Comer, o.comer, o.start[p->territories]);
	give_back(p, int, o.start, p->territories + 1);
	split_end(&o.x, MOST_SUMS);
}
