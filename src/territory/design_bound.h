/*
 * design_bound.h: a lower bound over all choices of homes. See design_bound.c.
 */
#ifndef SALESOPS_TERRITORY_DESIGN_BOUND_H
#define SALESOPS_TERRITORY_DESIGN_BOUND_H

#include "territory/problem.h"

extern double design_bound(Problem *p, const double *price, const int *territory, double cost);

#endif
