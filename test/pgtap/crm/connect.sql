-- connect, disconnect, describe_source: what is accepted, what is refused and how, and that names are only ever names.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(41);

CREATE SCHEMA crm;
CREATE TABLE crm.deals (deal_id text, stage text, value text);
-- The SQLSTATE with which options are refused.
CREATE FUNCTION pg_temp.shape_error(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM salesops.connect('s', 'fivetran_hubspot', 'crm', options);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;

-- Refusals: each with its SQLSTATE.
SELECT throws_ok($$SELECT salesops.connect('s', 'siebel', 'crm')$$, '22023', 'unknown kind of source: ''siebel''');
SELECT throws_ok($$SELECT salesops.connect('s', NULL, 'crm')$$, '22023', 'unknown kind of source: NULL');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'nowhere')$$, '3F000', 'schema "nowhere" does not exist');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', NULL)$$, '3F000', NULL, 'no schema');
SELECT throws_ok($$SELECT salesops.connect(NULL, 'fivetran_hubspot', 'crm')$$, '22023', 'invalid source key: NULL');
SELECT throws_ok($$SELECT salesops.connect('a b', 'fivetran_hubspot', 'crm')$$, '22023', 'invalid source key: ''a b''');
SELECT throws_ok(format($$SELECT salesops.connect(%L, 'fivetran_hubspot', 'crm')$$, repeat('x', 64)), '22023', NULL, 'a key of 64 letters');
SELECT throws_ok($$SELECT salesops.connect('x''; DROP TABLE salesops.source; --', 'fivetran_hubspot', 'crm')$$, '22023', NULL, 'a key that is a statement');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', NULL)$$, '22023', 'options must be a JSON object');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '[]')$$, '22023', 'options must be a JSON object');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"colour": "red"}')$$, '22023', 'unknown option "colour"');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"date_order": "YDM"}')$$, '22023', NULL, 'an order of dates nobody uses');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"time_zone": "Mars/Olympus"}')$$, '22023', NULL, 'a zone of another planet');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"probability_scale": "permille"}')$$, '22023', NULL, 'an unknown scale');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"currency": "Euro"}')$$, '22023', NULL, 'a currency without a code');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm')$$, '22023', 'a generic source needs a column map');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {}}')$$, '22023', 'a generic source needs a column map');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"deal": {"relation": "deals"}}}')$$, '22023', 'unknown entity "deal"');
SELECT throws_ok($$SELECT salesops.connect('s', 'fivetran_hubspot', 'crm', '{"custom_fields": {"deal": {"a": "b"}}}')$$, '22023', 'unknown entity "deal"');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deals", "colums": "x"}}}')$$, '22023',
                 'unknown option "entities.opportunity.colums"');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deals", "columns": {"value": "value"}}}}')$$, '42703',
                 'no canonical column "opportunity.value"');
SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deals", "columns": {"recorded_at": "value"}}}}')$$, '42703',
                 NULL, 'what the sync itself writes is not for a source');
SELECT is_empty(
  $$SELECT o FROM unnest(ARRAY['{"entities": []}', '{"entities": "x"}', '{"entities": {"opportunity": "deals"}}', '{"entities": {"opportunity": {"relation": 1}}}',
      '{"entities": {"opportunity": {"relation": "deals", "columns": ["id"]}}}', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": ["a"]}}}}',
      '{"custom_fields": "x"}', '{"custom_fields": {"opportunity": []}}', '{"custom_fields": {"opportunity": {"a": 1}}}', '{"currency": 1}', '{"open_stage": {}}']::jsonb[]) o
    WHERE pg_temp.shape_error(o) IS DISTINCT FROM '22023'$$, 'options of a wrong shape');

SELECT throws_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entitys": {"opportunity": {"relation": "deals"}}}')$$, '22023', 'unknown option "entitys"', 'an option that there is not, whatever its shape');

SELECT is((SELECT count(*) FROM salesops.source), 0::bigint, 'nothing was registered by what was refused');

-- Connecting, changing, leaving, coming back.
SELECT lives_ok($$SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "deal_id", "stage": "stage"}}}}')$$, 'connect');
SELECT results_eq($$SELECT kind, schema_name, is_active FROM salesops.source$$, $$VALUES ('generic', 'crm', true)$$, 'the registry knows it');
SELECT lives_ok($$SELECT salesops.disconnect('s')$$, 'disconnect');
SELECT is((SELECT is_active FROM salesops.source), false, 'it stays registered, and the night leaves it alone');
SELECT is(salesops.sync_all('2026-01-01'), 0::bigint, 'nothing is synced');
CREATE TEMP TABLE was AS SELECT connected_at FROM salesops.source;
SELECT salesops.connect('s', kind, schema_name, options) FROM salesops.source;
SELECT is((SELECT is_active FROM salesops.source), true, 'connecting again brings it back');
SELECT is((SELECT connected_at FROM salesops.source), (SELECT connected_at FROM was), 'as it was');
SELECT salesops.connect('s', kind, schema_name, options || '{"date_order": "MDY"}') FROM salesops.source;
SELECT cmp_ok((SELECT connected_at FROM salesops.source), '>', (SELECT connected_at FROM was), 'read in another way it starts afresh');
SELECT throws_ok($$SELECT salesops.disconnect('nobody')$$, '42704', 'no source "nobody"');
SELECT throws_ok($$SELECT salesops.sync('nobody')$$, '42704', 'no source "nobody"');
SELECT throws_ok($$SELECT * FROM salesops.describe_source('nobody')$$, '42704', 'no source "nobody"');
SELECT throws_ok($$SELECT salesops.sync('s', mode => 'quick')$$, '22023', 'unknown mode: ''quick''');
SELECT throws_ok($$SELECT salesops.sync('s', 'infinity')$$, '22023', 'as_of must be an instant, not infinity');

-- What a source offers.
SELECT results_eq(
  $$SELECT canonical_column, source_column, source_type, state FROM salesops.describe_source('s') WHERE canonical_column IN ('id', 'stage', 'amount') ORDER BY 1$$,
  $$VALUES ('amount', NULL, NULL, 'missing'), ('id', 'deal_id', 'text', 'found'), ('stage', 'stage', 'text', 'found')$$, 'found and missing');
DROP TABLE crm.deals;
SELECT results_eq($$SELECT entity, relation, state FROM salesops.describe_source('s')$$, $$VALUES ('opportunity', 'deals', 'no such relation')$$, 'a relation that is not there');
CREATE TABLE crm.deals (deal_id text);
SELECT is((SELECT state FROM salesops.describe_source('s') WHERE canonical_column = 'stage'), 'missing, required', 'a required column that is not there');

SELECT * FROM finish();
ROLLBACK;
