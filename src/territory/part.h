/*
 * part.h: a few territories taken apart. See part.c.
 */
#ifndef SALESOPS_TERRITORY_PART_H
#define SALESOPS_TERRITORY_PART_H

#include "territory/places.h"

/* Territories of a part at most. */
#define MOST_PART	8

typedef struct Part
{
	int			territories;
	int			territory[MOST_PART];
	Place		home[MOST_PART];
	bool		is_free[MOST_PART];
	bool		has_moved[MOST_PART];	/* or its units have changed */
	int			units;
	int		   *unit;
	int		   *at;				/* place in territory[] */
	double	   *cost;			/* [units][territories]; infinite where it may not go */
	double		load[MOST_PART][TERRITORY_MOST_MEASURES];
	double		penalty[MOST_PART];
} Part;

/* What a unit costs at a territory of the part. */
#define COST(part, i, b) (part)->cost[(i) * (part)->territories + (b)]

extern void part_column(Places *s, Part *part, int b);
extern double part_total(const Part *part);
extern void part_put(Places *s, Part *part, int i, int b);
extern bool part_is_taken(const Places *s, const Part *part, int b, int account);
extern void part_settle(Places *s, Part *part);

#endif
