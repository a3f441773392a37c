/*
 * targets.c: targets of several measures that the same accounts can meet together.
 *
 * Water-filling one measure at a time gives targets that can contradict each other: who may have enterprise and mid-market accounts
 * may have to take half of them from enterprise to be level in potential, but none to be level in workload, and no plan does both. So there
 * is one split f(c,k) of each class c over the territories that may have it, the same for all measures; then the load of k is
 *
 *     T(k,m) = held(k,m) + sum over c of f(c,k) supply(c,m)
 *
 * and all targets can be met together, but for accounts being whole and unlike within a class. The split is the one that minimises
 *
 *     sum over k and m of (T(k,m) / total(m))^2 / share(k)
 *
 * which for one measure is water-filling (of all bases of a polymatroid the lexicographically best one has the least weighted sum of
 * squares: Fujishige 1980), and for several treats a per cent of any measure alike. The targets are unique, as the sum is strictly convex in them.
 *
 * It is found class by class: with the others fixed, the best split of one is in closed form, and as the sum is smooth and the constraints are
 * of single classes, going round converges to the minimum. Floors and caps are kept by the method of multipliers: a load beyond one is dearer, and
 * as long as it stays beyond, the point from which on it is dearer moves away from it.
 */
#include "territory/targets.h"

#include <math.h>

/* Rounds end when no territory's part of a class changed by more than this, or when so many parts were looked at. */
#define STILL			1e-10
#define MOST_PARTS		3e8
/* How much dearer than elsewhere a difference is beyond a floor or cap, how often the points may move, and what is beyond: a share of the total. */
#define DEARER			20
#define MOST_MOVES		60
#define BEYOND			1e-9
/* Loads that differ from the level by no more than this share are level. */
#define LEVEL			1e-7

typedef struct Part
{
	int			territory;
	double		slope;			/* of the sum's derivative by f(c,k): slope x f + start */
	double		start;
} Part;

typedef struct Split
{
	const TerritoryShares *shares;
	double	   *total;			/* [measures] */
	double	   *load;			/* [territories][measures] */
	double	   *least;			/* [territories][measures], below and above which a load is dearer */
	double	   *most;
	double	   *part;			/* [classes][territories], f */
	Part	   *candidate;		/* [territories], scratch */
} Split;

static bool
may_have(const TerritoryShares *shares, int c, int k)
{
	return shares->share[k] > 0 && (!shares->eligible || shares->eligible[(Size) c * shares->territories + k]);
}

static int
lower_start_first(const void *a, const void *b)
{
	const Part *left = a;
	const Part *right = b;

	return left->start < right->start ? -1 : left->start > right->start ? 1 : left->territory - right->territory;
}

/* Those who may have class c, and how dear more of it is for each. */
static int
find_candidates(Split *s, int c)
{
	const TerritoryShares *shares = s->shares;
	int			count = 0;

	for (int k = 0; k < shares->territories; k++)
	{
		Part	   *p = &s->candidate[count];
		double		f = s->part[(Size) c * shares->territories + k];

		if (!may_have(shares, c, k))
			continue;
		*p = (Part) {.territory = k};
		for (int m = 0; m < shares->measures; m++)
		{
			int			row = k * shares->measures + m;
			double		supply = shares->supply[c * shares->measures + m];
			double		others = s->load[row] - f * supply;
			double		weight = s->total[m] > 0 ? 1 / (shares->share[k] * s->total[m] * s->total[m]) : 0;
			double		limit = s->load[row] > s->most[row] ? s->most[row] : s->least[row];

			p->slope += weight * supply * supply;
			p->start += weight * supply * others;
			if (s->load[row] > s->most[row] || s->load[row] < s->least[row])
			{
				p->slope += DEARER * weight * supply * supply;
				p->start += DEARER * weight * supply * (others - limit);
			}
		}
		count++;
	}
	return count;
}

/* Splits class c anew. Returns the largest change of a part. */
static double
split_class(Split *s, int c)
{
	const TerritoryShares *shares = s->shares;
	double	   *part = &s->part[(Size) c * shares->territories];
	int			count = find_candidates(s, c);
	double		width = 0;
	double		drawn = 1;
	double		level = 0;
	double		change = 0;

	/* Sum of max(0, (level - start) / slope) = 1. A class without any amount stays where it is. */
	if (count == 0 || s->candidate[0].slope == 0)
		return 0;
	qsort(s->candidate, count, sizeof(Part), lower_start_first);
	for (int j = 0; j < count; j++)
	{
		if (j > 0 && level <= s->candidate[j].start)
			break;
		width += 1 / s->candidate[j].slope;
		drawn += s->candidate[j].start / s->candidate[j].slope;
		level = drawn / width;
	}
	for (int j = 0; j < count; j++)
	{
		const Part *p = &s->candidate[j];
		double		f = Max(level - p->start, 0) / p->slope;
		double		by = f - part[p->territory];

		part[p->territory] = f;
		for (int m = 0; m < shares->measures; m++)
			s->load[p->territory * shares->measures + m] += by * shares->supply[c * shares->measures + m];
		change = Max(change, fabs(by));
	}
	return change;
}

/* To begin with, in proportion to the shares. */
static void
begin(Split *s)
{
	const TerritoryShares *shares = s->shares;
	int			measures = shares->measures;

	memcpy(s->load, shares->held, sizeof(double) * shares->territories * measures);
	for (int j = 0; j < shares->territories * measures; j++)
		s->total[j % measures] += shares->held[j];
	for (int c = 0; c < shares->classes; c++)
	{
		double		sum = 0;

		for (int k = 0; k < shares->territories; k++)
			sum += may_have(shares, c, k) ? shares->share[k] : 0;
		for (int m = 0; m < measures; m++)
			s->total[m] += shares->supply[c * measures + m];
		for (int k = 0; k < shares->territories; k++)
		{
			if (!may_have(shares, c, k))
				continue;
			s->part[(Size) c * shares->territories + k] = shares->share[k] / sum;
			for (int m = 0; m < measures; m++)
				s->load[k * measures + m] += shares->share[k] / sum * shares->supply[c * measures + m];
		}
	}
}

/* Round and round until nothing changes any more. */
static void
split_all(Split *s, double *looked, void (*check) (void))
{
	const TerritoryShares *shares = s->shares;
	double		change = 1;

	while (change > STILL && *looked < MOST_PARTS)
	{
		change = 0;
		for (int c = 0; c < shares->classes; c++)
		{
			double		of_class = split_class(s, c);

			change = Max(change, of_class);
			if (check)
				check();
		}
		*looked += (double) shares->classes * shares->territories;
	}
}

/* False where no load is beyond a floor or cap. */
static bool
move_limits(Split *s)
{
	const TerritoryShares *shares = s->shares;
	bool		has_moved = false;

	for (int j = 0; j < shares->territories * shares->measures; j++)
	{
		double		beyond = BEYOND * s->total[j % shares->measures];

		has_moved = has_moved || s->load[j] > shares->most[j] + beyond || s->load[j] < shares->least[j] - beyond;
		s->most[j] = Min(s->most[j] - (s->load[j] - shares->most[j]), shares->most[j]);
		s->least[j] = Max(s->least[j] + (shares->least[j] - s->load[j]), shares->least[j]);
	}
	return has_moved;
}

/* The first territory that has a part of class c; none, where the class has no amount. */
static int
first_with_part(const Split *s, int c)
{
	const TerritoryShares *shares = s->shares;
	bool		has_amount = false;

	for (int m = 0; m < shares->measures; m++)
		has_amount |= shares->supply[c * shares->measures + m] > 0;
	for (int k = 0; k < shares->territories && has_amount; k++)
		if (s->part[(Size) c * shares->territories + k] > 0)
			return k;
	return -1;
}

/* Numbers those who share classes, directly or by others, by the first of them; first: of each class, by first_with_part(). */
static void
group_territories(const Split *s, const int *first, int *group)
{
	int			territories = s->shares->territories;

	for (int k = 0; k < territories; k++)
		group[k] = k;
	for (int c = 0; c < s->shares->classes; c++)
		for (int k = first[c] + 1; first[c] >= 0 && k < territories; k++)
		{
			int			low = Min(group[first[c]], group[k]);
			int			high = Max(group[first[c]], group[k]);

			if (s->part[(Size) c * territories + k] == 0 || low == high)
				continue;
			for (int j = high; j < territories; j++)
				if (group[j] == high)
					group[j] = low;
		}
}

/*
 * Going round comes near to the targets only, and limits of 50.000000000001 without tolerance are kept by no 50 accounts. Where those who share classes are level as far as can
 * be told, they get exactly their shares of what they have together.
 */
static void
level_loads(Split *s)
{
	const TerritoryShares *shares = s->shares;
	int			territories = shares->territories;
	int		   *first = palloc(sizeof(int) * Max(shares->classes, 1));
	int		   *group = palloc(sizeof(int) * territories);
	double	   *have = palloc(sizeof(double) * territories);
	double	   *share = palloc0(sizeof(double) * territories);
	bool	   *is_level = palloc(sizeof(bool) * territories);

	for (int c = 0; c < shares->classes; c++)
		first[c] = first_with_part(s, c);
	group_territories(s, first, group);
	for (int k = 0; k < territories; k++)
		share[group[k]] += shares->share[k];
	for (int m = 0; m < shares->measures; m++)
	{
		memset(have, 0, sizeof(double) * territories);
		memset(is_level, true, sizeof(bool) * territories);
		for (int c = 0; c < shares->classes; c++)
			if (first[c] >= 0)
				have[group[first[c]]] += shares->supply[c * shares->measures + m];
		for (int k = 0; k < territories; k++)
			have[group[k]] += shares->held[k * shares->measures + m];
		for (int pass = 0; pass < 2; pass++)
			for (int k = 0; k < territories; k++)
			{
				double	   *load = &s->load[k * shares->measures + m];
				double		level = share[group[k]] > 0 ? shares->share[k] * have[group[k]] / share[group[k]] : *load;

				if (pass == 0)
					is_level[group[k]] &= fabs(*load - level) <= LEVEL * level;
				else if (is_level[group[k]])
					*load = level;
			}
	}
	pfree(first);
	pfree(group);
	pfree(have);
	pfree(share);
	pfree(is_level);
}

double *
territory_targets(const TerritoryShares *shares, void (*check) (void))
{
	int			rows = shares->territories * shares->measures;
	Size		parts = (Size) shares->classes * shares->territories;
	double		looked = 0;
	Split		s = {
		.shares = shares,
		.total = palloc0(sizeof(double) * shares->measures),
		.load = palloc(sizeof(double) * rows),
		.least = palloc(sizeof(double) * rows),
		.most = palloc(sizeof(double) * rows),
		.part = palloc_extended(sizeof(double) * Max(parts, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO),
		.candidate = palloc(sizeof(Part) * shares->territories),
	};

	memcpy(s.least, shares->least, sizeof(double) * rows);
	memcpy(s.most, shares->most, sizeof(double) * rows);
	begin(&s);
	for (int move = 0; move < MOST_MOVES; move++)
	{
		split_all(&s, &looked, check);
		if (!move_limits(&s))
			break;
	}
	level_loads(&s);
	for (int j = 0; j < rows; j++)
		s.load[j] = Min(Max(s.load[j], shares->least[j]), shares->most[j]);
	pfree(s.total);
	pfree(s.least);
	pfree(s.most);
	pfree(s.part);
	pfree(s.candidate);
	return s.load;
}
