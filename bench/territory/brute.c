/*
 * brute.c: thousands of random small instances with every kind of constraint, each solved by enumeration too. The bound is never above the
 * optimum, a plan that claims to be within limits is, no plan is less outside than what is proven, and nearly all plans are optimal. A quarter of the
 * plans go on from there after a change, and the same holds. Where somebody has accounts the fewest moves are looked for too, and the same holds. And some
 * transportation problems, whose bound must be the optimum.
 *
 *	brute [instances [seed]]
 */
#include "instance.h"

#include <math.h>

static uint64 state;

static uint64
draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int
below(int n)
{
	return draw() % n;
}

static bool
one_in(int n)
{
	return below(n) == 0;
}

#define many(type, count) ((type *) palloc0(sizeof(type) * Max(count, 1)))

static TerritoryInput *
random_instance(void)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	int			n = in->accounts = 1 + below(8);
	int			t = in->territories = 1 + below(4);
	int			measures = in->measures = 1 + below(3);
	double	   *amount,
			   *least = many(double, t * measures),
			   *most = many(double, t * measures);
	Size		amounts;

	in->classes = 1 + below(3);
	in->by_territory = one_in(4);
	amounts = (Size) n * measures * (in->by_territory ? t : 1);
	in->amount = amount = many(double, amounts);
	for (Size j = 0; j < amounts; j++)
		amount[j] = one_in(3) ? below(10) : below(1000) / 8.0;
	for (int j = 0; j < t * measures; j++)
	{
		double		mean = 0;

		for (int i = 0; i < n; i++)
			mean += amount[(in->by_territory ? (Size) i * t + j / measures : (Size) i) * measures + j % measures] / t;
		least[j] = one_in(2) ? 0 : floor(mean * below(90) / 100);
		most[j] = one_in(3) ? INFINITY : ceil(mean * (105 + below(100)) / 100);
	}
	in->least = least;
	in->most = most;
	if (!one_in(3))
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
	if (!one_in(3))
	{
		int		   *owner = many(int, n);
		double	   *relationship = many(double, n);

		for (int i = 0; i < n; i++)
		{
			owner[i] = below(t + 1) - 1;
			relationship[i] = below(60);
		}
		in->owner = owner;
		if (!one_in(4))
			in->relationship = relationship;
	}
	if (one_in(2))
	{
		int		   *held = many(int, n);

		for (int i = 0; i < n; i++)
			held[i] = one_in(5) ? below(t) : one_in(8) ? TERRITORY_EXEMPT : TERRITORY_NONE;
		in->held = held;
	}
	if (one_in(3))
	{
		int		   *family = many(int, n);

		for (int i = 0; i < n; i++)
			family[i] = below(n + 1) - 1;
		in->family = family;
	}
	if (one_in(4))
	{
		double	   *cost = many(double, n * t);

		for (int j = 0; j < n * t; j++)
			cost[j] = below(100) - 20;
		in->cost = cost;
	}
	else
	{
		double	   *x = many(double, n),
				   *y = many(double, n),
				   *home_x = many(double, t),
				   *home_y = many(double, t),
				   *weight = many(double, n),
				   *mismatch = many(double, in->classes * t);

		for (int i = 0; i < n; i++)
		{
			x[i] = below(100);
			y[i] = below(100);
			weight[i] = below(300) / 100.0;
		}
		for (int k = 0; k < t; k++)
		{
			home_x[k] = k > 0 && one_in(3) ? home_x[k - 1] : below(100);
			home_y[k] = below(100);
		}
		for (int j = 0; j < in->classes * t; j++)
			mismatch[j] = one_in(2) ? 0 : below(50);
		in->x = x;
		in->y = y;
		in->home_x = home_x;
		in->home_y = home_y;
		if (one_in(4))
		{
			double	   *z = many(double, n),
					   *home_z = many(double, t);

			for (int i = 0; i < n; i++)
				z[i] = below(100);
			for (int k = 0; k < t; k++)
				home_z[k] = below(100);
			in->z = z;
			in->home_z = home_z;
		}
		if (one_in(2))
			in->weight = weight;
		if (one_in(2))
			in->mismatch = mismatch;
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = in->owner && one_in(4) ? below(b == TERRITORY_BUDGET_COUNT ? n + 1 : 400) : INFINITY;
	in->budget_measure = below(measures);
	return in;
}

/* The cheapest plan within all limits, by trying all; infinite where there is none. And the least that a plan within budgets is outside. */
static double
enumerate(const TerritoryInput *in, double *least_outside)
{
	TerritoryPlan plan = {0};
	double		best = INFINITY;
	long		combinations = 1;

	*least_outside = INFINITY;
	plan.territory = many(int, in->accounts);
	plan.price = many(double, in->territories * in->measures);
	for (int i = 0; i < in->accounts; i++)
		combinations *= in->territories;
	for (long c = 0; c < combinations; c++)
	{
		long		rest = c;
		Verdict		verdict;

		for (int i = 0; i < in->accounts; i++)
		{
			plan.territory[i] = in->held && in->held[i] == TERRITORY_EXEMPT ? TERRITORY_EXEMPT : rest % in->territories;
			rest /= in->territories;
		}
		verdict = verify(in, &plan);
		if (verdict.broken == 0 && verdict.outside == 0)
			best = fmin(best, verdict.cost);
		if (verdict.broken == 0)
			*least_outside = fmin(*least_outside, verdict.outside);
	}
	return best;
}

/* Accounts that all count 1, and whole limits that are apart: a transportation problem, whose best plan splits nothing, so the bound is the optimum. */
static TerritoryInput *
random_transport(void)
{
	TerritoryInput *in = palloc0(sizeof(TerritoryInput));
	int			n = in->accounts = 6 + below(35);
	int			territories = in->territories = 2 + below(5);
	double	   *amount = many(double, n);
	double	   *cost = many(double, n * territories);
	double	   *least = many(double, territories);
	double	   *most = many(double, territories);
	int			fair = (n + territories - 1) / territories;

	in->measures = in->classes = 1;
	for (int i = 0; i < n; i++)
		amount[i] = 1;
	for (int i = 0; i < n * territories; i++)
		cost[i] = below(100) + 100 * (i % territories > 0);
	/* The first is wanted by all. */
	for (int k = 0; k < territories; k++)
	{
		least[k] = one_in(3) ? n / territories / 2 : 0;
		most[k] = k == 0 ? fair : fair + below(n);
	}
	in->amount = amount;
	in->cost = cost;
	in->least = least;
	in->most = most;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		in->budget[b] = INFINITY;
	return in;
}

/*
 * A plan goes on after limits changed: accounts are owned by whom it gave them to, and one territory is to have less and all others may have more; of
 * every other plan a territory is new, has no price, and nobody has its accounts. Returns how many claims are wrong, and counts plans that are outside where there is one within limits. Those are missed from
 * nothing too, where none may be less outside.
 */
static int
check_warm(const TerritoryInput *before, const TerritoryPlan *former, int number, int *missed)
{
	TerritoryInput in = *before;
	int			rows = in.territories * in.measures;
	double	   *least = many(double, rows);
	double	   *most = many(double, rows);
	int			shrinks = draw() % in.territories;
	int		   *owner = many(int, in.accounts);
	double	   *price = many(double, rows);
	int			is_new = number % 2 == 0 ? TERRITORY_NONE : (int) (draw() % in.territories);
	TerritoryOptions options = {.price = price};
	TerritoryOptions from_nothing = {0};
	TerritoryPlan *plan;
	Verdict		verdict;
	double		optimum;
	double		least_outside;

	for (int j = 0; j < rows; j++)
	{
		double		factor = j / in.measures == shrinks ? 0.8 : 1.2;

		least[j] = in.least[j] * Min(factor, 1);
		most[j] = in.most[j] * factor;
		price[j] = j / in.measures == is_new ? NAN : former->price[j];
	}
	in.least = least;
	in.most = most;
	in.owner = owner;
	for (int i = 0; i < in.accounts; i++)
	{
		if (former->territory[i] < 0)
			return 0;
		owner[i] = former->territory[i] == is_new ? TERRITORY_NONE : former->territory[i];
	}
	plan = territory_balance(&in, &options);
	verdict = verify(&in, plan);
	optimum = enumerate(&in, &least_outside);
	if (fabs(verdict.cost - plan->cost) > 1e-6 * (1 + fabs(verdict.cost)) || (plan->outside == 0) != (verdict.outside == 0 && verdict.broken == 0) ||
		(verdict.broken > 0 && !isinf(least_outside)) || (!isinf(optimum) && plan->bound > optimum + 1e-9 * (1 + fabs(optimum))))
	{
		printf("warm %d: cost %.10g, said %.10g; outside %g, said %g; broken %d; bound %.12g, optimum %.12g\n", number, verdict.cost, plan->cost,
			   verdict.outside, plan->outside, verdict.broken, plan->bound, optimum);
		return 1;
	}
	if (plan->outside == 0)
		return 0;
	*missed += !isinf(optimum);
	if (territory_balance(&in, &from_nothing)->outside >= plan->outside)
		return 0;
	printf("warm %d: from nothing less is outside\n", number);
	return 1;
}

/* The input whose costs are what the fewest moves count: a move, and a little of all else. */
static TerritoryInput
in_moves(const TerritoryInput *before, double tie_break)
{
	TerritoryInput in = *before;
	double	   *relationship = many(double, in.accounts);
	double	   *weight = many(double, in.accounts);
	double	   *mismatch = many(double, in.classes * in.territories);
	double	   *cost = many(double, in.accounts * in.territories);

	for (int i = 0; i < in.accounts; i++)
	{
		relationship[i] = 1;
		weight[i] = tie_break * (before->weight ? before->weight[i] : 1);
		for (int k = 0; k < in.territories; k++)
			if (before->cost)
				cost[i * in.territories + k] = tie_break * before->cost[i * in.territories + k] + (in.owner[i] != TERRITORY_NONE && in.owner[i] != k);
	}
	for (int j = 0; j < in.classes * in.territories; j++)
		mismatch[j] = before->mismatch ? tie_break * before->mismatch[j] : 0;
	in.relationship = relationship;
	in.weight = weight;
	in.mismatch = mismatch;
	in.cost = before->cost ? cost : NULL;
	return in;
}

/* What was counted of the fewest moves. */
typedef struct Moves
{
	int			solvable;
	int			optimal;
	int			missed;
	int			in_steps;		/* bounds that whole accounts raised */
} Moves;

/* The fewest moves. Returns how many claims are wrong. */
static int
check_moves(const TerritoryInput *before, int number, Moves *moves)
{
	TerritoryOptions options = {.effort = 0.01, .fewest_moves = true};
	TerritoryPlan *plan = territory_balance(before, &options);
	TerritoryInput in;
	Verdict		verdict;
	double		optimum;
	double		least_outside;

	if (!plan->is_valid)
		return 0;
	in = in_moves(before, plan->tie_break);
	verdict = verify(&in, plan);
	optimum = enumerate(&in, &least_outside);
	moves->in_steps += plan->whole_price != NULL;
	if (!isinf(optimum))
	{
		moves->solvable++;
		moves->missed += plan->outside > 0;
		moves->optimal += plan->outside == 0 && plan->cost <= optimum + 1e-6 * (1 + fabs(optimum));
	}
	if (fabs(verdict.cost - plan->cost) <= 1e-6 * (1 + fabs(verdict.cost)) && (plan->outside == 0) == (verdict.outside == 0 && verdict.broken == 0) &&
		(verdict.broken == 0 || isinf(least_outside)) && (isinf(optimum) || plan->bound <= optimum + 1e-9 * (1 + fabs(optimum))))
		return 0;
	printf("moves %d: cost %.10g, said %.10g; outside %g, said %g; broken %d; bound %.12g, optimum %.12g\n", number, verdict.cost, plan->cost,
		   verdict.outside, plan->outside, verdict.broken, plan->bound, optimum);
	return 1;
}

int
main(int argc, char **argv)
{
	Moves		moves = {0};
	int			instances = argc > 1 ? atoi(argv[1]) : 3000;
	uint64		seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int			solvable = 0,
				optimal = 0,
				infeasible = 0,
				explained = 0,
				exactly = 0,
				refused = 0,
				missed = 0,
				warm_missed = 0,
				wrong = 0;

	for (int i = 0; i < instances; i++)
	{
		TerritoryOptions options = {.effort = 0.01};
		TerritoryInput *in;
		TerritoryPlan *plan;
		Verdict		verdict;
		double		optimum;
		double		least_outside;

		state = (seed * 1000003 + i + 1) * UINT64CONST(0x9E3779B97F4A7C15);
		for (int j = 0; j < 8; j++)
			draw();
		in = random_instance();
		if (in->owner)
			wrong += check_moves(in, i, &moves);
		optimum = enumerate(in, &least_outside);
		plan = territory_balance(in, &options);
		if (!plan->is_valid)
		{
			refused++;
			if (plan->reasons == 0 || !isinf(optimum))
			{
				printf("instance %d: refused, and the optimum is %g\n", i, optimum);
				wrong++;
			}
			continue;
		}
		verdict = verify(in, plan);
		if (fabs(verdict.cost - plan->cost) > 1e-6 * (1 + fabs(verdict.cost)))
		{
			printf("instance %d: cost %.10g, said %.10g\n", i, verdict.cost, plan->cost);
			wrong++;
		}
		if ((plan->outside == 0) != (verdict.outside == 0 && verdict.broken == 0))
		{
			printf("instance %d: outside %g, said %g, broken %d\n", i, verdict.outside, plan->outside, verdict.broken);
			wrong++;
		}
		/* Holds, families, eligibility and budgets are kept wherever they can be, whatever that does to loads. */
		if (verdict.broken > 0 && !isinf(least_outside))
		{
			printf("instance %d: %d broken, used %g and %g of budgets %g and %g\n", i, verdict.broken, plan->budget_used[0], plan->budget_used[1],
				   in->budget[0], in->budget[1]);
			wrong++;
		}
		if (plan->outside > 0 && plan->reasons == 0)
		{
			printf("instance %d: outside without a reason\n", i);
			wrong++;
		}
		/* What budgets overdrawn come to is not looked at here. */
		if (plan->best_outside > plan->outside || (isinf(in->budget[0]) && isinf(in->budget[1]) && plan->best_outside > least_outside * (1 + 1e-9)))
		{
			printf("instance %d: every plan is said to be outside by %.12g, and one is by %.12g\n", i, plan->best_outside, fmin(plan->outside, least_outside));
			wrong++;
		}
		if (isinf(optimum))
		{
			infeasible++;
			explained += plan->best_outside > 0;
			exactly += plan->best_outside > least_outside * (1 - 1e-9);
			if (plan->outside == 0)
			{
				printf("instance %d: a plan where there is none\n", i);
				wrong++;
			}
			continue;
		}
		solvable++;
		if (plan->best_outside > 0)
		{
			printf("instance %d: outside is said to be proven, and there is a plan within limits\n", i);
			wrong++;
		}
		if (plan->bound > optimum + 1e-9 * (1 + fabs(optimum)))
		{
			printf("instance %d: bound %.12g above the optimum %.12g\n", i, plan->bound, optimum);
			wrong++;
		}
		if (plan->outside > 0)
			missed++;
		else if (plan->cost <= optimum + 1e-6 * (1 + fabs(optimum)))
			optimal++;
		if (plan->outside == 0 && i % 4 == 0)
			wrong += check_warm(in, plan, i, &warm_missed);
	}
	for (int i = 0; i < instances / 10; i++)
	{
		TerritoryOptions options = {.effort = 0.01};
		TerritoryPlan *plan = territory_balance(random_transport(), &options);

		if (plan->outside > 0 || plan->cost - plan->bound > 0.0005 * plan->cost)
		{
			printf("transport %d: cost %.10g, bound %.10g, outside %g\n", i, plan->cost, plan->bound, plan->outside);
			wrong++;
		}
	}
	printf("%d instances: %d refused, %d without a plan, %d of these explained, %d in full; %d with a plan, of those %.2f%% optimal, %d missed, %d when they go on; %d wrong\n",
		   instances, refused, infeasible, explained, exactly, solvable, 100.0 * optimal / Max(solvable, 1), missed, warm_missed, wrong);
	printf("fewest moves: %d with a plan, of those %.2f%% optimal, %d missed; %d bounds count whole accounts\n", moves.solvable,
		   100.0 * moves.optimal / Max(moves.solvable, 1), moves.missed, moves.in_steps);
	return wrong > 0 || optimal < 0.95 * solvable || moves.optimal < 0.95 * moves.solvable;
}
