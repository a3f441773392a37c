-- request.sql: how a session and the background worker speak to each other.
--
-- A session writes a row and wakes the worker when its transaction commits; the worker reads the rows. The
-- identity of the run is drawn when it is asked for, so that whoever asked can wait for it.

-- Requests are not dumped: "now" means nothing in a restored database.
CREATE TABLE salesops.run_request (
  run_id       bigint      PRIMARY KEY,
  job          text        NOT NULL,
  as_of        timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE salesops.run_request IS 'Runs asked for by request_run() that the worker has not begun yet';
COMMENT ON COLUMN salesops.run_request.run_id IS 'Identity that the run will have in run_log';
COMMENT ON COLUMN salesops.run_request.job IS 'Name of the job';
COMMENT ON COLUMN salesops.run_request.as_of IS 'Instant for which the run computes';
COMMENT ON COLUMN salesops.run_request.requested_at IS 'Wall clock of the request';
SELECT pg_catalog.pg_extension_config_dump('salesops.run_request', 'WHERE false');

CREATE FUNCTION salesops.request_run(job text DEFAULT 'nightly', as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(request_run.job);
  SELECT salesops.check_run_instant(request_run.as_of);
  SELECT salesops.check_worker();
  SELECT salesops.wake_worker();
  INSERT INTO salesops.run_request (run_id, job, as_of)
  VALUES (nextval('salesops.run_log_run_id_seq'), request_run.job, request_run.as_of)
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.request_run(text, timestamptz) IS
  'Asks the background worker to run a job in this database as soon as this transaction commits; returns the '
  'identity of that run';

CREATE FUNCTION salesops.await_run(run_id bigint, timeout interval DEFAULT '10 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deadline CONSTANT timestamptz := pg_catalog.clock_timestamp() + timeout;
  status text;
  lock_seen_free boolean := false;
BEGIN
  LOOP
    -- One statement: the worker turns the request into a run between two.
    status := (SELECT coalesce((SELECT r.status FROM salesops.run_log r WHERE r.run_id = await_run.run_id),
                               (SELECT 'requested' FROM salesops.run_request q WHERE q.run_id = await_run.run_id)));
    IF status IS NULL THEN
      RAISE EXCEPTION 'there is no run % and no request for one', await_run.run_id
        USING ERRCODE = 'undefined_object', HINT = 'Ask for one with SELECT salesops.request_run().';
    END IF;

    -- A run holds its lock from before it is logged until after its end is. Running, then the lock free, then
    -- running still: its process has gone.
    IF status = 'running' AND lock_seen_free THEN
      status := 'abandoned';
    END IF;
    lock_seen_free := status = 'running' AND salesops.run_lock_holder() IS NULL;

    IF status NOT IN ('requested', 'running') OR pg_catalog.clock_timestamp() >= deadline THEN
      RETURN status;
    END IF;
    IF pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
      RAISE EXCEPTION 'this transaction would not see the end of run %', await_run.run_id
        USING ERRCODE = 'object_not_in_prerequisite_state',
              DETAIL = pg_catalog.format('It is %s and sees everything as it was when it began.', pg_catalog.current_setting('transaction_isolation')),
              HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED first.';
    END IF;
    PERFORM pg_catalog.pg_sleep(0.1);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.await_run(bigint, interval) IS
  'Waits until a run has ended, at most for the given time, and returns its status: succeeded, failed, abandoned, '
  'or still running or requested. Call it in a transaction of its own, after the request was committed; 55000 in one '
  'that is repeatable read or serializable';
