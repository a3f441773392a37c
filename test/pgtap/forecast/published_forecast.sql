-- The published forecast: the product's worked example to the cent, what stands apart, quotas, calendar, snapshots.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(50);

CREATE FUNCTION pg_temp.deal(id text, owner text, category text, amount numeric, close date, currency text DEFAULT NULL,
                             product text DEFAULT NULL, recorded timestamptz DEFAULT '2026-11-01') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, forecast_category, amount, close_date, currency, product, quantity,
                                    is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, 'Stage of no map', category, amount, close, currency, product, 2,
          category = 'Closed', category = 'Closed', false, recorded, recorded, 'sync')
$$;
CREATE FUNCTION pg_temp.rep(id text, manager text, team text, active boolean DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.rep (source_key, id, name, manager_id, team, is_active, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, initcap(id), manager, team, active, false, '2026-01-01', '2026-01-01', 'sync')
$$;
CREATE FUNCTION pg_temp.quota(id text, rep text, period text, amount numeric, currency text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.quota (source_key, id, rep_id, period, amount, currency, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, rep, period::salesops.fiscal_period, amount, currency, false, '2026-01-01', '2026-01-01', 'sync')
$$;

SELECT is_empty($$SELECT * FROM forecast_by_owner('2026-11-21')$$, 'an empty database has no forecast, and no error');
SELECT results_eq($$SELECT deals, amount, weighted FROM weighted_forecast_table('FY2026-Q4', '2026-11-21') LIMIT 1$$,
                  $$VALUES (0::bigint, 0::numeric, 0::numeric)$$, 'its table has zeros');

SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
SELECT pg_temp.rep('ann', 'Greta Unlisted', 'East'), pg_temp.rep('bob', 'ann', 'East'), pg_temp.rep('cat', 'ann', 'West', false),
       pg_temp.rep('dan', 'dan', 'West'), pg_temp.rep('eve', 'bob', 'West');

-- The worked example of the product page: 2.4 M, 1.8, 3.2, 4.5 against 10 M.
SELECT pg_temp.deal('d1', 'ann', 'Closed', 2400000, '2026-11-30'), pg_temp.deal('d2', 'ann', 'Forecast', 1800000, '2026-12-31'),
       pg_temp.deal('d3', 'ann', 'BestCase', 3200000, '2026-10-01'), pg_temp.deal('d4', 'ann', 'Pipeline', 4500000, '2026-11-30');
SELECT pg_temp.quota('q1', 'bob', 'FY2026-Q4', 10000000);

SELECT results_eq(
  $$SELECT category_label, deals, amount, weight, weighted, cumulative FROM weighted_forecast_table('FY2026-Q4', '2026-11-21')$$,
  $$VALUES ('Closed', 1::bigint, 2400000::numeric, 1::numeric, 2400000::numeric, 2400000::numeric),
           ('Commit', 1, 1800000, 0.9, 1620000, 4200000), ('Most Likely', 0, 0, 0.7, 0, 4200000),
           ('Best Case', 1, 3200000, 0.5, 1600000, 7400000), ('Pipeline', 1, 4500000, 0.2, 900000, 9500000),
           ('Upside', 0, 0, 0.05, 0, NULL), ('Omitted', 0, 0, 0, 0, NULL)$$,
  'the weighted table of the worked example');
SELECT results_eq(
  $$SELECT weighted_total, weighted_commit, weighted_best_case, commit_total, closed, open_pipeline, quota, gap_to_quota,
           uncovered_share, required_win_rate, required_win_rate_label, pipeline_coverage, remaining_coverage
    FROM forecast_summary('FY2026-Q4', '2026-11-21')$$,
  $$VALUES (6520000::numeric, 4020000::numeric, 5620000::numeric, 4200000::numeric, 2400000::numeric, 9500000::numeric,
            10000000::numeric, 5980000::numeric, 0.348::numeric, 0.8::numeric, '80.0 %', 0.95::numeric, 1.25::numeric)$$,
  'its totals: 6.52, 4.02, 5.62, 4.2, gap 5.98, uncovered 34.8 %, required win rate 7.6 / 9.5');
SELECT results_eq(
  $$SELECT category_label, required_win_rate_label FROM weighted_forecast_table('FY2026-Q4', '2026-11-21')
    WHERE required_win_rate_label IS NOT NULL$$,
  $$VALUES ('Commit', 'not reachable'), ('Most Likely', 'not reachable'), ('Best Case', 'not reachable'),
           ('Pipeline', 'not reachable'), ('Upside', 'not reachable')$$,
  'no single category is enough: 7.6 M are missing');

-- 50/100/150/200
SELECT pg_temp.deal('e' || n, 'ann', c, a, '2027-02-01') FROM (VALUES (1, 'Closed', 50), (2, 'Commit', 100), (3, 'Best Case', 150), (4, 'Pipeline', 200)) v(n, c, a);
SELECT results_eq(
  $$SELECT cumulative FROM weighted_forecast_table('FY2027-Q1', '2026-11-21') WHERE category_label IN ('Closed', 'Commit', 'Best Case', 'Pipeline')$$,
  $$VALUES (50::numeric), (150), (300), (450)$$, '50/100/150/200 makes 50/150/300 and open pipeline 450');

-- Without a quota: unknown, not 0 and no division by zero.
SELECT results_eq(
  $$SELECT quota, gap_to_quota, uncovered_share, required_win_rate, required_win_rate_label, pipeline_coverage, remaining_coverage
    FROM forecast_summary('FY2027-Q1', '2026-11-21')$$,
  $$VALUES (NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, '(no quota)', NULL::numeric, NULL::numeric)$$,
  'without a quota everything held against one is NULL');
SELECT results_eq($$SELECT gap_to_quota, uncovered_share, required_win_rate, required_win_rate_label, pipeline_coverage, remaining_coverage
                    FROM forecast_measures('Closed: 50 (1 deal)', 0)$$,
                  $$VALUES (-50::numeric, NULL::numeric, 0::numeric, 'quota made', NULL::numeric, NULL::numeric)$$, 'a quota of 0 divides nothing');
SELECT is((SELECT required_win_rate_label FROM forecast_measures('Closed: 5 (1 deal)', 10)), 'not reachable', 'nothing open: not reachable');
SELECT is((SELECT required_win_rate_label FROM forecast_measures('Commit: unknown (1 deal, 1 without amount)', 10)), '(unknown)',
          'open deals without amounts: unknown');
SELECT is((SELECT required_win_rate_label FROM forecast_measures('Commit: 10 (1 deal)', 10)), '100.0 %', 'exactly 100 % is reachable');
SELECT is((SELECT required_win_rate_label FROM forecast_measures('Commit: 10 (1 deal)', 10.01)), 'not reachable', 'a cent more is not');

-- Who stands where
SELECT results_eq(
  $$SELECT owner, team, manager, manager_path, totals::text, quota FROM forecast_by_owner('2026-11-21') WHERE period::text = 'FY2026-Q4' ORDER BY 1$$,
  $$VALUES ('Ann', 'East', 'Greta Unlisted', 'Greta Unlisted > Ann',
            'Closed: 2400000 (1 deal), Commit: 1800000 (1 deal), Best Case: 3200000 (1 deal), Pipeline: 4500000 (1 deal)', NULL::numeric),
           ('Bob', 'East', 'Ann', 'Greta Unlisted > Ann > Bob', 'no deals', 10000000),
           ('Dan', 'West', 'Dan', 'Dan', 'no deals', NULL), ('Eve', 'West', 'Bob', 'Greta Unlisted > Ann > Bob > Eve', 'no deals', NULL)$$,
  'active reps without a deal stand in the current quarter with no deals; the inactive one does not');

-- What stands apart
SELECT pg_temp.deal('f1', 'bob', 'Commit', 900, '2027-05-01', 'EUR'), pg_temp.deal('f2', 'bob', 'Best Case', 5000, '2027-05-01', 'JPY'),
       pg_temp.deal('f3', 'bob', 'Pipeline', NULL, '2027-05-01'), pg_temp.deal('f4', 'zed', 'Upside', 40, '2027-05-01'),
       pg_temp.deal('f5', NULL, 'Pipeline', 70, NULL), pg_temp.deal('f6', 'bob', 'never heard of it', 7, '2027-05-01'),
       pg_temp.deal('f7', 'eve', 'Commit', NULL, '2027-05-01', NULL, 'widget'), pg_temp.deal('f8', 'eve', 'Commit', 1.25, '2027-05-01');
INSERT INTO salesops.product (source_key, id, name, list_price, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'widget', 'Widget', 250, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r1', 'EUR', '2026-01-01', 0.9, false, '2026-01-01', '2026-01-01', 'sync');

SELECT results_eq(
  $$SELECT category_label, deals, deals_without_amount, deals_unconvertible, amount, estimated_amount
    FROM weighted_forecast_table('FY2027-Q2', '2026-11-21') WHERE deals > 0$$,
  $$VALUES ('Commit', 3::bigint, 0::bigint, 0::bigint, 1501.25::numeric, 500::numeric), ('Best Case', 1, 0, 1, NULL, 0),
           ('Pipeline', 1, 1, 0, NULL, 0), ('Upside', 1, 0, 0, 40, 0), ('(none)', 1, 0, 0, 7, 0)$$,
  '900 EUR are 1000; 5000 JPY have no rate and are not added; 2 x 250 list price is an estimate; no category is a row of its own');
SELECT results_eq($$SELECT owner_id, category::text, currency, deals, amount FROM unconvertible_amounts('2026-11-21')$$,
                  $$VALUES ('bob', 'Best Case', 'JPY', 1::bigint, 5000::numeric)$$, 'the unconvertible amount stands in its own currency');
SELECT results_eq($$SELECT owner, totals::text FROM forecast_by_owner('2026-11-21') WHERE period IS NULL$$,
                  $$VALUES ('(none)', 'Pipeline: 70 (1 deal)')$$, 'a deal without a close date has a period of its own, one without owner an owner (none)');
SELECT is((SELECT amount FROM weighted_forecast_table(NULL, '2026-11-21') WHERE category_label = 'Pipeline'), 70::numeric,
          'period NULL is the table of deals without a close date');
SELECT is((SELECT owner FROM forecast_by_owner('2026-11-21') WHERE owner_id = 'zed'), '(unknown owner)', 'an owner who is no rep is shown');
SELECT throws_ok($$SELECT * FROM forecast_summary('FY2026', '2026-11-21')$$, '22023', NULL, 'a year is not a quarter');

-- Sums over children are the total
SELECT is((SELECT forecast_rollup(totals) FROM forecast_by_owner('2026-11-21')),
          (SELECT forecast_rollup(category, corporate_amount) FROM opportunity_state('2026-11-21')), 'all owners and quarters together are all deals');
SELECT is((SELECT sum(weighted) FROM weighted_forecast_table('FY2026-Q4', '2026-11-21')),
          (SELECT weighted_total FROM forecast_summary('FY2026-Q4', '2026-11-21')), 'categories add up to the weighted total');

-- Quotas
SELECT pg_temp.quota('q2', 'ann', 'FY2026-Q4', 12000000);
SELECT results_eq($$SELECT owner_id, quota, team_quota FROM forecast_by_owner('2026-11-21') WHERE coalesce(quota, team_quota) IS NOT NULL ORDER BY 1$$,
                  $$VALUES ('ann', NULL::numeric, 12000000::numeric), ('bob', 10000000, NULL)$$,
                  'the quota of a manager whose report has one stands for the team');
SELECT is((SELECT quota FROM forecast_summary('FY2026-Q4', '2026-11-21')), 10000000::numeric, 'and is not counted twice');
SELECT pg_temp.quota('m1', 'dan', 'FY2026-M10', 1), pg_temp.quota('m2', 'dan', 'FY2026-M11', 2), pg_temp.quota('m3', 'dan', 'FY2026-M12', 4),
       pg_temp.quota('m4', 'eve', 'FY2026-M10', 8), pg_temp.quota('y1', 'dan', 'FY2027', 16);
SELECT results_eq($$SELECT owner_id, period::text, quota FROM owner_quota('2026-11-21') WHERE owner_id IN ('dan', 'eve')$$,
                  $$VALUES ('dan', 'FY2026-Q4', 7::numeric)$$, 'three months make a quarter; one month and a year do not');
SELECT pg_temp.quota('u1', 'eve', 'FY2027-Q1', 100), pg_temp.quota('u2', 'eve', 'FY2027-Q1', 90, 'EUR'), pg_temp.quota('u3', 'dan', 'FY2027-Q1', 5, 'JPY'),
       pg_temp.quota('u4', 'dan', 'FY2027-Q1', 5);
SELECT results_eq($$SELECT owner_id, quota FROM owner_quota('2026-11-21') WHERE period::text = 'FY2027-Q1' ORDER BY 1$$,
                  $$VALUES ('dan', NULL::numeric), ('eve', 200)$$, 'foreign quotas are converted; one that cannot be makes the sum unknown');

-- Weights are versioned and named
SELECT set_weight('default', 'Pipeline', 0.1, '2026-11-10');
SELECT is((SELECT weighted_total FROM forecast_summary('FY2026-Q4', '2026-11-21')), 6070000::numeric, 'a weight changed on 10 November holds on the 21st');
SELECT is((SELECT weighted_total FROM forecast_summary('FY2026-Q4', '2026-11-09', 'infinity')), 6520000::numeric, 'but not on the 9th');
SELECT set_weight('cautious', 'Commit', 0.5, '2026-01-01');
SELECT throws_ok($$SELECT set_setting('weight_set', 'bold')$$, '42704', 'weight set "bold" does not exist', 'a weight set that is not there cannot be published by');
SELECT set_setting('weight_set', 'cautious');
SELECT is((SELECT weighted_commit FROM forecast_summary('FY2026-Q4', '2026-11-21')), 3300000::numeric, 'the setting names the weight set');
SELECT set_setting('weight_set', 'default');

-- Calendar and time zone
SELECT is(current_quarter('2026-12-31 23:30+00')::text, 'FY2026-Q4', 'in UTC the year has half an hour left');
SELECT set_setting('time_zone', 'Europe/Berlin');
SELECT is(current_quarter('2026-12-31 23:30+00')::text, 'FY2027-Q1', 'in Berlin it is over');
SELECT is((SELECT totals::text FROM forecast_by_owner('2026-12-31 23:30+00') WHERE owner = 'Ann' AND period::text = 'FY2026-Q4'),
          'Closed: 2400000 (1 deal), Commit: 1800000 (1 deal), Best Case: 3200000 (1 deal), Pipeline: 4500000 (1 deal)',
          'close dates do not move with the zone');
SELECT is(forecast_week('FY2026-Q4', '2026-10-07 12:00+00'), 1, '7 October is in week 1 of the quarter');
SELECT is(forecast_week('FY2026-Q4', '2026-10-07 22:30+00'), 2, 'its end in Berlin is the 8th, week 2');
SELECT is(forecast_week('FY2026-Q4', '2027-01-07 12:00+00'), NULL, 'outside the quarter there is no week');
SELECT set_setting('time_zone', 'UTC');
SELECT set_setting('fiscal_year_start_month', '2');
SELECT results_eq(
  $$SELECT period::text, sum(deals(totals, 'Commit'))::bigint FROM forecast_by_owner('2026-11-21') WHERE owner = 'Ann' AND totals::text <> 'no deals'
    GROUP BY period ORDER BY period$$,
  $$VALUES ('FY2027-Q3', 0::bigint), ('FY2027-Q4', 1), ('FY2028-Q1', 1)$$,
  'with fiscal years from February: 1 October is Q3 of FY2027, November to January Q4, 1 February opens FY2028');
SELECT set_setting('fiscal_year_start_month', '1');

-- Snapshots
SELECT is(take_snapshot('2026-11-21'), 6::bigint, 'a snapshot stores a row for each owner and quarter with deals');
SELECT is(take_snapshot('2026-11-21'), 0::bigint, 'a second one of the same instant stores nothing');
SELECT is_empty($$SELECT * FROM replay_snapshot('2026-11-21')$$, 'it replays');
SELECT throws_ok($$SELECT * FROM replay_snapshot('2026-11-20')$$, '42704', NULL, 'what was never taken does not replay');
SELECT results_eq($$SELECT count(*), sum(amount) FROM opportunity_snapshot WHERE snapshot_as_of = '2026-11-21'$$,
                  $$SELECT count(*), sum(amount) FROM opportunity_as_of('2026-11-21')$$, 'its deals are those of the instant');
SELECT pg_temp.deal('late', 'ann', 'Commit', 1, '2026-12-01', recorded => '2026-11-22');
INSERT INTO salesops.opportunity_history SELECT * FROM salesops.opportunity WHERE id = 'd2';
UPDATE salesops.opportunity SET amount = 1, effective_at = '2026-11-23', recorded_at = '2026-11-23' WHERE id = 'd2';
SELECT is_empty($$SELECT * FROM replay_snapshot('2026-11-21')$$, 'what happens later does not change it');
INSERT INTO salesops.currency_rate (source_key, id, currency, valid_from, per_corporate, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'r2', 'JPY', '2026-01-01', 100, false, '2026-01-01', '2026-01-01', 'sync');
SELECT results_eq($$SELECT owner_id, period::text, amount(stored, 'Best Case'), amount(replayed, 'Best Case'), reason FROM replay_snapshot('2026-11-21')$$,
                  $$VALUES ('bob', 'FY2027-Q2', NULL::numeric, 50::numeric, 'a map, rate or list price changed since')$$,
                  'a rate that came later is named as a difference');
SELECT throws_ok($$DELETE FROM forecast_snapshot$$, '23001', NULL, 'snapshots are append-only');

-- The page for people
SELECT results_eq($$SELECT line, btrim(amount), btrim(weighted) FROM forecast_report('FY2026-Q4', '2026-11-09', 'infinity') WHERE line IN ('Closed', 'Quota', 'Gap to quota', 'Uncovered share')$$,
                  $$VALUES ('Closed', '2,400,000.00', '2,400,000.00'), ('Quota', '10,000,007.00', ''), ('Gap to quota', '', '5,980,007.00'), ('Uncovered share', '', '34.8 %')$$,
                  'the report says it to the cent');
SELECT results_eq($$SELECT line, btrim(deals), btrim(amount) FROM forecast_report('FY2027-Q2', '2026-11-21') WHERE line ~ '^O[fp]' AND line <> 'Open pipeline'$$,
                  $$VALUES ('Of these, estimated at list price', '', '500.00'), ('Of these, without an amount', '1', ''),
                           ('Open without a close date: in no quarter', '1', '70.00')$$,
                  'and names what its figures hold or leave out');

-- Zeros because nothing was known are told from zeros.
CREATE FUNCTION pg_temp.last_line(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT r.line FROM forecast_report('FY2026-Q4', as_of, known_at) WITH ORDINALITY r ORDER BY r.ordinality DESC LIMIT 1
$$;
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, targets, sqlstate)
VALUES ('s', 'opportunity', '2026-10-30', 'full', '{}', NULL, '42P01'), ('s', 'rep', '2026-10-30', 'full', '{}', '{id}', NULL),
       ('s', 'opportunity', '2026-11-01', 'full', '{}', '{id}', NULL);
SELECT is(pg_temp.last_line('2026-10-31 23:59:59'), 'Nothing was known then: no sync of deals by that instant',
          'before the first sync of deals the report says that nothing was known');
SELECT isnt(pg_temp.last_line('2026-11-01'), 'Nothing was known then: no sync of deals by that instant', 'from that sync on it does not');
SELECT isnt(pg_temp.last_line('2026-10-31', 'infinity'), 'Nothing was known then: no sync of deals by that instant', 'nor with what is known today');
SELECT is(pg_temp.last_line('2026-11-21', '2026-10-31'), 'Nothing was known then: no sync of deals by that instant',
          'but for a later day, as known before');

SELECT * FROM finish();
ROLLBACK;
