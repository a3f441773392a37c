/*
 * bookings_variance.c: the variance of a book's total under some correlation, without its distribution.
 */
#include "forecast/bookings_evaluate.h"

#include "core/numerics.h"
#include "forecast/book_rest.h"
#include "forecast/factor_nodes.h"

/* In thousandths squared: the variance given z on average, and the variance of the mean given z. */
double
bookings_variance(const Book *book, double correlation)
{
	/* Pairs of deals are all that counts. */
	FactorNodes *nodes = factor_nodes(correlation, factor_step(2, correlation));
	double	   *mean_at = palloc(nodes->count * sizeof(double));
	double	   *c = palloc(Max(book->head_deals, 1) * sizeof(double));
	double	   *chance = palloc(Max(book->head_deals, 1) * sizeof(double));
	double		variance = 0.0;
	double		mean = 0.0;
	double		square = 0.0;
	BookRest	rest;

	book_rest(book, &rest);
	for (int i = 0; i < book->head_deals; i++)
		c[i] = salesops_normal_quantile(book_deal_probability(&book->head[i]));
	for (int k = 0; k < nodes->count; k++)
	{
		double		cumulant[GRID_MOMENTS];

		book_rest_cumulants(&rest, nodes->z[k], correlation, cumulant);
		factor_chances(correlation, nodes->z[k], c, chance, book->head_deals);
		for (int i = 0; i < book->head_deals; i++)
		{
			double		amount = (double) book->head[i].amount;

			cumulant[0] += amount * chance[i];
			cumulant[1] += amount * amount * chance[i] * (1.0 - chance[i]);
		}
		mean_at[k] = cumulant[0];
		variance += cumulant[1] * nodes->weight[k];
		mean += cumulant[0] * nodes->weight[k];
	}
	for (int k = 0; k < nodes->count; k++)
		square += (mean_at[k] - mean) * (mean_at[k] - mean) * nodes->weight[k];
	pfree(mean_at);
	pfree(c);
	pfree(chance);
	return Max(variance + square, 0.0);
}
