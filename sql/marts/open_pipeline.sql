-- The one mart at the grain of a deal: open deals only, because a mart of every deal ever costs more to refresh than it tells.

CREATE FUNCTION salesops.mart_open_pipeline(
  OUT open_pipeline_key text, OUT source_key text, OUT opportunity_id text, OUT opportunity text,
  OUT account_id text, OUT account text, OUT industry text, OUT segment text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT pipeline text, OUT stage text, OUT stage_sort smallint, OUT category text, OUT category_sort smallint,
  OUT deal_type text, OUT lead_source text, OUT product text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT close_date date, OUT created_date date, OUT last_activity_date date, OUT stage_entered_date date,
  OUT is_past_due boolean, OUT age_days integer, OUT days_in_stage integer,
  OUT amount numeric, OUT amount_basis text, OUT weight numeric, OUT weighted_amount numeric,
  OUT own_amount numeric, OUT own_currency_code text, OUT probability numeric, OUT next_step text, OUT open_findings bigint,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH finding AS MATERIALIZED (
    SELECT f.source_key, f.object_id, count(*) AS findings
    FROM salesops.latest_publication() p
    JOIN salesops.finding f ON f.first_seen_at <= p.as_of AND (f.resolved_at IS NULL OR f.resolved_at > p.as_of)
    WHERE f.object_kind = 'opportunity'
    GROUP BY f.source_key, f.object_id
  )
  SELECT jsonb_build_array(o.source_key, o.id)::text, o.source_key, o.id, salesops.mart_label(o.name),
         salesops.mart_label(o.account_id), CASE WHEN o.account_id IS NULL THEN '(none)' ELSE coalesce(a.name, '(unknown account)') END,
         salesops.mart_label(a.industry), salesops.mart_label(a.segment),
         salesops.mart_label(o.owner_id), CASE WHEN o.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         salesops.mart_label(o.pipeline), salesops.mart_label(o.stage_label),
         least(greatest(coalesce(o.stage_position, 32767), -32768), 32767)::smallint,
         coalesce(c.label, '(none)'), coalesce(c.rank, 0::smallint),
         salesops.mart_label(o.deal_type), salesops.mart_label(o.lead_source), salesops.mart_label(o.product),
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter,
         o.close_date, d.created_date, d.last_activity_date, d.stage_entered_date,
         coalesce(o.close_date < p.as_of_date, false), p.as_of_date - d.created_date, p.as_of_date - d.stage_entered_date,
         o.corporate_amount, o.amount_basis, p.weights[c."position"], o.corporate_amount * p.weights[c."position"],
         o.amount, o.currency, o.probability, salesops.mart_label(o.next_step), coalesce(f.findings, 0),
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.opportunity_state(p.as_of, p.as_of) o
  CROSS JOIN LATERAL salesops.period_labels(o.close_quarter, p.start_month) q
  CROSS JOIN LATERAL (SELECT (o.created_at AT TIME ZONE p.time_zone)::date AS created_date,
                             (o.last_activity_at AT TIME ZONE p.time_zone)::date AS last_activity_date,
                             (o.stage_entered_at AT TIME ZONE p.time_zone)::date AS stage_entered_date) d
  LEFT JOIN salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
    ON c.category OPERATOR(salesops.=) o.category
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_state(p.as_of, p.as_of) x) a
    ON a.source_key = o.source_key AND a.id = o.account_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = o.source_key AND w.owner_id = o.owner_id
  LEFT JOIN finding f ON f.source_key = o.source_key AND f.object_id = o.id
  WHERE o.is_open;
END;
COMMENT ON FUNCTION salesops.mart_open_pipeline() IS 'Rows of mart open_pipeline; columns as of mart_columns()';
