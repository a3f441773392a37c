-- What the marts have in common: labels without NULLs, keys, and numbers that fit.

CREATE FUNCTION salesops.mart_label(label text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN label <> '' THEN label ELSE '(none)' END;
END;
COMMENT ON FUNCTION salesops.mart_label(text) IS
  'Label of a dimension: (none) for NULL and for empty text, because BI tools drop or hide NULLs';

CREATE FUNCTION salesops.mart_number(value numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN value > -1e32 AND value < 1e32 THEN value END;
END;
COMMENT ON FUNCTION salesops.mart_number(numeric) IS
  'A number as a mart can hold it, numeric(38,6); NULL for NaN, infinity and beyond +-1e32, so that one absurd amount '
  'never stops a refresh';

CREATE FUNCTION salesops.period_labels(period salesops.fiscal_period, start_month integer,
                                       OUT label text, OUT sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
                                       OUT start_date date, OUT end_date date)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT coalesce(period::text, '(none)'),
         coalesce(substr(period::text, 3, 4)::integer * 10 + substr(period::text, 9, 1)::integer, 99999),
         coalesce(salesops.year_of(period)::text, '(none)'), coalesce(substr(period::text, 8, 2), '(none)'),
         salesops.start_date(period, start_month), salesops.end_date(period, start_month);
END;
COMMENT ON FUNCTION salesops.period_labels(salesops.fiscal_period, integer) IS
  'A fiscal quarter as a mart shows it: FY2026-Q4, a number to sort by (20264; 99999 = none), FY2026, Q4, first and last '
  'day; (none) for NULL';
