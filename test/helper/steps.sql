-- Steps that do what a test tells them: nothing, fail, sleep, or wait for a lock.
--
-- The real functions, where there are any, step aside for the life of this test database. What a step does is
-- one row of rehearsal.script, a statement in plpgsql; a step without a row writes seven rows, says itself.

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['sync_all(timestamptz)', 'take_snapshot(timestamptz)', 'audit(bigint,timestamptz)',
                           'refresh_marts(timestamptz)'] LOOP
    IF to_regprocedure('salesops.' || f) IS NOT NULL THEN
      EXECUTE format('ALTER FUNCTION salesops.%s RENAME TO real_%s', f, split_part(f, '(', 1));
    END IF;
  END LOOP;
END $$;

CREATE SCHEMA rehearsal;
CREATE TABLE rehearsal.script (step text PRIMARY KEY, statement text NOT NULL);
CREATE TABLE rehearsal.trace (step text NOT NULL, as_of timestamptz NOT NULL);

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

CREATE FUNCTION salesops.sync_all(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$ SELECT rehearsal.play('sync', as_of) $$;
CREATE FUNCTION salesops.take_snapshot(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$ SELECT rehearsal.play('snapshot', as_of) $$;
CREATE FUNCTION salesops.audit(run_id bigint, as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$ SELECT rehearsal.play('audit', as_of) $$;
CREATE FUNCTION salesops.refresh_marts(as_of timestamptz) RETURNS bigint LANGUAGE sql AS $$ SELECT rehearsal.play('refresh', as_of) $$;
