/*
 * explain.h: why no plan is within limits. See explain.c.
 */
#ifndef SALESOPS_TERRITORY_EXPLAIN_H
#define SALESOPS_TERRITORY_EXPLAIN_H

#include "territory/problem.h"

/*
 * Adds a reason for all that keeps every plan outside its limits, as far as it is found. Returns how far outside every plan is for those
 * reasons, in shares of the limits, added up, beside p->outside; 0: nothing is proven. For a problem whose plan is outside.
 */
extern double explain_outside(Problem *p);

#endif
