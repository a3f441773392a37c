/*
 * chain.c: load goes far by short ways.
 *
 * Where all territories near a unit are full, it could only go far away; or it drives out another one, which drives out a third, until one comes to where
 * there is room. At the borders between territories are units that cost nearly the same on either side, so a chain of several is cheaper than one long
 * way. The cheapest chains of every length are made from those that are one link shorter, like shortest paths (cf. exchange.c, which weighs all
 * units of small problems; this one weighs ties, and so any number of units). What is outside its limits costs a chain its rate; its sum is at the prices: what
 * its links lean by, and what the loads do less what they are worth, so that chains to different territories compare.
 */
#include "territory/search.h"

/* Links of a chain at most. */
#define MOST_LINKS	4
/* Of a pair, the units that might make a link: those that would with the least regret. */
#define MOST_TRIED	8
/* Territories further outside than this share of their limits are filled or emptied by chains. */
#define FAR			0.05
/* Chains for one territory at most, for each unit that a usual one has. */
#define MOST_CHAINS	4
/* Smallest gain that counts, in whole numbers of cost. */
#define SMALL_GAIN	1.0

/* The ties of a pair that are tried for links from one of its sides: who is on that side, the least firmly settled first. */
typedef struct Tries
{
	bool		is_known;
	uint32		version;		/* of the territory, when they were found */
	int			count;
	int			tie[MOST_TRIED];
} Tries;

/* The cheapest way that load comes to a territory, or from it, before what it does there. */
typedef struct Link
{
	double		sum;
	int			unit;
	int			slot;			/* the column that the unit goes to; of one that was nowhere a spare one */
	int			before;			/* the territory of the link before; NONE: this is the first, of a unit that was nowhere */
} Link;

typedef struct Chain
{
	Search	   *s;
	bool		gives;			/* units go on from the beginning; or they come to it */
	Tries	   *tries;			/* [pairs][2] */
	Link	   *link[MOST_LINKS];	/* [territories] */
	double	   *gain;			/* [territories], the most that the change of one's loads can bring */
	double		budget_gain;	/* and that of the budgets */
	double		best;			/* sum of the best chain */
	int			links;			/* how many it has; 0: none found */
	int			end;			/* the territory of its last link */
	Link		last;			/* that link; a cheaper one to there may be dearer as an end */
} Chain;

/* What the loads of a territory do when one unit comes and another goes, either may be NULL, less what they are worth. */
static double
loads_change(const Search *s, int k, const double *comes, const double *goes)
{
	const Problem *p = s->p;
	double		change = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const Row  *row = &s->row[k * p->measures + m];
		double		more = (comes ? comes[m] : 0) - (goes ? goes[m] : 0);

		change += row_penalty(row, row->load + more) - row_penalty(row, row->load) - s->prices->load[k * p->measures + m] * more;
	}
	return change;
}

/* The same when the unit of a link comes, or goes, and another one does the opposite. */
static double
at_link(const Chain *chain, int k, const Link *link, const double *opposite)
{
	const double *amount = unit_amount(chain->s->p, link->unit, k);

	return chain->gives ? loads_change(chain->s, k, amount, opposite) : loads_change(chain->s, k, opposite, amount);
}

/* The most that such changes can bring: what is outside, and what slack is worth, as far as the unit that comes, or goes, can use it. */
static double
gain_at_link(const Chain *chain, int k, const Link *link)
{
	const Search *s = chain->s;
	const Problem *p = s->p;
	const double *amount = unit_amount(p, link->unit, k);
	double		gain = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const Row  *row = &s->row[k * p->measures + m];
		double		price = s->prices->load[k * p->measures + m];
		double		room = Max(price > 0 ? row->most - row->load : row->load - row->least, 0);

		gain += row_penalty(row, row->load) + fabs(price) * ((price > 0) == chain->gives ? Min(room, amount[m]) : room);
	}
	return gain;
}

/* Keeps a link if it is the cheapest of its length to a territory, and the chain if it might end there. */
static void
offer(Chain *chain, int depth, int k, Link link)
{
	double		sum;

	if (link.sum >= chain->link[depth][k].sum)
		return;
	chain->link[depth][k] = link;
	sum = link.sum + at_link(chain, k, &link, NULL);
	if (sum < chain->best)
	{
		chain->best = sum;
		chain->links = depth + 1;
		chain->end = k;
		chain->last = link;
	}
}

/* Whether the chain to a territory goes through another one, or begins there. */
static bool
goes_through(const Chain *chain, int depth, int k, int other)
{
	for (; depth >= 0 && k != other; depth--)
		k = chain->link[depth][k].before;
	return k == other;
}

/*
 * In front of those who are on a side stand all that were settled on the other one, thousands of them where there are many units. So who they are is kept
 * until somebody comes or goes.
 */
static const Tries *
find_tries(Chain *chain, int pair, int side)
{
	const Search *s = chain->s;
	Tries	   *tries = &chain->tries[2 * (Size) pair + side];
	uint32		version = s->version[side == 0 ? s->pair_one[pair] : s->pair_other[pair]];
	int			begin = s->tie_start[pair];
	int			end = s->tie_start[pair + 1];

	if (tries->is_known && tries->version == version)
		return tries;
	*tries = (Tries) {.is_known = true, .version = version};
	for (int i = 0; i < end - begin && tries->count < MOST_TRIED; i++)
	{
		int			t = weighed_tie(begin, end, side, i);

		if (s->slot[s->tie[t].unit] == s->tie[t].slot[side])
			tries->tie[tries->count++] = t;
	}
	return tries;
}

/* Whether a link of so much at least would be of no use: there is a cheaper one to the territory, or it is too dear to be lengthened and to end there. */
static bool
is_useless(const Chain *chain, int depth, int k, double least)
{
	return least >= chain->link[depth][k].sum || (least >= chain->best && least - chain->gain[k] >= chain->best);
}

/*
 * Lengthens the chain to a territory by all links from there. NULL: it begins there. Ties are weighed until what they lean by, less all that could be
 * gained where they come from, is too much.
 */
static void
lengthen(Chain *chain, int depth, int k, const Link *link)
{
	Search	   *s = chain->s;
	Problem    *p = s->p;
	double		begun = (link ? link->sum - gain_at_link(chain, k, link) : -chain->gain[k]) - chain->budget_gain;

	for (int n = s->neighbour_start[k]; n < s->neighbour_start[k + 1]; n++)
	{
		int			pair = s->neighbour[n];
		bool		is_first = s->pair_one[pair] == k;
		int			other = is_first ? s->pair_other[pair] : s->pair_one[pair];
		/* Where the units are that would move. */
		int			side = is_first == chain->gives ? 0 : 1;
		const Tries *tries;

		if (goes_through(chain, depth - 1, k, other))
			continue;
		tries = find_tries(chain, pair, side);
		for (int i = 0; i < tries->count; i++)
		{
			const Tie  *tie = &s->tie[tries->tie[i]];
			const double *amount = unit_amount(p, tie->unit, k);
			double		sum = side == 0 ? tie->lean : -tie->lean;

			if (is_useless(chain, depth, other, begun + sum))
				break;
			if (link)
				sum += link->sum + at_link(chain, k, link, amount);
			else
				sum += chain->gives ? loads_change(s, k, NULL, amount) : loads_change(s, k, amount, NULL);
			sum += change_budget(s, tie->unit, chain->gives ? k : other, chain->gives ? other : k);
			offer(chain, depth, other, (Link) {sum, tie->unit, tie->slot[1 - side], k});
		}
		p->work += tries->count;
	}
}

static void
begin(Chain *chain, bool gives, double best)
{
	const Search *s = chain->s;

	for (int depth = 0; depth < MOST_LINKS; depth++)
		for (int k = 0; k < s->p->territories; k++)
			chain->link[depth][k].sum = INFINITY;
	for (int k = 0; k < s->p->territories; k++)
		chain->gain[k] = search_most_gain(s, k, 1);
	chain->budget_gain = 0;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		chain->budget_gain += s->budget_rate[b] * Max(s->used[b] - s->p->budget[b], 0);
	chain->gives = gives;
	chain->best = best;
	chain->links = 0;
}

/* Lengthens all that cost less than the best one so far. */
static void
lengthen_all(Chain *chain)
{
	for (int depth = 0; depth + 1 < MOST_LINKS; depth++)
		for (int k = 0; k < chain->s->p->territories; k++)
			if (chain->link[depth][k].sum < chain->best)
				lengthen(chain, depth + 1, k, &chain->link[depth][k]);
}

/* Adds a unit to the loads, or takes it away. */
static void
count_unit(Search *s, int unit, double sign)
{
	int			k = slot_territory(s, unit, s->slot[unit]);
	const double *amount = unit_amount(s->p, unit, k);

	for (int m = 0; m < s->p->measures; m++)
		s->row[k * s->p->measures + m].load += sign * amount[m];
	for (int b = 0; b < TERRITORY_BUDGETS && s->p->has_budget; b++)
		s->used[b] += sign * unit_used(s->p, unit, k, b);
	s->cost += sign * slot_cost(s, unit, s->slot[unit]);
	s->version[k]++;
}

static void
make(Chain *chain)
{
	Search	   *s = chain->s;
	int			k = chain->end;

	for (int depth = chain->links - 1; depth >= 0; depth--)
	{
		const Link *link = depth == chain->links - 1 ? &chain->last : &chain->link[depth][k];

		if (link->before == TERRITORY_NONE)
		{
			if (search_slot(s, link->unit, k) == NOWHERE)
				search_give_column(s, link->unit, k, link->slot);
			s->slot[link->unit] = search_slot(s, link->unit, k);
			count_unit(s, link->unit, 1);
		}
		else
			search_move(s, link->unit, link->slot);
		k = link->before;
	}
}

/* Brings in a unit that is nowhere, to any territory that it is eligible for. */
static void
bring(Chain *chain, int unit)
{
	Search	   *s = chain->s;
	const Problem *p = s->p;
	int			spare = search_spare(s, unit);

	begin(chain, true, INFINITY);
	for (int j = p->list_start[p->list_of[unit]]; j < p->list_start[p->list_of[unit] + 1]; j++)
	{
		int			k = p->list[j];
		double		sum = unit_cost(p, unit, k);
		double		more[TERRITORY_BUDGETS];

		if (spare == NOWHERE && search_slot(s, unit, k) == NOWHERE)
			continue;
		for (int m = 0; m < p->measures; m++)
			sum += s->prices->load[k * p->measures + m] * unit_amount(p, unit, k)[m];
		for (int b = 0; b < TERRITORY_BUDGETS && p->has_budget; b++)
			more[b] = unit_used(p, unit, k, b);
		sum += p->has_budget ? change_budgets(s, more) : 0;
		offer(chain, 0, k, (Link) {sum, unit, spare, TERRITORY_NONE});
	}
	lengthen_all(chain);
	make(chain);
}

/* A unit that is nowhere, and what its load is worth. */
typedef struct Outsider
{
	double		worth;
	int			unit;
} Outsider;

static int
compare_outsiders(const void *one, const void *other)
{
	const Outsider *a = one;
	const Outsider *b = other;

	if (a->worth != b->worth)
		return a->worth > b->worth ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static void
chain_begin(Chain *chain, Search *s)
{
	chain->s = s;
	for (int depth = 0; depth < MOST_LINKS; depth++)
		chain->link[depth] = take(s->p, Link, s->p->territories);
	chain->gain = take(s->p, double, s->p->territories);
	chain->tries = take(s->p, Tries, 2 * (Size) s->pairs);
}

static void
chain_end(Chain *chain)
{
	for (int depth = 0; depth < MOST_LINKS; depth++)
		give_back(chain->s->p, Link, chain->link[depth], chain->s->p->territories);
	give_back(chain->s->p, double, chain->gain, chain->s->p->territories);
	give_back(chain->s->p, Tries, chain->tries, 2 * (Size) chain->s->pairs);
}

/* A unit is nowhere from now on. */
void
chain_out(Search *s, int unit)
{
	count_unit(s, unit, -1);
	s->slot[unit] = NOWHERE;
}

/* Brings in all units that are nowhere, what is worth most first: it fits in the fewest places. */
void
chain_in(Search *s)
{
	Problem    *p = s->p;
	Chain		chain;
	Outsider   *outsider;
	int			outsiders = 0;
	int			n = 0;

	for (int u = 0; u < p->units; u++)
		outsiders += s->slot[u] == NOWHERE;
	outsider = take(p, Outsider, outsiders);
	for (int u = 0; u < p->units; u++)
		if (s->slot[u] == NOWHERE)
		{
			outsider[n].unit = u;
			for (int m = 0; m < p->measures; m++)
				outsider[n].worth += s->floor[m] * unit_amount(p, u, slot_territory(s, u, 0))[m];
			n++;
		}
	qsort(outsider, outsiders, sizeof(Outsider), compare_outsiders);
	chain_begin(&chain, s);
	for (int i = 0; i < outsiders; i++)
	{
		problem_progress(p);
		bring(&chain, outsider[i].unit);
	}
	chain_end(&chain);
	give_back(p, Outsider, outsider, outsiders);
}

/* How far the load of a territory that is furthest outside its limits is below its least, or above its most, which is negative, in shares of the limits. */
static double
shortage(const Search *s, int k)
{
	const Problem *p = s->p;
	double		most = 0;

	for (int m = 0; m < p->measures; m++)
	{
		const Row  *row = &s->row[k * p->measures + m];
		double		width = p->width[k * p->measures + m];
		double		here = row->load < row->least ? (row->least - row->load) / width : row->load > row->most ? (row->most - row->load) / width : 0;

		if (fabs(here) > fabs(most))
			most = here;
	}
	return most;
}

/* Brings load to territories that are far below their limits, and away from those that are far above. */
void
chain_level(Search *s)
{
	Problem    *p = s->p;
	Chain		chain;

	chain_begin(&chain, s);
	for (int k = 0; k < p->territories; k++)
	{
		double		begun = shortage(s, k);
		int			left = fabs(begun) > FAR ? MOST_CHAINS * (1 + p->units / p->territories) : 0;

		for (chain.links = 1; left > 0 && chain.links > 0 && begun * shortage(s, k) > 0 && !problem_progress(p); left--)
		{
			begin(&chain, begun < 0, -SMALL_GAIN);
			lengthen(&chain, 0, k, NULL);
			lengthen_all(&chain);
			make(&chain);
		}
	}
	chain_end(&chain);
}
