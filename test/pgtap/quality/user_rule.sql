-- Rules that users add: what is refused, whose rights they run under, and what happens when one fails.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
\ir deal_fixture.psql
SELECT count(pg_temp.deal('d' || i, jsonb_build_object('amount', i * 100, 'product', NULL, 'custom', jsonb_build_object('region', 'r' || i)))) FROM generate_series(1, 5) i \g /dev/null

SELECT salesops.add_rule('deal_too_large', 'amount > {bound}', 'error', 'A deal is not too large', bound => '300', value => 'amount') \g /dev/null
SELECT results_eq($$SELECT v.object_id, v.value FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{deal_too_large}') e, unnest(e.violations) v ORDER BY 1$$,
                  $$VALUES ('d4', '400'), ('d5', '500')$$, 'a rule with a bound');
SELECT salesops.change_rule('deal_too_large', bound => '400', severity => 'info') \g /dev/null
SELECT results_eq($$SELECT e.severity, e.bound, v.object_id FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{deal_too_large}') e, unnest(e.violations) v$$,
                  $$VALUES ('info', '400', 'd5')$$, 'bound and severity can be changed');
SELECT salesops.change_rule('missing_amount', severity => 'info') \g /dev/null
SELECT salesops.change_rule('amount_off_list', bound => '0.1', valid_from => '2027-01-01') \g /dev/null
SELECT is((SELECT severity FROM salesops.audit_rules() WHERE name = 'missing_amount'), 'info', 'those of a default rule too');
SELECT results_eq($$SELECT a.bound, b.bound FROM salesops.audit_rules('2026-12-31') a, salesops.audit_rules('2027-01-02') b
                    WHERE a.name = 'amount_off_list' AND b.name = a.name$$, $$VALUES ('0.5', '0.1')$$, 'from an instant on');
SELECT salesops.add_rule('region_one', $$custom ->> 'region' = 'r1' AND EXISTS (SELECT FROM salesops.rep r WHERE r.id = owner_id) -- sure$$) \g /dev/null
SELECT is(pg_temp.violated('d1'), 'region_one', 'custom fields, subqueries and a comment');
SELECT salesops.add_rule('closes_on_monday', $$extract(dow FROM close_date) = 1 AND created_at::date > '2020-02-01'::date AND stated_category > 'Omitted'$$) \g /dev/null

-- One expression and nothing else.
SELECT throws_ok(format('SELECT salesops.add_rule(%L, %L)', 'r' || n, predicate), sqlstate, NULL, predicate || ' is refused')
FROM (VALUES
  (1, 'true; DROP TABLE salesops.opportunity', '42601'), (2, 'true, false', '42601'), (3, 'true) OR (true', '42601'), (4, 'true /*', '42601'),
  (5, 'true FROM salesops.rep', '42601'), (6, 'true WHERE true', '42601'), (7, 'DISTINCT true', '42601'), (8, 'true AS x', '42601'), (9, '*', '42601'),
  (10, 'deal.*', '42601'), (11, '', '42601'), (12, 'true ORDER BY 1', '42601'), (13, 'true LIMIT 1', '42601'), (14, 'true FOR UPDATE', '42601'),
  (15, 'true UNION SELECT true', '42601'), (16, 'true -- ' || E'\n' || ', false', '42601'), (17, 'true END, (SELECT 1', '42601'),
  (18, 'no_such_column > 1', '42703'), (19, 'amount', '42804'), (20, 'no_such_function(amount)', '42883'), (21, 'count(*) > 1', '42803'),
  (22, 'row_number() OVER () > 1', '42P20'), (23, 'generate_series(1, 2) > 1', '0A000'), (24, 'amount > ''x''', '22P02'), (25, '$1 > 0', '42P02'),
  (26, 'amount > {bound}', '22004'), (27, '(WITH x AS (DELETE FROM salesops.rep RETURNING 1) SELECT true FROM x)', '0A000')
) AS c(n, predicate, sqlstate);
SELECT throws_ok($$SELECT salesops.add_rule('r', 'amount > {bound}', bound => 'lots')$$, '22P02', NULL, 'a bound must have the type of what it is compared with');
SELECT throws_ok($$SELECT salesops.change_rule('not_confirmed', bound => 'a while')$$, '22007', NULL, 'when it is changed too');
SELECT throws_ok($$SELECT salesops.change_rule('missing_amount', bound => '1')$$, '22023', NULL, 'a rule without a bound takes none');
SELECT lives_ok($$SELECT salesops.add_rule('quoted', 'name = {bound}', bound => $b$O'Brien\' OR true --$b$)$$, 'a bound is a literal, whatever is in it');
SELECT is((SELECT cardinality(e.violations) FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{quoted}') e), 0, 'and nothing else');
SELECT throws_ok($$SELECT salesops.add_rule('missing_amount', 'true')$$, '42710', NULL, 'a default rule keeps its name');
SELECT throws_ok($$SELECT salesops.add_rule('Bad name', 'true')$$, '42602', NULL, 'a bad name');
SELECT throws_ok($$SELECT salesops.add_rule('r', 'true', 'fatal')$$, '22023', NULL, 'a bad severity');
SELECT throws_ok($$SELECT salesops.add_rule('r', 'true', targets => '{opportunity.no_such}')$$, '42703', NULL, 'a bad target');
SELECT throws_ok($$SELECT salesops.add_rule(NULL, 'true')$$, '22004', NULL, 'no name');
SELECT throws_ok($$SELECT salesops.disable_rule('no_such')$$, '42704', NULL, 'no such rule');
SELECT throws_ok($$SELECT * FROM salesops.evaluate_rules(now(), rules => '{no_such}')$$, '42704', NULL, 'no such rule to evaluate');
SELECT throws_ok($$UPDATE salesops.audit_rule SET bound = '1'$$, '23001', NULL, 'versions are not updated');
SELECT throws_ok($$DELETE FROM salesops.audit_rule$$, '23001', NULL, 'nor deleted');

-- A rule that fails on one row spoils no other.
CREATE TEMP TABLE before AS SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v;
SELECT salesops.add_rule('divides', '1 / (stated_amount - 300) > 0') \g /dev/null
SELECT salesops.add_rule('reads_json', $$(custom ->> 'region')::integer > 1$$) \g /dev/null
SELECT results_eq($$SELECT rule, sqlstate, cardinality(violations) FROM salesops.evaluate_rules('2026-06-30 12:00+00') WHERE sqlstate IS NOT NULL ORDER BY 1$$,
                  $$VALUES ('divides', '22012', 0), ('reads_json', '22P02', 0)$$, 'the rules at fault are named');
SELECT is_empty($$(TABLE before EXCEPT ALL SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v)
                  UNION ALL (SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v EXCEPT ALL TABLE before)$$,
                'all others count as before');
SELECT salesops.audit(-100, '2026-06-30 12:00+00') \g /dev/null
SELECT results_eq($$SELECT object_id, left(value, 5) FROM salesops.finding WHERE rule = 'rule_failed' ORDER BY 1$$,
                  $$VALUES ('divides', '22012'), ('reads_json', '22P02')$$, 'a rule that fails is a finding');
SELECT salesops.disable_rule('divides'), salesops.disable_rule('reads_json') \g /dev/null

-- More rules than bits in a word.
SELECT count(salesops.add_rule('many_' || i, 'stated_amount > ' || i * 10)) FROM generate_series(1, 100) i \g /dev/null
SELECT results_eq($$SELECT sum(cardinality(violations)), count(*) FILTER (WHERE sqlstate IS NOT NULL) FROM salesops.evaluate_rules('2026-06-30 12:00+00') WHERE rule LIKE 'many%'$$,
                  $$SELECT count(*), 0::bigint FROM generate_series(1, 100) i, generate_series(1, 5) d WHERE d * 100 > i * 10$$, '100 rules more');

-- Rights: a rule runs as who added it, and only the administrator's choice may add one.
CREATE ROLE salesops_test_analyst;
CREATE ROLE salesops_test_other;
GRANT USAGE ON SCHEMA salesops TO salesops_test_analyst, salesops_test_other;
CREATE TABLE public.salesops_test_secret AS SELECT 1 AS x;
SET ROLE salesops_test_analyst;
SELECT throws_ok($$SELECT salesops.add_rule('mine', 'amount > 1')$$, '42501', NULL, 'a role needs the right to add rules');
RESET ROLE;
DO $$ BEGIN EXECUTE (SELECT format('GRANT EXECUTE ON FUNCTION %s TO salesops_test_analyst, salesops_test_other', p.oid::regprocedure) FROM pg_proc p WHERE p.proname = 'write_rule'); END $$;
SET ROLE salesops_test_analyst;
SELECT throws_ok($$SELECT salesops.add_rule('mine', 'amount > 1')$$, '42501', NULL, 'and the right to read what the rule reads');
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA salesops TO salesops_test_analyst, salesops_test_other;
SET ROLE salesops_test_analyst;
SELECT throws_ok($$SELECT salesops.add_rule('mine', 'EXISTS (SELECT FROM public.salesops_test_secret)')$$, '42501', NULL, 'in subqueries too');
SELECT throws_ok($$INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, severity, rule_owner, violation, set_by, set_at)
                   VALUES ('forged', now(), true, 'info', 'postgres', 'true', 'postgres', now())$$, '42501', NULL, 'the table takes no rule directly');
SELECT throws_ok($$SELECT salesops.store_rule('postgres', 'forged', now(), true, NULL, 'info', NULL, NULL, 'opportunity', NULL, 'true', NULL, 'owner', '{}', NULL)$$,
                 '42501', NULL, 'nor does the function behind');
SELECT lives_ok($$SELECT salesops.add_rule('mine', 'amount > 400 AND current_user = ''salesops_test_analyst''')$$, 'with the rights it works');
SET ROLE salesops_test_other;
SELECT throws_ok($$SELECT salesops.change_rule('mine', severity => 'error')$$, '42501', NULL, 'a rule of somebody else cannot be changed');
SELECT throws_ok($$SELECT salesops.add_rule('mine', 'true')$$, '42710', NULL, 'nor replaced');
RESET ROLE;
SELECT is((SELECT rule_owner::text FROM salesops.audit_rules() WHERE name = 'mine'), 'salesops_test_analyst', 'the rule belongs to who added it');
SELECT is(pg_temp.violated('d5') ~ 'mine', true, 'and runs as that role, whoever evaluates');
SELECT is(current_user::text, session_user::text, 'who is then himself again');
-- A function of another role that an administrator calls adds a rule of that role, not of the administrator.
SET ROLE salesops_test_analyst;
CREATE FUNCTION pg_temp.trap() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT salesops.add_rule('trap', 'true') $$;
RESET ROLE;
SELECT pg_temp.trap() \g /dev/null
SELECT is((SELECT rule_owner::text FROM salesops.audit_rules() WHERE name = 'trap'), 'salesops_test_analyst', 'a SECURITY DEFINER function adds rules of its owner');
REVOKE SELECT ON salesops.opportunity FROM salesops_test_analyst;
SELECT is((SELECT sqlstate FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{mine}')), '42501', 'a rule whose owner lost the rights fails');
SELECT is((SELECT count(*) FROM salesops.evaluate_rules('2026-06-30 12:00+00') WHERE sqlstate IS NOT NULL), 2::bigint, 'and only the rules of that owner');

-- An author who is gone: his rules fail, are not lost, and run under nobody else's rights.
SELECT salesops.disable_rule('trap') \g /dev/null
GRANT SELECT ON salesops.opportunity TO salesops_test_analyst;
SELECT salesops.audit(-101, '2026-06-30 12:00+00') \g /dev/null
CREATE TEMP TABLE before_drop AS SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v;
SELECT results_eq($$SELECT object_id FROM salesops.finding WHERE rule = 'mine'$$, $$VALUES ('d5')$$, 'as long as he is there his rule finds something');
DROP OWNED BY salesops_test_analyst;
DROP ROLE salesops_test_analyst;
SELECT is((SELECT rule_owner::text FROM salesops.audit_rules() WHERE name = 'mine'), 'salesops_test_analyst', 'an author who is gone is still named');
SELECT results_eq($$SELECT rule, sqlstate, message, cardinality(violations) + cardinality(tallies) FROM salesops.evaluate_rules('2026-06-30 12:00+00') WHERE sqlstate IS NOT NULL$$,
                  $$VALUES ('mine', '42704', 'role "salesops_test_analyst", which added the rule and whose rights it runs under, does not exist', 0)$$,
                  'his rule fails and says why');
SELECT is_empty($$(SELECT * FROM before_drop WHERE rule <> 'mine' EXCEPT ALL SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v)
                  UNION ALL (SELECT e.rule, v.* FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v EXCEPT ALL SELECT * FROM before_drop)$$,
                'and no other');
-- A dump brings rules of roles that this server never had, whatever their names.
SELECT lives_ok($$INSERT INTO salesops.audit_rule (name, valid_from, is_enabled, severity, rule_owner, object_kind, violation, cause, targets, description, set_by, set_at)
                  VALUES ('restored', '-infinity', true, 'info', 'Salesops "Test" O''Brien', 'opportunity', 'current_user = ''Salesops "Test" O''''Brien''', 'owner', '{}', 'r', 'salesops_test_never', now()),
                         ('restored_too', '-infinity', true, 'info', 'salesops_test_never', 'opportunity', 'true', 'owner', '{}', 'r', 'salesops_test_never', now())$$,
                'rules of unknown roles can be restored');
SELECT salesops.audit(-102, '2026-06-30 12:00+00') \g /dev/null
SELECT results_eq($$SELECT object_id, left(value, 5) FROM salesops.finding WHERE rule = 'rule_failed' AND resolved_at IS NULL ORDER BY 1$$,
                  $$VALUES ('mine', '42704'), ('restored', '42704'), ('restored_too', '42704')$$, 'the audit goes on; each is a finding');
SELECT results_eq($$SELECT object_id FROM salesops.finding WHERE rule = 'mine' AND resolved_at IS NULL$$, $$VALUES ('d5')$$, 'what such a rule had found stands');
SELECT is_empty($$SELECT * FROM salesops.finding WHERE rule LIKE 'restored%'$$, 'and it finds nothing under other rights');
SET ROLE salesops_test_other;
SELECT throws_ok($$SELECT salesops.add_rule('mine', 'true')$$, '42710', NULL, 'nobody takes over such a rule');
SELECT throws_ok($$SELECT salesops.disable_rule('mine')$$, '42501', NULL, 'nor changes it');
RESET ROLE;
SELECT lives_ok($$SELECT salesops.disable_rule('restored_too')$$, 'but for who owns the extension');
CREATE ROLE "Salesops ""Test"" O'Brien";
GRANT USAGE ON SCHEMA salesops TO "Salesops ""Test"" O'Brien";
GRANT SELECT ON ALL TABLES IN SCHEMA salesops TO "Salesops ""Test"" O'Brien";
SELECT results_eq($$SELECT rule, sqlstate, cardinality(violations) > 0 FROM salesops.evaluate_rules('2026-06-30 12:00+00') WHERE rule ~ '^(mine|restored)' ORDER BY 1$$,
                  $$VALUES ('mine', '42704', false), ('restored', NULL, true)$$, 'once the role is there its rule runs as it');
SELECT * FROM finish();
ROLLBACK;
