/*
 * extension.c: a run meets DROP EXTENSION and ALTER EXTENSION UPDATE in one place.
 *
 * Both change what a run stands on, and both lock the extension before its tables: DROP by itself, an update script by its
 * first statement, hold_runs(). Every transaction of a run takes that lock first, too; so whoever comes second waits there,
 * and neither holds a table that the other wants. Without it the two deadlock between a step and the next.
 *
 * After an update the functions are others than those that the run began with, and this process may have the old library: a
 * run that finds another version ends there. What it has done is committed, the next run goes on.
 */
#include "worker/worker.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/* The version of the extension in this database and its identity; NULL if it is not there. */
static char *
find_extension(Oid *extension)
{
	Relation	pg_extension = table_open(ExtensionRelationId, AccessShareLock);
	char	   *version = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("salesops"));
	scan = systable_beginscan(pg_extension, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		extversion = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(pg_extension), &isnull);

		*extension = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		version = TextDatumGetCString(extversion);
	}
	systable_endscan(scan);
	table_close(pg_extension, AccessShareLock);
	return version;
}

/* Lock the extension until the transaction ends and return its version; NULL if it is not there. */
static char *
lock_version(LOCKMODE mode)
{
	Oid			extension;

	if (find_extension(&extension) == NULL)
		return NULL;
	LockDatabaseObject(ExtensionRelationId, extension, 0, mode);
	return find_extension(&extension);
}

/* Lock the extension against DROP and UPDATE until the transaction ends and return its version; NULL if it is not there. */
char *
salesops_extension_version(void)
{
	return lock_version(AccessShareLock);
}

PG_FUNCTION_INFO_V1(salesops_lock_extension);

/* lock_extension(begun_with text) returns text: see its SQL comment */
Datum
salesops_lock_extension(PG_FUNCTION_ARGS)
{
	char	   *version = salesops_extension_version();

	if (version == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the extension salesops has been dropped"),
				 errhint("What was done is committed; there is nothing left to run.")));
	if (!PG_ARGISNULL(0))
	{
		char	   *begun_with = text_to_cstring(PG_GETARG_TEXT_PP(0));

		if (strcmp(version, begun_with) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the run ends because the extension salesops was updated"),
					 errdetail("It began with version %s; now it is %s.", begun_with, version),
					 errhint("What was done is committed. The next run goes on; begin it in a new session.")));
	}
	PG_RETURN_TEXT_P(cstring_to_text(version));
}

PG_FUNCTION_INFO_V1(salesops_hold_runs);

/* hold_runs() returns void: see its SQL comment */
Datum
salesops_hold_runs(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	(void) lock_version(AccessExclusiveLock);
	PG_RETURN_VOID();
}
