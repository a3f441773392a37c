/*
 * portfolio_round.c: effort in whole units.
 *
 * A customer's first visit is a block of as many units as the minimum needs, what follows are single units, and what a unit of
 * each brings falls from block to block. Blocks are taken in that order as they fit: exact where blocks are single units, and otherwise
 * below the optimum by at most what the first block brings that does not fit. Segments whose target binds come first, up to the target.
 */
#include "territory/portfolio_allocation.h"

#include <math.h>

#include "core/numerics.h"
#include "territory/portfolio_demand.h"

/* Capacity that falls short of a whole unit by no more than rounding does. */
#define SLACK		1e-9

/* What a unit of the block from effort to effort + size brings on average. */
double
portfolio_block_density(const Response *response, const SegmentResponse *segment, int i, double effort, double size)
{
	double		x[2 * RESPONSE_SCALES];
	double		sum = 0.0;

	for (int j = 0; j < RESPONSE_SCALES; j++)
	{
		x[j] = -effort / segment->scale[j];
		x[RESPONSE_SCALES + j] = -size / segment->scale[j];
	}
	salesops_exp_all(x, x, 2 * RESPONSE_SCALES);
	for (int j = 0; j < RESPONSE_SCALES; j++)
		sum += response->gain[(Size) i * RESPONSE_SCALES + j] * x[j] * (1.0 - x[RESPONSE_SCALES + j]);
	return sum / size;
}

typedef struct Units
{
	const PortfolioAllocation *a;
	const bool *takes_part;		/* [segments] */
	int64	   *units;			/* [customers] */
	double	   *density;		/* [customers], of the next block, as the team counts it: revenue that a target lacks counts for more */
	int64		first_block;	/* units of a first visit */
	int64		left;			/* units that the team has left */
	double	   *scratch;		/* [customers] */
} Units;

/* Whether the next block of one customer is to be taken before that of another. */
static bool
comes_first(const double *density, int i, int k)
{
	return density[i] != density[k] ? density[i] > density[k] : i < k;
}

/* Customers as a heap: each comes before the two below it. Puts the one at a place where it belongs below that. */
static void
sift_down(int *heap, int count, int at, const double *density)
{
	int			moved = heap[at];

	for (;;)
	{
		int			below = 2 * at + 1;

		if (below >= count)
			break;
		if (below + 1 < count && comes_first(density, heap[below + 1], heap[below]))
			below++;
		if (!comes_first(density, heap[below], moved))
			break;
		heap[at] = heap[below];
		at = below;
	}
	heap[at] = moved;
}

static int64
next_block(const Units *u, int i)
{
	return u->units[i] == 0 ? u->first_block : 1;
}

static int
segment_of(const PortfolioCustomers *in, int i)
{
	int			low = 0;
	int			high = in->segments - 1;

	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (in->first[middle] <= i)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

static void
set_density(Units *u, int s, int i)
{
	double		unit = u->a->scenario->unit;
	double		counts = salesops_exp(u->a->log_price - u->a->segment_log_price[s] + u->a->log_uplift[s]);

	u->density[i] = counts *
		portfolio_block_density(u->a->response, &u->a->response->segment[s], i, u->units[i] * unit, next_block(u, i) * unit);
}

/*
 * Gives customers the blocks that bring at least what they pay and `above` (a logarithm) more. Returns how many units all blocks that do so
 * might be together: which of them are rounded away is seen one by one.
 */
static double
take_worthy(Units *u, double above)
{
	const PortfolioAllocation *a = u->a;
	double		unit = a->scenario->unit;
	double		most = 0.0;

	for (int s = 0; s < a->in->segments; s++)
	{
		if (!u->takes_part[s])
			continue;
		portfolio_demand(a->in, a->response, s, a->segment_log_price[s] - a->log_uplift[s] + above, u->scratch);
		for (int i = a->in->first[s]; i < a->in->first[s + 1]; i++)
		{
			double		whole = floor(u->scratch[i] / unit);

			u->units[i] = whole >= u->first_block ? (int64) whole : 0;
			if (u->scratch[i] > 0.0)
				most += Max(whole + 1.0, (double) u->first_block);
		}
	}
	return most;
}

/* By how much prices have to rise so that customers want about so much effort less: a logarithm. */
static double
least_rise(const Units *u, double effort)
{
	const PortfolioAllocation *a = u->a;
	double		slope = 0.0;

	for (int s = 0; s < a->in->segments; s++)
	{
		if (u->takes_part[s])
			slope -= a->elasticity[s];
	}
	return slope > 0.0 ? Max(effort / slope, 1e-12) : 1.0 / 64;
}

/* Spends what the team has left on the segments that take part, until all of it is spent or their revenue is `enough`. */
static void
spend(Units *u, double enough)
{
	const PortfolioAllocation *a = u->a;
	double		unit = a->scenario->unit;
	double		revenue = 0.0;
	double		most = take_worthy(u, 0.0);
	int		   *heap;
	int			count = 0;

	/* Begins where all worthy blocks fit, so that none of them has to be taken back, and not far above, so that few are left to give. */
	if (most > u->left)
	{
		double		above = least_rise(u, (most - u->left) * unit);

		while (take_worthy(u, above) > u->left)
			above *= 2.0;
	}
	heap = palloc_extended(Max(a->in->customers, 1) * sizeof(int), MCXT_ALLOC_HUGE);
	for (int s = 0; s < a->in->segments; s++)
	{
		for (int i = a->in->first[s]; u->takes_part[s] && i < a->in->first[s + 1]; i++)
		{
			if (i % 4096 == 0)
				a->in->progress();
			if (isinf(a->response->steepest[i]))
				continue;
			u->left -= u->units[i];
			if (!isinf(enough))
				revenue += a->response->base[i] + (u->units[i] == 0 ? 0.0 :
					portfolio_block_density(a->response, &a->response->segment[s], i, 0.0, u->units[i] * unit) * (u->units[i] * unit));
			set_density(u, s, i);
			heap[count++] = i;
		}
	}
	for (int at = count / 2 - 1; at >= 0; at--)
		sift_down(heap, count, at, u->density);
	for (int64 step = 0; count > 0 && u->left > 0 && revenue < enough && u->density[heap[0]] > 0.0; step++)
	{
		int			i = heap[0];
		int			s = segment_of(a->in, i);
		int64		size = next_block(u, i);

		if (step % 4096 == 0)
			a->in->progress();
		if (size > u->left)
		{
			heap[0] = heap[--count];
			sift_down(heap, count, 0, u->density);
			continue;
		}
		if (!isinf(enough))
			revenue += portfolio_block_density(a->response, &a->response->segment[s], i, u->units[i] * unit, size * unit) * (size * unit);
		u->units[i] += size;
		u->left -= size;
		set_density(u, s, i);
		sift_down(heap, count, 0, u->density);
	}
	pfree(heap);
}

/* A team's effort in whole units, into plan_effort. */
void
portfolio_round_team(PortfolioAllocation *a, double capacity, double *plan_effort)
{
	const PortfolioCustomers *in = a->in;
	bool	   *takes_part = palloc0(in->segments * sizeof(bool));
	bool	   *is_done = palloc0(in->segments * sizeof(bool));
	double		unit = a->scenario->unit;
	Units		u = {.a = a, .takes_part = takes_part};

	u.units = palloc_extended(Max(in->customers, 1) * sizeof(int64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	u.density = palloc_extended(Max(in->customers, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	u.scratch = palloc_extended(Max(in->customers, 1) * sizeof(double), MCXT_ALLOC_HUGE);
	memcpy(u.scratch, a->effort, in->customers * sizeof(double));
	u.first_block = Max((int64) ceil(a->scenario->minimum / unit - SLACK), 1);
	u.left = (int64) floor(capacity / unit + SLACK);

	for (int s = 0; s < in->segments; s++)
	{
		/* A target that binds: made first, and no more than made. */
		if (a->scenario->team[s] != a->team || a->segment_log_price[s] != a->target_price[s])
			continue;
		takes_part[s] = is_done[s] = true;
		spend(&u, a->scenario->target[s] / a->scenario->uplift[s]);
		takes_part[s] = false;
	}
	for (int s = 0; s < in->segments; s++)
		takes_part[s] = a->scenario->team[s] == a->team && !is_done[s];
	spend(&u, INFINITY);
	for (int s = 0; s < in->segments; s++)
	{
		for (int i = in->first[s]; a->scenario->team[s] == a->team && i < in->first[s + 1]; i++)
			plan_effort[i] = u.units[i] * unit;
	}
	pfree(u.units);
	pfree(u.density);
	pfree(u.scratch);
	pfree(takes_part);
	pfree(is_done);
}
