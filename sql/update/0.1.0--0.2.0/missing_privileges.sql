-- What the role of the jobs lacks: of some columns of a table, too.
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
    -- Of a table, or of some of its columns: INSERT (lead_id, rep_id).
    SELECT split_part(r.object, ' ', 1) AS kind, substring(r.object FROM ' (.*)') AS name, p.privilege, split_part(p.privilege, ' (', 1) AS verb,
           (SELECT array_agg(trim(c, '"')) FROM string_to_table(substring(p.privilege FROM '\((.*)\)'), ', ') c) AS columns
    FROM salesops.access_rights('run_jobs') r, regexp_split_to_table(r.privilege, ', (?![^(]*\))') AS p (privilege)
  ), missing AS (
    SELECT 'role ' || quote_ident(known.rolname) AS object, 'LOGIN' AS privilege WHERE NOT known.rolcanlogin
    UNION ALL
    SELECT lower(t.kind COLLATE "C") || ' ' || t.name, t.privilege
    FROM task t
    WHERE NOT CASE t.kind WHEN 'SCHEMA' THEN has_schema_privilege(known.oid, t.name, t.privilege)
                          WHEN 'TABLE' THEN CASE WHEN t.columns IS NULL THEN has_table_privilege(known.oid, t.name, t.verb)
                                                 ELSE (SELECT bool_and(has_column_privilege(known.oid, t.name, c, t.verb)) FROM unnest(t.columns) c) END
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
