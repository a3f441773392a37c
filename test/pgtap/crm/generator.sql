-- generate_crm: the draws behind it, the shape of what it makes, and the truth it tells about its defects.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
BEGIN;
SET LOCAL timezone = 'UTC';
\ir ../../oracle/audit_rules.sql

SELECT plan(67);

-- The draws -----------------------------------------------------------------------------------------------------------

-- SplitMix64's output step and FNV-1a a second time, in numeric arithmetic modulo 2^64.
CREATE FUNCTION pg_temp.wrap(n numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT mod(mod(n, 2::numeric ^ 64) + 2::numeric ^ 64, 2::numeric ^ 64) $$;
CREATE FUNCTION pg_temp.bits(n numeric) RETURNS bit(64) LANGUAGE sql AS $$
  SELECT (CASE WHEN n >= 2::numeric ^ 63 THEN n - 2::numeric ^ 64 ELSE n END)::bigint::bit(64) $$;
CREATE FUNCTION pg_temp.number(b bit(64)) RETURNS numeric LANGUAGE sql AS $$ SELECT pg_temp.wrap(b::bigint::numeric) $$;
CREATE FUNCTION pg_temp.hex(t text) RETURNS numeric LANGUAGE sql AS $$ SELECT pg_temp.number(('x' || t)::bit(64)) $$;
CREATE FUNCTION pg_temp.mix(z numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
  z := pg_temp.wrap(pg_temp.number(pg_temp.bits(z) # (pg_temp.bits(z) >> 30)) * pg_temp.hex('bf58476d1ce4e5b9'));
  z := pg_temp.wrap(pg_temp.number(pg_temp.bits(z) # (pg_temp.bits(z) >> 27)) * pg_temp.hex('94d049bb133111eb'));
  RETURN pg_temp.number(pg_temp.bits(z) # (pg_temp.bits(z) >> 31));
END $$;
CREATE FUNCTION pg_temp.drawn_bits(seed bigint, stream text, item bigint) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  gamma numeric := pg_temp.hex('9e3779b97f4a7c15');
  origin numeric := pg_temp.hex('cbf29ce484222325');
  letter text;
BEGIN
  FOREACH letter IN ARRAY regexp_split_to_array(stream, '') LOOP
    origin := pg_temp.wrap(pg_temp.number(pg_temp.bits(origin) # ascii(letter)::bigint::bit(64)) * pg_temp.hex('00000100000001b3'));
  END LOOP;
  origin := pg_temp.mix(pg_temp.wrap(origin + pg_temp.mix(pg_temp.wrap(seed + gamma))));
  RETURN pg_temp.mix(pg_temp.wrap(origin + (item::numeric + 1) * gamma));
END $$;

-- The published first outputs of SplitMix64 from state 1234567 check the oracle itself.
SELECT is(pg_temp.mix(pg_temp.wrap(1234567 + pg_temp.hex('9e3779b97f4a7c15'))), 6457827717110365317::numeric,
          'the oracle''s mix gives SplitMix64''s published first number of seed 1234567');
SELECT is(pg_temp.mix(pg_temp.wrap(1234567 + 2 * pg_temp.hex('9e3779b97f4a7c15'))), 3203168211198807973::numeric,
          '... and its second');
SELECT is(salesops.draw(seed, stream, item), (div(pg_temp.drawn_bits(seed, stream, item), 2048) / 2::numeric ^ 53)::float8,
          format('draw(%s, %s, %s) equals the definition in exact arithmetic', seed, stream, item))
  FROM (VALUES (1::bigint, 'deal.open', 1::bigint), (-5, 'a', 0), (9223372036854775807, 'deal.amount', 99999999), (0, 'x', -1)) AS v (seed, stream, item);
SELECT is(salesops.draw_int(7, 'die', n, 6), div(div(pg_temp.drawn_bits(7, 'die', n), 2::numeric ^ 32) * 6, 2::numeric ^ 32)::int,
          'draw_int takes the high bits, item ' || n)
  FROM generate_series(1, 3) n;
SELECT ok(abs(avg(salesops.draw(3, 'mean', n)) - 0.5) < 0.003 AND abs(var_pop(salesops.draw(3, 'mean', n)) - 1 / 12.0) < 0.002,
          'draws have mean 1/2 and variance 1/12') FROM generate_series(1, 100000) n;
SELECT ok(sum((hits - 10000) ^ 2 / 10000.0) < 30, 'draw_int is even over ten values (chi-square with 9 degrees, p > 0.0004)')
  FROM (SELECT count(*) AS hits FROM generate_series(1, 100000) n GROUP BY salesops.draw_int(3, 'even', n, 10)) v;
SELECT ok(abs(corr(salesops.draw(1, 'a', n), salesops.draw(1, 'b', n))) < 0.01
          AND abs(corr(salesops.draw(1, 'a', n), salesops.draw(2, 'a', n))) < 0.01
          AND abs(corr(salesops.draw(1, 'a', n), salesops.draw(1, 'a', n + 1))) < 0.01, 'streams, seeds and neighbours are unrelated')
  FROM generate_series(1, 100000) n;
SELECT ok(every(abs(salesops.draw_from_curve(5, 'c', n, ARRAY[0, 1000000]) - 1000000 * salesops.draw(5, 'c', n)) <= 1),
          'a straight curve returns the draw itself') FROM generate_series(1, 1000) n;
SELECT is(percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY round(salesops.draw_from_curve(5, 'q', n, ARRAY[0, 1000, 1000, 4000, 100000]), -2)),
          ARRAY[1000, 1000, 4000]::numeric[], 'the curve''s points are the quantiles') FROM generate_series(1, 200000) n;
SELECT throws_ok($$SELECT salesops.draw_int(1, 'x', 1, 0)$$, '22023');
SELECT throws_ok($$SELECT salesops.draw_from_curve(1, 'x', 1, ARRAY[1])$$, '22023');
SELECT throws_ok($$SELECT salesops.draw_from_curve(1, 'x', 1, ARRAY[1, NULL])$$, '22023');
SELECT throws_ok($$SELECT salesops.draw_from_curve(1, 'x', 1, ARRAY[2, 1])$$, '22023');

-- The suffix of an id, by its definition; checked against ids of a real org first.
CREATE FUNCTION pg_temp.id_suffix(id text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', 1 + marks, 1), '' ORDER BY chunk)
    FROM (SELECT (p - 1) / 5 AS chunk, sum(CASE WHEN substr(id, p, 1) COLLATE "C" BETWEEN 'A' AND 'Z' THEN 1 << (p - 1) % 5 ELSE 0 END)::int AS marks
            FROM generate_series(1, 15) p GROUP BY 1) c $$;
SELECT is(pg_temp.id_suffix(id), substr(id, 16), 'the oracle knows the suffix of ' || id)
  FROM (VALUES ('0061G00000Ja7B6QAJ'), ('006q000000HddohAAB'), ('0031G00001QtDPlQAN')) AS v (id);
SELECT ok(every(length(salesops.salesforce_id('006', n)) = 18 AND substr(salesops.salesforce_id('006', n), 16) = pg_temp.id_suffix(salesops.salesforce_id('006', n))),
          'generated ids have the right suffix') FROM generate_series(1, 5000, 7) n;
SELECT is(count(DISTINCT upper(salesops.salesforce_id('006', n))), 100000::bigint, 'ids differ even where case is lost') FROM generate_series(1, 100000) n;
SELECT throws_ok($$SELECT salesops.salesforce_id('06', 1)$$, '22023');
SELECT throws_ok($$SELECT salesops.salesforce_id('006', -1)$$, '22003');

-- The truth -----------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE told AS
  SELECT * FROM salesops.generate_crm(as_of => '2026-11-21 20:00:00+00', schema_name => 'crm_generated_a');
SELECT set_eq('SELECT rule FROM told', $$SELECT name FROM salesops.default_rules() WHERE name <> 'rule_failed'$$, 'every rule of the audit is reported on');
SELECT is(array_agg(rule ORDER BY rule) FILTER (WHERE planted = 0), '{duplicate_ids,missing_ids,source_stale,source_unreadable,unreadable_value}',
          'of 10,000 deals at dirt 0.05 each rule is broken somewhere, but for those that cannot be') FROM told;
SELECT ok(every(planted BETWEEN 8 AND 45), 'about dirt / 4 of the 1,800 open deals break a rule (23, give or take the luck of the draw)')
  FROM told WHERE planted > 0 AND rule <> 'close_date_past';
SELECT results_eq('SELECT rule, planted FROM told WHERE planted > 0 ORDER BY rule',
                  'SELECT rule, count(*) FROM crm_generated_a.planted_defect GROUP BY rule ORDER BY rule', 'the counts are those of planted_defect');
CREATE TEMP TABLE seen AS SELECT * FROM pg_temp.oracle_findings('crm_generated_a', '2026-11-21 20:00:00+00');
SELECT is_empty('SELECT rule, object_id FROM crm_generated_a.planted_defect EXCEPT ALL SELECT * FROM seen', 'the oracle finds every planted defect');
SELECT is_empty('SELECT * FROM seen EXCEPT ALL SELECT rule, object_id FROM crm_generated_a.planted_defect', 'and no other: clean deals break nothing');
SELECT set_eq(format('SELECT * FROM pg_temp.oracle_findings(''crm_generated_a'', ''2026-11-21 20:00:00+00'', %L)', zone), 'SELECT * FROM seen',
              'the truth holds in ' || zone) FROM unnest(ARRAY['Pacific/Kiritimati', 'Etc/GMT+12']) zone;
SELECT is(count(*) FILTER (WHERE rules > 1), (SELECT planted FROM told WHERE rule = 'close_before_create'),
          'one defect a deal, but that a close date before the creation is past as well')
  FROM (SELECT count(*) AS rules FROM crm_generated_a.planted_defect GROUP BY object_id) d;

-- Determinism ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.content(schema_name text) RETURNS TABLE (relation name, hash text) LANGUAGE plpgsql AS $$
BEGIN
  FOR relation IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = schema_name::regnamespace AND c.relkind = 'r' ORDER BY 1 LOOP
    EXECUTE format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")) FROM %I.%I t', schema_name, relation) INTO hash;
    RETURN NEXT;
  END LOOP;
END $$;
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL extra_float_digits = 0;
SET LOCAL intervalstyle = 'sql_standard';
SELECT count(*) FROM salesops.generate_crm(as_of => '2026-11-21 20:00:00+00', schema_name => 'crm_generated_b') \gset ignored_
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL extra_float_digits = 1;
SELECT is(count(*), 18::bigint, 'eighteen tables') FROM pg_temp.content('crm_generated_a');
SELECT set_eq($$SELECT * FROM pg_temp.content('crm_generated_b')$$, $$SELECT * FROM pg_temp.content('crm_generated_a')$$,
              'the same arguments make the same tables in any time zone and style of dates');
SELECT count(*) FROM salesops.generate_crm(as_of => '2026-11-21 20:00:00+00', seed => 2, dirt => 0, schema_name => 'crm_generated_b') \gset ignored_
SELECT set_eq($$SELECT b.relation::text FROM pg_temp.content('crm_generated_a') a JOIN pg_temp.content('crm_generated_b') b USING (relation) WHERE a.hash = b.hash$$,
              ARRAY['currency_type', 'opportunity_stage', 'period', 'product_2', 'user_role'], 'another seed changes all but the fixed tables, and a second call replaces the first');
SELECT is_empty($$SELECT * FROM pg_temp.oracle_findings('crm_generated_b', '2026-11-21 20:00:00+00')$$, 'no dirt, no findings');

-- The shape -----------------------------------------------------------------------------------------------------------

SET LOCAL search_path = crm_generated_a, public, pg_catalog;
CREATE TEMP VIEW live AS SELECT * FROM opportunity WHERE _fivetran_active AND NOT is_deleted;
SELECT is(count(DISTINCT id), 10000::bigint, 'as many opportunities as asked for') FROM opportunity;
SELECT ok(avg((is_closed IS NOT TRUE)::int) BETWEEN 0.16 AND 0.20, '16 to 20 % of deals are open') FROM live;
SELECT ok(avg(is_deleted::int) BETWEEN 0.02 AND 0.03, '2 to 3 % are deleted') FROM opportunity WHERE _fivetran_active;
SELECT ok(count(DISTINCT id) BETWEEN 80 AND 100 AND count(*) > 3 * count(DISTINCT id), 'of every hundredth deal superseded versions are there') FROM opportunity WHERE NOT _fivetran_active;
SELECT ok(every(rate BETWEEN 0.22 AND 0.45), 'win rates by segment lie between 22 and 45 %')
  FROM (SELECT avg(l.is_won::int) AS rate FROM live l JOIN account a ON a.id = l.account_id WHERE l.is_closed
         GROUP BY CASE WHEN a.number_of_employees < 200 THEN 1 WHEN a.number_of_employees < 1000 THEN 2 ELSE 3 END) s;
SELECT ok(every(rate < smaller), 'each quarter of deals by amount wins less than the smaller one')
  FROM (SELECT rate, lag(rate) OVER (ORDER BY quarter) AS smaller
          FROM (SELECT quarter, avg(is_won::int) AS rate FROM (SELECT ntile(4) OVER (ORDER BY amount, id) AS quarter, is_won FROM live WHERE is_closed) q GROUP BY quarter) r) s;
SELECT ok(avg(close_date::date - created_date::date) FILTER (WHERE NOT is_won) > 1.3 * avg(close_date::date - created_date::date) FILTER (WHERE is_won),
          'lost deals linger') FROM live WHERE is_closed;
SELECT ok(percentile_disc(0.99) WITHIN GROUP (ORDER BY close_date::date - created_date::date) > 3 * percentile_disc(0.5) WITHIN GROUP (ORDER BY close_date::date - created_date::date),
          'won cycles have a long tail') FROM live WHERE is_won;
SELECT ok(avg(amount) > 1.5 * percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), 'amounts are skewed') FROM live WHERE amount > 0;
SELECT ok(avg((close_date::date >= date_trunc('quarter', close_date) + interval '3 months' - interval '10 days')::int) > 0.25,
          'the last ten days of quarters take more than a quarter of the closings') FROM live WHERE is_closed;
SELECT ok(min(close_date) >= '2024-11-21' AND max(close_date) < '2026-11-21', 'closings cover the two years before as_of') FROM live WHERE is_closed;
SELECT is(count(DISTINCT currency_iso_code), 3::bigint, 'three currencies') FROM live WHERE is_closed;
WITH rank (label, rank) AS (VALUES ('Omitted', 0), ('Pipeline', 1), ('Best Case', 2), ('Most Likely', 3), ('Commit', 4), ('Closed', 5)),
rep AS (
  SELECT l.owner_id, avg((stated.rank > implied.rank)::int) AS above
    FROM live l JOIN opportunity_stage s ON s.master_label = l.stage_name
    JOIN rank stated ON stated.label = l.forecast_category_name JOIN rank implied ON implied.label = s.forecast_category_name
   WHERE NOT l.is_closed GROUP BY 1 HAVING count(*) >= 20)
SELECT ok(count(*) FILTER (WHERE above > 0.3) BETWEEN 5 AND 20 AND count(*) FILTER (WHERE above < 0.2) >= 20,
          'some reps call their deals better than the stage does, most do not') FROM rep;
WITH RECURSIVE tree AS (
  SELECT id, 1 AS level FROM "user" WHERE manager_id IS NULL
  UNION ALL SELECT u.id, t.level + 1 FROM "user" u JOIN tree t ON u.manager_id = t.id)
SELECT ok(count(*) = (SELECT count(*) FROM "user") AND max(level) = 4, 'users form one tree of four levels') FROM tree;
SELECT is_empty($$SELECT live.id FROM live JOIN "user" u ON u.id = owner_id AND NOT u.is_active WHERE live.is_closed IS NOT TRUE
                  EXCEPT SELECT object_id FROM planted_defect WHERE rule = 'owner_inactive'$$, 'who left owns nothing open that is not planted');
SELECT is(count(*), 160::bigint, 'forty reps have quotas for four quarters') FROM forecasting_quota q JOIN period p ON p.id = q.period_id AND p.start_date = q.start_date;
SELECT is_empty($$SELECT * FROM dated_conversion_rate a JOIN dated_conversion_rate b ON a.iso_code = b.iso_code AND a.id <> b.id
                    AND a.start_date < b.next_start_date AND b.start_date < a.next_start_date$$, 'dated rates of a currency do not overlap');
SELECT is(count(*), 0::bigint, 'nothing happened after as_of but what is planned')
  FROM (SELECT created_date AS at FROM opportunity UNION ALL SELECT last_modified_date FROM opportunity UNION ALL SELECT created_date FROM opportunity_field_history
        UNION ALL SELECT start_date_time FROM event UNION ALL SELECT completed_date_time FROM task UNION ALL SELECT created_date FROM lead) x
 WHERE at > '2026-11-21 20:00:00+00';

-- Keys ----------------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.orphans(relation text, key text, target text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE orphans bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I a WHERE a.%I IS NOT NULL AND NOT EXISTS (SELECT FROM %I b WHERE b.id = a.%2$I)', relation, key, target) INTO orphans;
  RETURN orphans;
END $$;
SELECT is_empty($$
  SELECT relation, key FROM (VALUES
    ('user', 'manager_id', 'user'), ('user', 'user_role_id', 'user_role'), ('user_role', 'parent_role_id', 'user_role'), ('user_role', 'forecast_user_id', 'user'),
    ('account', 'owner_id', 'user'), ('account', 'parent_id', 'account'), ('contact', 'account_id', 'account'), ('contact', 'owner_id', 'user'),
    ('opportunity', 'account_id', 'account'), ('opportunity_field_history', 'opportunity_id', 'opportunity'), ('opportunity_field_history', 'created_by_id', 'user'),
    ('opportunity_contact_role', 'opportunity_id', 'opportunity'), ('opportunity_contact_role', 'contact_id', 'contact'),
    ('task', 'what_id', 'opportunity'), ('task', 'who_id', 'contact'), ('task', 'account_id', 'account'), ('task', 'owner_id', 'user'),
    ('event', 'what_id', 'opportunity'), ('event', 'who_id', 'contact'), ('event', 'account_id', 'account'), ('event', 'owner_id', 'user'),
    ('lead', 'owner_id', 'user'), ('lead', 'converted_account_id', 'account'), ('lead', 'converted_contact_id', 'contact'), ('lead', 'converted_opportunity_id', 'opportunity'),
    ('forecasting_quota', 'quota_owner_id', 'user'), ('forecasting_quota', 'period_id', 'period')) AS k (relation, key, target)
   WHERE pg_temp.orphans(relation, key, target) > 0$$, 'every key finds its row');
SELECT is(count(*), (SELECT planted FROM told WHERE rule = 'owner_unknown'), 'but for the planted owners that nobody knows')
  FROM live WHERE owner_id IS NOT NULL AND owner_id NOT IN (SELECT id FROM "user");
SELECT is_empty($$SELECT id FROM (SELECT h.id, old_value, lag(new_value) OVER (PARTITION BY opportunity_id, field ORDER BY created_date) AS before
                                    FROM opportunity_field_history h) c WHERE before <> old_value$$, 'each change starts from the value before it');
SELECT is_empty($$SELECT o.id FROM opportunity o JOIN (SELECT DISTINCT ON (opportunity_id, field) * FROM opportunity_field_history ORDER BY opportunity_id, field, created_date DESC) h
                      ON h.opportunity_id = o.id
                   WHERE o._fivetran_active
                     AND h.new_value IS DISTINCT FROM CASE h.field WHEN 'StageName' THEN nullif(o.stage_name, '') WHEN 'Amount' THEN o.amount::bigint::text WHEN 'ForecastCategoryName' THEN o.forecast_category_name
                                                                   ELSE to_char(o.close_date, 'YYYY-MM-DD') END$$,
                'the newest change of a field ends at the opportunity''s value');
SELECT is(min(created_date) >= '2025-10-17', true, 'field history reaches back 400 days') FROM opportunity_field_history;

-- Other people's tables -----------------------------------------------------------------------------------------------

SET LOCAL search_path = public, pg_catalog;
CREATE VIEW crm_generated_b.mine AS SELECT 1 AS one;
SELECT throws_ok($$SELECT salesops.generate_crm(100, schema_name => 'crm_generated_b')$$, '55000',
                 'schema "crm_generated_b" holds relations that generate_crm did not make', 'a relation of somebody else''s stops it');
SELECT isnt_empty('SELECT * FROM crm_generated_b.account', 'and nothing was dropped');
SELECT throws_ok($$SELECT salesops.generate_crm(dirt => 0.2)$$, '22023');
SELECT throws_ok($$SELECT salesops.generate_crm(deals => 0)$$, '22023');
SELECT throws_ok($$SELECT salesops.generate_crm(as_of => 'infinity')$$, '22023');
SELECT lives_ok($$SELECT salesops.generate_crm(1, 1, schema_name => 'Crm "odd" name')$$, 'one deal, one rep, any name of a schema');

SELECT * FROM finish();
ROLLBACK;
