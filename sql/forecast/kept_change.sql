-- Why the forecast moved, kept night by night for the marts: it takes the deals of three instants and is not computed while dashboards wait.

CREATE TABLE salesops.scope_change (
  as_of        timestamptz NOT NULL,
  span         text NOT NULL CHECK (span IN ('since the quarter began', 'last 7 days')),
  from_instant timestamptz NOT NULL,
  period       salesops.fiscal_period NOT NULL,
  scope        text NOT NULL,
  cause        text NOT NULL,
  deals        bigint,
  amount       numeric NOT NULL,
  PRIMARY KEY (as_of, span, scope, cause)
);
COMMENT ON TABLE salesops.scope_change IS 'Why the forecast of company, regions and teams had moved, night by night; written by keep_changes(), never changed';
COMMENT ON COLUMN salesops.scope_change.as_of IS 'Instant up to which it moved';
COMMENT ON COLUMN salesops.scope_change.span IS 'Since when, one of change_spans()';
COMMENT ON COLUMN salesops.scope_change.from_instant IS 'Instant since which';
COMMENT ON COLUMN salesops.scope_change.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.scope_change.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.scope_change.cause IS 'One of forecast_causes()';
COMMENT ON COLUMN salesops.scope_change.deals IS 'Deals that moved it; NULL for new business';
COMMENT ON COLUMN salesops.scope_change.amount IS 'What the cause has in the change of the expected amount, corporate currency';
SELECT pg_catalog.pg_extension_config_dump('salesops.scope_change', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.scope_change
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('keep_changes() adds the next night.');
COMMENT ON TRIGGER append_only ON salesops.scope_change IS 'what was said of a forecast must stay what it was';

CREATE FUNCTION salesops.change_spans(as_of timestamptz, OUT span text, OUT span_sort smallint, OUT from_instant timestamptz, OUT period salesops.fiscal_period)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  SELECT s.span, s.sort, s.instant, h.period
  FROM salesops.forecast_horizon(change_spans.as_of) h
  -- Of the time before the first sync nothing was known: everything would be created.
  CROSS JOIN (SELECT min(y.as_of) AS first FROM salesops.source_sync y WHERE y.entity = 'opportunity') k
  CROSS JOIN LATERAL (SELECT least(change_spans.as_of, greatest(salesops.end_of_day(h.start_date - 1), k.first)) AS instant) q
  CROSS JOIN LATERAL (VALUES ('since the quarter began', 1::smallint, q.instant),
                             ('last 7 days', 2::smallint, greatest(q.instant, change_spans.as_of - interval '7 days'))) AS s(span, sort, instant)
  WHERE h.period IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.change_spans(timestamptz) IS
  'The spans of scope_change at an instant, both up to it: since the running quarter began (from its last instant before), and the last 7 days, neither '
  'from before the quarter or the first sync';

CREATE FUNCTION salesops.keep_changes(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kept bigint;
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  INSERT INTO salesops.scope_change (as_of, span, from_instant, period, scope, cause, deals, amount)
  SELECT as_of, s.span, s.from_instant, s.period, c.scope, c.cause, c.deals, c.amount
  FROM salesops.change_spans(as_of) s CROSS JOIN LATERAL salesops.scope_changes(s.from_instant, as_of, s.period) c
  WHERE NOT EXISTS (SELECT FROM salesops.scope_change k WHERE k.as_of = keep_changes.as_of);
  GET DIAGNOSTICS kept = ROW_COUNT;
  RETURN kept;
END $$;
COMMENT ON FUNCTION salesops.keep_changes(timestamptz) IS
  'Keep scope_changes() over the spans of change_spans() as of an instant, for mart forecast_change; returns the rows, 0 when called again. 22023 for an '
  'instant that is none or in the future';
