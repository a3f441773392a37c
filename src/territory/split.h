/*
 * split.h: loads where limits leave no room. See split.c.
 */
#ifndef SALESOPS_TERRITORY_SPLIT_H
#define SALESOPS_TERRITORY_SPLIT_H

#include "territory/search.h"

/* Units that are parted, in two halves. */
#define MOST_HALF	16

/* A unit that may be inside or outside of a territory: with the first column of two, or with the other. */
typedef struct Item
{
	int			unit;
	uint16		slot[2];
	double		rise;			/* of cost, from the first to the other */
	double		key;			/* the least are taken first */
} Item;

/* A subset of a half: what goes inside. */
typedef struct Subset
{
	double		amount;
	double		cost;			/* above that of all being outside */
	uint32		members;
} Subset;

typedef struct Split
{
	Search	   *s;
	Subset	   *half[2];
	Subset	   *room;
	double	   *sum[2];			/* [members][measures], of the subsets of a pair's halves */
	Item		item[2 * MOST_HALF];
	int			items;
} Split;

extern void split_begin(Split *x, Search *s, int most_sums);
extern void split_end(Split *x, int most_sums);
extern bool can_split(const Problem *p);
extern void split_list(Split *x, int half, int m);
extern void split_put(Split *x, uint32 one, uint32 other);

extern void split_pairs(Search *s, int64 most_work);
extern void split_exactly(Search *s, int64 most_work);

#endif
