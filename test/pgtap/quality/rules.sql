-- Each default rule at its boundary, one deal a case; and values nobody expects.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
SELECT is((SELECT sum(cardinality(e.violations)) FROM salesops.evaluate_rules('2026-06-30 12:00+00') e), 0::bigint,
          'an empty database has no violations');
-- Whatever reports findings has a rule that says what they mean.
SELECT is_empty($$ SELECT r.name FROM salesops.audit_rules() r WHERE r.description ~ '^\s*$' OR r.description IS NULL OR r.description = r.violation $$, 'every rule says what it wants');
SELECT is_empty($$ SELECT p.proname, m.name FROM pg_proc p CROSS JOIN LATERAL regexp_matches(pg_get_functiondef(p.oid), 'report_findings\(\s*[^,()]+,\s*[^,()]+,\s*''([^'']*)''', 'g') AS m(name)
  WHERE p.pronamespace = 'salesops'::regnamespace AND p.prokind = 'f' AND NOT EXISTS (SELECT FROM salesops.audit_rules() r WHERE r.name = m.name[1]) $$, 'nothing reports findings by a name that is no rule');
\ir deal_fixture.psql
INSERT INTO salesops.opportunity (source_key, id, deal_type, stage, is_closed, is_won, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'won' || i, 'New', 'Closed Won', true, true, date '2025-01-01' + i, '2025-01-01 00:00+00', false, '2026-01-01', '2026-01-01', 'sync'
FROM generate_series(1, 100) i;
-- P99 of cycles 1..100 days is 99; 29 renewals are too few to say.
INSERT INTO salesops.opportunity (source_key, id, deal_type, stage, is_closed, is_won, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'renewed' || i, 'Renewal', 'Closed Won', true, true, date '2025-01-02', '2025-01-01 00:00+00', false, '2026-01-01', '2026-01-01', 'sync'
FROM generate_series(1, 29) i;
INSERT INTO salesops.stage_map (source_key, stage, said_by, status, category) VALUES
  ('s', 'Upper', 'user', 'open', 'Commit'), ('s', 'Middle', 'user', 'open', 'Best Case'), ('s', 'Unclear', 'user', 'open', NULL);

CREATE TEMP TABLE expected (n serial, overrides jsonb, roles text[] DEFAULT '{Economic Buyer}', violated text);
INSERT INTO expected (overrides, violated) VALUES
  ('{}', NULL),
  ('{"amount": null}', 'missing_amount'), ('{"close_date": null}', 'missing_close_date'),
  ('{"stage": null}', 'missing_stage'), ('{"stage": ""}', 'missing_stage'),
  ('{"owner_id": null}', 'missing_owner'), ('{"account_id": null}', 'missing_account'),
  -- confirmed: 7 days to the second; either evidence counts; none known is no violation
  ('{"confirmed_at": "2026-06-23T12:00:00Z"}', NULL),
  ('{"confirmed_at": "2026-06-23T11:59:59Z"}', 'not_confirmed'),
  ('{"confirmed_at": "2026-01-01T00:00:00Z", "last_activity_at": "2026-06-29T00:00:00Z"}', NULL),
  ('{"confirmed_at": "2026-01-01T00:00:00Z", "last_activity_at": "2026-07-29T00:00:00Z"}', 'not_confirmed'),
  ('{"confirmed_at": null}', NULL), ('{"confirmed_at": null, "last_activity_at": "2026-01-01T00:00:00Z"}', 'not_confirmed'),
  -- close date
  ('{"close_date": "2026-06-30"}', NULL), ('{"close_date": "2026-06-29"}', 'close_date_past'),
  ('{"created_at": "2026-04-23T00:00:00Z"}', NULL), ('{"created_at": "2026-04-22T00:00:00Z"}', 'close_date_unrealistic'),
  ('{"created_at": "2020-04-22T00:00:00Z", "deal_type": "Renewal"}', NULL), ('{"created_at": "2020-04-22T00:00:00Z", "deal_type": null}', NULL),
  ('{"close_date": "2026-07-01", "created_at": "2026-07-01T00:00:00Z"}', NULL),
  ('{"close_date": "2026-07-01", "created_at": "2026-07-02T00:00:00Z"}', 'close_before_create'),
  ('{"created_at": null}', 'unknown_start'),
  -- amount: list price is 1000
  ('{"amount": 1500}', NULL), ('{"amount": 1500.01}', 'amount_off_list'), ('{"amount": 500}', NULL), ('{"amount": 499.99}', 'amount_off_list'),
  ('{"amount": 0, "list_amount": 0}', 'amount_not_positive'), ('{"amount": 0.01, "list_amount": 0}', NULL),
  ('{"amount": -5}', 'amount_not_positive amount_off_list'), ('{"amount": 600, "list_amount": 400}', NULL),
  ('{"amount": 2000, "quantity": 2}', NULL), ('{"amount": 1e15, "product": null}', NULL), ('{"amount": -1e15, "product": null}', 'amount_not_positive'),
  -- next step
  ('{"next_step": null}', 'missing_next_step'), ('{"next_step": " \t\n"}', 'missing_next_step'),
  ('{"next_step": "Send proposal soon"}', 'vague_next_step'), ('{"next_step": "Budget approval 2026-07-10"}', 'vague_next_step'),
  ('{"next_step": "Call 7/15"}', 'vague_next_step'), ('{"next_step": "Call them Friday"}', NULL),
  ('{"next_step": "SCHEDULED demo, 15.7. 10:00"}', NULL), ('{"next_step": "Meeting CFO next week"}', NULL),
  -- stage and category
  ('{"stage": "Dreaming"}', NULL), ('{"stage": "Dreaming", "is_closed": null, "is_won": null}', 'unmapped_stage'),
  ('{"is_closed": null, "is_won": null}', NULL),
  ('{"forecast_category": "Hope"}', 'unmapped_category'), ('{"forecast_category": ""}', NULL), ('{"forecast_category": null}', NULL),
  ('{"forecast_category": "Best Case"}', NULL), ('{"forecast_category": "Most Likely"}', 'category_conflict'),
  ('{"forecast_category": "Upside"}', NULL), ('{"forecast_category": "Omitted"}', NULL),
  ('{"forecast_category": "Upside", "stage": "Middle"}', NULL), ('{"forecast_category": "Omitted", "stage": "Middle"}', 'category_conflict'),
  ('{"forecast_category": "Closed", "stage": "Upper"}', 'category_conflict'), ('{"forecast_category": "Most Likely", "stage": "Upper"}', NULL),
  ('{"forecast_category": "Commit", "stage": "Unclear"}', NULL),
  -- probability in percent
  ('{"probability": 0}', NULL), ('{"probability": 0.99}', 'probability_scale'), ('{"probability": 1}', NULL), ('{"probability": 100}', NULL),
  ('{"probability": 100.01}', 'probability_scale'), ('{"probability": -1}', 'probability_scale'), ('{"probability": null}', NULL),
  -- owner, product, currency
  ('{"owner_id": "nobody"}', 'owner_unknown'), ('{"owner_id": "gone"}', 'owner_unknown'), ('{"owner_id": "left"}', 'owner_inactive'),
  ('{"owner_id": "unsaid"}', NULL), ('{"product": "Product One"}', NULL), ('{"product": "product one"}', 'unmapped_product'), ('{"product": null}', NULL),
  ('{"currency": "EUR", "product": null}', NULL), ('{"currency": "XAU", "product": null}', 'unconvertible_currency'),
  ('{"currency": "EUR", "amount": 5, "confirmed_at": "2026-06-29T00:00:00Z", "close_date": "2026-04-30", "created_at": "2026-04-01T00:00:00Z"}', 'close_date_past unconvertible_currency'),
  ('{"currency": null}', NULL),
  ('{"unreadable": {"amount": "n/a"}}', 'unreadable_value'), ('{"unreadable": {}}', NULL),
  -- what nobody expects
  ('{"close_date": "1900-01-01"}', 'close_before_create close_date_past'), ('{"close_date": "2208-12-31"}', 'close_date_unrealistic'),
  ('{"created_at": "1900-01-01T00:00:00Z"}', 'close_date_unrealistic'),
  (jsonb_build_object('name', repeat('x', 300), 'stage', repeat('y', 300), 'is_closed', NULL, 'is_won', NULL), 'unmapped_stage'),
  (jsonb_build_object('next_step', repeat('Send ', 3000)), 'vague_next_step'),
  -- no longer open, no longer a deal
  ('{"is_closed": true, "amount": null}', NULL), ('{"is_won": true, "amount": null}', NULL), ('{"merged_into": "x", "amount": null}', NULL),
  ('{"is_deleted": true, "amount": null}', NULL), ('{"stage": "Closed Lost", "is_closed": null, "is_won": null, "amount": null}', NULL);
INSERT INTO expected (overrides, roles, violated) VALUES
  ('{}', '{}', 'missing_contact_role'), ('{}', '{Evaluator,NULL}', 'missing_economic_buyer'), ('{}', '{NULL}', 'missing_economic_buyer'),
  ('{}', '{Evaluator," decision MAKER"}', NULL), ('{}', '{Economic Decision Maker}', NULL),
  ('{"account_id": null, "owner_id": null, "stage": null, "forecast_category": null, "deal_type": null, "product": null, "amount": null,
     "currency": null, "probability": null, "close_date": null, "created_at": null, "next_step": null, "confirmed_at": null, "is_closed": null, "is_won": null}',
   '{}', 'missing_account missing_amount missing_close_date missing_contact_role missing_next_step missing_owner missing_stage unknown_start');
SELECT count(pg_temp.deal('d' || n, overrides, roles)) FROM expected \g /dev/null
CREATE TEMP TABLE found AS
  SELECT v.object_id, string_agg(e.rule, ' ' ORDER BY e.rule) AS violated
  FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v WHERE e.object_kind = 'opportunity' GROUP BY 1;
SELECT is(f.violated, x.violated, left(x.overrides::text, 100) || coalesce(' roles ' || nullif(x.roles, '{Economic Buyer}')::text, ''))
FROM expected x LEFT JOIN found f ON f.object_id = 'd' || x.n ORDER BY x.n;

-- An activity confirms, if it is of the past and not deleted.
SELECT count(pg_temp.deal(id, '{"confirmed_at": "2026-01-01T00:00:00Z"}')) FROM unnest('{active,planned,retracted}'::text[]) id \g /dev/null
INSERT INTO salesops.activity (source_key, id, opportunity_id, happened_at, is_deleted, effective_at, recorded_at, origin) VALUES
  ('s', '1', 'active', '2026-06-25', false, '2026-01-01', '2026-01-01', 'sync'), ('s', '2', 'planned', '2026-07-25', false, '2026-01-01', '2026-01-01', 'sync'),
  ('s', '3', 'retracted', '2026-06-25', true, '2026-01-01', '2026-01-01', 'sync');
SELECT is(pg_temp.violated('active'), NULL, 'an activity confirms a deal');
SELECT is(pg_temp.violated('planned'), 'not_confirmed', 'a planned one does not');
SELECT is(pg_temp.violated('retracted'), 'not_confirmed', 'a deleted one does not');

-- Tallies are the base of completeness.
SELECT is((SELECT sum(t.failed) FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.tallies) t WHERE e.object_kind = 'opportunity'),
          (SELECT count(*) FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) WHERE e.object_kind = 'opportunity')::numeric,
          'tallies count the violations');
SELECT is((SELECT sum(t.applicable) FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{missing_amount}') e, unnest(e.tallies) t),
          (SELECT count(*) FROM salesops.opportunity_state('2026-06-30 12:00+00') WHERE status = 'open')::numeric, 'and every open deal once');

-- A fraction source, and one that lacks columns.
UPDATE salesops.source SET options = '{"probability_scale": "fraction"}';
SELECT pg_temp.deal('half', '{"probability": 0.5}') \g /dev/null
SELECT is(pg_temp.violated('half'), NULL, '0.5 is on the scale of a fraction');
SELECT alike(pg_temp.violated('d1'), 'probability_scale', '20 is not');
UPDATE salesops.source_sync SET targets = array_remove(targets, 'next_step') WHERE entity = 'opportunity';
SELECT is((SELECT cardinality(e.violations) + cardinality(e.tallies) FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{missing_next_step}') e), 0,
          'a rule whose field the source lacks is not checkable: no violation, and no pass either');
SELECT results_eq($$SELECT rule, missing FROM salesops.rule_sources('2026-06-30 12:00+00') WHERE NOT is_checkable ORDER BY 1$$,
                  $$VALUES ('missing_next_step', '{opportunity.next_step}'::text[]), ('vague_next_step', '{opportunity.next_step}')$$, 'and rule_sources() says why');
UPDATE salesops.source_sync SET targets = array_remove(targets, 'list_amount') WHERE entity = 'opportunity';
SELECT ok((SELECT is_checkable FROM salesops.rule_sources('2026-06-30 12:00+00') WHERE rule = 'amount_off_list'), 'one of two alternatives is enough');
UPDATE salesops.source_sync SET targets = array_remove(targets, 'list_price') WHERE entity = 'product';
SELECT ok(NOT (SELECT is_checkable FROM salesops.rule_sources('2026-06-30 12:00+00') WHERE rule = 'amount_off_list'), 'none is not');

-- Sources.
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, duplicates, watermark, targets)
VALUES ('s', 'opportunity', '2026-06-30 12:00+00', 'full', '{}', 3, '2026-06-29 12:00+00', '{id,stage}');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, duplicates, watermark, targets)
VALUES ('s', 'opportunity', '2026-06-30 12:00+00', 'incremental', '{}', 0, '2026-06-29 12:00+00', '{id,stage}');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
VALUES ('s', 'lead', '2026-06-30 12:00+00', 'full', '{}', '42P01', 'relation lead is gone');
SELECT results_eq($$SELECT e.rule, v.object_id, v.value FROM salesops.evaluate_rules('2026-06-30 12:00+00') e, unnest(e.violations) v
                    WHERE e.object_kind = 'source' ORDER BY 1$$,
                  $$VALUES ('duplicate_ids', 'opportunity', '3'), ('source_unreadable', 'lead', '42P01: relation lead is gone')$$,
                  'duplicates of the last full sync and a failed sync are violations of the source; 24 hours are not stale');
SELECT is((SELECT v.value FROM salesops.evaluate_rules('2026-06-30 12:00:01+00', rules => '{source_stale}') e, unnest(e.violations) v),
          '2026-06-29 12:00:00+00', 'a second more is');
SELECT is((SELECT sum(cardinality(violations)) FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{missing_ids}')), 0::bigint,
          'no count of rows without an id is no violation');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, unidentified, targets)
VALUES ('s', 'account', '2026-06-30 12:00+00', 'full', '{}', 2, '{id}'), ('s', 'account', '2026-06-30 12:00+00', 'incremental', '{}', 0, '{id}'),
       ('s', 'rep', '2026-06-30 12:00+00', 'full', '{}', 7, '{id}'), ('s', 'rep', '2026-06-30 12:00+00', 'full', '{}', 0, '{id}'),
       ('s', 'product', '2026-06-30 12:00+00', 'full', '{}', 1, '{id}');
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, sqlstate, message)
VALUES ('s', 'product', '2026-06-30 12:00+00', 'full', '{}', '42P01', 'relation product is gone');
SELECT results_eq($$SELECT e.severity, e.bound, v.object_id, v.value FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{missing_ids}') e, unnest(e.violations) v$$,
                  $$VALUES ('warning', '0', 'account', '2')$$,
                  'rows without an id in the last full sync are one; what a later full sync no longer saw, or one that failed, is not');
SELECT salesops.change_rule('missing_ids', bound => '2') \g /dev/null
SELECT is((SELECT sum(cardinality(violations)) FROM salesops.evaluate_rules('2026-06-30 12:00+00', rules => '{missing_ids}')), 0::bigint, 'as many as the bound are none');
SELECT * FROM finish();
ROLLBACK;
