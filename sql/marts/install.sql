-- The relations of the marts: for each mart a materialized view salesops_bi.<mart>_mat with a unique index on its key, and a
-- plain view salesops_bi.<mart> over it, because many BI tools do not list materialized views.
--
-- They are made by a function and not by the install script: a member of an extension is not dumped, so it would lose its
-- rows, user indexes and comments in a restore. They belong to the owner of the schema, who alone (or a superuser) may refresh them on 15.
-- A materialized view reads nothing but salesops.mart_<mart>(), whose shape is frozen: an update of the extension may
-- replace its body under the marts.

-- The columns a mart should have, as text to compare and to select.
CREATE FUNCTION salesops.mart_shape(mart text, OUT wanted text, OUT selected text)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT string_agg(c.column_name || ' ' || c.type, ', ' ORDER BY c."position"),
         -- A key is compared, never read: bytewise is enough and quicker under every locale.
         string_agg(format(CASE WHEN c."position" = 1 THEN 'm.%1$I::%2$s COLLATE pg_catalog."C" AS %1$I'
                                WHEN c.type ~ '^numeric' THEN 'salesops.mart_number(m.%1$I)::%2$s AS %1$I'
                                ELSE 'm.%1$I::%2$s AS %1$I' END, c.column_name, c.type), ', ' ORDER BY c."position")
  FROM salesops.mart_columns() c WHERE c.mart = mart_shape.mart;
END;
COMMENT ON FUNCTION salesops.mart_shape(text) IS
  'Columns of a mart: with their types, to compare with what is there; and as the select list of its materialized view';

CREATE FUNCTION salesops.mart_found(relation text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
  FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = to_regclass(format('salesops_bi.%I', relation)) AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION salesops.mart_found(text) IS
  'Columns that a relation of salesops_bi has, with their types; NULL if there is no such relation';

-- What a user did to a mart's relation, as commands that do it again.
CREATE FUNCTION salesops.mart_customisation(relation text, OUT command text, OUT is_ours boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH r AS (
    SELECT c.oid, c.relname, c.relowner, c.relacl, CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind
    FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(format('salesops_bi.%I', relation))
  )
  SELECT pg_get_indexdef(i.indexrelid), x.relname = regexp_replace(r.relname, '_mat$', '') || '_key'
  FROM r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  UNION ALL
  SELECT format('COMMENT ON INDEX salesops_bi.%I IS %L', x.relname, obj_description(x.oid, 'pg_class')),
         x.relname = regexp_replace(r.relname, '_mat$', '') || '_key'
  FROM r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  WHERE obj_description(x.oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT format('GRANT %s ON salesops_bi.%I TO %s%s', a.privilege_type, r.relname,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), false
  FROM r CROSS JOIN LATERAL aclexplode(r.relacl) a
  WHERE a.grantee <> r.relowner
  UNION ALL
  SELECT format('GRANT %s (%I) ON salesops_bi.%I TO %s', a.privilege_type, t.attname, r.relname,
                CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), false
  FROM r JOIN pg_catalog.pg_attribute t ON t.attrelid = r.oid CROSS JOIN LATERAL aclexplode(t.attacl) a
  UNION ALL
  SELECT format('COMMENT ON %s salesops_bi.%I IS %L', r.kind, r.relname, obj_description(r.oid, 'pg_class')), false
  FROM r WHERE obj_description(r.oid, 'pg_class') IS NOT NULL
  UNION ALL
  SELECT format('COMMENT ON COLUMN salesops_bi.%I.%I IS %L', r.relname, t.attname, col_description(r.oid, t.attnum)), false
  FROM r JOIN pg_catalog.pg_attribute t ON t.attrelid = r.oid
  WHERE t.attnum > 0 AND NOT t.attisdropped AND col_description(r.oid, t.attnum) IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.mart_customisation(text) IS
  'Indexes, grants and comments of a relation of salesops_bi as commands that make them again; is_ours marks the index '
  'that install_marts() makes itself';

-- Makes the two relations of a mart, empty, as the catalog of marts says.
CREATE FUNCTION salesops.create_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shape record;
BEGIN
  SELECT s.wanted, s.selected INTO shape FROM salesops.mart_shape(create_mart.mart) s;
  EXECUTE format('CREATE MATERIALIZED VIEW salesops_bi.%I AS SELECT %s FROM salesops.%I() m WITH NO DATA',
                            mart || '_mat', shape.selected, 'mart_' || mart);
  EXECUTE format('CREATE VIEW salesops_bi.%I AS SELECT m.* FROM salesops_bi.%I m', mart, mart || '_mat');
END $$;
COMMENT ON FUNCTION salesops.create_mart(text) IS
  'Make the materialized view of a mart, empty, and the view over it; install_marts() calls it';

-- Comments what has no comment yet: a user's own words stay.
CREATE FUNCTION salesops.comment_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  command text;
BEGIN
  FOR command IN
    SELECT format('COMMENT ON %s salesops_bi.%I IS %L', r.kind, r.name, m.meaning)
    FROM salesops.marts() m
    CROSS JOIN LATERAL (VALUES ('MATERIALIZED VIEW', m.mart || '_mat'), ('VIEW', m.mart)) AS r(kind, name)
    WHERE m.mart = comment_mart.mart
      AND obj_description(to_regclass(format('salesops_bi.%I', r.name)), 'pg_class') IS NULL
    UNION ALL
    SELECT format('COMMENT ON COLUMN salesops_bi.%I.%I IS %L', r.name, c.column_name, c.meaning)
    FROM salesops.mart_columns() c
    CROSS JOIN LATERAL (VALUES (c.mart || '_mat'), (c.mart)) AS r(name)
    JOIN pg_catalog.pg_attribute a
      ON a.attrelid = to_regclass(format('salesops_bi.%I', r.name)) AND a.attname = c.column_name
    WHERE c.mart = comment_mart.mart AND col_description(a.attrelid, a.attnum) IS NULL
    UNION ALL
    SELECT format('COMMENT ON INDEX salesops_bi.%I IS %L', m.mart || '_key', 'Primary key; refreshing concurrently needs it')
    FROM salesops.marts() m
    WHERE m.mart = comment_mart.mart
      AND obj_description(to_regclass(format('salesops_bi.%I', m.mart || '_key')), 'pg_class') IS NULL
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
COMMENT ON FUNCTION salesops.comment_mart(text) IS
  'Comment the relations of a mart and their columns where they have no comment yet; install_marts() calls it';

-- Whoever owns the schema or a mart decides what dashboards read, and whoever may create a schema could have been here before
-- us. Who may publish (write publication) is who is trusted with that.
CREATE FUNCTION salesops.check_mart_owners()
RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  foreign_part record;
BEGIN
  SELECT p.* INTO foreign_part
  FROM (SELECT 'schema' AS kind, 'salesops_bi' AS name, n.nspowner AS owner FROM pg_namespace n WHERE n.nspname = 'salesops_bi'
        UNION ALL
        SELECT 'relation', format('salesops_bi.%I', c.relname), c.relowner
        FROM pg_class c JOIN salesops.marts() m ON c.relname IN (m.mart, m.mart || '_mat')
        WHERE c.relnamespace = to_regnamespace('salesops_bi')) p
  WHERE NOT has_table_privilege(p.owner, 'salesops.publication', 'INSERT')
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% % belongs to "%", who may not publish', foreign_part.kind, foreign_part.name, pg_get_userbyid(foreign_part.owner)
      USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Its owner decides what everybody reads there.',
            HINT = 'Drop or rename it, or make the role that runs the jobs its owner.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_mart_owners() IS
  'Raises 42501 where schema salesops_bi or a mart in it belongs to a role that may not insert into salesops.publication: somebody else made it';

CREATE FUNCTION salesops.install_marts()
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mart text;
  owner name;
  saved text[];
  command text;
  made bigint := 0;
BEGIN
  PERFORM salesops.check_mart_owners();
  IF to_regnamespace('salesops_bi') IS NULL THEN
    CREATE SCHEMA salesops_bi;
    COMMENT ON SCHEMA salesops_bi IS 'salesops for BI: plain views to read, each over a materialized view <name>_mat that the night refreshes';
  END IF;

  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" LOOP
    IF salesops.mart_found(mart || '_mat') IS DISTINCT FROM (SELECT s.wanted FROM salesops.mart_shape(mart) s)
       OR salesops.mart_found(mart) IS DISTINCT FROM (SELECT s.wanted FROM salesops.mart_shape(mart) s) THEN
      saved := ARRAY(SELECT c.command FROM salesops.mart_customisation(mart || '_mat') c WHERE NOT c.is_ours)
            || ARRAY(SELECT c.command FROM salesops.mart_customisation(mart) c WHERE NOT c.is_ours);
      owner := coalesce((SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass(format('salesops_bi.%I', mart || '_mat'))),
                        (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = 'salesops_bi'));
      PERFORM salesops.drop_mart(mart);
      PERFORM salesops.create_mart(mart);
      -- What its owner wrote into its indexes keeps his rights, and he may go on refreshing it.
      IF owner <> current_user THEN
        EXECUTE format('ALTER MATERIALIZED VIEW salesops_bi.%I OWNER TO %I', mart || '_mat', owner);
        EXECUTE format('ALTER VIEW salesops_bi.%I OWNER TO %I', mart, owner);
      END IF;
      FOREACH command IN ARRAY saved LOOP
        BEGIN
          EXECUTE command;
        EXCEPTION WHEN undefined_column OR undefined_table OR undefined_object THEN
          RAISE WARNING 'not made again: %', command
            USING DETAIL = SQLERRM, HINT = 'The column is no longer part of the mart.';
        END;
      END LOOP;
      made := made + 1;
    END IF;
    IF to_regclass(format('salesops_bi.%I', mart || '_key')) IS NULL THEN
      EXECUTE format('CREATE UNIQUE INDEX %I ON salesops_bi.%I (%I)', mart || '_key', mart || '_mat', mart || '_key');
    END IF;
    PERFORM salesops.comment_mart(mart);
  END LOOP;
  RETURN made;
END $$;
COMMENT ON FUNCTION salesops.install_marts() IS
  'Make schema salesops_bi and the marts in it, empty until refresh_marts(); returns how many were made. What is there '
  'and right stays untouched; a mart '
  'whose columns changed with an update is made anew with its owner, user indexes, grants and comments; a new one belongs to the owner of the schema. '
  'Errors as of check_mart_owners()';

CREATE FUNCTION salesops.drop_mart(mart text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF salesops.mart_found(mart) IS NOT NULL THEN
    EXECUTE format('DROP VIEW salesops_bi.%I', mart);
  END IF;
  IF salesops.mart_found(mart || '_mat') IS NOT NULL THEN
    EXECUTE format('DROP MATERIALIZED VIEW salesops_bi.%I', mart || '_mat');
  END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
  RAISE EXCEPTION 'mart "%" cannot be dropped because other objects depend on it', mart
    USING ERRCODE = 'dependent_objects_still_exist',
          DETAIL = SQLERRM,
          HINT = 'Drop the views built on it, call salesops.install_marts() or salesops.drop_marts() again, and make them anew.';
  WHEN wrong_object_type THEN
    RAISE EXCEPTION 'a relation of somebody else has the name of mart "%"', mart
      USING ERRCODE = 'duplicate_table',
            DETAIL = SQLERRM || ' in schema salesops_bi.',
            HINT = 'Rename it, or move it to another schema, and call salesops.install_marts() again.';
END $$;
COMMENT ON FUNCTION salesops.drop_mart(text) IS
  'Drop the relations of one mart; 2BP01 where a user''s view stands on them, 42P07 where a table or the like has its name';

CREATE FUNCTION salesops.drop_marts()
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mart text;
BEGIN
  IF to_regnamespace('salesops_bi') IS NULL THEN
    RETURN;
  END IF;
  FOR mart IN SELECT m.mart FROM salesops.marts() m ORDER BY m."position" DESC LOOP
    PERFORM salesops.drop_mart(mart);
  END LOOP;
  DROP SCHEMA salesops_bi;
END $$;
COMMENT ON FUNCTION salesops.drop_marts() IS
  'Drop the marts and their schema, with indexes, grants and comments; call it before DROP EXTENSION. Fails where a '
  'user''s object is in the schema or on a mart';
