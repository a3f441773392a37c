/*
 * outcome_pairs.c: the total of a few deals, outcome by outcome.
 *
 * n deals have 2^n outcomes. So the deals are divided into two halves; each has a list of its 2^(n / 2) outcomes, and an outcome of all
 * deals is a pair, one of each list. At a node of the factor the halves are independent:
 *
 *		P(total >= y)  =  sum over nodes of  weight  sum over a of the first list of  P(a | z) P(b >= y - a | z)
 *
 * While a ascends, the first b with a + b >= y descends: so the sum takes as many steps as the lists are long together, not as there are
 * pairs. (Horowitz and Sahni, Journal of the ACM 21, 1974, halve a knapsack so.) A quantile is closed in until few pairs are left between its
 * bounds, and those are sorted: the result is an outcome, not an approximation.
 *
 * Up to 22 deals all of this is exact, and of more where many totals are equal, as those of list prices are. Longer lists are thinned
 * out (outcome_list.c), so finely that in all pairs together it does not matter.
 */
#include "forecast/outcome_pairs.h"

#include <math.h>

#include "core/numerics.h"

#define MOST_OUTCOMES	2048	/* of a list */
#define WINDOW			256		/* pairs that are sorted */
#define ROUNDING		1e-12	/* sums of probabilities err in the last digits */

typedef struct Pair
{
	double		total;
	double		probability;
} Pair;

struct OutcomePairs
{
	int			nodes;
	OutcomeList *first;			/* chances times the nodes' weights */
	OutcomeList *second;
	double	   *from_second;	/* [outcome + 1][node]: the probability of that outcome of the second list and all above it */
	int			sorted;			/* where all pairs are few they stay sorted here */
	Pair		pair[WINDOW];
};

/* What lies at and above a total. */
typedef struct View
{
	double		above;			/* the probability */
	int64		pairs_below;
	double		next;			/* the least outcome above, and ... */
	double		previous;		/* ... the greatest below, if there are any */
} View;

/* The lists of two halves of the deals, the smallest first: the next one always goes into the shorter list. */
OutcomePairs *
outcome_pairs(const Part *part, int parts, const FactorNodes *nodes, void (*check_for_cancel) (void))
{
	OutcomePairs *pairs = palloc(sizeof(OutcomePairs));
	OutcomeList *first = outcome_list(nodes, MOST_OUTCOMES);
	OutcomeList *second = outcome_list(nodes, MOST_OUTCOMES);
	double	   *from;
	Size		count = nodes->count;

	for (int i = parts - 1; i >= 0; i--)
	{
		OutcomeList *shorter = first->count <= second->count ? first : second;

		/* Both full: turn about. */
		if (first->count >= MOST_OUTCOMES / 2 && second->count >= MOST_OUTCOMES / 2)
			shorter = i % 2 == 0 ? first : second;
		outcome_list_add(shorter, &part[i], 0.0);
		check_for_cancel();
	}

	pairs->nodes = nodes->count;
	pairs->first = first;
	pairs->second = second;
	pairs->sorted = 0;
	for (int i = 0; i < first->count; i++)
		for (Size k = 0; k < count; k++)
			first->chance[i * count + k] *= nodes->weight[k];
	pairs->from_second = from = palloc((second->count + 1) * count * sizeof(double));
	memset(from + second->count * count, 0, count * sizeof(double));
	for (int j = second->count - 1; j >= 0; j--)
		for (Size k = 0; k < count; k++)
			from[j * count + k] = from[(j + 1) * count + k] + second->chance[j * count + k];
	return pairs;
}

/* What lies above y, or at it too. */
SALESOPS_FOR_EACH_PROCESSOR
static View
view(const OutcomePairs *pairs, double y, bool inclusive)
{
	const double *a = pairs->first->outcome;
	const double *b = pairs->second->outcome;
	int			j = pairs->second->count;	/* the first of the second list that is not below */
	View		result = {0.0, 0, 0.0, 0.0};
	bool		has_next = false;
	bool		has_previous = false;

	for (int i = 0; i < pairs->first->count; i++)
	{
		while (j > 0 && (inclusive ? a[i] + b[j - 1] >= y : a[i] + b[j - 1] > y))
			j--;
		result.pairs_below += j;
		if (j > 0 && (!has_previous || a[i] + b[j - 1] > result.previous))
		{
			result.previous = a[i] + b[j - 1];
			has_previous = true;
		}
		if (j < pairs->second->count)
		{
			if (!has_next || a[i] + b[j] < result.next)
			{
				result.next = a[i] + b[j];
				has_next = true;
			}
			result.above += factor_sum(pairs->first->chance + (Size) i * pairs->nodes, pairs->from_second + (Size) j * pairs->nodes, pairs->nodes);
		}
	}
	return result;
}

/* By total; of equal totals by probability, so that sums are the same however pairs are sorted. */
static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = (const Pair *) a;
	const Pair *y = (const Pair *) b;

	if (x->total != y->total)
		return x->total < y->total ? -1 : 1;
	return (x->probability > y->probability) - (x->probability < y->probability);
}

/* Sorts the pairs above low and up to high, which are at most WINDOW. */
static int
sort_pairs(const OutcomePairs *pairs, double low, double high, Pair *pair)
{
	const double *a = pairs->first->outcome;
	const double *b = pairs->second->outcome;
	int			start = pairs->second->count;
	int			count = 0;

	for (int i = 0; i < pairs->first->count; i++)
	{
		while (start > 0 && a[i] + b[start - 1] > low)
			start--;
		for (int j = start; j < pairs->second->count && a[i] + b[j] <= high; j++)
			pair[count++] = (Pair) {a[i] + b[j], factor_sum(pairs->first->chance + (Size) i * pairs->nodes,
														  pairs->second->chance + (Size) j * pairs->nodes, pairs->nodes)};
	}
	qsort(pair, count, sizeof(Pair), compare_pairs);
	return count;
}

/*
 * The least outcome that the total does not exceed with probability p or more. The guess, and the standard deviation, only say where to
 * begin.
 */
double
pairs_quantile(OutcomePairs *pairs, double p, double guess, double sd)
{
	double		wanted = 1.0 - p + ROUNDING;	/* what may lie above */
	double		low = -1.0;		/* the result lies above this ... */
	double		high = pairs->first->outcome[pairs->first->count - 1] + pairs->second->outcome[pairs->second->count - 1];	/* ... and not above this */
	double		above_low = 1.0;
	double		above_high = 0.0;
	double		weight_low = 1.0 - wanted;
	double		weight_high = wanted;
	int64		pairs_to_low = 0;
	int64		pairs_to_high = (int64) pairs->first->count * pairs->second->count;
	double		y = guess;
	double		stride = 0.25 * sd;
	Pair		window[WINDOW];
	Pair	   *pair = window;
	int			count;
	int			side = 0;

	for (int step = 1; pairs_to_high - pairs_to_low > WINDOW; step++)
	{
		View		at;

		if (!(y > low && y < high))
			y = 0.5 * (low + high);
		at = view(pairs, y, false);
		if (at.above > wanted || at.pairs_below == 0)
		{
			if (at.next >= high)
				return high;
			low = y;
			above_low = at.above;
			pairs_to_low = at.pairs_below;
			weight_low = at.above - wanted;
			if (side < 0)
				weight_high *= 0.5;
			side = -1;
		}
		else
		{
			high = at.previous;
			above_high = at.above;
			pairs_to_high = at.pairs_below;
			weight_high = wanted - at.above;
			if (side > 0)
				weight_low *= 0.5;
			side = 1;
		}
		if (above_low == 1.0 || above_high == 0.0)
		{
			/* From the guess in steps of growing width until the result is between two. */
			y += side < 0 ? stride : -stride;
			stride *= 2.0;
		}
		else if (step % 3 == 0)
			y = 0.5 * (low + high);
		else
			y = low + (high - low) * weight_low / (weight_low + weight_high);
		/* Between two neighbouring numbers: an outcome itself. */
		if (!(y > low && y < high) && !(0.5 * (low + high) > low && 0.5 * (low + high) < high))
			return high;
	}

	if (low < 0.0 && pairs_to_high == (int64) pairs->first->count * pairs->second->count)
	{
		if (pairs->sorted == 0)
			pairs->sorted = sort_pairs(pairs, low, high, pairs->pair);
		pair = pairs->pair;
		count = pairs->sorted;
	}
	else
		count = sort_pairs(pairs, low, high, window);
	for (int i = 0; i < count; i++)
	{
		above_low -= pair[i].probability;
		if (above_low <= wanted)
			return pair[i].total;
	}
	return high;
}

/* P(total >= y) */
double
pairs_at_least(const OutcomePairs *pairs, double y)
{
	View		at = view(pairs, y, true);

	return at.pairs_below == 0 ? 1.0 : at.above;
}

/* E max(y - total, 0) */
double
pairs_shortfall(const OutcomePairs *pairs, double y)
{
	const double *a = pairs->first->outcome;
	const double *b = pairs->second->outcome;
	double	   *chance = palloc0(pairs->nodes * sizeof(double));	/* of the second list's outcomes that are low enough */
	double	   *amount = palloc0(pairs->nodes * sizeof(double));	/* the sum of chance x outcome */
	double		shortfall = 0.0;
	int			j = 0;

	for (int i = pairs->first->count - 1; i >= 0; i--)
	{
		for (; j < pairs->second->count && a[i] + b[j] < y; j++)
			for (int k = 0; k < pairs->nodes; k++)
			{
				double		x = pairs->second->chance[(Size) j * pairs->nodes + k];

				chance[k] += x;
				amount[k] += x * b[j];
			}
		shortfall += (y - a[i]) * factor_sum(pairs->first->chance + (Size) i * pairs->nodes, chance, pairs->nodes) -
			factor_sum(pairs->first->chance + (Size) i * pairs->nodes, amount, pairs->nodes);
	}
	pfree(chance);
	pfree(amount);
	return Max(shortfall, 0.0);
}
