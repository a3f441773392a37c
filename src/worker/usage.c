/*
 * usage.c: what a session has used up to now, in blocks and bytes of write-ahead log.
 *
 * The server counts these for EXPLAIN (BUFFERS, WAL) whether or not anybody asks, and adds what parallel workers
 * used when they end. The difference of two readings is what the work between them took.
 */
#include "core/compat.h"

#include "executor/instrument.h"
#include "funcapi.h"

PG_FUNCTION_INFO_V1(salesops_resource_usage);

/* resource_usage() returns record: see its SQL comment */
Datum
salesops_resource_usage(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	bool		nulls[6] = {false};
	Datum		values[6] = {
		Int64GetDatum(pgBufferUsage.shared_blks_hit),
		Int64GetDatum(pgBufferUsage.shared_blks_read),
		Int64GetDatum(pgBufferUsage.shared_blks_written),
		Int64GetDatum(pgBufferUsage.temp_blks_read),
		Int64GetDatum(pgBufferUsage.temp_blks_written),
		Int64GetDatum((int64) pgWalUsage.wal_bytes)
	};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
