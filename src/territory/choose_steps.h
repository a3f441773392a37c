/*
 * choose_steps.h: what a step counts, and which ones are worth counting. See steps.c and choose_steps.c.
 */
#ifndef SALESOPS_TERRITORY_CHOOSE_STEPS_H
#define SALESOPS_TERRITORY_CHOOSE_STEPS_H

#include "territory/steps.h"

/* Room for a step, as a share of it, is no nearer to a whole number than this: there it would count next to nothing, or all by a hair. */
#define LEAST_ROOM		0.02

/* A unit that may be in a territory. */
typedef struct Entry
{
	double		amount;			/* by the weights that are tried */
	double		share;			/* of the soft choice */
	bool		is_own;
} Entry;

typedef struct Choice
{
	Problem    *p;				/* with steps as more measures */
	int		   *owner;			/* [units], where that may have it; or NONE */
	float	   *share;			/* [units][territories] */
	Entry	   *entry;			/* of a territory, by amount */
	int			entries;
	int			measures;		/* without steps */
	int			steps;			/* of a territory */
} Choice;

/* Whether there is a step: it has weights. */
static inline bool
is_step(const Step *step, int measures)
{
	bool		is_any = false;

	for (int m = 0; m < measures; m++)
		is_any |= step->weight[m] != 0;
	return is_any;
}

/* F: what is left of a number beside the room counts evenly. */
static inline double
count_steps(double number, double room)
{
	double		whole = floor(number);

	return whole + Max(number - whole - room, 0) / (1 - room);
}

/* A step that is counted. */
typedef struct Count
{
	double		size;
	double		below;
	double		room;			/* f */
	double		most;			/* in steps */
} Count;

/* Whether a unit is of S: it is counted when it leaves. */
static inline bool
is_there(const Count *count, double amount, bool is_own)
{
	return is_own && amount < count->below;
}

static inline double
count_unit(const Count *count, double amount, bool is_own)
{
	return is_there(count, amount, is_own) ? -count_steps(-amount / count->size, count->room) : count_steps(amount / count->size, count->room);
}

/* From what may come beside S. False: that is next to no step, or nearly one. */
static inline bool
count_begin(Count *count, double beside)
{
	count->most = floor(beside / count->size);
	count->room = beside / count->size - count->most;
	return count->room >= LEAST_ROOM && count->room <= 1 - LEAST_ROOM;
}

static inline double
weigh(const double *weight, const double *amount, int measures)
{
	double		sum = 0;

	for (int m = 0; m < measures; m++)
		sum += weight[m] * amount[m];
	return sum;
}

/* The most that limits allow. */
static inline double
most_allowed(const Problem *p, int k, const double *weight, int measures)
{
	double		sum = 0;

	for (int m = 0; m < measures; m++)
		sum += Max(weight[m] * p->most[k * p->measures + m], weight[m] * p->least[k * p->measures + m]);
	return sum;
}

extern void find_shares(Choice *x, const Prices *prices, double temperature);
extern Step choose_step(Choice *x, int k, int number, const double *price);

#endif
