-- Scores: how good a forecast was, once it is known what happened. Probabilities of deals are scored by aggregates over
-- (probability, won), totals by functions of the total's stated quantiles; src/forecast/scores.c has the formulas.

CREATE TYPE salesops.probability_scores AS (
  deals       bigint,
  wins        bigint,
  log_loss    float8,
  brier       float8,
  reliability float8,
  resolution  float8,
  uncertainty float8,
  within_bins float8
);
COMMENT ON TYPE salesops.probability_scores IS
  'Scores of stated probabilities; brier = reliability - resolution + uncertainty + within_bins, over ten bins of equal width';
COMMENT ON COLUMN salesops.probability_scores.deals IS 'Deals scored';
COMMENT ON COLUMN salesops.probability_scores.wins IS 'Of them won';
COMMENT ON COLUMN salesops.probability_scores.log_loss IS
  'Mean of -ln(probability given to what happened), clipped to [1e-6, 1 - 1e-6]; 0 = certain and right, 0.693 = always 50 %';
COMMENT ON COLUMN salesops.probability_scores.brier IS 'Mean of (probability - won)^2';
COMMENT ON COLUMN salesops.probability_scores.reliability IS
  'Mean over the deals of (mean probability of its bin - share won in it)^2; 0 = calibrated';
COMMENT ON COLUMN salesops.probability_scores.resolution IS
  'Mean over the deals of (share won in its bin - share won overall)^2; higher = deals are told apart';
COMMENT ON COLUMN salesops.probability_scores.uncertainty IS 'Share won x (1 - share won): what stating the base rate would score';
COMMENT ON COLUMN salesops.probability_scores.within_bins IS 'What bins hide: 0 where each bin holds one probability';

CREATE TYPE salesops.calibration_bin AS (
  low              float8,
  high             float8,
  deals            bigint,
  wins             bigint,
  mean_probability float8,
  share_won        float8,
  share_low        float8,
  share_high       float8
);
COMMENT ON TYPE salesops.calibration_bin IS 'Deals whose probability was alike, and how many of them were won';
COMMENT ON COLUMN salesops.calibration_bin.low IS 'Lower bound of the probability, inclusive';
COMMENT ON COLUMN salesops.calibration_bin.high IS 'Upper bound, exclusive; 1 is in the last bin';
COMMENT ON COLUMN salesops.calibration_bin.deals IS 'Deals in the bin';
COMMENT ON COLUMN salesops.calibration_bin.wins IS 'Of them won';
COMMENT ON COLUMN salesops.calibration_bin.mean_probability IS 'Mean of their probabilities';
COMMENT ON COLUMN salesops.calibration_bin.share_won IS 'wins / deals';
COMMENT ON COLUMN salesops.calibration_bin.share_low IS 'Lower bound of share_won, Wilson''s 90 % interval';
COMMENT ON COLUMN salesops.calibration_bin.share_high IS 'Upper bound';

CREATE FUNCTION salesops.score_accum(state internal, probability float8, won boolean) RETURNS internal
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_score_accum';
COMMENT ON FUNCTION salesops.score_accum(internal, float8, boolean) IS 'transition function of the scores of probabilities';
CREATE FUNCTION salesops.score_combine(state internal, other internal) RETURNS internal
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_score_combine';
COMMENT ON FUNCTION salesops.score_combine(internal, internal) IS 'adds two states of the scores of probabilities';
CREATE FUNCTION salesops.score_serialize(state internal) RETURNS bytea
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_score_serialize';
COMMENT ON FUNCTION salesops.score_serialize(internal) IS 'writes a state of the scores of probabilities';
CREATE FUNCTION salesops.score_deserialize(serialized bytea, unused internal) RETURNS internal
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_score_deserialize';
COMMENT ON FUNCTION salesops.score_deserialize(bytea, internal) IS 'reads a state of the scores of probabilities';
CREATE FUNCTION salesops.log_loss_final(state internal) RETURNS float8
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_log_loss_final';
COMMENT ON FUNCTION salesops.log_loss_final(internal) IS 'final function of log_loss()';
CREATE FUNCTION salesops.brier_final(state internal) RETURNS float8
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_brier_final';
COMMENT ON FUNCTION salesops.brier_final(internal) IS 'final function of brier()';
CREATE FUNCTION salesops.score_probabilities_final(state internal) RETURNS salesops.probability_scores
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_score_probabilities_final';
COMMENT ON FUNCTION salesops.score_probabilities_final(internal) IS 'final function of score_probabilities()';
CREATE FUNCTION salesops.calibration_final(state internal) RETURNS salesops.calibration_bin[]
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_calibration_final';
COMMENT ON FUNCTION salesops.calibration_final(internal) IS 'final function of calibration()';

CREATE AGGREGATE salesops.log_loss(probability float8, won boolean) (
  SFUNC = salesops.score_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = salesops.log_loss_final,
  COMBINEFUNC = salesops.score_combine, SERIALFUNC = salesops.score_serialize, DESERIALFUNC = salesops.score_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.log_loss(float8, boolean) IS
  'mean of -ln(probability given to what happened), probabilities clipped to [1e-6, 1 - 1e-6]; rows with a NULL are '
  'passed over, none at all gives NULL; 22003 where a probability is not from 0 to 1. The same to the last bit in any order';
CREATE AGGREGATE salesops.brier(probability float8, won boolean) (
  SFUNC = salesops.score_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = salesops.brier_final,
  COMBINEFUNC = salesops.score_combine, SERIALFUNC = salesops.score_serialize, DESERIALFUNC = salesops.score_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.brier(float8, boolean) IS 'mean of (probability - won)^2; NULLs and errors as for log_loss()';
CREATE AGGREGATE salesops.score_probabilities(probability float8, won boolean) (
  SFUNC = salesops.score_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = salesops.score_probabilities_final,
  COMBINEFUNC = salesops.score_combine, SERIALFUNC = salesops.score_serialize, DESERIALFUNC = salesops.score_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.score_probabilities(float8, boolean) IS
  'log loss and the Brier score with Murphy''s parts as one row; NULLs and errors as for log_loss()';
CREATE AGGREGATE salesops.calibration(probability float8, won boolean) (
  SFUNC = salesops.score_accum, STYPE = internal, SSPACE = 1024, FINALFUNC = salesops.calibration_final,
  COMBINEFUNC = salesops.score_combine, SERIALFUNC = salesops.score_serialize, DESERIALFUNC = salesops.score_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.calibration(float8, boolean) IS
  'calibration table: the deals in ten bins of their probability, of each bin the mean probability and the share won '
  'with its 90 % interval; unnest() it; NULLs and errors as for log_loss()';

CREATE FUNCTION salesops.share_interval(hits float8, n float8, OUT low float8, OUT high float8)
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_share_interval';
COMMENT ON FUNCTION salesops.share_interval(float8, float8) IS
  'Wilson''s 90 % interval for the true share where hits out of n were seen, fractions where some of them are pseudo-counts; '
  'NULL bounds for n = 0; 22023 unless 0 <= hits <= n';

CREATE FUNCTION salesops.pinball_loss(actual numeric, p10 numeric, p50 numeric, p90 numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT sum(CASE WHEN actual >= q.value THEN q.level * (actual - q.value) ELSE (1 - q.level) * (q.value - actual) END) / 3
  FROM (VALUES (0.1, p10), (0.5, p50), (0.9, p90)) AS q(level, value);
END;
COMMENT ON FUNCTION salesops.pinball_loss(numeric, numeric, numeric, numeric) IS
  'mean pinball loss of a stated P10, P50 and P90, in the unit of the amounts: level x (actual - quantile) where the actual '
  'is above, (1 - level) x (quantile - actual) where below (Koenker and Bassett, Econometrica 46, 1978). A single number stated '
  'for all three scores half its absolute error';
