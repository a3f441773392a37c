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
#define BATCH		8
/* The temperature changes at most so often, and with it the rates of what is outside its limits and what is not. */
#define STEPS		256
#define DEARER		1.05
#define SWEEP_STEPS	2
#define CHEAPER		0.95

/*
 * Draws who might be partners of a unit that goes to a territory: by turns somebody comes back, or somebody leaves for anywhere. They are somewhere
 * in memory: it brings them while the move is weighed by itself.
 */
static inline void
draw_partners(Search *s, int back, int to, int *pair, const Tie **tie)
{
	for (int partner = 0; partner < PARTNERS; partner++)
	{
		pair[partner] = partner % 2 == 0 ? back :
			s->neighbour[s->neighbour_start[to] + random_below(&s->random, s->neighbour_start[to + 1] - s->neighbour_start[to])];
		if (pair[partner] < 0)
			continue;
		tie[partner] = &s->tie[s->tie_start[pair[partner]] + random_below(&s->random, s->tie_start[pair[partner] + 1] - s->tie_start[pair[partner]])];
		__builtin_prefetch(tie[partner]);
	}
}

/* Weighs one tie; the change that is made, if any, costs at most the limit. */
TERRITORY_INLINE void
propose(Search *s, const Tie *tie, double limit, const int measures)
{
	const Problem *p = s->p;
	int			unit = tie->unit;
	int			slot = s->slot[unit];
	int			to_side = slot == tie->slot[0] ? 1 : slot == tie->slot[1] ? 0 : (int) (next_random(&s->random) & 1);
	int			to_slot = tie->slot[to_side];
	int			to = to_side == 0 ? s->pair_one[tie->pair] : s->pair_other[tie->pair];
	int			from;
	int			back;			/* the pair that a swap is in, or -1 */
	const double *goes;
	const double *comes;
	double		cost;
	double		leave;
	int			pair_of_partner[PARTNERS];
	const Tie  *tie_of_partner[PARTNERS];

	if (slot == tie->slot[1 - to_side])
	{
		from = to_side == 0 ? s->pair_other[tie->pair] : s->pair_one[tie->pair];
		cost = to_side == 1 ? (double) tie->rise : -(double) tie->rise;
		back = tie->pair;
	}
	else
	{
		from = slot_territory(s, unit, slot);
		cost = (double) slot_cost(s, unit, to_slot) - slot_cost(s, unit, slot);
		back = s->pair_of[from * p->territories + to] - 1;
	}
	draw_partners(s, back, to, pair_of_partner, tie_of_partner);
	goes = unit_amount(p, unit, from);
	comes = unit_amount(p, unit, to);
	leave = change_one(s, from, goes, -1, measures);
	if (cost + leave + change_one(s, to, comes, 1, measures) + change_budget(s, unit, from, to) <= limit)
	{
		search_move(s, unit, to_slot);
		return;
	}
	for (int partner = 0; partner < PARTNERS; partner++)
	{
		int			pair = pair_of_partner[partner];
		const Tie  *other = tie_of_partner[partner];
		int			other_side;
		int			third;
		double		change;

		if (pair < 0)
			continue;
		other_side = s->pair_one[pair] == to ? 0 : 1;
		if (s->slot[other->unit] != other->slot[other_side] || other->unit == unit)
			continue;
		third = other_side == 0 ? s->pair_other[pair] : s->pair_one[pair];
		change = cost + (other_side == 0 ? (double) other->rise : -(double) other->rise) +
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
			search_move(s, other->unit, other->slot[1 - other_side]);
			return;
		}
	}
}

/* What weighing a unit begins with. */
static inline void
prefetch_unit(const Search *s, int unit)
{
	Size		start = (Size) unit * s->c->width;

	__builtin_prefetch(&s->slot[unit]);
	__builtin_prefetch(&s->c->territory[start]);
	__builtin_prefetch(&s->c->cost[start]);
	__builtin_prefetch(s->p->amount + unit * s->p->unit_step);
}

/* Weighs ties drawn at random, at one temperature. */
TERRITORY_INLINE void
anneal(Search *s, double temperature, const double *quantile, int64 proposals, const int measures)
{
	for (int64 i = 0; i < proposals && !s->p->is_stopped; i += BATCH)
	{
		/* Some of one pair after the other: what they touch is in the cache then. */
		int			pair = s->tie[random_below(&s->random, s->ties)].pair;
		const Tie  *tie = s->tie + s->tie_start[pair];
		int			ties = s->tie_start[pair + 1] - s->tie_start[pair];
		const Tie  *drawn[BATCH];

		progress_every(s->p, i, 1024 * BATCH);
		for (int j = 0; j < BATCH; j++)
		{
			drawn[j] = &tie[random_below(&s->random, ties)];
			__builtin_prefetch(drawn[j]);
		}
		for (int j = 0; j < BATCH; j++)
			prefetch_unit(s, drawn[j]->unit);
		for (int j = 0; j < BATCH; j++)
			propose(s, drawn[j], temperature * quantile[next_random(&s->random) % QUANTILES], measures);
	}
}

/* What is outside its limits becomes dearer, what is within them cheaper, down to where the search began. */
void
adapt_rates(Search *s, const double *lowest)
{
	const Problem *p = s->p;

	for (int j = 0; j < p->rows; j++)
	{
		Row		   *row = &s->row[j];

		if (row->load > row->most || row->load < row->least)
			row->rate *= DEARER;
		else
			row->rate = Max(row->rate * CHEAPER, lowest[j]);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->used[b] > p->budget[b])
			s->budget_rate[b] *= DEARER;
}

/* Of the exponential distribution. */
void
set_quantiles(double *quantile)
{
	for (int i = 0; i < QUANTILES; i++)
		quantile[i] = -salesops_log((i + 0.5) / QUANTILES);
}

/* Temperatures fall from hot to cold, both in whole numbers of cost. */
void
polish(Search *s, double hot, double cold, int64 proposals)
{
	Problem    *p = s->p;
	double		quantile[QUANTILES];
	int			steps = (int) Min(Max(SWEEP_STEPS * proposals / Max(s->ties, 1), 16), STEPS);
	double		fall = salesops_exp(salesops_log(cold / hot) / (steps - 1));
	double		temperature = hot;
	double	   *lowest;

	if (s->ties == 0)
		return;
	lowest = take(p, double, p->rows);
	for (int j = 0; j < p->rows; j++)
		lowest[j] = s->row[j].rate;
	set_quantiles(quantile);
	for (int step = 0; step < steps && !problem_progress(p); step++, temperature *= fall)
	{
		int64		now = proposals / steps + 1;

		if (p->measures == 1)
			anneal(s, temperature, quantile, now, 1);
		else if (p->measures == 2)
			anneal(s, temperature, quantile, now, 2);
		else
			anneal(s, temperature, quantile, now, p->measures);
		p->work += now;
		adapt_rates(s, lowest);
	}
	give_back(p, double, lowest, p->rows);
}
