-- Deals at risk: bounds and rates by hand, on either side of each bound, and deals that lack what a flag asks about.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(45);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- A further state of a deal, entered into its stage with it; the one before it becomes history. closed: won, lost, or NULL = open.
CREATE FUNCTION pg_temp.state(id text, since timestamptz, close date, amount numeric DEFAULT 100, closed text DEFAULT NULL, account text DEFAULT NULL,
                              stage text DEFAULT 'S9', category text DEFAULT 'Pipeline', created timestamptz DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity_history SELECT o.* FROM salesops.opportunity o WHERE o.id = state.id;
  INSERT INTO salesops.opportunity (source_key, id, account_id, owner_id, stage, forecast_category, amount, currency, close_date, created_at, stage_entered_at, confirmed_at,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, account, 'ann', coalesce('Closed ' || closed, stage), category, amount, 'USD', close, coalesce(created, since), since, since,
          closed IS NOT NULL, coalesce(closed = 'won', false), false, since, since, 'sync')
  ON CONFLICT (source_key, id) DO UPDATE
  SET stage = excluded.stage, forecast_category = excluded.forecast_category, amount = excluded.amount, close_date = excluded.close_date,
      stage_entered_at = excluded.stage_entered_at, confirmed_at = excluded.confirmed_at, is_closed = excluded.is_closed, is_won = excluded.is_won,
      effective_at = excluded.effective_at, recorded_at = excluded.recorded_at
$$;
CREATE TEMP VIEW risk AS SELECT * FROM salesops.deal_risk('2026-01-10 12:00+00');
CREATE TEMP VIEW threshold AS SELECT * FROM salesops.risk_thresholds('2026-01-10 12:00+00');
CREATE TEMP VIEW rate AS SELECT * FROM salesops.risk_rates('2026-01-10 12:00+00');
SAVEPOINT empty;

-- No history ---------------------------------------------------------------------------------------------------------------

SELECT results_eq($$ SELECT flag, segment, bound, deals, reason FROM threshold WHERE cell IS NULL $$,
  $$ VALUES ('likely_to_push', '(all)', NULL::numeric, 0::bigint, '0 deals whose close date has passed, 50 are needed'),
            ('stalled', '(all)', NULL, 0, '0 won deals whose cycle is known, 50 are needed'),
            ('unusually_large', '(all)', NULL, 0, '0 won deals with an amount, 50 are needed'),
            ('zombie', '(all)', NULL, 0, '0 won deals whose cycle is known, 100 are needed') $$, 'no history: no bound, and why');
SELECT results_eq($$ SELECT cell, typical, deals FROM threshold WHERE flag = 'category_above_evidence' AND cell = '{Commit}' $$,
  $$ VALUES ('{Commit}'::text[], 0.9000, 0::bigint) $$, 'a category''s weight is what is expected of it');
SELECT pg_temp.state('old', '2020-01-01', '2026-01-09', 1e15, category => 'Commit');
SELECT results_eq($$ SELECT flag, reason, value, bound, deals FROM risk $$,
  $$ VALUES ('likely_to_push', 'its close date passed 1 days ago', 1::numeric, NULL::numeric, 0::bigint) $$,
  'nothing is raised but what needs no history: a close date that has passed');

-- Age and amount -----------------------------------------------------------------------------------------------------------
-- Big: 120 won deals with cycles of 1 to 120 days, 40 each of 100, 200 and 400. Small: 20 of 300 days and 10,000.
INSERT INTO account (source_key, id, segment, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'a', 'Big', false, '2025-01-01', '2025-01-01', 'sync'), ('s', 'b', 'Small', false, '2025-01-01', '2025-01-01', 'sync');
SELECT pg_temp.state('w' || n, date '2025-06-01' + n, date '2025-06-01' + n, CASE WHEN n <= 40 THEN 100 WHEN n <= 80 THEN 200 ELSE 400 END, 'won', 'a', created => '2025-06-01')
FROM generate_series(1, 120) n;
SELECT pg_temp.state('v' || n, '2025-10-28', '2025-10-28', 10000, 'won', 'b', created => '2025-01-01') FROM generate_series(1, 20) n;
-- Not evidence: lost; won after today; won before it was created; won without an amount (its cycle is one).
SELECT pg_temp.state('l' || n, '2025-12-30', '2025-12-30', 1e6, 'lost', 'a', created => '2025-01-01') FROM generate_series(1, 50) n;
SELECT pg_temp.state('x1', '2026-01-12', '2026-01-12', 1e6, 'won', 'a', created => '2020-01-01');
SELECT pg_temp.state('x2', '2025-12-30', '2025-01-01', NULL, 'won', 'a', created => '2025-02-01');

-- Big: the 108th and 119th of 120. All: the 126th and 139th of 140, which are of Small. Quartiles 100, 200,
-- 400: the bound is 2 x ln 4 / 1.349 above ln 200.
SELECT results_eq($$ SELECT flag, segment, bound, typical, unit, deals, rests_on, reason FROM threshold WHERE cell IS NULL AND stage IS NULL AND flag <> 'likely_to_push' $$,
  $$ VALUES ('stalled', '(all)', 300::numeric, 70::numeric, 'days', 140::bigint, 'all segments', NULL), ('stalled', 'Big', 108, 60, 'days', 120, 'segment', NULL),
            ('stalled', 'Small', 300, 70, 'days', 140, 'all segments', '20 won deals whose cycle is known in the segment, 50 are needed'),
            ('unusually_large', '(all)', round(200 * 4 ^ (2 / 1.349), 2), 200, 'USD', 140, 'all segments', NULL),
            ('unusually_large', 'Big', round(200 * 4 ^ (2 / 1.349), 2), 200, 'USD', 120, 'segment', NULL),
            ('unusually_large', 'Small', round(200 * 4 ^ (2 / 1.349), 2), 200, 'USD', 140, 'all segments', '20 won deals with an amount in the segment, 50 are needed'),
            ('zombie', '(all)', 300, 70, 'days', 140, 'all segments', NULL), ('zombie', 'Big', 119, 60, 'days', 120, 'segment', NULL),
            ('zombie', 'Small', 300, 70, 'days', 140, 'all segments', '20 won deals whose cycle is known in the segment, 100 are needed') $$,
  'quantiles of the won deals, by segment where there are enough');

SELECT pg_temp.state('age' || n, date '2026-01-10' - n, '2026-03-31', 100, account => 'a') FROM unnest(ARRAY[108, 109, 119, 120]) n;
SELECT pg_temp.state('small' || n, date '2026-01-10' - n, '2026-03-31', 100, account => 'b') FROM unnest(ARRAY[300, 301]) n;
SELECT pg_temp.state('none' || n, date '2026-01-10' - n, '2026-03-31', 100) FROM unnest(ARRAY[300, 301]) n;
SELECT pg_temp.state('future', '2026-01-01', '2026-03-31', 100, account => 'a', created => '2026-02-01');
INSERT INTO opportunity (source_key, id, account_id, stage, is_closed, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'bare', 'a', 'S9', false, false, '2025-01-01', '2025-01-01', 'sync');
SELECT pg_temp.state('fits', '2026-01-05', '2026-03-31', round(200 * 4 ^ (2 / 1.349), 2), account => 'a'), pg_temp.state('large', '2026-01-05', '2026-03-31', round(200 * 4 ^ (2 / 1.349), 2) + 0.01, account => 'a'),
       pg_temp.state('free', '2026-01-05', '2026-03-31', 0, account => 'a'), pg_temp.state('negative', '2026-01-05', '2026-03-31', -1e9, account => 'a'),
       pg_temp.state('unpriced', '2025-09-01', '2026-03-31', NULL, account => 'a'), pg_temp.state('hope', '2025-09-01', '2026-03-31', 100, account => 'a', category => 'Hope'),
       pg_temp.state('undated', '2026-01-05', NULL, 100, account => 'a');
SELECT results_eq($$ SELECT id, flag, value, bound, unit, segment, deals FROM risk WHERE id <> 'old' AND flag <> 'unusually_large' ORDER BY 1, 2 $$,
  $$ VALUES ('age109', 'stalled', 109::numeric, 108::numeric, 'days', 'Big', 120::bigint), ('age119', 'stalled', 119, 108, 'days', 'Big', 120),
            ('age120', 'stalled', 120, 108, 'days', 'Big', 120), ('age120', 'zombie', 120, 119, 'days', 'Big', 120),
            ('hope', 'stalled', 131, 108, 'days', 'Big', 120), ('hope', 'zombie', 131, 119, 'days', 'Big', 120),
            ('none301', 'stalled', 301, 300, 'days', '(all)', 140), ('none301', 'zombie', 301, 300, 'days', '(all)', 140),
            ('small301', 'stalled', 301, 300, 'days', '(all)', 140), ('small301', 'zombie', 301, 300, 'days', '(all)', 140),
            ('unpriced', 'stalled', 131, 108, 'days', 'Big', 120), ('unpriced', 'zombie', 131, 119, 'days', 'Big', 120) $$,
  'beyond the bound, never at it; not without a creation date or with one in the future');
SELECT results_eq($$ SELECT id, value, bound FROM risk WHERE flag = 'unusually_large' AND id <> 'old' $$,
  $$ VALUES ('large', round(200 * 4 ^ (2 / 1.349), 2) + 0.01, round(200 * 4 ^ (2 / 1.349), 2)) $$, 'unusually large: nothing free, negative or unpriced');
SELECT results_eq($$ SELECT id, money_at_risk FROM risk WHERE flag = 'zombie' ORDER BY 1 $$,
  $$ VALUES ('age120', 20::numeric), ('hope', NULL), ('none301', 20), ('old', 900000000000000), ('small301', 20), ('unpriced', NULL) $$,
  'money at risk: amount x weight of the category, unknown without either');
SELECT is(reason, '120 days old; 99 in 100 won deals of Big took up to 119 (120 deals, half of them up to 60)', 'in words') FROM risk WHERE id = 'age120' AND flag = 'zombie';
SELECT is(reason, '301 days old; nine in ten won deals took up to 300 (140 deals, half of them up to 70)', 'of all') FROM risk WHERE id = 'small301' AND flag = 'stalled';
SELECT is(reason, '7.8 times the median won deal of Big (200.00 USD, 120 deals): 2.0 robust standard deviations above it, up to 2 are usual', 'how large')
FROM risk WHERE id = 'large';
SELECT ok(reason LIKE '5000000000000.0 times the median won deal (200.00 USD, 140 deals): %', 'a quadrillion') FROM risk WHERE id = 'old' AND flag = 'unusually_large';
SELECT is((SELECT count(*) FROM (SELECT DISTINCT source_key, id, flag FROM risk) k), (SELECT count(*) FROM risk), 'a deal and flag at most once');
SELECT is_empty($$ SELECT * FROM deal_risk('2025-01-01') WHERE id <> 'old' $$, 'deals are seen as they were then');
SELECT is((SELECT bound FROM risk_thresholds('2025-08-01 12:00+00') WHERE flag = 'stalled' AND segment = 'Big'), 55::numeric, 'of the 61 deals won by then, the 55th');
SAVEPOINT same;
UPDATE opportunity SET amount = 100 WHERE id ~ '^w' AND amount < 400;
UPDATE opportunity SET amount = 100 WHERE id IN ('w81', 'w82', 'w83', 'w84', 'w85', 'w86', 'w87', 'w88', 'w89', 'w90');
SELECT results_eq($$ SELECT segment, bound IS NULL, rests_on, reason FROM threshold WHERE flag = 'unusually_large' AND segment = 'Big' $$,
  $$ VALUES ('Big', false, 'all segments', 'half of the segment''s won deals have the same amount: no spread to judge by') $$, 'a segment of one price: all segments');
UPDATE opportunity SET amount = 100 WHERE is_won;
SELECT results_eq($$ SELECT segment, bound, reason FROM threshold WHERE flag = 'unusually_large' AND segment = '(all)' $$,
  $$ VALUES ('(all)', NULL::numeric, 'half of the won deals have the same amount: no spread to judge by') $$, 'a company of one price: no bound');
ROLLBACK TO same;
ROLLBACK TO empty;

-- Time in stage ------------------------------------------------------------------------------------------------------------
-- 60 won deals: 1 to 60 days in S1, then 5 in S2. 49 more: 3 days in S3.
SELECT pg_temp.state('w' || n, '2025-06-01', '2025-12-01', stage => 'S1'), pg_temp.state('w' || n, date '2025-06-01' + n, '2025-12-01', stage => 'S2'),
       pg_temp.state('w' || n, date '2025-06-06' + n, date '2025-06-06' + n, closed => 'won') FROM generate_series(1, 60) n;
SELECT pg_temp.state('v' || n, '2025-06-01', '2025-12-01', stage => 'S3'), pg_temp.state('v' || n, '2025-06-04', '2025-06-04', closed => 'won') FROM generate_series(1, 49) n;
-- Lost: no evidence. Amount and close date moved in the stage: it began before.
SELECT pg_temp.state('l' || n, '2025-01-01', '2025-12-01', stage => 'S1'), pg_temp.state('l' || n, '2025-12-01', '2025-12-01', closed => 'lost') FROM generate_series(1, 60) n;
SELECT results_eq($$ SELECT source_key, stage, bound, typical, deals, reason FROM threshold WHERE stage IS NOT NULL $$,
  $$ VALUES ('s', 'S1', 54::numeric, 30::numeric, 60::bigint, NULL), ('s', 'S2', 5, 5, 60, NULL),
            ('s', 'S3', NULL, NULL, 49, '49 stays of won deals in the stage, 50 are needed') $$, 'P90 of 1 to 60 days is 54');
-- Cycles are 6 to 65 days and 49 times 3: P90 is the 99th of 109, which is 55.
SELECT is((SELECT bound FROM threshold WHERE flag = 'stalled' AND stage IS NULL AND segment = '(all)'), 55::numeric, 'and of the cycles 55');
SELECT pg_temp.state('s1_54', date '2026-01-10' - 54, '2026-03-31', stage => 'S1'), pg_temp.state('s1_55', date '2026-01-10' - 55, '2026-03-31', stage => 'S1'),
       pg_temp.state('s2_6', date '2026-01-10' - 6, '2026-03-31', stage => 'S2'), pg_temp.state('s3_50', date '2026-01-10' - 50, '2026-03-31', stage => 'S3'),
       pg_temp.state('both', date '2026-01-10' - 55, '2026-03-31', stage => 'S1', created => date '2026-01-10' - 110),
       pg_temp.state('moved', date '2026-01-10' - 55, '2026-03-31', stage => 'S1');
INSERT INTO opportunity_history SELECT * FROM opportunity WHERE id = 'moved';
UPDATE opportunity SET amount = 7, effective_at = '2026-01-05', recorded_at = '2026-01-05' WHERE id = 'moved';
SELECT results_eq($$ SELECT id, reason, value, bound, deals FROM risk WHERE flag = 'stalled' ORDER BY id $$,
  $$ VALUES ('both', '110 days old; nine in ten won deals of unknown segment took up to 55 (109 deals, half of them up to 11)', 110::numeric, 55::numeric, 109::bigint),
            ('moved', '55 days in stage S1; nine in ten won deals had left it after 54 (60 stays, half of them up to 30)', 55, 54, 60),
            ('s1_55', '55 days in stage S1; nine in ten won deals had left it after 54 (60 stays, half of them up to 30)', 55, 54, 60),
            ('s2_6', '6 days in stage S2; nine in ten won deals had left it after 5 (60 stays, half of them up to 5)', 6, 5, 60) $$,
  'longer in a stage than won deals; of age and stage the one that is exceeded further');
ROLLBACK TO empty;

-- Rates --------------------------------------------------------------------------------------------------------------------
-- Due on 20 October: 60 deals never pushed, of which 15 are won in time, and 60 pushed to that day in September, of which 30 are.
SELECT pg_temp.state('p' || n, '2025-09-01', '2025-10-20'), pg_temp.state('q' || n, '2025-09-01', '2025-10-10'), pg_temp.state('q' || n, '2025-09-15', '2025-10-20')
FROM generate_series(1, 60) n;
SELECT pg_temp.state('p' || n, '2025-10-15', '2025-10-15', closed => 'won') FROM generate_series(1, 15) n;
SELECT pg_temp.state('q' || n, '2025-10-20', '2025-10-20', closed => 'won') FROM generate_series(1, 30) n;
-- Of 120, 75 were pushed: 0.625. Each cell counts the wider one as 20: (45 + 12.5) / 80 and so on.
SELECT results_eq($$ SELECT segment, cell, deals, hits, rate FROM rate WHERE question = 'pushed' $$,
  $$ VALUES (NULL, '{}'::text[], 120::bigint, 75::bigint, 0.625::float8),
            (NULL, '{up to 30 days left}', 120, 75, 0.625),
            (NULL, '{up to 30 days left,never pushed}', 60, 45, 0.71875),
            (NULL, '{up to 30 days left,never pushed,idle 15 to 60 days}', 60, 45, 0.7421875),
            (NULL, '{up to 30 days left,never pushed,idle 15 to 60 days,of unknown age}', 60, 45, 0.748046875),
            (NULL, '{up to 30 days left,pushed once}', 60, 30, 0.53125),
            (NULL, '{up to 30 days left,pushed once,idle 15 to 60 days}', 60, 30, 0.5078125),
            (NULL, '{up to 30 days left,pushed once,idle 15 to 60 days,of unknown age}', 60, 30, 0.501953125),
            ('(unknown)', '{}', 120, 75, 0.625) $$, 'pushed: neither won nor lost by the close date they had at quarter start');
SELECT results_eq($$ SELECT segment, bound, deals, rests_on FROM threshold WHERE flag = 'likely_to_push' $$,
  $$ VALUES ('(all)', 0.6667, 120::bigint, 'all segments'), ('(unknown)', 0.6667, 120, 'segment') $$, 'likely is two in three');
SAVEPOINT more;
SELECT pg_temp.state('r' || n, '2025-09-01', '2025-10-20') FROM generate_series(1, 80) n;
SELECT results_eq($$ SELECT segment, bound FROM threshold WHERE flag = 'likely_to_push' $$,
  $$ VALUES ('(all)', 0.7750), ('(unknown)', 0.7750) $$, 'or what is usual, if that is more: 155 of 200');
ROLLBACK TO more;
-- Due in the quarter and in Pipeline: 120 at its start, 75 after each of two months; 45 won. The weight counts as 20.
SELECT results_eq($$ SELECT cell, deals, hits, round(rate::numeric, 12) FROM rate WHERE question = 'won' AND deals > 0 AND cell <@ '{Pipeline,never pushed,idle over 60 days}' $$,
  $$ VALUES ('{Pipeline}'::text[], 270::bigint, 45::bigint, round(49 / 290.0, 12)), ('{Pipeline,never pushed}', 150, 15, round((15 + 20 * 49 / 290.0) / 170, 12)),
            ('{Pipeline,never pushed,idle over 60 days}', 45, 0, round(20 * ((15 + 20 * 49 / 290.0) / 170) / 65, 12)) $$, 'won by the end of the quarter');
SELECT is(sum(deals), 270::numeric, 'cells of a category add up to it') FROM rate WHERE question = 'won' AND cardinality(cell) = 4;
SELECT results_eq($$ SELECT round(bound::numeric, 12) FROM rate WHERE cell = '{Pipeline,never pushed,idle over 60 days}' $$,
  $$ SELECT round((20 * ((15 + 20 * 49 / 290.0) / 170) / 65 + 0.1), 12) $$, 'its bound: ten points above it, which is beyond the interval');

SELECT pg_temp.state('u1', '2025-12-20', '2026-01-30'), pg_temp.state('u3', '2025-12-20', '2026-03-31'), pg_temp.state('u4', '2025-12-20', '2026-01-10');
SELECT pg_temp.state('u2', '2025-12-01', '2026-01-20'), pg_temp.state('u2', '2025-12-20', '2026-01-30');
SELECT results_eq($$ SELECT id, value, bound, deals, reason FROM risk WHERE id ~ '^u' AND flag = 'likely_to_push' ORDER BY id $$,
  $$ VALUES ('u1', 0.7480, 0.6667, 60::bigint, '45 of 60 past deals like it (up to 30 days left, never pushed, idle 15 to 60 days, of unknown age) were neither won nor lost by the close date they had; with those less like it 74.8 %'),
            ('u4', 0.7480, 0.6667, 60, '45 of 60 past deals like it (up to 30 days left, never pushed, idle 15 to 60 days, of unknown age) were neither won nor lost by the close date they had; with those less like it 74.8 %') $$,
  'likely to push: not the one pushed once, nor the one with more time left than any before; a close date of today has not passed');
SELECT is((SELECT count(*) FROM risk WHERE flag = 'likely_to_push' AND reason = 'its close date passed 82 days ago' AND value = 1), 75::bigint, 'and the 75 whose date has passed');
SELECT is((SELECT count(*) FROM risk WHERE flag = 'category_above_evidence' AND id ~ '^p'), 45::bigint, 'deals never pushed and idle since September: 20 % is too much');
SELECT is(reason, 'Pipeline weighs 20 %; 0 of 45 past deals like it (Pipeline, never pushed, idle over 60 days, of unknown age) were won in time; with those less like it 1.0 % (0.2 to 5.8 %)', 'in words')
FROM risk WHERE flag = 'category_above_evidence' AND id = 'p60';
SELECT set_weight('default', 'Pipeline', 0.05, '2026-01-01');
SELECT is((SELECT count(*) FROM risk WHERE flag = 'category_above_evidence'), 0::bigint, 'a weight of 5 % is not');

-- Nothing learned later, nothing of the future.
CREATE TEMP TABLE before AS SELECT * FROM risk;
SELECT pg_temp.state('p20', '2026-01-11', '2025-10-12', closed => 'won'), pg_temp.state('q40', '2026-01-20', '2026-05-01'), pg_temp.state('y1', '2026-01-15', '2026-02-01');
SELECT set_weight('default', 'Pipeline', 0.9, '2026-01-20');
SELECT results_eq('SELECT r.*::text FROM risk r ORDER BY 1', 'SELECT b.*::text FROM before b ORDER BY 1', 'what is learned later changes nothing said before');

-- Kept bounds: the same as those learned on the spot, for a week, within the quarter, under the same weights.
-- However short the session that learns them prints numbers.
SET LOCAL extra_float_digits = -10;
SELECT ok(keep_risk('2026-01-10 12:00+00'), 'bounds are learned');
RESET extra_float_digits;
SELECT bag_eq($$ SELECT x.low, x.high, x.rate FROM kept_risk('2026-01-10 12:00+00') k CROSS JOIN LATERAL jsonb_to_recordset(k.rates) x(low float8, high float8, rate float8) $$,
  $$ SELECT r.low::float8, r.high::float8, r.rate::float8 FROM risk_rates('2026-01-10 12:00+00') r $$, '... with all digits');
SELECT results_eq('SELECT r.*::text FROM risk r ORDER BY 1', 'SELECT b.*::text FROM before b ORDER BY 1', '... and kept to the last digit');
SELECT ok(NOT keep_risk('2026-01-13 12:00+00'), 'three days later they still hold');
CREATE FUNCTION pg_temp.stalled_after(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS numeric LANGUAGE sql AS $$
  SELECT bound FROM salesops.risk_thresholds(as_of, known_at) WHERE flag = 'stalled' AND segment = 'Kept' $$;
INSERT INTO account (source_key, id, segment, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'k', 'Kept', false, '2025-01-01', '2025-01-01', 'sync');
SELECT pg_temp.state('k' || n, '2025-12-30', '2025-12-30', 100, 'won', 'k', created => '2025-12-20') FROM generate_series(1, 50) n;
SELECT is(pg_temp.stalled_after('2026-01-13'), NULL, 'so what is learned in between waits');
SELECT is(pg_temp.stalled_after('2026-01-09'), 10::numeric, 'an instant before them learns for itself');
SELECT is(pg_temp.stalled_after('2026-01-13', '2026-01-09'), 10::numeric, '... and so does one that knows no more than was known before');
SELECT is(pg_temp.stalled_after('2026-01-17 12:00+00'), 10::numeric, 'after a week they are learned anew');
SELECT ok(keep_risk('2026-01-17 12:00+00'), '... and kept anew');
SELECT is(pg_temp.stalled_after('2026-01-18'), 10::numeric, '... and stand');
SELECT set_weight('default', 'Pipeline', 0.2, '2026-01-18');
SELECT is((SELECT count(*) FROM kept_risk('2026-01-18')), 0::bigint, 'under other weights they do not');
SELECT throws_ok($$ DELETE FROM fitted_risk $$, '23001', NULL, 'what was learned stays');
SELECT throws_ok($$ SELECT * FROM deal_risk('infinity') $$, '22023', NULL, 'as_of must be finite');
SELECT throws_ok($$ SELECT * FROM deal_risk(NULL) $$, '22023', NULL, '... and known');

SELECT finish();
ROLLBACK;
