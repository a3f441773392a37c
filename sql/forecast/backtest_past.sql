-- The past that a backtest walks through, in temporary tables, each read once:
--
--   salesops_walk_quarter   the fiscal quarters from the first one to learn from to the last one to forecast
--   salesops_walk_mark      three marks a quarter (3, 2, 1 months to go), each with its basis
--   salesops_walk_deal      every deal open at each mark, as it then stood, and what came of it in the quarter
--   salesops_walk_outcome   deals closed in each quarter, as they stood at each mark of it, when it was settled, and at the end
--   salesops_walk_part      what each owner booked, in parts as seen from each mark
--   salesops_walk_scope     companies, regions, teams and owners, numbered
--   salesops_walk_member    who belonged to which scope at each mark
--
-- Nobody may know at a mark what happened after it. Two things stand in for what was known: the states effective by the mark
-- (of a source that we had synced by then, as recorded by then; else as known now of that time), and of the quarters before,
-- their outcomes as they stood a day after their end, when the night had read the last day. What happened to those deals later
-- (reopened, amount corrected, owner changed) changes what a forecast is held against and none of the forecasts.
--
-- No owner is '' in these tables: joins on it must be by value.

-- Learning looks back five years: enough for every effect, and a date in 1970 does not make a hundred quarters.
CREATE FUNCTION salesops.quarters_to_learn_from() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 20;
COMMENT ON FUNCTION salesops.quarters_to_learn_from() IS 'How many quarters before its first forecast a backtest learns from at most';

CREATE FUNCTION salesops.walk_quarters(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first salesops.fiscal_period := salesops.fiscal_quarter(
    (SELECT salesops.local_date(min(v.created_at)) FROM salesops.opportunity_version v WHERE v.recorded_at <= run.known_at),
    run.fiscal_year_start_month);
  -- By then every source that has deals had been synced.
  synced_at timestamptz := (
    SELECT max(f.first_as_of)
    FROM (SELECT min(y.as_of) AS first_as_of FROM salesops.source_sync y
          WHERE y.entity = 'opportunity' AND y.sqlstate IS NULL GROUP BY y.source_key) f);
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_quarter');
  CREATE TEMP TABLE salesops_walk_quarter ON COMMIT DROP AS
  SELECT n AS quarter, p.period, salesops.start_date(p.period, run.fiscal_year_start_month) AS start_date,
         salesops.end_date(p.period, run.fiscal_year_start_month) AS end_date
  FROM generate_series(greatest(first OPERATOR(salesops.-) run.from_period, - salesops.quarters_to_learn_from()),
                       run.to_period OPERATOR(salesops.-) run.from_period) n
  CROSS JOIN LATERAL (SELECT run.from_period OPERATOR(salesops.+) n AS period) p;
  ANALYZE pg_temp.salesops_walk_quarter;

  -- The months left are those after the mark; 0 stands for the day after the quarter, when it is settled.
  PERFORM salesops.drop_temporary('salesops_walk_mark');
  CREATE TEMP TABLE salesops_walk_mark ON COMMIT DROP AS
  SELECT q.quarter, m.months_to_go, m.mark, b.basis, CASE b.basis WHEN 'stored' THEN m.mark ELSE run.known_at END AS known_at,
         -- The first tree of reps that we know is taken as given for the time before.
         greatest(m.mark, synced_at) AS tree_at
  FROM pg_temp.salesops_walk_quarter q
  CROSS JOIN LATERAL (
    SELECT n AS months_to_go, salesops.end_of_day((q.start_date + make_interval(months => 3 - n))::date - CASE n WHEN 0 THEN 0 ELSE 1 END) AS mark
    FROM generate_series(0, 3) n) m
  CROSS JOIN LATERAL (SELECT CASE WHEN synced_at <= m.mark THEN 'stored' ELSE 'reconstructed' END AS basis) b;
  ANALYZE pg_temp.salesops_walk_mark;
END $$;
COMMENT ON FUNCTION salesops.walk_quarters(salesops.backtest_run) IS
  'Fill salesops_walk_quarter and salesops_walk_mark; quarter counts from the first one that is forecast (0), before it is negative';

CREATE FUNCTION salesops.walk_outcomes(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_outcome');
  CREATE TEMP TABLE salesops_walk_outcome ON COMMIT DROP AS
  WITH cutoff AS MATERIALIZED (
    SELECT m.quarter, m.months_to_go, m.mark AS instant, m.known_at, salesops.local_date(m.mark) AS day FROM pg_temp.salesops_walk_mark m
    UNION ALL
    -- How it ended, as far as is known now.
    SELECT q.quarter, NULL, run.as_of, run.known_at, salesops.local_date(run.as_of) FROM pg_temp.salesops_walk_quarter q
  ), stage AS MATERIALIZED (
    SELECT c.instant, m.source_key, m.stage, m.pipeline, m.but_in, m.status
    FROM (SELECT DISTINCT instant FROM cutoff) c CROSS JOIN LATERAL salesops.stage_meaning(c.instant) m
  ), source AS MATERIALIZED (
    SELECT s.source_key, salesops.source_option(s.*, 'currency') AS currency FROM salesops.source s
  ), version AS (
    SELECT v.*, salesops.fiscal_quarter(v.close_date, run.fiscal_year_start_month) OPERATOR(salesops.-) run.from_period AS quarter
    FROM salesops.opportunity_version v
    WHERE NOT v.is_deleted AND v.merged_into IS NULL AND (v.is_won OR v.is_closed IS NOT FALSE)
  ), state AS (
    SELECT c.quarter, c.months_to_go, c.instant, c.known_at, c.day, v.source_key, v.id, v.owner_id, v.close_date, v.amount,
           v.currency, v.is_won, v.is_closed, v.stage, v.pipeline, v.effective_at, v.recorded_at, v.is_present
    FROM version v JOIN cutoff c ON c.quarter = v.quarter AND v.effective_at <= c.instant AND v.recorded_at <= c.known_at
  )
  SELECT s.quarter, s.months_to_go, s.source_key, s.id, coalesce(s.owner_id, '') AS owner_id, x.status = 'won' AS is_won, s.close_date AS closed_on,
         CASE WHEN z.currency = run.corporate_currency THEN s.amount
              ELSE s.amount / (SELECT r.per_corporate FROM salesops.currency_rate r
                               WHERE r.source_key = s.source_key AND r.currency = z.currency
                                 AND r.valid_from <= least(s.close_date, s.day) AND NOT r.is_deleted AND r.per_corporate > 0
                               ORDER BY r.valid_from DESC, r.id LIMIT 1) END AS amount
  FROM state s
  LEFT JOIN stage m ON m.instant = s.instant AND m.source_key = s.source_key AND m.stage = s.stage AND salesops.means_stage(m.pipeline, m.but_in, s.pipeline)
  LEFT JOIN source c ON c.source_key = s.source_key
  CROSS JOIN LATERAL (SELECT salesops.deal_status(s.is_won, s.is_closed, m.status) AS status) x
  CROSS JOIN LATERAL (SELECT coalesce(s.currency, c.currency) AS currency) z
  WHERE x.status <> 'open'
    -- No later state by then.
    AND NOT EXISTS (SELECT FROM salesops.opportunity_version l
                    WHERE l.source_key = s.source_key AND l.id = s.id AND l.effective_at <= s.instant AND l.recorded_at <= s.known_at
                      AND (l.effective_at, l.recorded_at, l.is_present) > (s.effective_at, s.recorded_at, s.is_present));
  ANALYZE pg_temp.salesops_walk_outcome;
END $$;
COMMENT ON FUNCTION salesops.walk_outcomes(salesops.backtest_run) IS
  'Fill salesops_walk_outcome: deals won or lost with a close date in the quarter, as they stood at each of its marks, a day after it '
  '(months_to_go 0) and as of the run (NULL); amount in corporate currency as opportunity_state() converts it, NULL = unknown';

-- Won in the quarter means: with a close date in it. A deal that is won by then but was closed before is not of this quarter.
-- Of a deal of which nothing but the dates is known then, neither is its category nor its close date: it counts as Pipeline, and as due.
CREATE FUNCTION salesops.walk_deals(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
  reading record;
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_deal');
  CREATE TEMP TABLE salesops_walk_deal (
    quarter integer, months_to_go integer, source_key text, id text, owner_id text, category salesops.forecast_category, is_due boolean,
    amount numeric, is_estimate boolean, levels text[],
    -- As it stood a day after the quarter, and as of the run.
    settled_won boolean, settled_amount numeric, won boolean
  ) ON COMMIT DROP;
  -- Marks with one known_at are read together: the reconstructed ones all have the run's, each stored one has its own.
  FOR reading IN
    SELECT m.known_at, array_agg(m.mark ORDER BY m.mark) AS marks
    FROM pg_temp.salesops_walk_mark m WHERE m.months_to_go > 0
    GROUP BY m.known_at ORDER BY m.known_at
  LOOP
    INSERT INTO pg_temp.salesops_walk_deal
    SELECT m.quarter, m.months_to_go, d.source_key, d.id, coalesce(d.owner_id, ''),
           CASE WHEN d.is_reconstructed THEN 'Pipeline' ELSE d.category END, d.is_reconstructed OR coalesce(d.close_date <= q.end_date, true),
           d.corporate_amount, d.amount_basis = 'list price', d.levels, s.id IS NOT NULL, s.amount, w.id IS NOT NULL
    FROM salesops.win_deals(reading.marks, reading.known_at, run.factors) d
    JOIN pg_temp.salesops_walk_mark m ON m.mark = d.instant AND m.months_to_go > 0
    JOIN pg_temp.salesops_walk_quarter q ON q.quarter = m.quarter
    LEFT JOIN pg_temp.salesops_walk_outcome s
      ON s.quarter = m.quarter AND s.months_to_go = 0 AND s.is_won AND s.source_key = d.source_key AND s.id = d.id
    LEFT JOIN pg_temp.salesops_walk_outcome w
      ON w.quarter = m.quarter AND w.months_to_go IS NULL AND w.is_won AND w.source_key = d.source_key AND w.id = d.id;
  END LOOP;
  ANALYZE pg_temp.salesops_walk_deal;
END $$;
COMMENT ON FUNCTION salesops.walk_deals(salesops.backtest_run) IS
  'Fill salesops_walk_deal: deals open at each mark with the levels of their factors, and whether and at what amount they were won with a close date in the quarter';

-- Every win belongs to one part at each mark of its quarter: open then (existing), won by then (booked), or new business. In two
-- versions: as settled a day after the quarter, from which later forecasts learn, and as of the run, which they are held against.
CREATE FUNCTION salesops.walk_parts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_part');
  CREATE TEMP TABLE salesops_walk_part ON COMMIT DROP AS
  SELECT m.quarter, m.months_to_go, w.months_to_go IS NULL AS is_final, w.source_key, w.owner_id,
         coalesce(sum(w.amount), 0) AS total,
         coalesce(sum(w.amount) FILTER (WHERE d.id IS NOT NULL), 0) AS existing,
         coalesce(sum(w.amount) FILTER (WHERE d.id IS NULL AND b.id IS NULL), 0) AS new_business
  FROM pg_temp.salesops_walk_mark m
  JOIN pg_temp.salesops_walk_outcome w ON w.quarter = m.quarter AND w.is_won AND (w.months_to_go = 0 OR w.months_to_go IS NULL)
  LEFT JOIN pg_temp.salesops_walk_deal d
    ON d.quarter = m.quarter AND d.months_to_go = m.months_to_go AND d.source_key = w.source_key AND d.id = w.id
  LEFT JOIN pg_temp.salesops_walk_outcome b
    ON b.quarter = m.quarter AND b.months_to_go = m.months_to_go AND b.is_won AND b.source_key = w.source_key AND b.id = w.id
  WHERE m.months_to_go > 0
  GROUP BY m.quarter, m.months_to_go, w.months_to_go, w.source_key, w.owner_id;
  ANALYZE pg_temp.salesops_walk_part;
END $$;
COMMENT ON FUNCTION salesops.walk_parts() IS
  'Fill salesops_walk_part: what each owner booked in each quarter, in parts as seen from each of its marks';

CREATE FUNCTION salesops.walk_members() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_place');
  CREATE TEMP TABLE salesops_walk_place ON COMMIT DROP AS
  WITH mark AS MATERIALIZED (
    SELECT m.* FROM pg_temp.salesops_walk_mark m WHERE m.quarter >= 0 AND m.months_to_go > 0
  ), listed AS MATERIALIZED (
    SELECT m.quarter, m.months_to_go, s.scope_kind, s.scope, s.source_key, s.owner_id
    FROM mark m CROSS JOIN LATERAL salesops.forecast_scopes(m.tree_at, m.known_at) s
  ), owner AS MATERIALIZED (
    SELECT m.quarter, m.months_to_go, o.source_key, o.owner_id
    FROM (SELECT d.source_key, d.owner_id FROM pg_temp.salesops_walk_deal d
          UNION SELECT w.source_key, w.owner_id FROM pg_temp.salesops_walk_outcome w) o
    CROSS JOIN mark m
  )
  SELECT l.quarter, l.months_to_go, l.source_key, l.owner_id, l.scope_kind, l.scope FROM listed l WHERE l.owner_id IS NOT NULL
  UNION ALL
  -- The rows without an owner stand for everybody who was no rep then.
  SELECT o.quarter, o.months_to_go, o.source_key, o.owner_id, l.scope_kind, l.scope
  FROM owner o
  JOIN listed l ON l.quarter = o.quarter AND l.months_to_go = o.months_to_go AND l.owner_id IS NULL
  WHERE NOT EXISTS (SELECT FROM listed r WHERE r.quarter = o.quarter AND r.months_to_go = o.months_to_go AND r.scope_kind = 'owner'
                                           AND r.source_key = o.source_key AND r.owner_id = o.owner_id);

  PERFORM salesops.drop_temporary('salesops_walk_scope');
  CREATE TEMP TABLE salesops_walk_scope ON COMMIT DROP AS
  SELECT row_number() OVER (ORDER BY p.scope COLLATE "C")::integer AS number, min(p.scope_kind) AS scope_kind, p.scope
  FROM pg_temp.salesops_walk_place p
  GROUP BY p.scope;
  ANALYZE pg_temp.salesops_walk_scope;

  PERFORM salesops.drop_temporary('salesops_walk_member');
  CREATE TEMP TABLE salesops_walk_member ON COMMIT DROP AS
  SELECT p.quarter, p.months_to_go, p.source_key, p.owner_id, s.number AS scope
  FROM pg_temp.salesops_walk_place p JOIN pg_temp.salesops_walk_scope s ON s.scope = p.scope;
  ANALYZE pg_temp.salesops_walk_member;
  PERFORM salesops.drop_temporary('salesops_walk_place');
END $$;
COMMENT ON FUNCTION salesops.walk_members() IS 'Fill salesops_walk_scope and salesops_walk_member: who was in which of forecast_scopes() at each mark';
