-- The open deals at any instants, each as it then stood: what the win model learns from and what it is asked about, by one
-- definition, so that both see a deal alike.
--
-- A state holds from its effective_at until that of the deal's next one; what we recorded after known_at does not count, as a
-- next state either. One pass over all states finds each one's span, and the instants in it by binary search in their sorted
-- list. Of one instant alone the present states say most (opportunity_as_of()), so no span is looked for. What a state means
-- (status, category, amount) is what opportunity_state() makes of it at the same instant, and a test compares the two.
--
-- What is known of a field then: all of it where we had recorded the deal by the instant; else what the CRM's own histories tell, if
-- they cover that field and reach so far back (history_reach). A state that is reconstructed from dates tells no field, and the
-- present state carried back tells those only that would show a change. What is not known is NULL; whether the deal was open is known by its dates all the same.
-- What names a deal (owner, account, product, type, lead source) is taken as given.
--
-- Account and owner: the state they had at the instant. Of the time before the first state we know, that first state is taken as
-- given, as it is for a deal: a source that keeps no history of its accounts would have none before it was connected.

CREATE FUNCTION salesops.size_class(employees numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN employees <= 200 THEN '1-200 employees' WHEN employees <= 1000 THEN '201-1000 employees'
            WHEN employees <= 5000 THEN '1001-5000 employees' WHEN employees > 5000 THEN 'over 5000 employees' END;
COMMENT ON FUNCTION salesops.size_class(numeric) IS
  'Class of a number of employees, the segment of an account that states none: up to 200, 1000, 5000, over 5000; NULL = unknown';

CREATE TYPE salesops.deal_key AS (source_key text, id text);
COMMENT ON TYPE salesops.deal_key IS 'A deal: its source and its id there';
COMMENT ON COLUMN salesops.deal_key.source_key IS 'Source of the deal';
COMMENT ON COLUMN salesops.deal_key.id IS 'Its id there';

CREATE FUNCTION salesops.account_spans(known_at timestamptz, of_deals salesops.deal_key[] DEFAULT NULL,
                                       OUT source_key text, OUT id text, OUT industry text, OUT segment text, OUT employees numeric,
                                       OUT valid_from timestamptz, OUT valid_until timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  WITH named AS (
    SELECT DISTINCT v.source_key, v.account_id FROM unnest(account_spans.of_deals) k
    JOIN salesops.opportunity_version v ON v.source_key = k.source_key AND v.id = k.id
  )
  SELECT a.source_key, a.id, a.industry, a.segment, a.employees,
         CASE WHEN row_number() OVER w = 1 THEN '-infinity' ELSE a.effective_at END, lead(a.effective_at, 1, 'infinity') OVER w
  FROM (SELECT p.*, 1 AS place FROM salesops.account p WHERE account_spans.of_deals IS NULL
        UNION ALL
        SELECT h.*, 0 FROM salesops.account_history h WHERE account_spans.of_deals IS NULL
        UNION ALL
        SELECT p.*, 1 FROM named n JOIN salesops.account p ON p.source_key = n.source_key AND p.id = n.account_id
        UNION ALL
        SELECT h.*, 0 FROM named n JOIN salesops.account_history h ON h.source_key = n.source_key AND h.id = n.account_id) a
  WHERE a.recorded_at <= account_spans.known_at AND NOT a.is_deleted AND a.merged_into IS NULL
  WINDOW w AS (PARTITION BY a.source_key COLLATE "C", a.id COLLATE "C" ORDER BY a.effective_at, a.recorded_at, a.place);
END;
COMMENT ON FUNCTION salesops.account_spans(timestamptz, salesops.deal_key[]) IS
  'States of accounts (of_deals: of those only that some deals ever had) as known at an instant with the time each held, [valid_from, valid_until); the first holds for the time before it too, the last before a deletion or merger for the time after it';

CREATE FUNCTION salesops.rep_spans(known_at timestamptz,
                                   OUT source_key text, OUT id text, OUT team text, OUT region text,
                                   OUT valid_from timestamptz, OUT valid_until timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.source_key, r.id, r.team, r.region,
         CASE WHEN row_number() OVER w = 1 THEN '-infinity' ELSE r.effective_at END, lead(r.effective_at, 1, 'infinity') OVER w
  FROM (SELECT p.source_key, p.id, p.team, p.region, p.effective_at, p.recorded_at, 1 AS place
        FROM salesops.rep p WHERE p.recorded_at <= rep_spans.known_at AND NOT p.is_deleted
        UNION ALL
        SELECT h.source_key, h.id, h.team, h.region, h.effective_at, h.recorded_at, 0
        FROM salesops.rep_history h WHERE h.recorded_at <= rep_spans.known_at AND NOT h.is_deleted) r
  WINDOW w AS (PARTITION BY r.source_key, r.id ORDER BY r.effective_at, r.recorded_at, r.place);
END;
COMMENT ON FUNCTION salesops.rep_spans(timestamptz) IS
  'States of reps as known at an instant with the time each held, [valid_from, valid_until); the first holds for the time before it too, the last before a deletion for the time after it';

CREATE FUNCTION salesops.open_deals_at(
  instants timestamptz[], known_at timestamptz DEFAULT NULL, deals salesops.deal_key[] DEFAULT NULL,
  OUT instant timestamptz, OUT source_key text, OUT id text, OUT account_id text, OUT owner_id text,
  OUT created_at timestamptz, OUT age_days integer,
  OUT pipeline text, OUT stage text, OUT stage_label text, OUT stage_position integer, OUT category salesops.forecast_category,
  OUT close_date date, OUT close_quarter salesops.fiscal_period,
  OUT stated_amount numeric, OUT amount numeric, OUT amount_basis text, OUT currency text, OUT corporate_amount numeric,
  OUT product text, OUT product_id text, OUT deal_type text, OUT lead_source text,
  OUT industry text, OUT segment text, OUT team text, OUT region text,
  OUT pushes integer, OUT idle_days integer, OUT stage_days integer,
  OUT custom jsonb, OUT effective_from timestamptz, OUT recorded_at timestamptz, OUT origin text,
  OUT is_stage_known boolean, OUT is_category_known boolean, OUT is_close_date_known boolean, OUT is_amount_known boolean, OUT is_all_known boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  WITH asked AS MATERIALIZED (
    SELECT array_agg(DISTINCT i.instant ORDER BY i.instant) AS list,
           coalesce(open_deals_at.known_at, max(i.instant)) AS known_at
    FROM unnest(open_deals_at.instants) AS i(instant) WHERE isfinite(i.instant)
  ), g AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.fiscal_year_start_month() AS start_month,
           salesops.time_zone() AS zone
  ), source AS MATERIALIZED (
    SELECT c.source_key, salesops.source_option(c.*, 'currency') AS currency,
           'amount' = ANY (u.fields) AS keeps_amount, 'quantity' = ANY (u.fields) AS keeps_quantity
    FROM salesops.source c CROSS JOIN LATERAL (SELECT salesops.unchanged_fields(c.options) AS fields) u
  ), reach AS MATERIALIZED (
    -- Of deals that we had seen by the first of the instants no history is asked.
    -- Where full versions are kept, states are from them, whatever events tell beside them.
    SELECT e.source_key, e.recorded_at, e."all", coalesce(e."all", e.stage) AS stage, coalesce(e."all", e.category, e.stage_category) AS category,
           coalesce(e."all", e.close_date) AS close_date, coalesce(e."all", e.amount) AS amount, e.stage_category IS NOT NULL AS follows_stage
    FROM (SELECT h.source_key, h.recorded_at,
                 min(h.since) FILTER (WHERE h.target = 'everything') AS "all", min(h.since) FILTER (WHERE h.target = 'stage') AS stage,
                 min(h.since) FILTER (WHERE h.target = 'forecast_category') AS category, min(h.since) FILTER (WHERE h.target = 'stage_category') AS stage_category,
                 min(h.since) FILTER (WHERE h.target = 'close_date') AS close_date, min(h.since) FILTER (WHERE h.target = 'amount') AS amount
          FROM salesops.history_reach h
          WHERE h.recorded_at > (SELECT a.list[1] FROM asked a)
          GROUP BY h.source_key, h.recorded_at) e
  ), at_instant AS MATERIALIZED (
    SELECT i.instant, (i.instant AT TIME ZONE g.zone)::date AS day FROM asked CROSS JOIN g CROSS JOIN LATERAL unnest(asked.list) AS i(instant)
  ), stage_meant AS MATERIALIZED (
    SELECT i.instant, m.* FROM at_instant i CROSS JOIN LATERAL salesops.stage_meaning(i.instant) m
  ), category_meant AS MATERIALIZED (
    SELECT i.instant, m.* FROM at_instant i CROSS JOIN LATERAL salesops.category_meaning(i.instant) m
  ), product_meant AS MATERIALIZED (
    SELECT i.instant, m.* FROM at_instant i CROSS JOIN LATERAL salesops.product_meaning(i.instant) m
  ), value_meant AS MATERIALIZED (
    SELECT i.instant, m.* FROM at_instant i CROSS JOIN LATERAL salesops.value_meaning(i.instant) m
  ), version AS (
    -- "C": the order serves the grouping alone, and byte order is the cheapest.
    SELECT v.*, lead(v.effective_at, 1, 'infinity') OVER w AS valid_until,
           (v.close_date > lag(v.close_date) OVER w)::integer AS is_push,
           min(v.recorded_at) OVER (PARTITION BY v.source_key COLLATE "C", v.id COLLATE "C") AS seen_at
    FROM salesops.opportunity_version v
    WHERE v.recorded_at <= (SELECT a.known_at FROM asked a) AND (SELECT cardinality(a.list) > 1 FROM asked a)
      AND (open_deals_at.deals IS NULL OR (v.source_key, v.id) IN (SELECT k.source_key, k.id FROM unnest(open_deals_at.deals) k))
    WINDOW w AS (PARTITION BY v.source_key COLLATE "C", v.id COLLATE "C" ORDER BY v.effective_at, v.recorded_at, v.is_present)
  ), spanned AS (
    -- An instant is in the span if as many of the list lie before its end as before its beginning, and one more.
    SELECT v.*, sum(v.is_push) OVER (PARTITION BY v.source_key COLLATE "C", v.id COLLATE "C" ORDER BY v.effective_at, v.recorded_at, v.is_present) AS pushes,
           width_bucket(v.effective_at - interval '1 microsecond', (SELECT a.list FROM asked a)) AS before,
           width_bucket(v.valid_until - interval '1 microsecond', (SELECT a.list FROM asked a)) AS last
    FROM version v
  ), state AS (
    SELECT (SELECT a.list FROM asked a)[n.n] AS instant, s.source_key, s.id, s.account_id, s.owner_id, s.pipeline, s.stage, s.forecast_category,
           s.deal_type, s.lead_source, s.product, s.quantity, s.amount, s.list_amount, s.currency, s.is_closed, s.is_won, s.close_date, s.created_at,
           s.last_activity_at, s.stage_entered_at, s.confirmed_at, s.custom, s.effective_at, s.recorded_at, s.origin,
           s.pushes, s.seen_at
    FROM spanned s CROSS JOIN LATERAL generate_series(s.before + 1, s.last) AS n(n)
    WHERE s.before < s.last AND NOT s.is_deleted AND s.merged_into IS NULL AND s.is_won IS NOT TRUE AND s.is_closed IS NOT TRUE
    UNION ALL
    SELECT q.list[1], o.source_key, o.id, o.account_id, o.owner_id, o.pipeline, o.stage, o.forecast_category,
           o.deal_type, o.lead_source, o.product, o.quantity, o.amount, o.list_amount, o.currency, o.is_closed, o.is_won, o.close_date, o.created_at,
           o.last_activity_at, o.stage_entered_at, o.confirmed_at, o.custom, o.effective_at, o.recorded_at, o.origin,
           p.pushes, p.seen_at
    FROM asked q
    CROSS JOIN LATERAL (
      SELECT a.*, true AS is_present FROM salesops.opportunity_as_of(q.list[1], q.known_at) a WHERE open_deals_at.deals IS NULL
      UNION ALL
      -- Of a few deals the state is looked up, as opportunity_as_of() would find it.
      SELECT a.*
      FROM (SELECT DISTINCT k.source_key, k.id FROM unnest(open_deals_at.deals) k) k
      CROSS JOIN LATERAL (SELECT v.* FROM salesops.opportunity_version v
                          WHERE v.source_key = k.source_key AND v.id = k.id AND v.effective_at <= q.list[1] AND v.recorded_at <= q.known_at
                          ORDER BY v.effective_at DESC, v.recorded_at DESC, v.is_present DESC LIMIT 1) a
      WHERE NOT a.is_deleted) o
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE c.is_push AND (c.effective_at, c.recorded_at) <= (o.effective_at, o.recorded_at)) AS pushes,
             min(c.recorded_at) AS seen_at
      FROM (SELECT v.effective_at, v.recorded_at,
                   v.close_date > lag(v.close_date) OVER (ORDER BY v.effective_at, v.recorded_at, v.is_present) AS is_push
            FROM (SELECT h.effective_at, h.recorded_at, h.close_date, false AS is_present FROM salesops.opportunity_history h
                  WHERE h.source_key = o.source_key AND h.id = o.id AND h.recorded_at <= q.known_at
                  UNION ALL
                  SELECT o.effective_at, o.recorded_at, o.close_date, true) v) c) p
    WHERE cardinality(q.list) = 1
      AND o.merged_into IS NULL AND o.is_won IS NOT TRUE AND o.is_closed IS NOT TRUE
  )
  SELECT s.instant, s.source_key, s.id, s.account_id, s.owner_id, s.created_at,
         CASE WHEN s.created_at <= s.instant THEN i.day - (s.created_at AT TIME ZONE g.zone)::date END,
         s.pipeline, CASE WHEN n.stage THEN s.stage END, CASE WHEN n.stage THEN coalesce(m.label, s.stage) END, CASE WHEN n.stage THEN m."position" END,
         CASE WHEN n.category THEN coalesce(CASE WHEN k.category <> 'Closed' THEN k.category END, CASE WHEN n.stage AND m.category <> 'Closed' THEN m.category END) END,
         o.close_date, salesops.fiscal_quarter(o.close_date, g.start_month),
         o.amount, x.amount,
         CASE WHEN o.amount IS NOT NULL THEN 'stated' WHEN x.amount IS NOT NULL THEN 'list price' WHEN n.amount THEN 'unknown' ELSE 'not known then' END,
         y.currency, CASE WHEN y.currency = g.currency THEN x.amount ELSE x.amount / y.per_corporate END,
         s.product, p.product_id, s.deal_type, s.lead_source,
         coalesce(ai.value, a.industry), coalesce(ag.value, a.segment, salesops.size_class(a.employees)), r.team, r.region,
         CASE WHEN n.close_date THEN coalesce(s.pushes, 0)::integer END,
         CASE WHEN n.stage AND n.amount AND n.close_date THEN i.day - (greatest(s.confirmed_at, CASE WHEN s.last_activity_at <= s.instant THEN s.last_activity_at END,
                           (SELECT c.happened_at FROM salesops.activity c
                            WHERE c.source_key = s.source_key COLLATE "C" AND c.opportunity_id = s.id COLLATE "C"
                              AND c.happened_at <= s.instant AND NOT c.is_deleted AND c.recorded_at <= (SELECT q.known_at FROM asked q)
                            ORDER BY c.happened_at DESC LIMIT 1),
                           -- Activities that are other now, as they were known.
                           (SELECT c.happened_at FROM salesops.activity_history c
                            WHERE c.source_key = s.source_key COLLATE "C" AND c.opportunity_id = s.id COLLATE "C"
                              AND c.happened_at <= s.instant AND NOT c.is_deleted AND c.recorded_at <= (SELECT q.known_at FROM asked q)
                              AND NOT EXISTS (SELECT FROM salesops.activity p
                                              WHERE p.source_key = c.source_key AND p.id = c.id AND p.recorded_at <= (SELECT q.known_at FROM asked q))
                              AND NOT EXISTS (SELECT FROM salesops.activity_history p
                                              WHERE p.source_key = c.source_key AND p.id = c.id AND p.recorded_at <= (SELECT q.known_at FROM asked q)
                                                AND (p.effective_at, p.recorded_at) > (c.effective_at, c.recorded_at))
                            ORDER BY c.happened_at DESC LIMIT 1)) AT TIME ZONE g.zone)::date END,
         CASE WHEN n.stage THEN i.day - (s.stage_entered_at AT TIME ZONE g.zone)::date END,
         s.custom, s.effective_at, s.recorded_at, s.origin, n.stage, n.category, n.close_date, n.amount, n."all"
  FROM state s
  CROSS JOIN g
  JOIN at_instant i ON i.instant = s.instant
  LEFT JOIN source c ON c.source_key = s.source_key
  LEFT JOIN reach h ON h.source_key = s.source_key AND h.recorded_at = s.seen_at
  CROSS JOIN LATERAL (SELECT s.seen_at <= s.instant AS seen, s.origin <> 'reconstructed' AND isfinite(s.effective_at) AS told) t
  CROSS JOIN LATERAL (
    SELECT t.seen OR t.told AND coalesce(h."all" <= s.instant, false) AS "all", t.seen OR t.told AND coalesce(h.stage <= s.instant, false) AS stage,
           t.seen OR t.told AND coalesce(h.category <= s.instant, false) AS category, NOT t.seen AND h.follows_stage AS follows_stage,
           t.seen OR t.told AND coalesce(h.close_date <= s.instant, false) AS close_date,
           t.seen OR t.told AND coalesce(h.amount <= s.instant, false) OR coalesce(c.keeps_amount, false) AND s.amount IS NOT NULL AS amount) n
  LEFT JOIN stage_meant m
    ON m.instant = s.instant AND m.source_key = s.source_key AND m.stage = s.stage AND salesops.means_stage(m.pipeline, m.but_in, s.pipeline)
  LEFT JOIN category_meant l ON l.instant = s.instant AND l.source_key = s.source_key AND l.label = s.forecast_category
  LEFT JOIN product_meant p ON p.instant = s.instant AND p.source_key = s.source_key AND p.label = s.product
  LEFT JOIN salesops.account_spans((SELECT q.known_at FROM asked q), open_deals_at.deals) a
    ON a.source_key = s.source_key AND a.id = s.account_id AND a.valid_from <= s.instant AND a.valid_until > s.instant
  LEFT JOIN value_meant ai ON ai.instant = s.instant AND ai.source_key = s.source_key AND ai.field = 'industry' AND ai.label = a.industry
  LEFT JOIN value_meant ag ON ag.instant = s.instant AND ag.source_key = s.source_key AND ag.field = 'segment' AND ag.label = a.segment
  LEFT JOIN salesops.rep_spans((SELECT q.known_at FROM asked q)) r
    ON r.source_key = s.source_key AND r.id = s.owner_id AND r.valid_from <= s.instant AND r.valid_until > s.instant
  CROSS JOIN LATERAL (SELECT CASE WHEN n.follows_stage IS NOT TRUE THEN coalesce(l.category, salesops.recognize_forecast_category(s.forecast_category)) END AS category) k
  CROSS JOIN LATERAL (SELECT CASE WHEN n.amount THEN s.amount END AS amount, CASE WHEN n.close_date THEN s.close_date END AS close_date) o
  CROSS JOIN LATERAL (SELECT coalesce(o.amount, p.list_price * coalesce(CASE WHEN n."all" OR c.keeps_quantity THEN s.quantity END, 1)) AS amount) x
  CROSS JOIN LATERAL (SELECT coalesce(CASE WHEN o.amount IS NULL AND x.amount IS NOT NULL THEN p.currency ELSE s.currency END, c.currency) AS currency) z
  CROSS JOIN LATERAL (SELECT z.currency, (SELECT q.per_corporate FROM salesops.currency_rate q
                                          WHERE q.source_key = s.source_key AND q.currency = z.currency
                                            AND q.valid_from <= least(o.close_date, i.day) AND NOT q.is_deleted AND q.per_corporate > 0
                                          ORDER BY q.valid_from DESC, q.id LIMIT 1) AS per_corporate) y
  WHERE salesops.deal_status(s.is_won, s.is_closed, m.status) = 'open';
END;
COMMENT ON FUNCTION salesops.open_deals_at(timestamptz[], timestamptz, salesops.deal_key[]) IS
  'Deals open at each of some instants, a row a deal and instant, as they then stood and as known at known_at (NULL = at the last of the instants); merged and deleted ones are left out. '
  'Stage, category, amounts as in opportunity_state(), NULL where they are not known of that instant: is_stage_known, is_category_known, is_close_date_known, is_amount_known tell that from not stated, '
  'is_all_known is true where all columns are known. Known is what we had recorded of the deal by the instant, else what the CRM''s own histories cover that far back; an amount also where the source''s option unchanged names it. '
  'amount_basis: stated, list price (an estimate), unknown (none was stated) or not known then. Industry and segment (a size class where none is stated) of the account, team and region of the owner then. '
  'age_days, stage_days and idle_days (since the last change of stage, amount, close date or next step, or activity) are whole days up to the instant in the zone of the setting, NULL = not known; '
  'pushes = how often the close date had been moved later as far as we know it, NULL = not known. Infinite and NULL instants give nothing; deals: of these only, NULL = all';
