/*
 * evaluate.c: all rules in one pass.
 *
 * The rules of one owner on one kind of object become one query over the rows they look at, with one text column a rule:
 *
 *     NULL       the rule does not apply to the object
 *     ''         the object passes
 *     '!'        it violates the rule
 *     '=value'   it violates the rule, and this is what to show
 *
 * so each predicate is evaluated once, a value only where it is shown, and a look-up only where a rule's answer hangs on
 * it. The query runs under the rights of the rules' owner, as a security-restricted operation, like the query of a
 * materialized view; the rows go from the executor straight to a receiver of ours.
 *
 * A predicate may fail on some row, and then the query fails as a whole. Each query therefore runs in a subtransaction;
 * when it fails, its rules are halved and each half is tried again, until the rules at fault stand alone:
 *
 *     pass(rules) --succeeds--> results
 *          |
 *        fails ---one rule---> its SQLSTATE and message
 *          |
 *          +---several---> pass(first half), pass(second half)
 *
 * One bad rule among n costs about 2 log2(n) passes instead of one, and touches no other rule's result.
 */
#include "rule_expression.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

#include "core/act_as.h"

/* Rules in one query: its target list holds at most 1664 columns, and a plan is no faster for being wider. */
#define RULES_PER_PASS	500

/* One rule and what came of it. */
typedef struct Rule
{
	RuleText	text;
	char	   *name;
	char	   *severity;
	char	   *owner;			/* name of the role under whose rights it runs */
	char	   *where;			/* condition on the sources where it is checkable; NULL = all */
	char	   *outcome;		/* SQL of its column; NULL until composed */
	char	   *sqlstate;		/* why it failed; NULL = it did not */
	char	   *message;
	ArrayBuildState *violations;	/* of the pass that succeeded; NULL = none */
	ArrayBuildState *tallies;
} Rule;

/* The owner of an object, as a row of the pass holds it; id NULL = nobody. */
typedef struct Owner
{
	text	   *source_key;
	text	   *id;
} Owner;

/* How many objects of an owner each rule of the pass applied to, and how many of them failed it. */
typedef struct OwnerTally
{
	Owner		owner;
	char		status;			/* of the hash table */
	int64	   *applicable;		/* by rule of the pass */
	int64	   *failed;
} OwnerTally;

/* The source is left to same_owner(): that two sources have an owner of the same id is rare. */
static uint32
hash_owner(Owner owner)
{
	text	   *key = owner.id != NULL ? owner.id : owner.source_key;

	return hash_bytes((const unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

static bool
same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
same_owner(Owner a, Owner b)
{
	if ((a.id == NULL) != (b.id == NULL) || !same_text(a.source_key, b.source_key))
		return false;
	return a.id == NULL || same_text(a.id, b.id);
}

#define SH_PREFIX tally
#define SH_ELEMENT_TYPE OwnerTally
#define SH_KEY_TYPE Owner
#define SH_KEY owner
#define SH_HASH_KEY(table, key) hash_owner(key)
#define SH_EQUAL(table, a, b) same_owner(a, b)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What all passes of one call share. */
typedef struct Audit
{
	Datum		as_of;
	Datum		known_at;
	bool		known_at_is_null;
	MemoryContext context;		/* lives until the results are returned */
	TupleDesc	violation_desc;
	TupleDesc	tally_desc;
} Audit;

PG_FUNCTION_INFO_V1(salesops_evaluate_rules);

/* Reads the rules to evaluate, those of one owner and object kind together. */
static Rule *
load_rules(Audit *audit, Datum names, bool names_are_null, int *count)
{
	static const char check_names[] =
		"SELECT pg_catalog.count(salesops.get_rule(n.name, $1)) FROM pg_catalog.unnest($2) n(name)";
	static const char query[] =
		"SELECT r.name, r.severity, r.bound, r.rule_owner, r.object_kind, r.applies, r.violation, r.value,"
		"       CASE WHEN NOT s.everywhere THEN coalesce(s.sources, 'false') END "
		"FROM salesops.audit_rules($1) r "
		"LEFT JOIN (SELECT c.rule, pg_catalog.bool_and(c.is_checkable) AS everywhere,"
		"                  'deal.source_key IN (' || pg_catalog.string_agg(pg_catalog.quote_literal(c.source_key), ', ') FILTER (WHERE c.is_checkable) || ')' AS sources"
		"           FROM salesops.rule_sources($1, $2) c GROUP BY c.rule) s ON s.rule = r.name "
		"WHERE r.violation IS NOT NULL AND CASE WHEN $3 IS NULL THEN r.is_enabled ELSE r.name = ANY ($3) END "
		"ORDER BY r.rule_owner, r.object_kind, r.name";
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID};
	Datum		values[] = {audit->as_of, audit->known_at, names};
	char		nulls[] = {' ', audit->known_at_is_null ? 'n' : ' ', names_are_null ? 'n' : ' '};
	MemoryContext spi_context;
	Rule	   *rules;

	if (!names_are_null)
	{
		Oid			name_types[] = {TIMESTAMPTZOID, TEXTARRAYOID};
		Datum		name_values[] = {audit->as_of, names};

		if (SPI_execute_with_args(check_names, 2, name_types, name_values, NULL, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not look up rules");
	}
	if (SPI_execute_with_args(query, 3, types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the rules");

	spi_context = MemoryContextSwitchTo(audit->context);
	*count = SPI_processed;
	rules = palloc0_array(Rule, Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		rules[i] = (Rule) {
			.name = SPI_getvalue(tuple, desc, 1),
			.severity = SPI_getvalue(tuple, desc, 2),
			.owner = SPI_getvalue(tuple, desc, 4),
			.where = SPI_getvalue(tuple, desc, 9),
			.text = {
				.bound = SPI_getvalue(tuple, desc, 3),
				.object_kind = SPI_getvalue(tuple, desc, 5),
				.applies = SPI_getvalue(tuple, desc, 6),
				.violation = SPI_getvalue(tuple, desc, 7),
				.value = SPI_getvalue(tuple, desc, 8),
			},
		};
	}
	MemoryContextSwitchTo(spi_context);
	return rules;
}

/* Composes the column of a rule, as the head comment says. */
static char *
compose_outcome(const Rule *rule)
{
	StringInfoData outcome;

	initStringInfo(&outcome);
	appendStringInfoString(&outcome, "CASE WHEN ");
	if (rule->where != NULL)
		appendStringInfo(&outcome, "%s AND ", rule->where);
	appendStringInfoString(&outcome, rule->text.applies == NULL ? "true" : rule_expression("applies", rule->text.applies, rule->text.bound));
	appendStringInfo(&outcome, " THEN CASE WHEN %s THEN ", rule_expression("violation", rule->text.violation, rule->text.bound));
	if (rule->text.value == NULL)
		appendStringInfoString(&outcome, "'!'::text");
	else
		appendStringInfo(&outcome, "coalesce('=' || %s::text, '!')", rule_expression("value", rule->text.value, rule->text.bound));
	appendStringInfoString(&outcome, " ELSE '' END END");
	return outcome.data;
}

/* Appends a row to an array that is being built. */
static ArrayBuildState *
append_row(ArrayBuildState *array, TupleDesc desc, Datum *values, bool *nulls, MemoryContext context)
{
	HeapTuple	tuple = heap_form_tuple(desc, values, nulls);

	array = accumArrayResult(array, HeapTupleGetDatum(tuple), false, desc->tdtypeid, context);
	heap_freetuple(tuple);
	return array;
}

/* Notes a violation of a rule by the object whose key is in the first three columns of a row. */
static void
note_violation(Rule *rule, Datum *columns, bool *nulls, text *outcome, Audit *audit, MemoryContext results)
{
	Datum		values[4] = {columns[0], columns[1], columns[2]};
	bool		value_nulls[4] = {nulls[0], nulls[1], nulls[2], *VARDATA_ANY(outcome) == '!'};

	if (!value_nulls[3])
		values[3] = PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(outcome) + 1, VARSIZE_ANY_EXHDR(outcome) - 1));
	rule->violations = append_row(rule->violations, audit->violation_desc, values, value_nulls, results);
	if (!value_nulls[3])
		pfree(DatumGetPointer(values[3]));
}

/* The tally of an owner, new if need be. */
static OwnerTally *
find_tally(tally_hash *tallies, Datum *columns, bool *nulls, int rules, MemoryContext context)
{
	Owner		owner = {
		.source_key = DatumGetTextPP(columns[0]),
		.id = nulls[2] ? NULL : DatumGetTextPP(columns[2]),
	};
	bool		found;
	OwnerTally *tally = tally_insert(tallies, owner, &found);

	if (!found)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		tally->owner.source_key = DatumGetTextPCopy(PointerGetDatum(owner.source_key));
		tally->owner.id = owner.id == NULL ? NULL : DatumGetTextPCopy(PointerGetDatum(owner.id));
		tally->applicable = palloc0_array(int64, rules);
		tally->failed = palloc0_array(int64, rules);
		MemoryContextSwitchTo(caller);
	}
	return tally;
}

/* Turns the tallies of a pass into arrays, one a rule. */
static void
note_tallies(Rule *rules, int count, tally_hash *tallies, Audit *audit, MemoryContext results)
{
	tally_iterator iterator;
	OwnerTally *tally;

	tally_start_iterate(tallies, &iterator);
	while ((tally = tally_iterate(tallies, &iterator)) != NULL)
	{
		Datum		values[4];
		bool		nulls[4] = {false, tally->owner.id == NULL, false, false};

		values[0] = PointerGetDatum(tally->owner.source_key);
		values[1] = PointerGetDatum(tally->owner.id);
		for (int i = 0; i < count; i++)
		{
			if (tally->applicable[i] == 0)
				continue;
			values[2] = Int64GetDatum(tally->applicable[i]);
			values[3] = Int64GetDatum(tally->failed[i]);
			rules[i].tallies = append_row(rules[i].tallies, audit->tally_desc, values, nulls, results);
		}
	}
}

/* Where the rows of a pass go. */
typedef struct PassReceiver
{
	DestReceiver receiver;		/* must be first */
	Rule	   *rules;
	int			count;
	Audit	   *audit;
	tally_hash *tallies;
	MemoryContext pass_context; /* for the tallies */
	MemoryContext row_context;	/* for what one row needs */
	MemoryContext results;
} PassReceiver;

static void
pass_startup(DestReceiver *receiver, int operation, TupleDesc desc)
{
	(void) receiver, (void) operation, (void) desc;
}

/* Notes what the rules say of one object. */
static bool
pass_receive(TupleTableSlot *slot, DestReceiver *receiver)
{
	PassReceiver *pass = (PassReceiver *) receiver;
	MemoryContext caller = MemoryContextSwitchTo(pass->row_context);
	Datum	   *values;
	bool	   *nulls;
	OwnerTally *tally;

	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	tally = find_tally(pass->tallies, values, nulls, pass->count, pass->pass_context);
	for (int i = 0; i < pass->count; i++)
	{
		text	   *outcome;

		if (nulls[3 + i])
			continue;
		tally->applicable[i]++;
		outcome = DatumGetTextPP(values[3 + i]);
		if (VARSIZE_ANY_EXHDR(outcome) == 0)
			continue;
		tally->failed[i]++;
		note_violation(&pass->rules[i], values, nulls, outcome, pass->audit, pass->results);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(pass->row_context);
	return true;
}

static void
pass_shutdown(DestReceiver *receiver)
{
	(void) receiver;
}

/* Runs the query of some rules of one owner and object kind and notes what comes out, in context results. */
static void
run_pass(Rule *rules, int count, Audit *audit, MemoryContext results)
{
	PassReceiver pass = {
		.receiver = {
			.receiveSlot = pass_receive,
			.rStartup = pass_startup,
			.rShutdown = pass_shutdown,
			.rDestroy = pass_shutdown,
			.mydest = DestTuplestore,	/* as one of ours, to a query that returns rows */
		},
		.rules = rules,
		.count = count,
		.audit = audit,
		.tallies = tally_create(CurrentMemoryContext, 64, NULL),
		.pass_context = CurrentMemoryContext,
		.row_context = AllocSetContextCreate(CurrentMemoryContext, "salesops audit row", ALLOCSET_DEFAULT_SIZES),
		.results = results,
	};
	StringInfoData query;
	ParamListInfo arguments = makeParamList(2);
	SPIExecuteOptions options = {.params = arguments,.read_only = true,.dest = &pass.receiver};

	arguments->params[0] = (ParamExternData) {.value = audit->as_of, .pflags = PARAM_FLAG_CONST, .ptype = TIMESTAMPTZOID};
	arguments->params[1] = (ParamExternData) {
		.value = audit->known_at, .isnull = audit->known_at_is_null, .pflags = PARAM_FLAG_CONST, .ptype = TIMESTAMPTZOID
	};
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT deal.source_key, deal.id, deal.owner_id");
	for (int i = 0; i < count; i++)
		appendStringInfo(&query, ",\n%s", rules[i].outcome);
	appendStringInfo(&query, "\nFROM %s($1, $2) AS deal", rule_relation(rules[0].text.object_kind));

	if (SPI_execute_extended(query.data, &options) != SPI_OK_SELECT)
		elog(ERROR, "could not run the rules");
	note_tallies(rules, count, pass.tallies, audit, results);
}

/* Runs a pass under the rights of the rules' owner; raises 42704 where there is no such role. */
static void
run_pass_as_owner(Rule *rules, int count, Audit *audit, MemoryContext results)
{
	Oid			owner = get_role_oid(rules[0].owner, true);
	Self		self;
	int			nest_level;

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", which added the rule and whose rights it runs under, does not exist", rules[0].owner),
				 errhint("Create the role, or disable the rule and add it again under another role and name.")));

	nest_level = NewGUCNestLevel();
	enter_rule_settings();

	/*
	 * All deals meet small maps and rates, and how many deals are open the planner cannot tell: hashing is right whatever
	 * it guesses. What can only be looked up deal by deal, it still loops over. Next to the price that those loops now
	 * have, sorting and hashing seem to cost the same, so sorting is ruled out too; and they seem dear enough to compile,
	 * which takes longer than the pass.
	 */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("enable_mergejoin", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("enable_sort", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("enable_nestloop", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	act_as(owner, &self);
	run_pass(rules, count, audit, results);
	act_as_self(&self);
	AtEOXact_GUC(true, nest_level);
}

/* Marks a rule as failed with the error at hand. */
static void
fail_rule(Rule *rule, const ErrorData *error)
{
	rule->sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	rule->message = pstrdup(error->message);
}

/*
 * Evaluates rules of one owner and object kind in a subtransaction, or, where that fails, each half of them.
 * Cancelling is nobody's fault and ends the whole evaluation; so does a shutdown, which is no error that can be caught.
 */
static void
evaluate(Rule *rules, int count, Audit *audit)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext volatile results = AllocSetContextCreate(audit->context, "salesops audit results", ALLOCSET_DEFAULT_SIZES);
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		run_pass_as_owner(rules, count, audit, results);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(audit->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();

	if (error == NULL)
		return;
	if (is_cancel(error))
		ReThrowError(error);

	/* What the failed pass noted goes with its context. */
	MemoryContextDelete(results);
	for (int i = 0; i < count; i++)
		rules[i].violations = rules[i].tallies = NULL;
	if (count > 1)
	{
		evaluate(rules, count / 2, audit);
		evaluate(rules + count / 2, count - count / 2, audit);
		return;
	}
	MemoryContextSwitchTo(audit->context);
	fail_rule(rules, error);
	MemoryContextSwitchTo(caller);
}

/* Composes the column of a rule. A stored rule was checked when it came in; one that a dump brought may still be wrong. */
static void
compose(Rule *rule, Audit *audit)
{
	MemoryContext caller = MemoryContextSwitchTo(audit->context);

	PG_TRY();
	{
		rule->outcome = compose_outcome(rule);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(audit->context);
		error = CopyErrorData();
		FlushErrorState();
		fail_rule(rule, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
}

/* Whether two rules can share a pass. */
static bool
same_pass(const Rule *a, const Rule *b)
{
	return strcmp(a->owner, b->owner) == 0 && strcmp(a->text.object_kind, b->text.object_kind) == 0 &&
		(a->outcome == NULL) == (b->outcome == NULL);
}

/* The array that was built, empty where nothing was. */
static Datum
built_array(ArrayBuildState *array, TupleDesc desc)
{
	if (array == NULL)
		return PointerGetDatum(construct_empty_array(desc->tdtypeid));
	return makeArrayResult(array, CurrentMemoryContext);
}

/* Puts out one rule and what came of it. */
static void
put_rule(const Rule *rule, Audit *audit, ReturnSetInfo *result)
{
	Datum		values[8] = {0};
	bool		nulls[8] = {false, false, false, rule->text.bound == NULL, rule->sqlstate == NULL, rule->message == NULL, false, false};

	values[0] = CStringGetTextDatum(rule->name);
	values[1] = CStringGetTextDatum(rule->text.object_kind);
	values[2] = CStringGetTextDatum(rule->severity);
	if (!nulls[3])
		values[3] = CStringGetTextDatum(rule->text.bound);
	if (!nulls[4])
		values[4] = CStringGetTextDatum(rule->sqlstate);
	if (!nulls[5])
		values[5] = CStringGetTextDatum(rule->message);
	values[6] = built_array(rule->violations, audit->violation_desc);
	values[7] = built_array(rule->tallies, audit->tally_desc);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The row type of the elements of a column of the result. */
static TupleDesc
element_desc(TupleDesc result, int column)
{
	Oid			type = get_element_type(TupleDescAttr(result, column)->atttypid);

	return lookup_rowtype_tupdesc_copy(type, -1);
}

/* evaluate_rules(as_of, known_at, rules): one row a rule. */
Datum
salesops_evaluate_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Audit		audit;
	Rule	   *rules;
	int			count;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("as_of must not be NULL")));
	/* A rule that asks for the rules asks for itself. */
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				 errmsg("rules cannot be evaluated from within a rule or a materialized view"),
				 errhint("salesops.finding holds what the last audit found.")));
	InitMaterializedSRF(fcinfo, 0);
	audit = (Audit) {
		.as_of = PG_GETARG_DATUM(0),
		.known_at = PG_GETARG_DATUM(1),
		.known_at_is_null = PG_ARGISNULL(1),
		.context = CurrentMemoryContext,
		.violation_desc = element_desc(result->setDesc, 6),
		.tally_desc = element_desc(result->setDesc, 7),
	};

	SPI_connect();
	rules = load_rules(&audit, PG_GETARG_DATUM(2), PG_ARGISNULL(2), &count);
	for (int i = 0; i < count; i++)
		compose(&rules[i], &audit);
	for (int first = 0, next; first < count; first = next)
	{
		next = first + 1;
		while (next < count && next - first < RULES_PER_PASS && same_pass(&rules[first], &rules[next]))
			next++;
		if (rules[first].outcome != NULL)
			evaluate(rules + first, next - first, &audit);
	}
	SPI_finish();

	for (int i = 0; i < count; i++)
		put_rule(&rules[i], &audit, result);
	return (Datum) 0;
}
