/*
 * portfolio_demand.h: how much effort a segment takes at a price.
 */
#ifndef SALESOPS_TERRITORY_PORTFOLIO_DEMAND_H
#define SALESOPS_TERRITORY_PORTFOLIO_DEMAND_H

#include "territory/portfolio.h"

typedef struct PortfolioDemand
{
	double		effort;
	double		revenue;
	double		slope;			/* of effort, by the logarithm of the price */
} PortfolioDemand;

extern PortfolioDemand portfolio_demand(const PortfolioCustomers *customers, const Response *response, int segment, double log_price, double *effort);

/* The value at a logarithm of the price, and its slope. */
typedef double (*PriceFunction) (double log_price, double *slope, void *arg);

extern double portfolio_find_price(PriceFunction at, void *arg, double wanted, double start, double ceiling);

#endif
