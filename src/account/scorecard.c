/*
 * scorecard.c: the score of a row.
 *
 * Numbers are compared exactly: whole ones as int64, others as numeric. Points add up as int64, so nothing is rounded but a point on a line, to the
 * hundredth, halves away from zero.
 */
#include "account/scorecard.h"

#include "account/industry.h"
#include "common/hashfn.h"
#include "utils/fmgrprotos.h"

/* Few edges are counted faster than searched. */
#define FEW_EDGES	8

/* A lookup of this many characters needs no memory. */
#define SHORT_TEXT	256

/* How many edges a whole number is beyond. */
static inline int
count_whole(const ScorecardFeature *feature, int64 number)
{
	int			low = 0;
	int			high = feature->edges;

	if (high <= FEW_EDGES)
	{
		for (int i = 0; i < high; i++)
			low += number >= feature->least[i];
		return low;
	}
	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (number >= feature->least[middle])
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many edges any number is beyond. */
static int
count_edges(const ScorecardFeature *feature, Numeric number)
{
	int			low = 0;
	int			high = feature->edges;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (is_beyond(number, &feature->edge[middle]))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Points in hundredths on the line between two points: from + (to - from) x (number - begin) / (end - begin), rounded once. */
static int64
interpolate(const ScorecardRule *from, const ScorecardRule *to, Numeric number)
{
	Datum		width = DirectFunctionCall2(numeric_sub, NumericGetDatum(to->edge.number), NumericGetDatum(from->edge.number));
	Datum		way = DirectFunctionCall2(numeric_sub, NumericGetDatum(number), NumericGetDatum(from->edge.number));
	Datum		sum;
	Datum		twice;
	bool		is_negative;
	int64		hundredths;

	/* from x width + (to - from) x way, over width; half a hundredth more in size and cut off. */
	sum = DirectFunctionCall2(numeric_add,
							  DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(from->points)), width),
							  DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(to->points - from->points)), way));
	is_negative = DatumGetInt32(DirectFunctionCall2(numeric_cmp, sum, NumericGetDatum(int64_to_numeric(0)))) < 0;
	sum = DirectFunctionCall1(numeric_abs, sum);
	twice = DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(2)), sum), width);
	hundredths = DatumGetInt64(DirectFunctionCall1(numeric_int8,
												   DirectFunctionCall2(numeric_div_trunc, twice,
																	   DirectFunctionCall2(numeric_mul, NumericGetDatum(int64_to_numeric(2)), width))));
	return is_negative ? -hundredths : hundredths;
}

/* The points of a number on a feature's line, and the last point that it is not before; the first where there is none. */
static int64
line_points(const ScorecardFeature *feature, const ScorecardValue *value, int *rule)
{
	Numeric		number = value->kind == VALUE_INTEGER ? int64_to_numeric(value->integer) : value->number;
	int			low = 0;
	int			high = list_length(feature->rules);

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (is_beyond(number, &feature->rule[feature->order[middle]].edge))
			low = middle + 1;
		else
			high = middle;
	}
	*rule = feature->order[Max(low - 1, 0)];
	if (low == 0 || low == list_length(feature->rules))
		return feature->rule[*rule].points;
	return interpolate(&feature->rule[*rule], &feature->rule[feature->order[low]], number);
}

/* The rule for a text; blanks, and what is no industry where one is wanted, are missing. */
static int
look_up(const ScorecardFeature *feature, const char *text, uint32 text_length)
{
	char		folded[SHORT_TEXT];
	char	   *key = folded;
	uint32		length = scorecard_fold(text, text_length, NULL);
	uint32		hash;

	if (feature->is_industry)
		return feature->of_industry[industry_recognize(text, text_length)];
	if (length == 0)
		return MISSING_RULE;
	if (length > feature->longest)
		return NO_RULE;
	if (length > SHORT_TEXT)
		key = palloc(length);
	length = scorecard_fold(text, text_length, key);
	hash = hash_bytes((unsigned char *) key, length);
	for (uint32 place = hash;; place++)
	{
		const LookupSlot *slot = &feature->slot[place & (feature->slots - 1)];

		if (slot->value == NULL)
			return NO_RULE;
		if (slot->hash == hash && slot->length == length && memcmp(slot->value, key, length) == 0)
			return slot->rule;
	}
}

/* The same, from memory if it can be. */
static int
remember(const ScorecardFeature *feature, const char *text, uint32 length)
{
	RememberedText *memory;

	if (length == 0 || length > LONGEST_REMEMBERED)
		return look_up(feature, text, length);
	memory = &feature->remembered[(length + 7 * text[0] + 13 * text[length / 2] + 31 * text[length - 1]) & (REMEMBERED - 1)];
	if (memory->length != length || memcmp(memory->text, text, length) != 0)
	{
		memory->rule = look_up(feature, text, length);
		memory->length = length;
		memcpy(memory->text, text, length);
	}
	return memory->rule;
}

/* The rule that holds for a value, and its points. */
static int
find_rule(const ScorecardFeature *feature, const ScorecardValue *value, int64 *points)
{
	int			rule;

	if (value->kind == VALUE_MISSING)
		rule = MISSING_RULE;
	else if (feature->kind == FEATURE_LINEAR)
	{
		*points = line_points(feature, value, &rule);
		return rule;
	}
	else if (feature->kind != FEATURE_LOOKUP)
		rule = feature->step[value->kind == VALUE_INTEGER ? count_whole(feature, value->integer) : count_edges(feature, value->number)];
	else
		rule = remember(feature, value->text, value->length);
	*points = feature->given[rule + SPECIAL_RULES];
	return rule;
}

/* Room for the score of a row. */
ScorecardResult *
scorecard_result(const Scorecard *card)
{
	ScorecardResult *result = palloc0(sizeof(ScorecardResult));

	result->rule = palloc0(card->features * sizeof(int));
	result->points = palloc0(card->features * sizeof(int64));
	result->sum = palloc0(card->components * sizeof(int64));
	result->has_sum = palloc0(card->components * sizeof(bool));
	return result;
}

/* Scores a row whose columns the scorecard is bound to. */
void
scorecard_evaluate(Scorecard *card, const NullableDatum *row, ScorecardResult *result)
{
	for (int i = 0; i < card->components; i++)
	{
		result->sum[i] = 0;
		result->has_sum[i] = true;
	}
	for (int i = 0; i < card->features; i++)
	{
		ScorecardFeature *feature = &card->feature[i];
		ScorecardValue value;

		scorecard_value(feature, row, &value);
		result->rule[i] = find_rule(feature, &value, &result->points[i]);
		result->sum[feature->component] += result->points[i];
		if (result->rule[i] == MISSING_RULE && feature->needs_value)
			result->has_sum[feature->component] = false;
	}
	result->total = 0;
	result->has_total = true;
	for (int i = 0; i < card->components; i++)
	{
		if (card->component[i].has_cap)
			result->sum[i] = Min(result->sum[i], card->component[i].cap);
		result->total += result->sum[i];
		result->has_total &= result->has_sum[i];
	}
}

/* The tier of a total, from 1; 0 where the scorecard has none. */
int
scorecard_tier(const Scorecard *card, int64 total)
{
	for (int i = 0; i + 1 < card->tiers; i++)
		if (total >= card->tier[i])
			return i + 1;
	return card->tiers;
}
