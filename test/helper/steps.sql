-- Steps that do what a test tells them: nothing, fail, sleep, or wait for a lock.
--
-- What a step does is one row of rehearsal.script, a statement; a step without a row leaves its trace and says that
-- it wrote seven rows. The real functions, where there are any, step aside until rehearsal.leave().

CREATE SCHEMA rehearsal;
CREATE TABLE rehearsal.script (step text PRIMARY KEY, statement text NOT NULL);
CREATE TABLE rehearsal.trace (step text NOT NULL, as_of timestamptz NOT NULL);
CREATE TABLE rehearsal.part (name text PRIMARY KEY, arguments text NOT NULL);
INSERT INTO rehearsal.part VALUES
  ('sync_all', 'timestamptz'), ('take_snapshot', 'timestamptz'), ('audit', 'bigint, timestamptz'), ('refresh_marts', 'timestamptz');

-- Give the parts of that name another name, where there are any.
CREATE FUNCTION rehearsal.rename_parts(old text, new text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p rehearsal.part;
BEGIN
  FOR p IN SELECT * FROM rehearsal.part LOOP
    IF to_regprocedure(format('salesops.' || old || '(%s)', p.name, p.arguments)) IS NOT NULL THEN
      EXECUTE format('ALTER FUNCTION salesops.' || old || '(%s) RENAME TO ' || new, p.name, p.arguments, p.name);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION rehearsal.leave() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p rehearsal.part;
BEGIN
  FOR p IN SELECT * FROM rehearsal.part LOOP
    EXECUTE format('DROP FUNCTION salesops.%I(%s)', p.name, p.arguments);
  END LOOP;
  PERFORM rehearsal.rename_parts('real_%s', '%3$s');
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

SELECT rehearsal.rename_parts('%s', 'real_%3$s');
CREATE FUNCTION salesops.sync_all(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('sync', as_of) $$;
CREATE FUNCTION salesops.take_snapshot(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('snapshot', as_of) $$;
CREATE FUNCTION salesops.audit(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('audit', as_of) $$;
CREATE FUNCTION salesops.refresh_marts(as_of timestamptz) RETURNS bigint LANGUAGE sql
AS $$ SELECT rehearsal.play('refresh', as_of) $$;
