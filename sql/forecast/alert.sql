-- Alerts: the chance to make the target, kept night by night, and told when it matters. The target is the plan where one is set for the
-- scope and quarter (set_plan()), else the quota.
--
--   target at risk   the chance is under the threshold (setting alert_threshold, one half); told once, and again only after
--   target in reach  it was at risk and is 5 points above the threshold: what wavers about it is not told every night
--   chance moved     it is 10 points or more away from what it was 7 days ago; told once in 7 days
--
-- For the company, regions and teams: of one rep's few deals the chance is always moving. Where there is no model that may be believed, or
-- no target, there is no chance and no alert. A plan that takes the place of a quota begins anew: only chances of the same kind of target
-- are compared. Everything is computed from rows, none of them later than the instant, so a night told again tells nothing new.

CREATE TABLE salesops.target_chance (
  as_of       timestamptz NOT NULL,
  period      salesops.fiscal_period NOT NULL,
  scope       text NOT NULL,
  target_kind text NOT NULL CHECK (target_kind IN ('plan', 'quota')),
  target      numeric NOT NULL,
  probability float8 NOT NULL,
  PRIMARY KEY (scope, period, as_of)
);
COMMENT ON TABLE salesops.target_chance IS 'Probability to make the target, as it was each night; written by check_forecast_alerts(), never changed';
COMMENT ON COLUMN salesops.target_chance.as_of IS 'Instant of the forecast';
COMMENT ON COLUMN salesops.target_chance.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.target_chance.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.target_chance.target_kind IS 'plan where one is set for the scope and quarter, else quota';
COMMENT ON COLUMN salesops.target_chance.target IS 'Amount of the plan or quota, corporate currency';
COMMENT ON COLUMN salesops.target_chance.probability IS 'Probability that the quarter brings it or more, of the total of forecast()';
SELECT pg_catalog.pg_extension_config_dump('salesops.target_chance', '');

CREATE TABLE salesops.forecast_alert (
  as_of       timestamptz NOT NULL,
  period      salesops.fiscal_period NOT NULL,
  scope       text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('target at risk', 'target in reach', 'chance moved')),
  target_kind text NOT NULL CHECK (target_kind IN ('plan', 'quota')),
  target      numeric NOT NULL,
  value       float8 NOT NULL,
  bound       float8 NOT NULL,
  before      float8,
  message     text NOT NULL,
  PRIMARY KEY (scope, period, as_of, kind)
);
COMMENT ON TABLE salesops.forecast_alert IS 'Alerts about the chance to make the plan, or else the quota; written by check_forecast_alerts(), never changed';
COMMENT ON COLUMN salesops.forecast_alert.as_of IS 'Instant that it is about';
COMMENT ON COLUMN salesops.forecast_alert.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.forecast_alert.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.forecast_alert.kind IS 'target at risk, target in reach or chance moved';
COMMENT ON COLUMN salesops.forecast_alert.target_kind IS 'plan or quota';
COMMENT ON COLUMN salesops.forecast_alert.target IS 'Its amount, corporate currency';
COMMENT ON COLUMN salesops.forecast_alert.value IS 'Probability to make it';
COMMENT ON COLUMN salesops.forecast_alert.bound IS 'What it crossed; of chance moved: how far it may move';
COMMENT ON COLUMN salesops.forecast_alert.before IS 'Probability of the night before, or of chance moved: 7 days before; NULL = not known';
COMMENT ON COLUMN salesops.forecast_alert.message IS 'The alert in words';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_alert', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.target_chance
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_forecast_alerts() adds the next night.');
COMMENT ON TRIGGER append_only ON salesops.target_chance IS 'what was forecast must stay what it was';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_alert
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_forecast_alerts() adds new alerts.');
COMMENT ON TRIGGER append_only ON salesops.forecast_alert IS 'what was told must stay what it was';

CREATE FUNCTION salesops.scope_targets(as_of timestamptz)
RETURNS SETOF salesops.target_chance LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT scope_targets.as_of, f.period, f.scope, t.kind, t.amount, salesops.probability_at_least(f.total, t.amount)
  FROM salesops.scope_forecasts(scope_targets.as_of) f
  LEFT JOIN salesops.forecast_plans(scope_targets.as_of) p ON p.scope = f.scope AND p.period = f.period
  CROSS JOIN LATERAL (SELECT CASE WHEN p.amount IS NOT NULL THEN 'plan' ELSE 'quota' END AS kind, coalesce(p.amount, f.quota) AS amount) t
  WHERE f.scope_kind <> 'owner' AND t.amount IS NOT NULL AND f.total IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.scope_targets(timestamptz) IS
  'The rows of target_chance for any instant: company, regions and teams with a plan or quota in the running quarter; none without a model that may be believed';

CREATE FUNCTION salesops.due_forecast_alerts(as_of timestamptz)
RETURNS SETOF salesops.forecast_alert LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH threshold AS MATERIALIZED (
    SELECT s.risk::float8 AS risk, (s.risk + 0.05)::float8 AS reach FROM (SELECT salesops.get_setting('alert_threshold')::numeric AS risk) s
  ), night AS MATERIALIZED (
    SELECT c.period, c.scope, c.target_kind, c.target, c.probability AS now,
           (SELECT b FROM salesops.target_chance b
            WHERE b.scope = c.scope AND b.period = c.period AND b.target_kind = c.target_kind AND b.as_of < c.as_of
            ORDER BY b.as_of DESC LIMIT 1) AS night_before,
           (SELECT b FROM salesops.target_chance b
            WHERE b.scope = c.scope AND b.period = c.period AND b.target_kind = c.target_kind AND b.as_of <= c.as_of - interval '7 days'
            ORDER BY b.as_of DESC LIMIT 1) AS week_before,
           coalesce((SELECT a.kind = 'target at risk' FROM salesops.forecast_alert a
                     WHERE a.scope = c.scope AND a.period = c.period AND a.target_kind = c.target_kind AND a.as_of <= c.as_of
                       AND a.kind <> 'chance moved'
                     ORDER BY a.as_of DESC LIMIT 1), false) AS is_at_risk,
           EXISTS (SELECT FROM salesops.forecast_alert a
                   WHERE a.scope = c.scope AND a.period = c.period AND a.target_kind = c.target_kind AND a.kind = 'chance moved'
                     AND a.as_of > c.as_of - interval '7 days' AND a.as_of <= c.as_of) AS is_told
    FROM salesops.target_chance c WHERE c.as_of = due_forecast_alerts.as_of
  )
  SELECT due_forecast_alerts.as_of, n.period, n.scope, a.kind, n.target_kind, n.target, n.now, a.bound, (a.before).probability,
         format('%s, %s: chance to make the %s of %s is %s %%', n.period, n.scope, n.target_kind, round(n.target), round((100 * n.now)::numeric, 1))
         || CASE WHEN a.before IS NULL THEN ''
                 ELSE format(', %s %% %s', round((100 * (a.before).probability)::numeric, 1), a.compared)
                      || CASE WHEN (a.before).target <> n.target THEN format(' (of %s)', round((a.before).target)) ELSE '' END END
  FROM night n CROSS JOIN threshold t
  CROSS JOIN LATERAL (VALUES
    ('target at risk', t.risk, n.night_before, 'the time before', n.now < t.risk AND NOT n.is_at_risk),
    ('target in reach', t.reach, n.night_before, 'the time before', n.now >= t.reach AND n.is_at_risk),
    ('chance moved', 0.1, n.week_before, 'a week before', abs(n.now - (n.week_before).probability) >= 0.1 AND NOT n.is_told)
  ) AS a(kind, bound, before, compared, is_due)
  WHERE a.is_due;
END;
COMMENT ON FUNCTION salesops.due_forecast_alerts(timestamptz) IS
  'The alerts that the rows of target_chance of an instant give rise to and that have not been told; columns as of forecast_alert';

CREATE FUNCTION salesops.check_forecast_alerts(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alert salesops.forecast_alert;
  told bigint := 0;
BEGIN
  PERFORM salesops.check_as_of(as_of);
  INSERT INTO salesops.target_chance SELECT t.* FROM salesops.scope_targets(as_of) t ON CONFLICT DO NOTHING;
  FOR alert IN SELECT d.* FROM salesops.due_forecast_alerts(as_of) d ORDER BY d.scope COLLATE "C", d.kind COLLATE "C" LOOP
    INSERT INTO salesops.forecast_alert SELECT (alert).*;
    PERFORM pg_notify('salesops', (jsonb_build_object('event', 'forecast_alert') || to_jsonb(alert))::text);
    told := told + 1;
  END LOOP;
  RETURN told;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_alerts(timestamptz) IS
  'Keep the chance of the company, each region and team to make its plan, or else its quota, as of an instant, and tell what is due: rows of '
  'forecast_alert, and for each one JSON object to the listeners of channel salesops (event: forecast_alert, and its columns). Returns how many; '
  '0 when called again. 22023 for an instant that is none or in the future';
