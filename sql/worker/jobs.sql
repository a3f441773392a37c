-- jobs.sql: what can be run. A step is a function by a name, a job is a list of steps by a name.
--
-- Rooms and users plug in by name: define_step() says which function a step calls, define_job() which steps a job
-- has. The names are text and are looked up when the step runs, so a function may be replaced, dropped and made
-- again, dumped and restored like any other. What we ship is code, default_steps() and default_jobs(); the tables hold
-- only what a user said, and that goes before the default of the same name.
--
-- Whoever may create a function in some schema could wait there for the night and its rights. So a step runs only a
-- function of a superuser, of the owner of the extension, or of the role that runs it.

CREATE TABLE salesops.step (
  step        text   PRIMARY KEY CHECK (step <> ''),
  function    text   NOT NULL,
  builds_on   text[] NOT NULL,
  description text   NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.step', '');

COMMENT ON TABLE salesops.step IS 'Steps that users defined; salesops.steps() has them and the default ones';
COMMENT ON COLUMN salesops.step.step IS 'Name of the step';
COMMENT ON COLUMN salesops.step.function IS
  'Function of it with its schema; it is called with (run_id bigint, as_of timestamptz) and returns the rows it wrote as bigint';
COMMENT ON COLUMN salesops.step.builds_on IS
  'Steps whose outcome it publishes or reports: a retry that runs one of these runs it again too, although it succeeded before';
COMMENT ON COLUMN salesops.step.description IS 'What it does, in words';

CREATE TABLE salesops.job (
  job         text   PRIMARY KEY CHECK (job <> ''),
  steps       text[] NOT NULL CHECK (cardinality(steps) > 0),
  description text   NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.job', '');

COMMENT ON TABLE salesops.job IS 'Jobs that users defined; salesops.jobs() has them and the default ones';
COMMENT ON COLUMN salesops.job.job IS 'Name of the job';
COMMENT ON COLUMN salesops.job.steps IS 'Names of its steps in the order in which they run';
COMMENT ON COLUMN salesops.job.description IS 'What it is for, in words';

CREATE FUNCTION salesops.default_steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  VALUES ('sync', 'salesops.step_sync', ARRAY[]::text[], 'Read every active source in full'),
         ('snapshot', 'salesops.step_snapshot', '{}', 'Keep the forecast as it is'),
         ('forecast', 'salesops.step_forecast', '{sync}', 'Bring the current forecast up to date, with a new win model when one is due'),
         ('audit', 'salesops.step_audit', '{}', 'Check every open deal and every source by the rules'),
         ('accounts', 'salesops.step_accounts', '{sync,forecast,audit}', 'Keep the scores of accounts and the next best actions of reps'),
         ('duplicates', 'salesops.step_duplicates', '{sync}', 'Search duplicates among accounts and leads where something changed'),
         ('icp', 'salesops.step_icp', '{sync}', 'Learn the ideal customer profile when one is due, and place new and changed accounts'),
         ('refresh', 'salesops.step_refresh', '{sync,forecast,audit,accounts,duplicates}', 'Publish the marts in salesops_bi'),
         ('backtest', 'salesops.step_backtest', '{}', 'Hold past forecasts against what came, once a quarter'),
         ('territory_health', 'salesops.step_territory_health', '{sync}', 'Measure the territories in force on the data of today'),
         ('alert', 'salesops.step_alert', '{sync,snapshot,forecast,audit,accounts,duplicates,icp,refresh,backtest,territory_health}', 'Tell the listeners of channel salesops how the run went'),
         ('purge', 'salesops.step_purge', '{}', 'Delete runs older than the setting run_log_keep from the log, and drafts of territory plans older than territory_draft_keep');
END;
COMMENT ON FUNCTION salesops.default_steps() IS 'The steps that come with the extension; columns as of table step';

CREATE FUNCTION salesops.default_jobs(OUT job text, OUT steps text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  VALUES ('nightly', ARRAY['sync', 'snapshot', 'forecast', 'audit', 'accounts', 'duplicates', 'icp', 'refresh', 'backtest', 'alert', 'purge'], 'Everything, once a day'),
         ('sync', ARRAY['sync', 'forecast'], 'Follow the sources more often than once a day'),
         ('forecast_cut_off', ARRAY['sync', 'snapshot'], 'Keep the forecast as of the end of a sales week or period'),
         ('territory_health', ARRAY['territory_health', 'alert'], 'Measure the territories in force, once a month');
END;
COMMENT ON FUNCTION salesops.default_jobs() IS 'The jobs that come with the extension; columns as of table job';

CREATE FUNCTION salesops.steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text,
                               OUT is_default boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT s.step, s.function, s.builds_on, s.description, false
  FROM salesops.step s
  UNION ALL
  SELECT d.step, d.function, d.builds_on, d.description, true
  FROM salesops.default_steps() d
  WHERE NOT EXISTS (SELECT FROM salesops.step s WHERE s.step = d.step)
  ORDER BY 1;
END;
COMMENT ON FUNCTION salesops.steps() IS 'Every step there is: those users defined, and the default ones of other names';

CREATE FUNCTION salesops.jobs(OUT job text, OUT steps text[], OUT description text, OUT is_default boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT j.job, j.steps, j.description, false
  FROM salesops.job j
  UNION ALL
  SELECT d.job, d.steps, d.description, true
  FROM salesops.default_jobs() d
  WHERE NOT EXISTS (SELECT FROM salesops.job j WHERE j.job = d.job)
  ORDER BY 1;
END;
COMMENT ON FUNCTION salesops.jobs() IS 'Every job there is: those users defined, and the default ones of other names';

CREATE FUNCTION salesops.job_steps(job text, OUT step text, OUT "position" integer) RETURNS SETOF record
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  SELECT s.step, s."position"::integer
  FROM salesops.jobs() j
  CROSS JOIN LATERAL unnest(j.steps) WITH ORDINALITY AS s (step, "position")
  WHERE j.job = job_steps.job
  ORDER BY s."position";
END;
COMMENT ON FUNCTION salesops.job_steps(text) IS
  'Steps of a job in the order in which they run; no row for an unknown job';

CREATE FUNCTION salesops.check_job(job text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.jobs() j WHERE j.job = check_job.job) THEN
    RAISE EXCEPTION 'unknown job "%"', check_job.job
      USING ERRCODE = 'invalid_parameter_value',
            HINT = pg_catalog.format('The jobs are: %s. SELECT salesops.define_job() makes another.',
                                     (SELECT string_agg(j.job, ', ' ORDER BY j.job) FROM salesops.jobs() j));
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_job(text) IS 'Raises 22023 unless there is such a job';

-- Says where the function of a step is, quoted as it can stand in a statement, if it may be run at all.
CREATE FUNCTION salesops.step_call(step text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := (SELECT s.function FROM salesops.steps() s WHERE s.step = step_call.step);
  candidate record;
BEGIN
  IF wanted IS NULL THEN
    RAISE EXCEPTION 'unknown step "%"', step_call.step
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM salesops.steps() lists the steps.';
  END IF;

  SELECT p.oid::regprocedure AS signature, n.nspname, p.proname, p.prokind, p.proretset, p.prorettype, o.rolname, o.rolsuper, p.proowner
  INTO candidate
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles o ON o.oid = p.proowner
  WHERE p.oid = pg_catalog.to_regprocedure(wanted || '(bigint, timestamp with time zone)');
  IF NOT FOUND OR candidate.prokind <> 'f' OR candidate.proretset OR candidate.prorettype <> 'bigint'::regtype THEN
    RAISE EXCEPTION 'step "%" has no function', step_call.step
      USING ERRCODE = 'undefined_function',
            DETAIL = pg_catalog.format('There is no function %s(bigint, timestamptz) that returns one bigint.', wanted),
            HINT = 'Name it with its schema: SELECT salesops.define_step(step, ''schema.function'').';
  END IF;
  IF NOT (candidate.rolsuper OR candidate.rolname = current_user
          OR candidate.proowner = (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'salesops')) THEN
    RAISE EXCEPTION 'the function of step "%" belongs to a role that the job does not trust', step_call.step
      USING ERRCODE = 'insufficient_privilege',
            DETAIL = pg_catalog.format('%s belongs to %s; the job runs as %s.', candidate.signature, candidate.rolname, current_user),
            HINT = pg_catalog.format('Read the function; then ALTER FUNCTION %s OWNER TO %I.', candidate.signature, current_user);
  END IF;
  RETURN pg_catalog.format('%I.%I', candidate.nspname, candidate.proname);
END $$;
COMMENT ON FUNCTION salesops.step_call(text) IS
  'Name of the function of a step, to be called with (bigint, timestamptz); raises 22023 for an unknown step, 42883 where there is '
  'no such function, 42501 where it belongs neither to a superuser nor to the owner of the extension nor to the current role';

CREATE FUNCTION salesops.define_step(step text, function text, description text DEFAULT '', builds_on text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM salesops.check_given('step', define_step.step), salesops.check_given('function', define_step.function),
          salesops.check_given('description', define_step.description), salesops.check_given('builds_on', define_step.builds_on::text);
  IF define_step.step = '' THEN
    RAISE EXCEPTION 'a step has a name' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The name given is empty.', HINT = 'Jobs name their steps by it.';
  END IF;
  INSERT INTO salesops.step AS s (step, function, builds_on, description)
  VALUES (define_step.step, define_step.function, define_step.builds_on, define_step.description)
  ON CONFLICT (step) DO UPDATE
  SET function = excluded.function, builds_on = excluded.builds_on, description = excluded.description;
  PERFORM salesops.step_call(define_step.step);
END $$;
COMMENT ON FUNCTION salesops.define_step(text, text, text, text[]) IS
  'Defines a step, or redefines it: its function, named with its schema, takes (run_id bigint, as_of timestamptz) and returns the '
  'rows it wrote as bigint. builds_on: a retry that runs one of these steps runs it again too. 22004 for a NULL, 22023 for an empty name, else errors as of step_call()';

CREATE FUNCTION salesops.define_job(job text, steps text[], description text DEFAULT '') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  unknown text;
BEGIN
  PERFORM salesops.check_given('job', define_job.job), salesops.check_given('description', define_job.description);
  IF define_job.job = '' THEN
    RAISE EXCEPTION 'a job has a name' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The name given is empty.', HINT = 'Schedules and runs name it.';
  END IF;
  SELECT coalesce(w.step, 'NULL') INTO unknown
  FROM unnest(define_job.steps) AS w (step)
  WHERE NOT EXISTS (SELECT FROM salesops.steps() s WHERE s.step = w.step)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'unknown step "%"', unknown
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT * FROM salesops.steps() lists the steps, salesops.define_step() makes another.';
  END IF;
  IF coalesce(cardinality(define_job.steps), 0) = 0
     OR (SELECT count(DISTINCT w.step) FROM unnest(define_job.steps) AS w (step)) < cardinality(define_job.steps) THEN
    RAISE EXCEPTION 'a job has at least one step, and each step once'
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('The steps given for job "%s" are %s.', define_job.job,
                                       coalesce(define_job.steps::text, 'NULL'));
  END IF;

  INSERT INTO salesops.job AS j (job, steps, description)
  VALUES (define_job.job, define_job.steps, define_job.description)
  ON CONFLICT (job) DO UPDATE SET steps = excluded.steps, description = excluded.description;
END $$;
COMMENT ON FUNCTION salesops.define_job(text, text[], text) IS
  'Defines a job, or redefines it, as a list of steps in the order in which they run; 22004 for a NULL, 22023 for an empty name, an unknown step, a step named '
  'twice, or none. set_schedule() says when it runs';
