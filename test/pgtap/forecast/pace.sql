-- How a month's wins spread over its days: by hand, and in a world where all deals are won on the last day of a month.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL search_path = salesops, public;
SET LOCAL jit = off;
SELECT plan(11);
-- The zone and the style of the instants and words below.
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

CREATE TABLE public.pace AS
SELECT booking_pace(ARRAY['2026-03-31', '2025-12-31', '2026-03-31', '2026-03-01', '2026-02-14', 'infinity', NULL]::date[], 1) AS pace;
-- Four wins in last months, three on their last day; one in a second month, with 15 of 28 days left, its own among them.
SELECT is(pace[1:10], ARRAY(SELECT (v / 24)::float8 FROM unnest(ARRAY[5, 7, 9, 11, 13, 15, 17, 19, 21, 24]::numeric[]) v), 'the last month, from its end') FROM public.pace;
SELECT is(pace[11:20], ARRAY(SELECT (v / 21)::float8 FROM unnest(ARRAY[2, 4, 6, 8, 10, 13, 15, 17, 19, 21]::numeric[]) v), 'the second month') FROM public.pace;
SELECT is(pace[21:30], ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]::float8[], 'a month without wins: evenly') FROM public.pace;
SELECT is(booking_pace(ARRAY['2026-03-31']::date[], 2) <> booking_pace(ARRAY['2026-03-31']::date[], 1), true, 'the fiscal year says which month is the last');
SELECT is(booking_pace(NULL, 1), booking_pace('{}', 1), 'no wins: evenly');

SELECT is(ARRAY(SELECT paced_months(m, pace) FROM unnest(ARRAY[3, 2, 1, 0, -1, 3.5]::float8[]) m), ARRAY[3, 2, 1, 0, -1, 3.5]::float8[], 'the marks stay what they are') FROM public.pace;
SELECT ok(abs(paced_months(0.5, pace) - 13.0 / 24) < 1e-15 AND abs(paced_months(1.05, pace) - (1 + 1.0 / 21)) < 1e-15, 'between them the share of wins to come, linear within a tenth') FROM public.pace;
SELECT ok(bool_and(later >= earlier), 'time does not go back') FROM (SELECT paced_months(n / 97.0::float8, pace) AS later, paced_months((n - 1) / 97.0::float8, pace) AS earlier FROM public.pace, generate_series(1, 291) n) p;
SELECT is(paced_months(0.5, NULL), 0.5::float8, 'without a pace: evenly');

-- 390 deals a quarter, as likely to end at one month's end as at the next whatever their age, half of them won, all on the last day of a month.
SELECT connect('crm', 'generic', 'public', '{"entities": {"opportunity": {"relation": "deal", "columns": {"id": "id", "stage": "stage", "created_at": "made", "close_date": "day", "amount": "amount", "owner_id": "owner"}}}, "unchanged": "amount"}') IS NOT NULL AS connected \gset
SELECT map_stage('crm', 'Open', 'open', 'Pipeline'), map_stage('crm', 'Won', 'won', 'Closed'), map_stage('crm', 'Lost', 'lost', 'Omitted') \gset
CREATE TABLE public.deal AS
SELECT n::text AS id, CASE WHEN end_on >= '2026-03-18' THEN 'Open' WHEN won THEN 'Won' ELSE 'Lost' END AS stage, (end_on - (- 60 * portable_ln(0.001 + draw(7, 'life', n) * 0.999))::integer)::text AS made,
       end_on::text AS day, '100' AS amount, 'ann' AS owner, end_on, won
FROM (SELECT n, (date_trunc('month', date '2024-04-01' + (n * 900 / 3900)) + interval '1 month')::date - 1 AS end_on, draw(7, 'won', n) < 0.5 AS won FROM generate_series(1, 3900) n) d;
DELETE FROM public.deal WHERE made::date > '2026-03-17';
SELECT sync('crm', '2026-03-17 12:00+00') IS NOT NULL AS synced \gset
SELECT fit_forecast('2026-03-17 12:00+00') AS model \gset
-- Half a month before its end all of the month's wins are still to come: as many as at its start.
SELECT ok(abs(said - came) < 0.15 * came, format('halfway through the last month: %s wins are expected, %s come', round(said::numeric, 1), came))
FROM (SELECT sum(p.probability) AS said FROM win_probabilities('2026-03-17 12:00+00') p) s
CROSS JOIN (SELECT count(*)::float8 AS came FROM public.deal WHERE stage = 'Open' AND won AND end_on <= '2026-03-31') c;
SELECT ok(pace[1] > 0.9, 'nearly all of a month''s wins came in its last tenth') FROM fitted_model WHERE model_id = :model;

SELECT * FROM finish(true);
ROLLBACK;
