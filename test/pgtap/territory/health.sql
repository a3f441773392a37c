-- The territories in force on the data of today: shares by hand, what is flagged, what cannot be measured, the trend in words, the marts.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
\ir planning_fixture.psql
SELECT salesops.set_setting('time_zone', 'UTC') \g /dev/null

-- Without a plan nothing is measured, and the marts are empty.
SELECT is(salesops.check_territory_health(pg_temp.now()), 0::bigint, 'nothing in force, nothing measured');
SELECT salesops.refresh_marts(pg_temp.now()) \g /dev/null
SELECT is_empty('SELECT mart, message FROM salesops.mart_status WHERE mart LIKE ''territory%'' AND sqlstate IS NOT NULL', 'the marts are refreshed');
SELECT is_empty(format('SELECT * FROM salesops_bi.%I', m), m || ' is empty') FROM unnest(ARRAY['territory_balance', 'territory_plan_comparison', 'territory_assignment']) m;

SELECT pg_temp.plan('fair enough') AS a \gset
SELECT salesops.propose_territory_plan(:a), salesops.approve_territory_plan(:a), salesops.publish_territory_plan(:a) AS n \g /dev/null
SELECT salesops.refresh_marts(pg_temp.now()) \g /dev/null
SELECT results_eq($$SELECT territory, accounts, round(potential, 2), quota, round(100 * potential_coverage), round(load, 2), target, round(share_of_target, 4), is_flagged, basis
                    FROM salesops_bi.territory_balance WHERE measure = 'potential' ORDER BY 1$$,
  $$VALUES ('north', 2::bigint, 3.00, 2.7, 111::numeric, 3.00, 3.0, 1.0000, false, 'planned'), ('south', 2, 2.80, 2.4, 117, 2.80, 3, 0.9333, false, 'planned'),
           ('west', 2, 2.50, 1.2, 208, 2.50, 2, 1.2500, true, 'planned')$$, 'mart territory_balance: the table of the guide, 111 %, 117 % and 208 %');
SELECT results_eq($$SELECT account_id, territory, previous_territory, is_moved, plan, account FROM salesops_bi.territory_assignment WHERE account_id IN ('a1', 'a3') ORDER BY 1$$,
  $$VALUES ('a1', 'north', 'north', false, 'fair enough', '(unknown account)'), ('a3', 'south', 'north', true, 'fair enough', '(unknown account)')$$, 'mart territory_assignment');
SELECT pg_temp.plan('another'), pg_temp.plan(NULL) \g /dev/null
SELECT salesops.refresh_marts(pg_temp.now()) \g /dev/null
SELECT results_eq($$SELECT plan, status, status_sort, measure, accounts, accounts_moved, round(standard_deviation, 4), round(lowest_share, 4), round(highest_share, 4), round(highest_share_before, 4), territories_flagged
                    FROM salesops_bi.territory_plan_comparison ORDER BY 1, 4$$,
  $$VALUES ('another', 'draft', 4::smallint, 'potential', 6::bigint, 1::bigint, 0.4458, 0.9333, 1.2500, 1.3333, 1::bigint), ('another', 'draft', 4::smallint, 'workload', 6, 1, 0.4458, 1, 1, 1.5, 0),
           ('fair enough', 'published', 1::smallint, 'potential', 6, 1, 0.4458, 0.9333, 1.2500, 1.3333, 1), ('fair enough', 'published', 1::smallint, 'workload', 6, 1, 0.4458, 1, 1, 1.5, 0)$$,
  'mart territory_plan_comparison: plans with a name or a decision');

-- A month later a4 has grown, a2 is exempt, a5's potential is unknown, a6 has gone and a8 is new.
CREATE TEMP TABLE then_table AS SELECT * FROM crm.account;
UPDATE crm.account SET potential = 4.8 WHERE id = 'a4';
UPDATE crm.account SET holdout = 'exempt' WHERE id = 'a2';
UPDATE crm.account SET potential = NULL WHERE id = 'a5';
DELETE FROM crm.account WHERE id = 'a6';
INSERT INTO crm.account VALUES ('a8', NULL, NULL, 7, 1);
SELECT pg_temp.iso(pg_temp.now()) AS first \gset
SELECT is(salesops.check_territory_health(:'first'), 1::bigint, 'one publication is measured');
SELECT is(salesops.check_territory_health(:'first'), 0::bigint, '... once as of an instant');
SELECT results_eq('SELECT accounts, unassigned, missing, flagged, reason FROM salesops.territory_health', $$VALUES (5::bigint, 1::bigint, 1::bigint, 3::bigint, NULL::text)$$, 'who is there, new and gone');
-- Together 1.5 + 5.8 + 0 = 7.3, fair in the proportion 3 : 3 : 2 of the plan. Workload 1 + 2 + 1, fair are thirds.
SELECT results_eq($$SELECT territory_id, measure, accounts, load, unknown, round(target, 4), is_flagged FROM salesops.territory_health_load ORDER BY 2, 1$$,
  $$VALUES ('north', 'potential', 1::bigint, 1.5, 0::bigint, 2.7375, true), ('south', 'potential', 2, 5.8, 0, 2.7375, true), ('west', 'potential', 1, 0, 1, 1.825, true),
           ('north', 'workload', 1, 1, 0, 1.3333, true), ('south', 'workload', 2, 2, 0, 1.3333, true), ('west', 'workload', 1, 1, 0, 1.3333, true)$$, 'loads against fair loads of today');
SELECT is(salesops.territory_health_notice(1, :'first') - ARRAY['as_of', 'plan_id', 'worst'],
          '{"event": "territory_health", "name": "fair enough", "publication_id": 1, "accounts": 5, "unassigned": 1, "missing": 1, "flagged": 3, "reason": null}'::jsonb, 'what is told');
SELECT is(salesops.territory_health_notice(1, :'first') -> 'worst' -> 0, '{"territory_id": "south", "measure": "potential", "share_of_target": 2.1187}'::jsonb, '... the worst first');

-- As it was planned but for a holdout that is over: only the west is off.
DELETE FROM crm.account;
INSERT INTO crm.account SELECT * FROM then_table;
UPDATE crm.account SET holdout = 'exempt', holdout_until = (timestamptz :'first' AT TIME ZONE 'UTC')::date - 1 WHERE id = 'a1';
SELECT pg_temp.iso(pg_temp.now()) AS second \gset
SELECT salesops.check_territory_health(:'second') \g /dev/null
SELECT results_eq(format('SELECT territory_id, round(share_of_target, 4), round(change, 4), is_flagged, times_flagged, says FROM salesops.territory_health_trend() WHERE measure = ''potential'' AND measured_at = %L', :'second'),
  $$VALUES ('north', 0.9639, 0.4159, false, 0::bigint, 'potential of north is 96.4 % of its target, +41.6 points since the time before'),
           ('south', 0.8996, -1.2191, false, 0, 'potential of south is 90.0 % of its target, -121.9 points since the time before'),
           ('west', 1.2048, 1.2048, true, 2, 'potential of west is 120.5 % of its target, +120.5 points since the time before: more than 15 % off, the 2. time in a row')$$, 'the trend');
SELECT is((SELECT says FROM salesops.territory_health_trend(:'first') WHERE territory_id = 'south' AND measure = 'workload'), 'workload of south is 150.0 % of its target: more than 15 % off', '... as of the time before');
-- 15 % is the bound, and is not over it: with workload 1.7, 2 and 2.3 the outer ones are 15 % off.
UPDATE crm.account SET workload = CASE id WHEN 'a1' THEN 0.7 WHEN 'a6' THEN 1.3 ELSE 1 END;
SELECT pg_temp.iso(pg_temp.now()) AS third \gset
SELECT salesops.check_territory_health(:'third') \g /dev/null
SELECT is_empty(format('SELECT * FROM salesops.territory_health_load WHERE measure = ''workload'' AND is_flagged AND as_of = %L', :'third'), '15 % is not over 15 %');
UPDATE crm.account SET workload = 1.301 WHERE id = 'a6';
SELECT pg_temp.iso(pg_temp.now()) AS fourth \gset
SELECT salesops.check_territory_health(:'fourth') \g /dev/null
SELECT results_eq(format('SELECT territory_id FROM salesops.territory_health_load WHERE measure = ''workload'' AND is_flagged AND as_of = %L', :'fourth'), $$VALUES ('north'), ('west')$$, 'a little more is');

SELECT salesops.refresh_marts(pg_temp.now()) \g /dev/null
SELECT results_eq($$SELECT territory, round(load, 3), round(share_of_target, 4), planned_share_of_target, is_flagged, basis, measured_date = as_of_date FROM salesops_bi.territory_balance WHERE measure = 'workload' ORDER BY 1$$,
  $$VALUES ('north', 1.700, 0.8499, 1.0, true, 'measured', true), ('south', 2.000, 0.9998, 1, false, 'measured', true), ('west', 2.301, 1.1503, 1, true, 'measured', true)$$, 'mart territory_balance shows the last measurement');

-- The measure accounts needs no column.
SELECT is(salesops.territory_amount('{"id": 1}', 'accounts'), 1::numeric, 'each account is one');
SELECT is(salesops.territory_amount(v::jsonb, 'potential'), w, 'what is no finite number is unknown: ' || v)
FROM (VALUES ('{"potential": 2.5}', 2.5), ('{"potential": null}', NULL), ('{"potential": "NaN"}', NULL), ('{}', NULL)) x(v, w);

-- A query that fails is told and stops nobody else.
SELECT salesops.plan_territories('SELECT id, territory, 1 AS potential FROM (VALUES (''b1'', ''east'')) v(id, territory)', 'SELECT ''east'' AS id', '{"name": "east", "measures": {"potential": 0.9}}') AS b \gset
SELECT salesops.propose_territory_plan(:b), salesops.approve_territory_plan(:b), salesops.publish_territory_plan(:b) \g /dev/null
ALTER TABLE crm.account RENAME COLUMN workload TO work;
SELECT pg_temp.iso(pg_temp.now()) AS fifth \gset
SELECT is(salesops.check_territory_health(:'fifth'), 2::bigint, 'both are looked at');
SELECT results_eq(format('SELECT publication_id, accounts, reason FROM salesops.territory_health WHERE as_of = %L ORDER BY 1', :'fifth'),
  $$VALUES (1::bigint, NULL::bigint, '42703: column "workload" does not exist'), (2, 1, NULL)$$, 'one has the reason, the other its measurement');
ALTER TABLE crm.account RENAME COLUMN work TO workload;
-- Nor does one that says it was cancelled: that is not a cancel of the run.
CREATE FUNCTION crm.cancelled() RETURNS integer LANGUAGE plpgsql AS $$BEGIN RAISE 'not today' USING ERRCODE = 'query_canceled'; END$$;
ALTER TABLE crm.account RENAME TO renamed;
CREATE VIEW crm.account AS SELECT * FROM crm.renamed WHERE crm.cancelled() > 0;
SELECT pg_temp.iso(pg_temp.now()) AS sixth \gset
SELECT is(salesops.check_territory_health(:'sixth'), 2::bigint, 'both are looked at again');
SELECT results_eq(format('SELECT publication_id, accounts, reason FROM salesops.territory_health WHERE as_of = %L ORDER BY 1', :'sixth'),
  $$VALUES (1::bigint, NULL::bigint, '38000: not today'), (2, 1, NULL)$$, 'one raised query_canceled, the other is measured');
DROP VIEW crm.account;
ALTER TABLE crm.renamed RENAME TO account;
INSERT INTO salesops.run_log (run_id, job, local_date, as_of, started_by) OVERRIDING SYSTEM VALUE VALUES (700, 'territory_health', '2026-01-01', pg_temp.now(), 'manual');
SELECT salesops.begin_step(700, 'territory_health') \g /dev/null
SELECT is(salesops.run_step(700, 'territory_health'), 2::bigint, 'the step measures both');
SELECT results_eq($$SELECT steps FROM salesops.jobs() WHERE job = 'territory_health'$$, $$VALUES ('{territory_health,alert}'::text[])$$, 'and has a job of its own');

-- Rolled back, it is no longer measured.
SELECT salesops.roll_back_territory_plan(:b, 'no east') \g /dev/null
SELECT is(salesops.check_territory_health(pg_temp.now()), 1::bigint, 'what was taken back is not measured');
SELECT salesops.refresh_marts(pg_temp.now()) \g /dev/null
SELECT is_empty($$SELECT * FROM salesops_bi.territory_balance WHERE territory = 'east'$$, '... nor shown');
SELECT throws_ok($$SELECT salesops.measure_territories(-1, now())$$, '42704', 'there is no publication -1 of territories', 'a publication that there is not');
SELECT throws_ok($$SELECT salesops.check_territory_health('infinity')$$, '22023', NULL, 'no instant');
SELECT throws_ok(format(c, t), '23001', NULL, format('%s: %s', t, c))
FROM unnest(ARRAY['territory_health', 'territory_health_load']) t, unnest(ARRAY['UPDATE salesops.%s SET accounts = 9', 'DELETE FROM salesops.%s', 'TRUNCATE salesops.%s CASCADE']) c;


-- Nor does one that fails on purpose, in the one way that others do not.
CREATE FUNCTION crm.one() RETURNS integer LANGUAGE plpgsql AS $$BEGIN ASSERT current_setting('crm.trap', true) IS DISTINCT FROM 'set', 'no'; RETURN 1; END$$;
SELECT salesops.plan_territories('SELECT ''c1'' AS id, crm.one() AS potential', 'SELECT ''trap'' AS id', '{"name": "trap", "measures": {"potential": 0.9}}') AS c \gset
SELECT salesops.propose_territory_plan(:c), salesops.approve_territory_plan(:c), salesops.publish_territory_plan(:c) \g /dev/null
SET LOCAL crm.trap = 'set';
SELECT pg_temp.iso(pg_temp.now()) AS trapped \gset
SELECT cmp_ok(salesops.check_territory_health(:'trapped'), '>', 0::bigint, 'a query that asserts what is false stops nobody');
SELECT is((SELECT reason FROM salesops.territory_health JOIN salesops.territory_publication USING (publication_id) WHERE as_of = :'trapped' AND plan_id = :c), 'P0004: no', '... and is told of');

SELECT * FROM finish();
ROLLBACK;
