-- What the catalog can say about the functions: that what they promise of themselves is true, that pg_upgrade can make them anew,
-- and that all of them work for somebody whose search_path is empty, and with NULL for every argument.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(18);

CREATE TEMP TABLE routine AS
  SELECT p.oid, p.oid::regprocedure::text AS name, p.proname, l.lanname AS language, p.prokind, p.provolatile, p.proparallel, p.proisstrict,
         p.prorettype, p.proargtypes, p.proargnames, p.pronargs, p.pronargdefaults, p.prosqlbody IS NOT NULL AS is_bound,
         -- The code without its comments and strings.
         regexp_replace(regexp_replace(CASE WHEN p.prokind = 'a' THEN '' WHEN p.prosqlbody IS NOT NULL THEN pg_get_functiondef(p.oid) ELSE p.prosrc END,
                                       '--.*$', '', 'gn'), $r$'[^']*'$r$, '', 'g') AS code
  FROM pg_depend d
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'salesops'
  JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid AND d.deptype = 'e'
  JOIN pg_language l ON l.oid = p.prolang;

-- Who calls whom: bound functions have it in the catalog, of plpgsql the qualified names tell. Of functions with the same name
-- any may be meant: then the most innocent one.
CREATE TEMP TABLE calls AS
  WITH word AS MATERIALIZED (
    SELECT DISTINCT r.oid AS caller, m.name[1] AS name
    FROM routine r CROSS JOIN LATERAL regexp_matches(r.code, '\msalesops\.(\w+)\s*\(', 'g') AS m(name)
    WHERE r.language = 'plpgsql'
  ), innocent AS (
    SELECT DISTINCT ON (r.proname) r.proname, r.oid FROM routine r ORDER BY r.proname, r.provolatile, r.proparallel DESC
  )
  SELECT w.caller, i.oid AS callee FROM word w JOIN innocent i ON i.proname = w.name
  UNION
  SELECT d.objid, d.refobjid
  FROM pg_depend d
  JOIN routine caller ON caller.oid = d.objid
  JOIN routine callee ON callee.oid = d.refobjid
  WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_proc'::regclass AND d.deptype = 'n';

-- And what of the server itself. A name counts where all functions with it are alike.
CREATE TEMP TABLE server_calls AS
  WITH word AS MATERIALIZED (
    SELECT DISTINCT r.oid AS caller, m.name[1] AS name
    FROM routine r CROSS JOIN LATERAL regexp_matches(r.code, '(?:^|[^.\w]|\mpg_catalog\.)(\w+)\s*\(', 'g') AS m(name)
    WHERE r.language IN ('sql', 'plpgsql')
  ), alike AS MATERIALIZED (
    SELECT p.proname::text AS name, min(p.provolatile) AS provolatile, min(p.proparallel) AS proparallel
    FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
    GROUP BY p.proname HAVING min(p.provolatile) = max(p.provolatile) AND min(p.proparallel) = max(p.proparallel)
  )
  SELECT w.caller, a.name AS proname, a.provolatile, a.proparallel FROM word w JOIN alike a USING (name);
ANALYZE routine, calls, server_calls;

-- What functions say of themselves -------------------------------------------------------------------------------------

SELECT is_empty(
  $$ SELECT f.name, g.name FROM calls c JOIN routine f ON f.oid = c.caller JOIN routine g ON g.oid = c.callee
     WHERE f.provolatile < 'v' AND g.provolatile = 'v' OR f.provolatile = 'i' AND g.provolatile <> 'i' ORDER BY 1, 2 $$,
  'no function calls one of ours that is more volatile than itself');
SELECT is_empty(
  $$ SELECT f.name, c.proname FROM server_calls c JOIN routine f ON f.oid = c.caller
     WHERE f.provolatile < 'v' AND c.provolatile = 'v' OR f.provolatile = 'i' AND c.provolatile = 's' ORDER BY 1, 2 $$,
  '... or one of the server''s');
SELECT is_empty(
  $$ SELECT r.name FROM routine r
     WHERE r.provolatile = 'i'
       AND (EXISTS (SELECT FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'v', 'm', 'S')
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass)
            OR r.code ~* '\m(FROM|JOIN)\s+salesops\.\w+\s*($|[^(\w])') ORDER BY 1 $$,
  'no immutable function reads a table');
SELECT is_empty(
  $$ SELECT r.name FROM routine r WHERE r.provolatile < 'v' AND r.code ~* '\m(INSERT\s+INTO|UPDATE\s+\S+\s+(AS\s+\w+\s+)?SET|DELETE\s+FROM|TRUNCATE|REFRESH)\M' ORDER BY 1 $$,
  'no function that writes says that it does not');
SELECT is_empty(
  $$ SELECT f.name, g.name FROM calls c JOIN routine f ON f.oid = c.caller JOIN routine g ON g.oid = c.callee
     WHERE f.proparallel = 's' AND g.proparallel <> 's' ORDER BY 1, 2 $$,
  'no parallel-safe function calls one of ours that is not');
SELECT is_empty(
  $$ SELECT f.name, c.proname FROM server_calls c JOIN routine f ON f.oid = c.caller
     WHERE f.proparallel = 's' AND c.proparallel <> 's' ORDER BY 1, 2 $$,
  '... or one of the server''s');
SELECT is_empty(
  $$ SELECT r.name FROM routine r WHERE r.proparallel = 's' AND r.code ~* '\m(INSERT\s+INTO|UPDATE\s+\S+\s+(AS\s+\w+\s+)?SET|DELETE\s+FROM|EXECUTE|EXCEPTION\s+WHEN)\M' ORDER BY 1 $$,
  '... or writes, runs what it does not know, or begins a subtransaction');
SELECT is_empty(
  $$ SELECT r.name FROM routine r WHERE r.language = 'c' AND r.provolatile = 'i' AND r.proparallel <> 's' ORDER BY 1 $$,
  'every immutable C function is parallel safe');

-- Operators --------------------------------------------------------------------------------------------------------------

SELECT is_empty(
  $$ SELECT r.name FROM pg_operator o JOIN routine r ON r.oid = o.oprcode
     WHERE NOT (r.provolatile = 'i' AND r.proisstrict AND r.proparallel = 's') ORDER BY 1 $$,
  'the function of every operator is immutable, strict and parallel safe');
SELECT is_empty(
  $$ SELECT o.oid::regoperator FROM pg_operator o JOIN routine r ON r.oid = o.oprcode
     LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
     WHERE c.oid IS NOT NULL AND (c.oprcom <> o.oid OR c.oprleft <> o.oprright) OR n.oid IS NOT NULL AND n.oprnegate <> o.oid
        OR o.oprname IN ('=', '<>', '<', '<=', '>', '>=') AND 0::oid IN (o.oprrest, o.oprjoin)
        OR o.oprname = '=' AND NOT (o.oprcanhash AND o.oprcanmerge) ORDER BY 1 $$,
  'commutators and negators are mutual, comparisons have estimates, = can hash and merge');
SELECT is_empty(
  $$ SELECT c.opcname, m.amname FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod
     JOIN pg_type t ON t.oid = c.opcintype
     WHERE c.opcnamespace = 'salesops'::regnamespace AND (m.amname = 'hash' OR t.typbyval)
       AND NOT (ARRAY[1, 2] <@ ARRAY(SELECT p.amprocnum::integer FROM pg_amproc p WHERE p.amprocfamily = c.opcfamily)) ORDER BY 1, 2 $$,
  'btree classes of types that fit into a word have sort support, hash classes a salted hash');

-- Comments that house_rules.sql does not ask for ----------------------------------------------------------------------------

SELECT is_empty(
  $$ SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2 $$,
  'every column of every view has a comment');
SELECT is_empty(
  $$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'S' AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1 $$,
  'every sequence has a comment');

-- pg_upgrade -----------------------------------------------------------------------------------------------------------------

-- The command that makes an object again, as a dump writes it.
CREATE FUNCTION pg_temp.again(OUT object text, OUT command text) RETURNS SETOF record LANGUAGE sql AS $$
  SELECT r.name, pg_get_functiondef(r.oid) FROM pg_temp.routine r WHERE r.is_bound
  UNION ALL
  SELECT c.oid::regclass::text, format('CREATE OR REPLACE VIEW %s AS %s', c.oid::regclass, pg_get_viewdef(c.oid))
  FROM pg_class c WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'v'
$$;
-- Runs commands one by one under an empty search_path, each undone; what failed, with SQLSTATE and message.
CREATE FUNCTION pg_temp.failures(of text, pattern text DEFAULT '') RETURNS SETOF text LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  it record;
BEGIN
  FOR it IN EXECUTE of LOOP
    BEGIN
      EXECUTE it.command;
      RAISE SQLSTATE 'UNDO1';
    EXCEPTION
      WHEN SQLSTATE 'UNDO1' THEN NULL;
      WHEN OTHERS THEN
        -- What a step of the sync finds in temporary tables, another one puts there.
        IF SQLSTATE ~ pattern AND SQLERRM !~ 'pg_temp' THEN
          RETURN NEXT format('%s: %s %s', it.object, SQLSTATE, SQLERRM);
        END IF;
    END;
  END LOOP;
END $$;

SELECT is_empty('SELECT pg_temp.failures($$ SELECT * FROM pg_temp.again() $$)',
  'every SQL function and view can be made again from its own words under an empty search_path, as pg_upgrade does');
-- It makes functions before operator classes, so none may need one: GROUP BY or DISTINCT of one of our types would.
SAVEPOINT classes;
UPDATE pg_catalog.pg_opclass SET opcdefault = false WHERE opcnamespace = 'salesops'::pg_catalog.regnamespace;
SELECT is_empty('SELECT pg_temp.failures($$ SELECT * FROM pg_temp.again() WHERE object LIKE ''%(%'' $$)',
  '... functions also before our types can be sorted or grouped');
ROLLBACK TO classes;

-- Everything called, with an empty search_path -----------------------------------------------------------------------------

DO $$
BEGIN
  PERFORM salesops.generate_crm(100, 5, 1, '2026-06-15 18:00+00', schema_name => 'lint_crm');
  PERFORM salesops.connect('lint', 'fivetran_salesforce', 'lint_crm');
  PERFORM salesops.sync_all('2026-06-15 18:00+00');
  PERFORM salesops.take_snapshot('2026-06-15 18:00+00');
  PERFORM salesops.audit(1, '2026-06-15 18:00+00');
  PERFORM salesops.refresh_marts('2026-06-15 18:00+00');
END $$;
-- A call of every function: with NULL for every argument, or with something that makes sense and the defaults.
CREATE FUNCTION pg_temp.calls(of_null boolean, OUT object text, OUT command text) RETURNS SETOF record LANGUAGE sql AS $$
  WITH argument AS (
    SELECT r.oid, a.n, pg_catalog.format_type(a.type, NULL) AS type,
           CASE WHEN of_null THEN NULL
                ELSE coalesce((SELECT v.value FROM (VALUES
                    ('source_key', 'lint'), ('entity', 'opportunity'), ('job', 'nightly'), ('step', 'audit'), ('mart', 'forecast'),
                    ('object_kind', 'opportunity'), ('time_zone', 'UTC'), ('schema_name', 'lint_crm'), ('rule', 'missing_amount'), ('violation', 'amount IS NULL'), ('function', 'salesops.step_audit'),
                    ('applies', 'true'), ('value', 'name'), ('bound', '1'), ('targets', '{}'), ('cause', 'owner'), ('severity', 'info'),
                    ('kind', 'generic')) AS v(name, value)
                  WHERE v.name = r.proargnames[a.n]),
                  CASE pg_catalog.format_type(a.type, NULL)
                    WHEN 'timestamp with time zone' THEN '2026-06-15 18:00+00' WHEN 'date' THEN '2026-06-15'
                    WHEN 'time without time zone' THEN '02:00' WHEN 'interval' THEN '1 day'
                    WHEN 'integer' THEN '1' WHEN 'bigint' THEN '1' WHEN 'smallint' THEN '1' WHEN 'numeric' THEN '1' WHEN 'boolean' THEN 'true'
                    WHEN 'text' THEN 'word' WHEN 'name' THEN 'word' WHEN 'regclass' THEN 'lint_crm.opportunity' WHEN 'jsonb' THEN '{}'
                    WHEN 'salesops.fiscal_period' THEN 'FY2026-Q2' WHEN 'salesops.forecast_category' THEN 'Commit'
                    WHEN 'salesops.account_score' THEN '0 tier 3 (size 0, industry 0, engagement 0, intent 0)'
                    WHEN 'salesops.forecast_totals' THEN 'no deals' WHEN 'salesops.bookings_distribution' THEN '1 deal; open 100@0.5'
                    WHEN 'salesops.win_cells' THEN '{"factors": {"owner": ["Ann"]}, "cells": {"FY2026-Q1": [[0, 12, 3]]}}'
                    WHEN 'salesops.win_model' THEN salesops.fit_win_model(NULL)::pg_catalog.text END) END AS value
    FROM pg_temp.routine r CROSS JOIN LATERAL pg_catalog.unnest(r.proargtypes) WITH ORDINALITY AS a(type, n)
    WHERE of_null OR a.n <= r.pronargs - r.pronargdefaults
  )
  SELECT r.name, pg_catalog.format('SELECT pg_catalog.count(f::pg_catalog.text) FROM salesops.%I(%s) f', r.proname,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%L::%s', a.value, a.type), ', ' ORDER BY a.n) FROM argument a WHERE a.oid = r.oid))
  FROM pg_temp.routine r
  WHERE r.prokind = 'f' AND r.prorettype <> ALL ('{trigger,internal,cstring}'::pg_catalog.regtype[])
    AND NOT r.proargtypes::pg_catalog.oid[] && '{internal,cstring}'::pg_catalog.regtype[]::pg_catalog.oid[]
    -- These wait for another session, or speak to the server as a whole.
    AND r.proname !~ '^(await_run|start_worker|stop_worker)$'
$$;
-- A name that is not found, an ambiguous one, an internal error: whatever else they say of such arguments is theirs to say.
SELECT is_empty($$ SELECT pg_temp.failures('SELECT * FROM pg_temp.calls(true)', '^(XX|42883|42P01|42703|42725|42P18|42804)') $$,
  'every function takes NULL for every argument, under an empty search_path');
SELECT is_empty($$ SELECT pg_temp.failures('SELECT * FROM pg_temp.calls(false)', '^(XX|42883|42P01|42703|42725|42P18|42804)') $$,
  'every function works with its defaults, under an empty search_path');
SELECT is_empty($$ SELECT pg_temp.failures($v$
    SELECT c.oid::pg_catalog.regclass::text AS object, pg_catalog.format('SELECT pg_catalog.count(v::pg_catalog.text) FROM %s v', c.oid::pg_catalog.regclass) AS command
    FROM pg_catalog.pg_class c WHERE c.relkind IN ('v', 'm', 'r') AND c.relnamespace = ANY ('{salesops,salesops_bi}'::pg_catalog.regnamespace[]) $v$) $$,
  'every table and view can be read, under an empty search_path');

SELECT * FROM finish();
ROLLBACK;
