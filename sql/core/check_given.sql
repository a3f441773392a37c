-- What a function cannot do without, said before a constraint of some table says it in other words.

CREATE FUNCTION salesops.check_given(argument text, value text)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF value IS NULL THEN
    RAISE EXCEPTION '% must not be NULL', argument USING
      ERRCODE = 'null_value_not_allowed', HINT = 'State ' || argument || ': what it says is kept, and read for as long as it holds.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_given(text, text) IS 'Raises 22004, naming the argument, where a value is NULL';

-- The key of what people record is its instant; a second row of the same one would leave open which holds.
CREATE FUNCTION salesops.raise_recorded_twice(what text, at timestamptz)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is already recorded as of %', what, at USING
    ERRCODE = 'unique_violation', HINT = 'What is recorded is never changed: record it again as of a later instant.';
END $$;
COMMENT ON FUNCTION salesops.raise_recorded_twice(text, timestamptz) IS 'Raises 23505: something is recorded as of an instant already';
