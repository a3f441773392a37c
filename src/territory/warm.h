/*
 * warm.h: a former plan goes on. See warm.c.
 */
#ifndef SALESOPS_TERRITORY_WARM_H
#define SALESOPS_TERRITORY_WARM_H

#include "territory/columns.h"

extern int *warm_plan(Problem *p, const Prices *prices);

#endif
