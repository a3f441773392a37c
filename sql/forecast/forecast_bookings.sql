-- What a scope is forecast to come to, put together once for all who ask: forecast(), scope_forecasts(), backtest().
--
--   total = booked already + what the open deals bring (one distribution) + new business (told from past quarters)

CREATE FUNCTION salesops.forecast_bookings(actual numeric, existing numeric, pipeline salesops.bookings_distribution, new_business numeric[],
                                           OUT new_mean numeric, OUT mean numeric, OUT coming salesops.bookings_distribution,
                                           OUT total salesops.bookings_distribution, OUT p10 float8, OUT p50 float8, OUT p90 float8)
RETURNS record LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH told AS MATERIALIZED (
    SELECT n.mean, CASE WHEN n.stddev <= 9e15
                        THEN salesops.uncertain_bookings(salesops.bookable_amount(n.mean), n.stddev, salesops.correlation(forecast_bookings.pipeline)) END AS coming
    FROM salesops.new_business_spread(forecast_bookings.new_business) n
  ), together AS MATERIALIZED (
    SELECT t.mean, t.coming,
           salesops.bookings_plus(CASE WHEN t.mean IS NULL THEN forecast_bookings.pipeline ELSE salesops.bookings_plus(forecast_bookings.pipeline, t.coming) END,
                                  salesops.bookable_amount(forecast_bookings.actual)) AS total
    FROM told t
  ), seen AS MATERIALIZED (
    SELECT salesops.quantiles(g.total, ARRAY[0.1, 0.5, 0.9]) AS at FROM together g
  )
  SELECT g.mean, forecast_bookings.actual + forecast_bookings.existing + coalesce(g.mean, 0), g.coming, g.total, s.at[1], s.at[2], s.at[3]
  FROM together g CROSS JOIN seen s;
END;
COMMENT ON FUNCTION salesops.forecast_bookings(numeric, numeric, salesops.bookings_distribution, numeric[]) IS
  'What a scope comes to: booked already (actual), the mean and the distribution of what its open deals bring, and new_business of the last quarters '
  '(NULL = not in it), of which new_mean and coming tell what comes of it by new_business_spread(). mean = actual + existing + new_mean; total = all as one '
  'distribution, with P10, P50 and P90. The distributions are NULL where pipeline is (the mean alone is asked for), or an amount is beyond '
  'what they take';
