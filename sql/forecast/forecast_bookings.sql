-- What a scope is forecast to come to, put together once for all who ask: forecast(), scope_forecasts(), backtest().
--
--   total = booked already + what the open deals bring (one distribution) + new business (told from past quarters)

CREATE FUNCTION salesops.forecast_bookings(actual numeric, existing numeric, pipeline salesops.bookings_distribution, new_business numeric[],
                                        OUT new_mean numeric, OUT new_stddev float8, OUT mean numeric, OUT total salesops.bookings_distribution,
                                        OUT p10 float8, OUT p50 float8, OUT p90 float8)
RETURNS record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT t.mean, t.stddev, forecast_bookings.actual + forecast_bookings.existing + coalesce(t.mean, 0), t.total, q.at[1], q.at[2], q.at[3]
  FROM (SELECT n.mean, n.stddev,
               salesops.bookings_plus(CASE WHEN n.mean IS NULL THEN forecast_bookings.pipeline
                                           WHEN n.stddev <= 9e15
                                           THEN salesops.bookings_plus(forecast_bookings.pipeline,
                                                  salesops.uncertain_bookings(salesops.bookable_amount(n.mean), n.stddev,
                                                                              salesops.correlation(forecast_bookings.pipeline))) END,
                                      salesops.bookable_amount(forecast_bookings.actual)) AS total
        FROM salesops.new_business_spread(forecast_bookings.new_business) n OFFSET 0) t
  CROSS JOIN LATERAL (SELECT salesops.quantiles(t.total, ARRAY[0.1, 0.5, 0.9]) AS at OFFSET 0) q;
END;
COMMENT ON FUNCTION salesops.forecast_bookings(numeric, numeric, salesops.bookings_distribution, numeric[]) IS
  'What a scope comes to: booked already (actual), the mean and the distribution of what its open deals bring, and new_business of the last quarters '
  '(new_business_spread(); NULL = not in it). mean = actual + existing + new_mean; total = the distribution of all, P10, P50 and P90 from it; NULL '
  'where pipeline is (the mean alone is asked for) or an amount is beyond what a bookings_distribution takes';
