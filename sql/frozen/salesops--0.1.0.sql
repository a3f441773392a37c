-- Generated from sql/ by make; do not edit.
\echo Use "CREATE EXTENSION salesops" to load this file. \quit
-- Names of ours are looked up in this schema every night. Who owns it, or put something into it before us, would choose what
-- they mean.
DO $$
DECLARE
  keeper text := (SELECT pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace n
                  JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                  WHERE n.nspname = 'salesops' AND NOT r.rolsuper AND r.rolname <> current_user);
BEGIN
  IF keeper IS NOT NULL THEN
    RAISE EXCEPTION 'schema salesops belongs to "%"', keeper USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = 'Its owner could put functions into it that would run with the rights of whoever calls ours.',
      HINT = 'Drop or rename the schema, or make yourself its owner after looking through it.';
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'salesops'::pg_catalog.regnamespace)
     OR EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = 'salesops'::pg_catalog.regnamespace)
     OR EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oprnamespace = 'salesops'::pg_catalog.regnamespace) THEN
    RAISE EXCEPTION 'schema salesops is not empty' USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Functions, relations, types or operators in it could take the place of those of the extension.',
      HINT = 'Move them to another schema first.';
  END IF;
END $$;
-- Tables whose rows are decisions or publications: a new row may be added, none is changed or removed, so that what was
-- said or published on a day stays known. The trigger's argument is the hint: what to do instead.

CREATE FUNCTION salesops.refuse_change()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'rows of salesops.% are never changed or removed', tg_table_name USING
    ERRCODE = 'restrict_violation',
    DETAIL = format('%s was refused.', tg_op),
    HINT = tg_argv[0];
END $$;
COMMENT ON FUNCTION salesops.refuse_change() IS 'Trigger that keeps a table append-only; its argument is the hint';
-- Settings are rows, not GUCs: they are dumped, restored and known before the library loads.
-- Defaults live in the function below; the table holds only what a user changed, each change as a row of its own.

CREATE TABLE salesops.setting (
  name   text NOT NULL,
  value  text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  set_by text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (name, set_at)
);
COMMENT ON TABLE salesops.setting IS 'Settings a user changed; the newest row of a name holds';
COMMENT ON COLUMN salesops.setting.name IS 'Name, one of salesops.settings()';
COMMENT ON COLUMN salesops.setting.value IS 'Value as text';
COMMENT ON COLUMN salesops.setting.set_at IS 'When it was set';
COMMENT ON COLUMN salesops.setting.set_by IS 'Who set it';
SELECT pg_catalog.pg_extension_config_dump('salesops.setting', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.setting
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_setting().');
COMMENT ON TRIGGER append_only ON salesops.setting IS 'Under which settings a number was published must stay known';

CREATE FUNCTION salesops.settings(OUT name text, OUT value text, OUT is_default boolean, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.name, coalesce(s.value, d.value), s.value IS NULL, d.meaning
  FROM (VALUES
    ('time_zone', 'UTC', 'Zone in which a date ends: as_of a date is its last instant here'),
    ('fiscal_year_start_month', '1', 'First month of the fiscal year, 1-12; FYn is named for the year it ends in'),
    ('corporate_currency', 'USD', 'ISO code of the currency that totals are in'),
    ('weight_set', 'default', 'Weight set of the published forecast'),
    ('run_log_keep', '400 days', 'How long runs stay in the run log')
  ) AS d(name, value, meaning)
  LEFT JOIN LATERAL (SELECT c.value FROM salesops.setting c WHERE c.name = d.name ORDER BY c.set_at DESC LIMIT 1) s ON true;
END;
COMMENT ON FUNCTION salesops.settings() IS 'Every setting with its present value, whether that is the default, and what it means';

CREATE FUNCTION salesops.get_setting(name text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT s.value FROM salesops.settings() s WHERE s.name = get_setting.name;
END;
COMMENT ON FUNCTION salesops.get_setting(text) IS 'Present value of a setting; NULL for an unknown name';

CREATE FUNCTION salesops.set_setting(name text, value text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  wanted text;
BEGIN
  IF salesops.get_setting(name) IS NULL THEN
    RAISE EXCEPTION 'unknown setting "%"', name USING
      ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM salesops.settings() lists them.';
  END IF;
  wanted := CASE name
    WHEN 'time_zone' THEN 'a zone of pg_timezone_names'
    WHEN 'fiscal_year_start_month' THEN 'a whole number from 1 to 12'
    WHEN 'corporate_currency' THEN 'an ISO 4217 code such as EUR'
    WHEN 'weight_set' THEN 'the name of a weight set'
    WHEN 'run_log_keep' THEN 'a number of days such as ''400 days'''
  END;
  IF value IS NULL
     OR name = 'time_zone' AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = value)
     OR name = 'fiscal_year_start_month' AND value !~ '^([1-9]|1[0-2])$'
     OR name = 'corporate_currency' AND value !~ '^[A-Z]{3}$'
     OR name = 'weight_set' AND value = ''
     OR name = 'run_log_keep' AND value !~ '^[1-9][0-9]{0,4} days$' THEN
    RAISE EXCEPTION 'invalid value for setting "%": %', name, coalesce(quote_literal(value), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('The setting takes %s.', wanted);
  END IF;
  INSERT INTO salesops.setting (name, value) VALUES (name, value);
END $$;
COMMENT ON FUNCTION salesops.set_setting(text, text) IS 'Set a setting from now on; 42704 for an unknown name, 22023 for a value it cannot take';
-- clock.sql: the clock by which is decided what is due and what lies in the future. A test sets it forward and back.

CREATE FUNCTION salesops.clock() RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_clock';
COMMENT ON FUNCTION salesops.clock() IS
  'What time it is for salesops: the wall clock, moved by the setting salesops.clock_offset (seconds, for tests)';
-- Dates and instants: as_of is an instant; a date means its last instant in the zone of the setting.

CREATE FUNCTION salesops.time_zone()
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.get_setting('time_zone');
END;
COMMENT ON FUNCTION salesops.time_zone() IS 'Zone in which dates begin and end (setting time_zone)';

CREATE FUNCTION salesops.end_of_day(day date)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (day + 1)::timestamp AT TIME ZONE salesops.time_zone() - interval '1 microsecond';
END;
COMMENT ON FUNCTION salesops.end_of_day(date) IS 'Last instant of a day in the zone of the setting: what "as of that date" means';

CREATE FUNCTION salesops.local_date(instant timestamptz)
RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (instant AT TIME ZONE salesops.time_zone())::date;
END;
COMMENT ON FUNCTION salesops.local_date(timestamptz) IS 'Day of an instant in the zone of the setting';

CREATE FUNCTION salesops.fiscal_year_start_month()
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.get_setting('fiscal_year_start_month')::integer;
END;
COMMENT ON FUNCTION salesops.fiscal_year_start_month() IS 'First month of the fiscal year (setting fiscal_year_start_month)';

-- What is recorded as of an instant stays, and nothing earlier can be recorded after it: a slip into the future would lock
-- out every day until then. The clock is read for this guard alone.
CREATE FUNCTION salesops.check_as_of(as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'as_of must be an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
  END IF;
  IF as_of > salesops.clock() + interval '1 day' THEN
    RAISE EXCEPTION 'as_of % lies in the future', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It is %s. What is recorded as of an instant locks out every earlier one.', salesops.clock()),
      HINT = 'Leave as_of out for now, or name an instant that has been.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_as_of(timestamptz) IS
  'Raises 22023 where an instant to record as of is NULL, infinite, or more than a day ahead of the clock';
-- Lenient reading of text that means a number, a date, an instant or a yes (see read_value.c).

CREATE FUNCTION salesops.is_stated(value text)
RETURNS boolean LANGUAGE c IMMUTABLE PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'salesops_is_stated';
COMMENT ON FUNCTION salesops.is_stated(text) IS
  'Whether a cell says anything: false for NULL, blanks and none, null, nil, nan, nat, na, n/a, #n/a, -';

CREATE FUNCTION salesops.read_number(value text)
RETURNS numeric LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'salesops_read_number';
COMMENT ON FUNCTION salesops.read_number(text) IS
  'Number in a text such as 1,200.50, $1200, (1200), 40 % or 1.2e6; NULL where it cannot be read as one';

CREATE FUNCTION salesops.read_date(value text, date_order text DEFAULT 'YMD', zone text DEFAULT 'UTC')
RETURNS date LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_read_date';
COMMENT ON FUNCTION salesops.read_date(text, text, text) IS
  'Calendar date in a text, ambiguous ones by date_order (YMD, MDY, DMY); a time of day is dropped, and only a text that names a zone is an instant and has the date of that instant in `zone`; NULL where it is no date of the years 1 to 9999';

CREATE FUNCTION salesops.read_instant(value text, date_order text DEFAULT 'YMD', zone text DEFAULT 'UTC')
RETURNS timestamptz LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'salesops_read_instant';
COMMENT ON FUNCTION salesops.read_instant(text, text, text) IS
  'Instant in a text; local time of `zone` where the text names none; NULL where it is no instant of the years 1 to 9999';

CREATE FUNCTION salesops.read_boolean(value text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'salesops_read_boolean';
COMMENT ON FUNCTION salesops.read_boolean(text) IS 'Yes or no in a text (t, true, y, yes, 1, on and their opposites); NULL for anything else';
-- forecast_category: how sure a seller says a deal is, ordered by confidence.
--
-- Omitted < Upside < Pipeline < Best Case < Most Likely < Commit < Closed. Text input reads every spelling that
-- Salesforce and HubSpot use, in any case; text output is the label. A column of this type is one byte.

CREATE TYPE salesops.forecast_category;

-- Input and output

CREATE FUNCTION salesops.forecast_category_in(cstring) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_in(cstring) IS 'text input of forecast_category';

CREATE FUNCTION salesops.forecast_category_out(salesops.forecast_category) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_out(salesops.forecast_category) IS 'text output of forecast_category';

CREATE FUNCTION salesops.forecast_category_recv(internal) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_recv(internal) IS 'binary input of forecast_category';

CREATE FUNCTION salesops.forecast_category_send(salesops.forecast_category) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_send(salesops.forecast_category) IS
  'binary output of forecast_category';

CREATE TYPE salesops.forecast_category (
  INPUT = salesops.forecast_category_in,
  OUTPUT = salesops.forecast_category_out,
  RECEIVE = salesops.forecast_category_recv,
  SEND = salesops.forecast_category_send,
  INTERNALLENGTH = 1,
  PASSEDBYVALUE,
  ALIGNMENT = char
);
COMMENT ON TYPE salesops.forecast_category IS
  'confidence in a deal: Omitted < Upside < Pipeline < Best Case < Most Likely < Commit < Closed';

-- Order and hash. Comparisons cannot fail and tell nothing but the order, hence LEAKPROOF: row security may push them
-- into an index.

CREATE FUNCTION salesops.forecast_category_lt(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_lt(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.forecast_category_le(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_le(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.forecast_category_eq(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_eq(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.forecast_category_ne(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_ne(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.forecast_category_ge(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_ge(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.forecast_category_gt(salesops.forecast_category, salesops.forecast_category) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_gt(salesops.forecast_category, salesops.forecast_category) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.forecast_category_lt, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.forecast_category, salesops.forecast_category) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.forecast_category_le, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.forecast_category, salesops.forecast_category) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.forecast_category_eq, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.forecast_category, salesops.forecast_category) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.forecast_category_ne, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.forecast_category, salesops.forecast_category) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.forecast_category_ge, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.forecast_category, salesops.forecast_category) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.forecast_category_gt, LEFTARG = salesops.forecast_category, RIGHTARG = salesops.forecast_category,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.forecast_category, salesops.forecast_category) IS 'greater than';

CREATE FUNCTION salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.forecast_category_sortsupport(internal) RETURNS void
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_sortsupport(internal) IS 'btree sort support';

CREATE FUNCTION salesops.forecast_category_hash(salesops.forecast_category) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_hash(salesops.forecast_category) IS 'hash';

CREATE FUNCTION salesops.forecast_category_hash_extended(salesops.forecast_category, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.forecast_category_hash_extended(salesops.forecast_category, bigint) IS
  'hash with a seed';

CREATE OPERATOR CLASS salesops.forecast_category_ops DEFAULT FOR TYPE salesops.forecast_category USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.forecast_category_cmp(salesops.forecast_category, salesops.forecast_category),
  FUNCTION 2 salesops.forecast_category_sortsupport(internal),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.forecast_category_ops USING btree IS 'btree indexes on forecast_category';
COMMENT ON OPERATOR CLASS salesops.forecast_category_ops USING btree IS 'btree indexes on forecast_category';

CREATE OPERATOR CLASS salesops.forecast_category_ops DEFAULT FOR TYPE salesops.forecast_category USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.forecast_category_hash(salesops.forecast_category),
  FUNCTION 2 salesops.forecast_category_hash_extended(salesops.forecast_category, bigint);
COMMENT ON OPERATOR FAMILY salesops.forecast_category_ops USING hash IS 'hash indexes on forecast_category';
COMMENT ON OPERATOR CLASS salesops.forecast_category_ops USING hash IS 'hash indexes on forecast_category';

-- Most and least confident

CREATE FUNCTION salesops.forecast_category_larger(salesops.forecast_category, salesops.forecast_category)
  RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_larger(salesops.forecast_category, salesops.forecast_category) IS
  'the larger of two';

CREATE FUNCTION salesops.forecast_category_smaller(salesops.forecast_category, salesops.forecast_category)
  RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_smaller(salesops.forecast_category, salesops.forecast_category) IS
  'the smaller of two';

CREATE AGGREGATE salesops.max(salesops.forecast_category) (
  SFUNC = salesops.forecast_category_larger, STYPE = salesops.forecast_category,
  COMBINEFUNC = salesops.forecast_category_larger, SORTOP = OPERATOR(salesops.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.max(salesops.forecast_category) IS
  'the most confident category; NULL where there is none';

CREATE AGGREGATE salesops.min(salesops.forecast_category) (
  SFUNC = salesops.forecast_category_smaller, STYPE = salesops.forecast_category,
  COMBINEFUNC = salesops.forecast_category_smaller, SORTOP = OPERATOR(salesops.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.min(salesops.forecast_category) IS
  'the least confident category; NULL where there is none';

-- Casts. Only varchar is implicit: that is what drivers bind strings as. A cast to text is never implicit, or
-- category > 'Pipeline' could silently compare alphabetically.

CREATE CAST (varchar AS salesops.forecast_category) WITH INOUT AS IMPLICIT;
COMMENT ON CAST (varchar AS salesops.forecast_category) IS
  'reads every spelling; implicit, so that bound parameters work';

CREATE CAST (text AS salesops.forecast_category) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.forecast_category) IS 'reads every spelling; an unknown one is an error';

CREATE CAST (salesops.forecast_category AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.forecast_category AS text) IS 'the label';

CREATE FUNCTION salesops.forecast_category_rank(category salesops.forecast_category) RETURNS smallint
  AS 'MODULE_PATHNAME', 'salesops_forecast_category_rank' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_category_rank(salesops.forecast_category) IS
  'sort rank of a category: 10 (Omitted), 20, ... 70 (Closed); it never changes, and the gaps leave room';

CREATE CAST (salesops.forecast_category AS smallint)
  WITH FUNCTION salesops.forecast_category_rank(salesops.forecast_category);
COMMENT ON CAST (salesops.forecast_category AS smallint) IS 'the sort rank, 10 (Omitted) to 70 (Closed)';

-- Meaning

CREATE FUNCTION salesops.recognize_forecast_category(label text) RETURNS salesops.forecast_category
  AS 'MODULE_PATHNAME', 'salesops_recognize_forecast_category' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.recognize_forecast_category(text) IS
  'the category with that spelling in any CRM, NULL where there is none; never an error';

CREATE FUNCTION salesops.weight(category salesops.forecast_category) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weight' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weight(salesops.forecast_category) IS
  'default share of the amount expected to be booked, 0 to 1: Closed 1, Commit 0.9, Most Likely 0.7, Best Case 0.5, '
  'Pipeline 0.2, Upside 0.05, Omitted 0';

CREATE FUNCTION salesops.forecast_categories(
  OUT category salesops.forecast_category, OUT label text, OUT rank smallint, OUT weight numeric, OUT is_open boolean
) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'salesops_forecast_categories' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 7;
COMMENT ON FUNCTION salesops.forecast_categories() IS
  'the categories in rank order: label, sort rank, default weight, and whether a deal in it is open pipeline';
-- fiscal_period: a fiscal year, quarter or month: FY2026, FY2026-Q4, FY2026-M03.
--
-- FYn is named for the calendar year it ends in; Mnn is its nn-th month. The type knows no calendar: functions that
-- meet a date take the month the fiscal year starts in (1 = January, the default), so they are immutable.
-- Order: by start, and where two periods start together the longer first: FY2026 < FY2026-Q1 < FY2026-M01 < FY2026-M02.

CREATE TYPE salesops.fiscal_period;

-- Input and output

CREATE FUNCTION salesops.fiscal_period_in(cstring) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_in(cstring) IS 'text input of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_out(salesops.fiscal_period) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_out(salesops.fiscal_period) IS 'text output of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_recv(internal) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_recv(internal) IS 'binary input of fiscal_period';

CREATE FUNCTION salesops.fiscal_period_send(salesops.fiscal_period) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_send(salesops.fiscal_period) IS 'binary output of fiscal_period';

CREATE TYPE salesops.fiscal_period (
  INPUT = salesops.fiscal_period_in,
  OUTPUT = salesops.fiscal_period_out,
  RECEIVE = salesops.fiscal_period_recv,
  SEND = salesops.fiscal_period_send,
  INTERNALLENGTH = 4,
  PASSEDBYVALUE,
  ALIGNMENT = int4
);
COMMENT ON TYPE salesops.fiscal_period IS
  'fiscal year (FY2026), quarter (FY2026-Q4) or month (FY2026-M03); FYn is named for the calendar year it ends in';

-- Order and hash

CREATE FUNCTION salesops.fiscal_period_lt(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_lt(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.fiscal_period_le(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_le(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.fiscal_period_eq(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_eq(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.fiscal_period_ne(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_ne(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.fiscal_period_ge(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_ge(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.fiscal_period_gt(salesops.fiscal_period, salesops.fiscal_period) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_gt(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.fiscal_period_lt, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.fiscal_period, salesops.fiscal_period) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.fiscal_period_le, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.fiscal_period, salesops.fiscal_period) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.fiscal_period_eq, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.fiscal_period, salesops.fiscal_period) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.fiscal_period_ne, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.fiscal_period, salesops.fiscal_period) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.fiscal_period_ge, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.fiscal_period, salesops.fiscal_period) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.fiscal_period_gt, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.fiscal_period, salesops.fiscal_period) IS 'greater than';

CREATE FUNCTION salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.fiscal_period_sortsupport(internal) RETURNS void
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_sortsupport' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_sortsupport(internal) IS 'btree sort support';

CREATE FUNCTION salesops.fiscal_period_hash(salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_hash(salesops.fiscal_period) IS 'hash';

CREATE FUNCTION salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint) IS 'hash with a seed';

CREATE OPERATOR CLASS salesops.fiscal_period_ops DEFAULT FOR TYPE salesops.fiscal_period USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.fiscal_period_cmp(salesops.fiscal_period, salesops.fiscal_period),
  FUNCTION 2 salesops.fiscal_period_sortsupport(internal),
  FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR FAMILY salesops.fiscal_period_ops USING btree IS 'btree indexes on fiscal_period';
COMMENT ON OPERATOR CLASS salesops.fiscal_period_ops USING btree IS 'btree indexes on fiscal_period';

CREATE OPERATOR CLASS salesops.fiscal_period_ops DEFAULT FOR TYPE salesops.fiscal_period USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.fiscal_period_hash(salesops.fiscal_period),
  FUNCTION 2 salesops.fiscal_period_hash_extended(salesops.fiscal_period, bigint);
COMMENT ON OPERATOR FAMILY salesops.fiscal_period_ops USING hash IS 'hash indexes on fiscal_period';
COMMENT ON OPERATOR CLASS salesops.fiscal_period_ops USING hash IS 'hash indexes on fiscal_period';

-- Latest and earliest

CREATE FUNCTION salesops.fiscal_period_larger(salesops.fiscal_period, salesops.fiscal_period)
  RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_larger' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_larger(salesops.fiscal_period, salesops.fiscal_period) IS
  'the larger of two';

CREATE FUNCTION salesops.fiscal_period_smaller(salesops.fiscal_period, salesops.fiscal_period)
  RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_smaller' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_smaller(salesops.fiscal_period, salesops.fiscal_period) IS
  'the smaller of two';

CREATE AGGREGATE salesops.max(salesops.fiscal_period) (
  SFUNC = salesops.fiscal_period_larger, STYPE = salesops.fiscal_period,
  COMBINEFUNC = salesops.fiscal_period_larger, SORTOP = OPERATOR(salesops.>), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.max(salesops.fiscal_period) IS 'the latest period; NULL where there is none';

CREATE AGGREGATE salesops.min(salesops.fiscal_period) (
  SFUNC = salesops.fiscal_period_smaller, STYPE = salesops.fiscal_period,
  COMBINEFUNC = salesops.fiscal_period_smaller, SORTOP = OPERATOR(salesops.<), PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.min(salesops.fiscal_period) IS 'the earliest period; NULL where there is none';

-- Arithmetic

CREATE FUNCTION salesops.fiscal_period_plus(salesops.fiscal_period, integer) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_plus(salesops.fiscal_period, integer) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.fiscal_period_plus, LEFTARG = salesops.fiscal_period, RIGHTARG = integer,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.fiscal_period, integer) IS
  'n of the same grain later; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_plus_commuted(integer, salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_plus_commuted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_plus_commuted(integer, salesops.fiscal_period) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.fiscal_period_plus_commuted, LEFTARG = integer, RIGHTARG = salesops.fiscal_period,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (integer, salesops.fiscal_period) IS
  'n of the same grain later; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_minus(salesops.fiscal_period, integer) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_minus(salesops.fiscal_period, integer) IS
  'implementation of the - operator';
CREATE OPERATOR salesops.- (
  FUNCTION = salesops.fiscal_period_minus, LEFTARG = salesops.fiscal_period, RIGHTARG = integer
);
COMMENT ON OPERATOR salesops.- (salesops.fiscal_period, integer) IS
  'n of the same grain earlier; 22008 outside the years 0001 to 9999';

CREATE FUNCTION salesops.fiscal_period_difference(salesops.fiscal_period, salesops.fiscal_period) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_fiscal_period_difference' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_period_difference(salesops.fiscal_period, salesops.fiscal_period) IS
  'implementation of the - operator';
CREATE OPERATOR salesops.- (
  FUNCTION = salesops.fiscal_period_difference, LEFTARG = salesops.fiscal_period, RIGHTARG = salesops.fiscal_period
);
COMMENT ON OPERATOR salesops.- (salesops.fiscal_period, salesops.fiscal_period) IS
  'how many of their common grain lie between; 22023 where the grains differ';

-- Casts. None is implicit: a string is a fiscal period only where somebody says so.

CREATE CAST (varchar AS salesops.fiscal_period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (varchar AS salesops.fiscal_period) IS 'reads FY2026, FY2026-Q4, FY2026-M03';

CREATE CAST (text AS salesops.fiscal_period) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.fiscal_period) IS 'reads FY2026, FY2026-Q4, FY2026-M03';

CREATE CAST (salesops.fiscal_period AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.fiscal_period AS text) IS 'FY2026, FY2026-Q4 or FY2026-M03';

-- For GROUP BY and DISTINCT in SQL functions. Grouping by a type itself takes its default operator class, and pg_upgrade makes
-- functions before operator classes: it would not get past a function that needs one. The bytes are those of an integer.
CREATE CAST (salesops.fiscal_period AS integer) WITHOUT FUNCTION;
COMMENT ON CAST (salesops.fiscal_period AS integer) IS
  'the number it is stored as: sorts and groups as the period does, and means nothing else';

CREATE FUNCTION salesops.recognize_fiscal_period(label text) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_recognize_fiscal_period' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.recognize_fiscal_period(text) IS
  'the fiscal period written there, NULL where it cannot be read; never an error';

-- From dates. Infinity and years that four digits cannot write have no fiscal period: NULL.

CREATE FUNCTION salesops.fiscal_year(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_year' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_year(date, integer) IS
  'fiscal year that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

CREATE FUNCTION salesops.fiscal_quarter(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_quarter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_quarter(date, integer) IS
  'fiscal quarter that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

CREATE FUNCTION salesops.fiscal_month(day date, start_month integer DEFAULT 1) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_fiscal_month' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.fiscal_month(date, integer) IS
  'fiscal month that holds the date, for a fiscal year that starts in start_month (1 to 12, else 22023); '
  'NULL for infinity and for years outside 0001 to 9999';

-- To dates

CREATE FUNCTION salesops.start_date(period salesops.fiscal_period, start_month integer DEFAULT 1) RETURNS date
  AS 'MODULE_PATHNAME', 'salesops_start_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.start_date(salesops.fiscal_period, integer) IS
  'first day of the period';

CREATE FUNCTION salesops.end_date(period salesops.fiscal_period, start_month integer DEFAULT 1) RETURNS date
  AS 'MODULE_PATHNAME', 'salesops_end_date' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.end_date(salesops.fiscal_period, integer) IS
  'last day of the period, inclusive';

CREATE FUNCTION salesops.contains(period salesops.fiscal_period, day date, start_month integer DEFAULT 1)
  RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.contains(salesops.fiscal_period, date, integer) IS
  'whether the date lies in the period; infinity lies in none';

-- From one grain to another

CREATE FUNCTION salesops.grain(period salesops.fiscal_period) RETURNS text
  AS 'MODULE_PATHNAME', 'salesops_grain' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.grain(salesops.fiscal_period) IS
  'year, quarter or month';

CREATE FUNCTION salesops.year_of(period salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_year_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.year_of(salesops.fiscal_period) IS
  'the fiscal year that holds the period';

CREATE FUNCTION salesops.quarter_of(period salesops.fiscal_period) RETURNS salesops.fiscal_period
  AS 'MODULE_PATHNAME', 'salesops_quarter_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.quarter_of(salesops.fiscal_period) IS
  'the fiscal quarter that holds the period; NULL for a year';
-- Findings: what is wrong with a thing, from when to when. Rooms report what they see in a run; report_findings() (below)
-- opens an episode for what is new and closes the episode of what is gone. Nothing else is ever updated, so a quiet night
-- writes nothing: when a finding was last seen follows from the runs that completed.

CREATE TABLE salesops.finding (
  finding_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule        text NOT NULL,
  object_kind text NOT NULL,
  source_key  text NOT NULL,
  object_id   text NOT NULL,
  owner_id    text,
  severity    text NOT NULL CHECK (severity IN ('error', 'warning', 'info')),
  value       text,
  bound       text,
  first_seen_at timestamptz NOT NULL,
  first_run_id  bigint NOT NULL,
  resolved_at   timestamptz,
  resolved_run_id bigint
);
CREATE UNIQUE INDEX finding_open ON salesops.finding (rule, object_kind, source_key, object_id) WHERE resolved_at IS NULL;
CREATE INDEX finding_object ON salesops.finding (object_kind, source_key, object_id);
COMMENT ON TABLE salesops.finding IS 'One row an episode: a rule was violated by an object from first_seen_at until resolved_at';
COMMENT ON COLUMN salesops.finding.finding_id IS 'Number of the episode';
COMMENT ON COLUMN salesops.finding.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding.object_kind IS 'opportunity, source ...';
COMMENT ON COLUMN salesops.finding.source_key IS 'Source of the object';
COMMENT ON COLUMN salesops.finding.object_id IS 'Object in the source';
COMMENT ON COLUMN salesops.finding.owner_id IS 'Rep who owned the object when the episode began';
COMMENT ON COLUMN salesops.finding.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding.value IS 'Value found when the episode began';
COMMENT ON COLUMN salesops.finding.bound IS 'Bound it was held against';
COMMENT ON COLUMN salesops.finding.first_seen_at IS 'as_of of the run that first saw it';
COMMENT ON COLUMN salesops.finding.first_run_id IS 'That run';
COMMENT ON COLUMN salesops.finding.resolved_at IS 'as_of of the first run that no longer saw it; NULL = still there';
COMMENT ON COLUMN salesops.finding.resolved_run_id IS 'That run';
SELECT pg_catalog.pg_extension_config_dump('salesops.finding', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.finding_finding_id_seq', '');
COMMENT ON SEQUENCE salesops.finding_finding_id_seq IS 'Numbers of findings';

CREATE TYPE salesops.violation AS (source_key text, object_id text, owner_id text, value text);
COMMENT ON TYPE salesops.violation IS 'An object that violates a rule: its key, who owns it, and the value that was found';

CREATE FUNCTION salesops.report_findings(run_id bigint, as_of timestamptz, rule text, object_kind text, severity text, bound text,
                                         seen salesops.violation[], OUT opened bigint, OUT resolved bigint)
LANGUAGE sql
-- Both sides may hold a million rows that the planner cannot count: never loop over one inside the other, nor compile
-- what then seems dear.
SET enable_nestloop = off
SET jit = off
BEGIN ATOMIC
  WITH seen AS MATERIALIZED (
    -- An object that is reported twice has one finding.
    SELECT DISTINCT ON (s.source_key, s.object_id) s.* FROM pg_catalog.unnest(report_findings.seen) s
    ORDER BY s.source_key, s.object_id, s.owner_id, s.value
  ), closed AS (
    UPDATE salesops.finding f SET resolved_at = report_findings.as_of, resolved_run_id = report_findings.run_id
    WHERE f.rule = report_findings.rule AND f.object_kind = report_findings.object_kind AND f.resolved_at IS NULL
      AND NOT EXISTS (SELECT FROM seen s WHERE s.source_key = f.source_key AND s.object_id = f.object_id)
    RETURNING 1
  ), new_episode AS (
    INSERT INTO salesops.finding (rule, object_kind, source_key, object_id, owner_id, severity, value, bound, first_seen_at, first_run_id)
    SELECT report_findings.rule, report_findings.object_kind, s.source_key, s.object_id, s.owner_id, report_findings.severity,
           s.value, report_findings.bound, report_findings.as_of, report_findings.run_id
    FROM seen s
    WHERE NOT EXISTS (SELECT FROM salesops.finding f
                      WHERE f.rule = report_findings.rule AND f.object_kind = report_findings.object_kind AND f.resolved_at IS NULL
                        AND f.source_key = s.source_key AND f.object_id = s.object_id)
    ORDER BY s.source_key, s.object_id
    RETURNING 1
  )
  SELECT (SELECT count(*) FROM new_episode), (SELECT count(*) FROM closed);
END;
COMMENT ON FUNCTION salesops.report_findings(bigint, timestamptz, text, text, text, text, salesops.violation[]) IS
  'Say everything that violates a rule now: opens an episode for what is new, closes the episode of what is gone, leaves the rest untouched; returns how many of each';
-- run.sql: the run log. What ran, when, as of which instant, and how each step ended.
--
-- Every room may read it; only the functions of the worker room write it. The wall clock appears in
-- started_at and finished_at alone: whatever a run computes, it computes from its as_of.

CREATE TABLE salesops.run_log (
  run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job         text        NOT NULL,
  local_date  date        NOT NULL,
  as_of       timestamptz NOT NULL,
  started_by  text        NOT NULL CHECK (started_by IN ('schedule', 'manual')),
  slot        integer,
  due_at      timestamptz,
  attempt     integer     NOT NULL DEFAULT 1 CHECK (attempt > 0),
  retries     bigint      REFERENCES salesops.run_log ON DELETE CASCADE,
  series      bigint      NOT NULL GENERATED ALWAYS AS (coalesce(retries, run_id)) STORED,
  retry_at    timestamptz,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  status      text        NOT NULL DEFAULT 'running'
                          CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  backend_pid integer     NOT NULL DEFAULT pg_backend_pid(),
  -- When an abandoned run ended is not known, so it is not stated.
  CONSTRAINT run_log_finish CHECK ((finished_at IS NULL) = (status IN ('running', 'abandoned'))),
  CONSTRAINT run_log_due CHECK ((started_by = 'schedule') = (slot IS NOT NULL) AND (slot IS NULL) = (due_at IS NULL)),
  CONSTRAINT run_log_retry CHECK ((attempt > 1) = (retries IS NOT NULL) AND (slot IS NOT NULL OR attempt = 1)
                                  AND (retry_at IS NULL OR slot IS NOT NULL AND status IN ('failed', 'abandoned')))
);

-- What was due has one series of attempts. Manual runs may repeat a day as often as their callers like.
CREATE UNIQUE INDEX run_log_attempt ON salesops.run_log (job, local_date, slot, attempt);
CREATE INDEX run_log_series ON salesops.run_log (series);

CREATE TABLE salesops.run_step_log (
  run_id        bigint      NOT NULL REFERENCES salesops.run_log ON DELETE CASCADE,
  step          text        NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at   timestamptz,
  status        text        NOT NULL DEFAULT 'running'
                            CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  rows_affected bigint,
  sqlstate      text,
  message       text,
  detail        text,
  hint          text,
  shared_hit bigint,
  shared_read bigint,
  shared_written bigint,
  temp_read bigint,
  temp_written bigint,
  wal_bytes bigint,
  PRIMARY KEY (run_id, step),
  CONSTRAINT run_step_log_finish CHECK ((finished_at IS NULL) = (status IN ('running', 'abandoned'))),
  CONSTRAINT run_step_log_error CHECK ((sqlstate IS NOT NULL) = (status = 'failed'))
);

SELECT pg_catalog.pg_extension_config_dump('salesops.run_log', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.run_log_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.run_step_log', '');

COMMENT ON TABLE salesops.run_log IS 'One row per run of a job';
COMMENT ON COLUMN salesops.run_log.run_id IS 'Identity of the run';
COMMENT ON COLUMN salesops.run_log.job IS 'Name of the job, for instance nightly';
COMMENT ON COLUMN salesops.run_log.local_date IS 'Calendar day on which the run was due, in the time zone of its schedule';
COMMENT ON COLUMN salesops.run_log.as_of IS 'Instant for which everything in the run is computed';
COMMENT ON COLUMN salesops.run_log.started_by IS
  'Schedule: it was due; manual: a person or another scheduler asked for it';
COMMENT ON COLUMN salesops.run_log.slot IS
  '0: due once that day; otherwise the minute since 1970 at which it was due. With job, local_date and attempt the identity of a '
  'scheduled run; NULL for a manual one';
COMMENT ON COLUMN salesops.run_log.due_at IS 'When it was due; NULL for a manual run';
COMMENT ON COLUMN salesops.run_log.attempt IS '1, or the how many-eth attempt at what was due it is';
COMMENT ON COLUMN salesops.run_log.retries IS 'The first attempt; NULL for that one itself';
COMMENT ON COLUMN salesops.run_log.series IS 'The first attempt: what all attempts at the same thing have in common';
COMMENT ON COLUMN salesops.run_log.retry_at IS
  'When the next attempt may begin, by salesops.clock(); NULL if it succeeded, was the last one allowed, or was manual';
COMMENT ON COLUMN salesops.run_log.started_at IS 'Wall clock when the run began';
COMMENT ON COLUMN salesops.run_log.finished_at IS
  'Wall clock when the run ended; NULL while it runs and for an abandoned run, whose end nobody saw';
COMMENT ON COLUMN salesops.run_log.status IS
  'Running, succeeded, failed (at least one step failed) or abandoned (its process went away)';
COMMENT ON COLUMN salesops.run_log.backend_pid IS 'Process that ran it, as in pg_stat_activity.pid';
COMMENT ON SEQUENCE salesops.run_log_run_id_seq IS 'Run identities';

COMMENT ON TABLE salesops.run_step_log IS 'One row per step of a run';
COMMENT ON COLUMN salesops.run_step_log.run_id IS 'The run';
COMMENT ON COLUMN salesops.run_step_log.step IS 'Name of the step, for instance sync';
COMMENT ON COLUMN salesops.run_step_log.started_at IS 'Wall clock when the step began';
COMMENT ON COLUMN salesops.run_step_log.finished_at IS
  'Wall clock when the step ended; NULL while it runs and when it was abandoned';
COMMENT ON COLUMN salesops.run_step_log.status IS 'Running, succeeded, failed or abandoned';
COMMENT ON COLUMN salesops.run_step_log.rows_affected IS
  'Rows the step wrote, as the step itself counts them; NULL unless it succeeded';
COMMENT ON COLUMN salesops.run_step_log.sqlstate IS 'SQLSTATE of the error that ended the step; NULL unless it failed';
COMMENT ON COLUMN salesops.run_step_log.message IS 'Primary message of that error; of a step that succeeded: which entities it could not read, which marts not refresh';
COMMENT ON COLUMN salesops.run_step_log.detail IS 'Detail of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.hint IS 'Hint of that error, if it had one';
COMMENT ON COLUMN salesops.run_step_log.shared_hit IS
  'Blocks of tables and indexes that the step found in shared buffers, parallel workers included; NULL unless it succeeded, like the '
  'other resources';
COMMENT ON COLUMN salesops.run_step_log.shared_read IS 'Such blocks that it had to read from the operating system';
COMMENT ON COLUMN salesops.run_step_log.shared_written IS 'Such blocks that it had to write itself';
COMMENT ON COLUMN salesops.run_step_log.temp_read IS 'Blocks of temporary files read';
COMMENT ON COLUMN salesops.run_step_log.temp_written IS 'Blocks of temporary files written: what did not fit work_mem';
COMMENT ON COLUMN salesops.run_step_log.wal_bytes IS 'Bytes of write-ahead log';
-- What a dump would lose.
--
-- Of a table of ours a dump has the rows and the grants; the table itself comes from CREATE EXTENSION. So what somebody else
-- added to it (a column, an index, a policy) is in no dump, and nothing says so before the day of the restore. PostgreSQL
-- does not keep who made a part of a table: the scripts of this extension therefore note the parts that are theirs
-- (script_ends.sql, update_begins.sql).

CREATE TABLE salesops.table_part (
  relation   text NOT NULL,
  kind       text NOT NULL,
  name       text NOT NULL,
  is_shipped boolean NOT NULL,
  PRIMARY KEY (relation, kind, name)
);
COMMENT ON TABLE salesops.table_part IS
  'Parts of the tables of the extension that its own scripts made; written by these scripts alone';
COMMENT ON COLUMN salesops.table_part.relation IS 'Table of schema salesops';
COMMENT ON COLUMN salesops.table_part.kind IS 'As in salesops.table_parts()';
COMMENT ON COLUMN salesops.table_part.name IS 'Name of the part';
COMMENT ON COLUMN salesops.table_part.is_shipped IS 'False only while an update runs: it was there before and is a user''s';
-- Every CREATE EXTENSION notes them anew.
SELECT pg_catalog.pg_extension_config_dump('salesops.table_part', 'WHERE false');

CREATE FUNCTION salesops.table_parts(OUT relation text, OUT kind text, OUT name text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH member AS (
    SELECT c.oid, c.relname, c.relowner, c.reltablespace, c.reloptions, c.relreplident,
           c.relrowsecurity, c.relforcerowsecurity, e.extowner
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_depend d
      ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
     AND d.classid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p')
    WHERE e.extname = 'salesops'
  )
  SELECT m.relname::text, p.kind, p.name::text
  FROM member m
  CROSS JOIN LATERAL (
    SELECT 'column' AS kind, a.attname AS name
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'statistics target', a.attname
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget <> -1
    UNION ALL
    -- NOT NULL has entries of its own from PostgreSQL 18 on.
    SELECT 'constraint', c.conname
    FROM pg_catalog.pg_constraint c WHERE c.conrelid = m.oid AND c.contype NOT IN ('n', 't')
    UNION ALL
    SELECT 'index', x.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = m.oid
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = x.oid AND c.conrelid = m.oid)
    UNION ALL
    SELECT 'trigger', t.tgname FROM pg_catalog.pg_trigger t WHERE t.tgrelid = m.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', r.rulename FROM pg_catalog.pg_rewrite r WHERE r.ev_class = m.oid
    UNION ALL
    SELECT 'policy', p.polname FROM pg_catalog.pg_policy p WHERE p.polrelid = m.oid
    UNION ALL
    SELECT 'row security', CASE WHEN m.relforcerowsecurity THEN 'forced' ELSE 'enabled' END
    WHERE m.relrowsecurity OR m.relforcerowsecurity
    UNION ALL
    SELECT 'statistics', s.stxname FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = m.oid
    UNION ALL
    -- From PostgreSQL 18 on pg_dump writes them.
    SELECT 'publication', p.pubname
    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = m.oid AND current_setting('server_version_num')::integer < 180000
    UNION ALL
    SELECT 'storage parameter', o.option FROM unnest(m.reloptions) AS o(option)
    UNION ALL
    SELECT 'tablespace', s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = m.reltablespace
    UNION ALL
    SELECT 'replica identity', m.relreplident::text WHERE m.relreplident <> 'd'
    UNION ALL
    SELECT 'owner', pg_catalog.pg_get_userbyid(m.relowner) WHERE m.relowner <> m.extowner
  ) p;
END;
COMMENT ON FUNCTION salesops.table_parts() IS
  'What the tables of the extension have now that no dump writes: columns, constraints, indexes, triggers, rules, '
  'policies, row security, statistics, publications, and whatever of storage parameters, statistics targets, tablespace, replica identity and owner was changed';

CREATE FUNCTION salesops.dump_losses(OUT kind text, OUT relation text, OUT name text, OUT consequence text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT p.kind, p.relation, p.name,
         CASE p.kind
           WHEN 'column' THEN 'The rows of the table cannot be restored: its column is missing then. Keep it in a table of your own with the same key.'
           WHEN 'policy' THEN 'It is not restored: rows that it hides are seen then. Make it again before anybody is let in.'
           WHEN 'row security' THEN 'It is not restored: rows that it hides are seen then. Switch it on again before anybody is let in.'
           ELSE 'It is not restored. Make it again after the restore.'
         END
  FROM salesops.table_parts() p
  WHERE NOT EXISTS (SELECT FROM salesops.table_part s
                    WHERE s.relation = p.relation AND s.kind = p.kind AND s.name = p.name)
  UNION ALL
  SELECT 'rows', d.objid::regclass::text, NULL,
         'Its rows are not dumped. Take it out of the extension: ALTER EXTENSION salesops DROP TABLE ...'
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
   AND d.classid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'm')
  WHERE e.extname = 'salesops' AND d.objid <> ALL (coalesce(e.extconfig, '{}'))
  ORDER BY 1, 2, 3;
END;
COMMENT ON FUNCTION salesops.dump_losses() IS
  'What pg_dump would lose, or break on: what was added to or changed on tables of the extension other than by its own '
  'scripts, and tables in it whose rows no dump has. No row = a restore gives everything back';
-- The canonical model: one table an entity, what the source states now, under the key (source_key, id).
--
-- Values are kept as stated; maps (maps.sql) give them meaning when they are read, so a corrected map corrects every
-- number without touching history. Each entity has a twin `<entity>_history` with the same columns: the sync moves a row
-- there before it changes it (sync.sql), so no state that was ever known is lost. A state is stamped on both axes of time:
-- effective_at, from when it was true, and recorded_at, from when we knew.

CREATE TABLE salesops.account (
  source_key        text NOT NULL,
  id                text NOT NULL,
  name              text,
  parent_id         text,
  owner_id          text,
  industry          text,
  segment           text,
  account_type      text,
  employees         numeric,
  annual_revenue    numeric,
  currency          text,
  website           text,
  phone             text,
  street            text,
  city              text,
  state             text,
  postal_code       text,
  country           text,
  latitude          numeric,
  longitude         numeric,
  website_visits    numeric,
  content_downloads numeric,
  intent_score      numeric,
  merged_into       text,
  created_at        timestamptz,
  last_activity_at  timestamptz,
  custom            jsonb,
  unreadable        jsonb,
  is_deleted        boolean NOT NULL,
  effective_at      timestamptz NOT NULL,
  recorded_at       timestamptz NOT NULL,
  origin            text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.account IS 'Companies sold to, as the source states them now';
COMMENT ON COLUMN salesops.account.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.account.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.account.name IS 'Name as stated';
COMMENT ON COLUMN salesops.account.parent_id IS 'Parent account';
COMMENT ON COLUMN salesops.account.owner_id IS 'Rep who owns the account';
COMMENT ON COLUMN salesops.account.industry IS 'Industry as stated; value_map gives the company''s own name for it';
COMMENT ON COLUMN salesops.account.segment IS 'Segment as stated (enterprise, mid-market, ...)';
COMMENT ON COLUMN salesops.account.account_type IS 'Customer, prospect, partner ... as stated';
COMMENT ON COLUMN salesops.account.employees IS 'Number of employees';
COMMENT ON COLUMN salesops.account.annual_revenue IS 'Annual revenue in `currency`';
COMMENT ON COLUMN salesops.account.currency IS 'ISO code of annual_revenue';
COMMENT ON COLUMN salesops.account.website IS 'Website or domain';
COMMENT ON COLUMN salesops.account.phone IS 'Phone as stated';
COMMENT ON COLUMN salesops.account.street IS 'Street address';
COMMENT ON COLUMN salesops.account.city IS 'City';
COMMENT ON COLUMN salesops.account.state IS 'State or province';
COMMENT ON COLUMN salesops.account.postal_code IS 'Postal code';
COMMENT ON COLUMN salesops.account.country IS 'Country as stated';
COMMENT ON COLUMN salesops.account.latitude IS 'Latitude in degrees';
COMMENT ON COLUMN salesops.account.longitude IS 'Longitude in degrees';
COMMENT ON COLUMN salesops.account.website_visits IS 'Website visits counted by the source';
COMMENT ON COLUMN salesops.account.content_downloads IS 'Content downloads counted by the source';
COMMENT ON COLUMN salesops.account.intent_score IS 'Intent score of the source, 0-100';
COMMENT ON COLUMN salesops.account.merged_into IS 'Account that this one was merged into; not NULL = no longer an account of its own';
COMMENT ON COLUMN salesops.account.created_at IS 'When the source created the record';
COMMENT ON COLUMN salesops.account.last_activity_at IS 'Last activity as the source states it';
COMMENT ON COLUMN salesops.account.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.account.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.account.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.account.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.account.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.account.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.rep (
  source_key    text NOT NULL,
  id            text NOT NULL,
  name          text,
  email         text,
  manager_id    text,
  team          text,
  region        text,
  role          text,
  title         text,
  is_active     boolean,
  hired_on      date,
  left_on       date,
  last_login_at timestamptz,
  custom        jsonb,
  unreadable    jsonb,
  is_deleted    boolean NOT NULL,
  effective_at  timestamptz NOT NULL,
  recorded_at   timestamptz NOT NULL,
  origin        text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.rep IS 'People who own accounts, opportunities and quotas; manager_id makes the tree, and its versions make the tree of any instant';
COMMENT ON COLUMN salesops.rep.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.rep.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.rep.name IS 'Name as stated';
COMMENT ON COLUMN salesops.rep.email IS 'E-mail address';
COMMENT ON COLUMN salesops.rep.manager_id IS 'Manager: another rep, or a name the source has no row for';
COMMENT ON COLUMN salesops.rep.team IS 'Team as stated';
COMMENT ON COLUMN salesops.rep.region IS 'Region or office as stated';
COMMENT ON COLUMN salesops.rep.role IS 'Role as stated';
COMMENT ON COLUMN salesops.rep.title IS 'Job title';
COMMENT ON COLUMN salesops.rep.is_active IS 'Whether the person may own deals now; NULL = the source does not say';
COMMENT ON COLUMN salesops.rep.hired_on IS 'First working day';
COMMENT ON COLUMN salesops.rep.left_on IS 'Last working day';
COMMENT ON COLUMN salesops.rep.last_login_at IS 'Last login to the CRM';
COMMENT ON COLUMN salesops.rep.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.rep.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.rep.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.rep.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.rep.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.rep.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.product (
  source_key   text NOT NULL,
  id           text NOT NULL,
  name         text,
  family       text,
  list_price   numeric,
  currency     text,
  is_active    boolean,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.product IS 'Products with their list price';
COMMENT ON COLUMN salesops.product.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.product.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.product.name IS 'Name as stated';
COMMENT ON COLUMN salesops.product.family IS 'Family or series';
COMMENT ON COLUMN salesops.product.list_price IS 'List price of one unit in `currency`';
COMMENT ON COLUMN salesops.product.currency IS 'ISO code of list_price; NULL = the source''s currency';
COMMENT ON COLUMN salesops.product.is_active IS 'Whether it is sold now';
COMMENT ON COLUMN salesops.product.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.product.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.product.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.product.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.product.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.product.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.opportunity (
  source_key        text NOT NULL,
  id                text NOT NULL,
  name              text,
  account_id        text,
  owner_id          text,
  pipeline          text,
  stage             text,
  stage_at_loss     text,
  forecast_category text,
  deal_type         text,
  lead_source       text,
  loss_reason       text,
  product           text,
  quantity          numeric,
  amount            numeric,
  list_amount       numeric,
  discount          numeric,
  margin            numeric,
  acv               numeric,
  arr               numeric,
  tcv               numeric,
  currency          text,
  probability       numeric,
  is_closed         boolean,
  is_won            boolean,
  close_date        date,
  created_at        timestamptz,
  next_step         text,
  last_activity_at  timestamptz,
  merged_into       text,
  stage_entered_at  timestamptz,
  confirmed_at      timestamptz,
  custom            jsonb,
  unreadable        jsonb,
  is_deleted        boolean NOT NULL,
  effective_at      timestamptz NOT NULL,
  recorded_at       timestamptz NOT NULL,
  origin            text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.opportunity IS 'Deals, as the source states them now; every earlier state is in opportunity_history';
COMMENT ON COLUMN salesops.opportunity.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.opportunity.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.opportunity.name IS 'Name as stated';
COMMENT ON COLUMN salesops.opportunity.account_id IS 'Account the deal is with';
COMMENT ON COLUMN salesops.opportunity.owner_id IS 'Rep who owns the deal';
COMMENT ON COLUMN salesops.opportunity.pipeline IS 'Pipeline or record type the stage belongs to';
COMMENT ON COLUMN salesops.opportunity.stage IS 'Stage as stated (label or id); stage_map gives its meaning';
COMMENT ON COLUMN salesops.opportunity.stage_at_loss IS 'Stage in which the deal was lost';
COMMENT ON COLUMN salesops.opportunity.forecast_category IS 'Forecast category as stated; category_map gives its meaning';
COMMENT ON COLUMN salesops.opportunity.deal_type IS 'New, expansion or renewal, as stated';
COMMENT ON COLUMN salesops.opportunity.lead_source IS 'Lead source as stated';
COMMENT ON COLUMN salesops.opportunity.loss_reason IS 'Why it was lost, as stated';
COMMENT ON COLUMN salesops.opportunity.product IS 'Main product as stated (id or name); value_map gives the product';
COMMENT ON COLUMN salesops.opportunity.quantity IS 'Units of the main product';
COMMENT ON COLUMN salesops.opportunity.amount IS 'Amount in `currency`; NULL = not stated';
COMMENT ON COLUMN salesops.opportunity.list_amount IS 'Amount at list price in `currency`';
COMMENT ON COLUMN salesops.opportunity.discount IS 'Discount as a share of list, 0-1';
COMMENT ON COLUMN salesops.opportunity.margin IS 'Margin as a share of amount, 0-1';
COMMENT ON COLUMN salesops.opportunity.acv IS 'Annual contract value in `currency`';
COMMENT ON COLUMN salesops.opportunity.arr IS 'Annual recurring revenue in `currency`';
COMMENT ON COLUMN salesops.opportunity.tcv IS 'Total contract value in `currency`';
COMMENT ON COLUMN salesops.opportunity.currency IS 'ISO code of the amounts; NULL = the source''s currency';
COMMENT ON COLUMN salesops.opportunity.probability IS 'Probability to win as stated, on the source''s own scale (percent or fraction)';
COMMENT ON COLUMN salesops.opportunity.is_closed IS 'Closed, as the source states it; NULL = it does not say and the stage decides';
COMMENT ON COLUMN salesops.opportunity.is_won IS 'Won, as the source states it; NULL = it does not say and the stage decides';
COMMENT ON COLUMN salesops.opportunity.close_date IS 'Expected or actual close date, as a calendar date that no time zone moves';
COMMENT ON COLUMN salesops.opportunity.created_at IS 'When the deal started; NULL = unknown';
COMMENT ON COLUMN salesops.opportunity.next_step IS 'Next step as written by the rep';
COMMENT ON COLUMN salesops.opportunity.last_activity_at IS 'Last activity as the source states it; the activity table may know a later one';
COMMENT ON COLUMN salesops.opportunity.merged_into IS 'Deal that this one was merged into; not NULL = no longer a deal of its own';
COMMENT ON COLUMN salesops.opportunity.stage_entered_at IS 'When the present stage was entered, as far as known (age in stage counts from here)';
COMMENT ON COLUMN salesops.opportunity.confirmed_at IS 'Last change of stage, amount, close date or next step, as far as known';
COMMENT ON COLUMN salesops.opportunity.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.opportunity.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.opportunity.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.opportunity.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.opportunity.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.opportunity.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.opportunity_split (
  source_key     text NOT NULL,
  id             text NOT NULL,
  opportunity_id text,
  rep_id         text,
  split_type     text,
  share          numeric,
  amount         numeric,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.opportunity_split IS 'Who is credited for a deal, revenue splits and overlays';
COMMENT ON COLUMN salesops.opportunity_split.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.opportunity_split.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.opportunity_split.opportunity_id IS 'Deal';
COMMENT ON COLUMN salesops.opportunity_split.rep_id IS 'Rep credited';
COMMENT ON COLUMN salesops.opportunity_split.split_type IS 'Revenue or overlay, as stated';
COMMENT ON COLUMN salesops.opportunity_split.share IS 'Share of the deal, 0-1';
COMMENT ON COLUMN salesops.opportunity_split.amount IS 'Amount credited';
COMMENT ON COLUMN salesops.opportunity_split.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.opportunity_split.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.opportunity_split.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.opportunity_split.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.opportunity_split.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.opportunity_split.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.contact_role (
  source_key     text NOT NULL,
  id             text NOT NULL,
  opportunity_id text,
  contact_id     text,
  role           text,
  is_primary     boolean,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.contact_role IS 'People on the buyer''s side of a deal';
COMMENT ON COLUMN salesops.contact_role.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.contact_role.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.contact_role.opportunity_id IS 'Deal';
COMMENT ON COLUMN salesops.contact_role.contact_id IS 'Contact';
COMMENT ON COLUMN salesops.contact_role.role IS 'Role as stated, for instance Economic Buyer';
COMMENT ON COLUMN salesops.contact_role.is_primary IS 'Primary contact';
COMMENT ON COLUMN salesops.contact_role.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.contact_role.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.contact_role.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.contact_role.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.contact_role.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.contact_role.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.activity (
  source_key     text NOT NULL,
  id             text NOT NULL,
  kind           text,
  opportunity_id text,
  account_id     text,
  contact_id     text,
  rep_id         text,
  subject        text,
  happened_at    timestamptz,
  is_done        boolean,
  minutes        numeric,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.activity IS 'Calls, meetings, proposals, e-mails and notes';
COMMENT ON COLUMN salesops.activity.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.activity.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.activity.kind IS 'call, meeting, proposal, email, note or what the source says';
COMMENT ON COLUMN salesops.activity.opportunity_id IS 'Deal, if it is about one';
COMMENT ON COLUMN salesops.activity.account_id IS 'Account';
COMMENT ON COLUMN salesops.activity.contact_id IS 'Contact or lead';
COMMENT ON COLUMN salesops.activity.rep_id IS 'Rep who did it';
COMMENT ON COLUMN salesops.activity.subject IS 'Subject';
COMMENT ON COLUMN salesops.activity.happened_at IS 'When it took or takes place';
COMMENT ON COLUMN salesops.activity.is_done IS 'Done; NULL = the source does not say';
COMMENT ON COLUMN salesops.activity.minutes IS 'Duration in minutes';
COMMENT ON COLUMN salesops.activity.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.activity.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.activity.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.activity.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.activity.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.activity.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.login (
  source_key   text NOT NULL,
  id           text NOT NULL,
  rep_id       text,
  logged_in_at timestamptz,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.login IS 'Logins to the CRM';
COMMENT ON COLUMN salesops.login.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.login.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.login.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.login.logged_in_at IS 'When';
COMMENT ON COLUMN salesops.login.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.login.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.login.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.login.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.login.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.login.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.lead (
  source_key     text NOT NULL,
  id             text NOT NULL,
  name           text,
  company        text,
  owner_id       text,
  status         text,
  lead_source    text,
  industry       text,
  employees      numeric,
  annual_revenue numeric,
  created_at     timestamptz,
  is_converted   boolean,
  converted_at   timestamptz,
  account_id     text,
  opportunity_id text,
  custom         jsonb,
  unreadable     jsonb,
  is_deleted     boolean NOT NULL,
  effective_at   timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL,
  origin         text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.lead IS 'Leads';
COMMENT ON COLUMN salesops.lead.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.lead.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.lead.name IS 'Name as stated';
COMMENT ON COLUMN salesops.lead.company IS 'Company as stated';
COMMENT ON COLUMN salesops.lead.owner_id IS 'Rep who owns it';
COMMENT ON COLUMN salesops.lead.status IS 'Status as stated';
COMMENT ON COLUMN salesops.lead.lead_source IS 'Lead source as stated';
COMMENT ON COLUMN salesops.lead.industry IS 'Industry as stated';
COMMENT ON COLUMN salesops.lead.employees IS 'Number of employees';
COMMENT ON COLUMN salesops.lead.annual_revenue IS 'Annual revenue';
COMMENT ON COLUMN salesops.lead.created_at IS 'When the source created it';
COMMENT ON COLUMN salesops.lead.is_converted IS 'Converted';
COMMENT ON COLUMN salesops.lead.converted_at IS 'When it was converted';
COMMENT ON COLUMN salesops.lead.account_id IS 'Account it became';
COMMENT ON COLUMN salesops.lead.opportunity_id IS 'Deal it became';
COMMENT ON COLUMN salesops.lead.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.lead.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.lead.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.lead.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.lead.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.lead.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.quota (
  source_key   text NOT NULL,
  id           text NOT NULL,
  rep_id       text,
  period       salesops.fiscal_period,
  amount       numeric,
  currency     text,
  measure      text,
  custom       jsonb,
  unreadable   jsonb,
  is_deleted   boolean NOT NULL,
  effective_at timestamptz NOT NULL,
  recorded_at  timestamptz NOT NULL,
  origin       text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.quota IS 'Quotas of reps by fiscal period';
COMMENT ON COLUMN salesops.quota.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.quota.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.quota.rep_id IS 'Rep';
COMMENT ON COLUMN salesops.quota.period IS 'Fiscal period the quota is for';
COMMENT ON COLUMN salesops.quota.amount IS 'Quota in `currency`; NULL = no quota set, which is not 0';
COMMENT ON COLUMN salesops.quota.currency IS 'ISO code; NULL = the source''s currency';
COMMENT ON COLUMN salesops.quota.measure IS 'What it counts: amount, ACV, ARR ... NULL = amount';
COMMENT ON COLUMN salesops.quota.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.quota.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.quota.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.quota.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.quota.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.quota.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

CREATE TABLE salesops.currency_rate (
  source_key    text NOT NULL,
  id            text NOT NULL,
  currency      text,
  valid_from    date,
  per_corporate numeric,
  custom        jsonb,
  unreadable    jsonb,
  is_deleted    boolean NOT NULL,
  effective_at  timestamptz NOT NULL,
  recorded_at   timestamptz NOT NULL,
  origin        text NOT NULL CHECK (origin IN ('sync', 'crm_history', 'reconstructed')),
  PRIMARY KEY (source_key, id)
);
COMMENT ON TABLE salesops.currency_rate IS 'Dated exchange rates';
COMMENT ON COLUMN salesops.currency_rate.source_key IS 'Source the row came from';
COMMENT ON COLUMN salesops.currency_rate.id IS 'Identifier in the source';
COMMENT ON COLUMN salesops.currency_rate.currency IS 'ISO code';
COMMENT ON COLUMN salesops.currency_rate.valid_from IS 'First day the rate holds';
COMMENT ON COLUMN salesops.currency_rate.per_corporate IS 'Units of the currency for one unit of the corporate currency';
COMMENT ON COLUMN salesops.currency_rate.custom IS 'Custom fields mapped by name when the source was connected';
COMMENT ON COLUMN salesops.currency_rate.unreadable IS 'Values that could not be read as the column''s type, by column; NULL = all were read';
COMMENT ON COLUMN salesops.currency_rate.is_deleted IS 'Deleted in the source';
COMMENT ON COLUMN salesops.currency_rate.effective_at IS 'From when this state was true';
COMMENT ON COLUMN salesops.currency_rate.recorded_at IS 'From when this state was known here';
COMMENT ON COLUMN salesops.currency_rate.origin IS 'Where the state came from: our own sync, the CRM''s own history, or reconstructed from dates';

-- Earlier states, the same columns; newest first for as-of look-ups.
CREATE TABLE salesops.account_history (LIKE salesops.account INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX account_history_as_of ON salesops.account_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.account_history IS 'Earlier states of account, one row a state';

CREATE TABLE salesops.rep_history (LIKE salesops.rep INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX rep_history_as_of ON salesops.rep_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.rep_history IS 'Earlier states of rep, one row a state';

CREATE TABLE salesops.product_history (LIKE salesops.product INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX product_history_as_of ON salesops.product_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.product_history IS 'Earlier states of product, one row a state';

CREATE TABLE salesops.opportunity_history (LIKE salesops.opportunity INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX opportunity_history_as_of ON salesops.opportunity_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.opportunity_history IS 'Earlier states of opportunity, one row a state';

CREATE TABLE salesops.opportunity_split_history (LIKE salesops.opportunity_split INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX opportunity_split_history_as_of ON salesops.opportunity_split_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.opportunity_split_history IS 'Earlier states of opportunity_split, one row a state';

CREATE TABLE salesops.contact_role_history (LIKE salesops.contact_role INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX contact_role_history_as_of ON salesops.contact_role_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.contact_role_history IS 'Earlier states of contact_role, one row a state';

CREATE TABLE salesops.activity_history (LIKE salesops.activity INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX activity_history_as_of ON salesops.activity_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.activity_history IS 'Earlier states of activity, one row a state';

CREATE TABLE salesops.login_history (LIKE salesops.login INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX login_history_as_of ON salesops.login_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.login_history IS 'Earlier states of login, one row a state';

CREATE TABLE salesops.lead_history (LIKE salesops.lead INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX lead_history_as_of ON salesops.lead_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.lead_history IS 'Earlier states of lead, one row a state';

CREATE TABLE salesops.quota_history (LIKE salesops.quota INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX quota_history_as_of ON salesops.quota_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.quota_history IS 'Earlier states of quota, one row a state';

CREATE TABLE salesops.currency_rate_history (LIKE salesops.currency_rate INCLUDING COMMENTS INCLUDING CONSTRAINTS);
CREATE INDEX currency_rate_history_as_of ON salesops.currency_rate_history (source_key, id, effective_at DESC, recorded_at DESC);
COMMENT ON TABLE salesops.currency_rate_history IS 'Earlier states of currency_rate, one row a state';

-- Which present states are too new for an instant: none, when it is now, and then nothing is read to learn so.
CREATE INDEX opportunity_effective_at ON salesops.opportunity (effective_at);
CREATE INDEX opportunity_recorded_at ON salesops.opportunity (recorded_at);

-- What the audit looks up once an open deal: by the column that tells rows apart first, compared byte by byte, which no
-- key needs more than, and answered from the index alone.
CREATE INDEX contact_role_opportunity ON salesops.contact_role (opportunity_id COLLATE "C", source_key COLLATE "C") INCLUDE (role)
  WHERE NOT is_deleted;
CREATE INDEX activity_opportunity ON salesops.activity (opportunity_id COLLATE "C", source_key COLLATE "C", happened_at)
  WHERE NOT is_deleted;
CREATE INDEX currency_rate_look_up ON salesops.currency_rate (source_key, currency, valid_from DESC, id);

-- Member tables lose their rows in a dump unless they are named here.
SELECT pg_catalog.pg_extension_config_dump('salesops.account', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.account_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.rep', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.rep_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.product', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.product_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_split', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.opportunity_split_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.contact_role', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.contact_role_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.activity', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.activity_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.login', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.login_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.lead', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.lead_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.quota', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.quota_history', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.currency_rate', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.currency_rate_history', '');
-- The registry of sources, and what a source offers.
--
-- A source is a schema that somebody else fills: nothing here depends on its relations, so a connector may drop, recreate
-- or retype them at will. Columns are looked up in the catalog each time (reader.sql).

CREATE TABLE salesops.source (
  source_key   text PRIMARY KEY CHECK (source_key ~ '^[A-Za-z0-9_.-]{1,63}$'),
  kind         text NOT NULL,
  schema_name  text NOT NULL,
  options      jsonb NOT NULL,
  is_active    boolean NOT NULL DEFAULT true,
  connected_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.source IS 'CRM sources; written by connect() and disconnect()';
COMMENT ON COLUMN salesops.source.source_key IS 'Name of the source, the first half of every key';
COMMENT ON COLUMN salesops.source.kind IS 'Shape of its tables, one of salesops.source_kinds()';
COMMENT ON COLUMN salesops.source.schema_name IS 'Schema that holds its tables';
COMMENT ON COLUMN salesops.source.options IS 'Options of connect()';
COMMENT ON COLUMN salesops.source.is_active IS 'Whether the night syncs it';
COMMENT ON COLUMN salesops.source.connected_at IS 'When it was connected as it is now; what earlier syncs read binds no longer';
SELECT pg_catalog.pg_extension_config_dump('salesops.source', '');

CREATE TABLE salesops.source_sync (
  sync_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_key   text NOT NULL,
  entity       text NOT NULL,
  as_of        timestamptz NOT NULL,
  mode         text NOT NULL CHECK (mode IN ('full', 'incremental')),
  relations    text[] NOT NULL,
  rows_read    bigint,
  inserted     bigint,
  changed      bigint,
  deleted      bigint,
  duplicates   bigint,
  unidentified bigint,
  watermark    timestamptz,
  targets      text[],
  sqlstate     text,
  message      text,
  synced_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX source_sync_latest ON salesops.source_sync (source_key, entity, sync_id DESC);
COMMENT ON TABLE salesops.source_sync IS 'What each sync of each entity read and changed, or why it failed';
COMMENT ON COLUMN salesops.source_sync.sync_id IS 'Number of the sync';
COMMENT ON COLUMN salesops.source_sync.source_key IS 'Source';
COMMENT ON COLUMN salesops.source_sync.entity IS 'Canonical table';
COMMENT ON COLUMN salesops.source_sync.as_of IS 'Instant the sync was run for: recorded_at of what it wrote';
COMMENT ON COLUMN salesops.source_sync.mode IS 'full (every row, finds deletions) or incremental (rows past the watermark)';
COMMENT ON COLUMN salesops.source_sync.relations IS 'Relations that were read';
COMMENT ON COLUMN salesops.source_sync.rows_read IS 'Rows read, old versions left out';
COMMENT ON COLUMN salesops.source_sync.inserted IS 'Rows that were new';
COMMENT ON COLUMN salesops.source_sync.changed IS 'Rows whose state changed';
COMMENT ON COLUMN salesops.source_sync.deleted IS 'Rows that are gone from the source';
COMMENT ON COLUMN salesops.source_sync.duplicates IS 'Rows left out because a newer row has the same id';
COMMENT ON COLUMN salesops.source_sync.unidentified IS 'Rows left out because they have no id';
COMMENT ON COLUMN salesops.source_sync.watermark IS 'Newest source stamp read; the next incremental sync starts after it';
COMMENT ON COLUMN salesops.source_sync.targets IS 'Canonical columns the source offered: what is not among them is not checkable';
COMMENT ON COLUMN salesops.source_sync.sqlstate IS 'SQLSTATE of the failure; NULL = succeeded';
COMMENT ON COLUMN salesops.source_sync.message IS 'Message of the failure';
COMMENT ON COLUMN salesops.source_sync.synced_at IS 'Wall clock time of the sync';
SELECT pg_catalog.pg_extension_config_dump('salesops.source_sync', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.source_sync_sync_id_seq', '');
COMMENT ON SEQUENCE salesops.source_sync_sync_id_seq IS 'Numbers of syncs';

CREATE FUNCTION salesops.source_kinds(OUT kind text, OUT family text, OUT time_zone text, OUT probability_scale text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT k.* FROM (VALUES
    ('fivetran_salesforce', 'salesforce', 'UTC', 'percent', 'Salesforce as Fivetran lands it'),
    ('airbyte_salesforce',  'salesforce', 'UTC', 'percent', 'Salesforce as Airbyte lands it'),
    ('fivetran_hubspot',    'hubspot',    NULL,  'fraction', 'HubSpot as Fivetran lands it'),
    ('airbyte_hubspot',     'hubspot',    NULL,  'fraction', 'HubSpot as Airbyte lands it'),
    ('generic',             'generic',    NULL,  'percent', 'Any tables, with a column map in options.entities')
  ) AS k(kind, family, time_zone, probability_scale, meaning);
END;
COMMENT ON FUNCTION salesops.source_kinds() IS
  'Kinds of source: family of readers, zone of its times without a zone (NULL = setting time_zone), scale of its probabilities';

CREATE FUNCTION salesops.entities(OUT entity text, OUT "position" integer, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT e.entity, e."position"::integer, pg_catalog.obj_description(c.oid, 'pg_class')
  FROM ROWS FROM (unnest(ARRAY['rep', 'account', 'product', 'currency_rate', 'quota', 'lead', 'opportunity', 'opportunity_split',
                               'contact_role', 'activity', 'login'])) WITH ORDINALITY AS e(entity, "position")
  JOIN pg_catalog.pg_class c ON c.relname = e.entity AND c.relnamespace = 'salesops'::pg_catalog.regnamespace;
END;
COMMENT ON FUNCTION salesops.entities() IS 'Canonical tables in the order they are synced';

-- What a source's options say, with the kind's defaults.
CREATE FUNCTION salesops.source_option(source salesops.source, name text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(source.options ->> source_option.name,
                  CASE source_option.name
                    WHEN 'time_zone' THEN coalesce(k.time_zone, salesops.time_zone())
                    WHEN 'probability_scale' THEN k.probability_scale
                    WHEN 'date_order' THEN 'YMD'
                    WHEN 'currency' THEN salesops.get_setting('corporate_currency')
                  END)
  FROM salesops.source_kinds() k WHERE k.kind = source.kind;
END;
COMMENT ON FUNCTION salesops.source_option(salesops.source, text) IS 'Value of an option of a source, or its default';

-- connect() checks options against entity_targets() of reader.sql; plpgsql looks it up when it runs.
CREATE FUNCTION salesops.connect(source_key text, kind text, schema_name text, options jsonb DEFAULT '{}')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  bad text;
BEGIN
  IF source_key IS NULL OR source_key !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
    RAISE EXCEPTION 'invalid source key: %', coalesce(quote_literal(source_key), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use 1 to 63 letters, digits, dots, hyphens and underscores.';
  END IF;
  IF NOT EXISTS (SELECT FROM salesops.source_kinds() k WHERE k.kind = connect.kind) THEN
    RAISE EXCEPTION 'unknown kind of source: %', coalesce(quote_literal(kind), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s.', (SELECT string_agg(k.kind, ', ') FROM salesops.source_kinds() k));
  END IF;
  IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema_name) THEN
    RAISE EXCEPTION 'schema "%" does not exist', schema_name USING
      ERRCODE = 'invalid_schema_name',
      HINT = 'Name the schema that holds the tables of the CRM.';
  END IF;
  IF options IS NULL OR jsonb_typeof(options) <> 'object' THEN
    RAISE EXCEPTION 'options must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- Shape first, so that what follows may take it for granted: what is inside what, and what is text.
  SELECT x.path INTO bad
  FROM (SELECT o.key AS path, o.value, CASE WHEN o.key IN ('entities', 'custom_fields') THEN 'object' ELSE 'string' END AS wanted FROM jsonb_each(options) o
        UNION ALL
        SELECT format('%s.%s', o.key, e.key), e.value, 'object' FROM jsonb_each(options) o
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(o.value) WHEN 'object' THEN o.value ELSE '{}' END) e
        UNION ALL
        SELECT format('%s.%s.%s', o.key, e.key, f.key), f.value, CASE WHEN o.key = 'entities' AND f.key = 'columns' THEN 'object' ELSE 'string' END
        FROM jsonb_each(options) o
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(o.value) WHEN 'object' THEN o.value ELSE '{}' END) e
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE '{}' END) f
        UNION ALL
        SELECT format('entities.%s.columns.%s', e.key, c.key), c.value, 'string'
        FROM jsonb_each(CASE jsonb_typeof(options -> 'entities') WHEN 'object' THEN options -> 'entities' ELSE '{}' END) e
        CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(e.value -> 'columns') WHEN 'object' THEN e.value -> 'columns' ELSE '{}' END) c) x
  WHERE jsonb_typeof(x.value) <> x.wanted LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'option "%" has the wrong shape', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Options look like {"currency": "EUR", "entities": {"opportunity": {"relation": "deals", "columns": {"id": "deal_id"}}}, '
             '"custom_fields": {"opportunity": {"partner": "partner_name"}}}.';
  END IF;

  SELECT o INTO bad FROM jsonb_object_keys(options) o
  WHERE o NOT IN ('entities', 'custom_fields', 'date_order', 'time_zone', 'probability_scale', 'currency', 'open_stage');
  IF FOUND THEN
    RAISE EXCEPTION 'unknown option "%"', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Options are entities, custom_fields, date_order, time_zone, probability_scale, currency and open_stage.';
  END IF;
  SELECT e INTO bad FROM jsonb_object_keys(coalesce(options -> 'entities', '{}') || coalesce(options -> 'custom_fields', '{}')) e
  WHERE e NOT IN (SELECT x.entity FROM salesops.entities() x);
  IF FOUND THEN
    RAISE EXCEPTION 'unknown entity "%"', bad USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM salesops.entities() lists them.';
  END IF;
  SELECT format('entities.%s.%s', e.key, f) INTO bad
  FROM jsonb_each(coalesce(options -> 'entities', '{}')) e CROSS JOIN LATERAL jsonb_object_keys(e.value) f
  WHERE f NOT IN ('relation', 'columns', 'watermark');
  IF FOUND THEN
    RAISE EXCEPTION 'unknown option "%"', bad USING
      ERRCODE = 'invalid_parameter_value', HINT = 'An entity has the options relation, columns and watermark.';
  END IF;
  SELECT format('%s.%s', e.key, c.key) INTO bad
  FROM jsonb_each(coalesce(options -> 'entities', '{}')) e, jsonb_each(coalesce(e.value -> 'columns', '{}')) c
  WHERE c.key NOT IN ('modified_at', 'is_deleted') AND c.key NOT IN (SELECT t.target FROM salesops.entity_targets(e.key) t);
  IF FOUND THEN
    RAISE EXCEPTION 'no canonical column "%"', bad USING
      ERRCODE = 'undefined_column',
      DETAIL = 'The keys of options.entities.<entity>.columns are columns of the canonical table.',
      HINT = format('SELECT * FROM salesops.entity_targets(%L) lists them; use custom_fields for anything else.',
                               split_part(bad, '.', 1));
  END IF;
  IF kind = 'generic' AND NOT EXISTS (SELECT FROM jsonb_each(options -> 'entities') e WHERE e.value ->> 'relation' IS NOT NULL) THEN
    RAISE EXCEPTION 'a generic source needs a column map' USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Give options like {"entities": {"opportunity": {"relation": "deals", "columns": {"id": "deal_id", "amount": "value"}}}}.';
  END IF;
  IF options ->> 'date_order' NOT IN ('YMD', 'MDY', 'DMY') THEN
    RAISE EXCEPTION 'unknown order of date fields: "%"', options ->> 'date_order' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use YMD, MDY or DMY.';
  END IF;
  IF options ->> 'probability_scale' NOT IN ('percent', 'fraction') THEN
    RAISE EXCEPTION 'unknown probability scale: "%"', options ->> 'probability_scale' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use percent (0-100) or fraction (0-1).';
  END IF;
  IF options ->> 'currency' !~ '^[A-Z]{3}$' THEN
    RAISE EXCEPTION 'unknown currency: "%"', options ->> 'currency' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use an ISO 4217 code such as EUR.';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = coalesce(options ->> 'time_zone', 'UTC')) THEN
    RAISE EXCEPTION 'unknown time zone: "%"', options ->> 'time_zone' USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use a name of pg_timezone_names, such as Europe/Berlin.';
  END IF;

  INSERT INTO salesops.source (source_key, kind, schema_name, options)
  VALUES (source_key, kind, schema_name, options)
  ON CONFLICT ON CONSTRAINT source_pkey DO UPDATE
  SET kind = EXCLUDED.kind, schema_name = EXCLUDED.schema_name, options = EXCLUDED.options, is_active = true,
      -- Read otherwise, old watermarks and relations mean nothing: the next sync starts afresh.
      connected_at = CASE WHEN (source.kind, source.schema_name, source.options) IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.schema_name, EXCLUDED.options)
                          THEN clock_timestamp() ELSE source.connected_at END;
END $$;
COMMENT ON FUNCTION salesops.connect(text, text, text, jsonb) IS
  'Register a CRM source, or change how a registered one is read; nothing is read yet: describe_source() shows what will be, sync() reads it';

-- Find a registered source or say which there are.
CREATE FUNCTION salesops.get_source(source_key text)
RETURNS salesops.source LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  source salesops.source;
BEGIN
  SELECT * INTO source FROM salesops.source s WHERE s.source_key = get_source.source_key;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no source "%"', source_key USING
      ERRCODE = 'undefined_object',
      DETAIL = (SELECT 'Connected: ' || coalesce(string_agg(s.source_key, ', ' ORDER BY s.source_key), 'none') || '.' FROM salesops.source s),
      HINT = 'Register it with salesops.connect(source_key, kind, schema_name, options).';
  END IF;
  RETURN source;
END $$;
COMMENT ON FUNCTION salesops.get_source(text) IS 'A registered source; 42704 with the list of sources where there is none of that name';

CREATE FUNCTION salesops.disconnect(source_key text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  PERFORM salesops.get_source(disconnect.source_key);
  UPDATE salesops.source s SET is_active = false WHERE s.source_key = disconnect.source_key;
END $$;
COMMENT ON FUNCTION salesops.disconnect(text) IS 'Stop syncing a source; its rows and their history stay';
-- Maps: what the labels of a CRM mean here. Rows are effective-dated and only added; a label without a row is a finding,
-- never a silent Omitted. Built-in meanings live in functions, so the tables hold only what a user or the CRM itself said.

CREATE TABLE salesops.stage_map (
  source_key text NOT NULL,
  pipeline   text NOT NULL DEFAULT '',
  stage      text NOT NULL,
  valid_from timestamptz NOT NULL DEFAULT '-infinity',
  said_by    text NOT NULL CHECK (said_by IN ('user', 'crm')),
  label      text,
  status     text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
  category   salesops.forecast_category,
  position   integer,
  recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (source_key, pipeline, stage, valid_from, said_by, recorded_at)
);
COMMENT ON TABLE salesops.stage_map IS 'Meaning of a stage; what a user said wins over what the CRM said, then what was said of the pipeline itself, then the newest row';
COMMENT ON COLUMN salesops.stage_map.source_key IS 'Source the stage belongs to';
COMMENT ON COLUMN salesops.stage_map.pipeline IS 'Pipeline the stage belongs to; empty = every pipeline';
COMMENT ON COLUMN salesops.stage_map.stage IS 'Stage as the source states it';
COMMENT ON COLUMN salesops.stage_map.valid_from IS 'From when the meaning holds';
COMMENT ON COLUMN salesops.stage_map.said_by IS 'user, or crm where it came with the data';
COMMENT ON COLUMN salesops.stage_map.label IS 'Name to show; NULL = the stage itself';
COMMENT ON COLUMN salesops.stage_map.status IS 'open, won or lost';
COMMENT ON COLUMN salesops.stage_map.category IS 'Forecast category that a deal in this stage has unless it states its own';
COMMENT ON COLUMN salesops.stage_map.position IS 'Order of the stage in its pipeline';
COMMENT ON COLUMN salesops.stage_map.recorded_at IS 'When the row was written';
SELECT pg_catalog.pg_extension_config_dump('salesops.stage_map', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.stage_map
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.map_stage() again; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.stage_map IS 'What a label meant on a day must stay known';

CREATE TABLE salesops.category_map (
  source_key text NOT NULL,
  label      text NOT NULL,
  valid_from timestamptz NOT NULL DEFAULT '-infinity',
  category   salesops.forecast_category NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (source_key, label, valid_from, recorded_at)
);
COMMENT ON TABLE salesops.category_map IS 'Meaning of a forecast category label, beside the spellings that recognize_forecast_category() knows';
COMMENT ON COLUMN salesops.category_map.source_key IS 'Source the label belongs to';
COMMENT ON COLUMN salesops.category_map.label IS 'Label as the source states it';
COMMENT ON COLUMN salesops.category_map.valid_from IS 'From when the meaning holds';
COMMENT ON COLUMN salesops.category_map.category IS 'What it means';
COMMENT ON COLUMN salesops.category_map.recorded_at IS 'When the row was written';
SELECT pg_catalog.pg_extension_config_dump('salesops.category_map', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.category_map
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.map_category() again; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.category_map IS 'What a label meant on a day must stay known';

CREATE TABLE salesops.value_map (
  source_key text NOT NULL,
  field      text NOT NULL CHECK (field IN ('product', 'industry', 'segment')),
  label      text NOT NULL,
  valid_from timestamptz NOT NULL DEFAULT '-infinity',
  value      text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (source_key, field, label, valid_from, recorded_at)
);
COMMENT ON TABLE salesops.value_map IS 'Meaning of a product, industry or segment name; a product maps to a product id';
COMMENT ON COLUMN salesops.value_map.source_key IS 'Source the label belongs to';
COMMENT ON COLUMN salesops.value_map.field IS 'product, industry or segment';
COMMENT ON COLUMN salesops.value_map.label IS 'Label as the source states it';
COMMENT ON COLUMN salesops.value_map.valid_from IS 'From when the meaning holds';
COMMENT ON COLUMN salesops.value_map.value IS 'What it means';
COMMENT ON COLUMN salesops.value_map.recorded_at IS 'When the row was written';
SELECT pg_catalog.pg_extension_config_dump('salesops.value_map', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.value_map
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.map_value() again; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.value_map IS 'What a label meant on a day must stay known';

-- Writers. A later row for the same label and instant replaces an earlier one without erasing it. A source must be
-- connected: of a slip in its key nobody would hear.

CREATE FUNCTION salesops.map_stage(source_key text, stage text, status text, category salesops.forecast_category DEFAULT NULL,
                                   pipeline text DEFAULT '', "position" integer DEFAULT NULL, label text DEFAULT NULL,
                                   valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.get_source(map_stage.source_key);
  IF map_stage.status IS NULL OR map_stage.status NOT IN ('open', 'won', 'lost') THEN
    RAISE EXCEPTION 'unknown status of a stage: %', coalesce(quote_literal(map_stage.status), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use open, won or lost.';
  END IF;
  INSERT INTO salesops.stage_map (source_key, pipeline, stage, valid_from, said_by, label, status, category, "position")
  VALUES (map_stage.source_key, map_stage.pipeline, map_stage.stage, map_stage.valid_from, 'user', map_stage.label,
          map_stage.status, map_stage.category, map_stage."position");
END $$;
COMMENT ON FUNCTION salesops.map_stage(text, text, text, salesops.forecast_category, text, integer, text, timestamptz) IS
  'Say what a stage means: status open, won or lost, its default forecast category, its place in the pipeline; from valid_from on';

CREATE FUNCTION salesops.map_category(source_key text, label text, category salesops.forecast_category,
                                      valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.get_source(map_category.source_key);
  INSERT INTO salesops.category_map (source_key, label, valid_from, category)
  VALUES (source_key, label, valid_from, category);
END;
COMMENT ON FUNCTION salesops.map_category(text, text, salesops.forecast_category, timestamptz) IS
  'Say what a forecast category label means, from valid_from on';

CREATE FUNCTION salesops.map_value(source_key text, field text, label text, value text, valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.get_source(map_value.source_key);
  INSERT INTO salesops.value_map (source_key, field, label, valid_from, value)
  VALUES (source_key, field, label, valid_from, value);
END;
COMMENT ON FUNCTION salesops.map_value(text, text, text, text, timestamptz) IS
  'Say what a product (a product id), industry or segment label means, from valid_from on';

-- Meanings at an instant.

CREATE FUNCTION salesops.standard_stages(OUT stage text, OUT status text, OUT category salesops.forecast_category, OUT "position" integer)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT s.stage, s.status, s.category::salesops.forecast_category, s."position"
  FROM (VALUES
    ('Prospecting',          'open', 'Pipeline',   10), ('Qualification',          'open', 'Pipeline',   20),
    ('Needs Analysis',       'open', 'Pipeline',   30), ('Value Proposition',      'open', 'Pipeline',   40),
    ('Id. Decision Makers',  'open', 'Pipeline',   50), ('Perception Analysis',    'open', 'Pipeline',   60),
    ('Proposal/Price Quote', 'open', 'Best Case',  70), ('Negotiation/Review',     'open', 'Commit',     80),
    ('Closed Won',           'won',  'Closed',     90), ('Closed Lost',            'lost', 'Omitted',   100),
    ('appointmentscheduled', 'open', 'Pipeline',   10), ('qualifiedtobuy',         'open', 'Pipeline',   20),
    ('presentationscheduled', 'open', 'Pipeline',  30), ('decisionmakerboughtin',  'open', 'Best Case',  40),
    ('contractsent',         'open', 'Commit',     50), ('closedwon',              'won',  'Closed',     60),
    ('closedlost',           'lost', 'Omitted',    70)
  ) AS s(stage, status, category, "position");
END;
COMMENT ON FUNCTION salesops.standard_stages() IS 'Stages that a new Salesforce or HubSpot account starts with, and their meaning';

CREATE FUNCTION salesops.stage_meaning(as_of timestamptz, OUT source_key text, OUT pipeline text, OUT stage text, OUT label text,
                                       OUT status text, OUT category salesops.forecast_category, OUT "position" integer,
                                       OUT but_in text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
  WITH said AS (
    SELECT s.source_key, s.pipeline, s.stage, coalesce(s.label, s.stage) AS label, s.status, s.category, s."position",
           CASE s.said_by WHEN 'user' THEN 1 ELSE 2 END AS preference, s.valid_from, s.recorded_at
    FROM salesops.stage_map s
    WHERE s.valid_from <= stage_meaning.as_of
    UNION ALL
    SELECT c.source_key, '', d.stage, d.stage, d.status, d.category, d."position", 3, '-infinity', '-infinity'
    FROM salesops.standard_stages() d CROSS JOIN salesops.source c
  )
  -- What was said of every pipeline holds in each: a user who says it once is heard before the CRM's own words on one.
  SELECT DISTINCT ON (k.source_key, k.pipeline, k.stage)
         k.source_key, k.pipeline, k.stage, m.label, m.status, m.category, m."position", k.but_in
  FROM (SELECT s.source_key, s.pipeline, s.stage,
               CASE s.pipeline WHEN '' THEN array_agg(s.pipeline) OVER (PARTITION BY s.source_key, s.stage) END AS but_in
        FROM said s GROUP BY s.source_key, s.pipeline, s.stage) k
  JOIN said m ON m.source_key = k.source_key AND m.stage = k.stage AND m.pipeline IN (k.pipeline, '')
  ORDER BY k.source_key, k.pipeline, k.stage, m.preference, m.pipeline = k.pipeline DESC, m.valid_from DESC, m.recorded_at DESC;
END;
COMMENT ON FUNCTION salesops.stage_meaning(timestamptz) IS
  'What each stage of each source means at an instant: what a user said, else what the CRM said, else the standard meaning. Pipeline empty = in every pipeline but those with a row of their own (but_in); means_stage() tells which row is a deal''s';

CREATE FUNCTION salesops.means_stage(meaning_of text, but_in text[], pipeline text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN meaning_of = coalesce(pipeline, '') OR coalesce(pipeline, '') <> ALL (but_in);
COMMENT ON FUNCTION salesops.means_stage(text, text[], text) IS
  'Whether a row of stage_meaning() (its pipeline and but_in) is the one for a deal of its source and stage in a pipeline (NULL = none stated): at most one row is';

CREATE FUNCTION salesops.category_meaning(as_of timestamptz, OUT source_key text, OUT label text, OUT category salesops.forecast_category)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT DISTINCT ON (m.source_key, m.label) m.source_key, m.label, m.category
  FROM salesops.category_map m
  WHERE m.valid_from <= category_meaning.as_of
  ORDER BY m.source_key, m.label, m.valid_from DESC, m.recorded_at DESC;
END;
COMMENT ON FUNCTION salesops.category_meaning(timestamptz) IS 'What a user said forecast category labels mean at an instant';

CREATE FUNCTION salesops.value_meaning(as_of timestamptz, OUT source_key text, OUT field text, OUT label text, OUT value text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
  SELECT DISTINCT ON (m.source_key, m.field, m.label) m.source_key, m.field, m.label, m.value
  FROM salesops.value_map m
  WHERE m.valid_from <= value_meaning.as_of
  ORDER BY m.source_key, m.field, m.label, m.valid_from DESC, m.recorded_at DESC;
END;
COMMENT ON FUNCTION salesops.value_meaning(timestamptz) IS 'What a user said product, industry and segment labels mean at an instant';

CREATE FUNCTION salesops.product_meaning(as_of timestamptz, OUT source_key text, OUT label text, OUT product_id text,
                                         OUT list_price numeric, OUT currency text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
  SELECT DISTINCT ON (m.source_key, m.label) m.source_key, m.label, p.id, p.list_price, p.currency
  FROM (SELECT v.source_key, v.label, v.value AS id, 1 AS preference
        FROM salesops.value_meaning(product_meaning.as_of) v WHERE v.field = 'product'
        UNION ALL SELECT p.source_key, p.id, p.id, 2 FROM salesops.product p
        UNION ALL SELECT p.source_key, p.name, p.id, 3 FROM salesops.product p WHERE p.name IS NOT NULL) m
  JOIN salesops.product p ON p.source_key = m.source_key AND p.id = m.id AND NOT p.is_deleted
  ORDER BY m.source_key, m.label, m.preference, p.id;
END;
COMMENT ON FUNCTION salesops.product_meaning(timestamptz) IS
  'Product that a label means: by a map row, by id, or by exact name; with its list price today';
-- Reading a source's relations without lending their owner the reader's rights (see source_relation.c).

CREATE FUNCTION salesops.source_relation(relation regclass)
RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'salesops_source_relation';
COMMENT ON FUNCTION salesops.source_relation(regclass) IS
  'SQL that stands for a relation of a source in a FROM clause: a call of read_relation(); locks the relation, if the caller may read it, until the transaction ends';

-- How many rows there are is not known before; joined as if they were few, many would be looped over.
CREATE FUNCTION salesops.read_relation(relation regclass)
RETURNS SETOF record LANGUAGE c VOLATILE STRICT ROWS 100000 AS 'MODULE_PATHNAME', 'salesops_read_relation';
COMMENT ON FUNCTION salesops.read_relation(regclass) IS
  'Rows of a relation. A table of the server''s own types is scanned under the caller''s rights, running no code of its owner''s; a view, a foreign or partitioned table, one with row security, or with types that users made, which come as text, is read under its owner''s rights as a security-restricted operation; 42501 where the caller has not those rights and the owner is no superuser';

CREATE FUNCTION salesops.count_rows(relation regclass)
RETURNS bigint LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'salesops_count_rows';
COMMENT ON FUNCTION salesops.count_rows(regclass) IS
  'How many rows a materialized view holds, counted without running what its owner wrote into its indexes';
-- Readers: how the tables of a source become canonical rows. Everything is looked up when it is needed: relations and
-- columns by name without case, underscores or HubSpot's property prefix, so one list serves every connector's spelling.
--
--   source_feed()     which relation of the source feeds which entity
--   feed_column()     which of its columns may be which canonical column, best first
--   source_plan()     what is really there now: one row a canonical column, with the SQL expression that reads it
--   feed_query()      the SELECT of a feed

CREATE FUNCTION salesops.entity_targets(entity text, OUT target text, OUT type regtype, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.attname::text, a.atttypid::regtype, pg_catalog.col_description(a.attrelid, a.attnum)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'salesops'::pg_catalog.regnamespace AND c.relname = entity_targets.entity
    AND a.attname <> ALL (ARRAY['source_key', 'custom', 'unreadable', 'is_deleted', 'effective_at', 'recorded_at', 'origin', 'confirmed_at'])
  ORDER BY a.attnum;
END;
COMMENT ON FUNCTION salesops.entity_targets(text) IS 'Canonical columns of an entity that a source column can be mapped to';

-- COLLATE "C": in a Turkish database the small letter of I is not i, and IsDeleted would not be is_deleted.
CREATE FUNCTION salesops.plain_name(name text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT pg_catalog.regexp_replace(pg_catalog.replace(pg_catalog.lower(pg_catalog.btrim(plain_name.name) COLLATE "C"), '_', ''), '^(property|properties)(?=.)', '');
END;
COMMENT ON FUNCTION salesops.plain_name(text) IS 'Name without case, underscores and the property prefix: StageName, stage_name and property_stagename are one';

CREATE FUNCTION salesops.find_relation(schema_name text, plain_name text)
RETURNS regclass LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.oid::regclass
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = find_relation.schema_name AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
    AND salesops.plain_name(c.relname::text) = salesops.plain_name(find_relation.plain_name)
  ORDER BY c.relname = find_relation.plain_name DESC, c.relname
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.find_relation(text, text) IS 'Relation of a schema by its plain name; NULL if there is none';

CREATE FUNCTION salesops.find_column(relation regclass, plain_name text, OUT name name, OUT type regtype)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.attname, a.atttypid::regtype
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = find_column.relation AND a.attnum > 0 AND NOT a.attisdropped
    AND salesops.plain_name(a.attname::text) = salesops.plain_name(find_column.plain_name)
  ORDER BY a.attname::text = find_column.plain_name DESC, a.attnum
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.find_column(regclass, text) IS 'Column of a relation by its plain name, with its type; no row values if there is none';

CREATE FUNCTION salesops.bind_columns(query text, relation regclass)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  placeholder text;
  found_name name;
BEGIN
  FOR placeholder IN SELECT DISTINCT m[1] FROM regexp_matches(query, '[{]([?]?[a-z0-9_]+)[}]', 'g') m LOOP
    found_name := (salesops.find_column(relation, ltrim(placeholder, '?'))).name;
    query := replace(query, '{' || placeholder || '}', CASE WHEN found_name IS NOT NULL THEN quote_ident(found_name)
                                                            WHEN placeholder LIKE '?%' THEN 'NULL' END);
  END LOOP;
  RETURN replace(query, '%', salesops.source_relation(relation));
END $$;
COMMENT ON FUNCTION salesops.bind_columns(text, regclass) IS
  'SQL made for a relation from a pattern: % is the relation, {name} one of its columns by plain name, {?name} the same or NULL where it has none; NULL if a column or the relation is missing';

-- The shapes of Salesforce and HubSpot. A relation is named once an entity it feeds.

CREATE FUNCTION salesops.family_feeds(family text, OUT entity text, OUT relation text, OUT shape text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT f.entity, f.relation, coalesce(f.shape, f.relation)
  FROM (VALUES
    ('salesforce', 'rep', 'user', NULL), ('salesforce', 'account', 'account', NULL), ('salesforce', 'product', 'product2', NULL),
    ('salesforce', 'opportunity', 'opportunity', NULL), ('salesforce', 'opportunity_split', 'opportunitysplit', NULL),
    ('salesforce', 'contact_role', 'opportunitycontactrole', NULL), ('salesforce', 'activity', 'task', NULL),
    ('salesforce', 'activity', 'event', NULL), ('salesforce', 'login', 'loginhistory', NULL), ('salesforce', 'lead', 'lead', NULL),
    ('salesforce', 'quota', 'forecastingquota', NULL), ('salesforce', 'currency_rate', 'datedconversionrate', NULL),
    ('hubspot', 'rep', 'owner', NULL), ('hubspot', 'rep', 'owners', 'owner'), ('hubspot', 'account', 'company', NULL),
    ('hubspot', 'account', 'companies', 'company'), ('hubspot', 'product', 'product', NULL), ('hubspot', 'product', 'products', 'product'),
    ('hubspot', 'opportunity', 'deal', NULL), ('hubspot', 'opportunity', 'deals', 'deal'), ('hubspot', 'contact_role', 'dealcontact', NULL),
    ('hubspot', 'opportunity_split', 'dealsplit', NULL), ('hubspot', 'activity', 'engagement', NULL),
    ('hubspot', 'activity', 'engagementcall', 'engagement'), ('hubspot', 'activity', 'engagementmeeting', 'engagement'),
    ('hubspot', 'activity', 'engagementemail', 'engagement'), ('hubspot', 'activity', 'engagementnote', 'engagement')
  ) AS f(family, entity, relation, shape)
  WHERE f.family = family_feeds.family;
END;
COMMENT ON FUNCTION salesops.family_feeds(text) IS
  'Relations (plain names) that feed the entities in a family of sources; shape = the relation whose columns it has';

-- Candidates are plain names, best first. `a+b` joins two columns, `a|b` is whether any of them says yes, `a/100` divides,
-- `=word` is a constant, and `join.column` is a column of one of family_joins().
CREATE FUNCTION salesops.family_columns(family text, OUT relation text, OUT target text, OUT candidates text[])
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT c.relation, c.target, pg_catalog.string_to_array(c.candidates, ' ')
  FROM (VALUES
    ('salesforce', '*', 'id', 'id'),
    ('salesforce', '*', 'is_deleted', 'isdeleted|fivetrandeleted'),
    ('salesforce', '*', 'modified_at', 'systemmodstamp lastmodifieddate'),
    ('salesforce', 'user', 'name', 'name firstname+lastname'),
    ('salesforce', 'user', 'email', 'email'),
    ('salesforce', 'user', 'manager_id', 'managerid'),
    ('salesforce', 'user', 'team', 'teamc department division'),
    ('salesforce', 'user', 'region', 'regionc region state'),
    ('salesforce', 'user', 'role', 'role.name'),
    ('salesforce', 'user', 'title', 'title'),
    ('salesforce', 'user', 'is_active', 'isactive'),
    ('salesforce', 'user', 'hired_on', 'hiredatec startdatec'),
    ('salesforce', 'user', 'left_on', 'terminationdatec enddatec'),
    ('salesforce', 'user', 'last_login_at', 'lastlogindate'),
    ('salesforce', 'account', 'name', 'name'),
    ('salesforce', 'account', 'parent_id', 'parentid'),
    ('salesforce', 'account', 'owner_id', 'ownerid'),
    ('salesforce', 'account', 'industry', 'industry'),
    ('salesforce', 'account', 'segment', 'segmentc segment'),
    ('salesforce', 'account', 'account_type', 'type'),
    ('salesforce', 'account', 'employees', 'numberofemployees'),
    ('salesforce', 'account', 'annual_revenue', 'annualrevenue'),
    ('salesforce', 'account', 'currency', 'currencyisocode'),
    ('salesforce', 'account', 'website', 'website'),
    ('salesforce', 'account', 'phone', 'phone'),
    ('salesforce', 'account', 'street', 'billingstreet'),
    ('salesforce', 'account', 'city', 'billingcity'),
    ('salesforce', 'account', 'state', 'billingstate billingstatecode'),
    ('salesforce', 'account', 'postal_code', 'billingpostalcode'),
    ('salesforce', 'account', 'country', 'billingcountry billingcountrycode'),
    ('salesforce', 'account', 'latitude', 'billinglatitude'),
    ('salesforce', 'account', 'longitude', 'billinglongitude'),
    ('salesforce', 'account', 'website_visits', 'websitevisitsc'),
    ('salesforce', 'account', 'content_downloads', 'contentdownloadsc'),
    ('salesforce', 'account', 'intent_score', 'intentscorec'),
    ('salesforce', 'account', 'merged_into', 'masterrecordid'),
    ('salesforce', 'account', 'created_at', 'createddate'),
    ('salesforce', 'account', 'last_activity_at', 'lastactivitydate'),
    ('salesforce', 'product2', 'name', 'name'),
    ('salesforce', 'product2', 'family', 'family'),
    ('salesforce', 'product2', 'list_price', 'listpricec listprice unitprice'),
    ('salesforce', 'product2', 'currency', 'currencyisocode'),
    ('salesforce', 'product2', 'is_active', 'isactive'),
    ('salesforce', 'opportunity', 'name', 'name'),
    ('salesforce', 'opportunity', 'account_id', 'accountid'),
    ('salesforce', 'opportunity', 'owner_id', 'ownerid'),
    ('salesforce', 'opportunity', 'pipeline', 'recordtypeid'),
    ('salesforce', 'opportunity', 'stage', 'stagename'),
    ('salesforce', 'opportunity', 'stage_at_loss', 'stageatlossc'),
    ('salesforce', 'opportunity', 'forecast_category', 'forecastcategory forecastcategoryname'),
    ('salesforce', 'opportunity', 'deal_type', 'type'),
    ('salesforce', 'opportunity', 'lead_source', 'leadsource'),
    ('salesforce', 'opportunity', 'loss_reason', 'lossreasonc lossreason closedlostreasonc'),
    ('salesforce', 'opportunity', 'product', 'productc product2id line.product'),
    ('salesforce', 'opportunity', 'quantity', 'quantityc totalopportunityquantity line.quantity'),
    ('salesforce', 'opportunity', 'amount', 'amount'),
    ('salesforce', 'opportunity', 'list_amount', 'listamountc line.listamount'),
    ('salesforce', 'opportunity', 'discount', 'discountc/100 discountpercentc/100'),
    ('salesforce', 'opportunity', 'margin', 'marginc/100 marginpercentc/100'),
    ('salesforce', 'opportunity', 'acv', 'acvc'),
    ('salesforce', 'opportunity', 'arr', 'arrc'),
    ('salesforce', 'opportunity', 'tcv', 'tcvc'),
    ('salesforce', 'opportunity', 'currency', 'currencyisocode'),
    ('salesforce', 'opportunity', 'probability', 'probability'),
    ('salesforce', 'opportunity', 'is_closed', 'isclosed'),
    ('salesforce', 'opportunity', 'is_won', 'iswon'),
    ('salesforce', 'opportunity', 'close_date', 'closedate'),
    ('salesforce', 'opportunity', 'created_at', 'createddate'),
    ('salesforce', 'opportunity', 'next_step', 'nextstep'),
    ('salesforce', 'opportunity', 'last_activity_at', 'lastactivitydate'),
    ('salesforce', 'opportunity', 'stage_entered_at', 'laststagechangedate'),
    ('salesforce', 'opportunitysplit', 'opportunity_id', 'opportunityid'),
    ('salesforce', 'opportunitysplit', 'rep_id', 'splitownerid'),
    ('salesforce', 'opportunitysplit', 'split_type', 'splittype splittypeid'),
    ('salesforce', 'opportunitysplit', 'share', 'splitpercentage/100'),
    ('salesforce', 'opportunitysplit', 'amount', 'splitamount'),
    ('salesforce', 'opportunitycontactrole', 'opportunity_id', 'opportunityid'),
    ('salesforce', 'opportunitycontactrole', 'contact_id', 'contactid'),
    ('salesforce', 'opportunitycontactrole', 'role', 'role'),
    ('salesforce', 'opportunitycontactrole', 'is_primary', 'isprimary'),
    ('salesforce', 'task', 'kind', 'tasksubtype type'),
    ('salesforce', 'task', 'opportunity_id', 'whatid'),
    ('salesforce', 'task', 'account_id', 'accountid'),
    ('salesforce', 'task', 'contact_id', 'whoid'),
    ('salesforce', 'task', 'rep_id', 'ownerid'),
    ('salesforce', 'task', 'subject', 'subject'),
    ('salesforce', 'task', 'happened_at', 'completeddatetime activitydate'),
    ('salesforce', 'task', 'is_done', 'isclosed'),
    ('salesforce', 'task', 'minutes', 'calldurationinseconds/60'),
    ('salesforce', 'event', 'kind', '=meeting'),
    ('salesforce', 'event', 'opportunity_id', 'whatid'),
    ('salesforce', 'event', 'account_id', 'accountid'),
    ('salesforce', 'event', 'contact_id', 'whoid'),
    ('salesforce', 'event', 'rep_id', 'ownerid'),
    ('salesforce', 'event', 'subject', 'subject'),
    ('salesforce', 'event', 'happened_at', 'startdatetime activitydatetime activitydate'),
    ('salesforce', 'loginhistory', 'rep_id', 'userid'),
    ('salesforce', 'loginhistory', 'logged_in_at', 'logintime'),
    ('salesforce', 'lead', 'name', 'name firstname+lastname'),
    ('salesforce', 'lead', 'company', 'company'),
    ('salesforce', 'lead', 'owner_id', 'ownerid'),
    ('salesforce', 'lead', 'status', 'status'),
    ('salesforce', 'lead', 'lead_source', 'leadsource'),
    ('salesforce', 'lead', 'industry', 'industry'),
    ('salesforce', 'lead', 'employees', 'numberofemployees'),
    ('salesforce', 'lead', 'annual_revenue', 'annualrevenue'),
    ('salesforce', 'lead', 'created_at', 'createddate'),
    ('salesforce', 'lead', 'is_converted', 'isconverted'),
    ('salesforce', 'lead', 'converted_at', 'converteddate'),
    ('salesforce', 'lead', 'account_id', 'convertedaccountid'),
    ('salesforce', 'lead', 'opportunity_id', 'convertedopportunityid'),
    ('salesforce', 'forecastingquota', 'rep_id', 'quotaownerid'),
    ('salesforce', 'forecastingquota', 'period', 'startdate'),
    ('salesforce', 'forecastingquota', 'amount', 'quotaamount'),
    ('salesforce', 'forecastingquota', 'currency', 'currencyisocode'),
    ('salesforce', 'datedconversionrate', 'currency', 'isocode'),
    ('salesforce', 'datedconversionrate', 'valid_from', 'startdate'),
    ('salesforce', 'datedconversionrate', 'per_corporate', 'conversionrate'),
    ('hubspot', '*', 'id', 'id'),
    ('hubspot', '*', 'is_deleted', 'isdeleted|fivetrandeleted|archived'),
    ('hubspot', '*', 'modified_at', 'hslastmodifieddate updatedat'),
    ('hubspot', 'owner', 'id', 'ownerid id'),
    ('hubspot', 'owner', 'name', 'firstname+lastname'),
    ('hubspot', 'owner', 'email', 'email'),
    ('hubspot', 'owner', 'team', 'team.name'),
    ('hubspot', 'company', 'name', 'name'),
    ('hubspot', 'company', 'owner_id', 'hubspotownerid'),
    ('hubspot', 'company', 'parent_id', 'hsparentcompanyid'),
    ('hubspot', 'company', 'industry', 'industry'),
    ('hubspot', 'company', 'account_type', 'type'),
    ('hubspot', 'company', 'employees', 'numberofemployees'),
    ('hubspot', 'company', 'annual_revenue', 'annualrevenue'),
    ('hubspot', 'company', 'website', 'domain website'),
    ('hubspot', 'company', 'phone', 'phone'),
    ('hubspot', 'company', 'street', 'address'),
    ('hubspot', 'company', 'city', 'city'),
    ('hubspot', 'company', 'state', 'state'),
    ('hubspot', 'company', 'postal_code', 'zip'),
    ('hubspot', 'company', 'country', 'country'),
    ('hubspot', 'company', 'created_at', 'createdate createdat'),
    ('hubspot', 'company', 'website_visits', 'hsanalyticsnumvisits'),
    ('hubspot', 'company', 'intent_score', 'hubspotscore'),
    ('hubspot', 'product', 'name', 'name'),
    ('hubspot', 'product', 'list_price', 'price'),
    ('hubspot', 'deal', 'id', 'dealid id'),
    ('hubspot', 'deal', 'name', 'dealname'),
    ('hubspot', 'deal', 'account_id', 'company.accountid'),
    ('hubspot', 'deal', 'owner_id', 'ownerid hubspotownerid'),
    ('hubspot', 'deal', 'pipeline', 'dealpipelineid pipeline'),
    ('hubspot', 'deal', 'stage', 'dealpipelinestageid dealstage'),
    ('hubspot', 'deal', 'forecast_category', 'hsmanualforecastcategory'),
    ('hubspot', 'deal', 'deal_type', 'dealtype'),
    ('hubspot', 'deal', 'lead_source', 'hsanalyticssource'),
    ('hubspot', 'deal', 'loss_reason', 'closedlostreason'),
    ('hubspot', 'deal', 'amount', 'amount'),
    ('hubspot', 'deal', 'acv', 'hsacv'),
    ('hubspot', 'deal', 'arr', 'hsarr'),
    ('hubspot', 'deal', 'tcv', 'hstcv'),
    ('hubspot', 'deal', 'currency', 'dealcurrencycode'),
    ('hubspot', 'deal', 'probability', 'hsdealstageprobability hsforecastprobability'),
    ('hubspot', 'deal', 'is_closed', 'hsisclosed'),
    ('hubspot', 'deal', 'is_won', 'hsisclosedwon'),
    ('hubspot', 'deal', 'close_date', 'closedate'),
    ('hubspot', 'deal', 'created_at', 'createdate createdat'),
    ('hubspot', 'deal', 'next_step', 'hsnextstep'),
    ('hubspot', 'deal', 'last_activity_at', 'noteslastupdated noteslastcontacted'),
    ('hubspot', 'deal', 'merged_into', 'merged.mergedinto'),
    ('hubspot', 'dealcontact', 'id', 'dealid+contactid'),
    ('hubspot', 'dealcontact', 'opportunity_id', 'dealid'),
    ('hubspot', 'dealcontact', 'contact_id', 'contactid'),
    ('hubspot', 'dealsplit', 'opportunity_id', 'hsdealid dealid'),
    ('hubspot', 'dealsplit', 'rep_id', 'hubspotownerid'),
    ('hubspot', 'dealsplit', 'share', 'hsdealsplitpercentage'),
    ('hubspot', 'dealsplit', 'amount', 'hsdealsplitamount'),
    ('hubspot', 'engagement', 'id', 'engagementid id'),
    ('hubspot', 'engagement', 'kind', 'type'),
    ('hubspot', 'engagementcall', 'kind', '=call'),
    ('hubspot', 'engagementmeeting', 'kind', '=meeting'),
    ('hubspot', 'engagementemail', 'kind', '=email'),
    ('hubspot', 'engagementnote', 'kind', '=note'),
    ('hubspot', 'engagement', 'opportunity_id', 'deal.dealid'),
    ('hubspot', 'engagement', 'rep_id', 'hubspotownerid ownerid'),
    ('hubspot', 'engagement', 'happened_at', 'hstimestamp timestamp hscreatedate createdat')
  ) AS c(family, relation, target, candidates)
  WHERE c.family = family_columns.family;
END;
COMMENT ON FUNCTION salesops.family_columns(text) IS 'Source columns (plain names, best first) that may be a canonical column, by relation; * = every relation of the family';

-- Side tables that a feed is joined with, one row a key, without what is deleted (bind_columns() explains the braces). A
-- side table that is missing, or lacks one of the columns, is left out and its canonical columns are then missing.
CREATE FUNCTION salesops.family_joins(family text, OUT shape text, OUT alias text, OUT relation text, OUT base_key text, OUT query text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT j.shape, j.alias, j.relation, j.base_key, j.query
  FROM (VALUES
    ('salesforce', 'user', 'role', 'userrole', 'userroleid',
     'SELECT {id}::text AS key, min({name}::text) AS name FROM % s GROUP BY 1'),
    -- One line a deal: the product that brings most, so that a deal's own amount is never multiplied by its lines.
    ('salesforce', 'opportunity', 'line', 'opportunitylineitem', 'id',
     'SELECT {opportunityid}::text AS key, '
     '(array_agg({product2id}::text ORDER BY salesops.read_number({?totalprice}::text) DESC NULLS LAST, {?id}::text, {product2id}::text))[1] AS product, '
     'sum(salesops.read_number({?quantity}::text)) AS quantity, '
     'sum(salesops.read_number({?quantity}::text) * salesops.read_number({?listprice}::text)) AS listamount '
     'FROM % s WHERE coalesce(salesops.read_boolean({?isdeleted}::text) OR salesops.read_boolean({?fivetrandeleted}::text), false) = false GROUP BY 1'),
    ('hubspot', 'owner', 'team', 'teamuser', 'activeuserid',
     'SELECT {userid}::text AS key, min({teamid}::text) AS name FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    -- A deal can have several companies; the lowest type_id is the primary association.
    ('hubspot', 'deal', 'company', 'dealcompany', 'dealid',
     'SELECT {dealid}::text AS key, (array_agg({companyid}::text ORDER BY salesops.read_number({?typeid}::text), {companyid}::text))[1] AS accountid '
     'FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    ('hubspot', 'deal', 'merged', 'mergeddeal', 'dealid',
     'SELECT {mergeddealid}::text AS key, min({dealid}::text) AS mergedinto FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1'),
    ('hubspot', 'engagement', 'deal', 'engagementdeal', 'engagementid',
     'SELECT {engagementid}::text AS key, min({dealid}::text) AS dealid FROM % s WHERE salesops.read_boolean({?fivetrandeleted}::text) IS NOT TRUE GROUP BY 1')
  ) AS j(family, shape, alias, relation, base_key, query)
  WHERE j.family = family_joins.family;
END;
COMMENT ON FUNCTION salesops.family_joins(text) IS 'Side tables of the feeds in a family of sources: alias, plain name, key column of the feed, and query';

CREATE FUNCTION salesops.source_feed(source salesops.source, OUT entity text, OUT relation regclass, OUT shape text, OUT wanted text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- A relation named in the options takes the place of the family's own.
  SELECT w.entity, salesops.find_relation(source.schema_name, w.wanted), w.shape, w.wanted
  FROM (SELECT f.entity, coalesce(source.options #>> ARRAY['entities', f.entity, 'relation'], f.relation) AS wanted, f.shape
        FROM salesops.source_kinds() k CROSS JOIN LATERAL salesops.family_feeds(k.family) f
        WHERE k.kind = source.kind
        UNION
        SELECT e.key, e.value ->> 'relation', ''
        FROM pg_catalog.jsonb_each(source.options -> 'entities') e
        WHERE source.kind = 'generic' AND e.value ->> 'relation' IS NOT NULL) w;
END;
COMMENT ON FUNCTION salesops.source_feed(salesops.source) IS 'Relations of a source that feed each entity; relation NULL = not there';

CREATE FUNCTION salesops.required_targets(entity text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE required_targets.entity
           WHEN 'opportunity' THEN ARRAY['id', 'stage']
           WHEN 'opportunity_split' THEN ARRAY['id', 'opportunity_id', 'rep_id']
           WHEN 'contact_role' THEN ARRAY['id', 'opportunity_id']
           WHEN 'activity' THEN ARRAY['id', 'happened_at']
           WHEN 'login' THEN ARRAY['id', 'rep_id', 'logged_in_at']
           WHEN 'quota' THEN ARRAY['id', 'rep_id', 'period', 'amount']
           WHEN 'currency_rate' THEN ARRAY['id', 'currency', 'valid_from', 'per_corporate']
           ELSE ARRAY['id'] END;
END;
COMMENT ON FUNCTION salesops.required_targets(text) IS 'Canonical columns without which an entity cannot be synced';

-- SQL that reads `value`, an expression of source_type, as target_type; NULL where it cannot be read.
CREATE FUNCTION salesops.read_expression(value text, source_type regtype, target_type regtype, date_order text, zone text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE
    WHEN target_type = 'text'::regtype THEN pg_catalog.format('nullif(btrim(%s::text), %L)', value, '')
    WHEN target_type = 'numeric'::regtype THEN
      CASE WHEN source_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN value || '::numeric'
           -- NaN and the infinities are no amounts: between these bounds there are only numbers.
           WHEN source_type IN ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype)
             THEN pg_catalog.format('CASE WHEN %1$s::numeric > %2$L AND %1$s::numeric < %3$L THEN %1$s::numeric END', value, '-Infinity', 'Infinity')
           ELSE pg_catalog.format('salesops.read_number(%s::text)', value) END
    WHEN target_type = 'date'::regtype THEN d.expression
    WHEN target_type = 'timestamptz'::regtype THEN
      CASE WHEN source_type = 'timestamptz'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s END', value)
           WHEN source_type IN ('timestamp'::regtype, 'date'::regtype)
             THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s::timestamp AT TIME ZONE %2$L END', value, zone)
           ELSE pg_catalog.format('salesops.read_instant(%s::text, %L, %L)', value, date_order, zone) END
    WHEN target_type = 'boolean'::regtype THEN
      CASE WHEN source_type = 'boolean'::regtype THEN value
           ELSE pg_catalog.format('salesops.read_boolean(%s::text)', value) END
    WHEN target_type = 'salesops.fiscal_period'::regtype THEN
      pg_catalog.format(CASE WHEN source_type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
                             THEN 'salesops.fiscal_quarter(%2$s, %3$s)'
                             ELSE 'coalesce(salesops.recognize_fiscal_period(%1$s::text), salesops.fiscal_quarter(%2$s, %3$s))' END,
                        value, d.expression, salesops.fiscal_year_start_month())
  END
  FROM (SELECT CASE
    WHEN source_type = 'date'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s END', value)
    WHEN source_type = 'timestamp'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN %1$s::date END', value)
    WHEN source_type = 'timestamptz'::regtype THEN pg_catalog.format('CASE WHEN isfinite(%1$s) THEN (%1$s AT TIME ZONE %2$L)::date END', value, zone)
    ELSE pg_catalog.format('salesops.read_date(%s::text, %L, %L)', value, date_order, zone) END AS expression) d;
END;
COMMENT ON FUNCTION salesops.read_expression(text, regtype, regtype, text, text) IS
  'SQL that reads an expression of one type as another, NULL where a value cannot be read; local times are of the given zone';

CREATE TYPE salesops.planned_column AS (
  entity text, relation regclass, target text, target_type regtype, source_column text, source_type regtype, raw text, expression text
);
COMMENT ON TYPE salesops.planned_column IS 'How one canonical column of one feed is read: raw is the source value, expression the typed one; NULL = the source lacks it';

-- Resolve one candidate against a feed. Returns the SQL of the value, its type and how to show it.
CREATE FUNCTION salesops.resolve_candidate(relation regclass, aliases jsonb, candidate text,
                                           OUT value text, OUT type regtype, OUT source_column text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text;
  found_column record;
  parts text[];
BEGIN
  IF candidate LIKE '=%' THEN
    value := quote_literal(substr(candidate, 2));
    type := 'text'::regtype;
    source_column := candidate;
    RETURN;
  END IF;
  -- A name may hold any character; the small language of candidates comes second.
  SELECT * INTO found_column FROM salesops.find_column(relation, candidate);
  IF found_column.name IS NOT NULL THEN
    value := format('s.%I', found_column.name);
    type := found_column.type;
    source_column := found_column.name;
    RETURN;
  END IF;
  IF candidate LIKE '%.%' AND aliases ? split_part(candidate, '.', 1) THEN
    value := format('%I.%I', split_part(candidate, '.', 1), split_part(candidate, '.', 2));
    -- Side tables give text but for the sums that are numeric.
    type := CASE WHEN split_part(candidate, '.', 2) IN ('quantity', 'listamount') THEN 'numeric' ELSE 'text' END::regtype;
    source_column := format('%s of %s', split_part(candidate, '.', 2), aliases ->> split_part(candidate, '.', 1));
    RETURN;
  END IF;
  IF candidate ~ '/[0-9]+$' THEN
    SELECT * INTO found_column FROM salesops.find_column(relation, regexp_replace(candidate, '/[0-9]+$', ''));
    IF found_column.name IS NOT NULL THEN
      type := 'numeric'::regtype;
      value := format('(%s / %s)', salesops.read_expression(format('s.%I', found_column.name), found_column.type, type, 'YMD', 'UTC'),
                      substring(candidate FROM '/([0-9]+)$'));
      source_column := format('%s / %s', found_column.name, substring(candidate FROM '/([0-9]+)$'));
    END IF;
    RETURN;
  END IF;
  IF candidate LIKE '%|%' THEN
    SELECT string_agg(format('coalesce(%s, false)', salesops.read_expression(format('s.%I', c.name), c.type, 'boolean'::regtype, 'YMD', 'UTC')), ' OR ' ORDER BY u.n),
           string_agg(c.name::text, ' or ' ORDER BY u.n)
      INTO value, source_column
    FROM unnest(string_to_array(candidate, '|')) WITH ORDINALITY u(part, n) CROSS JOIN LATERAL salesops.find_column(relation, u.part) c
    WHERE c.name IS NOT NULL;
    value := '(' || value || ')';
    type := 'boolean'::regtype;
    RETURN;
  END IF;
  IF candidate LIKE '%+%' THEN
    FOREACH part IN ARRAY string_to_array(candidate, '+') LOOP
      SELECT * INTO found_column FROM salesops.find_column(relation, part);
      IF found_column.name IS NULL THEN
        RETURN;
      END IF;
      parts := parts || format('nullif(btrim(s.%I::text), %L)', found_column.name, '');
      source_column := concat_ws(' + ', source_column, found_column.name);
    END LOOP;
    value := format('nullif(concat_ws(%L, %s), %L)', ' ', array_to_string(parts, ', '), '');
    type := 'text'::regtype;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.resolve_candidate(regclass, jsonb, text) IS
  'SQL of a candidate (column, a+b, a|b, a/100, =constant, side_table.column) in a feed; NULL where the source lacks it';

-- The side tables of a feed that are there: alias -> {relation, join clause}.
CREATE FUNCTION salesops.feed_joins(source salesops.source, relation regclass, shape text)
RETURNS TABLE(alias text, side regclass, clause text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  j record;
  base record;
  query text;
BEGIN
  FOR j IN SELECT f.* FROM salesops.source_kinds() k CROSS JOIN LATERAL salesops.family_joins(k.family) f
           WHERE k.kind = source.kind AND f.shape = feed_joins.shape LOOP
    side := salesops.find_relation(source.schema_name, j.relation);
    SELECT * INTO base FROM salesops.find_column(relation, j.base_key);
    query := salesops.bind_columns(j.query, side);
    CONTINUE WHEN query IS NULL OR base.name IS NULL;
    alias := j.alias;
    clause := format(' LEFT JOIN (%s) %I ON %I.key = s.%I::text', query, j.alias, j.alias, base.name);
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.feed_joins(salesops.source, regclass, text) IS 'Side tables that are there for a feed, with their join clause';

CREATE FUNCTION salesops.source_plan(source salesops.source)
RETURNS SETOF salesops.planned_column
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  family text := (SELECT k.family FROM salesops.source_kinds() k WHERE k.kind = source.kind);
  zone text := salesops.source_option(source, 'time_zone');
  date_order text := salesops.source_option(source, 'date_order');
  feed record;
  target record;
  candidate text;
  hit record;
  aliases jsonb;
  planned salesops.planned_column;
BEGIN
  FOR feed IN SELECT * FROM salesops.source_feed(source) f WHERE f.relation IS NOT NULL ORDER BY f.entity, f.wanted LOOP
    SELECT coalesce(jsonb_object_agg(j.alias, j.side::text), '{}') INTO aliases
    FROM salesops.feed_joins(source, feed.relation, feed.shape) j;
    FOR target IN SELECT t.target, t.type FROM salesops.entity_targets(feed.entity) t
                  UNION ALL VALUES ('is_deleted', 'boolean'::regtype), ('modified_at', 'timestamptz'::regtype) LOOP
      planned := ROW(feed.entity, feed.relation, target.target, target.type, NULL, NULL, NULL, NULL);
      <<candidates>>
      FOR candidate IN
        SELECT source.options #>> ARRAY['entities', feed.entity, 'columns', target.target]
        WHERE source.options #>> ARRAY['entities', feed.entity, 'columns', target.target] IS NOT NULL
        UNION ALL
        SELECT x.candidate FROM (
          SELECT u.candidate, c.relation = '*' AS general, c.relation = salesops.plain_name(feed.wanted) AS exact, u.n
          FROM salesops.family_columns(family) c CROSS JOIN LATERAL unnest(c.candidates) WITH ORDINALITY u(candidate, n)
          WHERE c.target = target.target AND c.relation IN ('*', feed.shape, salesops.plain_name(feed.wanted))
          ORDER BY general, exact DESC, u.n) x
      LOOP
        SELECT * INTO hit FROM salesops.resolve_candidate(feed.relation, aliases, candidate);
        IF hit.value IS NOT NULL THEN
          planned.source_column := hit.source_column;
          planned.source_type := hit.type;
          planned.raw := hit.value;
          planned.expression := salesops.read_expression(hit.value, hit.type, target.type, date_order, zone);
          EXIT candidates;
        END IF;
      END LOOP;
      RETURN NEXT planned;
    END LOOP;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.source_plan(salesops.source) IS
  'How every canonical column would be read from a source as its relations are now; expression NULL = the source lacks it';

CREATE FUNCTION salesops.describe_source(source_key text)
RETURNS TABLE(entity text, relation text, canonical_column text, source_column text, source_type text, state text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT p.entity, p.relation::text, p.target, p.source_column, p.source_type::text,
         CASE WHEN p.expression IS NOT NULL THEN 'found'
              WHEN p.target = ANY (salesops.required_targets(p.entity)) THEN 'missing, required'
              ELSE 'missing' END
  FROM salesops.source_plan(salesops.get_source(describe_source.source_key)) p
  UNION ALL
  SELECT f.entity, f.wanted, NULL, NULL, NULL, 'no such relation'
  FROM salesops.source_feed(salesops.get_source(describe_source.source_key)) f
  WHERE f.relation IS NULL;
END;
COMMENT ON FUNCTION salesops.describe_source(text) IS
  'What a source offers now: for each canonical column the source column it is read from and its type, or that it is missing';

-- The SELECT that reads one feed as canonical columns, and its stamp for incremental reading.
CREATE FUNCTION salesops.feed_query(source salesops.source, plan salesops.planned_column[], feed_entity text, feed_relation regclass,
                                    OUT columns text, OUT from_clause text, OUT is_present text, OUT stamp text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape text := (SELECT f.shape FROM salesops.source_feed(source) f WHERE f.entity = feed_entity AND f.relation = feed_relation LIMIT 1);
  unreadable text;
  custom text;
  stamp_column record;
BEGIN
  SELECT string_agg(format('%s AS %I', coalesce(p.expression, 'NULL::' || p.target_type), p.target), ', ')
    INTO columns
  FROM unnest(plan) p WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.target <> 'is_deleted';

  -- What was stated but not read as its type is kept, so that the audit can show it.
  SELECT format('CASE WHEN %s THEN jsonb_strip_nulls(jsonb_build_object(%s)) END',
                string_agg(format('(salesops.is_stated(%1$s::text) AND (%2$s) IS NULL)', p.raw, p.expression), ' OR '),
                string_agg(format('%3$L, CASE WHEN salesops.is_stated(%1$s::text) AND (%2$s) IS NULL THEN %1$s::text END', p.raw, p.expression, p.target), ', '))
    INTO unreadable
  FROM unnest(plan) p
  WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.expression IS NOT NULL AND p.target_type <> 'text'::regtype
    AND p.source_type <> p.target_type
    AND NOT (p.source_type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) AND p.target_type = 'numeric'::regtype)
    AND NOT (p.source_type IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
             AND p.target_type IN ('date'::regtype, 'timestamptz'::regtype, 'salesops.fiscal_period'::regtype))
  HAVING count(*) > 0;

  SELECT format('jsonb_strip_nulls(jsonb_build_object(%s))', string_agg(format('%L, to_jsonb(s.%I)', c.key, f.name), ', ')) INTO custom
  FROM jsonb_each_text(coalesce(source.options #> ARRAY['custom_fields', feed_entity], '{}')) c
  CROSS JOIN LATERAL salesops.find_column(feed_relation, c.value) f
  WHERE f.name IS NOT NULL
  HAVING count(*) > 0;

  -- Connectors that keep versions mark the present one; the rest are not rows of their own.
  SELECT coalesce(string_agg(format(' AND coalesce(salesops.read_boolean(s.%I::text), true)', c.name), ''), '') INTO is_present
  FROM salesops.find_column(feed_relation, 'fivetranactive') c WHERE c.name IS NOT NULL;

  SELECT f.name, f.type INTO stamp_column
  FROM unnest(ARRAY[source.options #>> ARRAY['entities', feed_entity, 'watermark'], 'fivetransynced', 'airbyteextractedat', 'systemmodstamp',
                    'lastmodifieddate', 'hslastmodifieddate', 'updatedat']) WITH ORDINALITY w(candidate, n)
  CROSS JOIN LATERAL salesops.find_column(feed_relation, w.candidate) f
  WHERE w.candidate IS NOT NULL AND f.name IS NOT NULL
  ORDER BY w.n LIMIT 1;
  IF stamp_column.name IS NOT NULL THEN
    stamp := salesops.read_expression(format('s.%I', stamp_column.name), stamp_column.type, 'timestamptz'::regtype,
                                      salesops.source_option(source, 'date_order'), salesops.source_option(source, 'time_zone'));
  END IF;

  columns := format('%s, %s AS custom, %s AS unreadable, coalesce(%s, false) AS is_deleted, %s AS stamp',
    columns, coalesce(custom, 'NULL::jsonb'), coalesce(unreadable, 'NULL::jsonb'),
    coalesce((SELECT p.expression FROM unnest(plan) p WHERE p.entity = feed_entity AND p.relation = feed_relation AND p.target = 'is_deleted'), 'false'),
    coalesce(stamp, 'NULL::timestamptz'));
  from_clause := format('%s s%s WHERE true', salesops.source_relation(feed_relation),
    (SELECT coalesce(string_agg(j.clause, '' ORDER BY j.alias), '') FROM salesops.feed_joins(source, feed_relation, shape) j));
END $$;
COMMENT ON FUNCTION salesops.feed_query(salesops.source, salesops.planned_column[], text, regclass) IS
  'SQL that reads a feed: canonical columns with custom, unreadable, is_deleted and stamp; FROM clause ending in a WHERE; condition of the present version; stamp for incremental reading (NULL where rows carry none)';
-- As of any instant. A state is the one with the latest effective_at not after the instant asked for, among those we had
-- recorded by `known_at` (the later recorded of equals). The present row of an entity is its latest state, so only the
-- rows whose present state is too new are looked up in the history: as of now costs no more than reading the table.

CREATE FUNCTION salesops.opportunity_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.opportunity LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.* FROM salesops.opportunity o
  WHERE o.effective_at <= opportunity_as_of.effective_at
    AND o.recorded_at <= coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at)
    AND NOT o.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.opportunity o
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.opportunity_history x
    WHERE x.source_key = o.source_key AND x.id = o.id
      AND x.effective_at <= opportunity_as_of.effective_at
      AND x.recorded_at <= coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (o.effective_at > opportunity_as_of.effective_at
         OR o.recorded_at > coalesce(opportunity_as_of.known_at, opportunity_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.opportunity_as_of(timestamptz, timestamptz) IS
  'Opportunities that existed at effective_at, in the state they then had, as far as it was known at known_at (NULL = at effective_at itself; infinity = as known today)';

CREATE FUNCTION salesops.account_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.account LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.* FROM salesops.account a
  WHERE a.effective_at <= account_as_of.effective_at
    AND a.recorded_at <= coalesce(account_as_of.known_at, account_as_of.effective_at)
    AND NOT a.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.account a
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.account_history x
    WHERE x.source_key = a.source_key AND x.id = a.id
      AND x.effective_at <= account_as_of.effective_at
      AND x.recorded_at <= coalesce(account_as_of.known_at, account_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (a.effective_at > account_as_of.effective_at
         OR a.recorded_at > coalesce(account_as_of.known_at, account_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.account_as_of(timestamptz, timestamptz) IS 'Accounts as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.rep_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.rep LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.* FROM salesops.rep r
  WHERE r.effective_at <= rep_as_of.effective_at
    AND r.recorded_at <= coalesce(rep_as_of.known_at, rep_as_of.effective_at)
    AND NOT r.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.rep r
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.rep_history x
    WHERE x.source_key = r.source_key AND x.id = r.id
      AND x.effective_at <= rep_as_of.effective_at
      AND x.recorded_at <= coalesce(rep_as_of.known_at, rep_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (r.effective_at > rep_as_of.effective_at
         OR r.recorded_at > coalesce(rep_as_of.known_at, rep_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.rep_as_of(timestamptz, timestamptz) IS 'Reps, and with manager_id their tree, as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.rep_tree(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                  OUT source_key text, OUT rep_id text, OUT manager_id text, OUT level integer, OUT path text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH RECURSIVE member AS MATERIALIZED (
    SELECT r.source_key, r.id, r.manager_id FROM salesops.rep_as_of(rep_tree.as_of, rep_tree.known_at) r
  ), above AS (
    -- Everybody above each member, each once, so that the climb ends even in a circle.
    SELECT m.source_key, m.id, m.manager_id FROM member m
    UNION
    SELECT a.source_key, a.id, m.manager_id FROM above a JOIN member m ON m.source_key = a.source_key AND m.id = a.manager_id
  ), top AS (
    SELECT m.source_key, m.id, m.manager_id FROM member m
    WHERE NOT EXISTS (SELECT FROM member b WHERE b.source_key = m.source_key AND b.id = m.manager_id)
       OR EXISTS (SELECT FROM above a WHERE a.source_key = m.source_key AND a.id = m.id AND a.manager_id = m.id)
  ), tree AS (
    SELECT t.source_key, t.id, t.manager_id, 1 AS level, ARRAY[t.id] AS path FROM top t
    UNION ALL
    SELECT m.source_key, m.id, m.manager_id, t.level + 1, t.path || m.id
    FROM tree t JOIN member m ON m.source_key = t.source_key AND m.manager_id = t.id
    WHERE NOT EXISTS (SELECT FROM top o WHERE o.source_key = m.source_key AND o.id = m.id)
  )
  SELECT t.source_key, t.id, t.manager_id, t.level, t.path FROM tree t;
END;
COMMENT ON FUNCTION salesops.rep_tree(timestamptz, timestamptz) IS
  'Manager tree as of an instant: level 1 = top, path = ids from the top down to the rep; a rep whose manager has no row, and each member of a circle, is the top of a tree';

CREATE VIEW salesops.opportunity_version AS
  SELECT o.*, true AS is_present FROM salesops.opportunity o
  UNION ALL
  SELECT h.*, false FROM salesops.opportunity_history h;
COMMENT ON VIEW salesops.opportunity_version IS 'Every state of every opportunity that was ever known; is_present marks the latest';
COMMENT ON COLUMN salesops.opportunity_version.is_present IS 'Whether it is the latest state, from salesops.opportunity';

CREATE VIEW salesops.change_ledger AS
  SELECT v.source_key, v.id AS opportunity_id, v.effective_at, v.recorded_at, v.origin, c.field, c.old_value, c.new_value
  FROM (SELECT n.*, pg_catalog.lag(n.*) OVER (PARTITION BY n.source_key, n.id ORDER BY n.effective_at, n.recorded_at, n.is_present) AS before
        FROM salesops.opportunity_version n) v
  CROSS JOIN LATERAL (VALUES
    ('amount', pg_catalog.trim_scale((v.before).amount)::text, pg_catalog.trim_scale(v.amount)::text),
    ('currency', (v.before).currency, v.currency),
    ('pipeline', (v.before).pipeline, v.pipeline),
    ('stage', (v.before).stage, v.stage),
    ('forecast_category', (v.before).forecast_category, v.forecast_category),
    ('close_date', (v.before).close_date::text, v.close_date::text),
    ('owner_id', (v.before).owner_id, v.owner_id),
    ('account_id', (v.before).account_id, v.account_id),
    ('next_step', (v.before).next_step, v.next_step),
    ('is_closed', (v.before).is_closed::text, v.is_closed::text),
    ('is_won', (v.before).is_won::text, v.is_won::text),
    ('is_deleted', (v.before).is_deleted::text, v.is_deleted::text)
  ) AS c(field, old_value, new_value)
  WHERE v.before IS DISTINCT FROM NULL AND c.old_value IS DISTINCT FROM c.new_value;
COMMENT ON VIEW salesops.change_ledger IS 'One row a changed field of an opportunity: what it was, what it became, from when, and when we knew';
COMMENT ON COLUMN salesops.change_ledger.source_key IS 'Source of the opportunity';
COMMENT ON COLUMN salesops.change_ledger.opportunity_id IS 'Its id there';
COMMENT ON COLUMN salesops.change_ledger.field IS 'Column of salesops.opportunity that changed';
COMMENT ON COLUMN salesops.change_ledger.old_value IS 'What it was, as text; NULL = not stated';
COMMENT ON COLUMN salesops.change_ledger.new_value IS 'What it became';
COMMENT ON COLUMN salesops.change_ledger.effective_at IS 'When the change became true';
COMMENT ON COLUMN salesops.change_ledger.recorded_at IS 'When we knew';
COMMENT ON COLUMN salesops.change_ledger.origin IS 'Our own sync, the CRM''s own history, or reconstructed from dates';
-- Opportunities with their meaning: what the maps, rates and list prices make of what the source states.

CREATE FUNCTION salesops.deal_status(is_won boolean, is_closed boolean, stage_status text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_won THEN 'won' WHEN is_closed THEN 'lost' WHEN is_closed = false THEN 'open' ELSE coalesce(stage_status, 'open') END;
COMMENT ON FUNCTION salesops.deal_status(boolean, boolean, text) IS
  'Status of a deal (open, won, lost): the source''s own flags decide; where it has none (NULL), the meaning of the stage does; without one (NULL) the deal counts as open, and its stage is a finding';

CREATE FUNCTION salesops.opportunity_state(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT account_id text, OUT owner_id text,
  OUT pipeline text, OUT stage text, OUT stage_label text, OUT stage_position integer, OUT is_stage_mapped boolean,
  OUT status text, OUT category salesops.forecast_category, OUT stated_category salesops.forecast_category,
  OUT stage_category salesops.forecast_category, OUT category_label text,
  OUT deal_type text, OUT lead_source text, OUT loss_reason text, OUT product text, OUT product_id text, OUT quantity numeric,
  OUT stated_amount numeric, OUT list_amount numeric, OUT discount numeric, OUT margin numeric,
  OUT amount numeric, OUT amount_basis text, OUT currency text, OUT per_corporate numeric, OUT corporate_amount numeric,
  OUT probability numeric, OUT stated_probability numeric, OUT probability_scale text,
  OUT close_date date, OUT close_quarter salesops.fiscal_period, OUT created_at timestamptz, OUT next_step text,
  OUT last_activity_at timestamptz, OUT stage_entered_at timestamptz, OUT confirmed_at timestamptz,
  OUT custom jsonb, OUT unreadable jsonb, OUT effective_from timestamptz, OUT recorded_at timestamptz, OUT origin text,
  OUT is_closed boolean, OUT is_won boolean, OUT is_open boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Materialized: settings and options are read once, not once a deal.
  WITH g AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.fiscal_year_start_month() AS start_month,
           salesops.local_date(opportunity_state.effective_at) AS day
  ), s AS MATERIALIZED (
    SELECT c.source_key, salesops.source_option(c.*, 'currency') AS currency, salesops.source_option(c.*, 'probability_scale') AS scale
    FROM salesops.source c
  )
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id,
         o.pipeline, o.stage, coalesce(m.label, o.stage), m."position", m.stage IS NOT NULL,
         x.status,
         CASE x.status WHEN 'won' THEN 'Closed'::salesops.forecast_category
                       WHEN 'lost' THEN 'Omitted'::salesops.forecast_category
                       -- An open deal is not closed, whatever its label says; the audit reports the contradiction.
                       -- No nullif(): pg_upgrade could not read it back, its operator has no schema in print.
                       ELSE coalesce(CASE WHEN x.stated_category <> 'Closed' THEN x.stated_category END,
                                     CASE WHEN m.category <> 'Closed' THEN m.category END) END,
         x.stated_category, m.category, o.forecast_category,
         o.deal_type, o.lead_source, o.loss_reason, o.product, p.product_id, o.quantity,
         o.amount, coalesce(o.list_amount, CASE WHEN coalesce(p.currency, s.currency) = z.currency THEN l.list_amount END),
         o.discount, o.margin,
         y.amount,
         CASE WHEN o.amount IS NOT NULL THEN 'stated' WHEN y.amount IS NOT NULL THEN 'list price' ELSE 'unknown' END,
         z.currency, CASE WHEN z.currency = g.currency THEN 1 ELSE r.per_corporate END,
         CASE WHEN z.currency = g.currency THEN y.amount ELSE y.amount / r.per_corporate END,
         CASE WHEN s.scale = 'percent' AND o.probability BETWEEN 0 AND 100 THEN o.probability / 100
              WHEN s.scale = 'fraction' AND o.probability BETWEEN 0 AND 1 THEN o.probability END,
         o.probability, s.scale,
         o.close_date, salesops.fiscal_quarter(o.close_date, g.start_month), o.created_at, o.next_step,
         o.last_activity_at, o.stage_entered_at, o.confirmed_at,
         o.custom, o.unreadable, o.effective_at, o.recorded_at, o.origin,
         o.is_closed, o.is_won, x.status = 'open'
  FROM salesops.opportunity_as_of(opportunity_state.effective_at, opportunity_state.known_at) o
  -- Outer joins: every deal has its source, and the planner then keeps the number of deals for its estimate.
  LEFT JOIN s ON s.source_key = o.source_key
  CROSS JOIN g
  LEFT JOIN salesops.stage_meaning(opportunity_state.effective_at) m
    ON m.source_key = o.source_key AND m.stage = o.stage AND salesops.means_stage(m.pipeline, m.but_in, o.pipeline)
  LEFT JOIN salesops.category_meaning(opportunity_state.effective_at) k
    ON k.source_key = o.source_key AND k.label = o.forecast_category
  LEFT JOIN salesops.product_meaning(opportunity_state.effective_at) p
    ON p.source_key = o.source_key AND p.label = o.product
  CROSS JOIN LATERAL (
    SELECT salesops.deal_status(o.is_won, o.is_closed, m.status) AS status,
           coalesce(k.category, salesops.recognize_forecast_category(o.forecast_category)) AS stated_category) x
  CROSS JOIN LATERAL (SELECT p.list_price * coalesce(o.quantity, 1) AS list_amount) l
  CROSS JOIN LATERAL (SELECT coalesce(o.amount, CASE x.status WHEN 'open' THEN l.list_amount END) AS amount) y
  -- An estimate is in the currency of the price list.
  CROSS JOIN LATERAL (SELECT coalesce(CASE WHEN o.amount IS NULL AND y.amount IS NOT NULL THEN p.currency ELSE o.currency END, s.currency) AS currency) z
  -- The latest dated rate not after the day. A scalar subquery: it runs only where the rate is asked for, of foreign amounts.
  CROSS JOIN LATERAL (SELECT (SELECT q.per_corporate FROM salesops.currency_rate q
                              WHERE q.source_key = o.source_key AND q.currency = z.currency
                                AND q.valid_from <= least(o.close_date, g.day) AND NOT q.is_deleted AND q.per_corporate > 0
                              ORDER BY q.valid_from DESC, q.id LIMIT 1) AS per_corporate) r
  WHERE o.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.opportunity_state(timestamptz, timestamptz) IS
  'Opportunities as of an instant with their meaning: status, forecast category, amount with its basis (stated, list price = an estimate for open deals, unknown), corporate amount at the rate of the close date or of the day asked for if that is earlier (unrounded; NULL = cannot be converted), probability 0-1, fiscal quarter. Merged and deleted deals are left out';

CREATE FUNCTION salesops.account_state(
  effective_at timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT parent_id text, OUT owner_id text,
  OUT industry text, OUT stated_industry text, OUT segment text, OUT stated_segment text, OUT account_type text,
  OUT employees numeric, OUT annual_revenue numeric, OUT currency text, OUT country text, OUT custom jsonb)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.source_key, a.id, a.name, a.parent_id, a.owner_id,
         coalesce(i.value, a.industry), a.industry, coalesce(g.value, a.segment), a.segment, a.account_type,
         a.employees, a.annual_revenue, a.currency, a.country, a.custom
  FROM salesops.account_as_of(account_state.effective_at, account_state.known_at) a
  LEFT JOIN salesops.value_meaning(account_state.effective_at) i
    ON i.source_key = a.source_key AND i.field = 'industry' AND i.label = a.industry
  LEFT JOIN salesops.value_meaning(account_state.effective_at) g
    ON g.source_key = a.source_key AND g.field = 'segment' AND g.label = a.segment
  WHERE a.merged_into IS NULL;
END;
COMMENT ON FUNCTION salesops.account_state(timestamptz, timestamptz) IS
  'Accounts as of an instant with their meaning: industry and segment as mapped, or as stated where nothing is mapped; merged and deleted accounts are left out';
-- The sync: read a source as it is now, and let the canonical model follow.
--
-- Per entity: stage what the feeds say, compare it with what is there, move each row that differs to the history, and
-- write its new state. All set-based; an incremental sync stages only rows stamped after the last watermark, so its cost
-- follows the change; a full one stages everything and so also finds what is gone.
--
-- An entity that fails (a relation dropped, a required column missing) is recorded and leaves its rows as they were; the
-- other entities go on. Nothing is deleted because a relation vanished or came up empty: a connector that recreates its
-- tables looks like that for a while.

-- Columns of the canonical table that the sync derives: on the first sight of a row, and on a change. `news` is when what
-- the feed itself says of the column is a change. s = staged row, c = present row, %1$s = as_of, %2$s = as_of where the
-- entity was synced before, so that what is new came since, else NULL. What the future is said to have done is not believed.
CREATE FUNCTION salesops.derived_columns(entity text, OUT target text, OUT on_insert text, OUT on_change text, OUT news text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT d.target, d.on_insert, d.on_change, d.news
  FROM (VALUES
    ('opportunity', 'stage_entered_at',
     'coalesce(CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END, CASE WHEN s.created_at <= %1$s THEN s.created_at END, %2$s)',
     'CASE WHEN s.stage_entered_at <= %1$s AND (s.stage_entered_at > c.stage_entered_at OR c.stage_entered_at IS NULL) THEN s.stage_entered_at '
     'WHEN (s.pipeline, s.stage) IS DISTINCT FROM (c.pipeline, c.stage) THEN s.new_effective_at ELSE c.stage_entered_at END',
     's.stage_entered_at <= %1$s AND (s.stage_entered_at > c.stage_entered_at OR c.stage_entered_at IS NULL)'),
    ('opportunity', 'confirmed_at',
     'coalesce(greatest(CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END, CASE WHEN s.created_at <= %1$s THEN s.created_at END), %2$s)',
     'CASE WHEN (s.stage, s.amount, s.close_date, s.next_step) IS DISTINCT FROM (c.stage, c.amount, c.close_date, c.next_step) '
     'THEN s.new_effective_at ELSE greatest(c.confirmed_at, CASE WHEN s.stage_entered_at <= %1$s THEN s.stage_entered_at END) END',
     NULL)
  ) AS d(entity, target, on_insert, on_change, news)
  WHERE d.entity = derived_columns.entity;
END;
COMMENT ON FUNCTION salesops.derived_columns(text) IS
  'Canonical columns that the sync derives, with the SQL for a new and for a changed row, and the condition under which the source''s own word is news';

-- From when the state of a row seen for the first time was true, as far as its dates tell; never after as_of.
-- %1$s = as_of, %2$L = zone, %3$s = as_of where the entity was synced before, else -infinity: for as long as anybody can tell.
CREATE FUNCTION salesops.first_effective_at(entity text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE first_effective_at.entity
    -- A closed deal has been what it is since it closed; an open one since it was last modified.
    WHEN 'opportunity' THEN 'least(coalesce(CASE WHEN coalesce(s.is_closed, s.is_won, m.status <> ''open'') '
                            'THEN s.close_date::timestamp AT TIME ZONE %2$L END, s.modified_at, s.created_at, %3$s), %1$s)'
    WHEN 'account' THEN 'least(coalesce(s.modified_at, s.created_at, %3$s), %1$s)'
    ELSE '%3$s' END;
END;
COMMENT ON FUNCTION salesops.first_effective_at(text) IS 'SQL of effective_at for a row of an entity that is seen for the first time';

-- Temporary tables live from one step of the sync to the next.
CREATE FUNCTION salesops.drop_temporary(name text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF to_regclass(format('pg_temp.%I', name)) IS NOT NULL THEN
    EXECUTE format('DROP TABLE pg_temp.%I', name);
  END IF;
END $$;
COMMENT ON FUNCTION salesops.drop_temporary(text) IS 'Drop a temporary table if there is one';

-- Stage all feeds of an entity into pg_temp.salesops_staged, one row an id.
CREATE FUNCTION salesops.stage_feeds(source salesops.source, plan salesops.planned_column[], entity text, feeds regclass[],
                                     as_of timestamptz, after timestamptz, OUT rows_read bigint, OUT duplicates bigint, OUT unidentified bigint, OUT watermark timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  feed regclass;
BEGIN
  PERFORM salesops.drop_temporary('salesops_staged');
  FOREACH feed IN ARRAY feeds LOOP
    DECLARE
      reader record := salesops.feed_query(source, plan, entity, feed);
      query text := format('SELECT %s FROM %s%s', reader.columns, reader.from_clause, reader.is_present);
    BEGIN
      IF after IS NOT NULL AND reader.stamp IS NOT NULL THEN
        -- A row without a stamp may have changed.
        query := query || format(' AND (%s > %L) IS NOT FALSE', reader.stamp, after);
      END IF;
      IF to_regclass('pg_temp.salesops_staged') IS NULL THEN
        EXECUTE 'CREATE TEMP TABLE salesops_staged ON COMMIT DROP AS ' || query;
      ELSE
        -- What an earlier feed gave is not a second thing when a later one describes it again.
        EXECUTE format('INSERT INTO pg_temp.salesops_staged SELECT q.* FROM (%s) q
                        WHERE NOT EXISTS (SELECT FROM pg_temp.salesops_staged s WHERE s.id = q.id)', query);
      END IF;
    END;
  END LOOP;
  -- Grouping hashes the ids; counting distinct ones would sort them. A stamp of the future would hide every later row.
  SELECT coalesce(sum(g.n), 0), coalesce(sum(g.n) FILTER (WHERE g.id IS NULL), 0), coalesce(sum(g.n - 1) FILTER (WHERE g.id IS NOT NULL), 0), max(g.stamp)
    INTO rows_read, unidentified, duplicates, watermark
  FROM (SELECT s.id, count(*) AS n, max(s.stamp) FILTER (WHERE s.stamp <= greatest(as_of, (SELECT salesops.clock()))) AS stamp FROM pg_temp.salesops_staged s GROUP BY s.id) g;
  IF unidentified > 0 THEN
    DELETE FROM pg_temp.salesops_staged s WHERE s.id IS NULL;
  END IF;
  IF duplicates > 0 THEN
    -- The newest of equals stays; the whole row breaks ties, so the choice does not depend on their order on disk.
    DELETE FROM pg_temp.salesops_staged s
    USING (SELECT x.ctid, row_number() OVER (PARTITION BY x.id ORDER BY x.modified_at DESC NULLS LAST, x.stamp DESC NULLS LAST, x::text DESC) AS n
           FROM pg_temp.salesops_staged x) ranked
    WHERE s.ctid = ranked.ctid AND ranked.n > 1;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.stage_feeds(salesops.source, salesops.planned_column[], text, regclass[], timestamptz, timestamptz) IS
  'Read the feeds of an entity into a temporary table, rows without an id and older duplicates left out';

-- Write what differs between the staged rows and the canonical table.
CREATE FUNCTION salesops.apply_staged(source salesops.source, entity text, as_of timestamptz, is_full boolean,
                                      OUT inserted bigint, OUT changed bigint, OUT deleted bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  targets text[] := (SELECT array_agg(t.target) FROM salesops.entity_targets(entity) t WHERE t.target <> 'id');
  derived text[] := coalesce((SELECT array_agg(d.target) FROM salesops.derived_columns(entity) d), '{}');
  -- All that the feeds give: what makes two states differ, and what is written beside the derived columns.
  written text[] := ARRAY(SELECT t FROM unnest(targets) t WHERE t <> ALL (derived)) || ARRAY['custom', 'unreadable', 'is_deleted'];
  -- A type of our own is compared as text: its operators are not on the search path.
  as_text jsonb := (SELECT jsonb_object_agg(t.target, '::text') FROM salesops.entity_targets(entity) t JOIN pg_type y ON y.oid = t.type
                    WHERE y.typnamespace = 'salesops'::regnamespace);
  is_first boolean;
  now_text text := format('%L::timestamptz', as_of);
  columns text := (SELECT string_agg(quote_ident(w), ', ') FROM unnest(written) w);
  derived_names text := (SELECT string_agg(', ' || quote_ident(d), '') FROM unnest(derived) d);
BEGIN
  EXECUTE format('SELECT NOT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = $1)', entity) INTO is_first USING source.source_key;
  changed := 0;
  deleted := 0;

  IF NOT is_first THEN
    IF is_full THEN
      -- Gone from the source: stage the row once more as deleted, so that the one comparison below finds it.
      EXECUTE format('INSERT INTO pg_temp.salesops_staged (id, %s, is_deleted, modified_at)
                      SELECT c.id, %s, true, NULL FROM salesops.%I c
                      WHERE c.source_key = $1 AND NOT c.is_deleted
                        AND NOT EXISTS (SELECT FROM pg_temp.salesops_staged s WHERE s.id = c.id)',
                     (SELECT string_agg(quote_ident(t), ', ') FROM unnest(targets || ARRAY['custom', 'unreadable']) t),
                     (SELECT string_agg('c.' || quote_ident(t), ', ') FROM unnest(targets || ARRAY['custom', 'unreadable']) t), entity)
        USING source.source_key;
      GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;

    PERFORM salesops.drop_temporary('salesops_changed');
    EXECUTE format('CREATE TEMP TABLE salesops_changed ON COMMIT DROP AS
                    SELECT s.*, CASE WHEN s.modified_at > c.effective_at AND s.modified_at <= %2$L THEN s.modified_at ELSE %2$L END AS new_effective_at
                    FROM pg_temp.salesops_staged s JOIN salesops.%1$I c ON c.source_key = %3$L AND c.id = s.id
                    WHERE (%4$s) IS DISTINCT FROM (%5$s)%6$s',
                   entity, as_of, source.source_key,
                   (SELECT string_agg(format('s.%I%s', t, as_text ->> t), ', ') FROM unnest(written) t),
                   (SELECT string_agg(format('c.%I%s', t, as_text ->> t), ', ') FROM unnest(written) t),
                   (SELECT coalesce(string_agg(format(' OR ' || d.news, now_text), ''), '') FROM salesops.derived_columns(entity) d));
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
      -- A state that began and ends at the same instants, of both kinds, is one that nobody can ask for.
      EXECUTE format('INSERT INTO salesops.%1$I SELECT c.* FROM salesops.%2$I c JOIN pg_temp.salesops_changed s ON s.id = c.id
                      WHERE c.source_key = $1 AND (c.recorded_at, c.effective_at) <> ($2, s.new_effective_at)',
                     entity || '_history', entity) USING source.source_key, as_of;
      EXECUTE format('UPDATE salesops.%1$I c SET (%2$s, effective_at, recorded_at, origin%3$s) = ROW(%4$s, s.new_effective_at, %5$L, ''sync''%6$s)
                      FROM pg_temp.salesops_changed s WHERE c.source_key = $1 AND c.id = s.id',
                     entity, columns, derived_names,
                     (SELECT string_agg('s.' || quote_ident(t), ', ') FROM unnest(written) t), as_of,
                     (SELECT string_agg(format(', ' || d.on_change, now_text), '') FROM salesops.derived_columns(entity) d))
        USING source.source_key;
    END IF;
    changed := changed - deleted;
  END IF;

  EXECUTE format('INSERT INTO salesops.%1$I (source_key, id, %2$s, effective_at, recorded_at, origin%3$s)
                  SELECT %4$L, s.id, %5$s, %6$s, %7$L, ''sync''%8$s FROM pg_temp.salesops_staged s%9$s%10$s',
                 entity, columns, derived_names, source.source_key,
                 (SELECT string_agg('s.' || quote_ident(t), ', ') FROM unnest(written) t),
                 format(salesops.first_effective_at(entity), now_text, salesops.source_option(source, 'time_zone'),
                        CASE WHEN is_first THEN 'timestamptz ''-infinity''' ELSE now_text END),
                 as_of,
                 (SELECT string_agg(format(', ' || d.on_insert, now_text, CASE WHEN is_first THEN 'NULL::timestamptz' ELSE now_text END), '')
                  FROM salesops.derived_columns(entity) d),
                 CASE WHEN entity = 'opportunity'
                      THEN format(' LEFT JOIN salesops.stage_meaning(%1$L) m ON m.source_key = %2$L AND m.stage = s.stage AND salesops.means_stage(m.pipeline, m.but_in, s.pipeline)',
                                  as_of, source.source_key)
                      ELSE '' END,
                 CASE WHEN is_first THEN ''
                      ELSE format(' WHERE NOT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = %L AND c.id = s.id)', entity, source.source_key) END);
  GET DIAGNOSTICS inserted = ROW_COUNT;
  IF inserted + changed + deleted > 10000 THEN
    -- Plans made before the next autovacuum should know what came in.
    EXECUTE format('ANALYZE salesops.%I', entity);
  END IF;
END $$;
COMMENT ON FUNCTION salesops.apply_staged(salesops.source, text, timestamptz, boolean) IS
  'Move the rows that differ from the staged ones to the history, write their new state, add new rows; a full sync also marks what is gone as deleted';

-- One entity of one source; errors are the caller's.
CREATE FUNCTION salesops.sync_entity(source salesops.source, plan salesops.planned_column[], entity text, as_of timestamptz, mode text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Feeds with all that is required, in the order of the plan, and the side tables they are joined with.
  feeds regclass[] := ARRAY(SELECT p.relation FROM unnest(plan) WITH ORDINALITY p WHERE p.entity = sync_entity.entity GROUP BY p.relation
                            HAVING bool_and(p.expression IS NOT NULL OR p.target <> ALL (salesops.required_targets(sync_entity.entity)))
                            ORDER BY min(p.ordinality));
  relations text[] := ARRAY(SELECT r::text FROM unnest(feeds) r
                            UNION
                            SELECT j.side::text FROM salesops.source_feed(source) f CROSS JOIN LATERAL salesops.feed_joins(source, f.relation, f.shape) j
                            WHERE f.entity = sync_entity.entity AND f.relation = ANY (feeds)
                            ORDER BY 1);
  targets text[] := ARRAY(SELECT DISTINCT p.target FROM unnest(plan) p
                          WHERE p.entity = sync_entity.entity AND p.relation = ANY (feeds) AND p.expression IS NOT NULL ORDER BY 1);
  last salesops.source_sync;
  lacking text;
  relation_names text;
  staged record;
  applied record;
  held boolean;
BEGIN
  SELECT * INTO last FROM salesops.source_sync y
  WHERE y.source_key = source.source_key AND y.entity = sync_entity.entity AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at
  ORDER BY y.sync_id DESC LIMIT 1;
  -- A feed that lacks a required column is left to the others, unless there is none, or it was read before.
  SELECT string_agg(DISTINCT p.target, ', '), string_agg(DISTINCT p.relation::text, ', ') INTO lacking, relation_names FROM unnest(plan) p
  WHERE p.entity = sync_entity.entity AND p.expression IS NULL AND p.target = ANY (salesops.required_targets(sync_entity.entity))
    AND (feeds = '{}' OR p.relation::text = ANY (last.relations));
  IF lacking IS NOT NULL THEN
    RAISE EXCEPTION 'required column missing for %: %', entity, lacking USING
      ERRCODE = 'undefined_column',
      DETAIL = format('%s has no column that could be %s.', relation_names, lacking),
      HINT = format('SELECT * FROM salesops.describe_source(%1$L) shows what was found; name the column in options.entities.%2$s.columns of salesops.connect(%1$L, ...).',
                    source.source_key, entity);
  END IF;

  SELECT string_agg(r, ', ') INTO lacking FROM unnest(last.relations) r WHERE r <> ALL (relations);
  IF lacking IS NOT NULL THEN
    RAISE EXCEPTION 'relation % is gone', lacking USING
      ERRCODE = 'undefined_table',
      DETAIL = format('It was read as %s at %s; the rows read then are kept.', entity, last.as_of),
      HINT = format('Wait for the connector to recreate it, or call salesops.connect(%L, ...) again.', source.source_key);
  END IF;
  -- A column that was not there before is not in the rows read before.
  SELECT * INTO staged FROM salesops.stage_feeds(source, plan, entity, feeds, as_of,
                                                 CASE WHEN mode = 'incremental' AND last.targets = targets THEN last.watermark END);
  IF mode = 'full' AND staged.rows_read = 0 THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM salesops.%I c WHERE c.source_key = $1 AND NOT c.is_deleted)', entity) INTO held USING source.source_key;
    IF held THEN
      RAISE EXCEPTION '% is empty', array_to_string(feeds, ', ') USING
        ERRCODE = 'object_not_in_prerequisite_state',
        DETAIL = format('It had rows at %s; they are kept.', last.as_of),
        HINT = format('Wait for the connector to fill it again; if the source is really empty now, call salesops.disconnect(%L).', source.source_key);
    END IF;
  END IF;
  SELECT * INTO applied FROM salesops.apply_staged(source, entity, as_of, mode = 'full');
  INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, rows_read, inserted, changed, deleted, duplicates, unidentified, watermark, targets)
  VALUES (source.source_key, entity, as_of, mode,
          relations, staged.rows_read, applied.inserted, applied.changed, applied.deleted, staged.duplicates,
          staged.unidentified, greatest(staged.watermark, last.watermark), targets);
  RETURN applied.inserted;
END $$;
COMMENT ON FUNCTION salesops.sync_entity(salesops.source, salesops.planned_column[], text, timestamptz, text) IS
  'Sync one entity of one source and record it in source_sync; returns the number of new rows';

-- Only the sync calls it: who could, could keep every sync waiting.
CREATE FUNCTION salesops.lock_source(source_key text)
RETURNS void LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_lock_source';
COMMENT ON FUNCTION salesops.lock_source(text) IS 'Lock a source against another sync of it until the transaction ends (see own_lock.c)';
REVOKE EXECUTE ON FUNCTION salesops.lock_source(text) FROM PUBLIC;

CREATE FUNCTION salesops.sync(source_key text, as_of timestamptz DEFAULT salesops.clock(), mode text DEFAULT 'incremental')
RETURNS SETOF salesops.source_sync LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
  -- The same rows make the same text, whoever syncs: some values of a source are read or kept as text.
  SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET extra_float_digits = 1
  -- Long expressions: compiling them costs more than it saves.
  SET jit = off
AS $$
DECLARE
  source salesops.source := salesops.get_source(sync.source_key);
  plan salesops.planned_column[];
  one text;
  last_as_of timestamptz;
  new_rows bigint;
  first_sync_id bigint;
BEGIN
  IF mode IS NULL OR mode NOT IN ('full', 'incremental') THEN
    RAISE EXCEPTION 'unknown mode: %', coalesce(quote_literal(mode), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use full or incremental.';
  END IF;
  PERFORM salesops.check_as_of(as_of);
  PERFORM salesops.lock_source(sync.source_key);
  SELECT max(y.as_of), max(y.sync_id) INTO last_as_of, first_sync_id FROM salesops.source_sync y WHERE y.source_key = sync.source_key;
  IF as_of < last_as_of THEN
    RAISE EXCEPTION 'as_of % lies before the last sync of "%"', as_of, sync.source_key USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was synced as of %s; what was known then must stay as it was.', last_as_of),
      HINT = 'Sync as of a later instant; opportunity_as_of() answers for earlier ones.';
  END IF;

  plan := ARRAY(SELECT p FROM salesops.source_plan(source) p);
  FOR one IN SELECT e.entity FROM salesops.entities() e
                WHERE e.entity IN (SELECT p.entity FROM unnest(plan) p)
                   OR e.entity IN (SELECT y.entity FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sqlstate IS NULL AND y.synced_at >= source.connected_at)
                ORDER BY e."position" LOOP
    BEGIN
      IF one = 'opportunity' THEN
        PERFORM salesops.read_stage_meaning(source, as_of);
      END IF;
      new_rows := salesops.sync_entity(source, plan, one, as_of, mode);
      IF one = 'opportunity' AND new_rows > 0 THEN
        PERFORM salesops.read_history(source, as_of);
      END IF;
    EXCEPTION WHEN OTHERS THEN
      INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
      VALUES (sync.source_key, one, as_of, mode,
              ARRAY(SELECT DISTINCT p.relation::text FROM unnest(plan) p WHERE p.entity = one ORDER BY 1), SQLSTATE, SQLERRM);
    END;
  END LOOP;
  IF NOT FOUND THEN
    -- The wrong schema or kind: a night of nothing must not look like a good one.
    INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
    VALUES (sync.source_key, 'opportunity', as_of, mode, '{}', '42P01',
            format('schema %I has no relation that kind %s reads', source.schema_name, source.kind));
  END IF;
  PERFORM salesops.drop_temporary('salesops_staged');
  PERFORM salesops.drop_temporary('salesops_changed');
  -- Every reading of the model joins these small tables; without statistics the planner takes them for large ones.
  ANALYZE salesops.source, salesops.stage_map, salesops.category_map, salesops.value_map, salesops.product, salesops.currency_rate;
  RETURN QUERY SELECT y.* FROM salesops.source_sync y WHERE y.source_key = sync.source_key AND y.sync_id > coalesce(first_sync_id, 0) ORDER BY y.sync_id;
END $$;
COMMENT ON FUNCTION salesops.sync(text, timestamptz, text) IS
  'Read a source and let the canonical model follow; returns a row an entity: what was read and changed, or why it failed. incremental reads rows stamped after the last sync, full reads all and finds deletions';

-- A source that cannot be synced at all keeps none of the others from it: the audit finds it by its row in source_sync.
CREATE FUNCTION salesops.sync_all(as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  total bigint := 0;
  one bigint;
  source_key text;
  synced integer := 0;
  failed integer := 0;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  FOR source_key IN SELECT s.source_key FROM salesops.source s WHERE s.is_active ORDER BY s.source_key LOOP
    BEGIN
      SELECT sum(y.inserted + y.changed + y.deleted) INTO one FROM salesops.sync(source_key, as_of, 'full') y;
      total := total + coalesce(one, 0);
      synced := synced + 1;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
      INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
      VALUES (source_key, 'opportunity', as_of, 'full', '{}', code, message);
      RAISE WARNING 'source "%" was not synced: %', source_key, message USING DETAIL = detail, HINT = hint;
      failed := failed + 1;
    END;
  END LOOP;
  IF failed > 0 AND synced = 0 THEN
    RAISE EXCEPTION '%', message USING ERRCODE = code, DETAIL = detail, HINT = hint;
  END IF;
  RETURN total;
END $$;
COMMENT ON FUNCTION salesops.sync_all(timestamptz) IS
  'Full sync of every active source, the first step of the night; returns the rows changed. A source that fails as a whole is named in source_sync and the others go on; where all do it is an error';

CREATE FUNCTION salesops.sync_failures(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT pg_catalog.format('%s of %s entities could not be read: %s', count(*) FILTER (WHERE y.sqlstate IS NOT NULL), count(*),
                           pg_catalog.left(string_agg(y.source_key || '.' || y.entity, ', ' ORDER BY y.source_key, y.entity) FILTER (WHERE y.sqlstate IS NOT NULL), 500))
  FROM (SELECT DISTINCT ON (s.source_key, s.entity) s.source_key, s.entity, s.sqlstate FROM salesops.source_sync s
        WHERE s.as_of = sync_failures.as_of ORDER BY s.source_key, s.entity, s.sync_id DESC) y
  HAVING count(*) FILTER (WHERE y.sqlstate IS NOT NULL) > 0;
END;
COMMENT ON FUNCTION salesops.sync_failures(timestamptz) IS
  'Which entities the sync as of an instant could not read, in words; NULL where it read all. source_sync says why';
-- What the CRM itself remembers: the meaning of its stages, and its own histories.
--
-- Our history of a deal begins with the sync that first saw it. For the time before, the CRM's own records are read once,
-- at that sync: full versions (Fivetran's history mode), else events (field history, stage history, property history),
-- else only the dates of the deal. The states they give carry recorded_at of that sync: we know them since then.

CREATE FUNCTION salesops.later_known(known text, next text)
RETURNS text LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_later_known';
COMMENT ON FUNCTION salesops.later_known(text, text) IS 'transition function of last_known()';

CREATE AGGREGATE salesops.last_known(text) (SFUNC = salesops.later_known, STYPE = text, PARALLEL = SAFE);
COMMENT ON AGGREGATE salesops.last_known(text) IS 'Last value that is not NULL, in the order of the rows; as a window aggregate it carries a value forward';

CREATE FUNCTION salesops.read_stage_meaning(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass;
  wanted text[];
  columns text[];
BEGIN
  CASE (SELECT k.family FROM salesops.source_kinds() k WHERE k.kind = source.kind)
    WHEN 'salesforce' THEN
      relation := salesops.find_relation(source.schema_name, 'opportunitystage');
      wanted := ARRAY['', 'masterlabel', 'masterlabel', 'isclosed', 'iswon', 'sortorder', 'forecastcategory', 'fivetrandeleted'];
    WHEN 'hubspot' THEN
      relation := salesops.find_relation(source.schema_name, 'dealpipelinestage');
      wanted := ARRAY['pipelineid', 'stageid', 'label', 'isclosed', 'closedwon', 'displayorder', '', 'fivetrandeleted'];
    ELSE
      RETURN;
  END CASE;
  -- SQL text of each wanted column, NULL where it is missing.
  columns := ARRAY(SELECT coalesce((SELECT format('nullif(btrim(s.%I::text), %L)', f.name, '') FROM salesops.find_column(relation, w) f WHERE f.name IS NOT NULL),
                                   'NULL::text')
                   FROM unnest(wanted) WITH ORDINALITY u(w, n) ORDER BY n);
  IF relation IS NULL OR columns[2] = 'NULL::text' THEN
    RETURN;
  END IF;
  EXECUTE format(
    'INSERT INTO salesops.stage_map (source_key, pipeline, stage, valid_from, said_by, label, status, category, "position")
     SELECT $1, x.pipeline, x.stage, CASE WHEN o.stage IS NULL THEN ''-infinity'' ELSE $2 END,
            ''crm'', x.label, x.status, x.category, x.position
     FROM (SELECT DISTINCT ON (1, 2) coalesce(%1$s, '''') AS pipeline, %2$s AS stage, coalesce(%3$s, %2$s) AS label, m.status,
                  CASE m.status WHEN ''won'' THEN ''Closed'' WHEN ''lost'' THEN ''Omitted''
                                ELSE coalesce(salesops.recognize_forecast_category(%7$s), ''Pipeline'') END::salesops.forecast_category AS category,
                  salesops.read_number(%6$s)::integer AS position
           FROM %9$s s
           CROSS JOIN LATERAL (SELECT CASE WHEN salesops.read_boolean(%5$s) THEN ''won'' WHEN salesops.read_boolean(%4$s) THEN ''lost'' ELSE ''open'' END AS status) m
           WHERE %2$s IS NOT NULL AND coalesce(salesops.read_boolean(%8$s), false) = false
           ORDER BY 1, 2, 3) x
     LEFT JOIN LATERAL (SELECT o.* FROM salesops.stage_map o
                        WHERE o.source_key = $1 AND o.said_by = ''crm'' AND o.pipeline = x.pipeline AND o.stage = x.stage AND o.valid_from <= $2
                        ORDER BY o.valid_from DESC, o.recorded_at DESC LIMIT 1) o ON true
     WHERE (o.label, o.status, o.category::text, o.position) IS DISTINCT FROM (x.label, x.status, x.category::text, x.position)',
    columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7], columns[8], salesops.source_relation(relation))
  USING source.source_key, as_of;
END $$;
COMMENT ON FUNCTION salesops.read_stage_meaning(salesops.source, timestamptz) IS
  'Take over what the CRM says its stages mean; a stage heard of for the first time has always meant it, a changed meaning holds from as_of';

-- Events of a source in one shape, as SQL: id, at, target, old_value, new_value ('' = empty, NULL = not stated).
CREATE FUNCTION salesops.history_events(source salesops.source)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape record;
  queries text[] := '{}';
BEGIN
  FOR shape IN
    SELECT h.* FROM (VALUES
      ('salesforce', 'opportunityfieldhistory',
       'SELECT s.{opportunityid}::text, s.{createddate}::text, t.target, coalesce(s.{oldvalue}::text, ''''), coalesce(s.{newvalue}::text, '''')
        FROM % s
        JOIN (SELECT f.field, m.target
              FROM (SELECT DISTINCT {field} AS field FROM % s) f
              JOIN (VALUES (''stagename'', ''stage''), (''amount'', ''amount''), (''closedate'', ''close_date''), (''probability'', ''probability''),
                           (''forecastcategoryname'', ''forecast_category''), (''forecastcategory'', ''forecast_category''),
                           (''owner'', ''owner_id''), (''ownerid'', ''owner_id'')) m(name, target) ON m.name = salesops.plain_name(f.field::text)) t
          ON t.field = s.{field}
        WHERE salesops.read_boolean({?isdeleted}::text) IS NOT TRUE'),
      ('salesforce', 'opportunityhistory',
       'SELECT s.{opportunityid}::text, s.{createddate}::text, t.target, NULL, coalesce(t.value, '''')
        FROM % s CROSS JOIN LATERAL (VALUES (''stage'', s.{stagename}::text), (''amount'', s.{amount}::text), (''close_date'', s.{closedate}::text),
                                            (''probability'', s.{probability}::text), (''forecast_category'', s.{forecastcategory}::text)) t(target, value)
        WHERE salesops.read_boolean({?isdeleted}::text) IS NOT TRUE'),
      ('hubspot', 'dealpropertyhistory',
       'SELECT s.{dealid}::text, s.{timestamp}::text, t.target, NULL, coalesce(s.{value}::text, '''')
        FROM % s
        JOIN (SELECT f.field, m.target
              FROM (SELECT DISTINCT {name} AS field FROM % s) f
              JOIN (VALUES (''dealstage'', ''stage''), (''amount'', ''amount''), (''closedate'', ''close_date''), (''hsdealstageprobability'', ''probability''),
                           (''hsmanualforecastcategory'', ''forecast_category''), (''hubspotownerid'', ''owner_id'')) m(name, target)
                ON m.name = salesops.plain_name(f.field::text)) t
          ON t.field = s.{name}'),
      ('hubspot', 'dealstage',
       'SELECT s.{dealid}::text, s.{dateentered}::text, ''stage'', NULL, coalesce(s.{value}::text, '''') FROM % s')
    ) AS h(family, relation, query)
    JOIN salesops.source_kinds() k ON k.family = h.family AND k.kind = source.kind
  LOOP
    queries := queries || salesops.bind_columns(shape.query, salesops.find_relation(source.schema_name, shape.relation));
  END LOOP;
  -- A missing relation is a NULL, which array_to_string() leaves out.
  RETURN nullif(array_to_string(queries, ' UNION ALL '), '');
END $$;
COMMENT ON FUNCTION salesops.history_events(salesops.source) IS
  'SQL of the change events that a source remembers (field, stage and property histories), NULL where it has none';

-- The relation in which the connector keeps full versions of opportunities, if it does.
CREATE FUNCTION salesops.version_relation(source salesops.source)
RETURNS regclass LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.relation
  FROM (SELECT salesops.find_relation(source.schema_name, 'opportunityhistory') AS relation, 1 AS n
        UNION ALL SELECT f.relation, 2 FROM salesops.source_feed(source) f WHERE f.entity = 'opportunity') r
  WHERE r.relation IS NOT NULL
    AND (SELECT c.name FROM salesops.find_column(r.relation, 'fivetranstart') c) IS NOT NULL
    AND ((SELECT c.name FROM salesops.find_column(r.relation, 'id') c) IS NOT NULL OR (SELECT c.name FROM salesops.find_column(r.relation, 'dealid') c) IS NOT NULL)
  ORDER BY r.n LIMIT 1;
END;
COMMENT ON FUNCTION salesops.version_relation(salesops.source) IS 'Relation with full versions of opportunities (columns _fivetran_start, _fivetran_end); NULL if there is none';

-- Deals that this sync saw for the first time.
CREATE FUNCTION salesops.first_seen(source_key text, as_of timestamptz)
RETURNS SETOF salesops.opportunity LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT o.* FROM salesops.opportunity o
  WHERE o.source_key = first_seen.source_key AND o.recorded_at = first_seen.as_of
    AND NOT EXISTS (SELECT FROM salesops.opportunity_history h WHERE h.source_key = o.source_key AND h.id = o.id);
END;
COMMENT ON FUNCTION salesops.first_seen(text, timestamptz) IS 'Opportunities that the sync as of an instant saw for the first time';

CREATE FUNCTION salesops.read_versions(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass := salesops.version_relation(source);
  versioned salesops.source := source;
  has_events boolean := salesops.history_events(source) IS NOT NULL;
  reader record;
  written text[] := ARRAY(SELECT t.target FROM salesops.entity_targets('opportunity') t WHERE t.target NOT IN ('id', 'stage_entered_at')) || ARRAY['custom', 'unreadable', 'is_deleted'];
  start record := salesops.find_column(relation, 'fivetranstart');
  id_column name := (SELECT c.name FROM unnest(ARRAY['dealid', 'id']) u(candidate) CROSS JOIN LATERAL salesops.find_column(relation, u.candidate) c
                     WHERE c.name IS NOT NULL LIMIT 1);
BEGIN
  -- The versions have the columns of the feed, so the feed's own reader reads them.
  versioned.options := jsonb_set(jsonb_set(source.options, '{entities}', coalesce(source.options -> 'entities', '{}')), '{entities,opportunity}',
    coalesce(source.options #> '{entities,opportunity}', '{}') ||
    jsonb_build_object('relation', (SELECT c.relname FROM pg_class c WHERE c.oid = relation)));
  reader := salesops.feed_query(versioned, ARRAY(SELECT p FROM salesops.source_plan(versioned) p), 'opportunity', relation);
  -- Connectors mark the first version of a row with a date long past: then it began when the deal did.
  PERFORM salesops.drop_temporary('salesops_version');
  EXECUTE format(
    'CREATE TEMP TABLE salesops_version ON COMMIT DROP AS
     SELECT z.*, max(z.start_at) FILTER (WHERE z.enters_stage) OVER w AS stage_since, max(z.start_at) FILTER (WHERE z.is_confirmed) OVER w AS confirmed_since,
            lead(z.start_at) OVER w IS NULL AS is_last
     FROM (SELECT y.*, row_number() OVER w = 1 OR (y.pipeline, y.stage) IS DISTINCT FROM (lag(y.pipeline) OVER w, lag(y.stage) OVER w) AS enters_stage,
                  row_number() OVER w = 1 OR (y.stage, y.amount, y.close_date, y.next_step)
                    IS DISTINCT FROM (lag(y.stage) OVER w, lag(y.amount) OVER w, lag(y.close_date) OVER w, lag(y.next_step) OVER w) AS is_confirmed
           FROM (SELECT DISTINCT ON (x.id, greatest(x.stated_start, x.created_at)) x.*, greatest(x.stated_start, x.created_at) AS start_at
                 FROM (SELECT %1$s, %2$s AS stated_start FROM %3$s AND s.%4$I IN (SELECT v.%4$I FROM %5$s v GROUP BY 1 HAVING count(*) > 1)) x
                 JOIN salesops.first_seen(%6$L, %7$L) o ON o.id = x.id
                 WHERE x.stated_start IS NOT NULL AND greatest(x.stated_start, x.created_at) <= %7$L
                 ORDER BY x.id, greatest(x.stated_start, x.created_at), x.stated_start DESC, x::text) y
           WINDOW w AS (PARTITION BY y.id ORDER BY y.start_at)) z
     WINDOW w AS (PARTITION BY z.id ORDER BY z.start_at)',
    reader.columns, salesops.read_expression(format('s.%I', start.name), start.type, 'timestamptz'::regtype, 'YMD', 'UTC'), reader.from_clause,
    id_column, salesops.source_relation(relation), source.source_key, as_of);

  -- A version tells that something changed by then; where the source has events, they tell better when.
  UPDATE salesops.opportunity o
  SET effective_at = v.start_at,
      stage_entered_at = CASE WHEN has_events THEN o.stage_entered_at ELSE greatest(v.stage_since, o.stage_entered_at) END,
      confirmed_at = CASE WHEN has_events THEN o.confirmed_at ELSE greatest(v.confirmed_since, o.confirmed_at) END
  FROM pg_temp.salesops_version v
  WHERE v.is_last AND o.source_key = source.source_key AND o.id = v.id;
  EXECUTE format(
    'INSERT INTO salesops.opportunity_history (source_key, id, %1$s, stage_entered_at, confirmed_at, effective_at, recorded_at, origin)
     SELECT $1, v.id, %2$s, coalesce(v.stage_entered_at, v.stage_since), v.confirmed_since, v.start_at, $2, ''crm_history''
     FROM pg_temp.salesops_version v WHERE NOT v.is_last',
    (SELECT string_agg(quote_ident(w), ', ') FROM unnest(written) w), (SELECT string_agg('v.' || quote_ident(w), ', ') FROM unnest(written) w))
  USING source.source_key, as_of;
  PERFORM salesops.drop_temporary('salesops_version');
END $$;
COMMENT ON FUNCTION salesops.read_versions(salesops.source, timestamptz) IS
  'Take over full versions that the connector keeps, for the deals this sync saw for the first time';

CREATE FUNCTION salesops.read_events(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  events text := salesops.history_events(source);
  zone text := salesops.source_option(source, 'time_zone');
  -- What the CRM tracks at all: a deal without an event of such a field has not changed it.
  tracked text[];
BEGIN
  EXECUTE format('SELECT array_agg(DISTINCT e.target) FROM (%s) e(id, at, target, old_value, new_value)', events) INTO tracked;
  PERFORM salesops.drop_temporary('salesops_event');
  EXECUTE format('CREATE TEMP TABLE salesops_event ON COMMIT DROP AS
                  SELECT e.id, o.created_at, h.id IS NOT NULL AS is_versioned, e.target, e.old_value, e.new_value,
                         salesops.read_instant(e.at, ''YMD'', %1$L) AS at
                  FROM (%2$s) e(id, at, target, old_value, new_value)
                  JOIN salesops.opportunity o ON o.source_key = %3$L AND o.id = e.id AND o.recorded_at = %4$L
                  LEFT JOIN (SELECT x.id, min(x.recorded_at) AS recorded_at FROM salesops.opportunity_history x WHERE x.source_key = %3$L GROUP BY x.id) h ON h.id = o.id
                  WHERE h.id IS NULL OR h.recorded_at = %4$L',
                 zone, events, source.source_key, as_of);
  DELETE FROM pg_temp.salesops_event e WHERE e.at IS NULL OR e.at > as_of;
  ANALYZE pg_temp.salesops_event;

  -- One row an instant at which something changed, then every field carried forward. The state before the first event of
  -- a field is that event's old value, stated at the deal's start. A value stated again is no change.
  PERFORM salesops.drop_temporary('salesops_version');
  CREATE TEMP TABLE salesops_version ON COMMIT DROP AS
  WITH stated AS (
    SELECT e.id, e.at, e.target, e.new_value AS value FROM pg_temp.salesops_event e
    UNION ALL
    SELECT f.id, f.created_at, f.target, f.old_value
    FROM (SELECT DISTINCT ON (e.id, e.target) e.* FROM pg_temp.salesops_event e ORDER BY e.id, e.target, e.at, e.old_value) f
    WHERE f.created_at < f.at AND f.old_value IS NOT NULL
  ), changed AS (
    SELECT * FROM (SELECT s.*, lag(s.value) OVER (PARTITION BY s.id, s.target ORDER BY s.at, s.value) AS before FROM stated s) c
    WHERE c.value IS DISTINCT FROM c.before
  ), instant AS (
    SELECT c.id, c.at,
           max(c.value) FILTER (WHERE c.target = 'stage') AS stage,
           max(c.value) FILTER (WHERE c.target = 'amount') AS amount,
           max(c.value) FILTER (WHERE c.target = 'close_date') AS close_date,
           max(c.value) FILTER (WHERE c.target = 'probability') AS probability,
           max(c.value) FILTER (WHERE c.target = 'forecast_category') AS forecast_category,
           max(c.value) FILTER (WHERE c.target = 'owner_id') AS owner_id
    FROM changed c GROUP BY c.id, c.at
  )
  SELECT i.id, i.at,
         salesops.last_known(i.stage) OVER w AS stage, salesops.last_known(i.amount) OVER w AS amount,
         salesops.last_known(i.close_date) OVER w AS close_date, salesops.last_known(i.probability) OVER w AS probability,
         salesops.last_known(i.forecast_category) OVER w AS forecast_category, salesops.last_known(i.owner_id) OVER w AS owner_id,
         max(i.at) FILTER (WHERE i.stage IS NOT NULL) OVER w AS stage_entered_at,
         max(i.at) FILTER (WHERE coalesce(i.stage, i.amount, i.close_date) IS NOT NULL) OVER w AS confirmed_at,
         lead(i.at) OVER w IS NULL AS is_last, d.targets, d.is_versioned
  FROM instant i
  JOIN (SELECT e.id, array_agg(DISTINCT e.target) AS targets, bool_or(e.is_versioned) AS is_versioned FROM pg_temp.salesops_event e GROUP BY e.id) d ON d.id = i.id
  WINDOW w AS (PARTITION BY i.id ORDER BY i.at);

  -- The last event began the present state, unless full versions tell more; it is always the better word on the times.
  UPDATE salesops.opportunity o
  SET effective_at = CASE WHEN v.is_versioned THEN o.effective_at ELSE v.at END,
      stage_entered_at = coalesce(v.stage_entered_at, o.stage_entered_at),
      confirmed_at = greatest(v.confirmed_at, o.confirmed_at)
  FROM pg_temp.salesops_version v
  WHERE v.is_last AND o.source_key = source.source_key AND o.id = v.id;

  -- Earlier states. A field with events is what the events say, and unknown before the first that says it. A tracked one
  -- without events was what it is now. What is not tracked and filled in as a deal goes on (outcome, loss reason, next
  -- step, custom fields) was not known then; what names the deal (account, type, product, currency) is taken as given.
  INSERT INTO salesops.opportunity_history (source_key, id, name, account_id, owner_id, pipeline, stage, forecast_category, deal_type, lead_source,
                                            product, amount, currency, probability, is_closed, is_won, close_date, created_at, stage_entered_at,
                                            confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT o.source_key, o.id, o.name, o.account_id,
         CASE WHEN 'owner_id' = ANY (v.targets) THEN nullif(v.owner_id, '') ELSE o.owner_id END,
         o.pipeline, t.stage,
         CASE WHEN 'forecast_category' = ANY (v.targets) THEN nullif(v.forecast_category, '') WHEN 'forecast_category' = ANY (tracked) THEN o.forecast_category END,
         o.deal_type, o.lead_source, o.product,
         CASE WHEN 'amount' = ANY (v.targets) THEN salesops.read_number(v.amount) WHEN 'amount' = ANY (tracked) THEN o.amount END,
         o.currency,
         CASE WHEN 'probability' = ANY (v.targets) THEN salesops.read_number(v.probability) WHEN 'probability' = ANY (tracked) THEN o.probability END,
         CASE WHEN t.stage = o.stage THEN o.is_closed END, CASE WHEN t.stage = o.stage THEN o.is_won END,
         CASE WHEN 'close_date' = ANY (v.targets) THEN salesops.read_date(v.close_date, 'YMD', zone) WHEN 'close_date' = ANY (tracked) THEN o.close_date END,
         o.created_at, coalesce(v.stage_entered_at, o.created_at), coalesce(v.confirmed_at, o.created_at), false,
         v.at, as_of, 'crm_history'
  FROM pg_temp.salesops_version v
  JOIN salesops.opportunity o ON o.source_key = source.source_key AND o.id = v.id
  CROSS JOIN LATERAL (SELECT CASE WHEN 'stage' = ANY (v.targets) THEN nullif(v.stage, '') WHEN 'stage' = ANY (tracked) THEN o.stage END AS stage) t
  WHERE NOT v.is_last AND NOT v.is_versioned;

  -- An open deal without any event has changed nothing that is tracked: what its last modification was about is not. Of a
  -- closed one a change is missing, so its start stays unknown.
  INSERT INTO salesops.opportunity_history (source_key, id, name, account_id, owner_id, pipeline, stage, forecast_category, deal_type, lead_source,
                                            product, amount, currency, probability, is_closed, is_won, close_date, created_at, stage_entered_at,
                                            confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id, o.pipeline,
         CASE WHEN 'stage' = ANY (tracked) THEN o.stage ELSE source.options ->> 'open_stage' END,
         CASE WHEN 'forecast_category' = ANY (tracked) THEN o.forecast_category END, o.deal_type, o.lead_source, o.product,
         CASE WHEN 'amount' = ANY (tracked) THEN o.amount END, o.currency, CASE WHEN 'probability' = ANY (tracked) THEN o.probability END,
         o.is_closed, o.is_won, CASE WHEN 'close_date' = ANY (tracked) THEN o.close_date END,
         o.created_at, o.created_at, o.created_at, false, o.created_at, as_of, 'crm_history'
  FROM salesops.first_seen(source.source_key, as_of) o
  WHERE o.created_at < o.effective_at AND o.is_closed IS NOT TRUE AND o.is_won IS NOT TRUE
    AND NOT EXISTS (SELECT FROM pg_temp.salesops_event e WHERE e.id = o.id)
    AND NOT EXISTS (SELECT FROM salesops.stage_meaning(as_of) m
                    WHERE m.source_key = o.source_key AND m.stage = o.stage AND m.status <> 'open');
  PERFORM salesops.drop_temporary('salesops_version');
  PERFORM salesops.drop_temporary('salesops_event');
END $$;
COMMENT ON FUNCTION salesops.read_events(salesops.source, timestamptz) IS
  'Rebuild earlier states from the change events that the CRM remembers, for the deals this sync saw for the first time and that have no versions; and learn when the present state began';

CREATE FUNCTION salesops.reconstruct_start(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  -- All that dates tell: between its start and its present state the deal was open. What it was worth then is not known.
  INSERT INTO salesops.opportunity_history (source_key, id, name, account_id, owner_id, pipeline, stage, deal_type, lead_source, product, currency,
                                            is_closed, is_won, created_at, stage_entered_at, confirmed_at, is_deleted, effective_at, recorded_at, origin)
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id, o.pipeline, source.options ->> 'open_stage', o.deal_type, o.lead_source, o.product, o.currency,
         o.is_closed AND false, o.is_won AND false, o.created_at, o.created_at, o.created_at, false, o.created_at, reconstruct_start.as_of, 'reconstructed'
  FROM salesops.first_seen(source.source_key, reconstruct_start.as_of) o
  WHERE o.created_at < o.effective_at;
END;
COMMENT ON FUNCTION salesops.reconstruct_start(salesops.source, timestamptz) IS
  'Give the deals this sync saw for the first time, and of which nothing else is known, an open state from their start (stage = option open_stage)';

CREATE FUNCTION salesops.read_history(source salesops.source, as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Each gives states to the deals that the better ones before it had nothing about.
  IF salesops.version_relation(source) IS NOT NULL THEN
    PERFORM salesops.read_versions(source, as_of);
  END IF;
  IF salesops.history_events(source) IS NOT NULL THEN
    PERFORM salesops.read_events(source, as_of);
  END IF;
  PERFORM salesops.reconstruct_start(source, as_of);
END $$;
COMMENT ON FUNCTION salesops.read_history(salesops.source, timestamptz) IS
  'Fill the history of the deals this sync saw for the first time: from versions, else from events, else from their dates';
-- Tie-out: our counts and amounts beside the source's own, every difference named.

CREATE FUNCTION salesops.tie_out(source_key text, from_date date DEFAULT '-infinity', to_date date DEFAULT 'infinity')
RETURNS TABLE("position" integer, line text, currency text, deals bigint, amount numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
  source salesops.source := salesops.get_source(tie_out.source_key);
  plan salesops.planned_column[] := ARRAY(SELECT p FROM salesops.source_plan(source) p);
  feed regclass := (SELECT p.relation FROM unnest(plan) p WHERE p.entity = 'opportunity' LIMIT 1);
  reader record;
BEGIN
  IF feed IS NULL THEN
    RAISE EXCEPTION 'source "%" has no opportunities to read now', tie_out.source_key USING
      ERRCODE = 'undefined_table', HINT = format('SELECT * FROM salesops.describe_source(%L) shows what was found.', tie_out.source_key);
  END IF;
  reader := salesops.feed_query(source, plan, 'opportunity', feed);
  RETURN QUERY EXECUTE format($query$
    WITH stated AS (
      SELECT %1$s, (true%2$s) AS is_present FROM %3$s
    ), ranked AS (
      SELECT s.*, row_number() OVER (PARTITION BY s.id, s.is_present ORDER BY s.modified_at DESC NULLS LAST, s.stamp DESC NULLS LAST, s::text DESC) AS n
      FROM stated s
    ), line AS (
      SELECT CASE WHEN NOT r.is_present THEN 2 WHEN r.id IS NULL THEN 3 WHEN r.n > 1 THEN 4 WHEN r.is_deleted THEN 5 WHEN r.merged_into IS NOT NULL THEN 6
                  WHEN o.id IS NULL OR (o.amount, o.close_date, o.currency) IS DISTINCT FROM (r.amount, r.close_date, r.currency) THEN 7
                  ELSE 8 END AS "position",
             r.id, coalesce(r.currency, $4) AS currency, r.amount
      FROM ranked r
      LEFT JOIN salesops.opportunity o ON o.source_key = $1 AND o.id = r.id AND NOT o.is_deleted AND o.merged_into IS NULL
      WHERE r.close_date BETWEEN $2 AND $3 OR (r.close_date IS NULL AND $2 = '-infinity' AND $3 = 'infinity')
    ), here AS (
      -- Stale is what no row of the source is equal to; an equal one has the same close date, so it is in the same period.
      SELECT coalesce(o.currency, $4) AS currency, o.amount, l.id IS NULL AS is_stale
      FROM salesops.opportunity o
      LEFT JOIN line l ON l."position" = 8 AND l.id = o.id
      WHERE o.source_key = $1 AND NOT o.is_deleted AND o.merged_into IS NULL
        AND (o.close_date BETWEEN $2 AND $3 OR (o.close_date IS NULL AND $2 = '-infinity' AND $3 = 'infinity'))
    ), entry AS (
      SELECT 1 AS "position", l.currency, 1 AS sign, l.amount FROM line l
      UNION ALL SELECT l."position", l.currency, -1, l.amount FROM line l WHERE l."position" < 8
      UNION ALL SELECT 8, h.currency, 1, h.amount FROM here h WHERE h.is_stale
      UNION ALL SELECT 9, h.currency, 1, h.amount FROM here h
    )
    SELECT e."position", n.line, e.currency, sum(e.sign), sum(e.sign * e.amount)
    FROM entry e
    JOIN (VALUES (1, 'rows in the source'), (2, 'old versions'), (3, 'without an id'), (4, 'older duplicates'), (5, 'deleted in the source'),
                 (6, 'merged into another deal'), (7, 'new or changed since the last sync'), (8, 'here as of the last sync, changed or gone since'),
                 (9, 'opportunities here')) n("position", line) ON n."position" = e."position"
    GROUP BY e."position", n.line, e.currency ORDER BY e.currency, e."position"
    $query$, reader.columns, reader.is_present, reader.from_clause)
  USING tie_out.source_key, from_date, to_date, salesops.source_option(source, 'currency');
END $$;
COMMENT ON FUNCTION salesops.tie_out(text, date, date) IS
  'Deals and amounts with a close date in a period, per currency: rows in the source, each reason why one is not counted here (negative), and what is counted here; lines 1 to 8 sum to line 9';
-- Random numbers named by (seed, stream, item): see src/crm/draw.c.

CREATE FUNCTION salesops.draw(seed bigint, stream text, item bigint) RETURNS double precision
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw';
COMMENT ON FUNCTION salesops.draw(bigint, text, bigint) IS
  'Uniform number in [0, 1) that depends on its three arguments only: seed, what is drawn, for which item. Same bits '
  'on every platform.';

CREATE FUNCTION salesops.draw_int(seed bigint, stream text, item bigint, below int) RETURNS int
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw_int';
COMMENT ON FUNCTION salesops.draw_int(bigint, text, bigint, int) IS
  'Uniform integer among 0, 1 ... below - 1 for (seed, stream, item). Error 22023 where below < 1.';

CREATE FUNCTION salesops.draw_from_curve(seed bigint, stream text, item bigint, curve int[]) RETURNS int
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_draw_from_curve';
COMMENT ON FUNCTION salesops.draw_from_curve(bigint, text, bigint, int[]) IS
  'Integer for (seed, stream, item) whose quantiles at 0, 1/n ... 1 are the n + 1 rising points given, linear in '
  'between; draw() of the same three is its position on the curve. Error 22023 for a curve that falls, has a NULL or '
  'fewer than two points.';

CREATE FUNCTION salesops.salesforce_id(prefix text, number bigint) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'salesops_salesforce_id';
COMMENT ON FUNCTION salesops.salesforce_id(text, bigint) IS
  'Id of 18 characters with the anatomy of Salesforce ids: key prefix of the object (''006'' an opportunity), '
  'instance, number in base 62, three characters that keep the case. Error 22023 for a prefix that has not three '
  'characters, 22003 for a number that is negative or beyond nine digits.';

CREATE FUNCTION salesops.draw_label(seed bigint, stream text, item bigint, labels text[]) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT labels[1 + salesops.draw_int(seed, stream, item, cardinality(labels))];
END;
COMMENT ON FUNCTION salesops.draw_label(bigint, text, bigint, text[]) IS
  'One of the labels for (seed, stream, item), each as likely as its share of the list. Error 22023 for an empty list.';

CREATE FUNCTION salesops.draw_choice(seed bigint, stream text, item bigint, choices int[]) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT choices[1 + salesops.draw_int(seed, stream, item, cardinality(choices))];
END;
COMMENT ON FUNCTION salesops.draw_choice(bigint, text, bigint, int[]) IS
  'One of the numbers for (seed, stream, item), each as likely as its share of the list. Error 22023 for an empty list.';
-- The facts about every generated deal, from which all its rows in all tables follow.
--
-- Nothing is stored: the facts are a pure function of the arguments, so each table that needs them computes them again,
-- which is cheaper than writing and reading a draft. Days are whole numbers counted from the day of as_of in UTC
-- (0 = that day, -1 = the day before): integers have no time zone, no daylight saving and no rounding.
--
-- These functions are plain SQL without a SET clause so that the planner inlines them and drops unused columns. OFFSET 0
-- keeps the steps apart: without it the planner would paste each expression wherever it is used and draw it again.

CREATE FUNCTION salesops.generated_plantable_rules() RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT ARRAY['missing_amount', 'missing_close_date', 'missing_stage', 'missing_owner', 'missing_account',
               'not_confirmed', 'close_date_past', 'close_date_unrealistic', 'amount_not_positive', 'amount_off_list',
               'missing_contact_role', 'missing_economic_buyer', 'missing_next_step', 'vague_next_step',
               'unmapped_stage', 'unmapped_category', 'category_conflict', 'probability_scale', 'owner_unknown',
               'owner_inactive', 'close_before_create', 'unknown_start', 'unmapped_product', 'unconvertible_currency'];
END;
COMMENT ON FUNCTION salesops.generated_plantable_rules() IS
  'The audit rules that generate_crm can break on an opportunity, in the audit''s order.';

CREATE FUNCTION salesops.generated_day(as_of timestamptz, day int) RETURNS date
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (as_of AT TIME ZONE 'UTC')::date + day;
END;
COMMENT ON FUNCTION salesops.generated_day(timestamptz, int) IS
  'The date that lies the given number of days after as_of''s day in UTC.';

CREATE FUNCTION salesops.generated_moment(as_of timestamptz, day int, second int) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (salesops.generated_day(as_of, day)::timestamp + second * interval '1 second') AT TIME ZONE 'UTC';
END;
COMMENT ON FUNCTION salesops.generated_moment(timestamptz, int, int) IS
  'The instant at the given second of a UTC day counted from as_of''s.';

CREATE FUNCTION salesops.generated_quarter_end(as_of timestamptz, day int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (date_trunc('quarter', salesops.generated_day(as_of, day)::timestamp) + interval '3 months')::date - 1
         - salesops.generated_day(as_of, 0);
END;
COMMENT ON FUNCTION salesops.generated_quarter_end(timestamptz, int) IS
  'The last day of the calendar quarter of the given day; both are days counted from as_of''s.';

CREATE FUNCTION salesops.generated_account_count(deals int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT greatest(deals / 8, 8);
END;
COMMENT ON FUNCTION salesops.generated_account_count(int) IS 'How many accounts share the given number of deals.';

CREATE FUNCTION salesops.generated_account_rep(seed bigint, account int, reps int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 1 + salesops.draw_int(seed, 'account.rep', account, reps);
END;
COMMENT ON FUNCTION salesops.generated_account_rep(bigint, int, int) IS 'The number of the rep who owns an account.';

CREATE FUNCTION salesops.generated_account_segment(seed bigint, account int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_choice(seed, 'account.segment', account, ARRAY[1, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
END;
COMMENT ON FUNCTION salesops.generated_account_segment(bigint, int) IS
  'Segment of an account by headcount: 1 small, 2 mid-market, 3 enterprise.';

CREATE FUNCTION salesops.generated_account_currency(seed bigint, account int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, 'account.currency', account,
                             ARRAY['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'EUR', 'EUR', 'GBP']);
END;
COMMENT ON FUNCTION salesops.generated_account_currency(bigint, int) IS 'The currency an account buys in.';

CREATE FUNCTION salesops.generated_move_day(seed bigint, deal int, move int, moves int, created_on int, life int)
RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The life is cut into as many equal parts as there are moves and each move falls into its own: rising without a sort.
  SELECT created_on
         + (life * (move - 1) + salesops.draw_int(seed, 'move.day', deal * 16::bigint + move, life + 1)) / moves;
END;
COMMENT ON FUNCTION salesops.generated_move_day(bigint, int, int, int, int, int) IS
  'The day of a deal''s n-th change of stage before it closes.';

CREATE FUNCTION salesops.generated_move_second(seed bigint, deal int, move int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Deals are made from 08:00, move in the hours from 10:00 in order, and close at 17:00.
  SELECT (9 + move) * 3600 + salesops.draw_int(seed, 'move.second', deal * 16::bigint + move, 3600);
END;
COMMENT ON FUNCTION salesops.generated_move_second(bigint, int, int) IS
  'The second of the day of a deal''s n-th change of stage; changes of one day stay in order.';

CREATE FUNCTION salesops.generated_deal(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (deal int, account int, deal_type int, segment int, rep int, owner int, product int, currency text,
               is_open boolean, is_deleted boolean, won boolean, defect text, stage int, category int,
               list_amount bigint, discount int, amount bigint, created_on int, close_on int, active_until int,
               life int, moves int, last_move_on int, fresh_by_stage boolean, pushes int, push_step int,
               touches int, last_touch_on int)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH
  -- Who buys what kind of deal, whether it is still open, and which single defect it carries.
  started AS NOT MATERIALIZED (
    SELECT s.deal,
           1 + salesops.draw_int(seed, 'deal.account', s.deal, salesops.generated_account_count(deals)) AS account,
           salesops.draw_choice(seed, 'deal.type', s.deal, ARRAY[1, 1, 1, 1, 1, 1, 2, 2, 2, 3]) AS deal_type,
           salesops.draw(seed, 'deal.open', s.deal) < 0.22 AS is_open,
           salesops.draw(seed, 'deal.deleted', s.deal) < 0.025 AS is_deleted,
           CASE WHEN salesops.draw(seed, 'deal.open', s.deal) < 0.22 THEN
             -- Each rule takes its own slice, dirt / 4 wide, of one draw; beyond the last slice the deal is clean.
             (salesops.generated_plantable_rules())
             [1 + least(trunc(salesops.draw(seed, 'deal.defect', s.deal) * 4 / nullif(dirt, 0)::float8), 1000)::int]
           END AS slice
      FROM generate_series(1, deals) AS s (deal)
    OFFSET 0),
  -- Whose customer it is. Without 30 won deals of its type there is no usual cycle to exceed: that defect is not planted.
  described AS NOT MATERIALIZED (
    SELECT s.deal, s.account, s.deal_type, s.is_open, s.is_deleted,
           nullif(s.slice, CASE WHEN longest[s.deal_type] IS NULL THEN 'close_date_unrealistic' END) AS defect,
           salesops.generated_account_segment(seed, s.account) AS segment,
           salesops.generated_account_rep(seed, s.account, reps) AS rep,
           1 + salesops.draw_int(seed, 'deal.product', s.deal, 6) AS product
      FROM started s
    OFFSET 0),
  -- How big it is, how it ended, how long it took or may take. Amounts follow a lognormal shape (sigma 0.8) round a
  -- median by segment; big deals win less; lost deals linger 1.6 times as long as won ones; both have a long tail.
  -- cycle_limit keeps a clean open deal ten days inside the 99th percentile of won cycles of its type, which leaves
  -- room for a reader whose time zone moves dates by one.
  sized AS NOT MATERIALIZED (
    SELECT d.*,
           greatest(500, (ARRAY[9000, 32000, 130000])[d.segment]::bigint
             * salesops.draw_from_curve(seed, 'deal.amount', d.deal,
                 ARRAY[125, 268, 359, 437, 510, 583, 658, 735, 817, 904, 1000,
                       1107, 1224, 1361, 1521, 1715, 1961, 2291, 2789, 3728, 11000]) / 100000 * 100) AS list_amount,
           salesops.draw_choice(seed, 'deal.discount', d.deal, ARRAY[0, 0, 0, 5, 5, 10, 10, 15, 20, 25, 30]) AS discount,
           NOT d.is_open AND salesops.draw(seed, 'deal.won', d.deal)
             < (ARRAY[0.46, 0.40, 0.34]::float8[])[d.segment] + (ARRAY[-0.04, 0.03, 0.10]::float8[])[d.deal_type]
               - 0.16::float8 * salesops.draw(seed, 'deal.amount', d.deal)
               + 0.08::float8 * (salesops.draw(seed, 'rep.skill', d.rep) - 0.5::float8) AS won,
           salesops.draw_from_curve(seed, 'deal.cycle', d.deal,
             ARRAY[10, 22, 31, 38, 45, 51, 58, 64, 71, 78, 86, 94, 103, 113, 125, 138, 155, 176, 206, 258, 420])
             * (ARRAY[700, 1000, 1400])[d.segment] / 1000 * (ARRAY[100, 80, 60])[d.deal_type] / 100 AS cycle,
           coalesce(longest[d.deal_type], 300) - 10 AS cycle_limit,
           -1 - salesops.draw_int(seed, 'deal.closed', d.deal, 730) AS closed_on
      FROM described d
    OFFSET 0),
  -- When it closed, pulled into the last days of the quarter for some; how old an open one is.
  dated AS NOT MATERIALIZED (
    SELECT s.*,
           CASE WHEN salesops.draw(seed, 'deal.pulled', s.deal) < 0.3
                THEN least(salesops.generated_quarter_end(as_of, s.closed_on)
                           - salesops.draw_int(seed, 'deal.pull', s.deal, 10), -1)
                ELSE s.closed_on
           END AS ended_on,
           greatest(1 + s.cycle_limit * salesops.draw_from_curve(seed, 'deal.age', s.deal,
                          ARRAY[0, 45, 95, 150, 210, 275, 345, 430, 530, 680, 1000]) / 1250,
                    CASE WHEN s.defect IN ('not_confirmed', 'close_date_past') THEN 45 ELSE 1 END) AS age,
           salesops.draw_from_curve(seed, 'deal.close', s.deal,
                                    ARRAY[2, 10, 20, 32, 45, 58, 72, 88, 108, 135, 180]) AS wished_on
      FROM sized s
    OFFSET 0),
  -- Its first day, its close date, and the last day on which anything happened to it.
  placed AS NOT MATERIALIZED (
    SELECT d.*,
           CASE WHEN d.is_open THEN -d.age
                ELSE d.ended_on - greatest(7, CASE WHEN d.won THEN d.cycle ELSE d.cycle * 8 / 5 END)
           END AS created_on,
           CASE WHEN NOT d.is_open THEN d.ended_on
                WHEN d.defect = 'close_date_past'
                THEN -3 - salesops.draw_int(seed, 'deal.past', d.deal, least(d.age - 10, 60))
                WHEN d.defect = 'close_before_create' THEN -d.age - 3 - salesops.draw_int(seed, 'deal.past', d.deal, 60)
                WHEN d.defect = 'close_date_unrealistic'
                THEN d.cycle_limit - d.age + 40 + salesops.draw_int(seed, 'deal.far', d.deal, 200)
                ELSE least(d.cycle_limit - d.age,
                           CASE WHEN salesops.draw(seed, 'deal.pulled', d.deal) < 0.35
                                THEN salesops.generated_quarter_end(as_of, d.wished_on)
                                ELSE d.wished_on
                           END)
           END AS close_on,
           CASE WHEN NOT d.is_open THEN d.ended_on
                WHEN d.defect = 'not_confirmed'
                THEN -10 - salesops.draw_int(seed, 'deal.quiet', d.deal, least(d.age - 20, 60))
                ELSE -1
           END AS active_until
      FROM dated d
    OFFSET 0),
  -- How far it came: an open deal stands where today lies between its first day and its close date, give or take a
  -- stage; a lost one mostly falls early, a won one was at or near the end.
  advanced AS NOT MATERIALIZED (
    SELECT p.*,
           p.active_until - p.created_on AS life,
           CASE WHEN p.is_open THEN least(greatest(6 * p.age / (p.age + greatest(p.close_on, 1))
                                                   + salesops.draw_int(seed, 'deal.stage', p.deal, 3), 1), 6)
                WHEN p.won THEN salesops.draw_choice(seed, 'deal.stage', p.deal, ARRAY[5, 6, 6, 6, 6])
                ELSE 1 + least(salesops.draw_int(seed, 'deal.stage', p.deal, 6),
                               salesops.draw_int(seed, 'deal.progress', p.deal, 6))
           END AS stage
      FROM placed p
    OFFSET 0),
  -- What the rep says of it: the stage's category, or one step beside it (optimists up, sandbaggers down), and whether
  -- the week's confirmation of an open deal is a change of stage rather than an activity.
  judged AS NOT MATERIALIZED (
    SELECT a.*,
           (ARRAY[1, 1, 1, 2, 3, 4])[a.stage] AS stage_category,
           salesops.draw_int(seed, 'rep.mood', a.rep, 10) AS mood,
           salesops.draw(seed, 'deal.mood', a.deal) AS swing,
           a.is_open AND a.stage > 1 AND a.life >= 30
             AND salesops.draw(seed, 'deal.fresh', a.deal) < 0.25 AS fresh_by_stage
      FROM advanced a
    OFFSET 0)
  SELECT j.deal, j.account, j.deal_type, j.segment, j.rep,
         -- Reps who left (numbered after the active ones) still own some of what closed while they were here.
         CASE WHEN j.defect = 'owner_inactive'
                OR NOT j.is_open AND j.close_on < -180 AND salesops.draw(seed, 'deal.former', j.deal) < 0.12
              THEN reps + 1 + salesops.draw_int(seed, 'deal.former_owner', j.deal, 1 + reps / 10)
              ELSE j.rep
         END,
         j.product, salesops.generated_account_currency(seed, j.account),
         j.is_open, j.is_deleted, j.won, j.defect, j.stage,
         CASE WHEN NOT j.is_open THEN CASE WHEN j.won THEN 5 ELSE 0 END
              WHEN j.defect = 'category_conflict'
              THEN CASE WHEN j.stage_category > 2 THEN 1 WHEN j.swing < 0.3 THEN 5 ELSE 4 END
              WHEN j.swing < CASE WHEN j.mood < 3 THEN 0.5 ELSE 0.05 END THEN least(j.stage_category + 1, 4)
              WHEN j.swing > CASE WHEN j.mood = 9 THEN 0.6 ELSE 0.95 END THEN greatest(j.stage_category - 1, 1)
              ELSE j.stage_category
         END,
         j.list_amount, j.discount,
         CASE j.defect
           WHEN 'amount_not_positive' THEN -j.list_amount * salesops.draw_int(seed, 'deal.sign', j.deal, 2)
           WHEN 'amount_off_list'
           THEN j.list_amount / 100 * salesops.draw_choice(seed, 'deal.off_list', j.deal, ARRAY[20, 35, 170, 300])
           ELSE j.list_amount / 100 * (100 - j.discount)
         END,
         j.created_on, j.close_on, j.active_until, j.life, j.stage - 1,
         CASE WHEN j.stage = 1 THEN j.created_on
              WHEN j.fresh_by_stage THEN j.active_until - salesops.draw_int(seed, 'deal.fresh_day', j.deal, 5)
              ELSE salesops.generated_move_day(seed, j.deal, j.stage - 1, j.stage - 1, j.created_on, j.life)
         END,
         j.fresh_by_stage,
         salesops.draw_int(seed, 'deal.pushes', j.deal, 1 + least(j.life / 40, 5)),
         15 + 15 * salesops.draw_int(seed, 'deal.push_step', j.deal, 3),
         CASE WHEN j.is_open THEN 1 + salesops.draw_int(seed, 'deal.touches', j.deal, 3)
              ELSE salesops.draw_int(seed, 'deal.touches', j.deal, 2)
         END,
         greatest(j.created_on,
                  j.active_until - CASE WHEN j.fresh_by_stage THEN 8 + salesops.draw_int(seed, 'deal.touched', j.deal, 15)
                                        ELSE salesops.draw_int(seed, 'deal.touched', j.deal, 5)
                                   END)
    FROM judged j;
END;
COMMENT ON FUNCTION salesops.generated_deal(int, int, bigint, timestamptz, numeric, int[]) IS
  'One row of facts a generated deal: who, what, how much (whole units of its currency), its days counted from '
  'as_of''s, how far it came, and its planted defect (NULL: clean). longest is the 99th percentile of won cycles in '
  'days by deal type (new, expansion, renewal), NULL where unknown.';
-- The rows of the generated CRM that do not depend on deals: people, accounts, the catalogue, calendar and currencies.
--
-- Each function is one table as Fivetran lands it: its RETURNS TABLE is the table's definition, since generate_crm makes
-- the table from it. What a column means is Salesforce's; only the columns that the model or its readers use are there.

CREATE FUNCTION salesops.generated_sync(as_of timestamptz) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT as_of - interval '30 minutes';
END;
COMMENT ON FUNCTION salesops.generated_sync(timestamptz) IS
  'When the generated rows were last synced: half an hour before as_of, one full load.';

CREATE FUNCTION salesops.generated_first_name(seed bigint, stream text, item bigint) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, stream || '.first_name', item,
                             ARRAY['Maria', 'Anil', 'Chen', 'Olga', 'James', 'Fatima', 'Lars', 'Grace', 'Diego',
                                   'Yuki', 'Hannah', 'Omar', 'Priya', 'Tom', 'Ines', 'Kofi']);
END;
COMMENT ON FUNCTION salesops.generated_first_name(bigint, text, bigint) IS 'First name of a generated person.';

CREATE FUNCTION salesops.generated_last_name(seed bigint, stream text, item bigint) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, stream || '.last_name', item,
                             ARRAY['Lopez', 'Gupta', 'Wei', 'Petrova', 'Wilson', 'Haddad', 'Nilsen', 'Okafor', 'Ramos',
                                   'Tanaka', 'Schmidt', 'Farouk', 'Nair', 'Baker', 'Costa', 'Mensah']);
END;
COMMENT ON FUNCTION salesops.generated_last_name(bigint, text, bigint) IS 'Last name of a generated person.';

-- Users are numbered reps first (1 .. reps), then the reps who left, then managers of up to eight reps, directors of up
-- to five managers, and the head of sales. Roles mirror the leaders, with one role below each manager for the team.
CREATE FUNCTION salesops.generated_user(reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, username text, email text, name text, first_name text, last_name text, title text,
               department text, user_type text, user_role_id text, manager_id text, is_active boolean,
               forecast_enabled boolean, city text, state text, last_login_date timestamptz, created_date timestamptz,
               _fivetran_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH size AS (
    SELECT reps + 1 + reps / 10 AS sellers, 1 + (reps - 1) / 8 AS managers, 1 + (reps - 1) / 8 / 5 AS directors),
  person AS (
    SELECT z.sellers, z.managers, z.directors, n AS number,
           n > reps AND n <= z.sellers AS has_left,
           CASE WHEN n <= z.sellers THEN 'rep'
                WHEN n <= z.sellers + z.managers THEN 'manager'
                WHEN n <= z.sellers + z.managers + z.directors THEN 'director'
                ELSE 'head'
           END AS rank,
           salesops.generated_first_name(seed, 'user', n) AS first_name,
           salesops.generated_last_name(seed, 'user', n) AS last_name
      FROM size z, generate_series(1, z.sellers + z.managers + z.directors + 1) n),
  placed AS (
    -- leader: the role number of a leader, and of the manager of a rep; the head is 1, directors follow, then managers.
    SELECT p.*,
           CASE p.rank WHEN 'rep' THEN 2 + p.directors + (p.number - 1) % p.managers
                       WHEN 'manager' THEN 1 + p.directors + p.number - p.sellers
                       WHEN 'director' THEN 1 + p.number - p.sellers - p.managers
                       ELSE 1
           END AS leader
      FROM person p)
  SELECT salesops.salesforce_id('005', p.number),
         lower((p.first_name || '.' || p.last_name || '.' || p.number) COLLATE "C") || '@seller.example',
         lower((p.first_name || '.' || p.last_name || '.' || p.number) COLLATE "C") || '@seller.example',
         p.first_name || ' ' || p.last_name, p.first_name, p.last_name,
         CASE p.rank WHEN 'rep' THEN 'Account Executive' WHEN 'manager' THEN 'Sales Manager'
                     WHEN 'director' THEN 'Regional Director' ELSE 'Chief Revenue Officer' END,
         'Sales', 'Standard',
         salesops.salesforce_id('00E', CASE p.rank WHEN 'rep' THEN p.leader + p.managers ELSE p.leader END),
         CASE p.rank WHEN 'rep' THEN salesops.salesforce_id('005', p.sellers + p.leader - 1 - p.directors)
                     WHEN 'manager'
                     THEN salesops.salesforce_id('005', p.sellers + p.managers + 1 + (p.number - p.sellers - 1) / 5)
                     WHEN 'director' THEN salesops.salesforce_id('005', p.sellers + p.managers + p.directors + 1)
         END,
         NOT p.has_left, NOT p.has_left,
         (ARRAY['New York', 'Chicago', 'Berlin', 'London'])[1 + p.leader % 4],
         (ARRAY['NY', 'IL', NULL, NULL])[1 + p.leader % 4],
         -- One active user in twenty has not logged in for a week or more; who left did so in the last half year.
         salesops.generated_moment(as_of,
           CASE WHEN p.has_left THEN -30 - salesops.draw_int(seed, 'user.left', p.number, 120)
                WHEN salesops.draw(seed, 'user.lapsed', p.number) < 0.05
                THEN -8 - salesops.draw_int(seed, 'user.login', p.number, 20)
                ELSE -1 - salesops.draw_int(seed, 'user.login', p.number, 3)
           END, 32400 + salesops.draw_int(seed, 'user.login_second', p.number, 28800)),
         salesops.generated_moment(as_of, -1100 - salesops.draw_int(seed, 'user.created', p.number, 900), 32400),
         false, true, salesops.generated_sync(as_of)
    FROM placed p;
END;
COMMENT ON FUNCTION salesops.generated_user(int, bigint, timestamptz) IS
  'Users: the given number of active reps, one more in ten (at least one) who left, and a tree of managers, directors '
  'and one head above them.';

CREATE FUNCTION salesops.generated_user_role(reps int, as_of timestamptz)
RETURNS TABLE (id text, name text, developer_name text, parent_role_id text, rollup_description text,
               forecast_user_id text, may_forecast_manager_share boolean,
               _fivetran_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH size AS (
    SELECT reps + 1 + reps / 10 AS sellers, 1 + (reps - 1) / 8 AS managers, 1 + (reps - 1) / 8 / 5 AS directors),
  role AS (
    SELECT z.*, n AS number,
           CASE WHEN n = 1 THEN 'head' WHEN n <= 1 + z.directors THEN 'director'
                WHEN n <= 1 + z.directors + z.managers THEN 'manager' ELSE 'team' END AS rank
      FROM size z, generate_series(1, 1 + z.directors + 2 * z.managers) n)
  SELECT salesops.salesforce_id('00E', r.number),
         CASE r.rank WHEN 'head' THEN 'Sales' WHEN 'director' THEN 'Region ' || r.number - 1
                     WHEN 'manager' THEN 'Team Lead ' || r.number - 1 - r.directors
                     ELSE 'Team ' || r.number - 1 - r.directors - r.managers END,
         CASE r.rank WHEN 'head' THEN 'Sales' WHEN 'director' THEN 'Region_' || r.number - 1
                     WHEN 'manager' THEN 'Team_Lead_' || r.number - 1 - r.directors
                     ELSE 'Team_' || r.number - 1 - r.directors - r.managers END,
         CASE r.rank WHEN 'director' THEN salesops.salesforce_id('00E', 1)
                     WHEN 'manager' THEN salesops.salesforce_id('00E', 2 + (r.number - 2 - r.directors) / 5)
                     WHEN 'team' THEN salesops.salesforce_id('00E', r.number - r.managers) END,
         CASE r.rank WHEN 'head' THEN 'All sales' WHEN 'director' THEN 'Region' ELSE 'Team' END,
         CASE r.rank WHEN 'head' THEN salesops.salesforce_id('005', r.sellers + r.managers + r.directors + 1)
                     WHEN 'director' THEN salesops.salesforce_id('005', r.sellers + r.managers + r.number - 1)
                     WHEN 'manager' THEN salesops.salesforce_id('005', r.sellers + r.number - 1 - r.directors) END,
         false, false, true, salesops.generated_sync(as_of)
    FROM role r;
END;
COMMENT ON FUNCTION salesops.generated_user_role(int, timestamptz) IS
  'Roles: one for each leader of generated_user with its forecast user, and one below each manager for the team.';

CREATE FUNCTION salesops.generated_account_name(seed bigint, account int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The three syllables spell the number in base 32, so names below 32,768 accounts differ without a digit.
  SELECT (ARRAY['Ad', 'Bel', 'Cor', 'Dar', 'El', 'Fen', 'Gal', 'Hel', 'In', 'Jor', 'Kal', 'Lum', 'Mer', 'Nor', 'Or',
                'Pel', 'Quin', 'Ros', 'Sol', 'Tel', 'Ul', 'Ver', 'Wes', 'Xan', 'Yor', 'Zen', 'Bran', 'Cal', 'Dun',
                'Ever', 'Fair', 'Green'])
         [1 + account % 32]
      || (ARRAY['a', 'o', 'i', 'e', 'an', 'en', 'ar', 'or', 'il', 'ol', 'am', 'em', 'is', 'os', 'ta', 'to',
                'ra', 'ro', 'li', 'la', 'mi', 'ma', 'ni', 'na', 'vi', 'va', 'di', 'da', 'si', 'sa', 'ki', 'ka'])
         [1 + account / 32 % 32]
      || (ARRAY['x', 'nt', 'rd', 'ston', 'field', 'wood', 'gate', 'ford', 'mark', 'land', 'bridge', 'well', 'berg',
                'vale', 'core', 'line', 'point', 'port', 'way', 'works', 'tech', 'net', 'soft', 'med', 'bank', 'trade', 'foods',
                'steel', 'glass', 'power', 'air', 'sea'])
         [1 + account / 1024 % 32]
      || CASE WHEN account >= 32768 THEN ' ' || (account / 32768)::text ELSE '' END
      || salesops.draw_label(seed, 'account.form', account, ARRAY[' Inc', ' Ltd', ' Group', ' GmbH']);
END;
COMMENT ON FUNCTION salesops.generated_account_name(bigint, int) IS
  'Name of a generated account, unlike that of any other.';

CREATE FUNCTION salesops.generated_account(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, name text, owner_id text, industry text, number_of_employees int,
               annual_revenue double precision, type text, parent_id text, rating text, account_source text, website text,
               billing_city text, billing_state text, billing_country text, currency_iso_code text,
               created_date timestamptz, last_modified_date timestamptz, master_record_id text, is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH drawn AS NOT MATERIALIZED (
    SELECT n AS account,
           CASE salesops.generated_account_segment(seed, n)
             WHEN 1 THEN salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[3, 12, 25, 60, 199])
             WHEN 2 THEN salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[200, 280, 400, 600, 999])
             ELSE salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[1000, 1800, 3500, 8000, 40000])
           END AS employees,
           salesops.generated_account_currency(seed, n) AS currency,
           salesops.draw_int(seed, 'account.place', n, 3) AS place,
           salesops.draw_int(seed, 'account.created', n, 700) AS days
      FROM generate_series(1, salesops.generated_account_count(deals)) n
    OFFSET 0)
  SELECT salesops.salesforce_id('001', d.account), salesops.generated_account_name(seed, d.account),
         salesops.salesforce_id('005', salesops.generated_account_rep(seed, d.account, reps)),
         salesops.draw_label(seed, 'account.industry', d.account,
                             ARRAY['Technology', 'Finance', 'Healthcare', 'Manufacturing', 'Retail', 'Education',
                                   'Energy', 'Media']),
         d.employees,
         d.employees::float8 * (120 + salesops.draw_int(seed, 'account.revenue', d.account, 200)) * 1000,
         salesops.draw_label(seed, 'account.type', d.account, ARRAY['Customer', 'Customer', 'Prospect', 'Partner']),
         -- One account in ten has a parent, always one with a smaller number, so the tree has no cycle.
         CASE WHEN d.account > 1 AND salesops.draw(seed, 'account.child', d.account) < 0.1
              THEN salesops.salesforce_id('001', 1 + salesops.draw_int(seed, 'account.parent', d.account,
                                                                       greatest(d.account - 1, 1))) END,
         salesops.draw_label(seed, 'account.rating', d.account, ARRAY['Hot', 'Warm', 'Cold']),
         salesops.draw_label(seed, 'account.source', d.account, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         'https://www.customer-' || d.account || '.example',
         CASE d.currency WHEN 'USD' THEN (ARRAY['New York', 'Chicago', 'Austin'])[1 + d.place]
                         WHEN 'EUR' THEN (ARRAY['Berlin', 'Paris', 'Madrid'])[1 + d.place]
                         ELSE (ARRAY['London', 'Leeds', 'Bristol'])[1 + d.place] END,
         CASE d.currency WHEN 'USD' THEN (ARRAY['NY', 'IL', 'TX'])[1 + d.place] END,
         CASE d.currency WHEN 'USD' THEN 'United States'
                         WHEN 'EUR' THEN (ARRAY['Germany', 'France', 'Spain'])[1 + d.place]
                         ELSE 'United Kingdom' END,
         d.currency,
         salesops.generated_moment(as_of, -1500 - d.days, 28800), salesops.generated_moment(as_of, -1 - d.days, 28800),
         NULL::text, false, true, salesops.generated_sync(as_of)
    FROM drawn d;
END;
COMMENT ON FUNCTION salesops.generated_account(int, int, bigint, timestamptz) IS
  'Accounts: one for every eight deals, half small, three in ten mid-market, the rest enterprise, owned by active reps.';

-- Contacts: three an account, numbered 3 (account - 1) + 1, 2, 3.
CREATE FUNCTION salesops.generated_contact(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, account_id text, owner_id text, first_name text, last_name text, name text, title text,
               email text, lead_source text, is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30000
BEGIN ATOMIC
  WITH drawn AS NOT MATERIALIZED (
    SELECT n AS contact, 1 + (n - 1) / 3 AS account,
           salesops.generated_first_name(seed, 'contact', n) AS first_name,
           salesops.generated_last_name(seed, 'contact', n) AS last_name
      FROM generate_series(1, 3 * salesops.generated_account_count(deals)) n
    OFFSET 0)
  SELECT salesops.salesforce_id('003', d.contact), salesops.salesforce_id('001', d.account),
         salesops.salesforce_id('005', salesops.generated_account_rep(seed, d.account, reps)),
         d.first_name, d.last_name, d.first_name || ' ' || d.last_name,
         (ARRAY['Chief Financial Officer', 'Head of IT', 'Operations Manager'])[1 + (d.contact - 1) % 3],
         lower((d.first_name || '.' || d.last_name || '.' || d.contact) COLLATE "C") || '@customer-' || d.account || '.example',
         salesops.draw_label(seed, 'contact.source', d.contact, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         false, true, salesops.generated_sync(as_of)
    FROM drawn d;
END;
COMMENT ON FUNCTION salesops.generated_contact(int, int, bigint, timestamptz) IS 'Contacts: three for each account.';
-- The rows of the generated CRM that say how the company sells: stages, products, currencies, calendar and quotas.

CREATE FUNCTION salesops.generated_stage_name(stage int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Prospecting', 'Qualification', 'Discovery', 'Proposal', 'Negotiation', 'Contract', 'Closed Won',
                'Closed Lost'])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_name(int) IS 'Label of a stage: 1 to 6 open, 7 won, 8 lost.';

CREATE FUNCTION salesops.generated_stage_probability(stage int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY[10, 20, 35, 50, 70, 90, 100, 0])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_probability(int) IS 'Default probability of a stage in percent.';

CREATE FUNCTION salesops.generated_category_name(category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Omitted', 'Pipeline', 'Best Case', 'Most Likely', 'Commit', 'Closed'])[1 + category];
END;
COMMENT ON FUNCTION salesops.generated_category_name(int) IS
  'Label of a forecast category by its rank: 0 Omitted, 1 Pipeline, 2 Best Case, 3 Most Likely, 4 Commit, 5 Closed.';

CREATE FUNCTION salesops.generated_category_api_name(category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Omitted', 'Pipeline', 'BestCase', 'MostLikely', 'Forecast', 'Closed'])[1 + category];
END;
COMMENT ON FUNCTION salesops.generated_category_api_name(int) IS
  'Salesforce''s API value of a forecast category by its rank; Commit is called Forecast there.';

CREATE FUNCTION salesops.generated_opportunity_stage(as_of timestamptz)
RETURNS TABLE (id text, master_label text, api_name text, default_probability double precision, forecast_category text,
               forecast_category_name text, is_active boolean, is_closed boolean, is_won boolean, sort_order int,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01J', s.stage),
         salesops.generated_stage_name(s.stage), salesops.generated_stage_name(s.stage),
         salesops.generated_stage_probability(s.stage)::float8,
         salesops.generated_category_api_name(s.category), salesops.generated_category_name(s.category),
         true, s.stage > 6, s.stage = 7, s.stage, true, salesops.generated_sync(as_of)
    FROM (VALUES (1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (6, 4), (7, 5), (8, 0)) AS s (stage, category);
END;
COMMENT ON FUNCTION salesops.generated_opportunity_stage(timestamptz) IS
  'Stages: six open ones with rising default probability and category, won and lost.';

CREATE FUNCTION salesops.generated_product_name(product int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Platform Starter', 'Platform Professional', 'Platform Enterprise', 'Analytics', 'Data Connectors',
                'Premium Support'])[product];
END;
COMMENT ON FUNCTION salesops.generated_product_name(int) IS 'Name of a generated product, 1 to 6.';

CREATE FUNCTION salesops.generated_product_2(as_of timestamptz)
RETURNS TABLE (id text, name text, product_code text, family text, description text, is_active boolean,
               is_deleted boolean, created_date timestamptz, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01t', n), salesops.generated_product_name(n), 'P-' || 100 + n,
         (ARRAY['Platform', 'Platform', 'Platform', 'Add-on', 'Add-on', 'Service'])[n], NULL::text, true, false,
         salesops.generated_moment(as_of, -1500, 28800), true, salesops.generated_sync(as_of)
    FROM generate_series(1, 6) n;
END;
COMMENT ON FUNCTION salesops.generated_product_2(timestamptz) IS 'Products: six, in three families.';

CREATE FUNCTION salesops.generated_currency_type(as_of timestamptz)
RETURNS TABLE (id text, iso_code text, conversion_rate double precision, decimal_places int, is_active boolean,
               is_corporate boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01L', c.number), c.iso_code, c.rate::float8, 2, true, c.number = 1, true,
         salesops.generated_sync(as_of)
    FROM (VALUES (1, 'USD', 1), (2, 'EUR', 0.92), (3, 'GBP', 0.79)) AS c (number, iso_code, rate);
END;
COMMENT ON FUNCTION salesops.generated_currency_type(timestamptz) IS 'Currencies: US dollar (corporate), euro and pound.';

CREATE FUNCTION salesops.generated_dated_conversion_rate(seed bigint, as_of timestamptz)
RETURNS TABLE (id text, iso_code text, start_date date, next_start_date date, conversion_rate double precision,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 150
BEGIN ATOMIC
  SELECT salesops.salesforce_id('04w', 1000 * c.number + m), c.iso_code,
         (date_trunc('month', salesops.generated_day(as_of, 0)::timestamp) - m * interval '1 month')::date,
         CASE WHEN m = 0 THEN date '9999-12-31'
              ELSE (date_trunc('month', salesops.generated_day(as_of, 0)::timestamp) - (m - 1) * interval '1 month')::date
         END,
         -- A month's rate lies within 3 % of the currency's usual one.
         round(c.rate * (1 + CASE WHEN c.number = 1 THEN 0
                                  ELSE salesops.draw_int(seed, 'rate.' || c.iso_code, m, 601) - 300
                             END / 10000.0), 6)::float8,
         true, salesops.generated_sync(as_of)
    FROM (VALUES (1, 'USD', 1), (2, 'EUR', 0.92), (3, 'GBP', 0.79)) AS c (number, iso_code, rate),
         generate_series(48, 0, -1) m;
END;
COMMENT ON FUNCTION salesops.generated_dated_conversion_rate(bigint, timestamptz) IS
  'Monthly rates over four years, in units of the currency a US dollar; the last month''s holds until further notice.';

CREATE FUNCTION salesops.generated_period(as_of timestamptz)
RETURNS TABLE (id text, type text, number int, start_date date, end_date date, fully_qualified_label text,
               is_forecast_period boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  -- Numbered from the quarter of as_of = 100, so that a quota finds its period by counting.
  SELECT salesops.salesforce_id('026', 100 + q), 'Quarter', extract(quarter FROM s.start_date)::int, s.start_date::date,
         (s.start_date + interval '3 months')::date - 1,
         'Q' || extract(quarter FROM s.start_date) || ' FY ' || extract(year FROM s.start_date), true,
         true, salesops.generated_sync(as_of)
    FROM generate_series(-15, 4) q,
         LATERAL (SELECT date_trunc('quarter', salesops.generated_day(as_of, 0)::timestamp) + q * interval '3 months')
           AS s (start_date);
END;
COMMENT ON FUNCTION salesops.generated_period(timestamptz) IS
  'Fiscal calendar: calendar quarters from 15 before as_of''s to 4 after.';

CREATE FUNCTION salesops.generated_forecasting_quota(reps int, seed bigint, as_of timestamptz, won_amount bigint)
RETURNS TABLE (id text, quota_owner_id text, quota_amount double precision, is_amount boolean, is_quantity boolean,
               start_date date, period_id text, forecasting_type_id text, currency_iso_code text,
               created_date timestamptz, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  -- Eight quarters of history were won; a quota asks for 10 % more than the average rep's quarter, a fifth up or down.
  SELECT salesops.salesforce_id('0J9', rep * 4 + q + 2), salesops.salesforce_id('005', rep),
         greatest(1000, won_amount / 8 / reps * (88 + salesops.draw_int(seed, 'quota', rep * 4 + q + 2, 45))
                        / 100 / 1000 * 1000)::float8,
         true, false,
         (date_trunc('quarter', salesops.generated_day(as_of, 0)::timestamp) + q * interval '3 months')::date,
         salesops.salesforce_id('026', 100 + q), salesops.salesforce_id('0Db', 1), 'USD',
         salesops.generated_moment(as_of, -400, 28800), true, salesops.generated_sync(as_of)
    FROM generate_series(1, reps) rep, generate_series(-2, 1) q;
END;
COMMENT ON FUNCTION salesops.generated_forecasting_quota(int, bigint, timestamptz, bigint) IS
  'Quotas in US dollars of each active rep for four quarters, from two before as_of''s to the next, scaled to what '
  'was won.';
-- The rows of the generated CRM that follow from deals: opportunities, their field history, contacts' roles, activities
-- and leads. Each function takes the arguments of generated_deal and reads the facts it needs from it.
--
-- A deal carries at most one planted defect. It shows here as a wrong value in an otherwise plausible row, so an audit
-- can neither miss it nor find a second one, but for a close date before the creation, which is past as well.

CREATE FUNCTION salesops.generated_deal_stage_name(defect text, stage int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN defect = 'missing_stage' THEN NULL
              WHEN defect = 'unmapped_stage' THEN (ARRAY['Parked', 'Verbal Yes', 'Legacy Stage 3'])[1 + stage % 3]
              ELSE salesops.generated_stage_name(stage) END;
END;
COMMENT ON FUNCTION salesops.generated_deal_stage_name(text, int) IS
  'The stage label an open deal shows: its stage''s, none, or one that opportunity_stage does not know.';

CREATE FUNCTION salesops.generated_day_text(as_of timestamptz, day int) RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- Not a cast, whose spelling would follow the session's DateStyle.
  SELECT to_char(salesops.generated_day(as_of, day)::timestamp, 'YYYY-MM-DD');
END;
COMMENT ON FUNCTION salesops.generated_day_text(timestamptz, int) IS
  'The date that lies the given number of days after as_of''s day in UTC, as YYYY-MM-DD.';

CREATE FUNCTION salesops.generated_first_amount(seed bigint, deal int, amount bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT amount * salesops.draw_choice(seed, 'deal.repriced', deal,
                                       ARRAY[80, 90, 120, 100, 100, 100, 100, 100, 100, 100]) / 100;
END;
COMMENT ON FUNCTION salesops.generated_first_amount(bigint, int, bigint) IS
  'The amount a deal was created with: for three in ten not its present one.';

CREATE FUNCTION salesops.generated_opportunity(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                               longest int[])
RETURNS TABLE (id text, account_id text, owner_id text, name text, amount double precision, close_date timestamp,
               created_date timestamptz, stage_name text, probability double precision, forecast_category text,
               forecast_category_name text, is_closed boolean, is_won boolean, is_deleted boolean,
               expected_revenue numeric, type text, lead_source text, next_step text,
               fiscal text, fiscal_quarter int, fiscal_year int, campaign_id text, record_type_id text,
               last_activity_date timestamp, has_open_activity boolean, has_overdue_task boolean,
               has_opportunity_line_item boolean, description text, push_count int,
               last_stage_change_date timestamptz, currency_iso_code text, last_modified_date timestamptz,
               system_modstamp timestamptz, loss_reason_c text, discount_c double precision,
               list_amount_c double precision, margin_c double precision, product_c text,
               _fivetran_start timestamptz, _fivetran_end timestamptz, _fivetran_active boolean,
               _fivetran_synced timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH
  -- Two deals in a hundred that have moved come with a superseded version as well, as they were created.
  version AS NOT MATERIALIZED (
    SELECT d.*,
           generate_series(0, (d.moves > 0 AND salesops.draw(seed, 'deal.versioned', d.deal) < 0.03)::int) AS version
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
    OFFSET 0),
  -- What this version of the row shows.
  shown AS NOT MATERIALIZED (
    SELECT v.*, v.version = 1 AS is_old,
           v.version = 0 AND NOT v.is_open AS shows_closed,
           CASE WHEN v.version = 1 THEN 1 WHEN v.is_open THEN v.stage WHEN v.won THEN 7 ELSE 8 END AS shown_stage,
           CASE WHEN v.version = 1 THEN 1 ELSE v.category END AS shown_category,
           CASE WHEN v.defect = 'missing_amount' THEN NULL
                WHEN v.version = 1 THEN salesops.generated_first_amount(seed, v.deal, v.amount)
                ELSE v.amount END AS shown_amount,
           CASE WHEN v.defect = 'missing_close_date' THEN NULL
                ELSE salesops.generated_day(as_of, v.close_on - v.version * v.pushes * v.push_step) END AS shown_close,
           salesops.generated_moment(as_of, v.active_until, 66600) AS modified,
           salesops.generated_moment(as_of, v.created_on,
                                     28800 + salesops.draw_int(seed, 'deal.second', v.deal, 3600)) AS created
      FROM version v
    OFFSET 0),
  -- The probability the rep states: the stage's, or five points beside it on one open deal in five.
  stated AS NOT MATERIALIZED (
    SELECT s.*,
           CASE WHEN s.defect = 'probability_scale'
                THEN (ARRAY[0.35, 0.8, 140, -5]::float8[])[1 + salesops.draw_int(seed, 'deal.odds', s.deal, 4)]
                ELSE salesops.generated_stage_probability(s.shown_stage)
                     + CASE WHEN s.shows_closed OR s.is_old THEN 0
                            ELSE salesops.draw_choice(seed, 'deal.odds', s.deal,
                                                      ARRAY[-5, 5, 0, 0, 0, 0, 0, 0, 0, 0]) END::float8
           END AS shown_probability
      FROM shown s
    OFFSET 0)
  SELECT salesops.salesforce_id('006', s.deal),
         CASE WHEN s.defect = 'missing_account' THEN NULL ELSE salesops.salesforce_id('001', s.account) END,
         CASE WHEN s.defect = 'missing_owner' THEN NULL
              -- Numbers from a thousand million on belong to no user.
              WHEN s.defect = 'owner_unknown' THEN salesops.salesforce_id('005', 1000000000 + s.deal)
              ELSE salesops.salesforce_id('005', s.owner) END,
         salesops.generated_account_name(seed, s.account) || ' - ' || salesops.generated_product_name(s.product),
         s.shown_amount::float8, s.shown_close::timestamp,
         CASE WHEN s.defect = 'unknown_start' THEN NULL ELSE s.created END,
         CASE WHEN s.is_open THEN salesops.generated_deal_stage_name(s.defect, s.shown_stage)
              ELSE salesops.generated_stage_name(s.shown_stage) END,
         s.shown_probability,
         CASE WHEN s.defect = 'unmapped_category' THEN (ARRAY['Stretch', 'InPlan'])[1 + s.deal % 2]
              ELSE salesops.generated_category_api_name(s.shown_category) END,
         CASE WHEN s.defect = 'unmapped_category' THEN (ARRAY['Stretch', 'In Plan'])[1 + s.deal % 2]
              ELSE salesops.generated_category_name(s.shown_category) END,
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed END,
         CASE WHEN s.defect = 'unmapped_stage' THEN NULL ELSE s.shows_closed AND s.won END,
         s.is_deleted,
         round((s.shown_amount * s.shown_probability / 100)::numeric, 2),
         (ARRAY['New Business', 'Expansion', 'Renewal'])[s.deal_type],
         salesops.draw_label(seed, 'deal.source', s.deal,
                             ARRAY['Web', 'Web', 'Outbound', 'Outbound', 'Referral', 'Partner', 'Event']),
         CASE WHEN s.shows_closed OR s.is_old THEN NULL
              WHEN s.defect = 'missing_next_step' THEN (ARRAY[NULL, '', '  '])[1 + s.deal % 3]
              WHEN s.defect = 'vague_next_step'
              THEN salesops.draw_label(seed, 'deal.vague', s.deal,
                                       ARRAY['tbd', 'follow up', 'waiting', 'Call', 'Call them again soon', 'ASAP',
                                             'see notes', 'Send the offer next'])
              ELSE salesops.draw_label(seed, 'deal.step', s.deal,
                                       ARRAY['Call', 'Meet', 'Send the proposal to', 'Review the contract with',
                                             'Schedule a demo with', 'Confirm the budget with'])
                   || ' ' || salesops.generated_first_name(seed, 'contact', 3 * s.account - 2) || ' on '
                   || salesops.generated_day_text(as_of, 1 + salesops.draw_int(seed, 'deal.step_day', s.deal, 14))
         END,
         to_char(s.shown_close::timestamp, 'YYYY Q'),
         extract(quarter FROM s.shown_close)::int, extract(year FROM s.shown_close)::int, NULL::text, NULL::text,
         CASE WHEN s.touches > 0 AND NOT s.is_old THEN salesops.generated_day(as_of, s.last_touch_on)::timestamp END,
         s.is_open AND salesops.draw(seed, 'touch.next', s.deal) < 0.4, false, false, NULL::text,
         CASE WHEN s.is_old THEN 0 ELSE s.pushes END,
         CASE WHEN s.shows_closed THEN salesops.generated_moment(as_of, s.close_on, 61200)
              WHEN s.is_old OR s.moves = 0 THEN s.created
              ELSE salesops.generated_moment(as_of, s.last_move_on,
                                             salesops.generated_move_second(seed, s.deal, s.moves)) END,
         CASE WHEN s.defect = 'unconvertible_currency' THEN (ARRAY['SEK', 'JPY'])[1 + s.deal % 2] ELSE s.currency END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.shows_closed AND NOT s.won
              THEN salesops.draw_label(seed, 'deal.loss', s.deal,
                                       ARRAY['Price', 'Competitor', 'No Decision', 'No Decision', 'Timing',
                                             'Missing Feature']) END,
         CASE WHEN s.defect IN ('missing_amount', 'amount_not_positive', 'amount_off_list') THEN NULL
              ELSE s.discount END::float8,
         CASE WHEN s.defect = 'amount_not_positive' THEN NULL ELSE s.list_amount END::float8,
         (82 - s.discount - salesops.draw_int(seed, 'deal.margin', s.deal, 15))::float8,
         CASE WHEN s.defect = 'unmapped_product'
              THEN (ARRAY['Platfrom Enterprise', 'Legacy Suite', 'Analytcs'])[1 + s.deal % 3]
              ELSE salesops.generated_product_name(s.product) END,
         CASE WHEN s.is_old THEN s.created ELSE s.modified END,
         CASE WHEN s.is_old THEN s.modified - interval '1 millisecond' ELSE timestamptz '9999-12-31 23:59:59+00' END,
         NOT s.is_old, salesops.generated_sync(as_of)
    FROM stated s;
END;
COMMENT ON FUNCTION salesops.generated_opportunity(int, int, bigint, timestamptz, numeric, int[]) IS
  'Opportunities: the row of each deal, and for some a superseded version (_fivetran_active false). Amounts are in '
  'the row''s currency.';

-- Field history reaches back 400 days, when the company switched tracking on; older changes left no trace.
-- Numbers within a deal: 1 to 5 moves, 6 the closing, 7 the change of amount, 8 to 12 pushes of the close date.
CREATE FUNCTION salesops.generated_field_history(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                                 longest int[])
RETURNS TABLE (id text, opportunity_id text, created_by_id text, created_date timestamptz, field text, data_type text,
               old_value text, new_value text, is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql STABLE PARALLEL SAFE ROWS 20000
BEGIN ATOMIC
  WITH change AS NOT MATERIALIZED (
    SELECT d.*, generate_series(1, 12) AS number
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
     WHERE d.active_until >= -400
    OFFSET 0),
  happened AS NOT MATERIALIZED (
    SELECT c.*,
           CASE WHEN c.number = 6 THEN c.close_on
                WHEN c.number = 7
                THEN c.created_on + c.life / 5 + salesops.draw_int(seed, 'deal.repriced_day', c.deal, 1 + c.life * 3 / 5)
                WHEN c.number > 7
                THEN c.created_on + (c.life * (c.number - 8) + salesops.draw_int(seed, 'push.day',
                                                                 c.deal * 16::bigint + c.number, c.life + 1)) / c.pushes
                WHEN c.number = c.moves THEN c.last_move_on
                ELSE salesops.generated_move_day(seed, c.deal, c.number, c.moves, c.created_on, c.life)
           END AS day
      FROM change c
     WHERE CASE WHEN c.number <= 5 THEN c.number <= c.moves
                WHEN c.number = 6 THEN NOT c.is_open
                WHEN c.number = 7 THEN salesops.generated_first_amount(seed, c.deal, c.amount) <> c.amount
                                       AND c.defect IS DISTINCT FROM 'missing_amount'
                ELSE c.number - 7 <= c.pushes AND c.defect IS DISTINCT FROM 'missing_close_date'
           END
    OFFSET 0)
  SELECT salesops.salesforce_id('017', h.deal * 16::bigint + h.number), salesops.salesforce_id('006', h.deal),
         salesops.salesforce_id('005', h.owner),
         salesops.generated_moment(as_of, h.day,
           CASE WHEN h.number <= 5 THEN salesops.generated_move_second(seed, h.deal, h.number)
                WHEN h.number = 6 THEN 61200
                ELSE 57600 + h.number * 60 END),
         CASE WHEN h.number <= 6 THEN 'StageName' WHEN h.number = 7 THEN 'Amount' ELSE 'CloseDate' END,
         CASE WHEN h.number <= 6 THEN 'DynamicEnum' WHEN h.number = 7 THEN 'Currency' ELSE 'DateOnly' END,
         CASE WHEN h.number <= 5 THEN salesops.generated_stage_name(h.number)
              WHEN h.number = 6 THEN salesops.generated_stage_name(h.stage)
              WHEN h.number = 7 THEN salesops.generated_first_amount(seed, h.deal, h.amount)::text
              ELSE salesops.generated_day_text(as_of, h.close_on - (h.pushes - h.number + 8) * h.push_step) END,
         CASE WHEN h.number = h.moves AND h.is_open THEN salesops.generated_deal_stage_name(h.defect, h.stage)
              WHEN h.number <= 5 THEN salesops.generated_stage_name(h.number + 1)
              WHEN h.number = 6 THEN salesops.generated_stage_name(CASE WHEN h.won THEN 7 ELSE 8 END)
              WHEN h.number = 7 THEN h.amount::text
              ELSE salesops.generated_day_text(as_of, h.close_on - (h.pushes - h.number + 7) * h.push_step) END,
         false, true, salesops.generated_sync(as_of)
    FROM happened h
   WHERE h.day >= -400;
END;
COMMENT ON FUNCTION salesops.generated_field_history(int, int, bigint, timestamptz, numeric, int[]) IS
  'Changes of stage, amount and close date in the last 400 days, one row each; the newest value of a field is the '
  'opportunity''s.';

-- The first role of a deal is the economic buyer's if it has one. A deal without roles carries a deleted one instead,
-- which a reader must not count.
CREATE FUNCTION salesops.generated_contact_role(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                                longest int[])
RETURNS TABLE (id text, opportunity_id text, contact_id text, role text, is_primary boolean, created_date timestamptz,
               is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 15000
BEGIN ATOMIC
  WITH known AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.created_on, d.defect,
           CASE WHEN d.defect = 'missing_contact_role' THEN 1
                WHEN NOT d.is_open AND salesops.draw(seed, 'deal.unknown_buyer', d.deal) < 0.15 THEN 0
                ELSE salesops.draw_choice(seed, 'deal.roles', d.deal, ARRAY[1, 1, 2, 3]) END AS roles,
           CASE WHEN d.is_open THEN d.defect IS DISTINCT FROM 'missing_economic_buyer'
                ELSE salesops.draw(seed, 'deal.buyer', d.deal) < CASE WHEN d.won THEN 0.8 ELSE 0.5 END END AS has_buyer
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
    OFFSET 0),
  role AS NOT MATERIALIZED (
    SELECT k.*, generate_series(1, k.roles) AS number FROM known k OFFSET 0)
  SELECT salesops.salesforce_id('00K', r.deal * 4::bigint + r.number), salesops.salesforce_id('006', r.deal),
         salesops.salesforce_id('003', 3 * r.account - 3 + r.number),
         CASE WHEN r.number = 1 AND r.has_buyer
              THEN salesops.draw_label(seed, 'role.buyer', r.deal,
                                       ARRAY['Economic Buyer', 'Economic Buyer', 'Decision Maker',
                                             'Economic Decision Maker', 'ECONOMIC BUYER'])
              ELSE salesops.draw_label(seed, 'role.other', r.deal * 4::bigint + r.number,
                                       ARRAY['Influencer', 'Evaluator', 'Business User', 'Technical Buyer',
                                             'Executive Sponsor']) END,
         r.number = 1, salesops.generated_moment(as_of, r.created_on, 33000),
         r.defect IS NOT DISTINCT FROM 'missing_contact_role',
         true, salesops.generated_sync(as_of)
    FROM role r;
END;
COMMENT ON FUNCTION salesops.generated_contact_role(int, int, bigint, timestamptz, numeric, int[]) IS
  'Roles of contacts on deals: one to three on each open deal with an economic buyer among them, fewer and fewer '
  'buyers on closed and lost ones.';

-- Activities that happened: the first is the latest, the others lie between the deal's first day and it.
CREATE FUNCTION salesops.generated_touch(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (deal int, account int, owner int, number int, day int, is_event boolean)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH touch AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.owner, d.created_on, d.last_touch_on, generate_series(1, d.touches) AS number
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
    OFFSET 0)
  SELECT t.deal, t.account, t.owner, t.number,
         CASE WHEN t.number = 1 THEN t.last_touch_on
              ELSE t.created_on + salesops.draw_int(seed, 'touch.day', t.deal * 16::bigint + t.number,
                                                    1 + t.last_touch_on - t.created_on) END,
         salesops.draw(seed, 'touch.kind', t.deal * 16::bigint + t.number) < 0.3
    FROM touch t;
END;
COMMENT ON FUNCTION salesops.generated_touch(int, int, bigint, timestamptz, numeric, int[]) IS
  'Activities of deals before as_of: number 1 is the latest; is_event says meeting, otherwise task.';

-- Besides what happened: the next task of an open deal (due in the future, so it confirms nothing) and, on a deal that
-- is not confirmed, a deleted task of the day before yesterday (which confirms nothing either).
CREATE FUNCTION salesops.generated_task(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, what_id text, who_id text, account_id text, owner_id text, activity_date timestamp, subject text,
               type text, task_subtype text, status text, priority text, is_closed boolean, call_type text,
               call_duration_in_seconds int, completed_date_time timestamptz, created_date timestamptz,
               is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH planned AS NOT MATERIALIZED (
    SELECT d.deal, d.account, d.owner, n AS number, n = 14 AS is_next
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d, (VALUES (14), (15)) AS v (n)
     WHERE d.is_open
       AND CASE n WHEN 14 THEN salesops.draw(seed, 'touch.next', d.deal) < 0.4 ELSE d.defect = 'not_confirmed' END),
  task AS NOT MATERIALIZED (
    SELECT t.deal, t.account, t.owner, t.number, t.day, false AS is_next, false AS is_deleted
      FROM salesops.generated_touch(deals, reps, seed, as_of, dirt, longest) t
     WHERE NOT t.is_event
    UNION ALL
    SELECT p.deal, p.account, p.owner, p.number,
           CASE WHEN p.is_next THEN 3 + salesops.draw_int(seed, 'touch.next_day', p.deal, 12) ELSE -2 END,
           p.is_next, NOT p.is_next
      FROM planned p),
  described AS NOT MATERIALIZED (
    SELECT t.*, salesops.draw_int(seed, 'task.kind', t.deal * 16::bigint + t.number, 3) AS kind FROM task t OFFSET 0)
  SELECT salesops.salesforce_id('00T', t.deal * 16::bigint + t.number), salesops.salesforce_id('006', t.deal),
         salesops.salesforce_id('003', 3 * t.account - 2), salesops.salesforce_id('001', t.account),
         salesops.salesforce_id('005', t.owner),
         salesops.generated_day(as_of, t.day)::timestamp,
         (ARRAY['Call', 'Email: proposal', 'Follow-up'])[1 + t.kind], (ARRAY['Call', 'Email', 'Other'])[1 + t.kind],
         (ARRAY['Call', 'Email', 'Task'])[1 + t.kind],
         CASE WHEN t.is_next THEN 'Not Started' ELSE 'Completed' END, 'Normal', NOT t.is_next,
         CASE WHEN t.kind = 0 AND NOT t.is_next THEN 'Outbound' END,
         CASE WHEN t.kind = 0 AND NOT t.is_next
              THEN 30 + salesops.draw_int(seed, 'task.call', t.deal * 16::bigint + t.number, 1800) END,
         CASE WHEN NOT t.is_next THEN salesops.generated_moment(as_of, t.day, 64800) END,
         salesops.generated_moment(as_of, least(t.day, -1), 63000), t.is_deleted, true, salesops.generated_sync(as_of)
    FROM described t;
END;
COMMENT ON FUNCTION salesops.generated_task(int, int, bigint, timestamptz, numeric, int[]) IS
  'Tasks: calls, e-mails and follow-ups that happened, the next task of some open deals, and a few deleted ones.';

CREATE FUNCTION salesops.generated_event(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, what_id text, who_id text, account_id text, owner_id text, activity_date timestamp,
               activity_date_time timestamptz, start_date_time timestamptz, end_date_time timestamptz,
               duration_in_minutes int, event_subtype text, type text, subject text, is_child boolean,
               is_recurrence boolean, created_date timestamptz,
               is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5000
BEGIN ATOMIC
  SELECT salesops.salesforce_id('00U', t.deal * 16::bigint + t.number), salesops.salesforce_id('006', t.deal),
         salesops.salesforce_id('003', 3 * t.account - 2), salesops.salesforce_id('001', t.account),
         salesops.salesforce_id('005', t.owner),
         salesops.generated_day(as_of, t.day)::timestamp, salesops.generated_moment(as_of, t.day, 64800),
         salesops.generated_moment(as_of, t.day, 64800), salesops.generated_moment(as_of, t.day, 68400), 60, 'Event',
         'Meeting', 'Meeting', false, false, salesops.generated_moment(as_of, t.day, 63000), false, true,
         salesops.generated_sync(as_of)
    FROM salesops.generated_touch(deals, reps, seed, as_of, dirt, longest) t
   WHERE t.is_event;
END;
COMMENT ON FUNCTION salesops.generated_event(int, int, bigint, timestamptz, numeric, int[]) IS
  'Events: the three activities in ten that were meetings.';

-- One lead for every four deals; half of those whose deal is new business became that deal.
CREATE FUNCTION salesops.generated_lead(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric, longest int[])
RETURNS TABLE (id text, owner_id text, first_name text, last_name text, name text, title text, email text, company text,
               industry text, number_of_employees int, annual_revenue double precision, country text, status text,
               lead_source text,
               is_converted boolean, converted_account_id text, converted_contact_id text, converted_opportunity_id text,
               converted_date timestamp, created_date timestamptz, is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2500
BEGIN ATOMIC
  WITH lead AS NOT MATERIALIZED (
    SELECT d.deal / 4 AS lead, d.deal, d.account, d.rep, d.created_on,
           d.deal_type = 1 AND salesops.draw(seed, 'lead.converted', d.deal) < 0.5 AS is_converted,
           salesops.generated_first_name(seed, 'contact', 3 * d.account - 2) AS first_name,
           salesops.generated_last_name(seed, 'contact', 3 * d.account - 2) AS last_name,
           salesops.draw_from_curve(seed, 'lead.employees', d.deal, ARRAY[3, 20, 90, 400, 2000, 30000]) AS employees
      FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d
     WHERE d.deal % 4 = 0
    OFFSET 0)
  SELECT salesops.salesforce_id('00Q', l.lead), salesops.salesforce_id('005', l.rep), l.first_name, l.last_name,
         l.first_name || ' ' || l.last_name, 'Head of IT', 'lead-' || l.lead || '@customer.example',
         CASE WHEN l.is_converted THEN salesops.generated_account_name(seed, l.account) ELSE 'Prospect ' || l.lead END,
         salesops.draw_label(seed, 'lead.industry', l.lead,
                             ARRAY['Technology', 'Finance', 'Healthcare', 'Manufacturing', 'Retail', 'Education',
                                   'Energy', 'Media']),
         l.employees, l.employees::float8 * 180000, 'United States',
         CASE WHEN l.is_converted THEN 'Converted'
              ELSE salesops.draw_label(seed, 'lead.status', l.lead,
                                       ARRAY['Open', 'Working', 'Nurturing', 'Unqualified']) END,
         salesops.draw_label(seed, 'lead.source', l.lead, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         l.is_converted,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('001', l.account) END,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('003', 3 * l.account - 2) END,
         CASE WHEN l.is_converted THEN salesops.salesforce_id('006', l.deal) END,
         CASE WHEN l.is_converted THEN salesops.generated_day(as_of, l.created_on)::timestamp END,
         salesops.generated_moment(as_of, l.created_on - 1 - salesops.draw_int(seed, 'lead.age', l.lead, 40), 30000),
         false, true, salesops.generated_sync(as_of)
    FROM lead l;
END;
COMMENT ON FUNCTION salesops.generated_lead(int, int, bigint, timestamptz, numeric, int[]) IS
  'Leads: one for every four deals, some converted into the account, contact and opportunity that exist.';

CREATE FUNCTION salesops.generated_defect(deals int, reps int, seed bigint, as_of timestamptz, dirt numeric,
                                          longest int[])
RETURNS TABLE (rule text, object_kind text, object_id text)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
  SELECT r.rule, 'opportunity', salesops.salesforce_id('006', d.deal)
    FROM salesops.generated_deal(deals, reps, seed, as_of, dirt, longest) d,
         -- A close date before the creation lies before today too.
         LATERAL (VALUES (d.defect), (CASE WHEN d.defect = 'close_before_create' THEN 'close_date_past' END)) AS r (rule)
   WHERE d.defect IS NOT NULL AND NOT d.is_deleted AND r.rule IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.generated_defect(int, int, bigint, timestamptz, numeric, int[]) IS
  'The truth: each audit rule an open deal breaks. Deleted deals break rules as well, but nobody should look.';
-- generate_crm: a whole CRM made from nothing, with known defects.

-- The 99th percentile of won cycles by deal type, in days, from at least 30 won deals; what was won, for the quotas.
CREATE FUNCTION salesops.generated_history(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (longest int[], won_amount bigint)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  WITH cycle AS (
    SELECT d.deal_type,
           CASE WHEN count(*) >= 30
                THEN percentile_disc(0.99) WITHIN GROUP (ORDER BY d.close_on - d.created_on) END AS longest,
           sum(d.amount)::bigint AS amount
      FROM salesops.generated_deal(deals, reps, seed, as_of, 0, NULL) d
     WHERE d.won AND NOT d.is_deleted
     GROUP BY d.deal_type)
  SELECT array_agg(c.longest ORDER BY t), coalesce(sum(c.amount), 0)::bigint
    FROM generate_series(1, 3) t LEFT JOIN cycle c ON c.deal_type = t;
END;
COMMENT ON FUNCTION salesops.generated_history(int, int, bigint, timestamptz) IS
  'What the closed deals say: the 99th percentile of won cycles in days by deal type (NULL below 30 won deals), and '
  'the amount won.';

-- Make room in the target schema: create it, or empty it of an earlier generated CRM, and touch nothing else.
CREATE FUNCTION salesops.prepare_generated_schema(schema_name name) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  mark CONSTANT text := 'Generated by salesops.generate_crm';
  stranger text;
  relation record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema_name) THEN
    EXECUTE format('CREATE SCHEMA %I', schema_name);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', schema_name,
                   mark || ': a CRM with known defects, as Fivetran lands Salesforce.');
    RETURN;
  END IF;

  SELECT string_agg(quote_ident(c.relname), ', ' ORDER BY c.relname) INTO stranger
    FROM pg_class c
   WHERE c.relnamespace = schema_name::text::regnamespace
     AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     AND (c.relkind <> 'r' OR coalesce(obj_description(c.oid, 'pg_class'), '') NOT LIKE mark || '%');
  IF stranger IS NOT NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'object_not_in_prerequisite_state',
      MESSAGE = format('schema "%s" holds relations that generate_crm did not make', schema_name),
      DETAIL = 'Relations: ' || left(stranger, 300),
      HINT = 'Give another schema_name, or drop these relations first.';
  END IF;

  FOR relation IN
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = schema_name::text::regnamespace AND c.relkind = 'r'
  LOOP
    EXECUTE format('DROP TABLE %I.%I', schema_name, relation.relname);
  END LOOP;
END
$$;
COMMENT ON FUNCTION salesops.prepare_generated_schema(name) IS
  'Creates the schema for generate_crm or drops the tables an earlier call made there, known by their comments. Error '
  '55000 where it holds any other relation.';

CREATE FUNCTION salesops.generate_crm(deals int DEFAULT 10000, reps int DEFAULT 40, seed bigint DEFAULT 1,
                                      as_of timestamptz DEFAULT now(), dirt numeric DEFAULT 0.05,
                                      schema_name name DEFAULT 'crm_demo')
RETURNS TABLE (rule text, planted bigint)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
  -- Long expressions over few rows: compiling them costs more than it saves.
  SET jit = off
AS $$
DECLARE
  rules CONSTANT text[] := salesops.generated_plantable_rules();
  most_dirt CONSTANT numeric := round(4.0 / cardinality(rules), 3);
  history record;
  target record;
BEGIN
  IF deals IS NULL OR deals NOT BETWEEN 1 AND 100000000 OR reps IS NULL OR reps NOT BETWEEN 1 AND 100000
     OR seed IS NULL OR as_of IS NULL OR NOT isfinite(as_of) OR schema_name IS NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'cannot generate a CRM from these arguments',
      DETAIL = format('deals %s, reps %s, seed %s, as_of %s, schema_name %s', deals, reps, seed, as_of, schema_name),
      HINT = 'deals must lie between 1 and 100 million, reps between 1 and 100,000; '
             'as_of must be finite and nothing may be NULL.';
  END IF;
  IF dirt IS NULL OR dirt NOT BETWEEN 0 AND most_dirt THEN
    RAISE EXCEPTION USING
      ERRCODE = 'invalid_parameter_value',
      MESSAGE = format('dirt must lie between 0 and %s', most_dirt),
      DETAIL = format('Got %s. Each of %s defects is planted on dirt / 4 of the open deals, one defect a deal.',
                      dirt, cardinality(rules));
  END IF;

  PERFORM salesops.prepare_generated_schema(schema_name);
  SELECT h.longest, h.won_amount INTO history FROM salesops.generated_history(deals, reps, seed, as_of) h;

  -- The functions' result columns are the tables' definitions, and inlining leaves one plain query a table.
  FOR target IN
    SELECT *
      FROM (VALUES
        ('user_role', 'id', 'user_role($2, $4)', 'roles, the tree of leaders and teams'),
        ('user', 'id', 'user($2, $3, $4)', 'users: reps, active and gone, and their managers'),
        ('account', 'id', 'account($1, $2, $3, $4)', 'accounts'),
        ('contact', 'id', 'contact($1, $2, $3, $4)', 'contacts, three an account'),
        ('product_2', 'id', 'product_2($4)', 'products'),
        ('opportunity_stage', 'id', 'opportunity_stage($4)', 'stages with their default probability and category'),
        ('currency_type', 'id', 'currency_type($4)', 'currencies'),
        ('dated_conversion_rate', 'id', 'dated_conversion_rate($3, $4)',
         'monthly rates, units of the currency a corporate unit'),
        ('period', 'id', 'period($4)', 'fiscal quarters'),
        ('forecasting_quota', 'id', 'forecasting_quota($2, $3, $4, $7)',
         'quotas of reps by quarter in the corporate currency'),
        ('opportunity', 'id, _fivetran_start', 'opportunity($1, $2, $3, $4, $5, $6)',
         'opportunities, superseded versions included'),
        ('opportunity_field_history', 'id', 'field_history($1, $2, $3, $4, $5, $6)',
         'changes of stage, amount and close date'),
        ('opportunity_contact_role', 'id', 'contact_role($1, $2, $3, $4, $5, $6)', 'roles of contacts on opportunities'),
        ('task', 'id', 'task($1, $2, $3, $4, $5, $6)', 'tasks'),
        ('event', 'id', 'event($1, $2, $3, $4, $5, $6)', 'meetings'),
        ('lead', 'id', 'lead($1, $2, $3, $4, $5, $6)', 'leads'),
        ('planted_defect', 'rule, object_id', 'defect($1, $2, $3, $4, $5, $6)',
         'the truth: which audit rule which object breaks')
      ) AS t (name, key, source, comment)
  LOOP
    EXECUTE format('CREATE TABLE %I.%I AS SELECT * FROM salesops.generated_', schema_name, target.name) || target.source
      USING deals, reps, seed, as_of, dirt, history.longest, history.won_amount;
    EXECUTE format('ALTER TABLE %I.%I ADD PRIMARY KEY (%s)', schema_name, target.name, target.key);
    EXECUTE format('COMMENT ON TABLE %I.%I IS %L', schema_name, target.name,
                   'Generated by salesops.generate_crm: ' || target.comment);
    EXECUTE format('ANALYZE %I.%I', schema_name, target.name);
  END LOOP;

  RETURN QUERY EXECUTE format(
    'SELECT r.rule, count(p.object_id)
       FROM unnest($1) WITH ORDINALITY AS r (rule, position) LEFT JOIN %I.planted_defect p ON p.rule = r.rule
      GROUP BY r.rule, r.position ORDER BY r.position', schema_name)
    USING rules || ARRAY['unreadable_value', 'source_stale', 'source_unreadable', 'duplicate_ids', 'missing_ids'];
END
$$;
COMMENT ON FUNCTION salesops.generate_crm(int, int, bigint, timestamptz, numeric, name) IS
  'Makes the schema and fills it with Salesforce tables as Fivetran lands them: about two years of deals before '
  'as_of, some 22 % of them open. Each audit rule is broken on about dirt / 4 of the open deals (dirt from 0 to '
  '0.166), one defect a deal, recorded in planted_defect; returns how many by rule. unreadable_value (columns are '
  'typed), duplicate_ids and missing_ids (ids are keys), source_stale and source_unreadable cannot be planted and return 0; '
  'close_date_unrealistic needs 30 won deals of the deal''s type. Equal arguments make equal tables. Replaces what it '
  'made in that schema before; error 55000 where the schema holds anything else, 22023 for arguments out of range.';
-- forecast_totals: what a set of deals adds up to, category by category.
--
-- forecast_rollup(category, amount) makes one; it can be stored, added (+) and rolled up again; the projections below
-- read it. Amounts are exact and in one currency, the corporate one: convert before rolling up.
-- An amount is 0 where there is no deal and NULL where there are deals but none has an amount.

CREATE TYPE salesops.forecast_totals;

-- Input and output

CREATE FUNCTION salesops.forecast_totals_in(cstring) RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_in(cstring) IS 'text input of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_out(salesops.forecast_totals) RETURNS cstring
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_out(salesops.forecast_totals) IS 'text output of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_recv(internal) RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_recv(internal) IS 'binary input of forecast_totals';

CREATE FUNCTION salesops.forecast_totals_send(salesops.forecast_totals) RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_send(salesops.forecast_totals) IS 'binary output of forecast_totals';

CREATE TYPE salesops.forecast_totals (
  INPUT = salesops.forecast_totals_in,
  OUTPUT = salesops.forecast_totals_out,
  RECEIVE = salesops.forecast_totals_recv,
  SEND = salesops.forecast_totals_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT = double,
  STORAGE = extended
);
COMMENT ON TYPE salesops.forecast_totals IS
  'deals and exact amounts by forecast category: Closed: 50.00 (3 deals), Commit: 20 (2 deals, 1 without amount)';

-- Order and hash. The order serves sorting and grouping: Closed decides first, then Commit, and so on down; within a
-- category the amount, the deals, the deals without amount. 1.0 and 1.00 are one amount.

CREATE FUNCTION salesops.forecast_totals_lt(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_lt(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the < operator';

CREATE FUNCTION salesops.forecast_totals_le(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_le(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the <= operator';

CREATE FUNCTION salesops.forecast_totals_eq(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_eq(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the = operator';

CREATE FUNCTION salesops.forecast_totals_ne(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_ne(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the <> operator';

CREATE FUNCTION salesops.forecast_totals_ge(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_ge(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the >= operator';

CREATE FUNCTION salesops.forecast_totals_gt(salesops.forecast_totals, salesops.forecast_totals) RETURNS boolean
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_gt(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the > operator';

CREATE OPERATOR salesops.< (
  FUNCTION = salesops.forecast_totals_lt, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.>), NEGATOR = OPERATOR(salesops.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR salesops.< (salesops.forecast_totals, salesops.forecast_totals) IS 'less than';

CREATE OPERATOR salesops.<= (
  FUNCTION = salesops.forecast_totals_le, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.>=), NEGATOR = OPERATOR(salesops.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR salesops.<= (salesops.forecast_totals, salesops.forecast_totals) IS 'less than or equal';

CREATE OPERATOR salesops.= (
  FUNCTION = salesops.forecast_totals_eq, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.=), NEGATOR = OPERATOR(salesops.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR salesops.= (salesops.forecast_totals, salesops.forecast_totals) IS 'equal';

CREATE OPERATOR salesops.<> (
  FUNCTION = salesops.forecast_totals_ne, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<>), NEGATOR = OPERATOR(salesops.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR salesops.<> (salesops.forecast_totals, salesops.forecast_totals) IS 'not equal';

CREATE OPERATOR salesops.>= (
  FUNCTION = salesops.forecast_totals_ge, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<=), NEGATOR = OPERATOR(salesops.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR salesops.>= (salesops.forecast_totals, salesops.forecast_totals) IS 'greater than or equal';

CREATE OPERATOR salesops.> (
  FUNCTION = salesops.forecast_totals_gt, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.<), NEGATOR = OPERATOR(salesops.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR salesops.> (salesops.forecast_totals, salesops.forecast_totals) IS 'greater than';

CREATE FUNCTION salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals) IS
  'btree comparison: negative, zero or positive';

CREATE FUNCTION salesops.forecast_totals_hash(salesops.forecast_totals) RETURNS integer
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_hash(salesops.forecast_totals) IS 'hash';

CREATE FUNCTION salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint) IS 'hash with a seed';

CREATE OPERATOR CLASS salesops.forecast_totals_ops DEFAULT FOR TYPE salesops.forecast_totals USING btree AS
  OPERATOR 1 salesops.<,
  OPERATOR 2 salesops.<=,
  OPERATOR 3 salesops.=,
  OPERATOR 4 salesops.>=,
  OPERATOR 5 salesops.>,
  FUNCTION 1 salesops.forecast_totals_cmp(salesops.forecast_totals, salesops.forecast_totals);
COMMENT ON OPERATOR FAMILY salesops.forecast_totals_ops USING btree IS 'btree indexes on forecast_totals';
COMMENT ON OPERATOR CLASS salesops.forecast_totals_ops USING btree IS 'btree indexes on forecast_totals';

CREATE OPERATOR CLASS salesops.forecast_totals_ops DEFAULT FOR TYPE salesops.forecast_totals USING hash AS
  OPERATOR 1 salesops.=,
  FUNCTION 1 salesops.forecast_totals_hash(salesops.forecast_totals),
  FUNCTION 2 salesops.forecast_totals_hash_extended(salesops.forecast_totals, bigint);
COMMENT ON OPERATOR FAMILY salesops.forecast_totals_ops USING hash IS 'hash indexes on forecast_totals';
COMMENT ON OPERATOR CLASS salesops.forecast_totals_ops USING hash IS 'hash indexes on forecast_totals';

-- Adding up

CREATE FUNCTION salesops.forecast_totals_plus(salesops.forecast_totals, salesops.forecast_totals)
  RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_totals_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_totals_plus(salesops.forecast_totals, salesops.forecast_totals) IS
  'implementation of the + operator';
CREATE OPERATOR salesops.+ (
  FUNCTION = salesops.forecast_totals_plus, LEFTARG = salesops.forecast_totals, RIGHTARG = salesops.forecast_totals,
  COMMUTATOR = OPERATOR(salesops.+)
);
COMMENT ON OPERATOR salesops.+ (salesops.forecast_totals, salesops.forecast_totals) IS
  'the totals of both together, group by group';

CREATE CAST (salesops.forecast_totals AS text) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (salesops.forecast_totals AS text) IS
  'Closed: 50.00 (3 deals), Commit: 20 (2 deals, 1 without amount)';

CREATE CAST (text AS salesops.forecast_totals) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS salesops.forecast_totals) IS 'reads what the text form writes';

-- Single category

CREATE FUNCTION salesops.deals(totals salesops.forecast_totals, category salesops.forecast_category) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.deals(salesops.forecast_totals, salesops.forecast_category) IS
  'how many deals are in the category';

CREATE FUNCTION salesops.deals_without_amount(totals salesops.forecast_totals, category salesops.forecast_category)
  RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_deals_without_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.deals_without_amount(salesops.forecast_totals, salesops.forecast_category) IS
  'how many deals in the category have no amount, so that amount() leaves them out';

CREATE FUNCTION salesops.amount(totals salesops.forecast_totals, category salesops.forecast_category) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.amount(salesops.forecast_totals, salesops.forecast_category) IS
  'sum of the known amounts in the category; 0 without a deal, NULL where no deal has an amount';

-- Deals without a category stand apart: no amount above or below includes them

CREATE FUNCTION salesops.uncategorized_deals(totals salesops.forecast_totals) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_deals' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_deals(salesops.forecast_totals) IS
  'how many deals have no category';

CREATE FUNCTION salesops.uncategorized_deals_without_amount(totals salesops.forecast_totals) RETURNS bigint
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_deals_without_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_deals_without_amount(salesops.forecast_totals) IS
  'how many deals have neither category nor amount';

CREATE FUNCTION salesops.uncategorized_amount(totals salesops.forecast_totals) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_uncategorized_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.uncategorized_amount(salesops.forecast_totals) IS
  'sum of the known amounts of deals without a category; 0 without a deal, NULL where none has an amount';

-- Cumulative

CREATE FUNCTION salesops.cumulative(totals salesops.forecast_totals, category salesops.forecast_category)
  RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_cumulative' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.cumulative(salesops.forecast_totals, salesops.forecast_category) IS
  'unweighted cumulative amount: Closed is Closed; Commit, Most Likely and Best Case are Closed and that category and '
  'all above it; Pipeline is all open categories including Upside, without Closed; NULL for Upside and Omitted';

-- Weighted. Weights are seven numbers in rank order, Omitted first.

CREATE FUNCTION salesops.default_weights() RETURNS numeric[]
  AS 'MODULE_PATHNAME', 'salesops_default_weights' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.default_weights() IS
  'the product''s weights in rank order: Omitted 0, Upside 0.05, Pipeline 0.2, Best Case 0.5, Most Likely 0.7, '
  'Commit 0.9, Closed 1';

CREATE FUNCTION salesops.weighted(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted(salesops.forecast_totals, numeric[]) IS
  'weighted_total: the sum of amount times weight over the categories; NULL where there are deals but none has both a '
  'category and an amount';

CREATE FUNCTION salesops.weighted_amount(
  totals salesops.forecast_totals,
  category salesops.forecast_category,
  weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_amount' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_amount(salesops.forecast_totals, salesops.forecast_category, numeric[]) IS
  'amount times weight of one category; 0 without a deal, NULL where no deal has an amount';

CREATE FUNCTION salesops.weighted_commit(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_commit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_commit(salesops.forecast_totals, numeric[]) IS
  'weighted amount of Closed and Commit';

CREATE FUNCTION salesops.weighted_best_case(
  totals salesops.forecast_totals, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_best_case' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_best_case(salesops.forecast_totals, numeric[]) IS
  'weighted amount of Closed, Commit, Most Likely and Best Case';

-- Against a quota, in the currency of the amounts

CREATE FUNCTION salesops.gap_to_quota(
  totals salesops.forecast_totals, quota numeric, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT quota - salesops.weighted_commit(totals, weights);
END;
COMMENT ON FUNCTION salesops.gap_to_quota(salesops.forecast_totals, numeric, numeric[]) IS
  'quota - weighted_commit: what Closed and Commit, weighted, leave uncovered; negative above quota';

CREATE FUNCTION salesops.uncovered_share(
  totals salesops.forecast_totals, quota numeric, weights numeric[] DEFAULT salesops.default_weights()
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota > 0 THEN (quota - salesops.weighted(totals, weights)) / quota END;
END;
COMMENT ON FUNCTION salesops.uncovered_share(salesops.forecast_totals, numeric, numeric[]) IS
  '(quota - weighted_total) / quota as a share, 0.348 for 34.8 %; negative above quota, NULL without a positive quota';

CREATE FUNCTION salesops.required_win_rate(closed numeric, open_amount numeric, quota numeric)
  RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota <= closed THEN 0 WHEN open_amount > 0 THEN (quota - closed) / open_amount END;
END;
COMMENT ON FUNCTION salesops.required_win_rate(numeric, numeric, numeric) IS
  '(quota - closed) / open amount: the share of the open amount that must be won to make quota; 0 where quota is made, '
  'over 1 is not reachable, NULL where nothing is open';

-- Aggregates. One state, two transitions (deals, stored totals), two results.

CREATE FUNCTION salesops.forecast_rollup_accum(internal, salesops.forecast_category, numeric)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_accum(internal, salesops.forecast_category, numeric) IS
  'transition: takes a deal in';

CREATE FUNCTION salesops.forecast_rollup_accum_inverse(internal, salesops.forecast_category, numeric)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_accum_inverse' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_accum_inverse(internal, salesops.forecast_category, numeric) IS
  'inverse transition: takes a deal out';

CREATE FUNCTION salesops.forecast_rollup_merge(internal, salesops.forecast_totals)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_merge' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_merge(internal, salesops.forecast_totals) IS
  'transition: takes stored totals in';

CREATE FUNCTION salesops.forecast_rollup_merge_inverse(internal, salesops.forecast_totals)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_merge_inverse' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_merge_inverse(internal, salesops.forecast_totals) IS
  'inverse transition: takes stored totals out';

CREATE FUNCTION salesops.forecast_rollup_combine(internal, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_combine(internal, internal) IS
  'combines the states of parallel workers';

CREATE FUNCTION salesops.forecast_rollup_serialize(internal)
  RETURNS bytea
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_serialize(internal) IS
  'serialises a state';

CREATE FUNCTION salesops.forecast_rollup_deserialize(bytea, internal)
  RETURNS internal
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_deserialize(bytea, internal) IS
  'deserialises a state';

CREATE FUNCTION salesops.forecast_rollup_final(internal)
  RETURNS salesops.forecast_totals
  AS 'MODULE_PATHNAME', 'salesops_forecast_rollup_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.forecast_rollup_final(internal) IS
  'result: the totals';

CREATE FUNCTION salesops.weighted_forecast_final(internal)
  RETURNS numeric
  AS 'MODULE_PATHNAME', 'salesops_weighted_forecast_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION salesops.weighted_forecast_final(internal) IS
  'result: the sum under the default weights';

CREATE AGGREGATE salesops.forecast_rollup(category salesops.forecast_category, amount numeric) (
  SFUNC = salesops.forecast_rollup_accum,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.forecast_rollup_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_accum,
  MINVFUNC = salesops.forecast_rollup_accum_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.forecast_rollup_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.forecast_rollup(salesops.forecast_category, numeric) IS
  'deals and exact amounts by category; NULL amounts are counted but not summed, a NULL category stands apart; '
  'NULL over no rows';

CREATE AGGREGATE salesops.forecast_rollup(totals salesops.forecast_totals) (
  SFUNC = salesops.forecast_rollup_merge,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.forecast_rollup_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_merge,
  MINVFUNC = salesops.forecast_rollup_merge_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.forecast_rollup_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.forecast_rollup(salesops.forecast_totals) IS
  'the totals of all together; NULL totals are passed over; NULL over no rows';

CREATE AGGREGATE salesops.weighted_forecast(category salesops.forecast_category, amount numeric) (
  SFUNC = salesops.forecast_rollup_accum,
  STYPE = internal,
  SSPACE = 1024,
  FINALFUNC = salesops.weighted_forecast_final,
  COMBINEFUNC = salesops.forecast_rollup_combine,
  SERIALFUNC = salesops.forecast_rollup_serialize,
  DESERIALFUNC = salesops.forecast_rollup_deserialize,
  MSFUNC = salesops.forecast_rollup_accum,
  MINVFUNC = salesops.forecast_rollup_accum_inverse,
  MSTYPE = internal,
  MSSPACE = 1024,
  MFINALFUNC = salesops.weighted_forecast_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE salesops.weighted_forecast(salesops.forecast_category, numeric) IS
  'weighted(forecast_rollup(category, amount)): the sum of amount times default weight; NULL over no rows and where no '
  'deal has both a category and an amount';
-- weight_set: category weights as versioned rows.
--
-- The product's weights live in code (default_weights()); this table holds only what a user changed, so a dump carries
-- decisions and not defaults. Rows are never changed: a new weight is a new row, valid from its instant on, and any
-- published forecast can be recomputed with the weights it was published under.

CREATE TABLE salesops.weight_set (
  name text NOT NULL CHECK (name <> ''),
  category salesops.forecast_category NOT NULL,
  weight numeric NOT NULL CHECK (weight >= 0 AND weight <= 1),
  valid_from timestamptz NOT NULL,
  PRIMARY KEY (name, category, valid_from)
);
COMMENT ON TABLE salesops.weight_set IS
  'category weights that a user set, append-only; write with set_weight(), read with weights()';
COMMENT ON COLUMN salesops.weight_set.name IS 'name of the set; ''default'' is the one used where none is named';
COMMENT ON COLUMN salesops.weight_set.category IS 'forecast category the weight is for';
COMMENT ON COLUMN salesops.weight_set.weight IS 'share of the amount expected to be booked, 0 to 1';
COMMENT ON COLUMN salesops.weight_set.valid_from IS
  'instant from which the weight holds, until the next row of the same name and category';

SELECT pg_catalog.pg_extension_config_dump('salesops.weight_set', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.weight_set
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_weight() with a later valid_from.');
COMMENT ON TRIGGER append_only ON salesops.weight_set IS 'published forecasts must stay recomputable';

CREATE FUNCTION salesops.set_weight(
  name text, category salesops.forecast_category, weight numeric, valid_from timestamptz DEFAULT transaction_timestamp()
) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO salesops.weight_set (name, category, weight, valid_from) VALUES (name, category, weight, valid_from);
END;
COMMENT ON FUNCTION salesops.set_weight(text, salesops.forecast_category, numeric, timestamptz) IS
  'sets a category''s weight (0 to 1, else 23514) in a weight set from an instant on; a new name makes a new set; '
  'the same instant twice is 23505';

CREATE FUNCTION salesops.weights(name text DEFAULT 'default', as_of timestamptz DEFAULT 'infinity') RETURNS numeric[]
  LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF weights.name <> 'default'
     AND NOT EXISTS (SELECT FROM salesops.weight_set AS s WHERE s.name = weights.name) THEN
    RAISE EXCEPTION 'weight set "%" does not exist', weights.name
      USING ERRCODE = 'undefined_object',
            HINT = 'Make it with salesops.set_weight(), or use ''default''.';
  END IF;

  RETURN (
    SELECT array_agg(coalesce(set_by_user.weight, c.weight) ORDER BY c.rank)
    FROM salesops.forecast_categories() AS c
    LEFT JOIN LATERAL (
      SELECT s.weight
      FROM salesops.weight_set AS s
      WHERE s.name = weights.name AND s.category OPERATOR(salesops.=) c.category AND s.valid_from <= weights.as_of
      ORDER BY s.valid_from DESC
      LIMIT 1
    ) AS set_by_user ON true
  );
END;
$$;
COMMENT ON FUNCTION salesops.weights(text, timestamptz) IS
  'the weights of a set in rank order, Omitted first, as they hold at an instant (default: the latest); what the set '
  'does not say is the product''s default; 42704 where the set does not exist';

CREATE FUNCTION salesops.weighted(
  totals salesops.forecast_totals, weight_set text, as_of timestamptz DEFAULT 'infinity'
) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.weighted(totals, salesops.weights(weight_set, as_of));
END;
COMMENT ON FUNCTION salesops.weighted(salesops.forecast_totals, text, timestamptz) IS
  'weighted_total under a named weight set as it holds at an instant; over many rows read weights() once instead';
-- Owners: who a deal is counted for, with team and line of managers, as the tree was at the instant asked for.

CREATE FUNCTION salesops.owners(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                OUT source_key text, OUT owner_id text, OUT owner text, OUT team text, OUT region text,
                                OUT manager text, OUT manager_path text, OUT is_active boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  -- The planner knows no sizes here and would compare every rep with every rep, hence no nested loops.
  WITH rep AS MATERIALIZED (
    SELECT r.* FROM salesops.rep_as_of(owners.as_of, owners.known_at) r
  ), tree AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, t.path[1] AS top_id, t.path FROM salesops.rep_tree(owners.as_of, owners.known_at) t
  ), rung AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, p.id, p.level FROM tree t CROSS JOIN LATERAL unnest(t.path) WITH ORDINALITY AS p(id, level)
  ), line AS (
    SELECT g.source_key, g.rep_id, string_agg(coalesce(r.name, r.id), ' > ' ORDER BY g.level) AS label
    FROM rung g JOIN rep r ON r.source_key = g.source_key AND r.id = g.id
    GROUP BY g.source_key, g.rep_id
  )
  SELECT r.source_key, r.id, coalesce(r.name, r.id), r.team, r.region, coalesce(m.name, m.id, r.manager_id),
         -- Some sources name a manager whom they have no row for: he still heads the line.
         CASE WHEN b.id IS NULL AND top.manager_id IS NOT NULL THEN top.manager_id || ' > ' || l.label ELSE l.label END,
         coalesce(r.is_active, true)
  FROM rep r
  JOIN line l ON l.source_key = r.source_key AND l.rep_id = r.id
  JOIN tree t ON t.source_key = r.source_key AND t.rep_id = r.id
  JOIN rep top ON top.source_key = t.source_key AND top.id = t.top_id
  LEFT JOIN rep b ON b.source_key = top.source_key AND b.id = top.manager_id
  LEFT JOIN rep m ON m.source_key = r.source_key AND m.id = r.manager_id;
END;
COMMENT ON FUNCTION salesops.owners(timestamptz, timestamptz) IS
  'Reps as of an instant with the labels that forecasts and marts show: name, team, region, manager, and the line of '
  'managers '
  'from the top down to the rep, "Top > Middle > Rep"; is_active is true where the source does not say. '
  'Arguments as of opportunity_as_of()';
-- Quotas by owner and fiscal quarter, in corporate currency.
--
-- A quarter's quota is what the source states for the quarter, or else the sum of its three months where all three are
-- stated. A year's quota is not cut into quarters: that takes a decision about the seasons, which nobody has made here.
-- Where a rep's reports have quotas too, his own stands for the team and would count the same money twice.

CREATE FUNCTION salesops.quota_as_of(effective_at timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.quota LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT q.* FROM salesops.quota q
  WHERE q.effective_at <= quota_as_of.effective_at
    AND q.recorded_at <= coalesce(quota_as_of.known_at, quota_as_of.effective_at)
    AND NOT q.is_deleted
  UNION ALL
  SELECT h.*
  FROM salesops.quota q
  CROSS JOIN LATERAL (
    SELECT x.* FROM salesops.quota_history x
    WHERE x.source_key = q.source_key AND x.id = q.id
      AND x.effective_at <= quota_as_of.effective_at
      AND x.recorded_at <= coalesce(quota_as_of.known_at, quota_as_of.effective_at)
    ORDER BY x.effective_at DESC, x.recorded_at DESC
    LIMIT 1) h
  WHERE (q.effective_at > quota_as_of.effective_at
         OR q.recorded_at > coalesce(quota_as_of.known_at, quota_as_of.effective_at))
    AND NOT h.is_deleted;
END;
COMMENT ON FUNCTION salesops.quota_as_of(timestamptz, timestamptz) IS
  'Quotas as of an instant; arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.owner_quota(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                     OUT source_key text, OUT owner_id text, OUT period salesops.fiscal_period,
                                     OUT quota numeric, OUT is_team_quota boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH calendar AS MATERIALIZED (
    SELECT salesops.get_setting('corporate_currency') AS currency, salesops.fiscal_year_start_month() AS start_month,
           salesops.local_date(owner_quota.as_of) AS day
  ), source AS MATERIALIZED (
    SELECT s.source_key, salesops.source_option(s.*, 'currency') AS currency FROM salesops.source s
  ), stated AS (
    SELECT q.source_key, q.rep_id, q.period, CASE WHEN z.currency = c.currency THEN q.amount ELSE q.amount / r.per_corporate END AS amount
    FROM salesops.quota_as_of(owner_quota.as_of, owner_quota.known_at) q
    CROSS JOIN calendar c
    JOIN source s ON s.source_key = q.source_key
    CROSS JOIN LATERAL (SELECT coalesce(q.currency, s.currency) AS currency) z
    -- As for deals: the latest dated rate not after the day.
    LEFT JOIN LATERAL (SELECT x.per_corporate FROM salesops.currency_rate x
                       WHERE z.currency <> c.currency AND x.source_key = q.source_key AND x.currency = z.currency
                         AND x.valid_from <= least(salesops.start_date(q.period, c.start_month), c.day)
                         AND NOT x.is_deleted AND x.per_corporate > 0
                       ORDER BY x.valid_from DESC, x.id LIMIT 1) r ON true
    WHERE q.rep_id IS NOT NULL AND q.period IS NOT NULL AND q.amount IS NOT NULL
      AND lower(coalesce(q.measure, 'amount') COLLATE "C") = 'amount'
  ), of_quarter AS (
    -- One amount that cannot be converted makes the sum unknown.
    SELECT s.source_key, s.rep_id, salesops.min(s.period) AS period, CASE WHEN bool_and(s.amount IS NOT NULL) THEN sum(s.amount) END AS quota
    FROM stated s
    WHERE salesops.grain(s.period) = 'quarter'
    GROUP BY s.source_key, s.rep_id, s.period::integer
  ), of_months AS (
    SELECT s.source_key, s.rep_id, salesops.min(salesops.quarter_of(s.period)) AS period,
           CASE WHEN bool_and(s.amount IS NOT NULL) THEN sum(s.amount) END AS quota
    FROM stated s
    WHERE salesops.grain(s.period) = 'month'
    GROUP BY s.source_key, s.rep_id, salesops.quarter_of(s.period)::integer
    HAVING count(DISTINCT s.period::integer) = 3
  ), by_quarter AS MATERIALIZED (
    SELECT q.* FROM of_quarter q
    UNION ALL
    SELECT m.* FROM of_months m
    WHERE NOT EXISTS (SELECT FROM of_quarter q
                      WHERE q.source_key = m.source_key AND q.rep_id = m.rep_id AND q.period OPERATOR(salesops.=) m.period)
  ), rung AS MATERIALIZED (
    SELECT t.source_key, t.rep_id, m.id
    FROM salesops.rep_tree(owner_quota.as_of, owner_quota.known_at) t CROSS JOIN LATERAL unnest(t.path) AS m(id)
    WHERE m.id <> t.rep_id
  ), manager AS (
    SELECT q.source_key, salesops.min(q.period) AS period, g.id
    FROM by_quarter q JOIN rung g ON g.source_key = q.source_key AND g.rep_id = q.rep_id
    GROUP BY q.source_key, q.period::integer, g.id
  )
  -- The planner knows no sizes here and would compare every quota with every quota, hence no nested loops.
  SELECT q.source_key, q.rep_id, q.period, q.quota, m.id IS NOT NULL
  FROM by_quarter q
  LEFT JOIN manager m ON m.source_key = q.source_key AND m.id = q.rep_id AND m.period OPERATOR(salesops.=) q.period;
END;
COMMENT ON FUNCTION salesops.owner_quota(timestamptz, timestamptz) IS
  'Quotas by rep and fiscal quarter as of an instant, in corporate currency at the rate of the period''s first day or of '
  'the day '
  'asked for if that is earlier; the quarter as stated, else the sum of its three months. is_team_quota: someone below '
  'in the '
  'manager tree has a quota of the same quarter, so leave it out of sums. NULL = set, but it cannot be converted; no row '
  '= not set';
-- The named measures of a forecast, in one place, so that table, report and marts cannot disagree.
--
--   weighted_total      sum over the categories of amount x weight
--   weighted_commit     the same over Closed and Commit
--   weighted_best_case  the same over Closed, Commit, Most Likely and Best Case
--   commit_total        Closed + Commit, unweighted
--   closed              Closed
--   open_pipeline       all open categories, unweighted
--   gap_to_quota        quota - weighted_commit
--   uncovered_share     (quota - weighted_total) / quota
--   required_win_rate   (quota - closed) / open_pipeline; 0 once quota is made
--   pipeline_coverage   open_pipeline / quota
--   remaining_coverage  open_pipeline / (quota - closed)
--
-- Unknown is NULL and never 0: without a quota, everything that is held against one is NULL, and so is a sum over deals of
-- which none has an amount. Nothing is rounded.

CREATE FUNCTION salesops.required_win_rate_label(closed numeric, open_amount numeric, quota numeric)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN quota IS NULL THEN '(no quota)'
              WHEN quota <= closed THEN 'quota made'
              WHEN open_amount <= 0 OR salesops.required_win_rate(closed, open_amount, quota) > 1 THEN 'not reachable'
              WHEN closed IS NULL OR open_amount IS NULL THEN '(unknown)'
              ELSE to_char(100 * salesops.required_win_rate(closed, open_amount, quota), 'FM990.0') || ' %' END;
END;
COMMENT ON FUNCTION salesops.required_win_rate_label(numeric, numeric, numeric) IS
  'required_win_rate() in words: "80.0 %", quota made, not reachable (over 100 %, or nothing is open), (no quota), '
  '(unknown)';

CREATE FUNCTION salesops.forecast_measures(totals salesops.forecast_totals, quota numeric,
                                           weights numeric[] DEFAULT salesops.default_weights(),
                                           OUT weighted_total numeric, OUT weighted_commit numeric, OUT weighted_best_case numeric,
                                           OUT commit_total numeric, OUT closed numeric, OUT open_pipeline numeric,
                                           OUT gap_to_quota numeric, OUT uncovered_share numeric,
                                           OUT required_win_rate numeric, OUT required_win_rate_label text,
                                           OUT pipeline_coverage numeric, OUT remaining_coverage numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT salesops.weighted(totals, weights), salesops.weighted_commit(totals, weights), salesops.weighted_best_case(totals, weights),
         salesops.cumulative(totals, 'Commit'), t.closed, t.open_pipeline,
         salesops.gap_to_quota(totals, quota, weights), salesops.uncovered_share(totals, quota, weights),
         salesops.required_win_rate(t.closed, t.open_pipeline, quota),
         salesops.required_win_rate_label(t.closed, t.open_pipeline, quota),
         CASE WHEN quota > 0 THEN t.open_pipeline / quota END,
         CASE WHEN quota > t.closed THEN t.open_pipeline / (quota - t.closed) END
  FROM (SELECT salesops.amount(totals, 'Closed') AS closed, salesops.cumulative(totals, 'Pipeline') AS open_pipeline) t;
END;
COMMENT ON FUNCTION salesops.forecast_measures(salesops.forecast_totals, numeric, numeric[]) IS
  'The named measures of a forecast against a quota (NULL = none), one row: weighted_total, weighted_commit, '
  'weighted_best_case, '
  'commit_total, closed, open_pipeline, gap_to_quota, uncovered_share, required_win_rate with its label, '
  'pipeline_coverage (open '
  'pipeline / quota), remaining_coverage (open pipeline / (quota - closed), NULL once quota is made). Undefined is NULL';

CREATE FUNCTION salesops.forecast_lines(totals salesops.forecast_totals, estimated salesops.forecast_totals,
                                        unconvertible salesops.forecast_totals, weights numeric[],
                                        OUT category salesops.forecast_category, OUT label text, OUT rank smallint, OUT is_open boolean,
                                        OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
                                        OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric,
                                        OUT weighted numeric, OUT cumulative numeric)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT c.category, c.label, c.rank, c.is_open, salesops.deals(totals, c.category),
         salesops.deals_without_amount(totals, c.category) - salesops.deals(unconvertible, c.category),
         salesops.deals(unconvertible, c.category),
         salesops.amount(totals, c.category), salesops.amount(estimated, c.category),
         weights[c."position"], salesops.weighted_amount(totals, c.category, weights), salesops.cumulative(totals, c.category)
  FROM salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
  UNION ALL
  SELECT NULL, '(none)', 0, false, salesops.uncategorized_deals(totals),
         salesops.uncategorized_deals_without_amount(totals) - salesops.uncategorized_deals(unconvertible),
         salesops.uncategorized_deals(unconvertible),
         salesops.uncategorized_amount(totals), salesops.uncategorized_amount(estimated), NULL, NULL, NULL
  WHERE salesops.uncategorized_deals(totals) > 0;
END;
COMMENT ON FUNCTION salesops.forecast_lines(salesops.forecast_totals, salesops.forecast_totals, salesops.forecast_totals, numeric[]) IS
  'Totals as rows, one a category: deals, of those without amount and with an amount that no rate converts, amount, the '
  'part of it that is '
  'estimated, weight, amount x weight, cumulative amount. Deals without a category are a row (none), rank 0, only where '
  'there are any';
-- The forecast as of any instant: one forecast_totals a source, owner and fiscal quarter of the close date.
--
-- Amounts are in corporate currency. Two parts of the totals are stated beside them, as totals of their own:
-- `estimated`, the deals whose amount is a list price and not the seller's; and `unconvertible`, the deals with an amount
-- in a currency that no rate is known for. The latter count as deals without amount; their amounts are never added.

CREATE FUNCTION salesops.current_quarter(as_of timestamptz)
RETURNS salesops.fiscal_period LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.fiscal_quarter(salesops.local_date(as_of), salesops.fiscal_year_start_month());
END;
COMMENT ON FUNCTION salesops.current_quarter(timestamptz) IS
  'Fiscal quarter that an instant lies in, in the zone and calendar of the settings';

CREATE FUNCTION salesops.forecast_by_quarter(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                             OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                             OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                             OUT unconvertible salesops.forecast_totals)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.source_key, salesops.min(o.close_quarter), o.owner_id,
         salesops.forecast_rollup(o.category, o.corporate_amount),
         coalesce(salesops.forecast_rollup(o.category, o.corporate_amount) FILTER (WHERE o.amount_basis = 'list price'), 'no deals'),
         coalesce(salesops.forecast_rollup(o.category, NULL) FILTER (WHERE o.amount IS NOT NULL AND o.corporate_amount IS NULL),
                  'no deals')
  FROM salesops.opportunity_state(forecast_by_quarter.as_of, forecast_by_quarter.known_at) o
  GROUP BY o.source_key, o.close_quarter::integer, o.owner_id;
END;
COMMENT ON FUNCTION salesops.forecast_by_quarter(timestamptz, timestamptz) IS
  'What the deals of each source, fiscal quarter (NULL = no close date) and owner (NULL = none) add up to in corporate '
  'currency; '
  'estimated = the part with a list price for an amount, unconvertible = the deals whose amount has no rate and is not '
  'in the sums. '
  'Arguments as of opportunity_as_of()';

CREATE FUNCTION salesops.forecast_by_owner(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                           OUT source_key text, OUT period salesops.fiscal_period,
                                           OUT owner_id text, OUT owner text, OUT team text, OUT region text,
                                           OUT manager text, OUT manager_path text,
                                           OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                           OUT unconvertible salesops.forecast_totals,
                                           OUT quota numeric, OUT team_quota numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH part AS (
    SELECT f.source_key, f.period, f.owner_id, f.totals, f.estimated, f.unconvertible,
           NULL::numeric AS quota, NULL::numeric AS team_quota
    FROM salesops.forecast_by_quarter(forecast_by_owner.as_of, forecast_by_owner.known_at) f
    UNION ALL
    SELECT q.source_key, q.period, q.owner_id, 'no deals', 'no deals', 'no deals',
           CASE WHEN NOT q.is_team_quota THEN q.quota END, CASE WHEN q.is_team_quota THEN q.quota END
    FROM salesops.owner_quota(forecast_by_owner.as_of, forecast_by_owner.known_at) q
    UNION ALL
    -- Whoever may sell stands in the current quarter, with or without a deal.
    SELECT o.source_key, salesops.current_quarter(forecast_by_owner.as_of), o.owner_id,
           'no deals', 'no deals', 'no deals', NULL, NULL
    FROM salesops.owners(forecast_by_owner.as_of, forecast_by_owner.known_at) o
    WHERE o.is_active
  ), place AS (
    SELECT p.source_key, salesops.min(p.period) AS period, p.owner_id, salesops.forecast_rollup(p.totals) AS totals,
           salesops.forecast_rollup(p.estimated) AS estimated, salesops.forecast_rollup(p.unconvertible) AS unconvertible,
           sum(p.quota) AS quota, sum(p.team_quota) AS team_quota
    FROM part p
    GROUP BY p.source_key, p.period::integer, p.owner_id
  )
  SELECT p.source_key, p.period, p.owner_id,
         CASE WHEN p.owner_id IS NULL THEN '(none)' ELSE coalesce(o.owner, '(unknown owner)') END,
         o.team, o.region, o.manager, o.manager_path, p.totals, p.estimated, p.unconvertible, p.quota, p.team_quota
  FROM place p
  LEFT JOIN salesops.owners(forecast_by_owner.as_of, forecast_by_owner.known_at) o
    ON o.source_key = p.source_key AND o.owner_id = p.owner_id;
END;
COMMENT ON FUNCTION salesops.forecast_by_owner(timestamptz, timestamptz) IS
  'forecast_by_quarter() with the owner''s labels and quota. Every active rep stands in the current quarter and every '
  'rep with a '
  'quota in its quarter, with "no deals" if he has none; an owner who is no rep is (unknown owner), no owner (none). '
  'quota adds up over '
  'owners; team_quota is the quota of one whose reports have quotas, and does not';

CREATE FUNCTION salesops.unconvertible_amounts(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                               OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                               OUT category salesops.forecast_category, OUT currency text,
                                               OUT deals bigint, OUT amount numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT o.source_key, salesops.min(o.close_quarter), o.owner_id, salesops.min(o.category), o.currency, count(*), sum(o.amount)
  FROM salesops.opportunity_state(unconvertible_amounts.as_of, unconvertible_amounts.known_at) o
  WHERE o.amount IS NOT NULL AND o.corporate_amount IS NULL
  GROUP BY o.source_key, o.close_quarter::integer, o.owner_id, o.category::smallint, o.currency;
END;
COMMENT ON FUNCTION salesops.unconvertible_amounts(timestamptz, timestamptz) IS
  'Deals whose amount no rate converts, each currency for itself: what stands apart from every total';
-- The weighted table of one fiscal quarter: category by category, and in total against quota.
-- Weights are those of the setting weight_set as they held at as_of.

CREATE FUNCTION salesops.check_quarter(period salesops.fiscal_period)
RETURNS salesops.fiscal_period LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.grain(period) <> 'quarter' THEN
    RAISE EXCEPTION 'a forecast is for a fiscal quarter, not for %', period
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Write a quarter such as FY2026-Q4, or NULL for deals without a close date.';
  END IF;
  RETURN period;
END $$;
COMMENT ON FUNCTION salesops.check_quarter(salesops.fiscal_period) IS
  'The period itself if it is a quarter or NULL, else error 22023';

CREATE FUNCTION salesops.published_weights(as_of timestamptz)
RETURNS numeric[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.weights(salesops.get_setting('weight_set'), as_of);
END;
COMMENT ON FUNCTION salesops.published_weights(timestamptz) IS
  'Weights of the published forecast (setting weight_set) as they hold at an instant, in rank order';

CREATE FUNCTION salesops.forecast_week(period salesops.fiscal_period, as_of timestamptz)
RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN salesops.contains(period, d.day, d.start_month)
              THEN (d.day - salesops.start_date(period, d.start_month)) / 7 + 1 END
  FROM (SELECT salesops.local_date(as_of) AS day, salesops.fiscal_year_start_month() AS start_month) d;
END;
COMMENT ON FUNCTION salesops.forecast_week(salesops.fiscal_period, timestamptz) IS
  'Week of the period that an instant lies in, counted in sevens from its first day, 1 = the first; NULL outside the '
  'period';

CREATE FUNCTION salesops.forecast_total(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT totals salesops.forecast_totals, OUT estimated salesops.forecast_totals,
                                        OUT unconvertible salesops.forecast_totals, OUT quota numeric)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
-- Compiling this wide plan takes seconds and saves none.
SET jit = off
BEGIN ATOMIC
  SELECT coalesce(salesops.forecast_rollup(f.totals), 'no deals'), coalesce(salesops.forecast_rollup(f.estimated), 'no deals'),
         coalesce(salesops.forecast_rollup(f.unconvertible), 'no deals'), sum(f.quota)
  FROM salesops.forecast_by_owner(forecast_total.as_of, forecast_total.known_at) f
  -- No IS NOT DISTINCT FROM: pg_upgrade could not read it back, its operator has no schema in print.
  WHERE coalesce(f.period = salesops.check_quarter(forecast_total.period), f.period IS NULL AND forecast_total.period IS NULL);
END;
COMMENT ON FUNCTION salesops.forecast_total(salesops.fiscal_period, timestamptz, timestamptz) IS
  'The whole company''s forecast of a fiscal quarter (NULL = deals without a close date) as of an instant, in corporate '
  'currency: '
  'totals, their estimated and unconvertible parts, and quota (team quotas left out; NULL = no quota)';

CREATE FUNCTION salesops.weighted_forecast_table(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                                 OUT category salesops.forecast_category, OUT category_label text,
                                                 OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
                                                 OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric,
                                                 OUT weighted numeric, OUT cumulative numeric,
                                                 OUT required_win_rate numeric, OUT required_win_rate_label text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT c.category, c.label, c.deals, c.deals_without_amount, c.deals_unconvertible, c.amount, c.estimated_amount, c.weight,
         c.weighted, c.cumulative,
         CASE WHEN c.is_open THEN salesops.required_win_rate(salesops.amount(f.totals, 'Closed'), c.amount, f.quota) END,
         CASE WHEN c.is_open THEN salesops.required_win_rate_label(salesops.amount(f.totals, 'Closed'), c.amount, f.quota) END
  FROM salesops.forecast_total(weighted_forecast_table.period, weighted_forecast_table.as_of, weighted_forecast_table.known_at) f
  CROSS JOIN LATERAL salesops.forecast_lines(f.totals, f.estimated, f.unconvertible,
                                             salesops.published_weights(weighted_forecast_table.as_of)) c
  ORDER BY c.rank DESC;
END;
COMMENT ON FUNCTION salesops.weighted_forecast_table(salesops.fiscal_period, timestamptz, timestamptz) IS
  'The weighted table of a fiscal quarter as of an instant, one row a category from Closed down: deals, amount, weight, '
  'amount x weight, '
  'cumulative amount, and the win rate that the category alone would need to make quota. Deals without a category are '
  'the last row, '
  '(none), where there are any. Corporate currency, unrounded; 22023 unless the period is a quarter or NULL (no close '
  'date)';

CREATE FUNCTION salesops.forecast_summary(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                          OUT weighted_total numeric, OUT weighted_commit numeric, OUT weighted_best_case numeric,
                                          OUT commit_total numeric, OUT closed numeric, OUT open_pipeline numeric,
                                          OUT quota numeric, OUT gap_to_quota numeric, OUT uncovered_share numeric,
                                          OUT required_win_rate numeric, OUT required_win_rate_label text,
                                          OUT pipeline_coverage numeric, OUT remaining_coverage numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT m.weighted_total, m.weighted_commit, m.weighted_best_case, m.commit_total, m.closed, m.open_pipeline, f.quota,
         m.gap_to_quota, m.uncovered_share, m.required_win_rate, m.required_win_rate_label, m.pipeline_coverage, m.remaining_coverage
  FROM salesops.forecast_total(forecast_summary.period, forecast_summary.as_of, forecast_summary.known_at) f
  CROSS JOIN LATERAL salesops.forecast_measures(f.totals, f.quota, salesops.published_weights(forecast_summary.as_of)) m;
END;
COMMENT ON FUNCTION salesops.forecast_summary(salesops.fiscal_period, timestamptz, timestamptz) IS
  'forecast_measures() of the whole company for a fiscal quarter as of an instant: one row, corporate currency, '
  'unrounded';
-- The weighted table as a page for people: every number set in text, to the cent, at the one place where it is rounded.

CREATE FUNCTION salesops.money_text(amount numeric)
RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT to_char(round(amount, 2), 'FM999,999,999,999,999,999,999,990.00');
END;
COMMENT ON FUNCTION salesops.money_text(numeric) IS
  'An amount for people: rounded to the cent, with thousands separators';

CREATE FUNCTION salesops.percent_text(share numeric)
RETURNS text LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT to_char(100 * share, 'FM999,999,990.0') || ' %';
END;
COMMENT ON FUNCTION salesops.percent_text(numeric) IS 'A share for people: 0.348 is 34.8 %';

CREATE FUNCTION salesops.forecast_report(period salesops.fiscal_period, as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                         OUT line text, OUT deals text, OUT amount text, OUT weight text, OUT weighted text,
                                         OUT cumulative text, OUT win_rate_to_quota text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 22
BEGIN ATOMIC
  WITH total AS MATERIALIZED (
    SELECT f.* FROM salesops.forecast_total(forecast_report.period, forecast_report.as_of, forecast_report.known_at) f
  ), undated AS MATERIALIZED (
    SELECT salesops.cumulative(f.totals, 'Pipeline') AS amount,
           (SELECT sum(salesops.deals(f.totals, c.category)) FROM salesops.forecast_categories() c WHERE c.is_open) AS deals
    FROM salesops.forecast_total(NULL, forecast_report.as_of, forecast_report.known_at) f
    WHERE forecast_report.period IS NOT NULL
  ), category AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY l.rank DESC) AS "position", l.*,
           CASE WHEN l.is_open
                THEN salesops.required_win_rate_label(salesops.amount(t.totals, 'Closed'), l.amount, t.quota) END AS win_rate
    FROM total t
    CROSS JOIN LATERAL salesops.forecast_lines(t.totals, t.estimated, t.unconvertible,
                                               salesops.published_weights(forecast_report.as_of)) l
  ), summary AS MATERIALIZED (
    SELECT t.quota, m.*
    FROM total t
    CROSS JOIN LATERAL salesops.forecast_measures(t.totals, t.quota, salesops.published_weights(forecast_report.as_of)) m
  ), cell AS (
    SELECT c."position", c.label AS line, c.deals::text AS deals, salesops.money_text(c.amount) AS amount,
           to_char(100 * c.weight, 'FM990.##') AS weight, salesops.money_text(c.weighted) AS weighted,
           salesops.money_text(c.cumulative) AS cumulative, c.win_rate
    FROM category c
    UNION ALL
    SELECT 100 + l."position", l.line, NULL, l.amount, NULL, l.weighted, NULL, l.win_rate
    FROM summary s
    CROSS JOIN LATERAL (VALUES
      (1, 'Weighted total', NULL, salesops.money_text(s.weighted_total), NULL),
      (2, 'Weighted Closed + Commit', NULL, salesops.money_text(s.weighted_commit), NULL),
      (3, 'Weighted with Best Case', NULL, salesops.money_text(s.weighted_best_case), NULL),
      (4, 'Commit total', salesops.money_text(s.commit_total), NULL, NULL),
      (5, 'Open pipeline', salesops.money_text(s.open_pipeline), NULL, s.required_win_rate_label),
      (6, 'Quota', salesops.money_text(s.quota), NULL, NULL),
      (7, 'Gap to quota', NULL, salesops.money_text(s.gap_to_quota), NULL),
      (8, 'Uncovered share', NULL, salesops.percent_text(s.uncovered_share), NULL),
      (9, 'Pipeline coverage', to_char(s.pipeline_coverage, 'FM999,990.00') || ' x', NULL, NULL),
      (10, 'Remaining coverage', to_char(s.remaining_coverage, 'FM999,990.00') || ' x', NULL, NULL)
    ) AS l("position", line, amount, weighted, win_rate)
    UNION ALL
    SELECT 200 + n."position", n.line, n.deals::text, n.amount, NULL, NULL, NULL, NULL
    FROM (SELECT sum(c.deals_without_amount) AS deals_without_amount, sum(c.deals_unconvertible) AS deals_unconvertible,
                 sum(c.estimated_amount) AS estimated_amount FROM category c) t
    LEFT JOIN undated u ON true
    CROSS JOIN LATERAL (VALUES
      (1, 'Of these, estimated at list price', NULL::numeric, salesops.money_text(t.estimated_amount), t.estimated_amount <> 0),
      (2, 'Of these, without an amount', t.deals_without_amount, NULL, t.deals_without_amount > 0),
      (3, 'Of these, in a currency without a rate', t.deals_unconvertible, NULL, t.deals_unconvertible > 0),
      (4, 'Open without a close date: in no quarter', u.deals, salesops.money_text(u.amount), u.deals > 0),
      (5, 'Nothing was known then: no sync of deals by that instant', NULL, NULL,
       NOT EXISTS (SELECT FROM salesops.source_sync y
                   WHERE y.entity = 'opportunity' AND y.sqlstate IS NULL
                     AND y.as_of <= coalesce(forecast_report.known_at, forecast_report.as_of)))
    ) AS n("position", line, deals, amount, is_shown)
    WHERE n.is_shown
  )
  SELECT c.line, lpad(coalesce(c.deals, ''), max(length(c.deals)) OVER ()),
         lpad(coalesce(c.amount, ''), max(length(c.amount)) OVER ()),
         lpad(coalesce(c.weight || ' %', ''), 6), lpad(coalesce(c.weighted, ''), max(length(c.weighted)) OVER ()),
         lpad(coalesce(c.cumulative, ''), max(length(c.cumulative)) OVER ()), coalesce(c.win_rate, '')
  FROM cell c
  ORDER BY c."position";
END;
COMMENT ON FUNCTION salesops.forecast_report(salesops.fiscal_period, timestamptz, timestamptz) IS
  'weighted_forecast_table() and forecast_summary() as one page of text, numbers to the cent and set right; what is '
  'undefined is empty. Below it what the '
  'figures hold or leave out: estimates, deals without an amount or a rate, and open deals that are in no quarter; '
  'last, where no sync of deals succeeded at or before the instant, that nothing was known then';
-- Snapshots: what the forecast was on each night, kept so that it can be compared, backtested and replayed.
--
-- A snapshot is stored as forecast_totals, unweighted, with the currency and calendar they were made under, so any weight
-- set can be applied to it later. Deals themselves are not copied: their history gives them as of any instant
-- (opportunity_snapshot below).

CREATE TABLE salesops.snapshot (
  as_of                   timestamptz PRIMARY KEY,
  corporate_currency      text NOT NULL,
  fiscal_year_start_month integer NOT NULL,
  taken_at                timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.snapshot IS 'Instants whose forecast was kept; written by take_snapshot(), never changed';
COMMENT ON COLUMN salesops.snapshot.as_of IS 'Instant the forecast is of, as it was known then';
COMMENT ON COLUMN salesops.snapshot.corporate_currency IS 'ISO code of its amounts';
COMMENT ON COLUMN salesops.snapshot.fiscal_year_start_month IS 'First month of the fiscal year that its periods are of';
COMMENT ON COLUMN salesops.snapshot.taken_at IS 'Wall clock time when it was taken';
SELECT pg_catalog.pg_extension_config_dump('salesops.snapshot', '');

CREATE TABLE salesops.forecast_snapshot (
  as_of         timestamptz NOT NULL,
  source_key    text NOT NULL,
  period        salesops.fiscal_period,
  owner_id      text,
  totals        salesops.forecast_totals NOT NULL,
  estimated     salesops.forecast_totals NOT NULL,
  unconvertible salesops.forecast_totals NOT NULL,
  UNIQUE NULLS NOT DISTINCT (as_of, source_key, period, owner_id)
);
COMMENT ON TABLE salesops.forecast_snapshot IS
  'The forecast of each snapshot by source, fiscal quarter and owner; written by take_snapshot(), never changed';
COMMENT ON COLUMN salesops.forecast_snapshot.as_of IS 'Snapshot the row belongs to';
COMMENT ON COLUMN salesops.forecast_snapshot.source_key IS 'Source of the deals';
COMMENT ON COLUMN salesops.forecast_snapshot.period IS 'Fiscal quarter of their close dates; NULL = no close date';
COMMENT ON COLUMN salesops.forecast_snapshot.owner_id IS 'Rep who owned them; NULL = none';
COMMENT ON COLUMN salesops.forecast_snapshot.totals IS 'Deals and amounts by category, corporate currency';
COMMENT ON COLUMN salesops.forecast_snapshot.estimated IS 'The part of totals whose amount was a list price';
COMMENT ON COLUMN salesops.forecast_snapshot.unconvertible IS
  'Deals whose amount no rate converted; counted, not summed, in totals';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_snapshot', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.snapshot
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
    'Correct the data and take the next snapshot; replay_snapshot() names what differs.');
COMMENT ON TRIGGER append_only ON salesops.snapshot IS 'what was published must stay what it was';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_snapshot
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change(
    'Correct the data and take the next snapshot; replay_snapshot() names what differs.');
COMMENT ON TRIGGER append_only ON salesops.forecast_snapshot IS 'what was published must stay what it was';

CREATE FUNCTION salesops.take_snapshot(as_of timestamptz)
RETURNS bigint LANGUAGE sql
-- Compiling this wide plan takes seconds and saves none; and no deal is looked up one by one.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  WITH taken AS (
    INSERT INTO salesops.snapshot (as_of, corporate_currency, fiscal_year_start_month)
    VALUES (take_snapshot.as_of, salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month())
    ON CONFLICT DO NOTHING
    RETURNING as_of
  ), stored AS (
    INSERT INTO salesops.forecast_snapshot (as_of, source_key, period, owner_id, totals, estimated, unconvertible)
    SELECT t.as_of, f.source_key, f.period, f.owner_id, f.totals, f.estimated, f.unconvertible
    FROM taken t CROSS JOIN LATERAL salesops.forecast_by_quarter(t.as_of, t.as_of) f
    RETURNING 1
  )
  SELECT count(*) FROM stored;
END;
COMMENT ON FUNCTION salesops.take_snapshot(timestamptz) IS
  'Keep the forecast as of an instant, as known then; returns the rows written. A snapshot that exists stays as it is '
  'and nothing is written';

-- No difference and no snapshot must not look alike.
CREATE FUNCTION salesops.check_snapshot(as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  nearest timestamptz;
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.snapshot s WHERE s.as_of = check_snapshot.as_of) THEN
    nearest := (SELECT max(s.as_of) FROM salesops.snapshot s WHERE s.as_of < check_snapshot.as_of);
    RAISE EXCEPTION 'no snapshot was taken as of %', coalesce(check_snapshot.as_of::text, 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = format('The last one before it is of %s.', coalesce(nearest::text, '(none)')),
      HINT = 'SELECT as_of FROM salesops.snapshot lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_snapshot(timestamptz) IS 'Raises 42704 unless there is a snapshot of that instant';

CREATE FUNCTION salesops.replay_snapshot(as_of timestamptz, OUT source_key text, OUT period salesops.fiscal_period, OUT owner_id text,
                                         OUT stored salesops.forecast_totals, OUT replayed salesops.forecast_totals, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_snapshot(replay_snapshot.as_of);
  WITH snapshot AS MATERIALIZED (
    SELECT s.* FROM salesops.snapshot s WHERE s.as_of = replay_snapshot.as_of
  ), both_sides AS (
    SELECT f.source_key, f.period, f.owner_id, f.totals AS stored, NULL::salesops.forecast_totals AS replayed
    FROM salesops.forecast_snapshot f WHERE f.as_of = replay_snapshot.as_of
    UNION ALL
    SELECT f.source_key, f.period, f.owner_id, NULL, f.totals
    FROM snapshot s CROSS JOIN LATERAL salesops.forecast_by_quarter(s.as_of, s.as_of) f
  ), line AS (
    SELECT b.source_key, salesops.min(b.period) AS period, b.owner_id, coalesce(salesops.forecast_rollup(b.stored), 'no deals') AS stored,
           coalesce(salesops.forecast_rollup(b.replayed), 'no deals') AS replayed
    FROM both_sides b
    GROUP BY b.source_key, b.period::integer, b.owner_id
  )
  SELECT l.source_key, l.period, l.owner_id, l.stored, l.replayed,
         CASE WHEN s.corporate_currency <> salesops.get_setting('corporate_currency')
                THEN format('stored in %s, corporate currency is now %s', s.corporate_currency, salesops.get_setting('corporate_currency'))
              WHEN s.fiscal_year_start_month <> salesops.fiscal_year_start_month()
                THEN format('stored for fiscal years from month %s, now from month %s',
                            s.fiscal_year_start_month, salesops.fiscal_year_start_month())
              ELSE 'a map, rate or list price changed since' END
  FROM line l CROSS JOIN snapshot s
  WHERE l.stored OPERATOR(salesops.<>) l.replayed;
END;
COMMENT ON FUNCTION salesops.replay_snapshot(timestamptz) IS
  'Compute a stored snapshot again from opportunity_as_of(as_of, as_of) and name each source, quarter and owner whose '
  'totals differ; no row = '
  'it replays to the cent; 42704 where no snapshot was taken then';

CREATE VIEW salesops.opportunity_snapshot AS
  SELECT s.as_of AS snapshot_as_of, o.*
  FROM salesops.snapshot s CROSS JOIN LATERAL salesops.opportunity_as_of(s.as_of, s.as_of) o;
COMMENT ON VIEW salesops.opportunity_snapshot IS
  'Opportunities as of every stored snapshot, as known then; filter on snapshot_as_of';
COMMENT ON COLUMN salesops.opportunity_snapshot.snapshot_as_of IS 'Snapshot the state is of';

-- Views that show the columns of an opportunity say of them what the table says.
DO $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('COMMENT ON COLUMN %s.%I IS %L', v.attrelid::regclass, v.attname, col_description(t.attrelid, t.attnum))
    FROM pg_attribute v JOIN pg_attribute t ON t.attname = v.attname AND t.attrelid = 'salesops.opportunity'::regclass AND t.attnum > 0
    WHERE v.attrelid IN ('salesops.opportunity_version'::regclass, 'salesops.opportunity_snapshot'::regclass)
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
-- Questions about words (see wording.c).

CREATE FUNCTION salesops.is_blank(value text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_is_blank';
COMMENT ON FUNCTION salesops.is_blank(text) IS 'Whether a text is empty or nothing but spaces, tabs and line ends; NULL for NULL';

CREATE FUNCTION salesops.is_economic_buyer(role text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_is_economic_buyer';
COMMENT ON FUNCTION salesops.is_economic_buyer(text) IS
  'Whether a contact role is Economic Buyer, Economic Decision Maker or Decision Maker, case and outer spaces aside; NULL for NULL';
-- Whether a next step is specific (see next_step.c).
CREATE FUNCTION salesops.next_step_lacks(next_step text)
RETURNS text LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'salesops_next_step_lacks';
COMMENT ON FUNCTION salesops.next_step_lacks(text) IS
  'What a next step lacks of a date, a verb of action (English) and three words, such as "date, verb"; NULL = it is specific';
-- What rules look at. audit_row(as_of) has one row an open deal, with everything that a rule may ask about it;
-- audit_source(as_of) has one row an entity of a source. Both are inlined into the query of the pass, so that a fact no rule
-- asks for is not computed. The last activity, the dearest look-up, and the number of contact roles are scalar subqueries:
-- they run only for the deals whose answer hangs on them.
--
-- Settings stand in scalar subqueries too: one of those is run once, a function call once a row.
--
-- The deal is as of as_of, known at known_at; reps, contact roles, activities and maps are those known now.

CREATE FUNCTION salesops.won_cycle(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                   OUT source_key text, OUT deal_type text, OUT won_deals bigint, OUT p99_days integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  -- Deals are counted by length before a stage is looked up: lengths are few, and the stage matters only to deals whose source
  -- says neither that they are won nor that they are closed.
  WITH length AS MATERIALIZED (
    SELECT d.source_key, coalesce(d.deal_type, '') AS deal_type,
           d.close_date - (d.created_at AT TIME ZONE (SELECT salesops.time_zone()))::date AS days,
           d.is_won, CASE WHEN d.is_won THEN NULL ELSE d.pipeline END AS pipeline, CASE WHEN d.is_won THEN NULL ELSE d.stage END AS stage,
           count(*) AS deals
    FROM salesops.opportunity_as_of(won_cycle.as_of, won_cycle.known_at) d
    WHERE d.merged_into IS NULL AND (d.is_won OR d.is_closed IS NULL) AND d.close_date IS NOT NULL AND d.created_at IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
  ), won AS (
    SELECT l.source_key, l.deal_type, l.days, sum(l.deals) AS deals
    FROM length l
    LEFT JOIN salesops.stage_meaning(won_cycle.as_of) m
      ON m.source_key = l.source_key AND m.stage = l.stage AND salesops.means_stage(m.pipeline, m.but_in, l.pipeline)
    WHERE salesops.deal_status(l.is_won, NULL, m.status) = 'won'
    GROUP BY l.source_key, l.deal_type, l.days
  )
  -- percentile_disc() from counts by length.
  SELECT c.source_key, c.deal_type, max(c.deals)::bigint, min(c.days) FILTER (WHERE c.up_to >= ceil(0.99::double precision * c.deals))
  FROM (SELECT w.source_key, w.deal_type, w.days, sum(w.deals) OVER (PARTITION BY w.source_key, w.deal_type ORDER BY w.days) AS up_to,
               sum(w.deals) OVER (PARTITION BY w.source_key, w.deal_type) AS deals
        FROM won w) c
  GROUP BY c.source_key, c.deal_type;
END;
COMMENT ON FUNCTION salesops.won_cycle(timestamptz, timestamptz) IS
  'Cycles of won deals by source and deal type (empty = none stated): how many with both dates, and the 99th percentile of close date less creation date in days (percentile_disc: a cycle that occurred)';

CREATE FUNCTION salesops.confidence_step(category salesops.forecast_category)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE salesops.forecast_category_rank(category)
           WHEN 10 THEN 0 WHEN 20 THEN 1 WHEN 30 THEN 1 WHEN 40 THEN 2 WHEN 50 THEN 3 WHEN 60 THEN 4 WHEN 70 THEN 5 END;
END;
COMMENT ON FUNCTION salesops.confidence_step(salesops.forecast_category) IS
  'Step of a category in the order Omitted 0, Pipeline and Upside 1, Best Case 2, Most Likely 3, Commit 4, Closed 5';

CREATE FUNCTION salesops.audit_row(
  instant timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT name text, OUT account_id text, OUT owner_id text,
  OUT pipeline text, OUT stage text, OUT stage_label text, OUT stage_position integer, OUT is_stage_mapped boolean,
  OUT is_closed boolean, OUT is_won boolean,
  OUT category salesops.forecast_category, OUT stated_category salesops.forecast_category,
  OUT stage_category salesops.forecast_category, OUT category_label text, OUT category_gap integer,
  OUT deal_type text, OUT lead_source text, OUT product text, OUT product_id text, OUT quantity numeric,
  OUT stated_amount numeric, OUT list_amount numeric, OUT discount numeric, OUT margin numeric,
  OUT amount numeric, OUT amount_basis text, OUT currency text, OUT corporate_currency text, OUT per_corporate numeric,
  OUT corporate_amount numeric, OUT is_convertible boolean,
  OUT probability numeric, OUT stated_probability numeric, OUT probability_scale text,
  OUT close_date date, OUT close_quarter salesops.fiscal_period, OUT created_at timestamptz, OUT created_date date,
  OUT next_step text, OUT last_activity_at timestamptz, OUT stage_entered_at timestamptz, OUT confirmed_at timestamptz,
  OUT custom jsonb, OUT unreadable jsonb,
  OUT as_of timestamptz, OUT as_of_date date,
  OUT owner_name text, OUT owner_team text, OUT owner_is_known boolean, OUT owner_is_active boolean,
  OUT contact_roles bigint, OUT has_contact_role boolean, OUT has_economic_buyer boolean,
  OUT won_deals bigint, OUT cycle_p99_days integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT o.source_key, o.id, o.name, o.account_id, o.owner_id,
         o.pipeline, o.stage, o.stage_label, o.stage_position, o.is_stage_mapped,
         o.is_closed, o.is_won,
         o.category, o.stated_category, o.stage_category, o.category_label,
         salesops.confidence_step(o.stated_category) - salesops.confidence_step(o.stage_category),
         o.deal_type, o.lead_source, o.product, o.product_id, o.quantity,
         o.stated_amount, o.list_amount, o.discount, o.margin,
         o.amount, o.amount_basis, o.currency, (SELECT salesops.get_setting('corporate_currency')), o.per_corporate,
         o.corporate_amount,
         -- The rate itself takes a look-up; whether there is one follows from the first.
         o.currency = (SELECT salesops.get_setting('corporate_currency')) OR coalesce(q.first_rate_on <= least(o.close_date, (SELECT salesops.local_date(audit_row.instant))), false),
         o.probability, o.stated_probability, o.probability_scale,
         o.close_date, o.close_quarter, o.created_at, (o.created_at AT TIME ZONE (SELECT salesops.time_zone()))::date,
         o.next_step,
         greatest(CASE WHEN o.last_activity_at <= audit_row.instant THEN o.last_activity_at END,
                  (SELECT a.happened_at FROM salesops.activity a
                   WHERE a.source_key = o.source_key COLLATE "C" AND a.opportunity_id = o.id COLLATE "C"
                     AND a.happened_at <= audit_row.instant AND NOT a.is_deleted
                   ORDER BY a.happened_at DESC LIMIT 1)),
         o.stage_entered_at, o.confirmed_at,
         o.custom, o.unreadable,
         audit_row.instant, (SELECT salesops.local_date(audit_row.instant)),
         r.name, r.team, r.id IS NOT NULL, r.is_active,
         (SELECT count(*) FROM salesops.contact_role c
          WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted),
         b.best_role IS NOT NULL, b.best_role IS NOT DISTINCT FROM 'economic buyer',
         w.won_deals, w.p99_days
  FROM salesops.opportunity_state(audit_row.instant, audit_row.known_at) o
  LEFT JOIN salesops.rep r ON r.source_key = o.source_key AND r.id = o.owner_id AND NOT r.is_deleted
  -- Counting all roles would take longer than to ask for the best one, and most deals have it. OFFSET: asked once a deal.
  LEFT JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT FROM salesops.contact_role c
                             WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted
                               AND salesops.is_economic_buyer(c.role)) THEN 'economic buyer'
                WHEN EXISTS (SELECT FROM salesops.contact_role c
                             WHERE c.source_key = o.source_key COLLATE "C" AND c.opportunity_id = o.id COLLATE "C" AND NOT c.is_deleted)
                  THEN 'another' END AS best_role
    OFFSET 0) b ON true
  LEFT JOIN salesops.won_cycle(audit_row.instant, audit_row.known_at) w
    ON w.source_key = o.source_key AND w.deal_type = coalesce(o.deal_type, '')
  LEFT JOIN (SELECT q.source_key, q.currency, min(q.valid_from) AS first_rate_on FROM salesops.currency_rate q
             WHERE NOT q.is_deleted AND q.per_corporate > 0
             GROUP BY q.source_key, q.currency) q ON q.source_key = o.source_key AND q.currency = o.currency
  WHERE o.is_open
    -- Implied by the status, and known before the stage is looked up.
    AND o.is_won IS NOT TRUE AND o.is_closed IS NOT TRUE;
END;
COMMENT ON FUNCTION salesops.audit_row(timestamptz, timestamptz) IS
  'Open deals as of an instant with every fact that a rule may ask about; audit_columns() explains the columns';

CREATE FUNCTION salesops.audit_source(
  instant timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT owner_id text, OUT as_of timestamptz, OUT as_of_date date,
  OUT newest_row_at timestamptz, OUT synced_at timestamptz, OUT rows_read bigint, OUT duplicates bigint, OUT unidentified bigint,
  OUT sqlstate text, OUT message text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH known AS (
    SELECT y.* FROM salesops.source_sync y
    JOIN salesops.source c ON c.source_key = y.source_key AND c.is_active
    WHERE y.as_of <= coalesce(audit_source.known_at, audit_source.instant)
  )
  SELECT s.source_key, s.entity, NULL, audit_source.instant, salesops.local_date(audit_source.instant),
         (SELECT max(k.watermark) FROM known k WHERE k.source_key = s.source_key AND k.sqlstate IS NULL),
         s.as_of, s.rows_read, c.duplicates, c.unidentified, s.sqlstate, s.message
  FROM (SELECT DISTINCT ON (k.source_key, k.entity) k.* FROM known k ORDER BY k.source_key, k.entity, k.sync_id DESC) s
  LEFT JOIN LATERAL (SELECT max(k.sync_id) AS sync_id FROM known k
                     WHERE k.source_key = s.source_key AND k.entity = s.entity AND k.mode = 'full' AND k.sqlstate IS NULL) f ON true
  -- An incremental sync sees few rows: what the last full one counted still holds.
  CROSS JOIN LATERAL (SELECT max(k.duplicates) AS duplicates, max(k.unidentified) AS unidentified FROM known k
                      WHERE k.source_key = s.source_key AND k.entity = s.entity AND k.sync_id >= f.sync_id) c;
END;
COMMENT ON FUNCTION salesops.audit_source(timestamptz, timestamptz) IS
  'One row an entity (id) of each active source: how its last sync went, and the newest row stamp of the whole source; audit_columns(''source'') explains the columns';

CREATE FUNCTION salesops.audit_columns(object_kind text DEFAULT 'opportunity', OUT name text, OUT type text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT a.name, pg_catalog.format_type(a.type, NULL),
         coalesce(e.meaning,
                  (SELECT pg_catalog.col_description(c.attrelid, c.attnum) FROM pg_catalog.pg_attribute c
                   WHERE c.attrelid = 'salesops.opportunity'::pg_catalog.regclass AND c.attname = a.name))
  FROM (VALUES ('opportunity', 'audit_row'), ('source', 'audit_source')) AS k(object_kind, function)
  JOIN pg_catalog.pg_proc f ON f.proname = k.function AND f.pronamespace = 'salesops'::pg_catalog.regnamespace
  CROSS JOIN LATERAL ROWS FROM (unnest(f.proargnames), unnest(f.proallargtypes), unnest(f.proargmodes))
                     WITH ORDINALITY AS a(name, type, mode, "position")
  LEFT JOIN (VALUES
    ('opportunity', 'stage_label', 'Name of the stage to show'),
    ('opportunity', 'stage_position', 'Order of the stage in its pipeline'),
    ('opportunity', 'is_stage_mapped', 'Whether the stage has a meaning (stage_map or standard)'),
    ('opportunity', 'category', 'Forecast category: the stated one, else that of the stage'),
    ('opportunity', 'stated_category', 'Forecast category that the label means; NULL = none stated or unmapped'),
    ('opportunity', 'stage_category', 'Forecast category that the stage implies'),
    ('opportunity', 'category_label', 'Forecast category as stated'),
    ('opportunity', 'category_gap', 'Steps by which the stated category is more confident than that of the stage (negative = less); see confidence_step()'),
    ('opportunity', 'product_id', 'Product that the label means; NULL = none'),
    ('opportunity', 'stated_amount', 'Amount as the source states it'),
    ('opportunity', 'amount', 'Amount as stated, or estimated from the list price'),
    ('opportunity', 'amount_basis', 'stated, list price (an estimate) or unknown'),
    ('opportunity', 'currency', 'Currency of the amounts'),
    ('opportunity', 'corporate_currency', 'Currency of totals'),
    ('opportunity', 'per_corporate', 'Units of currency for one corporate unit; NULL = no dated rate'),
    ('opportunity', 'corporate_amount', 'Amount in corporate currency; NULL = unknown or cannot be converted'),
    ('opportunity', 'is_convertible', 'Whether the currency is the corporate one or has a dated rate'),
    ('opportunity', 'probability', 'Probability 0-1; NULL = not stated or off the scale'),
    ('opportunity', 'stated_probability', 'Probability as stated'),
    ('opportunity', 'probability_scale', 'percent or fraction: the scale of the source'),
    ('opportunity', 'close_quarter', 'Fiscal quarter of the close date'),
    ('opportunity', 'created_date', 'Date of created_at in the zone of the setting'),
    ('opportunity', 'last_activity_at', 'Last activity up to as_of, by the activity table or the deal''s own field'),
    ('opportunity', 'as_of', 'Instant of the audit'),
    ('opportunity', 'as_of_date', 'Its date in the zone of the setting'),
    ('opportunity', 'owner_name', 'Name of the owner'),
    ('opportunity', 'owner_team', 'Team of the owner'),
    ('opportunity', 'owner_is_known', 'Whether the owner is among the source''s reps'),
    ('opportunity', 'owner_is_active', 'Whether the owner is active; NULL = unknown'),
    ('opportunity', 'contact_roles', 'Number of contact roles'),
    ('opportunity', 'has_contact_role', 'Whether there is one'),
    ('opportunity', 'has_economic_buyer', 'Whether one is Economic Buyer, Economic Decision Maker or Decision Maker'),
    ('opportunity', 'won_deals', 'Won deals of the same source and deal type with both dates'),
    ('opportunity', 'cycle_p99_days', '99th percentile of their cycles in days'),
    ('source', 'source_key', 'Source'),
    ('source', 'id', 'Entity (canonical table)'),
    ('source', 'owner_id', 'Nobody: NULL'),
    ('source', 'as_of', 'Instant of the audit'),
    ('source', 'as_of_date', 'Its date in the zone of the setting'),
    ('source', 'newest_row_at', 'Newest row stamp of the whole source; NULL = its rows carry none'),
    ('source', 'synced_at', 'as_of of the last sync of the entity'),
    ('source', 'rows_read', 'Rows it read'),
    ('source', 'duplicates', 'Rows it left out because a newer row has the same id'),
    ('source', 'unidentified', 'Rows it left out because they have no id'),
    ('source', 'sqlstate', 'SQLSTATE of its failure; NULL = succeeded'),
    ('source', 'message', 'Message of its failure')
  ) AS e(object_kind, name, meaning) ON e.object_kind = k.object_kind AND e.name = a.name
  WHERE k.object_kind = audit_columns.object_kind AND a.mode = 'o'
  ORDER BY a."position";
END;
COMMENT ON FUNCTION salesops.audit_columns(text) IS 'Columns that a rule on an object kind (opportunity, source) may use';
-- The rules that come with the product: the six points of the pipeline checklist, what lies beyond them, and the sources.
--
-- applies says which objects a rule is about (the base of completeness), violation which of them fail it, value what to
-- show. {bound} stands for the bound, as a literal. targets are the canonical fields that a source must offer, or the rule
-- is not checkable there; a|b = one of the two is enough. cause says what one fix would cure: all findings with the same
-- value, all of the same owner, or each on its own.

CREATE FUNCTION salesops.default_rules(
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  SELECT r.name, r.checklist_item, r.field, r.object_kind, r.applies, r.violation, r.value, r.bound, r.severity, r.cause,
         r.targets::text[], r.description
  FROM (VALUES
    -- Required fields, one rule a field, so that completeness is per field.
    ('missing_amount', 'required_fields', 'amount', 'opportunity', NULL, 'stated_amount IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.amount}', 'An open deal has an amount'),
    ('missing_close_date', 'required_fields', 'close_date', 'opportunity', NULL, 'close_date IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.close_date}', 'An open deal has a close date'),
    ('missing_stage', 'required_fields', 'stage', 'opportunity', NULL, $$coalesce(stage, '') = ''$$, NULL, NULL,
     'error', 'owner', '{opportunity.stage}', 'An open deal has a stage'),
    ('missing_owner', 'required_fields', 'owner_id', 'opportunity', NULL, 'owner_id IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.owner_id}', 'An open deal has an owner'),
    ('missing_account', 'required_fields', 'account_id', 'opportunity', NULL, 'account_id IS NULL', NULL, NULL,
     'error', 'owner', '{opportunity.account_id}', 'An open deal has an account'),

    -- The activity is looked up last: a deal that was changed lately needs none.
    ('not_confirmed', 'confirmed', NULL, 'opportunity',
     'confirmed_at IS NOT NULL OR last_activity_at IS NOT NULL',
     'coalesce(as_of - confirmed_at > {bound}, true) AND coalesce(as_of - last_activity_at > {bound}, true)',
     'greatest(confirmed_at, last_activity_at)', '7 days',
     'warning', 'owner', '{opportunity.stage}',
     'Stage, amount, close date or next step changed, or an activity was logged, within the bound'),

    ('close_date_past', 'close_date', 'close_date', 'opportunity', 'close_date IS NOT NULL',
     'close_date < as_of_date', 'close_date', NULL,
     'error', 'owner', '{opportunity.close_date}', 'The close date of an open deal is not past'),
    ('close_date_unrealistic', 'close_date', 'close_date', 'opportunity',
     'close_date IS NOT NULL AND created_date IS NOT NULL AND won_deals >= {bound}',
     'close_date - created_date > cycle_p99_days',
     $$format('%s days, 99 %% of won deals took at most %s', close_date - created_date, cycle_p99_days)$$, '30',
     'warning', 'owner', '{opportunity.close_date,opportunity.created_at}',
     'The deal closes within the cycle of 99 % of the won deals of its source and deal type, where there are at least the bound of them'),

    ('amount_not_positive', 'amount', 'amount', 'opportunity', 'stated_amount IS NOT NULL',
     'stated_amount <= {bound}', 'stated_amount', '0',
     'error', 'owner', '{opportunity.amount}', 'The amount is above the bound'),
    ('amount_off_list', 'amount', 'amount', 'opportunity', 'stated_amount IS NOT NULL AND list_amount > 0',
     'abs(stated_amount - list_amount) > {bound} * list_amount',
     $$format('%s against %s at list', stated_amount, list_amount)$$, '0.5',
     'warning', 'owner', '{opportunity.amount,opportunity.list_amount|product.list_price}',
     'The amount is within this share of the amount at list price'),

    ('missing_contact_role', 'contact_roles', 'contact_role', 'opportunity', NULL, 'NOT has_contact_role', NULL, NULL,
     'warning', 'owner', '{contact_role.opportunity_id}', 'The deal has a contact role'),
    ('missing_economic_buyer', 'contact_roles', 'contact_role', 'opportunity', 'has_contact_role',
     'NOT has_economic_buyer', NULL, NULL,
     'warning', 'owner', '{contact_role.opportunity_id,contact_role.role}', 'One of the contact roles is an economic buyer'),

    ('missing_next_step', 'next_step', 'next_step', 'opportunity', NULL,
     'next_step IS NULL OR is_blank(next_step)', NULL, NULL,
     'warning', 'owner', '{opportunity.next_step}', 'The deal has a next step'),
    ('vague_next_step', 'next_step', 'next_step', 'opportunity', 'NOT is_blank(next_step)',
     'next_step_lacks(next_step) IS NOT NULL',
     $$format('lacks %s: %s', next_step_lacks(next_step), left(next_step, 200))$$, NULL,
     'info', 'owner', '{opportunity.next_step}', 'The next step has a date, a verb and at least three words'),

    -- Beyond the checklist.
    ('unmapped_stage', NULL, 'stage', 'opportunity', $$stage <> ''$$,
     'NOT is_stage_mapped AND is_closed IS NULL AND is_won IS NULL', 'stage', NULL,
     'error', 'value', '{opportunity.stage}', 'The stage has a meaning; map_stage() gives it one'),
    ('unmapped_category', NULL, 'forecast_category', 'opportunity', $$category_label <> ''$$,
     'stated_category IS NULL', 'category_label', NULL,
     'warning', 'value', '{opportunity.forecast_category}', 'The forecast category has a meaning; map_category() gives it one'),
    ('category_conflict', NULL, 'forecast_category', 'opportunity', 'category_gap IS NOT NULL',
     $$stated_category = 'Closed' OR abs(category_gap) >= {bound}$$,
     $$format('%s stated, %s by stage', stated_category, stage_category)$$, '2',
     'warning', 'owner', '{opportunity.forecast_category,opportunity.stage}',
     'The stated category is not Closed, and fewer steps than the bound away from that of the stage'),
    ('probability_scale', NULL, 'probability', 'opportunity', 'stated_probability IS NOT NULL',
     $$stated_probability < 0
       OR CASE probability_scale WHEN 'percent' THEN stated_probability > 100 OR stated_probability > 0 AND stated_probability < 1
                                 ELSE stated_probability > 1 END$$, 'stated_probability', NULL,
     'warning', 'owner', '{opportunity.probability}', 'The probability lies on the scale of its source'),
    ('owner_unknown', NULL, 'owner_id', 'opportunity', 'owner_id IS NOT NULL',
     'NOT owner_is_known', 'owner_id', NULL,
     'error', 'value', '{opportunity.owner_id,rep.id}', 'The owner is among the reps of the source'),
    ('owner_inactive', NULL, 'owner_id', 'opportunity', 'owner_is_known AND owner_is_active IS NOT NULL',
     'NOT owner_is_active', 'owner_id', NULL,
     'error', 'value', '{opportunity.owner_id,rep.is_active}', 'The owner is active'),
    ('close_before_create', NULL, 'close_date', 'opportunity', 'close_date IS NOT NULL AND created_date IS NOT NULL',
     'close_date < created_date', $$format('closes %s, created %s', close_date, created_date)$$, NULL,
     'error', 'owner', '{opportunity.close_date,opportunity.created_at}', 'The close date is not before the creation'),
    ('unknown_start', NULL, 'created_at', 'opportunity', NULL, 'created_at IS NULL', NULL, NULL,
     'warning', 'owner', '{opportunity.created_at}', 'It is known when the deal began'),
    ('unmapped_product', NULL, 'product', 'opportunity', $$product <> ''$$,
     'product_id IS NULL', 'product', NULL,
     'warning', 'value', '{opportunity.product,product.id}', 'The product is a known one; map_value() maps a name to one'),
    ('unconvertible_currency', NULL, 'currency', 'opportunity', 'currency <> corporate_currency',
     'NOT is_convertible', 'currency', NULL,
     'error', 'value', '{}', 'There is a dated rate for the currency'),
    ('unreadable_value', NULL, NULL, 'opportunity', NULL,
     $$unreadable <> '{}'$$, 'left(unreadable::text, 500)', NULL,
     'error', 'owner', '{}', 'Every stated value can be read as its type'),

    -- Sources, one row an entity. Staleness is of the whole source, said once, of its deals.
    ('source_stale', NULL, NULL, 'source', $$id = 'opportunity' AND newest_row_at IS NOT NULL$$,
     'as_of - newest_row_at > {bound}', 'newest_row_at', '24 hours',
     'error', 'value', '{}', 'The newest row of the source is younger than the bound'),
    ('source_unreadable', NULL, NULL, 'source', NULL, 'sqlstate IS NOT NULL',
     $$format('%s: %s', sqlstate, message)$$, NULL,
     'error', 'value', '{}', 'The last sync of the entity succeeded'),
    ('duplicate_ids', NULL, NULL, 'source', 'sqlstate IS NULL', 'duplicates > {bound}', 'duplicates', '0',
     'warning', 'value', '{}', 'No more rows than the bound share the id of another'),
    ('missing_ids', NULL, NULL, 'source', 'sqlstate IS NULL', 'unidentified > {bound}', 'unidentified', '0',
     'warning', 'value', '{}', 'No more rows than the bound have no id'),

    -- Found by the audit itself, so it has no predicate.
    ('rule_failed', NULL, NULL, 'rule', NULL, NULL, NULL, NULL,
     'error', 'value', '{}', 'Every rule could be evaluated')
  ) AS r(name, checklist_item, field, object_kind, applies, violation, value, bound, severity, cause, targets, description);
END;
COMMENT ON FUNCTION salesops.default_rules() IS
  'The rules that come with the product; audit_rules() gives the ones in force, with what users added and changed';
-- Rules: those of the product, those users added, and what users changed.
--
-- The table holds only users' decisions, each as a version that is never changed: a dump carries those and an upgrade may
-- better the rest. A rule's predicates are SQL over one audit row and run under the rights of the role that added it, so
-- its owner is no column anybody can write: add_rule() and its kin run as their caller, write_rule() (C) notes who that is
-- and is the only door to the table (see rule_door.c). The table names the role, so that a dump can be restored where the role
-- is missing; whether there is one of that name is asked when the rule is evaluated.

CREATE TABLE salesops.audit_rule (
  version_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
  valid_from     timestamptz NOT NULL,
  is_enabled     boolean NOT NULL,
  bound          text,
  severity       text NOT NULL CHECK (severity IN ('error', 'warning', 'info')),
  rule_owner     text,
  checklist_item text,
  field          text,
  object_kind    text CHECK (object_kind IN ('opportunity', 'source')),
  applies        text,
  violation      text,
  value          text,
  cause          text CHECK (cause IN ('value', 'owner')),
  targets        text[],
  description    text,
  set_by         text NOT NULL,
  set_at         timestamptz NOT NULL,
  CHECK ((violation IS NULL) = (rule_owner IS NULL))
);
CREATE INDEX audit_rule_name ON salesops.audit_rule (name, valid_from DESC, version_id DESC);
COMMENT ON TABLE salesops.audit_rule IS 'Rules that users added and default rules that they changed, one row a version; never updated';
COMMENT ON COLUMN salesops.audit_rule.version_id IS 'Number of the version; of versions with one valid_from the higher holds';
COMMENT ON COLUMN salesops.audit_rule.name IS 'Name of the rule';
COMMENT ON COLUMN salesops.audit_rule.valid_from IS 'From which as_of on the version holds';
COMMENT ON COLUMN salesops.audit_rule.is_enabled IS 'Whether the rule is evaluated';
COMMENT ON COLUMN salesops.audit_rule.bound IS 'What {bound} stands for';
COMMENT ON COLUMN salesops.audit_rule.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.audit_rule.rule_owner IS 'Name of the role that added the rule: its predicates run under its rights, and where it does not exist the rule fails; NULL = a default rule';
COMMENT ON COLUMN salesops.audit_rule.checklist_item IS 'Point of the checklist it belongs to; NULL = none, it does not count as completeness of a rep or team';
COMMENT ON COLUMN salesops.audit_rule.field IS 'Field it is about';
COMMENT ON COLUMN salesops.audit_rule.object_kind IS 'What it looks at: opportunity (open deals) or source';
COMMENT ON COLUMN salesops.audit_rule.applies IS 'Predicate: which objects it is about; NULL = all';
COMMENT ON COLUMN salesops.audit_rule.violation IS 'Predicate: which of them violate it; NULL = the predicates of the default rule';
COMMENT ON COLUMN salesops.audit_rule.value IS 'Expression: what a finding shows';
COMMENT ON COLUMN salesops.audit_rule.cause IS 'Which findings one fix would cure: those with the same value, or of the same owner';
COMMENT ON COLUMN salesops.audit_rule.targets IS 'Canonical fields (entity.column, a|b = either) that a source must offer, else it is not checkable there';
COMMENT ON COLUMN salesops.audit_rule.description IS 'What holds for an object that passes';
COMMENT ON COLUMN salesops.audit_rule.set_by IS 'Name of the role that made the version';
COMMENT ON COLUMN salesops.audit_rule.set_at IS 'When it was made';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_rule', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_rule_version_id_seq', '');
COMMENT ON SEQUENCE salesops.audit_rule_version_id_seq IS 'Numbers of rule versions';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.audit_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.change_rule() or salesops.disable_rule().');
COMMENT ON TRIGGER append_only ON salesops.audit_rule IS 'What a rule said on a day must stay known';

-- Whoever could write the table could name a superuser as the author of what he wrote.
CREATE FUNCTION salesops.refuse_forged_rule()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = tg_relid), 'USAGE') THEN
    RAISE EXCEPTION 'rules cannot be written into the table' USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = 'A rule runs under the rights of the role that the table names as its author.',
      HINT = 'Call salesops.add_rule(), change_rule() or disable_rule().';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.refuse_forged_rule() IS
  'Trigger: refuses rows from anybody but the owner of the table, who alone can say whose rule it is, whatever was granted';
CREATE TRIGGER owner_writes BEFORE INSERT ON salesops.audit_rule
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_forged_rule();
COMMENT ON TRIGGER owner_writes ON salesops.audit_rule IS 'Nobody can give a rule to somebody else';

CREATE FUNCTION salesops.audit_rules(
  as_of timestamptz DEFAULT now(),
  OUT name text, OUT checklist_item text, OUT field text, OUT object_kind text, OUT applies text, OUT violation text,
  OUT value text, OUT bound text, OUT severity text, OUT cause text, OUT targets text[], OUT description text,
  OUT is_enabled boolean, OUT is_default boolean, OUT rule_owner text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
  WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (r.name) r.* FROM salesops.audit_rule r
    WHERE r.valid_from <= audit_rules.as_of
    ORDER BY r.name, r.valid_from DESC, r.version_id DESC
  )
  SELECT d.name, d.checklist_item, d.field, d.object_kind, d.applies, d.violation, d.value,
         CASE WHEN s.name IS NULL THEN d.bound ELSE s.bound END, coalesce(s.severity, d.severity),
         d.cause, d.targets, d.description, coalesce(s.is_enabled, true), true,
         (SELECT pg_catalog.pg_get_userbyid(e.extowner)::text FROM pg_catalog.pg_extension e WHERE e.extname = 'salesops')
  FROM salesops.default_rules() d LEFT JOIN said s ON s.name = d.name AND s.violation IS NULL
  UNION ALL
  SELECT s.name, s.checklist_item, s.field, s.object_kind, s.applies, s.violation, s.value, s.bound, s.severity,
         s.cause, s.targets, s.description, s.is_enabled, false, s.rule_owner
  FROM said s
  WHERE s.violation IS NOT NULL AND NOT EXISTS (SELECT FROM salesops.default_rules() d WHERE d.name = s.name);
END;
COMMENT ON FUNCTION salesops.audit_rules(timestamptz) IS
  'The rules in force at an instant: the default ones as users changed them and those users added; of a user''s versions the one with the latest valid_from holds';

-- The rule of a name, or an error that says which there are.
CREATE FUNCTION salesops.get_rule(name text, as_of timestamptz DEFAULT 'infinity')
RETURNS record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rule record;
BEGIN
  SELECT * INTO rule FROM salesops.audit_rules(get_rule.as_of) r WHERE r.name = get_rule.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no rule %', coalesce(quote_literal(get_rule.name), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT name, description FROM salesops.audit_rules() lists them.';
  END IF;
  RETURN rule;
END $$;
COMMENT ON FUNCTION salesops.get_rule(text, timestamptz) IS 'A rule in force; 42704 where there is none of that name';

CREATE FUNCTION salesops.check_rule(object_kind text, applies text, violation text, value text, bound text, author text DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'salesops_check_rule';
COMMENT ON FUNCTION salesops.check_rule(text, text, text, text, text, text) IS
  'Check the expressions of a rule without storing it: each must be one SQL expression over the columns of audit_columns(object_kind), predicates boolean; 42601 or 42703 with a hint where not. Under the rights of the author (NULL = the caller), which the caller must have';

CREATE FUNCTION salesops.write_rule(name text, valid_from timestamptz, is_enabled boolean, bound text, severity text,
                                    checklist_item text, field text, object_kind text, applies text, violation text, value text,
                                    cause text, targets text[], description text)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'salesops_write_rule';
COMMENT ON FUNCTION salesops.write_rule(text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) IS
  'Store a version of a rule in the caller''s name; violation NULL changes a rule there is, otherwise it is a new rule of the caller''s. Call add_rule(), change_rule() or disable_rule()';

-- What write_rule() calls as the owner of the extension, with the role that called it.
CREATE FUNCTION salesops.store_rule(caller regrole, name text, valid_from timestamptz, is_enabled boolean, bound text, severity text,
                                    checklist_item text, field text, object_kind text, applies text, violation text, value text,
                                    cause text, targets text[], description text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  caller_name text := (SELECT a.rolname FROM pg_roles a WHERE a.oid = caller);
  present record;
  keeper oid;
BEGIN
  IF name !~ '^[a-z][a-z0-9_]{0,62}$' THEN
    RAISE EXCEPTION 'invalid name of a rule: %', quote_literal(name) USING
      ERRCODE = 'invalid_name', HINT = 'Use a lower-case letter, then up to 62 lower-case letters, digits and underscores.';
  END IF;
  IF severity NOT IN ('error', 'warning', 'info') THEN
    RAISE EXCEPTION 'unknown severity: %', quote_literal(severity) USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use error, warning or info.';
  END IF;
  -- Two changes of one rule at a time would each start from the version before.
  LOCK TABLE salesops.audit_rule IN SHARE ROW EXCLUSIVE MODE;
  SELECT r.name, r.rule_owner, r.is_default INTO present FROM salesops.audit_rules('infinity') r WHERE r.name = store_rule.name;
  IF FOUND AND violation IS NOT NULL AND (present.is_default OR present.rule_owner <> caller_name) THEN
    RAISE EXCEPTION 'there is a rule "%" already', name USING
      ERRCODE = 'duplicate_object',
      DETAIL = CASE WHEN present.is_default THEN 'It is a default rule.' ELSE format('It belongs to %s.', present.rule_owner) END,
      HINT = 'Choose another name; change_rule() changes its bound and severity, disable_rule() silences it.';
  END IF;
  -- A rule whose owner is gone is in the hands of who owns the extension.
  keeper := coalesce((SELECT a.oid FROM pg_roles a WHERE a.rolname = present.rule_owner),
                     (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'salesops'));
  IF FOUND AND NOT present.is_default AND NOT pg_has_role(caller, keeper, 'USAGE') THEN
    RAISE EXCEPTION 'rule "%" belongs to %', name, present.rule_owner USING
      ERRCODE = 'insufficient_privilege', HINT = 'Only its owner, and who has the owner''s rights, may change it.';
  END IF;
  IF violation IS NULL AND NOT present.is_default THEN
    INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, bound, severity, rule_owner, checklist_item, field, object_kind,
                                     applies, violation, value, cause, targets, description, set_by, set_at)
    SELECT name, valid_from, is_enabled, bound, severity, r.rule_owner, r.checklist_item, r.field, r.object_kind,
           r.applies, r.violation, r.value, r.cause, r.targets, r.description, caller_name, clock_timestamp()
    FROM salesops.audit_rules('infinity') r WHERE r.name = store_rule.name;
  ELSE
    INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, bound, severity, rule_owner, checklist_item, field, object_kind,
                                     applies, violation, value, cause, targets, description, set_by, set_at)
    VALUES (name, valid_from, is_enabled, bound, severity, CASE WHEN violation IS NOT NULL THEN caller_name END, checklist_item, field, object_kind,
            applies, violation, value, cause, targets, description, caller_name, clock_timestamp());
  END IF;
END $$;
COMMENT ON FUNCTION salesops.store_rule(regrole, text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) IS
  'The writing half of write_rule(): only the owner of the extension may call it, for it believes the caller it is told';
REVOKE EXECUTE ON FUNCTION salesops.store_rule(regrole, text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) FROM PUBLIC;

CREATE FUNCTION salesops.add_rule(name text, violation text, severity text DEFAULT 'warning', description text DEFAULT NULL,
                                  applies text DEFAULT NULL, value text DEFAULT NULL, bound text DEFAULT NULL,
                                  field text DEFAULT NULL, checklist_item text DEFAULT NULL, object_kind text DEFAULT 'opportunity',
                                  cause text DEFAULT 'owner', targets text[] DEFAULT '{}', valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  target text;
BEGIN
  IF name IS NULL OR violation IS NULL OR severity IS NULL OR valid_from IS NULL THEN
    RAISE EXCEPTION 'a rule needs a name, a predicate, a severity and an instant from which it holds' USING
      ERRCODE = 'null_value_not_allowed',
      HINT = $h$Call add_rule('deal_too_large', 'amount > {bound}', bound => '1000000').$h$;
  END IF;
  IF cause IS NULL OR cause NOT IN ('value', 'owner') THEN
    RAISE EXCEPTION 'unknown cause: %', coalesce(quote_literal(cause), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use value or owner: what one fix would cure.';
  END IF;
  FOREACH target IN ARRAY coalesce(string_to_array(array_to_string(targets, '|'), '|'), '{}') LOOP
    IF NOT EXISTS (SELECT FROM salesops.entities() e, salesops.entity_targets(e.entity) t
                   WHERE e.entity = split_part(target, '.', 1) AND t.target = split_part(target, '.', 2)) THEN
      RAISE EXCEPTION 'unknown target: %', quote_literal(target) USING
        ERRCODE = 'undefined_column', HINT = 'Write entity.column; salesops.entity_targets(entity) lists the columns.';
    END IF;
  END LOOP;
  PERFORM salesops.write_rule(name, valid_from, true, bound, severity, checklist_item, field, object_kind, applies, violation, value,
                              cause, coalesce(targets, '{}'), coalesce(description, violation));
END $$;
COMMENT ON FUNCTION salesops.add_rule(text, text, text, text, text, text, text, text, text, text, text, text[], timestamptz) IS
  'Add a rule, or a version of a rule of your own: violation, applies and value are SQL over the columns of audit_columns(), {bound} stands for the bound. It runs under the rights of the role that adds it';

CREATE FUNCTION salesops.change_rule(name text, bound text DEFAULT NULL, severity text DEFAULT NULL, is_enabled boolean DEFAULT NULL,
                                     valid_from timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  rule record := salesops.get_rule(name);
BEGIN
  IF bound IS NOT NULL AND concat(rule.applies, rule.violation, rule.value) NOT LIKE '%{bound}%' THEN
    RAISE EXCEPTION 'rule "%" has no bound', name USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Change its severity, or disable it and add a rule of your own.';
  END IF;
  -- A change holds from where the version before did, unless a later instant is named.
  valid_from := coalesce(valid_from, (SELECT max(r.valid_from) FROM salesops.audit_rule r WHERE r.name = change_rule.name), '-infinity');
  IF bound IS NOT NULL THEN
    PERFORM salesops.check_rule(rule.object_kind, rule.applies, rule.violation, rule.value, bound,
                                CASE WHEN NOT rule.is_default THEN rule.rule_owner END);
  END IF;
  PERFORM salesops.write_rule(name, valid_from, coalesce(is_enabled, rule.is_enabled), coalesce(bound, rule.bound),
                              coalesce(severity, rule.severity), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
END $$;
COMMENT ON FUNCTION salesops.change_rule(text, text, text, boolean, timestamptz) IS
  'Change the bound or severity of a rule, or whether it is enabled; what is NULL stays. A new version: what held before stays known';

CREATE FUNCTION salesops.disable_rule(name text)
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.change_rule(disable_rule.name, is_enabled => false);
END;
COMMENT ON FUNCTION salesops.disable_rule(text) IS
  'Evaluate a rule no longer: the next audit resolves its findings; change_rule(name, is_enabled => true) brings it back';

-- Who may make rules is the administrator's decision: GRANT EXECUTE ON FUNCTION salesops.write_rule ... TO analysts.
REVOKE EXECUTE ON FUNCTION salesops.write_rule(text, timestamptz, boolean, text, text, text, text, text, text, text, text, text, text[], text) FROM PUBLIC;

-- Where a rule can be checked.
CREATE FUNCTION salesops.rule_sources(as_of timestamptz DEFAULT now(), known_at timestamptz DEFAULT NULL,
                                      OUT rule text, OUT source_key text, OUT is_checkable boolean, OUT missing text[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH offered AS MATERIALIZED (
    SELECT y.source_key, y.entity || '.' || t.target AS target
    FROM (SELECT DISTINCT ON (x.source_key, x.entity) x.* FROM salesops.source_sync x
          WHERE x.sqlstate IS NULL AND x.as_of <= coalesce(rule_sources.known_at, rule_sources.as_of)
          ORDER BY x.source_key, x.entity, x.sync_id DESC) y
    CROSS JOIN LATERAL unnest(y.targets) t(target)
  )
  SELECT r.name, c.source_key, m.missing IS NULL, m.missing
  FROM salesops.audit_rules(rule_sources.as_of) r
  CROSS JOIN salesops.source c
  CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(t.target) AS missing FROM unnest(r.targets) t(target)
    WHERE NOT EXISTS (SELECT FROM offered o
                      WHERE o.source_key = c.source_key AND o.target = ANY (pg_catalog.string_to_array(t.target, '|')))) m;
END;
COMMENT ON FUNCTION salesops.rule_sources(timestamptz, timestamptz) IS
  'Which rule is checkable for which source, by what its last sync offered; missing = the targets it lacks';
-- The pass (see evaluate.c).

CREATE TYPE salesops.rule_tally AS (source_key text, owner_id text, applicable bigint, failed bigint);
COMMENT ON TYPE salesops.rule_tally IS 'How many objects of an owner in a source a rule applied to, and how many failed it';

CREATE FUNCTION salesops.evaluate_rules(as_of timestamptz, known_at timestamptz DEFAULT NULL, rules text[] DEFAULT NULL)
RETURNS TABLE(rule text, object_kind text, severity text, bound text, sqlstate text, message text,
              violations salesops.violation[], tallies salesops.rule_tally[])
LANGUAGE c ROWS 30 AS 'MODULE_PATHNAME', 'salesops_evaluate_rules';
COMMENT ON FUNCTION salesops.evaluate_rules(timestamptz, timestamptz, text[]) IS
  'Evaluate the enabled rules (all, or those named) over the open deals as of an instant as known at another, writing nothing. One row a rule: its violations and tallies, or why it failed';
-- It shows what rules of others find, under their rights.
REVOKE EXECUTE ON FUNCTION salesops.evaluate_rules(timestamptz, timestamptz, text[]) FROM PUBLIC;
-- The nightly audit: evaluate, open and close findings, keep the tallies. A second night without a change writes no
-- finding; that it passed is in audit_log and audit_tally.

CREATE TABLE salesops.audit_log (
  run_id     bigint PRIMARY KEY,
  as_of      timestamptz NOT NULL,
  known_at   timestamptz,
  rules      integer NOT NULL,
  failed     integer NOT NULL,
  opened     bigint NOT NULL,
  resolved   bigint NOT NULL,
  open       bigint NOT NULL,
  audited_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX audit_log_as_of ON salesops.audit_log (as_of, audited_at);
COMMENT ON TABLE salesops.audit_log IS 'Audits that completed';
COMMENT ON COLUMN salesops.audit_log.run_id IS 'Run of the job; negative = an audit by hand';
COMMENT ON COLUMN salesops.audit_log.as_of IS 'Instant that was audited';
COMMENT ON COLUMN salesops.audit_log.known_at IS 'As known at; NULL = at as_of itself';
COMMENT ON COLUMN salesops.audit_log.rules IS 'Rules evaluated';
COMMENT ON COLUMN salesops.audit_log.failed IS 'Rules that could not be evaluated';
COMMENT ON COLUMN salesops.audit_log.opened IS 'Findings it opened';
COMMENT ON COLUMN salesops.audit_log.resolved IS 'Findings it resolved';
COMMENT ON COLUMN salesops.audit_log.open IS 'Findings open after it';
COMMENT ON COLUMN salesops.audit_log.audited_at IS 'Wall clock time';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_log', '');

CREATE TABLE salesops.audit_tally (
  run_id     bigint NOT NULL,
  rule       text NOT NULL,
  source_key text NOT NULL,
  owner_id   text,
  applicable bigint NOT NULL,
  failed     bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (run_id, rule, source_key, owner_id)
);
COMMENT ON TABLE salesops.audit_tally IS 'How many objects of an owner each rule applied to in each audit, and how many failed it: the base of completeness';
COMMENT ON COLUMN salesops.audit_tally.run_id IS 'Audit (audit_log)';
COMMENT ON COLUMN salesops.audit_tally.rule IS 'Rule';
COMMENT ON COLUMN salesops.audit_tally.source_key IS 'Source; a rule that is not checkable there has no row';
COMMENT ON COLUMN salesops.audit_tally.owner_id IS 'Owner of the objects; NULL = they have none';
COMMENT ON COLUMN salesops.audit_tally.applicable IS 'Objects the rule applied to';
COMMENT ON COLUMN salesops.audit_tally.failed IS 'Those that violated it';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_tally', '');

CREATE SEQUENCE salesops.audit_by_hand_seq INCREMENT -1;
COMMENT ON SEQUENCE salesops.audit_by_hand_seq IS 'Run numbers of audits by hand: negative, so that no run of a job has them';
SELECT pg_catalog.pg_extension_config_dump('salesops.audit_by_hand_seq', '');

CREATE FUNCTION salesops.unresolved(rule text, object_kind text, as_of timestamptz, known_at timestamptz, sources text[])
RETURNS salesops.violation[] LANGUAGE sql STABLE
SET enable_nestloop = off
SET jit = off
BEGIN ATOMIC
  SELECT pg_catalog.array_agg(ROW(f.source_key, f.object_id, f.owner_id, f.value)::salesops.violation)
  FROM salesops.finding f
  WHERE f.rule = unresolved.rule AND f.object_kind = unresolved.object_kind AND f.resolved_at IS NULL
    AND (unresolved.sources IS NULL OR f.source_key = ANY (unresolved.sources))
    AND (f.object_kind <> 'opportunity'
         OR (f.source_key, f.object_id) IN (SELECT o.source_key, o.id FROM salesops.opportunity_state(unresolved.as_of, unresolved.known_at) o
                                            WHERE o.is_open));
END;
COMMENT ON FUNCTION salesops.unresolved(text, text, timestamptz, timestamptz, text[]) IS
  'Open findings of a rule in some sources (NULL = all) whose deal is still open: what stands while the rule cannot be checked';

CREATE FUNCTION salesops.audit(run_id bigint, as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  last record;
  outcome record;
  unchecked text[];
  seen salesops.violation[];
  broken salesops.violation[] := '{}';
  gone record;
  change record;
  rules integer := 0;
  opened bigint := 0;
  resolved bigint := 0;
  still_open bigint;
BEGIN
  IF run_id IS NULL OR as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'an audit needs a run and an instant' USING
      ERRCODE = 'null_value_not_allowed', HINT = 'Call salesops.audit(as_of) for an audit by hand.';
  END IF;
  -- One audit at a time: two would open the same findings.
  LOCK TABLE salesops.audit_log IN SHARE ROW EXCLUSIVE MODE;
  SELECT l.run_id, l.as_of INTO last FROM salesops.audit_log l ORDER BY l.as_of DESC, l.audited_at DESC LIMIT 1;
  IF as_of < last.as_of THEN
    RAISE EXCEPTION 'as_of % lies before the last audit', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Run %s audited as of %s; findings cannot be resolved before they were seen.', last.run_id, last.as_of),
      HINT = 'salesops.evaluate_rules(as_of) shows what an earlier instant violates, writing nothing.';
  END IF;
  IF EXISTS (SELECT FROM salesops.audit_log l WHERE l.run_id = audit.run_id) THEN
    RAISE EXCEPTION 'run % was audited already', run_id USING
      ERRCODE = 'unique_violation', HINT = 'Call salesops.audit(as_of) for an audit by hand.';
  END IF;

  FOR outcome IN SELECT * FROM salesops.evaluate_rules(as_of, known_at) LOOP
    rules := rules + 1;
    INSERT INTO salesops.audit_tally (run_id, rule, source_key, owner_id, applicable, failed)
    SELECT run_id, outcome.rule, t.source_key, t.owner_id, t.applicable, t.failed FROM unnest(outcome.tallies) t;

    -- What could not be checked did not pass: its findings stand as long as the deal is open.
    seen := outcome.violations;
    IF outcome.sqlstate IS NOT NULL THEN
      seen := salesops.unresolved(outcome.rule, outcome.object_kind, as_of, known_at, NULL);
      broken := broken || ROW('', outcome.rule, NULL, format('%s: %s', outcome.sqlstate, outcome.message))::salesops.violation;
      RAISE LOG 'salesops audit, run %: rule "%" failed: %: %', run_id, outcome.rule, outcome.sqlstate, outcome.message;
    ELSE
      SELECT array_agg(s.source_key) INTO unchecked FROM salesops.rule_sources(as_of, known_at) s
      WHERE s.rule = outcome.rule AND NOT s.is_checkable
        AND EXISTS (SELECT FROM salesops.finding f WHERE f.rule = s.rule AND f.source_key = s.source_key AND f.resolved_at IS NULL);
      IF unchecked IS NOT NULL THEN
        seen := seen || salesops.unresolved(outcome.rule, outcome.object_kind, as_of, known_at, unchecked);
      END IF;
    END IF;
    SELECT * INTO change FROM salesops.report_findings(run_id, as_of, outcome.rule, outcome.object_kind, outcome.severity, outcome.bound, seen);
    opened := opened + change.opened;
    resolved := resolved + change.resolved;
  END LOOP;

  FOR outcome IN SELECT r.name, r.object_kind, r.severity FROM salesops.audit_rules(as_of) r
                 WHERE r.name = 'rule_failed' AND r.is_enabled LOOP
    SELECT * INTO change
    FROM salesops.report_findings(run_id, as_of, outcome.name, outcome.object_kind, outcome.severity, NULL, broken);
    opened := opened + change.opened;
    resolved := resolved + change.resolved;
  END LOOP;

  -- A rule that is no longer in force reports nothing.
  FOR gone IN SELECT DISTINCT f.rule, f.object_kind FROM salesops.finding f
              WHERE f.resolved_at IS NULL AND f.object_kind IN ('opportunity', 'source', 'rule')
                AND NOT EXISTS (SELECT FROM salesops.audit_rules(as_of) r
                                WHERE r.name = f.rule AND r.object_kind = f.object_kind AND r.is_enabled) LOOP
    SELECT * INTO change FROM salesops.report_findings(run_id, as_of, gone.rule, gone.object_kind, 'info', NULL, '{}');
    resolved := resolved + change.resolved;
  END LOOP;

  SELECT count(*) INTO still_open FROM salesops.finding f WHERE f.resolved_at IS NULL;
  INSERT INTO salesops.audit_log (run_id, as_of, known_at, rules, failed, opened, resolved, open)
  VALUES (run_id, as_of, known_at, rules, cardinality(broken), opened, resolved, still_open);
  RETURN still_open;
END $$;
COMMENT ON FUNCTION salesops.audit(bigint, timestamptz, timestamptz) IS
  'Audit the open deals and the sources as of an instant, as known at another: opens, keeps and resolves findings and keeps the tallies; returns the number of open findings. A run is audited once, and never before the last audit';

CREATE FUNCTION salesops.audit(as_of timestamptz DEFAULT now())
RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.audit(pg_catalog.nextval('salesops.audit_by_hand_seq'::regclass), as_of);
END;
COMMENT ON FUNCTION salesops.audit(timestamptz) IS 'Audit by hand, without a run; returns the number of open findings';
-- What the audits say: the state of each finding, the money at risk, completeness, and findings by cause.

CREATE FUNCTION salesops.last_audit(OUT run_id bigint, OUT as_of timestamptz, OUT known_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT l.run_id, l.as_of, l.known_at FROM salesops.audit_log l ORDER BY l.as_of DESC, l.audited_at DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.last_audit() IS 'The last audit that completed; no row before the first';

CREATE FUNCTION salesops.amount_at_risk(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT source_key text, OUT id text, OUT name text, OUT owner_id text,
                                        OUT close_quarter salesops.fiscal_period, OUT category salesops.forecast_category,
                                        OUT corporate_amount numeric, OUT amount_basis text, OUT amount_at_risk numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
  SELECT o.source_key, o.id, o.name, o.owner_id, o.close_quarter, o.category, o.corporate_amount, o.amount_basis,
         o.corporate_amount * w.weight
  FROM salesops.opportunity_state(amount_at_risk.as_of, amount_at_risk.known_at) o
  LEFT JOIN (SELECT c.category, x.weight
             FROM unnest(salesops.weights(salesops.get_setting('weight_set'), amount_at_risk.as_of)) WITH ORDINALITY x(weight, n)
             JOIN (SELECT f.category, row_number() OVER (ORDER BY f.rank) AS n FROM salesops.forecast_categories() f) c ON c.n = x.n) w
    ON w.category = o.category
  WHERE o.is_open;
END;
COMMENT ON FUNCTION salesops.amount_at_risk(timestamptz, timestamptz) IS
  'Open deals with their weighted amount in corporate currency (unrounded), by the weight set of the published forecast; NULL where the amount, its rate or the category is unknown';

CREATE VIEW salesops.finding_status AS
  WITH last AS MATERIALIZED (SELECT l.* FROM salesops.last_audit() l),
  audit AS (
    SELECT l.run_id, pg_catalog.lag(l.as_of) OVER (ORDER BY l.as_of, l.audited_at) AS as_of_before FROM salesops.audit_log l
  ), episode AS (
    SELECT DISTINCT ON (f.rule, f.object_kind, f.source_key, f.object_id) f.*,
           min(f.first_seen_at) OVER k AS first_episode_at, count(*) OVER k AS episodes
    FROM salesops.finding f
    WINDOW k AS (PARTITION BY f.rule, f.object_kind, f.source_key, f.object_id)
    ORDER BY f.rule, f.object_kind, f.source_key, f.object_id, f.finding_id DESC
  )
  SELECT e.finding_id, e.rule, e.object_kind, e.source_key, e.object_id, e.owner_id, e.severity,
         CASE WHEN e.resolved_at IS NOT NULL THEN 'resolved' WHEN e.episodes > 1 THEN 'reopened' ELSE 'open' END AS status,
         e.value, e.bound,
         e.first_episode_at AS first_seen_at,
         CASE WHEN e.resolved_at IS NULL THEN greatest((SELECT l.as_of FROM last l), e.first_seen_at)
              ELSE greatest(a.as_of_before, e.first_seen_at) END AS last_seen_at,
         e.resolved_at, e.episodes,
         coalesce(e.resolved_at, greatest((SELECT l.as_of FROM last l), e.first_seen_at)) - e.first_seen_at AS age,
         r.description, r.checklist_item, r.field, r.cause,
         d.name AS deal_name, d.close_quarter,
         CASE WHEN e.resolved_at IS NULL THEN d.amount_at_risk END AS amount_at_risk,
         CASE WHEN e.resolved_at IS NULL THEN d.amount_basis END AS amount_basis
  FROM episode e
  LEFT JOIN salesops.audit_rules('infinity') r ON r.name = e.rule
  LEFT JOIN audit a ON a.run_id = e.resolved_run_id
  LEFT JOIN (SELECT x.* FROM last l CROSS JOIN LATERAL salesops.amount_at_risk(l.as_of, l.known_at) x) d
    ON e.object_kind = 'opportunity' AND d.source_key = e.source_key AND d.id = e.object_id;
COMMENT ON VIEW salesops.finding_status IS 'One row a finding, whatever its episodes: where it stands after the last audit';
COMMENT ON COLUMN salesops.finding_status.finding_id IS 'Its latest episode (finding)';
COMMENT ON COLUMN salesops.finding_status.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding_status.object_kind IS 'opportunity, source or rule';
COMMENT ON COLUMN salesops.finding_status.source_key IS 'Source of the object';
COMMENT ON COLUMN salesops.finding_status.object_id IS 'Object in the source';
COMMENT ON COLUMN salesops.finding_status.owner_id IS 'Rep who owned the object when the episode began';
COMMENT ON COLUMN salesops.finding_status.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding_status.status IS 'open, reopened (was resolved before) or resolved';
COMMENT ON COLUMN salesops.finding_status.value IS 'Value found when the episode began';
COMMENT ON COLUMN salesops.finding_status.bound IS 'Bound it was held against';
COMMENT ON COLUMN salesops.finding_status.first_seen_at IS 'as_of of the audit that first saw it, in any episode';
COMMENT ON COLUMN salesops.finding_status.last_seen_at IS 'as_of of the last audit that saw it';
COMMENT ON COLUMN salesops.finding_status.resolved_at IS 'as_of of the first audit that no longer saw it; NULL = it is there';
COMMENT ON COLUMN salesops.finding_status.episodes IS 'How often it appeared';
COMMENT ON COLUMN salesops.finding_status.age IS 'How long its latest episode lasts or lasted';
COMMENT ON COLUMN salesops.finding_status.description IS 'What holds for an object that passes';
COMMENT ON COLUMN salesops.finding_status.checklist_item IS 'Point of the checklist; NULL = beyond it';
COMMENT ON COLUMN salesops.finding_status.field IS 'Field it is about';
COMMENT ON COLUMN salesops.finding_status.cause IS 'What one fix would cure: the same value, or the same owner';
COMMENT ON COLUMN salesops.finding_status.deal_name IS 'Name of the deal; NULL = no open deal';
COMMENT ON COLUMN salesops.finding_status.close_quarter IS 'Fiscal quarter the deal closes in: where the amount is at risk';
COMMENT ON COLUMN salesops.finding_status.amount_at_risk IS 'Weighted amount of the deal in corporate currency; NULL = unknown amount, rate or category, or resolved';
COMMENT ON COLUMN salesops.finding_status.amount_basis IS 'stated, list price (an estimate) or unknown';

CREATE VIEW salesops.money_at_risk AS
  SELECT g.scope, g.member, count(*) AS deals, count(*) - count(g.amount_at_risk) AS deals_without_amount,
         sum(g.amount_at_risk) AS amount_at_risk
  FROM (SELECT DISTINCT s.scope, s.member, f.source_key, f.object_id, f.amount_at_risk
        FROM salesops.finding_status f
        CROSS JOIN LATERAL (VALUES ('total', ''), ('source', f.source_key), ('rule', f.rule), ('severity', f.severity),
                                   ('owner', coalesce(f.owner_id, '(none)')),
                                   ('quarter', coalesce(f.close_quarter::text, '(none)'))) AS s(scope, member)
        WHERE f.object_kind = 'opportunity' AND f.status <> 'resolved') g
  GROUP BY g.scope, g.member;
COMMENT ON VIEW salesops.money_at_risk IS
  'Money at risk by open findings, in total and by source, rule, severity, owner and close quarter: each deal counts once in each, so the parts may add up to more than the total';
COMMENT ON COLUMN salesops.money_at_risk.scope IS 'total, source, rule, severity, owner or quarter';
COMMENT ON COLUMN salesops.money_at_risk.member IS 'Which one';
COMMENT ON COLUMN salesops.money_at_risk.deals IS 'Deals with an open finding';
COMMENT ON COLUMN salesops.money_at_risk.deals_without_amount IS 'Those whose weighted amount is unknown: they are not in the sum';
COMMENT ON COLUMN salesops.money_at_risk.amount_at_risk IS 'Their weighted amount in corporate currency; NULL = unknown for all of them';

CREATE FUNCTION salesops.completeness_label(completeness numeric)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN completeness >= 0.95 THEN 'on target' WHEN completeness >= 0.80 THEN 'below target'
              WHEN completeness IS NOT NULL THEN 'alarm' ELSE 'nothing to check' END;
END;
COMMENT ON FUNCTION salesops.completeness_label(numeric) IS 'on target from 95 %, alarm under 80 %, below target between';

CREATE FUNCTION salesops.completeness_of(run_id bigint, OUT scope text, OUT source_key text, OUT member text, OUT name text,
                                         OUT applicable numeric, OUT passed numeric, OUT completeness numeric,
                                         OUT target numeric, OUT alarm numeric, OUT label text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT g.scope, g.source_key, g.member, g.name, g.applicable, g.applicable - g.failed, c.completeness,
         0.95, 0.80, salesops.completeness_label(c.completeness)
  FROM (
    SELECT s.scope, t.source_key, s.member, s.name, sum(t.applicable) AS applicable, sum(t.failed) AS failed
    FROM salesops.audit_tally t
    JOIN salesops.audit_rules('infinity') r ON r.name = t.rule AND r.object_kind = 'opportunity'
    LEFT JOIN salesops.rep p ON p.source_key = t.source_key AND p.id = t.owner_id
    CROSS JOIN LATERAL (VALUES
      -- How complete a rep, a team or all deals are is a matter of the checklist; each rule stands for itself.
      ('all', '', 'All open deals', r.checklist_item IS NOT NULL),
      ('rep', coalesce(t.owner_id, '(none)'), coalesce(p.name, t.owner_id, '(no owner)'), r.checklist_item IS NOT NULL),
      ('team', coalesce(p.team, '(none)'), coalesce(p.team, '(no team)'), r.checklist_item IS NOT NULL),
      ('checklist', r.checklist_item, r.checklist_item, r.checklist_item IS NOT NULL),
      ('field', r.field, r.field, r.checklist_item = 'required_fields'),
      ('rule', r.name, r.description, true)) AS s(scope, member, name, counts)
    WHERE t.run_id = completeness_of.run_id AND s.counts
    GROUP BY s.scope, t.source_key, s.member, s.name) g
  CROSS JOIN LATERAL (SELECT (g.applicable - g.failed) / nullif(g.applicable, 0) AS completeness) c;
END;
COMMENT ON FUNCTION salesops.completeness_of(bigint) IS
  'Completeness (passed / applicable, 0-1) in an audit, by source: of all open deals, each rep, team, point of the checklist, required field and rule; a rule that was not checkable does not count';

CREATE VIEW salesops.completeness AS
  SELECT l.run_id, l.as_of, c.* FROM salesops.last_audit() l CROSS JOIN LATERAL salesops.completeness_of(l.run_id) c;
COMMENT ON VIEW salesops.completeness IS 'Completeness in the last audit, with the bars of 95 % (target) and 80 % (alarm)';
COMMENT ON COLUMN salesops.completeness.run_id IS 'Audit';
COMMENT ON COLUMN salesops.completeness.as_of IS 'Instant that was audited';
COMMENT ON COLUMN salesops.completeness.scope IS 'all, rep, team, checklist, field or rule';
COMMENT ON COLUMN salesops.completeness.source_key IS 'Source';
COMMENT ON COLUMN salesops.completeness.member IS 'Which rep, team, point, field or rule';
COMMENT ON COLUMN salesops.completeness.name IS 'Its name';
COMMENT ON COLUMN salesops.completeness.applicable IS 'Checks that applied';
COMMENT ON COLUMN salesops.completeness.passed IS 'Those that passed';
COMMENT ON COLUMN salesops.completeness.completeness IS 'passed / applicable, 0-1; unrounded';
COMMENT ON COLUMN salesops.completeness.target IS 'Target: 0.95';
COMMENT ON COLUMN salesops.completeness.alarm IS 'Alarm under: 0.80';
COMMENT ON COLUMN salesops.completeness.label IS 'on target, below target or alarm';

CREATE VIEW salesops.finding_cause AS
  SELECT f.rule, f.severity, f.source_key, f.cause, c.member, count(*) AS findings, count(*) FILTER (WHERE f.object_kind = 'opportunity') AS deals,
         count(DISTINCT f.owner_id) AS owners, min(f.first_seen_at) AS first_seen_at,
         count(*) FILTER (WHERE f.object_kind = 'opportunity' AND f.amount_at_risk IS NULL) AS deals_without_amount,
         sum(f.amount_at_risk) AS amount_at_risk
  FROM salesops.finding_status f
  CROSS JOIN LATERAL (SELECT CASE f.cause WHEN 'value' THEN coalesce(f.value, '(none)') ELSE coalesce(f.owner_id, '(none)') END AS member) c
  WHERE f.status <> 'resolved'
  GROUP BY f.rule, f.severity, f.source_key, f.cause, c.member;
COMMENT ON VIEW salesops.finding_cause IS 'Open findings grouped by what one fix would cure: a map row for one value, or a word with one owner';
COMMENT ON COLUMN salesops.finding_cause.rule IS 'Rule that is violated';
COMMENT ON COLUMN salesops.finding_cause.severity IS 'error, warning or info';
COMMENT ON COLUMN salesops.finding_cause.source_key IS 'Source';
COMMENT ON COLUMN salesops.finding_cause.cause IS 'value or owner';
COMMENT ON COLUMN salesops.finding_cause.member IS 'Which value, which owner';
COMMENT ON COLUMN salesops.finding_cause.findings IS 'Open findings';
COMMENT ON COLUMN salesops.finding_cause.deals IS 'Of these, about a deal';
COMMENT ON COLUMN salesops.finding_cause.owners IS 'Owners concerned';
COMMENT ON COLUMN salesops.finding_cause.first_seen_at IS 'When the oldest was first seen';
COMMENT ON COLUMN salesops.finding_cause.deals_without_amount IS 'Deals whose weighted amount is unknown';
COMMENT ON COLUMN salesops.finding_cause.amount_at_risk IS 'Weighted amount of the deals in corporate currency (within one rule a deal counts once)';
-- What is published, and how each mart's refresh went.
--
-- Nothing in a mart reads the clock: the marts show the instant of the newest publication, which refresh_marts() writes. A
-- mart that fails keeps the rows of the publication it was last refreshed for.

CREATE TABLE salesops.publication (
  publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  as_of          timestamptz NOT NULL,
  published_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE salesops.publication IS
  'Instants the marts were published for; the newest row is what they show. Written by refresh_marts()';
COMMENT ON COLUMN salesops.publication.publication_id IS 'Number of the publication';
COMMENT ON COLUMN salesops.publication.as_of IS 'Instant that was published, as it was known then';
COMMENT ON COLUMN salesops.publication.published_at IS 'Wall clock time when the refresh began';
COMMENT ON SEQUENCE salesops.publication_publication_id_seq IS 'publication numbers';
SELECT pg_catalog.pg_extension_config_dump('salesops.publication', '');
SELECT pg_catalog.pg_extension_config_dump('salesops.publication_publication_id_seq', '');

CREATE TABLE salesops.mart_refresh (
  publication_id bigint NOT NULL REFERENCES salesops.publication,
  mart           text NOT NULL,
  as_of          timestamptz NOT NULL,
  started_at     timestamptz NOT NULL,
  refreshed_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  rows           bigint,
  method         text CHECK (method IN ('concurrently', 'plain')),
  sqlstate       text,
  message        text,
  PRIMARY KEY (publication_id, mart),
  CONSTRAINT mart_refresh_outcome CHECK ((rows IS NULL) = (sqlstate IS NOT NULL) AND (method IS NULL) = (rows IS NULL))
);
CREATE INDEX mart_refresh_latest ON salesops.mart_refresh (mart, publication_id DESC);
COMMENT ON TABLE salesops.mart_refresh IS
  'How the refresh of each mart went; a mart that failed keeps its last good rows';
COMMENT ON COLUMN salesops.mart_refresh.publication_id IS 'Publication the refresh was part of';
COMMENT ON COLUMN salesops.mart_refresh.mart IS 'Mart, one of salesops.marts()';
COMMENT ON COLUMN salesops.mart_refresh.as_of IS 'Instant that was to be published';
COMMENT ON COLUMN salesops.mart_refresh.started_at IS 'Wall clock time when its refresh began';
COMMENT ON COLUMN salesops.mart_refresh.refreshed_at IS 'Wall clock time when its refresh ended, well or not';
COMMENT ON COLUMN salesops.mart_refresh.rows IS 'Rows of the mart afterwards; NULL = failed';
COMMENT ON COLUMN salesops.mart_refresh.method IS
  'concurrently (readers are never blocked) or plain (the first time, and where the unique index is missing); NULL = failed';
COMMENT ON COLUMN salesops.mart_refresh.sqlstate IS 'SQLSTATE of the failure; NULL = succeeded';
COMMENT ON COLUMN salesops.mart_refresh.message IS 'Message of the failure';
SELECT pg_catalog.pg_extension_config_dump('salesops.mart_refresh', '');

CREATE FUNCTION salesops.latest_publication(OUT publication_id bigint, OUT as_of timestamptz, OUT as_of_date date,
                                            OUT published_at timestamptz,
                                            OUT time_zone text, OUT currency_code text, OUT start_month integer,
                                            OUT quarter salesops.fiscal_period, OUT weights numeric[])
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT p.publication_id, p.as_of, salesops.local_date(p.as_of), p.published_at,
         salesops.time_zone(), salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month(),
         salesops.current_quarter(p.as_of), salesops.published_weights(p.as_of)
  FROM salesops.publication p
  ORDER BY p.publication_id DESC
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.latest_publication() IS
  'What the marts show: the newest publication with its day, and the time zone, currency, calendar, current quarter and '
  'weights that go with it; no row before the first';

CREATE VIEW salesops.mart_status AS
  SELECT latest.mart, latest.as_of, latest.refreshed_at, latest.sqlstate, latest.message,
         good.as_of AS good_as_of, good.refreshed_at AS good_refreshed_at, good.rows, good.method
  FROM (SELECT DISTINCT ON (r.mart) r.* FROM salesops.mart_refresh r ORDER BY r.mart, r.publication_id DESC) latest
  LEFT JOIN LATERAL (
    SELECT r.* FROM salesops.mart_refresh r
    WHERE r.mart = latest.mart AND r.sqlstate IS NULL
    ORDER BY r.publication_id DESC LIMIT 1) good ON true;
COMMENT ON VIEW salesops.mart_status IS 'One row a mart: its last refresh, and the last good one, whose rows it shows';
COMMENT ON COLUMN salesops.mart_status.mart IS 'Mart';
COMMENT ON COLUMN salesops.mart_status.as_of IS 'Instant that the last refresh was for';
COMMENT ON COLUMN salesops.mart_status.refreshed_at IS 'When that refresh ended';
COMMENT ON COLUMN salesops.mart_status.sqlstate IS 'Its SQLSTATE if it failed; NULL = the mart is as it should be';
COMMENT ON COLUMN salesops.mart_status.message IS 'Its message if it failed';
COMMENT ON COLUMN salesops.mart_status.good_as_of IS 'Instant that the mart shows';
COMMENT ON COLUMN salesops.mart_status.good_refreshed_at IS 'When it was refreshed well';
COMMENT ON COLUMN salesops.mart_status.rows IS 'Rows it then had';
COMMENT ON COLUMN salesops.mart_status.method IS 'How it was refreshed then';
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
-- The catalog of the marts: each mart with its grain, each column with its type and meaning. install_marts() makes
-- relations and comments from it, so what a BI tool shows is what is written here.
--
-- Money and ratios are numeric(38,6): 32 digits before the point hold any amount (mart_number() sets what is beyond to
-- NULL), six after it make cents times a weight exact and keep the sum of thousands of converted amounts right to the cent.

CREATE FUNCTION salesops.marts(OUT mart text, OUT "position" integer, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  SELECT m.* FROM (VALUES
    ('forecast', 1, 'Forecast. One row a source, fiscal quarter of the close date, owner and forecast category; '
                    'a row for each category, even without a deal'),
    ('forecast_attainment', 2, 'Forecast against quota. One row a source, fiscal quarter of the close date and owner; '
                               'ratios do not add up, recompute them from sums'),
    ('open_pipeline', 3, 'Open deals. One row an open deal'),
    ('data_quality', 4, 'Audit result. One row a source, owner, rule and day, for the last 92 days'),
    ('data_quality_finding', 5, 'Audit findings. One row an episode, open or resolved in the last 92 days'),
    ('run_health', 6, 'How the nights went. One row a step of a logged run (kind step) or a refresh of a mart (kind mart)')
  ) AS m(mart, "position", meaning);
END;
COMMENT ON FUNCTION salesops.marts() IS 'The marts in the order they are refreshed in, with what one row of each is';

CREATE FUNCTION salesops.mart_column_list(OUT mart text, OUT column_name text, OUT type text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  SELECT c.* FROM (VALUES
    ('forecast', 'forecast_key', 'text', 'Primary key: source, fiscal quarter, owner, category'),
    ('forecast', 'source_key', 'text', 'Source of the deals'),
    ('forecast', 'fiscal_period', 'text',
     'Fiscal quarter of the close date, FY2026-Q4; FYn is named for the year it ends in; (none) = no close date'),
    ('forecast', 'fiscal_period_sort', 'integer', 'Sorts fiscal_period: year x 10 + quarter; 99999 = (none)'),
    ('forecast', 'fiscal_year', 'text', 'Fiscal year, FY2026; (none) = no close date'),
    ('forecast', 'fiscal_quarter', 'text', 'Quarter of the fiscal year, Q1 to Q4; (none) = no close date'),
    ('forecast', 'period_start', 'date', 'First day of fiscal_period'),
    ('forecast', 'period_end', 'date', 'Last day of fiscal_period'),
    ('forecast', 'is_current_period', 'boolean', 'Whether as_of_date lies in fiscal_period'),
    ('forecast', 'owner_id', 'text', 'Identifier of the rep in the source; (none) = no owner'),
    ('forecast', 'owner', 'text',
     'Name of the rep; (unknown owner) = the source has no such rep; (none) = no owner'),
    ('forecast', 'team', 'text', 'Team of the rep'),
    ('forecast', 'region', 'text', 'Region of the rep'),
    ('forecast', 'manager', 'text', 'Manager of the rep'),
    ('forecast', 'manager_path', 'text',
     'Line of managers from the top down to the rep, "Top > Middle > Rep", as it was at as_of_date'),
    ('forecast', 'category', 'text', 'Forecast category; (none) = the deals have none'),
    ('forecast', 'category_sort', 'smallint',
     'Sorts category by confidence: 10 Omitted to 70 Closed, 0 = (none)'),
    ('forecast', 'is_open_category', 'boolean', 'Whether deals in the category are open pipeline'),
    ('forecast', 'deals', 'bigint', 'Number of deals'),
    ('forecast', 'deals_without_amount', 'bigint', 'Of those, deals without an amount; not in the amounts'),
    ('forecast', 'deals_unconvertible', 'bigint',
     'Of those, deals with an amount in a currency without a rate; not in the amounts'),
    ('forecast', 'amount', 'numeric(38,6)', 'Sum of the known amounts in currency_code; NULL where no deal has one'),
    ('forecast', 'estimated_amount', 'numeric(38,6)',
     'Part of amount that is list price x quantity, for open deals without an amount of their own'),
    ('forecast', 'weight', 'numeric(38,6)', 'Share of the amount expected to be booked, 0 to 1'),
    ('forecast', 'weighted_amount', 'numeric(38,6)', 'amount x weight in currency_code'),
    ('forecast', 'cumulative_amount', 'numeric(38,6)',
     'Unweighted, in currency_code. Closed: Closed; Commit, Most Likely, Best Case: Closed + that category and all above '
     'it; Pipeline: all open categories without Closed; NULL for Upside and Omitted. Adds up over owners and periods, '
     'never over categories'),
    ('forecast', 'currency_code', 'text', 'Corporate currency: ISO code of the amounts'),
    ('forecast', 'as_of_date', 'date', 'Day the row is of'),
    ('forecast', 'refreshed_at', 'timestamp with time zone', 'Wall clock time when the refresh that wrote the row began'),
    ('forecast_attainment', 'forecast_attainment_key', 'text', 'Primary key: source, fiscal quarter, owner'),
    ('forecast_attainment', 'source_key', 'text', 'Source of the deals'),
    ('forecast_attainment', 'fiscal_period', 'text',
     'Fiscal quarter of the close date, FY2026-Q4; FYn is named for the year it ends in; (none) = no close date'),
    ('forecast_attainment', 'fiscal_period_sort', 'integer',
     'Sorts fiscal_period: year x 10 + quarter; 99999 = (none)'),
    ('forecast_attainment', 'fiscal_year', 'text', 'Fiscal year, FY2026; (none) = no close date'),
    ('forecast_attainment', 'fiscal_quarter', 'text',
     'Quarter of the fiscal year, Q1 to Q4; (none) = no close date'),
    ('forecast_attainment', 'period_start', 'date', 'First day of fiscal_period'),
    ('forecast_attainment', 'period_end', 'date', 'Last day of fiscal_period'),
    ('forecast_attainment', 'is_current_period', 'boolean', 'Whether as_of_date lies in fiscal_period'),
    ('forecast_attainment', 'owner_id', 'text', 'Identifier of the rep in the source; (none) = no owner'),
    ('forecast_attainment', 'owner', 'text',
     'Name of the rep; (unknown owner) = the source has no such rep; (none) = no owner'),
    ('forecast_attainment', 'team', 'text', 'Team of the rep'),
    ('forecast_attainment', 'region', 'text', 'Region of the rep'),
    ('forecast_attainment', 'manager', 'text', 'Manager of the rep'),
    ('forecast_attainment', 'manager_path', 'text',
     'Line of managers from the top down to the rep, "Top > Middle > Rep", as it was at as_of_date'),
    ('forecast_attainment', 'closed', 'numeric(38,6)', 'Won, in currency_code'),
    ('forecast_attainment', 'commit_total', 'numeric(38,6)', 'Closed + Commit, unweighted, in currency_code'),
    ('forecast_attainment', 'most_likely_total', 'numeric(38,6)',
     'Closed + Commit + Most Likely, unweighted, in currency_code'),
    ('forecast_attainment', 'best_case_total', 'numeric(38,6)',
     'Closed + Commit + Most Likely + Best Case, unweighted, in currency_code'),
    ('forecast_attainment', 'open_pipeline', 'numeric(38,6)',
     'All open categories, unweighted, without Closed, in currency_code'),
    ('forecast_attainment', 'weighted_commit', 'numeric(38,6)',
     'Closed and Commit, amount x weight, in currency_code'),
    ('forecast_attainment', 'weighted_best_case', 'numeric(38,6)',
     'Closed, Commit, Most Likely and Best Case, amount x weight, in currency_code'),
    ('forecast_attainment', 'weighted_total', 'numeric(38,6)', 'All categories, amount x weight, in currency_code'),
    ('forecast_attainment', 'published_forecast', 'numeric(38,6)',
     'The forecast to quote, in currency_code, made by forecast_method'),
    ('forecast_attainment', 'forecast_method', 'text', 'How published_forecast was made: weighted_total'),
    ('forecast_attainment', 'quota', 'numeric(38,6)',
     'Quota of the rep for the quarter in currency_code; NULL = none set; adds up over owners'),
    ('forecast_attainment', 'team_quota', 'numeric(38,6)',
     'Quota of a rep whose reports have quotas, in currency_code; stands for the team, does not add up'),
    ('forecast_attainment', 'attainment', 'numeric(38,6)', 'closed / quota, 1 = 100 %; NULL without a quota'),
    ('forecast_attainment', 'gap_to_quota', 'numeric(38,6)',
     'quota - weighted_commit in currency_code; negative above quota; NULL without a quota, so of many owners take sum(quota) - sum(weighted_commit)'),
    ('forecast_attainment', 'uncovered_share', 'numeric(38,6)',
     '(quota - weighted_total) / quota, 0.348 = 34.8 %; NULL without a quota'),
    ('forecast_attainment', 'required_win_rate', 'numeric(38,6)',
     '(quota - closed) / open_pipeline, 0.8 = 80 %; 0 once quota is made; above 1 = not reachable; NULL without a quota '
     'or open pipeline'),
    ('forecast_attainment', 'required_win_rate_label', 'text',
     'required_win_rate in words: 80.0 %, quota made, not reachable, (no quota), (unknown)'),
    ('forecast_attainment', 'pipeline_coverage', 'numeric(38,6)',
     'open_pipeline / quota, 3 = three times; NULL without a quota'),
    ('forecast_attainment', 'remaining_coverage', 'numeric(38,6)',
     'open_pipeline / (quota - closed), 3 = three times; NULL without a quota and once it is made'),
    ('forecast_attainment', 'currency_code', 'text', 'Corporate currency: ISO code of the amounts'),
    ('forecast_attainment', 'as_of_date', 'date', 'Day the row is of'),
    ('forecast_attainment', 'refreshed_at', 'timestamp with time zone',
     'Wall clock time when the refresh that wrote the row began'),
    ('open_pipeline', 'open_pipeline_key', 'text', 'Primary key: source, deal'),
    ('open_pipeline', 'source_key', 'text', 'Source of the deal'),
    ('open_pipeline', 'opportunity_id', 'text', 'Identifier of the deal in the source'),
    ('open_pipeline', 'opportunity', 'text', 'Name of the deal'),
    ('open_pipeline', 'account_id', 'text', 'Identifier of the account; (none) = no account'),
    ('open_pipeline', 'account', 'text',
     'Name of the account; (unknown account) = the source has no such account; (none) = no account'),
    ('open_pipeline', 'industry', 'text', 'Industry of the account, as mapped'),
    ('open_pipeline', 'segment', 'text', 'Segment of the account, as mapped'),
    ('open_pipeline', 'owner_id', 'text', 'Identifier of the rep in the source; (none) = no owner'),
    ('open_pipeline', 'owner', 'text',
     'Name of the rep; (unknown owner) = the source has no such rep; (none) = no owner'),
    ('open_pipeline', 'team', 'text', 'Team of the rep'),
    ('open_pipeline', 'region', 'text', 'Region of the rep'),
    ('open_pipeline', 'manager', 'text', 'Manager of the rep'),
    ('open_pipeline', 'manager_path', 'text',
     'Line of managers from the top down to the rep, "Top > Middle > Rep", as it was at as_of_date'),
    ('open_pipeline', 'pipeline', 'text', 'Pipeline the stage belongs to'),
    ('open_pipeline', 'stage', 'text', 'Stage'),
    ('open_pipeline', 'stage_sort', 'smallint', 'Sorts stage: its place in the pipeline; 32767 = unknown'),
    ('open_pipeline', 'category', 'text',
     'Forecast category; (none) = neither stated nor known from the stage'),
    ('open_pipeline', 'category_sort', 'smallint',
     'Sorts category by confidence: 10 Omitted to 70 Closed, 0 = (none)'),
    ('open_pipeline', 'deal_type', 'text', 'New, expansion, renewal ... as stated'),
    ('open_pipeline', 'lead_source', 'text', 'Lead source as stated'),
    ('open_pipeline', 'product', 'text', 'Main product as stated'),
    ('open_pipeline', 'fiscal_period', 'text',
     'Fiscal quarter of the close date, FY2026-Q4; FYn is named for the year it ends in; (none) = no close date'),
    ('open_pipeline', 'fiscal_period_sort', 'integer',
     'Sorts fiscal_period: year x 10 + quarter; 99999 = (none)'),
    ('open_pipeline', 'fiscal_year', 'text', 'Fiscal year, FY2026; (none) = no close date'),
    ('open_pipeline', 'fiscal_quarter', 'text',
     'Quarter of the fiscal year, Q1 to Q4; (none) = no close date'),
    ('open_pipeline', 'close_date', 'date', 'Expected close date; NULL = none'),
    ('open_pipeline', 'created_date', 'date', 'Day the deal was created; NULL = unknown'),
    ('open_pipeline', 'last_activity_date', 'date',
     'Day of the last activity that the source states; NULL = unknown'),
    ('open_pipeline', 'stage_entered_date', 'date', 'Day the present stage was entered; NULL = unknown'),
    ('open_pipeline', 'is_past_due', 'boolean', 'Whether close_date is before as_of_date'),
    ('open_pipeline', 'age_days', 'integer', 'Days from created_date to as_of_date; NULL = unknown'),
    ('open_pipeline', 'days_in_stage', 'integer', 'Days from stage_entered_date to as_of_date; NULL = unknown'),
    ('open_pipeline', 'amount', 'numeric(38,6)',
     'Amount in currency_code at the rate of the close date or of as_of_date if that is earlier; NULL = unknown or no '
     'rate'),
    ('open_pipeline', 'amount_basis', 'text',
     'stated, list price (an estimate: list price x quantity) or unknown'),
    ('open_pipeline', 'weight', 'numeric(38,6)', 'Weight of the category, 0 to 1; NULL without a category'),
    ('open_pipeline', 'weighted_amount', 'numeric(38,6)', 'amount x weight in currency_code'),
    ('open_pipeline', 'own_amount', 'numeric(38,6)', 'Amount in own_currency_code'),
    ('open_pipeline', 'own_currency_code', 'text', 'Currency of the deal, ISO code'),
    ('open_pipeline', 'probability', 'numeric(38,6)',
     'Probability to win as the source states it, 0 to 1; NULL = not stated or off its scale'),
    ('open_pipeline', 'next_step', 'text', 'Next step as written by the rep'),
    ('open_pipeline', 'open_findings', 'bigint',
     'Number of audit findings on the deal that were open at as_of_date'),
    ('open_pipeline', 'currency_code', 'text', 'Corporate currency: ISO code of the amounts'),
    ('open_pipeline', 'as_of_date', 'date', 'Day the row is of'),
    ('open_pipeline', 'refreshed_at', 'timestamp with time zone', 'Wall clock time when the refresh that wrote the row began'),
    ('data_quality', 'data_quality_key', 'text', 'Primary key: source, owner, rule, day'),
    ('data_quality', 'source_key', 'text', 'Source; (none) = not about one'),
    ('data_quality', 'audit_date', 'date', 'Day of the audit; of several on a day the last counts'),
    ('data_quality', 'owner_id', 'text', 'Identifier of the rep in the source; (none) = no owner'),
    ('data_quality', 'owner', 'text',
     'Name of the rep; (unknown owner) = the source has no such rep; (none) = no owner'),
    ('data_quality', 'team', 'text', 'Team of the rep'),
    ('data_quality', 'region', 'text', 'Region of the rep'),
    ('data_quality', 'manager', 'text', 'Manager of the rep'),
    ('data_quality', 'manager_path', 'text',
     'Line of managers from the top down to the rep, "Top > Middle > Rep", as it was at as_of_date'),
    ('data_quality', 'rule', 'text', 'Audit rule'),
    ('data_quality', 'checklist', 'text', 'Item of the checklist that the rule belongs to'),
    ('data_quality', 'field', 'text', 'Field that the rule looks at'),
    ('data_quality', 'severity', 'text', 'error, warning or info'),
    ('data_quality', 'severity_sort', 'smallint', 'Sorts severity: 1 error, 2 warning, 3 info'),
    ('data_quality', 'applicable', 'bigint', 'Objects the rule was applied to'),
    ('data_quality', 'passed', 'bigint',
     'Of those, objects that passed; completeness = sum of passed / sum of applicable'),
    ('data_quality', 'failed', 'bigint', 'Of those, objects that failed'),
    ('data_quality', 'completeness', 'numeric(38,6)',
     'passed / applicable, 1 = 100 %; NULL where nothing was applicable; does not add up'),
    ('data_quality', 'is_latest', 'boolean', 'Whether audit_date is the latest day that was audited'),
    ('data_quality', 'as_of_date', 'date', 'Day the row is of'),
    ('data_quality', 'refreshed_at', 'timestamp with time zone', 'Wall clock time when the refresh that wrote the row began'),
    ('data_quality_finding', 'data_quality_finding_key', 'text', 'Primary key: number of the episode'),
    ('data_quality_finding', 'source_key', 'text', 'Source; (none) = not about one'),
    ('data_quality_finding', 'rule', 'text', 'Audit rule'),
    ('data_quality_finding', 'checklist', 'text', 'Item of the checklist that the rule belongs to'),
    ('data_quality_finding', 'severity', 'text', 'error, warning or info'),
    ('data_quality_finding', 'severity_sort', 'smallint', 'Sorts severity: 1 error, 2 warning, 3 info'),
    ('data_quality_finding', 'status', 'text',
     'open, reopened (open again after it was resolved) or resolved'),
    ('data_quality_finding', 'status_sort', 'smallint', 'Sorts status: 1 reopened, 2 open, 3 resolved'),
    ('data_quality_finding', 'object_kind', 'text', 'What the finding is about: opportunity, source, rule'),
    ('data_quality_finding', 'object_id', 'text', 'Identifier of the object'),
    ('data_quality_finding', 'object', 'text', 'Name of the object'),
    ('data_quality_finding', 'owner_id', 'text', 'Identifier of the rep in the source; (none) = no owner'),
    ('data_quality_finding', 'owner', 'text',
     'Name of the rep; (unknown owner) = the source has no such rep; (none) = no owner'),
    ('data_quality_finding', 'team', 'text', 'Team of the rep'),
    ('data_quality_finding', 'region', 'text', 'Region of the rep'),
    ('data_quality_finding', 'manager', 'text', 'Manager of the rep'),
    ('data_quality_finding', 'manager_path', 'text',
     'Line of managers from the top down to the rep, "Top > Middle > Rep", as it was at as_of_date'),
    ('data_quality_finding', 'value', 'text', 'Value found when the episode began'),
    ('data_quality_finding', 'bound', 'text', 'Bound it was held against'),
    ('data_quality_finding', 'first_seen_date', 'date', 'Day of the first audit that saw it, in any episode'),
    ('data_quality_finding', 'episode_date', 'date', 'Day of the audit that opened this episode'),
    ('data_quality_finding', 'resolved_date', 'date',
     'Day of the first audit that no longer saw it; NULL = still there'),
    ('data_quality_finding', 'age_days', 'integer',
     'Days from episode_date to resolved_date, or to as_of_date while open'),
    ('data_quality_finding', 'amount_at_risk', 'numeric(38,6)',
     'Weighted amount of the deal in currency_code; NULL = unknown. Repeats on every finding of a deal: do not sum it, '
     'sum counted_amount_at_risk'),
    ('data_quality_finding', 'counted_amount_at_risk', 'numeric(38,6)',
     'amount_at_risk on one open finding of each deal, 0 on its others, so that a sum counts a deal once; NULL = unknown '
     'or resolved'),
    ('data_quality_finding', 'currency_code', 'text', 'Corporate currency: ISO code of the amounts'),
    ('data_quality_finding', 'as_of_date', 'date', 'Day the row is of'),
    ('data_quality_finding', 'refreshed_at', 'timestamp with time zone',
     'Wall clock time when the refresh that wrote the row began'),
    ('run_health', 'run_health_key', 'text', 'Primary key: kind, run and step or publication and mart'),
    ('run_health', 'kind', 'text', 'step = step of a run, mart = refresh of a mart'),
    ('run_health', 'kind_sort', 'smallint', 'Sorts kind: 1 step, 2 mart'),
    ('run_health', 'name', 'text', 'Step or mart'),
    ('run_health', 'job', 'text', 'Job of the run'),
    ('run_health', 'started_by', 'text', 'schedule or manual'),
    ('run_health', 'run_id', 'bigint', 'Run; NULL for a mart'),
    ('run_health', 'run_date', 'date', 'Day of the run, in the zone of its schedule, or of the publication'),
    ('run_health', 'run_status', 'text',
     'Status of the whole run when the row was written: running during its own refresh'),
    ('run_health', 'status', 'text', 'succeeded, failed, running or abandoned'),
    ('run_health', 'status_sort', 'smallint', 'Sorts status: 1 failed, 2 abandoned, 3 running, 4 succeeded'),
    ('run_health', 'is_latest', 'boolean',
     'Whether it is of the latest run of its job, or of the latest publication'),
    ('run_health', 'started_at', 'timestamp with time zone', 'Wall clock time when it began'),
    ('run_health', 'finished_at', 'timestamp with time zone', 'Wall clock time when it ended; NULL = not, or not seen'),
    ('run_health', 'seconds', 'numeric(38,6)', 'finished_at - started_at in seconds'),
    ('run_health', 'rows_affected', 'bigint', 'Rows written, or rows of the mart; NULL unless it succeeded'),
    ('run_health', 'sqlstate', 'text', 'SQLSTATE of the failure; (none) = no failure'),
    ('run_health', 'message', 'text', 'Message of the failure; (none) = no failure'),
    ('run_health', 'run_as_of', 'timestamp with time zone', 'Instant that was computed'),
    ('run_health', 'as_of_date', 'date', 'Day the row is of'),
    ('run_health', 'refreshed_at', 'timestamp with time zone', 'Wall clock time when the refresh that wrote the row began')
  ) AS c(mart, column_name, type, meaning);
END;
COMMENT ON FUNCTION salesops.mart_column_list() IS
  'The columns of each mart as listed in the code; read mart_columns(), which numbers them';

CREATE FUNCTION salesops.mart_columns(OUT mart text, OUT "position" integer, OUT column_name text, OUT type text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  SELECT c.mart, row_number() OVER (PARTITION BY c.mart ORDER BY c."position")::integer, c.column_name, c.type, c.meaning
  FROM ROWS FROM (salesops.mart_column_list()) WITH ORDINALITY AS c(mart, column_name, type, meaning, "position");
END;
COMMENT ON FUNCTION salesops.mart_columns() IS
  'The columns of each mart in order, with type and meaning (unit and formula)';
-- The forecast marts. Two grains, two marts: what is per category must not repeat on rows per owner, nor the other way
-- round, or a BI tool's sum counts a quota seven times.

CREATE FUNCTION salesops.mart_forecast(
  OUT forecast_key text, OUT source_key text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT period_start date, OUT period_end date, OUT is_current_period boolean,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT category text, OUT category_sort smallint, OUT is_open_category boolean,
  OUT deals bigint, OUT deals_without_amount bigint, OUT deals_unconvertible bigint,
  OUT amount numeric, OUT estimated_amount numeric, OUT weight numeric, OUT weighted_amount numeric, OUT cumulative_amount numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(f.source_key, f.period, f.owner_id, c.label)::text, f.source_key,
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter, q.start_date, q.end_date,
         coalesce(f.period OPERATOR(salesops.=) p.quarter, false),
         salesops.mart_label(f.owner_id), f.owner, salesops.mart_label(f.team), salesops.mart_label(f.region),
         salesops.mart_label(f.manager), salesops.mart_label(f.manager_path),
         c.label, c.rank, c.is_open, c.deals, c.deals_without_amount, c.deals_unconvertible,
         c.amount, c.estimated_amount, c.weight, c.weighted, c.cumulative, p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.forecast_by_owner(p.as_of, p.as_of) f
  CROSS JOIN LATERAL salesops.period_labels(f.period, p.start_month) q
  CROSS JOIN LATERAL salesops.forecast_lines(f.totals, f.estimated, f.unconvertible, p.weights) c;
END;
COMMENT ON FUNCTION salesops.mart_forecast() IS
  'Rows of mart forecast; columns as of mart_columns(). Every owner and quarter has a row for each category, so that '
  'cumulative amounts add up over owners';

CREATE FUNCTION salesops.mart_forecast_attainment(
  OUT forecast_attainment_key text, OUT source_key text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT period_start date, OUT period_end date, OUT is_current_period boolean,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT closed numeric, OUT commit_total numeric, OUT most_likely_total numeric, OUT best_case_total numeric, OUT open_pipeline numeric,
  OUT weighted_commit numeric, OUT weighted_best_case numeric, OUT weighted_total numeric,
  OUT published_forecast numeric, OUT forecast_method text,
  OUT quota numeric, OUT team_quota numeric, OUT attainment numeric, OUT gap_to_quota numeric, OUT uncovered_share numeric,
  OUT required_win_rate numeric, OUT required_win_rate_label text, OUT pipeline_coverage numeric, OUT remaining_coverage numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_build_array(f.source_key, f.period, f.owner_id)::text, f.source_key,
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter, q.start_date, q.end_date,
         coalesce(f.period OPERATOR(salesops.=) p.quarter, false),
         salesops.mart_label(f.owner_id), f.owner, salesops.mart_label(f.team), salesops.mart_label(f.region),
         salesops.mart_label(f.manager), salesops.mart_label(f.manager_path),
         m.closed, m.commit_total, salesops.cumulative(f.totals, 'Most Likely'), salesops.cumulative(f.totals, 'Best Case'),
         m.open_pipeline, m.weighted_commit, m.weighted_best_case, m.weighted_total,
         m.weighted_total, 'weighted_total',
         f.quota, f.team_quota, CASE WHEN f.quota > 0 THEN m.closed / f.quota END, m.gap_to_quota, m.uncovered_share,
         m.required_win_rate, m.required_win_rate_label, m.pipeline_coverage, m.remaining_coverage,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.forecast_by_owner(p.as_of, p.as_of) f
  CROSS JOIN LATERAL salesops.period_labels(f.period, p.start_month) q
  CROSS JOIN LATERAL salesops.forecast_measures(f.totals, f.quota, p.weights) m;
END;
COMMENT ON FUNCTION salesops.mart_forecast_attainment() IS
  'Rows of mart forecast_attainment; columns as of mart_columns()';
-- The one mart at the grain of a deal: open deals only, because a mart of every deal ever costs more to refresh than it tells.

CREATE FUNCTION salesops.mart_open_pipeline(
  OUT open_pipeline_key text, OUT source_key text, OUT opportunity_id text, OUT opportunity text,
  OUT account_id text, OUT account text, OUT industry text, OUT segment text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT pipeline text, OUT stage text, OUT stage_sort smallint, OUT category text, OUT category_sort smallint,
  OUT deal_type text, OUT lead_source text, OUT product text,
  OUT fiscal_period text, OUT fiscal_period_sort integer, OUT fiscal_year text, OUT fiscal_quarter text,
  OUT close_date date, OUT created_date date, OUT last_activity_date date, OUT stage_entered_date date,
  OUT is_past_due boolean, OUT age_days integer, OUT days_in_stage integer,
  OUT amount numeric, OUT amount_basis text, OUT weight numeric, OUT weighted_amount numeric,
  OUT own_amount numeric, OUT own_currency_code text, OUT probability numeric, OUT next_step text, OUT open_findings bigint,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH finding AS MATERIALIZED (
    SELECT f.source_key, f.object_id, count(*) AS findings
    FROM salesops.latest_publication() p
    JOIN salesops.finding f ON f.first_seen_at <= p.as_of AND (f.resolved_at IS NULL OR f.resolved_at > p.as_of)
    WHERE f.object_kind = 'opportunity'
    GROUP BY f.source_key, f.object_id
  )
  SELECT jsonb_build_array(o.source_key, o.id)::text, o.source_key, o.id, salesops.mart_label(o.name),
         salesops.mart_label(o.account_id), CASE WHEN o.account_id IS NULL THEN '(none)' ELSE coalesce(a.name, '(unknown account)') END,
         salesops.mart_label(a.industry), salesops.mart_label(a.segment),
         salesops.mart_label(o.owner_id), CASE WHEN o.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         salesops.mart_label(o.pipeline), salesops.mart_label(o.stage_label),
         least(greatest(coalesce(o.stage_position, 32767), -32768), 32767)::smallint,
         coalesce(c.label, '(none)'), coalesce(c.rank, 0::smallint),
         salesops.mart_label(o.deal_type), salesops.mart_label(o.lead_source), salesops.mart_label(o.product),
         q.label, q.sort, q.fiscal_year, q.fiscal_quarter,
         o.close_date, d.created_date, d.last_activity_date, d.stage_entered_date,
         coalesce(o.close_date < p.as_of_date, false), p.as_of_date - d.created_date, p.as_of_date - d.stage_entered_date,
         o.corporate_amount, o.amount_basis, p.weights[c."position"], o.corporate_amount * p.weights[c."position"],
         o.amount, o.currency, o.probability, salesops.mart_label(o.next_step), coalesce(f.findings, 0),
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN LATERAL salesops.opportunity_state(p.as_of, p.as_of) o
  CROSS JOIN LATERAL salesops.period_labels(o.close_quarter, p.start_month) q
  CROSS JOIN LATERAL (SELECT (o.created_at AT TIME ZONE p.time_zone)::date AS created_date,
                             (o.last_activity_at AT TIME ZONE p.time_zone)::date AS last_activity_date,
                             (o.stage_entered_at AT TIME ZONE p.time_zone)::date AS stage_entered_date) d
  LEFT JOIN salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
    ON c.category OPERATOR(salesops.=) o.category
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.account_state(p.as_of, p.as_of) x) a
    ON a.source_key = o.source_key AND a.id = o.account_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = o.source_key AND w.owner_id = o.owner_id
  LEFT JOIN finding f ON f.source_key = o.source_key AND f.object_id = o.id
  WHERE o.is_open;
END;
COMMENT ON FUNCTION salesops.mart_open_pipeline() IS 'Rows of mart open_pipeline; columns as of mart_columns()';
-- The audit marts: how complete the data was on each day, and each finding.

CREATE FUNCTION salesops.mart_data_quality(
  OUT data_quality_key text, OUT source_key text, OUT audit_date date,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT rule text, OUT checklist text, OUT field text, OUT severity text, OUT severity_sort smallint,
  OUT applicable bigint, OUT passed bigint, OUT failed bigint, OUT completeness numeric, OUT is_latest boolean,
  OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH audited AS MATERIALIZED (
    SELECT DISTINCT ON (d.day) a.run_id, d.day, d.day = max(d.day) OVER () AS is_latest
    FROM salesops.latest_publication() p
    JOIN salesops.audit_log a ON a.as_of <= p.as_of
    CROSS JOIN LATERAL (SELECT (a.as_of AT TIME ZONE p.time_zone)::date AS day) d
    WHERE d.day > p.as_of_date - 92
    ORDER BY d.day, a.as_of DESC, a.audited_at DESC
  )
  SELECT jsonb_build_array(t.source_key, t.owner_id, t.rule, a.day)::text, salesops.mart_label(t.source_key), a.day,
         salesops.mart_label(t.owner_id), CASE WHEN t.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         t.rule, salesops.mart_label(u.checklist_item), salesops.mart_label(u.field), salesops.mart_label(u.severity),
         (CASE u.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END)::smallint,
         t.applicable, t.applicable - t.failed, t.failed,
         CASE WHEN t.applicable > 0 THEN (t.applicable - t.failed)::numeric / t.applicable END, a.is_latest,
         p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN audited a
  JOIN salesops.audit_tally t ON t.run_id = a.run_id
  LEFT JOIN salesops.audit_rules(p.as_of) u ON u.name = t.rule
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = t.source_key AND w.owner_id = t.owner_id;
END;
COMMENT ON FUNCTION salesops.mart_data_quality() IS 'Rows of mart data_quality; columns as of mart_columns()';

CREATE FUNCTION salesops.mart_data_quality_finding(
  OUT data_quality_finding_key text, OUT source_key text, OUT rule text, OUT checklist text,
  OUT severity text, OUT severity_sort smallint,
  OUT status text, OUT status_sort smallint, OUT object_kind text, OUT object_id text, OUT object text,
  OUT owner_id text, OUT owner text, OUT team text, OUT region text, OUT manager text, OUT manager_path text,
  OUT value text, OUT bound text, OUT first_seen_date date, OUT episode_date date, OUT resolved_date date, OUT age_days integer,
  OUT amount_at_risk numeric, OUT counted_amount_at_risk numeric,
  OUT currency_code text, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH episode AS (
    SELECT f.*, min(f.first_seen_at) OVER w AS seen_at, row_number() OVER (w ORDER BY f.first_seen_at, f.finding_id) AS episode
    FROM salesops.latest_publication() p
    JOIN salesops.finding f ON f.first_seen_at <= p.as_of
    WINDOW w AS (PARTITION BY f.rule, f.object_kind, f.source_key, f.object_id)
  ), shown AS (
    SELECT e.*, s.status, d.severity_sort,
           -- A deal with several findings is at risk once: on its gravest open one.
           row_number() OVER (PARTITION BY e.object_kind, e.source_key, e.object_id, s.status = 'resolved'
                              ORDER BY d.severity_sort, e.finding_id) = 1 AS is_counted
    FROM salesops.latest_publication() p
    CROSS JOIN episode e
    CROSS JOIN LATERAL (SELECT CASE WHEN e.resolved_at <= p.as_of THEN 'resolved'
                                    WHEN e.episode > 1 THEN 'reopened' ELSE 'open' END AS status) s
    CROSS JOIN LATERAL (SELECT (CASE e.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END)::smallint AS severity_sort) d
    WHERE s.status <> 'resolved' OR e.resolved_at > p.as_of - interval '92 days'
  )
  SELECT f.finding_id::text, salesops.mart_label(f.source_key), f.rule, salesops.mart_label(u.checklist_item),
         f.severity, f.severity_sort,
         f.status, (CASE f.status WHEN 'reopened' THEN 1 WHEN 'open' THEN 2 ELSE 3 END)::smallint,
         f.object_kind, f.object_id, salesops.mart_label(o.name),
         salesops.mart_label(f.owner_id), CASE WHEN f.owner_id IS NULL THEN '(none)' ELSE coalesce(w.owner, '(unknown owner)') END,
         salesops.mart_label(w.team), salesops.mart_label(w.region), salesops.mart_label(w.manager), salesops.mart_label(w.manager_path),
         salesops.mart_label(f.value), salesops.mart_label(f.bound), (f.seen_at AT TIME ZONE p.time_zone)::date, d.began, d.ended,
         coalesce(d.ended, p.as_of_date) - d.began,
         r.amount, CASE WHEN f.status = 'resolved' THEN NULL WHEN f.is_counted THEN r.amount WHEN r.amount IS NOT NULL THEN 0 END,
         p.currency_code, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p
  CROSS JOIN shown f
  CROSS JOIN LATERAL (SELECT (f.first_seen_at AT TIME ZONE p.time_zone)::date AS began,
                             CASE f.status WHEN 'resolved' THEN (f.resolved_at AT TIME ZONE p.time_zone)::date END AS ended) d
  LEFT JOIN salesops.audit_rules(p.as_of) u ON u.name = f.rule
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.owners(p.as_of, p.as_of) x) w
    ON w.source_key = f.source_key AND w.owner_id = f.owner_id
  LEFT JOIN LATERAL (SELECT x.* FROM salesops.opportunity_state(p.as_of, p.as_of) x) o
    ON f.object_kind = 'opportunity' AND o.source_key = f.source_key AND o.id = f.object_id
  LEFT JOIN salesops.forecast_categories() WITH ORDINALITY AS c(category, label, rank, weight, is_open, "position")
    ON c.category OPERATOR(salesops.=) o.category
  CROSS JOIN LATERAL (SELECT o.corporate_amount * p.weights[c."position"] AS amount) r;
END;
COMMENT ON FUNCTION salesops.mart_data_quality_finding() IS
  'Rows of mart data_quality_finding; columns as of mart_columns()';
-- How the nights went: the steps of every run that is still in the log, and the refresh of every mart.

CREATE FUNCTION salesops.mart_run_health(
  OUT run_health_key text, OUT kind text, OUT kind_sort smallint, OUT name text, OUT job text, OUT started_by text,
  OUT run_id bigint, OUT run_date date, OUT run_status text, OUT status text, OUT status_sort smallint, OUT is_latest boolean,
  OUT started_at timestamptz, OUT finished_at timestamptz, OUT seconds numeric, OUT rows_affected bigint,
  OUT sqlstate text, OUT message text, OUT run_as_of timestamptz, OUT as_of_date date, OUT refreshed_at timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH event AS (
    SELECT jsonb_build_array('step', r.run_id, s.step)::text AS key, 'step' AS kind, 1 AS kind_sort,
           salesops.mart_label(s.step) AS name, r.job, r.started_by, r.run_id, r.local_date AS run_date, r.status AS run_status,
           coalesce(s.status, r.status) AS status, r.run_id = max(r.run_id) OVER (PARTITION BY r.job) AS is_latest,
           coalesce(s.started_at, r.started_at) AS started_at, coalesce(s.finished_at, r.finished_at) AS finished_at,
           s.rows_affected, s.sqlstate, s.message, r.as_of
    FROM salesops.run_log r LEFT JOIN salesops.run_step_log s ON s.run_id = r.run_id
    UNION ALL
    SELECT jsonb_build_array('mart', m.publication_id, m.mart)::text, 'mart', 2, m.mart, '(none)', '(none)', NULL,
           salesops.local_date(m.as_of), '(none)', CASE WHEN m.sqlstate IS NULL THEN 'succeeded' ELSE 'failed' END,
           m.publication_id = max(m.publication_id) OVER (), m.started_at, m.refreshed_at, m.rows, m.sqlstate, m.message, m.as_of
    FROM salesops.mart_refresh m
  )
  SELECT e.key, e.kind, e.kind_sort::smallint, e.name, e.job, e.started_by, e.run_id, e.run_date, e.run_status, e.status,
         (CASE e.status WHEN 'failed' THEN 1 WHEN 'abandoned' THEN 2 WHEN 'running' THEN 3 ELSE 4 END)::smallint, e.is_latest,
         e.started_at, e.finished_at, extract(epoch FROM e.finished_at - e.started_at), e.rows_affected,
         salesops.mart_label(e.sqlstate), salesops.mart_label(e.message), e.as_of, p.as_of_date, p.published_at
  FROM salesops.latest_publication() p CROSS JOIN event e;
END;
COMMENT ON FUNCTION salesops.mart_run_health() IS 'Rows of mart run_health; columns as of mart_columns()';
-- The relations of the marts: for each mart a materialized view salesops_bi.<mart>_mat with a unique index on its key, and a
-- plain view salesops_bi.<mart> over it, because many BI tools do not list materialized views.
--
-- They are made by a function and not by the install script: a member of an extension is not dumped, so it would lose its
-- rows, user indexes and comments in a restore. They belong to the owner of the schema, who alone (or a superuser) may refresh them on 15.
-- A materialized view reads nothing but salesops.mart_<mart>(), whose shape is frozen: an update of the extension may
-- replace its body under the marts.

-- The columns a mart should have, as text to compare and to select.
CREATE FUNCTION salesops.mart_shape(mart text, OUT wanted text, OUT selected text)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT string_agg(c.column_name || ' ' || c.type, ', ' ORDER BY c."position"),
         -- A key is compared, never read: bytewise is enough and quicker under every locale.
         string_agg(format(CASE WHEN c."position" = 1 THEN 'm.%1$I::%2$s COLLATE pg_catalog."C" AS %1$I'
                                WHEN c.type ~ '^numeric' THEN 'salesops.mart_number(m.%1$I)::%2$s AS %1$I'
                                ELSE 'm.%1$I::%2$s AS %1$I' END, c.column_name, c.type), ', ' ORDER BY c."position")
  FROM salesops.mart_columns() c WHERE c.mart = mart_shape.mart;
END;
COMMENT ON FUNCTION salesops.mart_shape(text) IS
  'Columns of a mart: with their types, to compare with what is there; and as the select list of its materialized view';

CREATE FUNCTION salesops.mart_found(relation text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = to_regclass(format('salesops_bi.%I', relation)) AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION salesops.mart_found(text) IS
  'Columns that a relation of salesops_bi has, with their types; NULL if there is no such relation';

-- What a user did to a mart's relation, as commands that do it again.
CREATE FUNCTION salesops.mart_customisation(relation text, OUT command text, OUT is_ours boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH r AS (
    SELECT c.oid, c.relname, c.relowner, c.relacl, CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind
    FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(format('salesops_bi.%I', relation))
  )
  SELECT pg_get_indexdef(i.indexrelid), x.relname = regexp_replace(r.relname, '_mat$', '') || '_key'
  FROM r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  UNION ALL
  SELECT format('COMMENT ON INDEX salesops_bi.%I IS %L', x.relname, obj_description(x.oid, 'pg_class')),
         x.relname = regexp_replace(r.relname, '_mat$', '') || '_key'
  FROM r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  WHERE obj_description(x.oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT format('GRANT %s ON salesops_bi.%I TO %s%s', a.privilege_type, r.relname,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), false
  FROM r CROSS JOIN LATERAL aclexplode(r.relacl) a
  WHERE a.grantee <> r.relowner
  UNION ALL
  SELECT format('GRANT %s (%I) ON salesops_bi.%I TO %s', a.privilege_type, t.attname, r.relname,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), false
  FROM r JOIN pg_catalog.pg_attribute t ON t.attrelid = r.oid CROSS JOIN LATERAL aclexplode(t.attacl) a
  UNION ALL
  SELECT format('COMMENT ON %s salesops_bi.%I IS %L', r.kind, r.relname, obj_description(r.oid, 'pg_class')), false
  FROM r WHERE obj_description(r.oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT format('COMMENT ON COLUMN salesops_bi.%I.%I IS %L', r.relname, t.attname, col_description(r.oid, t.attnum)), false
  FROM r JOIN pg_catalog.pg_attribute t ON t.attrelid = r.oid
  WHERE t.attnum > 0 AND NOT t.attisdropped AND col_description(r.oid, t.attnum) IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.mart_customisation(text) IS
  'Indexes, grants and comments of a relation of salesops_bi as commands that make them again; is_ours marks the index '
  'that install_marts() makes itself';

-- Makes the two relations of a mart, empty, as the catalog of marts says.
CREATE FUNCTION salesops.create_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape record;
BEGIN
  SELECT s.wanted, s.selected INTO shape FROM salesops.mart_shape(create_mart.mart) s;
  EXECUTE format('CREATE MATERIALIZED VIEW salesops_bi.%I AS SELECT %s FROM salesops.%I() m WITH NO DATA',
                            mart || '_mat', shape.selected, 'mart_' || mart);
  EXECUTE format('CREATE VIEW salesops_bi.%I AS SELECT m.* FROM salesops_bi.%I m', mart, mart || '_mat');
END $$;
COMMENT ON FUNCTION salesops.create_mart(text) IS
  'Make the materialized view of a mart, empty, and the view over it; install_marts() calls it';

-- Comments what has no comment yet: a user's own words stay.
CREATE FUNCTION salesops.comment_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('COMMENT ON %s salesops_bi.%I IS %L', r.kind, r.name, m.meaning)
    FROM salesops.marts() m
    CROSS JOIN LATERAL (VALUES ('MATERIALIZED VIEW', m.mart || '_mat'), ('VIEW', m.mart)) AS r(kind, name)
    WHERE m.mart = comment_mart.mart
      AND obj_description(to_regclass(format('salesops_bi.%I', r.name)), 'pg_class') IS NULL
    UNION ALL
    SELECT format('COMMENT ON COLUMN salesops_bi.%I.%I IS %L', r.name, c.column_name, c.meaning)
    FROM salesops.mart_columns() c
    CROSS JOIN LATERAL (VALUES (c.mart || '_mat'), (c.mart)) AS r(name)
    JOIN pg_catalog.pg_attribute a
      ON a.attrelid = to_regclass(format('salesops_bi.%I', r.name)) AND a.attname = c.column_name
    WHERE c.mart = comment_mart.mart AND col_description(a.attrelid, a.attnum) IS NULL
    UNION ALL
    SELECT format('COMMENT ON INDEX salesops_bi.%I IS %L', m.mart || '_key', 'Primary key; refreshing concurrently needs it')
    FROM salesops.marts() m
    WHERE m.mart = comment_mart.mart
      AND obj_description(to_regclass(format('salesops_bi.%I', m.mart || '_key')), 'pg_class') IS NULL
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.comment_mart(text) IS
  'Comment the relations of a mart and their columns where they have no comment yet; install_marts() calls it';

-- Whoever owns the schema or a mart decides what dashboards read, and whoever may create a schema could have been here before
-- us. Who may publish (write publication) is who is trusted with that.
CREATE FUNCTION salesops.check_mart_owners()
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  foreign_part record;
BEGIN
  SELECT p.* INTO foreign_part
  FROM (SELECT 'schema' AS kind, 'salesops_bi' AS name, n.nspowner AS owner FROM pg_namespace n WHERE n.nspname = 'salesops_bi'
        UNION ALL
        SELECT 'relation', format('salesops_bi.%I', c.relname), c.relowner
        FROM pg_class c JOIN salesops.marts() m ON c.relname IN (m.mart, m.mart || '_mat')
        WHERE c.relnamespace = to_regnamespace('salesops_bi')) p
  WHERE NOT has_table_privilege(p.owner, 'salesops.publication', 'INSERT')
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% % belongs to "%", who may not publish', foreign_part.kind, foreign_part.name, pg_get_userbyid(foreign_part.owner)
      USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Its owner decides what everybody reads there.',
            HINT = 'Drop or rename it, or make the role that runs the jobs its owner.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_mart_owners() IS
  'Raises 42501 where schema salesops_bi or a mart in it belongs to a role that may not insert into salesops.publication: somebody else made it';

CREATE FUNCTION salesops.install_marts()
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mart text;
  owner name;
  saved text[];
  command text;
  made bigint := 0;
BEGIN
  PERFORM salesops.check_mart_owners();
  IF to_regnamespace('salesops_bi') IS NULL THEN
    CREATE SCHEMA salesops_bi;
    COMMENT ON SCHEMA salesops_bi IS 'salesops for BI: plain views to read, each over a materialized view <name>_mat that the night refreshes';
  END IF;

  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" LOOP
    IF salesops.mart_found(mart || '_mat') IS DISTINCT FROM (SELECT s.wanted FROM salesops.mart_shape(mart) s)
       OR salesops.mart_found(mart) IS DISTINCT FROM (SELECT s.wanted FROM salesops.mart_shape(mart) s) THEN
      saved := ARRAY(SELECT c.command FROM salesops.mart_customisation(mart || '_mat') c WHERE NOT c.is_ours)
            || ARRAY(SELECT c.command FROM salesops.mart_customisation(mart) c WHERE NOT c.is_ours);
      owner := coalesce((SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass(format('salesops_bi.%I', mart || '_mat'))),
                        (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'salesops_bi'));
      PERFORM salesops.drop_mart(mart);
      PERFORM salesops.create_mart(mart);
      -- What its owner wrote into its indexes keeps his rights, and he may go on refreshing it.
      IF owner <> current_user THEN
        EXECUTE format('ALTER MATERIALIZED VIEW salesops_bi.%I OWNER TO %I', mart || '_mat', owner);
        EXECUTE format('ALTER VIEW salesops_bi.%I OWNER TO %I', mart, owner);
      END IF;
      FOREACH command IN ARRAY saved LOOP
        BEGIN
          EXECUTE command;
        EXCEPTION WHEN undefined_column OR undefined_table OR undefined_object THEN
          RAISE WARNING 'not made again: %', command
            USING DETAIL = SQLERRM, HINT = 'The column is no longer part of the mart.';
        END;
      END LOOP;
      made := made + 1;
    END IF;
    IF to_regclass(format('salesops_bi.%I', mart || '_key')) IS NULL THEN
      EXECUTE format('CREATE UNIQUE INDEX %I ON salesops_bi.%I (%I)', mart || '_key', mart || '_mat', mart || '_key');
    END IF;
    PERFORM salesops.comment_mart(mart);
  END LOOP;
  RETURN made;
END $$;
COMMENT ON FUNCTION salesops.install_marts() IS
  'Make schema salesops_bi and the marts in it, empty until refresh_marts(); returns how many were made. What is there '
  'and right stays untouched; a mart '
  'whose columns changed with an update is made anew with its owner, user indexes, grants and comments; a new one belongs to the owner of the schema. '
  'Errors as of check_mart_owners()';

CREATE FUNCTION salesops.drop_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.mart_found(mart) IS NOT NULL THEN
    EXECUTE format('DROP VIEW salesops_bi.%I', mart);
  END IF;
  IF salesops.mart_found(mart || '_mat') IS NOT NULL THEN
    EXECUTE format('DROP MATERIALIZED VIEW salesops_bi.%I', mart || '_mat');
  END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
  RAISE EXCEPTION 'mart "%" cannot be dropped because other objects depend on it', mart
    USING ERRCODE = 'dependent_objects_still_exist',
          DETAIL = SQLERRM,
          HINT = 'Drop the views built on it, call salesops.install_marts() or salesops.drop_marts() again, and make them anew.';
  WHEN wrong_object_type THEN
    RAISE EXCEPTION 'a relation of somebody else has the name of mart "%"', mart
      USING ERRCODE = 'duplicate_table',
            DETAIL = SQLERRM || ' in schema salesops_bi.',
            HINT = 'Rename it, or move it to another schema, and call salesops.install_marts() again.';
END $$;
COMMENT ON FUNCTION salesops.drop_mart(text) IS
  'Drop the relations of one mart; 2BP01 where a user''s view stands on them, 42P07 where a table or the like has its name';

CREATE FUNCTION salesops.drop_marts()
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mart text;
BEGIN
  IF to_regnamespace('salesops_bi') IS NULL THEN
    RETURN;
  END IF;
  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" DESC LOOP
    PERFORM salesops.drop_mart(mart);
  END LOOP;
  DROP SCHEMA salesops_bi;
END $$;
COMMENT ON FUNCTION salesops.drop_marts() IS
  'Drop the marts and their schema, with indexes, grants and comments; call it before DROP EXTENSION. Fails where a '
  'user''s object is in the schema or on a mart';
-- Refreshing: one publication, mart after mart, each in a subtransaction of its own, so that one that fails keeps its last
-- good rows and the others go on. Only a lock or a mistake in one mart is survived like this; a cancelled statement is not.

CREATE FUNCTION salesops.refresh_mart(mart text)
RETURNS text LANGUAGE plpgsql
-- Compiling these wide plans takes seconds and saves none; and as_of, which is read from a table, hides from the planner how
-- many rows there are, so that it would look deals up one by one.
SET jit = off SET enable_nestloop = off SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  relation regclass := to_regclass(format('salesops_bi.%I', mart || '_mat'));
  method text;
BEGIN
  -- Refreshing concurrently takes rows to compare with, and a unique index on plain columns over all rows.
  SELECT CASE WHEN c.relispopulated
                   AND EXISTS (SELECT FROM pg_catalog.pg_index i
                               WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                                 AND 0 <> ALL (i.indkey::int2[]))
              THEN 'concurrently' ELSE 'plain' END
  INTO method
  FROM pg_catalog.pg_class c WHERE c.oid = relation;

  EXECUTE format('REFRESH MATERIALIZED VIEW %s salesops_bi.%I', CASE method WHEN 'concurrently' THEN 'CONCURRENTLY' END,
                            mart || '_mat');
  EXECUTE format('ANALYZE salesops_bi.%I', mart || '_mat');
  RETURN method;
END $$;
COMMENT ON FUNCTION salesops.refresh_mart(text) IS
  'Refresh the rows of one mart for the newest publication and return how: concurrently, or plain where it is empty or '
  'lost its unique index. refresh_marts() calls it';

CREATE FUNCTION salesops.refresh_marts(as_of timestamptz, lock_wait interval DEFAULT '30 seconds')
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  outer_lock_timeout text := current_setting('lock_timeout');
  -- In milliseconds; least() passes over the NULL of a session without a limit.
  wait_for_lock bigint := least((extract(epoch FROM lock_wait) * 1000)::bigint,
                                (SELECT nullif(s.setting::bigint, 0) FROM pg_settings s WHERE s.name = 'lock_timeout'));
  publication bigint;
  mart text;
  began timestamptz;
  how text;
  mart_rows bigint;
  total_rows bigint;
  failure_state text;
  failure_message text;
BEGIN
  PERFORM salesops.install_marts();
  INSERT INTO salesops.publication AS p (as_of) VALUES (refresh_marts.as_of) RETURNING p.publication_id INTO publication;
  PERFORM set_config('lock_timeout', wait_for_lock::text, true);

  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" LOOP
    began := clock_timestamp();
    how := NULL;
    mart_rows := NULL;
    failure_state := NULL;
    failure_message := NULL;
    BEGIN
      how := salesops.refresh_mart(mart);
      mart_rows := salesops.count_rows(format('salesops_bi.%I', mart || '_mat')::regclass);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS failure_state = RETURNED_SQLSTATE, failure_message = MESSAGE_TEXT;
      RAISE WARNING 'mart "%" was not refreshed and keeps its last rows: %', mart, failure_message
        USING ERRCODE = failure_state, HINT = 'SELECT * FROM salesops.mart_status shows what each mart holds.';
    END;
    INSERT INTO salesops.mart_refresh (publication_id, mart, as_of, started_at, rows, method, sqlstate, message)
    VALUES (publication, mart, refresh_marts.as_of, began, mart_rows, how, failure_state, failure_message);
    total_rows := coalesce(total_rows + mart_rows, total_rows, mart_rows);
  END LOOP;

  -- Where all failed, the reason is not a mart's: say it as an error, so that the night's step fails.
  IF total_rows IS NULL THEN
    RAISE EXCEPTION 'no mart was refreshed: %', failure_message
      USING ERRCODE = failure_state, HINT = 'The owner of salesops_bi must refresh, with rights on schema salesops.';
  END IF;
  PERFORM set_config('lock_timeout', outer_lock_timeout, true);
  RETURN total_rows;
END $$;
COMMENT ON FUNCTION salesops.refresh_marts(timestamptz, interval) IS
  'Publish an instant: refresh every mart for it in dependency order and return their rows together. Installs the marts '
  'if they are missing. A mart that fails, or whose lock is not free within lock_wait, or within the session''s lock_timeout if that is '
  'less, keeps its last good rows: a WARNING, a row in mart_refresh, and the others go on; an error if all fail. Needs the owner of the marts';

CREATE FUNCTION salesops.refresh_failures(as_of timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT format('%s of %s marts were not refreshed: %s', count(r.sqlstate), count(*),
                string_agg(r.mart, ', ' ORDER BY r.mart) FILTER (WHERE r.sqlstate IS NOT NULL))
  FROM salesops.mart_refresh r
  WHERE r.publication_id = (SELECT max(p.publication_id) FROM salesops.publication p WHERE p.as_of = refresh_failures.as_of)
  HAVING count(r.sqlstate) > 0;
END;
COMMENT ON FUNCTION salesops.refresh_failures(timestamptz) IS
  'Which marts the last publication of an instant could not refresh, in words; NULL where it refreshed all. mart_refresh says why';
-- lock.sql: one run at a time in a database.
--
-- A lock of the session spans the commits of a run and vanishes with its process, however that ends. Whoever holds it
-- therefore knows that every other run still logged as running is dead. It is an advisory lock of a kind that
-- pg_advisory_lock() cannot take (see own_lock.c).

CREATE FUNCTION salesops.run_lock_holder() RETURNS integer
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
  SELECT l.pid
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_database d ON d.oid = l.database
  WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
    AND (l.classid, l.objid, l.objsubid) = (1396788293, 1397706835, 3); -- the ASCII bytes of SALE and SOPS, and our kind
END;
COMMENT ON FUNCTION salesops.run_lock_holder() IS 'Process that is running a job in this database now, NULL if none';

CREATE FUNCTION salesops.try_run_lock() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_try_run_lock';
COMMENT ON FUNCTION salesops.try_run_lock() IS
  'Takes the lock that a run holds, for this session; true also if this session has it already, which does not count twice; false if '
  'another session has it';

CREATE FUNCTION salesops.release_run_lock() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_release_run_lock';
COMMENT ON FUNCTION salesops.release_run_lock() IS 'Gives back the lock taken by try_run_lock()';

CREATE FUNCTION salesops.check_run_lock() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.run_lock_holder() IS DISTINCT FROM pg_catalog.pg_backend_pid() THEN
    RAISE EXCEPTION 'this session does not hold the run lock'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Take it with SELECT salesops.try_run_lock(), or CALL salesops.run_job().';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_lock() IS 'Raises 55000 unless this session holds the run lock';

-- DROP EXTENSION takes this lock before those of the tables. So it waits for the step at work, or the step for it, and neither
-- holds a table that the other wants.
CREATE FUNCTION salesops.lock_extension(begun_with text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_lock_extension';
COMMENT ON FUNCTION salesops.lock_extension(text) IS
  'Locks the extension against DROP and ALTER EXTENSION UPDATE until the transaction ends and returns its version; 42704 if it '
  'has been dropped, 55000 if the version is not the one that the run began with';

CREATE FUNCTION salesops.hold_runs() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_hold_runs';
COMMENT ON FUNCTION salesops.hold_runs() IS
  'Waits for the step at work and keeps every other from beginning until this transaction ends: an update script begins with it';
REVOKE ALL ON FUNCTION salesops.hold_runs() FROM PUBLIC;
-- jobs.sql: what can be run. A step is a function by a name, a job is a list of steps by a name.
--
-- Rooms and users plug in by name: define_step() says which function a step calls, define_job() which steps a job
-- has. The names are text and are looked up when the step runs, so a function may be replaced, dropped and made
-- again, dumped and restored like any other. What we ship is code, default_steps() and default_jobs(); the tables hold
-- only what a user said, and that goes before the default of the same name.
--
-- Whoever may create a function in some schema could wait there for the night and its rights. So a step runs only a
-- function of a superuser, of the owner of the extension, or of the role that runs it.

CREATE TABLE salesops.step (
  step        text   PRIMARY KEY CHECK (step <> ''),
  function    text   NOT NULL,
  builds_on   text[] NOT NULL,
  description text   NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.step', '');

COMMENT ON TABLE salesops.step IS 'Steps that users defined; salesops.steps() has them and the default ones';
COMMENT ON COLUMN salesops.step.step IS 'Name of the step';
COMMENT ON COLUMN salesops.step.function IS
  'Function of it with its schema; it is called with (run_id bigint, as_of timestamptz) and returns the rows it wrote as bigint';
COMMENT ON COLUMN salesops.step.builds_on IS
  'Steps whose outcome it publishes or reports: a retry that runs one of these runs it again too, although it succeeded before';
COMMENT ON COLUMN salesops.step.description IS 'What it does, in words';

CREATE TABLE salesops.job (
  job         text   PRIMARY KEY CHECK (job <> ''),
  steps       text[] NOT NULL CHECK (cardinality(steps) > 0),
  description text   NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.job', '');

COMMENT ON TABLE salesops.job IS 'Jobs that users defined; salesops.jobs() has them and the default ones';
COMMENT ON COLUMN salesops.job.job IS 'Name of the job';
COMMENT ON COLUMN salesops.job.steps IS 'Names of its steps in the order in which they run';
COMMENT ON COLUMN salesops.job.description IS 'What it is for, in words';

CREATE FUNCTION salesops.default_steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  VALUES ('sync', 'salesops.step_sync', ARRAY[]::text[], 'Read every active source in full'),
         ('snapshot', 'salesops.step_snapshot', '{}', 'Keep the forecast as it is'),
         ('audit', 'salesops.step_audit', '{}', 'Check every open deal and every source by the rules'),
         ('refresh', 'salesops.step_refresh', '{sync,audit}', 'Publish the marts in salesops_bi'),
         ('alert', 'salesops.step_alert', '{sync,snapshot,audit,refresh}', 'Tell the listeners of channel salesops how the run went'),
         ('purge', 'salesops.step_purge', '{}', 'Delete runs older than the setting run_log_keep from the log');
END;
COMMENT ON FUNCTION salesops.default_steps() IS 'The steps that come with the extension; columns as of table step';

CREATE FUNCTION salesops.default_jobs(OUT job text, OUT steps text[], OUT description text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  VALUES ('nightly', ARRAY['sync', 'snapshot', 'audit', 'refresh', 'alert', 'purge'], 'Everything, once a day'),
         ('sync', ARRAY['sync'], 'Follow the sources more often than once a day'),
         ('forecast_cut_off', ARRAY['sync', 'snapshot'], 'Keep the forecast as of the end of a sales week or period');
END;
COMMENT ON FUNCTION salesops.default_jobs() IS 'The jobs that come with the extension; columns as of table job';

CREATE FUNCTION salesops.steps(OUT step text, OUT function text, OUT builds_on text[], OUT description text,
                               OUT is_default boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT s.step, s.function, s.builds_on, s.description, false
  FROM salesops.step s
  UNION ALL
  SELECT d.step, d.function, d.builds_on, d.description, true
  FROM salesops.default_steps() d
  WHERE NOT EXISTS (SELECT FROM salesops.step s WHERE s.step = d.step)
  ORDER BY 1;
END;
COMMENT ON FUNCTION salesops.steps() IS 'Every step there is: those users defined, and the default ones of other names';

CREATE FUNCTION salesops.jobs(OUT job text, OUT steps text[], OUT description text, OUT is_default boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
  SELECT j.job, j.steps, j.description, false
  FROM salesops.job j
  UNION ALL
  SELECT d.job, d.steps, d.description, true
  FROM salesops.default_jobs() d
  WHERE NOT EXISTS (SELECT FROM salesops.job j WHERE j.job = d.job)
  ORDER BY 1;
END;
COMMENT ON FUNCTION salesops.jobs() IS 'Every job there is: those users defined, and the default ones of other names';

CREATE FUNCTION salesops.job_steps(job text, OUT step text, OUT "position" integer) RETURNS SETOF record
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  SELECT s.step, s."position"::integer
  FROM salesops.jobs() j
  CROSS JOIN LATERAL unnest(j.steps) WITH ORDINALITY AS s (step, "position")
  WHERE j.job = job_steps.job
  ORDER BY s."position";
END;
COMMENT ON FUNCTION salesops.job_steps(text) IS
  'Steps of a job in the order in which they run; no row for an unknown job';

CREATE FUNCTION salesops.check_job(job text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.jobs() j WHERE j.job = check_job.job) THEN
    RAISE EXCEPTION 'unknown job "%"', check_job.job
      USING ERRCODE = 'invalid_parameter_value',
            HINT = pg_catalog.format('The jobs are: %s. SELECT salesops.define_job() makes another.',
                                     (SELECT string_agg(j.job, ', ' ORDER BY j.job) FROM salesops.jobs() j));
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_job(text) IS 'Raises 22023 unless there is such a job';

-- Says where the function of a step is, quoted as it can stand in a statement, if it may be run at all.
CREATE FUNCTION salesops.step_call(step text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := (SELECT s.function FROM salesops.steps() s WHERE s.step = step_call.step);
  candidate record;
BEGIN
  IF wanted IS NULL THEN
    RAISE EXCEPTION 'unknown step "%"', step_call.step
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM salesops.steps() lists the steps.';
  END IF;

  SELECT p.oid::regprocedure AS signature, n.nspname, p.proname, p.prokind, p.prorettype, o.rolname, o.rolsuper, p.proowner
  INTO candidate
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles o ON o.oid = p.proowner
  WHERE p.oid = pg_catalog.to_regprocedure(wanted || '(bigint, timestamp with time zone)');
  IF NOT FOUND OR candidate.prokind <> 'f' OR candidate.prorettype <> 'bigint'::regtype THEN
    RAISE EXCEPTION 'step "%" has no function', step_call.step
      USING ERRCODE = 'undefined_function',
            DETAIL = pg_catalog.format('There is no function %s(bigint, timestamptz) that returns bigint.', wanted),
            HINT = 'Name it with its schema: SELECT salesops.define_step(step, ''schema.function'').';
  END IF;
  IF NOT (candidate.rolsuper OR candidate.rolname = current_user
          OR candidate.proowner = (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'salesops')) THEN
    RAISE EXCEPTION 'the function of step "%" belongs to a role that the job does not trust', step_call.step
      USING ERRCODE = 'insufficient_privilege',
            DETAIL = pg_catalog.format('%s belongs to %s; the job runs as %s.', candidate.signature, candidate.rolname, current_user),
            HINT = pg_catalog.format('Read the function; then ALTER FUNCTION %s OWNER TO %I.', candidate.signature, current_user);
  END IF;
  RETURN pg_catalog.format('%I.%I', candidate.nspname, candidate.proname);
END $$;
COMMENT ON FUNCTION salesops.step_call(text) IS
  'Name of the function of a step, to be called with (bigint, timestamptz); raises 22023 for an unknown step, 42883 where there is '
  'no such function, 42501 where it belongs neither to a superuser nor to the owner of the extension nor to the current role';

CREATE FUNCTION salesops.define_step(step text, function text, description text DEFAULT '', builds_on text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO salesops.step AS s (step, function, builds_on, description)
  VALUES (define_step.step, define_step.function, define_step.builds_on, define_step.description)
  ON CONFLICT (step) DO UPDATE
  SET function = excluded.function, builds_on = excluded.builds_on, description = excluded.description;
  PERFORM salesops.step_call(define_step.step);
END $$;
COMMENT ON FUNCTION salesops.define_step(text, text, text, text[]) IS
  'Defines a step, or redefines it: its function, named with its schema, takes (run_id bigint, as_of timestamptz) and returns the '
  'rows it wrote as bigint. builds_on: a retry that runs one of these steps runs it again too. Errors as of step_call()';

CREATE FUNCTION salesops.define_job(job text, steps text[], description text DEFAULT '') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  unknown text;
BEGIN
  SELECT coalesce(w.step, 'NULL') INTO unknown
  FROM unnest(define_job.steps) AS w (step)
  WHERE NOT EXISTS (SELECT FROM salesops.steps() s WHERE s.step = w.step)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'unknown step "%"', unknown
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT * FROM salesops.steps() lists the steps, salesops.define_step() makes another.';
  END IF;
  IF coalesce(cardinality(define_job.steps), 0) = 0
     OR (SELECT count(DISTINCT w.step) FROM unnest(define_job.steps) AS w (step)) < cardinality(define_job.steps) THEN
    RAISE EXCEPTION 'a job has at least one step, and each step once'
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('The steps given for job "%s" are %s.', define_job.job,
                                       coalesce(define_job.steps::text, 'NULL'));
  END IF;

  INSERT INTO salesops.job AS j (job, steps, description)
  VALUES (define_job.job, define_job.steps, define_job.description)
  ON CONFLICT (job) DO UPDATE SET steps = excluded.steps, description = excluded.description;
END $$;
COMMENT ON FUNCTION salesops.define_job(text, text[], text) IS
  'Defines a job, or redefines it, as a list of steps in the order in which they run; 22023 for an unknown step, a step named '
  'twice, or none. set_schedule() says when it runs';
-- launcher.sql: how a session starts the background worker, stops it, and makes it look at this database.

CREATE FUNCTION salesops.start_worker() RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_start_worker';
COMMENT ON FUNCTION salesops.start_worker() IS
  'Starts the background worker in a server without salesops in shared_preload_libraries, until that server ends; it '
  'serves this database and those of the setting salesops.databases. Returns the process of its launcher, which may '
  'have been running already; NULL on a standby, where it waits for the promotion. Acts at once, also in a '
  'transaction that is rolled back';
REVOKE ALL ON FUNCTION salesops.start_worker() FROM PUBLIC;

CREATE FUNCTION salesops.stop_worker() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_stop_worker';
COMMENT ON FUNCTION salesops.stop_worker() IS
  'Ends the background worker that start_worker() has started, for all databases; a run at work goes on to its end. '
  'False if there was none. Raises 55000 if the library is preloaded';
REVOKE ALL ON FUNCTION salesops.stop_worker() FROM PUBLIC;

CREATE FUNCTION salesops.wake_worker() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_wake_worker';
COMMENT ON FUNCTION salesops.wake_worker() IS
  'Makes the background worker look at this database as soon as this transaction commits; false if it is neither '
  'preloaded nor started';

CREATE FUNCTION salesops.check_worker() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_check_worker';
COMMENT ON FUNCTION salesops.check_worker() IS
  'Raises 55000 with what to do unless the background worker serves this database';

CREATE FUNCTION salesops.launcher_pid() RETURNS integer
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'salesops_launcher_pid';
COMMENT ON FUNCTION salesops.launcher_pid() IS
  'Process of the launcher of the background worker; NULL while there is none: not started, on a standby, or for seconds after it was ended';
-- schedule.sql: when a job is due.
--
-- A local day has slots. A job that runs once a day has one, at (local date + local time) AT TIME ZONE zone: on
-- the day the clocks go forward a time that does not exist becomes the one an hour later, on the day they go back
-- a time that exists twice is its second one. So there is exactly one slot a day on both, with no case for either. A job
-- that runs every so often has its further slots at that distance in elapsed time, until the local day ends: no
-- gap is longer on these days, and no two slots fall together.
--
-- A slot has an identity, so that what has run can be read from the run log: once a day it is the day, whatever the
-- time of it was changed to since; otherwise it is the minute. Nothing here needs a memory of its own, and a
-- server that was down finds out by itself what it missed.

CREATE TABLE salesops.schedule (
  job         text        PRIMARY KEY,
  at_time     time        NOT NULL,
  time_zone   text        NOT NULL,
  enabled     boolean     NOT NULL,
  catch_up    interval    NOT NULL CHECK (catch_up BETWEEN interval '5 minutes' AND interval '31 days'),
  weekdays    integer[]   CHECK (cardinality(weekdays) > 0 AND weekdays <@ '{1,2,3,4,5,6,7}'),
  month_days  integer[]   CHECK (cardinality(month_days) > 0 AND 0 <> ALL (month_days)
                                 AND -31 <= ALL (month_days) AND 31 >= ALL (month_days)),
  every       interval    CHECK (every >= interval '5 minutes' AND every < interval '24 hours'),
  attempts    integer     NOT NULL CHECK (attempts BETWEEN 1 AND 20),
  retry_after interval    NOT NULL CHECK (retry_after >= interval '1 second' AND retry_after <= interval '1 day'),
  step_limit  interval    CHECK (step_limit >= interval '0' AND step_limit <= interval '24 days'),
  lock_limit  interval    CHECK (lock_limit >= interval '0' AND lock_limit <= interval '24 days'),
  since       timestamptz NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('salesops.schedule', '');

COMMENT ON TABLE salesops.schedule IS 'When each job runs in this database; written by set_schedule()';
COMMENT ON COLUMN salesops.schedule.job IS 'Name of the job';
COMMENT ON COLUMN salesops.schedule.at_time IS 'Local time of day at which it is due, first';
COMMENT ON COLUMN salesops.schedule.time_zone IS 'Time zone of that local time, a name of pg_timezone_names';
COMMENT ON COLUMN salesops.schedule.enabled IS 'False keeps the schedule without running the job';
COMMENT ON COLUMN salesops.schedule.catch_up IS
  'What was due no longer ago than this is made up for, once; nor is anything tried again later than this';
COMMENT ON COLUMN salesops.schedule.weekdays IS 'Only on these days of the week, 1 Monday to 7 Sunday; NULL = on all';
COMMENT ON COLUMN salesops.schedule.month_days IS
  'Only on these days of the month, 1 to 31, or from its end, -1 the last; NULL = on all. With weekdays both must hold';
COMMENT ON COLUMN salesops.schedule.every IS
  'From at_time on every so often until the local day ends; NULL = once a day';
COMMENT ON COLUMN salesops.schedule.attempts IS 'How often a run is attempted before it counts as failed for good';
COMMENT ON COLUMN salesops.schedule.retry_after IS 'Time until the second attempt; it doubles with each further one';
COMMENT ON COLUMN salesops.schedule.step_limit IS
  'Longest time for one step in the worker, 0 = no limit; NULL = the setting salesops.statement_timeout';
COMMENT ON COLUMN salesops.schedule.lock_limit IS
  'Longest wait for one lock, 0 = no limit; NULL = the setting salesops.lock_timeout, in a session its lock_timeout';
COMMENT ON COLUMN salesops.schedule.since IS
  'When this schedule was set; what would have been due before is not made up for';

-- Zones come and go with the server's time zone data, and a dump may be restored elsewhere. What an unknown one is asked for is
-- an error, which would keep every other job from running.
CREATE FUNCTION salesops.is_known_zone(time_zone text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_catalog.timezone(time_zone, timestamptz 'epoch');
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION salesops.is_known_zone(text) IS 'Whether this server knows a time zone';

CREATE FUNCTION salesops.due_at(local_date date, at_time time, time_zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (local_date + at_time) AT TIME ZONE time_zone;
COMMENT ON FUNCTION salesops.due_at(date, time, text) IS 'The instant of a local time on a local day';

-- A manual run needs no schedule; then its day is that of the house.
CREATE FUNCTION salesops.local_date(job text, at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (local_date.at AT TIME ZONE
          coalesce((SELECT s.time_zone FROM salesops.schedule s WHERE s.job = local_date.job),
                   salesops.get_setting('time_zone')))::date;
END;
COMMENT ON FUNCTION salesops.local_date(text, timestamptz) IS
  'Calendar day of an instant in the time zone of the schedule of a job; for a job without one in that of the '
  'setting time_zone';

-- A day that a zone left out altogether has no midnight of its own, and no slot.
CREATE FUNCTION salesops.is_scheduled_day(schedule salesops.schedule, local_date date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (schedule.weekdays IS NULL OR extract(isodow FROM local_date)::integer = ANY (schedule.weekdays))
     AND (schedule.month_days IS NULL
          OR extract(day FROM local_date)::integer = ANY (schedule.month_days)
          OR local_date - (date_trunc('month', local_date::timestamp) + interval '1 month')::date = ANY (schedule.month_days))
     AND (salesops.due_at(local_date, '00:00', schedule.time_zone) AT TIME ZONE schedule.time_zone)::date = local_date;
END;
COMMENT ON FUNCTION salesops.is_scheduled_day(salesops.schedule, date) IS
  'Whether the days of a schedule include a local day, and the day exists in its zone';

CREATE FUNCTION salesops.day_slots(schedule salesops.schedule, local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
  WITH day AS (
    SELECT salesops.due_at(local_date, schedule.at_time, schedule.time_zone) AS first,
           salesops.due_at(local_date + 1, '00:00', schedule.time_zone) AS midnight
    WHERE salesops.is_scheduled_day(schedule, local_date)
  )
  SELECT CASE WHEN schedule.every IS NULL THEN 0 ELSE floor(extract(epoch FROM i.due_at) / 60)::integer END, i.due_at
  FROM (SELECT d.first AS due_at FROM day d
        UNION ALL
        SELECT f.due_at
        FROM day d
        CROSS JOIN LATERAL generate_series(d.first + schedule.every, d.midnight, schedule.every) AS f (due_at)
        WHERE f.due_at < d.midnight) AS i;
END;
COMMENT ON FUNCTION salesops.day_slots(salesops.schedule, date) IS
  'The slots of a local day by a schedule, whether or not it is enabled: identity and instant of each';

CREATE FUNCTION salesops.latest_slot(schedule salesops.schedule, at timestamptz,
                                     OUT local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
-- The planner takes a handful of slots for thousands; compiling the plan would take a second.
SET jit = off
BEGIN ATOMIC
  SELECT d.local_date, s.slot, s.due_at
  FROM (SELECT (latest_slot.at AT TIME ZONE schedule.time_zone)::date + 1 - n AS local_date
        FROM generate_series(0, 3 + ceil(extract(epoch FROM schedule.catch_up) / 86400)::integer) AS n) AS d
  CROSS JOIN LATERAL salesops.day_slots(schedule, d.local_date) AS s
  WHERE s.due_at <= latest_slot.at AND s.due_at > latest_slot.at - schedule.catch_up
  ORDER BY s.due_at DESC, d.local_date DESC
  LIMIT 1;
END;
COMMENT ON FUNCTION salesops.latest_slot(salesops.schedule, timestamptz) IS
  'The last slot of a schedule that is not later than an instant; no row if it lies further back than catch_up';

CREATE FUNCTION salesops.elapsed(length interval) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN make_interval(secs => extract(epoch FROM length)::double precision);
COMMENT ON FUNCTION salesops.elapsed(interval) IS 'The same length as hours, minutes and seconds: a day is 24 hours, a month 30 days';

CREATE FUNCTION salesops.set_schedule(
  job text DEFAULT 'nightly', at_time time DEFAULT '02:00', time_zone text DEFAULT salesops.get_setting('time_zone'),
  enabled boolean DEFAULT true, catch_up interval DEFAULT '12 hours', weekdays integer[] DEFAULT NULL,
  month_days integer[] DEFAULT NULL, every interval DEFAULT NULL, attempts integer DEFAULT 3,
  retry_after interval DEFAULT '5 minutes', step_limit interval DEFAULT NULL, lock_limit interval DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  refused text;
BEGIN
  PERFORM salesops.check_job(set_schedule.job);
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z WHERE z.name = set_schedule.time_zone) THEN
    RAISE EXCEPTION 'unknown time zone "%"', set_schedule.time_zone
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT name FROM pg_timezone_names lists them, for instance Europe/Berlin.';
  END IF;

  -- '1 day' would mean 23 hours when the clocks go forward.
  INSERT INTO salesops.schedule AS s (job, at_time, time_zone, enabled, catch_up, weekdays, month_days, every, attempts,
                                      retry_after, step_limit, lock_limit, since)
  SELECT set_schedule.job, set_schedule.at_time, set_schedule.time_zone, set_schedule.enabled,
         salesops.elapsed(set_schedule.catch_up), set_schedule.weekdays, set_schedule.month_days,
         salesops.elapsed(set_schedule.every), set_schedule.attempts, salesops.elapsed(set_schedule.retry_after),
         set_schedule.step_limit, set_schedule.lock_limit, salesops.clock()
  ON CONFLICT (job) DO UPDATE
  SET at_time = excluded.at_time, time_zone = excluded.time_zone, enabled = excluded.enabled, catch_up = excluded.catch_up,
      weekdays = excluded.weekdays, month_days = excluded.month_days, every = excluded.every, attempts = excluded.attempts,
      retry_after = excluded.retry_after, step_limit = excluded.step_limit, lock_limit = excluded.lock_limit,
      since = excluded.since;
  PERFORM salesops.wake_worker();
  RETURN salesops.next_due(set_schedule.job, salesops.clock());
EXCEPTION WHEN check_violation OR not_null_violation THEN
  GET STACKED DIAGNOSTICS refused = CONSTRAINT_NAME;
  IF refused = '' THEN
    GET STACKED DIAGNOSTICS refused = COLUMN_NAME;
  END IF;
  refused := coalesce(substring(refused FROM 'schedule_(.*)_check'), refused);
  RAISE EXCEPTION 'a schedule cannot have this %', refused
    USING ERRCODE = 'invalid_parameter_value',
          HINT = CASE refused
                   WHEN 'catch_up' THEN 'It takes 5 minutes to 31 days.'
                   WHEN 'weekdays' THEN 'It takes numbers from 1 (Monday) to 7 (Sunday), for instance ''{1,5}''; NULL for all.'
                   WHEN 'month_days' THEN 'It takes numbers from 1 to 31, or -1 (the last) to -31, for instance ''{1,-1}''; NULL for all.'
                   WHEN 'every' THEN 'It takes 5 minutes to less than 24 hours; NULL for once a day.'
                   WHEN 'attempts' THEN 'It takes 1 to 20.'
                   WHEN 'retry_after' THEN 'It takes 1 second to 1 day.'
                   WHEN 'step_limit' THEN 'It takes up to 24 days; 0 for no limit, NULL for the setting.'
                   WHEN 'lock_limit' THEN 'It takes up to 24 days; 0 for no limit, NULL for the setting.'
                   ELSE 'It cannot be NULL.'
                 END;
END $$;
COMMENT ON FUNCTION salesops.set_schedule(text, time, text, boolean, interval, integer[], integer[], interval, integer, interval,
                                          interval, interval) IS
  'Sets when a job runs in this database, from now on, and tells the background worker; returns when it is due next, NULL if '
  'disabled. It says all of the schedule: what is not given is the default, not what it was. Arguments as of table schedule; '
  '22023 for a value one cannot take';
-- run.sql: how a run begins and ends, and what of it a retry has still to do.
--
-- A driver (the background worker, or a procedure of call.sql) walks through a run like this and commits
-- after every line, so that the log is there whatever happens next:
--
--   try_run_lock()
--   begin_due_run(), or begin_run()  -> run_id
--     for each of steps_to_do():
--       begin_step()
--       run_step()                   the work and its success, one transaction
--         or fail_step()             when run_step() failed and was rolled back
--   finish_run()                     -> status
--   release_run_lock()
--
-- None of these functions commits. A step that fails never keeps the later ones from running.
--
-- A scheduled run that failed, or whose process went away, is attempted again. Every attempt is a run of its own;
-- all attempts at one slot are a series. If the data had been read by the job's first step, and no other run has read
-- since, the retry computes as of the same instant and does what is left; so an interrupted night and its retry leave what
-- an undisturbed night leaves. Otherwise it begins anew, as of now.

-- Checked before a run is logged: a snapshot or a publication of no instant would stay for ever.
CREATE FUNCTION salesops.check_run_instant(as_of timestamptz) RETURNS void
LANGUAGE plpgsql PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_as_of timestamptz := (SELECT max(r.as_of) FROM salesops.run_log r WHERE r.status <> 'abandoned');
BEGIN
  PERFORM salesops.check_as_of(check_run_instant.as_of);
  IF check_run_instant.as_of < last_as_of THEN
    RAISE EXCEPTION 'a run as of % would come before the last one', check_run_instant.as_of
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = pg_catalog.format('The last run was as of %s; what it published stays what it was.', last_as_of),
            HINT = 'For an earlier instant ask salesops.forecast_report(period, as_of) or salesops.opportunity_state(as_of).';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_run_instant(timestamptz) IS
  'Raises 22023 where as_of is no instant, lies in the future, or before the as_of of the last run';

-- Who waits some time after an end that nobody saw counts from when it was found.
CREATE FUNCTION salesops.retry_time(job text, due_at timestamptz, attempt integer, now timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT t.retry_at
  FROM salesops.schedule s
  CROSS JOIN LATERAL (SELECT retry_time.now + s.retry_after * power(2, retry_time.attempt - 1) AS retry_at) AS t
  WHERE s.job = retry_time.job AND retry_time.attempt < s.attempts AND t.retry_at < retry_time.due_at + s.catch_up;
END;
COMMENT ON FUNCTION salesops.retry_time(text, timestamptz, integer, timestamptz) IS
  'When the attempt after one that ended now may begin; NULL if that was the last one, too late for catch_up, or manual';

-- Close the books of runs whose process went away.
CREATE FUNCTION salesops.mark_abandoned_runs(now timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_run_lock();
  UPDATE salesops.run_step_log SET status = 'abandoned' WHERE status = 'running';
  WITH marked AS (
    UPDATE salesops.run_log r
    SET status = 'abandoned', retry_at = salesops.retry_time(r.job, r.due_at, r.attempt, mark_abandoned_runs.now)
    WHERE status = 'running'
    RETURNING run_id
  )
  SELECT count(*) FROM marked;
END;
COMMENT ON FUNCTION salesops.mark_abandoned_runs(timestamptz) IS
  'Marks every run still logged as running as abandoned and returns their number; the caller holds the run lock, so '
  'they are dead';

CREATE FUNCTION salesops.begin_run(job text, as_of timestamptz, run_id bigint DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(begin_run.job);
  SELECT salesops.check_as_of(begin_run.as_of);
  SELECT salesops.mark_abandoned_runs();
  INSERT INTO salesops.run_log (run_id, job, local_date, as_of, started_by)
  OVERRIDING SYSTEM VALUE
  VALUES (coalesce(begin_run.run_id, nextval('salesops.run_log_run_id_seq')), begin_run.job,
          salesops.local_date(begin_run.job, begin_run.as_of), begin_run.as_of, 'manual')
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.begin_run(text, timestamptz, bigint) IS
  'Logs the start of a manual run and returns its identity, the given one or a new one. The caller holds the run lock';

CREATE FUNCTION salesops.completed_steps(run_id bigint) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  SELECT s.step
  FROM salesops.run_log r
  JOIN salesops.run_log a ON a.series = r.series AND a.as_of = r.as_of
  JOIN salesops.run_step_log s ON s.run_id = a.run_id
  WHERE r.run_id = completed_steps.run_id AND s.status = 'succeeded';
END;
COMMENT ON FUNCTION salesops.completed_steps(bigint) IS
  'Steps that succeeded as of the instant of a run, in it or in another attempt of its series';

CREATE FUNCTION salesops.resume_as_of(run_id bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT r.as_of
  FROM salesops.run_log r
  WHERE r.run_id = resume_as_of.run_id
    AND (SELECT s.step FROM salesops.job_steps(r.job) s WHERE s."position" = 1)
        IN (SELECT c FROM salesops.completed_steps(r.run_id) AS c)
    AND NOT EXISTS (SELECT FROM salesops.run_log n WHERE n.as_of > r.as_of);
END;
COMMENT ON FUNCTION salesops.resume_as_of(bigint) IS
  'Instant as of which a retry carries on after this attempt; NULL if it begins anew, because the first step of the job has not '
  'succeeded or a run as of a later instant has begun';

CREATE FUNCTION salesops.begin_attempt(job text, local_date date, slot integer, due_at timestamptz, now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  last salesops.run_log;
  begun bigint;
  -- Another run may have come as of a later instant, and clocks step back: a run is never before the last one.
  fresh timestamptz := greatest(begin_attempt.now, (SELECT max(r.as_of) FROM salesops.run_log r));
BEGIN
  PERFORM salesops.check_run_lock();
  SELECT r.* INTO last
  FROM salesops.run_log r
  WHERE r.job = begin_attempt.job AND r.local_date = begin_attempt.local_date AND r.slot = begin_attempt.slot
  ORDER BY r.attempt DESC
  LIMIT 1;
  fresh := coalesce(salesops.resume_as_of(last.run_id), fresh);
  PERFORM salesops.check_as_of(fresh);

  INSERT INTO salesops.run_log (job, local_date, slot, due_at, as_of, started_by, attempt, retries)
  VALUES (begin_attempt.job, begin_attempt.local_date, begin_attempt.slot, begin_attempt.due_at, fresh, 'schedule',
          coalesce(last.attempt, 0) + 1, last.series)
  RETURNING run_id INTO begun;
  RETURN begun;
END $$;
COMMENT ON FUNCTION salesops.begin_attempt(text, date, integer, timestamptz, timestamptz) IS
  'Logs the start of the next attempt at a slot and returns its identity. The caller holds the run lock';

CREATE FUNCTION salesops.steps_to_do(run_id bigint, OUT step text, OUT "position" integer) RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  WITH RECURSIVE job_step AS (
    SELECT j.step, j."position"
    FROM salesops.run_log r
    CROSS JOIN LATERAL salesops.job_steps(r.job) j
    WHERE r.run_id = steps_to_do.run_id
  ), to_do AS (
    SELECT j.step FROM job_step j WHERE j.step NOT IN (SELECT c FROM salesops.completed_steps(steps_to_do.run_id) AS c)
    UNION
    SELECT s.step FROM to_do t JOIN salesops.steps() s ON t.step = ANY (s.builds_on)
  )
  SELECT j.step, j."position" FROM job_step j WHERE j.step IN (SELECT t.step FROM to_do t) ORDER BY j."position";
END;
COMMENT ON FUNCTION salesops.steps_to_do(bigint) IS
  'Steps of a run that has begun in the order in which they run: those of its job, in a retry that carries on without those '
  'that succeeded before, unless they build on one that has to run';

CREATE FUNCTION salesops.run_limits(run_id bigint, OUT step_limit bigint, OUT lock_limit bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (extract(epoch FROM s.step_limit) * 1000)::bigint, (extract(epoch FROM s.lock_limit) * 1000)::bigint
  FROM salesops.run_log r
  LEFT JOIN salesops.schedule s ON s.job = r.job
  WHERE r.run_id = run_limits.run_id;
END;
COMMENT ON FUNCTION salesops.run_limits(bigint) IS
  'Limits that the schedule of the job sets to a run, in milliseconds: 0 = none, NULL = the setting of the driver';

-- What a run amounts to so far. What an earlier attempt had done is done, so in a retry this is what the series amounts to.
CREATE FUNCTION salesops.run_outcome(run_id bigint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN EXISTS (SELECT FROM salesops.run_step_log s
                           WHERE s.run_id = run_outcome.run_id AND s.status = 'failed')
              THEN 'failed' ELSE 'succeeded' END;
END;
COMMENT ON FUNCTION salesops.run_outcome(bigint) IS 'Failed if a step of the run failed up to now, otherwise succeeded';

CREATE FUNCTION salesops.finish_run(run_id bigint, now timestamptz DEFAULT salesops.clock()) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_log r
  SET status = o.outcome, finished_at = clock_timestamp(),
      retry_at = CASE o.outcome WHEN 'failed' THEN salesops.retry_time(r.job, r.due_at, r.attempt, finish_run.now) END
  FROM (SELECT salesops.run_outcome(finish_run.run_id) AS outcome) AS o
  WHERE r.run_id = finish_run.run_id AND r.status = 'running'
  RETURNING r.status;
END;
COMMENT ON FUNCTION salesops.finish_run(bigint, timestamptz) IS
  'Logs the end of a run and returns its status: failed if a step failed, otherwise succeeded; NULL if the run is '
  'not running';
-- steps.sql: the work of a step, what it used, and how its end is logged; and the default steps.

CREATE FUNCTION salesops.resource_usage(OUT shared_hit bigint, OUT shared_read bigint, OUT shared_written bigint,
                                        OUT temp_read bigint, OUT temp_written bigint, OUT wal_bytes bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_resource_usage';
COMMENT ON FUNCTION salesops.resource_usage() IS
  'Blocks and bytes of write-ahead log that this session has used up to now, with its parallel workers; columns as of run_step_log';

CREATE FUNCTION salesops.begin_step(run_id bigint, step text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  -- Code that the last step met, in a view or a rule, may have given the run's lock away: pg_advisory_unlock_all() can.
  SELECT salesops.check_run_lock() WHERE NOT salesops.try_run_lock();
  INSERT INTO salesops.run_step_log (run_id, step) VALUES (begin_step.run_id, begin_step.step);
END;
COMMENT ON FUNCTION salesops.begin_step(bigint, text) IS 'Logs the start of a step; commit it before run_step()';

CREATE FUNCTION salesops.call_step(function text, run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'salesops_call_step';
COMMENT ON FUNCTION salesops.call_step(text, bigint, timestamptz) IS
  'Calls the function of a step, named as step_call() names it, and returns what it returns; settings that it changed, the role '
  'included, are put back';

-- The function sees the same search_path whoever drives the run, and its name is bound when it runs. If code that it met gave the
-- run lock away and another run has begun since, that one has marked this as abandoned, and its work must not stay.
CREATE FUNCTION salesops.run_step(run_id bigint, step text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  as_of timestamptz;
  written bigint;
  before record;
  used record;
BEGIN
  SELECT r.as_of INTO as_of
  FROM salesops.run_log r
  JOIN salesops.run_step_log s ON s.run_id = r.run_id
  WHERE r.run_id = run_step.run_id AND s.step = run_step.step AND s.status = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'step "%" of run % is not running', run_step.step, run_step.run_id
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = pg_catalog.format('Begin it with SELECT salesops.begin_step(%s, %L).', run_step.run_id,
                                     run_step.step);
  END IF;

  before := salesops.resource_usage();
  written := salesops.call_step(salesops.step_call(run_step.step), run_id, as_of);
  used := salesops.resource_usage();

  UPDATE salesops.run_step_log s
  SET status = 'succeeded', finished_at = pg_catalog.clock_timestamp(), rows_affected = written,
      shared_hit = used.shared_hit - before.shared_hit, shared_read = used.shared_read - before.shared_read,
      shared_written = used.shared_written - before.shared_written, temp_read = used.temp_read - before.temp_read,
      temp_written = used.temp_written - before.temp_written, wal_bytes = used.wal_bytes - before.wal_bytes
  WHERE s.run_id = run_step.run_id AND s.step = run_step.step AND s.status = 'running';
  IF NOT FOUND OR NOT salesops.try_run_lock() THEN
    RAISE EXCEPTION 'another run has begun while step "%" of run % was at work', run_step.step, run_step.run_id
      USING ERRCODE = 'lock_not_available',
            HINT = 'Something that the step called gave the run lock away, as pg_advisory_unlock_all() does: find it and take it out.';
  END IF;
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.run_step(bigint, text) IS
  'Does the work of a step begun before and logs its success in the same transaction; returns the rows it wrote. '
  'Never commits. Raises 55000 for a step that is not running, 55P03 if another run has begun beside it, and what step_call() and the '
  'step itself raise';

CREATE FUNCTION salesops.fail_step(run_id bigint, step text, sqlstate text, message text, detail text, hint text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_step_log
  SET status = 'failed', finished_at = clock_timestamp(), sqlstate = fail_step.sqlstate, message = fail_step.message,
      detail = nullif(fail_step.detail, ''), hint = nullif(fail_step.hint, '')
  WHERE run_id = fail_step.run_id AND step = fail_step.step AND status = 'running';
END;
COMMENT ON FUNCTION salesops.fail_step(bigint, text, text, text, text, text) IS
  'Logs the error that ended a running step; an empty detail or hint is kept as NULL';

CREATE FUNCTION salesops.remark(run_id bigint, step text, remark text) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  UPDATE salesops.run_step_log s
  SET message = remark.remark
  WHERE s.run_id = remark.run_id AND s.step = remark.step AND s.status = 'running';
END;
COMMENT ON FUNCTION salesops.remark(bigint, text, text) IS
  'Keeps a remark in the message of a step at work, for its own function to say what did not fail but should be known; NULL says nothing';

-- Plain plpgsql: what it calls is bound when the step runs, so the rooms below may be redefined.
--
-- Entities that could not be read do not fail the step: the others have come, and the night goes on with them.
CREATE FUNCTION salesops.step_sync(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written bigint := salesops.sync_all(as_of);
BEGIN
  PERFORM salesops.remark(run_id, 'sync', salesops.sync_failures(as_of));
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.step_sync(bigint, timestamptz) IS
  'Step sync: sync_all(as_of), with a remark that names the entities that could not be read';

CREATE FUNCTION salesops.step_snapshot(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN salesops.take_snapshot(as_of);
END $$;
COMMENT ON FUNCTION salesops.step_snapshot(bigint, timestamptz) IS 'Step snapshot: take_snapshot(as_of)';

CREATE FUNCTION salesops.step_audit(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN salesops.audit(run_id, as_of);
END $$;
COMMENT ON FUNCTION salesops.step_audit(bigint, timestamptz) IS 'Step audit: audit(run_id, as_of)';

CREATE FUNCTION salesops.step_refresh(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  written bigint := salesops.refresh_marts(as_of);
BEGIN
  PERFORM salesops.remark(run_id, 'refresh', salesops.refresh_failures(as_of));
  RETURN written;
END $$;
COMMENT ON FUNCTION salesops.step_refresh(bigint, timestamptz) IS
  'Step refresh: refresh_marts(as_of), with a remark that names the marts that could not be refreshed';

CREATE FUNCTION salesops.step_alert(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH payload AS (
    SELECT jsonb_build_object(
             'event', 'run_finished',
             'run_id', r.run_id,
             'job', r.job,
             'as_of', r.as_of,
             'attempt', r.attempt,
             'status', salesops.run_outcome(r.run_id),
             'steps_failed', (SELECT coalesce(jsonb_agg(s.step ORDER BY s.started_at), '[]')
                              FROM salesops.run_step_log s
                              WHERE s.run_id = r.run_id AND s.status = 'failed'),
             'sync_failures', salesops.sync_failures(r.as_of)) AS body
    FROM salesops.run_log r
    WHERE r.run_id = step_alert.run_id
  )
  SELECT count(pg_notify('salesops', body::text)::text) FROM payload;
END;
COMMENT ON FUNCTION salesops.step_alert(bigint, timestamptz) IS
  'Step alert: tells the listeners of channel salesops how the run went up to now, as one JSON object: event, run_id, job, as_of, '
  'attempt, status, steps_failed, sync_failures (which entities could not be read, NULL = all were); returns the number of '
  'notifications sent. What earlier attempts completed is no failure, so in a retry it tells of the whole series';
-- retention.sql: how long the log is kept.

-- A series stays or goes as a whole, so that what a slot came to can be told as long as anything of it can. The last one of
-- each kind and the last success stay whatever their age: the schedule and run_status read them.
CREATE FUNCTION salesops.purge_run_log(keep interval, as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH series AS (
    SELECT r.series, r.job, r.started_by, max(r.started_at) AS started_at, bool_or(r.status = 'running') AS is_running,
           bool_or(r.status = 'succeeded') AS has_succeeded
    FROM salesops.run_log r
    GROUP BY r.series, r.job, r.started_by
  ), ranked AS (
    SELECT s.*, s.series = max(s.series) OVER (PARTITION BY s.job, s.started_by) AS is_last,
           s.series IS NOT DISTINCT FROM max(s.series) FILTER (WHERE s.has_succeeded) OVER (PARTITION BY s.job) AS is_last_success
    FROM series s
  ), purged AS (
    DELETE FROM salesops.run_log r
    USING ranked k
    WHERE r.series = k.series AND k.started_at < purge_run_log.as_of - purge_run_log.keep
      AND NOT k.is_running AND NOT k.is_last AND NOT k.is_last_success
    RETURNING r.run_id
  )
  SELECT count(*) FROM purged;
END;
COMMENT ON FUNCTION salesops.purge_run_log(interval, timestamptz) IS
  'Deletes runs begun longer ago than keep, with their steps and further attempts, and returns their number; the last scheduled '
  'run, the last manual run and the last success of each job stay';

CREATE FUNCTION salesops.step_purge(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.purge_run_log(salesops.get_setting('run_log_keep')::interval, step_purge.as_of);
END;
COMMENT ON FUNCTION salesops.step_purge(bigint, timestamptz) IS
  'Step purge: purge_run_log() by the setting run_log_keep, counted back from as_of';
-- request.sql: how a session and the background worker speak to each other.
--
-- A session writes a row and wakes the worker when its transaction commits; the worker reads the rows. The
-- identity of the run is drawn when it is asked for, so that whoever asked can wait for it.

-- Requests are not dumped: "now" means nothing in a restored database.
CREATE TABLE salesops.run_request (
  run_id       bigint      PRIMARY KEY,
  job          text        NOT NULL,
  as_of        timestamptz NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE salesops.run_request IS 'Runs asked for by request_run() that the worker has not begun yet';
COMMENT ON COLUMN salesops.run_request.run_id IS 'Identity that the run will have in run_log';
COMMENT ON COLUMN salesops.run_request.job IS 'Name of the job';
COMMENT ON COLUMN salesops.run_request.as_of IS 'Instant for which the run computes';
COMMENT ON COLUMN salesops.run_request.requested_at IS 'Wall clock of the request';
SELECT pg_catalog.pg_extension_config_dump('salesops.run_request', 'WHERE false');

CREATE FUNCTION salesops.request_run(job text DEFAULT 'nightly', as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT salesops.check_job(request_run.job);
  SELECT salesops.check_run_instant(request_run.as_of);
  SELECT salesops.check_worker();
  SELECT salesops.wake_worker();
  INSERT INTO salesops.run_request (run_id, job, as_of)
  VALUES (nextval('salesops.run_log_run_id_seq'), request_run.job, request_run.as_of)
  RETURNING run_id;
END;
COMMENT ON FUNCTION salesops.request_run(text, timestamptz) IS
  'Asks the background worker to run a job in this database as soon as this transaction commits; returns the '
  'identity of that run';

CREATE FUNCTION salesops.await_run(run_id bigint, timeout interval DEFAULT '10 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deadline CONSTANT timestamptz := pg_catalog.clock_timestamp() + timeout;
  status text;
  lock_seen_free boolean := false;
BEGIN
  LOOP
    -- One statement: the worker turns the request into a run between two.
    status := (SELECT coalesce((SELECT r.status FROM salesops.run_log r WHERE r.run_id = await_run.run_id),
                               (SELECT 'requested' FROM salesops.run_request q WHERE q.run_id = await_run.run_id)));
    IF status IS NULL THEN
      RAISE EXCEPTION 'there is no run % and no request for one', await_run.run_id
        USING ERRCODE = 'undefined_object', HINT = 'Ask for one with SELECT salesops.request_run().';
    END IF;

    -- A run holds its lock from before it is logged until after its end is. Running, then the lock free, then
    -- running still: its process has gone.
    IF status = 'running' AND lock_seen_free THEN
      status := 'abandoned';
    END IF;
    lock_seen_free := status = 'running' AND salesops.run_lock_holder() IS NULL;

    IF status NOT IN ('requested', 'running') OR pg_catalog.clock_timestamp() >= deadline THEN
      RETURN status;
    END IF;
    IF pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
      RAISE EXCEPTION 'this transaction would not see the end of run %', await_run.run_id
        USING ERRCODE = 'object_not_in_prerequisite_state',
              DETAIL = pg_catalog.format('It is %s and sees everything as it was when it began.', pg_catalog.current_setting('transaction_isolation')),
              HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED first.';
    END IF;
    PERFORM pg_catalog.pg_sleep(0.1);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.await_run(bigint, interval) IS
  'Waits until a run has ended, at most for the given time, and returns its status: succeeded, failed, abandoned, '
  'or still running or requested. Call it in a transaction of its own, after the request was committed; 55000 in one '
  'that is repeatable read or serializable';
-- due.sql: what is to run now, and when to look again.
--
-- Only the latest slot of a job counts. After a long absence, or a run that took longer than the time between two
-- slots, one run makes up for all that were missed; and a series that still fails gives way to the next slot. What
-- is due at one instant and what is due next are read from the same tables, so neither can miss a slot.

CREATE FUNCTION salesops.has_begun(job text, local_date date, slot integer) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM salesops.run_log r
                 WHERE r.job = has_begun.job AND r.local_date = has_begun.local_date AND r.slot = has_begun.slot);
END;
COMMENT ON FUNCTION salesops.has_begun(text, date, integer) IS
  'Whether a slot has been attempted, however that ended';

-- Where the clock stands before the schedule was set it was set back, and since means nothing.
CREATE FUNCTION salesops.open_slot(schedule salesops.schedule, at timestamptz, OUT local_date date, OUT slot integer,
                                   OUT due_at timestamptz, OUT begins_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT l.local_date, l.slot, l.due_at, CASE WHEN a.run_id IS NULL THEN l.due_at ELSE a.retry_at END
  FROM salesops.latest_slot(schedule, open_slot.at) l
  LEFT JOIN LATERAL (
    SELECT r.run_id, r.retry_at
    FROM salesops.run_log r
    WHERE r.job = schedule.job AND r.local_date = l.local_date AND r.slot = l.slot
    ORDER BY r.attempt DESC
    LIMIT 1
  ) AS a ON true
  WHERE schedule.enabled AND (l.due_at >= schedule.since OR schedule.since > open_slot.at)
    AND (a.run_id IS NULL OR a.retry_at IS NOT NULL);
END;
COMMENT ON FUNCTION salesops.open_slot(salesops.schedule, timestamptz) IS
  'The latest slot of a schedule at an instant if an attempt at it is still to come, and when that may begin';

CREATE FUNCTION salesops.due_run(now timestamptz, OUT job text, OUT local_date date, OUT slot integer, OUT due_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 2
BEGIN ATOMIC
  SELECT s.job, o.local_date, o.slot, o.due_at
  FROM salesops.schedule s
  JOIN salesops.jobs() j ON j.job = s.job
  CROSS JOIN LATERAL salesops.open_slot(s, due_run.now) o
  WHERE salesops.is_known_zone(s.time_zone) AND o.begins_at <= due_run.now
  ORDER BY o.begins_at, s.job;
END;
COMMENT ON FUNCTION salesops.due_run(timestamptz) IS
  'The runs that are due: per job the latest slot, if it lies within catch_up and not before the schedule was set and was not '
  'attempted yet, or is to be tried again by now';

-- Slots that have begun are passed over, also days ahead: when the clock was once ahead, the log knows days yet to
-- come. In 400 years no schedule pauses for longer than 1,128 days.
CREATE FUNCTION salesops.next_due(job text, after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  schedule salesops.schedule;
  retry timestamptz;
  next timestamptz;
  first_day date;
BEGIN
  SELECT s.* INTO schedule FROM salesops.schedule s WHERE s.job = next_due.job AND s.enabled AND salesops.is_known_zone(s.time_zone);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT o.begins_at INTO retry FROM salesops.open_slot(schedule, next_due.after) o WHERE o.begins_at > next_due.after;

  -- Yesterday too: what is due late in a day that loses its last hour falls on the next one.
  first_day := (next_due.after AT TIME ZONE schedule.time_zone)::date - 1;
  FOR n IN 0 .. 1200 LOOP
    SELECT min(d.due_at) INTO next
    FROM salesops.day_slots(schedule, first_day + n) d
    WHERE d.due_at > next_due.after AND (d.due_at >= schedule.since OR schedule.since > next_due.after)
      AND NOT salesops.has_begun(next_due.job, first_day + n, d.slot);
    EXIT WHEN next IS NOT NULL;
  END LOOP;
  RETURN least(next, retry);
END $$;
COMMENT ON FUNCTION salesops.next_due(text, timestamptz) IS
  'First instant after the given one at which the job is due or tried again; NULL if it has no schedule, is disabled, or its time zone is unknown here';

CREATE FUNCTION salesops.next_due(after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT min(salesops.next_due(s.job, next_due.after)) FROM salesops.schedule s;
END;
COMMENT ON FUNCTION salesops.next_due(timestamptz) IS
  'First instant after the given one at which any job of this database is due; NULL if none ever is';

-- Requests first, in the order in which they came.
CREATE FUNCTION salesops.begin_due_run(now timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  request salesops.run_request;
BEGIN
  PERFORM salesops.mark_abandoned_runs(begin_due_run.now);

  DELETE FROM salesops.run_request q
  WHERE q.run_id = (SELECT min(o.run_id) FROM salesops.run_request o JOIN salesops.jobs() j ON j.job = o.job)
  RETURNING q.* INTO request;
  IF FOUND THEN
    -- Since it was asked for, the clock may have been set back and other runs may have been.
    RETURN salesops.begin_run(request.job, greatest(least(request.as_of, begin_due_run.now), (SELECT max(r.as_of) FROM salesops.run_log r)),
                              request.run_id);
  END IF;

  RETURN (SELECT salesops.begin_attempt(d.job, d.local_date, d.slot, d.due_at, begin_due_run.now)
          FROM salesops.due_run(begin_due_run.now) d
          LIMIT 1);
END $$;
COMMENT ON FUNCTION salesops.begin_due_run(timestamptz) IS
  'Begins the run that was asked for or is due and returns its identity; NULL if there is none. The caller holds '
  'the run lock';
-- call.sql: the same runs without the worker, from psql, pg_cron, pgAgent, a systemd timer or any other scheduler.
--
-- run_due_jobs() is what a runner of the worker does: it begins what was asked for or is due by begin_due_run() and carries it
-- out, until nothing is due. run_job() begins one run by name. Both take the run lock that the worker takes.
--
-- A procedure that commits can have no SET clause, so its body names everything with its schema.

-- If the log itself cannot be written, or the call is cancelled between two steps, it ends with that error and the lock
-- goes with the session.
CREATE PROCEDURE salesops.carry_out(run_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
  version CONSTANT text := salesops.lock_extension();
  next_step text;
  status text;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  FOR next_step IN SELECT s.step FROM salesops.steps_to_do(carry_out.run_id) s LOOP
    PERFORM salesops.lock_extension(version);
    PERFORM salesops.begin_step(run_id, next_step);
    COMMIT;
    PERFORM salesops.lock_extension(version);
    BEGIN
      PERFORM salesops.limit_locks(run_id);
      PERFORM salesops.run_step(run_id, next_step);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                              hint = PG_EXCEPTION_HINT;
      PERFORM salesops.fail_step(run_id, next_step, code, message, detail, hint);
      RAISE WARNING 'step "%" of run % failed: %', next_step, run_id, message;
    END;
    COMMIT;
  END LOOP;

  PERFORM salesops.lock_extension(version);
  status := salesops.finish_run(run_id);
  COMMIT;
  RAISE NOTICE 'run %: %', run_id, status;
END $$;
COMMENT ON PROCEDURE salesops.carry_out(bigint) IS
  'Does the steps of a run that has begun, each in its own transaction, and ends it; a failed step is logged and the next one '
  'runs. The caller holds the run lock';

-- A statement time-out cannot be set anew within a CALL, it counts for the whole; one for locks can.
CREATE FUNCTION salesops.limit_locks(run_id bigint) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  SELECT set_config('lock_timeout', l.lock_limit::text, true)
  FROM salesops.run_limits(limit_locks.run_id) l
  WHERE l.lock_limit IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.limit_locks(bigint) IS
  'Sets lock_timeout for this transaction to what the schedule of the job of a run says; without a word there it stays what it is';

CREATE PROCEDURE salesops.run_job(job text, as_of timestamptz DEFAULT salesops.clock())
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
BEGIN
  COMMIT; -- in a caller's transaction block this fails at once, before anything is locked or logged
  PERFORM salesops.lock_extension();
  PERFORM salesops.check_job(job);
  PERFORM salesops.check_run_instant(as_of);

  IF NOT salesops.try_run_lock() THEN
    RAISE EXCEPTION 'another run is under way in this database'
      USING ERRCODE = 'lock_not_available',
            DETAIL = pg_catalog.format('Process %s is running it.', salesops.run_lock_holder()),
            HINT = 'Wait for it: SELECT * FROM salesops.run_status; or end it with pg_terminate_backend().';
  END IF;
  BEGIN
    run := salesops.begin_run(job, as_of);
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM salesops.release_run_lock();
    RAISE;
  END;
  COMMIT;
  CALL salesops.carry_out(run);
  PERFORM salesops.release_run_lock();
END $$;
COMMENT ON PROCEDURE salesops.run_job(text, timestamptz) IS
  'Runs the steps of a job as of an instant, each in its own transaction; a failed step is logged and the next one '
  'runs. Raises 55P03 if another run is under way';

CREATE PROCEDURE salesops.run_nightly(as_of timestamptz DEFAULT salesops.clock())
LANGUAGE plpgsql AS $$
BEGIN
  CALL salesops.run_job('nightly', as_of);
END $$;
COMMENT ON PROCEDURE salesops.run_nightly(timestamptz) IS 'Runs the nightly job: run_job(''nightly'', as_of)';

CREATE PROCEDURE salesops.run_due_jobs()
LANGUAGE plpgsql AS $$
DECLARE
  run bigint;
  idle boolean := true;
BEGIN
  COMMIT;
  PERFORM salesops.lock_extension();
  IF NOT salesops.try_run_lock() THEN
    RAISE NOTICE 'another run is under way in this database: process %', salesops.run_lock_holder();
    RETURN;
  END IF;

  LOOP
    BEGIN
      PERFORM salesops.lock_extension();
      run := salesops.begin_due_run(salesops.clock());
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      PERFORM salesops.release_run_lock();
      RAISE;
    END;
    COMMIT;
    EXIT WHEN run IS NULL;
    idle := false;
    CALL salesops.carry_out(run);
  END LOOP;
  PERFORM salesops.release_run_lock();

  IF idle THEN
    RAISE NOTICE 'nothing is due before %', coalesce(salesops.next_due(salesops.clock())::text, 'a job is scheduled');
  END IF;
END $$;
COMMENT ON PROCEDURE salesops.run_due_jobs() IS
  'Runs what is due in this database, and the runs that were asked for, as the background worker does: schedules, retries and '
  'resumption are the same. Call it every few minutes from any scheduler; with nothing due or another run under way it says so '
  'and does nothing';
-- status.sql: how the jobs are doing.

CREATE VIEW salesops.run_status AS
SELECT j.job, last.run_id AS last_run_id, last.status AS last_status, last.started_at AS last_started_at,
       good.finished_at AS last_success_at, good.as_of AS last_success_as_of, salesops.clock() - good.finished_at AS age,
       (SELECT count(*)
        FROM salesops.run_log r
        WHERE r.job = j.job AND r.status IN ('failed', 'abandoned')
          AND r.started_at > coalesce(good.started_at, '-infinity')) AS consecutive_failures,
       salesops.next_due(j.job, salesops.clock()) AS next_due,
       salesops.run_lock_holder() AS running_pid
FROM (SELECT s.job FROM salesops.schedule s UNION SELECT r.job FROM salesops.run_log r) AS j
LEFT JOIN LATERAL (
  SELECT r.run_id, r.status, r.started_at
  FROM salesops.run_log r
  WHERE r.job = j.job
  ORDER BY r.started_at DESC, r.run_id DESC
  LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
  SELECT r.started_at, r.finished_at, r.as_of
  FROM salesops.run_log r
  WHERE r.job = j.job AND r.status = 'succeeded'
  ORDER BY r.started_at DESC, r.run_id DESC
  LIMIT 1
) AS good ON true;

COMMENT ON VIEW salesops.run_status IS 'One row per job that has a schedule or has run: how it is doing';
COMMENT ON COLUMN salesops.run_status.job IS 'Name of the job';
COMMENT ON COLUMN salesops.run_status.last_run_id IS 'The run begun last';
COMMENT ON COLUMN salesops.run_status.last_status IS
  'Status of that run; running without a running_pid means that its process went away';
COMMENT ON COLUMN salesops.run_status.last_started_at IS 'Wall clock when that run began';
COMMENT ON COLUMN salesops.run_status.last_success_at IS 'Wall clock when the last run without a failed step ended';
COMMENT ON COLUMN salesops.run_status.last_success_as_of IS 'Instant for which that run computed';
COMMENT ON COLUMN salesops.run_status.age IS 'Time since last_success_at';
COMMENT ON COLUMN salesops.run_status.consecutive_failures IS 'Runs failed or abandoned since the last success';
COMMENT ON COLUMN salesops.run_status.next_due IS
  'When the worker runs it next; NULL without a schedule or when disabled';
COMMENT ON COLUMN salesops.run_status.running_pid IS 'Process that is running a job in this database now, NULL if none';
-- health.sql: what a monitoring system asks, one row a check.
--
-- Every check is a number and two bounds. Above the first it warns, above the second it is critical; so any system that
-- knows numbers can watch it (examples/prometheus), and a person reads the status and what to do.

CREATE FUNCTION salesops.grade(value numeric, warning_above numeric, critical_above numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value > critical_above THEN 'critical' WHEN value > warning_above THEN 'warning' ELSE 'ok' END;
COMMENT ON FUNCTION salesops.grade(numeric, numeric, numeric) IS
  'Critical, warning or ok: which of two bounds a value exceeds; a bound that is NULL is never exceeded';

CREATE FUNCTION salesops.worker_problem() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  hint text;
BEGIN
  PERFORM salesops.check_worker();
  -- Called for, and yet not there: a server without a free process starts none and says so in its log only.
  IF salesops.launcher_pid() IS NULL AND NOT pg_catalog.pg_is_in_recovery() THEN
    RETURN 'the launcher of the salesops background worker is not there: the server log says why; is max_worker_processes large enough?';
  END IF;
  RETURN NULL;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RETURN SQLERRM || ': ' || hint;
END $$;
COMMENT ON FUNCTION salesops.worker_problem() IS
  'Why the background worker does not serve this database, and what to do; NULL if it does';

CREATE FUNCTION salesops.slots_since_success(schedule salesops.schedule, now timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH good AS (
    SELECT greatest((SELECT max(r.as_of) FROM salesops.run_log r WHERE r.job = schedule.job AND r.status = 'succeeded'),
                    schedule.since, slots_since_success.now - interval '40 days') AS as_of
  )
  SELECT count(*)
  FROM good g
  CROSS JOIN LATERAL generate_series(0, 42) AS n
  CROSS JOIN LATERAL salesops.day_slots(schedule, (slots_since_success.now AT TIME ZONE schedule.time_zone)::date + 1 - n) AS d
  WHERE d.due_at > g.as_of AND d.due_at <= slots_since_success.now;
END;
COMMENT ON FUNCTION salesops.slots_since_success(salesops.schedule, timestamptz) IS
  'How often a job was due since its last success, or since its schedule was set; 40 days at most are counted';

-- What the jobs need is said once, in access_rights(); beside that they connect, read the sources, and refresh marts as their owner.
CREATE FUNCTION salesops.missing_privileges(role text, OUT object text, OUT privilege text) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  known pg_roles;
BEGIN
  SELECT r.* INTO known FROM pg_roles r WHERE r.rolname = missing_privileges.role;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('role ' || coalesce(quote_ident(missing_privileges.role), 'NULL'), 'to exist');
    RETURN;
  ELSIF known.rolsuper THEN
    RETURN;
  END IF;

  RETURN QUERY
  WITH task AS (
    SELECT split_part(r.object, ' ', 1) AS kind, substring(r.object FROM ' (.*)') AS name, p.privilege
    FROM salesops.access_rights('run_jobs') r, string_to_table(r.privilege, ', ') AS p (privilege)
  ), missing AS (
    SELECT 'role ' || quote_ident(known.rolname) AS object, 'LOGIN' AS privilege WHERE NOT known.rolcanlogin
    UNION ALL
    SELECT lower(t.kind COLLATE "C") || ' ' || t.name, t.privilege
    FROM task t
    WHERE NOT CASE t.kind WHEN 'SCHEMA' THEN has_schema_privilege(known.oid, t.name, t.privilege)
                          WHEN 'TABLE' THEN has_table_privilege(known.oid, t.name, t.privilege)
                          WHEN 'SEQUENCE' THEN has_sequence_privilege(known.oid, t.name, t.privilege)
                          WHEN 'FUNCTION' THEN has_function_privilege(known.oid, t.name, t.privilege) END
    UNION ALL
    SELECT 'schema ' || quote_ident(n.nspname), 'USAGE'
    FROM pg_namespace n
    WHERE EXISTS (SELECT FROM salesops.source s WHERE s.schema_name = n.nspname AND s.is_active)
      AND NOT has_schema_privilege(known.oid, n.oid, 'USAGE')
    UNION ALL
    SELECT 'database ' || quote_ident(current_database()), p.privilege
    FROM unnest(CASE WHEN to_regnamespace('salesops_bi') IS NULL THEN ARRAY['CONNECT', 'CREATE'] ELSE ARRAY['CONNECT'] END) AS p (privilege)
    WHERE NOT has_database_privilege(known.oid, current_database(), p.privilege)
    UNION ALL
    SELECT m.oid::regclass::text, 'to own it'
    FROM pg_class m
    JOIN pg_namespace n ON n.oid = m.relnamespace
    WHERE n.nspname = 'salesops_bi' AND m.relkind = 'm' AND NOT pg_has_role(known.oid, m.relowner, 'USAGE')
  )
  SELECT m.object, m.privilege FROM missing m ORDER BY 1, 2;
END $$;
COMMENT ON FUNCTION salesops.missing_privileges(text) IS
  'What a role lacks to run the nightly job in this database: object and privilege, as docs/worker.md grants them. No row for a '
  'superuser and for a role that lacks nothing; what it may read of the relations in a source is not looked at';

CREATE VIEW salesops.health AS
WITH clock AS MATERIALIZED (
  SELECT salesops.clock() AS now, salesops.run_lock_holder() AS running_pid
), scheduled AS (
  SELECT s AS schedule, s.job, EXISTS (SELECT FROM salesops.jobs() j WHERE j.job = s.job) AND salesops.is_known_zone(s.time_zone) AS is_defined
  FROM salesops.schedule s
  WHERE s.enabled
), checked AS (
  SELECT 'overdue' AS check_name, s.job AS subject,
         round(coalesce((SELECT extract(epoch FROM c.now - o.begins_at) / 60 FROM salesops.open_slot(s.schedule, c.now) o
                         WHERE o.begins_at <= c.now AND c.running_pid IS NULL), 0), 1) AS value,
         'minutes' AS unit, 10 AS warning_above, 60 AS critical_above,
         'It is due and nothing begins it: look at check worker, or at who calls salesops.run_due_jobs().' AS advice
  FROM scheduled s, clock c WHERE s.is_defined
  UNION ALL
  SELECT 'since_success', s.job, salesops.slots_since_success(s.schedule, c.now), 'times due', 1, 2,
         'The job was due so often since it succeeded last: SELECT * FROM salesops.run_step_log WHERE status <> ''succeeded'' ORDER BY started_at DESC.'
  FROM scheduled s, clock c WHERE s.is_defined
  UNION ALL
  SELECT 'failures', r.job, r.consecutive_failures, 'runs', 0, 2,
         'Runs failed or abandoned since the last success: SELECT * FROM salesops.run_step_log WHERE status = ''failed'' ORDER BY started_at DESC.'
  FROM salesops.run_status r
  UNION ALL
  SELECT 'broken_schedule', s.job, 1, 'schedules', 0, 0, 'The schedule names a job or a time zone that there is not: salesops.define_job(), set_schedule(), or DELETE FROM salesops.schedule.'
  FROM scheduled s WHERE NOT s.is_defined
  UNION ALL
  SELECT 'worker', NULL, CASE WHEN p.problem IS NOT NULL AND EXISTS (SELECT FROM scheduled) THEN 1 ELSE 0 END, 'problems', 0, NULL,
         coalesce('Unless another scheduler calls salesops.run_due_jobs(): ' || p.problem, 'It serves this database.')
  FROM (SELECT salesops.worker_problem() AS problem OFFSET 0) p
  UNION ALL
  SELECT 'long_run', NULL,
         round(coalesce((SELECT max(extract(epoch FROM clock_timestamp() - s.started_at)) / 60
                         FROM salesops.run_step_log s WHERE s.status = 'running' AND c.running_pid IS NOT NULL), 0), 1),
         'minutes', 60, 240, 'The step at work takes that long: pg_cancel_backend(running_pid of salesops.run_status) ends it.'
  FROM clock c
  UNION ALL
  SELECT 'abandoned', NULL, (SELECT count(*) FROM salesops.run_log r
                             WHERE r.started_at > clock_timestamp() - interval '7 days'
                               AND (r.status = 'abandoned' OR r.status = 'running' AND c.running_pid IS NULL)), 'runs in 7 days', 0, 5,
         'Their processes went away: the server log says why at the time of their last step.'
  FROM clock c
  UNION ALL
  SELECT 'clock', NULL, round(greatest(extract(epoch FROM greatest((SELECT max(r.as_of) FROM salesops.run_log r), (SELECT max(y.as_of) FROM salesops.source_sync y)) - c.now), 0) / 3600, 1),
         'hours', 1, 24,
         'The last run or sync was as of an instant that far in the future. Runs keep to that instant until then, and are refused if it is more than a day.'
  FROM clock c
  UNION ALL
  SELECT 'log_size', NULL, round((pg_total_relation_size('salesops.run_log') + pg_total_relation_size('salesops.run_step_log')) / 1048576.0, 1),
         'MB', 1024, 10240, 'The step purge keeps as much as the setting run_log_keep says; is it in a job that runs?'
  UNION ALL
  SELECT 'dump_losses', NULL, (SELECT count(*) FROM salesops.dump_losses()), 'objects', 0, NULL,
         'A restored dump would lack them: SELECT * FROM salesops.dump_losses().'
  UNION ALL
  SELECT 'privileges', r.role,
         CASE WHEN r.role IS NULL THEN 0 ELSE (SELECT count(*) FROM salesops.missing_privileges(r.role)) END, 'privileges', 0, 0,
         'The role of the jobs lacks them: SELECT * FROM salesops.missing_privileges(current_setting(''salesops.role'')).'
  FROM (SELECT nullif(current_setting('salesops.role', true), '') AS role OFFSET 0) r
)
SELECT c.check_name, c.subject, salesops.grade(c.value, c.warning_above, c.critical_above) AS status, c.value, c.unit,
       c.warning_above::numeric AS warning_above, c.critical_above::numeric AS critical_above,
       CASE WHEN c.check_name = 'worker' OR salesops.grade(c.value, c.warning_above, c.critical_above) <> 'ok' THEN c.advice END AS advice
FROM checked c;

COMMENT ON VIEW salesops.health IS 'One row per check of the jobs in this database and of what they need';
COMMENT ON COLUMN salesops.health.check_name IS 'What is checked';
COMMENT ON COLUMN salesops.health.subject IS 'Job or role that it is about; NULL for the database as a whole';
COMMENT ON COLUMN salesops.health.status IS 'Ok, warning or critical';
COMMENT ON COLUMN salesops.health.value IS 'What was found';
COMMENT ON COLUMN salesops.health.unit IS 'Unit of value and bounds';
COMMENT ON COLUMN salesops.health.warning_above IS 'A value above this is a warning';
COMMENT ON COLUMN salesops.health.critical_above IS 'A value above this is critical; NULL = none is';
COMMENT ON COLUMN salesops.health.advice IS 'What it means and what to do; NULL where there is nothing to do';

-- A database that is listed already is looked at as soon as it has the extension.
SELECT salesops.wake_worker();
-- Who may do what: the rights that each kind of user needs, and no more.
--
-- CREATE EXTENSION gives nobody but its owner the right to use the schema or to see a row. Functions run under the rights of
-- their caller, so a right on a table is a right to what the functions do with it. The few functions that lend their
-- caller more than his own rights, hold a lock or wake a process are taken from PUBLIC here.
--
-- A task is a kind of user. Its rights are code, granted by grant_access(); a dump keeps the grants, and calling it again after
-- an update grants what the update added.

CREATE FUNCTION salesops.access_tasks(OUT task text, OUT includes text[], OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 7
BEGIN ATOMIC
  VALUES ('read_marts', ARRAY['read_marts'], 'A BI tool and the people behind it: read the marts in salesops_bi'),
         ('analyse', ARRAY['read_marts', 'analyse'], 'An analyst: also read everything in schema salesops and call its functions'),
         ('write_rules', ARRAY['read_marts', 'analyse', 'write_rules'], 'A rule author: also add rules, which run under his rights, and try them'),
         ('keep_maps', ARRAY['read_marts', 'analyse', 'keep_maps'], 'Sales operations: also say what stages, categories and values mean, and set weights and settings'),
         ('operate', ARRAY['read_marts', 'analyse', 'operate'], 'An operator: also define jobs and schedules, ask for runs and await them'),
         ('connect_sources', ARRAY['read_marts', 'analyse', 'connect_sources'],
          'Whoever connects sources: what he connects the night reads under its own rights, and he reads it afterwards'),
         ('run_jobs', ARRAY['read_marts', 'analyse', 'run_jobs'], 'The role that runs the jobs: writes what the steps write and owns the marts');
END;
COMMENT ON FUNCTION salesops.access_tasks() IS 'Kinds of user that grant_access() knows, and the tasks whose rights each includes';

CREATE FUNCTION salesops.access_rights(task text, OUT privilege text, OUT object text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
  WITH granted AS (
    SELECT unnest(t.includes) AS part FROM salesops.access_tasks() t WHERE t.task = access_rights.task
  ), relation AS (
    SELECT c.relname, c.relkind FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'salesops' AND c.relkind IN ('r', 'v')
  )
  SELECT 'USAGE', 'SCHEMA salesops_bi' WHERE 'read_marts' IN (SELECT g.part FROM granted g) AND to_regnamespace('salesops_bi') IS NOT NULL
  UNION ALL
  SELECT 'SELECT', format('TABLE salesops_bi.%I', m.mart) FROM salesops.marts() m
  WHERE 'read_marts' IN (SELECT g.part FROM granted g) AND to_regclass(format('salesops_bi.%I', m.mart)) IS NOT NULL
  UNION ALL
  SELECT 'USAGE', 'SCHEMA salesops' WHERE 'analyse' IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'SELECT', format('TABLE salesops.%I', r.relname) FROM relation r WHERE 'analyse' IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT w.privilege, format('TABLE salesops.%I', u.name)
  FROM (VALUES
    ('keep_maps', 'INSERT', ARRAY['stage_map', 'category_map', 'value_map', 'weight_set', 'setting']),
    ('operate', 'INSERT, UPDATE, DELETE', ARRAY['schedule', 'job', 'step', 'run_request']),
    ('connect_sources', 'INSERT, UPDATE', ARRAY['source']),
    ('run_jobs', 'INSERT, UPDATE', ARRAY['rep', 'account', 'product', 'currency_rate', 'quota', 'lead', 'opportunity', 'opportunity_split',
                                         'contact_role', 'activity', 'login', 'finding', 'run_step_log']),
    ('run_jobs', 'INSERT', ARRAY['rep_history', 'account_history', 'product_history', 'currency_rate_history', 'quota_history', 'lead_history',
                                 'opportunity_history', 'opportunity_split_history', 'contact_role_history', 'activity_history',
                                 'login_history', 'source_sync', 'stage_map', 'snapshot', 'forecast_snapshot', 'audit_tally',
                                 'publication', 'mart_refresh']),
    -- An audit locks its log, which takes a right to change it.
    ('run_jobs', 'INSERT, UPDATE', ARRAY['audit_log']),
    ('run_jobs', 'INSERT, UPDATE, DELETE', ARRAY['run_log']),
    ('run_jobs', 'DELETE', ARRAY['run_request'])
  ) AS w(part, privilege, tables) CROSS JOIN LATERAL unnest(w.tables) AS u(name)
  WHERE w.part IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'USAGE', format('SEQUENCE salesops.%I', u.name)
  FROM (VALUES ('operate', 'run_log_run_id_seq'), ('run_jobs', 'run_log_run_id_seq'), ('run_jobs', 'audit_by_hand_seq')) AS u(part, name)
  WHERE u.part IN (SELECT g.part FROM granted g)
  UNION ALL
  SELECT 'EXECUTE', format('FUNCTION %s', p.oid::regprocedure)
  FROM (VALUES
    ('write_rules', ARRAY['write_rule', 'evaluate_rules']),
    ('operate', ARRAY['wake_worker']),
    ('run_jobs', ARRAY['evaluate_rules', 'wake_worker', 'try_run_lock', 'release_run_lock', 'lock_extension', 'lock_source'])
  ) AS f(part, names)
  JOIN pg_catalog.pg_proc p ON p.pronamespace = 'salesops'::regnamespace AND p.proname = ANY (f.names)
  WHERE f.part IN (SELECT g.part FROM granted g);
END;
COMMENT ON FUNCTION salesops.access_rights(text) IS
  'Rights of a task of access_tasks(), those it includes too: GRANT privilege ON object; of the marts those that are there. No row for an unknown task';

CREATE FUNCTION salesops.grant_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.access_tasks() t WHERE t.task = grant_access.task) THEN
    RAISE EXCEPTION 'unknown task: %', coalesce(quote_literal(task), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s.', (SELECT string_agg(t.task, ', ') FROM salesops.access_tasks() t));
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = grantee) THEN
    RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(grantee), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'CREATE ROLE makes it.';
  END IF;
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(grant_access.task) r LOOP
    EXECUTE format('GRANT %s ON %s TO %I', item.privilege, item.object, grantee);
  END LOOP;

  -- Refreshing a mart takes its owner.
  IF task = 'run_jobs' THEN
    PERFORM salesops.install_marts();
    EXECUTE format('ALTER SCHEMA salesops_bi OWNER TO %I', grantee);
    FOR item IN SELECT m.mart FROM salesops.marts() m LOOP
      EXECUTE format('ALTER MATERIALIZED VIEW salesops_bi.%I OWNER TO %I', item.mart || '_mat', grantee);
      EXECUTE format('ALTER VIEW salesops_bi.%I OWNER TO %I', item.mart, grantee);
    END LOOP;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.grant_access(name, text) IS
  'Grant a role what a task of access_tasks() needs; run_jobs also makes the marts and gives them to the role. For the owner of the extension; call it again after an update. 22023 for an unknown task, 42704 for an unknown role';

CREATE FUNCTION salesops.revoke_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = grantee) THEN
    RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(grantee), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT rolname FROM pg_roles lists the roles.';
  END IF;
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(revoke_access.task) r LOOP
    EXECUTE format('REVOKE %s ON %s FROM %I', item.privilege, item.object, grantee);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.revoke_access(name, text) IS
  'Take back what grant_access() granted for a task, with what the task includes; grant again what other tasks of the role need. The marts keep their owner. 42704 for an unknown role';

REVOKE EXECUTE ON FUNCTION salesops.try_run_lock(), salesops.release_run_lock(), salesops.lock_extension(text), salesops.wake_worker(),
                           salesops.grant_access(name, text), salesops.revoke_access(name, text) FROM PUBLIC;
-- The end of the install script and of each update script: what is on our tables now and was no user's before is ours.
INSERT INTO salesops.table_part
SELECT p.relation, p.kind, p.name, true FROM salesops.table_parts() p
ON CONFLICT DO NOTHING;
DELETE FROM salesops.table_part s
WHERE NOT s.is_shipped
   OR NOT EXISTS (SELECT FROM salesops.table_parts() p WHERE p.relation = s.relation AND p.kind = s.kind AND p.name = s.name);
