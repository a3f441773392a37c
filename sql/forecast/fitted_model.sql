-- Models that were fitted, with everything else that a forecast learns from the past, kept as it was learned: how often deals
-- are won, how much they hang together, what new business came in, what list prices are worth. A forecast takes all of it from
-- the newest model fitted as of its instant or before and the deals as they then stood, and nothing else: the same question
-- has the same answer next year.

CREATE TABLE salesops.fitted_model (
  model_id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of                 timestamptz NOT NULL,
  known_at              timestamptz NOT NULL,
  period                salesops.fiscal_period NOT NULL,
  model                 salesops.win_model NOT NULL,
  terms                 text[] NOT NULL,
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
  new_business_from     salesops.fiscal_period,
  new_business_quarters integer NOT NULL,
  corporate_currency    text NOT NULL,
  fitted_at             timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.fitted_model IS
  'Win models that were fitted, each with what it was fitted to; written by fit_win_model(), never changed';
COMMENT ON COLUMN salesops.fitted_model.model_id IS 'Identity of the model';
COMMENT ON COLUMN salesops.fitted_model.as_of IS 'Instant it was fitted for: nothing that happened later is in it';
COMMENT ON COLUMN salesops.fitted_model.known_at IS 'What was known by then was used';
COMMENT ON COLUMN salesops.fitted_model.period IS 'Fiscal quarter that it was fitted in; only earlier ones are learned from';
COMMENT ON COLUMN salesops.fitted_model.model IS 'The model: probability that an open deal is won by the end of the quarter';
COMMENT ON COLUMN salesops.fitted_model.terms IS 'What the probability depends on: factors and products of factors';
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
COMMENT ON COLUMN salesops.fitted_model.new_business_from IS 'First quarter that new business is told from; NULL = no history';
COMMENT ON COLUMN salesops.fitted_model.new_business_quarters IS 'How many quarters it is told from, at most four';
COMMENT ON COLUMN salesops.fitted_model.corporate_currency IS 'ISO code of the amounts of its new business, and of the classes of amounts';
COMMENT ON COLUMN salesops.fitted_model.fitted_at IS 'Wall clock time when it was fitted';
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
  'New business of past quarters as each model knows it: new_business_history() of its instant; written by fit_win_model(), never changed';
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
  'What list prices are worth as each model knows it: price_realization() of its instant; written by fit_win_model(), never changed';
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
                    FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(''Call salesops.fit_win_model() for a later instant.'')', relation);
    EXECUTE format('COMMENT ON TRIGGER append_only ON salesops.%I IS ''a forecast must stay recomputable from its model''', relation);
  END LOOP;
END $$;
