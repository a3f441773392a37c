-- Models that were fitted, with everything else that a forecast learns from the past, kept as it was learned: how often deals
-- are won and when in a month, how much they hang together, what new business came in, what list prices are worth. A forecast takes all of it from
-- the newest model fitted as of its instant or before and the deals as they then stood, and nothing else: the same question
-- has the same answer next year.

CREATE TABLE salesops.fitted_model (
  model_id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of                 timestamptz NOT NULL,
  known_at              timestamptz NOT NULL,
  period                salesops.fiscal_period NOT NULL,
  model                 salesops.win_model NOT NULL,
  doubt                 text,
  factors               text[] NOT NULL,
  fields                text[] NOT NULL,
  left_out              jsonb NOT NULL,
  first_mark            date,
  last_mark             date,
  marks                 integer NOT NULL,
  deals                 bigint NOT NULL,
  rows                  bigint NOT NULL,
  wins                  bigint NOT NULL,
  reconstructed_share   numeric,
  correlation           float8 NOT NULL,
  correlation_quarters  integer NOT NULL,
  pace                  float8[] NOT NULL,
  new_business_from     salesops.fiscal_period,
  new_business_quarters integer NOT NULL,
  corporate_currency    text NOT NULL,
  fitted_at             timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.fitted_model IS
  'Win models that were fitted, each with what it was fitted to; written by fit_forecast(), never changed';
COMMENT ON COLUMN salesops.fitted_model.model_id IS 'Identity of the model';
COMMENT ON COLUMN salesops.fitted_model.as_of IS 'Instant it was fitted for: nothing that happened later is in it';
COMMENT ON COLUMN salesops.fitted_model.known_at IS 'What was known by then was used';
COMMENT ON COLUMN salesops.fitted_model.period IS 'Fiscal quarter that it was fitted in; only earlier ones are learned from';
COMMENT ON COLUMN salesops.fitted_model.model IS 'The model: probability that an open deal is won by the end of the quarter';
COMMENT ON COLUMN salesops.fitted_model.doubt IS 'Why it must not be believed; NULL = it may';
COMMENT ON COLUMN salesops.fitted_model.factors IS 'What the probability depends on, in the order of a deal''s levels';
COMMENT ON COLUMN salesops.fitted_model.fields IS 'Custom field that each factor was and is read from, whatever is chosen later; NULL = what the standard factor is read from';
COMMENT ON COLUMN salesops.fitted_model.left_out IS 'Factors left out, each with the reason: what they say is known only when the outcome is';
COMMENT ON COLUMN salesops.fitted_model.first_mark IS 'First month end whose open deals it learned from; NULL = there was none';
COMMENT ON COLUMN salesops.fitted_model.last_mark IS 'Last one';
COMMENT ON COLUMN salesops.fitted_model.marks IS 'How many month ends';
COMMENT ON COLUMN salesops.fitted_model.deals IS 'Deals it learned from';
COMMENT ON COLUMN salesops.fitted_model.rows IS 'Of them one a month end at which it was open';
COMMENT ON COLUMN salesops.fitted_model.wins IS 'Rows whose deal was won by the end of its quarter';
COMMENT ON COLUMN salesops.fitted_model.reconstructed_share IS
  'Share of the rows whose state nobody had recorded at the time: from creation and close dates; NULL = no rows';
COMMENT ON COLUMN salesops.fitted_model.correlation IS 'How much deals are won and lost together: correlation of their common factor';
COMMENT ON COLUMN salesops.fitted_model.correlation_quarters IS 'Past quarters that it was estimated from; 0 = it is assumed';
COMMENT ON COLUMN salesops.fitted_model.pace IS 'How a month''s wins spread over its days: booking_pace() of the last quarters';
COMMENT ON COLUMN salesops.fitted_model.new_business_from IS 'First quarter that new business is told from; NULL = no history';
COMMENT ON COLUMN salesops.fitted_model.new_business_quarters IS 'How many quarters it is told from, at most four';
COMMENT ON COLUMN salesops.fitted_model.corporate_currency IS 'ISO code of the amounts of its new business, and of the classes of amounts';
COMMENT ON COLUMN salesops.fitted_model.fitted_at IS 'Wall clock time when it was fitted';
COMMENT ON SEQUENCE salesops.fitted_model_model_id_seq IS 'Identities of fitted models';
CREATE INDEX fitted_model_as_of ON salesops.fitted_model (as_of, model_id);
SELECT pg_catalog.pg_extension_config_dump('salesops.fitted_model', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.fitted_model_model_id_seq', '');

CREATE TABLE salesops.fitted_new_business (
  model_id     bigint NOT NULL REFERENCES salesops.fitted_model,
  period       salesops.fiscal_period NOT NULL,
  months_to_go integer NOT NULL CHECK (months_to_go BETWEEN 1 AND 3),
  source_key   text NOT NULL,
  owner_id     text,
  deals        bigint NOT NULL,
  amount       numeric NOT NULL,
  UNIQUE NULLS NOT DISTINCT (model_id, period, months_to_go, source_key, owner_id)
);
COMMENT ON TABLE salesops.fitted_new_business IS
  'New business of past quarters as each model knows it: new_business_history() of its instant; written by fit_forecast(), never changed';
COMMENT ON COLUMN salesops.fitted_new_business.model_id IS 'Model it is kept with';
COMMENT ON COLUMN salesops.fitted_new_business.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.fitted_new_business.months_to_go IS 'Months of it that were left';
COMMENT ON COLUMN salesops.fitted_new_business.source_key IS 'Source of the owner';
COMMENT ON COLUMN salesops.fitted_new_business.owner_id IS 'Who won it; NULL = nobody is named';
COMMENT ON COLUMN salesops.fitted_new_business.deals IS 'Deals won by the end of the quarter that were not open with so many months left';
COMMENT ON COLUMN salesops.fitted_new_business.amount IS 'Their amount in corporate currency, as far as it is known';
SELECT pg_catalog.pg_extension_config_dump('salesops.fitted_new_business', '');

CREATE TABLE salesops.fitted_price_realization (
  model_id bigint NOT NULL REFERENCES salesops.fitted_model,
  segment  text,
  deals    bigint NOT NULL,
  ratio    numeric NOT NULL,
  UNIQUE NULLS NOT DISTINCT (model_id, segment)
);
COMMENT ON TABLE salesops.fitted_price_realization IS
  'What list prices are worth as each model knows it: price_realization() of its instant; written by fit_forecast(), never changed';
COMMENT ON COLUMN salesops.fitted_price_realization.model_id IS 'Model it is kept with';
COMMENT ON COLUMN salesops.fitted_price_realization.segment IS 'Segment of the account; NULL = all, for segments without a row too';
COMMENT ON COLUMN salesops.fitted_price_realization.deals IS 'Won deals it was learned from';
COMMENT ON COLUMN salesops.fitted_price_realization.ratio IS 'Won amount as a share of list price';
SELECT pg_catalog.pg_extension_config_dump('salesops.fitted_price_realization', '');

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['fitted_model', 'fitted_new_business', 'fitted_price_realization'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(''Call salesops.fit_forecast() for a later instant.'')', relation);
    EXECUTE format('COMMENT ON TRIGGER append_only ON salesops.%I IS ''a forecast must stay recomputable from its model''', relation);
  END LOOP;
END $$;

CREATE FUNCTION salesops.fit_forecast(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  known CONSTANT timestamptz := coalesce(known_at, as_of);
  horizon record;
  factors text[];
  fields text[];
  left_out jsonb;
  learned record;
  common record;
  model_id bigint;
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  -- Nobody keeps a forecast or fits another model meanwhile.
  LOCK TABLE salesops.current_forecast IN SHARE ROW EXCLUSIVE MODE;
  model_id := (SELECT max(m.model_id) FROM salesops.fitted_model m
               WHERE m.as_of = fit_forecast.as_of AND m.known_at = known AND m.corporate_currency = salesops.get_setting('corporate_currency'));
  IF model_id IS NOT NULL THEN
    RETURN model_id;
  END IF;
  PERFORM salesops.check_fit(as_of);
  SELECT * INTO horizon FROM salesops.forecast_horizon(as_of);
  left_out := (SELECT coalesce(jsonb_object_agg(f.name, l.reason ORDER BY f.name COLLATE "C", l.source_key COLLATE "C", l.field COLLATE "C"), '{}')
               FROM salesops.leaking_fields(as_of, known) l CROSS JOIN LATERAL unnest(l.factors) AS f(name));
  factors := ARRAY(SELECT f.name FROM unnest(salesops.win_factors(as_of)) WITH ORDINALITY AS f(name, place)
                   WHERE NOT left_out ? f.name ORDER BY f.place);
  fields := salesops.win_fields(factors, as_of);

  PERFORM salesops.drop_temporary('salesops_training');
  CREATE TEMP TABLE salesops_training ON COMMIT DROP AS
  SELECT d.mark, d.source_key, d.id, d.period, d.months_to_go, salesops.bookable_amount(d.corporate_amount) AS corporate_amount,
         NOT d.is_amount_known AND d.corporate_amount IS NULL AS is_amount_missing, d.is_reconstructed, d.levels, d.won
  FROM salesops.training_deals(
    -- The quarters before those foretold too; the last instant before a quarter is its first mark.
    salesops.start_date(horizon.period OPERATOR(salesops.-) (salesops.quarters_to_learn_from() + salesops.quarters_to_foretell()),
                        salesops.fiscal_year_start_month()) - 1,
    horizon.start_date, known, factors, fields) d;
  ANALYZE pg_temp.salesops_training;
  PERFORM salesops.begin_learning();
  SELECT count(*) AS rows, count(*) FILTER (WHERE t.won) AS wins,
         count(DISTINCT (t.source_key, t.id)) AS deals, count(DISTINCT t.mark)::integer AS marks,
         salesops.local_date(min(t.mark)) AS first_mark, salesops.local_date(max(t.mark)) AS last_mark,
         avg(t.is_reconstructed::integer) AS reconstructed_share
  INTO learned
  FROM pg_temp.salesops_training t
  WHERE t.period OPERATOR(salesops.>=) (horizon.period OPERATOR(salesops.-) salesops.quarters_to_learn_from());
  SELECT * INTO common FROM salesops.past_correlation(horizon.period, factors);

  INSERT INTO salesops.fitted_model (as_of, known_at, period, model, doubt, factors, fields, left_out, first_mark, last_mark, marks, deals, rows, wins,
                                     reconstructed_share, correlation, correlation_quarters, pace, new_business_from, new_business_quarters,
                                     corporate_currency)
  SELECT as_of, known, horizon.period, salesops.model_before(horizon.period, factors), salesops.model_doubt_before(horizon.period, factors),
         factors, fields, left_out, learned.first_mark, learned.last_mark,
         learned.marks, learned.deals, learned.rows, learned.wins, learned.reconstructed_share,
         salesops.shrunk_correlation(common.estimate, common.quarters), common.quarters, salesops.past_pace(as_of, known),
         (SELECT salesops.min(q.period) FROM salesops.new_business_quarters(as_of, known) q),
         (SELECT count(*) FROM salesops.new_business_quarters(as_of, known)), salesops.get_setting('corporate_currency')
  RETURNING fitted_model.model_id INTO model_id;

  INSERT INTO salesops.fitted_new_business (model_id, period, months_to_go, source_key, owner_id, deals, amount)
  SELECT model_id, h.period, h.months_to_go, h.source_key, h.owner_id, h.deals, coalesce(h.amount, 0)
  FROM salesops.new_business_history(as_of, known) h;
  INSERT INTO salesops.fitted_price_realization (model_id, segment, deals, ratio)
  SELECT model_id, r.segment, r.deals, r.ratio FROM salesops.price_realization(as_of, known) r;
  RETURN model_id;
END $$;
COMMENT ON FUNCTION salesops.fit_forecast(timestamptz, timestamptz) IS
  'Fit the win model for an instant, from the quarters of five years that had ended by then as known by known_at (NULL = as_of), and '
  'keep it with the correlation of deals, their pace, what new business came in and what list prices are worth; returns its model_id, which is '
  'that of the model there is when asked again for the same instant. Factors '
  'that leaking_fields() names are left out. 22023 for an instant that is none or in the future, and where check_fit() finds that forecasts '
  'were made that it would change';
