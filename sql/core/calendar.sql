-- Dates and instants: as_of is an instant; a date means its last instant in the zone of the setting.

CREATE FUNCTION salesops.time_zone()
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.get_setting('time_zone');
END;
COMMENT ON FUNCTION salesops.time_zone() IS 'Zone in which dates begin and end (setting time_zone)';

CREATE FUNCTION salesops.end_of_day(day date)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (day + 1)::timestamp AT TIME ZONE salesops.time_zone() - interval '1 microsecond';
END;
COMMENT ON FUNCTION salesops.end_of_day(date) IS 'Last instant of a day in the zone of the setting: what "as of that date" means';

CREATE FUNCTION salesops.local_date(instant timestamptz)
RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (instant AT TIME ZONE salesops.time_zone())::date;
END;
COMMENT ON FUNCTION salesops.local_date(timestamptz) IS 'Day of an instant in the zone of the setting';

CREATE FUNCTION salesops.fiscal_year_start_month()
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.get_setting('fiscal_year_start_month')::integer;
END;
COMMENT ON FUNCTION salesops.fiscal_year_start_month() IS 'First month of the fiscal year (setting fiscal_year_start_month)';

CREATE FUNCTION salesops.check_instant(as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'as_of must be an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now, where it can be left out, or name an instant.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_instant(timestamptz) IS 'Raises 22023 where an instant is NULL or infinite';

-- What is recorded as of an instant stays, and nothing earlier can be recorded after it: a slip into the future would lock
-- out every day until then. The clock is read for this guard alone.
CREATE FUNCTION salesops.check_as_of(as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_instant(as_of);
  IF as_of > salesops.clock() + interval '1 day' THEN
    RAISE EXCEPTION 'as_of % lies in the future', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It is %s. What is recorded as of an instant locks out every earlier one.', salesops.clock()),
      HINT = 'Leave as_of out for now, or name an instant that has been.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_as_of(timestamptz) IS
  'Raises 22023 where an instant to record as of is NULL, infinite, or more than a day ahead of the clock';
