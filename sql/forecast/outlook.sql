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
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
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

CREATE FUNCTION salesops.forecast(period salesops.fiscal_period, scope text, as_of timestamptz, method text DEFAULT NULL,
                                  known_at timestamptz DEFAULT NULL, tree_as_of timestamptz DEFAULT NULL,
                                  moves salesops.reporting_line[] DEFAULT NULL,
                                  OUT line text, OUT deals bigint, OUT mean numeric, OUT p10 numeric, OUT p50 numeric, OUT p90 numeric,
                                  OUT quota numeric, OUT probability_at_least_quota float8, OUT expected_shortfall numeric,
                                  OUT naive numeric, OUT category_weights numeric, OUT noise_floor numeric,
                                  OUT backtested_error numeric, OUT backtested_bias numeric,
                                  OUT published numeric, OUT forecast_method text, OUT label text, OUT reason text)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  horizon record;
  fitted salesops.fitted_model;
  book record;
  coming record;
  total salesops.bookings_distribution;
  quantiles numeric[];
  reasons text[] := '{}';
  is_modelled boolean;
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
  is_modelled := coalesce(salesops.is_calibrated(fitted.model), false) AND method IS DISTINCT FROM 'category_weights';
  IF method = 'category_weights' THEN
    NULL;
  ELSIF fitted.model_id IS NULL THEN
    reasons := reasons || 'uncalibrated: no win model was fitted by then'::text;
  ELSIF NOT is_modelled THEN
    reasons := reasons || ('uncalibrated: ' || (SELECT s.reason FROM salesops.win_model_summary(fitted.model) s));
  ELSIF book.new_business IS NULL THEN
    reasons := reasons || 'no past quarter to tell new business from'::text;
  END IF;

  line := 'actuals';
  deals := book.won_deals;
  mean := book.actual;
  IF is_modelled THEN
    p10 := mean;
    p50 := mean;
    p90 := mean;
  END IF;
  RETURN NEXT;

  line := 'existing pipeline';
  deals := book.open_deals;
  mean := CASE WHEN is_modelled THEN book.existing ELSE book.weighted - book.actual END;
  IF is_modelled THEN
    quantiles := salesops.quantiles(book.pipeline, ARRAY[0.1, 0.5, 0.9]);
    p10 := quantiles[1];
    p50 := quantiles[2];
    p90 := quantiles[3];
  END IF;
  reason := CASE WHEN book.unknown_deals > 0 THEN format('%s deals without an amount in %s, or without a category, are in no sum',
                                                        book.unknown_deals, salesops.get_setting('corporate_currency')) END;
  RETURN NEXT;

  line := 'new business';
  deals := NULL;
  coming := salesops.new_business_spread(CASE WHEN is_modelled THEN book.new_business END);
  mean := coming.mean;
  quantiles := salesops.quantiles(salesops.uncertain_bookings(coming.mean, coming.stddev), ARRAY[0.1, 0.5, 0.9]);
  p10 := quantiles[1];
  p50 := quantiles[2];
  p90 := quantiles[3];
  reason := CASE WHEN is_modelled AND coming.mean IS NULL THEN 'no past quarter to tell it from'
                 WHEN NOT is_modelled THEN 'not in the weighted total' END;
  RETURN NEXT;

  line := 'total';
  deals := book.won_deals + book.open_deals;
  label := horizon.label;
  quota := salesops.scope_quota(period, scope, as_of, known_at, tree_as_of, moves);
  naive := book.last_actual;
  category_weights := book.weighted;
  published := book.weighted;
  forecast_method := 'category weights';
  mean := book.weighted;
  quantiles := NULL;
  IF is_modelled THEN
    mean := book.actual + book.existing + coalesce(coming.mean, 0);
    total := salesops.bookings_plus(book.pipeline, book.actual);
    IF coming.mean IS NOT NULL THEN
      total := salesops.bookings_plus(total, salesops.uncertain_bookings(coming.mean, coming.stddev, salesops.correlation(total)));
    END IF;
    quantiles := salesops.quantiles(total, ARRAY[0.1, 0.5, 0.9]);
    probability_at_least_quota := salesops.probability_at_least(total, quota);
    expected_shortfall := salesops.expected_shortfall(total, 0.1);
    IF quantiles[2] <= 0 OR quantiles[3] - quantiles[1] > quantiles[2] THEN
      reasons := reasons || 'the range is wider than the median'::text;
    END IF;
    IF reasons = '{}' THEN
      published := quantiles[2];
      forecast_method := 'model median';
    END IF;
  END IF;
  p10 := quantiles[1];
  p50 := quantiles[2];
  p90 := quantiles[3];
  reason := CASE WHEN reasons <> '{}' THEN array_to_string(reasons, '; ') END;
  RETURN NEXT;
END $$;

CREATE FUNCTION salesops.forecast_of_other_quarter(period salesops.fiscal_period, scope text, as_of timestamptz, known_at timestamptz,
                                                   tree_as_of timestamptz, moves salesops.reporting_line[],
                                                   OUT line text, OUT deals bigint, OUT mean numeric, OUT p10 numeric, OUT p50 numeric,
                                                   OUT p90 numeric, OUT quota numeric, OUT probability_at_least_quota float8,
                                                   OUT expected_shortfall numeric, OUT naive numeric, OUT category_weights numeric,
                                                   OUT noise_floor numeric, OUT backtested_error numeric, OUT backtested_bias numeric,
                                                   OUT published numeric, OUT forecast_method text, OUT label text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
  WITH asked AS MATERIALIZED (
    SELECT salesops.scope_totals(t.period, t.scope, t.as_of, t.known_at, t.tree_as_of, t.moves) AS totals,
           salesops.scope_totals(t.period OPERATOR(salesops.-) 1, t.scope, t.as_of, t.known_at, t.tree_as_of, t.moves) AS last_totals,
           salesops.scope_quota(t.period, t.scope, t.as_of, t.known_at, t.tree_as_of, t.moves) AS quota,
           salesops.published_weights(t.as_of) AS weights, t.period < h.period AS is_over, h.period AS running
    FROM (SELECT period, scope, as_of, known_at, tree_as_of, moves) t CROSS JOIN LATERAL salesops.forecast_horizon(t.as_of) h
  ), sums AS MATERIALIZED (
    SELECT a.*, coalesce(salesops.amount(a.totals, 'Closed'), 0) AS actual, coalesce(salesops.weighted(a.totals, a.weights), 0) AS weighted,
           coalesce(salesops.amount(a.last_totals, 'Closed'), 0) AS last_actual, salesops.deals(a.totals, 'Closed') AS won_deals,
           (SELECT sum(salesops.deals(a.totals, c.category))::bigint FROM salesops.forecast_categories() c WHERE c.is_open) AS open_deals
    FROM asked a
  )
  SELECT v.line, v.deals, v.mean, NULL::numeric, NULL::numeric, NULL::numeric, v.quota, NULL::float8, NULL::numeric, v.naive, v.weighted,
         NULL::numeric, NULL::numeric, NULL::numeric, v.published, v.forecast_method, v.label, v.reason
  FROM sums s
  CROSS JOIN LATERAL (VALUES
    (1, 'actuals', s.won_deals, s.actual, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL, NULL, NULL),
    (2, 'existing pipeline', CASE WHEN NOT s.is_over THEN s.open_deals END, CASE WHEN NOT s.is_over THEN s.weighted - s.actual END,
     NULL, NULL, NULL, NULL, NULL, NULL, CASE WHEN s.is_over THEN 'the quarter is over' END),
    (3, 'new business', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     CASE WHEN s.is_over THEN 'the quarter is over' ELSE 'not in the weighted total' END),
    (4, 'total', CASE WHEN s.is_over THEN s.won_deals ELSE s.won_deals + s.open_deals END, CASE WHEN s.is_over THEN s.actual ELSE s.weighted END,
     s.quota, CASE WHEN s.is_over OR s.period_before_is_over THEN s.last_actual END, CASE WHEN NOT s.is_over THEN s.weighted END,
     CASE WHEN s.is_over THEN s.actual ELSE s.weighted END, CASE WHEN s.is_over THEN 'actuals' ELSE 'category weights' END,
     right(period::text, 2), CASE WHEN s.is_over THEN 'the quarter is over: what was won'
                                  ELSE format('uncalibrated: the model looks as far as the end of %s', s.running) END)
  ) AS v("position", line, deals, mean, quota, naive, weighted, published, forecast_method, label, reason)
  ORDER BY v."position";
END;
