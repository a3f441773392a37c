-- The forecast of the running quarter for every scope at once: what forecast() says of one, in one pass over the owners instead of
-- a pass for each scope. Tests hold the two against each other.

CREATE FUNCTION salesops.scope_forecasts(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT period salesops.fiscal_period, OUT week_label text, OUT scope_kind text, OUT scope text, OUT label text, OUT level integer,
  OUT won_deals bigint, OUT open_deals bigint, OUT unknown_deals bigint, OUT actual numeric, OUT existing numeric, OUT new_business numeric,
  OUT expected numeric, OUT p10 float8, OUT p50 float8, OUT p90 float8, OUT quota numeric, OUT probability_at_least_quota float8,
  OUT published numeric, OUT forecast_method text, OUT naive numeric, OUT weighted numeric, OUT noise_floor float8, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH fitted AS MATERIALIZED (
    SELECT m.model_id, m.new_business_from, m.new_business_quarters, salesops.model_doubt(m) AS doubt
    FROM salesops.current_win_model(scope_forecasts.as_of, scope_forecasts.known_at) m
  ), asked AS MATERIALIZED (
    SELECT h.period, h.label, h.months_to_go, salesops.forecast_correlation(scope_forecasts.as_of, scope_forecasts.known_at) AS correlation,
           EXISTS (SELECT FROM fitted f WHERE f.doubt IS NULL) AS is_modelled,
           'uncalibrated: ' || coalesce((SELECT f.doubt FROM fitted f), 'no win model was fitted by then') AS doubt
    FROM salesops.forecast_horizon(scope_forecasts.as_of) h
  ), member AS MATERIALIZED (
    -- Empty text stands for whoever is no rep.
    SELECT s.scope_kind, s.scope, s.label, s.level, coalesce(s.source_key, '') AS source_key, coalesce(s.owner_id, '') AS owner_id
    FROM salesops.forecast_scopes(scope_forecasts.as_of, scope_forecasts.known_at) s
  ), part AS MATERIALIZED (
    SELECT o.source_key, o.owner_id, o.won_deals, o.open_deals, o.unknown_deals, o.actual, o.last_actual, o.existing, o.weighted, o.pipeline,
           NULL::numeric AS quota
    FROM salesops.owner_forecasts(scope_forecasts.as_of, scope_forecasts.known_at) o
    UNION ALL
    SELECT q.source_key, q.owner_id, 0, 0, 0, 0, 0, 0, 0, NULL, q.quota
    FROM salesops.owner_quota(scope_forecasts.as_of, scope_forecasts.known_at) q CROSS JOIN asked a
    WHERE q.period = a.period AND NOT q.is_team_quota
  ), book AS MATERIALIZED (
    SELECT m.scope, sum(p.won_deals)::bigint AS won_deals, sum(p.open_deals)::bigint AS open_deals, sum(p.unknown_deals)::bigint AS unknown_deals,
           sum(p.actual) AS actual, sum(p.last_actual) AS last_actual, sum(p.existing) AS existing, sum(p.weighted) AS weighted,
           sum(p.quota) AS quota, salesops.bookings(p.pipeline) AS pipeline
    FROM part p
    LEFT JOIN member r ON r.scope = 'company' AND r.source_key = p.source_key AND r.owner_id = p.owner_id
    JOIN member m ON m.source_key = coalesce(r.source_key, '') AND m.owner_id = coalesce(r.owner_id, '')
    GROUP BY m.scope
  ), came AS MATERIALIZED (
    SELECT m.scope, b.period::integer AS period, sum(b.amount * salesops.new_business_share(a.months_to_go, b.months_to_go)) AS amount
    FROM fitted f CROSS JOIN asked a
    JOIN salesops.fitted_new_business b ON b.model_id = f.model_id
    LEFT JOIN member r ON r.scope = 'company' AND r.source_key = b.source_key AND r.owner_id = b.owner_id
    JOIN member m ON m.source_key = coalesce(r.source_key, '') AND m.owner_id = coalesce(r.owner_id, '')
    GROUP BY m.scope, b.period::integer
  ), scope AS MATERIALIZED (
    SELECT min(m.scope_kind) AS scope_kind, m.scope, min(m.label) AS label, min(m.level) AS level FROM member m GROUP BY m.scope
  ), coming AS MATERIALIZED (
    SELECT s.scope, array_agg(coalesce(c.amount, 0) ORDER BY n) AS amounts
    FROM scope s CROSS JOIN fitted f CROSS JOIN LATERAL generate_series(0, f.new_business_quarters - 1) n
    LEFT JOIN came c ON c.scope = s.scope AND c.period = (f.new_business_from OPERATOR(salesops.+) n)::integer
    GROUP BY s.scope
  ), whole AS MATERIALIZED (
    SELECT s.scope_kind, s.scope, s.label, s.level, coalesce(b.won_deals, 0) AS won_deals, coalesce(b.open_deals, 0) AS open_deals,
           coalesce(b.unknown_deals, 0) AS unknown_deals, coalesce(b.actual, 0) AS actual, coalesce(b.last_actual, 0) AS last_actual,
           coalesce(b.existing, 0) AS existing, coalesce(b.weighted, 0) AS weighted, b.quota,
           coalesce(b.pipeline, salesops.uncertain_bookings(0, 0, a.correlation)) AS pipeline,
           CASE WHEN a.is_modelled THEN c.amounts END AS new_business
    FROM scope s CROSS JOIN asked a
    LEFT JOIN book b ON b.scope = s.scope
    LEFT JOIN coming c ON c.scope = s.scope
  ), foretold AS MATERIALIZED (
    SELECT w.scope, t.*
    FROM whole w CROSS JOIN asked a
    CROSS JOIN LATERAL salesops.forecast_bookings(w.actual, w.existing, CASE WHEN a.is_modelled THEN w.pipeline END, w.new_business) t
  )
  SELECT a.period, a.label, w.scope_kind, w.scope, w.label, w.level, w.won_deals, w.open_deals, w.unknown_deals,
         w.actual, CASE WHEN a.is_modelled THEN w.existing ELSE w.weighted - w.actual END, f.new_mean,
         CASE WHEN a.is_modelled THEN f.mean ELSE w.weighted END,
         f.p10, f.p50, f.p90, w.quota, salesops.probability_at_least(f.total, w.quota),
         CASE WHEN r.reason IS NULL THEN f.p50::numeric ELSE w.weighted END, CASE WHEN r.reason IS NULL THEN 'model median' ELSE 'category weights' END,
         w.last_actual, w.weighted, CASE WHEN a.is_modelled THEN salesops.noise_floor(w.pipeline) END, r.reason
  FROM whole w CROSS JOIN asked a
  JOIN foretold f ON f.scope = w.scope
  CROSS JOIN LATERAL (SELECT CASE WHEN NOT a.is_modelled THEN a.doubt
                                  ELSE nullif(concat_ws('; ', CASE WHEN f.new_mean IS NULL THEN 'no past quarter to tell new business from' END,
                                                        CASE WHEN f.p90 - f.p10 > f.p50 THEN 'the range from P10 to P90 is wider than the median' END), '')
                             END AS reason) r;
END;
COMMENT ON FUNCTION salesops.scope_forecasts(timestamptz, timestamptz) IS
  'forecast() of the running quarter for every scope of forecast_scopes() at once: its total with its three parts, P10, P50 and P90 (NULL without a '
  'model that may be believed), quota, what is published with method and reason, last quarter''s actual, weighted total, noise floor; '
  'corporate currency. known_at (NULL = as_of) as in opportunity_state()';
