-- Scoring three million accounts: the default scorecard in C, the same by a scorecard as data, one of 50 rules, and the same rules as SQL CASE.
--
-- CPU time of the process, medians of :runs interleaved runs, no JIT and no parallel workers; net of counting the rows. Prints nanoseconds a row and ratios.
\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset tuples_only on
\if :{?accounts}
\else
  \set accounts 3000000
\endif
\if :{?runs}
\else
  \set runs 5
\endif
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET client_min_messages = warning;

CREATE TEMP TABLE company AS
SELECT n AS id, hashint4(n) & 8191 AS employees,
       (ARRAY['Technology', 'Software', 'Retail', 'COMPUTER_SOFTWARE', 'Healthcare', 'unheard of', 'Finance', 'Manufacturing'])[1 + (hashint4(n + 1) & 7)] AS industry,
       hashint4(n + 2) & 31 AS website_visits, hashint4(n + 3) & 1 AS content_downloads, hashint4(n + 4) & 127 AS intent_score,
       (ARRAY['north', 'south', 'east', 'west', 'emea', 'apac', 'latam', 'anz'])[1 + (hashint4(n + 5) & 7)] AS region,
       (hashint4(n + 6) & 1048575)::bigint AS revenue, hashint4(n + 7) & 63 AS contacts, hashint4(n + 8) & 255 AS opens, hashint4(n + 9) & 15 AS calls, hashint4(n + 10) & 511 AS age
FROM generate_series(1, :accounts) n;
-- As salesops.account has them.
CREATE TEMP TABLE numeric_company AS
SELECT id, employees::numeric, industry, website_visits::numeric, content_downloads::numeric, intent_score::numeric, region, revenue::numeric, contacts::numeric, opens::numeric, calls::numeric, age::numeric
FROM company WHERE id % 3 = 0;
VACUUM ANALYZE company, numeric_company;

CREATE TEMP TABLE rule (component text, feature text, input text, rules text, condition text);
INSERT INTO rule VALUES
  ('firm', 'employees', 'employees', E'> 5000: 30\n> 2000: 25\n> 1000: 20\n> 500: 15\n> 200: 10\n> 50: 5',
   'CASE WHEN employees > 5000 THEN 30 WHEN employees > 2000 THEN 25 WHEN employees > 1000 THEN 20 WHEN employees > 500 THEN 15 WHEN employees > 200 THEN 10 WHEN employees > 50 THEN 5 ELSE 0 END'),
  ('firm', 'industry', 'industry', E'"Technology": 25\n"Finance": 25\n"Healthcare": 15\n"Manufacturing": 15\n"Retail": 5',
   $$CASE industry WHEN 'Technology' THEN 25 WHEN 'Finance' THEN 25 WHEN 'Healthcare' THEN 15 WHEN 'Manufacturing' THEN 15 WHEN 'Retail' THEN 5 ELSE 0 END$$),
  ('firm', 'revenue', 'revenue', E'> 1000000: 10\n> 500000: 8\n> 100000: 6\n> 50000: 4\n> 10000: 2',
   'CASE WHEN revenue > 1000000 THEN 10 WHEN revenue > 500000 THEN 8 WHEN revenue > 100000 THEN 6 WHEN revenue > 50000 THEN 4 WHEN revenue > 10000 THEN 2 ELSE 0 END'),
  ('firm', 'region', 'region', E'"north": 5\n"south": 4\n"east": 3\n"west": 2\n"emea": 6',
   $$CASE region WHEN 'north' THEN 5 WHEN 'south' THEN 4 WHEN 'east' THEN 3 WHEN 'west' THEN 2 WHEN 'emea' THEN 6 ELSE 0 END$$),
  ('use', 'visits', 'website_visits', E'> 25: 15\n> 20: 12\n> 10: 9\n> 5: 3', 'CASE WHEN website_visits > 25 THEN 15 WHEN website_visits > 20 THEN 12 WHEN website_visits > 10 THEN 9 WHEN website_visits > 5 THEN 3 ELSE 0 END'),
  ('use', 'downloads', 'content_downloads', '> 0: 10', 'CASE WHEN content_downloads > 0 THEN 10 ELSE 0 END'),
  ('use', 'contacts', 'contacts', E'> 50: 8\n> 40: 7\n> 30: 6\n> 20: 5\n> 10: 4', 'CASE WHEN contacts > 50 THEN 8 WHEN contacts > 40 THEN 7 WHEN contacts > 30 THEN 6 WHEN contacts > 20 THEN 5 WHEN contacts > 10 THEN 4 ELSE 0 END'),
  ('use', 'opens', 'opens', E'> 200: 5\n> 100: 4\n> 50: 3\n> 20: 2\n> 10: 1', 'CASE WHEN opens > 200 THEN 5 WHEN opens > 100 THEN 4 WHEN opens > 50 THEN 3 WHEN opens > 20 THEN 2 WHEN opens > 10 THEN 1 ELSE 0 END'),
  ('intent', 'intent', 'intent_score', E'> 80: 20\n> 70: 15\n> 50: 10\n> 30: 5', 'CASE WHEN intent_score > 80 THEN 20 WHEN intent_score > 70 THEN 15 WHEN intent_score > 50 THEN 10 WHEN intent_score > 30 THEN 5 ELSE 0 END'),
  ('intent', 'calls', 'calls', E'> 12: 10\n> 8: 8\n> 4: 6\n> 2: 4', 'CASE WHEN calls > 12 THEN 10 WHEN calls > 8 THEN 8 WHEN calls > 4 THEN 6 WHEN calls > 2 THEN 4 ELSE 0 END'),
  ('intent', 'age', 'age', E'[0, 30): 5\n[30, 90): 4\n[90, 180): 3\n[180, 365): 2\n[365, 400): 1\n[400, 500]: 0.5',
   'CASE WHEN age < 30 THEN 5 WHEN age < 90 THEN 4 WHEN age < 180 THEN 3 WHEN age < 365 THEN 2 WHEN age < 400 THEN 1 WHEN age <= 500 THEN 0.5 ELSE 0 END');
SELECT E'scorecard fifty\ntier 1 from 70\ntier 2\n' || string_agg('component ' || component || E' up to 45\n' || features, '') AS definition, string_agg('least(45, ' || cases || ')', ' + ') AS cases
FROM (SELECT component, string_agg('feature ' || feature || ' from ' || input || E'\n' || rules || E'\n', '') AS features, string_agg(condition, ' + ') AS cases FROM rule GROUP BY component) c \gset
SELECT salesops.add_scorecard(:'definition') \g /dev/null
SELECT format('rules: %s', count(*)) FROM salesops.scorecard_rules(:'definition') WHERE kind IN ('threshold', 'range', 'lookup');

CREATE TEMP TABLE asked (name text, query text);
INSERT INTO asked VALUES
  ('rows', 'SELECT count(*) FROM company'),
  ('score_account()', 'SELECT count(*) FROM company WHERE salesops.tier(salesops.score_account(employees, industry, website_visits, content_downloads, intent_score)) = 1'),
  ('the same as a scorecard', 'SELECT count(*) FROM company c WHERE salesops.scorecard_tier(c) = 1'),
  ('the same as CASE', $$SELECT count(*) FROM company WHERE CASE WHEN employees > 5000 THEN 30 WHEN employees > 1000 THEN 20 WHEN employees > 200 THEN 10 ELSE 0 END
     + CASE WHEN industry IN ('Technology', 'Finance', 'Software', 'COMPUTER_SOFTWARE') THEN 25 WHEN industry IN ('Healthcare', 'Manufacturing') THEN 15 ELSE 0 END
     + CASE WHEN website_visits > 10 THEN 15 ELSE 0 END + CASE WHEN content_downloads > 0 THEN 10 ELSE 0 END + CASE WHEN intent_score > 80 THEN 20 WHEN intent_score > 50 THEN 10 ELSE 0 END >= 70$$),
  ('50 rules', $$SELECT count(*) FROM company c WHERE salesops.scorecard_tier(c, 'fifty') = 1$$),
  ('50 rules as CASE', 'SELECT count(*) FROM company WHERE ' || :'cases' || ' >= 70'),
  ('numeric: rows', 'SELECT count(*) FROM numeric_company'),
  ('numeric: 50 rules', $$SELECT count(*) FROM numeric_company c WHERE salesops.scorecard_tier(c, 'fifty') = 1$$),
  ('numeric: 50 rules as CASE', 'SELECT count(*) FROM numeric_company WHERE ' || :'cases' || ' >= 70');
CREATE TEMP TABLE measured (name text, found bigint, ns numeric);
CREATE FUNCTION pg_temp.cpu() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint $$;
CREATE FUNCTION pg_temp.measure(runs integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a asked;
  before bigint;
  found bigint;
BEGIN
  FOR run IN 1..runs LOOP
    FOR a IN SELECT * FROM asked LOOP
      before := pg_temp.cpu();
      EXECUTE a.query INTO found;
      INSERT INTO measured VALUES (a.name, found, pg_temp.cpu() - before);
    END LOOP;
  END LOOP;
END $$;
SELECT pg_temp.measure(:runs) \g /dev/null
CREATE TEMP TABLE median AS
SELECT m.name, (percentile_cont(0.5) WITHIN GROUP (ORDER BY m.ns) / (:accounts / CASE WHEN m.name LIKE 'numeric%' THEN 3 ELSE 1 END))::numeric AS ns, min(m.found) AS found FROM measured m GROUP BY m.name;
SELECT format('%s: %s ns a row net', m.name, round(m.ns - s.ns, 1)) FROM asked a JOIN median m USING (name)
JOIN median s ON s.name = CASE WHEN m.name LIKE 'numeric%' THEN 'numeric: rows' ELSE 'rows' END WHERE m.name NOT LIKE '%rows' ORDER BY a.ctid;
SELECT format('a scorecard of 50 rules costs %s x score_account() (at most 4), its SQL CASE %s x; the default scorecard as data %s x, as SQL CASE %s x',
              round((f.ns - r.ns) / (d.ns - r.ns), 2), round((fc.ns - r.ns) / (d.ns - r.ns), 2), round((c.ns - r.ns) / (d.ns - r.ns), 2), round((dc.ns - r.ns) / (d.ns - r.ns), 2))
FROM median r, median d, median c, median dc, median f, median fc
WHERE r.name = 'rows' AND d.name = 'score_account()' AND c.name = 'the same as a scorecard' AND dc.name = 'the same as CASE' AND f.name = '50 rules' AND fc.name = '50 rules as CASE';
SELECT CASE WHEN count(DISTINCT found) = 1 THEN 'all find the same accounts: ' ELSE 'DIFFERENT ACCOUNTS FOUND: ' END || string_agg(DISTINCT name, ', ') FROM median
WHERE name NOT LIKE '%rows' GROUP BY CASE WHEN name LIKE 'numeric%' THEN 1 WHEN name LIKE '50%' THEN 2 ELSE 3 END;
