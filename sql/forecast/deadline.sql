-- Deadlines of the weekly forecast call: a cut-off by which everybody has called, and the roll-up at which the calls are
-- added up and read.
--
-- A call belongs to the earliest cut-off whose roll-up is yet to come. So between cut-off and roll-up a call is late for
-- the week that ends, and from the roll-up on it is in time for the next. Cut-offs are local times in the zone of the
-- setting, one a week. The last day of a fiscal quarter ends its last week: after it there is nothing left to call.
--
-- The product's deadlines, Friday 17:00 and Monday 10:00, live in code; rows hold what a user changed, each from its
-- instant on, so what was late stays late.

CREATE TABLE salesops.forecast_deadline (
  valid_from   timestamptz PRIMARY KEY,
  cut_off_day  integer NOT NULL CHECK (cut_off_day BETWEEN 1 AND 7),
  cut_off_time time NOT NULL,
  roll_up_day  integer NOT NULL CHECK (roll_up_day BETWEEN 1 AND 7),
  roll_up_time time NOT NULL,
  CONSTRAINT roll_up_is_not_cut_off CHECK (roll_up_day <> cut_off_day OR roll_up_time <> cut_off_time)
);
COMMENT ON TABLE salesops.forecast_deadline IS
  'Deadlines of the weekly forecast call that a user set, append-only; write with set_forecast_deadline()';
COMMENT ON COLUMN salesops.forecast_deadline.valid_from IS 'Instant from which they hold, until the next row';
COMMENT ON COLUMN salesops.forecast_deadline.cut_off_day IS 'Day of the week by which calls are due, 1 Monday to 7 Sunday';
COMMENT ON COLUMN salesops.forecast_deadline.cut_off_time IS 'Local time of the cut-off on that day, in the zone of the setting';
COMMENT ON COLUMN salesops.forecast_deadline.roll_up_day IS 'Day of the week of the roll-up that follows';
COMMENT ON COLUMN salesops.forecast_deadline.roll_up_time IS 'Local time of the roll-up; until then a call is late, from then on it is for the next week';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_deadline', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_deadline
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_forecast_deadline() with a later valid_from.');
COMMENT ON TRIGGER append_only ON salesops.forecast_deadline IS 'what was late must stay late';

CREATE FUNCTION salesops.set_forecast_deadline(cut_off_day integer, cut_off_time time, roll_up_day integer DEFAULT 1,
                                               roll_up_time time DEFAULT '10:00',
                                               valid_from timestamptz DEFAULT transaction_timestamp())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM salesops.check_given('cut_off_day', cut_off_day::text), salesops.check_given('cut_off_time', cut_off_time::text),
          salesops.check_given('roll_up_day', roll_up_day::text), salesops.check_given('roll_up_time', roll_up_time::text),
          salesops.check_given('valid_from', valid_from::text);
  IF cut_off_day NOT BETWEEN 1 AND 7 OR roll_up_day NOT BETWEEN 1 AND 7 THEN
    RAISE EXCEPTION 'a day of the week is a number from 1, Monday, to 7, Sunday' USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('The day of the cut-off is %s and that of the roll-up %s.', cut_off_day, roll_up_day),
      HINT = 'SELECT salesops.set_forecast_deadline(4, ''12:00'', 5, ''09:00'') is Thursday noon and Friday at nine.';
  END IF;
  IF cut_off_day = roll_up_day AND cut_off_time = roll_up_time THEN
    RAISE EXCEPTION 'calls cannot be rolled up at the moment they are due' USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Cut-off and roll-up are both on day %s at %s.', cut_off_day, cut_off_time),
      HINT = 'Leave some time between them, in which a call is late and still counts.';
  END IF;
  INSERT INTO salesops.forecast_deadline (valid_from, cut_off_day, cut_off_time, roll_up_day, roll_up_time)
  VALUES (valid_from, cut_off_day, cut_off_time, roll_up_day, roll_up_time);
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice('a deadline', valid_from);
END $$;
COMMENT ON FUNCTION salesops.set_forecast_deadline(integer, time, integer, time, timestamptz) IS
  'Set when forecast calls are due and rolled up each week from an instant on: day 1 Monday to 7 Sunday with a local time, '
  'each; 22023 for another day or if both are the same, 22004 for a NULL, 23505 for the same instant twice';

CREATE FUNCTION salesops.weekly_cut_off(as_of timestamptz, OUT cut_off timestamptz, OUT roll_up timestamptz)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
-- Compiling this plan takes longer than a thousand cut-offs.
SET jit = off
BEGIN ATOMIC
  WITH rule AS MATERIALIZED (
    SELECT coalesce(d.cut_off_day, 5) AS cut_off_day, coalesce(d.cut_off_time, '17:00') AS cut_off_time,
           coalesce(d.roll_up_day, 1) AS roll_up_day, coalesce(d.roll_up_time, '10:00') AS roll_up_time,
           z.zone, (weekly_cut_off.as_of AT TIME ZONE z.zone)::date AS today
    FROM (SELECT salesops.time_zone() AS zone) z
    LEFT JOIN LATERAL (SELECT r.* FROM salesops.forecast_deadline r
                       WHERE r.valid_from <= weekly_cut_off.as_of ORDER BY r.valid_from DESC LIMIT 1) d ON true
  )
  SELECT (d.day + r.cut_off_time) AT TIME ZONE r.zone, u.roll_up
  FROM rule r
  CROSS JOIN LATERAL (SELECT r.today + n AS day FROM generate_series(-8, 8) n) d
  CROSS JOIN LATERAL (
    SELECT (d.day + (r.roll_up_day - r.cut_off_day + 7) % 7
            + CASE WHEN r.roll_up_day = r.cut_off_day AND r.roll_up_time < r.cut_off_time THEN 7 ELSE 0 END
            + r.roll_up_time) AT TIME ZONE r.zone AS roll_up) u
  WHERE isfinite(weekly_cut_off.as_of) AND extract(isodow FROM d.day)::integer = r.cut_off_day AND u.roll_up > weekly_cut_off.as_of
  ORDER BY d.day
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.weekly_cut_off(timestamptz) IS
  'The cut-off that an instant belongs to, the earliest whose roll-up is yet to come, and that roll-up; NULL for infinity';

CREATE FUNCTION salesops.submission_deadline(period salesops.fiscal_period, as_of timestamptz,
                                             OUT cut_off timestamptz, OUT roll_up timestamptz, OUT forecast_week integer)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off
BEGIN ATOMIC
  WITH period_ends AS MATERIALIZED (
    SELECT salesops.end_of_day(salesops.end_date(salesops.check_quarter(submission_deadline.period),
                                                 salesops.fiscal_year_start_month())) AS at
  ), deadline AS MATERIALIZED (
    SELECT least(w.cut_off, e.at) AS cut_off, w.roll_up
    FROM period_ends e CROSS JOIN LATERAL salesops.weekly_cut_off(least(submission_deadline.as_of, e.at)) w
    WHERE e.at IS NOT NULL AND submission_deadline.as_of IS NOT NULL
  )
  SELECT d.cut_off, d.roll_up, salesops.forecast_week(submission_deadline.period, d.cut_off) FROM deadline d;
END;
COMMENT ON FUNCTION salesops.submission_deadline(salesops.fiscal_period, timestamptz) IS
  'The cut-off for calls of a fiscal quarter that an instant belongs to: that of weekly_cut_off(), at the latest the last '
  'instant of the quarter; its roll-up; and the forecast week it lies in (NULL before the quarter begins). After the '
  'quarter it is its last cut-off. 22023 unless the period is a quarter';
