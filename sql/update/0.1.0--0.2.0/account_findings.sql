-- Findings are about accounts too.
COMMENT ON COLUMN salesops.finding.object_kind IS 'opportunity, account, source ...';
COMMENT ON COLUMN salesops.finding_status.object_kind IS 'opportunity, account, source or rule';
