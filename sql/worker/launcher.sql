-- launcher.sql: how a session starts the background worker, stops it, and makes it look at this database.

CREATE FUNCTION salesops.start_worker() RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_start_worker';
COMMENT ON FUNCTION salesops.start_worker() IS
  'Starts the background worker in a server without salesops in shared_preload_libraries, until that server ends; it '
  'serves this database and those of the setting salesops.databases. Returns the process of its launcher, which may '
  'have been running already; NULL on a standby, where it waits for the promotion. Acts at once, also in a '
  'transaction that is rolled back';
REVOKE ALL ON FUNCTION salesops.start_worker() FROM PUBLIC;

CREATE FUNCTION salesops.stop_worker() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_stop_worker';
COMMENT ON FUNCTION salesops.stop_worker() IS
  'Ends the background worker that start_worker() has started, for all databases; a run at work goes on to its end. '
  'False if there was none. Raises 55000 if the library is preloaded';
REVOKE ALL ON FUNCTION salesops.stop_worker() FROM PUBLIC;

CREATE FUNCTION salesops.wake_worker() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_wake_worker';
COMMENT ON FUNCTION salesops.wake_worker() IS
  'Makes the background worker look at this database as soon as this transaction commits; false if it is neither '
  'preloaded nor started';

CREATE FUNCTION salesops.check_worker() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_check_worker';
COMMENT ON FUNCTION salesops.check_worker() IS
  'Raises 55000 with what to do unless the background worker serves this database';

CREATE FUNCTION salesops.launcher_pid() RETURNS integer
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'salesops_launcher_pid';
COMMENT ON FUNCTION salesops.launcher_pid() IS
  'Process of the launcher of the background worker; NULL while there is none: not started, on a standby, or for seconds after it was ended';
