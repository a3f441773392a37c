/*
 * aggregate.h: where the state of an aggregate lives.
 */
#ifndef SALESOPS_CORE_AGGREGATE_H
#define SALESOPS_CORE_AGGREGATE_H

#include "core/compat.h"

/* The memory of the aggregate that calls; an error where a support function is called by hand. */
static inline MemoryContext
aggregate_context(FunctionCallInfo fcinfo, const char *name)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "%s called in non-aggregate context", name);
	return context;
}

#endif
