/*
 * next_step.c: whether a next step is specific.
 *
 * A next step that can be acted on says what is done (a verb), when (a date), and in at least three words. We read
 * English: the verb is one of those sellers use, in any of its forms; a date is a number with separators (2026-07-15,
 * 15.7., 7/15), a month or weekday by name, a relative day (tomorrow, end of week) or a quarter (Q3).
 */
#include "core/compat.h"

#include <ctype.h>

#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(salesops_next_step_lacks);

/* Longer words are none of ours. */
#define WORD_LENGTH 24

/* In alphabetical order. */
static const char *const verbs[] = {
	"address", "agree", "align", "approve", "arrange", "ask", "attend", "book", "build", "call", "chase", "check", "close",
	"complete", "confirm", "contact", "coordinate", "create", "define", "deliver", "demo", "discuss", "draft", "email",
	"engage", "escalate", "evaluate", "exchange", "execute", "expect", "finalise", "finalize", "finish", "follow", "get",
	"give", "hold", "introduce", "invite", "issue", "kick", "mail", "make", "map", "meet", "negotiate", "obtain", "offer",
	"onboard", "organise", "organize", "pilot", "pitch", "plan", "prepare", "present", "propose", "provide", "push", "quote",
	"reach", "receive", "resend", "resolve", "respond", "review", "revise", "run", "schedule", "scope", "secure", "send",
	"set", "share", "show", "sign", "speak", "start", "submit", "talk", "test", "update", "validate", "verify", "visit",
	"wait", "walk", "write",
};

/* Forms that the endings below do not give. */
static const char *const irregular_verbs[] = {
	"got", "held", "made", "met", "ran", "sent", "spoke", "wrote",
};

static const char *const date_words[] = {
	"apr", "april", "aug", "august", "dec", "december", "eod", "eom", "eoq", "eow", "feb", "february", "fri", "friday", "jan",
	"january", "jul", "july", "jun", "june", "mar", "march", "may", "mon", "monday", "nov", "november", "oct", "october",
	"q1", "q2", "q3", "q4", "sat", "saturday", "sep", "sept", "september", "sun", "sunday", "thu", "thursday", "today",
	"tomorrow", "tonight", "tue", "tuesday", "wed", "wednesday",
};

/* After next, this, or end of (the). */
static const char *const periods[] = {"month", "quarter", "week", "year"};

static int
compare_word(const void *word, const void *entry)
{
	return strcmp((const char *) word, *(const char *const *) entry);
}

#define is_among(word, list) (bsearch(word, list, lengthof(list), sizeof(list[0]), compare_word) != NULL)

/* Whether a word less an ending, plus what stood there before, is one of the verbs. */
static bool
is_inflected(const char *word, size_t length, const char *ending, const char *before)
{
	char		stem[WORD_LENGTH + 2];
	size_t		ending_length = strlen(ending);

	if (length <= ending_length + 1 || strcmp(word + length - ending_length, ending) != 0)
		return false;
	snprintf(stem, sizeof(stem), "%.*s%s", (int) (length - ending_length), word, before);
	return is_among(stem, verbs);
}

/* Whether a word is a verb in any form: send, sends, sending, scheduled, planning, verifies. */
static bool
is_verb(const char *word, size_t length)
{
	static const char *const endings[] = {"s", "es", "ed", "d", "ing"};
	char		single[WORD_LENGTH + 1];

	if (is_among(word, verbs) || is_among(word, irregular_verbs))
		return true;
	for (size_t i = 0; i < lengthof(endings); i++)
		if (is_inflected(word, length, endings[i], ""))
			return true;
	if (is_inflected(word, length, "ing", "e") || is_inflected(word, length, "ies", "y") || is_inflected(word, length, "ied", "y"))
		return true;

	/* planning, mapped: the consonant is doubled. */
	for (size_t i = 2; i < lengthof(endings); i++)
	{
		size_t		stem = length - Min(length, strlen(endings[i]));

		if (stem < 3 || strcmp(word + stem, endings[i]) != 0 || word[stem - 1] != word[stem - 2])
			continue;
		snprintf(single, sizeof(single), "%.*s", (int) (stem - 1), word);
		if (is_among(single, verbs))
			return true;
	}
	return false;
}

/* Whether a text holds a number such as 2026-07-15, 15.7. or 7/15 from here on. */
static bool
is_numeric_date(const char *at, const char *end)
{
	const char *p = at;
	int			numbers = 0;
	char		separator = '\0';

	for (;;)
	{
		const char *digits = p;

		while (p < end && isdigit((unsigned char) *p))
			p++;
		if (p == digits || p - digits > 4)
			return numbers >= 2 && p == digits;
		numbers++;
		if (p == end || (*p != '-' && *p != '/' && *p != '.') || (separator != '\0' && *p != separator))
			return numbers >= 2;
		separator = *p++;
	}
}

/*
 * next_step_lacks(next_step): what it lacks of date, verb and three words, in that order; NULL where it lacks nothing.
 * Words are separated by white space and count if they hold a letter or digit; bytes beyond ASCII count as letters.
 */
Datum
salesops_next_step_lacks(PG_FUNCTION_ARGS)
{
	text	   *next_step = PG_GETARG_TEXT_PP(0);
	const char *p = VARDATA_ANY(next_step);
	const char *end = p + VARSIZE_ANY_EXHDR(next_step);
	bool		has_date = false,
				has_verb = false,
				in_word = false,
				names_period = false;
	int			words = 0;
	char		result[32] = "";

	while (p < end)
	{
		char		word[WORD_LENGTH + 1];
		size_t		length = 0;

		if (!isalnum((unsigned char) *p) && !IS_HIGHBIT_SET(*p))
		{
			if (isspace((unsigned char) *p))
				in_word = false;
			p++;
			continue;
		}
		if (!in_word)
			words++;
		in_word = true;
		has_date = has_date || (isdigit((unsigned char) *p) && is_numeric_date(p, end));

		/* A run of letters and digits is looked up, in lower case. */
		while (p < end && (isalnum((unsigned char) *p) || IS_HIGHBIT_SET(*p)))
		{
			if (length < WORD_LENGTH)
				word[length] = pg_ascii_tolower((unsigned char) *p);
			length++;
			p++;
		}
		if (length > WORD_LENGTH)
			continue;
		word[length] = '\0';
		has_verb = has_verb || is_verb(word, length);
		has_date = has_date || is_among(word, date_words) || (names_period && is_among(word, periods));
		names_period = strcmp(word, "next") == 0 || strcmp(word, "this") == 0 || strcmp(word, "of") == 0 ||
			(names_period && strcmp(word, "the") == 0);
	}

	if (!has_date)
		strlcat(result, ", date", sizeof(result));
	if (!has_verb)
		strlcat(result, ", verb", sizeof(result));
	if (words < 3)
		strlcat(result, ", three words", sizeof(result));
	if (result[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(result + strlen(", ")));
}
