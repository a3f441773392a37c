/*
 * dual.c: the best prices, by continuation of the smoothed dual.
 *
 * For any prices p of loads, the cost of every plan within limits is at least
 *
 *	D(p) = sum over units of min over territories k of (cost + p_k . amount) - sum over loads of max(p most, p least)
 *
 * because the minima can only be less than what the plan pays, and the load times its price is at most what is subtracted. D is
 * concave; its maximum is the optimum of the problem in which units may be split. With many units for each territory few would have
 * to be, so the best plan costs little more, and the prices tell for each unit how much worse every territory is than the best.
 *
 * D has kinks. Smoothed by a temperature T, min becomes -T log sum exp(-v / T), a soft choice among territories, and the step of
 * the last term a ramp: the smoothed dual has derivatives (load less limit) and curvature (covariance of the soft choices), and Newton's
 * method climbs it in a few steps, from hot, where all territories compete, to cold. Prices are held within a ceiling: on an input
 * that no plan can satisfy D has no maximum, and with a ceiling the limits become elastic instead; the prices at the ceiling say where it pinches.
 *
 * The soft choices are computed in floats, eight at a time. That is exact enough: prices need not be right, the bound is certified
 * from whatever they are (bound.c).
 */
#include "territory/dual.h"

#include "core/numerics.h"

/* Memberships below this share take no part in the pairs of the curvature. */
#define SMALL_SHARE		0.003f
/* So many temperatures above the least a territory has no share: exp(-16) is 1e-7. */
#define NO_SHARE_AFTER	16.0
/* A territory that has no column may be so many temperatures above the least, which is a share of 5 %, and no nearer:
 * the prices need not be right, and the colder it gets the nearer they are. */
#define REACH			3.0
/* Added to the curvature, as a share of its diagonal: less while whole steps are taken, more when they are not. */
#define LEAST_DAMPING	1e-4
#define MOST_DAMPING	0.05
#define FIRST_DAMPING	2e-3
/* Of a step that went too far so much is tried at least. */
#define LEAST_SHARE		0.05
/* The next step may be so many times longer, as a share of Newton's. */
#define LONGER			2.0
/* As dual.good, if nobody says otherwise. */
#define GOOD_GRADIENT	0.003
#define GOOD_SAMPLE		0.01
/* Limits stay that soft: what it costs the dual is far less than this share of the costs' spread. */
#define LEAST_SOFTNESS	0.03
/* Limits further apart than this share of the upper one are less soft, because what that costs grows with their distance. */
#define USUAL_WIDTH		0.02
/* And from this share on they are not smoothed at all. */
#define WIDE			0.2

static inline float
float_of(uint32 bits)
{
	float		x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

static inline uint32
bits_of(float x)
{
	uint32		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* exp(x) for x <= 0 to 1e-7, 0 below -25. 2^f by its Taylor series. */
TERRITORY_INLINE float
soft_exp(float x)
{
	float		bounded = x < -25.0f ? -25.0f : x;
	float		power = bounded * 1.44269504f;
	float		rounded = power + 12582912.0f;	/* 1.5 * 2^23: leaves the nearest integer in the low bits */
	float		f = (power - (rounded - 12582912.0f)) * 0.69314718f;
	float		e = 1.0f + f * (1.0f + f * (0.5f + f * (1.6666667e-1f + f * (4.1666668e-2f + f * 8.3333334e-3f))));
	float		value = e * float_of((bits_of(rounded) + 127) << 23);

	return x < -25.0f ? 0.0f : value;
}

/* Turns what values are below the least into shares of no sum yet, which is returned. There is room for a multiple of LANES. */
SALESOPS_FOR_EACH_PROCESSOR
static float
soft_shares(float *share, int count, float inverse)
{
	float		sum[LANES];
	float		total = 0;

	for (int q = count; q % LANES != 0; q++)
		share[q] = -INFINITY;
	for (int l = 0; l < LANES; l++)
		sum[l] = 0;
	for (int q = 0; q < count; q += LANES)
		for (int l = 0; l < LANES; l++)
		{
			share[q + l] = soft_exp(share[q + l] * inverse);
			sum[l] += share[q + l];
		}
	for (int l = 0; l < LANES; l++)
		total += sum[l];
	return total;
}

static double *
pair_block(Problem *p, Curvature *h, int k, int l)
{
	int			size = h->measures * h->measures;
	int		   *pair = &h->pair_of[Min(k, l) * h->territories + Max(k, l)];

	if (*pair == 0)
	{
		if (h->pairs == h->room)
		{
			int			room = h->room * 2;
			uint16	   *one = take(p, uint16, room);
			uint16	   *other = take(p, uint16, room);
			double	   *block = take(p, double, (Size) room * size);

			memcpy(one, h->one, sizeof(uint16) * h->pairs);
			memcpy(other, h->other, sizeof(uint16) * h->pairs);
			memcpy(block, h->block, sizeof(double) * h->pairs * size);
			give_back(p, uint16, h->one, h->room);
			give_back(p, uint16, h->other, h->room);
			give_back(p, double, h->block, (Size) h->room * size);
			h->one = one;
			h->other = other;
			h->block = block;
			h->room = room;
		}
		h->one[h->pairs] = Min(k, l);
		h->other[h->pairs] = Max(k, l);
		memset(h->block + (Size) h->pairs * size, 0, sizeof(double) * size);
		*pair = ++h->pairs;
	}
	return h->block + (Size) (*pair - 1) * size;
}

static void
curvature_clear(Curvature *h)
{
	int			rows = h->territories * h->measures;

	for (int i = 0; i < h->pairs; i++)
		h->pair_of[h->one[i] * h->territories + h->other[i]] = 0;
	h->pairs = 0;
	memset(h->own, 0, sizeof(double) * rows * h->measures);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (h->border[b])
			memset(h->border[b], 0, sizeof(double) * rows);
	memset(h->corner, 0, sizeof(h->corner));
}

/* A unit's part of the curvature, from the shares of its soft choice. */
TERRITORY_INLINE void
add_curvature(Dual *d, int unit, int count, double weight, const int measures)
{
	const Problem *p = d->p;
	Curvature  *h = &d->curvature;
	int			large = 0;

	for (int i = 0; i < count; i++)
	{
		int			k = d->near[i];
		const double *a = unit_amount(p, unit, k);
		double		own = weight * d->share[i] * (1 - d->share[i]);

		for (int m = 0; m < measures; m++)
			for (int n = 0; n < measures; n++)
				h->own[(k * measures + m) * measures + n] += own * a[m] * a[n];
		if (d->share[i] >= SMALL_SHARE)
			d->large[large++] = i;
	}
	for (int i = 1; i < large; i++)
	{
		int			k = d->near[d->large[i]];
		const double *a = unit_amount(p, unit, k);

		for (int j = 0; j < i; j++)
		{
			int			l = d->near[d->large[j]];
			const double *b = unit_amount(p, unit, l);
			double		both = -weight * d->share[d->large[i]] * d->share[d->large[j]];
			double	   *block = pair_block(d->p, h, k, l);
			const double *first = k < l ? a : b;
			const double *second = k < l ? b : a;

			for (int m = 0; m < measures; m++)
				for (int n = 0; n < measures; n++)
					block[m * measures + n] += both * first[m] * second[n];
		}
	}
}

/* The budgets' part: loads against use, and use against use. */
static void
add_budgets(Dual *d, int unit, int count, double weight, double stands_for, bool curved)
{
	const uint16 *territory = d->near;
	const float *share = d->share;
	const Problem *p = d->p;
	Curvature  *h = &d->curvature;
	int			rows = p->rows;
	double		mean[TERRITORY_BUDGETS] = {0};

	for (int q = 0; q < count; q++)
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			if (h->border[b])
				mean[b] += share[q] * unit_used(p, unit, territory[q], b);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		d->gradient[rows + b] += stands_for * mean[b];
	if (!curved)
		return;
	for (int q = 0; q < count; q++)
	{
		double		off[TERRITORY_BUDGETS];
		const double *a = unit_amount(p, unit, territory[q]);

		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			if (h->border[b])
			{
				off[b] = unit_used(p, unit, territory[q], b) - mean[b];
				for (int m = 0; m < p->measures; m++)
					h->border[b][territory[q] * p->measures + m] += weight * share[q] * off[b] * a[m];
			}
			else
				off[b] = 0;
		for (int b = 0; b < TERRITORY_BUDGETS; b++)
			for (int c = 0; c < TERRITORY_BUDGETS; c++)
				h->corner[b][c] += weight * share[q] * off[b] * off[c];
	}
}

/* The values of a stored row's columns. */
TERRITORY_INLINE float
row_values(Dual *d, int row, int unit, const double *at, const int measures)
{
	const Problem *p = d->p;
	const Columns *c = d->c;
	int			count = c->count[row];
	const uint16 *territory = c->territory + (Size) row * c->width;
	const int32 *cost = c->cost + (Size) row * c->width;
	float	   *value = d->value;

	if (p->territory_step == 0)
	{
		const double *amount = unit_amount(p, unit, 0);
		float		a[TERRITORY_MOST_MEASURES];

		for (int m = 0; m < measures; m++)
			a[m] = (float) amount[m];
		for (int q = 0; q < count; q++)
		{
			float		v = (float) cost[q];

			for (int m = 0; m < measures; m++)
				v += d->price[territory[q] * measures + m] * a[m];
			value[q] = v;
		}
	}
	else
		for (int q = 0; q < count; q++)
		{
			const double *amount = unit_amount(p, unit, territory[q]);
			float		v = (float) cost[q];

			for (int m = 0; m < measures; m++)
				v += d->price[territory[q] * measures + m] * (float) amount[m];
			value[q] = v;
		}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (at[p->rows + b] != 0)
			for (int q = 0; q < count; q++)
				value[q] += (float) (at[p->rows + b] * unit_used(p, unit, territory[q], b));
	return least_value(value, count);
}

/* The sum over units of the smoothed minimum, its derivatives into gradient, and the curvature if wanted. */
TERRITORY_INLINE double
sum_rows(Dual *d, const double *at, bool curved, const int measures)
{
	const Problem *p = d->p;
	Columns    *c = d->c;
	float		inverse = (float) (1.0 / d->temperature);
	float		window = (float) (NO_SHARE_AFTER * d->temperature);
	double		sum = 0;
	double		exact = 0;
	double		reach = REACH * d->temperature;

	for (int row = 0; row < c->rows; row++)
	{
		int			unit = row_unit(c, row);
		double		stands_for = c->stands_for ? c->stands_for[row] : 1.0;
		const float *value = d->value;
		const uint16 *territory = c->territory + (Size) row * c->width;
		int			count = c->count[row];
		int			some = 0;
		float		least;
		double		above = c->beyond ? c->cheapest[row] : 0;

		progress_every(d->p, row, PROGRESS_UNITS / 8);
		least = row_values(d, row, unit, at, measures);
		if (c->beyond && !columns_suffice(p, c, row, above + least + reach))
		{
			columns_choose(d->p, c, row);
			count = c->scan.count;
			territory = c->scan.territory;
			value = c->scan.value;
			least = c->scan.least;
			above = 0;
		}
		exact += stands_for * (above + least);
		/* Only territories near the best have a share. */
		for (int q = 0; q < count; q += LANES)
		{
			int			any = 0;

			for (int l = 0; l < LANES; l++)
				any |= value[q + l] - least < window;
			for (int l = 0; any && l < LANES; l++)
				if (value[q + l] - least < window)
				{
					d->near[some] = territory[q + l];
					d->share[some++] = least - value[q + l];
				}
		}
		if (some > 1)
		{
			float		total = soft_shares(d->share, some, inverse);
			float		by_total = 1.0f / total;

			sum += stands_for * (above + least - d->temperature * salesops_log(total));
			for (int i = 0; i < some; i++)
			{
				const double *amount = unit_amount(p, unit, d->near[i]);

				d->share[i] *= by_total;
				for (int m = 0; m < measures; m++)
					d->gradient[d->near[i] * measures + m] += stands_for * d->share[i] * amount[m];
			}
			if (curved)
				add_curvature(d, unit, some, stands_for / d->temperature, measures);
		}
		else
		{
			const double *amount = unit_amount(p, unit, d->near[0]);

			sum += stands_for * (above + least);
			d->share[0] = 1;
			for (int m = 0; m < measures; m++)
				d->gradient[d->near[0] * measures + m] += stands_for * amount[m];
		}
		if (p->has_budget)
			add_budgets(d, unit, some, stands_for / d->temperature, stands_for, curved);
	}
	d->exact = exact;
	return sum;
}

/*
 * Limits so far apart are not smoothed: their price is mostly 0, which is a kink, and on either side of it the term is straight. At 0 the
 * derivative is the one of the side that rises, or 0 where neither does.
 */
static inline bool
is_wide(const Dual *d, int j)
{
	return d->most[j] - d->least[j] > WIDE * d->most[j];
}

/* The smoothed dual at these prices, apart from what the cheapest territories cost; gradient and curvature are set. */
static double
dual_smooth(Dual *d, const double *at, bool curved)
{
	const Problem *p = d->p;
	Curvature  *h = &d->curvature;
	Prices		here = {(double *) at, {at[p->rows], at[p->rows + 1]}};
	double		sum;

	memset(d->gradient, 0, sizeof(double) * d->size);
	if (curved)
		curvature_clear(h);
	for (int j = 0; j < p->rows; j++)
		d->price[j] = (float) at[j];
	if (d->c->beyond)
		columns_look(d->p, d->c, &here);
	switch (p->measures)
	{
		case 1:
			sum = sum_rows(d, at, curved, 1);
			break;
		case 2:
			sum = sum_rows(d, at, curved, 2);
			break;
		case 5:
			sum = sum_rows(d, at, curved, 5);
			break;
		default:
			sum = sum_rows(d, at, curved, p->measures);
	}
	if (d->c->beyond)
		columns_look_away(d->c);
	for (int j = 0; j < p->rows; j++)
	{
		int			m = j % p->measures;
		double		width = Max(d->most[j] - d->least[j], 1e-6 * p->mean_amount[m] + 1);
		double		soft = d->softness * p->spread / Max(p->mean_amount[m], 1) / width * Min(1, USUAL_WIDTH * d->most[j] / width);
		double		middle = d->least[j] / 2 + d->most[j] / 2;
		double		load = middle + at[j] / soft;
		bool		is_inside = load > d->least[j] && load < d->most[j];

		if (is_wide(d, j))
		{
			load = at[j] > 0 ? d->most[j] : at[j] < 0 ? d->least[j] : Min(Max(d->gradient[j], d->least[j]), d->most[j]);
			sum -= at[j] * load;
			d->exact -= at[j] * load;
			d->gradient[j] -= load;
			h->more[j] = 0;
			continue;
		}
		load = Min(Max(load, d->least[j]), d->most[j]);
		sum += 0.5 * soft * (load - middle) * (load - middle) - at[j] * load;
		d->exact -= Max(at[j] * d->least[j], at[j] * d->most[j]);
		d->gradient[j] -= load;
		if (curved)
			h->more[j] = is_inside ? 1 / soft : 0;
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (h->border[b])
		{
			sum -= at[p->rows + b] * d->budget[b];
			d->exact -= at[p->rows + b] * d->budget[b];
			d->gradient[p->rows + b] -= d->budget[b];
		}
	return sum;
}

void
dual_begin(Dual *d, Problem *p, Columns *c)
{
	Curvature  *h = &d->curvature;

	memset(d, 0, sizeof(*d));
	d->p = p;
	d->c = c;
	d->size = p->rows + TERRITORY_BUDGETS;
	d->is_rough = c->stands_for;
	d->good = c->stands_for ? GOOD_SAMPLE : GOOD_GRADIENT;
	d->least = take(p, double, p->rows);
	d->most = take(p, double, p->rows);
	d->gradient = take(p, double, d->size);
	d->price = take(p, float, p->rows);
	d->value = take(p, float, p->longest_list + LANES);
	d->near = take(p, uint16, p->longest_list);
	d->large = take(p, uint16, p->longest_list);
	d->share = take(p, float, p->longest_list + LANES);
	d->trial = take(p, double, d->size);
	d->step = take(p, double, d->size);
	d->work = take(p, double, 4 * d->size);
	h->territories = p->territories;
	h->measures = p->measures;
	h->own = take(p, double, p->rows * p->measures);
	h->more = take(p, double, d->size);
	h->pair_of = take(p, int, (Size) p->territories * p->territories);
	h->room = 4096;
	h->one = take(p, uint16, h->room);
	h->other = take(p, uint16, h->room);
	h->block = take(p, double, (Size) h->room * p->measures * p->measures);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
	{
		d->budget[b] = p->budget[b];
		if (!isinf(p->budget[b]))
			h->border[b] = take(p, double, p->rows);
	}
	for (int j = 0; j < p->rows; j++)
	{
		d->least[j] = p->least[j];
		d->most[j] = p->most[j];
	}
	if (c->stands_for)
	{
		/* What a sample carries differs from what there is, and by more in a single territory. */
		for (int m = 0; m < p->measures; m++)
		{
			double		sampled = 0;
			double		total = 0;
			double		factor;

			for (int u = 0; u < p->units; u++)
				total += unit_amount(p, u, 0)[m];
			for (int row = 0; row < c->rows; row++)
				sampled += c->stands_for[row] * unit_amount(p, c->unit[row], 0)[m];
			factor = total > 0 ? sampled / total : 1;
			for (int j = m; j < p->rows; j += p->measures)
			{
				double		leeway = 0.03 * p->most[j];

				d->least[j] = Max(factor * p->least[j] - leeway, 0);
				d->most[j] = factor * p->most[j] + leeway;
			}
		}
	}
}

void
dual_end(Dual *d)
{
	Problem    *p = d->p;
	Curvature  *h = &d->curvature;

	give_back(p, double, d->least, p->rows);
	give_back(p, double, d->most, p->rows);
	give_back(p, double, d->gradient, d->size);
	give_back(p, float, d->price, p->rows);
	give_back(p, float, d->value, p->longest_list + LANES);
	give_back(p, uint16, d->near, p->longest_list);
	give_back(p, uint16, d->large, p->longest_list);
	give_back(p, float, d->share, p->longest_list + LANES);
	give_back(p, double, d->trial, d->size);
	give_back(p, double, d->step, d->size);
	give_back(p, double, d->work, 4 * d->size);
	give_back(p, double, h->own, p->rows * p->measures);
	give_back(p, double, h->more, d->size);
	give_back(p, int, h->pair_of, (Size) p->territories * p->territories);
	give_back(p, uint16, h->one, h->room);
	give_back(p, uint16, h->other, h->room);
	give_back(p, double, h->block, (Size) h->room * p->measures * p->measures);
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (h->border[b])
			give_back(p, double, h->border[b], p->rows);
}

static double
ceiling_of(const Problem *p, int j)
{
	return j < p->rows ? p->ceiling[j % p->measures] : p->budget_ceiling[j - p->rows];
}

/* Where prices may not go further: where they are known; at their ceiling; a budget's never below 0, and it stays 0 where there is none. */
static void
fix_prices(const Dual *d, const double *at, bool *is_fixed)
{
	const Problem *p = d->p;

	for (int j = 0; j < d->size; j++)
	{
		double		ceiling = ceiling_of(p, j);

		is_fixed[j] = (d->is_known && (j >= p->rows || d->is_known[j])) ||
			(at[j] >= ceiling && d->gradient[j] > 0) ||
			(j < p->rows && is_wide(d, j) && at[j] == 0 && d->gradient[j] == 0) ||
			(j < p->rows && at[j] <= -ceiling && d->gradient[j] < 0) ||
			(j >= p->rows && (!d->curvature.border[j - p->rows] || (at[j] <= 0 && d->gradient[j] < 0)));
	}
}

/* Where a price may go from here: between its ceilings, and no further than 0 where there is a kink. */
static double
price_within(const Dual *d, const double *at, const double *slope, int j, double price)
{
	double		ceiling = ceiling_of(d->p, j);
	double		side = j < d->p->rows && is_wide(d, j) ? (at[j] != 0 ? at[j] : slope[j]) : 0;

	return Min(Max(price, j >= d->p->rows || side > 0 ? 0 : -ceiling), side < 0 ? 0 : ceiling);
}

/* Keeps the step bounded where the curvature says little, and shorter where it says much: most of it holds in a small region only. */
static void
damp(Dual *d)
{
	const Problem *p = d->p;
	Curvature  *h = &d->curvature;
	double		mean[TERRITORY_MOST_MEASURES] = {0};

	for (int j = 0; j < p->rows; j++)
		mean[j % p->measures] += h->own[j * p->measures + j % p->measures] / p->territories;
	for (int j = 0; j < p->rows; j++)
		h->more[j] += 0.05 * d->damping * mean[j % p->measures] + d->damping * h->own[j * p->measures + j % p->measures] + 1e-300;
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		h->more[p->rows + b] = d->damping * h->corner[b][b] + 1e-300;
}

static double
mean_distance(const Dual *d, const bool *is_fixed)
{
	const Problem *p = d->p;
	double		sum = 0;
	int			rows = 0;

	for (int j = 0; j < p->rows; j++)
	{
		rows += !d->is_known || !d->is_known[j];
		if (!is_fixed[j])
			sum += fabs(d->gradient[j]) / p->width[j];
	}
	for (int b = 0; b < TERRITORY_BUDGETS; b++)
		if (!is_fixed[p->rows + b])
			sum += p->territories * fabs(d->gradient[p->rows + b]) / Max(d->budget[b], p->budget_scale[b]);
	return sum / rows;
}

/*
 * How much of a step that went too far to take: to where the slope along it is 0, if it falls evenly from what it was to what it is at the trial. The
 * dual is concave, so the top is between, and in its first half, for its far end is no higher.
 */
static double
share_of_step(const Dual *d, const double *at, double rise)
{
	double		fall = 0;

	for (int j = 0; j < d->size; j++)
		fall -= d->gradient[j] * (d->trial[j] - at[j]);
	return fall > 0 ? Min(Max(rise / (rise + fall), LEAST_SHARE), 0.5) : 0.5;
}

/* Climbs at one temperature. */
static void
climb(Dual *d, double *at, int most_steps, Prices *best)
{
	Problem    *p = d->p;
	bool	   *is_fixed = take(p, bool, d->size);
	double	   *slope = take(p, double, d->size);
	double		value = dual_smooth(d, at, true);
	double		length = 1;

	for (int i = 0;; i++)
	{
		/* Where a step was too long the next one would be. */
		double		longest_step = Min(length * LONGER, 1);
		bool		is_better = false;

		if (d->exact > d->best)
		{
			d->best = d->exact;
			if (best)
			{
				memcpy(best->load, at, sizeof(double) * p->rows);
				memcpy(best->budget, at + p->rows, sizeof(best->budget));
			}
		}
		fix_prices(d, at, is_fixed);
		if (i == most_steps || problem_progress(p) || mean_distance(d, is_fixed) < d->good)
			break;
		damp(d);
		newton_step(p, &d->curvature, d->gradient, is_fixed, d->step, d->work);
		for (int j = 0; j < d->size; j++)
		{
			double		longest = ceiling_of(p, j);

			d->step[j] = Min(Max(d->step[j], -longest), longest);
			slope[j] = d->gradient[j];
		}
		length = longest_step;
		for (int tries = 0; tries < 7 && !is_better; tries++)
		{
			double		next;
			double		rise = 0;

			for (int j = 0; j < d->size; j++)
			{
				d->trial[j] = price_within(d, at, slope, j, at[j] + length * d->step[j]);
				rise += slope[j] * (d->trial[j] - at[j]);
			}
			/* Mostly the first try is taken, and then its curvature is at hand. */
			next = dual_smooth(d, d->trial, tries == 0);
			if (next >= value + 1e-4 * rise)
			{
				is_better = true;
				value = tries == 0 ? next : dual_smooth(d, d->trial, true);
			}
			else
				length *= share_of_step(d, at, rise);
		}
		if (length == longest_step)
			d->damping = Max(d->damping / 4, LEAST_DAMPING);
		else if (length < 0.25 * longest_step)
			d->damping = Min(d->damping * 4, MOST_DAMPING);
		if (!is_better && (d->damping == MOST_DAMPING || i >= most_steps))
			break;
		if (!is_better)
		{
			length = 1;
			value = dual_smooth(d, at, true);
			continue;
		}
		memcpy(at, d->trial, sizeof(double) * d->size);
	}
	give_back(p, bool, is_fixed, d->size);
	give_back(p, double, slope, d->size);
}

/* From hot to cold, in shares of the spread of costs. Prices are left where the dual without smoothing was highest, but for is_rough. */
void
dual_climb(Dual *d, Prices *prices, double hot, double cold, int most_steps)
{
	Problem    *p = d->p;
	double	   *at = take(p, double, d->size);

	memcpy(at, prices->load, sizeof(double) * p->rows);
	memcpy(at + p->rows, prices->budget, sizeof(prices->budget));
	d->best = -INFINITY;
	d->softness = Max(hot, 0.1);
	d->damping = FIRST_DAMPING;
	for (double heat = hot; heat >= cold * 0.999 && !p->is_stopped; heat *= 0.5, d->softness = Max(d->softness * 0.6, LEAST_SOFTNESS))
	{
		d->temperature = heat * p->spread;
		climb(d, at, most_steps, d->is_rough ? NULL : prices);
		if (d->is_rough)
		{
			memcpy(prices->load, at, sizeof(double) * p->rows);
			memcpy(prices->budget, at + p->rows, sizeof(prices->budget));
		}
	}
	give_back(p, double, at, d->size);
}
