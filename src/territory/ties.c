/*
 * ties.c: the units that either of two territories might have.
 *
 * How much a change can matter is known beforehand. A plan's cost exceeds the bound by exactly its units' regrets, what each pays
 * at the prices above its cheapest territory, and by price x slack. So only ties, units with a small regret in two territories, are worth
 * weighing, and they are kept by pair of territories.
 */
#include "territory/search.h"

/* Regrets at territories that a repair could not bring within their limits may be so many times larger the next time. */
#define STRETCH		4.0
/* So often at most when ties are sought, where a territory outside its limits has too few units that could come or go. */
#define STRETCHES	2
#define FEW_TIES	20

void
forget_ties(Search *s)
{
	Problem    *p = s->p;

	if (!s->pair_of)
		return;
	give_back(p, int, s->pair_of, (Size) p->territories * p->territories);
	give_back(p, int, s->tie_start, s->pairs + 1);
	give_back(p, Tie, s->tie, s->ties);
	give_back(p, uint16, s->pair_one, s->pairs);
	give_back(p, uint16, s->pair_other, s->pairs);
	give_back(p, int, s->neighbour_start, p->territories + 1);
	give_back(p, int, s->neighbour, 2 * s->pairs);
	give_back(p, uint32, s->seen, s->pairs);
	s->pair_of = NULL;
}

/*
 * The columns of a unit with a small regret and their values; returns how many, at most MOST_CHOICES, those with the smallest. Small is
 * in proportion to what its load is worth: to move a large account helps more, and no small ones may do in its place.
 */
static int
small_regrets(const Search *s, int unit, double share, int *slot, double *value)
{
	const double *amount = unit_amount(s->p, unit, slot_territory(s, unit, 0));
	int			count = s->c->count[unit];
	double		all[TERRITORY_MOST_TERRITORIES];
	double		regret[MOST_CHOICES];
	double		limit = 0;
	double		least = INFINITY;
	int			n = 0;

	for (int m = 0; m < s->p->measures; m++)
		limit += share * s->floor[m] * amount[m];
	for (int q = 0; q < count; q++)
	{
		all[q] = slot_value(s, unit, q);
		least = Min(least, all[q]);
	}
	/* Where all cost alike, units begin with different territories. */
	for (int i = 0, q = s->p->all_alike ? unit % count : 0; i < count; i++, q = q + 1 < count ? q + 1 : 0)
	{
		double		here = (all[q] - least) / s->stretch[slot_territory(s, unit, q)];
		int			at;

		if (here > limit || (n == MOST_CHOICES && here >= regret[n - 1]))
			continue;
		at = n < MOST_CHOICES ? n++ : n - 1;
		for (; at > 0 && regret[at - 1] > here; at--)
		{
			regret[at] = regret[at - 1];
			slot[at] = slot[at - 1];
		}
		regret[at] = here;
		slot[at] = q;
	}
	for (int i = 0; i < n; i++)
		value[i] = all[slot[i]];
	return n;
}

/* Lets territories that are outside their limits have ties with larger regrets, once they are sought again. False where none is outside. */
bool
search_stretch(Search *s)
{
	const Problem *p = s->p;
	bool		is_any = false;

	for (int j = 0; j < p->rows; j++)
		if (s->row[j].load > s->row[j].most || s->row[j].load < s->row[j].least)
		{
			s->stretch[j / p->measures] *= STRETCH;
			is_any = true;
		}
	return is_any;
}

/* Those that lean most to the first have the largest value at the second. */
static inline int
compare_ties(const Tie *a, const Tie *b)
{
	if (a->lean != b->lean)
		return a->lean > b->lean ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* There are millions of them: the comparison is compiled into the sort. */
#define ST_SORT			sort_ties
#define ST_ELEMENT_TYPE Tie
#define ST_COMPARE(a, b) compare_ties(a, b)
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

/* How small a regret must be so that there are about so many ties, by bisection on a sample. */
static double
regret_share(const Search *s, int ties_per_unit)
{
	const Problem *p = s->p;
	int			step = Max(1, p->units / 2000);
	double		low = 0;
	double		high = 1024;
	int			slot[MOST_CHOICES];
	double		value[MOST_CHOICES];

	for (int i = 0; i < 20; i++)
	{
		double		share = i == 0 ? high : low / 2 + high / 2;
		double		ties = 0;
		double		units = 0;

		problem_progress(s->p);
		for (int u = 0; u < p->units; u += step)
		{
			int			n = small_regrets(s, u, share, slot, value);

			ties += n * (n - 1) / 2;
			units += 1;
		}
		if (ties <= ties_per_unit * units)
			low = share;
		else
			high = share;
		if (low >= high)
			break;
	}
	return low;
}

/* How many ties there are in each pair and in all, and at each territory of units that could come and that could go. */
static void
count_ties(Search *s, int *comers, int *goers)
{
	Problem    *p = s->p;
	int			slot[MOST_CHOICES];
	double		value[MOST_CHOICES];

	memset(s->pair_of, 0, sizeof(int) * p->territories * p->territories);
	memset(comers, 0, sizeof(int) * p->territories);
	memset(goers, 0, sizeof(int) * p->territories);
	s->ties = 0;
	for (int u = 0; u < p->units; u++)
	{
		int			n = small_regrets(s, u, s->share, slot, value);

		progress_every(p, u, PROGRESS_UNITS);
		for (int i = 0; i < n; i++)
		{
			int			k = slot_territory(s, u, slot[i]);

			comers[k] += slot[i] != s->slot[u];
			goers[k] += slot[i] == s->slot[u] && n > 1;
			for (int j = 0; j < i; j++)
			{
				int			l = slot_territory(s, u, slot[j]);

				s->pair_of[Min(k, l) * p->territories + Max(k, l)]++;
				s->ties++;
			}
		}
	}
}

/* Allows larger regrets at territories that are outside their limits and have hardly a unit that could come, or go. False where there are none. */
static bool
stretch_few(Search *s, const int *comers, const int *goers)
{
	const Problem *p = s->p;
	bool		is_any = false;

	for (int k = 0; k < p->territories; k++)
	{
		bool		is_few = false;

		for (int m = 0; m < p->measures; m++)
		{
			const Row  *row = &s->row[k * p->measures + m];

			is_few |= (row->load < row->least && comers[k] < FEW_TIES) || (row->load > row->most && goers[k] < FEW_TIES);
		}
		if (is_few)
			s->stretch[k] *= STRETCH;
		is_any |= is_few;
	}
	return is_any;
}

/* Finds the ties, about so many for each unit, and sorts them by pair. */
void
search_ties(Search *s, int ties_per_unit)
{
	Problem    *p = s->p;
	int			territories = p->territories;
	int			slot[MOST_CHOICES];
	double		value[MOST_CHOICES];
	int		   *comers = take(p, int, territories);
	int		   *goers = take(p, int, territories);
	int		   *at = NULL;

	forget_ties(s);
	/* Where all cost alike there are no regrets. */
	s->share = p->all_alike ? 0 : regret_share(s, ties_per_unit);
	s->pairs = 0;
	s->pair_of = take(p, int, (Size) territories * territories);
	for (int times = 0;; times++)
	{
		count_ties(s, comers, goers);
		if (p->all_alike || times == STRETCHES || !stretch_few(s, comers, goers))
			break;
	}
	give_back(p, int, comers, territories);
	give_back(p, int, goers, territories);
	for (int j = 0; j < territories * territories; j++)
		s->pairs += s->pair_of[j] > 0;
	s->tie_start = take(p, int, s->pairs + 1);
	s->tie = take(p, Tie, s->ties);
	s->pair_one = take(p, uint16, s->pairs);
	s->pair_other = take(p, uint16, s->pairs);
	s->seen = take(p, uint32, s->pairs);
	s->neighbour_start = take(p, int, territories + 1);
	s->neighbour = take(p, int, 2 * s->pairs);
	for (int k = 0, pair = 0; k < territories; k++)
		for (int l = k + 1; l < territories; l++)
			if (s->pair_of[k * territories + l])
			{
				s->tie_start[pair + 1] = s->tie_start[pair] + s->pair_of[k * territories + l];
				s->pair_one[pair] = k;
				s->pair_other[pair] = l;
				s->neighbour_start[k + 1]++;
				s->neighbour_start[l + 1]++;
				s->pair_of[k * territories + l] = s->pair_of[l * territories + k] = ++pair;
			}
	for (int k = 0; k < territories; k++)
		s->neighbour_start[k + 1] += s->neighbour_start[k];
	at = take(p, int, Max(s->pairs, territories));
	memcpy(at, s->neighbour_start, sizeof(int) * territories);
	for (int pair = 0; pair < s->pairs; pair++)
	{
		s->neighbour[at[s->pair_one[pair]]++] = pair;
		s->neighbour[at[s->pair_other[pair]]++] = pair;
	}
	memcpy(at, s->tie_start, sizeof(int) * s->pairs);
	for (int u = 0; u < p->units; u++)
	{
		int			n = small_regrets(s, u, s->share, slot, value);

		progress_every(p, u, PROGRESS_UNITS);
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
			{
				bool		in_order = slot_territory(s, u, slot[i]) < slot_territory(s, u, slot[j]);
				int			one = in_order ? i : j;
				int			other = in_order ? j : i;
				int			pair = s->pair_of[slot_territory(s, u, slot[one]) * territories + slot_territory(s, u, slot[other])] - 1;

				s->tie[at[pair]++] = (Tie) {u, pair, {slot[one], slot[other]}, (float) (value[other] - value[one]),
					slot_cost(s, u, slot[other]) - slot_cost(s, u, slot[one])};
			}
	}
	give_back(p, int, at, Max(s->pairs, territories));
	for (int pair = 0; pair < s->pairs; pair++)
	{
		progress_every(p, pair, 16);
		sort_ties(s->tie + s->tie_start[pair], s->tie_start[pair + 1] - s->tie_start[pair]);
	}
}

/* A column of a unit that no tie has, or room for one: NOWHERE if there is none. */
int
search_spare(const Search *s, int unit)
{
	int			slot[MOST_CHOICES];
	double		value[MOST_CHOICES];
	int			ties;
	int			dearest = NOWHERE;

	if (s->c->count[unit] < s->c->width)
		return s->c->count[unit];
	if (unit_is_torn(s->p, unit))
		return NOWHERE;
	ties = small_regrets(s, unit, s->share, slot, value);
	for (int q = 0; q < s->c->count[unit]; q++)
	{
		bool		is_tie = false;

		for (int i = 0; i < ties; i++)
			is_tie |= slot[i] == q;
		if (!is_tie && (dearest == NOWHERE || slot_value(s, unit, q) > slot_value(s, unit, dearest)))
			dearest = q;
	}
	return dearest;
}
