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
 * which portfolio_learn.c integrates over rate, scale and carryover. Dispersion and variation (1 / a) are found by moments:
 *
 *		dispersion	sum (y - P_i k X_i)^2 / (P_i k)  =  dispersion x sum X_i (n_i - 1),  X_i = Y_i / M_i   (Buehlmann and Straub 1970)
 *		variation	sum (Y_i - M_i theta)^2 / (M_i theta + variation (M_i theta)^2)  =  customers - segments   (Paule and Mandel 1982)
 *
 * each weighed against the prior as if that came from PRIOR_COUNT customers; a segment's dispersion against that of all likewise. Between the segments, what one segment's past says of a
 * parameter is taken as normal, and each segment's prior is what the others and the prior say: nobody counts his own past twice.
 *
 * The shape is learned from at most 3,000 customers of a segment, every so many in their order; each customer's rate from all of his own past.
 */
#include "territory/portfolio_learn.h"

#include <math.h>

#include "core/numerics.h"

#define PRIOR_COUNT		4.0
#define ROUNDS			2		/* of dispersion and variation against shapes */
#define LEAST_VARIATION 0.0025
#define MOST_VARIATION	100.0

const double response_rate_weight[RESPONSE_RATES] = {1.0 / 6, 2.0 / 3, 1.0 / 6};

/* ------------------------------------------------------------------------------------------------ dispersion and variation */

/* sum (Y - M theta)^2 / (M theta + variation (M theta)^2) over all segments; Y and M in units of the segment's dispersion. */
static double
heterogeneity(ResponsePast *const *past, const ResponseBelief *belief, int segments, const double *dispersion, double variation)
{
	double		sum = 0.0;

	for (int s = 0; s < segments; s++)
	{
		double		theta = salesops_exp(belief[s].mean[RESPONSE_RATE]) / dispersion[s];

		for (int i = 0; i < past[s]->customers; i++)
		{
			double		expected = past[s]->exposure[i] * theta;
			double		difference = past[s]->won[i] / dispersion[s] - expected;

			sum += difference * difference / (expected + variation * expected * expected);
		}
	}
	return sum;
}

/* What repeated periods of the same customers say of the dispersion. */
typedef struct Repeats
{
	double		squares;
	double		expected;
	double		count;
} Repeats;

static Repeats
count_repeats(const ResponsePast *past)
{
	Repeats		repeats = {0};

	for (int i = 0; i < past->customers; i++)
	{
		double		rate = past->won[i] / past->exposure[i];
		int			count = past->first[i + 1] - past->first[i];

		for (int t = past->first[i]; count > 1 && t < past->first[i + 1]; t++)
		{
			double		mean = past->potential[i] * past->k[t];
			double		difference = past->revenue[t] - mean * rate;

			repeats.squares += difference * difference / mean;
		}
		repeats.expected += rate * (count - 1);
		repeats.count += count - 1;
	}
	return repeats;
}

/* The dispersion that repeats show, weighed with what is thought otherwise. */
static double
weigh_dispersion(const Repeats *repeats, double otherwise)
{
	if (!(repeats->expected > 0.0))
		return otherwise;
	return (repeats->count * (repeats->squares / repeats->expected) + PRIOR_COUNT * otherwise) / (repeats->count + PRIOR_COUNT);
}

/* The dispersion of each segment, shrunk to that of all, and the variation of customers' rates within segments, which is returned. */
static double
estimate_variances(ResponsePast *const *past, const ResponseBelief *belief, int segments, const ResponsePrior *prior, double *dispersion)
{
	Repeats    *repeats = palloc(segments * sizeof(Repeats));
	Repeats		all = {0};
	int			customers = 0;
	double		low = LEAST_VARIATION;
	double		high = MOST_VARIATION;

	for (int s = 0; s < segments; s++)
	{
		response_set_scale(past[s], belief[s].mean[RESPONSE_SCALE]);
		response_set_carryover(past[s], belief[s].mean[RESPONSE_CARRYOVER]);
		customers += Max(past[s]->customers - 1, 0);
		repeats[s] = count_repeats(past[s]);
		all.squares += repeats[s].squares;
		all.expected += repeats[s].expected;
		all.count += repeats[s].count;
	}
	for (int s = 0; s < segments; s++)
		dispersion[s] = weigh_dispersion(&repeats[s], weigh_dispersion(&all, prior->dispersion));
	pfree(repeats);

	if (customers == 0)
		return prior->variation;
	/* The sum falls as the variation grows. */
	for (int step = 0; step < 50; step++)
	{
		double		middle = sqrt(low * high);

		if (heterogeneity(past, belief, segments, dispersion, middle) > customers)
			low = middle;
		else
			high = middle;
	}
	return (customers * low + PRIOR_COUNT * prior->variation) / (customers + PRIOR_COUNT);
}

/* --------------------------------------------------------------------------------------------------------- between segments */

/*
 * From what each segment alone would be believed to be, with the wide prior, to the prior that the others give it. Also says how much of
 * what is uncertain of a segment is uncertain of all.
 */
static void
pool(const ResponseBelief *alone, const ResponseBelief *wide, int segments, const ResponsePrior *prior, ResponseBelief *pooled, double *shared)
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
set_segment(const ResponseNode *node, const ResponseBelief *belief, double shape, SegmentResponse *segment)
{
	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		segment->scale[j] = salesops_exp(node[j * RESPONSE_CARRYOVERS].scale);
		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			const ResponseNode *n = &node[j * RESPONSE_CARRYOVERS + k];

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
	double		unit = in->potential[i] / segment->dispersion;

	for (int t = in->first_row[i]; t < in->first_row[i + 1]; t++)
	{
		response->won[i] += in->revenue[t] / segment->dispersion;
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
	response->steepest[i] = first > 0.0 ? salesops_log(first) : -INFINITY;
}

/*
 * Learns how the customers respond to effort. Customers without potential, and rows of theirs, teach nothing. Never fails: what the past
 * does not say the prior does.
 */
Response *
portfolio_fit(const PortfolioCustomers *in, const ResponsePrior *prior)
{
	Response   *response = palloc0(sizeof(Response));
	ResponsePast	  **past = palloc(in->segments * sizeof(ResponsePast *));
	ResponseBelief	   *belief = palloc(in->segments * sizeof(ResponseBelief));
	ResponseBelief	   *pooled = palloc(in->segments * sizeof(ResponseBelief));
	double	   *shared = palloc(in->segments * sizeof(double));
	ResponseBelief		wide;
	ResponseNode		node[RESPONSE_NODES];
	double	   *dispersion = palloc(in->segments * sizeof(double));

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
		past[s] = response_read_past(in, s);
		belief[s] = response_learn(past[s], &wide, NULL, 1.0 / prior->variation, prior->dispersion, in->progress, node);
	}
	for (int round = 0; round < ROUNDS; round++)
	{
		response->shape = 1.0 / estimate_variances(past, belief, in->segments, prior, dispersion);
		for (int s = 0; s < in->segments; s++)
			belief[s] = response_learn(past[s], &wide, &belief[s], response->shape, dispersion[s], in->progress, node);
	}
	pool(belief, &wide, in->segments, prior, pooled, shared);
	for (int s = 0; s < in->segments; s++)
	{
		SegmentResponse *segment = &response->segment[s];

		belief[s] = response_learn(past[s], &pooled[s], &belief[s], response->shape, dispersion[s], in->progress, node);
		set_segment(node, &belief[s], response->shape, segment);
		segment->shared = shared[s];
		segment->dispersion = dispersion[s];
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
