-- Pace: how a month's wins spread over its days. Few come evenly: where they crowd at the end of the quarter, two weeks before it
-- most of the last month's are still to come.
--
-- The model and new business know the marks, the ends of months. Between two marks time counts by the wins that it brings: by the share
-- of the month's wins that used to come in the days ahead, not by the share of days. It is learned in tenths of the month, for the first, second and last month
-- of a quarter, from the wins of the last quarters_to_foretell() quarters, as if 20 more had come evenly; so without
-- history it is the share of days.

CREATE FUNCTION salesops.booking_pace(close_dates date[], start_month integer) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH won AS MATERIALIZED (
    -- The tenths are counted from the end of the month.
    SELECT 3 - (date_part('month', w.day)::integer - start_month + 12) % 3 AS months_to_go,
           (10 * (m.next_month - w.day) + m.days - 1) / m.days AS tenth, count(*) AS deals
    FROM unnest(booking_pace.close_dates) AS w(day)
    CROSS JOIN LATERAL (SELECT (date_trunc('month', w.day::timestamp) + interval '1 month')::date AS next_month,
                               (date_trunc('month', w.day::timestamp) + interval '1 month')::date - date_trunc('month', w.day::timestamp)::date AS days) m
    WHERE isfinite(w.day)
    GROUP BY 1, 2
  )
  SELECT array_agg(((s.to_come + 2 * t.tenth) / (s.deals + 20))::float8 ORDER BY n.months_to_go, t.tenth)
  FROM generate_series(1, 3) AS n(months_to_go)
  CROSS JOIN generate_series(1, 10) AS t(tenth)
  CROSS JOIN LATERAL (SELECT coalesce(sum(w.deals) FILTER (WHERE w.tenth <= t.tenth), 0) AS to_come, coalesce(sum(w.deals), 0) AS deals
                      FROM won w WHERE w.months_to_go = n.months_to_go) s;
END;
COMMENT ON FUNCTION salesops.booking_pace(date[], integer) IS
  'Share of a month''s wins that came in its last tenth, last two tenths ... all of it, for the last month of a fiscal quarter (elements 1 to 10), the second (11 to 20) and the first (21 to 30), '
  'from the close dates of won deals as if 20 more had come evenly; start_month = first month of the fiscal year. NULL or empty = evenly';

CREATE FUNCTION salesops.paced_months(months_to_go float8, pace float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN pace IS NULL OR NOT months_to_go > 0 OR months_to_go > 3 THEN months_to_go
              ELSE m.whole + t.before + (10 * m.part - t.tenths) * (pace[10 * m.whole + t.tenths + 1] - t.before) END
  FROM (SELECT ceil(months_to_go)::integer - 1 AS whole, months_to_go - (ceil(months_to_go) - 1) AS part) m
  CROSS JOIN LATERAL (SELECT ceil(10 * m.part)::integer - 1 AS tenths) f
  CROSS JOIN LATERAL (SELECT f.tenths, CASE WHEN f.tenths > 0 THEN pace[10 * m.whole + f.tenths] ELSE 0 END AS before) t;
END;
COMMENT ON FUNCTION salesops.paced_months(float8, float8[]) IS
  'Months to go as the wins count that are still to come: at the marks (3, 2, 1) those themselves, between them with the booking_pace() of the month; pace NULL = evenly';

CREATE FUNCTION salesops.past_pace(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS float8[]
LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.booking_pace(array_agg(o.close_date), min(h.start_month))
  FROM (SELECT f.period, salesops.fiscal_year_start_month() AS start_month FROM salesops.forecast_horizon(past_pace.as_of) f) h
  CROSS JOIN salesops.opportunity_state(past_pace.as_of, past_pace.known_at) o
  WHERE o.status = 'won' AND o.close_date < salesops.start_date(h.period, h.start_month)
    AND o.close_date >= salesops.start_date(h.period OPERATOR(salesops.-) salesops.quarters_to_foretell(), h.start_month);
END;
COMMENT ON FUNCTION salesops.past_pace(timestamptz, timestamptz) IS
  'booking_pace() of the deals won in the quarters_to_foretell() before the one that runs at an instant. Arguments as of opportunity_state()';
