/*
 * icp_likeness.c: how like two accounts are whose attributes are partly words and partly numbers.
 *
 * Gower, A general coefficient of similarity and some of its properties, Biometrics 27 (1971), with weights: the sum over attributes of weight x agreement. Words
 * agree or they do not; of numbers, which are given as places from 0 to SCALE, the agreement falls with the distance. What is unknown of either agrees with
 * nothing and keeps its weight: Gower leaves it out, but then two accounts of which the country alone is known would be alike in everything.
 *
 * The other account may be many: those whose numbers lie between two places. Then it is the most that any of them can reach. All is in whole numbers.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

/* Agreement in full, and the sum of the weights. */
#define SCALE 10000

typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
} Column;

static Column
read_column(FunctionCallInfo fcinfo, int argument, bool is_text, int *count)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);
	Column		column;
	int			length;

	if (is_text)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &column.values, &column.nulls, &length);
	else
		deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &column.values, &column.nulls, &length);
	if (*count >= 0 && *count != length)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("accounts with different attributes cannot be compared"),
				errdetail("One array has %d elements, another %d.", *count, length), errhint("Compare profiles of the same fit: salesops.icp_profiles()."));
	*count = length;
	return column;
}

static bool
is_same_text(Datum a, Datum b)
{
	text	   *x = DatumGetTextPP(a);
	text	   *y = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) && memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* Of one attribute, 0 to SCALE. It is a number where both have places. */
static int
agreement(Column levels, Column places, Column other_levels, Column lowest, Column highest, int i)
{
	if (levels.nulls[i] || other_levels.nulls[i])
		return 0;
	if (!places.nulls[i] && !lowest.nulls[i] && !highest.nulls[i])
	{
		int64		place = DatumGetInt32(places.values[i]);
		int64		below = DatumGetInt32(lowest.values[i]) - place;
		int64		above = place - DatumGetInt32(highest.values[i]);

		return (int) Max(SCALE - Max(Max(below, above), 0), 0);
	}
	return is_same_text(levels.values[i], other_levels.values[i]) ? SCALE : 0;
}

/*
 * icp_likeness(weights, levels, places, other_levels, lowest, highest): 0 to 1. The other's numbers lie from lowest to highest. 22023 where the arrays differ in length.
 */
PG_FUNCTION_INFO_V1(salesops_icp_likeness);
Datum
salesops_icp_likeness(PG_FUNCTION_ARGS)
{
	int			count = -1;
	Column		weights = read_column(fcinfo, 0, false, &count);
	Column		levels = read_column(fcinfo, 1, true, &count);
	Column		places = read_column(fcinfo, 2, false, &count);
	Column		other_levels = read_column(fcinfo, 3, true, &count);
	Column		lowest = read_column(fcinfo, 4, false, &count);
	Column		highest = read_column(fcinfo, 5, false, &count);
	int64		sum = 0;

	for (int i = 0; i < count; i++)
		if (!weights.nulls[i])
			sum += (int64) DatumGetInt32(weights.values[i]) * agreement(levels, places, other_levels, lowest, highest, i);
	PG_RETURN_FLOAT8((double) sum / ((double) SCALE * SCALE));
}
