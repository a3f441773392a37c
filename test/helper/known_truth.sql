-- A world whose truth is known: quarters of deals with a common factor. Every deal has its probability, an amount between about 5,000 and
-- 500,000, and is won with that probability, in a quarter with the factor z more or less often by exactly the model of bookings.h.
-- Drawn by salesops.draw(), so the same seed is the same world everywhere.
CREATE FUNCTION pg_temp.known_truth(
  seed bigint, quarters integer, deals integer, correlation float8,
  OUT period salesops.fiscal_period, OUT amount numeric, OUT probability float8, OUT won boolean
) RETURNS SETOF record LANGUAGE sql STABLE AS $$
  SELECT 'FY2000-Q1'::salesops.fiscal_period OPERATOR(salesops.+) q.n,
         round((5000 / (0.01 + d.spread))::numeric, 2),
         d.chance,
         salesops.draw(seed, 'outcome', d.item)
           < salesops.normal_cdf((salesops.normal_quantile(d.chance) + sqrt(correlation) * q.z) / sqrt(1 - correlation))
  FROM (SELECT n, salesops.normal_quantile((salesops.draw(seed, 'factor', n) * 9007199254740992 + 0.5) / 9007199254740993) AS z
        FROM generate_series(1, quarters) AS n) AS q,
       LATERAL (SELECT q.n * 100000::bigint + i AS item,
                       salesops.draw(seed, 'amount', q.n * 100000::bigint + i) AS spread,
                       0.05 + 0.6 * salesops.draw(seed, 'probability', q.n * 100000::bigint + i) ^ 2 AS chance
                FROM generate_series(1, deals) AS i) AS d
$$;
