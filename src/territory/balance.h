/*
 * balance.h: which account belongs to which territory. Plain C: arrays in, arrays out.
 *
 * Every account goes to one territory that it is eligible for, so that each territory's load of each measure (potential, workload,
 * number of accounts ...) stays within its least and its most, and the total cost is as small as possible: distance, broken
 * relationships, wrong skills. territory_balance() returns a plan, a lower bound that no plan can be cheaper than, and the prices that
 * prove the bound: whoever has the prices can recompute it in one pass (bound.c).
 *
 *	problem.c		input checked, families merged, everything turned into whole numbers, by problem_*.c
 *	columns.c		which territories are worth a thought for an account, given prices
 *	supply.c		columns for territories that hardly any account has one of
 *	dual.c			best prices by continuation of the smoothed dual
 *	newton.c		one Newton step for the prices
 *	bound.c			the lower bound, exact
 *	steps.c			a higher bound for the fewest moves, for accounts are whole; choose_steps.c
 *	ties.c			the accounts that either of two territories might have
 *	search.c		a plan from prices; shifts and swaps until none pays, and repair of what is outside its limits
 *	repair.c		what the search cannot bring within limits, and budgets that are kept
 *	polish.c		annealing over shifts, swaps and chains, for as long as allowed
 *	exchange.c		cyclic exchanges between territories
 *	recombine_plans.c	plans of small and tight problems, from plans
 *	split.c			loads where limits leave no room: of pairs (split_pairs.c), to the last unit (split_exactly.c)
 *	warm.c			a former plan goes on: only what is outside is worked at
 *	newcomers.c		prices of territories that the former plan knows nothing of
 *	chain.c			load goes far by short ways
 *	explain.c		why no plan is within limits
 *	balance.c		the phases in their order
 *	report.c		the plan that was found, as whoever asked for it is told
 *
 * Nothing here reads a clock, draws a random number that does not follow from the seed, or uses the C library's exp or log: the same
 * input gives the same plan, prices and bound to the last bit. Memory comes from palloc and is not freed on the way out through an error,
 * so call it in a context of its own.
 */
#ifndef SALESOPS_TERRITORY_BALANCE_H
#define SALESOPS_TERRITORY_BALANCE_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#define TERRITORY_MOST_TERRITORIES	4096
#define TERRITORY_MOST_MEASURES		8

/* In owner, family and held. */
#define TERRITORY_NONE		(-1)
/* In held: the account is exempt. It stays where it is, counts nowhere and costs nothing. */
#define TERRITORY_EXEMPT	(-2)

/* Budgets for moves: accounts taken from their owner. */
#define TERRITORY_BUDGET_COUNT	0	/* how many */
#define TERRITORY_BUDGET_AMOUNT	1	/* how much of one measure */
#define TERRITORY_BUDGETS		2

/*
 * What is given. Matrices are in row order; pointers that may be NULL say so.
 */
typedef struct TerritoryInput
{
	int			accounts;
	int			territories;
	int			measures;
	int			classes;

	/* Accounts. */
	const double *amount;		/* [accounts][measures], not negative; by_territory: [accounts][territories][measures] */
	bool		by_territory;
	const int  *class_of;		/* NULL: all of class 0 */
	const int  *owner;			/* territory that has it now, or TERRITORY_NONE. NULL: nobody */
	const int  *held;			/* territory that it must go to, TERRITORY_NONE or TERRITORY_EXEMPT. NULL: all free */
	const int  *family;			/* accounts with the same number stay together, TERRITORY_NONE is alone. NULL: all alone */
	const double *relationship; /* cost of taking it from its owner. NULL: 0 */
	const double *x;			/* its place, with y; both NULL: distance does not count */
	const double *y;
	const double *z;			/* third coordinate, for places on a globe. NULL: flat */
	const bool *is_nowhere;		/* its place is not known: its weight is 0, and territory_design() puts no home there. NULL: none */
	const double *weight;		/* cost of a unit of distance. NULL: 1 */
	const double *cost;			/* [accounts][territories], in place of distance, relationship and mismatch. NULL: those */

	/* Classes of accounts, which differ in who may have them. */
	const bool *eligible;		/* [classes][territories]. NULL: all */
	const double *mismatch;		/* [classes][territories], cost of an account there. NULL: 0 */

	/* Territories. */
	const double *home_x;
	const double *home_y;
	const double *home_z;		/* with z */
	const bool *home_free;		/* [territories], territory_design() chooses its home. NULL: all */
	const double *travel;		/* [accounts][accounts], from an account's place to that of another: in place of the distance, for territory_design()
								 * when all homes are free. NULL: the distance */
	const double *least;		/* [territories][measures] */
	const double *most;			/* [territories][measures], infinite where there is no limit */

	/* Budgets: infinite where there is none. What leaves its owner because it is held elsewhere counts too. */
	double		budget[TERRITORY_BUDGETS];
	int			budget_measure; /* of TERRITORY_BUDGET_AMOUNT */
} TerritoryInput;

typedef enum TerritoryPhase
{
	TERRITORY_PHASE_PRICES,
	TERRITORY_PHASE_BOUND,
	TERRITORY_PHASE_PLAN,
	TERRITORY_PHASE_POLISH,
	TERRITORY_PHASE_HOMES		/* comes first, in territory_design() */
} TerritoryPhase;

/* What is known so far; NaN is not known yet. */
typedef struct TerritoryStatus
{
	TerritoryPhase phase;
	double		cost;			/* of the best plan */
	double		outside;		/* its loads outside their limits, in shares of the limits, added up */
	double		bound;
} TerritoryStatus;

/* Called every few milliseconds. True: come to an end with the best plan so far. It may also leave by ereport. */
typedef bool (*TerritoryProgress) (const TerritoryStatus *status, void *arg);

/* All zeros are good options. */
typedef struct TerritoryOptions
{
	bool		fewest_moves;	/* the cost is the number of accounts that leave their owner; other costs only break ties */
	int			candidates;		/* territories an account may go to, besides its owner; 0: chosen by size */
	double		effort;			/* of the polish: 1 is usual, 0 means 1, or a little of what is outside where a former plan goes on; negative means none */
	uint64		seed;
	double		gap;			/* the polish ends once (cost - bound) / |cost| is at most that; 0: it goes to the end of its work */
	Size		memory_limit;	/* bytes; 0: none. Where more would be needed there is no plan and TERRITORY_MEMORY says so */
	const double *price;		/* [territories][measures], of an earlier plan, to begin with; one that is not known is NaN and begins at the
								 * mean of its measure. If owners are that plan's territories, the search goes on from them. NULL: none */
	TerritoryProgress progress; /* NULL: none */
	void	   *progress_arg;
} TerritoryOptions;

/* What is wrong with an input, or why there is no plan within limits. */
typedef enum TerritoryFinding
{
	/* The input makes no sense: there is no plan. */
	TERRITORY_BAD_SIZE,			/* a count that is negative or too large; value */
	TERRITORY_BAD_NUMBER,		/* not a number, infinite or negative; account or territory, measure, value */
	TERRITORY_BAD_REFERENCE,	/* no such territory or class; account, value */
	TERRITORY_NO_ELIGIBLE,		/* nobody may have the account; account, class */
	TERRITORY_FAMILY_SPLIT,		/* nobody may have all of a family; account, other (two held apart), or other = NONE */
	/* It may make sense, and there is no plan. */
	TERRITORY_MEMORY,			/* value: bytes needed at least, limit */
	/* There is a plan, and no plan can be within limits. */
	TERRITORY_LIMITS_CROSS,		/* least is above most; territory, measure, value, limit */
	TERRITORY_HELD_TOO_MUCH,	/* what is held there is above its most; territory, measure, value, limit */
	TERRITORY_TOO_LARGE,		/* the account is above the most of all who may have it; account, measure, value, largest limit */
	TERRITORY_SHORT_SUPPLY,		/* a set of territories needs more than it can get, a reason for each of it: territory, other: the first of the
								 * set; measure; value: their least together, limit: what is held there and all that they may have */
	TERRITORY_OVER_SUPPLY,		/* the same; value: what is held there and nobody else may have, limit: their most together */
	TERRITORY_NO_STEP,			/* amounts, and so what is added to what is held, are multiples of value, none of which is within limits; territory,
								 * measure, limit: its most */
	/* There is a plan, and it is not within limits. */
	TERRITORY_BUDGET_SHORT,		/* value of the budget is used, which is limit; measure is the budget's number */
	TERRITORY_OUTSIDE			/* territory, measure: value is its load, limit what it missed; price: what a unit more costs */
} TerritoryFinding;

typedef struct TerritoryReason
{
	TerritoryFinding finding;
	int			account;		/* TERRITORY_NONE where it does not apply, like the others */
	int			other;
	int			territory;
	int			measure;
	int			class_number;
	double		value;
	double		limit;
	double		price;
} TerritoryReason;

typedef struct TerritoryPlan
{
	bool		is_valid;		/* false: the input made no sense or memory was short, only reasons are set */
	int		   *territory;		/* [accounts]; TERRITORY_EXEMPT as given */
	double		cost;
	double		bound;			/* no plan within limits is cheaper, with the homes that there are */
	double		design_bound;	/* the same over all choices of homes, by territory_design(); -infinity where nothing is proven */
	double		tie_break;		/* fewest_moves: what costs other than a move are multiplied by in cost, bound and prices; else 1 */
	double		outside;		/* loads outside their limits, in shares of the limits, added up; 0: within limits */
	double		best_outside;	/* no plan has less outside than this, for the reasons that hold for every plan; 0: nothing is proven */
	double	   *load;			/* [territories][measures] */
	double	   *price;			/* [territories][measures], cost of a unit of the measure there: proves the bound */
	double		budget_price[TERRITORY_BUDGETS];
	double		budget_used[TERRITORY_BUDGETS];
	int			steps;			/* of a territory, that raise the bound (steps.c); 0: the prices above prove it */
	double	   *whole_price;	/* [territories][measures], prices that prove the bound together with the steps */
	double	   *step_weight;	/* [territories][steps][measures], steps that a unit of the measure comes to; all 0: there is none */
	double	   *step_below;		/* [territories][steps], accounts of the territory that come to less are counted when they leave; infinite: all */
	double	   *step_price;		/* [territories][steps], not negative */
	double	   *regret;			/* [accounts], what it would save at these prices where it would be best off; a family as one */
	int			reasons;
	const TerritoryReason *reason;
	Size		memory;			/* bytes used, the largest at a time */
	int64		work;			/* proposals weighed by search and polish */
} TerritoryPlan;

extern TerritoryPlan *territory_balance(const TerritoryInput *input, const TerritoryOptions *options);

#endif
