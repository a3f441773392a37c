-- What cannot be NULL, or is out of its range, is said in words.

CREATE FUNCTION salesops.check_instant(as_of timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'as_of must be an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now, where it can be left out, or name an instant.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_instant(timestamptz) IS 'Raises 22023 where an instant is NULL or infinite';

CREATE OR REPLACE FUNCTION salesops.check_as_of(as_of timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.check_instant(as_of);
  IF as_of > salesops.clock() + interval '1 day' THEN
    RAISE EXCEPTION 'as_of % lies in the future', as_of USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It is %s. What is recorded as of an instant locks out every earlier one.', salesops.clock()),
      HINT = 'Leave as_of out for now, or name an instant that has been.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_as_of(timestamptz) IS
  'Raises 22023 where an instant to record as of is NULL, infinite, or more than a day ahead of the clock';

CREATE OR REPLACE FUNCTION salesops.take_snapshot(as_of timestamptz)
RETURNS bigint LANGUAGE sql
-- Compiling this wide plan takes seconds and saves none; and no deal is looked up one by one.
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_as_of(take_snapshot.as_of);
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
  'and nothing is written. 22023 where as_of is no instant or lies in the future';

CREATE OR REPLACE FUNCTION salesops.sync_all(as_of timestamptz)
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
  PERFORM salesops.check_instant(as_of);
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

CREATE OR REPLACE FUNCTION salesops.refresh_marts(as_of timestamptz, lock_wait interval DEFAULT '30 seconds')
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
  PERFORM salesops.check_as_of(refresh_marts.as_of);
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
  'less, keeps its last good rows: a WARNING, a row in mart_refresh, and the others go on; an error if all fail. Needs the owner of the marts. 22023 where as_of is no instant or lies in the future';

CREATE OR REPLACE FUNCTION salesops.map_stage(source_key text, stage text, status text, category salesops.forecast_category DEFAULT NULL,
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

CREATE OR REPLACE FUNCTION salesops.map_category(source_key text, label text, category salesops.forecast_category,
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

CREATE OR REPLACE FUNCTION salesops.map_value(source_key text, field text, label text, value text, valid_from timestamptz DEFAULT '-infinity')
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

CREATE OR REPLACE FUNCTION salesops.set_weight(
  name text, category salesops.forecast_category, weight numeric, valid_from timestamptz DEFAULT transaction_timestamp()
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM salesops.check_given('name', set_weight.name), salesops.check_given('category', set_weight.category::text),
          salesops.check_given('weight', set_weight.weight::text), salesops.check_given('valid_from', set_weight.valid_from::text);
  IF set_weight.name = '' OR set_weight.weight NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'a weight set needs a name, and a weight is a share from 0 to 1'
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('The name is "%s" and the weight %s.', set_weight.name, set_weight.weight),
            HINT = '0.6 means that 60 % of the amounts in this category are expected to be booked.';
  END IF;
  INSERT INTO salesops.weight_set (name, category, weight, valid_from)
  VALUES (set_weight.name, set_weight.category, set_weight.weight, set_weight.valid_from);
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('the weight of %s in set %s', set_weight.category, set_weight.name), set_weight.valid_from);
END $$;
COMMENT ON FUNCTION salesops.set_weight(text, salesops.forecast_category, numeric, timestamptz) IS
  'sets a category''s weight (0 to 1, else 22023) in a weight set from an instant on; a new name makes a new set; '
  'the same instant twice is 23505, a NULL 22004';

CREATE OR REPLACE FUNCTION salesops.generated_forecasting_quota(reps int, seed bigint, as_of timestamptz, won_amount bigint)
RETURNS TABLE (id text, quota_owner_id text, quota_amount double precision, is_amount boolean, is_quantity boolean,
               start_date date, period_id text, forecasting_type_id text, currency_iso_code text,
               created_date timestamptz, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  -- Eight quarters of history were won; a quota asks for 10 % more than the average rep's quarter, a fifth up or down.
  SELECT salesops.salesforce_id('0J9', rep * 4 + q + 2), salesops.salesforce_id('005', rep),
         greatest(1000, won_amount / 8 / greatest(reps, 1) * (88 + salesops.draw_int(seed, 'quota', rep * 4 + q + 2, 45))
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

CREATE OR REPLACE FUNCTION salesops.define_step(step text, function text, description text DEFAULT '', builds_on text[] DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM salesops.check_given('step', define_step.step), salesops.check_given('function', define_step.function),
          salesops.check_given('description', define_step.description), salesops.check_given('builds_on', define_step.builds_on::text);
  IF define_step.step = '' THEN
    RAISE EXCEPTION 'a step has a name' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The name given is empty.', HINT = 'Jobs name their steps by it.';
  END IF;
  INSERT INTO salesops.step AS s (step, function, builds_on, description)
  VALUES (define_step.step, define_step.function, define_step.builds_on, define_step.description)
  ON CONFLICT (step) DO UPDATE
  SET function = excluded.function, builds_on = excluded.builds_on, description = excluded.description;
  PERFORM salesops.step_call(define_step.step);
END $$;
COMMENT ON FUNCTION salesops.define_step(text, text, text, text[]) IS
  'Defines a step, or redefines it: its function, named with its schema, takes (run_id bigint, as_of timestamptz) and returns the '
  'rows it wrote as bigint. builds_on: a retry that runs one of these steps runs it again too. 22004 for a NULL, 22023 for an empty name, else errors as of step_call()';

CREATE OR REPLACE FUNCTION salesops.define_job(job text, steps text[], description text DEFAULT '') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  unknown text;
BEGIN
  PERFORM salesops.check_given('job', define_job.job), salesops.check_given('description', define_job.description);
  IF define_job.job = '' THEN
    RAISE EXCEPTION 'a job has a name' USING ERRCODE = 'invalid_parameter_value', DETAIL = 'The name given is empty.', HINT = 'Schedules and runs name it.';
  END IF;
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
  'Defines a job, or redefines it, as a list of steps in the order in which they run; 22004 for a NULL, 22023 for an empty name, an unknown step, a step named '
  'twice, or none. set_schedule() says when it runs';
