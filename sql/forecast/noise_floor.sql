-- The noise floor: what stands beside every error, for these probabilities could not do better if they were true.

CREATE FUNCTION salesops.noise_floor(bookings salesops.bookings_distribution) RETURNS float8
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'salesops_noise_floor';
COMMENT ON FUNCTION salesops.noise_floor(salesops.bookings_distribution) IS
  'Mean absolute error that is left of a forecast if its probabilities are true and its deals are independent: E|total - mean|, whatever '
  'the correlation of the bookings; 0 where nothing is uncertain. Only probabilities that tell deals apart better can do better';
