-- Findings over several audits: open, quiet, resolved, reopened; what cannot be checked stands; money and completeness.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT no_plan();
\ir deal_fixture.psql
-- Pipeline weighs 20 %: 1000 USD are 200 at risk, 900 EUR at 0.9 EUR for a dollar as well.
SELECT pg_temp.deal('good'), pg_temp.deal('bad', '{"account_id": null, "next_step": null}'), pg_temp.deal('void', '{"amount": null, "product": null}'),
       pg_temp.deal('euro', '{"amount": 900, "currency": "EUR", "product": null, "account_id": null, "owner_id": null}'),
       pg_temp.deal('odd', '{"stage": "Dreaming", "is_closed": null, "is_won": null, "forecast_category": null}') \g /dev/null

CREATE FUNCTION pg_temp.state(rule text, id text) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', s.status, to_char(s.first_seen_at, 'MM-DD'), to_char(s.last_seen_at, 'MM-DD'), s.episodes)
  FROM salesops.finding_status s WHERE s.rule = state.rule AND s.object_id = state.id;
$$;
SET LOCAL timezone = 'UTC';

SELECT is((SELECT count(*) FROM salesops.completeness), 0::bigint, 'no completeness before the first audit');
SELECT is(salesops.audit(1, '2026-06-30 12:00+00'), 6::bigint, 'six findings');
SELECT results_eq('SELECT rule, object_id FROM salesops.finding ORDER BY 1, 2',
  $$VALUES ('missing_account', 'bad'), ('missing_account', 'euro'), ('missing_amount', 'void'), ('missing_next_step', 'bad'), ('missing_owner', 'euro'), ('unmapped_stage', 'odd')$$,
  'these');
SELECT is(pg_temp.state('missing_account', 'bad'), 'open 06-30 06-30 1', 'open');

-- The same night again, later the same day: nothing is written to a finding.
CREATE TEMP TABLE before AS SELECT f.*, f.xmin::text AS written_by, f.ctid::text AS place FROM salesops.finding f;
SELECT is(salesops.audit(2, '2026-06-30 13:00+00'), 6::bigint, 'a night without a change finds the same');
SELECT is_empty('(SELECT f.*, f.xmin::text, f.ctid::text FROM salesops.finding f) EXCEPT ALL TABLE before', 'and writes no finding');
SELECT results_eq('SELECT run_id, opened, resolved, open FROM salesops.audit_log ORDER BY 1', 'VALUES (1::bigint, 6::bigint, 0::bigint, 6::bigint), (2, 0, 0, 6)', 'the log says so');

-- Fixed, lost, deleted.
UPDATE salesops.opportunity SET account_id = 'a' WHERE id = 'bad';
UPDATE salesops.opportunity SET is_closed = true WHERE id = 'void';
UPDATE salesops.opportunity SET is_deleted = true WHERE id = 'odd';
SELECT is(salesops.audit(3, '2026-07-01 12:00+00'), 3::bigint, 'three are left');
SELECT is(pg_temp.state('missing_account', 'bad'), 'resolved 06-30 06-30 1', 'fixed: resolved, last seen by the audit before');
SELECT is(pg_temp.state('missing_amount', 'void'), 'resolved 06-30 06-30 1', 'lost: resolved');
SELECT is(pg_temp.state('unmapped_stage', 'odd'), 'resolved 06-30 06-30 1', 'deleted: resolved');
SELECT is(pg_temp.state('missing_next_step', 'bad'), 'open 06-30 07-01 1', 'the rest is seen again');

-- Broken again: a new episode.
UPDATE salesops.opportunity SET account_id = NULL WHERE id = 'bad';
SELECT is(salesops.audit(4, '2026-07-02 12:00+00'), 4::bigint, 'four');
SELECT is(pg_temp.state('missing_account', 'bad'), 'reopened 06-30 07-02 2', 'broken again: reopened, first seen kept');
SELECT is((SELECT count(*) FROM salesops.finding), 7::bigint, 'as an episode of its own');

-- What cannot be checked tonight did not pass.
INSERT INTO salesops.source_sync (source_key, entity, as_of, mode, relations, targets)
SELECT 's', 'opportunity', '2026-07-03 00:00+00', 'full', '{}', array_remove(array_remove(y.targets, 'next_step'), 'owner_id')
FROM salesops.source_sync y WHERE y.entity = 'opportunity';
SELECT is(salesops.audit(5, '2026-07-03 12:00+00'), 4::bigint, 'findings of a rule that is not checkable any more stand');
SELECT is((SELECT count(*) FROM salesops.audit_tally WHERE run_id = 5 AND rule = 'missing_next_step'), 0::bigint, 'but it counts as no pass');
UPDATE salesops.opportunity SET is_closed = true WHERE id = 'euro';
SELECT is(salesops.audit(6, '2026-07-04 12:00+00'), 2::bigint, 'as long as the deal is open');

-- A rule that fails keeps its findings and is one itself; a disabled one gives them up.
SELECT salesops.add_rule('amount_digit', $$name = 'Deal' AND stated_amount > 1 AND id = 'good'$$) \g /dev/null
SELECT is(salesops.audit(7, '2026-07-05 12:00+00'), 3::bigint, 'a user''s rule');
SELECT salesops.add_rule('amount_digit', $$name::integer > 1$$) \g /dev/null
SELECT is(salesops.audit(8, '2026-07-05 13:00+00'), 4::bigint, 'fails the next day');
SELECT results_eq('SELECT rule, object_id FROM salesops.finding WHERE resolved_at IS NULL ORDER BY 1, 2',
  $$VALUES ('amount_digit', 'good'), ('missing_account', 'bad'), ('missing_next_step', 'bad'), ('rule_failed', 'amount_digit')$$, 'its finding stands, and it is one');
SELECT is((SELECT failed FROM salesops.audit_log WHERE run_id = 8), 1, 'the log counts it');
SELECT salesops.disable_rule('amount_digit') \g /dev/null
SELECT is(salesops.audit(9, '2026-07-05 14:00+00'), 2::bigint, 'disabled, both are resolved');

-- Order of audits.
SELECT throws_ok($$SELECT salesops.audit(10, '2026-07-05 13:00+00')$$, '22023', NULL, 'no audit before the last one');
SELECT throws_ok($$SELECT salesops.audit(9, '2026-07-06 13:00+00')$$, '23505', NULL, 'no run twice');
SELECT lives_ok($$SELECT salesops.audit('2026-07-05 14:00+00'::timestamptz)$$, 'by hand without a run');
SELECT is((SELECT min(run_id) < 0 FROM salesops.audit_log), true, 'numbered below zero');

-- Money at risk counts a deal once; a deal without amount stands apart.
UPDATE salesops.opportunity SET is_closed = false WHERE id IN ('euro', 'void');
UPDATE salesops.opportunity SET confirmed_at = '2026-07-05' WHERE true;
DELETE FROM salesops.source_sync WHERE as_of = '2026-07-03 00:00+00';
SELECT salesops.audit(20, '2026-07-06 12:00+00') \g /dev/null
SELECT results_eq($$SELECT scope, member, deals, deals_without_amount, round(amount_at_risk, 2) FROM salesops.money_at_risk WHERE scope IN ('total', 'severity', 'quarter') ORDER BY 1, 2$$,
  $$VALUES ('quarter', 'FY2026-Q3', 3::bigint, 1::bigint, 400.00), ('severity', 'error', 3, 1, 400.00), ('severity', 'warning', 1, 0, 200.00), ('total', '', 3, 1, 400.00)$$,
  'money at risk, each deal once');
SELECT is((SELECT round(amount_at_risk, 2) FROM salesops.finding_status WHERE rule = 'missing_account' AND object_id = 'euro'), 200.00, 'in corporate currency');
SELECT is((SELECT amount_at_risk FROM salesops.finding_status WHERE object_id = 'void' AND rule = 'missing_amount' AND status <> 'resolved'), NULL, 'unknown is NULL');

-- Completeness: of four open deals, required fields fail for bad (account), euro (account, owner) and void (amount).
SELECT results_eq($$SELECT member, applicable, passed, round(completeness, 4), label FROM salesops.completeness WHERE scope = 'field' ORDER BY 1$$,
  $$VALUES ('account_id', 4::numeric, 2::numeric, 0.5000, 'alarm'), ('amount', 4, 3, 0.7500, 'alarm'), ('close_date', 4, 4, 1.0000, 'on target'),
           ('owner_id', 4, 3, 0.7500, 'alarm'), ('stage', 4, 4, 1.0000, 'on target')$$, 'per field');
SELECT is((SELECT sum(applicable) FROM salesops.completeness WHERE scope = 'rep'), (SELECT applicable FROM salesops.completeness WHERE scope = 'all'), 'reps add up to all');
SELECT is((SELECT sum(passed) FROM salesops.completeness WHERE scope = 'team'), (SELECT passed FROM salesops.completeness WHERE scope = 'all'), 'teams too');
SELECT results_eq($$SELECT x, salesops.completeness_label(x) FROM unnest('{1,0.95,0.9499,0.80,0.7999,0,NULL}'::numeric[]) x$$,
  $$VALUES (1::numeric, 'on target'), (0.95, 'on target'), (0.9499, 'below target'), (0.80, 'below target'), (0.7999, 'alarm'), (0, 'alarm'), (NULL, 'nothing to check')$$,
  'the bars of 95 % and 80 %');
SELECT results_eq($$SELECT member, findings, deals_without_amount FROM salesops.finding_cause WHERE rule = 'missing_account' ORDER BY 1$$,
  $$VALUES ('(none)', 1::bigint, 0::bigint), ('ann', 1, 0)$$, 'grouped by cause');
SELECT * FROM finish();
ROLLBACK;
