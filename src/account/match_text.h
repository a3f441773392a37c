/*
 * match_text.h: texts and words, for the inside of the matcher. See match.h.
 */
#ifndef SALESOPS_ACCOUNT_MATCH_TEXT_H
#define SALESOPS_ACCOUNT_MATCH_TEXT_H

#include "account/match.h"

#define MATCH_NONE			(-1)
/* Words of a text that are looked at one by one; those after them are taken as one. */
#define MATCH_MOST_WORDS	24
/* Letters of a word or text that may be misspelt. */
#define MATCH_MOST_LETTERS	40
/* Bytes of a word; a longer one is cut and says so by a hash of the rest. */
#define MATCH_WORD_BYTES	96

/* Room for a text made of words, and for a host. */
#define MATCH_JOINED_BYTES	(MATCH_WORD_BYTES * (MATCH_MOST_WORDS + 2))
#define MATCH_HOST_BYTES	256

/* The words of a text, in its order. */
typedef struct MatchWordList
{
	int			count;
	char		word[MATCH_MOST_WORDS + 1][MATCH_WORD_BYTES];
} MatchWordList;

/* match_set.c: distinct texts, known by their number. Numbers are in the order of arrival: nothing may depend on their order. */
typedef struct MatchSet
{
	int			count;
	int			room;
	int			slots;			/* a power of 2 */
	int32	   *slot;
	uint32	   *hash;
	int64	   *start;
	int32	   *often;			/* records that have it */
	uint8	   *letters;		/* by match_letters() */
	uint32	   *mask;			/* which letters, a bit for each thirty-second of them */
	char	   *text;
	int64		used;
	int64		size;
} MatchSet;

extern void match_set_begin(MatchSet *set);
extern int32 match_set_add(MatchSet *set, const char *text);
extern void *match_larger(void *old, Size used, Size size);

static inline const char *
match_text(const MatchSet *set, int32 number)
{
	return set->text + set->start[number];
}

extern void match_split(const char *text, MatchWordList *words);
extern void match_join(const MatchWordList *words, char *joined, Size size);
extern int	match_decode(const char *text, uint32 *codepoint, int most);

/* match_words.c */
extern const char *match_set_legal_forms_aside(MatchWordList *words);
extern void match_drop_articles(MatchWordList *words);
extern bool match_is_line_of_business(const char *word);
extern void match_spell_out(MatchWordList *words);
extern const char *match_country(const char *text);
extern bool match_is_street_type(const char *word);
extern bool match_is_within_building(const char *word);
extern int	match_public_suffix(const char *host);
extern bool match_is_shared_host(const char *site, int name);
extern Size match_site_affix(const char *core, bool at_end);

/* match_field.c */
extern const char *match_site(const char *text, char *host, Size size, int *name);
extern bool match_company_words(const char *text, MatchWordList *words);

/* match_typo.c */
extern int	match_letters(const char *word, uint32 *letter, uint32 *mask);
extern int	match_distance(const char *one, const char *other, int most);
extern int32 *match_corrections(const MatchSet *set);
extern bool match_may_be_misspelt(const MatchSet *set, int32 one, int32 other);
extern int	match_misspelling(const MatchSet *set, int32 one, int32 other);

#endif
