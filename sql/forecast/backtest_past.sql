-- The past that a backtest walks through, in temporary tables, each read once:
--
--   salesops_walk_quarter    the fiscal quarters from the first one to learn from to the last one to forecast
--   salesops_walk_mark       the marks of each, numbered in the order of time: those to learn from and those to forecast at
--   salesops_walk_outcome    deals won or lost, each state of them with the marks from and to which it was what was known
--   salesops_training        every deal open at each mark, as it then stood, and what is known of its outcome at the mark that the walk is at
--   salesops_walk_part       what each owner booked in the end, in parts as seen from each mark that is forecast at
--   salesops_walk_scope      companies, regions, teams and owners, numbered
--   salesops_walk_member     who belonged to which scope at each mark
--
-- Nobody may know at a mark what happened after it. What was known is the states effective by the mark: of sources that had all been synced by
-- then as recorded by then, else as known now of that time. That holds for open deals as for the outcomes of the quarters before:
-- what becomes of a deal later (won after all, opened again, corrected, given to others) is known from the next mark on.
--
-- No owner is '' in these tables: joins on it must be by value.

CREATE FUNCTION salesops.backtest_marks() RETURNS numeric[] LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ARRAY[3, 2, 1, 0.5];
COMMENT ON FUNCTION salesops.backtest_marks() IS
  'Marks of a quarter at which a forecast is judged, by the months left: its start, after one month and two, and two weeks before its end (0.5)';

CREATE FUNCTION salesops.judged_marks(period salesops.fiscal_period, OUT months_to_go numeric, OUT mark timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
  SELECT m.months_to_go, m.mark FROM salesops.quarter_marks(period) m
  UNION ALL
  SELECT 0.5, salesops.end_of_day(salesops.end_date(period, salesops.fiscal_year_start_month()) - 14);
END;
COMMENT ON FUNCTION salesops.judged_marks(salesops.fiscal_period) IS
  'The backtest_marks() of a fiscal quarter: quarter_marks(), and the last instant of the day two weeks before its end';

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
  FROM generate_series(greatest(first OPERATOR(salesops.-) run.from_period, - (salesops.quarters_to_learn_from() + salesops.quarters_to_foretell())),
                       run.to_period OPERATOR(salesops.-) run.from_period) n
  CROSS JOIN LATERAL (SELECT run.from_period OPERATOR(salesops.+) n AS period) p;
  ANALYZE pg_temp.salesops_walk_quarter;

  PERFORM salesops.drop_temporary('salesops_walk_mark');
  CREATE TEMP TABLE salesops_walk_mark ON COMMIT DROP AS
  SELECT row_number() OVER (ORDER BY m.mark)::integer AS number, q.quarter, q.period, m.months_to_go, m.mark,
         q.quarter >= 0 AND m.months_to_go = ANY (run.months_to_go) AS is_forecast,
         b.basis, CASE b.basis WHEN 'stored' THEN m.mark ELSE run.known_at END AS known_at,
         -- The first tree of reps that we know is taken as given for the time before.
         greatest(m.mark, synced_at) AS tree_at,
         salesops.months_to_go(m.mark, q.period) AS exact_months, NULL::date AS first_day, NULL::text AS reason
  FROM pg_temp.salesops_walk_quarter q
  CROSS JOIN LATERAL salesops.judged_marks(q.period) m
  CROSS JOIN LATERAL (SELECT CASE WHEN synced_at <= m.mark THEN 'stored' ELSE 'reconstructed' END AS basis) b
  WHERE m.months_to_go >= 1 OR q.quarter >= 0 AND m.months_to_go = ANY (run.months_to_go);

  -- Since when deals were created, as known at each mark: a running minimum over what became known between one mark and the next.
  WITH asked AS MATERIALIZED (
    SELECT coalesce(array_agg(m.mark ORDER BY m.number) FILTER (WHERE m.basis = 'reconstructed'), '{}') AS reconstructed,
           coalesce(array_agg(m.mark ORDER BY m.number) FILTER (WHERE m.basis = 'stored'), '{}') AS stored
    FROM pg_temp.salesops_walk_mark m
  ), seen AS (
    SELECT width_bucket(v.effective_at - interval '1 microsecond', a.reconstructed) + 1 AS number, min(v.created_at) AS created_at
    FROM asked a CROSS JOIN salesops.opportunity_version v
    WHERE v.recorded_at <= run.known_at AND cardinality(a.reconstructed) > 0
    GROUP BY 1
    UNION ALL
    SELECT cardinality(a.reconstructed) + width_bucket(greatest(v.effective_at, v.recorded_at) - interval '1 microsecond', a.stored) + 1, min(v.created_at)
    FROM asked a CROSS JOIN salesops.opportunity_version v
    WHERE cardinality(a.stored) > 0
    GROUP BY 1
  ), first AS (
    SELECT m.number, min(min(s.created_at)) OVER (PARTITION BY m.basis ORDER BY m.number) AS created_at
    FROM pg_temp.salesops_walk_mark m LEFT JOIN seen s ON s.number = m.number
    GROUP BY m.number, m.basis
  )
  UPDATE pg_temp.salesops_walk_mark m SET first_day = salesops.local_date(f.created_at) FROM first f WHERE f.number = m.number;
  ANALYZE pg_temp.salesops_walk_mark;
END $$;
COMMENT ON FUNCTION salesops.walk_quarters(salesops.backtest_run) IS
  'Fill salesops_walk_quarter and salesops_walk_mark; quarter counts from the first one that is forecast (0), before it is negative';

CREATE FUNCTION salesops.walk_outcomes(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_outcome');
  CREATE TEMP TABLE salesops_walk_outcome ON COMMIT DROP AS
  WITH asked AS MATERIALIZED (
    -- Marks are looked for by binary search in their sorted lists; the reconstructed ones come first.
    SELECT coalesce(array_agg(m.mark ORDER BY m.number) FILTER (WHERE m.basis = 'reconstructed'), '{}') AS reconstructed,
           coalesce(array_agg(m.mark ORDER BY m.number) FILTER (WHERE m.basis = 'stored'), '{}') AS stored
    FROM pg_temp.salesops_walk_mark m
  ), stage AS MATERIALIZED (
    SELECT m.number, s.source_key, s.stage, s.pipeline, s.but_in, s.status
    FROM pg_temp.salesops_walk_mark m CROSS JOIN LATERAL salesops.stage_meaning(m.mark) s
  ), source AS MATERIALIZED (
    SELECT s.source_key, salesops.source_option(s.*, 'currency') AS currency FROM salesops.source s
  ), held AS (
    -- A state holds from when it was true ...
    SELECT v.*, v.effective_at AS holds_from, lead(v.effective_at, 1, 'infinity') OVER w AS holds_until, a.reconstructed AS marks, 0 AS before
    FROM asked a CROSS JOIN salesops.opportunity_version v
    WHERE v.recorded_at <= run.known_at AND cardinality(a.reconstructed) > 0
    WINDOW w AS (PARTITION BY v.source_key COLLATE "C", v.id COLLATE "C" ORDER BY v.effective_at, v.recorded_at, v.is_present)
    UNION ALL
    -- ... and we knew it, until that is so of any later one.
    SELECT v.*, greatest(v.effective_at, v.recorded_at), coalesce(min(greatest(v.effective_at, v.recorded_at)) OVER w, 'infinity'), a.stored, cardinality(a.reconstructed)
    FROM asked a CROSS JOIN salesops.opportunity_version v
    WHERE cardinality(a.stored) > 0
    WINDOW w AS (PARTITION BY v.source_key COLLATE "C", v.id COLLATE "C" ORDER BY v.effective_at, v.recorded_at, v.is_present
                 ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
  ), closed AS (
    SELECT h.source_key, h.id, h.owner_id, h.account_id, h.close_date, h.amount, h.list_amount, h.product, h.quantity, h.is_won, h.is_closed, h.stage, h.pipeline,
           coalesce(h.currency, c.currency) AS currency, n.first_mark, n.last_mark,
           salesops.fiscal_quarter(h.close_date, run.fiscal_year_start_month) OPERATOR(salesops.-) run.from_period AS quarter
    FROM held h
    LEFT JOIN source c ON c.source_key = h.source_key
    CROSS JOIN LATERAL (SELECT h.before + width_bucket(h.holds_from - interval '1 microsecond', h.marks) + 1 AS first_mark,
                               h.before + width_bucket(h.holds_until - interval '1 microsecond', h.marks) AS last_mark) n
    WHERE NOT h.is_deleted AND h.merged_into IS NULL AND (h.is_won OR h.is_closed IS NOT FALSE) AND h.close_date IS NOT NULL AND n.first_mark <= n.last_mark
  ), piece AS (
    -- What a stage means, and a rate until the close date, are of the mark.
    SELECT c.*, p.first, p.last
    FROM closed c
    CROSS JOIN LATERAL (SELECT (c.is_won OR c.is_closed) AND (c.currency = run.corporate_currency OR c.close_date <= salesops.local_date(m.mark)) AS is_whole
                        FROM pg_temp.salesops_walk_mark m WHERE m.number = c.first_mark) w
    CROSS JOIN LATERAL (SELECT c.first_mark AS first, c.last_mark AS last WHERE w.is_whole
                        UNION ALL
                        SELECT n, n FROM generate_series(c.first_mark, c.last_mark) n WHERE w.is_whole IS NOT TRUE) p
  )
  SELECT p.quarter, p.source_key, p.id, coalesce(p.owner_id, '') AS owner_id, p.account_id, x.status = 'won' AS is_won, p.close_date,
         salesops.bookable_amount(
           CASE WHEN p.currency = run.corporate_currency THEN p.amount
                ELSE p.amount / (SELECT r.per_corporate FROM salesops.currency_rate r
                                 WHERE r.source_key = p.source_key AND r.currency = p.currency
                                   AND r.valid_from <= least(p.close_date, salesops.local_date(f.mark)) AND NOT r.is_deleted AND r.per_corporate > 0
                                 ORDER BY r.valid_from DESC, r.id LIMIT 1) END) AS amount,
         p.amount AS own_amount, p.currency, p.list_amount, p.product, p.quantity, p.first AS first_mark, p.last AS last_mark
  FROM piece p
  JOIN pg_temp.salesops_walk_mark f ON f.number = p.first
  LEFT JOIN stage m ON m.number = p.first AND m.source_key = p.source_key AND m.stage = p.stage AND salesops.means_stage(m.pipeline, m.but_in, p.pipeline)
  CROSS JOIN LATERAL (SELECT salesops.deal_status(p.is_won, p.is_closed, m.status) AS status) x
  WHERE x.status <> 'open';
  CREATE INDEX ON pg_temp.salesops_walk_outcome (quarter);
  ANALYZE pg_temp.salesops_walk_outcome;

  -- How it ended, as far as is known now.
  PERFORM salesops.drop_temporary('salesops_walk_end');
  CREATE TEMP TABLE salesops_walk_end ON COMMIT DROP AS
  SELECT o.close_quarter OPERATOR(salesops.-) run.from_period AS quarter, o.source_key, o.id, coalesce(o.owner_id, '') AS owner_id,
         salesops.bookable_amount(o.corporate_amount) AS amount
  FROM salesops.opportunity_state(run.as_of, run.known_at) o
  WHERE o.status = 'won' AND o.close_quarter OPERATOR(salesops.>=) run.from_period AND o.close_quarter OPERATOR(salesops.<=) run.to_period;
  ANALYZE pg_temp.salesops_walk_end;
END $$;
COMMENT ON FUNCTION salesops.walk_outcomes(salesops.backtest_run) IS
  'Fill salesops_walk_outcome: states of deals won or lost, each with the quarter of its close date and the marks first_mark to last_mark at which it was the state known, amount in '
  'corporate currency as opportunity_state() converts it, NULL = unknown; and salesops_walk_end: deals won in the quarters that are forecast, as of the run';

-- Won in the quarter means: with a close date in it. A deal that is won by then but was closed before is not of this quarter.
-- Where the category is not known of that time a deal counts as Pipeline, and where the close date is not, as due.
CREATE FUNCTION salesops.walk_deals(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
DECLARE
  reading record;
BEGIN
  PERFORM salesops.drop_temporary('salesops_training');
  CREATE TEMP TABLE salesops_training (
    row bigint GENERATED ALWAYS AS IDENTITY, mark integer, quarter integer, period salesops.fiscal_period, months_to_go numeric,
    source_key text, id text, owner_id text, category salesops.forecast_category, is_due boolean, is_in_quarter boolean,
    corporate_amount numeric, is_estimate boolean, is_amount_missing boolean, segment text, levels text[],
    -- As known at the mark that the walk is at, and as of the run.
    won boolean, won_in_the_end boolean
  -- With room on each page for the outcomes that become known.
  ) WITH (fillfactor = 70) ON COMMIT DROP;
  -- Marks with one known_at are read together: the reconstructed ones all have the run's, each stored one has its own.
  FOR reading IN
    SELECT m.known_at, array_agg(m.mark ORDER BY m.mark) AS marks FROM pg_temp.salesops_walk_mark m GROUP BY m.known_at ORDER BY m.known_at
  LOOP
    INSERT INTO pg_temp.salesops_training (mark, quarter, period, months_to_go, source_key, id, owner_id, category, is_due, is_in_quarter, corporate_amount, is_estimate,
                                           is_amount_missing, segment, levels, won, won_in_the_end)
    SELECT m.number, m.quarter, m.period, m.months_to_go, d.source_key, d.id, coalesce(d.owner_id, ''),
           CASE WHEN d.is_category_known THEN d.category ELSE 'Pipeline' END, NOT d.is_close_date_known OR coalesce(d.close_date <= q.end_date, true),
           NOT d.is_close_date_known OR coalesce(d.close_date BETWEEN q.start_date AND q.end_date, false),
           salesops.bookable_amount(d.corporate_amount), d.amount_basis IN ('list price', 'not known then'), NOT d.is_amount_known AND d.corporate_amount IS NULL, d.segment, d.levels,
           false, e.id IS NOT NULL
    FROM salesops.win_deals(reading.marks, reading.known_at, run.factors) d
    JOIN pg_temp.salesops_walk_mark m ON m.mark = d.instant
    JOIN pg_temp.salesops_walk_quarter q ON q.quarter = m.quarter
    LEFT JOIN pg_temp.salesops_walk_end e ON e.quarter = m.quarter AND e.source_key = d.source_key AND e.id = d.id
    -- A mark is read by itself later on, and the table is large.
    ORDER BY m.number;
  END LOOP;
  CREATE INDEX ON pg_temp.salesops_training (mark);
  CREATE INDEX ON pg_temp.salesops_training (period);
  CREATE INDEX ON pg_temp.salesops_training (quarter);
  ANALYZE pg_temp.salesops_training;

  -- What is missing of the deals themselves would be taken for an error of every method.
  UPDATE pg_temp.salesops_walk_mark m
  SET reason = format('the amounts of %s of %s deals open then are not known', d.missing, d.deals)
  FROM (SELECT t.mark, count(*) AS deals, count(*) FILTER (WHERE t.is_amount_missing) AS missing FROM pg_temp.salesops_training t GROUP BY t.mark) d
  WHERE d.mark = m.number AND d.missing * 20 > d.deals;
END $$;
COMMENT ON FUNCTION salesops.walk_deals(salesops.backtest_run) IS
  'Fill salesops_training: deals open at each mark with the levels of their factors, and whether they were won with a close date in the quarter; and say of the marks at which '
  'more than a twentieth of their amounts is not known that there is no amount to score';

-- What is known of outcomes at one mark that was not at an earlier one (0 = at none). The planner takes what moved for one row, hence joins by hashing only.
CREATE FUNCTION salesops.walk_on(from_mark integer, to_mark integer) RETURNS salesops.fiscal_period[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
  changed salesops.fiscal_period[];
BEGIN
  WITH moved AS MATERIALIZED (
    SELECT DISTINCT o.source_key, o.id, o.quarter
    FROM pg_temp.salesops_walk_outcome o
    WHERE o.is_won AND (o.first_mark > from_mark AND o.first_mark <= to_mark OR o.last_mark >= from_mark AND o.last_mark < to_mark)
  ), told AS MATERIALIZED (
    SELECT m.source_key, m.id, m.quarter, bool_or(to_mark BETWEEN o.first_mark AND o.last_mark) AS won
    FROM moved m JOIN pg_temp.salesops_walk_outcome o ON o.source_key = m.source_key AND o.id = m.id AND o.quarter = m.quarter
    WHERE o.is_won
    GROUP BY m.source_key, m.id, m.quarter
  ), bound AS MATERIALIZED (
    SELECT array_agg(DISTINCT t.quarter) AS quarters FROM told t
  ), learned AS (
    UPDATE pg_temp.salesops_training t SET won = n.won
    FROM told n
    WHERE t.quarter = ANY ((SELECT b.quarters FROM bound b)::integer[])
      AND t.quarter = n.quarter AND t.source_key = n.source_key AND t.id = n.id AND t.won <> n.won
    RETURNING t.period
  )
  SELECT array_agg(DISTINCT l.period) INTO changed FROM learned l;
  RETURN changed;
END $$;
COMMENT ON FUNCTION salesops.walk_on(integer, integer) IS
  'Bring the outcomes in salesops_training from what was known at a mark (by number, 0 = nothing) to what was at a later one; returns the quarters of the deals whose outcome changed';

-- Every win belongs to one part at each mark of its quarter: booked (won by then), existing (open then), or new business.
CREATE FUNCTION salesops.walk_parts() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  -- Deals that were won in a quarter for all that was ever known, and were neither open nor booked at a mark to learn from.
  PERFORM salesops.drop_temporary('salesops_walk_new');
  CREATE TEMP TABLE salesops_walk_new ON COMMIT DROP AS
  SELECT w.quarter, w.source_key, w.id, array_agg(m.months_to_go) AS new_at
  FROM (SELECT DISTINCT o.quarter, o.source_key, o.id FROM pg_temp.salesops_walk_outcome o WHERE o.is_won) w
  JOIN pg_temp.salesops_walk_mark m ON m.quarter = w.quarter AND m.months_to_go >= 1
  LEFT JOIN pg_temp.salesops_training t ON t.mark = m.number AND t.source_key = w.source_key AND t.id = w.id
  LEFT JOIN pg_temp.salesops_walk_outcome b
    ON b.quarter = w.quarter AND b.source_key = w.source_key AND b.id = w.id AND b.is_won AND m.number BETWEEN b.first_mark AND b.last_mark
  WHERE t.id IS NULL AND b.id IS NULL
  GROUP BY w.quarter, w.source_key, w.id;
  ANALYZE pg_temp.salesops_walk_new;

  PERFORM salesops.drop_temporary('salesops_walk_part');
  CREATE TEMP TABLE salesops_walk_part ON COMMIT DROP AS
  SELECT m.number AS mark, e.source_key, e.owner_id, coalesce(sum(e.amount), 0) AS total,
         coalesce(sum(e.amount) FILTER (WHERE t.id IS NOT NULL), 0) AS existing,
         coalesce(sum(e.amount) FILTER (WHERE t.id IS NULL AND b.id IS NULL), 0) AS new_business
  FROM pg_temp.salesops_walk_mark m
  JOIN pg_temp.salesops_walk_end e ON e.quarter = m.quarter
  LEFT JOIN pg_temp.salesops_training t ON t.mark = m.number AND t.source_key = e.source_key AND t.id = e.id
  LEFT JOIN pg_temp.salesops_walk_outcome b
    ON b.quarter = e.quarter AND b.source_key = e.source_key AND b.id = e.id AND b.is_won AND m.number BETWEEN b.first_mark AND b.last_mark
  WHERE m.is_forecast
  GROUP BY m.number, e.source_key, e.owner_id;
  ANALYZE pg_temp.salesops_walk_part;
END $$;
COMMENT ON FUNCTION salesops.walk_parts() IS
  'Fill salesops_walk_part: what each owner booked in each quarter, in parts as seen from each mark that is forecast at; and salesops_walk_new: the marks of its quarter (new_at) after '
  'which a won deal was new business';

CREATE FUNCTION salesops.walk_members() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_walk_place');
  CREATE TEMP TABLE salesops_walk_place ON COMMIT DROP AS
  WITH mark AS MATERIALIZED (
    SELECT m.* FROM pg_temp.salesops_walk_mark m WHERE m.is_forecast
  ), listed AS MATERIALIZED (
    SELECT m.number, s.scope_kind, s.scope, s.source_key, s.owner_id
    FROM mark m CROSS JOIN LATERAL salesops.forecast_scopes(m.tree_at, m.known_at) s
  ), owner AS MATERIALIZED (
    SELECT m.number, o.source_key, o.owner_id
    FROM (SELECT t.source_key, t.owner_id FROM pg_temp.salesops_training t
          UNION SELECT w.source_key, w.owner_id FROM pg_temp.salesops_walk_outcome w
          UNION SELECT e.source_key, e.owner_id FROM pg_temp.salesops_walk_end e) o
    CROSS JOIN mark m
  )
  SELECT l.number, l.source_key, l.owner_id, l.scope_kind, l.scope FROM listed l WHERE l.owner_id IS NOT NULL
  UNION ALL
  -- The rows without an owner stand for everybody who was no rep then.
  SELECT o.number, o.source_key, o.owner_id, l.scope_kind, l.scope
  FROM owner o
  JOIN listed l ON l.number = o.number AND l.owner_id IS NULL
  WHERE NOT EXISTS (SELECT FROM listed r WHERE r.number = o.number AND r.scope_kind = 'owner' AND r.source_key = o.source_key AND r.owner_id = o.owner_id);

  PERFORM salesops.drop_temporary('salesops_walk_scope');
  CREATE TEMP TABLE salesops_walk_scope ON COMMIT DROP AS
  SELECT row_number() OVER (ORDER BY p.scope COLLATE "C")::integer AS number, min(p.scope_kind) AS scope_kind, p.scope
  FROM pg_temp.salesops_walk_place p
  GROUP BY p.scope;
  ANALYZE pg_temp.salesops_walk_scope;

  PERFORM salesops.drop_temporary('salesops_walk_member');
  CREATE TEMP TABLE salesops_walk_member ON COMMIT DROP AS
  SELECT p.number AS mark, p.source_key, p.owner_id, s.number AS scope
  FROM pg_temp.salesops_walk_place p JOIN pg_temp.salesops_walk_scope s ON s.scope = p.scope;
  ANALYZE pg_temp.salesops_walk_member;
  PERFORM salesops.drop_temporary('salesops_walk_place');
END $$;
COMMENT ON FUNCTION salesops.walk_members() IS 'Fill salesops_walk_scope and salesops_walk_member: who was in which of forecast_scopes() at each mark';
