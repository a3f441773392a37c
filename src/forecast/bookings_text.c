/*
 * bookings_text.c: text and binary form of salesops.bookings_distribution.
 *
 * Text: "3 deals; 1 unknown; correlation 0.05; base 500; open 2500.5@0.25 1000@0.3", where base is what is certain and open are deals with
 * amount and probability. Parts that are nothing are left out. What is kept in sums only follows in hexadecimal integers:
 * "tail 1200 deals 34567.8 -4:1f0,a3c,77 -3:..." (the tail's mean, and for each point of the grid three sums) and
 * "new variance 1f third 2c" (business not yet created).
 */
#include "forecast/bookings.h"

#include "core/scan_text.h"
#include "utils/builtins.h"
#include "utils/float.h"

#define MEAN_DECIMALS	15		/* of the tail's mean: amount x chance */
#define AMOUNT_DECIMALS	3
#define CHANCE_DECIMALS	12

static void
append_decimal(StringInfo text, int128 value, int decimals)
{
	appendStringInfoString(text, DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(bookings_numeric(value, decimals)))));
}

static void
append_wide(StringInfo text, const Wide *x)
{
	Wide		size = wide_is_negative(x) ? wide_negated(x) : *x;
	bool		started = false;

	if (wide_is_negative(x))
		appendStringInfoChar(text, '-');
	for (int i = WIDE_WORDS - 1; i >= 0; i--)
	{
		if (started)
			appendStringInfo(text, "%016llx", (unsigned long long) size.word[i]);
		else if (size.word[i] != 0 || i == 0)
		{
			appendStringInfo(text, "%llx", (unsigned long long) size.word[i]);
			started = true;
		}
	}
}

/* Text output. */
PG_FUNCTION_INFO_V1(salesops_bookings_distribution_out);
Datum
salesops_bookings_distribution_out(PG_FUNCTION_ARGS)
{
	Book	   *book = book_load(PG_GETARG_BOOKINGS(0));
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%lld %s", (long long) book->deals, book->deals == 1 ? "deal" : "deals");
	if (book->unknown > 0)
		appendStringInfo(&text, "; %lld unknown", (long long) book->unknown);
	if (book->correlation > 0.0)
		appendStringInfo(&text, "; correlation %s", float8out_internal(book->correlation));
	if (book->base != 0)
	{
		appendStringInfoString(&text, "; base ");
		append_decimal(&text, book->base, AMOUNT_DECIMALS);
	}
	if (book->head_deals > 0)
		appendStringInfoString(&text, "; open");
	for (int i = 0; i < book->head_deals; i++)
	{
		appendStringInfoChar(&text, ' ');
		append_decimal(&text, book->head[i].amount, AMOUNT_DECIMALS);
		appendStringInfoChar(&text, '@');
		append_decimal(&text, book->head[i].chance, CHANCE_DECIMALS);
	}
	if (book->tail_deals > 0)
	{
		appendStringInfo(&text, "; tail %lld %s ", (long long) book->tail_deals, book->tail_deals == 1 ? "deal" : "deals");
		append_decimal(&text, book->tail_mean, MEAN_DECIMALS);
		for (int i = 0; i < GRID_POINTS; i++)
		{
			const Wide *moment = book->grid[i].moment;

			if (wide_is_zero(&moment[0]) && wide_is_zero(&moment[1]) && wide_is_zero(&moment[2]))
				continue;
			appendStringInfo(&text, " %d", i - GRID_HALF);
			for (int n = 0; n < GRID_MOMENTS; n++)
			{
				appendStringInfoChar(&text, n == 0 ? ':' : ',');
				append_wide(&text, &moment[n]);
			}
		}
	}
	if (!wide_is_zero(&book->new_variance) || !wide_is_zero(&book->new_third))
	{
		appendStringInfoString(&text, "; new variance ");
		append_wide(&text, &book->new_variance);
		appendStringInfoString(&text, " third ");
		append_wide(&text, &book->new_third);
	}
	PG_RETURN_CSTRING(text.data);
}

/* Reads a decimal number as an integer of its last allowed place. */
static bool
read_decimal(char **s, int decimals, int128 *value)
{
	bool		is_negative;
	int			places = -1;	/* after the point; -1 before it */
	bool		has_digit = false;

	is_negative = skip_words(s, "-");
	*value = 0;
	for (;; (*s)++)
	{
		if (**s == '.' && places < 0)
			places = 0;
		else if (**s >= '0' && **s <= '9' && places < decimals)
		{
			if (__builtin_mul_overflow(*value, (int128) 10, value) || __builtin_add_overflow(*value, (int128) (**s - '0'), value))
				return false;
			has_digit = true;
			if (places >= 0)
				places++;
		}
		else
			break;
	}
	for (places = Max(places, 0); places < decimals; places++)
		if (__builtin_mul_overflow(*value, (int128) 10, value))
			return false;
	if (is_negative)
		*value = -*value;
	return has_digit;
}

static bool
read_wide(char **s, Wide *value)
{
	bool		is_negative = skip_words(s, "-");
	int			digits = 0;

	memset(value, 0, sizeof(Wide));
	for (;; (*s)++)
	{
		int			digit = **s >= '0' && **s <= '9' ? **s - '0' : **s >= 'a' && **s <= 'f' ? **s - 'a' + 10 : -1;
		Wide		low = {{(uint64) digit, 0, 0, 0}};

		if (digit < 0)
			break;
		*value = wide_times(value, 16);
		wide_add(value, &low);
		digits++;
	}
	if (is_negative)
		*value = wide_negated(value);
	return digits > 0 && digits <= 64;
}

/* Reads "1200 deals 34567.8 -4:1f0,a3c,77 ..." */
static bool
read_tail(char **s, Book *book)
{
	if (!read_count(s, &book->tail_deals) || !(skip_words(s, "deals") || skip_words(s, "deal")) ||
		!read_decimal(s, MEAN_DECIMALS, &book->tail_mean))
		return false;
	book->grid = palloc0(GRID_POINTS * sizeof(BookPoint));
	for (;;)
	{
		int			index;

		*s += strspn(*s, BLANKS);
		if (**s != '-' && (**s < '0' || **s > '9'))
			return true;
		index = strtol(*s, s, 10);
		if (index < -GRID_HALF || index > GRID_HALF)
			return false;
		for (int n = 0; n < GRID_MOMENTS; n++)
			if (!skip_words(s, n == 0 ? ":" : ",") || !read_wide(s, &book->grid[index + GRID_HALF].moment[n]))
				return false;
	}
}

/* Reads the deals of "open". */
static bool
read_open(char **s, Book *book)
{
	for (;;)
	{
		int128		amount;
		int128		chance;

		*s += strspn(*s, BLANKS);
		if (**s != '-' && **s != '.' && (**s < '0' || **s > '9'))
			return true;
		if (!read_decimal(s, AMOUNT_DECIMALS, &amount) || !skip_words(s, "@") || !read_decimal(s, CHANCE_DECIMALS, &chance) ||
			amount == 0 || amount > (int128) MAX_AMOUNT * AMOUNT_UNIT || amount < -(int128) MAX_AMOUNT * AMOUNT_UNIT ||
			chance <= 0 || chance >= CHANCE_UNIT)
			return false;
		book_add_open_deal(book, (int64) amount, (int64) chance);
	}
}

static bool
read_book(char *s, Book *book)
{
	int64		tail_deals;

	if (!read_count(&s, &book->deals) || !(skip_words(&s, "deals") || skip_words(&s, "deal")))
		return false;
	while (skip_words(&s, ";"))
	{
		char	   *rest = s;

		if (skip_words(&s, "correlation"))
		{
			/* Its range is checked with the rest; a subnormal number is one, whatever errno says. */
			book->correlation = strtod(s, &rest) + 0.0;
			if (rest == s)
				return false;
			s = rest;
		}
		else if (skip_words(&s, "base"))
		{
			if (!read_decimal(&s, AMOUNT_DECIMALS, &book->base))
				return false;
		}
		else if (skip_words(&s, "open"))
		{
			if (!read_open(&s, book))
				return false;
		}
		else if (skip_words(&s, "tail"))
		{
			/* Deals above that were too many stand in it already. */
			if (book->tail_deals > 0 || !read_tail(&s, book))
				return false;
		}
		else if (skip_words(&s, "new variance"))
		{
			if (!read_wide(&s, &book->new_variance) || !skip_words(&s, "third") || !read_wide(&s, &book->new_third))
				return false;
		}
		else if (!read_count(&s, &book->unknown) || !skip_words(&s, "unknown"))
			return false;
	}
	tail_deals = book->tail_deals;
	book_settle(book);
	return s[strspn(s, BLANKS)] == '\0' && (tail_deals == 0 || book->tail_deals == tail_deals) && book_problem(book) == NULL;
}

/* Text input: what text output writes. */
PG_FUNCTION_INFO_V1(salesops_bookings_distribution_in);
Datum
salesops_bookings_distribution_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	Book	   *book = book_create(CurrentMemoryContext, 0.0);

	if (!read_book(text, book))
		salesops_ereturn(fcinfo, (Datum) 0,
						 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						  errmsg("invalid input syntax for type %s: \"%.200s\"", "bookings_distribution", text),
						  errhint("Write it as in \"2 deals; correlation 0.05; base 500; open 2500.5@0.25 1000@0.3\".")));
	PG_RETURN_POINTER(book_store(book));
}

/* Binary output: version, then everything in the order of the struct, the highest byte first. */
PG_FUNCTION_INFO_V1(salesops_bookings_distribution_send);
Datum
salesops_bookings_distribution_send(PG_FUNCTION_ARGS)
{
	BookingsDistribution *stored = PG_GETARG_BOOKINGS(0);
	Book	   *book = book_load(stored);
	const StoredPoint *point = (const StoredPoint *) ((const StoredDeal *) stored->data + stored->head_deals);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbyte(&message, BOOKINGS_VERSION);
	pq_sendbyte(&message, stored->points);
	pq_sendint16(&message, stored->head_deals);
	pq_sendfloat8(&message, book->correlation);
	pq_sendint64(&message, book->deals);
	pq_sendint64(&message, book->unknown);
	pq_sendint64(&message, book->tail_deals);
	int128_send(&message, book->base);
	int128_send(&message, book->tail_mean);
	wide_send(&message, &book->new_variance);
	wide_send(&message, &book->new_third);
	for (int i = 0; i < book->head_deals; i++)
	{
		pq_sendint64(&message, book->head[i].amount);
		pq_sendint64(&message, book->head[i].chance);
	}
	for (int i = 0; i < stored->points; i++)
	{
		pq_sendbyte(&message, point[i].index);
		for (int n = 0; n < GRID_MOMENTS; n++)
			wide_send(&message, &point[i].point.moment[n]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

static void
refuse_binary(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", "bookings_distribution"),
			 errdetail("%s", detail)));
}

/* Binary input: what binary output writes, believed only where it makes sense. */
PG_FUNCTION_INFO_V1(salesops_bookings_distribution_recv);
Datum
salesops_bookings_distribution_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(message);
	int			points = pq_getmsgbyte(message);
	int			head_deals = pq_getmsgint(message, 2);
	Book	   *book;
	const char *problem;
	int			last = -1;

	if (version != BOOKINGS_VERSION)
		refuse_binary(psprintf("The version is %d; this salesops reads version %d.", version, BOOKINGS_VERSION));
	if (head_deals > BOOKINGS_HEAD)
		refuse_binary(psprintf("%d deals stand one by one; %d can.", head_deals, BOOKINGS_HEAD));

	/* There is one zero only. */
	book = book_create(CurrentMemoryContext, pq_getmsgfloat8(message) + 0.0);
	book->deals = pq_getmsgint64(message);
	book->unknown = pq_getmsgint64(message);
	book->tail_deals = pq_getmsgint64(message);
	book->base = int128_receive(message);
	book->tail_mean = int128_receive(message);
	book->new_variance = wide_receive(message);
	book->new_third = wide_receive(message);
	for (int i = 0; i < head_deals; i++)
	{
		int64		amount = pq_getmsgint64(message);
		int64		chance = pq_getmsgint64(message);

		if (chance <= 0 || chance >= CHANCE_UNIT)
			refuse_binary("A probability is not between 0 and 1.");
		book_add_open_deal(book, amount, chance);
	}
	if (points > 0)
		book->grid = palloc0(GRID_POINTS * sizeof(BookPoint));
	for (int i = 0; i < points; i++)
	{
		int			index = pq_getmsgbyte(message);

		if (index <= last || index >= GRID_POINTS)
			refuse_binary("The sums of the tail are not in order.");
		last = index;
		for (int n = 0; n < GRID_MOMENTS; n++)
			book->grid[index].moment[n] = wide_receive(message);
	}

	problem = book_problem(book);
	if (problem != NULL)
		refuse_binary(problem);
	PG_RETURN_POINTER(book_store(book));
}
