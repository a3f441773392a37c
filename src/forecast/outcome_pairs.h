/*
 * outcome_pairs.h: the total of deals whose outcomes stand in two lists.
 */
#ifndef SALESOPS_FORECAST_OUTCOME_PAIRS_H
#define SALESOPS_FORECAST_OUTCOME_PAIRS_H

#include "forecast/outcome_list.h"

typedef struct OutcomePairs OutcomePairs;

extern OutcomePairs *outcome_pairs(const Part *part, int parts, const FactorNodes *nodes, void (*check_for_cancel) (void));
extern double pairs_quantile(OutcomePairs *pairs, double p, double guess, double sd);
extern double pairs_at_least(const OutcomePairs *pairs, double total);
extern double pairs_shortfall(const OutcomePairs *pairs, double total);

#endif
