-- Bounds beyond which an open deal is at risk, learned from the deals that had been won by as_of.
--
-- Segments differ: what is stalled in one is normal in another. So a bound is a quantile of the won deals of the deal's
-- segment wherever they are enough to know it (50, and 100 for the 99th percentile, of which one deal lies beyond), and of all
-- segments together where they are not; where even those are too few there is no bound, and a reason. Quantiles are values
-- that occurred (percentile_disc), so they do not depend on the order of the deals and nobody has to ask where they come from.

CREATE FUNCTION salesops.won_deals(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                   OUT source_key text, OUT id text, OUT segment text, OUT cycle_days integer, OUT corporate_amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.time_zone() AS zone, salesops.local_date(won_deals.as_of) AS day
  ), meant AS MATERIALIZED (
    SELECT v.source_key, v.label, v.value FROM salesops.value_meaning(won_deals.as_of) v WHERE v.field = 'segment'
  )
  SELECT w.source_key, w.id, coalesce(m.value, a.segment, salesops.size_class(a.employees)),
         -- Closed before it was created: one of the two is wrong, so how long it took is not known.
         CASE WHEN w.closed_on >= (w.created_at AT TIME ZONE g.zone)::date THEN w.closed_on - (w.created_at AT TIME ZONE g.zone)::date END,
         w.corporate_amount
  FROM g
  CROSS JOIN salesops.deal_outcomes(coalesce(won_deals.known_at, won_deals.as_of)) w
  LEFT JOIN salesops.account_spans(coalesce(won_deals.known_at, won_deals.as_of)) a
    ON a.source_key = w.source_key AND a.id = w.account_id AND a.valid_from <= won_deals.as_of AND a.valid_until > won_deals.as_of
  LEFT JOIN meant m ON m.source_key = a.source_key AND m.label = a.segment
  WHERE w.status = 'won' AND w.closed_on <= g.day;
END;
COMMENT ON FUNCTION salesops.won_deals(timestamptz, timestamptz) IS
  'Deals won by as_of as known at known_at (NULL = as_of): segment as open_deals_at() has it, days from creation to close (NULL = '
  'not known), amount in corporate currency';

CREATE FUNCTION salesops.won_stage_times(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                         OUT source_key text, OUT stage text, OUT days integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.time_zone() AS zone, salesops.local_date(won_stage_times.as_of) AS day
  )
  SELECT v.source_key, v.stage, (v.until AT TIME ZONE g.zone)::date - (v.stage_entered_at AT TIME ZONE g.zone)::date
  FROM g CROSS JOIN (
    SELECT s.source_key, s.stage, s.stage_entered_at, lead(s.stage) OVER w AS next_stage, lead(s.effective_at) OVER w AS until
    FROM salesops.opportunity_version s
    JOIN salesops.deal_outcomes(coalesce(won_stage_times.known_at, won_stage_times.as_of)) o ON o.source_key = s.source_key AND o.id = s.id
    CROSS JOIN g
    WHERE s.effective_at <= won_stage_times.as_of AND s.recorded_at <= coalesce(won_stage_times.known_at, won_stage_times.as_of)
      AND o.status = 'won' AND o.closed_on <= g.day
    WINDOW w AS (PARTITION BY s.source_key COLLATE "C", s.id COLLATE "C" ORDER BY s.effective_at, s.recorded_at, s.is_present)) v
  WHERE v.until >= v.stage_entered_at AND v.next_stage <> v.stage;
END;
COMMENT ON FUNCTION salesops.won_stage_times(timestamptz, timestamptz) IS
  'How many days deals won by as_of had spent in a stage each time they left it for another, as known at known_at (NULL = as_of)';

CREATE FUNCTION salesops.segment_bounds(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT flag text, OUT segment text, OUT bound numeric, OUT typical numeric, OUT unit text,
  OUT deals bigint, OUT rests_on text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency
  ), won AS (
    SELECT grouping(w.segment) = 0 AS is_segment, w.segment,
           count(w.cycle_days) AS cycles, percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY w.cycle_days) AS cycle,
           count(*) FILTER (WHERE w.corporate_amount > 0) AS amounts,
           percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY w.corporate_amount) FILTER (WHERE w.corporate_amount > 0) AS quartile
    FROM (SELECT coalesce(d.segment, '(unknown)') AS segment, d.cycle_days, d.corporate_amount
          FROM salesops.won_deals(segment_bounds.as_of, segment_bounds.known_at) d) w
    GROUP BY GROUPING SETS ((w.segment), ())
  ), spread AS MATERIALIZED (
    -- 1.349 interquartile ranges of a normal distribution make one standard deviation.
    SELECT w.*, CASE WHEN w.quartile[3] > w.quartile[1]
                     THEN round(exp(ln(w.quartile[2]) + 2 * (ln(w.quartile[3]) - ln(w.quartile[1])) / 1.349), 2) END AS large
    FROM won w
  ), learned AS (
    SELECT f.flag, s.is_segment, s.segment, f.bound, f.typical, f.unit, f.deals, f.needed, f.kind
    FROM spread s CROSS JOIN g
    CROSS JOIN LATERAL (VALUES
      ('stalled', s.cycle[2]::numeric, s.cycle[1]::numeric, 'days', s.cycles, 50, 'won deals whose cycle is known'),
      ('zombie', s.cycle[3]::numeric, s.cycle[1]::numeric, 'days', s.cycles, 100, 'won deals whose cycle is known'),
      ('unusually_large', s.large, round(s.quartile[2], 2), g.currency, s.amounts, 50, 'won deals with an amount')
    ) AS f(flag, bound, typical, unit, deals, needed, kind)
  )
  SELECT l.flag, CASE WHEN l.is_segment THEN l.segment ELSE '(all)' END,
         CASE WHEN x.is_own THEN l.bound WHEN a.deals >= a.needed THEN a.bound END,
         CASE WHEN x.is_own THEN l.typical WHEN a.deals >= a.needed THEN a.typical END,
         l.unit, CASE WHEN x.is_own THEN l.deals ELSE a.deals END,
         CASE WHEN x.is_own AND l.is_segment THEN 'segment' ELSE 'all segments' END,
         CASE WHEN x.is_own THEN NULL
              WHEN a.deals < a.needed THEN format('%s %s, %s are needed', a.deals, a.kind, a.needed)
              WHEN a.bound IS NULL THEN 'half of the won deals have the same amount: no spread to judge by'
              WHEN l.deals < l.needed THEN format('%s %s in the segment, %s are needed', l.deals, l.kind, l.needed)
              ELSE 'half of the segment''s won deals have the same amount: no spread to judge by' END
  FROM learned l
  JOIN learned a ON a.flag = l.flag AND NOT a.is_segment
  CROSS JOIN LATERAL (SELECT l.deals >= l.needed AND l.bound IS NOT NULL AS is_own) x;
END;
COMMENT ON FUNCTION salesops.segment_bounds(timestamptz, timestamptz) IS
  'Bounds learned from the deals won by as_of, by segment and over (all): stalled = P90 and zombie = P99 of days from creation to '
  'close, unusually_large = median amount x e^(2 robust standard deviations of its logarithm). typical = the median; deals = how many '
  'the bound rests on; a segment with too few rests on all segments. bound NULL = cannot be known, reason says why. known_at (NULL = '
  'as_of) as in opportunity_as_of()';

CREATE FUNCTION salesops.stage_bounds(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT stage text, OUT bound numeric, OUT typical numeric, OUT deals bigint, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT s.source_key, s.stage, CASE WHEN s.deals >= 50 THEN s.days[2] END, CASE WHEN s.deals >= 50 THEN s.days[1] END, s.deals,
         CASE WHEN s.deals < 50 THEN format('%s stays of won deals in the stage, 50 are needed', s.deals) END
  FROM (SELECT t.source_key, t.stage, count(*) AS deals, percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY t.days) AS days
        FROM salesops.won_stage_times(stage_bounds.as_of, stage_bounds.known_at) t
        GROUP BY t.source_key, t.stage) s;
END;
COMMENT ON FUNCTION salesops.stage_bounds(timestamptz, timestamptz) IS
  'P90 of the days that deals won by as_of had spent in each stage of a source before they left it, with the median and the number of '
  'stays; NULL with a reason below 50. known_at (NULL = as_of) as in opportunity_as_of()';
