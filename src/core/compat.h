/*
 * compat.h: everything that differs between PostgreSQL 15, 16, 17 and 18.
 *
 * All tests of PG_VERSION_NUM live here; the rest of the code reads as if it were written for one version.
 */
#ifndef SALESOPS_CORE_COMPAT_H
#define SALESOPS_CORE_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "salesops needs PostgreSQL 15 or later"
#endif

/* VARDATA and its kin moved out of postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* What does not return: 18 says so before the type. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * Soft errors (16 and later): an input function hands a bad value back through the caller's context, so that
 * pg_input_is_valid() and COPY ... ON_ERROR work. On 15 the same call raises the error.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define salesops_ereturn(fcinfo, value, ...) ereturn((fcinfo)->context, value, __VA_ARGS__)
#else
#define salesops_ereturn(fcinfo, value, ...) \
	do { ereport(ERROR, __VA_ARGS__); return (value); } while (0)
#endif

/* Decoding a date: 16 added an argument for the error's details, which a lenient reader does not need. */
#if PG_VERSION_NUM >= 160000
#define salesops_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &(DateTimeErrorExtra) {0})
#else
#define salesops_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz)
#endif

/*
 * Calls an input function from within an input function. False where it refused the text softly (16 and later), and
 * then the caller returns at once; on 15 it raises the error itself.
 */
static inline bool
salesops_input(PGFunction input, char *text, FunctionCallInfo fcinfo, Datum *value)
{
#if PG_VERSION_NUM >= 160000
	return DirectInputFunctionCallSafe(input, text, InvalidOid, -1, fcinfo->context, value);
#else
	(void) fcinfo;
	*value = DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return true;
#endif
}

/* Generated columns that are computed when they are read came with 18. */
#if PG_VERSION_NUM >= 180000
#define salesops_is_virtual(column) ((column)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define salesops_is_virtual(column) ((void) (column), false)
#endif

/* The module's name and version are shown by pg_get_loaded_modules() from 18 on. */
#if PG_VERSION_NUM >= 180000
#define SALESOPS_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "salesops")
#else
#define SALESOPS_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* LockHeldByMe() learnt to ask for stronger locks in 17. */
#if PG_VERSION_NUM >= 170000
#define lock_held_by_me(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define lock_held_by_me(tag, mode) LockHeldByMe(tag, mode)
#endif

#endif
