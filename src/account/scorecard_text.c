/*
 * scorecard_text.c: the text of a scorecard, one statement a line, as it stands in a file under version control.
 *
 *	scorecard NAME
 *	tier 1 from 70
 *	tier 2 from 40
 *	tier 3
 *	component NAME [up to CAP]
 *	feature NAME [from COLUMN[.KEY ...]] [as industry]
 *	  > 5000: 30			thresholds: the highest that is passed holds; also >=
 *	  < 10: 5				the lowest that is kept holds; also <=
 *	  [10, 20): 5			a range; square brackets include the number, round ones do not
 *	  at 0: 0				linear between such points
 *	  "Technology": 25		this text, in any ASCII case, blanks around it aside
 *	  else: 1				no rule holds (0 if not stated)
 *	  missing: 5			no value (0 if not stated), or `missing: no score`
 *
 * Indentation means nothing; # begins a comment. The rules of a feature are of one kind.
 */
#include "account/scorecard.h"

#include "utils/fmgrprotos.h"

/* Numbers have fewer characters, and fewer than 19 digits before the point, so that whole ones are compared as int64. */
#define LONGEST_NUMBER	100
#define MOST_DIGITS		18

typedef struct Scanner
{
	char	   *at;
	int			line;
} Scanner;

/* What is wrong with the text, and where. */
void
scorecard_refuse(int line, int code, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("invalid scorecard: %s", message),
			 errdetail("Line %d.", line),
			 errhint("%s", hint)));
}

pg_noreturn static void
refuse(const Scanner *scanner, int code, const char *message, const char *hint)
{
	scorecard_refuse(scanner->line, code, message, hint);
}

#define SYNTAX	ERRCODE_SYNTAX_ERROR
#define VALUE	ERRCODE_INVALID_PARAMETER_VALUE

static void
skip_blanks(Scanner *scanner)
{
	scanner->at += strspn(scanner->at, " \t");
}

/* Skips a sign if it is what comes next. */
static bool
skip_sign(Scanner *scanner, const char *sign)
{
	skip_blanks(scanner);
	if (strncmp(scanner->at, sign, strlen(sign)) != 0)
		return false;
	scanner->at += strlen(sign);
	return true;
}

/* Skips a word if it is what comes next. */
static bool
skip_word(Scanner *scanner, const char *word)
{
	size_t		length = strlen(word);

	skip_blanks(scanner);
	if (strncmp(scanner->at, word, length) != 0 || scorecard_is_name_byte(scanner->at[length]))
		return false;
	scanner->at += length;
	return true;
}

static void
expect_sign(Scanner *scanner, const char *sign, const char *hint)
{
	if (!skip_sign(scanner, sign))
		refuse(scanner, SYNTAX, psprintf("\"%s\" is missing", sign), hint);
}

/* A text in double quotes; "" in it is one. */
static char *
scan_quoted(Scanner *scanner)
{
	char	   *text = palloc(strlen(scanner->at) + 1);
	char	   *end = text;

	for (scanner->at++; *scanner->at != '\0'; scanner->at++)
	{
		if (*scanner->at == '"' && *++scanner->at != '"')
		{
			*end = '\0';
			return text;
		}
		*end++ = *scanner->at;
	}
	refuse(scanner, SYNTAX, "a quoted text does not end", "Close it with \"; write \"\" for a quote in it.");
}

/* A name: letters, digits and _, or anything in double quotes. */
static char *
scan_name(Scanner *scanner)
{
	char	   *begin;
	char	   *name;

	skip_blanks(scanner);
	if (*scanner->at == '"')
		name = scan_quoted(scanner);
	else
	{
		begin = scanner->at;
		while (scorecard_is_name_byte(*scanner->at))
			scanner->at++;
		name = pnstrdup(begin, scanner->at - begin);
	}
	if (*name == '\0')
		refuse(scanner, SYNTAX, "a name is missing", "Names are letters, digits and _, or anything else in double quotes.");
	return name;
}

/* A number in plain digits, as a string. */
static char *
scan_digits(Scanner *scanner)
{
	char	   *begin;
	size_t		before;
	size_t		after = 0;

	skip_blanks(scanner);
	begin = scanner->at;
	scanner->at += strspn(scanner->at, "+-") > 0;
	before = strspn(scanner->at, "0123456789");
	scanner->at += before;
	if (*scanner->at == '.')
	{
		scanner->at++;
		after = strspn(scanner->at, "0123456789");
		scanner->at += after;
	}
	if (before + after == 0 || scorecard_is_name_byte(*scanner->at))
		refuse(scanner, SYNTAX, "a number is missing", "Numbers are written in plain digits: 5000, -1, 0.25.");
	if (before > MOST_DIGITS || scanner->at - begin > LONGEST_NUMBER)
		refuse(scanner, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "a number is too long", "Numbers have at most 18 digits before the point.");
	return pnstrdup(begin, scanner->at - begin);
}

static Numeric
scan_number(Scanner *scanner)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(scan_digits(scanner)),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Points in hundredths. */
static int64
scan_points(Scanner *scanner)
{
	char	   *digits = scan_digits(scanner);
	bool		is_negative = *digits == '-';
	int64		points;
	char	   *rest;

	points = strtoll(digits + (*digits == '+' || is_negative), &rest, 10) * HUNDREDTHS;
	if (*rest == '.')
	{
		size_t		decimals = strlen(++rest);

		if (decimals > 2)
			refuse(scanner, VALUE, "points have at most two decimals", "Round them.");
		points += strtoll(rest, NULL, 10) * (decimals == 1 ? 10 : 1);
	}
	if (points > (int64) MAX_POINTS * HUNDREDTHS)
		refuse(scanner, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "points are out of range", "Points are within 1,000,000, either sign.");
	return is_negative ? -points : points;
}

static void
scan_end(Scanner *scanner)
{
	skip_blanks(scanner);
	if (*scanner->at != '\0' && *scanner->at != '#')
		refuse(scanner, SYNTAX, psprintf("\"%s\" is not understood", scanner->at), "One statement a line; # begins a comment.");
}

static void
scan_tier(Scanner *scanner, Scorecard *card, bool *is_open)
{
	int			tier;
	int64		bound;

	if (card->tiers == MAX_TIERS)
		refuse(scanner, VALUE, "too many tiers", "There may be 100.");
	tier = card->tiers++;
	if (strcmp(scan_digits(scanner), psprintf("%d", tier + 1)) != 0)
		refuse(scanner, VALUE, "tiers are out of order", "Number them 1, 2, 3 ..., the best first.");
	if (!*is_open)
		refuse(scanner, VALUE, "a tier follows one that takes all", "Only the last tier has no bound.");
	*is_open = skip_word(scanner, "from");
	if (!*is_open)
		return;
	bound = scan_points(scanner);
	if (tier > 0 && bound >= card->tier[tier - 1])
		refuse(scanner, VALUE, "tier bounds are out of order", "Each tier begins below the one before it.");
	card->tier[tier] = bound;
}

static void
scan_component(Scanner *scanner, Scorecard *card)
{
	ScorecardComponent *component;

	if (card->components == MAX_COMPONENTS)
		refuse(scanner, VALUE, "too many components", "There may be 100.");
	component = &card->component[card->components];
	component->name = scan_name(scanner);
	component->line = scanner->line;
	for (int i = 0; i < card->components; i++)
		if (strcmp(card->component[i].name, component->name) == 0)
			refuse(scanner, ERRCODE_DUPLICATE_OBJECT, psprintf("there are two components \"%s\"", component->name), "Give one of them another name.");
	if (skip_word(scanner, "up") && skip_word(scanner, "to"))
	{
		component->has_cap = true;
		component->cap = scan_points(scanner);
		if (component->cap < 0)
			refuse(scanner, VALUE, "a cap is below 0", "A cap is the most that a component gives: 0 or more.");
	}
	card->components++;
}

static ScorecardFeature *
scan_feature(Scanner *scanner, Scorecard *card)
{
	ScorecardFeature *feature;

	if (card->components == 0)
		refuse(scanner, SYNTAX, "a feature is in no component", "Write a line such as: component size up to 30");
	if (card->features == MAX_FEATURES)
		refuse(scanner, VALUE, "too many features", "There may be 1000.");
	/* Doubled whenever it is full. */
	if ((card->features & (card->features - 1)) == 0)
		card->feature = repalloc(card->feature, Max(2 * card->features, 1) * sizeof(ScorecardFeature));
	feature = &card->feature[card->features];
	memset(feature, 0, sizeof(ScorecardFeature));
	feature->name = scan_name(scanner);
	feature->line = scanner->line;
	for (int i = 0; i < card->features; i++)
		if (strcmp(card->feature[i].name, feature->name) == 0)
			refuse(scanner, ERRCODE_DUPLICATE_OBJECT, psprintf("there are two features \"%s\"", feature->name), "Give one another name, and say where it is read: feature NAME from COLUMN");
	feature->path = NIL;
	if (skip_word(scanner, "from"))
		do
			feature->path = lappend(feature->path, scan_name(scanner));
		while (skip_sign(scanner, "."));
	else
		feature->path = list_make1(feature->name);
	if (skip_word(scanner, "as"))
	{
		if (!skip_word(scanner, "industry"))
			refuse(scanner, SYNTAX, "inputs are read as they are or as industry", "Write: feature NAME as industry");
		feature->is_industry = true;
	}
	feature->component = card->components - 1;
	card->component[feature->component].features++;
	card->features++;
	return feature;
}

/* A rule: what must hold, a colon, points. */
static void
scan_rule(Scanner *scanner, ScorecardFeature *feature)
{
	ScorecardRule *rule;
	FeatureKind kind;

	skip_blanks(scanner);
	if (skip_word(scanner, "missing"))
	{
		if (feature->has_missing)
			refuse(scanner, ERRCODE_DUPLICATE_OBJECT, "two lines say what a missing value gives", "Leave one.");
		feature->has_missing = true;
		expect_sign(scanner, ":", "Write: missing: 5, or missing: no score");
		if (skip_word(scanner, "no") && skip_word(scanner, "score"))
			feature->needs_value = true;
		else
			feature->missing_points = scan_points(scanner);
		return;
	}
	if (skip_word(scanner, "else"))
	{
		if (feature->has_else)
			refuse(scanner, ERRCODE_DUPLICATE_OBJECT, "two lines say what any other value gives", "Leave one.");
		feature->has_else = true;
		expect_sign(scanner, ":", "Write: else: 5");
		feature->else_points = scan_points(scanner);
		return;
	}

	rule = palloc0(sizeof(ScorecardRule));
	rule->line = scanner->line;
	if (*scanner->at == '"')
	{
		kind = FEATURE_LOOKUP;
		rule->value = scan_quoted(scanner);
	}
	else if (skip_word(scanner, "at"))
	{
		kind = FEATURE_LINEAR;
		rule->edge.number = scan_number(scanner);
	}
	else if (skip_sign(scanner, ">"))
	{
		kind = FEATURE_ABOVE;
		rule->edge.is_behind = !skip_sign(scanner, "=");
		rule->edge.number = scan_number(scanner);
	}
	else if (skip_sign(scanner, "<"))
	{
		kind = FEATURE_BELOW;
		rule->edge.is_behind = skip_sign(scanner, "=");
		rule->edge.number = scan_number(scanner);
	}
	else if (*scanner->at == '[' || *scanner->at == '(')
	{
		kind = FEATURE_RANGE;
		rule->edge.is_behind = *scanner->at++ == '(';
		rule->edge.number = scan_number(scanner);
		expect_sign(scanner, ",", "A range is written [10, 20): the 10 is in it, the 20 is not.");
		rule->end.number = scan_number(scanner);
		rule->end.is_behind = skip_sign(scanner, "]");
		if (!rule->end.is_behind)
			expect_sign(scanner, ")", "A range is written [10, 20): the 10 is in it, the 20 is not.");
	}
	else
		refuse(scanner, SYNTAX, psprintf("\"%s\" is not understood", scanner->at),
			   "Rules are such as: > 5000: 30, >= 10: 5, < 3: 1, [10, 20): 5, at 0: 0, \"Technology\": 25, else: 1, missing: 5");
	expect_sign(scanner, ":", "Points follow a colon: > 5000: 30");
	rule->points = scan_points(scanner);

	if (feature->kind != FEATURE_UNKNOWN && feature->kind != kind)
		refuse(scanner, VALUE, psprintf("feature \"%s\" has rules of two kinds", feature->name), "Make it two features that read the same column, or write all of it as ranges.");
	feature->kind = kind;
	if (list_length(feature->rules) == MAX_RULES)
		refuse(scanner, VALUE, "too many rules", "A feature may have 100,000.");
	feature->rules = lappend(feature->rules, rule);
}

/* What a feature must have, said at the line where it begins. */
static void
check_complete(const Scorecard *card)
{
	Scanner		scanner = {NULL, 1};

	if (card->name == NULL)
		refuse(&scanner, SYNTAX, "it has no name", "Begin with a line such as: scorecard enterprise");
	for (int i = 0; i < card->components; i++)
		if (card->component[i].features == 0)
		{
			scanner.line = card->component[i].line;
			refuse(&scanner, VALUE, psprintf("component \"%s\" has no features", card->component[i].name), "Write a line such as: feature employees");
		}
	if (card->components == 0)
		refuse(&scanner, VALUE, "it has no components", "Write a line such as: component size up to 30");
	for (int i = 0; i < card->features; i++)
	{
		const ScorecardFeature *feature = &card->feature[i];

		scanner.line = feature->line;
		if (feature->rules == NIL)
			refuse(&scanner, VALUE, psprintf("feature \"%s\" has no rules", feature->name), "Write a line such as: > 5000: 30");
		if (feature->is_industry && feature->kind != FEATURE_LOOKUP)
			refuse(&scanner, VALUE, psprintf("feature \"%s\" compares an industry with numbers", feature->name), "Give points for industries: \"Technology\": 25");
	}
}

/*
 * Reads a scorecard. 42601 where the text is not understood, 22023 or 42710 where it makes no sense; the detail names the line.
 */
Scorecard *
scorecard_parse(const char *text)
{
	Scorecard  *card = palloc0(sizeof(Scorecard));
	ScorecardFeature *feature = NULL;
	Scanner		scanner = {NULL, 0};
	bool		is_open = true;

	card->feature = palloc(sizeof(ScorecardFeature));
	/* The byte order mark with which some editors begin a file. */
	if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	while (*text != '\0')
	{
		size_t		length = strcspn(text, "\n");
		char	   *line = pnstrdup(text, length);

		text += length + (text[length] == '\n');
		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		scanner.at = line;
		scanner.line++;
		skip_blanks(&scanner);
		if (*scanner.at == '\0' || *scanner.at == '#')
			continue;
		if (card->name == NULL)
		{
			if (!skip_word(&scanner, "scorecard"))
				refuse(&scanner, SYNTAX, "it does not begin with its name", "Begin with a line such as: scorecard enterprise");
			card->name = scan_name(&scanner);
		}
		else if (skip_word(&scanner, "tier"))
			scan_tier(&scanner, card, &is_open);
		else if (skip_word(&scanner, "component"))
		{
			scan_component(&scanner, card);
			feature = NULL;
		}
		else if (skip_word(&scanner, "feature"))
			feature = scan_feature(&scanner, card);
		else if (feature == NULL)
			refuse(&scanner, SYNTAX, psprintf("\"%s\" is not understood", scanner.at), "Statements are tier, component and feature; rules follow a feature.");
		else
			scan_rule(&scanner, feature);
		scan_end(&scanner);
	}
	if (card->tiers > 0 && is_open)
		refuse(&scanner, VALUE, "the last tier has a bound", psprintf("End with a tier for all below it: tier %d", card->tiers + 1));
	check_complete(card);
	scorecard_compile(card);
	return card;
}
