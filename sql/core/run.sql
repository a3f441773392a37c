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
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  status      text        NOT NULL DEFAULT 'running'
                          CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  backend_pid integer     NOT NULL DEFAULT pg_backend_pid(),
  -- When an abandoned run ended is not known, so it is not stated.
  CONSTRAINT run_log_finish CHECK ((finished_at IS NULL) = (status IN ('running', 'abandoned')))
);

-- One scheduled run a local day. Manual runs may repeat a day as often as their callers like.
CREATE UNIQUE INDEX run_log_scheduled_day ON salesops.run_log (job, local_date) WHERE started_by = 'schedule';

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
COMMENT ON COLUMN salesops.run_log.local_date IS
  'Calendar day of the run in the time zone of its schedule; unique per job for scheduled runs';
COMMENT ON COLUMN salesops.run_log.as_of IS 'Instant for which everything in the run is computed';
COMMENT ON COLUMN salesops.run_log.started_by IS
  'Schedule: it was due; manual: a person or another scheduler asked for it';
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
COMMENT ON COLUMN salesops.run_step_log.message IS 'Primary message of that error; of a sync that succeeded: which entities it could not read';
COMMENT ON COLUMN salesops.run_step_log.detail IS 'Detail of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.hint IS 'Hint of that error, if it had one';
