/*
 * win_model_sql.c: the SQL face of the win model: fit, ask, explain, report.
 */
#include "forecast/win_predictor.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/numerics.h"
#include "forecast/win_fit.h"
#include "forecast/win_levels.h"

/*
 * The terms of a model where none are named: each factor alone, and these products where their factors are there. Segments and stages
 * differ in how long their deals take; what is not so shrinks away.
 */
static const char *const default_products[] = {"age*to_go", "age*segment", "to_go*segment", "stage*to_go", "segment*owner"};

static int
find_factor(const WinCellsReader *reader, const char *name, size_t length)
{
	for (int f = 0; f < reader->factors; f++)
	{
		if (reader->factor[f].length == length && memcmp(reader->factor[f].bytes, name, length) == 0)
			return f;
	}
	return -1;
}

#define FACTOR_BIT(factor) (UINT64CONST(1) << (factor))

/* A term's factors, one bit for each. */
static uint64
factors_of(const WinTermSpec *spec)
{
	uint64		factors = 0;

	for (int i = 0; i < spec->factors; i++)
		factors |= FACTOR_BIT(spec->factor[i]);
	return factors;
}

/* Reads a term, a factor or a product of different factors; false where it names one that is not there. */
static bool
read_term(const WinCellsReader *reader, const char *name, size_t length, WinTermSpec *spec)
{
	const char *end = name + length;
	int			factor = find_factor(reader, name, length);

	/* A factor's own name may have an asterisk in it. */
	if (factor >= 0)
	{
		*spec = (WinTermSpec) {.factors = 1, .factor = {factor}};
		return true;
	}
	for (spec->factors = 0; name <= end;)
	{
		const char *asterisk = memchr(name, '*', end - name);
		const char *stop = asterisk == NULL ? end : asterisk;
		const char *last = stop;

		while (name < last && *name == ' ')
			name++;
		while (last > name && last[-1] == ' ')
			last--;
		factor = find_factor(reader, name, last - name);
		if (factor < 0 || spec->factors == WIN_MAX_TERM_FACTORS || (factors_of(spec) & FACTOR_BIT(factor)) != 0)
			return false;
		spec->factor[spec->factors++] = factor;
		name = stop + 1;
	}

	return true;
}

/* The default terms. */
static int
default_terms(const WinCellsReader *reader, WinTermSpec *spec)
{
	int			terms = 0;

	for (int f = 0; f < reader->factors; f++)
		spec[terms++] = (WinTermSpec) {.factors = 1, .factor = {f}};
	for (int i = 0; i < (int) lengthof(default_products); i++)
	{
		if (read_term(reader, default_products[i], strlen(default_products[i]), &spec[terms]))
			terms++;
	}
	return terms;
}

/* The terms that an array names. */
static int
named_terms(const WinCellsReader *reader, ArrayType *array, WinTermSpec *spec)
{
	WinText		name[WIN_MAX_FACTORS];
	int			terms = win_read_texts(array, "terms", name);

	for (int t = 0; t < terms; t++)
	{
		if (name[t].bytes == NULL || !read_term(reader, name[t].bytes, name[t].length, &spec[t]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("term \"%.*s\" cannot be fitted", (int) name[t].length, name[t].bytes == NULL ? "" : name[t].bytes),
					 errhint("A term is a factor that the cells are counted by, or a product of two to %d of them, such as segment*owner. "
							 "salesops.win_cell_factors() lists the factors.", WIN_MAX_TERM_FACTORS)));
		for (int u = 0; u < t; u++)
		{
			/* a*b and b*a are one term. */
			if (factors_of(&spec[u]) == factors_of(&spec[t]))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("term \"%.*s\" is named twice", (int) name[t].length, name[t].bytes)));
		}
	}
	return terms;
}

/* Fits a model. NULL cells are no deals. */
PG_FUNCTION_INFO_V1(salesops_fit_win_model);
Datum
salesops_fit_win_model(PG_FUNCTION_ARGS)
{
	WinCells   *cells = PG_ARGISNULL(0) ? win_cells_finish(win_cells_begin(CurrentMemoryContext, 0, NULL)) : PG_GETARG_WIN_CELLS(0);
	WinTermSpec spec[WIN_MAX_FACTORS + lengthof(default_products)];
	WinCellsReader reader;
	int			terms;

	win_cells_open(&reader, cells);
	terms = PG_ARGISNULL(1) || PG_ARGISNULL(0) ? default_terms(&reader, spec) : named_terms(&reader, PG_GETARG_ARRAYTYPE_P(1), spec);
	PG_RETURN_POINTER(win_model_store(win_fit(cells, terms, spec)));
}

/*
 * Reads the deal of a call with the arguments model, levels, months to go. False where nothing can be said: an argument
 * is NULL, or the model has seen no deal.
 */
static bool
read_call(FunctionCallInfo fcinfo, const WinPredictor **predictor, WinDeal *deal, bool *is_over)
{
	*is_over = false;
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	*predictor = win_predictor(fcinfo, 0);
	if ((*predictor)->model->reason == WIN_NO_DEALS)
		return false;
	win_read_deal(*predictor, PG_GETARG_ARRAYTYPE_P(1), deal);
	if (!PG_ARGISNULL(2))
	{
		double		months = PG_GETARG_FLOAT8(2);

		if (isnan(months))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("months to go must be a number"),
					 errhint("NULL takes the level of the factor to_go as it is.")));
		if (months <= 0)
			*is_over = true;
		else
			win_place_deal(*predictor, months, deal);
	}
	return true;
}

/* The probability that a deal is won by the end of its period. */
PG_FUNCTION_INFO_V1(salesops_win_probability);
Datum
salesops_win_probability(PG_FUNCTION_ARGS)
{
	const WinPredictor *predictor;
	WinDeal		deal;
	bool		is_over;

	if (!read_call(fcinfo, &predictor, &deal, &is_over))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(is_over ? WIN_LEAST_PROBABILITY : win_probability(predictor, &deal));
}

/* What a factor adds. */
typedef struct Part
{
	int			factor;
	double		logit;			/* more than of the average deal */
	int64		points;			/* in hundredths of a percentage point */
} Part;

/* Strongest first; among equals in the order of the factors. */
static int
compare_parts(const void *a, const void *b)
{
	int64		x = ((const Part *) a)->points;
	int64		y = ((const Part *) b)->points;

	x = x < 0 ? -x : x;
	y = y < 0 ? -y : y;
	return x != y ? (x < y) - (x > y) : ((const Part *) a)->factor - ((const Part *) b)->factor;
}

/* The mean effect of a term over the deals that the model has seen; a level that it does not list counts with 0. */
static double
mean_effect(const WinModel *model, const WinTerm *term)
{
	double		sum = 0;

	for (uint32 i = 0; i < term->levels; i++)
		sum += (double) term->deals[i] * term->effect[i];
	return sum / (double) model->deals;
}

/*
 * What each factor adds to the logit of a deal, beside the average deal, whose logit is the result. A product's effect counts half for
 * each of two factors. Between two marks effects are mixed as the deal's place is, and to_go takes what interpolation
 * makes of it.
 */
static double
split_logit(const WinPredictor *predictor, const WinDeal *deal, double total, Part *part)
{
	const WinModel *model = predictor->model;
	double		average = model->intercept;
	double		rest = total;
	uint32		farther[WIN_MAX_FACTORS];
	uint32		nearer[WIN_MAX_FACTORS];
	double		share = deal->share;

	memcpy(farther, deal->level, model->factors * sizeof(uint32));
	memcpy(nearer, deal->level, model->factors * sizeof(uint32));
	if (deal->farther != NULL)
		farther[predictor->to_go] = nearer[predictor->to_go] = deal->farther->level;
	if (deal->nearer != NULL)
		nearer[predictor->to_go] = deal->nearer->level;

	for (int f = 0; f < model->factors; f++)
		part[f] = (Part) {.factor = f};
	for (int t = 0; t < model->terms; t++)
	{
		const WinTerm *term = &model->term[t];
		double		mean = mean_effect(model, term);
		double		effect = share * win_effect(predictor, t, farther) + (1 - share) * win_effect(predictor, t, nearer) - mean;

		average += mean;
		for (int i = 0; i < term->factors; i++)
			part[term->factor[i]].logit += effect / term->factors;
	}
	if (deal->farther != NULL)
	{
		rest -= average;
		for (int f = 0; f < model->factors; f++)
			rest -= f == predictor->to_go ? 0 : part[f].logit;
		part[predictor->to_go].logit = rest;
	}
	return average;
}

/*
 * Turns logits into points: along the straight line from the average deal to this one every factor moves the
 * probability in proportion to its logit (Aumann and Shapley), which no order of the factors enters. In whole hundredths, so that they add
 * up exactly: those that rounding down took most from get the hundredths that are left.
 */
static void
split_points(Part *part, int parts, double average, double probability, int64 points)
{
	double		left[WIN_MAX_FACTORS];
	double		logits = 0;
	double		slope;
	int64		given = 0;

	for (int f = 0; f < parts; f++)
		logits += part[f].logit;
	slope = fabs(logits) > 1e-9 ? (probability - average) / logits : average * (1 - average);
	for (int f = 0; f < parts; f++)
	{
		double		exact = part[f].logit * slope * 1e4;

		part[f].points = (int64) floor(exact);
		left[f] = exact - floor(exact);
		given += part[f].points;
	}
	while (given != points)
	{
		int			chosen = 0;
		int			direction = given < points ? 1 : -1;

		for (int f = 1; f < parts; f++)
		{
			if (direction * left[f] > direction * left[chosen])
				chosen = f;
		}
		part[chosen].points += direction;
		left[chosen] -= direction;
		given += direction;
	}
}

static Datum
hundredths(int64 points)
{
	return NumericGetDatum(int64_div_fast_to_numeric(points, 2));
}

/* Deals and wins of a level of a factor, by its own term. */
static bool
counts_of(const WinModel *model, int factor, uint32 level, int64 *deals, int64 *wins)
{
	for (int t = 0; t < model->terms; t++)
	{
		const WinTerm *term = &model->term[t];

		if (term->factors != 1 || term->factor[0] != factor)
			continue;
		for (uint32 i = 0; i < term->levels; i++)
		{
			if (term->level[i] == level)
			{
				*deals = term->deals[i];
				*wins = term->wins[i];
				return true;
			}
		}
	}
	return false;
}

/* What a factor's part means, for a reader who knows deals and not logits. */
static char *
in_words(const WinPredictor *predictor, const WinDeal *deal, const Part *part, const char *name, const char *level, bool is_between)
{
	const WinModel *model = predictor->model;
	StringInfoData words;
	int64		deals = 0;
	int64		wins = 0;
	bool		is_known = is_between || counts_of(model, part->factor, deal->level[part->factor], &deals, &wins);

	initStringInfo(&words);
	if (part->factor == predictor->to_go)
		appendStringInfo(&words, "%s %s to go: ", level, strcmp(level, "1") == 0 ? "month" : "months");
	else
		appendStringInfo(&words, "%s %s: ", name, level);
	appendStringInfo(&words, "%+.1f points: ", (double) part->points / 100);

	if (!is_known && deal->level[part->factor] == WIN_UNSEEN)
		appendStringInfoString(&words, "no such deal was among those learnt from");
	else if (part->points > 4)
		appendStringInfoString(&words, "won more often than the average deal that is otherwise alike");
	else if (part->points < -4)
		appendStringInfoString(&words, "won less often than the average deal that is otherwise alike");
	else
		appendStringInfoString(&words, "makes no difference");
	if (deals > 0)
		appendStringInfo(&words, " (%lld of %lld were won)", (long long) wins, (long long) deals);
	return words.data;
}

/* Each factor's part in a deal's probability. */
PG_FUNCTION_INFO_V1(salesops_explain_win_probability);
Datum
salesops_explain_win_probability(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	const WinPredictor *predictor;
	const WinModel *model;
	WinDeal		deal;
	WinText		text[WIN_MAX_FACTORS];
	Part		part[WIN_MAX_FACTORS];
	bool		is_over;
	double		probability;
	double		average_probability;
	int64		points;
	int64		average_points;
	Datum		values[4];
	bool		nulls[4] = {false, true, false, false};

	InitMaterializedSRF(fcinfo, 0);
	if (!read_call(fcinfo, &predictor, &deal, &is_over))
		return (Datum) 0;
	model = predictor->model;

	if (is_over)
	{
		values[0] = CStringGetTextDatum("(period over)");
		values[2] = hundredths(0);
		values[3] = CStringGetTextDatum("the period is over: a deal that is open cannot be won in it any more");
		tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
		return (Datum) 0;
	}

	probability = win_probability(predictor, &deal);
	average_probability = salesops_logistic(split_logit(predictor, &deal, salesops_logit(probability), part));
	points = (int64) rint(probability * 1e4);
	average_points = (int64) rint(average_probability * 1e4);
	if (model->factors == 0)
		average_points = points;
	else
		split_points(part, model->factors, average_probability, probability, points - average_points);
	qsort(part, model->factors, sizeof(Part), compare_parts);

	values[0] = CStringGetTextDatum("(average deal)");
	values[2] = hundredths(average_points);
	values[3] = CStringGetTextDatum(psprintf("the average deal is won with %.1f %%: the factors below add to that",
											 (double) average_points / 100));
	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);

	win_read_texts(PG_GETARG_ARRAYTYPE_P(1), "levels", text);
	nulls[1] = false;
	for (int i = 0; i < model->factors; i++)
	{
		int			f = part[i].factor;
		WinText		level = text[f].bytes == NULL ? win_unknown_level : text[f];
		char	   *name = pnstrdup(model->factor[f].bytes, model->factor[f].length);
		bool		is_between = f == predictor->to_go && deal.farther != NULL;
		char	   *shown = is_between ? psprintf("%.3g", PG_GETARG_FLOAT8(2)) : pnstrdup(level.bytes, level.length);

		values[0] = CStringGetTextDatum(name);
		values[1] = CStringGetTextDatum(shown);
		values[2] = hundredths(part[i].points);
		values[3] = CStringGetTextDatum(in_words(predictor, &deal, &part[i], name, shown, is_between));
		tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The effects, one row for each level of each term. */
PG_FUNCTION_INFO_V1(salesops_win_effects);
Datum
salesops_win_effects(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	const WinModel *model = win_model_load(PG_GETARG_WIN_MODEL(0));

	InitMaterializedSRF(fcinfo, 0);
	for (int t = 0; t < model->terms; t++)
	{
		const WinTerm *term = &model->term[t];
		Datum		name = CStringGetTextDatum(win_model_term_name(model, term));

		for (uint32 i = 0; i < term->levels; i++)
		{
			Datum		values[6];
			bool		nulls[6] = {false};
			StringInfoData level;

			initStringInfo(&level);
			for (int f = 0; f < term->factors; f++)
			{
				WinText		text = model->level[term->factor[f]][term->level[i * term->factors + f]];

				appendStringInfo(&level, "%s%.*s", f > 0 ? "*" : "", (int) text.length, text.bytes);
			}
			values[0] = name;
			values[1] = CStringGetTextDatum(level.data);
			values[2] = Float8GetDatum(term->effect[i]);
			values[3] = Float8GetDatum(term->standard_error[i]);
			values[4] = Int64GetDatum(term->deals[i]);
			values[5] = Int64GetDatum(term->wins[i]);
			tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
			pfree(level.data);
		}
	}
	return (Datum) 0;
}

/* The model in one row. */
PG_FUNCTION_INFO_V1(salesops_win_model_summary);
Datum
salesops_win_model_summary(PG_FUNCTION_ARGS)
{
	const WinModel *model = win_model_load(PG_GETARG_WIN_MODEL(0));
	const char *reason = win_model_reason(model->reason);
	Datum	   *terms = palloc(Max(model->terms, 1) * sizeof(Datum));
	Datum	   *precisions = palloc(Max(model->terms, 1) * sizeof(Datum));
	TupleDesc	descriptor;
	Datum		values[15];
	bool		nulls[15] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "win_model_summary must return a row");
	for (int t = 0; t < model->terms; t++)
	{
		terms[t] = CStringGetTextDatum(win_model_term_name(model, &model->term[t]));
		precisions[t] = Float8GetDatum(model->term[t].precision);
	}
	values[0] = Int32GetDatum((int32) model->periods);
	values[1] = FiscalPeriodGetDatum(model->first_period);
	values[2] = FiscalPeriodGetDatum(model->last_period);
	nulls[1] = nulls[2] = model->periods == 0;
	values[3] = Int64GetDatum(model->deals);
	values[4] = Int64GetDatum(model->wins);
	values[5] = PointerGetDatum(construct_array(terms, model->terms, TEXTOID, -1, false, TYPALIGN_INT));
	values[6] = PointerGetDatum(construct_array(precisions, model->terms, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[7] = Float8GetDatum(model->intercept);
	values[8] = Float8GetDatum(model->strength);
	values[9] = Float8GetDatum(model->shift);
	values[10] = BoolGetDatum(model->is_recalibrated);
	values[11] = Int32GetDatum((int32) model->iterations);
	values[12] = BoolGetDatum(model->is_converged);
	values[13] = BoolGetDatum(model->reason == WIN_CALIBRATED);
	nulls[14] = reason == NULL;
	if (reason != NULL)
		values[14] = CStringGetTextDatum(reason);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* Whether a model had enough to learn from. */
PG_FUNCTION_INFO_V1(salesops_win_model_is_calibrated);
Datum
salesops_win_model_is_calibrated(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(win_model_load(PG_GETARG_WIN_MODEL(0))->reason == WIN_CALIBRATED);
}

/* The factors of a model, in the order in which it wants a deal's levels. */
PG_FUNCTION_INFO_V1(salesops_win_model_factors);
Datum
salesops_win_model_factors(PG_FUNCTION_ARGS)
{
	const WinModel *model = win_model_load(PG_GETARG_WIN_MODEL(0));

	PG_RETURN_ARRAYTYPE_P(win_make_texts(model->factors, model->factor));
}
