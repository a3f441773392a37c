/*
 * match_field.c: a record taken apart: names, sites, e-mail addresses, phones, places.
 *
 * What says nothing is unknown: n/a, a page at a mail provider, a phone of one digit repeated.
 */
#include "account/match_record.h"

/* Digits of a phone that count, from its end: country codes, and zeros in their place, are before them. */
#define PHONE_DIGITS	8
#define FEWEST_DIGITS	7

static bool
is_placeholder(const char *joined)
{
	static const char *const list[] = {"", "na", "nan", "none", "notapplicable", "notavailable", "notprovided", "null", "tbd", "test", "unknown", "xxx"};

	for (int i = 0; i < (int) lengthof(list); i++)
		if (strcmp(joined, list[i]) == 0)
			return true;
	return false;
}

/* The words of a field; false: it is not known. */
static bool
read_words(const char *text, MatchWordList *words)
{
	char		joined[MATCH_JOINED_BYTES];

	if (text == NULL)
		return false;
	match_split(text, words);
	match_join(words, joined, sizeof(joined));
	return !is_placeholder(joined);
}

static int32
add_joined(MatchSet *set, const MatchWordList *words)
{
	char		joined[MATCH_JOINED_BYTES];

	match_join(words, joined, sizeof(joined));
	return joined[0] ? match_set_add(set, joined) : MATCH_NONE;
}

static int
compare_texts(const void *one, const void *other)
{
	return strcmp(*(const char *const *) one, *(const char *const *) other);
}

/* The words in the order of the alphabet, blanks between them. */
static int32
add_bag(MatchSet *set, const MatchWordList *words)
{
	const char *word[MATCH_MOST_WORDS + 1];
	char		bag[MATCH_JOINED_BYTES];
	int			length = 0;

	for (int i = 0; i < words->count; i++)
		word[i] = words->word[i];
	qsort(word, words->count, sizeof(char *), compare_texts);
	bag[0] = '\0';
	for (int i = 0; i < words->count; i++)
		length += snprintf(bag + length, sizeof(bag) - length, "%s%s", i == 0 ? "" : " ", word[i]);
	return match_set_add(set, bag);
}

static void
read_name(Match *match, MatchRecord *record, const char *text)
{
	MatchWordList words;

	if (!read_words(text, &words))
		return;
	if (match->options.kind == MATCH_COMPANIES)
	{
		const char *form = match_set_legal_forms_aside(&words);

		if (form)
			record->part[PART_LEGAL_FORM] = match_set_add(&match->part[PART_LEGAL_FORM], form);
		match_drop_articles(&words);
	}
	record->part[PART_NAME] = add_joined(&match->part[PART_NAME], &words);
	if (match->options.kind == MATCH_COMPANIES)
		match_spell_out(&words);
	record->part[PART_JOINED] = add_joined(&match->part[PART_JOINED], &words);
	record->part[PART_BAG] = add_bag(&match->part[PART_BAG], &words);

	if (match->words_used + words.count > match->words_size)
	{
		match->words_size = Max(65536, match->words_size * 2);
		match->word_of = match_larger(match->word_of, sizeof(int32) * match->words_used, sizeof(int32) * match->words_size);
	}
	record->first_word = match->words_used;
	record->words = words.count;
	for (int i = 0; i < words.count; i++)
		match->word_of[match->words_used++] = match_set_add(&match->word, words.word[i]);
}

/* The words of a company's name spelt out, without its legal form; false: it is not known. */
bool
match_company_words(const char *text, MatchWordList *words)
{
	if (!read_words(text, words))
		return false;
	match_set_legal_forms_aside(words);
	match_drop_articles(words);
	match_spell_out(words);
	return true;
}

static void
read_company(Match *match, MatchRecord *record, const char *text)
{
	MatchWordList words;

	if (match_company_words(text, &words))
		record->part[PART_COMPANY] = add_bag(&match->part[PART_COMPANY], &words);
}

/* The host of an address as one types it, in lower case; empty: there is none, or one longer than a host can be. */
static void
read_host(const char *text, char *host, Size size)
{
	const char *start = strstr(text, "://");
	const char *at;
	Size		length = 0;

	start = start ? start + 3 : text;
	while (*start == '/' || *start == ' ')
		start++;
	at = strchr(start, '@');
	if (at && strcspn(start, "/?# ") > (Size) (at - start))
		start = at + 1;
	while (start[length] && strchr("/?#: ,;<>\t\n\r", start[length]) == NULL)
	{
		if (length == size - 1)
		{
			length = 0;
			break;
		}
		host[length] = pg_tolower((unsigned char) start[length]);
		length++;
	}
	while (length > 0 && host[length - 1] == '.')
		length--;
	host[length] = '\0';
	if (strncmp(host, "www", 3) == 0)
	{
		Size		digits = 3 + strspn(host + 3, "0123456789");

		if (host[digits] == '.')
			memmove(host, host + digits + 1, length - digits);
	}
}

/*
 * What a company has registered of the host that an address names: acme.co.uk of shop.acme.co.uk. It lies within host, and name is the length of what is before its
 * suffix. NULL: the address has no host, or one where everybody has a mailbox or a page.
 */
const char *
match_site(const char *text, char *host, Size size, int *name)
{
	const char *label = host;
	int			suffix;

	read_host(text, host, size);
	suffix = match_public_suffix(host);
	if (suffix <= 0)
		return NULL;
	for (int i = 0; i < suffix; i++)
		if (host[i] == '.')
			label = host + i + 1;
	*name = (int) (host + suffix - label);
	return *name == 0 || match_is_shared_host(label, *name) ? NULL : label;
}

static void
read_site(Match *match, MatchRecord *record, const char *text)
{
	char		host[MATCH_HOST_BYTES];
	char		core[MATCH_HOST_BYTES];
	const char *label;
	int			name;
	int			length = 0;

	label = text ? match_site(text, host, sizeof(host), &name) : NULL;
	if (label == NULL)
		return;
	record->part[PART_SITE] = match_set_add(&match->part[PART_SITE], label);
	for (const char *at = label; at < label + name; at++)
		if (*at != '-' && *at != '_')
			core[length++] = *at;
	core[length] = '\0';
	if (length == 0)
		return;
	record->part[PART_CORE] = match_set_add(&match->part[PART_CORE], core);
	for (Size affix; (affix = match_site_affix(core, true)) > 0;)
		core[strlen(core) - affix] = '\0';
	length = (int) match_site_affix(core, false);
	record->part[PART_STEM] = match_set_add(&match->part[PART_STEM], core + length);
}

static void
read_email(Match *match, MatchRecord *record, const char *text)
{
	char		address[321];
	const char *at = text ? strrchr(text, '@') : NULL;
	Size		length = 0;

	if (at == NULL || at == text || at[1] == '\0')
		return;
	for (const char *c = text; c < at && length < 64; c++)
	{
		if (*c == '+')
			break;
		if (*c != ' ' && *c != '<')
			address[length++] = pg_tolower((unsigned char) *c);
	}
	address[length] = '\0';
	if (length == 0)
		return;
	record->part[PART_USER] = match_set_add(&match->part[PART_USER], address);
	address[length++] = '@';
	read_host(at + 1, address + length, sizeof(address) - length);
	record->part[PART_EMAIL] = match_set_add(&match->part[PART_EMAIL], address);
	if (record->part[PART_SITE] == MATCH_NONE)
		read_site(match, record, at + 1);
}

static void
read_phone(Match *match, MatchRecord *record, const char *text)
{
	char		digits[64];
	int			count = 0;
	bool		differ = false;

	if (text == NULL)
		return;
	for (const char *c = text; *c && count < (int) sizeof(digits) - 1; c++)
	{
		/* An extension ends it. */
		if (count >= FEWEST_DIGITS && (*c == 'x' || *c == 'X' || *c == '#' || *c == ',' || *c == ';' || pg_strncasecmp(c, "ext", 3) == 0))
			break;
		if (*c >= '0' && *c <= '9')
			digits[count++] = *c;
	}
	digits[count] = '\0';
	for (int i = 1; i < count; i++)
		differ |= digits[i] != digits[0];
	if (count >= FEWEST_DIGITS && differ)
		record->part[PART_PHONE] = match_set_add(&match->part[PART_PHONE], digits + Max(0, count - PHONE_DIGITS));
}

static void
read_street(Match *match, MatchRecord *record, const char *text)
{
	MatchWordList words;
	MatchWordList street = {.count = 0};
	const char *house = NULL;
	char		address[MATCH_JOINED_BYTES];

	if (!read_words(text, &words))
		return;
	for (int i = 0; i < words.count; i++)
	{
		const char *word = words.word[i];

		if (match_is_within_building(word) && i > 0)
			i++;
		else if (house == NULL && word[0] >= '0' && word[0] <= '9')
			house = word;
		else if (!match_is_street_type(word))
			strcpy(street.word[street.count++], word);
	}
	/* Hauptstrasse, Hauptstr. */
	for (int i = 0; i < street.count; i++)
	{
		Size		length = strlen(street.word[i]);

		if (length > 8 && strcmp(street.word[i] + length - 7, "strasse") == 0)
			street.word[i][length - 7] = '\0';
		else if (length > 4 && strcmp(street.word[i] + length - 3, "str") == 0)
			street.word[i][length - 3] = '\0';
	}
	if (house)
		record->part[PART_HOUSE] = match_set_add(&match->part[PART_HOUSE], house);
	record->part[PART_STREET] = add_joined(&match->part[PART_STREET], &street);
	if (house && street.count > 0)
	{
		char		joined[MATCH_JOINED_BYTES];

		match_join(&street, joined, sizeof(joined) - MATCH_WORD_BYTES - 1);
		snprintf(address, sizeof(address), "%s %s", house, joined);
		record->part[PART_ADDRESS] = match_set_add(&match->part[PART_ADDRESS], address);
	}
}

static void
read_place(Match *match, MatchRecord *record, const char *const *field)
{
	MatchWordList words;

	read_street(match, record, field[MATCH_STREET]);
	if (read_words(field[MATCH_CITY], &words))
	{
		match_spell_out(&words);
		record->part[PART_CITY] = add_joined(&match->part[PART_CITY], &words);
	}
	if (read_words(field[MATCH_STATE], &words))
		record->part[PART_STATE] = add_joined(&match->part[PART_STATE], &words);
	if (read_words(field[MATCH_POSTAL_CODE], &words))
	{
		/* Without the four digits that may follow an American one. */
		if (words.count == 2 && strlen(words.word[0]) == 5 && strlen(words.word[1]) == 4 && strspn(words.word[1], "0123456789") == 4)
			words.count = 1;
		record->part[PART_POSTAL_CODE] = add_joined(&match->part[PART_POSTAL_CODE], &words);
	}
	if (read_words(field[MATCH_COUNTRY], &words))
	{
		char		country[MATCH_JOINED_BYTES];
		int			length = 0;

		for (int i = 0; i < words.count; i++)
			length += snprintf(country + length, sizeof(country) - length, "%s%s", i == 0 ? "" : " ", words.word[i]);
		record->part[PART_COUNTRY] = match_set_add(&match->part[PART_COUNTRY], match_country(country));
	}
}

void
match_add(Match *match, const char *key, const char *const *field)
{
	Size		length = strlen(key) + 1;
	MatchRecord *record;

	if (match->records == match->room)
	{
		match->room = Max(1024, match->room * 2);
		match->record = match_larger(match->record, sizeof(MatchRecord) * match->records, sizeof(MatchRecord) * match->room);
	}
	if (match->keys_used + (int64) length > match->keys_size)
	{
		match->keys_size = Max(65536, 2 * (match->keys_used + (int64) length));
		match->keys = match_larger(match->keys, match->keys_used, match->keys_size);
	}
	record = &match->record[match->records++];
	memset(record, 0, sizeof(*record));
	for (int i = 0; i < MATCH_PARTS; i++)
		record->part[i] = MATCH_NONE;
	record->key = match->keys_used;
	memcpy(match->keys + match->keys_used, key, length);
	match->keys_used += length;

	read_name(match, record, field[MATCH_NAME]);
	read_company(match, record, field[MATCH_COMPANY]);
	read_site(match, record, field[MATCH_WEBSITE]);
	read_email(match, record, field[MATCH_EMAIL]);
	read_phone(match, record, field[MATCH_PHONE]);
	read_place(match, record, field);
}
