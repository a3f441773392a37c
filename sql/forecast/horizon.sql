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
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_as_of(as_of);
  IF salesops.period_after(as_of) IS NULL THEN
    RAISE EXCEPTION 'there is no fiscal quarter at %', as_of USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Take an instant of your sales history.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_instant(timestamptz) IS
  'Raises 22023 where check_as_of() does, and for an instant before the first fiscal quarter';

CREATE FUNCTION salesops.forecast_instant(as_of timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  RETURN as_of;
END $$;
COMMENT ON FUNCTION salesops.forecast_instant(timestamptz) IS
  'The instant itself where a query may forecast as of it; raises 22023 where check_forecast_instant() does';
