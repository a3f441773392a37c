/*
 * warm.c: a former plan goes on after something changed: a representative left or came, targets or amounts are different.
 *
 * Where the accounts are now is nearly right then. What must change is what is outside its limits and who has no territory any more; but a
 * search among all accounts moves many others, because at prices of the whole problem load flows through territories that had
 * nothing to do with it. So a smaller problem is made: territories that are outside, and those that would be best for accounts
 * without one, are open, and what is elsewhere is held there. Accounts of open territories may go to those and to the territories that are best for any of
 * them, which have room up to their limits. That problem has its own prices, which climb from those of the whole: they differ, for what is held does
 * not answer to them.
 *
 * Its plan is one of the whole problem; its bound is not.
 */
#include "territory/warm.h"

/* Owners are of a former plan if loads are no further outside than that on average, and the cost no further above the bound, both as shares. */
#define NEAR			0.06
/* For an account without a territory so many are open; for one of an open territory so many are where it may go. */
#define OPEN_TO_NEW		2
#define OPEN_TO_ALL		2
/* Where fewer than this share of the units would take part, the best territories for those are opened too. */
#define LEAST_FREE		0.05
/* Where more than this share of the units would take part, all do. */
#define MOST_FREE		0.5
/* Polish of the smaller problem, as a share of the usual. */
#define PART_EFFORT		0.1

/* What the smaller problem is given. */
typedef struct Part
{
	bool	   *is_open;		/* [territories] */
	bool	   *is_target;		/* [territories]; the open ones are */
	int		   *held;			/* [accounts] */
	bool	   *eligible;		/* [classes][territories] */
	double	   *price;			/* [territories][measures], the whole's */
	TerritoryInput input;
	Problem    *whole;
} Part;

/* The territory that a unit stays at if it need not leave; NONE where nobody has it, or somebody who may not. */
static int
former_territory(const Problem *p, int unit)
{
	int			owner = unit_owner(p, unit);

	for (int j = p->list_start[p->list_of[unit]]; owner != TERRITORY_NONE && j < p->list_start[p->list_of[unit] + 1]; j++)
		if (p->list[j] == owner)
			return owner;
	return TERRITORY_NONE;
}

/* Marks the few territories that are best for a unit. */
static void
mark_best(Scan *scan, int unit, int few, bool *mark)
{
	scan_unit(scan, unit);
	for (int n = 0; n < Min(few, scan->count); n++)
	{
		int			best = 0;

		for (int j = 1; j < scan->count; j++)
			if (scan->value[j] < scan->value[best])
				best = j;
		mark[scan->territory[best]] = true;
		scan->value[best] = INFINITY;
	}
}

/* Opens what is outside its limits. False where that, or what the units cost, is too far off for a former plan. */
static bool
open_outside(Problem *p, const int *former, bool *is_open)
{
	double	   *load = take(p, double, p->rows);
	double		outside = 0;
	double		cost = 0;

	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		if (former[u] == TERRITORY_NONE)
			continue;
		cost += unit_cost(p, u, former[u]);
		for (int m = 0; m < p->measures; m++)
			load[former[u] * p->measures + m] += unit_amount(p, u, former[u])[m];
	}
	for (int i = 0; i < p->input->accounts; i++)
		if (p->held_at[i] >= 0)
			cost += account_cost(p, i, p->held_at[i]);
	for (int j = 0; j < p->rows; j++)
	{
		double		here = Max(Max(load[j] - p->most[j], p->least[j] - load[j]), 0);

		outside += here / p->width[j];
		is_open[j / p->measures] |= here > 0;
	}
	give_back(p, double, load, p->rows);
	return outside <= NEAR * p->rows && cost / p->cost_scale - p->status.bound <= NEAR * fabs(p->status.bound);
}

/* Marks where units of open territories may go: those, and what is best for any of them. Returns how many units that are. */
static int
find_targets(Problem *p, Scan *scan, const int *former, Part *part)
{
	int			free_units = 0;

	memcpy(part->is_target, part->is_open, sizeof(bool) * p->territories);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		if (former[u] != TERRITORY_NONE && !part->is_open[former[u]])
			continue;
		free_units++;
		mark_best(scan, u, OPEN_TO_ALL, part->is_target);
	}
	return free_units;
}

/* Decides who takes part. False where this is no former plan, or too much would. */
static bool
choose_part(Problem *p, const Prices *prices, const int *former, Part *part)
{
	const TerritoryInput *in = p->input;
	Scan		scan;
	int			free_units;

	if (!open_outside(p, former, part->is_open))
		return false;
	scan_begin(&scan, p, prices);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		if (former[u] == TERRITORY_NONE)
			mark_best(&scan, u, OPEN_TO_NEW, part->is_open);
	}
	/* What goes to few territories fills them to the brim, which is dear: they pass it on. */
	while ((free_units = find_targets(p, &scan, former, part)) < LEAST_FREE * p->units && memcmp(part->is_open, part->is_target, sizeof(bool) * p->territories) != 0)
		memcpy(part->is_open, part->is_target, sizeof(bool) * p->territories);
	scan_end(&scan);
	memcpy(part->held, p->held_at, sizeof(int) * in->accounts);
	for (int u = 0; u < p->units; u++)
		for (int m = p->first[u]; m < p->first[u + 1] && former[u] != TERRITORY_NONE && !part->is_open[former[u]]; m++)
			part->held[p->member[m]] = former[u];
	for (int c = 0; c < in->classes; c++)
		for (int k = 0; k < p->territories; k++)
			part->eligible[(Size) c * p->territories + k] = part->is_target[k] && (!in->eligible || in->eligible[(Size) c * p->territories + k]);
	part->input = *in;
	part->input.held = part->held;
	part->input.eligible = part->eligible;
	return free_units <= MOST_FREE * p->units;
}

/* What the part is at is told as the whole's: all but its phase and its bound. */
static bool
relay(const TerritoryStatus *status, void *arg)
{
	Problem    *p = ((Part *) arg)->whole;

	if (!isnan(status->cost))
	{
		p->status.cost = status->cost;
		p->status.outside = status->outside;
	}
	return problem_progress(p);
}

static bool
plan_part(Part *part, TerritoryPlan **plan)
{
	Problem    *p = part->whole;
	TerritoryOptions options = *p->options;

	options.price = part->price;
	options.gap = 0;
	options.effort = options.effort < 0 ? options.effort : PART_EFFORT;
	options.progress = relay;
	options.progress_arg = part;
	if (options.memory_limit > 0)
	{
		if (options.memory_limit <= p->memory)
			return false;
		options.memory_limit -= p->memory;
	}
	*plan = balance_part(&part->input, &options);
	p->most_memory = Max(p->most_memory, p->memory + (*plan)->memory);
	p->work += (*plan)->work;
	return (*plan)->is_valid && (*plan)->outside <= p->outside;
}

/*
 * Where every unit goes, in a plan within limits that leaves most of the former plan as it is: [units], to be given back. NULL where the owners are
 * not of a former plan, or no such plan was found. prices: of the whole problem, for which the bound is known.
 */
int *
warm_plan(Problem *p, const Prices *prices)
{
	int		   *territory = take(p, int, p->units);
	Size		eligible = (Size) p->input->classes * p->territories;
	Part		part = {take(p, bool, p->territories), take(p, bool, p->territories), take(p, int, p->input->accounts), take(p, bool, eligible), take(p, double, p->rows), .whole = p};
	TerritoryPlan *plan;
	bool		is_found;

	p->status.phase = TERRITORY_PHASE_PLAN;
	for (int j = 0; j < p->rows; j++)
		part.price[j] = price_as_given(p, prices, j);
	for (int u = 0; u < p->units; u++)
		territory[u] = former_territory(p, u);
	is_found = choose_part(p, prices, territory, &part) && plan_part(&part, &plan);
	for (int u = 0; u < p->units && is_found; u++)
		territory[u] = plan->territory[p->member[p->first[u]]];
	give_back(p, bool, part.is_open, p->territories);
	give_back(p, bool, part.is_target, p->territories);
	give_back(p, int, part.held, p->input->accounts);
	give_back(p, bool, part.eligible, eligible);
	give_back(p, double, part.price, p->rows);
	if (is_found)
		return territory;
	give_back(p, int, territory, p->units);
	return NULL;
}
