-- schedule.sql: when a job is due.
--
-- A job is due once a local day, at the instant (local date + local time) AT TIME ZONE zone. On the day the
-- clocks go forward a time that does not exist becomes the one an hour later, on the day they go back a time
-- that exists twice is its second one: exactly one run a day on both, with no case for either.
--
-- What has run is read from the run log, so nothing here needs a memory of its own and a server that was
-- down finds out by itself what it missed.

CREATE TABLE salesops.schedule (
  job       text        PRIMARY KEY,
  at_time   time        NOT NULL,
  time_zone text        NOT NULL,
  enabled   boolean     NOT NULL,
  catch_up  interval    NOT NULL CHECK (catch_up >= interval '5 minutes'),
  since     timestamptz NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.schedule', '');

COMMENT ON TABLE salesops.schedule IS 'When each job runs in this database; written by set_schedule()';
COMMENT ON COLUMN salesops.schedule.job IS 'Name of the job';
COMMENT ON COLUMN salesops.schedule.at_time IS 'Local time of day at which it is due';
COMMENT ON COLUMN salesops.schedule.time_zone IS 'Time zone of that local time, a name of pg_timezone_names';
COMMENT ON COLUMN salesops.schedule.enabled IS 'False keeps the schedule without running the job';
COMMENT ON COLUMN salesops.schedule.catch_up IS 'A run missed by no more than this is made up for, once';
COMMENT ON COLUMN salesops.schedule.since IS
  'When this schedule was set; what would have been due before is not made up for';

CREATE FUNCTION salesops.due_at(local_date date, at_time time, time_zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (local_date + at_time) AT TIME ZONE time_zone;
COMMENT ON FUNCTION salesops.due_at(date, time, text) IS 'The instant of a local time on a local day';

-- A manual run needs no schedule; then its day is that of the house.
CREATE FUNCTION salesops.local_date(job text, at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (local_date.at AT TIME ZONE
          coalesce((SELECT s.time_zone FROM salesops.schedule s WHERE s.job = local_date.job),
                   salesops.get_setting('time_zone')))::date;
END;
COMMENT ON FUNCTION salesops.local_date(text, timestamptz) IS
  'Calendar day of an instant in the time zone of the schedule of a job; for a job without one in that of the '
  'setting time_zone';

CREATE FUNCTION salesops.has_run_on(job text, local_date date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM salesops.run_log r
                 WHERE r.job = has_run_on.job AND r.local_date = has_run_on.local_date AND r.started_by = 'schedule');
END;
COMMENT ON FUNCTION salesops.has_run_on(text, date) IS
  'Whether the scheduled run of a local day has begun, however it ended';

-- Yesterday is a candidate because a day that a zone skips altogether falls on the next one; days that have
-- run already are passed over, also when the clock was once ahead and the log knows days yet to come.
CREATE FUNCTION salesops.next_due(job text, after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT min(salesops.due_at(d.local_date, s.at_time, s.time_zone))
  FROM salesops.schedule s
  CROSS JOIN LATERAL (
    SELECT salesops.local_date(s.job, next_due.after) AS today,
           (SELECT max(r.local_date)
            FROM salesops.run_log r
            WHERE r.job = s.job AND r.started_by = 'schedule') AS last_run
  ) AS l
  CROSS JOIN LATERAL (
    SELECT l.today + n AS local_date
    FROM generate_series(-1, greatest(l.last_run - l.today, 0) + 2) AS n
  ) AS d
  WHERE s.job = next_due.job AND s.enabled
    AND salesops.due_at(d.local_date, s.at_time, s.time_zone) > next_due.after
    AND NOT salesops.has_run_on(s.job, d.local_date);
END;
COMMENT ON FUNCTION salesops.next_due(text, timestamptz) IS
  'First instant after the given one at which the job is due; NULL if it has no schedule or is disabled';

-- Only the latest due instant of a job counts: after a long absence one run makes up for all that were missed.
CREATE FUNCTION salesops.due_run(now timestamptz, OUT job text, OUT local_date date, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT s.job, d.local_date, d.due_at
  FROM salesops.schedule s
  CROSS JOIN LATERAL (
    SELECT c.local_date, salesops.due_at(c.local_date, s.at_time, s.time_zone) AS due_at
    FROM (SELECT salesops.local_date(s.job, due_run.now) + n AS local_date FROM generate_series(-2, 1) AS n) AS c
    WHERE salesops.due_at(c.local_date, s.at_time, s.time_zone) <= due_run.now
    ORDER BY c.local_date DESC
    LIMIT 1
  ) AS d
  WHERE s.enabled AND d.due_at >= s.since AND d.due_at > due_run.now - s.catch_up
    AND NOT salesops.has_run_on(s.job, d.local_date)
  ORDER BY d.due_at, s.job;
END;
COMMENT ON FUNCTION salesops.due_run(timestamptz) IS
  'The runs that are due: per job the latest due day, if it has not run, lies within catch_up and not before the '
  'schedule was set';
