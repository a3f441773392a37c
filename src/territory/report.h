/*
 * report.h: what was found. See report.c.
 */
#ifndef SALESOPS_TERRITORY_REPORT_H
#define SALESOPS_TERRITORY_REPORT_H

#include "territory/steps.h"

/* A plan that was found, without the columns that it was found with. */
typedef struct Found
{
	uint16	   *territory;		/* [units] */
	double	   *load;			/* [territories][measures] */
	double		used[TERRITORY_BUDGETS];
	double		outside;
	double		cost;			/* in whole numbers */
} Found;

/* The prices that prove the bound, and where each unit is best off at them; and what proves a higher one. */
typedef struct Proof
{
	Prices		prices;
	uint16	   *best;			/* [units] */
	Steps		steps;
} Proof;

extern void report(Problem *p, const Found *found, const Proof *proof, TerritoryPlan *plan);

#endif
