/*
 * win_levels.h: a deal's levels, one text for each factor, as an array of SQL.
 */
#ifndef SALESOPS_FORECAST_WIN_LEVELS_H
#define SALESOPS_FORECAST_WIN_LEVELS_H

#include "forecast/win_cells.h"

#include "utils/array.h"

/* What NULL counts for. */
static const WinText win_unknown_level = {.bytes = WIN_UNKNOWN_LEVEL, .length = sizeof(WIN_UNKNOWN_LEVEL) - 1};

extern int	win_read_texts(ArrayType *array, const char *name, WinText text[WIN_MAX_FACTORS]);
extern void win_check_levels(int levels, int factors);
extern ArrayType *win_make_texts(int texts, const WinText *text);

#endif
