/*
 * office.c: at most one launcher in a server, whoever starts it.
 *
 * A preloaded launcher is in office as long as the server runs. Without preload a session calls one by an order: which
 * databases to serve beside those of the setting. An order travels in bgw_extra, where a crash does not reach it, and
 * cannot be changed there. So one more database is a new order and a new launcher: the later order stands, the launcher
 * of an earlier one leaves for good (exit code 0 unregisters it), and its successor takes office when it has left.
 * Dismissal is an order that no launcher follows.
 *
 *     call -> registered --- later order stands ------------> exits
 *                 |
 *                 v  the office is empty
 *             in office --- later order, or dismissed ------> exits
 *                 |
 *                 +-- SIGTERM or error: the postmaster starts it again after a few seconds, with the same order
 */
#include "worker/worker.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/wait_event.h"

/* How long a session waits for a launcher to come or go: longer than one that was killed stays away. */
#define PATIENCE_MS (15 * 1000)

/* A later moment than that of the order that stands, also when the clock has been set back. The caller holds the lock. */
static TimestampTz
order_time(void)
{
	return Max(GetCurrentTimestamp(), salesops_worker->order.given_at + 1);
}

/* Has a session called the launcher to this database? The caller holds the lock. */
static bool
names_guest(const LauncherOrder *order, Oid database)
{
	for (int i = 0; i < order->nguests; i++)
	{
		if (order->guest[i] == database)
			return true;
	}
	return false;
}

bool
salesops_is_guest(Oid database)
{
	bool		result;

	LWLockAcquire(&salesops_worker->lock, LW_SHARED);
	result = names_guest(&salesops_worker->order, database);
	LWLockRelease(&salesops_worker->lock);
	return result;
}

/*
 * Call a launcher that serves this database too, beside those that were called before. False if the one that has been
 * called does so already.
 */
bool
salesops_call_launcher(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	LauncherOrder order;

	salesops_describe_launcher(&worker);

	/* Registered under the lock: what is called and what is registered are the same to everybody. */
	LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
	order = salesops_worker->order;
	if (salesops_worker->called && names_guest(&order, database))
	{
		LWLockRelease(&salesops_worker->lock);
		return false;
	}
	if (order.nguests == SALESOPS_MAX_GUESTS)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the salesops background worker was started in %d databases, more are not possible this way",
						SALESOPS_MAX_GUESTS),
				 errhint("Add the database with ALTER SYSTEM SET salesops.databases, then SELECT pg_reload_conf().")));
	order.guest[order.nguests++] = database;
	order.given_at = order_time();
	memcpy(worker.bgw_extra, &order, sizeof(order));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the server has no free process for the salesops background worker"),
				 errhint("Increase max_worker_processes and restart the server, or try again when other workers have ended.")));
	salesops_worker->order = order;
	salesops_worker->called = true;
	salesops_poke_launcher();
	LWLockRelease(&salesops_worker->lock);
	return true;
}

/* Send the launcher away for good. False if none was called. */
bool
salesops_dismiss_launcher(void)
{
	bool		called;

	LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
	called = salesops_worker->called;
	if (called)
	{
		salesops_worker->order = (LauncherOrder) {.given_at = order_time()};
		salesops_worker->called = false;
		salesops_poke_launcher();
	}
	LWLockRelease(&salesops_worker->lock);
	return called;
}

/* Wait until the office is as the order that stands wants it. Returns the process that is in it then, 0 if none. */
pid_t
salesops_await_office(void)
{
	pid_t		pid = 0;
	bool		settled = false;

	ConditionVariablePrepareToSleep(&salesops_worker->office);
	for (;;)
	{
		LWLockAcquire(&salesops_worker->lock, LW_SHARED);
		if (salesops_worker->called)
			settled = salesops_worker->launcher != NULL && salesops_worker->in_office == salesops_worker->order.given_at;
		else
			settled = salesops_worker->launcher == NULL;
		pid = settled && salesops_worker->called ? salesops_worker->launcher_pid : 0;
		LWLockRelease(&salesops_worker->lock);

		if (settled || ConditionVariableTimedSleep(&salesops_worker->office, PATIENCE_MS, PG_WAIT_EXTENSION))
			break;
	}
	ConditionVariableCancelSleep();
	return pid;
}

static void
leave_office(int code, Datum arg)
{
	(void) code;
	(void) arg;
	LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
	salesops_worker->launcher = NULL;
	LWLockRelease(&salesops_worker->lock);
	ConditionVariableBroadcast(&salesops_worker->office);
}

/* A later order than this one stands, so this launcher has nothing more to do. */
bool
salesops_is_relieved(const LauncherOrder *order)
{
	bool		result;

	LWLockAcquire(&salesops_worker->lock, LW_SHARED);
	result = order->given_at < salesops_worker->order.given_at;
	LWLockRelease(&salesops_worker->lock);
	return result;
}

/* Make this process the launcher, when the one before it has left. False if a later order stands by then. */
bool
salesops_take_office(const LauncherOrder *order)
{
	bool		relieved = false;
	bool		taken = false;

	ConditionVariablePrepareToSleep(&salesops_worker->office);
	for (;;)
	{
		LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
		if (order->given_at > salesops_worker->order.given_at)
		{
			/* After a crash the area knows of no order: the latest one that reports stands. */
			salesops_worker->order = *order;
			salesops_worker->called = true;
			salesops_poke_launcher();
		}
		relieved = order->given_at < salesops_worker->order.given_at;
		taken = !relieved && salesops_worker->launcher == NULL;
		if (taken)
		{
			salesops_worker->launcher = MyLatch;
			salesops_worker->launcher_pid = MyProcPid;
			salesops_worker->in_office = order->given_at;
		}
		LWLockRelease(&salesops_worker->lock);

		if (relieved || taken)
			break;
		ConditionVariableSleep(&salesops_worker->office, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	if (taken)
	{
		before_shmem_exit(leave_office, (Datum) 0);
		ConditionVariableBroadcast(&salesops_worker->office);
	}
	return taken;
}

/* The databases that sessions have called the launcher to; returns their number. */
int
salesops_guests(Oid *guest)
{
	int			n;

	LWLockAcquire(&salesops_worker->lock, LW_SHARED);
	n = salesops_worker->order.nguests;
	memcpy(guest, salesops_worker->order.guest, n * sizeof(Oid));
	LWLockRelease(&salesops_worker->lock);
	return n;
}

/* This database is gone: its place can be taken by another. */
void
salesops_forget_guest(Oid database)
{
	LauncherOrder *order = &salesops_worker->order;

	LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
	for (int i = 0; i < order->nguests; i++)
	{
		if (order->guest[i] == database)
			order->guest[i--] = order->guest[--order->nguests];
	}
	LWLockRelease(&salesops_worker->lock);
}
