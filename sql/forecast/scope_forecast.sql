-- The forecast of the running quarter, for every scope at once or for one: booked, open and new business together as one distribution,
-- what of it is published, and why. forecast() shows it line by line.

-- Means of one company's quarters differ by chance: fewer than four say nothing.
CREATE FUNCTION salesops.backtest_objection(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT format('backtested over %s quarters the weighted total was closer: %s against %s', m.quarters,
                salesops.percent_text(w.error), salesops.percent_text(m.error))
  FROM salesops.backtested_accuracy('model', 'company', NULL, backtest_objection.as_of) m
  CROSS JOIN LATERAL salesops.backtested_accuracy('category_weights', 'company', NULL, backtest_objection.as_of) w
  WHERE m.quarters >= 4 AND w.error < m.error;
END;
COMMENT ON FUNCTION salesops.backtest_objection(timestamptz) IS
  'Why the model''s median is not to be published though the model may be believed: comparable_backtest() of four quarters or more in which the '
  'weighted total of the company was closer, all marks together; NULL = there is none, or the model was as close';

CREATE FUNCTION salesops.published_forecast(method text, unknown text, doubt text, objection text, weighted numeric, new_mean numeric,
                                            p10 float8, p50 float8, p90 float8,
                                            OUT published numeric, OUT forecast_method text, OUT reason text)
RETURNS record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN u.is_modelled THEN published_forecast.p50::numeric WHEN published_forecast.unknown IS NULL THEN published_forecast.weighted END,
         CASE WHEN u.is_modelled THEN 'model median' WHEN published_forecast.unknown IS NULL THEN 'category weights' END, r.reason
  FROM (SELECT CASE WHEN published_forecast.unknown IS NOT NULL THEN published_forecast.unknown
                    WHEN published_forecast.method = 'category_weights' THEN NULL
                    WHEN published_forecast.doubt IS NOT NULL THEN 'uncalibrated: ' || published_forecast.doubt
                    WHEN published_forecast.p50 IS NULL THEN 'amounts that are too large to be added up'
                    ELSE nullif(concat_ws('; ', CASE WHEN published_forecast.new_mean IS NULL THEN 'no past quarter to tell new business from' END,
                                          CASE WHEN published_forecast.p90 - published_forecast.p10 > published_forecast.p50
                                               THEN 'the range from P10 to P90 is wider than the median' END,
                                          CASE WHEN published_forecast.method IS NULL THEN published_forecast.objection END), '')
               END AS reason) r
  CROSS JOIN LATERAL (SELECT r.reason IS NULL AND published_forecast.method IS DISTINCT FROM 'category_weights' AS is_modelled) u;
END;
COMMENT ON FUNCTION salesops.published_forecast(text, text, text, text, numeric, numeric, float8, float8, float8) IS
  'What is published of a forecast by a method (as of forecast()): nothing where its amounts are unknown, which that argument says; else the model''s median, else the weighted total with the reason: the doubt of the model, no '
  'new business to tell it with (new_mean NULL), a range wider than the median, or, where nobody asked for the model, the objection of the backtest';

CREATE FUNCTION salesops.scope_forecasts(
  as_of timestamptz, known_at timestamptz DEFAULT NULL, only_scope text DEFAULT NULL, method text DEFAULT NULL,
  tree_as_of timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
  OUT period salesops.fiscal_period, OUT week_label text, OUT scope_kind text, OUT scope text, OUT label text, OUT level integer,
  OUT won_deals bigint, OUT open_deals bigint, OUT unknown_deals bigint, OUT actual numeric, OUT existing numeric, OUT new_business numeric,
  OUT expected numeric, OUT p10 float8, OUT p50 float8, OUT p90 float8, OUT quota numeric, OUT probability_at_least_quota float8,
  OUT published numeric, OUT forecast_method text, OUT naive numeric, OUT weighted numeric, OUT noise_floor float8, OUT reason text,
  OUT backtested_error numeric, OUT backtested_bias numeric, OUT total salesops.bookings_distribution,
  OUT pipeline salesops.bookings_distribution, OUT coming salesops.bookings_distribution)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH asked AS MATERIALIZED (
    SELECT h.period, h.label, h.months_to_go,
           f.doubt IS NULL AND f.model_id IS NOT NULL AND scope_forecasts.method IS DISTINCT FROM 'category_weights' AS is_modelled,
           CASE WHEN f.model_id IS NULL THEN 'no win model was fitted by then' ELSE f.doubt END AS doubt,
           CASE WHEN n.model_id <> f.model_id AND n.doubt IS NOT NULL
                THEN format('by the model of %s, for that of %s is doubted: %s', to_char(salesops.local_date(f.as_of), 'YYYY-MM-DD'),
                            to_char(salesops.local_date(n.as_of), 'YYYY-MM-DD'), n.doubt) END AS note,
           salesops.backtest_objection(scope_forecasts.as_of) AS objection
    FROM salesops.forecast_horizon(salesops.forecast_instant(scope_forecasts.as_of)) h
    LEFT JOIN salesops.current_win_model(scope_forecasts.as_of, scope_forecasts.known_at) f ON true
    LEFT JOIN salesops.newest_win_model(scope_forecasts.as_of, scope_forecasts.known_at) n ON true
  ), came AS MATERIALIZED (
    SELECT b.scope, b.amounts
    FROM salesops.scope_new_business(scope_forecasts.only_scope, scope_forecasts.as_of, scope_forecasts.known_at,
                                     scope_forecasts.tree_as_of, scope_forecasts.moves) b
    WHERE (SELECT a.is_modelled FROM asked a)
  ), whole AS MATERIALIZED (
    SELECT b.*, c.amounts, CASE WHEN a.is_modelled AND u.unknown IS NULL THEN b.pipeline END AS modelled, u.unknown
    FROM salesops.scope_books(scope_forecasts.only_scope, scope_forecasts.as_of, scope_forecasts.known_at,
                              scope_forecasts.tree_as_of, scope_forecasts.moves) b
    CROSS JOIN asked a
    LEFT JOIN came c ON c.scope = b.scope
    CROSS JOIN LATERAL (SELECT CASE WHEN b.unknown_deals > 0 AND b.unknown_deals = b.open_deals + b.won_deals
                                    THEN format('of none of its %s deals it is known what they bring', b.unknown_deals) END AS unknown) u
  ), foretold AS MATERIALIZED (
    SELECT w.scope, t.*, p.*
    FROM whole w
    CROSS JOIN asked a
    CROSS JOIN LATERAL salesops.forecast_bookings(w.actual, w.existing, w.modelled, w.amounts) t
    CROSS JOIN LATERAL salesops.published_forecast(scope_forecasts.method, w.unknown, a.doubt, a.objection, w.weighted, t.new_mean, t.p10, t.p50, t.p90) p
  ), proof AS MATERIALIZED (
    SELECT k.scope_kind, k.forecast_method, b.error, b.bias
    FROM (SELECT DISTINCT w.scope_kind, f.forecast_method FROM whole w JOIN foretold f ON f.scope = w.scope) k
    CROSS JOIN asked a
    CROSS JOIN LATERAL salesops.backtested_accuracy(CASE k.forecast_method WHEN 'model median' THEN 'model' ELSE 'category_weights' END,
                                                    k.scope_kind, a.months_to_go, scope_forecasts.as_of) b
  )
  SELECT a.period, a.label, w.scope_kind, w.scope, w.label, w.level, w.won_deals, w.open_deals, w.unknown_deals,
         w.actual, CASE WHEN a.is_modelled THEN w.existing ELSE w.weighted - w.actual END, f.new_mean,
         CASE WHEN a.is_modelled THEN f.mean ELSE w.weighted END, f.p10, f.p50, f.p90, w.quota, salesops.probability_at_least(f.total, w.quota),
         f.published, f.forecast_method, w.last_actual, w.weighted, salesops.noise_floor(w.modelled),
         nullif(concat_ws('; ', f.reason, CASE WHEN a.is_modelled THEN a.note END,
                          CASE WHEN p.error IS NULL THEN 'no backtest says how far off it was' END), ''),
         p.error, p.bias, f.total, w.modelled, f.coming
  FROM whole w
  CROSS JOIN asked a
  JOIN foretold f ON f.scope = w.scope
  LEFT JOIN proof p ON p.scope_kind = w.scope_kind AND p.forecast_method = f.forecast_method;
END;
COMMENT ON FUNCTION salesops.scope_forecasts(timestamptz, timestamptz, text, text, timestamptz, salesops.reporting_line[]) IS
  'The forecast of the running quarter for every scope of forecast_scopes(), or only_scope: its total with its three parts, P10, P50 and P90 (NULL without a '
  'model that may be believed), quota, what is published with method and reason, last quarter''s actual, weighted total, noise floor, error and '
  'bias in the backtest, and as distributions (NULL likewise) the total, the open deals (pipeline) and new business (coming); corporate currency. known_at (NULL = as_of) as in '
  'opportunity_state(); method, tree_as_of and moves as in forecast(). 22023 for an instant that is none or in the future';
