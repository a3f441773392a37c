-- The rows of the generated CRM that do not depend on deals: people, accounts, the catalogue, calendar and currencies.
--
-- Each function is one table as Fivetran lands it: its RETURNS TABLE is the table's definition, since generate_crm makes
-- the table from it. What a column means is Salesforce's; only the columns that the model or its readers use are there.

CREATE FUNCTION salesops.generated_sync(as_of timestamptz) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT as_of - interval '30 minutes';
END;
COMMENT ON FUNCTION salesops.generated_sync(timestamptz) IS
  'When the generated rows were last synced: half an hour before as_of, one full load.';

CREATE FUNCTION salesops.generated_first_name(seed bigint, stream text, item bigint) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, stream || '.first_name', item,
                             ARRAY['Maria', 'Anil', 'Chen', 'Olga', 'James', 'Fatima', 'Lars', 'Grace', 'Diego',
                                   'Yuki', 'Hannah', 'Omar', 'Priya', 'Tom', 'Ines', 'Kofi']);
END;
COMMENT ON FUNCTION salesops.generated_first_name(bigint, text, bigint) IS 'First name of a generated person.';

CREATE FUNCTION salesops.generated_last_name(seed bigint, stream text, item bigint) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT salesops.draw_label(seed, stream || '.last_name', item,
                             ARRAY['Lopez', 'Gupta', 'Wei', 'Petrova', 'Wilson', 'Haddad', 'Nilsen', 'Okafor', 'Ramos',
                                   'Tanaka', 'Schmidt', 'Farouk', 'Nair', 'Baker', 'Costa', 'Mensah']);
END;
COMMENT ON FUNCTION salesops.generated_last_name(bigint, text, bigint) IS 'Last name of a generated person.';

-- Users are numbered reps first (1 .. reps), then the reps who left, then managers of up to eight reps, directors of up
-- to five managers, and the head of sales. Roles mirror the leaders, with one role below each manager for the team.
CREATE FUNCTION salesops.generated_user(reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, username text, email text, name text, first_name text, last_name text, title text,
               department text, user_type text, user_role_id text, manager_id text, is_active boolean,
               forecast_enabled boolean, city text, state text, last_login_date timestamptz, created_date timestamptz,
               _fivetran_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH size AS (
    SELECT reps + 1 + reps / 10 AS sellers, 1 + (reps - 1) / 8 AS managers, 1 + (reps - 1) / 8 / 5 AS directors),
  person AS (
    SELECT z.sellers, z.managers, z.directors, n AS number,
           n > reps AND n <= z.sellers AS has_left,
           CASE WHEN n <= z.sellers THEN 'rep'
                WHEN n <= z.sellers + z.managers THEN 'manager'
                WHEN n <= z.sellers + z.managers + z.directors THEN 'director'
                ELSE 'head'
           END AS rank,
           salesops.generated_first_name(seed, 'user', n) AS first_name,
           salesops.generated_last_name(seed, 'user', n) AS last_name
      FROM size z, generate_series(1, z.sellers + z.managers + z.directors + 1) n),
  placed AS (
    -- leader: the role number of a leader, and of the manager of a rep; the head is 1, directors follow, then managers.
    SELECT p.*,
           CASE p.rank WHEN 'rep' THEN 2 + p.directors + (p.number - 1) % p.managers
                       WHEN 'manager' THEN 1 + p.directors + p.number - p.sellers
                       WHEN 'director' THEN 1 + p.number - p.sellers - p.managers
                       ELSE 1
           END AS leader
      FROM person p)
  SELECT salesops.salesforce_id('005', p.number),
         lower((p.first_name || '.' || p.last_name || '.' || p.number) COLLATE "C") || '@seller.example',
         lower((p.first_name || '.' || p.last_name || '.' || p.number) COLLATE "C") || '@seller.example',
         p.first_name || ' ' || p.last_name, p.first_name, p.last_name,
         CASE p.rank WHEN 'rep' THEN 'Account Executive' WHEN 'manager' THEN 'Sales Manager'
                     WHEN 'director' THEN 'Regional Director' ELSE 'Chief Revenue Officer' END,
         'Sales', 'Standard',
         salesops.salesforce_id('00E', CASE p.rank WHEN 'rep' THEN p.leader + p.managers ELSE p.leader END),
         CASE p.rank WHEN 'rep' THEN salesops.salesforce_id('005', p.sellers + p.leader - 1 - p.directors)
                     WHEN 'manager'
                     THEN salesops.salesforce_id('005', p.sellers + p.managers + 1 + (p.number - p.sellers - 1) / 5)
                     WHEN 'director' THEN salesops.salesforce_id('005', p.sellers + p.managers + p.directors + 1)
         END,
         NOT p.has_left, NOT p.has_left,
         (ARRAY['New York', 'Chicago', 'Berlin', 'London'])[1 + p.leader % 4],
         (ARRAY['NY', 'IL', NULL, NULL])[1 + p.leader % 4],
         -- One active user in twenty has not logged in for a week or more; who left did so in the last half year.
         salesops.generated_moment(as_of,
           CASE WHEN p.has_left THEN -30 - salesops.draw_int(seed, 'user.left', p.number, 120)
                WHEN salesops.draw(seed, 'user.lapsed', p.number) < 0.05
                THEN -8 - salesops.draw_int(seed, 'user.login', p.number, 20)
                ELSE -1 - salesops.draw_int(seed, 'user.login', p.number, 3)
           END, 32400 + salesops.draw_int(seed, 'user.login_second', p.number, 28800)),
         salesops.generated_moment(as_of, -1100 - salesops.draw_int(seed, 'user.created', p.number, 900), 32400),
         false, true, salesops.generated_sync(as_of)
    FROM placed p;
END;
COMMENT ON FUNCTION salesops.generated_user(int, bigint, timestamptz) IS
  'Users: the given number of active reps, one more in ten (at least one) who left, and a tree of managers, directors '
  'and one head above them.';

CREATE FUNCTION salesops.generated_user_role(reps int, as_of timestamptz)
RETURNS TABLE (id text, name text, developer_name text, parent_role_id text, rollup_description text,
               forecast_user_id text, may_forecast_manager_share boolean,
               _fivetran_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  WITH size AS (
    SELECT reps + 1 + reps / 10 AS sellers, 1 + (reps - 1) / 8 AS managers, 1 + (reps - 1) / 8 / 5 AS directors),
  role AS (
    SELECT z.*, n AS number,
           CASE WHEN n = 1 THEN 'head' WHEN n <= 1 + z.directors THEN 'director'
                WHEN n <= 1 + z.directors + z.managers THEN 'manager' ELSE 'team' END AS rank
      FROM size z, generate_series(1, 1 + z.directors + 2 * z.managers) n)
  SELECT salesops.salesforce_id('00E', r.number),
         CASE r.rank WHEN 'head' THEN 'Sales' WHEN 'director' THEN 'Region ' || r.number - 1
                     WHEN 'manager' THEN 'Team Lead ' || r.number - 1 - r.directors
                     ELSE 'Team ' || r.number - 1 - r.directors - r.managers END,
         CASE r.rank WHEN 'head' THEN 'Sales' WHEN 'director' THEN 'Region_' || r.number - 1
                     WHEN 'manager' THEN 'Team_Lead_' || r.number - 1 - r.directors
                     ELSE 'Team_' || r.number - 1 - r.directors - r.managers END,
         CASE r.rank WHEN 'director' THEN salesops.salesforce_id('00E', 1)
                     WHEN 'manager' THEN salesops.salesforce_id('00E', 2 + (r.number - 2 - r.directors) / 5)
                     WHEN 'team' THEN salesops.salesforce_id('00E', r.number - r.managers) END,
         CASE r.rank WHEN 'head' THEN 'All sales' WHEN 'director' THEN 'Region' ELSE 'Team' END,
         CASE r.rank WHEN 'head' THEN salesops.salesforce_id('005', r.sellers + r.managers + r.directors + 1)
                     WHEN 'director' THEN salesops.salesforce_id('005', r.sellers + r.managers + r.number - 1)
                     WHEN 'manager' THEN salesops.salesforce_id('005', r.sellers + r.number - 1 - r.directors) END,
         false, false, true, salesops.generated_sync(as_of)
    FROM role r;
END;
COMMENT ON FUNCTION salesops.generated_user_role(int, timestamptz) IS
  'Roles: one for each leader of generated_user with its forecast user, and one below each manager for the team.';

CREATE FUNCTION salesops.generated_account_name(seed bigint, account int) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  -- The three syllables spell the number in base 32, so names below 32,768 accounts differ without a digit.
  SELECT (ARRAY['Ad', 'Bel', 'Cor', 'Dar', 'El', 'Fen', 'Gal', 'Hel', 'In', 'Jor', 'Kal', 'Lum', 'Mer', 'Nor', 'Or',
                'Pel', 'Quin', 'Ros', 'Sol', 'Tel', 'Ul', 'Ver', 'Wes', 'Xan', 'Yor', 'Zen', 'Bran', 'Cal', 'Dun',
                'Ever', 'Fair', 'Green'])
         [1 + account % 32]
      || (ARRAY['a', 'o', 'i', 'e', 'an', 'en', 'ar', 'or', 'il', 'ol', 'am', 'em', 'is', 'os', 'ta', 'to',
                'ra', 'ro', 'li', 'la', 'mi', 'ma', 'ni', 'na', 'vi', 'va', 'di', 'da', 'si', 'sa', 'ki', 'ka'])
         [1 + account / 32 % 32]
      || (ARRAY['x', 'nt', 'rd', 'ston', 'field', 'wood', 'gate', 'ford', 'mark', 'land', 'bridge', 'well', 'berg',
                'vale', 'core', 'line', 'point', 'port', 'way', 'works', 'tech', 'net', 'soft', 'med', 'bank', 'trade', 'foods',
                'steel', 'glass', 'power', 'air', 'sea'])
         [1 + account / 1024 % 32]
      || CASE WHEN account >= 32768 THEN ' ' || (account / 32768)::text ELSE '' END
      || salesops.draw_label(seed, 'account.form', account, ARRAY[' Inc', ' Ltd', ' Group', ' GmbH']);
END;
COMMENT ON FUNCTION salesops.generated_account_name(bigint, int) IS
  'Name of a generated account, unlike that of any other.';

CREATE FUNCTION salesops.generated_account(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, name text, owner_id text, industry text, number_of_employees int,
               annual_revenue double precision, type text, parent_id text, rating text, account_source text, website text,
               billing_city text, billing_state text, billing_country text, currency_iso_code text,
               created_date timestamptz, last_modified_date timestamptz, master_record_id text, is_deleted boolean,
               _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
  WITH drawn AS NOT MATERIALIZED (
    SELECT n AS account,
           CASE salesops.generated_account_segment(seed, n)
             WHEN 1 THEN salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[3, 12, 25, 60, 199])
             WHEN 2 THEN salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[200, 280, 400, 600, 999])
             ELSE salesops.draw_from_curve(seed, 'account.employees', n, ARRAY[1000, 1800, 3500, 8000, 40000])
           END AS employees,
           salesops.generated_account_currency(seed, n) AS currency,
           salesops.draw_int(seed, 'account.place', n, 3) AS place,
           salesops.draw_int(seed, 'account.created', n, 700) AS days
      FROM generate_series(1, salesops.generated_account_count(deals)) n
    OFFSET 0)
  SELECT salesops.salesforce_id('001', d.account), salesops.generated_account_name(seed, d.account),
         salesops.salesforce_id('005', salesops.generated_account_rep(seed, d.account, reps)),
         salesops.draw_label(seed, 'account.industry', d.account,
                             ARRAY['Technology', 'Finance', 'Healthcare', 'Manufacturing', 'Retail', 'Education',
                                   'Energy', 'Media']),
         d.employees,
         d.employees::float8 * (120 + salesops.draw_int(seed, 'account.revenue', d.account, 200)) * 1000,
         salesops.draw_label(seed, 'account.type', d.account, ARRAY['Customer', 'Customer', 'Prospect', 'Partner']),
         -- One account in ten has a parent, always one with a smaller number, so the tree has no cycle.
         CASE WHEN d.account > 1 AND salesops.draw(seed, 'account.child', d.account) < 0.1
              THEN salesops.salesforce_id('001', 1 + salesops.draw_int(seed, 'account.parent', d.account,
                                                                       greatest(d.account - 1, 1))) END,
         salesops.draw_label(seed, 'account.rating', d.account, ARRAY['Hot', 'Warm', 'Cold']),
         salesops.draw_label(seed, 'account.source', d.account, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         'https://www.customer-' || d.account || '.example',
         CASE d.currency WHEN 'USD' THEN (ARRAY['New York', 'Chicago', 'Austin'])[1 + d.place]
                         WHEN 'EUR' THEN (ARRAY['Berlin', 'Paris', 'Madrid'])[1 + d.place]
                         ELSE (ARRAY['London', 'Leeds', 'Bristol'])[1 + d.place] END,
         CASE d.currency WHEN 'USD' THEN (ARRAY['NY', 'IL', 'TX'])[1 + d.place] END,
         CASE d.currency WHEN 'USD' THEN 'United States'
                         WHEN 'EUR' THEN (ARRAY['Germany', 'France', 'Spain'])[1 + d.place]
                         ELSE 'United Kingdom' END,
         d.currency,
         salesops.generated_moment(as_of, -1500 - d.days, 28800), salesops.generated_moment(as_of, -1 - d.days, 28800),
         NULL::text, false, true, salesops.generated_sync(as_of)
    FROM drawn d;
END;
COMMENT ON FUNCTION salesops.generated_account(int, int, bigint, timestamptz) IS
  'Accounts: one for every eight deals, half small, three in ten mid-market, the rest enterprise, owned by active reps.';

-- Contacts: three an account, numbered 3 (account - 1) + 1, 2, 3.
CREATE FUNCTION salesops.generated_contact(deals int, reps int, seed bigint, as_of timestamptz)
RETURNS TABLE (id text, account_id text, owner_id text, first_name text, last_name text, name text, title text,
               email text, lead_source text, is_deleted boolean, _fivetran_active boolean, _fivetran_synced timestamptz)
  LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30000
BEGIN ATOMIC
  WITH drawn AS NOT MATERIALIZED (
    SELECT n AS contact, 1 + (n - 1) / 3 AS account,
           salesops.generated_first_name(seed, 'contact', n) AS first_name,
           salesops.generated_last_name(seed, 'contact', n) AS last_name
      FROM generate_series(1, 3 * salesops.generated_account_count(deals)) n
    OFFSET 0)
  SELECT salesops.salesforce_id('003', d.contact), salesops.salesforce_id('001', d.account),
         salesops.salesforce_id('005', salesops.generated_account_rep(seed, d.account, reps)),
         d.first_name, d.last_name, d.first_name || ' ' || d.last_name,
         (ARRAY['Chief Financial Officer', 'Head of IT', 'Operations Manager'])[1 + (d.contact - 1) % 3],
         lower((d.first_name || '.' || d.last_name || '.' || d.contact) COLLATE "C") || '@customer-' || d.account || '.example',
         salesops.draw_label(seed, 'contact.source', d.contact, ARRAY['Web', 'Referral', 'Partner', 'Event', 'Outbound']),
         false, true, salesops.generated_sync(as_of)
    FROM drawn d;
END;
COMMENT ON FUNCTION salesops.generated_contact(int, int, bigint, timestamptz) IS 'Contacts: three for each account.';
