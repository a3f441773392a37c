-- How far it is to the end of the quarter: what the win model is asked at an instant.
--
-- The days ahead are those after the instant's own, and that one too unless it is over. So at a mark, the last instant of a fiscal
-- month, 3, 2 or 1 months are left, at the last instant of a quarter the next one is asked about, on a quarter's last day
-- still that one, and all instants of a day ask the same: what is said of a deal that nobody touched changes at night.

CREATE FUNCTION salesops.day_ahead(instant timestamptz) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN isfinite(instant) THEN salesops.local_date(instant + interval '1 microsecond') END;
END;
COMMENT ON FUNCTION salesops.day_ahead(timestamptz) IS
  'First day that is not over at an instant, in the zone of the setting: the instant''s own, or at its last microsecond the next; NULL for an infinite one';

CREATE FUNCTION salesops.period_after(instant timestamptz) RETURNS salesops.fiscal_period LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.fiscal_quarter(salesops.day_ahead(instant), salesops.fiscal_year_start_month());
END;
COMMENT ON FUNCTION salesops.period_after(timestamptz) IS
  'Fiscal quarter of the first day that is not over at an instant, in the zone and calendar of the settings: the one that begins or runs after a mark';

CREATE FUNCTION salesops.months_to_go(instant timestamptz, period salesops.fiscal_period) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Whole months, and the part of the present one that is left.
  SELECT ((date_part('year', e.day) - date_part('year', d.day)) * 12 + date_part('month', e.day) - date_part('month', d.day))
         + (m.next_month - d.day)::double precision / (m.next_month - m.month)
  FROM (SELECT salesops.day_ahead(instant) AS day) d
  CROSS JOIN (SELECT salesops.end_date(period, salesops.fiscal_year_start_month()) AS day) e
  CROSS JOIN LATERAL (SELECT date_trunc('month', d.day::timestamp)::date AS month,
                             (date_trunc('month', d.day::timestamp) + interval '1 month')::date AS next_month) m;
END;
COMMENT ON FUNCTION salesops.months_to_go(timestamptz, salesops.fiscal_period) IS
  'Months that the days ahead at an instant are, to the end of a period: 3, 2, 1 at the marks of a quarter, in between less by days over the days of the month; 0 or less once it has ended';

-- The marks are the instants at which the past is looked at: each quarter three times.

CREATE FUNCTION salesops.marks(from_date date, to_date date) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- A slip of a millennium would look at more marks than there is room for.
  IF NOT isfinite(from_date) OR NOT isfinite(to_date) OR to_date - from_date > 36525 THEN
    RAISE EXCEPTION 'cannot look at the months from % to %', from_date, to_date USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give two dates that are at most a hundred years apart.';
  END IF;
  -- Fiscal months are calendar months, whichever one the year begins with.
  RETURN (SELECT coalesce(array_agg(salesops.end_of_day(m.month::date - 1) ORDER BY m.month), '{}')
          FROM generate_series(date_trunc('month', from_date::timestamp), to_date::timestamp, interval '1 month') AS m(month)
          WHERE m.month > from_date::timestamp);
END $$;
COMMENT ON FUNCTION salesops.marks(date, date) IS
  'Marks of the days from a date to the day before another: the last instants of fiscal months, in the zone of the setting; 22023 unless both are finite and at most a hundred years apart';

CREATE FUNCTION salesops.quarter_marks(period salesops.fiscal_period,
                                       OUT months_to_go integer, OUT mark timestamptz, OUT period_end date)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  SELECT 4 - m.n::integer, m.mark, e.end_date
  FROM (SELECT salesops.start_date(period, salesops.fiscal_year_start_month()) AS start_date,
               salesops.end_date(period, salesops.fiscal_year_start_month()) AS end_date) e
  CROSS JOIN LATERAL unnest(salesops.marks(e.start_date - 1, e.end_date - 1)) WITH ORDINALITY AS m(mark, n);
END;
COMMENT ON FUNCTION salesops.quarter_marks(salesops.fiscal_period) IS
  'Marks of a fiscal quarter: the last instant before it (3 months to go), of its first month (2) and of its second (1), and its last day';

CREATE FUNCTION salesops.forecast_horizon(as_of timestamptz, OUT day date, OUT period salesops.fiscal_period,
                                          OUT start_date date, OUT end_date date, OUT months_to_go numeric, OUT label text)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.day, d.period, e.start_date, e.end_date, salesops.months_to_go(as_of, d.period)::numeric,
         right(d.period::text, 2) || ', week ' || (d.day - e.start_date) / 7 + 1
  FROM (SELECT salesops.day_ahead(as_of) AS day, salesops.period_after(as_of) AS period) d
  CROSS JOIN LATERAL (SELECT salesops.start_date(d.period, salesops.fiscal_year_start_month()) AS start_date,
                             salesops.end_date(d.period, salesops.fiscal_year_start_month()) AS end_date) e;
END;
COMMENT ON FUNCTION salesops.forecast_horizon(timestamptz) IS
  'The fiscal quarter that is forecast at an instant: day_ahead(), period_after() with its first and last day, months_to_go() up to its '
  'end, and a label such as Q4, week 8';

CREATE FUNCTION salesops.check_forecast_instant(as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_instant(as_of);
  IF as_of > salesops.statement_clock() + interval '1 day' THEN
    RAISE EXCEPTION 'as_of % lies in the future', as_of USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', salesops.statement_clock()),
      HINT = 'Name an instant that has been: of a day to come nobody knows the deals.';
  END IF;
  IF salesops.period_after(as_of) IS NULL THEN
    RAISE EXCEPTION 'there is no fiscal quarter at %', as_of USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Take an instant of your sales history.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_instant(timestamptz) IS
  'Raises 22023 where an instant to forecast as of is NULL, infinite, more than a day ahead of the clock, or before the first fiscal quarter';

CREATE FUNCTION salesops.forecast_instant(as_of timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  RETURN as_of;
END $$;
COMMENT ON FUNCTION salesops.forecast_instant(timestamptz) IS
  'The instant itself where a query may forecast as of it; raises 22023 where check_forecast_instant() does';
