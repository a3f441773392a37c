-- The laws of fiscal_period, against date arithmetic done by the server, for every start month.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(17);

-- Every 11th day of fourteen years, two of them leap years at century ends, under each start month.
CREATE TEMP TABLE day AS
SELECT d::date AS day, start_month, fiscal_year(d::date, start_month) AS fy, fiscal_quarter(d::date, start_month) AS fq,
       fiscal_month(d::date, start_month) AS fm
FROM (SELECT generate_series('1997-01-01', '2004-12-31', interval '11 days')
      UNION ALL SELECT generate_series('2099-01-01', '2104-12-31', interval '11 days')) AS days (d),
     generate_series(1, 12) AS start_month;

-- The oracle: move the date so that the fiscal year becomes the calendar year, then ask the server.
SELECT is(count(*), 0::bigint, 'year, quarter and month agree with shifted calendar dates')
FROM day, LATERAL (SELECT date_trunc('month', day) + make_interval(months => (13 - start_month) % 12) AS shifted) AS s
WHERE fy::text <> to_char(shifted, '"FY"YYYY') OR fq::text <> to_char(shifted, '"FY"YYYY"-Q"Q')
   OR fm::text <> to_char(shifted, '"FY"YYYY"-M"MM');
SELECT ok(bool_and(contains(fy, day, start_month) AND contains(fq, day, start_month) AND contains(fm, day, start_month)),
          'a date lies in its periods') FROM day;
SELECT ok(bool_and(NOT contains(fq + 1, day, start_month) AND NOT contains(fm - 1, day, start_month)), 'and in no neighbour') FROM day;
SELECT ok(bool_and(start_date(p + 1, start_month) = end_date(p, start_month) + 1), 'periods follow each other without a gap')
FROM day, unnest(ARRAY[fy, fq, fm]) AS p;
SELECT ok(bool_and(start_date(fy, start_month) + interval '1 year' - interval '1 day' = end_date(fy, start_month)
               AND start_date(fq, start_month) + interval '3 months' - interval '1 day' = end_date(fq, start_month)
               AND start_date(fm, start_month) + interval '1 month' - interval '1 day' = end_date(fm, start_month)),
          'they last a year, three months and a month') FROM day;
SELECT ok(bool_and(extract(year FROM end_date(fy, start_month)) = substr(fy::text, 3)::int), 'FYn ends in the year n') FROM day;
SELECT ok(bool_and(quarter_of(fm) = fq AND year_of(fm) = fy AND year_of(fq) = fy AND quarter_of(fq) = fq AND year_of(fy) = fy),
          'months lie in their quarters, quarters in their years') FROM day;
SELECT ok(bool_and((fq + n) - fq = n AND (fm + n) - n = fm AND n + fy = fy + n AND grain(fm + n) = 'month'), '+ and - undo each other')
FROM day, unnest(ARRAY[-1000, -4, -1, 0, 1, 5, 1000]) AS n;

-- Order: by first day, the longer first; hash; text and binary forms.
CREATE TABLE public.period AS SELECT DISTINCT p FROM day, unnest(ARRAY[fy, fq, fm]) AS p;
CREATE TEMP VIEW pair AS
SELECT a.p AS a, b.p AS b,
       ARRAY[start_date(a.p) - date '0001-01-01', start_date(a.p) - end_date(a.p)] AS ka,
       ARRAY[start_date(b.p) - date '0001-01-01', start_date(b.p) - end_date(b.p)] AS kb
FROM public.period AS a, public.period AS b;
SELECT ok(bool_and((a < b) = (ka < kb) AND (a <= b) = (ka <= kb) AND (a = b) = (ka = kb) AND (a <> b) = (ka <> kb)
               AND (a >= b) = (ka >= kb) AND (a > b) = (ka > kb)), 'order is by start, the longer first') FROM pair;
SELECT ok(bool_and((a = b) = (fiscal_period_hash(a) = fiscal_period_hash(b))), 'equal periods, and only they, have equal hashes') FROM pair;
SELECT ok(bool_and(p::text::fiscal_period = p AND recognize_fiscal_period(lower(p::text)) = p), 'the text form round-trips') FROM public.period;
SELECT ok(bool_and(amvalidate(oid)) AND count(*) = 2, 'both operator classes are valid')
FROM pg_opclass WHERE opcintype = 'salesops.fiscal_period'::regtype;

SET LOCAL enable_seqscan = off;
CREATE INDEX ON public.period (p);
SELECT results_eq('SELECT max(p), min(p) FROM public.period',
                  $$VALUES ('FY2105-M11'::fiscal_period, 'FY1997'::fiscal_period)$$, 'latest and earliest');
CREATE TABLE public.period_copied (LIKE public.period);
DO $$
DECLARE
  file text := current_setting('data_directory') || '/fiscal_period_test.copy';
BEGIN
  EXECUTE format('COPY public.period TO %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY public.period_copied FROM %L WITH (FORMAT binary)', file);
  EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -f -- ''%s''', file));
END;
$$;
SELECT bag_eq('TABLE public.period', 'TABLE public.period_copied', 'binary COPY round-trips');
CREATE TABLE public.binary_in (period fiscal_period);
SELECT throws_ok(format(
  $q$COPY public.binary_in FROM PROGRAM $p$printf 'PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000\000\001\000\000\000\004%s\377\377'$p$ WITH (FORMAT binary)$q$,
  bytes), '22P03', NULL, 'binary ' || bytes || ' is refused')
FROM unnest(ARRAY['\000\000Y\001', '\007\352Q\005', '\007\352W\001']) AS bytes;

SELECT * FROM finish();
ROLLBACK;
