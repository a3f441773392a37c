-- Points learned from won and lost accounts: what they rest on, that they find what was put in, that nothing later is looked at, and that the ranking is judged
-- as counting every pair judges it.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

-- The ranking, against all pairs -----------------------------------------------------------------------------------------

CREATE TEMP TABLE ranked AS
  SELECT n, (hashint4(n) % 7)::float8 AS a, (hashint4extended(n, 5) % 100)::float8 / 8 AS b,
         hashint4(n) % 7 + hashint4extended(n, 9) % 9 > 1 AS won
  FROM generate_series(1, 300) n;
CREATE FUNCTION pg_temp.kernel(won_score float8, lost_score float8) RETURNS float8 LANGUAGE sql AS $$
  SELECT CASE WHEN won_score > lost_score THEN 1 WHEN won_score = lost_score THEN 0.5 ELSE 0 END $$;
-- DeLong's estimate from the matrix of all pairs.
CREATE TEMP TABLE pair AS
  SELECT w.n AS w, l.n AS l, pg_temp.kernel(w.a, l.a) AS a, pg_temp.kernel(w.b, l.b) AS b FROM ranked w, ranked l WHERE w.won AND NOT l.won;
CREATE TEMP TABLE oracle AS
  SELECT p.auc_a, p.auc_b, w.aa / p.wins + l.aa / p.losses AS var_a, w.bb / p.wins + l.bb / p.losses AS var_b, w.ab / p.wins + l.ab / p.losses AS cov
  FROM (SELECT avg(a) AS auc_a, avg(b) AS auc_b, count(DISTINCT w) AS wins, count(DISTINCT l) AS losses FROM pair) p,
       (SELECT covar_samp(a, a) AS aa, covar_samp(b, b) AS bb, covar_samp(a, b) AS ab FROM (SELECT avg(a) AS a, avg(b) AS b FROM pair GROUP BY w) x) w,
       (SELECT covar_samp(a, a) AS aa, covar_samp(b, b) AS bb, covar_samp(a, b) AS ab FROM (SELECT avg(a) AS a, avg(b) AS b FROM pair GROUP BY l) x) l;
CREATE TEMP TABLE compared AS SELECT c.* FROM (SELECT array_agg(a) AS a, array_agg(b) AS b, array_agg(won) AS won FROM ranked) r, salesops.compare_rankings(a, b, won) c;
SELECT ok(wins BETWEEN 50 AND 250 AND accounts = 300, 'some won, some lost') FROM compared;
SELECT ok(abs(c.auc - o.auc_a) < 1e-12 AND abs(c.other_auc - o.auc_b) < 1e-12, 'the area is that of all pairs') FROM compared c, oracle o;
SELECT ok(abs(c.auc_high - c.auc - 1.6448536269514722 * sqrt(o.var_a)) < 1e-12 AND abs(c.other_auc - c.other_auc_low - 1.6448536269514722 * sqrt(o.var_b)) < 1e-12, '... its interval DeLong''s') FROM compared c, oracle o;
SELECT ok(abs(c.difference - (o.auc_a - o.auc_b)) < 1e-12 AND abs(c.difference_high - c.difference - 1.6448536269514722 * sqrt(o.var_a + o.var_b - 2 * o.cov)) < 1e-12, '... that of the difference too') FROM compared c, oracle o;
SELECT is(c::text, s::text, 'in any order of the accounts') FROM compared c, (SELECT array_agg(a ORDER BY hashint4(n)) AS a, array_agg(b ORDER BY hashint4(n)) AS b, array_agg(won ORDER BY hashint4(n)) AS won FROM ranked) r, salesops.compare_rankings(a, b, won) s;
-- 20 accounts, the best two have 5 and one of the 4s: 5 won, of the two 4s one was. Won in all: 4. Lift: (1 + 0.5) / 2 / (4 / 20) = 3.75.
SELECT is(c.lift, 3.75::float8, 'lift, with a tie across the edge of the best tenth')
FROM salesops.compare_rankings('{5,4,4,3,3,3,3,2,2,2,2,2,2,2,2,1,1,1,1,0}', '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}', '{t,t,f,t,f,f,f,f,f,f,f,f,f,f,f,f,f,t,f,f}') c;
SELECT is(ROW(c.auc, c.auc_low, c.auc_high, c.other_auc, c.other_lift)::text, ROW(1::float8, 1::float8, 1::float8, 0.5::float8, 1::float8)::text, 'all right, and all alike') FROM salesops.compare_rankings('{2,2,1,1}', '{7,7,7,7}', '{t,t,f,f}') c;
SELECT is(ROW(c.auc, c.auc_low, c.lift)::text, ROW(NULL::float8, NULL::float8, 1::float8)::text, 'nothing lost, nothing to rank') FROM salesops.compare_rankings('{2,1}', '{2,1}', '{t,t}') c;
SELECT is(ROW(c.accounts, c.auc, c.lift)::text, ROW(0::bigint, NULL::float8, NULL::float8)::text, 'no accounts') FROM salesops.compare_rankings('{}', '{}', '{}') c;
SELECT is(ROW(c.auc, c.auc_low, c.difference_low)::text, ROW(1::float8, NULL::float8, NULL::float8)::text, 'one of each: no interval') FROM salesops.compare_rankings('{2,1}', '{1,1}', '{t,f}') c;
SELECT throws_ok($$ SELECT salesops.compare_rankings('{1}', '{1,2}', '{t}') $$, '22023', NULL, 'other accounts');
SELECT throws_ok($$ SELECT salesops.compare_rankings('{NULL}', '{1}', '{t}') $$, '22004', NULL, 'no score');
SELECT throws_ok($$ SELECT salesops.compare_rankings('{NaN}', '{1}', '{t}') $$, '22023', NULL, 'NaN');

-- A world whose truth is known ---------------------------------------------------------------------------------------------
-- Many employees and the partner plan win, manufacturing loses, the number of the house and visits say nothing, of a few the plan is not known.

CREATE TEMP TABLE world AS
  SELECT n, date '2024-01-01' + n / 10 AS closed_on, 'number ' || h % 10 AS house,
         exp(2 + (h % 1000) / 150.0)::integer AS employees, (ARRAY['Technology', 'Retail', 'Manufacturing'])[1 + (h / 1000) % 3] AS industry,
         (h / 3000) % 30 AS website_visits, (h / 90000) % 3 AS content_downloads, (h / 270000) % 100 AS intent_score,
         CASE WHEN (h / 7) % 8 > 0 THEN jsonb_build_object('plan', CASE WHEN (h / 56) % 4 = 0 THEN 'Partner' ELSE 'Direct' END) END AS custom,
         u
  FROM (SELECT n, hashint8extended(n, 1) & 268435455 AS h, ((hashint8extended(n, 2) & 1048575) + 0.5) / 1048576 AS u FROM generate_series(1, 6000) n) x;
ALTER TABLE world ADD won boolean;
UPDATE world SET won = u < 1 / (1 + exp(1.5 - CASE WHEN employees > 1000 THEN 1.5 ELSE 0 END - CASE WHEN custom ->> 'plan' = 'Partner' THEN 1 ELSE 0 END + CASE WHEN industry = 'Manufacturing' THEN 1 ELSE 0 END));
CREATE TEMP TABLE shape AS SELECT E'scorecard shape\ncomponent firm up to 1\nfeature employees\n> 1000: 1\n> 100: 1\nfeature industry as industry\n"Technology": 1\n"Manufacturing": 1\nfeature "house no." from house\n'
  || (SELECT string_agg(format(E'"number %s": 1\n', n), '') FROM generate_series(0, 9) n)
  || E'component "use of it"\nfeature visits from website_visits\n[10, 20): 1\nfeature plan from custom.plan\n"Partner": 1\n"Gold": 1\n' AS text;
SELECT f.* FROM shape s, salesops.fit_scorecard('learned', s.text, '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world', note => 'a try') f \gset fit_
SELECT is(:fit_accounts, (SELECT count(*) FROM world WHERE closed_on < '2025-04-01')::integer, 'it learns from what closed before a day');
SELECT is(:fit_later_accounts, (SELECT count(*) FROM world WHERE closed_on >= '2025-04-01')::integer, '... and is held against what closed from then on');
CREATE TEMP TABLE point AS SELECT e.* FROM salesops.scorecard_evidence e WHERE e.name = 'learned';
CREATE FUNCTION pg_temp.p(feature text, rule text) RETURNS numeric LANGUAGE sql AS $$ SELECT e.points FROM point e WHERE e.feature = p.feature AND e.rule = p.rule $$;
SELECT is((SELECT sum(m) FROM (SELECT max(points) AS m FROM point GROUP BY feature) f) BETWEEN 97 AND 103, true, 'the best account has 100 points, but for rounding');
SELECT is((SELECT array_agg(m) FROM (SELECT min(points) AS m FROM point GROUP BY feature) f), '{0,0,0,0,0}'::numeric[], '... the worst none');
SELECT ok(pg_temp.p('employees', '> 1000') > pg_temp.p('employees', '> 100') + 25, 'size was worth something');
SELECT ok(abs(pg_temp.p('employees', '> 100') - pg_temp.p('employees', 'else')) <= 5, '... and only from a thousand on');
SELECT ok(pg_temp.p('plan', '"Partner"') > pg_temp.p('plan', 'else') + 15, 'partners');
SELECT ok(pg_temp.p('industry', '"Manufacturing"') = 0 AND pg_temp.p('industry', 'else') > 15, 'manufacturing');
SELECT ok((SELECT max(points) FROM point WHERE feature = 'visits') <= 3, 'what says nothing gets next to nothing');
SELECT ok((SELECT bool_and(abs(effect) < 2 * standard_error) AND max(points) < 10 FROM point WHERE feature = 'house no.' AND accounts > 0), '... even in ten pieces');
SELECT is((SELECT array_agg(ROW(e.accounts, e.wins, e.standard_error IS NULL)::text) FROM point e WHERE feature = 'plan' AND rule = '"Gold"'), ARRAY['(0,0,t)'], 'what nobody had has the average''s effect and no error');
-- The interval of each true effect; the plan's is relative to that of what has no points of its own.
SELECT ok((SELECT bool_and(abs(e.effect - x.effect - t.truth) < 4 * (e.standard_error + x.standard_error))
           FROM (VALUES ('employees', '> 1000', 'else', 1.5), ('plan', '"Partner"', 'else', 1), ('plan', 'missing', 'else', 0), ('industry', '"Manufacturing"', 'else', -1)) t(feature, rule, beside, truth)
           JOIN point e USING (feature, rule) JOIN point x ON x.feature = t.feature AND x.rule = t.beside), 'the effects are those that were put in');
SELECT is_empty($$ SELECT p.feature, p.rule FROM point p
  JOIN (SELECT e.feature, e.rule, count(*) AS accounts, count(*) FILTER (WHERE w.won) AS wins FROM world w CROSS JOIN shape s CROSS JOIN LATERAL salesops.explain_score(w, s.text) e
        WHERE w.closed_on < '2025-04-01' GROUP BY 1, 2) c USING (feature, rule) WHERE p.accounts <> c.accounts OR p.wins <> c.wins $$, 'accounts and wins are counted right');
SELECT is((SELECT sum(accounts)::bigint FROM point WHERE feature = 'employees'), :fit_accounts::bigint, '... and all of them');
SELECT ok(:fit_auc > 0.7 AND :fit_difference_low > 0 AND :'fit_verdict' LIKE 'ranks later accounts better%', 'it ranks later accounts better than the default');
SELECT ok(:fit_lift > :fit_other_lift, '... and its best tenth is better');
SELECT ok(abs(:fit_auc - (SELECT avg(pg_temp.kernel(w.s, l.s)) FROM (SELECT salesops.scorecard_total(x, 'learned')::float8 AS s FROM world x WHERE won AND closed_on >= '2025-04-01') w,
   (SELECT salesops.scorecard_total(x, 'learned')::float8 AS s FROM world x WHERE NOT won AND closed_on >= '2025-04-01') l)) < 1e-12, 'the area is that of all later pairs');
SELECT is((SELECT array_agg(DISTINCT kind) FROM salesops.scorecard_rules(salesops.scorecard_definition('learned'))), '{else,input,lookup,missing,range,threshold,tier}', 'what is kept is a scorecard like any other');
SELECT is((SELECT array_agg(r.rule ORDER BY r."position") FROM salesops.scorecard_rules(text) r WHERE r.kind NOT IN ('cap', 'tier')),
          (SELECT array_agg(r.rule ORDER BY r."position") FROM salesops.scorecard_rules(salesops.scorecard_definition('learned')) r WHERE r.kind <> 'tier'), '... with the rules it was given') FROM shape;
SELECT is((SELECT array_agg(share BETWEEN low AND high ORDER BY tier) FROM (SELECT salesops.scorecard_tier(w, 'learned') AS tier, count(*) / :fit_accounts::numeric AS share FROM world w WHERE closed_on < '2025-04-01' GROUP BY 1) t
           JOIN (VALUES (1, 0.2, 0.45), (2, 0.05, 0.6), (3, 0.1, 0.5)) v(tier, low, high) USING (tier)), '{t,t,t}', 'tiers part the accounts');

-- Nothing later is looked at: what follows may be anything.
SAVEPOINT later;
UPDATE world SET won = NOT won, employees = 0 WHERE closed_on >= '2025-04-01';
SELECT salesops.fit_scorecard('twin', text, '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world ORDER BY hashint4(n)') FROM shape \g /dev/null
SELECT is(replace(salesops.scorecard_definition('twin'), 'scorecard twin', 'scorecard learned'), salesops.scorecard_definition('learned'), 'the points do not depend on what came later, nor on the order of the accounts');
SELECT is((SELECT verdict FROM salesops.scorecard_fit WHERE name = 'twin') LIKE 'ranks%better%', false, '... but the verdict does');
ROLLBACK TO later;

SELECT is(f.verdict, 'does not rank later accounts better than chance', 'learned from the number of the house alone it is no better than chance')
FROM salesops.fit_scorecard('house', E'scorecard h\ncomponent c\nfeature house\n"number 1": 1\n"number 2": 1\n"number 3": 1\n', '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world') f;
SELECT is(f.verdict, 'too few closed from 2025-08-20 on to tell: ' || f.later_accounts || ' accounts, ' || f.later_wins || ' of them won', 'too little later to tell')
FROM salesops.fit_scorecard('late', known_at => '2026-06-01', trained_to => '2025-08-20', examples_sql => 'SELECT * FROM pg_temp.world WHERE closed_on < ''2025-08-22''') f;

-- Fitted again, and from itself
SELECT is((salesops.fit_scorecard('learned', 'learned', '2026-06-01', '2025-04-01', 'learned', 'SELECT * FROM pg_temp.world')).version, 2, 'another version');
SELECT is_empty($$ SELECT * FROM salesops.compare_scorecards(salesops.scorecard_definition('learned', version => 1), salesops.scorecard_definition('learned', version => 2)) $$, '... which learned the same');
SELECT is((SELECT ROW(difference, difference_low, difference_high, verdict)::text FROM salesops.scorecard_fit WHERE name = 'learned' AND version = 2), ROW(0::float8, 0::float8, 0::float8, 'the difference to the other scorecard is within what chance does')::text, '... and ranks like itself');

-- A draft
CREATE TEMP TABLE draft AS SELECT salesops.draft_scorecard('drafted', '{employees,industry as industry,house,custom.plan,custom.nothing,website_visits}', '2026-06-01', '2025-04-01', 'SELECT * FROM pg_temp.world') AS text;
SELECT is((SELECT array_agg(r.rule ORDER BY r."position") FROM salesops.scorecard_rules(text) r WHERE r.kind = 'input'),
          '{from employees,from industry as industry,from house,from custom.plan,from website_visits}', 'a draft has the inputs that have values') FROM draft;
SELECT is((SELECT array_agg(r.rule ORDER BY r.rule) FROM salesops.scorecard_rules(text) r WHERE r.feature IN ('custom.plan', 'industry') AND r.kind = 'lookup'), '{"\"Direct\"","\"Manufacturing\"","\"Partner\"","\"Retail\"","\"Technology\""}', '... the words that are met') FROM draft;
SELECT ok((SELECT count(*) = 5 AND bool_and(r.rule ~ '> \d\d?0*$') FROM salesops.scorecard_rules(text) r WHERE r.feature = 'employees' AND r.kind = 'threshold'), '... and sixths in round numbers') FROM draft;
SELECT ok(salesops.scorecard_total(w, text) = 0, 'and gives nobody a point') FROM draft, world w WHERE n = 1;
SELECT ok(f.auc > 0.7 AND f.difference_low > 0, 'fitted, it ranks better than the default too') FROM draft d, salesops.fit_scorecard('drafted', d.text, '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world') f;

SELECT is((SELECT array_agg(r.rule ORDER BY r."position") FROM salesops.scorecard_rules(salesops.draft_scorecard('odd', '{i as industry,w,big,one}', '2026-06-01', '2026-01-01',
  $$ SELECT n % 2 = 0 AS won, date '2025-01-01' AS closed_on, CASE WHEN n < 50 THEN 'nonsense' ELSE 'Bank' END AS i, CASE WHEN n < 30 THEN 'a "b"' WHEN n < 60 THEN ' A "B" ' ELSE repeat('w', n) END AS w,
     1e20 * n AS big, 7 AS one FROM generate_series(1, 100) n $$)) r WHERE r.kind IN ('threshold', 'lookup')), ARRAY['"Finance"', '" A ""B"" "', '"7"'], 'what is no industry, too rare or too large makes no rule, one number is a word');

-- Too little, or nothing to learn
-- A query may end as it likes, and is kept without its end.
SELECT is(salesops.draft_scorecard('ends', '{n}', '2026-06-01', NULL, E'SELECT * FROM pg_temp.world -- all\n;\n'), salesops.draft_scorecard('ends', '{n}', '2026-06-01', NULL, 'SELECT * FROM pg_temp.world'), 'a query may end as it likes');
SELECT is((salesops.fit_scorecard('ends', text, '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world ;')).examples_sql, 'SELECT * FROM pg_temp.world', 'and is kept without its end') FROM shape;
-- The query that is kept finds the same accounts in whatever session it is run again.
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SELECT is(salesops.scorecard_examples_query('2026-03-02 01:30+00'), 'SELECT * FROM salesops.scorecard_examples(''2026-03-02 01:30:00+00'')', 'an instant as UTC, the year first');
RESET datestyle;
RESET timezone;
SELECT throws_like($$ SELECT salesops.fit_scorecard('few', 'default', '2026-06-01', '2024-01-04', examples_sql => 'SELECT * FROM pg_temp.world') $$, 'too little history to fit a scorecard: %', 'thirty accounts are too few');
SELECT throws_ok($$ SELECT salesops.fit_scorecard('few', 'default', '2026-06-01') $$, '55000', NULL, 'none too');
SELECT throws_ok($$ SELECT salesops.draft_scorecard('few', known_at => '2026-06-01') $$, '55000', NULL, '... to make rules of');
SELECT throws_ok($$ SELECT salesops.fit_scorecard('same', E'scorecard s\ncomponent c\nfeature n\n> -1: 3\n', '2026-06-01', '2025-04-01', examples_sql => 'SELECT * FROM pg_temp.world') $$, '55000',
  'what this scorecard looks at does not tell won from lost accounts', 'what is the same of all tells nothing') ;
SELECT throws_ok($$ SELECT salesops.fit_scorecard('lines', E'scorecard s\ncomponent c\nfeature n\nat 1: 3\nat 2: 4\n', '2026-06-01', examples_sql => 'SELECT * FROM pg_temp.world') $$, '22023', NULL, 'a line is not learned');
SELECT throws_ok($$ UPDATE salesops.scorecard_fit SET verdict = 'best' $$, '23001', NULL, 'how good it was is never changed');

SELECT * FROM finish();
ROLLBACK;
