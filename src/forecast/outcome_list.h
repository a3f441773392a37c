/*
 * outcome_list.h: the totals that some deals can come to, with their probabilities at each node of the factor.
 */
#ifndef SALESOPS_FORECAST_OUTCOME_LIST_H
#define SALESOPS_FORECAST_OUTCOME_LIST_H

#include "forecast/factor_nodes.h"

typedef struct OutcomeList
{
	const FactorNodes *nodes;
	int			most;			/* outcomes that it may have in the end */
	int			count;
	double	   *outcome;		/* ascending */
	double	   *chance;			/* [outcome][node] */
	double		lost_variance;	/* what thinning out has cost */
	double		range;			/* the sum of the amounts */
	/* The next list is written here */
	int			room;
	double	   *next_outcome;
	double	   *next_chance;
	double	   *won;			/* the chances of a deal at the nodes */
	double	   *lost;
} OutcomeList;

extern OutcomeList *outcome_list(const FactorNodes *nodes, int most);
extern void outcome_list_add(OutcomeList *list, const Part *part, double narrow);

#endif
