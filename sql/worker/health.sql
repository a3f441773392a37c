-- health.sql: what a monitoring system asks, one row a check.
--
-- Every check is a number and two bounds. Above the first it warns, above the second it is critical; so any system that
-- knows numbers can watch it (examples/prometheus), and a person reads the status and what to do.

CREATE FUNCTION salesops.grade(value numeric, warning_above numeric, critical_above numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value > critical_above THEN 'critical' WHEN value > warning_above THEN 'warning' ELSE 'ok' END;
COMMENT ON FUNCTION salesops.grade(numeric, numeric, numeric) IS
  'Critical, warning or ok: which of two bounds a value exceeds; a bound that is NULL is never exceeded';

CREATE FUNCTION salesops.worker_problem() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  hint text;
BEGIN
  PERFORM salesops.check_worker();
  -- Called for, and yet not there: a server without a free process starts none and says so in its log only.
  IF salesops.launcher_pid() IS NULL AND NOT pg_catalog.pg_is_in_recovery() THEN
    RETURN 'the launcher of the salesops background worker is not there: the server log says why; is max_worker_processes large enough?';
  END IF;
  RETURN NULL;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLERRM || ': ' || hint;
END $$;
COMMENT ON FUNCTION salesops.worker_problem() IS
  'Why the background worker does not serve this database, and what to do; NULL if it does';

CREATE FUNCTION salesops.slots_since_success(schedule salesops.schedule, now timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH good AS (
    SELECT greatest((SELECT max(r.as_of) FROM salesops.run_log r WHERE r.job = schedule.job AND r.status = 'succeeded'),
                    schedule.since, slots_since_success.now - interval '40 days') AS as_of
  )
  SELECT count(*)
  FROM good g
  CROSS JOIN LATERAL generate_series(0, 42) AS n
  CROSS JOIN LATERAL salesops.day_slots(schedule, (slots_since_success.now AT TIME ZONE schedule.time_zone)::date + 1 - n) AS d
  WHERE d.due_at > g.as_of AND d.due_at <= slots_since_success.now;
END;
COMMENT ON FUNCTION salesops.slots_since_success(salesops.schedule, timestamptz) IS
  'How often a job was due since its last success, or since its schedule was set; 40 days at most are counted';

-- What the jobs need is said once, in access_rights(); beside that they connect, read the sources, and refresh marts as their owner.
CREATE FUNCTION salesops.missing_privileges(role text, OUT object text, OUT privilege text) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  known pg_roles;
BEGIN
  SELECT r.* INTO known FROM pg_roles r WHERE r.rolname = missing_privileges.role;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('role ' || coalesce(quote_ident(missing_privileges.role), 'NULL'), 'to exist');
    RETURN;
  ELSIF known.rolsuper THEN
    RETURN;
  END IF;

  RETURN QUERY
  WITH task AS (
    SELECT split_part(r.object, ' ', 1) AS kind, substring(r.object FROM ' (.*)') AS name, p.privilege, r.privilege LIKE '%(%' AS is_of_columns
    FROM salesops.access_rights('run_jobs') r, string_to_table(regexp_replace(r.privilege, ' [(].*', ''), ', ') AS p (privilege)
  ), missing AS (
    SELECT 'role ' || quote_ident(known.rolname) AS object, 'LOGIN' AS privilege WHERE NOT known.rolcanlogin
    UNION ALL
    SELECT lower(t.kind COLLATE "C") || ' ' || t.name, t.privilege
    FROM task t
    WHERE NOT CASE t.kind WHEN 'SCHEMA' THEN has_schema_privilege(known.oid, t.name, t.privilege)
                          WHEN 'TABLE' THEN has_table_privilege(known.oid, t.name, t.privilege)
                                            OR t.is_of_columns AND has_any_column_privilege(known.oid, t.name, t.privilege)
                          WHEN 'SEQUENCE' THEN has_sequence_privilege(known.oid, t.name, t.privilege)
                          WHEN 'FUNCTION' THEN has_function_privilege(known.oid, t.name, t.privilege) END
    UNION ALL
    SELECT 'schema ' || quote_ident(n.nspname), 'USAGE'
    FROM pg_namespace n
    WHERE EXISTS (SELECT FROM salesops.source s WHERE s.schema_name = n.nspname AND s.is_active)
      AND NOT has_schema_privilege(known.oid, n.oid, 'USAGE')
    UNION ALL
    SELECT 'database ' || quote_ident(current_database()), p.privilege
    FROM unnest(CASE WHEN to_regnamespace('salesops_bi') IS NULL THEN ARRAY['CONNECT', 'CREATE'] ELSE ARRAY['CONNECT'] END) AS p (privilege)
    WHERE NOT has_database_privilege(known.oid, current_database(), p.privilege)
    UNION ALL
    SELECT m.oid::regclass::text, 'to own it'
    FROM pg_class m
    JOIN pg_namespace n ON n.oid = m.relnamespace
    WHERE n.nspname = 'salesops_bi' AND m.relkind = 'm' AND NOT pg_has_role(known.oid, m.relowner, 'USAGE')
  )
  SELECT m.object, m.privilege FROM missing m ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION salesops.missing_privileges(text) IS
  'What a role lacks to run the nightly job in this database: object and privilege, as docs/worker.md grants them. No row for a '
  'superuser and for a role that lacks nothing; what it may read of the relations in a source is not looked at';

CREATE VIEW salesops.health AS
WITH clock AS MATERIALIZED (
  SELECT salesops.clock() AS now, salesops.run_lock_holder() AS running_pid
), scheduled AS (
  SELECT s AS schedule, s.job, EXISTS (SELECT FROM salesops.jobs() j WHERE j.job = s.job) AND salesops.is_known_zone(s.time_zone) AS is_defined
  FROM salesops.schedule s
  WHERE s.enabled
), checked AS (
  SELECT 'overdue' AS check_name, s.job AS subject,
         round(coalesce((SELECT extract(epoch FROM c.now - o.begins_at) / 60 FROM salesops.open_slot(s.schedule, c.now) o
                         WHERE o.begins_at <= c.now AND c.running_pid IS NULL), 0), 1) AS value,
         'minutes' AS unit, 10 AS warning_above, 60 AS critical_above,
         'It is due and nothing begins it: look at check worker, or at who calls salesops.run_due_jobs().' AS advice
  FROM scheduled s, clock c WHERE s.is_defined
  UNION ALL
  SELECT 'since_success', s.job, salesops.slots_since_success(s.schedule, c.now), 'times due', 1, 2,
         'The job was due so often since it succeeded last: SELECT * FROM salesops.run_step_log WHERE status <> ''succeeded'' ORDER BY started_at DESC.'
  FROM scheduled s, clock c WHERE s.is_defined
  UNION ALL
  SELECT 'failures', r.job, r.consecutive_failures, 'runs', 0, 2,
         'Runs failed or abandoned since the last success: SELECT * FROM salesops.run_step_log WHERE status = ''failed'' ORDER BY started_at DESC.'
  FROM salesops.run_status r
  UNION ALL
  SELECT 'broken_schedule', s.job, 1, 'schedules', 0, 0, 'The schedule names a job or a time zone that there is not: salesops.define_job(), set_schedule(), or DELETE FROM salesops.schedule.'
  FROM scheduled s WHERE NOT s.is_defined
  UNION ALL
  SELECT 'worker', NULL, CASE WHEN p.problem IS NOT NULL AND EXISTS (SELECT FROM scheduled) THEN 1 ELSE 0 END, 'problems', 0, NULL,
         coalesce('Unless another scheduler calls salesops.run_due_jobs(): ' || p.problem, 'It serves this database.')
  FROM (SELECT salesops.worker_problem() AS problem OFFSET 0) p
  UNION ALL
  SELECT 'long_run', NULL,
         round(coalesce((SELECT max(extract(epoch FROM clock_timestamp() - s.started_at)) / 60
                         FROM salesops.run_step_log s WHERE s.status = 'running' AND c.running_pid IS NOT NULL), 0), 1),
         'minutes', 60, 240, 'The step at work takes that long: pg_cancel_backend(running_pid of salesops.run_status) ends it.'
  FROM clock c
  UNION ALL
  SELECT 'abandoned', NULL, (SELECT count(*) FROM salesops.run_log r
                             WHERE r.started_at > clock_timestamp() - interval '7 days'
                               AND (r.status = 'abandoned' OR r.status = 'running' AND c.running_pid IS NULL)), 'runs in 7 days', 0, 5,
         'Their processes went away: the server log says why at the time of their last step.'
  FROM clock c
  UNION ALL
  SELECT 'clock', NULL, round(greatest(extract(epoch FROM salesops.last_recorded() - c.now), 0) / 3600, 1),
         'hours', 1, 24,
         'The last run or sync was as of an instant that far in the future. Runs keep to that instant until then, and wait if it is more than a day: if the clock is right now, SELECT * FROM salesops.correct_future(now => what time it is).'
  FROM clock c
  UNION ALL
  SELECT 'clock_doubt', NULL, CASE WHEN d.doubt IS NOT NULL THEN 1 ELSE 0 END, 'problems', 0, 0, 'Scheduled runs wait. ' || d.doubt
  FROM (SELECT CASE WHEN EXISTS (SELECT FROM scheduled) THEN salesops.clock_doubt(c.now) END AS doubt FROM clock c OFFSET 0) d
  UNION ALL
  SELECT 'log_size', NULL, round((pg_total_relation_size('salesops.run_log') + pg_total_relation_size('salesops.run_step_log')) / 1048576.0, 1),
         'MB', 1024, 10240, 'The step purge keeps as much as the setting run_log_keep says; is it in a job that runs?'
  UNION ALL
  SELECT 'dump_losses', NULL, (SELECT count(*) FROM salesops.dump_losses()), 'objects', 0, NULL,
         'A restored dump would lack them: SELECT * FROM salesops.dump_losses().'
  UNION ALL
  SELECT 'privileges', r.role,
         CASE WHEN r.role IS NULL THEN 0 ELSE (SELECT count(*) FROM salesops.missing_privileges(r.role)) END, 'privileges', 0, 0,
         'The role of the jobs lacks them: SELECT * FROM salesops.missing_privileges(current_setting(''salesops.role'')).'
  FROM (SELECT nullif(current_setting('salesops.role', true), '') AS role OFFSET 0) r
)
SELECT c.check_name, c.subject, salesops.grade(c.value, c.warning_above, c.critical_above) AS status, c.value, c.unit,
       c.warning_above::numeric AS warning_above, c.critical_above::numeric AS critical_above,
       CASE WHEN c.check_name = 'worker' OR salesops.grade(c.value, c.warning_above, c.critical_above) <> 'ok' THEN c.advice END AS advice
FROM checked c;

COMMENT ON VIEW salesops.health IS 'One row per check of the jobs in this database and of what they need';
COMMENT ON COLUMN salesops.health.check_name IS 'What is checked';
COMMENT ON COLUMN salesops.health.subject IS 'Job or role that it is about; NULL for the database as a whole';
COMMENT ON COLUMN salesops.health.status IS 'Ok, warning or critical';
COMMENT ON COLUMN salesops.health.value IS 'What was found';
COMMENT ON COLUMN salesops.health.unit IS 'Unit of value and bounds';
COMMENT ON COLUMN salesops.health.warning_above IS 'A value above this is a warning';
COMMENT ON COLUMN salesops.health.critical_above IS 'A value above this is critical; NULL = none is';
COMMENT ON COLUMN salesops.health.advice IS 'What it means and what to do; NULL where there is nothing to do';

-- A database that is listed already is looked at as soon as it has the extension.
SELECT salesops.wake_worker();
