-- What the CRM itself remembers: three deals by hand, told by each kind of history.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(24);
SET LOCAL timezone = 'UTC';
-- The states of the deals of a source, as known after the sync.
CREATE FUNCTION pg_temp.states(key text) RETURNS TABLE (id text, since timestamptz, stage text, amount numeric, close_date date, owner_id text, origin text) LANGUAGE sql AS $$
  SELECT id, effective_at, stage, amount, close_date, owner_id, origin FROM salesops.opportunity_version WHERE source_key = key ORDER BY id, effective_at, is_present $$;

-- Salesforce, field history: A moved twice and was repriced; B was only pushed; C never changed, D and E in nothing tracked. Close dates in three texts.
CREATE SCHEMA fh;
CREATE TABLE fh.opportunity (id text, stage_name text, amount float, close_date date, owner_id text, created_date timestamptz, is_closed boolean, is_won boolean,
  next_step text, loss_reason_c text, secret_c text, probability float, forecast_category_name text, last_modified_date timestamptz);
INSERT INTO fh.opportunity VALUES
  ('A', 'Closed Lost', 300, '2026-05-31', 'r2', '2026-01-01', true, false, 'none', 'Price', 'later', 0, 'Omitted', '2026-04-02'),
  ('B', 'Qualification', 50, '2026-09-30', 'r1', '2026-01-05', false, false, 'Call', NULL, 'later', 20, 'Pipeline', '2026-03-02'),
  ('C', 'Prospecting', 10, '2026-06-30', 'r1', '2026-02-01', false, false, 'Mail', NULL, NULL, 10, 'Pipeline', '2026-02-01'),
  ('D', 'Prospecting', 20, '2026-07-31', 'r1', '2026-02-02', false, false, 'Mail', NULL, NULL, 10, 'Pipeline', '2026-04-20'),
  ('E', 'Closed Won', 30, '2026-03-31', 'r1', '2026-02-03', true, true, 'Mail', NULL, NULL, 100, 'Closed', '2026-04-21');
CREATE TABLE fh.opportunity_field_history (id text, opportunity_id text, created_date timestamptz, field text, old_value text, new_value text, is_deleted boolean);
INSERT INTO fh.opportunity_field_history VALUES
  ('1', 'A', '2026-02-01 10:00+00', 'StageName', 'Prospecting', 'Proposal/Price Quote', false),
  ('2', 'A', '2026-03-01 10:00+00', 'Amount', '', '300.0', false),
  ('3', 'A', '2026-04-01 10:00+00', 'StageName', 'Proposal/Price Quote', 'Closed Lost', false),
  ('4', 'A', '2026-03-15 10:00+00', 'Owner', 'r1', 'r2', NULL),
  ('5', 'B', '2026-03-02 10:00+00', 'CloseDate', '2026-03-31 00:00:00', '2026-09-30', false),
  ('6', 'B', '2026-03-03 10:00+00', 'Description', 'a', 'b', false),
  ('7', 'C', '2026-03-03 10:00+00', 'Amount', '9', '10', true),
  ('8', 'C', '2027-01-01 10:00+00', 'Amount', '9', '10', false),
  ('9', 'Z', '2026-03-03 10:00+00', 'Amount', '9', '10', false);
SELECT salesops.connect('fh', 'fivetran_salesforce', 'fh', '{"custom_fields": {"opportunity": {"secret": "secret_c"}}}');
-- The session's own spelling of dates has no say.
SET LOCAL timezone = 'America/New_York'; SET LOCAL datestyle = 'SQL, DMY';
SELECT salesops.sync('fh', '2026-05-01 00:00+00');
SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD';
SELECT is_empty($$SELECT message FROM salesops.source_sync WHERE sqlstate IS NOT NULL$$, 'no errors');
SELECT results_eq($$SELECT * FROM pg_temp.states('fh')$$, $$VALUES
  ('A', timestamptz '2026-01-01 00:00', 'Prospecting', NULL::numeric, date '2026-05-31', 'r1', 'crm_history'),
  ('A', '2026-02-01 10:00', 'Proposal/Price Quote', NULL, '2026-05-31', 'r1', 'crm_history'),
  ('A', '2026-03-01 10:00', 'Proposal/Price Quote', 300, '2026-05-31', 'r1', 'crm_history'),
  ('A', '2026-03-15 10:00', 'Proposal/Price Quote', 300, '2026-05-31', 'r2', 'crm_history'),
  ('A', '2026-04-01 10:00', 'Closed Lost', 300, '2026-05-31', 'r2', 'sync'),
  ('B', '2026-01-05 00:00', 'Qualification', 50, '2026-03-31', 'r1', 'crm_history'),
  ('B', '2026-03-02 10:00', 'Qualification', 50, '2026-09-30', 'r1', 'sync'),
  ('C', '2026-02-01 00:00', 'Prospecting', 10, '2026-06-30', 'r1', 'sync'),
  ('D', '2026-02-02 00:00', 'Prospecting', 20, '2026-07-31', 'r1', 'crm_history'),
  ('D', '2026-04-20 00:00', 'Prospecting', 20, '2026-07-31', 'r1', 'sync'),
  ('E', '2026-02-03 00:00', NULL, NULL, NULL, 'r1', 'reconstructed'),
  ('E', '2026-03-31 00:00', 'Closed Won', 30, '2026-03-31', 'r1', 'sync')$$,
  'field history: deleted events, those after the sync and those of other deals left out');
SELECT is_empty($$SELECT id FROM salesops.opportunity_history WHERE source_key = 'fh' AND (next_step IS NOT NULL OR loss_reason IS NOT NULL OR custom IS NOT NULL)$$,
  'nothing that was filled in later is told of earlier states');
SELECT results_eq($$SELECT effective_at, is_closed, is_won FROM salesops.opportunity_history WHERE source_key = 'fh' AND id IN ('A', 'B') ORDER BY id, effective_at LIMIT 1$$,
  $$VALUES (timestamptz '2026-01-01', NULL::boolean, NULL::boolean)$$, 'the flags of the end are not those of the beginning');
SELECT results_eq($$SELECT is_closed, stage FROM salesops.opportunity_history WHERE source_key = 'fh' AND id = 'B'$$, $$VALUES (false, 'Qualification')$$,
  'but where the stage was the same, so were they');
SELECT results_eq($$SELECT id, stage_entered_at, confirmed_at FROM salesops.opportunity WHERE source_key = 'fh' AND id < 'D' ORDER BY id$$,
  $$VALUES ('A', timestamptz '2026-04-01 10:00', timestamptz '2026-04-01 10:00'), ('B', '2026-01-05', '2026-03-02 10:00'), ('C', '2026-02-01', '2026-02-01')$$, 'in stage since, confirmed at');
SELECT results_eq($$SELECT t, status, category::text, corporate_amount FROM unnest(ARRAY['2026-01-15', '2026-02-15', '2026-03-10', '2026-04-15']::timestamptz[]) t,
    salesops.opportunity_state(t, 'infinity') WHERE source_key = 'fh' AND id = 'A' ORDER BY t$$,
  $$VALUES (timestamptz '2026-01-15', 'open', 'Pipeline', NULL::numeric), ('2026-02-15', 'open', 'Best Case', NULL), ('2026-03-10', 'open', 'Best Case', 300), ('2026-04-15', 'lost', 'Omitted', 300)$$,
  'a lost deal was open, in the category of its stage then');
SELECT is_empty($$SELECT * FROM salesops.opportunity_as_of('2026-04-15') WHERE source_key = 'fh'$$, 'on 15 April none of it was known here');
SELECT results_eq($$SELECT field, old_value, new_value, effective_at FROM salesops.change_ledger WHERE source_key = 'fh' AND opportunity_id = 'A' AND field IN ('stage', 'amount', 'owner_id') ORDER BY effective_at$$,
  $$VALUES ('stage', 'Prospecting', 'Proposal/Price Quote', timestamptz '2026-02-01 10:00'), ('amount', NULL, '300', '2026-03-01 10:00'),
      ('owner_id', 'r1', 'r2', '2026-03-15 10:00'), ('stage', 'Proposal/Price Quote', 'Closed Lost', '2026-04-01 10:00')$$, 'the ledger tells it change by change');
SET LOCAL datestyle = 'German';
SELECT results_eq($$SELECT opportunity_id, field, old_value, new_value FROM salesops.change_ledger WHERE source_key = 'fh' AND opportunity_id = 'B' AND field = 'close_date'$$,
  $$VALUES ('B', 'close_date', '2026-03-31', '2026-09-30')$$, 'and dates as they sort, whatever the session''s own spelling');
SET LOCAL datestyle = 'ISO, YMD';
-- Once: a later sync does not tell it again; a new deal brings its own.
UPDATE fh.opportunity SET amount = 11 WHERE id = 'C';
INSERT INTO fh.opportunity VALUES ('Z', 'Prospecting', 10, '2026-06-30', 'r1', '2026-02-01', false, false, NULL, NULL, NULL, 10, 'Pipeline', '2026-02-01');
SELECT salesops.sync('fh', '2026-05-02', 'full');
SELECT results_eq($$SELECT id, since, amount, stage FROM pg_temp.states('fh') WHERE id IN ('C', 'Z')$$,
  $$VALUES ('C', timestamptz '2026-02-01', 10::numeric, 'Prospecting'), ('C', '2026-05-02', 11, 'Prospecting'), ('Z', '2026-02-01', 9, 'Prospecting'), ('Z', '2026-03-03 10:00', 10, 'Prospecting')$$,
  'a deal that came later brings its own history');
SELECT is((SELECT count(*) FROM pg_temp.states('fh') WHERE id = 'A'), 5::bigint, 'the others keep theirs');

-- Salesforce, stage log (OpportunityHistory): each row states everything; a row that repeats itself is no change.
CREATE SCHEMA oh;
CREATE TABLE oh.opportunity (id text, stage_name text, amount float, close_date timestamptz, owner_id text, created_date timestamptz);
INSERT INTO oh.opportunity VALUES ('A', 'Qualification', 20, '2026-06-30', 'r1', '2026-01-01 08:00+00');
CREATE TABLE oh.opportunity_history (id text, opportunity_id text, created_date timestamptz, stage_name text, amount float, close_date timestamptz, probability float, forecast_category text, is_deleted boolean);
INSERT INTO oh.opportunity_history VALUES
  ('1', 'A', '2026-01-01 08:00+00', 'Prospecting', NULL, '2026-06-30 00:00+00', 10, 'Pipeline', false),
  ('2', 'A', '2026-02-01 08:00+00', 'Qualification', 15, '2026-06-30 00:00+00', 20, 'Pipeline', false),
  ('3', 'A', '2026-02-05 08:00+00', 'Qualification', 15, '2026-06-30 00:00+00', 20, 'Pipeline', false),
  ('4', 'A', '2026-03-01 08:00+00', 'Qualification', 20, '2026-06-30 00:00+00', 20, 'Pipeline', false);
SELECT salesops.connect('oh', 'fivetran_salesforce', 'oh');
SET LOCAL timezone = 'America/New_York';
SELECT salesops.sync('oh', '2026-05-01 00:00+00');
SET LOCAL timezone = 'UTC';
SELECT results_eq($$SELECT since, stage, amount, close_date FROM pg_temp.states('oh')$$, $$VALUES
  (timestamptz '2026-01-01 08:00', 'Prospecting', NULL::numeric, date '2026-06-30'), ('2026-02-01 08:00', 'Qualification', 15, '2026-06-30'), ('2026-03-01 08:00', 'Qualification', 20, '2026-06-30')$$,
  'stage log: three states of four rows, close dates where they were');
SELECT results_eq($$SELECT stage_entered_at, confirmed_at FROM salesops.opportunity WHERE source_key = 'oh'$$, $$VALUES (timestamptz '2026-02-01 08:00', timestamptz '2026-03-01 08:00')$$,
  'a repeated stage was not entered again');

-- Fivetran history mode: whole versions beside the present one.
CREATE SCHEMA hm;
CREATE TABLE hm.opportunity (id text, stage_name text, amount float, close_date date, next_step text, created_date timestamptz, is_deleted boolean,
  _fivetran_start timestamptz, _fivetran_end timestamptz, _fivetran_active boolean);
INSERT INTO hm.opportunity VALUES
  ('A', 'Prospecting', 10, '2026-06-30', 'Call', '2026-01-01', false, '1970-01-01', '2026-02-01', false),
  ('A', 'Qualification', 10, '2026-06-30', 'Meet', '2026-01-01', false, '2026-02-01', '2026-03-01', false),
  ('A', 'Qualification', 12, '2026-07-31', 'Meet', '2026-01-01', false, '2026-03-01', '9999-12-31', true),
  ('B', 'Prospecting', 1, '2026-06-30', NULL, '2026-01-10', false, '2026-01-10', '9999-12-31', true);
SELECT salesops.connect('hm', 'fivetran_salesforce', 'hm');
SELECT salesops.sync('hm', '2026-05-01');
SELECT results_eq($$SELECT id, since, stage, amount, close_date, origin FROM pg_temp.states('hm')$$, $$VALUES
  ('A', timestamptz '2026-01-01', 'Prospecting', 10::numeric, date '2026-06-30', 'crm_history'), ('A', '2026-02-01', 'Qualification', 10, '2026-06-30', 'crm_history'),
  ('A', '2026-03-01', 'Qualification', 12, '2026-07-31', 'sync'), ('B', '2026-01-10', 'Prospecting', 1, '2026-06-30', 'sync')$$, 'history mode: versions are states');
SELECT results_eq($$SELECT effective_at, next_step, stage_entered_at, confirmed_at FROM salesops.opportunity_version WHERE source_key = 'hm' AND id = 'A' ORDER BY 1$$,
  $$VALUES (timestamptz '2026-01-01', 'Call', timestamptz '2026-01-01', timestamptz '2026-01-01'), ('2026-02-01', 'Meet', '2026-02-01', '2026-02-01'),
      ('2026-03-01', 'Meet', '2026-02-01', '2026-03-01')$$, 'with all their fields; when the stage was entered and the deal confirmed follows from them');

-- Versions that tell of no change yet: how far back they reach is not known.
CREATE SCHEMA still;
CREATE TABLE still.opportunity (LIKE hm.opportunity);
INSERT INTO still.opportunity SELECT * FROM hm.opportunity WHERE _fivetran_active;
SELECT salesops.connect('still', 'fivetran_salesforce', 'still');
SELECT is_empty($$SELECT entity, message FROM salesops.sync('still', '2026-05-01') WHERE entity = 'opportunity' AND sqlstate IS NOT NULL$$, 'versions without a change are synced');
SELECT is_empty($$SELECT target FROM salesops.history_reach WHERE source_key = 'still'$$, '... and reach nowhere');

-- HubSpot: property history and stages; a property states nothing before it was first set.
CREATE SCHEMA hs;
CREATE TABLE hs.deal (deal_id bigint, deal_pipeline_stage_id text, owner_id bigint, property_amount float, property_closedate timestamptz, property_createdate timestamptz);
INSERT INTO hs.deal VALUES (1, 'contractsent', 8, 200, '2026-07-01 03:59+00', '2026-01-01 00:00+00'), (2, 'contractsent', 8, 70, NULL, '2026-01-01 00:00+00');
CREATE TABLE hs.deal_property_history (deal_id bigint, name text, value text, timestamp timestamptz, source text);
INSERT INTO hs.deal_property_history VALUES (1, 'amount', '100', '2026-02-01 00:00+00', 'CRM'), (1, 'amount', '200', '2026-03-01 00:00+00', 'CRM'),
  (1, 'closedate', '2026-07-01T03:59:00Z', '2026-02-01 00:00+00', 'CRM'), (1, 'hubspot_owner_id', '8', '2026-02-15 00:00+00', 'CRM');
CREATE TABLE hs.deal_stage (deal_id bigint, value text, date_entered timestamptz, _fivetran_start timestamptz, _fivetran_active boolean);
INSERT INTO hs.deal_stage VALUES (1, 'appointmentscheduled', '2026-01-01 00:00+00', '2026-01-01', false), (1, 'contractsent', '2026-02-20 00:00+00', '2026-02-20', true);
SELECT salesops.connect('hs', 'fivetran_hubspot', 'hs', '{"time_zone": "America/New_York"}');
SELECT salesops.sync('hs', '2026-05-01');
SELECT results_eq($$SELECT id, since, stage, amount, close_date, owner_id FROM pg_temp.states('hs') WHERE id = '1'$$, $$VALUES
  ('1', timestamptz '2026-01-01', 'appointmentscheduled', NULL::numeric, NULL::date, NULL::text), ('1', '2026-02-01', 'appointmentscheduled', 100, '2026-06-30', NULL),
  ('1', '2026-02-15', 'appointmentscheduled', 100, '2026-06-30', '8'), ('1', '2026-02-20', 'contractsent', 100, '2026-06-30', '8'), ('1', '2026-03-01', 'contractsent', 200, '2026-06-30', '8')$$,
  'HubSpot: amounts, dates and owners are unknown before they were first set, never what they became');
SELECT results_eq($$SELECT id, stage_entered_at FROM salesops.opportunity WHERE source_key = 'hs' ORDER BY 1$$, $$VALUES ('1', timestamptz '2026-02-20'), ('2', '2026-01-01')$$, 'stages are entered when deal_stage says');

-- No history at all: the dates of the deal.
CREATE SCHEMA dates;
CREATE TABLE dates.deals (id text, stage text, amount numeric, began date, ended date, extra text);
INSERT INTO dates.deals VALUES ('won', 'Won', 100, '2026-01-01', '2026-03-01', 'x'), ('open', 'Offer', NULL, '2026-02-01', NULL, 'x'), ('unknown', 'Idea', NULL, NULL, NULL, 'x'), ('odd', 'Won', 5, '2026-04-01', '2026-03-01', 'x');
SELECT salesops.connect('dates', 'generic', 'dates', '{"open_stage": "Offer", "custom_fields": {"opportunity": {"extra": "extra"}},
  "entities": {"opportunity": {"relation": "deals", "columns": {"id": "id", "stage": "stage", "amount": "amount", "created_at": "began", "close_date": "ended"}}}}');
SELECT salesops.map_stage('dates', 'Won', 'won'), salesops.map_stage('dates', 'Offer', 'open', 'Best Case');
SELECT salesops.sync('dates', '2026-05-01');
SELECT results_eq($$SELECT id, since, stage, amount, close_date, origin FROM pg_temp.states('dates')$$, $$VALUES
  ('odd', timestamptz '2026-03-01', 'Won', 5::numeric, date '2026-03-01', 'sync'), ('open', '2026-02-01', 'Offer', NULL, NULL, 'sync'),
  ('unknown', '-infinity', 'Idea', NULL, NULL, 'sync'),
  ('won', '2026-01-01', 'Offer', NULL, NULL, 'reconstructed'), ('won', '2026-03-01', 'Won', 100, '2026-03-01', 'sync')$$, 'from its start to its end a won deal was open; what it was worth then is not known');
SELECT results_eq($$SELECT id, status FROM salesops.opportunity_state('2026-02-15', 'infinity') WHERE source_key = 'dates' ORDER BY 1$$,
  $$VALUES ('open', 'open'), ('unknown', 'open'), ('won', 'open')$$, 'as that day saw it');
SELECT results_eq($$SELECT id, stage_entered_at, confirmed_at FROM salesops.opportunity WHERE source_key = 'dates' AND id = 'unknown'$$, $$VALUES ('unknown', NULL::timestamptz, NULL::timestamptz)$$,
  'of a deal without dates nobody knows when it was confirmed');
SELECT is_empty($$SELECT * FROM salesops.opportunity_history WHERE custom IS NOT NULL AND origin = 'reconstructed'$$, 'nor what its fields were');

SELECT * FROM finish();
ROLLBACK;
