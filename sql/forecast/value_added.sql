-- Override value-added: whether what people put in place of a figure came closer to what was booked in the end.
--
-- An override is a call or an adjustment of a quarter that has ended: a figure before (what the deals and the people below said), a
-- figure after, and the actual, what the node had won by the quarter's last instant. Pipeline is no forecast of bookings and is
-- not judged. What was recorded after the quarter does not count: everybody knows better then.
--
-- Over a person's quarters, with B and F the absolute errors before and after, T the signed error after, Y the actual:
--   value_added = (sum B - sum F) / sum |Y|       how much of the error, as a share of bookings, the person took away
--   bias        = sum T / sum |Y|                 > 0 says too much (happy ears), < 0 too little (sandbagging)
-- All overrides of one quarter share its outcome, so a quarter is one observation: x = T / mean |Y|, whose mean is the bias.
--
-- Few quarters prove little, so both are shrunken towards the mean of everybody (of the same source, kind, column, week):
--   shrunken = (n x own mean + m x mean of all) / (n + m),   m = prior_quarters, 4 unless said otherwise
-- which is the posterior mean of a normal model in which people differ by as much as the mean of m quarters of one person does;
-- its interval of 90 % is shrunken +- 1.645 sqrt(s2 / (n + m)), s2 the variance of quarters within a person, pooled over all.
-- (Efron and Morris 1975; hierarchical normal model.) Sums are of numeric, so no order of rows changes a digit.

CREATE FUNCTION salesops.forecast_overrides(from_period salesops.fiscal_period, to_period salesops.fiscal_period, as_of timestamptz,
                                            known_at timestamptz DEFAULT NULL,
                                            OUT source_key text, OUT person_id text, OUT kind text, OUT rep_id text,
                                            OUT period salesops.fiscal_period, OUT category salesops.forecast_category,
                                            OUT forecast_week integer, OUT at timestamptz,
                                            OUT amount_before numeric, OUT amount_after numeric, OUT actual numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_quarter(forecast_overrides.from_period), salesops.check_quarter(forecast_overrides.to_period);
  WITH quarter AS MATERIALIZED (
    SELECT q.period, q.period::integer AS number, e.ends
    FROM generate_series(0, greatest(forecast_overrides.to_period - forecast_overrides.from_period, -1)) n
    CROSS JOIN LATERAL (SELECT forecast_overrides.from_period + n AS period) q
    CROSS JOIN LATERAL (SELECT salesops.end_of_day(salesops.end_date(q.period, salesops.fiscal_year_start_month())) AS ends) e
    WHERE e.ends < forecast_overrides.as_of
  ), adjustment AS (
    -- The last of each week, unless it revokes.
    SELECT DISTINCT ON (q.number, a.source_key, a.rep_id, a.adjusted_by, a.category::smallint, a.cut_off)
           q.number, a.source_key, a.rep_id, a.adjusted_by, a.category, a.cut_off, a.adjusted_at, a.prior_amount, a.amount
    FROM quarter q
    JOIN salesops.forecast_adjustment a ON a.period = q.period
    WHERE a.adjusted_at <= q.ends AND a.recorded_at <= coalesce(forecast_overrides.known_at, q.ends)
      AND a.currency = (SELECT salesops.get_setting('corporate_currency'))
    ORDER BY q.number, a.source_key, a.rep_id, a.adjusted_by, a.category::smallint, a.cut_off, a.adjusted_at DESC
  ), override AS MATERIALIZED (
    SELECT q.number, c.source_key, c.rep_id AS person_id, 'call' AS kind, c.rep_id, c.category, c.cut_off, c.submitted_at AS at,
           c.prior_amount AS before, c.amount AS after
    FROM quarter q
    CROSS JOIN LATERAL salesops.forecast_calls(q.period, q.ends, forecast_overrides.known_at) c
    UNION ALL
    SELECT a.number, a.source_key, a.adjusted_by, CASE WHEN a.adjusted_by = a.rep_id THEN 'owner adjustment' ELSE 'manager adjustment' END,
           a.rep_id, a.category, a.cut_off, a.adjusted_at, a.prior_amount, a.amount
    FROM adjustment a WHERE a.amount IS NOT NULL
  ), closed AS MATERIALIZED (
    SELECT q.number, f.source_key, f.owner_id, salesops.amount(f.totals, 'Closed') AS amount
    FROM quarter q
    CROSS JOIN LATERAL salesops.forecast_by_quarter(q.ends, forecast_overrides.as_of) f
    WHERE f.period = q.period
  ), week AS MATERIALIZED (
    SELECT q.number, q.period, o.cut_off, coalesce(salesops.forecast_week(q.period, o.cut_off), 0) AS forecast_week
    FROM (SELECT DISTINCT o.number, o.cut_off FROM override o) o JOIN quarter q ON q.number = o.number
  ), team AS MATERIALIZED (
    -- Who belonged to the node in that week.
    SELECT w.number, w.cut_off, h.source_key, h.rep_id AS member_id, u.id AS rep_id
    FROM week w
    CROSS JOIN LATERAL salesops.hierarchy(w.cut_off, forecast_overrides.as_of) h
    CROSS JOIN LATERAL unnest(h.path) AS u(id)
  ), booked AS (
    -- Won deals of which none has an amount make the actual unknown.
    SELECT t.number, t.cut_off, t.source_key, t.rep_id,
           CASE WHEN bool_and(c.amount IS NOT NULL OR c.owner_id IS NULL) THEN coalesce(sum(c.amount), 0) END AS actual
    FROM team t
    LEFT JOIN closed c ON c.number = t.number AND c.source_key = t.source_key AND c.owner_id = t.member_id
    GROUP BY t.number, t.cut_off, t.source_key, t.rep_id
  )
  SELECT o.source_key, o.person_id, o.kind, o.rep_id, w.period, o.category, w.forecast_week, o.at, o.before, o.after, b.actual
  FROM override o
  JOIN week w ON w.number = o.number AND w.cut_off = o.cut_off
  LEFT JOIN booked b ON b.number = o.number AND b.cut_off = o.cut_off AND b.source_key = o.source_key AND b.rep_id = o.rep_id
  WHERE o.category <> 'Pipeline'::salesops.forecast_category;
END;
COMMENT ON FUNCTION salesops.forecast_overrides(salesops.fiscal_period, salesops.fiscal_period, timestamptz, timestamptz) IS
  'Every call that counted and the last adjustment of every week, in the quarters from one to another that ended before as_of, with '
  'the figure before it, after it, and the actual: what the rep with everybody then below him had won by the quarter''s last instant, as '
  'known at as_of (NULL = unknown). kind: call (person = whose call it is), owner adjustment, manager adjustment (person = who adjusted); '
  'forecast_week 0 = before the quarter. Only what was recorded before the quarter ended, or by known_at. 22023 unless both are quarters';

CREATE FUNCTION salesops.check_value_added(min_quarters integer, prior_quarters integer)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(min_quarters, 0) < 1 OR coalesce(prior_quarters, 0) < 1 THEN
    RAISE EXCEPTION 'min_quarters and prior_quarters must be at least 1, not % and %', coalesce(min_quarters::text, 'NULL'),
                    coalesce(prior_quarters::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave them out for 4 and 4.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_value_added(integer, integer) IS 'Raises 22023 unless both are at least 1';

CREATE FUNCTION salesops.override_value_added(from_period salesops.fiscal_period, to_period salesops.fiscal_period, as_of timestamptz,
                                              known_at timestamptz DEFAULT NULL, min_quarters integer DEFAULT 4, prior_quarters integer DEFAULT 4,
                                              OUT source_key text, OUT person_id text, OUT kind text, OUT category salesops.forecast_category,
                                              OUT forecast_week integer, OUT quarters bigint, OUT overrides bigint,
                                              OUT mean_error_before numeric, OUT mean_error_after numeric,
                                              OUT value_added double precision, OUT shrunken_value_added double precision,
                                              OUT value_added_low double precision, OUT value_added_high double precision,
                                              OUT bias double precision, OUT shrunken_bias double precision,
                                              OUT bias_low double precision, OUT bias_high double precision,
                                              OUT verdict text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off
BEGIN ATOMIC
  SELECT salesops.check_value_added(override_value_added.min_quarters, override_value_added.prior_quarters);
  WITH quarter AS MATERIALIZED (
    -- A cell is a person's overrides of a kind and column, of one week or (week NULL) of all weeks; here quarter by quarter.
    SELECT o.source_key, o.person_id, o.kind, o.category::smallint AS rank, salesops.min(o.category) AS category, o.forecast_week AS week,
           count(*) AS overrides, sum(abs(o.amount_before - o.actual)) AS before, sum(abs(o.amount_after - o.actual)) AS after,
           sum(o.amount_after - o.actual) AS signed, sum(abs(o.actual)) AS booked
    FROM salesops.forecast_overrides(override_value_added.from_period, override_value_added.to_period, override_value_added.as_of,
                                     override_value_added.known_at) o
    WHERE o.amount_before IS NOT NULL AND o.actual IS NOT NULL
    GROUP BY GROUPING SETS ((o.source_key, o.person_id, o.kind, o.category::smallint, o.period::integer, o.forecast_week),
                            (o.source_key, o.person_id, o.kind, o.category::smallint, o.period::integer))
  ), cell AS MATERIALIZED (
    SELECT q.source_key, q.person_id, q.kind, q.rank, salesops.min(q.category) AS category, q.week,
           count(*) AS n, sum(q.overrides) AS overrides, sum(q.before) AS before, sum(q.after) AS after, sum(q.signed) AS signed,
           sum(q.booked) AS booked,
           -- Sums of squares about the cell's mean, before division by the square of mean bookings; a division rounds.
           greatest(sum((q.before - q.after)^2) - sum(q.before - q.after)^2 / count(*), 0) AS gain_squares,
           greatest(sum(q.signed^2) - sum(q.signed)^2 / count(*), 0) AS signed_squares
    FROM quarter q
    GROUP BY q.source_key, q.person_id, q.kind, q.rank, q.week
  ), scaled AS MATERIALIZED (
    SELECT c.*, (c.before - c.after) / c.booked AS gain, c.signed / c.booked AS bias,
           c.gain_squares / (c.booked / c.n)^2 AS gain_spread, c.signed_squares / (c.booked / c.n)^2 AS bias_spread
    FROM cell c WHERE c.booked > 0
  ), pool AS MATERIALIZED (
    SELECT s.source_key, s.kind, s.rank, s.week, sum(s.n * s.gain) / sum(s.n) AS gain, sum(s.n * s.bias) / sum(s.n) AS bias,
           CASE WHEN sum(s.n - 1) > 0 THEN sum(s.gain_spread) / sum(s.n - 1) END AS gain_variance,
           CASE WHEN sum(s.n - 1) > 0 THEN sum(s.bias_spread) / sum(s.n - 1) END AS bias_variance
    FROM scaled s
    GROUP BY s.source_key, s.kind, s.rank, s.week
  ), judged AS (
    SELECT c.*, s.gain, s.bias, w.reason,
           CASE WHEN w.reason IS NULL THEN (s.n * s.gain + override_value_added.prior_quarters * p.gain) / (s.n + override_value_added.prior_quarters) END AS shrunken_gain,
           CASE WHEN w.reason IS NULL THEN (s.n * s.bias + override_value_added.prior_quarters * p.bias) / (s.n + override_value_added.prior_quarters) END AS shrunken_bias,
           1.645 * sqrt(p.gain_variance / (s.n + override_value_added.prior_quarters)) AS gain_half,
           1.645 * sqrt(p.bias_variance / (s.n + override_value_added.prior_quarters)) AS bias_half
    FROM cell c
    LEFT JOIN scaled s ON s.source_key = c.source_key AND s.person_id = c.person_id AND s.kind = c.kind AND s.rank = c.rank
                      AND coalesce(s.week, -1) = coalesce(c.week, -1)
    LEFT JOIN pool p ON p.source_key = c.source_key AND p.kind = c.kind AND p.rank = c.rank AND coalesce(p.week, -1) = coalesce(c.week, -1)
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.n < override_value_added.min_quarters
                    THEN format('%s of the %s quarters it takes', c.n, override_value_added.min_quarters)
                  WHEN s.n IS NULL THEN 'nothing was booked in any of them'
                  WHEN p.gain_variance IS NULL THEN 'nobody has two quarters by which to tell chance' END AS reason) w
  )
  SELECT j.source_key, j.person_id, j.kind, j.category, j.week, j.n, j.overrides, j.before / j.overrides, j.after / j.overrides,
         j.gain, j.shrunken_gain, j.shrunken_gain - j.gain_half, j.shrunken_gain + j.gain_half,
         j.bias, j.shrunken_bias, j.shrunken_bias - j.bias_half, j.shrunken_bias + j.bias_half,
         CASE WHEN j.reason IS NOT NULL THEN 'not enough history'
              WHEN j.shrunken_gain - j.gain_half > 0 THEN 'improves'
              WHEN j.shrunken_gain + j.gain_half < 0 THEN 'worsens'
              ELSE 'not shown' END, j.reason
  FROM judged j
  ORDER BY j.source_key, j.person_id, j.kind, j.rank DESC, j.week NULLS FIRST;
END;
COMMENT ON FUNCTION salesops.override_value_added(salesops.fiscal_period, salesops.fiscal_period, timestamptz, timestamptz, integer, integer) IS
  'Whether each person''s calls and adjustments came closer to the actual than the figures before them, one row a person, kind, column '
  'and forecast week, and one over all weeks (forecast_week NULL): mean absolute errors in money; value_added, the error taken away as a '
  'share of what was booked, and bias, the signed error as such a share (> 0 = too much), each also shrunken towards everybody''s mean '
  'with the weight of prior_quarters and an interval of 90 %. verdict: improves or worsens where that interval of value_added is off '
  '0, else not shown; not enough history, with the reason, under min_quarters or where nothing was booked. Arguments and what '
  'counts as of forecast_overrides(); 22023 for fewer than 1 quarter';
