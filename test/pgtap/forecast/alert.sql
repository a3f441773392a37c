-- Alerts about the chance to make the quota, by hand: crossing, hysteresis, moves in a week, quiet nights, nights told again.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(15);

-- A night with a chance of so much; gives what is told.
CREATE FUNCTION pg_temp.night(day integer, probability float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  instant CONSTANT timestamptz := timestamptz '2026-10-01 02:00+00' + make_interval(days => day);
BEGIN
  INSERT INTO salesops.quota_chance (as_of, period, scope, quota, probability) VALUES (instant, 'FY2026-Q4', 'company', 100, probability);
  PERFORM salesops.check_forecast_alerts(instant);
  RETURN (SELECT string_agg(a.kind, ', ' ORDER BY a.kind) FROM salesops.forecast_alert a WHERE a.as_of = instant);
END $$;
SELECT is(pg_temp.night(0, 0.62), NULL, 'a good chance is nothing to tell');
SELECT is(pg_temp.night(1, 0.5), NULL, 'one half is not under one half');
SELECT is(pg_temp.night(2, 0.49), 'quota at risk', 'under it the quota is at risk');
SELECT is((SELECT message FROM forecast_alert), 'FY2026-Q4, company: chance to make the quota 49.0 %, 50.0 % the time before', '... in words');
SELECT is(pg_temp.night(3, 0.47), NULL, 'told once');
SELECT is(pg_temp.night(4, 0.53), NULL, 'a little above the threshold is not in reach yet');
SELECT is(pg_temp.night(5, 0.48), NULL, '... so that what wavers is not told again');
SELECT is(pg_temp.night(6, 0.55), 'quota in reach', 'five points above it is');
SELECT is(pg_temp.night(7, 0.51), 'chance moved', 'from 62 % in seven days');
SELECT is(pg_temp.night(8, 0.39), 'quota at risk', 'at risk again; that it moves was told yesterday');
SELECT is(pg_temp.night(14, 0.41), 'chance moved', 'seven days later a move of ten points is told again');
SELECT is((SELECT (before, bound)::text FROM forecast_alert WHERE as_of = '2026-10-15 02:00+00'), '(0.51,0.1)', '... against the night seven days before');
SELECT is(check_forecast_alerts('2026-10-15 02:00+00'), 0::bigint, 'a night told again tells nothing');
SELECT throws_ok($$UPDATE forecast_alert SET value = 1$$, '23001', NULL, 'what was told stays');
SELECT throws_ok($$SELECT check_forecast_alerts('infinity')$$, '22023', NULL, 'no instant');
SELECT * FROM finish();
ROLLBACK;
