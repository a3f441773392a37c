-- Alerts: the chance to make the quota, kept night by night, and told when it matters.
--
--   quota at risk    the chance is under the threshold (one half); told once, and again only after
--   quota in reach   it was at risk and is 5 points above the threshold: what wavers about it is not told every night
--   chance moved     it is 10 points or more away from what it was 7 days ago; told once in 7 days
--
-- For the company, regions and teams: of one rep's few deals the chance is always moving. Where there is no model that may be believed, or
-- no quota, there is no chance and no alert. Everything is computed from rows, none of them later than the instant, so a night told again
-- tells nothing new.

CREATE TABLE salesops.quota_chance (
  as_of       timestamptz NOT NULL,
  period      salesops.fiscal_period NOT NULL,
  scope       text NOT NULL,
  quota       numeric NOT NULL,
  probability float8 NOT NULL,
  PRIMARY KEY (scope, period, as_of)
);
COMMENT ON TABLE salesops.quota_chance IS 'Probability to make the quota, as it was each night; written by check_forecast_alerts(), never changed';
COMMENT ON COLUMN salesops.quota_chance.as_of IS 'Instant of the forecast';
COMMENT ON COLUMN salesops.quota_chance.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.quota_chance.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.quota_chance.quota IS 'Quota of the scope, corporate currency';
COMMENT ON COLUMN salesops.quota_chance.probability IS 'Probability that it is made: probability_at_least_quota of forecast()';
SELECT pg_catalog.pg_extension_config_dump('salesops.quota_chance', '');

CREATE TABLE salesops.forecast_alert (
  as_of   timestamptz NOT NULL,
  period  salesops.fiscal_period NOT NULL,
  scope   text NOT NULL,
  kind    text NOT NULL CHECK (kind IN ('quota at risk', 'quota in reach', 'chance moved')),
  value   float8 NOT NULL,
  bound   float8 NOT NULL,
  before  float8,
  message text NOT NULL,
  PRIMARY KEY (scope, period, as_of, kind)
);
COMMENT ON TABLE salesops.forecast_alert IS 'Alerts about the chance to make the quota; written by check_forecast_alerts(), never changed';
COMMENT ON COLUMN salesops.forecast_alert.as_of IS 'Instant that it is about';
COMMENT ON COLUMN salesops.forecast_alert.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.forecast_alert.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.forecast_alert.kind IS 'quota at risk, quota in reach or chance moved';
COMMENT ON COLUMN salesops.forecast_alert.value IS 'Probability to make the quota';
COMMENT ON COLUMN salesops.forecast_alert.bound IS 'What it crossed; of chance moved: how far it may move';
COMMENT ON COLUMN salesops.forecast_alert.before IS 'Probability of the night before, or of chance moved: 7 days before; NULL = not known';
COMMENT ON COLUMN salesops.forecast_alert.message IS 'The alert in words';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_alert', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.quota_chance
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_forecast_alerts() adds the next night.');
COMMENT ON TRIGGER append_only ON salesops.quota_chance IS 'what was forecast must stay what it was';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_alert
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('check_forecast_alerts() adds new alerts.');
COMMENT ON TRIGGER append_only ON salesops.forecast_alert IS 'what was told must stay what it was';

CREATE FUNCTION salesops.due_forecast_alerts(as_of timestamptz)
RETURNS SETOF salesops.forecast_alert LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH night AS MATERIALIZED (
    SELECT c.period, c.scope, c.probability AS now,
           (SELECT b.probability FROM salesops.quota_chance b
            WHERE b.scope = c.scope AND b.period = c.period AND b.as_of < c.as_of ORDER BY b.as_of DESC LIMIT 1) AS night_before,
           (SELECT b.probability FROM salesops.quota_chance b
            WHERE b.scope = c.scope AND b.period = c.period AND b.as_of <= c.as_of - interval '7 days' ORDER BY b.as_of DESC LIMIT 1) AS week_before,
           coalesce((SELECT a.kind = 'quota at risk' FROM salesops.forecast_alert a
                     WHERE a.scope = c.scope AND a.period = c.period AND a.as_of <= c.as_of AND a.kind <> 'chance moved'
                     ORDER BY a.as_of DESC LIMIT 1), false) AS is_at_risk,
           EXISTS (SELECT FROM salesops.forecast_alert a
                   WHERE a.scope = c.scope AND a.period = c.period AND a.kind = 'chance moved'
                     AND a.as_of > c.as_of - interval '7 days' AND a.as_of <= c.as_of) AS is_told
    FROM salesops.quota_chance c WHERE c.as_of = due_forecast_alerts.as_of
  )
  SELECT due_forecast_alerts.as_of, n.period, n.scope, a.kind, n.now, a.bound, a.before,
         format('%s, %s: chance to make the quota %s %%%s', n.period, n.scope, round((100 * n.now)::numeric, 1),
                CASE WHEN a.before IS NOT NULL THEN format(', %s %% %s', round((100 * a.before)::numeric, 1), a.compared) ELSE '' END)
  FROM night n
  CROSS JOIN LATERAL (VALUES
    ('quota at risk', 0.5::float8, n.night_before, 'the time before', n.now < 0.5 AND NOT n.is_at_risk),
    ('quota in reach', 0.55, n.night_before, 'the time before', n.now >= 0.55 AND n.is_at_risk),
    ('chance moved', 0.1, n.week_before, 'a week before', abs(n.now - n.week_before) >= 0.1 AND NOT n.is_told)
  ) AS a(kind, bound, before, compared, is_due)
  WHERE a.is_due;
END;
COMMENT ON FUNCTION salesops.due_forecast_alerts(timestamptz) IS
  'The alerts that the rows of quota_chance of an instant give rise to and that have not been told; columns as of forecast_alert';

CREATE FUNCTION salesops.check_forecast_alerts(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  alert salesops.forecast_alert;
  told bigint := 0;
BEGIN
  PERFORM salesops.check_as_of(as_of);
  INSERT INTO salesops.quota_chance (as_of, period, scope, quota, probability)
  SELECT check_forecast_alerts.as_of, f.period, f.scope, f.quota, f.probability_at_least_quota
  FROM salesops.scope_forecasts(check_forecast_alerts.as_of) f
  WHERE f.scope_kind <> 'owner' AND f.probability_at_least_quota IS NOT NULL
  ON CONFLICT DO NOTHING;
  FOR alert IN SELECT d.* FROM salesops.due_forecast_alerts(as_of) d ORDER BY d.scope COLLATE "C", d.kind COLLATE "C" LOOP
    INSERT INTO salesops.forecast_alert SELECT (alert).*;
    PERFORM pg_notify('salesops', jsonb_build_object('event', 'forecast_alert', 'as_of', alert.as_of, 'period', alert.period::text,
                                                     'scope', alert.scope, 'kind', alert.kind, 'value', alert.value, 'bound', alert.bound,
                                                     'before', alert.before, 'message', alert.message)::text);
    told := told + 1;
  END LOOP;
  RETURN told;
END $$;
COMMENT ON FUNCTION salesops.check_forecast_alerts(timestamptz) IS
  'Keep the chance to make the quota of the company, each region and team as of an instant, and tell what is due: rows of forecast_alert, and for each '
  'one JSON object to the listeners of channel salesops (event: forecast_alert, and its columns). Returns how many; 0 when called again. 22023 '
  'for an instant that is none or in the future';
