-- What a dump would lose.
--
-- Of a table of ours a dump has the rows and the grants; the table itself comes from CREATE EXTENSION. So what somebody else
-- added to it (a column, an index, a policy) is in no dump, and nothing says so before the day of the restore. PostgreSQL
-- does not keep who made a part of a table: the scripts of this extension therefore note the parts that are theirs
-- (script_ends.sql, update_begins.sql).

CREATE TABLE salesops.table_part (
  relation   text NOT NULL,
  kind       text NOT NULL,
  name       text NOT NULL,
  is_shipped boolean NOT NULL,
  PRIMARY KEY (relation, kind, name)
);
COMMENT ON TABLE salesops.table_part IS
  'Parts of the tables of the extension that its own scripts made; written by these scripts alone';
COMMENT ON COLUMN salesops.table_part.relation IS 'Table of schema salesops';
COMMENT ON COLUMN salesops.table_part.kind IS 'As in salesops.table_parts()';
COMMENT ON COLUMN salesops.table_part.name IS 'Name of the part';
COMMENT ON COLUMN salesops.table_part.is_shipped IS 'False only while an update runs: it was there before and is a user''s';
-- Every CREATE EXTENSION notes them anew.
SELECT pg_catalog.pg_extension_config_dump('salesops.table_part', 'WHERE false');

CREATE FUNCTION salesops.table_parts(OUT relation text, OUT kind text, OUT name text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH member AS (
    SELECT c.oid, c.relname, c.relowner, c.reltablespace, c.reloptions, c.relreplident,
           c.relrowsecurity, c.relforcerowsecurity, e.extowner
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_depend d
      ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
     AND d.classid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p')
    WHERE e.extname = 'salesops'
  )
  SELECT m.relname::text, p.kind, p.name::text
  FROM member m
  CROSS JOIN LATERAL (
    SELECT 'column' AS kind, a.attname AS name
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'statistics target', a.attname
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget <> -1
    UNION ALL
    -- NOT NULL has entries of its own from PostgreSQL 18 on.
    SELECT 'constraint', c.conname
    FROM pg_catalog.pg_constraint c WHERE c.conrelid = m.oid AND c.contype NOT IN ('n', 't')
    UNION ALL
    SELECT 'index', x.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = m.oid
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid = x.oid AND c.conrelid = m.oid)
    UNION ALL
    SELECT 'trigger', t.tgname FROM pg_catalog.pg_trigger t WHERE t.tgrelid = m.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', r.rulename FROM pg_catalog.pg_rewrite r WHERE r.ev_class = m.oid
    UNION ALL
    SELECT 'policy', p.polname FROM pg_catalog.pg_policy p WHERE p.polrelid = m.oid
    UNION ALL
    SELECT 'row security', CASE WHEN m.relforcerowsecurity THEN 'forced' ELSE 'enabled' END
    WHERE m.relrowsecurity OR m.relforcerowsecurity
    UNION ALL
    SELECT 'statistics', s.stxname FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = m.oid
    UNION ALL
    -- From PostgreSQL 18 on pg_dump writes them.
    SELECT 'publication', p.pubname
    FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = m.oid AND current_setting('server_version_num')::integer < 180000
    UNION ALL
    SELECT 'storage parameter', o.option FROM unnest(m.reloptions) AS o(option)
    UNION ALL
    SELECT 'tablespace', s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = m.reltablespace
    UNION ALL
    SELECT 'replica identity', m.relreplident::text WHERE m.relreplident <> 'd'
    UNION ALL
    SELECT 'owner', pg_catalog.pg_get_userbyid(m.relowner) WHERE m.relowner <> m.extowner
  ) p;
END;
COMMENT ON FUNCTION salesops.table_parts() IS
  'What the tables of the extension have now that no dump writes: columns, constraints, indexes, triggers, rules, '
  'policies, row security, statistics, publications, and whatever of storage parameters, statistics targets, tablespace, replica identity and owner was changed';

CREATE FUNCTION salesops.dump_losses(OUT kind text, OUT relation text, OUT name text, OUT consequence text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT p.kind, p.relation, p.name,
         CASE p.kind
           WHEN 'column' THEN 'The rows of the table cannot be restored: its column is missing then. Keep it in a table of your own with the same key.'
           WHEN 'policy' THEN 'It is not restored: rows that it hides are seen then. Make it again before anybody is let in.'
           WHEN 'row security' THEN 'It is not restored: rows that it hides are seen then. Switch it on again before anybody is let in.'
           ELSE 'It is not restored. Make it again after the restore.'
         END
  FROM salesops.table_parts() p
  WHERE NOT EXISTS (SELECT FROM salesops.table_part s
                    WHERE s.relation = p.relation AND s.kind = p.kind AND s.name = p.name)
  UNION ALL
  SELECT 'rows', d.objid::regclass::text, NULL,
         'Its rows are not dumped. Take it out of the extension: ALTER EXTENSION salesops DROP TABLE ...'
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
   AND d.classid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'm')
  WHERE e.extname = 'salesops' AND d.objid <> ALL (coalesce(e.extconfig, '{}'))
  ORDER BY 1, 2, 3;
END;
COMMENT ON FUNCTION salesops.dump_losses() IS
  'What pg_dump would lose, or break on: what was added to or changed on tables of the extension other than by its own '
  'scripts, and tables in it whose rows no dump has. No row = a restore gives everything back';
