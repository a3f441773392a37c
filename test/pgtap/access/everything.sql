-- Roles with little try everything there is: every function with plausible and hostile arguments, every table and view with
-- every command. Nothing changes, nothing is shown that they may not read, nothing fails in a way nobody thought of.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

-- What must not be seen, in our tables, in a source, in the statistics.
CREATE SCHEMA landing;
CREATE TABLE landing.opportunity (id text, stage_name text, name text, amount numeric, created_date timestamptz);
INSERT INTO landing.opportunity SELECT 'S3CR3T' || n, 'S3CR3T', 'S3CR3T', 424242, '2026-01-01' FROM generate_series(1, 20) n;
SELECT salesops.connect('s', 'fivetran_salesforce', 'landing') \g /dev/null
SELECT salesops.sync('s', '2026-06-01') \g /dev/null
SELECT salesops.audit('2026-06-01'), salesops.take_snapshot('2026-06-01'), salesops.refresh_marts('2026-06-01') \g /dev/null
ANALYZE salesops.opportunity, landing.opportunity;

-- Names of their own: a file that runs beside this one would wait for them to the end of this transaction.
CREATE ROLE salesops_try_stranger;
CREATE ROLE salesops_try_visitor;
CREATE ROLE salesops_try_analyst;
GRANT USAGE ON SCHEMA salesops, salesops_bi TO salesops_try_visitor;
SELECT salesops.grant_access('salesops_try_analyst', 'analyse') \g /dev/null

-- Arguments to try, as SQL, by type. The n-th call of a function takes the n-th of each list, round and round.
CREATE TEMP TABLE argument (type text PRIMARY KEY, tries text[]);
INSERT INTO argument
SELECT 'text', array_agg(coalesce(quote_literal(x), 'NULL') || '::text')
FROM unnest(ARRAY['s', NULL, 'opportunity', '', $q$'; DROP TABLE salesops.opportunity; --$q$, 'nightly', 'landing', '$$', E'a"b\\c\n%s%I{id}', 'pg_authid',
                  'forecast', repeat('x', 100), 'missing_amount', 'sync', 'full', 'UTC', '2026-06-30', 'salesforce', U&'\0430dmin', '=x', 'a+b/0|c', 'postgres']) x;
INSERT INTO argument
SELECT y.type, array_agg(coalesce(quote_literal(x), 'NULL') || '::' || y.type ORDER BY o)
FROM (VALUES
  ('name', ARRAY['landing', NULL, 'salesops', 'a"; DROP ROLE x; --', 'salesops_try_visitor', 'pg_catalog']),
  ('cstring', ARRAY['Commit', '', 'FY2026-Q4', '{}', repeat('(', 1000), NULL]),
  ('integer', ARRAY['1', '0', '-1', NULL, '12', '2147483647', '-2147483648']),
  ('bigint', ARRAY['1', '0', '-1', NULL, '9223372036854775807', '-9223372036854775808']),
  ('smallint', ARRAY['1', '-32768', NULL]),
  ('numeric', ARRAY['0.5', '0', '-1', 'NaN', NULL, 'Infinity', '1e100']),
  ('double precision', ARRAY['0.5', 'NaN', 'Infinity', NULL, '-1e308']),
  ('boolean', ARRAY['true', 'false', NULL]),
  ('date', ARRAY['2026-06-30', 'infinity', '-infinity', '4713-01-01 BC', NULL]),
  ('time without time zone', ARRAY['02:00', '24:00', NULL]),
  ('timestamp with time zone', ARRAY['2026-06-30', '2026-06-01', 'infinity', '-infinity', '4714-12-01 BC', NULL]),
  ('interval', ARRAY['0', '1 day', '-1 second', NULL, '178000000 years']),
  ('jsonb', ARRAY['{}', NULL, '[]', 'null', '{"entities": {"opportunity": {"relation": "pg_authid", "columns": {"id": "rolname"}}}}', '{"entities": 1}', '"x"']),
  ('text[]', ARRAY['{}', '{missing_amount}', NULL, '{NULL}', '{{a,b},{c,d}}', '{''; DROP TABLE x; --}', '[5:5]={sync}']),
  ('integer[]', ARRAY['{}', '{1,2}', NULL, '{NULL}', '{{1,2},{3,4}}']),
  ('numeric[]', ARRAY['{1,0.9,0.7,0.5,0.2,0.05,0}', '{}', NULL, '{NULL}', '{NaN}']),
  ('regclass', ARRAY['landing.opportunity', 'salesops.opportunity', 'pg_authid', 'pg_class_oid_index', '4294967290', '0', NULL, 'salesops.run_status']),
  ('regclass[]', ARRAY['{}', '{pg_authid}', NULL, '{NULL}', '{4294967290}']),
  ('regtype', ARRAY['text', 'numeric', 'timestamptz', '4294967290', NULL, 'salesops.fiscal_period']),
  ('regrole', ARRAY['postgres', NULL, '0']),
  ('oid', ARRAY['0', '1', '4294967290', NULL]),
  ('bytea', ARRAY['\x', '\xdeadbeef', NULL]),
  ('salesops.forecast_category', ARRAY['Commit', NULL, 'Omitted']),
  ('salesops.account_score', ARRAY['100 tier 1 (size 30, industry 25, engagement 25, intent 20)', NULL]),
  ('salesops.fiscal_period', ARRAY['FY2026-Q4', 'FY2026', 'FY2026-M01', NULL]),
  ('salesops.forecast_totals', ARRAY[NULL, '{}']),
  ('salesops.source', ARRAY['(s,fivetran_salesforce,landing,{},t,2026-01-01)', '(x,generic,pg_catalog,"{""entities"": {""opportunity"": {""relation"": ""pg_authid"", ""columns"": {""id"": ""rolname""}}}}",t,2026-01-01)',
                            NULL, '(,,,,,)', '("''; --",hubspot,"a""b",[],t,infinity)']),
  ('salesops.planned_column[]', ARRAY['{}', NULL, '{NULL}', '{"(opportunity,landing.opportunity,id,text,id,text,s.id,s.id)"}',
                                      '{"(opportunity,pg_authid,id,text,id,text,s.rolname,(SELECT rolpassword FROM pg_authid LIMIT 1))"}']),
  ('salesops.violation[]', ARRAY['{}', NULL, '{NULL}', '{"(s,d,o,v)"}']),
  ('salesops.rule_tally[]', ARRAY['{}', NULL]),
  ('salesops.forecast_override[]', ARRAY['{}', NULL, '{NULL}', '{"(s,\"{a,b}\",Commit,NaN,1)","(s,{a},Commit,,1e100)"}', '{"(,,,,)","(s,{},Commit,1,1)"}']),
  ('salesops.reporting_line[]', ARRAY['{}', NULL, '{NULL}', '{"(s,r1,r1)"}', '{"(,,)","(s,a,b)"}'])
) AS y(type, tries) CROSS JOIN LATERAL unnest(y.tries) WITH ORDINALITY u(x, o) GROUP BY y.type;

CREATE TEMP VIEW target AS
  SELECT f.oid, f.proname, f.prokind, ARRAY(SELECT format_type(t, NULL) FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY u(t, n) ORDER BY n) AS types
  FROM pg_proc f
  WHERE f.pronamespace = 'salesops'::regnamespace AND f.prokind IN ('f', 'a', 'w') AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype);
-- Of a type that is not listed there is NULL; internal no SQL can give.
INSERT INTO argument
SELECT DISTINCT t, ARRAY['NULL::' || t] FROM target, unnest(types) t WHERE t <> 'internal' AND NOT EXISTS (SELECT FROM argument a WHERE a.type = t);

CREATE TEMP TABLE outcome (role name, call text, code text, said text, wrote bigint);
-- What pg_stat_xact_user_tables counts of our tables, without planning and joining that view tens of thousands of times.
CREATE TEMP TABLE watched AS SELECT t.relid FROM pg_stat_xact_user_tables t WHERE t.schemaname IN ('salesops', 'salesops_bi', 'landing');
CREATE FUNCTION pg_temp.writes() RETURNS bigint LANGUAGE sql AS $$
  SELECT sum(pg_stat_get_xact_tuples_inserted(t.relid) + pg_stat_get_xact_tuples_updated(t.relid) + pg_stat_get_xact_tuples_deleted(t.relid))::bigint FROM watched t
$$;
-- Make a call as a role and undo it; what came of it is kept.
CREATE PROCEDURE pg_temp.attempt(role name, call text) LANGUAGE plpgsql AS $$
DECLARE
  wrote_before bigint := pg_temp.writes();
  code text;
  said text;
  detail text;
  hint text;
  context text;
BEGIN
  FOR try IN 1..3 LOOP
    BEGIN
      EXECUTE format('SET LOCAL ROLE %I', role);
      EXECUTE call INTO said;
      RAISE EXCEPTION USING ERRCODE = 'TT000';
    EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
      IF code <> 'TT000' THEN
        said := concat_ws(E'\n', SQLERRM, detail, hint, context);
      END IF;
    END;
    -- Some commands lock before they look at rights. Autovacuum may be there already and wait for what this transaction holds:
    -- it does so until it is told to go.
    EXIT WHEN code <> '40P01';
    PERFORM pg_stat_clear_snapshot();
    PERFORM pg_cancel_backend(a.pid) FROM pg_stat_activity a WHERE a.backend_type = 'autovacuum worker' AND a.datname = current_database();
  END LOOP;
  INSERT INTO outcome VALUES (role, call, nullif(code, 'TT000'), said, pg_temp.writes() - wrote_before);
END $$;

DO $$
DECLARE
  one record;
BEGIN
  FOR one IN
    -- What takes few arguments comes round to the same call.
    SELECT DISTINCT r.role, format('SELECT left(string_agg(x::text, '' ''), 10000) FROM (SELECT salesops.%I(%s) AS x) q', t.proname,
                          (SELECT string_agg(a.tries[1 + (n * (CASE WHEN n < 8 THEN 1 ELSE u.i END) + u.i) % cardinality(a.tries)], ', ' ORDER BY u.i)
                           FROM unnest(t.types) WITH ORDINALITY u(type, i) JOIN argument a ON a.type = u.type)) AS call
    FROM (VALUES ('salesops_try_stranger', 2), ('salesops_try_visitor', 14), ('salesops_try_analyst', 14)) r(role, times)
    CROSS JOIN target t CROSS JOIN LATERAL generate_series(0, CASE cardinality(t.types) WHEN 0 THEN 0 ELSE r.times - 1 END) n
    WHERE NOT 'internal' = ANY (t.types)
      -- Two thousand million generated deals are no attack.
      AND t.proname !~ '^generated?_'
      -- Long to plan, and refused at the same place whatever the arguments are.
      AND (t.proname NOT IN ('due_run', 'refresh_marts', 'step_refresh') OR n < 4)
  LOOP
    CALL pg_temp.attempt(one.role, one.call);
  END LOOP;
  FOR one IN
    SELECT r.role, format(k.command, format('%I.%I', n.nspname, c.relname), (SELECT quote_ident(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = 1)) AS call
    FROM (VALUES ('salesops_try_stranger'), ('salesops_try_visitor'), ('salesops_try_analyst')) r(role)
    CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN (VALUES ('r', 'SELECT count(*) FROM %s'), ('r', 'EXPLAIN SELECT * FROM %s'), ('w', 'INSERT INTO %s DEFAULT VALUES'), ('w', 'UPDATE %1$s SET %2$s = NULL'),
                       ('w', 'DELETE FROM %s'), ('t', 'TRUNCATE %s CASCADE'), ('t', 'LOCK TABLE %s'), ('t', 'ALTER TABLE %s DISABLE TRIGGER ALL'), ('t', 'DROP TABLE %s CASCADE'),
                       ('t', 'CREATE INDEX ON %s ((1))'), ('t', 'CREATE TRIGGER t BEFORE INSERT ON %s EXECUTE FUNCTION salesops.refuse_change()'),
                       ('t', 'CREATE RULE r AS ON INSERT TO %s DO NOTHING'), ('t', 'CREATE POLICY p ON %s'), ('s', 'SELECT nextval(%L)'), ('s', 'SELECT setval(%L, 1)'), ('s', 'SELECT last_value FROM %s')) k(kind, command)
    WHERE n.nspname IN ('salesops', 'salesops_bi', 'landing')
      AND CASE k.kind WHEN 's' THEN c.relkind = 'S' WHEN 't' THEN c.relkind = 'r' ELSE c.relkind IN ('r', 'v', 'm') END
  LOOP
    CALL pg_temp.attempt(one.role, one.call);
  END LOOP;
END $$;

SELECT cmp_ok((SELECT count(*) FROM outcome), '>', 3000::bigint, 'thousands of attempts were made');
SELECT is_empty($$SELECT role, call, wrote FROM outcome WHERE wrote > 0$$, 'nothing was written, not even for a moment');
SELECT is_empty($$SELECT code, call, left(said, 300) FROM outcome WHERE code LIKE 'XX%' OR code LIKE '58%' OR code LIKE '57P%' OR code LIKE '53%'$$, 'nothing failed inside');
SELECT is_empty($$SELECT role, call, left(said, 300) FROM outcome WHERE role <> 'salesops_try_analyst' AND said ~ 'S3CR3T|424242' AND call !~ 'S3CR3T'$$,
                'nobody saw, in a result or a message, what he may not read');
SELECT is_empty($$SELECT role, call, left(said, 300) FROM outcome WHERE said ~ 'SCRAM-SHA|md5[0-9a-f]{32}'$$, 'nor a password');
SELECT is_empty($$SELECT DISTINCT code, call FROM outcome WHERE role = 'salesops_try_stranger' AND code IS DISTINCT FROM '42501'$$, 'who may only connect gets nowhere');
SELECT is_empty($$SELECT role, code, call FROM outcome WHERE call !~ 'FROM \(SELECT' AND role = 'salesops_try_visitor'
                  -- A view that cannot be written and a column that is generated are refused before rights are looked at.
                  AND NOT coalesce(code = '42501' OR code IN ('55000', '428C9') AND call ~ '^(INSERT|UPDATE|DELETE)', false)$$,
                'who may use the schemas reads and changes no table');
SELECT is_empty($$SELECT role, code, call FROM outcome WHERE call !~ 'FROM \(SELECT' AND role = 'salesops_try_analyst'
                  AND (call ~ '^(SELECT count|EXPLAIN)' AND call !~ 'landing|_mat$') IS DISTINCT FROM (code IS NULL)$$,
                'an analyst reads all of ours, nothing of the source, and changes nothing');
SELECT isnt_empty($$SELECT FROM outcome WHERE role = 'salesops_try_analyst' AND said ~ 'S3CR3T'$$, 'what the others must not see an analyst sees: there was something to see');
SELECT cmp_ok((SELECT count(*) FROM outcome WHERE role = 'salesops_try_visitor' AND code IS NULL), '>', 300::bigint, 'and not all attempts failed for a triviality');

SET LOCAL ROLE salesops_try_visitor;
SELECT is_empty($$SELECT schemaname, tablename, attname FROM pg_stats WHERE schemaname IN ('salesops', 'landing')$$, 'the statistics show nothing either');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
