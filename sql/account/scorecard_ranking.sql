-- How well scores rank what was won before what was lost.

CREATE FUNCTION salesops.compare_rankings(scores float8[], other_scores float8[], won boolean[],
                                          OUT accounts bigint, OUT wins bigint, OUT auc float8, OUT auc_low float8, OUT auc_high float8, OUT lift float8,
                                          OUT other_auc float8, OUT other_auc_low float8, OUT other_auc_high float8, OUT other_lift float8,
                                          OUT difference float8, OUT difference_low float8, OUT difference_high float8)
  AS 'MODULE_PATHNAME', 'salesops_compare_rankings' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION salesops.compare_rankings(float8[], float8[], boolean[]) IS
  'Two scores of the same accounts held against what became of them. auc: chance that a won account scores higher than a lost one, ties half; lift: share won in the best tenth over the share won in all; '
  'difference: auc - other_auc. Bounds are of 90 % intervals after DeLong (Biometrics 44, 1988), the difference as of one sample; where every won account scores higher they have no width. '
  'NULL where there are too few: nothing won or lost, for bounds fewer than two of either. The same bits in any order of the accounts. 22004 for a NULL in an array, 22023 for NaN or different lengths';
