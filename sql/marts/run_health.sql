-- How the nights went: the steps of every run that is still in the log, and the refresh of every mart.

CREATE FUNCTION salesops.mart_run_health(
  OUT run_health_key text, OUT kind text, OUT kind_sort smallint, OUT name text, OUT job text, OUT started_by text,
  OUT run_id bigint, OUT run_date date, OUT run_status text, OUT status text, OUT status_sort smallint, OUT is_latest boolean,
  OUT started_at timestamptz, OUT finished_at timestamptz, OUT seconds numeric, OUT rows_affected bigint,
  OUT sqlstate text, OUT message text, OUT run_as_of timestamptz, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH event AS (
    SELECT jsonb_build_array('step', r.run_id, s.step)::text AS key, 'step' AS kind, 1 AS kind_sort,
           salesops.mart_label(s.step) AS name, r.job, r.started_by, r.run_id, r.local_date AS run_date, r.status AS run_status,
           coalesce(s.status, r.status) AS status, r.run_id = max(r.run_id) OVER (PARTITION BY r.job) AS is_latest,
           coalesce(s.started_at, r.started_at) AS started_at, coalesce(s.finished_at, r.finished_at) AS finished_at,
           s.rows_affected, s.sqlstate, s.message, r.as_of
    FROM salesops.run_log r LEFT JOIN salesops.run_step_log s ON s.run_id = r.run_id
    UNION ALL
    SELECT jsonb_build_array('mart', m.publication_id, m.mart)::text, 'mart', 2, m.mart, '(none)', '(none)', NULL,
           salesops.local_date(m.as_of), '(none)', CASE WHEN m.sqlstate IS NULL THEN 'succeeded' ELSE 'failed' END,
           m.publication_id = max(m.publication_id) OVER (), m.started_at, m.refreshed_at, m.rows, m.sqlstate, m.message, m.as_of
    FROM salesops.mart_refresh m
  )
  SELECT e.key, e.kind, e.kind_sort::smallint, e.name, e.job, e.started_by, e.run_id, e.run_date, e.run_status, e.status,
         (CASE e.status WHEN 'failed' THEN 1 WHEN 'abandoned' THEN 2 WHEN 'running' THEN 3 ELSE 4 END)::smallint, e.is_latest,
         e.started_at, e.finished_at, extract(epoch FROM e.finished_at - e.started_at), e.rows_affected,
         salesops.mart_label(e.sqlstate), salesops.mart_label(e.message), e.as_of, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p CROSS JOIN event e;
END;
COMMENT ON FUNCTION salesops.mart_run_health() IS 'Rows of mart run_health; columns as of mart_columns()';
