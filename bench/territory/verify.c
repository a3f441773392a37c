/*
 * verify.c: what a plan costs, whether it keeps every rule, and what bound its prices prove, computed from the input by plain double
 * loops over everything. Shares no code with the solver.
 */
#include "instance.h"

#include <math.h>

static double
amount_of(const TerritoryInput *in, int i, int k, int m)
{
	return in->by_territory ? in->amount[((Size) i * in->territories + k) * in->measures + m] : in->amount[(Size) i * in->measures + m];
}

static int
owner_of(const TerritoryInput *in, int i)
{
	return in->owner ? in->owner[i] : TERRITORY_NONE;
}

static double
cost_of(const TerritoryInput *in, int i, int k)
{
	double		cost = 0;

	if (in->cost)
		return in->cost[(Size) i * in->territories + k];
	if (in->x)
	{
		double		flat = hypot(in->x[i] - in->home_x[k], in->y[i] - in->home_y[k]);

		cost += (in->weight ? in->weight[i] : 1) * (in->z ? hypot(flat, in->z[i] - in->home_z[k]) : flat);
	}
	if (in->mismatch)
		cost += in->mismatch[(in->class_of ? in->class_of[i] : 0) * (Size) in->territories + k];
	if (in->relationship && owner_of(in, i) != TERRITORY_NONE && owner_of(in, i) != k)
		cost += in->relationship[i];
	return cost;
}

static bool
may_have(const TerritoryInput *in, int i, int k)
{
	if (in->held && in->held[i] >= 0)
		return in->held[i] == k;
	return !in->eligible || in->eligible[(in->class_of ? in->class_of[i] : 0) * (Size) in->territories + k];
}

static bool
is_exempt(const TerritoryInput *in, int i)
{
	return in->held && in->held[i] == TERRITORY_EXEMPT;
}

/* What an account uses of budget b at a territory. */
static double
used_by(const TerritoryInput *in, int i, int k, int b)
{
	if (owner_of(in, i) == TERRITORY_NONE || owner_of(in, i) == k)
		return 0;
	return b == TERRITORY_BUDGET_COUNT ? 1 : amount_of(in, i, owner_of(in, i), in->budget_measure);
}

/*
 * The bound at the plan's prices. Families are taken apart here, which can only make the bound lower; held accounts pay and weigh where
 * they are held. Held by family: the family's held member's place.
 */
static double
bound_of(const TerritoryInput *in, const TerritoryPlan *plan)
{
	long double sum = 0;

	for (int i = 0; i < in->accounts; i++)
	{
		double		least = INFINITY;

		if (is_exempt(in, i))
			continue;
		for (int k = 0; k < in->territories; k++)
			if (may_have(in, i, k))
			{
				double		value = cost_of(in, i, k);

				for (int m = 0; m < in->measures; m++)
					value += plan->price[k * in->measures + m] * amount_of(in, i, k, m);
				for (int b = 0; b < TERRITORY_BUDGETS; b++)
					if (plan->budget_price[b] != 0)
						value += plan->budget_price[b] * used_by(in, i, k, b);
				least = fmin(least, value);
			}
		sum += least;
	}
	for (int j = 0; j < in->territories * in->measures; j++)
		if (plan->price[j] != 0)
			sum -= plan->price[j] * (plan->price[j] > 0 ? in->most[j] : in->least[j]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (plan->budget_price[b] != 0)
			sum -= plan->budget_price[b] * in->budget[b];
	return sum;
}

/* All there is of a measure, which is what a load outside is measured by where there is no most below that. */
static double
all_of(const TerritoryInput *in, int m)
{
	double		all = 0;

	for (int i = 0; i < in->accounts; i++)
	{
		double		largest = 0;

		for (int k = 0; k < in->territories; k++)
			largest = fmax(largest, amount_of(in, i, k, m));
		all += largest;
	}
	for (int k = 0; k < in->territories; k++)
		all = fmax(all, in->least[k * in->measures + m]);
	return all;
}

Verdict
verify(const TerritoryInput *in, const TerritoryPlan *plan)
{
	Verdict		v = {0};
	double	   *load = palloc0(sizeof(double) * in->territories * in->measures);
	double		used[TERRITORY_BUDGETS] = {0};
	double		all[TERRITORY_MOST_MEASURES];

	for (int m = 0; m < in->measures; m++)
		all[m] = all_of(in, m);
	for (int i = 0; i < in->accounts; i++)
	{
		int			k = plan->territory[i];

		if (is_exempt(in, i))
		{
			v.broken += k != TERRITORY_EXEMPT;
			continue;
		}
		if (k < 0 || k >= in->territories || !may_have(in, i, k))
			v.broken++;
		if (k < 0 || k >= in->territories)
			continue;
		v.cost += cost_of(in, i, k);
		for (int m = 0; m < in->measures; m++)
			load[k * in->measures + m] += amount_of(in, i, k, m);
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			used[b] += used_by(in, i, k, b);
		if (owner_of(in, i) != TERRITORY_NONE)
		{
			v.owned++;
			v.moved += owner_of(in, i) != k;
			for (int m = 0; m < in->measures && owner_of(in, i) != k; m++)
				v.moved_amount[m] += amount_of(in, i, k, m);
		}
		if (in->family && in->family[i] != TERRITORY_NONE)
			for (int other = 0; other < i; other++)
				if (in->family[other] == in->family[i] && !is_exempt(in, other) && plan->territory[other] != k)
				{
					v.broken++;
					break;
				}
	}
	for (int j = 0; j < in->territories * in->measures; j++)
	{
		double		middle = (in->least[j] + in->most[j]) / 2;
		double		over = load[j] - in->most[j];
		double		under = in->least[j] - load[j];

		if (load[j] > in->most[j] * (1 + 1e-9) || load[j] < in->least[j] * (1 - 1e-9))
			v.outside += fmax(over, under) / fmin(in->most[j], all[j % in->measures]);
		if (middle > 0 && !isinf(middle))
			v.worst[j % in->measures] = fmax(v.worst[j % in->measures], fabs(load[j] / middle - 1));
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (used[b] > in->budget[b] * (1 + 1e-9))
			v.broken++;
	v.bound = bound_of(in, plan);
	pfree(load);
	return v;
}
