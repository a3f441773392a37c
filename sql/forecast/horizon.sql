-- How far it is to the end of the quarter: the question the forecast is asked at an instant.
--
-- The days ahead are those after the instant's own, and that one too unless it is over. So at the last instant of a month, the
-- mark at which the win model learns, exactly 3, 2 or 1 months are left, at the last instant of a quarter the next one is
-- asked about, and all instants within one day ask the same: what the forecast says of an unchanged deal changes at night.

CREATE FUNCTION salesops.forecast_horizon(as_of timestamptz, OUT day date, OUT period salesops.fiscal_period,
                                          OUT start_date date, OUT end_date date, OUT months_to_go numeric, OUT label text)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.day, p.period, e.start_date, e.end_date,
         (extract(year FROM e.end_date) - extract(year FROM a.day)) * 12 + extract(month FROM e.end_date) - extract(month FROM a.day)
         + (m.last_day - a.day + 1)::numeric / extract(day FROM m.last_day),
         right(p.period::text, 2) || ', week ' || (a.day - e.start_date) / 7 + 1
  FROM (SELECT salesops.local_date(as_of + interval '1 microsecond') AS day, salesops.fiscal_year_start_month() AS start_month) a
  CROSS JOIN LATERAL (SELECT salesops.fiscal_quarter(a.day, a.start_month) AS period) p
  CROSS JOIN LATERAL (SELECT salesops.start_date(p.period, a.start_month) AS start_date,
                             salesops.end_date(p.period, a.start_month) AS end_date) e
  CROSS JOIN LATERAL (SELECT (date_trunc('month', a.day::timestamp) + interval '1 month - 1 day')::date AS last_day) m;
END;
COMMENT ON FUNCTION salesops.forecast_horizon(timestamptz) IS
  'The fiscal quarter that is forecast at an instant: the first day ahead (the instant''s own unless that is over), '
  'the quarter of that day with its first and last day, months_to_go (0 to 3; whole months and the share of days left in the '
  'running one), and a label such as Q4, week 8. Zone and calendar of the settings';
