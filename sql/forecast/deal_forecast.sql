-- What each deal is expected to bring by the end of the running quarter.
--
-- An open deal brings its amount with the probability that the newest model gives it, whatever close date its owner has put
-- down: how far that is kept is what the model has learned. Where there is no model that may be believed, it brings its amount
-- with the weight of its category if it is to close in the quarter, which makes the weighted total of forecast_report(). A won
-- deal is booked in the quarter of its close date; those of the quarter before are kept too, for the naive forecast.
--
-- The functions of this file are plain queries without settings of their own: the planner sees through them, so that of some
-- deals only these are read.

CREATE TABLE salesops.current_deal_forecast (
  source_key        text NOT NULL,
  id                text NOT NULL,
  owner_id          text,
  part              text NOT NULL CHECK (part IN ('open', 'won', 'won last quarter')),
  category          salesops.forecast_category,
  close_date        date,
  amount_basis      text NOT NULL,
  corporate_amount  numeric,
  amount            numeric,
  model_probability float8,
  weight            numeric,
  probability       float8,
  method            text NOT NULL CHECK (method IN ('model', 'category weight', 'booked')),
  expected          numeric,
  weighted          numeric,
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.current_deal_forecast IS
  'What each deal brings by the end of the running quarter, as of current_forecast.as_of; written by refresh_current_forecast() and '
  'update_current_forecast()';
COMMENT ON COLUMN salesops.current_deal_forecast.source_key IS 'Source of the deal';
COMMENT ON COLUMN salesops.current_deal_forecast.id IS 'Its id there';
COMMENT ON COLUMN salesops.current_deal_forecast.owner_id IS 'Rep who owns it; NULL = none';
COMMENT ON COLUMN salesops.current_deal_forecast.part IS
  'open; won = with a close date in the running quarter; won last quarter = in the one before';
COMMENT ON COLUMN salesops.current_deal_forecast.category IS 'Forecast category';
COMMENT ON COLUMN salesops.current_deal_forecast.close_date IS 'Close date as stated';
COMMENT ON COLUMN salesops.current_deal_forecast.amount_basis IS 'stated, list price (an estimate) or unknown';
COMMENT ON COLUMN salesops.current_deal_forecast.corporate_amount IS
  'Amount in corporate currency, at list price where it is estimated; NULL = unknown, no rate, or beyond what can be added up';
COMMENT ON COLUMN salesops.current_deal_forecast.amount IS
  'What it brings if it is won: corporate_amount, list prices times what they are worth in its segment';
COMMENT ON COLUMN salesops.current_deal_forecast.model_probability IS
  'Probability of the model that it is won by the end of the quarter; NULL = no model that may be believed, or not open';
COMMENT ON COLUMN salesops.current_deal_forecast.weight IS 'Weight of its category; NULL = no category';
COMMENT ON COLUMN salesops.current_deal_forecast.probability IS
  'Probability that is used: of the model, else the weight if it is to close in the quarter and 0 if not; 1 for a won deal; NULL = unknown';
COMMENT ON COLUMN salesops.current_deal_forecast.method IS 'Where the probability is from: model, category weight, booked';
COMMENT ON COLUMN salesops.current_deal_forecast.expected IS 'amount x probability; NULL = unknown';
COMMENT ON COLUMN salesops.current_deal_forecast.weighted IS
  'Its part of the weighted total of the quarter: corporate_amount x weight if it is to close in it, in full if it is won in it; else NULL';
CREATE INDEX current_deal_forecast_owner ON salesops.current_deal_forecast (source_key, owner_id);
SELECT pg_catalog.pg_extension_config_dump('salesops.current_deal_forecast', '');

CREATE FUNCTION salesops.fitted_models(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.fitted_model LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT m.* FROM salesops.fitted_model m
  WHERE m.as_of <= fitted_models.as_of AND m.known_at <= coalesce(fitted_models.known_at, fitted_models.as_of)
    AND m.corporate_currency = salesops.get_setting('corporate_currency');
END;
COMMENT ON FUNCTION salesops.fitted_models(timestamptz, timestamptz) IS
  'Models that a forecast as of an instant may use: fitted as of it or before, from what was known by known_at (NULL = as_of), for the '
  'corporate currency of the setting';

CREATE FUNCTION salesops.current_win_model(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.fitted_model LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT m.* FROM salesops.fitted_models(current_win_model.as_of, current_win_model.known_at) m
  ORDER BY m.doubt IS NOT NULL, m.as_of DESC, m.model_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.current_win_model(timestamptz, timestamptz) IS
  'The model that a forecast as of an instant uses: the newest of fitted_models() that may be believed, or else the newest, whose doubt is '
  'then the reason why the forecast does without; no row = there is none';

CREATE FUNCTION salesops.newest_win_model(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.fitted_model LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT m.* FROM salesops.fitted_models(newest_win_model.as_of, newest_win_model.known_at) m
  ORDER BY m.as_of DESC, m.model_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.newest_win_model(timestamptz, timestamptz) IS
  'The newest of fitted_models(), believed or not; no row = there is none';

CREATE FUNCTION salesops.win_probabilities(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                           deals salesops.deal_key[] DEFAULT NULL,
                                           OUT source_key text, OUT id text, OUT owner_id text,
                                           OUT category salesops.forecast_category, OUT close_date date,
                                           OUT amount_basis text, OUT corporate_amount numeric, OUT amount numeric,
                                           OUT model_probability float8, OUT weight numeric, OUT probability float8,
                                           OUT method text, OUT is_in_quarter boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  WITH fitted AS MATERIALIZED (
    SELECT m.model_id, m.model, m.factors, m.fields, m.pace, m.doubt IS NULL AS is_believed
    FROM salesops.current_win_model(win_probabilities.as_of, win_probabilities.known_at) m
  ), asked AS MATERIALIZED (
    SELECT h.start_date, h.end_date, (SELECT f.model FROM fitted f WHERE f.is_believed) AS model,
           salesops.paced_months(salesops.months_to_go(win_probabilities.as_of, h.period), (SELECT f.pace FROM fitted f)) AS months_to_go
    FROM salesops.forecast_horizon(salesops.forecast_instant(win_probabilities.as_of)) h
  ), list_price AS MATERIALIZED (
    SELECT r.segment, r.ratio FROM salesops.fitted_price_realization r JOIN fitted f ON f.model_id = r.model_id
  ), category AS MATERIALIZED (
    SELECT c.rank, (salesops.published_weights(win_probabilities.as_of))[c."position"] AS weight
    FROM salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
  )
  SELECT d.source_key, d.id, d.owner_id, d.category, d.close_date, d.amount_basis, salesops.bookable_amount(d.corporate_amount),
         salesops.bookable_amount(d.corporate_amount
                                  * CASE d.amount_basis WHEN 'list price'
                                         THEN coalesce(s.ratio, (SELECT l.ratio FROM list_price l WHERE l.segment IS NULL), 1) ELSE 1 END),
         p.of_model, w.weight, coalesce(p.of_model, CASE WHEN q.is_in_quarter THEN w.weight::float8 ELSE 0 END),
         CASE WHEN p.of_model IS NOT NULL THEN 'model' ELSE 'category weight' END, q.is_in_quarter
  FROM asked a
  CROSS JOIN LATERAL salesops.win_deals(ARRAY[win_probabilities.as_of], coalesce(win_probabilities.known_at, win_probabilities.as_of),
                                        coalesce((SELECT f.factors FROM fitted f), '{}'), win_probabilities.deals,
                                        (SELECT f.fields FROM fitted f)) d
  LEFT JOIN list_price s ON s.segment = d.segment
  LEFT JOIN category w ON w.rank = d.category::smallint
  CROSS JOIN LATERAL (SELECT coalesce(d.close_date BETWEEN a.start_date AND a.end_date, false) AS is_in_quarter) q
  CROSS JOIN LATERAL (SELECT salesops.win_probability(a.model, d.levels, a.months_to_go) AS of_model) p;
END;
COMMENT ON FUNCTION salesops.win_probabilities(timestamptz, timestamptz, salesops.deal_key[]) IS
  'Every deal open at an instant with its probability to be won by the end of the running quarter: of current_win_model() where that '
  'may be believed, else (method: category weight, uncalibrated) the weight of its category if it is to close in the quarter and 0 if '
  'not, NULL without a category. amount = what it brings: an estimate at list price times what list prices are worth. Amounts that no '
  'forecast can add up (bookable_amount()) are NULL. deals: of these only, NULL = all. 22023 for an instant that is none or in the future';

CREATE FUNCTION salesops.deal_forecasts(as_of timestamptz, known_at timestamptz DEFAULT NULL, deals salesops.deal_key[] DEFAULT NULL)
RETURNS SETOF salesops.current_deal_forecast LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT p.source_key, p.id, p.owner_id, 'open', p.category, p.close_date, p.amount_basis, p.corporate_amount, p.amount,
         p.model_probability, p.weight, p.probability, p.method,
         p.amount * p.probability::numeric, CASE WHEN p.is_in_quarter THEN p.corporate_amount * p.weight END
  FROM salesops.win_probabilities(deal_forecasts.as_of, deal_forecasts.known_at, deal_forecasts.deals) p
  UNION ALL
  SELECT o.source_key, o.id, o.owner_id, CASE WHEN o.close_date >= h.start_date THEN 'won' ELSE 'won last quarter' END,
         o.category, o.close_date, o.amount_basis, o.amount, o.amount,
         NULL, NULL, 1, 'booked', o.amount, CASE WHEN o.close_date >= h.start_date THEN o.amount END
  FROM (SELECT s.source_key, s.id, s.owner_id, s.category, s.close_date, s.amount_basis, salesops.bookable_amount(s.corporate_amount) AS amount, s.status
        FROM salesops.opportunity_state(deal_forecasts.as_of, deal_forecasts.known_at) s
        WHERE deal_forecasts.deals IS NULL
        UNION ALL
        -- Each looked up by its key: OFFSET keeps the planner from reading all to find some.
        SELECT s.source_key, s.id, s.owner_id, s.category, s.close_date, s.amount_basis, salesops.bookable_amount(s.corporate_amount), s.status
        FROM (SELECT DISTINCT k.source_key, k.id FROM unnest(deal_forecasts.deals) k) k
        CROSS JOIN LATERAL (SELECT * FROM salesops.opportunity_state(deal_forecasts.as_of, deal_forecasts.known_at) o
                            WHERE o.source_key = k.source_key AND o.id = k.id OFFSET 0) s) o
  JOIN (SELECT f.start_date, f.end_date, salesops.start_date(f.period OPERATOR(salesops.-) 1, salesops.fiscal_year_start_month()) AS last_start_date
        FROM salesops.forecast_horizon(salesops.forecast_instant(deal_forecasts.as_of)) f) h ON o.close_date BETWEEN h.last_start_date AND h.end_date
  WHERE o.status = 'won';
END;
COMMENT ON FUNCTION salesops.deal_forecasts(timestamptz, timestamptz, salesops.deal_key[]) IS
  'The rows of current_deal_forecast for any instant: win_probabilities() of the open deals, and the deals won in the running quarter '
  'and the one before. Arguments as of win_probabilities()';
