-- What rules look at. audit_row(as_of) has one row an open deal, with everything that a rule may ask about it;
-- audit_source(as_of) has one row an entity of a source. Both are inlined into the query of the pass, so that a fact no rule
-- asks for is not computed. The last activity, the dearest look-up, and the number of contact roles are scalar subqueries:
-- they run only for the deals whose answer hangs on them.
--
-- Settings stand in scalar subqueries too: one of those is run once, a function call once a row.
--
-- The deal is as of as_of, known at known_at; reps, contact roles, activities and maps are those known now.

CREATE FUNCTION salesops.won_cycle(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                   OUT source_key text, OUT deal_type text, OUT won_deals bigint, OUT p99_days integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  -- Deals are counted by length before a stage is looked up: lengths are few, and the stage matters only to deals whose source
  -- says neither that they are won nor that they are closed.
  WITH length AS MATERIALIZED (
    SELECT d.source_key, coalesce(d.deal_type, '') AS deal_type,
           d.close_date - (d.created_at AT TIME ZONE (SELECT salesops.time_zone()))::date AS days,
           d.is_won, CASE WHEN d.is_won THEN NULL ELSE d.pipeline END AS pipeline, CASE WHEN d.is_won THEN NULL ELSE d.stage END AS stage,
           count(*) AS deals
    FROM salesops.opportunity_as_of(won_cycle.as_of, won_cycle.known_at) d
    WHERE d.merged_into IS NULL AND (d.is_won OR d.is_closed IS NULL) AND d.close_date IS NOT NULL AND d.created_at IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
  ), won AS (
    SELECT l.source_key, l.deal_type, l.days, sum(l.deals) AS deals
    FROM length l
    LEFT JOIN salesops.stage_meaning(won_cycle.as_of) m
      ON m.source_key = l.source_key AND m.stage = l.stage AND salesops.means_stage(m.pipeline, m.but_in, l.pipeline)
    WHERE salesops.deal_status(l.is_won, NULL, m.status) = 'won'
    GROUP BY l.source_key, l.deal_type, l.days
  )
  -- percentile_disc() from counts by length.
  SELECT c.source_key, c.deal_type, max(c.deals)::bigint, min(c.days) FILTER (WHERE c.up_to >= ceil(0.99::double precision * c.deals))
  FROM (SELECT w.source_key, w.deal_type, w.days, sum(w.deals) OVER (PARTITION BY w.source_key, w.deal_type ORDER BY w.days) AS up_to,
               sum(w.deals) OVER (PARTITION BY w.source_key, w.deal_type) AS deals
        FROM won w) c
  GROUP BY c.source_key, c.deal_type;
END;
COMMENT ON FUNCTION salesops.won_cycle(timestamptz, timestamptz) IS
  'Cycles of won deals by source and deal type (empty = none stated): how many with both dates, and the 99th percentile of close date less creation date in days (percentile_disc: a cycle that occurred)';

CREATE FUNCTION salesops.confidence_step(category salesops.forecast_category)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE salesops.forecast_category_rank(category)
           WHEN 10 THEN 0 WHEN 20 THEN 1 WHEN 30 THEN 1 WHEN 40 THEN 2 WHEN 50 THEN 3 WHEN 60 THEN 4 WHEN 70 THEN 5 END;
END;
COMMENT ON FUNCTION salesops.confidence_step(salesops.forecast_category) IS
  'Step of a category in the order Omitted 0, Pipeline and Upside 1, Best Case 2, Most Likely 3, Commit 4, Closed 5';

CREATE FUNCTION salesops.audit_row(
  instant timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT account_id text, OUT owner_id text,
  OUT pipeline text, OUT stage text, OUT stage_label text, OUT stage_position integer, OUT is_stage_mapped boolean,
  OUT is_closed boolean, OUT is_won boolean,
  OUT category salesops.forecast_category, OUT stated_category salesops.forecast_category,
  OUT stage_category salesops.forecast_category, OUT category_label text, OUT category_gap integer,
  OUT deal_type text, OUT lead_source text, OUT product text, OUT product_id text, OUT quantity numeric,
  OUT stated_amount numeric, OUT list_amount numeric, OUT discount numeric, OUT margin numeric,
  OUT amount numeric, OUT amount_basis text, OUT currency text, OUT corporate_currency text, OUT per_corporate numeric,
  OUT corporate_amount numeric, OUT is_convertible boolean,
  OUT probability numeric, OUT stated_probability numeric, OUT probability_scale text,
  OUT close_date date, OUT close_quarter salesops.fiscal_period, OUT created_at timestamptz, OUT created_date date,
  OUT next_step text, OUT last_activity_at timestamptz, OUT stage_entered_at timestamptz, OUT confirmed_at timestamptz,
  OUT custom jsonb, OUT unreadable jsonb,
  OUT as_of timestamptz, OUT as_of_date date,
  OUT owner_name text, OUT owner_team text, OUT owner_is_known boolean, OUT owner_is_active boolean,
  OUT contact_roles bigint, OUT has_contact_role boolean, OUT has_economic_buyer boolean,
  OUT won_deals bigint, OUT cycle_p99_days integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id,
         o.pipeline, o.stage, o.stage_label, o.stage_position, o.is_stage_mapped,
         o.is_closed, o.is_won,
         o.category, o.stated_category, o.stage_category, o.category_label,
         salesops.confidence_step(o.stated_category) - salesops.confidence_step(o.stage_category),
         o.deal_type, o.lead_source, o.product, o.product_id, o.quantity,
         o.stated_amount, o.list_amount, o.discount, o.margin,
         o.amount, o.amount_basis, o.currency, (SELECT salesops.get_setting('corporate_currency')), o.per_corporate,
         o.corporate_amount,
         -- The rate itself takes a look-up; whether there is one follows from the first.
         o.currency = (SELECT salesops.get_setting('corporate_currency')) OR coalesce(q.first_rate_on <= least(o.close_date, (SELECT salesops.local_date(audit_row.instant))), false),
         o.probability, o.stated_probability, o.probability_scale,
         o.close_date, o.close_quarter, o.created_at, (o.created_at AT TIME ZONE (SELECT salesops.time_zone()))::date,
         o.next_step,
         greatest(CASE WHEN o.last_activity_at <= audit_row.instant THEN o.last_activity_at END,
                  (SELECT a.happened_at FROM salesops.activity a
                   WHERE a.source_key = o.source_key COLLATE "C" AND a.opportunity_id = o.id COLLATE "C"
                     AND a.happened_at <= audit_row.instant AND NOT a.is_deleted
                   ORDER BY a.happened_at DESC LIMIT 1)),
         o.stage_entered_at, o.confirmed_at,
         o.custom, o.unreadable,
         audit_row.instant, (SELECT salesops.local_date(audit_row.instant)),
         r.name, r.team, r.id IS NOT NULL, r.is_active,
         (SELECT count(*) FROM salesops.contact_role c
          WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted),
         b.best_role IS NOT NULL, b.best_role IS NOT DISTINCT FROM 'economic buyer',
         w.won_deals, w.p99_days
  FROM salesops.opportunity_state(audit_row.instant, audit_row.known_at) o
  LEFT JOIN salesops.rep r ON r.source_key = o.source_key AND r.id = o.owner_id AND NOT r.is_deleted
  -- Counting all roles would take longer than to ask for the best one, and most deals have it. OFFSET: asked once a deal.
  LEFT JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT FROM salesops.contact_role c
                             WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted
                               AND salesops.is_economic_buyer(c.role)) THEN 'economic buyer'
                WHEN EXISTS (SELECT FROM salesops.contact_role c
                             WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted)
                  THEN 'another' END AS best_role
    OFFSET 0) b ON true
  LEFT JOIN salesops.won_cycle(audit_row.instant, audit_row.known_at) w
    ON w.source_key = o.source_key AND w.deal_type = coalesce(o.deal_type, '')
  LEFT JOIN (SELECT q.source_key, q.currency, min(q.valid_from) AS first_rate_on FROM salesops.currency_rate q
             WHERE NOT q.is_deleted AND q.per_corporate > 0
             GROUP BY q.source_key, q.currency) q ON q.source_key = o.source_key AND q.currency = o.currency
  WHERE o.is_open
    -- Implied by the status, and known before the stage is looked up.
    AND o.is_won IS NOT TRUE AND o.is_closed IS NOT TRUE;
END;
COMMENT ON FUNCTION salesops.audit_row(timestamptz, timestamptz) IS
  'Open deals as of an instant with every fact that a rule may ask about; audit_columns() explains the columns';

CREATE FUNCTION salesops.audit_source(
  instant timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT owner_id text, OUT as_of timestamptz, OUT as_of_date date,
  OUT newest_row_at timestamptz, OUT synced_at timestamptz, OUT rows_read bigint, OUT duplicates bigint, OUT unidentified bigint,
  OUT sqlstate text, OUT message text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH known AS (
    SELECT y.* FROM salesops.source_sync y
    JOIN salesops.source c ON c.source_key = y.source_key AND c.is_active
    WHERE y.as_of <= coalesce(audit_source.known_at, audit_source.instant)
  )
  SELECT s.source_key, s.entity, NULL, audit_source.instant, salesops.local_date(audit_source.instant),
         (SELECT max(k.watermark) FROM known k WHERE k.source_key = s.source_key AND k.sqlstate IS NULL),
         s.as_of, s.rows_read, c.duplicates, c.unidentified, s.sqlstate, s.message
  FROM (SELECT DISTINCT ON (k.source_key, k.entity) k.* FROM known k ORDER BY k.source_key, k.entity, k.sync_id DESC) s
  LEFT JOIN LATERAL (SELECT max(k.sync_id) AS sync_id FROM known k
                     WHERE k.source_key = s.source_key AND k.entity = s.entity AND k.mode = 'full' AND k.sqlstate IS NULL) f ON true
  -- An incremental sync sees few rows: what the last full one counted still holds.
  CROSS JOIN LATERAL (SELECT max(k.duplicates) AS duplicates, max(k.unidentified) AS unidentified FROM known k
                      WHERE k.source_key = s.source_key AND k.entity = s.entity AND k.sync_id >= f.sync_id) c;
END;
COMMENT ON FUNCTION salesops.audit_source(timestamptz, timestamptz) IS
  'One row an entity (id) of each active source: how its last sync went, and the newest row stamp of the whole source; audit_columns(''source'') explains the columns';

CREATE FUNCTION salesops.audit_columns(object_kind text DEFAULT 'opportunity', OUT name text, OUT type text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.name, pg_catalog.format_type(a.type, NULL),
         coalesce(e.meaning,
                  (SELECT pg_catalog.col_description(c.attrelid, c.attnum) FROM pg_catalog.pg_attribute c
                   WHERE c.attrelid = 'salesops.opportunity'::pg_catalog.regclass AND c.attname = a.name))
  FROM (VALUES ('opportunity', 'audit_row'), ('source', 'audit_source')) AS k(object_kind, function)
  JOIN pg_catalog.pg_proc f ON f.proname = k.function AND f.pronamespace = 'salesops'::pg_catalog.regnamespace
  CROSS JOIN LATERAL ROWS FROM (unnest(f.proargnames), unnest(f.proallargtypes), unnest(f.proargmodes))
                     WITH ORDINALITY AS a(name, type, mode, "position")
  LEFT JOIN (VALUES
    ('opportunity', 'stage_label', 'Name of the stage to show'),
    ('opportunity', 'stage_position', 'Order of the stage in its pipeline'),
    ('opportunity', 'is_stage_mapped', 'Whether the stage has a meaning (stage_map or standard)'),
    ('opportunity', 'category', 'Forecast category: the stated one, else that of the stage'),
    ('opportunity', 'stated_category', 'Forecast category that the label means; NULL = none stated or unmapped'),
    ('opportunity', 'stage_category', 'Forecast category that the stage implies'),
    ('opportunity', 'category_label', 'Forecast category as stated'),
    ('opportunity', 'category_gap', 'Steps by which the stated category is more confident than that of the stage (negative = less); see confidence_step()'),
    ('opportunity', 'product_id', 'Product that the label means; NULL = none'),
    ('opportunity', 'stated_amount', 'Amount as the source states it'),
    ('opportunity', 'amount', 'Amount as stated, or estimated from the list price'),
    ('opportunity', 'amount_basis', 'stated, list price (an estimate) or unknown'),
    ('opportunity', 'currency', 'Currency of the amounts'),
    ('opportunity', 'corporate_currency', 'Currency of totals'),
    ('opportunity', 'per_corporate', 'Units of currency for one corporate unit; NULL = no dated rate'),
    ('opportunity', 'corporate_amount', 'Amount in corporate currency; NULL = unknown or cannot be converted'),
    ('opportunity', 'is_convertible', 'Whether the currency is the corporate one or has a dated rate'),
    ('opportunity', 'probability', 'Probability 0-1; NULL = not stated or off the scale'),
    ('opportunity', 'stated_probability', 'Probability as stated'),
    ('opportunity', 'probability_scale', 'percent or fraction: the scale of the source'),
    ('opportunity', 'close_quarter', 'Fiscal quarter of the close date'),
    ('opportunity', 'created_date', 'Date of created_at in the zone of the setting'),
    ('opportunity', 'last_activity_at', 'Last activity up to as_of, by the activity table or the deal''s own field'),
    ('opportunity', 'as_of', 'Instant of the audit'),
    ('opportunity', 'as_of_date', 'Its date in the zone of the setting'),
    ('opportunity', 'owner_name', 'Name of the owner'),
    ('opportunity', 'owner_team', 'Team of the owner'),
    ('opportunity', 'owner_is_known', 'Whether the owner is among the source''s reps'),
    ('opportunity', 'owner_is_active', 'Whether the owner is active; NULL = unknown'),
    ('opportunity', 'contact_roles', 'Number of contact roles'),
    ('opportunity', 'has_contact_role', 'Whether there is one'),
    ('opportunity', 'has_economic_buyer', 'Whether one is Economic Buyer, Economic Decision Maker or Decision Maker'),
    ('opportunity', 'won_deals', 'Won deals of the same source and deal type with both dates'),
    ('opportunity', 'cycle_p99_days', '99th percentile of their cycles in days'),
    ('source', 'source_key', 'Source'),
    ('source', 'id', 'Entity (canonical table)'),
    ('source', 'owner_id', 'Nobody: NULL'),
    ('source', 'as_of', 'Instant of the audit'),
    ('source', 'as_of_date', 'Its date in the zone of the setting'),
    ('source', 'newest_row_at', 'Newest row stamp of the whole source; NULL = its rows carry none'),
    ('source', 'synced_at', 'as_of of the last sync of the entity'),
    ('source', 'rows_read', 'Rows it read'),
    ('source', 'duplicates', 'Rows it left out because a newer row has the same id'),
    ('source', 'unidentified', 'Rows it left out because they have no id'),
    ('source', 'sqlstate', 'SQLSTATE of its failure; NULL = succeeded'),
    ('source', 'message', 'Message of its failure')
  ) AS e(object_kind, name, meaning) ON e.object_kind = k.object_kind AND e.name = a.name
  WHERE k.object_kind = audit_columns.object_kind AND a.mode = 'o'
  ORDER BY a."position";
END;
COMMENT ON FUNCTION salesops.audit_columns(text) IS 'Columns that a rule on an object kind (opportunity, source) may use';
