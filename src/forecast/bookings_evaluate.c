/*
 * bookings_evaluate.c: the distribution that a Book stands for.
 *
 * Given the common factor z, the total is a sum of independent parts: the large deals, each all or nothing, and all the rest, of which
 * only cumulants matter. book_rest.c chooses the large ones. Where there is no rest the total is one of finitely many outcomes
 * (outcome_pairs.c), otherwise it is smooth (smooth_total.c). factor_nodes.c says at which z this is looked at.
 *
 * Amounts are in thousandths here, counted from the certain ones.
 */
#include "forecast/bookings_evaluate.h"

#include <math.h>

#include "core/numerics.h"
#include "forecast/book_rest.h"
#include "forecast/outcome_pairs.h"
#include "forecast/smooth_total.h"

struct Evaluation
{
	double		base;			/* added to every amount */
	double		mean;
	double		sd;				/* nearly: where to look */
	OutcomePairs *pairs;		/* one of these two, the other is NULL */
	SmoothTotal *smooth;
};

/* By size of the amount, the largest first. */
static int
compare_sizes(const void *a, const void *b)
{
	const BookDeal *x = (const BookDeal *) a;
	const BookDeal *y = (const BookDeal *) b;
	double		size_x = fabs((double) x->amount);
	double		size_y = fabs((double) y->amount);

	if (size_x != size_y)
		return size_x > size_y ? -1 : 1;
	if (x->amount != y->amount)
		return x->amount > y->amount ? -1 : 1;
	if (x->chance != y->chance)
		return x->chance > y->chance ? -1 : 1;
	return 0;
}

/* A deal as a part of the total; one of a negative amount is certain, and its complement brings it back. */
static Part
part_of(const BookDeal *deal, int128 *base)
{
	double		p = book_deal_probability(deal);
	double		c = salesops_normal_quantile(p);

	if (deal->amount > 0)
		return (Part) {(double) deal->amount, p, c, 1.0};
	*base += deal->amount;
	return (Part) {-(double) deal->amount, 1.0 - p, -c, -1.0};
}

/* The distribution of a book. */
Evaluation *
bookings_evaluate(const Book *book, void (*check_for_cancel) (void))
{
	Evaluation *e = palloc0(sizeof(Evaluation));
	BookDeal   *deals = palloc(Max(book->head_deals, 1) * sizeof(BookDeal));
	Part	   *parts = palloc(Max(book->head_deals, 1) * sizeof(Part));
	int128		base = book->base;
	int			large;
	BookRest	rest;

	book_rest(book, &rest);
	if (book->head_deals > 0)
		memcpy(deals, book->head, book->head_deals * sizeof(BookDeal));
	qsort(deals, book->head_deals, sizeof(BookDeal), compare_sizes);
	large = book_large_deals(deals, book->head_deals, &rest, book->correlation, &e->sd);
	for (int i = 0; i < large; i++)
	{
		parts[i] = part_of(&deals[i], &base);
		e->mean += parts[i].amount * parts[i].probability;
	}
	for (int i = large; i < book->head_deals; i++)
		book_rest_add(&rest, &deals[i]);
	e->mean += rest.mean;
	e->base = (double) base;

	if (rest.is_empty)
		e->pairs = outcome_pairs(parts, large, factor_nodes(book->correlation, factor_step(large, book->correlation)), check_for_cancel);
	else
		e->smooth = smooth_total(parts, large, &rest, book->correlation, e->sd, check_for_cancel);
	return e;
}

/* The least total above the certain amounts that is not exceeded with probability p or more. */
static double
quantile(const Evaluation *e, double p)
{
	/* That of a normal distribution is where to look. */
	double		guess = e->mean + e->sd * salesops_normal_quantile(p);

	return e->pairs != NULL ? pairs_quantile(e->pairs, p, guess, e->sd) : smooth_quantile(e->smooth, p, guess, e->sd);
}

/* E max(y - total, 0) */
static double
shortfall(const Evaluation *e, double y)
{
	return e->pairs != NULL ? pairs_shortfall(e->pairs, y) : smooth_shortfall(e->smooth, y);
}

/* The least amount that the total does not exceed with probability p or more. */
double
evaluation_quantile(const Evaluation *e, double p)
{
	return (e->base + quantile(e, p)) / AMOUNT_UNIT;
}

/* P(total >= amount) */
double
evaluation_at_least(const Evaluation *e, double amount)
{
	double		y = amount * AMOUNT_UNIT - e->base;

	return e->pairs != NULL ? pairs_at_least(e->pairs, y) : smooth_at_least(e->smooth, y);
}

/*
 * The mean of the worst share p of all outcomes: (1 / p) times the integral of the quantiles up to p. With the quantile q that is
 * q - E max(q - total, 0) / p (Acerbi and Tasche 2002, "On the coherence of expected shortfall"). All of them are the mean.
 */
double
evaluation_expected_shortfall(const Evaluation *e, double p)
{
	double		y;

	if (p == 1.0)
		return (e->base + e->mean) / AMOUNT_UNIT;
	y = quantile(e, p);
	return (e->base + (y - shortfall(e, y) / p)) / AMOUNT_UNIT;
}

/* E |total - mean|, which is twice E max(mean - total, 0). */
double
evaluation_mean_deviation(const Evaluation *e)
{
	return Max(2.0 * shortfall(e, e->mean) / AMOUNT_UNIT, 0.0);
}
