/*
 * bookings_aggregate.c: the aggregates bookings().
 *
 * The state is a Book, which takes in deals and other books in any order. A state travels between processes in the stored form.
 */
#include "forecast/bookings.h"

#include "core/aggregate.h"
#include "utils/builtins.h"

/* The state, made at the first row; all rows must name one correlation. */
static Book *
state_argument(FunctionCallInfo fcinfo, double correlation)
{
	Book	   *book;

	if (PG_ARGISNULL(0))
		return book_create(aggregate_context(fcinfo, "bookings"), bookings_check_correlation(correlation));
	book = (Book *) PG_GETARG_POINTER(0);
	if (book->correlation != correlation)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all deals of a book must have one correlation"),
				 errdetail("One has %g, another %g.", book->correlation, correlation)));
	return book;
}

/* bookings(amount, probability [, correlation]): takes a deal in. A deal without amount or probability is counted, and in no sum. */
PG_FUNCTION_INFO_V1(salesops_bookings_accum);
Datum
salesops_bookings_accum(PG_FUNCTION_ARGS)
{
	double		correlation = 0.0;
	Book	   *book;

	if (PG_NARGS() > 3)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the correlation of deals must not be NULL"),
					 errhint("0 is independence; salesops.shrunk_correlation() gives what past quarters say, also without any.")));
		correlation = PG_GETARG_FLOAT8(3);
	}
	book = state_argument(fcinfo, correlation);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		book->unknown++;
	else
	{
		int64		amount = bookings_amount(PG_GETARG_NUMERIC(1));

		book_add_deal(book, amount, bookings_chance(PG_GETARG_FLOAT8(2)));
	}
	PG_RETURN_POINTER(book);
}

/* The state with another book in it; NULL where there is neither. */
static Datum
merge(FunctionCallInfo fcinfo, const Book *other)
{
	Book	   *book = PG_ARGISNULL(0) ? NULL : (Book *) PG_GETARG_POINTER(0);

	if (other != NULL)
	{
		if (book == NULL)
			book = book_create(aggregate_context(fcinfo, "bookings"), other->correlation);
		book_merge(book, other);
	}
	if (book == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(book);
}

/* bookings(bookings_distribution): takes stored bookings in; NULL is passed over. */
PG_FUNCTION_INFO_V1(salesops_bookings_merge);
Datum
salesops_bookings_merge(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, PG_ARGISNULL(1) ? NULL : book_load(PG_GETARG_BOOKINGS(1)));
}

/* Takes another state in. */
PG_FUNCTION_INFO_V1(salesops_bookings_combine);
Datum
salesops_bookings_combine(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, PG_ARGISNULL(1) ? NULL : (Book *) PG_GETARG_POINTER(1));
}

/* The state in its stored form, which is a bytea too. */
PG_FUNCTION_INFO_V1(salesops_bookings_serialize);
Datum
salesops_bookings_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo, "bookings");
	PG_RETURN_BYTEA_P(book_store((Book *) PG_GETARG_POINTER(0)));
}

/* Reads a state back. It lives only until it is combined into another, so the current context will do, as in core. */
PG_FUNCTION_INFO_V1(salesops_bookings_deserialize);
Datum
salesops_bookings_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized = PG_GETARG_BYTEA_PP(0);
	Size		length = VARSIZE_ANY_EXHDR(serialized);
	BookingsDistribution *stored = palloc(VARHDRSZ + length);

	(void) aggregate_context(fcinfo, "bookings");
	/* Copied to where its integers are aligned. */
	SET_VARSIZE(stored, VARHDRSZ + length);
	memcpy(VARDATA(stored), VARDATA_ANY(serialized), length);
	PG_RETURN_POINTER(book_load(stored));
}

/* The distribution; NULL over no rows. */
PG_FUNCTION_INFO_V1(salesops_bookings_final);
Datum
salesops_bookings_final(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo, "bookings");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(book_store((Book *) PG_GETARG_POINTER(0)));
}
