-- Look-alikes: likeness by hand, its laws, and that what the index finds is what looking at all finds.
BEGIN;
SET LOCAL client_min_messages = error;
SET LOCAL timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

-- By hand: industry weighs 5000, employees 3000, country 2000.
CREATE FUNCTION pg_temp.likeness(levels text[], places int[], other_levels text[], lowest int[], highest int[] DEFAULT NULL) RETURNS float8 LANGUAGE sql AS
$$ SELECT salesops.icp_likeness('{5000,3000,2000}', levels, places, other_levels, lowest, coalesce(highest, lowest)) $$;
SELECT is(pg_temp.likeness('{tech,a,de}', '{NULL,4000,NULL}', o.levels, o.places), o.expected, o.what)
FROM (VALUES ('{tech,a,de}'::text[], '{NULL,4000,NULL}'::int[], 1::float8, 'itself'),
             ('{tech,b,de}', '{NULL,6500,NULL}', 0.5 + 0.3 * 0.75 + 0.2, 'a quarter of the way away in one number'),
             ('{retail,b,de}', '{NULL,1500,NULL}', 0.3 * 0.75 + 0.2, '... in the other direction, and in another industry'),
             ('{tech,NULL,de}', '{NULL,NULL,NULL}', 0.7, 'what is unknown does not agree'),
             ('{NULL,NULL,NULL}', '{NULL,NULL,NULL}', 0, 'nothing known, nothing alike'),
             ('{TECH,a,"de "}', '{NULL,4000,NULL}', 0.3, 'levels agree to the letter')) o(levels, places, expected, what);
SELECT is(pg_temp.likeness('{tech,NULL,de}', '{NULL,NULL,NULL}', '{tech,NULL,de}', '{NULL,NULL,NULL}'), 0.7::float8, 'unknown of both does not agree either');
SELECT is(pg_temp.likeness('{tech,a,de}', '{NULL,4000,NULL}', '{tech,b,de}', '{NULL,5000,NULL}', '{NULL,6000,NULL}'), 0.97::float8, 'the most that those from 5000 to 6000 reach');
SELECT is(pg_temp.likeness('{tech,a,de}', '{NULL,4000,NULL}', '{tech,a,de}', '{NULL,3000,NULL}', '{NULL,6000,NULL}'), 1::float8, '... those from 3000 to 6000');
SELECT is(salesops.icp_likeness('{}', '{}', '{}', '{}', '{}', '{}'), 0::float8, 'no attributes');
SELECT is(salesops.icp_likeness('{10000}', '{a}', '{NULL}', '{a}', '{NULL}', NULL), NULL, 'NULL for NULL');
SELECT throws_ok($$SELECT salesops.icp_likeness('{10000}', '{a,b}', '{NULL}', '{a}', '{NULL}', '{NULL}')$$, '22023', NULL, 'other attributes');
SELECT throws_ok($$SELECT salesops.icp_likeness('{10000}', '{}', '{}', '{a}', '{NULL}', '{NULL}')$$, '22023', NULL, 'nobody');
SELECT is(pg_temp.likeness('{tech,a,de,retail,b,NULL}', '{NULL,4000,NULL,NULL,6500,NULL}', '{tech,a,de}', '{NULL,4000,NULL}'), ((1 + 0.3 * 0.75) / 2)::float8, 'of two accounts the mean');

-- A world with ties, gaps, and texts that nobody would give
INSERT INTO salesops.source (source_key, kind, schema_name, options) SELECT k, 'fivetran_salesforce', 'public', '{}' FROM unnest(ARRAY['s', 'S2']) k;
SELECT setseed(0.5);
CREATE TEMP TABLE world AS
SELECT CASE WHEN n % 5 = 0 THEN 'S2' ELSE 's' END AS source_key, CASE n WHEN 1 THEN repeat('ä', 3000) WHEN 2 THEN '🦊' WHEN 3 THEN '' WHEN 4 THEN 'שלום' ELSE 'a' || n END AS id,
       (ARRAY['Software', 'Retail', 'Banking', 'fishing', NULL, '', '🐟'])[1 + floor(random() * 7)::int] AS industry, (ARRAY['enterprise', 'smb', NULL])[1 + floor(random() * 3)::int] AS segment,
       CASE WHEN random() < 0.8 THEN floor(exp(random() * 8))::numeric END AS employees, CASE WHEN random() < 0.7 THEN floor(random() * 40) END AS seats, (ARRAY['DE', 'FR', 'GB'])[1 + floor(random() ^ 2 * 3)::int] AS country
FROM generate_series(1, 700) n;
INSERT INTO salesops.account
SELECT a.* FROM world w CROSS JOIN LATERAL jsonb_populate_record(NULL::salesops.account, jsonb_build_object('source_key', w.source_key, 'id', w.id, 'industry', w.industry, 'segment', w.segment, 'employees', w.employees,
  'country', w.country, 'custom', jsonb_build_object('seats', w.seats), 'is_deleted', false, 'effective_at', '2025-01-01', 'recorded_at', '2025-01-01', 'origin', 'sync')) a;

SELECT throws_ok($$SELECT * FROM salesops.look_alikes('s', 'a6')$$, '55000', NULL, 'none are kept yet');
SELECT throws_ok($$SELECT * FROM salesops.look_alikes('s', 'a6', as_of => '2025-02-01')$$, '42704', NULL, 'no profile yet');
SELECT salesops.fit_icp('2025-02-01', '{industry,segment,employees,country,custom.seats}') AS icp \gset
-- Without deals all attributes weigh alike: make weights of a fit.
CREATE TEMP TABLE profile AS SELECT p.* FROM salesops.icp_profiles(salesops.icp_attributes(:icp), '2025-02-01') p;
SELECT is(count(*), 700::bigint, 'every account has a profile') FROM profile;
SELECT is((SELECT array_agg(weight) FROM salesops.icp_attribute WHERE icp_id = :icp), '{2000,2000,2000,2000,2000}', 'without a fit attributes weigh alike');

-- Laws, over all pairs of a hundred
CREATE TEMP TABLE pair AS
SELECT a.id AS a, b.id AS b, salesops.icp_likeness('{3000,1000,3500,500,2000}', a.levels, a.places, b.levels, b.places, b.places) AS likeness,
       salesops.icp_likeness('{3000,1000,3500,500,2000}', b.levels, b.places, a.levels, a.places, a.places) AS back
FROM (SELECT * FROM profile ORDER BY source_key, id LIMIT 100) a, (SELECT * FROM profile ORDER BY source_key, id LIMIT 100) b;
SELECT is((SELECT count(*) FROM pair WHERE likeness <> back), 0::bigint, 'likeness is symmetric');
SELECT is((SELECT count(*) FROM pair p JOIN pair s ON s.a = p.a AND s.b = p.a WHERE p.likeness > s.likeness), 0::bigint, 'nobody is more like an account than it itself');
SELECT ok((SELECT min(likeness) >= 0 AND max(likeness) <= 1 AND count(DISTINCT likeness) > 1000 FROM pair), 'from 0 to 1');

-- Looking at all, in plain SQL, from the values and not from the profiles: the index finds the same, for many accounts and every k.
SELECT salesops.place_accounts('2025-02-01') AS placement \gset
CREATE FUNCTION pg_temp.place(edges float8[], x float8) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE ranges int := cardinality(edges) - 1; r int := 1; low float8; high float8;
BEGIN
  WHILE r < ranges AND x >= edges[r + 1] LOOP r := r + 1; END LOOP;
  low := edges[r]; high := edges[r + 1];
  RETURN floor((r - 1 + CASE WHEN high = low THEN 0 WHEN x > high THEN 1 WHEN x < low THEN 0 ELSE (x - low) / (high - low) END) * 10000 / ranges + 0.5);
END $$;
CREATE TEMP TABLE seen AS
SELECT w.source_key, w.id, CASE w.industry WHEN 'Software' THEN 'Technology' WHEN 'Banking' THEN 'Finance' WHEN '' THEN NULL ELSE w.industry END AS industry, w.segment, w.country,
       pg_temp.place((SELECT edges::float8[] FROM salesops.icp_attribute WHERE icp_id = :icp AND attribute = 'employees'), w.employees::float8) AS employees,
       pg_temp.place((SELECT edges::float8[] FROM salesops.icp_attribute WHERE icp_id = :icp AND attribute = 'custom.seats'), w.seats) AS seats FROM world w;
CREATE TEMP TABLE truth AS
SELECT a.source_key, a.id, row_number() OVER (PARTITION BY a.source_key, a.id ORDER BY l.sum DESC, b.source_key COLLATE "C", b.id COLLATE "C") AS place, b.source_key AS other_source_key, b.id AS other_id, l.sum / 1e8::float8 AS likeness
FROM (SELECT * FROM seen ORDER BY md5(id) LIMIT 60) a JOIN seen b ON (a.source_key, a.id) <> (b.source_key, b.id)
CROSS JOIN LATERAL (SELECT 2000 * (coalesce((a.industry = b.industry)::int * 10000, 0) + coalesce((a.segment = b.segment)::int * 10000, 0) + coalesce((a.country = b.country)::int * 10000, 0)
                                   + coalesce(10000 - abs(a.employees - b.employees), 0) + coalesce(10000 - abs(a.seats - b.seats), 0)) AS sum) l;
CREATE TEMP TABLE drawn AS SELECT DISTINCT source_key, id, row_number() OVER (ORDER BY source_key, id) AS n FROM (SELECT DISTINCT source_key, id FROM truth) d;
SELECT set_eq(format('SELECT d.source_key, d.id, l.place, l.look_alike_source_key, l.look_alike_id, l.likeness FROM drawn d CROSS JOIN LATERAL salesops.look_alikes(d.source_key, d.id, %s) l', k),
              format('SELECT * FROM truth WHERE place <= %s', k), 'the ' || k || ' nearest are those of looking at all') FROM unnest('{1,2,3,5,10,40,699,10000}'::int[]) k;
SELECT set_eq($$SELECT d.source_key, d.id, l.* FROM drawn d CROSS JOIN LATERAL salesops.look_alikes(d.source_key, d.id, 1 + n::int % 30) l$$,
              $$SELECT d.source_key, d.id, t.place, t.other_source_key, t.other_id, t.likeness, l.agrees, l.differs FROM drawn d JOIN truth t USING (source_key, id)
                JOIN LATERAL salesops.look_alikes(d.source_key, d.id, 1 + n::int % 30) l ON l.place = t.place WHERE t.place <= 1 + n % 30$$, '... for k from 1 to 30');

-- Of sets of accounts: the mean over the set, looked for in plain SQL again.
CREATE TEMP TABLE set_of AS SELECT n, source_key, (array_agg(id ORDER BY md5(id || n)))[1:n * n] AS ids FROM seen CROSS JOIN generate_series(1, 8) n WHERE source_key = CASE n % 2 WHEN 0 THEN 'S2' ELSE 's' END GROUP BY n, source_key;
CREATE TEMP TABLE set_truth AS
SELECT m.n, row_number() OVER (PARTITION BY m.n ORDER BY sum(l.sum) DESC, b.source_key COLLATE "C", b.id COLLATE "C") AS place, b.source_key AS other_source_key, b.id AS other_id, sum(l.sum)::float8 / (1e8::float8 * count(*)) AS likeness
FROM set_of m JOIN seen a ON a.source_key = m.source_key AND a.id = ANY (m.ids) JOIN seen b ON NOT (b.source_key = m.source_key AND b.id = ANY (m.ids))
CROSS JOIN LATERAL (SELECT 2000 * (coalesce((a.industry = b.industry)::int * 10000, 0) + coalesce((a.segment = b.segment)::int * 10000, 0) + coalesce((a.country = b.country)::int * 10000, 0)
                                   + coalesce(10000 - abs(a.employees - b.employees), 0) + coalesce(10000 - abs(a.seats - b.seats), 0)) AS sum) l
GROUP BY m.n, b.source_key, b.id;
SELECT set_eq(format('SELECT m.n, l.place, l.look_alike_source_key, l.look_alike_id, l.likeness FROM set_of m CROSS JOIN LATERAL salesops.set_look_alikes(m.source_key, m.ids, %s) l', k),
              format('SELECT * FROM set_truth WHERE place <= %s', k), 'the ' || k || ' nearest to sets are those of looking at all') FROM unnest('{1,2,5,30,10000}'::int[]) k;
SELECT set_eq($$SELECT m.n, l.* FROM set_of m CROSS JOIN LATERAL salesops.set_look_alikes(m.source_key, m.ids || m.ids[1], 7) l WHERE n < 4$$,
              $$SELECT m.n, l.* FROM set_of m CROSS JOIN LATERAL salesops.set_look_alikes(m.source_key, (SELECT array_agg(i ORDER BY i DESC) FROM unnest(m.ids) i), 7, '2025-02-02') l WHERE n < 4$$,
              'with and without the index, in any order, named twice or once');
SELECT set_eq($$SELECT * FROM salesops.set_look_alikes('s', '{a6}', 20)$$, $$SELECT * FROM salesops.look_alikes('s', 'a6', 20)$$, 'a set of one is that one');
SELECT set_eq($$SELECT * FROM salesops.set_look_alikes('s', '{a6,nobody}', 20)$$, $$SELECT * FROM salesops.look_alikes('s', 'a6', 20)$$, 'who is not there is left out');
SELECT is_empty($$SELECT * FROM salesops.set_look_alikes('s', '{nobody,"no one"}')$$, 'nobody has none');
SELECT throws_ok(format('SELECT * FROM salesops.set_look_alikes(''s'', %s)', a), c, NULL, 'look-alikes of ' || left(a, 40))
FROM (VALUES ('NULL', '22004'), ('''{}''', '22004'), ('''{a6,NULL}''', '22004'), ('''{a6}'', 0', '22023'), ('(SELECT array_agg(g::text) FROM generate_series(1, 1001) g)', '22023')) v(a, c);

-- At another instant all are looked at; nothing changed, so they are the same.
SELECT set_eq($$SELECT d.n, l.* FROM drawn d CROSS JOIN LATERAL salesops.look_alikes(d.source_key, d.id, 7) l WHERE n < 9$$,
              $$SELECT d.n, l.* FROM drawn d CROSS JOIN LATERAL salesops.look_alikes(d.source_key, d.id, 7, '2025-02-02') l WHERE n < 9$$, 'with and without the index');
INSERT INTO salesops.account_history SELECT * FROM salesops.account WHERE id = 'a6';
UPDATE salesops.account SET employees = 3, effective_at = '2025-03-01', recorded_at = '2025-03-01' WHERE id = 'a6';
SELECT set_eq($$SELECT l.* FROM salesops.look_alikes('s', 'a6', 40) l$$, $$SELECT l.* FROM salesops.look_alikes('s', 'a6', 40, '2025-02-02') l$$, 'what changes later does not change look-alikes of then');

-- Reasons
SELECT is((SELECT ROW(g.agrees, g.differs)::text FROM salesops.icp_agreement(ARRAY[ROW(1, 1, 'industry', 0, NULL, 2000, NULL), ROW(1, 2, 'country', 0, NULL, 5000, NULL), ROW(1, 3, 'employees', 0, NULL, 3000, NULL), ROW(1, 4, 'segment', 0, NULL, 1, NULL)]::salesops.icp_attribute[],
           '{technology,de,under 10,NULL}', '{technology,de,NULL,NULL}') g), $$("{""country: de"",""industry: technology""}","{""employees: unknown, not under 10""}")$$, 'what agrees and what differs, the weightiest first');
SELECT is((SELECT ROW(g.agrees, g.differs)::text FROM salesops.icp_agreement(ARRAY[ROW(1, 1, 'industry', 0, NULL, 2000, NULL), ROW(1, 2, 'country', 0, NULL, 5000, NULL), ROW(1, 3, 'size', 0, NULL, 3000, NULL)]::salesops.icp_attribute[],
           '{tech,de,NULL, tech,fr,NULL, retail,de,big, tech,fr,NULL}', '{tech,it,NULL}') g), $$("{""industry: tech (3 of 4)""}","{""country: it (0 of 4), not de (2)""}")$$, 'of a set: what half of it agrees in, and what most have instead');
SELECT is((SELECT count(*) FROM salesops.look_alikes('s', 'nobody', 3)), 0::bigint, 'nobody has no look-alikes');
SELECT is((SELECT count(*) FROM salesops.look_alikes('s', 'nobody', 3, '2025-02-02')), 0::bigint, '... in neither way');
SELECT throws_ok(format('SELECT * FROM salesops.look_alikes(%s)', a), '22023', NULL, a) FROM unnest(ARRAY['''s'', ''a6'', 0', '''s'', ''a6'', 10001']) a;
SELECT throws_ok(format('SELECT * FROM salesops.look_alikes(%s)', a), NULL, NULL, a) FROM unnest(ARRAY['NULL, ''a6''', '''s'', NULL', '''s'', ''a6'', NULL']) a;

-- Placed again, rows lying elsewhere: one placement, the same patterns
CREATE TEMP TABLE pattern AS SELECT levels, lowest, highest, accounts FROM salesops.icp_pattern;
SELECT is((SELECT sum(accounts)::bigint FROM pattern), 700::bigint, 'every account is in one pattern');
UPDATE salesops.account SET name = 'moved' WHERE hashtext(id) % 2 = 0;
SELECT salesops.place_accounts('2025-02-01') AS again \gset
SELECT set_eq('SELECT levels, lowest, highest, accounts FROM salesops.icp_pattern', 'SELECT * FROM pattern', 'placed again they are the same');
SELECT is((SELECT ROW(count(*), max(placement_id))::text FROM salesops.icp_placement), '(1,' || :again || ')', 'the newest alone is kept');

-- After changes only what changed is placed, and all is as if placed from nothing: patterns, bounds, accounts.
CREATE FUNCTION pg_temp.content() RETURNS TABLE (what text, content text) LANGUAGE sql AS $$
  SELECT 'pattern', ROW(levels, lowest, highest, accounts)::text FROM salesops.icp_pattern
  UNION ALL SELECT 'account', ROW(a.source_key, a.id, t.levels, a.places)::text FROM salesops.icp_account a JOIN salesops.icp_pattern t ON t.placement_id = a.placement_id AND t.pattern = a.pattern
  UNION ALL SELECT 'placement', ROW(as_of, icp_id, accounts)::text FROM salesops.icp_placement $$;
INSERT INTO salesops.account_history SELECT * FROM salesops.account WHERE id IN ('a7', 'a8', 'a9', 'a10', 'a11', 'a12');
UPDATE salesops.account SET effective_at = '2025-03-02', recorded_at = '2025-03-02', employees = CASE id WHEN 'a7' THEN 100000 WHEN 'a8' THEN NULL ELSE employees END, is_deleted = id = 'a9', merged_into = CASE id WHEN 'a10' THEN 'a11' END,
  industry = CASE id WHEN 'a11' THEN 'a level that nobody had' ELSE industry END WHERE id IN ('a7', 'a8', 'a9', 'a10', 'a11', 'a12');
INSERT INTO salesops.account (source_key, id, industry, country, is_deleted, effective_at, recorded_at, origin) VALUES ('S2', 'a7', 'Retail', 'DE', false, '2025-03-02', '2025-03-02', 'sync'), ('s', 'new', NULL, NULL, false, '2025-03-02', '2025-03-02', 'sync');
-- a6 changed before; the account a7 of another source is another.
SELECT is((SELECT k.placed FROM salesops.keep_placement('2025-03-03', NULL) k), 7::bigint, 'what is changed and still there, and what is new');
CREATE TEMP TABLE step_by_step AS SELECT * FROM pg_temp.content();
DELETE FROM salesops.icp_placement;
SELECT salesops.place_accounts('2025-03-03') \g /dev/null
SELECT bag_eq('SELECT * FROM pg_temp.content()', 'TABLE step_by_step', 'placed step by step or from nothing, all is the same');
SELECT is((SELECT k.placed FROM salesops.keep_placement('2025-03-04', NULL) k), 0::bigint, 'a quiet night places nothing');
SELECT is((SELECT p.as_of FROM salesops.icp_placement p), '2025-03-04'::timestamptz, '... and says that all is as of then');
SELECT set_eq($$SELECT l.* FROM salesops.look_alikes('s', 'a7', 40) l$$, $$SELECT l.* FROM salesops.look_alikes('s', 'a7', 40, '2025-03-05') l$$, 'look-alikes are those of looking at all');
-- What words mean, and what money is worth, changes accounts that nobody touched.
INSERT INTO salesops.value_map (source_key, field, label, valid_from, value, recorded_at) VALUES ('s', 'industry', 'fishing', '-infinity', 'Agriculture', '2025-03-04 12:00');
SELECT is((SELECT k.placed FROM salesops.keep_placement('2025-03-05', NULL) k), (SELECT count(*) FROM salesops.account WHERE source_key = 's' AND industry = 'fishing' AND NOT is_deleted AND merged_into IS NULL), 'a map places those it is about');
DELETE FROM step_by_step;
INSERT INTO step_by_step SELECT * FROM pg_temp.content();
DELETE FROM salesops.icp_placement;
SELECT salesops.place_accounts('2025-03-05') \g /dev/null
SELECT bag_eq('SELECT * FROM pg_temp.content()', 'TABLE step_by_step', '... as if placed from nothing');
UPDATE salesops.account SET annual_revenue = 1000, currency = 'EUR', effective_at = '2025-03-06', recorded_at = '2025-03-06' WHERE id IN ('a20', 'a21');
UPDATE salesops.account SET annual_revenue = 500, currency = 'USD', effective_at = '2025-03-06', recorded_at = '2025-03-06' WHERE id = 'a22';
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
SELECT 's', d::text, 'EUR', d, 0.5 + 0.01 * extract(day FROM d), false, '2025-03-06', '2025-03-06', 'sync' FROM generate_series(timestamp '2025-03-01', '2025-03-20', '1 day') d;
SELECT salesops.fit_icp('2025-03-07', '{industry,annual_revenue}') AS money, salesops.place_accounts('2025-03-07') \g /dev/null
SELECT is((SELECT k.placed FROM salesops.keep_placement('2025-03-09', NULL) k), (SELECT count(*) FROM salesops.account WHERE source_key = 's' AND currency = 'EUR'), 'another rate places those with revenue in the currency');
DELETE FROM step_by_step;
INSERT INTO step_by_step SELECT * FROM pg_temp.content();
DELETE FROM salesops.icp_placement;
SELECT salesops.place_accounts('2025-03-09') \g /dev/null
SELECT bag_eq('SELECT * FROM pg_temp.content()', 'TABLE step_by_step', '... as if placed from nothing');

SELECT * FROM finish();
ROLLBACK;
