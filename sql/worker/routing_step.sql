-- routing_step.sql: leads routed by a job, for who wants that. No default job has it: how often leads are routed is no matter of the night.

CREATE FUNCTION salesops.step_route_leads(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Who has waited longest comes first.
  overdue bigint := salesops.reassign_overdue_leads(as_of);
  waiting bigint := salesops.route_waiting_leads(as_of);
BEGIN
  RETURN overdue + waiting + salesops.route_leads(as_of, 10000);
END $$;
COMMENT ON FUNCTION salesops.step_route_leads(bigint, timestamptz) IS
  'A step to define: reassigns overdue leads, tries the fallback queue again, routes the oldest 10,000 new leads; returns the decisions';
