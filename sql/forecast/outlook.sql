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

CREATE FUNCTION salesops.forecast(period salesops.fiscal_period, scope text, as_of timestamptz, method text DEFAULT NULL,
                                  known_at timestamptz DEFAULT NULL, tree_as_of timestamptz DEFAULT NULL,
                                  moves salesops.reporting_line[] DEFAULT NULL,
                                  OUT line text, OUT deals bigint, OUT mean numeric, OUT p10 numeric, OUT p50 numeric, OUT p90 numeric,
                                  OUT quota numeric, OUT probability_at_least_quota float8, OUT expected_shortfall numeric,
                                  OUT naive numeric, OUT category_weights numeric, OUT noise_floor numeric,
                                  OUT backtested_error numeric, OUT backtested_bias numeric,
                                  OUT published numeric, OUT forecast_method text, OUT label text, OUT reason text)
RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 4 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
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
  SELECT * INTO horizon FROM salesops.forecast_horizon(as_of);
  scope := salesops.find_scope(scope, coalesce(tree_as_of, as_of), greatest(known_at, tree_as_of), moves);
  quota := salesops.scope_quota(period, scope, as_of, known_at, tree_as_of, moves);

  -- A quarter that does not run has nothing to be asked of the model.
  IF period OPERATOR(salesops.<>) horizon.period THEN
    RETURN QUERY SELECT * FROM salesops.forecast_elsewhere(period, scope, as_of, known_at, tree_as_of, moves, quota, horizon.period);
    RETURN;
  END IF;

  SELECT * INTO fitted FROM salesops.current_win_model(as_of, known_at);
  SELECT * INTO book FROM salesops.scope_book(scope, as_of, known_at, tree_as_of, moves);
END $$;
