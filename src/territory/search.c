/*
 * search.c: a plan from prices; shifts and swaps until none pays.
 *
 * At the best prices every unit at its cheapest territory gives loads that are nearly right: what is left is that units cannot be split.
 * The search minimises cost + rate x load outside the limits. With rates a little above the prices the best plan within the limits is the
 * minimum of that sum too (an exact penalty), but on the way there loads may be outside, which makes all the difference: nearly every
 * good change passes through something forbidden.
 */
#include "territory/search.h"

/* Smallest gain that counts, in whole numbers of cost: below lies the rounding of penalties. */
#define SMALL_GAIN	1.0
/* Where nothing pays, a territory gets so much dearer as makes the cheapest change pay, and that many times more: it may not pay to take it back at once. */
#define REPAIR_DEARER 1.5
/* How much dearer a budget gets at a time that is overdrawn. */
#define BUDGET_DEARER	1.2
/* With budgets, which may be what keeps loads outside, a repair ends when so many goes have brought no load nearer to its limits. */
#define USELESS_REPAIRS	100
/* What a measure's usual load is taken to be worth at least, as a share of the measure that is worth most. */
#define LEAST_WORTH	0.2

void
search_begin(Search *s, Problem *p, Columns *c, const Prices *prices)
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

/* The column of a unit that is a territory, or NOWHERE. */
int
search_slot(const Search *s, int unit, int k)
{
	for (int q = 0; q < s->c->count[unit]; q++)
		if (slot_territory(s, unit, q) == k)
			return q;
	return NOWHERE;
}

/* Makes a spare column of a unit one of a territory. */
void
search_give_column(Search *s, int unit, int k, int spare)
{
	Columns    *c = s->c;
	double		cheapest = unit_cost(s->p, unit, slot_territory(s, unit, 0)) - slot_cost(s, unit, 0);

	c->count[unit] = Max(c->count[unit], spare + 1);
	c->territory[(Size) unit * c->width + spare] = k;
	c->cost[(Size) unit * c->width + spare] = (int32) Min(unit_cost(s->p, unit, k) - cheapest, MOST_COST);
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
	double		dearer;			/* above 1: it pays if being outside costs that much more at the territory that is repaired */
	int			here;
	int			there;
} Change;

static const Change no_change = {-SMALL_GAIN, 1, -1, -1};

/* Takes a change if it is better; own: what it changes at the territory that is repaired, other: what it changes elsewhere. */
static inline void
consider(Change *best, double own, double other, int here, int there)
{
	if (own + other < best->gain)
		*best = (Change) {own + other, 1, here, there};
	else if (best->dearer > 1 && own < 0 && other + SMALL_GAIN < best->dearer * -own)
		*best = (Change) {best->gain, (other + SMALL_GAIN) / -own, here, there};
}

/* The units of a pair that are on one side now, the least firmly settled first; returns how many, at most MOST_WEIGHED. */
static int
weighed_ties(const Search *s, int pair, int side, int *weighed)
{
	int			most = s->p->has_budget ? MOST_WEIGHED : USUALLY_WEIGHED;
	int			n = 0;
	int			begin = s->tie_start[pair];
	int			end = s->tie_start[pair + 1];

	for (int i = 0; i < end - begin && n < most; i++)
	{
		int			t = weighed_tie(begin, end, side, i);

		if (s->slot[s->tie[t].unit] == s->tie[t].slot[side])
			weighed[n++] = t;
	}
	return n;
}

/* What a change that touches a territory can bring at most: its penalties, and what its slack is worth. */
double
search_most_gain(const Search *s, int k, double dearer)
{
	const Problem *p = s->p;
	double		gain = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const Row  *row = &s->row[k * p->measures + m];
		double		price = s->prices->load[k * p->measures + m];

		gain += dearer * row_penalty(row, row->load);
		gain += price > 0 ? price * Max(row->most - row->load, 0) : -price * Max(row->load - row->least, 0);
	}
	return gain;
}

/* Looks for the best shift or swap between the territories of a pair. repaired: which of them is, or NONE. */
TERRITORY_INLINE void
weigh_pair(Search *s, int pair, int repaired, Change *best, const int measures)
{
	Problem    *p = s->p;
	int			k = s->pair_one[pair];
	int			l = s->pair_other[pair];
	double		own_k = k == repaired;
	double		own_l = l == repaired;
	int			here[MOST_WEIGHED];
	int			there[MOST_WEIGHED];
	int			heres = weighed_ties(s, pair, 0, here);
	int			theres = weighed_ties(s, pair, 1, there);
	double		limit;

	for (int j = 0; j < theres; j++)
	{
		const Tie  *b = &s->tie[there[j]];
		double		at_k = change_one(s, k, unit_amount(p, b->unit, k), 1, measures);
		double		at_l = change_one(s, l, unit_amount(p, b->unit, l), -1, measures);

		consider(best, own_k * at_k + own_l * at_l,
				 (1 - own_k) * at_k + (1 - own_l) * at_l - b->rise + change_budget(s, b->unit, l, k), -1, there[j]);
	}
	for (int i = 0; i < heres; i++)
	{
		const Tie  *a = &s->tie[here[i]];
		double		at_k = change_one(s, k, unit_amount(p, a->unit, k), -1, measures);
		double		at_l = change_one(s, l, unit_amount(p, a->unit, l), 1, measures);

		consider(best, own_k * at_k + own_l * at_l,
				 (1 - own_k) * at_k + (1 - own_l) * at_l + a->rise + change_budget(s, a->unit, k, l), here[i], -1);
	}
	limit = search_most_gain(s, k, k == repaired ? best->dearer : 1) + search_most_gain(s, l, l == repaired ? best->dearer : 1);
	for (int i = 0; i < heres; i++)
	{
		const Tie  *a = &s->tie[here[i]];
		const double *a_k = unit_amount(p, a->unit, k);
		const double *a_l = unit_amount(p, a->unit, l);

		for (int j = 0; j < theres; j++)
		{
			const Tie  *b = &s->tie[there[j]];
			double		at_k;
			double		at_l;
			double		cost = (double) a->rise - b->rise;

			if (a->lean - b->lean > limit)
				break;
			at_k = change_two(s, k, unit_amount(p, b->unit, k), a_k, measures);
			at_l = change_two(s, l, a_l, unit_amount(p, b->unit, l), measures);
			if (p->has_budget)
				cost += change_budget_two(s, a->unit, k, l, b->unit, l, k);
			consider(best, own_k * at_k + own_l * at_l, (1 - own_k) * at_k + (1 - own_l) * at_l + cost, here[i], there[j]);
		}
	}
	p->work += heres;
}

static void
weigh_pair_any(Search *s, int pair, int repaired, Change *best)
{
	if (s->p->measures == 1)
		weigh_pair(s, pair, repaired, best, 1);
	else if (s->p->measures == 2)
		weigh_pair(s, pair, repaired, best, 2);
	else
		weigh_pair(s, pair, repaired, best, s->p->measures);
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
			Change		change = no_change;

			weigh_pair_any(s, pair, TERRITORY_NONE, &change);
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
 * Works at the territories that are outside their limits. Each makes the best change with any neighbour; if none pays, it gets as much dearer to be
 * outside there as makes the cheapest one pay. What one does not get rid of it pushes on to a neighbour, who may find it easier. True when all
 * are within limits.
 */
bool
search_repair(Search *s, int most_rounds)
{
	Problem    *p = s->p;
	int			outside = 0;
	int			useless = 0;
	bool		is_any = true;
	double		least = INFINITY;

	for (int round = 0; round < most_rounds && is_any && useless < USELESS_REPAIRS && !problem_progress(p); round++)
	{
		double		now = search_outside(s);

		useless = p->has_budget && now >= least ? useless + 1 : 0;
		least = Min(least, now);

		outside = 0;
		is_any = false;
		for (int k = 0; k < p->territories; k++)
		{
			Row		   *row = s->row + k * p->measures;
			Change		best = no_change;

			if (!search_is_outside(s, k))
				continue;
			problem_progress(p);
			outside++;
			best.dearer = INFINITY;
			for (int n = s->neighbour_start[k]; n < s->neighbour_start[k + 1]; n++)
				weigh_pair_any(s, s->neighbour[n], k, &best);
			if (isinf(best.dearer))
				continue;
			is_any = true;
			for (int m = 0; m < p->measures && best.dearer > 1; m++)
				if (row[m].load > row[m].most || row[m].load < row[m].least)
					row[m].rate *= best.dearer * REPAIR_DEARER;
			make_change(s, &best);
		}
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			if (s->used[b] > p->budget[b])
			{
				s->budget_rate[b] *= BUDGET_DEARER;
				search_return(s, b, s->budget_rate[b]);
				outside++;
				is_any = true;
			}
		if (outside == 0)
			break;
	}
	return outside == 0;
}
