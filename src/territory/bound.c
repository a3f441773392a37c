/*
 * bound.c: the lower bound, exact.
 *
 * Prices are rounded to whole multiples of 2^-PRICE_BITS, costs and amounts are whole numbers (problem.c). So every term of
 *
 *	sum over units of min over territories of (cost + price x amount + budget price x use) - sum of max(price most, price least)
 *		- budget price x budget
 *
 * is a whole multiple of 2^-PRICE_BITS, and the sum is formed without any error in integers of 128 bits. It holds for any prices, so
 * whoever found them and how does not matter. Floats only tell which territories may have the minimum: all whose value is
 * within twice the largest error of the least one are computed exactly.
 */
#include "territory/bound.h"

/* A whole, in multiples of 2^-PRICE_BITS: costs may be negative, and to shift them is undefined. */
#define PRICE_UNIT ((int128) 1 << PRICE_BITS)

/* Rounds prices to what the bound computes with; a price has at most 50 bits. */
static double
rounded(double price)
{
	double		limit = ldexp(1.0, 50 - PRICE_BITS);

	price = Min(Max(price, -limit), limit);
	return ldexp(rint(ldexp(price, PRICE_BITS)), -PRICE_BITS);
}

void
bound_round(const Problem *p, Prices *prices)
{
	for (int j = 0; j < p->rows; j++)
		prices->load[j] = rounded(prices->load[j]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		prices->budget[b] = rounded(prices->budget[b]);
}

static inline int128
times(double price, double amount)
{
	return (int128) (int64) ldexp(price, PRICE_BITS) * (int64) amount;
}

/* What a unit at a territory costs with prices, in multiples of 2^-PRICE_BITS. */
static int128
exact_value(const Problem *p, const Prices *prices, int unit, int territory)
{
	const double *amount = unit_amount(p, unit, territory);
	int128		value = (int128) (int64) unit_cost(p, unit, territory) * PRICE_UNIT;

	for (int m = 0; m < p->measures; m++)
		value += times(prices->load[territory * p->measures + m], amount[m]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (prices->budget[b] != 0)
			value += times(prices->budget[b], unit_used(p, unit, territory, b));
	return value;
}

/* The territory where a scanned unit costs least, and what. */
static uint16
best_territory(const Problem *p, const Prices *prices, const Scan *scan, int unit, int128 *least)
{
	float		limit = scan->least + 2 * scan->error;
	uint16		best = TERRITORY_MOST_TERRITORIES;

	for (int j = 0; j < scan->count; j++)
		if (scan->value[j] <= limit)
		{
			int128		value = exact_value(p, prices, unit, scan->territory[j]);

			if (best == TERRITORY_MOST_TERRITORIES || value < *least)
			{
				*least = value;
				best = scan->territory[j];
			}
		}
	return best;
}

/* What a unit at a territory would save at the one that is best for it, in the unit of costs; prices must be rounded. */
double
bound_regret(const Problem *p, const Prices *prices, int unit, int territory, int best)
{
	int128		regret = exact_value(p, prices, unit, territory) - exact_value(p, prices, unit, best);

	return ldexp((double) regret, -PRICE_BITS) / p->cost_scale;
}

/* Over all columns, and what is held; prices must be rounded. In multiples of 2^-PRICE_BITS. Says where each unit is best off. */
int128
bound_exact(Problem *p, const Prices *prices, uint16 *best)
{
	Scan		scan;
	int128		sum = 0;

	scan_begin(&scan, p, prices);
	for (int u = 0; u < p->units; u++)
	{
		int128		least = 0;

		progress_every(p, u, PROGRESS_UNITS);
		scan_unit(&scan, u);
		best[u] = best_territory(p, prices, &scan, u, &least);
		sum += least;
	}
	scan_end(&scan);
	for (int i = 0; i < p->input->accounts; i++)
		if (p->held_at[i] >= 0)
			sum += (int128) (int64) account_cost(p, i, p->held_at[i]) * PRICE_UNIT;
	for (int j = 0; j < p->rows; j++)
		sum -= times(prices->load[j], prices->load[j] > 0 ? p->most[j] : p->least[j]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (prices->budget[b] != 0)
			sum -= times(prices->budget[b], p->budget[b]);
	return sum;
}

/* In the unit of costs, rounded down. */
double
bound_as_cost(const Problem *p, int128 bound)
{
	double		value = (double) bound;

	/* The nearest double may be above. */
	if ((int128) value > bound)
		value = nextafter(value, -INFINITY);
	return ldexp(value, -PRICE_BITS) / p->cost_scale;
}
