/*
 * match_record.h: records as they are compared, for the inside of the matcher. See match.h.
 */
#ifndef SALESOPS_ACCOUNT_MATCH_RECORD_H
#define SALESOPS_ACCOUNT_MATCH_RECORD_H

#include "account/match_text.h"

/* What records have, each in a set of its own. */
typedef enum MatchPart
{
	PART_NAME,					/* words of the name joined, as written */
	PART_JOINED,				/* and spelt out */
	PART_BAG,					/* words of the name spelt out, in the order of the alphabet */
	PART_LEGAL_FORM,			/* its family */
	PART_COMPANY,				/* whom a person works for, as PART_BAG */
	PART_SITE,					/* what was registered: acme.co.uk */
	PART_CORE,					/* acme */
	PART_STEM,					/* acme of getacme-group */
	PART_EMAIL,
	PART_USER,					/* before the @ */
	PART_PHONE,					/* its last digits */
	PART_HOUSE,
	PART_STREET,
	PART_ADDRESS,				/* house and street */
	PART_CITY,
	PART_STATE,
	PART_POSTAL_CODE,
	PART_COUNTRY
} MatchPart;
#define MATCH_PARTS		(PART_COUNTRY + 1)

typedef struct MatchRecord
{
	int64		key;			/* where it begins */
	int64		first_word;		/* in Match.word_of */
	int			words;
	int32		part[MATCH_PARTS];	/* MATCH_NONE: unknown */
} MatchRecord;

struct Match
{
	MatchOptions options;
	int			records;
	int			room;
	MatchRecord *record;
	char	   *keys;
	int64		keys_used;
	int64		keys_size;
	int32	   *word_of;
	int64		words_used;
	int64		words_size;
	MatchSet	word;
	MatchSet	part[MATCH_PARTS];

	/* From match_run() on. */
	int32	   *corrected;		/* words, by match_corrections() */
	int32	   *corrected_city;
	int32	   *word_rarity;	/* thousandths of a bit: log2 of how few records have it */
	int32	   *rarity[MATCH_PARTS];	/* NULL where nothing asks for it */
	int32		prior;			/* P(duplicates), and of what they and branches agree in; thousandths of a bit */
	int32		likelihood[2][MATCH_EVIDENCES][MATCH_LEVELS];
};

/* match_compare.c: how two records agree, and how much that would be by chance, in thousandths of a bit. */
typedef struct MatchAgreement
{
	uint8		level[MATCH_EVIDENCES];
	int32		surprise[MATCH_EVIDENCES];	/* log2 of how seldom two strangers agree so; 0: always */
	int32		sharing;		/* records that have what the organisation of these two is known by */
} MatchAgreement;

extern void match_compare(const Match *match, const MatchRecord *a, const MatchRecord *b, MatchAgreement *agreement);

/* match_weight.c */
extern void match_set_rarities(Match *match);
extern void match_weigh(const Match *match, const MatchAgreement *agreement, MatchWeights *weights);
extern bool match_may_be_sure(const Match *match, const MatchAgreement *agreement);

/* match_block.c */
typedef struct MatchNeighbours MatchNeighbours;

extern MatchNeighbours *match_blocks(Match *match, MatchResult *result);
/* Records before this one that share a block with it, each once, in order. */
extern int	match_neighbours(MatchNeighbours *neighbours, int record, const int32 **found);

/* match_cluster.c */
extern void match_cluster(const Match *match, MatchResult *result);

#endif
