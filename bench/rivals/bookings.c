/*
 * bookings.c: what bookings_distribution is measured against, as plain programs would do it.
 *
 *		bookings montecarlo CORRELATION TRIALS FACTORS < deals
 *		bookings lattice CORRELATION NODES [P10 P50 P90] < deals
 *		bookings fourier CORRELATION NODES FREQUENCIES < deals
 *
 * deals are lines "amount probability". Prints the seconds that it took (without reading), P10, P50, P90 and the standard deviation; lattice
 * also, if three amounts are given, the probability to stay below each, less and plus a thousandth of a standard deviation.
 *
 * montecarlo draws outcomes as fast as such a thing is written: 32-bit thresholds, a counter-based hash (the finalizer of MurmurHash3 with
 * constants of C. Wellons) instead of a generator with a state, sums in single precision by blocks. The common factor takes FACTORS values, the
 * middles of as many equal shares, and thresholds are computed for each: as many as there are trials is what everybody writes, fewer
 * is faster.
 *
 * The other two are exact and slow, and share nothing with the extension. lattice takes deal after deal into a lattice of 65,536 points, at
 * each of many nodes of the factor (each amount split between two neighbouring points, so that the mean is kept); for books of few
 * or lumpy deals. Where amounts are whole and together less than 65,536 the points are the totals themselves, and nothing is split. fourier multiplies the characteristic functions of all deals at each node and frequency and sums the Fourier series of the
 * distribution function; for books large enough that the distribution is smooth.
 */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS 65536

typedef struct
{
	double		amount;
	double		c;				/* normal quantile of the probability */
	double		p;
} Deal;

static Deal *deals;
static int	count;
static double correlation;

static const double shares[] = {0.1, 0.5, 0.9};

static double
phi(double x)
{
	return 0.5 * erfc(-x * M_SQRT1_2);
}

/* By bisection: slow, and right. */
static double
quantile(double p)
{
	double		low = -40;
	double		high = 40;

	for (int i = 0; i < 200; i++)
	{
		double		middle = 0.5 * (low + high);

		if (phi(middle) < p)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static double
chance(const Deal *deal, double z)
{
	return correlation == 0 ? deal->p : phi((deal->c + sqrt(correlation) * z) / sqrt(1 - correlation));
}

static void
read_deals(void)
{
	int			room = 0;
	Deal		deal;

	while (scanf("%lf %lf", &deal.amount, &deal.p) == 2)
	{
		if (count == room)
			deals = realloc(deals, (room = 2 * room + 1024) * sizeof(Deal));
		deal.c = quantile(deal.p);
		deals[count++] = deal;
	}
}

/* Nodes of the factor from -6 to 6 with their weights. */
static int
place_nodes(int nodes, double *z, double *weight)
{
	double		total = 0;

	if (correlation == 0)
	{
		z[0] = 0;
		weight[0] = 1;
		return 1;
	}
	for (int k = 0; k < nodes; k++)
	{
		z[k] = -6 + 12.0 * k / (nodes - 1);
		total += weight[k] = exp(-0.5 * z[k] * z[k]);
	}
	for (int k = 0; k < nodes; k++)
		weight[k] /= total;
	return nodes;
}

/* Mean and standard deviation over all z, and the span that the total keeps within in all but one of 10^10 cases or so. */
static void
moments(int nodes, const double *z, const double *weight, double *sd, double *low, double *high)
{
	double		mean = 0;
	double		square = 0;
	double		possible = 0;

	*low = INFINITY;
	*high = 0;
	for (int i = 0; i < count; i++)
		possible += deals[i].amount;
	for (int k = 0; k < nodes; k++)
	{
		double		m = 0;
		double		v = 0;

		for (int i = 0; i < count; i++)
		{
			double		p = chance(&deals[i], z[k]);

			m += deals[i].amount * p;
			v += deals[i].amount * deals[i].amount * p * (1 - p);
		}
		mean += weight[k] * m;
		square += weight[k] * (v + m * m);
		*low = fmin(*low, m - 8 * sqrt(v));
		*high = fmax(*high, m + 8 * sqrt(v));
	}
	*sd = sqrt(square - mean * mean);
	*low = fmax(*low, 0);
	*high = fmin(*high, possible);
}

static int
is_whole(void)
{
	double		possible = 0;

	for (int i = 0; i < count; i++)
	{
		if (deals[i].amount != floor(deals[i].amount))
			return 0;
		possible += deals[i].amount;
	}
	return possible < POINTS;
}

static void
lattice(int nodes, double *answer, double *sd, char **given)
{
	double	   *z = malloc(nodes * sizeof(double));
	double	   *weight = malloc(nodes * sizeof(double));
	double	   *total = calloc(POINTS, sizeof(double));
	double	   *from = malloc(POINTS * sizeof(double));
	double	   *to = malloc(POINTS * sizeof(double));
	double		low;
	double		high;
	double		step;
	double		sum = 0;

	nodes = place_nodes(nodes, z, weight);
	moments(nodes, z, weight, sd, &low, &high);
	step = is_whole() ? 1 : high / (POINTS - 1);
	for (int k = 0; k < nodes; k++)
	{
		int			top = 0;	/* the highest point in use */

		memset(from, 0, POINTS * sizeof(double));
		from[0] = 1;
		for (int i = 0; i < count; i++)
		{
			double		p = chance(&deals[i], z[k]);
			double		place = deals[i].amount / step;
			int			shift = place > POINTS - 2 ? POINTS - 2 : (int) place;
			double		part = fmin(place - shift, 1);
			double		won_low = p * (1 - part);
			double		won_high = p * part;
			int			next = top + shift + 1 < POINTS ? top + shift + 1 : POINTS - 1;

			for (int j = 0; j <= next; j++)
				to[j] = j <= top ? (1 - p) * from[j] : 0;
			for (int j = 0; j <= top && j + shift + 1 < POINTS; j++)
				to[j + shift] += won_low * from[j];
			for (int j = 0; j <= top && j + shift + 1 < POINTS; j++)
				to[j + shift + 1] += won_high * from[j];
			top = next;
			double	   *swap = from;

			from = to;
			to = swap;
		}
		for (int j = 0; j <= top; j++)
			total[j] += weight[k] * from[j];
	}
	for (int q = 0, j = 0; q < 3; q++)
	{
		while (j < POINTS && sum + total[j] < shares[q])
			sum += total[j++];
		answer[q] = step == 1 ? j : (j + (shares[q] - sum) / total[j] - 0.5) * step;
	}
	for (int q = 0; given != NULL && q < 3; q++)
		for (int side = -1; side <= 1; side += 2)
		{
			double		place = (atof(given[q]) + side * 1e-3 * *sd) / step;

			sum = 0;
			for (int j = 0; j < POINTS && j <= place; j++)
				sum += total[j];
			fprintf(stderr, "%.6f%c", sum, q == 2 && side == 1 ? '\n' : ' ');
		}
}

static void
fourier(int nodes, int frequencies, double *answer, double *sd)
{
	double	   *z = malloc(nodes * sizeof(double));
	double	   *weight = malloc(nodes * sizeof(double));
	double complex *series = calloc(frequencies + 1, sizeof(double complex));
	double		low;
	double		high;

	nodes = place_nodes(nodes, z, weight);
	moments(nodes, z, weight, sd, &low, &high);
	double	   *p = malloc((size_t) nodes * count * sizeof(double));
	double complex *turn = malloc(count * sizeof(double complex));

	for (int k = 0; k < nodes; k++)
		for (int i = 0; i < count; i++)
			p[(size_t) k * count + i] = chance(&deals[i], z[k]);
	for (int f = 1; f <= frequencies; f++)
	{
		for (int i = 0; i < count; i++)
			turn[i] = cexp(I * (2 * M_PI * f / (high - low) * deals[i].amount)) - 1;
		for (int k = 0; k < nodes; k++)
		{
			double complex product = weight[k];

			for (int i = 0; i < count; i++)
				product *= 1 + p[(size_t) k * count + i] * turn[i];
			series[f] += product;
		}
	}
	for (int q = 0; q < 3; q++)
	{
		double		from = low;
		double		to = high;

		for (int i = 0; i < 100; i++)
		{
			double		x = 0.5 * (from + to);
			double		below = (x - low) / (high - low);

			for (int f = 1; f <= frequencies; f++)
			{
				double		w = 2 * M_PI * f / (high - low);

				below += 2 / (high - low) * creal(series[f] * (cexp(-I * w * x) - cexp(-I * w * low)) / (-I * w));
			}
			if (below < shares[q])
				from = x;
			else
				to = x;
		}
		answer[q] = to;
	}
	fprintf(stderr, "last coefficient: %g\n", cabs(series[frequencies]));
}

static uint64_t
hash(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
montecarlo(int trials, int factors, double *answer, double *sd)
{
	double	   *total = malloc(trials * sizeof(double));
	float	   *amount = malloc(count * sizeof(float));
	uint32_t   *threshold = malloc(count * sizeof(uint32_t));
	double		mean = 0;
	double		square = 0;

	for (int i = 0; i < count; i++)
		amount[i] = deals[i].amount;
	for (int t = 0; t < trials; t++)
	{
		uint32_t	seed = hash(t + 1);

		if (t % (trials / factors) == 0)
		{
			double		z = quantile((t / (trials / factors) + 0.5) / factors);

			for (int i = 0; i < count; i++)
				threshold[i] = chance(&deals[i], z) * 4294967295.0;
		}
		total[t] = 0;
		for (int start = 0; start < count; start += 4096)
		{
			int			end = start + 4096 < count ? start + 4096 : count;
			float		sum = 0;

			for (int i = start; i < end; i++)
			{
				uint32_t	h = (uint32_t) i * 2654435769u ^ seed;

				h ^= h >> 16;
				h *= 0x7feb352du;
				h ^= h >> 15;
				h *= 0x846ca68bu;
				h ^= h >> 16;
				sum += h < threshold[i] ? amount[i] : 0;
			}
			total[t] += sum;
		}
		mean += total[t] / trials;
		square += total[t] * total[t] / trials;
	}
	qsort(total, trials, sizeof(double), compare);
	for (int q = 0; q < 3; q++)
		answer[q] = total[(int) (shares[q] * trials)];
	*sd = sqrt(square - mean * mean);
}

int
main(int argc, char **argv)
{
	double		answer[3];
	double		sd;
	struct timespec start;
	struct timespec end;

	if (argc < 4 || (argc < 5 && strcmp(argv[1], "lattice") != 0))
		return 1;
	correlation = atof(argv[2]);
	read_deals();
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (strcmp(argv[1], "montecarlo") == 0)
		montecarlo(atoi(argv[3]), atoi(argv[4]), answer, &sd);
	else if (strcmp(argv[1], "lattice") == 0)
		lattice(atoi(argv[3]), answer, &sd, argc > 6 ? argv + 4 : NULL);
	else
		fourier(atoi(argv[3]), atoi(argv[4]), answer, &sd);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.4f %.6f %.6f %.6f %.6f\n", (end.tv_sec - start.tv_sec) + 1e-9 * (end.tv_nsec - start.tv_nsec), answer[0], answer[1], answer[2], sd);
	return 0;
}
