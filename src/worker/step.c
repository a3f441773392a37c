/*
 * step.c: what a step changes of its session ends with it.
 *
 * All steps of a run share one session, and most of them were written by somebody else. set_config('role', ..., false), or
 * a session that is read-only from now on, would reach the next step and the run log itself. So the settings are put back
 * when the function of a step returns, however it changed them; an error puts them back by itself.
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(salesops_call_step);

/* call_step(function text, run_id bigint, as_of timestamptz) returns bigint: see its SQL comment */
Datum
salesops_call_step(PG_FUNCTION_ARGS)
{
	char	   *statement = psprintf("SELECT %s($1, $2)", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Oid			types[] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[] = {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2)};
	int			nest_level = NewGUCNestLevel();
	Datum		written;
	bool		isnull;

	SPI_connect();
	if (SPI_execute_with_args(statement, 2, types, values, NULL, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "one row expected from: %s", statement);
	written = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();				/* bigint is passed by value */

	/* As if it were an abort: a commit would keep what set_config(..., false) said. */
	AtEOXact_GUC(false, nest_level);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(written);
}
