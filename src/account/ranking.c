/*
 * ranking.c: the area under the ROC curve with its variance, and the lift of the best tenth.
 *
 * DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988). The placement of a won account is how many of the lost ones score lower, those with its own score
 * half; of a lost one, how many of the won ones score higher. They are kept doubled, as whole numbers, and so are their sums and products: the result has the
 * same bits whatever the order of the accounts. The auc is the mean placement of the won over the number of lost; its variance is that of the two means of
 * placements. Two scores of the same accounts have a covariance too, without which their difference would look less sure than it is.
 */
#include "account/ranking.h"

#include <math.h>

typedef struct Counts
{
	int64		wins;
	int64		losses;
} Counts;

static int
score_order(const void *a, const void *b, void *scores)
{
	double		x = ((const double *) scores)[*(const int *) a];
	double		y = ((const double *) scores)[*(const int *) b];

	return (x > y) - (x < y);
}

static Counts
count_outcomes(const bool *won, int count)
{
	Counts		counts = {0, 0};

	for (int i = 0; i < count; i++)
		counts.wins += won[i];
	counts.losses = count - counts.wins;
	return counts;
}

/* Sample covariance of the doubled placements of those that were won, or were lost, over the square of how many of the others there are. */
static double
placement_covariance(const int64 *a, const int64 *b, const bool *won, int count, bool of_won, int64 own, int64 others)
{
	int128		sum_a = 0;
	int128		sum_b = 0;
	int128		product = 0;

	if (own < 2)
		return NAN;
	for (int i = 0; i < count; i++)
		if (won[i] == of_won)
		{
			sum_a += a[i];
			sum_b += b[i];
			product += (int128) a[i] * b[i];
		}
	return (double) (own * product - sum_a * sum_b) / own / (own - 1) / 4 / others / others;
}

/* Of two ways to score the same accounts; of a way with itself, the variance. NaN with fewer than two won or lost. */
double
ranking_covariance(const Ranking *a, const Ranking *b, const bool *won, int count)
{
	Counts		all = count_outcomes(won, count);

	return placement_covariance(a->placement, b->placement, won, count, true, all.wins, all.losses) / all.wins +
		placement_covariance(a->placement, b->placement, won, count, false, all.losses, all.wins) / all.losses;
}

/*
 * Ranks accounts by score. auc and variance are NaN where nothing was won or nothing lost, the variance also where only one was; lift is NaN where nothing
 * was won. Of accounts with one score some are in the best tenth: so many of their wins count as would be expected.
 */
Ranking
rank_scores(const double *score, const bool *won, int count)
{
	Counts		all = count_outcomes(won, count);
	Counts		below = {0, 0};
	int		   *order = palloc((count + 1) * sizeof(int));
	Ranking		ranking = {NAN, NAN, NAN, palloc0((count + 1) * sizeof(int64))};
	double		best_wins = 0;
	int128		sum = 0;

	for (int i = 0; i < count; i++)
		order[i] = i;
	qsort_arg(order, count, sizeof(int), score_order, (void *) score);
	for (int first = 0, end; first < count; first = end)
	{
		Counts		same = {0, 0};
		double		share;

		for (end = first; end < count && score[order[end]] == score[order[first]]; end++)
			same.wins += won[order[end]];
		same.losses = end - first - same.wins;
		for (int i = first; i < end; i++)
			ranking.placement[order[i]] = won[order[i]] ? 2 * below.losses + same.losses : 2 * (all.wins - below.wins - same.wins) + same.wins;
		sum += (int128) same.wins * (2 * below.losses + same.losses);
		/* How many of these are in the best tenth, which begins at 0.9 count. */
		share = (double) (INT64CONST(10) * end - Max(INT64CONST(9) * count, INT64CONST(10) * first)) / (INT64CONST(10) * (end - first));
		best_wins += Max(share, 0) * same.wins;
		below.wins += same.wins;
		below.losses += same.losses;
	}
	pfree(order);
	if (all.wins > 0)
		ranking.lift = 10 * best_wins / all.wins;
	if (all.wins > 0 && all.losses > 0)
	{
		ranking.auc = (double) sum / 2 / all.wins / all.losses;
		ranking.variance = ranking_covariance(&ranking, &ranking, won, count);
	}
	return ranking;
}
