-- Kept searches, what people say of the pairs, and what a merge would be; the hierarchy and its circles.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'generic', 'nowhere', '{}');
INSERT INTO salesops.account (source_key, id, name, website, phone, city, employees, parent_id, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', v.*, '2025-01-01', false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES
  ('1', 'Acme Inc', 'acme.com', '617-555-0100', 'Boston', 10, NULL), ('2', 'ACME, Incorporated', 'www.acme.com', NULL, 'Boston', NULL, '1'), ('3', 'Acme', 'acme.com', '617-555-0100', NULL, 12, NULL),
  ('4', 'Zebra', NULL, NULL, 'Ulm', NULL, '5'), ('5', 'Yak', NULL, NULL, NULL, NULL, '6'), ('6', 'Xerus', NULL, NULL, NULL, NULL, '5'), ('7', 'Wolf', NULL, NULL, NULL, NULL, 'gone'), ('8', 'Vole', NULL, NULL, NULL, NULL, '2')) v;
INSERT INTO salesops.opportunity (source_key, id, account_id, is_closed, is_deleted, effective_at, recorded_at, origin)
SELECT 's', v.*, false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES ('o1', '2', false), ('o2', '1', true), ('o3', '1', true)) v;

SELECT salesops.find_duplicates('s', 'account', '2026-02-01') AS run \gset
SELECT results_eq(format('SELECT cluster, id FROM salesops.kept_duplicate_members(%s) ORDER BY 2', :run), $$ VALUES ('1', '1'), ('1', '2'), ('1', '3') $$, 'the cluster is kept');
SELECT is((SELECT r.records FROM salesops.duplicate_run r WHERE r.run_id = :run), 8::bigint, 'and how many were compared');
SELECT throws_ok('DELETE FROM salesops.duplicate_pair', '23001', NULL, 'what was found stays');

-- Account 2 has the open deal, so it survives; what it lacks comes from others.
SELECT results_eq(format($$ SELECT field, value, from_id, reason FROM salesops.merge_proposal(%s, '1') WHERE field IN ('survivor', 'name', 'city', 'phone', 'moves') $$, :run),
  $$ VALUES ('survivor', '2', '2', '1 open and 1 deals in all, 0 activities'), ('city', 'Boston', '2', 'all agree'), ('name', 'ACME, Incorporated', '2', 'of the record that survives'),
            ('phone', '617-555-0100', '1', 'all agree'), ('moves', '2 opportunities, 0 contacts, 0 activities, 0 child accounts, 0 leads', '1', 'would move to the record that survives'),
            ('moves', '0 opportunities, 0 contacts, 0 activities, 0 child accounts, 0 leads', '3', 'would move to the record that survives') $$, 'the proposal says what, whence and why');

-- Decisions.
SELECT lives_ok($$ SELECT salesops.merge_duplicates('s', 'account', '2', '1', 'same tax number') $$, 'merged');
SELECT results_eq($$ SELECT id, survivor FROM salesops.merged_ids('infinity') $$, $$ VALUES ('1', '2') $$, 'one stands for both');
SELECT is((SELECT count(*) FROM salesops.account WHERE merged_into IS NOT NULL), 0::bigint, 'our copy of the CRM stays as it is');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', '2') $$, '55000', NULL, 'not twice');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '3', '1') $$, '55000', NULL, 'nor into another');
SELECT lives_ok($$ SELECT salesops.merge_duplicates('s', 'account', '3', '2') $$, 'but on from there');
SELECT results_eq($$ SELECT id, survivor FROM salesops.merged_ids('infinity') ORDER BY 1 $$, $$ VALUES ('1', '3'), ('2', '3') $$, 'and everybody stands for the last');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', '3') $$, '55000', NULL, 'no circle');
SELECT lives_ok($$ SELECT salesops.undo_duplicate_decision('s', 'account', '2', '1', 'it was not') $$, 'undone');
SELECT results_eq($$ SELECT id, survivor FROM salesops.merged_ids('infinity') $$, $$ VALUES ('2', '3') $$, 'and gone');
SELECT throws_ok($$ SELECT salesops.undo_duplicate_decision('s', 'account', '2', '1') $$, '55000', NULL, 'nothing to undo');
SELECT is((SELECT string_agg(decision, ' ' ORDER BY "position") FROM salesops.duplicate_decision WHERE one = '1' AND other = '2'), 'merge undo', 'what was decided stays known');
SELECT throws_ok($$ SELECT salesops.keep_distinct('s', 'account', '1', '1') $$, '22023', NULL, 'a record is itself');
SELECT throws_ok($$ SELECT salesops.keep_distinct('s', 'account', '1', NULL) $$, '22004', NULL, 'NULL is nobody');

-- What is not one is not proposed again, nor clustered by way of a third.
SELECT salesops.keep_distinct('s', 'account', '1', '2'), salesops.undo_duplicate_decision('s', 'account', '2', '3') \g /dev/null
SELECT salesops.find_duplicates('s', 'account') AS run \gset
SELECT is_empty(format($$ SELECT 1 FROM salesops.kept_duplicate_pairs(%s) WHERE (one, other) = ('1', '2') $$, :run), 'no pair');
SELECT ok((SELECT count(DISTINCT m.cluster) = count(*) FROM salesops.kept_duplicate_members(:run) m WHERE m.id IN ('1', '2')), 'no cluster');
SELECT is_empty($$ SELECT 1 FROM salesops.duplicates_to_review('infinity') WHERE (one, other) = ('1', '2') $$, 'nothing to review');
SELECT throws_ok($$ SELECT salesops.find_duplicates('s', 'product') $$, '22023', NULL, 'of another entity');
SELECT throws_ok($$ SELECT salesops.find_duplicates(NULL) $$, '22004', NULL, 'of no source');
SELECT throws_ok($$ SELECT salesops.find_duplicates('sf') $$, '42704', NULL, 'of a source that nobody connected');
SELECT throws_ok(format($$ SELECT salesops.find_duplicates('s', 'account', %L) $$, as_of), '22023', NULL, 'as of ' || as_of) FROM (VALUES ('infinity'), ('-infinity'), ('3000-01-01')) v(as_of);
SELECT throws_ok(format($$ SELECT salesops.duplicate_options('{"block": %s}') $$, block), '22023', 'invalid value for option "block"', 'blocks of ' || block) FROM (VALUES ('1'), ('1001'), ('2.5'), ('1e30'), ('"many"')) v(block);

SELECT results_eq($$ SELECT id, ultimate_parent_id, depth, finding FROM salesops.account_hierarchy('2026-02-01') ORDER BY 1 $$,
  $$ VALUES ('1', '1', 0, NULL), ('2', '1', 1, NULL), ('3', '3', 0, NULL), ('4', NULL, NULL, 'below a circle of parents'), ('5', NULL, NULL, 'circle of parents'),
            ('6', NULL, NULL, 'circle of parents'), ('7', '7', 0, 'parent is not there'), ('8', '1', 2, NULL) $$, 'tops, depths, and what has no top');
SELECT * FROM finish();
ROLLBACK;
