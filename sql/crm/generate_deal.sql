-- What a generated CRM is made of: defects that can be planted, days counted from as_of, and who buys from whom.
--
-- Nothing is stored: all facts are a pure function of the arguments, so each table that needs them computes them again,
-- which is cheaper than writing and reading a draft. Days are whole numbers counted from the day of as_of in UTC
-- (0 = that day, -1 = the day before): integers have no time zone, no daylight saving and no rounding.

CREATE FUNCTION salesops.generated_plantable_rules() RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT ARRAY['missing_amount', 'missing_close_date', 'missing_stage', 'missing_owner', 'missing_account',
               'not_confirmed', 'close_date_past', 'close_date_unrealistic', 'amount_not_positive', 'amount_off_list',
               'missing_contact_role', 'missing_economic_buyer', 'missing_next_step', 'vague_next_step',
               'unmapped_stage', 'unmapped_category', 'category_conflict', 'probability_scale', 'owner_unknown',
               'owner_inactive', 'close_before_create', 'unknown_start', 'unmapped_product', 'unconvertible_currency'];
END;
COMMENT ON FUNCTION salesops.generated_plantable_rules() IS
  'The audit rules that generate_crm can break on an opportunity, in the audit''s order.';

CREATE FUNCTION salesops.generated_day(as_of timestamptz, day int) RETURNS date
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (as_of AT TIME ZONE 'UTC')::date + day;
END;
COMMENT ON FUNCTION salesops.generated_day(timestamptz, int) IS
  'The date that lies the given number of days after as_of''s day in UTC.';

CREATE FUNCTION salesops.generated_moment(as_of timestamptz, day int, second int) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (salesops.generated_day(as_of, day)::timestamp + second * interval '1 second') AT TIME ZONE 'UTC';
END;
COMMENT ON FUNCTION salesops.generated_moment(timestamptz, int, int) IS
  'The instant at the given second of a UTC day counted from as_of''s.';

CREATE FUNCTION salesops.generated_quarter_end(as_of timestamptz, day int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (date_trunc('quarter', salesops.generated_day(as_of, day)::timestamp) + interval '3 months')::date - 1
         - salesops.generated_day(as_of, 0);
END;
COMMENT ON FUNCTION salesops.generated_quarter_end(timestamptz, int) IS
  'The last day of the calendar quarter of the given day; both are days counted from as_of''s.';

CREATE FUNCTION salesops.generated_account_count(deals int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT greatest(deals / 8, 8);
END;
COMMENT ON FUNCTION salesops.generated_account_count(int) IS 'How many accounts share the given number of deals.';

CREATE FUNCTION salesops.generated_account_rep(seed bigint, account int, reps int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT 1 + salesops.draw_int(seed, 'account.rep', account, reps);
END;
COMMENT ON FUNCTION salesops.generated_account_rep(bigint, int, int) IS 'The number of the rep who owns an account.';

CREATE FUNCTION salesops.generated_account_segment(seed bigint, account int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_choice(seed, 'account.segment', account, ARRAY[1, 1, 1, 1, 1, 2, 2, 2, 3, 3]);
END;
COMMENT ON FUNCTION salesops.generated_account_segment(bigint, int) IS
  'Segment of an account by headcount: 1 small, 2 mid-market, 3 enterprise.';

CREATE FUNCTION salesops.generated_account_currency(seed bigint, account int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, 'account.currency', account,
                             ARRAY['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'EUR', 'EUR', 'GBP']);
END;
COMMENT ON FUNCTION salesops.generated_account_currency(bigint, int) IS 'The currency an account buys in.';
