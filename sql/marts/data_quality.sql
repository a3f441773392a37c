-- The audit marts: how complete the data was on each day, and each finding.

CREATE FUNCTION salesops.mart_data_quality(
  OUT data_quality_key text, OUT source_key text, OUT audit_date date,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT rule text, OUT checklist text, OUT field text, OUT severity text, OUT severity_sort smallint,
  OUT applicable bigint, OUT passed bigint, OUT failed bigint, OUT completeness numeric, OUT is_latest boolean,
  OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH audited AS MATERIALIZED (
    SELECT DISTINCT ON (d.day) a.run_id, d.day, d.day = max(d.day) OVER () AS is_latest
    FROM salesops.latest_publication() p
    JOIN salesops.audit_log a ON a.as_of <= p.as_of
    CROSS JOIN LATERAL (SELECT (a.as_of AT TIME ZONE p.time_zone)::date AS day) d
    WHERE d.day > p.as_of_date - 92
    ORDER BY d.day, a.as_of DESC, a.audited_at DESC
  )
  SELECT jsonb_build_array(t.source_key, t.owner_id, t.rule, a.day)::text, salesops.mart_label(t.source_key), a.day,
         salesops.mart_label(t.owner_id), CASE WHEN t.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         t.rule, salesops.mart_label(u.checklist_item), salesops.mart_label(u.field), salesops.mart_label(u.severity),
         (CASE u.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END)::smallint,
         t.applicable, t.applicable - t.failed, t.failed,
         CASE WHEN t.applicable > 0 THEN (t.applicable - t.failed)::numeric / t.applicable END, a.is_latest,
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN audited a
  JOIN salesops.audit_tally t ON t.run_id = a.run_id
  LEFT JOIN salesops.audit_rules(p.as_of) u ON u.name = t.rule
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = t.source_key AND w.owner_id = t.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_data_quality() IS 'Rows of mart data_quality; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_data_quality_finding(
  OUT data_quality_finding_key text, OUT source_key text, OUT rule text, OUT checklist text,
  OUT severity text, OUT severity_sort smallint,
  OUT status text, OUT status_sort smallint, OUT object_kind text, OUT object_id text, OUT object text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT value text, OUT bound text, OUT first_seen_date date, OUT episode_date date, OUT resolved_date date, OUT age_days integer,
  OUT amount_at_risk numeric, OUT counted_amount_at_risk numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH episode AS (
    SELECT f.*, min(f.first_seen_at) OVER w AS seen_at, row_number() OVER (w ORDER BY f.first_seen_at, f.finding_id) AS episode
    FROM salesops.latest_publication() p
    JOIN salesops.finding f ON f.first_seen_at <= p.as_of
    WINDOW w AS (PARTITION BY f.rule, f.object_kind, f.source_key, f.object_id)
  ), shown AS (
    SELECT e.*, s.status, d.severity_sort,
           -- A deal with several findings is at risk once: on its gravest open one.
           row_number() OVER (PARTITION BY e.object_kind, e.source_key, e.object_id, s.status = 'resolved'
                              ORDER BY d.severity_sort, e.finding_id) = 1 AS is_counted
    FROM salesops.latest_publication() p
    CROSS JOIN episode e
    CROSS JOIN LATERAL (SELECT CASE WHEN e.resolved_at <= p.as_of THEN 'resolved'
                                    WHEN e.episode > 1 THEN 'reopened' ELSE 'open' END AS status) s
    CROSS JOIN LATERAL (SELECT (CASE e.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END)::smallint AS severity_sort) d
    WHERE s.status <> 'resolved' OR e.resolved_at > p.as_of - interval '92 days'
  )
  SELECT f.finding_id::text, salesops.mart_label(f.source_key), f.rule, salesops.mart_label(u.checklist_item),
         f.severity, f.severity_sort,
         f.status, (CASE f.status WHEN 'reopened' THEN 1 WHEN 'open' THEN 2 ELSE 3 END)::smallint,
         f.object_kind, f.object_id, salesops.mart_label(o.name),
         salesops.mart_label(f.owner_id), CASE WHEN f.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         salesops.mart_label(f.value), salesops.mart_label(f.bound), (f.seen_at AT TIME ZONE p.time_zone)::date, d.began, d.ended,
         coalesce(d.ended, p.as_of_date) - d.began,
         r.amount, CASE WHEN f.status = 'resolved' THEN NULL WHEN f.is_counted THEN r.amount WHEN r.amount IS NOT NULL THEN 0 END,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN shown f
  CROSS JOIN LATERAL (SELECT (f.first_seen_at AT TIME ZONE p.time_zone)::date AS began,
                             CASE f.status WHEN 'resolved' THEN (f.resolved_at AT TIME ZONE p.time_zone)::date END AS ended) d
  LEFT JOIN salesops.audit_rules(p.as_of) u ON u.name = f.rule
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = f.source_key AND w.owner_id = f.owner_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.opportunity_state(p.as_of, p.as_of) x) o
    ON f.object_kind = 'opportunity' AND o.source_key = f.source_key AND o.id = f.object_id
  LEFT JOIN salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
    ON c.category OPERATOR(salesops.=) o.category
  CROSS JOIN LATERAL (SELECT o.corporate_amount * p.weights[c."position"] AS amount) r;
END;
COMMENT ON FUNCTION salesops.mart_data_quality_finding() IS
  'Rows of mart data_quality_finding; columns as of mart_columns()';
