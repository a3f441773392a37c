/*
 * portfolio_learn.c: what the past of a segment says of its response to effort.
 *
 * The rates of the customers are integrated out in closed form (portfolio_fit.c has the formula). For a scale and a carryover the logarithm of
 * the segment's rate is found by Newton's method, of a concave function, and integrated by the curvature there (Laplace). Scale and
 * carryover are climbed to from the best point of a coarse grid; then nodes are laid around, along the ridge on which a longer
 * scale and more carryover explain the past as well.
 */
#include "territory/portfolio_learn.h"

#include <math.h>

#include "core/numerics.h"

#define SAMPLE			3000
#define COARSE			5		/* scales and carryovers that are looked at first */
#define MOST_CLIMBS		30
/* From which derivatives are taken: a part of a standard deviation. */
#define MOST_DIFFERENCE 0.01
#define LEAST_DIFFERENCE 1e-4
#define LEAST_VARIANCE	1e-10	/* of scale and carryover: nobody knows them better */
#define REACH			3.0		/* standard deviations on either side that the scales cover */
#define OUTER			1.1204222675845161	/* exp(3 / 2) / 4 */

/* The past of a segment; every so many of its customers where there are more than SAMPLE. */
ResponsePast *
response_read_past(const PortfolioCustomers *in, int segment)
{
	ResponsePast	   *past = palloc0(sizeof(ResponsePast));
	int			known = 0;
	int			rows = 0;
	int			stride;
	int			seen = 0;

	for (int i = in->first[segment]; i < in->first[segment + 1]; i++)
	{
		if (in->first_row[i + 1] > in->first_row[i] && in->potential[i] > 0.0)
			known++;
	}
	stride = (known + SAMPLE - 1) / SAMPLE;
	for (int pass = 0; pass < 2; pass++)
	{
		if (pass == 1)
		{
			past->first = palloc((past->customers + 1) * sizeof(int));
			past->potential = palloc(Max(past->customers, 1) * sizeof(double));
			past->won = palloc0(Max(past->customers, 1) * sizeof(double));
			past->exposure = palloc(Max(past->customers, 1) * sizeof(double));
			past->effort = palloc(Max(rows, 1) * sizeof(double));
			past->revenue = palloc(Max(rows, 1) * sizeof(double));
			past->k = palloc(Max(rows, 1) * sizeof(double));
			past->x = palloc(Max(rows, 1) * sizeof(double));
			past->customers = 0;
			seen = 0;
		}
		for (int i = in->first[segment]; i < in->first[segment + 1]; i++)
		{
			int			count = in->first_row[i + 1] - in->first_row[i];

			if (count == 0 || in->potential[i] <= 0.0 || seen++ % stride != 0)
				continue;
			if (pass == 0)
				rows += count;
			else
			{
				past->first[past->customers] = past->rows;
				past->potential[past->customers] = in->potential[i];
				for (int t = in->first_row[i]; t < in->first_row[i + 1]; t++)
				{
					past->effort[past->rows] = in->effort[t];
					past->revenue[past->rows++] = in->revenue[t];
					past->won[past->customers] += in->revenue[t];
				}
			}
			past->customers++;
		}
	}
	past->first[past->customers] = past->rows;
	return past;
}

/* 1 - exp(-effort / scale) of each row, in x. */
void
response_set_scale(ResponsePast *past, double log_scale)
{
	double		inverse = salesops_exp(-log_scale);

	for (int t = 0; t < past->rows; t++)
		past->x[t] = -past->effort[t] * inverse;
	salesops_exp_all(past->x, past->x, past->rows);
	for (int t = 0; t < past->rows; t++)
		past->x[t] = 1.0 - past->x[t];
}

/* k of each row and the exposure of each customer. */
void
response_set_carryover(ResponsePast *past, double log_odds)
{
	double		rho = salesops_logistic(log_odds);

	for (int i = 0; i < past->customers; i++)
	{
		double		sum = 0.0;

		for (int t = past->first[i]; t < past->first[i + 1]; t++)
		{
			past->k[t] = rho + (1.0 - rho) * past->x[t];
			sum += past->k[t];
		}
		past->exposure[i] = past->potential[i] * sum;
	}
}

/* ---------------------------------------------------------------------------------------------------- the shape of a segment */

/* The best logarithm of the segment's rate at the node, and how good it is: sets rate, deviation and, as a logarithm, weight. */
static void
weigh_node(ResponsePast *past, const ResponseBelief *prior, double shape, double dispersion, ResponseNode *node)
{
	double		by_dispersion = 1.0 / dispersion;
	double		precision = 1.0 / prior->variance[RESPONSE_RATE];
	double		u = prior->mean[RESPONSE_RATE];
	double		curvature = precision;
	double		log_weight = 0.0;

	response_set_carryover(past, node->carryover);
	for (int step = 0; step < 100; step++)
	{
		double		claim = shape * salesops_exp(-u);
		double		slope = -(u - prior->mean[RESPONSE_RATE]) * precision;
		double		change;

		curvature = precision;
		for (int i = 0; i < past->customers; i++)
		{
			double		own = shape + past->won[i] * by_dispersion;
			double		all = claim + past->exposure[i] * by_dispersion;
			double		share = claim / all;

			slope += own * share - shape;
			curvature += own * share * (1.0 - share);
		}
		change = slope / curvature;
		/* Concave, so that short enough steps in its direction never lose the way. */
		change = Max(Min(change, 2.0), -2.0);
		u += change;
		if (fabs(change) < 1e-9)
			break;
	}
	node->rate = u;
	node->deviation = 1.0 / sqrt(curvature);

	for (int t = 0; t < past->rows; t++)
	{
		if (past->revenue[t] > 0.0)
			log_weight += past->revenue[t] * by_dispersion * salesops_log(past->k[t]);
	}
	for (int i = 0; i < past->customers; i++)
	{
		double		claim = shape * salesops_exp(-u);

		log_weight -= shape * u +
			(shape + past->won[i] * by_dispersion) * salesops_log(claim + past->exposure[i] * by_dispersion);
	}
	u -= prior->mean[RESPONSE_RATE];
	log_weight -= 0.5 * u * u * precision + 0.5 * salesops_log(curvature);
	u = node->scale - prior->mean[RESPONSE_SCALE];
	log_weight -= 0.5 * u * u / prior->variance[RESPONSE_SCALE];
	u = node->carryover - prior->mean[RESPONSE_CARRYOVER];
	node->weight = log_weight - 0.5 * u * u / prior->variance[RESPONSE_CARRYOVER];
}

/* Looks at one scale and carryover; how good it is, a logarithm, is returned. */
static double
look(ResponsePast *past, const ResponseBelief *prior, double shape, double dispersion, double scale, double carryover, ResponseNode *node)
{
	node->scale = scale;
	node->carryover = carryover;
	response_set_scale(past, scale);
	weigh_node(past, prior, shape, dispersion, node);
	return node->weight;
}

/* Curvature at a scale and carryover, as precisions and their product. */
typedef struct Curvature
{
	double		scale;
	double		carryover;
	double		both;
} Curvature;

/* The best scale and carryover by Newton's method with derivatives from differences, from where *best is; the curvature there. */
static Curvature
climb(ResponsePast *past, const ResponseBelief *prior, double shape, double dispersion, PortfolioProgress progress, ResponseNode *best)
{
	Curvature	c;
	double		dv = MOST_DIFFERENCE;
	double		dr = MOST_DIFFERENCE;

	for (int step = 0; step < MOST_CLIMBS; step++)
	{
		ResponseNode		n;
		double		f = best->weight;
		double		up_scale = look(past, prior, shape, dispersion, best->scale + dv, best->carryover, &n);
		double		down_scale = look(past, prior, shape, dispersion, best->scale - dv, best->carryover, &n);
		double		up_carryover = look(past, prior, shape, dispersion, best->scale, best->carryover + dr, &n);
		double		down_carryover = look(past, prior, shape, dispersion, best->scale, best->carryover - dr, &n);
		double		up_both = look(past, prior, shape, dispersion, best->scale + dv, best->carryover + dr, &n);
		double		down_both = look(past, prior, shape, dispersion, best->scale - dv, best->carryover - dr, &n);
		double		slope_scale = (up_scale - down_scale) / (2.0 * dv);
		double		slope_carryover = (up_carryover - down_carryover) / (2.0 * dr);
		double		bend_scale = 2.0 * f - up_scale - down_scale;
		double		bend_carryover = 2.0 * f - up_carryover - down_carryover;
		double		determinant;
		double		step_scale;
		double		step_carryover;
		double		part;

		progress();
		c.scale = bend_scale / (dv * dv);
		c.carryover = bend_carryover / (dr * dr);
		c.both = 0.5 * (2.0 * f - up_both - down_both - bend_scale - bend_carryover) / (dv * dr);
		/* Where it is not concave, the prior's curvature leads back to where it is. */
		c.scale = Max(c.scale, 0.5 / prior->variance[RESPONSE_SCALE]);
		c.carryover = Max(c.carryover, 0.5 / prior->variance[RESPONSE_CARRYOVER]);
		if (c.both * c.both > 0.9999 * c.scale * c.carryover)
			c.both = (c.both < 0.0 ? -1.0 : 1.0) * sqrt(0.9999 * c.scale * c.carryover);
		determinant = c.scale * c.carryover - c.both * c.both;
		step_scale = (c.carryover * slope_scale - c.both * slope_carryover) / determinant;
		step_carryover = (c.scale * slope_carryover - c.both * slope_scale) / determinant;
		if (step_scale * slope_scale + step_carryover * slope_carryover < 1e-7)
			break;
		/* At most 1 at a time, and less where that does not lead up. */
		part = Min(1.0, 1.0 / Max(fabs(step_scale), fabs(step_carryover)));
		while (part > 1e-6 && look(past, prior, shape, dispersion, best->scale + part * step_scale, best->carryover + part * step_carryover, &n) <= f)
			part *= 0.5;
		if (!(n.weight > f))
			break;
		*best = n;
		dv = Max(Min(0.3 / sqrt(c.scale), MOST_DIFFERENCE), LEAST_DIFFERENCE);
		dr = Max(Min(0.3 / sqrt(c.carryover), MOST_DIFFERENCE), LEAST_DIFFERENCE);
	}
	return c;
}

/*
 * The nodes: RESPONSE_SCALES scales around the mean, and for each RESPONSE_CARRYOVERS carryovers around what is likely with that scale:
 * where a longer scale and more carryover explain the past as well, they lie along that ridge. Weights add up to 1.
 */
static void
weigh_grid(ResponsePast *past, const ResponseBelief *prior, double shape, double dispersion, const ResponseBelief *around, double along, double across, ResponseNode *node)
{
	double		best = -INFINITY;
	double		total = 0.0;

	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		double		scale = REACH * sqrt(around->variance[RESPONSE_SCALE]) * (2.0 * j / (RESPONSE_SCALES - 1) - 1.0);

		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			ResponseNode	   *n = &node[j * RESPONSE_CARRYOVERS + k];

			best = Max(best, look(past, prior, shape, dispersion, around->mean[RESPONSE_SCALE] + scale,
								  around->mean[RESPONSE_CARRYOVER] + along * scale + SQRT_3 * across * (k - (RESPONSE_CARRYOVERS - 1) / 2), n));
		}
	}
	/* Three nodes sqrt(3) apart count as in response_rate_weight, the outer ones for more than their density. */
	for (int n = 0; n < RESPONSE_NODES; n++)
	{
		node[n].weight = salesops_exp(node[n].weight - best) * (n % RESPONSE_CARRYOVERS == 1 ? 1.0 : OUTER);
		total += node[n].weight;
	}
	for (int n = 0; n < RESPONSE_NODES; n++)
		node[n].weight /= total;
}

/* Means and variances over the nodes; how carryover goes along with scale, and what is left of its deviation then. */
static ResponseBelief
sum_up(const ResponseNode *node, double *along, double *across)
{
	ResponseBelief		belief = {0};
	double		both = 0.0;

	for (int n = 0; n < RESPONSE_NODES; n++)
	{
		belief.mean[RESPONSE_RATE] += node[n].weight * node[n].rate;
		belief.mean[RESPONSE_SCALE] += node[n].weight * node[n].scale;
		belief.mean[RESPONSE_CARRYOVER] += node[n].weight * node[n].carryover;
	}
	for (int n = 0; n < RESPONSE_NODES; n++)
	{
		double		rate = node[n].rate - belief.mean[RESPONSE_RATE];
		double		scale = node[n].scale - belief.mean[RESPONSE_SCALE];
		double		carryover = node[n].carryover - belief.mean[RESPONSE_CARRYOVER];

		belief.variance[RESPONSE_RATE] += node[n].weight * (rate * rate + node[n].deviation * node[n].deviation);
		belief.variance[RESPONSE_SCALE] += node[n].weight * scale * scale;
		belief.variance[RESPONSE_CARRYOVER] += node[n].weight * carryover * carryover;
		both += node[n].weight * scale * carryover;
	}
	belief.variance[RESPONSE_SCALE] += LEAST_VARIANCE;
	belief.variance[RESPONSE_CARRYOVER] += LEAST_VARIANCE;
	*along = both / belief.variance[RESPONSE_SCALE];
	*across = sqrt(Max(belief.variance[RESPONSE_CARRYOVER] - *along * both, LEAST_VARIANCE));
	return belief;
}

/*
 * What the past says of a segment of which the prior says that: the nodes, and what they say. Begins at what is believed already, or else at
 * the best point of a coarse grid.
 */
ResponseBelief
response_learn(ResponsePast *past, const ResponseBelief *prior, const ResponseBelief *already, double shape, double dispersion, PortfolioProgress progress, ResponseNode *node)
{
	ResponseNode		best = {.weight = -INFINITY};
	ResponseNode		n;
	ResponseBelief		belief = *prior;
	Curvature	c;
	double		along;
	double		across;

	if (already != NULL)
		look(past, prior, shape, dispersion, already->mean[RESPONSE_SCALE], already->mean[RESPONSE_CARRYOVER], &best);
	for (int j = 0; already == NULL && j < COARSE; j++)
	{
		for (int k = 0; k < COARSE; k++)
		{
			double		scale = prior->mean[RESPONSE_SCALE] + REACH * sqrt(prior->variance[RESPONSE_SCALE]) * (2.0 * j / (COARSE - 1) - 1.0);
			double		carryover = prior->mean[RESPONSE_CARRYOVER] +
				REACH * sqrt(prior->variance[RESPONSE_CARRYOVER]) * (2.0 * k / (COARSE - 1) - 1.0);

			if (look(past, prior, shape, dispersion, scale, carryover, &n) > best.weight)
				best = n;
		}
	}
	c = climb(past, prior, shape, dispersion, progress, &best);

	belief.mean[RESPONSE_SCALE] = best.scale;
	belief.mean[RESPONSE_CARRYOVER] = best.carryover;
	belief.variance[RESPONSE_SCALE] = c.carryover / (c.scale * c.carryover - c.both * c.both);
	along = -c.both / c.carryover;
	across = 1.0 / sqrt(c.carryover);
	/* The first grid is of the shape that the curvature says, the second of the shape that was found. */
	for (int pass = 0; pass < 2; pass++)
	{
		weigh_grid(past, prior, shape, dispersion, &belief, along, across, node);
		belief = sum_up(node, &along, &across);
		progress();
	}
	return belief;
}

