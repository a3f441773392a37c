/*
 * win_text.h: reading and writing the JSON that win_cells and win_model are in text form.
 */
#ifndef SALESOPS_FORECAST_WIN_TEXT_H
#define SALESOPS_FORECAST_WIN_TEXT_H

#include "core/compat.h"

#include "lib/stringinfo.h"

/* The first thing that does not read as expected marks the text as bad; from then on nothing is found any more. */
typedef struct WinScanner
{
	const char *at;
	bool		is_bad;
} WinScanner;

extern bool win_scan(WinScanner *scanner, const char *token);
extern void win_expect(WinScanner *scanner, const char *token);
extern void win_expect_key(WinScanner *scanner, const char *key);
extern bool win_list_goes_on(WinScanner *scanner, int *items, const char *closing);
extern char *win_scan_text(WinScanner *scanner);
extern int64 win_scan_number(WinScanner *scanner, int64 most);
extern double win_scan_double(WinScanner *scanner);
extern bool win_scan_boolean(WinScanner *scanner);
extern bool win_scan_end(WinScanner *scanner);

extern void win_write_text(StringInfo out, const char *text, size_t length);
extern void win_write_double(StringInfo out, double value);

#endif
