/*
 * report.c: a plan that was found, as whoever asked for it is told: accounts instead of units, numbers in the units of the input, what is outside
 * and why, and what each account would rather have.
 */
#include "territory/report.h"
#include "territory/bound.h"
#include "territory/explain.h"

/* Says which loads and which budgets are outside, and what a unit more or less of room there would be worth. */
static void
explain(Problem *p, const Found *found, const Prices *prices)
{
	const TerritoryInput *in = p->input;

	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % p->measures;
		double		scale = p->amount_scale[m];
		double		load = found->load[j] + p->held_load[j];
		bool		is_over = found->load[j] > p->most[j];
		TerritoryReason *reason;

		if (!is_over && found->load[j] >= p->least[j])
			continue;
		reason = problem_complain(p, TERRITORY_OUTSIDE);
		reason->territory = j / p->measures;
		reason->measure = m;
		reason->value = load / scale;
		reason->limit = is_over ? in->most[j] : in->least[j];
		reason->price = price_as_given(p, prices, j);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (found->used[b] > p->budget[b])
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_BUDGET_SHORT);

			reason->measure = b;
			reason->value = (found->used[b] + p->held_used[b]) / p->budget_scale[b];
			reason->limit = in->budget[b];
			reason->price = prices->budget[b] * p->budget_scale[b] / p->cost_scale;
		}
}

/* What every account would save, at the prices, where it would be best off; a family as one. */
static void
report_regrets(Problem *p, const Found *found, const Proof *proof, TerritoryPlan *plan)
{
	plan->regret = palloc_extended(sizeof(double) * Max(p->input->accounts, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int u = 0; u < p->units; u++)
	{
		double		regret = bound_regret(p, &proof->prices, u, found->territory[u], proof->best[u]);

		progress_every(p, u, PROGRESS_UNITS);
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->regret[p->member[m]] = regret;
	}
}

/* What proves a bound that is higher than that of the prices. */
static void
report_steps(const Problem *p, const Steps *steps, TerritoryPlan *plan)
{
	if (isinf(steps->bound))
		return;
	plan->steps = steps->steps;
	plan->whole_price = palloc(sizeof(double) * p->rows);
	plan->step_weight = palloc(sizeof(double) * p->rows * steps->steps);
	plan->step_below = palloc(sizeof(double) * p->territories * steps->steps);
	plan->step_price = palloc(sizeof(double) * p->territories * steps->steps);
	for (int j = 0; j < p->rows; j++)
		plan->whole_price[j] = price_as_given(p, &steps->prices, j);
	for (int i = 0; i < p->territories * steps->steps; i++)
	{
		const Step *step = &steps->step[i];

		for (int m = 0; m < p->measures; m++)
			plan->step_weight[i * p->measures + m] = step->weight[m] * p->amount_scale[m];
		plan->step_below[i] = step->below;
		plan->step_price[i] = step->price / p->cost_scale;
	}
}

/* Once at the end: what is outside is complained of. */
void
report(Problem *p, const Found *found, const Proof *proof, TerritoryPlan *plan)
{
	const TerritoryInput *in = p->input;
	const Prices *prices = &proof->prices;

	plan->is_valid = true;
	plan->tie_break = p->distance_factor;
	plan->territory = palloc_extended(sizeof(int) * Max(in->accounts, 1), MCXT_ALLOC_HUGE);
	memcpy(plan->territory, p->held_at, sizeof(int) * in->accounts);
	for (int u = 0; u < p->units; u++)
	{
		progress_every(p, u, PROGRESS_ACCOUNTS);
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			plan->territory[p->member[m]] = found->territory[u];
	}
	for (int i = 0; i < in->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (plan->territory[i] >= 0)
			plan->cost += account_true_cost(p, i, plan->territory[i]);
	}
	plan->load = palloc0(sizeof(double) * p->rows);
	plan->price = palloc0(sizeof(double) * p->rows);
	for (int j = 0; j < p->rows; j++)
	{
		plan->load[j] = (found->load[j] + p->held_load[j]) / p->amount_scale[j % p->measures];
		plan->price[j] = price_as_given(p, prices, j);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		plan->budget_price[b] = prices->budget[b] * p->budget_scale[b] / p->cost_scale;
		plan->budget_used[b] = (p->has_budget ? found->used[b] + p->held_used[b] : 0) / p->budget_scale[b];
	}
	plan->bound = p->status.bound;
	report_steps(p, &proof->steps, plan);
	plan->design_bound = -INFINITY;
	plan->outside = found->outside + p->outside;
	plan->best_outside = p->outside;
	if (found->outside > 0)
		plan->best_outside += explain_outside(p);
	/* What is proven of every plan holds for this one, to the last bit too. */
	plan->best_outside = Min(plan->best_outside, plan->outside);
	report_regrets(p, found, proof, plan);
	explain(p, found, prices);
}
