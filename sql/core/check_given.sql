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
