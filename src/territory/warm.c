/*
 * warm.c: a former plan goes on after something changed: a representative left or came, targets or amounts are different.
 *
 * Where the accounts are now is nearly right then. A descent among all would move many that need not move, because at new prices a little is to be
 * gained everywhere. So units stay where they are, but for what brings loads within their limits: whoever nobody has is brought in, load flows from
 * territories far above their limits and to those far below, both by chains, and what is left is repaired, a change at a time.
 */
#include "territory/warm.h"

/* Owners are of a former plan if loads are no further outside than that on average, as a share of them or of the limits, whichever is larger ... */
#define NEAR_LIMITS		0.15
/* ... and the cost no further above the bound. */
#define NEAR_BOUND		0.06
/* What is outside costs chains so many times the prices: it may end outside, and then others push it on, but only where the way is very dear. */
#define STRICTNESS		3.0
#define MOST_ATTEMPTS	3

/* The territory that has a unit and may have it; NONE where nobody does. */
static int
former_territory(const Problem *p, int unit)
{
	int			owner = unit_owner(p, unit);

	for (int j = p->list_start[p->list_of[unit]]; owner != TERRITORY_NONE && j < p->list_start[p->list_of[unit] + 1]; j++)
		if (p->list[j] == owner)
			return owner;
	return TERRITORY_NONE;
}

Former
former_plan(Problem *p)
{
	double	   *load = take(p, double, p->rows);
	Former		former = {0};

	for (int u = 0; u < p->units; u++)
	{
		int			k = former_territory(p, u);

		progress_every(p, u, PROGRESS_UNITS);
		if (k == TERRITORY_NONE)
			continue;
		former.cost += unit_cost(p, u, k);
		for (int m = 0; m < p->measures; m++)
			load[k * p->measures + m] += unit_amount(p, u, k)[m];
	}
	for (int i = 0; i < p->input->accounts; i++)
		if (p->held_at[i] >= 0)
			former.cost += account_cost(p, i, p->held_at[i]);
	for (int j = 0; j < p->rows; j++)
		former.outside += Max(Max(load[j] - p->most[j], p->least[j] - load[j]), 0) / Max(p->width[j], load[j]);
	give_back(p, double, load, p->rows);
	return former;
}

bool
former_is_within(const Problem *p, const Former *former)
{
	return former->outside <= NEAR_LIMITS * p->rows;
}

/* Once the bound is known. */
bool
former_is_cheap(const Problem *p, const Former *former)
{
	return former->cost / p->cost_scale - p->status.bound <= NEAR_BOUND * fabs(p->status.bound);
}

/* Goes on from the owners; where that leaves loads outside their limits, the search is on its way. False where nothing had to change. */
bool
former_goes_on(Search *s, int ties_per_unit)
{
	Problem    *p = s->p;
	bool		is_all_owned = true;

	/* Who may keep a unit is one of its columns. */
	for (int u = 0; u < p->units; u++)
	{
		int			owner = unit_owner(p, u);

		progress_every(p, u, PROGRESS_UNITS);
		for (int q = 0; q < s->c->count[u]; q++)
			if (slot_territory(s, u, q) == owner)
				s->slot[u] = q;
	}
	search_set(s, s->slot);
	for (int u = 0; u < p->units; u++)
		if (slot_territory(s, u, s->slot[u]) != unit_owner(p, u))
		{
			chain_out(s, u);
			is_all_owned = false;
		}
	search_ties(s, ties_per_unit);
	if (is_all_owned && search_outside(s) == 0)
		return false;
	search_rates(s, STRICTNESS);
	chain_in(s);
	chain_level(s);
	/* A repair's changes weigh more at a time. */
	search_rates(s, USUAL_STRICTNESS);
	for (int attempt = 1; !search_repair(s, MOST_REPAIRS_OF_FORMER) && attempt < MOST_ATTEMPTS && !p->is_stopped && search_stretch(s); attempt++)
		search_ties(s, ties_per_unit);
	return true;
}
