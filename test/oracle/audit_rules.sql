-- The audit's rules a second time, as an oracle: one plain query a rule over Salesforce tables, written from the rules'
-- definitions alone and sharing no code with the audit or the generator. Slow and obvious on purpose.
--
-- psql script: include it with \ir, then
--   SELECT * FROM pg_temp.oracle_findings('crm_demo', timestamptz '2026-11-21 20:00:00+00');
--   SELECT * FROM pg_temp.oracle_findings('crm_demo', as_of, zone => 'America/New_York');
-- gives (rule, object_id), one row a violation by an open opportunity. zone is the time zone that says which date as_of
-- and created_date fall on. Rules about the source itself, and values unreadable as their type, do not occur here.

CREATE FUNCTION pg_temp.oracle_findings(schema_name name, as_of timestamptz, zone text DEFAULT 'UTC')
RETURNS TABLE (rule text, object_id text)
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
  SET jit = off
AS $oracle$
DECLARE
  -- o: what every rule looks at, the live open opportunities; p: as_of, its date D and the zone.
  prefix CONSTANT text := $$
    WITH p AS (SELECT $1::timestamptz AS as_of, $2::text AS zone, ($1::timestamptz AT TIME ZONE $2)::date AS d),
    o AS (SELECT x.*,
                 regexp_replace(lower(coalesce(x.forecast_category_name, x.forecast_category) COLLATE "C"), '[^a-z]', '', 'g') AS said,
                 x.close_date::date AS close_day, (x.created_date AT TIME ZONE p.zone)::date AS created_day, p.*
            FROM opportunity x, p
           WHERE x._fivetran_active IS NOT FALSE AND x.is_deleted IS NOT TRUE AND x.is_closed IS NOT TRUE),
    category (label, rank) AS (VALUES ('omitted', 0), ('notforecasted', 0), ('omit', 0), ('upside', 1), ('pipeline', 1),
      ('bestcase', 2), ('mostlikely', 3), ('forecast', 4), ('commit', 4), ('closed', 5), ('closedwon', 5))
    $$;
  r record;
BEGIN
  PERFORM set_config('search_path', format('%I, pg_catalog, pg_temp', schema_name), true);
  FOR r IN
    SELECT * FROM (VALUES
      ('missing_amount',     $$SELECT id FROM o WHERE amount IS NULL$$),
      ('missing_close_date', $$SELECT id FROM o WHERE close_date IS NULL$$),
      ('missing_stage',      $$SELECT id FROM o WHERE stage_name IS NULL OR stage_name = ''$$),
      ('missing_owner',      $$SELECT id FROM o WHERE owner_id IS NULL$$),
      ('missing_account',    $$SELECT id FROM o WHERE account_id IS NULL$$),
      ('not_confirmed',      $$
        SELECT o.id
          FROM o
          JOIN (SELECT x.id, x.last_stage_change_date FROM o x
                UNION ALL
                SELECT h.opportunity_id, h.created_date FROM opportunity_field_history h
                 WHERE h.is_deleted IS NOT TRUE AND h.field IN ('StageName', 'Amount', 'CloseDate', 'NextStep')
                UNION ALL
                SELECT t.what_id, t.activity_date::date::timestamp AT TIME ZONE p.zone FROM task t, p
                 WHERE t.is_deleted IS NOT TRUE
                UNION ALL
                SELECT e.what_id, e.activity_date_time FROM event e WHERE e.is_deleted IS NOT TRUE) AS evidence (id, seen)
            ON evidence.id = o.id AND evidence.seen <= o.as_of
         GROUP BY o.id, o.as_of
        HAVING o.as_of - max(evidence.seen) > interval '168 hours'$$),
      ('close_date_past',    $$SELECT id FROM o WHERE close_day < d$$),
      ('close_date_unrealistic', $$
        SELECT o.id
          FROM o
          JOIN (SELECT w.type, percentile_disc(0.99) WITHIN GROUP (
                         ORDER BY w.close_date::date - (w.created_date AT TIME ZONE p.zone)::date) AS p99
                  FROM opportunity w, p
                 WHERE w.is_won AND w._fivetran_active IS NOT FALSE AND w.is_deleted IS NOT TRUE
                   AND w.close_date IS NOT NULL AND w.created_date IS NOT NULL
                 GROUP BY w.type HAVING count(*) >= 30) c ON c.type IS NOT DISTINCT FROM o.type
         WHERE o.close_day - o.created_day > c.p99$$),
      ('amount_not_positive', $$SELECT id FROM o WHERE amount <= 0$$),
      ('amount_off_list',    $$SELECT id FROM o WHERE list_amount_c > 0 AND abs(amount / list_amount_c - 1) > 0.5$$),
      ('missing_contact_role', $$
        SELECT id FROM o
         WHERE NOT EXISTS (SELECT FROM opportunity_contact_role c
                            WHERE c.opportunity_id = o.id AND c.is_deleted IS NOT TRUE)$$),
      ('missing_economic_buyer', $$
        SELECT o.id FROM o JOIN opportunity_contact_role c ON c.opportunity_id = o.id
         WHERE c.is_deleted IS NOT TRUE
         GROUP BY o.id
        HAVING NOT coalesce(bool_or(lower(c.role COLLATE "C") IN ('economic buyer', 'economic decision maker', 'decision maker')), false)$$),
      ('missing_next_step',  $$SELECT id FROM o WHERE coalesce(btrim(next_step, E' \t\r\n'), '') = ''$$),
      ('vague_next_step',    $$
        SELECT id FROM o
         WHERE btrim(next_step, E' \t\r\n') <> ''
           AND NOT (next_step COLLATE "C" ~* '\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}'
                                   '|\m\d{1,2}(st|nd|rd|th)?\s*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)'
                    AND next_step COLLATE "C" ~* '\m(call|meet|send|review|schedule|confirm|present|discuss|sign|prepare|'
                                   'negotiate|agree|follow|email|book|close|demo|visit|write|ask|get)\M'
                    AND cardinality(regexp_split_to_array(btrim(next_step, E' \t\r\n'), '\s+')) >= 3)$$),
      ('unmapped_stage',     $$
        SELECT id FROM o
         WHERE stage_name <> '' AND is_closed IS NULL AND is_won IS NULL
           AND stage_name NOT IN (SELECT master_label FROM opportunity_stage UNION SELECT api_name FROM opportunity_stage)$$),
      ('unmapped_category',  $$
        SELECT id FROM o
         WHERE coalesce(forecast_category_name, forecast_category) <> ''
           AND said NOT IN (SELECT label FROM category)$$),
      ('category_conflict',  $$
        SELECT o.id
          FROM o
          JOIN category stated ON stated.label = o.said
          JOIN opportunity_stage s ON s.master_label = o.stage_name
          JOIN category implied ON implied.label = lower(s.forecast_category COLLATE "C")
         WHERE stated.rank = 5 OR abs(stated.rank - implied.rank) >= 2$$),
      ('probability_scale',  $$
        SELECT id FROM o WHERE probability > 0 AND probability < 1 OR probability > 100 OR probability < 0$$),
      ('owner_unknown',      $$
        SELECT id FROM o WHERE owner_id IS NOT NULL AND NOT EXISTS (SELECT FROM "user" u WHERE u.id = o.owner_id)$$),
      ('owner_inactive',     $$SELECT o.id FROM o JOIN "user" u ON u.id = o.owner_id WHERE NOT u.is_active$$),
      ('close_before_create', $$SELECT id FROM o WHERE close_day < created_day$$),
      ('unknown_start',      $$SELECT id FROM o WHERE created_date IS NULL$$),
      ('unmapped_product',   $$
        SELECT id FROM o WHERE product_c <> '' AND product_c NOT IN (SELECT name FROM product_2 WHERE is_deleted IS NOT TRUE)$$),
      ('unconvertible_currency', $$
        SELECT id FROM o
         WHERE currency_iso_code <> (SELECT iso_code FROM currency_type WHERE is_corporate)
           AND NOT EXISTS (SELECT FROM dated_conversion_rate c
                            WHERE c.iso_code = o.currency_iso_code
                              AND c.start_date <= least(o.close_day, o.d) AND least(o.close_day, o.d) < c.next_start_date)$$)
    ) AS rules (rule, body)
  LOOP
    RETURN QUERY EXECUTE format('%s SELECT %L, id FROM (%s) AS violation', prefix, r.rule, r.body) USING as_of, zone;
  END LOOP;
END
$oracle$;
