/*
 * problem.h: the problem as the solver sees it. See problem.c.
 */
#ifndef SALESOPS_TERRITORY_PROBLEM_H
#define SALESOPS_TERRITORY_PROBLEM_H

#include "territory/balance.h"

#include <math.h>
#include <setjmp.h>

/* What inner loops are made of, once for each number of measures. */
#define TERRITORY_INLINE	static pg_attribute_always_inline

typedef struct Problem
{
	const TerritoryInput *input;
	const TerritoryOptions *options;
	int			territories;
	int			measures;
	int			rows;			/* territories x measures */

	/* Units: free accounts, families merged. Their order is by list and place. */
	int			units;
	int		   *first;			/* [units + 1], into member */
	int		   *member;			/* accounts */
	int		   *list_of;		/* [units] */
	double	   *amount;			/* of a unit at a territory: see unit_amount() */
	Size		unit_step;
	Size		territory_step;

	/* Lists of territories that may have a unit, ascending, each once. */
	int			lists;
	int		   *list_start;		/* [lists + 1], into the following */
	uint16	   *list;
	float	   *list_x;			/* home of each, from the middle of the map */
	float	   *list_y;
	float	   *list_z;
	int			longest_list;

	/* Whole numbers: what the unit of a cost or of a measure is multiplied by. All are powers of two. */
	double		cost_scale;
	double		amount_scale[TERRITORY_MOST_MEASURES];
	double		budget_scale[TERRITORY_BUDGETS];

	/* Limits of what is free, in whole numbers: 0 <= least <= most <= total. */
	double	   *least;			/* [territories][measures] */
	double	   *most;
	double	   *width;			/* [territories][measures], what a violation is measured by: the most of all, held accounts included */
	double		budget[TERRITORY_BUDGETS];	/* infinite: none */
	bool		has_budget;

	/* What is held: [accounts], its territory, NONE or EXEMPT; and what that adds up to. */
	int		   *held_at;
	double	   *held_load;		/* [territories][measures] */
	double		held_used[TERRITORY_BUDGETS];
	double		budget_rounding;	/* what rounding may have added to the budgeted amounts of all that could move */

	double		outside;		/* how far what is held is outside its limits, whatever the plan */

	/* How much costs differ: between the best territory and the eighth best, and the mean of all; and mean amounts. */
	bool		all_alike;		/* no cost differs: balance is all there is */
	double		spread;
	double		wide_spread;
	double		mean_amount[TERRITORY_MOST_MEASURES];
	double		ceiling[TERRITORY_MOST_MEASURES];	/* no price is larger: a unit of the measure outside is worth that much */
	double		budget_ceiling[TERRITORY_BUDGETS];

	double		distance_factor;
	double		middle_x;
	double		middle_y;
	double		middle_z;
	double		reach;			/* largest coordinate from the middle */
	double		place_scale;	/* power of two: floats of places times that are squared without overflow or underflow */

	int			reasons;
	int			reasons_room;
	TerritoryReason *reason;

	Size		memory;
	Size		most_memory;
	sigjmp_buf *when_short;		/* where to go when memory_limit does not suffice. NULL: there is no limit */

	bool		is_stopped;		/* somebody asked for the end */
	TerritoryStatus status;
	int64		work;
	uint32		compared;		/* entries, while they are sorted */
} Problem;

extern bool problem_build(Problem *p, const TerritoryInput *input, const TerritoryOptions *options);
extern TerritoryReason *problem_complain(Problem *p, TerritoryFinding finding);

/* Memory that is counted. */
extern void *problem_take(Problem *p, Size bytes);
extern void problem_return(Problem *p, void *memory, Size bytes);
#define take(p, type, count) ((type *) problem_take(p, sizeof(type) * (Size) Max(count, 1)))
#define give_back(p, type, memory, count) problem_return(p, memory, sizeof(type) * (Size) Max(count, 1))

/* True when it is time to stop. */
static inline bool
problem_progress(Problem *p)
{
	if (!p->is_stopped && p->options->progress && p->options->progress(&p->status, p->options->progress_arg))
		p->is_stopped = true;
	return p->is_stopped;
}

/* A plan and what it costs, in whole numbers, for the callback to know of if no better one is: one that began otherwise may be. */
static inline void
problem_tell(Problem *p, double outside, double cost)
{
	TerritoryStatus *status = &p->status;

	outside += p->outside;
	cost /= p->cost_scale;
	if (isnan(status->cost) || outside < status->outside || (outside == status->outside && cost < status->cost))
	{
		status->outside = outside;
		status->cost = cost;
	}
}

/* Whether the best plan is within limits and as near to the bound as was asked for. */
static inline bool
problem_near_enough(const Problem *p)
{
	const TerritoryStatus *status = &p->status;

	return p->options->gap > 0 && status->outside == 0 && status->cost - status->bound <= p->options->gap * fabs(status->cost);
}

/* In a loop: a call of the callback every so many turns, which is to be some milliseconds of work. */
#define PROGRESS_ACCOUNTS	65536	/* next to nothing for each */
#define PROGRESS_UNITS		4096	/* its columns are looked at, or all territories */
#define progress_every(p, turn, turns) \
	do { if ((turn) % (turns) == 0) problem_progress(p); } while (0)

/* The amounts of a unit at a territory, one for each measure. */
static inline const double *
unit_amount(const Problem *p, int unit, int territory)
{
	return p->amount + unit * p->unit_step + territory * p->territory_step;
}

/* What an account at a territory costs. */
extern double account_true_cost(const Problem *p, int account, int territory);

/* The same as a whole number. */
extern double account_cost(const Problem *p, int account, int territory);

/* The same for all members of a unit. */
static inline double
unit_cost(const Problem *p, int unit, int territory)
{
	double		cost = 0;

	for (int m = p->first[unit]; m < p->first[unit + 1]; m++)
		cost += account_cost(p, p->member[m], territory);
	return cost;
}

/*
 * What all territories of a unit's list cost, as floats, in the order of the list. Returns what they may be wrong by, apart from
 * 2^-21 of themselves.
 */
extern float unit_costs(const Problem *p, int unit, float *cost);

/* What an owned account has of the budgeted measure where it is. */
static inline double
owned_amount(const Problem *p, int account)
{
	const TerritoryInput *in = p->input;

	return in->amount[in->by_territory ?
					  ((Size) account * in->territories + in->owner[account]) * in->measures + in->budget_measure :
					  (Size) account * in->measures + in->budget_measure];
}

/* What of a budget an account uses at a territory, in whole numbers. */
static inline double
account_used(const Problem *p, int account, int territory, int budget)
{
	int			owner = p->input->owner ? p->input->owner[account] : TERRITORY_NONE;

	if (owner == TERRITORY_NONE || owner == territory)
		return 0;
	if (budget == TERRITORY_BUDGET_COUNT)
		return p->budget_scale[budget];
	return rint(owned_amount(p, account) * p->budget_scale[budget]);
}

static inline double
unit_used(const Problem *p, int unit, int territory, int budget)
{
	double		used = 0;

	for (int m = p->first[unit]; m < p->first[unit + 1]; m++)
		used += account_used(p, p->member[m], territory, budget);
	return used;
}

/* The territory that owns a unit; NONE for a family of several owners, too. */
static inline int
unit_owner(const Problem *p, int unit)
{
	const int  *owner = p->input->owner;
	int			found;

	if (!owner)
		return TERRITORY_NONE;
	found = owner[p->member[p->first[unit]]];
	for (int m = p->first[unit] + 1; m < p->first[unit + 1]; m++)
		if (owner[p->member[m]] != found)
			return TERRITORY_NONE;
	return found;
}

/* Whether a unit is a family of several owners while moves have a budget: any of its territories may be the one that it uses least with. */
static inline bool
unit_is_torn(const Problem *p, int unit)
{
	return p->has_budget && p->first[unit + 1] - p->first[unit] > 1 && unit_owner(p, unit) == TERRITORY_NONE;
}

/* Random numbers by splitmix64 (Steele, Lea, Flood 2014), which is a counter and a hash. */
static inline uint64
next_random(uint64 *state)
{
	uint64		z = (*state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* An even number below n, without division. */
static inline uint32
random_below(uint64 *state, uint32 n)
{
	return (uint32) (((next_random(state) >> 32) * n) >> 32);
}

/* Of the work that is usual, so much is asked for. */
static inline double
problem_effort(const Problem *p)
{
	return p->options->effort == 0 ? 1.0 : Max(p->options->effort, 0);
}

#endif
