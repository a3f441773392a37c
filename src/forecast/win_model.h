/*
 * win_model.h: a fitted win model.
 *
 * The logit of a deal's probability to be won by the end of its period is the intercept plus the effect of its level in each term. A term is a factor or a
 * product of factors. A level that a term does not list has effect 0.
 *
 * Stored, a model is a WinModelValue: a header and a stream of bytes (win_stream.h); win_model_store() and
 * win_model_load() lead from one to the other.
 */
#ifndef SALESOPS_FORECAST_WIN_MODEL_H
#define SALESOPS_FORECAST_WIN_MODEL_H

#include "core/compat.h"
#include "core/fiscal_period.h"
#include "forecast/win_cells.h"

#define WIN_MAX_TERM_FACTORS 4
#define WIN_MAX_TERMS 255

/* Why a model must not be believed; 0 where it may. */
typedef enum WinReason
{
	WIN_CALIBRATED,
	WIN_NO_DEALS,
	WIN_FEW_DEALS,
	WIN_FEW_WINS,
	WIN_FEW_LOSSES,
	WIN_NOT_CONVERGED
} WinReason;

/* How many different outcomes, wins and losses a model needs before it is called calibrated. */
#define WIN_LEAST_DEALS 50
#define WIN_LEAST_WINS 10
#define WIN_LEAST_LOSSES 10

typedef struct WinTerm
{
	int			factors;
	int			factor[WIN_MAX_TERM_FACTORS];
	bool		is_ordered;		/* neighbouring levels have similar effects */
	double		precision;		/* 1 / variance of the effects */
	uint32		levels;
	uint32	   *level;			/* levels x factors: level numbers, ascending */
	double	   *effect;
	double	   *standard_error;
	int64	   *deals;
	int64	   *wins;
} WinTerm;

typedef struct WinModel
{
	int			factors;
	WinText		factor[WIN_MAX_FACTORS];
	uint32		levels[WIN_MAX_FACTORS];
	WinText    *level[WIN_MAX_FACTORS];
	double		intercept;
	double		strength;		/* s: how much of what the factors say holds out of time */
	double		shift;			/* c: how much the level of the latest periods differs */
	bool		is_recalibrated;	/* whether there was enough data to estimate the two; else 1 and 0 */
	WinReason	reason;
	uint32		iterations;
	bool		is_converged;
	uint32		periods;
	FiscalPeriod first_period;	/* 0 where there is none */
	FiscalPeriod last_period;
	int64		deals;
	int64		wins;
	int			terms;
	WinTerm    *term;
} WinModel;

/* The fingerprint is of everything behind it, so that two models with the same one need not be compared. */
typedef struct WinModelValue
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		version;		/* of this layout */
	uint8		unused[3];		/* always zero */
	uint64		fingerprint;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} WinModelValue;

#define WIN_MODEL_VERSION 1

#define DatumGetWinModel(d)		((WinModelValue *) PG_DETOAST_DATUM(d))
#define PG_GETARG_WIN_MODEL(n)	DatumGetWinModel(PG_GETARG_DATUM(n))

extern WinModelValue *win_model_store(const WinModel *model);
extern WinModel *win_model_load(const WinModelValue *value);
extern char *win_model_term_name(const WinModel *model, const WinTerm *term);
extern int	win_model_to_go(const WinModel *model);
extern const char *win_model_reason(WinReason reason);

#endif
