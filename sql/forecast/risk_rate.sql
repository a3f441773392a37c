-- How often deals like this one did what they said: rates of a few cells of past deals, each pulled to that of the
-- wider cell around it.
--
-- Two questions are asked of the deals that stood open at the marks of past quarters, where the day that decides them lies
-- before as_of. Was the deal pushed: neither won nor lost by the close date it then had? Was it won by the end of the quarter
-- of that date? The first is asked by the time left to the close date, the second by the category, and both then by how
-- often the deal had been pushed, how long it had been idle, and whether it was older than P90 of the won deals of its
-- segment (stalled, risk_threshold.sql). Each step halves and halves again what a cell holds, so each cell counts the rate of
-- the cell it is a part of as 20 deals of its own: (hits + 20 x wider rate) / (deals + 20). The outermost cell of a category
-- counts the category's weight, as category_evidence() does; so without history it is the weight that is expected.

CREATE FUNCTION salesops.time_left_class(days integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN days <= 30 THEN 'up to 30 days left' WHEN days <= 90 THEN '31 to 90 days left' WHEN days > 90 THEN 'over 90 days left' END;
COMMENT ON FUNCTION salesops.time_left_class(integer) IS 'Class of the days left to a close date; NULL = no close date';

-- Words of push_level() and unions of idle_level(): cells that are divided four times have few deals each, and a reason is read aloud.
CREATE FUNCTION salesops.pushes_class(pushes integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pushes = 1 THEN 'pushed once' WHEN pushes = 2 THEN 'pushed twice' WHEN pushes > 2 THEN 'pushed three times or more'
            ELSE 'never pushed' END;
COMMENT ON FUNCTION salesops.pushes_class(integer) IS 'Class of the number of times a close date was moved later';

CREATE FUNCTION salesops.idle_class(days integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN days <= 14 THEN 'idle up to 14 days' WHEN days <= 60 THEN 'idle 15 to 60 days' WHEN days > 60 THEN 'idle over 60 days'
            ELSE 'idle for an unknown time' END;
COMMENT ON FUNCTION salesops.idle_class(integer) IS 'Class of the days since anything happened to a deal; NULL = not known';

CREATE FUNCTION salesops.age_class(days integer, stalled_after numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN days > stalled_after THEN 'older than P90 of won deals' WHEN days <= stalled_after THEN 'of usual age' ELSE 'of unknown age' END;
COMMENT ON FUNCTION salesops.age_class(integer, numeric) IS
  'Whether a deal is older than nine in ten won deals of its segment were when they were won; NULL of either = not known';

CREATE FUNCTION salesops.risk_rates(
  as_of timestamptz, quarters integer DEFAULT 4, known_at timestamptz DEFAULT NULL,
  OUT question text, OUT segment text, OUT cell text[], OUT deals bigint, OUT hits bigint,
  OUT rate double precision, OUT low double precision, OUT high double precision, OUT bound double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 300
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH RECURSIVE g AS MATERIALIZED (
    SELECT salesops.time_zone() AS zone, salesops.fiscal_year_start_month() AS start_month,
           salesops.local_date(risk_rates.as_of) AS day
  ), weight AS MATERIALIZED (
    SELECT c.label, w.weights[row_number() OVER (ORDER BY c.rank)]::double precision AS weight
    FROM salesops.forecast_categories() c CROSS JOIN (SELECT salesops.published_weights(risk_rates.as_of) AS weights) w
  ), bound AS MATERIALIZED (
    SELECT b.segment, b.bound FROM salesops.segment_bounds(risk_rates.as_of, risk_rates.known_at) b WHERE b.flag = 'stalled'
  ), seen AS MATERIALIZED (
    SELECT d.category::text AS category, coalesce(d.segment, '(unknown)') AS segment,
           salesops.time_left_class(d.close_date - (d.mark AT TIME ZONE g.zone)::date) AS time_left,
           salesops.pushes_class(d.pushes) AS pushes, salesops.idle_class(d.idle_days) AS idle,
           salesops.age_class(d.age_days, b.bound) AS age,
           d.close_date, d.status, d.closed_on, (d.mark AT TIME ZONE g.zone)::date AS mark_day,
           salesops.end_date(salesops.fiscal_quarter(d.close_date, g.start_month), g.start_month) AS due_by, d.period_end
    FROM g CROSS JOIN salesops.deals_at_marks(risk_rates.as_of, risk_rates.quarters, risk_rates.known_at) d
    LEFT JOIN bound b ON b.segment = coalesce(d.segment, '(unknown)')
    WHERE d.close_date IS NOT NULL
  ), asked AS (
    SELECT 'pushed' AS question, s.segment, ARRAY[s.time_left, s.pushes, s.idle, s.age] AS cell,
           NOT coalesce(s.closed_on <= s.close_date, false) AS is_hit
    FROM seen s CROSS JOIN g WHERE s.close_date >= s.mark_day AND s.close_date <= g.day
    UNION ALL
    SELECT 'won', NULL, ARRAY[s.category, s.pushes, s.idle, s.age], s.status = 'won' AND s.closed_on <= s.due_by
    FROM seen s CROSS JOIN g WHERE s.category IS NOT NULL AND s.due_by >= s.period_end AND s.due_by <= g.day
  ), finest AS MATERIALIZED (
    SELECT a.question, a.segment, a.cell, count(*) AS deals, count(*) FILTER (WHERE a.is_hit) AS hits
    FROM asked a GROUP BY a.question, a.segment, a.cell
  ), counted AS MATERIALIZED (
    SELECT f.question, NULL::text AS segment, f.cell[1:n.depth] AS cell, sum(f.deals)::bigint AS deals, sum(f.hits)::bigint AS hits
    FROM finest f CROSS JOIN generate_series(0, 4) n(depth)
    WHERE f.question = 'pushed' OR n.depth > 0
    GROUP BY f.question, f.cell[1:n.depth]
    UNION ALL
    SELECT f.question, f.segment, '{}', sum(f.deals)::bigint, sum(f.hits)::bigint
    FROM finest f WHERE f.question = 'pushed' GROUP BY f.question, f.segment
  ), rate AS (
    SELECT 'pushed' AS question, NULL::text AS segment, '{}'::text[] AS cell, coalesce(c.deals, 0) AS deals, coalesce(c.hits, 0) AS hits,
           c.hits::double precision / c.deals AS rate
    FROM (SELECT) one LEFT JOIN counted c ON c.question = 'pushed' AND c.cell = '{}' AND c.segment IS NULL
    UNION ALL
    SELECT 'won', NULL, ARRAY[w.label], coalesce(c.deals, 0), coalesce(c.hits, 0),
           (coalesce(c.hits, 0) + 20 * w.weight) / (coalesce(c.deals, 0) + 20)
    FROM weight w LEFT JOIN counted c ON c.question = 'won' AND c.cell = ARRAY[w.label]
    UNION ALL
    SELECT c.question, c.segment, c.cell, c.deals, c.hits, (c.hits + 20 * r.rate) / (c.deals + 20)
    FROM rate r
    JOIN counted c ON c.question = r.question AND r.segment IS NULL
     AND (c.cell = r.cell AND c.segment IS NOT NULL
          OR c.segment IS NULL AND cardinality(c.cell) = cardinality(r.cell) + 1 AND c.cell[1:cardinality(r.cell)] = r.cell)
  )
  SELECT r.question, r.segment, r.cell, r.deals, r.hits, r.rate, i.low, i.high,
         CASE WHEN r.question = 'won' THEN greatest(i.high, r.rate + 0.1)
              WHEN r.cell = '{}' AND r.deals >= 50 THEN greatest(r.rate, 2.0 / 3) END
  FROM rate r CROSS JOIN LATERAL salesops.share_interval(r.rate * (r.deals + 20), (r.deals + 20)::double precision) i
  ORDER BY r.question, r.segment NULLS FIRST, r.cell;
END;
COMMENT ON FUNCTION salesops.risk_rates(timestamptz, integer, timestamptz) IS
  'Rates of cells of deals open at the marks of the latest `quarters` quarters that had ended by as_of. question pushed: neither won nor '
  'lost by the close date they then had (cell = time left, pushes, idle time, age); won: won by the end of that date''s quarter (cell = category, pushes, idle time, '
  'age). deals and hits are counts; a shorter cell is the sum of those that begin with it; rate counts the rate of the next shorter one (of a '
  'category: its published weight) as 20 deals. pushed also by segment, from 50 deals on with the bound of likely_to_push: two thirds, or the rate if that is more; '
  'bound of won, of category_above_evidence: the upper end of the 90 % interval (low, high), or rate + 0.1 if that is more. known_at (NULL = as_of) as '
  'in opportunity_as_of()';
