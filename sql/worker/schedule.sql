-- schedule.sql: when a job is due.
--
-- A local day has slots. A job that runs once a day has one, at (local date + local time) AT TIME ZONE zone: on
-- the day the clocks go forward a time that does not exist becomes the one an hour later, on the day they go back
-- a time that exists twice is its second one. So there is exactly one slot a day on both, with no case for either. A job
-- that runs every so often has its further slots at that distance in elapsed time, until the local day ends: no
-- gap is longer on these days, and no two slots fall together.
--
-- A slot has an identity, so that what has run can be read from the run log: once a day it is the day, whatever the
-- time of it was changed to since; otherwise it is the minute. Nothing here needs a memory of its own, and a
-- server that was down finds out by itself what it missed.

CREATE TABLE salesops.schedule (
  job         text        PRIMARY KEY,
  at_time     time        NOT NULL,
  time_zone   text        NOT NULL,
  enabled     boolean     NOT NULL,
  catch_up    interval    NOT NULL CHECK (catch_up BETWEEN interval '5 minutes' AND interval '31 days'),
  weekdays    integer[]   CHECK (cardinality(weekdays) > 0 AND weekdays <@ '{1,2,3,4,5,6,7}'),
  month_days  integer[]   CHECK (cardinality(month_days) > 0 AND 0 <> ALL (month_days)
                                 AND -31 <= ALL (month_days) AND 31 >= ALL (month_days)),
  every       interval    CHECK (every >= interval '5 minutes' AND every < interval '24 hours'),
  attempts    integer     NOT NULL CHECK (attempts BETWEEN 1 AND 20),
  retry_after interval    NOT NULL CHECK (retry_after >= interval '1 second' AND retry_after <= interval '1 day'),
  step_limit  interval    CHECK (step_limit >= interval '0' AND step_limit <= interval '24 days'),
  lock_limit  interval    CHECK (lock_limit >= interval '0' AND lock_limit <= interval '24 days'),
  since       timestamptz NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.schedule', '');

COMMENT ON TABLE salesops.schedule IS 'When each job runs in this database; written by set_schedule()';
COMMENT ON COLUMN salesops.schedule.job IS 'Name of the job';
COMMENT ON COLUMN salesops.schedule.at_time IS 'Local time of day at which it is due, first';
COMMENT ON COLUMN salesops.schedule.time_zone IS 'Time zone of that local time, a name of pg_timezone_names';
COMMENT ON COLUMN salesops.schedule.enabled IS 'False keeps the schedule without running the job';
COMMENT ON COLUMN salesops.schedule.catch_up IS
  'What was due no longer ago than this is made up for, once; nor is anything tried again later than this';
COMMENT ON COLUMN salesops.schedule.weekdays IS 'Only on these days of the week, 1 Monday to 7 Sunday; NULL = on all';
COMMENT ON COLUMN salesops.schedule.month_days IS
  'Only on these days of the month, 1 to 31, or from its end, -1 the last; NULL = on all. With weekdays both must hold';
COMMENT ON COLUMN salesops.schedule.every IS
  'From at_time on every so often until the local day ends; NULL = once a day';
COMMENT ON COLUMN salesops.schedule.attempts IS 'How often a run is attempted before it counts as failed for good';
COMMENT ON COLUMN salesops.schedule.retry_after IS 'Time until the second attempt; it doubles with each further one';
COMMENT ON COLUMN salesops.schedule.step_limit IS
  'Longest time for one step in the worker, 0 = no limit; NULL = the setting salesops.statement_timeout';
COMMENT ON COLUMN salesops.schedule.lock_limit IS
  'Longest wait for one lock, 0 = no limit; NULL = the setting salesops.lock_timeout, in a session its lock_timeout';
COMMENT ON COLUMN salesops.schedule.since IS
  'When this schedule was set; what would have been due before is not made up for';

-- Zones come and go with the server's time zone data, and a dump may be restored elsewhere. What an unknown one is asked for is
-- an error, which would keep every other job from running.
CREATE FUNCTION salesops.is_known_zone(time_zone text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.timezone(time_zone, timestamptz 'epoch');
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION salesops.is_known_zone(text) IS 'Whether this server knows a time zone';

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

-- A day that a zone left out altogether has no midnight of its own, and no slot.
CREATE FUNCTION salesops.is_scheduled_day(schedule salesops.schedule, local_date date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (schedule.weekdays IS NULL OR extract(isodow FROM local_date)::integer = ANY (schedule.weekdays))
     AND (schedule.month_days IS NULL
          OR extract(day FROM local_date)::integer = ANY (schedule.month_days)
          OR local_date - (date_trunc('month', local_date::timestamp) + interval '1 month')::date = ANY (schedule.month_days))
     AND (salesops.due_at(local_date, '00:00', schedule.time_zone) AT TIME ZONE schedule.time_zone)::date = local_date;
END;
COMMENT ON FUNCTION salesops.is_scheduled_day(salesops.schedule, date) IS
  'Whether the days of a schedule include a local day, and the day exists in its zone';

CREATE FUNCTION salesops.day_slots(schedule salesops.schedule, local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  WITH day AS (
    SELECT salesops.due_at(local_date, schedule.at_time, schedule.time_zone) AS first,
           salesops.due_at(local_date + 1, '00:00', schedule.time_zone) AS midnight
    WHERE salesops.is_scheduled_day(schedule, local_date)
  )
  SELECT CASE WHEN schedule.every IS NULL THEN 0 ELSE floor(extract(epoch FROM i.due_at) / 60)::integer END, i.due_at
  FROM (SELECT d.first AS due_at FROM day d
        UNION ALL
        SELECT f.due_at
        FROM day d
        CROSS JOIN LATERAL generate_series(d.first + schedule.every, d.midnight, schedule.every) AS f (due_at)
        WHERE f.due_at < d.midnight) AS i;
END;
COMMENT ON FUNCTION salesops.day_slots(salesops.schedule, date) IS
  'The slots of a local day by a schedule, whether or not it is enabled: identity and instant of each';

CREATE FUNCTION salesops.latest_slot(schedule salesops.schedule, at timestamptz,
                                     OUT local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
-- The planner takes a handful of slots for thousands; compiling the plan would take a second.
SET jit = off
BEGIN ATOMIC
  SELECT d.local_date, s.slot, s.due_at
  FROM (SELECT (latest_slot.at AT TIME ZONE schedule.time_zone)::date + 1 - n AS local_date
        FROM generate_series(0, 3 + ceil(extract(epoch FROM schedule.catch_up) / 86400)::integer) AS n) AS d
  CROSS JOIN LATERAL salesops.day_slots(schedule, d.local_date) AS s
  WHERE s.due_at <= latest_slot.at AND s.due_at > latest_slot.at - schedule.catch_up
  ORDER BY s.due_at DESC, d.local_date DESC
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.latest_slot(salesops.schedule, timestamptz) IS
  'The last slot of a schedule that is not later than an instant; no row if it lies further back than catch_up';

CREATE FUNCTION salesops.elapsed(length interval) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN make_interval(secs => extract(epoch FROM length)::double precision);
COMMENT ON FUNCTION salesops.elapsed(interval) IS 'The same length as hours, minutes and seconds: a day is 24 hours, a month 30 days';

CREATE FUNCTION salesops.set_schedule(
  job text DEFAULT 'nightly', at_time time DEFAULT '02:00', time_zone text DEFAULT salesops.get_setting('time_zone'),
  enabled boolean DEFAULT true, catch_up interval DEFAULT '12 hours', weekdays integer[] DEFAULT NULL,
  month_days integer[] DEFAULT NULL, every interval DEFAULT NULL, attempts integer DEFAULT 3,
  retry_after interval DEFAULT '5 minutes', step_limit interval DEFAULT NULL, lock_limit interval DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  refused text;
BEGIN
  PERFORM salesops.check_job(set_schedule.job);
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z WHERE z.name = set_schedule.time_zone) THEN
    RAISE EXCEPTION 'unknown time zone "%"', set_schedule.time_zone
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT name FROM pg_timezone_names lists them, for instance Europe/Berlin.';
  END IF;

  -- '1 day' would mean 23 hours when the clocks go forward.
  INSERT INTO salesops.schedule AS s (job, at_time, time_zone, enabled, catch_up, weekdays, month_days, every, attempts,
                                      retry_after, step_limit, lock_limit, since)
  SELECT set_schedule.job, set_schedule.at_time, set_schedule.time_zone, set_schedule.enabled,
         salesops.elapsed(set_schedule.catch_up), set_schedule.weekdays, set_schedule.month_days,
         salesops.elapsed(set_schedule.every), set_schedule.attempts, salesops.elapsed(set_schedule.retry_after),
         set_schedule.step_limit, set_schedule.lock_limit, salesops.clock()
  ON CONFLICT (job) DO UPDATE
  SET at_time = excluded.at_time, time_zone = excluded.time_zone, enabled = excluded.enabled, catch_up = excluded.catch_up,
      weekdays = excluded.weekdays, month_days = excluded.month_days, every = excluded.every, attempts = excluded.attempts,
      retry_after = excluded.retry_after, step_limit = excluded.step_limit, lock_limit = excluded.lock_limit,
      since = excluded.since;
  PERFORM salesops.wake_worker();
  RETURN salesops.next_due(set_schedule.job, salesops.clock());
EXCEPTION WHEN check_violation OR not_null_violation THEN
  GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
  IF refused = '' THEN
    GET STACKED DIAGNOSTICS refused = COLUMN_NAME;
  END IF;
  refused := coalesce(substring(refused FROM 'schedule_(.*)_check'), refused);
  RAISE EXCEPTION 'a schedule cannot have this %', refused
    USING ERRCODE = 'invalid_parameter_value',
          HINT = CASE refused
                   WHEN 'catch_up' THEN 'It takes 5 minutes to 31 days.'
                   WHEN 'weekdays' THEN 'It takes numbers from 1 (Monday) to 7 (Sunday), for instance ''{1,5}''; NULL for all.'
                   WHEN 'month_days' THEN 'It takes numbers from 1 to 31, or -1 (the last) to -31, for instance ''{1,-1}''; NULL for all.'
                   WHEN 'every' THEN 'It takes 5 minutes to less than 24 hours; NULL for once a day.'
                   WHEN 'attempts' THEN 'It takes 1 to 20.'
                   WHEN 'retry_after' THEN 'It takes 1 second to 1 day.'
                   WHEN 'step_limit' THEN 'It takes up to 24 days; 0 for no limit, NULL for the setting.'
                   WHEN 'lock_limit' THEN 'It takes up to 24 days; 0 for no limit, NULL for the setting.'
                   ELSE 'It cannot be NULL.'
                 END;
END $$;
COMMENT ON FUNCTION salesops.set_schedule(text, time, text, boolean, interval, integer[], integer[], interval, integer, interval,
                                          interval, interval) IS
  'Sets when a job runs in this database, from now on, and tells the background worker; returns when it is due next, NULL if '
  'disabled. It says all of the schedule: what is not given is the default, not what it was. Arguments as of table schedule; '
  '22023 for a value one cannot take';
