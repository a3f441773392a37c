-- The readers: five kinds of source, two spellings, one canonical row.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(39);
SET LOCAL timezone = 'UTC';

-- Salesforce by Fivetran, snake case -----------------------------------------------------------------------------------
CREATE SCHEMA sf;
CREATE TABLE sf.opportunity (id text, account_id text, owner_id text, name text, amount float, close_date timestamp, created_date timestamp, stage_name text,
  probability float, forecast_category text, forecast_category_name text, is_closed boolean, is_won boolean, is_deleted boolean, _fivetran_deleted boolean,
  type text, lead_source text, next_step text, last_stage_change_date timestamptz, currency_iso_code text, last_modified_date timestamptz, loss_reason_c text,
  discount_c float, partner_c text, "Odd ""name"" " numeric, _fivetran_active boolean, _fivetran_synced timestamptz);
INSERT INTO sf.opportunity VALUES
  ('006A', '001A', '005A', 'Alpha', 1000.5, '2026-03-31 00:00', '2026-01-10 09:00', 'Prospecting', 10, 'Pipeline', 'Pipeline', false, false, false, false,
   'New', 'Web', 'Call Ann on Monday', '2026-02-01 10:00+00', 'EUR', '2026-02-02 10:00+00', NULL, 12.5, 'Acme', 7, true, '2026-03-01 00:00+00'),
  ('006B', '001A', '005A', 'Beta', 200, '2026-02-15 00:00', '2026-01-11 09:00', 'Closed Won', 100, 'Closed', 'Closed', true, true, false, NULL,
   NULL, NULL, NULL, NULL, NULL, '2026-02-15 10:00+00', NULL, NULL, NULL, NULL, true, '2026-03-01 00:00+00'),
  ('006C', NULL, NULL, 'Soft', 1, NULL, NULL, 'Prospecting', NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL),
  ('006D', NULL, NULL, 'Hard', 1, NULL, NULL, 'Prospecting', NULL, NULL, NULL, NULL, NULL, false, true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL),
  ('006A', '001A', '005A', 'Alpha, before', 900, '2026-03-31 00:00', '2026-01-10 09:00', 'Prospecting', 10, 'Pipeline', 'Pipeline', false, false, false, false,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, '2026-02-01 00:00+00');
CREATE TABLE sf.opportunity_line_item (id text, opportunity_id text, product_2_id text, quantity float, list_price float, total_price float, is_deleted boolean);
INSERT INTO sf.opportunity_line_item VALUES ('a', '006A', '01tX', 2, 300, 500, false), ('b', '006A', '01tY', 1, 700, 600, NULL), ('c', '006A', '01tZ', 9, 999, 9999, true);
CREATE TABLE sf.user (id text, name text, email text, is_active boolean, manager_id text, user_role_id text, title text, _fivetran_deleted boolean);
INSERT INTO sf.user VALUES ('005A', 'Ann', 'ann@x', true, '005B', 'r1', 'AE', false), ('005B', 'Bob', 'bob@x', true, NULL, 'r2', 'VP', false), ('005C', 'Cy', 'c@x', false, '005B', NULL, NULL, true);
CREATE TABLE sf.user_role (id text, name text);
INSERT INTO sf.user_role VALUES ('r1', 'Rep East'), ('r2', 'VP Sales');
CREATE TABLE sf.account (id text, name text, billing_country text, annual_revenue float, number_of_employees int, master_record_id text, is_deleted boolean);
INSERT INTO sf.account VALUES ('001A', 'Acme', 'Germany', 1e7, 200, NULL, false), ('001M', 'Merged', NULL, NULL, NULL, '001A', true);
CREATE TABLE sf.opportunity_contact_role (id text, opportunity_id text, contact_id text, role text, is_primary boolean, is_deleted boolean);
INSERT INTO sf.opportunity_contact_role VALUES ('k1', '006A', '003A', 'Economic Buyer', true, false);
CREATE TABLE sf.task (id text, what_id text, owner_id text, task_subtype text, type text, subject text, activity_date timestamp, is_closed boolean, call_duration_in_seconds int, is_deleted boolean);
INSERT INTO sf.task VALUES ('t1', '006A', '005A', 'Call', NULL, 'Called', '2026-02-10', true, 90, false);
CREATE TABLE sf.event (id text, what_id text, owner_id text, subject text, start_date_time timestamptz, is_deleted boolean);
INSERT INTO sf.event VALUES ('e1', '006A', '005A', 'Demo', '2026-02-11 15:00+00', false);
CREATE TABLE sf.dated_conversion_rate (id text, iso_code text, start_date date, conversion_rate float);
INSERT INTO sf.dated_conversion_rate VALUES ('c1', 'EUR', '2026-01-01', 0.8);
CREATE TABLE sf.forecasting_quota (id text, quota_owner_id text, start_date date, quota_amount float);
INSERT INTO sf.forecasting_quota VALUES ('q1', '005A', '2026-01-01', 5000);

SELECT salesops.connect('sf', 'fivetran_salesforce', 'sf', '{"custom_fields": {"opportunity": {"partner": "partner_c", "odd": "Odd \"name\""}}}');
SELECT is_empty($$SELECT entity, message FROM salesops.sync('sf', '2026-03-01') WHERE sqlstate IS NOT NULL$$, 'Salesforce by Fivetran is read without an error');
SELECT results_eq(
  $$SELECT name, account_id, owner_id, stage, forecast_category, deal_type, lead_source, next_step, amount, close_date, created_at, probability, currency, discount
    FROM salesops.opportunity WHERE source_key = 'sf' AND id = '006A'$$,
  $$VALUES ('Alpha', '001A', '005A', 'Prospecting', 'Pipeline', 'New', 'Web', 'Call Ann on Monday', 1000.5::numeric, date '2026-03-31', timestamptz '2026-01-10 09:00+00',
      10::numeric, 'EUR', 0.125::numeric)$$, 'every field of a deal; the present version only');
SELECT results_eq($$SELECT product, quantity, list_amount, amount FROM salesops.opportunity WHERE id = '006A'$$, $$VALUES ('01tY', 3::numeric, 1300::numeric, 1000.5::numeric)$$,
  'lines: the product that brings most, sums over living lines, and the deal''s own amount once');
SELECT is((SELECT custom FROM salesops.opportunity WHERE id = '006A'), '{"partner": "Acme", "odd": 7}'::jsonb, 'custom fields by name, even one with quotes and a trailing space');
SELECT results_eq($$SELECT id, is_deleted FROM salesops.opportunity WHERE source_key = 'sf' ORDER BY 1$$, $$VALUES ('006A', false), ('006B', false), ('006C', true), ('006D', true)$$,
  'either flag of deletion counts');
SELECT results_eq($$SELECT id FROM salesops.opportunity_as_of('2026-03-01') WHERE source_key = 'sf' ORDER BY 1$$, $$VALUES ('006A'), ('006B')$$, 'what is deleted is not there');
SELECT results_eq($$SELECT id, role, manager_id, is_deleted FROM salesops.rep ORDER BY 1$$,
  $$VALUES ('005A', 'Rep East', '005B', false), ('005B', 'VP Sales', NULL, false), ('005C', NULL, '005B', true)$$, 'roles come by user_role');
SELECT results_eq($$SELECT id, merged_into, is_deleted FROM salesops.account ORDER BY 1$$, $$VALUES ('001A', NULL, false), ('001M', '001A', true)$$, 'merged accounts');
SELECT results_eq($$SELECT kind, opportunity_id, minutes, happened_at FROM salesops.activity ORDER BY id$$,
  $$VALUES ('meeting', '006A', NULL::numeric, timestamptz '2026-02-11 15:00+00'), ('Call', '006A', 1.5, '2026-02-10 00:00+00')$$, 'tasks and events are activities');
SELECT results_eq($$SELECT rep_id, period::text, amount FROM salesops.quota$$, $$VALUES ('005A', 'FY2026-Q1', 5000::numeric)$$, 'quotas by fiscal quarter');
SELECT results_eq($$SELECT status, category::text, probability, round(corporate_amount, 3), close_quarter::text FROM salesops.opportunity_state('2026-03-01') WHERE source_key = 'sf' ORDER BY id$$,
  $$VALUES ('open', 'Pipeline', 0.1, 1250.625, 'FY2026-Q1'), ('won', 'Closed', 1, 200, 'FY2026-Q1')$$, 'percent becomes a share; 1000.50 EUR at 0.8 a dollar are 1250.625');

-- The same tables with the source's own names kept: CamelCase.
CREATE SCHEMA camel;
CREATE TABLE camel."Opportunity" ("Id" text, "AccountId" text, "StageName" text, "Amount" float, "CloseDate" timestamptz, "IsDeleted" boolean, "_fivetran_active" boolean);
INSERT INTO camel."Opportunity" VALUES ('006A', '001A', 'Prospecting', 5, '2026-04-01 00:00+00', false, true);
SELECT salesops.connect('camel', 'fivetran_salesforce', 'camel');
SELECT is_empty($$SELECT message FROM salesops.sync('camel', '2026-03-01') WHERE sqlstate IS NOT NULL$$, 'retained names are read');
SELECT results_eq($$SELECT id, account_id, stage, amount, close_date FROM salesops.opportunity WHERE source_key = 'camel'$$,
  $$VALUES ('006A', '001A', 'Prospecting', 5::numeric, date '2026-04-01')$$, 'and mean the same');
SELECT is((SELECT count(*) FROM salesops.opportunity WHERE id = '006A'), 2::bigint, 'two sources may have the same ids');

-- Salesforce by Airbyte: several versions an id, quoted names.
CREATE SCHEMA ab;
CREATE TABLE ab."Opportunity" ("Id" varchar, "StageName" varchar, "Amount" numeric(38,9), "CloseDate" date, "IsDeleted" boolean, "SystemModstamp" timestamptz,
  "Probability" numeric(38,9), _airbyte_raw_id text, _airbyte_extracted_at timestamptz, _airbyte_meta jsonb);
INSERT INTO ab."Opportunity" VALUES
  ('1', 'Prospecting', 10, '2026-04-01', false, '2026-01-01', 10, 'r1', '2026-01-02', '{}'),
  ('1', 'Qualification', 20, '2026-05-01', false, '2026-02-01', 20, 'r2', '2026-02-02', '{}'),
  ('1', 'Prospecting', 15, '2026-04-15', false, '2026-01-15', 15, 'r3', '2026-02-03', '{}'),
  ('2', 'Closed Won', 7, '2026-01-20', false, '2026-01-20', 100, 'r4', '2026-01-21', '{}'),
  ('2', 'Closed Won', 7, '2026-01-20', true, '2026-01-25', 100, 'r5', '2026-01-26', '{}'),
  (' ', 'Prospecting', 7, '2026-01-20', true, '2026-01-25', 100, 'r6', '2026-01-26', '{}'), (NULL, 'Prospecting', 7, NULL, NULL, NULL, NULL, 'r7', NULL, '{}');
SELECT salesops.connect('ab', 'airbyte_salesforce', 'ab');
SELECT results_eq($$SELECT rows_read, inserted, duplicates, unidentified FROM salesops.sync('ab', '2026-03-01')$$, $$VALUES (7::bigint, 2::bigint, 3::bigint, 2::bigint)$$,
  'seven rows: two deals, three older versions, two without an id');
SELECT results_eq($$SELECT id, stage, amount, close_date, is_deleted FROM salesops.opportunity WHERE source_key = 'ab' ORDER BY 1$$,
  $$VALUES ('1', 'Qualification', 20::numeric, date '2026-05-01', false), ('2', 'Closed Won', 7, '2026-01-20', true)$$, 'the newest by the source''s own stamp is the deal, whenever it came');
-- The choice among equals does not depend on the order on disk.
CREATE TABLE pg_temp.kept AS SELECT * FROM ab."Opportunity" WITH NO DATA;
INSERT INTO pg_temp.kept SELECT '9', 'Stage ' || n, n, '2026-04-01', false, '2026-01-01', 10, 'r' || n, '2026-01-02', '{}' FROM generate_series(1, 5) n;
CREATE FUNCTION pg_temp.chosen(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ab."Opportunity";
  EXECUTE 'INSERT INTO ab."Opportunity" SELECT * FROM pg_temp.kept ORDER BY ' || how;
  PERFORM salesops.sync('ab', '2026-03-02', 'full');
  RETURN (SELECT stage FROM salesops.opportunity WHERE source_key = 'ab' AND id = '9');
END $$;
SELECT is(pg_temp.chosen('"Amount"'), pg_temp.chosen('"Amount" DESC'), 'duplicates: rows in one order and in the other');
SELECT is(pg_temp.chosen('md5("Amount"::text)'), pg_temp.chosen('"Amount"'), 'and in a third');

-- HubSpot by Fivetran -------------------------------------------------------------------------------------------------
CREATE SCHEMA hs;
CREATE TABLE hs.deal (deal_id bigint, deal_pipeline_id text, deal_pipeline_stage_id text, owner_id bigint, is_deleted boolean, property_dealname text, property_amount float,
  property_closedate timestamptz, property_createdate timestamptz, property_hs_deal_stage_probability float, property_hs_manual_forecast_category text,
  property_deal_currency_code text, property_hs_next_step text, _fivetran_synced timestamptz);
INSERT INTO hs.deal VALUES
  (1, 'default', 'contractsent', 77, false, 'One', 100, '2026-04-01 03:59:59.999+00', '2026-01-01 00:00+00', 0.9, 'MOST_LIKELY', 'USD', 'Send it', '2026-02-01'),
  (2, 'default', 'won-id', 77, false, 'Two', 50, '2026-01-31 12:00+00', '2026-01-01 00:00+00', 1, NULL, NULL, NULL, '2026-02-01'),
  (3, 'default', 'contractsent', 77, false, 'Three, merged into one', 70, NULL, '2026-01-01 00:00+00', 0.9, NULL, NULL, NULL, '2026-02-01'),
  (4, 'default', 'lost-id', 77, true, 'Four, deleted', 70, NULL, '2026-01-01 00:00+00', 0.9, NULL, NULL, NULL, '2026-02-01');
CREATE TABLE hs.deal_pipeline_stage (stage_id text, pipeline_id text, label text, probability float, is_closed boolean, closed_won boolean, display_order int, _fivetran_deleted boolean);
INSERT INTO hs.deal_pipeline_stage VALUES ('contractsent', 'default', 'Contract sent', 0.9, false, false, 5, false), ('won-id', 'default', 'Won!', 1, true, true, 6, false),
  ('lost-id', 'default', 'Lost', 0, true, false, 7, false), ('old-id', 'default', 'Old', 0, false, false, 8, true);
CREATE TABLE hs.deal_company (deal_id bigint, company_id bigint, type_id int, category text);
INSERT INTO hs.deal_company VALUES (1, 500, 341, 'HUBSPOT_DEFINED'), (1, 900, 5, 'HUBSPOT_DEFINED'), (2, 500, 341, 'HUBSPOT_DEFINED');
CREATE TABLE hs.merged_deal (deal_id bigint, merged_deal_id bigint);
INSERT INTO hs.merged_deal VALUES (1, 3);
CREATE TABLE hs.owner (owner_id bigint, email text, first_name text, last_name text, active_user_id bigint);
INSERT INTO hs.owner VALUES (77, 'a@x', 'Ann', 'Lee', 7);
CREATE TABLE hs.team_user (user_id bigint, team_id bigint);
INSERT INTO hs.team_user VALUES (7, 31);
-- Version 3 of the connector: the engagement itself has no time, its kinds do.
CREATE TABLE hs.engagement (id bigint, type text, portal_id bigint);
CREATE TABLE hs.engagement_call (engagement_id bigint, property_hs_timestamp timestamptz, property_hubspot_owner_id bigint);
CREATE TABLE hs.engagement_deal (engagement_id bigint, deal_id bigint);
INSERT INTO hs.engagement VALUES (11, 'CALL', 1);
INSERT INTO hs.engagement_call VALUES (11, '2026-01-15 10:00+00', 77);
INSERT INTO hs.engagement_deal VALUES (11, 1);
CREATE TABLE hs.company (id bigint, property_name text, property_annualrevenue text, is_deleted boolean);
INSERT INTO hs.company VALUES (500, 'Five', '1,000,000', false), (900, 'Nine', 'n/a', false);

SELECT salesops.connect('hs', 'fivetran_hubspot', 'hs', '{"time_zone": "America/New_York"}');
SELECT is_empty($$SELECT entity, message FROM salesops.sync('hs', '2026-02-01') WHERE sqlstate IS NOT NULL$$, 'HubSpot by Fivetran is read without an error');
SELECT results_eq($$SELECT id, name, account_id, close_date, pipeline, stage FROM salesops.opportunity WHERE source_key = 'hs' AND id IN ('1', '2') ORDER BY 1$$,
  $$VALUES ('1', 'One', '900', date '2026-03-31', 'default', 'contractsent'), ('2', 'Two', '500', '2026-01-31', 'default', 'won-id')$$,
  'the primary company of several (type 5 before 341), and the last millisecond of 31 March in New York');
SELECT results_eq($$SELECT id, status, category::text, stage_label, probability FROM salesops.opportunity_state('2026-02-01') WHERE source_key = 'hs' ORDER BY 1$$,
  $$VALUES ('1', 'open', 'Most Likely', 'Contract sent', 0.9), ('2', 'won', 'Closed', 'Won!', 1)$$,
  'stages mean what HubSpot says; merged and deleted deals are out; a probability is a share already');
SELECT is((SELECT merged_into FROM salesops.opportunity WHERE source_key = 'hs' AND id = '3'), '1', 'a merged deal knows where it went');
SELECT is_empty($$SELECT FROM salesops.stage_map WHERE stage = 'old-id'$$, 'a deleted stage is not taken over');
SELECT results_eq($$SELECT name, team FROM salesops.rep WHERE source_key = 'hs'$$, $$VALUES ('Ann Lee', '31')$$, 'owners, with their team');
SELECT results_eq($$SELECT id, kind, opportunity_id, rep_id FROM salesops.activity WHERE source_key = 'hs'$$, $$VALUES ('11', 'call', '1', '77')$$, 'engagements by kind');
SELECT results_eq($$SELECT id, annual_revenue, unreadable FROM salesops.account WHERE source_key = 'hs' ORDER BY 1$$, $$VALUES ('500', 1000000::numeric, NULL::jsonb), ('900', NULL, NULL)$$,
  'text amounts are read, words for nothing are nothing');

-- HubSpot by Airbyte: text everywhere.
CREATE SCHEMA abh;
CREATE TABLE abh.deals (id text, properties jsonb, properties_dealname text, properties_amount text, properties_closedate text, properties_dealstage text, properties_pipeline text,
  properties_createdate text, archived boolean, "createdAt" timestamptz, "updatedAt" timestamptz, _airbyte_extracted_at timestamptz);
INSERT INTO abh.deals VALUES ('1', '{}', 'One', '1200.50', '2026-04-01T03:59:59.999Z', 'contractsent', 'default', '2026-01-01T00:00:00Z', false, '2026-01-01', '2026-01-02', '2026-01-03'),
  ('2', '{}', 'Two', 'lots', 'May-20', 'contractsent', 'default', '2026-01-01T00:00:00Z', true, '2026-01-01', '2026-01-02', '2026-01-03');
SELECT salesops.connect('abh', 'airbyte_hubspot', 'abh', '{"time_zone": "America/New_York"}');
SELECT is_empty($$SELECT message FROM salesops.sync('abh', '2026-02-01') WHERE sqlstate IS NOT NULL$$, 'HubSpot by Airbyte is read without an error');
SELECT results_eq($$SELECT id, name, amount, close_date, is_deleted, unreadable FROM salesops.opportunity WHERE source_key = 'abh' ORDER BY 1$$,
  $$VALUES ('1', 'One', 1200.50, date '2026-03-31', false, NULL::jsonb), ('2', 'Two', NULL, NULL, true, '{"amount": "lots", "close_date": "May-20"}')$$,
  'the same close date from text as from an instant; what cannot be read is kept beside');

-- Generic: any names, with or without spaces.
CREATE SCHEMA generic;
CREATE TABLE generic."Deal list.csv" ("Deal ID " text, "Closing (planned)" text, "Stage; DROP TABLE salesops.source" text, "A ""quoted"" value" text, "Gewinn/%" text);
INSERT INTO generic."Deal list.csv" VALUES ('D-1', '31/03/2026', 'Offer', '(1,200)', '25%');
SELECT salesops.connect('any', 'generic', 'generic', jsonb_build_object('date_order', 'DMY', 'probability_scale', 'percent', 'entities', jsonb_build_object('opportunity',
  jsonb_build_object('relation', 'Deal list.csv', 'columns', jsonb_build_object('id', 'Deal ID', 'close_date', 'Closing (planned)', 'stage', 'Stage; DROP TABLE salesops.source',
                     'amount', 'A "quoted" value', 'probability', 'Gewinn/%')))));
SELECT is_empty($$SELECT message FROM salesops.sync('any', '2026-02-01') WHERE sqlstate IS NOT NULL$$, 'a generic source is read without an error');
SELECT results_eq($$SELECT id, close_date, stage, amount, probability FROM salesops.opportunity WHERE source_key = 'any'$$,
  $$VALUES ('D-1', date '2026-03-31', 'Offer', -1200::numeric, 25::numeric)$$, 'headers with a trailing space, quotes, slashes and statements are only names');

-- Names that try to be statements -----------------------------------------------------------------------------------------
CREATE SCHEMA "x""; DROP TABLE salesops.source; --";
CREATE TABLE "x""; DROP TABLE salesops.source; --"."y'); DROP TABLE salesops.source; --" ("i'd""" text, "st%s" text, "%1$s" text, "v" text);
INSERT INTO "x""; DROP TABLE salesops.source; --"."y'); DROP TABLE salesops.source; --" VALUES ('1', 'Prospecting', '12', 'custom');
SELECT salesops.connect('inj', 'generic', 'x"; DROP TABLE salesops.source; --', jsonb_build_object('open_stage', ''';DROP TABLE salesops.source;--',
  'entities', jsonb_build_object('opportunity', jsonb_build_object('relation', 'y''); DROP TABLE salesops.source; --',
    'columns', jsonb_build_object('id', 'i''d"', 'stage', 'st%s', 'amount', '%1$s'))),
  'custom_fields', jsonb_build_object('opportunity', jsonb_build_object('a''b"; DROP TABLE salesops.source; --', 'v'))));
SELECT is_empty($$SELECT message FROM salesops.sync('inj', '2026-02-01') WHERE sqlstate IS NOT NULL$$, 'hostile names are read without an error');
SELECT results_eq($$SELECT id, stage, amount, custom FROM salesops.opportunity WHERE source_key = 'inj'$$,
  $$VALUES ('1', 'Prospecting', 12::numeric, '{"a''b\"; DROP TABLE salesops.source; --": "custom"}'::jsonb)$$, 'and are only names');
SELECT ok((SELECT count(*) > 0 FROM salesops.tie_out('inj')), 'to the tie-out too');
SELECT salesops.connect('alias', 'fivetran_hubspot', 'hs', '{"entities": {"opportunity": {"columns": {"name": "company.accountid FROM hs.deal; DROP TABLE salesops.source; --"}}}}');
SELECT is((SELECT sqlstate FROM salesops.sync('alias', '2026-02-01') WHERE entity = 'opportunity'), '42703', 'a statement behind a side table''s name is an unknown column');
SELECT has_table('salesops'::name, 'source'::name, 'the registry still stands');

-- Close dates stay where they are: four types, three zones of the session, two of the source.
CREATE SCHEMA zones;
CREATE TABLE zones.deals (id text, stage text, d_date date, d_timestamp timestamp, d_timestamptz timestamptz, d_text text, d_zoned text);
INSERT INTO zones.deals VALUES ('1', 'Prospecting', '2026-04-01', '2026-04-01 00:00', '2026-04-01 00:00+00', '2026-04-01', '2026-04-01T00:00:00Z');
CREATE FUNCTION pg_temp.close_dates(session_zone text, source_zone text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE c text; answer text;
BEGIN
  PERFORM set_config('timezone', session_zone, true);
  FOREACH c IN ARRAY ARRAY['d_date', 'd_timestamp', 'd_timestamptz', 'd_text', 'd_zoned'] LOOP
    PERFORM salesops.connect('zones', 'generic', 'zones', jsonb_build_object('time_zone', source_zone, 'entities', jsonb_build_object('opportunity',
      jsonb_build_object('relation', 'deals', 'columns', jsonb_build_object('id', 'id', 'stage', 'stage', 'close_date', c)))));
    PERFORM salesops.sync('zones', '2026-03-01 00:00+00', 'full');
    answer := concat_ws(' ', answer, (SELECT to_char(close_date, 'MM-DD') FROM salesops.opportunity WHERE source_key = 'zones'));
  END LOOP;
  PERFORM set_config('timezone', 'UTC', true);
  RETURN answer;
END $$;
SELECT is_empty($$SELECT z FROM unnest(ARRAY['UTC', 'America/New_York', 'Pacific/Kiritimati']) z WHERE pg_temp.close_dates(z, 'UTC') <> '04-01 04-01 04-01 04-01 04-01'$$,
  'a source in UTC: 1 April in every session');
SELECT is_empty($$SELECT z FROM unnest(ARRAY['UTC', 'America/New_York', 'Pacific/Kiritimati']) z WHERE pg_temp.close_dates(z, 'America/New_York') <> '04-01 04-01 03-31 04-01 03-31'$$,
  'a portal in New York: midnight in Greenwich is the day before there, what names no zone stays');
-- Periods of quotas as well.
CREATE TABLE zones.quotas (id text, rep text, start date, amount int);
INSERT INTO zones.quotas VALUES ('1', 'r', '2026-04-01', 1);
SELECT salesops.connect('quotas', 'generic', 'zones', '{"entities": {"quota": {"relation": "quotas", "columns": {"id": "id", "rep_id": "rep", "period": "start", "amount": "amount"}}}}');
SET LOCAL timezone = 'Asia/Tokyo';
SELECT salesops.sync('quotas', '2026-03-01', 'full');
SELECT is((SELECT period::text FROM salesops.quota WHERE source_key = 'quotas'), 'FY2026-Q2', 'a quota that starts on 1 April is of the second quarter in Tokyo too');
SET LOCAL timezone = 'UTC';
SELECT is_empty($$SELECT objid FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace IN ('sf'::regnamespace, 'hs'::regnamespace))
    AND classid NOT IN ('pg_type'::regclass, 'pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass)$$, 'nothing depends on a source''s relations');

SELECT * FROM finish();
ROLLBACK;
