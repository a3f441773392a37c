/*
 * clock.c: the server's clock, which a test can set forward and back.
 *
 * A day when the clocks change, a server that was down over the due time, a clock that is set wrong and corrected: none
 * of them can be waited for. So every decision about time, in C and in SQL, reads the clock here, and the setting
 * salesops.clock_offset moves it for all processes of a server together. What a log says about when something really
 * happened (started_at, taken_at) stays on the server's own clock.
 */
#include "core/clock.h"

#include <limits.h>

#include "access/xact.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

static int	clock_offset = 0;

void
salesops_define_clock(void)
{
	DefineCustomIntVariable("salesops.clock_offset",
							"Seconds by which the clock of salesops is ahead of the server's.",
							"For tests only: jobs run and instants are accepted as if it were that much later, or earlier if negative.",
							&clock_offset,
							 /* bootValue= */ 0,
							 /* minValue= */ -INT_MAX,
							 /* maxValue= */ INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S | GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL,
							NULL, NULL, NULL);
}

/* What time it is, unlike now() also in the middle of a transaction. */
TimestampTz
salesops_now(void)
{
	return GetCurrentTimestamp() + clock_offset * USECS_PER_SEC;
}

PG_FUNCTION_INFO_V1(salesops_clock);

/* clock() returns timestamptz: see its SQL comment */
Datum
salesops_clock(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TIMESTAMPTZ(salesops_now());
}

PG_FUNCTION_INFO_V1(salesops_statement_clock);

/* statement_clock() returns timestamptz: see its SQL comment */
Datum
salesops_statement_clock(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	PG_RETURN_TIMESTAMPTZ(GetCurrentStatementStartTimestamp() + clock_offset * USECS_PER_SEC);
}
