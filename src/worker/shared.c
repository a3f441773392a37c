/*
 * shared.c: the worker's shared memory and the states of a database slot.
 *
 * The area is made while the server starts or, without preload, by whoever needs it first: it is small enough for the
 * room that the server always leaves.
 *
 * Every change of state is one function, named after its arrow in README.md. The launcher moves slots up to
 * SLOT_STARTING, a runner takes its own slot from there and gives it back when it exits, in whatever way it
 * exits. So the state outlives the launcher, and a new launcher goes on where the old one stopped.
 */
#include "worker/worker.h"

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

static void
request_shared_memory(void)
{
	if (previous_shmem_request_hook)
		previous_shmem_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(WorkerShared)) + MAXALIGN(salesops_clock_shared_size()));
}

/* Find the area, or make it. */
void
salesops_attach_shared_memory(void)
{
	bool		found;

	if (salesops_worker != NULL)
		return;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	salesops_worker = ShmemInitStruct("salesops worker", sizeof(WorkerShared), &found);
	if (!found)
	{
		memset(salesops_worker, 0, sizeof(WorkerShared));	/* every slot SLOT_FREE */
		LWLockInitialize(&salesops_worker->lock, LWLockNewTrancheId());
		ConditionVariableInit(&salesops_worker->office);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(salesops_worker->lock.tranche, "salesops");
}

static void
start_shared_memory(void)
{
	if (previous_shmem_startup_hook)
		previous_shmem_startup_hook();

	salesops_worker = NULL;		/* after a crash the postmaster still has the address of the old area */
	salesops_attach_shared_memory();
	salesops_worker->preloaded = salesops_worker->called = true;
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
	LWLockAcquire(&salesops_worker->lock, LW_EXCLUSIVE);
}

static void
unlock_slots(void)
{
	LWLockRelease(&salesops_worker->lock);
}

/* Make the launcher take a turn now. The caller holds the lock. */
void
salesops_poke_launcher(void)
{
	if (salesops_worker->launcher != NULL)
		SetLatch(salesops_worker->launcher);
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
		salesops_poke_launcher();
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

/* starting -> waiting: the server had no process for a runner. The slot keeps its place: it is due still. */
void
salesops_slot_postpone(int i)
{
	DatabaseSlot *slot = &salesops_worker->slot[i];

	lock_slots();
	if (slot->state == SLOT_STARTING)
	{
		slot->state = SLOT_WAITING;
		slot->wake_at = DT_NOBEGIN;
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
	salesops_poke_launcher();
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
