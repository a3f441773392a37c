/*
 * win_text.c: reading and writing the JSON that win_cells and win_model are in text form.
 *
 * The texts are JSON so that anybody can look into them with anything. They are read by what is expected next, not as
 * JSON in general: keys have one order. White space may stand between any two tokens. The server's own JSON
 * reader would build a tree of millions of values first, and its interface is another one in every release.
 *
 * A double is written in the fewest digits that read back as the same bits.
 */
#include "forecast/win_text.h"

#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

/* Goes over white space and then the token; false, and nothing but white space passed, where it does not stand there. */
bool
win_scan(WinScanner *scanner, const char *token)
{
	if (scanner->is_bad)
		return false;
	scanner->at += strspn(scanner->at, " \t\r\n");
	if (strncmp(scanner->at, token, strlen(token)) != 0)
		return false;
	scanner->at += strlen(token);
	return true;
}

/* Goes over a token that must stand there. */
void
win_expect(WinScanner *scanner, const char *token)
{
	if (!win_scan(scanner, token))
		scanner->is_bad = true;
}

/* Goes over a key and its colon. */
void
win_expect_key(WinScanner *scanner, const char *key)
{
	win_expect(scanner, "\"");
	win_expect(scanner, key);
	win_expect(scanner, "\"");
	win_expect(scanner, ":");
}

/*
 * Whether another item of a list comes: its comma is passed, or the bracket that closes the list. Items counts those
 * that were passed, 0 before the first.
 */
bool
win_list_goes_on(WinScanner *scanner, int *items, const char *closing)
{
	if (win_scan(scanner, closing))
		return false;
	if ((*items)++ > 0)
		win_expect(scanner, ",");
	return !scanner->is_bad;
}

/* Reads the four digits of \uXXXX. */
static pg_wchar
scan_hex(WinScanner *scanner)
{
	pg_wchar	code = 0;

	for (int i = 0; i < 4; i++)
	{
		char		c = *scanner->at;

		if (c >= '0' && c <= '9')
			code = code * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			code = code * 16 + ((c | 0x20) - 'a' + 10);
		else
		{
			scanner->is_bad = true;
			return 0;
		}
		scanner->at++;
	}
	return code;
}

/* Reads a string, in its quotes. Always a string that can be looked at, an empty one where the text is bad. */
char *
win_scan_text(WinScanner *scanner)
{
	StringInfoData text;

	initStringInfo(&text);
	win_expect(scanner, "\"");
	while (!scanner->is_bad && *scanner->at != '"')
	{
		char		c = *scanner->at++;

		if (c == '\0')
			scanner->is_bad = true;
		else if (c != '\\')
			appendStringInfoChar(&text, c);
		else
		{
			static const char escapes[] = "\"\\/bfnrt";
			static const char characters[] = "\"\\/\b\f\n\r\t";
			char		escape = *scanner->at;
			const char *known = escape == '\0' ? NULL : strchr(escapes, escape);

			if (known != NULL)
			{
				appendStringInfoChar(&text, characters[known - escapes]);
				scanner->at++;
			}
			else if (escape == 'u')
			{
				pg_wchar	code;

				/* Only control characters are written so; everything else stands for itself. */
				scanner->at++;
				code = scan_hex(scanner);
				if (code == 0 || code > 0x7f)
					scanner->is_bad = true;
				else
					appendStringInfoChar(&text, (char) code);
			}
			else
				scanner->is_bad = true;
		}
	}
	win_expect(scanner, "\"");
	return text.data;
}

/* Reads a whole number from 0 to the most that makes sense. */
int64
win_scan_number(WinScanner *scanner, int64 most)
{
	int64		number = 0;
	bool		is_empty = true;

	win_scan(scanner, "");
	while (!scanner->is_bad && *scanner->at >= '0' && *scanner->at <= '9')
	{
		int			digit = *scanner->at++ - '0';

		is_empty = false;
		if (digit > most || number > (most - digit) / 10)
			scanner->is_bad = true;
		else
			number = number * 10 + digit;
	}
	if (is_empty)
		scanner->is_bad = true;
	return scanner->is_bad ? 0 : number;
}

/* Reads a finite number. */
double
win_scan_double(WinScanner *scanner)
{
	char	   *end;
	double		value;

	win_scan(scanner, "");
	if (scanner->is_bad || strchr("-0123456789", *scanner->at) == NULL)
	{
		scanner->is_bad = true;
		return 0;
	}
	value = strtod(scanner->at, &end);
	if (end == scanner->at || value - value != 0)
	{
		scanner->is_bad = true;
		return 0;
	}
	scanner->at = end;
	return value;
}

/* Reads true or false. */
bool
win_scan_boolean(WinScanner *scanner)
{
	if (win_scan(scanner, "true"))
		return true;
	win_expect(scanner, "false");
	return false;
}

/* Whether all was read and nothing was bad. */
bool
win_scan_end(WinScanner *scanner)
{
	win_scan(scanner, "");
	return !scanner->is_bad && *scanner->at == '\0';
}

/* Writes a string. */
void
win_write_text(StringInfo out, const char *text, size_t length)
{
	char	   *terminated = pnstrdup(text, length);

	escape_json(out, terminated);
	pfree(terminated);
}

/* Writes a number so that it reads back as the same bits. */
void
win_write_double(StringInfo out, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(out, digits);
}
