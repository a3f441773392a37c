/*
 * random.h: the random numbers of the programs that make small instances. Each program seeds the state.
 */
#ifndef SALESOPS_BENCH_RANDOM_H
#define SALESOPS_BENCH_RANDOM_H

#include "postgres_fe.h"

static uint64 state;

/* Uniform among 0, 1 ... n - 1: Marsaglia's xorshift. */
static inline int
below(int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

static inline bool
one_in(int n)
{
	return below(n) == 0;
}

#endif
