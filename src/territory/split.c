/*
 * split.c: loads to the last unit, where limits leave no room.
 *
 * Exchanges of a few accounts get a load to within a millionth of what is wanted and no further, because there are not many of them. Of some dozens
 * of accounts of two territories there are billions of ways to part them, and all can be looked at in pairs of halves: the subsets of
 * either half are sorted by amount, and the sums within a window are found by going up one list and down the other (Horowitz and Sahni 1974). So two
 * territories at a time are split anew until all are within limits, which brings perfect partitions where there are many
 * (Schreiber, Korf and Moffitt 2018 say when).
 *
 * For one measure whose amounts do not differ by territory. What is split are ties of the pair: accounts that may be on either side at a small
 * regret; of the ways within the window the cheapest is taken.
 */
#include "territory/split.h"

/* Units that are split, in two halves. */
#define MOST_HALF	16
#define MOST_SUMS	(1 << MOST_HALF)
/* Of the ways within the window so many are compared. */
#define MOST_WAYS	1000
/* Where no way is within it the window moves at random, by so much of a usual amount at most. */
#define SHIFT		0.5
/* Neighbours of which one is taken. */
#define DRAWN		3
/* Until so few territories are outside their limits, what they are outside by goes one way. */
#define FEW_OUTSIDE	5

/* A subset of a half: what goes to the first territory of a pair. */
typedef struct Subset
{
	double		amount;
	double		cost;
	uint32		members;
} Subset;

typedef struct Split
{
	Search	   *s;
	Subset	   *half[2];
	Subset	   *room;
	const Tie  *tie[2 * MOST_HALF];
	int			ties;
	uint64		others;			/* those that the first territory does not have: to have these instead would be the same with the names changed */
} Split;

static inline bool
is_outside(const Row *row)
{
	return row->load > row->most || row->load < row->least;
}

/* All subsets of ties, by amount: those without the last one merged with those that have it. */
static void
list_subsets(Split *x, int half, int begin, int end)
{
	Subset	   *sum = x->half[half];
	int			sums = 1;

	sum[0] = (Subset) {0, 0, 0};
	for (int t = begin; t < end; t++)
	{
		const Tie  *tie = x->tie[t];
		double		amount = unit_amount(x->s->p, tie->unit, 0)[0];
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
				x->room[without + with] = (Subset) {sum[with].amount + amount, sum[with].cost - tie->rise, sum[with].members | (uint32) 1 << (t - begin)};
				with++;
			}
		sums *= 2;
		memcpy(sum, x->room, sizeof(Subset) * sums);
	}
	x->s->p->work += sums;
}

/* Some of the ties of a pair whose units are on either side, drawn at random. */
static void
draw_ties(Split *x, int pair)
{
	Search	   *s = x->s;
	int			seen = 0;

	x->ties = 0;
	for (int t = s->tie_start[pair]; t < s->tie_start[pair + 1]; t++)
	{
		const Tie  *tie = &s->tie[t];
		int			at = seen;

		if (s->slot[tie->unit] != tie->slot[0] && s->slot[tie->unit] != tie->slot[1])
			continue;
		if (seen++ >= 2 * MOST_HALF)
			at = random_below(&s->random, seen);
		if (at < 2 * MOST_HALF)
			x->tie[at] = tie;
	}
	x->ties = Min(seen, 2 * MOST_HALF);
}

/* Parts the ties so that the first territory gets an amount within the window from them, as cheaply as can be; false where that cannot be. */
static bool
part_within(Split *x, double least, double most)
{
	Search	   *s = x->s;
	int			middle = x->ties / 2;
	int			sums = 1 << middle;
	const Subset *one = x->half[0];
	const Subset *other = x->half[1];
	double		best = INFINITY;
	uint64		members = 0;
	int			ways = 0;
	int			j = (1 << (x->ties - middle)) - 1;

	s->p->work += sums;
	for (int i = 0; i < sums && ways < MOST_WAYS; i++)
	{
		while (j >= 0 && one[i].amount + other[j].amount > most)
			j--;
		for (int k = j; k >= 0 && one[i].amount + other[k].amount >= least && ways < MOST_WAYS; k--, ways++)
		{
			uint64		way = one[i].members | (uint64) other[k].members << middle;

			if (one[i].cost + other[k].cost < best && way != x->others)
			{
				best = one[i].cost + other[k].cost;
				members = way;
			}
		}
	}
	for (int t = 0; t < x->ties && !isinf(best); t++)
	{
		int			slot = x->tie[t]->slot[members >> t & 1 ? 0 : 1];

		if (s->slot[x->tie[t]->unit] != slot)
			search_move(s, x->tie[t]->unit, slot);
	}
	return !isinf(best);
}

/*
 * Splits a pair so that both are within their limits, or else one that is not, or else neither but otherwise than
 * now: where one is within its limits only if it may be spoilt.
 */
static void
split_pair(Split *x, int pair, bool may_spoil)
{
	Search	   *s = x->s;
	const Row  *first = &s->row[s->pair_one[pair]];
	const Row  *second = &s->row[s->pair_other[pair]];
	double		both = first->load + second->load;
	double		rest = first->load; /* of the first territory, without what is split */
	double		width = SHIFT * s->p->mean_amount[0];
	double		least;
	double		most;

	draw_ties(x, pair);
	if (x->ties < 2)
		return;
	x->others = 0;
	for (int t = 0; t < x->ties; t++)
		if (s->slot[x->tie[t]->unit] == x->tie[t]->slot[0])
			rest -= unit_amount(s->p, x->tie[t]->unit, 0)[0];
		else
			x->others |= UINT64CONST(1) << t;
	list_subsets(x, 0, 0, x->ties / 2);
	list_subsets(x, 1, x->ties / 2, x->ties);
	least = Max(first->least, both - second->most) - rest;
	most = Min(first->most, both - second->least) - rest;
	if (least <= most && part_within(x, least, most))
		return;
	if (is_outside(first) && part_within(x, first->least - rest, first->most - rest))
		return;
	if (is_outside(second) && part_within(x, both - second->most - rest, both - second->least - rest))
		return;
	if (!may_spoil && !(is_outside(first) && is_outside(second)))
		return;
	least = Min(Max(first->load, first->least), first->most) - rest + width * ((double) (next_random(&s->random) >> 11) * 0x1p-52 - 1);
	part_within(x, least, least + width / 16);
}

/*
 * Of some neighbours of a territory the one that has most to be split with; as if four times as much where it has a
 * higher number, or is outside its limits, if that is wanted.
 */
static int
draw_pair(Search *s, int k, bool upwards, bool outside_first)
{
	int			best = -1;
	int			best_worth = 0;

	for (int i = 0; i < DRAWN && s->neighbour_start[k] < s->neighbour_start[k + 1]; i++)
	{
		int			pair = s->neighbour[s->neighbour_start[k] + random_below(&s->random, s->neighbour_start[k + 1] - s->neighbour_start[k])];
		int			other = s->pair_one[pair] == k ? s->pair_other[pair] : s->pair_one[pair];
		int			worth = (s->tie_start[pair + 1] - s->tie_start[pair]) * (upwards && other > k ? 4 : 1) * (outside_first && is_outside(&s->row[other]) ? 4 : 1);

		if (worth > best_worth)
		{
			best = pair;
			best_worth = worth;
		}
	}
	return best;
}

/* Splits pairs of territories until all are within limits, or so many subsets have been looked at. */
void
split(Search *s, int64 most_work)
{
	Problem    *p = s->p;
	Split		x = {.s = s};
	int64		begun = p->work;
	int		   *outside;

	if (p->measures != 1 || p->input->by_territory || p->has_budget || s->pairs == 0)
		return;
	outside = take(p, int, p->territories);
	x.half[0] = take(p, Subset, MOST_SUMS);
	x.half[1] = take(p, Subset, MOST_SUMS);
	x.room = take(p, Subset, MOST_SUMS);
	while (!problem_progress(p) && p->work - begun < most_work)
	{
		int			count = 0;
		int			pair;
		bool		upwards;

		for (int j = 0; j < p->territories; j++)
			if (is_outside(&s->row[j]))
				outside[count++] = j;
		if (count == 0)
			break;
		/*
		 * What the lowest is outside by goes to a higher one, until all of it has met: at random that takes long. The last two alone may have
		 * no way at all; with a third there are others.
		 */
		upwards = count > FEW_OUTSIDE && random_below(&s->random, 4) > 0;
		pair = draw_pair(s, outside[upwards ? 0 : random_below(&s->random, count)], upwards, count > 2);
		p->work++;
		if (pair >= 0)
			split_pair(&x, pair, count <= 2);
	}
	give_back(p, int, outside, p->territories);
	give_back(p, Subset, x.half[0], MOST_SUMS);
	give_back(p, Subset, x.half[1], MOST_SUMS);
	give_back(p, Subset, x.room, MOST_SUMS);
}
