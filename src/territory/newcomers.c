/*
 * newcomers.c: prices of territories that a former plan knows nothing of.
 *
 * At a price far off a new territory would seem right for thousands of units, and the prices of all others would follow. They are known, though. So
 * first theirs stay, and each unit may choose between the best of those territories and the best new ones.
 */
#include "territory/dual.h"
#include "territory/warm.h"

/* From hot to cold, as shares of the spread of costs. */
#define HOT		1.0
#define COLD	0.01
#define STEPS	10
/* New territories that a unit may choose between. */
#define FEW		8

/* How many territories have no price. */
int
count_newcomers(const Problem *p)
{
	int			count = 0;

	for (int k = 0; k < p->territories; k++)
	{
		bool		is_new = false;

		for (int m = 0; m < p->measures; m++)
			is_new |= isnan(p->options->price[k * p->measures + m]);
		count += is_new;
	}
	return count;
}

void
price_newcomers(Problem *p, Prices *prices)
{
	bool	   *is_known = take(p, bool, p->rows);
	bool	   *is_new = take(p, bool, p->territories);
	Columns    *c;
	Dual		dual;

	for (int j = 0; j < p->rows; j++)
	{
		is_known[j] = !isnan(p->options->price[j]);
		is_new[j / p->measures] |= !is_known[j];
	}
	c = columns_new(p, prices, is_new, FEW);
	dual_begin(&dual, p, c);
	dual.is_known = is_known;
	dual_climb(&dual, prices, HOT, COLD, STEPS);
	dual_end(&dual);
	columns_free(p, c);
	give_back(p, bool, is_known, p->rows);
	give_back(p, bool, is_new, p->territories);
}
