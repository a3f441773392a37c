-- The sync: what it reads, what it writes, and what it leaves alone.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(53);
SET LOCAL timezone = 'UTC';
CREATE SCHEMA crm;
CREATE TABLE crm.opportunity (id text, stage_name text, amount numeric, close_date date, created_date timestamptz, owner_id text, next_step text, custom_c text,
  last_modified_date timestamptz, last_stage_change_date timestamptz, is_deleted boolean, _fivetran_synced timestamptz);
INSERT INTO crm.opportunity SELECT n::text, 'Prospecting', n * 100, '2026-06-30', '2026-01-01', 'r1', NULL, 'x', '2026-01-01', NULL, false, '2026-01-01' FROM generate_series(1, 10) n;
-- rows_read, inserted, changed, deleted of a sync of the opportunities.
CREATE FUNCTION pg_temp.sync(as_of timestamptz, mode text DEFAULT 'incremental') RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(sqlstate || ' ' || message, concat_ws(' ', rows_read, inserted, changed, deleted)) FROM salesops.sync('s', as_of, mode) WHERE entity = 'opportunity' $$;
SELECT salesops.connect('s', 'fivetran_salesforce', 'crm', '{"custom_fields": {"opportunity": {"x": "custom_c", "modified": "last_modified_date"}}}');

SELECT is(pg_temp.sync('2026-01-02'), '10 10 0 0', 'first: everything');
SELECT is(pg_temp.sync('2026-01-03'), '0 0 0 0', 'then: nothing is read');
SELECT is(pg_temp.sync('2026-01-03', 'full'), '10 0 0 0', 'a full one reads everything and writes nothing');
SET LOCAL timezone = 'America/New_York'; SET LOCAL datestyle = 'SQL, DMY'; SET LOCAL extra_float_digits = 0;
SELECT is(pg_temp.sync('2026-01-03', 'full'), '10 0 0 0', 'whatever the zone and the date style of the session');
SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD';
SELECT is((SELECT count(*) FROM salesops.opportunity_history WHERE origin = 'sync'), 0::bigint, 'no history without a change');

-- A changed row.
UPDATE crm.opportunity SET amount = 150, _fivetran_synced = '2026-01-05 02:00', last_modified_date = '2026-01-04 15:00' WHERE id = '1';
UPDATE crm.opportunity SET stage_name = 'Qualification', _fivetran_synced = '2026-01-05 02:00' WHERE id = '2';
UPDATE crm.opportunity SET owner_id = 'r2', _fivetran_synced = '2026-01-05 02:00', last_modified_date = '2027-01-01' WHERE id = '3';
SELECT is(pg_temp.sync('2026-01-05 03:00'), '3 0 3 0', 'three rows were stamped, three read, three changed');
SELECT results_eq(
  $$SELECT id, amount, stage, owner_id, effective_at, recorded_at, confirmed_at, stage_entered_at FROM salesops.opportunity WHERE id IN ('1', '2', '3') ORDER BY 1$$,
  $$VALUES ('1', 150::numeric, 'Prospecting', 'r1', timestamptz '2026-01-04 15:00', timestamptz '2026-01-05 03:00', timestamptz '2026-01-04 15:00', timestamptz '2026-01-01'),
      ('2', 200, 'Qualification', 'r1', '2026-01-05 03:00', '2026-01-05 03:00', '2026-01-05 03:00', '2026-01-05 03:00'),
      ('3', 300, 'Prospecting', 'r2', '2026-01-05 03:00', '2026-01-05 03:00', '2026-01-01', '2026-01-01')$$,
  'true since it was modified where that is told and lies between the syncs, else since the sync; an owner is no confirmation');
SELECT results_eq(
  $$SELECT id, amount, stage, owner_id, effective_at, recorded_at FROM salesops.opportunity_history WHERE origin = 'sync' ORDER BY 1$$,
  $$VALUES ('1', 100::numeric, 'Prospecting', 'r1', timestamptz '2026-01-01', timestamptz '2026-01-02'), ('2', 200, 'Prospecting', 'r1', '2026-01-01', '2026-01-02'),
      ('3', 300, 'Prospecting', 'r1', '2026-01-01', '2026-01-02')$$, 'the states before are kept with their own times');
SELECT results_eq($$SELECT opportunity_id, field, old_value, new_value FROM salesops.change_ledger WHERE recorded_at = '2026-01-05 03:00' ORDER BY 1$$,
  $$VALUES ('1', 'amount', '100', '150'), ('2', 'stage', 'Prospecting', 'Qualification'), ('3', 'owner_id', 'r1', 'r2')$$, 'the ledger names each change');

-- The source's own word on the stage; the future is not believed.
UPDATE crm.opportunity SET last_stage_change_date = '2026-01-05 12:00', _fivetran_synced = '2026-01-06' WHERE id = '4';
UPDATE crm.opportunity SET last_stage_change_date = '2099-01-01', _fivetran_synced = '2026-01-06' WHERE id = '5';
SELECT is(pg_temp.sync('2026-01-06'), '2 0 1 0', 'a stage change in the past is news, one in the future is not');
SELECT is(pg_temp.sync('2026-01-06', 'full'), '10 0 0 0', 'and is news once');
SELECT is((SELECT stage_entered_at FROM salesops.opportunity WHERE id = '4'), '2026-01-05 12:00'::timestamptz, 'entered when the source says');
SELECT is((SELECT max(stage_entered_at) FROM salesops.opportunity), '2026-01-05 12:00'::timestamptz, 'nobody entered a stage in 2099');

-- Deletions.
DELETE FROM crm.opportunity WHERE id = '10';
UPDATE crm.opportunity SET is_deleted = true, _fivetran_synced = '2026-01-07' WHERE id = '9';
SELECT is(pg_temp.sync('2026-01-07'), '1 0 1 0', 'a soft deletion is a change');
SELECT is(pg_temp.sync('2026-01-07 01:00', 'full'), '9 0 0 1', 'a hard deletion is found by a full sync');
SELECT is(pg_temp.sync('2026-01-07 02:00', 'full'), '9 0 0 0', 'once');
SELECT results_eq($$SELECT id, amount, is_deleted FROM salesops.opportunity WHERE id IN ('9', '10') ORDER BY 1$$, $$VALUES ('10', 1000::numeric, true), ('9', 900, true)$$, 'the rows stay, marked');
INSERT INTO crm.opportunity VALUES ('10', 'Prospecting', 1000, '2026-06-30', '2026-01-01', 'r1', NULL, 'x', NULL, NULL, false, '2026-01-08');
SELECT is(pg_temp.sync('2026-01-08'), '1 0 1 0', 'a deleted row that comes back is a change, not a new row');
SELECT results_eq($$SELECT field, old_value, new_value FROM salesops.change_ledger WHERE opportunity_id = '10' ORDER BY recorded_at, effective_at$$,
  $$VALUES ('is_deleted', 'false', 'true'), ('is_deleted', 'true', 'false')$$, 'the ledger knows both');
SELECT results_eq($$SELECT t, (SELECT count(*) FROM salesops.opportunity_as_of(t)) FROM unnest(ARRAY['2026-01-06', '2026-01-07 01:30', '2026-01-08']::timestamptz[]) t$$,
  $$VALUES (timestamptz '2026-01-06', 10::bigint), ('2026-01-07 01:30', 8), ('2026-01-08', 9)$$, 'ten, eight, nine deals');

-- New deals after the first sync are no older than that, unless their dates say so.
INSERT INTO crm.opportunity VALUES ('11', 'Prospecting', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-09');
SELECT is(pg_temp.sync('2026-01-09'), '1 1 0 0', 'a new deal');
SELECT results_eq($$SELECT effective_at, stage_entered_at, confirmed_at FROM salesops.opportunity WHERE id = '11'$$,
  $$VALUES (timestamptz '2026-01-09', timestamptz '2026-01-09', timestamptz '2026-01-09')$$, 'without dates it began when it was seen');

-- Two syncs of one instant: the last word holds, and leaves no state that nobody could see.
UPDATE crm.opportunity SET amount = 6, _fivetran_synced = '2026-01-09 01:00' WHERE id = '11';
SELECT is(pg_temp.sync('2026-01-09'), '1 0 1 0', 'changed between two syncs of the same instant');
SELECT is((SELECT count(*) FROM salesops.opportunity_version WHERE id = '11'), 1::bigint, 'one state');
SELECT throws_ok($$SELECT salesops.sync('s', '2026-01-08')$$, '22023', NULL, 'what was known stays as it was: no sync of an earlier instant');

-- Stamps: none, and of the future.
INSERT INTO crm.opportunity VALUES ('12', 'Prospecting', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('13', 'Prospecting', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '9999-12-31');
SELECT is(pg_temp.sync('2026-01-10'), '2 2 0 0', 'a row without a stamp is read');
INSERT INTO crm.opportunity VALUES ('14', 'Prospecting', 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-11');
SELECT is(pg_temp.sync('2026-01-11'), '3 1 0 0', 'a stamp of the year 9999 hides nothing that comes after');
DELETE FROM crm.opportunity WHERE id IN ('12', '13');
SELECT is(pg_temp.sync('2026-01-11 01:00', 'full'), '12 0 0 2', 'twelve are left');

-- A column that appears is read for all rows, one that goes is unknown.
ALTER TABLE crm.opportunity ADD COLUMN type text DEFAULT 'New';
SELECT is(pg_temp.sync('2026-01-12'), '12 0 12 0', 'a column more: every row is read, though none was stamped');
ALTER TABLE crm.opportunity DROP COLUMN type;
SELECT is(pg_temp.sync('2026-01-13', 'full'), '12 0 12 0', 'a column less');

-- Retyped: the same values in another dress are no change.
ALTER TABLE crm.opportunity ALTER amount TYPE text, ALTER close_date TYPE timestamp, ALTER created_date TYPE text, ALTER is_deleted TYPE text;
SELECT is(pg_temp.sync('2026-01-14', 'full'), '12 0 0 0', 'numeric to text, date to timestamp, instant to text, boolean to text');
ALTER TABLE crm.opportunity ALTER amount TYPE float USING amount::float, ALTER close_date TYPE text, ALTER created_date TYPE timestamp USING created_date::timestamptz, ALTER is_deleted TYPE int USING is_deleted::boolean::int;
SELECT is(pg_temp.sync('2026-01-15', 'full'), '12 0 0 0', 'and on to float, text, timestamp, integer');
CREATE TABLE crm.copy AS SELECT * FROM crm.opportunity;
DROP TABLE crm.opportunity;
SELECT is(pg_temp.sync('2026-01-16', 'full'), '42P01 relation crm.opportunity is gone', 'a relation that is gone is recorded');
SELECT is((SELECT count(*) FROM salesops.opportunity WHERE NOT is_deleted), 11::bigint, 'and its rows are kept');
ALTER TABLE crm.copy RENAME TO "Opportunity";
ALTER TABLE crm."Opportunity" RENAME stage_name TO "StageName";
SELECT is(pg_temp.sync('2026-01-17', 'full'), '42P01 relation crm.opportunity is gone', 'another name is another relation');
ALTER TABLE crm."Opportunity" RENAME TO opportunity;
SELECT is(pg_temp.sync('2026-01-18', 'full'), '12 0 0 0', 'recreated: the same rows');
CREATE TEMP TABLE saved AS SELECT * FROM crm.opportunity;
TRUNCATE crm.opportunity;
SELECT is(pg_temp.sync('2026-01-19', 'full'), '55000 crm.opportunity is empty', 'an emptied relation is recorded');
SELECT is(pg_temp.sync('2026-01-19'), '0 0 0 0', 'an incremental sync finds nothing new in it');
SELECT is((SELECT count(*) FROM salesops.opportunity WHERE NOT is_deleted), 11::bigint, 'and the rows are kept');
INSERT INTO crm.opportunity SELECT * FROM saved;
ALTER TABLE crm.opportunity RENAME "StageName" TO phase;
SELECT is(pg_temp.sync('2026-01-20', 'full'), '42703 required column missing for opportunity: stage', 'a required column that went');
SELECT salesops.connect('s', kind, schema_name, options || '{"entities": {"opportunity": {"columns": {"stage": "phase"}}}}') FROM salesops.source;
SELECT is(pg_temp.sync('2026-01-21'), '12 0 0 0', 'connected again with its new name: all is read afresh');

-- Side tables are read too: one that vanishes does not take what it gave.
CREATE TABLE crm.opportunity_line_item (id text, opportunity_id text, product_2_id text, quantity int);
INSERT INTO crm.opportunity_line_item VALUES ('l', '1', 'P', 3);
SELECT is(pg_temp.sync('2026-01-22', 'full'), '12 0 1 0', 'line items come');
DROP TABLE crm.opportunity_line_item;
SELECT is(pg_temp.sync('2026-01-23', 'full'), '42P01 relation crm.opportunity_line_item is gone', 'line items go');
SELECT is((SELECT product FROM salesops.opportunity WHERE id = '1'), 'P', 'and what they said stays');

-- One entity's failure is its own; what is recorded of it names its own relations.
CREATE TABLE crm.account (name text);
INSERT INTO crm.account VALUES ('x');
SELECT is((SELECT array_agg(concat_ws(' ', entity, sqlstate) ORDER BY entity) FROM salesops.sync('s', '2026-01-24', 'full')), ARRAY['account 42703', 'opportunity 42P01'], 'each entity by itself');
SELECT is((SELECT relations FROM salesops.source_sync WHERE entity = 'account' ORDER BY sync_id DESC LIMIT 1), ARRAY['crm.account'], 'a failure names the relations of its entity');

-- A source reconnected to a place without any table says so once, and does not lament the tables of before.
CREATE SCHEMA elsewhere;
SELECT salesops.connect('s', 'fivetran_salesforce', 'elsewhere');
SELECT results_eq($$SELECT entity, sqlstate, message FROM salesops.sync('s', '2026-01-25')$$,
  $$VALUES ('opportunity', '42P01', 'schema elsewhere has no relation that kind fivetran_salesforce reads')$$, 'nothing there is no success');

-- A relation that somebody named and that is not there is a failure of its entity, as long as it is not there; the others are read.
CREATE SCHEMA csv;
CREATE TABLE csv.deals (id text, stage text);
INSERT INTO csv.deals VALUES ('1', 'Open');
SELECT salesops.connect('named', 'generic', 'csv', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id", "stage": "stage"}}, "account": {"relation": "My acounts", "columns": {"id": "id"}}}}');
SELECT results_eq($$SELECT entity, inserted, sqlstate, message FROM salesops.sync('named', '2026-01-26') ORDER BY 1$$,
  $$VALUES ('account', NULL::bigint, '42P01', 'schema csv has no relation "My acounts"'), ('opportunity', 1, NULL, NULL)$$, 'a relation that is named and not there is told of');
CREATE TABLE csv."My acounts" (id text);
INSERT INTO csv."My acounts" VALUES ('A');
SELECT results_eq($$SELECT entity, inserted, sqlstate FROM salesops.sync('named', '2026-01-27') ORDER BY 1$$, $$VALUES ('account', 1::bigint, NULL), ('opportunity', 0, NULL)$$, 'and read when it comes');
SELECT salesops.disconnect('named');

-- One source that cannot be synced, here by a slip of its as_of, keeps no other from it.
CREATE SCHEMA late;
CREATE TABLE late.opportunity (id text, stage_name text);
INSERT INTO late.opportunity VALUES ('1', 'Prospecting');
SELECT salesops.disconnect('s'), salesops.connect('late', 'fivetran_salesforce', 'late'), salesops.connect('well', 'fivetran_salesforce', 'late');
SELECT count(*) FROM salesops.sync('late', '2026-03-02');
SET LOCAL client_min_messages = error;
SELECT lives_ok($$SELECT salesops.sync_all('2026-03-01')$$, 'the night goes on');
SELECT is((SELECT max(as_of) FROM salesops.source_sync WHERE source_key = 'well' AND sqlstate IS NULL), '2026-03-01', 'the other source is synced');
SELECT results_eq($$SELECT object_kind, object_id FROM salesops.evaluate_rules('2026-03-01', rules => '{source_unreadable}') r, unnest(r.violations) v WHERE v.source_key = 'late'$$,
  $$VALUES ('source', 'opportunity')$$, 'the audit finds the one that was not');
SELECT salesops.disconnect('well');
SELECT throws_ok($$SELECT salesops.sync_all('2026-03-01 12:00')$$, '22023', NULL, 'where none can be synced it is an error');

SELECT * FROM finish();
ROLLBACK;
