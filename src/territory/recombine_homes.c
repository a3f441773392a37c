/*
 * recombine_homes.c: some neighbouring territories at a time are taken apart and put together again.
 *
 * Going to and fro between homes and who goes to them ends where neither can be improved alone, a few percent above what is possible: a home too many
 * here and one too few there. So a few neighbouring territories are taken, one thing about them is changed (a home is closed and another
 * one opened, one is moved, all are spread anew, units are thrown about), units shift and swap until none pays, homes move to the best
 * place among their units, and so on until nothing changes. What comes out is taken if it is cheaper, and by annealing (Kirkpatrick, Gelatt, Vecchi
 * 1983) if it costs a little more. A part is small, so thousands are tried in a second, whatever the number of accounts.
 */
#include "territory/places.h"

#include "core/numerics.h"

/* Territories of a part at most. */
#define MOST_PART	8
/* Neighbours are found anew after so many sweeps. */
#define NEAR_FOR_SWEEPS	5
/* Members among which a home's best place is found by trying all; among more it is looked for from where it is. */
#define TRY_ALL		48
/* Among so few, all places of the part are tried. */
#define TRY_OTHERS	5
/* Nearest members that are tried then, at a time. */
#define NEAR		12
#define MOST_ROUNDS	6
/* Of so many the one is taken that has most to gain from another home, or least to lose. */
#define CONTENDERS	3
/* Gains below this share of the part's cost are rounding. */
#define NO_GAIN		1e-10

typedef struct Part
{
	int			territories;
	int			territory[MOST_PART];
	Place		home[MOST_PART];
	bool		is_free[MOST_PART];
	bool		has_moved[MOST_PART];	/* or its units have changed */
	int			units;
	int		   *unit;
	int		   *at;				/* place in territory[] */
	double	   *cost;			/* [units][territories]; infinite where it may not go */
	double		load[MOST_PART][TERRITORY_MOST_MEASURES];
	double		penalty[MOST_PART];
} Part;

static double
draw(Places *s)
{
	return ldexp((double) ((next_random(&s->random) >> 11) + 1), -53);
}

#define COST(part, i, b) (part)->cost[(i) * (part)->territories + (b)]

/* What units cost at the home of one of the territories. */
static void
set_column(Places *s, Part *part, int b)
{
	for (int i = 0; i < part->units; i++)
		if (place_may(s, part->unit[i], part->territory[b]))
			COST(part, i, b) = place_way(s, part->unit[i], &part->home[b]) + place_other(s, part->unit[i], part->territory[b]);
		else
			COST(part, i, b) = INFINITY;
	places_work(s, part->units);
}

static double
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
static bool
is_taken(const Places *s, const Part *part, int b, int account)
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

					if (cost < best && !is_taken(s, part, b, s->place[j].account))
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

				if (cost < best && !is_taken(s, part, b, near[x]->account))
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

/* Shifts, swaps and homes by turns until nothing changes, or nearly so. */
TERRITORY_INLINE void
part_settle(Places *s, Part *part, int *mine, int *theirs, const int measures)
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
					set_column(s, part, b);
					any = true;
				}
			}
		if (!any)
			break;
	}
}

/*
 * Which part, and what is changed about it.
 */

/* The territories whose homes are nearest to that of another one: as they were some sweeps ago at most. */
static const int *
near_ones(Places *s, int centre)
{
	const Problem *p = s->p;
	int		   *near = s->near + (Size) centre * PLACES_NEAR;
	double		distance[PLACES_NEAR];
	int			n = 0;

	if (s->sweep < s->near_until[centre])
		return near;
	for (int k = 0; k < p->territories; k++)
	{
		double		away = k == centre ? INFINITY : place_distance(s, &s->home[centre], &s->home[k]);
		int			at;

		if (n == PLACES_NEAR && away >= distance[n - 1])
			continue;
		at = n < PLACES_NEAR ? n++ : n - 1;
		for (; at > 0 && distance[at - 1] > away; at--)
		{
			distance[at] = distance[at - 1];
			near[at] = near[at - 1];
		}
		distance[at] = away;
		near[at] = k;
	}
	s->near_until[centre] = s->sweep + NEAR_FOR_SWEEPS;
	places_work(s, p->territories / 4);
	return near;
}

/* Adds a territory and some of the nearest, as long as there are any. */
static void
add_near(Places *s, Part *part, int centre, int count)
{
	const int  *kept = near_ones(s, centre);
	int			near[PLACES_NEAR];
	int			n = 0;

	part->territory[part->territories++] = centre;
	/* One more than is wanted, and any of them is left out. */
	for (int i = 0; i < Min(PLACES_NEAR, s->p->territories - 1) && n < count; i++)
	{
		bool		is_in = kept[i] == centre;

		for (int b = 0; b < part->territories; b++)
			is_in |= part->territory[b] == kept[i];
		if (!is_in)
			near[n++] = kept[i];
	}
	if (n == count)
		near[random_below(&s->random, n)] = near[n - 1];
	for (int i = 0; i < Min(n, count - 1); i++)
		part->territory[part->territories++] = near[i];
	places_work(s, 100);
}

static void
part_collect(Places *s, Part *part)
{
	const Problem *p = s->p;
	int			units = 0;

	for (int b = 0; b < part->territories; b++)
		for (int u = s->member[part->territory[b]]; u != TERRITORY_NONE; u = s->next[u])
			units++;
	part->units = 0;
	part->unit = take(s->p, int, units);
	part->at = take(s->p, int, units);
	part->cost = take(s->p, double, (Size) units * part->territories);
	for (int b = 0; b < part->territories; b++)
	{
		int			k = part->territory[b];

		for (int u = s->member[k]; u != TERRITORY_NONE; u = s->next[u])
		{
			part->unit[part->units] = u;
			part->at[part->units++] = b;
		}
		part->home[b] = s->home[k];
		part->is_free[b] = !p->input->home_free || p->input->home_free[k];
		part->has_moved[b] = false;
		memcpy(part->load[b], s->load + k * p->measures, sizeof(double) * p->measures);
		part->penalty[b] = place_penalty(s, k, part->load[b]);
	}
	for (int b = 0; b < part->territories; b++)
		set_column(s, part, b);
}

static void
part_forget(Places *s, Part *part)
{
	give_back(s->p, int, part->unit, part->units);
	give_back(s->p, int, part->at, part->units);
	give_back(s->p, double, part->cost, (Size) part->units * part->territories);
}

/* One of the units of some territories that a territory may have, in proportion to what they cost where they are; or -1. */
static int
draw_unit(Places *s, const Part *part, int for_territory, int from, int to)
{
	double		sum = 0;
	double		drawn;
	int			chosen = -1;

	for (int i = 0; i < part->units; i++)
		if (part->at[i] >= from && part->at[i] < to && !isinf(COST(part, i, for_territory)))
			sum += COST(part, i, part->at[i]);
	drawn = draw(s) * sum;
	for (int i = 0; i < part->units; i++)
		if (part->at[i] >= from && part->at[i] < to && !isinf(COST(part, i, for_territory)))
		{
			chosen = i;
			drawn -= COST(part, i, part->at[i]);
			if (drawn < 0)
				break;
		}
	return chosen;
}

/* A home is moved to a unit's place; its own units go to whoever is cheapest now, and who is nearer comes. */
static void
reopen(Places *s, Part *part, int b, int i)
{
	const Place *place = &s->place[s->first[part->unit[i]] +
								   random_below(&s->random, s->first[part->unit[i] + 1] - s->first[part->unit[i]])];

	if (is_taken(s, part, b, place->account))
		return;
	part->home[b] = *place;
	set_column(s, part, b);
	part->has_moved[b] = true;
}

static int
free_one(Places *s, const Part *part, int from, int to)
{
	int			free_ones[MOST_PART];
	int			n = 0;

	for (int b = from; b < to; b++)
		if (part->is_free[b])
			free_ones[n++] = b;
	return n > 0 ? free_ones[random_below(&s->random, n)] : -1;
}

/* Everybody where it is cheapest now, room or not. */
static void
to_cheapest(Places *s, Part *part)
{
	for (int i = 0; i < part->units; i++)
	{
		int			best = part->at[i];

		for (int b = 0; b < part->territories; b++)
			if (COST(part, i, b) < COST(part, i, best))
				best = b;
		if (best != part->at[i])
			part_move(s, part, i, best, s->p->measures);
	}
}

typedef enum Change
{
	CHANGE_SWAP,				/* close one home, open another */
	CHANGE_FAR_SWAP,			/* the same in two neighbourhoods */
	CHANGE_MOVE,				/* move a home within its territory */
	CHANGE_SPREAD,				/* spread all homes anew */
	CHANGE_THROW				/* throw some units about */
} Change;

static void
change_part(Places *s, Part *part, Change change, int split)
{
	int			n = part->territories;

	switch (change)
	{
		case CHANGE_SWAP:
		case CHANGE_FAR_SWAP:
			{
				bool		is_far = change == CHANGE_FAR_SWAP;
				int			b = free_one(s, part, 0, is_far ? split : n);
				int			i = b >= 0 ? draw_unit(s, part, b, is_far ? split : 0, n) : -1;

				if (i < 0)
					break;
				reopen(s, part, b, i);
				to_cheapest(s, part);
				break;
			}
		case CHANGE_MOVE:
			{
				int			b = free_one(s, part, 0, n);
				int			i = b >= 0 ? draw_unit(s, part, b, b, b + 1) : -1;

				if (i >= 0)
					reopen(s, part, b, i);
				break;
			}
		case CHANGE_SPREAD:
			for (int b = 0; b < n; b++)
			{
				int			i = part->is_free[b] ? draw_unit(s, part, b, 0, n) : -1;

				if (i >= 0)
					reopen(s, part, b, i);
			}
			to_cheapest(s, part);
			break;
		case CHANGE_THROW:
			for (int count = 1 + random_below(&s->random, 4); count > 0 && part->units > 0; count--)
			{
				int			i = random_below(&s->random, part->units);
				int			b = random_below(&s->random, n);

				if (!isinf(COST(part, i, b)) && b != part->at[i])
					part_move(s, part, i, b, s->p->measures);
			}
			break;
	}
}

/* One of some territories drawn at random: where most or least is spent. */
static int
draw_territory(Places *s, bool most)
{
	int			drawn = random_below(&s->random, s->p->territories);

	for (int i = 1; i < CONTENDERS; i++)
	{
		int			k = random_below(&s->random, s->p->territories);

		if (most ? s->spent[k] > s->spent[drawn] : s->spent[k] < s->spent[drawn])
			drawn = k;
	}
	return drawn;
}

/* One part, and what is changed about it, drawn at random; the change is made if it costs at most what annealing allows. */
void
places_recombine(Places *s, double temperature)
{
	Problem    *p = s->p;
	Part		part = {0};
	int			centre = random_below(&s->random, p->territories);
	int			dice = random_below(&s->random, 100);
	Change		change = dice < 38 ? CHANGE_SWAP : dice < 43 ? CHANGE_FAR_SWAP : dice < 63 ? CHANGE_MOVE : dice < 76 ? CHANGE_SPREAD : CHANGE_THROW;
	int			split = 0;
	double		before;
	double		after;
	int		   *mine;
	int		   *theirs;

	if (change == CHANGE_FAR_SWAP && p->territories > 6)
	{
		int			far = draw_territory(s, true);

		centre = draw_territory(s, false);
		add_near(s, &part, centre, 3);
		split = part.territories;
		for (int b = 0; b < split; b++)
			if (part.territory[b] == far)
				change = CHANGE_SWAP;
		if (change == CHANGE_FAR_SWAP)
			add_near(s, &part, far, 3);
	}
	else
	{
		if (change == CHANGE_FAR_SWAP)
			change = CHANGE_SWAP;
		add_near(s, &part, centre, change == CHANGE_SPREAD ? 2 + random_below(&s->random, 2) : 2 + random_below(&s->random, 4));
	}
	part_collect(s, &part);
	mine = take(p, int, part.units);
	theirs = take(p, int, part.units);
	before = part_total(&part);
	change_part(s, &part, change, split);
	switch (p->measures)
	{
		case 1:
			part_settle(s, &part, mine, theirs, 1);
			break;
		case 2:
			part_settle(s, &part, mine, theirs, 2);
			break;
		default:
			part_settle(s, &part, mine, theirs, p->measures);
	}
	after = part_total(&part);
	if (after < before - temperature * salesops_log(draw(s)) - NO_GAIN * fabs(before))
	{
		for (int i = 0; i < part.units; i++)
			if (s->at[part.unit[i]] != part.territory[part.at[i]])
				place_move(s, part.unit[i], part.territory[part.at[i]]);
		for (int b = 0; b < part.territories; b++)
			if (s->home[part.territory[b]].account >= 0)
				s->is_home[s->home[part.territory[b]].account] = false;
		for (int b = 0; b < part.territories; b++)
		{
			if (part.home[b].account >= 0)
				s->is_home[part.home[b].account] = true;
			if (part.home[b].account != s->home[part.territory[b]].account)
				s->near_until[part.territory[b]] = 0;
			s->home[part.territory[b]] = part.home[b];
			s->spent[part.territory[b]] = 0;
		}
		for (int i = 0; i < part.units; i++)
			s->spent[part.territory[part.at[i]]] += COST(&part, i, part.at[i]);
	}
	give_back(p, int, mine, part.units);
	give_back(p, int, theirs, part.units);
	part_forget(s, &part);
}
