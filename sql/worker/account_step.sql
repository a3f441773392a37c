-- account_step.sql: what a night does about accounts: scores kept, findings, next best actions; duplicates; the ideal customer profile.

-- What is kept stays, so a step keeps nothing where one failed that it builds on; the retry of the night does.
CREATE FUNCTION salesops.rests_on_failure(run_id bigint, step text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  failed text := (SELECT string_agg(s.step, ', ' ORDER BY s.started_at) FROM salesops.run_step_log s
                  WHERE s.run_id = rests_on_failure.run_id AND s.status = 'failed'
                    AND s.step = ANY (SELECT unnest(t.builds_on) FROM salesops.steps() t WHERE t.step = rests_on_failure.step));
BEGIN
  PERFORM salesops.remark(run_id, step, format('nothing was kept: %s failed', failed)) WHERE failed IS NOT NULL;
  RETURN failed IS NOT NULL;
END $$;
COMMENT ON FUNCTION salesops.rests_on_failure(bigint, text) IS
  'Whether a step failed in a run that another one builds on; if so a remark of that one says that nothing was kept';

CREATE FUNCTION salesops.step_accounts(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.rests_on_failure(run_id, 'accounts') THEN
    RETURN 0;
  END IF;
  -- Actions last: they rest on all that was found before.
  RETURN salesops.keep_account_scores(as_of, run_id) + salesops.keep_actions(as_of, run_id);
END $$;
COMMENT ON FUNCTION salesops.step_accounts(bigint, timestamptz) IS
  'Step accounts: keep_account_scores(as_of), with findings about industries, then keep_actions(as_of); nothing where a step failed that it builds on, which a remark says. Returns the rows written';

CREATE FUNCTION salesops.step_duplicates(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN salesops.rests_on_failure(run_id, 'duplicates') THEN 0 ELSE salesops.find_due_duplicates(as_of) END;
END $$;
COMMENT ON FUNCTION salesops.step_duplicates(bigint, timestamptz) IS
  'Step duplicates: find_due_duplicates(as_of); nothing where a step failed that it builds on, which a remark says. Returns the rows written';

CREATE FUNCTION salesops.step_icp(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kept record;
BEGIN
  IF salesops.rests_on_failure(run_id, 'icp') THEN
    RETURN 0;
  END IF;
  SELECT k.* INTO kept FROM salesops.keep_icp(as_of) k;
  PERFORM salesops.remark(run_id, 'icp', kept.remark);
  RETURN kept.written;
END $$;
COMMENT ON FUNCTION salesops.step_icp(bigint, timestamptz) IS
  'Step icp: keep_icp(as_of), with a remark that says why no profile could be learned; nothing where a step failed that it builds on, which a remark says. Returns the rows written';
