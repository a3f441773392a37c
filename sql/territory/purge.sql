-- Drafts come and go: a plan that nobody named, proposed or copied is deleted in time. Everything else stays, whoever may delete.

CREATE FUNCTION salesops.is_kept_plan(plan_id bigint)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM salesops.territory_plan p WHERE p.plan_id = is_kept_plan.plan_id AND p.name IS NOT NULL)
      OR EXISTS (SELECT FROM salesops.territory_decision d WHERE d.plan_id = is_kept_plan.plan_id)
      OR EXISTS (SELECT FROM salesops.territory_plan c WHERE c.copied_from = is_kept_plan.plan_id);
END;
COMMENT ON FUNCTION salesops.is_kept_plan(bigint) IS 'Whether a territory plan has a name, was ever proposed or was copied: then it is not deleted';

CREATE FUNCTION salesops.refuse_purge()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kept bigint;
BEGIN
  SELECT d.plan_id INTO kept FROM (SELECT DISTINCT o.plan_id FROM old_row o) d WHERE salesops.is_kept_plan(d.plan_id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'territory plan % has a name, was proposed or was copied, so it is not deleted', kept USING
      ERRCODE = 'restrict_violation', HINT = 'SELECT salesops.purge_territory_plans() deletes what may go.';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION salesops.refuse_purge() IS 'Trigger that keeps the rows of a plan that has a name, was proposed or was copied';
CREATE TRIGGER keeps AFTER DELETE ON salesops.territory_plan_territory REFERENCING OLD TABLE AS old_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_purge();
COMMENT ON TRIGGER keeps ON salesops.territory_plan_territory IS 'what was proposed must stay known';
CREATE TRIGGER keeps AFTER DELETE ON salesops.territory_plan_class REFERENCING OLD TABLE AS old_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_purge();
COMMENT ON TRIGGER keeps ON salesops.territory_plan_class IS 'what was proposed must stay known';
CREATE TRIGGER keeps AFTER DELETE ON salesops.territory_plan_account REFERENCING OLD TABLE AS old_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_purge();
COMMENT ON TRIGGER keeps ON salesops.territory_plan_account IS 'what was proposed must stay known';
CREATE TRIGGER keeps AFTER DELETE ON salesops.territory_plan_finding REFERENCING OLD TABLE AS old_row
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_purge();
COMMENT ON TRIGGER keeps ON salesops.territory_plan_finding IS 'what was proposed must stay known';

-- Of the head decisions and copies say so themselves, by their foreign keys.
CREATE FUNCTION salesops.refuse_purge_of_name()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.name IS NOT NULL THEN
    RAISE EXCEPTION 'territory plan % is named "%", so it is not deleted', OLD.plan_id, OLD.name USING
      ERRCODE = 'restrict_violation', HINT = 'SELECT salesops.purge_territory_plans() deletes what may go.';
  END IF;
  RETURN OLD;
END $$;
COMMENT ON FUNCTION salesops.refuse_purge_of_name() IS 'Trigger that keeps plans with a name';
CREATE TRIGGER keeps BEFORE DELETE ON salesops.territory_plan
  FOR EACH ROW EXECUTE FUNCTION salesops.refuse_purge_of_name();
COMMENT ON TRIGGER keeps ON salesops.territory_plan IS 'what has a name must stay known';

CREATE FUNCTION salesops.purge_territory_plans(keep interval, as_of timestamptz DEFAULT salesops.clock())
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  old bigint[];
BEGIN
  -- The heads first: whoever proposes one of them meanwhile waits for it, and then there is none.
  WITH head AS (
    DELETE FROM salesops.territory_plan p WHERE p.made_at < as_of - keep AND NOT salesops.is_kept_plan(p.plan_id) RETURNING p.plan_id
  )
  SELECT array_agg(h.plan_id) INTO old FROM head h;
  DELETE FROM salesops.territory_plan_account x WHERE x.plan_id = ANY (old);
  DELETE FROM salesops.territory_plan_territory x WHERE x.plan_id = ANY (old);
  DELETE FROM salesops.territory_plan_class x WHERE x.plan_id = ANY (old);
  DELETE FROM salesops.territory_plan_finding x WHERE x.plan_id = ANY (old);
  RETURN coalesce(cardinality(old), 0);
END $$;
COMMENT ON FUNCTION salesops.purge_territory_plans(interval, timestamptz) IS
  'Deletes territory plans without a name that were never proposed or copied and were made longer ago than keep, with all their rows; returns how many plans. Of a line of copies the last goes '
  'first, the others in the nights after';
