-- deal_outcomes: by hand.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SELECT plan(4);
SET LOCAL timezone = 'UTC';
SELECT salesops.set_setting('time_zone', 'America/New_York');
CREATE SCHEMA crm;
SELECT salesops.connect('s', 'generic', 'crm', '{"entities": {"opportunity": {"relation": "deal"}}}');
SELECT salesops.map_stage('s', 'signed', 'won', 'Closed');
CREATE TEMP TABLE said (id text, at timestamptz, recorded_at timestamptz, stage text, is_won boolean, is_closed boolean, close_date date, amount numeric, currency text);
INSERT INTO said VALUES
  ('won late',     '2026-01-01', '2026-01-01', 'one', NULL, NULL, '2026-03-31', 1, NULL), ('won late', '2026-04-02', '2026-04-02', 'signed', NULL, NULL, '2026-03-31', 2, NULL),
  ('won early',    '2026-01-01', '2026-01-01', 'one', NULL, NULL, '2026-04-30', 1, NULL), ('won early', '2026-04-01 02:00+00', '2026-04-01 02:00+00', 'signed', NULL, NULL, '2026-04-30', 2, NULL),
  ('touched since', '2026-01-01', '2026-01-01', 'one', NULL, NULL, '2026-04-30', 1, NULL), ('touched since', '2026-04-10', '2026-04-10', 'signed', NULL, NULL, '2026-04-30', 2, NULL),
                   ('touched since', '2026-05-10', '2026-05-10', 'signed', NULL, NULL, '2026-05-30', NULL, NULL),
  ('opened again', '2026-01-01', '2026-01-01', 'signed', NULL, NULL, '2026-01-15', 1, NULL), ('opened again', '2026-02-01', '2026-02-01', 'one', NULL, false, '2026-05-15', 1, NULL),
                   ('opened again', '2026-05-20', '2026-05-20', 'no', NULL, true, '2026-05-15', 1, 'XXX'),
  ('open again',   '2026-01-01', '2026-01-01', 'signed', NULL, NULL, '2026-01-15', 1, NULL), ('open again', '2026-02-01', '2026-02-01', 'signed', NULL, false, '2026-05-15', 1, NULL),
  ('undated',      '-infinity', '2026-02-01', 'signed', NULL, NULL, NULL, 1, NULL),
  ('known later',  '2026-01-20 12:00', '2026-06-01', 'signed', true, true, '2026-01-20', 1, NULL);
INSERT INTO salesops.opportunity_history (source_key, id, stage, is_won, is_closed, close_date, amount, currency, is_deleted, effective_at, recorded_at, origin)
SELECT 's', id, stage, is_won, is_closed, close_date, amount, currency, false, at, recorded_at, 'sync' FROM said
EXCEPT SELECT DISTINCT ON (id) 's', id, stage, is_won, is_closed, close_date, amount, currency, false, at, recorded_at, 'sync' FROM (SELECT * FROM said ORDER BY id, at DESC) d;
INSERT INTO salesops.opportunity (source_key, id, stage, is_won, is_closed, close_date, amount, currency, is_deleted, effective_at, recorded_at, origin)
SELECT DISTINCT ON (id) 's', id, stage, is_won, is_closed, close_date, amount, currency, false, at, recorded_at, 'sync' FROM said ORDER BY id, at DESC;
CREATE FUNCTION pg_temp.ended(known_at timestamptz) RETURNS TABLE (id text, status text, closed_on date, amount numeric) LANGUAGE sql AS
$$SELECT id, status, closed_on, corporate_amount FROM salesops.deal_outcomes(known_at) ORDER BY id COLLATE "C"$$;
SELECT results_eq($$SELECT * FROM pg_temp.ended('infinity')$$,
  $$VALUES ('known later', 'won', date '2026-01-20', 1.0), ('opened again', 'lost', '2026-05-15', NULL), ('touched since', 'won', '2026-04-09', NULL), ('undated', 'won', NULL, 1),
      ('won early', 'won', '2026-03-31', 2), ('won late', 'won', '2026-03-31', 2)$$,
  'the close date, or the local day the history has it closed if that is earlier, since it was last open; unknown amounts and days are NULL');
SELECT results_eq($$SELECT * FROM pg_temp.ended('2026-04-20')$$,
  $$VALUES ('touched since', 'won', date '2026-04-09', 2.0), ('undated', 'won', NULL, 1), ('won early', 'won', '2026-03-31', 2), ('won late', 'won', '2026-03-31', 2)$$, 'as known in April');
SELECT results_eq($$SELECT * FROM pg_temp.ended('2026-01-10')$$, $$VALUES ('open again', 'won', date '2025-12-31', 1.0), ('opened again', 'won', '2025-12-31', 1)$$, 'as known in January');
SELECT is_empty($$SELECT * FROM salesops.deal_outcomes(NULL)$$, 'as known never: nothing');
SELECT * FROM finish();
ROLLBACK;
