-- Next best actions on a dozen deals whose list every day follows by hand: rank, cap, feedback, what ends, and what an earlier day gave.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(75);

-- Working days: 10 April 2026 is a Friday.
SELECT results_eq($$ SELECT n, add_working_days('2026-04-10', n) FROM unnest(ARRAY[-1, 0, 1, 5, 6]) n $$,
  $$ VALUES (-1, '2026-04-10'::date), (0, '2026-04-10'), (1, '2026-04-13'), (5, '2026-04-17'), (6, '2026-04-20') $$, 'working days from a Friday');
SELECT results_eq($$ SELECT d, add_working_days(d::date, 1) FROM unnest(ARRAY['2026-04-06', '2026-04-11', '2026-04-12']) d $$,
  $$ VALUES ('2026-04-06', '2026-04-07'::date), ('2026-04-11', '2026-04-13'), ('2026-04-12', '2026-04-13') $$, '... from a Monday, a Saturday and a Sunday');
SELECT is_empty($$ SELECT d, n FROM generate_series(date '2026-04-01', '2026-04-14', '1 day') d, generate_series(1, 30) n
                   WHERE n <> (SELECT count(*) FROM generate_series(d + interval '1 day', add_working_days(d::date, n), '1 day') x WHERE extract(isodow FROM x) < 6)
                      OR extract(isodow FROM add_working_days(d::date, n)) > 5 $$, '... always lie that many Mondays to Fridays ahead, on one');

INSERT INTO source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
INSERT INTO rep (source_key, id, name, is_active, is_deleted, effective_at, recorded_at, origin)
SELECT 's', r, initcap(r), r <> 'left', false, '2025-01-01', '2025-01-01', 'sync' FROM unnest(ARRAY['ann', 'bob', 'left', 'zed']) r;
INSERT INTO account (source_key, id, name, owner_id, employees, industry, website_visits, content_downloads, intent_score, last_activity_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', a.id, upper(a.id), 'ann', a.employees, 'Finance', 11, 1, a.intent, a.last_at, false, '2025-01-01', '2025-01-01', 'sync'
FROM (VALUES ('untouched', 6000, 90, NULL::timestamptz), ('asleep', 6000, 60, '2026-01-20 00:00+00'), ('awake', 6000, 90, '2026-04-01'), ('small', 1, 1, NULL)) a(id, employees, intent, last_at);

-- A further state of a deal. Without overrides nothing is asked of it: of usual age, never pushed, confirmed the day before the first night.
CREATE FUNCTION pg_temp.deal(id text, overrides jsonb DEFAULT '{}', since timestamptz DEFAULT '2026-01-01') RETURNS void LANGUAGE sql AS $$
  WITH before AS (SELECT o.* FROM opportunity o WHERE o.id = deal.id), kept AS (INSERT INTO opportunity_history SELECT * FROM before)
  INSERT INTO opportunity SELECT r.* FROM (SELECT coalesce((SELECT to_jsonb(b) FROM before b), jsonb_build_object(
    'source_key', 's', 'id', id, 'name', 'Deal ' || id, 'owner_id', 'ann', 'stage', 'S', 'forecast_category', 'Pipeline', 'amount', 1000, 'currency', 'USD',
    'close_date', '2026-06-30', 'created_at', '2026-01-01T00:00:00Z', 'stage_entered_at', '2026-03-01T00:00:00Z', 'confirmed_at', '2026-04-06T00:00:00Z',
    'is_closed', false, 'is_won', false, 'is_deleted', false, 'origin', 'sync'))
    || jsonb_build_object('effective_at', since, 'recorded_at', since) || overrides AS j) s CROSS JOIN LATERAL jsonb_populate_record(NULL::opportunity, s.j) r
  ON CONFLICT (source_key, id) DO UPDATE
  SET owner_id = excluded.owner_id, amount = excluded.amount, stage = excluded.stage, confirmed_at = excluded.confirmed_at, is_closed = excluded.is_closed, is_won = excluded.is_won,
      is_deleted = excluded.is_deleted, effective_at = excluded.effective_at, recorded_at = excluded.recorded_at;
$$;
CREATE FUNCTION pg_temp.found(id text, rule text, value text DEFAULT NULL, at timestamptz DEFAULT '2026-04-05 00:00+00') RETURNS void LANGUAGE sql AS $$
  INSERT INTO finding (rule, object_kind, source_key, object_id, owner_id, severity, value, first_seen_at, first_run_id) VALUES (rule, 'opportunity', 's', id, 'ann', 'error', value, at, 1);
$$;
-- Feedback that was recorded when it was given, which record_feedback() does by the clock.
CREATE FUNCTION pg_temp.said(object text, word text, at timestamptz, recorded timestamptz DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO action_feedback (action_id, given_at, feedback, given_by, recorded_at)
  SELECT a.action_id, at, word, a.owner_id, coalesce(recorded, at) FROM next_action a WHERE a.object_id = object AND a.offered_at <= at ORDER BY a.offered_at DESC LIMIT 1;
$$;
CREATE FUNCTION pg_temp.list(as_of timestamptz, rep text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(n.rule || ':' || n.object_id, ' ' ORDER BY n."position") FROM next_best_actions(as_of, rep) n;
$$;

-- What was learned: idle over 60 days 4 of 40 (rate 0.10), up to 14 days 15 of 60 (0.25). In between only 19 were seen. In Commit the idle ones were won more often.
SELECT set_setting('model_age', '90 days');
INSERT INTO fitted_risk (as_of, corporate_currency, weights, rates, segment_bounds, stage_bounds)
SELECT '2026-04-01 00:00+00', 'USD', published_weights('2026-04-01 00:00+00'),
       (SELECT jsonb_agg(jsonb_build_object('question', 'won', 'segment', NULL, 'cell', c.cell, 'deals', c.deals, 'hits', 0, 'rate', c.rate))
        FROM (VALUES (ARRAY['Pipeline', 'never pushed', 'idle over 60 days'], 40, 0.10), (ARRAY['Pipeline', 'never pushed', 'idle up to 14 days'], 60, 0.25),
                     (ARRAY['Pipeline', 'never pushed', 'idle 15 to 60 days'], 19, 0.20), (ARRAY['Commit', 'never pushed', 'idle over 60 days'], 30, 0.90),
                     (ARRAY['Commit', 'never pushed', 'idle up to 14 days'], 30, 0.80),
                     (ARRAY['Pipeline', 'never pushed', 'idle up to 14 days', 'older than P90 of won deals'], 30, 0.05),
                     (ARRAY['Pipeline', 'never pushed', 'idle up to 14 days', 'of usual age'], 50, 0.30)) c(cell, deals, rate)),
       '[{"flag": "stalled", "segment": "(all)", "bound": 300, "typical": 60, "unit": "days", "deals": 100, "rests_on": "all segments"}]', '[]';

SELECT pg_temp.deal('d1', '{"confirmed_at": "2026-02-01 00:00+00"}'), pg_temp.deal('d2', '{"confirmed_at": "2026-02-01 00:00+00", "amount": 4000}'), pg_temp.found('d2', 'missing_economic_buyer'),
       pg_temp.deal('d3', '{"confirmed_at": "2026-03-10", "amount": 50000}'), pg_temp.deal('d4', '{"amount": 7000}'), pg_temp.found('d4', 'close_date_past', '2026-04-02'),
       pg_temp.deal('d5', '{"amount": null}'), pg_temp.found('d5', 'missing_amount'), pg_temp.deal('d6', '{"confirmed_at": "2026-02-01 00:00+00", "amount": 2000, "forecast_category": "Commit"}'),
       pg_temp.deal('d7'), pg_temp.deal('d8', '{"confirmed_at": "2026-02-01 00:00+00", "owner_id": "bob"}'), pg_temp.deal('d9', '{"confirmed_at": "2026-02-01 00:00+00", "owner_id": null}'),
       pg_temp.deal('d10', '{"confirmed_at": "2026-02-01 00:00+00", "owner_id": "left"}'), pg_temp.deal('d11', '{"is_closed": true, "is_won": true}'), pg_temp.found('d11', 'close_date_past'),
       pg_temp.deal('d12', '{"confirmed_at": "2026-02-01 00:00+00", "owner_id": "zed", "amount": 10}'), pg_temp.deal('d13', '{"created_at": "2025-01-01", "amount": 1200}');

-- What the rules ask for ----------------------------------------------------------------------------------------------------

CREATE TEMP VIEW candidate AS SELECT * FROM action_candidates('2026-04-07 12:00+00');
SELECT results_eq($$ SELECT rank, rule, object_id, amount, uplift, expected_value FROM candidate WHERE owner_id = 'ann' ORDER BY rank $$,
  $$ VALUES (1::bigint, 'wake_idle_deal', 'd2', 4000::numeric, 0.15::numeric, 600::numeric), (2, 'revive_stalled_deal', 'd13', 1200, 0.25, 300), (3, 'wake_idle_deal', 'd1', 1000, 0.15, 150),
            (4, 'wake_idle_deal', 'd3', 50000, NULL, NULL), (5, 'correct_close_date', 'd4', 7000, NULL, NULL), (6, 'find_economic_buyer', 'd2', 4000, NULL, NULL),
            (7, 'open_account', 'untouched', NULL, NULL, NULL), (8, 'wake_idle_account', 'asleep', NULL, NULL, NULL), (9, 'state_amount', 'd5', NULL, NULL, NULL),
            (10, 'wake_idle_deal', 'd6', 2000, -0.10, -200) $$,
  'worth something first, then by amount, then by score, what brings nothing last');
SELECT results_eq($$ SELECT object_id FROM candidate WHERE owner_id <> 'ann' ORDER BY 1 $$, $$ VALUES ('d10'), ('d12'), ('d8') $$, 'a deal without an owner asks nobody');
SELECT results_eq($$ SELECT object_id, no_value_because FROM candidate WHERE owner_id = 'ann' AND expected_value IS NULL ORDER BY rank $$,
  $$ VALUES ('d3', '19 past deals were like it, 60 were idle up to 14 days instead: 20 of each are needed'), ('d4', 'the past does not tell deals with this from those without'),
            ('d2', 'the past does not tell deals with this from those without'), ('untouched', 'an account has no amount'), ('asleep', 'an account has no amount'), ('d5', 'the amount is unknown') $$,
  'a worth that is not known says why');
SELECT is((SELECT why FROM candidate WHERE object_id = 'd1'),
  'nothing has happened for 65 days. Of 40 past deals like it (Pipeline, never pushed, idle over 60 days) 10.0 % were won in time, of 60 that were idle up to 14 days 25.0 %', 'why, in numbers');
SELECT is((SELECT why FROM candidate WHERE object_id = 'd4'), 'The close date of an open deal is not past: found on 2026-04-05, 2026-04-02', '... of a finding');
SELECT is((SELECT why FROM candidate WHERE object_id = 'asleep'), 'tier 1 account (score 90) without an open deal, last activity 77 days ago', '... of an account');
SELECT is((SELECT why FROM candidate WHERE object_id = 'untouched'), 'tier 1 account (score 100) without an open deal, no activity is known', '... that nobody knows');
SELECT results_eq($$ SELECT rule, due_date FROM candidate WHERE object_id IN ('d1', 'd2') ORDER BY 1, 2 $$,
  $$ VALUES ('find_economic_buyer', '2026-04-14'::date), ('wake_idle_deal', '2026-04-09'), ('wake_idle_deal', '2026-04-09') $$, 'by when, in working days');

-- Signals that the dozen does not show: a score that rose, a finding about an account, an activity that is another by now, one of a deal, one not known yet.
SAVEPOINT signal;
INSERT INTO kept_account_score (source_key, id, as_of, score, run_id)
VALUES ('s', 'awake', '2026-03-20', score_account(6000, 'Finance', 11, 1, 10), 1), ('s', 'awake', '2026-04-05', score_account(6000, 'Finance', 11, 1, 90), 2),
       ('s', 'small', '2026-03-20', score_account(1, 'Finance', 11, 1, 90), 1), ('s', 'small', '2026-04-05', score_account(1, 'Finance', 11, 1, 60), 2);
SELECT results_eq($$ SELECT rule, object_id, why, due_date FROM candidate WHERE signal = 'score' $$,
  $$ VALUES ('follow_interest', 'awake', 'score 100, a week ago 80: intent 0 to 20', '2026-04-08'::date) $$, 'a score that rose by fifteen points or more within a week');
SELECT set_action_rule('name_industry', '{"signal": "finding", "key": "unmapped_industry", "what": "Ask what the company does"}', '2026-01-01');
INSERT INTO finding (rule, object_kind, source_key, object_id, severity, value, first_seen_at, first_run_id) VALUES ('unmapped_industry', 'account', 's', 'small', 'warning', 'Zzyx', '2026-04-05 00:00+00', 1);
SELECT results_eq($$ SELECT object_kind, object_id, owner_id, why FROM candidate WHERE rule = 'name_industry' $$,
  $$ VALUES ('account', 'small', 'ann', 'The industry of the account has a meaning; map_value() gives it one: found on 2026-04-05, Zzyx') $$, 'a finding about an account asks its owner');
SELECT pg_temp.deal('dx', '{"account_id": "small"}');
INSERT INTO activity_history (source_key, id, account_id, happened_at, is_deleted, effective_at, recorded_at, origin) VALUES ('s', 'moved', 'untouched', '2026-03-01', false, '2026-03-02', '2026-03-02', 'sync'),
  ('s', 'moved', 'untouched', '2026-04-02', false, '2026-04-20', '2026-04-20', 'sync');
INSERT INTO activity (source_key, id, account_id, opportunity_id, happened_at, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'moved', 'untouched', NULL, '2026-04-03', false, '2026-05-01', '2026-05-01', 'sync'), ('s', 'of deal', NULL, 'dx', '2026-04-01', false, '2026-04-02', '2026-04-02', 'sync'),
       ('s', 'planned', 'untouched', NULL, '2026-04-20', false, '2026-04-02', '2026-04-02', 'sync'), ('s', 'dropped', 'untouched', NULL, '2026-04-04', true, '2026-04-05', '2026-04-05', 'sync');
SELECT results_eq($$ SELECT account_id, last_at FROM account_contact('2026-04-07 12:00+00', '2026-04-07 12:00+00') WHERE account_id IN ('untouched', 'small') ORDER BY 1 $$,
  $$ VALUES ('small', '2026-04-01'::timestamptz), ('untouched', '2026-03-01') $$, 'the last activity as it was known, of a deal too, neither deleted nor to come');
SELECT results_eq($$ SELECT last_at FROM account_contact('2026-04-07 12:00+00', '2026-05-02') WHERE account_id = 'untouched' $$, $$ VALUES ('2026-04-03'::timestamptz) $$, '... as it is known later');
SELECT pg_temp.deal('nan', '{"confirmed_at": "2026-02-01 00:00+00", "amount": "NaN", "owner_id": "nan"}'),
       pg_temp.deal('inf', jsonb_build_object('confirmed_at', '2026-02-01 00:00+00', 'amount', 'Infinity', 'owner_id', 'inf', 'stage', repeat('🧊', 10000)));
SELECT results_eq($$ SELECT object_id, amount, no_value_because FROM candidate WHERE owner_id IN ('nan', 'inf') ORDER BY 1 $$,
  $$ VALUES ('inf', NULL::numeric, 'the amount is unknown'), ('nan', NULL, 'the amount is unknown') $$, 'an amount that is no number is unknown');
ROLLBACK TO signal;

-- Two days ------------------------------------------------------------------------------------------------------------------

SELECT is(keep_actions('2026-04-07 12:00+00', 1), 7::bigint, 'five for Ann, one for Bob, one for Zed, none for who has left');
SELECT is(pg_temp.list('2026-04-07 12:00+00', 'ann'), 'wake_idle_deal:d2 revive_stalled_deal:d13 wake_idle_deal:d1 wake_idle_deal:d3 correct_close_date:d4', 'the best five, one an object');
SELECT results_eq($$ SELECT owner, object, what, due_date, is_overdue, amount, currency, uplift, expected_value FROM next_best_actions('2026-04-07 12:00+00', 'bob') $$,
  $$ VALUES ('Bob', 'Deal d8', 'Get in touch with the buyer', '2026-04-09'::date, false, 1000::numeric, 'USD', 0.15::numeric, 150::numeric) $$, 'who, what, by when, what for');
SELECT is_empty($$ SELECT FROM next_best_actions('2026-04-07 11:59+00') $$, 'nothing before the first night');
SELECT is(keep_actions('2026-04-07 12:00+00', 2), 0::bigint, 'the same night again writes nothing');
SELECT is(keep_actions('2026-04-07 13:00+00', 2), 0::bigint, '... nor does another of the day');

SELECT pg_temp.said('d2', 'done', '2026-04-07 15:00+00'), pg_temp.said('d1', 'useless', '2026-04-07 15:00+00'), pg_temp.said('d8', 'done', '2026-04-07 15:00+00'),
       pg_temp.said('d12', 'done', '2026-04-07 15:00+00');
SELECT is(pg_temp.list('2026-04-07 16:00+00', 'ann'), 'revive_stalled_deal:d13 wake_idle_deal:d3 correct_close_date:d4', 'done and useless are off the list at once');
SELECT is(keep_actions('2026-04-07 16:00+00', 3), 0::bigint, 'a day that was full brings no more');
-- The deal done keeps another reason, the useless one does not come back, and the accounts are next.
SELECT is(keep_actions('2026-04-08 12:00+00', 4), 2::bigint, 'the next day is filled up');
SELECT is(pg_temp.list('2026-04-08 12:00+00', 'ann'), 'revive_stalled_deal:d13 wake_idle_deal:d3 correct_close_date:d4 find_economic_buyer:d2 open_account:untouched', 'what is open stays');
SELECT is(pg_temp.list('2026-04-08 12:00+00', 'bob'), NULL, 'what is done is not asked again');
SELECT is((SELECT is_overdue FROM next_best_actions('2026-04-09 12:00+00', 'ann') WHERE object_id = 'd3'), false, 'due on the day');
SELECT is((SELECT is_overdue FROM next_best_actions('2026-04-10 00:00+00', 'ann') WHERE object_id = 'd3'), true, '... overdue on the next');

-- What ends -----------------------------------------------------------------------------------------------------------------

UPDATE finding SET resolved_at = '2026-04-09 11:00+00', resolved_run_id = 5 WHERE object_id = 'd4';
SELECT pg_temp.deal('d13', '{"is_closed": true, "is_won": true}', '2026-04-09 10:00+00'), pg_temp.deal('d3', '{"owner_id": "zed"}', '2026-04-09 10:00+00'),
       pg_temp.deal('d8', '{"confirmed_at": "2026-04-09 10:00+00"}', '2026-04-09 10:00+00');
-- Four end (that of Bob was done before); of Ann's list two stay, two new accounts and the deal without an amount follow; Zed has a deal of Ann's.
SELECT is(keep_actions('2026-04-09 12:00+00', 5), 8::bigint, 'what is no longer true ends, and the list is filled up');
SELECT results_eq($$ SELECT a.object_id, e.reason FROM next_action_end e JOIN next_action a USING (action_id) ORDER BY 1 $$,
  $$ VALUES ('d13', 'won'), ('d3', 'another owner'), ('d4', 'no longer true'), ('d8', 'no longer true') $$, '... with the reason');
SELECT is(pg_temp.list('2026-04-09 12:00+00', 'ann'), 'find_economic_buyer:d2 open_account:untouched wake_idle_account:asleep state_amount:d5 wake_idle_deal:d6', 'the list after it');
SELECT is(pg_temp.list('2026-04-09 12:00+00', 'zed'), 'wake_idle_deal:d3', 'the new owner is asked');
SELECT is(keep_actions('2026-04-10 12:00+00', 6), 0::bigint, 'a quiet night writes nothing');

-- An earlier day gives what it gave, whatever was said and learned since.
SELECT is(pg_temp.list('2026-04-07 12:00+00', 'ann'), 'wake_idle_deal:d2 revive_stalled_deal:d13 wake_idle_deal:d1 wake_idle_deal:d3 correct_close_date:d4', 'the first day is what it was');
SELECT pg_temp.said('untouched', 'done', '2026-04-08 13:00+00', '2026-04-10 13:00+00');
SELECT is(pg_temp.list('2026-04-09 12:00+00', 'ann'), 'find_economic_buyer:d2 open_account:untouched wake_idle_account:asleep state_amount:d5 wake_idle_deal:d6', 'what was recorded later was not known');
SELECT is(pg_temp.list('2026-04-10 14:00+00', 'ann'), 'find_economic_buyer:d2 wake_idle_account:asleep state_amount:d5 wake_idle_deal:d6', '... and is since');
SELECT pg_temp.deal('d2', '{"amount": 1000000}', '2026-04-10 15:00+00');
SELECT results_eq($$ SELECT rank, rule, object_id, amount, uplift, expected_value FROM candidate WHERE owner_id = 'ann' AND object_id = 'd2' ORDER BY rank $$,
  $$ VALUES (1::bigint, 'wake_idle_deal', 'd2', 4000::numeric, 0.15::numeric, 600::numeric), (6, 'find_economic_buyer', 'd2', 4000, NULL, NULL) $$, 'nor are the candidates of an earlier day other');

-- Feedback fades -------------------------------------------------------------------------------------------------------------

SELECT is((SELECT weight FROM action_candidates('2026-04-22 12:00+00') WHERE rule = 'wake_idle_deal' AND object_id = 'd1'), 0.25, 'useless: a quarter of the weight after 15 of 60 days');
SELECT is((SELECT weight FROM action_candidates('2026-06-07 12:00+00') WHERE rule = 'wake_idle_deal' AND object_id = 'd1'), 1::numeric, '... all of it after 61');
SELECT is(keep_actions('2026-04-20 12:00+00', 7), 0::bigint, 'done: not asked again for 13 days');
SELECT is(keep_actions('2026-04-21 12:00+00', 8), 1::bigint, '... asked again after 14, where it is still true');
SELECT is(pg_temp.list('2026-04-21 12:00+00', 'zed'), 'wake_idle_deal:d12 wake_idle_deal:d3', '... of Zed');
-- The account is done for 14 days from the 8th; that day has room for one: it.
SELECT is(keep_actions('2026-04-22 12:00+00', 9), 1::bigint, 'a fortnight after the account was done');
SELECT is(pg_temp.list('2026-04-22 12:00+00', 'ann'), 'find_economic_buyer:d2 open_account:untouched wake_idle_account:asleep state_amount:d5 wake_idle_deal:d6', '... it is asked again');

-- Did it help: of the three idle deals that were done one was touched within two days; of those left none.
SELECT results_eq($$ SELECT offered, open, done, useless, judged_done, cured_done, helped_share FROM action_outcomes('2026-04-22 12:00+00') WHERE rule = 'wake_idle_deal' $$,
  $$ VALUES (7::bigint, 3::bigint, 3::bigint, 1::bigint, 3::bigint, 1::bigint, 0.3333) $$, 'a third of what was done is cured');
SELECT results_eq($$ SELECT judged_left, cured_left, left_share FROM action_outcomes('2026-04-22 12:00+00') WHERE rule IN ('revive_stalled_deal', 'correct_close_date') $$,
  $$ VALUES (1::bigint, 1::bigint, 1.0000), (1, 1, 1.0000) $$, 'what went away by itself is beside it');

-- Rules and the cap ----------------------------------------------------------------------------------------------------------

SELECT is((SELECT count(*) FROM action_rules() WHERE is_default AND is_enabled), (SELECT count(*) FROM default_action_rules()), 'the default rules are in force');
SELECT set_action_rule('wake_idle_deal', '{"bound": 70, "min_amount": 500}', '2026-04-23');
SELECT results_eq($$ SELECT as_of, r.bound, r.min_amount, r.what FROM unnest(ARRAY['2026-04-22', '2026-04-23']) as_of, action_rules(as_of::timestamptz) r WHERE r.name = 'wake_idle_deal' $$,
  $$ VALUES ('2026-04-22', 21::numeric, NULL::numeric, 'Get in touch with the buyer'), ('2026-04-23', 70, 500, 'Get in touch with the buyer') $$, 'a change holds from its instant on, the rest stays');
SELECT set_action_rule('state_amount', '{"is_enabled": false}', '2026-04-23');
SELECT set_action_rule('my_stage', '{"signal": "stage", "key": "deal", "stages": ["s"], "bound": 10, "what": "Ask 👋", "weight": 2}', '2026-04-23');
SELECT set_setting('actions_per_rep', '0');
SELECT is(keep_actions('2026-04-23 12:00+00', 10), 4::bigint, 'a rule that is off ends what it asked for, a bound too, and no room offers nothing');
SELECT results_eq($$ SELECT a.object_id, e.reason FROM next_action_end e JOIN next_action a USING (action_id) WHERE e.ended_at = '2026-04-23 12:00+00' ORDER BY 1 $$,
  $$ VALUES ('d12', 'no longer true'), ('d12', 'no longer true'), ('d3', 'no longer true'), ('d5', 'rule changed') $$, '... and says so; what was asked twice ends twice');
SELECT throws_ok($$ SELECT set_action_rule('x', '{"signal": "noise", "key": "k", "what": "w"}') $$, '22023', NULL, 'a signal there is not');
SELECT throws_ok($$ SELECT set_action_rule('x', '{"colour": 1}') $$, '22023', 'a rule of next best actions cannot be read: ''colour'' is not known', 'a column there is not');
SELECT throws_ok($$ SELECT set_action_rule('x', '{}') $$, '22023', NULL, 'a rule needs to say what');
SELECT throws_ok(format($$ SELECT set_action_rule('x', '{"signal": "%s", "key": "%s", "what": "w"}') $$, signal, key), '22023', NULL, format('no signal %s %s', signal, key))
FROM (VALUES ('idle', 'deals'), ('score', 'up'), ('risk', 'stale'), ('stage', 'account')) v(signal, key);
SELECT throws_ok($$ SELECT set_action_rule('wake_idle_deal', '{"tiers": [1, 4]}') $$, '22023', NULL, 'no tier 4');
SELECT throws_ok(format('SELECT set_action_rule(%L, %L)', x.name, x.rule), '22023', format('rule %L of next best actions cannot be like this: ', x.name) || x.wrong, x.wrong) FROM (VALUES
  ('wake_idle_deal', '{"bound": "x"}', 'bound cannot be "x"'), ('wake_idle_deal', '{"due_days": 1e10}', 'due_days cannot be 10000000000'), ('wake_idle_deal', '{"is_enabled": null}', 'is_enabled must not be null'),
  ('wake_idle_deal', '{"weight": 0}', 'weight cannot be 0'), ('wake_idle_deal', '{"key": "nobody"}', 'its signal has no such key'), ('x', '{"bound": 1}', 'signal is missing'),
  ('Loud Name', '{"signal": "idle", "key": "deal", "what": "w"}', 'that is no name')) x(name, rule, wrong);
-- What the signals of everything that is here give is what a rule may name.
SELECT is_empty($$ SELECT DISTINCT s.signal, s.key FROM action_signals('2026-04-22 12:00+00') s WHERE s.signal <> 'finding'
  EXCEPT SELECT * FROM (VALUES ('risk', 'stalled'), ('risk', 'zombie'), ('risk', 'unusually_large'), ('risk', 'likely_to_push'), ('risk', 'category_above_evidence'), ('score', 'rise'), ('score', 'fall'),
                               ('idle', 'deal'), ('idle', 'account'), ('idle', 'untouched'), ('stage', 'deal')) v $$, 'no other signal is given');

-- Owners who are no rep, no longer one, or not to work any more read no list; of a source without reps nobody knows.
SAVEPOINT staff;
SELECT set_setting('actions_per_rep', '9');
INSERT INTO rep (source_key, id, is_active, left_on, is_deleted, effective_at, recorded_at, origin) SELECT 's', r.*, '2025-01-01', '2025-01-01', 'sync'
FROM (VALUES ('went', NULL::boolean, date '2026-04-23', false), ('goes', NULL, '2026-04-24', false), ('struck', true, NULL, true)) r;
SELECT pg_temp.deal('of ' || o, jsonb_build_object('owner_id', o)), pg_temp.found('of ' || o, 'close_date_past', '2026-04-01') FROM unnest(ARRAY['nobody', 'left', 'went', 'goes', 'struck']) o;
SELECT pg_temp.deal('elsewhere', '{"source_key": "t", "owner_id": "who"}');
INSERT INTO source (source_key, kind, schema_name, options) VALUES ('t', 'fivetran_salesforce', 'public', '{}');
INSERT INTO finding (rule, object_kind, source_key, object_id, severity, first_seen_at, first_run_id) VALUES ('close_date_past', 'opportunity', 't', 'elsewhere', 'error', '2026-04-05', 1);
SELECT keep_actions('2026-04-24 12:00+00', 11) \g /dev/null
SELECT results_eq($$ SELECT owner_id FROM next_best_actions('2026-04-24 12:00+00') WHERE object_id LIKE 'of %' OR object_id = 'elsewhere' ORDER BY 1 $$, $$ VALUES ('goes'), ('who') $$, 'whoever reads a list');
ROLLBACK TO staff;

-- What feedback refuses, and by the clock --------------------------------------------------------------------------------------

SELECT throws_ok($$ SELECT record_feedback(-1, 'done') $$, '42704', 'there is no action -1', 'an action there is not');
SELECT throws_ok(format($$ SELECT record_feedback(%s, 'later') $$, (SELECT min(action_id) FROM next_action)), '22023', NULL, 'a word there is not');
SELECT throws_ok(format($$ SELECT record_feedback(%s, 'done', given_at => '2026-04-07 11:00+00') $$, (SELECT min(action_id) FROM next_action)), '22023', NULL, 'nothing is done before it was asked');
SELECT lives_ok($$ SELECT record_feedback(a.action_id, 'useless', repeat('😀', 10000)) FROM next_best_actions(clock(), 'ann') a WHERE a.object_id = 'asleep' $$, 'a long note');
SELECT is((SELECT count(*) FROM next_best_actions(clock() + interval '1 second', 'ann') WHERE object_id = 'asleep'), 0::bigint, '... and off it is');

-- The mart shows the list of the day it is published for.
SELECT refresh_marts('2026-04-09 12:00+00') \g /dev/null
SELECT results_eq($$ SELECT owner_id, string_agg(rule || ':' || object_id, ' ' ORDER BY action_rank) FROM salesops_bi.next_best_action GROUP BY 1 ORDER BY 1 $$,
  $$ VALUES ('ann', pg_temp.list('2026-04-09 12:00+00', 'ann')), ('zed', pg_temp.list('2026-04-09 12:00+00', 'zed')) $$, 'the mart is the list of its day');
SELECT results_eq($$ SELECT account_id, score, tier, size_points, industry_points, engagement_points, intent_points, missing_inputs FROM salesops_bi.account_scorecard ORDER BY 1 $$,
  $$ VALUES ('asleep', 90, 1, 30, 25, 25, 10, '(none)'), ('awake', 100, 1, 30, 25, 25, 20, '(none)'), ('small', 50, 2, 0, 25, 25, 0, '(none)'), ('untouched', 100, 1, 30, 25, 25, 20, '(none)') $$,
  'the scorecard has its components');

SELECT * FROM finish();
ROLLBACK;
