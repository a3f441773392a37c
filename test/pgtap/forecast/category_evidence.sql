-- Category weights as posteriors, on deals counted by hand; the marks they rest on.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(40);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- A further state of a deal; the one before it becomes history. closed: won, lost, or NULL = open.
CREATE FUNCTION pg_temp.state(id text, since timestamptz, category text, close date, amount numeric DEFAULT 100, closed text DEFAULT NULL,
                              recorded timestamptz DEFAULT NULL, owner text DEFAULT 'ann') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity_history SELECT o.* FROM salesops.opportunity o WHERE o.id = state.id;
  DELETE FROM salesops.opportunity o WHERE o.id = state.id;
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, forecast_category, amount, currency, close_date, created_at,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, 'Stage of no map', category, amount, 'USD', close, since, closed IS NOT NULL, coalesce(closed = 'won', false), false,
          since, coalesce(recorded, since), 'sync')
$$;

-- Marks ----------------------------------------------------------------------------------------------------------------

SELECT results_eq(
  $$ SELECT period::text, months_to_go, mark, period_end FROM past_marks('2026-02-10', 2) ORDER BY mark $$,
  $$ VALUES ('FY2025-Q3', 3, timestamptz '2025-06-30 23:59:59.999999+00', date '2025-09-30'),
            ('FY2025-Q3', 2, '2025-07-31 23:59:59.999999+00', '2025-09-30'), ('FY2025-Q3', 1, '2025-08-31 23:59:59.999999+00', '2025-09-30'),
            ('FY2025-Q4', 3, '2025-09-30 23:59:59.999999+00', '2025-12-31'), ('FY2025-Q4', 2, '2025-10-31 23:59:59.999999+00', '2025-12-31'),
            ('FY2025-Q4', 1, '2025-11-30 23:59:59.999999+00', '2025-12-31') $$,
  'three marks a quarter, of those that have ended');
SELECT is((SELECT max(period)::text FROM past_marks('2025-12-31 23:59:59.999999+00', 1)), 'FY2025-Q4', 'a quarter has ended with its last instant');
SELECT is((SELECT max(period)::text FROM past_marks('2025-12-31 23:59:59.999998+00', 1)), 'FY2025-Q3', '... and not before');
SAVEPOINT calendar;
SELECT set_setting('fiscal_year_start_month', '2'), set_setting('time_zone', 'America/New_York');
SELECT results_eq(
  $$ SELECT period::text, months_to_go, mark, period_end FROM past_marks('2026-02-10', 1) ORDER BY mark $$,
  $$ VALUES ('FY2026-Q4', 3, timestamptz '2025-11-01 03:59:59.999999+00', date '2026-01-31'),
            ('FY2026-Q4', 2, '2025-12-01 04:59:59.999999+00', '2026-01-31'), ('FY2026-Q4', 1, '2026-01-01 04:59:59.999999+00', '2026-01-31') $$,
  'in the calendar and zone of the settings, winter time too');
ROLLBACK TO calendar;
SELECT throws_ok($$ SELECT * FROM past_marks('infinity', 4) $$, '22023', NULL, 'as_of must be finite');
SELECT throws_ok($$ SELECT * FROM past_marks(NULL, 4) $$, '22023', NULL, '... and known');
SELECT throws_ok($$ SELECT * FROM category_evidence('2026-02-10', 0) $$, '22023', NULL, 'no quarter is no evidence');
SELECT throws_ok($$ SELECT * FROM category_evidence('2026-02-10', 41) $$, '22023', NULL, 'nor is more than ten years');

-- Day one --------------------------------------------------------------------------------------------------------------

SELECT results_eq($$ SELECT category::text, posterior::text, gap::text FROM category_evidence('2026-01-10') WHERE months_to_go = 3 $$,
  $$ VALUES ('Closed', '1', '0.00'), ('Commit', '0.9', '0.00'), ('Most Likely', '0.7', '0.00'), ('Best Case', '0.5', '0.00'), ('Pipeline', '0.2', '0.00'),
            ('Upside', '0.05', '0.00'), ('Omitted', '0', '0.00') $$, 'without history: 100/90/70/50/20/5/0, exactly');
SELECT is((SELECT count(*) FROM category_evidence('2026-01-10') WHERE deals = 0 AND amount IS NULL AND amount_posterior IS NULL), 21::bigint,
  'seven categories at three marks; no amount is unknown, not 0');
SELECT ok(bool_and(verdict LIKE '%the seed stands'), 'and says so') FROM category_evidence('2026-01-10');

-- Deals of one quarter, FY2025-Q4, asked on 2026-01-10 ---------------------------------------------------------------------
-- Six stand in Commit at its start and are due in it.
SELECT pg_temp.state('c1', '2025-08-01', 'Commit', '2025-12-15'), pg_temp.state('c1', '2025-10-20', 'Closed', '2025-10-20', closed => 'won');
SELECT pg_temp.state('c2', '2025-08-01', 'Commit', '2025-12-15'), pg_temp.state('c2', '2025-12-10', 'Closed', '2025-12-10', closed => 'won');
SELECT pg_temp.state('c3', '2025-08-01', 'Commit', '2025-12-15', 200), pg_temp.state('c3', '2025-12-31 20:00', 'Closed', '2025-12-31', 200, 'won');
SELECT pg_temp.state('c4', '2025-08-01', 'Commit', '2025-12-15'), pg_temp.state('c4', '2025-11-15', 'Omitted', '2025-11-15', closed => 'lost');
SELECT pg_temp.state('c5', '2025-08-01', 'Commit', '2025-12-15', NULL);
SELECT pg_temp.state('c6', '2025-08-01', 'Commit', '2025-10-01'), pg_temp.state('c6', '2026-01-05', 'Closed', '2026-01-05', closed => 'won');
-- One comes in October.
SELECT pg_temp.state('d1', '2025-10-05', 'Commit', '2025-12-20', -50), pg_temp.state('d1', '2025-12-20', 'Closed', '2025-12-20', -50, 'won');
-- Due in another quarter, or in none: no evidence.
SELECT pg_temp.state('n1', '2025-08-01', 'Commit', '2026-01-01'), pg_temp.state('n1', '2025-12-10', 'Closed', '2025-12-10', closed => 'won');
SELECT pg_temp.state('n2', '2025-08-01', 'Commit', NULL);
-- One moves up from Pipeline to Commit, one has no category, one is Omitted and won all the same.
SELECT pg_temp.state('m1', '2025-08-01', 'Pipeline', '2025-12-15'), pg_temp.state('m1', '2025-10-31 12:00', 'Commit', '2025-12-15'),
       pg_temp.state('m1', '2025-12-01', 'Closed', '2025-12-01', closed => 'won');
SELECT pg_temp.state('u1', '2025-08-01', 'Hope', '2025-12-15');
SELECT pg_temp.state('o1', '2025-08-01', 'Omitted', '2025-12-15'), pg_temp.state('o1', '2025-12-01', 'Closed', '2025-12-01', closed => 'won');

SELECT results_eq($$ SELECT months_to_go, quarters_seen, deals, wins FROM category_evidence('2026-01-10') WHERE category = 'Commit' $$,
  -- To go 2: c1 is won and gone; d1 and m1 are there. 1: c4 is gone too.
  $$ VALUES (3, 1::bigint, 6::bigint, 3::bigint), (2, 1, 7, 4), (1, 1, 6, 4) $$, 'Commit, counted by hand at the three marks');
SELECT is((SELECT posterior FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 3), trim_scale(21.0 / 26), '(3 + 20 x 0.9) / (6 + 20)');
SELECT is((SELECT gap FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 2), trim_scale(22.0 / 27) - 0.9, '(4 + 18) / 27 - 0.9');
SELECT results_eq($$ SELECT low, high FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 3 $$,
                  $$ SELECT low, high FROM share_interval((21.0 / 26 * 26)::float8, 26) $$, 'its interval: of 21 in 26');
SELECT results_eq($$ SELECT amount, amount_won, effective_deals, round(amount_posterior, 12) FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 3 $$,
  -- 100, 100 and 200 of 600 won; 600^2 / (4 x 100^2 + 200^2) = 4.5; (4.5 x 2/3 + 18) / 24.5
  $$ VALUES (600::numeric, 400::numeric, 4.5::numeric, round(21 / 24.5, 12)) $$, 'by amount: four and a half deals'' worth');
SELECT results_eq($$ SELECT category::text, months_to_go, deals, wins FROM category_evidence('2026-01-10') WHERE deals > 0 AND category <> 'Commit' ORDER BY 1, 2 $$,
  $$ VALUES ('Omitted', 1, 1::bigint, 1::bigint), ('Omitted', 2, 1, 1), ('Omitted', 3, 1, 1), ('Pipeline', 3, 1, 1) $$, 'the others; no category is none');
SELECT is((SELECT posterior FROM category_evidence('2026-01-10') WHERE category = 'Omitted' AND months_to_go = 3), trim_scale(1.0 / 21), 'Omitted, and won: 1 / 21');
SELECT is((SELECT verdict FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 3),
  'in line with the seed: 3 of 6 deals won, 80.8 % (65.4 to 90.3 %) against 90 %; mostly the seed, which counts as 20 deals', 'in words');
SELECT is((SELECT posterior FROM category_evidence('2026-01-10', 1) WHERE category = 'Commit' AND months_to_go = 3), trim_scale(21.0 / 26), 'the same from one quarter: there is no other');
SELECT is((SELECT sum(deals) FROM category_evidence('2025-12-31 12:00')), 0::numeric, 'while the quarter runs it is no evidence');

-- Who sees what when ------------------------------------------------------------------------------------------------------

SAVEPOINT later;
CREATE TEMP TABLE before AS SELECT e.category::text AS category, e.months_to_go, e.deals, e.wins, e.posterior, e.amount_posterior, e.verdict FROM category_evidence('2026-01-10') e;
SELECT pg_temp.state('c5', '2026-01-20', 'Closed', '2025-12-01', 1000, 'won'), pg_temp.state('x1', '2026-01-20', 'Commit', '2026-02-01'),
       pg_temp.state('c2', '2026-02-01', 'Pipeline', '2026-03-01');
SELECT set_weight('default', 'Commit', 0.5, '2026-01-11');
SELECT results_eq($$ SELECT e.category::text, e.months_to_go, e.deals, e.wins, e.posterior, e.amount_posterior, e.verdict FROM category_evidence('2026-01-10') e $$,
                  'SELECT * FROM before', 'what is learned later changes nothing said before');
SELECT is((SELECT wins FROM category_evidence('2026-01-10', known_at => 'infinity') WHERE category = 'Commit' AND months_to_go = 3), 3::bigint,
  'asked with what is known today, c5 was won in time and c2 was opened again');
SELECT is((SELECT seed FROM category_evidence('2026-02-10') WHERE category = 'Commit' AND months_to_go = 3), 0.5, 'the seed is the set''s weight of as_of');
ROLLBACK TO later;

-- A hundred more: now the deals outvote the seed.
SELECT pg_temp.state('p' || n, '2025-08-01', 'Pipeline', '2025-11-15') FROM generate_series(1, 100) n;
SELECT is((SELECT verdict FROM category_evidence('2026-01-10') WHERE category = 'Pipeline' AND months_to_go = 3),
  'wins less than the seed says: 1 of 101 deals won, 4.1 % (2.0 to 8.2 %) against 20 %', '(1 + 4) / 121');
SELECT pg_temp.state('p' || n, '2025-12-15', 'Closed', '2025-12-15', closed => 'won') FROM generate_series(1, 90) n;
SELECT alike((SELECT verdict FROM category_evidence('2026-01-10') WHERE category = 'Pipeline' AND months_to_go = 3),
  'wins more than the seed says: 91 of 101 deals won, 78.5 \% %', '(91 + 4) / 121');

-- Written as weights ----------------------------------------------------------------------------------------------------

SELECT throws_ok($$ SELECT recalibrate_weights('2026-01-10', 'default') $$, '22023', 'weight set "default" cannot be its own seed', 'a seed is not learned from the deals it will be asked about');
SELECT throws_ok($$ SELECT recalibrate_weights('2026-01-10', NULL) $$, '22023', NULL, 'a set has a name');
SELECT throws_ok($$ SELECT recalibrate_weights('2026-01-10', 'learned', months_to_go => 4) $$, '22023', NULL, 'a quarter has three months');
SELECT throws_ok($$ SELECT recalibrate_weights('2026-01-10', 'learned', seed_set => 'nobody''s') $$, '42704', NULL, 'an unknown seed');
SELECT results_eq($$ SELECT category::text, seed, weight FROM recalibrate_weights('2026-01-10', 'learned') $$,
  $$ VALUES ('Closed', 1.00, 1::numeric), ('Commit', 0.90, 0.8077), ('Most Likely', 0.70, 0.7), ('Best Case', 0.50, 0.5), ('Pipeline', 0.20, 0.7851),
            ('Upside', 0.05, 0.05), ('Omitted', 0.00, 0.0476) $$, 'the posteriors at quarter start, to 0.01 %');
SELECT is(weights('learned', '2026-01-10'), ARRAY[0.0476, 0.05, 0.7851, 0.5, 0.7, 0.8077, 1], 'hold from as_of on');
SELECT is(weights('default', '2026-01-10'), weights('default', '2026-01-09'), 'nobody else''s weights move');
SELECT results_eq($$ SELECT name, valid_from, known_at, quarters, months_to_go, seed_set, seed, deals, wins FROM weight_evidence WHERE category = 'Commit' $$,
  $$ VALUES ('learned', timestamptz '2026-01-10', timestamptz '2026-01-10', 4, 3, 'default', 0.9, 6::bigint, 3::bigint) $$, 'where it came from is kept');
SELECT throws_ok($$ SELECT recalibrate_weights('2026-01-10', 'learned') $$, '23505', NULL, 'the same instant twice');
SELECT lives_ok($$ SELECT recalibrate_weights('2026-01-11', 'learned', months_to_go => 1) $$, 'a later one, at another mark');
SELECT is((weights('learned', '2026-01-11'))[6], round(22.0 / 26, 4), '(4 + 18) / 26');
SELECT throws_ok($$ DELETE FROM weight_evidence $$, '23001', NULL, 'and never changed');
SELECT is((SELECT count(*) FROM weight_evidence), 14::bigint, 'seven rows each time');

-- Deals first read on 2026-01-05 from a CRM that kept no history: of the closed ones nobody knows what category they had.
SELECT pg_temp.state('old', '2025-08-01', 'Commit', '2025-12-15', recorded => '2026-01-05');
SELECT is((SELECT deals FROM category_evidence('2026-01-10') WHERE category = 'Commit' AND months_to_go = 3), 6::bigint,
  'a category that nobody recorded at the time is no evidence');

SELECT finish();
ROLLBACK;
