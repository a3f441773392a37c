/*
 * book_rest.c: which deals of a book are looked at one by one, and what is known of the rest.
 *
 * The error of a distribution that is matched to three cumulants is that of the fourth, which moves a quantile by less than
 * 0.07 fourth cumulant / (standard deviation)^3. Deals are kept one by one, the largest first, until the fourth cumulant of the others is
 * small enough: against the standard deviation of the whole, or of one of the clusters into which deals much larger than everything after
 * them divide the whole. A book of a few deals is kept whole.
 */
#include "forecast/book_rest.h"

#include <math.h>

#include "core/numerics.h"
#include "forecast/factor_nodes.h"

#define FEW_DEALS		60		/* a book that is kept whole in any case, ... */
#define FEW_TOTALS		2048	/* and one that can come to so few different totals ... */
#define FEW_SURPRISES	6		/* ... and so is one of long shots of which so few are expected to come in */
#define SEPARATE		1.0		/* standard deviations of all smaller deals: a larger amount divides the whole into clusters */
#define FOURTH_CUMULANT	3e-3	/* what the rest may have, in (standard deviation)^4 */

/* The tail of a book and its new business. */
void
book_rest(const Book *book, BookRest *rest)
{
	memset(rest, 0, sizeof(BookRest));
	rest->new_variance = Max(wide_to_double(&book->new_variance), 0.0);
	rest->new_third = wide_to_double(&book->new_third);
	rest->mean = (double) book->tail_mean / (double) CHANCE_UNIT;
	rest->is_empty = book->tail_deals == 0 && rest->new_variance == 0.0;
	for (int i = 0; book->grid != NULL && i < GRID_POINTS; i++)
		for (int n = 0; n < GRID_MOMENTS; n++)
			rest->moment[n][i] = wide_to_double(&book->grid[i].moment[n]) / GRID_WEIGHT_UNIT;
}

double
book_deal_probability(const BookDeal *deal)
{
	return (double) deal->chance / (double) CHANCE_UNIT;
}

/* Shares a deal out over the grid, as book_add_deal() does with those that it does not keep. */
void
book_rest_add(BookRest *rest, const BookDeal *deal)
{
	int64		weights[GRID_STENCIL];
	double		amount = (double) deal->amount;
	int			first;

	book_grid_weights(salesops_normal_quantile(book_deal_probability(deal)), &first, weights);
	for (int i = 0; i < GRID_STENCIL; i++)
	{
		double		share = (double) weights[i] / GRID_WEIGHT_UNIT;

		rest->moment[0][first + i] += share * amount;
		rest->moment[1][first + i] += share * amount * amount;
		rest->moment[2][first + i] += share * amount * amount * amount;
	}
	rest->mean += amount * book_deal_probability(deal);
	rest->is_empty = false;
}

/* Mean, variance and third cumulant of the rest at a z. */
void
book_rest_cumulants(const BookRest *rest, double z, double correlation, double cumulant[GRID_MOMENTS])
{
	double		chance[GRID_POINTS];

	for (int i = 0; i < GRID_POINTS; i++)
		chance[i] = book_point_position(i);
	factor_chances(correlation, z, chance, chance, GRID_POINTS);

	cumulant[0] = 0.0;
	cumulant[1] = rest->new_variance;
	cumulant[2] = rest->new_third;
	for (int i = 0; i < GRID_POINTS; i++)
	{
		double		p = chance[i];
		double		v = p * (1.0 - p);

		cumulant[0] += rest->moment[0][i] * p;
		cumulant[1] += rest->moment[1][i] * v;
		cumulant[2] += rest->moment[2][i] * v * (1.0 - 2.0 * p);
	}
}

/* Whether the totals of all deals are few, as they are multiples of one amount. */
static bool
has_few_totals(const BookDeal *deals, int count)
{
	int64		unit = 0;
	double		range = 0.0;

	for (int i = 0; i < count; i++)
	{
		int64		a = deals[i].amount < 0 ? -deals[i].amount : deals[i].amount;

		range += (double) a;
		while (a != 0)
		{
			int64		rest = unit % a;

			unit = a;
			a = rest;
		}
	}
	return range <= FEW_TOTALS * (double) unit;
}

/*
 * How many of the deals, sorted by size, must be kept one by one so that the others' fourth cumulant does not matter; and the standard
 * deviation of the whole.
 *
 * With the first n deals apart, the others have standard deviation sd[n], over all z, and fourth cumulant fourth[n]. Where deal n is
 * larger than SEPARATE sd[n], its outcomes leave gaps between clusters of width sd[n], and then it is that width that counts.
 */
int
book_large_deals(const BookDeal *deals, int count, const BookRest *rest, double correlation, double *total_sd)
{
	double	   *sd = palloc((count + 1) * sizeof(double));
	double	   *fourth = palloc((count + 1) * sizeof(double));
	double		variance = rest->new_variance;
	double		slope = 0.0;	/* of the mean by sqrt(correlation) z, at z = 0 */
	double		surprises = 0.0;	/* expected number of deals that end as the less probable way */
	double		narrowest;
	int			large = 0;

	for (int i = 0; i < GRID_POINTS && !rest->is_empty; i++)
	{
		double		c = book_point_position(i);
		double		p = salesops_normal_cdf(c);

		variance += rest->moment[1][i] * p * (1.0 - p);
		slope += rest->moment[0][i] * salesops_normal_density(c);
	}
	variance = Max(variance, 0.0);

	fourth[count] = 0.0;
	for (int i = count;; i--)
	{
		double		p;
		double		v;
		double		amount;

		sd[i] = sqrt(variance + correlation * slope * slope);
		if (i == 0)
			break;
		p = book_deal_probability(&deals[i - 1]);
		amount = (double) deals[i - 1].amount;
		v = p * (1.0 - p) * amount * amount;
		variance += v;
		slope += amount * salesops_normal_density(salesops_normal_quantile(p));
		fourth[i - 1] = fourth[i] + v * amount * amount;
		surprises += Min(p, 1.0 - p);
	}

	*total_sd = sd[0];
	if (surprises <= FEW_SURPRISES || (rest->is_empty && (count <= FEW_DEALS || has_few_totals(deals, count))))
		return count;
	narrowest = sd[0];
	while (large < count && fourth[large] > FOURTH_CUMULANT * sd[0] * narrowest * narrowest * narrowest)
	{
		large++;
		if (fabs((double) deals[large - 1].amount) > SEPARATE * sd[large])
			narrowest = Min(narrowest, sd[large]);
	}
	return large;
}
