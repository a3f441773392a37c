/*
 * last_known.c: the last value that is not NULL, in order.
 *
 * As a window aggregate it carries a value forward over the rows that do not state it: PostgreSQL has no IGNORE NULLS.
 */
#include "core/compat.h"

PG_FUNCTION_INFO_V1(salesops_later_known);

/* later_known(known, next): next if it is known, else what was known before. */
Datum
salesops_later_known(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(1));
	if (!PG_ARGISNULL(0))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_NULL();
}
