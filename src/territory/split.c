/*
 * split.c: loads where limits leave no room for exchanges of a few accounts.
 *
 * Shifts and swaps get a load to within some share of an account and no further, because there are not many of them. Of some
 * dozens of accounts there are billions of ways to part them, and all can be looked at in pairs of halves: the subsets of
 * either half are sorted by amount, and the sums within a window are found by going up one list and down the other (Horowitz and Sahni 1974).
 *
 * Two uses: split_pairs.c, for the least cost and penalties, and split_exactly.c, for one measure to the last unit.
 */
#include "territory/split.h"

/* Room for halves of so many subsets. */
void
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

void
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

/* Amounts must not differ by territory, nor may there be budgets. */
bool
can_split(const Problem *p)
{
	return !p->input->by_territory && !p->has_budget;
}

/* All subsets of a half, by amount of a measure: those without the last item merged with those that have it. */
void
split_list(Split *x, int half, int m)
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
void
split_put(Split *x, uint32 one, uint32 other)
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
