/*
 * module.c: the door of the shared library.
 *
 * The functions of the extension need no preloading. The background worker does: it has to ask for its
 * shared memory and register its launcher while the server starts.
 */
#include "core/clock.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "worker/worker.h"

SALESOPS_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	if (IsBinaryUpgrade)
		return;

	salesops_define_clock();
	salesops_define_settings();
	MarkGUCPrefixReserved("salesops");
	if (process_shared_preload_libraries_in_progress)
	{
		salesops_request_shared_memory();
		salesops_register_launcher();
	}
}
