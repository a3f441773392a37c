-- What scorecards learn from: the first closed deal of each account, and the account as it was known before.
BEGIN;
SET LOCAL client_min_messages = error;
SET LOCAL timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
CREATE FUNCTION pg_temp.account(into_table regclass, id text, employees numeric, at timestamptz, extra jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %s SELECT a.* FROM jsonb_populate_record(NULL::salesops.account, $1) a', into_table)
  USING jsonb_build_object('source_key', 's', 'id', id, 'employees', employees, 'is_deleted', false, 'effective_at', at, 'recorded_at', at, 'origin', 'sync') || extra;
END $$;
CREATE FUNCTION pg_temp.deal(id text, account text, won boolean, opened timestamptz, closed date) RETURNS void LANGUAGE sql AS $$
  INSERT INTO salesops.opportunity
  SELECT o.* FROM jsonb_populate_record(NULL::salesops.opportunity, jsonb_build_object('source_key', 's', 'id', id, 'account_id', account, 'is_closed', won IS NOT NULL, 'is_won', coalesce(won, false),
    'close_date', closed, 'created_at', opened, 'is_deleted', false, 'effective_at', coalesce(closed::timestamptz, opened), 'recorded_at', coalesce(closed::timestamptz, opened), 'origin', 'sync')) o $$;

SELECT pg_temp.account('salesops.account_history', 'grew', 10, '2025-01-01', '{"industry": "hi-tec"}'), pg_temp.account('salesops.account_history', 'grew', 11, '2025-02-01', '{"industry": "hi-tec"}'),
       pg_temp.account('salesops.account', 'grew', 500, '2025-06-01');
SELECT pg_temp.account('salesops.account_history', 'met late', 20, '2025-05-01'), pg_temp.account('salesops.account', 'met late', 900, '2025-06-01');
-- True before the deal was opened, but nobody here knew.
SELECT pg_temp.account('salesops.account_history', 'told late', 80, '2025-01-01', '{"recorded_at": "2025-05-01T00:00:00Z"}'), pg_temp.account('salesops.account', 'told late', 81, '2025-01-01', '{"recorded_at": "2025-08-01T00:00:00Z"}');
SELECT pg_temp.account('salesops.account', 'met afterwards', 30, '2025-09-01');
SELECT pg_temp.account('salesops.account', 'met on the day', 35, '2025-07-01 09:00+00');
SELECT pg_temp.account('salesops.account', 'twice', 40, '2025-01-01');
SELECT pg_temp.account('salesops.account', 'open', 50, '2025-01-01');
SELECT pg_temp.account('salesops.account', 'later', 60, '2025-01-01');
SELECT pg_temp.account('salesops.account_history', 'gone', 70, '2025-01-01'), pg_temp.account('salesops.account', 'gone', 71, '2025-02-01', '{"is_deleted": true}');
SELECT pg_temp.deal('1', 'grew', true, '2025-03-01', '2025-07-01'), pg_temp.deal('2', 'met late', false, '2025-03-01', '2025-07-01'), pg_temp.deal('3', 'met afterwards', true, '2025-03-01', '2025-07-01'),
       pg_temp.deal('4', 'twice', true, '2025-03-01', '2025-08-01'), pg_temp.deal('5', 'twice', false, '2025-01-15', '2025-02-01'), pg_temp.deal('6', 'open', NULL, '2025-03-01', '2025-12-31'),
       pg_temp.deal('7', 'later', true, '2025-03-01', '2025-11-01'), pg_temp.deal('8', 'gone', true, '2025-03-01', '2025-07-01'), pg_temp.deal('9', NULL, true, '2025-03-01', '2025-07-01'),
       pg_temp.deal('10', 'met on the day', true, '2025-03-01', '2025-07-01'), pg_temp.deal('12', 'told late', true, '2025-03-01', '2025-07-01');
SELECT salesops.map_value('s', 'industry', 'hi-tec', 'Technology');

CREATE TEMP VIEW expected AS SELECT * FROM (VALUES
  ('gone', true, date '2025-07-01', 'at opening', 70::numeric, NULL), ('grew', true, '2025-07-01', 'at opening', 11, 'Technology'), ('met late', false, '2025-07-01', 'before closing', 20, NULL),
  ('told late', true, '2025-07-01', 'before closing', 80, NULL), ('twice', false, '2025-02-01', 'at opening', 40, NULL)) v(id, won, closed_on, known, employees, industry);
SELECT results_eq($$ SELECT e.id, e.won, e.closed_on, e.known, e.employees, e.industry FROM salesops.scorecard_examples('2025-10-01') e ORDER BY 1 $$, 'TABLE expected',
  'the first closed deal of each account, and what was known of the account when it was opened, or else first before it closed');
SELECT results_eq($$ SELECT e.id, e.known, e.employees FROM salesops.scorecard_examples('2025-10-01', take_as_given => true) e WHERE e.known = 'afterwards' ORDER BY 1 $$,
  $$ VALUES ('met afterwards', 'afterwards', 30::numeric), ('met on the day', 'afterwards', 35) $$, 'what was recorded once the outcome was there, only if one asks for it');
SELECT is((SELECT array_agg(e.id) FROM salesops.scorecard_examples('2026-01-01') e WHERE e.closed_on > '2025-10-01'), '{later}', 'what closed later is there later');

-- What comes afterwards changes nothing of what was known before.
UPDATE salesops.opportunity SET is_won = NOT is_won WHERE id = '7';
SELECT pg_temp.account('salesops.account_history', id, employees + 1, '2025-10-02') FROM salesops.account WHERE id NOT IN ('gone');
SELECT pg_temp.deal('11', 'open', true, '2025-03-01', '2025-11-11');
SELECT salesops.map_value('s', 'industry', 'hi-tec', 'Retail', '2025-12-01');
SELECT results_eq($$ SELECT e.id, e.won, e.closed_on, e.known, e.employees, e.industry FROM salesops.scorecard_examples('2025-10-01') e ORDER BY 1 $$, 'TABLE expected', 'nothing later is looked at');
SELECT throws_ok($$ SELECT salesops.fit_scorecard('few', known_at => '2025-10-01') $$, '55000',
  NULL, 'five accounts are too few');

SELECT * FROM finish();
ROLLBACK;
