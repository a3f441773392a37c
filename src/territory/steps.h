/*
 * steps.h: a higher bound, for accounts are whole. See steps.c.
 */
#ifndef SALESOPS_TERRITORY_STEPS_H
#define SALESOPS_TERRITORY_STEPS_H

#include "territory/columns.h"

/* What comes to a territory and leaves it, counted in whole steps. No weights: there is no such step. */
typedef struct Step
{
	double		weight[TERRITORY_MOST_MEASURES];	/* steps of a whole number of a measure */
	double		below;			/* units of the territory that come to less are counted when they leave, others while they are there; infinite: all when they leave */
	double		price;			/* of a step, in whole numbers of cost; not negative */
} Step;

/* What proves the higher bound. */
typedef struct Steps
{
	Prices		prices;			/* of the loads */
	int			steps;			/* of a territory */
	Step	   *step;			/* [territories][steps] */
	double		bound;			/* in the unit of costs; minus infinity: nothing is proven */
} Steps;

extern void steps_find(Problem *p, const Prices *prices, double cold, Steps *steps);

#endif
