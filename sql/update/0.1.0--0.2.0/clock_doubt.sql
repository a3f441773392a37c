-- Scheduled runs wait while the clock is in doubt, and what refuses an instant says so.

CREATE OR REPLACE FUNCTION salesops.begin_due_run(now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  request salesops.run_request;
  due record;
  doubt text;
BEGIN
  PERFORM salesops.mark_abandoned_runs(begin_due_run.now);

  DELETE FROM salesops.run_request q
  WHERE q.run_id = (SELECT min(o.run_id) FROM salesops.run_request o JOIN salesops.jobs() j ON j.job = o.job)
  RETURNING q.* INTO request;
  IF FOUND THEN
    -- Since it was asked for, the clock may have been set back and other runs may have been.
    RETURN salesops.begin_run(request.job, greatest(least(request.as_of, begin_due_run.now), (SELECT max(r.as_of) FROM salesops.run_log r)),
                              request.run_id);
  END IF;

  SELECT d.* INTO due FROM salesops.due_run(begin_due_run.now) d LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  doubt := salesops.clock_doubt(begin_due_run.now);
  IF doubt IS NOT NULL THEN
    RAISE WARNING 'the scheduled run of job "%" waits because the clock is in doubt', due.job USING DETAIL = doubt;
    RETURN NULL;
  END IF;
  RETURN salesops.begin_attempt(due.job, due.local_date, due.slot, due.due_at, begin_due_run.now);
END $$;
COMMENT ON FUNCTION salesops.begin_due_run(timestamptz) IS
  'Begins the run that was asked for or is due and returns its identity; NULL if there is none, or with a WARNING if the clock is in doubt '
  'and nobody asked. The caller holds the run lock';

CREATE OR REPLACE FUNCTION salesops.check_run_instant(as_of timestamptz) RETURNS void
LANGUAGE plpgsql PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_as_of timestamptz := (SELECT max(r.as_of) FROM salesops.run_log r WHERE r.status <> 'abandoned');
BEGIN
  PERFORM salesops.check_as_of(check_run_instant.as_of);
  IF check_run_instant.as_of < last_as_of THEN
    RAISE EXCEPTION 'a run as of % would come before the last one', check_run_instant.as_of
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('The last run was as of %s; what it published stays what it was.', last_as_of),
            HINT = CASE WHEN last_as_of > salesops.clock()
                        THEN 'The clock was ahead then, or is behind now: salesops.clock_doubt(salesops.clock()) says what to do.'
                        ELSE 'For an earlier instant ask salesops.forecast_report(period, as_of) or salesops.opportunity_state(as_of).' END;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_instant(timestamptz) IS
  'Raises 22023 where as_of is no instant, lies in the future, or before the as_of of the last run';

CREATE OR REPLACE FUNCTION salesops.sync(source_key text, as_of timestamptz DEFAULT salesops.clock(), mode text DEFAULT 'incremental')
RETURNS SETOF salesops.source_sync LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  -- The same rows make the same text, whoever syncs: some values of a source are read or kept as text.
  SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET extra_float_digits = 1
  -- Long expressions: compiling them costs more than it saves.
  SET jit = off
AS $$
DECLARE
  source salesops.source := salesops.get_source(sync.source_key);
  plan salesops.planned_column[];
  one text;
  last_as_of timestamptz;
  new_rows bigint;
  first_sync_id bigint;
BEGIN
  IF mode IS NULL OR mode NOT IN ('full', 'incremental') THEN
    RAISE EXCEPTION 'unknown mode: %', coalesce(quote_literal(mode), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use full or incremental.';
  END IF;
  PERFORM salesops.check_as_of(as_of);
  PERFORM salesops.lock_source(sync.source_key);
  SELECT max(y.as_of), max(y.sync_id) INTO last_as_of, first_sync_id FROM salesops.source_sync y WHERE y.source_key = sync.source_key;
  IF as_of < last_as_of THEN
    RAISE EXCEPTION 'as_of % lies before the last sync of "%"', as_of, sync.source_key USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was synced as of %s; what was known then must stay as it was.', last_as_of),
      HINT = CASE WHEN last_as_of > salesops.clock()
                  THEN 'The clock was ahead then, or is behind now; if it is right again, salesops.correct_future() takes that back.'
                  ELSE 'Sync as of a later instant; opportunity_as_of() answers for earlier ones.' END;
  END IF;

  plan := ARRAY(SELECT p FROM salesops.source_plan(source) p);
  FOR one IN SELECT e.entity FROM salesops.entities() e
                WHERE e.entity IN (SELECT p.entity FROM unnest(plan) p)
                   OR e.entity IN (SELECT y.entity FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at)
                   OR source.options #>> ARRAY['entities', e.entity, 'relation'] IS NOT NULL
                ORDER BY e."position" LOOP
    BEGIN
      -- Named by somebody, and never there: mistyped, or not yet made. What was there once is told of by sync_entity().
      IF NOT EXISTS (SELECT FROM unnest(plan) p WHERE p.entity = one)
         AND NOT EXISTS (SELECT FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.entity = one AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at) THEN
        RAISE EXCEPTION 'schema % has no relation %', quote_ident(source.schema_name), quote_ident(source.options #>> ARRAY['entities', one, 'relation']) USING ERRCODE = 'undefined_table';
      END IF;
      IF one = 'opportunity' THEN
        PERFORM salesops.read_stage_meaning(source, as_of);
      END IF;
      new_rows := salesops.sync_entity(source, plan, one, as_of, mode);
      IF one = 'opportunity' AND new_rows > 0 THEN
        PERFORM salesops.read_history(source, as_of);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
      VALUES (sync.source_key, one, as_of, mode,
              ARRAY(SELECT DISTINCT p.relation::text FROM unnest(plan) p WHERE p.entity = one ORDER BY 1), SQLSTATE, SQLERRM);
    END;
  END LOOP;
  IF NOT FOUND THEN
    -- The wrong schema or kind: a night of nothing must not look like a good one.
    INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
    VALUES (sync.source_key, 'opportunity', as_of, mode, '{}', '42P01',
            format('schema %I has no relation that kind %s reads', source.schema_name, source.kind));
  END IF;
  PERFORM salesops.drop_temporary('salesops_staged');
  PERFORM salesops.drop_temporary('salesops_changed');
  -- Every reading of the model joins these small tables; without statistics the planner takes them for large ones.
  ANALYZE salesops.source, salesops.stage_map, salesops.category_map, salesops.value_map, salesops.product, salesops.currency_rate;
  RETURN QUERY SELECT y.* FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sync_id > coalesce(first_sync_id, 0) ORDER BY y.sync_id;
END $$;
COMMENT ON FUNCTION salesops.sync(text, timestamptz, text) IS
  'Read a source and let the canonical model follow; returns a row an entity: what was read and changed, or why it failed. incremental reads rows stamped after the last sync, full reads all and finds deletions';

CREATE OR REPLACE VIEW salesops.health AS
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

COMMENT ON COLUMN salesops.run_log.started_by IS
  'Schedule: it was due; manual: a person or another scheduler asked for it, or a clock that was ahead (correct_future())';
