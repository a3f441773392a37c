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

/*
 * Rows of units, each with some territories and what those cost above the cheapest of them. Costs further above than 2^31 - 1, which
 * is some thousand times what costs usually differ by, are taken as that: the search learns not to go there.
 */
typedef struct Columns
{
	int			rows;
	int			width;			/* 0: no columns are stored */
	int		   *unit;			/* NULL: row u is unit u */
	float	   *stands_for;		/* how many units; NULL: 1 */
	uint16	   *count;			/* of columns in a row */
	uint16	   *territory;		/* [rows][width] */
	int32	   *cost;			/* [rows][width] */
} Columns;

static inline int
row_unit(const Columns *c, int row)
{
	return c->unit ? c->unit[row] : row;
}

extern Columns *columns_sample(Problem *p, int units_per_territory, Size most_columns);
extern Columns *columns_all(Problem *p);
extern Columns *columns_best(Problem *p, int width);
extern void columns_choose(Problem *p, Columns *c, const Prices *prices);
extern void columns_free(Problem *p, Columns *c);

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

#endif
