-- run.sql: how a run begins and ends, and what of it a retry has still to do.
--
-- A driver (the background worker, or a procedure of call.sql) walks through a run like this and commits
-- after every line, so that the log is there whatever happens next:
--
--   try_run_lock()
--   begin_due_run(), or begin_run()  -> run_id
--     for each of steps_to_do():
--       begin_step()
--       run_step()                   the work and its success, one transaction
--         or fail_step()             when run_step() failed and was rolled back
--   finish_run()                     -> status
--   release_run_lock()
--
-- None of these functions commits. A step that fails never keeps the later ones from running.
--
-- A scheduled run that failed, or whose process went away, is attempted again. Every attempt is a run of its own;
-- all attempts at one slot are a series. If the data had been read by the job's first step, and no other run has read
-- since, the retry computes as of the same instant and does what is left; so an interrupted night and its retry leave what
-- an undisturbed night leaves. Otherwise it begins anew, as of now.

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
            HINT = CASE WHEN last_as_of > salesops.clock()
                        THEN 'The clock was ahead then, or is behind now: salesops.clock_doubt(salesops.clock()) says what to do.'
                        ELSE 'For an earlier instant ask salesops.forecast_report(period, as_of) or salesops.opportunity_state(as_of).' END;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_instant(timestamptz) IS
  'Raises 22023 where as_of is no instant, lies in the future, or before the as_of of the last run';

-- Who waits some time after an end that nobody saw counts from when it was found.
CREATE FUNCTION salesops.retry_time(job text, due_at timestamptz, attempt integer, now timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT t.retry_at
  FROM salesops.schedule s
  CROSS JOIN LATERAL (SELECT retry_time.now + s.retry_after * power(2, retry_time.attempt - 1) AS retry_at) AS t
  WHERE s.job = retry_time.job AND retry_time.attempt < s.attempts AND t.retry_at < retry_time.due_at + s.catch_up;
END;
COMMENT ON FUNCTION salesops.retry_time(text, timestamptz, integer, timestamptz) IS
  'When the attempt after one that ended now may begin; NULL if that was the last one, too late for catch_up, or manual';

-- Close the books of runs whose process went away.
CREATE FUNCTION salesops.mark_abandoned_runs(now timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_run_lock();
  UPDATE salesops.run_step_log SET status = 'abandoned' WHERE status = 'running';
  WITH marked AS (
    UPDATE salesops.run_log r
    SET status = 'abandoned', retry_at = salesops.retry_time(r.job, r.due_at, r.attempt, mark_abandoned_runs.now)
    WHERE status = 'running'
    RETURNING run_id
  )
  SELECT count(*) FROM marked;
END;
COMMENT ON FUNCTION salesops.mark_abandoned_runs(timestamptz) IS
  'Marks every run still logged as running as abandoned and returns their number; the caller holds the run lock, so '
  'they are dead';

CREATE FUNCTION salesops.begin_run(job text, as_of timestamptz, run_id bigint DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(begin_run.job);
  SELECT salesops.check_as_of(begin_run.as_of);
  SELECT salesops.mark_abandoned_runs();
  INSERT INTO salesops.run_log (run_id, job, local_date, as_of, started_by)
  OVERRIDING SYSTEM VALUE
  VALUES (coalesce(begin_run.run_id, nextval('salesops.run_log_run_id_seq')), begin_run.job,
          salesops.local_date(begin_run.job, begin_run.as_of), begin_run.as_of, 'manual')
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.begin_run(text, timestamptz, bigint) IS
  'Logs the start of a manual run and returns its identity, the given one or a new one. The caller holds the run lock';

CREATE FUNCTION salesops.completed_steps(run_id bigint) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT s.step
  FROM salesops.run_log r
  JOIN salesops.run_log a ON a.series = r.series AND a.as_of = r.as_of
  JOIN salesops.run_step_log s ON s.run_id = a.run_id
  WHERE r.run_id = completed_steps.run_id AND s.status = 'succeeded';
END;
COMMENT ON FUNCTION salesops.completed_steps(bigint) IS
  'Steps that succeeded as of the instant of a run, in it or in another attempt of its series';

CREATE FUNCTION salesops.resume_as_of(run_id bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.as_of
  FROM salesops.run_log r
  WHERE r.run_id = resume_as_of.run_id
    AND (SELECT s.step FROM salesops.job_steps(r.job) s WHERE s."position" = 1)
        IN (SELECT c FROM salesops.completed_steps(r.run_id) AS c)
    AND NOT EXISTS (SELECT FROM salesops.run_log n WHERE n.as_of > r.as_of);
END;
COMMENT ON FUNCTION salesops.resume_as_of(bigint) IS
  'Instant as of which a retry carries on after this attempt; NULL if it begins anew, because the first step of the job has not '
  'succeeded or a run as of a later instant has begun';

CREATE FUNCTION salesops.last_attempt(job text, local_date date, slot integer) RETURNS SETOF salesops.run_log
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT r.*
  FROM salesops.run_log r
  WHERE r.job = last_attempt.job AND r.local_date = last_attempt.local_date AND r.slot = last_attempt.slot
  ORDER BY r.attempt DESC
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.last_attempt(text, date, integer) IS 'The last run that was an attempt at a slot; no row if there was none';

CREATE FUNCTION salesops.begin_attempt(job text, local_date date, slot integer, due_at timestamptz, now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  last salesops.run_log;
  begun bigint;
  -- Another run may have come as of a later instant, and clocks step back: a run is never before the last one.
  fresh timestamptz := greatest(begin_attempt.now, (SELECT max(r.as_of) FROM salesops.run_log r));
BEGIN
  PERFORM salesops.check_run_lock();
  SELECT a.* INTO last FROM salesops.last_attempt(begin_attempt.job, begin_attempt.local_date, begin_attempt.slot) a;
  fresh := coalesce(salesops.resume_as_of(last.run_id), fresh);
  PERFORM salesops.check_as_of(fresh);

  INSERT INTO salesops.run_log (job, local_date, slot, due_at, as_of, started_by, attempt, retries)
  VALUES (begin_attempt.job, begin_attempt.local_date, begin_attempt.slot, begin_attempt.due_at, fresh, 'schedule',
          coalesce(last.attempt, 0) + 1, last.series)
  RETURNING run_id INTO begun;
  RETURN begun;
END $$;
COMMENT ON FUNCTION salesops.begin_attempt(text, date, integer, timestamptz, timestamptz) IS
  'Logs the start of the next attempt at a slot and returns its identity. The caller holds the run lock';

CREATE FUNCTION salesops.steps_to_do(run_id bigint, OUT step text, OUT "position" integer) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  WITH RECURSIVE job_step AS (
    SELECT j.step, j."position"
    FROM salesops.run_log r
    CROSS JOIN LATERAL salesops.job_steps(r.job) j
    WHERE r.run_id = steps_to_do.run_id
  ), to_do AS (
    SELECT j.step FROM job_step j WHERE j.step NOT IN (SELECT c FROM salesops.completed_steps(steps_to_do.run_id) AS c)
    UNION
    SELECT s.step FROM to_do t JOIN salesops.steps() s ON t.step = ANY (s.builds_on)
  )
  SELECT j.step, j."position" FROM job_step j WHERE j.step IN (SELECT t.step FROM to_do t) ORDER BY j."position";
END;
COMMENT ON FUNCTION salesops.steps_to_do(bigint) IS
  'Steps of a run that has begun in the order in which they run: those of its job, in a retry that carries on without those '
  'that succeeded before, unless they build on one that has to run';

CREATE FUNCTION salesops.run_limits(run_id bigint, OUT step_limit bigint, OUT lock_limit bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (extract(epoch FROM s.step_limit) * 1000)::bigint, (extract(epoch FROM s.lock_limit) * 1000)::bigint
  FROM salesops.run_log r
  LEFT JOIN salesops.schedule s ON s.job = r.job
  WHERE r.run_id = run_limits.run_id;
END;
COMMENT ON FUNCTION salesops.run_limits(bigint) IS
  'Limits that the schedule of the job sets to a run, in milliseconds: 0 = none, NULL = the setting of the driver';

-- What a run amounts to so far. What an earlier attempt had done is done, so in a retry this is what the series amounts to.
CREATE FUNCTION salesops.run_outcome(run_id bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN EXISTS (SELECT FROM salesops.run_step_log s
                           WHERE s.run_id = run_outcome.run_id AND s.status = 'failed')
              THEN 'failed' ELSE 'succeeded' END;
END;
COMMENT ON FUNCTION salesops.run_outcome(bigint) IS 'Failed if a step of the run failed up to now, otherwise succeeded';

CREATE FUNCTION salesops.finish_run(run_id bigint, now timestamptz DEFAULT salesops.clock()) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_log r
  SET status = o.outcome, finished_at = clock_timestamp(),
      retry_at = CASE o.outcome WHEN 'failed' THEN salesops.retry_time(r.job, r.due_at, r.attempt, finish_run.now) END
  FROM (SELECT salesops.run_outcome(finish_run.run_id) AS outcome) AS o
  WHERE r.run_id = finish_run.run_id AND r.status = 'running'
  RETURNING r.status;
END;
COMMENT ON FUNCTION salesops.finish_run(bigint, timestamptz) IS
  'Logs the end of a run and returns its status: failed if a step failed, otherwise succeeded; NULL if the run is '
  'not running';
