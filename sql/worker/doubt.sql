-- doubt.sql: when scheduled runs wait for a person to look at the clock.
--
-- A run as of an instant that has not come locks out every run until then. So no scheduled run begins while the clock
-- cannot be believed, and no log of the past is purged by it; the health view says so. A server that was off for weeks
-- makes up for what it missed by itself: its clock jumped too, but it was not there to see that.
--
-- The rule has no memory of its own. What says that the clock is right is a run that a person asked for: the log then knows
-- of an instant near it.

CREATE FUNCTION salesops.clock_jump(has_been timestamptz) RETURNS interval
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_clock_jump';
COMMENT ON FUNCTION salesops.clock_jump(timestamptz) IS
  'By how much, to the hour, the clock was set forward while the server was up, beyond an instant that is known to have been (NULL = none); NULL if '
  'that is no more than 25 hours. Time that the machine slept does not count';

CREATE FUNCTION salesops.last_recorded() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT greatest((SELECT max(r.as_of) FROM salesops.run_log r), (SELECT max(y.as_of) FROM salesops.source_sync y));
END;
COMMENT ON FUNCTION salesops.last_recorded() IS 'The latest instant as of which a run or a sync was; NULL before the first';

CREATE FUNCTION salesops.clock_doubt(now timestamptz) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_recorded CONSTANT timestamptz := salesops.last_recorded();
  last_run CONSTANT timestamptz := (SELECT max(r.as_of) FROM salesops.run_log r);
  jump CONSTANT interval := salesops.clock_jump(last_run);
  missed timestamptz;
BEGIN
  IF last_recorded > now + interval '1 day' THEN
    RETURN pg_catalog.format('It is %s, and the last run or sync was as of %s. If the clock was ahead then, SELECT * FROM '
                             'salesops.correct_future(now => what time it is) takes that back; if it is behind now, set it right.', now, last_recorded);
  END IF;
  IF jump IS NOT NULL THEN
    RETURN pg_catalog.format('The clock was set forward by %s and is %s now. If that is right, CALL salesops.run_nightly() or another run by '
                             'hand lets the schedules go on; if not, set it right.', jump, now);
  END IF;
  missed := salesops.next_due(coalesce(last_run, (SELECT min(s.since) FROM salesops.schedule s)));
  IF missed < now - interval '31 days' THEN
    RETURN pg_catalog.format('It is %s, and what was due at %s has not run. If the clock is right, CALL salesops.run_nightly() or another run '
                             'by hand lets the schedules go on; if not, set it right.', now, missed);
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.clock_doubt(timestamptz) IS
  'Why no scheduled run may begin by a clock that shows this, and what to do; NULL if it can be believed. It cannot while a run or sync is more than a day '
  'ahead of it, after it was set forward by more than a day while the server was up, and where what is due did not run for more '
  'than 31 days';
