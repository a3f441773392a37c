-- fiscal_period: forms, calendar, arithmetic, edges.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS salesops;
SET search_path = salesops, public;
SET datestyle = 'ISO, YMD';

-- Three forms; case, separator and a month's leading zero are free, the year has four digits.
SELECT label, label::fiscal_period AS period
FROM unnest(ARRAY['FY2026', 'FY2026-Q4', 'FY2026-M03', 'fy2026', 'FY2026Q4', 'fy2026 q4', 'FY2026_M3', 'FY2026-M12',
                  ' FY2026 ', 'FY0001', 'FY9999-M12']) AS label;
SELECT 'FY26'::fiscal_period;
SELECT 'FY2026-Q5'::fiscal_period;
SELECT label, recognize_fiscal_period(label)
FROM unnest(ARRAY['FY26', 'FY20260', 'FY0000', '2026-Q4', 'FY2026-', 'FY2026-Q', 'FY2026-Q0', 'FY2026-Q5', 'FY2026-Q44',
                  'FY2026-M00', 'FY2026-M13', 'FY2026-M003', 'FY2026-W1', 'FY-2026', 'FY2026x', '', NULL, 'FY2026-Q1']) AS label;

-- FYn is named for the year it ends in. With a start in February, FY2026 is February 2025 to January 2026.
SELECT day, fiscal_year(day, 2), fiscal_quarter(day, 2), fiscal_month(day, 2)
FROM unnest(ARRAY['2025-01-31', '2025-02-01', '2025-04-30', '2025-05-01', '2025-12-31', '2026-01-31', '2026-02-01']::date[]) AS day;
-- With a start in January (the default) it is the calendar year; in October, the United States government's.
SELECT fiscal_year('2026-01-01'), fiscal_quarter('2026-12-31'), fiscal_month('2026-03-15'),
       fiscal_year('2026-10-01', 10), fiscal_quarter('2026-09-30', 10), fiscal_month('2026-10-01', 10),
       fiscal_month('2026-11-30', 12), fiscal_month('2026-12-01', 12);

-- First and last day, inclusive, leap years too.
SELECT period, start_date(period, start_month), end_date(period, start_month)
FROM (VALUES ('FY2026'::fiscal_period, 1), ('FY2026', 2), ('FY2026-Q1', 2), ('FY2026-Q4', 2), ('FY2026-M01', 10),
             ('FY2024-M02', 1), ('FY2100-M02', 1), ('FY2000-M02', 1), ('FY2027-M12', 12), ('FY0001', 2), ('FY9999', 1))
     AS v (period, start_month);
SELECT contains('FY2026-Q4', '2025-10-31', 2) AS day_before, contains('FY2026-Q4', '2025-11-01', 2) AS first,
       contains('FY2026-Q4', '2026-01-31', 2) AS last, contains('FY2026-Q4', '2026-02-01', 2) AS day_after,
       contains('FY2026', 'infinity') AS infinity, contains('FY2026', NULL) AS unknown;

-- Dates without a fiscal period.
SELECT fiscal_year('infinity'), fiscal_quarter('-infinity'), fiscal_month('10000-01-01'), fiscal_year('9999-12-01', 12),
       fiscal_year('0001-12-31 BC'), fiscal_year('5874897-12-31'), fiscal_year('9999-11-30', 12), fiscal_year('0001-01-01');
SELECT fiscal_year('2026-01-01', 13);
SELECT start_date('FY2026', 0);

-- Arithmetic keeps the grain.
SELECT 'FY2026-Q4'::fiscal_period + 1, 'FY2026-M03'::fiscal_period - 3, 'FY2026'::fiscal_period + (-26), 2 + 'FY2026-Q4'::fiscal_period;
SELECT 'FY2026-Q4'::fiscal_period - 'FY2025-Q3', 'FY2026-M01'::fiscal_period - 'FY2026-M12', 'FY2026'::fiscal_period - 'FY2000';
SELECT 'FY9999-M12'::fiscal_period + 1;
SELECT 'FY0001'::fiscal_period - 1;
SELECT 'FY2026'::fiscal_period + 2147483647;
SELECT 'FY2026'::fiscal_period - (-2147483648);
SELECT 'FY2026-Q1'::fiscal_period - 'FY2026';

-- Order: by start, the longer first.
SELECT p::fiscal_period AS period, grain(p::fiscal_period), year_of(p::fiscal_period), quarter_of(p::fiscal_period)
FROM unnest(ARRAY['FY2027', 'FY2026-M12', 'FY2026-Q2', 'FY2026-M04', 'FY2026-M03', 'FY2026-M01', 'FY2026-Q1', 'FY2026', 'FY2025-M12']) AS p
ORDER BY 1;
SELECT max(p::fiscal_period), min(p::fiscal_period) FROM unnest(ARRAY['FY2026', 'FY2026-Q4', 'FY2025-M12']) AS p;

-- Casts are never implicit, and the binary form is year, letter, number.
SELECT 'FY2026'::fiscal_period = 'FY2026'::varchar;
SELECT 'FY2026-Q4'::fiscal_period::text, 'FY2026-Q4'::text::fiscal_period, fiscal_period_send('FY2026-Q4');
SELECT pg_column_size('FY2026-Q4'::fiscal_period);
