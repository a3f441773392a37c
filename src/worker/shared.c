/*
 * shared.c: the worker's shared memory and the states of a database slot.
 *
 * Every change of state is one function, named after its arrow in README.md. The launcher moves slots up to
 * SLOT_STARTING, a runner takes its own slot from there and gives it back when it exits, in whatever way it
 * exits. So the state outlives the launcher, and a new launcher goes on where the old one stopped.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"

/* A runner that fails comes back after one minute, then two, four ... at most an hour. */
#define RETRY_FIRST_MS (60 * 1000)
#define RETRY_DOUBLINGS_MAX 6
#define RETRY_LONGEST_MS (60 * 60 * 1000)

WorkerShared *salesops_worker = NULL;

static shmem_request_hook_type previous_shmem_request_hook = NULL;
static shmem_startup_hook_type previous_shmem_startup_hook = NULL;

/* Set by wake_worker() until the transaction ends: the worker must not look before it can see the rows. */
static bool wake_at_commit = false;

static void
request_shared_memory(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerShared)));
	RequestNamedLWLockTranche("salesops", 1);
}

static void
start_shared_memory(void)
{
	bool		found;

	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	salesops_worker = ShmemInitStruct("salesops worker", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(salesops_worker, 0, sizeof(WorkerShared));	/* every slot SLOT_FREE */
		salesops_worker->lock = &GetNamedLWLockTranche("salesops")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Called while the library is preloaded. */
void
salesops_request_shared_memory(void)
{
	previous_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	previous_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_shared_memory;
}

static void
lock_slots(void)
{
	LWLockAcquire(salesops_worker->lock, LW_EXCLUSIVE);
}

static void
unlock_slots(void)
{
	LWLockRelease(salesops_worker->lock);
}

/* The caller holds the lock. */
static void
poke_launcher(void)
{
	if (salesops_worker->launcher != NULL)
		SetLatch(salesops_worker->launcher);
}

static void
detach_launcher(int code, Datum arg)
{
	(void) code;
	(void) arg;
	lock_slots();
	salesops_worker->launcher = NULL;
	unlock_slots();
}

/* Make this process the one whose latch is set when something changes. */
void
salesops_attach_launcher(void)
{
	before_shmem_exit(detach_launcher, (Datum) 0);
	lock_slots();
	salesops_worker->launcher = MyLatch;
	unlock_slots();
}

/* free -> waiting: find the slot of a database or give it one; -1 if all are taken. A new one is looked at at once. */
int
salesops_slot_list(Oid database)
{
	int			result = -1;

	lock_slots();
	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
	{
		DatabaseSlot *slot = &salesops_worker->slot[i];

		if (slot->state != SLOT_FREE && slot->database == database)
		{
			result = i;
			break;
		}
		if (slot->state == SLOT_FREE && result < 0)
			result = i;
	}
	if (result >= 0 && salesops_worker->slot[result].state == SLOT_FREE)
		salesops_worker->slot[result] = (DatabaseSlot)
		{
			.state = SLOT_WAITING, .database = database, .wake_at = DT_NOBEGIN
		};
	unlock_slots();
	return result;
}

/* waiting -> free: the database is not listed any more, or gone. A busy slot stays until its runner ends. */
void
salesops_slot_unlist(int i)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	if (slot->state == SLOT_WAITING)
		slot->state = SLOT_FREE;
	unlock_slots();
}

/* waiting -> starting: its time has come; the launcher registers a runner next. */
void
salesops_slot_launch(int i)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	Assert(slot->state == SLOT_WAITING);
	slot->state = SLOT_STARTING;
	slot->woken = false;
	slot->published = false;
	unlock_slots();
}

/* When a slot is looked at again after so many failures in a row. */
static TimestampTz
retry_time(int failures)
{
	int			delay = RETRY_LONGEST_MS;

	if (failures - 1 < RETRY_DOUBLINGS_MAX)
		delay = Min(RETRY_FIRST_MS << (failures - 1), RETRY_LONGEST_MS);
	return TimestampTzPlusMilliseconds(salesops_now(), delay);
}

/* starting -> waiting: the runner never reported. */
void
salesops_slot_lose(int i)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	if (slot->state == SLOT_STARTING)
	{
		slot->state = SLOT_WAITING;
		slot->failures++;
		slot->wake_at = retry_time(slot->failures);
	}
	unlock_slots();
}

/* running -> waiting: this runner exits, by itself, by an error or because it was told to. */
static void
leave_slot(int code, Datum arg)
{
	DatabaseSlot *slot = &salesops_worker->slot[DatumGetInt32(arg)];

	(void) code;
	lock_slots();
	if (slot->state == SLOT_RUNNING && slot->runner_pid == MyProcPid)
	{
		slot->state = SLOT_WAITING;
		slot->runner_pid = 0;
		if (slot->published)
			slot->failures = 0;
		else
		{
			slot->failures++;
			slot->wake_at = retry_time(slot->failures);
		}
		poke_launcher();
	}
	unlock_slots();
}

/* starting -> running: this process is the runner. False if the launcher has given up on it meanwhile. */
bool
salesops_slot_attach(const RunnerOrder *order)
{
	DatabaseSlot *slot = &salesops_worker->slot[order->slot];
	bool		expected;

	before_shmem_exit(leave_slot, Int32GetDatum(order->slot));
	lock_slots();
	expected = slot->state == SLOT_STARTING && slot->database == order->database;
	if (expected)
	{
		slot->state = SLOT_RUNNING;
		slot->runner_pid = MyProcPid;
	}
	unlock_slots();
	return expected;
}

/* The runner is about to read the tables: a wake-up from before is answered by that, one from after will count. */
void
salesops_slot_take_wake(int i)
{
	lock_slots();
	salesops_worker->slot[i].woken = false;
	unlock_slots();
}

/* The runner has read the tables: nothing to do before wake_at. */
void
salesops_slot_publish(int i, TimestampTz wake_at)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	slot->wake_at = wake_at;
	slot->published = true;
	unlock_slots();
}

/* The launcher could not start a runner now. */
void
salesops_slot_postpone(int i, TimestampTz wake_at)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	if (slot->state == SLOT_STARTING)
	{
		slot->state = SLOT_WAITING;
		slot->wake_at = wake_at;
	}
	unlock_slots();
}

/* A session has changed something in this database, or made it. */
void
salesops_wake_database(Oid database)
{
	lock_slots();
	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
	{
		DatabaseSlot *slot = &salesops_worker->slot[i];

		if (slot->state != SLOT_FREE && slot->database == database)
			slot->woken = true;
	}
	poke_launcher();
	unlock_slots();
}

/* The settings may have changed: look at every database again. */
void
salesops_wake_all(void)
{
	lock_slots();
	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
		salesops_worker->slot[i].woken = true;
	unlock_slots();
}

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

/* wake_worker() returns boolean: see its SQL comment */
Datum
salesops_wake_worker(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	(void) fcinfo;
	if (salesops_worker == NULL)
		PG_RETURN_BOOL(false);
	if (!registered)
	{
		RegisterXactCallback(wake_at_transaction_end, NULL);
		registered = true;
	}
	wake_at_commit = true;
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(salesops_check_worker);

/* check_worker() returns void: see its SQL comment */
Datum
salesops_check_worker(PG_FUNCTION_ARGS)
{
	char	   *database = get_database_name(MyDatabaseId);
	ListCell   *lc;

	(void) fcinfo;
	if (salesops_worker == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the salesops background worker is not running"),
				 errdetail("The library salesops is not in shared_preload_libraries."),
				 errhint("Add it there and restart the server, or run the job in this session: CALL salesops.run_nightly().")));

	foreach(lc, salesops_listed_databases())
	{
		if (strcmp(lfirst(lc), database) == 0)
			PG_RETURN_VOID();
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the salesops background worker does not serve database \"%s\"", database),
			 errdetail("The setting salesops.databases is \"%s\".", salesops_databases),
			 errhint("Add the database with ALTER SYSTEM SET salesops.databases, then SELECT pg_reload_conf().")));
}
