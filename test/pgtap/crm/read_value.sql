-- Reading what exports call a number, a date, an instant, a yes; whatever cannot be read is NULL and never an error.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(19);

SELECT results_eq(
  $$SELECT v, salesops.read_number(v) FROM (VALUES
      (1, '1200'), (2, ' 1,200.50 '), (3, '$1,200'), (4, '(1,200)'), (5, '-$5'), (6, '40 %'), (7, '40%'), (8, '1.2e6'), (9, '+7'),
      (10, '.5'), (11, '5.'), (12, '12,345,678.9'), (13, '€ 5'), (14, '£5'), (15, '1e15'), (16, '-1000000000000000'),
      (17, E'\uFEFF42'), (18, E'7\r'), (19, '0')) t(n, v) ORDER BY n$$,
  $$VALUES ('1200', 1200), (' 1,200.50 ', 1200.50), ('$1,200', 1200), ('(1,200)', -1200), ('-$5', -5), ('40 %', 40), ('40%', 40),
      ('1.2e6', 1200000), ('+7', 7), ('.5', 0.5), ('5.', 5), ('12,345,678.9', 12345678.9), ('€ 5', 5), ('£5', 5), ('1e15', 1000000000000000),
      ('-1000000000000000', -1000000000000000), (E'\uFEFF42', 42), (E'7\r', 7), ('0', 0)$$,
  'numbers as people write them');
SELECT is_empty(
  $$SELECT v FROM unnest(ARRAY['', ' ', '-', '+', '.', '()', '(', '%', '$', ',', '1,2', '12,34', '1,2345', ',123', '1,,234', '1.200,50', '1 200', '12abc',
      'May-20', 'n/a', 'NaN', 'Infinity', '-inf', '0x10', '1e', '1e999', '1e100', '--5', '(-5)', '1.2.3', repeat('9', 201)]) v
    WHERE salesops.read_number(v) IS NOT NULL$$,
  'what is no number is NULL');
SELECT is(salesops.read_number(repeat('9', 200)), repeat('9', 200)::numeric, '200 digits are a number');
SELECT is(salesops.read_number(NULL), NULL, 'NULL is NULL');

SELECT is_empty(
  $$SELECT v FROM unnest(ARRAY[NULL, '', '  ', '-', 'None', 'null', 'NIL', 'nan', 'NaT', 'NA', 'n/a', 'N/A ', '#N/A']) v WHERE salesops.is_stated(v)$$,
  'words for nothing state nothing');
SELECT is_empty($$SELECT v FROM unnest(ARRAY['0', 'no', 'May-20', 'nothing', 'n', '--']) v WHERE NOT salesops.is_stated(v)$$, 'anything else states something');

SELECT results_eq(
  $$SELECT salesops.read_date(v, o) FROM (VALUES
      (1, '2026-04-01', 'YMD'), (2, '4/1/2026', 'MDY'), (3, '4/1/2026', 'DMY'), (4, '01-04-2026', 'DMY'), (5, '1 Apr 2026', 'YMD'), (6, 'April 1, 2026', 'MDY'),
      (7, '20260401', 'YMD'), (8, '2026-04-01 23:59:59.999', 'YMD'), (9, '2026-04-01T00:00:00', 'YMD'), (10, '2208-02-29', 'YMD'), (11, '1900-01-01', 'YMD'),
      (12, '4/1/26', 'MDY')) t(n, v, o) ORDER BY n$$,
  $$VALUES (date '2026-04-01'), (date '2026-04-01'), (date '2026-01-04'), (date '2026-04-01'), (date '2026-04-01'), (date '2026-04-01'),
      (date '2026-04-01'), (date '2026-04-01'), (date '2026-04-01'), (date '2208-02-29'), (date '1900-01-01'), (date '2026-04-01')$$,
  'dates in three orders, long ago and far away');
SELECT is_empty(
  $$SELECT v FROM unnest(ARRAY['', 'May-20', '20-May', 'May 2020', '2026', '2026-02-30', '1900-02-29', '2026-13-01', 'today', 'now', 'tomorrow', 'yesterday', 'epoch',
      'infinity', '-infinity', 'n/a', 'Q4 2026', '12:30', '20222-01-01', '1585699200000', '0044-03-15 BC', 'today 10:00', '2026-04-01 99:00', repeat('1', 61)]) v
    WHERE salesops.read_date(v) IS NOT NULL OR salesops.read_instant(v) IS NOT NULL$$,
  'what is no date, or one only by the clock, is NULL');
SELECT throws_ok($$SELECT salesops.read_date('2026-04-01', 'YDM')$$, '22023', NULL, 'an unknown order is the caller''s mistake');

-- A date written without a zone is itself; one written as an instant is the date there.
SELECT results_eq(
  $$SELECT salesops.read_date(v, 'YMD', z) FROM (VALUES
      (1, '2026-04-01T00:00:00Z', 'UTC'), (2, '2026-04-01T00:00:00.000+0000', 'UTC'), (3, '2026-04-01T03:59:59.999Z', 'America/New_York'),
      (4, '2026-03-31 23:30:00-04', 'America/New_York'), (5, '2026-03-31 20:00:00-04', 'UTC'), (6, '2026-04-01 03:00:00', 'America/New_York'),
      (7, '2026-03-31 23:30 America/New_York', 'UTC'), (8, '2026-03-31 16:00 UTC', 'Asia/Tokyo')) t(n, v, z) ORDER BY n$$,
  $$VALUES (date '2026-04-01'), (date '2026-04-01'), (date '2026-03-31'), (date '2026-03-31'), (date '2026-04-01'), (date '2026-04-01'),
      (date '2026-04-01'), (date '2026-04-01')$$,
  'the date of an instant is that of the zone asked for');

SELECT results_eq(
  $$SELECT salesops.read_instant(v, 'YMD', 'America/New_York') FROM (VALUES
      (1, '2026-04-01'), (2, '2026-04-01 12:00'), (3, '2026-04-01T12:00:00Z'), (4, '2026-04-01 12:00:00+02'), (5, '2026-01-01 12:00 Europe/Berlin'),
      (6, '2026-01-01 12:00 UTC'), (7, '2026-04-01 12:00:00.123456')) t(n, v) ORDER BY n$$,
  $$VALUES (timestamptz '2026-04-01 04:00+00'), (timestamptz '2026-04-01 16:00+00'), (timestamptz '2026-04-01 12:00+00'), (timestamptz '2026-04-01 10:00+00'),
      (timestamptz '2026-01-01 11:00+00'), (timestamptz '2026-01-01 12:00+00'), (timestamptz '2026-04-01 16:00:00.123456+00')$$,
  'an instant is local time of the zone asked for unless it names its own');

-- The session's own zone and order have no say, and stay as they were.
CREATE FUNCTION pg_temp.readings() RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', extract(epoch FROM salesops.read_instant('2026-04-01 12:00', 'YMD', 'UTC')), salesops.read_date('4/1/2026', 'MDY') - date '2026-01-01',
                   salesops.read_date('2026-04-01T00:00:00Z') - date '2026-01-01', extract(epoch FROM salesops.read_instant('2026-04-01T12:00:00Z'))) $$;
SET LOCAL timezone = 'Asia/Tokyo';
SET LOCAL datestyle = 'SQL, DMY';
SELECT is(pg_temp.readings(), '1775044800.000000 90 90 1775044800.000000', 'the same in Tokyo under DMY');
SET LOCAL timezone = 'America/Los_Angeles';
SET LOCAL datestyle = 'German, DMY';
SELECT is(pg_temp.readings(), '1775044800.000000 90 90 1775044800.000000', 'and in Los Angeles');
SELECT is(current_setting('DateStyle'), 'German, DMY', 'the order of the session is left alone');
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';

SELECT results_eq(
  $$SELECT salesops.read_boolean(v) FROM (VALUES (1, 'TRUE'), (2, 't'), (3, ' yes '), (4, '1'), (5, 'False'), (6, 'n'), (7, '0'), (8, 'maybe'), (9, ''), (10, '2')) t(n, v) ORDER BY n$$,
  $$VALUES (true), (true), (true), (true), (false), (false), (false), (NULL::boolean), (NULL), (NULL)$$, 'yes, no, neither');

-- Every readable date agrees with the server's own reading of it; a thousand days around the ends of years and months.
SELECT is_empty(
  $$SELECT d FROM (SELECT date '1899-12-25' + n * 113 AS d FROM generate_series(0, 1000) n) x
    WHERE salesops.read_date(to_char(d, 'YYYY-MM-DD')) IS DISTINCT FROM d OR salesops.read_date(to_char(d, 'DD.MM.YYYY'), 'DMY') IS DISTINCT FROM d
       OR salesops.read_date(to_char(d, 'MM/DD/YYYY'), 'MDY') IS DISTINCT FROM d$$, 'a thousand dates written three ways are read back');

-- Whole numbers, grouped and signed, are read back.
SELECT is_empty(
  $$SELECT x FROM (SELECT (n * 7919 * n) % 100000000000 - 50000000000 + n / 100.0 AS x FROM generate_series(1::bigint, 1000) n) t
    WHERE salesops.read_number(btrim(to_char(x, 'FM999,999,999,999,990.00'))) IS DISTINCT FROM x
       OR salesops.read_number('(' || abs(x) || ')') IS DISTINCT FROM -abs(x)$$, 'a thousand amounts written two ways are read back');

-- Nothing a keyboard can produce raises an error.
SELECT lives_ok(
  $$SELECT count(salesops.read_number(t)), count(salesops.read_date(t)), count(salesops.read_instant(t)), count(salesops.read_boolean(t)), count(salesops.is_stated(t))
    FROM (SELECT string_agg(substr('0123456789 ,.-+/:()%$eETZamj', 1 + (('x' || substr(md5(n || 'k' || k), 1, 7))::bit(28)::int % 27), 1), '') AS t
          FROM generate_series(1, 30000) n, generate_series(1, 12) k WHERE k <= 1 + n % 12 GROUP BY n) x$$,
  'thirty thousand random strings raise nothing');
SELECT is(
  (SELECT count(*) FROM (VALUES ('0001-01-01'), ('9999-12-31'), ('9999-12-31 23:59:59.999999'), ('0001-01-01 00:00+15')) t(v) WHERE salesops.read_instant(v, 'YMD', 'Pacific/Kiritimati') IS NULL), 0::bigint,
  'the first and the last day are read');

SELECT * FROM finish();
ROLLBACK;
