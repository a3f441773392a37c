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

#include "common/hashfn.h"

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

/* The bytes of a stored value, without its header. */
static inline bytea *
salesops_bytes(Datum value)
{
	return (bytea *) PG_DETOAST_DATUM_PACKED(value);
}

/* What salesops_bytes() had to copy is not needed any more. */
static inline void
salesops_free_bytes(bytea *bytes, Datum value)
{
	if ((Pointer) bytes != DatumGetPointer(value))
		pfree(bytes);
}

/* By their bytes, a value before what it begins. */
static inline int32
salesops_bytes_order(Datum a, Datum b)
{
	bytea	   *x = salesops_bytes(a);
	bytea	   *y = salesops_bytes(b);
	int32		x_size = VARSIZE_ANY_EXHDR(x);
	int32		y_size = VARSIZE_ANY_EXHDR(y);
	int32		order = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(x_size, y_size));

	salesops_free_bytes(x, a);
	salesops_free_bytes(y, b);
	return order != 0 ? order : (x_size > y_size) - (x_size < y_size);
}

static inline uint64
salesops_bytes_hash(Datum value, uint64 seed)
{
	bytea	   *bytes = salesops_bytes(value);
	uint64		hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), seed);

	salesops_free_bytes(bytes, value);
	return hash;
}

/*
 * What a type adds whose equal values are stored as equal bytes: it is ordered by them, which says nothing but lets a query compare, group
 * and sort, and hashed by them.
 */
#define SALESOPS_ORDERING_BY_BYTES(type) \
	static int32 \
	type##_order(Datum a, Datum b) \
	{ \
		return salesops_bytes_order(a, b); \
	} \
	SALESOPS_ORDERING(type) \
	PG_FUNCTION_INFO_V1(salesops_##type##_hash); \
	Datum \
	salesops_##type##_hash(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_UINT32((uint32) salesops_bytes_hash(PG_GETARG_DATUM(0), 0)); \
	} \
	PG_FUNCTION_INFO_V1(salesops_##type##_hash_extended); \
	Datum \
	salesops_##type##_hash_extended(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_UINT64(salesops_bytes_hash(PG_GETARG_DATUM(0), PG_GETARG_INT64(1))); \
	}

#endif
