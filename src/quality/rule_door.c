/*
 * rule_door.c: the only way into the table of rules.
 *
 * A rule runs under the rights of the role that added it, every night, started by somebody mightier. So whose it is must
 * not be forgeable. SQL cannot tell a SECURITY DEFINER function who called it, but for session_user, which SET ROLE does
 * not change, and a role that an outer SECURITY DEFINER function or an index expression works under is not the session's
 * either. Therefore write_rule() runs as its caller, whose role at this moment is the owner of the rule; only to store it
 * it becomes the owner of the extension, whom alone store_rule() and the table obey.
 */
#include "rule_expression.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "core/act_as.h"

/* Arguments of write_rule() in their order. */
enum
{
	WRITE_NAME, WRITE_VALID_FROM, WRITE_IS_ENABLED, WRITE_BOUND, WRITE_SEVERITY, WRITE_CHECKLIST_ITEM, WRITE_FIELD,
	WRITE_OBJECT_KIND, WRITE_APPLIES, WRITE_VIOLATION, WRITE_VALUE, WRITE_CAUSE, WRITE_TARGETS, WRITE_DESCRIPTION,
	WRITE_ARGUMENTS
};

PG_FUNCTION_INFO_V1(salesops_check_rule);
PG_FUNCTION_INFO_V1(salesops_write_rule);

static const char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static void
refuse_null(const char *value, const char *what)
{
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of a rule must not be NULL", what)));
}

/*
 * check_rule(object_kind, applies, violation, value, bound, author): an error where the expressions are no rule.
 *
 * Planning an expression runs what the planner finds constant in it, so the rule of another author is checked under his
 * rights. Where there is no such role any more there is nothing to check: the rule fails whatever it says.
 */
Datum
salesops_check_rule(PG_FUNCTION_ARGS)
{
	RuleText	rule = {
		.object_kind = text_argument(fcinfo, 0),
		.applies = text_argument(fcinfo, 1),
		.violation = text_argument(fcinfo, 2),
		.value = text_argument(fcinfo, 3),
		.bound = text_argument(fcinfo, 4),
	};
	const char *author_name = text_argument(fcinfo, 5);
	Oid			author = author_name == NULL ? GetUserId() : get_role_oid(author_name, true);
	Self		self;

	refuse_null(rule.object_kind, "object_kind");
	refuse_null(rule.violation, "violation");
	if (!OidIsValid(author))
		PG_RETURN_VOID();
	if (!has_privs_of_role(GetUserId(), author))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a rule of role \"%s\" cannot be checked under the rights of that role", author_name),
				 errhint("Only its author, and who has the author's rights, may change it.")));
	SPI_connect();
	act_as(author, &self);
	rule_check(&rule);
	act_as_self(&self);
	SPI_finish();
	PG_RETURN_VOID();
}

/* The role that owns the extension. */
static Oid
extension_owner(void)
{
	bool		isnull;

	if (SPI_execute("SELECT e.extowner FROM pg_catalog.pg_extension e WHERE e.extname = 'salesops'", true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "extension salesops is not installed");
	return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* write_rule(...): checks a rule as the caller and stores it as the owner of the extension, in the caller's name. */
Datum
salesops_write_rule(PG_FUNCTION_ARGS)
{
	static const char query[] =
		"SELECT salesops.store_rule($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
	Oid			types[1 + WRITE_ARGUMENTS] = {
		REGROLEOID, TEXTOID, TIMESTAMPTZOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID
	};
	Datum		values[1 + WRITE_ARGUMENTS];
	char		nulls[1 + WRITE_ARGUMENTS];
	RuleText	rule = {
		.object_kind = text_argument(fcinfo, WRITE_OBJECT_KIND),
		.applies = text_argument(fcinfo, WRITE_APPLIES),
		.violation = text_argument(fcinfo, WRITE_VIOLATION),
		.value = text_argument(fcinfo, WRITE_VALUE),
		.bound = text_argument(fcinfo, WRITE_BOUND),
	};
	Oid			caller;
	int			security_context;

	refuse_null(text_argument(fcinfo, WRITE_NAME), "name");
	refuse_null(text_argument(fcinfo, WRITE_SEVERITY), "severity");
	SPI_connect();
	if (rule.violation != NULL)
	{
		refuse_null(rule.object_kind, "object_kind");
		rule_check(&rule);
	}

	GetUserIdAndSecContext(&caller, &security_context);
	values[0] = ObjectIdGetDatum(caller);
	nulls[0] = ' ';
	for (int i = 0; i < WRITE_ARGUMENTS; i++)
	{
		values[i + 1] = PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}

	/* An error on the way resets the role with the transaction. */
	SetUserIdAndSecContext(extension_owner(), security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_execute_with_args(query, 1 + WRITE_ARGUMENTS, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not store a rule");
	SetUserIdAndSecContext(caller, security_context);
	SPI_finish();
	PG_RETURN_VOID();
}
