/*
 * worker.h: what the launcher, the runners and the sessions share.
 *
 * README.md in this folder draws the states of a slot and says who moves it where.
 */
#ifndef SALESOPS_WORKER_WORKER_H
#define SALESOPS_WORKER_WORKER_H

#include "core/clock.h"
#include "nodes/pg_list.h"
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

typedef struct WorkerShared
{
	LWLock	   *lock;			/* protects everything below */
	Latch	   *launcher;		/* NULL while there is no launcher */
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

/* shared.c: the area, and one function for each arrow between the states */
extern WorkerShared *salesops_worker;
extern void salesops_request_shared_memory(void);
extern void salesops_attach_launcher(void);
extern int	salesops_slot_list(Oid database);
extern void salesops_slot_unlist(int slot);
extern void salesops_slot_launch(int slot);
extern void salesops_slot_lose(int slot);
extern bool salesops_slot_attach(const RunnerOrder *order);
extern void salesops_slot_take_wake(int slot);
extern void salesops_slot_publish(int slot, TimestampTz wake_at);
extern void salesops_slot_postpone(int slot, TimestampTz wake_at);
extern void salesops_wake_database(Oid database);
extern void salesops_wake_all(void);

/* launcher.c */
extern void salesops_register_launcher(void);
extern PGDLLEXPORT void salesops_launcher_main(Datum arg);

/* extension.c */
extern bool salesops_extension_is_locked(void);

/* runner.c */
extern PGDLLEXPORT void salesops_runner_main(Datum arg);

#endif
