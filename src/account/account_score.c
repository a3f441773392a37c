/*
 * account_score.c: the type salesops.account_score, and the default scorecard.
 *
 * Eight bytes, passed by value: the total, what each component gave, the tier, and which inputs were not known. So a score that lies in a table
 * explains itself, sorts by its total, and is read back from its own text:
 *
 *	85 tier 1 (size 30, industry 25, engagement 10, intent 20)
 *	45 tier 2 (size 30, industry ?, engagement 15 downloads ?, intent ?)
 *
 * A component none of whose inputs is known is "?", which counts 0 and says so. The scorecard (product page, account):
 *
 *	size		employees > 5000: 30, > 1000: 20, > 200: 10
 *	industry	Technology, Finance: 25; Healthcare, Manufacturing: 15
 *	engagement	website visits > 10: 15; and content downloads > 0: 10
 *	intent		intent score > 80: 20, > 50: 10
 *	tier		1 from a total of 70, 2 from 40, else 3
 */
#include "account/account_score.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#include "account/industry.h"
#include "core/ordering.h"
#include "core/scan_text.h"

#define VISIT_POINTS	15
#define DOWNLOAD_POINTS	10

static const char *const input_name[SCORE_INPUTS] = {"employees", "industry", "visits", "downloads", "intent"};
static const char *const component_name[SCORE_COMPONENTS] = {"size", "industry", "engagement", "intent"};

#define MISSING(input)		((uint64) 1 << (input))

/* The inputs of a component, as bits. */
static const uint64 component_inputs[SCORE_COMPONENTS] = {
	MISSING(INPUT_EMPLOYEES), MISSING(INPUT_INDUSTRY), MISSING(INPUT_VISITS) | MISSING(INPUT_DOWNLOADS), MISSING(INPUT_INTENT)
};

static const uint8 industry_points[INDUSTRIES] = {
	[INDUSTRY_TECHNOLOGY] = 25, [INDUSTRY_FINANCE] = 25, [INDUSTRY_HEALTHCARE] = 15, [INDUSTRY_MANUFACTURING] = 15
};

static int
tier_of(int total)
{
	return 3 - (total >= 40) - (total >= 70);
}

static AccountScore
score_make(const int *points, uint64 missing)
{
	AccountScore score = 0;
	int			total = 0;

	for (int c = 0; c < SCORE_COMPONENTS; c++)
	{
		total += points[c];
		score |= (uint64) points[c] << (40 - 8 * c);
	}
	return score | (uint64) total << 48 | (uint64) tier_of(total) << 8 | missing;
}

/* Whether the default scorecard could have given so many points to a component with these inputs missing. */
static bool
is_possible(ScoreComponent component, int64 points, uint64 missing)
{
	bool		has_visits = !(missing & MISSING(INPUT_VISITS));
	bool		has_downloads = !(missing & MISSING(INPUT_DOWNLOADS));

	if (points == 0)
		return true;
	if ((missing & component_inputs[component]) == component_inputs[component])
		return false;
	switch (component)
	{
		case COMPONENT_SIZE:
			return points == 30 || points == 20 || points == 10;
		case COMPONENT_INDUSTRY:
			return points == 25 || points == 15;
		case COMPONENT_ENGAGEMENT:
			return (points == VISIT_POINTS && has_visits) || (points == DOWNLOAD_POINTS && has_downloads) ||
				(points == VISIT_POINTS + DOWNLOAD_POINTS && has_visits && has_downloads);
		case COMPONENT_INTENT:
			return points == 20 || points == 10;
	}
	return false;
}

/*
 * Labels of industries that a query has met, each where its hash says, over the one that was there. There are a few dozen of them in a table of
 * millions, and to read one takes longer than all the rest of the scorecard.
 */
#define LABELS		64
#define LONGEST_LABEL	48

typedef struct KnownLabels
{
	struct
	{
		uint8		length;		/* 0: none yet */
		uint8		industry;
		char		label[LONGEST_LABEL];
	}			known[LABELS];
} KnownLabels;

static Industry
known_industry(FunctionCallInfo fcinfo, const char *label, Size length)
{
	KnownLabels *labels = fcinfo->flinfo->fn_extra;
	uint64		start = 0;
	uint32		at;

	if (length == 0 || length > LONGEST_LABEL)
		return industry_recognize(label, length);
	if (!labels)
		labels = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(KnownLabels));
	/* Of a length known beforehand, a copy is one instruction. */
	if (length >= sizeof(start))
		memcpy(&start, label, sizeof(start));
	else
		memcpy(&start, label, length);
	at = (uint32) ((start ^ length ^ (uint64) (unsigned char) label[length - 1] << 7) * UINT64CONST(0x9E3779B97F4A7C15) >> 58);
	StaticAssertStmt(LABELS == 1 << (64 - 58), "the hash has another size");
	if (labels->known[at].length != length || memcmp(labels->known[at].label, label, length) != 0)
	{
		labels->known[at].length = (uint8) length;
		labels->known[at].industry = (uint8) industry_recognize(label, length);
		memcpy(labels->known[at].label, label, length);
	}
	return labels->known[at].industry;
}

/*
 * score_account(employees, industry, website_visits, content_downloads, intent_score): the default scorecard. An input that is NULL, and an industry
 * that recognize_industry() does not know, give their component 0 points and are kept as missing. Never NULL, never an error. Thresholds are added up,
 * not branched on: what an account has is no more than a guess to the processor.
 */
PG_FUNCTION_INFO_V1(salesops_score_account);
Datum
salesops_score_account(PG_FUNCTION_ARGS)
{
	int			points[SCORE_COMPONENTS] = {0};
	uint64		missing = 0;
	Industry	industry = INDUSTRY_UNKNOWN;

	for (int i = 0; i < SCORE_INPUTS; i++)
		if (PG_ARGISNULL(i))
			missing |= MISSING(i);
	if (!PG_ARGISNULL(INPUT_EMPLOYEES))
	{
		int32		employees = PG_GETARG_INT32(INPUT_EMPLOYEES);

		points[COMPONENT_SIZE] = 10 * ((employees > 200) + (employees > 1000) + (employees > 5000));
	}
	if (!PG_ARGISNULL(INPUT_INDUSTRY))
	{
		text	   *label = PG_GETARG_TEXT_PP(INPUT_INDUSTRY);

		industry = known_industry(fcinfo, VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label));
	}
	if (industry == INDUSTRY_UNKNOWN)
		missing |= MISSING(INPUT_INDUSTRY);
	points[COMPONENT_INDUSTRY] = industry_points[industry];
	if (!PG_ARGISNULL(INPUT_VISITS))
		points[COMPONENT_ENGAGEMENT] += VISIT_POINTS * (PG_GETARG_INT32(INPUT_VISITS) > 10);
	if (!PG_ARGISNULL(INPUT_DOWNLOADS))
		points[COMPONENT_ENGAGEMENT] += DOWNLOAD_POINTS * (PG_GETARG_INT32(INPUT_DOWNLOADS) > 0);
	if (!PG_ARGISNULL(INPUT_INTENT))
	{
		int32		intent = PG_GETARG_INT32(INPUT_INTENT);

		points[COMPONENT_INTENT] = 10 * ((intent > 50) + (intent > 80));
	}
	PG_RETURN_ACCOUNT_SCORE(score_make(points, missing));
}

/*
 * Text and binary form.
 */

/* Reads what a component gave: points or "?", and after the points of engagement the one input that is missing. */
static bool
read_component(char **s, ScoreComponent component, int *points, uint64 *missing)
{
	int64		count;

	if (!skip_words(s, component_name[component]))
		return false;
	if (skip_words(s, "?"))
	{
		*missing |= component_inputs[component];
		points[component] = 0;
		return true;
	}
	if (!read_count(s, &count))
		return false;
	if (component == COMPONENT_ENGAGEMENT)
		for (int i = INPUT_VISITS; i <= INPUT_DOWNLOADS; i++)
			if (skip_words(s, input_name[i]))
			{
				if (!skip_words(s, "?"))
					return false;
				*missing |= MISSING(i);
				break;
			}
	if (!is_possible(component, count, *missing))
		return false;
	points[component] = (int) count;
	return true;
}

static bool
read_score(char *s, AccountScore *score)
{
	int64		total;
	int64		tier;
	int			points[SCORE_COMPONENTS];
	uint64		missing = 0;

	if (!read_count(&s, &total) || !skip_words(&s, "tier") || !read_count(&s, &tier) || !skip_words(&s, "("))
		return false;
	for (int c = 0; c < SCORE_COMPONENTS; c++)
		if ((c > 0 && !skip_words(&s, ",")) || !read_component(&s, c, points, &missing))
			return false;
	if (!skip_words(&s, ")") || s[strspn(s, BLANKS)] != '\0')
		return false;
	*score = score_make(points, missing);
	return total == score_total(*score) && tier == score_tier(*score);
}

/* Text input: what output prints, in any case and with any blanks; the total and the tier must be those of the components. */
PG_FUNCTION_INFO_V1(salesops_account_score_in);
Datum
salesops_account_score_in(PG_FUNCTION_ARGS)
{
	char	   *form = PG_GETARG_CSTRING(0);
	AccountScore score;

	if (!read_score(form, &score))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%s\"", "account_score", form),
						  errhint("A score reads like 85 tier 1 (size 30, industry 25, engagement 10, intent 20), with ? for what is not known, and adds up. score_account() makes one.")));
	PG_RETURN_ACCOUNT_SCORE(score);
}

/* Text output. */
PG_FUNCTION_INFO_V1(salesops_account_score_out);
Datum
salesops_account_score_out(PG_FUNCTION_ARGS)
{
	AccountScore score = PG_GETARG_ACCOUNT_SCORE(0);
	StringInfoData form;

	initStringInfo(&form);
	appendStringInfo(&form, "%d tier %d (", score_total(score), score_tier(score));
	for (int c = 0; c < SCORE_COMPONENTS; c++)
	{
		uint64		missing = score & component_inputs[c];

		appendStringInfo(&form, "%s%s ", c > 0 ? ", " : "", component_name[c]);
		if (missing == component_inputs[c])
		{
			appendStringInfoChar(&form, '?');
			continue;
		}
		appendStringInfo(&form, "%d", score_points(score, c));
		for (int i = 0; i < SCORE_INPUTS; i++)
			if (missing & MISSING(i))
				appendStringInfo(&form, " %s ?", input_name[i]);
	}
	appendStringInfoChar(&form, ')');
	PG_RETURN_CSTRING(form.data);
}

/* Binary input: the eight bytes, believed only when the default scorecard could have given them. */
PG_FUNCTION_INFO_V1(salesops_account_score_recv);
Datum
salesops_account_score_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	AccountScore score = (AccountScore) pq_getmsgint64(message);
	uint64		missing = score & (MISSING(SCORE_INPUTS) - 1);
	int			points[SCORE_COMPONENTS];
	bool		is_score = true;

	for (int c = 0; c < SCORE_COMPONENTS; c++)
	{
		points[c] = score_points(score, c);
		is_score &= is_possible(c, points[c], missing);
	}
	if (!is_score || score_make(points, missing) != score)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "account_score"),
				 errdetail("The default scorecard gives nobody %016llx.", (unsigned long long) score)));
	PG_RETURN_ACCOUNT_SCORE(score);
}

/* Binary output: eight bytes in network order. */
PG_FUNCTION_INFO_V1(salesops_account_score_send);
Datum
salesops_account_score_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, PG_GETARG_ACCOUNT_SCORE(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* By total, then by the components in their order, then the score with fewer missing inputs first. */
static inline int32
account_score_order(Datum a, Datum b)
{
	AccountScore x = DatumGetAccountScore(a);
	AccountScore y = DatumGetAccountScore(b);

	return (x > y) - (x < y);
}

SALESOPS_ORDERING_BY_VALUE(account_score)

/* Hash, for hash joins, grouping and hash indexes. */
PG_FUNCTION_INFO_V1(salesops_account_score_hash);
Datum
salesops_account_score_hash(PG_FUNCTION_ARGS)
{
	AccountScore score = PG_GETARG_ACCOUNT_SCORE(0);

	PG_RETURN_UINT32(hash_bytes((const unsigned char *) &score, sizeof(score)));
}

/* Seeded hash, for hash partitioning. */
PG_FUNCTION_INFO_V1(salesops_account_score_hash_extended);
Datum
salesops_account_score_hash_extended(PG_FUNCTION_ARGS)
{
	AccountScore score = PG_GETARG_ACCOUNT_SCORE(0);

	PG_RETURN_UINT64(hash_bytes_extended((const unsigned char *) &score, sizeof(score), PG_GETARG_INT64(1)));
}

/*
 * What is in a score.
 */

/* total(score): 0 to 100. */
PG_FUNCTION_INFO_V1(salesops_score_total);
Datum
salesops_score_total(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(score_total(PG_GETARG_ACCOUNT_SCORE(0)));
}

/* tier(score): 1, 2 or 3. */
PG_FUNCTION_INFO_V1(salesops_score_tier);
Datum
salesops_score_tier(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(score_tier(PG_GETARG_ACCOUNT_SCORE(0)));
}

/* The points of a component; NULL where none of its inputs was known. */
static Datum
component_points(FunctionCallInfo fcinfo, ScoreComponent component)
{
	AccountScore score = PG_GETARG_ACCOUNT_SCORE(0);

	if ((score & component_inputs[component]) == component_inputs[component])
		PG_RETURN_NULL();
	PG_RETURN_INT32(score_points(score, component));
}

PG_FUNCTION_INFO_V1(salesops_size_points);
Datum
salesops_size_points(PG_FUNCTION_ARGS)
{
	return component_points(fcinfo, COMPONENT_SIZE);
}

PG_FUNCTION_INFO_V1(salesops_industry_points);
Datum
salesops_industry_points(PG_FUNCTION_ARGS)
{
	return component_points(fcinfo, COMPONENT_INDUSTRY);
}

PG_FUNCTION_INFO_V1(salesops_engagement_points);
Datum
salesops_engagement_points(PG_FUNCTION_ARGS)
{
	return component_points(fcinfo, COMPONENT_ENGAGEMENT);
}

PG_FUNCTION_INFO_V1(salesops_intent_points);
Datum
salesops_intent_points(PG_FUNCTION_ARGS)
{
	return component_points(fcinfo, COMPONENT_INTENT);
}

/* missing_inputs(score): the inputs that were not known, in their order; empty where all were. */
PG_FUNCTION_INFO_V1(salesops_missing_inputs);
Datum
salesops_missing_inputs(PG_FUNCTION_ARGS)
{
	AccountScore score = PG_GETARG_ACCOUNT_SCORE(0);
	Datum		name[SCORE_INPUTS];
	int			names = 0;

	for (int i = 0; i < SCORE_INPUTS; i++)
		if (score_is_missing(score, i))
			name[names++] = CStringGetTextDatum(input_name[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array_builtin(name, names, TEXTOID));
}
