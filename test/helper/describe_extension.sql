-- Everything that the extension is made of, one JSON array a line: [object, aspect, value]. Two databases that print the same
-- have the same extension, whichever way it came there. No OIDs; lines that are only a comment in a function's body do not count.
SET search_path = pg_catalog;

-- Who may do what; the default rights are the same whether they are written down or not.
CREATE FUNCTION pg_temp.rights(kind "char", owner oid, acl aclitem[]) RETURNS text LANGUAGE sql
RETURN (SELECT string_agg(concat_ws(' ', r.grantee::regrole, r.privilege_type, r.is_grantable), ', '
                          ORDER BY r.grantee::regrole::text, r.privilege_type)
        FROM aclexplode(coalesce(acl, acldefault(kind, owner))) r);

WITH member AS (
  SELECT d.classid, d.objid, pg_identify_object(d.classid, d.objid, 0) AS o
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
  WHERE d.deptype = 'e' AND e.extname = 'salesops'
), named AS (
  SELECT classid, objid, (o).type || ' ' || (o).identity AS object FROM member
), routine AS (
  SELECT n.object, p.* FROM named n JOIN pg_proc p ON n.classid = 'pg_proc'::regclass AND p.oid = n.objid
), relation AS (
  SELECT n.object, c.* FROM named n JOIN pg_class c ON n.classid = 'pg_class'::regclass AND c.oid = n.objid
), family AS (
  SELECT n.object, n.objid FROM named n WHERE n.classid = 'pg_opfamily'::regclass
), fact (object, aspect, value) AS (
  SELECT object, 'exists', '' FROM named
  UNION ALL
  SELECT object, 'comment', obj_description(objid, classid::regclass::name) FROM named

  UNION ALL
  SELECT object, 'definition', regexp_replace(pg_get_functiondef(oid), '^\s*--.*\n', '', 'gn') FROM routine WHERE prokind <> 'a'
  UNION ALL
  SELECT r.object, 'definition', to_jsonb(a)::text
  FROM routine r
  JOIN LATERAL (SELECT g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn,
                       g.aggmfinalfn, g.aggfinalextra, g.aggfinalmodify, g.aggsortop::regoperator, g.aggtranstype::regtype, g.aggtransspace,
                       g.aggmtranstype::regtype, g.agginitval, r.proparallel, r.proisstrict
                FROM pg_aggregate g WHERE g.aggfnoid = r.oid) a ON true
  UNION ALL
  SELECT object, 'rights', pg_temp.rights('f', proowner, proacl) FROM routine

  UNION ALL
  SELECT object, 'definition', concat_ws(' ', relkind, relpersistence, reloptions, relrowsecurity, relreplident,
                                         CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END)
  FROM relation
  UNION ALL
  SELECT object, 'rights', pg_temp.rights(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner, relacl) FROM relation
  UNION ALL
  SELECT r.object, 'sequence', to_jsonb(s)::text
  FROM relation r
  JOIN LATERAL (SELECT q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache, q.seqcycle
                FROM pg_sequence q WHERE q.seqrelid = r.oid) s ON true
  -- The place counts: rows of twin tables are copied as wholes.
  UNION ALL
  SELECT r.object, 'column ' || a.attname,
         concat_ws(' ', row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                   a.attgenerated, a.attstorage, a.attcompression, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), a.attacl,
                   col_description(r.oid, a.attnum))
  FROM relation r
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  UNION ALL
  SELECT r.object, 'constraint ' || c.conname, concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated, obj_description(c.oid, 'pg_constraint'))
  FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid
  UNION ALL
  SELECT r.object, 'index', concat_ws(' ', pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class'))
  FROM relation r JOIN pg_index i ON i.indrelid = r.oid
  UNION ALL
  SELECT r.object, 'trigger ' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
  FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
  UNION ALL
  SELECT r.object, 'dumped', 'rows ' || x.condition
  FROM relation r JOIN pg_extension e ON e.extname = 'salesops' CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS x(oid, condition)
  WHERE x.oid = r.oid

  UNION ALL
  SELECT n.object, 'definition', to_jsonb(t)::text
  FROM named n
  JOIN LATERAL (SELECT y.typtype, y.typlen, y.typbyval, y.typalign, y.typstorage, y.typcategory, y.typispreferred, y.typdelim, y.typinput, y.typoutput,
                       y.typreceive, y.typsend, y.typmodin, y.typmodout, y.typanalyze, y.typsubscript, y.typnotnull, y.typdefault, pg_temp.rights('T', y.typowner, y.typacl) AS rights,
                       y.typbasetype::regtype
                FROM pg_type y WHERE y.oid = n.objid) t ON n.classid = 'pg_type'::regclass
  UNION ALL
  -- Attributes of a composite type.
  SELECT n.object, 'attribute ' || a.attname, a.attnum || ' ' || format_type(a.atttypid, a.atttypmod)
  FROM named n
  JOIN pg_type y ON n.classid = 'pg_type'::regclass AND y.oid = n.objid AND y.typtype = 'c'
  JOIN pg_attribute a ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT n.object, 'definition', to_jsonb(p)::text
  FROM named n
  JOIN LATERAL (SELECT o.oprkind, o.oprcanmerge, o.oprcanhash, o.oprresult::regtype, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcode,
                       o.oprrest, o.oprjoin
                FROM pg_operator o WHERE o.oid = n.objid) p ON n.classid = 'pg_operator'::regclass
  UNION ALL
  SELECT n.object, 'definition', to_jsonb(k)::text
  FROM named n
  JOIN LATERAL (SELECT c.castfunc::regprocedure, c.castcontext, c.castmethod FROM pg_cast c WHERE c.oid = n.objid) k ON n.classid = 'pg_cast'::regclass
  UNION ALL
  SELECT n.object, 'definition', to_jsonb(q)::text
  FROM named n
  JOIN LATERAL (SELECT c.opcdefault, c.opcintype::regtype, c.opckeytype::regtype, (pg_identify_object('pg_opfamily'::regclass, c.opcfamily, 0)).identity
                FROM pg_opclass c WHERE c.oid = n.objid) q ON n.classid = 'pg_opclass'::regclass
  UNION ALL
  SELECT f.object, 'operator ' || a.amopstrategy || ' ' || a.amopopr::regoperator, a.amoppurpose::text FROM family f JOIN pg_amop a ON a.amopfamily = f.objid
  UNION ALL
  SELECT f.object, concat_ws(' ', 'function', a.amprocnum, a.amproclefttype::regtype, a.amprocrighttype::regtype), a.amproc::regprocedure::text
  FROM family f JOIN pg_amproc a ON a.amprocfamily = f.objid
)
SELECT json_build_array(object, aspect, coalesce(value, '')) FROM fact
UNION ALL
SELECT json_build_array('part ' || p.kind || ' of ' || p.relation, p.name, p.is_shipped::text) FROM salesops.table_part p;
