-- run.sql: the run log. What ran, when, as of which instant, and how each step ended.
--
-- Every room may read it; only the functions of the worker room write it. The wall clock appears in
-- started_at and finished_at alone: whatever a run computes, it computes from its as_of.

CREATE TABLE salesops.run_log (
  run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job         text        NOT NULL,
  local_date  date        NOT NULL,
  as_of       timestamptz NOT NULL,
  started_by  text        NOT NULL CHECK (started_by IN ('schedule', 'manual')),
  slot        integer,
  due_at      timestamptz,
  attempt     integer     NOT NULL DEFAULT 1 CHECK (attempt > 0),
  retries     bigint      REFERENCES salesops.run_log ON DELETE CASCADE,
  series      bigint      NOT NULL GENERATED ALWAYS AS (coalesce(retries, run_id)) STORED,
  retry_at    timestamptz,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  status      text        NOT NULL DEFAULT 'running'
                          CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  backend_pid integer     NOT NULL DEFAULT pg_backend_pid(),
  -- When an abandoned run ended is not known, so it is not stated.
  CONSTRAINT run_log_finish CHECK ((finished_at IS NULL) = (status IN ('running', 'abandoned'))),
  CONSTRAINT run_log_due CHECK ((started_by = 'schedule') = (slot IS NOT NULL) AND (slot IS NULL) = (due_at IS NULL)),
  CONSTRAINT run_log_retry CHECK ((attempt > 1) = (retries IS NOT NULL) AND (slot IS NOT NULL OR attempt = 1)
                                  AND (retry_at IS NULL OR slot IS NOT NULL AND status IN ('failed', 'abandoned')))
);

-- What was due has one series of attempts. Manual runs may repeat a day as often as their callers like.
CREATE UNIQUE INDEX run_log_attempt ON salesops.run_log (job, local_date, slot, attempt);
CREATE INDEX run_log_series ON salesops.run_log (series);

CREATE TABLE salesops.run_step_log (
  run_id        bigint      NOT NULL REFERENCES salesops.run_log ON DELETE CASCADE,
  step          text        NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at   timestamptz,
  status        text        NOT NULL DEFAULT 'running'
                            CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  rows_affected bigint,
  sqlstate      text,
  message       text,
  detail        text,
  hint          text,
  shared_hit bigint,
  shared_read bigint,
  shared_written bigint,
  temp_read bigint,
  temp_written bigint,
  wal_bytes bigint,
  PRIMARY KEY (run_id, step),
  CONSTRAINT run_step_log_finish CHECK ((finished_at IS NULL) = (status IN ('running', 'abandoned'))),
  CONSTRAINT run_step_log_error CHECK ((sqlstate IS NOT NULL) = (status = 'failed'))
);

SELECT pg_catalog.pg_extension_config_dump('salesops.run_log', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.run_log_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.run_step_log', '');

COMMENT ON TABLE salesops.run_log IS 'One row per run of a job';
COMMENT ON COLUMN salesops.run_log.run_id IS 'Identity of the run';
COMMENT ON COLUMN salesops.run_log.job IS 'Name of the job, for instance nightly';
COMMENT ON COLUMN salesops.run_log.local_date IS 'Calendar day on which the run was due, in the time zone of its schedule';
COMMENT ON COLUMN salesops.run_log.as_of IS 'Instant for which everything in the run is computed';
COMMENT ON COLUMN salesops.run_log.started_by IS
  'Schedule: it was due; manual: a person or another scheduler asked for it, or a clock that was ahead (correct_future())';
COMMENT ON COLUMN salesops.run_log.slot IS
  '0: due once that day; otherwise the minute since 1970 at which it was due. With job, local_date and attempt the identity of a '
  'scheduled run; NULL for a manual one';
COMMENT ON COLUMN salesops.run_log.due_at IS 'When it was due; NULL for a manual run';
COMMENT ON COLUMN salesops.run_log.attempt IS '1, or the how many-eth attempt at what was due it is';
COMMENT ON COLUMN salesops.run_log.retries IS 'The first attempt; NULL for that one itself';
COMMENT ON COLUMN salesops.run_log.series IS 'The first attempt: what all attempts at the same thing have in common';
COMMENT ON COLUMN salesops.run_log.retry_at IS
  'When the next attempt may begin, by salesops.clock(); NULL if it succeeded, was the last one allowed, or was manual';
COMMENT ON COLUMN salesops.run_log.started_at IS 'Wall clock when the run began';
COMMENT ON COLUMN salesops.run_log.finished_at IS
  'Wall clock when the run ended; NULL while it runs and for an abandoned run, whose end nobody saw';
COMMENT ON COLUMN salesops.run_log.status IS
  'Running, succeeded, failed (at least one step failed) or abandoned (its process went away)';
COMMENT ON COLUMN salesops.run_log.backend_pid IS 'Process that ran it, as in pg_stat_activity.pid';
COMMENT ON SEQUENCE salesops.run_log_run_id_seq IS 'Run identities';

COMMENT ON TABLE salesops.run_step_log IS 'One row per step of a run';
COMMENT ON COLUMN salesops.run_step_log.run_id IS 'The run';
COMMENT ON COLUMN salesops.run_step_log.step IS 'Name of the step, for instance sync';
COMMENT ON COLUMN salesops.run_step_log.started_at IS 'Wall clock when the step began';
COMMENT ON COLUMN salesops.run_step_log.finished_at IS
  'Wall clock when the step ended; NULL while it runs and when it was abandoned';
COMMENT ON COLUMN salesops.run_step_log.status IS 'Running, succeeded, failed or abandoned';
COMMENT ON COLUMN salesops.run_step_log.rows_affected IS
  'Rows the step wrote, as the step itself counts them; NULL unless it succeeded';
COMMENT ON COLUMN salesops.run_step_log.sqlstate IS 'SQLSTATE of the error that ended the step; NULL unless it failed';
COMMENT ON COLUMN salesops.run_step_log.message IS 'Primary message of that error; of a step that succeeded: which entities it could not read, which marts not refresh';
COMMENT ON COLUMN salesops.run_step_log.detail IS 'Detail of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.hint IS 'Hint of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.shared_hit IS
  'Blocks of tables and indexes that the step found in shared buffers, parallel workers included; NULL unless it succeeded, like the '
  'other resources';
COMMENT ON COLUMN salesops.run_step_log.shared_read IS 'Such blocks that it had to read from the operating system';
COMMENT ON COLUMN salesops.run_step_log.shared_written IS 'Such blocks that it had to write itself';
COMMENT ON COLUMN salesops.run_step_log.temp_read IS 'Blocks of temporary files read';
COMMENT ON COLUMN salesops.run_step_log.temp_written IS 'Blocks of temporary files written: what did not fit work_mem';
COMMENT ON COLUMN salesops.run_step_log.wal_bytes IS 'Bytes of write-ahead log';
