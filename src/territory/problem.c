/*
 * problem.c: the input checked, families merged, everything turned into whole numbers.
 *
 * Costs, amounts and limits become whole numbers in doubles: multiplied by a power of two, so that all of a measure stays below 2^50, and
 * rounded. Sums of them are exact, in whatever order they are added and taken away again; so loads never drift, and a plan and its
 * bound have the same bits everywhere. A measure or a cost that is a whole number to begin with, or has few binary places, is not
 * changed at all.
 *
 * What is held somewhere is taken out of the problem: its load is subtracted from the limits. Accounts of a family become one unit that
 * weighs and costs what they do together and may go where all of them may go. Units that the same territories may have share one list
 * of them. Units are ordered by list and place (along a curve that fills the plane), so that neighbours in memory are neighbours
 * on the map: loops meet their data in the cache, and every n-th unit is a fair sample of every list and region.
 */
#include "territory/problem_build.h"

#include "core/numerics.h"

void *
problem_take(Problem *p, Size bytes)
{
	if (p->when_short && p->memory + bytes > p->options->memory_limit)
	{
		sigjmp_buf *when_short = p->when_short;
		TerritoryReason *reason;

		/* To complain takes memory too. */
		p->when_short = NULL;
		reason = problem_complain(p, TERRITORY_MEMORY);
		reason->value = (double) (p->memory + bytes);
		reason->limit = (double) p->options->memory_limit;
		siglongjmp(*when_short, 1);
	}
	p->memory += bytes;
	p->most_memory = Max(p->most_memory, p->memory);
	return palloc_extended(bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
problem_return(Problem *p, void *memory, Size bytes)
{
	p->memory -= bytes;
	pfree(memory);
}

TerritoryReason *
problem_complain(Problem *p, TerritoryFinding finding)
{
	TerritoryReason *reason;

	if (p->reasons == p->reasons_room)
	{
		TerritoryReason *more = take(p, TerritoryReason, p->reasons_room * 2 + 8);

		if (p->reasons > 0)
			memcpy(more, p->reason, p->reasons * sizeof(TerritoryReason));
		p->reason = more;
		p->reasons_room = p->reasons_room * 2 + 8;
	}
	reason = &p->reason[p->reasons++];
	memset(reason, 0, sizeof(*reason));
	reason->finding = finding;
	reason->account = reason->other = reason->territory = reason->measure = reason->class_number = TERRITORY_NONE;
	return reason;
}

double
account_true_cost(const Problem *p, int account, int territory)
{
	const TerritoryInput *in = p->input;
	double		other = 0;
	double		cost = 0;

	if (in->cost)
		other = in->cost[(Size) account * in->territories + territory];
	else
	{
		if (in->x)
		{
			double		dx = in->x[account] - in->home_x[territory];
			double		dy = in->y[account] - in->home_y[territory];
			double		dz = in->z ? in->z[account] - in->home_z[territory] : 0;

			other = (in->weight ? in->weight[account] : 1.0) * sqrt(dx * dx + dy * dy + dz * dz);
		}
		if (in->mismatch)
			other += in->mismatch[(Size) (in->class_of ? in->class_of[account] : 0) * in->territories + territory];
		if (in->relationship && !p->options->fewest_moves &&
			in->owner && in->owner[account] != TERRITORY_NONE && in->owner[account] != territory)
			cost = in->relationship[account];
	}
	if (p->options->fewest_moves && in->owner && in->owner[account] != TERRITORY_NONE && in->owner[account] != territory)
		cost = 1.0;
	return other * p->distance_factor + cost;
}

/* Rounded down, so that a bound on the whole numbers is one on the costs. */
double
account_cost(const Problem *p, int account, int territory)
{
	return floor(account_true_cost(p, account, territory) * p->cost_scale);
}

SALESOPS_FOR_EACH_PROCESSOR
float
unit_costs(const Problem *p, int unit, float *cost)
{
	const TerritoryInput *in = p->input;
	int			start = p->list_start[p->list_of[unit]];
	int			count = p->list_start[p->list_of[unit] + 1] - start;
	const uint16 *list = p->list + start;
	float		error = 1.0f;	/* rounding to a whole number, and then some */

	for (int j = 0; j < count; j++)
		cost[j] = 0;
	for (int m = p->first[unit]; m < p->first[unit + 1]; m++)
	{
		int			account = p->member[m];
		int			owner = in->owner ? in->owner[account] : TERRITORY_NONE;
		double		factor = p->distance_factor * p->cost_scale;
		double		lost = 0;

		if (in->cost)
		{
			const double *row = in->cost + (Size) account * in->territories;
			float		largest = 0;

			for (int j = 0; j < count; j++)
			{
				float		here = (float) (row[list[j]] * factor);

				cost[j] += here;
				largest = Max(largest, fabsf(here));
			}
			error += ldexpf(largest, -21);
		}
		else
		{
			if (in->x)
			{
				const float *home_x = p->list_x + start;
				const float *home_y = p->list_y + start;
				float		x = (float) ((in->x[account] - p->middle_x) * p->place_scale);
				float		y = (float) ((in->y[account] - p->middle_y) * p->place_scale);
				float		weight = (float) ((in->weight ? in->weight[account] : 1.0) * factor / p->place_scale);

				if (in->z)
				{
					const float *home_z = p->list_z + start;
					float		z = (float) ((in->z[account] - p->middle_z) * p->place_scale);

					for (int j = 0; j < count; j++)
					{
						float		dx = x - home_x[j];
						float		dy = y - home_y[j];
						float		dz = z - home_z[j];

						cost[j] += weight * sqrtf(dx * dx + dy * dy + dz * dz);
					}
				}
				else
					for (int j = 0; j < count; j++)
					{
						float		dx = x - home_x[j];
						float		dy = y - home_y[j];

						cost[j] += weight * sqrtf(dx * dx + dy * dy);
					}
				error += ldexpf(fabsf(weight) * (float) (p->reach * p->place_scale), -20);
			}
			if (in->mismatch)
			{
				const double *row = in->mismatch + (Size) (in->class_of ? in->class_of[account] : 0) * in->territories;

				for (int j = 0; j < count; j++)
					cost[j] += (float) (row[list[j]] * factor);
			}
			if (in->relationship && !p->options->fewest_moves)
				lost = in->relationship[account] * p->cost_scale;
		}
		if (p->options->fewest_moves)
			lost = p->cost_scale;
		if (owner != TERRITORY_NONE && lost > 0)
			for (int j = 0; j < count; j++)
				cost[j] += list[j] == owner ? 0.0f : (float) lost;
	}
	return error;
}

/* False where the input makes no sense: the reasons say why. */
bool
problem_build(Problem *p, const TerritoryInput *input, const TerritoryOptions *options)
{
	sigjmp_buf *when_short = p->when_short;

	memset(p, 0, sizeof(Problem));
	p->input = input;
	p->options = options;
	p->when_short = when_short;
	p->territories = input->territories;
	p->measures = input->measures;
	p->rows = p->territories * p->measures;
	p->status = (TerritoryStatus) {TERRITORY_PHASE_PRICES, NAN, NAN, NAN};
	if (!problem_check(p))
		return false;
	p->least = take(p, double, p->rows);
	p->most = take(p, double, p->rows);
	p->width = take(p, double, p->rows);
	p->held_load = take(p, double, p->rows);
	problem_find_middle(p);
	problem_find_scales(p);
	if (!problem_make_units(p))
		return false;
	problem_set_limits(p);
	problem_make_amounts(p);
	return problem_measure_costs(p);
}
