/*
 * portfolio_demand.c: how much effort a segment takes at a price.
 *
 * A customer is worth effort as long as a unit more brings at least the price:  sum gain / scale exp(-effort / scale) = price. The logarithm
 * of the left side is convex in effort and falls, so Newton's method on it comes to the solution from the left, at once where there is one
 * scale. Customers are solved in groups, so that their powers of e are computed together.
 */
#include "territory/portfolio_demand.h"

#include <math.h>

#include "core/numerics.h"

#define GROUP		32
#define PRECISION	1e-13
#define MOST_SCALES 600.0		/* of effort: e^-600 of what could be won is left */
#define MOST_FALL	800.0		/* of a price below the dearest, logarithms: nobody takes more for less */

typedef struct Group
{
	int			count;
	int			customer[GROUP];
	double		x[RESPONSE_SCALES * GROUP];	/* exp(-effort / scale) */
} Group;

static void
solve_group(const Response *response, const SegmentResponse *segment, const double *inverse, double log_price, Group *group,
			double *effort, PortfolioDemand *demand)
{
	bool		is_settled = false;

	for (int step = 0; step < 100 && !is_settled; step++)
	{
		is_settled = true;
		for (int j = 0; j < RESPONSE_SCALES; j++)
		{
			for (int b = 0; b < group->count; b++)
				group->x[j * group->count + b] = -effort[group->customer[b]] * inverse[j];
		}
		salesops_exp_all(group->x, group->x, RESPONSE_SCALES * group->count);
		for (int b = 0; b < group->count; b++)
		{
			int			i = group->customer[b];
			const double *gain = &response->gain[(Size) i * RESPONSE_SCALES];
			double		slope = 0.0;
			double		bend = 0.0;
			double		next;

			for (int j = 0; j < RESPONSE_SCALES; j++)
			{
				double		part = gain[j] * inverse[j] * group->x[j * group->count + b];

				slope += part;
				bend += part * inverse[j];
			}
			/* Far to the right of the solution nothing is left to tell where it is. */
			next = slope > 0.0 ? effort[i] + (salesops_log(slope) - log_price) * slope / bend : 0.5 * effort[i];
			next = Min(Max(next, 0.0), MOST_SCALES * segment->scale[RESPONSE_SCALES - 1]);
			if (fabs(next - effort[i]) > PRECISION * (next + segment->scale[RESPONSE_SCALES - 1]))
				is_settled = false;
			effort[i] = next;
		}
	}
	/* What is left over of the last step is in the noise. */
	for (int b = 0; b < group->count; b++)
	{
		int			i = group->customer[b];
		const double *gain = &response->gain[(Size) i * RESPONSE_SCALES];
		double		slope = 0.0;
		double		bend = 0.0;

		for (int j = 0; j < RESPONSE_SCALES; j++)
		{
			double		x = group->x[j * group->count + b];

			slope += gain[j] * inverse[j] * x;
			bend += gain[j] * inverse[j] * inverse[j] * x;
			demand->revenue += gain[j] * (1.0 - x);
		}
		demand->effort += effort[i];
		if (bend > 0.0)
			demand->slope -= slope / bend;
	}
	group->count = 0;
}

/*
 * Effort of each customer of a segment at a price (its logarithm, before what products add), into effort, which also says where to begin;
 * sums of effort and of revenue, and how effort changes with the logarithm of the price, are returned.
 */
PortfolioDemand
portfolio_demand(const PortfolioCustomers *in, const Response *response, int s, double log_price, double *effort)
{
	const SegmentResponse *segment = &response->segment[s];
	double		inverse[RESPONSE_SCALES];
	PortfolioDemand		demand = {0};
	Group		group = {0};

	for (int j = 0; j < RESPONSE_SCALES; j++)
		inverse[j] = 1.0 / segment->scale[j];
	for (int i = in->first[s]; i < in->first[s + 1]; i++)
	{
		if (i % 4096 == 0)
			in->progress();
		demand.revenue += response->base[i];
		if (response->steepest[i] <= log_price)
		{
			effort[i] = 0.0;
			continue;
		}
		group.customer[group.count++] = i;
		if (group.count == GROUP)
			solve_group(response, segment, inverse, log_price, &group, effort, &demand);
	}
	if (group.count > 0)
		solve_group(response, segment, inverse, log_price, &group, effort, &demand);
	return demand;
}

/*
 * The price at which something that falls with the price (effort, revenue) is as wanted, its logarithm. Newton's method within a bracket
 * that is opened downwards as far as needed, or until there is nothing left to win. Above the ceiling nothing is taken.
 */
double
portfolio_find_price(PriceFunction at, void *arg, double wanted, double start, double ceiling)
{
	double		low = -INFINITY;
	double		high = ceiling;
	double		t = Min(start, ceiling - 0.125);
	double		stride = 1.0;

	for (int step = 0; step < 300; step++)
	{
		double		slope;
		double		value = at(t, &slope, arg);
		double		next;

		if (fabs(value - wanted) <= PRECISION * wanted)
			break;
		if (value > wanted)
			low = t;
		else
			high = t;
		next = slope < 0.0 ? t + (wanted - value) / slope : low;
		if (isinf(low))
		{
			/* Where few take anything, Newton's step is far too long. */
			next = Max(next, t - stride);
			stride *= 2.0;
		}
		else if (!(next > low && next < high))
			next = low + 0.5 * (high - low);
		if (next <= low || next >= high || fabs(next - t) < PRECISION || next < ceiling - MOST_FALL)
			break;
		t = next;
	}
	return t;
}
