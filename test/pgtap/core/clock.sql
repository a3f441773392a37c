-- The clock by which is decided what is due. A server whose clock is set: test/t/010_clock.pl.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(3);

SELECT ok(before <= it AND it <= after, 'it is the wall clock')
FROM (SELECT clock_timestamp() AS before, salesops.clock() AS it, clock_timestamp() AS after OFFSET 0) AS reading;
SELECT is(current_setting('salesops.clock_offset'), '0', 'it is not set');
SELECT throws_ok('SET salesops.clock_offset = 1', '55P02', NULL, 'a session cannot set it');

SELECT * FROM finish();
ROLLBACK;
