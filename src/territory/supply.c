/*
 * supply.c: columns for territories that hardly any unit has one of.
 *
 * The few territories that are best for each unit leave out some that are best for none but their own: remote ones, and those whose price does
 * not tell yet how short of load they are. Nothing could bring them within their limits. So the units that would come with the smallest regret
 * have a column there, in place of their dearest one.
 */
#include "territory/columns.h"

/* Units that have a column of a territory and are not its owner's: so many, or as many as a territory has on average. */
#define LEAST_SUPPLY	100

/* The units with the smallest regrets at a territory, ascending. */
typedef struct Comers
{
	int			count;
	int			room;
	double		regret[LEAST_SUPPLY];
	int			unit[LEAST_SUPPLY];
} Comers;

static void
comers_add(Comers *comers, double regret, int unit)
{
	int			at = comers->count;

	if (at == comers->room && regret >= comers->regret[at - 1])
		return;
	if (at < comers->room)
		comers->count++;
	else
		at--;
	for (; at > 0 && comers->regret[at - 1] > regret; at--)
	{
		comers->regret[at] = comers->regret[at - 1];
		comers->unit[at] = comers->unit[at - 1];
	}
	comers->regret[at] = regret;
	comers->unit[at] = unit;
}

/* The regret of a unit at a territory that it has no column of. */
static double
regret_at(const Problem *p, const Columns *c, const Prices *prices, int unit, int k)
{
	const uint16 *territory = c->territory + (Size) unit * c->width;
	const int32 *cost = c->cost + (Size) unit * c->width;
	double		least = INFINITY;

	for (int q = 0; q < c->count[unit]; q++)
	{
		double		value = value_at(p, prices, unit, territory[q], cost[q]);

		least = Min(least, value);
	}
	return value_at(p, prices, unit, k, unit_cost(p, unit, k)) - (unit_cost(p, unit, territory[0]) - cost[0] + least);
}

static bool
has_column(const Columns *c, int unit, int k)
{
	for (int q = 0; q < c->count[unit]; q++)
		if (c->territory[(Size) unit * c->width + q] == k)
			return true;
	return false;
}

/* Gives a unit a column, in place of the dearest one if there is no room; that of the owner and those that were given stay. */
static void
give_column(Problem *p, Columns *c, const Prices *prices, const bool *is_short, int unit, int k)
{
	uint16	   *territory = c->territory + (Size) unit * c->width;
	const int32 *cost = c->cost + (Size) unit * c->width;
	double		most = -INFINITY;
	int			at = c->width;

	if (c->count[unit] < c->width)
		at = c->count[unit]++;
	else
		for (int q = 0; q < c->width && !unit_is_torn(p, unit); q++)
		{
			double		value = value_at(p, prices, unit, territory[q], cost[q]);

			if (value > most && !is_short[territory[q]] && territory[q] != unit_owner(p, unit))
			{
				most = value;
				at = q;
			}
		}
	if (at == c->width)
		return;
	territory[at] = k;
	columns_costs(p, c, unit);
}

/* Sees to it that every territory is a column of enough units. Rows are units. */
void
columns_supply(Problem *p, Columns *c, const Prices *prices)
{
	int		   *supply = take(p, int, p->territories);
	bool	   *is_short = take(p, bool, p->territories);
	bool	   *is_eligible = take(p, bool, p->lists);
	int			enough = Min(LEAST_SUPPLY, p->units / p->territories);

	for (int u = 0; u < p->units; u++)
	{
		int			owner = unit_owner(p, u);

		progress_every(p, u, PROGRESS_UNITS);
		for (int q = 0; q < c->count[u]; q++)
		{
			int			k = c->territory[(Size) u * c->width + q];

			supply[k] += k != owner;
		}
	}
	for (int k = 0; k < p->territories; k++)
		is_short[k] = supply[k] < enough;
	for (int k = 0; k < p->territories; k++)
	{
		Comers		comers = {.room = enough};
		bool		is_any = false;

		if (!is_short[k])
			continue;
		for (int l = 0; l < p->lists; l++)
		{
			is_eligible[l] = false;
			for (int j = p->list_start[l]; j < p->list_start[l + 1]; j++)
				is_eligible[l] |= p->list[j] == k;
			is_any |= is_eligible[l];
		}
		for (int u = 0; u < p->units && is_any; u++)
		{
			progress_every(p, u, PROGRESS_UNITS);
			if (is_eligible[p->list_of[u]] && !has_column(c, u, k))
				comers_add(&comers, regret_at(p, c, prices, u, k), u);
		}
		for (int i = 0; i < comers.count; i++)
			give_column(p, c, prices, is_short, comers.unit[i], k);
	}
	give_back(p, int, supply, p->territories);
	give_back(p, bool, is_short, p->territories);
	give_back(p, bool, is_eligible, p->lists);
}
