-- Scores kept night by night: a row a change, what moved by hand, findings about industries that come and go, and nothing known later.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(27);

INSERT INTO source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
-- A further state of an account from an instant on; the one before becomes history.
CREATE FUNCTION pg_temp.account(id text, since timestamptz, overrides jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
  INSERT INTO account_history SELECT a.* FROM account a WHERE a.id = account.id;
  DELETE FROM account a WHERE a.id = account.id;
  INSERT INTO account SELECT r.* FROM jsonb_populate_record(NULL::account, jsonb_build_object(
    'source_key', 's', 'id', id, 'name', upper(id COLLATE "C"), 'owner_id', 'ann', 'employees', 300, 'industry', 'Software', 'website_visits', 0, 'content_downloads', 0,
    'intent_score', 10, 'is_deleted', false, 'effective_at', since, 'recorded_at', since, 'origin', 'sync') || overrides) r;
$$;
SELECT pg_temp.account(a.id, '2026-04-01', a.o) FROM (VALUES
  ('still', '{}'::jsonb), ('rises', '{}'), ('known', '{"intent_score": null}'), ('both', '{"intent_score": 60}'), ('merged', '{}'),
  ('odd', '{"industry": "Zzyx"}'), ('blank', '{"industry": "  "}'), ('none', '{"industry": null}'), ('emoji', '{"industry": "🦄"}')) a(id, o);

-- 10 for over 200 employees, 25 for Technology; intent 60 is 10 more. The industries of four are not known.
SELECT is(keep_account_scores('2026-04-02 00:00+00', 1), 9::bigint, 'the first night keeps every account');
SELECT results_eq($$ SELECT id, score::text FROM kept_account_scores('2026-04-02 00:00+00') ORDER BY 1 $$,
  $$ VALUES ('blank', '10 tier 3 (size 10, industry ?, engagement 0, intent 0)'), ('both', '45 tier 2 (size 10, industry 25, engagement 0, intent 10)'),
            ('emoji', '10 tier 3 (size 10, industry ?, engagement 0, intent 0)'), ('known', '35 tier 3 (size 10, industry 25, engagement 0, intent ?)'),
            ('merged', '35 tier 3 (size 10, industry 25, engagement 0, intent 0)'), ('none', '10 tier 3 (size 10, industry ?, engagement 0, intent 0)'),
            ('odd', '10 tier 3 (size 10, industry ?, engagement 0, intent 0)'), ('rises', '35 tier 3 (size 10, industry 25, engagement 0, intent 0)'),
            ('still', '35 tier 3 (size 10, industry 25, engagement 0, intent 0)') $$, '... as it is');
SELECT is_empty($$ SELECT FROM kept_account_scores('2026-04-01 23:59+00') $$, 'nothing was kept before');
SELECT results_eq($$ SELECT object_id, object_kind, owner_id, severity, value, resolved_at FROM finding WHERE rule = 'unmapped_industry' ORDER BY 1 $$,
  $$ VALUES ('emoji', 'account', 'ann', 'warning', '🦄', NULL::timestamptz), ('odd', 'account', 'ann', 'warning', 'Zzyx', NULL) $$,
  'an industry that is stated and that nobody knows is a finding; one that is not stated is none');

SELECT is(keep_account_scores('2026-04-03 00:00+00', 2), 0::bigint, 'a night without a change writes nothing');
SELECT is(keep_account_scores('2026-04-03 00:00+00', 3), 0::bigint, '... nor does the same night again');

SELECT pg_temp.account('rises', '2026-04-03 12:00+00', '{"intent_score": 81, "website_visits": 11}'), pg_temp.account('known', '2026-04-03 12:00+00', '{"intent_score": 5}'),
       pg_temp.account('both', '2026-04-03 12:00+00', '{"intent_score": 10, "content_downloads": 1}'), pg_temp.account('merged', '2026-04-03 12:00+00', '{"merged_into": "still"}'),
       pg_temp.account('new', '2026-04-03 12:00+00');
SELECT map_value('s', 'industry', 'Zzyx', 'Healthcare', '2026-04-03');
-- The sync of that afternoon is not known at noon.
SELECT is((SELECT count(*) FROM score_movement('2026-04-02 00:00+00', '2026-04-03 00:00+00')), 0::bigint, 'no movement over a quiet night');
SELECT is(keep_account_scores('2026-04-04 00:00+00', 4), 6::bigint, 'what changed, came or went is kept, the industry that was mapped too');
SELECT results_eq($$ SELECT id, total(old_score), total(new_score), old_tier, new_tier, change, component, says FROM score_movement('2026-04-03 00:00+00', '2026-04-04 00:00+00') ORDER BY 1 $$,
  $$ VALUES ('both', 45, 45, 2, 2, 0, 'engagement', 'engagement 0 to 10, intent 10 to 0'),
            ('known', 35, 35, 3, 3, 0, NULL, 'intent ? to 0; now known: intent'),
            ('merged', 35, NULL, 3, NULL, NULL, NULL, 'gone'),
            ('new', NULL, 35, NULL, 3, NULL, NULL, 'new'),
            ('odd', 10, 25, 3, 3, 15, 'industry', 'industry ? to 15; now known: industry'),
            ('rises', 35, 70, 3, 1, 35, 'intent', 'intent 0 to 20, engagement 0 to 15') $$, 'the movement and what moved');
SELECT is((SELECT name || ' ' || owner_id FROM score_movement('2026-04-03 00:00+00', '2026-04-04 00:00+00') WHERE id = 'rises'), 'RISES ann', '... with name and owner');
SELECT results_eq($$ SELECT object_id, resolved_at FROM finding WHERE rule = 'unmapped_industry' ORDER BY 1 $$,
  $$ VALUES ('emoji', NULL::timestamptz), ('odd', '2026-04-04 00:00+00') $$, 'a mapped industry resolves its finding');
SELECT is((SELECT score::text FROM kept_account_scores('2026-04-03 00:00+00') WHERE id = 'rises'), '35 tier 3 (size 10, industry 25, engagement 0, intent 0)', 'an earlier day stays what it was');
SELECT is((SELECT count(*) FROM kept_account_scores('2026-04-04 00:00+00') WHERE id = 'merged'), 0::bigint, 'what is merged has no score');

-- There and back within the span is no movement; what is learned later of an earlier day is none of it either.
SELECT pg_temp.account('rises', '2026-04-04 12:00+00');
SELECT keep_account_scores('2026-04-05 00:00+00', 5) \g /dev/null
SELECT is_empty($$ SELECT FROM score_movement('2026-04-03 00:00+00', '2026-04-05 00:00+00') WHERE id = 'rises' $$, 'there and back is no movement');
UPDATE account SET recorded_at = '2026-04-20', effective_at = '2026-04-02', intent_score = 90 WHERE id = 'still';
SELECT is((SELECT score::text FROM kept_account_scores('2026-04-05 00:00+00') WHERE id = 'still'), '35 tier 3 (size 10, industry 25, engagement 0, intent 0)', 'what is learned later changes nothing that was kept');
SELECT pg_temp.account('merged', '2026-04-05 12:00+00');
SELECT keep_account_scores('2026-04-06 00:00+00', 6) \g /dev/null
SELECT is((SELECT says FROM score_movement('2026-04-05 00:00+00', '2026-04-06 00:00+00') WHERE id = 'merged'), 'new', 'an account that comes back is new');

-- Words of a change.
SELECT results_eq($$ SELECT * FROM score_change(NULL, NULL) $$, $$ VALUES (NULL::integer, NULL::text, NULL::text) $$, 'no change between nothing and nothing');
SELECT results_eq($$ SELECT * FROM score_change(score_account(1, 'Retail', 11, NULL, 1), score_account(1, 'Retail', 11, 1, NULL)) $$,
  $$ VALUES (10, 'engagement', 'engagement 15 to 25, intent 0 to ?; now known: downloads; no longer known: intent') $$, 'what became known and unknown is named');

-- What it refuses.
SELECT throws_ok($$ SELECT keep_account_scores('2026-04-03 00:00+00') $$, '22023', format('scores were kept as of %s already', timestamptz '2026-04-06 00:00+00'), 'no earlier night after a later one');
SELECT throws_ok($$ SELECT keep_account_scores(NULL) $$, '22023', NULL, 'an instant is needed');
SELECT throws_ok($$ SELECT keep_account_scores('infinity') $$, '22023', NULL, '... a finite one');
SELECT throws_ok($$ UPDATE kept_account_score SET run_id = 1 $$, '23001', NULL, 'what was kept is never changed');
SELECT lives_ok($$ SELECT keep_account_scores('2026-04-07 00:00+00') $$, 'by hand');
SELECT is((SELECT count(*) FROM finding WHERE rule = 'unmapped_industry' AND resolved_at IS NULL AND first_run_id = 1), 1::bigint, '... without opening again what is open');

-- The finding has a rule like any other.
SELECT results_eq($$ SELECT r.object_kind, r.severity, r.description FROM audit_rules() r WHERE r.name = 'unmapped_industry' $$,
  $$ VALUES ('account', 'warning', 'The industry of the account has a meaning; map_value() gives it one') $$, 'the finding says what it means');
SELECT disable_rule('unmapped_industry');
SELECT keep_account_scores('2026-04-08 00:00+00') \g /dev/null
SELECT is((SELECT count(*) FROM finding WHERE rule = 'unmapped_industry' AND resolved_at IS NULL), 0::bigint, 'its rule says whether it is looked for');
SELECT change_rule('unmapped_industry', severity => 'error', is_enabled => true);
SELECT keep_account_scores('2026-04-09 00:00+00') \g /dev/null
SELECT is((SELECT severity FROM finding WHERE rule = 'unmapped_industry' AND resolved_at IS NULL), 'error', '... and how grave it is');

SELECT * FROM finish();
ROLLBACK;
