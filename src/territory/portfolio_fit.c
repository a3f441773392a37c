/*
 * portfolio_fit.c: how customers respond to effort, learned from the past, with shrinkage.
 *
 * Revenue of customer i in a past period with effort e has the mean P_i theta_i k(e), k(e) = rho + (1 - rho) (1 - exp(-e / scale)), and a
 * variance of dispersion x mean: it comes in deals. Rates of a segment's customers have a gamma distribution around the segment's rate; the
 * logarithms of the rates and scales of segments, and the log odds of their carryovers, are normal around those of all, which are
 * normal around the prior. So a customer of whom much is known speaks for himself, one of whom little is known is like his segment, a
 * segment without a past is like the others, and without any past the prior is left.
 *
 * With revenue in units of the dispersion taken as Poisson (quasi-likelihood: mean and variance are what counts), the customers' rates are
 * integrated out in closed form, leaving for a segment
 *
 *		sum y log k  +  sum over i of  ( a log(a / theta) - (a + Y_i) log(a / theta + M_i) ),   Y_i = sum y, M_i = P_i sum k
 *
 * which is concave in log theta: for a scale and a carryover the best log theta is found by Newton's method, and the integral by the curvature
 * there (Laplace). Then scale and carryover are climbed, and a grid is laid around the best, along its ridge. Dispersion and variation (1 / a) are found by moments:
 *
 *		dispersion	sum (y - P_i k X_i)^2 / (P_i k)  =  dispersion x sum X_i (n_i - 1),  X_i = Y_i / M_i   (Buehlmann and Straub 1970)
 *		variation	sum (Y_i - M_i theta)^2 / (M_i theta + variation (M_i theta)^2)  =  customers - segments   (Paule and Mandel 1982)
 *
 * each weighed against the prior as if that came from PRIOR_COUNT customers. Between the segments, what one segment's past says of a
 * parameter is taken as normal, and each segment's prior is what the others and the prior say: nobody counts his own past twice.
 *
 * The shape is learned from at most SAMPLE customers of a segment, every so many in their order; each customer's rate from all of his own past.
 */
#include "territory/portfolio.h"

#include <math.h>

#include "core/numerics.h"
#include "utils/float.h"

#define SAMPLE			3000
#define PRIOR_COUNT		4.0
#define ROUNDS			2		/* of dispersion and variation against shapes */
#define COARSE			5		/* scales and carryovers that are looked at first */
#define MOST_CLIMBS		30
/* From which derivatives are taken: a part of a standard deviation. */
#define MOST_DIFFERENCE 0.01
#define LEAST_DIFFERENCE 1e-4
#define LEAST_VARIANCE	1e-10	/* of scale and carryover: nobody knows them better */
#define NODES			(RESPONSE_SCALES * RESPONSE_CARRYOVERS)
#define REACH			3.0		/* standard deviations on either side that a grid of scales covers */
#define SQRT_3			1.7320508075688772
#define OUTER			1.1204222675845161	/* exp(3 / 2) / 4 */
#define LEAST_VARIATION 0.0025
#define MOST_VARIATION	100.0

const double response_rate_weight[RESPONSE_RATES] = {1.0 / 6, 2.0 / 3, 1.0 / 6};

/* The past of a segment's customers, or of some of them. */
typedef struct Past
{
	int			customers;
	int			rows;
	int		   *first;			/* [customers + 1] */
	double	   *potential;		/* [customers] */
	double	   *won;			/* [customers], revenue of all rows */
	double	   *effort;			/* [rows] */
	double	   *revenue;		/* [rows] */
	double	   *k;				/* [rows], scratch */
	double	   *x;				/* [rows], scratch */
	double	   *exposure;		/* [customers], scratch: M_i x dispersion */
} Past;

/* What a segment's parameters are like. */
typedef struct Belief
{
	double		mean[RESPONSE_PARAMETERS];
	double		variance[RESPONSE_PARAMETERS];
} Belief;

typedef struct Node
{
	double		scale;			/* logarithm */
	double		carryover;		/* log odds */
	double		rate;			/* logarithm: the best one */
	double		deviation;		/* of it */
	double		weight;
} Node;

/* ---------------------------------------------------------------------------------------------------------------- the past */

static Past *
read_past(const PortfolioCustomers *in, int segment)
{
	Past	   *past = palloc0(sizeof(Past));
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
static void
set_scale(Past *past, double log_scale)
{
	double		inverse = salesops_exp(-log_scale);

	for (int t = 0; t < past->rows; t++)
		past->x[t] = -past->effort[t] * inverse;
	salesops_exp_all(past->x, past->x, past->rows);
	for (int t = 0; t < past->rows; t++)
		past->x[t] = 1.0 - past->x[t];
}

/* k of each row and the exposure of each customer. */
static void
set_carryover(Past *past, double log_odds)
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
weigh_node(Past *past, const Belief *prior, double shape, double dispersion, Node *node)
{
	double		by_dispersion = 1.0 / dispersion;
	double		precision = 1.0 / prior->variance[RESPONSE_RATE];
	double		u = prior->mean[RESPONSE_RATE];
	double		curvature = precision;
	double		log_weight = 0.0;

	set_carryover(past, node->carryover);
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
look(Past *past, const Belief *prior, double shape, double dispersion, double scale, double carryover, Node *node)
{
	node->scale = scale;
	node->carryover = carryover;
	set_scale(past, scale);
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
climb(Past *past, const Belief *prior, double shape, double dispersion, PortfolioProgress progress, Node *best)
{
	Curvature	c;
	double		dv = MOST_DIFFERENCE;
	double		dr = MOST_DIFFERENCE;

	for (int step = 0; step < MOST_CLIMBS; step++)
	{
		Node		n;
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
weigh_grid(Past *past, const Belief *prior, double shape, double dispersion, const Belief *around, double along, double across, Node *node)
{
	double		best = -get_float8_infinity();
	double		total = 0.0;

	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		double		scale = REACH * sqrt(around->variance[RESPONSE_SCALE]) * (2.0 * j / (RESPONSE_SCALES - 1) - 1.0);

		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			Node	   *n = &node[j * RESPONSE_CARRYOVERS + k];

			best = Max(best, look(past, prior, shape, dispersion, around->mean[RESPONSE_SCALE] + scale,
								  around->mean[RESPONSE_CARRYOVER] + along * scale + SQRT_3 * across * (k - (RESPONSE_CARRYOVERS - 1) / 2), n));
		}
	}
	/* Three nodes sqrt(3) apart count as in response_rate_weight, the outer ones for more than their density. */
	for (int n = 0; n < NODES; n++)
	{
		node[n].weight = salesops_exp(node[n].weight - best) * (n % RESPONSE_CARRYOVERS == 1 ? 1.0 : OUTER);
		total += node[n].weight;
	}
	for (int n = 0; n < NODES; n++)
		node[n].weight /= total;
}

/* Means and variances over the nodes; how carryover goes along with scale, and what is left of its deviation then. */
static Belief
sum_up(const Node *node, double *along, double *across)
{
	Belief		belief = {0};
	double		both = 0.0;

	for (int n = 0; n < NODES; n++)
	{
		belief.mean[RESPONSE_RATE] += node[n].weight * node[n].rate;
		belief.mean[RESPONSE_SCALE] += node[n].weight * node[n].scale;
		belief.mean[RESPONSE_CARRYOVER] += node[n].weight * node[n].carryover;
	}
	for (int n = 0; n < NODES; n++)
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
static Belief
learn(Past *past, const Belief *prior, const Belief *already, double shape, double dispersion, PortfolioProgress progress, Node *node)
{
	Node		best = {.weight = -get_float8_infinity()};
	Node		n;
	Belief		belief = *prior;
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

/* ------------------------------------------------------------------------------------------------ dispersion and variation */

/* sum (Y - M theta)^2 / (M theta + variation (M theta)^2) over all segments; Y and M in units of the dispersion. */
static double
heterogeneity(Past *const *past, const Belief *belief, int segments, double dispersion, double variation)
{
	double		sum = 0.0;

	for (int s = 0; s < segments; s++)
	{
		double		theta = salesops_exp(belief[s].mean[RESPONSE_RATE]) / dispersion;

		for (int i = 0; i < past[s]->customers; i++)
		{
			double		expected = past[s]->exposure[i] * theta;
			double		difference = past[s]->won[i] / dispersion - expected;

			sum += difference * difference / (expected + variation * expected * expected);
		}
	}
	return sum;
}

static void
estimate_variances(Past *const *past, const Belief *belief, int segments, const ResponsePrior *prior, double *dispersion, double *variation)
{
	double		squares = 0.0;
	double		expected = 0.0;
	int			repeats = 0;
	int			customers = 0;
	double		low = LEAST_VARIATION;
	double		high = MOST_VARIATION;

	for (int s = 0; s < segments; s++)
	{
		set_scale(past[s], belief[s].mean[RESPONSE_SCALE]);
		set_carryover(past[s], belief[s].mean[RESPONSE_CARRYOVER]);
		customers += past[s]->customers;
		if (past[s]->customers > 0)
			customers--;
		for (int i = 0; i < past[s]->customers; i++)
		{
			double		rate = past[s]->won[i] / past[s]->exposure[i];
			int			count = past[s]->first[i + 1] - past[s]->first[i];

			for (int t = past[s]->first[i]; count > 1 && t < past[s]->first[i + 1]; t++)
			{
				double		mean = past[s]->potential[i] * past[s]->k[t];
				double		difference = past[s]->revenue[t] - mean * rate;

				squares += difference * difference / mean;
			}
			expected += rate * (count - 1);
			repeats += count - 1;
		}
	}
	*dispersion = prior->dispersion;
	if (expected > 0.0)
		*dispersion = (repeats * (squares / expected) + PRIOR_COUNT * prior->dispersion) / (repeats + PRIOR_COUNT);

	*variation = prior->variation;
	if (customers < 1)
		return;
	/* The sum falls as the variation grows. */
	for (int step = 0; step < 50; step++)
	{
		double		middle = sqrt(low * high);

		if (heterogeneity(past, belief, segments, *dispersion, middle) > customers)
			low = middle;
		else
			high = middle;
	}
	*variation = (customers * low + PRIOR_COUNT * prior->variation) / (customers + PRIOR_COUNT);
}

/* --------------------------------------------------------------------------------------------------------- between segments */

/*
 * From what each segment alone would be believed to be, with the wide prior, to the prior that the others give it. Also says how much of
 * what is uncertain of a segment is uncertain of all.
 */
static void
pool(const Belief *alone, const Belief *wide, int segments, const ResponsePrior *prior, Belief *pooled, double *shared)
{
	for (int s = 0; s < segments; s++)
	{
		shared[s] = 0.0;
		for (int p = 0; p < RESPONSE_PARAMETERS; p++)
		{
			double		between = prior->between[p] * prior->between[p];
			double		precision = 1.0 / (prior->deviation[p] * prior->deviation[p]);
			double		sum = prior->mean[p] * precision;
			double		own = Max(1.0 / alone[s].variance[p] - 1.0 / wide->variance[p], 0.0);
			double		others;

			for (int o = 0; o < segments; o++)
			{
				double		says = 1.0 / alone[o].variance[p] - 1.0 / wide->variance[p];
				double		weight = 1.0 / (1.0 / Max(says, 1e-12) + between);

				if (o == s || says <= 1e-9)
					continue;
				sum += weight * (alone[o].mean[p] / alone[o].variance[p] - wide->mean[p] / wide->variance[p]) / says;
				precision += weight;
			}
			others = 1.0 / precision;
			pooled[s].mean[p] = sum / precision;
			pooled[s].variance[p] = others + between;
			shared[s] = Max(shared[s], others / (pooled[s].variance[p] * pooled[s].variance[p]) / (own + 1.0 / pooled[s].variance[p]));
		}
	}
}

/* ------------------------------------------------------------------------------------------------------------- the customers */

/* What the nodes of a segment say, for whoever asks. */
static void
set_segment(const Node *node, const Belief *belief, double shape, SegmentResponse *segment)
{
	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		segment->scale[j] = salesops_exp(node[j * RESPONSE_CARRYOVERS].scale);
		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			const Node *n = &node[j * RESPONSE_CARRYOVERS + k];

			segment->carryover[j][k] = salesops_logistic(n->carryover);
			segment->weight[j][k] = n->weight;
			for (int q = 0; q < RESPONSE_RATES; q++)
				segment->claim[j][k][q] = shape * salesops_exp(-(n->rate + (q - 1) * SQRT_3 * n->deviation));
		}
	}
	for (int p = 0; p < RESPONSE_PARAMETERS; p++)
	{
		segment->mean[p] = belief->mean[p];
		segment->deviation[p] = sqrt(belief->variance[p]);
	}
}

/* What is expected of a customer, from his segment and his own past. */
static void
set_customer(const PortfolioCustomers *in, Response *response, const SegmentResponse *segment, int i)
{
	double	   *reach = &response->reach[(Size) i * RESPONSE_SCALES];
	double	   *gain = &response->gain[(Size) i * RESPONSE_SCALES];
	double		first = 0.0;
	double		unit = in->potential[i] / response->dispersion;

	for (int t = in->first_row[i]; t < in->first_row[i + 1]; t++)
	{
		response->won[i] += in->revenue[t] / response->dispersion;
		response->idle[i] += unit;
		for (int j = 0; j < RESPONSE_SCALES; j++)
			reach[j] += unit * (1.0 - salesops_exp(-in->effort[t] / segment->scale[j]));
	}
	/* Without potential there is nothing to win, whatever was won. */
	for (int j = 0; j < RESPONSE_SCALES && in->potential[i] > 0.0; j++)
	{
		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			double		rho = segment->carryover[j][k];
			double		rate = 0.0;

			for (int q = 0; q < RESPONSE_RATES; q++)
				rate += response_rate_weight[q] * (response->shape + response->won[i]) /
					(segment->claim[j][k][q] + rho * response->idle[i] + (1.0 - rho) * reach[j]);
			rate *= segment->weight[j][k] * in->potential[i];
			response->base[i] += rate * rho;
			gain[j] += rate * (1.0 - rho);
		}
		first += gain[j] / segment->scale[j];
	}
	response->steepest[i] = first > 0.0 ? salesops_log(first) : -get_float8_infinity();
}

/*
 * Learns how the customers respond to effort. Customers without potential, and rows of theirs, teach nothing. Never fails: what the past
 * does not say the prior does.
 */
Response *
portfolio_fit(const PortfolioCustomers *in, const ResponsePrior *prior)
{
	Response   *response = palloc0(sizeof(Response));
	Past	  **past = palloc(in->segments * sizeof(Past *));
	Belief	   *belief = palloc(in->segments * sizeof(Belief));
	Belief	   *pooled = palloc(in->segments * sizeof(Belief));
	double	   *shared = palloc(in->segments * sizeof(double));
	Belief		wide;
	Node		node[NODES];
	double		variation;

	response->segment = palloc0(in->segments * sizeof(SegmentResponse));
#define NUMBERS(count) palloc_extended(Max((Size) (count), 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO)
	response->won = NUMBERS(in->customers);
	response->idle = NUMBERS(in->customers);
	response->reach = NUMBERS((Size) in->customers * RESPONSE_SCALES);
	response->base = NUMBERS(in->customers);
	response->gain = NUMBERS((Size) in->customers * RESPONSE_SCALES);
	response->steepest = NUMBERS(in->customers);
#undef NUMBERS

	for (int p = 0; p < RESPONSE_PARAMETERS; p++)
	{
		wide.mean[p] = prior->mean[p];
		wide.variance[p] = prior->deviation[p] * prior->deviation[p] + prior->between[p] * prior->between[p];
	}
	for (int s = 0; s < in->segments; s++)
	{
		past[s] = read_past(in, s);
		belief[s] = learn(past[s], &wide, NULL, 1.0 / prior->variation, prior->dispersion, in->progress, node);
	}
	for (int round = 0; round < ROUNDS; round++)
	{
		estimate_variances(past, belief, in->segments, prior, &response->dispersion, &variation);
		response->shape = 1.0 / variation;
		for (int s = 0; s < in->segments; s++)
			belief[s] = learn(past[s], &wide, &belief[s], response->shape, response->dispersion, in->progress, node);
	}
	pool(belief, &wide, in->segments, prior, pooled, shared);
	for (int s = 0; s < in->segments; s++)
	{
		SegmentResponse *segment = &response->segment[s];

		belief[s] = learn(past[s], &pooled[s], &belief[s], response->shape, response->dispersion, in->progress, node);
		set_segment(node, &belief[s], response->shape, segment);
		segment->shared = shared[s];
		for (int i = in->first[s]; i < in->first[s + 1]; i++)
		{
			if (i % 4096 == 0)
				in->progress();
			segment->learned_from += in->first_row[i + 1] > in->first_row[i] && in->potential[i] > 0.0;
			set_customer(in, response, segment, i);
		}
	}
	return response;
}
