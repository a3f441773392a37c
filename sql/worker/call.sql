-- manual.sql: the same runs without the worker, from psql, pg_cron or any other scheduler.

CREATE PROCEDURE salesops.run_job(job text, as_of timestamptz DEFAULT now())
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
  next_step text;
  status text;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  COMMIT; -- in a caller's transaction block this fails at once, before anything is locked or logged
  PERFORM salesops.check_job(job);
  PERFORM salesops.check_run_instant(as_of);

  IF NOT salesops.try_run_lock() THEN
    RAISE EXCEPTION 'another run is under way in this database'
      USING ERRCODE = 'lock_not_available',
            DETAIL = pg_catalog.format('Process %s is running it.', salesops.run_lock_holder()),
            HINT = 'Wait for it: SELECT * FROM salesops.run_status; or end it with pg_terminate_backend().';
  END IF;

  BEGIN
    run := salesops.begin_run(job, salesops.local_date(job, as_of), as_of, 'manual');
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM salesops.release_run_lock();
    RAISE;
  END;
  COMMIT;

  -- If the log itself cannot be written the call ends here with that error and the lock goes with the session.
  FOR next_step IN SELECT s.step FROM salesops.job_steps(job) s LOOP
    PERFORM salesops.begin_step(run, next_step);
    COMMIT;
    BEGIN
      PERFORM salesops.run_step(run, next_step);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                              hint = PG_EXCEPTION_HINT;
      PERFORM salesops.fail_step(run, next_step, code, message, detail, hint);
      RAISE WARNING 'step "%" of run % failed: %', next_step, run, message;
    END;
    COMMIT;
  END LOOP;

  status := salesops.finish_run(run);
  COMMIT;
  PERFORM salesops.release_run_lock();
  RAISE NOTICE 'run %: %', run, status;
END $$;
COMMENT ON PROCEDURE salesops.run_job(text, timestamptz) IS
  'Runs the steps of a job as of an instant, each in its own transaction; a failed step is logged and the next one '
  'runs. Raises 55P03 if another run is under way';

CREATE PROCEDURE salesops.run_nightly(as_of timestamptz DEFAULT now())
LANGUAGE plpgsql AS $$
BEGIN
  CALL salesops.run_job('nightly', as_of);
END $$;
COMMENT ON PROCEDURE salesops.run_nightly(timestamptz) IS 'Runs the nightly job: run_job(''nightly'', as_of)';
