-- What the CRM itself remembers: the meaning of its stages, and its own histories.
--
-- Our history of a deal begins with the sync that first saw it. For the time before, the CRM's own records are read once,
-- at that sync: full versions (Fivetran's history mode), else events (field history, stage history, property history),
-- else only the dates of the deal. The states they give carry recorded_at of that sync: we know them since then.

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
COMMENT ON FUNCTION salesops.version_relation(salesops.source) IS 'Relation with full versions of opportunities (columns _fivetran_start, _fivetran_end); NULL if there is none';

CREATE FUNCTION salesops.version_id_column(relation regclass)
RETURNS name LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.name FROM unnest(ARRAY['dealid', 'id']) u(candidate) CROSS JOIN LATERAL salesops.find_column(relation, u.candidate) c
  WHERE c.name IS NOT NULL LIMIT 1;
END;
COMMENT ON FUNCTION salesops.version_id_column(regclass) IS 'Column of a relation with full versions that says which deal they are of; NULL if there is none';

-- Deals that this sync saw for the first time.
CREATE FUNCTION salesops.first_seen(source_key text, as_of timestamptz)
RETURNS SETOF salesops.opportunity LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT o.* FROM salesops.opportunity o
  WHERE o.source_key = first_seen.source_key AND o.recorded_at = first_seen.as_of
    -- OFFSET: asked deal by deal, by the index. A join planned before there are statistics would read all history for each deal.
    AND NOT EXISTS (SELECT FROM salesops.opportunity_history h WHERE h.source_key = o.source_key AND h.id = o.id OFFSET 0);
END;
COMMENT ON FUNCTION salesops.first_seen(text, timestamptz) IS 'Opportunities that the sync as of an instant saw for the first time';

CREATE FUNCTION salesops.read_versions(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass := salesops.version_relation(source);
  versioned salesops.source := source;
  has_events boolean := salesops.history_events(source) IS NOT NULL;
  reader record;
  written text[] := ARRAY(SELECT t.target FROM salesops.entity_targets('opportunity') t WHERE t.target NOT IN ('id', 'stage_entered_at')) || ARRAY['custom', 'unreadable', 'is_deleted'];
  start record := salesops.find_column(relation, 'fivetranstart');
  id_column name := salesops.version_id_column(relation);
BEGIN
  -- The versions have the columns of the feed, so the feed's own reader reads them.
  versioned.options := jsonb_set(jsonb_set(source.options, '{entities}', coalesce(source.options -> 'entities', '{}')), '{entities,opportunity}',
    coalesce(source.options #> '{entities,opportunity}', '{}') ||
    jsonb_build_object('relation', (SELECT c.relname FROM pg_class c WHERE c.oid = relation)));
  reader := salesops.feed_query(versioned, ARRAY(SELECT p FROM salesops.source_plan(versioned) p), 'opportunity', relation);
  -- Connectors mark the first version of a row with a date long past: then it began when the deal did.
  PERFORM salesops.drop_temporary('salesops_version');
  EXECUTE format(
    'CREATE TEMP TABLE salesops_version ON COMMIT DROP AS
     SELECT z.*, max(z.start_at) FILTER (WHERE z.enters_stage) OVER w AS stage_since, max(z.start_at) FILTER (WHERE z.is_confirmed) OVER w AS confirmed_since,
            lead(z.start_at) OVER w IS NULL AS is_last
     FROM (SELECT y.*, row_number() OVER w = 1 OR (y.pipeline, y.stage) IS DISTINCT FROM (lag(y.pipeline) OVER w, lag(y.stage) OVER w) AS enters_stage,
                  row_number() OVER w = 1 OR (y.stage, y.amount, y.close_date, y.next_step)
                    IS DISTINCT FROM (lag(y.stage) OVER w, lag(y.amount) OVER w, lag(y.close_date) OVER w, lag(y.next_step) OVER w) AS is_confirmed
           FROM (SELECT DISTINCT ON (x.id, greatest(x.stated_start, x.created_at)) x.*, greatest(x.stated_start, x.created_at) AS start_at
                 FROM (SELECT %1$s, %2$s AS stated_start FROM %3$s AND s.%4$I IN (SELECT v.%4$I FROM %5$s v GROUP BY 1 HAVING count(*) > 1)) x
                 JOIN salesops.first_seen(%6$L, %7$L) o ON o.id = x.id
                 WHERE x.stated_start IS NOT NULL AND greatest(x.stated_start, x.created_at) <= %7$L
                 ORDER BY x.id, greatest(x.stated_start, x.created_at), x.stated_start DESC, x::text) y
           WINDOW w AS (PARTITION BY y.id ORDER BY y.start_at)) z
     WINDOW w AS (PARTITION BY z.id ORDER BY z.start_at)',
    reader.columns, salesops.read_expression(format('s.%I', start.name), start.type, 'timestamptz'::regtype, 'YMD', 'UTC'), reader.from_clause,
    id_column, salesops.source_relation(relation), source.source_key, as_of);

  -- A version tells that something changed by then; where the source has events, they tell better when.
  UPDATE salesops.opportunity o
  SET effective_at = v.start_at,
      stage_entered_at = CASE WHEN has_events THEN o.stage_entered_at ELSE greatest(v.stage_since, o.stage_entered_at) END,
      confirmed_at = CASE WHEN has_events THEN o.confirmed_at ELSE greatest(v.confirmed_since, o.confirmed_at) END
  FROM pg_temp.salesops_version v
  WHERE v.is_last AND o.source_key = source.source_key AND o.id = v.id;
  EXECUTE format(
    'INSERT INTO salesops.opportunity_history (source_key, id, %1$s, stage_entered_at, confirmed_at, effective_at, recorded_at, origin)
     SELECT $1, v.id, %2$s, coalesce(v.stage_entered_at, v.stage_since), v.confirmed_since, v.start_at, $2, ''crm_history''
     FROM pg_temp.salesops_version v WHERE NOT v.is_last',
    (SELECT string_agg(quote_ident(w), ', ') FROM unnest(written) w), (SELECT string_agg('v.' || quote_ident(w), ', ') FROM unnest(written) w))
  USING source.source_key, as_of;
  PERFORM salesops.drop_temporary('salesops_version');
END $$;
COMMENT ON FUNCTION salesops.read_versions(salesops.source, timestamptz) IS
  'Take over full versions that the connector keeps, for the deals this sync saw for the first time';

-- What the source's owner says of a deal has not changed, and nothing else. As a set of one it becomes a part of the query that asks.
CREATE FUNCTION salesops.unchanged_part(deal salesops.opportunity, unchanged text[],
                                        OUT amount numeric, OUT quantity numeric, OUT list_amount numeric, OUT discount numeric, OUT margin numeric,
                                        OUT acv numeric, OUT arr numeric, OUT tcv numeric, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT CASE WHEN 'amount' = ANY (unchanged) THEN deal.amount END, CASE WHEN 'quantity' = ANY (unchanged) THEN deal.quantity END,
         CASE WHEN 'list_amount' = ANY (unchanged) THEN deal.list_amount END, CASE WHEN 'discount' = ANY (unchanged) THEN deal.discount END,
         CASE WHEN 'margin' = ANY (unchanged) THEN deal.margin END, CASE WHEN 'acv' = ANY (unchanged) THEN deal.acv END,
         CASE WHEN 'arr' = ANY (unchanged) THEN deal.arr END, CASE WHEN 'tcv' = ANY (unchanged) THEN deal.tcv END,
         (SELECT jsonb_object_agg(c.key, c.value) FROM jsonb_each(deal.custom) c WHERE c.key = ANY (unchanged));
END;
COMMENT ON FUNCTION salesops.unchanged_part(salesops.opportunity, text[]) IS
  'Amounts and custom fields of a deal that unchanged_fields() names, as they are now; the others NULL';

CREATE FUNCTION salesops.read_events(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  events text := salesops.history_events(source);
  zone text := salesops.source_option(source, 'time_zone');
  unchanged text[] := salesops.unchanged_fields(source.options);
  -- What the CRM tracks at all: a deal without an event of such a field has not changed it.
  tracked text[] := ARRAY(SELECT r.target FROM salesops.history_reach r WHERE r.source_key = source.source_key AND r.recorded_at = as_of);
BEGIN
  PERFORM salesops.drop_temporary('salesops_event');
  EXECUTE format('CREATE TEMP TABLE salesops_event ON COMMIT DROP AS
                  SELECT e.id, o.created_at, h.id IS NOT NULL AS is_versioned, e.target, e.old_value, e.new_value,
                         salesops.read_instant(e.at, ''YMD'', %1$L) AS at
                  FROM (%2$s) e(id, at, target, old_value, new_value)
                  JOIN salesops.opportunity o ON o.source_key = %3$L AND o.id = e.id AND o.recorded_at = %4$L
                  LEFT JOIN (SELECT x.id, min(x.recorded_at) AS recorded_at FROM salesops.opportunity_history x WHERE x.source_key = %3$L GROUP BY x.id) h ON h.id = o.id
                  WHERE h.id IS NULL OR h.recorded_at = %4$L',
                 zone, events, source.source_key, as_of);
  DELETE FROM pg_temp.salesops_event e WHERE e.at IS NULL OR e.at > as_of;
  -- Of a closed deal whose events do not tell when it was closed, its dates do; what stage it had before, nobody does.
  INSERT INTO pg_temp.salesops_event (id, created_at, is_versioned, target, old_value, new_value, at)
  SELECT o.id, o.created_at, false, 'stage', coalesce(source.options ->> 'open_stage', ''), o.stage, o.effective_at
  FROM (SELECT e.id FROM pg_temp.salesops_event e WHERE NOT e.is_versioned GROUP BY e.id HAVING bool_and(e.target <> 'stage')) e
  -- By the key, deal by deal: before statistics a join may be planned as if there were few, and compare each with each.
  CROSS JOIN LATERAL (SELECT x.* FROM salesops.opportunity x WHERE x.source_key = source.source_key AND x.id = e.id OFFSET 0) o
  LEFT JOIN salesops.stage_meaning(as_of) m ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
  WHERE salesops.deal_status(o.is_won, o.is_closed, m.status) <> 'open' AND o.stage IS NOT NULL;
  -- Whether a deal has events is asked deal by deal where the planner takes new deals for few.
  CREATE INDEX ON pg_temp.salesops_event (id);
  ANALYZE pg_temp.salesops_event;

  -- One row an instant at which something changed, then every field carried forward. The state before the first event of
  -- a field is that event's old value, stated at the deal's start. A value stated again is no change.
  PERFORM salesops.drop_temporary('salesops_version');
  CREATE TEMP TABLE salesops_version ON COMMIT DROP AS
  WITH stated AS (
    SELECT e.id, e.at, e.target, e.new_value AS value FROM pg_temp.salesops_event e
    UNION ALL
    SELECT f.id, f.created_at, f.target, f.old_value
    FROM (SELECT DISTINCT ON (e.id, e.target) e.* FROM pg_temp.salesops_event e ORDER BY e.id, e.target, e.at, e.old_value) f
    WHERE f.created_at < f.at AND f.old_value IS NOT NULL
  ), changed AS (
    SELECT * FROM (SELECT s.*, lag(s.value) OVER (PARTITION BY s.id, s.target ORDER BY s.at, s.value) AS before FROM stated s) c
    WHERE c.value IS DISTINCT FROM c.before
  ), instant AS (
    SELECT c.id, c.at,
           max(c.value) FILTER (WHERE c.target = 'stage') AS stage,
           max(c.value) FILTER (WHERE c.target = 'amount') AS amount,
           max(c.value) FILTER (WHERE c.target = 'close_date') AS close_date,
           max(c.value) FILTER (WHERE c.target = 'probability') AS probability,
           max(c.value) FILTER (WHERE c.target = 'forecast_category') AS forecast_category,
           max(c.value) FILTER (WHERE c.target = 'owner_id') AS owner_id
    FROM changed c GROUP BY c.id, c.at
  )
  SELECT i.id, i.at,
         salesops.last_known(i.stage) OVER w AS stage, salesops.last_known(i.amount) OVER w AS amount,
         salesops.last_known(i.close_date) OVER w AS close_date, salesops.last_known(i.probability) OVER w AS probability,
         salesops.last_known(i.forecast_category) OVER w AS forecast_category, salesops.last_known(i.owner_id) OVER w AS owner_id,
         max(i.at) FILTER (WHERE i.stage IS NOT NULL) OVER w AS stage_entered_at,
         max(i.at) FILTER (WHERE coalesce(i.stage, i.amount, i.close_date) IS NOT NULL) OVER w AS confirmed_at,
         lead(i.at) OVER w IS NULL AS is_last, d.targets, d.is_versioned
  FROM instant i
  JOIN (SELECT e.id, array_agg(DISTINCT e.target) AS targets, bool_or(e.is_versioned) AS is_versioned FROM pg_temp.salesops_event e GROUP BY e.id) d ON d.id = i.id
  WINDOW w AS (PARTITION BY i.id ORDER BY i.at);

  -- The last event began the present state, unless full versions tell more; it is always the better word on the times.
  UPDATE salesops.opportunity o
  SET effective_at = CASE WHEN v.is_versioned THEN o.effective_at ELSE v.at END,
      stage_entered_at = coalesce(v.stage_entered_at, o.stage_entered_at),
      confirmed_at = greatest(v.confirmed_at, o.confirmed_at)
  FROM pg_temp.salesops_version v
  WHERE v.is_last AND o.source_key = source.source_key AND o.id = v.id;

  -- Earlier states. A field with events is what the events say, and unknown before the first that says it. A tracked one
  -- without events was what it is now, and so was what the source's owner says has not changed. What is not tracked and filled in
  -- as a deal goes on (outcome, loss reason, next step, custom fields) was not known then; what names the deal (account, type,
  -- product, currency) is taken as given. An open deal without any event has changed nothing that is tracked: what its last
  -- modification was about is not. Of a closed one a change is missing, so its start stays unknown.
  INSERT INTO salesops.opportunity_history (source_key, id, name, account_id, owner_id, pipeline, stage, forecast_category, deal_type, lead_source,
                                            product, amount, quantity, list_amount, discount, margin, acv, arr, tcv, custom,
                                            currency, probability, is_closed, is_won, close_date, created_at, stage_entered_at,
                                            confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT o.source_key, o.id, o.name, o.account_id,
         CASE WHEN 'owner_id' = ANY (v.targets) THEN nullif(v.owner_id, '') ELSE o.owner_id END,
         o.pipeline, t.stage,
         CASE WHEN 'forecast_category' = ANY (v.targets) THEN nullif(v.forecast_category, '') WHEN 'forecast_category' = ANY (tracked) THEN o.forecast_category END,
         o.deal_type, o.lead_source, o.product,
         CASE WHEN 'amount' = ANY (v.targets) THEN salesops.read_number(v.amount) WHEN 'amount' = ANY (tracked) THEN o.amount ELSE u.amount END,
         u.quantity, u.list_amount, u.discount, u.margin, u.acv, u.arr, u.tcv, u.custom, o.currency,
         CASE WHEN 'probability' = ANY (v.targets) THEN salesops.read_number(v.probability) WHEN 'probability' = ANY (tracked) THEN o.probability END,
         CASE WHEN t.stage = o.stage OR v.targets = '{}' THEN o.is_closed END, CASE WHEN t.stage = o.stage OR v.targets = '{}' THEN o.is_won END,
         CASE WHEN 'close_date' = ANY (v.targets) THEN salesops.read_date(v.close_date, 'YMD', zone) WHEN 'close_date' = ANY (tracked) THEN o.close_date END,
         o.created_at, coalesce(v.stage_entered_at, o.created_at), coalesce(v.confirmed_at, o.created_at), false,
         v.at, as_of, 'crm_history'
  FROM (SELECT x.id, x.at, x.targets, x.stage, x.amount, x.close_date, x.probability, x.forecast_category, x.owner_id, x.stage_entered_at, x.confirmed_at
        FROM pg_temp.salesops_version x
        WHERE NOT x.is_last AND NOT x.is_versioned
        UNION ALL
        SELECT n.id, n.created_at, '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM salesops.first_seen(source.source_key, as_of) n
        WHERE n.created_at < n.effective_at AND n.is_closed IS NOT TRUE AND n.is_won IS NOT TRUE
          AND NOT EXISTS (SELECT FROM pg_temp.salesops_event e WHERE e.id = n.id)
          AND NOT EXISTS (SELECT FROM salesops.stage_meaning(as_of) m
                          WHERE m.source_key = n.source_key AND m.stage = n.stage AND m.status <> 'open')) v
  JOIN salesops.opportunity o ON o.source_key = source.source_key AND o.id = v.id
  CROSS JOIN LATERAL salesops.unchanged_part(o, unchanged) u
  CROSS JOIN LATERAL (SELECT CASE WHEN 'stage' = ANY (v.targets) THEN nullif(v.stage, '') WHEN 'stage' = ANY (tracked) THEN o.stage
                                  ELSE source.options ->> 'open_stage' END AS stage) t;
  PERFORM salesops.drop_temporary('salesops_version');
  PERFORM salesops.drop_temporary('salesops_event');
END $$;
COMMENT ON FUNCTION salesops.read_events(salesops.source, timestamptz) IS
  'Rebuild earlier states from the change events that the CRM remembers, for the deals this sync saw for the first time and that have no versions; and learn when the present state began';

CREATE FUNCTION salesops.reconstruct_start(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  -- All that dates tell: between its start and the first state that we know the deal was open. What it was worth then is not
  -- known, unless the source's owner says that it has not changed.
  INSERT INTO salesops.opportunity_history (source_key, id, name, account_id, owner_id, pipeline, stage, deal_type, lead_source, product, currency,
                                            amount, quantity, list_amount, discount, margin, acv, arr, tcv, custom,
                                            is_closed, is_won, created_at, stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id, o.pipeline, source.options ->> 'open_stage', o.deal_type, o.lead_source, o.product, o.currency,
         u.amount, u.quantity, u.list_amount, u.discount, u.margin, u.acv, u.arr, u.tcv, u.custom,
         o.is_closed AND false, o.is_won AND false, o.created_at, o.created_at, o.created_at, false, o.created_at, reconstruct_start.as_of, 'reconstructed'
  FROM salesops.opportunity o
  CROSS JOIN (SELECT salesops.unchanged_fields(source.options) AS fields OFFSET 0) f
  -- Deal by deal, by the index, as first_seen() asks.
  CROSS JOIN LATERAL (SELECT min(x.effective_at) AS first_at, min(x.recorded_at) AS seen_at FROM salesops.opportunity_history x
                      WHERE x.source_key = o.source_key AND x.id = o.id) h
  CROSS JOIN LATERAL salesops.unchanged_part(o, f.fields) u
  WHERE o.source_key = source.source_key AND o.recorded_at = reconstruct_start.as_of AND coalesce(h.seen_at = reconstruct_start.as_of, true)
    AND o.created_at < least(h.first_at, o.effective_at);
END;
COMMENT ON FUNCTION salesops.reconstruct_start(salesops.source, timestamptz) IS
  'Give the deals this sync saw for the first time an open state from their start to the first that is known (stage = option open_stage; amounts and custom fields that the option unchanged names are as they are now, others unknown)';

CREATE FUNCTION salesops.read_history(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  has_versions boolean := salesops.version_relation(source) IS NOT NULL;
  has_events boolean := salesops.history_events(source) IS NOT NULL;
BEGIN
  IF has_versions OR has_events THEN
    IF NOT EXISTS (SELECT FROM salesops.history_reach r WHERE r.source_key = source.source_key) THEN
      PERFORM salesops.recall_reach(source.source_key);
    END IF;
    PERFORM salesops.read_reach(source, as_of);
  END IF;
  -- Each gives states to the deals that the better ones before it had nothing about.
  IF has_versions THEN
    PERFORM salesops.read_versions(source, as_of);
  END IF;
  IF has_events THEN
    PERFORM salesops.read_events(source, as_of);
  END IF;
  PERFORM salesops.reconstruct_start(source, as_of);
END $$;
COMMENT ON FUNCTION salesops.read_history(salesops.source, timestamptz) IS
  'Fill the history of the deals this sync saw for the first time: from versions, else from events, else from their dates; and keep how far back histories reach';
