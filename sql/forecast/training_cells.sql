-- The counts that a win model is fitted to: training_deals() by period and levels, without the factors that leak.

CREATE FUNCTION salesops.honest_win_factors(as_of timestamptz, known_at timestamptz DEFAULT NULL) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT array_agg(f.name ORDER BY f.place)
  FROM unnest(salesops.win_factors(as_of)) WITH ORDINALITY AS f(name, place)
  WHERE f.name <> ALL (ARRAY(SELECT unnest(l.factors) FROM salesops.leaking_fields(as_of, known_at) l));
END;
COMMENT ON FUNCTION salesops.honest_win_factors(timestamptz, timestamptz) IS
  'win_factors() without those that are read from leaking_fields(), as known at an instant';

CREATE FUNCTION salesops.training_cells(from_date date, to_date date, known_at timestamptz, factors text[] DEFAULT NULL)
RETURNS salesops.win_cells LANGUAGE sql STABLE PARALLEL SAFE SET jit = off
BEGIN ATOMIC
  WITH chosen AS MATERIALIZED (
    SELECT coalesce(training_cells.factors, salesops.honest_win_factors(training_cells.known_at)) AS factors
  )
  SELECT salesops.win_cells(c.factors, d.levels, d.period, d.won)
  FROM chosen c
  CROSS JOIN LATERAL salesops.training_deals(training_cells.from_date, training_cells.to_date, training_cells.known_at, c.factors) d;
END;
COMMENT ON FUNCTION salesops.training_cells(date, date, timestamptz, text[]) IS
  'training_deals() counted by period and levels, what fit_win_model() takes. factors NULL = honest_win_factors(known_at): those chosen, without those that leaking_fields() names; NULL where there is no deal';
