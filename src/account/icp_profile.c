/*
 * icp_profile.c: an account as a pattern of levels, from the values of its attributes.
 *
 * A word is its own level, without regard to ASCII case and blanks around it. The level of a number is the range that it lies in, and its place is where it stands
 * when all ranges are equally long: quantiles make the ranges, so a place is about the share of accounts with a smaller number. Only + - * / are used: the same bits
 * everywhere.
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Places are from 0 to SCALE. */
#define SCALE 10000

/* Longer words are cut, in letters. */
#define MAX_WORD 100

extern Datum salesops_read_number(PG_FUNCTION_ARGS);

/* The word as a level, or NULL where nothing is left of it. */
static text *
word_level(text *value)
{
	char	   *word = VARDATA_ANY(value);
	int			length = VARSIZE_ANY_EXHDR(value);
	text	   *level;

	for (; length > 0 && *word == ' '; word++)
		length--;
	while (length > 0 && word[length - 1] == ' ')
		length--;
	length = pg_mbcharcliplen(word, length, MAX_WORD);
	if (length == 0)
		return NULL;
	level = cstring_to_text_with_len(word, length);
	for (char *letter = VARDATA(level); length-- > 0; letter++)
		*letter = *letter >= 'A' && *letter <= 'Z' ? *letter + ('a' - 'A') : *letter;
	return level;
}

static bool
read_number(FunctionCallInfo fcinfo, Datum value, double *number)
{
	LOCAL_FCINFO(call, 1);
	Datum		read;

	InitFunctionCallInfoData(*call, fcinfo->flinfo, 1, InvalidOid, NULL, NULL);
	call->args[0].value = value;
	call->args[0].isnull = false;
	read = salesops_read_number(call);
	if (call->isnull)
		return false;
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, read));
	return !isnan(*number);
}

/* Of edges, the least number, the bounds of the ranges, and the most; a bound belongs to the range above it. */
static int
range_of(double number, const Datum *edges, int ranges)
{
	int			range = 0;

	while (range < ranges - 1 && number >= DatumGetFloat8(edges[range + 1]))
		range++;
	return range;
}

static int
place_in_range(double number, const Datum *edges, int range, int ranges)
{
	double		low = DatumGetFloat8(edges[range]);
	double		high = DatumGetFloat8(edges[range + 1]);
	double		share = high > low ? (Min(Max(number, low), high) - low) / (high - low) : 0;

	/* Edges may be infinite, then there is no share. */
	return (int) floor(SCALE * (range + (share > 0 ? share : 0)) / ranges + 0.5);
}

/*
 * icp_profile(ranges, edges, names, values): levels and places. ranges has for each attribute how many ranges it has, 0 = words; edges and names are those of all
 * attributes, one after the other. What is not known, or is no number where one is wanted, has neither level nor place. 22023 where arrays do not fit together, 22004 for a NULL
 * in another array than values.
 */
PG_FUNCTION_INFO_V1(salesops_icp_profile);
Datum
salesops_icp_profile(PG_FUNCTION_ARGS)
{
	Datum	   *ranges;
	Datum	   *edges;
	Datum	   *names;
	Datum	   *values;
	bool	   *nulls;
	bool	   *no_level;
	bool	   *no_place;
	Datum	   *level;
	Datum	   *place;
	int			attributes;
	int			all_edges;
	int			all_names;
	int			given;
	int64		edge = 0;
	int64		name = 0;
	int			bound = 1;
	TupleDesc	row;
	Datum		result[2];
	bool		no_result[2] = {false, false};

	for (int i = 0; i < 3; i++)
		if (array_contains_nulls(PG_GETARG_ARRAYTYPE_P(i)))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("ranges, edges and names must not be NULL"),
					errhint("A value that is not known is NULL in values."));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT4OID, sizeof(int32), true, TYPALIGN_INT, &ranges, &nulls, &attributes);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &edges, &nulls, &all_edges);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &all_names);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &given);
	level = palloc((attributes + 1) * sizeof(Datum));
	place = palloc((attributes + 1) * sizeof(Datum));
	no_level = palloc((attributes + 1) * sizeof(bool));
	no_place = palloc((attributes + 1) * sizeof(bool));
	for (int i = 0; i < attributes; i++)
	{
		int			count = DatumGetInt32(ranges[i]);

		edge += count > 0 ? (int64) count + 1 : 0;
		name += Max(count, 0);
	}
	if (given != attributes || edge != all_edges || name != all_names)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("values and ranges of attributes do not fit together"),
				errdetail("%d attributes with %lld ranges; %d values, %d edges, %d names.", attributes, (long long) name, given, all_edges, all_names),
				errhint("salesops.icp_profiles() gives what belongs together."));
	edge = name = 0;
	for (int i = 0; i < attributes; i++)
	{
		int			count = DatumGetInt32(ranges[i]);
		double		number;

		no_level[i] = no_place[i] = true;
		if (!nulls[i] && count > 0 && read_number(fcinfo, values[i], &number))
		{
			int			range = range_of(number, edges + edge, count);

			level[i] = names[name + range];
			place[i] = Int32GetDatum(place_in_range(number, edges + edge, range, count));
			no_level[i] = no_place[i] = false;
		}
		else if (!nulls[i] && count <= 0)
		{
			level[i] = PointerGetDatum(word_level(DatumGetTextPP(values[i])));
			no_level[i] = DatumGetPointer(level[i]) == NULL;
		}
		edge += count > 0 ? (int64) count + 1 : 0;
		name += Max(count, 0);
	}
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result[0] = PointerGetDatum(construct_md_array(level, no_level, 1, &attributes, &bound, TEXTOID, -1, false, TYPALIGN_INT));
	result[1] = PointerGetDatum(construct_md_array(place, no_place, 1, &attributes, &bound, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), result, no_result));
}
