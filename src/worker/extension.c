/*
 * extension.c: a run and DROP EXTENSION wait for each other in one place.
 *
 * DROP EXTENSION locks the extension before its tables. Every transaction of a run takes that lock first, too; so
 * whoever comes second waits there, and neither holds a table that the other wants. Without it the two
 * deadlock between a step and the next.
 */
#include "worker/worker.h"

#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "storage/lmgr.h"

/* Lock the extension against DROP until the transaction ends; false if it is not there. */
bool
salesops_extension_is_locked(void)
{
	Oid			extension = get_extension_oid("salesops", true);

	if (!OidIsValid(extension))
		return false;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return OidIsValid(get_extension_oid("salesops", true));
}

PG_FUNCTION_INFO_V1(salesops_lock_extension);

/* lock_extension() returns void: see its SQL comment */
Datum
salesops_lock_extension(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	if (!salesops_extension_is_locked())
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the extension salesops has been dropped"),
				 errhint("What was done is committed; there is nothing left to run.")));
	PG_RETURN_VOID();
}
