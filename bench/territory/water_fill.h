/*
 * water_fill.h: what each territory should get of a measure, as evenly as eligibility, floors and caps allow, exactly and one
 * measure at a time: what the product's targets (src/territory/targets.c) are held against. See water_fill.c.
 */
#ifndef SALESOPS_BENCH_WATER_FILL_H
#define SALESOPS_BENCH_WATER_FILL_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

/* Of one measure. Numbers are finite and not negative, which the caller sees to; most may be infinite. */
typedef struct WaterFillShares
{
	int			classes;
	int			territories;
	const double *supply;		/* [classes], amount of the accounts that are free to go anywhere they are eligible for */
	const bool *eligible;		/* [classes][territories]. NULL: all */
	const double *share;		/* [territories], capacity, quota or ramp share in any unit; 0: no more than it holds or its floor */
	const double *held;			/* [territories], load that is held there and counts. NULL: 0 */
	const double *least;		/* [territories], floors, held load included. NULL: 0 */
	const double *most;			/* [territories], caps, held load included; may be infinite. NULL: infinite */
} WaterFillShares;

/*
 * Targets [territories], palloc'd, held load included: see water_fill.c. They add up to supply and held load less what is not placed.
 * unplaced [classes] is set to what nobody can take of each class; NULL where it is of no interest.
 */
extern double *water_fill(const WaterFillShares *shares, double *unplaced);

#endif
