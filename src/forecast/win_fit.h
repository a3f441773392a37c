/*
 * win_fit.h: fitting the win model. Plain C: counts in, effects out.
 *
 *	win_design.c	turns cells and terms into rows of parameter numbers
 *	win_newton.c	one Newton step: gradient and curvature over the rows, large terms eliminated, small rest solved
 *	win_fit.c		how strong each term is (its precision), and what holds out of time
 */
#ifndef SALESOPS_FORECAST_WIN_FIT_H
#define SALESOPS_FORECAST_WIN_FIT_H

#include "forecast/win_cells.h"
#include "forecast/win_model.h"

/* Which factors a term is made of. */
typedef struct WinTermSpec
{
	int			factors;
	int			factor[WIN_MAX_TERM_FACTORS];
} WinTermSpec;

/* Where the effects of a term stand among the parameters. */
typedef enum WinBlock
{
	WIN_DENSE,					/* among those that are solved for together */
	WIN_INNER,					/* eliminated first: a product with many levels, such as segment*owner */
	WIN_OUTER					/* eliminated next: the factor whose levels those divide, such as owner */
} WinBlock;

typedef struct WinDesignTerm
{
	WinTermSpec spec;
	WinBlock	block;
	uint32		first;			/* parameter of its first level in the block */
	uint32		levels;
	uint64	   *key;			/* of each level: its factors' level numbers as one number, ascending */
	int64	   *deals;
	int64	   *wins;
	bool		is_ordered;
	double	   *own_precision;	/* of each level, in units of the term's precision */
	uint32		links;			/* pairs of neighbours, whose effects differ little */
	uint32	   *link;			/* two levels each */
} WinDesignTerm;

/*
 * What the model is fitted to. A row has a parameter for each dense term, then one of the inner and one of the outer
 * block; one past a block's last stands for none, and its effect is always 0. Dense parameter 0 is the intercept.
 */
typedef struct WinDesign
{
	int			terms;
	WinDesignTerm *term;
	int			dense_terms;
	uint32		dense;
	uint32		inner;
	uint32		outer;
	uint16	   *parent;			/* of each inner level its outer one */
	uint32		rows;
	uint16	   *parameter;		/* rows x (dense_terms + 2) */
	double	   *deals;
	double	   *wins;
	double	   *echo;			/* how much more a row's chance counts because the same deals were seen at earlier marks */
	uint32		periods;
	uint32	   *period_end;		/* row after the last of each period */
	FiscalPeriod *period;
	int64		all_deals;
	int64		all_wins;
	int64		distinct_deals;	/* at least so many different outcomes: one mark of each period, the largest */
	int64		distinct_wins;
	int64		distinct_losses;
} WinDesign;

extern WinDesign *win_design(const WinCells *cells, int terms, const WinTermSpec *spec);

/* Some of a design's rows: every step-th from begin to before end. */
typedef struct WinRows
{
	uint32		begin;
	uint32		end;
	uint32		step;
} WinRows;

/* The parameters, or what has one number for each of them. One more in each block, for none. */
typedef struct WinParameters
{
	double	   *dense;
	double	   *inner;
	double	   *outer;
} WinParameters;

typedef struct WinSystem WinSystem;

extern WinParameters win_parameters(const WinDesign *design);
extern void win_linear_predictor(const WinDesign *design, const WinParameters *effect, WinRows rows, double *eta);

extern WinSystem *win_system(const WinDesign *design);
extern void win_accumulate(WinSystem *system, const WinParameters *effect, WinRows rows, bool with_curvature);
extern double win_worth(const WinSystem *system);
extern void win_factorize(WinSystem *system, const double *precision);
extern double win_solve(WinSystem *system, const WinParameters *effect, const double *precision, WinParameters *step);
extern void win_spread(WinSystem *system, bool trace_only, WinParameters *variance, double *trace);

extern WinModel *win_fit(const WinCells *cells, int terms, const WinTermSpec *spec);

#endif
