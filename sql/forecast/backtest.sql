-- backtest(): every method made to forecast quarters that are over, from what was known then, and held against what came.
--
-- Quarter by quarter: the win model is fitted on the cells of the quarters that ended before (counted once each and added
-- up), every open deal gets a probability by each method, and owners' distributions roll up to teams, regions and the
-- company. A forecast is booked + existing + new business:
--
--   booked        won in the quarter by the mark, as it then stood
--   existing      open at the mark: amount x probability; estimated amounts times realised / list price, the ratio of the
--                 segment's past wins shrunk to that of all as if 20 more had been won at it, and that to 1
--   new business  mean of the same months to go in the last four quarters (or as many as there are) of what was won
--                 by deals that had not been open, per owner, so that it adds up over every scope
--
-- P10, P50 and P90 are of the sum of the deals under one common factor and of the new business: of the model for every scope,
-- of the others for the company, so that they can be compared. The factor's correlation is estimated for each method from its
-- own forecasts of the quarters walked before, shrunk to 0.02 worth three quarters.

CREATE FUNCTION salesops.backtest_methods(OUT method text, OUT meaning text, OUT states_probability boolean)
RETURNS SETOF record LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
  VALUES ('model', 'Win model, fitted on the quarters before', true),
         ('category_weights', 'Weight of the deal''s category as the last four quarters bear it out: (wins + 20 x set weight) / (deals + 20); deals due after the quarter: none', true),
         ('fixed_weights', 'Set weight of the deal''s category; deals due after the quarter: none', true),
         ('closed_win_rate', 'Won / closed deals of the quarters before, for every open deal', true),
         ('naive', 'What was booked in the last quarter', false);
END;
COMMENT ON FUNCTION salesops.backtest_methods() IS 'The methods that backtest() compares, and whether each states a probability of every deal';

CREATE FUNCTION salesops.check_backtest(methods text[], from_period salesops.fiscal_period, to_period salesops.fiscal_period,
                                        months_to_go integer[], as_of timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unknown text := (SELECT m FROM unnest(methods) m WHERE m IS NULL OR m NOT IN (SELECT k.method FROM salesops.backtest_methods() k) LIMIT 1);
  ends_at timestamptz;
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
  IF coalesce(cardinality(months_to_go), 0) = 0 OR NOT (months_to_go <@ ARRAY[3, 2, 1]) THEN
    RAISE EXCEPTION 'a quarter is forecast with 3, 2 or 1 months to go, not %', coalesce(months_to_go::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give some of ARRAY[3, 2, 1]; 3 is the start of the quarter.';
  END IF;
  IF as_of IS NULL OR NOT isfinite(as_of) THEN
    RAISE EXCEPTION 'as_of must be an instant, not %', coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
  END IF;
  ends_at := salesops.end_of_day(salesops.end_date(to_period, salesops.fiscal_year_start_month()));
  IF ends_at > as_of THEN
    RAISE EXCEPTION '% is not over as of %', to_period, as_of USING
      ERRCODE = 'invalid_parameter_value', DETAIL = format('It ends at %s.', ends_at),
      HINT = 'A forecast is held against what came: name a quarter that has ended.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_backtest(text[], salesops.fiscal_period, salesops.fiscal_period, integer[], timestamptz) IS
  'Raises 22023 where backtest() cannot be run with such arguments';

CREATE FUNCTION salesops.check_history(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  first salesops.fiscal_period := (
    SELECT salesops.min(run.from_period OPERATOR(salesops.+) (x.quarter + 1))
    FROM (SELECT d.quarter FROM pg_temp.salesops_walk_deal d
          WHERE EXISTS (SELECT FROM pg_temp.salesops_walk_outcome o WHERE o.quarter <= d.quarter AND o.months_to_go = 0)
          GROUP BY d.quarter
          HAVING array_agg(DISTINCT d.months_to_go) @> run.months_to_go) x);
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

-- The probabilities of one quarter's open deals by every method, into salesops_walk_prediction.
CREATE FUNCTION salesops.walk_predict(run salesops.backtest_run, quarter integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
  model salesops.win_model;
  place_of_segment integer := array_position(run.factors, 'segment');
  closed_win_rate float8 := (
    SELECT count(*) FILTER (WHERE o.is_won)::float8 / count(*)
    FROM pg_temp.salesops_walk_outcome o WHERE o.quarter < walk_predict.quarter AND o.months_to_go = 0);
BEGIN
  IF 'model' = ANY (run.methods) THEN
    model := (SELECT salesops.fit_win_model(salesops.win_cells(c.cells)) FROM pg_temp.salesops_walk_cells c WHERE c.quarter < walk_predict.quarter);
  END IF;

  INSERT INTO pg_temp.salesops_walk_prediction
  WITH fixed AS (
    SELECT k.months_to_go, c.category, k.weights[row_number() OVER (PARTITION BY k.months_to_go ORDER BY c.rank)] AS weight
    FROM (SELECT m.months_to_go, salesops.weights(run.weight_set, m.mark) AS weights
          FROM pg_temp.salesops_walk_mark m WHERE m.quarter = walk_predict.quarter AND m.months_to_go > 0) k
    CROSS JOIN salesops.forecast_categories() c
  ), seen AS (
    SELECT d.months_to_go, d.category, count(*) AS deals, count(*) FILTER (WHERE d.settled_won) AS wins
    FROM pg_temp.salesops_walk_deal d
    WHERE d.quarter BETWEEN walk_predict.quarter - 4 AND walk_predict.quarter - 1 AND d.is_due
    GROUP BY d.months_to_go, d.category
  ), weight AS (
    SELECT f.months_to_go, f.category, f.weight::float8 AS fixed,
           ((coalesce(s.wins, 0) + 20 * f.weight) / (coalesce(s.deals, 0) + 20))::float8 AS posterior
    FROM fixed f LEFT JOIN seen s ON s.months_to_go = f.months_to_go AND s.category OPERATOR(salesops.=) f.category
  ), sold AS (
    SELECT w.segment, sum(w.paid) AS paid, sum(w.listed) AS listed, avg(w.listed) AS mean
    FROM (SELECT DISTINCT ON (d.source_key, d.id) coalesce(d.levels[place_of_segment], '') AS segment, d.amount AS listed, d.settled_amount AS paid
          FROM pg_temp.salesops_walk_deal d
          WHERE d.quarter < walk_predict.quarter AND d.is_estimate AND d.settled_won AND d.amount > 0 AND d.settled_amount IS NOT NULL
          ORDER BY d.source_key, d.id, d.quarter DESC, d.months_to_go) w
    GROUP BY GROUPING SETS ((w.segment), ())
    HAVING count(*) > 0
  ), realised AS (
    SELECT s.segment, (s.paid + 20 * s.mean * o.ratio) / (s.listed + 20 * s.mean) AS ratio
    FROM sold s CROSS JOIN (SELECT (t.paid + 20 * t.mean) / (t.listed + 20 * t.mean) AS ratio FROM sold t WHERE t.segment IS NULL) o
  )
  SELECT d.quarter, d.months_to_go, d.source_key, d.owner_id, d.amount * coalesce(r.ratio, a.ratio, 1), d.settled_won, d.won, m.method, m.probability
  FROM pg_temp.salesops_walk_deal d
  LEFT JOIN weight w ON w.months_to_go = d.months_to_go AND w.category OPERATOR(salesops.=) d.category
  LEFT JOIN realised r ON d.is_estimate AND r.segment = coalesce(d.levels[place_of_segment], '')
  LEFT JOIN realised a ON d.is_estimate AND a.segment IS NULL
  CROSS JOIN LATERAL (VALUES
    ('model', salesops.win_probability(model, d.levels)),
    ('category_weights', CASE WHEN d.is_due THEN w.posterior ELSE 0 END),
    ('fixed_weights', CASE WHEN d.is_due THEN w.fixed ELSE 0 END),
    ('closed_win_rate', closed_win_rate)) AS m(method, probability)
  WHERE d.quarter = walk_predict.quarter AND d.months_to_go = ANY (run.months_to_go) AND m.method = ANY (run.methods);
END $$;
COMMENT ON FUNCTION salesops.walk_predict(salesops.backtest_run, integer) IS
  'Add to salesops_walk_prediction what each method of a run says of the deals open at the marks of a quarter';

-- The forecasts of one quarter for every scope, from its predictions and from what was booked before.
CREATE FUNCTION salesops.walk_forecast(run salesops.backtest_run, quarter integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off AS $$
#variable_conflict use_variable
BEGIN
  INSERT INTO salesops.backtest_forecast (run_id, period, months_to_go, mark, basis, scope_kind, scope, method, deals,
                                          booked, existing, new_business, mean, p10, p50, p90, noise_floor,
                                          naive, actual, actual_existing, actual_new_business)
  WITH member AS MATERIALIZED (
    SELECT m.months_to_go, m.source_key, m.owner_id, m.scope
    FROM pg_temp.salesops_walk_member m WHERE m.quarter = walk_forecast.quarter AND m.months_to_go = ANY (run.months_to_go)
  ), factor AS MATERIALIZED (
    SELECT k.method, salesops.shrunk_correlation(
             salesops.estimate_correlation(q.period, p.amount, p.probability, p.settled_won), count(DISTINCT p.quarter)::integer) AS correlation
    FROM unnest(run.methods) AS k(method)
    LEFT JOIN pg_temp.salesops_walk_prediction p ON p.method = k.method AND p.quarter < walk_forecast.quarter AND p.months_to_go = run.months_to_go[1]
    LEFT JOIN pg_temp.salesops_walk_quarter q ON q.quarter = p.quarter
    GROUP BY k.method
  ), of_owner AS MATERIALIZED (
    SELECT p.months_to_go, p.source_key, p.owner_id, p.method, count(*) AS deals, salesops.bookings(p.amount, p.probability, f.correlation) AS existing
    FROM pg_temp.salesops_walk_prediction p JOIN factor f ON f.method = p.method
    WHERE p.quarter = walk_forecast.quarter
    GROUP BY p.months_to_go, p.source_key, p.owner_id, p.method
  ), of_scope AS (
    SELECT m.months_to_go, m.scope, o.method, sum(o.deals) AS deals, salesops.bookings(o.existing) AS existing
    FROM of_owner o JOIN member m ON m.months_to_go = o.months_to_go AND m.source_key = o.source_key AND m.owner_id = o.owner_id
    GROUP BY m.months_to_go, m.scope, o.method
  ), past AS MATERIALIZED (
    -- The last four quarters, or as many as there are with a deal at the mark: of what was won before it is not known what was new.
    SELECT x.months_to_go, x.quarter, x.nth, (count(*) OVER (PARTITION BY x.months_to_go))::integer AS quarters
    FROM (SELECT d.months_to_go, d.quarter, row_number() OVER (PARTITION BY d.months_to_go ORDER BY d.quarter DESC) AS nth
          FROM pg_temp.salesops_walk_deal d
          WHERE d.quarter < walk_forecast.quarter AND d.months_to_go = ANY (run.months_to_go)
          GROUP BY d.months_to_go, d.quarter) x
    WHERE x.nth <= 4
  ), line AS (
    -- What each owner had booked by the mark, won new in the quarters before, won in the last one, and came to.
    SELECT w.months_to_go, w.source_key, w.owner_id, w.amount AS booked, 0 AS naive, 0 AS new_business, NULL AS nth,
           0 AS actual, 0 AS actual_existing, 0 AS actual_new_business
    FROM pg_temp.salesops_walk_outcome w
    WHERE w.quarter = walk_forecast.quarter AND w.months_to_go = ANY (run.months_to_go) AND w.is_won
    UNION ALL
    SELECT p.months_to_go, p.source_key, p.owner_id, 0, 0, p.new_business, a.nth, 0, 0, 0
    FROM past a JOIN pg_temp.salesops_walk_part p ON p.months_to_go = a.months_to_go AND p.quarter = a.quarter AND NOT p.is_final
    UNION ALL
    SELECT p.months_to_go, p.source_key, p.owner_id, 0, p.total, 0, NULL, 0, 0, 0
    FROM pg_temp.salesops_walk_part p
    WHERE p.quarter = walk_forecast.quarter - 1 AND NOT p.is_final
    UNION ALL
    SELECT p.months_to_go, p.source_key, p.owner_id, 0, 0, 0, NULL, p.total, p.existing, p.new_business
    FROM pg_temp.salesops_walk_part p
    WHERE p.quarter = walk_forecast.quarter AND p.is_final
    UNION ALL
    SELECT o.months_to_go, o.source_key, o.owner_id, 0, 0, 0, NULL, 0, 0, 0
    FROM of_owner o
  ), scope AS MATERIALIZED (
    SELECT m.months_to_go, m.scope, coalesce(sum(l.booked), 0) AS booked, sum(l.naive) AS naive,
           ARRAY[coalesce(sum(l.new_business) FILTER (WHERE l.nth = 1), 0), coalesce(sum(l.new_business) FILTER (WHERE l.nth = 2), 0),
                 coalesce(sum(l.new_business) FILTER (WHERE l.nth = 3), 0), coalesce(sum(l.new_business) FILTER (WHERE l.nth = 4), 0)] AS new_business,
           sum(l.actual) AS actual, sum(l.actual_existing) AS actual_existing, sum(l.actual_new_business) AS actual_new_business
    FROM line l JOIN member m ON m.months_to_go = l.months_to_go AND m.source_key = l.source_key AND m.owner_id = l.owner_id
    GROUP BY m.months_to_go, m.scope
  ), spread AS (
    SELECT s.*, n.mean AS new_mean, n.stddev AS new_stddev
    FROM scope s
    JOIN (SELECT DISTINCT p.months_to_go, p.quarters FROM past p) q ON q.months_to_go = s.months_to_go
    CROSS JOIN LATERAL salesops.new_business_spread(s.new_business[:q.quarters]) n
  )
  SELECT run.run_id, run.from_period OPERATOR(salesops.+) walk_forecast.quarter, t.months_to_go, t.mark, t.basis,
         c.scope_kind, c.scope, f.method, coalesce(o.deals, 0), x.*,
         s.naive, s.actual, s.actual_existing, s.actual_new_business
  FROM spread s
  JOIN pg_temp.salesops_walk_mark t ON t.quarter = walk_forecast.quarter AND t.months_to_go = s.months_to_go
  JOIN pg_temp.salesops_walk_scope c ON c.number = s.scope
  CROSS JOIN factor f
  LEFT JOIN of_scope o ON o.months_to_go = s.months_to_go AND o.scope = s.scope AND o.method = f.method
  CROSS JOIN LATERAL (
    SELECT s.booked, salesops.mean(e.existing) AS existing, s.new_mean, s.booked + salesops.mean(e.existing) + s.new_mean, v.at[1]::numeric, v.at[2]::numeric, v.at[3]::numeric,
           CASE f.method WHEN 'model' THEN salesops.noise_floor(e.existing)::numeric END
    FROM (SELECT coalesce(o.existing, salesops.uncertain_bookings(0, 0, f.correlation)) AS existing) e
    CROSS JOIN LATERAL (SELECT CASE WHEN f.method = 'model' OR c.scope_kind = 'company'
                                    THEN salesops.quantiles(e.existing OPERATOR(salesops.+) salesops.uncertain_bookings(s.new_mean, s.new_stddev, f.correlation)
                                                            OPERATOR(salesops.+) s.booked, ARRAY[0.1, 0.5, 0.9]) END AS at) v
    WHERE f.method <> 'naive'
    UNION ALL
    SELECT 0, 0, 0, s.naive, s.naive, s.naive, s.naive, NULL
    WHERE f.method = 'naive') AS x
  WHERE o.deals > 0 OR s.booked <> 0 OR s.naive <> 0 OR s.new_mean <> 0 OR s.actual <> 0;
END $$;
COMMENT ON FUNCTION salesops.walk_forecast(salesops.backtest_run, integer) IS
  'Write the forecasts of a quarter (counted from the first one of the run) to backtest_forecast, for every method, mark and scope with anything in it';

CREATE FUNCTION salesops.score_backtest(run salesops.backtest_run) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  INSERT INTO salesops.backtest_score (run_id, method, months_to_go, scope_kind, forecasts, wmape, wmape_naive, relative_to_naive, noise_floor, mape, bias,
                                       pinball, within_range, coverage, coverage_low, coverage_high,
                                       deals, wins, log_loss, brier, reliability, resolution, uncertainty, within_bins)
  WITH total AS (
    SELECT f.method, f.months_to_go, f.scope_kind, count(*) AS forecasts,
           sum(abs(f.mean - f.actual)) AS error, sum(abs(f.naive - f.actual)) AS naive_error, sum(abs(f.actual)) AS booked,
           sum(f.noise_floor) AS noise_floor, avg(abs(f.mean - f.actual) / abs(nullif(f.actual, 0))) AS mape, sum(f.mean - f.actual) AS bias,
           sum(salesops.pinball_loss(f.actual, f.p10, f.p50, f.p90)) AS pinball,
           count(*) FILTER (WHERE f.actual BETWEEN f.p10 AND f.p90) AS within_range, count(f.p50) AS ranges
    FROM salesops.backtest_forecast f WHERE f.run_id = run.run_id
    GROUP BY GROUPING SETS ((f.method, f.scope_kind, f.months_to_go), (f.method, f.scope_kind))
  ), deal AS (
    SELECT p.method, p.months_to_go, salesops.score_probabilities(p.probability, p.won) AS score
    FROM pg_temp.salesops_walk_prediction p
    GROUP BY GROUPING SETS ((p.method, p.months_to_go), (p.method))
  )
  SELECT run.run_id, t.method, t.months_to_go, t.scope_kind, t.forecasts, t.error / nullif(t.booked, 0), t.naive_error / nullif(t.booked, 0),
         t.error / nullif(t.naive_error, 0), t.noise_floor / nullif(t.booked, 0), t.mape, t.bias / nullif(t.booked, 0),
         t.pinball / nullif(t.booked, 0), CASE WHEN t.ranges > 0 THEN t.within_range END, t.within_range::float8 / nullif(t.ranges, 0), i.low, i.high, (d.score).*
  FROM total t
  CROSS JOIN LATERAL salesops.share_interval(t.within_range, t.ranges) i
  LEFT JOIN deal d ON d.method = t.method AND d.months_to_go IS NOT DISTINCT FROM t.months_to_go AND t.scope_kind = 'company';

  INSERT INTO salesops.backtest_calibration (run_id, method, months_to_go, low, high, deals, wins, mean_probability, share_won, share_low, share_high)
  SELECT run.run_id, c.method, c.months_to_go, b.low, b.high, b.deals, b.wins, b.mean_probability, b.share_won, b.share_low, b.share_high
  FROM (SELECT p.method, p.months_to_go, salesops.calibration(p.probability, p.won) AS bins
        FROM pg_temp.salesops_walk_prediction p
        GROUP BY GROUPING SETS ((p.method, p.months_to_go), (p.method))) c
  CROSS JOIN LATERAL unnest(c.bins) b;
END $$;
COMMENT ON FUNCTION salesops.score_backtest(salesops.backtest_run) IS 'Score the forecasts of a backtest and the probabilities it stated';

CREATE FUNCTION salesops.backtest(methods text[], from_period salesops.fiscal_period, to_period salesops.fiscal_period,
                                  as_of timestamptz DEFAULT salesops.clock(), known_at timestamptz DEFAULT NULL,
                                  months_to_go integer[] DEFAULT ARRAY[3, 2, 1], factors text[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  run salesops.backtest_run;
  quarters integer;
BEGIN
  PERFORM salesops.check_backtest(methods, from_period, to_period, months_to_go, as_of);
  INSERT INTO salesops.backtest_run (methods, from_period, to_period, months_to_go, as_of, known_at,
                                     corporate_currency, fiscal_year_start_month, time_zone, weight_set, factors, kept_as_of)
  VALUES (ARRAY(SELECT DISTINCT m FROM unnest(methods) m ORDER BY m), from_period, to_period,
          ARRAY(SELECT DISTINCT m FROM unnest(months_to_go) m ORDER BY m DESC), as_of, coalesce(known_at, as_of),
          salesops.get_setting('corporate_currency'), salesops.fiscal_year_start_month(), salesops.time_zone(), salesops.get_setting('weight_set'),
          coalesce(factors, salesops.honest_win_factors(as_of, coalesce(known_at, as_of))), (SELECT c.as_of FROM salesops.current_forecast c))
  RETURNING * INTO run;

  PERFORM salesops.walk_quarters(run);
  PERFORM salesops.walk_outcomes(run);
  PERFORM salesops.walk_deals(run);
  PERFORM salesops.check_history(run);
  PERFORM salesops.walk_parts();
  PERFORM salesops.walk_members();

  PERFORM salesops.drop_temporary('salesops_walk_cells');
  CREATE TEMP TABLE salesops_walk_cells ON COMMIT DROP AS
  SELECT d.quarter, salesops.win_cells(run.factors, d.levels, q.period, d.settled_won) AS cells
  FROM pg_temp.salesops_walk_deal d JOIN pg_temp.salesops_walk_quarter q ON q.quarter = d.quarter
  GROUP BY d.quarter;
  PERFORM salesops.drop_temporary('salesops_walk_prediction');
  CREATE TEMP TABLE salesops_walk_prediction (
    quarter integer, months_to_go integer, source_key text, owner_id text, amount numeric, settled_won boolean, won boolean, method text, probability float8
  ) ON COMMIT DROP;

  quarters := to_period OPERATOR(salesops.-) from_period;
  FOR quarter IN 0 .. quarters LOOP
    RAISE NOTICE 'backtest: % (% of %)', from_period OPERATOR(salesops.+) quarter, quarter + 1, quarters + 1;
    PERFORM salesops.walk_predict(run, quarter);
    PERFORM salesops.walk_forecast(run, quarter);
  END LOOP;
  PERFORM salesops.score_backtest(run);
  RETURN run.run_id;
END $$;
COMMENT ON FUNCTION salesops.backtest(text[], salesops.fiscal_period, salesops.fiscal_period, timestamptz, timestamptz, integer[], text[]) IS
  'Forecast each fiscal quarter from from_period to to_period by each of some methods (backtest_methods()) with so many months to go, from what was known then, '
  'for the company, each region, team and owner; write forecasts and scores to backtest_forecast, backtest_score and backtest_calibration and return the run''s number. '
  'Outcomes are those as of as_of; known_at (NULL = as_of) is for sources that we did not sync at the time; factors of the win model are those of honest_win_factors() unless given. A notice a quarter tells how far it is. '
  '22023 where a quarter is not over or nothing is known of the time before';

CREATE FUNCTION salesops.comparable_backtest(as_of timestamptz)
RETURNS SETOF salesops.backtest_run LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT r.* FROM salesops.backtest_run r
  -- A forecast that was made is not changed by what was found after it.
  WHERE r.as_of <= comparable_backtest.as_of AND (r.kept_as_of IS NULL OR r.kept_as_of < comparable_backtest.as_of) AND r.corporate_currency = salesops.get_setting('corporate_currency')
    AND EXISTS (SELECT FROM salesops.backtest_score s WHERE s.run_id = r.run_id)
  ORDER BY r.run_id DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.comparable_backtest(timestamptz) IS
  'The latest backtest of a time up to an instant, in the corporate currency of the setting; no row = none';

CREATE FUNCTION salesops.backtested_accuracy(method text, scope_kind text, months_to_go numeric, as_of timestamptz,
                                             OUT error numeric, OUT bias numeric, OUT forecasts bigint, OUT run_id bigint)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT s.wmape, s.bias, s.forecasts, s.run_id
  FROM salesops.comparable_backtest(backtested_accuracy.as_of) r
  JOIN salesops.backtest_score s ON s.run_id = r.run_id
  WHERE s.method = backtested_accuracy.method AND s.scope_kind = backtested_accuracy.scope_kind
    AND s.months_to_go IS NOT DISTINCT FROM CASE WHEN backtested_accuracy.months_to_go IS NOT NULL THEN least(ceil(backtested_accuracy.months_to_go), 3) END;
END;
COMMENT ON FUNCTION salesops.backtested_accuracy(text, text, numeric, timestamptz) IS
  'How far off a method was so long before the end of a quarter, at the last mark before (months_to_go NULL = all marks together), in comparable_backtest(): sum of '
  'abs(mean - actual) and of (mean - actual) as a share of what was booked, over the company, or all regions, teams or owners; no row = not backtested';

CREATE FUNCTION salesops.purge_backtests(keep interval, as_of timestamptz DEFAULT salesops.clock()) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
  WITH purged AS (
    DELETE FROM salesops.backtest_run r
    WHERE r.started_at < purge_backtests.as_of - purge_backtests.keep AND r.run_id < (SELECT max(l.run_id) FROM salesops.backtest_run l)
    RETURNING r.run_id
  )
  SELECT count(*) FROM purged;
END;
COMMENT ON FUNCTION salesops.purge_backtests(interval, timestamptz) IS
  'Deletes backtests begun longer ago than keep, with their forecasts and scores, and returns their number; the last one stays';
