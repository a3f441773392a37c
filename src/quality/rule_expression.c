/*
 * rule_expression.c: the SQL expressions of a rule, checked before they become part of a query.
 *
 * An expression is pasted into the query of the pass, so it must be exactly one expression and nothing else. The server's
 * own parser decides that: in the mode PL/pgSQL uses for its expressions, it reads what may follow the word SELECT; we
 * refuse all that is not a single unnamed target. What passes is put in parentheses with a line end before the closing
 * one, so that a trailing comment ends where the expression does. The bound is put in as a literal before, which takes the
 * type of what it is compared with, as in any SQL.
 *
 * Whether names and types are right is asked of the planner: the expression is planned, and its rights are checked, in a
 * WHERE clause over the rows it will see. That also refuses aggregates, window and set-returning functions.
 */
#include "rule_expression.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* Shows the expression instead of a position in a query that nobody wrote. */
static void
show_expression(void *expression)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) expression);
	}
}

/* Replaces {bound} by the bound as a literal. */
static char *
put_bound(const char *role, const char *expression, const char *bound)
{
	static const char placeholder[] = "{bound}";
	StringInfoData result;
	const char *found;

	if (strstr(expression, placeholder) == NULL)
		return pstrdup(expression);
	if (bound == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of the rule has {bound}, but the rule has no bound", role),
				 errhint("Give the rule a bound, or write the value into the expression.")));

	initStringInfo(&result);
	while ((found = strstr(expression, placeholder)) != NULL)
	{
		appendBinaryStringInfo(&result, expression, found - expression);
		appendStringInfoString(&result, quote_literal_cstr(bound));
		expression = found + strlen(placeholder);
	}
	appendStringInfoString(&result, expression);
	return result.data;
}

/* Whether what the parser read is one expression and nothing else. */
static bool
is_one_expression(const SelectStmt *statement)
{
	const ResTarget *target;

	if (list_length(statement->targetList) != 1 || statement->distinctClause || statement->fromClause ||
		statement->whereClause || statement->groupClause || statement->havingClause || statement->windowClause ||
		statement->sortClause || statement->limitOffset || statement->limitCount || statement->lockingClause)
		return false;
	target = linitial_node(ResTarget, statement->targetList);
	if (target->name != NULL || target->indirection != NIL)
		return false;
	return !(IsA(target->val, ColumnRef) && IsA(llast(castNode(ColumnRef, target->val)->fields), A_Star));
}

/*
 * The SQL of an expression with its bound, in parentheses. Raises 42601 unless it is exactly one expression; role says in
 * the message which expression of the rule it is.
 */
char *
rule_expression(const char *role, const char *expression, const char *bound)
{
	char	   *sql = put_bound(role, expression, bound);
	List	   *parsed;
	ErrorContextCallback context = {.callback = show_expression,.arg = sql,.previous = error_context_stack};

	error_context_stack = &context;
	parsed = raw_parser(sql, RAW_PARSE_PLPGSQL_EXPR);
	error_context_stack = context.previous;

	if (list_length(parsed) != 1 || !is_one_expression(castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt)))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s of a rule must be one SQL expression", role),
				 errdetail("Got: %s", sql),
				 errhint("Write what could stand between parentheses in a WHERE clause; a subquery needs parentheses of its own.")));
	return psprintf("(%s\n)", sql);
}

/* The function whose rows the rules on an object kind look at. */
const char *
rule_relation(const char *object_kind)
{
	if (strcmp(object_kind, "opportunity") == 0)
		return "salesops.audit_row";
	if (strcmp(object_kind, "source") == 0)
		return "salesops.audit_source";
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("rules cannot look at object kind \"%s\"", object_kind),
			 errhint("Use opportunity or source.")));
}

/*
 * Settings that change what an expression means are the same wherever rules are checked or run: names are of pg_catalog,
 * then salesops; dates begin in the zone of the setting and are shown the ISO way. The caller opens and closes the GUC
 * nest level, and is connected to SPI.
 */
void
enter_rule_settings(void)
{
	char	   *zone;

	if (SPI_execute("SELECT salesops.time_zone()", true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the time zone");
	zone = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

	(void) set_config_option("search_path", "pg_catalog, salesops, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("timezone", zone, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("datestyle", "ISO, YMD", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Names the columns where the mistake is a name, and rethrows. */
static void
rethrow_with_columns(const char *object_kind, MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN || error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION ||
		error->sqlerrcode == ERRCODE_UNDEFINED_TABLE || error->sqlerrcode == ERRCODE_AMBIGUOUS_COLUMN)
		error->hint = psprintf("%s%sSELECT * FROM salesops.audit_columns('%s') lists the columns; name other relations and functions with their schema.",
							   error->hint == NULL ? "" : error->hint, error->hint == NULL ? "" : " ", object_kind);
	FlushErrorState();
	ReThrowError(error);
}

/* Plans a condition over the rows of an object kind and checks the rights to read them, under the current role. */
static void
dry_run(const char *object_kind, const char *condition)
{
	char	   *query = psprintf("SELECT FROM %s('-infinity', NULL) AS deal WHERE %s", rule_relation(object_kind), condition);
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
		Portal		portal;

		if (plan == NULL)
			elog(ERROR, "could not plan a rule: %s", SPI_result_code_string(SPI_result));
		portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
		SPI_cursor_close(portal);
		SPI_freeplan(plan);
	}
	PG_CATCH();
	{
		rethrow_with_columns(object_kind, context);
	}
	PG_END_TRY();
}

/* Checks the expressions of a rule under the current role, as described above. The caller is connected to SPI. */
void
rule_check(const RuleText *rule)
{
	int			nest_level = NewGUCNestLevel();

	enter_rule_settings();
	if (rule->applies != NULL)
		dry_run(rule->object_kind, rule_expression("applies", rule->applies, rule->bound));
	dry_run(rule->object_kind, rule_expression("violation", rule->violation, rule->bound));
	if (rule->value != NULL)
		dry_run(rule->object_kind, psprintf("%s::text IS NOT NULL", rule_expression("value", rule->value, rule->bound)));
	AtEOXact_GUC(false, nest_level);
}
