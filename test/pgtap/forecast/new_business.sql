-- How far it is, what comes in of deals not yet open, and what list prices are worth: by hand.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(16);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

SELECT is((SELECT (h.day, h.period, h.start_date, h.end_date, h.months_to_go, h.label)::text FROM forecast_horizon('2026-10-31 23:59:59.999999+00') h),
          '(2026-11-01,FY2026-Q4,2026-10-01,2026-12-31,2,"Q4, week 5")', 'at a mark two months are left');
SELECT is((SELECT (h.period, round(h.months_to_go, 6))::text FROM forecast_horizon('2026-11-20 00:00+00') h), '(FY2026-Q4,1.366667)',
          'a day that has begun is still ahead: December and 11 of 30 days');
SELECT is((SELECT h.months_to_go FROM forecast_horizon('2026-11-20 23:00+00') h), (SELECT h.months_to_go FROM forecast_horizon('2026-11-20 00:00+00') h),
          'all day long it is equally far');
SELECT is((SELECT (h.period, h.months_to_go, h.label)::text FROM forecast_horizon('2026-09-30 23:59:59.999999+00') h),
          '(FY2026-Q4,3,"Q4, week 1")', 'at the last instant of a quarter the next one is asked about');
SELECT is((SELECT h::text FROM forecast_horizon('infinity') h), '(,,,,,)', 'for ever has no quarter');
SELECT set_setting('fiscal_year_start_month', '2'), set_setting('time_zone', 'America/New_York');
SELECT is((SELECT (h.day, h.period, h.end_date, h.months_to_go)::text FROM forecast_horizon('2027-01-01 04:00+00') h),
          '(2026-12-31,FY2027-Q4,2027-01-31,1.03225806451613)', 'in the calendar and the zone of the settings, across a year');
SELECT set_setting('fiscal_year_start_month', '1'), set_setting('time_zone', 'UTC');

SELECT results_eq($$SELECT m, new_business_share(3, m), new_business_share(2.25, m), new_business_share(0.5, m) FROM generate_series(3, 1, -1) m$$,
                  $$VALUES (3, 1::numeric, 0.25, 0::numeric), (2, 0, 0.75, 0), (1, 0, 0, 0.5)$$, 'between two marks it is by days, and nothing at the end');
-- mean 105, squares 25 + 25 + 225 + 225, floor 2 x 52.5^2: 1.25 x 6012.5 / 5 = 1503.125
SELECT is((SELECT (s.mean, round(s.stddev::numeric, 6))::text FROM new_business_spread('{100,110,120,90}') s), '(105.0000000000000000,38.770156)', 'the spread by hand');
-- one quarter: 2 x (2 x 50^2) / 2 = 5000
SELECT is((SELECT (s.mean, round(s.stddev::numeric, 6))::text FROM new_business_spread('{100}') s), '(100.0000000000000000,70.710678)', 'one quarter alone has the floor');
SELECT is((SELECT (s.mean, s.stddev)::text FROM new_business_spread('{0,0}') s), '(0.00000000000000000000,0)', 'nothing has no spread');
SELECT is((SELECT s::text FROM new_business_spread('{}') s), '(,)', 'no quarter is unknown');

SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
CREATE FUNCTION pg_temp.deal(id text, owner text, amount numeric, created timestamptz, won date, list numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity_history (source_key, id, owner_id, amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, amount, won, created, false, false, false, created, created, 'sync');
  INSERT INTO salesops.opportunity (source_key, id, owner_id, amount, list_amount, close_date, created_at, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES ('s', id, owner, amount, list, won, created, true, true, false, won, won, 'sync');
$$;
-- Four deals of Q3: open since May; created in July, August, September. And one of Q1, whose quarter began before the first deal.
SELECT pg_temp.deal('old', 'ann', 1000, '2026-05-10', '2026-08-15'), pg_temp.deal('july', 'ann', 10, '2026-07-10', '2026-08-15'),
       pg_temp.deal('august', 'bob', 20, '2026-08-10', '2026-09-15'), pg_temp.deal('september', NULL, 40, '2026-09-10', '2026-09-20'),
       pg_temp.deal('first', 'ann', 5, '2026-01-10', '2026-03-15');
SELECT results_eq($$SELECT q.period::text FROM new_business_quarters('2026-10-20') q ORDER BY 1$$, $$VALUES ('FY2026-Q2'), ('FY2026-Q3')$$,
                  'the quarters that began after the first deal was created');
SELECT results_eq(
  $$SELECT h.period::text, h.months_to_go, h.owner_id, h.deals, h.amount FROM new_business_history('2026-10-20') h ORDER BY 1, 2 DESC, 3$$,
  $$VALUES ('FY2026-Q3', 3, 'ann', 1::bigint, 10::numeric), ('FY2026-Q3', 3, 'bob', 1, 20), ('FY2026-Q3', 3, NULL, 1, 40),
           ('FY2026-Q3', 2, 'bob', 1, 20), ('FY2026-Q3', 2, NULL, 1, 40), ('FY2026-Q3', 1, NULL, 1, 40)$$,
  'what came in after each mark, by owner');
SELECT is_empty($$SELECT * FROM new_business_history('2026-08-20')$$, 'nothing that happened later is known before');

SELECT results_eq($$SELECT segment, deals, ratio FROM price_realization('2026-10-20')$$, $$VALUES (NULL::text, 0::bigint, 1::numeric)$$,
                  'without history a list price is taken as it is');
-- 20 deals at half of 100: (20 x 50 + 20 x 100) / (20 x 100 + 20 x 100) = 0.75
SELECT pg_temp.deal('l' || n, 'ann', 50, '2026-07-10', '2026-08-15', 100) FROM generate_series(1, 20) n;
SELECT results_eq($$SELECT segment, deals, trim_scale(ratio) FROM price_realization('2026-10-20')$$, $$VALUES (NULL::text, 20::bigint, 0.75)$$,
                  'twenty deals at half price, against twenty at the full one');
SELECT * FROM finish();
ROLLBACK;
