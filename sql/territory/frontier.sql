-- How even territories can be for so many moves.

CREATE FUNCTION salesops.territory_frontier(accounts_sql text, territories_sql text, options jsonb DEFAULT '{}', step integer DEFAULT NULL, steps integer DEFAULT 10,
                                            within double precision DEFAULT NULL, OUT most_moves bigint, OUT moves bigint, OUT spread double precision,
                                            OUT least_spread double precision, OUT least_moves bigint)
RETURNS SETOF record LANGUAGE c VOLATILE ROWS 11 AS 'MODULE_PATHNAME', 'salesops_territory_frontier';
COMMENT ON FUNCTION salesops.territory_frontier(text, text, jsonb, integer, integer, double precision) IS
  'For 0, step, 2 step ... moves at most (step NULL = in so many steps to the evenest plan): the evenest plan that was found, its moves and its spread = the largest deviation of a load from its target, in shares of that, '
  'over all measures; least_spread: no plan with so few moves has less (0 = nothing is proven). Where none was found that moves so few, least_moves is how many any plan moves. With within, a last row (most_moves NULL): the fewest moves found for every load to be within that share of its target; its spread is above that '
  'where no such plan was found; least_moves: no such plan moves fewer. Accounts, territories and options as of plan_territories(), distance, preferences and budgets apart. Keeps nothing. 22023 for steps that make no sense, and what plan_territories() raises';
