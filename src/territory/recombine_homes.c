/*
 * recombine_homes.c: some neighbouring territories at a time are taken apart and put together again.
 *
 * Going to and fro between homes and who goes to them ends where neither can be improved alone, a few percent above what is possible: a
 * home too many here and one too few there. So a few neighbouring territories are taken, one thing about them is changed (a home is
 * closed and another one opened, one is moved, all are spread anew, units are thrown about), and the part is settled (part.c). What comes
 * out is taken if it is cheaper, and by annealing (Kirkpatrick, Gelatt, Vecchi 1983) if it costs a little more. A part is small, so
 * thousands are tried in a second, whatever the number of accounts.
 */
#include "territory/part.h"

#include "core/numerics.h"

/* Neighbours are found anew after so many sweeps. */
#define NEAR_FOR_SWEEPS	5
/* Of so many the one is taken that has most to gain from another home, or least to lose. */
#define CONTENDERS	3
/* Gains below this share of the part's cost are rounding. */
#define NO_GAIN		1e-10

static double
draw(Places *s)
{
	return ldexp((double) ((next_random(&s->random) >> 11) + 1), -53);
}

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
		part_column(s, part, b);
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

	if (part_is_taken(s, part, b, place->account))
		return;
	part->home[b] = *place;
	part_column(s, part, b);
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
			part_put(s, part, i, best);
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
					part_put(s, part, i, b);
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
	before = part_total(&part);
	change_part(s, &part, change, split);
	part_settle(s, &part);
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
	part_forget(s, &part);
}
