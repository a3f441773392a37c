/*
 * source_relation.c: read what somebody else owns without lending them our rights.
 *
 * The night may run as a superuser, and the relations of a source belong to a connector. Reading a plain table runs no
 * code of its owner's. Reading a view, a table with row security, or a column whose type the owner made (a cast of it can
 * be a function) does, and would run it with the rights of the reader. So
 *
 *     source_relation(relation)   SQL that stands for the relation in a FROM clause: its name where reading it is
 *                                 harmless, otherwise a call of read_as_owner(); and it locks the relation, so that it is
 *                                 still the same one when the SQL runs
 *     read_as_owner(relation)     its rows, read under the rights of its owner as a security-restricted operation, like
 *                                 the query of a materialized view; types that users made come as text
 *
 * A reader who has not the rights of the owner reads with his own: there is nothing to lend then but those.
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(salesops_source_relation);
PG_FUNCTION_INFO_V1(salesops_read_as_owner);

/* Whether a type came with the server. */
static bool
is_built_in(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	result = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace == PG_CATALOG_NAMESPACE;
	ReleaseSysCache(tuple);
	return result;
}

/* Whether reading the relation can run code that its owner chose. */
static bool
runs_code(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);

	if (relation->rd_rel->relkind == RELKIND_VIEW || relation->rd_rel->relrowsecurity)
		return true;
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && !is_built_in(column->atttypid))
			return true;
	}
	return false;
}

static char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
}

/*
 * Appends the columns of the relation, each through the format given: as a definition ("name" type) or as an expression
 * of the query that reads it.
 */
static void
append_columns(StringInfo out, Relation relation, bool as_definition)
{
	TupleDesc	columns = RelationGetDescr(relation);
	const char *separator = "";

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		bool		built_in;

		if (column->attisdropped)
			continue;
		built_in = is_built_in(column->atttypid);
		appendStringInfo(out, "%s%s", separator, quote_identifier(NameStr(column->attname)));
		if (as_definition)
			appendStringInfo(out, " %s", built_in ? format_type_be(column->atttypid) : "text");
		else if (!built_in)
			appendStringInfoString(out, "::text");
		separator = ", ";
	}
}

/* Opens the relation that an argument names; it may be gone since somebody looked it up. */
static Relation
open_argument(FunctionCallInfo fcinfo, int n)
{
	Oid			oid = PG_GETARG_OID(n);
	Relation	relation = try_relation_open(oid, AccessShareLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid),
				 errhint("It may have been dropped a moment ago; try again.")));
	return relation;
}

/* source_relation(relation): SQL of a FROM item that reads the relation safely; holds a lock until the transaction ends. */
Datum
salesops_source_relation(PG_FUNCTION_ARGS)
{
	Relation	relation = open_argument(fcinfo, 0);
	StringInfoData sql;

	initStringInfo(&sql);
	if (relation->rd_rel->relowner == GetUserId() || !runs_code(relation))
		appendStringInfoString(&sql, qualified_name(relation));
	else
	{
		appendStringInfo(&sql, "(SELECT * FROM salesops.read_as_owner(%s) AS r(",
						 quote_literal_cstr(qualified_name(relation)));
		append_columns(&sql, relation, true);
		appendStringInfoString(&sql, "))");
	}
	relation_close(relation, NoLock);
	PG_RETURN_TEXT_P(cstring_to_text(sql.data));
}

/* read_as_owner(relation): the rows of the relation, as a set whose columns the caller names. */
Datum
salesops_read_as_owner(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	relation;
	Oid			owner;
	Oid			caller;
	int			security_context;
	StringInfoData query;
	DestReceiver *receiver;
	SPIExecuteOptions options = {.read_only = true};

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	relation = open_argument(fcinfo, 0);
	owner = relation->rd_rel->relowner;
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_columns(&query, relation, false);
	appendStringInfo(&query, " FROM %s", qualified_name(relation));
	relation_close(relation, NoLock);

	SPI_connect();
	receiver = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(receiver, result->setResult, result->econtext->ecxt_per_query_memory, false,
									result->setDesc, "the columns named are not those of the relation");
	options.dest = receiver;

	/* An error restores the caller too: the abort of a (sub)transaction does it. */
	GetUserIdAndSecContext(&caller, &security_context);
	SetUserIdAndSecContext(has_privs_of_role(caller, owner) ? owner : caller, security_context | SECURITY_RESTRICTED_OPERATION);
	if (SPI_execute_extended(query.data, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not read the relation");
	SetUserIdAndSecContext(caller, security_context);

	SPI_finish();
	return (Datum) 0;
}
