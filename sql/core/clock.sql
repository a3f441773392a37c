-- clock.sql: the clock by which is decided what is due and what lies in the future. A test sets it forward and back.

CREATE FUNCTION salesops.clock() RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_clock';
COMMENT ON FUNCTION salesops.clock() IS
  'What time it is for salesops: the wall clock, moved by the setting salesops.clock_offset (seconds, for tests)';
