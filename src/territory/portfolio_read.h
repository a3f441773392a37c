/*
 * portfolio_read.h: the customers of a portfolio and their past, read by queries.
 */
#ifndef SALESOPS_TERRITORY_PORTFOLIO_READ_H
#define SALESOPS_TERRITORY_PORTFOLIO_READ_H

#include "core/compat.h"

/* What the queries gave: customers by segment and id, their past by customer. */
typedef struct PortfolioGiven
{
	int			customers;
	char	  **id;
	double	   *potential;		/* NaN: not known */
	int			segments;
	char	  **segment;
	int		   *first;			/* [segments + 1] */
	int			rows;
	int		   *first_row;		/* [customers + 1] */
	double	   *effort;
	double	   *revenue;
} PortfolioGiven;

extern PortfolioGiven *portfolio_read_given(const char *customers_sql, const char *past_sql);

#endif
