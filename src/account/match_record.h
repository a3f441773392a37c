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

/* What two records may be beside strangers. */
typedef enum MatchClass
{
	MATCH_DUPLICATES,
	MATCH_BRANCHES
} MatchClass;
#define MATCH_CLASSES	(MATCH_BRANCHES + 1)

typedef struct MatchTable
{
	double		expected[MATCH_CLASSES];	/* of a record */
	double		chance[MATCH_CLASSES][MATCH_EVIDENCES][MATCH_LEVELS];	/* to agree so, where it is known */
} MatchTable;

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

	/* Records that are kept apart, each pair both ways; in order from match_run() on. */
	int			aparts;
	int			apart_room;
	struct MatchApart
	{
		int32		one;
		int32		other;
	}		   *apart;

	/* From match_run() on. */
	int32	   *corrected;		/* words, by match_corrections() */
	int32	   *corrected_city;
	int32	   *word_rarity;	/* thousandths of a bit: log2 of how few records have it */
	int32	   *rarity[MATCH_PARTS];	/* NULL where nothing asks for it */
	MatchTable	table;
	int32		prior[MATCH_CLASSES];	/* the same in thousandths of a bit: of a pair, and of its agreement */
	int32		likelihood[MATCH_CLASSES][MATCH_EVIDENCES][MATCH_LEVELS];
};

/* match.c: whether a record is kept apart from another, and the first of those that it is kept apart from. */
extern bool match_is_apart(const Match *match, int32 one, int32 other);
extern int	match_first_apart(const Match *match, int32 one);

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
extern void match_use_table(Match *match);
extern double match_from_bits(int32 bits);
extern int	match_sharing(int32 sharing);
extern int32 match_class_prior(const Match *match, MatchClass class, int32 sharing);
extern void match_weigh(const Match *match, const MatchAgreement *agreement, MatchWeights *weights);
extern bool match_may_be_sure(const Match *match, const MatchAgreement *agreement);

/* match_block.c */
typedef struct MatchNeighbours MatchNeighbours;

extern MatchNeighbours *match_blocks(Match *match, MatchResult *result);
/* Records before this one that share a block with it, each once, in order. */
extern int	match_neighbours(MatchNeighbours *neighbours, int record, const int32 **found);

/* match_fit.c */
extern void match_fit(Match *match, MatchNeighbours *neighbours);

/* match_cluster.c */
extern void match_cluster(const Match *match, MatchResult *result);

#endif
