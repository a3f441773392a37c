-- What deal_risk() holds open deals against, kept: learned of the quarters that are over, it hardly moves from night to night, and to learn
-- it takes as long as reading every state of every deal.
--
-- The night keeps it with keep_risk(), anew once it is older than the win model may be (setting model_age) or a quarter has begun. Where
-- nothing of the kind is kept as of an instant, it is learned on the spot: the same call gives the same answer, later.

CREATE TABLE salesops.fitted_risk (
  as_of              timestamptz PRIMARY KEY,
  corporate_currency text NOT NULL,
  weights            numeric[] NOT NULL,
  rates              jsonb NOT NULL,
  segment_bounds     jsonb NOT NULL,
  stage_bounds       jsonb NOT NULL
);
COMMENT ON TABLE salesops.fitted_risk IS 'What deal_risk() holds open deals against, as it was learned at an instant; written by keep_risk(), never changed';
COMMENT ON COLUMN salesops.fitted_risk.as_of IS 'Instant as of which it was learned, of what was known by then';
COMMENT ON COLUMN salesops.fitted_risk.corporate_currency IS 'ISO code of its amounts';
COMMENT ON COLUMN salesops.fitted_risk.weights IS 'Category weights that the rates lean on, in rank order';
COMMENT ON COLUMN salesops.fitted_risk.rates IS 'Rows of risk_rates()';
COMMENT ON COLUMN salesops.fitted_risk.segment_bounds IS 'Rows of segment_bounds()';
COMMENT ON COLUMN salesops.fitted_risk.stage_bounds IS 'Rows of stage_bounds()';
SELECT pg_catalog.pg_extension_config_dump('salesops.fitted_risk', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.fitted_risk
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('keep_risk() adds what it learns for a later instant.');
COMMENT ON TRIGGER append_only ON salesops.fitted_risk IS 'why a deal was at risk must stay known';

CREATE FUNCTION salesops.kept_risk(as_of timestamptz, known_at timestamptz DEFAULT NULL)
RETURNS SETOF salesops.fitted_risk LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
  SELECT k.* FROM salesops.fitted_risk k
  WHERE k.as_of <= kept_risk.as_of AND (k.as_of <= kept_risk.known_at) IS NOT FALSE
    AND k.as_of > kept_risk.as_of - salesops.get_setting('model_age')::interval
    AND salesops.period_after(k.as_of) = salesops.period_after(kept_risk.as_of)
    AND k.corporate_currency = salesops.get_setting('corporate_currency') AND k.weights = salesops.published_weights(kept_risk.as_of)
  ORDER BY k.as_of DESC LIMIT 1;
END;
COMMENT ON FUNCTION salesops.kept_risk(timestamptz, timestamptz) IS
  'The row of fitted_risk that deal_risk() of an instant stands on: the newest learned as of it or before, in the same quarter, no longer ago than setting '
  'model_age, for the same currency and weights, and not after known_at (NULL = as_of); no row = learn it on the spot';

CREATE FUNCTION salesops.standing_rates(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT question text, OUT segment text, OUT cell text[], OUT deals bigint, OUT hits bigint,
  OUT rate double precision, OUT low double precision, OUT high double precision, OUT bound double precision)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 300
BEGIN ATOMIC
  WITH kept AS MATERIALIZED (
    SELECT k.rates FROM salesops.kept_risk(standing_rates.as_of, standing_rates.known_at) k
  )
  SELECT r.* FROM kept k
  CROSS JOIN LATERAL jsonb_to_recordset(k.rates) AS r(question text, segment text, cell text[], deals bigint, hits bigint, rate double precision,
                                                      low double precision, high double precision, bound double precision)
  UNION ALL
  SELECT r.* FROM salesops.risk_rates(standing_rates.as_of, 4, standing_rates.known_at) r WHERE NOT EXISTS (SELECT FROM kept);
END;
COMMENT ON FUNCTION salesops.standing_rates(timestamptz, timestamptz) IS
  'risk_rates() of four quarters as kept_risk() has them, else as of the instant itself';

CREATE FUNCTION salesops.standing_segment_bounds(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT flag text, OUT segment text, OUT bound numeric, OUT typical numeric, OUT unit text, OUT deals bigint, OUT rests_on text, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH kept AS MATERIALIZED (
    SELECT k.segment_bounds FROM salesops.kept_risk(standing_segment_bounds.as_of, standing_segment_bounds.known_at) k
  )
  SELECT b.* FROM kept k
  CROSS JOIN LATERAL jsonb_to_recordset(k.segment_bounds) AS b(flag text, segment text, bound numeric, typical numeric, unit text, deals bigint,
                                                               rests_on text, reason text)
  UNION ALL
  SELECT b.* FROM salesops.segment_bounds(standing_segment_bounds.as_of, standing_segment_bounds.known_at) b WHERE NOT EXISTS (SELECT FROM kept);
END;
COMMENT ON FUNCTION salesops.standing_segment_bounds(timestamptz, timestamptz) IS
  'segment_bounds() as kept_risk() has them, else as of the instant itself';

CREATE FUNCTION salesops.standing_stage_bounds(
  as_of timestamptz, known_at timestamptz DEFAULT NULL,
  OUT source_key text, OUT stage text, OUT bound numeric, OUT typical numeric, OUT deals bigint, OUT reason text)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  WITH kept AS MATERIALIZED (
    SELECT k.stage_bounds FROM salesops.kept_risk(standing_stage_bounds.as_of, standing_stage_bounds.known_at) k
  )
  SELECT b.* FROM kept k
  CROSS JOIN LATERAL jsonb_to_recordset(k.stage_bounds) AS b(source_key text, stage text, bound numeric, typical numeric, deals bigint, reason text)
  UNION ALL
  SELECT b.* FROM salesops.stage_bounds(standing_stage_bounds.as_of, standing_stage_bounds.known_at) b WHERE NOT EXISTS (SELECT FROM kept);
END;
COMMENT ON FUNCTION salesops.standing_stage_bounds(timestamptz, timestamptz) IS
  'stage_bounds() as kept_risk() has them, else as of the instant itself';

CREATE FUNCTION salesops.keep_risk(as_of timestamptz)
RETURNS boolean LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET jit = off SET extra_float_digits = 1 AS $$
BEGIN
  PERFORM salesops.check_forecast_instant(as_of);
  -- A number becomes one of JSON with as many digits as the session prints: all of them are kept. Bounds of an instant before the newest would change why deals were at risk since.
  IF EXISTS (SELECT FROM salesops.kept_risk(as_of)) OR EXISTS (SELECT FROM salesops.fitted_risk r WHERE r.as_of > keep_risk.as_of) THEN
    RETURN false;
  END IF;
  INSERT INTO salesops.fitted_risk (as_of, corporate_currency, weights, rates, segment_bounds, stage_bounds)
  SELECT as_of, salesops.get_setting('corporate_currency'), salesops.published_weights(as_of),
         (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY to_jsonb(r)), '[]') FROM salesops.risk_rates(as_of) r),
         (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY to_jsonb(b)), '[]') FROM salesops.segment_bounds(as_of) b),
         (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY to_jsonb(b)), '[]') FROM salesops.stage_bounds(as_of) b)
  -- Settings that were changed and changed back leave a row of the instant that does not count.
  ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
COMMENT ON FUNCTION salesops.keep_risk(timestamptz) IS
  'Learn what deal_risk() holds open deals against and keep it in fitted_risk, unless kept_risk() still has it for the instant or later ones were kept; true where it was '
  'learned. Step forecast calls it. 22023 for an instant that is none or in the future';
