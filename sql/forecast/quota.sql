-- Quotas by owner and fiscal quarter, in corporate currency.
--
-- A quarter's quota is what the source states for the quarter, or else the sum of its three months where all three are
-- stated. A year's quota is not cut into quarters: that takes a decision about the seasons, which nobody has made here.
-- Where a rep's reports have quotas too, his own stands for the team and would count the same money twice.

CREATE FUNCTION salesops.quota_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.quota LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT q.* FROM salesops.quota q
  WHERE q.effective_at <= quota_as_of.effective_at
    AND q.recorded_at <= coalesce(quota_as_of.known_at, quota_as_of.effective_at)
    AND NOT q.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.quota q
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.quota_history x
    WHERE x.source_key = q.source_key AND x.id = q.id
      AND x.effective_at <= quota_as_of.effective_at
      AND x.recorded_at <= coalesce(quota_as_of.known_at, quota_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (q.effective_at > quota_as_of.effective_at
         OR q.recorded_at > coalesce(quota_as_of.known_at, quota_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.quota_as_of(timestamptz, timestamptz) IS
  'Quotas as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.owner_quota(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                     OUT source_key text, OUT owner_id text, OUT period salesops.fiscal_period,
                                     OUT quota numeric, OUT is_team_quota boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH calendar AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.fiscal_year_start_month() AS start_month,
           salesops.local_date(owner_quota.as_of) AS day
  ), source AS MATERIALIZED (
    SELECT s.source_key, salesops.source_option(s.*, 'currency') AS currency FROM salesops.source s
  ), stated AS (
    SELECT q.source_key, q.rep_id, q.period, CASE WHEN z.currency = c.currency THEN q.amount ELSE q.amount / r.per_corporate END AS amount
    FROM salesops.quota_as_of(owner_quota.as_of, owner_quota.known_at) q
    CROSS JOIN calendar c
    JOIN source s ON s.source_key = q.source_key
    CROSS JOIN LATERAL (SELECT coalesce(q.currency, s.currency) AS currency) z
    -- As for deals: the latest dated rate not after the day.
    LEFT JOIN LATERAL (SELECT x.per_corporate FROM salesops.currency_rate x
                       WHERE z.currency <> c.currency AND x.source_key = q.source_key AND x.currency = z.currency
                         AND x.valid_from <= least(salesops.start_date(q.period, c.start_month), c.day)
                         AND NOT x.is_deleted AND x.per_corporate > 0
                       ORDER BY x.valid_from DESC, x.id LIMIT 1) r ON true
    WHERE q.rep_id IS NOT NULL AND q.period IS NOT NULL AND q.amount IS NOT NULL
      AND lower(coalesce(q.measure, 'amount') COLLATE "C") = 'amount'
  ), of_quarter AS (
    -- One amount that cannot be converted makes the sum unknown.
    SELECT s.source_key, s.rep_id, salesops.min(s.period) AS period, CASE WHEN bool_and(s.amount IS NOT NULL) THEN sum(s.amount) END AS quota
    FROM stated s
    WHERE salesops.grain(s.period) = 'quarter'
    GROUP BY s.source_key, s.rep_id, s.period::integer
  ), of_months AS (
    SELECT s.source_key, s.rep_id, salesops.min(salesops.quarter_of(s.period)) AS period,
           CASE WHEN bool_and(s.amount IS NOT NULL) THEN sum(s.amount) END AS quota
    FROM stated s
    WHERE salesops.grain(s.period) = 'month'
    GROUP BY s.source_key, s.rep_id, salesops.quarter_of(s.period)::integer
    HAVING count(DISTINCT s.period::integer) = 3
  ), by_quarter AS MATERIALIZED (
    SELECT q.* FROM of_quarter q
    UNION ALL
    SELECT m.* FROM of_months m
    WHERE NOT EXISTS (SELECT FROM of_quarter q
                      WHERE q.source_key = m.source_key AND q.rep_id = m.rep_id AND q.period OPERATOR(salesops.=) m.period)
  ), rung AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, m.id
    FROM salesops.rep_tree(owner_quota.as_of, owner_quota.known_at) t CROSS JOIN LATERAL unnest(t.path) AS m(id)
    WHERE m.id <> t.rep_id
  ), manager AS (
    SELECT q.source_key, salesops.min(q.period) AS period, g.id
    FROM by_quarter q JOIN rung g ON g.source_key = q.source_key AND g.rep_id = q.rep_id
    GROUP BY q.source_key, q.period::integer, g.id
  )
  -- The planner knows no sizes here and would compare every quota with every quota, hence no nested loops.
  SELECT q.source_key, q.rep_id, q.period, q.quota, m.id IS NOT NULL
  FROM by_quarter q
  LEFT JOIN manager m ON m.source_key = q.source_key AND m.id = q.rep_id AND m.period OPERATOR(salesops.=) q.period;
END;
COMMENT ON FUNCTION salesops.owner_quota(timestamptz, timestamptz) IS
  'Quotas by rep and fiscal quarter as of an instant, in corporate currency at the rate of the period''s first day or of '
  'the day '
  'asked for if that is earlier; the quarter as stated, else the sum of its three months. is_team_quota: someone below '
  'in the '
  'manager tree has a quota of the same quarter, so leave it out of sums. NULL = set, but it cannot be converted; no row '
  '= not set';
