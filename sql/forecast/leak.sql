-- Fields that give the outcome away.
--
-- Of a deal that was closed when we first saw it, we have what its fields say now, and take it for what they said all along. That
-- is harmless for a field that is filled in when the deal is created. One that is filled in when it is closed, or for won deals
-- only, tells a model the end of the story: what it learns from it is worth nothing for deals that are still open. Such a field
-- shows: it is stated, or has some value, on another share of the closed deals than of the open ones.
--
-- Compared are deals first seen closed with the deals open now, won and lost ones each for themselves, created since the tenth
-- percentile of the open ones' creation, so that a field or product that came or went years ago is none. A field is named where
--   - each of the two has at least 50 deals,
--   - the shares p and q are apart by more than chance: |p - q| / sqrt(r (1 - r) (1/m + 1/n)) >= 5, r the share of both together,
--   - and by much: |p - q| / sqrt(s (1 - s)) >= 0.5, s the mean of p and q (about Cohen's h, of which 0.5 is a medium effect),
--   - and, where it is about a value, no more than one in a hundred open deals has it.
-- Of deals that we saw open, fields are known as they were then: nothing has to be compared.
--
-- Compared is what is known at known_at, also of what came after as_of: in a past that is reconstructed, open deals look as
-- the closed deals that they became, and nothing would show. It can only take a factor away.

CREATE FUNCTION salesops.leaking_fields(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT field text, OUT value text, OUT factors text[], OUT reason text,
  OUT outcome text, OUT closed_deals bigint, OUT closed_share double precision, OUT open_deals bigint, OUT open_share double precision,
  OUT z double precision, OUT effect double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH chosen AS MATERIALIZED (
    SELECT f.name, f.field FROM salesops.win_factor_fields(leaking_fields.as_of) f
  ), deal AS MATERIALIZED (
    SELECT o.source_key, o.id, salesops.deal_status(o.is_won, o.is_closed, m.status) AS status, o.created_at, o.recorded_at,
           o.account_id, o.owner_id, o.product, o.deal_type, o.lead_source, o.amount, o.custom,
           salesops.unchanged_fields(s.options) AS unchanged
    FROM salesops.opportunity_as_of(coalesce(leaking_fields.known_at, leaking_fields.as_of)) o
    JOIN salesops.source s ON s.source_key = o.source_key
    LEFT JOIN salesops.stage_meaning(coalesce(leaking_fields.known_at, leaking_fields.as_of)) m
      ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
    WHERE o.merged_into IS NULL AND o.created_at IS NOT NULL
  ), opened AS (
    SELECT d.source_key, percentile_disc(0.1) WITHIN GROUP (ORDER BY d.created_at) AS since
    FROM deal d WHERE d.status = 'open' GROUP BY d.source_key
  ), seen_open AS (
    -- Closed deals of which we recorded an open state before any closed one.
    SELECT d.source_key, d.id
    FROM deal d
    JOIN (SELECT h.source_key, h.id, min(h.recorded_at) AS first_at,
                 min(h.recorded_at) FILTER (WHERE salesops.deal_status(h.is_won, h.is_closed, m.status) <> 'open') AS closed_at
          FROM salesops.opportunity_history h
          LEFT JOIN salesops.stage_meaning(coalesce(leaking_fields.known_at, leaking_fields.as_of)) m
            ON m.source_key = h.source_key AND m.stage = h.stage AND salesops.means_stage(m.pipeline, m.but_in, h.pipeline)
          WHERE h.recorded_at <= coalesce(leaking_fields.known_at, leaking_fields.as_of)
          GROUP BY h.source_key, h.id) h ON h.source_key = d.source_key AND h.id = d.id
    WHERE d.status <> 'open' AND h.first_at < least(h.closed_at, d.recorded_at)
  ), compared AS MATERIALIZED (
    SELECT d.source_key, d.status, d.unchanged, d.custom, d.product, d.deal_type, d.lead_source,
           CASE WHEN d.account_id IS NOT NULL THEN '' END AS account, CASE WHEN d.owner_id IS NOT NULL THEN '' END AS owner,
           CASE WHEN d.amount = 0 THEN '0' WHEN d.amount < 0 THEN 'negative' WHEN d.amount > 0 THEN '' END AS amount
    FROM deal d JOIN opened o ON o.source_key = d.source_key
    WHERE d.created_at >= o.since
      AND NOT EXISTS (SELECT FROM seen_open s WHERE s.source_key = d.source_key AND s.id = d.id)
  ), total AS MATERIALIZED (
    SELECT c.source_key, count(*) FILTER (WHERE c.status = 'won') AS won, count(*) FILTER (WHERE c.status = 'lost') AS lost,
           count(*) FILTER (WHERE c.status = 'open') AS open
    FROM compared c GROUP BY c.source_key
  ), counted AS (
    -- '' stands for any value, where one value is as good as another.
    SELECT c.source_key, c.status,
           CASE WHEN GROUPING(c.account) = 0 THEN 'account_id' WHEN GROUPING(c.owner) = 0 THEN 'owner_id' WHEN GROUPING(c.product) = 0 THEN 'product'
                WHEN GROUPING(c.deal_type) = 0 THEN 'deal_type' WHEN GROUPING(c.lead_source) = 0 THEN 'lead_source' ELSE 'amount' END AS field,
           coalesce(c.account, c.owner, c.product, c.deal_type, c.lead_source, c.amount) AS value, false AS is_custom, count(*) AS deals
    FROM compared c
    GROUP BY GROUPING SETS ((c.source_key, c.status, c.account), (c.source_key, c.status, c.owner), (c.source_key, c.status, c.product),
                            (c.source_key, c.status, c.deal_type), (c.source_key, c.status, c.lead_source), (c.source_key, c.status, c.amount))
    UNION ALL
    SELECT c.source_key, c.status, e.key, e.value, true, count(*)
    FROM compared c CROSS JOIN LATERAL jsonb_each_text(c.custom) e
    WHERE e.value IS NOT NULL AND e.key = ANY (c.unchanged)
    GROUP BY c.source_key, c.status, e.key, e.value
  ), stated AS (
    SELECT c.source_key, c.field, c.is_custom, c.value, coalesce(sum(c.deals) FILTER (WHERE c.status = 'won'), 0) AS won,
           coalesce(sum(c.deals) FILTER (WHERE c.status = 'lost'), 0) AS lost, coalesce(sum(c.deals) FILTER (WHERE c.status = 'open'), 0) AS open
    FROM (SELECT n.source_key, n.status, n.field, n.is_custom, NULL::text AS value, n.deals FROM counted n WHERE n.value IS NOT NULL
          UNION ALL SELECT n.source_key, n.status, n.field, n.is_custom, n.value, n.deals FROM counted n WHERE n.value <> '') c
    GROUP BY c.source_key, c.field, c.is_custom, c.value
  ), claim AS (
    SELECT s.source_key, s.field, s.is_custom, s.value, x.status, x.m, x.stated::double precision / x.m AS p, t.open AS n, s.open::double precision / t.open AS q
    FROM stated s
    JOIN total t ON t.source_key = s.source_key
    CROSS JOIN LATERAL (VALUES ('won', t.won, s.won), ('lost', t.lost, s.lost)) AS x(status, m, stated)
    JOIN salesops.source c ON c.source_key = s.source_key
    -- An amount is taken for what it was all along only where the source's owner says so.
    WHERE x.m >= 50 AND t.open >= 50 AND (s.field <> 'amount' OR s.is_custom OR 'amount' = ANY (salesops.unchanged_fields(c.options)))
  ), judged AS (
    SELECT c.*, abs(c.p - c.q) / sqrt(r.r * (1 - r.r) * (1.0 / c.m + 1.0 / c.n)) AS z,
           abs(c.p - c.q) / sqrt((c.p + c.q) / 2 * (1 - (c.p + c.q) / 2)) AS effect
    FROM claim c
    CROSS JOIN LATERAL (SELECT (c.p * c.m + c.q * c.n) / (c.m + c.n) AS r) r
    WHERE c.p <> c.q AND (c.value IS NULL OR c.q <= 0.01)
  ), worst AS (
    -- Whether a field is stated says more than which values it has.
    SELECT DISTINCT ON (j.source_key, j.field, j.is_custom) j.*
    FROM judged j
    WHERE j.z >= 5 AND j.effect >= 0.5
    ORDER BY j.source_key, j.field, j.is_custom, j.value IS NOT NULL, j.effect DESC, j.status, j.value COLLATE "C"
  )
  SELECT w.source_key, w.field, w.value, f.factors,
         pg_catalog.format('%s is %s on %s %% of %s but %s %% of open deals', w.field,
                           CASE WHEN w.value IS NULL THEN 'stated' ELSE pg_catalog.format('"%s"', w.value) END,
                           round((100 * w.p)::numeric, CASE WHEN w.p = 0 OR w.p >= 0.01 THEN 0 ELSE 1 END), w.status,
                           round((100 * w.q)::numeric, CASE WHEN w.q = 0 OR w.q >= 0.01 THEN 0 ELSE 1 END)),
         w.status, w.m, w.p, w.n, w.q, w.z, w.effect
  FROM worst w
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(c.name ORDER BY c.name COLLATE "C"), '{}') AS factors
    FROM chosen c
    WHERE CASE WHEN w.is_custom THEN c.field = w.field
               ELSE c.field IS NULL AND c.name = ANY (CASE w.field WHEN 'account_id' THEN ARRAY['segment', 'industry'] WHEN 'owner_id' THEN ARRAY['owner', 'region', 'team']
                                                                   WHEN 'lead_source' THEN ARRAY['source'] ELSE ARRAY[w.field] END) END) f
  ORDER BY w.source_key, w.effect DESC, w.field COLLATE "C";
END;
COMMENT ON FUNCTION salesops.leaking_fields(timestamptz, timestamptz) IS
  'Fields of opportunities that give the outcome away, as known at known_at (NULL = as_of, of which the choice of factors is): stated, or of a value, on another share of the deals first seen closed (won or lost: outcome) than of those open now, with the reason in words, both shares, z and effect, '
  'and the factors of the win model that are read from them. training_cells() leaves these out by default';
