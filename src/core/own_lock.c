/*
 * own_lock.c: locks that nobody else can take.
 *
 * A run and a sync are guarded by advisory locks. One of the keys that pg_advisory_lock() takes could be held by anybody who
 * may connect, and then no night would ever begin. The server tells the two kinds of its keys apart by the last field of the
 * lock's tag, 1 and 2; ours have a number that no SQL function gives.
 *
 *     try_run_lock(), release_run_lock()   one run at a time in a database; of the session, so it spans the commits of a run
 *     lock_source(source_key)              one sync of a source at a time; until the transaction ends
 */
#include "core/own_lock.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"

/* The last field of the tag; run_lock_holder() looks for it too. */
#define RUN_LOCK	3
#define SOURCE_LOCK	4

/* The ASCII bytes of SALE and SOPS. */
#define KEY_HIGH	0x53414c45
#define KEY_LOW		0x534f5053

PG_FUNCTION_INFO_V1(salesops_try_run_lock);
PG_FUNCTION_INFO_V1(salesops_release_run_lock);
PG_FUNCTION_INFO_V1(salesops_lock_source);

static LOCKTAG
run_lock(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, KEY_HIGH, KEY_LOW, RUN_LOCK);
	return tag;
}

/* try_run_lock(): takes the lock of a run for this session, once however often it is called; false if another has it. */
Datum
salesops_try_run_lock(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag = run_lock();
	LockAcquireResult taken;

	(void) fcinfo;
	taken = LockAcquire(&tag, ExclusiveLock, true, true);
	if (taken == LOCKACQUIRE_ALREADY_HELD || taken == LOCKACQUIRE_ALREADY_CLEAR)
		LockRelease(&tag, ExclusiveLock, true);
	PG_RETURN_BOOL(taken != LOCKACQUIRE_NOT_AVAIL);
}

/* release_run_lock(): gives it back; false, with a warning of the server, if this session does not have it. */
Datum
salesops_release_run_lock(PG_FUNCTION_ARGS)
{
	LOCKTAG		tag = run_lock();

	(void) fcinfo;
	PG_RETURN_BOOL(LockRelease(&tag, ExclusiveLock, true));
}

bool
salesops_holds_run_lock(void)
{
	LOCKTAG		tag = run_lock();

	return lock_held_by_me(&tag, ExclusiveLock);
}

/* lock_source(source_key): waits for another sync of the source. Two keys with one hash wait for each other, which is no harm. */
Datum
salesops_lock_source(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(0);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, KEY_HIGH, hash_bytes((unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)),
						 SOURCE_LOCK);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	PG_RETURN_VOID();
}
