-- call.sql: the same runs without the worker, from psql, pg_cron, pgAgent, a systemd timer or any other scheduler.
--
-- run_due_jobs() is what a runner of the worker does: it begins what was asked for or is due by begin_due_run() and carries it
-- out, until nothing is due. run_job() begins one run by name. Both take the run lock that the worker takes.
--
-- A procedure that commits can have no SET clause, so its body names everything with its schema.

-- If the log itself cannot be written, or the call is cancelled between two steps, it ends with that error and the lock
-- goes with the session.
CREATE PROCEDURE salesops.carry_out(run_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
  begun_with CONSTANT text := salesops.lock_extension();
  next_step text;
  status text;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  FOR next_step IN SELECT s.step FROM salesops.steps_to_do(carry_out.run_id) s LOOP
    PERFORM salesops.lock_extension(begun_with);
    PERFORM salesops.begin_step(run_id, next_step);
    COMMIT;
    PERFORM salesops.lock_extension(begun_with);
    BEGIN
      PERFORM salesops.limit_locks(run_id);
      PERFORM salesops.run_step(run_id, next_step);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                              hint = PG_EXCEPTION_HINT;
      PERFORM salesops.fail_step(run_id, next_step, code, message, detail, hint);
      RAISE WARNING 'step "%" of run % failed: %', next_step, run_id, message;
    END;
    COMMIT;
  END LOOP;

  PERFORM salesops.lock_extension(begun_with);
  status := salesops.finish_run(run_id);
  COMMIT;
  RAISE NOTICE 'run %: %', run_id, status;
END $$;
COMMENT ON PROCEDURE salesops.carry_out(bigint) IS
  'Does the steps of a run that has begun, each in its own transaction, and ends it; a failed step is logged and the next one '
  'runs. The caller holds the run lock';

-- A statement time-out cannot be set anew within a CALL, it counts for the whole; one for locks can.
CREATE FUNCTION salesops.limit_locks(run_id bigint) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT set_config('lock_timeout', l.lock_limit::text, true)
  FROM salesops.run_limits(limit_locks.run_id) l
  WHERE l.lock_limit IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.limit_locks(bigint) IS
  'Sets lock_timeout for this transaction to what the schedule of the job of a run says; without a word there it stays what it is';

CREATE PROCEDURE salesops.run_job(job text, as_of timestamptz DEFAULT salesops.clock())
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
BEGIN
  COMMIT; -- in a caller's transaction block this fails at once, before anything is locked or logged
  PERFORM salesops.lock_extension();
  PERFORM salesops.check_job(job);
  PERFORM salesops.check_run_instant(as_of);

  IF NOT salesops.try_run_lock() THEN
    RAISE EXCEPTION 'another run is under way in this database'
      USING ERRCODE = 'lock_not_available',
            DETAIL = pg_catalog.format('Process %s is running it.', salesops.run_lock_holder()),
            HINT = 'Wait for it: SELECT * FROM salesops.run_status; or end it with pg_terminate_backend().';
  END IF;
  BEGIN
    run := salesops.begin_run(job, as_of);
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM salesops.release_run_lock();
    RAISE;
  END;
  COMMIT;
  CALL salesops.carry_out(run);
  PERFORM salesops.release_run_lock();
END $$;
COMMENT ON PROCEDURE salesops.run_job(text, timestamptz) IS
  'Runs the steps of a job as of an instant, each in its own transaction; a failed step is logged and the next one '
  'runs. Raises 55P03 if another run is under way';

CREATE PROCEDURE salesops.run_nightly(as_of timestamptz DEFAULT salesops.clock())
LANGUAGE plpgsql AS $$
BEGIN
  CALL salesops.run_job('nightly', as_of);
END $$;
COMMENT ON PROCEDURE salesops.run_nightly(timestamptz) IS 'Runs the nightly job: run_job(''nightly'', as_of)';

CREATE PROCEDURE salesops.run_due_jobs()
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
  idle boolean := true;
BEGIN
  COMMIT;
  PERFORM salesops.lock_extension();
  IF NOT salesops.try_run_lock() THEN
    RAISE NOTICE 'another run is under way in this database: process %', salesops.run_lock_holder();
    RETURN;
  END IF;

  LOOP
    BEGIN
      PERFORM salesops.lock_extension();
      run := salesops.begin_due_run(salesops.clock());
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      PERFORM salesops.release_run_lock();
      RAISE;
    END;
    COMMIT;
    EXIT WHEN run IS NULL;
    idle := false;
    CALL salesops.carry_out(run);
  END LOOP;
  PERFORM salesops.release_run_lock();

  IF idle THEN
    RAISE NOTICE 'nothing is due before %', coalesce(salesops.next_due(salesops.clock())::text, 'a job is scheduled');
  END IF;
END $$;
COMMENT ON PROCEDURE salesops.run_due_jobs() IS
  'Runs what is due in this database, and the runs that were asked for, as the background worker does: schedules, retries and '
  'resumption are the same. Call it every few minutes from any scheduler; with nothing due or another run under way it says so '
  'and does nothing';
