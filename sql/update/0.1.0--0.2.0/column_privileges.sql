-- Some rights of the role that runs the jobs are on columns.
CREATE OR REPLACE FUNCTION salesops.missing_privileges(role text, OUT object text, OUT privilege text) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  known pg_roles;
BEGIN
  SELECT r.* INTO known FROM pg_roles r WHERE r.rolname = missing_privileges.role;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('role ' || coalesce(quote_ident(missing_privileges.role), 'NULL'), 'to exist');
    RETURN;
  ELSIF known.rolsuper THEN
    RETURN;
  END IF;

  RETURN QUERY
  WITH task AS (
    SELECT split_part(r.object, ' ', 1) AS kind, substring(r.object FROM ' (.*)') AS name, p.privilege, r.privilege LIKE '%(%' AS is_of_columns
    FROM salesops.access_rights('run_jobs') r, string_to_table(regexp_replace(r.privilege, ' [(].*', ''), ', ') AS p (privilege)
  ), missing AS (
    SELECT 'role ' || quote_ident(known.rolname) AS object, 'LOGIN' AS privilege WHERE NOT known.rolcanlogin
    UNION ALL
    SELECT lower(t.kind COLLATE "C") || ' ' || t.name, t.privilege
    FROM task t
    WHERE NOT CASE t.kind WHEN 'SCHEMA' THEN has_schema_privilege(known.oid, t.name, t.privilege)
                          WHEN 'TABLE' THEN has_table_privilege(known.oid, t.name, t.privilege)
                                            OR t.is_of_columns AND has_any_column_privilege(known.oid, t.name, t.privilege)
                          WHEN 'SEQUENCE' THEN has_sequence_privilege(known.oid, t.name, t.privilege)
                          WHEN 'FUNCTION' THEN has_function_privilege(known.oid, t.name, t.privilege) END
    UNION ALL
    SELECT 'schema ' || quote_ident(n.nspname), 'USAGE'
    FROM pg_namespace n
    WHERE EXISTS (SELECT FROM salesops.source s WHERE s.schema_name = n.nspname AND s.is_active)
      AND NOT has_schema_privilege(known.oid, n.oid, 'USAGE')
    UNION ALL
    SELECT 'database ' || quote_ident(current_database()), p.privilege
    FROM unnest(CASE WHEN to_regnamespace('salesops_bi') IS NULL THEN ARRAY['CONNECT', 'CREATE'] ELSE ARRAY['CONNECT'] END) AS p (privilege)
    WHERE NOT has_database_privilege(known.oid, current_database(), p.privilege)
    UNION ALL
    SELECT m.oid::regclass::text, 'to own it'
    FROM pg_class m
    JOIN pg_namespace n ON n.oid = m.relnamespace
    WHERE n.nspname = 'salesops_bi' AND m.relkind = 'm' AND NOT pg_has_role(known.oid, m.relowner, 'USAGE')
  )
  SELECT m.object, m.privilege FROM missing m ORDER BY 1, 2;
END $$;
