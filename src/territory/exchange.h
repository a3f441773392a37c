/*
 * exchange.h: cyclic exchanges between territories, and recombination of plans. See exchange.c and recombine_plans.c.
 */
#ifndef SALESOPS_TERRITORY_EXCHANGE_H
#define SALESOPS_TERRITORY_EXCHANGE_H

#include "territory/kept_plan.h"

/* Territories in a cycle at most. */
#define EXCHANGE_DEPTH	5
/* Territories of a unit that a cycle may take it to, those with the smallest regret. */
#define EXCHANGE_CHOICES 6

/* A cycle that pays: where it ends, and what the total changes by. */
typedef struct Cycle
{
	double		gain;
	int			depth;
	int			end;			/* a position */
	int			to;				/* the territory that the last node goes to */
	int			first;			/* the first node */
} Cycle;

typedef struct Exchange
{
	Search	   *s;
	int			nodes;			/* units, then for each territory one that weighs nothing */
	float	   *stay;			/* [units][territories], cost above the value of the unit's best territory; infinite: may not */
	uint16	   *choice;			/* [units][EXCHANGE_CHOICES], smallest regret first */
	float	   *regret;			/* of them */
	uint8	   *choices;

	/* Nodes by territory; each territory's begin at a multiple of LANES. */
	int			room;
	int		   *begin;			/* [territories + 1] */
	int		   *end;			/* [territories] */
	int		   *node;			/* [room] */
	float	   *own;			/* [room], stay where the node is; an infinite one ends every cycle */
	float	   *amount;			/* [measures][room] */
	float	   *over;			/* [territories][measures], load less most */
	float	   *under;			/* least less load */
	float	   *rate;
	float	   *penalty;		/* [territories] */

	/* Paths: the best to each position, of each length. */
	float	   *value[EXCHANGE_DEPTH];
	int		   *from[EXCHANGE_DEPTH];
	bool	   *is_touched;		/* [territories], where cycles may begin */
	bool	   *is_used;
	Cycle	   *cycle;
	bool		is_overdrawn[TERRITORY_BUDGETS];	/* as when stay was made */
} Exchange;

extern void exchange_begin(Exchange *x, Search *s);
extern void exchange_end(Exchange *x);
extern void exchange_touch(Exchange *x);
extern bool exchange_pass(Exchange *x);
extern void recombine(Search *s, int64 least_work, int64 most_work);

#endif
