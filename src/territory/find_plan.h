/*
 * find_plan.h: a plan, once there are prices. See find_plan.c.
 */
#ifndef SALESOPS_TERRITORY_FIND_PLAN_H
#define SALESOPS_TERRITORY_FIND_PLAN_H

#include "territory/search.h"
#include "territory/warm.h"

/* With so many pairs of unit and territory at most, all of them are looked at from the beginning. */
#define FEW_COLUMNS		200000
/* With more units than that memory is what there is least of. */
#define MANY_UNITS		400000

/* What is known of the prices before. */
typedef enum Known
{
	KNOWN_NOTHING,
	KNOWN_PRICES,				/* of some other plan */
	KNOWN_FORMER,				/* of the plan that the owners are */
} Known;

extern void find_plan(Search *s, Known known, const Former *former);

#endif
