-- The forecast as of any instant: one forecast_totals a source, owner and fiscal quarter of the close date.
--
-- Amounts are in corporate currency. Two parts of the totals are stated beside them, as totals of their own:
-- `estimated`, the deals whose amount is a list price and not the seller's; and `unconvertible`, the deals with an amount
-- in a currency that no rate is known for. The latter count as deals without amount; their amounts are never added.

CREATE FUNCTION salesops.current_quarter(as_of timestamptz)
RETURNS salesops.fiscal_period LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.fiscal_quarter(salesops.local_date(as_of), salesops.fiscal_year_start_month());
END;
COMMENT ON FUNCTION salesops.current_quarter(timestamptz) IS
  'Fiscal quarter that an instant lies in, in the zone and calendar of the settings';

CREATE FUNCTION salesops.forecast_by_quarter(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                             OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                             OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                             OUT unconvertible salesops.forecast_totals)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.source_key, salesops.min(o.close_quarter), o.owner_id,
         salesops.forecast_rollup(o.category, o.corporate_amount),
         coalesce(salesops.forecast_rollup(o.category, o.corporate_amount) FILTER (WHERE o.amount_basis = 'list price'), 'no deals'),
         coalesce(salesops.forecast_rollup(o.category, NULL) FILTER (WHERE o.amount IS NOT NULL AND o.corporate_amount IS NULL),
                  'no deals')
  FROM salesops.opportunity_state(forecast_by_quarter.as_of, forecast_by_quarter.known_at) o
  GROUP BY o.source_key, o.close_quarter::integer, o.owner_id;
END;
COMMENT ON FUNCTION salesops.forecast_by_quarter(timestamptz, timestamptz) IS
  'What the deals of each source, fiscal quarter (NULL = no close date) and owner (NULL = none) add up to in corporate '
  'currency; '
  'estimated = the part with a list price for an amount, unconvertible = the deals whose amount has no rate and is not '
  'in the sums. '
  'Arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.forecast_by_owner(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                           OUT source_key text, OUT period salesops.fiscal_period,
                                           OUT owner_id text, OUT owner text, OUT team text, OUT region text,
                                           OUT manager text, OUT manager_path text,
                                           OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                           OUT unconvertible salesops.forecast_totals,
                                           OUT quota numeric, OUT team_quota numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH part AS (
    SELECT f.source_key, f.period, f.owner_id, f.totals, f.estimated, f.unconvertible,
           NULL::numeric AS quota, NULL::numeric AS team_quota
    FROM salesops.forecast_by_quarter(forecast_by_owner.as_of, forecast_by_owner.known_at) f
    UNION ALL
    SELECT q.source_key, q.period, q.owner_id, 'no deals', 'no deals', 'no deals',
           CASE WHEN NOT q.is_team_quota THEN q.quota END, CASE WHEN q.is_team_quota THEN q.quota END
    FROM salesops.owner_quota(forecast_by_owner.as_of, forecast_by_owner.known_at) q
    UNION ALL
    -- Whoever may sell stands in the current quarter, with or without a deal.
    SELECT o.source_key, salesops.current_quarter(forecast_by_owner.as_of), o.owner_id,
           'no deals', 'no deals', 'no deals', NULL, NULL
    FROM salesops.owners(forecast_by_owner.as_of, forecast_by_owner.known_at) o
    WHERE o.is_active
  ), place AS (
    SELECT p.source_key, salesops.min(p.period) AS period, p.owner_id, salesops.forecast_rollup(p.totals) AS totals,
           salesops.forecast_rollup(p.estimated) AS estimated, salesops.forecast_rollup(p.unconvertible) AS unconvertible,
           sum(p.quota) AS quota, sum(p.team_quota) AS team_quota
    FROM part p
    GROUP BY p.source_key, p.period::integer, p.owner_id
  )
  SELECT p.source_key, p.period, p.owner_id,
         CASE WHEN p.owner_id IS NULL THEN '(none)' ELSE coalesce(o.owner, '(unknown owner)') END,
         o.team, o.region, o.manager, o.manager_path, p.totals, p.estimated, p.unconvertible, p.quota, p.team_quota
  FROM place p
  LEFT JOIN salesops.owners(forecast_by_owner.as_of, forecast_by_owner.known_at) o
    ON o.source_key = p.source_key AND o.owner_id = p.owner_id;
END;
COMMENT ON FUNCTION salesops.forecast_by_owner(timestamptz, timestamptz) IS
  'forecast_by_quarter() with the owner''s labels and quota. Every active rep stands in the current quarter and every '
  'rep with a '
  'quota in its quarter, with "no deals" if he has none; an owner who is no rep is (unknown owner), no owner (none). '
  'quota adds up over '
  'owners; team_quota is the quota of one whose reports have quotas, and does not';

CREATE FUNCTION salesops.unconvertible_amounts(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                               OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                               OUT category salesops.forecast_category, OUT currency text,
                                               OUT deals bigint, OUT amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.source_key, salesops.min(o.close_quarter), o.owner_id, salesops.min(o.category), o.currency, count(*), sum(o.amount)
  FROM salesops.opportunity_state(unconvertible_amounts.as_of, unconvertible_amounts.known_at) o
  WHERE o.amount IS NOT NULL AND o.corporate_amount IS NULL
  GROUP BY o.source_key, o.close_quarter::integer, o.owner_id, o.category::smallint, o.currency;
END;
COMMENT ON FUNCTION salesops.unconvertible_amounts(timestamptz, timestamptz) IS
  'Deals whose amount no rate converts, each currency for itself: what stands apart from every total';
