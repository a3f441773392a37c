-- What the audits say: the state of each finding, the money at risk, completeness, and findings by cause.

CREATE FUNCTION salesops.last_audit(OUT run_id bigint, OUT as_of timestamptz, OUT known_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT l.run_id, l.as_of, l.known_at FROM salesops.audit_log l ORDER BY l.as_of DESC, l.audited_at DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.last_audit() IS 'The last audit that completed; no row before the first';

CREATE FUNCTION salesops.amount_at_risk(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT source_key text, OUT id text, OUT name text, OUT owner_id text,
                                        OUT close_quarter salesops.fiscal_period, OUT category salesops.forecast_category,
                                        OUT corporate_amount numeric, OUT amount_basis text, OUT amount_at_risk numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT o.source_key, o.id, o.name, o.owner_id, o.close_quarter, o.category, o.corporate_amount, o.amount_basis,
         o.corporate_amount * w.weight
  FROM salesops.opportunity_state(amount_at_risk.as_of, amount_at_risk.known_at) o
  LEFT JOIN (SELECT c.category, x.weight
             FROM unnest(salesops.weights(salesops.get_setting('weight_set'), amount_at_risk.as_of)) WITH ORDINALITY x(weight, n)
             JOIN (SELECT f.category, row_number() OVER (ORDER BY f.rank) AS n FROM salesops.forecast_categories() f) c ON c.n = x.n) w
    ON w.category = o.category
  WHERE o.is_open;
END;
COMMENT ON FUNCTION salesops.amount_at_risk(timestamptz, timestamptz) IS
  'Open deals with their weighted amount in corporate currency (unrounded), by the weight set of the published forecast; NULL where the amount, its rate or the category is unknown';

CREATE VIEW salesops.finding_status AS
  WITH last AS MATERIALIZED (SELECT l.* FROM salesops.last_audit() l),
  audit AS (
    SELECT l.run_id, pg_catalog.lag(l.as_of) OVER (ORDER BY l.as_of, l.audited_at) AS as_of_before FROM salesops.audit_log l
  ), episode AS (
    SELECT DISTINCT ON (f.rule, f.object_kind, f.source_key, f.object_id) f.*,
           min(f.first_seen_at) OVER k AS first_episode_at, count(*) OVER k AS episodes
    FROM salesops.finding f
    WINDOW k AS (PARTITION BY f.rule, f.object_kind, f.source_key, f.object_id)
    ORDER BY f.rule, f.object_kind, f.source_key, f.object_id, f.finding_id DESC
  )
  SELECT e.finding_id, e.rule, e.object_kind, e.source_key, e.object_id, e.owner_id, e.severity,
         CASE WHEN e.resolved_at IS NOT NULL THEN 'resolved' WHEN e.episodes > 1 THEN 'reopened' ELSE 'open' END AS status,
         e.value, e.bound,
         e.first_episode_at AS first_seen_at,
         CASE WHEN e.resolved_at IS NULL THEN greatest((SELECT l.as_of FROM last l), e.first_seen_at)
              ELSE greatest(a.as_of_before, e.first_seen_at) END AS last_seen_at,
         e.resolved_at, e.episodes,
         coalesce(e.resolved_at, greatest((SELECT l.as_of FROM last l), e.first_seen_at)) - e.first_seen_at AS age,
         r.description, r.checklist_item, r.field, r.cause,
         d.name AS deal_name, d.close_quarter,
         CASE WHEN e.resolved_at IS NULL THEN d.amount_at_risk END AS amount_at_risk,
         CASE WHEN e.resolved_at IS NULL THEN d.amount_basis END AS amount_basis
  FROM episode e
  LEFT JOIN salesops.audit_rules('infinity') r ON r.name = e.rule
  LEFT JOIN audit a ON a.run_id = e.resolved_run_id
  LEFT JOIN (SELECT x.* FROM last l CROSS JOIN LATERAL salesops.amount_at_risk(l.as_of, l.known_at) x) d
    ON e.object_kind = 'opportunity' AND d.source_key = e.source_key AND d.id = e.object_id;
COMMENT ON VIEW salesops.finding_status IS 'One row a finding, whatever its episodes: where it stands after the last audit';
COMMENT ON COLUMN salesops.finding_status.finding_id IS 'Its latest episode (finding)';
COMMENT ON COLUMN salesops.finding_status.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding_status.object_kind IS 'opportunity, account, source or rule';
COMMENT ON COLUMN salesops.finding_status.source_key IS 'Source of the object';
COMMENT ON COLUMN salesops.finding_status.object_id IS 'Object in the source';
COMMENT ON COLUMN salesops.finding_status.owner_id IS 'Rep who owned the object when the episode began';
COMMENT ON COLUMN salesops.finding_status.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding_status.status IS 'open, reopened (was resolved before) or resolved';
COMMENT ON COLUMN salesops.finding_status.value IS 'Value found when the episode began';
COMMENT ON COLUMN salesops.finding_status.bound IS 'Bound it was held against';
COMMENT ON COLUMN salesops.finding_status.first_seen_at IS 'as_of of the audit that first saw it, in any episode';
COMMENT ON COLUMN salesops.finding_status.last_seen_at IS 'as_of of the last audit that saw it';
COMMENT ON COLUMN salesops.finding_status.resolved_at IS 'as_of of the first audit that no longer saw it; NULL = it is there';
COMMENT ON COLUMN salesops.finding_status.episodes IS 'How often it appeared';
COMMENT ON COLUMN salesops.finding_status.age IS 'How long its latest episode lasts or lasted';
COMMENT ON COLUMN salesops.finding_status.description IS 'What holds for an object that passes';
COMMENT ON COLUMN salesops.finding_status.checklist_item IS 'Point of the checklist; NULL = beyond it';
COMMENT ON COLUMN salesops.finding_status.field IS 'Field it is about';
COMMENT ON COLUMN salesops.finding_status.cause IS 'What one fix would cure: the same value, or the same owner';
COMMENT ON COLUMN salesops.finding_status.deal_name IS 'Name of the deal; NULL = no open deal';
COMMENT ON COLUMN salesops.finding_status.close_quarter IS 'Fiscal quarter the deal closes in: where the amount is at risk';
COMMENT ON COLUMN salesops.finding_status.amount_at_risk IS 'Weighted amount of the deal in corporate currency; NULL = unknown amount, rate or category, or resolved';
COMMENT ON COLUMN salesops.finding_status.amount_basis IS 'stated, list price (an estimate) or unknown';

CREATE VIEW salesops.money_at_risk AS
  SELECT g.scope, g.member, count(*) AS deals, count(*) - count(g.amount_at_risk) AS deals_without_amount,
         sum(g.amount_at_risk) AS amount_at_risk
  FROM (SELECT DISTINCT s.scope, s.member, f.source_key, f.object_id, f.amount_at_risk
        FROM salesops.finding_status f
        CROSS JOIN LATERAL (VALUES ('total', ''), ('source', f.source_key), ('rule', f.rule), ('severity', f.severity),
                                   ('owner', coalesce(f.owner_id, '(none)')),
                                   ('quarter', coalesce(f.close_quarter::text, '(none)'))) AS s(scope, member)
        WHERE f.object_kind = 'opportunity' AND f.status <> 'resolved') g
  GROUP BY g.scope, g.member;
COMMENT ON VIEW salesops.money_at_risk IS
  'Money at risk by open findings, in total and by source, rule, severity, owner and close quarter: each deal counts once in each, so the parts may add up to more than the total';
COMMENT ON COLUMN salesops.money_at_risk.scope IS 'total, source, rule, severity, owner or quarter';
COMMENT ON COLUMN salesops.money_at_risk.member IS 'Which one';
COMMENT ON COLUMN salesops.money_at_risk.deals IS 'Deals with an open finding';
COMMENT ON COLUMN salesops.money_at_risk.deals_without_amount IS 'Those whose weighted amount is unknown: they are not in the sum';
COMMENT ON COLUMN salesops.money_at_risk.amount_at_risk IS 'Their weighted amount in corporate currency; NULL = unknown for all of them';

CREATE FUNCTION salesops.completeness_label(completeness numeric)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN completeness >= 0.95 THEN 'on target' WHEN completeness >= 0.80 THEN 'below target'
              WHEN completeness IS NOT NULL THEN 'alarm' ELSE 'nothing to check' END;
END;
COMMENT ON FUNCTION salesops.completeness_label(numeric) IS 'on target from 95 %, alarm under 80 %, below target between';

CREATE FUNCTION salesops.completeness_of(run_id bigint, OUT scope text, OUT source_key text, OUT member text, OUT name text,
                                         OUT applicable numeric, OUT passed numeric, OUT completeness numeric,
                                         OUT target numeric, OUT alarm numeric, OUT label text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT g.scope, g.source_key, g.member, g.name, g.applicable, g.applicable - g.failed, c.completeness,
         0.95, 0.80, salesops.completeness_label(c.completeness)
  FROM (
    SELECT s.scope, t.source_key, s.member, s.name, sum(t.applicable) AS applicable, sum(t.failed) AS failed
    FROM salesops.audit_tally t
    JOIN salesops.audit_rules('infinity') r ON r.name = t.rule AND r.object_kind = 'opportunity'
    LEFT JOIN salesops.rep p ON p.source_key = t.source_key AND p.id = t.owner_id
    CROSS JOIN LATERAL (VALUES
      -- How complete a rep, a team or all deals are is a matter of the checklist; each rule stands for itself.
      ('all', '', 'All open deals', r.checklist_item IS NOT NULL),
      ('rep', coalesce(t.owner_id, '(none)'), coalesce(p.name, t.owner_id, '(no owner)'), r.checklist_item IS NOT NULL),
      ('team', coalesce(p.team, '(none)'), coalesce(p.team, '(no team)'), r.checklist_item IS NOT NULL),
      ('checklist', r.checklist_item, r.checklist_item, r.checklist_item IS NOT NULL),
      ('field', r.field, r.field, r.checklist_item = 'required_fields'),
      ('rule', r.name, r.description, true)) AS s(scope, member, name, counts)
    WHERE t.run_id = completeness_of.run_id AND s.counts
    GROUP BY s.scope, t.source_key, s.member, s.name) g
  CROSS JOIN LATERAL (SELECT (g.applicable - g.failed) / nullif(g.applicable, 0) AS completeness) c;
END;
COMMENT ON FUNCTION salesops.completeness_of(bigint) IS
  'Completeness (passed / applicable, 0-1) in an audit, by source: of all open deals, each rep, team, point of the checklist, required field and rule; a rule that was not checkable does not count';

CREATE VIEW salesops.completeness AS
  SELECT l.run_id, l.as_of, c.* FROM salesops.last_audit() l CROSS JOIN LATERAL salesops.completeness_of(l.run_id) c;
COMMENT ON VIEW salesops.completeness IS 'Completeness in the last audit, with the bars of 95 % (target) and 80 % (alarm)';
COMMENT ON COLUMN salesops.completeness.run_id IS 'Audit';
COMMENT ON COLUMN salesops.completeness.as_of IS 'Instant that was audited';
COMMENT ON COLUMN salesops.completeness.scope IS 'all, rep, team, checklist, field or rule';
COMMENT ON COLUMN salesops.completeness.source_key IS 'Source';
COMMENT ON COLUMN salesops.completeness.member IS 'Which rep, team, point, field or rule';
COMMENT ON COLUMN salesops.completeness.name IS 'Its name';
COMMENT ON COLUMN salesops.completeness.applicable IS 'Checks that applied';
COMMENT ON COLUMN salesops.completeness.passed IS 'Those that passed';
COMMENT ON COLUMN salesops.completeness.completeness IS 'passed / applicable, 0-1; unrounded';
COMMENT ON COLUMN salesops.completeness.target IS 'Target: 0.95';
COMMENT ON COLUMN salesops.completeness.alarm IS 'Alarm under: 0.80';
COMMENT ON COLUMN salesops.completeness.label IS 'on target, below target or alarm';

CREATE VIEW salesops.finding_cause AS
  SELECT f.rule, f.severity, f.source_key, f.cause, c.member, count(*) AS findings, count(*) FILTER (WHERE f.object_kind = 'opportunity') AS deals,
         count(DISTINCT f.owner_id) AS owners, min(f.first_seen_at) AS first_seen_at,
         count(*) FILTER (WHERE f.object_kind = 'opportunity' AND f.amount_at_risk IS NULL) AS deals_without_amount,
         sum(f.amount_at_risk) AS amount_at_risk
  FROM salesops.finding_status f
  CROSS JOIN LATERAL (SELECT CASE f.cause WHEN 'value' THEN coalesce(f.value, '(none)') ELSE coalesce(f.owner_id, '(none)') END AS member) c
  WHERE f.status <> 'resolved'
  GROUP BY f.rule, f.severity, f.source_key, f.cause, c.member;
COMMENT ON VIEW salesops.finding_cause IS 'Open findings grouped by what one fix would cure: a map row for one value, or a word with one owner';
COMMENT ON COLUMN salesops.finding_cause.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding_cause.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding_cause.source_key IS 'Source';
COMMENT ON COLUMN salesops.finding_cause.cause IS 'value or owner';
COMMENT ON COLUMN salesops.finding_cause.member IS 'Which value, which owner';
COMMENT ON COLUMN salesops.finding_cause.findings IS 'Open findings';
COMMENT ON COLUMN salesops.finding_cause.deals IS 'Of these, about a deal';
COMMENT ON COLUMN salesops.finding_cause.owners IS 'Owners concerned';
COMMENT ON COLUMN salesops.finding_cause.first_seen_at IS 'When the oldest was first seen';
COMMENT ON COLUMN salesops.finding_cause.deals_without_amount IS 'Deals whose weighted amount is unknown';
COMMENT ON COLUMN salesops.finding_cause.amount_at_risk IS 'Weighted amount of the deals in corporate currency (within one rule a deal counts once)';
