/*
 * forecast_totals.h: what a set of deals adds up to, category by category.
 *
 * In memory a Totals has one group for each category, in rank order, and one for deals without a category. Stored,
 * it is a ForecastTotals: a header and only the groups that have a deal, about 40 bytes each.
 */
#ifndef SALESOPS_FORECAST_FORECAST_TOTALS_H
#define SALESOPS_FORECAST_FORECAST_TOTALS_H

#include "core/compat.h"
#include "core/forecast_category.h"

/* The position of the deals without a category, after those of the categories. */
#define UNCATEGORIZED	FORECAST_CATEGORIES
#define TOTALS_GROUPS	(FORECAST_CATEGORIES + 1)

/* Always: 0 <= deals_without_amount <= deals, and an amount exactly where a deal has one. */
typedef struct TotalsGroup
{
	int64		deals;
	int64		deals_without_amount;
	Numeric		amount;			/* sum of the amounts that are known; NULL where none is */
} TotalsGroup;

typedef struct Totals
{
	TotalsGroup groups[TOTALS_GROUPS];
} Totals;

/* A stored group; its amount follows, and the next group starts at the next multiple of eight bytes. */
typedef struct StoredGroup
{
	int64		deals;
	int64		deals_without_amount;
	uint32		amount_size;	/* bytes, 0 where no amount is known */
	ForecastCategory category;	/* 0 for deals without a category */
	uint8		unused[3];		/* always zero */
} StoredGroup;

typedef struct ForecastTotals
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;		/* of this layout */
	uint8		groups;			/* how many follow, in rank order, the uncategorized last */
	uint16		unused;			/* always zero */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} ForecastTotals;

#define FORECAST_TOTALS_VERSION 1

#define DatumGetForecastTotals(d)		((ForecastTotals *) PG_DETOAST_DATUM(d))
#define PG_GETARG_FORECAST_TOTALS(n)	DatumGetForecastTotals(PG_GETARG_DATUM(n))

/* Which groups a sum takes: one bit for each position. */
#define GROUP_BIT(position)		(1u << (position))
#define ALL_GROUPS				(GROUP_BIT(TOTALS_GROUPS) - 1)
#define GROUPS_FROM(position)	(GROUP_BIT(UNCATEGORIZED) - GROUP_BIT(position))

extern ForecastTotals *forecast_totals_store(const Totals *totals);
extern void forecast_totals_load(ForecastTotals *stored, Totals *totals);
extern void forecast_totals_default_weights(Datum weights[FORECAST_CATEGORIES]);
extern bool forecast_totals_sum(const Totals *totals, uint32 groups, const Datum *weights, Datum *sum);
extern int64 forecast_totals_add_counts(int64 a, int64 b);

#endif
