/*
 * fiscal_period.h: a fiscal year, quarter or month as one comparable number.
 *
 * The stored number is (month * 4 + grain), where month counts fiscal months from year 0 to the period's first one and
 * grain is 0 for a year, 1 for a quarter, 2 for a month. Plain integer order is then the order of the periods: by
 * start, and where two start together the longer one first.
 */
#ifndef SALESOPS_CORE_FISCAL_PERIOD_H
#define SALESOPS_CORE_FISCAL_PERIOD_H

#include "core/compat.h"

typedef int32 FiscalPeriod;

typedef enum FiscalGrain
{
	FISCAL_YEAR,
	FISCAL_QUARTER,
	FISCAL_MONTH
} FiscalGrain;

/* The years that four digits can write. */
#define FISCAL_YEAR_FIRST	1
#define FISCAL_YEAR_LAST	9999

#define DatumGetFiscalPeriod(d)		((FiscalPeriod) DatumGetInt32(d))
#define FiscalPeriodGetDatum(p)		Int32GetDatum(p)
#define PG_GETARG_FISCAL_PERIOD(n)	DatumGetFiscalPeriod(PG_GETARG_DATUM(n))
#define PG_RETURN_FISCAL_PERIOD(p)	return FiscalPeriodGetDatum(p)

/* Text input and output, for types that are written with a period in them. */
extern PGDLLEXPORT Datum salesops_fiscal_period_in(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum salesops_fiscal_period_out(PG_FUNCTION_ARGS);

/* Whether a stored number is a period, for types that receive one from outside. */
extern bool salesops_is_fiscal_period(FiscalPeriod period);

#endif
