/*
 * match_text_sql.c: match_site(text) and match_name(text): what the matcher reads in one address or name, to look accounts up by.
 */
#include "account/match_text.h"

#include "common/hashfn.h"
#include "core/compat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* Names of more bytes end in a hash, so that an index has room for them. */
#define MOST_BYTES	400

static char *
as_utf8(text *value)
{
	char	   *given = text_to_cstring(value);

	return pg_server_to_any(given, (int) strlen(given), PG_UTF8);
}

/* In a database that is not UTF-8, bytes that are not ASCII come as two digits: a letter that decomposition left may not be in its encoding. */
static text *
from_utf8(const char *result)
{
	char	   *digits;
	char	   *to;

	if (GetDatabaseEncoding() == PG_UTF8)
		return cstring_to_text(result);
	to = digits = palloc(2 * strlen(result) + 1);
	for (const unsigned char *at = (const unsigned char *) result; *at; at++)
		to += sprintf(to, *at < 0x80 ? "%c" : "%02x", *at);
	*to = '\0';
	return cstring_to_text(digits);
}

/*
 * match_site(text): the domain that a company has registered, of an address of the web or of e-mail; NULL where there is none, or where everybody has a mailbox or a page.
 */
PG_FUNCTION_INFO_V1(salesops_match_site);
Datum
salesops_match_site(PG_FUNCTION_ARGS)
{
	const char *address = as_utf8(PG_GETARG_TEXT_PP(0));
	const char *at = strrchr(address, '@');
	char		host[MATCH_HOST_BYTES];
	int			name;
	const char *site;

	/* An e-mail address, with a name before it or not. */
	if (at && strcspn(address, "/?#") > (Size) (at - address))
		address = at + 1;
	site = match_site(address, host, sizeof(host), &name);
	if (site == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(from_utf8(site));
}

/*
 * match_name(text): the words of a company's name one after another, spelt out and without legal form; NULL where nothing is said.
 */
PG_FUNCTION_INFO_V1(salesops_match_name);
Datum
salesops_match_name(PG_FUNCTION_ARGS)
{
	MatchWordList words;
	char		joined[MATCH_JOINED_BYTES];
	int			length;

	if (!match_company_words(as_utf8(PG_GETARG_TEXT_PP(0)), &words))
		PG_RETURN_NULL();
	match_join(&words, joined, sizeof(joined));
	length = (int) strlen(joined);
	if (length > MOST_BYTES)
		snprintf(joined + pg_encoding_mbcliplen(PG_UTF8, joined, length, MOST_BYTES - 16), 17, "%016llx",
				 (unsigned long long) hash_bytes_extended((unsigned char *) joined, length, 0));
	PG_RETURN_TEXT_P(from_utf8(joined));
}
