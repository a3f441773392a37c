-- weight_set: category weights as versioned rows.
--
-- The product's weights live in code (default_weights()); this table holds only what a user changed, so a dump carries
-- decisions and not defaults. Rows are never changed: a new weight is a new row, valid from its instant on, and any
-- published forecast can be recomputed with the weights it was published under.

CREATE TABLE salesops.weight_set (
  name text NOT NULL CHECK (name <> ''),
  category salesops.forecast_category NOT NULL,
  weight numeric NOT NULL CHECK (weight >= 0 AND weight <= 1),
  valid_from timestamptz NOT NULL,
  PRIMARY KEY (name, category, valid_from)
);
COMMENT ON TABLE salesops.weight_set IS
  'category weights that a user set, append-only; write with set_weight(), read with weights()';
COMMENT ON COLUMN salesops.weight_set.name IS 'name of the set; ''default'' is the one used where none is named';
COMMENT ON COLUMN salesops.weight_set.category IS 'forecast category the weight is for';
COMMENT ON COLUMN salesops.weight_set.weight IS 'share of the amount expected to be booked, 0 to 1';
COMMENT ON COLUMN salesops.weight_set.valid_from IS
  'instant from which the weight holds, until the next row of the same name and category';

SELECT pg_catalog.pg_extension_config_dump('salesops.weight_set', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.weight_set
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_weight() with a later valid_from.');
COMMENT ON TRIGGER append_only ON salesops.weight_set IS 'published forecasts must stay recomputable';

CREATE FUNCTION salesops.set_weight(
  name text, category salesops.forecast_category, weight numeric, valid_from timestamptz DEFAULT transaction_timestamp()
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM salesops.check_given('name', set_weight.name), salesops.check_given('category', set_weight.category::text),
          salesops.check_given('weight', set_weight.weight::text), salesops.check_given('valid_from', set_weight.valid_from::text);
  IF set_weight.name = '' OR set_weight.weight NOT BETWEEN 0 AND 1 THEN
    RAISE EXCEPTION 'a weight set needs a name, and a weight is a share from 0 to 1'
      USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('The name is "%s" and the weight %s.', set_weight.name, set_weight.weight),
            HINT = '0.6 means that 60 % of the amounts in this category are expected to be booked.';
  END IF;
  INSERT INTO salesops.weight_set (name, category, weight, valid_from)
  VALUES (set_weight.name, set_weight.category, set_weight.weight, set_weight.valid_from);
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('the weight of %s in set %s', set_weight.category, set_weight.name), set_weight.valid_from);
END $$;
COMMENT ON FUNCTION salesops.set_weight(text, salesops.forecast_category, numeric, timestamptz) IS
  'sets a category''s weight (0 to 1, else 22023) in a weight set from an instant on; a new name makes a new set; '
  'the same instant twice is 23505, a NULL 22004';

CREATE FUNCTION salesops.weights(name text DEFAULT 'default', as_of timestamptz DEFAULT 'infinity') RETURNS numeric[]
  LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF weights.name <> 'default'
     AND NOT EXISTS (SELECT FROM salesops.weight_set AS s WHERE s.name = weights.name) THEN
    RAISE EXCEPTION 'weight set "%" does not exist', weights.name
      USING ERRCODE = 'undefined_object',
            HINT = 'Make it with salesops.set_weight(), or use ''default''.';
  END IF;

  RETURN (
    SELECT array_agg(coalesce(set_by_user.weight, c.weight) ORDER BY c.rank)
    FROM salesops.forecast_categories() AS c
    LEFT JOIN LATERAL (
      SELECT s.weight
      FROM salesops.weight_set AS s
      WHERE s.name = weights.name AND s.category OPERATOR(salesops.=) c.category AND s.valid_from <= weights.as_of
      ORDER BY s.valid_from DESC
      LIMIT 1
    ) AS set_by_user ON true
  );
END;
$$;
COMMENT ON FUNCTION salesops.weights(text, timestamptz) IS
  'the weights of a set in rank order, Omitted first, as they hold at an instant (default: the latest); what the set '
  'does not say is the product''s default; 42704 where the set does not exist';

CREATE FUNCTION salesops.weighted(
  totals salesops.forecast_totals, weight_set text, as_of timestamptz DEFAULT 'infinity'
) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.weighted(totals, salesops.weights(weight_set, as_of));
END;
COMMENT ON FUNCTION salesops.weighted(salesops.forecast_totals, text, timestamptz) IS
  'weighted_total under a named weight set as it holds at an instant; over many rows read weights() once instead';
