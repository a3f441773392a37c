/*
 * smooth_total.h: the total of a few large deals and a rest of which only cumulants are known.
 */
#ifndef SALESOPS_FORECAST_SMOOTH_TOTAL_H
#define SALESOPS_FORECAST_SMOOTH_TOTAL_H

#include "forecast/book_rest.h"
#include "forecast/outcome_list.h"

typedef struct SmoothTotal SmoothTotal;

extern SmoothTotal *smooth_total(const Part *part, int parts, const BookRest *rest, double correlation, double sd,
								 void (*check_for_cancel) (void));
extern double smooth_quantile(const SmoothTotal *total, double p, double guess, double sd);
extern double smooth_at_least(const SmoothTotal *total, double y);
extern double smooth_shortfall(const SmoothTotal *total, double y);

#endif
