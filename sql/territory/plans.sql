-- The plans there are, and what became of each.

CREATE FUNCTION salesops.territory_gap(cost double precision, bound double precision, outside double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN outside > 0 THEN NULL WHEN cost = bound THEN 0 ELSE (cost - bound) / nullif(abs(cost), 0) END;
COMMENT ON FUNCTION salesops.territory_gap(double precision, double precision, double precision) IS
  'How much cheaper than a plan any other might be at most: (cost - bound) / |cost|; NULL where the plan is not within its limits, and where its cost is 0 and its bound is not';

CREATE FUNCTION salesops.territory_plans(as_of timestamptz DEFAULT salesops.statement_clock(),
  OUT plan_id bigint, OUT name text, OUT status text, OUT status_since timestamptz, OUT status_by text, OUT note text,
  OUT effective_from timestamptz, OUT taken_back_from timestamptz, OUT accounts bigint, OUT territories integer, OUT measures text[],
  OUT cost double precision, OUT bound double precision, OUT gap double precision, OUT outside double precision,
  OUT copied_from bigint, OUT made_at timestamptz, OUT made_by text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  SELECT p.plan_id, p.name, salesops.territory_status(d.decision), coalesce(d.decided_at, p.made_at), coalesce(d.role_name, p.made_by), d.note,
         b.effective_from, t.effective_from, p.accounts, p.territories, p.measures,
         p.cost, p.bound, salesops.territory_gap(p.cost, p.bound, p.outside), p.outside,
         p.copied_from, p.made_at, p.made_by
  FROM salesops.territory_plan p
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.territory_decision x
                     WHERE x.plan_id = p.plan_id AND x.decided_at <= territory_plans.as_of ORDER BY x."position" DESC LIMIT 1) d ON true
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.territory_publication x
                     WHERE x.plan_id = p.plan_id AND x.takes_back IS NULL AND x.recorded_at <= territory_plans.as_of ORDER BY x.publication_id DESC LIMIT 1) b ON true
  LEFT JOIN salesops.territory_publication t ON t.takes_back = b.publication_id AND t.recorded_at <= territory_plans.as_of
  WHERE p.made_at <= territory_plans.as_of
  ORDER BY p.plan_id;
END;
COMMENT ON FUNCTION salesops.territory_plans(timestamptz) IS
  'Territory plans as they stood at an instant: status draft, proposed, withdrawn, approved, rejected, published or rolled back, since when, by whom and why; from when on '
  'the plan holds and when it was taken back; gap as of territory_gap()';
