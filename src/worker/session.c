/*
 * session.c: what a session says to the worker: start, stop, look at this database, do you serve it?
 *
 * The SQL comments of these functions (sql/worker/launcher.sql) say what they mean to their callers.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"

/* Set by wake_worker() until the transaction ends: the worker must not look before it can see the rows. */
static bool wake_at_commit = false;

static void
wake_at_transaction_end(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_COMMIT && wake_at_commit)
		salesops_wake_database(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wake_at_commit = false;
}

PG_FUNCTION_INFO_V1(salesops_wake_worker);

/* wake_worker() returns boolean */
Datum
salesops_wake_worker(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	(void) fcinfo;
	salesops_attach_shared_memory();
	if (!registered)
	{
		RegisterXactCallback(wake_at_transaction_end, NULL);
		registered = true;
	}
	wake_at_commit = true;
	PG_RETURN_BOOL(salesops_worker->called);
}

/* Does the launcher, once it is in office, look after this database? */
static bool
is_served(void)
{
	char	   *name = get_database_name(MyDatabaseId);
	ListCell   *lc;

	if (salesops_is_guest(MyDatabaseId))
		return true;
	foreach(lc, salesops_listed_databases())
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* Raise an error that says what to do unless the launcher serves this database. */
static void
check_served(void)
{
	if (!is_served())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the salesops background worker does not serve database \"%s\"", get_database_name(MyDatabaseId)),
				 errdetail("The setting salesops.databases is \"%s\".", salesops_databases),
				 salesops_worker->preloaded
				 ? errhint("Add the database with ALTER SYSTEM SET salesops.databases, then SELECT pg_reload_conf().")
				 : errhint("SELECT salesops.start_worker() in this database, or add it to the setting.")));
}

PG_FUNCTION_INFO_V1(salesops_check_worker);

/* check_worker() returns void */
Datum
salesops_check_worker(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	salesops_attach_shared_memory();
	if (!salesops_worker->called)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the salesops background worker is not running"),
				 errdetail("The library salesops is not in shared_preload_libraries, and nobody has started the worker since the server did."),
				 errhint("Start it with SELECT salesops.start_worker(), or run the job in this session: CALL salesops.run_nightly().")));
	check_served();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(salesops_launcher_pid);

/* launcher_pid() returns integer */
Datum
salesops_launcher_pid(PG_FUNCTION_ARGS)
{
	pid_t		pid;

	(void) fcinfo;
	salesops_attach_shared_memory();
	LWLockAcquire(&salesops_worker->lock, LW_SHARED);
	pid = salesops_worker->launcher == NULL ? 0 : salesops_worker->launcher_pid;
	LWLockRelease(&salesops_worker->lock);
	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}

PG_FUNCTION_INFO_V1(salesops_start_worker);

/* start_worker() returns integer */
Datum
salesops_start_worker(PG_FUNCTION_ARGS)
{
	bool		running;
	pid_t		launcher;

	salesops_attach_shared_memory();
	if (salesops_worker->preloaded)
	{
		check_served();
		running = true;
	}
	else
		running = (salesops_worker->called && is_served()) || !salesops_call_launcher(MyDatabaseId);

	/* What is registered on a standby begins when it is promoted. */
	if (RecoveryInProgress())
	{
		ereport(NOTICE,
				(errmsg("the salesops background worker starts when this standby is promoted")));
		PG_RETURN_NULL();
	}

	launcher = salesops_await_office();
	if (launcher == 0)
	{
		ereport(WARNING,
				(errmsg("the salesops background worker has been called but has not come yet"),
				 errhint("The server log says why.")));
		PG_RETURN_NULL();
	}
	if (running)
		ereport(NOTICE,
				(errmsg("the salesops background worker is running already")));
	PG_RETURN_INT32(launcher);
}

PG_FUNCTION_INFO_V1(salesops_stop_worker);

/* stop_worker() returns boolean */
Datum
salesops_stop_worker(PG_FUNCTION_ARGS)
{
	bool		stopped;

	salesops_attach_shared_memory();
	if (salesops_worker->preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the salesops background worker runs as long as the server"),
				 errdetail("The library salesops is in shared_preload_libraries."),
				 errhint("To let it rest, ALTER SYSTEM SET salesops.databases = '', then SELECT pg_reload_conf().")));
	stopped = salesops_dismiss_launcher();
	(void) salesops_await_office();
	PG_RETURN_BOOL(stopped);
}
