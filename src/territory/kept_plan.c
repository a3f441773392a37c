/*
 * kept_plan.c: a plan that the search comes back to.
 */
#include "territory/kept_plan.h"

/* Nothing yet, which any plan is better than. */
KeptPlan
plan_begin(Problem *p)
{
	return (KeptPlan) {take(p, uint16, p->units), INFINITY, INFINITY};
}

void
plan_end(Problem *p, KeptPlan *plan)
{
	give_back(p, uint16, plan->slot, p->units);
}

void
plan_copy(const Problem *p, KeptPlan *to, const KeptPlan *from)
{
	to->outside = from->outside;
	to->cost = from->cost;
	memcpy(to->slot, from->slot, sizeof(uint16) * p->units);
}

/* Notes the plan that the search is at, if it is better. */
bool
plan_note(const Search *s, KeptPlan *plan)
{
	KeptPlan	now = {s->slot, search_outside(s), s->cost};

	if (!plan_is_better(&now, plan))
		return false;
	plan_copy(s->p, plan, &now);
	return true;
}
