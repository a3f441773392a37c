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
