/*
 * win_model.c: the type win_model: its stored form, text and binary.
 *
 * Three ways in (stored, text, binary) lead to the same structure, and what comes from outside is believed only after
 * check_model(). Everything is written in one order, so equal models are equal bytes.
 */
#include "forecast/win_model.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "core/ordering.h"
#include "forecast/win_text.h"

SALESOPS_ORDERING_BY_BYTES(win_model)

/* Effects and the like that are larger are no logits but damage; sums of them stay finite. */
#define MOST_EFFECT 1e6

/* A level of a term takes at least so many bytes: a number for a factor, two doubles, two counts. */
#define LEAST_LEVEL_SIZE 19

/* Why a model must not be believed, in words; NULL where it may. */
const char *
win_model_reason(WinReason reason)
{
	switch (reason)
	{
		case WIN_CALIBRATED:
			return NULL;
		case WIN_NO_DEALS:
			return "there was no deal to learn from";
		case WIN_FEW_DEALS:
			return psprintf("fewer than %d deals to learn from", WIN_LEAST_DEALS);
		case WIN_FEW_WINS:
			return psprintf("fewer than %d won deals to learn from", WIN_LEAST_WINS);
		case WIN_FEW_LOSSES:
			return psprintf("fewer than %d deals that were not won to learn from", WIN_LEAST_LOSSES);
		case WIN_NOT_CONVERGED:
			return "the fit did not converge";
	}
	return NULL;
}

/* The name of a term, such as segment*owner. */
char *
win_model_term_name(const WinModel *model, const WinTerm *term)
{
	StringInfoData name;

	initStringInfo(&name);
	for (int i = 0; i < term->factors; i++)
	{
		WinText		factor = model->factor[term->factor[i]];

		appendStringInfo(&name, "%s%.*s", i > 0 ? "*" : "", (int) factor.length, factor.bytes);
	}
	return name.data;
}

/* The number of the factor that says how many months are left; -1 where there is none. */
int
win_model_to_go(const WinModel *model)
{
	for (int f = 0; f < model->factors; f++)
	{
		if (model->factor[f].length == 5 && memcmp(model->factor[f].bytes, "to_go", 5) == 0)
			return f;
	}
	return -1;
}

/* Makes the stored form. */
WinModelValue *
win_model_store(const WinModel *model)
{
	StringInfoData stream;
	WinModelValue *value;

	initStringInfo(&stream);
	appendStringInfoSpaces(&stream, offsetof(WinModelValue, data));
	win_put_number(&stream, model->factors);
	for (int f = 0; f < model->factors; f++)
		win_put_text(&stream, model->factor[f].bytes, model->factor[f].length);
	for (int f = 0; f < model->factors; f++)
	{
		win_put_number(&stream, model->levels[f]);
		for (uint32 l = 0; l < model->levels[f]; l++)
			win_put_text(&stream, model->level[f][l].bytes, model->level[f][l].length);
	}
	win_put_double(&stream, model->intercept);
	win_put_double(&stream, model->strength);
	win_put_double(&stream, model->shift);
	win_put_number(&stream, model->is_recalibrated);
	win_put_number(&stream, model->reason);
	win_put_number(&stream, model->iterations);
	win_put_number(&stream, model->is_converged);
	win_put_number(&stream, model->periods);
	win_put_number(&stream, model->first_period);
	win_put_number(&stream, model->last_period);
	win_put_number(&stream, model->deals);
	win_put_number(&stream, model->wins);
	win_put_number(&stream, model->terms);
	for (int t = 0; t < model->terms; t++)
	{
		const WinTerm *term = &model->term[t];

		win_put_number(&stream, term->factors);
		for (int i = 0; i < term->factors; i++)
			win_put_number(&stream, term->factor[i]);
		win_put_number(&stream, term->is_ordered);
		win_put_double(&stream, term->precision);
		win_put_number(&stream, term->levels);
		for (uint32 i = 0; i < term->levels; i++)
		{
			for (int f = 0; f < term->factors; f++)
				win_put_number(&stream, term->level[i * term->factors + f]);
			win_put_double(&stream, term->effect[i]);
			win_put_double(&stream, term->standard_error[i]);
			win_put_number(&stream, term->deals[i]);
			win_put_number(&stream, term->wins[i]);
		}
	}

	value = (WinModelValue *) stream.data;
	memset(value, 0, offsetof(WinModelValue, data));
	SET_VARSIZE(value, stream.len);
	value->version = WIN_MODEL_VERSION;
	value->fingerprint = hash_bytes_extended((unsigned char *) value->data, stream.len - offsetof(WinModelValue, data), 0);
	return value;
}

static void *
allocate(Size count, Size size)
{
	return palloc_extended(Max(count, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Makes room for a term's levels, keeping those it has. */
static void
resize_term(WinTerm *term, uint32 capacity)
{
	Size		count = Max(capacity, 1);

	if (term->level == NULL)
	{
		term->level = allocate(count * term->factors, sizeof(uint32));
		term->effect = allocate(count, sizeof(double));
		term->standard_error = allocate(count, sizeof(double));
		term->deals = allocate(count, sizeof(int64));
		term->wins = allocate(count, sizeof(int64));
		return;
	}
	term->level = repalloc_huge(term->level, count * term->factors * sizeof(uint32));
	term->effect = repalloc_huge(term->effect, count * sizeof(double));
	term->standard_error = repalloc_huge(term->standard_error, count * sizeof(double));
	term->deals = repalloc_huge(term->deals, count * sizeof(int64));
	term->wins = repalloc_huge(term->wins, count * sizeof(int64));
}

/* Reads a term. */
static void
read_term(WinReader *stream, const WinModel *model, WinTerm *term)
{
	term->factors = (int) win_get_number_to(stream, WIN_MAX_TERM_FACTORS);
	for (int i = 0; i < term->factors; i++)
		term->factor[i] = (int) win_get_number_to(stream, Max(model->factors, 1) - 1);
	term->is_ordered = win_get_number_to(stream, 1) == 1;
	term->precision = win_get_double(stream);
	term->levels = (uint32) win_get_count(stream, LEAST_LEVEL_SIZE);
	resize_term(term, term->levels);
	for (uint32 i = 0; i < term->levels; i++)
	{
		for (int f = 0; f < term->factors; f++)
			term->level[i * term->factors + f] = (uint32) win_get_number_to(stream, PG_UINT32_MAX);
		term->effect[i] = win_get_double(stream);
		term->standard_error[i] = win_get_double(stream);
		term->deals[i] = (int64) win_get_number(stream);
		term->wins[i] = (int64) win_get_number(stream);
	}
}

/* Reads a stream into a model, whose texts point into it; false where it is damaged. */
static bool
read_stream(WinReader *stream, WinModel *model)
{
	model->factors = (int) win_get_number_to(stream, WIN_MAX_FACTORS);
	for (int f = 0; f < model->factors; f++)
		model->factor[f].bytes = win_get_text(stream, &model->factor[f].length);
	for (int f = 0; f < model->factors; f++)
	{
		model->levels[f] = (uint32) win_get_count(stream, 1);
		model->level[f] = allocate(model->levels[f], sizeof(WinText));
		for (uint32 l = 0; l < model->levels[f]; l++)
			model->level[f][l].bytes = win_get_text(stream, &model->level[f][l].length);
	}
	model->intercept = win_get_double(stream);
	model->strength = win_get_double(stream);
	model->shift = win_get_double(stream);
	model->is_recalibrated = win_get_number_to(stream, 1) == 1;
	model->reason = (WinReason) win_get_number_to(stream, WIN_NOT_CONVERGED);
	model->iterations = (uint32) win_get_number_to(stream, PG_UINT32_MAX);
	model->is_converged = win_get_number_to(stream, 1) == 1;
	model->periods = (uint32) win_get_number_to(stream, PG_UINT32_MAX);
	model->first_period = (FiscalPeriod) win_get_number_to(stream, PG_INT32_MAX);
	model->last_period = (FiscalPeriod) win_get_number_to(stream, PG_INT32_MAX);
	model->deals = (int64) win_get_number(stream);
	model->wins = (int64) win_get_number(stream);
	model->terms = (int) win_get_number_to(stream, WIN_MAX_TERMS);
	model->term = allocate(model->terms, sizeof(WinTerm));
	for (int t = 0; t < model->terms; t++)
		read_term(stream, model, &model->term[t]);
	return !stream->is_damaged && stream->at == stream->end;
}

/* Reads a stored model, whose texts point into it. */
WinModel *
win_model_load(const WinModelValue *value)
{
	WinModel   *model = palloc0(sizeof(WinModel));
	WinReader	stream = {
		.at = (const unsigned char *) value->data,
		.end = (const unsigned char *) value + VARSIZE(value),
	};

	if (value->version != WIN_MODEL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("win_model of layout version %d cannot be read", value->version),
				 errhint("The value was stored by a newer salesops; install that version.")));
	if (!read_stream(&stream, model))
		elog(ERROR, "stored win_model is damaged");
	return model;
}

/* The order of two levels of a term: by their numbers. */
static int
compare_levels(const WinTerm *term, uint32 a, uint32 b)
{
	for (int f = 0; f < term->factors; f++)
	{
		uint32		x = term->level[a * term->factors + f];
		uint32		y = term->level[b * term->factors + f];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

static bool
is_logit(double value)
{
	return value >= -MOST_EFFECT && value <= MOST_EFFECT;
}

/* Whether a term makes sense. */
static bool
check_term(const WinModel *model, const WinTerm *term)
{
	if (term->factors < 1 || !(term->precision > 0))
		return false;
	for (int i = 0; i < term->factors; i++)
	{
		if (term->factor[i] < 0 || term->factor[i] >= model->factors)
			return false;
		for (int j = 0; j < i; j++)
		{
			if (term->factor[i] == term->factor[j])
				return false;
		}
	}
	for (uint32 i = 0; i < term->levels; i++)
	{
		for (int f = 0; f < term->factors; f++)
		{
			if (term->level[i * term->factors + f] >= model->levels[term->factor[f]])
				return false;
		}
		if ((i > 0 && compare_levels(term, i - 1, i) >= 0) ||
			!is_logit(term->effect[i]) || !is_logit(term->standard_error[i]) || term->standard_error[i] < 0 ||
			term->wins[i] > term->deals[i])
			return false;
	}
	return true;
}

/* Whether a model makes sense, and stands in the order in which models are written. */
static bool
check_model(const WinModel *model)
{
	if (!is_logit(model->intercept) || !is_logit(model->strength) || !is_logit(model->shift) ||
		model->wins > model->deals || (model->deals == 0) != (model->reason == WIN_NO_DEALS) ||
		(model->periods == 0) != (model->deals == 0) ||
		(model->periods > 0) != (salesops_is_fiscal_period(model->first_period) &&
								 salesops_is_fiscal_period(model->last_period)) ||
		model->first_period > model->last_period)
		return false;
	for (int f = 0; f < model->factors; f++)
	{
		if (model->factor[f].length == 0)
			return false;
		for (int g = 0; g < f; g++)
		{
			if (win_compare_texts(model->factor[f], model->factor[g]) == 0)
				return false;
		}
		for (uint32 l = 1; l < model->levels[f]; l++)
		{
			if (win_compare_texts(model->level[f][l - 1], model->level[f][l]) >= 0)
				return false;
		}
	}
	for (int t = 0; t < model->terms; t++)
	{
		if (!check_term(model, &model->term[t]))
			return false;
	}
	return true;
}

static void
write_period(StringInfo out, const char *key, FiscalPeriod period)
{
	if (period == 0)
		appendStringInfo(out, "\"%s\": null, ", key);
	else
		appendStringInfo(out, "\"%s\": \"%s\", ", key,
						 DatumGetCString(DirectFunctionCall1(salesops_fiscal_period_out, FiscalPeriodGetDatum(period))));
}

/*
 * Text: JSON with what the model was trained on, how the fit went, the factors with their levels, and the terms. A term names its
 * factors by number; each of its effects is the number of a level for each factor, the effect, its standard error, deals, wins.
 */
PG_FUNCTION_INFO_V1(salesops_win_model_out);
Datum
salesops_win_model_out(PG_FUNCTION_ARGS)
{
	const WinModel *model = win_model_load(PG_GETARG_WIN_MODEL(0));
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"trained\": {\"periods\": %u, ", model->periods);
	write_period(&out, "from", model->first_period);
	write_period(&out, "to", model->last_period);
	appendStringInfo(&out, "\"deals\": %lld, \"wins\": %lld}, \"fit\": {\"intercept\": ",
					 (long long) model->deals, (long long) model->wins);
	win_write_double(&out, model->intercept);
	appendStringInfoString(&out, ", \"strength\": ");
	win_write_double(&out, model->strength);
	appendStringInfoString(&out, ", \"shift\": ");
	win_write_double(&out, model->shift);
	appendStringInfo(&out, ", \"recalibrated\": %s, \"iterations\": %u, \"converged\": %s, \"reason\": %d}, \"factors\": {",
					 model->is_recalibrated ? "true" : "false", model->iterations, model->is_converged ? "true" : "false",
					 model->reason);
	for (int f = 0; f < model->factors; f++)
	{
		appendStringInfoString(&out, f > 0 ? ", " : "");
		win_write_text(&out, model->factor[f].bytes, model->factor[f].length);
		appendStringInfoString(&out, ": [");
		for (uint32 l = 0; l < model->levels[f]; l++)
		{
			appendStringInfoString(&out, l > 0 ? ", " : "");
			win_write_text(&out, model->level[f][l].bytes, model->level[f][l].length);
		}
		appendStringInfoChar(&out, ']');
	}
	appendStringInfoString(&out, "}, \"terms\": [");
	for (int t = 0; t < model->terms; t++)
	{
		const WinTerm *term = &model->term[t];

		appendStringInfoString(&out, t > 0 ? ", {\"factors\": [" : "{\"factors\": [");
		for (int i = 0; i < term->factors; i++)
			appendStringInfo(&out, "%s%d", i > 0 ? ", " : "", term->factor[i]);
		appendStringInfo(&out, "], \"ordered\": %s, \"precision\": ", term->is_ordered ? "true" : "false");
		win_write_double(&out, term->precision);
		appendStringInfoString(&out, ", \"effects\": [");
		for (uint32 i = 0; i < term->levels; i++)
		{
			appendStringInfoString(&out, i > 0 ? ", [" : "[");
			for (int f = 0; f < term->factors; f++)
				appendStringInfo(&out, "%u, ", term->level[i * term->factors + f]);
			win_write_double(&out, term->effect[i]);
			appendStringInfoString(&out, ", ");
			win_write_double(&out, term->standard_error[i]);
			appendStringInfo(&out, ", %lld, %lld]", (long long) term->deals[i], (long long) term->wins[i]);
		}
		appendStringInfoString(&out, "]}");
	}
	appendStringInfoString(&out, "]}");
	PG_RETURN_CSTRING(out.data);
}

/* Reads a key with its period, or null, and the comma behind. */
static FiscalPeriod
scan_period(WinScanner *scanner, const char *key, FunctionCallInfo fcinfo)
{
	Datum		period = FiscalPeriodGetDatum(0);

	win_expect_key(scanner, key);
	if (!win_scan(scanner, "null"))
	{
		char	   *text = win_scan_text(scanner);

		if (!scanner->is_bad && !salesops_input(salesops_fiscal_period_in, text, fcinfo, &period))
			scanner->is_bad = true;
	}
	win_expect(scanner, ",");
	return DatumGetFiscalPeriod(period);
}

static int64
scan_number_of(WinScanner *scanner, const char *key, int64 most)
{
	win_expect_key(scanner, key);
	return win_scan_number(scanner, most);
}

static double
scan_double_of(WinScanner *scanner, const char *key)
{
	win_expect_key(scanner, key);
	return win_scan_double(scanner);
}

static bool
scan_boolean_of(WinScanner *scanner, const char *key)
{
	win_expect_key(scanner, key);
	return win_scan_boolean(scanner);
}

/* Reads the factors with their levels. */
static void
scan_factors(WinScanner *scanner, WinModel *model)
{
	int			items = 0;

	win_expect_key(scanner, "factors");
	win_expect(scanner, "{");
	while (win_list_goes_on(scanner, &items, "}"))
	{
		int			f = model->factors;
		int			entries = 0;
		uint32		capacity = 16;
		char	   *name = win_scan_text(scanner);

		if (f == WIN_MAX_FACTORS)
		{
			scanner->is_bad = true;
			return;
		}
		model->factors++;
		model->factor[f] = (WinText) {.bytes = name, .length = strlen(name)};
		model->level[f] = palloc(capacity * sizeof(WinText));
		win_expect(scanner, ":");
		win_expect(scanner, "[");
		while (win_list_goes_on(scanner, &entries, "]"))
		{
			char	   *level = win_scan_text(scanner);

			if (model->levels[f] == capacity)
			{
				capacity *= 2;
				model->level[f] = repalloc_huge(model->level[f], capacity * sizeof(WinText));
			}
			model->level[f][model->levels[f]++] = (WinText) {.bytes = level, .length = strlen(level)};
		}
	}
}

/* Reads a term. */
static void
scan_term(WinScanner *scanner, WinTerm *term)
{
	uint32		capacity = 16;
	int			items = 0;

	win_expect(scanner, "{");
	win_expect_key(scanner, "factors");
	win_expect(scanner, "[");
	while (win_list_goes_on(scanner, &items, "]"))
	{
		int			factor = (int) win_scan_number(scanner, WIN_MAX_FACTORS - 1);

		if (term->factors == WIN_MAX_TERM_FACTORS)
			scanner->is_bad = true;
		else
			term->factor[term->factors++] = factor;
	}
	win_expect(scanner, ",");
	term->is_ordered = scan_boolean_of(scanner, "ordered");
	win_expect(scanner, ",");
	term->precision = scan_double_of(scanner, "precision");
	win_expect(scanner, ",");
	win_expect_key(scanner, "effects");
	win_expect(scanner, "[");
	resize_term(term, capacity);
	items = 0;
	while (win_list_goes_on(scanner, &items, "]"))
	{
		uint32		i = term->levels;

		if (i == capacity)
		{
			capacity *= 2;
			resize_term(term, capacity);
		}
		term->levels++;
		win_expect(scanner, "[");
		for (int f = 0; f < term->factors; f++)
		{
			term->level[i * term->factors + f] = (uint32) win_scan_number(scanner, PG_UINT32_MAX);
			win_expect(scanner, ",");
		}
		term->effect[i] = win_scan_double(scanner);
		win_expect(scanner, ",");
		term->standard_error[i] = win_scan_double(scanner);
		win_expect(scanner, ",");
		term->deals[i] = win_scan_number(scanner, PG_INT64_MAX);
		win_expect(scanner, ",");
		term->wins[i] = win_scan_number(scanner, PG_INT64_MAX);
		win_expect(scanner, "]");
	}
	win_expect(scanner, "}");
}

/* Text input: what text output writes. */
PG_FUNCTION_INFO_V1(salesops_win_model_in);
Datum
salesops_win_model_in(PG_FUNCTION_ARGS)
{
	WinScanner	scanner = {.at = PG_GETARG_CSTRING(0)};
	WinModel	model = {0};
	int			items = 0;

	win_expect(&scanner, "{");
	win_expect_key(&scanner, "trained");
	win_expect(&scanner, "{");
	model.periods = (uint32) scan_number_of(&scanner, "periods", PG_INT32_MAX);
	win_expect(&scanner, ",");
	model.first_period = scan_period(&scanner, "from", fcinfo);
	model.last_period = scan_period(&scanner, "to", fcinfo);
	model.deals = scan_number_of(&scanner, "deals", PG_INT64_MAX);
	win_expect(&scanner, ",");
	model.wins = scan_number_of(&scanner, "wins", PG_INT64_MAX);
	win_expect(&scanner, "}");
	win_expect(&scanner, ",");

	win_expect_key(&scanner, "fit");
	win_expect(&scanner, "{");
	model.intercept = scan_double_of(&scanner, "intercept");
	win_expect(&scanner, ",");
	model.strength = scan_double_of(&scanner, "strength");
	win_expect(&scanner, ",");
	model.shift = scan_double_of(&scanner, "shift");
	win_expect(&scanner, ",");
	model.is_recalibrated = scan_boolean_of(&scanner, "recalibrated");
	win_expect(&scanner, ",");
	model.iterations = (uint32) scan_number_of(&scanner, "iterations", PG_INT32_MAX);
	win_expect(&scanner, ",");
	model.is_converged = scan_boolean_of(&scanner, "converged");
	win_expect(&scanner, ",");
	model.reason = (WinReason) scan_number_of(&scanner, "reason", WIN_NOT_CONVERGED);
	win_expect(&scanner, "}");
	win_expect(&scanner, ",");

	scan_factors(&scanner, &model);
	win_expect(&scanner, ",");
	win_expect_key(&scanner, "terms");
	win_expect(&scanner, "[");
	model.term = palloc0(WIN_MAX_TERMS * sizeof(WinTerm));
	while (win_list_goes_on(&scanner, &items, "]"))
	{
		if (model.terms == WIN_MAX_TERMS)
		{
			scanner.is_bad = true;
			break;
		}
		scan_term(&scanner, &model.term[model.terms++]);
	}
	win_expect(&scanner, "}");

	if (!win_scan_end(&scanner))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s", "win_model"),
						  errdetail("It cannot be read from character %d on: \"%s\".",
									(int) (scanner.at - PG_GETARG_CSTRING(0)) + 1,
									pnstrdup(scanner.at, pg_mbcliplen(scanner.at, strlen(scanner.at), 40))),
						  errhint("A win_model is made by salesops.fit_win_model(); its text is read back as it was written.")));
	if (!check_model(&model))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid value for type %s", "win_model"),
						  errdetail("Its numbers contradict each other, or are not in the order in which they are written."),
						  errhint("A win_model is made by salesops.fit_win_model(); its text is read back as it was written.")));
	PG_RETURN_POINTER(win_model_store(&model));
}

/* Binary output: the version and the stream. */
PG_FUNCTION_INFO_V1(salesops_win_model_send);
Datum
salesops_win_model_send(PG_FUNCTION_ARGS)
{
	WinModelValue *value = PG_GETARG_WIN_MODEL(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, value->version);
	pq_sendbytes(&message, value->data, VARSIZE(value) - offsetof(WinModelValue, data));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Binary input: what binary output writes, believed only where it makes sense. */
PG_FUNCTION_INFO_V1(salesops_win_model_recv);
Datum
salesops_win_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	int			size = message->len - message->cursor;
	WinModel	model = {0};
	WinReader	stream;

	if (version != WIN_MODEL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "win_model"),
				 errdetail("The version is %d; this salesops reads version %d.", version, WIN_MODEL_VERSION)));

	stream.at = (const unsigned char *) pq_getmsgbytes(message, size);
	stream.end = stream.at + size;
	stream.is_damaged = false;
	if (!read_stream(&stream, &model) || !check_model(&model))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "win_model"),
				 errdetail("Its %d bytes are not what a win_model of version %d is made of.", size, version)));
	PG_RETURN_POINTER(win_model_store(&model));
}
