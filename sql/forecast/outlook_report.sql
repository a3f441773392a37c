-- The forecast as a page for people, and a deal's probability in words.

CREATE FUNCTION salesops.forecast_outlook(period salesops.fiscal_period, as_of timestamptz, scope text DEFAULT 'company',
                                          known_at timestamptz DEFAULT NULL,
                                          OUT line text, OUT deals text, OUT expected text, OUT p10 text, OUT p90 text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH line AS MATERIALIZED (
    SELECT row_number() OVER () AS "position", f.*
    FROM salesops.forecast(forecast_outlook.period, forecast_outlook.scope, forecast_outlook.as_of, NULL, forecast_outlook.known_at) f
  ), total AS MATERIALIZED (
    SELECT l.* FROM line l WHERE l.line = 'total'
  ), cell AS (
    SELECT 0 AS "position", t.label || ', ' || forecast_outlook.scope AS line, NULL AS deals, NULL AS expected, NULL AS low, NULL AS high FROM total t
    UNION ALL
    SELECT l."position", CASE l.line WHEN 'actuals' THEN 'Won so far' WHEN 'existing pipeline' THEN 'Of the deals open now'
                                     WHEN 'new business' THEN 'Of deals not open yet' ELSE 'Total' END,
           l.deals::text, coalesce(salesops.money_text(l.mean), '?'), salesops.money_text(l.p10), salesops.money_text(l.p90)
    FROM line l
    UNION ALL
    SELECT 10 + v."position", v.line, NULL, v.value, v.low, NULL
    FROM total t
    CROSS JOIN LATERAL (VALUES
      (1, 'Forecast (' || t.forecast_method || ')', salesops.money_text(t.published), NULL, true),
      (2, 'Quota', salesops.money_text(t.quota), NULL, t.quota IS NOT NULL),
      (3, 'Chance to make it', salesops.percent_text(t.probability_at_least_quota::numeric), NULL, t.probability_at_least_quota IS NOT NULL),
      (4, 'If it goes as badly as one time in ten', salesops.money_text(t.expected_shortfall), NULL, t.expected_shortfall IS NOT NULL),
      (5, 'Weighted total of the categories', salesops.money_text(t.category_weights), NULL, t.category_weights IS NOT NULL),
      (6, 'Quarter before', salesops.money_text(t.naive), NULL, t.naive IS NOT NULL),
      (7, 'Chance alone puts it off by', salesops.money_text(t.noise_floor), NULL, t.noise_floor IS NOT NULL),
      (8, 'This forecast was off by, so early', salesops.percent_text(t.backtested_error), NULL, t.backtested_error IS NOT NULL),
      (9, CASE WHEN t.backtested_bias < 0 THEN '... too low by' ELSE '... too high by' END, salesops.percent_text(abs(t.backtested_bias)), NULL,
       t.backtested_bias IS NOT NULL)
    ) AS v("position", line, value, low, is_shown)
    WHERE v.is_shown
    UNION ALL
    SELECT 30 + l."position", upper(left(l.reason, 1)) || substr(l.reason, 2), NULL, NULL, NULL, NULL
    FROM line l WHERE l.reason IS NOT NULL
    UNION ALL
    SELECT 40, upper(left(m.reason, 1)) || substr(m.reason, 2), NULL, NULL, NULL, NULL
    FROM total t CROSS JOIN LATERAL (SELECT salesops.model_shift_reason(forecast_outlook.as_of, forecast_outlook.known_at) AS reason) m
    WHERE t.p50 IS NOT NULL AND m.reason IS NOT NULL
  )
  SELECT c.line, lpad(coalesce(c.deals, ''), max(length(c.deals)) OVER ()), lpad(coalesce(c.expected, ''), max(length(c.expected)) OVER ()),
         lpad(coalesce(c.low, ''), coalesce(max(length(c.low)) OVER (), 0)), lpad(coalesce(c.high, ''), coalesce(max(length(c.high)) OVER (), 0))
  FROM cell c
  ORDER BY c."position";
END;
COMMENT ON FUNCTION salesops.forecast_outlook(salesops.fiscal_period, timestamptz, text, timestamptz) IS
  'forecast() as a page of text: what is won, expected of open deals and of new ones, and the total with the amounts that are missed and '
  'exceeded one time in ten; the published forecast, quota and chance, what to hold it against; last what the figures leave out, '
  'why the model''s median is not the forecast, if it is not, and model_shift_reason(). Numbers to the cent, ? = unknown';

CREATE FUNCTION salesops.explain_deal_probability(source_key text, id text, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                                  OUT factor text, OUT level text, OUT points numeric, OUT words text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 15
BEGIN ATOMIC
  SELECT e.factor, e.level, e.points, e.words
  FROM salesops.current_win_model(salesops.forecast_instant(explain_deal_probability.as_of), explain_deal_probability.known_at) m
  CROSS JOIN LATERAL salesops.win_deals(ARRAY[explain_deal_probability.as_of],
                                        coalesce(explain_deal_probability.known_at, explain_deal_probability.as_of), m.factors,
                                        ARRAY[ROW(explain_deal_probability.source_key, explain_deal_probability.id)::salesops.deal_key], m.fields) d
  CROSS JOIN LATERAL salesops.explain_win_probability(m.model, d.levels, salesops.paced_months(d.months_to_go, m.pace)) e
  WHERE m.doubt IS NULL;
END;
COMMENT ON FUNCTION salesops.explain_deal_probability(text, text, timestamptz, timestamptz) IS
  'What makes the probability of win_probabilities() of a deal open at an instant: first the average deal, then each factor with its '
  'percentage points, largest first, in words; they add up. No row for a deal that is not open then, or without a model that '
  'may be believed; 22023 for an instant that is none or in the future';
