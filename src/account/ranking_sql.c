/*
 * ranking_sql.c: compare_rankings(), from SQL.
 */
#include "account/ranking.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"

/* The normal quantile at 0.95: intervals here are 90 % intervals. */
#define Z_OF_90_PERCENT 1.6448536269514722

static void
read_array(FunctionCallInfo fcinfo, int n, Oid type, int16 length, char alignment, Datum **values, int *count)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(n);
	bool	   *nulls;

	if (array_contains_nulls(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("scores and outcomes must not be NULL"),
				errhint("Leave accounts without a score or an outcome out of all three arrays."));
	deconstruct_array(array, type, length, true, alignment, values, &nulls, count);
}

static double *
read_scores(FunctionCallInfo fcinfo, int n, int *count)
{
	Datum	   *values;
	double	   *scores;

	read_array(fcinfo, n, FLOAT8OID, sizeof(float8), TYPALIGN_DOUBLE, &values, count);
	scores = palloc((*count + 1) * sizeof(double));
	for (int i = 0; i < *count; i++)
	{
		scores[i] = DatumGetFloat8(values[i]);
		if (isnan(scores[i]))
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a score is NaN"),
					errhint("Leave accounts without a score out of all three arrays."));
	}
	return scores;
}

static void
put(Datum *values, bool *nulls, int n, double value)
{
	nulls[n] = isnan(value);
	values[n] = Float8GetDatum(value);
}

/* auc, its bounds, lift */
static void
put_ranking(Datum *values, bool *nulls, int n, const Ranking *ranking)
{
	double		half = Z_OF_90_PERCENT * sqrt(ranking->variance);

	put(values, nulls, n, ranking->auc);
	put(values, nulls, n + 1, Max(ranking->auc - half, 0));
	put(values, nulls, n + 2, Min(ranking->auc + half, 1));
	put(values, nulls, n + 3, ranking->lift);
	if (isnan(half))
		nulls[n + 1] = nulls[n + 2] = true;
}

/*
 * compare_rankings(scores, other_scores, won): both rankings of the same accounts, and the difference of their aucs. 22023 where the arrays differ in length.
 */
PG_FUNCTION_INFO_V1(salesops_compare_rankings);
Datum
salesops_compare_rankings(PG_FUNCTION_ARGS)
{
	int			count;
	int			others;
	int			outcomes;
	double	   *scores = read_scores(fcinfo, 0, &count);
	double	   *other_scores = read_scores(fcinfo, 1, &others);
	Datum	   *outcome;
	bool	   *won;
	int64		wins = 0;
	Ranking		ranking;
	Ranking		other;
	double		half;
	TupleDesc	row;
	Datum		values[13];
	bool		nulls[13] = {false};

	read_array(fcinfo, 2, BOOLOID, sizeof(bool), TYPALIGN_CHAR, &outcome, &outcomes);
	if (others != count || outcomes != count)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores and outcomes are not of the same accounts"),
				errdetail("There are %d scores, %d other scores and %d outcomes.", count, others, outcomes),
				errhint("Collect the three with array_agg() from the same rows."));
	won = palloc((count + 1) * sizeof(bool));
	for (int i = 0; i < count; i++)
		wins += won[i] = DatumGetBool(outcome[i]);
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	ranking = rank_scores(scores, won, count);
	other = rank_scores(other_scores, won, count);
	values[0] = Int64GetDatum(count);
	values[1] = Int64GetDatum(wins);
	put_ranking(values, nulls, 2, &ranking);
	put_ranking(values, nulls, 6, &other);
	half = Z_OF_90_PERCENT * sqrt(Max(ranking.variance + other.variance - 2 * ranking_covariance(&ranking, &other, won, count), 0));
	put(values, nulls, 10, ranking.auc - other.auc);
	put(values, nulls, 11, ranking.auc - other.auc - half);
	put(values, nulls, 12, ranking.auc - other.auc + half);
	if (isnan(ranking.variance))
		nulls[11] = nulls[12] = true;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}
