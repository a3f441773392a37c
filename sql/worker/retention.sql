-- retention.sql: how long the log is kept.

-- A series stays or goes as a whole, so that what a slot came to can be told as long as anything of it can. The last one of
-- each kind and the last success stay whatever their age: the schedule and run_status read them.
CREATE FUNCTION salesops.purge_run_log(keep interval, as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH series AS (
    SELECT r.series, r.job, r.started_by, max(r.started_at) AS started_at, bool_or(r.status = 'running') AS is_running,
           bool_or(r.status = 'succeeded') AS has_succeeded
    FROM salesops.run_log r
    GROUP BY r.series, r.job, r.started_by
  ), ranked AS (
    SELECT s.*, s.series = max(s.series) OVER (PARTITION BY s.job, s.started_by) AS is_last,
           s.series IS NOT DISTINCT FROM max(s.series) FILTER (WHERE s.has_succeeded) OVER (PARTITION BY s.job) AS is_last_success
    FROM series s
  ), purged AS (
    DELETE FROM salesops.run_log r
    USING ranked k
    WHERE r.series = k.series AND k.started_at < purge_run_log.as_of - purge_run_log.keep
      AND NOT k.is_running AND NOT k.is_last AND NOT k.is_last_success
    RETURNING r.run_id
  )
  SELECT count(*) FROM purged;
END;
COMMENT ON FUNCTION salesops.purge_run_log(interval, timestamptz) IS
  'Deletes runs begun longer ago than keep, with their steps and further attempts, and returns their number; the last scheduled '
  'run, the last manual run and the last success of each job stay';

CREATE FUNCTION salesops.step_purge(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.purge_run_log(salesops.get_setting('run_log_keep')::interval, step_purge.as_of)
       + salesops.purge_territory_plans(salesops.get_setting('territory_draft_keep')::interval, step_purge.as_of);
END;
COMMENT ON FUNCTION salesops.step_purge(bigint, timestamptz) IS
  'Step purge: purge_run_log() by the setting run_log_keep and purge_territory_plans() by territory_draft_keep, counted back from as_of; returns the runs and plans deleted';
