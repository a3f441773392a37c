-- status.sql: how the jobs are doing.

CREATE VIEW salesops.run_status AS
SELECT j.job, last.run_id AS last_run_id, last.status AS last_status, last.started_at AS last_started_at,
       good.finished_at AS last_success_at, good.as_of AS last_success_as_of, salesops.clock() - good.finished_at AS age,
       (SELECT count(*)
        FROM salesops.run_log r
        WHERE r.job = j.job AND r.status IN ('failed', 'abandoned')
          AND r.started_at > coalesce(good.started_at, '-infinity')) AS consecutive_failures,
       salesops.next_due(j.job, salesops.clock()) AS next_due,
       salesops.run_lock_holder() AS running_pid
FROM (SELECT s.job FROM salesops.schedule s UNION SELECT r.job FROM salesops.run_log r) AS j
LEFT JOIN LATERAL (
  SELECT r.run_id, r.status, r.started_at
  FROM salesops.run_log r
  WHERE r.job = j.job
  ORDER BY r.started_at DESC, r.run_id DESC
  LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
  SELECT r.started_at, r.finished_at, r.as_of
  FROM salesops.run_log r
  WHERE r.job = j.job AND r.status = 'succeeded'
  ORDER BY r.started_at DESC, r.run_id DESC
  LIMIT 1
) AS good ON true;

COMMENT ON VIEW salesops.run_status IS 'One row per job that has a schedule or has run: how it is doing';
COMMENT ON COLUMN salesops.run_status.job IS 'Name of the job';
COMMENT ON COLUMN salesops.run_status.last_run_id IS 'The run begun last';
COMMENT ON COLUMN salesops.run_status.last_status IS
  'Status of that run; running without a running_pid means that its process went away';
COMMENT ON COLUMN salesops.run_status.last_started_at IS 'Wall clock when that run began';
COMMENT ON COLUMN salesops.run_status.last_success_at IS 'Wall clock when the last run without a failed step ended';
COMMENT ON COLUMN salesops.run_status.last_success_as_of IS 'Instant for which that run computed';
COMMENT ON COLUMN salesops.run_status.age IS 'Time since last_success_at';
COMMENT ON COLUMN salesops.run_status.consecutive_failures IS 'Runs failed or abandoned since the last success';
COMMENT ON COLUMN salesops.run_status.next_due IS
  'When the worker runs it next; NULL without a schedule or when disabled';
COMMENT ON COLUMN salesops.run_status.running_pid IS 'Process that is running a job in this database now, NULL if none';
