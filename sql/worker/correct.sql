-- correct.sql: the way back from a clock that was ahead.
--
-- What was recorded while the clock was ahead is true, only its time is not: it was read from the source, computed and
-- published at some moment before now, and nobody knows which. So it is dated now: known since, at the latest. Several
-- such instants keep their order, a microsecond apart. That is one map of instants, applied to every column of ours
-- that says when; so all that refers to an instant still does, and a snapshot replays as it did. The map is kept.
--
-- Left alone is what others say: dates of the source, and from when a user's map, rule or weight holds.

CREATE TABLE salesops.clock_correction (
  corrected_at timestamptz NOT NULL,
  was          timestamptz NOT NULL,
  became       timestamptz NOT NULL,
  PRIMARY KEY (corrected_at, was)
);
SELECT pg_catalog.pg_extension_config_dump('salesops.clock_correction', '');
COMMENT ON TABLE salesops.clock_correction IS 'Instants to come that were recorded by a clock that was ahead, and as which they are recorded since; written by correct_future()';
COMMENT ON COLUMN salesops.clock_correction.corrected_at IS 'When the correction was made, by salesops.clock()';
COMMENT ON COLUMN salesops.clock_correction.was IS 'Instant that was recorded';
COMMENT ON COLUMN salesops.clock_correction.became IS 'Instant that is recorded instead: corrected_at, or that many microseconds before as instants of the same correction came after it';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.clock_correction
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('It says what other rows said before.');
COMMENT ON TRIGGER append_only ON salesops.clock_correction IS 'what was recorded first must stay known';

-- A table made tomorrow is in it by itself; a test asks whoever gives it a column of a new name whether that is right.
CREATE FUNCTION salesops.recorded_instants(OUT relation regclass, OUT columns text[]) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 40
BEGIN ATOMIC
  SELECT c.oid::regclass, array_agg(a.attname::text ORDER BY a.attnum)
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
  JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'r'
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'timestamptz'::regtype
  WHERE e.extname = 'salesops' AND c.oid <> 'salesops.clock_correction'::regclass
    AND a.attname <> ALL (ARRAY['created_at', 'converted_at', 'happened_at', 'logged_in_at', 'last_login_at', 'last_activity_at', 'watermark', -- the source
                                'valid_from', 'effective_from', 'since', 'due_at', 'retry_at', 'cut_off', 'mark', 'absent_from', 'absent_until'])  -- plans and the calendar
    -- What a plan was given; its hash says so.
    AND (c.relname, a.attname) <> ('territory_plan', 'as_of')
  GROUP BY c.oid
  ORDER BY c.oid::regclass::text;
END;
COMMENT ON FUNCTION salesops.recorded_instants() IS
  'Columns of our tables that say when something was true, known or done here; not those in which a source says when, nor plans and marks of the calendar, nor what a territory plan was given';

-- Who states the time has looked at another clock: to a clock that is behind, all that is right looks like the future.
CREATE FUNCTION salesops.correct_future(now timestamptz, OUT relation regclass, OUT rows bigint) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
-- No trigger keeps history from being dated anew, and no foreign key is asked before both its sides are.
SET session_replication_role = replica
AS $$
DECLARE
  moment CONSTANT timestamptz := salesops.clock();
  future text;
  columns text[];
BEGIN
  IF (correct_future.now BETWEEN moment - interval '1 hour' AND moment + interval '1 hour') IS NOT TRUE THEN
    RAISE EXCEPTION 'the clock is not right'
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('It shows %s; you say that it is %s.', moment, coalesce(correct_future.now::text, 'NULL')),
            HINT = 'Set the clock of the server right first; then say what time it is, to the hour, by another clock.';
  END IF;
  IF NOT salesops.try_run_lock() THEN
    RAISE EXCEPTION 'another run is under way in this database'
      USING ERRCODE = 'lock_not_available', DETAIL = pg_catalog.format('Process %s is running it.', salesops.run_lock_holder()),
            HINT = 'Wait for it, or end it with pg_terminate_backend().';
  END IF;
  BEGIN
    PERFORM salesops.lock_source(s.source_key) FROM salesops.source s ORDER BY s.source_key;
    PERFORM salesops.mark_abandoned_runs(moment);

    SELECT string_agg(pg_catalog.format('SELECT t.%1$I FROM %2$s t WHERE t.%1$I > $1', c.name, i.relation), ' UNION ') INTO future
    FROM salesops.recorded_instants() i, unnest(i.columns) AS c (name);
    EXECUTE 'INSERT INTO salesops.clock_correction (corrected_at, was, became)
             SELECT $1, f.was, $1 - (row_number() OVER (ORDER BY f.was DESC) - 1) * interval ''1 microsecond''
             FROM (' || future || ' UNION SELECT m.valid_from FROM salesops.stage_map m WHERE m.said_by = ''crm'' AND m.valid_from > $1) AS f (was)
             WHERE isfinite(f.was)' USING moment;

    -- From when what the CRM says of its stages holds was the time of the sync, too.
    UPDATE salesops.stage_map m SET valid_from = k.became
    FROM salesops.clock_correction k
    WHERE m.said_by = 'crm' AND k.corrected_at = moment AND k.was = m.valid_from;
    -- A stamp of the future would hide from the next sync what the source changes until then.
    UPDATE salesops.source_sync y SET watermark = NULL WHERE y.watermark > moment;
    -- Days to come have not had their runs.
    UPDATE salesops.run_log r
    SET started_by = 'manual', slot = NULL, due_at = NULL, retry_at = NULL, attempt = 1, retries = NULL
    WHERE r.due_at > moment;
    UPDATE salesops.run_log r SET local_date = salesops.local_date(r.job, moment)
    WHERE r.as_of > moment AND r.started_by = 'manual';

    FOR relation, columns IN SELECT i.relation, i.columns FROM salesops.recorded_instants() i LOOP
      EXECUTE (SELECT pg_catalog.format(
                 'UPDATE %s t SET %s WHERE %s', relation,
                 string_agg(pg_catalog.format('%1$I = coalesce((SELECT k.became FROM salesops.clock_correction k '
                                              'WHERE k.corrected_at = $1 AND k.was = t.%1$I), t.%1$I)', c.name), ', '),
                 string_agg(pg_catalog.format('t.%1$I > $1 AND isfinite(t.%1$I)', c.name), ' OR '))
               FROM unnest(columns) AS c (name)) USING moment;
      GET DIAGNOSTICS rows = ROW_COUNT;
      IF rows > 0 THEN
        RETURN NEXT;
      END IF;
    END LOOP;
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM salesops.release_run_lock();
    RAISE;
  END;
  PERFORM salesops.release_run_lock();
END $$;
COMMENT ON FUNCTION salesops.correct_future(timestamptz) IS
  'After the clock was ahead and is right again: dates what is recorded as of instants to come as of now, in the same order, so that runs and '
  'syncs go on; returns the rows of each table. now is the time by another clock: 22023 where that of the server is an hour off. '
  'What was recorded is kept in clock_correction. Scheduled runs of days to come count as manual ones, so that these days have their '
  'runs. The marts show it after their next refresh. For superusers, who may set session_replication_role; 55P03 while a run is under way';
REVOKE ALL ON FUNCTION salesops.correct_future(timestamptz) FROM PUBLIC;
