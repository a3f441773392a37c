-- Portfolio design: optima by hand and by enumeration, the laws of an optimum, scenarios, and that nothing hangs on the order of rows.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(38);

-- A prior so sure of itself that the response is known: r = P / 2 (0.2 + 0.8 (1 - exp(-e / 10))), to six digits.
\set sure '"rate":0.5,"rate_deviation":0.001,"rate_between":0.001,"scale":10,"scale_deviation":0.001,"scale_between":0.001,"carryover":0.2,"carryover_deviation":0.001,"carryover_between":0.001'
CREATE FUNCTION pg_temp.response(potential float8, effort float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT potential / 2 * (0.2 + 0.8 * (1 - exp(-effort / 10))) $$;
CREATE FUNCTION pg_temp.is_near(float8, float8, text, tolerance float8 DEFAULT 1e-5) RETURNS text LANGUAGE sql AS
  $$ SELECT ok(coalesce(abs($1 - $2) <= tolerance * greatest(abs($2), 1e-9), false), format('%s: %s, %s wanted', $3, $1, $2)) $$;

-- By hand ------------------------------------------------------------------------------------------------------------------

-- Equal marginal return: P1 exp(-e1 / 10) = P2 exp(-e2 / 10). With P1 = e P2 that is e1 - e2 = 10; of 30 that leaves 20 and 10.
CREATE TEMP TABLE two AS SELECT * FROM (VALUES ('big', 'all', 1000 * exp(1::float8)), ('small', 'all', 1000)) AS v (id, segment, potential);
\set team '"teams":[{"team":"field","segments":["all"],"reps":3,"effort_per_rep":10}],"prior":{' :sure '}'
CREATE TEMP TABLE plan AS SELECT * FROM design_portfolio('TABLE two', NULL, ('{"effort_unit":0,' || :'team' || '}')::jsonb);
SELECT pg_temp.is_near(effort, 20, 'the one with e times the potential gets 10 more') FROM plan WHERE customer_id = 'big';
SELECT pg_temp.is_near(effort, 10, 'the other the rest') FROM plan WHERE customer_id = 'small';
SELECT pg_temp.is_near(revenue, pg_temp.response(1000 * exp(1::float8), 20), 'expected revenue') FROM plan WHERE customer_id = 'big';
SELECT pg_temp.is_near(marginal_return, 1000 * 0.4 / 10 * exp(-1::float8), 'marginal return') FROM plan WHERE customer_id = 'small';
SELECT pg_temp.is_near(marginal_return, 1000 * 0.4 / 10 * exp(-1::float8), 'and of the team') FROM portfolio_teams('TABLE two', NULL, ('{"effort_unit":0,' || :'team' || '}')::jsonb);
-- Of 5 the smaller one gets nothing: its first unit brings 40, the last of the larger one 108.7 exp(-0.5) = 65.9.
SELECT results_eq($$ SELECT customer_id, round(effort::numeric, 6), reason IS NOT NULL FROM design_portfolio('TABLE two', NULL,
    jsonb_set('{"effort_unit":0,$$ || :'team' || $$}', '{teams,0,effort_per_rep}', to_jsonb(5 / 3.0))) $$,
  $$ VALUES ('big', 5.000000, false), ('small', 0, true) $$, 'coverage: below the price nobody is called on');
-- One rep more spreads his 10 evenly: 25 and 15.
SELECT pg_temp.is_near(rep_value, pg_temp.response(1000 * exp(1::float8), 25) - pg_temp.response(1000 * exp(1::float8), 20) + pg_temp.response(1000, 15) - pg_temp.response(1000, 10),
  'one rep more', 1e-4) FROM portfolio_teams('TABLE two', NULL, ('{"effort_unit":0,' || :'team' || '}')::jsonb);
SELECT results_eq($$ SELECT sum(effort), count(*) FILTER (WHERE effort = round(effort)) FROM design_portfolio('TABLE two', NULL, '{$$ || :'team' || $$}') $$,
  $$ VALUES (30::float8, 2::bigint) $$, 'whole units are the default');

-- A product that ships on the first of July raises what the segment brings by 20 % of 184 / 365, in October by 92 / 365 of that.
CREATE TEMP TABLE late AS SELECT * FROM portfolio_tradeoff('TABLE two', NULL, ('{"from":"2026-01-01","to":"2026-12-31",
  "roadmap":[{"product":"analytics","segment":"all","ships_on":"2026-07-01","uplift":0.2}],
  "scenarios":[{"name":"july"},{"name":"october","ships_on":{"analytics":"2026-10-01"}},{"name":"never","ships_on":{"analytics":null}},{"name":"before","ships_on":{"analytics":"2025-05-05"}}],' || :'team' || '}')::jsonb);
SELECT pg_temp.is_near(l.revenue / n.revenue, wanted, 'shipped in ' || l.scenario)
FROM (VALUES ('july', 1 + 0.2 * 184 / 365), ('october', 1 + 0.2 * 92 / 365), ('before', 1.2)) AS v (scenario, wanted) JOIN late l USING (scenario), late n WHERE n.scenario = 'never';
SELECT pg_temp.is_near(o.change, o.revenue - j.revenue, 'the change is the difference to the first scenario', 1e-9) FROM late j, late o WHERE j.scenario = 'july' AND o.scenario = 'october';

-- Targets. Two segments of one customer each, 30 of effort: without targets 15 each. A target of what 20 brings takes 5 away.
CREATE TEMP TABLE pair AS SELECT * FROM (VALUES ('a', 'east', 1000::float8), ('b', 'west', 1000)) AS v (id, segment, potential);
\set both '"teams":[{"team":"field","segments":["east","west"],"reps":3,"effort_per_rep":10}],"prior":{' :sure '}'
CREATE TEMP TABLE target AS
  SELECT * FROM portfolio_segments('TABLE pair', NULL, ('{"effort_unit":0,"scenarios":[{"name":"free"},{"name":"bound","targets":{"east":' || pg_temp.response(1000, 20)
    || '}},{"name":"impossible","targets":{"east":501}},{"name":"idle","targets":{"east":99}},{"name":"hard","target_price":1,"targets":{"east":499}}],' || :'both' || '}')::jsonb);
SELECT pg_temp.is_near(effort, 15, 'without targets each gets half') FROM target WHERE scenario = 'free' AND segment = 'east';
SELECT pg_temp.is_near(effort, 20, 'a target that binds takes what it needs', 1e-3) FROM target WHERE scenario = 'bound' AND segment = 'east';
-- exp(-1) brings west where exp(-2) brings east: a unit of revenue there costs e here, of which it brings back one.
SELECT pg_temp.is_near(target_price, exp(1::float8) - 1, 'at the price of e - 1', 1e-3) FROM target WHERE scenario = 'bound' AND segment = 'east';
SELECT pg_temp.is_near(marginal_return, 1000 * 0.4 / 10 * exp(-1::float8), 'a unit more goes where no target has to be made', 1e-3)
FROM portfolio_teams('TABLE pair', NULL, ('{"effort_unit":0,"targets":{"east":' || pg_temp.response(1000, 20) || '},' || :'both' || '}')::jsonb);
SELECT ok(shortfall > 0 AND abs(target_price - 10) < 1e-9 AND words LIKE 'lacks % at least 10.00 elsewhere', 'one that nobody can make is missed, at the price that was set: ' || words) FROM target WHERE scenario = 'impossible' AND segment = 'east';
SELECT is(target_price, 0::float8, 'one that is made anyway costs nothing') FROM target WHERE scenario = 'idle' AND segment = 'east';
-- (1 + 1) exp(-e1 / 10) = exp(-e2 / 10): e1 - e2 = 10 ln 2.
SELECT pg_temp.is_near(effort, 15 + 5 * ln(2::float8), 'a target that is missed counts for one more at price 1') FROM target WHERE scenario = 'hard' AND segment = 'east';

-- Worlds of random customers --------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.chance(i bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$ SELECT ((hashint8extended(i, seed) & 1048575) + 0.5) / 1048576 $$;
CREATE TEMP TABLE customer AS
  SELECT world, chr(96 + i) AS id, 'all' AS segment, round((100 + 900 * pg_temp.chance(world * 10 + i, 1))::numeric)::float8 AS potential
  FROM generate_series(1, 40) AS world, generate_series(1, 4) AS i;
-- All ways to spread 12 units over four customers, for each world and each minimum.
CREATE TEMP TABLE best AS
  SELECT c.world, m.minimum, max(pg_temp.response(c.p[1], a) + pg_temp.response(c.p[2], b) + pg_temp.response(c.p[3], x) + pg_temp.response(c.p[4], y)) AS revenue
  FROM (SELECT world, array_agg(potential ORDER BY id) AS p FROM customer GROUP BY world) AS c, (VALUES (1), (3), (5)) AS m (minimum),
       generate_series(0, 12) AS a, generate_series(0, 12) AS b, generate_series(0, 12) AS x, LATERAL (SELECT 12 - a - b - x AS y) AS rest
  WHERE y >= 0 AND NOT EXISTS (SELECT FROM unnest(ARRAY[a, b, x, y]) AS e WHERE e > 0 AND e < m.minimum)
  GROUP BY c.world, m.minimum;
CREATE TEMP TABLE found AS
  SELECT b.world, b.minimum, b.revenue AS best, t.rounding_gap, t.effort,
         (SELECT sum(pg_temp.response(c.potential, d.effort)) FROM design_portfolio(q, NULL, o) AS d JOIN customer c ON c.world = b.world AND c.id = d.customer_id) AS revenue
  FROM best b, LATERAL (SELECT format('SELECT id, segment, potential FROM customer WHERE world = %s', b.world),
                               ('{"minimum_effort":' || b.minimum || ',"teams":[{"team":"t","segments":["all"],"effort_per_rep":12}],"prior":{' || :'sure' || '}}')::jsonb) AS x (q, o),
       LATERAL portfolio_tradeoff(q, NULL, o) AS t;
SELECT is_empty($$ SELECT * FROM found WHERE minimum = 1 AND (abs(revenue - best) < 1e-5 * best) IS NOT TRUE $$, 'single units: the best of all plans, in each of 40 worlds');
SELECT is_empty($$ SELECT * FROM found WHERE (revenue < best * (1 + 1e-5) AND effort <= 12) IS NOT TRUE $$, 'never better than the best, which would be more than the capacity');
SELECT is_empty($$ SELECT * FROM found WHERE (best < (revenue + rounding_gap) * (1 + 1e-5) AND rounding_gap > -1e-9) IS NOT TRUE $$, 'no plan is above the bound, with a minimum either');
SELECT ok(sum(best - revenue) < 0.02 * sum(best), 'with a minimum close to the best: ' || round((sum(best - revenue) / sum(best))::numeric, 4)) FROM found WHERE minimum > 1;

-- A first visit of very many units is one step, and what is left after it is not given out unit by unit: alike customers share alike.
SELECT pg_temp.is_near(revenue, 20 * pg_temp.response(1000, 50), 'visits of a billion units')
FROM portfolio_tradeoff($$ SELECT i AS id, 'all' AS segment, 1000 AS potential FROM generate_series(1, 20) i $$, NULL,
                        ('{"minimum_effort":1e9,"teams":[{"team":"t","segments":["all"],"effort_per_rep":1e12}],"prior":{' || replace(:'sure', '"scale":10', '"scale":1e10') || '}}')::jsonb);

-- A portfolio with a past, two teams and targets.
CREATE TEMP TABLE account AS
  SELECT 'c' || i AS id, (ARRAY['enterprise', 'mid', 'small'])[1 + i % 3] AS segment, 1000 * exp(3 * pg_temp.chance(i, 2)) * (3 - i % 3) AS potential
  FROM generate_series(1, 300) AS i;
CREATE TEMP TABLE past AS
  SELECT a.id, effort, a.potential * 0.4 * (0.5 + pg_temp.chance(i, 3)) * (0.1 + 0.9 * (1 - exp(-effort / 8))) * 2 * pg_temp.chance(i * 10 + q, 4) AS revenue
  FROM generate_series(1, 300) AS i JOIN account a ON a.id = 'c' || i, generate_series(1, 3) AS q, LATERAL (SELECT 20 * pg_temp.chance(i * 10 + q, 5)) AS e (effort)
  WHERE i % 4 <> 0;
\set teams '"teams":[{"team":"key","segments":["enterprise"],"reps":4,"effort_per_rep":100},{"team":"field","segments":["mid","small"],"reps":5,"effort_per_rep":100}]'
CREATE TEMP TABLE relaxed AS SELECT * FROM design_portfolio('TABLE account', 'TABLE past', ('{"effort_unit":0,' || :'teams' || '}')::jsonb);
CREATE TEMP TABLE price AS SELECT * FROM portfolio_teams('TABLE account', 'TABLE past', ('{"effort_unit":0,' || :'teams' || '}')::jsonb);
SELECT is_empty($$ SELECT * FROM relaxed r JOIN price p USING (team) WHERE (r.effort = 0 OR abs(r.marginal_return / p.marginal_return - 1) < 1e-9) IS NOT TRUE $$, 'everybody who gets effort brings the same with a unit more');
SELECT is_empty($$ SELECT * FROM relaxed r JOIN price p USING (team) WHERE (r.effort > 0 OR r.marginal_return <= p.marginal_return * (1 + 1e-9)) IS NOT TRUE $$, 'and nobody who gets none would bring more');
SELECT is_empty($$ SELECT * FROM price WHERE (abs(effort / capacity - 1) < 1e-9 AND covered > 0 AND covered < customers) IS NOT TRUE $$, 'all capacity is spent, on some');
SELECT is_empty($$ SELECT r.* FROM relaxed r WHERE (revenue_low < revenue AND revenue < revenue_high) IS NOT TRUE $$, 'every expectation lies within its interval');
SELECT is_empty($$ SELECT * FROM price p WHERE (rep_value_low < rep_value AND rep_value < rep_value_high AND rep_value_low > 0
    AND rep_value < marginal_return * 100 AND rep_value > marginal_return * 50) IS NOT TRUE $$, 'a rep is worth a little less than his effort at the margin');
CREATE TEMP TABLE more AS
  SELECT * FROM portfolio_tradeoff('TABLE account', 'TABLE past', ('{"effort_unit":0,"scenarios":[{"name":"0"},{"name":"1","reps":{"key":5}},{"name":"2","reps":{"key":8,"field":10}},{"name":"3","reps":{"key":16,"field":20}}],' || :'teams' || '}')::jsonb);
SELECT pg_temp.is_near(m.change, p.rep_value, 'the value of a rep is what he brings when he comes', 1e-9) FROM more m, price p WHERE m.scenario = '1' AND p.team = 'key';
SELECT pg_temp.is_near(m.change_high - m.change_low, p.rep_value_high - p.rep_value_low, 'as surely', 1e-2) FROM more m, price p WHERE m.scenario = '1' AND p.team = 'key';
SELECT is_empty($$ SELECT * FROM more a JOIN more b ON b.scenario > a.scenario WHERE (b.revenue > a.revenue AND b.marginal_return < a.marginal_return) IS NOT TRUE $$, 'more capacity brings more, and each unit less');

SELECT is_empty($$ SELECT * FROM more WHERE (abs(rounding_gap) < 1e-9 * revenue) IS NOT TRUE $$, 'where nothing is rounded the bound is met');

-- Customers who respond at different speed: what is learned of them is as good as known, for nothing is left to chance in their past.
CREATE TEMP TABLE pace AS
  SELECT c.world, id, CASE WHEN id < 'd' THEN 'fast' ELSE 'slow' END AS segment, potential * CASE WHEN id < 'd' THEN 1 ELSE 5 END AS potential, CASE WHEN id < 'd' THEN 0.6 ELSE 15 END AS scale FROM customer c WHERE world <= 25;
CREATE TEMP TABLE curve AS
  SELECT p.world, d.*, p.scale, s.scale AS learned, d.marginal_return * s.scale * exp(d.effort / s.scale) AS gain
  FROM (SELECT DISTINCT world FROM pace) AS w,
       LATERAL (SELECT format('SELECT id, segment, potential FROM pace WHERE world = %s', w.world),
                       format('SELECT id, e AS effort, potential * (0.1 + 0.4 * (1 - exp(-e::float8 / scale))) AS revenue FROM pace, unnest(''{0.2,0.5,1,2,4,8,16,32}''::float8[]) AS e WHERE world = %s', w.world),
                       '{"effort_unit":3,"teams":[{"team":"t","segments":["fast","slow"],"effort_per_rep":9}],"prior":{"deal":0.001,"variation":10,"scale_between":2}}'::jsonb) AS x (q, h, o),
       LATERAL portfolio_response(q, h, o) AS s, LATERAL design_portfolio(q, h, o) AS d JOIN pace p ON p.id = d.customer_id
  WHERE p.world = w.world AND s.segment = d.segment;
SELECT is_empty($$ SELECT * FROM curve WHERE (abs(ln(learned / scale)) < 0.05) IS NOT TRUE $$, 'their pace is found');
SELECT is_empty($$
  SELECT c.world, found, best
  FROM (SELECT world, array_agg(gain ORDER BY customer_id) AS g, array_agg(learned ORDER BY customer_id) AS s, sum(gain * (1 - exp(-effort / learned))) AS found FROM curve GROUP BY world) AS c,
       LATERAL (SELECT max(g[1] * (1 - exp(-3 * a / s[1])) + g[2] * (1 - exp(-3 * b / s[2])) + g[3] * (1 - exp(-3 * x / s[3])) + g[4] * (1 - exp(-3 * (3 - a - b - x) / s[4]))) AS best
                FROM generate_series(0, 3) AS a, generate_series(0, 3) AS b, generate_series(0, 3) AS x WHERE a + b + x <= 3) AS b
  WHERE (found BETWEEN best * (1 - 1e-4) AND best * (1 + 1e-9)) IS NOT TRUE $$, 'and the best plan of units of 3, whose order is not that of the margin');

-- The same, to the bit.
CREATE TEMP TABLE whole AS SELECT d::text FROM design_portfolio('TABLE account', 'TABLE past', ('{"minimum_effort":3,"targets":{"small":60000,"mid":9e9},' || :'teams' || '}')::jsonb) AS d;
SELECT set_eq($$ SELECT d::text FROM design_portfolio('SELECT * FROM account ORDER BY md5(id)', 'SELECT * FROM past ORDER BY revenue DESC', ('{"minimum_effort":3,"targets":{"small":60000,"mid":9e9},$$ || :'teams' || $$}')::jsonb) AS d $$,
  'TABLE whole', 'the order of the rows changes no bit');
-- Whatever is above capacity is spent on nobody: whole units, a minimum, two targets.
SELECT is_empty($$ SELECT team, sum(effort) FROM design_portfolio('TABLE account', 'TABLE past', ('{"minimum_effort":3,"targets":{"small":60000,"mid":9e9},$$ || :'teams' || $$}')::jsonb)
  GROUP BY team HAVING sum(effort) > CASE team WHEN 'key' THEN 400 ELSE 500 END OR bool_or(effort > 0 AND effort < 3) OR bool_or(effort <> round(effort)) $$, 'no team spends more than it has, or less than the minimum on anybody');
-- Nobody knows what an unknown potential brings.
SELECT results_eq($$ SELECT customer_id, effort, revenue IS NULL, reason FROM design_portfolio('TABLE two UNION ALL VALUES (''dark'', ''all'', NULL::float8), (''none'', ''all'', 0)', NULL, '{$$ || :'team' || $$}') WHERE effort = 0 ORDER BY 1 $$,
  $$ VALUES ('dark', 0::float8, true, 'no effort: its potential is not known'), ('none', 0, false, 'no effort: a unit of the first 1 would bring 0.00; it would have to bring 14.72') $$, 'unknown is not 0');

SELECT * FROM finish();
ROLLBACK;
