/*
 * instance.h: instances from files, and a verifier that shares no code with the solver.
 */
#ifndef SALESOPS_BENCH_INSTANCE_H
#define SALESOPS_BENCH_INSTANCE_H

#include "territory/balance.h"

extern TerritoryInput *read_instance(const char *path, const char *kind, const char *solution);

/* What the verifier finds. */
typedef struct Verdict
{
	double		cost;
	double		bound;			/* from the plan's prices */
	double		outside;		/* loads outside their limits, in shares of the limits, added up */
	double		worst[TERRITORY_MOST_MEASURES]; /* largest share outside the middle of the limits */
	int			broken;			/* holds, eligibility and families that are not kept */
	int			owned;
	int			moved;
	double		moved_amount[TERRITORY_MOST_MEASURES];
} Verdict;

extern Verdict verify(const TerritoryInput *input, const TerritoryPlan *plan);

#endif
