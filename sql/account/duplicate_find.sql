-- Duplicates among the accounts or leads of a source, or the records of any query, searched and kept.

CREATE FUNCTION salesops.duplicate_query(source_key text, entity text, as_of timestamptz)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
  IF entity = 'account' THEN
    RETURN format('SELECT a.id AS key, a.name, a.website, a.phone, a.street, a.city, a.state, a.postal_code, a.country '
                  'FROM salesops.account_as_of(%L) a WHERE a.source_key = %L AND a.merged_into IS NULL', as_of, source_key);
  ELSIF entity = 'lead' THEN
    RETURN format('SELECT l.id AS key, l.name, l.company, l.custom ->> ''website'' AS website, l.custom ->> ''email'' AS email, l.custom ->> ''phone'' AS phone, l.custom ->> ''street'' AS street, '
                  'l.custom ->> ''city'' AS city, l.custom ->> ''state'' AS state, l.custom ->> ''postal_code'' AS postal_code, l.custom ->> ''country'' AS country '
                  'FROM salesops.lead l WHERE l.source_key = %L AND NOT l.is_deleted AND l.effective_at <= %L AND l.recorded_at <= %2$L', source_key, as_of);
  END IF;
  RAISE EXCEPTION 'duplicates of "%" cannot be searched', coalesce(entity, 'NULL') USING
    ERRCODE = 'invalid_parameter_value', HINT = 'Use account or lead, or give a query.';
END $$;
COMMENT ON FUNCTION salesops.duplicate_query(text, text, timestamptz) IS
  'The query by which find_duplicates() reads accounts or leads as of an instant; what a lead has beside name and company from its custom fields website, email, phone, street, city, state, postal_code and country. 22023 for another entity';

CREATE FUNCTION salesops.find_duplicates(source_key text, entity text DEFAULT 'account', as_of timestamptz DEFAULT salesops.clock(), options jsonb DEFAULT '{}', query text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  records_query text := coalesce(query, salesops.duplicate_query(source_key, entity, as_of));
  settled jsonb := salesops.duplicate_options(jsonb_build_object('kind', CASE entity WHEN 'account' THEN 'company' ELSE 'person' END) || coalesce(options, '{}'));
  apart text[];
  before salesops.duplicate_run;
  run bigint;
  violated text;
BEGIN
  PERFORM salesops.check_given('source_key', source_key);
  PERFORM salesops.check_given('entity', nullif(entity, ''));
  PERFORM salesops.check_given('as_of', as_of::text), salesops.check_as_of(as_of);
  IF query IS NULL THEN
    PERFORM salesops.get_source(source_key);
  END IF;
  run := nextval('salesops.duplicate_run_run_id_seq');
  SELECT coalesce(array_agg(k.key ORDER BY d.one COLLATE "C", d.other COLLATE "C", k.place), '{}') INTO apart
  FROM salesops.duplicate_decisions(as_of) d CROSS JOIN LATERAL unnest(ARRAY[d.one, d.other]) WITH ORDINALITY k(key, place)
  WHERE d.source_key = find_duplicates.source_key AND d.entity = find_duplicates.entity AND d.decision = 'distinct';

  -- The search that this one follows: the last of its kind, unless it is as of a later instant, or what has changed since all was kept is as much as all.
  SELECT r.* INTO before FROM salesops.duplicate_run r
  WHERE r.source_key = find_duplicates.source_key AND r.entity = find_duplicates.entity AND r.options = settled AND r.query IS NOT DISTINCT FROM find_duplicates.query
  ORDER BY r.first_run_id DESC, r."position" DESC LIMIT 1;
  IF before.as_of > as_of
     OR (SELECT 2 * count(*) FILTER (WHERE p.run_id = before.first_run_id) < count(*) FROM salesops.duplicate_run r JOIN salesops.duplicate_pair p ON p.run_id = r.run_id WHERE r.first_run_id = before.first_run_id) THEN
    before := NULL;
  END IF;

  WITH found AS MATERIALIZED (
    SELECT m.* FROM salesops.match_records(records_query, settled ->> 'kind', (settled ->> 'sure')::double precision, (settled ->> 'review')::double precision,
                                           (settled ->> 'block')::integer, apart) m
  ), pair AS (
    INSERT INTO salesops.duplicate_pair (run_id, one, other, weight, verdict, evidence)
    SELECT run, coalesce(f.one, k.one), coalesce(f.other, k.other), f.weight, CASE WHEN f.is_sure THEN 'sure' WHEN f.weight IS NOT NULL THEN 'review' ELSE 'gone' END, f.evidence
    FROM (SELECT x.* FROM found x WHERE x.item = 'pair') f FULL JOIN salesops.kept_duplicate_pairs(before.run_id) k ON k.one = f.one AND k.other = f.other
    WHERE f.is_sure IS DISTINCT FROM (k.verdict = 'sure') OR abs(f.weight - k.weight) >= 1
      OR jsonb_path_query_array(f.evidence, '$.*.agreement') <> jsonb_path_query_array(k.evidence, '$.*.agreement')
  ), member AS (
    INSERT INTO salesops.duplicate_cluster_member (run_id, cluster, id)
    SELECT run, f.one, coalesce(f.other, k.id)
    FROM (SELECT x.* FROM found x WHERE x.item = 'member') f FULL JOIN salesops.kept_duplicate_members(before.run_id) k ON k.id = f.other
    WHERE f.one IS DISTINCT FROM k.cluster
  ), block AS (
    INSERT INTO salesops.duplicate_block (run_id, what, id, records, compared, left_out)
    SELECT run, f.other, f.one, f.records, f.compared, f.left_out FROM found f WHERE f.item = 'block'
  )
  INSERT INTO salesops.duplicate_run (run_id, source_key, entity, as_of, options, query, first_run_id, "position", records, compared, left_out)
  SELECT run, source_key, entity, as_of, settled, query, coalesce(before.first_run_id, run), coalesce(before."position" + 1, 0), f.records, f.compared, f.left_out FROM found f WHERE f.item = 'all';
  RETURN run;
EXCEPTION WHEN unique_violation THEN
  GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
  -- A key that comes twice says so itself.
  IF violated = '' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION 'somebody else has just searched duplicates of the same kind' USING
    ERRCODE = 'serialization_failure', DETAIL = format('Source "%s", %s.', source_key, entity), HINT = 'SELECT * FROM salesops.duplicates_to_review(now()) has what was found.';
END $$;
COMMENT ON FUNCTION salesops.find_duplicates(text, text, timestamptz, jsonb, text) IS
  'Searches duplicates among the accounts or leads of a source as of an instant, or among the records of a query (names with their schema), which entity then gives a name to (contact), keeps what is other than in the search of this kind before, and returns the run_id: '
  'kept_duplicate_pairs(), kept_duplicate_members(), duplicate_block. Pairs that somebody has kept distinct are not found again. The kind is company for accounts, else person, unless the options say so. '
  'Options and errors as of duplicate_options() and match_records(); 22004 for NULL, 22023 for another entity without a query and for an instant that is none or in the future, 42704 for an unknown source without a query, 40001 where somebody else has just searched the same';

CREATE FUNCTION salesops.last_duplicate_run(source_key text, entity text, as_of timestamptz)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.run_id FROM salesops.duplicate_run r
  WHERE r.source_key = last_duplicate_run.source_key AND r.entity = last_duplicate_run.entity AND r.as_of <= last_duplicate_run.as_of
  ORDER BY r.as_of DESC, r.run_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.last_duplicate_run(text, text, timestamptz) IS 'The latest search for duplicates as of an instant; NULL = none';

CREATE FUNCTION salesops.duplicates_to_review(as_of timestamptz, OUT run_id bigint, OUT source_key text, OUT entity text, OUT one text, OUT other text, OUT cluster text,
                                              OUT weight double precision, OUT verdict text, OUT evidence jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH latest AS MATERIALIZED (
    SELECT DISTINCT ON (r.source_key, r.entity) r.run_id, r.source_key, r.entity FROM salesops.duplicate_run r
    WHERE r.as_of <= duplicates_to_review.as_of ORDER BY r.source_key, r.entity, r.as_of DESC, r.run_id DESC
  ), member AS MATERIALIZED (
    SELECT l.run_id, k.cluster, k.id FROM latest l CROSS JOIN LATERAL salesops.kept_duplicate_members(l.run_id) k
  ), decided AS MATERIALIZED (
    SELECT d.source_key, d.entity, d.one, d.other FROM salesops.duplicate_decisions(duplicates_to_review.as_of) d WHERE d.decision <> 'undo'
  ), merged AS MATERIALIZED (
    SELECT m.source_key, m.entity, m.id, m.survivor FROM salesops.merged_ids(duplicates_to_review.as_of) m
  )
  SELECT l.run_id, l.source_key, l.entity, p.one, p.other, CASE WHEN m.cluster = o.cluster THEN m.cluster END, p.weight, p.verdict, p.evidence
  FROM latest l
  CROSS JOIN LATERAL salesops.kept_duplicate_pairs(l.run_id) p
  LEFT JOIN member m ON m.run_id = l.run_id AND m.id = p.one
  LEFT JOIN member o ON o.run_id = l.run_id AND o.id = p.other
  LEFT JOIN merged a ON a.source_key = l.source_key AND a.entity = l.entity AND a.id = p.one
  LEFT JOIN merged b ON b.source_key = l.source_key AND b.entity = l.entity AND b.id = p.other
  WHERE NOT EXISTS (SELECT FROM decided d WHERE d.source_key = l.source_key AND d.entity = l.entity AND d.one = p.one AND d.other = p.other)
    -- Merged by way of others.
    AND coalesce(a.survivor, p.one) <> coalesce(b.survivor, p.other);
END;
COMMENT ON FUNCTION salesops.duplicates_to_review(timestamptz) IS
  'Pairs of the latest search of each source and entity that nobody has decided about as of an instant, '
  'nor made one by way of others; cluster = the least identifier of the cluster that both are in, NULL = in none together. No row for NULL';
