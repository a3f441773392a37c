/*
 * water_fill_laws.c: thousands of random small instances of water_fill(), each held against the laws that define them, by trying all sets of territories.
 *
 * By Hall's theorem loads can be reached exactly if no set of territories holds more than what it holds anyway and the supply of the classes
 * that some of it may have. So of every pair of territories where one is above the other in its level: some set with the lower one and without the
 * upper one must be tight, or else some of the upper one's load could go to the lower one.
 *
 *	water_fill_laws [instances [seed]]
 */
#include "../random.h"
#include "water_fill.h"

#include <math.h>
#include <time.h>

#define MOST	6
#define CLOSE	1e-9

typedef struct Instance
{
	WaterFillShares shares;
	double		supply[MOST];
	bool		eligible[MOST * MOST];
	double		share[MOST];
	double		held[MOST];
	double		least[MOST];
	double		most[MOST];
} Instance;

static void
random_instance(Instance *in)
{
	WaterFillShares *s = &in->shares;
	int			density = 1 + below(4);

	memset(in, 0, sizeof(*in));
	s->classes = 1 + below(MOST);
	s->territories = 1 + below(MOST);
	for (int c = 0; c < s->classes; c++)
		in->supply[c] = one_in(6) ? 0 : one_in(3) ? below(10) : below(100000) / 7.0;
	for (int j = 0; j < MOST * MOST; j++)
		in->eligible[j] = below(4) < density;
	for (int k = 0; k < s->territories; k++)
	{
		in->share[k] = one_in(6) ? 0 : one_in(3) ? 1 : below(1000) / 300.0;
		in->held[k] = one_in(3) ? below(9000) / 3.0 : 0;
		in->least[k] = one_in(3) ? below(20000) / 3.0 : 0;
		in->most[k] = one_in(3) ? in->least[k] + below(20000) / 3.0 : INFINITY;
	}
	s->supply = in->supply;
	s->share = in->share;
	s->eligible = one_in(5) ? NULL : in->eligible;
	s->held = one_in(3) ? NULL : in->held;
	s->least = one_in(2) ? NULL : in->least;
	s->most = one_in(2) ? NULL : in->most;
}

static bool
may_have(const WaterFillShares *s, int c, int k)
{
	return !s->eligible || s->eligible[c * s->territories + k];
}

/* What the territories of a set may have of some of the classes. */
static double
supply_of(const WaterFillShares *s, int set, const double *supply)
{
	double		sum = 0;

	for (int c = 0; c < s->classes; c++)
	{
		bool		any = false;

		for (int k = 0; k < s->territories; k++)
			any |= (set >> k & 1) && may_have(s, c, k);
		if (any)
			sum += supply[c];
	}
	return sum;
}

static double held_of(const WaterFillShares *s, int k) { return s->held ? s->held[k] : 0; }
static double most_of(const WaterFillShares *s, int k) { return Max(s->most ? s->most[k] : INFINITY, held_of(s, k)); }
static double
base_of(const WaterFillShares *s, int k)
{
	return Max(held_of(s, k), Min(s->least ? s->least[k] : 0, s->most ? s->most[k] : INFINITY));
}

/* Levels compare first by the part of the floor, then by load for share. */
static double
level_of(const WaterFillShares *s, int k, double target)
{
	double		base = base_of(s, k);

	if (target < base * (1 - CLOSE))
		return (target - held_of(s, k)) / (base - held_of(s, k)) - 1;
	return s->share[k] > 0 ? target / s->share[k] : target > base * (1 + CLOSE) ? INFINITY : 0;
}

/* The law that is broken, or NULL. */
static const char *
broken_law(const WaterFillShares *s, const double *target, const double *unplaced)
{
	double		total = 0;
	double		sum = 0;
	double		placed[MOST];
	int			all = (1 << s->territories) - 1;
	double		close;

	for (int c = 0; c < s->classes; c++)
	{
		total += s->supply[c];
		placed[c] = s->supply[c] - unplaced[c];
		if (unplaced[c] < 0 || unplaced[c] > s->supply[c])
			return "more is unplaced than there is";
	}
	close = CLOSE * (1 + total);
	for (int k = 0; k < s->territories; k++)
	{
		sum += target[k] - held_of(s, k);
		if (target[k] < held_of(s, k) || target[k] > most_of(s, k))
			return "below what is held, or above the most";
		if (s->share[k] == 0 && target[k] > base_of(s, k) + close)
			return "something for no share";
	}
	for (int c = 0; c < s->classes; c++)
		sum -= placed[c];
	if (fabs(sum) > close)
		return "sum";
	for (int set = 1; set <= all; set++)
	{
		double		load = 0;

		for (int k = 0; k < s->territories; k++)
			if (set >> k & 1)
				load += target[k] - held_of(s, k);
		if (load > supply_of(s, set, placed) + close)
			return "nobody can send that";
	}
	/* What is left over nobody could take, with whatever others give up: every territory that may have some is in a set that is full of it. */
	for (int c = 0; c < s->classes; c++)
		for (int k = 0; k < s->territories; k++)
			if (unplaced[c] > close && may_have(s, c, k) && target[k] < (s->share[k] > 0 ? most_of(s, k) : base_of(s, k)) - close)
				return "unplaced, and there is room";
	for (int high = 0; high < s->territories; high++)
		for (int low = 0; low < s->territories; low++)
		{
			double		level = level_of(s, low, target[low]);
			bool		can_rise = target[low] < base_of(s, low) - close || (s->share[low] > 0 && target[low] < most_of(s, low) - close);
			bool		can_fall = target[high] > held_of(s, high) + close &&
				(target[high] > base_of(s, high) + close || level < 0);
			bool		is_tight = false;

			if (!can_rise || !can_fall || level_of(s, high, target[high]) <= level + 1e-6 * (1 + fabs(level)))
				continue;
			for (int set = 1; set <= all && !is_tight; set++)
			{
				double		load = 0;

				if (!(set >> low & 1) || (set >> high & 1))
					continue;
				for (int k = 0; k < s->territories; k++)
					if (set >> k & 1)
						load += target[k] - held_of(s, k);
				is_tight = load >= supply_of(s, set, placed) - close;
			}
			if (!is_tight)
				return "unfair";
		}
	return NULL;
}

/* The same in another order gives the same bits. */
static bool
depends_on_order(const Instance *in, const double *target, const double *unplaced)
{
	Instance	other = *in;
	WaterFillShares *s = &other.shares;
	int			class_at[MOST];
	int			territory_at[MOST];
	double	   *again;
	double		left[MOST];
	bool		differs = false;

	for (int i = 0; i < MOST; i++)
		class_at[i] = territory_at[i] = i;
	for (int i = s->classes - 1; i > 0; i--)
	{
		int			j = below(i + 1);
		int			swapped = class_at[i];

		class_at[i] = class_at[j];
		class_at[j] = swapped;
	}
	for (int i = s->territories - 1; i > 0; i--)
	{
		int			j = below(i + 1);
		int			swapped = territory_at[i];

		territory_at[i] = territory_at[j];
		territory_at[j] = swapped;
	}
	for (int c = 0; c < s->classes; c++)
	{
		other.supply[class_at[c]] = in->supply[c];
		for (int k = 0; k < s->territories; k++)
			other.eligible[class_at[c] * s->territories + territory_at[k]] = in->eligible[c * s->territories + k];
	}
	for (int k = 0; k < s->territories; k++)
	{
		other.share[territory_at[k]] = in->share[k];
		other.held[territory_at[k]] = in->held[k];
		other.least[territory_at[k]] = in->least[k];
		other.most[territory_at[k]] = in->most[k];
	}
	s->supply = other.supply;
	s->share = other.share;
	s->eligible = s->eligible ? other.eligible : NULL;
	s->held = s->held ? other.held : NULL;
	s->least = s->least ? other.least : NULL;
	s->most = s->most ? other.most : NULL;
	again = water_fill(s, left);
	for (int k = 0; k < s->territories; k++)
		differs |= again[territory_at[k]] != target[k];
	for (int c = 0; c < s->classes; c++)
		differs |= left[class_at[c]] != unplaced[c];
	pfree(again);
	return differs;
}

/* Where all may have all, nothing is held and there are no limits, targets are in proportion to the shares. */
static bool
is_out_of_proportion(const WaterFillShares *shares)
{
	WaterFillShares s = {.classes = shares->classes, .territories = shares->territories, .supply = shares->supply, .share = shares->share};
	double	   *target = water_fill(&s, NULL);
	double		supply = 0;
	double		share = 0;
	bool		differs = false;

	for (int c = 0; c < s.classes; c++)
		supply += s.supply[c];
	for (int k = 0; k < s.territories; k++)
		share += s.share[k];
	for (int k = 0; k < s.territories; k++)
		differs |= fabs(target[k] - (share > 0 ? supply * s.share[k] / share : 0)) > 1e-12 * supply;
	pfree(target);
	return differs;
}

/* As large as it gets: how long it takes is printed, what comes out is not looked at. */
static void
time_large(int classes, int territories, int one_eligible_in)
{
	WaterFillShares s = {.classes = classes, .territories = territories};
	double	   *supply = palloc(sizeof(double) * classes);
	double	   *share = palloc(sizeof(double) * territories);
	bool	   *eligible = palloc((Size) classes * territories);
	clock_t		begun;
	double	   *target;
	double		lowest = INFINITY;
	double		highest = 0;

	for (int c = 0; c < classes; c++)
		supply[c] = 1 + below(100000);
	for (int k = 0; k < territories; k++)
		share[k] = 1 + below(100);
	for (Size j = 0; j < (Size) classes * territories; j++)
		eligible[j] = one_in(one_eligible_in);
	s.supply = supply;
	s.share = share;
	s.eligible = eligible;
	begun = clock();
	target = water_fill(&s, NULL);
	for (int k = 0; k < territories; k++)
	{
		lowest = Min(lowest, target[k] / share[k]);
		highest = Max(highest, target[k] / share[k]);
	}
	printf("%d classes, %d territories, one in %d eligible: %.3f s, levels %g to %g\n", classes, territories, one_eligible_in,
		   (double) (clock() - begun) / CLOCKS_PER_SEC, lowest, highest);
	pfree(target);
	pfree(eligible);
	pfree(share);
	pfree(supply);
}

int
main(int argc, char **argv)
{
	int			instances = argc > 1 ? atoi(argv[1]) : 3000;
	uint64		seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int			wrong = 0;
	int			uneven = 0;
	int			short_of = 0;

	for (int i = 0; i < instances; i++)
	{
		Instance	in;
		double		unplaced[MOST];
		double	   *target;
		const char *law;
		bool		is_short = false;

		state = (seed * 1000003 + i + 1) * UINT64CONST(0x9E3779B97F4A7C15);
		for (int j = 0; j < 8; j++)
			below(2);
		random_instance(&in);
		target = water_fill(&in.shares, unplaced);
		law = broken_law(&in.shares, target, unplaced);
		if (!law && depends_on_order(&in, target, unplaced))
			law = "order";
		if (!law && is_out_of_proportion(&in.shares))
			law = "proportion";
		if (law)
		{
			printf("water-filling of instance %d: %s\n", i, law);
			wrong++;
		}
		for (int c = 0; c < in.shares.classes; c++)
			is_short |= unplaced[c] > 0;
		short_of += is_short;
		uneven += in.shares.eligible != NULL;
		pfree(target);
	}
	printf("water-filling of %d instances: %d with eligibility, %d with something that nobody can take: %d wrong\n", instances, uneven, short_of, wrong);
	time_large(1000, 4096, 2);
	time_large(1000, 4096, 100);
	time_large(1000, 4096, 1000);
	return wrong > 0;
}
