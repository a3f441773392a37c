/*
 * scan_text.h: reading the plain words and numbers that our types' text forms are made of.
 */
#ifndef SALESOPS_CORE_SCAN_TEXT_H
#define SALESOPS_CORE_SCAN_TEXT_H

#include "core/compat.h"

#define BLANKS		" \t\r\n"

/* Skips blanks and then the given words; false, and nothing but blanks skipped, where they do not stand there. */
static inline bool
skip_words(char **s, const char *words)
{
	*s += strspn(*s, BLANKS);
	if (pg_strncasecmp(*s, words, strlen(words)) != 0)
		return false;
	*s += strlen(words);
	return true;
}

/* Reads a number of things. */
static inline bool
read_count(char **s, int64 *count)
{
	*s += strspn(*s, BLANKS);
	if (**s < '0' || **s > '9')
		return false;
	errno = 0;
	*count = strtoll(*s, s, 10);
	return errno == 0;
}

#endif
