-- What a scorecard can learn from: accounts as they were known before their first deal closed, and how that ended.

CREATE FUNCTION salesops.scorecard_examples(
  known_at timestamptz, take_as_given boolean DEFAULT false,
  OUT won boolean, OUT closed_on date, OUT known text,
  OUT source_key text, OUT id text, OUT name text, OUT parent_id text, OUT owner_id text, OUT industry text, OUT segment text, OUT account_type text,
  OUT employees numeric, OUT annual_revenue numeric, OUT currency text, OUT country text,
  OUT website_visits numeric, OUT content_downloads numeric, OUT intent_score numeric, OUT created_at timestamptz, OUT last_activity_at timestamptz, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH g AS MATERIALIZED (
    SELECT salesops.time_zone() AS zone
  ), first_deal AS (
    SELECT DISTINCT ON (o.source_key, o.account_id) o.source_key, o.account_id, o.status = 'won' AS won, o.closed_on, o.created_at
    FROM salesops.deal_outcomes(scorecard_examples.known_at) o
    WHERE o.account_id IS NOT NULL AND o.closed_on IS NOT NULL
    ORDER BY o.source_key, o.account_id, o.closed_on, o.id COLLATE "C"
  ), asked AS (
    -- Last instant before the day of the outcome, and when the deal was opened.
    SELECT f.*, b.before, least(f.created_at, b.before) AS opened
    FROM first_deal f CROSS JOIN g
    CROSS JOIN LATERAL (SELECT f.closed_on::timestamp AT TIME ZONE g.zone - interval '1 microsecond' AS before) b
  )
  SELECT q.won, q.closed_on, (ARRAY['at opening', 'before closing', 'afterwards'])[a.place],
         a.source_key, a.id, a.name, a.parent_id, a.owner_id, coalesce(i.value, a.industry), coalesce(m.value, a.segment), a.account_type,
         a.employees, a.annual_revenue, a.currency, a.country,
         a.website_visits, a.content_downloads, a.intent_score, a.created_at, a.last_activity_at, a.custom
  FROM asked q
  -- What was recorded by the opening, the latest of it; else what was recorded first.
  CROSS JOIN LATERAL (
    SELECT s.*, p.place
    FROM (SELECT x.* FROM salesops.account x WHERE x.source_key = q.source_key AND x.id = q.account_id
          UNION ALL
          SELECT h.* FROM salesops.account_history h WHERE h.source_key = q.source_key AND h.id = q.account_id) s
    CROSS JOIN LATERAL (SELECT CASE WHEN s.recorded_at <= q.opened AND s.effective_at <= q.opened THEN 1 WHEN s.recorded_at <= q.before THEN 2 ELSE 3 END AS place) p
    WHERE s.recorded_at <= scorecard_examples.known_at AND NOT s.is_deleted AND s.merged_into IS NULL
    ORDER BY p.place, CASE WHEN p.place = 1 THEN s.effective_at END DESC, CASE WHEN p.place = 1 THEN s.recorded_at END DESC, s.recorded_at, s.effective_at
    LIMIT 1) a
  LEFT JOIN salesops.value_meaning(scorecard_examples.known_at) i ON i.source_key = a.source_key AND i.field = 'industry' AND i.label = a.industry
  LEFT JOIN salesops.value_meaning(scorecard_examples.known_at) m ON m.source_key = a.source_key AND m.field = 'segment' AND m.label = a.segment
  WHERE a.place < 3 OR scorecard_examples.take_as_given;
END;
COMMENT ON FUNCTION salesops.scorecard_examples(timestamptz, boolean) IS
  'Accounts with a closed deal as known at an instant: whether the first one was won, on which day it closed, and what was known of the account when that deal was opened (known: at opening) or, where nothing was yet, '
  'what was recorded first before the day it closed (before closing). Accounts that were recorded later (afterwards) are left out, for what they are may come of the outcome; take_as_given = what was recorded first stands for the time before. '
  'Industry and segment by the maps of known_at';
