-- Which searches for duplicates a night has to make.

CREATE FUNCTION salesops.duplicate_search_is_due(source_key text, entity text, as_of timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  before salesops.duplicate_run := (SELECT r FROM salesops.duplicate_run r
                                    WHERE r.source_key = duplicate_search_is_due.source_key AND r.entity = duplicate_search_is_due.entity AND r.query IS NULL AND r.as_of <= duplicate_search_is_due.as_of
                                    ORDER BY r.as_of DESC, r.run_id DESC LIMIT 1);
  records text := salesops.duplicate_query(source_key, entity, as_of);
  searched text := salesops.duplicate_query(source_key, entity, before.as_of);
  is_due boolean;
BEGIN
  IF before.run_id IS NULL THEN
    EXECUTE format('SELECT EXISTS (%s)', records) INTO is_due;
    RETURN is_due;
  ELSIF EXISTS (SELECT FROM salesops.duplicate_decision d
                WHERE d.source_key = duplicate_search_is_due.source_key AND d.entity = duplicate_search_is_due.entity AND d.decided_at > before.as_of AND d.decided_at <= duplicate_search_is_due.as_of) THEN
    RETURN true;
  -- Reading the records twice is dear: only where any of them was recorded since.
  ELSIF NOT EXISTS (SELECT FROM salesops.account a WHERE duplicate_search_is_due.entity = 'account' AND a.source_key = duplicate_search_is_due.source_key AND a.recorded_at > before.as_of)
    AND NOT EXISTS (SELECT FROM salesops.lead l WHERE duplicate_search_is_due.entity = 'lead' AND l.source_key = duplicate_search_is_due.source_key AND l.recorded_at > before.as_of) THEN
    RETURN false;
  END IF;
  EXECUTE format('SELECT EXISTS ((%s EXCEPT ALL %s) UNION ALL (%2$s EXCEPT ALL %1$s))', records, searched) INTO is_due;
  RETURN is_due;
END $$;
COMMENT ON FUNCTION salesops.duplicate_search_is_due(text, text, timestamptz) IS
  'Whether a search for duplicates among the accounts or leads of a source as of an instant could find what the last one did not: a record came, went or changed in what is compared, somebody decided about a pair, or there was none yet. '
  'False where there are no records. Errors as of duplicate_query()';

CREATE FUNCTION salesops.find_due_duplicates(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due record;
  found_id bigint;
  written bigint := 0;
BEGIN
  FOR due IN
    SELECT s.source_key, e.entity, (SELECT r.options FROM salesops.duplicate_run r
                                    WHERE r.source_key = s.source_key AND r.entity = e.entity AND r.query IS NULL AND r.as_of <= find_due_duplicates.as_of
                                    ORDER BY r.as_of DESC, r.run_id DESC LIMIT 1) AS options
    FROM salesops.source s CROSS JOIN unnest(ARRAY['account', 'lead']) AS e(entity)
    WHERE s.is_active AND salesops.duplicate_search_is_due(s.source_key, e.entity, find_due_duplicates.as_of)
    ORDER BY s.source_key COLLATE "C", e.entity
  LOOP
    found_id := salesops.find_duplicates(due.source_key, due.entity, as_of, due.options);
    written := written + 1 + (SELECT count(*) FROM salesops.duplicate_pair p WHERE p.run_id = found_id) + (SELECT count(*) FROM salesops.duplicate_cluster_member m WHERE m.run_id = found_id);
  END LOOP;
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.find_due_duplicates(timestamptz) IS
  'find_duplicates() of the accounts and leads of every active source where duplicate_search_is_due(), each with the options of the last search. Returns the rows of searches, pairs and members written; errors as of find_duplicates()';
