/*
 * bound.h: the lower bound. See bound.c.
 */
#ifndef SALESOPS_TERRITORY_BOUND_H
#define SALESOPS_TERRITORY_BOUND_H

#include "territory/columns.h"

/* Prices are multiples of 2^-PRICE_BITS, in whole numbers of cost for a whole number of load. */
#define PRICE_BITS	44

extern void bound_round(const Problem *p, Prices *prices);
extern int128 bound_exact(Problem *p, const Prices *prices, uint16 *best);
extern double bound_regret(const Problem *p, const Prices *prices, int unit, int territory, int best);
extern double bound_as_cost(const Problem *p, int128 bound);

#endif
