-- The forecast: what a quarter will bring, for whom, and how sure that is.
--
--   actuals            won in the quarter so far
--   existing pipeline  what the deals that are open now will bring of their amounts by its end
--   new business       what deals will bring that are not open yet
--   total              the three together, as one distribution, against the quota and against what is simpler
--
-- Everything comes from the deals as of the instant and the newest model fitted by then, so the same question has the same answer
-- at any later time. What is published is the median of the model where that may be believed, else the weighted total of the
-- categories, with the reason: no model, a model of too little history, no history of new business, or a range wider than
-- the median, which tells nobody anything.

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
COMMENT ON COLUMN salesops.forecast_line.published IS 'The forecast: the median of the model where it may be believed, else the weighted total, after the quarter the actual';
COMMENT ON COLUMN salesops.forecast_line.forecast_method IS 'What is published: model median, category weights, actuals';
COMMENT ON COLUMN salesops.forecast_line.label IS 'Quarter and its week, such as Q4, week 8';
COMMENT ON COLUMN salesops.forecast_line.reason IS 'Why the model''s median is not published, or what a line leaves out; NULL = nothing to say';

CREATE FUNCTION salesops.forecast_methods(OUT method text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  VALUES ('model', 'The win model for the open deals, past quarters for new business'),
         ('category_weights', 'Amount times the weight of the category, of deals that are to close in the quarter');
END;
COMMENT ON FUNCTION salesops.forecast_methods() IS 'Methods of forecast()';

CREATE FUNCTION salesops.scope_members(scope text, as_of timestamptz, known_at timestamptz, tree_as_of timestamptz,
                                       moves salesops.reporting_line[], OUT source_key text, OUT owner_id text, OUT is_in boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT s.source_key, s.owner_id, bool_or(s.scope = scope_members.scope)
  FROM salesops.forecast_scopes(coalesce(scope_members.tree_as_of, scope_members.as_of),
                                greatest(scope_members.known_at, scope_members.tree_as_of), scope_members.moves) s
  GROUP BY s.source_key, s.owner_id;
END;
COMMENT ON FUNCTION salesops.scope_members(text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'Every rep of forecast_scopes() and whether he is in a scope; source_key and owner_id NULL stand for whoever is no rep. The tree is '
  'that of tree_as_of, NULL = of as_of';

-- The running quarter: every sum is exact, so it does not matter in which order owners come.
CREATE FUNCTION salesops.scope_book(scope text, as_of timestamptz, known_at timestamptz, tree_as_of timestamptz, moves salesops.reporting_line[],
                                    OUT open_deals bigint, OUT won_deals bigint, OUT unknown_deals bigint, OUT actual numeric,
                                    OUT last_actual numeric, OUT existing numeric, OUT weighted numeric,
                                    OUT pipeline salesops.bookings_distribution, OUT new_business numeric[])
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT m.* FROM salesops.scope_members(scope_book.scope, scope_book.as_of, scope_book.known_at, scope_book.tree_as_of, scope_book.moves) m
  ), no_rep AS MATERIALIZED (
    SELECT m.is_in FROM member m WHERE m.owner_id IS NULL
  ), fitted AS MATERIALIZED (
    SELECT m.model_id, m.new_business_from, m.new_business_quarters
    FROM salesops.current_win_model(scope_book.as_of, scope_book.known_at) m
  ), came AS (
    SELECT b.period::integer AS period, sum(b.amount * salesops.new_business_share(h.months_to_go, b.months_to_go)) AS amount
    FROM fitted f
    CROSS JOIN salesops.forecast_horizon(scope_book.as_of) h
    JOIN salesops.fitted_new_business b ON b.model_id = f.model_id
    LEFT JOIN member m ON m.source_key = b.source_key AND m.owner_id = b.owner_id
    WHERE coalesce(m.is_in, (SELECT n.is_in FROM no_rep n))
    GROUP BY b.period::integer
  )
  SELECT coalesce(sum(o.open_deals), 0)::bigint, coalesce(sum(o.won_deals), 0)::bigint, coalesce(sum(o.unknown_deals), 0)::bigint,
         coalesce(sum(o.actual), 0), coalesce(sum(o.last_actual), 0), coalesce(sum(o.existing), 0), coalesce(sum(o.weighted), 0),
         coalesce(salesops.bookings(o.pipeline), salesops.uncertain_bookings(0, 0, salesops.forecast_correlation(scope_book.as_of, scope_book.known_at))),
         (SELECT array_agg(coalesce(c.amount, 0) ORDER BY n)
          FROM fitted f CROSS JOIN LATERAL generate_series(0, f.new_business_quarters - 1) n
          LEFT JOIN came c ON c.period = (f.new_business_from OPERATOR(salesops.+) n)::integer)
  FROM salesops.owner_forecasts(scope_book.as_of, scope_book.known_at) o
  LEFT JOIN member m ON m.source_key = o.source_key AND m.owner_id = o.owner_id
  WHERE coalesce(m.is_in, (SELECT n.is_in FROM no_rep n));
END;
COMMENT ON FUNCTION salesops.scope_book(text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'What the owners of a scope bring in the running quarter, columns as of current_owner_forecast, and new_business = what deals that '
  'were not open after the same time brought in each of the last quarters, NULL = no history. Arguments as of scope_members()';

-- Any quarter, by category.
CREATE FUNCTION salesops.scope_totals(period salesops.fiscal_period, scope text, as_of timestamptz, known_at timestamptz,
                                      tree_as_of timestamptz, moves salesops.reporting_line[])
RETURNS salesops.forecast_totals LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT m.* FROM salesops.scope_members(scope_totals.scope, scope_totals.as_of, scope_totals.known_at, scope_totals.tree_as_of, scope_totals.moves) m
  )
  SELECT coalesce(salesops.forecast_rollup(f.totals), 'no deals')
  FROM salesops.forecast_by_quarter(scope_totals.as_of, scope_totals.known_at) f
  LEFT JOIN member m ON m.source_key = f.source_key AND m.owner_id = f.owner_id
  WHERE f.period = scope_totals.period AND coalesce(m.is_in, (SELECT n.is_in FROM member n WHERE n.owner_id IS NULL));
END;
COMMENT ON FUNCTION salesops.scope_totals(salesops.fiscal_period, text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'Totals by category of a scope in any fiscal quarter. Arguments as of scope_members()';

CREATE FUNCTION salesops.scope_quota(period salesops.fiscal_period, scope text, as_of timestamptz, known_at timestamptz,
                                     tree_as_of timestamptz, moves salesops.reporting_line[])
RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT m.* FROM salesops.scope_members(scope_quota.scope, scope_quota.as_of, scope_quota.known_at, scope_quota.tree_as_of, scope_quota.moves) m
  )
  SELECT sum(q.quota)
  FROM salesops.owner_quota(scope_quota.as_of, scope_quota.known_at) q
  LEFT JOIN member m ON m.source_key = q.source_key AND m.owner_id = q.owner_id
  WHERE q.period = scope_quota.period AND NOT q.is_team_quota
    AND coalesce(m.is_in, (SELECT n.is_in FROM member n WHERE n.owner_id IS NULL));
END;
COMMENT ON FUNCTION salesops.scope_quota(salesops.fiscal_period, text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'Quota of a scope in a fiscal quarter, corporate currency, team quotas left out; NULL = none. Arguments as of scope_members()';

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
  IF method IS NOT NULL AND NOT EXISTS (SELECT FROM salesops.forecast_methods() m WHERE m.method = check_forecast_arguments.method) THEN
    RAISE EXCEPTION 'unknown forecast method %', quote_literal(method) USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s, or NULL for the model where it may be believed.',
                    (SELECT string_agg(quote_literal(m.method), ', ' ORDER BY m.method DESC) FROM salesops.forecast_methods() m));
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_arguments(salesops.fiscal_period, timestamptz, text) IS
  'Raises 22023 unless the period is a quarter, as_of an instant and the method NULL or one of forecast_methods()';

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
  row.reason := CASE WHEN is_over THEN 'the quarter is over' ELSE 'uncalibrated: the model looks as far as the end of ' || running END;
  RETURN NEXT row;
END $$;
COMMENT ON FUNCTION salesops.forecast_of_other_quarter(salesops.fiscal_period, text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The lines of forecast() for a quarter that is over (its actuals) or has not begun (its weighted total)';

CREATE FUNCTION salesops.forecast(period salesops.fiscal_period, scope text, as_of timestamptz, method text DEFAULT NULL,
                                  known_at timestamptz DEFAULT NULL, tree_as_of timestamptz DEFAULT NULL,
                                  moves salesops.reporting_line[] DEFAULT NULL)
RETURNS SETOF salesops.forecast_line LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  horizon record;
  fitted salesops.fitted_model;
  book record;
  coming record;
  quantiles numeric[];
  reasons text[] := '{}';
  is_modelled boolean;
  row salesops.forecast_line;
BEGIN
  PERFORM salesops.check_forecast_arguments(period, as_of, method);
  scope := salesops.find_scope(scope, coalesce(tree_as_of, as_of), greatest(known_at, tree_as_of), moves);
  SELECT * INTO horizon FROM salesops.forecast_horizon(as_of);
  IF period OPERATOR(salesops.<>) horizon.period THEN
    RETURN QUERY SELECT * FROM salesops.forecast_of_other_quarter(period, scope, as_of, known_at, tree_as_of, moves);
    RETURN;
  END IF;

  SELECT * INTO fitted FROM salesops.current_win_model(as_of, known_at);
  SELECT * INTO book FROM salesops.scope_book(scope, as_of, known_at, tree_as_of, moves);
  is_modelled := method IS DISTINCT FROM 'category_weights' AND fitted.model_id IS NOT NULL AND salesops.model_doubt(fitted) IS NULL;
  SELECT * INTO coming FROM salesops.forecast_bookings(book.actual, book.existing, CASE WHEN is_modelled THEN book.pipeline END,
                                                    CASE WHEN is_modelled THEN book.new_business END);

  row.line := 'actuals';
  row.deals := book.won_deals;
  row.mean := book.actual;
  IF is_modelled THEN
    row.p10 := row.mean;
    row.p50 := row.mean;
    row.p90 := row.mean;
  END IF;
  RETURN NEXT row;

  row.line := 'existing pipeline';
  row.deals := book.open_deals;
  row.mean := CASE WHEN is_modelled THEN book.existing ELSE book.weighted - book.actual END;
  IF is_modelled THEN
    quantiles := salesops.quantiles(book.pipeline, ARRAY[0.1, 0.5, 0.9]);
  END IF;
  row.p10 := quantiles[1];
  row.p50 := quantiles[2];
  row.p90 := quantiles[3];
  row.reason := CASE WHEN book.unknown_deals > 0 THEN
    format('%s deals are in no sum: no amount or rate, or nothing to weigh them by', book.unknown_deals) END;
  RETURN NEXT row;

  row.line := 'new business';
  row.deals := NULL;
  row.mean := coming.new_mean;
  quantiles := salesops.quantiles(salesops.uncertain_bookings(coming.new_mean, coming.new_stddev), ARRAY[0.1, 0.5, 0.9]);
  row.p10 := quantiles[1];
  row.p50 := quantiles[2];
  row.p90 := quantiles[3];
  row.reason := CASE WHEN NOT is_modelled THEN 'not in the weighted total' WHEN coming.new_mean IS NULL THEN 'no past quarter to tell it from' END;
  RETURN NEXT row;

  row.line := 'total';
  row.deals := book.won_deals + book.open_deals;
  row.mean := book.weighted;
  quantiles := NULL;
  row.quota := salesops.scope_quota(period, scope, as_of, known_at, tree_as_of, moves);
  row.naive := book.last_actual;
  row.category_weights := book.weighted;
  row.label := horizon.label;
  IF is_modelled THEN
    row.mean := coming.mean;
    IF coming.new_mean IS NULL THEN
      reasons := reasons || 'no past quarter to tell new business from'::text;
    END IF;
    quantiles := ARRAY[coming.p10, coming.p50, coming.p90];
    row.probability_at_least_quota := salesops.probability_at_least(coming.total, row.quota);
    row.expected_shortfall := salesops.expected_shortfall(coming.total, 0.1);
    IF quantiles[3] - quantiles[1] > quantiles[2] THEN
      reasons := reasons || 'the range from P10 to P90 is wider than the median'::text;
    END IF;
  ELSIF method IS DISTINCT FROM 'category_weights' THEN
    reasons := reasons || ('uncalibrated: ' || coalesce(salesops.model_doubt(fitted), 'no win model was fitted by then'));
  END IF;
  row.p10 := quantiles[1];
  row.p50 := quantiles[2];
  row.p90 := quantiles[3];
  row.forecast_method := CASE WHEN is_modelled AND reasons = '{}' THEN 'model median' ELSE 'category weights' END;
  row.published := CASE row.forecast_method WHEN 'model median' THEN row.p50 ELSE book.weighted END;
  row.noise_floor := CASE WHEN is_modelled THEN salesops.noise_floor(book.pipeline) END;
  SELECT b.error, b.bias INTO row.backtested_error, row.backtested_bias
  FROM salesops.backtested_accuracy(CASE row.forecast_method WHEN 'model median' THEN 'model' ELSE 'category_weights' END,
                                    split_part(scope, ':', 1), horizon.months_to_go, as_of) b;
  IF row.backtested_error IS NULL THEN
    reasons := reasons || 'no backtest says how far off it was'::text;
  END IF;
  row.reason := CASE WHEN reasons <> '{}' THEN array_to_string(reasons, '; ') END;
  RETURN NEXT row;
END $$;
COMMENT ON FUNCTION salesops.forecast(salesops.fiscal_period, text, timestamptz, text, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'What a fiscal quarter will bring a scope (company, or one of forecast_scopes()) as seen at an instant: actuals, existing pipeline, '
  'new business, total, with P10, P50 and P90; on the total the quota and what to hold the forecast against. method: model, '
  'category_weights, or NULL = what is published, the model''s median where it may be believed, else the weighted total with the '
  'reason. known_at as in opportunity_state(); tree_as_of = instant of the manager tree (as_of itself, or a later one for as-is), '
  'moves = proposed ones. 22023 for a period that is no quarter, 42704 for an unknown scope';
