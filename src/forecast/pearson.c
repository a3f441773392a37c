/*
 * pearson.c: distributions given by mean, variance and skewness.
 *
 * The family is Pearson's type III, a gamma distribution shifted and scaled: with skewness g > 0 and standardised (mean 0,
 * variance 1) its density is proportional to (1 + g y / 2)^(4 / g^2 - 1) exp(-2 y / g) for y > -2 / g. For g = 0 it is the
 * normal distribution, for g < 0 its mirror image. A sum of many small deals is close to it, and business not yet created,
 * a gamma, is exactly of it.
 *
 * The distribution function and its integral are tabulated once and then interpolated. The points lie at y = lowest + range (i / n)^2:
 * close together at the left end, where a gamma may rise steeply, and still 1/30 apart in the middle. Between points the distribution
 * function is the cubic with the right values and slopes (Hermite), which is within 1e-7.
 */
#include "forecast/pearson.h"

#include <math.h>

#include "core/numerics.h"

/* The density up to a factor, for g >= 0. */
static double
density(double g, double y)
{
	/* A smaller skewness would drown in the rounding of a large power of nearly 1: here are the first terms of its series. */
	if (g < 1e-3)
		return salesops_exp(-0.5 * y * y + g * (y * y * y / 6.0 - 0.5 * y));
	if (1.0 + 0.5 * g * y <= 0.0)
		return 0.0;
	return salesops_exp((4.0 / (g * g) - 1.0) * salesops_log(1.0 + 0.5 * g * y) - 2.0 * y / g);
}

/* The y of a position in the table, in cells, and its derivative. */
static inline double
place(const PearsonTable *table, double position)
{
	double		share = position / PEARSON_CELLS;

	return table->lowest + PEARSON_RANGE * share * share;
}

static inline double
place_slope(double position)
{
	return 2.0 * PEARSON_RANGE * position / ((double) PEARSON_CELLS * PEARSON_CELLS);
}

/* Makes the table for a skewness. */
void
pearson_tabulate(PearsonTable *table, double skewness)
{
	double		g = fabs(skewness);
	bool		has_edge = g * -PEARSON_LOWEST >= 2.0;
	double		before = 0.0;
	double		total;

	table->skewness = skewness;
	table->lowest = has_edge ? -2.0 / g : PEARSON_LOWEST;

	/* Integrates cell by cell with Simpson's rule. */
	table->probability[0] = 0.0;
	table->slope[0] = 0.0;
	for (int i = 1; i <= PEARSON_CELLS; i++)
	{
		double		middle = density(g, place(table, i - 0.5)) * place_slope(i - 0.5);
		double		end = density(g, place(table, i)) * place_slope(i);
		double		area = (before + 4.0 * middle + end) / 6.0;

		/* At the edge the density is a power of the distance, with the exponent k - 1; so its integral is distance x density / k. */
		if (i == 1 && has_edge)
			area = (place(table, 1) - table->lowest) * density(g, place(table, 1)) * g * g / 4.0;
		table->probability[i] = table->probability[i - 1] + area;
		table->slope[i] = end;
		before = end;
	}

	total = table->probability[PEARSON_CELLS];
	table->shortfall[0] = 0.0;
	for (int i = 0; i <= PEARSON_CELLS; i++)
	{
		table->probability[i] /= total;
		table->slope[i] /= total;
	}
	/* The integral of the distribution function over a cell: by parts, with its values and its densities at both ends. */
	for (int i = 1; i <= PEARSON_CELLS; i++)
	{
		double		width = place(table, i) - place(table, i - 1);
		double		from = i > 1 ? table->slope[i - 1] / place_slope(i - 1) : 0.0;
		double		to = table->slope[i] / place_slope(i);

		table->shortfall[i] = table->shortfall[i - 1] +
			width * 0.5 * (table->probability[i - 1] + table->probability[i]) + width * width / 12.0 * (i > 1 ? from - to : 0.0);
	}
}

/* Where y lies in the table: the cell, and the part of it that is to the left. */
static inline int
find_cell(const PearsonTable *table, double y, double *part)
{
	double		position = sqrt((y - table->lowest) / PEARSON_RANGE) * PEARSON_CELLS;
	int			cell = (int) position;

	if (cell >= PEARSON_CELLS)
		cell = PEARSON_CELLS - 1;
	*part = position - cell;
	return cell;
}

/* The cubic with given values and slopes at 0 and 1. */
static inline double
hermite(double v0, double v1, double s0, double s1, double t)
{
	double		rise = v1 - v0;

	return v0 + t * (s0 + t * (3.0 * rise - 2.0 * s0 - s1 + t * (s0 + s1 - 2.0 * rise)));
}

/* P(Y <= y) for skewness >= 0. */
static inline double
cdf_to_the_right(const PearsonTable *table, double y)
{
	double		t;
	int			i;

	if (y <= table->lowest)
		return 0.0;
	if (y >= table->lowest + PEARSON_RANGE)
		return 1.0;
	i = find_cell(table, y, &t);
	return hermite(table->probability[i], table->probability[i + 1], table->slope[i], table->slope[i + 1], t);
}

static inline double
shortfall_to_the_right(const PearsonTable *table, double y)
{
	double		t;
	int			i;

	if (y <= table->lowest)
		return 0.0;
	if (y >= table->lowest + PEARSON_RANGE)
		return table->shortfall[PEARSON_CELLS] + (y - table->lowest - PEARSON_RANGE);
	i = find_cell(table, y, &t);
	return hermite(table->shortfall[i], table->shortfall[i + 1],
				   table->probability[i] * place_slope(i), table->probability[i + 1] * place_slope(i + 1), t);
}

/* P(Y <= y), y in standard deviations from the mean. */
double
pearson_cdf(const PearsonTable *table, double y)
{
	return table->skewness >= 0.0 ? cdf_to_the_right(table, y) : 1.0 - cdf_to_the_right(table, -y);
}

/* E max(y - Y, 0), the integral of the distribution function up to y. */
double
pearson_shortfall(const PearsonTable *table, double y)
{
	/* Of the mirror image -Y: E max(Y - (-y), 0) = E max((-y) - Y, 0) - (-y). */
	return table->skewness >= 0.0 ? shortfall_to_the_right(table, y) : shortfall_to_the_right(table, -y) + y;
}

/* Between which y the distribution lies but for a given probability at each end. */
void
pearson_bounds(const PearsonTable *table, double tail, double *low, double *high)
{
	int			first = 0;
	int			last = PEARSON_CELLS;

	while (table->probability[first + 1] < tail)
		first++;
	while (1.0 - table->probability[last - 1] < tail)
		last--;
	*low = table->skewness >= 0.0 ? place(table, first) : -place(table, last);
	*high = table->skewness >= 0.0 ? place(table, last) : -place(table, first);
}
