-- What a rule's author can do to whoever evaluates his rule, checks it or stores it: nothing.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE ROLE salesops_test_author;
CREATE ROLE salesops_test_granted;
GRANT USAGE, CREATE ON SCHEMA public TO salesops_test_author;
GRANT USAGE ON SCHEMA salesops TO salesops_test_author, salesops_test_granted;
GRANT SELECT ON ALL TABLES IN SCHEMA salesops TO salesops_test_author;
-- More than anybody should be given.
GRANT ALL ON ALL TABLES IN SCHEMA salesops TO salesops_test_granted;
DO $$ BEGIN
  EXECUTE (SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO salesops_test_author, salesops_test_granted', p.oid::regprocedure), ';')
           FROM pg_proc p WHERE p.pronamespace = 'salesops'::regnamespace AND p.proname IN ('write_rule', 'evaluate_rules'));
END $$;
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'generic', 'public', '{}');
INSERT INTO salesops.opportunity (source_key, id, name, stage, amount, is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'd1', 'A deal', 'Prospecting', 5, false, false, false, '2026-01-01', '2026-01-01', 'sync');

-- The outcome of the rules of a name pattern: NULL = evaluated, else the SQLSTATE.
CREATE FUNCTION pg_temp.outcome(name text) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(e.sqlstate, 'evaluated') FROM salesops.evaluate_rules('2026-06-30', rules => ARRAY[name]) e
$$;

-- Settings.
SET LOCAL ROLE salesops_test_author;
SELECT salesops.add_rule('sets_path', $$set_config('search_path', 'public', false) = 'x'$$) \g /dev/null
SELECT salesops.add_rule('sets_timeout', $$set_config('statement_timeout', '0', true) = 'x'$$) \g /dev/null
RESET ROLE;
SET LOCAL statement_timeout = '5min';
CREATE TEMP TABLE path_before AS SELECT current_setting('search_path') AS path;
SELECT is(pg_temp.outcome('sets_path'), 'evaluated', 'a predicate may set a setting');
SELECT is(pg_temp.outcome('sets_timeout'), 'evaluated', 'or another');
SELECT is(ARRAY[current_setting('search_path'), current_setting('statement_timeout')], ARRAY[(SELECT path FROM path_before), '5min'],
          'but it does not outlive the evaluation');

-- What a predicate calls.
SET LOCAL ROLE salesops_test_author;
CREATE TABLE public.salesops_test_own (x integer);
CREATE FUNCTION public.salesops_test_do(command text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN true;
END $$;
CREATE FUNCTION public.salesops_test_defer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.salesops_test_own DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION public.salesops_test_defer();
CREATE TEMP TABLE attempt (name text, command text, wanted text);
INSERT INTO attempt VALUES
  ('takes_role',      'SET ROLE postgres',                                                   '42501'),
  ('resets_role',     'RESET ROLE',                                                          '42501'),
  ('takes_session',   'SET SESSION AUTHORIZATION DEFAULT',                                   '42501'),
  ('becomes_super',   'ALTER ROLE salesops_test_author SUPERUSER',                           '42501'),
  ('runs_program',    'COPY public.salesops_test_own FROM PROGRAM ''true''',                 '42501'),
  ('reads_file',      'SELECT pg_catalog.pg_read_file(''/etc/hostname'')',                   '42501'),
  ('reads_passwords', 'SELECT rolpassword FROM pg_catalog.pg_authid',                        '42501'),
  ('writes_deals',    'UPDATE salesops.opportunity SET amount = 0',                          '42501'),
  ('writes_rules',    'INSERT INTO salesops.audit_rule DEFAULT VALUES',                      '42501'),
  ('makes_temporary', 'CREATE TEMP TABLE salesops_staged (x integer)',                       '42501'),
  ('commits',         'COMMIT',                                                              '0A000'),
  ('listens',         'LISTEN salesops',                                                     '42501'),
  ('prepares',        'PREPARE p AS SELECT 1',                                               '42501'),
  ('keeps_cursor',    'DECLARE c CURSOR WITH HOLD FOR SELECT 1',                             '42501'),
  ('loads',           'LOAD ''/tmp/evil.so''',                                               '42501'),
  ('defers',          'INSERT INTO public.salesops_test_own VALUES (1)',                     '42501'),
  ('loosens_log',     'SET log_statement = ''all''',                                         '42501'),
  ('vacuums',         'VACUUM salesops.opportunity',                                         '25001'),
  ('ends_run',        'SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())', '42501');
SELECT salesops.add_rule(a.name, format('public.salesops_test_do(%L)', a.command)) FROM attempt a \g /dev/null
RESET ROLE;
SELECT is(pg_temp.outcome(a.name), a.wanted, a.name || ' is refused') FROM attempt a ORDER BY a.name;
SELECT is(current_user::text, session_user::text, 'the evaluating role is itself again');
SELECT is((SELECT amount FROM salesops.opportunity WHERE source_key = 's'), 5::numeric, 'and the data as it was');

-- Errors, endless work, endless recursion.
SET LOCAL ROLE salesops_test_author;
SELECT salesops.add_rule('recurses', $$EXISTS (SELECT FROM salesops.evaluate_rules(now(), rules => '{recurses}'))$$) \g /dev/null
SELECT salesops.add_rule('sleeps', $$pg_sleep(3600) IS NULL$$) \g /dev/null
SELECT salesops.add_rule('feigns', $r$public.salesops_test_do($$DO 'BEGIN RAISE query_canceled; END'$$)$r$) \g /dev/null
RESET ROLE;
CREATE FUNCTION pg_temp.is_cancelled(command text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN false;
EXCEPTION WHEN query_canceled THEN
  RETURN true;
END $$;
SELECT is(pg_temp.outcome('recurses'), '2F003', 'a rule that asks for rules is refused');
SELECT is(pg_temp.outcome('feigns'), '57014', 'a rule that feigns a cancel fails by itself');
SET LOCAL statement_timeout = '300ms';
SELECT ok(pg_temp.is_cancelled($$SELECT pg_temp.outcome('sleeps')$$), 'a rule that never ends ends with the statement');
SET LOCAL statement_timeout = '5min';

-- Planning an expression computes what is constant in it.
SET LOCAL ROLE salesops_test_author;
CREATE FUNCTION public.salesops_test_fold() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
SELECT salesops.add_rule('folds', 'amount > {bound} * public.salesops_test_fold()', bound => '1') \g /dev/null
CREATE OR REPLACE FUNCTION public.salesops_test_fold() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'salesops_test_author' THEN RAISE EXCEPTION 'folded as %', current_user; END IF;
  RETURN 1;
END $$;
RESET ROLE;
SELECT lives_ok($$SELECT salesops.change_rule('folds', bound => '2')$$, 'a rule that an administrator changes is checked under its author''s rights');
SELECT throws_ok($$SELECT salesops.check_rule('opportunity', NULL, 'public.salesops_test_fold() = 1', NULL, NULL)$$, 'P0001', NULL,
                 '... and not under his, as it would be were it his');
SET LOCAL ROLE salesops_test_granted;
SELECT throws_ok($$SELECT salesops.change_rule('folds', bound => '3')$$, '42501', NULL, 'nobody else has it checked');
SELECT throws_ok($$SELECT salesops.check_rule('opportunity', NULL, 'true', NULL, NULL, 'postgres')$$, '42501', NULL, 'nor checks as somebody mightier');

-- All rights on the table are not enough to forge an author.
SELECT throws_ok($$INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, severity, rule_owner, object_kind, violation, cause, targets, description, set_by, set_at)
                   VALUES ('forged', now(), true, 'info', 'postgres', 'opportunity', 'true', 'owner', '{}', 'f', 'postgres', now())$$,
                 '42501', 'rules cannot be written into the table', 'the table takes no rule but from its owner');
SELECT throws_ok($$UPDATE salesops.audit_rule SET rule_owner = 'postgres'$$, NULL, NULL, 'nor changes the author of one');
RESET ROLE;

-- Whoever may not evaluate rules learns nothing of the deals through those that may.
CREATE ROLE salesops_test_nobody;
GRANT USAGE ON SCHEMA salesops TO salesops_test_nobody;
GRANT SELECT ON salesops.audit_rule, salesops.source, salesops.source_sync, salesops.setting TO salesops_test_nobody;
SET LOCAL ROLE salesops_test_nobody;
SELECT throws_ok($$SELECT * FROM salesops.evaluate_rules(now())$$, '42501', NULL, 'evaluate_rules() is not for everybody');
RESET ROLE;

-- Texts that want to be more than an expression.
SET LOCAL ROLE salesops_test_author;
SELECT throws_ok(format('SELECT salesops.add_rule(%L, %L)', 'injects', x.text), x.wanted, NULL, 'refused: ' || x.text)
FROM (VALUES
  ('true; DROP TABLE salesops.opportunity', '42601'), ('true) FROM salesops.opportunity; --', '42601'), ('true /*', '42601'),
  ('true AS x', '42601'), ('true, false', '42601'), ('*', '42601'), ('deal.*', '42601'), ('1 FROM pg_authid', '42601'), ('true LIMIT 1', '42601'),
  ('true UNION SELECT true', '42601'), ('true ORDER BY 1', '42601'), ('', '42601'), ('SELECT true', '42601'), ('true INTO x', '42601'),
  ('count(*) > 0', '42803'), ('generate_series(1, 3) > 0', '0A000'), ('row_number() OVER () > 0', '42P20'), ('$1', '42P02'), ('nowhere', '42703'),
  ('amount > ''x''', '22P02'), ('"a" > 0', '42703'), (E'true -- \n) OR (true', '42601'), ('"' || repeat('x', 200) || '"', '42703')) x(text, wanted);
SELECT throws_ok(format('SELECT salesops.add_rule(%L, %L)', x.name, 'true'), '42602', NULL, 'no name of a rule: ' || x.name)
FROM (VALUES ('x"y'), ('x''y'), ('x;y'), ('X'), (''), ('$$'), (E'x\ny'), ('x%'), (repeat('x', 64)), ('о_cyrillic'), ('x\')) x(name);
SELECT lives_ok(format('SELECT salesops.add_rule(%L, %L, bound => %L, value => %L)', 'bound_' || x.n, 'name = {bound}', x.bound, '{bound}'), 'a bound is a literal: ' || x.bound)
FROM (VALUES (1, ''' OR true --'), (2, '$$'), (3, 'a\''; b'), (4, E'x\ny'), (5, '{bound}'), (6, '%s'), (7, repeat('x', 200))) x(n, bound);
RESET ROLE;
SELECT is(pg_temp.outcome('bound_' || n), 'evaluated', 'and is evaluated as one') FROM generate_series(1, 7) n;
SELECT * FROM finish();
ROLLBACK;
