-- backtest(): every method made to forecast quarters that are over, from what was known then, and held against what came.
--
-- Mark by mark in the order of time: the outcomes known then are brought up to date, what fit_forecast() learns is learned from
-- the quarters that ended before (learning.sql), every open deal gets a probability by each method, and owners roll up to teams, regions and the
-- company, as forecast() puts them together (forecast_bookings()). What a run says of the model at a mark is what forecast() would have said then, by
-- a model fitted at that mark; and of category_weights what it would have said with that method. Three methods are there to be held against:
--
--   calibrated_weights   the weight of the category as the last four quarters bear it out, and the model's new business
--   closed_win_rate      won / closed deals of the quarters before, for every open deal, and the model's new business
--   naive                the last quarter's bookings
--
-- P10, P50 and P90 are of the model for every scope, of the others for the company, so that they can be compared: under one common factor, whose
-- correlation is estimated for each of them from its own forecasts of the quarters walked before.

CREATE FUNCTION salesops.backtest_methods(OUT method text, OUT meaning text)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  VALUES ('model', 'Win model, fitted on the quarters before'),
         ('category_weights', 'Set weight of the deal''s category, of deals that are to close in the quarter: the weighted total'),
         ('calibrated_weights', 'Weight of the deal''s category as the last four quarters bear it out: (wins + 20 x set weight) / (deals + 20); deals due after the quarter: none'),
         ('closed_win_rate', 'Won / closed deals of the quarters before, for every open deal'),
         ('naive', 'What was booked in the last quarter');
END;
COMMENT ON FUNCTION salesops.backtest_methods() IS 'The methods that backtest() compares; naive alone states no probability of each deal';

CREATE FUNCTION salesops.check_backtest(methods text[], from_period salesops.fiscal_period, to_period salesops.fiscal_period,
                                        months_to_go numeric[], as_of timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unknown text := (SELECT m FROM unnest(methods) m WHERE m IS NULL OR m NOT IN (SELECT k.method FROM salesops.backtest_methods() k) LIMIT 1);
  ends_at timestamptz;
  stale record;
BEGIN
  IF coalesce(cardinality(methods), 0) = 0 OR array_position(methods, NULL) IS NOT NULL OR unknown IS NOT NULL THEN
    RAISE EXCEPTION 'no method to backtest is called %', coalesce(quote_literal(unknown), 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'Name some of: ' || (SELECT string_agg(k.method, ', ') FROM salesops.backtest_methods() k) || '.';
  END IF;
  IF from_period IS NULL OR to_period IS NULL OR salesops.grain(from_period) <> 'quarter' OR salesops.grain(to_period) <> 'quarter'
     OR from_period OPERATOR(salesops.>) to_period THEN
    RAISE EXCEPTION 'a backtest goes from a fiscal quarter to the same or a later one, not from % to %',
                    coalesce(from_period::text, 'NULL'), coalesce(to_period::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Quarters are written like FY2026-Q4.';
  END IF;
  IF coalesce(cardinality(months_to_go), 0) = 0 OR NOT (months_to_go <@ salesops.backtest_marks()) THEN
    RAISE EXCEPTION 'a quarter is forecast with 3, 2, 1 or 0.5 months to go, not %', coalesce(months_to_go::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give some of ARRAY[3, 2, 1, 0.5]: its start, after one month and two, and two weeks before its end.';
  END IF;
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'as_of must be an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
  END IF;
  PERFORM salesops.check_forecast_instant(as_of);
  ends_at := salesops.end_of_day(salesops.end_date(to_period, salesops.fiscal_year_start_month()));
  IF ends_at > as_of THEN
    RAISE EXCEPTION '% is not over as of %', to_period, as_of USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It ends at %s.', ends_at),
      HINT = 'A forecast is held against what came: name a quarter that has ended.';
  END IF;
  SELECT * INTO stale FROM salesops.source_readings(as_of) r WHERE r.read_at < ends_at ORDER BY r.read_at, r.source_key LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'what % brought is not known: source % was not read after its end', to_period, quote_ident(stale.source_key) USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It was read last as of %s; the quarter ended at %s.', stale.read_at, ends_at),
      HINT = 'Sync it first, or name quarters that had ended by then.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_backtest(text[], salesops.fiscal_period, salesops.fiscal_period, numeric[], timestamptz) IS
  'Raises 22023 where backtest() cannot be run with such arguments';

CREATE FUNCTION salesops.check_history(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first salesops.fiscal_period := (
    SELECT salesops.min(run.from_period OPERATOR(salesops.+) (x.quarter + 1))
    FROM (SELECT m.quarter FROM pg_temp.salesops_walk_mark m
          WHERE EXISTS (SELECT FROM pg_temp.salesops_walk_outcome o WHERE o.quarter <= m.quarter)
            AND EXISTS (SELECT FROM pg_temp.salesops_training t WHERE t.mark = m.number)
          GROUP BY m.quarter
          HAVING array_agg(m.months_to_go) @> ARRAY(SELECT m FROM unnest(run.months_to_go) m WHERE m >= 1)) x);
BEGIN
  IF first IS NULL OR first OPERATOR(salesops.>) run.from_period THEN
    RAISE EXCEPTION 'there is not enough history to forecast %', run.from_period USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'A forecast needs a quarter before it in which deals were open at the same marks, and some were closed.',
      HINT = CASE WHEN first OPERATOR(salesops.<=) run.to_period THEN format('Begin with %s.', first)
                  ELSE 'See opportunity_version for what is known; known_at => ''infinity'' uses all of it.' END;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_history(salesops.backtest_run) IS
  'Raises 22023 where the quarters before a backtest have nothing to learn from';

-- What list prices are worth at a mark, by the price_ratios() of price_realization(); asked only where a deal is estimated at list price.
CREATE FUNCTION salesops.walk_prices(mark integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
  at record;
BEGIN
  TRUNCATE pg_temp.salesops_walk_price;
  IF NOT EXISTS (SELECT FROM pg_temp.salesops_training t WHERE t.mark = walk_prices.mark AND t.is_estimate) THEN
    RETURN;
  END IF;
  SELECT m.mark AS instant, m.known_at INTO at FROM pg_temp.salesops_walk_mark m WHERE m.number = walk_prices.mark;
  INSERT INTO pg_temp.salesops_walk_price
  WITH source AS MATERIALIZED (
    SELECT s.source_key, salesops.source_option(s.*, 'currency') AS currency FROM salesops.source s
  ), won AS (
    SELECT coalesce(a.segment, salesops.size_class(a.employees)) AS segment, o.amount, salesops.value_at_list(o.amount, o.own_amount, l.list_amount) AS list
    FROM pg_temp.salesops_walk_outcome o
    LEFT JOIN source c ON c.source_key = o.source_key
    LEFT JOIN salesops.product_meaning(at.instant) p ON p.source_key = o.source_key AND p.label = o.product
    CROSS JOIN LATERAL (SELECT coalesce(o.list_amount, CASE WHEN coalesce(p.currency, c.currency) = o.currency THEN p.list_price * coalesce(o.quantity, 1) END) AS list_amount) l
    LEFT JOIN salesops.account_state(at.instant, at.known_at) a ON a.source_key = o.source_key AND a.id = o.account_id
    WHERE o.is_won AND walk_prices.mark BETWEEN o.first_mark AND o.last_mark
  )
  SELECT r.segment, r.ratio
  FROM (SELECT array_agg(w.segment) AS segments, array_agg(w.amount) AS amounts, array_agg(w.list) AS lists FROM won w WHERE w.amount > 0 AND w.list > 0) a
  CROSS JOIN LATERAL salesops.price_ratios(a.segments, a.amounts, a.lists) r;
END $$;
COMMENT ON FUNCTION salesops.walk_prices(integer) IS 'Fill salesops_walk_price: price_realization() as of a mark, from salesops_walk_outcome';

CREATE FUNCTION salesops.walk_pace(run salesops.backtest_run, mark integer) RETURNS float8[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  RETURN (SELECT salesops.booking_pace(array_agg(o.close_date), run.fiscal_year_start_month)
          FROM pg_temp.salesops_walk_mark m
          JOIN pg_temp.salesops_walk_outcome o ON o.quarter BETWEEN m.quarter - salesops.quarters_to_foretell() AND m.quarter - 1 AND m.number BETWEEN o.first_mark AND o.last_mark
          WHERE m.number = walk_pace.mark AND o.is_won);
END $$;
COMMENT ON FUNCTION salesops.walk_pace(salesops.backtest_run, integer) IS 'past_pace() as of a mark, from salesops_walk_outcome';

-- What became of the deals of each category in the last four quarters, by the months that were left.
CREATE FUNCTION salesops.walk_evidence(quarter integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
BEGIN
  TRUNCATE pg_temp.salesops_walk_evidence;
  INSERT INTO pg_temp.salesops_walk_evidence
  SELECT t.months_to_go, t.category, count(*), count(*) FILTER (WHERE t.won)
  FROM pg_temp.salesops_training t
  WHERE t.quarter BETWEEN walk_evidence.quarter - 4 AND walk_evidence.quarter - 1 AND t.months_to_go >= 1 AND t.is_due
  GROUP BY t.months_to_go, t.category;
END $$;
COMMENT ON FUNCTION salesops.walk_evidence(integer) IS 'Fill salesops_walk_evidence for the method calibrated_weights, from the four quarters before one as known at the mark that the walk is at';

-- The probabilities of the deals open at one mark by every method, into salesops_walk_prediction.
CREATE FUNCTION salesops.walk_predict(run salesops.backtest_run, mark integer, model salesops.win_model, paced_months float8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
  at record;
  closed_win_rate float8;
BEGIN
  SELECT m.* INTO at FROM pg_temp.salesops_walk_mark m WHERE m.number = walk_predict.mark;
  closed_win_rate := (
    SELECT count(*) FILTER (WHERE o.is_won)::float8 / nullif(count(*), 0)
    FROM pg_temp.salesops_walk_outcome o WHERE o.quarter < at.quarter AND walk_predict.mark BETWEEN o.first_mark AND o.last_mark);

  INSERT INTO pg_temp.salesops_walk_prediction
  WITH fixed AS (
    SELECT c.category, k.weights[row_number() OVER (ORDER BY c.rank)] AS weight
    FROM (SELECT salesops.weights(run.weight_set, at.mark) AS weights) k
    CROSS JOIN salesops.forecast_categories() c
  ), weight AS (
    SELECT f.category, f.weight::float8 AS fixed,
           ((coalesce(e.wins, 0) + 20 * f.weight) / (coalesce(e.deals, 0) + 20))::float8 AS posterior
    FROM fixed f LEFT JOIN pg_temp.salesops_walk_evidence e ON e.category OPERATOR(salesops.=) f.category AND e.months_to_go = ceil(at.months_to_go)
  )
  SELECT t.row, t.mark, t.months_to_go, t.source_key, t.owner_id,
         t.corporate_amount, salesops.bookable_amount(t.corporate_amount * coalesce(r.ratio, a.ratio, 1)),
         CASE WHEN model IS NOT NULL THEN salesops.win_probability(model, t.levels, paced_months) END,
         CASE WHEN t.is_in_quarter THEN w.fixed ELSE 0 END, CASE WHEN t.is_due THEN w.posterior ELSE 0 END, closed_win_rate, t.won_in_the_end
  FROM pg_temp.salesops_training t
  LEFT JOIN weight w ON w.category OPERATOR(salesops.=) t.category
  LEFT JOIN pg_temp.salesops_walk_price r ON t.is_estimate AND r.segment = t.segment
  LEFT JOIN pg_temp.salesops_walk_price a ON t.is_estimate AND a.segment IS NULL
  WHERE t.mark = walk_predict.mark;
END $$;
COMMENT ON FUNCTION salesops.walk_predict(salesops.backtest_run, integer, salesops.win_model, float8) IS
  'Add to salesops_walk_prediction what each method says of the deals open at a mark with so many paced_months() to go; model NULL = none that may be believed, which says nothing';

CREATE FUNCTION salesops.walk_amount(method text, stated numeric, realized numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN method = 'category_weights' THEN stated ELSE realized END;
COMMENT ON FUNCTION salesops.walk_amount(text, numeric, numeric) IS
  'Amount that a method takes of a row of salesops_walk_prediction: the weighted total takes list prices as they are, the others what they are worth';

CREATE FUNCTION salesops.walk_probability(method text, of_model float8, of_category float8, of_evidence float8, of_closed float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE method WHEN 'model' THEN of_model WHEN 'category_weights' THEN of_category WHEN 'calibrated_weights' THEN of_evidence WHEN 'closed_win_rate' THEN of_closed END;
COMMENT ON FUNCTION salesops.walk_probability(text, float8, float8, float8, float8) IS 'Probability that a method takes of a row of salesops_walk_prediction';

-- How much deals hang together by each of the other methods' own forecasts of the starts of the quarters before.
CREATE FUNCTION salesops.walk_correlations(run salesops.backtest_run, quarter integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
BEGIN
  TRUNCATE pg_temp.salesops_walk_correlation;
  INSERT INTO pg_temp.salesops_walk_correlation
  SELECT k.method, salesops.shrunk_correlation(salesops.estimate_correlation(p.period, p.amount, p.probability, p.won), count(DISTINCT p.quarter)::integer)
  FROM unnest(run.methods) AS k(method)
  LEFT JOIN (SELECT k.method, salesops.walk_amount(k.method, f.stated, f.realized) AS amount,
                    salesops.walk_probability(k.method, NULL, f.of_category, f.of_evidence, f.of_closed) AS probability, t.period, t.quarter, t.won
             FROM pg_temp.salesops_walk_mark a
             JOIN pg_temp.salesops_walk_prediction f ON f.mark = a.number
             JOIN pg_temp.salesops_training t ON t.mark = a.number AND t.row = f.row
             CROSS JOIN unnest(run.methods) AS k(method)
             WHERE k.method NOT IN ('model', 'naive') AND a.quarter < walk_correlations.quarter AND a.quarter >= walk_correlations.quarter - salesops.quarters_to_foretell()
               AND a.months_to_go = run.months_to_go[1]) p ON p.method = k.method
  WHERE k.method NOT IN ('model', 'naive')
  GROUP BY k.method;
END $$;
COMMENT ON FUNCTION salesops.walk_correlations(salesops.backtest_run, integer) IS 'Fill salesops_walk_correlation for the methods other than model';

-- The forecasts of one mark for every scope, from its predictions and from what was booked before.
CREATE FUNCTION salesops.walk_forecast(run salesops.backtest_run, mark integer, correlation float8, paced_months float8) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
  at record;
BEGIN
  SELECT m.* INTO at FROM pg_temp.salesops_walk_mark m WHERE m.number = walk_forecast.mark;
  INSERT INTO salesops.backtest_forecast (run_id, period, months_to_go, mark, basis, scope_kind, scope, method, deals,
                                          booked, existing, new_business, mean, p10, p50, p90, noise_floor,
                                          naive, actual, actual_existing, actual_new_business, reason)
  WITH member AS MATERIALIZED (
    SELECT m.source_key, m.owner_id, m.scope FROM pg_temp.salesops_walk_member m WHERE m.mark = walk_forecast.mark
  ), method AS MATERIALIZED (
    SELECT k.method, CASE k.method WHEN 'model' THEN walk_forecast.correlation ELSE c.correlation END AS correlation
    FROM unnest(run.methods) AS k(method)
    LEFT JOIN pg_temp.salesops_walk_correlation c ON c.method = k.method
    WHERE k.method <> 'model' OR walk_forecast.correlation IS NOT NULL
  ), predicted AS MATERIALIZED (
    SELECT p.* FROM pg_temp.salesops_walk_prediction p WHERE p.mark = walk_forecast.mark
  ), of_owner AS MATERIALIZED (
    SELECT p.source_key, p.owner_id, count(*) AS deals, sum(p.realized * p.of_model::numeric) AS of_model, sum(p.stated * p.of_category::numeric) AS of_category,
           sum(p.realized * p.of_evidence::numeric) AS of_evidence, sum(p.realized * p.of_closed::numeric) AS of_closed,
           salesops.bookings(p.realized, p.of_model, walk_forecast.correlation) FILTER (WHERE p.of_model IS NOT NULL) AS pipeline
    FROM predicted p
    GROUP BY p.source_key, p.owner_id
  ), of_scope AS MATERIALIZED (
    SELECT m.scope, sum(o.deals) AS deals, sum(o.of_model) AS of_model, sum(o.of_category) AS of_category, sum(o.of_evidence) AS of_evidence, sum(o.of_closed) AS of_closed,
           salesops.bookings(o.pipeline) AS pipeline
    FROM of_owner o JOIN member m ON m.source_key = o.source_key AND m.owner_id = o.owner_id
    GROUP BY m.scope
  ), of_company AS (
    SELECT k.method, salesops.bookings(salesops.walk_amount(k.method, p.stated, p.realized),
                                       salesops.walk_probability(k.method, NULL, p.of_category, p.of_evidence, p.of_closed), k.correlation) AS pipeline
    FROM method k CROSS JOIN predicted p
    WHERE k.method NOT IN ('model', 'naive')
    GROUP BY k.method
  ), past AS MATERIALIZED (
    -- new_business_quarters() of the mark.
    SELECT q.quarter FROM pg_temp.salesops_walk_quarter q
    WHERE q.quarter BETWEEN at.quarter - 4 AND at.quarter - 1 AND q.start_date >= at.first_day
  ), line AS (
    -- What each owner had booked by the mark and in the quarter before, won new in the last ones, and came to; all but the last as known at the mark.
    SELECT o.source_key, o.owner_id, o.quarter, o.quarter = at.quarter AS is_booked, o.quarter = at.quarter - 1 AS is_naive, o.amount, NULL::numeric AS new_business,
           0 AS actual, 0 AS actual_existing, 0 AS actual_new_business
    FROM pg_temp.salesops_walk_outcome o
    WHERE o.is_won AND o.quarter BETWEEN at.quarter - 1 AND at.quarter AND walk_forecast.mark BETWEEN o.first_mark AND o.last_mark
    UNION ALL
    SELECT o.source_key, o.owner_id, o.quarter, false, false, 0, o.amount * s.share, 0, 0, 0
    FROM pg_temp.salesops_walk_outcome o
    JOIN past a ON a.quarter = o.quarter
    JOIN pg_temp.salesops_walk_new n ON n.quarter = o.quarter AND n.source_key = o.source_key AND n.id = o.id
    CROSS JOIN LATERAL (SELECT sum(salesops.new_business_share(walk_forecast.paced_months::numeric, m::integer)) AS share FROM unnest(n.new_at) m) s
    WHERE o.is_won AND walk_forecast.mark BETWEEN o.first_mark AND o.last_mark
    UNION ALL
    SELECT p.source_key, p.owner_id, at.quarter, false, false, 0, NULL, p.total, p.existing, p.new_business
    FROM pg_temp.salesops_walk_part p
    WHERE p.mark = walk_forecast.mark
    UNION ALL
    SELECT o.source_key, o.owner_id, at.quarter, false, false, 0, NULL::numeric, 0, 0, 0
    FROM of_owner o
  ), scope AS MATERIALIZED (
    SELECT m.scope, coalesce(sum(l.amount) FILTER (WHERE l.is_booked), 0) AS booked, coalesce(sum(l.amount) FILTER (WHERE l.is_naive), 0) AS naive,
           sum(l.actual) AS actual, sum(l.actual_existing) AS actual_existing, sum(l.actual_new_business) AS actual_new_business
    FROM line l JOIN member m ON m.source_key = l.source_key AND m.owner_id = l.owner_id
    GROUP BY m.scope
  ), came AS MATERIALIZED (
    SELECT m.scope, l.quarter, sum(l.new_business) AS amount
    FROM line l JOIN member m ON m.source_key = l.source_key AND m.owner_id = l.owner_id
    WHERE l.new_business IS NOT NULL
    GROUP BY m.scope, l.quarter
  ), coming AS MATERIALIZED (
    SELECT s.scope, array_agg(coalesce(c.amount, 0) ORDER BY a.quarter) AS amounts, avg(coalesce(c.amount, 0)) AS mean
    FROM scope s CROSS JOIN past a LEFT JOIN came c ON c.scope = s.scope AND c.quarter = a.quarter
    GROUP BY s.scope
  )
  SELECT run.run_id, at.period, at.months_to_go, at.mark, at.basis, c.scope_kind, c.scope, k.method, coalesce(o.deals, 0), x.*,
         s.naive, s.actual, s.actual_existing, s.actual_new_business, CASE WHEN x.mean IS NULL THEN at.reason END
  FROM scope s
  JOIN pg_temp.salesops_walk_scope c ON c.number = s.scope
  CROSS JOIN method k
  LEFT JOIN coming n ON n.scope = s.scope
  LEFT JOIN (SELECT w.scope, k.method, w.deals, a.existing, CASE WHEN k.method = 'model' THEN w.pipeline END AS pipeline
             FROM of_scope w CROSS JOIN method k
             CROSS JOIN LATERAL (SELECT CASE k.method WHEN 'model' THEN w.of_model WHEN 'category_weights' THEN w.of_category WHEN 'calibrated_weights' THEN w.of_evidence
                                                      WHEN 'closed_win_rate' THEN w.of_closed END AS existing) a
             WHERE k.method <> 'naive') o ON o.scope = s.scope AND o.method = k.method
  LEFT JOIN of_company w ON w.method = k.method AND c.scope_kind = 'company'
  CROSS JOIN LATERAL (
    SELECT s.booked, e.existing, f.new_mean, CASE WHEN e.existing IS NOT NULL THEN f.mean END AS mean, f.p10::numeric, f.p50::numeric, f.p90::numeric,
           CASE WHEN k.method = 'model' AND e.existing IS NOT NULL THEN salesops.noise_floor(e.pipeline)::numeric END
    FROM (SELECT CASE WHEN at.reason IS NULL THEN coalesce(o.existing, 0) END AS existing,
                 CASE WHEN at.reason IS NULL THEN coalesce(o.pipeline, w.pipeline, salesops.uncertain_bookings(0, 0, k.correlation)) END AS pipeline OFFSET 0) e
    CROSS JOIN LATERAL salesops.forecast_bookings(s.booked, e.existing, e.pipeline, CASE WHEN k.method <> 'category_weights' THEN n.amounts END) f
    WHERE k.method = 'model' OR k.method <> 'naive' AND c.scope_kind = 'company'
    UNION ALL
    -- Of the others the mean alone.
    SELECT s.booked, e.existing, e.new_mean, s.booked + e.existing + coalesce(e.new_mean, 0), NULL, NULL, NULL, NULL
    FROM (SELECT CASE WHEN at.reason IS NULL THEN coalesce(o.existing, 0) END AS existing, CASE WHEN k.method <> 'category_weights' THEN n.mean END AS new_mean) e
    WHERE k.method NOT IN ('model', 'naive') AND c.scope_kind <> 'company'
    UNION ALL
    SELECT 0, 0, 0, s.naive, s.naive, s.naive, s.naive, NULL
    WHERE k.method = 'naive') AS x
  WHERE o.deals > 0 OR s.booked <> 0 OR s.naive <> 0 OR n.amounts <> array_fill(0::numeric, ARRAY[cardinality(n.amounts)]) OR s.actual <> 0;
END $$;
COMMENT ON FUNCTION salesops.walk_forecast(salesops.backtest_run, integer, float8, float8) IS
  'Write the forecasts of a mark to backtest_forecast, for every method and scope with anything in it; correlation is that of the model, NULL = there is none that may be believed';

CREATE FUNCTION salesops.score_backtest(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  INSERT INTO salesops.backtest_score (run_id, method, months_to_go, scope_kind, forecasts, quarters, wmape, meets_target, is_alarm, wmape_naive, relative_to_naive, noise_floor, mape, bias,
                                       pinball, within_range, coverage, coverage_low, coverage_high,
                                       deals, wins, log_loss, brier, reliability, resolution, uncertainty, within_bins)
  WITH total AS (
    SELECT f.method, f.months_to_go, f.scope_kind, count(f.mean) AS forecasts, count(DISTINCT f.period::integer) FILTER (WHERE f.mean IS NOT NULL) AS quarters,
           sum(abs(f.mean - f.actual)) AS error, sum(abs(f.naive - f.actual)) FILTER (WHERE f.mean IS NOT NULL) AS naive_error,
           sum(abs(f.actual)) FILTER (WHERE f.mean IS NOT NULL) AS booked,
           sum(f.noise_floor) AS noise_floor, avg(abs(f.mean - f.actual) / abs(nullif(f.actual, 0))) AS mape, sum(f.mean - f.actual) AS bias,
           sum(salesops.pinball_loss(f.actual, f.p10, f.p50, f.p90)) AS pinball,
           count(*) FILTER (WHERE f.actual BETWEEN f.p10 AND f.p90) AS within_range, count(f.p50) AS ranges
    FROM salesops.backtest_forecast f WHERE f.run_id = run.run_id
    GROUP BY GROUPING SETS ((f.method, f.scope_kind, f.months_to_go), (f.method, f.scope_kind))
  ), deal AS (
    SELECT k.method, p.months_to_go, salesops.score_probabilities(salesops.walk_probability(k.method, p.of_model, p.of_category, p.of_evidence, p.of_closed), p.won_in_the_end) AS score
    FROM pg_temp.salesops_walk_prediction p CROSS JOIN unnest(run.methods) AS k(method)
    WHERE k.method <> 'naive'
    GROUP BY GROUPING SETS ((k.method, p.months_to_go), (k.method))
  )
  SELECT run.run_id, t.method, t.months_to_go, t.scope_kind, t.forecasts, t.quarters, w.wmape,
         CASE WHEN t.months_to_go = 2 THEN w.wmape <= 0.1 END, w.wmape > 0.3, t.naive_error / nullif(t.booked, 0),
         t.error / nullif(t.naive_error, 0), t.noise_floor / nullif(t.booked, 0), t.mape, t.bias / nullif(t.booked, 0),
         t.pinball / nullif(t.booked, 0), CASE WHEN t.ranges > 0 THEN t.within_range END, t.within_range::float8 / nullif(t.ranges, 0), i.low, i.high, (d.score).*
  FROM total t
  CROSS JOIN LATERAL (SELECT t.error / nullif(t.booked, 0) AS wmape) w
  CROSS JOIN LATERAL salesops.share_interval(t.within_range, t.ranges) i
  LEFT JOIN deal d ON d.method = t.method AND d.months_to_go IS NOT DISTINCT FROM t.months_to_go AND t.scope_kind = 'company';

  INSERT INTO salesops.backtest_calibration (run_id, method, months_to_go, low, high, deals, wins, mean_probability, share_won, share_low, share_high)
  SELECT run.run_id, c.method, c.months_to_go, b.low, b.high, b.deals, b.wins, b.mean_probability, b.share_won, b.share_low, b.share_high
  FROM (SELECT k.method, p.months_to_go, salesops.calibration(salesops.walk_probability(k.method, p.of_model, p.of_category, p.of_evidence, p.of_closed), p.won_in_the_end) AS bins
        FROM pg_temp.salesops_walk_prediction p CROSS JOIN unnest(run.methods) AS k(method)
        WHERE k.method <> 'naive'
        GROUP BY GROUPING SETS ((k.method, p.months_to_go), (k.method))) c
  CROSS JOIN LATERAL unnest(c.bins) b;
END $$;
COMMENT ON FUNCTION salesops.score_backtest(salesops.backtest_run) IS 'Score the forecasts of a backtest and the probabilities it stated';

CREATE FUNCTION salesops.backtest(methods text[], from_period salesops.fiscal_period, to_period salesops.fiscal_period,
                                  as_of timestamptz DEFAULT salesops.clock(), known_at timestamptz DEFAULT NULL,
                                  months_to_go numeric[] DEFAULT salesops.backtest_marks(), factors text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  run salesops.backtest_run;
  step record;
  changed salesops.fiscal_period[];
  reached integer := 0;
  learned_in integer;
  model salesops.win_model;
  correlation float8;
  paced_months float8;
  has_learned boolean;
BEGIN
  PERFORM salesops.check_backtest(methods, from_period, to_period, months_to_go, as_of);
  INSERT INTO salesops.backtest_run (methods, from_period, to_period, months_to_go, as_of, known_at,
                                     corporate_currency, fiscal_year_start_month, time_zone, weight_set, factors, has_given_factors, kept_as_of)
  VALUES (ARRAY(SELECT DISTINCT m FROM unnest(methods) m ORDER BY m), from_period, to_period,
          ARRAY(SELECT DISTINCT m FROM unnest(months_to_go) m ORDER BY m DESC), as_of, coalesce(known_at, as_of),
          salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month(), salesops.time_zone(), salesops.get_setting('weight_set'),
          coalesce(factors, salesops.honest_win_factors(as_of, coalesce(known_at, as_of))), factors IS NOT NULL,
          (SELECT c.as_of FROM salesops.current_forecast c))
  RETURNING * INTO run;

  PERFORM salesops.walk_quarters(run);
  PERFORM salesops.walk_outcomes(run);
  PERFORM salesops.walk_deals(run);
  PERFORM salesops.check_history(run);
  PERFORM salesops.walk_parts();
  PERFORM salesops.walk_members();
  PERFORM salesops.begin_learning();
  PERFORM salesops.drop_temporary('salesops_walk_evidence'), salesops.drop_temporary('salesops_walk_price'), salesops.drop_temporary('salesops_walk_correlation'), salesops.drop_temporary('salesops_walk_prediction');
  CREATE TEMP TABLE salesops_walk_evidence (months_to_go numeric, category salesops.forecast_category, deals bigint, wins bigint) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_walk_price (segment text, ratio numeric) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_walk_correlation (method text, correlation float8) ON COMMIT DROP;
  CREATE TEMP TABLE salesops_walk_prediction (
    row bigint, mark integer, months_to_go numeric, source_key text, owner_id text, stated numeric, realized numeric,
    of_model float8, of_category float8, of_evidence float8, of_closed float8, won_in_the_end boolean
  ) ON COMMIT DROP;
  CREATE INDEX ON pg_temp.salesops_walk_prediction (mark);

  FOR step IN SELECT m.number, m.quarter, m.period, m.months_to_go, m.exact_months FROM pg_temp.salesops_walk_mark m WHERE m.is_forecast ORDER BY m.number LOOP
    changed := salesops.walk_on(reached, step.number);
    reached := step.number;
    PERFORM salesops.forget_quarters(changed);
    IF step.quarter IS DISTINCT FROM learned_in THEN
      RAISE NOTICE 'backtest: % (% of %)', step.period, step.quarter + 1, (to_period OPERATOR(salesops.-) from_period) + 1;
      PERFORM salesops.walk_correlations(run, step.quarter);
    END IF;
    has_learned := step.quarter IS DISTINCT FROM learned_in OR EXISTS (SELECT FROM unnest(changed) c WHERE c OPERATOR(salesops.<) step.period);
    IF has_learned THEN
      PERFORM salesops.walk_evidence(step.quarter);
    END IF;
    IF has_learned AND 'model' = ANY (run.methods) THEN
      model := NULL;
      correlation := NULL;
      IF salesops.model_doubt_before(step.period, run.factors) IS NULL THEN
        model := salesops.model_before(step.period, run.factors);
        correlation := (SELECT salesops.shrunk_correlation(c.estimate, c.quarters) FROM salesops.past_correlation(step.period, run.factors) c);
      END IF;
    END IF;
    learned_in := step.quarter;
    PERFORM salesops.walk_prices(step.number);
    paced_months := salesops.paced_months(step.exact_months, salesops.walk_pace(run, step.number));
    PERFORM salesops.walk_predict(run, step.number, model, paced_months);
    PERFORM salesops.walk_forecast(run, step.number, correlation, paced_months);
  END LOOP;
  PERFORM salesops.score_backtest(run);
  RETURN run.run_id;
END $$;
COMMENT ON FUNCTION salesops.backtest(text[], salesops.fiscal_period, salesops.fiscal_period, timestamptz, timestamptz, numeric[], text[]) IS
  'Forecast each fiscal quarter from from_period to to_period by each of some methods (backtest_methods()) at some of backtest_marks(), from what was known then, '
  'for the company, each region, team and owner; write forecasts and scores to backtest_forecast, backtest_score and backtest_calibration and return the run''s number. '
  'Outcomes are those as of as_of; known_at (NULL = as_of) is for sources that we did not sync at the time; factors of the win model are those of honest_win_factors() unless given. A notice a quarter tells how far it is. '
  '22023 where a quarter is not over, a source was not read after its end, or nothing is known of the time before';

CREATE FUNCTION salesops.comparable_backtest(as_of timestamptz)
RETURNS SETOF salesops.backtest_run LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT r.* FROM salesops.backtest_run r
  -- A forecast that was made is not changed by what was found after it.
  WHERE r.as_of <= comparable_backtest.as_of AND r.known_at <= r.as_of AND (r.kept_as_of IS NULL OR r.kept_as_of < comparable_backtest.as_of)
    AND r.methods @> ARRAY['model', 'category_weights'] AND r.months_to_go @> salesops.backtest_marks()
    AND NOT r.has_given_factors AND r.corporate_currency = salesops.get_setting('corporate_currency')
    AND r.fiscal_year_start_month = salesops.fiscal_year_start_month() AND r.time_zone = salesops.time_zone()
    AND r.weight_set = salesops.get_setting('weight_set')
  -- A run of one quarter, made by hand, does not take the place of the night's of twelve.
  ORDER BY r.to_period::integer DESC, r.from_period::integer, r.as_of DESC, r.run_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.comparable_backtest(timestamptz) IS
  'The backtest of a time up to as_of that says how good the published forecast is, the one that goes furthest, then the longest, then the newest: of both methods that may be published at all of backtest_marks(), with the factors that '
  'are used, in the currency, calendar, zone and weight set of the settings; no row = none';

CREATE FUNCTION salesops.backtested_accuracy(method text, scope_kind text, months_to_go numeric, as_of timestamptz,
                                             OUT error numeric, OUT bias numeric, OUT forecasts bigint, OUT quarters bigint, OUT run_id bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT s.wmape, s.bias, s.forecasts, s.quarters, s.run_id
  FROM salesops.comparable_backtest(as_of) r
  JOIN salesops.backtest_score s ON s.run_id = r.run_id
  WHERE s.method = backtested_accuracy.method AND s.scope_kind = backtested_accuracy.scope_kind
    AND s.months_to_go IS NOT DISTINCT FROM CASE WHEN backtested_accuracy.months_to_go IS NOT NULL THEN (
      SELECT coalesce(min(m) FILTER (WHERE m >= backtested_accuracy.months_to_go), max(m)) FROM unnest(salesops.backtest_marks()) m) END;
END;
COMMENT ON FUNCTION salesops.backtested_accuracy(text, text, numeric, timestamptz) IS
  'How far off a method was so long before the end of a quarter, at the last of backtest_marks() before (NULL = all of them together), in comparable_backtest(as_of): sum of '
  'abs(mean - actual) and of (mean - actual) as a share of what was booked, over the company, or all regions, teams or owners, and how many forecasts of how many quarters that is of; no row = not backtested';

CREATE FUNCTION salesops.due_backtest(as_of timestamptz, OUT from_period salesops.fiscal_period, OUT to_period salesops.fiscal_period,
                                     OUT is_done boolean, OUT reason text)
RETURNS record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH known AS MATERIALIZED (
    SELECT min(v.created_at) AS first FROM salesops.opportunity_version v WHERE v.effective_at <= due_backtest.as_of AND v.recorded_at <= due_backtest.as_of
  ), closing AS MATERIALIZED (
    -- Deals must have closed to learn from; but for one in a hundred, whose dates may be wrong.
    SELECT percentile_disc(0.01) WITHIN GROUP (ORDER BY o.close_date) AS day FROM salesops.opportunity o
    WHERE (o.is_closed OR o.is_won) AND o.recorded_at <= due_backtest.as_of
  ), wanted AS (
    -- A week after its end the late closings of a quarter have come; to learn from, a whole quarter before the first is needed.
    SELECT CASE WHEN s.first OPERATOR(salesops.>) (e.last OPERATOR(salesops.-) 11) THEN s.first ELSE e.last OPERATOR(salesops.-) 11 END AS first, e.last
    FROM known k CROSS JOIN closing c
    CROSS JOIN LATERAL (SELECT salesops.fiscal_quarter(salesops.local_date(k.first) - 1, salesops.fiscal_year_start_month()) OPERATOR(salesops.+) 2 AS created,
                               salesops.fiscal_quarter(c.day, salesops.fiscal_year_start_month()) OPERATOR(salesops.+) 1 AS closed) q
    CROSS JOIN LATERAL (SELECT CASE WHEN q.closed OPERATOR(salesops.>) q.created THEN q.closed ELSE q.created END AS first) s
    CROSS JOIN (SELECT salesops.period_after(due_backtest.as_of - interval '7 days') OPERATOR(salesops.-) 1 AS last) e
  )
  SELECT w.first, w.last,
         -- One that ran in this very night counts from its end on.
         EXISTS (SELECT FROM salesops.comparable_backtest(due_backtest.as_of + interval '1 microsecond') r
                 WHERE r.to_period OPERATOR(salesops.>=) w.last AND r.from_period OPERATOR(salesops.<=) w.first),
         CASE WHEN k.first IS NULL THEN 'no backtest: there is no deal yet'
              WHEN w.first OPERATOR(salesops.>) w.last
              THEN format('no backtest yet: the first deal was created on %s, and %s is the first quarter that can be forecast from one before it in which deals closed', to_char(salesops.local_date(k.first), 'YYYY-MM-DD'), w.first) END
  FROM wanted w CROSS JOIN known k;
END;
COMMENT ON FUNCTION salesops.due_backtest(timestamptz) IS
  'The quarters that the backtest of an instant is to be of: the last ones that have been over for a week, at most twelve, as far back as there is history; whether comparable_backtest() '
  'covers the last of them already; and why there can be none yet (NULL = there can)';

CREATE FUNCTION salesops.purge_backtests(keep interval, as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH purged AS (
    DELETE FROM salesops.backtest_forecast f
    USING salesops.backtest_run r
    WHERE r.run_id = f.run_id AND r.started_at < purge_backtests.as_of - purge_backtests.keep AND r.run_id < (SELECT max(l.run_id) FROM salesops.backtest_run l)
    RETURNING f.run_id
  )
  SELECT count(DISTINCT p.run_id) FROM purged p;
END;
COMMENT ON FUNCTION salesops.purge_backtests(interval, timestamptz) IS
  'Deletes the single forecasts of backtests begun longer ago than keep, but for the last one, and returns the number of these runs; the runs and their scores stay, for what was published depends on them';
