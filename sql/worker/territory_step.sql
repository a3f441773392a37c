-- territory_step.sql: the territories in force, measured once a month.

CREATE FUNCTION salesops.step_territory_health(run_id bigint, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  measured bigint := salesops.check_territory_health(as_of);
BEGIN
  PERFORM salesops.remark(run_id, 'territory_health',
                          (SELECT string_agg(format('plan %s was not measured: %s', b.plan_id, h.reason), '; ' ORDER BY h.publication_id)
                           FROM salesops.territory_health h JOIN salesops.territory_publication b ON b.publication_id = h.publication_id
                           WHERE h.as_of = step_territory_health.as_of AND h.reason IS NOT NULL));
  RETURN measured;
END $$;
COMMENT ON FUNCTION salesops.step_territory_health(bigint, timestamptz) IS
  'Step territory_health: check_territory_health(as_of), with a remark that names the plans whose query failed; returns the publications measured';
