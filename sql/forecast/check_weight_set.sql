-- The setting weight_set names a weight set that is there: set_setting() asks this of a new value.

CREATE FUNCTION salesops.check_setting_weight_set(value text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names CONSTANT text[] := ARRAY(SELECT 'default' UNION SELECT s.name FROM salesops.weight_set s ORDER BY 1);
BEGIN
  IF value <> ALL (names) THEN
    RAISE EXCEPTION 'weight set "%" does not exist', value USING
      ERRCODE = 'undefined_object',
      DETAIL = format('There are %s.', array_to_string(names, ', ')),
      HINT = 'Name one of them, or make another with salesops.set_weight() or salesops.recalibrate_weights().';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_setting_weight_set(text) IS 'Raises 42704, naming those there are, unless a weight set has that name';
