/*
 * match.c: the phases of matching in their order.
 */
#include "account/match_record.h"

/* Records between two looks at whether somebody wants to stop. */
#define LOOK_EVERY	256

Match *
match_begin(const MatchOptions *options)
{
	Match	   *match = palloc0(sizeof(Match));

	match->options = *options;
	match_set_begin(&match->word);
	for (int i = 0; i < MATCH_PARTS; i++)
		match_set_begin(&match->part[i]);
	return match;
}

int
match_records(const Match *match)
{
	return match->records;
}

const char *
match_key(const Match *match, int record)
{
	return match->keys + match->record[record].key;
}

#define ST_SORT sort_by_key
#define ST_ELEMENT_TYPE MatchRecord
#define ST_COMPARE(a, b, match) strcmp((match)->keys + (a)->key, (match)->keys + (b)->key)
#define ST_COMPARE_ARG_TYPE const Match
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

const char *
match_end(Match *match)
{
	if (match->records > 0)
		sort_by_key(match->record, match->records, match);
	for (int i = 1; i < match->records; i++)
		if (strcmp(match_key(match, i - 1), match_key(match, i)) == 0)
			return match_key(match, i);
	return NULL;
}

/* The record with a key; MATCH_NONE: there is none. */
static int32
find_key(const Match *match, const char *key)
{
	int			from = 0;
	int			to = match->records;

	while (from < to)
	{
		int			at = from + (to - from) / 2;
		int			order = strcmp(match_key(match, at), key);

		if (order == 0)
			return at;
		if (order < 0)
			from = at + 1;
		else
			to = at;
	}
	return MATCH_NONE;
}

void
match_keep_apart(Match *match, const char *one, const char *other)
{
	int32		a = find_key(match, one);
	int32		b = find_key(match, other);

	if (a == MATCH_NONE || b == MATCH_NONE || a == b)
		return;
	if (match->aparts + 2 > match->apart_room)
	{
		match->apart_room = Max(64, match->apart_room * 2);
		match->apart = match_larger(match->apart, sizeof(*match->apart) * match->aparts, sizeof(*match->apart) * match->apart_room);
	}
	match->apart[match->aparts++] = (struct MatchApart) {a, b};
	match->apart[match->aparts++] = (struct MatchApart) {b, a};
}

static int
compare_aparts(const void *one, const void *other)
{
	const struct MatchApart *a = one;
	const struct MatchApart *b = other;

	if (a->one != b->one)
		return a->one < b->one ? -1 : 1;
	return a->other < b->other ? -1 : a->other > b->other;
}

int
match_first_apart(const Match *match, int32 one)
{
	int			from = 0;
	int			to = match->aparts;

	while (from < to)
	{
		int			at = from + (to - from) / 2;

		if (match->apart[at].one < one)
			from = at + 1;
		else
			to = at;
	}
	return from;
}

bool
match_is_apart(const Match *match, int32 one, int32 other)
{
	struct MatchApart pair = {one, other};

	return match->aparts > 0 && bsearch(&pair, match->apart, match->aparts, sizeof(pair), compare_aparts) != NULL;
}

static bool
stop(const Match *match, const char *phase, double share)
{
	return match->options.progress && match->options.progress(phase, share, match->options.progress_arg);
}

static int
compare_pairs(const void *one, const void *other)
{
	const MatchPair *a = one;
	const MatchPair *b = other;

	if (a->one != b->one)
		return a->one < b->one ? -1 : 1;
	return a->other < b->other ? -1 : a->other > b->other;
}

/* Compares all pairs that share a block and keeps those that are sure or for review. */
static void
compare_all(Match *match, MatchResult *result)
{
	MatchNeighbours *neighbours = match_blocks(match, result);
	int			room = 1024;

	match_fit(match, neighbours);
	result->pair = palloc(sizeof(MatchPair) * room);
	for (int32 i = 0; i < match->records && !result->stopped; i++)
	{
		const int32 *other;
		int			count = match_neighbours(neighbours, i, &other);

		if (i % LOOK_EVERY == 0)
			result->stopped = stop(match, "comparing", (double) i / match->records);
		result->compared += count;
		for (int k = 0; k < count; k++)
		{
			MatchAgreement agreement;
			MatchWeights weights;
			MatchPair  *pair;

			if (match_is_apart(match, i, other[k]))
				continue;
			match_compare(match, &match->record[other[k]], &match->record[i], &agreement);
			match_weigh(match, &agreement, &weights);
			if (weights.total < match->options.review * 1000)
				continue;
			if (result->pairs == room)
			{
				room *= 2;
				result->pair = match_larger(result->pair, sizeof(MatchPair) * result->pairs, sizeof(MatchPair) * room);
			}
			pair = &result->pair[result->pairs++];
			pair->one = other[k];
			pair->other = i;
			pair->weight = weights.total;
			pair->is_sure = weights.total >= match->options.sure * 1000 && match_may_be_sure(match, &agreement);
			memcpy(pair->level, agreement.level, sizeof(pair->level));
		}
	}
	qsort(result->pair, result->pairs, sizeof(MatchPair), compare_pairs);
}

/* Pairs, clusters and what was left out, of all records that were added. */
MatchResult *
match_run(Match *match)
{
	MatchResult *result = palloc0(sizeof(MatchResult));

	qsort(match->apart, match->aparts, sizeof(*match->apart), compare_aparts);
	match_set_rarities(match);
	match->corrected = match_corrections(&match->word);
	match->corrected_city = match_corrections(&match->part[PART_CITY]);
	result->stopped = stop(match, "blocking", 0);
	if (!result->stopped)
		compare_all(match, result);
	if (!result->stopped)
		match_cluster(match, result);
	return result;
}

void
match_explain(const Match *match, const MatchPair *pair, MatchWeights *weights)
{
	MatchAgreement agreement;

	match_compare(match, &match->record[pair->one], &match->record[pair->other], &agreement);
	match_weigh(match, &agreement, weights);
}

const char *
match_evidence_name(MatchEvidence evidence)
{
	static const char *const name[] = {"name", "site", "email", "phone", "place"};

	return name[evidence];
}

/* How two records agree; NULL: it is not known. */
const char *
match_level_in_words(MatchEvidence evidence, int level)
{
	static const char *const words[MATCH_EVIDENCES][MATCH_LEVELS] = {
		{NULL, "same name", "same words", "same but for a misspelling", "one has more words", "some words differ", "another name"},
		{NULL, "same site", "same site name or employer", "similar site", "another site"},
		{NULL, "same address", "same name before the @", "another address"},
		{NULL, "same phone", "a digit differs", "last digits differ", "another phone"},
		{NULL, "same address", "same postal code", "same city", "same city, another street", "another city", "another country"},
	};

	return words[evidence][level];
}
