/*
 * pick_levels.c: some of a deal's levels, in an order asked for.
 *
 * Done for every row that a model learns from, millions of them, where a subquery over unnest() would cost more than all the
 * rest.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(salesops_pick_levels);

/*
 * pick_levels(levels text[], places integer[]) returns text[]
 *
 * The levels at the given places, counted from 1. NULL levels stay NULL. A place that there is none of is 2202E.
 */
Datum
salesops_pick_levels(PG_FUNCTION_ARGS)
{
	ArrayType  *levels = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *places = PG_GETARG_ARRAYTYPE_P(1);
	Datum	   *level;
	bool	   *level_is_null;
	int			level_count;
	Datum	   *place;
	bool	   *place_is_null;
	int			count;
	Datum	   *picked;
	bool	   *picked_is_null;
	int			lower = 1;

	deconstruct_array(levels, TEXTOID, -1, false, TYPALIGN_INT, &level, &level_is_null, &level_count);
	deconstruct_array(places, INT4OID, sizeof(int32), true, TYPALIGN_INT, &place, &place_is_null, &count);
	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));

	picked = palloc(count * sizeof(Datum));
	picked_is_null = palloc(count * sizeof(bool));
	for (int i = 0; i < count; i++)
	{
		int32		at = place_is_null[i] ? 0 : DatumGetInt32(place[i]);

		if (at < 1 || at > level_count)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("there is no level at place %d", at),
					 errdetail("There are %d levels.", level_count)));
		picked[i] = level[at - 1];
		picked_is_null[i] = level_is_null[at - 1];
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(picked, picked_is_null, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}
