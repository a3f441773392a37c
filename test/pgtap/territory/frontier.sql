-- How even for so many moves: by hand, and as laws.
\set ON_ERROR_STOP 1
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT plan(12);

-- Four accounts of one, all in the west: 4 and 0, 3 and 1, 2 and 2, where 2 is fair.
CREATE TEMP TABLE account AS SELECT i AS id, 'west' AS territory, 1 AS potential FROM generate_series(1, 4) i;
CREATE TEMP TABLE home AS SELECT unnest(ARRAY['west', 'east']) AS id;
CREATE TEMP TABLE edge AS SELECT * FROM salesops.territory_frontier('TABLE account', 'TABLE home', '{"effort": 0.02}', step => 1, steps => 3, within => 0.5);
SELECT results_eq($$ SELECT most_moves, moves, spread FROM edge WHERE most_moves IS NOT NULL ORDER BY 1 $$,
  $$ VALUES (0::bigint, 0::bigint, 1::double precision), (1, 1, 0.5), (2, 2, 0), (3, 2, 0) $$, 'none, one and two moves, and a third helps nobody');
SELECT results_eq($$ SELECT moves, spread, least_moves FROM edge WHERE most_moves IS NULL $$, $$ VALUES (1::bigint, 0.5::double precision, 1::bigint) $$, 'one move to be within a half of fair, and no fewer');
SELECT ok(bool_and(least_spread <= spread), 'no proof of what is not so') FROM edge WHERE most_moves IS NOT NULL;
SELECT ok(least_spread > 0.4, 'with one move hardly less than a half is proven to be out of reach') FROM edge WHERE most_moves = 1;
SELECT results_eq($$ SELECT most_moves, moves FROM salesops.territory_frontier('TABLE account', 'TABLE home', '{"effort": 0.02}', steps => 2) $$,
  $$ VALUES (0::bigint, 0::bigint), (1, 1), (2, 2) $$, 'without a step it goes to the evenest plan');

-- One has to move.
CREATE TEMP TABLE sent AS SELECT *, CASE WHEN id = 1 THEN 'east' END AS locked_to FROM account;
SELECT results_eq($$ SELECT moves, spread, least_moves FROM salesops.territory_frontier('TABLE sent', 'TABLE home', '{"effort": 0.02}', step => 1, steps => 0) $$,
  $$ VALUES (NULL::bigint, NULL::double precision, 1::bigint) $$, 'with no moves there is no plan, and it says how many it takes');

-- Laws.
CREATE TEMP TABLE world AS SELECT * FROM salesops.territory_frontier('SELECT * FROM salesops.generate_territory_accounts(150, 5, 2, ''2026-06-30'')',
  'SELECT * FROM salesops.generate_territories(150, 5, 2)', '{"effort": 0.02, "as_of": "2026-06-30"}', steps => 4);
SELECT ok(bool_and(moves <= most_moves), 'no budget is exceeded') FROM world;
SELECT is_empty($$ SELECT a.most_moves FROM world a JOIN world b ON b.most_moves > a.most_moves AND (b.spread > a.spread OR b.spread IS NULL AND a.spread IS NOT NULL) $$, 'more moves are never less even');
SELECT ok(bool_and(least_spread <= spread), 'what is proven is so') FROM world;
SELECT is((SELECT count(*) FROM salesops.territory_plan), 0::bigint, 'nothing is kept');

SELECT throws_ok($$ SELECT * FROM salesops.territory_frontier('TABLE account', 'TABLE home', steps => -1) $$, '22023', NULL, 'steps below none');
SELECT throws_ok($$ SELECT * FROM salesops.territory_frontier('TABLE account', 'TABLE home', within => 'NaN') $$, '22023', NULL, 'within not a number');
SELECT * FROM finish();
ROLLBACK;
