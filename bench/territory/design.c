/*
 * design.c: random small instances with homes to be chosen, each solved by enumeration of all plans and all homes too. The bound is never above the
 * optimum, a plan that claims to be within limits is, costs what it says with the homes it names, and nearly all are optimal.
 *
 *	design [instances [seed]]
 */
#include "instance.h"
#include "../random.h"

#include "territory/design.h"

#include <math.h>

#define MOST	7
#define MOST_T	3

#define many(type, count) ((type *) palloc0(sizeof(type) * Max(count, 1)))

static double *
random_numbers(int count, int range)
{
	double	   *number = many(double, count);

	for (int j = 0; j < count; j++)
		number[j] = below(range);
	return number;
}

static TerritoryInput *
random_instance(void)
{
	TerritoryInput *in = many(TerritoryInput, 1);
	int			n = in->accounts = 2 + below(MOST - 1);
	int			t = in->territories = 1 + below(Min(MOST_T, n));
	int			measures = in->measures = 1 + below(2);
	double	   *amount,
			   *least,
			   *most;
	bool		has_travel = one_in(4);

	in->classes = 1 + below(2);
	in->by_territory = one_in(8);
	in->amount = amount = random_numbers(n * measures * (in->by_territory ? t : 1), 50);
	in->least = least = many(double, t * measures);
	in->most = most = many(double, t * measures);
	for (int j = 0; j < t * measures; j++)
	{
		double		mean = 0;

		for (int i = 0; i < n; i++)
			mean += amount[(in->by_territory ? i * t + j / measures : i) * measures + j % measures] / t;
		least[j] = one_in(2) ? 0 : floor(mean * below(80) / 100);
		most[j] = one_in(3) ? INFINITY : ceil(mean * (110 + below(100)) / 100);
		/* Often all are alike. */
		if (j >= measures && !one_in(4))
		{
			least[j] = least[j - measures];
			most[j] = most[j - measures];
		}
	}
	in->x = random_numbers(n, 100);
	in->y = random_numbers(n, 100);
	in->z = one_in(4) ? random_numbers(n, 100) : NULL;
	if (one_in(2))
		in->weight = random_numbers(n, 4);
	if (one_in(3))
		in->mismatch = random_numbers(in->classes * t, 40);
	if (one_in(3))
	{
		int		   *class_of = many(int, n);
		bool	   *eligible = many(bool, in->classes * t);

		for (int i = 0; i < n; i++)
			class_of[i] = below(in->classes);
		for (int j = 0; j < in->classes * t; j++)
			eligible[j] = !one_in(4) || j % t == 0;
		in->class_of = class_of;
		in->eligible = eligible;
	}
	if (one_in(3))
	{
		int		   *owner = many(int, n);

		for (int i = 0; i < n; i++)
			owner[i] = below(t + 1) - 1;
		in->owner = owner;
		in->relationship = random_numbers(n, 40);
	}
	if (one_in(4))
	{
		int		   *held = many(int, n);

		for (int i = 0; i < n; i++)
			held[i] = one_in(5) ? below(t) : one_in(8) ? TERRITORY_EXEMPT : TERRITORY_NONE;
		in->held = held;
	}
	if (one_in(4))
	{
		int		   *family = many(int, n);

		for (int i = 0; i < n; i++)
			family[i] = below(n + 1) - 1;
		in->family = family;
	}
	if (one_in(4))
	{
		bool	   *is_nowhere = many(bool, n);
		double	   *weight = many(double, n);

		for (int i = 0; i < n; i++)
		{
			is_nowhere[i] = one_in(4);
			weight[i] = is_nowhere[i] ? 0 : 1 + below(4);
		}
		in->is_nowhere = is_nowhere;
		in->weight = weight;
	}
	if (has_travel)
		in->travel = random_numbers(n * n, 100);
	else if (one_in(3))
	{
		bool	   *home_free = many(bool, t);

		for (int k = 0; k < t; k++)
			home_free[k] = one_in(2);
		in->home_free = home_free;
		in->home_x = random_numbers(t, 100);
		in->home_y = random_numbers(t, 100);
		in->home_z = random_numbers(t, 100);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = INFINITY;
	return in;
}

/* The way of an account to a territory whose home is at another account, or pinned where that is NONE. */
static double
way(const TerritoryInput *in, int i, int k, int home)
{
	double		weight = in->weight ? in->weight[i] : 1;

	if (in->travel)
		return weight * in->travel[i * in->accounts + home];
	if (home == TERRITORY_NONE)
		return weight * sqrt(pow(in->x[i] - in->home_x[k], 2) + pow(in->y[i] - in->home_y[k], 2) + (in->z ? pow(in->z[i] - in->home_z[k], 2) : 0));
	return weight * sqrt(pow(in->x[i] - in->x[home], 2) + pow(in->y[i] - in->y[home], 2) + (in->z ? pow(in->z[i] - in->z[home], 2) : 0));
}

static bool
is_exempt(const TerritoryInput *in, int i)
{
	return in->held && in->held[i] == TERRITORY_EXEMPT;
}

/* Whether a home can be at an account. */
static bool
is_site(const TerritoryInput *in, int i)
{
	return !is_exempt(in, i) && !(in->is_nowhere && in->is_nowhere[i]);
}

/* Costs of a plan with these homes as given costs: what the verifier takes. */
static TerritoryInput
with_homes(const TerritoryInput *in, const int *home)
{
	TerritoryInput given = *in;
	double	   *cost = many(double, in->accounts * in->territories);

	for (int i = 0; i < in->accounts; i++)
		for (int k = 0; k < in->territories; k++)
		{
			int			class_number = in->class_of ? in->class_of[i] : 0;
			bool		moves = in->owner && in->owner[i] != TERRITORY_NONE && in->owner[i] != k;

			cost[i * in->territories + k] = way(in, i, k, home[k]) +
				(in->mismatch ? in->mismatch[class_number * in->territories + k] : 0) + (in->relationship && moves ? in->relationship[i] : 0);
		}
	given.cost = cost;
	return given;
}

/* The cheapest way of a territory's accounts and of those after it, over homes at different accounts. */
static double
best_homes(const TerritoryInput *in, const int *territory, int k, int taken)
{
	double		best = INFINITY;
	bool		is_pinned;

	if (k == in->territories)
		return 0;
	is_pinned = in->home_free && !in->home_free[k];
	for (int home = is_pinned ? TERRITORY_NONE : 0; home < (is_pinned ? 0 : in->accounts); home++)
	{
		double		sum = 0;

		if (!is_pinned && ((taken >> home & 1) || !is_site(in, home)))
			continue;
		for (int i = 0; i < in->accounts; i++)
			if (territory[i] == k)
				sum += way(in, i, k, home);
		best = fmin(best, sum + best_homes(in, territory, k + 1, is_pinned ? taken : taken | 1 << home));
	}
	return best;
}

/* Infinite where there is no plan. */
static double
enumerate(const TerritoryInput *in)
{
	TerritoryPlan plan = {0};
	TerritoryInput given;
	int			home[MOST_T];
	double		best = INFINITY;
	int			combinations = 1;

	plan.territory = many(int, in->accounts);
	plan.price = many(double, in->territories * in->measures);
	for (int k = 0; k < in->territories; k++)
		home[k] = in->home_free && !in->home_free[k] ? TERRITORY_NONE : 0;
	given = with_homes(in, home);
	for (int i = 0; i < in->accounts; i++)
		combinations *= in->territories;
	for (int c = 0; c < combinations; c++)
	{
		int			rest = c;
		Verdict		verdict;

		for (int i = 0; i < in->accounts; i++)
		{
			plan.territory[i] = is_exempt(in, i) ? TERRITORY_EXEMPT : rest % in->territories;
			rest /= in->territories;
		}
		verdict = verify(&given, &plan);
		if (verdict.broken > 0 || verdict.outside > 0)
			continue;
		for (int i = 0; i < in->accounts; i++)
			if (plan.territory[i] >= 0)
				verdict.cost -= way(in, i, plan.territory[i], home[plan.territory[i]]);
		best = fmin(best, verdict.cost + best_homes(in, plan.territory, 0, 0));
	}
	return best;
}

/* Exempt accounts, those that are nowhere and those that two territories have are no homes, nor are accounts homes of pinned ones. */
static bool
are_homes(const TerritoryInput *in, const int *home)
{
	int			sites = 0;

	for (int i = 0; i < in->accounts; i++)
		sites += is_site(in, i);
	for (int k = 0; k < in->territories; k++)
	{
		if (in->home_free && !in->home_free[k])
		{
			if (home[k] != TERRITORY_NONE)
				return false;
			continue;
		}
		if (home[k] < 0 || home[k] >= in->accounts || !is_site(in, home[k]))
			return false;
		for (int l = 0; l < k; l++)
			if (home[l] == home[k] && sites >= in->territories)
				return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	int			instances = argc > 1 ? atoi(argv[1]) : 500;
	uint64		seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int			solvable = 0,
				optimal = 0,
				missed = 0,
				bounds = 0,
				wrong = 0;
	double		gap = 0;

	for (int i = 0; i < instances; i++)
	{
		TerritoryOptions options = {.effort = 0.005};
		TerritoryInput *in;
		TerritoryInput given;
		TerritoryPlan *plan;
		Verdict		verdict;
		double		optimum;
		int			home[MOST_T];
		int			sites = 0;

		state = (seed * 1000003 + i + 1) * UINT64CONST(0x9E3779B97F4A7C15);
		for (int j = 0; j < 8; j++)
			below(2);
		in = random_instance();
		for (int j = 0; j < in->accounts; j++)
			sites += is_site(in, j);
		optimum = enumerate(in);
		plan = territory_design(in, &options, home);
		if (!plan->is_valid)
		{
			if (plan->reasons == 0 || !isinf(optimum))
			{
				printf("design of instance %d: refused, and the optimum is %g\n", i, optimum);
				wrong++;
			}
			continue;
		}
		/* With fewer accounts than territories nobody knows whose homes are where. */
		if (sites < in->territories)
			continue;
		if (!are_homes(in, home))
		{
			printf("design of instance %d: these are no homes\n", i);
			wrong++;
			continue;
		}
		given = with_homes(in, home);
		verdict = verify(&given, plan);
		if (fabs(verdict.cost - plan->cost) > 1e-6 * (1 + fabs(verdict.cost)))
		{
			printf("design of instance %d: cost %.10g, said %.10g\n", i, verdict.cost, plan->cost);
			wrong++;
		}
		if ((plan->outside == 0) != (verdict.outside == 0 && verdict.broken == 0) || (plan->outside > 0 && plan->reasons == 0))
		{
			printf("design of instance %d: outside %g, said %g, broken %d, %d reasons\n", i, verdict.outside, plan->outside, verdict.broken, plan->reasons);
			wrong++;
		}
		if (isinf(optimum))
		{
			if (plan->outside == 0)
			{
				printf("design of instance %d: a plan where there is none\n", i);
				wrong++;
			}
			continue;
		}
		solvable++;
		if (plan->design_bound > optimum + 1e-9 * (1 + fabs(optimum)))
		{
			printf("design of instance %d: bound %.12g above the optimum %.12g\n", i, plan->design_bound, optimum);
			wrong++;
		}
		if (!isinf(plan->design_bound) && optimum > 0)
		{
			bounds++;
			gap += (optimum - plan->design_bound) / optimum;
		}
		if (plan->outside > 0)
			missed++;
		else if (plan->cost <= optimum + 1e-6 * (1 + fabs(optimum)))
			optimal++;
		if (plan->outside == 0 && plan->cost < optimum - 1e-6 * (1 + fabs(optimum)))
		{
			printf("design of instance %d: cost %.12g below the optimum %.12g\n", i, plan->cost, optimum);
			wrong++;
		}
	}
	printf("design of %d instances: %d with a plan; of those %.2f%% optimal, %d missed; %d bounds, on the mean %.1f%% below; %d wrong\n", instances, solvable,
		   100.0 * optimal / Max(solvable, 1), missed, bounds, 100 * gap / Max(bounds, 1), wrong);
	return wrong > 0 || optimal < 0.95 * solvable;
}
