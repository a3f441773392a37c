-- A step whose function returns a set is refused when it is defined.

CREATE OR REPLACE FUNCTION salesops.step_call(step text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := (SELECT s.function FROM salesops.steps() s WHERE s.step = step_call.step);
  candidate record;
BEGIN
  IF wanted IS NULL THEN
    RAISE EXCEPTION 'unknown step "%"', step_call.step
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT * FROM salesops.steps() lists the steps.';
  END IF;

  SELECT p.oid::regprocedure AS signature, n.nspname, p.proname, p.prokind, p.proretset, p.prorettype, o.rolname, o.rolsuper, p.proowner
  INTO candidate
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles o ON o.oid = p.proowner
  WHERE p.oid = pg_catalog.to_regprocedure(wanted || '(bigint, timestamp with time zone)');
  IF NOT FOUND OR candidate.prokind <> 'f' OR candidate.proretset OR candidate.prorettype <> 'bigint'::regtype THEN
    RAISE EXCEPTION 'step "%" has no function', step_call.step
      USING ERRCODE = 'undefined_function',
            DETAIL = pg_catalog.format('There is no function %s(bigint, timestamptz) that returns one bigint.', wanted),
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
