-- steps.sql: a run and its steps.
--
-- A driver (the background worker, or the procedure run_job) walks through a run like this and commits
-- after every line, so that the log is there whatever happens next:
--
--   try_run_lock()
--   begin_run()                  -> run_id
--     for each of job_steps():
--       begin_step()
--       run_step()               the work and its success, one transaction
--         or fail_step()         when run_step() failed and was rolled back
--   finish_run()                 -> status
--   release_run_lock()
--
-- None of these functions commits. A step that fails never keeps the later ones from running.

CREATE FUNCTION salesops.job_steps(job text, OUT step text, OUT "position" integer) RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT s.step, s."position"
  FROM (VALUES ('nightly', 'sync', 1), ('nightly', 'snapshot', 2), ('nightly', 'audit', 3), ('nightly', 'refresh', 4),
               ('nightly', 'alert', 5)) AS s (job, step, "position")
  WHERE s.job = job_steps.job
  ORDER BY s."position";
END;
COMMENT ON FUNCTION salesops.job_steps(text) IS
  'Steps of a job in the order in which they run; no row for an unknown job';

CREATE FUNCTION salesops.check_job(job text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.job_steps(check_job.job)) THEN
    RAISE EXCEPTION 'unknown job "%"', check_job.job
      USING ERRCODE = 'invalid_parameter_value', HINT = 'The jobs are: nightly.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_job(text) IS 'Raises 22023 unless there is such a job';

-- Checked before a run is logged: a snapshot or a publication of no instant would stay for ever.
CREATE FUNCTION salesops.check_run_instant(as_of timestamptz) RETURNS void
LANGUAGE plpgsql PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_as_of timestamptz := (SELECT max(r.as_of) FROM salesops.run_log r WHERE r.status <> 'abandoned');
BEGIN
  PERFORM salesops.check_as_of(check_run_instant.as_of);
  IF check_run_instant.as_of < last_as_of THEN
    RAISE EXCEPTION 'a run as of % would come before the last one', check_run_instant.as_of
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('The last run was as of %s; what it published stays what it was.', last_as_of),
            HINT = 'For an earlier instant ask salesops.forecast_report(period, as_of) or salesops.opportunity_state(as_of).';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_instant(timestamptz) IS
  'Raises 22023 where as_of is no instant, lies in the future, or before the as_of of the last run';

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

-- Close the books of runs whose process went away.
CREATE FUNCTION salesops.mark_abandoned_runs() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_run_lock();
  UPDATE salesops.run_step_log SET status = 'abandoned' WHERE status = 'running';
  WITH marked AS (
    UPDATE salesops.run_log SET status = 'abandoned' WHERE status = 'running' RETURNING run_id
  )
  SELECT count(*) FROM marked;
END;
COMMENT ON FUNCTION salesops.mark_abandoned_runs() IS
  'Marks every run still logged as running as abandoned and returns their number; the caller holds the run lock, so '
  'they are dead';

CREATE FUNCTION salesops.begin_run(job text, local_date date, as_of timestamptz, started_by text,
                                   run_id bigint DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(begin_run.job);
  SELECT salesops.check_as_of(begin_run.as_of);
  SELECT salesops.mark_abandoned_runs();
  INSERT INTO salesops.run_log (run_id, job, local_date, as_of, started_by)
  OVERRIDING SYSTEM VALUE
  VALUES (coalesce(begin_run.run_id, nextval('salesops.run_log_run_id_seq')), begin_run.job, begin_run.local_date,
          begin_run.as_of, begin_run.started_by)
  ON CONFLICT (job, local_date) WHERE started_by = 'schedule' DO NOTHING
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.begin_run(text, date, timestamptz, text, bigint) IS
  'Logs the start of a run and returns its identity (the given one, or a new one); NULL if the scheduled run of '
  'that local day has begun before. The caller holds the run lock';

CREATE FUNCTION salesops.begin_step(run_id bigint, step text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  INSERT INTO salesops.run_step_log (run_id, step) VALUES (begin_step.run_id, begin_step.step);
END;
COMMENT ON FUNCTION salesops.begin_step(bigint, text) IS 'Logs the start of a step; commit it before run_step()';

-- What a run amounts to so far.
CREATE FUNCTION salesops.run_outcome(run_id bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN EXISTS (SELECT FROM salesops.run_step_log s
                           WHERE s.run_id = run_outcome.run_id AND s.status = 'failed')
              THEN 'failed' ELSE 'succeeded' END;
END;
COMMENT ON FUNCTION salesops.run_outcome(bigint) IS 'Failed if a step of the run failed up to now, otherwise succeeded';

CREATE FUNCTION salesops.alert(run_id bigint) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH payload AS (
    SELECT jsonb_build_object(
             'event', 'run_finished',
             'run_id', r.run_id,
             'job', r.job,
             'as_of', r.as_of,
             'status', salesops.run_outcome(r.run_id),
             'steps_failed', (SELECT coalesce(jsonb_agg(s.step ORDER BY s.started_at), '[]')
                              FROM salesops.run_step_log s
                              WHERE s.run_id = r.run_id AND s.status = 'failed'),
             'sync_failures', salesops.sync_failures(r.as_of)) AS body
    FROM salesops.run_log r
    WHERE r.run_id = alert.run_id
  )
  SELECT count(pg_notify('salesops', body::text)::text) FROM payload;
END;
COMMENT ON FUNCTION salesops.alert(bigint) IS
  'Tells the listeners of channel salesops how the run went, as one JSON object: event, run_id, job, as_of, status, '
  'steps_failed, sync_failures (which entities could not be read, NULL = all were); returns the number of notifications sent';

-- The steps live in rooms below; plpgsql binds their names when the step runs, so a step is one line here. They see the
-- same search_path whoever drives the run.
CREATE FUNCTION salesops.run_step(run_id bigint, step text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  as_of timestamptz;
  written bigint;
  remark text;
BEGIN
  SELECT r.as_of INTO as_of
  FROM salesops.run_log r
  JOIN salesops.run_step_log s ON s.run_id = r.run_id
  WHERE r.run_id = run_step.run_id AND s.step = run_step.step AND s.status = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'step "%" of run % is not running', run_step.step, run_step.run_id
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = pg_catalog.format('Begin it with SELECT salesops.begin_step(%s, %L).', run_step.run_id,
                                     run_step.step);
  END IF;

  IF step = 'sync' THEN written := salesops.sync_all(as_of);
  ELSIF step = 'snapshot' THEN written := salesops.take_snapshot(as_of);
  ELSIF step = 'audit' THEN written := salesops.audit(run_id, as_of);
  ELSIF step = 'refresh' THEN written := salesops.refresh_marts(as_of);
  ELSIF step = 'alert' THEN written := salesops.alert(run_id);
  ELSE
    RAISE EXCEPTION 'unknown step "%"', step
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT * FROM salesops.job_steps(''nightly'') lists the steps.';
  END IF;

  -- Entities that could not be read do not fail the step: the others have come, and the night goes on with them.
  IF step = 'sync' THEN remark := salesops.sync_failures(as_of); END IF;
  UPDATE salesops.run_step_log s
  SET status = 'succeeded', finished_at = pg_catalog.clock_timestamp(), rows_affected = written, message = remark
  WHERE s.run_id = run_step.run_id AND s.step = run_step.step;
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.run_step(bigint, text) IS
  'Does the work of a step begun before and logs its success in the same transaction; returns the rows it wrote. '
  'Never commits';

CREATE FUNCTION salesops.fail_step(run_id bigint, step text, sqlstate text, message text, detail text, hint text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_step_log
  SET status = 'failed', finished_at = clock_timestamp(), sqlstate = fail_step.sqlstate, message = fail_step.message,
      detail = nullif(fail_step.detail, ''), hint = nullif(fail_step.hint, '')
  WHERE run_id = fail_step.run_id AND step = fail_step.step AND status = 'running';
END;
COMMENT ON FUNCTION salesops.fail_step(bigint, text, text, text, text, text) IS
  'Logs the error that ended a running step; an empty detail or hint is kept as NULL';

CREATE FUNCTION salesops.finish_run(run_id bigint) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_log
  SET status = salesops.run_outcome(finish_run.run_id), finished_at = clock_timestamp()
  WHERE run_id = finish_run.run_id AND status = 'running'
  RETURNING status;
END;
COMMENT ON FUNCTION salesops.finish_run(bigint) IS
  'Logs the end of a run and returns its status: failed if a step failed, otherwise succeeded; NULL if the run is '
  'not running';
