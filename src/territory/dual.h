/*
 * dual.h: the best prices. See dual.c.
 */
#ifndef SALESOPS_TERRITORY_DUAL_H
#define SALESOPS_TERRITORY_DUAL_H

#include "territory/columns.h"

/*
 * The second derivatives of the smoothed dual, with the sign turned: a block of measures x measures for each territory, one for each pair of
 * territories that share units (the first has the lower number), and a border for the budgets.
 */
typedef struct Curvature
{
	int			territories;
	int			measures;
	double	   *own;			/* [territories][measures][measures] */
	int			pairs;
	int			room;
	int		   *pair_of;		/* [territories][territories], pair + 1 or 0 */
	uint16	   *one;			/* [pairs] */
	uint16	   *other;
	double	   *block;			/* [pairs][measures][measures] */
	double	   *border[TERRITORY_BUDGETS];	/* [territories][measures] */
	double		corner[TERRITORY_BUDGETS][TERRITORY_BUDGETS];
	double	   *more;			/* [territories x measures + budgets], added to the diagonal */
} Curvature;

typedef struct Dual
{
	Problem    *p;
	Columns    *c;
	int			size;			/* of vectors: territories x measures + budgets */
	double	   *least;			/* limits; in a sample scaled to what the sample carries */
	double	   *most;
	bool		is_rough;		/* prices are left where the coldest climb ended, not where the dual without smoothing was highest; as on a sample, where that means little */
	double		good;			/* a mean distance of loads from their limits, as a share, that the dual is as good as at its maximum with */
	const bool *is_known;		/* [territories][measures], whose prices stay as they are, and those of the budgets; NULL: all may change */
	double		budget[TERRITORY_BUDGETS];
	double		temperature;
	double		softness;		/* of the limits */
	double		damping;
	double	   *gradient;
	double		exact;			/* of the latest prices without smoothing, apart from what the cheapest columns cost */
	double		best;			/* the highest of that */
	Curvature	curvature;
	/* Room for a row and for vectors. */
	float	   *price;
	float	   *value;
	uint16	   *near;			/* territories that have a share in a unit */
	float	   *share;
	uint16	   *large;			/* which of them have much */
	double	   *trial;
	double	   *step;
	double	   *work;			/* 4 vectors */
} Dual;

extern void dual_begin(Dual *d, Problem *p, Columns *c);
extern void dual_end(Dual *d);
extern void dual_climb(Dual *d, Prices *prices, double hot, double cold, int most_steps);
extern void newton_step(Problem *p, const Curvature *curvature, const double *gradient, const bool *is_fixed, double *step, double *work);

#endif
