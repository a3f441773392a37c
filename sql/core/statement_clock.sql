-- statement_clock.sql: what time it is for a query, which has one answer for all its rows.

CREATE FUNCTION salesops.statement_clock() RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_statement_clock';
COMMENT ON FUNCTION salesops.statement_clock() IS
  'What time it was for salesops when the statement began: statement_timestamp(), moved like clock()';
