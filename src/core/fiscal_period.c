/*
 * fiscal_period.c: the type salesops.fiscal_period: FY2026, FY2026-Q4, FY2026-M03.
 *
 * FYn is named for the calendar year it ends in; Mnn is its nn-th month, not the calendar's. The value itself knows
 * no calendar: the month a company's year starts in is an argument of every function that meets a date, so that they
 * can all be immutable and one database can hold companies with different years.
 *
 * `period + n` keeps the grain: a quarter moves by quarters. Nothing here saturates or wraps. A date that no period
 * can hold (infinity, or a year that four digits cannot write) has no fiscal period, which is NULL, so that one
 * mistyped close date does not stop a report; arithmetic that leaves the range is an error.
 */
#include "core/fiscal_period.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/sortsupport.h"

#include "core/ordering.h"

/* What the three grains are called, how they are written, how many months they last and how many make a year. */
static const struct
{
	const char *name;
	char		letter;
	int			months;
	int			per_year;
}			grains[] = {
	[FISCAL_YEAR] = {"year", 'Y', 12, 1},
	[FISCAL_QUARTER] = {"quarter", 'Q', 3, 4},
	[FISCAL_MONTH] = {"month", 'M', 1, 12},
};

/* The period of the given grain that starts at a month counted from the start of fiscal year 0. */
static inline FiscalPeriod
make_period(FiscalGrain grain, int month)
{
	return month * 4 + grain;
}

static inline FiscalGrain
grain_of(FiscalPeriod period)
{
	return (FiscalGrain) (period & 3);
}

/* The first month of a period, counted from the start of fiscal year 0. */
static inline int
month_of(FiscalPeriod period)
{
	return period >> 2;
}

static inline int
year_of(FiscalPeriod period)
{
	return month_of(period) / 12;
}

/* Which quarter or month of its year a period is, from 1. */
static inline int
number_of(FiscalPeriod period)
{
	return month_of(period) % 12 / grains[grain_of(period)].months + 1;
}

static inline bool
is_year_in_range(int year)
{
	return year >= FISCAL_YEAR_FIRST && year <= FISCAL_YEAR_LAST;
}

/* Whether a number is that of a period: a year, quarter or month that begins where one can, within the years there are. */
bool
salesops_is_fiscal_period(FiscalPeriod period)
{
	return grain_of(period) <= FISCAL_MONTH && is_year_in_range(year_of(period)) &&
		month_of(period) % grains[grain_of(period)].months == 0;
}

/* Reads at most max_digits digits; returns how many there were. */
static int
read_digits(const char **s, int max_digits, int *number)
{
	int			digits = 0;

	*number = 0;
	while (digits < max_digits && **s >= '0' && **s <= '9')
	{
		*number = *number * 10 + (**s - '0');
		(*s)++;
		digits++;
	}
	return digits;
}

/*
 * Reads FY2026, FY2026-Q4 or FY2026-M03: any case, the separator also a blank, an underscore or nothing, the month
 * also with one digit. The year always has four, because FY26 and FY2026 would otherwise be two years.
 */
static bool
read_period(const char *s, FiscalPeriod *period)
{
	FiscalGrain grain = FISCAL_YEAR;
	int			year;
	int			number = 1;

	s += strspn(s, " \t\r\n");
	if (pg_strncasecmp(s, "FY", 2) != 0)
		return false;
	s += 2;
	if (read_digits(&s, 4, &year) != 4 || !is_year_in_range(year))
		return false;

	switch (pg_ascii_toupper((unsigned char) s[strspn(s, " _-")]))
	{
		case 'Q':
			grain = FISCAL_QUARTER;
			break;
		case 'M':
			grain = FISCAL_MONTH;
			break;
	}
	if (grain != FISCAL_YEAR)
	{
		s += strspn(s, " _-") + 1;
		if (read_digits(&s, grain == FISCAL_QUARTER ? 1 : 2, &number) == 0 ||
			number < 1 || number > grains[grain].per_year)
			return false;
	}

	s += strspn(s, " \t\r\n");
	if (*s != '\0')
		return false;

	*period = make_period(grain, year * 12 + (number - 1) * grains[grain].months);
	return true;
}

/* Checks the month, 1 to 12, that a company's fiscal year starts in. */
static int
check_start_month(int start_month)
{
	if (start_month < 1 || start_month > 12)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("start month of a fiscal year must be between 1 and 12"),
				 errdetail("The start month given is %d.", start_month),
				 errhint("1 is January, so 2 means that fiscal year 2026 runs from February 2025 to January 2026.")));
	return start_month;
}

/* How many calendar months before its fiscal month 1 of year n the calendar's January of year n is. */
static int
months_ahead(int start_month)
{
	/* A year that starts in January ends in its own year; any other starts in the year before. */
	return (13 - check_start_month(start_month)) % 12;
}

/* Finds the fiscal month that a date lies in; false where there is none. */
static bool
month_of_date(DateADT date, int start_month, int *month)
{
	int			ahead = months_ahead(start_month);
	int			calendar_year;
	int			calendar_month;
	int			day;

	if (DATE_NOT_FINITE(date))
		return false;
	j2date(date + POSTGRES_EPOCH_JDATE, &calendar_year, &calendar_month, &day);

	*month = calendar_year * 12 + calendar_month - 1 + ahead;
	return *month >= FISCAL_YEAR_FIRST * 12 && *month < (FISCAL_YEAR_LAST + 1) * 12;
}

/* The first day of a fiscal month. */
static DateADT
date_of_month(int month, int start_month)
{
	int			calendar_month = month - months_ahead(start_month);

	return date2j(calendar_month / 12, calendar_month % 12 + 1, 1) - POSTGRES_EPOCH_JDATE;
}

/* The period of a grain that holds a date, as the result of the calling function. */
static Datum
period_holding(FunctionCallInfo fcinfo, FiscalGrain grain)
{
	int			month;

	if (!month_of_date(PG_GETARG_DATEADT(0), PG_GETARG_INT32(1), &month))
		PG_RETURN_NULL();
	PG_RETURN_FISCAL_PERIOD(make_period(grain, month - month % grains[grain].months));
}

/* Moves a period by n of its grain. */
static Datum
move_period(FiscalPeriod period, int64 n)
{
	FiscalGrain grain = grain_of(period);
	int64		month = month_of(period) + n * grains[grain].months;

	if (month < FISCAL_YEAR_FIRST * 12 || month >= (FISCAL_YEAR_LAST + 1) * 12)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("fiscal period out of range"),
				 errdetail("Fiscal years run from %04d to %d.", FISCAL_YEAR_FIRST, FISCAL_YEAR_LAST)));
	PG_RETURN_FISCAL_PERIOD(make_period(grain, (int) month));
}

/* Text input. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_in);
Datum
salesops_fiscal_period_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	FiscalPeriod period;

	if (!read_period(text, &period))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%s\"", "fiscal_period", text),
						  errhint("Write a fiscal year as FY2026, a quarter as FY2026-Q4, a month as FY2026-M03.")));

	PG_RETURN_FISCAL_PERIOD(period);
}

/* Text output: FY2026, FY2026-Q4 or FY2026-M03. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_out);
Datum
salesops_fiscal_period_out(PG_FUNCTION_ARGS)
{
	FiscalPeriod period = PG_GETARG_FISCAL_PERIOD(0);

	switch (grain_of(period))
	{
		case FISCAL_YEAR:
			PG_RETURN_CSTRING(psprintf("FY%04d", year_of(period)));
		case FISCAL_QUARTER:
			PG_RETURN_CSTRING(psprintf("FY%04d-Q%d", year_of(period), number_of(period)));
		case FISCAL_MONTH:
			PG_RETURN_CSTRING(psprintf("FY%04d-M%02d", year_of(period), number_of(period)));
	}
	elog(ERROR, "invalid fiscal_period %d", period);
}

/* Binary input: year, grain letter, number, each believed only in its range. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_recv);
Datum
salesops_fiscal_period_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			year = (int16) pq_getmsgint(message, 2);
	int			letter = pq_getmsgbyte(message);
	int			number = pq_getmsgbyte(message);

	for (FiscalGrain grain = FISCAL_YEAR; grain <= FISCAL_MONTH; grain++)
	{
		if (letter == grains[grain].letter && is_year_in_range(year) &&
			number >= 1 && number <= grains[grain].per_year)
			PG_RETURN_FISCAL_PERIOD(make_period(grain, year * 12 + (number - 1) * grains[grain].months));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", "fiscal_period"),
			 errdetail("Year %d, grain byte %d, number %d.", year, letter, number)));
}

/* Binary output: int16 year, one byte 'Y', 'Q' or 'M', one byte number. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_send);
Datum
salesops_fiscal_period_send(PG_FUNCTION_ARGS)
{
	FiscalPeriod period = PG_GETARG_FISCAL_PERIOD(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, year_of(period));
	pq_sendbyte(&message, grains[grain_of(period)].letter);
	pq_sendbyte(&message, number_of(period));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* By start, and where two start together the longer first: the order of the stored numbers. */
static inline int32
fiscal_period_order(Datum a, Datum b)
{
	/* The numbers stay under 2^19, so the difference cannot overflow. */
	return DatumGetFiscalPeriod(a) - DatumGetFiscalPeriod(b);
}

SALESOPS_ORDERING_BY_VALUE(fiscal_period)

/* Hash, for hash joins, grouping and hash indexes. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_hash);
Datum
salesops_fiscal_period_hash(PG_FUNCTION_ARGS)
{
	return hash_uint32(PG_GETARG_FISCAL_PERIOD(0));
}

/* Seeded hash, for hash partitioning. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_hash_extended);
Datum
salesops_fiscal_period_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_uint32_extended(PG_GETARG_FISCAL_PERIOD(0), PG_GETARG_INT64(1));
}

/* period + n: n years, quarters or months later, the grain kept. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_plus);
Datum
salesops_fiscal_period_plus(PG_FUNCTION_ARGS)
{
	return move_period(PG_GETARG_FISCAL_PERIOD(0), PG_GETARG_INT32(1));
}

/* n + period */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_plus_commuted);
Datum
salesops_fiscal_period_plus_commuted(PG_FUNCTION_ARGS)
{
	return move_period(PG_GETARG_FISCAL_PERIOD(1), PG_GETARG_INT32(0));
}

/* period - n: n years, quarters or months earlier, the grain kept. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_minus);
Datum
salesops_fiscal_period_minus(PG_FUNCTION_ARGS)
{
	return move_period(PG_GETARG_FISCAL_PERIOD(0), -(int64) PG_GETARG_INT32(1));
}

/* period - period: how many of their common grain lie between. */
PG_FUNCTION_INFO_V1(salesops_fiscal_period_difference);
Datum
salesops_fiscal_period_difference(PG_FUNCTION_ARGS)
{
	FiscalPeriod a = PG_GETARG_FISCAL_PERIOD(0);
	FiscalPeriod b = PG_GETARG_FISCAL_PERIOD(1);
	FiscalGrain grain = grain_of(a);

	if (grain != grain_of(b))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract a fiscal %s from a fiscal %s",
						grains[grain_of(b)].name, grains[grain].name),
				 errhint("Bring both to one grain with salesops.year_of() or salesops.quarter_of().")));

	PG_RETURN_INT32((month_of(a) - month_of(b)) / grains[grain].months);
}

/* recognize_fiscal_period(text): the period written there, NULL where it cannot be read. Never an error. */
PG_FUNCTION_INFO_V1(salesops_recognize_fiscal_period);
Datum
salesops_recognize_fiscal_period(PG_FUNCTION_ARGS)
{
	FiscalPeriod period;

	if (!read_period(text_to_cstring(PG_GETARG_TEXT_PP(0)), &period))
		PG_RETURN_NULL();
	PG_RETURN_FISCAL_PERIOD(period);
}

/* fiscal_year(date, start_month): the fiscal year that holds a date; NULL for infinity or a year out of range. */
PG_FUNCTION_INFO_V1(salesops_fiscal_year);
Datum
salesops_fiscal_year(PG_FUNCTION_ARGS)
{
	return period_holding(fcinfo, FISCAL_YEAR);
}

/* fiscal_quarter(date, start_month): the fiscal quarter that holds a date; NULL as for fiscal_year. */
PG_FUNCTION_INFO_V1(salesops_fiscal_quarter);
Datum
salesops_fiscal_quarter(PG_FUNCTION_ARGS)
{
	return period_holding(fcinfo, FISCAL_QUARTER);
}

/* fiscal_month(date, start_month): the fiscal month that holds a date; NULL as for fiscal_year. */
PG_FUNCTION_INFO_V1(salesops_fiscal_month);
Datum
salesops_fiscal_month(PG_FUNCTION_ARGS)
{
	return period_holding(fcinfo, FISCAL_MONTH);
}

/* start_date(period, start_month): its first day. */
PG_FUNCTION_INFO_V1(salesops_start_date);
Datum
salesops_start_date(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(date_of_month(month_of(PG_GETARG_FISCAL_PERIOD(0)), PG_GETARG_INT32(1)));
}

/* end_date(period, start_month): its last day, inclusive. */
PG_FUNCTION_INFO_V1(salesops_end_date);
Datum
salesops_end_date(PG_FUNCTION_ARGS)
{
	FiscalPeriod period = PG_GETARG_FISCAL_PERIOD(0);
	int			next_month = month_of(period) + grains[grain_of(period)].months;

	PG_RETURN_DATEADT(date_of_month(next_month, PG_GETARG_INT32(1)) - 1);
}

/* contains(period, date, start_month): whether the date lies in the period; infinity lies in none. */
PG_FUNCTION_INFO_V1(salesops_contains);
Datum
salesops_contains(PG_FUNCTION_ARGS)
{
	FiscalPeriod period = PG_GETARG_FISCAL_PERIOD(0);
	int			month;

	if (!month_of_date(PG_GETARG_DATEADT(1), PG_GETARG_INT32(2), &month))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(month >= month_of(period) &&
				   month < month_of(period) + grains[grain_of(period)].months);
}

/* grain(period): 'year', 'quarter' or 'month'. */
PG_FUNCTION_INFO_V1(salesops_grain);
Datum
salesops_grain(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(grains[grain_of(PG_GETARG_FISCAL_PERIOD(0))].name));
}

/* year_of(period): the fiscal year it belongs to; a year is its own. */
PG_FUNCTION_INFO_V1(salesops_year_of);
Datum
salesops_year_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_FISCAL_PERIOD(make_period(FISCAL_YEAR, year_of(PG_GETARG_FISCAL_PERIOD(0)) * 12));
}

/* quarter_of(period): the quarter a month belongs to; a quarter is its own, a year belongs to none: NULL. */
PG_FUNCTION_INFO_V1(salesops_quarter_of);
Datum
salesops_quarter_of(PG_FUNCTION_ARGS)
{
	FiscalPeriod period = PG_GETARG_FISCAL_PERIOD(0);

	if (grain_of(period) == FISCAL_YEAR)
		PG_RETURN_NULL();
	PG_RETURN_FISCAL_PERIOD(make_period(FISCAL_QUARTER, month_of(period) - month_of(period) % 3));
}
