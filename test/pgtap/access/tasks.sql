-- Each task of access_tasks(): its recipe is enough, and gives nothing else.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

CREATE ROLE salesops_test_reader;
CREATE ROLE salesops_test_analyst;
CREATE ROLE salesops_test_author;
CREATE ROLE salesops_test_mapper;
CREATE ROLE salesops_test_operator;
CREATE ROLE salesops_test_connector;
CREATE ROLE salesops_test_caller;
CREATE ROLE salesops_test_planner;
CREATE ROLE salesops_test_approver;
CREATE ROLE salesops_test_router;
CREATE ROLE salesops_test_rules;
CREATE ROLE salesops_test_feedback;
CREATE ROLE salesops_test_night;
CREATE ROLE salesops_test_nobody;
CREATE SCHEMA landing;
CREATE TABLE landing.opportunity (id text, stage_name text, amount numeric, close_date date, created_date timestamptz, owner_id text);
INSERT INTO landing.opportunity VALUES ('d1', 'Prospecting', 10, '2026-12-01', '2026-01-01', 'r1');
GRANT USAGE ON SCHEMA landing TO salesops_test_night;
GRANT SELECT ON landing.opportunity TO salesops_test_night;

SELECT salesops.grant_access('salesops_test_night', 'run_jobs') \g /dev/null
SELECT salesops.grant_access('salesops_test_reader', 'read_marts') \g /dev/null
SELECT salesops.grant_access('salesops_test_analyst', 'analyse') \g /dev/null
SELECT salesops.grant_access('salesops_test_author', 'write_rules') \g /dev/null
SELECT salesops.grant_access('salesops_test_mapper', 'keep_maps') \g /dev/null
SELECT salesops.grant_access('salesops_test_operator', 'operate') \g /dev/null
SELECT salesops.grant_access('salesops_test_connector', 'connect_sources') \g /dev/null
SELECT salesops.grant_access('salesops_test_caller', 'submit_forecasts') \g /dev/null
SELECT salesops.grant_access('salesops_test_planner', 'plan_territories') \g /dev/null
SELECT salesops.grant_access('salesops_test_approver', 'approve_territories') \g /dev/null
SELECT salesops.grant_access('salesops_test_rules', 'keep_routing') \g /dev/null
SELECT salesops.grant_access('salesops_test_router', 'route_leads') \g /dev/null
SELECT salesops.grant_access('salesops_test_feedback', 'give_feedback') \g /dev/null

-- What the recipes gave, in all. By hand: a right that is not here is one too many.
CREATE TEMP VIEW held AS
  SELECT r.rolname::text AS role, format('%s %s', p.privilege, c.relname) AS "right"
  FROM pg_roles r CROSS JOIN pg_class c CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(privilege)
  WHERE r.rolname LIKE 'salesops\_test\_%' AND c.relnamespace IN ('salesops'::regnamespace, 'salesops_bi'::regnamespace) AND c.relkind IN ('r', 'v', 'm')
    AND pg_catalog.has_table_privilege(r.oid, c.oid, p.privilege) AND c.relowner <> r.oid
  UNION ALL
  -- A right on some columns only.
  SELECT r.rolname, format('INSERT %s (%s)', c.relname, string_agg(a.attname, ', ' ORDER BY a.attnum))
  FROM pg_roles r CROSS JOIN pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE r.rolname LIKE 'salesops\_test\_%' AND c.relnamespace = 'salesops'::regnamespace AND c.relkind = 'r'
    AND has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT') AND NOT has_table_privilege(r.oid, c.oid, 'INSERT')
  GROUP BY r.rolname, c.relname
  UNION ALL
  SELECT r.rolname, format('EXECUTE %s', f.proname)
  FROM pg_roles r CROSS JOIN pg_proc f
  WHERE r.rolname LIKE 'salesops\_test\_%' AND f.pronamespace = 'salesops'::regnamespace AND has_function_privilege(r.oid, f.oid, 'EXECUTE')
    AND NOT EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee = 0)
  UNION ALL
  SELECT r.rolname, format('%s SCHEMA %s', p.privilege, n.nspname)
  FROM pg_roles r CROSS JOIN pg_namespace n CROSS JOIN unnest(ARRAY['USAGE', 'CREATE']) AS p(privilege)
  WHERE r.rolname LIKE 'salesops\_test\_%' AND n.nspname IN ('salesops', 'salesops_bi') AND has_schema_privilege(r.oid, n.oid, p.privilege);
SELECT bag_eq($$SELECT role, "right" FROM held WHERE role <> 'salesops_test_night'$$, $$VALUES
  ('salesops_test_reader', 'USAGE SCHEMA salesops_bi'),
  ('salesops_test_analyst', 'USAGE SCHEMA salesops_bi'), ('salesops_test_analyst', 'USAGE SCHEMA salesops'),
  ('salesops_test_author', 'USAGE SCHEMA salesops_bi'), ('salesops_test_author', 'USAGE SCHEMA salesops'),
  ('salesops_test_author', 'EXECUTE write_rule'), ('salesops_test_author', 'EXECUTE evaluate_rules'),
  ('salesops_test_mapper', 'USAGE SCHEMA salesops_bi'), ('salesops_test_mapper', 'USAGE SCHEMA salesops'),
  ('salesops_test_mapper', 'INSERT stage_map'), ('salesops_test_mapper', 'INSERT category_map'), ('salesops_test_mapper', 'INSERT value_map'),
  ('salesops_test_mapper', 'INSERT weight_set'), ('salesops_test_mapper', 'INSERT weight_evidence'), ('salesops_test_mapper', 'INSERT win_factor'), ('salesops_test_mapper', 'INSERT setting'),
  ('salesops_test_mapper', 'INSERT icp'), ('salesops_test_mapper', 'INSERT icp_attribute'),
  ('salesops_test_mapper', 'INSERT icp_placement'), ('salesops_test_mapper', 'DELETE icp_placement'), ('salesops_test_mapper', 'INSERT icp_pattern'), ('salesops_test_mapper', 'DELETE icp_pattern'),
  ('salesops_test_mapper', 'INSERT icp_account'), ('salesops_test_mapper', 'DELETE icp_account'),
  ('salesops_test_mapper', 'INSERT scorecard (name, version, valid_from, definition, note)'), ('salesops_test_mapper', 'INSERT scorecard_fit'), ('salesops_test_mapper', 'INSERT scorecard_evidence'),
  ('salesops_test_operator', 'USAGE SCHEMA salesops_bi'), ('salesops_test_operator', 'USAGE SCHEMA salesops'), ('salesops_test_operator', 'EXECUTE wake_worker'),
  ('salesops_test_operator', 'INSERT schedule'), ('salesops_test_operator', 'UPDATE schedule'), ('salesops_test_operator', 'DELETE schedule'),
  ('salesops_test_operator', 'INSERT job'), ('salesops_test_operator', 'UPDATE job'), ('salesops_test_operator', 'DELETE job'),
  ('salesops_test_operator', 'INSERT step'), ('salesops_test_operator', 'UPDATE step'), ('salesops_test_operator', 'DELETE step'),
  ('salesops_test_operator', 'INSERT run_request'), ('salesops_test_operator', 'UPDATE run_request'), ('salesops_test_operator', 'DELETE run_request'),
  ('salesops_test_mapper', 'INSERT forecast_deadline'), ('salesops_test_mapper', 'INSERT forecast_plan'),
  ('salesops_test_mapper', 'INSERT duplicate_run (run_id, source_key, entity, as_of, options, query, first_run_id, position, records, compared, left_out)'), ('salesops_test_mapper', 'INSERT duplicate_pair'),
  ('salesops_test_mapper', 'INSERT duplicate_cluster_member'), ('salesops_test_mapper', 'INSERT duplicate_block'),
  ('salesops_test_mapper', 'INSERT duplicate_decision (source_key, entity, one, other, position, decision, survivor, note)'),
  ('salesops_test_mapper', 'EXECUTE merge_duplicates'), ('salesops_test_mapper', 'EXECUTE keep_distinct'), ('salesops_test_mapper', 'EXECUTE undo_duplicate_decision'),
  ('salesops_test_mapper', 'INSERT backtest_run'), ('salesops_test_mapper', 'DELETE backtest_forecast'), ('salesops_test_mapper', 'INSERT backtest_forecast'),
  ('salesops_test_mapper', 'INSERT action_rule (name, valid_from, is_enabled, signal, key, bound, min_amount, stages, tiers, what, due_days, weight)'),
  ('salesops_test_feedback', 'USAGE SCHEMA salesops_bi'), ('salesops_test_feedback', 'USAGE SCHEMA salesops'),
  ('salesops_test_feedback', 'INSERT action_feedback (action_id, given_at, feedback, note, given_by)'),
  ('salesops_test_mapper', 'INSERT backtest_score'), ('salesops_test_mapper', 'INSERT backtest_calibration'),
  ('salesops_test_caller', 'USAGE SCHEMA salesops_bi'), ('salesops_test_caller', 'USAGE SCHEMA salesops'),
  ('salesops_test_caller', 'INSERT forecast_submission (source_key, rep_id, period, category, submitted_at, amount, currency, note, submitted_by, cut_off, prior_amount)'),
  ('salesops_test_caller', 'INSERT forecast_adjustment (source_key, rep_id, period, category, adjusted_by, adjusted_at, amount, currency, reason, cut_off, prior_amount)'),
  ('salesops_test_planner', 'USAGE SCHEMA salesops_bi'), ('salesops_test_planner', 'USAGE SCHEMA salesops'),
  ('salesops_test_planner', 'INSERT territory_plan (plan_id, name, copied_from, as_of, accounts_sql, territories_sql, options, measures, input_hash, accounts, territories, cost, bound, design_bound, outside, best_outside, tie_break, budget_price, budget_used, extension_version)'),
  ('salesops_test_planner', 'INSERT territory_plan_territory'), ('salesops_test_planner', 'INSERT territory_plan_class'), ('salesops_test_planner', 'INSERT territory_plan_account'),
  ('salesops_test_planner', 'INSERT territory_plan_finding'), ('salesops_test_planner', 'INSERT territory_decision (plan_id, position, decision, decided_before, note)'),
  ('salesops_test_planner', 'EXECUTE propose_territory_plan'), ('salesops_test_planner', 'EXECUTE withdraw_territory_plan'),
  ('salesops_test_approver', 'USAGE SCHEMA salesops_bi'), ('salesops_test_approver', 'USAGE SCHEMA salesops'),
  ('salesops_test_approver', 'INSERT territory_decision (plan_id, position, decision, decided_before, note)'),
  ('salesops_test_approver', 'INSERT territory_publication (publication_id, plan_id, takes_back, effective_from, note)'), ('salesops_test_approver', 'INSERT territory_assignment'),
  ('salesops_test_approver', 'EXECUTE approve_territory_plan'), ('salesops_test_approver', 'EXECUTE reject_territory_plan'),
  ('salesops_test_approver', 'EXECUTE publish_territory_plan'), ('salesops_test_approver', 'EXECUTE roll_back_territory_plan'),
  ('salesops_test_rules', 'USAGE SCHEMA salesops_bi'), ('salesops_test_rules', 'USAGE SCHEMA salesops'),
  ('salesops_test_rules', 'INSERT routing_rule (name, valid_from, is_enabled, position, source_keys, min_score, tiers, min_intent, min_employees, max_employees, segments, industries, countries, regions, lead_sources, account_ids, has_account, pool, first_touch_minutes)'),
  ('salesops_test_rules', 'INSERT routing_member (source_key, pool, rep_id, valid_from, weight)'),
  ('salesops_test_rules', 'INSERT routing_hours (source_key, rep_id, valid_from, capacity, time_zone, weekdays, work_from, work_to)'),
  ('salesops_test_rules', 'INSERT routing_absence (source_key, rep_id, absent_from, absent_until)'),
  ('salesops_test_router', 'USAGE SCHEMA salesops_bi'), ('salesops_test_router', 'USAGE SCHEMA salesops'),
  ('salesops_test_router', 'INSERT routing_decision (source_key, lead_id, round, rule_version, rule, pool, rep_id, due_at, why, candidates, reassigns, as_of)'),
  ('salesops_test_router', 'INSERT routed_lead'), ('salesops_test_router', 'UPDATE routed_lead'), ('salesops_test_router', 'DELETE routed_lead'),
  ('salesops_test_router', 'INSERT routing_share'), ('salesops_test_router', 'UPDATE routing_share'),
  ('salesops_test_router', 'INSERT routing_load'), ('salesops_test_router', 'UPDATE routing_load'),
  ('salesops_test_router', 'INSERT routing_touch (source_key, lead_id, rep_id, touched_at)'),
  ('salesops_test_connector', 'USAGE SCHEMA salesops_bi'), ('salesops_test_connector', 'USAGE SCHEMA salesops'),
  ('salesops_test_connector', 'INSERT source'), ('salesops_test_connector', 'UPDATE source')$$,
  'the recipes give these rights to write, execute and use, and no other');
SELECT is_empty($$SELECT "right" FROM held WHERE role = 'salesops_test_night' AND ("right" ~ '^(TRUNCATE|REFERENCES|TRIGGER)' OR "right" ~ ' (audit_rule|setting|source|schedule|job|step|weight_set|category_map|value_map|write_rule|store_rule|grant_access|approve_territory_plan|publish_territory_plan|territory_decision|territory_publication|territory_assignment)$'
                  OR "right" = 'CREATE SCHEMA salesops')$$,
                'the role that runs the jobs writes no rule, setting, source, schedule, job, step, weight or map of a user, and decides about no territory');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'salesops_bi'::regnamespace AND pg_get_userbyid(c.relowner) <> 'salesops_test_night'$$, 'and owns the marts');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                  WHERE c.relnamespace = 'salesops'::regnamespace AND c.relkind IN ('r', 'v') AND NOT has_table_privilege('salesops_test_analyst', c.oid, 'SELECT')$$,
                'an analyst reads every table and view');

-- Each can do its work.
INSERT INTO salesops.account (source_key, id, is_deleted, effective_at, recorded_at, origin) SELECT 's', x, false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES ('a'), ('b')) v(x);
SET LOCAL ROLE salesops_test_connector;
SELECT lives_ok($$SELECT salesops.connect('s', 'fivetran_salesforce', 'landing')$$, 'connect_sources connects');
SET LOCAL ROLE salesops_test_mapper;
SELECT lives_ok($$ SELECT salesops.find_duplicates('s'), salesops.merge_duplicates('s', 'account', 'a', 'b'), salesops.undo_duplicate_decision('s', 'account', 'a', 'b') $$, 'keep_maps: duplicates');
SELECT lives_ok($$SELECT salesops.map_stage('s', 'Prospecting', 'open', 'Pipeline'), salesops.map_category('s', 'x', 'Commit'), salesops.map_value('s', 'product', 'a', 'b'),
                         salesops.set_weight('default', 'Commit', 0.8), salesops.set_setting('corporate_currency', 'EUR'), salesops.set_win_factor('partner'),
                         salesops.add_scorecard(replace(salesops.default_scorecard(), 'scorecard default', 'scorecard ours')),
                         salesops.set_forecast_deadline(4, '12:00'), salesops.set_plan(salesops.current_quarter(now()), 'company', 1000),
                         salesops.set_action_rule('wake_idle_deal', '{"bound": 14}')$$, 'keep_maps says what things mean');
SET LOCAL ROLE salesops_test_author;
SELECT lives_ok($$SELECT salesops.add_rule('mine', 'amount > 5'), salesops.change_rule('mine', severity => 'error')$$, 'write_rules adds a rule');
SET LOCAL ROLE salesops_test_operator;
SELECT lives_ok($$SELECT salesops.set_schedule('nightly', '02:00', 'UTC')$$, 'operate schedules');
SELECT lives_ok($$SELECT salesops.define_job('again', '{sync}')$$, '... and defines jobs');
SELECT throws_ok($$SELECT salesops.request_run('nightly')$$, '55000', NULL, '... and asks for runs, where there is a worker');
SET LOCAL ROLE salesops_test_night;
SELECT lives_ok(format('SELECT salesops.%s', call), 'run_jobs: ' || call) FROM (VALUES
  (1, 'try_run_lock()'), (2, $$begin_run('nightly', '2026-06-30', 7)$$),
  (3, $$begin_step(7, 'sync'), salesops.run_step(7, 'sync')$$), (4, $$begin_step(7, 'snapshot'), salesops.run_step(7, 'snapshot')$$),
  (5, $$begin_step(7, 'audit'), salesops.run_step(7, 'audit')$$), (6, $$begin_step(7, 'accounts'), salesops.run_step(7, 'accounts')$$), (6, $$begin_step(7, 'duplicates'), salesops.run_step(7, 'duplicates')$$),
  (6, $$begin_step(7, 'icp'), salesops.run_step(7, 'icp')$$), (6, $$begin_step(7, 'refresh'), salesops.run_step(7, 'refresh')$$),
  (7, $$begin_step(7, 'alert'), salesops.run_step(7, 'alert')$$), (8, $$begin_step(7, 'purge'), salesops.run_step(7, 'purge')$$),
  (9, 'finish_run(7)'), (10, 'release_run_lock()')) AS c(n, call) ORDER BY n;
RESET ROLE;
SELECT is((SELECT status FROM salesops.run_log WHERE run_id = 7), 'succeeded', 'its night succeeds');
SELECT is((SELECT count(*) FROM salesops.opportunity WHERE source_key = 's'), 1::bigint, 'and has read the source');
SELECT is_empty('SELECT mart, message FROM salesops.mart_status WHERE sqlstate IS NOT NULL', 'and published every mart');
INSERT INTO salesops.rep (source_key, id, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'r1', false, '2026-01-01', '2026-01-01', 'sync');
SET LOCAL ROLE salesops_test_caller;
SELECT lives_ok($$SELECT salesops.submit_forecast('s', 'r1', 'FY2026-Q3', 'Commit', 5, submitted_at => '2026-06-30'),
                         salesops.adjust_forecast('s', 'r1', 'FY2026-Q3', 'Commit', 5, 'x', adjusted_at => '2026-06-30'),
                         salesops.revoke_adjustment('s', 'r1', 'FY2026-Q3', 'Commit', 'x', adjusted_at => '2026-07-01')$$, 'submit_forecasts calls and adjusts');
SELECT throws_ok($$INSERT INTO salesops.forecast_submission (source_key, rep_id, period, category, submitted_at, amount, currency, submitted_by, cut_off, role_name)
                   VALUES ('s', 'r1', 'FY2026-Q3', 'Commit', '2026-07-02', 1, 'USD', 'r1', '2026-07-03', 'somebody else')$$, '42501', NULL, '... and forges no recorder');
RESET ROLE;
INSERT INTO salesops.lead (source_key, id, created_at, is_deleted, effective_at, recorded_at, origin) SELECT 's', 'l' || n, '2026-06-01', false, '2026-06-01', '2026-06-01', 'sync' FROM generate_series(1, 2) n;
SET LOCAL ROLE salesops_test_rules;
SELECT lives_ok($$SELECT salesops.set_routing_rule('all', '{"position": 1, "pool": "p", "first_touch_minutes": 60}', '2026-06-01'), salesops.set_routing_member('s', 'p', 'r1', valid_from => '2026-06-01'),
                         salesops.set_routing_hours('s', 'r1', valid_from => '2026-06-01'), salesops.set_routing_absence('s', 'r1', '2026-08-01', '2026-08-15')$$, 'keep_routing sets rules, pools, hours and absences');
SELECT throws_ok($$SELECT salesops.route_lead('s', 'l1', '2026-06-01')$$, '42501', NULL, '... and routes nothing');
SET LOCAL ROLE salesops_test_router;
SELECT lives_ok($$SELECT salesops.route_lead('s', 'l1', '2026-06-01'), salesops.route_leads('2026-06-01'), salesops.acknowledge_lead('s', 'l1', 'r1', '2026-06-01'),
                         salesops.reassign_overdue_leads('2026-06-09'), salesops.route_waiting_leads('2026-06-09')$$, 'route_leads routes, acknowledges, reassigns');
SELECT throws_ok($$SELECT salesops.set_routing_member('s', 'p', 'r1', 9)$$, '42501', NULL, '... and sets no weight');
RESET ROLE;
SET LOCAL ROLE salesops_test_reader;
SELECT isnt_empty('SELECT * FROM salesops_bi.open_pipeline', 'read_marts reads the marts');
SELECT throws_ok('SELECT * FROM salesops.opportunity', '42501', NULL, 'and nothing under them');
SET LOCAL ROLE salesops_test_analyst;
SELECT isnt_empty($$SELECT * FROM salesops.opportunity_state('2026-06-30')$$, 'analyse reads the deals');
SELECT throws_ok($$SELECT salesops.sync('s')$$, '42501', NULL, 'and changes nothing');
RESET ROLE;

-- Taken back, nothing is left.
SELECT salesops.revoke_access('salesops_test_' || x.role, x.task) FROM (VALUES
  ('reader', 'read_marts'), ('analyst', 'analyse'), ('author', 'write_rules'), ('mapper', 'keep_maps'), ('operator', 'operate'), ('connector', 'connect_sources'),
  ('caller', 'submit_forecasts'), ('planner', 'plan_territories'), ('approver', 'approve_territories'), ('rules', 'keep_routing'), ('router', 'route_leads'),
  ('feedback', 'give_feedback')) x(role, task) \g /dev/null
SELECT is_empty($$SELECT * FROM held WHERE role <> 'salesops_test_night'$$, 'revoke_access() takes back all');
SELECT throws_ok($$SELECT salesops.grant_access('salesops_test_nobody', 'rule')$$, '22023', 'unknown task: ''rule''', 'an unknown task is said');
SELECT throws_ok($$SELECT salesops.grant_access('salesops_test_"; DROP ROLE x', 'analyse')$$, '42704', NULL, 'so is an unknown role');
SET LOCAL ROLE salesops_test_night;
SELECT throws_ok($$SELECT salesops.grant_access('salesops_test_nobody', 'analyse')$$, '42501', NULL, 'granting is for the owner of the extension');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
