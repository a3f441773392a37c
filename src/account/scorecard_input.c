/*
 * scorecard_input.c: where a scorecard finds its inputs in a row, and what they say.
 *
 * An input is a column, or a key in a column of type jsonb, by name. Rules for numbers take numbers; in jsonb also texts that read as one
 * (read_number()), for custom fields are often text. Lookups take the text of anything. Blank texts, NaN, JSON null, and what cannot be read are missing.
 */
#include "account/scorecard.h"

#include "account/industry.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

extern Datum salesops_read_number(PG_FUNCTION_ARGS);

static void
find_column(ScorecardFeature *feature, int columns, const char *const *name, const Oid *type)
{
	const char *sought = linitial(feature->path);
	StringInfoData names;

	for (feature->column = 0; feature->column < columns; feature->column++)
		if (strcmp(name[feature->column], sought) == 0)
		{
			feature->type = getBaseType(type[feature->column]);
			return;
		}
	/* For who wrote one that is not there. */
	initStringInfo(&names);
	for (int i = 0; i < columns; i++)
		if (name[i][0] != '\0')
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name[i]);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\" for feature \"%s\" of the scorecard", sought, feature->name),
			 errdetail("Its columns are %s.", names.data),
			 errhint("Score a row that has it, or read another one: feature %s from COLUMN", feature->name)));
}

pg_noreturn static void
refuse_type(const ScorecardFeature *feature, const char *needed)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("feature \"%s\" of the scorecard cannot read column \"%s\"", feature->name, (char *) linitial(feature->path)),
			 errdetail("It needs %s and the column is of type %s.", needed, format_type_be(feature->type)),
			 errhint("Score a query in which it is cast.")));
}

/*
 * Looks the inputs of a scorecard up among the columns of a row; one without a name is none. 42703 for a column that is not there, 42804 for one of a type that
 * the rules cannot be asked about.
 */
void
scorecard_bind(Scorecard *card, int columns, const char *const *name, const Oid *type)
{
	for (int i = 0; i < card->features; i++)
	{
		ScorecardFeature *feature = &card->feature[i];
		Oid			output;
		bool		is_varlena;

		find_column(feature, columns, name, type);
		if (feature->type == JSONBOID)
		{
			feature->input = INPUT_JSON;
			continue;
		}
		if (list_length(feature->path) > 1)
			refuse_type(feature, "jsonb to look for a key in");
		switch (feature->type)
		{
			case INT2OID:
			case INT4OID:
			case INT8OID:
				feature->input = INPUT_INTEGER;
				break;
			case NUMERICOID:
				feature->input = INPUT_NUMERIC;
				break;
			case FLOAT4OID:
			case FLOAT8OID:
				feature->input = INPUT_FLOAT;
				break;
			case TEXTOID:
			case VARCHAROID:
			case BPCHAROID:
				feature->input = INPUT_TEXT;
				break;
			default:
				feature->input = INPUT_OTHER;
		}
		if (feature->kind == FEATURE_LOOKUP && feature->input != INPUT_TEXT)
		{
			feature->input = INPUT_OTHER;
			getTypeOutputInfo(feature->type, &output, &is_varlena);
			fmgr_info(output, &feature->print);
		}
		else if (feature->kind != FEATURE_LOOKUP && feature->input >= INPUT_TEXT)
			refuse_type(feature, "a number");
	}
}

static ScorecardValue
number_value(Numeric number)
{
	if (numeric_is_nan(number))
		return (ScorecardValue) {.kind = VALUE_MISSING};
	return (ScorecardValue) {.kind = VALUE_NUMBER, .number = number};
}

static ScorecardValue
text_value(const ScorecardFeature *feature, const char *text, uint32 length)
{
	if (feature->is_industry)
	{
		Industry	industry = industry_recognize(text, length);

		return (ScorecardValue) {.kind = industry == INDUSTRY_UNKNOWN ? VALUE_MISSING : VALUE_INTEGER, .integer = industry};
	}
	if (scorecard_fold(text, length, NULL) == 0)
		return (ScorecardValue) {.kind = VALUE_MISSING};
	return (ScorecardValue) {.kind = VALUE_TEXT, .text = text, .length = length};
}

/* What a key path of a jsonb holds; NULL where it is not there. */
static JsonbValue *
find_json(const ScorecardFeature *feature, Datum datum)
{
	JsonbContainer *container = &DatumGetJsonbP(datum)->root;
	JsonbValue *value = NULL;

	if (JsonContainerIsScalar(container))
		return list_length(feature->path) == 1 ? getIthJsonbValueFromContainer(container, 0) : NULL;
	for (int i = 1; i < list_length(feature->path); i++)
	{
		const char *key = list_nth(feature->path, i);

		if (value != NULL)
		{
			if (value->type != jbvBinary)
				return NULL;
			container = value->val.binary.data;
		}
		if (!JsonContainerIsObject(container))
			return NULL;
		value = getKeyJsonValueFromContainer(container, key, strlen(key), NULL);
		if (value == NULL)
			return NULL;
	}
	return value;
}

static ScorecardValue
json_value(const ScorecardFeature *feature, const JsonbValue *json)
{
	ScorecardValue missing = {.kind = VALUE_MISSING};
	LOCAL_FCINFO(fcinfo, 1);
	Datum		number;
	char	   *digits;

	if (json == NULL)
		return missing;
	switch (json->type)
	{
		case jbvNumeric:
			if (feature->kind != FEATURE_LOOKUP)
				return number_value(json->val.numeric);
			digits = numeric_normalize(json->val.numeric);
			return text_value(feature, digits, strlen(digits));
		case jbvString:
			if (feature->kind == FEATURE_LOOKUP)
				return text_value(feature, json->val.string.val, json->val.string.len);
			InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
			fcinfo->args[0].value = PointerGetDatum(cstring_to_text_with_len(json->val.string.val, json->val.string.len));
			fcinfo->args[0].isnull = false;
			number = salesops_read_number(fcinfo);
			return fcinfo->isnull ? missing : number_value(DatumGetNumeric(number));
		case jbvBool:
			if (feature->kind == FEATURE_LOOKUP)
				return json->val.boolean ? text_value(feature, "true", 4) : text_value(feature, "false", 5);
			return missing;
		default:
			return missing;
	}
}

/* What the input of a bound feature says in a row. */
ScorecardValue
scorecard_value(ScorecardFeature *feature, const NullableDatum *row)
{
	Datum		datum = row[feature->column].value;
	text	   *packed;
	const char *printed;

	if (row[feature->column].isnull)
		return (ScorecardValue) {.kind = VALUE_MISSING};
	switch (feature->input)
	{
		case INPUT_INTEGER:
			return (ScorecardValue) {
				.kind = VALUE_INTEGER,
				.integer = feature->type == INT4OID ? DatumGetInt32(datum) : feature->type == INT8OID ? DatumGetInt64(datum) : DatumGetInt16(datum)
			};
		case INPUT_NUMERIC:
			return number_value(DatumGetNumeric(datum));
		case INPUT_FLOAT:
			return number_value(DatumGetNumeric(feature->type == FLOAT8OID ? DirectFunctionCall1(float8_numeric, datum)
												: DirectFunctionCall1(float4_numeric, datum)));
		case INPUT_TEXT:
			packed = DatumGetTextPP(datum);
			return text_value(feature, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
		case INPUT_OTHER:
			/* As in jsonb, and as a person writes it. */
			if (feature->type == BOOLOID)
				printed = DatumGetBool(datum) ? "true" : "false";
			else
				printed = OutputFunctionCall(&feature->print, datum);
			return text_value(feature, printed, strlen(printed));
		default:
			return json_value(feature, find_json(feature, datum));
	}
}

/* The value itself for a reader; NULL where there is nothing. */
char *
scorecard_value_text(ScorecardFeature *feature, const NullableDatum *row)
{
	Datum		datum = row[feature->column].value;
	Oid			output;
	bool		is_varlena;
	JsonbValue *json;

	if (row[feature->column].isnull)
		return NULL;
	if (feature->input != INPUT_JSON)
	{
		getTypeOutputInfo(feature->type, &output, &is_varlena);
		return OidOutputFunctionCall(output, datum);
	}
	json = find_json(feature, datum);
	if (json == NULL || json->type == jbvNull)
		return NULL;
	if (json->type == jbvString)
		return pnstrdup(json->val.string.val, json->val.string.len);
	return JsonbToCString(NULL, &JsonbValueToJsonb(json)->root, 0);
}
