-- Publication: who has which account at any instant, as known at any other; taken back, and what is refused.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();
\ir planning_fixture.psql

CREATE FUNCTION pg_temp.approved(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan bigint := pg_temp.plan(name);
BEGIN
  PERFORM salesops.propose_territory_plan(plan), salesops.approve_territory_plan(plan);
  RETURN plan;
END $$;

SELECT is(pg_temp.holds(pg_temp.now()), NULL, 'before the first publication nobody has anything');
SELECT pg_temp.approved('first') AS a, pg_temp.iso(pg_temp.now()) AS t0 \gset
SELECT throws_ok(format('SELECT salesops.publish_territory_plan(%s, %L)', :a, :'t0'), '22023', NULL, 'not from an instant in the past');
SELECT throws_ok(format('SELECT salesops.publish_territory_plan(%s, ''infinity'')', :a), '22023', NULL, '... nor from never');
SELECT throws_ok(format('SELECT salesops.publish_territory_plan(%s, NULL)', :a), '22004', NULL, '... nor without one');
SELECT throws_ok('SELECT salesops.publish_territory_plan(-1)', '42704', NULL, 'a plan that there is not');

-- January, then February over it, by the calendar of the plans.
SELECT pg_temp.iso(pg_temp.now() + interval '1 month') AS january, pg_temp.iso(pg_temp.now() + interval '2 months') AS february, pg_temp.iso(pg_temp.now() + interval '3 months') AS march \gset
SELECT is(salesops.publish_territory_plan(:a, :'january', 'new year'), 1::bigint, 'published ahead');
SELECT pg_temp.iso(pg_temp.now()) AS t1 \gset
SELECT is(pg_temp.holds(:'t1'), NULL, 'nothing holds before it takes effect');
SELECT is(pg_temp.holds(:'january'), 'a1 north, a2 north, a3 south, a4 south, a5 west, a6 west', 'from that instant on it holds');
SELECT is(pg_temp.holds(:'january', :'t0'), NULL, '... but that was not known before');
SELECT is(pg_temp.status(:a), 'published', 'it is published');

-- February begins from January.
SELECT throws_like(format('SELECT salesops.publish_territory_plan(%s, %L)', pg_temp.approved('from where they were'), :'february'), '%is stale: 1 of its accounts%', 'a plan that begins from what was is stale');
SELECT throws_ok(format('SELECT salesops.publish_territory_plan(%s, %L)', :a, :'february'), '55000', NULL, 'a plan is not published twice');
UPDATE crm.account SET territory = goes;
UPDATE crm.account SET goes = CASE id WHEN 'a1' THEN 'south' ELSE 'west' END WHERE id IN ('a1', 'a3');
SELECT pg_temp.approved('second') AS b, pg_temp.approved('third') AS c \gset
SELECT is_empty(format('SELECT * FROM salesops.stale_territory_accounts(%s, %L)', :b, :'february'), 'a plan that begins from what will hold is not');
SELECT is_empty(format('SELECT * FROM salesops.stale_territory_accounts(%s, %L)', :b, :'t1'), '... nor where nothing holds yet');
SELECT throws_like(format('SELECT salesops.publish_territory_plan(%s)', :b), '%would come before plan%', 'none comes before one that is already announced');
SELECT salesops.publish_territory_plan(:b, :'february') \g /dev/null
SELECT pg_temp.iso(pg_temp.now()) AS t2 \gset
SELECT is(pg_temp.holds(:'january'), 'a1 north, a2 north, a3 south, a4 south, a5 west, a6 west', 'January stays');
SELECT is(pg_temp.holds(:'february'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', 'February is new');
SELECT is(pg_temp.holds(:'february', :'t1'), 'a1 north, a2 north, a3 south, a4 south, a5 west, a6 west', '... and was not known in between');
SELECT results_eq(format('SELECT account_id, planned_from, has_territory, by_plan FROM salesops.stale_territory_accounts(%s, %L)', :c, :'march'),
                  format('VALUES (%L, %L, %L, %s::bigint), (%L, %L, %L, %s)', 'a1', 'north', 'south', :b, 'a3', 'south', 'west', :b), 'the third began from January: stale, account by account');
CREATE FUNCTION pg_temp.complaint(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE call;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN SQLSTATE || ' ' || detail || ' ' || hint;
END $$;
SELECT matches(pg_temp.complaint(format('SELECT salesops.publish_territory_plan(%s, %L)', :c, :'march')),
               '^55000 a1: planned from north, is with south; a3: planned from south, is with west SELECT \* FROM salesops.stale_territory_accounts\(' || :c || ', .*territory_assignments', 'the error lists them and says how to plan again');
SELECT is(pg_temp.status(:c), 'approved', '... and changes nothing');

-- A plan for some accounts leaves the others alone.
UPDATE crm.account SET territory = goes;
UPDATE crm.account SET goes = 'north' WHERE id = 'a4';
SELECT salesops.plan_territories('SELECT id, territory, goes AS locked_to, potential FROM crm.account WHERE id = ''a4'' UNION ALL SELECT ''a7'', NULL, ''north'', 1', 'SELECT id FROM crm.territory',
                                 '{"name": "a part", "measures": {"potential": 0.9}}') AS d \gset
SELECT salesops.propose_territory_plan(:d), salesops.approve_territory_plan(:d), salesops.publish_territory_plan(:d, :'march') \g /dev/null
SELECT is(pg_temp.holds(:'march'), 'a1 south, a2 north, a3 west, a4 north, a5 west, a6 west, a7 north', 'two accounts change in March, of which one is new');

-- Rollback: what held before holds again, and what held stays known.
SELECT throws_like(format('SELECT salesops.roll_back_territory_plan(%s, ''why'')', :b), '%began from it', 'not under a plan that began from it');
SELECT throws_ok(format('SELECT salesops.roll_back_territory_plan(%s, NULL)', :d), '22004', NULL, 'who rolls back says why');
SELECT throws_ok(format('SELECT salesops.roll_back_territory_plan(%s, ''why'', %L)', :d, :'t0'), '22023', NULL, 'the past stays');
SELECT throws_ok(format('SELECT salesops.roll_back_territory_plan(%s, ''why'')', :c), '55000', NULL, 'only what is published is rolled back');
SELECT pg_temp.iso(timestamptz :'march' + interval '10 days') AS later \gset
SELECT lives_ok(format('SELECT salesops.roll_back_territory_plan(%s, ''customers complain'', %L)', :d, :'later'), 'taken back from an instant on');
SELECT pg_temp.iso(pg_temp.now()) AS t3 \gset
SELECT is(pg_temp.holds(:'march'), 'a1 south, a2 north, a3 west, a4 north, a5 west, a6 west, a7 north', 'until then it holds');
SELECT is(pg_temp.holds(:'later'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', 'from then on what was before; what it brought alone is nobody''s');
SELECT is(pg_temp.holds(:'later', :'t2'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', '... as known before the plan');
SELECT results_eq(format('SELECT status, effective_from, taken_back_from, note FROM salesops.territory_plans() WHERE plan_id = %s', :d),
                  format('VALUES (%L, %L::timestamptz, %L::timestamptz, %L)', 'rolled back', :'march', :'later', 'customers complain'), 'the plan says so');
-- Taken back before it takes effect it never does, and once it does not the one below can go too.
SELECT salesops.roll_back_territory_plan(:b, 'not at all', :'later') \g /dev/null
SELECT is(pg_temp.holds(:'february'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', 'February held');
SELECT is(pg_temp.holds(:'later'), 'a1 north, a2 north, a3 south, a4 south, a5 west, a6 west', 'then January again');
-- And it may be proposed, approved and published once more.
SELECT salesops.propose_territory_plan(:b), salesops.approve_territory_plan(:b), salesops.publish_territory_plan(:b, timestamptz :'later' + interval '1 day') \g /dev/null
SELECT is(pg_temp.holds(timestamptz :'later' + interval '1 day'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', 'a plan comes back');
SELECT is(pg_temp.holds(:'later', :'t3'), 'a1 south, a2 north, a3 west, a4 south, a5 west, a6 west', 'what was known when stays');

-- Publications are numbered without a gap, and are never changed.
SELECT results_eq('SELECT publication_id, plan_id, takes_back FROM salesops.territory_publication ORDER BY 1',
                  format('VALUES (1::bigint, %1$s::bigint, NULL::bigint), (2, %2$s, NULL), (3, %3$s, NULL), (4, %3$s, 3), (5, %2$s, 2), (6, %2$s, NULL)', :a, :b, :d), 'the chain of publications');
SELECT throws_ok(format(c, t), '23001', NULL, format('%s: %s', t, c))
FROM unnest(ARRAY['territory_publication', 'territory_assignment']) t, unnest(ARRAY['UPDATE salesops.%s SET publication_id = 9', 'DELETE FROM salesops.%s', 'TRUNCATE salesops.%s CASCADE']) c;

-- A plan that somebody altered is not published.
UPDATE crm.account SET territory = CASE id WHEN 'a4' THEN 'south' ELSE goes END;
SELECT pg_temp.approved('altered') AS e \gset
ALTER TABLE salesops.territory_plan_account DISABLE TRIGGER append_only;
UPDATE salesops.territory_plan_account SET amount[1] = amount[1] + 1 WHERE plan_id = :e AND account_id = 'a2';
ALTER TABLE salesops.territory_plan_account ENABLE TRIGGER append_only;
SELECT throws_ok(format('SELECT salesops.publish_territory_plan(%s, %L)', :e, timestamptz :'later' + interval '2 days'), 'XX001', NULL, 'an altered plan is refused');

SELECT * FROM finish();
ROLLBACK;
