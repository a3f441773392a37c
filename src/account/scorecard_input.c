/*
 * scorecard_input.c: where a scorecard finds its inputs in a row, and what they say.
 *
 * An input is a column, or a key in a column of type jsonb, by name. Rules for numbers take numbers; in jsonb also texts that read as one
 * (read_number()), for custom fields are often text. Lookups take the text of anything. Blank texts, NaN, JSON null, and what cannot be read are missing.
 */
#include "account/scorecard.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
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

static void
set_number(ScorecardValue *value, Numeric number)
{
	value->kind = numeric_is_nan(number) ? VALUE_MISSING : VALUE_NUMBER;
	value->number = number;
}

static void
set_text(ScorecardValue *value, const char *text, uint32 length)
{
	value->kind = VALUE_TEXT;
	value->text = text;
	value->length = length;
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

static void
set_json(ScorecardValue *value, const ScorecardFeature *feature, const JsonbValue *json)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		number;
	char	   *digits;

	value->kind = VALUE_MISSING;
	if (json == NULL)
		return;
	switch (json->type)
	{
		case jbvNumeric:
			if (feature->kind != FEATURE_LOOKUP)
				set_number(value, json->val.numeric);
			else
			{
				digits = numeric_normalize(json->val.numeric);
				set_text(value, digits, strlen(digits));
			}
			break;
		case jbvString:
			if (feature->kind == FEATURE_LOOKUP)
			{
				set_text(value, json->val.string.val, json->val.string.len);
				break;
			}
			InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
			fcinfo->args[0].value = PointerGetDatum(cstring_to_text_with_len(json->val.string.val, json->val.string.len));
			fcinfo->args[0].isnull = false;
			number = salesops_read_number(fcinfo);
			if (!fcinfo->isnull)
				set_number(value, DatumGetNumeric(number));
			break;
		case jbvBool:
			if (feature->kind == FEATURE_LOOKUP)
				set_text(value, json->val.boolean ? "true" : "false", json->val.boolean ? 4 : 5);
			break;
		default:
			break;
	}
}

/* As in jsonb, and as a person writes it, whatever the date style of the session; NULL for types whose output function says just that. */
static char *
plain_text(Oid type, Datum datum)
{
	switch (type)
	{
		case BOOLOID:
			return DatumGetBool(datum) ? "true" : "false";
		case DATEOID:
			return JsonEncodeDateTime(NULL, datum, DATEOID, NULL);
		default:
			return NULL;
	}
}

/* What the input of a bound feature says in a row. */
void
scorecard_value(ScorecardFeature *feature, const NullableDatum *row, ScorecardValue *value)
{
	Datum		datum = row[feature->column].value;
	text	   *packed;
	const char *printed;

	value->kind = VALUE_MISSING;
	if (row[feature->column].isnull)
		return;
	switch (feature->input)
	{
		case INPUT_INTEGER:
			value->kind = VALUE_INTEGER;
			value->integer = feature->type == INT4OID ? DatumGetInt32(datum) : feature->type == INT8OID ? DatumGetInt64(datum) : DatumGetInt16(datum);
			break;
		case INPUT_NUMERIC:
			set_number(value, DatumGetNumeric(datum));
			break;
		case INPUT_FLOAT:
			set_number(value, DatumGetNumeric(feature->type == FLOAT8OID ? DirectFunctionCall1(float8_numeric, datum)
											  : DirectFunctionCall1(float4_numeric, datum)));
			break;
		case INPUT_TEXT:
			packed = DatumGetTextPP(datum);
			set_text(value, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
			break;
		case INPUT_OTHER:
			printed = plain_text(feature->type, datum);
			if (printed == NULL)
				printed = OutputFunctionCall(&feature->print, datum);
			set_text(value, printed, strlen(printed));
			break;
		default:
			set_json(value, feature, find_json(feature, datum));
	}
}

/* The value itself for a reader; NULL where there is nothing. */
char *
scorecard_value_text(ScorecardFeature *feature, const NullableDatum *row)
{
	Datum		datum = row[feature->column].value;
	Oid			output;
	bool		is_varlena;
	char	   *printed;
	JsonbValue *json;

	if (row[feature->column].isnull)
		return NULL;
	if (feature->input != INPUT_JSON)
	{
		printed = plain_text(feature->type, datum);
		if (printed != NULL)
			return printed;
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
