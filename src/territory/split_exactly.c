/*
 * split_exactly.c: one measure to the last unit. Territories are made exact one after the other from what is not yet settled, and what is left over
 * is pushed on, so that the last one is exact by arithmetic.
 */
#include "territory/split.h"

#define MOST_SUMS	(1 << MOST_HALF)
/* Of the ways to the last unit so many are compared. */
#define MOST_WAYS	1000
/* To make a territory exact: units at first, more at every go, and goes before others are unsettled. */
#define FIRST_UNITS 16
#define MORE_UNITS	4
#define MOST_GOES	64
/* Territories that are unsettled in all, for each that there is. */
#define MOST_AGAIN	50

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

	split_list(x, 0, 0);
	split_list(x, 1, 0);
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
	split_put(x, members[0], members[1]);
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
			split_put(&o->x, 0, 0);
		else if (row->load - inside + all < middle)
			split_put(&o->x, PG_UINT32_MAX, PG_UINT32_MAX);
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
