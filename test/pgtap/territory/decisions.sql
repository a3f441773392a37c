-- What becomes of a plan: every way through the states, and none beside; who, when and why; nothing decided is changed or deleted.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
\ir planning_fixture.psql

SELECT pg_temp.plan('first') AS a, pg_temp.plan(NULL) AS b \gset
SELECT is(pg_temp.status(:a), 'draft', 'a plan is a draft');
SELECT throws_ok('SELECT salesops.propose_territory_plan(-1)', '42704', 'there is no territory plan -1', 'a plan that there is not');
SELECT throws_ok('SELECT salesops.propose_territory_plan(NULL)', '42704', NULL, '... nor without a number');

-- All of it: from each state each decision, by the picture in docs/territory_planning.md.
CREATE TEMP TABLE way (state text, reached_by text[], may text[]);
INSERT INTO way VALUES
  ('draft', '{}', '{propose}'),
  ('proposed', '{propose}', '{withdraw,approve,reject}'),
  ('withdrawn', '{propose,withdraw}', '{propose}'),
  ('rejected', '{propose,reject}', '{propose}'),
  ('approved', '{propose,approve}', '{withdraw,reject,publish}'),
  ('withdrawn', '{propose,approve,withdraw}', '{propose}'),
  ('rejected', '{propose,approve,reject}', '{propose}'),
  ('published', '{propose,approve,publish}', '{roll back}'),
  ('rolled back', '{propose,approve,publish,roll back}', '{propose}');
CREATE FUNCTION pg_temp.decide(plan bigint, decision text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT salesops.%s_territory_plan($1%s)', replace(decision, ' ', '_'), CASE WHEN decision IN ('withdraw', 'reject', 'roll back') THEN ', ''because''' END) USING plan;
END $$;
-- What may follow, tried and undone.
CREATE FUNCTION pg_temp.may(plan bigint) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  decision text;
  result text[] := '{}';
BEGIN
  FOREACH decision IN ARRAY '{propose,withdraw,approve,reject,publish,roll back}'::text[] LOOP
    BEGIN
      PERFORM pg_temp.decide(plan, decision);
      RAISE EXCEPTION USING ERRCODE = 'TT000';
    EXCEPTION WHEN SQLSTATE 'TT000' THEN
      result := result || decision;
    WHEN object_not_in_prerequisite_state THEN
      NULL;
    END;
  END LOOP;
  RETURN result;
END $$;
CREATE FUNCTION pg_temp.go(w way) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan bigint := pg_temp.plan(NULL);
  decision text;
BEGIN
  BEGIN
    FOREACH decision IN ARRAY w.reached_by LOOP
      PERFORM pg_temp.decide(plan, decision);
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'TT001', MESSAGE = format('%s may %s', pg_temp.status(plan), pg_temp.may(plan));
  EXCEPTION WHEN SQLSTATE 'TT001' THEN
    RETURN SQLERRM;
  END;
END $$;
SELECT is(pg_temp.go(w), format('%s may %s', w.state, w.may), 'a plan after ' || w.reached_by::text) FROM way w;

SELECT pg_temp.iso(pg_temp.now()) AS before \gset
SELECT salesops.propose_territory_plan(:a, 'two moves less') \g /dev/null
SELECT pg_temp.iso(pg_temp.now()) AS proposed \gset
SELECT results_eq(format('SELECT status, status_by, note, status_since BETWEEN %L AND %L FROM salesops.territory_plans() WHERE plan_id = %s', :'before', :'proposed', :a),
  $$VALUES ('proposed', current_user::text COLLATE "default", 'two moves less', true)$$, 'who, when and why');
SELECT throws_like(format('SELECT salesops.publish_territory_plan(%s)', :a), '%its status is proposed', 'only what is approved is published');
SELECT throws_ok(format('SELECT salesops.reject_territory_plan(%s, NULL)', :a), '22004', 'note must not be NULL', 'who rejects says why');
SELECT throws_ok(format('SELECT salesops.withdraw_territory_plan(%s, NULL)', :a), '22004', NULL, '... who withdraws too');
SELECT throws_ok(format('SELECT salesops.%s_territory_plan(%s, '' '')', d, :a), '22023', 'note must not be empty', 'nothing said is not a reason to ' || d) FROM unnest(ARRAY['reject', 'withdraw', 'roll_back']) d;
SELECT salesops.reject_territory_plan(:a, 'too many') \g /dev/null
SELECT salesops.propose_territory_plan(:a) \g /dev/null
SELECT salesops.approve_territory_plan(:a, 'well then') \g /dev/null
SELECT is(pg_temp.status(:a, :'before'), 'draft', 'what it was before');
SELECT is(pg_temp.status(:a, :'proposed'), 'proposed', '... and in between');
SELECT is(pg_temp.status(:a), 'approved', '... and is now');
SELECT results_eq(format('SELECT "position", decision, decided_before, note FROM salesops.territory_decision WHERE plan_id = %s ORDER BY 1', :a),
  $$VALUES (1, 'propose', NULL, 'two moves less'), (2, 'reject', 'propose', 'too many'), (3, 'propose', 'reject', NULL), (4, 'approve', 'propose', 'well then')$$, 'every decision stays');

SELECT throws_ok('UPDATE salesops.territory_decision SET note = NULL', '23001', NULL, 'no decision is changed');
SELECT throws_ok('DELETE FROM salesops.territory_decision', '23001', NULL, '... or deleted');
SELECT throws_ok('TRUNCATE salesops.territory_decision', '23001', NULL, '... or truncated');
SELECT throws_ok(format($$UPDATE salesops.territory_plan SET name = 'x' WHERE plan_id = %s$$, :a), '23001', NULL, 'no plan is changed');

-- Past the functions the keys hold the chain together.
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 1, 'approve', NULL)$$, :b), '23514', NULL, 'nothing begins with an approval');
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 2, 'approve', 'propose')$$, :b), '23503', NULL, '... nor follows what was not');
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 5, 'publish', 'propose')$$, :a), '23514', NULL, 'nothing is published without approval');
SELECT throws_ok(format($$INSERT INTO salesops.territory_decision (plan_id, "position", decision, decided_before) VALUES (%s, 4, 'reject', 'propose')$$, :a), '23505', NULL, '... or decided twice');
SELECT is(salesops.territory_decision_follows('delete', NULL), false, 'what is no decision follows nothing');

-- Retention: drafts go, whatever has a name or was proposed stays.
SELECT pg_temp.plan(NULL) AS c, pg_temp.plan(NULL) AS d \gset
SELECT salesops.propose_territory_plan(:c), salesops.withdraw_territory_plan(:c, 'no') \g /dev/null
SELECT is(salesops.purge_territory_plans('1 day', pg_temp.now()), 0::bigint, 'young drafts stay');
SELECT throws_ok(format('DELETE FROM salesops.territory_plan_account WHERE plan_id = %s', :a), '23001', NULL, 'rows of a plan with a name cannot be deleted');
SELECT throws_ok(format('DELETE FROM salesops.territory_plan_territory WHERE plan_id = %s', :c), '23001', NULL, '... nor of one that was proposed');
SELECT throws_ok(format('DELETE FROM salesops.territory_plan WHERE plan_id = %s', :a), '23001', NULL, '... nor its head');
SELECT throws_ok(format('DELETE FROM salesops.territory_plan WHERE plan_id = %s', :c), '23503', NULL, '... of either');
-- What was copied stays as long as the copy.
SELECT salesops.plan_territories('SELECT 1 AS id', 'SELECT 1 AS id', '{"name": "copy"}', :d) AS e \gset
SELECT is(salesops.purge_territory_plans('1 day', pg_temp.now() + interval '2 days'), (SELECT count(*) FROM salesops.territory_plan WHERE plan_id NOT IN (:a, :c, :d, :e)), 'old drafts go');
SELECT set_eq('SELECT plan_id FROM salesops.territory_plan', ARRAY[:a, :c, :d, :e]::bigint[], '... and nothing else: one has a name, one was proposed, one was copied');
SELECT set_eq(format('SELECT plan_id FROM salesops.%I', t), ARRAY[:a, :c, :d, :e]::bigint[], '... nor rows of ' || t)
FROM unnest(ARRAY['territory_plan_account', 'territory_plan_territory', 'territory_plan_class']) t;
SELECT throws_ok($$SELECT salesops.set_setting('territory_draft_keep', 'for ever')$$, '22023', NULL, 'the setting takes days');
SELECT lives_ok($$SELECT salesops.set_setting('territory_draft_keep', '30 days')$$, '... as it should');

SELECT * FROM finish();
ROLLBACK;
