/*
 * portfolio_learn.h: what the past of a segment says of its response to effort.
 */
#ifndef SALESOPS_TERRITORY_PORTFOLIO_LEARN_H
#define SALESOPS_TERRITORY_PORTFOLIO_LEARN_H

#include "territory/portfolio.h"

/* Nodes of a segment: RESPONSE_CARRYOVERS carryovers for each of RESPONSE_SCALES scales. */
#define RESPONSE_NODES		(RESPONSE_SCALES * RESPONSE_CARRYOVERS)
#define SQRT_3				1.7320508075688772

/* The past of a segment's customers, or of some of them. */
typedef struct ResponsePast
{
	int			customers;
	int			rows;
	int		   *first;			/* [customers + 1] */
	double	   *potential;		/* [customers] */
	double	   *won;			/* [customers], revenue of all rows */
	double	   *effort;			/* [rows] */
	double	   *revenue;		/* [rows] */
	double	   *k;				/* [rows], scratch */
	double	   *x;				/* [rows], scratch */
	double	   *exposure;		/* [customers], scratch: M_i x dispersion */
} ResponsePast;

/* What a segment's parameters are like. */
typedef struct ResponseBelief
{
	double		mean[RESPONSE_PARAMETERS];
	double		variance[RESPONSE_PARAMETERS];
} ResponseBelief;

typedef struct ResponseNode
{
	double		scale;			/* logarithm */
	double		carryover;		/* log odds */
	double		rate;			/* logarithm: the best one */
	double		deviation;		/* of it */
	double		weight;
} ResponseNode;

extern ResponsePast *response_read_past(const PortfolioCustomers *in, int segment);
extern void response_set_scale(ResponsePast *past, double log_scale);
extern void response_set_carryover(ResponsePast *past, double log_odds);
extern ResponseBelief response_learn(ResponsePast *past, const ResponseBelief *prior, const ResponseBelief *already, double shape, double dispersion, PortfolioProgress progress, ResponseNode *node);

#endif
