/*
 * runner.c: the process that runs what is due in one database, and then exits.
 *
 * A runner asks the tables through the functions of sql/worker what there is to do, does it, tells the
 * launcher when to come back, and is gone: between runs nobody is connected to the database. It holds no
 * logic of its own; salesops.run_due_jobs() does the same by hand. What C adds is what SQL cannot have in a
 * background worker: a transaction for each step, a time limit on it, and going on after its error.
 */
#include "worker/worker.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* A run under way elsewhere is looked at again after this time. */
#define BUSY_RETRY_MS (60 * 1000)

/* A database is looked at this often although nothing is due: a restore may have brought a schedule. */
#define LONGEST_REST_MS (60 * 60 * 1000)

/* The slot this process works for; the process does nothing else. */
static int	my_slot;

/* The extension when this process first looked. */
static ExtensionIdentity my_extension = {InvalidOid, NULL};

/* As long as one run; what is left in it when the run ends is let go. */
static MemoryContext run_context;

/* An argument list of salesops functions: NULL pointers are SQL NULLs. */
typedef struct Argument
{
	Oid			type;
	Datum		value;
	bool		isnull;
} Argument;

static Argument
bigint_argument(int64 value)
{
	return (Argument) {.type = INT8OID,.value = Int64GetDatum(value)};
}

static Argument
text_argument(const char *value)
{
	return (Argument) {.type = TEXTOID,.isnull = value == NULL,
		.value = value == NULL ? (Datum) 0 : CStringGetTextDatum(value)};
}

/* Leave until somebody makes the extension, which wakes the slot. */
static void
leave_without_extension(void)
{
	ereport(LOG,
			(errmsg("database \"%s\" has no extension salesops", get_database_name(MyDatabaseId)),
			 errhint("CREATE EXTENSION salesops, or take the database out of the setting salesops.databases.")));
	salesops_slot_publish(my_slot, SALESOPS_NEVER);
	proc_exit(0);
}

/* Leave to a new process, with the library of the new extension, which finds what this one has begun and not ended. */
static void
leave_to_successor(const ExtensionIdentity *extension)
{
	if (extension->oid != my_extension.oid)
		ereport(LOG,
				(errmsg("salesops was dropped and created again in database \"%s\"", get_database_name(MyDatabaseId)),
				 errdetail("The run under way has ended after the step at work. Its log is gone with the extension that was dropped.")));
	else
		ereport(LOG,
				(errmsg("salesops was updated from version %s to %s in database \"%s\"", my_extension.version, extension->version,
						get_database_name(MyDatabaseId)),
				 errdetail("The run under way has ended after the step at work.")));
	salesops_slot_publish(my_slot, DT_NOBEGIN);
	proc_exit(0);
}

/* Open a transaction in which SQL can be called, unless the extension is another one or gone: then we are done. */
static void
begin_work(const char *activity)
{
	ExtensionIdentity extension;

	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	if (!salesops_hold_extension(&extension))
		leave_without_extension();
	if (!OidIsValid(my_extension.oid))
	{
		my_extension.oid = extension.oid;
		my_extension.version = MemoryContextStrdup(TopMemoryContext, extension.version);
	}
	if (extension.oid != my_extension.oid || strcmp(extension.version, my_extension.version) != 0)
		leave_to_successor(&extension);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	debug_query_string = activity;
}

static void
commit_work(void)
{
	debug_query_string = NULL;
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(run_context);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Run one SQL statement with arguments. Its rows are in SPI_tuptable until commit_work(). */
static void
query(const char *sql, int nargs, const Argument *args)
{
	Oid			types[6];
	Datum		values[6];
	char		nulls[lengthof(types)] = {0};
	int			result;

	Assert(nargs <= (int) lengthof(types));
	for (int i = 0; i < nargs; i++)
	{
		types[i] = args[i].type;
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	result = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args returned %d for: %s", result, sql);
}

/* Run one SQL statement and return its only value. */
static Datum
query_value(const char *sql, int nargs, const Argument *args, bool *isnull)
{
	query(sql, nargs, args);
	if (SPI_processed != 1)
		elog(ERROR, "one row expected from: %s", sql);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
}

/* Set a variable for this process, whatever ALTER DATABASE or ALTER ROLE say about it. */
static void
override_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

/* Settings under which all runs take place. */
static void
settle_in(void)
{
	override_setting("application_name", "salesops runner");
	override_setting("search_path", "pg_catalog, pg_temp");
	override_setting("default_transaction_isolation", "read committed");
	override_setting("default_transaction_read_only", "off");
	override_setting("default_transaction_deferrable", "off");
}

/* How long the steps of one run may take, in milliseconds; 0 means no limit. */
typedef struct Limits
{
	int			step;
	int			lock;
} Limits;

/* A limit that the schedule sets, or if it is silent the one of the settings. */
static int
limit_or_setting(int column, int setting)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? setting : (int) DatumGetInt64(value);
}

/* Read the limits of a run, and set the one for locks, which the server enforces by itself. */
static Limits
set_limits(int64 run_id)
{
	Argument	args[] = {bigint_argument(run_id)};
	Limits		limits;
	char		milliseconds[12];

	begin_work("salesops: reading the limits of the run");
	query("SELECT * FROM salesops.run_limits($1)", 1, args);
	if (SPI_processed != 1)
		elog(ERROR, "run " INT64_FORMAT " has no limits", run_id);
	limits.step = limit_or_setting(1, salesops_statement_timeout);
	limits.lock = limit_or_setting(2, salesops_lock_timeout);
	commit_work();

	snprintf(milliseconds, sizeof(milliseconds), "%d", limits.lock);
	override_setting("lock_timeout", milliseconds);
	return limits;
}

/* What a run has to do, as C strings in run_context. */
static List *
read_steps(int64 run_id)
{
	Argument	args[] = {bigint_argument(run_id)};
	List	   *steps = NIL;

	begin_work("salesops: reading the steps of the run");
	query("SELECT s.step FROM salesops.steps_to_do($1) s", 1, args);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *step = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(run_context);

		steps = lappend(steps, pstrdup(step));
		MemoryContextSwitchTo(old);
	}
	commit_work();
	return steps;
}

/* Do the work of a step in its own transaction. Returns NULL, or the error that ended it and rolled it back. */
static ErrorData *
try_step(int64 run_id, const char *step, const Limits *limits)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		Argument	args[2];
		bool		isnull;

		begin_work(psprintf("salesops: run " INT64_FORMAT ", step %s", run_id, step));
		args[0] = bigint_argument(run_id);
		args[1] = text_argument(step);

		/* Outside of a client's statement nobody arms the timer for us. */
		if (limits->step > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, limits->step);
		query_value("SELECT salesops.run_step($1, $2)", 2, args, &isnull);
		disable_timeout(STATEMENT_TIMEOUT, false);
		commit_work();
	}
	PG_CATCH();
	{
		/* As PostgresMain() recovers from an error; a cancel that arrives from now on is not for the next step. */
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(run_context);
		error = CopyErrorData();
		EmitErrorReport();
		debug_query_string = NULL;
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
		pgstat_report_stat(true);
	}
	PG_END_TRY();

	MemoryContextSwitchTo(run_context);
	return error;
}

/* Run one step and log how it went, each side of the work committed by itself. */
static void
run_step(int64 run_id, const char *step, const Limits *limits)
{
	ErrorData  *error;
	Argument	args[6];
	bool		isnull;

	begin_work("salesops: beginning a step");
	args[0] = bigint_argument(run_id);
	args[1] = text_argument(step);
	query_value("SELECT salesops.begin_step($1, $2)", 2, args, &isnull);
	commit_work();

	error = try_step(run_id, step, limits);
	if (error == NULL)
		return;

	begin_work("salesops: logging a failed step");
	args[0] = bigint_argument(run_id);
	args[1] = text_argument(step);
	args[2] = text_argument(unpack_sql_state(error->sqlerrcode));
	args[3] = text_argument(error->message);
	args[4] = text_argument(error->detail);
	args[5] = text_argument(error->hint);
	query_value("SELECT salesops.fail_step($1, $2, $3, $4, $5, $6)", 6, args, &isnull);
	commit_work();
	FreeErrorData(error);
}

/* Run all steps of a run that has begun. */
static void
run_job(int64 run_id)
{
	Argument	args[] = {bigint_argument(run_id)};
	Limits		limits = set_limits(run_id);
	ListCell   *lc;
	bool		isnull;

	foreach(lc, read_steps(run_id))
		run_step(run_id, lfirst(lc), &limits);

	begin_work("salesops: finishing the run");
	query_value("SELECT salesops.finish_run($1)", 1, args, &isnull);
	commit_work();
}

/* Take the lock that a run holds, for the life of this process. */
static bool
take_run_lock(void)
{
	bool		isnull;
	bool		taken;

	begin_work("salesops: taking the run lock");
	taken = DatumGetBool(query_value("SELECT salesops.try_run_lock()", 0, NULL, &isnull));
	commit_work();
	return taken;
}

/*
 * Begin the next run that is asked for or due and return its identity, or publish when to come back and
 * return 0. Both read the same clock, so no due time falls between them.
 */
static int64
begin_due_run(void)
{
	TimestampTz now = salesops_now();
	Argument	clock = {.type = TIMESTAMPTZOID,.value = TimestampTzGetDatum(now)};
	bool		none;
	int64		run_id;

	salesops_slot_take_wake(my_slot);
	begin_work("salesops: looking for a due run");
	run_id = DatumGetInt64(query_value("SELECT salesops.begin_due_run($1)", 1, &clock, &none));
	if (none)
	{
		bool		never;
		TimestampTz rest = TimestampTzPlusMilliseconds(now, LONGEST_REST_MS);
		TimestampTz due = DatumGetTimestampTz(query_value("SELECT salesops.next_due($1)", 1, &clock, &never));

		run_id = 0;
		salesops_slot_publish(my_slot, never ? rest : Min(due, rest));
	}
	commit_work();
	return run_id;
}

void
salesops_runner_main(Datum arg)
{
	RunnerOrder order;
	int64		run_id;

	(void) arg;
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	salesops_attach_shared_memory();
	if (!salesops_slot_attach(&order))
		proc_exit(0);
	my_slot = order.slot;

	BackgroundWorkerInitializeConnectionByOid(order.database, order.role, 0);
	settle_in();
	run_context = AllocSetContextCreate(TopMemoryContext, "salesops run", ALLOCSET_DEFAULT_SIZES);

	if (!take_run_lock())
	{
		salesops_slot_publish(my_slot, TimestampTzPlusMilliseconds(salesops_now(), BUSY_RETRY_MS));
		proc_exit(0);
	}
	while ((run_id = begin_due_run()) != 0)
	{
		run_job(run_id);
		MemoryContextReset(run_context);
	}
	proc_exit(0);
}
