-- Adjustments: a figure that somebody puts in place of the rolled-up one, with a reason. No deal changes.
--
-- There are two kinds, as Salesforce has them: a rep adjusts his own forecast (owner adjustment), and a manager that of
-- somebody who reports to him directly (manager adjustment), never of anybody further down. Both hold the adjusted figure
-- itself, not a difference, and it stands until it is revoked or replaced, each by a new row. The figure it was put in place of stays with
-- it: when that moves, the adjustment is stale, and forecast_adjustments() says by how much.
--
-- Nothing is lost by a reorganisation: a manager's adjustment counts in every hierarchy in which he is the rep's manager. In
-- another it is listed as not counted, and counts again in the hierarchy as it was.
--
-- The five amounts of a node, as ForecastingItem keeps them (Salesforce object reference):
--   owner_only_amount                  the rep's own deals
--   amount_without_adjustments         with those of everybody below; nobody's adjustment
--   amount_without_owner_adjustment    own deals + the reports' forecast_amount: what the rep sees before adjusting it himself
--   amount_without_manager_adjustment  the owner adjustment, else that: the rep's own view
--   forecast_amount                    the manager adjustment, else that: the manager's view

CREATE TABLE salesops.forecast_adjustment (
  source_key   text NOT NULL,
  rep_id       text NOT NULL,
  period       salesops.fiscal_period NOT NULL,
  category     salesops.forecast_category NOT NULL,
  adjusted_by  text NOT NULL,
  adjusted_at  timestamptz NOT NULL,
  amount       numeric CHECK (amount <> 'NaN' AND abs(amount) <> 'Infinity'),
  currency     text NOT NULL,
  reason       text NOT NULL CHECK (reason ~ '[^[:space:]]'),
  cut_off      timestamptz NOT NULL,
  prior_amount numeric,
  recorded_at  timestamptz NOT NULL DEFAULT salesops.clock(),
  role_name    text NOT NULL DEFAULT CURRENT_USER,
  login_name   text NOT NULL DEFAULT SESSION_USER,
  PRIMARY KEY (period, category, source_key, rep_id, adjusted_by, adjusted_at)
);
COMMENT ON TABLE salesops.forecast_adjustment IS
  'Owner and manager adjustments of forecasts, append-only; write with adjust_forecast() and revoke_adjustment(), read what stands '
  'with forecast_adjustments()';
COMMENT ON COLUMN salesops.forecast_adjustment.source_key IS 'Source of the rep';
COMMENT ON COLUMN salesops.forecast_adjustment.rep_id IS 'Rep whose forecast is adjusted: his deals and those of everybody below him';
COMMENT ON COLUMN salesops.forecast_adjustment.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.forecast_adjustment.category IS 'Column adjusted: Commit, Most Likely, Best Case or Pipeline';
COMMENT ON COLUMN salesops.forecast_adjustment.adjusted_by IS 'Who adjusted: the rep himself (owner adjustment) or the manager he then reported to (manager adjustment)';
COMMENT ON COLUMN salesops.forecast_adjustment.adjusted_at IS 'When';
COMMENT ON COLUMN salesops.forecast_adjustment.amount IS 'The adjusted figure, in currency; NULL = revoked: the figure without it stands again';
COMMENT ON COLUMN salesops.forecast_adjustment.currency IS 'ISO code of the amounts: the corporate currency when it was made';
COMMENT ON COLUMN salesops.forecast_adjustment.reason IS 'Why, in words';
COMMENT ON COLUMN salesops.forecast_adjustment.cut_off IS 'Cut-off of the week in which it was made, as of calls';
COMMENT ON COLUMN salesops.forecast_adjustment.prior_amount IS 'Figure that it was put in place of; NULL = unknown';
COMMENT ON COLUMN salesops.forecast_adjustment.recorded_at IS 'When it was recorded; later than adjusted_at for what is brought from elsewhere';
COMMENT ON COLUMN salesops.forecast_adjustment.role_name IS 'Role that recorded it';
COMMENT ON COLUMN salesops.forecast_adjustment.login_name IS 'Role that had logged in';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_adjustment', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_adjustment
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
    'Call salesops.adjust_forecast() again for another figure, or salesops.revoke_adjustment().');
COMMENT ON TRIGGER append_only ON salesops.forecast_adjustment IS 'who adjusted what when and why must stay known';

-- What stands

CREATE FUNCTION salesops.standing_adjustments(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.forecast_adjustment LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.check_quarter(standing_adjustments.period);
  SELECT (l.adjustment).*
  FROM (SELECT DISTINCT ON (a.source_key, a.rep_id, a.category::smallint, a.adjusted_by) a AS adjustment
        FROM salesops.forecast_adjustment a
        WHERE a.period = standing_adjustments.period AND a.adjusted_at <= standing_adjustments.as_of
          AND a.recorded_at <= coalesce(standing_adjustments.known_at, standing_adjustments.as_of)
          -- What was set in another currency is no longer comparable.
          AND a.currency = (SELECT salesops.get_setting('corporate_currency'))
        ORDER BY a.source_key, a.rep_id, a.category::smallint, a.adjusted_by, a.adjusted_at DESC) l
  WHERE (l.adjustment).amount IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.standing_adjustments(salesops.fiscal_period, timestamptz, timestamptz) IS
  'Adjustments of a fiscal quarter that stand as of an instant: the last of each rep, column and adjuster, unless it revokes; '
  'whether they count depends on the hierarchy (forecast_adjustments()). Arguments as of opportunity_as_of(); 22023 unless the '
  'period is a quarter';

CREATE FUNCTION salesops.forecast_amounts(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                          tree_at timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
                                          OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[],
                                          OUT category salesops.forecast_category, OUT owner_only_amount numeric,
                                          OUT amount_without_adjustments numeric, OUT amount_without_owner_adjustment numeric,
                                          OUT amount_without_manager_adjustment numeric, OUT forecast_amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH adjustment AS MATERIALIZED (
    SELECT a.* FROM salesops.standing_adjustments(forecast_amounts.period, forecast_amounts.as_of, forecast_amounts.known_at) a
  ), node AS MATERIALIZED (
    SELECT n.*, o.amount AS by_owner, m.amount AS by_manager
    FROM salesops.forecast_nodes(forecast_amounts.period, forecast_amounts.as_of, forecast_amounts.known_at,
                                 forecast_amounts.tree_at, forecast_amounts.moves) n
    LEFT JOIN adjustment o
      ON o.source_key = n.source_key AND o.rep_id = n.rep_id AND o.category = n.category AND o.adjusted_by = n.rep_id
    LEFT JOIN adjustment m
      ON m.source_key = n.source_key AND m.rep_id = n.rep_id AND m.category = n.category AND m.adjusted_by = n.manager_id
  ), rolled AS (
    SELECT r.* FROM salesops.override_roll_up(
      (SELECT array_agg(ROW(n.source_key, n.path, n.category, n.amount, coalesce(n.by_manager, n.by_owner))::salesops.forecast_override)
       FROM node n WHERE n.path IS NOT NULL)) r
  )
  SELECT n.source_key, n.rep_id, n.manager_id, n.level, n.path, n.category, n.own_amount, n.amount,
         x.amount, coalesce(n.by_owner, x.amount), coalesce(n.by_manager, n.by_owner, x.amount)
  FROM node n
  LEFT JOIN rolled r ON r.source_key = n.source_key AND r.rep_id = n.rep_id AND r.category = n.category
  CROSS JOIN LATERAL (SELECT CASE WHEN n.path IS NULL THEN n.amount ELSE r.rolled_up END AS amount) x;
END;
COMMENT ON FUNCTION salesops.forecast_amounts(salesops.fiscal_period, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'The five amounts of each node and column of a fiscal quarter''s forecast, as Salesforce keeps them: owner_only_amount, own deals; '
  'amount_without_adjustments, with everybody below; amount_without_owner_adjustment, own deals and the reports'' forecast_amount; '
  'amount_without_manager_adjustment, the owner adjustment or else that; forecast_amount, the manager adjustment or else that. '
  'Arguments and hierarchy as of forecast_nodes()';

CREATE FUNCTION salesops.forecast_adjustments(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                              tree_at timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL,
                                              OUT source_key text, OUT rep_id text, OUT category salesops.forecast_category, OUT kind text,
                                              OUT adjusted_by text, OUT adjusted_at timestamptz, OUT amount numeric, OUT reason text,
                                              OUT prior_amount numeric, OUT present_amount numeric, OUT prior_change numeric,
                                              OUT is_stale boolean, OUT counts boolean, OUT counts_not_because text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT a.source_key, a.rep_id, a.category, k.kind, a.adjusted_by, a.adjusted_at, a.amount, a.reason,
         a.prior_amount, p.amount, p.amount - a.prior_amount,
         coalesce(p.amount <> a.prior_amount, (p.amount IS NULL) <> (a.prior_amount IS NULL)),
         c.counts_not_because IS NULL, c.counts_not_because
  FROM salesops.standing_adjustments(forecast_adjustments.period, forecast_adjustments.as_of, forecast_adjustments.known_at) a
  LEFT JOIN salesops.forecast_amounts(forecast_adjustments.period, forecast_adjustments.as_of, forecast_adjustments.known_at,
                                      forecast_adjustments.tree_at, forecast_adjustments.moves) n
    ON n.source_key = a.source_key AND n.rep_id = a.rep_id AND n.category = a.category
  CROSS JOIN LATERAL (SELECT CASE WHEN a.adjusted_by = a.rep_id THEN 'owner' ELSE 'manager' END AS kind) k
  CROSS JOIN LATERAL (SELECT CASE k.kind WHEN 'owner' THEN n.amount_without_owner_adjustment
                                         ELSE n.amount_without_manager_adjustment END AS amount) p
  CROSS JOIN LATERAL (SELECT CASE WHEN n.rep_id IS NULL THEN 'the rep is not in the hierarchy'
                                  WHEN k.kind = 'manager' AND n.manager_id IS NULL THEN 'the rep reports to nobody'
                                  WHEN k.kind = 'manager' AND n.manager_id <> a.adjusted_by THEN 'the rep reports to ' || n.manager_id
                             END AS counts_not_because) c;
END;
COMMENT ON FUNCTION salesops.forecast_adjustments(salesops.fiscal_period, timestamptz, timestamptz, timestamptz, salesops.reporting_line[]) IS
  'Adjustments of a fiscal quarter that stand, with what became of the figures they were put in place of: prior_amount then, '
  'present_amount now, prior_change between them, is_stale where they differ; counts says whether it counts in the hierarchy, '
  'else why not. kind: owner or manager. Arguments and hierarchy as of forecast_nodes()';

-- Adjusting

CREATE FUNCTION salesops.record_adjustment(source_key text, rep_id text, period salesops.fiscal_period, category salesops.forecast_category,
                                           amount numeric, reason text, adjusted_by text, adjusted_at timestamptz, prior_amount numeric)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  IF coalesce(reason, '') !~ '[^[:space:]]' THEN
    RAISE EXCEPTION 'an adjustment needs a reason' USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Say in words why the figure is to be another one; the reason is shown beside it and judged afterwards.';
  END IF;
  INSERT INTO salesops.forecast_adjustment (source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, currency, reason, cut_off,
                                            prior_amount)
  SELECT source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, salesops.get_setting('corporate_currency'), reason, d.cut_off,
         prior_amount
  FROM salesops.submission_deadline(period, adjusted_at) d;
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('an adjustment of %s by %s for %s, column %s', rep_id, adjusted_by, period, category), adjusted_at);
END $$;
COMMENT ON FUNCTION salesops.record_adjustment(text, text, salesops.fiscal_period, salesops.forecast_category, numeric, text, text, timestamptz, numeric) IS
  'Write a row of forecast_adjustment for adjust_forecast() and revoke_adjustment(); 22023 without a reason, 23505 for the same instant twice';

CREATE FUNCTION salesops.adjust_forecast(source_key text, rep_id text, period salesops.fiscal_period, category salesops.forecast_category,
                                         amount numeric, reason text, adjusted_by text DEFAULT NULL,
                                         adjusted_at timestamptz DEFAULT salesops.clock())
RETURNS numeric LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  adjuster text := coalesce(adjusted_by, rep_id);
  node record;
  prior numeric;
BEGIN
  PERFORM salesops.check_forecaster(source_key, rep_id, period, category, adjusted_at),
          salesops.check_figure(amount, 'Call salesops.revoke_adjustment() to have the figure without it again.');
  SELECT n.* INTO STRICT node
  FROM salesops.forecast_amounts(period, adjusted_at, greatest(adjusted_at, salesops.clock())) n
  WHERE n.source_key = adjust_forecast.source_key AND n.rep_id = adjust_forecast.rep_id
    AND n.category OPERATOR(salesops.=) adjust_forecast.category;
  IF adjuster <> rep_id AND adjuster IS DISTINCT FROM node.manager_id THEN
    RAISE EXCEPTION '% does not manage %', quote_literal(adjuster), quote_literal(rep_id) USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = format('At %s the rep reported to %s.', adjusted_at, coalesce(quote_literal(node.manager_id), 'nobody')),
      HINT = CASE WHEN adjuster = ANY (node.path)
                  THEN 'Adjust the forecast of somebody who reports to him directly: an adjustment skips no level.'
                  ELSE 'The rep himself and his manager adjust a forecast.' END;
  END IF;

  prior := CASE WHEN adjuster = rep_id THEN node.amount_without_owner_adjustment ELSE node.amount_without_manager_adjustment END;
  PERFORM salesops.record_adjustment(source_key, rep_id, period, category, amount, reason, adjuster, adjusted_at, prior);
  RETURN prior;
END $$;
COMMENT ON FUNCTION salesops.adjust_forecast(text, text, salesops.fiscal_period, salesops.forecast_category, numeric, text, text, timestamptz) IS
  'Put a figure, in corporate currency, in place of a column of a rep''s forecast, with a reason: by the rep himself (default) or by '
  'the manager he reports to. It stands until replaced or revoked. Returns the figure it is put in place of. 42501 by anybody else, '
  'a manager of his manager too; 22023 without a reason; otherwise errors as of submit_forecast()';

CREATE FUNCTION salesops.revoke_adjustment(source_key text, rep_id text, period salesops.fiscal_period, category salesops.forecast_category,
                                           reason text, adjusted_by text DEFAULT NULL, adjusted_at timestamptz DEFAULT salesops.clock())
RETURNS numeric LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  adjuster text := coalesce(adjusted_by, rep_id);
  revoked numeric;
BEGIN
  PERFORM salesops.check_as_of(adjusted_at);
  SELECT a.amount INTO revoked
  FROM salesops.standing_adjustments(period, adjusted_at, greatest(adjusted_at, salesops.clock())) a
  WHERE a.source_key = revoke_adjustment.source_key AND a.rep_id = revoke_adjustment.rep_id AND a.adjusted_by = adjuster
    AND a.category OPERATOR(salesops.=) revoke_adjustment.category;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no adjustment of % by % stands', coalesce(quote_literal(rep_id), 'NULL'), coalesce(quote_literal(adjuster), 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = format('Source %s, %s, column %s, at %s.', coalesce(source_key, 'NULL'), coalesce(period::text, 'NULL'),
                      coalesce(category::text, 'NULL'), adjusted_at),
      HINT = 'SELECT * FROM salesops.standing_adjustments(...) lists what stands; only who adjusted revokes.';
  END IF;
  PERFORM salesops.record_adjustment(source_key, rep_id, period, category, NULL, reason, adjuster, adjusted_at, revoked);
  RETURN revoked;
END $$;
COMMENT ON FUNCTION salesops.revoke_adjustment(text, text, salesops.fiscal_period, salesops.forecast_category, text, text, timestamptz) IS
  'Take back a standing adjustment of a rep''s forecast, made by the rep himself (default) or by a manager, with a reason: the figure '
  'without it stands again. Returns the adjusted figure that stood. 42704 where none stands, 22023 without a reason';
