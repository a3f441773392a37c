/*
 * recombine_plans.c: plans of small and tight problems, from plans.
 *
 * Annealing hardly gets anywhere where no two accounts fit in each other's place. What does: cyclic exchanges (exchange.c) under rates that
 * rise where a load is outside its limits and fall where it is within them, so that the search swings to and fro across the limits (strategic
 * oscillation: Glover 1977; Yagiura, Ibaraki and Glover 2004). Good plans have most in common, and what they do not have in common is
 * what is worth trying: a few plans are kept, two at a time are combined, the exchange works on the child, and it takes the place
 * of the worst if it is better (a memetic algorithm: Moscato 1989).
 */
#include "territory/exchange.h"

#define PLANS			10
/* Beginnings that are tried to get so many different ones. */
#define BEGINNINGS		30
/* Two plans with the same cost are the same one if they differ in so few units. */
#define SAME			4
/* Of what two plans differ in, a child has at least and at most so much from the second. */
#define LEAST_SHARE		0.02
#define MORE_SHARE		0.2
/* How far from the prices beginnings are, in shares of what a usual unit's load is worth. */
#define NOISE			0.1
/* And further each time. */
#define MORE_NOISE		1.2
/* Units of a child that go anywhere, at most. */
#define MUTATIONS		6
/* The swing of a plan: steps in all, steps without a better one within limits, and the first ones, after which what is outside only gets dearer. */
#define STEPS			40
#define USELESS_STEPS	8
#define FREE_STEPS		8
/* And it may take so much of all work at most. */
#define MOST_SHARE		0.25
/* So many times more after a child that found no plan within limits, and less after one that did. */
#define STRICTER		1.5
#define LOOSER			0.95
#define DEARER			1.5
#define CHEAPER			0.97
#define CHEAPEST		0.5
/* At such rates nothing that pays leads out of the limits. */
#define STRICT			1000.0

static double
share_at_random(Search *s)
{
	return (double) (next_random(&s->random) >> 11) * 0x1p-53;
}

/* Every unit where it is best off at the prices, give or take something. */
static void
begin_anew(Exchange *x, double noise)
{
	Search	   *s = x->s;
	const Problem *p = s->p;
	uint16	   *slot = take(s->p, uint16, p->units);

	noise *= share_at_random(s) * search_usual_worth(s);
	for (int u = 0; u < p->units; u++)
	{
		double		best = INFINITY;
		int			k = 0;

		for (int q = 0; q < x->choices[u]; q++)
		{
			double		value = x->regret[u * EXCHANGE_CHOICES + q] + noise * share_at_random(s);

			if (value < best)
			{
				best = value;
				k = x->choice[u * EXCHANGE_CHOICES + q];
			}
		}
		while (slot_territory(s, u, slot[u]) != k)
			slot[u]++;
	}
	search_set(s, slot);
	give_back(s->p, uint16, slot, p->units);
}

/* A child of two plans: the first one, with some of what the second has otherwise, and something of its own. */
static void
combine(Exchange *x, const KeptPlan *one, const KeptPlan *other)
{
	Search	   *s = x->s;
	const Problem *p = s->p;
	int			mutations = random_below(&s->random, MUTATIONS + 1);
	uint16	   *slot = take(s->p, uint16, p->units);
	double		share = LEAST_SHARE + MORE_SHARE * share_at_random(s);

	for (int u = 0; u < p->units; u++)
		slot[u] = one->slot[u] != other->slot[u] && share_at_random(s) < share ? other->slot[u] : one->slot[u];
	for (int i = 0; i < mutations; i++)
	{
		int			u = random_below(&s->random, p->units);

		slot[u] = random_below(&s->random, s->c->count[u]);
	}
	search_set(s, slot);
	give_back(s->p, uint16, slot, p->units);
}

/* What is outside its limits becomes dearer, what is within them cheaper. */
static void
swing(Search *s, const double *lowest, bool may_fall)
{
	const Problem *p = s->p;

	for (int j = 0; j < p->rows; j++)
	{
		Row		   *row = &s->row[j];

		if (row->load > row->most || row->load < row->least)
			row->rate *= DEARER;
		else if (may_fall)
			row->rate = Max(row->rate * CHEAPER, lowest[j]);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (s->used[b] > p->budget[b])
			s->budget_rate[b] *= DEARER;
}

/*
 * From a plan within limits to where no exchange within them pays. At usual rates those that lead out of the limits pay more, and are all that is
 * seen; a plan that the swing begins at is left for them at once.
 */
static void
settle_plan(Exchange *x, KeptPlan *plan)
{
	Search	   *s = x->s;

	if (plan->outside == 0)
	{
		search_set(s, plan->slot);
		search_rates(s, STRICT);
		do
			exchange_touch(x);
		while (exchange_pass(x) && !problem_progress(s->p));
		plan_note(s, plan);
	}
	problem_tell(s->p, plan->outside, s->least_cost + plan->cost);
}

/* From where the search is, to and fro across the limits; the best plan on the way. */
static void
improve(Exchange *x, double strictness, double most_work, double *lowest, KeptPlan *plan)
{
	Search	   *s = x->s;
	int64		begun = s->p->work;
	int			useless = 0;

	plan->outside = plan->cost = INFINITY;
	search_rates(s, strictness);
	for (int j = 0; j < s->p->rows; j++)
		lowest[j] = CHEAPEST * s->row[j].rate;
	for (int step = 0; step < STEPS && useless < USELESS_STEPS && s->p->work - begun < most_work && !problem_progress(s->p); step++)
	{
		exchange_touch(x);
		while (exchange_pass(x) && !problem_progress(s->p))
			;
		if (!plan_note(s, plan) && plan->outside == 0)
			useless++;
		swing(s, lowest, plan->outside == 0 || step < FREE_STEPS);
	}
}

static bool
is_same(const Problem *p, const KeptPlan *one, const KeptPlan *other)
{
	int			different = 0;

	if (one->cost != other->cost || one->outside != other->outside)
		return false;
	for (int u = 0; u < p->units; u++)
		different += one->slot[u] != other->slot[u];
	return different <= SAME;
}

/* Keeps a plan, unless it is kept already or all that are kept are better. */
static void
keep(const Problem *p, KeptPlan *kept, int *plans, const KeptPlan *plan)
{
	KeptPlan   *worst = kept;

	for (int i = 0; i < *plans; i++)
	{
		if (is_same(p, plan, &kept[i]))
			return;
		if (plan_is_better(worst, &kept[i]))
			worst = &kept[i];
	}
	if (*plans < PLANS)
		worst = &kept[(*plans)++];
	else if (!plan_is_better(plan, worst))
		return;
	plan_copy(p, worst, plan);
}

/*
 * Leaves the search at the best plan that it finds, which is no worse than the one it is at. It ends after the most work, or after the least if
 * three quarters of the work have brought nothing.
 */
void
recombine(Search *s, int64 least_work, int64 most_work)
{
	Problem    *p = s->p;
	Exchange	x;
	KeptPlan	kept[PLANS];
	KeptPlan	child = plan_begin(p);
	KeptPlan	best = plan_begin(p);
	double	   *lowest = take(p, double, p->rows);
	int64		begun = p->work;
	int64		found = 0;
	double		noise = NOISE;
	double		strictness = USUAL_STRICTNESS;
	int			plans = 0;

	for (int i = 0; i < PLANS; i++)
		kept[i] = plan_begin(p);
	search_rates(s, USUAL_STRICTNESS);
	exchange_begin(&x, s);
	plan_note(s, &best);
	settle_plan(&x, &best);
	for (int born = 0; !problem_progress(p); born++)
	{
		int64		work = p->work - begun;

		if (work >= most_work || (work >= least_work && work >= 4 * found) || problem_near_enough(p))
			break;
		/* The first child is the plan that the search is at. */
		if (born > 0 && plans < PLANS && born < BEGINNINGS)
			begin_anew(&x, noise *= MORE_NOISE);
		else if (born > 0)
		{
			int			one = random_below(&s->random, plans);

			combine(&x, &kept[one], &kept[random_below(&s->random, plans)]);
		}
		improve(&x, strictness, MOST_SHARE * most_work, lowest, &child);
		strictness = child.outside > 0 ? Min(strictness * STRICTER, STRICT) : Max(strictness * LOOSER, USUAL_STRICTNESS);
		if (plan_is_better(&child, &best))
		{
			settle_plan(&x, &child);
			plan_copy(p, &best, &child);
			found = p->work - begun;
		}
		keep(p, kept, &plans, &child);
	}
	search_set(s, best.slot);
	exchange_end(&x);
	for (int i = 0; i < PLANS; i++)
		plan_end(p, &kept[i]);
	plan_end(p, &child);
	plan_end(p, &best);
	give_back(p, double, lowest, p->rows);
}
