/*
 * pearson.h: distributions given by mean, variance and skewness.
 */
#ifndef SALESOPS_FORECAST_PEARSON_H
#define SALESOPS_FORECAST_PEARSON_H

#include "core/compat.h"

#include <math.h>

#define PEARSON_CELLS	512
#define PEARSON_LOWEST	(-8.0)	/* in standard deviations; nothing of interest lies beyond */
#define PEARSON_RANGE	32.0

typedef struct PearsonPoint
{
	double		probability;	/* P(Y <= y) */
	double		slope;			/* its derivative by the position in the table */
	double		shortfall;		/* E max(y - Y, 0) */
} PearsonPoint;

/* Of the mirror image where the skewness is negative. */
typedef struct PearsonTable
{
	double		skewness;
	double		lowest;			/* left end of the table; its right end is PEARSON_RANGE further */
	PearsonPoint point[PEARSON_CELLS + 1];
} PearsonTable;

extern void pearson_tabulate(PearsonTable *table, double skewness);
extern void pearson_bounds(const PearsonTable *table, double tail, double *low, double *high);
extern double pearson_shortfall(const PearsonTable *table, double y);

/* The cubic with given values and slopes at 0 and 1, and its derivative. */
static inline double
pearson_hermite(double v0, double v1, double s0, double s1, double t, double *derivative)
{
	double		rise = v1 - v0;
	double		second = 3.0 * rise - 2.0 * s0 - s1;
	double		third = s0 + s1 - 2.0 * rise;

	*derivative = s0 + t * (2.0 * second + 3.0 * t * third);
	return v0 + t * (s0 + t * (second + t * third));
}

/* P(Y <= y), y in standard deviations from the mean, and the density there. */
static inline double
pearson_cdf(const PearsonTable *table, double y, double *density)
{
	bool		is_mirrored = table->skewness < 0.0;
	double		share = ((is_mirrored ? -y : y) - table->lowest) / PEARSON_RANGE;
	double		position;
	double		probability;
	int			cell;
	const PearsonPoint *point;

	*density = 0.0;
	if (share <= 0.0)
		return is_mirrored ? 1.0 : 0.0;
	if (share >= 1.0)
		return is_mirrored ? 0.0 : 1.0;
	position = sqrt(share) * PEARSON_CELLS;
	cell = Min((int) position, PEARSON_CELLS - 1);
	point = &table->point[cell];
	probability = pearson_hermite(point[0].probability, point[1].probability, point[0].slope, point[1].slope, position - cell, density);
	/* From the derivative by the position to that by y. */
	*density *= (double) PEARSON_CELLS * PEARSON_CELLS / (2.0 * PEARSON_RANGE) / position;
	return is_mirrored ? 1.0 - probability : probability;
}

#endif
