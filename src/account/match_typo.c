/*
 * match_typo.c: how far two words are apart, and which rare word is a misspelt one.
 *
 * The distance counts letters put in, left out, changed, and neighbours swapped (optimal string alignment, a restricted Damerau 1964).
 * Words at a distance of 1 share what is left when one letter of each is left out, so they are found by a sort of such remains and not
 * by comparing each with each.
 *
 * Two words that are both common are two words, however near (ford, nord): a misspelling is rare, or much rarer than what was meant.
 */
#include "account/match_text.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"

/* Letters of a word that may be misspelt, in two places, and of one whose neighbours are looked for. */
#define FEWEST_LETTERS	3
#define LETTERS_OF_TWO	6
#define LEAST_LETTERS	4
/* A word that so many records have is rare. */
#define RARE			3
/* How much rarer than what was meant a misspelling is. */
#define RARER			20
/* Words with the same remains that are compared with each other. */
#define MOST_ALIKE		64

/* Distance of two texts, or most + 1 where it is more. */
int
match_distance(const char *one, const char *other, int most)
{
	uint32		a[MATCH_WORD_BYTES];
	uint32		b[MATCH_WORD_BYTES];
	int			row[3][MATCH_WORD_BYTES + 1];
	int			length_a = match_decode(one, a, MATCH_WORD_BYTES - 1);
	int			length_b = match_decode(other, b, MATCH_WORD_BYTES - 1);
	int			from = 0;

	if (abs(length_a - length_b) > most)
		return most + 1;
	while (length_a > from && length_b > from && a[from] == b[from])
		from++;
	while (length_a > from && length_b > from && a[length_a - 1] == b[length_b - 1])
		length_a--, length_b--;

	for (int j = 0; j <= length_b - from; j++)
		row[0][j] = j;
	for (int i = 1; i <= length_a - from; i++)
	{
		int		   *before = row[(i + 1) % 3];
		int		   *last = row[(i + 2) % 3];
		int		   *now = row[i % 3];
		int			least = i;

		now[0] = i;
		for (int j = 1; j <= length_b - from; j++)
		{
			bool		same = a[from + i - 1] == b[from + j - 1];

			now[j] = Min(Min(last[j], now[j - 1]) + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && a[from + i - 1] == b[from + j - 2] && a[from + i - 2] == b[from + j - 1])
				now[j] = Min(now[j], before[j - 2] + 1);
			least = Min(least, now[j]);
		}
		if (least > most)
			return most + 1;
	}
	return Min(most + 1, row[(length_a - from) % 3][length_b - from]);
}

/*
 * Characters of a word, 0 where it is none to be misspelt: too long, or with a number at its end, where each digit counts (GTX500); and a bit for
 * each kind of letter.
 */
int
match_letters(const char *word, uint32 *letter, uint32 *mask)
{
	int			count = match_decode(word, letter, MATCH_MOST_LETTERS + 1);

	*mask = 0;
	for (int i = 0; i < count; i++)
		*mask |= (uint32) 1 << (letter[i] % 32);
	return count == 0 || count > MATCH_MOST_LETTERS || (letter[count - 1] >= '0' && letter[count - 1] <= '9') ? 0 : count;
}

/* Whether one of two words of so many letters may be the other misspelt, as far as their frequencies say. */
static bool
may_be_misspelt(int32 often, int32 meant)
{
	return often <= RARE || often <= meant / RARER;
}

/* Whether one of two texts may be the other misspelt, as far as their frequencies say. */
bool
match_may_be_misspelt(const MatchSet *set, int32 one, int32 other)
{
	return may_be_misspelt(Min(set->often[one], set->often[other]), Max(set->often[one], set->often[other]));
}

/* The distance of two texts one of which may be the other misspelt; 0: it may not. The shorter they are the less they may differ. */
int
match_misspelling(const MatchSet *set, int32 one, int32 other)
{
	int			fewest = Min(set->letters[one], set->letters[other]);
	int			most = fewest < FEWEST_LETTERS ? 0 : fewest < LETTERS_OF_TWO ? 1 : 2;
	int			distance;

	/* A letter changed takes one kind away and brings another. */
	if (most == 0 || Max(set->letters[one], set->letters[other]) - fewest > most || pg_popcount32(set->mask[one] ^ set->mask[other]) > 2 * most ||
		!match_may_be_misspelt(set, one, other))
		return 0;
	distance = match_distance(match_text(set, one), match_text(set, other), most);
	return distance > most ? 0 : distance;
}

typedef struct Remains
{
	uint64		hash;
	int32		word;
} Remains;

#define ST_SORT sort_remains
#define ST_ELEMENT_TYPE Remains
#define ST_COMPARE(a, b) ((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : 0)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* More common before less common, then by text. */
static int
compare_words(const MatchSet *set, int32 one, int32 other)
{
	if (set->often[one] != set->often[other])
		return set->often[one] > set->often[other] ? -1 : 1;
	return one == other ? 0 : strcmp(match_text(set, one), match_text(set, other));
}

#define ST_SORT sort_words
#define ST_ELEMENT_TYPE Remains
#define ST_COMPARE(a, b, set) compare_words(set, (a)->word, (b)->word)
#define ST_COMPARE_ARG_TYPE const MatchSet
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Among words with the same remains, which is the best that each may be a misspelling of. */
static void
find_best(const MatchSet *set, const Remains *alike, int count, int32 *best)
{
	for (int i = 1; i < count; i++)
		for (int j = 0; j < Min(i, MOST_ALIKE); j++)
		{
			int32		word = alike[i].word;
			int32		meant = alike[j].word;

			if (word == meant || !may_be_misspelt(set->often[word], set->often[meant]))
				continue;
			if (best[word] != word && compare_words(set, best[word], meant) <= 0)
				break;			/* those that follow are no better */
			if (match_distance(match_text(set, word), match_text(set, meant), 1) <= 1)
				best[word] = meant;
		}
}

/* For each text what it is most likely a misspelling of, followed to the end; itself where it is none. */
int32 *
match_corrections(const MatchSet *set)
{
	int32	   *best = palloc_extended(sizeof(int32) * Max(set->count, 1), MCXT_ALLOC_HUGE);
	uint32		letter[MATCH_MOST_LETTERS + 1];
	Remains    *remains;
	int64		count = 0;

	for (int i = 0; i < set->count; i++)
	{
		int			length = set->letters[i];

		best[i] = i;
		count += length >= LEAST_LETTERS ? length + 1 : 0;
	}
	remains = palloc_extended(sizeof(Remains) * Max(count, 1), MCXT_ALLOC_HUGE);
	count = 0;
	for (int i = 0; i < set->count; i++)
	{
		int			length = match_decode(match_text(set, i), letter, set->letters[i]);

		for (int skip = 0; skip <= length && length >= LEAST_LETTERS; skip++)
		{
			uint32		left[MATCH_MOST_LETTERS];
			int			n = 0;

			for (int k = 0; k < length; k++)
				if (k != skip)
					left[n++] = letter[k];
			remains[count].hash = hash_bytes_extended((unsigned char *) left, sizeof(uint32) * n, 0);
			remains[count++].word = i;
		}
	}
	sort_remains(remains, count);
	for (int64 from = 0, to; from < count; from = to)
	{
		for (to = from + 1; to < count && remains[to].hash == remains[from].hash; to++)
			;
		if (to - from > 1)
		{
			sort_words(remains + from, to - from, set);
			find_best(set, remains + from, (int) (to - from), best);
		}
	}
	pfree(remains);

	/* What a word is corrected to is more common, or as common and before it, so every chain ends. */
	for (int i = 0; i < set->count; i++)
	{
		int32		end = i;

		while (best[end] != end)
			end = best[end];
		for (int32 at = i; best[at] != end && at != end;)
		{
			int32		next = best[at];

			best[at] = end;
			at = next;
		}
	}
	return best;
}
