/*
 * bookings_evaluate.h: the distribution that a Book stands for.
 */
#ifndef SALESOPS_FORECAST_BOOKINGS_EVALUATE_H
#define SALESOPS_FORECAST_BOOKINGS_EVALUATE_H

#include "forecast/bookings.h"

typedef struct Evaluation Evaluation;

extern Evaluation *bookings_evaluate(const Book *book, void (*check_for_cancel) (void));
extern double evaluation_quantile(const Evaluation *evaluation, double p);
extern double evaluation_at_least(const Evaluation *evaluation, double amount);
extern double evaluation_expected_shortfall(const Evaluation *evaluation, double p);
extern double evaluation_mean_deviation(const Evaluation *evaluation);
extern double bookings_variance(const Book *book, double correlation);

#endif
