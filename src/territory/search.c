/*
 * search.c: a plan from prices; shifts and swaps until none pays.
 *
 * At the best prices every unit at its cheapest territory gives loads that are nearly right: what is left is that units cannot be split.
 * The search minimises cost + rate x load outside the limits. With rates a little above the prices the best plan within the limits is the
 * minimum of that sum too (an exact penalty), but on the way there loads may be outside, which makes all the difference: nearly every
 * good change passes through something forbidden.
 *
 * How much a change can matter is known beforehand. A plan's cost exceeds the bound by exactly its units' regrets, what each pays
 * at the prices above its cheapest territory, and by price x slack. So only ties, units with a small regret in two territories, are worth
 * weighing, and they are kept by pair of territories.
 */
#include "territory/search.h"

/* Smallest gain that counts, in whole numbers of cost: below lies the rounding of penalties. */
#define SMALL_GAIN	1.0
/* Territories of a unit that are considered for ties. */
#define MOST_CHOICES 8
/* How much dearer a territory gets at a time that cannot get within its limits. */
#define REPAIR_DEARER 1.2
/* With budgets, which may be what keeps loads outside, a repair ends when so many goes have brought no load nearer to its limits. */
#define USELESS_REPAIRS	100
/* What a measure's usual load is taken to be worth at least, as a share of the measure that is worth most. */
#define LEAST_WORTH	0.2
/* Owners are of a former plan if loads are no further outside than that on average, and the cost no further above the bound, both as shares. */
#define NEAR		0.06
/* Regrets at territories that a repair could not bring within their limits may be so many times larger the next time. */
#define STRETCH		4.0
/* Of a pair, the units on either side that are weighed against each other. */
#define MOST_WEIGHED 32

void
search_begin(Search *s, Problem *p, const Columns *c, const Prices *prices)
{
	double		worth = 0;

	memset(s, 0, sizeof(*s));
	s->p = p;
	s->c = c;
	s->prices = prices;
	s->slot = take(p, uint16, p->units);
	s->row = take(p, Row, p->rows);
	s->version = take(p, uint32, p->territories);
	s->stretch = take(p, double, p->territories);
	for (int k = 0; k < p->territories; k++)
		s->stretch[k] = 1;
	s->random = p->options->seed;
	/* Every account's cost was rounded down by less than one. */
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		s->least_cost += unit_cost(p, u, slot_territory(s, u, 0)) - slot_cost(s, u, 0) + p->first[u + 1] - p->first[u];
	}
	for (int i = 0; i < p->input->accounts; i++)
		if (p->held_at[i] >= 0)
			s->least_cost += account_cost(p, i, p->held_at[i]) + 1;
	for (int j = 0; j < p->rows; j++)
	{
		s->row[j].least = p->least[j];
		s->row[j].most = p->most[j];
	}
	for (int m = 0; m < p->measures; m++)
	{
		double		sum = 0;

		for (int j = m; j < p->rows; j += p->measures)
			sum += fabs(prices->load[j]);
		s->floor[m] = Max(sum / p->territories, 0.05 * p->spread / Max(p->mean_amount[m], 1));
		worth = Max(worth, s->floor[m] * p->mean_amount[m]);
	}
	/* That a measure is cheap when units may be split does not make it easy to get right when they may not. */
	for (int m = 0; m < p->measures; m++)
		s->floor[m] = Max(s->floor[m], LEAST_WORTH * worth / Max(p->mean_amount[m], 1));
}

static void
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

void
search_end(Search *s)
{
	Problem    *p = s->p;

	forget_ties(s);
	give_back(p, uint16, s->slot, p->units);
	give_back(p, Row, s->row, p->rows);
	give_back(p, uint32, s->version, p->territories);
	give_back(p, double, s->stretch, p->territories);
}

/* Value of a column at the prices, above the cost of the unit's cheapest column. */
static double
slot_value(const Search *s, int unit, int slot)
{
	const Problem *p = s->p;
	int			k = slot_territory(s, unit, slot);
	const double *amount = unit_amount(p, unit, k);
	double		value = slot_cost(s, unit, slot);

	for (int m = 0; m < p->measures; m++)
		value += s->prices->load[k * p->measures + m] * amount[m];
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->prices->budget[b] != 0)
			value += s->prices->budget[b] * unit_used(p, unit, k, b);
	return value;
}

void
search_set(Search *s, const uint16 *slot)
{
	const Problem *p = s->p;

	s->cost = 0;
	for (int j = 0; j < p->rows; j++)
		s->row[j].load = 0;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		s->used[b] = 0;
	for (int u = 0; u < p->units; u++)
	{
		int			k;
		const double *amount;

		progress_every(s->p, u, PROGRESS_UNITS);
		s->slot[u] = slot[u];
		k = slot_territory(s, u, slot[u]);
		amount = unit_amount(p, u, k);
		for (int m = 0; m < p->measures; m++)
			s->row[k * p->measures + m].load += amount[m];
		if (p->has_budget)
			for (int b = 0; b < TERRITORY_BUDGETS; b++)
				s->used[b] += unit_used(p, u, k, b);
		s->cost += slot_cost(s, u, slot[u]);
	}
	for (int k = 0; k < p->territories; k++)
		s->version[k]++;
}

/* Every unit where it is cheapest at the prices; where all cost alike, units take turns among those that they will have ties of. */
void
search_round(Search *s)
{
	const Problem *p = s->p;

	for (int u = 0; u < p->units; u++)
	{
		double		best = INFINITY;

		progress_every(s->p, u, PROGRESS_UNITS);
		for (int i = 0, count = s->c->count[u], q = p->all_alike ? (u + u / count % MOST_CHOICES) % count : 0; i < count; i++, q = q + 1 < count ? q + 1 : 0)
		{
			double		value = slot_value(s, u, q);

			if (value < best)
			{
				best = value;
				s->slot[u] = q;
			}
		}
	}
	search_set(s, s->slot);
}

/*
 * Every unit where its owner is, the others stay; unless that is far from the bound or leaves loads far outside their limits, as owners do that
 * are not of a former plan. True if that is where the search is.
 */
bool
search_owners(Search *s)
{
	Problem    *p = s->p;
	uint16	   *before = take(p, uint16, p->units);
	double		excess;
	bool		is_near;

	memcpy(before, s->slot, sizeof(uint16) * p->units);
	for (int u = 0; u < p->units; u++)
	{
		int			owner = unit_owner(p, u);

		progress_every(p, u, PROGRESS_UNITS);
		for (int q = 0; q < s->c->count[u]; q++)
			if (slot_territory(s, u, q) == owner)
				s->slot[u] = q;
	}
	search_set(s, s->slot);
	excess = (s->least_cost + s->cost) / p->cost_scale - p->status.bound;
	is_near = search_outside(s) <= NEAR * p->rows && excess <= NEAR * fabs(p->status.bound);
	if (!is_near)
		search_set(s, before);
	give_back(p, uint16, before, p->units);
	return is_near;
}

/* Rates: so many times the price, or what prices usually are. */
void
search_rates(Search *s, double strictness)
{
	const Problem *p = s->p;

	for (int j = 0; j < p->rows; j++)
		s->row[j].rate = strictness * Max(fabs(s->prices->load[j]), s->floor[j % p->measures]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		s->budget_rate[b] = isinf(p->budget[b]) ? 0 :
			strictness * Max(s->prices->budget[b], 0.05 * p->spread / (b == TERRITORY_BUDGET_COUNT ? p->budget_scale[b] : Max(p->mean_amount[p->input->budget_measure], 1)));
	for (int k = 0; k < p->territories; k++)
		s->version[k]++;
}

/* What the load of a usual unit is worth. */
double
search_usual_worth(const Search *s)
{
	const Problem *p = s->p;
	double		worth = 0;

	for (int m = 0; m < p->measures; m++)
		worth += s->floor[m] * p->mean_amount[m] / p->measures;
	return worth;
}

void
search_move(Search *s, int unit, int slot)
{
	const Problem *p = s->p;
	int			from = slot_territory(s, unit, s->slot[unit]);
	int			to = slot_territory(s, unit, slot);
	const double *goes = unit_amount(p, unit, from);
	const double *comes = unit_amount(p, unit, to);

	for (int m = 0; m < p->measures; m++)
	{
		s->row[from * p->measures + m].load -= goes[m];
		s->row[to * p->measures + m].load += comes[m];
	}
	if (p->has_budget)
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			s->used[b] += unit_used(p, unit, to, b) - unit_used(p, unit, from, b);
	s->cost += slot_cost(s, unit, slot) - slot_cost(s, unit, s->slot[unit]);
	s->slot[unit] = slot;
	s->version[from]++;
	s->version[to]++;
}

/* Loads outside their limits, in shares of the limits; a budget overdrawn counts likewise. */
double
search_outside(const Search *s)
{
	const Problem *p = s->p;
	double		sum = 0;

	for (int j = 0; j < p->rows; j++)
		sum += Max(Max(s->row[j].load - s->row[j].most, s->row[j].least - s->row[j].load), 0) / p->width[j];
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->used[b] > p->budget[b])
			sum += (s->used[b] - p->budget[b]) / Max(p->budget[b] + p->held_used[b], p->budget_scale[b]);
	return sum;
}

/* What the search minimises. */
double
search_total(const Search *s)
{
	const Problem *p = s->p;
	double		sum = s->cost;

	for (int j = 0; j < p->rows; j++)
		sum += row_penalty(&s->row[j], s->row[j].load);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->used[b] > p->budget[b])
			sum += s->budget_rate[b] * (s->used[b] - p->budget[b]);
	return sum;
}

/*
 * Ties.
 */

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

static int
compare_ties(const void *one, const void *other)
{
	const Tie  *a = one;
	const Tie  *b = other;

	/* Those that lean most to the first have the largest value at the second. */
	if (a->lean != b->lean)
		return a->lean > b->lean ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

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

/* Finds the ties, about so many for each unit, and sorts them by pair. */
void
search_ties(Search *s, int ties_per_unit)
{
	Problem    *p = s->p;
	int			territories = p->territories;
	/* Where all cost alike there are no regrets. */
	double		share = p->all_alike ? 0 : regret_share(s, ties_per_unit);
	int			slot[MOST_CHOICES];
	double		value[MOST_CHOICES];
	int		   *at = NULL;

	forget_ties(s);
	s->pairs = s->ties = 0;
	s->pair_of = take(p, int, (Size) territories * territories);
	/* First how many in each pair, then the ties themselves. */
	for (int u = 0; u < p->units; u++)
	{
		int			n = small_regrets(s, u, share, slot, value);

		progress_every(p, u, PROGRESS_UNITS);
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
			{
				int			k = slot_territory(s, u, slot[i]);
				int			l = slot_territory(s, u, slot[j]);

				s->pair_of[Min(k, l) * territories + Max(k, l)]++;
				s->ties++;
			}
	}
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
		int			n = small_regrets(s, u, share, slot, value);

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
		qsort(s->tie + s->tie_start[pair], s->tie_start[pair + 1] - s->tie_start[pair], sizeof(Tie), compare_ties);
	}
}

/*
 * Descent.
 */

/* Moves every unit to where it serves best now; returns how many moved. */
TERRITORY_INLINE int64
shift_all(Search *s, const int measures)
{
	const Problem *p = s->p;
	int64		moved = 0;

	for (int u = 0; u < p->units; u++)
	{
		int			count = s->c->count[u];
		int			from;
		double		leave;
		double		best = -SMALL_GAIN;
		int			best_slot = -1;

		progress_every(s->p, u, PROGRESS_UNITS);
		if (count < 2)
			continue;
		from = slot_territory(s, u, s->slot[u]);
		leave = change_one(s, from, unit_amount(p, u, from), -1, measures) - slot_cost(s, u, s->slot[u]);
		for (int q = 0; q < count; q++)
		{
			double		gain = leave + slot_cost(s, u, q);
			int			to;

			if (gain >= best && !p->has_budget)
				continue;
			if (q == s->slot[u])
				continue;
			to = slot_territory(s, u, q);
			gain += change_one(s, to, unit_amount(p, u, to), 1, measures) + change_budget(s, u, from, to);
			if (gain < best)
			{
				best = gain;
				best_slot = q;
			}
		}
		if (best_slot >= 0)
		{
			search_move(s, u, best_slot);
			moved++;
		}
	}
	return moved;
}

/* A shift or a swap: which ties go to the pair's second and to its first territory, or -1. */
typedef struct Change
{
	double		gain;			/* negative: the total falls by that */
	int			here;
	int			there;
} Change;

/* The units of a pair that are on one side now, the least firmly settled first; returns how many, at most MOST_WEIGHED. */
static int
weighed_ties(const Search *s, int pair, int side, int *weighed)
{
	int			n = 0;
	int			begin = s->tie_start[pair];
	int			end = s->tie_start[pair + 1];

	/* On the first side settled means a large lean, and those stand in front. */
	for (int i = 0; i < end - begin && n < MOST_WEIGHED; i++)
	{
		int			t = side == 0 ? end - 1 - i : begin + i;

		if (s->slot[s->tie[t].unit] == s->tie[t].slot[side])
			weighed[n++] = t;
	}
	return n;
}

/* What a change that touches a territory can bring at most: its penalties, and what its slack is worth. */
static double
most_gain(const Search *s, int k)
{
	const Problem *p = s->p;
	double		gain = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const Row  *row = &s->row[k * p->measures + m];
		double		price = s->prices->load[k * p->measures + m];

		gain += row_penalty(row, row->load);
		gain += price > 0 ? price * Max(row->most - row->load, 0) : -price * Max(row->load - row->least, 0);
	}
	return gain;
}

/* Finds the best shift or swap between the territories of a pair. */
TERRITORY_INLINE Change
weigh_pair(Search *s, int pair, const int measures)
{
	Problem    *p = s->p;
	int			k = s->pair_one[pair];
	int			l = s->pair_other[pair];
	Change		best = {-SMALL_GAIN, -1, -1};
	int			here[MOST_WEIGHED];
	int			there[MOST_WEIGHED];
	int			heres = weighed_ties(s, pair, 0, here);
	int			theres = weighed_ties(s, pair, 1, there);
	double		limit = most_gain(s, k) + most_gain(s, l);

	for (int j = 0; j < theres; j++)
	{
		const Tie  *b = &s->tie[there[j]];
		double		gain = change_one(s, k, unit_amount(p, b->unit, k), 1, measures) +
			change_one(s, l, unit_amount(p, b->unit, l), -1, measures) - b->rise + change_budget(s, b->unit, l, k);

		if (gain < best.gain)
			best = (Change) {gain, -1, there[j]};
	}
	for (int i = 0; i < heres; i++)
	{
		const Tie  *a = &s->tie[here[i]];
		const double *a_k = unit_amount(p, a->unit, k);
		const double *a_l = unit_amount(p, a->unit, l);
		double		gain = change_one(s, k, a_k, -1, measures) + change_one(s, l, a_l, 1, measures) + a->rise +
			change_budget(s, a->unit, k, l);

		if (gain < best.gain)
			best = (Change) {gain, here[i], -1};
		for (int j = 0; j < theres; j++)
		{
			const Tie  *b = &s->tie[there[j]];

			if (a->lean - b->lean > limit)
				break;
			gain = (double) a->rise - b->rise + change_two(s, k, unit_amount(p, b->unit, k), a_k, measures) +
				change_two(s, l, a_l, unit_amount(p, b->unit, l), measures);
			if (p->has_budget)
				gain += change_budget_two(s, a->unit, k, l, b->unit, l, k);
			if (gain < best.gain)
				best = (Change) {gain, here[i], there[j]};
		}
	}
	p->work += heres;
	return best;
}

static Change
weigh_pair_any(Search *s, int pair)
{
	return s->p->measures == 1 ? weigh_pair(s, pair, 1) : s->p->measures == 2 ? weigh_pair(s, pair, 2) :
		weigh_pair(s, pair, s->p->measures);
}

static void
make_change(Search *s, const Change *change)
{
	if (change->here >= 0)
		search_move(s, s->tie[change->here].unit, s->tie[change->here].slot[1]);
	if (change->there >= 0)
		search_move(s, s->tie[change->there].unit, s->tie[change->there].slot[0]);
}

/* Makes what pays in any pair; returns how often. */
static int64
swap_all(Search *s)
{
	int64		swaps = 0;

	for (int pair = 0; pair < s->pairs; pair++)
	{
		uint32	   *version = s->version;

		progress_every(s->p, pair, 16);
		if (s->seen[pair] == version[s->pair_one[pair]] + version[s->pair_other[pair]])
			continue;
		for (;;)
		{
			Change		change = weigh_pair_any(s, pair);

			if (change.here < 0 && change.there < 0)
				break;
			make_change(s, &change);
			swaps++;
		}
		s->seen[pair] = version[s->pair_one[pair]] + version[s->pair_other[pair]];
	}
	return swaps;
}

/* Shifts and swaps until none pays, or nearly so. */
void
search_descend(Search *s, int most_rounds)
{
	const Problem *p = s->p;
	double		total = search_total(s);

	for (int round = 0; round < most_rounds && !p->is_stopped; round++)
	{
		int64		shifts = 0;
		int64		swaps;
		double		before = total;

		for (int pass = 0; pass < 12; pass++)
		{
			int64		moved = p->measures == 1 ? shift_all(s, 1) : p->measures == 2 ? shift_all(s, 2) : shift_all(s, p->measures);

			shifts += moved;
			if (moved <= p->units / 2000)
				break;
		}
		swaps = swap_all(s);
		total = search_total(s);
		if (shifts + swaps == 0 || before - total < 1e-6 * fabs(total))
			break;
	}
}

/*
 * Works at the territories that are outside their limits. Each makes the best change with any neighbour; if none pays, it gets dearer to be
 * outside there. What one does not get rid of it pushes on to a neighbour, who may find it easier. True when all are within limits.
 */
bool
search_repair(Search *s, int most_rounds)
{
	Problem    *p = s->p;
	int			outside = 0;
	int			useless = 0;
	double		least = INFINITY;

	for (int round = 0; round < most_rounds && useless < USELESS_REPAIRS && !problem_progress(p); round++)
	{
		double		now = search_outside(s);

		useless = p->has_budget && now >= least ? useless + 1 : 0;
		least = Min(least, now);

		outside = 0;
		for (int k = 0; k < p->territories; k++)
		{
			Row		   *row = s->row + k * p->measures;
			Change		best = {-SMALL_GAIN, -1, -1};

			if (!search_is_outside(s, k))
				continue;
			problem_progress(p);
			outside++;
			for (int n = s->neighbour_start[k]; n < s->neighbour_start[k + 1]; n++)
			{
				Change		change = weigh_pair_any(s, s->neighbour[n]);

				if (change.gain < best.gain)
					best = change;
			}
			if (best.here >= 0 || best.there >= 0)
				make_change(s, &best);
			else
				for (int m = 0; m < p->measures; m++)
					if (row[m].load > row[m].most || row[m].load < row[m].least)
						row[m].rate *= REPAIR_DEARER;
		}
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			if (s->used[b] > p->budget[b])
			{
				s->budget_rate[b] *= REPAIR_DEARER;
				search_return(s, b, s->budget_rate[b]);
				outside++;
			}
		if (outside == 0)
			break;
	}
	return outside == 0;
}
