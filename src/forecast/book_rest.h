/*
 * book_rest.h: the deals of a book that are not kept one by one, and business not yet created: only their cumulants count.
 */
#ifndef SALESOPS_FORECAST_BOOK_REST_H
#define SALESOPS_FORECAST_BOOK_REST_H

#include "forecast/bookings.h"

/* The sums over the grid of bookings.h, as float8: the stored tail, and deals that are added to it for an evaluation. */
typedef struct BookRest
{
	bool		is_empty;
	double		moment[GRID_MOMENTS][GRID_POINTS];
	double		mean;			/* exactly, over all z */
	double		new_variance;
	double		new_third;
} BookRest;

extern void book_rest(const Book *book, BookRest *rest);
extern void book_rest_add(BookRest *rest, const BookDeal *deal);
extern void book_rest_cumulants(const BookRest *rest, double z, double correlation, double cumulant[GRID_MOMENTS]);
extern double book_deal_probability(const BookDeal *deal);
extern int	book_large_deals(const BookDeal *deals, int count, const BookRest *rest, double correlation, double *total_sd);

#endif
