-- The slots of a year against brute force: a wall clock that is read every quarter of an hour.
--
-- The oracle knows nothing of "AT TIME ZONE" applied to a local time. It reads what the clock on the wall shows at each
-- instant of the year, and finds an instant for a local time there: the last one at which the wall shows it; and for a
-- time that the wall skips, as much after the last instant before the gap as it would be without the gap.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL TimeZone = 'UTC';
SELECT plan(16);

CREATE TEMPORARY TABLE wall (instant timestamptz, shows timestamp);
CREATE INDEX ON wall (shows, instant);

CREATE FUNCTION pg_temp.hang(zone text, year integer) RETURNS void LANGUAGE sql AS $$
  TRUNCATE wall;
  INSERT INTO wall
  SELECT t, t AT TIME ZONE zone
  FROM generate_series(make_timestamptz(year, 1, 1, 0, 0, 0, 'UTC') - interval '3 days',
                       make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC') + interval '3 days', interval '15 minutes') t;
  ANALYZE wall;
$$;

CREATE FUNCTION pg_temp.instant_of(local timestamp) RETURNS timestamptz LANGUAGE sql AS $$
  SELECT coalesce((SELECT max(w.instant) FROM wall w WHERE w.shows = local),
                  (SELECT w.instant + (local - w.shows) FROM wall w WHERE w.shows < local ORDER BY w.shows DESC, w.instant DESC LIMIT 1))
$$;

-- Days of the year that the wall shows, counted from both ends of their month.
CREATE FUNCTION pg_temp.expected(year integer, at_time time, weekdays integer[], month_days integer[], every interval)
RETURNS TABLE (local_date date, due_at timestamptz) LANGUAGE sql AS $$
  WITH calendar AS (
    SELECT d::date AS local_date, row_number() OVER (PARTITION BY date_trunc('month', d) ORDER BY d) AS from_start,
           -row_number() OVER (PARTITION BY date_trunc('month', d) ORDER BY d DESC) AS from_end
    FROM generate_series(make_date(year, 1, 1), make_date(year, 12, 31), interval '1 day') d
  ), day AS (
    SELECT c.local_date, pg_temp.instant_of(c.local_date + at_time) AS first, pg_temp.instant_of(c.local_date + 1 + time '00:00') AS midnight
    FROM calendar c
    WHERE EXISTS (SELECT FROM wall w WHERE w.shows >= c.local_date AND w.shows < c.local_date + 1)
      AND (weekdays IS NULL OR to_char(c.local_date, 'ID')::integer = ANY (weekdays))
      AND (month_days IS NULL OR c.from_start = ANY (month_days) OR c.from_end = ANY (month_days))
  )
  SELECT d.local_date, i
  FROM day d
  CROSS JOIN LATERAL (
    SELECT d.first AS i
    UNION ALL
    SELECT w.instant FROM wall w
    WHERE w.instant > d.first AND w.instant < d.midnight
      AND extract(epoch FROM w.instant - d.first)::integer % extract(epoch FROM every)::integer = 0) AS s
$$;

CREATE FUNCTION pg_temp.actual(year integer, zone text, at_time time, weekdays integer[], month_days integer[], every interval)
RETURNS TABLE (local_date date, due_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
  schedule salesops.schedule;
BEGIN
  PERFORM salesops.set_schedule('nightly', at_time, zone, weekdays => weekdays, month_days => month_days, every => every);
  SELECT * INTO schedule FROM salesops.schedule s WHERE s.job = 'nightly';
  RETURN QUERY
  SELECT d::date, s.due_at
  FROM generate_series(make_date(year, 1, 1), make_date(year, 12, 31), interval '1 day') d, salesops.day_slots(schedule, d::date) s;
END $$;

-- How many slots there are, and how many are on one side only.
CREATE FUNCTION pg_temp.compare(year integer, zone text, at_time time, weekdays integer[] DEFAULT NULL, month_days integer[] DEFAULT NULL,
                                every interval DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  WITH e AS MATERIALIZED (SELECT * FROM pg_temp.expected(year, at_time, weekdays, month_days, every)),
       a AS MATERIALIZED (SELECT * FROM pg_temp.actual(year, zone, at_time, weekdays, month_days, every)),
       differing AS ((TABLE e EXCEPT ALL TABLE a) UNION ALL (TABLE a EXCEPT ALL TABLE e))
  SELECT format('%s slots, %s differ', (SELECT count(*) FROM e), (SELECT count(*) FROM differing))
$$;

SELECT pg_temp.hang('America/New_York', 2026);
SELECT is(pg_temp.compare(2026, 'America/New_York', '02:30'), '365 slots, 0 differ', 'New York, a time that spring skips');
SELECT is(pg_temp.compare(2026, 'America/New_York', '01:30', every => '1 hour'), '8394 slots, 0 differ',
          'New York, hourly from 01:30: 365 days of 23, less one in spring, and none more in autumn, when 01:30 is the second one');
SELECT is(pg_temp.compare(2026, 'America/New_York', '00:00', every => '1 hour'), '8760 slots, 0 differ', 'New York, hourly: every hour of the year');
SELECT is(pg_temp.compare(2026, 'America/New_York', '10:00', '{1}'), '52 slots, 0 differ', 'New York, Monday 10:00');
SELECT pg_temp.hang('Europe/Berlin', 2026);
SELECT is(pg_temp.compare(2026, 'Europe/Berlin', '02:15'), '365 slots, 0 differ', 'Berlin, a time that is skipped and comes twice');
SELECT is(pg_temp.compare(2026, 'Europe/Berlin', '18:00', month_days => '{-1}'), '12 slots, 0 differ', 'Berlin, the last day of each month');
SELECT is(pg_temp.compare(2026, 'Europe/Berlin', '18:00', '{5}', '{-1,-2,-3,-4,-5,-6,-7}'), '12 slots, 0 differ', 'Berlin, the last Friday of each month');
SELECT is(pg_temp.compare(2026, 'Europe/Berlin', '07:00', '{1,2,3,4,5}', NULL, '15 minutes'), '17748 slots, 0 differ',
          'Berlin, working days from 07:00 on, every quarter of an hour: 261 days of 68');
SELECT pg_temp.hang('Australia/Lord_Howe', 2026);
SELECT is(pg_temp.compare(2026, 'Australia/Lord_Howe', '02:15'), '365 slots, 0 differ', 'Lord Howe, where the clock moves by half an hour');
SELECT is(pg_temp.compare(2026, 'Australia/Lord_Howe', '00:00', every => '30 minutes'), '17520 slots, 0 differ', '... every half an hour of the year');
SELECT pg_temp.hang('Pacific/Apia', 2011);
SELECT is(pg_temp.compare(2011, 'Pacific/Apia', '02:00'), '364 slots, 0 differ', 'Apia, whose year 2011 had no 30 December');
SELECT is(pg_temp.compare(2011, 'Pacific/Apia', '02:00', month_days => '{30}'), '10 slots, 0 differ', '... so 30 December is not made up for');
SELECT pg_temp.hang('America/Nuuk', 2025);
SELECT is(pg_temp.compare(2025, 'America/Nuuk', '23:30'), '365 slots, 0 differ', 'Nuuk, where a Saturday lost its last hour: that day runs all the same');
SELECT is(pg_temp.compare(2025, 'America/Nuuk', '23:00', every => '15 minutes'), '1457 slots, 0 differ', '... and its quarters of an hour belong to no day twice');
-- Of 2026 the releases of tzdata do not say the same.
SELECT pg_temp.hang('America/Havana', 2025);
SELECT is(pg_temp.compare(2025, 'America/Havana', '00:00', every => '1 hour'), '8760 slots, 0 differ', 'Havana, where midnight is skipped and comes twice');
SELECT is(pg_temp.compare(2025, 'America/Havana', '00:30'), '365 slots, 0 differ', '... half an hour later too');

SELECT * FROM finish();
ROLLBACK;
