/*
 * columns.c: which territories are worth a thought for an account, given prices.
 *
 * With hundreds of territories only a few can ever be right for an account, but which ones depends on the prices: where representatives
 * share a city the nearest sixteen may all be full, and a plan or a bound made of them alone is far off. So the columns of
 * a unit are those with the least cost + price x amount, at prices that were found before on a sample with all columns; and its owner,
 * because staying is the one choice that needs no reason.
 */
#include "territory/columns.h"

#include "core/numerics.h"

static Columns *
columns_make(Problem *p, int rows, int width)
{
	Columns    *c = take(p, Columns, 1);

	c->rows = rows;
	c->width = Min(width, p->longest_list);
	c->count = take(p, uint16, rows);
	c->territory = take(p, uint16, (Size) rows * c->width);
	c->cost = take(p, int32, (Size) rows * c->width);
	return c;
}

/* Nothing is known of any territory yet. */
static void
know_nothing(Problem *p, Columns *c)
{
	c->beyond = take(p, float, c->rows);
	c->era = take(p, uint16, c->rows);
	c->cheapest = take(p, float, c->rows);
	for (int row = 0; row < c->rows; row++)
		c->beyond[row] = -INFINITY;
}

/* The columns stay, what is known of the others goes. */
static void
forget_others(Problem *p, Columns *c)
{
	if (!c->beyond)
		return;
	give_back(p, float, c->beyond, c->rows);
	give_back(p, uint16, c->era, c->rows);
	give_back(p, float, c->cheapest, c->rows);
	if (c->eras_room > 0)
	{
		give_back(p, double, c->era_price, (Size) c->eras_room * (p->rows + TERRITORY_BUDGETS));
		give_back(p, double, c->fall, (Size) c->eras_room * p->lists * p->measures);
	}
	c->beyond = NULL;
}

void
columns_free(Problem *p, Columns *c)
{
	forget_others(p, c);
	if (c->unit)
		give_back(p, int, c->unit, c->rows);
	if (c->stands_for)
		give_back(p, float, c->stands_for, c->rows);
	give_back(p, uint16, c->count, c->rows);
	give_back(p, uint16, c->territory, (Size) c->rows * c->width);
	give_back(p, int32, c->cost, (Size) c->rows * c->width);
	give_back(p, Columns, c, 1);
}

/* Fills in what the territories of a row cost above the cheapest of them, which is returned. */
double
columns_costs(const Problem *p, Columns *c, int row)
{
	double		cost[TERRITORY_MOST_TERRITORIES];
	double		cheapest = INFINITY;
	Size		start = (Size) row * c->width;

	for (int q = 0; q < c->count[row]; q++)
	{
		cost[q] = unit_cost(p, row_unit(c, row), c->territory[start + q]);
		cheapest = Min(cheapest, cost[q]);
	}
	for (int q = 0; q < c->count[row]; q++)
		c->cost[start + q] = (int32) Min(cost[q] - cheapest, MOST_COST);
	return cheapest;
}

static void
row_all(const Problem *p, Columns *c, int row)
{
	int			list = p->list_of[row_unit(c, row)];
	int			start = p->list_start[list];

	c->count[row] = p->list_start[list + 1] - start;
	memcpy(c->territory + (Size) row * c->width, p->list + start, sizeof(uint16) * c->count[row]);
	columns_costs(p, c, row);
}

/* All columns of all units. */
Columns *
columns_all(Problem *p)
{
	Columns    *c = columns_make(p, p->units, p->longest_list);

	for (int row = 0; row < c->rows; row++)
	{
		progress_every(p, row, PROGRESS_UNITS / 16);
		row_all(p, c, row);
	}
	return c;
}

/* Of every unit the territory that is best at the prices among those that are not new, and the best few new ones. */
Columns *
columns_new(Problem *p, const Prices *prices, const bool *is_new, int few)
{
	Columns    *c = columns_make(p, p->units, 1 + few);
	Scan		scan;

	scan_begin(&scan, p, prices);
	for (int row = 0; row < c->rows; row++)
	{
		uint16	   *territory = c->territory + (Size) row * c->width;

		progress_every(p, row, PROGRESS_UNITS);
		scan_unit(&scan, row);
		/* First one that is not new. */
		for (bool news = false;; news = true)
		{
			int			best = -1;

			for (int j = 0; j < scan.count; j++)
				if (is_new[scan.territory[j]] == news && scan.value[j] < (best < 0 ? INFINITY : scan.value[best]))
					best = j;
			if (best >= 0)
			{
				territory[c->count[row]++] = scan.territory[best];
				scan.value[best] = INFINITY;
			}
			if (c->count[row] == c->width || (news && best < 0))
				break;
		}
		columns_costs(p, c, row);
	}
	scan_end(&scan);
	return c;
}

/*
 * Some units: of each list so many for each territory that may have it, every n-th. A plain sample would hold too few of the lists with few
 * units, and the prices of their territories would run away. A row has the best few columns; all, where the width allows it.
 */
Columns *
columns_sample(Problem *p, int units_per_territory, int width)
{
	int		   *units = take(p, int, p->lists);
	int		   *step = take(p, int, p->lists);
	int		   *seen = take(p, int, p->lists);
	int			rows = 0;
	Columns    *c;

	for (int u = 0; u < p->units; u++)
		units[p->list_of[u]]++;
	for (int l = 0; l < p->lists; l++)
	{
		int			wanted = Max(units_per_territory * (p->list_start[l + 1] - p->list_start[l]), 1);

		step[l] = Max(units[l] / wanted, 1);
		rows += (units[l] + step[l] - 1) / step[l];
	}
	c = columns_make(p, rows, width);
	c->unit = take(p, int, rows);
	c->stands_for = take(p, float, rows);
	for (int u = 0, row = 0; u < p->units; u++)
	{
		int			l = p->list_of[u];
		int			nth = seen[l]++;
		int			block = Min(step[l], units[l] - nth / step[l] * step[l]);

		/* The middle one of each block. */
		if (nth % step[l] != block / 2)
			continue;
		progress_every(p, row, PROGRESS_UNITS / 16);
		c->unit[row] = u;
		c->stands_for[row] = block;
		if (c->width == p->longest_list)
			row_all(p, c, row);
		row++;
	}
	if (c->width < p->longest_list)
		know_nothing(p, c);
	give_back(p, int, units, p->lists);
	give_back(p, int, step, p->lists);
	give_back(p, int, seen, p->lists);
	return c;
}

/* The best few columns of all units, which columns_choose() fills in. */
Columns *
columns_best(Problem *p, int width)
{
	Columns    *c = columns_make(p, p->units, Min(width, MOST_CHOSEN));

	know_nothing(p, c);
	return c;
}

void
scan_begin(Scan *scan, Problem *p, const Prices *prices)
{
	int			entries = p->list_start[p->lists];

	memset(scan, 0, sizeof(*scan));
	scan->p = p;
	scan->prices = prices;
	for (int m = 0; m < p->measures; m++)
	{
		scan->list_price[m] = take(p, float, entries);
		for (int j = 0; j < entries; j++)
			scan->list_price[m][j] = (float) prices->load[p->list[j] * p->measures + m];
		for (int k = 0; k < p->territories; k++)
			scan->largest_price[m] = Max(scan->largest_price[m], fabs(prices->load[k * p->measures + m]));
	}
	scan->value = take(p, float, p->longest_list + LANES);
}

void
scan_end(Scan *scan)
{
	Problem    *p = scan->p;

	for (int m = 0; m < p->measures; m++)
		give_back(p, float, scan->list_price[m], p->list_start[p->lists]);
	give_back(p, float, scan->value, p->longest_list + LANES);
}

/* The least of values, of which there is room for a multiple of LANES. */
SALESOPS_FOR_EACH_PROCESSOR
float
least_value(float *value, int count)
{
	float		low[LANES];

	for (int q = count; q % LANES != 0; q++)
		value[q] = INFINITY;
	for (int l = 0; l < LANES; l++)
		low[l] = value[l];
	for (int q = LANES; q < count; q += LANES)
		for (int l = 0; l < LANES; l++)
			low[l] = value[q + l] < low[l] ? value[q + l] : low[l];
	for (int l = 1; l < LANES; l++)
		low[0] = low[l] < low[0] ? low[l] : low[0];
	return low[0];
}

/* Adds what the loads and the budgets cost; returns how large a price may have been. */
SALESOPS_FOR_EACH_PROCESSOR
static float
add_prices(Scan *scan, int unit, int start)
{
	const Problem *p = scan->p;
	const Prices *prices = scan->prices;
	float	   *value = scan->value;
	double		largest = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const float *price = scan->list_price[m] + start;
		double		most = 0;

		if (p->territory_step == 0)
		{
			float		amount = (float) unit_amount(p, unit, 0)[m];

			for (int j = 0; j < scan->count; j++)
				value[j] += price[j] * amount;
			most = amount;
		}
		else
			for (int j = 0; j < scan->count; j++)
			{
				double		amount = unit_amount(p, unit, scan->territory[j])[m];

				value[j] += price[j] * (float) amount;
				most = Max(most, fabs(amount));
			}
		largest += most * scan->largest_price[m];
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (prices->budget[b] != 0)
			for (int j = 0; j < scan->count; j++)
			{
				double		price = prices->budget[b] * unit_used(p, unit, scan->territory[j], b);

				value[j] += (float) price;
				largest = Max(largest, 2 * fabs(price));
			}
	return (float) largest;
}

void
scan_unit(Scan *scan, int unit)
{
	const Problem *p = scan->p;
	int			start = p->list_start[p->list_of[unit]];
	float		off;
	float		largest;

	scan->count = p->list_start[p->list_of[unit] + 1] - start;
	scan->territory = p->list + start;
	off = unit_costs(p, unit, scan->value);
	largest = add_prices(scan, unit, start);
	scan->least = least_value(scan->value, scan->count);
	/* A value near the least has a cost of at most |least| + price, and each step rounds by 2^-24 of that. */
	scan->error = off + ldexpf(fabsf(scan->least) + 2 * largest, -20);
}

/* From now on at these prices, which must stay until columns_look_away(). */
void
columns_look(Problem *p, Columns *c, const Prices *prices)
{
	Size		size = p->rows + TERRITORY_BUDGETS;
	Size		falls = (Size) p->lists * p->measures;

	c->eras += c->is_chosen_now;
	c->is_chosen_now = false;
	if (c->eras == c->eras_room)
	{
		int			room = c->eras_room * 2 + 16;
		double	   *era_price = take(p, double, room * size);

		if (c->eras > 0)
			memcpy(era_price, c->era_price, sizeof(double) * c->eras * size);
		if (c->eras_room > 0)
		{
			give_back(p, double, c->era_price, c->eras_room * size);
			give_back(p, double, c->fall, c->eras_room * falls);
		}
		c->era_price = era_price;
		c->fall = take(p, double, room * falls);
		c->eras_room = room;
	}
	memcpy(c->era_price + c->eras * size, prices->load, sizeof(double) * p->rows);
	memcpy(c->era_price + c->eras * size + p->rows, prices->budget, sizeof(prices->budget));
	memset(c->fall, 0, sizeof(double) * (c->eras + 1) * falls);
	for (int e = 0; e < c->eras; e++)
		for (int l = 0; l < p->lists; l++)
			for (int j = p->list_start[l]; j < p->list_start[l + 1]; j++)
				for (int m = 0; m < p->measures; m++)
				{
					double	   *fall = &c->fall[e * falls + l * p->measures + m];
					int			load = p->list[j] * p->measures + m;

					*fall = Max(*fall, c->era_price[e * size + load] - prices->load[load]);
				}
	scan_begin(&c->scan, p, prices);
}

void
columns_look_away(Columns *c)
{
	scan_end(&c->scan);
}

/* Who has a unit now; of a family with several owners, who uses the least of a budget with it. */
static int
present_territory(const Problem *p, const Scan *scan, int unit)
{
	int			found = unit_owner(p, unit);
	double		least = INFINITY;

	if (found != TERRITORY_NONE || !p->has_budget || p->first[unit + 1] - p->first[unit] < 2)
		return found;
	for (int j = 0; j < scan->count; j++)
	{
		double		used = unit_used(p, unit, scan->territory[j], isinf(p->budget[TERRITORY_BUDGET_COUNT]) ? TERRITORY_BUDGET_AMOUNT : TERRITORY_BUDGET_COUNT);

		if (used < least)
		{
			least = used;
			found = scan->territory[j];
		}
	}
	return found;
}

/* The least of the values seen so far, ascending; of equal ones the first of the list. */
typedef struct Least
{
	int			room;
	int			count;
	float		last;			/* nothing above gets in any more */
	float		value[MOST_CHOSEN + 1];
	int			place[MOST_CHOSEN + 1];	/* in the list */
} Least;

static inline void
least_add(Least *least, float value, int place)
{
	int			at = least->count;

	if (at == least->room && (value > least->last || (value == least->last && place > least->place[at - 1])))
		return;
	if (at < least->room)
		least->count++;
	else
		at--;
	for (; at > 0 && (least->value[at - 1] > value || (least->value[at - 1] == value && least->place[at - 1] > place)); at--)
	{
		least->value[at] = least->value[at - 1];
		least->place[at] = least->place[at - 1];
	}
	least->value[at] = value;
	least->place[at] = place;
	if (least->count == least->room)
		least->last = least->value[least->room - 1];
}

/* A place in a list that was turned by less than its length. */
static inline int
turned(int place, int by, int count)
{
	place += by;
	return place < 0 ? place + count : place < count ? place : place - count;
}

/*
 * The least values of a scan. Units that are next to each other have much the same territories, so those of the unit before are seen first: after
 * them hardly another one gets in. Where all cost alike, units begin with different ones.
 */
static void
least_of_scan(Columns *c, int unit, Least *least)
{
	Scan	   *scan = &c->scan;
	const Problem *p = scan->p;
	int			list = p->list_of[unit];
	int			first = p->all_alike ? unit % scan->count : 0;
	float		value[MOST_CHOSEN + 1];

	if (c->guess_list != list)
		c->guesses = 0;
	c->guess_list = list;
	for (int g = 0; g < c->guesses; g++)
	{
		value[g] = scan->value[c->guess[g]];
		least_add(least, value[g], turned(c->guess[g], -first, scan->count));
	}
	for (int g = 0; g < c->guesses; g++)
		scan->value[c->guess[g]] = INFINITY;
	for (int q = 0; q < scan->count; q += LANES)
	{
		int			any = 0;

		for (int l = 0; l < LANES; l++)
			any |= scan->value[q + l] <= least->last;
		for (int j = q; any && j < Min(q + LANES, scan->count); j++)
			if (scan->value[j] < INFINITY)
				least_add(least, scan->value[j], turned(j, -first, scan->count));
	}
	for (int g = 0; g < c->guesses; g++)
		scan->value[c->guess[g]] = value[g];
	c->guesses = least->count;
	for (int n = 0; n < least->count; n++)
		c->guess[n] = least->place[n] = turned(least->place[n], first, scan->count);
}

/* Chooses the columns that are best at the prices looked at, and the owner's. */
void
columns_choose(Problem *p, Columns *c, int row)
{
	Scan	   *scan = &c->scan;
	int			unit = row_unit(c, row);
	int			owner;
	Least		least = {.room = c->width + 1, .last = INFINITY};
	uint16		chosen[MOST_CHOSEN + 1];
	int			n;

	scan_unit(scan, unit);
	owner = present_territory(p, scan, unit);
	least_of_scan(c, unit, &least);
	n = least.count;
	for (int i = 0; i < n; i++)
		chosen[i] = scan->territory[least.place[i]];
	/* One more than there is room for tells what the others are worth at least. */
	c->beyond[row] = n == least.room ? least.value[n - 1] : INFINITY;
	n = Min(n, c->width);
	if (owner != TERRITORY_NONE)
	{
		bool		is_in = false;
		bool		is_eligible = false;

		for (int q = 0; q < n; q++)
			is_in |= chosen[q] == owner;
		for (int j = 0; j < scan->count && !is_in; j++)
			is_eligible |= scan->territory[j] == owner;
		if (is_eligible)
		{
			if (n == c->width)
				c->beyond[row] = least.value[--n];
			chosen[n++] = owner;
		}
	}
	c->count[row] = n;
	memcpy(c->territory + (Size) row * c->width, chosen, sizeof(uint16) * n);
	c->cheapest[row] = (float) columns_costs(p, c, row);
	c->era[row] = c->eras;
	c->is_chosen_now = true;
}

/* The least of the values that a row's columns have at the prices looked at. */
static double
least_of_row(const Problem *p, const Columns *c, int row)
{
	const Prices *prices = c->scan.prices;
	int			unit = row_unit(c, row);
	double		least = INFINITY;

	for (int q = 0; q < c->count[row]; q++)
	{
		double		value = value_at(p, prices, unit, c->territory[(Size) row * c->width + q], c->cost[(Size) row * c->width + q]);

		least = Min(least, value);
	}
	return c->cheapest[row] + least;
}

/* Chooses anew where another territory may be within reach of the best one at these prices. What is known of the others is forgotten. */
void
columns_settle(Problem *p, Columns *c, const Prices *prices, double reach)
{
	columns_look(p, c, prices);
	for (int row = 0; row < c->rows; row++)
	{
		progress_every(p, row, PROGRESS_UNITS);
		if (c->count[row] == 0 || !columns_suffice(p, c, row, least_of_row(p, c, row) + reach))
			columns_choose(p, c, row);
	}
	columns_look_away(c);
	forget_others(p, c);
}
