-- Decisions that contradict each other by way of other records, decisions about what nobody knows, and proposals that would make an account its own parent.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'generic', 'nowhere', '{}');
-- 1, 2 and 3 are one company. 2 survives; it is said to belong to 1, and its holding 9 to 3. 7 belongs to 2.
INSERT INTO salesops.account (source_key, id, name, website, city, parent_id, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', v.*, '2025-01-01', false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES
  ('1', 'Acme Inc', 'acme.com', 'Boston', '9'), ('2', 'ACME, Incorporated', 'www.acme.com', 'Boston', '1'), ('3', 'Acme', 'acme.com', 'Boston', '8'),
  ('7', 'Wolf', NULL, 'Bonn', '2'), ('8', 'Vole', NULL, 'Ulm', NULL), ('9', 'Zebra', NULL, 'Ulm', '3'), ('a', 'Newt', NULL, NULL, NULL), ('b', 'Heron', NULL, NULL, NULL)) v;
-- The source has no flags: what a stage means says whether a deal is open.
SELECT salesops.map_stage('s', 'Proposal', 'open', 'Pipeline', valid_from => '2025-01-01'), salesops.map_stage('s', 'Signed', 'won', 'Closed', valid_from => '2025-01-01') \g /dev/null
INSERT INTO salesops.opportunity (source_key, id, account_id, stage, is_deleted, effective_at, recorded_at, origin)
SELECT 's', v.*, false, '2026-01-01', '2026-01-01', 'sync' FROM (VALUES ('o1', '2', 'Proposal'), ('o2', '1', 'Signed'), ('o3', '1', 'Signed'), ('o4', '2', 'Unheard of')) v;

SELECT salesops.find_duplicates('s', 'account', '2026-02-01') AS run \gset
SELECT results_eq($$ SELECT id, opportunities, open_opportunities, children FROM salesops.duplicate_moves('s', 'account', '{1,2,3}', '2026-02-01') ORDER BY 1 $$,
  $$ VALUES ('1', 2::bigint, 0::bigint, 0::bigint), ('2', 2, 2, 1), ('3', 0, 0, 1) $$, 'won by the meaning of its stage is not open, an unknown stage is; children within stay within');
SELECT results_eq(format($$ SELECT value, from_id FROM salesops.merge_proposal(%s, '1') WHERE field IN ('survivor', 'parent_id') ORDER BY field DESC $$, :run),
  $$ VALUES ('2', '2'), ('8', '3') $$, 'a parent that goes, or belongs to one that goes, is none: of the third record');
SELECT results_eq($$ SELECT * FROM salesops.parents_below('s', '{1,2,3}') ORDER BY 1 $$, $$ VALUES ('1'), ('9') $$, 'the two that would make it its own ancestor');
SELECT results_eq($$ SELECT * FROM salesops.parents_below('s', '{7}') $$, 'SELECT NULL::text WHERE false', 'somebody else''s parent is one');
UPDATE salesops.account SET parent_id = '8' WHERE id = '8';
SELECT is_empty($$ SELECT * FROM salesops.parents_below('s', '{3}') $$, 'a circle above ends');

SELECT results_eq($$ SELECT one, other FROM salesops.duplicates_to_review('2026-02-01') ORDER BY 1, 2 $$, $$ VALUES ('1', '2'), ('1', '3'), ('2', '3') $$, 'three pairs to look at');
-- By way of 2, 3 is 1.
SELECT salesops.merge_duplicates('s', 'account', '1', '2'), salesops.merge_duplicates('s', 'account', '2', '3') \g /dev/null
SELECT throws_ok($$ SELECT salesops.keep_distinct('s', 'account', '1', '3') $$, '55000', '"1" and "3" are one already', 'what is one by way of another is not distinct');
SELECT throws_ok($$ SELECT salesops.keep_distinct('s', 'account', '3', '1') $$, '55000', '"3" and "1" are one already', 'whatever the order');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', '3') $$, '55000', '"1" and "3" are one already', 'nor to be merged');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '3', '1') $$, '55000', '"3" and "1" are one already', 'nor in a circle');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', 'a', '3') $$, '55000', '"3" is merged already', 'who has gone goes nowhere else');
SELECT is_empty($$ SELECT 1 FROM salesops.duplicates_to_review('infinity') $$, 'and nobody is asked about the third pair');
-- b is neither 3 nor anybody that 3 is one with.
SELECT salesops.keep_distinct('s', 'account', '3', 'b') \g /dev/null
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', 'b') $$, '55000', '"3" and "b" would be one, and are decided to be distinct', 'nobody gets in from the side');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', 'b', '1') $$, '55000', '"3" and "b" would be one, and are decided to be distinct', 'from either side');
SELECT salesops.merge_duplicates('s', 'account', 'b', 'a') \g /dev/null
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '2', 'b') $$, '55000', '"3" and "b" would be one, and are decided to be distinct', 'nor with others');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', 'a') $$, '55000', '"a" is merged already', 'nor as one of others');
SELECT salesops.undo_duplicate_decision('s', 'account', 'b', '3') \g /dev/null
SELECT lives_ok($$ SELECT salesops.merge_duplicates('s', 'account', '1', 'b') $$, 'until that is taken back');
SELECT results_eq($$ SELECT id, survivor FROM salesops.merged_ids('infinity') ORDER BY 1 $$, $$ VALUES ('2', '1'), ('3', '1'), ('a', '1'), ('b', '1') $$, 'all are one');
SELECT is((SELECT array_agg(d."position" ORDER BY d."position") FROM salesops.duplicate_decision d), ARRAY[1, 2, 3, 4, 5, 6], 'decisions have numbers');

SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'account', '7', 'nobody') $$, '42704', 'source ''s'' has no account ''nobody''', 'an account that is not there');
SELECT throws_ok($$ SELECT salesops.keep_distinct('other', 'account', '7', '8') $$, '42704', 'source ''other'' has no account ''7''', 'nor in that source');
SELECT throws_ok($$ SELECT salesops.merge_duplicates('s', 'lead', '7', '8') $$, '42704', 'source ''s'' has no lead ''7''', 'an account is no lead');
SELECT * FROM finish();
ROLLBACK;
