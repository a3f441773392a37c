/*
 * ordering.h: the comparison functions of a type, from its one idea of order.
 *
 * A type states its order once, as `static int32 <type>_order(Datum a, Datum b)` (negative, zero, positive), and
 * this header writes the seven functions that a btree class and its operators need. Operators, sorting, merging and
 * grouping can therefore never disagree about which value comes first.
 */
#ifndef SALESOPS_CORE_ORDERING_H
#define SALESOPS_CORE_ORDERING_H

#include "core/compat.h"

#define SALESOPS_COMPARISON(type, name, test) \
	PG_FUNCTION_INFO_V1(salesops_##type##_##name); \
	Datum \
	salesops_##type##_##name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(type##_order(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) test 0); \
	}

/* The six operators and the btree comparison (support function 1). */
#define SALESOPS_ORDERING(type) \
	SALESOPS_COMPARISON(type, lt, <) \
	SALESOPS_COMPARISON(type, le, <=) \
	SALESOPS_COMPARISON(type, eq, ==) \
	SALESOPS_COMPARISON(type, ne, !=) \
	SALESOPS_COMPARISON(type, ge, >=) \
	SALESOPS_COMPARISON(type, gt, >) \
	PG_FUNCTION_INFO_V1(salesops_##type##_cmp); \
	Datum \
	salesops_##type##_cmp(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_INT32(type##_order(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1))); \
	}

/* What a type passed by value adds: a sort that skips the fmgr call, and the transitions of max() and min(). */
#define SALESOPS_ORDERING_BY_VALUE(type) \
	SALESOPS_ORDERING(type) \
	static int \
	type##_fast_order(Datum a, Datum b, SortSupport ssup pg_attribute_unused()) \
	{ \
		return type##_order(a, b); \
	} \
	PG_FUNCTION_INFO_V1(salesops_##type##_sortsupport); \
	Datum \
	salesops_##type##_sortsupport(PG_FUNCTION_ARGS) \
	{ \
		((SortSupport) PG_GETARG_POINTER(0))->comparator = type##_fast_order; \
		PG_RETURN_VOID(); \
	} \
	PG_FUNCTION_INFO_V1(salesops_##type##_larger); \
	Datum \
	salesops_##type##_larger(PG_FUNCTION_ARGS) \
	{ \
		Datum		a = PG_GETARG_DATUM(0); \
		Datum		b = PG_GETARG_DATUM(1); \
		PG_RETURN_DATUM(type##_order(a, b) >= 0 ? a : b); \
	} \
	PG_FUNCTION_INFO_V1(salesops_##type##_smaller); \
	Datum \
	salesops_##type##_smaller(PG_FUNCTION_ARGS) \
	{ \
		Datum		a = PG_GETARG_DATUM(0); \
		Datum		b = PG_GETARG_DATUM(1); \
		PG_RETURN_DATUM(type##_order(a, b) <= 0 ? a : b); \
	}

#endif
