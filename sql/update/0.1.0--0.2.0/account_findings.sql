-- Findings are about accounts too.
COMMENT ON COLUMN salesops.finding.object_kind IS 'opportunity, account, source ...';
COMMENT ON COLUMN salesops.finding_status.object_kind IS 'opportunity, account, source or rule';

-- ... and have rules that say what they mean.
CREATE OR REPLACE FUNCTION salesops.audit_rules(
  as_of timestamptz DEFAULT now(),
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text,
  OUT is_enabled boolean, OUT is_default boolean, OUT rule_owner text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (r.name) r.* FROM salesops.audit_rule r
    WHERE r.valid_from <= audit_rules.as_of
    ORDER BY r.name, r.valid_from DESC, r.version_id DESC
  ), given AS (
    SELECT d.* FROM salesops.default_rules() d UNION ALL SELECT a.* FROM salesops.account_rules() a
  )
  SELECT d.name, d.checklist_item, d.field, d.object_kind, d.applies, d.violation, d.value,
         CASE WHEN s.name IS NULL THEN d.bound ELSE s.bound END, coalesce(s.severity, d.severity),
         d.cause, d.targets, d.description, coalesce(s.is_enabled, true), true,
         (SELECT pg_catalog.pg_get_userbyid(e.extowner)::text FROM pg_catalog.pg_extension e WHERE e.extname = 'salesops')
  FROM given d LEFT JOIN said s ON s.name = d.name AND s.violation IS NULL
  UNION ALL
  SELECT s.name, s.checklist_item, s.field, s.object_kind, s.applies, s.violation, s.value, s.bound, s.severity,
         s.cause, s.targets, s.description, s.is_enabled, false, s.rule_owner
  FROM said s
  WHERE s.violation IS NOT NULL AND NOT EXISTS (SELECT FROM given d WHERE d.name = s.name);
END;
