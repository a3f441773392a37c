/*
 * portfolio.c: effort where it brings most.
 *
 * A team's effort is best spent where a unit more brings the same everywhere: one price for the team, and each customer takes effort until a
 * unit more brings less than it. The price at which all of the capacity is taken gives the optimum of the relaxation, in which effort
 * comes in any amount; and whatever the price, sum max (r(e) - price e) + price capacity is a bound that no plan exceeds.
 *
 * Targets. A segment that lacks revenue counts for more: its customers face a lower price. The price at which a segment just makes
 * its target is known beforehand, so what a segment pays is a function of the team's price t: t where that makes the target by itself, the
 * price that just makes it where that is less, and t / (1 + target_price) where making it would cost more than target_price. That falls and rises
 * with t, so there is still one price to be found. It is the exact solution of: most revenue less target_price x what targets lack.
 */
#include "territory/portfolio_allocation.h"

#include <math.h>

#include "core/numerics.h"
#include "territory/portfolio_demand.h"

/* A target this close to all that could ever be won cannot be made. */
#define SLACK		1e-9

/* ------------------------------------------------------------------------------------------------------------ the relaxation */

/* What a segment pays at a team's price, logarithms. */
static double
price_of_segment(const PortfolioAllocation *a, int s, double t)
{
	if (t <= a->target_price[s])
		return t;
	return Max(a->target_price[s], t - a->log_most);
}

/* Whether a segment makes its target without any effort, or has none. */
static bool
is_made_anyway(const PortfolioAllocation *a, int s)
{
	return isinf(a->target_price[s]) && a->target_price[s] > 0.0;
}

/* The dearest that a unit of effort can be worth to the team. */
static double
dearest(const PortfolioAllocation *a)
{
	double		most = -INFINITY;

	for (int s = 0; s < a->in->segments; s++)
	{
		if (a->scenario->team[s] != a->team)
			continue;
		for (int i = a->in->first[s]; i < a->in->first[s + 1]; i++)
			most = Max(most, a->response->steepest[i] + a->log_uplift[s] + (is_made_anyway(a, s) ? 0.0 : a->log_most));
	}
	return most;
}

/* Effort that the team's segments take at its price. */
static double
team_demand(double t, double *slope, void *arg)
{
	PortfolioAllocation *a = (PortfolioAllocation *) arg;
	double		sum = 0.0;

	*slope = 0.0;
	for (int s = 0; s < a->in->segments; s++)
	{
		double		pays;
		PortfolioDemand		demand;

		if (a->scenario->team[s] != a->team)
			continue;
		pays = price_of_segment(a, s, t);
		demand = portfolio_demand(a->in, a->response, s, pays - a->log_uplift[s], a->effort);
		sum += demand.effort;
		a->elasticity[s] = pays == a->target_price[s] ? 0.0 : demand.slope;
		*slope += a->elasticity[s];
		a->segment_log_price[s] = pays;
		a->relaxed_revenue[s] = demand.revenue * a->scenario->uplift[s];
	}
	return sum;
}

/* The team's price, its logarithm; its customers' relaxed effort is left in effort. -infinity: nothing to win. */
static double
solve_team(PortfolioAllocation *a, double capacity, double start, double *taken)
{
	double		ceiling = dearest(a);
	double		slope;
	double		t = ceiling;

	if (!isinf(ceiling) && capacity > 0.0)
		t = portfolio_find_price(team_demand, a, capacity, start, ceiling);
	*taken = team_demand(t, &slope, a);
	return t;
}

typedef struct TargetSearch
{
	PortfolioAllocation *a;
	int			segment;
} TargetSearch;

static double
segment_revenue(double t, double *slope, void *arg)
{
	TargetSearch *search = (TargetSearch *) arg;
	PortfolioAllocation *a = search->a;
	PortfolioDemand		demand = portfolio_demand(a->in, a->response, search->segment, t, a->effort);

	*slope = demand.slope * salesops_exp(t);
	return demand.revenue;
}

/* The price at which a segment just makes its target. */
static double
price_of_target(PortfolioAllocation *a, int s)
{
	TargetSearch search = {a, s};
	double		wanted = a->scenario->target[s] / a->scenario->uplift[s];
	double		least = 0.0;
	double		most = 0.0;
	double		ceiling = -INFINITY;

	for (int i = a->in->first[s]; i < a->in->first[s + 1]; i++)
	{
		least += a->response->base[i];
		most += a->response->base[i];
		for (int j = 0; j < RESPONSE_SCALES; j++)
			most += a->response->gain[(Size) i * RESPONSE_SCALES + j];
		ceiling = Max(ceiling, a->response->steepest[i]);
	}
	if (isnan(wanted) || wanted <= least)
		return INFINITY;
	if (wanted >= most * (1.0 - SLACK))
		return -INFINITY;
	return portfolio_find_price(segment_revenue, &search, wanted, ceiling - 1.0, ceiling) + a->log_uplift[s];
}

/* Revenue of a unit more of capacity: it goes to the segments as they respond to the price. A target that binds is kept made. */
static double
team_marginal(const PortfolioAllocation *a, double t)
{
	double		revenue = 0.0;
	double		effort = 0.0;

	for (int s = 0; s < a->in->segments; s++)
	{
		if (a->scenario->team[s] != a->team)
			continue;
		revenue += a->elasticity[s] * salesops_exp(a->segment_log_price[s]);
		effort += a->elasticity[s];
	}
	return effort < 0.0 ? revenue / effort : salesops_exp(t);
}

/* ------------------------------------------------------------------------------------------------------------------ the report */

static double
marginal(const Response *response, const SegmentResponse *segment, int i, double effort)
{
	double		sum = 0.0;

	for (int j = 0; j < RESPONSE_SCALES; j++)
		sum += response->gain[(Size) i * RESPONSE_SCALES + j] * salesops_exp(-effort / segment->scale[j]) / segment->scale[j];
	return sum;
}

static double *
take_numbers(int count)
{
	return palloc_extended(Max(count, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Solves a team: its relaxed and its rounded effort, its price, and what one rep more would bring. Returns its share of the bound. */
static double
plan_team(PortfolioAllocation *a, int team, PortfolioPlan *plan)
{
	const PortfolioScenario *scenario = a->scenario;
	double		capacity = scenario->capacity[team];
	PortfolioAllocation	more = *a;
	double		taken;
	double		t;
	double		ignored;
	PortfolioMove move = {plan->relaxed, NULL, scenario, scenario};
	PortfolioSpread	   *spread = palloc0(a->in->segments * sizeof(PortfolioSpread));

	a->team = more.team = team;
	a->effort = plan->relaxed;
	t = a->log_price = solve_team(a, capacity, INFINITY, &taken);
	plan->team_marginal[team] = team_marginal(a, t);
	for (int s = 0; s < a->in->segments; s++)
	{
		if (scenario->team[s] != team)
			continue;
		plan->threshold[s] = salesops_exp(a->segment_log_price[s]);
		plan->target_price[s] = isinf(t) ? 0.0 : salesops_exp(t - a->segment_log_price[s]) - 1.0;
	}
	if (!isinf(t) && capacity > 0.0)
	{
		if (scenario->unit > 0.0)
			portfolio_round_team(a, capacity, plan->effort);
		else
		{
			/* Where more effort brings next to nothing, a price next to the right one takes more than there is. */
			double		share = taken > capacity * (1.0 + SLACK) ? capacity / taken : 1.0;

			for (int s = 0; s < a->in->segments; s++)
			{
				for (int i = a->in->first[s]; scenario->team[s] == team && i < a->in->first[s + 1]; i++)
					plan->effort[i] = plan->relaxed[i] * share;
			}
		}
	}

	/* What one rep more brings, the others' effort arranged anew. */
	more.effort = take_numbers(a->in->customers);
	memcpy(more.effort, plan->relaxed, a->in->customers * sizeof(double));
	more.relaxed_revenue = take_numbers(a->in->segments);
	more.segment_log_price = take_numbers(a->in->segments);
	more.elasticity = take_numbers(a->in->segments);
	move.to = more.effort;
	if (!isinf(t))
	{
		solve_team(&more, capacity + scenario->rep_effort[team], t, &ignored);
		for (int s = 0; s < a->in->segments; s++)
		{
			if (scenario->team[s] == team)
				spread[s] = portfolio_spread(a->in, a->response, &move, s, NULL, NULL);
		}
	}
	plan->rep_value[team] = portfolio_spread_total(a->response, spread, a->in->segments, scenario->z, true);
	pfree(more.effort);
	pfree(more.relaxed_revenue);
	pfree(more.segment_log_price);
	pfree(more.elasticity);
	pfree(spread);
	return salesops_exp(t) * (capacity - taken);
}

static int
compare_numbers(const void *x, const void *y)
{
	double		a = *(const double *) x;
	double		b = *(const double *) y;

	return a > b ? -1 : a < b ? 1 : 0;
}

/* Share of the total that the tenth of the customers with the most has. */
static double
share_of_top_tenth(const Expectation *revenue, int customers)
{
	double	   *sorted = take_numbers(customers);
	double		top = 0.0;
	double		total = 0.0;

	for (int i = 0; i < customers; i++)
		sorted[i] = revenue[i].mean;
	qsort(sorted, customers, sizeof(double), compare_numbers);
	for (int i = 0; i < customers; i++)
	{
		total += sorted[i];
		if (i < (customers + 9) / 10)
			top += sorted[i];
	}
	pfree(sorted);
	return total > 0.0 ? top / total : NAN;
}

/*
 * The best plan of a scenario. Needs no feasibility: what targets lack is in the report, priced. A customer without potential gets no effort.
 */
PortfolioPlan *
portfolio_allocate(const PortfolioCustomers *in, const Response *response, const PortfolioScenario *scenario)
{
	PortfolioPlan *plan = palloc0(sizeof(PortfolioPlan));
	PortfolioSpread	   *spread = palloc0(in->segments * sizeof(PortfolioSpread));
	double	   *mean = take_numbers(in->customers);
	double	   *variance = take_numbers(in->customers);
	PortfolioAllocation	a = {.in = in, .response = response, .scenario = scenario};
	PortfolioMove move = {NULL, NULL, NULL, scenario};

	plan->effort = take_numbers(in->customers);
	plan->relaxed = take_numbers(in->customers);
	plan->revenue = palloc_extended(Max(in->customers, 1) * sizeof(Expectation), MCXT_ALLOC_HUGE);
	plan->marginal = take_numbers(in->customers);
	plan->start = take_numbers(in->customers);
	plan->team_marginal = take_numbers(scenario->teams);
	plan->rep_value = palloc0(Max(scenario->teams, 1) * sizeof(Expectation));
	plan->segment_revenue = palloc0(in->segments * sizeof(Expectation));
	plan->threshold = take_numbers(in->segments);
	plan->target_price = take_numbers(in->segments);
	a.target_price = take_numbers(in->segments);
	a.log_uplift = take_numbers(in->segments);
	a.relaxed_revenue = take_numbers(in->segments);
	a.segment_log_price = take_numbers(in->segments);
	a.elasticity = take_numbers(in->segments);
	a.log_most = salesops_log(1.0 + scenario->target_price);
	a.effort = plan->relaxed;

	for (int s = 0; s < in->segments; s++)
	{
		a.log_uplift[s] = salesops_log(scenario->uplift[s]);
		a.target_price[s] = price_of_target(&a, s);
	}
	for (int team = 0; team < scenario->teams; team++)
		plan->bound += plan_team(&a, team, plan);

	move.to = plan->effort;
	for (int s = 0; s < in->segments; s++)
	{
		const SegmentResponse *segment = &response->segment[s];
		double		target = scenario->target[s];
		double		first = Max(scenario->minimum, scenario->unit);

		spread[s] = portfolio_spread(in, response, &move, s, mean, variance);
		plan->segment_revenue[s] = portfolio_expectation(spread[s].mean, spread[s].own + spread[s].common, scenario->z, true);
		plan->value += spread[s].mean;
		plan->bound += a.relaxed_revenue[s];
		if (!isnan(target))
		{
			plan->value -= scenario->target_price * Max(target - spread[s].mean, 0.0);
			plan->bound -= scenario->target_price * Max(target - a.relaxed_revenue[s], 0.0);
		}
		for (int i = in->first[s]; i < in->first[s + 1]; i++)
		{
			plan->revenue[i] = portfolio_expectation(mean[i], variance[i], scenario->z, true);
			plan->marginal[i] = marginal(response, segment, i, plan->effort[i]) * scenario->uplift[s];
			plan->start[i] = scenario->uplift[s] *
				(first > 0.0 ? portfolio_block_density(response, segment, i, 0.0, first) : marginal(response, segment, i, 0.0));
		}
	}
	plan->total = portfolio_spread_total(response, spread, in->segments, scenario->z, true);
	plan->top_tenth = share_of_top_tenth(plan->revenue, in->customers);
	pfree(mean);
	pfree(variance);
	pfree(spread);
	return plan;
}

/* What one plan brings more than another: surer than either, for what is not known of the customers is not known of both. */
Expectation
portfolio_change(const PortfolioCustomers *in, const Response *response, const PortfolioScenario *before, const PortfolioPlan *plan_before,
				 const PortfolioScenario *after, const PortfolioPlan *plan_after)
{
	PortfolioMove move = {plan_before->effort, plan_after->effort, before, after};
	PortfolioSpread	   *spread = palloc0(in->segments * sizeof(PortfolioSpread));
	Expectation change;

	for (int s = 0; s < in->segments; s++)
		spread[s] = portfolio_spread(in, response, &move, s, NULL, NULL);
	change = portfolio_spread_total(response, spread, in->segments, after->z, false);
	pfree(spread);
	return change;
}
