/*
 * portfolio_allocation.h: a scenario while it is solved, one team after the other.
 */
#ifndef SALESOPS_TERRITORY_PORTFOLIO_ALLOCATION_H
#define SALESOPS_TERRITORY_PORTFOLIO_ALLOCATION_H

#include "territory/portfolio.h"

typedef struct PortfolioAllocation
{
	const PortfolioCustomers *in;
	const Response *response;
	const PortfolioScenario *scenario;
	double	   *target_price;	/* [segments], logarithm of the price that just makes the target, products counted; infinite: it is made without
								 * effort, or there is none; -infinity: no effort makes it */
	double	   *log_uplift;		/* [segments] */
	double		log_most;		/* of 1 + target_price */
	double	   *effort;			/* [customers], of the relaxation */
	double	   *relaxed_revenue;	/* [segments] */
	double	   *segment_log_price;	/* [segments], what the segment pays */
	double	   *elasticity;		/* [segments], how the segment's effort changes with the logarithm of the team's price */
	int			team;			/* being looked at */
	double		log_price;		/* of the team, once it is solved */
} PortfolioAllocation;

extern double portfolio_block_density(const Response *response, const SegmentResponse *segment, int customer, double effort, double size);
extern void portfolio_round_team(PortfolioAllocation *a, double capacity, double *plan_effort);

#endif
