-- account_step.sql: what a night does about accounts: scores kept, findings, next best actions.

CREATE FUNCTION salesops.step_accounts(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  missing text;
BEGIN
  -- What is kept stays, so a night in which something went wrong before keeps nothing here; its retry does.
  SELECT string_agg(s.step, ', ' ORDER BY s.started_at) INTO missing FROM salesops.run_step_log s
  WHERE s.run_id = step_accounts.run_id AND s.status = 'failed'
    AND s.step = ANY (SELECT unnest(t.builds_on) FROM salesops.steps() t WHERE t.step = 'accounts');
  IF missing IS NOT NULL THEN
    PERFORM salesops.remark(run_id, 'accounts', format('nothing was kept: %s failed', missing));
    RETURN 0;
  END IF;
  -- Actions last: they rest on all that was found before.
  RETURN salesops.keep_account_scores(as_of, run_id) + salesops.keep_actions(as_of, run_id);
END $$;
COMMENT ON FUNCTION salesops.step_accounts(bigint, timestamptz) IS
  'Step accounts: keep_account_scores(as_of), with findings about industries, then keep_actions(as_of); nothing where a step failed that it builds on, which a remark says. Returns the rows written';
