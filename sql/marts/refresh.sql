-- Refreshing: one publication, mart after mart, each in a subtransaction of its own, so that one that fails keeps its last
-- good rows and the others go on. Only a lock or a mistake in one mart is survived like this; a cancelled statement is not.

CREATE FUNCTION salesops.refresh_mart(mart text)
RETURNS text LANGUAGE plpgsql
-- Compiling these wide plans takes seconds and saves none; and as_of, which is read from a table, hides from the planner how
-- many rows there are, so that it would look deals up one by one.
SET jit = off SET enable_nestloop = off SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  relation regclass := to_regclass(format('salesops_bi.%I', mart || '_mat'));
  method text;
BEGIN
  -- Refreshing concurrently takes rows to compare with, and a unique index on plain columns over all rows.
  SELECT CASE WHEN c.relispopulated
                   AND EXISTS (SELECT FROM pg_catalog.pg_index i
                               WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                                 AND 0 <> ALL (i.indkey::int2[]))
              THEN 'concurrently' ELSE 'plain' END
  INTO method
  FROM pg_catalog.pg_class c WHERE c.oid = relation;

  EXECUTE format('REFRESH MATERIALIZED VIEW %s salesops_bi.%I', CASE method WHEN 'concurrently' THEN 'CONCURRENTLY' END,
                            mart || '_mat');
  EXECUTE format('ANALYZE salesops_bi.%I', mart || '_mat');
  RETURN method;
END $$;
COMMENT ON FUNCTION salesops.refresh_mart(text) IS
  'Refresh the rows of one mart for the newest publication and return how: concurrently, or plain where it is empty or '
  'lost its unique index. refresh_marts() calls it';

CREATE FUNCTION salesops.refresh_marts(as_of timestamptz, lock_wait interval DEFAULT '30 seconds')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  outer_lock_timeout text := current_setting('lock_timeout');
  -- In milliseconds; least() passes over the NULL of a session without a limit.
  wait_for_lock bigint := least((extract(epoch FROM lock_wait) * 1000)::bigint,
                                (SELECT nullif(s.setting::bigint, 0) FROM pg_settings s WHERE s.name = 'lock_timeout'));
  publication bigint;
  mart text;
  began timestamptz;
  how text;
  mart_rows bigint;
  total_rows bigint;
  failure_state text;
  failure_message text;
BEGIN
  PERFORM salesops.check_as_of(refresh_marts.as_of);
  PERFORM salesops.install_marts();
  INSERT INTO salesops.publication AS p (as_of) VALUES (refresh_marts.as_of) RETURNING p.publication_id INTO publication;
  PERFORM set_config('lock_timeout', wait_for_lock::text, true);

  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" LOOP
    began := clock_timestamp();
    how := NULL;
    mart_rows := NULL;
    failure_state := NULL;
    failure_message := NULL;
    BEGIN
      how := salesops.refresh_mart(mart);
      mart_rows := salesops.count_rows(format('salesops_bi.%I', mart || '_mat')::regclass);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS failure_state = RETURNED_SQLSTATE, failure_message = MESSAGE_TEXT;
      RAISE WARNING 'mart "%" was not refreshed and keeps its last rows: %', mart, failure_message
        USING ERRCODE = failure_state, HINT = 'SELECT * FROM salesops.mart_status shows what each mart holds.';
    END;
    INSERT INTO salesops.mart_refresh (publication_id, mart, as_of, started_at, rows, method, sqlstate, message)
    VALUES (publication, mart, refresh_marts.as_of, began, mart_rows, how, failure_state, failure_message);
    total_rows := coalesce(total_rows + mart_rows, total_rows, mart_rows);
  END LOOP;

  -- Where all failed, the reason is not a mart's: say it as an error, so that the night's step fails.
  IF total_rows IS NULL THEN
    RAISE EXCEPTION 'no mart was refreshed: %', failure_message
      USING ERRCODE = failure_state, HINT = 'The owner of salesops_bi must refresh, with rights on schema salesops.';
  END IF;
  PERFORM set_config('lock_timeout', outer_lock_timeout, true);
  RETURN total_rows;
END $$;
COMMENT ON FUNCTION salesops.refresh_marts(timestamptz, interval) IS
  'Publish an instant: refresh every mart for it in dependency order and return their rows together. Installs the marts '
  'if they are missing. A mart that fails, or whose lock is not free within lock_wait, or within the session''s lock_timeout if that is '
  'less, keeps its last good rows: a WARNING, a row in mart_refresh, and the others go on; an error if all fail. Needs the owner of the marts. 22023 where as_of is no instant or lies in the future';

CREATE FUNCTION salesops.refresh_failures(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT format('%s of %s marts were not refreshed: %s', count(r.sqlstate), count(*),
                string_agg(r.mart, ', ' ORDER BY r.mart) FILTER (WHERE r.sqlstate IS NOT NULL))
  FROM salesops.mart_refresh r
  WHERE r.publication_id = (SELECT max(p.publication_id) FROM salesops.publication p WHERE p.as_of = refresh_failures.as_of)
  HAVING count(r.sqlstate) > 0;
END;
COMMENT ON FUNCTION salesops.refresh_failures(timestamptz) IS
  'Which marts the last publication of an instant could not refresh, in words; NULL where it refreshed all. mart_refresh says why';
