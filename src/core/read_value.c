/*
 * read_value.c: read what a CRM export calls a number, a date, an instant or a yes.
 *
 * A source column may be text although it means an amount, and one bad cell must not stop a night. So these functions
 * answer NULL for a text they cannot read; the sync then keeps the text in the row's `unreadable` and the audit reports
 * it. Words that exports write for "nothing" (None, NaT, n/a ...) are missing, not unreadable: is_stated() tells the two
 * apart. None of them reads the clock: 'today' is not a date here.
 *
 * Dates go through the server's own decoder, which reports errors by code instead of raising them.
 */
#include "core/compat.h"

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(salesops_is_stated);
PG_FUNCTION_INFO_V1(salesops_read_number);
PG_FUNCTION_INFO_V1(salesops_read_date);
PG_FUNCTION_INFO_V1(salesops_read_instant);
PG_FUNCTION_INFO_V1(salesops_read_boolean);

/* A date and a time of day have fewer than 60 characters in every format the decoder knows. */
#define MAX_DATE_LENGTH 60

static const char *const nothing[] = {"", "-", "none", "null", "nil", "nan", "nat", "na", "n/a", "#n/a", NULL};
static const char *const yes[] = {"t", "true", "y", "yes", "1", "on", NULL};
static const char *const no[] = {"f", "false", "n", "no", "0", "off", NULL};

/* The text without white space (and byte order marks) around it, in a palloc'd string. */
static char *
trimmed(text *value)
{
	char	   *start = text_to_cstring(value);
	char	   *end;

	if (strncmp(start, "\xEF\xBB\xBF", 3) == 0)
		start += 3;
	while (isspace((unsigned char) *start))
		start++;
	end = start + strlen(start);
	while (end > start && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return start;
}

static bool
is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (pg_strcasecmp(word, *list) == 0)
			return true;
	return false;
}

/* is_stated(text): false for NULL, blanks and the words that exports write for "nothing". */
Datum
salesops_is_stated(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(!is_one_of(trimmed(PG_GETARG_TEXT_PP(0)), nothing));
}

/*
 * Strip what people put around and into a number: a sign or brackets, a currency symbol, a percent sign, and commas
 * that group exactly three digits. Writes plain digits to out (as large as in) and says whether it is a number.
 */
static bool
plain_number(const char *in, char *out)
{
	char	   *o = out;
	const char *end = in + strlen(in);
	bool		grouped = false;
	int			digits = 0;
	int			run = 0;		/* digits since the last comma */

	if (*in == '(' && end[-1] == ')')
	{
		*o++ = '-';
		in++;
		end--;
	}
	else if (*in == '-' || *in == '+')
		*o++ = *in++;

	if (*in == '$')
		in++;
	else if (strncmp(in, "\xE2\x82\xAC", 3) == 0)	/* euro sign */
		in += 3;
	else if (strncmp(in, "\xC2\xA3", 2) == 0)	/* pound sign */
		in += 2;
	while (in < end && *in == ' ')
		in++;
	if (end > in && end[-1] == '%')
		end--;
	while (end > in && end[-1] == ' ')
		end--;

	for (; in < end && (isdigit((unsigned char) *in) || *in == ','); in++)
	{
		if (*in == ',')
		{
			if (run == 0 || run > 3 || (grouped && run != 3))
				return false;
			grouped = true;
			run = 0;
			continue;
		}
		*o++ = *in;
		digits++;
		run++;
	}
	if (grouped && run != 3)
		return false;
	if (in < end && *in == '.')
	{
		*o++ = *in++;
		for (; in < end && isdigit((unsigned char) *in); in++, digits++)
			*o++ = *in;
	}
	if (digits == 0)
		return false;
	if (in < end && (*in == 'e' || *in == 'E'))
	{
		int			exponent_digits = 0;

		*o++ = *in++;
		if (in < end && (*in == '-' || *in == '+'))
			*o++ = *in++;
		for (; in < end && isdigit((unsigned char) *in); in++, exponent_digits++)
			*o++ = *in;
		/* Three digits and more are outside what any amount means and what numeric may hold. */
		if (exponent_digits == 0 || exponent_digits > 2)
			return false;
	}
	*o = '\0';
	return in == end;
}

/* read_number(text): the number a person would read, or NULL. */
Datum
salesops_read_number(PG_FUNCTION_ARGS)
{
	char	   *in = trimmed(PG_GETARG_TEXT_PP(0));
	size_t		length = strlen(in);
	char	   *digits;

	if (length == 0 || length > 200)
		PG_RETURN_NULL();
	digits = palloc(length + 2);
	if (!plain_number(in, digits))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1)));
}

/* The server's order of day, month and year for our name of it; an unknown name is the caller's mistake. */
static int
date_order(text *name)
{
	char	   *order = text_to_cstring(name);

	if (pg_strcasecmp(order, "YMD") == 0)
		return DATEORDER_YMD;
	if (pg_strcasecmp(order, "MDY") == 0)
		return DATEORDER_MDY;
	if (pg_strcasecmp(order, "DMY") == 0)
		return DATEORDER_DMY;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown order of date fields: \"%s\"", order),
			 errhint("Use YMD, MDY or DMY.")));
	return 0;					/* keep the compiler quiet */
}

/*
 * Split a text into the decoder's fields; false when it is not made like a date or names an instant that depends on the
 * clock. The fields point into work.
 */
static bool
split(const char *in, char *work, size_t size, char **field, int *ftype, int *nfields)
{
	if (ParseDateTime(in, work, size, field, ftype, MAXDATEFIELDS, nfields) != 0)
		return false;
	for (int i = 0; i < *nfields; i++)
	{
		int			token;

		/* now, today, tomorrow, epoch, infinity ... are the reserved words that are no unit. */
		if ((ftype[i] == DTK_STRING || ftype[i] == DTK_SPECIAL) &&
			DecodeSpecial(i, field[i], &token) == RESERV &&
			token != DTK_DATE && token != DTK_TIME && token != DTK_JULIAN)
			return false;
	}
	return true;
}

/*
 * Whether each word that the decoder may take for the name of a zone is one: a word with punctuation inside, except at the
 * beginning, where it is a date such as Apr-1-2026. On 15 the decoder raises an error where it is not.
 */
static bool
names_real_zones(char **field, const int *ftype, int nfields)
{
	for (int i = 1; i < nfields; i++)
		if (ftype[i] == DTK_DATE && isalpha((unsigned char) *field[i]) && pg_tzset(field[i]) == NULL)
			return false;
	return true;
}

/*
 * Decode a date with an optional time of day and zone. has_zone says whether the text named its zone; tz is then its
 * offset. False when the text is no date, is impossible (30 February), depends on the clock, or has a year of more than
 * four digits, which is a slip of the keyboard and not a plan.
 */
static bool
decode(const char *in, int order, struct pg_tm *tm, fsec_t *fsec, int *tz, bool *has_zone)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			nfields;
	int			dtype;
	int			error;
	int			saved_order = DateOrder;

	if (strlen(in) > MAX_DATE_LENGTH || !strpbrk(in, "0123456789"))
		return false;

	/*
	 * Given no place for a zone, the decoder refuses a text that names one: so the first try tells whether it does. It
	 * writes into the fields, hence the second split. The order of day and month is a global that it reads; nothing is
	 * raised while ours is in force.
	 */
	*has_zone = false;
	if (!split(in, work, sizeof(work), field, ftype, &nfields))
		return false;
	DateOrder = order;
	error = salesops_decode_datetime(field, ftype, nfields, &dtype, tm, fsec, NULL);
	DateOrder = saved_order;
	if (error != 0)
	{
		*has_zone = true;
		if (!split(in, work, sizeof(work), field, ftype, &nfields) || !names_real_zones(field, ftype, nfields))
			return false;
		DateOrder = order;
		error = salesops_decode_datetime(field, ftype, nfields, &dtype, tm, fsec, tz);
		DateOrder = saved_order;
	}
	return error == 0 && dtype == DTK_DATE && tm->tm_year >= 1 && tm->tm_year <= 9999;
}

/* The instant that decode() found, or false for one that no timestamp holds. */
static bool
instant(struct pg_tm *tm, fsec_t fsec, int tz, bool has_zone, Datum zone, TimestampTz *result)
{
	if (tm2timestamp(tm, fsec, has_zone ? &tz : NULL, result) != 0)
		return false;
	if (!has_zone)
		*result = DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, TimestampGetDatum(*result)));
	return true;
}

/*
 * read_date(text, order, zone): the calendar date, or NULL. A time of day is dropped; only a text that names a zone is an
 * instant, and has the date that the clocks of `zone` then show.
 */
Datum
salesops_read_date(PG_FUNCTION_ARGS)
{
	struct pg_tm tm = {0};
	fsec_t		fsec;
	int			tz;
	bool		has_zone;

	if (!decode(trimmed(PG_GETARG_TEXT_PP(0)), date_order(PG_GETARG_TEXT_PP(1)), &tm, &fsec, &tz, &has_zone))
		PG_RETURN_NULL();
	if (has_zone)
	{
		TimestampTz at;

		if (!instant(&tm, fsec, tz, true, PG_GETARG_DATUM(2), &at))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(DirectFunctionCall1(timestamp_date,
											DirectFunctionCall2(timestamptz_zone, PG_GETARG_DATUM(2),
																TimestampTzGetDatum(at))));
	}
	PG_RETURN_DATEADT(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE);
}

/* read_instant(text, order, zone): the instant; a text without a zone is local time in `zone`; or NULL. */
Datum
salesops_read_instant(PG_FUNCTION_ARGS)
{
	struct pg_tm tm = {0};
	fsec_t		fsec;
	int			tz;
	bool		has_zone;
	TimestampTz at;

	if (!decode(trimmed(PG_GETARG_TEXT_PP(0)), date_order(PG_GETARG_TEXT_PP(1)), &tm, &fsec, &tz, &has_zone) ||
		!instant(&tm, fsec, tz, has_zone, PG_GETARG_DATUM(2), &at))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}

/* read_boolean(text): yes, no, or NULL. */
Datum
salesops_read_boolean(PG_FUNCTION_ARGS)
{
	char	   *in = trimmed(PG_GETARG_TEXT_PP(0));

	if (is_one_of(in, yes))
		PG_RETURN_BOOL(true);
	if (is_one_of(in, no))
		PG_RETURN_BOOL(false);
	PG_RETURN_NULL();
}
