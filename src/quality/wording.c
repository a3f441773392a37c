/*
 * wording.c: questions about words that the audit asks once an open deal.
 *
 * SQL could ask them with btrim() and lower(), at several times the cost: those build a new text each time.
 */
#include "core/compat.h"

PG_FUNCTION_INFO_V1(salesops_is_blank);
PG_FUNCTION_INFO_V1(salesops_is_economic_buyer);

/* is_blank(text): whether there is nothing but spaces, tabs and line ends. */
Datum
salesops_is_blank(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	const char *c = VARDATA_ANY(value);
	const char *end = c + VARSIZE_ANY_EXHDR(value);

	while (c < end && (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n'))
		c++;
	PG_RETURN_BOOL(c == end);
}

/* is_economic_buyer(text): whether a contact role names the person who decides on the money; case and outer spaces aside. */
Datum
salesops_is_economic_buyer(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"economic buyer", "economic decision maker", "decision maker"};
	text	   *role = PG_GETARG_TEXT_PP(0);
	const char *start = VARDATA_ANY(role);
	const char *end = start + VARSIZE_ANY_EXHDR(role);

	while (start < end && *start == ' ')
		start++;
	while (end > start && end[-1] == ' ')
		end--;
	for (int i = 0; i < (int) lengthof(names); i++)
		if (strlen(names[i]) == (size_t) (end - start) && pg_strncasecmp(names[i], start, end - start) == 0)
			PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}
