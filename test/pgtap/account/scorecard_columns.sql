-- A row that is scored need not be made: whatever the planner makes of a call, the score is that of the row.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE TABLE pg_temp.firm (id integer PRIMARY KEY, gone text, employees numeric, industry text, website_visits bigint, content_downloads smallint, intent_score float8);
INSERT INTO firm SELECT n, 'x', n * 37 % 6000, (ARRAY['Technology', 'Retail', NULL])[1 + n % 3], n % 20, n % 3, CASE WHEN n % 7 > 0 THEN n % 101 END FROM generate_series(1, 500) n;
ALTER TABLE firm DROP COLUMN gone;
ALTER TABLE firm ADD COLUMN region text DEFAULT 'north', ADD COLUMN seats integer DEFAULT 12;
INSERT INTO firm SELECT 1000 + n, 6000, 'Finance', 20, 1, 90, 'south', n FROM generate_series(1, 20) n;
SELECT salesops.add_scorecard(replace(salesops.default_scorecard(), 'scorecard default', 'scorecard more') || E'component more\nfeature region\n"north": 3\n"south": 4\nfeature seats\n>= 12: 2\n', valid_from => '2026-01-01') \g /dev/null
CREATE TEMP TABLE plan (query text, line text);
CREATE FUNCTION pg_temp.is_spread(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  line text;
  is_spread boolean := false;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS off) ' || query LOOP
    is_spread := is_spread OR line ~ '_of_columns\(';
  END LOOP;
  RETURN is_spread;
END $$;

-- explain_score() takes the row as it is.
CREATE TEMP TABLE expected AS SELECT f.id, (SELECT sum(e.points) FROM salesops.explain_score(f, 'more') e) AS total FROM firm f;
SELECT ok(pg_temp.is_spread($$ SELECT salesops.scorecard_total(f, 'more') FROM firm f $$), 'the columns of a table are handed over by themselves');
SELECT is_empty($$ SELECT f.id FROM firm f JOIN expected x USING (id) WHERE salesops.scorecard_total(f, 'more') IS DISTINCT FROM x.total $$, '... to the same score, with columns dropped and added since');
SELECT is_empty($$ SELECT f.id FROM firm f JOIN expected x USING (id) WHERE salesops.scorecard_tier(f, 'more') IS DISTINCT FROM CASE WHEN x.total >= 70 THEN 1 WHEN x.total >= 40 THEN 2 ELSE 3 END $$, '... and tier');
SELECT ok(count(DISTINCT total) > 10, 'of which there are many') FROM expected;
CREATE TEMP VIEW seen AS SELECT f.seats, f.id, f.region, f.employees, f.industry, f.website_visits, f.content_downloads, f.intent_score FROM firm f WHERE id < 1010;
SELECT ok(pg_temp.is_spread($$ SELECT salesops.scorecard_total(v, 'more') FROM seen v $$), 'those of a view too');
SELECT is_empty($$ SELECT v.id FROM seen v JOIN expected x USING (id) WHERE salesops.scorecard_total(v, 'more') IS DISTINCT FROM x.total $$, '... whose columns are in another order');
SELECT ok(pg_temp.is_spread($$ SELECT salesops.scorecard_total(v, 'more') FROM (SELECT *, id + 1 AS more FROM firm) v $$), '... and of a query');
SELECT is_empty($$ SELECT v.id FROM (SELECT *, id + 1 AS more FROM firm) v JOIN expected x USING (id) WHERE salesops.scorecard_total(v, 'more') IS DISTINCT FROM x.total $$, '... to the same score');
SELECT is_empty($$ SELECT v.id FROM (SELECT * FROM firm ORDER BY id LIMIT 1000) v JOIN expected x USING (id) WHERE salesops.scorecard_total(v, 'more') IS DISTINCT FROM x.total $$, '... and where it is a query for itself');
SELECT is(salesops.scorecard_total(ROW(5001), E'scorecard t\ncomponent c\nfeature f1\n> 5000: 7\n'), 7::numeric, 'a row by itself');

-- No row, no score; a row of nothing but NULLs is one.
INSERT INTO firm (id, region, seats) VALUES (5000, NULL, NULL);
SELECT results_eq($$ SELECT n, salesops.scorecard_total(f, 'more'), salesops.scorecard_tier(f, 'more') FROM unnest('{5000,5001,1001}'::integer[]) n LEFT JOIN firm f ON f.id = n ORDER BY n $$,
  $$ VALUES (1001, 104::numeric, 1), (5000, 0, 3), (5001, NULL, NULL) $$, 'where an outer join finds no row there is no score');
SELECT results_eq($$ SELECT n, salesops.scorecard_total(f, 'more') FROM (SELECT DISTINCT n FROM unnest('{5000,5001,1001}'::integer[]) n) n LEFT JOIN (SELECT * FROM firm) f ON f.id = n ORDER BY n $$,
  $$ VALUES (1001, 104::numeric), (5000, 0), (5001, NULL) $$, '... of a query too');
SELECT results_eq($$ SELECT n, max(salesops.scorecard_total(f, 'more')) FROM unnest('{5000,5001}'::integer[]) n FULL JOIN firm f ON f.id = n WHERE n > 0 OR f.id IS NULL GROUP BY n ORDER BY n $$, $$ VALUES (5000, 0::numeric), (5001, NULL) $$, '... or a full join');
SELECT results_eq($$ SELECT f.id, (SELECT salesops.scorecard_total(f, 'more')) FROM firm f WHERE id IN (5000, 1001) ORDER BY id $$, $$ VALUES (1001, 104::numeric), (5000, 0) $$, 'a row of an outer query');

-- Rows that are being written
CREATE TABLE pg_temp.kept (id integer PRIMARY KEY, x integer, total numeric);
CREATE FUNCTION pg_temp.card() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT E'scorecard a\ncomponent b\nfeature x\n> 1: 7\n> 5: 9\n' $$;
INSERT INTO kept VALUES (1, 3);
CREATE FUNCTION pg_temp.writes(OUT way text, OUT result text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
  FOR way, result IN INSERT INTO kept AS k VALUES (1, 9) ON CONFLICT (id) DO UPDATE SET total = salesops.scorecard_total(excluded, pg_temp.card()) RETURNING 'conflict', k || ' ' || salesops.scorecard_total(k, pg_temp.card()) LOOP RETURN NEXT; END LOOP;
  FOR way, result IN UPDATE kept k SET total = salesops.scorecard_total(o, pg_temp.card()) + 1 FROM kept o WHERE o.id = k.id RETURNING 'update', k || ' ' || salesops.scorecard_total(o, pg_temp.card()) LOOP RETURN NEXT; END LOOP;
  MERGE INTO kept k USING (VALUES (1, 2), (3, 7)) s(id, x) ON k.id = s.id WHEN MATCHED AND salesops.scorecard_total(k, pg_temp.card()) = 7 THEN UPDATE SET x = 6, total = salesops.scorecard_total(s, pg_temp.card())
    WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.x, salesops.scorecard_total(s, pg_temp.card()));
  FOR way, result IN DELETE FROM kept k RETURNING 'delete', k || ' ' || salesops.scorecard_total(k, pg_temp.card()) LOOP RETURN NEXT; END LOOP;
END $$;
SELECT results_eq('SELECT * FROM pg_temp.writes() ORDER BY way, result', $$ VALUES ('conflict', '(1,3,9) 7'), ('delete', '(1,6,7) 9'), ('delete', '(3,7,9) 9'), ('update', '(1,3,8) 7') $$, 'rows that are inserted, changed, merged and deleted');

-- Children have their columns in another order.
CREATE TABLE pg_temp.part (LIKE firm) PARTITION BY LIST (region);
CREATE TABLE pg_temp.south (seats integer, intent_score float8, region text, LIKE salesops.scorecard);
ALTER TABLE south DROP COLUMN name, DROP COLUMN version, DROP COLUMN valid_from, DROP COLUMN definition, DROP COLUMN note, DROP COLUMN set_by, DROP COLUMN recorded_at,
  ADD website_visits bigint, ADD content_downloads smallint, ADD industry text, ADD employees numeric, ADD id integer;
ALTER TABLE south ALTER id SET NOT NULL;
ALTER TABLE part ATTACH PARTITION south FOR VALUES IN ('south');
CREATE TABLE pg_temp.north PARTITION OF part DEFAULT;
INSERT INTO part SELECT * FROM firm;
SELECT is_empty($$ SELECT f.id FROM part f JOIN expected x USING (id) WHERE salesops.scorecard_total(f, 'more') IS DISTINCT FROM x.total $$, 'partitions');

-- A prepared plan follows the scorecard and the table.
PREPARE scores(text, timestamptz) AS SELECT salesops.scorecard_total(f, $1, $2) FROM firm f WHERE id = 1001;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT results_eq($$ EXECUTE scores('more', '2026-02-01') $$, $$ VALUES (104::numeric) $$, 'a prepared plan');
SELECT salesops.add_scorecard(E'scorecard more\ncomponent c\nfeature id\n> 1000: 1\n', valid_from => '2026-03-01') \g /dev/null
SELECT results_eq($$ EXECUTE scores('more', '2026-04-01') $$, $$ VALUES (1::numeric) $$, '... of a scorecard that reads other columns since');
ALTER TABLE firm RENAME seats TO chairs;
SELECT throws_ok($$ EXECUTE scores('more', '2026-02-01') $$, '42703', 'the row has no column "seats" for feature "seats" of the scorecard', '... of a table that changed since');
SELECT is((SELECT array_agg(salesops.scorecard_total(f, s, '2026-04-01') ORDER BY s) FROM firm f, unnest('{default,more}'::text[]) s WHERE id = 1001), '{100,1}', 'the scorecard may be another one from row to row');
SELECT throws_ok($$ SELECT salesops.scorecard_total(f, 'none') FROM firm f $$, '42704', NULL, 'a scorecard that there is not');
SELECT throws_ok($$ SELECT salesops.scorecard_total_of_columns('default', now(), '{a}', 1, 1, 2) $$, '22023', 'columns and their names do not match', 'names that do not fit');

-- More columns than a function takes
DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE pg_temp.wide AS SELECT 6000 AS employees, %s, 90 AS intent_score, ''Finance'' AS industry, 11 AS website_visits, 1 AS content_downloads', string_agg('1 AS c' || n, ', ')) FROM generate_series(1, 92) n); END $$;
SELECT ok(NOT pg_temp.is_spread('SELECT salesops.scorecard_total(w) FROM wide w'), 'a wide row goes as it is');
SELECT is(salesops.scorecard_total(w), 100::numeric, '... to the same score') FROM wide w;

-- Rights: who may not see a column may not score with it.
CREATE ROLE salesops_test_scorer;
GRANT USAGE ON SCHEMA salesops TO salesops_test_scorer;
GRANT SELECT ON salesops.scorecard TO salesops_test_scorer;
GRANT SELECT (id) ON firm TO salesops_test_scorer;
SET LOCAL ROLE salesops_test_scorer;
SELECT throws_ok('SELECT salesops.scorecard_total(f, ''more'', ''2026-04-01'') FROM firm f', '42501', NULL, 'a row of which one may see a column is not scored');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
