/*
 * problem_build.h: the steps in which problem_build() makes a problem of an input. See problem.c.
 */
#ifndef SALESOPS_TERRITORY_PROBLEM_BUILD_H
#define SALESOPS_TERRITORY_PROBLEM_BUILD_H

#include "territory/problem.h"

#define WORD_BITS	64

/* Lists of territories while they are found. */
typedef struct ListTable
{
	int			words;
	int			lists;
	int			room;
	uint64	   *bits;			/* [room][words] */
	int			slots;			/* a power of two */
	int		   *slot;			/* list + 1, or 0 */
} ListTable;

/* Complains about a number that is none, negative or too large; always false. What does not apply is TERRITORY_NONE. */
extern bool problem_bad_number(Problem *p, int account, int territory, int measure, double value);

/* False where the input makes no sense: the reasons say why. */
extern bool problem_check(Problem *p);

/* The list with these bits, [words], which is added if there is none. */
extern int	lists_find(Problem *p, ListTable *table, const uint64 *bits);

/* Writes the lists out, and the homes of their territories. */
extern void lists_write(Problem *p, const ListTable *table);

extern void problem_find_middle(Problem *p);
extern void problem_find_scales(Problem *p);
extern bool problem_make_units(Problem *p);
extern void problem_set_limits(Problem *p);
extern void problem_make_amounts(Problem *p);
extern bool problem_measure_costs(Problem *p);

#endif
