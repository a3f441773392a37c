-- What may be called and adjusted, by whom and when: the checks that calls and adjustments share. Who may write for whom in
-- the database is a matter of rights on the tables; here it is what makes sense.

CREATE FUNCTION salesops.check_callable(category salesops.forecast_category)
RETURNS salesops.forecast_category LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF category IS NULL OR NOT EXISTS (SELECT FROM salesops.forecast_columns() c
                                     WHERE c.is_callable AND c.category OPERATOR(salesops.=) check_callable.category) THEN
    RAISE EXCEPTION 'column % of a forecast is neither called nor adjusted', coalesce(category::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Closed is what has been won; Upside and Omitted have no column.',
      HINT = 'Use Commit, Most Likely, Best Case or Pipeline.';
  END IF;
  RETURN category;
END $$;
COMMENT ON FUNCTION salesops.check_callable(salesops.forecast_category) IS
  'The category itself if its column is called and adjusted, else error 22023';

CREATE FUNCTION salesops.check_figure(amount numeric, hint text)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF amount IS NULL THEN
    RAISE EXCEPTION 'no amount was given' USING ERRCODE = 'null_value_not_allowed', HINT = hint;
  END IF;
  IF amount = 'NaN' OR abs(amount) = 'Infinity' THEN
    RAISE EXCEPTION 'an amount must be a number, not %', amount USING ERRCODE = 'invalid_parameter_value', HINT = hint;
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_figure(numeric, text) IS 'Raises 22004 where an amount is NULL, 22023 where it is no number; with a hint';

CREATE FUNCTION salesops.check_not_over(period salesops.fiscal_period, at timestamptz)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  period_ends CONSTANT timestamptz := salesops.end_of_day(salesops.end_date(salesops.check_quarter(period), salesops.fiscal_year_start_month()));
BEGIN
  IF at > period_ends THEN
    RAISE EXCEPTION '% is over: nothing is left to forecast', period USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It ended at %s, before %s.', period_ends, at),
      HINT = format('Name %s or a later quarter.', salesops.current_quarter(at));
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_not_over(salesops.fiscal_period, timestamptz) IS
  'Raises 22023 where a period is no quarter or was over at an instant';

CREATE FUNCTION salesops.check_forecaster(source_key text, rep_id text, period salesops.fiscal_period,
                                          category salesops.forecast_category, at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rep record;
BEGIN
  IF period IS NULL THEN
    RAISE EXCEPTION 'no fiscal quarter was given' USING
      ERRCODE = 'null_value_not_allowed', HINT = 'Write a quarter such as FY2026-Q4.';
  END IF;
  PERFORM salesops.check_quarter(period), salesops.check_callable(category), salesops.check_as_of(at), salesops.check_not_over(period, at);

  SELECT r.is_active, r.left_on, coalesce(r.name, r.id) AS name INTO rep
  FROM salesops.rep_as_of(at, greatest(at, salesops.clock())) r
  WHERE r.source_key = check_forecaster.source_key AND r.id = check_forecaster.rep_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'source % had no rep %', coalesce(quote_literal(source_key), 'NULL'), coalesce(quote_literal(rep_id), 'NULL') USING
      ERRCODE = 'undefined_object',
      DETAIL = format('None is known as of %s.', at),
      HINT = 'SELECT source_key, id, name FROM salesops.rep lists the reps; a rep is named by his id.';
  END IF;
  IF NOT coalesce(rep.is_active, true) OR rep.left_on < salesops.local_date(at) THEN
    RAISE EXCEPTION '% no longer sells', rep.name USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('At %s he was %s.', at, CASE WHEN rep.left_on < salesops.local_date(at) THEN 'gone since ' || rep.left_on ELSE 'inactive' END),
      HINT = 'His deals roll up to his manager, who calls and adjusts his own forecast.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_forecaster(text, text, salesops.fiscal_period, salesops.forecast_category, timestamptz) IS
  'Raises 42704 where a rep is unknown at an instant; 22023 where he has left, the quarter is over or no quarter, the column is not '
  'called, or the instant lies in the future; 22004 without a quarter';
