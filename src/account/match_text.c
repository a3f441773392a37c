/*
 * match_text.c: a text as words that can be compared.
 *
 * Compatibility decomposition (Unicode NFKD, the server's own), marks dropped, case folded by rules that do not depend on a locale,
 * punctuation and symbols to blanks. So Café, CAFÉ and cafe are one word, and so are ﬁrst and first, or full-width and plain letters.
 */
#include "account/match_text.h"

#include "common/hashfn.h"
#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"

/* Characters of a text that are looked at. */
#define MOST_CHARACTERS	2048

typedef enum CharacterKind
{
	IN_WORD,
	BETWEEN,					/* ends a word */
	NOTHING						/* a mark, an apostrophe: as if it were not there */
} CharacterKind;

static inline bool
is_between(uint32 c, uint32 from, uint32 to)
{
	return c >= from && c <= to;
}

/* Marks that decomposition leaves: Latin, Greek, Cyrillic accents, Hebrew and Arabic points; those of Indic scripts are letters. */
static bool
is_mark(uint32 c)
{
	return is_between(c, 0x0300, 0x036f) || is_between(c, 0x0483, 0x0489) || is_between(c, 0x0591, 0x05bd) || c == 0x05bf ||
		is_between(c, 0x0610, 0x061a) || c == 0x0640 || is_between(c, 0x064b, 0x065f) || c == 0x0670 || is_between(c, 0x1ab0, 0x1aff) ||
		is_between(c, 0x1dc0, 0x1dff) || is_between(c, 0x200b, 0x200f) || is_between(c, 0x202a, 0x202e) || is_between(c, 0x2060, 0x206f) ||
		is_between(c, 0x20d0, 0x20ff) || is_between(c, 0xfe00, 0xfe0f) || is_between(c, 0xfe20, 0xfe2f) || c == 0xfeff || c == 0xad;
}

static CharacterKind
kind_of(uint32 c)
{
	if (c < 0x80)
	{
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			return IN_WORD;
		return c == '\'' || c == '`' ? NOTHING : BETWEEN;
	}
	if (is_mark(c) || c == 0x2018 || c == 0x2019 || c == 0x02bc || c == 0xb4)
		return NOTHING;
	if (is_between(c, 0x80, 0xbf) || c == 0xd7 || c == 0xf7 || is_between(c, 0x2000, 0x2bff) || is_between(c, 0x2e00, 0x2e7f) ||
		is_between(c, 0x3000, 0x3004) || is_between(c, 0x3008, 0x3020) || c == 0x3030 || c == 0x30fb || is_between(c, 0xe000, 0xf8ff) ||
		is_between(c, 0xfe10, 0xfe6f) || c == 0x060c || c == 0x061b || c == 0x061f || c == 0x05be || c == 0xfffd || is_between(c, 0x1f000, 0x1faff) ||
		c >= 0xe0000)
		return BETWEEN;
	return IN_WORD;
}

/* Lower case, and letters that decomposition leaves whole; to one or two characters. */
static int
fold(uint32 c, uint32 *to)
{
	static const struct
	{
		uint32		from;
		char		to[3];
	}			whole[] = {
		{0xc6, "ae"}, {0xe6, "ae"}, {0xd0, "d"}, {0xf0, "d"}, {0xd8, "o"}, {0xf8, "o"}, {0xde, "th"}, {0xfe, "th"}, {0xdf, "ss"}, {0x1e9e, "ss"},
		{0x110, "d"}, {0x111, "d"}, {0x126, "h"}, {0x127, "h"}, {0x131, "i"}, {0x141, "l"}, {0x142, "l"}, {0x152, "oe"}, {0x153, "oe"},
		{0x166, "t"}, {0x167, "t"}, {0x14a, "n"}, {0x14b, "n"},
	};

	to[0] = c;
	if (c < 0x80)
	{
		if (c >= 'A' && c <= 'Z')
			to[0] = c + ('a' - 'A');
		return 1;
	}
	if (c <= 0x1e9e)
	{
		for (int i = 0; i < (int) lengthof(whole); i++)
			if (whole[i].from == c)
			{
				to[0] = whole[i].to[0];
				to[1] = whole[i].to[1];
				return to[1] ? 2 : 1;
			}
		if (is_between(c, 0x391, 0x3a9) || is_between(c, 0x410, 0x42f))
			to[0] = c + 0x20;
		else if (c == 0x3c2)	/* sigma at the end of a word */
			to[0] = 0x3c3;
		else if (is_between(c, 0x400, 0x40f))
			to[0] = c + 0x50;
		else if (is_between(c, 0x460, 0x481) || is_between(c, 0x48a, 0x4bf) || is_between(c, 0x4d0, 0x52f))
			to[0] = c | 1;
		else if (is_between(c, 0x531, 0x556))
			to[0] = c + 0x30;
	}
	return 1;
}

/* Characters of a text, at most so many; a byte that is not UTF-8 stands for itself. */
int
match_decode(const char *text, uint32 *codepoint, int most)
{
	const unsigned char *at = (const unsigned char *) text;
	int			count = 0;

	while (*at && count < most)
	{
		int			length = *at < 0x80 ? 1 : pg_utf_mblen(at);

		if (length > 1 && (strnlen((const char *) at, length) < (Size) length || !pg_utf8_islegal(at, length)))
			length = 1;
		codepoint[count++] = length == 1 ? *at : utf8_to_unicode(at);
		at += length;
	}
	return count;
}

static bool
has_only_ascii(const char *text)
{
	for (const unsigned char *at = (const unsigned char *) text; *at; at++)
		if (*at >= 0x80)
			return false;
	return true;
}

/* A word as it grows. */
typedef struct Word
{
	char	   *text;
	int			bytes;
	int			characters;
	uint64		rest;			/* of what has no room, as a number */
} Word;

static void
add_character(Word *word, uint32 c)
{
	unsigned char bytes[4];
	int			size;

	unicode_to_utf8(c, bytes);
	size = pg_utf_mblen(bytes);
	if (word->bytes + size < MATCH_WORD_BYTES - 16)
	{
		memcpy(word->text + word->bytes, bytes, size);
		word->bytes += size;
	}
	else
		word->rest = hash_bytes_uint32_extended(c, word->rest);
	word->characters++;
}

static void
end_word(Word *word)
{
	word->text[word->bytes] = '\0';
	if (word->rest != 0)
		snprintf(word->text + word->bytes, 17, "%08x%08x", (uint32) (word->rest >> 32), (uint32) word->rest);
}

/*
 * The words of a text. Letters with dots or blanks between them are one word (S.A., I B M). What follows the last word that there is room for
 * goes into it.
 */
void
match_split(const char *text, MatchWordList *words)
{
	uint32		given[MOST_CHARACTERS + 1];
	uint32	   *character = given;
	int			count = match_decode(text, given, MOST_CHARACTERS);
	bool		was_letter = false; /* the word before is of single letters */
	Word		word = {.text = words->word[0]};

	words->count = 0;
	if (count == MOST_CHARACTERS)
		word.rest = hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 0);
	given[count] = 0;
	if (!has_only_ascii(text))
		character = (uint32 *) unicode_normalize(UNICODE_NFKD, (const pg_wchar *) given);

	for (int i = 0;; i++)
	{
		uint32		c = character[i];
		CharacterKind kind = c == 0 ? BETWEEN : kind_of(c);

		if (kind == IN_WORD)
		{
			uint32		folded[2];
			int			size = fold(c, folded);

			for (int k = 0; k < size; k++)
				add_character(&word, folded[k]);
		}
		else if (kind == BETWEEN && word.bytes > 0 && (c == 0 || words->count < MATCH_MOST_WORDS))
		{
			bool		is_letter = word.characters == 1 && !(word.text[0] >= '0' && word.text[0] <= '9');

			end_word(&word);
			if (is_letter && was_letter && strlen(words->word[words->count - 1]) + word.bytes < MATCH_WORD_BYTES)
				strcat(words->word[words->count - 1], word.text);
			else
				words->count++;
			was_letter = is_letter;
			word = (Word) {.text = words->word[Min(words->count, MATCH_MOST_WORDS)]};
		}
		if (c == 0)
			break;
	}
	if (character != given)
		pfree(character);
}

/* The words one after another. */
void
match_join(const MatchWordList *words, char *joined, Size size)
{
	Size		length = 0;

	for (int i = 0; i < words->count; i++)
	{
		Size		more = strlen(words->word[i]);

		if (length + more + 1 > size)
			break;
		memcpy(joined + length, words->word[i], more);
		length += more;
	}
	joined[length] = '\0';
}
