-- The rows of the generated CRM that say how the company sells: stages, products, currencies, calendar and quotas.

CREATE FUNCTION salesops.generated_stage_name(stage int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Prospecting', 'Qualification', 'Discovery', 'Proposal', 'Negotiation', 'Contract', 'Closed Won',
                'Closed Lost'])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_name(int) IS 'Label of a stage: 1 to 6 open, 7 won, 8 lost.';

CREATE FUNCTION salesops.generated_stage_probability(stage int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY[10, 20, 35, 50, 70, 90, 100, 0])[stage];
END;
COMMENT ON FUNCTION salesops.generated_stage_probability(int) IS 'Default probability of a stage in percent.';

CREATE FUNCTION salesops.generated_category_name(category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Omitted', 'Pipeline', 'Best Case', 'Most Likely', 'Commit', 'Closed'])[1 + category];
END;
COMMENT ON FUNCTION salesops.generated_category_name(int) IS
  'Label of a forecast category by its rank: 0 Omitted, 1 Pipeline, 2 Best Case, 3 Most Likely, 4 Commit, 5 Closed.';

CREATE FUNCTION salesops.generated_deal_category_name(defect text, deal bigint, category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE WHEN defect = 'unmapped_category' THEN (ARRAY['Stretch', 'In Plan'])[1 + deal % 2]
              ELSE salesops.generated_category_name(category) END;
END;
COMMENT ON FUNCTION salesops.generated_deal_category_name(text, bigint, int) IS
  'Label of the forecast category that a deal shows: of its rank, or one that no map knows.';

CREATE FUNCTION salesops.generated_category_api_name(category int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Omitted', 'Pipeline', 'BestCase', 'MostLikely', 'Forecast', 'Closed'])[1 + category];
END;
COMMENT ON FUNCTION salesops.generated_category_api_name(int) IS
  'Salesforce''s API value of a forecast category by its rank; Commit is called Forecast there.';

CREATE FUNCTION salesops.generated_opportunity_stage(as_of timestamptz)
RETURNS TABLE (id text, master_label text, api_name text, default_probability double precision, forecast_category text,
               forecast_category_name text, is_active boolean, is_closed boolean, is_won boolean, sort_order int,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01J', s.stage),
         salesops.generated_stage_name(s.stage), salesops.generated_stage_name(s.stage),
         salesops.generated_stage_probability(s.stage)::float8,
         salesops.generated_category_api_name(s.category), salesops.generated_category_name(s.category),
         true, s.stage > 6, s.stage = 7, s.stage, true, salesops.generated_sync(as_of)
    FROM (SELECT n AS stage, salesops.generated_stage_category(n) AS category FROM generate_series(1, 8) n) AS s;
END;
COMMENT ON FUNCTION salesops.generated_opportunity_stage(timestamptz) IS
  'Stages: six open ones with rising default probability and category, won and lost.';

CREATE FUNCTION salesops.generated_product_name(product int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT (ARRAY['Platform Starter', 'Platform Professional', 'Platform Enterprise', 'Analytics', 'Data Connectors',
                'Premium Support'])[product];
END;
COMMENT ON FUNCTION salesops.generated_product_name(int) IS 'Name of a generated product, 1 to 6.';

CREATE FUNCTION salesops.generated_product_2(as_of timestamptz)
RETURNS TABLE (id text, name text, product_code text, family text, description text, is_active boolean,
               is_deleted boolean, created_date timestamptz, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 6
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01t', n), salesops.generated_product_name(n), 'P-' || 100 + n,
         (ARRAY['Platform', 'Platform', 'Platform', 'Add-on', 'Add-on', 'Service'])[n], NULL::text, true, false,
         salesops.generated_moment(as_of, -1500, 28800), true, salesops.generated_sync(as_of)
    FROM generate_series(1, 6) n;
END;
COMMENT ON FUNCTION salesops.generated_product_2(timestamptz) IS 'Products: six, in three families.';

CREATE FUNCTION salesops.generated_currency_type(as_of timestamptz)
RETURNS TABLE (id text, iso_code text, conversion_rate double precision, decimal_places int, is_active boolean,
               is_corporate boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
  SELECT salesops.salesforce_id('01L', c.number), c.iso_code, c.rate::float8, 2, true, c.number = 1, true,
         salesops.generated_sync(as_of)
    FROM (VALUES (1, 'USD', 1), (2, 'EUR', 0.92), (3, 'GBP', 0.79)) AS c (number, iso_code, rate);
END;
COMMENT ON FUNCTION salesops.generated_currency_type(timestamptz) IS 'Currencies: US dollar (corporate), euro and pound.';

CREATE FUNCTION salesops.generated_dated_conversion_rate(seed bigint, as_of timestamptz)
RETURNS TABLE (id text, iso_code text, start_date date, next_start_date date, conversion_rate double precision,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 150
BEGIN ATOMIC
  SELECT salesops.salesforce_id('04w', 1000 * c.number + m), c.iso_code,
         (date_trunc('month', salesops.generated_day(as_of, 0)::timestamp) - m * interval '1 month')::date,
         CASE WHEN m = 0 THEN date '9999-12-31'
              ELSE (date_trunc('month', salesops.generated_day(as_of, 0)::timestamp) - (m - 1) * interval '1 month')::date
         END,
         -- A month's rate lies within 3 % of the currency's usual one.
         round(c.rate * (1 + CASE WHEN c.number = 1 THEN 0
                                  ELSE salesops.draw_int(seed, 'rate.' || c.iso_code, m, 601) - 300
                             END / 10000.0), 6)::float8,
         true, salesops.generated_sync(as_of)
    FROM (VALUES (1, 'USD', 1), (2, 'EUR', 0.92), (3, 'GBP', 0.79)) AS c (number, iso_code, rate),
         generate_series(48, 0, -1) m;
END;
COMMENT ON FUNCTION salesops.generated_dated_conversion_rate(bigint, timestamptz) IS
  'Monthly rates over four years, in units of the currency a US dollar; the last month''s holds until further notice.';

CREATE FUNCTION salesops.generated_period(as_of timestamptz)
RETURNS TABLE (id text, type text, number int, start_date date, end_date date, fully_qualified_label text,
               is_forecast_period boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
  -- Numbered from the quarter of as_of = 100, so that a quota finds its period by counting.
  SELECT salesops.salesforce_id('026', 100 + q), 'Quarter', extract(quarter FROM s.start_date)::int, s.start_date::date,
         (s.start_date + interval '3 months')::date - 1,
         'Q' || extract(quarter FROM s.start_date) || ' FY ' || extract(year FROM s.start_date), true,
         true, salesops.generated_sync(as_of)
    FROM generate_series(-15, 4) q,
         LATERAL (SELECT date_trunc('quarter', salesops.generated_day(as_of, 0)::timestamp) + q * interval '3 months')
           AS s (start_date);
END;
COMMENT ON FUNCTION salesops.generated_period(timestamptz) IS
  'Fiscal calendar: calendar quarters from 15 before as_of''s to 4 after.';

CREATE FUNCTION salesops.generated_forecasting_quota(reps int, seed bigint, as_of timestamptz, won_amount bigint)
RETURNS TABLE (id text, quota_owner_id text, quota_amount double precision, is_amount boolean, is_quantity boolean,
               start_date date, period_id text, forecasting_type_id text, currency_iso_code text,
               created_date timestamptz, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
  -- Eight quarters of history were won; a quota asks for 10 % more than the average rep's quarter, a fifth up or down.
  SELECT salesops.salesforce_id('0J9', rep * 4 + q + 2), salesops.salesforce_id('005', rep),
         greatest(1000, won_amount / 8 / greatest(reps, 1) * (88 + salesops.draw_int(seed, 'quota', rep * 4 + q + 2, 45))
                        / 100 / 1000 * 1000)::float8,
         true, false,
         (date_trunc('quarter', salesops.generated_day(as_of, 0)::timestamp) + q * interval '3 months')::date,
         salesops.salesforce_id('026', 100 + q), salesops.salesforce_id('0Db', 1), 'USD',
         salesops.generated_moment(as_of, -400, 28800), true, salesops.generated_sync(as_of)
    FROM generate_series(1, reps) rep, generate_series(-2, 1) q;
END;
COMMENT ON FUNCTION salesops.generated_forecasting_quota(int, bigint, timestamptz, bigint) IS
  'Quotas in US dollars of each active rep for four quarters, from two before as_of''s to the next, scaled to what '
  'was won.';
