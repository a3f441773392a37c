-- All opportunity rules in one pass against the same rules as one query each, as a competent analyst would write them for
-- this one CRM: the fewest columns and joins, constants for settings, no history, nothing but keys returned.
-- Interleaved, :runs times (default 5); prints medians and the ratio. jit off and no parallel workers on either side.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\if :{?deals}
\else
  \set deals 1000000
\endif
\if :{?runs}
\else
  \set runs 5
\endif
\ir data/audit.sql
SET jit = off;
SET max_parallel_workers_per_gather = 0;
\set as_of '2026-06-30 12:00:00+00'

CREATE TEMP TABLE analyst (rule text, query text);
INSERT INTO analyst
SELECT rule, replace(query, '{open}', 'NOT o.is_deleted AND o.merged_into IS NULL AND NOT o.is_closed')
FROM (VALUES
  ('missing_amount', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND amount IS NULL$$),
  ('missing_close_date', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND close_date IS NULL$$),
  ('missing_stage', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND coalesce(stage, '') = ''$$),
  ('missing_owner', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND owner_id IS NULL$$),
  ('missing_account', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND account_id IS NULL$$),
  ('not_confirmed', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o
    WHERE {open} AND o.confirmed_at < timestamptz '2026-06-23 12:00+00'
      AND NOT EXISTS (SELECT FROM salesops.activity a
                      WHERE a.source_key = o.source_key AND a.opportunity_id = o.id AND NOT a.is_deleted
                        AND a.happened_at BETWEEN timestamptz '2026-06-23 12:00+00' AND timestamptz '2026-06-30 12:00+00')$$),
  ('close_date_past', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND close_date < date '2026-06-30'$$),
  ('close_date_unrealistic', $$
    SELECT o.source_key, o.id
    FROM salesops.opportunity o
    JOIN (SELECT source_key, deal_type, percentile_disc(0.99) WITHIN GROUP (ORDER BY close_date - (created_at AT TIME ZONE 'UTC')::date) AS p99
          FROM salesops.opportunity WHERE is_won AND NOT is_deleted AND merged_into IS NULL
            AND close_date IS NOT NULL AND created_at IS NOT NULL
          GROUP BY 1, 2 HAVING count(*) >= 30) w USING (source_key, deal_type)
    WHERE {open} AND o.close_date - (o.created_at AT TIME ZONE 'UTC')::date > w.p99$$),
  ('amount_not_positive', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND amount <= 0$$),
  ('amount_off_list', $$
    SELECT source_key, id FROM salesops.opportunity o
    WHERE {open} AND list_amount > 0 AND abs(amount / list_amount - 1) > 0.5$$),
  ('missing_contact_role', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o
    WHERE {open} AND NOT EXISTS (SELECT FROM salesops.contact_role c
                                 WHERE c.source_key = o.source_key AND c.opportunity_id = o.id AND NOT c.is_deleted)$$),
  ('missing_economic_buyer', $$
    SELECT o.source_key, o.id
    FROM salesops.opportunity o JOIN salesops.contact_role c ON c.source_key = o.source_key AND c.opportunity_id = o.id
    WHERE {open} AND NOT c.is_deleted
    GROUP BY o.source_key, o.id
    HAVING NOT bool_or(lower(c.role) IN ('economic buyer', 'economic decision maker', 'decision maker'))$$),
  ('missing_next_step', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND coalesce(btrim(next_step), '') = ''$$),
  ('vague_next_step', $$
    SELECT source_key, id FROM salesops.opportunity o
    WHERE {open} AND btrim(next_step) <> ''
      AND NOT (next_step ~* '\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}|\m\d{1,2}(st|nd|rd|th)?\s*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
               AND next_step ~* '\m(call|meet|send|review|schedule|confirm|present|discuss|sign|prepare|negotiate|agree|follow|email|book|close|demo|visit|write|ask|get)\M'
               AND cardinality(regexp_split_to_array(btrim(next_step), '\s+')) >= 3)$$),
  ('unmapped_stage', $$
    SELECT source_key, id FROM salesops.opportunity o
    WHERE {open} AND is_closed IS NULL AND is_won IS NULL AND stage <> ''
      AND stage NOT IN (SELECT s.stage FROM salesops.stage_map s UNION SELECT d.stage FROM salesops.standard_stages() d)$$),
  ('unmapped_category', $$
    SELECT source_key, id FROM salesops.opportunity o
    WHERE {open} AND forecast_category <> '' AND salesops.recognize_forecast_category(forecast_category) IS NULL
      AND forecast_category NOT IN (SELECT label FROM salesops.category_map)$$),
  ('category_conflict', $$
    SELECT o.source_key, o.id
    FROM salesops.opportunity o
    JOIN (VALUES ('Omitted', 0), ('Pipeline', 1), ('Upside', 1), ('Best Case', 2), ('Most Likely', 3), ('Commit', 4), ('Closed', 5)) stated(label, step)
      ON stated.label = o.forecast_category
    JOIN salesops.standard_stages() s ON s.stage = o.stage
    JOIN (VALUES ('Omitted', 0), ('Pipeline', 1), ('Upside', 1), ('Best Case', 2), ('Most Likely', 3), ('Commit', 4), ('Closed', 5)) implied(label, step)
      ON implied.label = s.category::text
    WHERE {open} AND (stated.label = 'Closed' OR abs(stated.step - implied.step) >= 2)$$),
  ('probability_scale', $$
    SELECT source_key, id FROM salesops.opportunity o
    WHERE {open} AND (probability < 0 OR probability > 100 OR probability > 0 AND probability < 1)$$),
  ('owner_unknown', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o LEFT JOIN salesops.rep r ON r.source_key = o.source_key AND r.id = o.owner_id
    WHERE {open} AND o.owner_id IS NOT NULL AND r.id IS NULL$$),
  ('owner_inactive', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o JOIN salesops.rep r ON r.source_key = o.source_key AND r.id = o.owner_id
    WHERE {open} AND NOT r.is_active$$),
  ('close_before_create', $$
    SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND close_date < (created_at AT TIME ZONE 'UTC')::date$$),
  ('unknown_start', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND created_at IS NULL$$),
  ('unmapped_product', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o
    LEFT JOIN salesops.product p ON p.source_key = o.source_key AND o.product IN (p.id, p.name)
    WHERE {open} AND o.product <> '' AND p.id IS NULL$$),
  ('unconvertible_currency', $$
    SELECT o.source_key, o.id FROM salesops.opportunity o
    WHERE {open} AND currency <> 'USD'
      AND NOT EXISTS (SELECT FROM salesops.currency_rate q
                      WHERE q.source_key = o.source_key AND q.currency = o.currency AND q.valid_from <= least(o.close_date, date '2026-06-30'))$$),
  ('unreadable_value', $$SELECT source_key, id FROM salesops.opportunity o WHERE {open} AND unreadable <> '{}'$$)
) q(rule, query);

-- Both sides must say the same before they are timed.
CREATE TEMP TABLE one_pass AS
  SELECT e.rule, v.source_key, v.object_id
  FROM salesops.evaluate_rules(:'as_of') e, unnest(e.violations) v WHERE e.object_kind = 'opportunity';
CREATE TEMP TABLE one_each (rule text, source_key text, object_id text);
SELECT format('INSERT INTO one_each SELECT %L, a.* FROM (%s) a', rule, query) FROM analyst
\gexec
SELECT (SELECT count(*) FROM one_pass) AS violations,
       (SELECT count(*) FROM ((TABLE one_pass EXCEPT ALL TABLE one_each) UNION ALL (TABLE one_each EXCEPT ALL TABLE one_pass)) d) AS differences;

CREATE TEMP TABLE timing (side text, rule text, run integer, ms numeric);
CREATE PROCEDURE pg_temp.time_audit(runs integer, as_of timestamptz) LANGUAGE plpgsql AS $$
DECLARE
  a record;
  begun timestamptz;
BEGIN
  FOR run IN 1 .. runs LOOP
    begun := clock_timestamp();
    PERFORM count(*) FROM salesops.evaluate_rules(as_of) e;
    INSERT INTO timing VALUES ('one pass', NULL, run, 1000 * extract(epoch FROM clock_timestamp() - begun));
    FOR a IN SELECT * FROM analyst LOOP
      begun := clock_timestamp();
      EXECUTE format('SELECT count(*) FROM (%s) q', a.query);
      INSERT INTO timing VALUES ('one query each', a.rule, run, 1000 * extract(epoch FROM clock_timestamp() - begun));
    END LOOP;
  END LOOP;
END $$;
CALL pg_temp.time_audit(:runs, :'as_of');

\pset format unaligned
\pset tuples_only on
SELECT format('audit of 1 M deals, one query a rule over one pass: %s (at least 4)', round(q.ms / p.ms, 2)),
       format(E'\naudit, seconds: one pass %s, %s queries %s', round(p.ms / 1000, 2), (SELECT count(*) FROM analyst), round(q.ms / 1000, 2))
FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric AS ms FROM timing WHERE side = 'one pass') p,
     (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric AS ms
      FROM (SELECT run, sum(ms) AS ms FROM timing WHERE side = 'one query each' GROUP BY run) r) q;

-- Writing the findings, apart: the first night and one without a change, each with its own evaluation.
SELECT clock_timestamp() AS begun \gset
SELECT salesops.audit(timestamptz :'as_of') AS findings \gset
SELECT clock_timestamp() AS first_done \gset
SELECT salesops.audit(timestamptz :'as_of') AS again \gset
SELECT format('audit, seconds with its findings written: first night %s (%s findings), second night %s',
              round(extract(epoch FROM timestamptz :'first_done' - :'begun')::numeric, 2), :findings,
              round(extract(epoch FROM clock_timestamp() - :'first_done')::numeric, 2));
