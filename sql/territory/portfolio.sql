-- Portfolio design: how much selling effort each customer is worth, what that brings, and what one rep more would (docs/portfolio.md).

CREATE FUNCTION salesops.solve_portfolio(customers_sql text, history_sql text, options jsonb,
  OUT scenario text,
  OUT customers text[], OUT segment_of float8[], OUT effort float8[], OUT revenue float8[], OUT revenue_low float8[], OUT revenue_high float8[],
  OUT marginal_return float8[], OUT first_return float8[],
  OUT segments text[], OUT team_of float8[], OUT segment_revenue float8[], OUT segment_low float8[], OUT segment_high float8[],
  OUT targets float8[], OUT target_prices float8[], OUT thresholds float8[],
  OUT rate float8[], OUT rate_low float8[], OUT rate_high float8[], OUT scale float8[], OUT scale_low float8[], OUT scale_high float8[],
  OUT carryover float8[], OUT carryover_low float8[], OUT carryover_high float8[], OUT learned_from float8[], OUT uplift float8[],
  OUT teams text[], OUT reps float8[], OUT capacity float8[], OUT team_marginal_return float8[],
  OUT rep_value float8[], OUT rep_value_low float8[], OUT rep_value_high float8[],
  OUT total float8, OUT total_low float8, OUT total_high float8, OUT change float8, OUT change_low float8, OUT change_high float8,
  OUT value float8, OUT bound float8, OUT top_tenth_share float8, OUT minimum_effort float8, OUT confidence float8,
  OUT deal float8[], OUT variation float8)
RETURNS SETOF record LANGUAGE c STABLE COST 1000000 ROWS 3 AS 'MODULE_PATHNAME', 'salesops_solve_portfolio';
COMMENT ON FUNCTION salesops.solve_portfolio(text, text, jsonb) IS
  'The best plan of each scenario of a portfolio design, one row each, its parts in arrays: by customer, by segment, by team. What design_portfolio(), portfolio_tradeoff(), '
  'portfolio_teams(), portfolio_segments() and portfolio_response() show; keep its rows where several are wanted of a large portfolio';

CREATE FUNCTION salesops.design_portfolio(customers_sql text, history_sql text, options jsonb,
  OUT scenario text, OUT customer_id text, OUT segment text, OUT team text, OUT effort float8, OUT revenue float8, OUT revenue_low float8,
  OUT revenue_high float8, OUT marginal_return float8, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 10000
BEGIN ATOMIC
  SELECT s.scenario, c.id, s.segments[c.segment::integer], s.teams[s.team_of[c.segment::integer]::integer], c.effort, c.revenue, c.low, c.high, c.marginal,
         CASE WHEN c.effort > 0 THEN NULL
              WHEN c.revenue IS NULL THEN 'no effort: its potential is not known'
              WHEN s.capacity[s.team_of[c.segment::integer]::integer] = 0 THEN 'no effort: the team has none'
              WHEN s.capacity[s.team_of[c.segment::integer]::integer] < s.minimum_effort
                THEN format('no effort: the team has %s, and a customer gets none or at least %s', s.capacity[s.team_of[c.segment::integer]::integer], s.minimum_effort)
              ELSE format('no effort: a unit of the first %s would bring %s; it would have to bring %s', s.minimum_effort,
                          salesops.money_text(c.first::numeric), salesops.money_text(s.thresholds[c.segment::integer]::numeric)) END
  FROM salesops.solve_portfolio(design_portfolio.customers_sql, design_portfolio.history_sql, design_portfolio.options) s
  CROSS JOIN LATERAL unnest(s.customers, s.segment_of, s.effort, s.revenue, s.revenue_low, s.revenue_high, s.marginal_return, s.first_return)
    AS c(id, segment, effort, revenue, low, high, marginal, first);
END;
COMMENT ON FUNCTION salesops.design_portfolio(text, text, jsonb) IS
  'How much effort each customer gets in each scenario, a row a customer, and what he is expected to bring in the horizon with it, with its interval; marginal_return: what a unit of effort more would bring; '
  'reason: why he gets none. customers_sql: id, segment, potential (of the horizon; NULL = unknown: no effort, expectations NULL); history_sql: id, effort, revenue of past periods, NULL = no history; '
  'options: docs/portfolio.md. 22003, 22004, 22023, 23505 where they make no sense';

CREATE FUNCTION salesops.portfolio_segments(customers_sql text, history_sql text, options jsonb,
  OUT scenario text, OUT segment text, OUT team text, OUT customers bigint, OUT covered bigint, OUT uplift float8, OUT effort float8,
  OUT revenue float8, OUT revenue_low float8, OUT revenue_high float8, OUT target float8, OUT shortfall float8, OUT target_price float8, OUT words text)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
  WITH solution AS MATERIALIZED (
    SELECT row_number() OVER () AS n, s.* FROM salesops.solve_portfolio(portfolio_segments.customers_sql, portfolio_segments.history_sql, portfolio_segments.options) s
  ), spent AS (
    SELECT s.n, c.segment, count(*) AS customers, count(*) FILTER (WHERE c.effort > 0) AS covered, sum(c.effort) AS effort
    FROM solution s CROSS JOIN LATERAL unnest(s.segment_of, s.effort) AS c(segment, effort)
    GROUP BY s.n, c.segment
  )
  SELECT s.scenario, g.segment, s.teams[g.team::integer], p.customers, p.covered, g.uplift, p.effort, g.revenue, g.low, g.high, g.target,
         greatest(g.target - g.revenue, 0), CASE WHEN g.target IS NOT NULL THEN g.price END,
         CASE WHEN g.target IS NULL THEN NULL
              WHEN g.revenue >= g.target AND g.price > 0 THEN
                format('makes its target of %s; the last 1.00 of it costs %s elsewhere', salesops.money_text(g.target::numeric), salesops.money_text(g.price::numeric))
              WHEN g.revenue >= g.target THEN format('makes its target of %s, at no price', salesops.money_text(g.target::numeric))
              WHEN cardinality(array_positions(s.team_of, g.team)) = 1 THEN
                format('lacks %s of its target of %s, though its team has nothing else to do', salesops.money_text((g.target - g.revenue)::numeric), salesops.money_text(g.target::numeric))
              ELSE format('lacks %s of its target of %s; 1.00 more would cost at least %s elsewhere', salesops.money_text((g.target - g.revenue)::numeric),
                          salesops.money_text(g.target::numeric), salesops.money_text(g.price::numeric)) END
  FROM solution s
  CROSS JOIN LATERAL unnest(s.segments, s.team_of, s.segment_revenue, s.segment_low, s.segment_high, s.targets, s.target_prices, s.uplift)
    WITH ORDINALITY AS g(segment, team, revenue, low, high, target, price, uplift, n)
  JOIN spent p ON p.n = s.n AND p.segment = g.n
  ORDER BY s.n, g.n;
END;
COMMENT ON FUNCTION salesops.portfolio_segments(text, text, jsonb) IS
  'A portfolio design by segment: customers, those that get effort, by what the roadmap multiplies what they bring, effort, expected revenue with its interval; the target, what it lacks, and target_price: revenue given up elsewhere in the team for the last unit of '
  'revenue that the target demands (0 = none, NULL = no target). Arguments as of design_portfolio()';

CREATE FUNCTION salesops.portfolio_teams(customers_sql text, history_sql text, options jsonb,
  OUT scenario text, OUT team text, OUT segments text[], OUT reps float8, OUT capacity float8, OUT effort float8, OUT customers bigint, OUT covered bigint,
  OUT marginal_return float8, OUT rep_value float8, OUT rep_value_low float8, OUT rep_value_high float8, OUT words text)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
  WITH solution AS MATERIALIZED (
    SELECT row_number() OVER () AS n, s.* FROM salesops.solve_portfolio(portfolio_teams.customers_sql, portfolio_teams.history_sql, portfolio_teams.options) s
  ), spent AS (
    SELECT s.n, s.team_of[c.segment::integer] AS team, count(*) AS customers, count(*) FILTER (WHERE c.effort > 0) AS covered, sum(c.effort) AS effort
    FROM solution s CROSS JOIN LATERAL unnest(s.segment_of, s.effort) AS c(segment, effort)
    GROUP BY s.n, s.team_of[c.segment::integer]
  )
  SELECT s.scenario, t.team,
         ARRAY(SELECT g.segment FROM unnest(s.segments, s.team_of) WITH ORDINALITY AS g(segment, team, n) WHERE g.team = t.n ORDER BY g.n),
         t.reps, t.capacity, coalesce(p.effort, 0), coalesce(p.customers, 0), coalesce(p.covered, 0), t.marginal, t.value, t.low, t.high,
         CASE WHEN t.capacity < s.minimum_effort THEN format('%s has effort for nobody: it has %s, and a customer gets none or at least %s; ', t.team, t.capacity, s.minimum_effort) ELSE '' END
         || format('one more rep in %s is worth %s (%s to %s, %s)', t.team, salesops.money_text(t.value::numeric), salesops.money_text(t.low::numeric),
                salesops.money_text(t.high::numeric), salesops.percent_text(s.confidence::numeric))
  FROM solution s
  CROSS JOIN LATERAL unnest(s.teams, s.reps, s.capacity, s.team_marginal_return, s.rep_value, s.rep_value_low, s.rep_value_high)
    WITH ORDINALITY AS t(team, reps, capacity, marginal, value, low, high, n)
  LEFT JOIN spent p ON p.n = s.n AND p.team = t.n
  ORDER BY s.n, t.n;
END;
COMMENT ON FUNCTION salesops.portfolio_teams(text, text, jsonb) IS
  'A portfolio design by team: capacity and effort spent, marginal_return: expected revenue of a unit of effort more at the optimum, rep_value: expected revenue that '
  'one rep more would bring, with its interval, and the same in words. Arguments as of design_portfolio()';

CREATE FUNCTION salesops.portfolio_tradeoff(customers_sql text, history_sql text, options jsonb,
  OUT scenario text, OUT customers bigint, OUT covered bigint, OUT capacity float8, OUT effort float8,
  OUT revenue float8, OUT revenue_low float8, OUT revenue_high float8, OUT change float8, OUT change_low float8, OUT change_high float8,
  OUT targets bigint, OUT targets_made bigint, OUT shortfall float8, OUT top_tenth_share float8, OUT marginal_return float8,
  OUT rounding_gap float8)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
  WITH solution AS MATERIALIZED (
    SELECT row_number() OVER () AS n, s.* FROM salesops.solve_portfolio(portfolio_tradeoff.customers_sql, portfolio_tradeoff.history_sql, portfolio_tradeoff.options) s
  )
  SELECT s.scenario, c.customers, c.covered, t.capacity, c.effort, s.total, s.total_low, s.total_high, s.change, s.change_low, s.change_high,
         g.targets, g.made, g.shortfall, s.top_tenth_share, t.marginal, s.bound - s.value
  FROM solution s
  CROSS JOIN LATERAL (SELECT count(*) AS customers, count(*) FILTER (WHERE e > 0) AS covered, sum(e) AS effort FROM unnest(s.effort) e) c
  CROSS JOIN LATERAL (SELECT sum(x.capacity) AS capacity, sum(x.capacity * x.marginal) / sum(x.capacity) AS marginal FROM unnest(s.capacity, s.team_marginal_return) AS x(capacity, marginal)) t
  CROSS JOIN LATERAL (SELECT count(x.target) AS targets, count(*) FILTER (WHERE x.revenue >= x.target) AS made, coalesce(sum(greatest(x.target - x.revenue, 0)), 0) AS shortfall
                      FROM unnest(s.targets, s.segment_revenue) AS x(target, revenue)) g
  ORDER BY s.n;
END;
COMMENT ON FUNCTION salesops.portfolio_tradeoff(text, text, jsonb) IS
  'The scenarios of a portfolio design side by side, a row each: customers and those that get effort, expected revenue with its interval, what it is more than in the first scenario with the interval of that, targets made and what all lack, '
  'top_tenth_share: share of the revenue of the tenth of the customers with the most, marginal_return: of a unit of effort more, spread over the teams as their capacity is; rounding_gap: no plan, even with effort in any '
  'amounts, brings more than this above it, what targets lack counted at option target_price. Arguments as of design_portfolio()';

CREATE FUNCTION salesops.portfolio_response(customers_sql text, history_sql text, options jsonb,
  OUT segment text, OUT customers bigint, OUT learned_from bigint, OUT rate float8, OUT rate_low float8, OUT rate_high float8,
  OUT scale float8, OUT scale_low float8, OUT scale_high float8, OUT carryover float8, OUT carryover_low float8, OUT carryover_high float8,
  OUT variation float8, OUT deal float8)
RETURNS SETOF record LANGUAGE sql STABLE ROWS 10
BEGIN ATOMIC
  WITH solution AS MATERIALIZED (
    SELECT s.* FROM salesops.solve_portfolio(portfolio_response.customers_sql, portfolio_response.history_sql, portfolio_response.options - 'scenarios') s
  ), size AS (
    SELECT c.segment, count(*) AS customers FROM solution s CROSS JOIN LATERAL unnest(s.segment_of) AS c(segment) GROUP BY c.segment
  )
  SELECT g.segment, z.customers, g.learned_from::bigint, g.rate, g.rate_low, g.rate_high, g.scale, g.scale_low, g.scale_high,
         g.carryover, g.carryover_low, g.carryover_high, s.variation, g.deal
  FROM solution s
  CROSS JOIN LATERAL unnest(s.segments, s.learned_from, s.rate, s.rate_low, s.rate_high, s.scale, s.scale_low, s.scale_high, s.carryover, s.carryover_low,
                            s.carryover_high, s.deal) WITH ORDINALITY AS g(segment, learned_from, rate, rate_low, rate_high, scale, scale_low, scale_high,
                                                                   carryover, carryover_low, carryover_high, deal, n)
  JOIN size z ON z.segment = g.n
  ORDER BY g.n;
END;
COMMENT ON FUNCTION salesops.portfolio_response(text, text, jsonb) IS
  'How the customers of each segment respond to effort, as learned: rate: share of the potential that no effort could raise further; scale: effort after which 63 % of what effort brings has come; carryover: share that comes without effort; '
  'medians with intervals; learned_from: customers with a past; variation: coefficient of variation of rates within a segment; deal: variance of a past period''s revenue / its expectation, NULL without history. Arguments as of design_portfolio()';
