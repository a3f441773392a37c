/*
 * columns.h: territories that are worth a thought for each unit. See columns.c.
 */
#ifndef SALESOPS_TERRITORY_COLUMNS_H
#define SALESOPS_TERRITORY_COLUMNS_H

#include "territory/problem.h"

/* Prices of a unit of load, in whole numbers of cost and of load: [territories][measures]; and of the budgets. */
typedef struct Prices
{
	double	   *load;
	double		budget[TERRITORY_BUDGETS];
} Prices;

/* The price of a load in the units of the input. */
static inline double
price_as_given(const Problem *p, const Prices *prices, int load)
{
	return prices->load[load] * p->amount_scale[load % p->measures] / p->cost_scale;
}

/* What a cost becomes with what a unit's load, and its use of the budgets, are worth at the prices. */
static inline double
value_at(const Problem *p, const Prices *prices, int unit, int territory, double cost)
{
	const double *amount = unit_amount(p, unit, territory);

	for (int m = 0; m < p->measures; m++)
		cost += prices->load[territory * p->measures + m] * amount[m];
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (prices->budget[b] != 0)
			cost += prices->budget[b] * unit_used(p, unit, territory, b);
	return cost;
}

/* Costs of columns are kept up to this. */
#define MOST_COST	2147483647.0

/* The most columns that are chosen for a row. */
#define MOST_CHOSEN	64

/* Loops over floats take so many at a time. */
#define LANES	8

/* Looks at all territories of one unit after the other, at fixed prices. */
typedef struct Scan
{
	Problem    *p;
	const Prices *prices;
	float	   *list_price[TERRITORY_MOST_MEASURES];	/* of each entry of each list */
	double		largest_price[TERRITORY_MOST_MEASURES];

	/* Of the unit looked at. */
	int			count;
	const uint16 *territory;
	float	   *value;			/* cost + price x amount; then infinities up to a multiple of LANES */
	float		least;
	float		error;			/* how far off values near the least may be */
} Scan;

extern float least_value(float *value, int count);
extern void scan_begin(Scan *scan, Problem *p, const Prices *prices);
extern void scan_unit(Scan *scan, int unit);
extern void scan_end(Scan *scan);

/*
 * Rows of units, each with some territories and what those cost above the cheapest of them. Costs further above than 2^31 - 1, which
 * is some thousand times what costs usually differ by, are taken as that: the search learns not to go there.
 */
typedef struct Columns
{
	int			rows;
	int			width;
	int		   *unit;			/* NULL: row u is unit u */
	float	   *stands_for;		/* how many units; NULL: 1 */
	uint16	   *count;			/* of columns in a row */
	uint16	   *territory;		/* [rows][width] */
	int32	   *cost;			/* [rows][width] */

	/* Where a row has the best few columns only: what is known of the others. NULL: all columns are there. */
	float	   *beyond;			/* what they are worth at least, at the prices of the row's era */
	uint16	   *era;			/* when the row was chosen */
	float	   *cheapest;		/* what the cheapest column costs */

	/* Eras are prices that rows were chosen at; the latest is now. */
	int			eras;
	int			eras_room;
	bool		is_chosen_now;
	double	   *era_price;		/* [eras][territories x measures + budgets] */
	double	   *fall;			/* [eras][lists][measures], the most that a price fell since */
	Scan		scan;

	/* Places in the list of the unit chosen for last. */
	int			guess_list;
	int			guesses;
	int			guess[MOST_CHOSEN + 1];
} Columns;

static inline int
row_unit(const Columns *c, int row)
{
	return c->unit ? c->unit[row] : row;
}

extern Columns *columns_sample(Problem *p, int units_per_territory, int width);
extern Columns *columns_all(Problem *p);
extern Columns *columns_new(Problem *p, const Prices *prices, const bool *is_new, int few);
extern Columns *columns_best(Problem *p, int width);
extern void columns_look(Problem *p, Columns *c, const Prices *prices);
extern void columns_choose(Problem *p, Columns *c, int row);
extern void columns_settle(Problem *p, Columns *c, const Prices *prices, double reach);
extern void columns_look_away(Columns *c);
extern void columns_supply(Problem *p, Columns *c, const Prices *prices);
extern double columns_costs(const Problem *p, Columns *c, int row);
extern void columns_free(Problem *p, Columns *c);

/* Whether no other territory is worth less than the limit at the prices looked at. */
static inline bool
columns_suffice(const Problem *p, const Columns *c, int row, double limit)
{
	int			unit = row_unit(c, row);
	const double *amount = unit_amount(p, unit, 0);
	const double *era_price = c->era_price + (Size) c->era[row] * (p->rows + TERRITORY_BUDGETS);
	const double *fall = c->fall + ((Size) c->era[row] * p->lists + p->list_of[unit]) * p->measures;

	/* Amounts that differ by territory have no simple bound. */
	if (p->territory_step != 0)
		return isinf(c->beyond[row]) && c->beyond[row] > 0;
	for (int m = 0; m < p->measures; m++)
		limit += fall[m] * amount[m];
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (era_price[p->rows + b] > c->scan.prices->budget[b])
			limit += (era_price[p->rows + b] - c->scan.prices->budget[b]) * unit_used(p, unit, TERRITORY_NONE, b);
	return limit <= c->beyond[row];
}

#endif
