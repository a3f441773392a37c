-- What the CRM itself remembers: the meaning of its stages, and where its own histories are.

CREATE FUNCTION salesops.later_known(known text, next text)
RETURNS text LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_later_known';
COMMENT ON FUNCTION salesops.later_known(text, text) IS 'transition function of last_known()';

CREATE AGGREGATE salesops.last_known(text) (SFUNC = salesops.later_known, STYPE = text, PARALLEL = SAFE);
COMMENT ON AGGREGATE salesops.last_known(text) IS 'Last value that is not NULL, in the order of the rows; as a window aggregate it carries a value forward';

CREATE FUNCTION salesops.read_stage_meaning(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass;
  wanted text[];
  columns text[];
BEGIN
  CASE (SELECT k.family FROM salesops.source_kinds() k WHERE k.kind = source.kind)
    WHEN 'salesforce' THEN
      relation := salesops.find_relation(source.schema_name, 'opportunitystage');
      wanted := ARRAY['', 'masterlabel', 'masterlabel', 'isclosed', 'iswon', 'sortorder', 'forecastcategory', 'fivetrandeleted'];
    WHEN 'hubspot' THEN
      relation := salesops.find_relation(source.schema_name, 'dealpipelinestage');
      wanted := ARRAY['pipelineid', 'stageid', 'label', 'isclosed', 'closedwon', 'displayorder', '', 'fivetrandeleted'];
    ELSE
      RETURN;
  END CASE;
  -- SQL text of each wanted column, NULL where it is missing.
  columns := ARRAY(SELECT coalesce((SELECT format('nullif(btrim(s.%I::text), %L)', f.name, '') FROM salesops.find_column(relation, w) f WHERE f.name IS NOT NULL),
                                   'NULL::text')
                   FROM unnest(wanted) WITH ORDINALITY u(w, n) ORDER BY n);
  IF relation IS NULL OR columns[2] = 'NULL::text' THEN
    RETURN;
  END IF;
  EXECUTE format(
    'INSERT INTO salesops.stage_map (source_key, pipeline, stage, valid_from, said_by, label, status, category, "position")
     SELECT $1, x.pipeline, x.stage, CASE WHEN o.stage IS NULL THEN ''-infinity'' ELSE $2 END,
            ''crm'', x.label, x.status, x.category, x.position
     FROM (SELECT DISTINCT ON (1, 2) coalesce(%1$s, '''') AS pipeline, %2$s AS stage, coalesce(%3$s, %2$s) AS label, m.status,
                  CASE m.status WHEN ''won'' THEN ''Closed'' WHEN ''lost'' THEN ''Omitted''
                                ELSE coalesce(salesops.recognize_forecast_category(%7$s), ''Pipeline'') END::salesops.forecast_category AS category,
                  salesops.read_number(%6$s)::integer AS position
           FROM %9$s s
           CROSS JOIN LATERAL (SELECT CASE WHEN salesops.read_boolean(%5$s) THEN ''won'' WHEN salesops.read_boolean(%4$s) THEN ''lost'' ELSE ''open'' END AS status) m
           WHERE %2$s IS NOT NULL AND coalesce(salesops.read_boolean(%8$s), false) = false
           ORDER BY 1, 2, 3) x
     LEFT JOIN LATERAL (SELECT o.* FROM salesops.stage_map o
                        WHERE o.source_key = $1 AND o.said_by = ''crm'' AND o.pipeline = x.pipeline AND o.stage = x.stage AND o.valid_from <= $2
                        ORDER BY o.valid_from DESC, o.recorded_at DESC LIMIT 1) o ON true
     WHERE (o.label, o.status, o.category::text, o.position) IS DISTINCT FROM (x.label, x.status, x.category::text, x.position)',
    columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7], columns[8], salesops.source_relation(relation))
  USING source.source_key, as_of;
END $$;
COMMENT ON FUNCTION salesops.read_stage_meaning(salesops.source, timestamptz) IS
  'Take over what the CRM says its stages mean; a stage heard of for the first time has always meant it, a changed meaning holds from as_of';

-- Events of a source in one shape, as SQL: id, at, target, old_value, new_value ('' = empty, NULL = not stated).
CREATE FUNCTION salesops.history_events(source salesops.source)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape record;
  queries text[] := '{}';
BEGIN
  FOR shape IN
    SELECT h.* FROM (VALUES
      ('salesforce', 'opportunityfieldhistory',
       'SELECT s.{opportunityid}::text, s.{createddate}::text, t.target, coalesce(s.{oldvalue}::text, ''''), coalesce(s.{newvalue}::text, '''')
        FROM % s
        JOIN (SELECT f.field, m.target
              FROM (SELECT DISTINCT {field} AS field FROM % s) f
              JOIN (VALUES (''stagename'', ''stage''), (''amount'', ''amount''), (''closedate'', ''close_date''), (''probability'', ''probability''),
                           (''forecastcategoryname'', ''forecast_category''), (''forecastcategory'', ''forecast_category''),
                           (''owner'', ''owner_id''), (''ownerid'', ''owner_id'')) m(name, target) ON m.name = salesops.plain_name(f.field::text)) t
          ON t.field = s.{field}
        WHERE salesops.read_boolean({?isdeleted}::text) IS NOT TRUE'),
      ('salesforce', 'opportunityhistory',
       'SELECT s.{opportunityid}::text, s.{createddate}::text, t.target, NULL, coalesce(t.value, '''')
        FROM % s CROSS JOIN LATERAL (VALUES (''stage'', s.{stagename}::text), (''amount'', s.{amount}::text), (''close_date'', s.{closedate}::text),
                                            (''probability'', s.{probability}::text), (''forecast_category'', s.{forecastcategory}::text)) t(target, value)
        WHERE salesops.read_boolean({?isdeleted}::text) IS NOT TRUE'),
      ('hubspot', 'dealpropertyhistory',
       'SELECT s.{dealid}::text, s.{timestamp}::text, t.target, NULL, coalesce(s.{value}::text, '''')
        FROM % s
        JOIN (SELECT f.field, m.target
              FROM (SELECT DISTINCT {name} AS field FROM % s) f
              JOIN (VALUES (''dealstage'', ''stage''), (''amount'', ''amount''), (''closedate'', ''close_date''), (''hsdealstageprobability'', ''probability''),
                           (''hsmanualforecastcategory'', ''forecast_category''), (''hubspotownerid'', ''owner_id'')) m(name, target)
                ON m.name = salesops.plain_name(f.field::text)) t
          ON t.field = s.{name}'),
      ('hubspot', 'dealstage',
       'SELECT s.{dealid}::text, s.{dateentered}::text, ''stage'', NULL, coalesce(s.{value}::text, '''') FROM % s')
    ) AS h(family, relation, query)
    JOIN salesops.source_kinds() k ON k.family = h.family AND k.kind = source.kind
  LOOP
    queries := queries || salesops.bind_columns(shape.query, salesops.find_relation(source.schema_name, shape.relation));
  END LOOP;
  -- A missing relation is a NULL, which array_to_string() leaves out.
  RETURN nullif(array_to_string(queries, ' UNION ALL '), '');
END $$;
COMMENT ON FUNCTION salesops.history_events(salesops.source) IS
  'SQL of the change events that a source remembers (field, stage and property histories), NULL where it has none';

-- The relation in which the connector keeps full versions of opportunities, if it does.
CREATE FUNCTION salesops.version_relation(source salesops.source)
RETURNS regclass LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.relation
  FROM (SELECT salesops.find_relation(source.schema_name, 'opportunityhistory') AS relation, 1 AS n
        UNION ALL SELECT f.relation, 2 FROM salesops.source_feed(source) f WHERE f.entity = 'opportunity') r
  WHERE r.relation IS NOT NULL
    AND (SELECT c.name FROM salesops.find_column(r.relation, 'fivetranstart') c) IS NOT NULL
    AND ((SELECT c.name FROM salesops.find_column(r.relation, 'id') c) IS NOT NULL OR (SELECT c.name FROM salesops.find_column(r.relation, 'dealid') c) IS NOT NULL)
  ORDER BY r.n LIMIT 1;
END;
COMMENT ON FUNCTION salesops.version_relation(salesops.source) IS
  'Relation with full versions of opportunities (columns _fivetran_start, _fivetran_end); NULL if there is none';
