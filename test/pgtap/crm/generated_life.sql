-- A generated deal is one process in time: its past is of one piece, and the open deals of as_of are like those of any day before.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SET LOCAL timezone = 'UTC';
SELECT plan(25);

-- As of the end of a quarter, so that marks of three, two and one months to go lie behind.
\set as_of '2026-03-31 23:59:59.999999+00'
SELECT count(*) FROM salesops.generate_crm(12000, 40, 3, :'as_of', 0, 'crm_life') \gset ignored_
SET LOCAL search_path = crm_life, public, pg_catalog;

-- What was said of each of thousands of versions is looked for in it.
CREATE INDEX ON opportunity_field_history (opportunity_id, field, created_date);
ANALYZE opportunity_field_history;

-- Of one piece --------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.then_said(deal text, of_field text, at timestamptz) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce((SELECT h.new_value FROM crm_life.opportunity_field_history h
                    WHERE h.opportunity_id = deal AND h.field = of_field AND h.created_date <= at ORDER BY h.created_date DESC LIMIT 1),
                  (SELECT h.old_value FROM crm_life.opportunity_field_history h
                    WHERE h.opportunity_id = deal AND h.field = of_field AND h.created_date > at ORDER BY h.created_date LIMIT 1)) $$;
SELECT is_empty($$
  SELECT o.id, o._fivetran_start
    FROM opportunity o
   WHERE o.id IN (SELECT id FROM opportunity WHERE NOT _fivetran_active) AND o._fivetran_start >= '2025-03-01'
     AND (pg_temp.then_said(o.id, 'StageName', o._fivetran_start) <> o.stage_name
          OR pg_temp.then_said(o.id, 'CloseDate', o._fivetran_start) <> to_char(o.close_date, 'YYYY-MM-DD')
          OR pg_temp.then_said(o.id, 'Amount', o._fivetran_start) <> o.amount::text
          OR pg_temp.then_said(o.id, 'ForecastCategoryName', o._fivetran_start) <> o.forecast_category_name)$$,
  'superseded versions say what the field history says');
SELECT cmp_ok(count(*), '>', 300::bigint, '... of which there are some') FROM opportunity WHERE NOT _fivetran_active;
SELECT is_empty($$
  SELECT id FROM (SELECT id, _fivetran_end, lead(_fivetran_start) OVER (PARTITION BY id ORDER BY _fivetran_start) AS next FROM opportunity) v
   WHERE _fivetran_end <> coalesce(next - interval '1 millisecond', '9999-12-31 23:59:59+00')$$, 'one version follows the other without a gap');
SELECT is_empty($$
  SELECT h.id FROM opportunity_field_history h JOIN opportunity o ON o.id = h.opportunity_id AND o._fivetran_active
   WHERE h.created_date < o.created_date OR h.created_date > o.last_modified_date
      OR o.is_closed AND h.created_date > o.close_date + interval '17 hours'$$, 'nothing changes before the beginning or after the end');
SELECT is_empty($$SELECT id FROM opportunity_field_history WHERE field = 'CloseDate' AND new_value <= old_value
                     AND opportunity_id IN (SELECT id FROM opportunity WHERE _fivetran_active AND NOT is_closed)$$, 'the close date of an open deal is pushed, never pulled');
SELECT is_empty($$SELECT id FROM opportunity_field_history WHERE field = 'CloseDate' AND old_value < to_char(created_date, 'YYYY-MM-DD')$$,
                'and before the deal is overdue');
SELECT is_empty($$
  SELECT o.id FROM opportunity o
   WHERE o._fivetran_active AND o.is_closed AND o.close_date >= '2025-04-01'
     AND NOT EXISTS (SELECT FROM opportunity_field_history h
                      WHERE h.opportunity_id = o.id AND h.field = 'ForecastCategoryName' AND h.new_value = CASE WHEN o.is_won THEN 'Closed' ELSE 'Omitted' END)$$,
  'every closing changes the category');

-- The truth about tomorrow --------------------------------------------------------------------------------------------

SELECT set_eq('SELECT opportunity_id FROM planted_outcome', 'SELECT id FROM opportunity WHERE _fivetran_active AND NOT is_closed AND NOT is_deleted',
              'planted_outcome tells of every open deal');
SELECT ok(min(closes_on) > '2026-03-31' AND max(closes_on) < '2028-03-31', 'which will all close, but none at once') FROM planted_outcome;
SELECT ok(avg(is_won::int) BETWEEN 0.2 AND 0.3, 'fewer than one in three will be won: lost deals linger, so more of them are open') FROM planted_outcome;

-- The present looks like the past -------------------------------------------------------------------------------------

SET LOCAL search_path = salesops, public;
SELECT connect('crm', 'fivetran_salesforce', 'crm_life') \gset ignored_
SELECT count(*) FROM sync('crm', :'as_of') \gset ignored_
CREATE TEMP TABLE deal AS
SELECT d.*, CASE WHEN d.instant = :'as_of' THEN p.is_won ELSE o.status = 'won' END AS wins,
       CASE WHEN d.instant = :'as_of' THEN p.closes_on ELSE o.closed_on END AS ends_on
FROM win_deals(marks('2025-03-31', '2026-04-01'), :'as_of') d
LEFT JOIN crm_life.planted_outcome p ON p.opportunity_id = d.id
LEFT JOIN deal_outcomes(:'as_of') o ON o.id = d.id;
SELECT is(count(DISTINCT instant) FILTER (WHERE NOT is_reconstructed), 12::bigint, 'twelve month ends before are remembered, and as_of is one')
FROM deal WHERE instant > '2025-04-01';
SELECT ok(every(deals BETWEEN 0.93 * now AND 1.07 * now), 'as many deals are open as at the starts of quarters before, give or take three standard deviations')
FROM (SELECT count(*) AS deals FROM deal WHERE months_to_go = 3 GROUP BY instant) m, (SELECT count(*) AS now FROM deal WHERE instant = :'as_of') n;

-- Chi-square of the two by k table of levels, the starts of quarters against now (within a quarter deals wait for its end, so its
-- phase must be the same): those of a year before are other deals, those of three months before partly the same, which makes it
-- smaller. k - 1 degrees of freedom have mean k - 1 and variance 2 (k - 1).
CREATE FUNCTION pg_temp.chi_square_bound_exceeded(factor text, OUT mark timestamptz, OUT chi_square numeric, OUT bound numeric) RETURNS SETOF record LANGUAGE sql AS $$
  WITH level AS (
    SELECT m.mark, coalesce(d.levels[array_position(win_factors(), factor)], '') AS level,
           count(*) FILTER (WHERE d.instant = m.mark)::numeric AS was, count(*) FILTER (WHERE d.instant <> m.mark)::numeric AS is
    FROM (SELECT DISTINCT q.instant FROM deal q WHERE q.months_to_go = 3 AND q.instant BETWEEN '2025-04-01' AND '2026-02-01') AS m(mark)
    JOIN deal d ON d.instant IN (m.mark, '2026-03-31 23:59:59.999999+00')
    GROUP BY 1, 2
  ), total AS (
    SELECT l.*, sum(l.was) OVER (PARTITION BY l.mark) AS all_was, sum(l.is) OVER (PARTITION BY l.mark) AS all_is, count(*) OVER (PARTITION BY l.mark) AS k FROM level l
  )
  SELECT t.mark, sum((t.was * t.all_is - t.is * t.all_was) ^ 2 / (t.all_was * t.all_is * (t.was + t.is))), max(t.k - 1 + 4 * sqrt(2.0 * (t.k - 1)))
  FROM total t GROUP BY t.mark HAVING sum((t.was * t.all_is - t.is * t.all_was) ^ 2 / (t.all_was * t.all_is * (t.was + t.is))) > max(t.k - 1 + 4 * sqrt(2.0 * (t.k - 1)))
$$;
SELECT is_empty(format('SELECT * FROM pg_temp.chi_square_bound_exceeded(%L)', f), f || ' is spread as it was at the starts of the last three quarters')
FROM unnest(ARRAY['category', 'stage', 'age', 'segment', 'amount', 'idle']) f;
-- What is due in the quarter depends on how far away its end is, and pushes before tracking began are not known.
SELECT ok(every(abs(share - now) < 0.05), 'as many deals are due in the quarter as at the starts of quarters before')
FROM (SELECT instant, avg((levels[array_position(win_factors(), 'due')] = 'in the period')::int) AS share FROM deal WHERE months_to_go = 3 GROUP BY instant) m,
     (SELECT avg((levels[array_position(win_factors(), 'due')] = 'in the period')::int) AS now FROM deal WHERE instant = :'as_of') n;

-- What a deal shows tells how it ends ---------------------------------------------------------------------------------

-- Deals of the months whose open deals all have ended since, or are about to: wins in the end.
CREATE TEMP VIEW ended AS SELECT * FROM deal WHERE ends_on IS NOT NULL AND instant BETWEEN '2025-04-01' AND '2025-07-01';
SELECT is(array_agg(category::text ORDER BY rate), ARRAY['Pipeline', 'Best Case', 'Most Likely', 'Commit'], 'the higher the category, the more often it is won')
FROM (SELECT category, avg(wins::int) AS rate FROM ended GROUP BY category) c;
SELECT ok(avg(wins::int) BETWEEN 0.5 AND 0.85, 'Commit is won more often than not and less often than its 90 %: happy ears') FROM ended WHERE category = 'Commit';
SELECT is(array_agg(stage ORDER BY rate), ARRAY['Prospecting', 'Qualification', 'Discovery', 'Proposal', 'Negotiation', 'Contract'], 'the later the stage, the more often')
FROM (SELECT levels[array_position(win_factors(), 'stage')] AS stage, avg(wins::int) AS rate FROM ended GROUP BY 1) s;
SELECT ok(max(rate) FILTER (WHERE pushes = '0') > 1.5 * max(rate) FILTER (WHERE pushes = '3 or more'), 'what is pushed three times is won less often')
FROM (SELECT levels[array_position(win_factors(), 'pushes')] AS pushes, avg(wins::int) AS rate FROM deal WHERE ends_on IS NOT NULL AND instant BETWEEN '2025-07-01' AND '2025-10-01' GROUP BY 1) p;

-- So a forecast of what is to come is of the size of what came --------------------------------------------------------

SELECT fit_forecast(:'as_of') \gset ignored_
SELECT ok(t.mean BETWEEN f.p10 AND f.p90, format('the mean of the last four quarters, %s, lies in the forecast''s range, %s to %s', t.mean::bigint, f.p10::bigint, f.p90::bigint))
FROM (SELECT sum(corporate_amount) / 4 AS mean FROM deal_outcomes(:'as_of') WHERE status = 'won' AND closed_on >= '2025-04-01') t,
     forecast('FY2026-Q2', 'company', :'as_of') f WHERE f.line = 'total';
SELECT ok(abs(p.expected - t.wins) < 4 * p.deviation, format('as many deals are won by the quarter''s end as the probabilities say: %s of %s expected', t.wins, round(p.expected)))
FROM (SELECT sum(probability)::numeric AS expected, sqrt(sum(probability * (1 - probability)))::numeric AS deviation FROM win_probabilities(:'as_of')) p,
     (SELECT count(*) AS wins FROM crm_life.planted_outcome WHERE is_won AND closes_on <= '2026-06-30') t;

SELECT * FROM finish();
ROLLBACK;
