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
    ('run_log_keep', '400 days', 'How long runs stay in the run log'),
    ('territory_draft_keep', '90 days', 'How long territory plans stay that have no name and were never proposed'),
    ('model_age', '7 days', 'How old the win model may be before step forecast fits another; a new quarter has one of its own'),
    ('alert_threshold', '0.5', 'Probability to make the plan, or else the quota, under which it is at risk'),
    ('territory_memory', '1024 MB', 'Memory that the solver of a territory plan may take'),
    ('actions_per_rep', '5', 'How many next best actions a rep has at a time, and is given in a day')
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
    WHEN 'territory_draft_keep' THEN 'a number of days such as ''90 days'''
    WHEN 'model_age' THEN 'a number of days such as ''7 days'''
    WHEN 'alert_threshold' THEN 'a probability from 0.01 to 0.95'
    WHEN 'territory_memory' THEN 'megabytes such as ''1024 MB'''
    WHEN 'actions_per_rep' THEN 'a whole number from 0 to 50'
  END;
  IF value IS NULL
     OR name = 'time_zone' AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = value)
     OR name = 'fiscal_year_start_month' AND value !~ '^([1-9]|1[0-2])$'
     OR name = 'corporate_currency' AND value !~ '^[A-Z]{3}$'
     OR name = 'weight_set' AND value = ''
     OR name IN ('run_log_keep', 'territory_draft_keep', 'model_age') AND value !~ '^[1-9][0-9]{0,4} days$'
     OR name = 'alert_threshold' AND value !~ '^0[.](0[1-9]|[1-8][0-9]?|9[0-5]?)$'
     OR name = 'territory_memory' AND value !~ '^[1-9][0-9]{0,6} MB$'
     OR name = 'actions_per_rep' AND value !~ '^([0-9]|[1-4][0-9]|50)$' THEN
    RAISE EXCEPTION 'invalid value for setting "%": %', name, coalesce(quote_literal(value), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('The setting takes %s.', wanted);
  END IF;
  -- What only a room above can tell, a function of that name tells there.
  IF to_regprocedure(format('salesops.check_setting_%s(text)', name)) IS NOT NULL THEN
    EXECUTE format('SELECT salesops.check_setting_%s($1)', name) USING value;
  END IF;
  INSERT INTO salesops.setting (name, value) VALUES (name, value);
END $$;
COMMENT ON FUNCTION salesops.set_setting(text, text) IS
  'Set a setting from now on; 42704 for an unknown name, or a weight set that is not there; 22023 for a value it cannot take';
