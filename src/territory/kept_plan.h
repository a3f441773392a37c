/*
 * kept_plan.h: a plan that the search comes back to.
 */
#ifndef SALESOPS_TERRITORY_KEPT_PLAN_H
#define SALESOPS_TERRITORY_KEPT_PLAN_H

#include "territory/search.h"

typedef struct KeptPlan
{
	uint16	   *slot;			/* [units], see Search */
	double		outside;
	double		cost;			/* above the cheapest territories */
} KeptPlan;

extern KeptPlan plan_begin(Problem *p);
extern void plan_end(Problem *p, KeptPlan *plan);

/* Whether a is nearer to its limits, or as near and cheaper. */
static inline bool
plan_is_better(const KeptPlan *a, const KeptPlan *b)
{
	return a->outside != b->outside ? a->outside < b->outside : a->cost < b->cost;
}

extern void plan_copy(const Problem *p, KeptPlan *to, const KeptPlan *from);
extern bool plan_note(const Search *s, KeptPlan *plan);

#endif
