-- Which account goes to which territory.

CREATE FUNCTION salesops.plan_territories(accounts_sql text, territories_sql text, options jsonb DEFAULT '{}', copied_from bigint DEFAULT NULL)
RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'salesops_plan_territories';
COMMENT ON FUNCTION salesops.plan_territories(text, text, jsonb, bigint) IS
  'Reads accounts and territories by two queries, plans which account goes to which territory, keeps the plan and returns its plan_id; copied_from is kept with '
  'it. Columns and options: docs/territory.md. Warns where the plan is not within its limits. 22023, 22004, 23505, 42703, 42804 for what makes no sense, 54000 '
  'where it takes more memory than the setting territory_memory';

-- The second statement sees what the first has written.
CREATE FUNCTION salesops.balance_territories(accounts_sql text, territories_sql text, options jsonb DEFAULT '{}', OUT plan_id bigint, OUT account_id text,
                                             OUT from_territory text, OUT to_territory text, OUT is_moved boolean, OUT reason text,
                                             OUT regret double precision)
RETURNS SETOF record LANGUAGE sql VOLATILE
BEGIN ATOMIC
  SELECT salesops.plan_territories(balance_territories.accounts_sql, balance_territories.territories_sql, balance_territories.options);
  SELECT l.plan_id, l.account_id, l.from_territory, l.to_territory, l.is_moved, l.reason, l.regret
  FROM salesops.territory_plan_lines(currval('salesops.territory_plan_plan_id_seq')) l;
END;
COMMENT ON FUNCTION salesops.balance_territories(text, text, jsonb) IS
  'plan_territories(), and the accounts of the plan: from which territory to which, whether that moves it, why, and what it would save where it would be best off';
