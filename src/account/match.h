/*
 * match.h: which records are the same company, or the same person. Plain C: records in, pairs and clusters out.
 *
 * Records come one by one, in any order, each with a key and what is known of it. They are put into a common form, those that share
 * something are compared, and every pair gets a weight in bits: log2 of how much likelier what the two records show is for one company
 * than for two (Fellegi and Sunter 1969, A Theory for Record Linkage), where two may be strangers or branches of one organisation.
 *
 *	match_text.c		text as words that can be compared: Unicode, case, punctuation
 *	match_words.c		what words mean: legal forms, abbreviations, articles
 *	match_set.c			sets of texts, and how many records have each
 *	match_field.c		names, sites, e-mail addresses, phones, places
 *	match_typo.c		distance of two words, and which rare word is a misspelt one
 *	match_block.c		which pairs are compared, and what is left out
 *	match_compare.c		how much two records agree, field by field
 *	match_weight.c		what that is worth
 *	match_fit.c			how duplicates agree, learned from the records
 *	match_cluster.c		pairs become clusters
 *	match.c				the phases in their order
 *
 * Nothing here reads a clock, draws a random number or depends on the order of the records: the same records give the same result to the
 * last bit. Memory comes from palloc and is not freed, so call it in a context of its own.
 */
#ifndef SALESOPS_ACCOUNT_MATCH_H
#define SALESOPS_ACCOUNT_MATCH_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

/* What is matched. */
typedef enum MatchKind
{
	MATCH_COMPANIES,
	MATCH_PERSONS
} MatchKind;

/* What may be known of a record. */
typedef enum MatchField
{
	MATCH_NAME,
	MATCH_COMPANY,				/* whom a person works for; of a company nothing */
	MATCH_WEBSITE,
	MATCH_EMAIL,
	MATCH_PHONE,
	MATCH_STREET,
	MATCH_CITY,
	MATCH_STATE,
	MATCH_POSTAL_CODE,
	MATCH_COUNTRY
} MatchField;
#define MATCH_FIELDS	(MATCH_COUNTRY + 1)

/* What is weighed. A place is one kind of evidence: its street, postal code and city say the same thing more or less precisely. */
typedef enum MatchEvidence
{
	MATCH_BY_NAME,
	MATCH_BY_SITE,
	MATCH_BY_EMAIL,
	MATCH_BY_PHONE,
	MATCH_BY_PLACE
} MatchEvidence;
#define MATCH_EVIDENCES	(MATCH_BY_PLACE + 1)

/* How two records agree in one of them; 0 is unknown everywhere. */
enum
{
	MATCH_UNKNOWN = 0,

	NAME_SAME = 1,				/* but for case, punctuation and legal form */
	NAME_WORDS,					/* the same words: in another order, abbreviated, joined */
	NAME_TYPO,					/* but for a misspelt word */
	NAME_PART,					/* one has words that the other lacks */
	NAME_CONFLICT,				/* some words in common, and each has others */
	NAME_DIFFER,

	SITE_SAME = 1,
	SITE_CORE,					/* but for what follows the name: acme.com, acme.de */
	SITE_NEAR,					/* acme-group.com, acmee.com */
	SITE_DIFFER,

	EMAIL_SAME = 1,
	EMAIL_USER,					/* the same before the @ */
	EMAIL_DIFFER,

	PHONE_SAME = 1,
	PHONE_TYPO,					/* a digit differs, or two are swapped */
	PHONE_BRANCH,				/* the last digits differ */
	PHONE_DIFFER,

	PLACE_ADDRESS = 1,			/* house, street and town */
	PLACE_POSTAL_CODE,
	PLACE_CITY,
	PLACE_STREET_DIFFERS,		/* the same city, another street */
	PLACE_DIFFER,				/* another city */
	PLACE_COUNTRY_DIFFERS
};
#define MATCH_LEVELS	7

typedef struct MatchOptions
{
	MatchKind	kind;
	double		sure;			/* least weight, in bits, of a pair that is sure */
	double		review;			/* and of one that somebody should look at */
	int			block;			/* most records of a block that are compared with each other without more in common */

	/* Told now and then; true: stop. Its result is a result of nothing. */
	bool		(*progress) (const char *phase, double share, void *arg);
	void	   *progress_arg;
} MatchOptions;

/* Two records, the lesser key first. Weights are in thousandths of a bit. */
typedef struct MatchPair
{
	int32		one;
	int32		other;
	int32		weight;
	bool		is_sure;
	uint8		level[MATCH_EVIDENCES];
} MatchPair;

/* What a pair's weight is the sum of. */
typedef struct MatchWeights
{
	int32		prior;			/* before anything is known of two records */
	int32		evidence[MATCH_EVIDENCES];
	int32		relation;		/* not above 0: what they agree in, branches of one organisation do too */
	int32		total;
} MatchWeights;

/* A block too large to compare each with each. */
typedef struct MatchBlock
{
	const char *what;			/* kind of key */
	int32		sample;			/* a record of it: the one with the least key */
	int32		records;
	int64		compared;		/* pairs compared for this block */
	int64		left_out;		/* and not; another block may have compared them */
} MatchBlock;

typedef struct MatchResult
{
	int			pairs;			/* sure or for review, in the order of their records */
	MatchPair  *pair;
	int32	   *cluster;		/* of each record: the least record of its cluster; itself where it is alone */
	int			blocks;			/* too large; the largest first */
	MatchBlock *block;
	int64		compared;		/* pairs in all */
	int64		left_out;
	bool		stopped;
} MatchResult;

typedef struct Match Match;

extern Match *match_begin(const MatchOptions *options);
/* Fields that are NULL or empty are unknown. The key is copied; what is the matter with it is for the caller to know. Texts are UTF-8. */
extern void match_add(Match *match, const char *key, const char *const *field);
/* NULL, or a key that came twice. Puts the records in the order of their keys: from then on they are known by their place in it. */
extern const char *match_end(Match *match);
/* Two records that are not one, whatever they have in common: no pair, no cluster. After match_end(); a key that is not there is no matter. */
extern void match_keep_apart(Match *match, const char *one, const char *other);
extern MatchResult *match_run(Match *match);

extern int	match_records(const Match *match);
extern const char *match_key(const Match *match, int record);
/* What a pair's weight is made of. */
extern void match_explain(const Match *match, const MatchPair *pair, MatchWeights *weights);
extern const char *match_level_in_words(MatchEvidence evidence, int level);
extern const char *match_evidence_name(MatchEvidence evidence);

#endif
