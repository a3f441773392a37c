/*
 * extension.c: a run meets DROP EXTENSION and ALTER EXTENSION UPDATE in one place.
 *
 * Both change what a run stands on, and both lock the extension before its tables: DROP by itself, an update script by its
 * first statement, hold_runs(). Every transaction of a run takes that lock first, too; so whoever comes second waits there,
 * and neither holds a table that the other wants. Without it the two deadlock between a step and the next.
 *
 * After an update the functions are others than those that the run began with, and this process may have the old library: a
 * run that finds another version ends there. What it has done is committed, the next run goes on. An extension that was dropped
 * and created again, in one transaction perhaps, has the same version and is another one: the tables are empty, the run that
 * began is in none of them. Its object identifier tells.
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

/* The extension in this database; false if it is not there. */
static bool
find_extension(ExtensionIdentity *extension)
{
	Relation	pg_extension = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	*extension = (ExtensionIdentity) {.oid = InvalidOid};
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("salesops"));
	scan = systable_beginscan(pg_extension, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		extversion = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(pg_extension), &isnull);

		extension->oid = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		extension->version = TextDatumGetCString(extversion);
	}
	systable_endscan(scan);
	table_close(pg_extension, AccessShareLock);
	return OidIsValid(extension->oid);
}

/* Lock the extension until the transaction ends; false if it is not there. */
static bool
lock_extension(ExtensionIdentity *extension, LOCKMODE mode)
{
	Oid			locked = InvalidOid;

	/* While we waited it may have been dropped, and another one made in its place. */
	while (find_extension(extension) && extension->oid != locked)
	{
		locked = extension->oid;
		LockDatabaseObject(ExtensionRelationId, locked, 0, mode);
	}
	return OidIsValid(extension->oid);
}

/* Lock the extension against DROP and UPDATE until the transaction ends; false if it is not there. */
bool
salesops_hold_extension(ExtensionIdentity *extension)
{
	return lock_extension(extension, AccessShareLock);
}

PG_FUNCTION_INFO_V1(salesops_lock_extension);

/* lock_extension(begun_with text) returns text: see its SQL comment */
Datum
salesops_lock_extension(PG_FUNCTION_ARGS)
{
	ExtensionIdentity extension;
	char	   *identity;

	if (!salesops_hold_extension(&extension))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the extension salesops has been dropped"),
				 errhint("What was done is committed; there is nothing left to run.")));
	identity = psprintf("%s as object %u", extension.version, extension.oid);
	if (!PG_ARGISNULL(0))
	{
		char	   *begun_with = text_to_cstring(PG_GETARG_TEXT_PP(0));
		char	   *object = strrchr(begun_with, ' ');

		if (object == NULL || strcmp(object, strrchr(identity, ' ')) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the run ends because the extension salesops was dropped and created again"),
					 errdetail("It began with %s; now there is %s.", begun_with, identity),
					 errhint("The run and its log went with the extension that was dropped. Connect the sources and set the schedules anew.")));
		if (strcmp(identity, begun_with) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the run ends because the extension salesops was updated"),
					 errdetail("It began with %s; now it is %s.", begun_with, identity),
					 errhint("What was done is committed. The next run goes on; begin it in a new session.")));
	}
	PG_RETURN_TEXT_P(cstring_to_text(identity));
}

PG_FUNCTION_INFO_V1(salesops_hold_runs);

/* hold_runs() returns void: see its SQL comment */
Datum
salesops_hold_runs(PG_FUNCTION_ARGS)
{
	ExtensionIdentity extension;

	(void) fcinfo;
	(void) lock_extension(&extension, AccessExclusiveLock);
	PG_RETURN_VOID();
}
