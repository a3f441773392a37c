/*
 * polish.c: annealing over shifts, swaps and chains, for as long as allowed.
 *
 * A descent ends where no single change pays. Annealing (Kirkpatrick, Gelatt, Vecchi 1983) also takes changes that cost a little, the less
 * the colder it gets. It fits this problem well: a change is weighed in some dozens of operations, the prices already tell which units are
 * worth moving, so it may begin cold, and its work is proportional to the proposals it is allowed.
 *
 * A proposal takes a tie at random and moves its unit to the other side. Where that does not do, it looks for a partner: a unit
 * that comes back the same way (a swap), or one that leaves the crowded territory for a third (an ejection chain).
 */
#include "territory/search.h"

#include "core/numerics.h"

/* Partners tried for a move that does not do by itself. */
#define PARTNERS	4
/* Quantiles of the exponential distribution, in place of a logarithm for every proposal. */
#define QUANTILES	1024
/* The temperature changes so often. */
#define STEPS		256

/* The side of a tie's pair that has its unit, or -1. */
TERRITORY_INLINE int
tie_side(const Search *s, const Tie *tie)
{
	int			slot = s->slot[tie->unit];

	return slot == tie->slot[0] ? 0 : slot == tie->slot[1] ? 1 : -1;
}

/* Weighs proposals at one temperature. */
TERRITORY_INLINE void
anneal(Search *s, double temperature, const double *quantile, int64 proposals, const int measures)
{
	const Problem *p = s->p;

	for (int64 i = 0; i < proposals; i++)
	{
		const Tie  *tie = &s->tie[random_below(&s->random, s->ties)];
		int			unit = tie->unit;
		int			side = tie_side(s, tie);
		int			to_slot = tie->slot[side < 0 ? (int) (next_random(&s->random) & 1) : 1 - side];
		int			from = slot_territory(s, unit, s->slot[unit]);
		int			to = slot_territory(s, unit, to_slot);
		const double *goes = unit_amount(p, unit, from);
		const double *comes = unit_amount(p, unit, to);
		double		limit = temperature * quantile[next_random(&s->random) % QUANTILES];
		double		cost = slot_cost(s, unit, to_slot) - slot_cost(s, unit, s->slot[unit]);
		double		leave = change_one(s, from, goes, -1, measures);
		int			pair;

		if (cost + leave + change_one(s, to, comes, 1, measures) + change_budget(s, unit, from, to) <= limit)
		{
			search_move(s, unit, to_slot);
			continue;
		}
		for (int partner = 0; partner < PARTNERS; partner++)
		{
			bool		is_swap = partner % 2 == 0;
			const Tie  *other;
			int			other_side;
			int			third_slot;
			int			third;
			double		change;

			if (is_swap)
				pair = s->pair_of[from * p->territories + to] - 1;
			else
			{
				int			neighbours = s->neighbour_start[to + 1] - s->neighbour_start[to];

				pair = s->neighbour[s->neighbour_start[to] + random_below(&s->random, neighbours)];
			}
			if (pair < 0)
				continue;
			other = &s->tie[s->tie_start[pair] + random_below(&s->random, s->tie_start[pair + 1] - s->tie_start[pair])];
			other_side = s->pair_one[pair] == to ? 0 : 1;
			if (s->slot[other->unit] != other->slot[other_side] || other->unit == unit)
				continue;
			third_slot = other->slot[1 - other_side];
			third = slot_territory(s, other->unit, third_slot);
			change = cost + slot_cost(s, other->unit, third_slot) - slot_cost(s, other->unit, s->slot[other->unit]) +
				change_two(s, to, comes, unit_amount(p, other->unit, to), measures);
			if (third == from)
				change += change_two(s, from, unit_amount(p, other->unit, from), goes, measures);
			else
				change += leave + change_one(s, third, unit_amount(p, other->unit, third), 1, measures);
			if (p->has_budget)
				change += change_budget_two(s, unit, from, to, other->unit, to, third);
			if (change <= limit)
			{
				search_move(s, unit, to_slot);
				search_move(s, other->unit, third_slot);
				break;
			}
		}
	}
}

/* What is outside its limits becomes dearer, what is within them cheaper, down to where the search began. */
static void
adapt_rates(Search *s, const double *lowest)
{
	static double up, down;
	const Problem *p = s->p;

	if (!up) { up = getenv("UP") ? atof(getenv("UP")) : 1.05; down = getenv("DOWN") ? atof(getenv("DOWN")) : 0.98; }
	for (int j = 0; j < p->rows; j++)
	{
		Row		   *row = &s->row[j];

		if (row->load > row->most || row->load < row->least)
			row->rate *= up;
		else
			row->rate = Max(row->rate * down, lowest[j]);
	}
}

/* Temperatures fall from hot to cold, in shares of the spread of costs. */
void
polish(Search *s, double hot, double cold, int64 proposals)
{
	Problem    *p = s->p;
	double		quantile[QUANTILES];
	double		fall = salesops_exp(salesops_log(cold / hot) / (STEPS - 1));
	double		temperature;
	double worth = 0;

	double	   *lowest = take(p, double, p->rows);

	for (int m = 0; m < p->measures; m++)
		worth += s->floor[m] * p->mean_amount[m] / p->measures;
	temperature = hot * worth;
	if (s->ties == 0)
		return;
	for (int j = 0; j < p->rows; j++)
		lowest[j] = s->row[j].rate;
	for (int i = 0; i < QUANTILES; i++)
		quantile[i] = -salesops_log((i + 0.5) / QUANTILES);
	for (int step = 0; step < STEPS && !problem_progress(p); step++, temperature *= fall)
	{
		switch (p->measures)
		{
			case 1:
				anneal(s, temperature, quantile, proposals / STEPS + 1, 1);
				break;
			case 2:
				anneal(s, temperature, quantile, proposals / STEPS + 1, 2);
				break;
			default:
				anneal(s, temperature, quantile, proposals / STEPS + 1, p->measures);
		}
		p->work += proposals / STEPS + 1;
		adapt_rates(s, lowest);
	}
}
