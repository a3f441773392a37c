-- What makes no sense is refused in words: of the customers, of their past, of the options.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(66);

CREATE TEMP TABLE customer AS SELECT * FROM (VALUES ('a', 'east', 1000::float8), ('b', 'west', 500)) AS v (id, segment, potential);
CREATE TEMP TABLE options AS
  SELECT '{"teams":[{"team":"field","segments":["east","west"],"reps":2,"effort_per_rep":100}]}'::jsonb AS good;

-- Queries.
SELECT throws_ok(format('SELECT * FROM portfolio_tradeoff(%L, %L, (SELECT good FROM options))', customers, past), state, message, 'refused: ' || message)
FROM (VALUES
  ('SELECT * FROM customer WHERE false', NULL, '22023', 'there are no customers'),
  ('SELECT NULL::text AS id, segment, potential FROM customer', NULL, '22004', 'id of a customer must not be NULL'),
  ('SELECT id, NULL::text AS segment, potential FROM customer', NULL, '22004', 'segment of a customer must not be NULL'),
  ('SELECT id, segment, -potential AS potential FROM customer', NULL, '22003', 'potential of customer "a" must be a number from 0 to 1e15, not -1000'),
  ('SELECT id, segment, float8 ''NaN'' AS potential FROM customer', NULL, '22003', 'potential of customer "a" must be a number from 0 to 1e15, not NaN'),
  ('SELECT id, segment, float8 ''Infinity'' AS potential FROM customer', NULL, '22003', 'potential of customer "a" must be a number from 0 to 1e15, not Infinity'),
  -- Numbers that no float8 holds: the row and the column are named, and not what a cast says.
  ('SELECT id, segment, 1e400 AS potential FROM customer WHERE id = ''b''', NULL, '22003', 'potential of customer "b" must be a number from 0 to 1e15, not 1000000000000000... (401 characters)'),
  ('SELECT id, segment, numeric ''-Infinity'' AS potential FROM customer', NULL, '22003', 'potential of customer "a" must be a number from 0 to 1e15, not -Infinity'),
  ('TABLE customer', 'SELECT ''b'' AS id, 1e400 AS effort, 5 AS revenue', '22003', 'past effort of customer "b" must be a number from 0 to 1e15, not 1000000000000000... (401 characters)'),
  ('TABLE customer', 'SELECT ''b'' AS id, 1 AS effort, numeric ''NaN'' AS revenue', '22003', 'past revenue of customer "b" must be a number from 0 to 1e15, not NaN'),
  ('SELECT id, segment, ''1,000'' AS potential FROM customer', NULL, '42804', 'column "potential" of customers_sql must be a number'),
  ('SELECT id, potential FROM customer', NULL, '42703', 'customers_sql has no column "segment"'),
  ('TABLE customer', 'SELECT id, 1 AS effort, 2 AS effort, 3 AS revenue FROM customer', '42702', 'history_sql has two columns named "effort"'),
  ('TABLE customer UNION ALL TABLE customer', NULL, '23505', 'customer "a" is given twice'),
  ('TABLE customer UNION ALL VALUES (''a'', ''west'', 2)', NULL, '23505', 'customer "a" is given twice'),
  ('TABLE customer', 'SELECT ''a'' AS id, -1 AS effort, 5 AS revenue', '22003', 'past effort of customer "a" must be a number from 0 to 1e15, not -1'),
  ('TABLE customer', 'SELECT ''b'' AS id, 1 AS effort, -5 AS revenue', '22003', 'past revenue of customer "b" must be a number from 0 to 1e15, not -5'),
  ('TABLE customer', 'SELECT ''b'' AS id, 1 AS effort, ''NaN''::float8 AS revenue', '22003', 'past revenue of customer "b" must be a number from 0 to 1e15, not NaN')
) AS v (customers, past, state, message);
SELECT throws_ok(format('SELECT * FROM design_portfolio(%s, NULL, %s)', c, o), '22004', message, message)
FROM (VALUES ('NULL', '''{}''', 'customers_sql must not be NULL'), ('''TABLE customer''', 'NULL', 'options must not be NULL')) AS v (c, o, message);
SELECT throws_ok($$ SELECT * FROM design_portfolio('SELECT id, segment FROM customer', NULL, (SELECT good FROM options)) $$, '42703', NULL, 'a column that is not there');
SELECT throws_ok($$ SELECT * FROM design_portfolio('DELETE FROM customer RETURNING *', NULL, (SELECT good FROM options)) $$, '22023', 'customers_sql is not a query that only reads', 'a command that is no query');
SELECT throws_ok($$ SELECT * FROM design_portfolio('TABLE customer; SELECT 1', NULL, (SELECT good FROM options)) $$, '22023', 'customers_sql is not a query that only reads', 'two queries');
SELECT throws_ok($$ SELECT * FROM design_portfolio('TABLE customer', '', (SELECT good FROM options)) $$, '22023', 'history_sql is not a query that only reads', 'no query');
SELECT lives_ok($$ SELECT * FROM design_portfolio(E'TABLE customer -- all\n;', NULL, (SELECT good FROM options)) $$, 'a query may end as it likes');
SELECT results_eq($$ SELECT customer_id, effort, reason FROM design_portfolio('TABLE customer', NULL, (SELECT jsonb_set(good, '{teams,0,effort_per_rep}', '10') || '{"minimum_effort": 50}' FROM options)) ORDER BY 1 $$,
  $$ VALUES ('a', 0::float8, 'no effort: the team has 20, and a customer gets none or at least 50'), ('b', 0, 'no effort: the team has 20, and a customer gets none or at least 50') $$,
  'a team that has less than the first of anybody takes');
SELECT matches((SELECT words FROM portfolio_teams('TABLE customer', NULL, (SELECT jsonb_set(good, '{teams,0,effort_per_rep}', '10') || '{"minimum_effort": 50}' FROM options))),
  '^field has effort for nobody: it has 20, and a customer gets none or at least 50; one more rep in field is worth ', '... and its words say so');

-- Options: what is put over the good ones.
SELECT throws_ok(format('SELECT * FROM portfolio_tradeoff(''TABLE customer'', NULL, %L)', o.good || v.given::jsonb), v.state, v.message, 'refused: ' || v.message)
FROM options o, (VALUES
  ('{"teams":[]}', '22023', 'options must name the teams'),
  ('{"team":1}', '22023', 'options has no "team"'),
  ('{"teams":[{"team":"f","segments":["east","west"],"effort_per_rep":100,"rep":1}]}', '22023', 'a team has no "rep"'),
  ('{"teams":[{"team":"f","segments":["east","west"],"reps":-1,"effort_per_rep":100}]}', '22003', 'reps of team "f" must be from 0 to 1000000000, not -1'),
  ('{"teams":[{"team":"f","segments":["east","west"],"reps":1,"effort_per_rep":-5}]}', '22003', 'effort_per_rep of team "f" must be from 0 to 1000000000000, not -5'),
  ('{"teams":[{"team":"f","segments":["east","west"],"reps":1,"effort_per_rep":"NaN"}]}', '22023', 'effort_per_rep of team "f" must be a number, not "NaN"'),
  ('{"teams":[{"team":"f","segments":["east","west"],"reps":1}]}', '22004', 'effort_per_rep of team "f" is missing'),
  ('{"teams":[{"team":"f","segments":["east","west"],"reps":0,"effort_per_rep":100}]}', '22023', 'the capacity of all teams together is 0'),
  ('{"teams":[{"team":"f","segments":["east"],"effort_per_rep":100}]}', '22023', 'segment "west" has no team'),
  ('{"teams":[{"team":"f","effort_per_rep":100}]}', '22023', 'team "f" must name its segments'),
  ('{"teams":[{"team":"f","segments":["east","west","north"],"effort_per_rep":100}]}', '22023', 'team "f" calls on segment "north", which has no customers'),
  ('{"teams":[{"team":"f","segments":["east","west"],"effort_per_rep":100},{"team":"g","segments":["west"],"effort_per_rep":100}]}', '22023', 'segment "west" has two teams, "f" and "g"'),
  ('{"teams":[{"team":"f","segments":["east"],"effort_per_rep":100},{"team":"f","segments":["west"],"effort_per_rep":100}]}', '22023', 'each team needs a name of its own'),
  ('{"targets":{"north":100}}', '22023', 'segment "north" has a target and no customers'),
  ('{"targets":{"east":-100}}', '22003', 'target of segment "east" must be from 0 to 1e+18, not -100'),
  ('{"targets":[1]}', '22023', 'targets must be an object, not [1]'),
  ('{"minimum_effort":-1}', '22003', 'minimum_effort must be from 0 to 1000000000, not -1'),
  ('{"minimum_effort":2,"effort_unit":0}', '22023', 'effort_unit is too small'),
  ('{"periods":1e400}', '22003', 'periods must be from 0.001 to 1000, not 1000000000000000...'),
  ('{"confidence":95}', '22003', 'confidence must be from 0.01 to 0.999, not 95'),
  ('{"periods":0}', '22003', 'periods must be from 0.001 to 1000, not 0'),
  ('{"prior":{"rates":1}}', '22023', 'prior has no "rates"'),
  ('{"prior":{"rate":0}}', '22003', 'rate of the prior must be from 1e-06 to 1000, not 0'),
  ('{"roadmap":{}}', '22023', 'roadmap must be a list of objects'),
  ('{"roadmap":[{"product":"p","segment":"east","ships_on":"2026-07-01","uplift":0.1}]}', '22023', 'a roadmap needs the horizon'),
  ('{"from":"2026-12-31","to":"2026-01-01","roadmap":[{"product":"p","segment":"east","ships_on":"2026-07-01","uplift":0.1}]}', '22023', 'a roadmap needs the horizon'),
  ('{"from":"2026-01-01","to":"2026-12-31","roadmap":[{"product":"p","segment":"south","uplift":0.1}]}', '22023', 'a product of the roadmap needs a name and a segment that has customers'),
  ('{"from":"2026-01-01","to":"2026-12-31","roadmap":[{"product":"p","segment":"east","ships_on":"2026-01-01","uplift":-1}]}', '22003', 'products take away all that segment "east" brings'),
  ('{"scenarios":[]}', '22023', 'scenarios must be a list of 1 to 100 objects'),
  ('{"scenarios":[{"name":"x","teams":[]}]}', '22023', 'a scenario has no "teams"'),
  ('{"scenarios":[{"name":"x","reps":{"feild":3}}]}', '22023', 'there is no team "feild"'),
  ('{"scenarios":[{"name":"x","ships_on":{"p":"2026-07-01"}}]}', '22023', 'there is no product "p" in the roadmap'),
  ('{"scenarios":[{"name":"x"},{"name":"x"}]}', '22023', 'scenario "x" is named twice')
) AS v (given, state, message);

-- Odd, and yet it makes sense.
SELECT results_eq($$ SELECT effort FROM design_portfolio('SELECT id, segment, CASE id WHEN ''a'' THEN 1e-400 ELSE 500 END AS potential FROM customer', NULL, (SELECT good || '{"targets": {"east": 1e-400}}' FROM options)) ORDER BY customer_id $$,
  $$ VALUES (0::float8), (200) $$, 'next to nothing, less than a float8 can say, is as good as nothing');
SELECT results_eq($$ SELECT d FROM design_portfolio('SELECT id, segment, potential::numeric AS potential FROM customer', 'SELECT id, 10::numeric AS effort, 0.1 AS revenue FROM customer', (SELECT good FROM options)) d ORDER BY customer_id $$,
  $$ SELECT d FROM design_portfolio('TABLE customer', 'SELECT id, 10::smallint AS effort, 0.1::float8 AS revenue FROM customer', (SELECT good FROM options)) d ORDER BY customer_id $$, 'whatever the type of the numbers');
SELECT lives_ok($$ SELECT * FROM design_portfolio('SELECT id, segment, 0 AS potential FROM customer', NULL, (SELECT good FROM options)) $$, 'nobody has any potential');

-- More capacity than anybody could use: what there is to win is won, and the bound holds.
SELECT ok(revenue > 0 AND abs(revenue - 1500 * 1e-6 * exp(0.5 * (0.7 ^ 2 + 0.4 ^ 2))) < 5e-3 * revenue AND abs(rounding_gap) < 1e-9 * revenue AND marginal_return >= 0, 'capacity without end: ' || t)
FROM portfolio_tradeoff('TABLE customer', NULL, (SELECT good || '{"prior":{"rate":1e-6,"scale":1e-9}}' FROM options)) AS t;
SELECT ok(revenue > 0 AND rounding_gap >= -1e-9 * revenue, 'units that are next to nothing: ' || t)
FROM portfolio_tradeoff('TABLE customer', NULL, (SELECT good || '{"effort_unit":1e-9}' FROM options)) AS t;
SELECT ok(effort = 0 AND covered = 0 AND revenue > 0, 'a visit that nobody has the time for: ' || t)
FROM portfolio_tradeoff('TABLE customer', NULL, (SELECT good || '{"minimum_effort":1e9}' FROM options)) AS t;

SELECT * FROM finish();
ROLLBACK;
