/*
 * repair.c: what ties cannot bring within its limits, and budgets that are kept.
 *
 * The last few loads outside their limits are often those that no unit with a small regret can mend: what fits has a large one. So of a
 * territory that is outside every unit that might leave is weighed, every one that might come, and each of these against each of those
 * who may change places with it. That is far too much for a descent, and cheap for a handful of territories.
 */
#include "territory/search.h"

/* Overdrawn budgets are made good in so many goes. */
#define GOES		8
/* Smallest gain that counts, in whole numbers of cost. */
#define SMALL_GAIN	1.0
/* How much dearer a territory gets at a time that nothing helps. */
#define DEARER		2.0
#define BUDGET_DEARER	1e6
/* Changes in all, for each territory. */
#define MOST_ROUNDS	400

/* Who may leave a territory and who may come: a unit and its column there. */
typedef struct Mover
{
	int			unit;
	int			slot;
} Mover;

typedef struct Wide
{
	Search	   *s;
	Mover	   *comer;			/* those that are elsewhere and may be here */
	int			comers;
	Mover	   *goer;			/* those that are here, with every column elsewhere, by territory */
	int		   *goer_start;		/* [territories + 1] */
	double		gain;			/* of the best change */
	Mover		best[2];		/* who goes and who comes; unit -1: nobody */
} Wide;

static void
find_comers(Wide *w, int k)
{
	const Search *s = w->s;

	w->comers = 0;
	for (int u = 0; u < s->p->units; u++)
	{
		progress_every(s->p, u, PROGRESS_UNITS);
		for (int q = 0; q < s->c->count[u]; q++)
			if (slot_territory(s, u, q) == k && s->slot[u] != q)
				w->comer[w->comers++] = (Mover) {u, q};
	}
}

static void
find_goers(Wide *w, int k)
{
	const Search *s = w->s;
	const Problem *p = s->p;
	int		   *at = w->goer_start + 1;

	/* Counted first: at[l] becomes where territory l begins, and then where it ends. */
	memset(w->goer_start, 0, sizeof(int) * (p->territories + 2));
	for (int pass = 0; pass < 2; pass++)
	{
		for (int u = 0; u < p->units; u++)
		{
			progress_every(s->p, u, PROGRESS_UNITS);
			if (slot_territory(s, u, s->slot[u]) != k)
				continue;
			for (int q = 0; q < s->c->count[u]; q++)
			{
				int			l = slot_territory(s, u, q);

				if (l == k)
					continue;
				if (pass == 0)
					at[l + 1]++;
				else
					w->goer[at[l]++] = (Mover) {u, q};
			}
		}
		for (int l = 0; l < p->territories && pass == 0; l++)
			at[l + 1] += at[l];
	}
}

static void
weigh(Wide *w, double gain, Mover goes, Mover comes)
{
	if (gain < w->gain)
	{
		w->gain = gain;
		w->best[0] = goes;
		w->best[1] = comes;
	}
}

static double
rise(const Search *s, const Mover *mover)
{
	return (double) slot_cost(s, mover->unit, mover->slot) - slot_cost(s, mover->unit, s->slot[mover->unit]);
}

static void
weigh_all(Wide *w, int k)
{
	Search	   *s = w->s;
	Problem    *p = s->p;
	int			measures = p->measures;
	const Mover nobody = {-1, -1};

	find_comers(w, k);
	find_goers(w, k);
	w->gain = -SMALL_GAIN;
	w->best[0] = w->best[1] = nobody;
	for (int g = 0; g < w->goer_start[p->territories]; g++)
	{
		const Mover *a = &w->goer[g];
		int			l = slot_territory(s, a->unit, a->slot);

		weigh(w, rise(s, a) + change_one(s, k, unit_amount(p, a->unit, k), -1, measures) +
			  change_one(s, l, unit_amount(p, a->unit, l), 1, measures) + change_budget(s, a->unit, k, l), *a, nobody);
	}
	for (int c = 0; c < w->comers; c++)
	{
		const Mover *b = &w->comer[c];
		int			l = slot_territory(s, b->unit, s->slot[b->unit]);
		const double *b_k = unit_amount(p, b->unit, k);
		const double *b_l = unit_amount(p, b->unit, l);
		double		cost = rise(s, b);

		progress_every(p, c, 64);
		weigh(w, cost + change_one(s, k, b_k, 1, measures) + change_one(s, l, b_l, -1, measures) +
			  change_budget(s, b->unit, l, k), nobody, *b);
		for (int g = w->goer_start[l]; g < w->goer_start[l + 1]; g++)
		{
			const Mover *a = &w->goer[g];

			weigh(w, cost + rise(s, a) + change_two(s, k, b_k, unit_amount(p, a->unit, k), measures) +
				  change_two(s, l, unit_amount(p, a->unit, l), b_l, measures) +
				  change_budget_two(s, a->unit, k, l, b->unit, l, k), *a, *b);
		}
		p->work += 1 + w->goer_start[l + 1] - w->goer_start[l];
	}
}

/* Works at the territories that are outside their limits, with all units. True when all are within limits. */
bool
repair_widely(Search *s, int64 most_work)
{
	Problem    *p = s->p;
	Wide		w = {.s = s};
	Size		goers = 0;
	int64		begun = p->work;
	int			outside = 1;

	search_keep_budgets(s);
	/* And they stay kept. */
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		s->budget_rate[b] *= BUDGET_DEARER;
	w.comer = take(p, Mover, p->units);
	w.goer_start = take(p, int, p->territories + 2);
	for (int round = 0; round < MOST_ROUNDS && outside > 0 && p->work - begun < most_work && !problem_progress(p); round++)
	{
		outside = 0;
		for (int k = 0; k < p->territories && !p->is_stopped; k++)
		{
			Size		room = 0;

			if (!search_is_outside(s, k))
				continue;
			outside++;
			for (int u = 0; u < p->units; u++)
				if (slot_territory(s, u, s->slot[u]) == k)
					room += s->c->count[u];
			if (room > goers)
			{
				if (goers > 0)
					give_back(p, Mover, w.goer, goers);
				goers = room;
				w.goer = take(p, Mover, goers);
			}
			weigh_all(&w, k);
			for (int i = 0; i < 2; i++)
				if (w.best[i].unit >= 0)
					search_move(s, w.best[i].unit, w.best[i].slot);
			for (int m = 0; m < p->measures && w.best[0].unit < 0 && w.best[1].unit < 0; m++)
			{
				Row		   *row = &s->row[k * p->measures + m];

				if (row->load > row->most || row->load < row->least)
					row->rate *= DEARER;
			}
		}
	}
	give_back(p, Mover, w.comer, p->units);
	give_back(p, int, w.goer_start, p->territories + 2);
	if (goers > 0)
		give_back(p, Mover, w.goer, goers);
	return outside == 0;
}

/*
 * Budgets.
 */

/* A unit that might go back to where it uses the least of a budget. */
typedef struct Return
{
	double		rise;			/* of the total, for each unit of the budget that is saved */
	double		saved;
	int			unit;
	int			slot;
} Return;

static int
compare_returns(const void *one, const void *other)
{
	const Return *a = one;
	const Return *b = other;

	if (a->rise != b->rise)
		return a->rise < b->rise ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* Whether a unit may go to a territory without more of a budget than it has: no budget may pay for another. */
static bool
budget_allows(const Search *s, int unit, int to, int b)
{
	double		more = unit_used(s->p, unit, to, b) - unit_used(s->p, unit, slot_territory(s, unit, s->slot[unit]), b);

	return more <= 0 || s->used[b] + more <= s->p->budget[b];
}

/* The best column of a unit that uses less of a budget. */
static bool
find_return(const Search *s, int unit, int b, Return *back)
{
	const Problem *p = s->p;
	int			from = slot_territory(s, unit, s->slot[unit]);
	double		now = unit_used(p, unit, from, b);
	double		leave;

	back->rise = INFINITY;
	if (now <= 0)
		return false;
	leave = change_one(s, from, unit_amount(p, unit, from), -1, p->measures) - slot_cost(s, unit, s->slot[unit]);
	for (int q = 0; q < s->c->count[unit]; q++)
	{
		int			to = slot_territory(s, unit, q);
		double		saved = now - unit_used(p, unit, to, b);
		double		rise;

		if (saved <= 0 || !budget_allows(s, unit, to, 1 - b))
			continue;
		rise = (leave + slot_cost(s, unit, q) + change_one(s, to, unit_amount(p, unit, to), 1, p->measures)) / saved;
		if (rise < back->rise)
			*back = (Return) {rise, saved, unit, q};
	}
	return !isinf(back->rise);
}

/*
 * Sends units back to their owners while a budget is overdrawn, those first that the total rises least by for what they save, and none that it rises
 * by more for than the most.
 */
void
search_return(Search *s, int budget, double most_rise)
{
	Problem    *p = s->p;
	Return	   *back;
	bool		is_any = true;

	if (s->used[budget] <= p->budget[budget])
		return;
	back = take(p, Return, p->units);
	/* What a return costs changes with every other one: a part of them, and then all are weighed again. */
	for (int go = GOES; is_any && s->used[budget] > p->budget[budget]; go--)
	{
		double		until = p->budget[budget] + (go > 1 ? (s->used[budget] - p->budget[budget]) * (go - 1) / go : 0);
		int			returns = 0;

		for (int u = 0; u < p->units; u++)
		{
			progress_every(p, u, PROGRESS_UNITS);
			if (find_return(s, u, budget, &back[returns]) && back[returns].rise <= most_rise)
				returns++;
		}
		qsort(back, returns, sizeof(Return), compare_returns);
		is_any = false;
		for (int r = 0; r < returns && s->used[budget] > until; r++)
			if (budget_allows(s, back[r].unit, slot_territory(s, back[r].unit, back[r].slot), 1 - budget))
			{
				search_move(s, back[r].unit, back[r].slot);
				is_any = true;
			}
	}
	give_back(p, Return, back, p->units);
}

/* No budget stays overdrawn, whatever that does to loads: a budget is a promise, limits are an aim. What is overdrawn then would be so whatever the plan. */
void
search_keep_budgets(Search *s)
{
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		search_return(s, b, INFINITY);
}
