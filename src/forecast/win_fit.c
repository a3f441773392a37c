/*
 * win_fit.c: the win model: a logit with random effects, whose variances are estimated, recalibrated out of time.
 *
 *	logit P(won by the end of the period) = intercept + sum over terms of the effect of the deal's level
 *
 * Effects of a term are drawn from a normal distribution with mean 0 and a variance that all levels of the term share (for ordered factors, see
 * win_design.c, differences of neighbours are). So a rep with three deals stays near the average and one with three hundred
 * shows what he does, and a term that explains nothing shrinks to nothing. Given the precisions (1 / variance), the
 * effects are found by Newton steps; given the effects and their spread, each precision by MacKay's fixed point
 *
 *	precision = (number of levels - precision x trace of the covariance + 2) / (sum of squares + 2 x 0.1)
 *
 * ("Bayesian interpolation", Neural Computation 4, 1992), a few rounds in turn. The last terms are a prior: a hundred deals do not tell how far
 * reps differ, so each term begins as if two of its levels were known, with effects of the size that is usual. Everything is positive definite, so separable data, one rep
 * or a level without a win need no care.
 *
 * A deal open at three marks of a period is three rows with one outcome. Taken for three outcomes, noise looks like effects. So the
 * likelihood is scaled to what it is worth (a composite likelihood, scaled as by Pauli, Racugno and Ventura, Statistica Sinica 21, 2011):
 * by the sum of the rows' curvature over the same sum with each row times its echo (win_design.c).
 *
 * What held in the past need not hold next quarter. Where the latest periods have enough wins, the model is first fitted to those before and
 * asked about the latest, beside a base model that knows age and months to go only:
 *
 *	logit P = base + shift + strength x (full - base)
 *
 * Strength near 0 means that rep, segment and the like have no value out of time. Both are fitted with priors (mean 1 and 0, standard deviation 1/2).
 * Then both models are fitted to all periods and blended so. As the base's terms are among the model's, the blend is again one
 * effect for each level.
 *
 * Where there are more cells than SAMPLE, precisions are first found from every k-th cell; two rounds on all cells finish. No
 * random numbers, sums in the order of the cells: the same cells give the same bits.
 */
#include "forecast/win_fit.h"

#include <math.h>

#include "core/numerics.h"
#include "utils/memutils.h"

#define SAMPLE				65536
#define ROUNDS				12
#define ROUNDS_ON_ALL		2

#define FIRST_PRECISION		4.0
#define LEAST_PRECISION		0.05
#define MOST_PRECISION		1e4

/* What is believed of a term's variance beforehand: as if so many more levels had shown it. */
#define PRIOR_LEVELS		2.0
#define PRIOR_VARIANCE		0.1

#define STEP_CAP			2.0		/* no effect moves further in one step */
#define ROUGH_TOLERANCE		1e-3	/* of the effects while precisions move */
#define TOLERANCE			1e-9	/* of the effects in the end */
#define CONVERGED			1e-6	/* what still counts as converged */
#define ROUGH_STEPS			8
#define STEPS				60
#define PRECISION_TOLERANCE	0.01	/* relative change of a precision that ends the rounds */

/* The latest periods, which test the model: those after this share of the deals. */
#define EARLY_SHARE			0.7
#define LEAST_LATE_WINS		200
#define LEAST_EARLY_WINS	50
#define RECALIBRATION_PRECISION	4.0
#define MOST_STRENGTH		1.1
#define MOST_SHIFT			0.5
#define SHIFT_SHARE			0.5		/* a shift of level is half believed to last */

/* A fit on its way. */
typedef struct Fit
{
	const WinDesign *design;
	WinSystem  *system;
	WinRows		rows;
	WinParameters effect;
	WinParameters step;
	WinParameters variance;
	double	   *precision;		/* of each term */
	double	   *scaled;			/* the same in units of the unscaled likelihood */
	double	   *trace;
	double		worth;			/* scale of the likelihood */
	bool		has_curvature;	/* of about these effects */
	bool		is_factorized;	/* with these precisions */
	uint32		iterations;
	double		last_step;
} Fit;

static Fit *
begin_fit(const WinDesign *design)
{
	Fit		   *fit = palloc0(sizeof(Fit));

	fit->design = design;
	fit->system = win_system(design);
	fit->effect = win_parameters(design);
	fit->step = win_parameters(design);
	fit->variance = win_parameters(design);
	fit->precision = palloc(Max(design->terms, 1) * sizeof(double));
	fit->scaled = palloc(Max(design->terms, 1) * sizeof(double));
	fit->trace = palloc(Max(design->terms, 1) * sizeof(double));
	fit->worth = 1;
	for (int t = 0; t < design->terms; t++)
		fit->precision[t] = FIRST_PRECISION;
	return fit;
}

static void
move(double *effect, const double *step, double factor, uint32 count)
{
	for (uint32 i = 0; i < count; i++)
		effect[i] += factor * step[i];
}

/*
 * Newton steps until the effects stand still. The curvature is kept while steps shrink fast: a step then costs
 * a third, and where it leads does not depend on it.
 */
static void
settle(Fit *fit, double tolerance, int most_steps)
{
	const WinDesign *design = fit->design;
	double		previous = HUGE_VAL;

	for (int i = 0; i < most_steps; i++)
	{
		double		factor;

		win_accumulate(fit->system, &fit->effect, fit->rows, !fit->has_curvature);
		if (!fit->has_curvature)
		{
			fit->worth = win_worth(fit->system);
			fit->has_curvature = true;
			fit->is_factorized = false;
		}
		if (!fit->is_factorized)
		{
			for (int t = 0; t < design->terms; t++)
				fit->scaled[t] = fit->precision[t] / fit->worth;
			win_factorize(fit->system, fit->scaled);
			fit->is_factorized = true;
		}

		fit->last_step = win_solve(fit->system, &fit->effect, fit->scaled, &fit->step);
		factor = fit->last_step > STEP_CAP ? STEP_CAP / fit->last_step : 1;
		move(fit->effect.dense, fit->step.dense, factor, design->dense);
		move(fit->effect.inner, fit->step.inner, factor, design->inner);
		move(fit->effect.outer, fit->step.outer, factor, design->outer);
		fit->iterations++;

		if (fit->last_step < tolerance)
			break;
		if (fit->last_step > 0.1 || fit->last_step > 0.25 * previous)
			fit->has_curvature = false;
		previous = fit->last_step;
	}
}

/* The numbers of a term's levels among those of all. */
static double *
of_term(const WinDesignTerm *term, const WinParameters *parameters)
{
	switch (term->block)
	{
		case WIN_INNER:
			return parameters->inner;
		case WIN_OUTER:
			return parameters->outer;
		default:
			return parameters->dense + term->first;
	}
}

/* Estimates the precisions anew; the largest relative change is the result. */
static double
estimate_precisions(Fit *fit)
{
	double		largest = 0;

	win_spread(fit->system, true, &fit->variance, fit->trace);
	for (int t = 0; t < fit->design->terms; t++)
	{
		const WinDesignTerm *term = &fit->design->term[t];
		const double *effect = of_term(term, &fit->effect);
		double		freedom = term->levels - fit->scaled[t] * fit->trace[t];
		double		squares = 0;
		double		precision;

		for (uint32 i = 0; i < term->levels; i++)
			squares += term->own_precision[i] * effect[i] * effect[i];
		for (uint32 i = 0; i < term->links; i++)
		{
			double		difference = effect[term->link[2 * i]] - effect[term->link[2 * i + 1]];

			squares += difference * difference;
		}
		precision = (Max(freedom, 0) + PRIOR_LEVELS) / (squares + PRIOR_LEVELS * PRIOR_VARIANCE);
		/* A level that every deal has says nothing that the intercept does not. */
		precision = term->levels > 1 ? Min(Max(precision, LEAST_PRECISION), MOST_PRECISION) : MOST_PRECISION;
		largest = Max(largest, fabs(precision / fit->precision[t] - 1));
		fit->precision[t] = precision;
	}
	fit->is_factorized = false;
	return largest;
}

static void
learn(Fit *fit, WinRows rows, int rounds)
{
	fit->rows = rows;
	fit->has_curvature = false;
	for (int round = 0; round < rounds; round++)
	{
		settle(fit, ROUGH_TOLERANCE, ROUGH_STEPS);
		if (estimate_precisions(fit) < PRECISION_TOLERANCE)
			break;
	}
}

static WinRows
sample(uint32 begin, uint32 end)
{
	return (WinRows) {.begin = begin, .end = end, .step = (end - begin) / SAMPLE + 1};
}

/* Fits a design's rows before end, of a sample if they are many. */
static Fit *
fit_sample(const WinDesign *design, uint32 end)
{
	Fit		   *fit = begin_fit(design);
	WinRows		rows = sample(0, end);
	double		deals = 0;
	double		wins = 0;

	for (uint32 row = 0; row < end; row++)
	{
		deals += design->deals[row];
		wins += design->wins[row];
	}
	fit->effect.dense[0] = salesops_log((wins + 0.5) / (deals - wins + 0.5));

	learn(fit, rows, ROUNDS);
	settle(fit, TOLERANCE, STEPS);
	return fit;
}

/* Fits a design's rows, all of them, with standard errors. */
static Fit *
fit_all(const WinDesign *design)
{
	Fit		   *fit = fit_sample(design, design->rows);

	if (fit->rows.step > 1)
		learn(fit, (WinRows) {.begin = 0, .end = design->rows, .step = 1}, ROUNDS_ON_ALL);

	/* The standard errors are those at the optimum. */
	settle(fit, ROUGH_TOLERANCE, STEPS);
	fit->has_curvature = false;
	settle(fit, TOLERANCE, STEPS);
	win_spread(fit->system, false, &fit->variance, fit->trace);
	return fit;
}

/* The cells counted by some of their factors only. */
static WinCells *
project(const WinCells *cells, int factors, const int *factor)
{
	WinCellsReader reader;
	WinCellsBuilder *builder;
	WinText		name[WIN_MAX_FACTORS];
	WinCell		cell;
	WinCells   *projected;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "win_cells of the base model", ALLOCSET_DEFAULT_SIZES);

	win_cells_open(&reader, cells);
	for (int f = 0; f < factors; f++)
		name[f] = reader.factor[factor[f]];
	builder = win_cells_begin(context, factors, name);

	/* All levels are numbered in their order, so the numbers stay what they are. */
	for (int f = 0; f < factors; f++)
	{
		for (uint32 l = 0; l < reader.levels[factor[f]]; l++)
			win_cells_level(builder, f, reader.level[factor[f]][l]);
	}
	while (win_cells_next(&reader, &cell))
	{
		uint32		level[WIN_MAX_FACTORS];

		for (int f = 0; f < factors; f++)
			level[f] = cell.level[factor[f]];
		memcpy(cell.level, level, factors * sizeof(uint32));
		win_cells_add(builder, &cell);
	}
	projected = win_cells_finish(builder);
	MemoryContextDelete(context);
	return projected;
}

/* The base model beside the full one: which of the full model's terms it has. */
typedef struct Base
{
	WinDesign  *design;
	int			terms;
	int			term[WIN_MAX_TERMS];	/* of the full design */
} Base;

static bool
is_base_factor(WinText name)
{
	return (name.length == 3 && memcmp(name.bytes, "age", 3) == 0) ||
		(name.length == 5 && memcmp(name.bytes, "to_go", 5) == 0);
}

/* Designs the base model: the terms that are made of age and months to go alone. */
static Base *
design_base(const WinCells *cells, const WinDesign *full)
{
	Base	   *base = palloc0(sizeof(Base));
	WinTermSpec spec[WIN_MAX_TERMS];
	WinCellsReader reader;
	int			place[WIN_MAX_FACTORS];
	int			factor[WIN_MAX_FACTORS];
	int			factors = 0;

	win_cells_open(&reader, cells);
	for (int f = 0; f < reader.factors; f++)
	{
		place[f] = -1;
		if (is_base_factor(reader.factor[f]))
		{
			place[f] = factors;
			factor[factors++] = f;
		}
	}
	for (int t = 0; t < full->terms; t++)
	{
		const WinTermSpec *term = &full->term[t].spec;
		bool		is_base = true;

		spec[base->terms].factors = term->factors;
		for (int i = 0; i < term->factors; i++)
		{
			spec[base->terms].factor[i] = place[term->factor[i]];
			is_base &= place[term->factor[i]] >= 0;
		}
		if (is_base)
			base->term[base->terms++] = t;
	}
	base->design = win_design(project(cells, factors, factor), base->terms, spec);
	return base;
}

static int
compare_keys(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* What the base model has for the parameters of the full one; 0 where it has none. */
static WinParameters
spread_base(const WinDesign *full, const Base *base, const WinParameters *of_base)
{
	WinParameters spread = win_parameters(full);

	spread.dense[0] = of_base->dense[0];
	for (int b = 0; b < base->terms; b++)
	{
		const WinDesignTerm *base_term = &base->design->term[b];
		const WinDesignTerm *term = &full->term[base->term[b]];
		double	   *to = of_term(term, &spread);
		const double *from = of_term(base_term, of_base);

		for (uint32 i = 0; i < term->levels; i++)
		{
			uint64	   *found = bsearch(&term->key[i], base_term->key, base_term->levels, sizeof(uint64), compare_keys);

			if (found != NULL)
				to[i] = from[found - base_term->key];
		}
	}
	return spread;
}

/* Where the latest periods begin: the number of those before; 0 where too little would be before or after. */
static uint32
early_periods(const WinDesign *design)
{
	double		deals = 0;
	double		wins = 0;

	for (uint32 period = 0, row = 0; period < design->periods; period++)
	{
		double		deals_before = deals;
		double		wins_before = wins;

		for (; row < design->period_end[period]; row++)
		{
			deals += design->deals[row];
			wins += design->wins[row];
		}
		if (deals > EARLY_SHARE * design->all_deals)
		{
			bool		is_enough = deals_before > 0 && wins_before >= LEAST_EARLY_WINS &&
				design->all_wins - wins_before >= LEAST_LATE_WINS;

			return is_enough ? period : 0;
		}
	}
	return 0;
}

/* Finds what holds out of time. False, and strength 1 and shift 0, where there is too little to tell. */
static bool
recalibrate(const WinDesign *full, const Base *base, double *strength, double *shift)
{
	uint32		early = early_periods(full);
	double		s = 1;
	double		c = 0;
	WinParameters full_effect;
	WinParameters base_effect;
	WinRows		late;
	uint32		rows;
	double	   *full_eta;
	double	   *base_eta;

	*strength = 1;
	*shift = 0;
	if (early == 0)
		return false;

	full_effect = fit_sample(full, full->period_end[early - 1])->effect;
	base_effect = fit_sample(base->design, base->design->period_end[early - 1])->effect;
	base_effect = spread_base(full, base, &base_effect);

	late = sample(full->period_end[early - 1], full->rows);
	rows = (late.end - late.begin + late.step - 1) / late.step;
	full_eta = palloc_extended(rows * sizeof(double), MCXT_ALLOC_HUGE);
	base_eta = palloc_extended(rows * sizeof(double), MCXT_ALLOC_HUGE);
	win_linear_predictor(full, &full_effect, late, full_eta);
	win_linear_predictor(full, &base_effect, late, base_eta);

	for (int step = 0; step < 25; step++)
	{
		double		gradient_c = -RECALIBRATION_PRECISION * c;
		double		gradient_s = -RECALIBRATION_PRECISION * (s - 1);
		double		cc = RECALIBRATION_PRECISION;
		double		cs = 0;
		double		ss = RECALIBRATION_PRECISION;
		double		step_c;
		double		step_s;

		for (uint32 i = 0; i < rows; i++)
		{
			uint32		row = late.begin + i * late.step;
			double		x = full_eta[i] - base_eta[i];
			double		p = salesops_logistic(base_eta[i] + c + s * x);
			double		rest = full->wins[row] - full->deals[row] * p;
			double		weight = full->deals[row] * p * (1 - p);

			gradient_c += rest;
			gradient_s += rest * x;
			cc += weight;
			cs += weight * x;
			ss += weight * x * x;
		}
		step_c = (gradient_c * ss - gradient_s * cs) / (cc * ss - cs * cs);
		step_s = (gradient_s * cc - gradient_c * cs) / (cc * ss - cs * cs);
		c += step_c;
		s += step_s;
		if (fabs(step_c) + fabs(step_s) < 1e-9)
			break;
	}
	*strength = Min(Max(s, 0), MOST_STRENGTH);
	*shift = SHIFT_SHARE * Min(Max(c, -MOST_SHIFT), MOST_SHIFT);
	return true;
}

/* Gives the model the levels that its terms use, numbered in their order. */
static void
take_levels(const WinCellsReader *reader, const WinDesign *design, WinModel *model)
{
	uint32	   *number[WIN_MAX_FACTORS];

	model->factors = reader->factors;
	for (int f = 0; f < reader->factors; f++)
		number[f] = palloc_extended(Max(reader->levels[f], 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int pass = 0; pass < 2; pass++)
	{
		for (int t = 0; t < design->terms; t++)
		{
			const WinDesignTerm *from = &design->term[t];
			WinTerm    *term = &model->term[t];

			for (uint32 i = 0; i < from->levels; i++)
			{
				uint64		key = from->key[i];

				for (int place = term->factors - 1; place >= 0; place--)
				{
					int			f = term->factor[place];
					uint32		level = (uint32) (key % reader->levels[f]);

					key /= reader->levels[f];
					if (pass == 0)
						number[f][level] = 1;
					else
						term->level[i * term->factors + place] = number[f][level];
				}
			}
		}
		for (int f = 0; pass == 0 && f < reader->factors; f++)
		{
			model->factor[f] = reader->factor[f];
			model->level[f] = palloc_extended(Max(reader->levels[f], 1) * sizeof(WinText), MCXT_ALLOC_HUGE);
			for (uint32 l = 0; l < reader->levels[f]; l++)
			{
				if (number[f][l] == 0)
					continue;
				number[f][l] = model->levels[f];
				model->level[f][model->levels[f]++] = reader->level[f][l];
			}
		}
	}
}

/* Blends both models' effects into those of the result. */
static void
take_effects(const Fit *full, const Fit *base_fit, const Base *base, WinModel *model)
{
	const WinDesign *design = full->design;
	double		s = model->strength;
	WinParameters base_effect = spread_base(design, base, &base_fit->effect);

	model->intercept = model->shift + s * full->effect.dense[0] + (1 - s) * base_effect.dense[0];
	for (int t = 0; t < design->terms; t++)
	{
		const WinDesignTerm *from = &design->term[t];
		WinTerm    *term = &model->term[t];
		const double *effect = of_term(from, &full->effect);
		const double *variance = of_term(from, &full->variance);
		const double *effect_of_base = of_term(from, &base_effect);

		term->is_ordered = from->is_ordered;
		term->precision = full->precision[t];
		term->deals = from->deals;
		term->wins = from->wins;
		for (uint32 i = 0; i < from->levels; i++)
		{
			term->effect[i] = s * effect[i] + (1 - s) * effect_of_base[i];

			/* A strength below 1 says that effects do not last as they are, not that they are known better. */
			term->standard_error[i] = Max(s, 1) * sqrt(variance[i] / full->worth);
		}
	}
}

/* Why the model must not be believed. */
static WinReason
find_reason(const WinDesign *design, bool is_converged)
{
	if (design->all_deals == 0)
		return WIN_NO_DEALS;
	if (design->distinct_deals < WIN_LEAST_DEALS)
		return WIN_FEW_DEALS;
	if (design->distinct_wins < WIN_LEAST_WINS)
		return WIN_FEW_WINS;
	if (design->distinct_losses < WIN_LEAST_LOSSES)
		return WIN_FEW_LOSSES;
	return is_converged ? WIN_CALIBRATED : WIN_NOT_CONVERGED;
}

/* Fits the model of the given terms to cells. Its texts point into them. */
WinModel *
win_fit(const WinCells *cells, int terms, const WinTermSpec *spec)
{
	WinModel   *model = palloc0(sizeof(WinModel));
	WinDesign  *design = win_design(cells, terms, spec);
	Base	   *base = design_base(cells, design);
	WinCellsReader reader;
	Fit		   *full_fit;
	Fit		   *base_fit;

	model->is_recalibrated = recalibrate(design, base, &model->strength, &model->shift);
	full_fit = fit_all(design);
	base_fit = fit_all(base->design);

	model->iterations = full_fit->iterations;
	model->is_converged = full_fit->last_step < CONVERGED && base_fit->last_step < CONVERGED;
	model->reason = find_reason(design, model->is_converged);
	model->deals = design->all_deals;
	model->wins = design->all_wins;
	model->periods = design->periods;
	if (design->periods > 0)
	{
		model->first_period = design->period[0];
		model->last_period = design->period[design->periods - 1];
	}

	model->terms = terms;
	model->term = palloc0(Max(terms, 1) * sizeof(WinTerm));
	for (int t = 0; t < terms; t++)
	{
		WinTerm    *term = &model->term[t];

		term->factors = spec[t].factors;
		memcpy(term->factor, spec[t].factor, sizeof(term->factor));
		term->levels = design->term[t].levels;
		term->level = palloc_extended(Max(term->levels, 1) * term->factors * sizeof(uint32), MCXT_ALLOC_HUGE);
		term->effect = palloc(Max(term->levels, 1) * sizeof(double));
		term->standard_error = palloc(Max(term->levels, 1) * sizeof(double));
	}
	win_cells_open(&reader, cells);
	take_levels(&reader, design, model);
	take_effects(full_fit, base_fit, base, model);
	return model;
}
