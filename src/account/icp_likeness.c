/*
 * icp_likeness.c: how like two accounts are whose attributes are partly words and partly numbers.
 *
 * Gower, A general coefficient of similarity and some of its properties, Biometrics 27 (1971), with weights: the sum over attributes of weight x agreement. Words
 * agree or they do not; of numbers, which are given as places from 0 to SCALE, the agreement falls with the distance. What is unknown of either agrees with
 * nothing and keeps its weight: Gower leaves it out, but then two accounts of which the country alone is known would be alike in everything.
 *
 * The first account may be a set: then it is the mean over its members, which is linear, so that all of this holds for a set too. The other account may be many: those
 * whose numbers lie between two places. Then it is the most that any of them can reach. All is in whole numbers.
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

	if (is_text)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &column.values, &column.nulls, count);
	else
		deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &column.values, &column.nulls, count);
	return column;
}

static bool
is_same_text(Datum a, Datum b)
{
	text	   *x = DatumGetTextPP(a);
	text	   *y = DatumGetTextPP(b);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) && memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* Of one attribute, 0 to SCALE: the value of a member of the set beside that of the other. It is a number where both have places. */
static int
agreement(Column levels, Column places, int member, Column other_levels, Column lowest, Column highest, int i)
{
	if (levels.nulls[member] || other_levels.nulls[i])
		return 0;
	if (!places.nulls[member] && !lowest.nulls[i] && !highest.nulls[i])
	{
		int64		place = DatumGetInt32(places.values[member]);
		int64		below = DatumGetInt32(lowest.values[i]) - place;
		int64		above = place - DatumGetInt32(highest.values[i]);

		return (int) Max(SCALE - Max(Max(below, above), 0), 0);
	}
	return is_same_text(levels.values[member], other_levels.values[i]) ? SCALE : 0;
}

/*
 * icp_likeness(weights, levels, places, other_levels, lowest, highest): 0 to 1. levels and places may be those of several accounts, one after the other. The other's numbers
 * lie from lowest to highest. 22023 where the arrays do not fit together.
 */
PG_FUNCTION_INFO_V1(salesops_icp_likeness);
Datum
salesops_icp_likeness(PG_FUNCTION_ARGS)
{
	int			attributes;
	int			values;
	int			length[4];
	Column		weights = read_column(fcinfo, 0, false, &attributes);
	Column		levels = read_column(fcinfo, 1, true, &values);
	Column		places = read_column(fcinfo, 2, false, &length[0]);
	Column		other_levels = read_column(fcinfo, 3, true, &length[1]);
	Column		lowest = read_column(fcinfo, 4, false, &length[2]);
	Column		highest = read_column(fcinfo, 5, false, &length[3]);
	int			members = attributes > 0 ? values / attributes : 1;
	int64		sum = 0;

	if (members < 1 || values != members * attributes || length[0] != values || length[1] != attributes || length[2] != attributes || length[3] != attributes)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("accounts with different attributes cannot be compared"),
				errdetail("There are %d weights, %d and %d levels and places, and %d, %d and %d of the other.", attributes, values, length[0], length[1], length[2], length[3]),
				errhint("Compare profiles of the same fit: salesops.icp_profiles()."));
	for (int k = 0; k < values; k++)
		if (!weights.nulls[k % attributes])
			sum += (int64) DatumGetInt32(weights.values[k % attributes]) * agreement(levels, places, k, other_levels, lowest, highest, k % attributes);
	PG_RETURN_FLOAT8((double) sum / ((double) SCALE * SCALE * members));
}
