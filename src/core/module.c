/*
 * module.c: the door of the shared library.
 *
 * Nothing needs preloading. Preloaded, the library asks for its shared memory and registers the launcher of the background
 * worker while the server starts; otherwise a session may start it later (worker/office.c).
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
