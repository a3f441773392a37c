/*
 * act_as.c: run code of another role under that role's rights.
 *
 * What runs between act_as() and act_as_self() was written by somebody else: a view of a source, the predicate of a rule.
 * It gets that role's rights as a security-restricted operation, as the server does it for the query of a materialized
 * view: no change of role, no temporary tables, no deferred triggers, nothing that would act after it with our rights.
 *
 * The server's restriction leaves one way open. A setting changed with set_config() stays, and a search_path that stays
 * decides what the next statement of a mightier session calls. So settings are put back as they were, however they were
 * changed.
 *
 * An error in between needs no act_as_self(): the abort of the (sub)transaction puts back both.
 */
#include "core/act_as.h"

#include "miscadmin.h"
#include "utils/guc.h"

/* Takes the rights of a role; what is to be put back is kept in self. */
void
act_as(Oid role, Self *self)
{
	self->nest_level = NewGUCNestLevel();
	GetUserIdAndSecContext(&self->role, &self->security_context);
	SetUserIdAndSecContext(role, self->security_context | SECURITY_RESTRICTED_OPERATION);
}

/* Puts rights and settings back. */
void
act_as_self(const Self *self)
{
	/* As if it were an abort: a commit would keep what set_config(..., false) said. */
	AtEOXact_GUC(false, self->nest_level);
	SetUserIdAndSecContext(self->role, self->security_context);
}

/* Whether an error is a cancel or a timeout: code of another role can raise the same SQLSTATE, and that is its own failure. */
bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname != NULL && strcmp(error->funcname, "ProcessInterrupts") == 0;
}
