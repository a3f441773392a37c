/*
 * noise_floor.c: how wrong a forecast is bound to be that has every probability right.
 *
 * A deal comes whole or not at all, so the total misses its mean even if all probabilities are true and no common factor moves the
 * deals together: by E|X - m| on average.
 */
#include "forecast/bookings.h"

#include "forecast/bookings_evaluate.h"
#include "miscadmin.h"

static void
check_for_cancel(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* noise_floor(bookings): mean absolute error of the mean, deals taken as independent. */
PG_FUNCTION_INFO_V1(salesops_noise_floor);
Datum
salesops_noise_floor(PG_FUNCTION_ARGS)
{
	Book	   *book = book_load(PG_GETARG_BOOKINGS(0));

	book->correlation = 0.0;
	PG_RETURN_FLOAT8(evaluation_mean_deviation(bookings_evaluate(book, check_for_cancel)));
}
