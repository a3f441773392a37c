/*
 * search.h: a plan and what can be changed in it. See search.c.
 */
#ifndef SALESOPS_TERRITORY_SEARCH_H
#define SALESOPS_TERRITORY_SEARCH_H

#include "territory/columns.h"

/* The slot of a unit that has no territory for now. */
#define NOWHERE		PG_UINT16_MAX

/* One load of one territory. */
typedef struct Row
{
	double		load;
	double		least;
	double		most;
	double		rate;			/* what a whole number of load outside the limits costs the search */
} Row;

/* Territories of a unit that are considered for ties. */
#define MOST_CHOICES	8
/* Of a pair, the units on either side that are weighed against each other; more where few changes are within a budget. */
#define USUALLY_WEIGHED	16
#define MOST_WEIGHED	32

/* Rates are so many times the prices, usually. */
#define USUAL_STRICTNESS	1.5

/* An annealing draws from so many quantiles, in place of a logarithm for every proposal. */
#define QUANTILES	1024

/* A unit that either of two territories might have at a small regret. */
typedef struct Tie
{
	int			unit;
	int			pair;
	uint16		slot[2];		/* the columns of the pair's first and second territory */
	float		lean;			/* value at the second less value at the first, at the prices */
	int32		rise;			/* cost at the second less cost at the first */
} Tie;

typedef struct Search
{
	Problem    *p;
	Columns    *c;
	const Prices *prices;
	uint16	   *slot;			/* [units], the column that the unit is in, or NOWHERE */
	Row		   *row;			/* [territories][measures] */
	double		used[TERRITORY_BUDGETS];
	double		budget_rate[TERRITORY_BUDGETS];
	double		cost;			/* above the cheapest territories */
	double		least_cost;		/* what those cost, and what is held; not less than that */
	double		floor[TERRITORY_MOST_MEASURES];	/* lowest rates */

	double	   *stretch;		/* [territories], ties there may have a regret so many times larger than elsewhere */

	double		share;			/* how small regrets of ties are */

	/* Ties by pair of territories, those that lean to the first come first. */
	int			pairs;
	int		   *pair_of;		/* [territories][territories], pair + 1 or 0; both ways */
	int		   *tie_start;		/* [pairs + 1] */
	Tie		   *tie;
	int			ties;
	uint16	   *pair_one;		/* [pairs], the lower number */
	uint16	   *pair_other;
	int		   *neighbour_start;	/* [territories + 1] */
	int		   *neighbour;		/* pairs of a territory */
	uint32	   *version;		/* [territories], counts changes */
	uint32	   *seen;			/* [pairs], sum of both versions when last found without a good swap */

	uint64		random;
} Search;

TERRITORY_INLINE double
row_penalty(const Row *row, double load)
{
	double		over = load - row->most;
	double		under = row->least - load;
	double		outside = over > under ? over : under;

	return outside > 0 ? outside * row->rate : 0;
}

static inline int
slot_territory(const Search *s, int unit, int slot)
{
	return s->c->territory[(Size) unit * s->c->width + slot];
}

static inline int32
slot_cost(const Search *s, int unit, int slot)
{
	return s->c->cost[(Size) unit * s->c->width + slot];
}

/* Value of a column at the prices, above the cost of the unit's cheapest column. */
static inline double
slot_value(const Search *s, int unit, int slot)
{
	return value_at(s->p, s->prices, unit, slot_territory(s, unit, slot), slot_cost(s, unit, slot));
}

/* Whether any load of a territory is outside its limits. */
static inline bool
search_is_outside(const Search *s, int k)
{
	const Row  *row = s->row + k * s->p->measures;
	bool		is_any = false;

	for (int m = 0; m < s->p->measures; m++)
		is_any |= row[m].load > row[m].most || row[m].load < row[m].least;
	return is_any;
}

/* What the penalty at a territory rises by when a unit comes (sign 1) or goes (-1). */
TERRITORY_INLINE double
change_one(const Search *s, int k, const double *amount, double sign, const int measures)
{
	const Row  *row = s->row + k * measures;
	double		change = 0;

	for (int m = 0; m < measures; m++)
		change += row_penalty(&row[m], row[m].load + sign * amount[m]) - row_penalty(&row[m], row[m].load);
	return change;
}

/* The same when one comes and another goes. */
TERRITORY_INLINE double
change_two(const Search *s, int k, const double *comes, const double *goes, const int measures)
{
	const Row  *row = s->row + k * measures;
	double		change = 0;

	for (int m = 0; m < measures; m++)
		change += row_penalty(&row[m], row[m].load + (comes[m] - goes[m])) - row_penalty(&row[m], row[m].load);
	return change;
}

/* What the penalty of the budgets rises by when they are used so much more. */
static inline double
change_budgets(const Search *s, const double *more)
{
	double		change = 0;

	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		change += s->budget_rate[b] * (Max(s->used[b] + more[b] - s->p->budget[b], 0) - Max(s->used[b] - s->p->budget[b], 0));
	return change;
}

static inline double
change_budget(const Search *s, int unit, int from, int to)
{
	double		more[TERRITORY_BUDGETS];

	if (!s->p->has_budget)
		return 0;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		more[b] = unit_used(s->p, unit, to, b) - unit_used(s->p, unit, from, b);
	return change_budgets(s, more);
}

static inline double
change_budget_two(const Search *s, int unit, int from, int to, int unit_2, int from_2, int to_2)
{
	double		more[TERRITORY_BUDGETS];

	if (!s->p->has_budget)
		return 0;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		more[b] = unit_used(s->p, unit, to, b) - unit_used(s->p, unit, from, b) +
			unit_used(s->p, unit_2, to_2, b) - unit_used(s->p, unit_2, from_2, b);
	return change_budgets(s, more);
}

/* The i-th tie of a pair as those of a side are weighed, the least firmly settled first: on the first side settled means a large lean, and those stand in front. */
static inline int
weighed_tie(int begin, int end, int side, int i)
{
	return side == 0 ? end - 1 - i : begin + i;
}

extern void search_begin(Search *s, Problem *p, Columns *c, const Prices *prices);
extern void search_end(Search *s);
extern void search_round(Search *s);
extern void search_set(Search *s, const uint16 *slot);
extern double search_usual_worth(const Search *s);
extern void search_rates(Search *s, double strictness);
extern void search_move(Search *s, int unit, int slot);
extern double search_outside(const Search *s);
extern double search_total(const Search *s);
extern void search_ties(Search *s, int ties_per_unit);
extern void forget_ties(Search *s);
extern int search_spare(const Search *s, int unit);
extern void chain_out(Search *s, int unit);
extern void chain_in(Search *s);
extern void chain_level(Search *s);
extern double search_most_gain(const Search *s, int k, double dearer);
extern bool search_stretch(Search *s);
extern void search_descend(Search *s, int most_rounds);
extern void search_return(Search *s, int budget, double most_rise);
extern void search_keep_budgets(Search *s);
extern bool search_repair(Search *s, int most_rounds);
extern bool repair_widely(Search *s, int64 most_work);
extern int search_slot(const Search *s, int unit, int k);
extern void search_give_column(Search *s, int unit, int k, int spare);
extern void set_quantiles(double *quantile);
extern void adapt_rates(Search *s, const double *lowest);
extern void search_fewest_moves(Search *s, int64 proposals);
extern void polish(Search *s, double hot, double cold, int64 proposals);

#endif
