/*
 * places.c: homes that may move: where they begin, and who goes to them.
 *
 * Homes are spread over the accounts one after the other, each at an account drawn in proportion to what it costs at the homes there are
 * (k-means++, Arthur and Vassilvitskii 2007, for distances in place of their squares). Units go where they are cheapest with room left,
 * those that lose most by going elsewhere first; what fits nowhere goes where it is least outside. From there recombine_homes.c works.
 */
#include "territory/places.h"

/* What a usual unit outside its limits costs the search at the beginning, in what it costs at the nearest home. */
#define USUAL_RATE	3.0

/* What an account costs at a territory wherever the home is: mismatch and relationship. */
double
account_other_cost(const TerritoryInput *in, int account, int territory)
{
	double		cost = 0;

	if (in->mismatch)
		cost += in->mismatch[(Size) (in->class_of ? in->class_of[account] : 0) * in->territories + territory];
	if (in->relationship && in->owner && in->owner[account] != TERRITORY_NONE && in->owner[account] != territory)
		cost += in->relationship[account];
	return cost;
}

/* What a unit costs at a territory wherever the home is. */
double
place_other(const Places *s, int unit, int territory)
{
	const TerritoryInput *in = s->p->input;
	double		cost = 0;

	if (!s->has_other)
		return 0;
	for (int i = s->first[unit]; i < s->first[unit + 1]; i++)
		cost += account_other_cost(in, s->place[i].account, territory);
	return cost;
}

static void
unlink_unit(Places *s, int unit)
{
	if (s->previous[unit] == TERRITORY_NONE)
		s->member[s->at[unit]] = s->next[unit];
	else
		s->next[s->previous[unit]] = s->next[unit];
	if (s->next[unit] != TERRITORY_NONE)
		s->previous[s->next[unit]] = s->previous[unit];
}

static void
link_unit(Places *s, int unit, int territory)
{
	s->at[unit] = territory;
	s->previous[unit] = TERRITORY_NONE;
	s->next[unit] = s->member[territory];
	if (s->next[unit] != TERRITORY_NONE)
		s->previous[s->next[unit]] = unit;
	s->member[territory] = unit;
}

/* Puts a unit elsewhere; loads follow, what is spent does not. */
void
place_move(Places *s, int unit, int territory)
{
	int			measures = s->p->measures;
	const double *goes = place_amount(s, unit, s->at[unit]);
	const double *comes = place_amount(s, unit, territory);

	for (int m = 0; m < measures; m++)
	{
		s->load[s->at[unit] * measures + m] -= goes[m];
		s->load[territory * measures + m] += comes[m];
	}
	unlink_unit(s, unit);
	link_unit(s, unit, territory);
}

double
places_cost(const Places *s)
{
	double		cost = 0;

	for (int k = 0; k < s->p->territories; k++)
		cost += s->spent[k];
	return cost;
}

/* Loads outside their limits, in shares of the limits. */
double
places_outside(const Places *s)
{
	const Problem *p = s->p;
	double		outside = 0;

	for (int j = 0; j < p->rows; j++)
		outside += Max(Max(s->load[j] - p->most[j], p->least[j] - s->load[j]), 0) / p->width[j];
	return outside;
}

/* Everybody to the territory in at: members, loads and what is spent. */
static void
places_set(Places *s, const int *at)
{
	Problem    *p = s->p;

	for (int k = 0; k < p->territories; k++)
	{
		s->member[k] = TERRITORY_NONE;
		s->spent[k] = 0;
	}
	memset(s->load, 0, sizeof(double) * p->rows);
	for (int u = s->units - 1; u >= 0; u--)
	{
		const double *amount = place_amount(s, u, at[u]);

		link_unit(s, u, at[u]);
		for (int m = 0; m < p->measures; m++)
			s->load[at[u] * p->measures + m] += amount[m];
		s->spent[at[u]] += place_way(s, u, &s->home[at[u]]) + place_other(s, u, at[u]);
	}
}

Place
place_of(const TerritoryInput *in, int account)
{
	return (Place) {in->x ? in->x[account] : 0, in->y ? in->y[account] : 0, in->z ? in->z[account] : 0, account};
}

/* Where a home among a unit's accounts would be; NULL where none of them is anywhere. */
static const Place *
home_in(const Places *s, int unit)
{
	for (int i = s->first[unit]; i < s->first[unit + 1]; i++)
		if (!is_nowhere(s->p->input, s->place[i].account))
			return &s->place[i];
	return NULL;
}

/* One home after the other. */
static void
spread_homes(Places *s)
{
	Problem    *p = s->p;
	const TerritoryInput *in = p->input;
	double	   *near = take(p, double, s->units);	/* what a unit costs at the nearest home so far */
	bool		is_first = true;

	for (int u = 0; u < s->units; u++)
		near[u] = INFINITY;
	/* Those that are pinned come first. */
	for (int pass = 0; pass < 2; pass++)
		for (int k = 0; k < p->territories; k++)
		{
			bool		is_free = !in->home_free || in->home_free[k];

			if (is_free != (pass == 1))
				continue;
			if (is_free)
			{
				double		sum = 0;
				double		drawn;
				int			chosen = TERRITORY_NONE;

				for (int u = 0; u < s->units; u++)
					if (place_may(s, u, k) && home_in(s, u))
						sum += is_first ? 1 : near[u];
				drawn = ldexp((double) (next_random(&s->random) >> 11), -53) * sum;
				for (int u = 0; u < s->units; u++)
					if (place_may(s, u, k) && home_in(s, u))
					{
						double		part = is_first ? 1 : near[u];

						if (chosen == TERRITORY_NONE || part > 0)
							chosen = u;
						drawn -= part;
						if (drawn < 0)
							break;
					}
				if (chosen != TERRITORY_NONE)
				{
					s->home[k] = *home_in(s, chosen);
					s->is_home[s->home[k].account] = true;
				}
			}
			for (int u = 0; u < s->units; u++)
				if (place_may(s, u, k))
					near[u] = Min(near[u], place_way(s, u, &s->home[k]));
			is_first = false;
			places_work(s, s->units);
		}
	give_back(p, double, near, s->units);
}

typedef struct Turn
{
	double		regret;
	int			unit;
} Turn;

static int
compare_turns(const void *one, const void *other)
{
	const Turn *a = one;
	const Turn *b = other;

	if (a->regret != b->regret)
		return a->regret > b->regret ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* Everybody where it is cheapest and there is room, those that lose most by going elsewhere first. */
static void
fill(Places *s)
{
	Problem    *p = s->p;
	int		   *at = take(p, int, s->units);
	double	   *load = take(p, double, p->rows);
	Turn	   *turn = take(p, Turn, s->units);
	double		after[TERRITORY_MOST_MEASURES];

	for (int u = 0; u < s->units; u++)
	{
		double		best = INFINITY;
		double		second = INFINITY;

		for (int k = 0; k < p->territories; k++)
			if (place_may(s, u, k))
			{
				double		cost = place_way(s, u, &s->home[k]) + place_other(s, u, k);

				second = Min(second, Max(cost, best));
				best = Min(best, cost);
			}
		turn[u] = (Turn) {isinf(second) ? INFINITY : second - best, u};
		places_work(s, p->territories);
	}
	qsort(turn, s->units, sizeof(Turn), compare_turns);
	for (int t = 0; t < s->units; t++)
	{
		int			u = turn[t].unit;
		double		best = INFINITY;

		for (int k = 0; k < p->territories; k++)
			if (place_may(s, u, k))
			{
				const double *amount = place_amount(s, u, k);
				double		cost = place_way(s, u, &s->home[k]) + place_other(s, u, k);

				/* Only what is above its most: everybody begins below its least. */
				for (int m = 0; m < p->measures; m++)
				{
					int			j = k * p->measures + m;

					after[m] = load[j] + amount[m];
					cost += s->rate[m] * (Max(after[m] - p->most[j], 0) - Max(load[j] - p->most[j], 0));
				}
				if (cost < best)
				{
					best = cost;
					at[u] = k;
				}
			}
		for (int m = 0; m < p->measures; m++)
			load[at[u] * p->measures + m] += place_amount(s, u, at[u])[m];
		places_work(s, p->territories);
	}
	places_set(s, at);
	give_back(p, Turn, turn, s->units);
	give_back(p, double, load, p->rows);
	give_back(p, int, at, s->units);
}

/* Rates so high that a usual unit outside costs several times what it costs where it is. */
static void
set_rates(Places *s)
{
	const Problem *p = s->p;
	double		sum = 0;

	for (int u = 0; u < s->units; u++)
	{
		double		best = INFINITY;

		for (int k = 0; k < p->territories; k++)
			if (place_may(s, u, k))
				best = Min(best, place_way(s, u, &s->home[k]));
		sum += best;
	}
	for (int m = 0; m < p->measures; m++)
		s->rate[m] = sum > 0 ? USUAL_RATE * sum / s->units / Max(p->mean_amount[m], 1) : 1;
}

void
places_begin(Places *s, Problem *p)
{
	const TerritoryInput *in = p->input;
	int			held = 0;
	int			points = 0;

	memset(s, 0, sizeof(*s));
	s->p = p;
	s->random = p->options->seed;
	s->has_other = in->mismatch || (in->relationship && in->owner);
	for (int i = 0; i < in->accounts; i++)
		held += p->held_at[i] >= 0;
	s->units = p->units + held;
	s->first = take(p, int, s->units + 1);
	s->place = take(p, Place, p->first[p->units] + held);
	s->weight = take(p, double, p->first[p->units] + held);
	s->nothing = take(p, double, p->measures);
	for (int u = 0; u < p->units; u++)
	{
		s->first[u] = points;
		for (int i = p->first[u]; i < p->first[u + 1]; i++)
			s->place[points++] = place_of(in, p->member[i]);
	}
	for (int i = 0, u = p->units; i < in->accounts; i++)
		if (p->held_at[i] >= 0)
		{
			s->first[u++] = points;
			s->place[points++] = place_of(in, i);
		}
	s->first[s->units] = points;
	for (int i = 0; i < points; i++)
		s->weight[i] = in->weight ? in->weight[s->place[i].account] : 1;
	s->may = take(p, bool, (Size) p->lists * p->territories);
	for (int l = 0; l < p->lists; l++)
		for (int j = p->list_start[l]; j < p->list_start[l + 1]; j++)
			s->may[(Size) l * p->territories + p->list[j]] = true;
	s->home = take(p, Place, p->territories);
	for (int k = 0; k < p->territories; k++)
		s->home[k] = (Place) {in->home_x[k], in->home_y[k], in->home_z ? in->home_z[k] : 0, TERRITORY_NONE};
	s->is_home = take(p, bool, in->accounts);
	for (int i = 0; i < in->accounts; i++)
		s->is_home[i] = is_nowhere(in, i);
	s->at = take(p, int, s->units);
	s->next = take(p, int, s->units);
	s->previous = take(p, int, s->units);
	s->member = take(p, int, p->territories);
	s->load = take(p, double, p->rows);
	s->spent = take(p, double, p->territories);
	s->near = take(p, int, (Size) p->territories * PLACES_NEAR);
	s->near_until = take(p, int, p->territories);
	spread_homes(s);
	set_rates(s);
	fill(s);
}

void
places_end(Places *s)
{
	Problem    *p = s->p;
	int			points = s->first[s->units];

	give_back(p, int, s->first, s->units + 1);
	give_back(p, Place, s->place, points);
	give_back(p, double, s->weight, points);
	give_back(p, double, s->nothing, p->measures);
	give_back(p, bool, s->may, (Size) p->lists * p->territories);
	give_back(p, Place, s->home, p->territories);
	give_back(p, bool, s->is_home, p->input->accounts);
	give_back(p, int, s->at, s->units);
	give_back(p, int, s->next, s->units);
	give_back(p, int, s->previous, s->units);
	give_back(p, int, s->member, p->territories);
	give_back(p, double, s->load, p->rows);
	give_back(p, double, s->spent, p->territories);
	give_back(p, int, s->near, (Size) p->territories * PLACES_NEAR);
	give_back(p, int, s->near_until, p->territories);
}
