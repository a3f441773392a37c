/*
 * worker.h: what the launcher, the runners and the sessions share.
 *
 * README.md in this folder draws the states of a slot and says who moves it where.
 */
#ifndef SALESOPS_WORKER_WORKER_H
#define SALESOPS_WORKER_WORKER_H

#include "core/clock.h"
#include "nodes/pg_list.h"
#include "postmaster/bgworker.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

/* Databases that one launcher can serve; the shared memory for all of them is a few kilobytes. */
#define SALESOPS_MAX_DATABASES 64

/* A wake_at that never comes: nothing to do until someone wakes the slot. */
#define SALESOPS_NEVER DT_NOEND

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_WAITING,				/* until wake_at, or until woken */
	SLOT_STARTING,				/* a runner is registered, it has not reported yet */
	SLOT_RUNNING				/* the runner runner_pid is at work */
} SlotState;

/* What the launcher knows about one database. */
typedef struct DatabaseSlot
{
	SlotState	state;
	Oid			database;
	TimestampTz wake_at;		/* when to look at the database next */
	bool		woken;			/* or at once: a session has changed something */
	pid_t		runner_pid;		/* while running */
	bool		published;		/* the runner has said when to come back */
	int			failures;		/* runners in a row that ended without saying so */
} DatabaseSlot;

/* Databases that start_worker() can be called in; more are served by the setting. As many as fit into bgw_extra. */
#define SALESOPS_MAX_GUESTS 28

/*
 * What start_worker() registers a launcher with: the contents of bgw_extra, all zeros for the preloaded one. The postmaster
 * keeps it through a crash of the server, which empties the shared memory.
 */
typedef struct LauncherOrder
{
	TimestampTz given_at;		/* a launcher leaves when a later order has been given */
	int			nguests;
	Oid			guest[SALESOPS_MAX_GUESTS]; /* databases to serve beside those of the setting */
} LauncherOrder;

StaticAssertDecl(sizeof(LauncherOrder) <= BGW_EXTRALEN, "an order fits into bgw_extra");

typedef struct WorkerShared
{
	LWLock		lock;			/* protects everything below */
	ConditionVariable office;	/* a launcher has come or gone */
	bool		preloaded;		/* the launcher comes and goes with the server */
	bool		called;			/* there is a launcher, or the postmaster is about to start it */
	LauncherOrder order;		/* the latest order; stop_worker() gives one that no launcher follows */
	Latch	   *launcher;		/* NULL while there is none in office */
	pid_t		launcher_pid;
	TimestampTz in_office;		/* given_at of the order that it follows */
	DatabaseSlot slot[SALESOPS_MAX_DATABASES];
} WorkerShared;

/* How a launcher tells a runner what to do: the contents of bgw_extra. */
typedef struct RunnerOrder
{
	int			slot;
	Oid			database;
	Oid			role;			/* InvalidOid: the bootstrap superuser */
} RunnerOrder;

/* guc.c */
extern char *salesops_databases;
extern char *salesops_role;
extern int	salesops_statement_timeout;
extern int	salesops_lock_timeout;
extern int	salesops_max_workers;
extern void salesops_define_settings(void);
extern List *salesops_listed_databases(void);

/* shared.c: the area and one function for each arrow between the states */
extern WorkerShared *salesops_worker;
extern void salesops_request_shared_memory(void);
extern void salesops_attach_shared_memory(void);
extern void salesops_poke_launcher(void);
extern int	salesops_slot_list(Oid database);
extern void salesops_slot_unlist(int slot);
extern void salesops_slot_launch(int slot);
extern void salesops_slot_lose(int slot);
extern bool salesops_slot_attach(const RunnerOrder *order);
extern void salesops_slot_take_wake(int slot);
extern void salesops_slot_publish(int slot, TimestampTz wake_at);
extern void salesops_slot_postpone(int slot);
extern void salesops_wake_database(Oid database);
extern void salesops_wake_all(void);

/* office.c: at most one launcher in a server */
extern bool salesops_call_launcher(Oid guest);
extern bool salesops_dismiss_launcher(void);
extern pid_t salesops_await_office(void);
extern bool salesops_take_office(const LauncherOrder *order);
extern bool salesops_is_relieved(const LauncherOrder *order);
extern int	salesops_guests(Oid *guest);
extern bool salesops_is_guest(Oid database);
extern void salesops_forget_guest(Oid guest);

/* jump.c */
extern Size salesops_clock_shared_size(void);
extern TimestampTz salesops_clock_epoch(void);
extern void salesops_follow_clock(void);

/* launcher.c */
extern void salesops_describe_launcher(BackgroundWorker *worker);
extern void salesops_register_launcher(void);
extern PGDLLEXPORT void salesops_launcher_main(Datum arg);

/* extension.c: which extension a run began with */
typedef struct ExtensionIdentity
{
	Oid			oid;
	char	   *version;
} ExtensionIdentity;

extern bool salesops_hold_extension(ExtensionIdentity *extension);

/* runner.c */
extern PGDLLEXPORT void salesops_runner_main(Datum arg);

#endif
