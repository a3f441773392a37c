/*
 * launcher.c: the process that knows when to look at which database.
 *
 * The launcher is connected to no database, so it never stands in the way of DROP, RENAME or TEMPLATE. It
 * reads the shared catalogs only and sleeps until the next database is due, a session wakes it, or a minute
 * has passed (clocks are set, databases come and go). All work, finding out what is due included, is done
 * by runners: one short-lived process for one database (runner.c).
 *
 * No error ends it: a turn that fails is reported and tried again. SIGTERM does, and then the
 * postmaster starts the next launcher, which finds the slots as this one left them.
 */
#include "worker/worker.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#define RESTART_SECONDS 10
#define LONGEST_SLEEP_MS (60 * 1000)
#define RETRY_MS (10 * 1000)	/* after an error, or when no runner could be started */
#define CLOCK_STEP_US (2 * USECS_PER_SEC)	/* corrections that do not matter are smaller */

/* What one launcher remembers from turn to turn; the slots themselves are in shared memory. */
typedef struct Launcher
{
	MemoryContext context;		/* as long as the launcher */
	MemoryContext scratch;		/* as long as a turn */
	BackgroundWorkerHandle *runner[SALESOPS_MAX_DATABASES];
	List	   *complaints;		/* subjects told to the log already */
	TimestampTz epoch;			/* what time it was when the clock that is never set showed zero */
} Launcher;

/* What the postmaster must know to start a launcher, whoever registers it. */
void
salesops_describe_launcher(BackgroundWorker *worker)
{
	MemSet(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished; /* never on a standby, but after its promotion */
	worker->bgw_restart_time = RESTART_SECONDS;
	strlcpy(worker->bgw_library_name, "salesops", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "salesops_launcher_main", sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, "salesops launcher", sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, "salesops launcher", sizeof(worker->bgw_type));
}

/* Called while the library is preloaded. */
void
salesops_register_launcher(void)
{
	BackgroundWorker worker;

	salesops_describe_launcher(&worker);
	RegisterBackgroundWorker(&worker);
}

/* True the first time that there is a reason to complain about this subject. */
static bool
first_complaint(Launcher *launcher, const char *subject)
{
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, launcher->complaints)
	{
		if (strcmp(lfirst(lc), subject) == 0)
			return false;
	}
	old = MemoryContextSwitchTo(launcher->context);
	launcher->complaints = lappend(launcher->complaints, pstrdup(subject));
	MemoryContextSwitchTo(old);
	return true;
}

/* The reason is gone; if it comes back it is worth another line in the log. */
static void
withdraw_complaint(Launcher *launcher, const char *subject)
{
	ListCell   *lc;

	foreach(lc, launcher->complaints)
	{
		char	   *told = lfirst(lc);

		if (strcmp(told, subject) == 0)
		{
			launcher->complaints = foreach_delete_current(launcher->complaints, lc);
			pfree(told);
		}
	}
}

/* Take a name out of a list of names; false if it is not there. */
static bool
take_name(List **names, const char *name)
{
	bool		found = false;
	ListCell   *lc;

	foreach(lc, *names)
	{
		if (strcmp(lfirst(lc), name) == 0)
		{
			*names = foreach_delete_current(*names, lc);
			found = true;
		}
	}
	return found;
}

/* Take a database out of an array of guests; false if it is not there. */
static bool
take_guest(Oid *guest, int *nguests, Oid database)
{
	for (int i = 0; i < *nguests; i++)
	{
		if (guest[i] == database)
		{
			guest[i] = guest[--*nguests];
			return true;
		}
	}
	return false;
}

static void
complain_about_database(Launcher *launcher, const char *name, const char *detail)
{
	if (first_complaint(launcher, name))
		ereport(LOG,
				(errmsg("salesops does not serve database \"%s\"", name),
				 errdetail_internal("%s", detail),
				 errhint("Correct the setting salesops.databases.")));
}

/*
 * Give a slot to every database that is listed in the setting or that a session has called us to, and take the slots of
 * all others away.
 */
static void
match_slots_to_databases(Launcher *launcher)
{
	Relation	pg_database = table_open(DatabaseRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(pg_database, 0, NULL);
	HeapTuple	tuple;
	List	   *missing = salesops_listed_databases();
	Oid			guest[SALESOPS_MAX_GUESTS];
	int			missing_guests = salesops_guests(guest);
	bool		served[SALESOPS_MAX_DATABASES] = {false};
	ListCell   *lc;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		const char *name = NameStr(form->datname);
		bool		wanted;
		int			slot;

		if (!form->datallowconn || database_is_invalid_form(form))
			continue;
		wanted = take_name(&missing, name);
		wanted |= take_guest(guest, &missing_guests, form->oid);
		if (!wanted)
			continue;
		slot = salesops_slot_list(form->oid);
		if (slot >= 0)
		{
			served[slot] = true;
			withdraw_complaint(launcher, name);
		}
		else
			complain_about_database(launcher, name, psprintf(_("All %d slots are taken."), SALESOPS_MAX_DATABASES));
	}
	table_endscan(scan);
	table_close(pg_database, AccessShareLock);

	foreach(lc, missing)
		complain_about_database(launcher, lfirst(lc), _("There is no such database, or it does not allow connections."));
	for (int i = 0; i < missing_guests; i++)
		salesops_forget_guest(guest[i]);
	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
	{
		if (!served[i])
			salesops_slot_unlist(i);
	}
}

/* Start a runner for a slot; false if the server has no process to spare. */
static bool
start_runner(Launcher *launcher, int slot, Oid database, Oid role)
{
	BackgroundWorker worker;
	RunnerOrder order = {.slot = slot,.database = database,.role = role};
	MemoryContext old;
	bool		started;

	MemSet(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "salesops", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "salesops_runner_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "salesops runner for database %u", database);
	strlcpy(worker.bgw_type, "salesops runner", sizeof(worker.bgw_type));
	memcpy(worker.bgw_extra, &order, sizeof(order));
	worker.bgw_notify_pid = MyProcPid;

	salesops_slot_launch(slot);
	if (launcher->runner[slot] != NULL)
		pfree(launcher->runner[slot]);	/* the last runner gave the slot back and is about to exit */
	launcher->runner[slot] = NULL;	/* also if the next lines fail */
	old = MemoryContextSwitchTo(launcher->context);
	started = RegisterDynamicBackgroundWorker(&worker, &launcher->runner[slot]);
	MemoryContextSwitchTo(old);
	if (!started)
		salesops_slot_postpone(slot);
	return started;
}

/* Forget the runners that have ended; one that ended before it reported has lost its slot. */
static void
reap_runners(Launcher *launcher)
{
	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
	{
		BackgroundWorkerHandle *runner = launcher->runner[i];
		pid_t		pid;

		if (runner != NULL && GetBackgroundWorkerPid(runner, &pid) == BGWH_STOPPED)
		{
			pfree(runner);
			launcher->runner[i] = runner = NULL;
		}
		if (runner == NULL)
			salesops_slot_lose(i);
	}
}

/* The role to run as; false if the setting names one that does not exist. */
static bool
find_role(Launcher *launcher, Oid *role)
{
	*role = salesops_role[0] == '\0' ? InvalidOid : get_role_oid(salesops_role, true);
	if (salesops_role[0] == '\0' || OidIsValid(*role))
	{
		withdraw_complaint(launcher, "salesops.role");
		return true;
	}
	if (first_complaint(launcher, "salesops.role"))
		ereport(LOG,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("salesops runs no job: role \"%s\" does not exist", salesops_role),
				 errhint("Create it with LOGIN or correct the setting salesops.role.")));
	return false;
}

/* Start what is due, as far as max_workers goes. Returns when the launcher must look again at the latest. */
static TimestampTz
launch_due_runners(Launcher *launcher, Oid role)
{
	TimestampTz now = salesops_now();
	TimestampTz next = SALESOPS_NEVER;
	DatabaseSlot slot[SALESOPS_MAX_DATABASES];
	int			busy = 0;

	/* Only the launcher moves a slot out of waiting, so a copy tells which ones may be launched. */
	LWLockAcquire(&salesops_worker->lock, LW_SHARED);
	memcpy(slot, salesops_worker->slot, sizeof(slot));
	LWLockRelease(&salesops_worker->lock);

	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
		busy += slot[i].state == SLOT_STARTING || slot[i].state == SLOT_RUNNING;

	for (int i = 0; i < SALESOPS_MAX_DATABASES; i++)
	{
		if (slot[i].state != SLOT_WAITING)
			continue;
		if (!slot[i].woken && slot[i].wake_at > now)
			next = Min(next, slot[i].wake_at);
		else if (busy < salesops_max_workers)	/* otherwise a runner that ends sets our latch */
		{
			if (start_runner(launcher, i, slot[i].database, role))
			{
				busy++;
				withdraw_complaint(launcher, "max_worker_processes");
			}
			else
			{
				next = Min(next, TimestampTzPlusMilliseconds(now, RETRY_MS));
				if (first_complaint(launcher, "max_worker_processes"))
					ereport(LOG,
							(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
							 errmsg("salesops has a job to run but the server has no free worker process"),
							 errhint("Consider increasing max_worker_processes.")));
			}
		}
	}
	return next;
}

/* When the clock has been set, the times at which slots wait to be looked at mean nothing any more: look at them all. */
static void
notice_clock_step(Launcher *launcher)
{
	TimestampTz epoch = salesops_clock_epoch();
	TimestampTz step = epoch - launcher->epoch;

	launcher->epoch = epoch;
	salesops_follow_clock();
	if (step > -CLOCK_STEP_US && step < CLOCK_STEP_US)
		return;
	ereport(LOG,
			(errmsg("the clock was set %s by " INT64_FORMAT " seconds: salesops looks at every database again",
					step < 0 ? "back" : "forward", ((step < 0 ? -step : step) + USECS_PER_SEC / 2) / USECS_PER_SEC)));
	salesops_wake_all();
}

/* One turn of the launcher. Returns how long it may sleep, in milliseconds. */
static long
take_turn(Launcher *launcher)
{
	TimestampTz next = SALESOPS_NEVER;
	Oid			role;

	notice_clock_step(launcher);
	reap_runners(launcher);

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	MemoryContextSwitchTo(launcher->scratch);
	match_slots_to_databases(launcher);
	if (find_role(launcher, &role))
		next = launch_due_runners(launcher, role);
	CommitTransactionCommand();

	return Min(LONGEST_SLEEP_MS, TimestampDifferenceMilliseconds(salesops_now(), next));
}

/* A turn that fails is reported and costs a short sleep. */
static long
take_turn_or_report(Launcher *launcher)
{
	volatile long sleep = RETRY_MS;

	PG_TRY();
	{
		sleep = take_turn(launcher);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		LWLockReleaseAll();
		AbortOutOfAnyTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(launcher->context);
	MemoryContextReset(launcher->scratch);
	return sleep;
}

void
salesops_launcher_main(Datum arg)
{
	Launcher	launcher = {.complaints = NIL};
	LauncherOrder order;

	(void) arg;
	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	salesops_attach_shared_memory();
	if (!salesops_take_office(&order))
		proc_exit(0);
	pgstat_report_appname("salesops launcher");
	launcher.context = AllocSetContextCreate(TopMemoryContext, "salesops launcher", ALLOCSET_DEFAULT_SIZES);
	launcher.scratch = AllocSetContextCreate(launcher.context, "salesops launcher turn", ALLOCSET_DEFAULT_SIZES);
	launcher.epoch = salesops_clock_epoch();

	while (!salesops_is_relieved(&order))
	{
		long		sleep = take_turn_or_report(&launcher);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			list_free_deep(launcher.complaints);
			launcher.complaints = NIL;
			salesops_wake_all();
		}
	}
	proc_exit(0);
}
