/*
 * act_as.h: run code of another role under that role's rights.
 */
#ifndef SALESOPS_CORE_ACT_AS_H
#define SALESOPS_CORE_ACT_AS_H

#include "core/compat.h"

/* What act_as() changed. */
typedef struct Self
{
	Oid			role;
	int			security_context;
	int			nest_level;		/* of settings */
} Self;

extern void act_as(Oid role, Self *self);
extern void act_as_self(const Self *self);
extern bool is_cancel(const ErrorData *error);

#endif
