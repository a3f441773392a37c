/*
 * exchange.c: cyclic exchanges between territories.
 *
 * Where territories have few accounts each, or limits are tight, hardly any shift or swap fits: three or four accounts must change places at
 * once, each to the territory that the next one leaves. There are too many such cycles to weigh, but the best of nearly all is found like
 * a shortest path (Thompson and Orlin 1989; Frangioni, Necciari and Scutella 2004): what a territory gains or loses when one unit comes and
 * another goes depends on these two alone, so the change of a cycle is the sum of its arcs. The best path to every unit is lengthened by
 * one arc at a time; a path that goes through a territory twice is not followed.
 *
 * Two things make it fast. Every territory has a unit that weighs nothing and may go anywhere, so that a chain with two ends is
 * a cycle too. And a cycle that pays can be begun at such a place that all its beginnings pay (Lin and Kernighan 1973): so only paths
 * with a negative sum are followed. The sums are those at the prices: cost above the value of the unit's best territory, as in the bound. What
 * remains to be gained anywhere is then seen, and few paths stay negative for long.
 *
 * A path that begins with a unit that weighs nothing begins with nobody, who is nowhere, and may be closed wherever its last unit may go. If it had
 * to end where it began, there would be one such path for each territory, all equal, of which only one is kept: chains to all other territories
 * would be missed. Of swaps, too, that way finds only one for each unit that goes: where no cycle pays all are weighed before that is believed.
 *
 * Paths are weighed in floats; what pays is weighed again exactly before it is made.
 */
#include "territory/exchange.h"

#include "core/numerics.h"

/* Smallest gain that counts, in whole numbers of cost. */
#define SMALL_GAIN	1.0

/* What the territories of a unit cost above the value of its best one, and which have the smallest regrets. */
static void
weigh_stays(Exchange *x)
{
	Search	   *s = x->s;
	const Problem *p = s->p;
	double		budget_price[TERRITORY_BUDGETS];

	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		x->is_overdrawn[b] = s->used[b] > p->budget[b];
		budget_price[b] = x->is_overdrawn[b] ? s->budget_rate[b] : s->prices->budget[b];
	}
	for (int u = 0; u < p->units; u++)
	{
		float	   *stay = x->stay + (Size) u * p->territories;
		uint16	   *choice = x->choice + u * EXCHANGE_CHOICES;
		float	   *regret = x->regret + u * EXCHANGE_CHOICES;
		double		least = INFINITY;
		int			n = 0;

		for (int k = 0; k < p->territories; k++)
			stay[k] = INFINITY;
		for (int pass = 0; pass < 2; pass++)
			for (int q = 0; q < s->c->count[u]; q++)
			{
				int			k = slot_territory(s, u, q);
				const double *amount = unit_amount(p, u, k);
				double		cost = slot_cost(s, u, q);
				double		value;
				int			at;

				for (int b = 0; b < TERRITORY_BUDGETS; b++)
					if (budget_price[b] != 0)
						cost += budget_price[b] * unit_used(p, u, k, b);
				value = cost;
				for (int m = 0; m < p->measures; m++)
					value += s->prices->load[k * p->measures + m] * amount[m];
				if (pass == 0)
				{
					least = Min(least, value);
					continue;
				}
				stay[k] = (float) (cost - least);
				value -= least;
				if (n == EXCHANGE_CHOICES && value >= regret[n - 1])
					continue;
				at = n < EXCHANGE_CHOICES ? n++ : n - 1;
				for (; at > 0 && regret[at - 1] > value; at--)
				{
					regret[at] = regret[at - 1];
					choice[at] = choice[at - 1];
				}
				regret[at] = (float) value;
				choice[at] = k;
			}
		x->choices[u] = n;
	}
}

void
exchange_begin(Exchange *x, Search *s)
{
	Problem    *p = s->p;

	memset(x, 0, sizeof(*x));
	x->s = s;
	x->nodes = p->units + p->territories;
	x->room = x->nodes + p->territories * LANES;
	x->stay = take(p, float, (Size) p->units * p->territories);
	x->choice = take(p, uint16, p->units * EXCHANGE_CHOICES);
	x->regret = take(p, float, p->units * EXCHANGE_CHOICES);
	x->choices = take(p, uint8, p->units);
	x->begin = take(p, int, p->territories + 1);
	x->end = take(p, int, p->territories);
	x->node = take(p, int, x->room);
	x->own = take(p, float, x->room);
	x->amount = take(p, float, p->measures * x->room);
	x->over = take(p, float, p->rows);
	x->under = take(p, float, p->rows);
	x->rate = take(p, float, p->rows);
	x->penalty = take(p, float, p->territories);
	for (int d = 0; d < EXCHANGE_DEPTH; d++)
	{
		x->value[d] = take(p, float, x->room);
		x->from[d] = take(p, int, x->room);
	}
	x->is_touched = take(p, bool, p->territories);
	x->is_used = take(p, bool, p->territories);
	x->cycle = take(p, Cycle, x->room);
	weigh_stays(x);
}

void
exchange_end(Exchange *x)
{
	Problem    *p = x->s->p;

	give_back(p, float, x->stay, (Size) p->units * p->territories);
	give_back(p, uint16, x->choice, p->units * EXCHANGE_CHOICES);
	give_back(p, float, x->regret, p->units * EXCHANGE_CHOICES);
	give_back(p, uint8, x->choices, p->units);
	give_back(p, int, x->begin, p->territories + 1);
	give_back(p, int, x->end, p->territories);
	give_back(p, int, x->node, x->room);
	give_back(p, float, x->own, x->room);
	give_back(p, float, x->amount, p->measures * x->room);
	give_back(p, float, x->over, p->rows);
	give_back(p, float, x->under, p->rows);
	give_back(p, float, x->rate, p->rows);
	give_back(p, float, x->penalty, p->territories);
	for (int d = 0; d < EXCHANGE_DEPTH; d++)
	{
		give_back(p, float, x->value[d], x->room);
		give_back(p, int, x->from[d], x->room);
	}
	give_back(p, bool, x->is_touched, p->territories);
	give_back(p, bool, x->is_used, p->territories);
	give_back(p, Cycle, x->cycle, x->room);
}

/* Cycles may begin anywhere: rates or many units have changed. */
void
exchange_touch(Exchange *x)
{
	memset(x->is_touched, true, sizeof(bool) * x->s->p->territories);
}

static const double nothing[TERRITORY_MOST_MEASURES];

static inline const double *
node_amount(const Exchange *x, int node, int territory)
{
	return node < x->s->p->units ? unit_amount(x->s->p, node, territory) : nothing;
}

static inline float
node_stay(const Exchange *x, int node, int territory)
{
	return node < x->s->p->units ? x->stay[(Size) node * x->s->p->territories + territory] : 0;
}

static inline int
node_territory(const Exchange *x, int node)
{
	const Problem *p = x->s->p;

	return node < p->units ? slot_territory(x->s, node, x->s->slot[node]) : node - p->units;
}

/* Who comes to the first territory of a chain: the node after all others, at no territory, with the position after all others. */
static inline int
nobody(const Exchange *x)
{
	return x->begin[x->s->p->territories];
}

/* Puts down who is where and how much room there is. */
static void
lay_out(Exchange *x)
{
	const Search *s = x->s;
	const Problem *p = s->p;
	int			measures = p->measures;
	int			next = 0;

	memset(x->end, 0, sizeof(int) * p->territories);
	for (int n = 0; n < x->nodes; n++)
		x->end[node_territory(x, n)]++;
	for (int k = 0; k < p->territories; k++)
	{
		int			count = x->end[k];

		x->begin[k] = x->end[k] = next;
		next += (count + LANES - 1) / LANES * LANES;
		x->penalty[k] = 0;
		for (int m = 0; m < measures; m++)
		{
			const Row  *row = &s->row[k * measures + m];

			x->over[k * measures + m] = (float) (row->load - row->most);
			x->under[k * measures + m] = (float) (row->least - row->load);
			x->rate[k * measures + m] = (float) row->rate;
			x->penalty[k] += (float) row_penalty(row, row->load);
		}
	}
	x->begin[p->territories] = next;
	x->node[nobody(x)] = x->nodes;
	for (int n = 0; n < x->nodes; n++)
	{
		int			k = node_territory(x, n);
		int			i = x->end[k]++;
		const double *amount = node_amount(x, n, k);

		x->node[i] = n;
		x->own[i] = node_stay(x, n, k);
		for (int m = 0; m < measures; m++)
			x->amount[m * x->room + i] = (float) amount[m];
	}
	for (int k = 0; k < p->territories; k++)
		for (int i = x->end[k]; i < x->begin[k + 1]; i++)
		{
			x->own[i] = -INFINITY;
			for (int m = 0; m < measures; m++)
				x->amount[m * x->room + i] = 0;
		}
}

/* Lengthens a path to a position by an arc to each of a territory's nodes. */
TERRITORY_INLINE void
lengthen(const Exchange *x, float path, int position, const double *comes, int k, float *value, int *from, const int measures)
{
	const float *own = x->own;
	const float *amount = x->amount;
	int			room = x->room;
	float		over[TERRITORY_MOST_MEASURES];
	float		under[TERRITORY_MOST_MEASURES];
	const float *rate = x->rate + k * measures;

	for (int m = 0; m < measures; m++)
	{
		over[m] = x->over[k * measures + m] + (float) comes[m];
		under[m] = x->under[k * measures + m] - (float) comes[m];
	}
	for (int i = x->begin[k]; i < x->begin[k + 1]; i++)
	{
		float		to = path - own[i];

		for (int m = 0; m < measures; m++)
		{
			float		goes = amount[m * room + i];
			float		is_over = over[m] - goes;
			float		is_under = under[m] + goes;
			float		outside = is_over > is_under ? is_over : is_under;

			to += rate[m] * (outside > 0 ? outside : 0);
		}
		from[i] = to < value[i] ? position : from[i];
		value[i] = to < value[i] ? to : value[i];
	}
}

/* All paths of a length, one arc longer; returns how many arcs were weighed. */
TERRITORY_INLINE int64
lengthen_all(Exchange *x, int depth, const int measures)
{
	const Problem *p = x->s->p;
	const float *value = x->value[depth];
	int64		arcs = 0;

	for (int position = 0; position <= nobody(x); position++)
	{
		float		path = value[position];
		int			node;
		int			choices;
		int			past[EXCHANGE_DEPTH];

		if (depth == 0 ? path > 0 : path >= 0)
			continue;
		node = x->node[position];
		for (int d = depth, i = position; d >= 0; i = d > 0 ? x->from[d][i] : i, d--)
			past[d] = node_territory(x, x->node[i]);
		choices = node < p->units ? x->choices[node] : p->territories;
		for (int q = 0; q < choices; q++)
		{
			int			k = node < p->units ? x->choice[node * EXCHANGE_CHOICES + q] : q;
			/* A chain begins at a territory that was touched, like a cycle of units. */
			bool		is_barred = node == x->nodes && !x->is_touched[k];

			for (int d = 0; d <= depth; d++)
				is_barred |= past[d] == k;
			if (is_barred)
				continue;
			lengthen(x, path + node_stay(x, node, k) - x->penalty[k], position, node_amount(x, node, k), k,
					 x->value[depth + 1], x->from[depth + 1], measures);
			arcs += x->begin[k + 1] - x->begin[k];
		}
	}
	return arcs;
}

SALESOPS_FOR_EACH_PROCESSOR
static int64
lengthen_any(Exchange *x, int depth)
{
	return x->s->p->measures == 1 ? lengthen_all(x, depth, 1) : x->s->p->measures == 2 ? lengthen_all(x, depth, 2) :
		lengthen_all(x, depth, x->s->p->measures);
}

/* The nodes of a cycle, the last one first, and where each goes; returns how many. */
static int
cycle_moves(const Exchange *x, const Cycle *cycle, int *node, int *to)
{
	int			n = 0;

	for (int d = cycle->depth, i = cycle->end; d >= 0; i = x->from[d--][i])
	{
		to[n] = n == 0 ? cycle->to : node_territory(x, node[n - 1]);
		node[n++] = d == 0 ? cycle->first : x->node[i];
	}
	return n;
}

static int
find_slot(const Search *s, int unit, int territory)
{
	int			q = 0;

	while (slot_territory(s, unit, q) != territory)
		q++;
	return q;
}

/* What a cycle changes the total by, exactly. */
static double
cycle_gain(const Exchange *x, const Cycle *cycle)
{
	const Search *s = x->s;
	const Problem *p = s->p;
	int			node[EXCHANGE_DEPTH];
	int			to[EXCHANGE_DEPTH];
	int			n = cycle_moves(x, cycle, node, to);
	double		more[TERRITORY_BUDGETS] = {0};
	double		gain = 0;

	for (int i = 0; i < n; i++)
	{
		/* Who comes to a territory is node i, who goes is the one after it in the cycle. */
		int			goes = node[(i + n - 1) % n];

		gain += change_two(s, to[i], node_amount(x, node[i], to[i]), node_amount(x, goes, to[i]), p->measures);
		if (node[i] >= p->units)
			continue;
		gain += (double) slot_cost(s, node[i], find_slot(s, node[i], to[i])) - slot_cost(s, node[i], s->slot[node[i]]);
		for (int b = 0; b < TERRITORY_BUDGETS && p->has_budget; b++)
			more[b] += unit_used(p, node[i], to[i], b) - unit_used(p, node[i], node_territory(x, node[i]), b);
	}
	return p->has_budget ? gain + change_budgets(s, more) : gain;
}

/* A path with one arc more: a node comes to a territory and another one goes. What is not negative may be less than it is. */
static inline float
longer(const Exchange *x, float path, int comes, int goes, int k)
{
	int			measures = x->s->p->measures;
	const double *more = node_amount(x, comes, k);
	const double *less = node_amount(x, goes, k);

	path += node_stay(x, comes, k) - node_stay(x, goes, k) - x->penalty[k];
	for (int m = 0; m < measures && path < 0; m++)
	{
		float		change = (float) (more[m] - less[m]);
		float		outside = Max(x->over[k * measures + m] + change, x->under[k * measures + m] - change);

		path += x->rate[k * measures + m] * Max(outside, 0);
	}
	return path;
}

/* Notes a cycle that ends a path, if it pays; returns how many there are now. An arc weighed alone is as much work as LANES of them together. */
static int
close_path(Exchange *x, float path, Cycle cycle, int cycles)
{
	x->s->p->work += LANES;
	if (longer(x, path, x->node[cycle.end], cycle.first, cycle.to) >= 0)
		return cycles;
	for (int d = cycle.depth, i = cycle.end; d > 0; i = x->from[d--][i])
		if (node_territory(x, x->node[i]) == cycle.to)
			return cycles;
	cycle.gain = cycle_gain(x, &cycle);
	if (cycle.gain < -SMALL_GAIN && cycles < x->room)
		x->cycle[cycles++] = cycle;
	return cycles;
}

/* Closes the paths of a length where that pays: where they began, anywhere if nobody came first; returns how many cycles there are now. */
static int
close_all(Exchange *x, int depth, int cycles)
{
	const Problem *p = x->s->p;

	for (int i = 0; i < nobody(x); i++)
	{
		float		path = x->value[depth][i];
		int			node = x->node[i];
		int			first = i;

		if (path >= 0)
			continue;
		for (int d = depth; d > 0; d--)
			first = x->from[d][first];
		first = x->node[first];
		if (first < x->nodes)
			cycles = close_path(x, path, (Cycle) {0, depth, i, node_territory(x, first), first}, cycles);
		else if (node < p->units)
			for (int q = 0; q < x->choices[node]; q++)
				cycles = close_path(x, path, (Cycle) {0, depth, i, x->choice[node * EXCHANGE_CHOICES + q], first}, cycles);
	}
	return cycles;
}

/* Two units in each other's place, all whose first arc pays; returns how many cycles there are now. */
static int
close_swaps(Exchange *x)
{
	Problem    *p = x->s->p;
	int			cycles = 0;

	for (int u = 0; u < p->units; u++)
	{
		int			from = node_territory(x, u);

		for (int q = 0; q < x->choices[u] && x->is_touched[from]; q++)
		{
			int			k = x->choice[u * EXCHANGE_CHOICES + q];

			for (int i = x->begin[k]; i < x->end[k] && k != from; i++)
				if (x->value[1][i] < 0 && x->node[i] < p->units)
				{
					float		path = longer(x, 0, u, x->node[i], k);

					p->work += LANES;
					if (path < 0)
						cycles = close_path(x, path, (Cycle) {0, 1, i, from, u}, cycles);
				}
		}
	}
	return cycles;
}

static int
compare_cycles(const void *one, const void *other)
{
	const Cycle *a = one;
	const Cycle *b = other;

	if (a->gain != b->gain)
		return a->gain < b->gain ? -1 : 1;
	return a->depth != b->depth ? a->depth - b->depth : a->end != b->end ? a->end - b->end : a->to != b->to ? a->to - b->to : a->first - b->first;
}

/* Makes the cycles that pay, the best first, as long as they have no territory in common; a budget is common to all. */
static void
make_cycles(Exchange *x, int cycles)
{
	Search	   *s = x->s;
	const Problem *p = s->p;
	int			made = 0;

	qsort(x->cycle, cycles, sizeof(Cycle), compare_cycles);
	memset(x->is_touched, false, sizeof(bool) * p->territories);
	memset(x->is_used, false, sizeof(bool) * p->territories);
	for (int c = 0; c < cycles && (made == 0 || !p->has_budget); c++)
	{
		int			node[EXCHANGE_DEPTH];
		int			to[EXCHANGE_DEPTH];
		int			n = cycle_moves(x, &x->cycle[c], node, to);
		bool		is_free = true;

		/* A unit that has moved is at a territory that is used, as the one it came from. */
		for (int i = 0; i < n; i++)
			is_free &= !x->is_used[to[i]];
		if (!is_free)
			continue;
		for (int i = 0; i < n; i++)
		{
			x->is_touched[to[i]] = x->is_used[to[i]] = true;
			if (node[i] < p->units)
				search_move(s, node[i], find_slot(s, node[i], to[i]));
		}
		made++;
	}
}

/* Finds cycles that begin at a territory that was touched and makes those that pay; false where none does. */
bool
exchange_pass(Exchange *x)
{
	Search	   *s = x->s;
	Problem    *p = s->p;
	int			longest = Min(EXCHANGE_DEPTH, p->territories);
	int			positions;
	int			cycles = 0;

	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (x->is_overdrawn[b] != (s->used[b] > p->budget[b]))
		{
			weigh_stays(x);
			break;
		}
	lay_out(x);
	p->work += x->nodes;
	positions = nobody(x) + 1;
	x->value[0][nobody(x)] = 0;
	for (int k = 0; k < p->territories; k++)
		for (int i = x->begin[k]; i < x->begin[k + 1]; i++)
			x->value[0][i] = i < x->end[k] && x->node[i] < p->units && x->is_touched[k] ? 0 : INFINITY;
	for (int depth = 1; depth < longest; depth++)
	{
		memset(x->value[depth], 0, sizeof(float) * positions);
		p->work += lengthen_any(x, depth - 1) + positions;
		/* A pass through thousands of units takes longer than a callback may wait. */
		problem_progress(p);
		cycles = close_all(x, depth, cycles);
	}
	if (cycles == 0)
		cycles = close_swaps(x);
	if (cycles > 0)
		make_cycles(x, cycles);
	return cycles > 0;
}
