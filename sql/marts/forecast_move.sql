-- The marts of how the forecast moves: why it moved, what was told of it, and what people call.

CREATE FUNCTION salesops.scope_labels(as_of timestamptz, OUT scope_kind text, OUT scope text, OUT label text, OUT level integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT min(s.scope_kind), s.scope, min(s.label), min(s.level) FROM salesops.forecast_scopes(scope_labels.as_of) s GROUP BY s.scope;
END;
COMMENT ON FUNCTION salesops.scope_labels(timestamptz) IS 'The scopes of forecast_scopes() at an instant, a row each';

CREATE FUNCTION salesops.mart_forecast_change(
  OUT forecast_change_key text, OUT fiscal_period text, OUT fiscal_period_sort integer, OUT span text, OUT span_sort smallint,
  OUT from_date date, OUT from_at timestamptz, OUT to_date date, OUT to_at timestamptz,
  OUT scope_kind text, OUT scope_kind_sort smallint, OUT scope text, OUT scope_label text, OUT scope_level integer,
  OUT cause text, OUT cause_sort smallint, OUT cause_meaning text, OUT deals bigint, OUT amount numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(c.span, c.scope, c.cause)::text, q.label, q.sort, c.span, s.span_sort,
         (c.from_instant AT TIME ZONE p.time_zone)::date, c.from_instant, (c.as_of AT TIME ZONE p.time_zone)::date, c.as_of,
         k.kind, salesops.scope_kind_sort(k.kind), c.scope, coalesce(l.label, k.name), l.level,
         c.cause, f.place::smallint, f.meaning, c.deals, c.amount, p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  JOIN salesops.scope_change c ON c.as_of = (SELECT max(x.as_of) FROM salesops.scope_change x WHERE x.as_of <= p.as_of)
                              AND c.period = salesops.period_after(p.as_of)
  JOIN salesops.change_spans(p.as_of) s ON s.span = c.span
  JOIN salesops.forecast_causes() WITH ORDINALITY AS f(cause, meaning, place) ON f.cause = c.cause
  CROSS JOIN LATERAL salesops.period_labels(c.period, p.start_month) q
  CROSS JOIN LATERAL (SELECT split_part(c.scope, ':', 1) AS kind, regexp_replace(c.scope, '^[a-z]*:', '') AS name) k
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.scope_labels(p.as_of) x) l ON l.scope = c.scope;
END;
COMMENT ON FUNCTION salesops.mart_forecast_change() IS 'Rows of mart forecast_change; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_forecast_alert(
  OUT forecast_alert_key text, OUT alert_date date, OUT alert_at timestamptz, OUT fiscal_period text, OUT fiscal_period_sort integer,
  OUT scope_kind text, OUT scope_kind_sort smallint, OUT scope text, OUT scope_label text,
  OUT kind text, OUT kind_sort smallint, OUT target_kind text, OUT target numeric,
  OUT probability numeric, OUT bound numeric, OUT probability_before numeric, OUT is_standing boolean, OUT message text,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(a.scope, q.label, a.as_of AT TIME ZONE 'UTC', a.kind)::text, (a.as_of AT TIME ZONE p.time_zone)::date, a.as_of, q.label, q.sort,
         k.kind, salesops.scope_kind_sort(k.kind), a.scope, coalesce(l.label, k.name),
         a.kind, array_position(ARRAY['target at risk', 'chance moved', 'target in reach'], a.kind)::smallint, a.target_kind, a.target,
         a.value::numeric, a.bound::numeric, a.before::numeric,
         -- The quarter still runs, and nothing that was told since takes it back.
         a.kind = 'target at risk' AND a.period = p.quarter
           AND NOT EXISTS (SELECT FROM salesops.forecast_alert x
                           WHERE x.scope = a.scope AND x.period = a.period AND x.kind <> 'chance moved' AND x.as_of > a.as_of AND x.as_of <= p.as_of),
         a.message, p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  JOIN salesops.forecast_alert a ON a.as_of <= p.as_of AND a.as_of > p.as_of - interval '92 days'
  CROSS JOIN LATERAL salesops.period_labels(a.period, p.start_month) q
  CROSS JOIN LATERAL (SELECT split_part(a.scope, ':', 1) AS kind, regexp_replace(a.scope, '^[a-z]*:', '') AS name) k
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.scope_labels(p.as_of) x) l ON l.scope = a.scope;
END;
COMMENT ON FUNCTION salesops.mart_forecast_alert() IS 'Rows of mart forecast_alert; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_forecast_submission(
  OUT forecast_submission_key text, OUT source_key text, OUT fiscal_period text, OUT fiscal_period_sort integer, OUT period_start date, OUT period_end date,
  OUT forecast_week integer, OUT cut_off_date date, OUT cut_off_at timestamptz, OUT is_current_week boolean,
  OUT rep_id text, OUT rep text, OUT team text, OUT region text, OUT manager text, OUT manager_path text, OUT level integer,
  OUT category text, OUT category_sort smallint, OUT closed numeric, OUT open_pipeline numeric,
  OUT owner_only_amount numeric, OUT amount_without_adjustments numeric, OUT amount_without_owner_adjustment numeric,
  OUT amount_without_manager_adjustment numeric, OUT forecast_amount numeric,
  OUT owner_adjustment numeric, OUT owner_reason text, OUT manager_adjustment numeric, OUT manager_reason text,
  OUT called_below numeric, OUT call numeric, OUT call_note text, OUT submitted_by text, OUT submitted_at timestamptz, OUT is_late boolean,
  OUT previous_call numeric, OUT call_change numeric, OUT is_missing boolean, OUT expected_because text,
  OUT quota numeric, OUT gap_after_call numeric, OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH due AS MATERIALIZED (
    SELECT p.as_of, p.quarter, d.cut_off, d.forecast_week
    FROM salesops.latest_publication() p CROSS JOIN LATERAL salesops.submission_deadline(p.quarter, p.as_of) d
  ), line AS (
    SELECT d.cut_off, d.forecast_week, true AS is_current, r.source_key, r.rep_id, r.level, r.category, r.closed, r.open_pipeline,
           r.owner_only_amount, r.amount_without_adjustments, r.amount_without_owner_adjustment, r.amount_without_manager_adjustment, r.forecast_amount,
           r.owner_adjustment, r.owner_reason, r.manager_adjustment, r.manager_reason, r.called_below, r.call, r.call_note, r.submitted_by,
           r.submitted_at, r.is_late, r.previous_call, r.call_change, r.is_missing, r.because, r.quota, r.gap_after_call
    FROM due d CROSS JOIN LATERAL salesops.forecast_submission_lines(d.quarter, d.as_of, d.as_of) r
    UNION ALL
    SELECT c.cut_off, c.forecast_week, false, c.source_key, c.rep_id, NULL, c.category, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           c.prior_amount, c.amount, c.note, c.submitted_by, c.submitted_at, c.is_late, c.previous_amount, c.amount - c.previous_amount,
           NULL, NULL, NULL, NULL
    FROM due d CROSS JOIN LATERAL salesops.forecast_calls(d.quarter, d.as_of, d.as_of) c WHERE c.cut_off < d.cut_off
  )
  SELECT jsonb_build_array(l.source_key, l.rep_id, l.category::text, l.cut_off AT TIME ZONE 'UTC')::text, l.source_key, q.label, q.sort, q.start_date, q.end_date,
         l.forecast_week, (l.cut_off AT TIME ZONE p.time_zone)::date, l.cut_off, l.is_current,
         salesops.mart_label(l.rep_id), CASE WHEN l.rep_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path), l.level,
         l.category::text, l.category::smallint, l.closed, l.open_pipeline,
         l.owner_only_amount, l.amount_without_adjustments, l.amount_without_owner_adjustment, l.amount_without_manager_adjustment, l.forecast_amount,
         l.owner_adjustment, salesops.mart_label(l.owner_reason), l.manager_adjustment, salesops.mart_label(l.manager_reason),
         l.called_below, l.call, salesops.mart_label(l.call_note), salesops.mart_label(l.submitted_by), l.submitted_at, l.is_late,
         l.previous_call, l.call_change, l.is_missing, salesops.mart_label(l.because), l.quota, l.gap_after_call,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN line l
  CROSS JOIN LATERAL salesops.period_labels(p.quarter, p.start_month) q
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w ON w.source_key = l.source_key AND w.owner_id = l.rep_id;
END;
COMMENT ON FUNCTION salesops.mart_forecast_submission() IS
  'Rows of mart forecast_submission; columns as of mart_columns(). The five amounts, what is expected and quotas are those of the week that runs; of the '
  'weeks before, the calls that counted';
