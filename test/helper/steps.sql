-- Steps that do what a test tells them: nothing, fail, sleep, or wait for a lock.
--
-- What a step does is one row of rehearsal.script, a statement; a step without a row leaves its trace and says that
-- it wrote seven rows. The real functions, where there are any, step aside until rehearsal.leave().

CREATE SCHEMA rehearsal;
CREATE TABLE rehearsal.script (step text PRIMARY KEY, statement text NOT NULL);
CREATE TABLE rehearsal.trace (step text NOT NULL, as_of timestamptz NOT NULL);

-- Give every function of these names another name, all its overloads too.
CREATE FUNCTION rehearsal.rename_parts(prefix_now text, prefix_then text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT p.oid::regprocedure AS signature, n.name
    FROM unnest(ARRAY['sync_all', 'take_snapshot', 'keep_forecast', 'audit', 'refresh_marts']) AS n (name)
    JOIN pg_proc p ON p.proname = prefix_now || n.name AND p.pronamespace = 'salesops'::regnamespace
  LOOP
    EXECUTE format('ALTER FUNCTION %s RENAME TO %I', part.signature, prefix_then || part.name);
  END LOOP;
END $$;

CREATE FUNCTION rehearsal.leave() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DROP FUNCTION salesops.sync_all(timestamptz), salesops.take_snapshot(timestamptz), salesops.keep_forecast(timestamptz), salesops.audit(bigint, timestamptz),
                salesops.refresh_marts(timestamptz);
  PERFORM rehearsal.rename_parts('real_', '');
END $$;

CREATE FUNCTION rehearsal.play(step text, as_of timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  todo text := (SELECT s.statement FROM rehearsal.script s WHERE s.step = play.step);
BEGIN
  INSERT INTO rehearsal.trace VALUES (play.step, play.as_of);
  IF todo IS NOT NULL THEN
    EXECUTE todo;
  END IF;
  RETURN 7;
END $$;

SELECT rehearsal.rename_parts('', 'real_');
CREATE FUNCTION salesops.sync_all(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('sync', as_of) $$;
CREATE FUNCTION salesops.take_snapshot(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('snapshot', as_of) $$;
CREATE FUNCTION salesops.keep_forecast(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('forecast', as_of) $$;
CREATE FUNCTION salesops.audit(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('audit', as_of) $$;
CREATE FUNCTION salesops.refresh_marts(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('refresh', as_of) $$;
