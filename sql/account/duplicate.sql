-- Which records are one company, or one person: the matcher (src/account/match.h) on the rows of a query.

CREATE FUNCTION salesops.match_records(
  query text, kind text, sure double precision, review double precision, block integer, distinct_keys text[] DEFAULT '{}',
  OUT item text, OUT one text, OUT other text, OUT weight double precision, OUT is_sure boolean, OUT evidence jsonb,
  OUT records bigint, OUT compared bigint, OUT left_out bigint)
RETURNS SETOF record LANGUAGE c VOLATILE STRICT ROWS 100000 AS 'MODULE_PATHNAME', 'salesops_match_records';
COMMENT ON FUNCTION salesops.match_records(text, text, double precision, double precision, integer, text[]) IS
  'Everything that matching the records of a query gives, as rows of four kinds (item): pair (one < other by key, weight in bits, is_sure, evidence), member (one = '
  'least key of the cluster, other = member, records = size of the cluster), block too large to compare each with each (one = a record of it, other = what its '
  'records share, records, pairs compared and left out) and all (the totals). The query is read under the caller''s rights; columns: docs/duplicates.md. distinct_keys: keys, '
  'two by two, of records that are not one. No row for NULL. 22023, 22004, 23505, 42703 for what makes no sense';

CREATE FUNCTION salesops.duplicate_options(options jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  defaults CONSTANT jsonb := '{"kind": "company", "sure": 1, "review": -3, "block": 50}';
  unknown text;
BEGIN
  IF jsonb_typeof(options) <> 'object' THEN
    RAISE EXCEPTION 'options must be an object' USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('They are %s.', options), HINT = format('These are the defaults: %s.', defaults);
  END IF;
  SELECT min(k) INTO unknown FROM jsonb_object_keys(options) k WHERE NOT defaults ? k;
  IF unknown IS NOT NULL THEN
    RAISE EXCEPTION 'unknown option "%"', unknown USING
      ERRCODE = 'invalid_parameter_value', HINT = format('These are the options, with their defaults: %s.', defaults);
  END IF;
  SELECT min(o.key) INTO unknown FROM jsonb_each(options) o
  WHERE CASE WHEN jsonb_typeof(o.value) NOT IN (jsonb_typeof(defaults -> o.key), 'null') THEN true
             WHEN o.key = 'block' AND o.value <> 'null' THEN o.value::numeric NOT BETWEEN 2 AND 1000 OR o.value::numeric % 1 <> 0 END;
  IF unknown IS NOT NULL THEN
    RAISE EXCEPTION 'invalid value for option "%"', unknown USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s.', options -> unknown), HINT = format('Its default is %s.', defaults -> unknown);
  END IF;
  RETURN defaults || coalesce(jsonb_strip_nulls(options), '{}');
END $$;
COMMENT ON FUNCTION salesops.duplicate_options(jsonb) IS
  'Options of matching with the defaults filled in: kind (company, person), sure and review (least weight in bits of a sure pair, and of one to look at), block (most records that '
  'are compared each with each for one thing in common, 2 to 1000). NULL = the defaults; 22023 for an unknown option or a value that it cannot have';

CREATE FUNCTION salesops.duplicate_pairs(
  query text, options jsonb DEFAULT '{}', OUT one text, OUT other text, OUT weight double precision, OUT verdict text, OUT evidence jsonb)
RETURNS SETOF record LANGUAGE sql VOLATILE ROWS 10000
BEGIN ATOMIC
  SELECT m.one, m.other, m.weight, CASE WHEN m.is_sure THEN 'sure' ELSE 'review' END, m.evidence
  FROM salesops.duplicate_options(duplicate_pairs.options) o
  CROSS JOIN LATERAL salesops.match_records(duplicate_pairs.query, o ->> 'kind', (o ->> 'sure')::double precision, (o ->> 'review')::double precision, (o ->> 'block')::integer) m
  WHERE m.item = 'pair';
END;
COMMENT ON FUNCTION salesops.duplicate_pairs(text, jsonb) IS
  'Pairs of records of a query that are one, or may be: verdict sure or review, weight = log2 of how much likelier one than two, evidence field by field in words and bits that '
  'add up to the weight. Keeps nothing. The same pairs whatever the order of the rows. Options and errors as of duplicate_options() and match_records()';

CREATE FUNCTION salesops.duplicate_clusters(query text, options jsonb DEFAULT '{}', OUT cluster text, OUT key text, OUT records bigint)
RETURNS SETOF record LANGUAGE sql VOLATILE ROWS 10000
BEGIN ATOMIC
  SELECT m.one, m.other, m.records
  FROM salesops.duplicate_options(duplicate_clusters.options) o
  CROSS JOIN LATERAL salesops.match_records(duplicate_clusters.query, o ->> 'kind', (o ->> 'sure')::double precision, (o ->> 'review')::double precision, (o ->> 'block')::integer) m
  WHERE m.item = 'member';
END;
COMMENT ON FUNCTION salesops.duplicate_clusters(text, jsonb) IS
  'Records of a query that are one: cluster = the least key of them, key, and how many there are; a record alone has no row. Keeps nothing. Options and errors as of duplicate_pairs()';

-- The weights are those of a list so short that a name of it is no accident: only how the names agree counts.
CREATE FUNCTION salesops.near_names(names text[], OUT name text, OUT near_name text, OUT agreement text)
RETURNS SETOF record LANGUAGE plpgsql VOLATILE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT m.one, m.other, m.evidence #>> '{name,agreement}'
  FROM salesops.match_records(format('SELECT DISTINCT n AS key, n AS name FROM pg_catalog.unnest(%L::text[]) n WHERE n IS NOT NULL', names),
                              'company', -1000, -1000, 50) m
  WHERE m.item = 'pair' AND m.evidence #>> '{name,agreement}' IN ('same name', 'same words', 'same but for a misspelling');
END $$;
COMMENT ON FUNCTION salesops.near_names(text[]) IS
  'Names of a list that differ in spelling only: case, punctuation, blanks, word order, abbreviations, misspellings (GTX Pro, GTXPro). For products, industries, segments ... No row for NULL';
