-- What a plan does not use is named: a misspelt column must not be left out in silence. A name of an account is no mistake, so that is a notice.
\set VERBOSITY terse
SELECT salesops.plan_territories('SELECT 1 AS id, ''Initech'' AS name, ''5'' AS potenital', 'SELECT ''a'' AS id, 3 AS least_accounts, 4 AS capacity, ''Ann'' AS owner', '{"effort": 0}') IS NOT NULL AS planned;
SELECT salesops.plan_territories('SELECT 1 AS id, 2 AS revenue, 3 AS work', 'SELECT ''a'' AS id, 3 AS floor_work, 1 AS share_revenue', '{"measures": {"revenue": 1}, "effort": 0}') IS NOT NULL AS planned;
SELECT salesops.copy_territory_plan(max(plan_id), '{"tolerance": 2}') IS NOT NULL AS copied FROM salesops.territory_plan;
-- A portfolio too.
SELECT customers FROM salesops.portfolio_tradeoff('SELECT ''a'' AS id, ''east'' AS segment, 1 AS potential, 2 AS weight', 'SELECT ''a'' AS id, 1 AS effort, 0 AS revenue, ''2026-01-01'' AS period',
  '{"teams": [{"team": "field", "segments": ["east"], "reps": 2, "effort_per_rep": 100}]}');
-- Before there are marts nobody can be let read them.
CREATE ROLE regress_salesops_reader;
SELECT salesops.grant_access('regress_salesops_reader', 'read_marts');
DROP ROLE regress_salesops_reader;
