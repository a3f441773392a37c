-- Opportunities with their meaning: what the maps, rates and list prices make of what the source states.

CREATE FUNCTION salesops.deal_status(is_won boolean, is_closed boolean, stage_status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_won THEN 'won' WHEN is_closed THEN 'lost' WHEN is_closed = false THEN 'open' ELSE coalesce(stage_status, 'open') END;
COMMENT ON FUNCTION salesops.deal_status(boolean, boolean, text) IS
  'Status of a deal (open, won, lost): the source''s own flags decide; where it has none (NULL), the meaning of the stage does; without one (NULL) the deal counts as open, and its stage is a finding';

CREATE FUNCTION salesops.opportunity_state(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT account_id text, OUT owner_id text,
  OUT pipeline text, OUT stage text, OUT stage_label text, OUT stage_position integer, OUT is_stage_mapped boolean,
  OUT status text, OUT category salesops.forecast_category, OUT stated_category salesops.forecast_category,
  OUT stage_category salesops.forecast_category, OUT category_label text,
  OUT deal_type text, OUT lead_source text, OUT loss_reason text, OUT product text, OUT product_id text, OUT quantity numeric,
  OUT stated_amount numeric, OUT list_amount numeric, OUT discount numeric, OUT margin numeric,
  OUT amount numeric, OUT amount_basis text, OUT currency text, OUT per_corporate numeric, OUT corporate_amount numeric,
  OUT probability numeric, OUT stated_probability numeric, OUT probability_scale text,
  OUT close_date date, OUT close_quarter salesops.fiscal_period, OUT created_at timestamptz, OUT next_step text,
  OUT last_activity_at timestamptz, OUT stage_entered_at timestamptz, OUT confirmed_at timestamptz,
  OUT custom jsonb, OUT unreadable jsonb, OUT effective_from timestamptz, OUT recorded_at timestamptz, OUT origin text,
  OUT is_closed boolean, OUT is_won boolean, OUT is_open boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Materialized: settings and options are read once, not once a deal.
  WITH g AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.fiscal_year_start_month() AS start_month,
           salesops.local_date(opportunity_state.effective_at) AS day
  ), s AS MATERIALIZED (
    SELECT c.source_key, salesops.source_option(c.*, 'currency') AS currency, salesops.source_option(c.*, 'probability_scale') AS scale
    FROM salesops.source c
  )
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id,
         o.pipeline, o.stage, coalesce(m.label, o.stage), m."position", m.stage IS NOT NULL,
         x.status,
         CASE x.status WHEN 'won' THEN 'Closed'::salesops.forecast_category
                       WHEN 'lost' THEN 'Omitted'::salesops.forecast_category
                       -- An open deal is not closed, whatever its label says; the audit reports the contradiction.
                       -- No nullif(): pg_upgrade could not read it back, its operator has no schema in print.
                       ELSE coalesce(CASE WHEN x.stated_category <> 'Closed' THEN x.stated_category END,
                                     CASE WHEN m.category <> 'Closed' THEN m.category END) END,
         x.stated_category, m.category, o.forecast_category,
         o.deal_type, o.lead_source, o.loss_reason, o.product, p.product_id, o.quantity,
         o.amount, coalesce(o.list_amount, CASE WHEN coalesce(p.currency, s.currency) = z.currency THEN l.list_amount END),
         o.discount, o.margin,
         y.amount,
         CASE WHEN o.amount IS NOT NULL THEN 'stated' WHEN y.amount IS NOT NULL THEN 'list price' ELSE 'unknown' END,
         z.currency, CASE WHEN z.currency = g.currency THEN 1 ELSE r.per_corporate END,
         CASE WHEN z.currency = g.currency THEN y.amount ELSE y.amount / r.per_corporate END,
         CASE WHEN s.scale = 'percent' AND o.probability BETWEEN 0 AND 100 THEN o.probability / 100
              WHEN s.scale = 'fraction' AND o.probability BETWEEN 0 AND 1 THEN o.probability END,
         o.probability, s.scale,
         o.close_date, salesops.fiscal_quarter(o.close_date, g.start_month), o.created_at, o.next_step,
         o.last_activity_at, o.stage_entered_at, o.confirmed_at,
         o.custom, o.unreadable, o.effective_at, o.recorded_at, o.origin,
         o.is_closed, o.is_won, x.status = 'open'
  FROM salesops.opportunity_as_of(opportunity_state.effective_at, opportunity_state.known_at) o
  -- Outer joins: every deal has its source, and the planner then keeps the number of deals for its estimate.
  LEFT JOIN s ON s.source_key = o.source_key
  CROSS JOIN g
  LEFT JOIN salesops.stage_meaning(opportunity_state.effective_at) m
    ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
  LEFT JOIN salesops.category_meaning(opportunity_state.effective_at) k
    ON k.source_key = o.source_key AND k.label = o.forecast_category
  LEFT JOIN salesops.product_meaning(opportunity_state.effective_at) p
    ON p.source_key = o.source_key AND p.label = o.product
  CROSS JOIN LATERAL (
    SELECT salesops.deal_status(o.is_won, o.is_closed, m.status) AS status,
           coalesce(k.category, salesops.recognize_forecast_category(o.forecast_category)) AS stated_category) x
  CROSS JOIN LATERAL (SELECT p.list_price * coalesce(o.quantity, 1) AS list_amount) l
  CROSS JOIN LATERAL (SELECT coalesce(o.amount, CASE x.status WHEN 'open' THEN l.list_amount END) AS amount) y
  -- An estimate is in the currency of the price list.
  CROSS JOIN LATERAL (SELECT coalesce(CASE WHEN o.amount IS NULL AND y.amount IS NOT NULL THEN p.currency ELSE o.currency END, s.currency) AS currency) z
  -- The latest dated rate not after the day. A scalar subquery: it runs only where the rate is asked for, of foreign amounts.
  CROSS JOIN LATERAL (SELECT (SELECT q.per_corporate FROM salesops.currency_rate q
                              WHERE q.source_key = o.source_key AND q.currency = z.currency
                                AND q.valid_from <= least(o.close_date, g.day) AND NOT q.is_deleted AND q.per_corporate > 0
                              ORDER BY q.valid_from DESC, q.id LIMIT 1) AS per_corporate) r
  WHERE o.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.opportunity_state(timestamptz, timestamptz) IS
  'Opportunities as of an instant with their meaning: status, forecast category, amount with its basis (stated, list price = an estimate for open deals, unknown), corporate amount at the rate of the close date or of the day asked for if that is earlier (unrounded; NULL = cannot be converted), probability 0-1, fiscal quarter. Merged and deleted deals are left out';

CREATE FUNCTION salesops.account_state(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT parent_id text, OUT owner_id text,
  OUT industry text, OUT stated_industry text, OUT segment text, OUT stated_segment text, OUT account_type text,
  OUT employees numeric, OUT annual_revenue numeric, OUT currency text, OUT country text, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.source_key, a.id, a.name, a.parent_id, a.owner_id,
         coalesce(i.value, a.industry), a.industry, coalesce(g.value, a.segment), a.segment, a.account_type,
         a.employees, a.annual_revenue, a.currency, a.country, a.custom
  FROM salesops.account_as_of(account_state.effective_at, account_state.known_at) a
  LEFT JOIN salesops.value_meaning(account_state.effective_at) i
    ON i.source_key = a.source_key AND i.field = 'industry' AND i.label = a.industry
  LEFT JOIN salesops.value_meaning(account_state.effective_at) g
    ON g.source_key = a.source_key AND g.field = 'segment' AND g.label = a.segment
  WHERE a.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.account_state(timestamptz, timestamptz) IS
  'Accounts as of an instant with their meaning: industry and segment as mapped, or as stated where nothing is mapped; merged and deleted accounts are left out';
