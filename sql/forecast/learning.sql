-- What is learned from the quarters before one: the win model, and how much deals hang together. fit_forecast() and backtest()
-- both learn by these functions, so that what is backtested is what is published.
--
-- Whoever learns puts the deals that were open at past marks, with what is known of their outcome, into a temporary table:
--
--   salesops_training   period, months_to_go (3, 2, 1; of less nothing is learned), source_key, id, corporate_amount, is_amount_missing (not known of that time), levels, won
--
-- What was counted and fitted is kept for as long as he goes on: each quarter is counted once, and its counts added to those of the quarters before; a model
-- is fitted once for each quarter that is forecast or foretold. Where an outcome has become another one, forget_quarters() says so.

CREATE FUNCTION salesops.quarters_to_learn_from() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 20;
COMMENT ON FUNCTION salesops.quarters_to_learn_from() IS
  'How many quarters a win model is fitted to at most: five years are enough for every effect, and a date in 1970 does not make a hundred quarters';

CREATE FUNCTION salesops.quarters_to_foretell() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 8;
COMMENT ON FUNCTION salesops.quarters_to_foretell() IS 'How many of the last quarters are foretold to see how much deals hang together';

CREATE FUNCTION salesops.begin_learning() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM salesops.drop_temporary('salesops_learned_cells'), salesops.drop_temporary('salesops_learned_sum'), salesops.drop_temporary('salesops_learned_model'), salesops.drop_temporary('salesops_foretold');
  CREATE TEMP TABLE salesops_learned_cells (period salesops.fiscal_period PRIMARY KEY, cells salesops.win_cells NOT NULL) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_learned_sum (period salesops.fiscal_period PRIMARY KEY, cells salesops.win_cells) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_learned_model (period salesops.fiscal_period PRIMARY KEY, model salesops.win_model NOT NULL, has_foretold boolean NOT NULL) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_foretold (period salesops.fiscal_period, amount numeric, probability float8, won boolean) ON COMMIT DROP;
END $$;
COMMENT ON FUNCTION salesops.begin_learning() IS 'Make the temporary tables of what is learned, empty';

-- The sum for a quarter is that for the quarter before it and its counts, unless an older quarter is not to count any more.
CREATE FUNCTION salesops.cells_before(period salesops.fiscal_period) RETURNS salesops.win_cells
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  last CONSTANT salesops.fiscal_period := period OPERATOR(salesops.-) 1;
  first CONSTANT salesops.fiscal_period := period OPERATOR(salesops.-) salesops.quarters_to_learn_from();
  total salesops.win_cells;
BEGIN
  IF EXISTS (SELECT FROM pg_temp.salesops_learned_sum s WHERE s.period OPERATOR(salesops.=) last)
     AND NOT EXISTS (SELECT FROM pg_temp.salesops_learned_cells c WHERE c.period OPERATOR(salesops.=) (first OPERATOR(salesops.-) 1)) THEN
    total := (SELECT salesops.win_cells(p.cells)
              FROM (SELECT s.cells FROM pg_temp.salesops_learned_sum s WHERE s.period OPERATOR(salesops.=) last
                    UNION ALL SELECT c.cells FROM pg_temp.salesops_learned_cells c WHERE c.period OPERATOR(salesops.=) last) p);
  ELSE
    total := (SELECT salesops.win_cells(c.cells) FROM pg_temp.salesops_learned_cells c
              WHERE c.period OPERATOR(salesops.>=) first AND c.period OPERATOR(salesops.<) cells_before.period);
  END IF;
  DELETE FROM pg_temp.salesops_learned_sum s WHERE s.period OPERATOR(salesops.=) cells_before.period;
  INSERT INTO pg_temp.salesops_learned_sum VALUES (period, total);
  RETURN total;
END $$;
COMMENT ON FUNCTION salesops.cells_before(salesops.fiscal_period) IS
  'Counts of the quarters_to_learn_from() quarters before a period in salesops_learned_cells, together; NULL where there are none';

CREATE FUNCTION salesops.model_before(period salesops.fiscal_period, factors text[]) RETURNS salesops.win_model
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  first CONSTANT salesops.fiscal_period := period OPERATOR(salesops.-) salesops.quarters_to_learn_from();
  model salesops.win_model := (SELECT m.model FROM pg_temp.salesops_learned_model m WHERE m.period OPERATOR(salesops.=) model_before.period);
BEGIN
  IF model IS NULL THEN
    INSERT INTO pg_temp.salesops_learned_cells
    SELECT salesops.min(t.period), salesops.win_cells(factors, t.levels, t.period, t.won)
    FROM pg_temp.salesops_training t
    WHERE t.period OPERATOR(salesops.>=) first AND t.period OPERATOR(salesops.<) model_before.period AND t.months_to_go >= 1
      AND NOT EXISTS (SELECT FROM pg_temp.salesops_learned_cells c WHERE c.period OPERATOR(salesops.=) t.period)
    GROUP BY t.period::integer;
    model := salesops.fit_win_model(salesops.cells_before(period));
    INSERT INTO pg_temp.salesops_learned_model VALUES (period, model, false);
  END IF;
  RETURN model;
END $$;
COMMENT ON FUNCTION salesops.model_before(salesops.fiscal_period, text[]) IS
  'The win model fitted to the quarters before a period (the last quarters_to_learn_from() of them) in salesops_training';

CREATE FUNCTION salesops.model_doubt_before(period salesops.fiscal_period, factors text[]) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  first CONSTANT salesops.fiscal_period := period OPERATOR(salesops.-) salesops.quarters_to_learn_from();
  -- A deal has three rows a quarter at most, so that where there are many rows nobody has to count the deals.
  enough CONSTANT integer := 50 * 3 * salesops.quarters_to_learn_from();
  deals bigint;
BEGIN
  IF (SELECT count(*) FROM (SELECT FROM pg_temp.salesops_training t
                            WHERE t.period OPERATOR(salesops.>=) first AND t.period OPERATOR(salesops.<) model_doubt_before.period AND t.months_to_go >= 1
                            LIMIT enough) t) < enough THEN
    deals := (SELECT count(DISTINCT (t.source_key, t.id)) FROM pg_temp.salesops_training t
              WHERE t.period OPERATOR(salesops.>=) first AND t.period OPERATOR(salesops.<) model_doubt_before.period AND t.months_to_go >= 1);
    IF deals < 50 THEN
      RETURN format('%s deals to learn from, and 50 are needed', deals);
    END IF;
  END IF;
  RETURN (SELECT s.reason FROM salesops.win_model_summary(salesops.model_before(period, factors)) s);
END $$;
COMMENT ON FUNCTION salesops.model_doubt_before(salesops.fiscal_period, text[]) IS 'Why model_before() must not be believed; NULL = it may';

-- How much deals hang together shows in totals of quarters, against what was said of them without knowing them. So the past is
-- walked again: each of the last eight quarters is foretold at its start by the model of the quarters before it.
CREATE FUNCTION salesops.past_correlation(period salesops.fiscal_period, factors text[], OUT estimate float8, OUT quarters integer)
RETURNS record LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
  first CONSTANT salesops.fiscal_period := past_correlation.period OPERATOR(salesops.-) salesops.quarters_to_foretell();
  past record;
  model salesops.win_model;
BEGIN
  FOR past IN
    SELECT salesops.min(t.period) AS period FROM pg_temp.salesops_training t
    WHERE t.period OPERATOR(salesops.>=) first AND t.period OPERATOR(salesops.<) past_correlation.period AND t.months_to_go = 3
    GROUP BY t.period::integer
    -- Where amounts are not known of the time, those that are known are of the deals that are still open.
    HAVING count(*) FILTER (WHERE t.is_amount_missing) * 20 <= count(*)
    ORDER BY t.period::integer
  LOOP
    model := salesops.model_before(past.period, factors);
    CONTINUE WHEN (SELECT m.has_foretold FROM pg_temp.salesops_learned_model m WHERE m.period OPERATOR(salesops.=) past.period);
    INSERT INTO pg_temp.salesops_foretold
    SELECT t.period, t.corporate_amount, salesops.win_probability(model, t.levels), t.won
    FROM pg_temp.salesops_training t
    WHERE salesops.is_calibrated(model) AND t.period OPERATOR(salesops.=) past.period AND t.months_to_go = 3 AND t.corporate_amount IS NOT NULL;
    UPDATE pg_temp.salesops_learned_model m SET has_foretold = true WHERE m.period OPERATOR(salesops.=) past.period;
  END LOOP;
  SELECT salesops.estimate_correlation(f.period, f.amount, f.probability, f.won), count(DISTINCT f.period::integer)::integer
  INTO estimate, quarters
  FROM pg_temp.salesops_foretold f
  WHERE f.period OPERATOR(salesops.>=) first AND f.period OPERATOR(salesops.<) past_correlation.period;
END $$;
COMMENT ON FUNCTION salesops.past_correlation(salesops.fiscal_period, text[]) IS
  'Correlation of deals, estimated from so many of the quarters_to_foretell() before a period in salesops_training, each foretold at its start by model_before()';

CREATE FUNCTION salesops.forget_quarters(changed salesops.fiscal_period[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM pg_temp.salesops_learned_cells c WHERE c.period OPERATOR(salesops.=) ANY (changed);
  DELETE FROM pg_temp.salesops_foretold f
  WHERE EXISTS (SELECT FROM unnest(changed) q
                WHERE f.period OPERATOR(salesops.>=) q AND f.period OPERATOR(salesops.<=) (q OPERATOR(salesops.+) salesops.quarters_to_learn_from()));
  DELETE FROM pg_temp.salesops_learned_sum s
  WHERE EXISTS (SELECT FROM unnest(changed) q
                WHERE s.period OPERATOR(salesops.>) q AND s.period OPERATOR(salesops.<=) (q OPERATOR(salesops.+) salesops.quarters_to_learn_from()));
  UPDATE pg_temp.salesops_learned_model m SET has_foretold = false WHERE m.period OPERATOR(salesops.=) ANY (changed);
  DELETE FROM pg_temp.salesops_learned_model m
  WHERE EXISTS (SELECT FROM unnest(changed) q
                WHERE m.period OPERATOR(salesops.>) q AND m.period OPERATOR(salesops.<=) (q OPERATOR(salesops.+) salesops.quarters_to_learn_from()));
END $$;
COMMENT ON FUNCTION salesops.forget_quarters(salesops.fiscal_period[]) IS
  'Drop what was learned from quarters whose outcomes have become others in salesops_training';
