/*
 * scorecard_sql.c: scorecards asked from SQL.
 *
 * A scorecard is looked up, read and bound to the columns of the rows once a query; after that a row costs its inputs. The functions are stable: they read
 * what is in force at the instant they are given.
 */
#include "account/scorecard.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* What a query keeps of a scorecard. */
typedef struct ScorecardCache
{
	MemoryContext context;		/* of all below */
	text	   *name;
	TimestampTz as_of;
	Scorecard  *card;
	ScorecardResult *result;
	Oid			row_type;		/* what it is bound to */
	int32		row_typmod;
	Datum	   *values;
	bool	   *nulls;
	NullableDatum *row;
} ScorecardCache;

/* The text of the scorecard that is in force, in the caller's memory. */
static char *
read_definition(text *name, TimestampTz as_of)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {PointerGetDatum(name), TimestampTzGetDatum(as_of)};
	MemoryContext spi;
	char	   *definition;

	SPI_connect();
	if (SPI_execute_with_args("SELECT salesops.scorecard_definition($1, $2)", 2, types, values, NULL, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "salesops.scorecard_definition() cannot be called");
	spi = MemoryContextSwitchTo(caller);
	definition = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	MemoryContextSwitchTo(spi);
	SPI_finish();
	return definition;
}

/* The cache with the scorecard that the call names. */
static ScorecardCache *
get_scorecard(FunctionCallInfo fcinfo, text *name, TimestampTz as_of)
{
	ScorecardCache *cache = fcinfo->flinfo->fn_extra;
	MemoryContext context;
	MemoryContext caller;
	char	   *definition;

	if (cache != NULL)
	{
		if (cache->as_of == as_of && VARSIZE_ANY_EXHDR(cache->name) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(VARDATA_ANY(cache->name), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return cache;
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(cache->context);
	}
	definition = read_definition(name, as_of);
	context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "salesops scorecard", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	cache = palloc0(sizeof(ScorecardCache));
	cache->context = context;
	cache->name = cstring_to_text_with_len(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	cache->as_of = as_of;
	cache->card = scorecard_parse(definition);
	cache->result = scorecard_result(cache->card);
	MemoryContextSwitchTo(caller);
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

/* Binds to columns; what that needs lives as long as the cache. */
static void
bind_to_columns(ScorecardCache *cache, int columns, const char *const *name, const Oid *type)
{
	MemoryContext caller = MemoryContextSwitchTo(cache->context);

	cache->row_type = InvalidOid;
	scorecard_bind(cache->card, columns, name, type);
	cache->values = palloc(columns * sizeof(Datum));
	cache->nulls = palloc(columns * sizeof(bool));
	cache->row = palloc(columns * sizeof(NullableDatum));
	MemoryContextSwitchTo(caller);
}

static void
bind_to_row(ScorecardCache *cache, TupleDesc row)
{
	const char **name = palloc(row->natts * sizeof(char *));
	Oid		   *type = palloc(row->natts * sizeof(Oid));

	for (int i = 0; i < row->natts; i++)
	{
		name[i] = TupleDescAttr(row, i)->attisdropped ? "" : NameStr(TupleDescAttr(row, i)->attname);
		type[i] = TupleDescAttr(row, i)->atttypid;
	}
	bind_to_columns(cache, row->natts, name, type);
	cache->row_type = row->tdtypeid;
	cache->row_typmod = row->tdtypmod;
}

/* Scores the row of the call; the result is the cache's. */
static ScorecardCache *
score(FunctionCallInfo fcinfo)
{
	ScorecardCache *cache = get_scorecard(fcinfo, PG_GETARG_TEXT_PP(1), PG_GETARG_TIMESTAMPTZ(2));
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	TupleDesc	row = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));

	if (cache->row_type != row->tdtypeid || cache->row_typmod != row->tdtypmod)
		bind_to_row(cache, row);
	heap_deform_tuple(&tuple, row, cache->values, cache->nulls);
	ReleaseTupleDesc(row);
	for (int i = 0; i < cache->card->features; i++)
	{
		int			column = cache->card->feature[i].column;

		cache->row[column] = (NullableDatum) {cache->values[column], cache->nulls[column]};
	}
	scorecard_evaluate(cache->card, cache->row, cache->result);
	return cache;
}

/* What scorecard_support() makes of a call: the columns of the row by themselves, behind their names and what is NULL where there is no row. */
#define FIRST_COLUMN	4

static ScorecardCache *
score_columns(FunctionCallInfo fcinfo)
{
	ScorecardCache *cache;

	for (int i = 0; i < FIRST_COLUMN; i++)
		if (PG_ARGISNULL(i))
			return NULL;
	cache = get_scorecard(fcinfo, PG_GETARG_TEXT_PP(0), PG_GETARG_TIMESTAMPTZ(1));
	/* The columns of a call are always the same. */
	if (cache->row == NULL)
	{
		Datum	   *names;
		bool	   *nulls;
		int			columns;
		const char **name;
		Oid		   *type;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &columns);
		if (columns != PG_NARGS() - FIRST_COLUMN)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("columns and their names do not match"),
					errdetail("There are %d columns and %d names.", PG_NARGS() - FIRST_COLUMN, columns), errhint("Call it with a row: the columns and their names are found there."));
		name = palloc(columns * sizeof(char *));
		type = palloc(columns * sizeof(Oid));
		for (int i = 0; i < columns; i++)
		{
			name[i] = nulls[i] ? "" : TextDatumGetCString(names[i]);
			type[i] = get_fn_expr_argtype(fcinfo->flinfo, FIRST_COLUMN + i);
		}
		bind_to_columns(cache, columns, name, type);
	}
	scorecard_evaluate(cache->card, fcinfo->args + FIRST_COLUMN, cache->result);
	return cache;
}

static Datum
points_datum(int64 hundredths)
{
	return NumericGetDatum(hundredths % HUNDREDTHS == 0 ? int64_to_numeric(hundredths / HUNDREDTHS) : int64_div_fast_to_numeric(hundredths, 2));
}

static Datum
return_total(FunctionCallInfo fcinfo, const ScorecardCache *cache)
{
	if (cache == NULL || !cache->result->has_total)
		PG_RETURN_NULL();
	return points_datum(cache->result->total);
}

static Datum
return_tier(FunctionCallInfo fcinfo, const ScorecardCache *cache)
{
	if (cache == NULL || !cache->result->has_total || cache->card->tiers == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(scorecard_tier(cache->card, cache->result->total));
}

/*
 * scorecard_total(row, scorecard, as_of): points of a row. NULL for a NULL argument, and where a value is missing without which there is no score.
 */
PG_FUNCTION_INFO_V1(salesops_scorecard_total);
Datum
salesops_scorecard_total(PG_FUNCTION_ARGS)
{
	return return_total(fcinfo, score(fcinfo));
}

/* scorecard_tier(row, scorecard, as_of): tier of a row, 1 the best. NULL as scorecard_total(), and where the scorecard has no tiers. */
PG_FUNCTION_INFO_V1(salesops_scorecard_tier);
Datum
salesops_scorecard_tier(PG_FUNCTION_ARGS)
{
	return return_tier(fcinfo, score(fcinfo));
}

/* The same of columns that are given by themselves. */
PG_FUNCTION_INFO_V1(salesops_scorecard_total_of_columns);
Datum
salesops_scorecard_total_of_columns(PG_FUNCTION_ARGS)
{
	return return_total(fcinfo, score_columns(fcinfo));
}

PG_FUNCTION_INFO_V1(salesops_scorecard_tier_of_columns);
Datum
salesops_scorecard_tier_of_columns(PG_FUNCTION_ARGS)
{
	return return_tier(fcinfo, score_columns(fcinfo));
}

/* score_row(row, scorecard, as_of): total, tier, points of the components in their order, names of the features whose value is missing. */
PG_FUNCTION_INFO_V1(salesops_score_row);
Datum
salesops_score_row(PG_FUNCTION_ARGS)
{
	ScorecardCache *cache = score(fcinfo);
	const Scorecard *card = cache->card;
	const ScorecardResult *result = cache->result;
	Datum	   *points = palloc(card->components * sizeof(Datum));
	bool	   *unknown = palloc(card->components * sizeof(bool));
	Datum	   *missing = palloc(card->features * sizeof(Datum));
	int			missings = 0;
	int			one = 1;
	TupleDesc	row;
	Datum		values[4] = {0};
	bool		nulls[4] = {false};

	for (int i = 0; i < card->components; i++)
	{
		unknown[i] = !result->has_sum[i];
		points[i] = unknown[i] ? (Datum) 0 : points_datum(result->sum[i]);
	}
	for (int i = 0; i < card->features; i++)
		if (result->rule[i] == MISSING_RULE)
			missing[missings++] = CStringGetTextDatum(card->feature[i].name);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nulls[0] = !result->has_total;
	nulls[1] = nulls[0] || card->tiers == 0;
	if (!nulls[0])
		values[0] = points_datum(result->total);
	values[1] = Int32GetDatum(scorecard_tier(card, result->total));
	values[2] = PointerGetDatum(construct_md_array(points, unknown, 1, (int *) &card->components, &one, NUMERICOID, -1, false, TYPALIGN_INT));
	values[3] = PointerGetDatum(construct_array(missing, missings, TEXTOID, -1, false, TYPALIGN_INT));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

static Datum
text_datum(const char *text)
{
	return CStringGetTextDatum(text);
}

/* One row of explain_score() about a feature. */
static void
explain_feature(ScorecardCache *cache, int i, ReturnSetInfo *rows)
{
	ScorecardFeature *feature = &cache->card->feature[i];
	int			rule = cache->result->rule[i];
	char	   *value = scorecard_value_text(feature, cache->row);
	bool		is_missing = rule == MISSING_RULE;
	Datum		values[] = {
		text_datum(cache->card->component[feature->component].name),
		text_datum(feature->name),
		text_datum(scorecard_input_text(feature)),
		value != NULL ? text_datum(value) : (Datum) 0,
		text_datum(scorecard_rule_text(feature, rule)),
		text_datum(psprintf("%s %s", feature->name, scorecard_rule_words(feature, rule))),
		points_datum(cache->result->points[i]),
		BoolGetDatum(is_missing)
	};
	bool		nulls[] = {false, false, false, value == NULL, false, false, is_missing && feature->needs_value, false};

	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
}

/* Where a component gives less than its features: what the cap takes, so that points add up. */
static void
explain_cap(ScorecardCache *cache, int i, ReturnSetInfo *rows)
{
	const ScorecardComponent *component = &cache->card->component[i];
	int64		points = cache->result->sum[i];

	for (int f = 0; f < cache->card->features; f++)
		if (cache->card->feature[f].component == i)
			points -= cache->result->points[f];
	if (points != 0 && cache->result->has_sum[i])
	{
		char	   *cap = DatumGetCString(DirectFunctionCall1(numeric_out, points_datum(component->cap)));
		Datum		values[] = {
			text_datum(component->name), 0, 0, 0, text_datum(psprintf("up to %s", cap)),
			text_datum(psprintf("%s gives %s at most", component->name, cap)), points_datum(points), BoolGetDatum(false)
		};
		bool		nulls[] = {false, true, true, true, false, false, false, false};

		tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
	}
}

/* explain_score(row, scorecard, as_of): what each feature found and gave, in the order of the scorecard; points add up to the total. */
PG_FUNCTION_INFO_V1(salesops_explain_score);
Datum
salesops_explain_score(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	ScorecardCache *cache = score(fcinfo);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < cache->card->features; i++)
	{
		explain_feature(cache, i, rows);
		if (i + 1 == cache->card->features || cache->card->feature[i + 1].component != cache->card->feature[i].component)
			explain_cap(cache, cache->card->feature[i].component, rows);
	}
	return (Datum) 0;
}

/* Adds a row of scorecard_rules(). */
static void
put_rule(ReturnSetInfo *rows, int *position, const char *component, const char *feature, const char *kind, const char *rule, const int64 *points)
{
	Datum		values[] = {
		Int32GetDatum(++*position),
		component ? text_datum(component) : (Datum) 0,
		feature ? text_datum(feature) : (Datum) 0,
		text_datum(kind),
		text_datum(rule),
		points ? points_datum(*points) : (Datum) 0
	};
	bool		nulls[] = {false, component == NULL, feature == NULL, false, false, points == NULL};

	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
}

/* scorecard_rules(definition): all that a scorecard says, a row each: tiers, caps, inputs, rules, and what holds where no rule does. */
PG_FUNCTION_INFO_V1(salesops_scorecard_rules);
Datum
salesops_scorecard_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	Scorecard  *card = scorecard_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	int			position = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < card->tiers; i++)
		put_rule(rows, &position, NULL, NULL, "tier", psprintf("tier %d", i + 1), i + 1 < card->tiers ? &card->tier[i] : NULL);
	for (int i = 0; i < card->features; i++)
	{
		const ScorecardFeature *feature = &card->feature[i];
		const ScorecardComponent *component = &card->component[feature->component];

		if (component->has_cap && (i == 0 || feature[-1].component != feature->component))
			put_rule(rows, &position, component->name, NULL, "cap", "up to", &component->cap);
		put_rule(rows, &position, component->name, feature->name, "input", psprintf("from %s", scorecard_input_text(feature)), NULL);
		for (int r = 0; r < list_length(feature->rules); r++)
			put_rule(rows, &position, component->name, feature->name, scorecard_kind(feature), scorecard_rule_text(feature, r), &feature->rule[r].points);
		if (feature->kind != FEATURE_LINEAR)
			put_rule(rows, &position, component->name, feature->name, "else", "else", &feature->else_points);
		put_rule(rows, &position, component->name, feature->name, "missing", "missing", feature->needs_value ? NULL : &feature->missing_points);
	}
	return (Datum) 0;
}

/* scorecard_name(definition): the name that the text gives its scorecard, after all of it was checked. */
PG_FUNCTION_INFO_V1(salesops_scorecard_name);
Datum
salesops_scorecard_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(scorecard_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)))->name));
}
