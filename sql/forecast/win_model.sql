-- win_model: the probability that an open deal is won by the end of its period, learnt from deals that were open before.
--
--   logit P = intercept + the effect of the deal's level in each term
--
-- Effects are partially pooled: a term's levels share a variance that is estimated, so a rep with three deals stays near
-- the average. docs/forecast.md has the formulas, src/forecast/win_fit.c the method.

CREATE TYPE salesops.win_model;

-- Input and output

CREATE FUNCTION salesops.win_model_in(cstring) RETURNS salesops.win_model
  AS 'MODULE_PATHNAME', 'salesops_win_model_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_in(cstring) IS 'text input of win_model';

CREATE FUNCTION salesops.win_model_out(salesops.win_model) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_win_model_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_out(salesops.win_model) IS 'text output of win_model';

CREATE FUNCTION salesops.win_model_recv(internal) RETURNS salesops.win_model
  AS 'MODULE_PATHNAME', 'salesops_win_model_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_recv(internal) IS 'binary input of win_model';

CREATE FUNCTION salesops.win_model_send(salesops.win_model) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_win_model_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_send(salesops.win_model) IS 'binary output of win_model';

CREATE TYPE salesops.win_model (
  INPUT = salesops.win_model_in,
  OUTPUT = salesops.win_model_out,
  RECEIVE = salesops.win_model_recv,
  SEND = salesops.win_model_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = double,
  STORAGE = extended
);
COMMENT ON TYPE salesops.win_model IS
  'a fitted win model: intercept and effects with their standard errors, terms with their precisions, what it was trained '
  'on and how the fit went; JSON in text form';

-- Equality, and what grouping and sorting need. Equal models are stored as equal bytes (win_model.h), so bytes are compared; the order means
-- nothing else. Too large for an index.

CREATE FUNCTION salesops.win_model_lt(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_lt(salesops.win_model, salesops.win_model) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.win_model_le(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_le(salesops.win_model, salesops.win_model) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.win_model_eq(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_eq(salesops.win_model, salesops.win_model) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.win_model_ne(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_ne(salesops.win_model, salesops.win_model) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.win_model_ge(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_ge(salesops.win_model, salesops.win_model) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.win_model_gt(salesops.win_model, salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_gt(salesops.win_model, salesops.win_model) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.win_model_lt, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.win_model, salesops.win_model) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.win_model_le, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.win_model, salesops.win_model) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.win_model_eq, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.win_model, salesops.win_model) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.win_model_ne, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.win_model, salesops.win_model) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.win_model_ge, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.win_model, salesops.win_model) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.win_model_gt, LEFTARG = salesops.win_model, RIGHTARG = salesops.win_model,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.win_model, salesops.win_model) IS 'greater than';

CREATE FUNCTION salesops.win_model_cmp(salesops.win_model, salesops.win_model) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_win_model_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_cmp(salesops.win_model, salesops.win_model) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.win_model_hash(salesops.win_model) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_win_model_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_hash(salesops.win_model) IS 'hash';

CREATE FUNCTION salesops.win_model_hash_extended(salesops.win_model, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_win_model_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_model_hash_extended(salesops.win_model, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.win_model_ops DEFAULT FOR TYPE salesops.win_model USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.win_model_cmp(salesops.win_model, salesops.win_model),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.win_model_ops USING btree IS 'comparing, grouping and sorting win_model by bytes';
COMMENT ON OPERATOR CLASS salesops.win_model_ops USING btree IS 'comparing, grouping and sorting win_model by bytes';

CREATE OPERATOR CLASS salesops.win_model_ops DEFAULT FOR TYPE salesops.win_model USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.win_model_hash(salesops.win_model),
  FUNCTION 2 salesops.win_model_hash_extended(salesops.win_model, bigint);
COMMENT ON OPERATOR FAMILY salesops.win_model_ops USING hash IS 'hashing win_model by bytes';
COMMENT ON OPERATOR CLASS salesops.win_model_ops USING hash IS 'hashing win_model by bytes';

-- Learning and asking

CREATE FUNCTION salesops.fit_win_model(cells salesops.win_cells, terms text[] DEFAULT NULL) RETURNS salesops.win_model
  AS 'MODULE_PATHNAME', 'salesops_fit_win_model' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION salesops.fit_win_model(salesops.win_cells, text[]) IS
  'the win model that the counts teach, the same bits for the same counts. A term is a factor or a product of two to four '
  '(segment*owner); NULL takes each factor alone and, where their factors are there, age*to_go, age*segment, to_go*segment, '
  'stage*to_go and segment*owner. NULL cells are no deals: a model that says it is not calibrated. Unknown factors and terms named twice are error 22023';

CREATE FUNCTION salesops.win_probability(model salesops.win_model, levels text[], months_to_go double precision DEFAULT NULL)
  RETURNS double precision
  AS 'MODULE_PATHNAME', 'salesops_win_probability' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION salesops.win_probability(salesops.win_model, text[], double precision) IS
  'probability, from 1e-6 to 1 - 1e-6, that a deal with these levels (in the order of win_model_factors(), NULL = unknown) is '
  'won by the end of its period. months_to_go, if given, stands for the level of to_go: between two marks the hazard '
  '-ln(1 - p) is interpolated, beyond the farthest mark the chance is that of the farthest, at 0 or less it is 1e-6. A level never '
  'seen has effect 0. NULL for a model without deals; NaN months or the wrong number of levels are error 22023';

CREATE FUNCTION salesops.explain_win_probability(model salesops.win_model, levels text[],
                                                 months_to_go double precision DEFAULT NULL, OUT factor text,
                                                 OUT level text, OUT points numeric, OUT words text)
  RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_explain_win_probability' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 15;
COMMENT ON FUNCTION salesops.explain_win_probability(salesops.win_model, text[], double precision) IS
  'what makes win_probability() of the same arguments: first the average deal, then each factor with the percentage points '
  'it adds, strongest first; points add up to 100 x the probability, to the hundredth. A factor''s points are in proportion to its part of '
  'the logit; a product of factors counts for each in equal parts. No row for a model without deals';

CREATE FUNCTION salesops.win_effects(model salesops.win_model, OUT term text, OUT level text, OUT effect double precision,
                                     OUT standard_error double precision, OUT deals bigint, OUT wins bigint)
  RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_win_effects' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION salesops.win_effects(salesops.win_model) IS
  'the effect of each level of each term on the logit, with its standard error (90 % interval: effect +- 1.645 standard '
  'errors) and the deals, counted once a mark, and wins that it was learnt from. The effects of a deal''s levels and the intercept of win_model_summary() add up to its logit';

CREATE FUNCTION salesops.win_model_summary(model salesops.win_model, OUT periods integer,
                                           OUT first_period salesops.fiscal_period, OUT last_period salesops.fiscal_period,
                                           OUT deals bigint, OUT wins bigint, OUT terms text[],
                                           OUT precisions double precision[], OUT intercept double precision,
                                           OUT strength double precision, OUT shift double precision,
                                           OUT is_recalibrated boolean, OUT iterations integer, OUT is_converged boolean,
                                           OUT is_calibrated boolean, OUT reason text)
  RETURNS record
  AS 'MODULE_PATHNAME', 'salesops_win_model_summary' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_summary(salesops.win_model) IS
  'the model in one row: periods, deals (counted once a mark) and wins it was trained on; terms with their precisions (1 / variance of the '
  'effects); strength, near 0 where rep, segment and the like have no value out of time, and shift of the level in the latest '
  'periods (1 and 0 where too few wins to estimate them: is_recalibrated false); whether it is calibrated, and if not the reason';

CREATE FUNCTION salesops.is_calibrated(model salesops.win_model) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_model_is_calibrated' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.is_calibrated(salesops.win_model) IS
  'whether the model had enough to learn from: 50 deals, 10 of them won and 10 not, and the fit converged';

CREATE FUNCTION salesops.win_model_factors(model salesops.win_model) RETURNS text[]
  AS 'MODULE_PATHNAME', 'salesops_win_model_factors' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_model_factors(salesops.win_model) IS
  'the factors of the model, in the order in which win_probability() takes a deal''s levels';
