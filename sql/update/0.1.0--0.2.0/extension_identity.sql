-- A run ends where the extension was dropped and created again, although the version is the same.

CREATE OR REPLACE PROCEDURE salesops.carry_out(run_id bigint)
LANGUAGE plpgsql AS $$
DECLARE
  begun_with CONSTANT text := salesops.lock_extension();
  next_step text;
  status text;
  code text;
  message text;
  detail text;
  hint text;
BEGIN
  FOR next_step IN SELECT s.step FROM salesops.steps_to_do(carry_out.run_id) s LOOP
    PERFORM salesops.lock_extension(begun_with);
    PERFORM salesops.begin_step(run_id, next_step);
    COMMIT;
    PERFORM salesops.lock_extension(begun_with);
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

  PERFORM salesops.lock_extension(begun_with);
  status := salesops.finish_run(run_id);
  COMMIT;
  RAISE NOTICE 'run %: %', run_id, status;
END $$;
COMMENT ON PROCEDURE salesops.carry_out(bigint) IS
  'Does the steps of a run that has begun, each in its own transaction, and ends it; a failed step is logged and the next one '
  'runs. The caller holds the run lock';

COMMENT ON FUNCTION salesops.lock_extension(text) IS
  'Locks the extension against DROP and ALTER EXTENSION UPDATE until the transaction ends and returns which it is: version and object; 42704 if it '
  'has been dropped, 55000 if it is not the one that the run began with, because it was updated, or dropped and created again';
