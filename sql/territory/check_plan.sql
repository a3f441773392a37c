-- Whose plan it is, and whether there is one.

CREATE FUNCTION salesops.check_territory_plan(plan_id bigint)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.territory_plan p WHERE p.plan_id = check_territory_plan.plan_id) THEN
    RAISE EXCEPTION 'there is no territory plan %', coalesce(plan_id::text, 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM salesops.territory_plans() lists them.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_territory_plan(bigint) IS 'Raises 42704 unless there is such a territory plan';

