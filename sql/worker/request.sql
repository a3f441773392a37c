-- request.sql: how a session and the background worker speak to each other.
--
-- A session writes a row and wakes the worker when its transaction commits; the worker reads the rows. The
-- identity of the run is drawn when it is asked for, so that whoever asked can wait for it.

CREATE FUNCTION salesops.wake_worker() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_wake_worker';
COMMENT ON FUNCTION salesops.wake_worker() IS
  'Makes the background worker look at this database as soon as this transaction commits; false if the library is '
  'not preloaded';

CREATE FUNCTION salesops.check_worker() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_check_worker';
COMMENT ON FUNCTION salesops.check_worker() IS
  'Raises 55000 with the setting to change unless the background worker serves this database';

-- Requests are not dumped: "now" means nothing in a restored database.
CREATE TABLE salesops.run_request (
  run_id       bigint      PRIMARY KEY,
  job          text        NOT NULL,
  as_of        timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE salesops.run_request IS 'Runs asked for by request_run() that the worker has not begun yet';
COMMENT ON COLUMN salesops.run_request.run_id IS 'Identity that the run will have in run_log';
COMMENT ON COLUMN salesops.run_request.job IS 'Name of the job';
COMMENT ON COLUMN salesops.run_request.as_of IS 'Instant for which the run computes';
COMMENT ON COLUMN salesops.run_request.requested_at IS 'Wall clock of the request';
SELECT pg_catalog.pg_extension_config_dump('salesops.run_request', 'WHERE false');

CREATE FUNCTION salesops.request_run(job text DEFAULT 'nightly', as_of timestamptz DEFAULT now()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(request_run.job);
  SELECT salesops.check_run_instant(request_run.as_of);
  SELECT salesops.check_worker();
  SELECT salesops.wake_worker();
  INSERT INTO salesops.run_request (run_id, job, as_of)
  VALUES (nextval('salesops.run_log_run_id_seq'), request_run.job, request_run.as_of)
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.request_run(text, timestamptz) IS
  'Asks the background worker to run a job in this database as soon as this transaction commits; returns the '
  'identity of that run';

CREATE FUNCTION salesops.await_run(run_id bigint, timeout interval DEFAULT '10 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deadline CONSTANT timestamptz := pg_catalog.clock_timestamp() + timeout;
  status text;
  lock_seen_free boolean := false;
BEGIN
  LOOP
    -- One statement: the worker turns the request into a run between two.
    status := (SELECT coalesce((SELECT r.status FROM salesops.run_log r WHERE r.run_id = await_run.run_id),
                               (SELECT 'requested' FROM salesops.run_request q WHERE q.run_id = await_run.run_id)));
    IF status IS NULL THEN
      RAISE EXCEPTION 'there is no run % and no request for one', await_run.run_id
        USING ERRCODE = 'undefined_object', HINT = 'Ask for one with SELECT salesops.request_run().';
    END IF;

    -- A run holds its lock from before it is logged until after its end is. Running, then the lock free, then
    -- running still: its process has gone.
    IF status = 'running' AND lock_seen_free THEN
      status := 'abandoned';
    END IF;
    lock_seen_free := status = 'running' AND salesops.run_lock_holder() IS NULL;

    IF status NOT IN ('requested', 'running') OR pg_catalog.clock_timestamp() >= deadline THEN
      RETURN status;
    END IF;
    PERFORM pg_catalog.pg_sleep(0.1);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.await_run(bigint, interval) IS
  'Waits until a run has ended, at most for the given time, and returns its status: succeeded, failed, abandoned, '
  'or still running or requested. Call it in a transaction of its own, after the request was committed';

-- Without preload the schedule is still there, for whoever calls the jobs from elsewhere.
CREATE FUNCTION salesops.set_schedule(job text DEFAULT 'nightly', at_time time DEFAULT '02:00',
                                      time_zone text DEFAULT salesops.get_setting('time_zone'),
                                      enabled boolean DEFAULT true, catch_up interval DEFAULT '12 hours')
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM salesops.check_job(set_schedule.job);
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z WHERE z.name = set_schedule.time_zone) THEN
    RAISE EXCEPTION 'unknown time zone "%"', set_schedule.time_zone
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT name FROM pg_timezone_names lists them, for instance Europe/Berlin.';
  END IF;

  INSERT INTO salesops.schedule AS s (job, at_time, time_zone, enabled, catch_up, since)
  VALUES (set_schedule.job, set_schedule.at_time, set_schedule.time_zone, set_schedule.enabled, set_schedule.catch_up,
          pg_catalog.now())
  ON CONFLICT (job) DO UPDATE
  SET at_time = excluded.at_time, time_zone = excluded.time_zone, enabled = excluded.enabled,
      catch_up = excluded.catch_up, since = excluded.since;
  PERFORM salesops.wake_worker();
  RETURN salesops.next_due(set_schedule.job, pg_catalog.now());
END $$;
COMMENT ON FUNCTION salesops.set_schedule(text, time, text, boolean, interval) IS
  'Sets when a job runs in this database, from now on (at 02:00 in the zone of the setting time_zone unless told), '
  'and tells the background worker; returns when it is due next, NULL if disabled';

-- What the worker does when it looks at a database: requests first, in the order in which they came.
CREATE FUNCTION salesops.begin_due_run(now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  request salesops.run_request;
  due record;
  begun bigint;
  -- Between a request and its run another one may have come, and clocks step back: a run is never before the last one.
  last_as_of timestamptz := (SELECT max(r.as_of) FROM salesops.run_log r);
BEGIN
  PERFORM salesops.mark_abandoned_runs();

  DELETE FROM salesops.run_request q
  WHERE q.run_id = (SELECT min(o.run_id) FROM salesops.run_request o)
  RETURNING q.* INTO request;
  IF FOUND THEN
    RETURN salesops.begin_run(request.job, salesops.local_date(request.job, request.as_of),
                              greatest(request.as_of, last_as_of), 'manual',
                              request.run_id);
  END IF;

  FOR due IN SELECT d.job, d.local_date FROM salesops.due_run(begin_due_run.now) d LOOP
    begun := salesops.begin_run(due.job, due.local_date, greatest(begin_due_run.now, last_as_of), 'schedule');
    EXIT WHEN begun IS NOT NULL;
  END LOOP;
  RETURN begun;
END $$;
COMMENT ON FUNCTION salesops.begin_due_run(timestamptz) IS
  'Begins the run that was asked for or is due and returns its identity; NULL if there is none. The caller holds '
  'the run lock';

CREATE FUNCTION salesops.next_due(after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT min(salesops.next_due(s.job, next_due.after)) FROM salesops.schedule s;
END;
COMMENT ON FUNCTION salesops.next_due(timestamptz) IS
  'First instant after the given one at which any job of this database is due; NULL if none ever is';
