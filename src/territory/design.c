/*
 * design.c: homes chosen.
 *
 * places.c spreads the homes, recombine_homes.c improves them together with who goes to them, within a work that is counted; then homes are
 * given, and the rest is balance.c: its plan has prices and reasons. If the search knew a better plan for these homes, that one is taken.
 */
#include "territory/design.h"

#include "territory/design_bound.h"
#include "territory/places.h"

#include "core/numerics.h"

/* Work of the search: so much, less where there are fewer units than that, and for each unit, and not more than that. */
#define WORK_FIRST	2e8
#define MANY_UNITS	50.0
#define WORK_A_UNIT 4e5
#define WORK_MOST	1.6e9
/* Temperatures, in shares of the mean cost of a unit. */
#define HOT			6.0
#define COLD		0.02
/* Rates rise while loads are outside their limits, and fall while they are not. */
#define DEARER		1.1
#define CHEAPER		0.99

/* The best so far. */
typedef struct Best
{
	double		outside;
	double		cost;
	int		   *at;
	Place	   *home;
} Best;

static void
keep_best(Places *s, Best *best)
{
	TerritoryStatus *status = &s->p->status;
	double		outside = places_outside(s);
	double		cost = places_cost(s);

	if (outside > best->outside || (outside == best->outside && cost >= best->cost))
		return;
	best->outside = outside;
	best->cost = cost;
	memcpy(best->at, s->at, sizeof(int) * s->units);
	memcpy(best->home, s->home, sizeof(Place) * s->p->territories);
	status->outside = outside + s->p->outside;
	status->cost = cost;
}

static void
adapt_rates(Places *s, const double *usual)
{
	const Problem *p = s->p;

	for (int m = 0; m < p->measures; m++)
	{
		bool		is_outside = false;

		for (int j = m; j < p->rows; j += p->measures)
			is_outside |= s->load[j] > p->most[j] || s->load[j] < p->least[j];
		s->rate[m] = is_outside ? s->rate[m] * DEARER : Max(s->rate[m] * CHEAPER, usual[m]);
	}
}

static void
search(Places *s, Best *best)
{
	Problem    *p = s->p;
	double		effort = problem_effort(p);
	double		work = effort * Min(WORK_FIRST * Min(s->units / MANY_UNITS, 1) + WORK_A_UNIT * s->units, WORK_MOST);
	double		hot = HOT * places_cost(s) / Max(s->units, 1);
	double		fall = salesops_log(COLD / HOT);
	double		usual[TERRITORY_MOST_MEASURES];

	memcpy(usual, s->rate, sizeof(usual));
	keep_best(s, best);
	s->work = s->told = 0;
	while (s->work < work && p->territories > 0 && !problem_progress(p))
	{
		double		temperature = hot * salesops_exp(fall * (s->work / work));

		for (int i = 0; i < p->territories && !p->is_stopped; i++)
			places_recombine(s, temperature);
		s->sweep++;
		adapt_rates(s, usual);
		keep_best(s, best);
	}
}

/* What every account costs everywhere, for balance.c, which knows of no travel. */
static double *
travel_costs(const TerritoryInput *in, const int *home)
{
	double	   *cost = palloc_extended(sizeof(double) * Max((Size) in->accounts * in->territories, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < in->accounts; i++)
		for (int k = 0; k < in->territories; k++)
			cost[(Size) i * in->territories + k] = account_other_cost(in, i, k) +
				(in->weight ? in->weight[i] : 1) * (home[k] >= 0 ? in->travel[(Size) i * in->accounts + home[k]] : 0);
	return cost;
}

/* What an account costs at a territory with a plan's prices. */
static double
priced(const Problem *p, const TerritoryPlan *plan, int account, int territory)
{
	const TerritoryInput *in = p->input;
	double		value = account_true_cost(p, account, territory);

	for (int m = 0; m < in->measures; m++)
		value += plan->price[territory * in->measures + m] *
			in->amount[(in->by_territory ? (Size) account * in->territories + territory : (Size) account) * in->measures + m];
	return value;
}

/* Says what is outside in place of what was said. */
static void
explain(Problem *p, TerritoryPlan *plan)
{
	const TerritoryInput *in = p->input;
	TerritoryReason *reason = palloc(sizeof(TerritoryReason) * (plan->reasons + p->rows + 1));
	int			reasons = 0;

	for (int r = 0; r < plan->reasons; r++)
		if (plan->reason[r].finding != TERRITORY_OUTSIDE)
			reason[reasons++] = plan->reason[r];
	for (int j = 0; j < p->rows; j++)
	{
		double		whole = plan->load[j] * p->amount_scale[j % p->measures] - p->held_load[j];

		if (whole > p->most[j] || whole < p->least[j])
			reason[reasons++] = (TerritoryReason) {TERRITORY_OUTSIDE, TERRITORY_NONE, TERRITORY_NONE, j / p->measures, j % p->measures,
				TERRITORY_NONE, plan->load[j], whole > p->most[j] ? in->most[j] : in->least[j], plan->price[j]};
	}
	plan->reasons = reasons;
	plan->reason = reason;
}

/* The search's plan in place of one for the same homes. */
static void
adopt(Problem *p, const int *at, double outside, TerritoryPlan *plan)
{
	const TerritoryInput *in = p->input;

	for (int j = 0; j < p->rows; j++)
		plan->load[j] = p->held_load[j];
	for (int u = 0; u < p->units; u++)
	{
		const double *amount = unit_amount(p, u, at[u]);
		double		more = 0;

		for (int m = 0; m < p->measures; m++)
			plan->load[at[u] * p->measures + m] += amount[m];
		for (int i = p->first[u]; i < p->first[u + 1]; i++)
		{
			int			account = p->member[i];

			if (plan->territory[account] != at[u])
				more += priced(p, plan, account, at[u]) - priced(p, plan, account, plan->territory[account]);
			plan->territory[account] = at[u];
		}
		for (int i = p->first[u]; i < p->first[u + 1]; i++)
			plan->regret[p->member[i]] = Max(plan->regret[p->member[i]] + more, 0);
	}
	for (int j = 0; j < p->rows; j++)
		plan->load[j] /= p->amount_scale[j % p->measures];
	plan->cost = 0;
	for (int i = 0; i < in->accounts; i++)
		if (plan->territory[i] >= 0)
			plan->cost += account_true_cost(p, i, plan->territory[i]);
	plan->outside = outside;
	explain(p, plan);
}

static bool
is_home(const Problem *p, const Place *place, int account)
{
	for (int k = 0; k < p->territories; k++)
		if (place[k].account == account)
			return true;
	return false;
}

/* Homes into the arrays that the problem reads them from. Whose home is another's, because nobody came, gets one that is nobody's. */
static void
set_homes(Problem *p, Place *place, int *home, double *x, double *y, double *z)
{
	const TerritoryInput *in = p->input;
	bool	   *is_taken = take(p, bool, in->accounts);
	int			unused = 0;

	for (int k = 0; k < p->territories; k++)
		if (!in->home_free || in->home_free[k])
		{
			if (place[k].account == TERRITORY_NONE || is_taken[place[k].account])
			{
				while (unused < in->accounts && (is_taken[unused] || p->held_at[unused] == TERRITORY_EXEMPT || is_nowhere(in, unused) || is_home(p, place, unused)))
					unused++;
				if (unused < in->accounts)
					place[k] = place_of(in, unused);
			}
			if (place[k].account != TERRITORY_NONE)
				is_taken[place[k].account] = true;
		}
	give_back(p, bool, is_taken, in->accounts);
	for (int k = 0; k < p->territories; k++)
	{
		home[k] = place[k].account;
		x[k] = place[k].x;
		y[k] = place[k].y;
		z[k] = place[k].z;
	}
}

TerritoryPlan *
territory_design(const TerritoryInput *input, const TerritoryOptions *options, int *home)
{
	TerritoryInput here = *input;
	TerritoryPlan *plan;
	Problem    *p = palloc0(sizeof(Problem));
	Size		coordinates = sizeof(double) * Max(input->territories, 1);
	double	   *x = palloc0(coordinates);
	double	   *y = palloc0(coordinates);
	double	   *z = palloc0(coordinates);
	Places		s;
	Best		best = {.outside = INFINITY, .cost = INFINITY};

	for (int k = 0; k < input->territories; k++)
	{
		home[k] = TERRITORY_NONE;
		if (input->home_free && !input->home_free[k])
		{
			x[k] = input->home_x[k];
			y[k] = input->home_y[k];
			z[k] = input->z ? input->home_z[k] : 0;
		}
	}
	here.home_x = x;
	here.home_y = y;
	here.home_z = z;
	if (!problem_build(p, &here, options))
		return territory_balance(&here, options);
	p->status.phase = TERRITORY_PHASE_HOMES;
	places_begin(&s, p);
	best.at = take(p, int, s.units);
	best.home = take(p, Place, p->territories);
	search(&s, &best);
	set_homes(p, best.home, home, x, y, z);
	places_end(&s);
	if (input->travel)
		here.cost = travel_costs(input, home);
	plan = territory_balance(&here, options);
	if (plan->is_valid)
	{
		double		outside = best.outside + p->outside;

		/* Budgets and the number of moves are balance.c's alone. */
		if (!p->has_budget && !options->fewest_moves &&
			(outside < plan->outside || (outside == plan->outside && best.cost < plan->cost)))
			adopt(p, best.at, outside, plan);
		p->status.phase = TERRITORY_PHASE_BOUND;
		plan->design_bound = design_bound(p, plan->price, plan->territory, plan->cost);
	}
	plan->memory = Max(p->most_memory, p->memory + plan->memory);
	return plan;
}
