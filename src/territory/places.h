/*
 * places.h: homes that may move, and who goes to them. See places.c and recombine_homes.c.
 */
#ifndef SALESOPS_TERRITORY_PLACES_H
#define SALESOPS_TERRITORY_PLACES_H

#include "territory/problem.h"

/* Work between two calls of the callback: a few milliseconds. */
#define WORK_BETWEEN_CALLS	200000

/* Neighbours that are kept for each territory. */
#define PLACES_NEAR	8

/* Where an account or a home is. */
typedef struct Place
{
	double		x;
	double		y;
	double		z;
	int			account;		/* NONE: a home that is pinned where no account is */
} Place;

/* Units are those of the problem, and then what is held, which counts for the place of a home but for no limit. */
typedef struct Places
{
	Problem    *p;
	int			units;
	int		   *first;			/* [units + 1], into the following */
	Place	   *place;			/* of the accounts of a unit */
	double	   *weight;			/* cost of a unit of distance, of the same */
	bool	   *may;			/* [lists][territories] */
	double	   *nothing;		/* amounts of what is held */
	bool		has_other;		/* there are costs other than distance */

	Place	   *home;			/* [territories] */
	bool	   *is_home;		/* [accounts], or it is nowhere and no home can be there */
	int		   *at;				/* [units], its territory */
	int		   *next;			/* [units], the next one there, or NONE */
	int		   *previous;
	int		   *member;			/* [territories], the first one there */
	double	   *load;			/* [territories][measures], of what is not held */
	double	   *spent;			/* [territories], cost of those there */
	int		   *near;			/* [territories][PLACES_NEAR], those whose homes are near, the nearest first */
	int		   *near_until;		/* [territories], the sweep in which they are to be found anew */
	int			sweep;			/* grows with every so many recombinations as there are territories */

	double		rate[TERRITORY_MOST_MEASURES];	/* what a whole number of load outside the limits costs the search */
	uint64		random;
	int64		work;			/* distances computed, and the like */
	int64		told;			/* the work when the callback was called last */
} Places;

static inline const double *
place_amount(const Places *s, int unit, int territory)
{
	return unit < s->p->units ? unit_amount(s->p, unit, territory) : s->nothing;
}

/* Whether a unit may go to a territory. */
static inline bool
place_may(const Places *s, int unit, int territory)
{
	return unit < s->p->units ? s->may[(Size) s->p->list_of[unit] * s->p->territories + territory] :
		s->p->held_at[s->place[s->first[unit]].account] == territory;
}

static inline double
place_distance(const Places *s, const Place *one, const Place *other)
{
	const TerritoryInput *in = s->p->input;
	double		x = one->x - other->x;
	double		y = one->y - other->y;
	double		z = one->z - other->z;

	if (in->travel && one->account >= 0 && other->account >= 0)
		return in->travel[(Size) one->account * in->accounts + other->account];
	return sqrt(x * x + y * y + z * z);
}

/* What a unit costs where a home is, apart from what does not depend on the home. */
static inline double
place_way(const Places *s, int unit, const Place *home)
{
	double		cost = 0;

	for (int i = s->first[unit]; i < s->first[unit + 1]; i++)
		cost += s->weight[i] * place_distance(s, &s->place[i], home);
	return cost;
}

/* What a territory's loads cost the search where they are outside their limits. */
static inline double
place_penalty(const Places *s, int territory, const double *load)
{
	const Problem *p = s->p;
	double		penalty = 0;

	for (int m = 0; m < p->measures; m++)
	{
		int			j = territory * p->measures + m;

		penalty += s->rate[m] * Max(Max(load[m] - p->most[j], p->least[j] - load[m]), 0);
	}
	return penalty;
}

/* Counts work, and calls the callback now and then. */
static inline void
places_work(Places *s, int64 more)
{
	s->work += more;
	if (s->work - s->told > WORK_BETWEEN_CALLS)
	{
		s->told = s->work;
		problem_progress(s->p);
	}
}

extern void places_begin(Places *s, Problem *p);
extern void places_end(Places *s);
/* Whether no home can be at an account. */
static inline bool
is_nowhere(const TerritoryInput *in, int account)
{
	return in->is_nowhere && in->is_nowhere[account];
}

extern Place place_of(const TerritoryInput *in, int account);
extern double account_other_cost(const TerritoryInput *in, int account, int territory);
extern double place_other(const Places *s, int unit, int territory);
extern void place_move(Places *s, int unit, int territory);
extern double places_outside(const Places *s);
extern double places_cost(const Places *s);
extern void places_recombine(Places *s, double temperature);

#endif
