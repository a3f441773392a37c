/*
 * repair.c: what ties cannot bring within its limits.
 *
 * The last few loads outside their limits are often those that no unit with a small regret can mend: what fits has a large one. So of a
 * territory that is outside every unit that might leave is weighed, every one that might come, and each of these against each of those
 * who may change places with it. That is far too much for a descent, and cheap for a handful of territories.
 */
#include "territory/search.h"

/* Smallest gain that counts, in whole numbers of cost. */
#define SMALL_GAIN	1.0
/* How much dearer a territory gets at a time that nothing helps. */
#define DEARER		2.0
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

static bool
is_outside(const Search *s, int k)
{
	const Row  *row = s->row + k * s->p->measures;
	bool		is_any = false;

	for (int m = 0; m < s->p->measures; m++)
		is_any |= row[m].load > row[m].most || row[m].load < row[m].least;
	return is_any;
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

	w.comer = take(p, Mover, p->units);
	w.goer_start = take(p, int, p->territories + 2);
	for (int round = 0; round < MOST_ROUNDS && outside > 0 && p->work - begun < most_work && !problem_progress(p); round++)
	{
		outside = 0;
		for (int k = 0; k < p->territories && !p->is_stopped; k++)
		{
			Size		room = 0;

			if (!is_outside(s, k))
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
