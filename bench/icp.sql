-- Look-alikes among 1,000,000 generated accounts: by the index, and by looking at all. In an empty database with the extension: psql -f bench/icp.sql
\timing on
SELECT setseed(0.5);
INSERT INTO salesops.setting (name, value, set_at) VALUES ('corporate_currency', 'EUR', '2024-01-01');
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
INSERT INTO salesops.account (source_key, id, name, industry, segment, employees, annual_revenue, currency, country, created_at, custom, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'a' || n, 'Name ' || n, (ARRAY['Technology','Finance','Healthcare','Manufacturing','Retail','Energy','Education','Media','Telecommunications','Transportation','Construction','Hospitality','Agriculture','Government','Utilities', NULL])[1 + floor(power(random(), 1.5) * 16)::int],
  CASE WHEN e < 100 THEN 'smb' WHEN e < 1000 THEN 'mid-market' ELSE 'enterprise' END, e, floor(e * 150000 * exp(random() * 2 - 1)), 'EUR', (ARRAY['US','DE','GB','FR','NL','ES','IT','SE','PL','CA','AU','JP','IN','BR','MX','CH','AT','BE','DK','NO'])[1 + floor(power(random(), 2) * 20)::int],
  '2024-01-01', NULL, false, '2024-01-01', '2024-01-01', 'sync'
FROM (SELECT n, CASE WHEN random() < 0.95 THEN floor(exp(random() * 11))::numeric END AS e FROM generate_series(1, 1000000) n) x;
ANALYZE salesops.account;
INSERT INTO salesops.opportunity (source_key, id, account_id, is_closed, is_won, close_date, created_at, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'o' || n, 'a' || n, true, random() < CASE a.industry WHEN 'Technology' THEN 0.5 ELSE 0.2 END + CASE WHEN a.employees > 1000 THEN 0.2 ELSE 0 END, date '2025-01-01' + n % 180, '2024-12-01', false, '2025-07-01', '2025-07-01', 'sync'
FROM generate_series(1, 20000) n JOIN salesops.account a ON a.id = 'a' || n AND a.source_key = 's';
ANALYZE salesops.opportunity;

SELECT salesops.fit_icp('2025-09-01');
SELECT salesops.place_accounts('2025-09-01');
ANALYZE salesops.icp_account, salesops.icp_pattern;
SELECT count(*) AS patterns, max(accounts) AS largest FROM salesops.icp_pattern;

SELECT count(*) FROM salesops.look_alikes('s', 'a776');
SELECT count(*) FROM salesops.look_alikes('s', 'a777');
SELECT count(*) FROM salesops.look_alikes('s', 'a778');
SELECT count(*) FROM salesops.look_alikes('s', 'a779', 100);
\echo Most like twenty, two hundred accounts
SELECT count(*) FROM salesops.set_look_alikes('s', ARRAY(SELECT 'a' || n FROM generate_series(1001, 1020) n));
SELECT count(*) FROM salesops.set_look_alikes('s', ARRAY(SELECT 'a' || n FROM generate_series(1001, 1200) n));
\echo Looking at all accounts of the next day, of which nothing changed: no row differs
SELECT count(*) FROM (SELECT * FROM salesops.look_alikes('s', 'a777', 10, '2025-09-02') EXCEPT SELECT * FROM salesops.look_alikes('s', 'a777')) d;
\echo Placed again: nothing changed, and one account in a hundred
SELECT salesops.place_accounts('2025-09-02');
UPDATE salesops.account SET employees = employees + 1, effective_at = '2025-09-02 12:00', recorded_at = '2025-09-02 12:00' WHERE hashtext(id) % 100 = 0;
SELECT salesops.place_accounts('2025-09-03');
