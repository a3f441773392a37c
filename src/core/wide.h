/*
 * wide.h: signed integers of 256 bits, wide enough that sums of products of money never overflow.
 *
 * A sum of integers does not depend on the order of its terms, so what parallel workers and shards add up is equal to the last bit.
 * Two's complement in four words, the lowest first; arithmetic is modulo 2^256. Both they and int128 are sent the highest word first.
 */
#ifndef SALESOPS_CORE_WIDE_H
#define SALESOPS_CORE_WIDE_H

#include "core/compat.h"

#include "libpq/pqformat.h"

#define WIDE_WORDS	4

typedef struct Wide
{
	uint64		word[WIDE_WORDS];
} Wide;

static inline bool
wide_is_negative(const Wide *x)
{
	return (int64) x->word[WIDE_WORDS - 1] < 0;
}

static inline bool
wide_is_zero(const Wide *x)
{
	return (x->word[0] | x->word[1] | x->word[2] | x->word[3]) == 0;
}

static inline Wide
wide_from_int128(int128 x)
{
	uint64		sign = x < 0 ? ~UINT64CONST(0) : 0;

	return (Wide) {{(uint64) x, (uint64) ((uint128) x >> 64), sign, sign}};
}

static inline void
wide_add(Wide *sum, const Wide *x)
{
	uint128		carry = 0;

	for (int i = 0; i < WIDE_WORDS; i++)
	{
		carry += (uint128) sum->word[i] + x->word[i];
		sum->word[i] = (uint64) carry;
		carry >>= 64;
	}
}

static inline Wide
wide_negated(const Wide *x)
{
	Wide		result = {{~x->word[0], ~x->word[1], ~x->word[2], ~x->word[3]}};
	Wide		one = {{1, 0, 0, 0}};

	wide_add(&result, &one);
	return result;
}

static inline Wide
wide_times(const Wide *x, int64 y)
{
	uint64		factor = y < 0 ? -(uint64) y : (uint64) y;
	uint128		carry = 0;
	Wide		product;

	for (int i = 0; i < WIDE_WORDS; i++)
	{
		carry += (uint128) x->word[i] * factor;
		product.word[i] = (uint64) carry;
		carry >>= 64;
	}
	return y < 0 ? wide_negated(&product) : product;
}

/* The nearest float8, but for the last bits: the words are added from the highest, each sum rounded. */
static inline double
wide_to_double(const Wide *x)
{
	Wide		size = wide_is_negative(x) ? wide_negated(x) : *x;
	double		value = 0.0;

	for (int i = WIDE_WORDS - 1; i >= 0; i--)
		value = value * 18446744073709551616.0 + (double) size.word[i];
	return wide_is_negative(x) ? -value : value;
}

/* The integer part of a float8 smaller than 2^255. */
static inline Wide
wide_from_double(double x)
{
	double		rest = x < 0 ? -x : x;
	Wide		result;

	for (int i = WIDE_WORDS - 1; i >= 0; i--)
	{
		/* 2^(64 i) */
		double		unit = i == 3 ? 6277101735386680763835789423207666416102355444464034512896.0 :
			i == 2 ? 340282366920938463463374607431768211456.0 : i == 1 ? 18446744073709551616.0 : 1.0;

		result.word[i] = (uint64) (rest / unit);
		rest -= (double) result.word[i] * unit;
	}
	return x < 0 ? wide_negated(&result) : result;
}

static inline void
wide_send(StringInfo message, const Wide *x)
{
	for (int i = WIDE_WORDS - 1; i >= 0; i--)
		pq_sendint64(message, x->word[i]);
}

static inline Wide
wide_receive(StringInfo message)
{
	Wide		x;

	for (int i = WIDE_WORDS - 1; i >= 0; i--)
		x.word[i] = pq_getmsgint64(message);
	return x;
}

static inline void
int128_send(StringInfo message, int128 x)
{
	pq_sendint64(message, (uint64) ((uint128) x >> 64));
	pq_sendint64(message, (uint64) x);
}

static inline int128
int128_receive(StringInfo message)
{
	uint64		high = pq_getmsgint64(message);

	return (int128) ((uint128) high << 64 | (uint64) pq_getmsgint64(message));
}

#endif
