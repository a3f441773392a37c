/*
 * match_fit.c: how duplicates and branches agree, learned from the records themselves.
 *
 * Nobody says which pairs are one. So expectation and maximisation (Dempster, Laird and Rubin 1977; for linkage Winkler 1988): each of a
 * sample of compared pairs is so much a pair of duplicates, of branches, of strangers, by the present tables; the tables become what the
 * pairs then show; a few times over. What is known in general counts as pairs seen before, so that few pairs change little and
 * a class that the records do not have stays what it was. Strangers are not learned: their agreement follows from frequencies.
 */
#include "account/match_record.h"

#include "common/hashfn.h"
#include "core/numerics.h"

/* Pairs that are looked at. */
#define MOST_PAIRS	400000
#define ROUNDS		12
/* Pairs of duplicates, and of branches, that the general tables count as. */
static const double seen_before[MATCH_CLASSES] = {300, 1000};

typedef struct Sample
{
	int32		surprise;
	int32		sharing;
	uint8		level[MATCH_EVIDENCES];
} Sample;

/* Pairs of a share of the records: those that a hash of their key picks. */
static Sample *
take_sample(const Match *match, MatchNeighbours *neighbours, int *count, double *share)
{
	Sample	   *sample = palloc_extended(sizeof(Sample) * MOST_PAIRS, MCXT_ALLOC_HUGE);
	uint32		step = 1 + match->records / 20000;
	int			picked = 0;

	*count = 0;
	for (int32 i = 0; i < match->records && *count < MOST_PAIRS; i++)
	{
		const char *key = match_key(match, i);
		const int32 *other;
		int			found;

		if (hash_bytes((const unsigned char *) key, (int) strlen(key)) % step != 0)
			continue;
		picked++;
		found = match_neighbours(neighbours, i, &other);
		for (int k = 0; k < found && *count < MOST_PAIRS; k++)
		{
			MatchAgreement agreement;
			Sample	   *to = &sample[(*count)++];

			match_compare(match, &match->record[other[k]], &match->record[i], &agreement);
			to->surprise = 0;
			for (int e = 0; e < MATCH_EVIDENCES; e++)
				to->surprise += agreement.surprise[e];
			to->sharing = agreement.sharing;
			memcpy(to->level, agreement.level, sizeof(to->level));
		}
	}
	*share = (double) picked / Max(match->records, 1);
	return sample;
}

/* The chances of a pair to be of each class. */
static void
classify(const Match *match, const Sample *pair, double *chance)
{
	int32		weight[MATCH_CLASSES];
	double		sum = 1;

	for (int c = 0; c < MATCH_CLASSES; c++)
	{
		weight[c] = match_class_prior(match, c, pair->sharing) + pair->surprise;
		for (int e = 0; e < MATCH_EVIDENCES; e++)
			weight[c] += match->likelihood[c][e][pair->level[e]];
		chance[c] = match_from_bits(weight[c]);
		sum += chance[c];
	}
	for (int c = 0; c < MATCH_CLASSES; c++)
		chance[c] /= sum;
}

/* Scales the chances of the levels to a sum of 1, those of `fixed` ones apart. */
static void
normalize(double *chance, int fixed)
{
	double		sum = 0;
	double		rest = 1;

	for (int level = 1; level < MATCH_LEVELS; level++)
		if (fixed & (1 << level))
			rest -= chance[level];
		else
			sum += chance[level];
	for (int level = 1; level < MATCH_LEVELS; level++)
		if (!(fixed & (1 << level)))
			chance[level] *= rest / sum;
}

/*
 * Duplicates that contradict each other, in name or place, look like branches, and no record says which they are. So such contradictions are
 * never learned to be likelier of duplicates than they are in general: the same name in two cities is not sure.
 */
static void
limit_contradictions(MatchTable *table, const MatchTable *general)
{
	static const struct
	{
		MatchEvidence evidence;
		int			level;
	}			contradiction[] = {
		{MATCH_BY_NAME, NAME_PART}, {MATCH_BY_NAME, NAME_CONFLICT}, {MATCH_BY_NAME, NAME_DIFFER},
		{MATCH_BY_PLACE, PLACE_DIFFER}, {MATCH_BY_PLACE, PLACE_COUNTRY_DIFFERS},
	};
	int			fixed[MATCH_EVIDENCES] = {0};

	for (int i = 0; i < (int) lengthof(contradiction); i++)
	{
		int			e = contradiction[i].evidence;
		int			level = contradiction[i].level;

		if (table->chance[MATCH_DUPLICATES][e][level] > general->chance[MATCH_DUPLICATES][e][level])
		{
			table->chance[MATCH_DUPLICATES][e][level] = general->chance[MATCH_DUPLICATES][e][level];
			fixed[e] |= 1 << level;
		}
	}
	for (int e = 0; e < MATCH_EVIDENCES; e++)
		normalize(table->chance[MATCH_DUPLICATES][e], fixed[e]);
}

/* From the general tables in match->table to those of these records. */
void
match_fit(Match *match, MatchNeighbours *neighbours)
{
	MatchTable	general = match->table;
	double		share;
	int			pairs;
	Sample	   *sample = take_sample(match, neighbours, &pairs, &share);

	for (int round = 0; round < ROUNDS && pairs > 0; round++)
	{
		MatchTable	next;

		memset(&next, 0, sizeof(next));
		for (int c = 0; c < MATCH_CLASSES; c++)
		{
			/* As many records as would have had the pairs seen before. */
			double		records = seen_before[c] / general.expected[c];

			next.expected[c] = seen_before[c] / (share * match->records + records);
			for (int e = 0; e < MATCH_EVIDENCES; e++)
				for (int level = 1; level < MATCH_LEVELS; level++)
					next.chance[c][e][level] = seen_before[c] * general.chance[c][e][level];
		}
		for (int i = 0; i < pairs; i++)
		{
			double		chance[MATCH_CLASSES];

			classify(match, &sample[i], chance);
			for (int c = 0; c < MATCH_CLASSES; c++)
			{
				next.expected[c] += chance[c] / (c == MATCH_BRANCHES ? match_sharing(sample[i].sharing) : 1) / (share * match->records + seen_before[c] / general.expected[c]);
				for (int e = 0; e < MATCH_EVIDENCES; e++)
					next.chance[c][e][sample[i].level[e]] += chance[c];
			}
		}
		for (int c = 0; c < MATCH_CLASSES; c++)
			for (int e = 0; e < MATCH_EVIDENCES; e++)
				normalize(next.chance[c][e], 0);
		limit_contradictions(&next, &general);
		match->table = next;
		match_use_table(match);
	}
	pfree(sample);
}
