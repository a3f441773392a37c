/*
 * match_weight.c: what agreement and disagreement are worth.
 *
 * Two records may be one company twice, two branches or sisters of one organisation, or strangers. For each there is a probability that
 * they agree as they do; for strangers it is 2 to the power of minus the surprise, from the frequencies of the records themselves, for the
 * other two it is in the tables below. The weight is
 *
 *	log2 (P(duplicates) x P(agreement | duplicates)) - log2 (P(branches) x P(agreement | branches) + P(strangers) x P(agreement | strangers))
 *
 * as Fellegi and Sunter (1969) weigh, with branches as a third class: whatever an organisation shares is no evidence between its branches.
 */
#include "account/match_record.h"

#include <math.h>

#include "core/numerics.h"

/* Rarity of a name is counted as if there were so many records at least: few records do not make names common. */
#define FEWEST_RECORDS	4096

/* What is known in general. Of branches a record has more where more records share what they are known by. */
static const MatchTable of_companies = {
	.expected = {0.25, 0.08},
	.chance[MATCH_DUPLICATES] = {
		[MATCH_BY_NAME] = {1, 0.50, 0.22, 0.17, 0.09, 0.012, 0.008},
		[MATCH_BY_SITE] = {1, 0.72, 0.07, 0.09, 0.12},
		[MATCH_BY_EMAIL] = {1, 0.50, 0.10, 0.40},
		[MATCH_BY_PHONE] = {1, 0.70, 0.06, 0.02, 0.22},
		[MATCH_BY_PLACE] = {1, 0.45, 0.12, 0.28, 0.08, 0.06, 0.01},
	},
	.chance[MATCH_BRANCHES] = {
		[MATCH_BY_NAME] = {1, 0.40, 0.08, 0.01, 0.12, 0.35, 0.04},
		[MATCH_BY_SITE] = {1, 0.75, 0.10, 0.05, 0.10},
		[MATCH_BY_EMAIL] = {1, 0.10, 0.30, 0.60},
		[MATCH_BY_PHONE] = {1, 0.10, 0.02, 0.18, 0.70},
		[MATCH_BY_PLACE] = {1, 0.02, 0.02, 0.06, 0.10, 0.70, 0.10},
	},
};

static const MatchTable of_persons = {
	.expected = {0.25, 0.08},
	.chance[MATCH_DUPLICATES] = {
		[MATCH_BY_NAME] = {1, 0.70, 0.10, 0.12, 0.06, 0.015, 0.005},
		[MATCH_BY_SITE] = {1, 0.70, 0.10, 0.05, 0.15},
		[MATCH_BY_EMAIL] = {1, 0.65, 0.15, 0.20},
		[MATCH_BY_PHONE] = {1, 0.60, 0.05, 0.05, 0.30},
		[MATCH_BY_PLACE] = {1, 0.45, 0.12, 0.28, 0.08, 0.06, 0.01},
	},
	/* Colleagues. */
	.chance[MATCH_BRANCHES] = {
		[MATCH_BY_NAME] = {1, 0.001, 0.0005, 0.002, 0.002, 0.15, 0.8445},
		[MATCH_BY_SITE] = {1, 0.80, 0.15, 0.03, 0.02},
		[MATCH_BY_EMAIL] = {1, 0.02, 0.01, 0.97},
		[MATCH_BY_PHONE] = {1, 0.30, 0.02, 0.28, 0.40},
		[MATCH_BY_PLACE] = {1, 0.50, 0.10, 0.20, 0.05, 0.14, 0.01},
	},
};

#define BIT		1000
#define LN2		0.69314718055994530942

/* log2, in thousandths of a bit. */
static int32
bits(double x)
{
	return (int32) floor(salesops_log(x) / LN2 * BIT + 0.5);
}

double
match_from_bits(int32 bits)
{
	return salesops_exp((double) bits / BIT * LN2);
}

/* Branches of a record to be expected where so many share what they are known by: what is beyond a pair of duplicates. */
int
match_sharing(int32 sharing)
{
	return Max(1, sharing - 2);
}

/* log2 of the chance of two records to be of a class, before anything is compared. */
int32
match_class_prior(const Match *match, MatchClass class, int32 sharing)
{
	return match->prior[class] + (class == MATCH_BRANCHES ? bits(match_sharing(sharing)) : 0);
}

/* Takes the chances of the table into use. */
void
match_use_table(Match *match)
{
	for (int c = 0; c < MATCH_CLASSES; c++)
	{
		match->prior[c] = bits(2 * match->table.expected[c] / Max(match->records - 1, 1));
		for (int k = 0; k < MATCH_EVIDENCES; k++)
			for (int level = 1; level < MATCH_LEVELS; level++)
				match->likelihood[c][k][level] = match->table.chance[c][k][level] > 0 ? bits(match->table.chance[c][k][level]) : 0;
	}
}

static int32 *
rarities(const MatchSet *set, int records)
{
	int32	   *rarity = palloc_extended(sizeof(int32) * Max(set->count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < set->count; i++)
		rarity[i] = Max(0, bits((double) records / set->often[i]));
	return rarity;
}

/* What match_compare() and match_weigh() need to know of all records. */
void
match_set_rarities(Match *match)
{
	static const MatchPart identity[] = {PART_BAG, PART_COMPANY, PART_SITE, PART_CORE, PART_STEM, PART_EMAIL, PART_USER, PART_PHONE};
	static const MatchPart place[] = {PART_ADDRESS, PART_CITY, PART_POSTAL_CODE};
	int			records = Max(match->records, FEWEST_RECORDS);

	match->word_rarity = rarities(&match->word, records);
	for (int i = 0; i < (int) lengthof(identity); i++)
		match->rarity[identity[i]] = rarities(&match->part[identity[i]], records);
	for (int i = 0; i < (int) lengthof(place); i++)
		match->rarity[place[i]] = rarities(&match->part[place[i]], Max(match->records, 1));
	match->table = match->options.kind == MATCH_PERSONS ? of_persons : of_companies;
	match_use_table(match);
}

/*
 * Two names that contradict each other are for somebody to look at, whatever else agrees. So are two people of one name with another employer or address, if nothing else
 * agrees: in a short list any name is rare.
 */
bool
match_may_be_sure(const Match *match, const MatchAgreement *agreement)
{
	const uint8 *level = agreement->level;
	bool		is_elsewhere = level[MATCH_BY_SITE] == SITE_DIFFER || level[MATCH_BY_EMAIL] == EMAIL_DIFFER;
	bool		agrees_too = level[MATCH_BY_SITE] == SITE_SAME || level[MATCH_BY_EMAIL] == EMAIL_SAME ||
		level[MATCH_BY_PHONE] == PHONE_SAME || level[MATCH_BY_PHONE] == PHONE_TYPO || level[MATCH_BY_PLACE] == PLACE_ADDRESS;

	if (match->options.kind == MATCH_PERSONS && is_elsewhere && !agrees_too)
		return false;
	return level[MATCH_BY_NAME] != NAME_CONFLICT && level[MATCH_BY_NAME] != NAME_DIFFER;
}

void
match_weigh(const Match *match, const MatchAgreement *agreement, MatchWeights *weights)
{
	int32		strangers = 0;
	int32		branches = match_class_prior(match, MATCH_BRANCHES, agreement->sharing);

	weights->prior = weights->total = match_class_prior(match, MATCH_DUPLICATES, agreement->sharing);
	for (int k = 0; k < MATCH_EVIDENCES; k++)
	{
		int			level = agreement->level[k];

		weights->evidence[k] = match->likelihood[0][k][level] + agreement->surprise[k];
		weights->total += weights->evidence[k];
		branches += match->likelihood[1][k][level];
		strangers -= agreement->surprise[k];
	}
	weights->relation = -bits(1 + match_from_bits(branches - strangers));
	weights->total += weights->relation;
}
