/*
 * scorecard_words.c: what a scorecard says, in the words of its text and in those of an explanation.
 */
#include "account/scorecard.h"

#include "lib/stringinfo.h"

/* Adds a text in double quotes. */
static void
append_quoted(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (; *text != '\0'; text++)
	{
		appendStringInfoChar(out, *text);
		if (*text == '"')
			appendStringInfoChar(out, '"');
	}
	appendStringInfoChar(out, '"');
}

/* Adds a name, in quotes where it needs them. */
static void
append_name(StringInfo out, const char *name)
{
	const char *c = name;

	while (scorecard_is_name_byte(*c))
		c++;
	if (*c == '\0')
		appendStringInfoString(out, name);
	else
		append_quoted(out, name);
}

/* The input of a feature as it is written. */
char *
scorecard_input_text(const ScorecardFeature *feature)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, feature->path)
	{
		if (text.len > 0)
			appendStringInfoChar(&text, '.');
		append_name(&text, lfirst(cell));
	}
	if (feature->is_industry)
		appendStringInfoString(&text, " as industry");
	return text.data;
}

const char *
scorecard_kind(const ScorecardFeature *feature)
{
	switch (feature->kind)
	{
		case FEATURE_ABOVE:
		case FEATURE_BELOW:
			return "threshold";
		case FEATURE_RANGE:
			return "range";
		case FEATURE_LINEAR:
			return "linear";
		default:
			return "lookup";
	}
}

/* A rule as it is written, numbers without needless zeros. */
char *
scorecard_rule_text(const ScorecardFeature *feature, int rule)
{
	const ScorecardRule *r;
	StringInfoData text;

	if (rule == MISSING_RULE)
		return pstrdup("missing");
	if (rule == NO_RULE)
		return pstrdup("else");
	r = &feature->rule[rule];
	switch (feature->kind)
	{
		case FEATURE_ABOVE:
			return psprintf("%s %s", r->edge.is_behind ? ">" : ">=", numeric_normalize(r->edge.number));
		case FEATURE_BELOW:
			return psprintf("%s %s", r->edge.is_behind ? "<=" : "<", numeric_normalize(r->edge.number));
		case FEATURE_RANGE:
			return psprintf("%c%s, %s%c", r->edge.is_behind ? '(' : '[', numeric_normalize(r->edge.number),
							numeric_normalize(r->end.number), r->end.is_behind ? ']' : ')');
		case FEATURE_LINEAR:
			return psprintf("at %s", numeric_normalize(r->edge.number));
		default:
			initStringInfo(&text);
			append_quoted(&text, r->value);
			return text.data;
	}
}

/* What a rule says, in words that follow the name of the feature. */
char *
scorecard_rule_words(const ScorecardFeature *feature, int rule)
{
	const ScorecardRule *r;

	if (rule == MISSING_RULE)
		return pstrdup(feature->needs_value ? "is not known, so there is no score" : "is not known");
	if (rule == NO_RULE)
		return pstrdup("has no points of its own");
	r = &feature->rule[rule];
	switch (feature->kind)
	{
		case FEATURE_ABOVE:
			return psprintf("is %s %s", r->edge.is_behind ? "over" : "at least", numeric_normalize(r->edge.number));
		case FEATURE_BELOW:
			return psprintf("is %s %s", r->edge.is_behind ? "at most" : "under", numeric_normalize(r->edge.number));
		case FEATURE_RANGE:
			return psprintf("is %s %s and %s %s", r->edge.is_behind ? "over" : "at least", numeric_normalize(r->edge.number),
							r->end.is_behind ? "at most" : "under", numeric_normalize(r->end.number));
		case FEATURE_LINEAR:
			return psprintf("is on the line from %s on", numeric_normalize(r->edge.number));
		default:
			return psprintf("is %s", r->value);
	}
}
