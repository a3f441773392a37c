-- Deals at risk: what is wrong with an open deal, by what it is held against, in words.
--
--   stalled                  older than P90 of the won cycles of its segment, or longer in its stage than P90 of the won deals
--                            that left it
--   zombie                   older than P99 of the won cycles of its segment: such deals are hardly ever won
--   unusually_large          amount over 2 robust standard deviations (of its logarithm) above the won deals of its segment
--   likely_to_push           neither won nor lost by its own close date: likelier than two in three, and than in its segment
--   category_above_evidence  the weight of its category is above the 90 % interval of how often such deals were won, and at
--                            least 10 points above the rate itself
--
-- A deal without what a flag asks about (no creation date, amount, category) is not raised by it: that is a finding of the
-- audit. What cannot be judged for want of history is told by risk_thresholds().

CREATE FUNCTION salesops.risk_thresholds(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT flag text, OUT segment text, OUT source_key text, OUT stage text, OUT cell text[], OUT bound numeric, OUT typical numeric, OUT unit text,
  OUT deals bigint, OUT rests_on text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_look_back(risk_thresholds.as_of, 4);
  WITH rate AS MATERIALIZED (
    SELECT r.* FROM salesops.standing_rates(risk_thresholds.as_of, risk_thresholds.known_at) r
  )
  SELECT b.flag, b.segment, NULL::text, NULL::text, NULL::text[], b.bound, b.typical, b.unit, b.deals, b.rests_on, b.reason
  FROM salesops.standing_segment_bounds(risk_thresholds.as_of, risk_thresholds.known_at) b
  UNION ALL
  SELECT 'stalled', '(all)', s.source_key, s.stage, NULL, s.bound, s.typical, 'days', s.deals, 'all segments', s.reason
  FROM salesops.standing_stage_bounds(risk_thresholds.as_of, risk_thresholds.known_at) s
  UNION ALL
  SELECT 'likely_to_push', coalesce(r.segment, '(all)'), NULL, NULL, NULL, round(coalesce(r.bound, a.bound)::numeric, 4), round(a.rate::numeric, 4), 'probability',
         CASE WHEN r.bound IS NOT NULL THEN r.deals ELSE a.deals END,
         CASE WHEN r.bound IS NOT NULL AND r.segment IS NOT NULL THEN 'segment' ELSE 'all segments' END,
         CASE WHEN r.bound IS NULL THEN format('%s deals whose close date has passed%s, 50 are needed', r.deals,
                                               CASE WHEN r.segment IS NOT NULL AND a.bound IS NOT NULL THEN ' in the segment' END) END
  FROM rate r JOIN rate a ON a.question = 'pushed' AND a.cell = '{}' AND a.segment IS NULL
  WHERE r.question = 'pushed' AND r.cell = '{}'
  UNION ALL
  SELECT 'category_above_evidence', '(all)', NULL, NULL, r.cell, round(r.bound::numeric, 4), round(r.rate::numeric, 4), 'probability', r.deals, 'all segments',
         CASE WHEN r.deals = 0 THEN 'no deal of a past quarter was like this: the weight stands' END
  FROM rate r WHERE r.question = 'won'
  ORDER BY 1, 3 NULLS FIRST, 4, 2, 5;
END;
COMMENT ON FUNCTION salesops.risk_thresholds(timestamptz, timestamptz) IS
  'Every bound that deal_risk() holds open deals against, and what it rests on. By segment ((all) = a segment without history of its own): stalled, '
  'zombie, unusually_large (segment_bounds()) and likely_to_push; stalled also by source and stage (stage_bounds()); '
  'category_above_evidence by cell (risk_rates()). typical = the median, or the rate; deals = how many it rests on. bound NULL = the flag cannot be '
  'raised, reason says what is missing; a reason beside a bound says why it rests on all segments. known_at (NULL = as_of) as in opportunity_as_of()';

CREATE FUNCTION salesops.deal_risk(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT id text, OUT flag text, OUT reason text, OUT value numeric, OUT bound numeric, OUT unit text, OUT segment text,
  OUT deals bigint, OUT owner_id text, OUT category salesops.forecast_category, OUT close_date date, OUT close_quarter salesops.fiscal_period,
  OUT corporate_amount numeric, OUT money_at_risk numeric)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET jit = off SET enable_nestloop = off
BEGIN ATOMIC
  SELECT salesops.check_look_back(deal_risk.as_of, 4);
  WITH g AS MATERIALIZED (
    SELECT salesops.local_date(deal_risk.as_of) AS day, salesops.get_setting('corporate_currency') AS currency
  ), weight AS MATERIALIZED (
    SELECT c.rank, w.weights[row_number() OVER (ORDER BY c.rank)] AS weight
    FROM salesops.forecast_categories() c CROSS JOIN (SELECT salesops.published_weights(deal_risk.as_of) AS weights) w
  ), rate AS MATERIALIZED (
    SELECT r.* FROM salesops.standing_rates(deal_risk.as_of, deal_risk.known_at) r
  ), quantile AS MATERIALIZED (
    SELECT b.* FROM salesops.standing_segment_bounds(deal_risk.as_of, deal_risk.known_at) b WHERE b.bound IS NOT NULL
  ), stage AS MATERIALIZED (
    SELECT s.* FROM salesops.standing_stage_bounds(deal_risk.as_of, deal_risk.known_at) s WHERE s.bound IS NOT NULL
  ), listed AS MATERIALIZED (
    SELECT d.source_key, d.id, d.owner_id, d.stage, d.category, d.close_date, d.close_quarter, d.corporate_amount,
           d.age_days, d.stage_days, d.pushes, d.idle_days, coalesce(d.segment, '(unknown)') AS segment,
           w.weight, d.corporate_amount * w.weight AS money, d.close_date - g.day AS days_left
    FROM g CROSS JOIN salesops.open_deals_at(ARRAY[deal_risk.as_of], coalesce(deal_risk.known_at, deal_risk.as_of)) d
    LEFT JOIN weight w ON w.rank = d.category::smallint
  ), segment AS MATERIALIZED (
    -- The bounds that hold for each segment there is: its own, or else those over all.
    SELECT DISTINCT ON (s.segment, q.flag) s.segment, q.flag, q.bound, q.typical, q.deals,
           CASE WHEN q.rests_on = 'segment' THEN q.segment ELSE '(all)' END AS learned_of,
           CASE WHEN q.rests_on <> 'segment' THEN '' WHEN q.segment = '(unknown)' THEN ' of unknown segment' ELSE ' of ' || q.segment END AS of_segment
    FROM (SELECT DISTINCT l.segment FROM listed l) s
    JOIN quantile q ON q.segment IN (s.segment, '(all)')
    ORDER BY s.segment, q.flag, q.segment = '(all)'
  ), push_bound AS MATERIALIZED (
    SELECT s.segment, coalesce(o.bound, a.bound) AS bound, CASE WHEN o.bound IS NOT NULL THEN s.segment ELSE '(all)' END AS learned_of
    FROM (SELECT DISTINCT l.segment FROM listed l) s
    JOIN rate a ON a.question = 'pushed' AND a.cell = '{}' AND a.segment IS NULL
    LEFT JOIN rate o ON o.question = 'pushed' AND o.cell = '{}' AND o.segment = s.segment
  ), classed AS MATERIALIZED (
    SELECT l.*, ARRAY[salesops.time_left_class(l.days_left), x.pushes, x.idle, x.age] AS push_cell, ARRAY[l.category::text, x.pushes, x.idle, x.age] AS win_cell
    FROM listed l
    LEFT JOIN segment s ON s.segment = l.segment AND s.flag = 'stalled'
    CROSS JOIN LATERAL (SELECT salesops.pushes_class(l.pushes) AS pushes, salesops.idle_class(l.idle_days) AS idle, salesops.age_class(l.age_days, s.bound) AS age) x
  ), push AS MATERIALIZED (
    -- The finest cell that held a deal; each cell of the open deals is looked up once.
    SELECT c.push_cell, r.cell, r.rate, r.deals, r.hits
    FROM (SELECT DISTINCT l.push_cell FROM classed l WHERE l.days_left >= 0) c
    CROSS JOIN LATERAL (SELECT r.* FROM rate r WHERE r.question = 'pushed' AND r.segment IS NULL AND r.rate IS NOT NULL
                          AND r.cell = c.push_cell[1:cardinality(r.cell)] ORDER BY cardinality(r.cell) DESC LIMIT 1) r
  ), win AS MATERIALIZED (
    SELECT c.win_cell, r.cell, r.rate, r.bound, r.low, r.high, r.deals, r.hits
    FROM (SELECT DISTINCT l.win_cell FROM classed l WHERE l.weight > 0) c
    CROSS JOIN LATERAL (SELECT r.* FROM rate r WHERE r.question = 'won' AND r.cell = c.win_cell[1:cardinality(r.cell)]
                        ORDER BY cardinality(r.cell) DESC LIMIT 1) r
  ), raised AS (
    SELECT l.source_key, l.id, 'stalled' AS flag,
           CASE WHEN x.by_stage
                THEN format('%s days in stage %s; nine in ten won deals had left it after %s (%s stays, half of them up to %s)',
                            l.stage_days, l.stage, t.bound, t.deals, t.typical)
                ELSE format('%s days old; nine in ten won deals%s took up to %s (%s deals, half of them up to %s)',
                            l.age_days, a.of_segment, a.bound, a.deals, a.typical) END AS reason,
           CASE WHEN x.by_stage THEN l.stage_days ELSE l.age_days END::numeric AS value,
           CASE WHEN x.by_stage THEN t.bound ELSE a.bound END AS bound, 'days' AS unit,
           CASE WHEN x.by_stage THEN '(all)' ELSE a.learned_of END AS segment, CASE WHEN x.by_stage THEN t.deals ELSE a.deals END AS deals
    FROM classed l
    LEFT JOIN segment a ON a.segment = l.segment AND a.flag = 'stalled'
    LEFT JOIN stage t ON t.source_key = l.source_key AND t.stage = l.stage
    -- Both may be: the reason is the one that is exceeded further.
    CROSS JOIN LATERAL (SELECT coalesce(l.stage_days > t.bound, false)
                               AND NOT coalesce(l.age_days > a.bound AND l.age_days * t.bound >= l.stage_days * a.bound, false) AS by_stage) x
    WHERE l.age_days > a.bound OR l.stage_days > t.bound
    UNION ALL
    SELECT l.source_key, l.id, 'zombie',
           format('%s days old; 99 in 100 won deals%s took up to %s (%s deals, half of them up to %s)',
                  l.age_days, a.of_segment, a.bound, a.deals, a.typical),
           l.age_days, a.bound, 'days', a.learned_of, a.deals
    FROM classed l JOIN segment a ON a.segment = l.segment AND a.flag = 'zombie'
    WHERE l.age_days > a.bound
    UNION ALL
    SELECT l.source_key, l.id, 'unusually_large',
           format('%s times the median won deal%s (%s %s, %s deals): %s robust standard deviations above it, up to 2 are usual',
                  round(l.corporate_amount / a.typical, 1), a.of_segment,
                  a.typical, g.currency, a.deals, round(2 * ln(l.corporate_amount / a.typical) / ln(a.bound / a.typical), 1)),
           round(l.corporate_amount, 2), a.bound, g.currency, a.learned_of, a.deals
    FROM classed l CROSS JOIN g JOIN segment a ON a.segment = l.segment AND a.flag = 'unusually_large'
    WHERE l.corporate_amount > a.bound
    UNION ALL
    SELECT l.source_key, l.id, 'likely_to_push',
           CASE WHEN l.days_left < 0 THEN format('its close date passed %s days ago', -l.days_left)
                ELSE format('%s of %s past deals like it (%s) were neither won nor lost by the close date they had; with those less like it %s %%',
                            p.hits, p.deals, coalesce(nullif(array_to_string(p.cell, ', '), ''), 'all'), round((100 * p.rate)::numeric, 1)) END,
           CASE WHEN l.days_left < 0 THEN 1 ELSE round(p.rate::numeric, 4) END, round(b.bound::numeric, 4), 'probability', b.learned_of, coalesce(p.deals, 0)
    FROM classed l JOIN push_bound b ON b.segment = l.segment LEFT JOIN push p ON p.push_cell = l.push_cell
    WHERE l.days_left < 0 OR p.rate > b.bound
    UNION ALL
    SELECT l.source_key, l.id, 'category_above_evidence',
           format('%s weighs %s %%; %s of %s past deals like it (%s) were won in time; with those less like it %s %% (%s to %s %%)',
                  l.category, trim_scale(100 * l.weight), w.hits, w.deals, array_to_string(w.cell, ', '),
                  round((100 * w.rate)::numeric, 1), round((100 * w.low)::numeric, 1), round((100 * w.high)::numeric, 1)),
           l.weight, round(w.bound::numeric, 4), 'probability', '(all)', w.deals
    FROM classed l JOIN win w ON w.win_cell = l.win_cell
    WHERE l.weight > w.bound
  )
  SELECT r.source_key, r.id, r.flag, r.reason, r.value, r.bound, r.unit, r.segment, r.deals,
         l.owner_id, l.category, l.close_date, l.close_quarter, l.corporate_amount, l.money
  FROM raised r JOIN listed l ON l.source_key = r.source_key AND l.id = r.id;
END;
COMMENT ON FUNCTION salesops.deal_risk(timestamptz, timestamptz) IS
  'Open deals at risk as of an instant, a row a deal and flag: stalled, zombie, unusually_large, likely_to_push, category_above_evidence; with the reason in '
  'words, the value and the bound it exceeds (unit: days, the corporate currency, probability), the segment the bound was learned of ((all) = all), the number of '
  'deals it rests on. money_at_risk = corporate amount x published weight, of the whole deal: add it once a deal; NULL = no amount or category. bound NULL: no '
  'history, but the close date has passed. known_at (NULL = as_of) as in opportunity_as_of()';
