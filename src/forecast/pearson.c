/*
 * pearson.c: distributions given by mean, variance and skewness.
 *
 * The family is Pearson's type III, a gamma distribution shifted and scaled: with skewness g > 0 and standardised (mean 0,
 * variance 1) its density is proportional to (1 + g y / 2)^(4 / g^2 - 1) exp(-2 y / g) for y > -2 / g. For g = 0 it is the
 * normal distribution, for g < 0 its mirror image. A sum of many small deals is close to it, and business not yet created,
 * a gamma, is exactly of it.
 *
 * The distribution function and its integral are tabulated once and then interpolated. The points lie at y = lowest + range (i / n)^2:
 * close together at the left end, where a gamma may rise steeply, and still 1/16 apart in the middle. Between points the distribution
 * function is the cubic with the right values and slopes (Hermite), which is within 1e-7.
 */
#include "forecast/pearson.h"

#include "core/numerics.h"

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

/* The densities up to a factor at all half positions of the table, times place_slope(), for g >= 0. */
static void
tabulate_density(const PearsonTable *table, double g, double *density)
{
	for (int i = 0; i <= 2 * PEARSON_CELLS; i++)
	{
		double		y = place(table, 0.5 * i);
		double		base = 1.0 + 0.5 * g * y;

		/* A smaller skewness would drown in the rounding of a large power of nearly 1: here are the first terms of its series. */
		if (g < 1e-3)
			density[i] = -0.5 * y * y + g * (y * y * y / 6.0 - 0.5 * y);
		else
			density[i] = base <= 0.0 ? -1e3 : (4.0 / (g * g) - 1.0) * salesops_log(base) - 2.0 * y / g;
	}
	salesops_exp_all(density, density, 2 * PEARSON_CELLS + 1);
	for (int i = 0; i <= 2 * PEARSON_CELLS; i++)
		density[i] *= place_slope(0.5 * i);
}

/* Makes the table for a skewness. */
void
pearson_tabulate(PearsonTable *table, double skewness)
{
	double		g = fabs(skewness);
	bool		has_edge = g * -PEARSON_LOWEST >= 2.0;
	double		density[2 * PEARSON_CELLS + 1];
	double		total;
	PearsonPoint *point = table->point;

	table->skewness = skewness;
	table->lowest = has_edge ? -2.0 / g : PEARSON_LOWEST;
	tabulate_density(table, g, density);

	/* Integrates cell by cell with Simpson's rule. */
	point[0] = (PearsonPoint) {0.0, 0.0, 0.0};
	for (int i = 1; i <= PEARSON_CELLS; i++)
	{
		double		area = ((i > 1 ? density[2 * i - 2] : 0.0) + 4.0 * density[2 * i - 1] + density[2 * i]) / 6.0;

		/* At the edge the density is a power of the distance, with the exponent k - 1; so its integral is distance x density / k. */
		if (i == 1 && has_edge)
			area = (place(table, 1) - table->lowest) * density[2] / place_slope(1) * g * g / 4.0;
		point[i].probability = point[i - 1].probability + area;
		point[i].slope = density[2 * i];
	}

	total = point[PEARSON_CELLS].probability;
	for (int i = 0; i <= PEARSON_CELLS; i++)
	{
		point[i].probability /= total;
		point[i].slope /= total;
	}
	/* The integral of the distribution function over a cell: by parts, with its values and its densities at both ends. */
	for (int i = 1; i <= PEARSON_CELLS; i++)
	{
		double		width = place(table, i) - place(table, i - 1);
		double		from = i > 1 ? point[i - 1].slope / place_slope(i - 1) : 0.0;
		double		to = point[i].slope / place_slope(i);

		point[i].shortfall = point[i - 1].shortfall +
			width * 0.5 * (point[i - 1].probability + point[i].probability) + width * width / 12.0 * (i > 1 ? from - to : 0.0);
	}
}

static double
shortfall_to_the_right(const PearsonTable *table, double y)
{
	double		share = (y - table->lowest) / PEARSON_RANGE;
	double		position;
	double		slope;
	int			i;

	if (share <= 0.0)
		return 0.0;
	if (share >= 1.0)
		return table->point[PEARSON_CELLS].shortfall + (y - table->lowest - PEARSON_RANGE);
	position = sqrt(share) * PEARSON_CELLS;
	i = Min((int) position, PEARSON_CELLS - 1);
	return pearson_hermite(table->point[i].shortfall, table->point[i + 1].shortfall, table->point[i].probability * place_slope(i),
						   table->point[i + 1].probability * place_slope(i + 1), position - i, &slope);
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

	while (table->point[first + 1].probability < tail)
		first++;
	while (1.0 - table->point[last - 1].probability < tail)
		last--;
	*low = table->skewness >= 0.0 ? place(table, first) : -place(table, last);
	*high = table->skewness >= 0.0 ? place(table, last) : -place(table, first);
}
