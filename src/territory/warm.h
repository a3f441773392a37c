/*
 * warm.h: a former plan goes on. See warm.c.
 */
#ifndef SALESOPS_TERRITORY_WARM_H
#define SALESOPS_TERRITORY_WARM_H

#include "territory/columns.h"

/* balance.c: territory_balance() where most is held. */
extern TerritoryPlan *balance_part(const TerritoryInput *input, const TerritoryOptions *options);

extern int *warm_plan(Problem *p, const Prices *prices);

#endif
