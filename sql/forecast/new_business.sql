-- New business: what a quarter brings of deals that were not open yet when it was asked about, created later or come back.
--
-- Nothing is known of such deals, so they are told from the past: what they brought in each of the last quarters (four at
-- most) after the same time of the quarter. Smoothing or trends over so few quarters were no better on public data. It is
-- kept by owner, so that it adds up over any hierarchy; of the days between two marks it is the share of days.
--
-- The spread is that of the quarters about their mean, with a floor for few of them: four quarters that happened to be
-- alike prove little. A coefficient of variation of a half counts as two quarters more:
--
--   variance = (1 + 1/n) x (sum (x - mean)^2 + 2 x (mean / 2)^2) / (n - 1 + 2)
--
-- where 1 + 1/n is for the mean that is itself estimated.

CREATE FUNCTION salesops.new_business_quarters(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                               OUT period salesops.fiscal_period, OUT start_date date, OUT end_date date)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
  WITH first AS MATERIALIZED (
    SELECT salesops.local_date(min(v.created_at)) AS day FROM salesops.opportunity_version v
    WHERE v.effective_at <= new_business_quarters.as_of
      AND v.recorded_at <= coalesce(new_business_quarters.known_at, new_business_quarters.as_of)
  )
  SELECT q.period, s.start_date, s.end_date
  FROM salesops.forecast_horizon(as_of) h
  CROSS JOIN first f
  CROSS JOIN generate_series(-4, -1) n
  CROSS JOIN LATERAL (SELECT h.period OPERATOR(salesops.+) n AS period) q
  CROSS JOIN LATERAL (SELECT salesops.start_date(q.period, salesops.fiscal_year_start_month()) AS start_date,
                             salesops.end_date(q.period, salesops.fiscal_year_start_month()) AS end_date) s
  WHERE f.day <= s.start_date;
END;
COMMENT ON FUNCTION salesops.new_business_quarters(timestamptz, timestamptz) IS
  'The quarters that new business is told from: of the last four that are over those in whose time the first deal we know had '
  'been created; none = no history';

CREATE FUNCTION salesops.new_business_history(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                              OUT period salesops.fiscal_period, OUT months_to_go integer,
                                              OUT source_key text, OUT owner_id text, OUT deals bigint, OUT amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH mark AS MATERIALIZED (
    SELECT q.period, m.months_to_go, q.start_date, q.end_date, m.mark AS instant
    FROM salesops.new_business_quarters(new_business_history.as_of, new_business_history.known_at) q
    CROSS JOIN LATERAL salesops.quarter_marks(q.period) m
  ), opened AS MATERIALIZED (
    SELECT d.instant, d.source_key, d.id
    FROM salesops.win_deals((SELECT array_agg(m.instant) FROM mark m), coalesce(new_business_history.known_at, new_business_history.as_of), '{}') d
  ), won AS MATERIALIZED (
    SELECT m.period, m.months_to_go, m.instant, m.start_date, m.end_date, o.source_key, o.id, o.owner_id, salesops.bookable_amount(o.corporate_amount) AS amount
    FROM mark m
    JOIN salesops.opportunity_state(new_business_history.as_of, new_business_history.known_at) o ON o.close_quarter = m.period
    WHERE o.status = 'won'
  ), stage AS MATERIALIZED (
    SELECT m.instant, s.source_key, s.stage, s.pipeline, s.but_in, s.status FROM mark m CROSS JOIN LATERAL salesops.stage_meaning(m.instant) s
  ), came AS (
    SELECT w.period::integer AS period, w.months_to_go, w.source_key, w.owner_id, w.amount
    FROM won w
    LEFT JOIN opened o ON o.instant = w.instant AND o.source_key = w.source_key AND o.id = w.id
    LEFT JOIN LATERAL (SELECT v.is_won, v.is_closed, v.stage, v.pipeline, v.close_date, v.is_deleted, v.merged_into FROM salesops.opportunity_version v
                       WHERE v.source_key = w.source_key AND v.id = w.id AND v.effective_at <= w.instant
                         AND v.recorded_at <= coalesce(new_business_history.known_at, new_business_history.as_of)
                       ORDER BY v.effective_at DESC, v.recorded_at DESC, v.is_present DESC LIMIT 1) b ON o.id IS NULL
    LEFT JOIN stage s ON s.instant = w.instant AND s.source_key = w.source_key AND s.stage = b.stage AND salesops.means_stage(s.pipeline, s.but_in, b.pipeline)
    WHERE o.id IS NULL
      -- What was booked by then is not to come any more.
      AND (NOT b.is_deleted AND b.merged_into IS NULL AND b.close_date BETWEEN w.start_date AND w.end_date
           AND salesops.deal_status(b.is_won, b.is_closed, s.status) = 'won') IS NOT TRUE
  )
  SELECT salesops.min(q.period), c.months_to_go, c.source_key, c.owner_id, count(*), sum(c.amount)
  FROM came c JOIN salesops.new_business_quarters(new_business_history.as_of, new_business_history.known_at) q ON q.period::integer = c.period
  GROUP BY q.period::integer, c.months_to_go, c.source_key, c.owner_id;
END;
COMMENT ON FUNCTION salesops.new_business_history(timestamptz, timestamptz) IS
  'What was won in each of new_business_quarters() by its end of deals that were neither open (win_deals()) nor booked in it already when 3, 2 and 1 months were '
  'left, by the owner they have as of the instant: deals and their corporate amount (NULL = of none it is known). No row = nothing. Arguments '
  'as of opportunity_state()';

CREATE FUNCTION salesops.new_business_share(months_to_go numeric, mark integer)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN months_to_go IS NOT NULL AND mark IS NOT NULL THEN greatest(0, 1 - abs(months_to_go - mark)) END;
COMMENT ON FUNCTION salesops.new_business_share(numeric, integer) IS
  'Share of the new business after a mark (3, 2 or 1 months to go) that counts for an instant: 1 at the mark, by days less towards the '
  'next and the previous one; at the end of the quarter there is no more';

CREATE FUNCTION salesops.new_business_stddev(amounts numeric[]) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT sqrt(((s.deviation + 2 * (s.mean / 2) ^ 2) / (s.n + 1) * (1 + 1 / s.n))::float8)
  FROM (SELECT count(*)::numeric AS n, avg(a.amount) AS mean, coalesce(var_samp(a.amount), 0) * (count(*) - 1) AS deviation
        FROM unnest(new_business_stddev.amounts) AS a(amount)) s
  WHERE s.n > 0;
END;
COMMENT ON FUNCTION salesops.new_business_stddev(numeric[]) IS
  'Standard deviation of the next quarter''s new business, from that of the last ones: as if two more quarters had shown a coefficient of '
  'variation of a half, and with the uncertainty of the mean; NULL for none';

CREATE FUNCTION salesops.new_business_spread(amounts numeric[], OUT mean numeric, OUT stddev float8)
RETURNS record LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT avg(a.amount), salesops.new_business_stddev(amounts) FROM unnest(amounts) AS a(amount);
END;
COMMENT ON FUNCTION salesops.new_business_spread(numeric[]) IS
  'Mean of the new business of the last quarters, and new_business_stddev() for the next one; NULL for none';
