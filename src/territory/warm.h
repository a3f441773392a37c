/*
 * warm.h: a former plan goes on. See warm.c and newcomers.c.
 */
#ifndef SALESOPS_TERRITORY_WARM_H
#define SALESOPS_TERRITORY_WARM_H

#include "territory/search.h"

/* Repairs of a former plan. Those that help do so soon; after many, being outside is so dear that units go anywhere. */
#define MOST_REPAIRS_OF_FORMER	200

/* The plan that the owners are. */
typedef struct Former
{
	double		outside;		/* what its loads are outside their limits, in shares of them or of the limits: a territory that all must leave counts as one */
	double		cost;			/* of the units that somebody has */
} Former;

extern Former former_plan(Problem *p);
extern bool former_is_within(const Problem *p, const Former *former);
extern bool former_is_cheap(const Problem *p, const Former *former);
extern bool former_goes_on(Search *s, int ties_per_unit);

extern int count_newcomers(const Problem *p);
extern void price_newcomers(Problem *p, Prices *prices);

#endif
