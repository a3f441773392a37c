-- steps.sql: the work of a step, what it used, and how its end is logged; and the default steps.

CREATE FUNCTION salesops.resource_usage(OUT shared_hit bigint, OUT shared_read bigint, OUT shared_written bigint,
                                        OUT temp_read bigint, OUT temp_written bigint, OUT wal_bytes bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_resource_usage';
COMMENT ON FUNCTION salesops.resource_usage() IS
  'Blocks and bytes of write-ahead log that this session has used up to now, with its parallel workers; columns as of run_step_log';

CREATE FUNCTION salesops.begin_step(run_id bigint, step text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  -- Code that the last step met, in a view or a rule, may have given the run's lock away: pg_advisory_unlock_all() can.
  SELECT salesops.check_run_lock() WHERE NOT salesops.try_run_lock();
  INSERT INTO salesops.run_step_log (run_id, step) VALUES (begin_step.run_id, begin_step.step);
END;
COMMENT ON FUNCTION salesops.begin_step(bigint, text) IS 'Logs the start of a step; commit it before run_step()';

CREATE FUNCTION salesops.call_step(function text, run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_call_step';
COMMENT ON FUNCTION salesops.call_step(text, bigint, timestamptz) IS
  'Calls the function of a step, named as step_call() names it, and returns what it returns; settings that it changed, the role '
  'included, are put back';

-- The function sees the same search_path whoever drives the run, and its name is bound when it runs. One that gave the run lock
-- away, as by pg_advisory_unlock_all(), has failed: another run may have begun beside it.
CREATE FUNCTION salesops.run_step(run_id bigint, step text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  as_of timestamptz;
  written bigint;
  before record;
  used record;
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

  PERFORM salesops.check_run_lock();
  before := salesops.resource_usage();
  written := salesops.call_step(salesops.step_call(run_step.step), run_id, as_of);
  used := salesops.resource_usage();
  PERFORM salesops.check_run_lock();

  UPDATE salesops.run_step_log s
  SET status = 'succeeded', finished_at = pg_catalog.clock_timestamp(), rows_affected = written,
      shared_hit = used.shared_hit - before.shared_hit, shared_read = used.shared_read - before.shared_read,
      shared_written = used.shared_written - before.shared_written, temp_read = used.temp_read - before.temp_read,
      temp_written = used.temp_written - before.temp_written, wal_bytes = used.wal_bytes - before.wal_bytes
  WHERE s.run_id = run_step.run_id AND s.step = run_step.step;
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.run_step(bigint, text) IS
  'Does the work of a step begun before and logs its success in the same transaction; returns the rows it wrote. '
  'Never commits. Raises 55000 for a step that is not running or without the run lock, and what step_call() and the step itself raise';

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

CREATE FUNCTION salesops.remark(run_id bigint, step text, remark text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_step_log s
  SET message = remark.remark
  WHERE s.run_id = remark.run_id AND s.step = remark.step AND s.status = 'running';
END;
COMMENT ON FUNCTION salesops.remark(bigint, text, text) IS
  'Keeps a remark in the message of a step at work, for its own function to say what did not fail but should be known; NULL says nothing';

-- Plain plpgsql: what it calls is bound when the step runs, so the rooms below may be redefined.
--
-- Entities that could not be read do not fail the step: the others have come, and the night goes on with them.
CREATE FUNCTION salesops.step_sync(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written bigint := salesops.sync_all(as_of);
BEGIN
  PERFORM salesops.remark(run_id, 'sync', salesops.sync_failures(as_of));
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.step_sync(bigint, timestamptz) IS
  'Step sync: sync_all(as_of), with a remark that names the entities that could not be read';

CREATE FUNCTION salesops.step_snapshot(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN salesops.take_snapshot(as_of);
END $$;
COMMENT ON FUNCTION salesops.step_snapshot(bigint, timestamptz) IS 'Step snapshot: take_snapshot(as_of)';

CREATE FUNCTION salesops.step_audit(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN salesops.audit(run_id, as_of);
END $$;
COMMENT ON FUNCTION salesops.step_audit(bigint, timestamptz) IS 'Step audit: audit(run_id, as_of)';

CREATE FUNCTION salesops.step_refresh(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written bigint := salesops.refresh_marts(as_of);
BEGIN
  PERFORM salesops.remark(run_id, 'refresh', salesops.refresh_failures(as_of));
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.step_refresh(bigint, timestamptz) IS
  'Step refresh: refresh_marts(as_of), with a remark that names the marts that could not be refreshed';

CREATE FUNCTION salesops.step_alert(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH payload AS (
    SELECT jsonb_build_object(
             'event', 'run_finished',
             'run_id', r.run_id,
             'job', r.job,
             'as_of', r.as_of,
             'attempt', r.attempt,
             'status', salesops.run_outcome(r.run_id),
             'steps_failed', (SELECT coalesce(jsonb_agg(s.step ORDER BY s.started_at), '[]')
                              FROM salesops.run_step_log s
                              WHERE s.run_id = r.run_id AND s.status = 'failed'),
             'sync_failures', salesops.sync_failures(r.as_of)) AS body
    FROM salesops.run_log r
    WHERE r.run_id = step_alert.run_id
  )
  SELECT count(pg_notify('salesops', body::text)::text) FROM payload;
END;
COMMENT ON FUNCTION salesops.step_alert(bigint, timestamptz) IS
  'Step alert: tells the listeners of channel salesops how the run went up to now, as one JSON object: event, run_id, job, as_of, '
  'attempt, status, steps_failed, sync_failures (which entities could not be read, NULL = all were); returns the number of '
  'notifications sent. What earlier attempts completed is no failure, so in a retry it tells of the whole series';
