/*
 * accounts_today_sql.c: the accounts of a plan as its query gives them today.
 *
 * The query was written by whoever made the plan, or the plan that it is a copy of, and the night may run as a superuser. So it runs under
 * the rights of its author, as a security-restricted operation, and only reads; whose it is the table says, where nobody can write another's
 * name (sql/territory/check_plan.sql).
 * The rows come as jsonb, because only the plan knows which columns there are.
 */
#include "core/compat.h"

#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "core/act_as.h"
#include "core/query_sql.h"

PG_FUNCTION_INFO_V1(salesops_territory_accounts_today);

/*
 * Runs a query of somebody else. A query_canceled that is his own, which whoever catches errors lets through because it means a cancel or a timeout, becomes 38000.
 */
static void
run_query(const char *query, const SPIExecuteOptions *options)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		if (SPI_execute_extended(query, options) != SPI_OK_SELECT)
			elog(ERROR, "could not run the query of the plan");
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !is_cancel(error))
		{
			FlushErrorState();
			error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
			ReThrowError(error);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*
 * territory_accounts_today(plan_id): the rows of a plan's accounts_sql, each as one jsonb. Raises 42704 for an unknown plan and where its author is
 * no more, and whatever the query raises, a query_canceled of its own as 38000.
 */
Datum
salesops_territory_accounts_today(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			type = INT8OID;
	Datum		plan_id = PG_GETARG_DATUM(0);
	SPIExecuteOptions options = {.read_only = true};
	StringInfoData query;
	char	   *author_name;
	Oid			author;
	Self		self;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	if (SPI_execute_with_args("SELECT o.made_by, o.accounts_sql FROM salesops.territory_plan_origin($1) o WHERE o.made_by IS NOT NULL", 1, &type,
							  &plan_id, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the plan");
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no territory plan " INT64_FORMAT, DatumGetInt64(plan_id)),
				 errhint("SELECT * FROM salesops.territory_plans() lists them.")));
	author_name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	author = get_role_oid(author_name, true);
	if (!OidIsValid(author))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", which made the plan and whose rights its query runs under, does not exist", author_name),
				 errhint("Create the role, or make the plan again under another one.")));
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT pg_catalog.to_jsonb(account) FROM (\n%s\n) AS account",
					 query_without_end(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)));

	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult, result->econtext->ecxt_per_query_memory, false, NULL, NULL);
	act_as(author, &self);
	run_query(query.data, &options);
	act_as_self(&self);
	SPI_finish();
	return (Datum) 0;
}
