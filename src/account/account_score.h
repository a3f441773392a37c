/*
 * account_score.h: how well an account fits, by the default scorecard, in eight bytes.
 */
#ifndef SALESOPS_ACCOUNT_ACCOUNT_SCORE_H
#define SALESOPS_ACCOUNT_ACCOUNT_SCORE_H

#include "core/compat.h"

/* The inputs of the default scorecard; a score keeps which of them were not known. */
typedef enum ScoreInput
{
	INPUT_EMPLOYEES,
	INPUT_INDUSTRY,
	INPUT_VISITS,
	INPUT_DOWNLOADS,
	INPUT_INTENT
} ScoreInput;

#define SCORE_INPUTS	5

/* The components that add up to the total. */
typedef enum ScoreComponent
{
	COMPONENT_SIZE,
	COMPONENT_INDUSTRY,
	COMPONENT_ENGAGEMENT,
	COMPONENT_INTENT
} ScoreComponent;

#define SCORE_COMPONENTS	4

/*
 * From the highest bits: total, the points of the components in their order (a byte each), tier, and a bit for each input that was missing.
 * So numbers are in the order of scores: total first, then the components.
 */
typedef uint64 AccountScore;

#define DatumGetAccountScore(d)		((AccountScore) DatumGetUInt64(d))
#define AccountScoreGetDatum(s)		UInt64GetDatum(s)
#define PG_GETARG_ACCOUNT_SCORE(n)	DatumGetAccountScore(PG_GETARG_DATUM(n))
#define PG_RETURN_ACCOUNT_SCORE(s)	return AccountScoreGetDatum(s)

static inline int
score_total(AccountScore score)
{
	return (int) (score >> 48);
}

static inline int
score_points(AccountScore score, ScoreComponent component)
{
	return (int) (score >> (40 - 8 * (int) component)) & 0xFF;
}

static inline int
score_tier(AccountScore score)
{
	return (int) (score >> 8) & 0xFF;
}

static inline bool
score_is_missing(AccountScore score, ScoreInput input)
{
	return score >> (int) input & 1;
}

#endif
