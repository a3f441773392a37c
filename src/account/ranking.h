/*
 * ranking.h: how well scores rank what was won before what was lost. Plain C: arrays in, numbers out.
 */
#ifndef SALESOPS_ACCOUNT_RANKING_H
#define SALESOPS_ACCOUNT_RANKING_H

#include "core/compat.h"

/* One way to score the same accounts. */
typedef struct Ranking
{
	double		auc;			/* chance that a won account has the higher score than a lost one, ties half */
	double		variance;		/* DeLong's, of the auc */
	double		lift;			/* share won in the best tenth, over the share won in all */
	int64	   *placement;		/* of each account; see ranking.c */
} Ranking;

extern Ranking rank_scores(const double *score, const bool *won, int count);
extern double ranking_covariance(const Ranking *a, const Ranking *b, const bool *won, int count);

#endif
