/*
 * factor_nodes.h: the common factor of a book of deals, at nodes.
 *
 * What is sought is an integral over the factor z, standard normal. All integrands are smooth in z and vanish beyond some z, and for such the
 * trapezoidal rule converges faster than any power of its step. So z takes the values of a few nodes at equal distances.
 */
#ifndef SALESOPS_FORECAST_FACTOR_NODES_H
#define SALESOPS_FORECAST_FACTOR_NODES_H

#include "core/compat.h"

typedef struct FactorNodes
{
	double		correlation;
	double		step;
	int			count;			/* a multiple of 4, for vector registers; 1 where the deals are independent */
	double	   *z;
	double	   *weight;			/* they add up to 1 */
} FactorNodes;

/* A deal for which lists of outcomes are made; a negative amount is turned round: certain, but for the complement, which has the amount's size. */
typedef struct Part
{
	double		amount;			/* > 0 */
	double		probability;
	double		c;				/* its normal quantile */
	double		direction;		/* 1, or -1 for a complement, which a high z makes less probable */
} Part;

extern FactorNodes *factor_nodes(double correlation, double step);
extern double factor_step(int deals, double correlation);
extern void factor_chances(double correlation, double z, const double *c, double *chance, int count);
extern void factor_part_chances(const FactorNodes *nodes, const Part *part, double *chance);

/* The sum over the nodes of products: of chances and weights the probability over all z. */
static pg_attribute_always_inline double
factor_sum(const double *a, const double *b, int nodes)
{
	double		sum[4] = {0.0, 0.0, 0.0, 0.0};

	if (nodes == 1)
		return a[0] * b[0];
	/* Four sums side by side, which do not wait for each other. */
	for (int k = 0; k < nodes; k += 4)
		for (int i = 0; i < 4; i++)
			sum[i] += a[k + i] * b[k + i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

#endif
