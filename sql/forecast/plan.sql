-- Plans: what the company means to book in a quarter, for itself, a region or a team. A quota is what a rep is measured by, and the quotas
-- together are more than the plan, as a rule; so where there is a plan, that is the target which alerts are about.
--
-- Rows are never changed: another amount is a new row, valid from its instant on, and NULL takes the plan back.

CREATE TABLE salesops.forecast_plan (
  period      salesops.fiscal_period NOT NULL,
  scope       text NOT NULL,
  valid_from  timestamptz NOT NULL,
  amount      numeric CHECK (amount > 0 AND amount < 'Infinity'),
  currency    text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT salesops.clock(),
  set_by      text NOT NULL DEFAULT CURRENT_USER,
  PRIMARY KEY (period, scope, valid_from)
);
COMMENT ON TABLE salesops.forecast_plan IS 'Plans by fiscal quarter and scope, append-only; write with set_plan(), read with forecast_plans()';
COMMENT ON COLUMN salesops.forecast_plan.period IS 'Fiscal quarter';
COMMENT ON COLUMN salesops.forecast_plan.scope IS 'company, region:<name> or team:<source>/<id>';
COMMENT ON COLUMN salesops.forecast_plan.valid_from IS 'Instant from which it holds, until the next row of the same quarter and scope';
COMMENT ON COLUMN salesops.forecast_plan.amount IS 'What is to be booked in the quarter, in currency; NULL = the plan was taken back';
COMMENT ON COLUMN salesops.forecast_plan.currency IS 'ISO code of the amount: the corporate currency when it was set';
COMMENT ON COLUMN salesops.forecast_plan.recorded_at IS 'When it was recorded; later than valid_from for what is brought from elsewhere';
COMMENT ON COLUMN salesops.forecast_plan.set_by IS 'Role that set it';
SELECT pg_catalog.pg_extension_config_dump('salesops.forecast_plan', '');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON salesops.forecast_plan
  FOR EACH STATEMENT EXECUTE FUNCTION salesops.refuse_change('Call salesops.set_plan() again, with NULL to take the plan back.');
COMMENT ON TRIGGER append_only ON salesops.forecast_plan IS 'what was planned when must stay known';

CREATE FUNCTION salesops.forecast_plans(as_of timestamptz, known_at timestamptz DEFAULT NULL,
                                        OUT period salesops.fiscal_period, OUT scope text, OUT amount numeric, OUT valid_from timestamptz)
RETURNS SETOF record LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT l.period, l.scope, l.amount, l.valid_from
  FROM (SELECT DISTINCT ON (p.period::integer, p.scope) p.period, p.scope, p.amount, p.valid_from
        FROM salesops.forecast_plan p
        WHERE p.valid_from <= forecast_plans.as_of AND p.recorded_at <= coalesce(forecast_plans.known_at, forecast_plans.as_of)
          -- What was planned in another currency is no longer comparable.
          AND p.currency = (SELECT salesops.get_setting('corporate_currency'))
        ORDER BY p.period::integer, p.scope, p.valid_from DESC) l
  WHERE l.amount IS NOT NULL;
END;
COMMENT ON FUNCTION salesops.forecast_plans(timestamptz, timestamptz) IS
  'The plans that hold as of an instant, a row a fiscal quarter and scope, in corporate currency; known_at (NULL = as_of) as in opportunity_as_of(); plans '
  'in another currency than the present corporate one are left out';

CREATE FUNCTION salesops.set_plan(period salesops.fiscal_period, scope text, amount numeric, valid_from timestamptz DEFAULT salesops.clock())
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  found text;
BEGIN
  PERFORM salesops.check_given('period', period::text), salesops.check_given('scope', scope), salesops.check_as_of(valid_from);
  PERFORM salesops.check_not_over(period, valid_from);
  IF NOT (amount > 0 AND amount < 'Infinity') THEN
    RAISE EXCEPTION 'a plan must be an amount over 0, not %', amount USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'State what is to be booked in the quarter, in corporate currency; NULL takes a plan back.';
  END IF;
  found := CASE WHEN amount IS NULL AND EXISTS (SELECT FROM salesops.forecast_plan p WHERE p.scope = set_plan.scope)
                -- A team or region that is no more has a plan all the same.
                THEN scope ELSE salesops.find_scope(scope, valid_from, greatest(valid_from, salesops.clock())) END;
  IF found LIKE 'owner:%' THEN
    RAISE EXCEPTION 'a plan is for the company, a region or a team, not for %', found USING
      ERRCODE = 'invalid_parameter_value', HINT = 'What a rep is to book is his quota, which comes from the source.';
  END IF;
  INSERT INTO salesops.forecast_plan (period, scope, valid_from, amount, currency)
  VALUES (period, found, valid_from, amount, salesops.get_setting('corporate_currency'));
EXCEPTION WHEN unique_violation THEN
  PERFORM salesops.raise_recorded_twice(format('the plan of %s for %s', found, period), valid_from);
END $$;
COMMENT ON FUNCTION salesops.set_plan(salesops.fiscal_period, text, numeric, timestamptz) IS
  'Say what a scope (company, region:<name>, team:<source>/<id>, or a label as find_scope() takes it) is to book in a fiscal quarter, in corporate currency, '
  'from an instant on; NULL takes the plan back. 22023 for a quarter that is over or none, an amount that is not over 0, a rep, an instant in the future; '
  '42704 for an unknown scope; 22004 without a quarter or scope; 23505 for the same instant twice';
