/*
 * design.h: homes chosen, and which account belongs to which territory. See design.c.
 */
#ifndef SALESOPS_TERRITORY_DESIGN_H
#define SALESOPS_TERRITORY_DESIGN_H

#include "territory/balance.h"

/*
 * As territory_balance(), for input without given costs, and territories whose homes may move. home [territories] is set to the account
 * whose place is the territory's home, TERRITORY_NONE where the home is pinned.
 */
extern TerritoryPlan *territory_design(const TerritoryInput *input, const TerritoryOptions *options, int *home);

#endif
