/*
 * targets.c: thousands of random small instances of targets, held against what defines them.
 *
 * Of one measure they are those of water_fill.c, which knows nothing of squares. Of several, the sum of squares is convex, so with its
 * gradient g at the targets no split has a sum below theirs by more than g x targets - min over all splits of g x loads, which is a
 * minimum for each class by itself. Where accounts can be split level in whole numbers the targets are those, to the bit: without tolerance
 * nothing else is kept.
 *
 *	targets [instances [seed]]
 */
#include "territory/targets.h"

#include <math.h>

#include "../random.h"
#include "water_fill.h"

#define MOST_CLASSES		6
#define MOST_TERRITORIES	8
#define MOST_MEASURES		3
#define CLOSE				1e-6
/* What the method of multipliers leaves. */
#define CLOSE_TO_LIMITS		1e-3
/* Accounts of a territory for each of its shares, where all are level. */
#define LEVEL_ACCOUNTS		60

typedef struct Instance
{
	TerritoryShares shares;
	double		supply[MOST_CLASSES * MOST_MEASURES];
	bool		eligible[MOST_CLASSES * MOST_TERRITORIES];
	double		share[MOST_TERRITORIES];
	double		held[MOST_TERRITORIES * MOST_MEASURES];
	double		least[MOST_TERRITORIES * MOST_MEASURES];
	double		most[MOST_TERRITORIES * MOST_MEASURES];
	double		total[MOST_MEASURES];
} Instance;

static void
random_instance(Instance *in, int measures)
{
	TerritoryShares *s = &in->shares;

	memset(in, 0, sizeof(*in));
	s->classes = 1 + below(MOST_CLASSES);
	s->territories = 1 + below(MOST_TERRITORIES);
	s->measures = measures;
	s->supply = in->supply;
	s->eligible = in->eligible;
	s->share = in->share;
	s->held = in->held;
	s->least = in->least;
	s->most = in->most;
	for (int k = 0; k < s->territories; k++)
		in->share[k] = 1 + below(4);
	for (int c = 0; c < s->classes; c++)
	{
		for (int k = 0; k < s->territories; k++)
			in->eligible[c * s->territories + k] = below(2);
		/* Somebody must have it. */
		in->eligible[c * s->territories + below(s->territories)] = true;
	}
	for (int j = 0; j < s->classes * measures; j++)
	{
		in->supply[j] = 1 + below(1000) / 3.0;
		in->total[j % measures] += in->supply[j];
	}
	for (int j = 0; j < s->territories * measures; j++)
	{
		in->held[j] = below(3) == 0 ? below(200) : 0;
		in->total[j % measures] += in->held[j];
		in->most[j] = INFINITY;
	}
}

/* How far the targets of one measure are from those of water_fill.c, in shares of the total. */
static double
off_from_one(const Instance *in, const double *target)
{
	const TerritoryShares *s = &in->shares;
	double	   *one = water_fill(&(WaterFillShares) {
		.classes = s->classes,.territories = s->territories,.supply = s->supply,.eligible = s->eligible,.share = s->share,
		.held = s->held,.least = s->least,.most = s->most,
	}, NULL);
	double		off = 0;

	for (int k = 0; k < s->territories; k++)
		off = Max(off, fabs(one[k] - target[k]) / in->total[0]);
	return off;
}

/* By how much the sum of squares might be lower, as a share of it; and how far the targets are from adding up. */
static double
off_from_least(const Instance *in, const double *target)
{
	const TerritoryShares *s = &in->shares;
	double		gradient[MOST_TERRITORIES * MOST_MEASURES];
	double		sum = 0;
	double		gap = 0;
	double		off = 0;

	for (int k = 0; k < s->territories; k++)
		for (int m = 0; m < s->measures; m++)
		{
			int			row = k * s->measures + m;
			double		weight = 1 / (in->share[k] * in->total[m] * in->total[m]);

			gradient[row] = 2 * weight * target[row];
			sum += weight * target[row] * target[row];
			gap += gradient[row] * (target[row] - in->held[row]);
		}
	for (int c = 0; c < s->classes; c++)
	{
		double		least = INFINITY;

		for (int k = 0; k < s->territories; k++)
		{
			double		value = 0;

			for (int m = 0; m < s->measures; m++)
				value += gradient[k * s->measures + m] * in->supply[c * s->measures + m];
			if (in->eligible[c * s->territories + k])
				least = Min(least, value);
		}
		gap -= least;
	}
	for (int m = 0; m < s->measures; m++)
	{
		double		placed = 0;

		for (int k = 0; k < s->territories; k++)
			placed += target[k * s->measures + m];
		off = Max(off, fabs(placed - in->total[m]) / in->total[m]);
	}
	return Max(fabs(gap) / sum, off);
}

/* One measure with a cap that binds and a floor that does, on others' accounts where there are any: how far off from water_fill.c. */
static double
off_with_limits(Instance *in)
{
	const TerritoryShares *s = &in->shares;
	double	   *unlimited = territory_targets(s, NULL);
	int			capped = below(s->territories);
	int			floored = below(s->territories);
	double		unplaced[MOST_CLASSES];
	double	   *one;
	double		off = 0;

	in->most[capped] = Max(in->held[capped], 0.9 * unlimited[capped]);
	if (floored != capped)
		in->least[floored] = 1.05 * unlimited[floored];
	one = water_fill(&(WaterFillShares) {
		.classes = s->classes,.territories = s->territories,.supply = s->supply,.eligible = s->eligible,.share = s->share,
		.held = s->held,.least = s->least,.most = s->most,
	}, unplaced);
	for (int c = 0; c < s->classes; c++)
		if (unplaced[c] > 0)
			return 0;
	/* A floor that cannot be reached is a target all the same here. */
	if (one[floored] < in->least[floored])
		return 0;
	unlimited = territory_targets(s, NULL);
	for (int k = 0; k < s->territories; k++)
		off = Max(off, fabs(one[k] - unlimited[k]) / in->total[0]);
	return off;
}

/* How many targets are not what each has in a split that is level. */
static int
off_level(Instance *in)
{
	TerritoryShares *s = &in->shares;
	const double *target;
	int			off = 0;

	random_instance(in, 1 + below(MOST_MEASURES));
	memset(in->eligible, 0, sizeof(in->eligible));
	memset(in->supply, 0, sizeof(in->supply));
	memset(in->held, 0, sizeof(in->held));
	for (int k = 0; k < s->territories; k++)
		for (int n = 0; n < LEVEL_ACCOUNTS * in->share[k]; n++)
		{
			int			c = below(1 + below(s->classes));

			in->eligible[c * s->territories + k] = true;
			for (int m = 0; m < s->measures; m++)
				in->supply[c * s->measures + m] += 1 + m;
		}
	target = territory_targets(s, NULL);
	for (int j = 0; j < s->territories * s->measures; j++)
		off += target[j] != LEVEL_ACCOUNTS * in->share[j / s->measures] * (1 + j % s->measures);
	return off;
}

int
main(int argc, char **argv)
{
	int			instances = argc > 1 ? atoi(argv[1]) : 3000;
	double		worst_one = 0;
	double		worst_least = 0;
	double		worst_limits = 0;
	int			not_level = 0;
	Instance	in;

	state = 88172645463325252 + (argc > 2 ? atoi(argv[2]) : 1);
	for (int n = 0; n < instances; n++)
	{
		double		off;

		random_instance(&in, 1);
		off = off_from_one(&in, territory_targets(&in.shares, NULL));
		worst_one = Max(worst_one, off);
		off = off_with_limits(&in);
		worst_limits = Max(worst_limits, off);
		random_instance(&in, 2 + below(MOST_MEASURES - 1));
		off = off_from_least(&in, territory_targets(&in.shares, NULL));
		worst_least = Max(worst_least, off);
		not_level += off_level(&in);
	}
	printf("%d targets: one measure off by %.1e of the total at most, with a floor and a cap by %.1e; several by %.1e of the least sum; %d not level where all can be\n",
		   instances, worst_one, worst_limits, worst_least, not_level);
	return not_level > 0 || worst_one > CLOSE || worst_limits > CLOSE_TO_LIMITS || worst_least > CLOSE;
}
