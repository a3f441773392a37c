/*
 * split.h: loads where limits leave no room. See split.c.
 */
#ifndef SALESOPS_TERRITORY_SPLIT_H
#define SALESOPS_TERRITORY_SPLIT_H

#include "territory/search.h"

extern void split_pairs(Search *s, int64 most_work);
extern void split_exactly(Search *s, int64 most_work);

#endif
