-- due.sql: what is to run now, and when to look again.
--
-- Only the latest slot of a job counts. After a long absence, or a run that took longer than the time between two
-- slots, one run makes up for all that were missed; and a series that still fails gives way to the next slot. What
-- is due at one instant and what is due next are read from the same tables, so neither can miss a slot.

CREATE FUNCTION salesops.has_begun(job text, local_date date, slot integer) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM salesops.last_attempt(has_begun.job, has_begun.local_date, has_begun.slot));
END;
COMMENT ON FUNCTION salesops.has_begun(text, date, integer) IS
  'Whether a slot has been attempted, however that ended';

-- Where the clock stands before the schedule was set it was set back, and since means nothing.
CREATE FUNCTION salesops.open_slot(schedule salesops.schedule, at timestamptz, OUT local_date date, OUT slot integer,
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

CREATE FUNCTION salesops.due_run(now timestamptz, OUT job text, OUT local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2
BEGIN ATOMIC
  SELECT s.job, o.local_date, o.slot, o.due_at
  FROM salesops.schedule s
  JOIN salesops.jobs() j ON j.job = s.job
  CROSS JOIN LATERAL salesops.open_slot(s, due_run.now) o
  WHERE salesops.is_known_zone(s.time_zone) AND o.begins_at <= due_run.now
  ORDER BY o.begins_at, s.job;
END;
COMMENT ON FUNCTION salesops.due_run(timestamptz) IS
  'The runs that are due: per job the latest slot, if it lies within catch_up and not before the schedule was set and was not '
  'attempted yet, or is to be tried again by now';

-- Slots that have begun are passed over, also days ahead: when the clock was once ahead, the log knows days yet to
-- come. In 400 years no schedule pauses for longer than 1,128 days.
CREATE FUNCTION salesops.next_due(job text, after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  schedule salesops.schedule;
  retry timestamptz;
  next timestamptz;
  first_day date;
BEGIN
  SELECT s.* INTO schedule FROM salesops.schedule s WHERE s.job = next_due.job AND s.enabled AND salesops.is_known_zone(s.time_zone);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT o.begins_at INTO retry FROM salesops.open_slot(schedule, next_due.after) o WHERE o.begins_at > next_due.after;

  -- Yesterday too: what is due late in a day that loses its last hour falls on the next one.
  first_day := (next_due.after AT TIME ZONE schedule.time_zone)::date - 1;
  FOR n IN 0 .. 1200 LOOP
    SELECT min(d.due_at) INTO next
    FROM salesops.day_slots(schedule, first_day + n) d
    WHERE d.due_at > next_due.after AND (d.due_at >= schedule.since OR schedule.since > next_due.after)
      AND NOT salesops.has_begun(next_due.job, first_day + n, d.slot);
    EXIT WHEN next IS NOT NULL;
  END LOOP;
  RETURN least(next, retry);
END $$;
COMMENT ON FUNCTION salesops.next_due(text, timestamptz) IS
  'First instant after the given one at which the job is due or tried again; NULL if it has no schedule, is disabled, or its time zone is unknown here';

CREATE FUNCTION salesops.next_due(after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT min(salesops.next_due(s.job, next_due.after)) FROM salesops.schedule s;
END;
COMMENT ON FUNCTION salesops.next_due(timestamptz) IS
  'First instant after the given one at which any job of this database is due; NULL if none ever is';

-- Requests first, in the order in which they came.
CREATE FUNCTION salesops.begin_due_run(now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  request salesops.run_request;
  due record;
  doubt text;
BEGIN
  PERFORM salesops.mark_abandoned_runs(begin_due_run.now);

  DELETE FROM salesops.run_request q
  WHERE q.run_id = (SELECT min(o.run_id) FROM salesops.run_request o JOIN salesops.jobs() j ON j.job = o.job)
  RETURNING q.* INTO request;
  IF FOUND THEN
    -- Since it was asked for, the clock may have been set back and other runs may have been.
    RETURN salesops.begin_run(request.job, greatest(least(request.as_of, begin_due_run.now), (SELECT max(r.as_of) FROM salesops.run_log r)),
                              request.run_id);
  END IF;

  SELECT d.* INTO due FROM salesops.due_run(begin_due_run.now) d LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  doubt := salesops.clock_doubt(begin_due_run.now);
  IF doubt IS NOT NULL THEN
    RAISE WARNING 'the scheduled run of job "%" waits because the clock is in doubt', due.job USING DETAIL = doubt;
    RETURN NULL;
  END IF;
  RETURN salesops.begin_attempt(due.job, due.local_date, due.slot, due.due_at, begin_due_run.now);
END $$;
COMMENT ON FUNCTION salesops.begin_due_run(timestamptz) IS
  'Begins the run that was asked for or is due and returns its identity; NULL if there is none, or with a WARNING if the clock is in doubt '
  'and nobody asked. The caller holds the run lock';
