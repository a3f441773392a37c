-- lock.sql: one run at a time in a database.
--
-- A lock of the session spans the commits of a run and vanishes with its process, however that ends. Whoever holds it
-- therefore knows that every other run still logged as running is dead. It is an advisory lock of a kind that
-- pg_advisory_lock() cannot take (see own_lock.c).

CREATE FUNCTION salesops.run_lock_holder() RETURNS integer
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
  SELECT l.pid
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_database d ON d.oid = l.database
  WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
    AND (l.classid, l.objid, l.objsubid) = (1396788293, 1397706835, 3); -- the ASCII bytes of SALE and SOPS, and our kind
END;
COMMENT ON FUNCTION salesops.run_lock_holder() IS 'Process that is running a job in this database now, NULL if none';

CREATE FUNCTION salesops.try_run_lock() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_try_run_lock';
COMMENT ON FUNCTION salesops.try_run_lock() IS
  'Takes the lock that a run holds, for this session; true also if this session has it already, which does not count twice; false if '
  'another session has it';

CREATE FUNCTION salesops.release_run_lock() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_release_run_lock';
COMMENT ON FUNCTION salesops.release_run_lock() IS 'Gives back the lock taken by try_run_lock()';

CREATE FUNCTION salesops.check_run_lock() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.run_lock_holder() IS DISTINCT FROM pg_catalog.pg_backend_pid() THEN
    RAISE EXCEPTION 'this session does not hold the run lock'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Take it with SELECT salesops.try_run_lock(), or CALL salesops.run_job().';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_lock() IS 'Raises 55000 unless this session holds the run lock';

-- DROP EXTENSION takes this lock before those of the tables. So it waits for the step at work, or the step for it, and neither
-- holds a table that the other wants.
CREATE FUNCTION salesops.lock_extension(begun_with text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_lock_extension';
COMMENT ON FUNCTION salesops.lock_extension(text) IS
  'Locks the extension against DROP and ALTER EXTENSION UPDATE until the transaction ends and returns which it is: version and object; 42704 if it '
  'has been dropped, 55000 if it is not the one that the run began with, because it was updated, or dropped and created again';

CREATE FUNCTION salesops.hold_runs() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_hold_runs';
COMMENT ON FUNCTION salesops.hold_runs() IS
  'Waits for the step at work and keeps every other from beginning until this transaction ends: an update script begins with it';
REVOKE ALL ON FUNCTION salesops.hold_runs() FROM PUBLIC;
