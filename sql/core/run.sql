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
  status      text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
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
  status        text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
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

COMMENT ON TABLE salesops.run_log IS 'one row per run of a job';
COMMENT ON COLUMN salesops.run_log.run_id IS 'identity of the run';
COMMENT ON COLUMN salesops.run_log.job IS 'name of the job, for instance nightly';
COMMENT ON COLUMN salesops.run_log.local_date IS 'calendar day of the run in the time zone of its schedule; unique per job for scheduled runs';
COMMENT ON COLUMN salesops.run_log.as_of IS 'instant for which everything in the run is computed';
COMMENT ON COLUMN salesops.run_log.started_by IS 'schedule: it was due; manual: a person or another scheduler asked for it';
COMMENT ON COLUMN salesops.run_log.started_at IS 'wall clock when the run began';
COMMENT ON COLUMN salesops.run_log.finished_at IS 'wall clock when the run ended; NULL while it runs and for an abandoned run, whose end nobody saw';
COMMENT ON COLUMN salesops.run_log.status IS 'running, succeeded, failed (at least one step failed) or abandoned (its process went away)';
COMMENT ON COLUMN salesops.run_log.backend_pid IS 'process that ran it, as in pg_stat_activity.pid';
COMMENT ON SEQUENCE salesops.run_log_run_id_seq IS 'run identities';

COMMENT ON TABLE salesops.run_step_log IS 'one row per step of a run';
COMMENT ON COLUMN salesops.run_step_log.run_id IS 'the run';
COMMENT ON COLUMN salesops.run_step_log.step IS 'name of the step, for instance sync';
COMMENT ON COLUMN salesops.run_step_log.started_at IS 'wall clock when the step began';
COMMENT ON COLUMN salesops.run_step_log.finished_at IS 'wall clock when the step ended; NULL while it runs and when it was abandoned';
COMMENT ON COLUMN salesops.run_step_log.status IS 'running, succeeded, failed or abandoned';
COMMENT ON COLUMN salesops.run_step_log.rows_affected IS 'rows the step wrote, as the step itself counts them; NULL unless it succeeded';
COMMENT ON COLUMN salesops.run_step_log.sqlstate IS 'SQLSTATE of the error that ended the step; NULL unless it failed';
COMMENT ON COLUMN salesops.run_step_log.message IS 'primary message of that error';
COMMENT ON COLUMN salesops.run_step_log.detail IS 'detail of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.hint IS 'hint of that error, if it had one';
