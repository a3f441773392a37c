-- A simulation moves what it must: where nothing changed nothing moves, and what it gives is a plan like any other.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(24);

-- Two islands: who is on one may not have accounts of the other, so that targets there do not depend on who leaves here.
CREATE TEMP TABLE account AS
  SELECT island || id AS id, island || territory AS territory, potential, workload, x, y, distance_cost, relationship, needs || ('island:' || island) AS needs
  FROM unnest('{a,b}'::text[]) AS island, salesops.generate_territory_accounts(600, 12, 5, '2026-06-30');
CREATE TEMP TABLE home AS SELECT island || id AS id, capacity, ramp, x, y, tags || ('island:' || island) AS tags FROM unnest('{a,b}'::text[]) AS island, salesops.generate_territories(600, 12, 5);
CREATE TEMP TABLE made AS SELECT salesops.plan_territories('TABLE account', 'TABLE home', '{"as_of": "2026-06-30", "effort": 0.3, "tolerance": 0.06}') AS base;
SELECT is((SELECT outside FROM made JOIN salesops.territory_plan ON plan_id = base), 0::double precision, 'the plan is within limits');
CREATE TEMP TABLE leaver AS
  SELECT t.territory_id FROM made JOIN salesops.territory_plan_territory t ON t.plan_id = base WHERE t.territory_id LIKE 'a%' ORDER BY t.target[1], t.territory_id LIMIT 1;

CREATE FUNCTION pg_temp.moves(plan bigint, island text) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM salesops.territory_plan_account WHERE plan_id = plan AND account_id LIKE island || '%' AND to_territory IS DISTINCT FROM from_territory $$;
CREATE TEMP TABLE simulated AS
  SELECT c.kind, salesops.simulate_territories(base, c.changes, c.options) AS plan_id
  FROM made, leaver l, LATERAL (VALUES ('nothing', '{}'::jsonb, '{}'::jsonb), ('leaves', jsonb_build_object('leaves', jsonb_build_array(l.territory_id)), '{}'),
    ('joins', jsonb_build_object('joins', jsonb_build_array(jsonb_build_object('id', 'anew', 'like', l.territory_id, 'ramp', 0.5))), '{}'),
    ('ramps', jsonb_build_object('ramps', jsonb_build_object(l.territory_id, 0.5)), '{}'),
    -- However much changes here; wider limits would be a reason to move something there.
    ('falls', jsonb_build_object('ramps', jsonb_build_object(l.territory_id, 0.1)), '{"tolerance": 0.2, "effort": 0}'),
    ('three join', jsonb_build_object('joins', (SELECT jsonb_agg(jsonb_build_object('id', 'anew' || n, 'like', l.territory_id)) FROM generate_series(1, 3) n)), '{"tolerance": 0.2, "effort": 0}')) c(kind, changes, options);
SELECT results_eq($$ SELECT pg_temp.moves(s.plan_id, ''), p.cost <= b.cost FROM simulated s JOIN salesops.territory_plan p USING (plan_id), made m JOIN salesops.territory_plan b ON b.plan_id = m.base WHERE s.kind = 'nothing' $$,
  $$ VALUES (0::bigint, true) $$, 'where nothing changes nothing moves, and no relationship is lost any more');
CREATE TEMP TABLE wider AS SELECT salesops.simulate_territories(base, '{}', '{"tolerance": 0.2}') AS plan_id FROM made;
SELECT is(pg_temp.moves(plan_id, ''), 0::bigint, 'wider limits leave nothing to mend, and nothing moves') FROM wider;
SELECT is(pg_temp.moves(plan_id, 'b'), 0::bigint, kind || ': nothing moves on the other island') FROM simulated WHERE kind <> 'nothing';
SELECT ok(pg_temp.moves(plan_id, 'a') > 0, kind || ': something does on this one') FROM simulated WHERE kind <> 'nothing';
SELECT is_empty($$ SELECT s.kind FROM simulated s JOIN salesops.territory_plan p USING (plan_id) WHERE p.outside > 0 $$, 'all are within limits');
SELECT is_empty($$ SELECT s.kind, v.* FROM simulated s CROSS JOIN LATERAL salesops.verify_territory_plan(s.plan_id) v WHERE NOT v.ok $$, 'and all are what they claim');

-- So many that not every account looks at every territory: from the plan less moves, and the bound is nearly that from nothing, even where a territory is new.
CREATE TEMP TABLE many AS SELECT * FROM salesops.generate_territory_accounts(4000, 60, 3, '2026-06-30');
CREATE TEMP TABLE homes AS SELECT * FROM salesops.generate_territories(4000, 60, 3);
CREATE TEMP TABLE base AS SELECT salesops.plan_territories('TABLE many', 'TABLE homes', '{"as_of": "2026-06-30", "effort": 0.05, "tolerance": 0.03}') AS plan;
CREATE TEMP TABLE went_on AS
  SELECT c.kind, salesops.simulate_territories(b.plan, c.changes) AS warm, salesops.simulate_territories(b.plan, c.changes, '{"warm_from": null, "effort": 0.05}') AS cold
  FROM base b, LATERAL (SELECT territory_id FROM salesops.territory_plan_territory WHERE plan_id = b.plan ORDER BY load[1] DESC, territory_id LIMIT 1) l,
    LATERAL (VALUES ('leaves', jsonb_build_object('leaves', jsonb_build_array(l.territory_id))),
      ('joins', jsonb_build_object('joins', jsonb_build_array(jsonb_build_object('id', 'anew', 'like', l.territory_id))))) c(kind, changes);
SELECT is((SELECT sum(outside) FROM went_on JOIN salesops.territory_plan ON plan_id IN (warm, cold)), 0::double precision, 'both are within limits, with fewer columns than territories');
SELECT cmp_ok(pg_temp.moves(warm, ''), '<', pg_temp.moves(cold, ''), kind || ': fewer move than from nothing') FROM went_on;
SELECT is_empty($$ SELECT kind, w.bound, c.bound FROM went_on JOIN salesops.territory_plan w ON w.plan_id = warm JOIN salesops.territory_plan c ON c.plan_id = cold WHERE w.bound < 0.97 * c.bound $$,
  'from former prices the bound is as high, but for 3 %');

-- Three measures, and three who join in one place: where going on ends dear, all is polished.
CREATE TEMP TABLE three AS
  SELECT salesops.plan_territories('SELECT * FROM salesops.generate_territory_accounts(5000, 60, 7, ''2026-06-01'')', 'SELECT * FROM salesops.generate_territories(5000, 60, 7)',
    '{"as_of": "2026-06-01", "effort": 0.05, "measures": {"potential": 0.03, "workload": 0.05, "accounts": 0.1}}') AS plan;
CREATE TEMP TABLE crowded AS
  SELECT salesops.simulate_territories(plan, (SELECT jsonb_build_object('joins', jsonb_agg(jsonb_build_object('id', 'anew' || n, 'like', 'territory-54'))) FROM generate_series(1, 3) n)) AS plan_id FROM three;
SELECT ok(outside = 0 AND cost <= 1.05 * bound, format('who goes on is near the bound: cost %s, bound %s', cost, bound)) FROM crowded JOIN salesops.territory_plan USING (plan_id);

-- Where the plan cannot go on within limits it is planned from nothing too, and is no further outside.
CREATE TEMP TABLE tight AS
  SELECT salesops.plan_territories('SELECT * FROM salesops.generate_territory_accounts(300, 12, 9, ''2026-06-30'')', 'SELECT * FROM salesops.generate_territories(300, 12, 9)',
    '{"as_of": "2026-06-30", "effort": 0.05, "tolerance": 0.15}') AS base;
CREATE TEMP TABLE stuck AS
  SELECT salesops.simulate_territories(base, changes) AS warm, salesops.simulate_territories(base, changes, '{"warm_from": null, "effort": 1}') AS cold
  FROM tight, LATERAL (SELECT jsonb_build_object('leaves', jsonb_build_array(territory_id)) AS changes FROM salesops.territory_plan_territory WHERE plan_id = base
    ORDER BY load[1] DESC, territory_id LIMIT 1) l;
SELECT ok(c.outside > 0 AND w.outside <= c.outside AND w.bound >= c.bound, format('outside by %s from the plan, %s from nothing; bounds %s and %s', w.outside, c.outside, w.bound, c.bound))
FROM stuck JOIN salesops.territory_plan w ON w.plan_id = warm JOIN salesops.territory_plan c ON c.plan_id = cold;
SELECT is_empty($$ SELECT v.* FROM stuck CROSS JOIN LATERAL salesops.verify_territory_plan(warm) v WHERE NOT v.ok $$, 'and the bound is that of the prices which are kept');

-- Prices in moves say nothing of costs, and those of a plan whose moves are made say nothing of the fewest: such a plan is that from nothing.
CREATE TEMP TABLE fewest AS SELECT base, salesops.simulate_territories(base, '{}', '{"objective": "fewest_moves"}') AS plan_id FROM made;
CREATE TEMP TABLE returned AS SELECT plan_id AS base, salesops.simulate_territories(plan_id, '{}', '{"objective": "cost"}') AS plan_id FROM fewest;
CREATE FUNCTION pg_temp.from_nothing(base bigint, like_plan bigint) RETURNS bigint LANGUAGE sql AS $$
  SELECT salesops.plan_territories(salesops.territory_plan_accounts_sql(base, '{}'), salesops.territory_plan_territories_sql(base, '{}'), p.options - 'warm_from')
  FROM salesops.territory_plan p WHERE p.plan_id = like_plan $$;
CREATE TEMP TABLE compared AS SELECT p.plan_id, pg_temp.from_nothing(p.base, p.plan_id) AS anew FROM (TABLE fewest UNION ALL TABLE returned) p;
SELECT is((p.cost, p.bound, p.outside), (q.cost, q.bound, q.outside), p.options ->> 'objective' || ': the plan from nothing, and its bound')
FROM compared c JOIN salesops.territory_plan p USING (plan_id) JOIN salesops.territory_plan q ON q.plan_id = c.anew;
SELECT * FROM finish();
ROLLBACK;
