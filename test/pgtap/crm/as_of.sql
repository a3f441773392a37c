-- As of any instant, by both axes; the manager tree; and the property that makes it all worth keeping: what
-- opportunity_as_of(t, t) says of any past t is what the table held at t.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(15);
SET LOCAL timezone = 'UTC';

-- Both axes, by hand: true from day 10 and known on day 20; changed on day 15, known on day 30.
INSERT INTO salesops.opportunity_history (source_key, id, stage, amount, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'A', 'one', 1, false, '2026-01-10', '2026-01-20', 'sync');
INSERT INTO salesops.opportunity (source_key, id, stage, amount, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'A', 'two', 2, false, '2026-01-15', '2026-01-30', 'sync');
SELECT results_eq(
  $$SELECT e, k, (SELECT stage FROM salesops.opportunity_as_of(e::timestamptz, k::timestamptz))
    FROM (VALUES (1, '2026-01-09', 'infinity'), (2, '2026-01-12', 'infinity'), (3, '2026-01-12', '2026-01-12'), (4, '2026-01-16', 'infinity'), (5, '2026-01-16', '2026-01-25'),
                 (6, '2026-01-25', NULL), (7, '2026-01-30', NULL), (8, '2026-01-29', NULL)) t(n, e, k) ORDER BY n$$,
  $$VALUES ('2026-01-09', 'infinity', NULL), ('2026-01-12', 'infinity', 'one'), ('2026-01-12', '2026-01-12', NULL), ('2026-01-16', 'infinity', 'two'),
      ('2026-01-16', '2026-01-25', 'one'), ('2026-01-25', NULL, 'one'), ('2026-01-30', NULL, 'two'), ('2026-01-29', NULL, 'one')$$,
  'the latest state that was true by one instant and known by the other');
SELECT is_empty('SELECT * FROM salesops.opportunity_as_of(NULL)', 'as of nothing is nothing');
UPDATE salesops.opportunity SET is_deleted = true;
SELECT results_eq($$SELECT e, (SELECT count(*) FROM salesops.opportunity_as_of(e::timestamptz)) FROM unnest(ARRAY['2026-01-29', '2026-01-30']) e$$,
  $$VALUES ('2026-01-29', 1::bigint), ('2026-01-30', 0)$$, 'a deletion is a state like others');
DELETE FROM salesops.opportunity; DELETE FROM salesops.opportunity_history;

-- Days end in the zone of the setting.
SELECT is(salesops.end_of_day('2026-03-31'), '2026-03-31 23:59:59.999999+00'::timestamptz, 'the end of a day in UTC');
SELECT salesops.set_setting('time_zone', 'America/New_York');
SELECT is(salesops.end_of_day('2026-03-08'), '2026-03-09 03:59:59.999999+00'::timestamptz, 'and in New York on the day the clocks change');
SELECT is(salesops.local_date('2026-03-09 03:59:59.999999+00'), '2026-03-08'::date, 'and back');
SELECT throws_ok($$SELECT salesops.set_setting('time_zone', 'Nowhere')$$, '22023', NULL, 'a zone nobody knows');
SELECT throws_ok($$SELECT salesops.set_setting('colour', 'red')$$, '42704', 'unknown setting "colour"');
SELECT salesops.set_setting('time_zone', 'UTC');

-- The tree: a top, a manager without a row, one's own manager, a circle of three with somebody below it.
INSERT INTO salesops.rep (source_key, id, manager_id, is_deleted, effective_at, recorded_at, origin)
SELECT 's', id, manager_id, false, timestamptz '-infinity', timestamptz '2026-01-01', 'sync' FROM (VALUES ('top', NULL), ('mid', 'top'), ('low', 'mid'), ('orphan', 'ghost'), ('self', 'self'), ('of self', 'self'),
  ('a', 'b'), ('b', 'c'), ('c', 'a'), ('under a', 'a'), ('lower', 'under a')) t(id, manager_id)
UNION ALL SELECT 'other', 'mid', 'low', false, '-infinity', '2026-01-01', 'sync';
SELECT results_eq(
  $$SELECT source_key, rep_id, level, array_to_string(path, '>') FROM salesops.rep_tree('2026-02-01') ORDER BY source_key COLLATE "C", rep_id COLLATE "C"$$,
  $$VALUES ('other', 'mid', 1, 'mid'), ('s', 'a', 1, 'a'), ('s', 'b', 1, 'b'), ('s', 'c', 1, 'c'), ('s', 'low', 3, 'top>mid>low'), ('s', 'lower', 3, 'a>under a>lower'),
      ('s', 'mid', 2, 'top>mid'), ('s', 'of self', 2, 'self>of self'), ('s', 'orphan', 1, 'orphan'), ('s', 'self', 1, 'self'), ('s', 'top', 1, 'top'), ('s', 'under a', 2, 'a>under a')$$,
  'every rep once, under whom they work; a circle ends nobody''s tree');

-- The property, on generated deals that change at random over nine nights, some twice a night, some out of the table and back.
SELECT count(*) FROM salesops.generate_crm(600, 12, 7, '2026-06-30', 0.1, 'generated');
DROP TABLE generated.opportunity_field_history;
SELECT salesops.connect('g', 'fivetran_salesforce', 'generated');
CREATE TEMP TABLE copy AS SELECT now() AS at, o.* FROM salesops.opportunity o WITH NO DATA;
CREATE TEMP TABLE kept AS SELECT * FROM generated.opportunity WITH NO DATA;
SELECT setseed(0.42);
DO $$
DECLARE
  at timestamptz;
BEGIN
  FOR night IN 0 .. 8 LOOP
    at := timestamptz '2026-07-01' + night * interval '1 day';
    FOR round IN 1 .. 1 + night % 2 LOOP
      UPDATE generated.opportunity SET amount = amount * (0.5 + random()), _fivetran_synced = at - interval '1 hour' + round * interval '1 minute',
             last_modified_date = at - random() * interval '2 days' WHERE random() < 0.1;
      UPDATE generated.opportunity SET stage_name = (ARRAY['Prospecting', 'Qualification', 'Closed Won', NULL])[1 + floor(random() * 4)::int],
             _fivetran_synced = at - interval '1 hour' + round * interval '1 minute' WHERE random() < 0.1;
      UPDATE generated.opportunity SET is_deleted = NOT is_deleted, _fivetran_synced = at - interval '1 hour' + round * interval '1 minute' WHERE random() < 0.03;
      WITH gone AS (DELETE FROM generated.opportunity WHERE random() < 0.03 RETURNING *) INSERT INTO kept SELECT * FROM gone;
      WITH back AS (DELETE FROM kept WHERE random() < 0.3 RETURNING *) INSERT INTO generated.opportunity SELECT * FROM back;
      PERFORM salesops.sync('g', at, CASE night % 3 WHEN 1 THEN 'full' ELSE 'incremental' END);
    END LOOP;
    INSERT INTO copy SELECT at, o.* FROM salesops.opportunity o WHERE NOT o.is_deleted;
  END LOOP;
END $$;
SELECT is_empty($$SELECT message FROM salesops.source_sync WHERE sqlstate IS NOT NULL$$, 'nine nights without an error');
SELECT cmp_ok((SELECT count(*) FROM salesops.opportunity_history WHERE origin = 'sync'), '>', 500::bigint, 'in which much changed');
SELECT is((SELECT count(DISTINCT at) FROM copy), 9::bigint, 'nine copies');
SELECT is_empty(
  $$(SELECT n.at, o.* FROM (SELECT DISTINCT at FROM copy) n, salesops.opportunity_as_of(n.at, n.at) o EXCEPT ALL SELECT * FROM copy)
    UNION ALL (SELECT * FROM copy EXCEPT ALL SELECT n.at, o.* FROM (SELECT DISTINCT at FROM copy) n, salesops.opportunity_as_of(n.at, n.at) o)$$,
  'as of every night, every row and every column is what it was that night');
SELECT is_empty(
  $$SELECT source_key, id, effective_at, recorded_at FROM salesops.opportunity_version GROUP BY 1, 2, 3, 4 HAVING count(*) > 1$$, 'no two states of a deal share both their times');
-- Whatever is asked for, a deal has at most one state, and never one from later.
SELECT is_empty(
  $$SELECT e, k FROM (SELECT DISTINCT at AS e FROM copy) x, (SELECT DISTINCT at + interval '12 hours' AS k FROM copy) y, salesops.opportunity_as_of(e, k) o
    GROUP BY e, k, o.source_key, o.id HAVING count(*) > 1 OR max(o.effective_at) > e OR max(o.recorded_at) > k$$, 'one state a deal, true and known by then');

SELECT * FROM finish();
ROLLBACK;
