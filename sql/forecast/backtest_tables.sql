-- What backtests found: for each run its arguments, every forecast it made beside what came, and the scores.
--
-- A run's arguments are all it depends on besides the data, so it can be computed again. Rows are written by backtest() and
-- never changed; purge_backtests() removes the forecasts of old runs. Amounts are in the corporate currency of the run, unrounded.

CREATE TABLE salesops.backtest_run (
  run_id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  methods                 text[] NOT NULL,
  from_period             salesops.fiscal_period NOT NULL,
  to_period               salesops.fiscal_period NOT NULL,
  months_to_go            numeric[] NOT NULL,
  as_of                   timestamptz NOT NULL,
  known_at                timestamptz NOT NULL,
  corporate_currency      text NOT NULL,
  fiscal_year_start_month integer NOT NULL,
  time_zone               text NOT NULL,
  weight_set              text NOT NULL,
  factors                 text[] NOT NULL,
  has_given_factors       boolean NOT NULL,
  kept_as_of              timestamptz,
  started_at              timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.backtest_run IS 'Backtests that were run, with their arguments; written by backtest(), never changed';
COMMENT ON COLUMN salesops.backtest_run.run_id IS 'Identity of the run';
COMMENT ON COLUMN salesops.backtest_run.methods IS 'Methods compared, of backtest_methods()';
COMMENT ON COLUMN salesops.backtest_run.from_period IS 'First fiscal quarter that was forecast';
COMMENT ON COLUMN salesops.backtest_run.to_period IS 'Last one';
COMMENT ON COLUMN salesops.backtest_run.months_to_go IS 'Marks of each quarter at which it was forecast, of backtest_marks(): months left, 3 = at its start, 0.5 = two weeks before its end';
COMMENT ON COLUMN salesops.backtest_run.as_of IS 'Instant as of which the outcomes were read';
COMMENT ON COLUMN salesops.backtest_run.known_at IS 'What we knew by then was used: for outcomes, and for states of a time before the first sync';
COMMENT ON COLUMN salesops.backtest_run.corporate_currency IS 'ISO code of the amounts';
COMMENT ON COLUMN salesops.backtest_run.fiscal_year_start_month IS 'First month of the fiscal year that its periods are of';
COMMENT ON COLUMN salesops.backtest_run.time_zone IS 'Zone in which the days of its marks ended';
COMMENT ON COLUMN salesops.backtest_run.weight_set IS 'Weight set of the method category_weights and of the priors of calibrated_weights';
COMMENT ON COLUMN salesops.backtest_run.factors IS 'Factors of the win model';
COMMENT ON COLUMN salesops.backtest_run.has_given_factors IS 'Whether somebody named them; else they are those of honest_win_factors()';
COMMENT ON COLUMN salesops.backtest_run.kept_as_of IS
  'Instant of the forecast that was kept when it was run: what it found counts for later ones only; NULL = none was kept';
COMMENT ON COLUMN salesops.backtest_run.started_at IS 'Wall clock time when it began';
SELECT pg_catalog.pg_extension_config_dump('salesops.backtest_run', '');
COMMENT ON SEQUENCE salesops.backtest_run_run_id_seq IS 'Numbers of backtests';
SELECT pg_catalog.pg_extension_config_dump('salesops.backtest_run_run_id_seq', '');

CREATE TABLE salesops.backtest_forecast (
  run_id              bigint NOT NULL REFERENCES salesops.backtest_run ON DELETE CASCADE,
  period              salesops.fiscal_period NOT NULL,
  months_to_go        numeric NOT NULL,
  mark                timestamptz NOT NULL,
  basis               text NOT NULL CHECK (basis IN ('stored', 'reconstructed')),
  scope_kind          text NOT NULL CHECK (scope_kind IN ('company', 'region', 'team', 'owner')),
  scope               text NOT NULL,
  method              text NOT NULL,
  deals               bigint NOT NULL,
  booked              numeric NOT NULL,
  existing            numeric,
  new_business        numeric,
  mean                numeric,
  p10                 numeric,
  p50                 numeric,
  p90                 numeric,
  noise_floor         numeric,
  naive               numeric NOT NULL,
  actual              numeric NOT NULL,
  actual_existing     numeric NOT NULL,
  actual_new_business numeric NOT NULL,
  reason              text CHECK ((reason IS NULL) = (mean IS NOT NULL)),
  PRIMARY KEY (run_id, period, months_to_go, scope, method)
);
COMMENT ON TABLE salesops.backtest_forecast IS
  'Forecasts of backtests beside what came, by quarter, mark, scope and method; written by backtest(), never changed';
COMMENT ON COLUMN salesops.backtest_forecast.run_id IS 'Run that made it';
COMMENT ON COLUMN salesops.backtest_forecast.period IS 'Fiscal quarter that was forecast';
COMMENT ON COLUMN salesops.backtest_forecast.months_to_go IS 'Months of it left at the mark: 3 = at its start; 0.5 = two weeks';
COMMENT ON COLUMN salesops.backtest_forecast.mark IS 'Instant of the forecast: the last one of the day before the months or weeks left';
COMMENT ON COLUMN salesops.backtest_forecast.basis IS
  'stored: from states as we had recorded them by the mark; reconstructed: some source was not synced yet, so from what was known later of that time';
COMMENT ON COLUMN salesops.backtest_forecast.scope_kind IS 'company, region, team (a manager and everybody below, tree as of the mark) or owner';
COMMENT ON COLUMN salesops.backtest_forecast.scope IS
  'company, region:<name>, team:<source>/<id of the manager>, owner:<source>/<id>, or owner:(no rep) for deals without an owner or of somebody who was no rep then';
COMMENT ON COLUMN salesops.backtest_forecast.method IS 'One of backtest_methods()';
COMMENT ON COLUMN salesops.backtest_forecast.deals IS 'Deals open at the mark';
COMMENT ON COLUMN salesops.backtest_forecast.booked IS 'Won in the quarter by the mark, as it then stood';
COMMENT ON COLUMN salesops.backtest_forecast.existing IS 'Expected in the quarter of the deals open at the mark; NULL = their amounts are not known of that time, see reason';
COMMENT ON COLUMN salesops.backtest_forecast.new_business IS 'Expected of deals that were not open at the mark: created or pulled in later; NULL = no past quarter to tell it from, or the method category_weights, which has none';
COMMENT ON COLUMN salesops.backtest_forecast.mean IS 'Expected bookings of the quarter: booked + existing + new_business; for naive the last quarter''s; NULL = there is no forecast to score, see reason';
COMMENT ON COLUMN salesops.backtest_forecast.p10 IS
  'Bookings that are missed with 10 % probability; NULL for methods other than model and naive, except for the company';
COMMENT ON COLUMN salesops.backtest_forecast.p50 IS 'Median';
COMMENT ON COLUMN salesops.backtest_forecast.p90 IS 'Bookings that are exceeded with 10 % probability; naive states no range, so its number stands for all three';
COMMENT ON COLUMN salesops.backtest_forecast.noise_floor IS
  'Mean absolute error that would be left of the open deals if the method''s probabilities were true and deals independent; NULL for methods other than model';
COMMENT ON COLUMN salesops.backtest_forecast.naive IS 'What was booked in the quarter before, by those who were in the scope at the mark';
COMMENT ON COLUMN salesops.backtest_forecast.actual IS 'Bookings of the quarter as known at the run''s as_of, of those who were in the scope at the mark';
COMMENT ON COLUMN salesops.backtest_forecast.actual_existing IS 'Of them from deals open at the mark';
COMMENT ON COLUMN salesops.backtest_forecast.actual_new_business IS 'Of them from deals neither open nor booked at the mark';
COMMENT ON COLUMN salesops.backtest_forecast.reason IS
  'Why there is no amount to score: the amounts of the deals open then are not known, so what is missing would count as an error; NULL = there is one';
SELECT pg_catalog.pg_extension_config_dump('salesops.backtest_forecast', '');

CREATE TABLE salesops.backtest_score (
  run_id            bigint NOT NULL REFERENCES salesops.backtest_run ON DELETE CASCADE,
  method            text NOT NULL,
  months_to_go      numeric,
  scope_kind        text NOT NULL CHECK (scope_kind IN ('company', 'region', 'team', 'owner')),
  forecasts         bigint NOT NULL,
  quarters          bigint NOT NULL,
  wmape             numeric,
  meets_target      boolean,
  is_alarm          boolean,
  wmape_naive       numeric,
  relative_to_naive numeric,
  noise_floor       numeric,
  mape              numeric,
  bias              numeric,
  pinball           numeric,
  within_range      bigint,
  coverage          float8,
  coverage_low      float8,
  coverage_high     float8,
  deals             bigint,
  wins              bigint,
  log_loss          float8,
  brier             float8,
  reliability       float8,
  resolution        float8,
  uncertainty       float8,
  within_bins       float8,
  UNIQUE NULLS NOT DISTINCT (run_id, method, months_to_go, scope_kind)
);
COMMENT ON TABLE salesops.backtest_score IS
  'Scores of a backtest by method, months to go and kind of scope; written by backtest(), never changed';
COMMENT ON COLUMN salesops.backtest_score.run_id IS 'Run that was scored';
COMMENT ON COLUMN salesops.backtest_score.method IS 'One of backtest_methods()';
COMMENT ON COLUMN salesops.backtest_score.months_to_go IS 'Months left of the quarter when it was forecast, 0.5 = two weeks; NULL = all marks together';
COMMENT ON COLUMN salesops.backtest_score.scope_kind IS 'company, region, team or owner';
COMMENT ON COLUMN salesops.backtest_score.forecasts IS 'Forecasts scored: quarters x marks x scopes, without those that have a reason not to';
COMMENT ON COLUMN salesops.backtest_score.quarters IS 'Fiscal quarters that they are of';
COMMENT ON COLUMN salesops.backtest_score.wmape IS 'Error: sum of |mean - actual| / sum of |actual|; accuracy is 1 less it; NULL where nothing was booked';
COMMENT ON COLUMN salesops.backtest_score.meets_target IS 'Whether wmape is at most 10 %, the target for the forecast after the first month (months_to_go 2); read it beside noise_floor; NULL at other marks';
COMMENT ON COLUMN salesops.backtest_score.is_alarm IS 'Whether accuracy is under 70 %: wmape is over 30 %';
COMMENT ON COLUMN salesops.backtest_score.wmape_naive IS 'The same for stating the last quarter''s bookings';
COMMENT ON COLUMN salesops.backtest_score.relative_to_naive IS 'wmape / wmape_naive: under 1 is better than naive';
COMMENT ON COLUMN salesops.backtest_score.noise_floor IS 'Sum of noise_floor / sum of |actual|: the wmape of the open deals if the probabilities were true';
COMMENT ON COLUMN salesops.backtest_score.mape IS 'Mean of |mean - actual| / |actual| over the forecasts with bookings';
COMMENT ON COLUMN salesops.backtest_score.bias IS 'Sum of (mean - actual) / sum of |actual|: over 0 is too high';
COMMENT ON COLUMN salesops.backtest_score.pinball IS 'Sum of pinball_loss(actual, p10, p50, p90) / sum of |actual|; NULL where the method states no ranges';
COMMENT ON COLUMN salesops.backtest_score.within_range IS 'Forecasts whose actual was from p10 to p90; here and in the next three NULL where the method states no ranges';
COMMENT ON COLUMN salesops.backtest_score.coverage IS 'within_range / forecasts; 0.8 is wanted';
COMMENT ON COLUMN salesops.backtest_score.coverage_low IS
  'Lower bound of coverage, Wilson''s 90 % interval as if forecasts were independent; the marks of a quarter are not';
COMMENT ON COLUMN salesops.backtest_score.coverage_high IS 'Upper bound';
COMMENT ON COLUMN salesops.backtest_score.deals IS 'Deals scored, one a mark at which it was open; here and below NULL except for the company, and for methods that state no probability';
COMMENT ON COLUMN salesops.backtest_score.wins IS 'Of them won in the quarter';
COMMENT ON COLUMN salesops.backtest_score.log_loss IS 'log_loss() of their probabilities';
COMMENT ON COLUMN salesops.backtest_score.brier IS 'Brier score = reliability - resolution + uncertainty + within_bins';
COMMENT ON COLUMN salesops.backtest_score.reliability IS 'See probability_scores';
COMMENT ON COLUMN salesops.backtest_score.resolution IS 'See probability_scores';
COMMENT ON COLUMN salesops.backtest_score.uncertainty IS 'See probability_scores';
COMMENT ON COLUMN salesops.backtest_score.within_bins IS 'See probability_scores';
SELECT pg_catalog.pg_extension_config_dump('salesops.backtest_score', '');

CREATE TABLE salesops.backtest_calibration (
  run_id           bigint NOT NULL REFERENCES salesops.backtest_run ON DELETE CASCADE,
  method           text NOT NULL,
  months_to_go     numeric,
  low              float8 NOT NULL,
  high             float8 NOT NULL,
  deals            bigint NOT NULL,
  wins             bigint NOT NULL,
  mean_probability float8 NOT NULL,
  share_won        float8 NOT NULL,
  share_low        float8 NOT NULL,
  share_high       float8 NOT NULL,
  UNIQUE NULLS NOT DISTINCT (run_id, method, months_to_go, low)
);
COMMENT ON TABLE salesops.backtest_calibration IS
  'Calibration tables of backtests: deals by their stated probability, and the share won; written by backtest(), never changed';
COMMENT ON COLUMN salesops.backtest_calibration.run_id IS 'Run that was scored';
COMMENT ON COLUMN salesops.backtest_calibration.method IS 'One of backtest_methods() that states probabilities';
COMMENT ON COLUMN salesops.backtest_calibration.months_to_go IS 'Months left of the quarter, 0.5 = two weeks; NULL = all marks together';
COMMENT ON COLUMN salesops.backtest_calibration.low IS 'Lower bound of the probability, inclusive';
COMMENT ON COLUMN salesops.backtest_calibration.high IS 'Upper bound, exclusive; 1 is in the last bin';
COMMENT ON COLUMN salesops.backtest_calibration.deals IS 'Deals in the bin, one a mark at which it was open';
COMMENT ON COLUMN salesops.backtest_calibration.wins IS 'Of them won in the quarter';
COMMENT ON COLUMN salesops.backtest_calibration.mean_probability IS 'Mean of their probabilities';
COMMENT ON COLUMN salesops.backtest_calibration.share_won IS 'wins / deals';
COMMENT ON COLUMN salesops.backtest_calibration.share_low IS 'Lower bound of share_won, Wilson''s 90 % interval';
COMMENT ON COLUMN salesops.backtest_calibration.share_high IS 'Upper bound';
SELECT pg_catalog.pg_extension_config_dump('salesops.backtest_calibration', '');

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['backtest_run', 'backtest_forecast', 'backtest_score', 'backtest_calibration'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON salesops.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
                      ''Run salesops.backtest() again; salesops.purge_backtests() removes the forecasts of old runs.'')', relation);
    EXECUTE format('COMMENT ON TRIGGER append_only ON salesops.%I IS ''what a backtest found must stay what it was''', relation);
  END LOOP;
END $$;
