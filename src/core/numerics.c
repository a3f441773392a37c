/*
 * numerics.c: exp, log and the normal distribution, the same to the last bit everywhere.
 *
 * The C library's exp() and log() differ in the last bit from one version or processor to the next, and a forecast that is
 * computed again must come out the same. Here everything is made of + - * / and sqrt, which IEEE 754 rounds in one way
 * only, in an order that the source states; the compiler may not contract a product and a sum (-ffp-contract=off).
 *
 *	function					method												relative error
 *	salesops_exp				reduction by multiples of ln 2, Taylor series		3e-16; 0 below -745.2, infinite above 709.8
 *	salesops_log				series of artanh on [sqrt 1/2, sqrt 2]				3e-16
 *	salesops_logistic			exp													1e-15
 *	salesops_logit				log; near 1/2 the error is absolute, 3e-16			1e-15
 *	salesops_normal_density		exp of the square in two parts						1e-15
 *	salesops_normal_cdf			density x Mills ratio, a polynomial of degree 24	2e-15, also far down in the lower tail
 *	salesops_normal_quantile	polynomial; outside 0.2 to 0.8 a Halley step on the cdf	1e-15 for p > 1e-300
 *
 * The errors are upper bounds of what was measured against 40 digits at 100,000 points; test/pgtap/core/numerics.sql holds the
 * functions to them. NaN gives NaN; an argument outside the domain of log, logit or the quantile gives NaN, at its edge an infinity.
 *
 * The coefficients are truncated Chebyshev series of the functions named beside them, computed with 40 digits. The idea to expand
 * the Mills ratio in (x - a) / (x + a) is Schonfelder's (Math. Comp. 32, 1978, pages 1232-1240).
 *
 * exp and the cdf have no branches, so that their forms for many values run in vector registers: the same operations on
 * each value, hence the same bits. The Makefile asks for that (-O3, and -fno-trapping-math because nobody here looks at
 * floating-point exceptions).
 */
#include "core/compat.h"

#include <math.h>

#include "core/numerics.h"
#include "utils/float.h"

/* ln 2 in two parts: multiples of the first, up to 2^11 of them, are exact. */
#define LN2_HIGH	6.93147180369123816490e-01
#define LN2_LOW		1.90821492927058770002e-10
#define LOG2_E		1.44269504088896340736

/* Adding this leaves a small number's nearest integer in the low bits of the sum. */
#define ROUNDER		6755399441055744.0	/* 1.5 * 2^52 */

#define SQRT_HALF		0.70710678118654752440
#define ONE_BY_SQRT_TWO_PI 0.39894228040143267794

/* What the forms for many values are made of must become part of them. */
#define INLINE		static pg_attribute_always_inline

INLINE uint64
bits_of(double x)
{
	uint64		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

INLINE double
double_of(uint64 bits)
{
	double		x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* 2 to the power of an integer that ROUNDER was added to. */
INLINE double
power_of_two(double rounded)
{
	return double_of((bits_of(rounded) + 1023) << 52);
}

INLINE double
polynomial(const double *coefficients, int degree, double x)
{
	double		sum = coefficients[degree];

	/* Where the degree is known no loop is left, which the loops over many values need to run in vector registers. */
#pragma GCC unroll 32
	for (int i = degree - 1; i >= 0; i--)
		sum = sum * x + coefficients[i];
	return sum;
}

/*
 * exp(x) = 2^k exp(r), |r| <= ln(2) / 2. The power is multiplied in as two halves, so that it may leave the range of normal numbers.
 */
INLINE double
exponential(double x)
{
	/* 1 / n! */
	static const double taylor[] = {
		1.0, 1.0, 0.5, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
		1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
	};
	double		bounded = x < -750.0 ? -750.0 : x > 750.0 ? 750.0 : x;
	double		rounded = bounded * LOG2_E + ROUNDER;
	double		k = rounded - ROUNDER;
	double		r = (bounded - k * LN2_HIGH) - k * LN2_LOW;
	double		half_rounded = k * 0.5 + ROUNDER;
	double		other_half = k - (half_rounded - ROUNDER) + ROUNDER;
	/* 1 + (r + r^2 (...)): the large parts are added last. */
	double		e = 1.0 + (r + r * r * polynomial(taylor + 2, 11, r));

	return e * power_of_two(half_rounded) * power_of_two(other_half);
}

/*
 * The density at x, relative to that at 0. The square is rounded by up to 2^-53 of itself, which exp would multiply by x^2 / 2;
 * so its error is found (by splitting x into halves of 26 bits) and corrected to first order.
 */
INLINE double
relative_density(double x)
{
	double		square = x * x;
	double		high = double_of(bits_of(x) & ~UINT64CONST(0x7ffffff));
	double		low = x - high;
	double		error = ((high * high - square) + 2.0 * high * low) + low * low;
	double		e = exponential(-0.5 * square);

	return e - e * (0.5 * error);
}

/*
 * The lower tail at -x for x >= 0, divided by the density there. (x + 5) times the Mills ratio, in powers of (x - 5) / (x + 5).
 */
INLINE double
mills_ratio(double x)
{
	static const double series[] = {
		1.9280810471531578, -1.66786659518896, 1.2415470615738664, -0.7859110755465453,
		0.4136447157326838, -0.17325473408715042, 0.0521255024122788, -0.007503282820678734,
		-0.001999961974984299, 0.0013658591609422557, -0.0001488330523238177, -0.00012473565818641355,
		4.1814585867991636e-05, 9.974780083292121e-06, -6.945033142823125e-06, -8.360675938751069e-07,
		1.09366335982378e-06, 9.668427862379089e-08, -1.7641240534771625e-07, -1.7398120583577034e-08,
		2.8172018010667915e-08, 3.1868652787059593e-09, -3.844186529258195e-09, -3.3368476164168064e-10,
		3.1256098293503273e-10,
	};

	return polynomial(series, 24, (x - 5.0) / (x + 5.0)) / (x + 5.0);
}

INLINE double
normal_cdf(double x)
{
	double		distance = fabs(x);
	/* Below -38.6 the tail is less than any number; infinity would make a NaN of it. */
	double		bounded = distance > 40.0 ? 40.0 : distance;
	double		tail = relative_density(bounded) * ONE_BY_SQRT_TWO_PI * mills_ratio(bounded);

	return x > 0.0 ? 1.0 - tail : tail;
}

/* e to the power of x. */
double
salesops_exp(double x)
{
	return exponential(x);
}

/*
 * The natural logarithm: x = 2^k m with m near 1, ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
 */
double
salesops_log(double x)
{
	/* 1 / (2 n + 1) */
	static const double artanh[] = {
		1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21,
	};
	int			k = 0;
	double		m,
				f,
				s,
				s2;

	if (isnan(x) || x < 0.0)
		return get_float8_nan();
	if (x == 0.0)
		return -get_float8_infinity();
	if (isinf(x))
		return x;

	if (x < 2.2250738585072014e-308)
	{
		x *= 18014398509481984.0;	/* 2^54: subnormal numbers become normal ones */
		k = -54;
	}
	k += (int) (bits_of(x) >> 52) - 1023;
	m = double_of((bits_of(x) & UINT64CONST(0x000fffffffffffff)) | UINT64CONST(0x3ff0000000000000));
	if (m > 2.0 * SQRT_HALF)
	{
		m *= 0.5;
		k++;
	}

	/* f - f^2/2 + ... : the first two terms of the series apart, so that near 1 nothing is lost by the division. */
	f = m - 1.0;
	s = f / (2.0 + f);
	s2 = s * s;
	return k * LN2_HIGH + (f - (f - s2 * polynomial(artanh, 9, s2) * 2.0) * s + k * LN2_LOW);
}

/* 1 / (1 + exp(-x)): the probability whose log odds are x. */
double
salesops_logistic(double x)
{
	/* The power that does not overflow, for either sign. */
	double		e = exponential(-fabs(x));

	return x < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

/* The log odds of a probability. */
double
salesops_logit(double p)
{
	if (p == 1.0)
		return get_float8_infinity();
	return salesops_log(p / (1.0 - p));
}

/* The density of the standard normal distribution. */
double
salesops_normal_density(double x)
{
	double		distance = fabs(x);

	return relative_density(distance > 40.0 ? 40.0 : distance) * ONE_BY_SQRT_TWO_PI;
}

/* The probability that a standard normal variable is at most x. */
double
salesops_normal_cdf(double x)
{
	return normal_cdf(x);
}

/* The x at which the standard normal distribution function is p. */
double
salesops_normal_quantile(double p)
{
	/* x / q in powers of q^2, q = 1/2 - p, for q <= 0.3. */
	static const double central[] = {
		2.5066282746310007, 2.6249349909537094, 5.772533538640411, 15.667608951349475,
		47.0357900900343, 149.82945157904845, 496.3036480704234, 1688.0532903162123,
		5952.257487700257, 18275.61722873356, 131838.98419162695, -725779.7775267265,
		13539463.925634714, -110034949.22329788, 715713767.8063974, -2652173976.562759,
		5273258245.52393,
	};
	/* x / r in powers of (r - 4) / (r + 4), r = sqrt(-2 ln p), for p < 0.2. */
	static const double tail[] = {
		0.8502980873569477, 0.4861964078903473, -0.7586396993413788, 0.9094497289876474,
		-1.0179932999635275, 1.0973344967395007, -1.1457396479253117, 1.1650904847344579,
		-1.2802388910161115, 1.5654510423793089, -1.6093643614246231, 1.0101394891919684,
		-0.27246991522940117,
	};
	double		lower = p > 0.5 ? 1.0 - p : p;
	double		x;

	if (isnan(p) || p < 0.0 || p > 1.0)
		return get_float8_nan();
	if (lower == 0.0)
		return p == 0.0 ? -get_float8_infinity() : get_float8_infinity();

	if (lower >= 0.2)
	{
		double		q = 0.5 - lower;

		x = q * polynomial(central, 16, q * q);
	}
	else
	{
		double		r = sqrt(-2.0 * salesops_log(lower));
		double		step;

		/*
		 * The start is within 1e-6, Halley's method is of third order, so one step is enough: the difference to the tail at x in
		 * units of the density there, with the curvature -x.
		 */
		x = r * polynomial(tail, 12, (r - 4.0) / (r + 4.0));
		step = mills_ratio(x) - lower / (relative_density(x) * ONE_BY_SQRT_TWO_PI);
		x += step / (1.0 - 0.5 * x * step);
	}
	return p > 0.5 ? x : -x;
}

/* e to the power of each value. */
SALESOPS_FOR_EACH_PROCESSOR
void
salesops_exp_all(const double *from, double *to, int count)
{
	for (int i = 0; i < count; i++)
		to[i] = exponential(from[i]);
}

/* The standard normal distribution function of each value. */
SALESOPS_FOR_EACH_PROCESSOR
void
salesops_normal_cdf_all(const double *from, double *to, int count)
{
	for (int i = 0; i < count; i++)
		to[i] = normal_cdf(from[i]);
}
