-- What a night does about duplicates and the ideal customer profile: when, how much, and what it leaves to the next.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
INSERT INTO salesops.source (source_key, kind, schema_name, options, is_active) VALUES ('s', 'fivetran_salesforce', 'public', '{}', true), ('t', 'fivetran_salesforce', 'public', '{}', true), ('off', 'fivetran_salesforce', 'public', '{}', false);
CREATE FUNCTION pg_temp.account(source_key text, id text, at timestamptz, o jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO salesops.account_history SELECT a.* FROM salesops.account a WHERE (a.source_key, a.id) = (account.source_key, account.id);
  DELETE FROM salesops.account a WHERE (a.source_key, a.id) = (account.source_key, account.id);
  INSERT INTO salesops.account SELECT r.* FROM jsonb_populate_record(NULL::salesops.account, jsonb_build_object('source_key', source_key, 'id', id, 'name', 'Company ' || id, 'city', 'Rome', 'created_at', '2024-01-01',
    'is_deleted', false, 'effective_at', at, 'recorded_at', at, 'origin', 'sync') || o) r;
END $$;
CREATE FUNCTION pg_temp.searches() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(format('%s %s %s', r.source_key, r.entity, to_char(r.as_of, 'MM-DD')), ', ' ORDER BY r.run_id) FROM salesops.duplicate_run r $$;

SELECT is(salesops.step_duplicates(1, '2026-01-02') + salesops.step_icp(1, '2026-01-02'), 0::bigint, 'without records a night does nothing');
SELECT pg_temp.account(x.source_key, x.id, '2026-01-02', jsonb_build_object('name', x.name)) FROM (VALUES ('s', 'a', 'Acme Inc'), ('s', 'b', 'ACME'), ('t', 'a', 'Acme'), ('off', 'a', 'Acme'), ('off', 'b', 'Acme')) x(source_key, id, name) \g /dev/null
-- A row of the search of each source, and of s a pair and two members.
SELECT is(salesops.step_duplicates(2, '2026-01-03'), 5::bigint, 'the first night searches each active source');
SELECT is(pg_temp.searches(), 's account 01-03, t account 01-03', '... what it has');
SELECT is(salesops.step_duplicates(3, '2026-01-04') + salesops.step_duplicates(4, '2026-01-04'), 0::bigint, 'a quiet night searches nothing');
SELECT pg_temp.account('s', 'a', '2026-01-04 12:00', '{"name": "Acme Inc", "employees": 7}') \g /dev/null
SELECT is(salesops.step_duplicates(5, '2026-01-05'), 0::bigint, 'nor does one in which nothing changed that is compared');
SELECT pg_temp.account('s', 'c', '2026-01-05 12:00', '{"name": "Acme Corporation"}') \g /dev/null
INSERT INTO salesops.lead (source_key, id, name, is_deleted, effective_at, recorded_at, origin) VALUES ('t', 'l1', 'Ann Miller', false, '2026-01-05 12:00', '2026-01-05 12:00', 'sync');
-- The pairs a, c and b, c, and the member c; the leads of t with nothing.
SELECT is(salesops.step_duplicates(6, '2026-01-06'), 5::bigint, 'what came is searched');
SELECT is(pg_temp.searches(), 's account 01-03, t account 01-03, s account 01-06, t lead 01-06', '... where it came');
SELECT is((SELECT count(*) FROM salesops.duplicates_to_review('2026-01-06')), 3::bigint, 'and is for review in the morning');
INSERT INTO salesops.duplicate_decision (source_key, entity, one, other, "position", decision, decided_at) VALUES ('s', 'account', 'a', 'b', 1, 'distinct', '2026-01-06 09:00');
SELECT is(salesops.step_duplicates(7, '2026-01-07') > 0, true, 'a decision asks for a search');
SELECT is_empty($$ SELECT FROM salesops.duplicates_to_review('2026-01-07') d WHERE (d.one, d.other) = ('a', 'b') $$, '... that follows it');
SELECT salesops.find_duplicates('s', 'account', '2026-01-07 12:00', '{"review": 0}') \g /dev/null
SELECT pg_temp.account('s', 'd', '2026-01-07 13:00') \g /dev/null
SELECT salesops.step_duplicates(8, '2026-01-08') \g /dev/null
SELECT is((SELECT r.options ->> 'review' FROM salesops.duplicate_run r WHERE r.as_of = '2026-01-08'), '0', 'options stay those of the last search');

-- Where the reading failed nothing is kept.
INSERT INTO salesops.run_log (run_id, job, local_date, as_of, started_by) OVERRIDING SYSTEM VALUE VALUES (-9, 'nightly', '2026-01-09', '2026-01-09', 'manual');
INSERT INTO salesops.run_step_log (run_id, step, status, finished_at, sqlstate) VALUES (-9, 'sync', 'failed', clock_timestamp(), '57014');
INSERT INTO salesops.run_step_log (run_id, step) VALUES (-9, 'duplicates'), (-9, 'icp');
SELECT pg_temp.account('s', 'e', '2026-01-08 13:00') \g /dev/null
SELECT is(salesops.step_duplicates(-9, '2026-01-09') + salesops.step_icp(-9, '2026-01-09'), 0::bigint, 'after a failed sync nothing is kept');
SELECT results_eq('SELECT step, message FROM salesops.run_step_log WHERE run_id = -9 AND message IS NOT NULL ORDER BY 1', $$ VALUES ('duplicates', 'nothing was kept: sync failed'), ('icp', 'nothing was kept: sync failed') $$, '... which the log says');

-- The profile: one as soon as there are accounts that differ, another when as many as a tenth, and ten, have bought.
SELECT is((SELECT k FROM salesops.keep_icp('2026-01-09') k), ROW(0::bigint, 'nothing is known of accounts that could tell them apart'::text), 'without anything to tell accounts apart there is none');
SELECT pg_temp.account('s', 'p' || n, '2026-02-01', jsonb_build_object('industry', CASE WHEN n % 2 = 0 THEN 'Software' ELSE 'Retail' END, 'employees', n)) FROM generate_series(1, 300) n \g /dev/null
SELECT is(salesops.icp_is_due('2026-02-02'), 'there is none yet', 'why');
SELECT is((SELECT k FROM salesops.keep_icp('2026-02-02') k), ROW(1::bigint + (SELECT count(*) FROM salesops.account), NULL::text), 'then it is learned, and all accounts are placed');
SELECT is((SELECT count(*) FROM salesops.look_alikes('s', 'p1', 5)), 5::bigint, '... so that look-alikes are found');
SELECT is((SELECT k FROM salesops.keep_icp('2026-02-03') k), ROW(0::bigint, NULL::text), 'a quiet night learns and places nothing');
CREATE FUNCTION pg_temp.wins(first int, last int, closed date) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity (source_key, id, account_id, is_closed, is_won, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
  SELECT 's', 'o' || n, 'p' || n, true, true, closed, closed - 1, false, closed, closed, 'sync' FROM generate_series(first, last) n $$;
SELECT pg_temp.wins(1, 9, '2026-03-01');
SELECT is(salesops.icp_is_due('2026-03-02'), NULL, 'nine that bought are few');
SELECT pg_temp.wins(10, 10, '2026-03-02');
SELECT is(salesops.icp_is_due('2026-03-03'), '10 accounts have bought for the first time since 2026-02-02, of 0 that it knows', 'ten are not');
SELECT is((SELECT k.written FROM salesops.keep_icp('2026-03-03') k), 1 + (SELECT count(*) FROM salesops.account), 'they are learned from, and all are placed by it');
SELECT salesops.fit_icp('2026-03-04', '{industry}', true) \g /dev/null
SELECT pg_temp.wins(11, 30, '2026-03-10');
SELECT is((SELECT k.written > 1 FROM salesops.keep_icp('2026-03-11') k), true, 'learned again');
SELECT results_eq($$ SELECT i.take_as_given, t.attribute FROM salesops.icp i JOIN salesops.icp_attribute t USING (icp_id) WHERE i.as_of = '2026-03-11' $$, $$ VALUES (true, 'industry') $$, '... as it was asked for last');
SELECT is(salesops.icp_is_due(NULL), NULL, 'of no instant nothing is due');
SELECT is_empty($$ SELECT * FROM salesops.changed_accounts(NULL, NULL) $$, '... and nothing changed');
SELECT * FROM finish();
ROLLBACK;
