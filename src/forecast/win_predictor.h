/*
 * win_predictor.h: a win model ready to be asked.
 */
#ifndef SALESOPS_FORECAST_WIN_PREDICTOR_H
#define SALESOPS_FORECAST_WIN_PREDICTOR_H

#include "forecast/win_model.h"

#include "utils/array.h"

/* No probability is surer than that. */
#define WIN_LEAST_PROBABILITY 1e-6

/* The number of a level, or of a term's effect, that the model has not. */
#define WIN_UNSEEN PG_UINT32_MAX

/* A mark at which the model knows deals: how many months before the end of the period, and its level of to_go. */
typedef struct WinMark
{
	double		months;
	uint32		level;
} WinMark;

typedef struct WinPredictor
{
	const WinModel *model;
	int			to_go;			/* factor, -1 for none */
	int			marks;			/* ascending in months */
	WinMark    *mark;
	struct WinLevelTable *table;	/* for each factor: from a text to the number of a level */
	struct WinEffectIndex *index;	/* for each term: from level numbers to an effect */
} WinPredictor;

/* A deal as the model sees it: the number of its level for each factor, and between which marks it stands. */
typedef struct WinDeal
{
	uint32		level[WIN_MAX_FACTORS];
	const WinMark *nearer;		/* fewer months to go; NULL for the end of the period */
	const WinMark *farther;		/* NULL where the deal stands at its own level of to_go */
	double		share;			/* how far it is from the nearer to the farther one, up to 1 */
} WinDeal;

extern const WinPredictor *win_predictor(FunctionCallInfo fcinfo, int argument);
extern void win_read_deal(const WinPredictor *predictor, ArrayType *levels, WinDeal *deal);
extern void win_place_deal(const WinPredictor *predictor, double months_to_go, WinDeal *deal);
extern double win_effect(const WinPredictor *predictor, int term, const uint32 *level);
extern double win_probability(const WinPredictor *predictor, const WinDeal *deal);

#endif
