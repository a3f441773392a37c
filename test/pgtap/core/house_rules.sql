-- What the catalog can say about the house rules: every object explained, nothing unsafe, nothing half-made.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(13);

CREATE TEMP VIEW member AS
  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
  WHERE d.deptype = 'e' AND e.extname = 'salesops';
CREATE TEMP VIEW routine AS
  SELECT p.* FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

SELECT is_empty(
  $$ SELECT pg_describe_object(m.classid, m.objid, 0) FROM member m
     WHERE obj_description(m.objid, m.classid::regclass::name) IS NULL
       -- Row types and array types speak through their table; indexes and sequences through theirs.
       AND NOT EXISTS (SELECT FROM pg_type t WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
                       AND (t.typelem <> 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')))
       AND NOT EXISTS (SELECT FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('i', 'S'))
       AND m.classid <> ALL (ARRAY['pg_namespace', 'pg_rewrite', 'pg_constraint', 'pg_trigger', 'pg_amop', 'pg_amproc']::regclass[])
     ORDER BY 1 $$,
  'every member object has a comment');
SELECT is_empty(
  $$ SELECT c.relname, a.attname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind = 'r'
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2 $$,
  'every column of every table has a comment');
SELECT is_empty(
  $$ SELECT c.relname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind = 'r'
     WHERE NOT c.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'salesops')::oid[]) ORDER BY 1 $$,
  'every table keeps its rows in a dump, or says WHERE false');
SELECT is_empty(
  $$ SELECT s.relname FROM member m JOIN pg_class s ON m.classid = 'pg_class'::regclass AND s.oid = m.objid AND s.relkind = 'S'
     WHERE NOT s.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'salesops')::oid[]) ORDER BY 1 $$,
  'every sequence keeps its position in a dump');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM routine r WHERE r.prosecdef
     AND NOT coalesce(r.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false) ORDER BY 1 $$,
  'a function with its owner''s rights has a fixed search_path');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM routine r JOIN pg_language l ON l.oid = r.prolang
     WHERE l.lanname = 'sql' AND r.prosqlbody IS NULL ORDER BY 1 $$,
  'every SQL function is bound when it is created');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM routine r JOIN pg_language l ON l.oid = r.prolang
     WHERE l.lanname = 'plpgsql' AND r.prokind = 'f' AND NOT coalesce(r.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false) ORDER BY 1 $$,
  'every plpgsql function has a fixed search_path');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM routine r JOIN pg_language l ON l.oid = r.prolang
     WHERE l.lanname = 'plpgsql' AND regexp_replace(r.prosrc, $r$E'[^']*'$r$, '', 'g') LIKE $r$%\\%$r$ ORDER BY 1 $$,
  'no plpgsql function reads otherwise where standard_conforming_strings is off');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM pg_aggregate a JOIN routine r ON r.oid = a.aggfnoid
     WHERE a.aggtranstype = 'internal'::regtype AND 0 IN (a.aggcombinefn, a.aggserialfn, a.aggdeserialfn) ORDER BY 1 $$,
  'every aggregate with an internal state can be taken in parts');
SELECT is_empty(
  $$ SELECT r.oid::regprocedure FROM pg_aggregate a JOIN routine r ON r.oid = a.aggfnoid WHERE r.proparallel <> 's' ORDER BY 1 $$,
  'every aggregate is parallel safe');
SELECT is_empty(
  $$ SELECT c.opcname FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid WHERE NOT amvalidate(c.oid) ORDER BY 1 $$,
  'every operator class is valid');
SELECT is_empty(
  $$ SELECT o.oid::regoperator FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
     WHERE o.oprname IN ('=', '<>', '<', '<=', '>', '>=') AND (o.oprcom = 0 OR o.oprnegate = 0) ORDER BY 1 $$,
  'every comparison knows its commutator and its negator');
SELECT is_empty(
  $$ SELECT c.oid::regclass FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid WHERE c.relkind = 'm' $$,
  'no materialized view is a member: a dump would lose its data');
SELECT * FROM finish();
ROLLBACK;
