/*
 * steps.h: a higher bound, for accounts are whole. See steps.c.
 */
#ifndef SALESOPS_TERRITORY_STEPS_H
#define SALESOPS_TERRITORY_STEPS_H

#include "territory/columns.h"

/* A load counted in whole units. All zeros: there is no such step. */
typedef struct Step
{
	double		size;			/* of the measure, in whole numbers; what is counted is bounded by the most if it is positive, by the least if negative */
	double		below;			/* units of the territory with less than that are counted when they leave, others while they are there; infinite: all when they leave */
	double		price;			/* of one, in whole numbers of cost */
} Step;

/* What proves the higher bound. */
typedef struct Steps
{
	Prices		prices;			/* of the loads */
	Step	   *step;			/* [territories][measures] */
	double		bound;			/* in the unit of costs; minus infinity: nothing is proven */
} Steps;

extern void steps_find(Problem *p, const Prices *prices, double cold, Steps *steps);

#endif
