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

CREATE FUNCTION salesops.own_territory_plan_number()
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN currval('salesops.territory_plan_plan_id_seq');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.own_territory_plan_number() IS 'The number of a territory plan that the session took last; NULL = it took none. 42501 for whoever may not make plans';

-- What a plan says of its accounts is asked again in later months, under the rights of who made it. So nobody makes one in the name of another.
CREATE FUNCTION salesops.refuse_forged_plan()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = tg_relid), 'USAGE') THEN
    RETURN NEW;
  END IF;
  -- Whoever took a number to come could keep somebody else's plan from being made.
  IF NEW.plan_id IS DISTINCT FROM salesops.own_territory_plan_number() THEN
    RAISE EXCEPTION 'territory plan % cannot be made: its number is not the next one', NEW.plan_id USING
      ERRCODE = 'insufficient_privilege', HINT = 'Call salesops.plan_territories() or salesops.balance_territories().';
  END IF;
  IF NEW.made_by <> current_user THEN
    RAISE EXCEPTION 'a territory plan cannot be made in the name of "%"', NEW.made_by USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = 'Its queries run under the rights of the role that made it.',
      HINT = 'Call salesops.plan_territories() or salesops.balance_territories().';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION salesops.refuse_forged_plan() IS
  'Trigger: refuses a plan in the name of another role, or with a number that the session has not just taken, from anybody but the owner of the table, who restores dumps, whatever was granted';
CREATE TRIGGER own_name BEFORE INSERT ON salesops.territory_plan
  FOR EACH ROW EXECUTE FUNCTION salesops.refuse_forged_plan();
COMMENT ON TRIGGER own_name ON salesops.territory_plan IS 'Nobody can make a plan in the name of somebody else, or take its number';

-- Its rows are written before its head, all by one call: whoever could add rows to a plan of somebody else could keep it from being published.
CREATE FUNCTION salesops.refuse_addition()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  added bigint;
BEGIN
  -- The owner restores dumps, in whatever order.
  IF pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = tg_relid), 'USAGE') THEN
    RETURN NULL;
  END IF;
  SELECT r.plan_id INTO added FROM (SELECT DISTINCT n.plan_id FROM new_row n) r
  WHERE r.plan_id IS DISTINCT FROM (SELECT salesops.own_territory_plan_number()) OR EXISTS (SELECT FROM salesops.territory_plan p WHERE p.plan_id = r.plan_id)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'nothing can be added to territory plan %', added USING
      ERRCODE = 'insufficient_privilege', HINT = 'Make another plan: SELECT salesops.copy_territory_plan() starts from this one.';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.refuse_addition() IS
  'Trigger: refuses rows of a plan that is there, or that the session has not just numbered, from anybody but the owner of the table, who restores dumps, whatever was granted';
CREATE TRIGGER own_plan AFTER INSERT ON salesops.territory_plan_territory REFERENCING NEW TABLE AS new_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_addition();
COMMENT ON TRIGGER own_plan ON salesops.territory_plan_territory IS 'Nobody can add to a plan that is made';
CREATE TRIGGER own_plan AFTER INSERT ON salesops.territory_plan_class REFERENCING NEW TABLE AS new_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_addition();
COMMENT ON TRIGGER own_plan ON salesops.territory_plan_class IS 'Nobody can add to a plan that is made';
CREATE TRIGGER own_plan AFTER INSERT ON salesops.territory_plan_account REFERENCING NEW TABLE AS new_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_addition();
COMMENT ON TRIGGER own_plan ON salesops.territory_plan_account IS 'Nobody can add to a plan that is made';
CREATE TRIGGER own_plan AFTER INSERT ON salesops.territory_plan_finding REFERENCING NEW TABLE AS new_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_addition();
COMMENT ON TRIGGER own_plan ON salesops.territory_plan_finding IS 'Nobody can add to a plan that is made';
