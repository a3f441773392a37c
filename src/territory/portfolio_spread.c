/*
 * portfolio_spread.c: what is certain of a change of effort.
 *
 * Given scale, carryover and rate of a segment (a node of its grid), customers are independent and means and variances add up. The law of
 * total variance does the rest: the variance of what customers have for themselves is the mean of the nodes' variances, that of what they
 * have in common is the variance of the nodes' means. Of the latter a share is common to all segments (what is not known of the prior of all);
 * it is added up as perfectly correlated, which errs on the wide side. What products will add is uncertain by itself.
 *
 * An interval is that of the lognormal distribution with the same mean and variance where the amount cannot be negative, else of the normal
 * one. It is of the expected amount: what comes in a single horizon varies around that by sqrt(dispersion x amount) more.
 */
#include "territory/portfolio.h"

#include <math.h>

#include "core/numerics.h"

/* The interval of an amount, z standard deviations on either side. */
Expectation
portfolio_expectation(double mean, double variance, double z, bool is_positive)
{
	Expectation e = {mean, mean, mean};

	if (!(variance > 0.0))
		return e;
	if (is_positive && mean > 0.0)
	{
		double		spread = salesops_log(1.0 + variance / mean / mean);
		double		factor = salesops_exp(z * sqrt(spread));
		double		median = mean * salesops_exp(-0.5 * spread);

		e.low = median / factor;
		e.high = median * factor;
		return e;
	}
	e.low = mean - z * sqrt(variance);
	e.high = mean + z * sqrt(variance);
	return e;
}

/* share[j]: 1 - exp(-effort / scale j) of the segment. */
static void
set_shares(const SegmentResponse *segment, double effort, double *share)
{
	for (int j = 0; j < RESPONSE_SCALES; j++)
		share[j] = -effort / segment->scale[j];
	salesops_exp_all(share, share, RESPONSE_SCALES);
	for (int j = 0; j < RESPONSE_SCALES; j++)
		share[j] = 1.0 - share[j];
}

/*
 * Mean and variance of what the move changes in a segment; mean and variance of each customer are added to [customers] arrays, where they
 * are not NULL.
 */
PortfolioSpread
portfolio_spread(const PortfolioCustomers *in, const Response *response, const PortfolioMove *move, int s, double *mean, double *variance)
{
	const SegmentResponse *segment = &response->segment[s];
	double		factor_to = move->after->uplift[s];
	double		factor_from = move->from == NULL ? 0.0 : move->before->uplift[s];
	double		node_mean[RESPONSE_SCALES][RESPONSE_CARRYOVERS][RESPONSE_RATES] = {0};
	double		node_variance[RESPONSE_SCALES][RESPONSE_CARRYOVERS][RESPONSE_RATES] = {0};
	double		bare_to = 0.0;	/* without what products add */
	double		bare_from = 0.0;
	double		uplift;
	PortfolioSpread		spread = {0};

	for (int i = in->first[s]; i < in->first[s + 1]; i++)
	{
		double		share_to[RESPONSE_SCALES];
		double		share_from[RESPONSE_SCALES];
		double		own = 0.0;
		double		square = 0.0;
		double		sum = 0.0;

		if (i % 4096 == 0)
			in->progress();
		/* Most customers are left as they are by most moves. */
		if (in->potential[i] <= 0.0 ||
			(move->from != NULL && move->from[i] == move->to[i] && factor_to == factor_from &&
			 move->before->uplift_deviation[s] == move->after->uplift_deviation[s]))
			continue;
		set_shares(segment, move->to[i], share_to);
		bare_to += response->base[i];
		for (int j = 0; j < RESPONSE_SCALES; j++)
			bare_to += response->gain[(Size) i * RESPONSE_SCALES + j] * share_to[j];
		if (move->from != NULL)
		{
			set_shares(segment, move->from[i], share_from);
			bare_from += response->base[i];
			for (int j = 0; j < RESPONSE_SCALES; j++)
				bare_from += response->gain[(Size) i * RESPONSE_SCALES + j] * share_from[j];
		}
		else
			memset(share_from, 0, sizeof(share_from));

		for (int j = 0; j < RESPONSE_SCALES; j++)
		{
			double		reach = response->reach[(Size) i * RESPONSE_SCALES + j];

			for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
			{
				double		rho = segment->carryover[j][k];
				double		amount = in->potential[i] *
					(factor_to * (rho + (1.0 - rho) * share_to[j]) - factor_from * (rho + (1.0 - rho) * share_from[j]));
				double		known = rho * response->idle[i] + (1.0 - rho) * reach;

				for (int q = 0; q < RESPONSE_RATES; q++)
				{
					double		claim = 1.0 / (segment->claim[j][k][q] + known);
					double		m = amount * (response->shape + response->won[i]) * claim;
					double		v = m * amount * claim;
					double		weight = segment->weight[j][k] * response_rate_weight[q];

					node_mean[j][k][q] += m;
					node_variance[j][k][q] += v;
					sum += weight * m;
					square += weight * m * m;
					own += weight * v;
				}
			}
		}
		if (mean != NULL)
		{
			double		added = move->after->uplift_deviation[s] / factor_to * sum;

			mean[i] += sum;
			variance[i] += own + Max(square - sum * sum, 0.0) + added * added;
		}
	}

	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			for (int q = 0; q < RESPONSE_RATES; q++)
			{
				double		weight = segment->weight[j][k] * response_rate_weight[q];

				spread.mean += weight * node_mean[j][k][q];
				spread.own += weight * node_variance[j][k][q];
			}
		}
	}
	/* In a second pass, that large and nearly equal means lose nothing. */
	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		for (int k = 0; k < RESPONSE_CARRYOVERS; k++)
		{
			for (int q = 0; q < RESPONSE_RATES; q++)
			{
				double		difference = node_mean[j][k][q] - spread.mean;

				spread.common += segment->weight[j][k] * response_rate_weight[q] * difference * difference;
			}
		}
	}
	uplift = move->after->uplift_deviation[s] * bare_to - (move->from == NULL ? 0.0 : move->before->uplift_deviation[s] * bare_from);
	spread.own += uplift * uplift;
	return spread;
}

/* The sum over segments. */
Expectation
portfolio_spread_total(const Response *response, const PortfolioSpread *spread, int segments, double z, bool is_positive)
{
	double		mean = 0.0;
	double		variance = 0.0;
	double		shared = 0.0;

	for (int s = 0; s < segments; s++)
	{
		double		together = response->segment[s].shared;

		mean += spread[s].mean;
		variance += spread[s].own + (1.0 - together) * spread[s].common;
		shared += (spread[s].mean < 0.0 ? -1.0 : 1.0) * sqrt(together * spread[s].common);
	}
	return portfolio_expectation(mean, variance + shared * shared, z, is_positive);
}
