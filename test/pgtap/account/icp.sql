-- The ideal customer profile: what it learns from, what it learns, and that nothing later is in it.
BEGIN;
SET LOCAL client_min_messages = error;
SET LOCAL timezone = 'UTC';
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

-- Levels and places by hand: ranges are 0 to under 10, 10 to under 100, 100 or more (to 1100), each a third of the way.
CREATE FUNCTION pg_temp.level(edges numeric[], value text, OUT level text, OUT place int) LANGUAGE sql AS
$$ SELECT p.levels[1], p.places[1] FROM salesops.icp_profile(ARRAY[coalesce(cardinality(edges) - 1, 0)], coalesce(edges, '{}')::float8[], salesops.icp_range_names(edges), ARRAY[value]) p $$;
SELECT is((SELECT ROW(l.level, l.place)::text FROM pg_temp.level('{0,10,100,1100}', v.value) l), v.expected, coalesce(v.value, 'NULL'))
FROM (VALUES ('0', '("under 10",0)'), ('5', '("under 10",1667)'), ('9.999999', '("under 10",3333)'), ('10', '("10 to under 100",3333)'), ('55', '("10 to under 100",5000)'), ('100', '("100 or more",6667)'),
             ('1100', '("100 or more",10000)'), ('99999', '("100 or more",10000)'), ('-7', '("under 10",0)'), (NULL, '(,)'), ('', '(,)'), ('many', '(,)'), ('NaN', '(,)')) v(value, expected);
SELECT is((SELECT ROW(l.level, l.place)::text FROM pg_temp.level('{0,1,1}', '1') l), '("1 or more",5000)', 'a range of one number');
SELECT is((SELECT l.level FROM pg_temp.level(NULL, v.value) l), v.expected, 'word ' || left(coalesce(v.value, 'NULL'), 10))
FROM (VALUES (' Retail', 'retail'), ('', NULL), (E' \t', E'\t'), (NULL, NULL), ('🦊', '🦊'), (repeat('Ä', 10000), repeat('Ä', 100)), ('שלום', 'שלום')) v(value, expected);

SELECT is((SELECT p::text FROM salesops.icp_profile('{2,0,1}', '{0,10,100,5,6}', '{a,b,c}', '{50,Word,7}') p), '("{b,word,c}","{7222,NULL,10000}")', 'each attribute has its own edges');
SELECT throws_ok($$SELECT salesops.icp_profile('{2,0}', '{0,10}', '{a,b}', '{1,2}')$$, '22023', NULL, 'edges that are missing');

SELECT throws_ok(format('SELECT salesops.icp_profile(%s)', a), c, NULL, a) FROM (VALUES ('''{1}'', ''{0,1}'', ''{NULL}'', ''{1}''', '22004'), ('''{2147483647,2147483647}'', ''{}'', ''{}'', ''{1,2}''', '22023'), ('''{0}'', ''{}'', ''{}'', ''{}''', '22023')) v(a, c);
SELECT is((SELECT p.places[1] FROM salesops.icp_profile('{2}', '{-Infinity,0,Infinity}', '{a,b}', ARRAY[v.value]) p), v.expected, 'ends at infinity: ' || v.value) FROM (VALUES ('-7', 0), ('7', 5000)) v(value, expected);

-- A world: accounts known since 2024, whose first deal closes or not; technology and size decide.
INSERT INTO salesops.source (source_key, kind, schema_name, options) VALUES ('s', 'fivetran_salesforce', 'public', '{}');
INSERT INTO salesops.currency_rate SELECT r.* FROM jsonb_populate_record(NULL::salesops.currency_rate,
  '{"source_key": "s", "id": "1", "currency": "GBP", "per_corporate": 0.5, "valid_from": "2024-01-01", "is_deleted": false, "effective_at": "2024-01-01", "recorded_at": "2024-01-01", "origin": "sync"}') r;
SELECT setseed(0.25);
CREATE TEMP TABLE world AS
SELECT n, 'a' || n AS id, (ARRAY['COMPUTER_SOFTWARE', 'Retail', 'Manufacturing', NULL])[1 + floor(random() * 4)::int] AS industry, (ARRAY['enterprise', 'smb'])[1 + floor(random() * 2)::int] AS segment,
       CASE WHEN random() < 0.9 THEN floor(exp(random() * 9))::numeric END AS employees, CASE WHEN random() < 0.8 THEN floor(random() * 1e7)::numeric END AS revenue,
       (ARRAY['EUR', 'GBP', 'XXX'])[1 + floor(random() * 3)::int] AS currency, floor(random() * 3) AS grade, random() AS luck, CASE WHEN n <= 800 THEN date '2025-01-01' ELSE '2025-07-02' END + floor(random() * 181)::int AS closed
FROM generate_series(1, 1200) n;
SELECT salesops.set_setting('corporate_currency', 'EUR');
INSERT INTO salesops.account
SELECT a.* FROM world w CROSS JOIN LATERAL jsonb_populate_record(NULL::salesops.account, jsonb_build_object('source_key', 's', 'id', w.id, 'name', 'N' || w.n, 'industry', w.industry, 'segment', w.segment,
  'employees', w.employees, 'annual_revenue', w.revenue, 'currency', w.currency, 'country', 'DE', 'custom', jsonb_build_object('grade', w.grade, 'key', 'k' || w.n),
  'created_at', '2024-01-01', 'is_deleted', false, 'effective_at', '2024-01-01', 'recorded_at', CASE WHEN w.n % 100 = 0 THEN '2024-09-01' ELSE '2024-01-01' END, 'origin', 'sync')) a;
CREATE TEMP TABLE deal AS
SELECT w.id, w.closed, w.luck < salesops.logistic(-1 + CASE WHEN w.industry = 'COMPUTER_SOFTWARE' THEN 2.5 ELSE 0 END + CASE WHEN w.employees > 500 THEN 1.5 WHEN w.employees IS NULL THEN 0.3 ELSE 0 END) AS won
FROM world w WHERE w.n % 3 <> 0;
INSERT INTO salesops.opportunity
SELECT o.* FROM deal d CROSS JOIN LATERAL jsonb_populate_record(NULL::salesops.opportunity, jsonb_build_object('source_key', 's', 'id', 'o' || d.id, 'account_id', d.id, 'is_closed', true, 'is_won', d.won,
  'close_date', d.closed, 'created_at', d.closed - 30, 'is_deleted', false, 'effective_at', d.closed::timestamptz, 'recorded_at', d.closed::timestamptz, 'origin', 'sync')) o;

SELECT salesops.fit_icp('2025-07-01', '{industry,segment,employees,annual_revenue,country,custom.grade,custom.key,custom.none}') AS icp \gset
SELECT is((SELECT ROW(accounts, examples, wins, never_bought, doubt)::text FROM salesops.icp WHERE icp_id = :icp),
          (SELECT ROW(count(*), count(*) FILTER (WHERE d.closed <= '2025-07-01' OR w.n % 100 <> 0), count(*) FILTER (WHERE d.won AND d.closed <= '2025-07-01'),
                      count(*) FILTER (WHERE coalesce(d.closed > '2025-07-01', true) AND w.n % 100 <> 0), NULL::text)::text FROM world w LEFT JOIN deal d USING (id)),
          'it learns from those who bought, those who were lost, and those known for a year who did neither');
SELECT results_eq(format('SELECT attribute, left_out FROM salesops.icp_attribute WHERE icp_id = %s AND left_out IS NOT NULL ORDER BY place', :icp),
  $$VALUES ('country', 'the same of all accounts'), ('custom.key', '1200 different words of 1200 accounts'), ('custom.none', 'not known of any account')$$, 'what tells nothing is left out and says why');
SELECT is((SELECT array_agg(attribute ORDER BY place) FROM salesops.icp_attribute WHERE icp_id = :icp AND edges IS NOT NULL), '{employees,annual_revenue,custom.grade}', 'numbers are found out');
SELECT is((SELECT edges FROM salesops.icp_attribute WHERE icp_id = :icp AND attribute = 'custom.grade'), '{0,1,2,2}', 'three grades are three ranges');
SELECT is((SELECT sum(weight) FROM salesops.icp_attribute WHERE icp_id = :icp), 10000::bigint, 'weights add up');
SELECT is((SELECT array_agg(attribute ORDER BY attribute) FILTER (WHERE weight > 2000) FROM salesops.icp_attribute WHERE icp_id = :icp), '{employees,industry}', 'what decides weighs most');
SELECT is((SELECT count(*) FROM world w JOIN salesops.icp_values('{annual_revenue}', '2025-07-01') v USING (id)
           WHERE v."values"[1]::numeric IS DISTINCT FROM CASE w.currency WHEN 'EUR' THEN w.revenue WHEN 'GBP' THEN w.revenue / 0.5 END), 0::bigint, 'revenue is in corporate currency, and unknown without a rate');

-- What each level had, counted by plain SQL
SELECT set_eq(format($$SELECT level, accounts, wins FROM salesops.icp_level_effects(%s) WHERE place = 1 AND level IS NOT NULL$$, :icp),
  $$SELECT CASE w.industry WHEN 'COMPUTER_SOFTWARE' THEN 'technology' ELSE coalesce(lower(w.industry), '(unknown)') END AS level, count(*) AS accounts, count(*) FILTER (WHERE d.won AND d.closed <= '2025-07-01')
    FROM world w LEFT JOIN deal d USING (id) WHERE w.n % 100 <> 0 OR d.closed <= '2025-07-01' GROUP BY 1$$, 'accounts and wins of each industry');
SELECT ok((SELECT bool_and(e.effect > x.effect + e.standard_error + x.standard_error) FROM salesops.icp_level_effects(:icp) e, salesops.icp_level_effects(:icp) x
           WHERE e.level = 'technology' AND x.level IN ('retail', 'manufacturing')), 'technology is found');
CREATE TEMP TABLE fit AS SELECT * FROM salesops.icp_fits('2025-07-01');
SELECT is((SELECT count(*) FROM fit WHERE fit_low < fit AND fit < fit_high AND fit BETWEEN 0 AND 100 AND reason IS NULL), 1200::bigint, 'every account has a fit within its bounds');
SELECT ok(abs(avg(f.fit) FILTER (WHERE w.n % 100 <> 0) - (SELECT 100.0 * wins / examples FROM salesops.icp WHERE icp_id = :icp)) < 3, 'their mean is the share that bought') FROM fit f JOIN world w USING (id);
SELECT is((SELECT f.unknown FROM fit f JOIN world w USING (id) WHERE w.industry IS NULL AND w.employees IS NULL AND w.revenue IS NOT NULL AND w.currency = 'EUR' ORDER BY w.n LIMIT 1), '{industry,employees}', 'what is unknown is named');
SELECT is((SELECT count(*) FROM fit f CROSS JOIN LATERAL (SELECT sum(e.points) AS points FROM salesops.explain_fit('s', f.id, '2025-07-01') e) e WHERE f.id IN ('a1', 'a2', 'a77', 'a100') AND e.points IS DISTINCT FROM f.fit), 0::bigint, 'reasons add up to the fit');
SELECT is((SELECT e.words FROM salesops.explain_fit('s', (SELECT id FROM world WHERE industry = 'Retail' LIMIT 1), '2025-07-01') e WHERE e.attribute = 'industry'),
          (SELECT format('industry retail: %s of %s bought', count(*) FILTER (WHERE d.won AND d.closed <= '2025-07-01'), count(*)) FROM world w LEFT JOIN deal d USING (id)
           WHERE w.industry = 'Retail' AND (w.n % 100 <> 0 OR d.closed <= '2025-07-01')), '... and say how many bought');

-- Against what came later: of those without a closed deal, who buys by the end of the year. All pairs.
CREATE TEMP TABLE later AS SELECT f.fit, coalesce(d.won, false) AS won FROM fit f LEFT JOIN deal d USING (id) WHERE d.closed IS NULL OR d.closed > '2025-07-01';
SELECT is((r).accounts, (SELECT count(*) FROM later), 'all that had not decided') FROM (SELECT salesops.icp_ranking(:icp, '2026-02-01') AS r) x;
SELECT ok(abs((r).auc - (SELECT avg(CASE WHEN a.fit > b.fit THEN 1 WHEN a.fit = b.fit THEN 0.5 ELSE 0 END) FROM later a, later b WHERE a.won AND NOT b.won)) < 1e-12 AND (r).auc_low > 0.55, 'the area is that of all pairs, and better than chance')
FROM (SELECT salesops.icp_ranking(:icp, '2026-02-01') AS r) x;
SELECT throws_ok($$ SELECT salesops.icp_ranking(-1, '2026-02-01') $$, '42704', NULL, 'no such profile');
SELECT throws_ok($$ SELECT salesops.icp_ranking(NULL, '2026-02-01') $$, '42704', NULL, 'nor none');

-- Nothing later is in it: later the small shops buy, accounts change, and rows lie elsewhere.
CREATE TEMP TABLE before AS SELECT i.model, i.examples, (SELECT array_agg(t ORDER BY place) FROM (SELECT place, attribute, known, edges, weight, left_out FROM salesops.icp_attribute WHERE icp_id = :icp) t)::text AS attributes FROM salesops.icp i WHERE icp_id = :icp;
UPDATE salesops.opportunity SET is_won = NOT is_won WHERE close_date > '2025-07-01';
INSERT INTO salesops.account_history SELECT * FROM salesops.account WHERE hashtext(id) % 3 = 0;
UPDATE salesops.account SET employees = 7, industry = 'Retail', effective_at = '2025-08-01', recorded_at = '2025-08-01' WHERE hashtext(id) % 3 = 0;
SELECT salesops.fit_icp('2025-07-01', '{industry,segment,employees,annual_revenue,country,custom.grade,custom.key,custom.none}') AS again \gset
SELECT ok(i.model OPERATOR(salesops.=) b.model AND i.examples = b.examples, 'learned again as of then it is the same to the bit') FROM salesops.icp i, before b WHERE i.icp_id = :again;
SELECT is((SELECT array_agg(t ORDER BY place) FROM (SELECT place, attribute, known, edges, weight, left_out FROM salesops.icp_attribute WHERE icp_id = :again) t)::text, attributes, '... and looks at the same') FROM before;
SELECT set_eq(format('SELECT * FROM salesops.icp_fits(%L)', '2025-07-01'), 'SELECT * FROM fit', '... and fits of then stay what they were');
SELECT salesops.fit_icp('2025-12-01') AS later \gset
SELECT ok((SELECT i.model::text <> b.model::text FROM salesops.icp i, before b WHERE i.icp_id = :later), 'a later one differs');
SELECT is(salesops.icp_in_force('2025-11-30'), :again::bigint, 'the newest as of an instant is in force');

-- Too little
SELECT salesops.fit_icp('2025-01-03', take_as_given => true) AS early \gset
SELECT ok((SELECT doubt IS NOT NULL FROM salesops.icp WHERE icp_id = :early), 'with too little it doubts itself');
SELECT is((SELECT ROW(count(*), count(fit), count(reason))::text FROM salesops.icp_fits('2025-01-03')), '(1200,0,1200)', '... and gives no fit but the reason');
SELECT is((SELECT max(weight) - min(weight) <= 1 FROM salesops.icp_attribute WHERE icp_id = :early), true, '... and weighs attributes alike');
SELECT is_empty($$SELECT * FROM salesops.explain_fit('s', 'a1', '2025-01-03')$$, '... and explains nothing');
SELECT throws_ok($$SELECT salesops.fit_icp('2023-01-01')$$, '55000', NULL, 'no accounts');
SELECT throws_ok($$SELECT * FROM salesops.icp_fits('2024-01-01')$$, '42704', NULL, 'no profile yet');
SELECT throws_ok(format('SELECT salesops.fit_icp(%L, %L)', '2025-07-01', a), '22023', NULL, 'attributes ' || a) FROM unnest(ARRAY['{}', '{name}', '{industry,industry}', '{custom.}', '{NULL}']) a;
SELECT throws_ok($$SELECT salesops.fit_icp('infinity')$$, '22023', NULL, 'an instant that is none');
SELECT throws_ok($$UPDATE salesops.icp SET doubt = NULL$$, '23001', NULL, 'versions are not changed');
SELECT throws_ok($$DELETE FROM salesops.icp_attribute$$, '23001', NULL, '... nor what they look at');

-- A CRM that was connected after all deals had closed: nothing was known before, and it says so.
DELETE FROM salesops.account_history;
UPDATE salesops.account SET recorded_at = '2026-01-15';
SELECT salesops.fit_icp('2026-01-20') AS just_connected, salesops.fit_icp('2026-01-20', take_as_given => true) AS given \gset
SELECT results_eq(format('SELECT examples, doubt FROM salesops.icp WHERE icp_id = %s', :just_connected),
  $$ VALUES (0::bigint, 'nothing was known of any account before its first deal closed; take_as_given lets what was recorded first stand for the time before') $$, 'a doubt that says what to do');
SELECT ok((SELECT examples > 500 AND doubt IS NULL FROM salesops.icp WHERE icp_id = :given), '... which helps');
UPDATE salesops.opportunity SET is_deleted = true;
SELECT salesops.fit_icp('2026-01-20') AS without_deals \gset
SELECT is((SELECT doubt FROM salesops.icp WHERE icp_id = :without_deals), 'there was no deal to learn from', 'without deals it is the deals');
SELECT * FROM finish();
ROLLBACK;
