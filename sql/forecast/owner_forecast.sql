-- What the deals of each owner bring together. Everything a scope needs is a sum over its owners: counts and amounts are
-- exact, and bookings_distribution adds up exactly too, so a hierarchy of any kind is rolled up from these rows.

CREATE TABLE salesops.current_forecast (
  is_the_only_row         boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
  as_of                   timestamptz NOT NULL,
  known_at                timestamptz NOT NULL,
  period                  salesops.fiscal_period NOT NULL,
  model_id                bigint,
  corporate_currency      text NOT NULL,
  fiscal_year_start_month integer NOT NULL,
  time_zone               text NOT NULL,
  weights                 numeric[] NOT NULL,
  meanings                text NOT NULL
);
COMMENT ON TABLE salesops.current_forecast IS
  'What current_deal_forecast and current_owner_forecast are of; one row, or none before the first refresh_current_forecast()';
COMMENT ON COLUMN salesops.current_forecast.is_the_only_row IS 'true';
COMMENT ON COLUMN salesops.current_forecast.as_of IS 'Instant of the forecast';
COMMENT ON COLUMN salesops.current_forecast.known_at IS 'What was known by then was used';
COMMENT ON COLUMN salesops.current_forecast.period IS 'Fiscal quarter that runs then';
COMMENT ON COLUMN salesops.current_forecast.model_id IS 'Model it uses; NULL = there was none';
COMMENT ON COLUMN salesops.current_forecast.corporate_currency IS 'ISO code of the amounts';
COMMENT ON COLUMN salesops.current_forecast.fiscal_year_start_month IS 'First month of the fiscal year';
COMMENT ON COLUMN salesops.current_forecast.time_zone IS 'Zone of its days';
COMMENT ON COLUMN salesops.current_forecast.weights IS 'Category weights in rank order';
COMMENT ON COLUMN salesops.current_forecast.meanings IS 'meaning_digest() of its instant';
SELECT pg_catalog.pg_extension_config_dump('salesops.current_forecast', '');

CREATE TABLE salesops.current_owner_forecast (
  source_key    text NOT NULL,
  owner_id      text,
  open_deals    bigint NOT NULL,
  won_deals     bigint NOT NULL,
  unknown_deals bigint NOT NULL,
  actual        numeric NOT NULL,
  last_actual   numeric NOT NULL,
  existing      numeric NOT NULL,
  weighted      numeric NOT NULL,
  pipeline      salesops.bookings_distribution NOT NULL,
  UNIQUE NULLS NOT DISTINCT (source_key, owner_id)
);
COMMENT ON TABLE salesops.current_owner_forecast IS
  'What the deals of each owner bring by the end of the running quarter, as of current_forecast.as_of; written by '
  'refresh_current_forecast() and update_current_forecast()';
COMMENT ON COLUMN salesops.current_owner_forecast.source_key IS 'Source of the owner';
COMMENT ON COLUMN salesops.current_owner_forecast.owner_id IS 'Rep; NULL = the deals have no owner';
COMMENT ON COLUMN salesops.current_owner_forecast.open_deals IS 'Deals open';
COMMENT ON COLUMN salesops.current_owner_forecast.won_deals IS 'Deals won in the quarter';
COMMENT ON COLUMN salesops.current_owner_forecast.unknown_deals IS
  'Of both those that are in no sum: no amount that can be added up, no rate for its currency, or neither model nor category to weigh it by';
COMMENT ON COLUMN salesops.current_owner_forecast.actual IS 'Won in the quarter, corporate currency';
COMMENT ON COLUMN salesops.current_owner_forecast.last_actual IS 'Won in the quarter before';
COMMENT ON COLUMN salesops.current_owner_forecast.existing IS 'Expected of the open deals: sum of amount x probability';
COMMENT ON COLUMN salesops.current_owner_forecast.weighted IS 'Weighted total of the quarter: won, and amount x category weight of what is to close in it';
COMMENT ON COLUMN salesops.current_owner_forecast.pipeline IS 'Distribution of what the open deals bring';
SELECT pg_catalog.pg_extension_config_dump('salesops.current_owner_forecast', '');

CREATE FUNCTION salesops.owner_book(deals salesops.current_deal_forecast[], correlation float8,
                                    OUT open_deals bigint, OUT won_deals bigint, OUT unknown_deals bigint, OUT actual numeric,
                                    OUT last_actual numeric, OUT existing numeric, OUT weighted numeric,
                                    OUT pipeline salesops.bookings_distribution)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT count(*) FILTER (WHERE d.part = 'open'), count(*) FILTER (WHERE d.part = 'won'),
         count(*) FILTER (WHERE d.part <> 'won last quarter' AND d.expected IS NULL),
         coalesce(sum(d.amount) FILTER (WHERE d.part = 'won'), 0),
         coalesce(sum(d.amount) FILTER (WHERE d.part = 'won last quarter'), 0),
         coalesce(sum(d.expected) FILTER (WHERE d.part = 'open'), 0), coalesce(sum(d.weighted), 0),
         coalesce(salesops.bookings(d.amount, d.probability, owner_book.correlation) FILTER (WHERE d.part = 'open'),
                  salesops.uncertain_bookings(0, 0, owner_book.correlation))
  FROM unnest(owner_book.deals) d;
END;
COMMENT ON FUNCTION salesops.owner_book(salesops.current_deal_forecast[], float8) IS
  'What some deals bring together, columns as of current_owner_forecast, the open ones tied by a common factor of that correlation';

-- Maps may be changed for a time that has been, and a source be connected otherwise: that they say the same is seen by comparing it.
CREATE FUNCTION salesops.meaning_digest(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT encode(sha256(convert_to(concat_ws(E'\n\n',
    (SELECT string_agg(ROW(m.source_key, m.pipeline, m.stage, m.label, m.status, m.category, m."position")::text, E'\n'
                       ORDER BY m.source_key COLLATE "C", m.pipeline COLLATE "C", m.stage COLLATE "C")
     FROM salesops.stage_meaning(meaning_digest.as_of) m),
    (SELECT string_agg(ROW(m.source_key, m.label, m.category)::text, E'\n' ORDER BY m.source_key COLLATE "C", m.label COLLATE "C")
     FROM salesops.category_meaning(meaning_digest.as_of) m),
    (SELECT string_agg(ROW(m.source_key, m.field, m.label, m.value)::text, E'\n' ORDER BY m.source_key COLLATE "C", m.field COLLATE "C", m.label COLLATE "C")
     FROM salesops.value_meaning(meaning_digest.as_of) m),
    (SELECT string_agg(ROW(m.source_key, m.label, m.product_id, m.list_price, m.currency)::text, E'\n' ORDER BY m.source_key COLLATE "C", m.label COLLATE "C")
     FROM salesops.product_meaning(meaning_digest.as_of) m),
    (SELECT string_agg(ROW(s.source_key, s.options)::text, E'\n' ORDER BY s.source_key COLLATE "C") FROM salesops.source s)), 'UTF8')), 'hex');
END;
COMMENT ON FUNCTION salesops.meaning_digest(timestamptz) IS
  'One text for what stages, categories, values and products mean at an instant and what the sources'' options say: another where one of them differs';

CREATE FUNCTION salesops.is_current_forecast(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM salesops.current_forecast c
    WHERE c.as_of = is_current_forecast.as_of AND c.known_at = coalesce(is_current_forecast.known_at, is_current_forecast.as_of)
      AND coalesce(c.model_id, 0) = coalesce((SELECT m.model_id FROM salesops.current_win_model(is_current_forecast.as_of, is_current_forecast.known_at) m), 0)
      AND c.corporate_currency = salesops.get_setting('corporate_currency') AND c.time_zone = salesops.time_zone()
      AND c.fiscal_year_start_month = salesops.fiscal_year_start_month() AND c.weights = salesops.published_weights(is_current_forecast.as_of)
      AND c.meanings = salesops.meaning_digest(is_current_forecast.as_of));
END;
COMMENT ON FUNCTION salesops.is_current_forecast(timestamptz, timestamptz) IS
  'Whether the stored current forecast is that of an instant: made for it, by the model, the settings and the maps that hold now';

CREATE FUNCTION salesops.forecast_correlation(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS float8 LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce((SELECT m.correlation FROM salesops.current_win_model(forecast_correlation.as_of, forecast_correlation.known_at) m),
                  salesops.shrunk_correlation(NULL, 0));
END;
COMMENT ON FUNCTION salesops.forecast_correlation(timestamptz, timestamptz) IS
  'Correlation of the common factor that a forecast as of an instant uses: of current_win_model(), 0.02 without one';

CREATE FUNCTION salesops.owner_forecasts(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.current_owner_forecast LANGUAGE sql STABLE PARALLEL SAFE
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH stored AS MATERIALIZED (
    SELECT salesops.is_current_forecast(owner_forecasts.as_of, owner_forecasts.known_at) AS is_stored,
           salesops.forecast_correlation(owner_forecasts.as_of, owner_forecasts.known_at) AS correlation
  )
  SELECT o.* FROM salesops.current_owner_forecast o WHERE (SELECT s.is_stored FROM stored s)
  UNION ALL
  SELECT d.source_key, d.owner_id, b.*
  FROM (SELECT f.source_key, f.owner_id, array_agg(f) AS deals
        FROM salesops.deal_forecasts(owner_forecasts.as_of, owner_forecasts.known_at) f
        WHERE NOT (SELECT s.is_stored FROM stored s)
        GROUP BY f.source_key, f.owner_id) d
  CROSS JOIN LATERAL salesops.owner_book(d.deals, (SELECT s.correlation FROM stored s)) b;
END;
COMMENT ON FUNCTION salesops.owner_forecasts(timestamptz, timestamptz) IS
  'The rows of current_owner_forecast for any instant: those stored if they are of it, else computed from deal_forecasts(); the '
  'same bytes either way';
