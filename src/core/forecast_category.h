/*
 * forecast_category.h: how sure a seller says a deal is.
 *
 * Seven members in order of confidence. The numbers are what is stored and sent, so they never change; the gaps
 * between them leave room for a member that a later version may need.
 */
#ifndef SALESOPS_CORE_FORECAST_CATEGORY_H
#define SALESOPS_CORE_FORECAST_CATEGORY_H

#include "core/compat.h"
#include "utils/numeric.h"

typedef uint8 ForecastCategory;

#define FORECAST_OMITTED		10
#define FORECAST_UPSIDE			20
#define FORECAST_PIPELINE		30
#define FORECAST_BEST_CASE		40
#define FORECAST_MOST_LIKELY	50
#define FORECAST_COMMIT			60
#define FORECAST_CLOSED			70

/* Not a member: what forecast_category_recognize() says about a spelling nobody uses. */
#define FORECAST_UNKNOWN		0

/* Everything known about a member. */
typedef struct ForecastCategoryMember
{
	ForecastCategory category;
	const char *label;			/* as printed */
	int			weight_percent; /* the product's default weight */
	bool		is_open;		/* counts as open pipeline */
} ForecastCategoryMember;

/* The members in rank order; an array "in rank order" has one element for each. */
#define FORECAST_CATEGORIES 7
extern const ForecastCategoryMember forecast_category_members[FORECAST_CATEGORIES];

#define DatumGetForecastCategory(d)		((ForecastCategory) DatumGetUInt8(d))
#define ForecastCategoryGetDatum(c)		UInt8GetDatum(c)
#define PG_GETARG_FORECAST_CATEGORY(n)	DatumGetForecastCategory(PG_GETARG_DATUM(n))
#define PG_RETURN_FORECAST_CATEGORY(c)	return ForecastCategoryGetDatum(c)

extern ForecastCategory forecast_category_recognize(const char *spelling);
extern int	forecast_category_position(ForecastCategory category);
extern Numeric forecast_category_default_weight(int position);

#endif
