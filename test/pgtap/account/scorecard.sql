-- Scorecards: the default one against score_account(), each kind of rule against points worked out by hand, what missing values give, texts that make no
-- sense, versions, and inputs nobody would wish for.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS salesops;
SELECT no_plan();

-- The default scorecard is score_account() -------------------------------------------------------------------------------

CREATE TEMP TABLE combination AS
  SELECT e AS employees, i AS industry, v AS website_visits, d AS content_downloads, t AS intent_score
  FROM unnest('{NULL,-1,0,199,200,201,1000,1001,5000,5001,2147483647}'::integer[]) e,
       unnest('{NULL,"",Technology,Finance,Healthcare,Manufacturing,Retail,COMPUTER_SOFTWARE,nonsense}'::text[]) i,
       unnest('{NULL,0,10,11}'::integer[]) v, unnest('{NULL,0,1}'::integer[]) d, unnest('{NULL,50,51,80,81}'::integer[]) t;
SELECT is((SELECT count(*) FROM combination), 11 * 9 * 4 * 3 * 5::bigint, 'all combinations of what lies at every bound');
SELECT is_empty(
  $$ SELECT c.*, s.*, a.score FROM combination c
     CROSS JOIN LATERAL salesops.score_row(c) s
     CROSS JOIN LATERAL (SELECT salesops.score_account(c.employees, c.industry, c.website_visits, c.content_downloads, c.intent_score) AS score) a
     WHERE ROW(s.total::integer, s.tier, s.missing) IS DISTINCT FROM ROW(salesops.total(a.score), salesops.tier(a.score), salesops.missing_inputs(a.score))
        OR ROW(salesops.scorecard_total(c), salesops.scorecard_tier(c)) IS DISTINCT FROM ROW(s.total, s.tier)
        OR s.points[1] <> salesops.size_points(a.score) OR s.points[2] <> salesops.industry_points(a.score)
        OR s.points[3] <> salesops.engagement_points(a.score) OR s.points[4] <> salesops.intent_points(a.score) $$,
  '... have the total, tier, components and missing inputs that score_account() gives');
SELECT is_empty(
  $$ SELECT c.* FROM combination c WHERE salesops.scorecard_total(c) <> (SELECT sum(e.points) FROM salesops.explain_score(c) e) $$,
  '... and points that add up to it');
SELECT results_eq(
  $$ SELECT total, tier FROM (VALUES (5001, 'Technology', 11, 1, 81), (5000, 'Retail', 10, 0, 50)) c(employees, industry, website_visits, content_downloads, intent_score),
     salesops.score_row(c) $$,
  $$ VALUES (100::numeric, 1), (20, 3) $$, 'the two checks of the product');

-- Kinds of rules ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.card(rules text, tiers text DEFAULT '') RETURNS text LANGUAGE sql AS $$
  SELECT E'scorecard t\n' || tiers || E'\ncomponent c\nfeature x\n' || rules || E'\n'
$$;
CREATE FUNCTION pg_temp.points(rules text, x anyelement) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  result numeric;
BEGIN
  PERFORM salesops.add_scorecard(pg_temp.card(rules));
  SELECT salesops.scorecard_total(r, 't') INTO result FROM (SELECT x) r;
  RETURN result;
END $$;
CREATE FUNCTION pg_temp.all_points(rules text, VARIADIC x numeric[]) RETURNS numeric[] LANGUAGE sql AS $$
  SELECT array_agg(pg_temp.points(rules, v) ORDER BY n) FROM unnest(x) WITH ORDINALITY AS u(v, n)
$$;
SELECT is(pg_temp.all_points(E'> 10: 5\n>= 20: 8\n> 20: 9', 9.99, 10, 10.0001, 19.9999999999999999999, 20, 20.000000000000000000001, 1e30), '{0,0,5,5,8,9,9}', 'thresholds from below');
SELECT is(pg_temp.all_points(E'< 10: 5\n<= 10: 4\n< -3: 7\nelse: 1', -3.5, -3, 9.9, 10, 10.1), '{7,5,5,4,1}', '... and from above, the lowest that is kept');
SELECT is(pg_temp.all_points(E'> 2.5: 1\n> 3.5: 2', 2, 3, 4), '{0,1,2}', 'bounds that are not whole');
SELECT is((SELECT array_agg(pg_temp.points(E'> 2.5: 1\n>= 3.5: 2\n> 4: 3', x) ORDER BY x) FROM generate_series(2, 5) x), '{0,1,2,3}', '... with whole numbers');
SELECT is((SELECT array_agg(pg_temp.points(E'> -2.5: 1\n>= -1.5: 2\n> -1: 3', x) ORDER BY x) FROM generate_series(-3, 0) x), '{0,1,2,3}', '... below 0');
SELECT is(pg_temp.points('> 999999999999999999: 1', 9223372036854775807), 1::numeric, 'the largest bigint');
SELECT is(pg_temp.points('< -999999999999999999.5: 1', '-9223372036854775808'::bigint), 1::numeric, '... and the least');
SELECT is(pg_temp.all_points(E'[10, 20): 5\n[20, 30]: 6\n(30, 40): 7\nelse: -2', 9.9, 10, 19.99, 20, 30, 30.01, 40), '{-2,5,5,6,6,7,-2}', 'ranges that meet, with what belongs to which');
SELECT is(pg_temp.all_points(E'(1, 2): 5\n(2, 3): 6', 1, 1.5, 2, 2.5, 3), '{0,5,0,6,0}', '... and what lies between them');
SELECT is(pg_temp.points('[5, 5]: 1', 5), 1::numeric, '... and one of a single number');
SELECT is(pg_temp.all_points(E'at 0: 0\nat 100: 20\nat 200: 10', -5, 0, 25, 33, 100, 150, 200, 1e9), '{0,0,5,6.6,20,15,10,10}', 'a line');
SELECT is(pg_temp.all_points(E'at 0: 0\nat 3: 1', 1, 2), '{0.33,0.67}', '... rounded to the hundredth');
SELECT is(pg_temp.all_points(E'at 0: 0\nat 8: 0.02', 2, 6, 2.0000001, 1.9999999), '{0.01,0.02,0.01,0}', '... halves away from 0');
SELECT is(pg_temp.all_points(E'at 8: -0.02\nat 0: 0', 2, 6), '{-0.01,-0.02}', '... below 0 too');
SELECT is((SELECT array_agg(pg_temp.points(E'"Gold": 9\n"a ""b""": 4\n"Éclair": 3\nelse: 1', x) ORDER BY n)
           FROM unnest(ARRAY['Gold', ' gOLD ', 'a "B"', 'Éclair', 'éclair', 'Golden', 'שלום', '💥', repeat('gold', 2500)]) WITH ORDINALITY u(x, n)), '{9,9,4,3,1,1,1,1,1}', 'texts, in any ASCII case');
SELECT is(pg_temp.points('"true": 3', true), 3::numeric, 'a boolean is looked up by its text');
SELECT is(pg_temp.points('"2026-06-01": 3', date '2026-06-01'), 3::numeric, '... a date too');
SET LOCAL datestyle = 'German, DMY';
SELECT is(pg_temp.points('"2026-06-01": 3', date '2026-06-01'), 3::numeric, '... whatever the date style');
SELECT results_eq($$ SELECT x.value FROM (SELECT date '2026-06-01' AS d, true AS b) r, salesops.explain_score(r, E'scorecard s\ncomponent c\nfeature d\n"2026-06-01": 3\nfeature b\n"true": 1\n') x $$,
                  $$ VALUES ('2026-06-01'), ('true') $$, 'what is looked up is what is said of it');
RESET datestyle;
SELECT is(pg_temp.points('"73": 3', 73), 3::numeric, '... a code too');
SELECT is(pg_temp.points('>= 0.1: 3', 0.1::float8), 3::numeric, 'a float8 is the number that it prints');
SELECT is(pg_temp.points('> 3: 3', '4'::smallint), 3::numeric, 'a smallint');
SELECT is(pg_temp.points('> 3: 3', 'Infinity'::float8), 3::numeric, 'infinity');
CREATE DOMAIN pg_temp.headcount AS integer;
SELECT is(pg_temp.points('> 3: 3', 4::pg_temp.headcount), 3::numeric, 'a domain is what it is made of');

-- What is missing ---------------------------------------------------------------------------------------------------------

SELECT is(pg_temp.points('> 3: 3', NULL::integer), 0::numeric, 'a missing value gives 0');
SELECT is(pg_temp.points(E'> 3: 3\nelse: 2\nmissing: -1', NULL::integer), -1::numeric, '... or what the scorecard says');
SELECT is(pg_temp.points(E'> 3: 3\nmissing: no score', NULL::integer), NULL, '... or there is no score');
SELECT is(pg_temp.points(E'> 3: 3\nmissing: no score', 2), 0::numeric, '... which is another thing than no points');
SELECT is((SELECT array_agg(pg_temp.points(E'"a": 3\nmissing: 1', x)) FROM unnest(ARRAY['', '  ', NULL]) x), '{1,1,1}', 'a blank text is missing');
SELECT is(pg_temp.points(E'> 3: 3\nmissing: 1', 'NaN'::numeric), 1::numeric, '... and NaN');
SELECT is(pg_temp.points(E'> 3: 3\nmissing: 1', 'NaN'::float4), 1::numeric, '... of any type');
SELECT results_eq($$ SELECT s.total, s.tier, s.points, s.missing FROM (SELECT NULL::integer AS x) r, salesops.score_row(r, 't') s $$,
  $$ VALUES (1::numeric, NULL::integer, '{1}'::numeric[], '{x}'::text[]) $$, 'what is missing is named');

-- Custom fields
SELECT salesops.add_scorecard(E'scorecard custom\ncomponent c\nfeature seats from custom.seats\n  > 10: 5\n  missing: 1\nfeature plan from custom."the plan".name\n  "Pro": 7\n  "true": 8\n  "3": 9\n') \g /dev/null
SELECT is((SELECT array_agg(salesops.scorecard_total(r, 'custom') ORDER BY n)
           FROM unnest('{"{\"seats\":11\,\"the plan\":{\"name\":\"pro\"}}","{\"seats\":\"1\,200\"}","{\"seats\":10.5\,\"the plan\":{\"name\":true}}","{\"seats\":null\,\"the plan\":{\"name\":3.0}}",
                         "{\"seats\":\"many\"}","{\"seats\":{}}","{\"seats\":[11]\,\"the plan\":[]}","[1]","11","null",NULL,"{\"seats\":true\,\"the plan\":\"pro\"}","{\"seats\":\"\"}"}'::jsonb[])
                WITH ORDINALITY AS r(custom, n)), '{12,5,13,10,1,1,1,1,1,1,1,1,1}', 'keys of jsonb: numbers, texts that read as one, and whatever else is missing');

-- Components, caps and tiers -----------------------------------------------------------------------------------------------

SELECT salesops.add_scorecard($$# two components
scorecard caps
tier 1 from 12.5
tier 2 from 0
tier 3
component both up to 10   # of 16
feature a
 > 0: 8
feature "b b" from b
 > 0: 8
component other
feature c
 > 0: 2.5
 else: -1
 missing: no score
$$) \g /dev/null
CREATE TEMP TABLE capped (a integer, b integer, c integer);
INSERT INTO capped VALUES (1, 1, 1), (1, 0, 1), (0, 0, 0), (1, NULL, NULL);
SELECT results_eq($$ SELECT s.* FROM capped r, salesops.score_row(r, 'caps') s $$,
  $$ VALUES (12.5, 1, '{10,2.5}'::numeric[], '{}'::text[]), (10.5, 2, '{8,2.5}', '{}'), (-1, 3, '{0,-1}', '{}'), (NULL, NULL, '{8,NULL}', '{"b b",c}') $$, 'caps, tiers, and no score for want of a value');
SELECT results_eq($$ SELECT e.component, e.feature, e.input, e.value, e.rule, e.words, e.points, e.is_missing FROM (SELECT 1 AS a, 1 AS b, 0 AS c) r, salesops.explain_score(r, 'caps') e $$,
  $$ VALUES ('both', 'a', 'a', '1', '> 0', 'a is over 0', 8::numeric, false), ('both', 'b b', 'b', '1', '> 0', 'b b is over 0', 8, false),
            ('both', NULL, NULL, NULL, 'up to 10', 'both gives 10 at most', -6, false), ('other', 'c', 'c', '0', 'else', 'c has no points of its own', -1, false) $$, 'a score explained, the cap too');
SELECT results_eq($$ SELECT e.feature, e.rule, e.words, e.points, e.is_missing FROM (SELECT NULL::integer AS a, 1 AS b, NULL::integer AS c) r, salesops.explain_score(r, 'caps') e $$,
  $$ VALUES ('a', 'missing', 'a is not known', 0::numeric, true), ('b b', '> 0', 'b b is over 0', 8, false), ('c', 'missing', 'c is not known, so there is no score', NULL, true) $$, 'what is missing explained');
SELECT is(salesops.scorecard_total(NULL::capped, 'caps'), NULL, 'no row, no score');
SELECT is((SELECT salesops.scorecard_total(r) FROM (SELECT 1) n(n) LEFT JOIN combination r ON false), NULL, '... nor where a join found none');
SELECT is((SELECT salesops.scorecard_total(r, 'caps') FROM (SELECT 1) n(n) LEFT JOIN capped r ON false), NULL, '... even if every value may be missing');
SELECT is((SELECT count(salesops.scorecard_total(r)) FROM (VALUES (1), (2)) n(n) LEFT JOIN combination r ON n.n = 2 AND r IS NOT NULL), (SELECT count(*) FROM combination r WHERE r IS NOT NULL), '... and where it found some');

-- Texts that make no sense --------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.refused(definition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
  line text;
BEGIN
  PERFORM salesops.scorecard_name(definition);
  RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS line = PG_EXCEPTION_DETAIL;
  RETURN format('%s %s %s', SQLSTATE, replace(SQLERRM, 'invalid scorecard: ', ''), line);
END $$;
SELECT is(pg_temp.refused(definition), because, because) FROM (VALUES
  ('', '42601 it has no name Line 1.'),
  (E'\n\ncomponent c', '42601 it does not begin with its name Line 3.'),
  ('scorecard', '42601 a name is missing Line 1.'),
  ('scorecard t', '22023 it has no components Line 1.'),
  (E'scorecard t\nfeature x', '42601 a feature is in no component Line 2.'),
  (E'scorecard t\ncomponent c up to -1', '22023 a cap is below 0 Line 2.'),
  (E'scorecard t\ncomponent c\ncomponent c', '42710 there are two components "c" Line 3.'),
  (E'scorecard t\ncomponent c', '22023 component "c" has no features Line 2.'),
  (E'scorecard t\ncomponent c\n> 5: 1', '42601 "> 5: 1" is not understood Line 3.'),
  (E'scorecard t\ncomponent c\nfeature x', '22023 feature "x" has no rules Line 3.'),
  (E'scorecard t\ncomponent c\nfeature x as is', '42601 inputs are read as they are or as industry Line 3.'),
  (pg_temp.card(E'> 5: 1\nfeature x'), '42710 there are two features "x" Line 6.'),
  (pg_temp.card(E'> 5: 1\ncomponent d\nfeature x'), '42710 there are two features "x" Line 7.'),
  (pg_temp.card(E'> 5: 1\n< 3: 1'), '22023 feature "x" has rules of two kinds Line 6.'),
  (pg_temp.card(E'> 5: 1\n> 5.0: 2'), '22023 > 5 and > 5 overlap Line 6.'),
  (pg_temp.card(E'[10, 20]: 1\n[20, 30): 2'), '22023 [10, 20] and [20, 30) overlap Line 6.'),
  (pg_temp.card(E'[20, 30): 2\n[0, 100]: 1'), '22023 [0, 100] and [20, 30) overlap Line 6.'),
  (pg_temp.card('[20, 10): 2'), '22023 [20, 10) holds nothing Line 5.'),
  (pg_temp.card('[10, 10): 2'), '22023 [10, 10) holds nothing Line 5.'),
  (pg_temp.card('[10 20): 2'), '42601 "," is missing Line 5.'),
  (pg_temp.card('[10, 20: 2'), '42601 ")" is missing Line 5.'),
  (pg_temp.card('at 5: 1'), '22023 feature "x" has one point only Line 4.'),
  (pg_temp.card(E'at 5: 1\nat 5: 2'), '22023 at 5 and at 5 overlap Line 6.'),
  (pg_temp.card(E'at 5: 1\nat 6: 2\nelse: 3'), '22023 feature "x" has a line and an else Line 4.'),
  (pg_temp.card(E'"a": 1\n" A ": 2'), '42710 "a" and " A " are the same Line 6.'),
  (pg_temp.card('" ": 1'), '22023 a blank text is a missing value Line 5.'),
  (pg_temp.card('"a: 1'), '42601 a quoted text does not end Line 5.'),
  (pg_temp.card(E'> 5: 1\nelse: 1\nelse: 2'), '42710 two lines say what any other value gives Line 7.'),
  (pg_temp.card(E'> 5: 1\nmissing: 1\nmissing: no score'), '42710 two lines say what a missing value gives Line 7.'),
  (pg_temp.card('> 5'), '42601 ":" is missing Line 5.'),
  (pg_temp.card('> five: 1'), '42601 a number is missing Line 5.'),
  (pg_temp.card('> 5k: 1'), '42601 a number is missing Line 5.'),
  (pg_temp.card('> 5: 1 point'), '42601 "point" is not understood Line 5.'),
  (pg_temp.card('> 5: 1.005'), '22023 points have at most two decimals Line 5.'),
  (pg_temp.card('> 5: 1000001'), '22003 points are out of range Line 5.'),
  (pg_temp.card('> 5: 1000000.01'), '22003 points are out of range Line 5.'),
  (pg_temp.card('> 1000000000000000000: 1'), '22003 a number is too long Line 5.'),
  (pg_temp.card('> 0.' || repeat('0', 1000) || '1: 1'), '22003 a number is too long Line 5.'),
  (pg_temp.card('> 5: 1', E'tier 2 from 5'), '22023 tiers are out of order Line 2.'),
  (pg_temp.card('> 5: 1', E'tier 1 from 5\ntier 2 from 5\ntier 3'), '22023 tier bounds are out of order Line 3.'),
  (pg_temp.card('> 5: 1', E'tier 1\ntier 2'), '22023 a tier follows one that takes all Line 3.'),
  (pg_temp.card('> 5: 1', E'tier 1 from 5'), '22023 the last tier has a bound Line 5.'),
  (E'scorecard t\ncomponent c\nfeature x as industry\n"Technology": 5\n"software": 5', '42710 "Technology" and "software" are the same Line 5.'),
  (E'scorecard t\ncomponent c\nfeature x as industry\n"nonsense": 5', '22023 "nonsense" is no industry that is known Line 4.'),
  (E'scorecard t\ncomponent c\nfeature x as industry\n> 5: 5', '22023 feature "x" compares an industry with numbers Line 3.')
) AS t(definition, because);
SELECT is(pg_temp.refused(pg_temp.card(rules)), 'taken', 'taken: ' || left(rules, 30)) FROM unnest(ARRAY['"' || repeat('long', 3000) || '": 1', '"💥": 1', '"שלום": 1  # right to left', '> 5: +1', '>5:1', E'> 5: 1\r']) rules;
SELECT is(pg_temp.refused(E'scorecard t\ncomponent c\n' || string_agg(format(E'feature f%s\n> 1: 1\n', n), '')), '22023 too many features Line 2003.', 'a thousand features and no more') FROM generate_series(1, 1001) n;
SELECT is((SELECT count(*) FROM salesops.scorecard_rules(E'scorecard t\ncomponent c\nfeature x\n' || (SELECT string_agg(format(E'> %s: %s\n', n, n), '') FROM generate_series(1, 20000) n))), 20003::bigint, '20,000 thresholds are nothing to fear');

-- Rows that do not fit
SELECT throws_ok($$ SELECT salesops.scorecard_total(r) FROM (SELECT 1 AS employees, 'x' AS sector) r $$, '42703', 'the row has no column "industry" for feature "industry" of the scorecard', 'a column that is not there');
SELECT throws_ok($$ SELECT salesops.scorecard_total(r, 'caps') FROM (SELECT 'many'::text AS a, 1 AS b, 1 AS c) r $$, '42804', 'feature "a" of the scorecard cannot read column "a"', 'a text that should be a number');
SELECT throws_ok($$ SELECT salesops.scorecard_total(r, 'caps') FROM (SELECT date '2026-06-01' AS a, 1 AS b, 1 AS c) r $$, '42804', NULL, '... or a date');
SELECT throws_ok($$ SELECT salesops.scorecard_total(r, 'custom') FROM (SELECT 'text'::text AS custom) r $$, '42804', NULL, 'a key of what is no jsonb');
SELECT throws_ok($$ SELECT salesops.scorecard_total(r, 'none') FROM (SELECT 1 AS a) r $$, '42704', 'no scorecard ''none''', 'a scorecard that there is not');

-- Versions ------------------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE file AS SELECT E'# Enterprise accounts\r\n\tscorecard enterprise # ours\n\n\ncomponent size up to 30.50\n  feature employees\n    >   5000 :30.50   # large\n    missing:no score' AS text;
SELECT is(salesops.add_scorecard(text, 'first', '2026-01-01'), 1, 'a version') FROM file;
SELECT is(salesops.scorecard_definition('enterprise'), text, 'what is exported is what was imported, to the byte') FROM file;
SELECT is(salesops.add_scorecard(salesops.scorecard_definition('enterprise'), 'again', '2026-02-01'), 2, '... and may be imported again');
SELECT is(salesops.add_scorecard(E'scorecard enterprise\ncomponent size up to 40\nfeature employees\n> 5000.00: 40\n> 100: 10\ncomponent type\nfeature account_type\n"Partner": 5\n', 'more', '2026-03-01'), 3, 'a third');
SELECT results_eq($$ SELECT salesops.scorecard_total(r, 'enterprise', as_of) FROM (SELECT 6000 AS employees, 'partner' AS account_type) r, unnest('{2026-01-01,2026-02-28,2026-03-01}'::timestamptz[]) as_of $$,
  $$ VALUES (30.5), (30.5), (45) $$, 'each instant has its version');
SELECT throws_ok($$ SELECT salesops.scorecard_total(r, 'enterprise', '2025-12-31') FROM (SELECT 1 AS employees) r $$, '42704', NULL, 'before the first there was none');
SELECT is(salesops.scorecard_definition('enterprise', version => 1), text, 'a version by number') FROM file;
SELECT throws_ok($$ SELECT salesops.scorecard_definition('enterprise', version => 9) $$, '42704', NULL, '... that there is not');
SELECT is_empty($$ SELECT * FROM salesops.compare_scorecards(salesops.scorecard_definition('enterprise', version => 1), E'scorecard other\ncomponent size up to 30.5\nfeature employees\nmissing: no score\n> 5000.0: 30.5') $$, 'blanks, comments and zeros are no difference');
SELECT results_eq($$ SELECT c.* FROM salesops.compare_scorecards(salesops.scorecard_definition('enterprise', version => 1), salesops.scorecard_definition('enterprise')) c $$,
  $$ VALUES ('size', NULL, 'up to', 30.5, 40::numeric, 'changed'), ('size', 'employees', '> 5000', 30.5, 40, 'changed'), ('size', 'employees', '> 100', NULL, 10, 'added'),
            ('size', 'employees', 'missing', NULL, 0, 'changed'), ('type', 'account_type', 'from account_type', NULL, NULL, 'added'), ('type', 'account_type', '"Partner"', NULL, 5, 'added'),
            ('type', 'account_type', 'else', NULL, 0, 'added'), ('type', 'account_type', 'missing', NULL, 0, 'added') $$, 'what two versions differ in');
SELECT is_empty($$ SELECT * FROM salesops.compare_scorecards(salesops.default_scorecard(), salesops.scorecard_definition('default')) $$, 'the default one is always there');
SELECT is(salesops.scorecard_name(E'\uFEFFscorecard marked\r\ncomponent c\r\nfeature x\r\n> 1: 1\r\n'), 'marked', 'a byte order mark and line ends of other systems are read over');
SELECT throws_ok($$ SELECT salesops.add_scorecard(salesops.default_scorecard()) $$, '42710', 'the default scorecard does not change', '... and stays what it is');
SELECT throws_ok($$ SELECT salesops.add_scorecard(pg_temp.card('> 5: 1') || 'nonsense') $$, '42601', NULL, 'nonsense is not kept');
SELECT throws_ok($$ SELECT salesops.add_scorecard(replace(pg_temp.card('> 5: 1'), 'scorecard t', 'scorecard "A b"')) $$, '42602', NULL, 'nor a bad name');
SELECT throws_ok($$ SELECT salesops.add_scorecard(NULL) $$, '22004', NULL, 'nor nothing');
SELECT throws_ok($$ UPDATE salesops.scorecard SET note = 'x' $$, '23001', NULL, 'a version is never changed');
SELECT throws_ok($$ TRUNCATE salesops.scorecard CASCADE $$, '23001', NULL, 'nor removed');

SELECT * FROM finish();
ROLLBACK;
