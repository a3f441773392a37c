/*
 * scorecard.h: a scorecard as it is evaluated.
 *
 * A scorecard adds up points. A feature reads one input of a row and gives points by its rules; a component adds up its features and may have a
 * cap; the total of the components decides the tier. Text (scorecard_text.c) becomes a Scorecard, which is bound to the columns of a row
 * (scorecard_input.c) and evaluated (scorecard.c). Points are whole hundredths.
 */
#ifndef SALESOPS_ACCOUNT_SCORECARD_H
#define SALESOPS_ACCOUNT_SCORECARD_H

#include "core/compat.h"

#include "nodes/pg_list.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#define MAX_TIERS			100
#define MAX_COMPONENTS		100
#define MAX_FEATURES		1000
#define MAX_RULES			100000
#define MAX_POINTS			1000000
#define HUNDREDTHS			100

/* How a feature finds the points of a value. */
typedef enum FeatureKind
{
	FEATURE_UNKNOWN,
	FEATURE_ABOVE,				/* the highest threshold that the value is beyond */
	FEATURE_BELOW,				/* the lowest threshold that the value is below */
	FEATURE_RANGE,
	FEATURE_LINEAR,				/* between neighbouring points; at the ends, flat */
	FEATURE_LOOKUP
} FeatureKind;

/* A place on the number line, just before the number or just behind it: x is beyond it if x >= number or x > number. */
typedef struct Edge
{
	Numeric		number;
	bool		is_behind;
} Edge;

/* A rule as it stands in the text. */
typedef struct ScorecardRule
{
	Edge		edge;			/* ABOVE, BELOW and LINEAR; RANGE: where it begins */
	Edge		end;			/* RANGE */
	char	   *value;			/* LOOKUP: as written */
	int64		points;
	int			line;
} ScorecardRule;

/* What gives points if no rule does: these, in place of the number of a rule. */
#define NO_RULE				(-1)
#define MISSING_RULE		(-2)
#define SPECIAL_RULES		2

/* A value of a lookup, folded: without blanks around it and in ASCII lower case. */
typedef struct LookupSlot
{
	const char *value;			/* NULL = free */
	uint32		length;
	uint32		hash;
	int			rule;
} LookupSlot;

/* A text that was looked up before: few different ones come again and again. */
#define REMEMBERED		32
#define LONGEST_REMEMBERED	24

typedef struct RememberedText
{
	uint32		length;			/* 0 = free */
	int			rule;
	char		text[LONGEST_REMEMBERED];
} RememberedText;

/* Where a bound feature gets its value from. */
typedef enum InputKind
{
	INPUT_INTEGER,
	INPUT_NUMERIC,
	INPUT_FLOAT,
	INPUT_TEXT,
	INPUT_OTHER,				/* its text form */
	INPUT_JSON
} InputKind;

typedef struct ScorecardFeature
{
	/* What is looked at for every row comes first. */
	FeatureKind kind;
	InputKind	input;			/* this, column and type: set when it is bound to a row */
	int			column;
	Oid			type;			/* without domains */
	bool		is_industry;	/* the value is read by recognize_industry() first */
	bool		needs_value;	/* a missing value leaves the account without a score */
	int			component;
	int64	   *given;			/* points, by number of the rule + SPECIAL_RULES */

	/* ABOVE, BELOW, RANGE: edges in ascending order; beyond the first n edges, rule step[n] holds. */
	int			edges;
	int64	   *least;			/* the least whole number beyond the edge */
	int		   *step;
	Edge	   *edge;

	/* LINEAR: the rules in ascending order. */
	int		   *order;

	/* LOOKUP */
	LookupSlot *slot;
	uint32		slots;			/* a power of two */
	uint32		longest;
	int		   *of_industry;	/* is_industry: the rule of each Industry */
	RememberedText *remembered;
	FmgrInfo	print;			/* INPUT_OTHER: its output function */

	/* As it was written. */
	char	   *name;
	List	   *path;			/* column, then keys in it */
	List	   *rules;			/* of ScorecardRule, in the order of the text; rule[] is the same */
	ScorecardRule *rule;
	int64		else_points;
	bool		has_else;
	int64		missing_points;
	bool		has_missing;
	int			line;
} ScorecardFeature;

typedef struct ScorecardComponent
{
	char	   *name;
	int64		cap;
	bool		has_cap;
	int			features;		/* how many, for the check that there are any */
	int			line;
} ScorecardComponent;

typedef struct Scorecard
{
	char	   *name;
	int			components;
	ScorecardComponent component[MAX_COMPONENTS];
	int			features;
	ScorecardFeature *feature;
	int			tiers;
	int64		tier[MAX_TIERS];	/* least total of each but the last, whatever is below is in that */
} Scorecard;

/* The score of one row. */
typedef struct ScorecardResult
{
	bool		has_total;
	int64		total;
	int		   *rule;			/* of each feature the rule that held, NO_RULE or MISSING_RULE */
	int64	   *points;			/* of each feature */
	int64	   *sum;			/* of each component, capped */
	bool	   *has_sum;		/* false where a value that it needs is missing */
} ScorecardResult;

/* The value of an input. */
typedef enum ScorecardValueKind
{
	VALUE_MISSING,
	VALUE_INTEGER,
	VALUE_NUMBER,
	VALUE_TEXT
} ScorecardValueKind;

typedef struct ScorecardValue
{
	ScorecardValueKind kind;
	int64		integer;
	Numeric		number;			/* not NaN */
	const char *text;			/* not terminated */
	uint32		length;
} ScorecardValue;

/* scorecard_text.c */
extern Scorecard *scorecard_parse(const char *text);
pg_noreturn extern void scorecard_refuse(int line, int code, const char *message, const char *hint);

/* What a name is made of that needs no quotes. */
static inline bool
scorecard_is_name_byte(char c)
{
	return isalnum((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

/* scorecard_words.c */
extern char *scorecard_rule_text(const ScorecardFeature *feature, int rule);
extern char *scorecard_rule_words(const ScorecardFeature *feature, int rule);
extern char *scorecard_input_text(const ScorecardFeature *feature);
extern const char *scorecard_kind(const ScorecardFeature *feature);

/* scorecard_compile.c */
extern void scorecard_compile(Scorecard *card);
extern uint32 scorecard_fold(const char *text, uint32 length, char *folded);

/* scorecard_input.c */
extern void scorecard_bind(Scorecard *card, int columns, const char *const *name, const Oid *type);
extern void scorecard_value(ScorecardFeature *feature, const NullableDatum *row, ScorecardValue *value);
extern char *scorecard_value_text(ScorecardFeature *feature, const NullableDatum *row);

/* scorecard.c */
extern ScorecardResult *scorecard_result(const Scorecard *card);
extern void scorecard_evaluate(Scorecard *card, const NullableDatum *row, ScorecardResult *result);
extern int	scorecard_tier(const Scorecard *card, int64 total);

/* Whether the number lies beyond the edge. */
static inline bool
is_beyond(Numeric number, const Edge *edge)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(number), NumericGetDatum(edge->number))) >= (int) edge->is_behind;
}

#endif
