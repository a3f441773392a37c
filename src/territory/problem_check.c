/*
 * problem_check.c: whether the input makes sense. Each check finds the first fault of its kind and the rest is not looked at.
 */
#include "territory/problem_build.h"

bool
problem_bad_number(Problem *p, int account, int territory, int measure, double value)
{
	TerritoryReason *reason = problem_complain(p, TERRITORY_BAD_NUMBER);

	reason->account = account;
	reason->territory = territory;
	reason->measure = measure;
	reason->value = value;
	return false;
}

static bool
check_sizes(Problem *p)
{
	const TerritoryInput *in = p->input;
	int			bad = 0;
	double		value = 0;

	if (in->accounts < 0)
		bad = 1, value = in->accounts;
	else if (in->territories < 1 || in->territories > TERRITORY_MOST_TERRITORIES)
		bad = 1, value = in->territories;
	else if (in->measures < 1 || in->measures > TERRITORY_MOST_MEASURES)
		bad = 1, value = in->measures;
	else if (in->classes < 1)
		bad = 1, value = in->classes;
	if (bad)
		problem_complain(p, TERRITORY_BAD_SIZE)->value = value;
	return !bad;
}

static bool
check_territories(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int k = 0; k < in->territories; k++)
	{
		if (in->x && !(isfinite(in->home_x[k]) && isfinite(in->home_y[k])))
			return problem_bad_number(p, TERRITORY_NONE, k, TERRITORY_NONE, isfinite(in->home_x[k]) ? in->home_y[k] : in->home_x[k]);
		if (in->x && in->z && !isfinite(in->home_z[k]))
			return problem_bad_number(p, TERRITORY_NONE, k, TERRITORY_NONE, in->home_z[k]);
		for (int m = 0; m < in->measures; m++)
		{
			double		least = in->least[k * in->measures + m];
			double		most = in->most[k * in->measures + m];

			if (!(least >= 0) || isinf(least))
				return problem_bad_number(p, TERRITORY_NONE, k, m, least);
			if (!(most >= 0))
				return problem_bad_number(p, TERRITORY_NONE, k, m, most);
		}
	}
	if (in->mismatch)
		for (Size j = 0; j < (Size) in->classes * in->territories; j++)
			if (!(in->mismatch[j] >= 0) || isinf(in->mismatch[j]))
				return problem_bad_number(p, TERRITORY_NONE, j % in->territories, TERRITORY_NONE, in->mismatch[j]);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (!(in->budget[b] >= 0))
			return problem_bad_number(p, TERRITORY_NONE, TERRITORY_NONE, b, in->budget[b]);
	return true;
}

static bool
check_reference(Problem *p, int account, int value, int least, int count)
{
	TerritoryReason *reason;

	if (value >= least && value < count)
		return true;
	reason = problem_complain(p, TERRITORY_BAD_REFERENCE);
	reason->account = account;
	reason->value = value;
	return false;
}

static bool
check_accounts(Problem *p)
{
	const TerritoryInput *in = p->input;
	Size		amounts = (Size) in->measures * (in->by_territory ? in->territories : 1);

	for (int i = 0; i < in->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		if (in->class_of && !check_reference(p, i, in->class_of[i], 0, in->classes))
			return false;
		if (in->owner && !check_reference(p, i, in->owner[i], TERRITORY_NONE, in->territories))
			return false;
		if (in->held && !check_reference(p, i, in->held[i], TERRITORY_EXEMPT, in->territories))
			return false;
		for (Size m = 0; m < amounts; m++)
			if (!(in->amount[i * amounts + m] >= 0) || isinf(in->amount[i * amounts + m]))
				return problem_bad_number(p, i, in->by_territory ? (int) (m / in->measures) : TERRITORY_NONE, m % in->measures, in->amount[i * amounts + m]);
		if (in->relationship && (!(in->relationship[i] >= 0) || isinf(in->relationship[i])))
			return problem_bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->relationship[i]);
		if (in->x && !(isfinite(in->x[i]) && isfinite(in->y[i])))
			return problem_bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, isfinite(in->x[i]) ? in->y[i] : in->x[i]);
		if (in->x && in->z && !isfinite(in->z[i]))
			return problem_bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->z[i]);
		if (in->weight && (!(in->weight[i] >= 0) || isinf(in->weight[i])))
			return problem_bad_number(p, i, TERRITORY_NONE, TERRITORY_NONE, in->weight[i]);
		if (in->cost)
			for (int k = 0; k < in->territories; k++)
				if (!isfinite(in->cost[(Size) i * in->territories + k]))
					return problem_bad_number(p, i, k, TERRITORY_NONE, in->cost[(Size) i * in->territories + k]);
	}
	return true;
}

bool
problem_check(Problem *p)
{
	return check_sizes(p) && check_territories(p) && check_accounts(p);
}
