-- The generated world is what its description says, and the same for the same arguments.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(17);

CREATE TEMP TABLE account AS SELECT * FROM salesops.generate_territory_accounts(20000, 60, 7, '2026-06-30');
CREATE TEMP TABLE territory AS SELECT * FROM salesops.generate_territories(20000, 60, 7);

SELECT is((SELECT count(DISTINCT id) FROM account), 20000::bigint, 'as many accounts as asked for');
SELECT is((SELECT count(DISTINCT id) FROM territory), 60::bigint, 'as many territories as asked for');
SELECT results_eq($$ SELECT * FROM account $$, $$ SELECT * FROM salesops.generate_territory_accounts(20000, 60, 7, '2026-06-30') $$, 'the same arguments give the same accounts');
SELECT results_eq($$ SELECT * FROM territory $$, $$ SELECT * FROM salesops.generate_territories(20000, 60, 7) $$, 'and territories');
SELECT cmp_ok((SELECT count(*) FROM account a JOIN salesops.generate_territory_accounts(20000, 60, 8, '2026-06-30') b USING (id, potential, x, y)), '<', 5::bigint,
              'another seed gives other ones');
SELECT is_empty($$ SELECT a.id FROM account a LEFT JOIN territory t ON t.id = a.territory WHERE a.territory IS NOT NULL AND NOT coalesce(a.needs <@ t.tags, false) $$,
                'who has an account may have it');
SELECT cmp_ok((SELECT max(abs(count / 20000.0 - share)) FROM (SELECT needs, count(*) FROM account GROUP BY needs) s
               JOIN (VALUES ('{segment:enterprise}'::text[], 0.08), ('{segment:mid-market}', 0.27), ('{segment:small}', 0.65)) AS v(needs, share) USING (needs)),
              '<', 0.02, 'segments have their shares');
SELECT cmp_ok((SELECT max(abs(ln(s.median / v.median))) FROM (SELECT needs, percentile_cont(0.5) WITHIN GROUP (ORDER BY potential) AS median FROM account GROUP BY needs) s
               JOIN (VALUES ('{segment:enterprise}'::text[], 150000), ('{segment:mid-market}', 35000), ('{segment:small}', 9000)) AS v(needs, median) USING (needs)),
              '<', 0.1::float8, 'and their median potentials');
SELECT cmp_ok((SELECT abs(stddev(ln(potential)) - sqrt(0.9 ^ 2 + 0.25 ^ 2)) FROM account WHERE needs = '{segment:small}'), '<', 0.03::numeric, 'potential is lognormal, drift included');
SELECT cmp_ok((SELECT abs(count(*) FILTER (WHERE 'segment:small' = ANY (tags) AND cardinality(tags) = 1)
                          / 60.0 - (5.0 / 6) * (SELECT sum(workload) FILTER (WHERE needs = '{segment:small}') / sum(workload) FROM account)) FROM territory), '<', 0.1,
              'representatives are spread over segments by workload');
SELECT cmp_ok((SELECT abs(avg((territory IS NULL)::integer) - 0.06) FROM account), '<', 0.05, 'few accounts have nobody');
SELECT is_empty($$ SELECT id FROM account WHERE territory IS NULL AND (locked OR holdout IS NOT NULL OR relationship > 0) $$, 'what has nobody is not held and has no relationship');
SELECT cmp_ok((SELECT count(*) FROM account WHERE locked), '>', 400::bigint, 'some are locked');
SELECT ok((SELECT count(*) FILTER (WHERE holdout_until < '2026-06-30') > 20 AND count(*) FILTER (WHERE holdout_until > '2026-06-30') > 20 FROM account WHERE holdout = 'eligible'),
          'some holds are over, others are not');
SELECT ok((SELECT bool_and(members BETWEEN 1 AND 3 AND needs = 1) AND count(*) > 200 FROM (SELECT count(*) AS members, count(DISTINCT needs) AS needs FROM account WHERE family IS NOT NULL GROUP BY family) f),
          'families are small and of one segment');
-- What a plan is for: the past is near, but not in balance.
SELECT ok((SELECT avg(sqrt((a.x - t.x) ^ 2 + (a.y - t.y) ^ 2)) < 0.6 * avg(sqrt((a.x - o.x) ^ 2 + (a.y - o.y) ^ 2))
           FROM account a JOIN territory t ON t.id = a.territory JOIN territory o ON a.needs <@ o.tags AND o.id <> t.id)
          AND (SELECT stddev(load / mean) > 0.15 FROM (SELECT sum(a.potential) / (t.capacity * t.ramp) AS load, avg(sum(a.potential) / (t.capacity * t.ramp)) OVER (PARTITION BY t.tags[1]) AS mean
                                                     FROM account a JOIN territory t ON t.id = a.territory GROUP BY t.id, t.capacity, t.ramp, t.tags) l),
          'accounts are near their territories, whose potential to capacity differs by more than 15 %');
SELECT throws_ok('SELECT * FROM salesops.generate_territory_accounts(0)', '22023', 'cannot generate 0 accounts', 'no accounts are refused');

SELECT * FROM finish();
ROLLBACK;
