-- What a source's owner says has not changed since a deal was created (option unchanged) is carried back to its start.

CREATE FUNCTION salesops.carried_columns()
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{amount,quantity,list_amount,discount,margin,acv,arr,tcv}'::text[];
COMMENT ON FUNCTION salesops.carried_columns() IS
  'Columns of opportunities that the option unchanged may name beside custom fields: those that do not tell how a deal went';

CREATE FUNCTION salesops.unchanged_fields(options jsonb)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(btrim(u) ORDER BY n) FILTER (WHERE btrim(u) <> ''), '{}')
  FROM unnest(pg_catalog.string_to_array(options ->> 'unchanged', ',')) WITH ORDINALITY AS f(u, n);
END;
COMMENT ON FUNCTION salesops.unchanged_fields(jsonb) IS
  'Columns and custom fields of opportunities that, by the options of their source, have not changed since a deal was created (option unchanged)';

CREATE OR REPLACE FUNCTION salesops.connect(source_key text, kind text, schema_name text, options jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  bad text;
BEGIN
  IF source_key IS NULL OR source_key !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
    RAISE EXCEPTION 'invalid source key: %', coalesce(quote_literal(source_key), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use 1 to 63 letters, digits, dots, hyphens and underscores.';
  END IF;
  IF NOT EXISTS (SELECT FROM salesops.source_kinds() k WHERE k.kind = connect.kind) THEN
    RAISE EXCEPTION 'unknown kind of source: %', coalesce(quote_literal(kind), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s.', (SELECT string_agg(k.kind, ', ') FROM salesops.source_kinds() k));
  END IF;
  IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema_name) THEN
    RAISE EXCEPTION 'schema "%" does not exist', schema_name USING
      ERRCODE = 'invalid_schema_name',
      HINT = 'Name the schema that holds the tables of the CRM.';
  END IF;
  IF options IS NULL OR jsonb_typeof(options) <> 'object' THEN
    RAISE EXCEPTION 'options must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  SELECT o INTO bad FROM jsonb_object_keys(options) o
  WHERE o NOT IN ('entities', 'custom_fields', 'date_order', 'time_zone', 'probability_scale', 'currency', 'open_stage', 'unchanged');
  IF FOUND THEN
    RAISE EXCEPTION 'unknown option "%"', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Options are entities, custom_fields, date_order, time_zone, probability_scale, currency, open_stage and unchanged.';
  END IF;

  -- Shape first, so that what follows may take it for granted: what is inside what, and what is text.
  SELECT x.path INTO bad
  FROM (SELECT o.key AS path, o.value, CASE WHEN o.key IN ('entities', 'custom_fields') THEN 'object' ELSE 'string' END AS wanted FROM jsonb_each(options) o
        UNION ALL
        SELECT format('%s.%s', o.key, e.key), e.value, 'object' FROM jsonb_each(options) o
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(o.value) WHEN 'object' THEN o.value ELSE '{}' END) e
        UNION ALL
        SELECT format('%s.%s.%s', o.key, e.key, f.key), f.value, CASE WHEN o.key = 'entities' AND f.key = 'columns' THEN 'object' ELSE 'string' END
        FROM jsonb_each(options) o
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(o.value) WHEN 'object' THEN o.value ELSE '{}' END) e
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE '{}' END) f
        UNION ALL
        SELECT format('entities.%s.columns.%s', e.key, c.key), c.value, 'string'
        FROM jsonb_each(CASE jsonb_typeof(options -> 'entities') WHEN 'object' THEN options -> 'entities' ELSE '{}' END) e
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(e.value -> 'columns') WHEN 'object' THEN e.value -> 'columns' ELSE '{}' END) c) x
  WHERE jsonb_typeof(x.value) <> x.wanted LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'option "%" has the wrong shape', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Options look like {"currency": "EUR", "entities": {"opportunity": {"relation": "deals", "columns": {"id": "deal_id"}}}, '
             '"custom_fields": {"opportunity": {"partner": "partner_name"}}}.';
  END IF;

  SELECT e INTO bad FROM jsonb_object_keys(coalesce(options -> 'entities', '{}') || coalesce(options -> 'custom_fields', '{}')) e
  WHERE e NOT IN (SELECT x.entity FROM salesops.entities() x);
  IF FOUND THEN
    RAISE EXCEPTION 'unknown entity "%"', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM salesops.entities() lists them.';
  END IF;
  SELECT format('entities.%s.%s', e.key, f) INTO bad
  FROM jsonb_each(coalesce(options -> 'entities', '{}')) e CROSS JOIN LATERAL jsonb_object_keys(e.value) f
  WHERE f NOT IN ('relation', 'columns', 'watermark');
  IF FOUND THEN
    RAISE EXCEPTION 'unknown option "%"', bad USING
      ERRCODE = 'invalid_parameter_value', HINT = 'An entity has the options relation, columns and watermark.';
  END IF;
  SELECT format('%s.%s', e.key, c.key) INTO bad
  FROM jsonb_each(coalesce(options -> 'entities', '{}')) e, jsonb_each(coalesce(e.value -> 'columns', '{}')) c
  WHERE c.key NOT IN ('modified_at', 'is_deleted') AND c.key NOT IN (SELECT t.target FROM salesops.entity_targets(e.key) t);
  IF FOUND THEN
    RAISE EXCEPTION 'no canonical column "%"', bad USING
      ERRCODE = 'undefined_column',
      DETAIL = 'The keys of options.entities.<entity>.columns are columns of the canonical table.',
      HINT = format('SELECT * FROM salesops.entity_targets(%L) lists them; use custom_fields for anything else.',
                               split_part(bad, '.', 1));
  END IF;
  IF kind = 'generic' AND NOT EXISTS (SELECT FROM jsonb_each(options -> 'entities') e WHERE e.value ->> 'relation' IS NOT NULL) THEN
    RAISE EXCEPTION 'a generic source needs a column map' USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Give options like {"entities": {"opportunity": {"relation": "deals", "columns": {"id": "deal_id", "amount": "value"}}}}.';
  END IF;
  IF options ->> 'date_order' NOT IN ('YMD', 'MDY', 'DMY') THEN
    RAISE EXCEPTION 'unknown order of date fields: "%"', options ->> 'date_order' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use YMD, MDY or DMY.';
  END IF;
  IF options ->> 'probability_scale' NOT IN ('percent', 'fraction') THEN
    RAISE EXCEPTION 'unknown probability scale: "%"', options ->> 'probability_scale' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use percent (0-100) or fraction (0-1).';
  END IF;
  IF options ->> 'currency' !~ '^[A-Z]{3}$' THEN
    RAISE EXCEPTION 'unknown currency: "%"', options ->> 'currency' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use an ISO 4217 code such as EUR.';
  END IF;
  -- The view reads a thousand files: only where there is a name to look for.
  IF options ->> 'time_zone' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = options ->> 'time_zone') THEN
    RAISE EXCEPTION 'unknown time zone: "%"', options ->> 'time_zone' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use a name of pg_timezone_names, such as Europe/Berlin.';
  END IF;

  SELECT u INTO bad FROM unnest(salesops.unchanged_fields(options)) u
  WHERE u <> ALL (salesops.carried_columns()) AND NOT coalesce(options -> 'custom_fields' -> 'opportunity' ? u, false);
  IF FOUND THEN
    RAISE EXCEPTION '"%" cannot be taken as unchanged', bad USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'What says how a deal went or goes was not what it is now: only what was there from the start can be carried back.',
      HINT = format('Name some of %s, or custom fields of opportunities, with commas between them.', array_to_string(salesops.carried_columns(), ', '));
  END IF;

  INSERT INTO salesops.source (source_key, kind, schema_name, options)
  VALUES (source_key, kind, schema_name, options)
  ON CONFLICT ON CONSTRAINT source_pkey DO UPDATE
  SET kind = EXCLUDED.kind, schema_name = EXCLUDED.schema_name, options = EXCLUDED.options, is_active = true,
      -- Read otherwise, old watermarks and relations mean nothing: the next sync starts afresh.
      connected_at = CASE WHEN (source.kind, source.schema_name, source.options) IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.schema_name, EXCLUDED.options)
                          THEN clock_timestamp() ELSE source.connected_at END;
END $$;
