/*
 * pearson.h: distributions given by mean, variance and skewness.
 */
#ifndef SALESOPS_FORECAST_PEARSON_H
#define SALESOPS_FORECAST_PEARSON_H

#include "core/compat.h"

#define PEARSON_CELLS	1024
#define PEARSON_LOWEST	(-8.0)	/* in standard deviations; nothing of interest lies beyond */
#define PEARSON_RANGE	32.0

typedef struct PearsonTable
{
	double		skewness;
	double		lowest;			/* left end of the table; its right end is PEARSON_RANGE further */
	double		probability[PEARSON_CELLS + 1]; /* P(Y <= y) */
	double		slope[PEARSON_CELLS + 1];	/* its derivative by the position in the table */
	double		shortfall[PEARSON_CELLS + 1];	/* E max(y - Y, 0) */
} PearsonTable;

extern void pearson_tabulate(PearsonTable *table, double skewness);
extern double pearson_cdf(const PearsonTable *table, double y);
extern double pearson_shortfall(const PearsonTable *table, double y);
extern void pearson_bounds(const PearsonTable *table, double tail, double *low, double *high);

#endif
