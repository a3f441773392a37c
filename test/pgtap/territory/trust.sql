-- Who may plan, who may decide, and under whose rights a plan's query runs again.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
\ir planning_fixture.psql

-- In the order of access/tasks.sql: beside each other, the two wait for one another's names and not in a circle.
CREATE ROLE salesops_test_analyst;
CREATE ROLE salesops_test_planner;
CREATE ROLE salesops_test_approver;
CREATE ROLE salesops_test_night;
SELECT salesops.grant_access('salesops_test_planner', 'plan_territories'), salesops.grant_access('salesops_test_approver', 'approve_territories'),
       salesops.grant_access('salesops_test_analyst', 'analyse'), salesops.grant_access('salesops_test_night', 'run_jobs') \g /dev/null
GRANT USAGE ON SCHEMA crm TO salesops_test_planner;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO salesops_test_planner;

-- A session that has made no plan has no number that it could use.
SET LOCAL ROLE salesops_test_planner;
SELECT is(salesops.own_territory_plan_number(), NULL, 'no plan is made yet in this session');
SELECT throws_ok($$INSERT INTO salesops.territory_plan_finding (plan_id, "position", finding) VALUES (1, 1, 'outside')$$, '42501', 'nothing can be added to territory plan 1', '... and none can be added to');
RESET ROLE;

-- The planner's query says who runs it, tries to become somebody else, and to leave a search_path behind.
CREATE SCHEMA planner AUTHORIZATION salesops_test_planner;
SET LOCAL ROLE salesops_test_planner;
CREATE FUNCTION planner.trap(id text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF current_setting('planner.armed', true) = 'yes' THEN
    PERFORM set_config('search_path', 'planner', false);
    BEGIN
      EXECUTE 'SET ROLE postgres';
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END IF;
  RETURN current_user || ' ' || id;
END $$;
CREATE FUNCTION pg_temp.trapped() RETURNS bigint LANGUAGE sql AS $$
  SELECT salesops.plan_territories('SELECT planner.trap(id) AS id, territory, goes AS locked_to, potential FROM crm.account', 'SELECT id FROM crm.territory', '{"name": "trap", "measures": {"potential": 0.9}}')
$$;
SELECT pg_temp.trapped() AS a \gset
SELECT is((SELECT made_by FROM salesops.territory_plan WHERE plan_id = :a), 'salesops_test_planner', 'a plan is made by who makes it');
SELECT lives_ok(format('SELECT salesops.propose_territory_plan(%1$s), salesops.withdraw_territory_plan(%1$s, ''no''), salesops.propose_territory_plan(%1$s)', :a), 'plan_territories proposes and withdraws');
SELECT throws_ok(format('SELECT salesops.%s', c), '42501', NULL, 'and may not ' || c)
FROM unnest(ARRAY[format('approve_territory_plan(%s)', :a), format('reject_territory_plan(%s, ''x'')', :a), format('publish_territory_plan(%s)', :a), format('roll_back_territory_plan(%s, ''x'')', :a),
                  format('decide_territory_plan(%s, ''approve'', NULL)', :a), format('add_territory_publication(%s, NULL, now(), NULL)', :a), format('territory_accounts_today(%s)', :a)]) c;
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 4, 'approve', 'propose')$$, :a), '42501',
                 'role "salesops_test_planner" may not decide to approve a territory plan', 'nor write the row by hand');
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 4, %L, 'propose')$$, :a, 'x(); SELECT'), '42501', NULL, '... whatever it says');
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before, role_name) VALUES (%s, 4, 'withdraw', 'propose', 'postgres')$$, :a), '42501', NULL, '... in the name of another');
SELECT throws_ok($$INSERT INTO salesops.territory_assignment VALUES (1, NULL, 'x', 'y')$$, '42501', NULL, 'nor assign');
SELECT throws_ok(format('INSERT INTO salesops.territory_plan_%s SELECT (jsonb_populate_record(r, %L)).* FROM salesops.territory_plan_%1$s r WHERE plan_id = %3$s LIMIT 1', t.name, jsonb_build_object(t.key, 9), :a), '42501',
                 format('nothing can be added to territory plan %s', :a), format('nor add a %s to a plan that is made', t.name))
FROM (VALUES ('territory', 'territory_id'), ('class', 'class'), ('account', 'account_id')) t(name, key);
SELECT throws_ok(format('INSERT INTO salesops.territory_plan_finding (plan_id, "position", finding) VALUES (%s, 1, ''outside'')', p), '42501', format('nothing can be added to territory plan %s', p), 'nor a finding to ' || what)
FROM (VALUES (:a, 'a plan that is made'), (:a + 1000, 'one to come')) v(p, what);
SELECT throws_ok($$INSERT INTO salesops.territory_plan (as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break, made_by) SELECT as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break, 'postgres' FROM salesops.territory_plan$$, '42501', 'permission denied for table territory_plan', 'nor make a plan in the name of another');
-- Nor take the number of a plan to come.
SELECT throws_ok(format($$INSERT INTO salesops.territory_plan (plan_id, as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break) SELECT %s, as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break FROM salesops.territory_plan$$, n.plan_id), '42501', format('territory plan %s cannot be made: its number is not the next one', n.plan_id), 'nor take the number of ' || n.what)
FROM (VALUES (:a + 1000, 'a plan to come')) n(plan_id, what);
RESET ROLE;
-- Whatever is granted.
GRANT ALL ON ALL TABLES IN SCHEMA salesops TO salesops_test_planner;
SET LOCAL ROLE salesops_test_planner;
SELECT throws_ok($$INSERT INTO salesops.territory_plan (as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break, made_by) SELECT as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, outside, best_outside, budget_price,
                   budget_used, extension_version, tie_break, 'postgres' FROM salesops.territory_plan$$, '42501', 'a territory plan cannot be made in the name of "postgres"', '... whatever was granted');
RESET ROLE;
SELECT salesops.revoke_access('salesops_test_planner', 'plan_territories') \g /dev/null
REVOKE ALL ON ALL TABLES IN SCHEMA salesops FROM salesops_test_planner;
SELECT salesops.grant_access('salesops_test_planner', 'plan_territories') \g /dev/null

SET LOCAL ROLE salesops_test_approver;
SELECT throws_ok(format('SELECT salesops.withdraw_territory_plan(%s, ''x'')', :a), '42501', NULL, 'approve_territories proposes and withdraws nothing');
SELECT throws_ok('SELECT salesops.plan_territories(''SELECT 1 AS id'', ''SELECT 1 AS id'')', '42501', NULL, '... and makes no plan');
SELECT lives_ok(format('SELECT salesops.reject_territory_plan(%s, ''no'')', :a), 'approve_territories rejects');
SET LOCAL ROLE salesops_test_planner;
SELECT salesops.propose_territory_plan(:a) \g /dev/null
SET LOCAL ROLE salesops_test_approver;
SELECT lives_ok(format('SELECT salesops.approve_territory_plan(%1$s), salesops.publish_territory_plan(%1$s), salesops.roll_back_territory_plan(%1$s, ''no'')', :a), '... approves, publishes and rolls back');
SELECT throws_ok('SELECT salesops.purge_territory_plans(''0'')', '42501', NULL, '... and deletes nothing');
SET LOCAL ROLE salesops_test_analyst;
SELECT isnt_empty('SELECT * FROM salesops.territory_plans()', 'analyse reads the plans');
SELECT throws_ok(format('SELECT salesops.propose_territory_plan(%s)', :a), '42501', NULL, '... and proposes none');
SELECT throws_ok(format('SELECT * FROM salesops.territory_accounts_today(%s)', :a), '42501', NULL, '... nor reads what the planner may read');
RESET ROLE;

-- In force again; a superuser measures, and then the role of the jobs.
SELECT salesops.propose_territory_plan(:a), salesops.approve_territory_plan(:a), salesops.publish_territory_plan(:a) \g /dev/null
SET LOCAL planner.armed = 'yes';
SET LOCAL ROLE salesops_test_planner;
SELECT planner.trap('x') AS trapped \gset
RESET search_path;
RESET ROLE;
SELECT is(:'trapped'::text, 'postgres x', 'the trap is live');
SELECT pg_temp.iso(pg_temp.now()) AS first \gset
SELECT is(salesops.check_territory_health(:'first'), 1::bigint, 'a superuser measures');
SELECT results_eq('SELECT accounts, missing, unassigned, reason FROM salesops.territory_health', $$VALUES (6::bigint, 0::bigint, 0::bigint, NULL::text)$$, '... under the rights of the planner: every account is named as in the plan');
SELECT is(current_setting('search_path'), '"$user", public', '... and no setting stays');
SET LOCAL ROLE salesops_test_night;
SELECT throws_ok('SELECT * FROM crm.account', '42501', NULL, 'the role of the jobs may not read what the planner may');
SELECT is(salesops.check_territory_health(pg_temp.now()), 1::bigint, '... and measures');
SELECT is((SELECT count(*) FROM salesops.territory_health WHERE accounts = 6), 2::bigint, '... the same');
SELECT throws_ok('DELETE FROM salesops.territory_plan_account', '23001', NULL, '... and deletes no row of a plan that was proposed');
SELECT lives_ok('SELECT salesops.purge_territory_plans(''1 day'')', '... but purges');
RESET ROLE;
REVOKE SELECT ON crm.account FROM salesops_test_planner;
SELECT salesops.check_territory_health(pg_temp.now()) \g /dev/null
SELECT is((SELECT reason FROM salesops.territory_health ORDER BY as_of DESC LIMIT 1), '42501: permission denied for table account', 'without his rights there is no measurement, whoever measures');
-- Who copies a plan lends its query nothing: it is still the planner's.
GRANT SELECT ON crm.account TO salesops_test_planner;
SELECT salesops.plan_territories(p.accounts_sql, p.territories_sql, '{"name": "copy", "measures": {"potential": 0.9}}', p.plan_id) AS copy FROM salesops.territory_plan p WHERE p.plan_id = :a \gset
RESET search_path;
RESET ROLE;
SELECT is((SELECT made_by FROM salesops.territory_plan WHERE plan_id = :copy), 'postgres', 'a superuser copies a plan');
SELECT set_eq(format('SELECT split_part(r ->> ''id'', '' '', 1) FROM salesops.territory_accounts_today(%s) r', :copy), ARRAY['salesops_test_planner'], '... and its query runs under the rights of who wrote it');
-- Nor without him.
REASSIGN OWNED BY salesops_test_planner TO postgres;
DROP OWNED BY salesops_test_planner;
DROP ROLE salesops_test_planner;
SELECT salesops.check_territory_health(pg_temp.now()) \g /dev/null
SELECT is((SELECT reason FROM salesops.territory_health ORDER BY as_of DESC LIMIT 1), '42704: role "salesops_test_planner", which made the plan and whose rights its query runs under, does not exist', '... nor without him');
SELECT throws_ok('SELECT * FROM salesops.territory_accounts_today(-1)', '42704', 'there is no territory plan -1', 'accounts of a plan that there is not');

-- A query may end as it likes.
SELECT salesops.plan_territories(E'SELECT ''q1'' AS id, 1 AS potential -- all of them\n ; ', 'SELECT ''east'' AS id', '{"measures": {"potential": 0.9}}') AS q \gset
SELECT results_eq(format('SELECT * FROM salesops.territory_accounts_today(%s)', :q), $$VALUES ('{"id": "q1", "potential": 1}'::jsonb)$$, 'comments and semicolons at the end are no harm');

SELECT * FROM finish();
ROLLBACK;
