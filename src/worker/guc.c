/*
 * guc.c: the settings of the worker, all of them read again on reload.
 *
 * Only what the launcher must know before it has seen a database is a setting; when jobs run is kept in
 * the table salesops.schedule of each database, where a dump finds it.
 */
#include "worker/worker.h"

#include <limits.h>

#include "utils/guc.h"
#include "utils/varlena.h"

char	   *salesops_databases = NULL;
char	   *salesops_role = NULL;
int			salesops_statement_timeout = 0;
int			salesops_lock_timeout = 0;
int			salesops_max_workers = 0;

/* Refuse a list that salesops_listed_databases() could not read. */
static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);	/* taken apart in place */
	List	   *names;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	(void) extra;
	(void) source;
	if (!valid)
		GUC_check_errdetail("List syntax is invalid: names are separated by commas, unusual ones stand in double quotes.");
	list_free(names);
	pfree(copy);
	return valid;
}

/* The names in salesops.databases, in the current memory context. */
List *
salesops_listed_databases(void)
{
	List	   *names;

	if (!SplitIdentifierString(pstrdup(salesops_databases), ',', &names))
		elog(ERROR, "invalid list in salesops.databases");
	return names;
}

void
salesops_define_settings(void)
{
	DefineCustomStringVariable("salesops.databases",
							   "Databases whose jobs the background worker runs.",
							   "A list of names separated by commas; empty means none.",
							   &salesops_databases,
							    /* bootValue= */ "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	DefineCustomStringVariable("salesops.role",
							   "Role as which the background worker runs the jobs.",
							   "It needs LOGIN; empty means the bootstrap superuser.",
							   &salesops_role,
							    /* bootValue= */ "",
							   PGC_SIGHUP, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("salesops.statement_timeout",
							"Longest time that one step of a job may take in the background worker.",
							"0 means no limit.",
							&salesops_statement_timeout,
							 /* bootValue= */ 60 * 60 * 1000,
							 /* minValue= */ 0,
							 /* maxValue= */ INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("salesops.lock_timeout",
							"Longest time that a step may wait for one lock in the background worker.",
							"0 means no limit.",
							&salesops_lock_timeout,
							 /* bootValue= */ 60 * 1000,
							 /* minValue= */ 0,
							 /* maxValue= */ INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("salesops.max_workers",
							"Databases whose jobs may run at the same time.",
							"Each takes one of max_worker_processes while it runs.",
							&salesops_max_workers,
							 /* bootValue= */ 2,
							 /* minValue= */ 1,
							 /* maxValue= */ SALESOPS_MAX_DATABASES,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
}
