/*
 * match_sql.c: match_records(query, kind, sure, review, block, distinct_keys): a query gives the records, the matcher (match.h) says which are one.
 *
 * One call gives all there is to tell: pairs, the members of clusters, and the blocks that were too large, each row with what it is.
 */
#include "account/match.h"

#include <math.h>

#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "core/query_sql.h"

/* Milliseconds between two notices. */
#define SILENCE	5000
/* Columns of the result. */
#define COLUMNS	9

PG_FUNCTION_INFO_V1(salesops_match_records);

static const char *const field_column[MATCH_FIELDS] = {
	[MATCH_NAME] = "name", [MATCH_COMPANY] = "company", [MATCH_WEBSITE] = "website", [MATCH_EMAIL] = "email", [MATCH_PHONE] = "phone",
	[MATCH_STREET] = "street", [MATCH_CITY] = "city", [MATCH_STATE] = "state", [MATCH_POSTAL_CODE] = "postal_code", [MATCH_COUNTRY] = "country",
};

typedef struct Reader
{
	Match	   *match;
	MemoryContext work;
	Column		key;
	Column		field[MATCH_FIELDS];
} Reader;

static void
begin(ReadQuery *read)
{
	Reader	   *reader = read->to;
	bool		any = false;

	reader->key = need_column(read, "key", COLUMN_ANY);
	for (int i = 0; i < MATCH_FIELDS; i++)
	{
		reader->field[i] = find_column(read, field_column[i], COLUMN_ANY);
		any |= reader->field[i].at >= 0;
	}
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s has no column by which its records could be compared", read->argument),
				 errhint("It takes key and some of %s.", read->known)));
}

/* A value as UTF-8; NULL: it is not known. */
static const char *
value_of(const Column *column, TupleTableSlot *slot)
{
	char	   *text = column_text(column, slot);

	return text ? pg_server_to_any(text, (int) strlen(text), PG_UTF8) : NULL;
}

static void
add_row(ReadQuery *read, TupleTableSlot *slot)
{
	Reader	   *reader = read->to;
	const char *key = column_text(&reader->key, slot);
	const char *field[MATCH_FIELDS];
	MemoryContext row;

	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a record of %s has no key", read->argument),
				 errhint("Leave it out, or give it one.")));
	for (int i = 0; i < MATCH_FIELDS; i++)
		field[i] = value_of(&reader->field[i], slot);
	row = MemoryContextSwitchTo(reader->work);
	match_add(reader->match, key, field);
	MemoryContextSwitchTo(row);
}

typedef struct Telling
{
	instr_time	told;
} Telling;

/* Answers a cancel, and tells whoever waits. The result does not depend on the clock. */
static bool
look_up(const char *phase, double share, void *arg)
{
	Telling    *telling = arg;
	instr_time	now;
	instr_time	silence;

	CHECK_FOR_INTERRUPTS();
	INSTR_TIME_SET_CURRENT(now);
	silence = now;
	INSTR_TIME_SUBTRACT(silence, telling->told);
	if (INSTR_TIME_GET_MILLISEC(silence) >= SILENCE)
	{
		telling->told = now;
		ereport(NOTICE, (errmsg("matching records: %s, %.0f %%", phase, 100 * share)));
	}
	return false;
}

/* Pairs that somebody has said are not one: keys, two by two. Keys that are not there are no matter. */
static void
forbid(Match *match, ArrayType *distinct)
{
	Datum	   *key;
	bool	   *is_null;
	int			count;

	if (ARR_ELEMTYPE(distinct) != TEXTOID)
		elog(ERROR, "distinct_keys is no array of text");
	deconstruct_array(distinct, TEXTOID, -1, false, TYPALIGN_INT, &key, &is_null, &count);
	for (int i = 0; i + 1 < count; i += 2)
		if (!is_null[i] && !is_null[i + 1])
			match_keep_apart(match, TextDatumGetCString(key[i]), TextDatumGetCString(key[i + 1]));
}

static Datum
number(int32 thousandths)
{
	return Float8GetDatum(thousandths / 1000.0);
}

/* What a pair's weight is made of, as an object. */
static Datum
evidence_of(const Match *match, const MatchPair *pair)
{
	MatchWeights weights;
	StringInfoData json;

	match_explain(match, pair, &weights);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"prior\": %.3f", weights.prior / 1000.0);
	for (int k = 0; k < MATCH_EVIDENCES; k++)
		if (pair->level[k] != MATCH_UNKNOWN)
			appendStringInfo(&json, ", \"%s\": {\"agreement\": \"%s\", \"weight\": %.3f}", match_evidence_name(k), match_level_in_words(k, pair->level[k]),
							 weights.evidence[k] / 1000.0);
	appendStringInfo(&json, ", \"relation\": %.3f}", weights.relation / 1000.0);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static void
put_pairs(ReturnSetInfo *set, const Match *match, const MatchResult *result, MemoryContext row)
{
	for (int i = 0; i < result->pairs; i++)
	{
		const MatchPair *pair = &result->pair[i];
		Datum		value[COLUMNS] = {0};
		bool		is_null[COLUMNS] = {false, false, false, false, false, false, true, true, true};
		MemoryContext caller = MemoryContextSwitchTo(row);

		value[0] = CStringGetTextDatum("pair");
		value[1] = CStringGetTextDatum(match_key(match, pair->one));
		value[2] = CStringGetTextDatum(match_key(match, pair->other));
		value[3] = number(pair->weight);
		value[4] = BoolGetDatum(pair->is_sure);
		value[5] = evidence_of(match, pair);
		tuplestore_putvalues(set->setResult, set->setDesc, value, is_null);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
		CHECK_FOR_INTERRUPTS();
	}
}

/* The members of clusters that have more than one. */
static void
put_members(ReturnSetInfo *set, const Match *match, const MatchResult *result, MemoryContext row)
{
	int			records = match_records(match);
	int		   *size = palloc_extended(sizeof(int) * Max(records, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < records; i++)
		size[result->cluster[i]]++;
	for (int i = 0; i < records; i++)
	{
		Datum		value[COLUMNS] = {0};
		bool		is_null[COLUMNS] = {false, false, false, true, true, true, false, true, true};
		MemoryContext caller;

		if (size[result->cluster[i]] < 2)
			continue;
		caller = MemoryContextSwitchTo(row);
		value[0] = CStringGetTextDatum("member");
		value[1] = CStringGetTextDatum(match_key(match, result->cluster[i]));
		value[2] = CStringGetTextDatum(match_key(match, i));
		value[6] = Int64GetDatum(size[result->cluster[i]]);
		tuplestore_putvalues(set->setResult, set->setDesc, value, is_null);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row);
	}
	pfree(size);
}

/* Blocks that were too large; and a row for all that was done. */
static void
put_blocks(ReturnSetInfo *set, const Match *match, const MatchResult *result)
{
	Datum		value[COLUMNS] = {0};
	bool		is_null[COLUMNS] = {false, false, false, true, true, true, false, false, false};

	for (int i = 0; i < result->blocks; i++)
	{
		const MatchBlock *block = &result->block[i];

		value[0] = CStringGetTextDatum("block");
		value[1] = CStringGetTextDatum(match_key(match, block->sample));
		value[2] = CStringGetTextDatum(block->what);
		value[6] = Int64GetDatum(block->records);
		value[7] = Int64GetDatum(block->compared);
		value[8] = Int64GetDatum(block->left_out);
		tuplestore_putvalues(set->setResult, set->setDesc, value, is_null);
	}
	value[0] = CStringGetTextDatum("all");
	is_null[1] = is_null[2] = true;
	value[6] = Int64GetDatum(match_records(match));
	value[7] = Int64GetDatum(result->compared);
	value[8] = Int64GetDatum(result->left_out);
	tuplestore_putvalues(set->setResult, set->setDesc, value, is_null);
}

/*
 * match_records(query text, kind text, sure float8, review float8, block int, distinct_keys text[]) returns setof record.
 */
Datum
salesops_match_records(PG_FUNCTION_ARGS)
{
	Reader		reader;
	Telling		telling;
	MatchOptions options = {.progress = look_up,.progress_arg = &telling};
	ReadQuery	read = {.argument = "query",.begin = begin,.row = add_row,.to = &reader,.unused_numbers = NOTICE,
		.known = "key, name, company, website, email, phone, street, city, state, postal_code and country"};
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MatchResult *result;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row;
	const char *twice;

	INSTR_TIME_SET_CURRENT(telling.told);
	options.kind = strcmp(kind, "person") == 0 ? MATCH_PERSONS : MATCH_COMPANIES;
	options.sure = PG_GETARG_FLOAT8(2);
	options.review = PG_GETARG_FLOAT8(3);
	options.block = PG_GETARG_INT32(4);
	if (strcmp(kind, "person") != 0 && strcmp(kind, "company") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of record: \"%s\"", kind),
				 errhint("Use company or person.")));
	if (!(options.sure >= options.review) || isinf(options.sure) || isinf(options.review) || options.block < 2 || options.block > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limits of matching are out of range"),
				 errdetail("sure is %g, review %g, block %d.", options.sure, options.review, options.block),
				 errhint("sure must not be below review, both in bits, and block from 2 to 1000 records.")));

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	reader.work = AllocSetContextCreate(CurrentMemoryContext, "salesops matcher", ALLOCSET_DEFAULT_SIZES);
	row = AllocSetContextCreate(CurrentMemoryContext, "salesops match row", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(reader.work);
	reader.match = match_begin(&options);
	read_query(&read, query);
	twice = match_end(reader.match);
	if (twice)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("key \"%s\" comes twice in query", twice),
				 errhint("Give every record a key of its own.")));
	if (!PG_ARGISNULL(5))
		forbid(reader.match, PG_GETARG_ARRAYTYPE_P(5));
	result = match_run(reader.match);
	put_pairs((ReturnSetInfo *) fcinfo->resultinfo, reader.match, result, row);
	put_members((ReturnSetInfo *) fcinfo->resultinfo, reader.match, result, row);
	put_blocks((ReturnSetInfo *) fcinfo->resultinfo, reader.match, result);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(reader.work);
	SPI_finish();
	return (Datum) 0;
}
