/*
 * newton.c: one Newton step for the prices.
 *
 * The curvature has a few dense blocks for each territory, because a territory shares units with its neighbours only. Conjugate gradients
 * need no more than products with it, and some dozens of those are enough with the diagonal as preconditioner. The two budgets
 * touch every territory; they are a border of two rows.
 */
#include "territory/dual.h"

#define MOST_PRODUCTS	200
/* The squared residual is to shrink by this: the step is damped anyway. */
#define GOOD_ENOUGH		1e-6

static void
product(const Curvature *h, const double *x, double *y)
{
	int			measures = h->measures;
	int			rows = h->territories * measures;

	for (int j = 0; j < rows + TERRITORY_BUDGETS; j++)
		y[j] = h->more[j] * x[j];
	for (int k = 0; k < h->territories; k++)
		for (int m = 0; m < measures; m++)
			for (int n = 0; n < measures; n++)
				y[k * measures + m] += h->own[(k * measures + m) * measures + n] * x[k * measures + n];
	for (int i = 0; i < h->pairs; i++)
	{
		const double *block = h->block + (Size) i * measures * measures;
		int			k = h->one[i] * measures;
		int			l = h->other[i] * measures;

		for (int m = 0; m < measures; m++)
			for (int n = 0; n < measures; n++)
			{
				y[k + m] += block[m * measures + n] * x[l + n];
				y[l + n] += block[m * measures + n] * x[k + m];
			}
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (h->border[b])
		{
			double		sum = 0;

			for (int j = 0; j < rows; j++)
			{
				y[j] += h->border[b][j] * x[rows + b];
				sum += h->border[b][j] * x[j];
			}
			for (int c = 0; c < TERRITORY_BUDGETS; c++)
				sum += h->corner[b][c] * x[rows + c];
			y[rows + b] += sum;
		}
}

/* Solves curvature x step = gradient over what is not fixed; work has room for 4 vectors. */
void
newton_step(Problem *p, const Curvature *h, const double *gradient, const bool *is_fixed, double *step, double *work)
{
	int			rows = h->territories * h->measures;
	int			size = rows + TERRITORY_BUDGETS;
	double	   *rest = work;
	double	   *direction = work + size;
	double	   *image = work + 2 * size;
	double	   *diagonal = work + 3 * size;
	double		rest_norm = 0;
	double		first_norm;

	for (int j = 0; j < size; j++)
	{
		diagonal[j] = h->more[j];
		if (j < rows)
			diagonal[j] += h->own[j * h->measures + j % h->measures];
		else
			diagonal[j] += h->corner[j - rows][j - rows];
		step[j] = 0;
		rest[j] = is_fixed[j] ? 0 : gradient[j];
		direction[j] = is_fixed[j] ? 0 : rest[j] / diagonal[j];
		rest_norm += rest[j] * direction[j];
	}
	first_norm = rest_norm;
	for (int i = 0; i < MOST_PRODUCTS && rest_norm > GOOD_ENOUGH * first_norm; i++)
	{
		double		along = 0;
		double		length;
		double		norm = 0;

		progress_every(p, i, 8);
		product(h, direction, image);
		for (int j = 0; j < size; j++)
			along += direction[j] * image[j];
		if (!(along > 0))
			break;
		length = rest_norm / along;
		for (int j = 0; j < size; j++)
		{
			step[j] += length * direction[j];
			rest[j] = is_fixed[j] ? 0 : rest[j] - length * image[j];
			norm += rest[j] * (rest[j] / diagonal[j]);
		}
		for (int j = 0; j < size; j++)
			direction[j] = is_fixed[j] ? 0 : rest[j] / diagonal[j] + norm / rest_norm * direction[j];
		rest_norm = norm;
	}
}
