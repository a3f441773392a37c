/*
 * scorecard_compile.c: the rules of a feature in the order in which a value finds its own.
 *
 * Thresholds and ranges cut the number line at edges; each piece has one rule or none. The points of a line are sorted. Texts go into a hash table.
 * What contradicts itself is refused here, with its line: ranges that overlap, a threshold or a text twice.
 */
#include "account/scorecard.h"

#include "account/industry.h"
#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "utils/fmgrprotos.h"

static int
edge_order(const Edge *a, const Edge *b)
{
	int			order = DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a->number), NumericGetDatum(b->number)));

	return order != 0 ? order : (int) a->is_behind - (int) b->is_behind;
}

static int
rule_order(const void *a, const void *b, void *feature)
{
	const ScorecardRule *rule = ((ScorecardFeature *) feature)->rule;

	return edge_order(&rule[*(const int *) a].edge, &rule[*(const int *) b].edge);
}

/* The numbers of the rules in ascending order of where they begin; no two may begin at one place. */
static int *
sort_rules(ScorecardFeature *feature, int rules)
{
	int		   *order = palloc(rules * sizeof(int));

	for (int i = 0; i < rules; i++)
		order[i] = i;
	qsort_arg(order, rules, sizeof(int), rule_order, feature);
	for (int i = 1; i < rules; i++)
	{
		const ScorecardRule *rule = &feature->rule[order[i]];
		const ScorecardRule *before = &feature->rule[order[i - 1]];

		if (feature->kind == FEATURE_RANGE ? edge_order(&rule->edge, &before->end) < 0 : edge_order(&rule->edge, &before->edge) == 0)
			scorecard_refuse(Max(rule->line, before->line), ERRCODE_INVALID_PARAMETER_VALUE,
							 psprintf("%s and %s overlap", scorecard_rule_text(feature, order[i - 1]), scorecard_rule_text(feature, order[i])),
							 "One value must find one rule: change their bounds or remove one.");
	}
	return order;
}

/* The least whole number beyond an edge; numbers of a scorecard have few enough digits. */
static int64
least_beyond(const Edge *edge)
{
	Datum		number = NumericGetDatum(edge->number);

	if (edge->is_behind)
		return DatumGetInt64(DirectFunctionCall1(numeric_int8, DirectFunctionCall1(numeric_floor, number))) + 1;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, DirectFunctionCall1(numeric_ceil, number)));
}

/* From an edge on, a rule holds; one that begins where another one ends takes its place. */
static void
add_step(ScorecardFeature *feature, const Edge *edge, int rule)
{
	if (feature->edges == 0 || edge_order(&feature->edge[feature->edges - 1], edge) != 0)
	{
		feature->edge[feature->edges] = *edge;
		feature->least[feature->edges] = least_beyond(edge);
		feature->edges++;
	}
	feature->step[feature->edges] = rule;
}

static void
compile_steps(ScorecardFeature *feature, int rules)
{
	int		   *order = sort_rules(feature, rules);

	feature->edge = palloc(2 * rules * sizeof(Edge));
	feature->least = palloc(2 * rules * sizeof(int64));
	feature->step = palloc((2 * rules + 1) * sizeof(int));
	feature->step[0] = feature->kind == FEATURE_BELOW ? order[0] : NO_RULE;
	for (int i = 0; i < rules; i++)
	{
		const ScorecardRule *rule = &feature->rule[order[i]];

		if (feature->kind == FEATURE_RANGE && edge_order(&rule->edge, &rule->end) >= 0)
			scorecard_refuse(rule->line, ERRCODE_INVALID_PARAMETER_VALUE, psprintf("%s holds nothing", scorecard_rule_text(feature, order[i])),
							 "A range begins before it ends: [10, 20).");
		if (feature->kind == FEATURE_BELOW)
			add_step(feature, &rule->edge, i + 1 < rules ? order[i + 1] : NO_RULE);
		else
			add_step(feature, &rule->edge, order[i]);
		if (feature->kind == FEATURE_RANGE)
			add_step(feature, &rule->end, NO_RULE);
	}
}

static void
compile_line(ScorecardFeature *feature, int rules)
{
	if (rules < 2)
		scorecard_refuse(feature->line, ERRCODE_INVALID_PARAMETER_VALUE, psprintf("feature \"%s\" has one point only", feature->name),
						 "A line needs two points: at 0: 0 and at 100: 20.");
	if (feature->has_else)
		scorecard_refuse(feature->line, ERRCODE_INVALID_PARAMETER_VALUE, psprintf("feature \"%s\" has a line and an else", feature->name),
						 "A line gives points for every number: remove the else.");
	feature->order = sort_rules(feature, rules);
}

/*
 * A text without blanks around it, ASCII letters in lower case. `folded` has room for it; or it is NULL, and only the length is asked for.
 */
uint32
scorecard_fold(const char *text, uint32 length, char *folded)
{
	while (length > 0 && (*text == ' ' || *text == '\t'))
		text++, length--;
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	if (folded != NULL)
		for (uint32 i = 0; i < length; i++)
			folded[i] = pg_ascii_tolower((unsigned char) text[i]);
	return length;
}

static void
refuse_second(const ScorecardFeature *feature, int first, int second)
{
	scorecard_refuse(feature->rule[second].line, ERRCODE_DUPLICATE_OBJECT,
					 psprintf("%s and %s are the same", scorecard_rule_text(feature, first), scorecard_rule_text(feature, second)),
					 "Remove one: case and blanks around a text do not count, and an industry has one name.");
}

static void
compile_industries(ScorecardFeature *feature, int rules)
{
	feature->of_industry = palloc(INDUSTRIES * sizeof(int));
	for (int i = 0; i < INDUSTRIES; i++)
		feature->of_industry[i] = i == INDUSTRY_UNKNOWN ? MISSING_RULE : NO_RULE;
	for (int i = 0; i < rules; i++)
	{
		const char *value = feature->rule[i].value;
		Industry	industry = industry_recognize(value, strlen(value));

		if (industry == INDUSTRY_UNKNOWN)
			scorecard_refuse(feature->rule[i].line, ERRCODE_INVALID_PARAMETER_VALUE, psprintf("%s is no industry that is known", scorecard_rule_text(feature, i)),
							 "SELECT salesops.recognize_industry('...') tries one; without \"as industry\" labels are compared as they are.");
		if (feature->of_industry[industry] != NO_RULE)
			refuse_second(feature, feature->of_industry[industry], i);
		feature->of_industry[industry] = i;
	}
}

static void
compile_lookup(ScorecardFeature *feature, int rules)
{
	feature->slots = pg_nextpower2_32(2 * rules);
	feature->slot = palloc0(feature->slots * sizeof(LookupSlot));
	for (int i = 0; i < rules; i++)
	{
		const char *value = feature->rule[i].value;
		char	   *folded = palloc(strlen(value) + 1);
		uint32		length = scorecard_fold(value, strlen(value), folded);
		uint32		hash = hash_bytes((unsigned char *) folded, length);
		uint32		place = hash;

		if (length == 0)
			scorecard_refuse(feature->rule[i].line, ERRCODE_INVALID_PARAMETER_VALUE, "a blank text is a missing value", "Write: missing: 5");
		for (; feature->slot[place & (feature->slots - 1)].value != NULL; place++)
		{
			LookupSlot *slot = &feature->slot[place & (feature->slots - 1)];

			if (slot->length == length && memcmp(slot->value, folded, length) == 0)
				refuse_second(feature, slot->rule, i);
		}
		feature->slot[place & (feature->slots - 1)] = (LookupSlot) {folded, length, hash, i};
		feature->longest = Max(feature->longest, length);
	}
}

/* Makes a scorecard that was read ready for scorecard_bind(). 22023 or 42710 where its rules contradict each other. */
void
scorecard_compile(Scorecard *card)
{
	for (int i = 0; i < card->features; i++)
	{
		ScorecardFeature *feature = &card->feature[i];
		int			rules = list_length(feature->rules);
		ListCell   *cell;

		feature->rule = palloc(rules * sizeof(ScorecardRule));
		feature->given = palloc((rules + SPECIAL_RULES) * sizeof(int64));
		feature->given[MISSING_RULE + SPECIAL_RULES] = feature->missing_points;
		feature->given[NO_RULE + SPECIAL_RULES] = feature->else_points;
		foreach(cell, feature->rules)
		{
			int			r = foreach_current_index(cell);

			feature->rule[r] = *(ScorecardRule *) lfirst(cell);
			feature->given[r + SPECIAL_RULES] = feature->rule[r].points;
		}
		if (feature->kind == FEATURE_LINEAR)
			compile_line(feature, rules);
		else if (feature->kind != FEATURE_LOOKUP)
			compile_steps(feature, rules);
		else
		{
			feature->remembered = palloc0(REMEMBERED * sizeof(RememberedText));
			if (feature->is_industry)
				compile_industries(feature, rules);
			else
				compile_lookup(feature, rules);
		}
	}
}
