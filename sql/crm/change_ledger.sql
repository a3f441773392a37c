-- What changed of opportunities. An update replaces it.

CREATE OR REPLACE VIEW salesops.change_ledger AS
  SELECT v.source_key, v.id AS opportunity_id, v.effective_at, v.recorded_at, v.origin, c.field, c.old_value, c.new_value
  FROM (SELECT n.*, pg_catalog.lag(n.*) OVER (PARTITION BY n.source_key, n.id ORDER BY n.effective_at, n.recorded_at, n.is_present) AS before
        FROM salesops.opportunity_version n) v
  CROSS JOIN LATERAL (VALUES
    ('amount', pg_catalog.trim_scale((v.before).amount)::text, pg_catalog.trim_scale(v.amount)::text),
    ('currency', (v.before).currency, v.currency),
    ('pipeline', (v.before).pipeline, v.pipeline),
    ('stage', (v.before).stage, v.stage),
    ('forecast_category', (v.before).forecast_category, v.forecast_category),
    -- Not a cast, whose spelling would follow the session's DateStyle: a date in JSON is YYYY-MM-DD.
    ('close_date', pg_catalog.to_jsonb((v.before).close_date) #>> '{}', pg_catalog.to_jsonb(v.close_date) #>> '{}'),
    ('owner_id', (v.before).owner_id, v.owner_id),
    ('account_id', (v.before).account_id, v.account_id),
    ('next_step', (v.before).next_step, v.next_step),
    ('is_closed', (v.before).is_closed::text, v.is_closed::text),
    ('is_won', (v.before).is_won::text, v.is_won::text),
    ('is_deleted', (v.before).is_deleted::text, v.is_deleted::text)
  ) AS c(field, old_value, new_value)
  WHERE v.before IS DISTINCT FROM NULL AND c.old_value IS DISTINCT FROM c.new_value;
COMMENT ON VIEW salesops.change_ledger IS 'One row a changed field of an opportunity: what it was, what it became, from when, and when we knew';
COMMENT ON COLUMN salesops.change_ledger.source_key IS 'Source of the opportunity';
COMMENT ON COLUMN salesops.change_ledger.opportunity_id IS 'Its id there';
COMMENT ON COLUMN salesops.change_ledger.field IS 'Column of salesops.opportunity that changed';
COMMENT ON COLUMN salesops.change_ledger.old_value IS 'What it was, as text, a date as YYYY-MM-DD; NULL = not stated';
COMMENT ON COLUMN salesops.change_ledger.new_value IS 'What it became';
COMMENT ON COLUMN salesops.change_ledger.effective_at IS 'When the change became true';
COMMENT ON COLUMN salesops.change_ledger.recorded_at IS 'When we knew';
COMMENT ON COLUMN salesops.change_ledger.origin IS 'Our own sync, the CRM''s own history, or reconstructed from dates';
