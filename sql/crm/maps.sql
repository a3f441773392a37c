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
  PERFORM salesops.check_given('stage', map_stage.stage), salesops.check_given('pipeline', map_stage.pipeline),
          salesops.check_given('valid_from', map_stage.valid_from::text);
  INSERT INTO salesops.stage_map (source_key, pipeline, stage, valid_from, said_by, label, status, category, "position")
  VALUES (map_stage.source_key, map_stage.pipeline, map_stage.stage, map_stage.valid_from, 'user', map_stage.label,
          map_stage.status, map_stage.category, map_stage."position");
END $$;
COMMENT ON FUNCTION salesops.map_stage(text, text, text, salesops.forecast_category, text, integer, text, timestamptz) IS
  'Say what a stage means: status open, won or lost, its default forecast category, its place in the pipeline; from valid_from on. 22023 for another status, 22004 for a NULL stage, pipeline or valid_from';

CREATE FUNCTION salesops.map_category(source_key text, label text, category salesops.forecast_category,
                                      valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE sql
BEGIN ATOMIC
  SELECT salesops.get_source(map_category.source_key);
  SELECT salesops.check_given('label', map_category.label), salesops.check_given('category', map_category.category::text),
         salesops.check_given('valid_from', map_category.valid_from::text);
  INSERT INTO salesops.category_map (source_key, label, valid_from, category)
  VALUES (source_key, label, valid_from, category);
END;
COMMENT ON FUNCTION salesops.map_category(text, text, salesops.forecast_category, timestamptz) IS
  'Say what a forecast category label means, from valid_from on; 22004 for a NULL';

CREATE FUNCTION salesops.map_value(source_key text, field text, label text, value text, valid_from timestamptz DEFAULT '-infinity')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.get_source(map_value.source_key);
  IF map_value.field IS NULL OR map_value.field NOT IN ('product', 'industry', 'segment') THEN
    RAISE EXCEPTION 'labels of % are not mapped', coalesce(quote_literal(map_value.field), 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Use product, industry or segment.';
  END IF;
  PERFORM salesops.check_given('label', map_value.label), salesops.check_given('value', map_value.value),
          salesops.check_given('valid_from', map_value.valid_from::text);
  INSERT INTO salesops.value_map (source_key, field, label, valid_from, value)
  VALUES (map_value.source_key, map_value.field, map_value.label, map_value.valid_from, map_value.value);
END $$;
COMMENT ON FUNCTION salesops.map_value(text, text, text, text, timestamptz) IS
  'Say what a product (a product id), industry or segment label means, from valid_from on; 22023 for another field, 22004 for a NULL';

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
