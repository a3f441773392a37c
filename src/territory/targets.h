/*
 * targets.h: targets of several measures that the same accounts can meet together. See targets.c.
 */
#ifndef SALESOPS_TERRITORY_TARGETS_H
#define SALESOPS_TERRITORY_TARGETS_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

/* Measures in proportion to the same shares. Numbers are finite and not negative, which the caller sees to; most may be infinite. */
typedef struct TerritoryShares
{
	int			classes;
	int			territories;
	int			measures;
	const double *supply;		/* [classes][measures], of the accounts that are free to go anywhere they are eligible for */
	const bool *eligible;		/* [classes][territories]. NULL: all */
	const double *share;		/* [territories], capacity, quota or ramp share in any unit; 0: no more than it holds or its floor */
	const double *held;			/* [territories][measures], load that is held there and counts */
	const double *least;		/* [territories][measures], floors; 0: none */
	const double *most;			/* [territories][measures], caps; infinite: none */
} TerritoryShares;

/* Targets [territories][measures], palloc'd, held load included. check is called now and then and may leave by ereport; NULL: no need. */
extern double *territory_targets(const TerritoryShares *shares, void (*check) (void));

#endif
