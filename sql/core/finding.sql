-- Findings: what is wrong with a thing, from when to when. Rooms report what they see in a run; report_findings() (below)
-- opens an episode for what is new and closes the episode of what is gone. Nothing else is ever updated, so a quiet night
-- writes nothing: when a finding was last seen follows from the runs that completed.

CREATE TABLE salesops.finding (
  finding_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule        text NOT NULL,
  object_kind text NOT NULL,
  source_key  text NOT NULL,
  object_id   text NOT NULL,
  owner_id    text,
  severity    text NOT NULL CHECK (severity IN ('error', 'warning', 'info')),
  value       text,
  bound       text,
  first_seen_at timestamptz NOT NULL,
  first_run_id  bigint NOT NULL,
  resolved_at   timestamptz,
  resolved_run_id bigint
);
CREATE UNIQUE INDEX finding_open ON salesops.finding (rule, object_kind, source_key, object_id) WHERE resolved_at IS NULL;
CREATE INDEX finding_object ON salesops.finding (object_kind, source_key, object_id);
COMMENT ON TABLE salesops.finding IS 'One row an episode: a rule was violated by an object from first_seen_at until resolved_at';
COMMENT ON COLUMN salesops.finding.finding_id IS 'Number of the episode';
COMMENT ON COLUMN salesops.finding.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding.object_kind IS 'opportunity, account, source ...';
COMMENT ON COLUMN salesops.finding.source_key IS 'Source of the object';
COMMENT ON COLUMN salesops.finding.object_id IS 'Object in the source';
COMMENT ON COLUMN salesops.finding.owner_id IS 'Rep who owned the object when the episode began';
COMMENT ON COLUMN salesops.finding.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding.value IS 'Value found when the episode began';
COMMENT ON COLUMN salesops.finding.bound IS 'Bound it was held against';
COMMENT ON COLUMN salesops.finding.first_seen_at IS 'as_of of the run that first saw it';
COMMENT ON COLUMN salesops.finding.first_run_id IS 'That run';
COMMENT ON COLUMN salesops.finding.resolved_at IS 'as_of of the first run that no longer saw it; NULL = still there';
COMMENT ON COLUMN salesops.finding.resolved_run_id IS 'That run';
SELECT pg_catalog.pg_extension_config_dump('salesops.finding', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.finding_finding_id_seq', '');
COMMENT ON SEQUENCE salesops.finding_finding_id_seq IS 'Numbers of findings';

CREATE TYPE salesops.violation AS (source_key text, object_id text, owner_id text, value text);
COMMENT ON TYPE salesops.violation IS 'An object that violates a rule: its key, who owns it, and the value that was found';

CREATE FUNCTION salesops.report_findings(run_id bigint, as_of timestamptz, rule text, object_kind text, severity text, bound text,
                                         seen salesops.violation[], OUT opened bigint, OUT resolved bigint)
LANGUAGE sql
-- Both sides may hold a million rows that the planner cannot count: never loop over one inside the other, nor compile
-- what then seems dear.
SET enable_nestloop = off
SET jit = off
BEGIN ATOMIC
  WITH seen AS MATERIALIZED (
    -- An object that is reported twice has one finding.
    SELECT DISTINCT ON (s.source_key, s.object_id) s.* FROM pg_catalog.unnest(report_findings.seen) s
    ORDER BY s.source_key, s.object_id, s.owner_id, s.value
  ), closed AS (
    UPDATE salesops.finding f SET resolved_at = report_findings.as_of, resolved_run_id = report_findings.run_id
    WHERE f.rule = report_findings.rule AND f.object_kind = report_findings.object_kind AND f.resolved_at IS NULL
      AND NOT EXISTS (SELECT FROM seen s WHERE s.source_key = f.source_key AND s.object_id = f.object_id)
    RETURNING 1
  ), new_episode AS (
    INSERT INTO salesops.finding (rule, object_kind, source_key, object_id, owner_id, severity, value, bound, first_seen_at, first_run_id)
    SELECT report_findings.rule, report_findings.object_kind, s.source_key, s.object_id, s.owner_id, report_findings.severity,
           s.value, report_findings.bound, report_findings.as_of, report_findings.run_id
    FROM seen s
    WHERE NOT EXISTS (SELECT FROM salesops.finding f
                      WHERE f.rule = report_findings.rule AND f.object_kind = report_findings.object_kind AND f.resolved_at IS NULL
                        AND f.source_key = s.source_key AND f.object_id = s.object_id)
    ORDER BY s.source_key, s.object_id
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM new_episode), (SELECT count(*) FROM closed);
END;
COMMENT ON FUNCTION salesops.report_findings(bigint, timestamptz, text, text, text, text, salesops.violation[]) IS
  'Say everything that violates a rule now: opens an episode for what is new, closes the episode of what is gone, leaves the rest untouched; returns how many of each';
