/*
 * win_newton.c: one Newton step of the win model, which may have tens of thousands of effects.
 *
 * The curvature (the matrix of second derivatives) has three blocks. The inner one, say a number for each segment x owner, is diagonal,
 * because a deal is in one cohort only. So it is eliminated by hand: what is left of the others is their curvature less
 * the outer products of the cohorts' rows. As a cohort belongs to one owner, the owners' block stays diagonal
 * through that and goes the same way. What remains has some hundred parameters and is solved by Cholesky.
 *
 *	S = dense - sum over cohorts h h' / d - sum over owners g g' / e
 *
 * The prior adds its precisions: to the diagonals, and between neighbours of an ordered term, which is always dense.
 *
 * Everything is summed in the order of the rows, so the bits do not depend on the machine. The loops treat each element by itself
 * and may use wide registers.
 */
#include "forecast/win_fit.h"

#include <math.h>

#include "core/numerics.h"
#include "miscadmin.h"

/* Rows are taken by so many, for exp of many values at once. */
#define CHUNK 512

/* About so many levels of a term stand for all where their mean is wanted. */
#define TRACE_SAMPLE 1000

struct WinSystem
{
	const WinDesign *design;
	Size		width;			/* of a row of the matrices: the dense parameters and none */

	/* Of the data alone, in upper triangles. */
	double	   *dense;
	double	   *inner_row;		/* of each inner parameter with the dense ones */
	double	   *outer_row;
	double	   *inner_diagonal;
	double	   *outer_diagonal;
	WinParameters gradient;
	double		weight;			/* sum of the rows' curvature */
	double		echoed_weight;	/* the same, each times the row's echo */

	/* With the prior, and eliminated. */
	double	   *factor;			/* upper triangle: its transpose times it is S */
	double	   *inverse;		/* the inverse of its transpose, a lower triangle; NULL if not known for this factor */
	double	   *spare_inverse;
	double	   *outer_eliminated;	/* outer_row without the inner ones */
	double	   *inner_pivot;
	double	   *outer_pivot;
	double	   *outer_left;		/* outer_diagonal without the inner ones, without the prior */
};

static double *
allocate(Size count)
{
	return palloc_extended(Max(count, 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Makes one number for each parameter, all 0. */
WinParameters
win_parameters(const WinDesign *design)
{
	return (WinParameters) {
		.dense = allocate((Size) design->dense + 1),
		.inner = allocate((Size) design->inner + 1),
		.outer = allocate((Size) design->outer + 1),
	};
}

/* Makes a system for a design. */
WinSystem *
win_system(const WinDesign *design)
{
	WinSystem  *system = palloc0(sizeof(WinSystem));
	Size		width = (Size) design->dense + 1;

	system->design = design;
	system->width = width;
	system->dense = allocate(width * width);
	system->inner_row = allocate(((Size) design->inner + 1) * width);
	system->outer_row = allocate(((Size) design->outer + 1) * width);
	system->inner_diagonal = allocate((Size) design->inner + 1);
	system->outer_diagonal = allocate((Size) design->outer + 1);
	system->gradient = win_parameters(design);
	system->factor = allocate(width * width);
	system->spare_inverse = allocate(width * width);
	system->outer_eliminated = allocate(((Size) design->outer + 1) * width);
	system->inner_pivot = allocate((Size) design->inner + 1);
	system->outer_pivot = allocate((Size) design->outer + 1);
	system->outer_left = allocate((Size) design->outer + 1);
	return system;
}

static inline double
predictor_of_row(const WinDesign *design, const WinParameters *effect, uint32 row)
{
	int			terms = design->dense_terms;
	const uint16 *parameter = design->parameter + (Size) row * (terms + 2);
	double		eta = effect->dense[0];

	for (int t = 0; t < terms; t++)
		eta += effect->dense[parameter[t]];
	return eta + effect->inner[parameter[terms]] + effect->outer[parameter[terms + 1]];
}

/* The logit of each row's probability. */
void
win_linear_predictor(const WinDesign *design, const WinParameters *effect, WinRows rows, double *eta)
{
	for (uint32 row = rows.begin; row < rows.end; row += rows.step)
		*eta++ = predictor_of_row(design, effect, row);
}

static void
clear(double *array, Size count)
{
	memset(array, 0, count * sizeof(double));
}

/* The curvature of the outer parameters is that of the inner ones within them, and of the rows that have no inner one. */
static void
add_nested(WinSystem *system)
{
	const WinDesign *design = system->design;

	for (uint32 i = 0; i < design->inner; i++)
	{
		uint16		outer = design->parent[i];

		if (outer == design->outer)
			continue;
		for (Size j = 0; j < system->width; j++)
			system->outer_row[outer * system->width + j] += system->inner_row[i * system->width + j];
		system->outer_diagonal[outer] += system->inner_diagonal[i];
	}
}

/*
 * Sums the gradient over the rows, and the curvature where wanted. Half a deal won and half a deal lost are added to the intercept, so that
 * it stays finite where all deals ended alike.
 */
void
win_accumulate(WinSystem *system, const WinParameters *effect, WinRows rows, bool with_curvature)
{
	const WinDesign *design = system->design;
	int			terms = design->dense_terms;
	Size		width = system->width;
	WinParameters gradient = system->gradient;
	double		eta[CHUNK];
	double		chance = salesops_logistic(effect->dense[0]);
	uint32		step = rows.step;

	clear(gradient.dense, width);
	clear(gradient.inner, (Size) design->inner + 1);
	clear(gradient.outer, (Size) design->outer + 1);
	gradient.dense[0] = 0.5 - chance;
	if (with_curvature)
	{
		clear(system->dense, width * width);
		clear(system->inner_row, ((Size) design->inner + 1) * width);
		clear(system->outer_row, ((Size) design->outer + 1) * width);
		clear(system->inner_diagonal, (Size) design->inner + 1);
		clear(system->outer_diagonal, (Size) design->outer + 1);
		system->dense[0] = chance * (1 - chance);
		system->weight = system->echoed_weight = system->dense[0];
	}

	for (uint64 first = rows.begin; first < rows.end; first += (uint64) CHUNK * step)
	{
		uint32		end = (uint32) Min((uint64) rows.end, first + (uint64) CHUNK * step);
		int			count = (int) ((end - first + step - 1) / step);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count; i++)
			eta[i] = -predictor_of_row(design, effect, (uint32) first + i * step);
		salesops_exp_all(eta, eta, count);

		for (int i = 0; i < count; i++)
		{
			uint32		row = (uint32) first + i * step;
			const uint16 *parameter = design->parameter + (Size) row * (terms + 2);
			uint16		inner = parameter[terms];
			uint16		outer = parameter[terms + 1];
			double		p = 1 / (1 + eta[i]);
			double		rest = design->wins[row] - design->deals[row] * p;

			gradient.dense[0] += rest;
			for (int t = 0; t < terms; t++)
				gradient.dense[parameter[t]] += rest;
			gradient.inner[inner] += rest;
			gradient.outer[outer] += rest;

			if (with_curvature)
			{
				double		weight = design->deals[row] * p * (1 - p);
				double	   *inner_row = system->inner_row + inner * width;
				double	   *outer_row = system->outer_row + outer * width;
				bool		is_nested = design->parent[inner] != design->outer;

				system->weight += weight;
				system->echoed_weight += weight * design->echo[row];
				system->dense[0] += weight;
				inner_row[0] += weight;
				system->inner_diagonal[inner] += weight;
				if (!is_nested)
				{
					outer_row[0] += weight;
					system->outer_diagonal[outer] += weight;
				}
				for (int t = 0; t < terms; t++)
				{
					double	   *dense_row = system->dense + parameter[t] * width;

					system->dense[parameter[t]] += weight;
					inner_row[parameter[t]] += weight;
					if (!is_nested)
						outer_row[parameter[t]] += weight;
					for (int u = t; u < terms; u++)
						dense_row[parameter[u]] += weight;
				}
			}
		}
	}

	if (with_curvature)
		add_nested(system);
}

/* What the likelihood of the rows last accumulated is worth, because some say the same again; all of it where every outcome is certain. */
double
win_worth(const WinSystem *system)
{
	return system->echoed_weight > 0 ? system->weight / system->echoed_weight : 1;
}

/* to -= factor x from, from element begin on. */
SALESOPS_FOR_EACH_PROCESSOR
static void
subtract_multiple(double *restrict to, const double *restrict from, double factor, Size begin, Size end)
{
	for (Size i = begin; i < end; i++)
		to[i] -= factor * from[i];
}

/* to -= the sum of four rows, each times its factor, one after the other: four times fewer passes over to. */
SALESOPS_FOR_EACH_PROCESSOR
static void
subtract_multiples(double *restrict to, double *const *from, const double *factor, Size begin, Size end)
{
	const double *restrict a = from[0];
	const double *restrict b = from[1];
	const double *restrict c = from[2];
	const double *restrict d = from[3];

	for (Size i = begin; i < end; i++)
		to[i] = (((to[i] - factor[0] * a[i]) - factor[1] * b[i]) - factor[2] * c[i]) - factor[3] * d[i];
}

/* The upper triangle of a matrix less the outer products of rows with themselves, each divided by its pivot. */
static void
subtract_squares(double *matrix, Size width, Size size, double *rows, const double *pivot, uint32 count)
{
	for (uint32 first = 0; first < count; first += 4)
	{
		double	   *row[4];
		double		factor[4];

		if (first % 64 == 0)
			CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < 4; k++)
			row[k] = rows + Min(first + k, count - 1) * width;
		for (Size i = 0; i < size; i++)
		{
			bool		is_any = false;

			for (int k = 0; k < 4; k++)
			{
				factor[k] = first + k < count ? row[k][i] / pivot[first + k] : 0;
				is_any |= factor[k] != 0;
			}
			if (is_any)
				subtract_multiples(matrix + i * width, row, factor, i, size);
		}
	}
}

/* a' b, in eight sums side by side that are added in the end. */
SALESOPS_FOR_EACH_PROCESSOR
static double
product(const double *restrict a, const double *restrict b, Size count)
{
	double		sum[8] = {0};
	double		rest = 0;
	Size		i = 0;

	for (; i + 8 <= count; i += 8)
	{
		for (int k = 0; k < 8; k++)
			sum[k] += a[i + k] * b[i + k];
	}
	for (; i < count; i++)
		rest += a[i] * b[i];
	return (((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]))) + rest;
}

/* The term of a block, if there is one, and its precision. */
static double
block_precision(const WinDesign *design, const double *precision, WinBlock block)
{
	for (int t = 0; t < design->terms; t++)
	{
		if (design->term[t].block == block)
			return precision[t];
	}
	return 1;
}

/* Adds the prior, eliminates the large blocks and factorises the rest. Precision has a number for each term. */
void
win_factorize(WinSystem *system, const double *precision)
{
	const WinDesign *design = system->design;
	Size		width = system->width;
	Size		dense = design->dense;
	double	   *factor = system->factor;
	double		inner_precision = block_precision(design, precision, WIN_INNER);
	double		outer_precision = block_precision(design, precision, WIN_OUTER);

	memcpy(factor, system->dense, width * width * sizeof(double));
	memcpy(system->outer_eliminated, system->outer_row, ((Size) design->outer + 1) * width * sizeof(double));
	memcpy(system->outer_left, system->outer_diagonal, ((Size) design->outer + 1) * sizeof(double));
	system->inverse = NULL;

	for (int t = 0; t < design->terms; t++)
	{
		const WinDesignTerm *term = &design->term[t];

		if (term->block != WIN_DENSE)
			continue;
		for (uint32 i = 0; i < term->levels; i++)
			factor[(term->first + i) * (width + 1)] += precision[t] * term->own_precision[i];
		for (uint32 i = 0; i < term->links; i++)
		{
			Size		a = term->first + Min(term->link[2 * i], term->link[2 * i + 1]);
			Size		b = term->first + Max(term->link[2 * i], term->link[2 * i + 1]);

			factor[a * width + a] += precision[t];
			factor[b * width + b] += precision[t];
			factor[a * width + b] -= precision[t];
		}
	}

	for (uint32 i = 0; i < design->inner; i++)
	{
		const double *row = system->inner_row + i * width;
		double		own = system->inner_diagonal[i];
		uint16		outer = design->parent[i];

		system->inner_pivot[i] = own + inner_precision;
		if (own > 0 && outer < design->outer)
		{
			subtract_multiple(system->outer_eliminated + outer * width, row, own / system->inner_pivot[i], 0, dense);
			system->outer_left[outer] -= own * own / system->inner_pivot[i];
		}
	}
	for (uint32 i = 0; i < design->outer; i++)
		system->outer_pivot[i] = system->outer_left[i] + outer_precision;
	subtract_squares(factor, width, dense, system->inner_row, system->inner_pivot, design->inner);
	subtract_squares(factor, width, dense, system->outer_eliminated, system->outer_pivot, design->outer);

	for (Size i = 0; i < dense; i++)
	{
		double	   *pivot_row = factor + i * width;
		double		pivot = pivot_row[i];

		/*
		 * Positive in exact arithmetic. Where the data say next to nothing about a combination of parameters, rounding
		 * may leave less than nothing; a large pivot leaves that combination as it is.
		 */
		if (!(pivot > 1e-12 * (system->dense[i * (width + 1)] + 1e-6)))
			pivot = 1e12;
		pivot = sqrt(pivot);
		pivot_row[i] = pivot;
		for (Size j = i + 1; j < dense; j++)
			pivot_row[j] /= pivot;
		for (Size k = i + 1; k < dense; k++)
		{
			if (pivot_row[k] != 0)
				subtract_multiple(factor + k * width, pivot_row, pivot_row[k], k, dense);
		}
	}
}

/* The gradient with the prior's part. */
static void
add_prior(const WinDesign *design, const WinParameters *effect, const double *precision, WinParameters *gradient)
{
	for (int t = 0; t < design->terms; t++)
	{
		const WinDesignTerm *term = &design->term[t];
		double	   *from = term->block == WIN_DENSE ? effect->dense : term->block == WIN_INNER ? effect->inner : effect->outer;
		double	   *to = term->block == WIN_DENSE ? gradient->dense : term->block == WIN_INNER ? gradient->inner : gradient->outer;

		from += term->first;
		to += term->first;
		for (uint32 i = 0; i < term->levels; i++)
			to[i] -= precision[t] * term->own_precision[i] * from[i];
		for (uint32 i = 0; i < term->links; i++)
		{
			uint32		a = term->link[2 * i];
			uint32		b = term->link[2 * i + 1];
			double		pull = precision[t] * (from[a] - from[b]);

			to[a] -= pull;
			to[b] += pull;
		}
	}
}

/* The Newton step from the effects on, by the gradient last accumulated; its largest element is the result. */
double
win_solve(WinSystem *system, const WinParameters *effect, const double *precision, WinParameters *step)
{
	const WinDesign *design = system->design;
	Size		width = system->width;
	Size		dense = design->dense;
	double		largest = 0;

	memcpy(step->dense, system->gradient.dense, width * sizeof(double));
	memcpy(step->inner, system->gradient.inner, ((Size) design->inner + 1) * sizeof(double));
	memcpy(step->outer, system->gradient.outer, ((Size) design->outer + 1) * sizeof(double));
	add_prior(design, effect, precision, step);

	for (uint32 i = 0; i < design->inner; i++)
	{
		double		share = step->inner[i] / system->inner_pivot[i];

		if (system->inner_diagonal[i] == 0)
			continue;
		subtract_multiple(step->dense, system->inner_row + i * width, share, 0, dense);
		step->outer[design->parent[i]] -= system->inner_diagonal[i] * share;
	}
	for (uint32 i = 0; i < design->outer; i++)
	{
		if (system->outer_diagonal[i] > 0)
			subtract_multiple(step->dense, system->outer_eliminated + i * width,
							  step->outer[i] / system->outer_pivot[i], 0, dense);
	}

	for (Size i = 0; i < dense; i++)
	{
		step->dense[i] /= system->factor[i * (width + 1)];
		subtract_multiple(step->dense, system->factor + i * width, step->dense[i], i + 1, dense);
	}
	for (Size i = dense; i-- > 0;)
	{
		double		rest = step->dense[i];

		for (Size j = i + 1; j < dense; j++)
			rest -= system->factor[i * width + j] * step->dense[j];
		step->dense[i] = rest / system->factor[i * (width + 1)];
		largest = Max(largest, fabs(step->dense[i]));
	}
	for (uint32 i = 0; i < design->outer; i++)
	{
		step->outer[i] -= product(system->outer_eliminated + i * width, step->dense, dense);
		step->outer[i] /= system->outer_pivot[i];
		largest = Max(largest, fabs(step->outer[i]));
	}
	for (uint32 i = 0; i < design->inner; i++)
	{
		uint16		outer = design->parent[i];

		step->inner[i] -= product(system->inner_row + i * width, step->dense, dense);
		if (outer < design->outer)
			step->inner[i] -= system->inner_diagonal[i] * step->outer[outer];
		step->inner[i] /= system->inner_pivot[i];
		largest = Max(largest, fabs(step->inner[i]));
	}
	step->dense[dense] = step->inner[design->inner] = step->outer[design->outer] = 0;
	return largest;
}

/* The inverse of the factor's transpose. */
static void
invert(WinSystem *system)
{
	Size		width = system->width;
	Size		dense = system->design->dense;
	double	   *inverse = system->spare_inverse;

	clear(inverse, width * width);
	for (Size k = 0; k < dense; k++)
	{
		double	   *row = inverse + k * width;
		double		pivot = system->factor[k * (width + 1)];

		row[k] = 1;
		for (Size i = 0; i < k; i++)
		{
			if (system->factor[i * width + k] != 0)
				subtract_multiple(row, inverse + i * width, system->factor[i * width + k], 0, i + 1);
		}
		for (Size i = 0; i <= k; i++)
			row[i] /= pivot;
	}
	system->inverse = inverse;
}

/* vector' S^-1 vector */
static double
quadratic_form(const WinSystem *system, const double *vector)
{
	Size		dense = system->design->dense;
	double		sum = 0;

	for (Size k = 0; k < dense; k++)
	{
		double		element = product(system->inverse + k * system->width, vector, k + 1);

		sum += element * element;
	}
	return sum;
}

/* One element of S^-1. */
static double
covariance(const WinSystem *system, Size a, Size b)
{
	double		sum = 0;

	for (Size k = Max(a, b); k < system->design->dense; k++)
		sum += system->inverse[k * system->width + a] * system->inverse[k * system->width + b];
	return sum;
}

/*
 * The variance of each effect, and for each term the trace of its covariance with its prior's shape: how much of the
 * prior's freedom is left. By the system last factorised. Where the trace alone is wanted, some levels of a large
 * term, every k-th, stand for all.
 */
void
win_spread(WinSystem *system, bool trace_only, WinParameters *variance, double *trace)
{
	const WinDesign *design = system->design;
	Size		width = system->width;
	double	   *vector = allocate(width);

	if (system->inverse == NULL)
		invert(system);
	variance->dense[0] = covariance(system, 0, 0);
	for (int t = 0; t < design->terms; t++)
	{
		const WinDesignTerm *term = &design->term[t];

		uint32		step = trace_only && term->block != WIN_DENSE ? term->levels / TRACE_SAMPLE + 1 : 1;
		uint32		visited = 0;

		trace[t] = 0;
		for (uint32 i = 0; i < term->levels; i += step, visited++)
		{
			double		result;

			if (i % 64 == 0)
				CHECK_FOR_INTERRUPTS();
			if (term->block == WIN_DENSE)
				result = variance->dense[term->first + i] = covariance(system, term->first + i, term->first + i);
			else if (term->block == WIN_OUTER)
			{
				double		pivot = system->outer_pivot[i];

				result = (1 + quadratic_form(system, system->outer_eliminated + i * width) / pivot) / pivot;
				variance->outer[i] = result;
			}
			else
			{
				double		pivot = system->inner_pivot[i];
				uint16		outer = design->parent[i];

				/* What the outer effect takes over leaves the dense ones that much less. */
				memcpy(vector, system->inner_row + i * width, width * sizeof(double));
				result = 0;
				if (outer < design->outer)
				{
					double		share = system->inner_diagonal[i] / system->outer_pivot[outer];

					subtract_multiple(vector, system->outer_eliminated + outer * width, share, 0, design->dense);
					result = share * system->inner_diagonal[i];
				}
				result = (1 + (result + quadratic_form(system, vector)) / pivot) / pivot;
				variance->inner[i] = result;
			}
			trace[t] += term->own_precision[i] * result;
		}
		if (step > 1)
			trace[t] *= (double) term->levels / visited;
		for (uint32 i = 0; i < term->links; i++)
		{
			Size		a = term->first + term->link[2 * i];
			Size		b = term->first + term->link[2 * i + 1];

			trace[t] += variance->dense[a] + variance->dense[b] - 2 * covariance(system, a, b);
		}
	}
	pfree(vector);
}
