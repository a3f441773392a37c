-- win_cells: what a win model learns from: how many deals there were, and how many of them were won, of each pattern of
-- levels in each period.
--
-- Whole numbers in one canonical order: the same deals give the same bytes, whatever the order of the rows and however
-- many workers or servers counted; counts of two sets of deals are merged by win_cells(win_cells).

CREATE TYPE salesops.win_cells;

-- Input and output

CREATE FUNCTION salesops.win_cells_in(cstring) RETURNS salesops.win_cells
  AS 'MODULE_PATHNAME', 'salesops_win_cells_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_in(cstring) IS 'text input of win_cells';

CREATE FUNCTION salesops.win_cells_out(salesops.win_cells) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_win_cells_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_out(salesops.win_cells) IS 'text output of win_cells';

CREATE FUNCTION salesops.win_cells_recv(internal) RETURNS salesops.win_cells
  AS 'MODULE_PATHNAME', 'salesops_win_cells_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_recv(internal) IS 'binary input of win_cells';

CREATE FUNCTION salesops.win_cells_send(salesops.win_cells) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_win_cells_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_send(salesops.win_cells) IS 'binary output of win_cells';

CREATE TYPE salesops.win_cells (
  INPUT = salesops.win_cells_in,
  OUTPUT = salesops.win_cells_out,
  RECEIVE = salesops.win_cells_recv,
  SEND = salesops.win_cells_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = int4,
  STORAGE = extended
);
COMMENT ON TYPE salesops.win_cells IS
  'deals and wins by period and pattern of levels; JSON in text form: the factors with their levels, then for each period '
  'its cells: the number of a level for each factor (from 0), deals, wins';

-- Equality, and what grouping and sorting need. Equal counts are stored as equal bytes (win_cells.h), so bytes are compared; the order means
-- nothing else. Too large for an index.

CREATE FUNCTION salesops.win_cells_lt(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_lt(salesops.win_cells, salesops.win_cells) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.win_cells_le(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_le(salesops.win_cells, salesops.win_cells) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.win_cells_eq(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_eq(salesops.win_cells, salesops.win_cells) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.win_cells_ne(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_ne(salesops.win_cells, salesops.win_cells) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.win_cells_ge(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_ge(salesops.win_cells, salesops.win_cells) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.win_cells_gt(salesops.win_cells, salesops.win_cells) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_win_cells_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_gt(salesops.win_cells, salesops.win_cells) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.win_cells_lt, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.win_cells, salesops.win_cells) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.win_cells_le, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.win_cells, salesops.win_cells) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.win_cells_eq, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.win_cells, salesops.win_cells) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.win_cells_ne, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.win_cells, salesops.win_cells) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.win_cells_ge, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.win_cells, salesops.win_cells) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.win_cells_gt, LEFTARG = salesops.win_cells, RIGHTARG = salesops.win_cells,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.win_cells, salesops.win_cells) IS 'greater than';

CREATE FUNCTION salesops.win_cells_cmp(salesops.win_cells, salesops.win_cells) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_win_cells_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_cmp(salesops.win_cells, salesops.win_cells) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.win_cells_hash(salesops.win_cells) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_win_cells_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_hash(salesops.win_cells) IS 'hash';

CREATE FUNCTION salesops.win_cells_hash_extended(salesops.win_cells, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_win_cells_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.win_cells_hash_extended(salesops.win_cells, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.win_cells_ops DEFAULT FOR TYPE salesops.win_cells USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.win_cells_cmp(salesops.win_cells, salesops.win_cells),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.win_cells_ops USING btree IS 'comparing, grouping and sorting win_cells by bytes';
COMMENT ON OPERATOR CLASS salesops.win_cells_ops USING btree IS 'comparing, grouping and sorting win_cells by bytes';

CREATE OPERATOR CLASS salesops.win_cells_ops DEFAULT FOR TYPE salesops.win_cells USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.win_cells_hash(salesops.win_cells),
  FUNCTION 2 salesops.win_cells_hash_extended(salesops.win_cells, bigint);
COMMENT ON OPERATOR FAMILY salesops.win_cells_ops USING hash IS 'hashing win_cells by bytes';
COMMENT ON OPERATOR CLASS salesops.win_cells_ops USING hash IS 'hashing win_cells by bytes';

-- Aggregates. One state, three transitions (deals, counted deals, stored cells).

CREATE FUNCTION salesops.win_cells_accum(internal, text[], text[], salesops.fiscal_period, boolean)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_win_cells_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_accum(internal, text[], text[], salesops.fiscal_period, boolean) IS
  'transition: takes a deal in';

CREATE FUNCTION salesops.win_cells_accum_counts(internal, text[], text[], salesops.fiscal_period, bigint, bigint)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_win_cells_accum_counts' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_accum_counts(internal, text[], text[], salesops.fiscal_period, bigint, bigint) IS
  'transition: takes deals in that are counted already';

CREATE FUNCTION salesops.win_cells_merge(internal, salesops.win_cells)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_win_cells_merge' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_merge(internal, salesops.win_cells) IS 'transition: takes stored cells in';

CREATE FUNCTION salesops.win_cells_combine(internal, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_win_cells_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_combine(internal, internal) IS 'combines the states of parallel workers';

CREATE FUNCTION salesops.win_cells_serialize(internal)
  RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_win_cells_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_serialize(internal) IS 'serialises a state';

CREATE FUNCTION salesops.win_cells_deserialize(bytea, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_win_cells_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_deserialize(bytea, internal) IS 'deserialises a state';

CREATE FUNCTION salesops.win_cells_final(internal)
  RETURNS salesops.win_cells
  AS 'MODULE_PATHNAME', 'salesops_win_cells_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cells_final(internal) IS 'result: the counts';

CREATE AGGREGATE salesops.win_cells(factors text[], levels text[], period salesops.fiscal_period, won boolean) (
  SFUNC = salesops.win_cells_accum,
  STYPE = internal,
  SSPACE = 1000000,
  FINALFUNC = salesops.win_cells_final,
  COMBINEFUNC = salesops.win_cells_combine,
  SERIALFUNC = salesops.win_cells_serialize,
  DESERIALFUNC = salesops.win_cells_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.win_cells(text[], text[], salesops.fiscal_period, boolean) IS
  'counts deals and wins by period and pattern of levels: factors names them, the same in every row; levels has a text for '
  'each, NULL counts as "(unknown)"; won says whether the deal was won by the end of the period, NULL passes it over; NULL over no rows';

CREATE AGGREGATE salesops.win_cells(factors text[], levels text[], period salesops.fiscal_period,
                                    won bigint, not_won bigint) (
  SFUNC = salesops.win_cells_accum_counts,
  STYPE = internal,
  SSPACE = 1000000,
  FINALFUNC = salesops.win_cells_final,
  COMBINEFUNC = salesops.win_cells_combine,
  SERIALFUNC = salesops.win_cells_serialize,
  DESERIALFUNC = salesops.win_cells_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.win_cells(text[], text[], salesops.fiscal_period, bigint, bigint) IS
  'the same from rows that stand for several deals: how many were won by the end of the period and how many were not; '
  'NULL counts for none';

CREATE AGGREGATE salesops.win_cells(cells salesops.win_cells) (
  SFUNC = salesops.win_cells_merge,
  STYPE = internal,
  SSPACE = 1000000,
  FINALFUNC = salesops.win_cells_final,
  COMBINEFUNC = salesops.win_cells_combine,
  SERIALFUNC = salesops.win_cells_serialize,
  DESERIALFUNC = salesops.win_cells_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.win_cells(salesops.win_cells) IS
  'the counts of all together; NULL is passed over; other factors than in the first are error 22023; NULL over no rows';

-- Reading them

CREATE FUNCTION salesops.win_cell_factors(cells salesops.win_cells) RETURNS text[]
  AS 'MODULE_PATHNAME', 'salesops_win_cell_factors' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.win_cell_factors(salesops.win_cells) IS 'the factors that the deals are counted by, in order';

CREATE FUNCTION salesops.win_cell_counts(cells salesops.win_cells, OUT period salesops.fiscal_period, OUT levels text[],
                                         OUT deals bigint, OUT wins bigint)
  RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_win_cell_counts' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION salesops.win_cell_counts(salesops.win_cells) IS
  'the counts, one row for each period and pattern of levels, in the order of period and levels';
