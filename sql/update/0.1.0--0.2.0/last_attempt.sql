-- The last attempt at a slot is looked up in one place.

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

CREATE OR REPLACE FUNCTION salesops.begin_attempt(job text, local_date date, slot integer, due_at timestamptz, now timestamptz) RETURNS bigint
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

CREATE OR REPLACE FUNCTION salesops.has_begun(job text, local_date date, slot integer) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM salesops.last_attempt(has_begun.job, has_begun.local_date, has_begun.slot));
END;
COMMENT ON FUNCTION salesops.has_begun(text, date, integer) IS
  'Whether a slot has been attempted, however that ended';

CREATE OR REPLACE FUNCTION salesops.open_slot(schedule salesops.schedule, at timestamptz, OUT local_date date, OUT slot integer,
                                   OUT due_at timestamptz, OUT begins_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT l.local_date, l.slot, l.due_at, CASE WHEN a.run_id IS NULL THEN l.due_at ELSE a.retry_at END
  FROM salesops.latest_slot(schedule, open_slot.at) l
  LEFT JOIN LATERAL salesops.last_attempt(schedule.job, l.local_date, l.slot) a ON true
  WHERE schedule.enabled AND (l.due_at >= schedule.since OR schedule.since > open_slot.at)
    AND (a.run_id IS NULL OR a.retry_at IS NOT NULL);
END;
COMMENT ON FUNCTION salesops.open_slot(salesops.schedule, timestamptz) IS
  'The latest slot of a schedule at an instant if an attempt at it is still to come, and when that may begin';
