-- Tables whose rows are decisions or publications: a new row may be added, none is changed or removed, so that what was
-- said or published on a day stays known. The trigger's argument is the hint: what to do instead.

CREATE FUNCTION salesops.refuse_change()
RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'rows of salesops.% are never changed or removed', tg_table_name USING
    ERRCODE = 'restrict_violation',
    DETAIL = format('%s was refused.', tg_op),
    HINT = tg_argv[0];
END $$;
COMMENT ON FUNCTION salesops.refuse_change() IS 'Trigger that keeps a table append-only; its argument is the hint';
