-- Readers: how the tables of a source become canonical rows. Everything is looked up when it is needed: relations and
-- columns by name without case, underscores or HubSpot's property prefix, so one list serves every connector's spelling.
--
--   source_feed()     which relation of the source feeds which entity
--   feed_column()     which of its columns may be which canonical column, best first
--   source_plan()     what is really there now: one row a canonical column, with the SQL expression that reads it
--   feed_query()      the SELECT of a feed

CREATE FUNCTION salesops.entity_targets(entity text, OUT target text, OUT type regtype, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.attname::text, a.atttypid::regtype, pg_catalog.col_description(a.attrelid, a.attnum)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'salesops'::pg_catalog.regnamespace AND c.relname = entity_targets.entity
    AND a.attname <> ALL (ARRAY['source_key', 'custom', 'unreadable', 'is_deleted', 'effective_at', 'recorded_at', 'origin', 'confirmed_at'])
  ORDER BY a.attnum;
END;
COMMENT ON FUNCTION salesops.entity_targets(text) IS 'Canonical columns of an entity that a source column can be mapped to';

-- COLLATE "C": in a Turkish database the small letter of I is not i, and IsDeleted would not be is_deleted.
CREATE FUNCTION salesops.plain_name(name text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT pg_catalog.regexp_replace(pg_catalog.replace(pg_catalog.lower(pg_catalog.btrim(plain_name.name) COLLATE "C"), '_', ''), '^(property|properties)(?=.)', '');
END;
COMMENT ON FUNCTION salesops.plain_name(text) IS 'Name without case, underscores and the property prefix: StageName, stage_name and property_stagename are one';

CREATE FUNCTION salesops.find_relation(schema_name text, plain_name text)
RETURNS regclass LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.oid::regclass
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = find_relation.schema_name AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
    AND salesops.plain_name(c.relname::text) = salesops.plain_name(find_relation.plain_name)
  ORDER BY c.relname = find_relation.plain_name DESC, c.relname
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.find_relation(text, text) IS 'Relation of a schema by its plain name; NULL if there is none';

CREATE FUNCTION salesops.find_column(relation regclass, plain_name text, OUT name name, OUT type regtype)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.attname, a.atttypid::regtype
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = find_column.relation AND a.attnum > 0 AND NOT a.attisdropped
    AND salesops.plain_name(a.attname::text) = salesops.plain_name(find_column.plain_name)
  ORDER BY a.attname::text = find_column.plain_name DESC, a.attnum
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.find_column(regclass, text) IS 'Column of a relation by its plain name, with its type; no row values if there is none';

CREATE FUNCTION salesops.bind_columns(query text, relation regclass)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  placeholder text;
  found_name name;
BEGIN
  FOR placeholder IN SELECT DISTINCT m[1] FROM regexp_matches(query, '[{]([?]?[a-z0-9_]+)[}]', 'g') m LOOP
    found_name := (salesops.find_column(relation, ltrim(placeholder, '?'))).name;
    query := replace(query, '{' || placeholder || '}', CASE WHEN found_name IS NOT NULL THEN quote_ident(found_name)
                                                            WHEN placeholder LIKE '?%' THEN 'NULL' END);
  END LOOP;
  RETURN replace(query, '%', salesops.source_relation(relation));
END $$;
COMMENT ON FUNCTION salesops.bind_columns(text, regclass) IS
  'SQL made for a relation from a pattern: % is the relation, {name} one of its columns by plain name, {?name} the same or NULL where it has none; NULL if a column or the relation is missing';

-- The shapes of Salesforce and HubSpot. A relation is named once an entity it feeds.

CREATE FUNCTION salesops.family_feeds(family text, OUT entity text, OUT relation text, OUT shape text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT f.entity, f.relation, coalesce(f.shape, f.relation)
  FROM (VALUES
    ('salesforce', 'rep', 'user', NULL), ('salesforce', 'account', 'account', NULL), ('salesforce', 'product', 'product2', NULL),
    ('salesforce', 'opportunity', 'opportunity', NULL), ('salesforce', 'opportunity_split', 'opportunitysplit', NULL),
    ('salesforce', 'contact_role', 'opportunitycontactrole', NULL), ('salesforce', 'activity', 'task', NULL),
    ('salesforce', 'activity', 'event', NULL), ('salesforce', 'login', 'loginhistory', NULL), ('salesforce', 'lead', 'lead', NULL),
    ('salesforce', 'quota', 'forecastingquota', NULL), ('salesforce', 'currency_rate', 'datedconversionrate', NULL),
    ('hubspot', 'rep', 'owner', NULL), ('hubspot', 'rep', 'owners', 'owner'), ('hubspot', 'account', 'company', NULL),
    ('hubspot', 'account', 'companies', 'company'), ('hubspot', 'product', 'product', NULL), ('hubspot', 'product', 'products', 'product'),
    ('hubspot', 'opportunity', 'deal', NULL), ('hubspot', 'opportunity', 'deals', 'deal'), ('hubspot', 'contact_role', 'dealcontact', NULL),
    ('hubspot', 'opportunity_split', 'dealsplit', NULL), ('hubspot', 'activity', 'engagement', NULL),
    ('hubspot', 'activity', 'engagementcall', 'engagement'), ('hubspot', 'activity', 'engagementmeeting', 'engagement'),
    ('hubspot', 'activity', 'engagementemail', 'engagement'), ('hubspot', 'activity', 'engagementnote', 'engagement')
  ) AS f(family, entity, relation, shape)
  WHERE f.family = family_feeds.family;
END;
COMMENT ON FUNCTION salesops.family_feeds(text) IS
  'Relations (plain names) that feed the entities in a family of sources; shape = the relation whose columns it has';

-- Candidates are plain names, best first. `a+b` joins two columns, `a|b` is whether any of them says yes, `a/100` divides,
-- `=word` is a constant, and `join.column` is a column of one of family_joins().
CREATE FUNCTION salesops.family_columns(family text, OUT relation text, OUT target text, OUT candidates text[])
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.relation, c.target, pg_catalog.string_to_array(c.candidates, ' ')
  FROM (VALUES
    ('salesforce', '*', 'id', 'id'),
    ('salesforce', '*', 'is_deleted', 'isdeleted|fivetrandeleted'),
    ('salesforce', '*', 'modified_at', 'systemmodstamp lastmodifieddate'),
    ('salesforce', 'user', 'name', 'name firstname+lastname'),
    ('salesforce', 'user', 'email', 'email'),
    ('salesforce', 'user', 'manager_id', 'managerid'),
    ('salesforce', 'user', 'team', 'teamc department division'),
    ('salesforce', 'user', 'region', 'regionc region state'),
    ('salesforce', 'user', 'role', 'role.name'),
    ('salesforce', 'user', 'title', 'title'),
    ('salesforce', 'user', 'is_active', 'isactive'),
    ('salesforce', 'user', 'hired_on', 'hiredatec startdatec'),
    ('salesforce', 'user', 'left_on', 'terminationdatec enddatec'),
    ('salesforce', 'user', 'last_login_at', 'lastlogindate'),
    ('salesforce', 'account', 'name', 'name'),
    ('salesforce', 'account', 'parent_id', 'parentid'),
    ('salesforce', 'account', 'owner_id', 'ownerid'),
    ('salesforce', 'account', 'industry', 'industry'),
    ('salesforce', 'account', 'segment', 'segmentc segment'),
    ('salesforce', 'account', 'account_type', 'type'),
    ('salesforce', 'account', 'employees', 'numberofemployees'),
    ('salesforce', 'account', 'annual_revenue', 'annualrevenue'),
    ('salesforce', 'account', 'currency', 'currencyisocode'),
    ('salesforce', 'account', 'website', 'website'),
    ('salesforce', 'account', 'phone', 'phone'),
    ('salesforce', 'account', 'street', 'billingstreet'),
    ('salesforce', 'account', 'city', 'billingcity'),
    ('salesforce', 'account', 'state', 'billingstate billingstatecode'),
    ('salesforce', 'account', 'postal_code', 'billingpostalcode'),
    ('salesforce', 'account', 'country', 'billingcountry billingcountrycode'),
    ('salesforce', 'account', 'latitude', 'billinglatitude'),
    ('salesforce', 'account', 'longitude', 'billinglongitude'),
    ('salesforce', 'account', 'website_visits', 'websitevisitsc'),
    ('salesforce', 'account', 'content_downloads', 'contentdownloadsc'),
    ('salesforce', 'account', 'intent_score', 'intentscorec'),
    ('salesforce', 'account', 'merged_into', 'masterrecordid'),
    ('salesforce', 'account', 'created_at', 'createddate'),
    ('salesforce', 'account', 'last_activity_at', 'lastactivitydate'),
    ('salesforce', 'product2', 'name', 'name'),
    ('salesforce', 'product2', 'family', 'family'),
    ('salesforce', 'product2', 'list_price', 'listpricec listprice unitprice'),
    ('salesforce', 'product2', 'currency', 'currencyisocode'),
    ('salesforce', 'product2', 'is_active', 'isactive'),
    ('salesforce', 'opportunity', 'name', 'name'),
    ('salesforce', 'opportunity', 'account_id', 'accountid'),
    ('salesforce', 'opportunity', 'owner_id', 'ownerid'),
    ('salesforce', 'opportunity', 'pipeline', 'recordtypeid'),
    ('salesforce', 'opportunity', 'stage', 'stagename'),
    ('salesforce', 'opportunity', 'stage_at_loss', 'stageatlossc'),
    ('salesforce', 'opportunity', 'forecast_category', 'forecastcategory forecastcategoryname'),
    ('salesforce', 'opportunity', 'deal_type', 'type'),
    ('salesforce', 'opportunity', 'lead_source', 'leadsource'),
    ('salesforce', 'opportunity', 'loss_reason', 'lossreasonc lossreason closedlostreasonc'),
    ('salesforce', 'opportunity', 'product', 'productc product2id line.product'),
    ('salesforce', 'opportunity', 'quantity', 'quantityc totalopportunityquantity line.quantity'),
    ('salesforce', 'opportunity', 'amount', 'amount'),
    ('salesforce', 'opportunity', 'list_amount', 'listamountc line.listamount'),
    ('salesforce', 'opportunity', 'discount', 'discountc/100 discountpercentc/100'),
    ('salesforce', 'opportunity', 'margin', 'marginc/100 marginpercentc/100'),
    ('salesforce', 'opportunity', 'acv', 'acvc'),
    ('salesforce', 'opportunity', 'arr', 'arrc'),
    ('salesforce', 'opportunity', 'tcv', 'tcvc'),
    ('salesforce', 'opportunity', 'currency', 'currencyisocode'),
    ('salesforce', 'opportunity', 'probability', 'probability'),
    ('salesforce', 'opportunity', 'is_closed', 'isclosed'),
    ('salesforce', 'opportunity', 'is_won', 'iswon'),
    ('salesforce', 'opportunity', 'close_date', 'closedate'),
    ('salesforce', 'opportunity', 'created_at', 'createddate'),
    ('salesforce', 'opportunity', 'next_step', 'nextstep'),
    ('salesforce', 'opportunity', 'last_activity_at', 'lastactivitydate'),
    ('salesforce', 'opportunity', 'stage_entered_at', 'laststagechangedate'),
    ('salesforce', 'opportunitysplit', 'opportunity_id', 'opportunityid'),
    ('salesforce', 'opportunitysplit', 'rep_id', 'splitownerid'),
    ('salesforce', 'opportunitysplit', 'split_type', 'splittype splittypeid'),
    ('salesforce', 'opportunitysplit', 'share', 'splitpercentage/100'),
    ('salesforce', 'opportunitysplit', 'amount', 'splitamount'),
    ('salesforce', 'opportunitycontactrole', 'opportunity_id', 'opportunityid'),
    ('salesforce', 'opportunitycontactrole', 'contact_id', 'contactid'),
    ('salesforce', 'opportunitycontactrole', 'role', 'role'),
    ('salesforce', 'opportunitycontactrole', 'is_primary', 'isprimary'),
    ('salesforce', 'task', 'kind', 'tasksubtype type'),
    ('salesforce', 'task', 'opportunity_id', 'whatid'),
    ('salesforce', 'task', 'account_id', 'accountid'),
    ('salesforce', 'task', 'contact_id', 'whoid'),
    ('salesforce', 'task', 'rep_id', 'ownerid'),
    ('salesforce', 'task', 'subject', 'subject'),
    ('salesforce', 'task', 'happened_at', 'completeddatetime activitydate'),
    ('salesforce', 'task', 'is_done', 'isclosed'),
    ('salesforce', 'task', 'minutes', 'calldurationinseconds/60'),
    ('salesforce', 'event', 'kind', '=meeting'),
    ('salesforce', 'event', 'opportunity_id', 'whatid'),
    ('salesforce', 'event', 'account_id', 'accountid'),
    ('salesforce', 'event', 'contact_id', 'whoid'),
    ('salesforce', 'event', 'rep_id', 'ownerid'),
    ('salesforce', 'event', 'subject', 'subject'),
    ('salesforce', 'event', 'happened_at', 'startdatetime activitydatetime activitydate'),
    ('salesforce', 'loginhistory', 'rep_id', 'userid'),
    ('salesforce', 'loginhistory', 'logged_in_at', 'logintime'),
    ('salesforce', 'lead', 'name', 'name firstname+lastname'),
    ('salesforce', 'lead', 'company', 'company'),
    ('salesforce', 'lead', 'owner_id', 'ownerid'),
    ('salesforce', 'lead', 'status', 'status'),
    ('salesforce', 'lead', 'lead_source', 'leadsource'),
    ('salesforce', 'lead', 'industry', 'industry'),
    ('salesforce', 'lead', 'employees', 'numberofemployees'),
    ('salesforce', 'lead', 'annual_revenue', 'annualrevenue'),
    ('salesforce', 'lead', 'created_at', 'createddate'),
    ('salesforce', 'lead', 'is_converted', 'isconverted'),
    ('salesforce', 'lead', 'converted_at', 'converteddate'),
    ('salesforce', 'lead', 'account_id', 'convertedaccountid'),
    ('salesforce', 'lead', 'opportunity_id', 'convertedopportunityid'),
    ('salesforce', 'forecastingquota', 'rep_id', 'quotaownerid'),
    ('salesforce', 'forecastingquota', 'period', 'startdate'),
    ('salesforce', 'forecastingquota', 'amount', 'quotaamount'),
    ('salesforce', 'forecastingquota', 'currency', 'currencyisocode'),
    ('salesforce', 'datedconversionrate', 'currency', 'isocode'),
    ('salesforce', 'datedconversionrate', 'valid_from', 'startdate'),
    ('salesforce', 'datedconversionrate', 'per_corporate', 'conversionrate'),
    ('hubspot', '*', 'id', 'id'),
    ('hubspot', '*', 'is_deleted', 'isdeleted|fivetrandeleted|archived'),
    ('hubspot', '*', 'modified_at', 'hslastmodifieddate updatedat'),
    ('hubspot', 'owner', 'id', 'ownerid id'),
    ('hubspot', 'owner', 'name', 'firstname+lastname'),
    ('hubspot', 'owner', 'email', 'email'),
    ('hubspot', 'owner', 'team', 'team.name'),
    ('hubspot', 'company', 'name', 'name'),
    ('hubspot', 'company', 'owner_id', 'hubspotownerid'),
    ('hubspot', 'company', 'parent_id', 'hsparentcompanyid'),
    ('hubspot', 'company', 'industry', 'industry'),
    ('hubspot', 'company', 'account_type', 'type'),
    ('hubspot', 'company', 'employees', 'numberofemployees'),
    ('hubspot', 'company', 'annual_revenue', 'annualrevenue'),
    ('hubspot', 'company', 'website', 'domain website'),
    ('hubspot', 'company', 'phone', 'phone'),
    ('hubspot', 'company', 'street', 'address'),
    ('hubspot', 'company', 'city', 'city'),
    ('hubspot', 'company', 'state', 'state'),
    ('hubspot', 'company', 'postal_code', 'zip'),
    ('hubspot', 'company', 'country', 'country'),
    ('hubspot', 'company', 'created_at', 'createdate createdat'),
    ('hubspot', 'company', 'website_visits', 'hsanalyticsnumvisits'),
    ('hubspot', 'company', 'intent_score', 'hubspotscore'),
    ('hubspot', 'product', 'name', 'name'),
    ('hubspot', 'product', 'list_price', 'price'),
    ('hubspot', 'deal', 'id', 'dealid id'),
    ('hubspot', 'deal', 'name', 'dealname'),
    ('hubspot', 'deal', 'account_id', 'company.accountid'),
    ('hubspot', 'deal', 'owner_id', 'ownerid hubspotownerid'),
    ('hubspot', 'deal', 'pipeline', 'dealpipelineid pipeline'),
    ('hubspot', 'deal', 'stage', 'dealpipelinestageid dealstage'),
    ('hubspot', 'deal', 'forecast_category', 'hsmanualforecastcategory'),
    ('hubspot', 'deal', 'deal_type', 'dealtype'),
    ('hubspot', 'deal', 'lead_source', 'hsanalyticssource'),
    ('hubspot', 'deal', 'loss_reason', 'closedlostreason'),
    ('hubspot', 'deal', 'amount', 'amount'),
    ('hubspot', 'deal', 'acv', 'hsacv'),
    ('hubspot', 'deal', 'arr', 'hsarr'),
    ('hubspot', 'deal', 'tcv', 'hstcv'),
    ('hubspot', 'deal', 'currency', 'dealcurrencycode'),
    ('hubspot', 'deal', 'probability', 'hsdealstageprobability hsforecastprobability'),
    ('hubspot', 'deal', 'is_closed', 'hsisclosed'),
    ('hubspot', 'deal', 'is_won', 'hsisclosedwon'),
    ('hubspot', 'deal', 'close_date', 'closedate'),
    ('hubspot', 'deal', 'created_at', 'createdate createdat'),
    ('hubspot', 'deal', 'next_step', 'hsnextstep'),
    ('hubspot', 'deal', 'last_activity_at', 'noteslastupdated noteslastcontacted'),
    ('hubspot', 'deal', 'merged_into', 'merged.mergedinto'),
    ('hubspot', 'dealcontact', 'id', 'dealid+contactid'),
    ('hubspot', 'dealcontact', 'opportunity_id', 'dealid'),
    ('hubspot', 'dealcontact', 'contact_id', 'contactid'),
    ('hubspot', 'dealsplit', 'opportunity_id', 'hsdealid dealid'),
    ('hubspot', 'dealsplit', 'rep_id', 'hubspotownerid'),
    ('hubspot', 'dealsplit', 'share', 'hsdealsplitpercentage'),
    ('hubspot', 'dealsplit', 'amount', 'hsdealsplitamount'),
    ('hubspot', 'engagement', 'id', 'engagementid id'),
    ('hubspot', 'engagement', 'kind', 'type'),
    ('hubspot', 'engagementcall', 'kind', '=call'),
    ('hubspot', 'engagementmeeting', 'kind', '=meeting'),
    ('hubspot', 'engagementemail', 'kind', '=email'),
    ('hubspot', 'engagementnote', 'kind', '=note'),
    ('hubspot', 'engagement', 'opportunity_id', 'deal.dealid'),
    ('hubspot', 'engagement', 'rep_id', 'hubspotownerid ownerid'),
    ('hubspot', 'engagement', 'happened_at', 'hstimestamp timestamp hscreatedate createdat')
  ) AS c(family, relation, target, candidates)
  WHERE c.family = family_columns.family;
END;
COMMENT ON FUNCTION salesops.family_columns(text) IS 'Source columns (plain names, best first) that may be a canonical column, by relation; * = every relation of the family';

-- Side tables that a feed is joined with, one row a key, without what is deleted (bind_columns() explains the braces). A
-- side table that is missing, or lacks one of the columns, is left out and its canonical columns are then missing.
CREATE FUNCTION salesops.family_joins(family text, OUT shape text, OUT alias text, OUT relation text, OUT base_key text, OUT query text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT j.shape, j.alias, j.relation, j.base_key, j.query
  FROM (VALUES
    ('salesforce', 'user', 'role', 'userrole', 'userroleid',
     'SELECT {id}::text AS key, min({name}::text) AS name FROM % s GROUP BY 1'),
    -- One line a deal: the product that brings most, so that a deal's own amount is never multiplied by its lines.
    ('salesforce', 'opportunity', 'line', 'opportunitylineitem', 'id',
     'SELECT {opportunityid}::text AS key, '
     '(array_agg({product2id}::text ORDER BY salesops.read_number({?totalprice}::text) DESC NULLS LAST, {?id}::text, {product2id}::text))[1] AS product, '
     'sum(salesops.read_number({?quantity}::text)) AS quantity, '
     'sum(salesops.read_number({?quantity}::text) * salesops.read_number({?listprice}::text)) AS listamount '
     'FROM % s WHERE coalesce(salesops.read_boolean({?isdeleted}::text) OR salesops.read_boolean({?fivetrandeleted}::text), false) = false GROUP BY 1'),
    ('hubspot', 'owner', 'team', 'teamuser', 'activeuserid',
     'SELECT {userid}::text AS key, min({teamid}::text) AS name FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    -- A deal can have several companies; the lowest type_id is the primary association.
    ('hubspot', 'deal', 'company', 'dealcompany', 'dealid',
     'SELECT {dealid}::text AS key, (array_agg({companyid}::text ORDER BY salesops.read_number({?typeid}::text), {companyid}::text))[1] AS accountid '
     'FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    ('hubspot', 'deal', 'merged', 'mergeddeal', 'dealid',
     'SELECT {mergeddealid}::text AS key, min({dealid}::text) AS mergedinto FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    ('hubspot', 'engagement', 'deal', 'engagementdeal', 'engagementid',
     'SELECT {engagementid}::text AS key, min({dealid}::text) AS dealid FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1')
  ) AS j(family, shape, alias, relation, base_key, query)
  WHERE j.family = family_joins.family;
END;
COMMENT ON FUNCTION salesops.family_joins(text) IS 'Side tables of the feeds in a family of sources: alias, plain name, key column of the feed, and query';

CREATE FUNCTION salesops.source_feed(source salesops.source, OUT entity text, OUT relation regclass, OUT shape text, OUT wanted text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- A relation named in the options takes the place of the family's own.
  SELECT w.entity, salesops.find_relation(source.schema_name, w.wanted), w.shape, w.wanted
  FROM (SELECT f.entity, coalesce(source.options #>> ARRAY['entities', f.entity, 'relation'], f.relation) AS wanted, f.shape
        FROM salesops.source_kinds() k CROSS JOIN LATERAL salesops.family_feeds(k.family) f
        WHERE k.kind = source.kind
        UNION
        SELECT e.key, e.value ->> 'relation', ''
        FROM pg_catalog.jsonb_each(source.options -> 'entities') e
        WHERE source.kind = 'generic' AND e.value ->> 'relation' IS NOT NULL) w;
END;
COMMENT ON FUNCTION salesops.source_feed(salesops.source) IS 'Relations of a source that feed each entity; relation NULL = not there';

CREATE FUNCTION salesops.required_targets(entity text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE required_targets.entity
           WHEN 'opportunity' THEN ARRAY['id', 'stage']
           WHEN 'opportunity_split' THEN ARRAY['id', 'opportunity_id', 'rep_id']
           WHEN 'contact_role' THEN ARRAY['id', 'opportunity_id']
           WHEN 'activity' THEN ARRAY['id', 'happened_at']
           WHEN 'login' THEN ARRAY['id', 'rep_id', 'logged_in_at']
           WHEN 'quota' THEN ARRAY['id', 'rep_id', 'period', 'amount']
           WHEN 'currency_rate' THEN ARRAY['id', 'currency', 'valid_from', 'per_corporate']
           ELSE ARRAY['id'] END;
END;
COMMENT ON FUNCTION salesops.required_targets(text) IS 'Canonical columns without which an entity cannot be synced';

-- SQL that reads `value`, an expression of source_type, as target_type; NULL where it cannot be read.
CREATE FUNCTION salesops.read_expression(value text, source_type regtype, target_type regtype, date_order text, zone text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE
    WHEN target_type = 'text'::regtype THEN pg_catalog.format('nullif(btrim(%s::text), %L)', value, '')
    WHEN target_type = 'numeric'::regtype THEN
      CASE WHEN source_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN value || '::numeric'
           -- NaN and the infinities are no amounts: between these bounds there are only numbers.
           WHEN source_type IN ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype)
             THEN pg_catalog.format('CASE WHEN %1$s::numeric > %2$L AND %1$s::numeric < %3$L THEN %1$s::numeric END', value, '-Infinity', 'Infinity')
           ELSE pg_catalog.format('salesops.read_number(%s::text)', value) END
    WHEN target_type = 'date'::regtype THEN d.expression
    WHEN target_type = 'timestamptz'::regtype THEN
      CASE WHEN source_type = 'timestamptz'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s END', value)
           WHEN source_type IN ('timestamp'::regtype, 'date'::regtype)
             THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s::timestamp AT TIME ZONE %2$L END', value, zone)
           ELSE pg_catalog.format('salesops.read_instant(%s::text, %L, %L)', value, date_order, zone) END
    WHEN target_type = 'boolean'::regtype THEN
      CASE WHEN source_type = 'boolean'::regtype THEN value
           ELSE pg_catalog.format('salesops.read_boolean(%s::text)', value) END
    WHEN target_type = 'salesops.fiscal_period'::regtype THEN
      pg_catalog.format(CASE WHEN source_type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                             THEN 'salesops.fiscal_quarter(%2$s, %3$s)'
                             ELSE 'coalesce(salesops.recognize_fiscal_period(%1$s::text), salesops.fiscal_quarter(%2$s, %3$s))' END,
                        value, d.expression, salesops.fiscal_year_start_month())
  END
  FROM (SELECT CASE
    WHEN source_type = 'date'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s END', value)
    WHEN source_type = 'timestamp'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s::date END', value)
    WHEN source_type = 'timestamptz'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN (%1$s AT TIME ZONE %2$L)::date END', value, zone)
    ELSE pg_catalog.format('salesops.read_date(%s::text, %L, %L)', value, date_order, zone) END AS expression) d;
END;
COMMENT ON FUNCTION salesops.read_expression(text, regtype, regtype, text, text) IS
  'SQL that reads an expression of one type as another, NULL where a value cannot be read; local times are of the given zone';

CREATE TYPE salesops.planned_column AS (
  entity text, relation regclass, target text, target_type regtype, source_column text, source_type regtype, raw text, expression text
);
COMMENT ON TYPE salesops.planned_column IS 'How one canonical column of one feed is read: raw is the source value, expression the typed one; NULL = the source lacks it';

-- Resolve one candidate against a feed. Returns the SQL of the value, its type and how to show it.
CREATE FUNCTION salesops.resolve_candidate(relation regclass, aliases jsonb, candidate text,
                                           OUT value text, OUT type regtype, OUT source_column text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text;
  found_column record;
  parts text[];
BEGIN
  IF candidate LIKE '=%' THEN
    value := quote_literal(substr(candidate, 2));
    type := 'text'::regtype;
    source_column := candidate;
    RETURN;
  END IF;
  -- A name may hold any character; the small language of candidates comes second.
  SELECT * INTO found_column FROM salesops.find_column(relation, candidate);
  IF found_column.name IS NOT NULL THEN
    value := format('s.%I', found_column.name);
    type := found_column.type;
    source_column := found_column.name;
    RETURN;
  END IF;
  IF candidate LIKE '%.%' AND aliases ? split_part(candidate, '.', 1) THEN
    value := format('%I.%I', split_part(candidate, '.', 1), split_part(candidate, '.', 2));
    -- Side tables give text but for the sums that are numeric.
    type := CASE WHEN split_part(candidate, '.', 2) IN ('quantity', 'listamount') THEN 'numeric' ELSE 'text' END::regtype;
    source_column := format('%s of %s', split_part(candidate, '.', 2), aliases ->> split_part(candidate, '.', 1));
    RETURN;
  END IF;
  IF candidate ~ '/[0-9]+$' THEN
    SELECT * INTO found_column FROM salesops.find_column(relation, regexp_replace(candidate, '/[0-9]+$', ''));
    IF found_column.name IS NOT NULL THEN
      type := 'numeric'::regtype;
      value := format('(%s / %s)', salesops.read_expression(format('s.%I', found_column.name), found_column.type, type, 'YMD', 'UTC'),
                      substring(candidate FROM '/([0-9]+)$'));
      source_column := format('%s / %s', found_column.name, substring(candidate FROM '/([0-9]+)$'));
    END IF;
    RETURN;
  END IF;
  IF candidate LIKE '%|%' THEN
    SELECT string_agg(format('coalesce(%s, false)', salesops.read_expression(format('s.%I', c.name), c.type, 'boolean'::regtype, 'YMD', 'UTC')), ' OR ' ORDER BY u.n),
           string_agg(c.name::text, ' or ' ORDER BY u.n)
      INTO value, source_column
    FROM unnest(string_to_array(candidate, '|')) WITH ORDINALITY u(part, n) CROSS JOIN LATERAL salesops.find_column(relation, u.part) c
    WHERE c.name IS NOT NULL;
    value := '(' || value || ')';
    type := 'boolean'::regtype;
    RETURN;
  END IF;
  IF candidate LIKE '%+%' THEN
    FOREACH part IN ARRAY string_to_array(candidate, '+') LOOP
      SELECT * INTO found_column FROM salesops.find_column(relation, part);
      IF found_column.name IS NULL THEN
        RETURN;
      END IF;
      parts := parts || format('nullif(btrim(s.%I::text), %L)', found_column.name, '');
      source_column := concat_ws(' + ', source_column, found_column.name);
    END LOOP;
    value := format('nullif(concat_ws(%L, %s), %L)', ' ', array_to_string(parts, ', '), '');
    type := 'text'::regtype;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.resolve_candidate(regclass, jsonb, text) IS
  'SQL of a candidate (column, a+b, a|b, a/100, =constant, side_table.column) in a feed; NULL where the source lacks it';

-- The side tables of a feed that are there: alias -> {relation, join clause}.
CREATE FUNCTION salesops.feed_joins(source salesops.source, relation regclass, shape text)
RETURNS TABLE(alias text, side regclass, clause text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  j record;
  base record;
  query text;
BEGIN
  FOR j IN SELECT f.* FROM salesops.source_kinds() k CROSS JOIN LATERAL salesops.family_joins(k.family) f
           WHERE k.kind = source.kind AND f.shape = feed_joins.shape LOOP
    side := salesops.find_relation(source.schema_name, j.relation);
    SELECT * INTO base FROM salesops.find_column(relation, j.base_key);
    query := salesops.bind_columns(j.query, side);
    CONTINUE WHEN query IS NULL OR base.name IS NULL;
    alias := j.alias;
    clause := format(' LEFT JOIN (%s) %I ON %I.key = s.%I::text', query, j.alias, j.alias, base.name);
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.feed_joins(salesops.source, regclass, text) IS 'Side tables that are there for a feed, with their join clause';

CREATE FUNCTION salesops.source_plan(source salesops.source)
RETURNS SETOF salesops.planned_column
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  family text := (SELECT k.family FROM salesops.source_kinds() k WHERE k.kind = source.kind);
  zone text := salesops.source_option(source, 'time_zone');
  date_order text := salesops.source_option(source, 'date_order');
  feed record;
  target record;
  candidate text;
  hit record;
  aliases jsonb;
  planned salesops.planned_column;
BEGIN
  FOR feed IN SELECT * FROM salesops.source_feed(source) f WHERE f.relation IS NOT NULL ORDER BY f.entity, f.wanted LOOP
    SELECT coalesce(jsonb_object_agg(j.alias, j.side::text), '{}') INTO aliases
    FROM salesops.feed_joins(source, feed.relation, feed.shape) j;
    FOR target IN SELECT t.target, t.type FROM salesops.entity_targets(feed.entity) t
                  UNION ALL VALUES ('is_deleted', 'boolean'::regtype), ('modified_at', 'timestamptz'::regtype) LOOP
      planned := ROW(feed.entity, feed.relation, target.target, target.type, NULL, NULL, NULL, NULL);
      <<candidates>>
      FOR candidate IN
        SELECT source.options #>> ARRAY['entities', feed.entity, 'columns', target.target]
        WHERE source.options #>> ARRAY['entities', feed.entity, 'columns', target.target] IS NOT NULL
        UNION ALL
        SELECT x.candidate FROM (
          SELECT u.candidate, c.relation = '*' AS general, c.relation = salesops.plain_name(feed.wanted) AS exact, u.n
          FROM salesops.family_columns(family) c CROSS JOIN LATERAL unnest(c.candidates) WITH ORDINALITY u(candidate, n)
          WHERE c.target = target.target AND c.relation IN ('*', feed.shape, salesops.plain_name(feed.wanted))
          ORDER BY general, exact DESC, u.n) x
      LOOP
        SELECT * INTO hit FROM salesops.resolve_candidate(feed.relation, aliases, candidate);
        IF hit.value IS NOT NULL THEN
          planned.source_column := hit.source_column;
          planned.source_type := hit.type;
          planned.raw := hit.value;
          planned.expression := salesops.read_expression(hit.value, hit.type, target.type, date_order, zone);
          EXIT candidates;
        END IF;
      END LOOP;
      RETURN NEXT planned;
    END LOOP;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.source_plan(salesops.source) IS
  'How every canonical column would be read from a source as its relations are now; expression NULL = the source lacks it';

CREATE FUNCTION salesops.describe_source(source_key text)
RETURNS TABLE(entity text, relation text, canonical_column text, source_column text, source_type text, state text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT p.entity, p.relation::text, p.target, p.source_column, p.source_type::text,
         CASE WHEN p.expression IS NOT NULL THEN 'found'
              WHEN p.target = ANY (salesops.required_targets(p.entity)) THEN 'missing, required'
              ELSE 'missing' END
  FROM salesops.source_plan(salesops.get_source(describe_source.source_key)) p
  UNION ALL
  SELECT f.entity, f.wanted, NULL, NULL, NULL, 'no such relation'
  FROM salesops.source_feed(salesops.get_source(describe_source.source_key)) f
  WHERE f.relation IS NULL;
END;
COMMENT ON FUNCTION salesops.describe_source(text) IS
  'What a source offers now: for each canonical column the source column it is read from and its type, or that it is missing';

-- The SELECT that reads one feed as canonical columns, and its stamp for incremental reading.
CREATE FUNCTION salesops.feed_query(source salesops.source, plan salesops.planned_column[], feed_entity text, feed_relation regclass,
                                    OUT columns text, OUT from_clause text, OUT is_present text, OUT stamp text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape text := (SELECT f.shape FROM salesops.source_feed(source) f WHERE f.entity = feed_entity AND f.relation = feed_relation LIMIT 1);
  unreadable text;
  custom text;
  stamp_column record;
BEGIN
  SELECT string_agg(format('%s AS %I', coalesce(p.expression, 'NULL::' || p.target_type), p.target), ', ')
    INTO columns
  FROM unnest(plan) p WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.target <> 'is_deleted';

  -- What was stated but not read as its type is kept, so that the audit can show it.
  SELECT format('CASE WHEN %s THEN jsonb_strip_nulls(jsonb_build_object(%s)) END',
                string_agg(format('(salesops.is_stated(%1$s::text) AND (%2$s) IS NULL)', p.raw, p.expression), ' OR '),
                string_agg(format('%3$L, CASE WHEN salesops.is_stated(%1$s::text) AND (%2$s) IS NULL THEN %1$s::text END', p.raw, p.expression, p.target), ', '))
    INTO unreadable
  FROM unnest(plan) p
  WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.expression IS NOT NULL AND p.target_type <> 'text'::regtype
    AND p.source_type <> p.target_type
    AND NOT (p.source_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) AND p.target_type = 'numeric'::regtype)
    AND NOT (p.source_type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
             AND p.target_type IN ('date'::regtype, 'timestamptz'::regtype, 'salesops.fiscal_period'::regtype))
  HAVING count(*) > 0;

  SELECT format('jsonb_strip_nulls(jsonb_build_object(%s))', string_agg(format('%L, to_jsonb(s.%I)', c.key, f.name), ', ')) INTO custom
  FROM jsonb_each_text(coalesce(source.options #> ARRAY['custom_fields', feed_entity], '{}')) c
  CROSS JOIN LATERAL salesops.find_column(feed_relation, c.value) f
  WHERE f.name IS NOT NULL
  HAVING count(*) > 0;

  -- Connectors that keep versions mark the present one; the rest are not rows of their own.
  SELECT coalesce(string_agg(format(' AND coalesce(salesops.read_boolean(s.%I::text), true)', c.name), ''), '') INTO is_present
  FROM salesops.find_column(feed_relation, 'fivetranactive') c WHERE c.name IS NOT NULL;

  SELECT f.name, f.type INTO stamp_column
  FROM unnest(ARRAY[source.options #>> ARRAY['entities', feed_entity, 'watermark'], 'fivetransynced', 'airbyteextractedat', 'systemmodstamp',
                    'lastmodifieddate', 'hslastmodifieddate', 'updatedat']) WITH ORDINALITY w(candidate, n)
  CROSS JOIN LATERAL salesops.find_column(feed_relation, w.candidate) f
  WHERE w.candidate IS NOT NULL AND f.name IS NOT NULL
  ORDER BY w.n LIMIT 1;
  IF stamp_column.name IS NOT NULL THEN
    stamp := salesops.read_expression(format('s.%I', stamp_column.name), stamp_column.type, 'timestamptz'::regtype,
                                      salesops.source_option(source, 'date_order'), salesops.source_option(source, 'time_zone'));
  END IF;

  columns := format('%s, %s AS custom, %s AS unreadable, coalesce(%s, false) AS is_deleted, %s AS stamp',
    columns, coalesce(custom, 'NULL::jsonb'), coalesce(unreadable, 'NULL::jsonb'),
    coalesce((SELECT p.expression FROM unnest(plan) p WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.target = 'is_deleted'), 'false'),
    coalesce(stamp, 'NULL::timestamptz'));
  from_clause := format('%s s%s WHERE true', salesops.source_relation(feed_relation),
    (SELECT coalesce(string_agg(j.clause, '' ORDER BY j.alias), '') FROM salesops.feed_joins(source, feed_relation, shape) j));
END $$;
COMMENT ON FUNCTION salesops.feed_query(salesops.source, salesops.planned_column[], text, regclass) IS
  'SQL that reads a feed: canonical columns with custom, unreadable, is_deleted and stamp; FROM clause ending in a WHERE; condition of the present version; stamp for incremental reading (NULL where rows carry none)';
