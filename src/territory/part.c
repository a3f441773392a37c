/*
 * part.c: a few territories taken apart are put together again: units shift and swap until none pays, homes move to the best place among
 * their units, by turns until nothing changes.
 */
#include "territory/part.h"

/* Members among which a home's best place is found by trying all; among more it is looked for from where it is. */
#define TRY_ALL		48
/* Among so few, all places of the part are tried. */
#define TRY_OTHERS	5
/* Nearest members that are tried, at a time, among many. */
#define NEAR		12
/* Turns at most. */
#define MOST_ROUNDS	6
/* Gains below this share of the part's cost are rounding. */
#define NO_GAIN		1e-10

/* What units cost at the home of one of the territories. */
void
part_column(Places *s, Part *part, int b)
{
	for (int i = 0; i < part->units; i++)
		if (place_may(s, part->unit[i], part->territory[b]))
			COST(part, i, b) = place_way(s, part->unit[i], &part->home[b]) + place_other(s, part->unit[i], part->territory[b]);
		else
			COST(part, i, b) = INFINITY;
	places_work(s, part->units);
}

double
part_total(const Part *part)
{
	double		total = 0;

	for (int i = 0; i < part->units; i++)
		total += COST(part, i, part->at[i]);
	for (int b = 0; b < part->territories; b++)
		total += part->penalty[b];
	return total;
}

/* A load with a unit more or less, or one in place of another. */
TERRITORY_INLINE double
penalty_with(const Places *s, const Part *part, int b, const double *comes, const double *goes, const int measures)
{
	const Problem *p = s->p;
	const double *most = p->most + part->territory[b] * measures;
	const double *least = p->least + part->territory[b] * measures;
	double		penalty = 0;

	for (int m = 0; m < measures; m++)
	{
		double		load = part->load[b][m] + (comes ? comes[m] : 0) - (goes ? goes[m] : 0);

		penalty += s->rate[m] * Max(Max(load - most[m], least[m] - load), 0);
	}
	return penalty;
}

TERRITORY_INLINE void
part_move(Places *s, Part *part, int i, int b, const int measures)
{
	int			a = part->at[i];
	const double *goes = place_amount(s, part->unit[i], part->territory[a]);
	const double *comes = place_amount(s, part->unit[i], part->territory[b]);

	for (int m = 0; m < measures; m++)
	{
		part->load[a][m] -= goes[m];
		part->load[b][m] += comes[m];
	}
	part->penalty[a] = penalty_with(s, part, a, NULL, NULL, measures);
	part->penalty[b] = penalty_with(s, part, b, NULL, NULL, measures);
	part->at[i] = b;
	part->has_moved[a] = part->has_moved[b] = true;
}

void
part_put(Places *s, Part *part, int i, int b)
{
	part_move(s, part, i, b, s->p->measures);
}

/* Every unit to where it serves best now; returns whether any moved. */
TERRITORY_INLINE bool
part_shift(Places *s, Part *part, double small, const int measures)
{
	bool		any = false;

	for (int i = 0; i < part->units; i++)
	{
		int			a = part->at[i];
		const double *goes = place_amount(s, part->unit[i], part->territory[a]);
		double		here = COST(part, i, a);
		double		leave = 0;
		bool		is_known = false;
		double		best = -small;
		int			to = -1;

		for (int b = 0; b < part->territories; b++)
		{
			double		gain = COST(part, i, b) - here;

			if (b == a || gain - part->penalty[a] - part->penalty[b] >= best)
				continue;
			if (!is_known)
				leave = penalty_with(s, part, a, NULL, goes, measures) - part->penalty[a];
			is_known = true;
			gain += leave + penalty_with(s, part, b, place_amount(s, part->unit[i], part->territory[b]), NULL, measures) - part->penalty[b];
			if (gain < best)
			{
				best = gain;
				to = b;
			}
		}
		if (to >= 0)
		{
			part_move(s, part, i, to, measures);
			any = true;
		}
	}
	places_work(s, part->units);
	return any;
}

/* Units of two territories change places where that pays; returns whether any did. */
TERRITORY_INLINE bool
part_swap(Places *s, Part *part, int a, int b, double small, int *mine, int *theirs, const int measures)
{
	int			mines = 0;
	int			others = 0;
	double		least = INFINITY;	/* of what one of theirs costs more here */
	bool		any = false;
	int			tried = 0;

	for (int i = 0; i < part->units; i++)
		if (part->at[i] == a && !isinf(COST(part, i, b)))
			mine[mines++] = i;
		else if (part->at[i] == b && !isinf(COST(part, i, a)))
		{
			theirs[others++] = i;
			least = Min(least, COST(part, i, a) - COST(part, i, b));
		}
	for (int x = 0; x < mines; x++)
	{
		int			i = mine[x];
		double		rise = COST(part, i, b) - COST(part, i, a);
		const double *i_a = place_amount(s, part->unit[i], part->territory[a]);
		const double *i_b = place_amount(s, part->unit[i], part->territory[b]);
		double		now = part->penalty[a] + part->penalty[b];

		if (rise + least - now >= -small)
			continue;
		for (int y = 0; y < others; y++)
		{
			int			j = theirs[y];
			double		gain = rise + COST(part, j, a) - COST(part, j, b) - now;

			if (gain >= -small)
				continue;
			tried++;
			gain += penalty_with(s, part, a, place_amount(s, part->unit[j], part->territory[a]), i_a, measures);
			if (gain >= -small)
				continue;
			gain += penalty_with(s, part, b, i_b, place_amount(s, part->unit[j], part->territory[b]), measures);
			if (gain >= -small)
				continue;
			part_move(s, part, i, b, measures);
			part_move(s, part, j, a, measures);
			/* j is out of the list, and i not in one, until the next time. */
			theirs[y] = theirs[--others];
			any = true;
			break;
		}
	}
	places_work(s, part->units / 4 + 1 + tried);
	return any;
}

/* What all of a territory's units cost with its home at a place. */
static double
cost_at(Places *s, const Part *part, const int *mine, int mines, const Place *place, double limit)
{
	double		sum = 0;

	for (int x = 0; x < mines && sum < limit; x++)
		sum += place_way(s, part->unit[mine[x]], place);
	places_work(s, mines);
	return sum;
}

/* Whether some other territory has its home at an account. */
bool
part_is_taken(const Places *s, const Part *part, int b, int account)
{
	bool		by_part = false;

	for (int a = 0; a < part->territories; a++)
	{
		if (a != b && part->home[a].account == account)
			return true;
		by_part |= s->home[part->territory[a]].account == account;
	}
	return s->is_home[account] && !by_part;
}

/*
 * Moves a home to the best place among its units; returns whether it moved. With few units the best place may be between them, where
 * somebody else's account is.
 */
static bool
part_settle_home(Places *s, Part *part, int b, int *mine)
{
	int			mines = 0;
	double		best;
	Place		home = part->home[b];

	if (!part->is_free[b])
		return false;
	for (int i = 0; i < part->units; i++)
		if (part->at[i] == b)
			mine[mines++] = i;
	if (mines == 0)
		return false;
	best = cost_at(s, part, mine, mines, &home, INFINITY);
	if (mines <= TRY_ALL)
	{
		for (int i = 0; i < part->units; i++)
			if (part->at[i] == b || mines <= TRY_OTHERS)
				for (int j = s->first[part->unit[i]]; j < s->first[part->unit[i] + 1]; j++)
				{
					double		cost = cost_at(s, part, mine, mines, &s->place[j], best);

					if (cost < best && !part_is_taken(s, part, b, s->place[j].account))
					{
						best = cost;
						home = s->place[j];
					}
				}
	}
	else
		for (bool any = true; any;)
		{
			const Place *near[NEAR];
			double		distance[NEAR];
			int			n = 0;
			Place		from = home;

			any = false;
			for (int x = 0; x < mines; x++)
				for (int j = s->first[part->unit[mine[x]]]; j < s->first[part->unit[mine[x]] + 1]; j++)
				{
					double		away = place_distance(s, &s->place[j], &from);
					int			at;

					if ((n == NEAR && away >= distance[n - 1]) || s->place[j].account == from.account)
						continue;
					at = n < NEAR ? n++ : n - 1;
					for (; at > 0 && distance[at - 1] > away; at--)
					{
						distance[at] = distance[at - 1];
						near[at] = near[at - 1];
					}
					distance[at] = away;
					near[at] = &s->place[j];
				}
			places_work(s, mines);
			for (int x = 0; x < n; x++)
			{
				double		cost = cost_at(s, part, mine, mines, near[x], best);

				if (cost < best && !part_is_taken(s, part, b, near[x]->account))
				{
					best = cost;
					home = *near[x];
					any = true;
				}
			}
		}
	if (home.account == part->home[b].account)
		return false;
	part->home[b] = home;
	return true;
}

/* For so many measures. */
TERRITORY_INLINE void
settle(Places *s, Part *part, int *mine, int *theirs, const int measures)
{
	double		small = NO_GAIN * (1 + fabs(part_total(part)));

	for (int round = 0; round < MOST_ROUNDS; round++)
	{
		bool		any = false;

		for (int again = 0; again < MOST_ROUNDS; again++)
		{
			bool		swapped = false;

			while (part_shift(s, part, small, measures) && ++again < MOST_ROUNDS)
				;
			for (int a = 1; a < part->territories; a++)
				for (int b = 0; b < a; b++)
					swapped |= part_swap(s, part, a, b, small, mine, theirs, measures);
			if (!swapped)
				break;
		}
		for (int b = 0; b < part->territories; b++)
			if (part->has_moved[b])
			{
				part->has_moved[b] = false;
				if (part_settle_home(s, part, b, mine))
				{
					part_column(s, part, b);
					any = true;
				}
			}
		if (!any)
			break;
	}
}

/* Shifts, swaps and homes by turns until nothing changes, or nearly so. */
void
part_settle(Places *s, Part *part)
{
	int		   *mine = take(s->p, int, part->units);
	int		   *theirs = take(s->p, int, part->units);

	switch (s->p->measures)
	{
		case 1:
			settle(s, part, mine, theirs, 1);
			break;
		case 2:
			settle(s, part, mine, theirs, 2);
			break;
		default:
			settle(s, part, mine, theirs, s->p->measures);
	}
	give_back(s->p, int, mine, part->units);
	give_back(s->p, int, theirs, part->units);
}
