-- Duplicates among the accounts or leads of a source, searched and kept.

CREATE FUNCTION salesops.duplicate_query(source_key text, entity text, as_of timestamptz)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
  IF entity = 'account' THEN
    RETURN format('SELECT a.id AS key, a.name, a.website, a.phone, a.street, a.city, a.state, a.postal_code, a.country '
                  'FROM salesops.account_as_of(%L) a WHERE a.source_key = %L AND a.merged_into IS NULL', as_of, source_key);
  ELSIF entity = 'lead' THEN
    RETURN format('SELECT l.id AS key, l.name, l.company, l.custom ->> ''email'' AS email, l.custom ->> ''phone'' AS phone, l.custom ->> ''city'' AS city '
                  'FROM salesops.lead l WHERE l.source_key = %L AND NOT l.is_deleted AND l.effective_at <= %L AND l.recorded_at <= %2$L', source_key, as_of);
  END IF;
  RAISE EXCEPTION 'duplicates of "%" cannot be searched', coalesce(entity, 'NULL') USING
    ERRCODE = 'invalid_parameter_value', HINT = 'Use account or lead; salesops.duplicate_pairs() takes any query.';
END $$;
COMMENT ON FUNCTION salesops.duplicate_query(text, text, timestamptz) IS
  'The query by which find_duplicates() reads accounts or leads as of an instant; e-mail address, phone and city of a lead from its custom fields of these names. 22023 for another entity';

CREATE FUNCTION salesops.find_duplicates(source_key text, entity text DEFAULT 'account', as_of timestamptz DEFAULT salesops.clock(), options jsonb DEFAULT '{}')
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  query text := salesops.duplicate_query(source_key, entity, as_of);
  settled jsonb := salesops.duplicate_options(jsonb_build_object('kind', CASE entity WHEN 'lead' THEN 'person' ELSE 'company' END) || coalesce(options, '{}'));
  apart text[];
  run bigint;
BEGIN
  PERFORM salesops.check_given('source_key', source_key);
  PERFORM salesops.check_given('as_of', as_of::text);
  run := nextval('salesops.duplicate_run_run_id_seq');
  SELECT coalesce(array_agg(k.key ORDER BY d.one COLLATE "C", d.other COLLATE "C", k.place), '{}') INTO apart
  FROM salesops.duplicate_decisions(as_of) d CROSS JOIN LATERAL unnest(ARRAY[d.one, d.other]) WITH ORDINALITY k(key, place)
  WHERE d.source_key = find_duplicates.source_key AND d.entity = find_duplicates.entity AND d.decision = 'distinct';

  WITH found AS MATERIALIZED (
    SELECT m.* FROM salesops.match_records(query, settled ->> 'kind', (settled ->> 'sure')::double precision, (settled ->> 'review')::double precision,
                                           (settled ->> 'block')::integer, apart) m
  ), pair AS (
    INSERT INTO salesops.duplicate_pair (run_id, one, other, weight, verdict, evidence)
    SELECT run, f.one, f.other, f.weight, CASE WHEN f.is_sure THEN 'sure' ELSE 'review' END, f.evidence FROM found f WHERE f.item = 'pair'
  ), member AS (
    INSERT INTO salesops.duplicate_cluster_member (run_id, cluster, id) SELECT run, f.one, f.other FROM found f WHERE f.item = 'member'
  ), block AS (
    INSERT INTO salesops.duplicate_block (run_id, what, id, records, compared, left_out)
    SELECT run, f.other, f.one, f.records, f.compared, f.left_out FROM found f WHERE f.item = 'block'
  )
  INSERT INTO salesops.duplicate_run (run_id, source_key, entity, as_of, options, records, compared, left_out)
  SELECT run, source_key, entity, as_of, settled, f.records, f.compared, f.left_out FROM found f WHERE f.item = 'all';
  RETURN run;
END $$;
COMMENT ON FUNCTION salesops.find_duplicates(text, text, timestamptz, jsonb) IS
  'Searches duplicates among the accounts or leads of a source as of an instant, keeps what it finds and returns the run_id: duplicate_pair, duplicate_cluster_member, duplicate_block. '
  'Pairs that somebody has kept distinct are not found again. Options and errors as of duplicate_options() and match_records(); 22004 for NULL, 22023 for another entity';

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
  ), decided AS MATERIALIZED (
    SELECT d.source_key, d.entity, d.one, d.other FROM salesops.duplicate_decisions(duplicates_to_review.as_of) d WHERE d.decision <> 'undo'
  ), merged AS MATERIALIZED (
    SELECT m.source_key, m.entity, m.id, m.survivor FROM salesops.merged_ids(duplicates_to_review.as_of) m
  )
  SELECT l.run_id, l.source_key, l.entity, p.one, p.other, m.cluster, p.weight, p.verdict, p.evidence
  FROM latest l
  JOIN salesops.duplicate_pair p ON p.run_id = l.run_id
  LEFT JOIN salesops.duplicate_cluster_member m ON m.run_id = l.run_id AND m.id = p.one
       AND EXISTS (SELECT FROM salesops.duplicate_cluster_member o WHERE o.run_id = m.run_id AND o.cluster = m.cluster AND o.id = p.other)
  LEFT JOIN merged a ON a.source_key = l.source_key AND a.entity = l.entity AND a.id = p.one
  LEFT JOIN merged b ON b.source_key = l.source_key AND b.entity = l.entity AND b.id = p.other
  WHERE NOT EXISTS (SELECT FROM decided d WHERE d.source_key = l.source_key AND d.entity = l.entity AND d.one = p.one AND d.other = p.other)
    -- Merged by way of others.
    AND coalesce(a.survivor, p.one) <> coalesce(b.survivor, p.other);
END;
COMMENT ON FUNCTION salesops.duplicates_to_review(timestamptz) IS
  'Pairs of the latest search of each source and entity that nobody has decided about as of an instant, nor made one by way of others; cluster = the least identifier of the cluster that both are in, NULL = in none together. No row for NULL';
