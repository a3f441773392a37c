-- Factors of the win model: what is known of a deal, each as one of few levels, texts that a manager can read.
--
-- The edges between levels are fixed here and never fitted, so that counts of different days add up. Amounts go by decades of the
-- corporate currency, for prices differ by factors, not by sums. What is not known is the level NULL.
--
-- Beside these a user may take custom fields of opportunities as factors, or leave a factor out: rows that are only added.

CREATE FUNCTION salesops.age_level(days integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (ARRAY['0-7 days', '8-14 days', '15-30 days', '31-45 days', '46-60 days', '61-75 days', '76-90 days', '91-105 days', '106-120 days',
              '121-140 days', '141-180 days', '181-270 days', '271-365 days', '366-730 days', 'over 730 days'])
       [width_bucket(days, ARRAY[0, 8, 15, 31, 46, 61, 76, 91, 106, 121, 141, 181, 271, 366, 731])];
COMMENT ON FUNCTION salesops.age_level(integer) IS 'Level of the age of a deal in days, such as "31-45 days"; NULL = not known, or not created yet';

CREATE FUNCTION salesops.idle_level(days integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (ARRAY['0-7 days', '8-14 days', '15-30 days', '31-60 days', '61-90 days', 'over 90 days'])[width_bucket(days, ARRAY[0, 8, 15, 31, 61, 91])];
COMMENT ON FUNCTION salesops.idle_level(integer) IS 'Level of the days since anything was last done about a deal, such as "15-30 days"; NULL = not known';

CREATE FUNCTION salesops.amount_level(amount numeric) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount < 0 THEN 'under 0' WHEN amount = 0 THEN '0' WHEN amount < 1 THEN 'under 1' WHEN amount >= 1 THEN
       (ARRAY['1-2', '2-5', '5-10', '10-20', '20-50', '50-100', '100-200', '200-500', '500-1,000', '1,000-2,000', '2,000-5,000', '5,000-10,000',
              '10,000-20,000', '20,000-50,000', '50,000-100,000', '100,000-200,000', '200,000-500,000', '500,000-1,000,000',
              '1,000,000-2,000,000', '2,000,000-5,000,000', '5,000,000-10,000,000', '10,000,000-20,000,000', '20,000,000-50,000,000',
              '50,000,000-100,000,000', '100,000,000-200,000,000', '200,000,000-500,000,000', '500,000,000-1,000,000,000', 'over 1,000,000,000'])
       [width_bucket(least(amount, 1e9)::double precision,
                     ARRAY[1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7,
                           1e8, 2e8, 5e8, 1e9]::double precision[])] END;
COMMENT ON FUNCTION salesops.amount_level(numeric) IS
  'Level of an amount in corporate currency, such as "20,000-50,000" (the upper edge belongs to the next level); NULL = not known';

CREATE FUNCTION salesops.push_level(pushes integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pushes < 3 THEN pushes::text WHEN pushes >= 3 THEN '3 or more' END;
COMMENT ON FUNCTION salesops.push_level(integer) IS 'Level of how often a close date was moved later: 0, 1, 2, 3 or more; NULL = not known';

CREATE FUNCTION salesops.due_level(close_date date, day date, period_end date, next_period_end date)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN close_date <= day THEN 'overdue' WHEN close_date <= period_end THEN 'in the period'
            WHEN close_date <= next_period_end THEN 'in the next period' WHEN close_date > next_period_end THEN 'later' END;
COMMENT ON FUNCTION salesops.due_level(date, date, date, date) IS
  'Level of an open deal''s close date as seen at the end of a day: overdue, in the period that is asked about, in the next period, later; NULL = not known';

CREATE FUNCTION salesops.standard_win_factors() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{to_go,age,stage,category,due,amount,segment,industry,product,deal_type,source,region,team,owner,pushes,idle}'::text[];
COMMENT ON FUNCTION salesops.standard_win_factors() IS
  'Factors of the win model that every deal has, in the order of win_levels()';

CREATE FUNCTION salesops.win_levels(to_go integer, age_days integer, stage text, category salesops.forecast_category, due text,
                                    corporate_amount numeric, segment text, industry text, product text, deal_type text,
                                    lead_source text, region text, team text, owner_id text, pushes integer, idle_days integer)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[to_go::text, salesops.age_level(age_days), stage, category::text, due,
             salesops.amount_level(corporate_amount), segment, industry, product, deal_type, lead_source, region, team, owner_id,
             salesops.push_level(pushes), salesops.idle_level(idle_days)];
COMMENT ON FUNCTION salesops.win_levels(integer, integer, text, salesops.forecast_category, text, numeric, text, text, text, text, text, text, text, text, integer, integer) IS
  'Levels of a deal in the order of standard_win_factors(); to_go = months to the end of the period at the mark, 3, 2 or 1';

-- What a user chose.

CREATE TABLE salesops.win_factor (
  name        text NOT NULL CHECK (name <> ''),
  field       text CHECK (field <> ''),
  is_used     boolean NOT NULL,
  valid_from  timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (name, valid_from, recorded_at)
);
COMMENT ON TABLE salesops.win_factor IS 'Factors of the win model that a user chose, one row a decision; write with set_win_factor(), read with win_factors()';
COMMENT ON COLUMN salesops.win_factor.name IS 'Name of the factor: a standard one or a new one';
COMMENT ON COLUMN salesops.win_factor.field IS 'Custom field of opportunities that it is read from; NULL = what the standard factor is read from';
COMMENT ON COLUMN salesops.win_factor.is_used IS 'False where it is to be left out';
COMMENT ON COLUMN salesops.win_factor.valid_from IS 'From when the decision holds';
COMMENT ON COLUMN salesops.win_factor.recorded_at IS 'When the row was written';
SELECT pg_catalog.pg_extension_config_dump('salesops.win_factor', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.win_factor
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_win_factor() again; the later row holds.');
COMMENT ON TRIGGER append_only ON salesops.win_factor IS 'What a model was made of must stay known';

CREATE FUNCTION salesops.set_win_factor(name text, field text DEFAULT NULL, is_used boolean DEFAULT true,
                                        valid_from timestamptz DEFAULT transaction_timestamp())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
  IF coalesce(name, '') = '' OR field = '' OR is_used IS NULL OR valid_from IS NULL THEN
    RAISE EXCEPTION 'a factor needs a name, whether it is used, and from when on' USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Given were name %s, field %s, is_used %s, valid_from %s.', coalesce(quote_literal(name), 'NULL'),
                      coalesce(quote_literal(field), 'NULL'), coalesce(is_used::text, 'NULL'), coalesce(valid_from::text, 'NULL')),
      HINT = 'For instance salesops.set_win_factor(''partner''), where partner is a custom field of opportunities.';
  END IF;
  IF name IN ('to_go', 'age') AND (field IS NOT NULL OR NOT is_used) THEN
    RAISE EXCEPTION 'factor "%" cannot be changed', name USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Months to go and age are the base of the win model.';
  END IF;
  IF field IS NULL AND name <> ALL (salesops.standard_win_factors()) THEN
    field := name;
  END IF;
  INSERT INTO salesops.win_factor (name, field, is_used, valid_from) VALUES (name, field, is_used, valid_from);
END $$;
COMMENT ON FUNCTION salesops.set_win_factor(text, text, boolean, timestamptz) IS
  'Choose a factor of the win model from an instant on: a custom field of opportunities (by default the one of that name), or a standard factor, read from a custom field if one is given; is_used false leaves it out. 22023 for to_go and age, which always are in';

CREATE FUNCTION salesops.win_factor_fields(as_of timestamptz, OUT name text, OUT field text, OUT is_used boolean, OUT "position" integer)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  SELECT coalesce(s.name, u.name), u.field, coalesce(u.is_used, true), s."position"::integer
  FROM unnest(salesops.standard_win_factors()) WITH ORDINALITY AS s(name, "position")
  FULL JOIN (SELECT DISTINCT ON (w.name) w.name, w.field, w.is_used FROM salesops.win_factor w
             WHERE w.valid_from <= win_factor_fields.as_of
             ORDER BY w.name, w.valid_from DESC, w.recorded_at DESC) u ON u.name = s.name;
END;
COMMENT ON FUNCTION salesops.win_factor_fields(timestamptz) IS
  'Every factor of the win model as chosen at an instant: custom field it is read from (NULL = none), whether it is used, and its place in standard_win_factors() (NULL = none of those)';

CREATE FUNCTION salesops.win_factors(as_of timestamptz DEFAULT 'infinity') RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT array_agg(f.name ORDER BY f."position", f.name COLLATE "C") FROM salesops.win_factor_fields(win_factors.as_of) f WHERE f.is_used;
END;
COMMENT ON FUNCTION salesops.win_factors(timestamptz) IS
  'Names of the factors that the win model is to use, as chosen at an instant: the standard ones in their order, then those of custom fields by name';

CREATE FUNCTION salesops.win_fields(factors text[], as_of timestamptz DEFAULT 'infinity') RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  -- A name that nobody chose is that of a custom field: somebody may ask for what has been unchosen since.
  SELECT array_agg(CASE WHEN f.name IS NULL THEN n.name ELSE f.field END ORDER BY n.place)
  FROM unnest(win_fields.factors) WITH ORDINALITY AS n(name, place)
  LEFT JOIN salesops.win_factor_fields(win_fields.as_of) f ON f.name = n.name;
END;
COMMENT ON FUNCTION salesops.win_fields(text[], timestamptz) IS
  'The custom field that each of some factors is read from as chosen at an instant; NULL = what the standard factor is read from';

CREATE FUNCTION salesops.pick_levels(levels text[], places integer[])
RETURNS text[] LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'salesops_pick_levels';
COMMENT ON FUNCTION salesops.pick_levels(text[], integer[]) IS 'The levels at some places, counted from 1, in that order; 2202E for a place that is not there';
