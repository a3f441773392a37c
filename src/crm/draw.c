/*
 * draw.c: random numbers that depend on nothing but their name.
 *
 * A sequential generator makes row 17 depend on the sixteen rows before it, so a change of plan, of parallelism or of
 * one column moves everything.  Here a number is a hash of (seed, stream, item): the stream says what is drawn
 * ('deal.amount'), the item says for whom (the deal's number).  Whoever needs a fact about an account that some deal
 * belongs to draws it again instead of joining.
 *
 * The hash is the output step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * 2014) with the item as its counter.  Everything is integer arithmetic apart from one exact scaling by a power of
 * two, and no function of libm is called, so the same arguments give the same bits on every platform.
 */
#include "core/compat.h"

#include "utils/array.h"
#include "utils/builtins.h"

#define GOLDEN_GAMMA UINT64CONST(0x9e3779b97f4a7c15)
#define FNV_OFFSET_BASIS UINT64CONST(0xcbf29ce484222325)
#define FNV_PRIME UINT64CONST(0x00000100000001b3)

#define SALESFORCE_PREFIX_LENGTH 3
#define SALESFORCE_NUMBER_LENGTH 9
#define SALESFORCE_CASE_SENSITIVE_LENGTH 15
#define SALESFORCE_ID_LENGTH 18

PG_FUNCTION_INFO_V1(salesops_draw);
PG_FUNCTION_INFO_V1(salesops_draw_int);
PG_FUNCTION_INFO_V1(salesops_draw_from_curve);
PG_FUNCTION_INFO_V1(salesops_salesforce_id);

/* Scatter the bits of a counter: neighbours in, unrelated numbers out. */
static inline uint64
mix(uint64 z)
{
	z = (z ^ (z >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* The 64 random bits of (seed, stream, item), the first three arguments of every draw function. */
static uint64
draw_bits(FunctionCallInfo fcinfo)
{
	uint64		seed = (uint64) PG_GETARG_INT64(0);
	text	   *stream = PG_GETARG_TEXT_PP(1);
	uint64		item = (uint64) PG_GETARG_INT64(2);
	const char *name = VARDATA_ANY(stream);
	int			length = VARSIZE_ANY_EXHDR(stream);
	uint64		origin = FNV_OFFSET_BASIS;

	for (int i = 0; i < length; i++)
		origin = (origin ^ (unsigned char) name[i]) * FNV_PRIME;
	origin = mix(origin + mix(seed + GOLDEN_GAMMA));
	return mix(origin + (item + 1) * GOLDEN_GAMMA);
}

/* draw(seed, stream, item): uniform in [0, 1), a multiple of 2^-53. */
Datum
salesops_draw(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8((double) (draw_bits(fcinfo) >> 11) * (1.0 / (double) (UINT64CONST(1) << 53)));
}

/* draw_int(seed, stream, item, below): uniform among 0, 1 ... below - 1. */
Datum
salesops_draw_int(PG_FUNCTION_ARGS)
{
	int32		below = PG_GETARG_INT32(3);

	if (below < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot draw a number below %d", below),
				 errhint("draw_int needs a bound of at least 1.")));

	/* The high 32 bits times the bound: a scaling without division; its bias is below 2^-32 * bound. */
	PG_RETURN_INT32((int32) (((draw_bits(fcinfo) >> 32) * (uint64) below) >> 32));
}

/*
 * draw_from_curve(seed, stream, item, curve): a draw whose quantile function is the polygon through the given points
 * at equal steps of probability.  This is how shapes with long tails are drawn without exp() and log().
 */
Datum
salesops_draw_from_curve(PG_FUNCTION_ARGS)
{
	ArrayType  *curve = PG_GETARG_ARRAYTYPE_P(3);
	int			points;
	const int32 *value;
	uint64		position;
	uint64		step;
	int64		rise;

	if (ARR_NDIM(curve) != 1 || ARR_HASNULL(curve) || ARR_DIMS(curve)[0] < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a quantile curve needs one dimension and at least two points, none of them NULL")));

	points = ARR_DIMS(curve)[0];
	value = (const int32 *) ARR_DATA_PTR(curve);

	/* Position on the curve in steps, as fixed point with 32 binary places. */
	position = (draw_bits(fcinfo) >> 32) * (uint64) (points - 1);
	step = position >> 32;
	rise = (int64) value[step + 1] - value[step];
	if (rise < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a quantile curve must not fall"),
				 errdetail("Point %d is %d, point %d is %d.",
						   (int) step + 1, value[step], (int) step + 2, value[step + 1])));

	PG_RETURN_INT32((int32) (value[step] + (int64) (((uint64) rise * (position & PG_UINT32_MAX)) >> 32)));
}

/*
 * salesforce_id(prefix, number): an id with Salesforce's anatomy. Three characters name the object, three the
 * instance, nine are the number in base 62; the last three repeat the case of the first fifteen, five a character,
 * so that ids stay distinct where case is lost.
 */
Datum
salesops_salesforce_id(PG_FUNCTION_ARGS)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const char case_marks[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
	text	   *prefix = PG_GETARG_TEXT_PP(0);
	int64		number = PG_GETARG_INT64(1);
	uint64		rest = (uint64) number;
	text	   *result = palloc(VARHDRSZ + SALESFORCE_ID_LENGTH);
	char	   *id = VARDATA(result);

	if (VARSIZE_ANY_EXHDR(prefix) != SALESFORCE_PREFIX_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a Salesforce key prefix has three characters"),
				 errdetail("Got \"%s\".", text_to_cstring(prefix))));

	memcpy(id, VARDATA_ANY(prefix), SALESFORCE_PREFIX_LENGTH);
	memcpy(id + SALESFORCE_PREFIX_LENGTH, "Hs0", 3);
	for (int i = SALESFORCE_CASE_SENSITIVE_LENGTH - 1; i >= SALESFORCE_CASE_SENSITIVE_LENGTH - SALESFORCE_NUMBER_LENGTH; i--)
	{
		id[i] = digits[rest % 62];
		rest /= 62;
	}
	if (rest != 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number %lld does not fit into a Salesforce id", (long long) number)));

	for (int chunk = 0; chunk < 3; chunk++)
	{
		int			capitals = 0;

		for (int bit = 0; bit < 5; bit++)
		{
			char		c = id[chunk * 5 + bit];

			if (c >= 'A' && c <= 'Z')
				capitals |= 1 << bit;
		}
		id[SALESFORCE_CASE_SENSITIVE_LENGTH + chunk] = case_marks[capitals];
	}

	SET_VARSIZE(result, VARHDRSZ + SALESFORCE_ID_LENGTH);
	PG_RETURN_TEXT_P(result);
}
