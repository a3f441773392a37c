-- Whether the open deals are like those that the model learned from: by hand, and on a CRM that does not change, then does.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SELECT plan(15);

SELECT is_empty($$SELECT * FROM model_shift('2026-11-20')$$, 'without a model there is nothing to hold against');
SELECT is(model_shift_reason('2026-11-20'), NULL, 'and no reason');

-- Learned from: 100 rows of 50 deals. Category 80 Pipeline, 20 Commit; type 50 New, 50 Renewal; product A alone; of the segment
-- 60 are unknown; source Web alone.
CREATE TEMP TABLE learned AS
SELECT ARRAY['2', '31-45 days', CASE WHEN n % 5 = 0 THEN 'Commit' ELSE 'Pipeline' END, CASE WHEN n % 2 = 0 THEN 'New' ELSE 'Renewal' END, 'A',
             CASE WHEN n % 5 < 2 THEN '1-200 employees' END, 'Web', 'ann'] AS levels, n % 3 = 0 AS won
FROM generate_series(1, 100) n;
SAVEPOINT by_hand;
INSERT INTO fitted_model (as_of, known_at, period, model, factors, fields, left_out, marks, deals, rows, wins, correlation, correlation_quarters,
                          pace, new_business_quarters, corporate_currency)
SELECT '2026-11-01', '2026-11-01', 'FY2026-Q4', fit_win_model(win_cells(f.factors, l.levels, 'FY2026-Q3', l.won)), f.factors, array_fill(NULL::text, ARRAY[8]), '{}', 2, 50, 100, 33, 0.02, 0, booking_pace(NULL, 1), 0, 'USD'
FROM learned l, (VALUES ('{to_go,age,category,deal_type,product,segment,source,owner}'::text[])) f(factors)
GROUP BY f.factors;
SELECT is_empty($$SELECT * FROM model_shift('2026-11-20')$$, 'nor without open deals');

-- Open now: 10 deals. Category 3 Pipeline, 7 Commit; type 6 New, 4 Renewal; product 5 A, 5 B; no segment unknown; no source stated.
SELECT connect('s', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deals", "columns": {"id": "id"}}}}');
INSERT INTO account (source_key, id, employees, is_deleted, effective_at, recorded_at, origin)
VALUES ('s', 'a', 100, false, '2026-01-01', '2026-01-01', 'sync');
INSERT INTO opportunity (source_key, id, account_id, owner_id, stage, forecast_category, deal_type, product, amount, close_date, created_at,
                         is_closed, is_won, is_deleted, effective_at, recorded_at, origin)
SELECT 's', 'd' || n, 'a', 'zed', 'Some stage', CASE WHEN n <= 3 THEN 'Pipeline' ELSE 'Commit' END, CASE WHEN n <= 6 THEN 'New' ELSE 'Renewal' END,
       CASE WHEN n % 2 = 0 THEN 'A' ELSE 'B' END, 100, '2026-12-01', '2026-10-15', false, false, false, '2026-10-15', '2026-10-15', 'sync'
FROM generate_series(1, 10) n;

-- q = 80.5/101, 20.5/101; p = 3.5/11, 7.5/11; (p - q) ln(p / q)
SELECT results_eq($$SELECT level, deals_then, deals_now, share_then, share_now, part, chance FROM model_shift_levels('2026-11-20') WHERE factor = 'category'$$,
                  $$VALUES ('Commit', 20::bigint, 7::bigint, 0.2, 0.7, 0.580222, 0.399166), ('Pipeline', 80, 3, 0.8, 0.3, 0.439711, 0.399166)$$,
                  'each level by hand; chance (1/50 + 1/10) x (1 + 1.645 x sqrt 2)');
SELECT results_eq($$SELECT factor, psi, verdict, level, words FROM model_shift('2026-11-20') ORDER BY factor$$,
  $$VALUES ('age', 0::numeric, 'as before', '31-45 days', 'age, 100 % 31-45 days against 100 %'),
           ('category', 1.019933, 'unlike', 'Commit', 'category, 70 % Commit against 20 %'),
           ('deal_type', 0.033430, 'as before', 'New', 'deal_type, 60 % New against 50 %'),
           ('product', 2.625398, 'unlike', 'B', 'product, 50 % B that it never saw'),
           ('segment', 0, 'as before', '1-200 employees', 'segment, 100 % 1-200 employees against 100 %'),
           ('source', 7.927055, 'unlike', '(unknown)', 'source, 100 % (unknown) that it never saw')$$,
  'by factor: what moved, what only chance moved, what is new, what is not known any more; nothing of to_go, due and owner');
SELECT is(model_shift_reason('2026-11-20'),
          'the open deals are unlike those the model learned from: source, 100 % (unknown) that it never saw; product, 50 % B that it never saw; category, 70 % Commit against 20 %',
          'in one line, the most unlike first');
SELECT is((SELECT count(*) FROM model_shift('2026-10-31')), 0::bigint, 'before the model was fitted there is none');

-- Of two deals chance can make anything.
UPDATE opportunity SET is_closed = true WHERE id NOT IN ('d1', 'd4');
SELECT is((SELECT verdict FROM model_shift('2026-11-20') WHERE factor = 'category'), 'as before', 'two deals, one in Commit, are no shift');

-- A CRM whose present looks like its past.
ROLLBACK TO by_hand;
SELECT count(*) FROM generate_crm(6000, 30, 4, '2026-05-31 20:00+00', 0, 'crm_shift') \g /dev/null
SELECT connect('crm', 'fivetran_salesforce', 'crm_shift') \g /dev/null
SELECT count(*) FROM sync('crm', '2026-05-31 20:00+00') \g /dev/null
SELECT fit_forecast('2026-05-31 20:00+00') \g /dev/null
SELECT is_empty($$SELECT factor, psi FROM model_shift('2026-05-31 20:00+00') WHERE verdict <> 'as before'$$, 'the open deals of the generated CRM are as before');
SELECT is(model_shift_reason('2026-05-31 20:00+00'), NULL, 'so there is nothing to say');
SELECT is((SELECT count(*) FROM model_shift('2026-05-31 20:00+00')), 13::bigint, 'about any of thirteen factors');

-- Every open deal is called Commit, and the stages get other names.
UPDATE crm_shift.opportunity SET forecast_category_name = 'Commit', forecast_category = 'Forecast', stage_name = 'New ' || stage_name,
       last_modified_date = '2026-06-01 10:00+00', system_modstamp = '2026-06-01 10:00+00'
WHERE _fivetran_active AND NOT is_closed;
SELECT count(*) FROM sync('crm', '2026-06-01 12:00+00', 'full') \g /dev/null
SELECT results_eq($$SELECT factor FROM model_shift('2026-06-01 12:00+00') WHERE verdict = 'unlike' ORDER BY factor$$,
                  $$VALUES ('category'), ('stage')$$, 'when all are called Commit and stages are renamed, that is seen');
SELECT ok(psi > 1 AND share_now = 1 AND share_then < 0.1 AND words LIKE 'category, 100 \% Commit against _ \%', 'Commit for everybody')
FROM model_shift('2026-06-01 12:00+00') WHERE factor = 'category';
SELECT ok(share_then = 0 AND words LIKE 'stage, % that it never saw', 'a stage that was never seen')
FROM model_shift('2026-06-01 12:00+00') WHERE factor = 'stage';
SELECT matches(model_shift_reason('2026-06-01 12:00+00'), '^the open deals are unlike those the model learned from: (stage|category), .*; (stage|category), ', 'the line names both');

SELECT * FROM finish();
ROLLBACK;
