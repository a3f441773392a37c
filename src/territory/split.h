/*
 * split.h: loads to the last unit, where limits leave no room. See split.c.
 */
#ifndef SALESOPS_TERRITORY_SPLIT_H
#define SALESOPS_TERRITORY_SPLIT_H

#include "territory/search.h"

extern void split(Search *s, int64 most_work);

#endif
