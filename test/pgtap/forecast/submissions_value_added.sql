-- Override value-added: errors before and after against what was booked, by hand; what is judged and what is not.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(15);

CREATE FUNCTION pg_temp.rep(id text, manager text, source text DEFAULT 's') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.rep (source_key, id, manager_id, is_deleted, effective_at, recorded_at, origin)
  VALUES (source, id, manager, false, '2022-01-01', '2022-01-01', 'sync')
$$;
-- A won deal of the n-th quarter of 2023; a call or adjustment in its third week, on the 17th of its first month, noon.
CREATE FUNCTION pg_temp.won(owner text, n integer, amount numeric, source text DEFAULT 's') RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity (source_key, id, owner_id, stage, amount, close_date, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
  VALUES (source, owner || n || coalesce(amount, 0), owner, 'x', amount, make_date(2023, 3 * n, 1), true, true, false, make_date(2023, 3 * n, 1), make_date(2023, 3 * n, 1), 'sync')
$$;
CREATE FUNCTION pg_temp.call(rep text, n integer, before numeric, after numeric, source text DEFAULT 's', category text DEFAULT 'Commit', recorded timestamptz DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.forecast_submission (source_key, rep_id, period, category, submitted_at, amount, currency, submitted_by, cut_off, prior_amount, recorded_at)
  SELECT source, rep, salesops.fiscal_quarter(t::date), category::salesops.forecast_category, t, after, 'USD', rep, d.cut_off, before, coalesce(recorded, t)
  FROM (SELECT make_timestamptz(2023, 3 * n - 2, 17, 12, 0, 0, 'UTC') AS t) x, salesops.submission_deadline(salesops.fiscal_quarter(t::date), t) d
$$;
CREATE FUNCTION pg_temp.adjust(rep text, by text, n integer, before numeric, after numeric, source text DEFAULT 's', day integer DEFAULT 17, recorded timestamptz DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.forecast_adjustment (source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, currency, reason, cut_off, prior_amount, recorded_at)
  SELECT source, rep, salesops.fiscal_quarter(t::date), 'Commit', by, t, after, 'USD', 'why', d.cut_off, before, coalesce(recorded, t)
  FROM (SELECT make_timestamptz(2023, 3 * n - 2, day, 12, 0, 0, 'UTC') AS t) x, salesops.submission_deadline(salesops.fiscal_quarter(t::date), t) d
$$;
SELECT salesops.connect(s, 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}') FROM (VALUES ('s'), ('t')) v(s) \g /dev/null
SELECT pg_temp.rep('mia', NULL), pg_temp.rep('max', NULL), pg_temp.rep('ada', 'mia'), pg_temp.rep('abe', 'mia'), pg_temp.rep('cid', 'mia'), pg_temp.rep('nil', 'max'),
       pg_temp.rep('zoe', NULL, 't'), pg_temp.rep('yan', NULL, 't') \g /dev/null
-- Abe goes to Max on 1 September, between the third week of Q3 and that of Q4.
INSERT INTO salesops.rep_history SELECT * FROM salesops.rep WHERE id = 'abe';
UPDATE salesops.rep SET manager_id = 'max', effective_at = '2023-09-01', recorded_at = '2023-09-01' WHERE id = 'abe';

-- Ada is told 100 and calls 120, 90, 110, 100; she books 110, 80, 120, 100. Abe is told 50 and calls 60; he books 50, 40, 50, 60.
SELECT pg_temp.call('ada', n, 100, a), pg_temp.won('ada', n, y) FROM (VALUES (1, 120, 110), (2, 90, 80), (3, 110, 120), (4, 100, 100)) v(n, a, y) \g /dev/null
SELECT pg_temp.call('abe', n, 50, 60), pg_temp.won('abe', n, y) FROM (VALUES (1, 50), (2, 40), (3, 50), (4, 60)) v(n, y) \g /dev/null

-- Errors before 10 20 20 0, after 10 10 10 0; of Abe 0 10 0 10 and 10 20 10 0. Bookings 410 and 200.
SELECT bag_eq($$SELECT person_id, forecast_week, quarters, overrides, mean_error_before, mean_error_after, round(value_added::numeric, 9) AS value_added, round(bias::numeric, 9) AS bias
                FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15')$$, $$VALUES
  ('ada', NULL, 4::bigint, 4::bigint, 12.5::numeric, 7.5::numeric, 0.048780488::numeric, 0.024390244::numeric), ('ada', 3, 4, 4, 12.5, 7.5, 0.048780488, 0.024390244),
  ('abe', NULL, 4, 4, 5, 10, -0.1, 0.2), ('abe', 3, 4, 4, 5, 10, -0.1, 0.2)$$, 'errors before and after, their difference and the bias as shares of bookings: 20 / 410, 10 / 410; -20 / 200, 40 / 200');
-- Shrunken half way to everybody's mean, (20 / 102.5 - 20 / 50) / 8 and (10 / 102.5 + 40 / 50) / 8, for n = m = 4; the interval from a
-- calculation outside the database with floating point.
SELECT bag_eq($$SELECT person_id, round(shrunken_value_added::numeric, 9) AS shrunken_value_added, round(value_added_low::numeric, 9) AS value_added_low, round(value_added_high::numeric, 9) AS value_added_high,
                       round(shrunken_bias::numeric, 9) AS shrunken_bias, round(bias_low::numeric, 9) AS bias_low, round(bias_high::numeric, 9) AS bias_high, verdict
                FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE forecast_week IS NULL$$, $$VALUES
  ('ada', 0.011585366::numeric, -0.073864343::numeric, 0.097035075::numeric, 0.068292683::numeric, -0.009074397::numeric, 0.145659763::numeric, 'not shown'),
  ('abe', -0.062804878, -0.148254587, 0.022644831, 0.156097561, 0.078730481, 0.233464641, 'not shown')$$, 'shrunken, with intervals of 90 %');
SELECT is((SELECT round(shrunken_bias::numeric, 9) FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15', prior_quarters => 12) WHERE person_id = 'abe' AND forecast_week = 3),
          0.134146341, 'a stronger prior: (4 x 0.2 + 12 x 0.112195122) / 16');

-- Only quarters that had ended by then; too few of them are said to be.
SELECT bag_eq($$SELECT person_id, quarters, shrunken_bias, verdict, reason FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2023-11-01') WHERE forecast_week = 3$$, $$VALUES
  ('ada', 3::bigint, NULL::float8, 'not enough history', '3 of the 4 quarters it takes'), ('abe', 3, NULL, 'not enough history', '3 of the 4 quarters it takes')$$,
  'in November three quarters had ended: not enough history');
SELECT is_empty($$SELECT * FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2023-03-31')$$, 'in March none had');
SELECT is((SELECT count(*) FROM override_value_added('FY2023-Q1', 'FY2023-Q3', '2024-01-15', min_quarters => 3) WHERE reason IS NULL), 4::bigint, 'a lower bar');
SELECT is_empty($$SELECT * FROM override_value_added('FY2023-Q4', 'FY2023-Q1', '2024-01-15')$$, 'no quarters from the last to the first');
SELECT throws_ok($$SELECT * FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15', min_quarters => 0)$$, '22023', NULL, 'no bar at all is refused');
SELECT throws_ok($$SELECT * FROM override_value_added('FY2023', 'FY2023', '2024-01-15')$$, '22023', NULL, 'so is a year');

-- A manager's override is held against the node as it was in that week: Ada and Abe, in Q4 Ada alone.
SELECT pg_temp.call('mia', n, 150, 155) FROM generate_series(1, 4) n \g /dev/null
SELECT pg_temp.adjust('abe', 'mia', 1, 50, 45), pg_temp.adjust('mia', 'mia', 1, 155, 158) \g /dev/null
SELECT bag_eq($$SELECT kind, rep_id, period::text, amount_before, amount_after, actual FROM forecast_overrides('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE person_id = 'mia'$$, $$VALUES
  ('call', 'mia', 'FY2023-Q1', 150::numeric, 155::numeric, 160::numeric), ('call', 'mia', 'FY2023-Q2', 150, 155, 120), ('call', 'mia', 'FY2023-Q3', 150, 155, 170),
  ('call', 'mia', 'FY2023-Q4', 150, 155, 100), ('manager adjustment', 'abe', 'FY2023-Q1', 50, 45, 50), ('owner adjustment', 'mia', 'FY2023-Q1', 155, 158, 160)$$,
  'the actual is what the team of that week booked; who adjusts is judged, not who is adjusted');

-- What is not judged
SELECT pg_temp.call('cid', 1, 10, 12, category => 'Pipeline'), pg_temp.call('cid', 2, 10, 12, recorded => '2023-07-02'), pg_temp.call('cid', 3, NULL, 12),
       pg_temp.won('cid', 3, 5), pg_temp.call('cid', 4, 10, 12), pg_temp.won('cid', 4, NULL),
       pg_temp.adjust('cid', 'cid', 1, 10, 11, day => 17), pg_temp.adjust('cid', 'cid', 1, 10, NULL, day => 18),
       pg_temp.adjust('cid', 'cid', 2, 10, 11, recorded => '2023-07-02') \g /dev/null
SELECT is_empty($$SELECT * FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE person_id = 'cid'$$,
  'no pipeline call, none recorded after the quarter, none on an unknown figure, none with an unknown actual, none that was revoked in its week');
SELECT is((SELECT sum(overrides) FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15', 'infinity') WHERE person_id = 'cid' AND forecast_week IS NULL), 2::numeric,
  'known_at judges what was recorded later too');
SELECT pg_temp.call('nil', n, 10, 5) FROM generate_series(1, 4) n \g /dev/null
SELECT results_eq($$SELECT DISTINCT verdict, reason, value_added FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE person_id = 'nil'$$,
  $$VALUES ('not enough history', 'nothing was booked in any of them', NULL::float8)$$, 'who booked nothing has no share of it');

-- A quarter is one observation, however many weeks it was called in.
SELECT pg_temp.adjust('ada', 'ada', n, 100, 100 + w, day => 3 + 7 * w) FROM generate_series(1, 4) n, generate_series(0, 3) w \g /dev/null
SELECT bag_eq($$SELECT forecast_week, quarters, overrides FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE person_id = 'ada' AND kind = 'owner adjustment'$$,
  $$VALUES (NULL, 4::bigint, 16::bigint), (1, 4, 4), (2, 4, 4), (3, 4, 4), (4, 4, 4)$$, 'sixteen adjustments in four quarters');

-- Verdicts. Zoe is told 200, says about 100 and books 100; Yan is told 100, says about 200 and books 100.
SELECT pg_temp.call('zoe', n, 200, 99 + n % 2, 't'), pg_temp.won('zoe', n, 100, 't'), pg_temp.adjust('yan', 'yan', n, 100, 199 + n % 2, 't'), pg_temp.won('yan', n, 100, 't')
FROM generate_series(1, 4) n \g /dev/null
SELECT bag_eq($$SELECT person_id, kind, verdict FROM override_value_added('FY2023-Q1', 'FY2023-Q4', '2024-01-15') WHERE source_key = 't' AND forecast_week IS NULL$$,
  $$VALUES ('zoe', 'call', 'improves'), ('yan', 'owner adjustment', 'worsens')$$, 'who came closer every time improves, who went off every time worsens');

SELECT * FROM finish();
ROLLBACK;
