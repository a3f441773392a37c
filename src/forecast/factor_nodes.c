/*
 * factor_nodes.c: the common factor of a book of deals, at nodes (see factor_nodes.h).
 */
#include "forecast/factor_nodes.h"

#include <math.h>

#include "core/numerics.h"

#define REACH		5.6			/* of the nodes, to both sides; beyond lie 2e-8 of all cases */

/* Nodes at a distance, on both sides of 0. */
FactorNodes *
factor_nodes(double correlation, double step)
{
	FactorNodes *nodes = palloc(sizeof(FactorNodes));
	int			count = correlation > 0.0 ? 4 * (int) ceil(REACH / (2.0 * step)) : 1;
	double		total = 0.0;

	*nodes = (FactorNodes) {correlation, step, count, palloc(count * sizeof(double)), palloc(count * sizeof(double))};
	for (int k = 0; k < count; k++)
	{
		nodes->z[k] = (k - 0.5 * (count - 1)) * step;
		nodes->weight[k] = salesops_normal_density(nodes->z[k]);
		total += nodes->weight[k];
	}
	for (int k = 0; k < count; k++)
		nodes->weight[k] /= total;
	return nodes;
}

/*
 * The step for so many deals. As functions of z the probabilities of their totals are at worst as steep as the normal distribution function
 * of b z, b^2 = deals rho / (1 - rho); then the trapezoidal rule errs by exp(-2 pi^2 / (step^2 (1 + b^2))), here 1e-7.
 */
double
factor_step(int deals, double correlation)
{
	return 1.1 / sqrt(1.0 + deals * correlation / (1.0 - correlation));
}

/* The probabilities at a z of deals at c; from and to may be the same array. */
void
factor_chances(double correlation, double z, const double *c, double *chance, int count)
{
	double		scale = 1.0 / sqrt(1.0 - correlation);
	double		shift = sqrt(correlation) * z * scale;

	for (int i = 0; i < count; i++)
		chance[i] = c[i] * scale + shift;
	salesops_normal_cdf_all(chance, chance, count);
}

/* The probabilities of a deal at the nodes. */
void
factor_part_chances(const FactorNodes *nodes, const Part *part, double *chance)
{
	double		scale = 1.0 / sqrt(1.0 - nodes->correlation);
	double		slope = part->direction * sqrt(nodes->correlation) * scale;

	if (nodes->correlation == 0.0)
	{
		chance[0] = part->probability;
		return;
	}
	for (int k = 0; k < nodes->count; k++)
		chance[k] = part->c * scale + slope * nodes->z[k];
	salesops_normal_cdf_all(chance, chance, nodes->count);
}
