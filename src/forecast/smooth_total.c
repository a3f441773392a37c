/*
 * smooth_total.c: the total of a few large deals and a rest of which only cumulants are known.
 *
 *		P(total <= y)  =  integral over z of  phi(z)  sum over outcomes x of the large deals of  P(x | z) T((y - x - m(z)) / s(z); g(z))
 *
 * where T is the Pearson type III distribution with the rest's mean m, standard deviation s and skewness g at z.
 *
 * The outcomes stand in a list, which is thinned out where it grows long (outcome_list.c): what is close together against s is one, and the
 * variance that this costs is given back to the rest.
 *
 * In a large book s(z) is small against the way that m(z) goes between two nodes, and the sum would be a staircase. So the nodes are as
 * close together as is needed for T to be smooth from one to the next.
 */
#include "forecast/smooth_total.h"

#include <math.h>

#include "core/numerics.h"
#include "forecast/pearson.h"

#define WIDEST_STEP		0.7	/* between nodes */
#define MOST_NODES		512

/* The largest step of the rest's mean between nodes, in its standard deviations: the trapezoidal rule errs by exp(-2 (pi / 1.25)^2). */
#define MAX_MEAN_STEP	1.25
#define UNSEEN			1e-3	/* standard deviations of the total: stairs so small may stay */

#define MOST_OUTCOMES	1024
#define STEP_WIDTH		0.15		/* standard deviations of the rest: outcomes that become one, over all deals together */

#define TABLE_TAIL		1e-8	/* of T: taken as 0 or 1 beyond */
#define MOST_SKEWNESS	8.0		/* beyond that it is no sum of deals, but bytes that somebody made up */

#define SAME_SKEWNESS	1e-3	/* errs by less than 1e-4 of T */

#define PRECISION		1e-8	/* of a quantile, in standard deviations of the total */

/* What the total is at a node of z, but for the large deals. */
typedef struct RestAtNode
{
	double		mean;
	double		sd;
	double		third;			/* cumulant */
	PearsonTable *table;		/* T */
	double		lowest;			/* bounds of T's argument */
	double		highest;
} RestAtNode;

struct SmoothTotal
{
	int			outcomes;
	double	   *outcome;		/* ascending */
	int			nodes;
	double	   *weight;
	RestAtNode *rest;			/* at each node */
	double	   *chance;			/* [node][outcome + 1] */
	double	   *below;			/* the same: sum of the chances of lower outcomes */
	double	   *below_amount;	/* the same of chance x outcome */
	double		first_amount;	/* bounds of the total */
	double		last_amount;
};

/* The rest at the nodes; its mean over all z is made exact. */
static RestAtNode *
rest_at_nodes(const BookRest *rest, const FactorNodes *nodes)
{
	RestAtNode *at = palloc(nodes->count * sizeof(RestAtNode));
	double		mean = 0.0;

	for (int k = 0; k < nodes->count; k++)
	{
		double		cumulant[GRID_MOMENTS];

		book_rest_cumulants(rest, nodes->z[k], nodes->correlation, cumulant);
		at[k].mean = cumulant[0];
		at[k].sd = sqrt(Max(cumulant[1], 0.0));
		at[k].third = cumulant[2];
		mean += cumulant[0] * nodes->weight[k];
	}
	for (int k = 0; k < nodes->count; k++)
		at[k].mean += rest->mean - mean;
	return at;
}

/* The step between nodes at which the rest's mean goes by no more than MAX_MEAN_STEP of its sd. */
static double
step_for_rest(const RestAtNode *at, const FactorNodes *nodes, double total_sd)
{
	double		step = nodes->step;

	for (int k = 1; k < nodes->count; k++)
	{
		double		way = fabs(at[k].mean - at[k - 1].mean);
		double		sd = Max(0.5 * (at[k].sd + at[k - 1].sd), UNSEEN * total_sd);

		if (way * step > MAX_MEAN_STEP * sd * nodes->step)
			step = MAX_MEAN_STEP * sd / way * nodes->step;
	}
	return step;
}

/* Tables of T at the nodes; neighbours of which the skewness is nearly equal share one. */
static void
tabulate_rest(SmoothTotal *total)
{
	PearsonTable *table = NULL;

	for (int k = 0; k < total->nodes; k++)
	{
		RestAtNode *at = &total->rest[k];
		double		skewness = at->third / (at->sd * at->sd * at->sd);

		skewness = Min(Max(skewness, -MOST_SKEWNESS), MOST_SKEWNESS);
		if (table == NULL || fabs(skewness - table->skewness) > SAME_SKEWNESS)
		{
			table = palloc(sizeof(PearsonTable));
			pearson_tabulate(table, skewness);
		}
		at->table = table;
		pearson_bounds(table, TABLE_TAIL, &at->lowest, &at->highest);
	}
}

/* Turns the list round, so that each node's outcomes lie together, and adds up. */
static void
turn_list(SmoothTotal *total, const OutcomeList *list)
{
	Size		width = list->count + 1;
	Size		size = total->nodes * width * sizeof(double);

	total->outcomes = list->count;
	total->outcome = list->outcome;
	total->chance = palloc(size);
	total->below = palloc(size);
	total->below_amount = palloc(size);
	for (int k = 0; k < total->nodes; k++)
	{
		double		sum = 0.0;
		double		amount = 0.0;

		for (int j = 0; j <= list->count; j++)
		{
			double		chance = j < list->count ? list->chance[(Size) j * total->nodes + k] : 0.0;

			total->chance[k * width + j] = chance;
			total->below[k * width + j] = sum;
			total->below_amount[k * width + j] = amount;
			sum += chance;
			amount += j < list->count ? chance * list->outcome[j] : 0.0;
		}
	}
}

/* The total of deals, the largest first, and a rest. */
SmoothTotal *
smooth_total(const Part *part, int parts, const BookRest *rest, double correlation, double sd, void (*check_for_cancel) (void))
{
	SmoothTotal *total = palloc(sizeof(SmoothTotal));
	FactorNodes *nodes = factor_nodes(correlation, Min(factor_step(parts, correlation), WIDEST_STEP));
	RestAtNode *at = rest_at_nodes(rest, nodes);
	double		step = step_for_rest(at, nodes, sd);
	double		least_sd;
	OutcomeList *list;

	if (step < nodes->step)
	{
		/* No more than MOST_NODES of them, between the ends of those that there are. */
		nodes = factor_nodes(correlation, Max(step, nodes->step * nodes->count / MOST_NODES));
		at = rest_at_nodes(rest, nodes);
	}
	total->nodes = nodes->count;
	total->weight = nodes->weight;
	total->rest = at;

	least_sd = at[0].sd;
	for (int k = 1; k < nodes->count; k++)
		least_sd = Min(least_sd, at[k].sd);
	list = outcome_list(nodes, MOST_OUTCOMES);
	for (int i = parts - 1; i >= 0; i--)
	{
		outcome_list_add(list, &part[i], least_sd * STEP_WIDTH / sqrt(parts));
		check_for_cancel();
	}
	turn_list(total, list);

	for (int k = 0; k < nodes->count; k++)
	{
		double		way = nodes->count == 1 ? 0.0 : k == 0 ? at[1].mean - at[0].mean : at[k].mean - at[k - 1].mean;
		double		width = sqrt(at[k].sd * at[k].sd + list->lost_variance);

		/* Where no closer nodes are allowed the steps are smoothed; and no sum of a rest is without any width. */
		width = Max(width, fabs(way) / MAX_MEAN_STEP);
		at[k].sd = Max(width, 1e-12 * fabs(at[k].mean) + 1e-9);
	}
	tabulate_rest(total);

	for (int k = 0; k < total->nodes; k++)
	{
		double		first = total->outcome[0] + at[k].mean + at[k].lowest * at[k].sd;
		double		last = total->outcome[total->outcomes - 1] + at[k].mean + at[k].highest * at[k].sd;

		total->first_amount = k == 0 ? first : Min(total->first_amount, first);
		total->last_amount = k == 0 ? last : Max(total->last_amount, last);
	}
	return total;
}

/* How many outcomes are at most x, or less than x. */
static int
count_outcomes(const SmoothTotal *total, double x, bool inclusive)
{
	int			low = 0;
	int			high = total->outcomes;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (inclusive ? total->outcome[middle] <= x : total->outcome[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* P(total <= y) and the density there, and E max(y - total, 0) if asked for. */
static double
smooth_cdf(const SmoothTotal *total, double y, double *density, double *shortfall)
{
	double		probability = 0.0;
	double		amount = 0.0;

	*density = 0.0;
	for (int k = 0; k < total->nodes; k++)
	{
		const RestAtNode *at = &total->rest[k];
		double		scale = 1.0 / at->sd;
		Size		start = (Size) k * (total->outcomes + 1);
		/* Of outcomes up to the first bound T is 1, from the second on it is 0. */
		int			certain = count_outcomes(total, y - at->mean - at->highest * at->sd, true);
		int			impossible = count_outcomes(total, y - at->mean - at->lowest * at->sd, false);
		double		sum = total->below[start + certain];
		double		sum_amount = (y - at->mean) * sum - total->below_amount[start + certain];
		double		sum_density = 0.0;

		for (int j = certain; j < impossible; j++)
		{
			double		argument = (y - at->mean - total->outcome[j]) * scale;
			double		chance = total->chance[start + j];
			double		slope;

			sum += chance * pearson_cdf(at->table, argument, &slope);
			sum_density += chance * slope;
			if (shortfall != NULL)
				sum_amount += chance * at->sd * pearson_shortfall(at->table, argument);
		}
		probability += total->weight[k] * sum;
		*density += total->weight[k] * sum_density * scale;
		amount += total->weight[k] * sum_amount;
	}
	if (shortfall != NULL)
		*shortfall = amount;
	return probability;
}

/*
 * The y with P(total <= y) = p, by Newton's method between two bounds that close in; where a step leads out of them, or two have not halved
 * what lies between, the middle is next, so that it always converges.
 */
double
smooth_quantile(const SmoothTotal *total, double p, double guess, double sd)
{
	double		low = total->first_amount;
	double		high = total->last_amount;
	double		width = high - low;	/* two steps ago */
	double		y = guess;

	for (int step = 1; high - low > PRECISION * sd; step++)
	{
		double		density;
		double		difference;
		double		newton;

		if (!(y > low && y < high))
			y = 0.5 * (low + high);
		if (y <= low || y >= high)
			break;				/* neighbouring numbers */
		difference = smooth_cdf(total, y, &density, NULL) - p;
		if (difference < 0.0)
			low = y;
		else
			high = y;
		newton = difference / density;
		if (fabs(newton) <= PRECISION * sd)
			return y - newton;
		y -= newton;
		if (step % 3 == 0)
		{
			if (high - low > 0.5 * width)
				y = 0.5 * (low + high);
			width = high - low;
		}
	}
	return high;
}

/* P(total >= y) */
double
smooth_at_least(const SmoothTotal *total, double y)
{
	double		density;
	double		probability = y <= total->first_amount ? 1.0 : y >= total->last_amount ? 0.0 : 1.0 - smooth_cdf(total, y, &density, NULL);

	return probability < 0.0 ? 0.0 : probability > 1.0 ? 1.0 : probability;
}

/* E max(y - total, 0); beyond the last amount for all of it. */
double
smooth_shortfall(const SmoothTotal *total, double y)
{
	double		density;
	double		shortfall;

	smooth_cdf(total, y, &density, &shortfall);
	return shortfall;
}
