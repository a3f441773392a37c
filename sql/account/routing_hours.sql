-- Working time: when a rep works, and when a number of minutes of his working time are over. Hours are those of a wall clock in his
-- zone, so a day on which clocks change is as long as it is.

CREATE FUNCTION salesops.working_day(day date, time_zone text, weekdays integer[], work_from time, work_to time)
RETURNS tstzrange LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN extract(isodow FROM day)::integer = ANY (weekdays)
            THEN tstzrange((day + work_from) AT TIME ZONE time_zone,
                           (day + CASE WHEN work_to <= work_from THEN 1 ELSE 0 END + work_to) AT TIME ZONE time_zone) END;
COMMENT ON FUNCTION salesops.working_day(date, text, integer[], time, time) IS
  'From when to when somebody works who begins on a day, in a zone: weekdays 1 (Monday) to 7; work_to at or before work_from is on the next day. NULL = not on that day';

CREATE FUNCTION salesops.is_working(at timestamptz, time_zone text, weekdays integer[], work_from time, work_to time)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(at <@ salesops.working_day((at AT TIME ZONE time_zone)::date, time_zone, weekdays, work_from, work_to), false)
    OR coalesce(at <@ salesops.working_day((at AT TIME ZONE time_zone)::date - 1, time_zone, weekdays, work_from, work_to), false);
COMMENT ON FUNCTION salesops.is_working(timestamptz, text, integer[], time, time) IS 'Whether an instant is in the working hours, the first instant of them included and the last not; arguments as of working_day()';

CREATE FUNCTION salesops.add_working_minutes(at timestamptz, minutes integer, time_zone text, weekdays integer[], work_from time, work_to time, absent tstzmultirange)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Somebody who began yesterday may be at work still.
  day date := (at AT TIME ZONE time_zone)::date - 1;
  seconds_left double precision := minutes * 60.0;
  piece tstzrange;
  seconds double precision;
BEGIN
  FOR n IN 0 .. 400 LOOP
    FOR piece IN SELECT p FROM unnest(tstzmultirange(salesops.working_day(day + n, time_zone, weekdays, work_from, work_to))
                                      * tstzmultirange(tstzrange(at, NULL)) - absent) p
                 WHERE p IS NOT NULL ORDER BY p LOOP
      seconds := extract(epoch FROM upper(piece) - lower(piece));
      IF seconds >= seconds_left THEN
        RETURN lower(piece) + make_interval(secs => seconds_left);
      END IF;
      seconds_left := seconds_left - seconds;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.add_working_minutes(timestamptz, integer, text, integer[], time, time, tstzmultirange) IS
  'When a number of minutes of somebody''s working time are over, counted from an instant, without his absences; other arguments as of working_day(). NULL for a NULL, and where they are not over in 400 days';
