-- The forecast: what a quarter will bring, for whom, and how sure that is.
--
--   actuals            won in the quarter so far
--   existing pipeline  what the deals that are open now will bring of their amounts by its end
--   new business       what deals will bring that are not open yet
--   total              the three together, as one distribution, against the quota and against what is simpler
--
-- Everything comes from the deals as of the instant and the models fitted by then, so the same question has the same answer
-- at any later time. What is published is the median of the model where that may be believed, else the weighted total of the
-- categories, with the reason: no model, a model of too little history, no history of new business, a range wider than
-- the median, which tells nobody anything, or a backtest in which the weighted total was closer.

CREATE TYPE salesops.forecast_line AS (
  line                       text,
  deals                      bigint,
  mean                       numeric,
  p10                        numeric,
  p50                        numeric,
  p90                        numeric,
  quota                      numeric,
  probability_at_least_quota float8,
  expected_shortfall         numeric,
  naive                      numeric,
  category_weights           numeric,
  noise_floor                numeric,
  backtested_error           numeric,
  backtested_bias            numeric,
  published                  numeric,
  forecast_method            text,
  label                      text,
  reason                     text
);
COMMENT ON TYPE salesops.forecast_line IS 'A line of forecast(); amounts in corporate currency. From quota on the columns are of the total alone';
COMMENT ON COLUMN salesops.forecast_line.line IS 'actuals, existing pipeline, new business, total';
COMMENT ON COLUMN salesops.forecast_line.deals IS 'Deals it is of; NULL = nobody knows them yet';
COMMENT ON COLUMN salesops.forecast_line.mean IS 'Expected amount; the three lines add up to the total, and owners to any scope';
COMMENT ON COLUMN salesops.forecast_line.p10 IS 'Amount that is missed one time in ten; it does not add up: bad luck of one is not that of all. NULL = no model that may be believed';
COMMENT ON COLUMN salesops.forecast_line.p50 IS 'Median: as likely missed as exceeded';
COMMENT ON COLUMN salesops.forecast_line.p90 IS 'Amount that is exceeded one time in ten';
COMMENT ON COLUMN salesops.forecast_line.quota IS 'Quota of the scope, team quotas left out; NULL = none';
COMMENT ON COLUMN salesops.forecast_line.probability_at_least_quota IS 'Probability that the quota is made';
COMMENT ON COLUMN salesops.forecast_line.expected_shortfall IS 'Mean of the worst tenth of all outcomes';
COMMENT ON COLUMN salesops.forecast_line.naive IS 'What somebody says who knows nothing: the actual of the quarter before; NULL = that is not over';
COMMENT ON COLUMN salesops.forecast_line.category_weights IS 'Weighted total of the categories: amount x weight of what is to close in the quarter, and what is won';
COMMENT ON COLUMN salesops.forecast_line.noise_floor IS 'Mean absolute error of the open deals that chance alone leaves: if every probability were true and deals independent';
COMMENT ON COLUMN salesops.forecast_line.backtested_error IS 'Mean absolute error of the published method at the last mark before (so many months to go or a little more), as a share of the actual, for scopes of the kind, from the last backtest() by then; NULL = there is none';
COMMENT ON COLUMN salesops.forecast_line.backtested_bias IS 'Its mean error as a share of the actual: over 0 it said too much';
COMMENT ON COLUMN salesops.forecast_line.published IS 'The forecast: the median of the model where it may be believed, else the weighted total, after the quarter the actual; NULL = no deal is known to bring anything';
COMMENT ON COLUMN salesops.forecast_line.forecast_method IS 'What is published: model median, category weights, actuals; NULL = nothing';
COMMENT ON COLUMN salesops.forecast_line.label IS 'Quarter and its week, such as Q4, week 8';
COMMENT ON COLUMN salesops.forecast_line.reason IS 'Why the model''s median is not published, or what a line leaves out; NULL = nothing to say';

CREATE FUNCTION salesops.forecast_methods(OUT method text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  VALUES ('model', 'The win model for the open deals, past quarters for new business'),
         ('category_weights', 'Amount times the weight of the category, of deals that are to close in the quarter');
END;
COMMENT ON FUNCTION salesops.forecast_methods() IS 'Methods of forecast()';

CREATE FUNCTION salesops.check_forecast_arguments(period salesops.fiscal_period, as_of timestamptz, method text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.check_quarter(period) IS NULL THEN
    RAISE EXCEPTION 'a forecast is for a fiscal quarter, not for NULL' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'SELECT salesops.current_quarter(now()) is the one that runs.';
  END IF;
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'a forecast is as of an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Take now(), or the last instant of a day: salesops.end_of_day(''2026-11-20'').';
  END IF;
  PERFORM salesops.check_forecast_instant(as_of);
  IF method IS NOT NULL AND NOT EXISTS (SELECT FROM salesops.forecast_methods() m WHERE m.method = check_forecast_arguments.method) THEN
    RAISE EXCEPTION 'unknown forecast method %', quote_literal(method) USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s, or NULL for the model where it may be believed.',
                    (SELECT string_agg(quote_literal(m.method), ', ' ORDER BY m.method DESC) FROM salesops.forecast_methods() m));
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_arguments(salesops.fiscal_period, timestamptz, text) IS
  'Raises 22023 unless the period is a quarter, as_of an instant that is not in the future and the method NULL or one of forecast_methods()';

CREATE FUNCTION salesops.forecast_of_other_quarter(period salesops.fiscal_period, scope text, as_of timestamptz, known_at timestamptz,
                                                   tree_as_of timestamptz, moves salesops.reporting_line[])
RETURNS SETOF salesops.forecast_line LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  running CONSTANT salesops.fiscal_period := salesops.period_after(as_of);
  is_over CONSTANT boolean := period OPERATOR(salesops.<) running;
  totals CONSTANT salesops.forecast_totals := salesops.scope_totals(period, scope, as_of, known_at, tree_as_of, moves);
  actual CONSTANT numeric := coalesce(salesops.amount(totals, 'Closed'), 0);
  weighted CONSTANT numeric := coalesce(salesops.weighted(totals, salesops.published_weights(as_of)), 0);
  row salesops.forecast_line;
BEGIN
  row.line := 'actuals';
  row.deals := salesops.deals(totals, 'Closed');
  row.mean := actual;
  RETURN NEXT row;

  row.line := 'existing pipeline';
  row.deals := CASE WHEN NOT is_over THEN (SELECT sum(salesops.deals(totals, c.category)) FROM salesops.forecast_categories() c WHERE c.is_open) END;
  row.mean := CASE WHEN NOT is_over THEN weighted - actual END;
  row.reason := CASE WHEN is_over THEN 'the quarter is over' END;
  RETURN NEXT row;

  row.line := 'new business';
  row.deals := NULL;
  row.mean := NULL;
  row.reason := CASE WHEN is_over THEN 'the quarter is over' ELSE 'not in the weighted total' END;
  RETURN NEXT row;

  row.line := 'total';
  row.deals := salesops.deals(totals, 'Closed')
               + CASE WHEN is_over THEN 0 ELSE (SELECT sum(salesops.deals(totals, c.category)) FROM salesops.forecast_categories() c WHERE c.is_open) END;
  row.mean := CASE WHEN is_over THEN actual ELSE weighted END;
  row.quota := salesops.scope_quota(period, scope, as_of, known_at, tree_as_of, moves);
  row.naive := CASE WHEN is_over THEN
    coalesce(salesops.amount(salesops.scope_totals(period OPERATOR(salesops.-) 1, scope, as_of, known_at, tree_as_of, moves), 'Closed'), 0) END;
  row.category_weights := CASE WHEN NOT is_over THEN weighted END;
  row.published := row.mean;
  row.forecast_method := CASE WHEN is_over THEN 'actuals' ELSE 'category weights' END;
  row.label := right(period::text, 2);
  row.reason := CASE WHEN is_over THEN 'the quarter is over' ELSE 'no model looks beyond the quarter that runs, ' || running END;
  RETURN NEXT row;
END $$;
COMMENT ON FUNCTION salesops.forecast_of_other_quarter(salesops.fiscal_period, text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The lines of forecast() for a quarter that is over (its actuals) or has not begun (its weighted total)';

CREATE FUNCTION salesops.forecast(period salesops.fiscal_period, scope text, as_of timestamptz, method text DEFAULT NULL,
                                  known_at timestamptz DEFAULT NULL, tree_as_of timestamptz DEFAULT NULL,
                                  moves salesops.reporting_line[] DEFAULT NULL)
RETURNS SETOF salesops.forecast_line LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f record;
  quantiles numeric[];
  is_modelled boolean;
  row salesops.forecast_line;
BEGIN
  PERFORM salesops.check_forecast_arguments(period, as_of, method);
  scope := salesops.find_scope(scope, coalesce(tree_as_of, as_of), greatest(known_at, tree_as_of), moves);
  IF period OPERATOR(salesops.<>) salesops.period_after(as_of) THEN
    RETURN QUERY SELECT * FROM salesops.forecast_of_other_quarter(period, scope, as_of, known_at, tree_as_of, moves);
    RETURN;
  END IF;
  SELECT * INTO f FROM salesops.scope_forecasts(as_of, known_at, scope, method, tree_as_of, moves);
  is_modelled := f.pipeline IS NOT NULL;

  row.line := 'actuals';
  row.deals := f.won_deals;
  row.mean := f.actual;
  IF is_modelled THEN
    row.p10 := row.mean;
    row.p50 := row.mean;
    row.p90 := row.mean;
  END IF;
  RETURN NEXT row;

  row.line := 'existing pipeline';
  row.deals := f.open_deals;
  row.mean := f.existing;
  quantiles := salesops.quantiles(f.pipeline, ARRAY[0.1, 0.5, 0.9]);
  row.p10 := quantiles[1];
  row.p50 := quantiles[2];
  row.p90 := quantiles[3];
  row.reason := CASE WHEN f.unknown_deals > 0 THEN
    format('%s deals are in no sum: no amount or rate, or nothing to weigh them by', f.unknown_deals) END;
  RETURN NEXT row;

  row.line := 'new business';
  row.deals := NULL;
  row.mean := f.new_business;
  quantiles := salesops.quantiles(f.coming, ARRAY[0.1, 0.5, 0.9]);
  row.p10 := quantiles[1];
  row.p50 := quantiles[2];
  row.p90 := quantiles[3];
  row.reason := CASE WHEN NOT is_modelled THEN 'not in the weighted total' WHEN f.new_business IS NULL THEN 'no past quarter to tell it from' END;
  RETURN NEXT row;

  row.line := 'total';
  row.deals := f.won_deals + f.open_deals;
  row.mean := f.expected;
  row.p10 := f.p10;
  row.p50 := f.p50;
  row.p90 := f.p90;
  row.quota := f.quota;
  row.probability_at_least_quota := f.probability_at_least_quota;
  row.expected_shortfall := salesops.expected_shortfall(f.total, 0.1);
  row.naive := f.naive;
  row.category_weights := f.weighted;
  row.noise_floor := f.noise_floor;
  row.backtested_error := f.backtested_error;
  row.backtested_bias := f.backtested_bias;
  row.published := f.published;
  row.forecast_method := f.forecast_method;
  row.label := f.week_label;
  row.reason := f.reason;
  RETURN NEXT row;
END $$;
COMMENT ON FUNCTION salesops.forecast(salesops.fiscal_period, text, timestamptz, text, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'What a fiscal quarter will bring a scope (company, or one of forecast_scopes()) as seen at an instant: actuals, existing pipeline, '
  'new business, total, with P10, P50 and P90; on the total the quota and what to hold the forecast against. method: category_weights, model '
  '(its median where it may be believed, whatever the backtest says), or NULL = what is published: that, but the weighted total, with the reason, '
  'where it may not or where the backtest found that closer. known_at as in opportunity_state(); tree_as_of = instant of the manager tree (as_of itself, or a later one for as-is), '
  'moves = proposed ones. 22023 for a period that is no quarter and an instant in the future, 42704 for an unknown scope';
