-- Alerts about the chance to make the target, by hand: crossing, hysteresis, moves in a week, quiet nights, nights told again, a plan in
-- place of a quota, a threshold of one's own.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(27);

-- A night with a chance of so much; gives what is told.
CREATE FUNCTION pg_temp.night(day integer, probability float8, kind text DEFAULT 'quota', target numeric DEFAULT 100, scope text DEFAULT 'company')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  instant CONSTANT timestamptz := timestamptz '2026-10-01 02:00+00' + make_interval(days => day);
BEGIN
  INSERT INTO salesops.target_chance (as_of, period, scope, target_kind, target, probability) VALUES (instant, 'FY2026-Q4', scope, kind, target, probability);
  PERFORM salesops.check_forecast_alerts(instant);
  RETURN (SELECT string_agg(a.kind, ', ' ORDER BY a.kind) FROM salesops.forecast_alert a WHERE a.as_of = instant AND a.scope = night.scope);
END $$;
SELECT is(pg_temp.night(0, 0.62), NULL, 'a good chance is nothing to tell');
SELECT is(pg_temp.night(1, 0.5), NULL, 'one half is not under one half');
SELECT is(pg_temp.night(2, 0.49), 'target at risk', 'under it the target is at risk');
SELECT is((SELECT message FROM forecast_alert), 'FY2026-Q4, company: chance to make the quota of 100 is 49.0 %, 50.0 % the time before', '... in words');
SELECT is(pg_temp.night(3, 0.47), NULL, 'told once');
SELECT is(pg_temp.night(4, 0.53), NULL, 'a little above the threshold is not in reach yet');
SELECT is(pg_temp.night(5, 0.48), NULL, '... so that what wavers is not told again');
SELECT is(pg_temp.night(6, 0.55), 'target in reach', 'five points above it is');
SELECT is(pg_temp.night(7, 0.51), 'chance moved', 'from 62 % in seven days');
SELECT is(pg_temp.night(8, 0.39), 'target at risk', 'at risk again; that it moves was told yesterday');
SELECT is(pg_temp.night(14, 0.41), 'chance moved', 'seven days later a move of ten points is told again');
SELECT is((SELECT (before, bound)::text FROM forecast_alert WHERE as_of = '2026-10-15 02:00+00'), '(0.51,0.1)', '... against the night seven days before');
SELECT is(check_forecast_alerts('2026-10-15 02:00+00'), 0::bigint, 'a night told again tells nothing');
SELECT throws_ok($$UPDATE forecast_alert SET value = 1$$, '23001', NULL, 'what was told stays');
SELECT throws_ok($$SELECT check_forecast_alerts('infinity')$$, '22023', NULL, 'no instant');

-- A plan takes the place of the quota: nothing that was said of the quota is said of the plan.
SELECT is(pg_temp.night(22, 0.8, 'plan', 80), NULL, 'the chance of the plan has not moved from that of the quota');
SELECT is(pg_temp.night(29, 0.45, 'plan', 90), 'chance moved, target at risk', 'it has moved, and the plan is at risk though the quota was already');
SELECT results_eq($$SELECT target_kind, target, value, before, message FROM forecast_alert WHERE as_of = '2026-10-30 02:00+00' ORDER BY kind$$,
  $$VALUES ('plan', 90::numeric, 0.45::float8, 0.8::float8, 'FY2026-Q4, company: chance to make the plan of 90 is 45.0 %, 80.0 % a week before (of 80)'),
           ('plan', 90, 0.45, 0.8, 'FY2026-Q4, company: chance to make the plan of 90 is 45.0 %, 80.0 % the time before (of 80)')$$,
  '... and the message says of which, and that it was another amount');
SELECT is(pg_temp.night(30, 0.45), NULL, 'back to the quota: it is at risk still, which was told');

-- A threshold of one's own, with the same five points above it.
SELECT set_setting('alert_threshold', '0.8');
SELECT is(pg_temp.night(31, 0.8, scope => 'region:East'), NULL, 'a threshold of 80 %: at it');
SELECT is(pg_temp.night(32, 0.79, scope => 'region:East'), 'target at risk', '... under it');
SELECT is(pg_temp.night(33, 0.84, scope => 'region:East'), NULL, '... not five points above it');
SELECT is(pg_temp.night(34, 0.85, scope => 'region:East'), 'target in reach', '... five points above it');
SELECT is((SELECT string_agg(bound::text, ' ' ORDER BY as_of) FROM forecast_alert WHERE scope = 'region:East'), '0.8 0.85', 'the bounds are those it crossed');
SELECT throws_ok($$SELECT set_setting('alert_threshold', '0.96')$$, '22023', NULL, 'with five points above it nothing would be in reach');
SELECT throws_ok($$SELECT set_setting('alert_threshold', '50 %')$$, '22023', NULL, 'a probability, not a percentage');
SELECT throws_ok($$SELECT set_setting('alert_threshold', '0.0')$$, '22023', NULL, 'no chance is under 0');
SELECT * FROM finish();
ROLLBACK;
