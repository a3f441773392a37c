-- Evidence: what became of the deals that stood in the forecast of past quarters.
--
-- A quarter is looked at three times, at its marks: the instants with 3, 2 and 1 months of it to go (its start, the end of
-- its first and of its second month). What is judged later - categories, reps, single deals - is judged by the deals open at
-- a mark, in the state they had then, and by what they had come to when the quarter was over. Only quarters that had ended
-- by as_of are evidence, and only what was known at known_at.

CREATE FUNCTION salesops.check_look_back(as_of timestamptz, quarters integer)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF as_of IS NULL OR NOT isfinite(as_of) OR quarters IS NULL OR quarters NOT BETWEEN 1 AND 40 THEN
    RAISE EXCEPTION 'cannot look back % quarters from %', coalesce(quarters::text, 'NULL'), coalesce(as_of::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'as_of is a finite instant, quarters lie between 1 and 40.';
  END IF;
END $$;
COMMENT ON FUNCTION salesops.check_look_back(timestamptz, integer) IS 'Raises 22023 unless as_of is finite and quarters lie between 1 and 40';

CREATE FUNCTION salesops.past_marks(as_of timestamptz, quarters integer,
                                    OUT mark timestamptz, OUT period salesops.fiscal_period, OUT months_to_go integer, OUT period_end date)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 12
BEGIN ATOMIC
  SELECT salesops.check_look_back(past_marks.as_of, past_marks.quarters);
  WITH g AS MATERIALIZED (
    -- A quarter has ended with its last instant, which is a microsecond before the next.
    SELECT salesops.current_quarter(past_marks.as_of + interval '1 microsecond') AS current
  )
  SELECT k.mark, q.quarter, k.months_to_go, k.period_end
  FROM g CROSS JOIN generate_series(1, past_marks.quarters) n CROSS JOIN LATERAL (SELECT g.current - n AS quarter) q CROSS JOIN LATERAL salesops.quarter_marks(q.quarter) k;
END;
COMMENT ON FUNCTION salesops.past_marks(timestamptz, integer) IS
  'The marks of the latest fiscal quarters that had ended by as_of: last instant before the quarter (3 months to go), of its '
  'first month (2) and of its second (1), and the quarter''s last day; 22023 unless as_of is finite and quarters lie between 1 and 40';

CREATE FUNCTION salesops.deals_at_marks(
  as_of timestamptz, quarters integer DEFAULT 4, known_at timestamptz DEFAULT NULL,
  OUT mark timestamptz, OUT period salesops.fiscal_period, OUT months_to_go integer, OUT period_end date,
  OUT source_key text, OUT id text, OUT owner_id text, OUT category salesops.forecast_category, OUT segment text,
  OUT close_date date, OUT is_due boolean, OUT corporate_amount numeric, OUT age_days integer, OUT idle_days integer, OUT pushes integer,
  OUT status text, OUT closed_on date, OUT is_won boolean)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH mark AS MATERIALIZED (
    SELECT m.* FROM salesops.past_marks(deals_at_marks.as_of, deals_at_marks.quarters) m
  ), outcome AS MATERIALIZED (
    SELECT o.source_key, o.id, o.status, o.closed_on
    FROM salesops.deal_outcomes(coalesce(deals_at_marks.known_at, deals_at_marks.as_of)) o
    -- What was closed after as_of is still open then, however it came to be known.
    WHERE o.closed_on <= salesops.local_date(deals_at_marks.as_of) OR o.closed_on IS NULL
  )
  SELECT m.mark, m.period, m.months_to_go, m.period_end, d.source_key, d.id, d.owner_id, d.category, d.segment,
         d.close_date, coalesce(d.close_quarter = m.period, false), d.corporate_amount, d.age_days, d.idle_days, d.pushes,
         coalesce(o.status, 'open'), o.closed_on, coalesce(o.status = 'won' AND o.closed_on <= m.period_end, false)
  FROM salesops.open_deals_at((SELECT array_agg(k.mark) FROM mark k), coalesce(deals_at_marks.known_at, deals_at_marks.as_of)) d
  JOIN mark m ON m.mark = d.instant
  LEFT JOIN outcome o ON o.source_key = d.source_key AND o.id = d.id
  -- Closed, but nobody knows when: neither inside the quarter nor outside.
  WHERE (o.id IS NULL OR o.closed_on IS NOT NULL)
    -- Category and close date are the questions here. Where they are not known of the time, only the deals that are still open
    -- show any, so to have one would be to be not won.
    AND d.is_category_known AND d.is_close_date_known;
END;
COMMENT ON FUNCTION salesops.deals_at_marks(timestamptz, integer, timestamptz) IS
  'Deals open at the marks of the latest quarters that had ended by as_of, in the state they had then (is_due: to close in that '
  'quarter), and what became of them as known at known_at (NULL = as_of): status, closed_on, is_won (won by the end of '
  'that quarter). Deals whose day of closing is unknown are left out, and those whose category or close date at the mark is not known';
