-- Whether there is a role is asked in one place.

CREATE FUNCTION salesops.check_role(role name)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = check_role.role) THEN
    RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(check_role.role), 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT rolname FROM pg_roles lists the roles; CREATE ROLE makes one.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_role(name) IS 'Raises 42704 unless there is such a role';

CREATE OR REPLACE FUNCTION salesops.grant_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  IF NOT EXISTS (SELECT FROM salesops.access_tasks() t WHERE t.task = grant_access.task) THEN
    RAISE EXCEPTION 'unknown task: %', coalesce(quote_literal(task), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = format('Use one of %s.', (SELECT string_agg(t.task, ', ') FROM salesops.access_tasks() t));
  END IF;
  PERFORM salesops.check_role(grantee);
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(grant_access.task) r LOOP
    EXECUTE format('GRANT %s ON %s TO %I', item.privilege, item.object, grantee);
  END LOOP;
  IF task <> 'run_jobs' AND to_regnamespace('salesops_bi') IS NULL THEN
    RAISE NOTICE 'there are no marts yet that % could read', grantee USING
      HINT = format('SELECT salesops.grant_access(%L, %L) again after the first SELECT salesops.install_marts() or CALL salesops.refresh_marts().', grantee, task);
  END IF;

  -- Refreshing a mart takes its owner.
  IF task = 'run_jobs' THEN
    PERFORM salesops.install_marts();
    EXECUTE format('ALTER SCHEMA salesops_bi OWNER TO %I', grantee);
    FOR item IN SELECT m.mart FROM salesops.marts() m LOOP
      EXECUTE format('ALTER MATERIALIZED VIEW salesops_bi.%I OWNER TO %I', item.mart || '_mat', grantee);
      EXECUTE format('ALTER VIEW salesops_bi.%I OWNER TO %I', item.mart, grantee);
    END LOOP;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.grant_access(name, text) IS
  'Grant a role what a task of access_tasks() needs; run_jobs also makes the marts and gives them to the role. For the owner of the extension; call '
  'it again after an update, and where a notice says that there are no marts yet, once they are there. 22023 for an unknown task, 42704 for an unknown role';

CREATE OR REPLACE FUNCTION salesops.revoke_access(grantee name, task text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item record;
BEGIN
  PERFORM salesops.check_role(grantee);
  FOR item IN SELECT r.privilege, r.object FROM salesops.access_rights(revoke_access.task) r LOOP
    EXECUTE format('REVOKE %s ON %s FROM %I', item.privilege, item.object, grantee);
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.revoke_access(name, text) IS
  'Take back what grant_access() granted for a task, with what the task includes; grant again what other tasks of the role need. The marts keep their owner. 42704 for an unknown role';
