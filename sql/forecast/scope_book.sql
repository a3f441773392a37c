-- What the owners of each scope bring together: deals, quota, new business. Every sum is exact, so it does not matter in which order
-- owners come, and one scope alone is what it is among all of them.

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

CREATE FUNCTION salesops.scope_new_business(only_scope text, as_of timestamptz, known_at timestamptz, tree_as_of timestamptz,
                                            moves salesops.reporting_line[], OUT scope text, OUT amounts numeric[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH fitted AS MATERIALIZED (
    SELECT m.model_id, m.new_business_from, m.new_business_quarters,
           salesops.paced_months(salesops.months_to_go(scope_new_business.as_of, h.period), m.pace)::numeric AS months_to_go
    FROM salesops.current_win_model(scope_new_business.as_of, scope_new_business.known_at) m
    CROSS JOIN salesops.forecast_horizon(scope_new_business.as_of) h
  ), member AS MATERIALIZED (
    -- Empty text stands for whoever is no rep.
    SELECT s.scope, coalesce(s.source_key, '') AS source_key, coalesce(s.owner_id, '') AS owner_id
    FROM salesops.forecast_scopes(coalesce(scope_new_business.tree_as_of, scope_new_business.as_of),
                                  greatest(scope_new_business.known_at, scope_new_business.tree_as_of), scope_new_business.moves) s
  ), came AS MATERIALIZED (
    SELECT m.scope, b.period::integer AS period, sum(b.amount * salesops.new_business_share(f.months_to_go, b.months_to_go)) AS amount
    FROM fitted f
    JOIN salesops.fitted_new_business b ON b.model_id = f.model_id
    LEFT JOIN member r ON r.scope = 'company' AND r.source_key = b.source_key AND r.owner_id = b.owner_id
    JOIN member m ON m.source_key = coalesce(r.source_key, '') AND m.owner_id = coalesce(r.owner_id, '')
    WHERE m.scope = scope_new_business.only_scope OR scope_new_business.only_scope IS NULL
    GROUP BY m.scope, b.period::integer
  )
  SELECT s.scope, array_agg(coalesce(c.amount, 0) ORDER BY n)
  FROM (SELECT DISTINCT m.scope FROM member m WHERE m.scope = scope_new_business.only_scope OR scope_new_business.only_scope IS NULL) s
  CROSS JOIN fitted f CROSS JOIN LATERAL generate_series(0, f.new_business_quarters - 1) n
  LEFT JOIN came c ON c.scope = s.scope AND c.period = (f.new_business_from OPERATOR(salesops.+) n)::integer
  GROUP BY s.scope;
END;
COMMENT ON FUNCTION salesops.scope_new_business(text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'What deals that were not open after the same time brought each scope in each of the last quarters, by current_win_model(), for '
  'new_business_spread(); no row = no history. only_scope NULL = all of forecast_scopes(); the other arguments as of scope_members()';

CREATE FUNCTION salesops.scope_books(only_scope text, as_of timestamptz, known_at timestamptz, tree_as_of timestamptz, moves salesops.reporting_line[],
                                     OUT scope_kind text, OUT scope text, OUT label text, OUT level integer,
                                     OUT open_deals bigint, OUT won_deals bigint, OUT unknown_deals bigint, OUT actual numeric,
                                     OUT last_actual numeric, OUT existing numeric, OUT weighted numeric, OUT quota numeric,
                                     OUT pipeline salesops.bookings_distribution)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT s.scope_kind, s.scope, s.label, s.level, coalesce(s.source_key, '') AS source_key, coalesce(s.owner_id, '') AS owner_id
    FROM salesops.forecast_scopes(coalesce(scope_books.tree_as_of, scope_books.as_of), greatest(scope_books.known_at, scope_books.tree_as_of),
                                  scope_books.moves) s
  ), asked AS MATERIALIZED (
    SELECT m.* FROM member m WHERE m.scope = scope_books.only_scope OR scope_books.only_scope IS NULL
  ), part AS MATERIALIZED (
    SELECT o.source_key, o.owner_id, o.open_deals, o.won_deals, o.unknown_deals, o.actual, o.last_actual, o.existing, o.weighted, o.pipeline,
           NULL::numeric AS quota
    FROM salesops.owner_forecasts(scope_books.as_of, scope_books.known_at) o
    UNION ALL
    SELECT q.source_key, q.owner_id, 0, 0, 0, 0, 0, 0, 0, NULL, salesops.bookable_amount(q.quota)
    FROM salesops.owner_quota(scope_books.as_of, scope_books.known_at) q
    WHERE q.period = salesops.period_after(scope_books.as_of) AND NOT q.is_team_quota
  ), book AS MATERIALIZED (
    SELECT a.scope, sum(p.open_deals)::bigint AS open_deals, sum(p.won_deals)::bigint AS won_deals, sum(p.unknown_deals)::bigint AS unknown_deals,
           sum(p.actual) AS actual, sum(p.last_actual) AS last_actual, sum(p.existing) AS existing, sum(p.weighted) AS weighted,
           sum(p.quota) AS quota, salesops.bookings(p.pipeline) AS pipeline
    FROM part p
    LEFT JOIN member r ON r.scope = 'company' AND r.source_key = p.source_key AND r.owner_id = p.owner_id
    JOIN asked a ON a.source_key = coalesce(r.source_key, '') AND a.owner_id = coalesce(r.owner_id, '')
    GROUP BY a.scope
  )
  SELECT s.scope_kind, s.scope, s.label, s.level, coalesce(b.open_deals, 0), coalesce(b.won_deals, 0), coalesce(b.unknown_deals, 0),
         coalesce(b.actual, 0), coalesce(b.last_actual, 0), coalesce(b.existing, 0), coalesce(b.weighted, 0), b.quota,
         coalesce(b.pipeline, salesops.uncertain_bookings(0, 0, salesops.forecast_correlation(scope_books.as_of, scope_books.known_at)))
  FROM (SELECT min(a.scope_kind) AS scope_kind, a.scope, min(a.label) AS label, min(a.level) AS level FROM asked a GROUP BY a.scope) s
  LEFT JOIN book b ON b.scope = s.scope;
END;
COMMENT ON FUNCTION salesops.scope_books(text, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'What the owners of each scope bring in the running quarter, columns as of current_owner_forecast, and their quota, team quotas left out (NULL = none). '
  'only_scope NULL = all of forecast_scopes(), which name kind, label and level; the other arguments as of scope_members()';

-- Any quarter, by category.
CREATE FUNCTION salesops.scope_totals(period salesops.fiscal_period, scope text, as_of timestamptz, known_at timestamptz,
                                      tree_as_of timestamptz, moves salesops.reporting_line[])
RETURNS salesops.forecast_totals LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH member AS MATERIALIZED (
    SELECT m.* FROM salesops.scope_members(scope_totals.scope, scope_totals.as_of, scope_totals.known_at, scope_totals.tree_as_of, scope_totals.moves) m
  )
  SELECT coalesce(salesops.forecast_rollup(o.category, salesops.bookable_amount(o.corporate_amount)), 'no deals')
  FROM salesops.opportunity_state(scope_totals.as_of, scope_totals.known_at) o
  LEFT JOIN member m ON m.source_key = o.source_key AND m.owner_id = o.owner_id
  WHERE o.close_quarter = scope_totals.period AND coalesce(m.is_in, (SELECT n.is_in FROM member n WHERE n.owner_id IS NULL));
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
