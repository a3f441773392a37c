-- Forecast calls: deadlines, what counts, how calls roll up, who is missing, what is refused, and the one-call report.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL timezone = 'UTC';
SELECT plan(74);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
\ir submissions_fixture.psql

-- Deadlines. 1 October 2024 is a Tuesday.
CREATE FUNCTION pg_temp.deadline(at timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT format('%s | %s | %s', to_char(d.cut_off, 'Dy DD.MM. HH24:MI'), to_char(d.roll_up, 'Dy DD.MM. HH24:MI'), d.forecast_week)
  FROM salesops.submission_deadline('FY2024-Q4', at) d
$$;
SELECT is(pg_temp.deadline(at), expected, at::text) FROM (VALUES
  (timestamptz '2024-10-02 12:00', 'Fri 04.10. 17:00 | Mon 07.10. 10:00 | 1'),
  ('2024-10-04 17:00', 'Fri 04.10. 17:00 | Mon 07.10. 10:00 | 1'),
  ('2024-10-04 17:00:01', 'Fri 04.10. 17:00 | Mon 07.10. 10:00 | 1'),
  ('2024-10-07 09:59:59', 'Fri 04.10. 17:00 | Mon 07.10. 10:00 | 1'),
  ('2024-10-07 10:00', 'Fri 11.10. 17:00 | Mon 14.10. 10:00 | 2'),
  ('2024-09-24 12:00', 'Fri 27.09. 17:00 | Mon 30.09. 10:00 | '),
  ('2024-12-29 12:00', 'Fri 27.12. 17:00 | Mon 30.12. 10:00 | 13'),
  ('2024-12-30 12:00', 'Tue 31.12. 23:59 | Mon 06.01. 10:00 | 14'),
  ('2025-06-01 12:00', 'Tue 31.12. 23:59 | Mon 06.01. 10:00 | 14')) v(at, expected);
SELECT is((SELECT cut_off FROM submission_deadline('FY2024-Q4', 'infinity')), '2024-12-31 23:59:59.999999'::timestamptz, 'for ever after it is the last one');
SELECT is((SELECT cut_off FROM submission_deadline('FY2024-Q4', NULL)), NULL, 'of no instant there is none');
SELECT is((SELECT cut_off FROM weekly_cut_off('-infinity')), NULL, 'nor of minus infinity');
SELECT throws_ok($$SELECT * FROM submission_deadline('FY2024', '2024-10-02')$$, '22023', NULL, 'a year is not called');
SELECT set_setting('time_zone', 'Europe/Berlin') \g /dev/null
SELECT is((SELECT cut_off FROM weekly_cut_off('2024-10-24')), '2024-10-25 15:00'::timestamptz, 'Friday 17:00 in Berlin, in summer');
SELECT is((SELECT cut_off FROM weekly_cut_off('2024-10-29')), '2024-11-01 16:00'::timestamptz, '... and in winter');
SELECT is((SELECT roll_up FROM weekly_cut_off('2024-10-26')), '2024-10-28 09:00'::timestamptz, 'the clocks go back between cut-off and roll-up');
SELECT set_setting('time_zone', 'UTC') \g /dev/null
SELECT is((SELECT count(*) FROM generate_series(timestamptz '2024-09-01', '2025-03-01', '5 hours 7 minutes') t, weekly_cut_off(t) w
           WHERE NOT (t < w.roll_up AND w.cut_off < w.roll_up AND w.cut_off - t <= '7 days' AND extract(isodow FROM w.cut_off) = 5)), 0::bigint,
          'every instant belongs to a Friday not further off than a week, before its roll-up');
SELECT set_forecast_deadline(4, '12:00', 4, '18:00', '2024-10-09');
SELECT is(pg_temp.deadline('2024-10-08 12:00'), 'Fri 11.10. 17:00 | Mon 14.10. 10:00 | 2', 'another deadline does not hold before it was set');
SELECT is(pg_temp.deadline('2024-10-10 12:30'), 'Thu 10.10. 12:00 | Thu 10.10. 18:00 | 2', 'from then on it does');
SELECT is(pg_temp.deadline('2024-10-10 18:00'), 'Thu 17.10. 12:00 | Thu 17.10. 18:00 | 3', 'a roll-up on the same day');
SELECT set_forecast_deadline(3, '12:00', 3, '09:00', '2024-10-11');
SELECT is(pg_temp.deadline('2024-10-16 12:30'), 'Wed 16.10. 12:00 | Wed 23.10. 09:00 | 3', 'or a week later, hours before the next cut-off');
SELECT set_forecast_deadline(5, '17:00', valid_from => '2024-10-12');
SELECT throws_ok($$SELECT set_forecast_deadline(5, '17:00', 5, '17:00')$$, '22023', 'calls cannot be rolled up at the moment they are due', 'both at once is refused');
SELECT throws_ok($$SELECT set_forecast_deadline(8, '17:00')$$, '22023', 'a day of the week is a number from 1, Monday, to 7, Sunday', 'so is an eighth day');
SELECT throws_ok($$SELECT set_forecast_deadline(5, NULL)$$, '22004', 'cut_off_time must not be NULL', 'so is no time');
SELECT throws_ok($$SELECT set_forecast_deadline(5, '17:00', valid_from => '2024-10-12')$$, '23505', 'a deadline is already recorded as of 2024-10-12 00:00:00+00', 'so is the same instant twice');
SELECT throws_ok($$DELETE FROM forecast_deadline$$, '23001', NULL, 'deadlines are append-only');

-- Calls of week 3, cut-off Friday 18 October.
CREATE FUNCTION pg_temp.call(rep text, amount numeric, at timestamptz, category text DEFAULT 'Commit', by text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT format('week %s %s %s', c.forecast_week, CASE WHEN c.is_late THEN 'late' ELSE 'in time' END, c.prior_amount)
  FROM salesops.submit_forecast('s', rep, 'FY2024-Q4', category::salesops.forecast_category, amount, 'note of ' || rep, by, at) c
$$;
SELECT is(pg_temp.call('ada', 130, '2024-10-16 10:00'), 'week 3 in time 150', 'Ada calls 130 where her deals say 150');
SELECT is(pg_temp.call('ada', 135, '2024-10-17 10:00'), 'week 3 in time 150', 'corrects it');
SELECT is(pg_temp.call('ada', 90, '2024-10-19 10:00'), 'week 3 late 150', 'and calls again when it is too late');
SELECT is(pg_temp.call('abe', 20, '2024-10-20 10:00', by => 'mia'), 'week 3 late 40', 'Mia calls for Abe, late');
SELECT is(pg_temp.call('mia', 170, '2024-10-20 11:00'), 'week 3 late 162', 'her own call stands in for 7 + 135 + 20');
SELECT is(pg_temp.call('ada', 300, '2024-10-16 10:00', 'Best Case'), 'week 3 in time 180', 'another column is another call');
SELECT bag_eq($$SELECT rep_id, category::text, amount, is_late, calls, submitted_by FROM forecast_calls('FY2024-Q4', '2024-10-21', 'infinity')$$, $$VALUES
  ('ada', 'Commit', 135::numeric, false, 3::bigint, 'ada'), ('ada', 'Best Case', 300, false, 1, 'ada'), ('abe', 'Commit', 20, true, 1, 'mia'), ('mia', 'Commit', 170, true, 1, 'mia')$$,
  'the last in time counts; a late one where there is no other');
SELECT is((SELECT amount FROM forecast_calls('FY2024-Q4', '2024-10-16 12:00', 'infinity') WHERE rep_id = 'ada' AND category = 'Commit'), 130::numeric, 'as of Wednesday the first');
SELECT is_empty($$SELECT * FROM forecast_calls('FY2024-Q4', '2024-10-21')$$, 'what was recorded since was not known then');
SELECT bag_eq($$SELECT coalesce(rep_id, '-'), amount, called_below, called FROM forecast_called('FY2024-Q4', '2024-10-21 09:00', 'infinity') WHERE category = 'Commit'$$, $$VALUES
  ('ada', 150::numeric, 150::numeric, 135::numeric), ('abe', 40, 40, 20), ('mia', 197, 162, 170), ('ben', 15, 15, 15), ('max', 15, 15, 15), ('vera', 212, 185, 185), ('zed', 2, 2, 2), ('-', 3, 3, 3)$$,
  'calls roll up; where nobody called the deals stand');
SELECT bag_eq($$SELECT rep_id, called FROM forecast_called('FY2024-Q4', '2024-10-21 09:00', 'infinity', NULL, ARRAY[('s', 'abe', 'max')]::reporting_line[]) WHERE category = 'Commit' AND level < 3 AND rep_id <> 'zed'$$,
              $$VALUES ('mia', 170::numeric), ('max', 35), ('vera', 205)$$, 'also under a proposed tree: 15 + 20');

-- The next week: what was called before is the previous call.
SELECT is(pg_temp.call('ada', 140, '2024-10-23 10:00'), 'week 4 in time 150', 'the week after');
SELECT results_eq($$SELECT amount, previous_amount FROM forecast_calls('FY2024-Q4', '2024-10-24', 'infinity') WHERE rep_id = 'ada' AND category = 'Commit' ORDER BY cut_off$$,
                  $$VALUES (135::numeric, NULL::numeric), (140, 135)$$, 'each cut-off has its call and the one before');
SELECT is((SELECT called FROM forecast_called('FY2024-Q4', '2024-10-24', 'infinity') WHERE rep_id = 'mia' AND category = 'Commit'), 187::numeric,
          'last week''s calls do not count this week: 7 + 140 + 40');

-- Missing. Ida is inactive, Lea has left, Rob has nothing to call, Quy only a quota.
SELECT pg_temp.rep('ida', 'max', false), pg_temp.rep('lea', 'max', true, '2024-10-10'), pg_temp.rep('rob', 'max'), pg_temp.rep('quy', 'max'),
       pg_temp.deal('i1', 'ida', 'Commit', 1), pg_temp.deal('l1', 'lea', 'Commit', 1), pg_temp.quota('quy', 100), pg_temp.quota('mia', 1000) \g /dev/null
SELECT bag_eq($$SELECT rep, manager, because FROM expected_submitters('FY2024-Q4', '2024-10-24')$$, $$VALUES
  ('Vera', NULL, 'reports'), ('Mia', 'Vera', 'pipeline, quota, reports'), ('Max', 'Vera', 'reports'), ('Ada', 'Mia', 'pipeline'), ('Abe', 'Mia', 'pipeline'),
  ('Ben', 'Max', 'pipeline'), ('Quy', 'Max', 'quota')$$, 'who has to call, and because of what');
SELECT bag_eq($$SELECT rep_id, manager_id, forecast_week, last_amount, since_last_call FROM missing_submitters('FY2024-Q4', '2024-10-24', known_at => 'infinity')$$, $$VALUES
  ('vera', NULL, 4, NULL::numeric, NULL::interval), ('mia', 'vera', 4, 170, '3 days 13:00'), ('max', 'vera', 4, NULL, NULL), ('abe', 'mia', 4, 20, '3 days 14:00'),
  ('ben', 'max', 4, NULL, NULL), ('quy', 'max', 4, NULL, NULL)$$, 'who has not called this week, and how long ago the last call is');
SELECT bag_eq($$SELECT rep_id FROM missing_submitters('FY2024-Q4', '2024-10-21', 'Best Case', 'infinity')$$, $$VALUES ('vera'), ('mia'), ('max'), ('abe'), ('ben'), ('quy')$$,
              'column by column');
SELECT throws_ok($$SELECT * FROM missing_submitters('FY2024-Q4', '2024-10-21', 'Closed')$$, '22023', NULL, 'nobody is missing for what is not called');

-- Refused
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Commit', NULL, submitted_at => '2024-10-25')$$, '22004', NULL, 'no amount');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 'NaN', submitted_at => '2024-10-25')$$, '22023', NULL, 'NaN');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 'Infinity', submitted_at => '2024-10-25')$$, '22023', NULL, 'infinity');
SELECT is(pg_temp.call('ben', -4, '2024-10-25 09:00'), 'week 4 in time 15', 'a negative call is one: more is taken back than sold');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Closed', 1, submitted_at => '2024-10-25')$$, '22023', NULL, 'Closed is a fact');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Omitted', 1, submitted_at => '2024-10-25')$$, '22023', NULL, 'Omitted has no column');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q3', 'Commit', 1, submitted_at => '2024-10-25')$$, '22023', 'FY2024-Q3 is over: nothing is left to forecast', 'a past quarter');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024', 'Commit', 1, submitted_at => '2024-10-25')$$, '22023', NULL, 'a year');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', NULL, 'Commit', 1, submitted_at => '2024-10-25')$$, '22004', NULL, 'no quarter');
SELECT throws_ok($$SELECT submit_forecast('s', 'nobody', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-25')$$, '42704', $m$source 's' had no rep 'nobody'$m$, 'an unknown rep');
SELECT throws_ok($$SELECT submit_forecast('t', 'ada', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-25')$$, '42704', NULL, 'of another source');
SELECT throws_ok($$SELECT submit_forecast('s', 'ida', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-25')$$, '22023', 'Ida no longer sells', 'who is inactive');
SELECT throws_ok($$SELECT submit_forecast('s', 'lea', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-25')$$, '22023', 'Lea no longer sells', 'who has left');
SELECT lives_ok($$SELECT submit_forecast('s', 'lea', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-10 12:00')$$, 'not on the last day');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 1, submitted_by => ' ', submitted_at => '2024-10-25')$$, '22023', NULL, 'by nobody');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY9999-Q4', 'Commit', 1, submitted_at => '9998-10-25')$$, '22023', NULL, 'in the future');
SELECT throws_ok($$SELECT submit_forecast('s', 'ada', 'FY2024-Q4', 'Commit', 1, submitted_at => '2024-10-23 10:00')$$, '23505', 'a call of Commit by ada for FY2024-Q4 is already recorded as of 2024-10-23 10:00:00+00', 'twice at one instant');
SELECT throws_ok($$UPDATE forecast_submission SET amount = 1$$, '23001', NULL, 'calls are append-only');
SELECT throws_ok($$TRUNCATE forecast_submission$$, '23001', NULL, '... nothing is removed');
SELECT is((SELECT string_agg(DISTINCT role_name || ' ' || login_name, ', ') FROM forecast_submission), current_user || ' ' || session_user, 'who recorded it is kept');
SELECT is((submit_forecast('s', 'ada', current_quarter(clock()) + 1, 'Commit', 5)).prior_amount, 0::numeric, 'a coming quarter can be called, and now is the default');

-- The one-call report, on the Monday after week 4: Ada called 140, Ben -4; Mia took Abe down to 30 when his deals said 40, which are 55 now.
SELECT salesops.adjust_forecast('s', 'abe', 'FY2024-Q4', 'Commit', 30, 'Happy ears', 'mia', '2024-10-24 12:00') \g /dev/null
INSERT INTO salesops.opportunity_history SELECT * FROM salesops.opportunity WHERE id = 'd5';
UPDATE salesops.opportunity SET amount = 55, effective_at = '2024-10-26', recorded_at = '2024-10-26' WHERE id = 'd5';
SELECT pg_temp.quota('ada', 200) \g /dev/null
CREATE TEMP TABLE report AS SELECT * FROM forecast_submission_report('FY2024-Q4', '2024-10-28 09:00', known_at => 'infinity');
-- Deals: Ada 150, Abe 55, Mia 7, Ben 15, Ida and Lea 1 each below Max. Forecast: Mia 7 + 150 + 30 = 187, Max 17, Vera 204.
SELECT bag_eq($$SELECT rep, closed, open_pipeline, amount_without_adjustments, forecast_amount, called_below, call, previous_call, call_change FROM report$$, $$VALUES
  ('Vera', 110::numeric, 229::numeric, 229::numeric, 204::numeric, 200::numeric, NULL::numeric, NULL::numeric, NULL::numeric),
  ('Mia', 100, 222, 212, 187, 202, NULL, 170, NULL), ('Ada', 100, 100, 150, 150, 150, 140, 135, 5), ('Abe', 0, 115, 55, 30, 55, NULL, 20, NULL),
  ('Max', 10, 7, 17, 17, -2, NULL, NULL, NULL), ('Ben', 10, 5, 15, 15, 15, -4, NULL, NULL), ('Quy', 0, 0, 0, 0, 0, NULL, NULL, NULL),
  ('Ida', 0, 1, 1, 1, 1, NULL, NULL, NULL), ('Lea', 0, 1, 1, 1, 1, NULL, 1, NULL),
  ('(unknown owner)', 0, 2, 2, 2, 2, NULL, NULL, NULL), ('(none)', 0, 3, 3, 3, 3, NULL, NULL, NULL)$$, 'figures and calls, node by node');
SELECT bag_eq($$SELECT rep, is_missing, because FROM report WHERE because IS NOT NULL$$, $$VALUES
  ('Vera', true, 'reports'), ('Mia', true, 'pipeline, quota, reports'), ('Max', true, 'reports'), ('Ada', false, 'pipeline, quota'), ('Abe', true, 'pipeline'), ('Ben', false, 'pipeline'), ('Quy', true, 'quota')$$,
  'who is missing');
SELECT bag_eq($$SELECT rep, manager_adjustment, manager_reason, manager_prior_change FROM report WHERE manager_adjustment IS NOT NULL OR owner_adjustment IS NOT NULL$$,
              $$VALUES ('Abe', 30::numeric, 'Happy ears', 15::numeric)$$, 'an adjustment with its reason, and by how much the figure under it has moved');
-- Mia's quota of 1000 is stated for her team, Ada's 200 in it; Quy's 100 is all that is below Max. Vera's is the sum of Ada's and
-- Quy's: a quota for a team is in no sum.
SELECT bag_eq($$SELECT rep, quota, gap_after_call FROM report WHERE quota IS NOT NULL$$, $$VALUES
  ('Vera', 300::numeric, 96::numeric), ('Mia', 1000, 813), ('Ada', 200, 60), ('Max', 100, 83), ('Quy', 100, 100)$$, 'quota less the call, or less the forecast where nobody has called');
SELECT results_eq('SELECT rep FROM report WHERE rep_id IS NOT NULL AND source_key = ''s'' AND path[1] = ''vera'' LIMIT 4', $$VALUES ('Vera'), ('Max'), ('Ben'), ('Ida')$$,
                  'from the top down');
SELECT is((SELECT called_below FROM forecast_submission_report('FY2024-Q4', '2024-10-28 09:00', 'Best Case', 'infinity') WHERE rep_id = 'vera'), 259::numeric,
          'of another column: nobody called Best Case in week 4');
SELECT bag_eq($$SELECT rep_id, amount_without_adjustments, called_below FROM forecast_submission_report('FY2024-Q4', '2024-10-28 09:00', known_at => 'infinity', moves => ARRAY[('s', 'abe', 'max')]::reporting_line[]) WHERE rep_id IN ('mia', 'max')$$,
              $$VALUES ('mia', 157::numeric, 147::numeric), ('max', 72, 53)$$, 'and under a proposed tree');
SELECT throws_ok($$SELECT * FROM forecast_submission_report('FY2024-Q4', '2024-10-28', 'Closed')$$, '22023', NULL, 'Closed is not called');

-- A call in another currency is no longer comparable.
SELECT set_setting('corporate_currency', 'EUR') \g /dev/null
SELECT is_empty($$SELECT * FROM forecast_calls('FY2024-Q4', '2024-10-24', 'infinity')$$, 'calls in dollars are none in euros');
SELECT set_setting('corporate_currency', 'USD') \g /dev/null

SELECT * FROM finish();
ROLLBACK;
