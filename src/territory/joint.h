/*
 * joint.h: targets of several measures that the same accounts can meet together. See joint.c.
 */
#ifndef SALESOPS_TERRITORY_JOINT_H
#define SALESOPS_TERRITORY_JOINT_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

/* As TerritoryShares, of several measures in proportion to the same shares. */
typedef struct TerritoryJointShares
{
	int			classes;
	int			territories;
	int			measures;
	const double *supply;		/* [classes][measures] */
	const bool *eligible;		/* [classes][territories]. NULL: all */
	const double *share;		/* [territories] */
	const double *held;			/* [territories][measures] */
	const double *least;		/* [territories][measures], floors; 0: none */
	const double *most;			/* [territories][measures], caps; infinite: none */
} TerritoryJointShares;

/* Targets [territories][measures], palloc'd, held load included. check is called now and then and may leave by ereport; NULL: no need. */
extern double *territory_joint_targets(const TerritoryJointShares *shares, void (*check) (void));

#endif
