-- Adjustments: the five amounts of a node by hand, over three levels and three hierarchies; the laws of the roll-up; what is refused.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(56);
\ir submissions_fixture.psql

-- What Commit (Closed and Commit) comes to, node by node, in the order of the five amounts.
CREATE FUNCTION pg_temp.commit(tree_as_of timestamptz DEFAULT NULL, moves salesops.reporting_line[] DEFAULT NULL, as_of timestamptz DEFAULT '2024-10-10')
RETURNS TABLE (rep text, amounts text) LANGUAGE sql AS $$
  SELECT coalesce(a.rep_id, '-'), format('%s %s %s %s %s', a.owner_only_amount, a.amount_without_adjustments, a.amount_without_owner_adjustment,
                          a.amount_without_manager_adjustment, a.forecast_amount)
  FROM salesops.forecast_amounts('FY2024-Q4', as_of, 'infinity', tree_as_of, moves) a WHERE a.category = 'Commit'
$$;

-- Without adjustments
SELECT bag_eq('SELECT * FROM pg_temp.commit()', $$VALUES
  ('ada', '150 150 150 150 150'), ('abe', '40 40 40 40 40'), ('ben', '15 15 15 15 15'), ('mia', '7 197 197 197 197'),
  ('max', '0 15 15 15 15'), ('vera', '0 212 212 212 212'), ('zed', '2 2 2 2 2'), ('-', '3 3 3 3 3')$$,
  'plain: each node has its own deals and all below; owners who are no reps and deals of nobody stand by themselves');
SELECT bag_eq($$SELECT category::text, owner_only_amount, forecast_amount FROM forecast_amounts('FY2024-Q4', '2024-10-10') WHERE rep_id = 'mia'$$,
  $$VALUES ('Closed', 0::numeric, 100::numeric), ('Commit', 7, 197), ('Most Likely', 7, 197), ('Best Case', 7, 227), ('Pipeline', 7, 207)$$,
  'column by column: Closed 100, + Commit 97, + Best Case 30; Pipeline is all that is open');
SELECT is((SELECT sum(forecast_amount) FROM forecast_amounts('FY2024-Q4', '2024-10-10') WHERE level = 1 AND category = 'Commit'),
          (SELECT cumulative(totals, 'Commit') FROM forecast_total('FY2024-Q4', '2024-10-10')), 'the tops add up to the company');

-- Adjusting. What each call returns is the figure it stands in for.
SELECT is(adjust_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 140, 'One deal waits for budget', adjusted_at => '2024-10-03 09:00'), 150::numeric,
          'Ada takes her own 150 to 140');
SELECT is(adjust_forecast('s', 'abe', 'FY2024-Q4', 'Commit', 30, 'Happy ears', 'mia', '2024-10-03 10:00'), 40::numeric, 'Mia takes Abe''s 40 to 30');
SELECT is(adjust_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 120, 'Procurement is slow', 'mia', '2024-10-03 10:01'), 140::numeric,
          'and Ada''s to 120: in place of the 140 that Ada shows her');
SELECT bag_eq($$SELECT * FROM pg_temp.commit() WHERE rep IN ('ada', 'abe', 'mia', 'vera')$$, $$VALUES
  ('ada', '150 150 150 140 120'), ('abe', '40 40 40 40 30'), ('mia', '7 197 157 157 157'), ('vera', '0 212 172 172 172')$$,
  'Mia sees 7 + 120 + 30, Vera 157 + 15');
SELECT is(adjust_forecast('s', 'mia', 'FY2024-Q4', 'Commit', 160, 'A renewal comes early', adjusted_at => '2024-10-03 11:00'), 157::numeric,
          'Mia takes her own 157 to 160');
SELECT is(adjust_forecast('s', 'max', 'FY2024-Q4', 'Commit', 20, 'Max is careful', 'vera', '2024-10-03 12:00'), 15::numeric, 'Vera takes Max''s 15 to 20');
SELECT is(adjust_forecast('s', 'mia', 'FY2024-Q4', 'Commit', 150, 'Not that early', 'vera', '2024-10-03 12:01'), 160::numeric, 'and Mia''s 160 to 150');
SELECT bag_eq('SELECT * FROM pg_temp.commit()', $$VALUES
  ('ada', '150 150 150 140 120'), ('abe', '40 40 40 40 30'), ('ben', '15 15 15 15 15'), ('mia', '7 197 157 160 150'),
  ('max', '0 15 15 15 20'), ('vera', '0 212 170 170 170'), ('zed', '2 2 2 2 2'), ('-', '3 3 3 3 3')$$, 'all six, on three levels');
SELECT is((SELECT sum(forecast_amount) FROM forecast_amounts('FY2024-Q4', '2024-10-10', 'infinity') WHERE rep_id = 'vera' AND category <> 'Commit'),
          (SELECT sum(amount_without_adjustments) FROM forecast_amounts('FY2024-Q4', '2024-10-10', 'infinity') WHERE rep_id = 'vera' AND category <> 'Commit'),
          'other columns are not touched');
SELECT is_empty($$SELECT rep_id FROM forecast_amounts('FY2024-Q4', '2024-10-10') WHERE forecast_amount <> amount_without_adjustments$$,
                'what was recorded since was not known then');
SELECT results_eq($$SELECT amounts FROM pg_temp.commit(as_of => '2024-10-03 10:00:30') WHERE rep IN ('mia', 'vera') ORDER BY rep$$,
                  $$VALUES ('7 197 177 177 177'), ('0 212 192 192 192')$$, 'as of an earlier instant only what had been adjusted');

-- As-is and proposed: Abe goes to Max on 1 November. Mia's adjustment of Abe waits for a hierarchy in which she leads him.
INSERT INTO salesops.rep_history SELECT * FROM salesops.rep WHERE id = 'abe';
UPDATE salesops.rep SET manager_id = 'max', effective_at = '2024-11-01', recorded_at = '2024-11-01' WHERE id = 'abe';
SELECT bag_eq($$SELECT * FROM pg_temp.commit('2024-11-02') WHERE rep IN ('abe', 'mia', 'max', 'vera')$$, $$VALUES
  ('abe', '40 40 40 40 40'), ('mia', '7 157 127 160 150'), ('max', '0 55 55 55 20'), ('vera', '0 212 170 170 170')$$, 'as-is');
SELECT bag_eq($$SELECT * FROM pg_temp.commit(moves => ARRAY[('s', 'abe', 'max')]::reporting_line[])$$, $$SELECT * FROM pg_temp.commit('2024-11-02')$$,
              'the same move proposed a month before');
SELECT bag_eq($$SELECT rep_id, adjusted_by, counts, counts_not_because FROM forecast_adjustments('FY2024-Q4', '2024-10-10', 'infinity', '2024-11-02') WHERE NOT counts$$,
              $$VALUES ('abe', 'mia', false, 'the rep reports to max')$$, 'an adjustment that does not count says why');
SELECT is_empty($$SELECT rep_id FROM forecast_adjustments('FY2024-Q4', '2024-10-10', 'infinity') WHERE NOT counts$$, 'as-was it counts');
SELECT is((SELECT amounts FROM pg_temp.commit(moves => ARRAY[('s', 'abe', NULL)]::reporting_line[]) WHERE rep = 'abe'), '40 40 40 40 40', 'nobody is above him');

-- Stale: Abe's deal grows from 40 to 55 after Mia took him down, and Mia's own view with it.
INSERT INTO salesops.opportunity_history SELECT * FROM salesops.opportunity WHERE id = 'd5';
UPDATE salesops.opportunity SET amount = 55, effective_at = '2024-10-12', recorded_at = '2024-10-12' WHERE id = 'd5';
SELECT bag_eq($$SELECT rep_id, kind, amount, prior_amount, present_amount, prior_change, is_stale FROM forecast_adjustments('FY2024-Q4', '2024-10-15', 'infinity')$$, $$VALUES
  ('ada', 'owner', 140::numeric, 150::numeric, 150::numeric, 0::numeric, false), ('ada', 'manager', 120, 140, 140, 0, false),
  ('abe', 'manager', 30, 40, 55, 15, true), ('mia', 'owner', 160, 157, 157, 0, false), ('mia', 'manager', 150, 160, 160, 0, false),
  ('max', 'manager', 20, 15, 15, 0, false)$$, 'an adjustment of a figure that moved is stale, by how much');
SELECT is((SELECT amounts FROM pg_temp.commit(as_of => '2024-10-15') WHERE rep = 'abe'), '55 55 55 55 30', 'and stands as it was made');

-- Replacing and revoking keep the history.
SELECT is(adjust_forecast('s', 'abe', 'FY2024-Q4', 'Commit', 45, 'The order grew', 'mia', '2024-10-15 09:00'), 55::numeric, 'another figure replaces the first');
SELECT is((SELECT amounts FROM pg_temp.commit(as_of => '2024-10-16') WHERE rep = 'mia'), '7 212 172 160 150', '7 + 120 + 45');
SELECT is(revoke_adjustment('s', 'mia', 'FY2024-Q4', 'Commit', 'It does not come early', adjusted_at => '2024-10-16 09:00'), 160::numeric, 'Mia takes hers back');
SELECT is(revoke_adjustment('s', 'mia', 'FY2024-Q4', 'Commit', 'She corrected it herself', 'vera', '2024-10-16 09:01'), 150::numeric, 'so does Vera');
SELECT is((SELECT amounts FROM pg_temp.commit(as_of => '2024-10-17') WHERE rep = 'mia'), '7 212 172 172 172', 'the figure without them stands again');
SELECT results_eq($$SELECT amount, reason FROM forecast_adjustment WHERE rep_id = 'mia' ORDER BY adjusted_at$$,
                  $$VALUES (160::numeric, 'A renewal comes early'), (150, 'Not that early'), (NULL, 'It does not come early'), (NULL, 'She corrected it herself')$$,
                  'every word of it is kept');
SELECT throws_ok($$SELECT revoke_adjustment('s', 'mia', 'FY2024-Q4', 'Commit', 'Again', adjusted_at => '2024-10-17')$$, '42704', NULL, 'what does not stand is not revoked');
SELECT throws_ok($$UPDATE forecast_adjustment SET amount = 1$$, '23001', NULL, 'adjustments are append-only');
SELECT throws_ok($$DELETE FROM forecast_adjustment$$, '23001', NULL, '... nothing is removed');
SELECT is((SELECT sum(amount) FROM opportunity), 342::numeric, 'no deal was changed');

-- Refused
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 1, 'x', 'vera', '2024-10-20')$$, '42501', $m$'vera' does not manage 'ada'$m$, 'no level is skipped');
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 1, 'x', 'max', '2024-10-20')$$, '42501', NULL, 'nor a peer''s team adjusted');
SELECT throws_ok($$SELECT adjust_forecast('s', 'mia', 'FY2024-Q4', 'Commit', 1, 'x', 'ada', '2024-10-20')$$, '42501', NULL, 'nor one''s manager');
SELECT throws_ok($$SELECT adjust_forecast('s', 'vera', 'FY2024-Q4', 'Commit', 1, 'x', 'Greta', '2024-10-20')$$, '42501', NULL, 'who has no manager adjusts himself only');
SELECT throws_ok($$SELECT adjust_forecast('s', 'abe', 'FY2024-Q4', 'Commit', 1, 'x', 'mia', '2024-11-02')$$, '42501', NULL, 'a manager no longer');
SELECT throws_ok(format('SELECT adjust_forecast(''s'', ''ada'', ''FY2024-Q4'', ''Commit'', 1, %L, adjusted_at => ''2024-10-20'')', r), '22023',
                 'an adjustment needs a reason', 'without a reason: ' || what)
FROM (VALUES (NULL, 'none'), ('', 'empty'), (E' \t\n', 'blank')) v(r, what);
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q4', 'Commit', NULL, 'x', adjusted_at => '2024-10-20')$$, '22004', NULL, 'no amount');
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q4', 'Closed', 1, 'x', adjusted_at => '2024-10-20')$$, '22023', NULL, 'Closed is a fact');
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q4', 'Upside', 1, 'x', adjusted_at => '2024-10-20')$$, '22023', NULL, 'Upside has no column');
SELECT throws_ok($$SELECT adjust_forecast('s', 'zed', 'FY2024-Q4', 'Commit', 1, 'x', adjusted_at => '2024-10-20')$$, '42704', NULL, 'an owner who is no rep');
SELECT throws_ok($$SELECT adjust_forecast('s', 'ada', 'FY2024-Q3', 'Commit', 1, 'x', adjusted_at => '2024-10-20')$$, '22023', NULL, 'a quarter that is over');
SELECT throws_ok($$INSERT INTO forecast_adjustment (source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, currency, reason, cut_off)
                   VALUES ('s', 'ada', 'FY2024-Q4', 'Commit', 'ada', '2024-10-20', 1, 'USD', ' ', '2024-10-18')$$, '23514', NULL, 'the table too wants a reason');

-- A circle in the CRM: each of its members is a top, reports to nobody here, and his deals count once.
SELECT pg_temp.rep('xen', 'yve'), pg_temp.rep('yve', 'xen') \g /dev/null
SELECT pg_temp.deal('x1', 'xen', 'Commit', 1000), pg_temp.deal('y1', 'yve', 'Commit', 500) \g /dev/null
SELECT bag_eq($$SELECT * FROM pg_temp.commit() WHERE rep IN ('xen', 'yve')$$, $$VALUES ('xen', '1000 1000 1000 1000 1000'), ('yve', '500 500 500 500 500')$$, 'a circle');
SELECT throws_ok($$SELECT adjust_forecast('s', 'xen', 'FY2024-Q4', 'Commit', 1, 'x', 'yve', '2024-10-20')$$, '42501', NULL, '... in which nobody manages anybody');
SELECT is((SELECT sum(forecast_amount) FROM forecast_amounts('FY2024-Q4', '2024-10-10') WHERE level = 1 AND category = 'Commit'),
          (SELECT cumulative(totals, 'Commit') FROM forecast_total('FY2024-Q4', '2024-10-10')), 'the tops still add up to the company');

-- Unknown amounts: only where there is something to add does unknown count 0.
SELECT pg_temp.rep('uma', NULL), pg_temp.rep('una', 'uma'), pg_temp.deal('u1', 'una', 'Commit', NULL) \g /dev/null
SELECT bag_eq($$SELECT * FROM pg_temp.commit() WHERE rep IN ('uma', 'una')$$, $$VALUES ('una', '    '), ('uma', '0    ')$$, 'a deal without an amount is unknown, not 0');
SELECT is(adjust_forecast('s', 'una', 'FY2024-Q4', 'Commit', 25, 'As offered', adjusted_at => '2024-10-09'), NULL, 'an unknown figure can be adjusted');
SELECT bag_eq($$SELECT * FROM pg_temp.commit() WHERE rep IN ('uma', 'una')$$, $$VALUES ('una', '   25 25'), ('uma', '0  25 25 25')$$, 'and is known above then');

-- The laws, on a forest of 400 nodes with overrides here and there, against a climb from level to level.
CREATE TEMP TABLE node AS
WITH RECURSIVE draw AS (
  SELECT n, CASE WHEN n > 3 THEN 1 + (n * 7919) % (n - 1) END AS parent, ((n * 104729) % 100003)::numeric / 100 AS own,
         CASE WHEN (n * 31) % 5 = 0 THEN ((n * 15485863::bigint) % 50021)::numeric / 100 END AS override
  FROM generate_series(1, 400) n
), tree AS (
  SELECT d.*, ARRAY[d.n::text] AS path FROM draw d WHERE d.parent IS NULL
  UNION ALL
  SELECT d.*, t.path || d.n::text FROM tree t JOIN draw d ON d.parent = t.n
)
SELECT t.*, (SELECT sum(b.own) FROM tree b WHERE t.n::text = ANY (b.path)) AS amount FROM tree t;
-- What stands at a node, and what it would be without the node's own override, by the definition.
CREATE FUNCTION pg_temp.climb(n bigint, with_own boolean) RETURNS numeric LANGUAGE sql AS $$
  SELECT coalesce(CASE WHEN with_own THEN x.override END,
                  x.own + coalesce((SELECT sum(pg_temp.climb(b.n, true)) FROM node b WHERE b.parent = x.n), 0))
  FROM node x WHERE x.n = climb.n
$$;
SELECT is((SELECT count(*) FROM node), 400::bigint, 'the forest is whole');
SELECT cmp_ok((SELECT max(cardinality(path)) FROM node), '>', 5, 'and deep');
SELECT bag_eq($$SELECT r.rep_id::bigint, r.rolled_up FROM override_roll_up((SELECT array_agg(ROW('s', path, 'Commit', amount, override)::forecast_override) FROM node)) r$$,
              $$SELECT n, pg_temp.climb(n, false) FROM node$$, 'override_roll_up() is the climb');
SELECT bag_eq($$SELECT r.rep_id::bigint, r.rolled_up FROM override_roll_up((SELECT array_agg(ROW('s', path, 'Commit', amount, NULL)::forecast_override) FROM node)) r$$,
              $$SELECT n, amount FROM node$$, 'without overrides it is the plain roll-up');
SELECT is_empty($$
  WITH one AS (SELECT n, path FROM node WHERE n % 40 = 7)
  SELECT o.n, x.n FROM one o CROSS JOIN LATERAL override_roll_up((SELECT array_agg(ROW('s', m.path, 'Commit', m.amount, CASE WHEN m.n = o.n THEN m.amount + 1.11 END)::forecast_override) FROM node m)) r
  JOIN node x ON x.n = r.rep_id::bigint
  WHERE r.rolled_up - x.amount <> CASE WHEN x.n::text = ANY (o.path) AND x.n <> o.n THEN 1.11 ELSE 0 END$$,
  'one override moves the path to its top, by what it adds, and nothing else');

SELECT * FROM finish();
ROLLBACK;
