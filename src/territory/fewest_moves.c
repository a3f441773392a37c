/*
 * fewest_moves.c: annealing for the fewest moves.
 *
 * Where only moves count a unit that is with its owner is settled, and every other one is loose: it costs the same wherever it may go. Regrets at
 * prices say nothing then of which territory it should go to, and ties (polish.c) are a poor choice of changes: what is asked is which units are to
 * leave so that those who left, with those whom nobody had, can be dealt out to everybody's limits. So the search draws a loose unit and any
 * territory that may have it, or its owner, and looks for a partner where that does not do: one that comes back the other way, or one that leaves
 * the crowded territory for its owner or for anywhere.
 *
 * What is outside its limits is nearly free in the beginning, and in the end dearer than any number of moves that could help: hundreds of moves are
 * decided while loads are a little off, and loads brought within limits by what is loose.
 *
 * Moves are the only cost here, and the unit of temperatures and rates. Territories need not be columns of a unit.
 */
#include "territory/search.h"

#include "core/numerics.h"

/* Temperatures, in moves. */
#define HOT			0.2
#define COLD		0.02
/* What a usual unit's load outside its limits costs at least, in the beginning and in the end, in moves; and how much more at most. */
#define LOWEST_RATE		0.05
#define HIGHEST_RATE	20.0
#define DEAREST		10.0
/* Where the limits leave less room than a usual unit's load the end is so much dearer as they leave less, at most so many times. */
#define NARROWEST	50.0
/* So often at most do temperature and rates change. Where loads are outside then, rates fall to a part and rise again, so often. */
#define STEPS		400
#define LEAST_STEPS	16
#define MORE_STEPS(steps)	((steps) / 2)
#define MORE_FALL	0.1
#define MORE_RISE	1.03
/* Who is to have less than this share of the mean is taken to be to have so much. */
#define SMALL_LOAD	0.001
/* Partners tried for a move that does not do by itself. */
#define PARTNERS	4

/* The units of a territory, those that are loose first. */
typedef struct Crowd
{
	int		   *unit;
	int			units;
	int			loose;
	int			room;
} Crowd;

typedef struct Moves
{
	Search	   *s;
	uint16	   *at;				/* [units], the territory that it is in */
	uint16	   *owner;			/* [units], where it costs the fewest moves; NOWHERE if it costs the same everywhere */
	uint16	   *moved;			/* [units], moves that it costs elsewhere; SEVERAL_OWNERS: moves_of_family() knows */
	int		   *place;			/* [units], in its crowd */
	Crowd	   *crowd;			/* [territories] */
	int		   *loose;			/* units that are not with their owner */
	int			looses;
	int		   *loose_place;	/* [units], in loose; or NONE */
	int		   *free;			/* units that may go anywhere */
	int			frees;
	bool	   *may_have;		/* [lists][territories] */
	double		moves;
	double		quantile[QUANTILES];
} Moves;

#define SEVERAL_OWNERS	PG_UINT16_MAX

/* The moves that a family costs at a territory. */
static int
moves_of_family(const Problem *p, int unit, int k)
{
	const int  *owner = p->input->owner;
	int			moves = 0;

	for (int m = p->first[unit]; m < p->first[unit + 1] && owner; m++)
		moves += owner[p->member[m]] != TERRITORY_NONE && owner[p->member[m]] != k;
	return moves;
}

static inline int
moves_at(const Moves *moves, int unit, int k)
{
	if (moves->moved[unit] == SEVERAL_OWNERS)
		return moves_of_family(moves->s->p, unit, k);
	return k == moves->owner[unit] ? 0 : moves->moved[unit];
}

/* Any territory that may have a unit. */
static inline int
anywhere(const Moves *moves, int unit)
{
	const Problem *p = moves->s->p;
	const int  *start = &p->list_start[p->list_of[unit]];

	return p->list[start[0] + random_below(&moves->s->random, start[1] - start[0])];
}

static inline void
put_at(Crowd *crowd, int *place, int at, int unit)
{
	crowd->unit[at] = unit;
	place[unit] = at;
}

static void
join_crowd(Moves *moves, int unit, int k)
{
	Problem    *p = moves->s->p;
	Crowd	   *crowd = &moves->crowd[k];

	if (crowd->units == crowd->room)
	{
		int			room = 2 * crowd->room + 8;
		int		   *more = take(p, int, room);

		if (crowd->room > 0)
		{
			memcpy(more, crowd->unit, sizeof(int) * crowd->units);
			give_back(p, int, crowd->unit, crowd->room);
		}
		crowd->unit = more;
		crowd->room = room;
	}
	if (k == moves->owner[unit])
		put_at(crowd, moves->place, crowd->units, unit);
	else
	{
		/* The first settled one makes room behind the others. */
		if (crowd->loose < crowd->units)
			put_at(crowd, moves->place, crowd->units, crowd->unit[crowd->loose]);
		put_at(crowd, moves->place, crowd->loose++, unit);
	}
	crowd->units++;
	moves->at[unit] = k;
	moves->moves += moves_at(moves, unit, k);
	if (k != moves->owner[unit] && moves->loose_place[unit] == TERRITORY_NONE)
	{
		moves->loose_place[unit] = moves->looses;
		moves->loose[moves->looses++] = unit;
	}
	else if (k == moves->owner[unit] && moves->loose_place[unit] != TERRITORY_NONE)
	{
		int			last = moves->loose[--moves->looses];

		moves->loose[moves->loose_place[unit]] = last;
		moves->loose_place[last] = moves->loose_place[unit];
		moves->loose_place[unit] = TERRITORY_NONE;
	}
}

static void
leave_crowd(Moves *moves, int unit)
{
	Crowd	   *crowd = &moves->crowd[moves->at[unit]];
	int			at = moves->place[unit];

	if (at < crowd->loose)
	{
		put_at(crowd, moves->place, at, crowd->unit[--crowd->loose]);
		at = crowd->loose;
	}
	if (at < --crowd->units)
		put_at(crowd, moves->place, at, crowd->unit[crowd->units]);
	moves->moves -= moves_at(moves, unit, moves->at[unit]);
}

static void
move(Moves *moves, int unit, int to)
{
	Search	   *s = moves->s;
	const Problem *p = s->p;
	int			from = moves->at[unit];
	const double *goes = unit_amount(p, unit, from);
	const double *comes = unit_amount(p, unit, to);

	for (int m = 0; m < p->measures; m++)
	{
		s->row[from * p->measures + m].load -= goes[m];
		s->row[to * p->measures + m].load += comes[m];
	}
	for (int b = 0; b < TERRITORY_BUDGETS && p->has_budget; b++)
		s->used[b] += unit_used(p, unit, to, b) - unit_used(p, unit, from, b);
	leave_crowd(moves, unit);
	join_crowd(moves, unit, to);
}

/* Weighs a move, and with partners; the change that is made, if any, costs at most the limit. */
TERRITORY_INLINE void
propose(Moves *moves, double limit, const int measures)
{
	Search	   *s = moves->s;
	const Problem *p = s->p;
	uint64		draw = next_random(&s->random);
	int			unit = draw % 8 != 0 && moves->looses > 0 ? moves->loose[random_below(&s->random, moves->looses)] :
		moves->free[random_below(&s->random, moves->frees)];
	int			from = moves->at[unit];
	int			owner = moves->owner[unit];
	int			to = owner != NOWHERE && owner != from && draw % 16 < 8 ? owner : anywhere(moves, unit);
	const Crowd *crowd = &moves->crowd[to];
	const double *goes = unit_amount(p, unit, from);
	const double *comes = unit_amount(p, unit, to);
	double		leave;
	double		cost;

	if (to == from)
		return;
	cost = moves_at(moves, unit, to) - moves_at(moves, unit, from);
	leave = change_one(s, from, goes, -1, measures);
	if (cost + leave + change_one(s, to, comes, 1, measures) + change_budget(s, unit, from, to) <= limit)
	{
		move(moves, unit, to);
		return;
	}
	for (int i = 0; i < PARTNERS && crowd->units > 0; i++)
	{
		int			partner = crowd->unit[random_below(&s->random, i % 2 == 1 && crowd->loose > 0 ? crowd->loose : crowd->units)];
		int			third = i < PARTNERS / 2 ? from : moves->owner[partner] != NOWHERE && moves->owner[partner] != to ? moves->owner[partner] :
			anywhere(moves, partner);
		double		change;

		if (third == to || !moves->may_have[p->list_of[partner] * p->territories + third])
			continue;
		change = cost + moves_at(moves, partner, third) - moves_at(moves, partner, to) +
			change_two(s, to, comes, unit_amount(p, partner, to), measures);
		if (third == from)
			change += change_two(s, from, unit_amount(p, partner, from), goes, measures);
		else
			change += leave + change_one(s, third, unit_amount(p, partner, third), 1, measures);
		if (p->has_budget)
			change += change_budget_two(s, unit, from, to, partner, to, third);
		if (change <= limit)
		{
			move(moves, unit, to);
			move(moves, partner, third);
			return;
		}
	}
}

TERRITORY_INLINE void
anneal(Moves *moves, double temperature, int64 proposals, const int measures)
{
	Search	   *s = moves->s;

	for (int64 i = 0; i < proposals && !s->p->is_stopped; i++)
	{
		progress_every(s->p, i, 8192);
		propose(moves, temperature * moves->quantile[next_random(&s->random) % QUANTILES], measures);
	}
	s->p->work += proposals;
}

/* Where a unit costs the fewest moves, and how many elsewhere. */
static void
find_owner(Moves *moves, int unit)
{
	const Problem *p = moves->s->p;
	int			list = p->list_of[unit];
	int			owner = unit_owner(p, unit);
	int			fewest = p->first[unit + 1] - p->first[unit];

	moves->owner[unit] = NOWHERE;
	if (owner != TERRITORY_NONE)
	{
		if (!moves->may_have[list * p->territories + owner])
			return;
		moves->owner[unit] = owner;
		moves->moved[unit] = Min(fewest, SEVERAL_OWNERS);
		return;
	}
	if (fewest == 1)
		return;
	moves->moved[unit] = SEVERAL_OWNERS;
	for (int j = p->list_start[list]; j < p->list_start[list + 1]; j++)
	{
		int			here = moves_of_family(p, unit, p->list[j]);

		if (here < fewest)
		{
			fewest = here;
			moves->owner[unit] = p->list[j];
		}
	}
}

/* Every unit at its owner; who has none, where the plan has it. */
static void
moves_begin(Moves *moves, Search *s)
{
	Problem    *p = s->p;

	*moves = (Moves) {.s = s};
	moves->at = take(p, uint16, p->units);
	moves->owner = take(p, uint16, p->units);
	moves->moved = take(p, uint16, p->units);
	moves->place = take(p, int, p->units);
	moves->crowd = take(p, Crowd, p->territories);
	moves->loose = take(p, int, p->units);
	moves->loose_place = take(p, int, p->units);
	moves->free = take(p, int, p->units);
	moves->may_have = take(p, bool, p->lists * p->territories);
	set_quantiles(moves->quantile);
	for (int l = 0; l < p->lists; l++)
		for (int j = p->list_start[l]; j < p->list_start[l + 1]; j++)
			moves->may_have[l * p->territories + p->list[j]] = true;
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		moves->loose_place[u] = TERRITORY_NONE;
		find_owner(moves, u);
		moves->at[u] = slot_territory(s, u, s->slot[u]);
		/* The columns of some families stay as they are: their owners' are among them. */
		if (unit_is_torn(p, u) && s->c->count[u] == s->c->width)
			continue;
		moves->free[moves->frees++] = u;
		join_crowd(moves, u, moves->at[u]);
	}
	for (int i = 0; i < moves->frees; i++)
	{
		int			u = moves->free[i];

		progress_every(p, i, PROGRESS_UNITS);
		if (moves->owner[u] != NOWHERE && moves->owner[u] != moves->at[u])
			move(moves, u, moves->owner[u]);
	}
}

static void
moves_end(Moves *moves)
{
	Problem    *p = moves->s->p;

	for (int k = 0; k < p->territories; k++)
		if (moves->crowd[k].room > 0)
			give_back(p, int, moves->crowd[k].unit, moves->crowd[k].room);
	give_back(p, uint16, moves->at, p->units);
	give_back(p, uint16, moves->owner, p->units);
	give_back(p, uint16, moves->moved, p->units);
	give_back(p, int, moves->place, p->units);
	give_back(p, Crowd, moves->crowd, p->territories);
	give_back(p, int, moves->loose, p->units);
	give_back(p, int, moves->loose_place, p->units);
	give_back(p, int, moves->free, p->units);
	give_back(p, bool, moves->may_have, p->lists * p->territories);
}

/* The column of a unit that is a territory; if none is, the dearest but the owner's becomes it. */
static uint16
column_of(const Moves *moves, int unit, int k)
{
	Search	   *s = moves->s;
	int			spare = search_slot(s, unit, k);
	double		most = -INFINITY;

	if (spare != NOWHERE)
		return spare;
	if (s->c->count[unit] < s->c->width)
		spare = s->c->count[unit];
	else
		for (int q = 0; q < s->c->count[unit]; q++)
			if (slot_value(s, unit, q) > most && slot_territory(s, unit, q) != moves->owner[unit])
			{
				most = slot_value(s, unit, q);
				spare = q;
			}
	search_give_column(s, unit, k, spare);
	return spare;
}

/*
 * Rates to begin with, in moves; returns those of the end. A usual unit of a territory is what it is to have, by the units of a territory.
 */
static double
set_rates(Search *s, double *lowest)
{
	const Problem *p = s->p;
	double		units = (double) p->units / p->territories;
	double		room = 0;

	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % p->measures;
		double		mean = p->mean_amount[m] * p->input->accounts / p->territories;
		double		load = Min(p->width[j], Max(p->least[j], mean));
		double		usual = Max(Max(load, SMALL_LOAD * mean), 1) / units;

		s->row[j].rate = lowest[j] = LOWEST_RATE / usual;
		room += Min((p->most[j] - p->least[j]) / usual, 1) / p->rows;
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		s->budget_rate[b] = isinf(p->budget[b]) ? 0 :
			LOWEST_RATE / (b == TERRITORY_BUDGET_COUNT ? p->budget_scale[b] : Max(p->mean_amount[p->input->budget_measure], 1));
	return HIGHEST_RATE / Max(room, 1 / NARROWEST);
}

/* So much dearer becomes what is outside, at the lowest; nowhere is it more than DEAREST times that. */
static void
raise_rates(Search *s, double *lowest, double rise)
{
	adapt_rates(s, lowest);
	for (int j = 0; j < s->p->rows; j++)
	{
		lowest[j] *= rise;
		s->row[j].rate = Min(s->row[j].rate, DEAREST * lowest[j]);
	}
}

/*
 * Anneals from the owners, with so many proposals. The plan that is left is the one met with the least outside, and of those the one with the fewest
 * moves; the rates are those of the end.
 */
void
search_fewest_moves(Search *s, int64 proposals)
{
	Problem    *p = s->p;
	Moves		moves;
	int			steps = (int) Min(Max(proposals / Max(p->units, 1), LEAST_STEPS), STEPS);
	int64		now = proposals / steps + 1;
	double		fall = salesops_exp(salesops_log(COLD / HOT) / (steps - 1));
	double		rise;
	double		temperature = HOT;
	double	   *lowest = take(p, double, p->rows);
	uint16	   *best = take(p, uint16, p->units);
	double		outside = INFINITY;
	double		fewest = INFINITY;

	moves_begin(&moves, s);
	rise = salesops_exp(salesops_log(set_rates(s, lowest) / LOWEST_RATE) / (steps - 1));
	for (int step = 0; moves.frees > 0 && (step < steps || (outside > 0 && step < steps + MORE_STEPS(steps))) && !problem_progress(p); step++)
	{
		double		here;

		if (p->measures == 1)
			anneal(&moves, temperature, now, 1);
		else if (p->measures == 2)
			anneal(&moves, temperature, now, 2);
		else
			anneal(&moves, temperature, now, p->measures);
		here = search_outside(s);
		if (here < outside || (here == outside && moves.moves < fewest))
		{
			outside = here;
			fewest = moves.moves;
			memcpy(best, moves.at, sizeof(uint16) * p->units);
		}
		raise_rates(s, lowest, step == steps - 1 ? MORE_FALL : step < steps ? rise : MORE_RISE);
		temperature = Max(temperature * fall, COLD);
	}
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_UNITS);
		best[u] = column_of(&moves, u, isinf(outside) ? moves.at[u] : best[u]);
	}
	search_set(s, best);
	/* From moves to whole numbers of cost. */
	for (int j = 0; j < p->rows; j++)
		s->row[j].rate *= p->cost_scale;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		s->budget_rate[b] *= p->cost_scale;
	moves_end(&moves);
	give_back(p, double, lowest, p->rows);
	give_back(p, uint16, best, p->units);
}
