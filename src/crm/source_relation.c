/*
 * source_relation.c: read what somebody else owns without lending them our rights.
 *
 * The night may run as a superuser, and the relations of a source belong to a connector. Reading a view runs code of its
 * owner's with the rights of the reader; so do row security, and a cast of a type that the owner made. Even a plain
 * table is not harmless to a query: the planner computes what it finds constant in index expressions, statistics and
 * check constraints, whatever function the owner put there. So no query of ours ever names a relation of a source:
 *
 *     read_relation(relation)     its rows, in one of two ways:
 *
 *         scanned      a table or materialized view that holds all its rows itself, in columns of the server's own types,
 *                      is read from first to last without the planner: nothing of its owner's runs
 *         as owner     anything else is queried under its owner's rights (act_as.c); types that users made come as text
 *
 *     source_relation(relation)   SQL that stands for the relation in a FROM clause: a call of read_relation(); it locks
 *                                 the relation, so that it is still the same one when the SQL runs
 *
 * The second way takes a reader with the rights of the owner. One without them would run the owner's code under his own,
 * so he is refused, unless the owner is a superuser, who has no need of anybody's rights.
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "catalog/objectaddress.h"
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
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/act_as.h"

static const char wrong_columns[] = "the columns named are not those of the relation";

PG_FUNCTION_INFO_V1(salesops_source_relation);
PG_FUNCTION_INFO_V1(salesops_read_relation);
PG_FUNCTION_INFO_V1(salesops_count_rows);

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

/* Whether all rows of the relation are in its own storage and can be read without running code. */
static bool
can_be_scanned(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);

	if (relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_MATVIEW)
		return false;
	if (relation->rd_rel->relrowsecurity || relation->rd_rel->relhassubclass)
		return false;
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped && (salesops_is_virtual(column) || !is_built_in(column->atttypid)))
			return false;
	}
	return true;
}

/* Opens and locks a relation whose rows can be read; the lock stays until the transaction ends. */
static Relation
open_relation(Oid oid)
{
	Relation	relation = try_relation_open(oid, AccessShareLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid)));
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_MATVIEW:
		case RELKIND_VIEW:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_PARTITIONED_TABLE:
			return relation;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" holds no rows to read", RelationGetRelationName(relation)),
					 errdetail_relkind_not_supported(relation->rd_rel->relkind)));
	}
	return NULL;				/* keep the compiler quiet */
}

/* Raises 42501 where the caller may not read the relation. */
static void
check_right_to_read(Relation relation)
{
	AclResult	right = pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_SELECT);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, get_relkind_objtype(relation->rd_rel->relkind), RelationGetRelationName(relation));
}

static char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
}

/* Appends the columns of the relation, as definitions ("name" type) or as expressions of the query that reads them. */
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
			appendStringInfo(out, " %s", built_in ? format_type_with_typemod(column->atttypid, -1) : "pg_catalog.text");
		else if (!built_in)
			appendStringInfoString(out, "::pg_catalog.text");
		separator = ", ";
	}
}

/*
 * source_relation(relation): SQL of a FROM item that reads the relation safely. A relation that the caller may not read is
 * not locked: the SQL will fail with the name of what is lacking.
 */
Datum
salesops_source_relation(PG_FUNCTION_ARGS)
{
	Relation	relation = open_relation(PG_GETARG_OID(0));
	bool		may_read = pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), ACL_SELECT) == ACLCHECK_OK;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "(SELECT * FROM salesops.read_relation(%s) AS r(", quote_literal_cstr(qualified_name(relation)));
	append_columns(&sql, relation, true);
	appendStringInfoString(&sql, "))");
	relation_close(relation, may_read ? NoLock : AccessShareLock);
	PG_RETURN_TEXT_P(cstring_to_text(sql.data));
}

/* Begins to read what the relation itself holds. */
static TableScanDesc
begin_scan(Relation relation)
{
	if (!RelationIsScannable(relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("materialized view \"%s\" has not been populated", RelationGetRelationName(relation)),
				 errhint("Use the REFRESH MATERIALIZED VIEW command.")));
	return table_beginscan(relation, GetActiveSnapshot(), 0, NULL);
}

/* Puts the rows of a relation that can_be_scanned() into the result. */
static void
scan(Relation relation, ReturnSetInfo *result)
{
	TupleConversionMap *map = convert_tuples_by_position(RelationGetDescr(relation), result->setDesc, wrong_columns);
	TableScanDesc scan = begin_scan(relation);
	TupleTableSlot *stored = table_slot_create(relation, NULL);
	TupleTableSlot *given = MakeSingleTupleTableSlot(result->setDesc, &TTSOpsVirtual);

	while (table_scan_getnextslot(scan, ForwardScanDirection, stored))
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttupleslot(result->setResult, map == NULL ? stored : execute_attr_map_slot(map->attrMap, stored, given));
	}
	ExecDropSingleTupleTableSlot(given);
	ExecDropSingleTupleTableSlot(stored);
	table_endscan(scan);
}

/* The role under which a relation that cannot be scanned is queried: see the head comment. */
static Oid
reading_role(Relation relation)
{
	Oid			owner = relation->rd_rel->relowner;

	if (has_privs_of_role(GetUserId(), owner))
		return owner;
	check_right_to_read(relation);
	if (superuser_arg(owner))
		return GetUserId();
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("reading \"%s\" would run code of its owner \"%s\" under the rights of \"%s\"",
					RelationGetRelationName(relation), GetUserNameFromId(owner, false), GetUserNameFromId(GetUserId(), false)),
			 errdetail("Only a table without row security, children and types that users made is read without running code."),
			 errhint("GRANT \"%s\" TO \"%s\", so that it is read under its owner's rights, or load the rows into a table.",
					 GetUserNameFromId(owner, false), GetUserNameFromId(GetUserId(), false))));
}

/* read_relation(relation): the rows of the relation, as a set whose columns the caller names. */
Datum
salesops_read_relation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	relation = open_relation(PG_GETARG_OID(0));
	StringInfoData query;
	SPIExecuteOptions options = {.read_only = true};
	Oid			role;
	Self		self;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (can_be_scanned(relation))
	{
		check_right_to_read(relation);
		scan(relation, result);
		relation_close(relation, NoLock);
		return (Datum) 0;
	}

	role = reading_role(relation);
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_columns(&query, relation, false);
	appendStringInfo(&query, " FROM %s", qualified_name(relation));
	relation_close(relation, NoLock);

	SPI_connect();
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest, result->setResult, result->econtext->ecxt_per_query_memory, false,
									result->setDesc, wrong_columns);
	act_as(role, &self);
	if (SPI_execute_extended(query.data, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not read the relation");
	act_as_self(&self);
	SPI_finish();
	return (Datum) 0;
}

/* count_rows(relation): how many rows a materialized view holds; unlike a query, it runs nothing that its indexes say. */
Datum
salesops_count_rows(PG_FUNCTION_ARGS)
{
	Relation	relation = open_relation(PG_GETARG_OID(0));
	TableScanDesc scan;
	TupleTableSlot *row;
	int64		count = 0;

	if (relation->rd_rel->relkind != RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a materialized view", RelationGetRelationName(relation))));
	check_right_to_read(relation);
	scan = begin_scan(relation);
	row = table_slot_create(relation, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		count++;
	}
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	relation_close(relation, NoLock);
	PG_RETURN_INT64(count);
}
