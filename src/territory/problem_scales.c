/*
 * problem_scales.c: what amounts, places and costs are multiplied by to become whole numbers, and the limits in them.
 */
#include "territory/problem_build.h"

/* All of a measure stays below this. */
#define AMOUNT_BITS		50
/* The mean difference between the cheapest and the eighth cheapest territory becomes about 2^22; every cost stays below 2^50. */
#define SPREAD_BITS		22
#define COST_BITS		50

/* The largest power of two that keeps the value below 2^bits. */
static double
scale_to(double value, int bits)
{
	int			exponent;

	if (!(value > 0))
		return 1.0;
	frexp(value, &exponent);
	return ldexp(1.0, Max(-900, Min(900, bits - exponent)));
}

/* The middle of one coordinate; the reach becomes at least what the coordinate needs. */
static double
middle_of(Problem *p, const double *place, const double *home)
{
	double		low = INFINITY;
	double		high = -INFINITY;

	for (int i = 0; i < p->input->accounts; i++)
	{
		progress_every(p, i, PROGRESS_ACCOUNTS);
		low = Min(low, place[i]);
		high = Max(high, place[i]);
	}
	for (int k = 0; k < p->territories; k++)
	{
		low = Min(low, home[k]);
		high = Max(high, home[k]);
	}
	p->reach = Max(p->reach, high / 2 - low / 2);
	return low / 2 + high / 2;
}

void
problem_find_middle(Problem *p)
{
	const TerritoryInput *in = p->input;

	p->place_scale = 1.0;
	if (!in->x)
		return;
	p->middle_x = middle_of(p, in->x, in->home_x);
	p->middle_y = middle_of(p, in->y, in->home_y);
	if (in->z)
		p->middle_z = middle_of(p, in->z, in->home_z);
	p->place_scale = scale_to(p->reach, 0);
}

/* Scales, from totals; the largest amount of an account counts where amounts differ by territory. */
void
problem_find_scales(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int m = 0; m < in->measures; m++)
	{
		double		total = 0;

		for (int i = 0; i < in->accounts; i++)
		{
			progress_every(p, i, PROGRESS_ACCOUNTS);
			if (in->by_territory)
			{
				double		largest = 0;

				for (int k = 0; k < in->territories; k++)
					largest = Max(largest, in->amount[((Size) i * in->territories + k) * in->measures + m]);
				total += largest;
			}
			else
				total += in->amount[(Size) i * in->measures + m];
		}
		for (int k = 0; k < in->territories; k++)
			total = Max(total, in->least[k * in->measures + m]);
		p->amount_scale[m] = scale_to(total, AMOUNT_BITS);
		p->mean_amount[m] = in->accounts > 0 ? total / in->accounts * p->amount_scale[m] : 0;
	}
	p->budget_scale[TERRITORY_BUDGET_COUNT] = scale_to(in->accounts, AMOUNT_BITS);
	p->budget_scale[TERRITORY_BUDGET_AMOUNT] = p->amount_scale[in->budget_measure];
}

/*
 * The limits of what is left; where none can be kept, the nearest that could be. They are widened to whole numbers: a limit such as 1.2 times a
 * target of 10 may be 11.999999999999998, and a load of 12 is within it.
 */
void
problem_set_limits(Problem *p)
{
	const TerritoryInput *in = p->input;

	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % in->measures;
		double		scale = p->amount_scale[m];
		/* All there is; rounded to whole numbers it may come to more. */
		double		total = (p->mean_amount[m] + 0.5) * in->accounts;
		double		most = ceil(Min(in->most[j] * scale, total));
		double		least = floor(in->least[j] * scale);
		double		held = p->held_load[j];

		p->width[j] = Max(most, 1);
		if (least > most)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_LIMITS_CROSS);

			reason->territory = j / in->measures;
			reason->measure = m;
			reason->value = in->least[j];
			reason->limit = in->most[j];
			p->outside += (least - most) / p->width[j];
		}
		if (held > most)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_HELD_TOO_MUCH);

			reason->territory = j / in->measures;
			reason->measure = m;
			reason->value = held / scale;
			reason->limit = in->most[j];
			p->outside += (held - most) / p->width[j];
		}
		p->most[j] = Max(most - held, 0);
		p->least[j] = Min(Max(least - held, 0), p->most[j]);
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		/* Budgets are widened too, by what rounding may have added to all that could move; whole numbers are not rounded. */
		p->budget[b] = isinf(in->budget[b]) ? INFINITY :
			ceil(in->budget[b] * p->budget_scale[b]) + (b == TERRITORY_BUDGET_AMOUNT ? ceil(p->budget_rounding) : 0) - p->held_used[b];
		if (p->budget[b] < 0)
		{
			TerritoryReason *reason = problem_complain(p, TERRITORY_BUDGET_SHORT);

			reason->measure = b;
			reason->value = p->held_used[b] / p->budget_scale[b];
			reason->limit = in->budget[b];
			p->outside -= p->budget[b] / Max(p->budget[b] + p->held_used[b], p->budget_scale[b]);
			p->budget[b] = 0;
		}
		if (!isinf(p->budget[b]))
			p->has_budget = true;
	}
}

/* How far apart the homes are. */
static double
homes_apart(const Problem *p)
{
	const TerritoryInput *in = p->input;
	double		apart = 0;

	for (int k = 1; k < in->territories; k++)
		apart = Max(apart, fabs(in->home_x[k] - in->home_x[0]) + fabs(in->home_y[k] - in->home_y[0]) + (in->z ? fabs(in->home_z[k] - in->home_z[0]) : 0));
	return apart;
}

/* What an account costs at most anywhere. `apart`: how far apart the homes are. */
static double
dearest_cost(const Problem *p, int account, const double *mismatch, double apart)
{
	const TerritoryInput *in = p->input;
	double		other = 0;

	for (int k = 0; k < in->territories && in->cost; k++)
		other = Max(other, fabs(in->cost[(Size) account * in->territories + k]));
	if (in->x && !in->cost)
	{
		double		x = in->x[account] - in->home_x[0];
		double		y = in->y[account] - in->home_y[0];
		double		z = in->z ? in->z[account] - in->home_z[0] : 0;

		other = (in->weight ? in->weight[account] : 1.0) * (sqrt(x * x + y * y + z * z) + apart);
	}
	if (!in->cost)
		other += mismatch[in->class_of ? in->class_of[account] : 0];
	return other * p->distance_factor + (p->options->fewest_moves ? 1.0 : in->relationship && in->owner && in->owner[account] >= 0 ? in->relationship[account] : 0);
}

/* What a unit, or what is held, costs at most anywhere, and the first account of the one that does. */
static double
largest_cost(Problem *p, int *dearest)
{
	const TerritoryInput *in = p->input;
	double	   *mismatch = take(p, double, in->classes);
	double		apart = in->x ? homes_apart(p) : 0;
	double		largest = 0;

	*dearest = TERRITORY_NONE;
	for (Size j = 0; in->mismatch && j < (Size) in->classes * in->territories; j++)
		mismatch[j / in->territories] = Max(mismatch[j / in->territories], in->mismatch[j]);
	for (int u = 0; u < p->units; u++)
	{
		double		cost = 0;

		progress_every(p, u, PROGRESS_UNITS);
		for (int m = p->first[u]; m < p->first[u + 1]; m++)
			cost += dearest_cost(p, p->member[m], mismatch, apart);
		if (cost > largest)
		{
			largest = cost;
			*dearest = p->member[p->first[u]];
		}
	}
	for (int i = 0; i < in->accounts; i++)
	{
		double		cost = p->held_at[i] >= 0 ? dearest_cost(p, i, mismatch, apart) : 0;

		if (cost > largest)
		{
			largest = cost;
			*dearest = i;
		}
	}
	give_back(p, double, mismatch, in->classes);
	return largest;
}

/* Whether no unit costs more at one territory than at another. */
static bool
all_cost_alike(Problem *p, float *cost)
{
	for (int u = 0; u < p->units; u++)
	{
		int			n = p->list_start[p->list_of[u] + 1] - p->list_start[p->list_of[u]];

		progress_every(p, u, PROGRESS_UNITS);
		unit_costs(p, u, cost);
		for (int j = 1; j < n; j++)
			if (cost[j] != cost[0])
				return false;
	}
	return true;
}

/*
 * How far apart costs lie, in a sample; sets the scale of costs and the ceilings of prices. False where the cost of an account is so large, or its place so far, that in
 * whole numbers below 2^COST_BITS those of the others would all be alike.
 */
bool
problem_measure_costs(Problem *p)
{
	float	   *cost = take(p, float, p->longest_list);
	int			step = Max(1, p->units / 4000);
	double		largest = 0;
	double		eighth = 0;
	double		mean = 0;
	double		count = 0;
	double		within = 1.0;	/* scale that keeps all costs below 2^COST_BITS */
	int			dearest = TERRITORY_NONE;
	bool		is_alike;

	p->distance_factor = 1.0;
	/* First how far apart the costs other than that of a move are: they may only break ties among moves. */
	for (int pass = 0; pass < 2; pass++)
	{
		bool		only_ties = pass == 0 && p->options->fewest_moves;

		if (pass == 0 && !only_ties)
			continue;
		largest = eighth = mean = count = 0;
		p->cost_scale = within = scale_to(largest_cost(p, &dearest), COST_BITS);
		for (int u = 0; u < p->units; u += step)
		{
			int			n = p->list_start[p->list_of[u] + 1] - p->list_start[p->list_of[u]];
			int			rank = Min(n - 1, 8);
			double		sum = 0;

			progress_every(p, u / step, 512);
			unit_costs(p, u, cost);
			for (int j = 0; j < n; j++)
			{
				largest = Max(largest, fabs(cost[j]));
				sum += cost[j];
			}
			if (n < 2)
				continue;
			for (int r = 0; r <= rank; r++)
				for (int j = r + 1; j < n; j++)
					if (cost[j] < cost[r])
					{
						float		swapped = cost[r];

						cost[r] = cost[j];
						cost[j] = swapped;
					}
			eighth += cost[rank] - cost[0];
			mean += sum / n - cost[0];
			count += 1;
		}
		largest /= within;
		eighth /= within;
		mean /= within;
		if (only_ties && mean > 0)
			p->distance_factor = ldexp(1.0, -ilogb(mean / count) - 10);
	}
	p->spread = count > 0 ? eighth / count : 0;
	p->wide_spread = count > 0 ? mean / count : 0;
	p->spread = Max(p->spread, 0.02 * p->wide_spread);
	is_alike = !(p->spread > 0);	/* balance is all there is */
	p->all_alike = is_alike && all_cost_alike(p, cost);
	if (p->input->x && homes_apart(p) > 0 && homes_apart(p) < ldexp(p->reach, -COST_BITS))
		return problem_bad_number(p, dearest, TERRITORY_NONE, TERRITORY_NONE, largest_cost(p, &dearest));
	p->cost_scale = Min(within, scale_to(is_alike ? 1.0 : p->spread, SPREAD_BITS));
	if (largest > 0)
		p->cost_scale = Min(p->cost_scale, scale_to(largest, COST_BITS - 10));
	if (!is_alike && p->spread * p->cost_scale < 1)
		return problem_bad_number(p, dearest, TERRITORY_NONE, TERRITORY_NONE, largest_cost(p, &dearest));
	p->spread = is_alike ? ldexp(1.0, SPREAD_BITS - 1) : p->spread * p->cost_scale;
	p->wide_spread = is_alike ? p->spread : p->wide_spread * p->cost_scale;
	for (int m = 0; m < p->measures; m++)
		p->ceiling[m] = 4.0 * p->wide_spread / Max(p->mean_amount[m], 1e-300);
	p->budget_ceiling[TERRITORY_BUDGET_COUNT] = 64.0 * p->wide_spread / p->budget_scale[TERRITORY_BUDGET_COUNT];
	p->budget_ceiling[TERRITORY_BUDGET_AMOUNT] = 64.0 * p->wide_spread / Max(p->mean_amount[p->input->budget_measure], 1e-300);
	give_back(p, float, cost, p->longest_list);
	return true;
}
